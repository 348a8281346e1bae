/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104): bytes in, bytes out. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64, SHA256_LENGTH = 32 };

struct sha256 {
	uint32_t state[8];
	uint64_t length;                     /* bytes so far */
	unsigned char block[SHA256_BLOCK];   /* an incomplete block */
};

void sha256_start(struct sha256 *);
void sha256_add(struct sha256 *, const void *bytes, size_t length);
/* Wipes what it had. */
void sha256_end(struct sha256 *, unsigned char out[SHA256_LENGTH]);

void sha256_hmac(unsigned char out[SHA256_LENGTH], const void *key, size_t key_length,
                 const void *bytes, size_t length);

#endif
