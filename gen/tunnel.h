/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The whole tunnel: its sides, the settings that apply to all of them, and their keys. Every side
 * forms a pair with every other or, in a star, only with the first one. */
#ifndef TUNNEL_H
#define TUNNEL_H

#include "cipher.h"
#include "side.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REPLAY_WINDOW_DEFAULT = 128, /* packets */
	SECRET_BYTES = 32,
	FINGERPRINT_TEXT = 6 * sizeof "12345", /* six groups of five digits, and what is between */
};

/* A security association: one direction, one epoch. */
struct sa {
	size_t from, to;     /* indices of sides */
	uint32_t epoch;      /* number of the pair's secret, from 1; with fixed keys always 1 */
	uint32_t spi;        /* unique among those with which TO receives */
	bool derived; /* SPI and key follow from the pair's secret of that epoch; else they are
	               * fixed */
	unsigned char secret[SECRET_BYTES];
	unsigned char key[CIPHER_KEY_MOST];
};

struct tunnel {
	struct side *sides;
	size_t side_count;
	const struct cipher *cipher;
	bool esn;                     /* extended sequence numbers, RFC 4303 section 2.2.1 */
	bool transport;               /* transport mode; else tunnel mode */
	bool hairpin;                 /* equal mapped addresses: through the NAT's hairpin */
	bool lan;                     /* equal mapped addresses: between the LOCAL endpoints */
	struct prefix inner; /* prefix of the inner addresses; AF_UNSPEC: none */
	const char *interface;        /* name of the xfrm interface; NULL: none */
	unsigned mtu;                 /* path MTU, bytes */
	unsigned replay_window;       /* of each inbound SA, packets */
	bool star;                    /* the first side is the hub; no two others are a pair */
	bool clamp;                   /* lower the TCP MSS to the inner MTU */
	bool guard;                   /* block tunnelled traffic after down */
	bool nonike; /* UDP_ENCAP_ESPINUDP_NON_IKE, draft-ietf-ipsec-udp-encaps-00 */
	const char *where_inner, *where_encap,
		*where_star; /* for error texts: "--inner", "home.conf:4" */
	unsigned long long limit_bytes, limit_packets; /* of an outbound SA; 0: none */
	struct sa *sas;
	size_t sa_count, sa_room;
	size_t sa_given;      /* so many were given in a file; the rest was generated */
	struct {
		size_t number; /* its first SA's place, counted from 1; 0: none */
		uint32_t spi;  /* of that */
	} *directions;       /* TO * side_count + FROM */
	unsigned char facts[32]; /* SHA-256 over all that is not secret: identity.c sets it */
	uint32_t digest;     /* identifies the run; identity.c sets it */
	bool exchanged; /* keys follow from the sides' public keys, so only those of SELF's pairs
	                 * are known */
	size_t self;
	bool phrase;          /* and from a phrase that the sides share */
	char fingerprint[FINGERPRINT_TEXT]; /* of an exchange, for people to compare; else empty */
};

/* Adds an unnamed side. The pointer is valid until the next one is added. */
struct side *tunnel_add_side(struct tunnel *);
/* Names unnamed sides. Refuses what cannot work, one line each, and warns of what probably will
 * not. If it returns false, nothing may be written. */
bool tunnel_check(struct tunnel *);
/* True if the two sides are a pair. */
static inline bool tunnel_has_pair(const struct tunnel *tunnel, size_t one, size_t two)
{
	return one != two && (!tunnel->star || one == 0 || two == 0);
}
/* ... and whose keys are known here. */
static inline bool tunnel_has_keys(const struct tunnel *tunnel, size_t one, size_t two)
{
	return tunnel_has_pair(tunnel, one, two) &&
	       (!tunnel->exchanged || one == tunnel->self || two == tunnel->self);
}
/* The inner MTU in bytes, for outer addresses of FAMILY. */
unsigned tunnel_inner_mtu(const struct tunnel *, sa_family_t family);
/* True if the pair uses ESP in UDP. */
bool tunnel_encapsulates(const struct tunnel *);
/* Wipes the keys. */
void tunnel_free(struct tunnel *);

#endif
