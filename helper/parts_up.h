/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What `up` adds besides SAs, policies and the interface, and how `down` takes it back.  Each
 * function returns 0, or an exit status after one line.  With -n it prints what it would do. */
#ifndef PARTS_UP_H
#define PARTS_UP_H

#include "keep.h"

#include <stdbool.h>

/* The page's routes, the way that packets to the peers go now.  One that another program has to the
 * same net stays, which is said. */
int up_routes(struct keep *);
/* The page's own address, unless this host has it. */
int up_address(struct keep *);
/* Policies that keep this host's own links outside of a protected net that is everything. */
int up_neighbours(struct keep *);
int down_neighbours(struct keep *, bool all); /* a guard needs them, unless it goes too: ALL */
/* SET: lets this host forward, and send no redirects past itself.  Else it warns where it does not.
 */
int up_forward(struct keep *, bool set);
/* Writes a file of /proc/sys; false with errno. */
bool write_setting(const char *path, long value);
/* The page's nft table of that KIND, "clamp" or "exempt". */
int up_table(struct keep *, const char *kind);
int table_add(struct keep *, const char *kind); /* the same in silence, for mend */
int down_tables(struct keep *);
/* What the run folder's files `undo` and `map` list: the last first.  A setting that another tunnel
 * of this boot and network namespace needs, too, stays as it is. */
int down_notes(struct keep *);

#endif
