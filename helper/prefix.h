/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prefixes of addresses, as people and `ip` write them: 10.1.0.0/16, 2001:db8:1::/48. */
#ifndef PREFIX_H
#define PREFIX_H

#include "endpoint.h"

#include <stdbool.h>

enum { PREFIX_TEXT = ADDRESS_TEXT + 4 };

struct prefix {
	struct address address;  /* no host bits set */
	unsigned length;         /* bits */
};

/* Takes the whole TEXT, or refuses it with one line that begins with WHERE. */
bool prefix_parse(struct prefix *, const char *text, const char *where);
/* Takes ADDRESS/LENGTH without host bits; any address is fine.  It prints no message. */
bool prefix_read(struct prefix *, const char *text);
const char *prefix_print(char out[PREFIX_TEXT], const struct prefix *);
bool prefix_contains(const struct prefix *, const struct address *);
bool prefix_overlaps(const struct prefix *, const struct prefix *);
bool prefix_is_host(const struct prefix *);
/* 0.0.0.0/0 or ::/0. */
bool prefix_is_everything(const struct prefix *);
unsigned family_bits(sa_family_t);
struct prefix prefix_of_host(const struct address *);

#endif
