/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Lines of words. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

/* Splits LINE in place at blanks. Puts the first MOST words in WORDS, and returns how many there
 * are. (sscanf(3) would be half as large as all callers together.) */
size_t words_split(char *line, char **words, size_t most);

#endif
