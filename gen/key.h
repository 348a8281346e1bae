/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Keys and SPIs: fresh ones, one for each direction, or for each pair a secret that both
 * directions' follow from.  (keyfile.h: those of a file.) */
#ifndef KEY_H
#define KEY_H

#include "tunnel.h"

#include <stdbool.h>

/* Gives every direction of the checked tunnel that has none a fresh key and SPI, from getrandom(2),
 * or from a fresh secret where the pair has neither. */
void key_make(struct tunnel *);
/* The pair's first secret is SECRET, and it has no other; refuses, after a line that begins with
 * WHERE, one whose SPIs another has. */
bool key_put(struct tunnel *, size_t one, size_t two, const unsigned char secret[SECRET_BYTES],
             const char *where);
/* A fresh key and SPI, or secret of the pair, in place of one that key_make() made; false for one
 * that was given. */
bool key_renew(struct tunnel *, size_t from, size_t to);

/* Adds an SA, behind the others or in place of the direction's own. */
void key_add(struct tunnel *, const struct sa *);
/* Adds the SAs of a pair, of whose first the names, epoch and secret are known; refuses as
 * key_put() does. */
bool key_add_pair(struct tunnel *, struct sa pair[2], const char *where);
/* The first SA of a direction, or NULL. */
const struct sa *key_find(const struct tunnel *, size_t from, size_t to);
/* The kernel finds an SA by destination and SPI (RFC 4301, section 4.1). */
bool key_spi_taken(const struct tunnel *, size_t to, uint32_t spi);
/* The SA of a direction that its sender uses first; the tunnel must have its keys. */
const struct sa *key_of(const struct tunnel *, size_t from, size_t to);
/* Wipes and frees. */
void key_free(struct tunnel *);

#endif
