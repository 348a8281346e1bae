/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Random bytes from getrandom(2). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>

/* Fills OUT. If the kernel has no random bytes, the program ends with status 1. */
void random_fill(void *out, size_t length);

#endif
