/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The files of templates/, put into the program by the Makefile: plain shell, each taken whole. */
#ifndef TEMPLATES_H
#define TEMPLATES_H

struct template_file {
	const char *name;  /* "page/begin.sh" */
	const char *text;
};

/* The last one has no name. */
extern const struct template_file template_files[];

/* The text of templates/FILE; a file that is not there is a mistake in the program: status 1. */
const char *template_text(const char *file);

#endif
