/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Identifiers of a run and of its pairs. They are derived, so that every side has the same. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "sha256.h"
#include "tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INDEX_STEP = 8,         /* between policies: the low three bits of an index are the direction */
	INDEX_NEIGHBOURS = 64,  /* indexes reserved for policies that `up` adds for the host's own
	                         * links */
};

/* Identifies a script's store and kernel objects. All follow from what decides its keys. */
struct identity {
	char store[32 + 1], check[32 + 1];  /* hexadecimal: the store's name, and what a section of this script has in it */
	uint32_t index;                     /* the first of the policies' indexes */
	uint32_t group;                     /* of the interface */
	unsigned route_protocol;            /* of the routes */
};

/* The reqid of a pair: the same on both sides, and stable as long as the pair keeps its SPIs. The
 * tunnel must have its keys. */
uint32_t identity_reqid(const struct tunnel *, size_t one, size_t two);
/* Ensures that no two pairs have the same reqid. Generated keys are generated again; given ones are
 * refused with one line that begins with WHERE. */
bool identity_settle(struct tunnel *, const char *where);
/* Computes the digest: over everything that is not secret, SPIs included.  The tunnel must have its
 * keys. */
void identity_digest(struct tunnel *);
/* Of the script of side SELF; the tunnel has its keys and its digest. */
struct identity identity_of_side(const struct tunnel *, size_t self);
/* The same for an exchange, in which no side has all keys: computed over everything that the sides
 * must have in common, public keys included. HASH gets the whole hash, from which the keys follow
 * and with which the digest begins. Also sets the fingerprint. */
void identity_exchange(struct tunnel *, unsigned char hash[SHA256_LENGTH]);

#endif
