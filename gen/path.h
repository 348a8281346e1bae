/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Paths given by the user: how to print them, and which files may be read. */
#ifndef PATH_H
#define PATH_H

#include "text.h"

/* PATH as it may be shown to a terminal: control and non-ASCII bytes as \xNN, and of a long one
 * the end, after "...".  It lives until the fourth call after this one. */
const char *path_shown(const char *path);
/* True if both are the same file, whether it exists or not: the same name in the same folder, by
 * any path, or another link to it. */
bool path_same(const char *one, const char *two);
/* The folder that PATH is in; to be freed. */
char *path_folder(const char *path);
/* True if only this user and root can write to the folder PLACE and all folders above it, as with
 * ssh's StrictModes. With STICKY, a folder with the sticky bit is accepted, as are those above. If
 * PLACE is a regular file, only the folders above it are checked. Returns false after one line that
 * begins with PATH. */
bool path_is_safe(const char *place, bool sticky, const char *path);
/* Opens PATH for reading. Returns -1 after one line that says WHAT was expected. It does not wait
 * for the writer of a FIFO; the first byte, which it has to read from one, is put in *BEGUN. */
int path_open(const char *path, const char *what, struct text *begun);
/* Reads a text of at most MOST bytes from a file that only this user or root can read or replace.
 * Returns false after one line that shows nothing of it; TEXT may then have some of it. */
bool path_read_private(struct text *, const char *path, const char *what, size_t most);

#endif
