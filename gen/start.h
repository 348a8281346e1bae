/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The first section of a new script. */
#ifndef START_H
#define START_H

#include "plan.h"
#include "section.h"

/* Builds it for the plan's side; free it with section_free(). */
struct section start_of(const struct plan *);

#endif
