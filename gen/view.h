/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One side's view of a pair. view_of() is the only place that mirrors a pair: a side receives with
 * its own endpoint and SA, and sends with the other's. */
#ifndef VIEW_H
#define VIEW_H

#include "tunnel.h"

#include <stddef.h>
#include <stdint.h>

struct nets {
	const struct net *list;  /* of the side, or in transport mode the view's HOST */
	size_t count;
};

struct view {
	const struct side *self, *other;
	struct endpoint self_outer;   /* own LOCAL: the SA's address and encapsulation port here */
	struct endpoint
		other_outer; /* the other side's endpoint, as seen from here */
	bool lan;                     /* both are behind the same NAT, and use their local
	                               * endpoints */
	struct net self_host, other_host;
	struct nets self_nets,
		other_nets; /* what the policies protect; in transport mode the outer addresses */
	const struct sa *in, *out;
	uint32_t reqid;
};

/* Fills in *VIEW, which must not be moved afterwards. */
void view_of(struct view *view, const struct tunnel *, size_t self, size_t other);

/* LOCAL if it is in the net, else the net's first host. Zeros: found at each `up`. */
struct address view_host(const struct side *, const struct prefix *net);
/* The address of a side to ping from or to: its inner address, else LOCAL if it is protected, else
 * the first host of its first net. Nets that include echo requests are preferred. Zeros as
 * above. */
struct address view_inside(const struct side *, const struct nets *);
/* The other side's outer address as text; `auto` or the DNS name if the address is unknown. */
const char *view_print_outer(char out[OUTER_TEXT], const struct view *);

/* True if an earlier net of the list has the same prefix, with another protocol or port. */
bool nets_repeat(const struct nets *, size_t index);
bool nets_contain(const struct nets *, const struct address *);
/* The protocol of packets between nets that meet; 0: any. */
uint8_t nets_proto(const struct net *one, const struct net *two);

#endif
