/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One side of the tunnel, and the endpoint string that describes it:
 *
 *     [NAME=]LOCAL[:PORT][@MAPPED[:PORT]][+NET[/PROTO[/PORT]]]...[#PUBLIC]
 *
 * LOCAL is an address or `auto`, MAPPED an address or a DNS name, NET a prefix, PUBLIC an X25519
 * key in base64url.
 */
#ifndef SIDE_H
#define SIDE_H

#include "prefix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_MOST = 15,
	NETS_MOST = 64, /* per side, because a script shows every pair of nets */
	NET_TEXT = PREFIX_TEXT + sizeof "/icmp/65535",
	WHERE_MOST = 512, /* bytes of "FILE:LINE" in an error text: more than path_shown() gives */
	HOST_MOST = 253, /* of a DNS name: RFC 1035, section 2.3.4 */
	OUTER_TEXT = HOST_MOST + sizeof ":65535",
	PUBLIC_BYTES = 32,
	PUBLIC_TEXT = 43 + 1, /* of base64url without padding, RFC 4648 section 5 */
};

/* A protected network: a prefix, perhaps only one protocol or one TCP or UDP port of it. */
struct net {
	struct prefix prefix;
	uint8_t proto;           /* IANA's number; 0: any */
	uint16_t port;           /* on this side; 0: any */
};

/* A side has what it receives with; what it sends with is the other side's. */
struct side {
	char name[NAME_MOST + 1];         /* empty until sides_check() gives one */
	/* If an address is found at each `up`, it is all zeros, but its family is set. */
	struct endpoint local;            /* on its own interface, or `auto`; port 0: plain ESP */
	struct endpoint mapped; /* the mapped endpoint; equal to LOCAL if not behind NAT */
	char mapped_name[HOST_MOST +
	                 1]; /* DNS name instead of MAPPED's address, in lower case; empty: none */
	bool behind_nat;
	struct net nets[NETS_MOST];       /* what it protects */
	size_t net_count;
	struct address inner;             /* own address that --inner gives; AF_UNSPEC: none */
	bool has_public;
	unsigned char public[PUBLIC_BYTES];
	char where[WHERE_MOST];           /* for error texts: "side 1", "home.conf:4" */
};

/* Each takes the whole TEXT or refuses it with one line. */
bool side_parse(struct side *, const char *token);  /* error texts begin with side->where */
bool name_parse(char out[NAME_MOST + 1], const char *text, const char *where);
bool net_parse(struct net *, const char *text, const char *where);

/* Set the parts of a side, for the tunnel file. */
bool side_set_local(struct side *, const char *text, const char *where);
bool side_set_mapped(struct side *, const char *text, const char *where);
bool side_add_net(struct side *, const char *text, const char *where);
bool side_set_public(struct side *, const char *text, const char *where);
/* Completes and checks a side whose parts were all given. It may still have no nets. */
bool side_complete(struct side *);

/* As in the endpoint string: the address, `auto` or the name, with the port if there is one. */
const char *local_print(char out[OUTER_TEXT], const struct side *);
const char *mapped_print(char out[OUTER_TEXT], const struct side *);
/* The address alone, as `ip` takes it; or `auto` or the name. */
const char *local_print_address(char out[OUTER_TEXT], const struct side *);
const char *mapped_print_address(char out[OUTER_TEXT], const struct side *);
/* LOCAL is `auto`. */
bool side_is_auto(const struct side *);
/* True if both have the same mapped address or name, so they are behind the same NAT. */
bool side_shares_mapped(const struct side *, const struct side *);

/* PUBLIC_TEXT - 1 if the text begins with exactly that many characters of base64url; else 0. */
size_t public_length(const char *);
const char *public_print(char out[PUBLIC_TEXT], const unsigned char public[PUBLIC_BYTES]);

const char *net_print(char out[NET_TEXT], const struct net *);
struct net net_of_host(const struct address *);
/* True if a packet can be in both: addresses, protocol and port overlap. */
bool net_overlaps(const struct net *, const struct net *);
/* True if packets can go between the two: same family, and compatible protocols. */
bool net_meets(const struct net *, const struct net *);
/* True if it includes echo requests. */
bool net_takes_ping(const struct net *);

#endif
