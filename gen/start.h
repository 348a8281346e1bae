/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The section with which a script starts its life. */
#ifndef START_H
#define START_H

#include "plan.h"
#include "section.h"

/* Of the plan's side; free it with section_free(). */
struct section start_of(const struct plan *);

#endif
