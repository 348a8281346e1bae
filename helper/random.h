/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Chance, from getrandom(2). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>

/* Fills OUT; the program ends with status 1 where the kernel gives none. */
void random_fill(void *out, size_t length);

#endif
