/* SPDX-License-Identifier: ISC */
/* The section: all that changes while a tunnel lives.  It stands at the end of a script and, from
 * the first `up`, in a file of the store; the copy that was written more often counts. */
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

/* A start of a script without xfrmkeep moves the outbound numbers so much further; 62 fit in 32 bits. */
#define SECTION_START (1ULL << 26)
enum { SECTION_STARTS_MOST = 62 };

/* A shell counts with it, and awk's numbers are exact up to 2^53. */
#define SECTION_MADE_MOST 999999999999999ULL

struct section_peer {
	char name[SECTION_NAME + 1];
	/* where packets for it go; port 0: plain ESP; zeros: a name that was not resolved yet ...
	 */
	struct endpoint there;
	char host[SECTION_HOST + 1]; /* ... and that name, as the generator wrote it; else empty */
	bool derived;                /* its keys follow from a secret; else they are fixed */
	uint32_t heard;              /* the highest epoch received; 0: none */
	uint32_t next; /* the epoch of SECRET: the first whose keys are not all among the states */
	unsigned char secret[SECTION_SECRET];
};

struct section {
	unsigned long long made;       /* how often it was written, from 1 */
	unsigned starts; /* of the script without xfrmkeep since this was written: each moved the outbound
	                    numbers SECTION_START further; those of the states have that in them */
	char check[SECTION_CHECK + 1]; /* of the script that it belongs to */
	struct address here; /* the local address in use; zeros: `auto`, and not found yet */
	uint16_t port;       /* of this side; 0: plain ESP.  It is the page's, not printed here */
	bool has_token;
	unsigned char token[SECTION_SECRET]; /* proves to the peer, in the punch, who we are */
	struct section_peer *peers;
	size_t peer_count, peer_room;
	/* for each peer, in their order: the inbound ones by epoch, then the outbound one; their
	 * addresses and ports are those of the section and its peers */
	struct state *states;
	size_t state_count, state_room;
};

/* Takes exactly the text of a section, or refuses it with one line that begins with WHERE and has
 * no secret.  PORT is this side's, which the page has: the rows have $port for it.  Refused is also
 * what does not fit together, and what section_print() would not have written so.  The
 * result is to be freed. */
bool section_parse(struct section *, const char *text, size_t length, uint16_t port,
                   const char *where);
/* Adds the section's text: what section_parse() takes as the same section.  The caller has counted
 * MADE up. */
void section_print(struct text *, const struct section *);
/* Wipes and frees; takes an empty section too. */
void section_free(struct section *);

/* What does not fit together, and whose it is, as an index; NULL: all of it fits. */
const char *section_fault(const struct section *, size_t *peer);
/* True if the text ends with the sum of all that is before it; else one line begins with WHERE. */
bool section_is_whole(const char *text, size_t length, const char *where);
/* True if it says that it belongs to the script with this check value. */
bool section_belongs(const char *text, size_t length, const char *check);
/* Finds the section in the text of a script, from its line `made=` to its line `# ---- end`; false:
 * it has none. */
bool section_find(const char *script, size_t length, size_t *begin, size_t *section_length);

/* Take a side's name, a DNS name in lower case.  They print no message. */
bool section_read_name(char out[SECTION_NAME + 1], const char *text);
bool section_read_host(char out[SECTION_HOST + 1], const char *text);

/* The states of a peer: *COUNT of them from the returned one on; the last is the outbound one. */
struct state *section_states(const struct section *, size_t peer, size_t *count);
/* Puts the COUNT states, which may be some of these, in place of those that the peer has. */
void section_replace(struct section *, size_t peer, const struct state *states, size_t count);
/* Adds a zeroed peer behind the others: without states, until they are added or replaced.  The
 * pointer holds until the next one is added. */
struct section_peer *section_add_peer(struct section *);
/* Adds a state behind the others; its PEER is none before theirs. */
void section_add_state(struct section *, const struct state *);

#endif
