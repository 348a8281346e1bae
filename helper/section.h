/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The section: everything that changes while a tunnel is in use. It is at the end of the script
 * and, from the first `up` on, in a file of the store. The copy that was written more often is the
 * valid one. */
#ifndef SECTION_H
#define SECTION_H

#include "endpoint.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SECTION_NAME = 15,  /* bytes of a side's name, at most */
	SECTION_HOST = 253, /* of a DNS name: RFC 1035, section 2.3.4 */
	SECTION_SECRET = 32,
	SECTION_CHECK = 32,     /* hexadecimal digits */
	SECTION_PEERS = 1024,   /* at most */
	SECTION_MOST = 4 << 20, /* bytes of text: 1024 peers need about a quarter */
};

/* A start of a script without xfrmkeep moves the outbound sequence numbers on by this; 63 fit in 32
 * bits. */
#define SECTION_START (1ULL << 26)
enum { SECTION_STARTS_MOST = 63 };

/* A shell increments it, and awk's numbers are exact up to 2^53. */
#define SECTION_MADE_MOST 999999999999999ULL

struct section_peer {
	char name[SECTION_NAME + 1];
	/* where packets for it go; port 0: plain ESP; address zero: HOST is not resolved yet */
	struct endpoint there;
	char host[SECTION_HOST + 1]; /* printed instead of that address; else empty */
	bool derived;                /* its keys follow from a secret; else they are fixed */
	uint32_t heard;              /* the highest epoch received; 0: none */
	uint32_t next; /* the epoch of SECRET: the first whose keys are not all among the states */
	unsigned char secret[SECTION_SECRET];
};

struct section {
	unsigned long long made;       /* how often it was written, from 1 */
	char check[SECTION_CHECK + 1]; /* of the script that it belongs to */
	struct address here; /* the local address in use; zeros: `auto`, and not found yet */
	uint16_t port;       /* of this side; 0: plain ESP.  It is the page's, not printed here */
	bool has_token;
	unsigned char token[SECTION_SECRET]; /* authenticates natprobe's packets to the peer */
	struct section_peer *peers;
	size_t peer_count, peer_room;
	/* for each peer, in their order: the inbound ones by epoch, then the outbound one; their
	 * addresses and ports are those of the section and its peers */
	struct state *states;
	size_t state_count, state_room;
};

/* Reads exactly the text of a section, or refuses it with one line that begins with WHERE and never
 * has a secret.  PORT is this side's, from the page: rows have $port for it.  A section whose parts
 * do not fit together, or that section_print() would write differently, is refused too. */
bool section_parse(struct section *, const char *text, size_t length, uint16_t port,
                   const char *where);
/* Adds the section's text, which section_parse() reads as the same section.  The caller counts MADE
 * up before. */
void section_print(struct text *, const struct section *);
/* Moves the outbound numbers by so many starts of the script without xfrmkeep, at most
 * SECTION_STARTS_MOST. */
void section_add_starts(struct section *, unsigned count);
/* Wipes and frees; takes an empty section too. */
void section_free(struct section *);

/* Returns what does not fit together, with the index of the peer that it is about; NULL if all of
 * it fits. */
const char *section_fault(const struct section *, size_t *peer);
/* Returns true if the text ends with the sum of everything before it, else false after one line
 * that begins with WHERE. */
bool section_is_whole(const char *text, size_t length, const char *where);
/* Returns true if the text names this check value, which is a script's. */
bool section_belongs(const char *text, size_t length, const char *check);
/* Finds the section in the text of a script, from its line `made=` to its line `# ---- end`.
 * Returns false if there is none. */
bool section_find(const char *script, size_t length, size_t *begin, size_t *section_length);

/* Read a side's name, and a DNS name in lower case.  They print no message. */
bool section_read_name(char out[SECTION_NAME + 1], const char *text);
bool section_read_host(char out[SECTION_HOST + 1], const char *text);

/* Returns the first of a peer's states, which are *COUNT in a row.  The last is the outbound one.
 * The pointer is valid until states are replaced or added. */
struct state *section_states(const struct section *, size_t peer, size_t *count);
/* Replaces the peer's states by COUNT others, and sets their PEER.  STATES may point into the
 * section. */
void section_replace(struct section *, size_t peer, const struct state *states, size_t count);
/* Appends a zeroed peer, which has no states yet.  The pointer is valid until the next call. */
struct section_peer *section_add_peer(struct section *);
/* Appends a state, whose PEER must not be less than that of the last one. */
void section_add_state(struct section *, const struct state *);

#endif
