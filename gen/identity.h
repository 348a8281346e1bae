/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The names by which one run, and one pair of it, are known: both derived, so that every side has
 * the same. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "sha256.h"
#include "tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INDEX_STEP = 8,         /* between policies: the low three bits of an index are the direction */
	INDEX_NEIGHBOURS = 64,  /* indexes that are kept free for those that `up` finds on the host's own links */
};

/* What one script's store and kernel objects are known by.  All follow from what decides its keys. */
struct identity {
	char store[32 + 1], check[32 + 1];  /* hexadecimal: the store's name, and what a section of this script has in it */
	uint32_t index;                     /* the first of the policies' indexes */
	uint32_t group;                     /* of the interface */
	unsigned route_protocol;            /* of the routes */
};

/* The kernel's name for all that belongs to one pair; the same on both sides, stable as long as
 * the pair keeps its SPIs.  The tunnel must have its keys. */
uint32_t identity_reqid(const struct tunnel *, size_t one, size_t two);
/* Sees to it that no two pairs have one reqid: draws keys again that were drawn here; refuses,
 * after one line that begins with WHERE, given ones. */
bool identity_settle(struct tunnel *, const char *where);
/* Computes the digest: over everything that is not secret, SPIs included.  The tunnel must have its
 * keys. */
void identity_digest(struct tunnel *);
/* Of the script of side SELF; the tunnel has its keys and its digest. */
struct identity identity_of_side(const struct tunnel *, size_t self);
/* The same for an exchange, in which no side has all keys: over all that the sides are to have in common, public keys included.  Into
 * HASH the whole of what the digest begins, which the keys follow from; and the fingerprint. */
void identity_exchange(struct tunnel *, unsigned char hash[SHA256_LENGTH]);

#endif
