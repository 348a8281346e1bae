/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "sha256.h"

#include <string.h>

/* FIPS 180-4, section 4.2.2 */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

/* Section 6.2.2 */
static void block_take(uint32_t state[8], const unsigned char *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7], w[64];

	for (int i = 0; i < 16; i++, block += 4)
		w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
		       (uint32_t)block[2] << 8 | block[3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (int i = 0; i < 64; i++) {
		const uint32_t one = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
		                     ((e & f) ^ (~e & g)) + constants[i] + w[i];
		const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
		                     ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + one;
		d = c;
		c = b;
		b = a;
		a = one + two;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
	/* the input may be secret */
	explicit_bzero(w, sizeof w);
}

void sha256_start(struct sha256 *hash)
{
	static const uint32_t start[8] = {
		/* section 5.3.3 */
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(hash->state, start, sizeof start);
	hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	while (length) {
		size_t used = hash->length % SHA256_BLOCK, part = SHA256_BLOCK - used;

		if (part > length)
			part = length;
		if (part == SHA256_BLOCK) {
			block_take(hash->state, from);
		} else {
			memcpy(hash->block + used, from, part);
			if (used + part == SHA256_BLOCK)
				block_take(hash->state, hash->block);
		}
		hash->length += part;
		from += part;
		length -= part;
	}
}

void sha256_end(struct sha256 *hash, unsigned char out[SHA256_LENGTH])
{
	uint64_t bits = hash->length * 8;
	unsigned char end[8];

	for (int i = 0; i < 8; i++)
		end[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_add(hash, "\x80", 1);
	while (hash->length % SHA256_BLOCK != SHA256_BLOCK - sizeof end)
		sha256_add(hash, "", 1);
	sha256_add(hash, end, sizeof end);
	for (int i = 0; i < SHA256_LENGTH; i++)
		out[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
	explicit_bzero(hash, sizeof *hash);
}

void sha256_hmac(unsigned char out[SHA256_LENGTH], const void *key, size_t key_length,
                 const void *bytes, size_t length)
{
	unsigned char pad[SHA256_BLOCK] = {0};
	struct sha256 hash;

	sha256_start(&hash);
	if (key_length > sizeof pad) {
		sha256_add(&hash, key, key_length);
		sha256_end(&hash, pad);
		sha256_start(&hash);
	} else if (key_length) {
		memcpy(pad, key, key_length);
	}
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36;
	sha256_add(&hash, pad, sizeof pad);
	sha256_add(&hash, bytes, length);
	sha256_end(&hash, out);

	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_start(&hash);
	sha256_add(&hash, pad, sizeof pad);
	sha256_add(&hash, out, SHA256_LENGTH);
	sha256_end(&hash, out);
	explicit_bzero(pad, sizeof pad);
}
