/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Adds the objects of `up` besides SAs, policies and the interface, and removes them for `down`.
 * Each function returns 0, or an exit status after one line. With -n it prints what it would do. */
#ifndef PARTS_UP_H
#define PARTS_UP_H

#include "keep.h"

#include <stdbool.h>

/* Adds the page's routes, by the present way to the peers. If another program has a route to the
 * same net, that one stays, and this is reported. */
int up_routes(struct keep *);
/* Adds the page's own address, unless this host has it. */
int up_address(struct keep *);
/* Adds policies that exempt this host's own links from a protected net of everything. */
int up_neighbours(struct keep *);
int down_neighbours(struct keep *, bool all); /* not with a guard, which needs them, unless ALL */
/* With SET, enables forwarding and disables redirects; else warns if they are not so. */
int up_forward(struct keep *, bool set);
/* Writes a file of /proc/sys; false with errno. */
bool write_setting(const char *path, long value);
/* The page's nft table of that KIND, "clamp" or "exempt". */
int up_table(struct keep *, const char *kind);
int table_add(struct keep *, const char *kind); /* the same without messages, for mend */
int down_tables(struct keep *);
/* Undoes what the run folder's files `undo` and `map` list, the last first. A setting that another
 * tunnel of this boot and network namespace also needs is kept. */
int down_notes(struct keep *);

#endif
