/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Writes several files completely, or none of them. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "text.h"

#include <signal.h>
#include <stdbool.h>

struct output {
	const char *folder;           /* of the scripts, created if it does not exist; NULL: none */
	bool force;                   /* replace existing files */

	/* the rest is zero at first */
	struct output_entry *entries; /* the newest first */
	const char *new_folder;       /* the temporary name of FOLDER, if it is made here */
	sigset_t signals;             /* that were blocked before */
};

/* Writes TEXT to a temporary file for PATH, mode 0600. Returns false after one line if that fails
 * or a signal is pending. From the first file until output_end(), signals are blocked. */
bool output_add(struct output *, const char *path, const struct text *text);
/* Renames all files to their names. Returns false after one line if one cannot be renamed. */
bool output_place(struct output *);
/* Restores the previous state unless GOOD, and frees. */
void output_end(struct output *, bool good);
/* Prints TEXT on stdout, after a heading with PATH unless it is NULL. Returns false after one line
 * if stdout cannot be written. */
bool output_print(const char *path, const struct text *text);

#endif
