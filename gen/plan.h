/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What one side needs for the tunnel, as typed rows. All formats are printed from these. */
#ifndef PLAN_H
#define PLAN_H

#include "identity.h"
#include "view.h"
#include "xfrm.h"

struct policies {
	struct policy *rows;
	size_t count, room;
};

/* A pair of nets that has policies, for people to read. */
struct selector {
	size_t peer;
	const struct net *self, *other;
};

struct selectors {
	struct selector *rows;
	size_t count, room;
};

/* A route to a net of a peer. It only sets source address and MTU, because the policy decides about
 * encryption. */
struct route {
	size_t peer;
	struct prefix net;
	bool has_source;   /* the plan's INSIDE */
	bool has_mtu;      /* not if the route also leads to the peer itself */
	bool same_family;  /* as the outer addresses, so the same gateway can be used */
};

struct routes {
	struct route *rows;
	size_t count, room;
};

/* The test of the tunnel to a peer. */
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
	struct policies bypasses;   /* exempt the UDP flow itself, if a policy covers it */
	struct policies neighbours; /* exempt networks that a wider policy covers */
	struct policies blocks;     /* the guard */
	struct policies tunnels;
	struct selectors selectors;
	struct state *states;     /* of each peer the outbound one, then the inbound one */
	struct routes routes;
	struct test *tests;       /* one a peer */

	bool encapsulates;        /* ESP in UDP, which takes a helper */
	bool punches;             /* there is a single peer, which up waits for */
	bool is_site; /* a net is not just the host's own address, so routes, NAT and MTU matter */
	bool forwards;            /* hosts are behind this one */
	bool has_neighbours; /* a peer protects everything, so this host's own links are exempt */
	struct address inside;    /* the address to ping from; zeros: LOCAL */
	struct address
		own_address; /* `up` adds it where the host lacks it; AF_UNSPEC: nothing to add */
	const char *own_device;
	struct identity identity; /* identifies the kernel's objects of this script */
	uint32_t next_index;      /* of the next policy */
	uint32_t if_id;           /* of the interface; 0: there is none */
	unsigned mtu;             /* of inner packets, bytes */
};

/* The tunnel must be checked, have its keys, and outlive the plan. */
struct plan plan_of(const struct tunnel *, size_t self);
/* Wipes the keys. */
void plan_free(struct plan *);

/* Adds all rows of the policies to the plan: plan_of() does it. */
void plan_policies(struct plan *);

#endif
