/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The files of templates/, which the Makefile embeds unchanged. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

struct template_file {
	const char *name;  /* "page/begin.sh" */
	const char *text;
};

/* The last one has no name. */
extern const struct template_file template_files[];

/* The text of templates/FILE. A missing file is a bug, and ends the program with status 1. */
const char *template_text(const char *file);

#endif
