/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* X25519 (RFC 7748): bytes in, bytes out.  No branch and no address depends on a secret. */
#ifndef X25519_H
#define X25519_H

#include <stdbool.h>

enum { X25519_LENGTH = 32 };

/* Computes SECRET times POINT. Returns false, and zeros, if POINT is of low order, because then the
 * result would not depend on SECRET. Any 32 bytes are a valid secret. The top bit of POINT is
 * ignored, and it is reduced modulo 2^255 - 19. */
bool x25519(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH],
            const unsigned char point[X25519_LENGTH]);
/* The public key of SECRET. */
void x25519_public(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH]);

#endif
