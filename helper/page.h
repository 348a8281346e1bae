/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The page: the data of a generated script, without its program. It is parsed, never executed. */
#ifndef PAGE_H
#define PAGE_H

#include "cipher.h"
#include "endpoint.h"
#include "prefix.h"
#include "rows.h"
#include "section.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PAGE_MOST = 8 << 20, /* bytes of a script */
	PAGE_DIGEST = 8,     /* hexadecimal digits */
	PAGE_STORE = 63,     /* bytes of the store's name, at most */
	PAGE_DEVICE = 15,    /* ... of an interface's name: IFNAMSIZ */
	PAGE_FINGERPRINT = 63,
	PAGE_OPTIONS = 95,
};

/* Functions of rows. */
enum page_function {
	PAGE_PASSES,   /* policies of what is not encrypted: xfrm policy add */
	PAGE_GUARDS,   /* the guard, including its exceptions */
	PAGE_POLICIES, /* the tunnel's */
	PAGE_UNDO,     /* removes all but the guard: ip's arguments, a command a row */
	PAGE_UNGUARD,  /* removes the guard */
	PAGE_ROUTES,
	PAGE_HELPER, /* one row: espdecap's arguments */
	PAGE_TESTS,  /* one row a peer: a command, or a comment */
	PAGE_LINK,
	PAGE_CLAMP, /* text for nft */
	PAGE_EXEMPT,
	PAGE_FUNCTIONS, /* how many there are */
};

struct page_peer {
	char name[SECTION_NAME + 1];
	uint32_t reqid;
	char host[SECTION_HOST + 1]; /* a DNS name, resolved at each `up`; else empty */
	uint16_t host_port;          /* ... with this port there; 0: none */
};

struct page_net {
	struct prefix prefix;
	size_t peer; /* whose it is, as an index; of an own net 0 */
};

struct page_nets {
	struct page_net *list;
	size_t count, room;
};

/* What is absent is zero. */
struct page {
	char *path; /* of the script, printable, for messages */
	char name[SECTION_NAME + 1], first[SECTION_NAME + 1];
	char digest[PAGE_DIGEST + 1];
	char store[PAGE_STORE + 1], check[SECTION_CHECK + 1];
	sa_family_t family; /* of the outer addresses */
	const struct cipher *cipher;
	bool transport;
	enum encap encap;
	uint32_t mtu, path_mtu; /* bytes */
	uint32_t window;        /* packets, for replay */
	struct address local;   /* zeros: `auto` */
	uint16_t port;          /* 0: plain ESP */
	struct endpoint mapped; /* zeros: not behind NAT, or a name */
	char mapped_host[SECTION_HOST + 1];
	struct page_peer *peers;
	size_t peer_count, peer_room;
	struct page_nets own_nets, other_nets; /* of tunnel mode */
	struct address own_address; /* `up` adds it if the host lacks it; AF_UNSPEC: none */
	uint32_t own_length;        /* its prefix length */
	char own_device[PAGE_DEVICE + 1], own_label[PAGE_DEVICE + 1];
	char interface[PAGE_DEVICE + 1];
	uint32_t if_id, group;
	bool esn, guard, limited, forwards, clamp, exempt;
	uint32_t neighbours; /* the first index of the policies for this host's own links */
	uint32_t route_proto;
	char fingerprint[PAGE_FINGERPRINT + 1];
	char options[PAGE_OPTIONS + 1]; /* of up and down, besides --wait and --local: " [--map]" */

	struct text text;                  /* the whole script, its keys too */
	struct lines rows[PAGE_FUNCTIONS]; /* in the text; NULL: the script has no such function */
	size_t section_begin, section_length; /* in the text */
};

/* Reads a script.  Returns false after one line that begins with PATH and says what to do. */
bool page_read(struct page *, const char *path);
/* Does the same for a text, which it takes over.  PATH is for messages. */
bool page_parse(struct page *, struct text *, const char *path);
/* Wipes and frees; takes an empty page too. */
void page_free(struct page *);
/* Reads the facts: a part of page_parse(). */
bool page_parse_facts(struct page *, struct lines facts);

/* Reads the section at the end of the script.  Returns false, after one line, if it is torn or
 * belongs to another script. */
bool page_section(struct section *, const struct page *);
/* Returns true if the section has the page's peers, else false after one line that begins with
 * WHERE. */
bool page_fits(const struct page *, const struct section *, const char *where);

static inline bool page_has(const struct page *page, enum page_function function)
{
	return page->rows[function].at != NULL;
}
/* Adds the rows of a function, one a line, with values in place of variables.  Values come from the
 * page, from the section, and for the rest (way_N, src4, src6, table) from EXTRAS: strings like
 * `way_1=dev eth0`, then NULL; EXTRAS itself may be NULL.  Comments are left out, except those that
 * are rows of PAGE_TESTS.  A function that the script does not have adds nothing.  Returns false,
 * after one line, if a row is malformed or a variable has no value. */
bool page_rows(struct text *, const struct page *, enum page_function, const struct section *,
               const char *const *extras);
/* Returns the policies of a function as an array of *COUNT, which the caller frees; NULL after one
 * line.  PEER is the peer whose variables the row has, or 0. */
struct policy *page_policies(const struct page *, enum page_function, const struct section *,
                             size_t *count);

#endif
