/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The paths that people give: how they are shown, and what may be read through them. */
#ifndef PATH_H
#define PATH_H

#include "text.h"

/* PATH as it may be shown to a terminal: control and non-ASCII bytes as \xNN, and of a long one
 * the end, after "...".  It lives until the fourth call after this one. */
const char *path_shown(const char *path);
/* True when both name one file, there or not: the same name in the same folder, whatever way
 * leads there, or another of its names. */
bool path_same(const char *one, const char *two);
/* The folder that PATH is in; to be freed. */
char *path_folder(const char *path);
/* True when only this user and root can write in PLACE, a folder, and in all that it is in, as
 * ssh's StrictModes has it.  In one that is STICKY, and in those around, others' files are no harm.
 * Of a regular file only what it is in counts.  False, after one line that begins with PATH. */
bool path_is_safe(const char *place, bool sticky, const char *path);
/* Opens PATH to be read; -1 after one line, which wants WHAT, when that fails.  It does not wait
 * for a writer of a FIFO; a first byte that it had to read from one is in *BEGUN. */
int path_open(const char *path, const char *what, struct text *begun);
/* Reads a text of at most MOST bytes that only this user, or root, can read or change, from a
 * place where no other can write.  False, after one line that shows nothing of it; TEXT may have
 * some of it. */
bool path_read_private(struct text *, const char *path, const char *what, size_t most);

#endif
