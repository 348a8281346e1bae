/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Numbers as people write them. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>

/* Returns true if TEXT is a decimal number from LEAST to MOST, without a leading zero; else OUT is
 * unchanged. It prints no message, because the caller knows what is expected. */
bool number_parse(unsigned long long *out, const char *text, unsigned long long least,
                  unsigned long long most);

/* Prints the number in decimal at END, without a NUL.  Returns the end of it. */
char *number_print(char *end, unsigned number);

#endif
