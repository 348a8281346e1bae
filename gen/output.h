/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Files that are written all, and whole, or not at all. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "text.h"

#include <signal.h>
#include <stdbool.h>

struct output {
	const char *folder;           /* of the scripts: made if it is missing; NULL: none */
	bool force;                   /* files that exist are replaced */

	/* the rest is zero at first */
	struct output_entry *entries; /* the newest first */
	const char *new_folder;       /* the temporary name of FOLDER, if it is made here */
	sigset_t signals;             /* that were blocked before */
};

/* Writes TEXT, mode 0600, but not yet under the name of PATH, in FOLDER or elsewhere.  False, after
 * one line, when that fails, or when the program is to end: from the first file on, until
 * output_end(), signals wait. */
bool output_add(struct output *, const char *path, const struct text *text);
/* Gives all files their names.  False, after one line, when one cannot have it. */
bool output_place(struct output *);
/* Leaves everything as it was before, unless it is GOOD; then frees. */
void output_end(struct output *, bool good);
/* Prints TEXT to stdout, headed by PATH unless that is NULL; false, after one line, when stdout
 * does not take it. */
bool output_print(const char *path, const struct text *text);

#endif
