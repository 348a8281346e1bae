/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What one side needs for the tunnel, as typed rows: whatever is printed of it is printed from
 * these. */
#ifndef PLAN_H
#define PLAN_H

#include "identity.h"
#include "view.h"
#include "xfrm.h"

struct policies {
	struct policy *rows;
	size_t count, room;
};

/* A pair of nets that has policies, as people read it. */
struct selector {
	size_t peer;
	const struct net *self, *other;
};

struct selectors {
	struct selector *rows;
	size_t count, room;
};

/* A route to a net of a peer: it is for the source address and the MTU, because the policy
 * encrypts. */
struct route {
	size_t peer;
	struct prefix net;
	bool has_source;   /* the plan's INSIDE */
	bool has_mtu;      /* not for what also leads to the peer itself */
	bool same_family;  /* as the outer addresses: the gateway serves it, too */
};

struct routes {
	struct route *rows;
	size_t count, room;
};

/* What to test the tunnel to a peer with. */
struct test {
	enum { TEST_NONE, TEST_PING, TEST_TCP_TO_PEER, TEST_TCP_FROM_PEER } kind;
	struct address from, to;  /* zeros: this side's LOCAL, and where packets for the peer go */
	uint16_t port;            /* of TCP */
};

struct plan {
	const struct tunnel *tunnel;
	const struct side *self;
	struct view *views;       /* of the peers, in the sides' order; a row's PEER counts in it */
	size_t peer_count;

	/* in the order in which they are added */
	struct policies bypasses;   /* the UDP flow itself, where a policy covers it */
	struct policies neighbours; /* what goes in clear text although a wider policy covers it */
	struct policies blocks;     /* the guard */
	struct policies tunnels;
	struct selectors selectors;
	struct state *states;     /* of each peer the outbound one, then the inbound one */
	struct routes routes;
	struct test *tests;       /* one a peer */

	bool encapsulates;        /* ESP in UDP, which takes a helper */
	bool punches;             /* to a single peer: it is waited for */
	bool is_site; /* there is more than the hosts' own addresses: routes, NAT and MTU matter */
	bool forwards;            /* hosts are behind this one */
	bool has_neighbours; /* a peer protects everything: this host's own links stay outside */
	struct address inside;    /* the address to ping from; zeros: LOCAL */
	struct address
		own_address; /* `up` adds it where the host lacks it; AF_UNSPEC: nothing to add */
	const char *own_device;
	struct identity identity; /* by which the kernel's objects are known as this script's */
	uint32_t next_index;      /* of the next policy */
	uint32_t if_id;           /* of the interface; 0: there is none */
	unsigned mtu;             /* of inner packets, bytes */
};

/* The checked tunnel, which must outlive the plan, has its keys. */
struct plan plan_of(const struct tunnel *, size_t self);
/* Wipes the keys. */
void plan_free(struct plan *);

/* Adds all rows of the policies to the plan: plan_of() does it. */
void plan_policies(struct plan *);

#endif
