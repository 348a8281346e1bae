/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Between the model's copies and sections as helper/epoch.c takes them.  A stand-in for SHA-256
 * makes keys and secrets that show of which epoch they are. */
#include "world.h"

#include "../../helper/section.h"
#include "../../helper/sha256.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Derivation: a secret is its epoch over and over, a key that and the names ---- */

static void fake_secret(unsigned char out[SHA256_LENGTH], unsigned epoch)
{
	memset(out, (int)epoch, SHA256_LENGTH);
}

static void fake_key(unsigned char out[SHA256_LENGTH], char from, char to, unsigned epoch)
{
	const unsigned char word[4] = { (unsigned char)from, (unsigned char)to, 0,
		                        (unsigned char)epoch };

	for (int i = 0; i < SHA256_LENGTH; i++)
		out[i] = word[i % 4];
}

void sha256_start(struct sha256 *hash)
{
	hash->length = 0;
}

/* The line, which comes at once. */
static char hashed[128];

void sha256_add(struct sha256 *hash, const void *bytes, size_t length)
{
	if (hash->length || length >= sizeof hashed)
		errx(2, "the stand-in for SHA-256 takes one line");
	memcpy(hashed, bytes, length);
	hashed[length] = '\0';
	hash->length = length;
}

void sha256_end(struct sha256 *hash, unsigned char out[SHA256_LENGTH])
{
	static const char next[] = "xfrmpair next ", key[] = "xfrmpair key ";
	const char *secret = hashed + hash->length - 2 * SHA256_LENGTH - 1;
	const unsigned epoch = (unsigned)(hex_digit(secret[0]) << 4 | hex_digit(secret[1]));

	if (strncmp(hashed, next, sizeof next - 1) == 0)
		fake_secret(out, epoch + 1);
	else if (strncmp(hashed, key, sizeof key - 1) == 0)
		fake_key(out, hashed[sizeof key - 1], hashed[sizeof key + 1], epoch);
	else
		errx(2, "the stand-in for SHA-256 does not know: %s", hashed);
}

/* ---- Sections ---- */

static const struct cipher *cipher;
static struct section section;       /* the one that is worked on */
static struct section_peer other_side;

/* Gives the state the key that it has to have. */
static void key_state(struct state *state, const char *from, const char *to, unsigned epoch)
{
	unsigned char block[SHA256_LENGTH];
	const unsigned key_bytes = cipher_key_bytes(cipher);

	fake_key(block, from[0], to[0], epoch);
	memcpy(state->key, block, key_bytes);
	state->spi = (uint32_t)block[key_bytes] << 24 | (uint32_t)block[key_bytes + 1] << 16 |
	             (uint32_t)block[key_bytes + 2] << 8 | block[key_bytes + 3];
}

/* Makes the section of a side's copy. */
static void build(const struct copy *copy, int who)
{
	struct state rows[EPOCHS] = { 0 };
	const char *self = name_of(who), *other = name_of(peer_of(who));
	size_t count = 0;

	other_side = (struct section_peer){ .derived = copy->next,
		                            .heard = (uint32_t)copy->heard,
		                            .next = (uint32_t)copy->next };
	snprintf(other_side.name, sizeof other_side.name, "%s", other);
	fake_secret(other_side.secret, copy->next ? other_side.next : 100); /* fixed: none */
	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		struct state *row = &rows[count];

		if (!copy->in[epoch])
			continue;
		*row = (struct state){ .epoch = (uint32_t)epoch,
			               .sequence = (uint64_t)copy->in[epoch] - 1,
			               .replay_window = (unsigned)window,
			               .cipher = cipher };
		key_state(row, other, self, row->epoch);
		count++;
	}
	rows[count] = (struct state){ .outbound = true,
		                      .epoch = (uint32_t)copy->epoch,
		                      .sequence = (uint64_t)copy->out,
		                      .replay_window = (unsigned)window,
		                      .cipher = cipher };
	key_state(&rows[count], self, other, rows[count].epoch);
	count++;
	section.peers = &other_side;
	section.peer_count = 1;
	section_replace(&section, 0, rows, count);
}

static bool has_key(const struct state *state, const char *from, const char *to)
{
	struct state other = *state;

	key_state(&other, from, to, state->epoch);
	return other.spi == state->spi && memcmp(other.key, state->key, sizeof other.key) == 0;
}

static bool has_rows(const struct state *rows, size_t count)
{
	const uint32_t epoch = rows[count - 1].epoch;
	bool now = false, next = false;

	for (size_t i = 0; i + 1 < count; i++) {
		now |= rows[i].epoch == epoch;
		next |= rows[i].epoch == epoch + 1;
	}
	return now && (next || !other_side.derived);
}

static bool has_secret(const struct state *outbound)
{
	unsigned char secret[SHA256_LENGTH];

	fake_secret(secret, outbound->epoch + 1);
	return !other_side.derived || (other_side.next == outbound->epoch + 1 &&
	                               memcmp(secret, other_side.secret, sizeof secret) == 0);
}

/* Takes over what became of the section. */
static void harvest(struct copy *copy, int who)
{
	const char *self = name_of(who), *other = name_of(peer_of(who));
	size_t count;
	const struct state *rows = section_states(&section, 0, &count), *out = &rows[count - 1];

	if (!out->outbound || !has_key(out, self, other) || !has_rows(rows, count) ||
	    !has_secret(out))
		breaks(KEYS);
	memset(copy->in, 0, sizeof copy->in);
	for (size_t i = 0; i + 1 < count; i++) {
		if (rows[i].outbound || !has_key(&rows[i], other, self))
			breaks(KEYS);
		if (rows[i].epoch < EPOCHS)
			copy->in[rows[i].epoch] = (short)(rows[i].sequence + 1);
	}
	copy->heard = (short)other_side.heard;
	copy->next = (short)other_side.next;
	copy->epoch = (short)out->epoch;
	copy->out = (short)out->sequence;
}

/* As the generator writes it. */
static struct copy first_copy(void)
{
	struct copy copy = { .there = WHOLE, .made = 1, .epoch = 1, .in = { [1] = 1 } };

	if (!(scene & FIXED)) {
		copy.next = 2;
		copy.in[2] = 1;
	}
	return copy;
}
