/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Properties of the plans of every tunnel, with any options and sides. */
#ifndef PROMISES_H
#define PROMISES_H

#include "plan.h"

/* PLANS holds the plan of each side of one tunnel.  Returns NULL, or a text that says which promise is
 * broken; it is valid until the next call. */
const char *promise_broken(const struct plan *plans);
/* Reads the xfrm rows of a paste block, or of bare commands, and compares them with the plan.
 * Returns NULL, or a text as above. */
const char *rows_broken(const struct plan *, const char *commands);
/* Compares a paste block with the explained one of the same plan.  Returns as above. */
const char *explanation_broken(const char *plain, const char *explained);
/* Adds all rows of the plan, as the tables of tests/plan.c spell them. */
void plan_spell(struct text *, const struct plan *);

#endif
