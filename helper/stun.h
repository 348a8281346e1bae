/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* STUN Binding (RFC 8489; servers of RFC 5389 and RFC 3489 answer too): bytes in, struct out, no
 * sockets. */
#ifndef STUN_H
#define STUN_H

#include "endpoint.h"

enum {
	STUN_PORT = 3478,
	STUN_HEADER = 20,
	STUN_ID = 12, /* bytes of a transaction id */
	STUN_MOST = 1500, /* the longest answer to a bare request, because it stays below the path
	                   * MTU (RFC 8489, section 6.1) */
};

struct stun_reply {
	unsigned error;          /* 300 to 699: the server refused; 0: it answered */
	struct endpoint mapped;  /* when it answered */
	struct endpoint alternate;   /* of error 300: the server to ask instead; no family: none */
};

/* Writes a Binding request, or an indication (which nobody answers), with this transaction id. */
void stun_request(unsigned char out[STUN_HEADER], const unsigned char id[STUN_ID]);
void stun_indication(unsigned char out[STUN_HEADER], const unsigned char id[STUN_ID]);

/* True for a well-formed Binding response to the request with this id; drop everything else
 * silently. */
bool stun_parse(struct stun_reply *, const unsigned char *bytes, size_t length,
                const unsigned char id[STUN_ID]);

#endif
