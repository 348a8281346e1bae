/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Test packets: ICMP echo requests of exact sizes, TCP connections and UDP packets, to many hosts
 * at once. */
#ifndef TRIAL_H
#define TRIAL_H

#include "endpoint.h"
#include "verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trial_kind {
	TRIAL_ECHO,
	TRIAL_TCP, /* a connection; accepted and refused both count as answered */
	TRIAL_UDP, /* to an unused port; an ICMP error counts as an answer */
};

struct trial {
	enum trial_kind kind;
	struct address from, to;
	unsigned count; /* packets, at most 64, one every 100 ms */
	unsigned bytes; /* size of each, IP header included, never fragmented; 0: small */
	uint16_t port;  /* not for echo requests */

	/* the result */
	struct burst burst;
	struct address refused_by; /* the sender of an ICMP error about it */
	uint8_t refused_type, refused_code;

	/* the program's own */
	uint64_t answers; /* a bit for each packet */
	uint16_t id;      /* of the echo requests */
	int fd;           /* its socket; of echo requests it is shared */
};

/* A descriptor that is polled meanwhile. */
struct trial_watch {
	int fd; /* -1: none */
	void (*read)(void *context, int fd);
	void *context;
};

/* Runs all trials, for up to 2 seconds. Returns false with errno if this process may not send echo
 * requests. */
bool trials_run(struct trial *list, size_t count, const struct trial_watch *, size_t watch_count);
/* The trial whose echo requests have that identifier; NULL: none. */
struct trial *trial_of(struct trial *list, size_t count, uint16_t id);

#endif
