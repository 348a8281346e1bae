/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "key.h"
#include "epoch.h"
#include "random.h"
#include "say.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

static void wipe(struct tunnel *tunnel)
{
	if (tunnel->sas)
		explicit_bzero(tunnel->sas, tunnel->sa_room * sizeof *tunnel->sas);
	free(tunnel->sas);
}

void key_add(struct tunnel *tunnel, const struct sa *sa)
{
	size_t *number, direction = sa->to * tunnel->side_count + sa->from;

	if (!tunnel->directions)
		tunnel->directions =
			calloc(tunnel->side_count * tunnel->side_count, sizeof *tunnel->directions);
	if (!tunnel->directions)
		err(EXIT_BROKE, "memory");
	tunnel->directions[direction].spi = sa->spi;
	number = &tunnel->directions[direction].number;
	if (*number) {
		tunnel->sas[*number - 1] = *sa;
		return;
	}
	/* not realloc(3), which may leave a copy of the keys */
	if (tunnel->sa_count == tunnel->sa_room) {
		size_t room = tunnel->sa_room ? 2 * tunnel->sa_room : 8;
		struct sa *sas = calloc(room, sizeof *sas);

		if (!sas)
			err(EXIT_BROKE, "memory");
		if (tunnel->sa_count)
			memcpy(sas, tunnel->sas, tunnel->sa_count * sizeof *sas);
		wipe(tunnel);
		tunnel->sas = sas;
		tunnel->sa_room = room;
	}
	tunnel->sas[tunnel->sa_count++] = *sa;
	*number = tunnel->sa_count;
}

const struct sa *key_find(const struct tunnel *tunnel, size_t from, size_t to)
{
	size_t number =
		tunnel->directions ? tunnel->directions[to * tunnel->side_count + from].number : 0;

	return number ? &tunnel->sas[number - 1] : NULL;
}

const struct sa *key_of(const struct tunnel *tunnel, size_t from, size_t to)
{
	const struct sa *sa = key_find(tunnel, from, to);

	if (!sa)
		errx(EXIT_BROKE, "no key from %s to %s", tunnel->sides[from].name,
		     tunnel->sides[to].name);
	return sa;
}

bool key_spi_taken(const struct tunnel *tunnel, size_t to, uint32_t spi)
{
	for (size_t from = 0; tunnel->directions && from < tunnel->side_count; from++)
		if (tunnel->directions[to * tunnel->side_count + from].spi == spi)
			return true;
	return false;
}

/* Sets a fixed SPI and key. */
static void draw(struct sa *sa, const struct tunnel *tunnel)
{
	struct {
		uint32_t spi;
		unsigned char key[CIPHER_KEY_MOST];
	} drawn;
	unsigned key_bytes = cipher_key_bytes(tunnel->cipher);

	do
		random_fill(&drawn, sizeof drawn.spi + key_bytes);
	while (drawn.spi < EPOCH_SPI_LEAST || key_spi_taken(tunnel, sa->to, drawn.spi));
	sa->spi = drawn.spi;
	memcpy(sa->key, drawn.key, key_bytes);
	explicit_bzero(&drawn, sizeof drawn);
}

/* Sets SPI and key from the secret. */
static void derive(struct sa *sa, const struct tunnel *tunnel)
{
	struct state state = { .cipher = tunnel->cipher };

	epoch_derive(&state, tunnel->sides[sa->from].name, tunnel->sides[sa->to].name, sa->secret);
	sa->spi = state.spi;
	memcpy(sa->key, state.key, cipher_key_bytes(tunnel->cipher));
	explicit_bzero(&state, sizeof state);
}

/* Sets both SAs of a pair from the sides, epoch and secret of the first. */
static void derive_pair(struct sa pair[2], const struct tunnel *tunnel)
{
	pair[0].derived = true;
	pair[1] = pair[0];
	pair[1].from = pair[0].to;
	pair[1].to = pair[0].from;
	derive(&pair[0], tunnel);
	derive(&pair[1], tunnel);
}

static void draw_pair(struct sa pair[2], const struct tunnel *tunnel)
{
	do {
		random_fill(pair[0].secret, sizeof pair[0].secret);
		derive_pair(pair, tunnel);
	} while (key_spi_taken(tunnel, pair[0].to, pair[0].spi) ||
	         key_spi_taken(tunnel, pair[1].to, pair[1].spi));
}

/* Generates one direction or, with a secret, both. */
static void make(struct tunnel *tunnel, size_t from, size_t to, bool secret)
{
	struct sa pair[2] = { { .from = from, .to = to, .epoch = EPOCH_FIRST } };

	if (secret) {
		draw_pair(pair, tunnel);
		key_add(tunnel, &pair[0]);
		key_add(tunnel, &pair[1]);
	} else {
		draw(&pair[0], tunnel);
		key_add(tunnel, &pair[0]);
	}
	explicit_bzero(pair, sizeof pair);
}

void key_make(struct tunnel *tunnel)
{
	tunnel->sa_given = tunnel->sa_count;
	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++)
			if (tunnel_has_pair(tunnel, from, to) && !key_find(tunnel, from, to))
				make(tunnel, from, to, !key_find(tunnel, to, from));
}

bool key_renew(struct tunnel *tunnel, size_t from, size_t to)
{
	size_t number = tunnel->directions[to * tunnel->side_count + from].number;

	if (number <= tunnel->sa_given)
		return false;
	make(tunnel, from, to, tunnel->sas[number - 1].derived);
	return true;
}

bool key_add_pair(struct tunnel *tunnel, struct sa pair[2], const char *where)
{
	derive_pair(pair, tunnel);
	for (int i = 0; i < 2; i++)
		if (key_spi_taken(tunnel, pair[i].to, pair[i].spi))
			return refuse(where,
			              "the next SPI from %s to %s: %s already receives with it "
			              "(expected another secret)",
			              tunnel->sides[pair[i].from].name,
			              tunnel->sides[pair[i].to].name,
			              tunnel->sides[pair[i].to].name);
	key_add(tunnel, &pair[0]);
	key_add(tunnel, &pair[1]);
	return true;
}

bool key_put(struct tunnel *tunnel, size_t one, size_t two,
             const unsigned char secret[SECRET_BYTES], const char *where)
{
	struct sa pair[2] = { { .from = one, .to = two, .epoch = EPOCH_FIRST } };
	bool good;

	memcpy(pair[0].secret, secret, SECRET_BYTES);
	good = key_add_pair(tunnel, pair, where);
	explicit_bzero(pair, sizeof pair);
	tunnel->sa_given = tunnel->sa_count; /* from here on they must not be replaced */
	return good;
}

void key_free(struct tunnel *tunnel)
{
	wipe(tunnel);
	free(tunnel->directions);
	tunnel->sas = NULL;
	tunnel->directions = NULL;
	tunnel->sa_count = tunnel->sa_room = tunnel->sa_given = 0;
}
