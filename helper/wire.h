/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Sorts captured packets by peer. Pure. */
#ifndef WIRE_H
#define WIRE_H

#include "section.h"
#include "tap.h"
#include "trial.h"
#include "verdict.h"

#include <stddef.h>

struct wire_sorter {
	const struct section *section;
	const struct kernel *kernel; /* its states */
	struct trial *trials;        /* the running trials ... */
	const size_t *trial_peers;   /* ... and the peer of each */
	size_t trial_count;
	unsigned inner_link; /* the index of the tunnel's own device; 0: none */
	unsigned loopback;   /* ... of lo */
	struct wire *wires;  /* one a peer; added to */
};

/* LINK is the name of the packet's device. */
void wire_sort(const struct wire_sorter *, const struct tap_packet *, const char *link);

#endif
