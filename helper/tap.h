/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What passes this host's devices: ESP, the tunnel's UDP packets and echo requests, as a packet
 * socket sees them. */
#ifndef TAP_H
#define TAP_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAP_PORTS = 8 };

struct tap {
	int fd; /* to poll for input; -1: none */
};

/* One packet; of its payload the beginning. */
struct tap_packet {
	bool out;                 /* it leaves this host */
	unsigned link;            /* the device's index */
	struct endpoint src, dst; /* ports of UDP, else 0 */
	uint8_t proto;            /* IPPROTO_UDP, _ESP, _ICMP or _ICMPV6 */
	const unsigned char
		*payload; /* behind the header of UDP; of the others their header is first */
	size_t length;    /* bytes of it that are here */
	size_t total;     /* bytes of it */
};

/* Sees UDP to or from PORT, UDP to one of the PEER_PORTS (of which the first TAP_PORTS count), all
 * ESP and all ICMP echo.  Returns 0 or an errno; tap_close() in both cases. */
int tap_open(struct tap *, uint16_t port, const uint16_t *peer_ports, size_t count);
void tap_close(struct tap *);
/* Takes the next packet, for whose payload BUFFER is used; false: there is none at the moment.  It
 * never waits. */
bool tap_next(const struct tap *, struct tap_packet *, unsigned char *buffer, size_t room);
/* For tests: an IP packet's bytes; false: none of ours. */
bool tap_parse(struct tap_packet *, const unsigned char *bytes, size_t length);

#endif
