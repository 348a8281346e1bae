/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Packets that are sent to see whether an answer comes: ICMP echo requests of exact sizes, TCP
 * connections, UDP packets; to many hosts at once. */
#ifndef TRIAL_H
#define TRIAL_H

#include "endpoint.h"
#include "verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trial_kind {
	TRIAL_ECHO,
	TRIAL_TCP, /* a connection: it is answered if it is made, or refused */
	TRIAL_UDP, /* to a port that nobody has: it is answered by ICMP */
};

struct trial {
	enum trial_kind kind;
	struct address from, to;
	unsigned count; /* packets, at most 64, one every 100 ms */
	unsigned bytes; /* of each, IP header included, and never fragmented; 0: small ones */
	uint16_t port;  /* not of echo requests */

	/* the result */
	struct burst burst;
	struct address refused_by; /* sent an ICMP error about it */
	uint8_t refused_type, refused_code;

	/* the program's own */
	uint64_t answers; /* a bit for each packet */
	uint16_t id;      /* of the echo requests */
	int fd;           /* its socket; of echo requests it is shared */
};

/* A file that is watched meanwhile. */
struct trial_watch {
	int fd; /* -1: none */
	void (*read)(void *context, int fd);
	void *context;
};

/* Runs all of them, which takes up to 2 seconds.  False with errno: this process may not send echo
 * requests. */
bool trials_run(struct trial *list, size_t count, const struct trial_watch *, size_t watch_count);
/* The trial whose echo requests have that identifier; NULL: none. */
struct trial *trial_of(struct trial *list, size_t count, uint16_t id);

#endif
