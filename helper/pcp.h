/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* PCP's MAP (RFC 6887) and NAT-PMP (RFC 6886): bytes in, struct out, no sockets.  UDP only. */
#ifndef PCP_H
#define PCP_H

#include "endpoint.h"

enum {
	PCP_PORT = 5351,
	PCP_NONCE = 12,
	PCP_MAP = 60,       /* bytes of a request */
	PCP_MOST = 1100,    /* RFC 6887, section 7 */
	NATPMP_ADDRESS = 2,
	NATPMP_MAP = 12,
};

/* RFC 6887, section 7.4; NAT-PMP's are given as the one that means the same. */
enum pcp_result {
	PCP_SUCCESS, PCP_VERSION, PCP_NOT_AUTHORIZED, PCP_MALFORMED, PCP_OPCODE, PCP_OPTION, PCP_MALFORMED_OPTION, PCP_NETWORK,
	PCP_RESOURCES, PCP_PROTOCOL, PCP_QUOTA, PCP_EXTERNAL, PCP_ADDRESS, PCP_PEERS,
	PCP_OTHER,          /* that no RFC has */
};

struct pcp_asked {
	struct endpoint local;   /* where packets are to go; a request must come from its address */
	uint16_t port;           /* the one that is wanted outside; 0: any */
	uint32_t seconds;        /* 0: give it back */
	unsigned char nonce[PCP_NONCE];
};

struct pcp_answer {
	unsigned result;         /* enum pcp_result */
	unsigned number;         /* as it stands in the answer */
	uint32_t seconds;        /* of the lease; of an error, for how long it will be the same */
	struct endpoint mapped;  /* of a success; of NAT-PMP either the address or the port */
};

void pcp_map_write(unsigned char out[PCP_MAP], const struct pcp_asked *);
void natpmp_address_write(unsigned char out[NATPMP_ADDRESS]);
void natpmp_map_write(unsigned char out[NATPMP_MAP], const struct pcp_asked *);

/* True for a well-formed answer to what was asked; all else is to be dropped without a word.  PCP_VERSION is also what an
 * answer of another version says, and that proves nothing but that somebody has heard of us. */
bool pcp_map_parse(struct pcp_answer *, const unsigned char *bytes, size_t length, const struct pcp_asked *);
bool natpmp_address_parse(struct pcp_answer *, const unsigned char *bytes, size_t length);
bool natpmp_map_parse(struct pcp_answer *, const unsigned char *bytes, size_t length, const struct pcp_asked *);

#endif
