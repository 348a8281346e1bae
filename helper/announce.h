/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Netlink multicast: what the kernel announces about SAs, links, addresses and routes. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to listen to, as bits. */
enum {
	ANNOUNCE_MAPPINGS = 1, /* authenticated packets from another endpoint than an SA has */
	ANNOUNCE_STATES = 2,   /* SAs and policies that are added or removed */
	ANNOUNCE_LINKS = 4,    /* links, addresses and routes */
	ANNOUNCE_TABLES = 8,   /* of nft */
};

enum { ANNOUNCE_SOCKETS = 3 };

struct announce {
	int fds[ANNOUNCE_SOCKETS]; /* to poll for input; -1: none */
	unsigned char *buffer;
};

/* FROM is the endpoint from which packets for the SA of that reqid and SPI now come. If FROM has no
 * address, something else has changed, or announcements were lost. */
typedef void announce_take(void *context, uint32_t reqid, uint32_t spi,
                           const struct endpoint *from);

/* Starts listening, except to kinds that this kernel does not announce. Returns 0, or the errno of
 * the first kind in WHAT. Call announce_close() in both cases. */
int announce_open(struct announce *, unsigned what);
void announce_close(struct announce *);
/* Passes everything that has arrived on one of the sockets to TAKE. It never waits. */
void announce_read(struct announce *, int fd, announce_take *, void *context);

#endif
