/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Allocates memory for arrays. If there is none, the program ends with one line and status 1. */
#ifndef MEMORY_H
#define MEMORY_H

#include "say.h"

#include <err.h>
#include <stdlib.h>

/* COUNT + 1 zeroed rows, so that COUNT 0 is not an error. The caller frees. */
static inline void *memory_rows(size_t count, size_t bytes)
{
	void *rows = calloc(count + 1, bytes);

	if (!rows)
		err(EXIT_BROKE, "memory");
	return rows;
}

/* Returns ROWS, perhaps moved, with room for at least COUNT + 1. ROOM is how many fit. */
static inline void *memory_more(void *rows, size_t count, size_t *room, size_t bytes)
{
	if (count < *room)
		return rows;
	*room = *room ? 2 * *room : 8;
	rows = reallocarray(rows, *room, bytes);
	if (!rows)
		err(EXIT_BROKE, "memory");
	return rows;
}

#endif
