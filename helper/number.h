/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Numbers as people write them. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>

/* True if the whole TEXT is decimal digits without a leading zero, and a number from LEAST to MOST;
 * else OUT is left as it was.  Says nothing: what would do, the caller knows. */
bool number_parse(unsigned long long *out, const char *text, unsigned long long least,
                  unsigned long long most);

/* Prints the number in decimal at END, without a NUL.  Returns the end of it. */
char *number_print(char *end, unsigned number);

#endif
