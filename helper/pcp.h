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
	PCP_OTHER,          /* not in any RFC */
};

struct pcp_asked {
	struct endpoint local;   /* the local endpoint; a request must come from its address */
	uint16_t port;           /* the external port; 0: any */
	uint32_t seconds;        /* 0: remove the mapping */
	unsigned char nonce[PCP_NONCE];
};

struct pcp_answer {
	unsigned result;         /* enum pcp_result */
	unsigned number;         /* the number in the answer */
	uint32_t seconds;        /* the lifetime of the lease, or of the error */
	struct endpoint mapped;  /* of a success; of NAT-PMP either the address or the port */
};

void pcp_map_write(unsigned char out[PCP_MAP], const struct pcp_asked *);
void natpmp_address_write(unsigned char out[NATPMP_ADDRESS]);
void natpmp_map_write(unsigned char out[NATPMP_MAP], const struct pcp_asked *);

/* True for a well-formed answer to the request; drop everything else silently. An answer of another
 * version also gives PCP_VERSION, which proves only that something received the request. */
bool pcp_map_parse(struct pcp_answer *, const unsigned char *bytes, size_t length, const struct pcp_asked *);
bool natpmp_address_parse(struct pcp_answer *, const unsigned char *bytes, size_t length);
bool natpmp_map_parse(struct pcp_answer *, const unsigned char *bytes, size_t length, const struct pcp_asked *);

#endif
