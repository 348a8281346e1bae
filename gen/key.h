/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Generates keys and SPIs: one for each direction, or a secret for each pair, from which both
 * directions follow. (keyfile.h reads those of a file.) */
#ifndef KEY_H
#define KEY_H

#include "tunnel.h"

#include <stdbool.h>

/* Generates a key and SPI with getrandom(2) for every direction of the checked tunnel that has
 * none, or a secret if neither direction has one. */
void key_make(struct tunnel *);
/* Sets the first secret of a pair that has none. Refuses one whose SPIs are in use, with a line
 * that begins with WHERE. */
bool key_put(struct tunnel *, size_t one, size_t two, const unsigned char secret[SECRET_BYTES],
             const char *where);
/* Replaces a key and SPI, or the pair's secret, that key_make() generated; false for a given
 * one. */
bool key_renew(struct tunnel *, size_t from, size_t to);

/* Adds an SA, or replaces that of its direction. */
void key_add(struct tunnel *, const struct sa *);
/* Adds both SAs of a pair from the sides, epoch and secret of the first. Refuses as key_put()
 * does. */
bool key_add_pair(struct tunnel *, struct sa pair[2], const char *where);
/* The first SA of a direction, or NULL. */
const struct sa *key_find(const struct tunnel *, size_t from, size_t to);
/* True if side TO already receives with this SPI: the kernel finds an SA by destination and SPI
 * (RFC 4301, section 4.1). */
bool key_spi_taken(const struct tunnel *, size_t to, uint32_t spi);
/* The first SA that the sender of a direction uses. The tunnel must have its keys. */
const struct sa *key_of(const struct tunnel *, size_t from, size_t to);
/* Wipes and frees. */
void key_free(struct tunnel *);

#endif
