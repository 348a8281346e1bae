/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The objects that `up` adds besides SAs and policies, and whether they exist. */
#ifndef PARTS_H
#define PARTS_H

#include "kernel.h"
#include "owner.h"
#include "page.h"
#include "section.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct keep;

enum part_kind {
	PART_HERE, /* the local address in use, which is not added, but must exist */
	PART_ADDRESS,
	PART_INTERFACE,
	PART_ROUTE,
	PART_STRAY, /* the route exists, but packets go another way */
	PART_NEIGHBOURS, /* policies that exempt this host's own links */
	PART_TABLE,      /* of nft */
	PART_SETTING,    /* of /proc/sys */
	PART_HELPER,
};

#define PART_OF_ALL SIZE_MAX
enum { PART_NEIGHBOURS_MOST = 512 }; /* indexes that the page keeps for these policies */

struct part {
	enum part_kind kind;
	bool present;
	size_t peer;    /* the peer that needs it; PART_OF_ALL: all peers */
	char name[128]; /* for people: "route to 10.2.0.0/16" */
};

struct parts {
	struct part *list;
	size_t count, room;
	pid_t helper; /* of espdecap; 0: not running, or the tunnel has none */
};

/* Facts that are not in the kernel's structs or the page. */
struct parts_seen {
	const char *clamp, *exempt; /* the tables' names, if this run has them; else NULL */
	bool has_clamp, has_exempt; /* they exist and contain rules */
	bool has_helper;            /* up started it */
	pid_t helper;               /* 0: not running */
	bool helper_stopped;        /* by SIGSTOP */
	struct owner owner;         /* the process that has its port, if it is not running */
	bool has_links;             /* a route to a network of this host's own links */
	/* Routes that other programs have to the same prefixes, which up leaves alone; may be NULL.
	 */
	bool (*has_route)(const struct prefix *);
	/* parts_strays(); may be NULL. */
	bool (*strays)(const struct page *, const struct kernel *, const struct prefix *,
	               char link[16]);
};

/* Adds a part for each; KERNEL has policies, links, addresses and the page's routes.  False after
 * one line: the page is wrong. */
bool parts_compare(struct parts *, const struct page *, const struct section *,
                   const struct kernel *, const struct parts_seen *);
/* Reads the kernel and the run folder, and compares. The policies must have been read. Returns 0,
 * or an exit status after one line. */
int parts_look(struct parts *, struct keep *);
/* True if packets to a protected network, from these addresses, would not go through the tunnel,
 * but through the device LINK. LINK is empty if there is no route. */
bool parts_strays(const struct page *, const struct kernel *, const struct prefix *, char link[16]);
/* True for a route to the network of one of this host's own links, which a protected network of
 * everything must not include. */
bool parts_is_link(const struct kernel_route *, sa_family_t);
/* The pointer is valid until the next one is added. */
struct part *parts_add(struct parts *, const struct part *);
void parts_free(struct parts *);

/* The name of the script's nft table of that KIND, "clamp" or "exempt"; to be freed. */
char *parts_table(const struct page *, const char *kind);

#endif
