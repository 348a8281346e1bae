/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Reads the kernel's SAs, policies, links, addresses and routes by netlink, without keys. */
#ifndef KERNEL_H
#define KERNEL_H

#include "endpoint.h"
#include "prefix.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An SA of ESP.  Of STATE, the fields peer, outbound, epoch, sequence and key are zero, and the
 * cipher is NULL if the table has none. */
struct kernel_state {
	struct state state;
	bool larval; /* it has no keys: the kernel is waiting for a daemon to add the SA */
	uint32_t mark, mark_mask;
	uint64_t sequence_out; /* sent last */
	uint64_t sequence_in;  /* the top of the replay window */
	uint64_t received;     /* the highest number received; 0: none is in the window */
	uint64_t packets, bytes;
	/* seconds since 1970; 0: not yet.  Kernels before 6.2 do not know when an inbound SA was
	 * used last: 0. */
	uint64_t add_time, use_time, last_used;
	/* packets dropped: below the window; received before; not authentic */
	uint32_t late, replayed, failed;
};

/* A policy of the main type; those of sockets are left out.  Of POLICY, peer and places are 0. */
struct kernel_policy {
	struct policy policy;
	uint32_t mark, mark_mask;
	unsigned template_count;
	/* it has exactly one template, of ESP and required, so policy_print() prints all of it */
	bool plain_template;
	uint64_t add_time, use_time;
};

struct kernel_link {
	unsigned index;
	char name[16];
	char kind[16]; /* "xfrm", "veth", …; empty: a device */
	unsigned group, mtu;
	uint32_t if_id; /* of kind xfrm */
	bool up;
};

struct kernel_address {
	struct address address;
	unsigned length; /* of its network's prefix, bits */
	unsigned link;   /* its index */
	uint8_t scope;   /* RT_SCOPE_ */
	bool tentative;  /* duplicate address detection runs or has failed: IPv6 only */
	char label[16];  /* IPv4 only */
};

struct kernel_route {
	struct prefix to;
	struct address gateway; /* AF_UNSPEC: none.  Its family may be another than TO's. */
	struct address source;  /* preferred; AF_UNSPEC: none */
	unsigned link;          /* its index; 0: none */
	uint32_t table, metric;
	unsigned mtu;                  /* 0: the link's */
	uint8_t protocol, scope, type; /* RTPROT_, RT_SCOPE_, RTN_ of linux/rtnetlink.h */
	bool onlink;
};

/* A counter like XfrmInNoStates or UdpNoPorts. */
struct kernel_counter {
	char name[32];
	uint64_t value;
};

struct kernel_counters {
	struct kernel_counter *rows;
	size_t count, room;
};

struct kernel {
	struct kernel_state *states; /* by destination, then SPI */
	size_t state_count, state_room;
	struct kernel_policy *policies; /* by index */
	size_t policy_count, policy_room;
	struct kernel_policy **selectors; /* the same by selector */
	struct kernel_link *links;
	size_t link_count, link_room;
	struct kernel_address *addresses;
	size_t address_count, address_room;
	struct kernel_route *routes;
	size_t route_count, route_room;
};

/* Each reads one kind again. Returns 0, or an errno; then there are none of that kind. */
int kernel_read_states(struct kernel *);
int kernel_read_policies(struct kernel *);
int kernel_read_links(struct kernel *);
int kernel_read_addresses(struct kernel *);
/* With PROTOCOL (0: any), of all tables and both families. */
int kernel_read_routes(struct kernel *, uint8_t protocol);
void kernel_free(struct kernel *);
/* For tests: puts states and policies in order after they were filled in. */
void kernel_sort(struct kernel *);

/* NULL: there is none.  One without a mark is preferred. */
const struct kernel_state *kernel_find_state(const struct kernel *, const struct address *dst,
					     uint32_t spi);
const struct kernel_policy *kernel_find_index(const struct kernel *, uint32_t index);
/* The policy with which `policy add` of this one would collide: same selector, direction and if_id,
 * no mark. */
const struct kernel_policy *kernel_find_selector(const struct kernel *, const struct policy *);
const struct kernel_link *kernel_find_link(const struct kernel *, const char *name);
const struct kernel_link *kernel_link_of(const struct kernel *, unsigned index);
const struct kernel_address *kernel_find_address(const struct kernel *, const struct address *);
const struct kernel_route *kernel_find_route(const struct kernel *, const struct prefix *);

/* The route of a packet to TO, as from `ip route get`. FROM may be NULL; MARK and LINK (an index)
 * may be 0. The result's TO is the host. Returns 0 or an errno (ENETUNREACH: no route). */
int kernel_route_to(struct kernel_route *, const struct address *to, const struct address *from,
		    uint32_t mark, unsigned link);

/* True if packets to this network use a route to exactly that prefix, added by any program. */
bool kernel_has_route(const struct prefix *);

/* True if nft(8) lists a table `inet NAME` with rules in it. */
bool kernel_has_table(const char *name);

/* Reads /proc/net/xfrm_stat, and /proc/net/snmp and snmp6 with the protocol's name as prefix
 * (UdpNoPorts). Missing files add nothing. */
void kernel_read_counters(struct kernel_counters *);
/* 0 if there is no such counter. */
uint64_t kernel_counter(const struct kernel_counters *, const char *name);
void kernel_free_counters(struct kernel_counters *);
/* Of /proc/sys, like "net/ipv4/ip_forward"; -1: there is none. */
long kernel_sysctl(const char *name);

/* For tests and fuzzing: one message's body; false: it is not one of ours, or too short. */
bool kernel_parse_state(struct kernel_state *, const unsigned char *body, size_t length);
bool kernel_parse_policy(struct kernel_policy *, const unsigned char *body, size_t length);
bool kernel_parse_link(struct kernel_link *, const unsigned char *body, size_t length);
bool kernel_parse_address(struct kernel_address *, const unsigned char *body, size_t length);
bool kernel_parse_route(struct kernel_route *, const unsigned char *body, size_t length);

#endif
