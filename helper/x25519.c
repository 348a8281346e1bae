/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "x25519.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A number modulo p = 2^255 - 19, as the sum of its limbs: limb i counts 2^ceil(25.5 i), and has 26
 * bits and 25 in turn, with a sign.  After a carry no limb is beyond 2^25.01.  Two such may be
 * added, or subtracted: of factors with limbs to 2^26.01, 19 of the second are an int32_t still,
 * and ten products, with 19 and 2, stay below 2^61. */
enum { LIMBS = 10 };
typedef int32_t number[LIMBS];

static int bits_of(int limb)
{
	return 26 - limb % 2;
}

/* Carries the excess of each limb to the next one; that of the last goes to the first, times 19,
 * because 2^255 = 19. */
static void carry(number out, int64_t wide[LIMBS + 1])
{
	wide[LIMBS] = 0;
	for (int i = 0; i < LIMBS; i++) {
		int64_t much = (wide[i] + (1 << (bits_of(i) - 1))) >> bits_of(i);

		out[i] = (int32_t)(wide[i] - much * (1 << bits_of(i)));
		wide[i + 1] += much;
	}
	wide[0] = out[0] + 19 * wide[LIMBS];
	wide[LIMBS] = (wide[0] + (1 << 25)) >> 26;
	out[0] = (int32_t)(wide[0] - wide[LIMBS] * (1 << 26));
	out[1] += (int32_t)wide[LIMBS];
}

/* Limb k of the product is of all i and k - i; where that is below 0, it is the limb 10 further on,
 * 19 times.  Two odd limbs count 2^25.5 each, rounded up both times: their product comes twice. */
static void multiply(number out, const number a, const number b)
{
	struct {
		int32_t once[LIMBS], twice[LIMBS], other[2 * LIMBS];
		int64_t wide[LIMBS + 1];
	} s;

	for (int i = 0; i < LIMBS; i++) {
		s.once[i] = a[i];
		s.twice[i] = a[i] * (1 + i % 2);
		s.other[i] = b[i] * 19;
		s.other[LIMBS + i] = b[i];
	}
	for (int k = 0; k < LIMBS; k++) {
		const int32_t *from = k % 2 ? s.once : s.twice, *to = &s.other[LIMBS + k];
		int64_t sum = 0;

		for (int i = 0; i < LIMBS; i++)
			sum += (int64_t)from[i] * to[-i];
		s.wide[k] = sum;
	}
	carry(out, s.wide);
	explicit_bzero(&s, sizeof s);
}

static void multiply_small(number out, const number a, int32_t b)
{
	int64_t wide[LIMBS + 1];

	for (int i = 0; i < LIMBS; i++)
		wide[i] = (int64_t)a[i] * b;
	carry(out, wide);
	explicit_bzero(wide, sizeof wide);
}

static void add(number out, const number a, const number b)
{
	for (int i = 0; i < LIMBS; i++)
		out[i] = a[i] + b[i];
}

static void subtract(number out, const number a, const number b)
{
	for (int i = 0; i < LIMBS; i++)
		out[i] = a[i] - b[i];
}

/* a^(p - 2), which is 1/a: of the exponent's 255 bits all but the second and the fourth are ones.
 */
static void invert(number out, const number a)
{
	number power;

	memcpy(power, a, sizeof power);
	for (int bit = 253; bit >= 0; bit--) {
		multiply(power, power, power);
		if (bit != 2 && bit != 4)
			multiply(power, power, a);
	}
	memcpy(out, power, sizeof power);
	explicit_bzero(power, sizeof power);
}

/* Swaps when SWAP is 1, and not when it is 0. */
static void swap_if(int32_t swap, number a, number b)
{
	for (int i = 0; i < LIMBS; i++) {
		int32_t differing = -swap & (a[i] ^ b[i]);

		a[i] ^= differing;
		b[i] ^= differing;
	}
}

static void read_number(number out, const unsigned char bytes[X25519_LENGTH])
{
	for (int limb = 0, bit = 0; limb < LIMBS; bit += bits_of(limb++)) {
		uint64_t word = 0;

		for (int i = 4; i >= 0; i--)
			word = word << 8 | (bit / 8 + i < X25519_LENGTH ? bytes[bit / 8 + i] : 0);
		out[limb] = (int32_t)(word >> bit % 8 & ((1u << bits_of(limb)) - 1));
	}
}

/* The one from 0 to p - 1, of a number that was carried. */
static void write_number(unsigned char bytes[X25519_LENGTH], const number a)
{
	int64_t wide[LIMBS], much = (19 * (int64_t)a[LIMBS - 1] + (1 << 24)) >> 25;
	uint64_t word = 0;
	int bits = 0;

	/* how often p is in it: what is carried out at the top, with one limb's worth of 19 more */
	for (int i = 0; i < LIMBS; i++)
		much = (a[i] + much) >> bits_of(i);
	for (int i = 0; i < LIMBS; i++)
		wide[i] = a[i];
	wide[0] += 19 * much;
	for (int i = 0; i < LIMBS; i++) {
		much = wide[i] >> bits_of(i);
		wide[i] -= much * (1 << bits_of(i));
		if (i + 1 < LIMBS)
			wide[i + 1] += much;
		word |= (uint64_t)wide[i] << bits;
		for (bits += bits_of(i); bits >= 8; bits -= 8, word >>= 8)
			*bytes++ = (unsigned char)word;
	}
	*bytes = (unsigned char)word; /* 255 bits: seven are left */
	explicit_bzero(wide, sizeof wide);
}

/* Section 5: the Montgomery ladder, with the names that it has there. */
bool x25519(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH],
            const unsigned char point[X25519_LENGTH])
{
	enum { A24 = 121665 };
	unsigned char scalar[X25519_LENGTH], any = 0;
	number x1, x2 = { 1 }, z2 = { 0 }, x3, z3 = { 1 }, a, b, c, d;
	int32_t swap = 0;

	memcpy(scalar, secret, sizeof scalar);
	scalar[0] &= 248;
	scalar[31] = (scalar[31] & 127) | 64;
	read_number(x1, point);
	memcpy(x3, x1, sizeof x3);
	for (int t = 254; t >= 0; t--) {
		int32_t bit = scalar[t / 8] >> t % 8 & 1;

		swap_if(swap ^ bit, x2, x3);
		swap_if(swap ^ bit, z2, z3);
		swap = bit;
		add(a, x2, z2);
		subtract(b, x2, z2);
		add(c, x3, z3);
		subtract(d, x3, z3);
		multiply(d, d, a);           /* DA */
		multiply(c, c, b);           /* CB */
		add(x3, d, c);
		multiply(x3, x3, x3);
		subtract(z3, d, c);
		multiply(z3, z3, z3);
		multiply(z3, z3, x1);
		multiply(a, a, a);           /* AA */
		multiply(b, b, b);           /* BB */
		multiply(x2, a, b);
		subtract(b, a, b);           /* E */
		multiply_small(c, b, A24);
		add(a, a, c);
		multiply(z2, b, a);
	}
	swap_if(swap, x2, x3);
	swap_if(swap, z2, z3);
	invert(z2, z2);
	multiply(x2, x2, z2);
	write_number(out, x2);
	for (size_t i = 0; i < X25519_LENGTH; i++)
		any |= out[i];
	explicit_bzero(scalar, sizeof scalar);
	for (size_t i = 0; i < 9; i++)
		explicit_bzero((int32_t *[]){ x1, x2, z2, x3, z3, a, b, c, d }[i], sizeof(number));
	return any;
}

void x25519_public(unsigned char out[X25519_LENGTH], const unsigned char secret[X25519_LENGTH])
{
	static const unsigned char base[X25519_LENGTH] = { 9 };

	x25519(out, secret, base);
}
