/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One side's view of a pair.  All mirroring of the project happens in view_of(): a side receives
 * with what is its own, and sends with what is the other's. */
#ifndef VIEW_H
#define VIEW_H

#include "tunnel.h"

#include <stddef.h>
#include <stdint.h>

struct nets {
	const struct net *list;  /* the side's, or, in transport mode, the view's own HOST */
	size_t count;
};

struct view {
	const struct side *self, *other;
	struct endpoint self_outer;   /* own LOCAL: the SA's address and encapsulation port here */
	struct endpoint
		other_outer; /* where packets for the other go, and where its packets come from */
	bool lan;                     /* both are behind one NAT, and that is not between them */
	struct net self_host, other_host;
	struct nets self_nets,
		other_nets; /* what the policies protect; in transport mode the outer addresses */
	const struct sa *in, *out;
	uint32_t reqid;
};

/* Into *VIEW, which must stay where it is. */
void view_of(struct view *view, const struct tunnel *, size_t self, size_t other);

/* LOCAL where the net has that, else the net's first host.  Zeros: an address that is found at each
 * `up`. */
struct address view_host(const struct side *, const struct prefix *net);
/* The address of a side to ping from or to: its own inside one, LOCAL where it protects that, else
 * the first host of its first net; of those that take pings, where there are any.  Zeros as above.
 */
struct address view_inside(const struct side *, const struct nets *);
/* The address where packets for the other go, as people write it: with `auto` or the name in place
 * of one that is not known. */
const char *view_print_outer(char out[OUTER_TEXT], const struct view *);

/* True when an earlier one of the nets has the same prefix, for another protocol or port. */
bool nets_repeat(const struct nets *, size_t index);
bool nets_contain(const struct nets *, const struct address *);
/* The protocol of packets between nets that meet; 0: any. */
uint8_t nets_proto(const struct net *one, const struct net *two);

#endif
