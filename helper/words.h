/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Lines of words. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

/* Splits LINE in place at its blanks; gives the first MOST words, and how many there are.
 * (sscanf(3) would be half as large as all that uses this.) */
size_t words_split(char *line, char **words, size_t most);

#endif
