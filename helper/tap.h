/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Captures packets on this host's devices with a packet socket: ESP, the tunnel's UDP packets and
 * echo requests. */
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

/* One packet, with the beginning of its payload. */
struct tap_packet {
	bool out;                 /* it leaves this host */
	unsigned link;            /* the device's index */
	struct endpoint src, dst; /* ports of UDP, else 0 */
	uint8_t proto;            /* IPPROTO_UDP, _ESP, _ICMP or _ICMPV6 */
	const unsigned char
		*payload; /* after the UDP header; for other protocols with their header */
	size_t length;    /* captured bytes of the payload */
	size_t total;     /* all bytes of the payload */
};

/* Captures UDP to or from PORT, UDP to the first TAP_PORTS of PEER_PORTS, all ESP and all ICMP
 * echo. Returns 0 or an errno. Call tap_close() in both cases. */
int tap_open(struct tap *, uint16_t port, const uint16_t *peer_ports, size_t count);
void tap_close(struct tap *);
/* Gets the next packet, with its payload in BUFFER; false if there is none now. It never waits. */
bool tap_next(const struct tap *, struct tap_packet *, unsigned char *buffer, size_t room);
/* For tests: parses an IP packet; false if it is not one of these. */
bool tap_parse(struct tap_packet *, const unsigned char *bytes, size_t length);

#endif
