/* SPDX-License-Identifier: ISC */
/* The names by which one run, and one pair of it, are known: both derived, so that every side has
 * the same. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "sha256.h"
#include "tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's name for all that belongs to one pair; the same on both sides, stable as long as
 * the pair keeps its SPIs.  The tunnel must have its keys. */
uint32_t identity_reqid(const struct tunnel *, size_t one, size_t two);
/* Sees to it that no two pairs have one reqid: draws keys again that were drawn here; refuses,
 * after one line that begins with WHERE, given ones. */
bool identity_settle(struct tunnel *, const char *where);
/* Computes the digest: over everything that is not secret, SPIs included.  The tunnel must have its
 * keys. */
void identity_digest(struct tunnel *);
/* The same for an exchange, in which no side has all keys: over all that the sides are to have in
 * common, public keys included.  Into HASH the whole of what the digest begins, which the keys
 * follow from; and the fingerprint. */
void identity_exchange(struct tunnel *, unsigned char hash[SHA256_LENGTH]);

#endif
