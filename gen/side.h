/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One side of the tunnel, and the token that a person writes for it:
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
	NETS_MOST = 64, /* on one side: a script shows every pair of nets */
	NET_TEXT = PREFIX_TEXT + sizeof "/icmp/65535",
	WHERE_MOST = 512, /* bytes of "FILE:LINE" in an error text: more than path_shown() gives */
	HOST_MOST = 253, /* of a DNS name: RFC 1035, section 2.3.4 */
	OUTER_TEXT = HOST_MOST + sizeof ":65535",
	PUBLIC_BYTES = 32,
	PUBLIC_TEXT = 43 + 1, /* of base64url without padding, RFC 4648 section 5 */
};

/* What a side protects: a prefix, or of it one protocol or, of TCP and UDP, one port. */
struct net {
	struct prefix prefix;
	uint8_t proto;           /* IANA's number; 0: any */
	uint16_t port;           /* on this side; 0: any */
};

/* A side owns what it receives with. */
struct side {
	char name[NAME_MOST + 1];         /* empty until sides_check() gives one */
	/* Of an address that is found at each `up` the family is known; address_is_any() tells. */
	struct endpoint local;            /* on its own interface, or `auto`; port 0: plain ESP */
	struct endpoint mapped; /* as the internet sees it; LOCAL itself when not behind NAT */
	char mapped_name[HOST_MOST +
	                 1]; /* in place of its address, in lower case; empty: there is none */
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

/* The same in parts, for the tunnel file. */
bool side_set_local(struct side *, const char *text, const char *where);
bool side_set_mapped(struct side *, const char *text, const char *where);
bool side_add_net(struct side *, const char *text, const char *where);
bool side_set_public(struct side *, const char *text, const char *where);
/* What is left to do when all parts were given; the nets may still be none. */
bool side_complete(struct side *);

/* As in the token: the address, with its port if it has one; or `auto` or the name, and the port.
 */
const char *local_print(char out[OUTER_TEXT], const struct side *);
const char *mapped_print(char out[OUTER_TEXT], const struct side *);
/* The address alone, as `ip` takes it; or `auto` or the name. */
const char *local_print_address(char out[OUTER_TEXT], const struct side *);
const char *mapped_print_address(char out[OUTER_TEXT], const struct side *);
/* LOCAL is `auto`. */
bool side_is_auto(const struct side *);
/* One mapped address, or one name: both are behind the same NAT. */
bool side_shares_mapped(const struct side *, const struct side *);

/* PUBLIC_TEXT - 1 where a word of that length, of the characters of a public key, begins; else 0.
 */
size_t public_length(const char *);
const char *public_print(char out[PUBLIC_TEXT], const unsigned char public[PUBLIC_BYTES]);

const char *net_print(char out[NET_TEXT], const struct net *);
struct net net_of_host(const struct address *);
/* True when some packet may be of both: addresses, protocol and port. */
bool net_overlaps(const struct net *, const struct net *);
/* True when there are packets between the two: one family, and no two protocols. */
bool net_meets(const struct net *, const struct net *);
/* True when an echo request to it, or from it, is what it protects. */
bool net_takes_ping(const struct net *);

#endif
