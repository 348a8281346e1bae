/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A stand-in for helper/section.c, of one peer. */
#include "../../helper/section.h"

#include <string.h>

struct state *section_states(const struct section *section, size_t peer, size_t *count)
{
	(void)peer;
	*count = section->state_count;
	return section->states;
}

void section_replace(struct section *section, size_t peer, const struct state *states, size_t count)
{
	static struct state rows[16];

	(void)peer;
	memmove(rows, states, count * sizeof *rows);
	section->states = rows;
	section->state_count = count;
}
