/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Address ranges with a special meaning: one table for all programs. */
#ifndef SPECIAL_H
#define SPECIAL_H

#include "endpoint.h"

enum special {
	SPECIAL_NONE,
	SPECIAL_UNSPECIFIED,   /* 0.0.0.0/8, :: */
	SPECIAL_LOOPBACK,
	SPECIAL_MULTICAST,
	SPECIAL_BROADCAST,
	SPECIAL_MAPPED,        /* ::ffff:0:0/96: IPv4-mapped IPv6 addresses, never in packets */
	SPECIAL_PRIVATE,       /* RFC 1918, fc00::/7 */
	SPECIAL_SHARED,        /* between a carrier's NAT and its customers' */
	SPECIAL_LINK_LOCAL,
};

struct special_range {
	struct address network;
	unsigned char length;  /* of the prefix, in bits */
	unsigned char kind;    /* enum special */
	char text[19];         /* "100.64.0.0/10" */
};

/* All of them, no two of which overlap. */
extern const struct special_range special_ranges[];
extern const size_t special_count;

/* The range that holds the address; NULL: an ordinary address. */
const struct special_range *special_find(const struct address *);
/* True for a private, shared or link-local address, which needs NAT to reach the internet. */
bool special_is_private(const struct address *);
/* True for a unicast address; loopback is accepted for tests. Refuses others with one line that has
 * WHERE and TEXT. */
bool special_check_unicast(const struct address *, const char *text, const char *where);
/* True for an address that no packet on a network has as its source: unspecified, loopback,
 * multicast, broadcast or mapped. */
bool special_is_unusable(const struct address *);

#endif
