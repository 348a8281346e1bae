/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "epoch.h"
#include "sha256.h"

#include <string.h>

/* ---- Derivation ---- */

/* SHA-256 of a line, the same as `echo "xfrmpair … SECRET" | sha256sum`. */
static void hash_line(unsigned char out[SHA256_LENGTH], struct text *line,
                      const unsigned char secret[SECTION_SECRET])
{
	struct sha256 hash;

	text_add_hex(line, secret, SECTION_SECRET);
	text_add(line, "\n", 1);
	sha256_start(&hash);
	sha256_add(&hash, line->bytes, line->length);
	sha256_end(&hash, out);
	text_free(line);
}

void epoch_next(unsigned char secret[SECTION_SECRET])
{
	struct text line = { 0 };

	text_add_string(&line, "xfrmpair next ");
	hash_line(secret, &line, secret);
}

void epoch_token(unsigned char token[SECTION_SECRET], const unsigned char secret[SECTION_SECRET])
{
	struct text line = { 0 };

	text_add_string(&line, "xfrmpair punch ");
	hash_line(token, &line, secret);
}

void epoch_derive(struct state *state, const char *from, const char *to,
                  const unsigned char secret[SECTION_SECRET])
{
	const unsigned key_bytes = cipher_key_bytes(state->cipher);
	unsigned char blocks[CIPHER_KEY_MOST + SHA256_LENGTH], *end = blocks;
	const unsigned char *spi = blocks + key_bytes;

	for (unsigned i = 1; end < spi + sizeof state->spi; i++, end += SHA256_LENGTH) {
		struct text line = { 0 };

		text_join(&line, "xfrmpair key ", from, " ", to, " ", NULL);
		text_add_number(&line, i);
		text_add_string(&line, " ");
		hash_line(end, &line, secret);
	}
	memcpy(state->key, blocks, key_bytes);
	state->spi = (uint32_t)spi[0] << 24 | (uint32_t)spi[1] << 16 | (uint32_t)spi[2] << 8 |
	             spi[3];
	if (state->spi < EPOCH_SPI_LEAST)
		state->spi += EPOCH_SPI_LEAST;
	explicit_bzero(blocks, sizeof blocks);
}

/* ---- Epochs ---- */

enum {
	INBOUND_MOST = 3,  /* inbound states of a peer: previous, present and next epoch */
	ROWS_MOST = INBOUND_MOST + 2,
};

static struct state *outbound_of(const struct section *section, size_t peer)
{
	size_t count;
	struct state *states = section_states(section, peer, &count);

	return &states[count - 1];
}

uint32_t epoch_present(const struct section *section, size_t peer)
{
	return outbound_of(section, peer)->epoch;
}

/* The lowest epoch with which the peer may still send while this side is in epoch PRESENT. A peer
 * that was received with the present one has recorded it, so it does not go back. */
static uint32_t lowest_needed(const struct section_peer *peer, uint32_t present)
{
	return peer->heard >= present ? present : present - 1;
}

/* Copies the inbound rows from epoch LOWEST to HIGHEST and returns how many there are. */
static size_t copy_inbound(struct state rows[INBOUND_MOST], const struct section *section,
                           size_t peer, uint32_t lowest, uint32_t highest)
{
	size_t count, copied = 0;
	const struct state *states = section_states(section, peer, &count);

	for (size_t i = 0; i + 1 < count && copied < INBOUND_MOST; i++)
		if (states[i].epoch >= lowest && states[i].epoch <= highest)
			rows[copied++] = states[i];
	return copied;
}

bool epoch_forget(struct section *section, size_t peer)
{
	struct state rows[ROWS_MOST];
	const uint32_t present = epoch_present(section, peer);
	size_t count, kept;

	section_states(section, peer, &count);
	kept = copy_inbound(rows, section, peer, lowest_needed(&section->peers[peer], present),
	                    present + 1);
	rows[kept++] = *outbound_of(section, peer);
	if (kept < count)
		section_replace(section, peer, rows, kept);
	explicit_bzero(rows, sizeof rows);
	return kept < count;
}

/* Makes STATE a new SA of that epoch. */
static void renew(struct state *state, uint32_t epoch, const char *from, const char *to,
                  const unsigned char secret[SECTION_SECRET])
{
	state->epoch = epoch;
	state->sequence = 0;
	epoch_derive(state, from, to, secret);
}

/* True if the section has an SA with the same destination and SPI, which identify an SA (RFC 4301,
 * section 4.1). */
static bool is_taken(const struct section *section, const struct state *state)
{
	for (size_t i = 0; i < section->state_count; i++) {
		const struct state *other = &section->states[i];

		if (other->spi == state->spi && other->outbound == state->outbound &&
		    address_equal(&other->dst, &state->dst))
			return true;
	}
	return false;
}

enum epoch_turn epoch_turn(struct section *section, size_t peer, const char *name)
{
	struct section_peer *other = &section->peers[peer];
	const uint32_t present = epoch_present(section, peer);
	struct state rows[ROWS_MOST], *inbound, *outbound;
	unsigned char secret[SECTION_SECRET];
	enum epoch_turn turn = EPOCH_TURNED;
	size_t count, kept;

	if (!other->derived)
		return EPOCH_FIXED;
	if (!other->heard)
		return EPOCH_NOT_HEARD;
	if (other->heard < present)
		return EPOCH_NOT_FOLLOWED;
	kept = copy_inbound(rows, section, peer, lowest_needed(other, present + 1), present + 1);
	inbound = &rows[kept++];
	*inbound = *section_states(section, peer, &count);
	outbound = &rows[kept++];
	*outbound = *outbound_of(section, peer);

	memcpy(secret, other->secret, sizeof secret);
	renew(outbound, present + 1, name, other->name, secret);
	epoch_next(secret);
	renew(inbound, present + 2, other->name, name, secret);
	if (is_taken(section, inbound) || is_taken(section, outbound)) {
		turn = EPOCH_SPI_TAKEN;
	} else {
		section_replace(section, peer, rows, kept);
		memcpy(other->secret, secret, sizeof secret);
		other->next = present + 2;
	}
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(rows, sizeof rows);
	return turn;
}

/* ---- Numbers ---- */

static uint64_t last_number(const struct state *state)
{
	return state->esn ? UINT64_MAX : UINT32_MAX;
}

static void raise_number(struct state *state, uint64_t number, unsigned more)
{
	const uint64_t last = last_number(state);

	number = number < last - more ? number + more : last;
	if (state->sequence < number)
		state->sequence = number;
}

/* One window higher, because the next SA begins with an empty window, and would accept replays of
 * what this one received. */
static void tally_inbound(struct state *state, const struct epoch_seen *seen, uint32_t *heard)
{
	if (!seen->packets)
		return;
	raise_number(state, seen->sequence, state->replay_window);
	if (*heard < state->epoch)
		*heard = state->epoch;
}

void epoch_tally(struct section *section, const struct epoch_seen *seen)
{
	for (size_t peer = 0; peer < section->peer_count; peer++) {
		size_t count;
		struct state *states = section_states(section, peer, &count);

		for (size_t i = 0; i < count; i++, seen++) {
			if (!seen->present)
				continue;
			if (states[i].outbound)
				raise_number(&states[i], seen->sequence, 0);
			else
				tally_inbound(&states[i], seen, &section->peers[peer].heard);
		}
	}
}

uint32_t epoch_start(struct section *section, size_t peer)
{
	struct state *outbound = outbound_of(section, peer);
	const uint64_t last = last_number(outbound);
	uint64_t starts = 0;

	if (outbound->sequence < last) /* and at least one number is left to send with */
		starts = (last - 1 - outbound->sequence) / EPOCH_MARGIN;
	outbound->sequence = starts ? outbound->sequence + EPOCH_MARGIN : last;
	return starts < UINT32_MAX ? (uint32_t)starts : UINT32_MAX;
}
