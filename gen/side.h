/* One side of the tunnel, and the token that a person writes for it:
 *
 *     [NAME=]LOCAL[:PORT][@MAPPED[:PORT]][+NET]...
 */
#ifndef SIDE_H
#define SIDE_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	NAME_MOST = 15,
	NETS_MOST = 64,                 /* on one side: a script shows every pair of nets */
	PREFIX_TEXT = ADDRESS_TEXT + 4,
	WHERE_MOST = 1024,              /* bytes of "FILE:LINE" in an error text */
};

struct prefix {
	struct address address;  /* no host bits set */
	unsigned length;         /* bits */
};

/* A side owns what it receives with. */
struct side {
	char name[NAME_MOST + 1];         /* empty until sides_check() gives one */
	struct endpoint local;            /* on its own interface; port 0: plain ESP */
	struct endpoint mapped;           /* as the internet sees it; LOCAL itself when not behind NAT */
	bool behind_nat;
	struct prefix nets[NETS_MOST];    /* what it protects */
	size_t net_count;
	struct address inner;             /* own address that --inner gives; AF_UNSPEC: none */
	char where[WHERE_MOST];           /* for error texts: "side 1", "home.conf:4" */
};

/* Each takes the whole TEXT or refuses it with one line. */
bool side_parse(struct side *, const char *token);  /* error texts begin with side->where */
bool name_parse(char out[NAME_MOST + 1], const char *text, const char *where);
bool prefix_parse(struct prefix *, const char *text, const char *where);

/* The same in parts, for the tunnel file. */
bool side_set_local(struct side *, const char *text, const char *where);
bool side_set_mapped(struct side *, const char *text, const char *where);
bool side_add_net(struct side *, const char *text, const char *where);
/* What is left to do when all parts were given; the nets may still be none. */
bool side_complete(struct side *);

const char *prefix_print(char out[PREFIX_TEXT], const struct prefix *);
struct prefix prefix_of_host(const struct address *);
bool prefix_contains(const struct prefix *, const struct address *);
bool prefix_overlaps(const struct prefix *, const struct prefix *);
bool prefix_is_host(const struct prefix *);
/* 0.0.0.0/0 or ::/0. */
bool prefix_is_everything(const struct prefix *);
unsigned family_bits(sa_family_t);

#endif
