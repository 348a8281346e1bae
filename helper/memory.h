/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Memory for rows.  A program that gets none ends with one line, status 1. */
#ifndef MEMORY_H
#define MEMORY_H

#include "say.h"

#include <err.h>
#include <stdlib.h>

/* COUNT rows of zeros, and one more, so that none is no error.  The caller frees. */
static inline void *memory_rows(size_t count, size_t bytes)
{
	void *rows = calloc(count + 1, bytes);

	if (!rows)
		err(EXIT_BROKE, "memory");
	return rows;
}

/* ROWS, perhaps elsewhere, with room for one more behind COUNT.  ROOM is how many fit. */
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
