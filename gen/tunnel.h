/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The tunnel as a whole: its sides, what holds for all of them, and their keys.  Two sides are
 * the smallest mesh: every side has one pair with every other; or, in a star, with the first one
 * alone. */
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
	uint32_t epoch;      /* counts the secrets of a pair, from 1; of fixed keys 1 */
	uint32_t spi;        /* chosen by the receiver's side of the world: unique at TO */
	bool derived; /* SPI and key, from the pair's secret of that epoch; else they are fixed */
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
	struct prefix inner; /* each side's own address inside comes from it; AF_UNSPEC: none */
	const char *interface;        /* name of the xfrm interface; NULL: policies alone */
	unsigned mtu;                 /* of the path outside, bytes */
	unsigned replay_window;       /* of each inbound SA, packets */
	bool star;                    /* the first side is the hub; no two others are a pair */
	bool clamp;                   /* the TCP MSS, to what fits inside */
	bool guard;                   /* block, after down, what the tunnel carried */
	bool nonike; /* UDP_ENCAP_ESPINUDP_NON_IKE, draft-ietf-ipsec-udp-encaps-00 */
	const char *where_inner, *where_encap,
		*where_star; /* for error texts: "--inner", "home.conf:4" */
	unsigned long long limit_bytes, limit_packets; /* of an outbound SA; 0: none */
	struct sa *sas;
	size_t sa_count, sa_room;
	size_t sa_given;      /* the first of them were, the rest was made here */
	struct {
		size_t number; /* its first SA's place, counted from 1; 0: none */
		uint32_t spi;  /* of that */
	} *directions;       /* TO * side_count + FROM */
	unsigned char facts[32]; /* SHA-256 over all that is not secret: identity.c sets it */
	uint32_t digest;     /* stands for one run; identity.c sets it */
	bool exchanged; /* keys follow from the sides' public keys: those of SELF's own pairs alone
	                   are known */
	size_t self;
	bool phrase;          /* and from one that the sides share */
	char fingerprint[FINGERPRINT_TEXT]; /* of an exchange, for people to compare; else empty */
};

/* A side without a name yet; the pointer holds until the next one is added. */
struct side *tunnel_add_side(struct tunnel *);
/* Names the nameless and refuses, one line each, what cannot work together; warns of what
 * probably will not.  False: nothing may be written. */
bool tunnel_check(struct tunnel *);
/* True for two sides that have a tunnel between them. */
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
/* Bytes of the largest packet that still fits inside, for sides whose outer addresses are of
 * FAMILY. */
unsigned tunnel_inner_mtu(const struct tunnel *, sa_family_t family);
/* True when the pair's packets are wrapped in UDP. */
bool tunnel_encapsulates(const struct tunnel *);
/* Wipes the keys. */
void tunnel_free(struct tunnel *);

#endif
