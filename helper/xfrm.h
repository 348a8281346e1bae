/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Policies and states (SAs) as rows, and the lines of ip-xfrm(8) that add them. */
#ifndef XFRM_H
#define XFRM_H

#include "cipher.h"
#include "endpoint.h"
#include "prefix.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's numbers: XFRM_POLICY_IN, _OUT and _FWD of linux/xfrm.h. */
enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_FWD };

enum action { ACTION_TUNNEL, ACTION_ALLOW, ACTION_BLOCK };

/* The endpoints of a pair may change while the tunnel runs, so a printer may print a shell variable for them. */
enum place {
	PLACE_FIXED,
	PLACE_HERE,   /* this side's local endpoint */
	PLACE_THERE,  /* where packets for the peer go */
};

/* One end of a selector. */
struct selector_end {
	struct prefix prefix;
	uint16_t port;          /* 0: any */
	enum place place;       /* of both */
};

struct policy {
	size_t peer;            /* the index of the peer that it is about, for the printer's variables */
	struct selector_end src, dst;
	uint8_t proto;          /* 0: any */
	enum direction direction;
	enum action action;
	unsigned priority;      /* the lowest number wins */
	uint32_t index;         /* identifies the kernel's policy as ours; the low three bits are
	                         * the direction; 0: the kernel chooses */
	uint32_t if_id;         /* 0: none */
	/* the template of ACTION_TUNNEL */
	struct address template_src, template_dst;
	uint32_t reqid;
	uint32_t spi;           /* pins the outbound SA; 0: any SA of this reqid */
	bool transport;
};

enum encap { ENCAP_NONE, ENCAP_ESPINUDP, ENCAP_ESPINUDP_NONIKE };

struct state {
	size_t peer;
	bool outbound;
	struct address src, dst;
	uint32_t spi, reqid;
	bool transport;
	bool esn;               /* extended sequence numbers */
	bool af_unspec;         /* takes packets of both families */
	unsigned replay_window;
	uint64_t sequence;      /* outbound: the number sent last; inbound: the highest received; above 2^32 with ESN alone */
	uint32_t epoch;         /* number of the pair's secret, from 1; with fixed keys always 1 */
	uint32_t if_id;         /* 0: none */
	unsigned long long limit_bytes, limit_packets; /* hard limits; 0: none */
	enum encap encap;
	uint16_t sport, dport;  /* of the encapsulation */
	const struct cipher *cipher;
	unsigned char key[CIPHER_KEY_MOST];
};

/* Texts that replace a row's values, such as shell variables; NULL: print the value itself. */
struct names {
	const char *here, *there, *port, *peer_port;
	const char *pin;        /* ` spi SPI` of an outbound template, or nothing */
	bool indexes;           /* a policy's row has its index */
	bool numbers;           /* a state's row has its sequence number */
	const char *sequence;   /* ... and for an outbound one this text, for its low 32 bits */
	const char *peer;       /* the peer's name, for a comment with the epoch; NULL: no comment */
};

/* The words that --explain explains, as bits. */
#define WORD(number) (UINT64_C(1) << (number))
enum word {
	WORD_POLICY, WORD_STATE, WORD_SRC_DST, WORD_SPORT, WORD_DPORT, WORD_ICMP, WORD_TCP, WORD_UDP, WORD_ICMPV6, WORD_DIR_OUT, WORD_DIR_IN,
	WORD_DIR_FWD, WORD_PRIORITY, WORD_BLOCK, WORD_TEMPLATE, WORD_IF_ID, WORD_ESP, WORD_REQID, WORD_TUNNEL, WORD_TRANSPORT,
	WORD_SPI, WORD_FLAG, WORD_ESN, WORD_AF_UNSPEC, WORD_REPLAY_WINDOW, WORD_LIMIT, WORD_ENCAP, WORD_AEAD, WORD_ENC, WORD_AUTH,
	WORD_OF_OTHERS, /* the first that is not in an xfrm line */
};

/* Add `xfrm policy add …` or `xfrm state add …` and a newline, for `ip -batch` or a shell. A
 * backslash joins its two or three lines. They return the words that were printed. */
uint64_t policy_print(struct text *, const struct policy *, const struct names *);
uint64_t state_print(struct text *, const struct state *, const struct names *);

/* Adds `src … dst … dir …`, the arguments of `ip xfrm policy delete` for a policy without if_id.
 * Returns the words that were printed. */
uint64_t policy_print_selector(struct text *, const struct policy *, const struct names *);
/* Read one row as the printers write it: joined to one line, with values in place of variables.  They
 * cut ROW into words.  Any other row is refused with one line that begins with WHERE.  The message
 * has no word of the row, because it may be a key.  PEER and PLACE are not in a row: they are 0. */
bool policy_parse(struct policy *, char *row, const char *where);
/* The sequence number or the comment says whether a state is outbound; without them it is inbound. */
bool state_parse(struct state *, char *row, const char *where);
/* Returns true if both are the same policy for the kernel. */
bool policy_same_selector(const struct policy *, const struct policy *);
/* Returns true if they also do the same.  The index does not count: the kernel may choose another. */
bool policy_equal(const struct policy *, const struct policy *);

#endif
