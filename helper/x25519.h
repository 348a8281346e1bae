/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* X25519 (RFC 7748): bytes in, bytes out.  No branch and no address depends on a secret. */
#ifndef X25519_H
#define X25519_H

#include <stdbool.h>

enum { X25519_LENGTH = 32 };

/* SECRET times POINT; false, and zeros, when POINT is of low order, so that the result would not
 * depend on SECRET.  Any 32 bytes are a secret; of POINT the top bit counts for nothing, and values
 * from 2^255 - 19 on are taken as what is left of them. */
bool x25519(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH],
            const unsigned char point[X25519_LENGTH]);
/* The public key of SECRET. */
void x25519_public(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH]);

#endif
