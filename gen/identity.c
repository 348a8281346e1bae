/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "identity.h"
#include "key.h"
#include "say.h"
#include "sha256.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: a short hash that distinguishes runs and files. It has no security purpose. */
static uint32_t fnv1a(const char *bytes, size_t length)
{
	uint32_t value = 2166136261u;

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)bytes[i]) * 16777619u;
	return value;
}

uint32_t identity_reqid(const struct tunnel *tunnel, size_t one, size_t two)
{
	size_t low = one < two ? one : two, high = one < two ? two : one;
	char facts[2 * (NAME_MOST + 12) + 4];
	/* 0.1 had no version here.  So a script of 0.2 deletes no SA of a tunnel of 0.1 that is up
	 * with the same keys. */
	int length = snprintf(facts, sizeof facts, "0.2 %s %x %s %x\n", tunnel->sides[low].name,
	                      (unsigned)key_of(tunnel, low, high)->spi, tunnel->sides[high].name,
	                      (unsigned)key_of(tunnel, high, low)->spi);

	/* above the small numbers that daemons use, and a positive int for any tool */
	return (fnv1a(facts, (size_t)length) & 0x3fffffff) | 0x40000000;
}

struct pair {
	uint32_t reqid;
	size_t low, high;  /* indices of sides */
};

static int by_reqid(const void *one, const void *two)
{
	const struct pair *a = one, *b = two;

	if (a->reqid != b->reqid)
		return a->reqid < b->reqid ? -1 : 1;
	return a->high != b->high ? (a->high < b->high ? -1 : 1)
	                          : (a->low > b->low) - (a->low < b->low);
}

static size_t list_pairs(struct pair *pairs, const struct tunnel *tunnel)
{
	size_t count = 0;

	for (size_t high = 1; high < tunnel->side_count; high++)
		for (size_t low = 0; low < high; low++)
			if (tunnel_has_keys(tunnel, low, high))
				pairs[count++] = (struct pair){ identity_reqid(tunnel, low, high),
					                        low, high };
	return count;
}

static bool renew(struct tunnel *tunnel, const struct pair *pair)
{
	return key_renew(tunnel, pair->low, pair->high) || key_renew(tunnel, pair->high, pair->low);
}

bool identity_settle(struct tunnel *tunnel, const char *where)
{
	size_t count = (tunnel->star ? 2 : tunnel->side_count) * (tunnel->side_count - 1) / 2;
	struct pair *pairs = calloc(count, sizeof *pairs);
	bool good = true, renewed;

	if (!pairs)
		err(EXIT_BROKE, "memory");
	do {
		renewed = false;
		count = list_pairs(pairs, tunnel);
		qsort(pairs, count, sizeof *pairs, by_reqid);
		for (size_t i = 1; good && i < count; i++) {
			const struct pair *a = &pairs[i - 1], *b = &pairs[i];

			if (a->reqid != b->reqid)
				continue;
			if (renew(tunnel, a) || renew(tunnel, b))
				renewed = true;
			else
				good = refuse(where,
				              "the SPIs of %s and %s and those of %s and %s give "
				              "the same reqid, %u (expected %s)",
				              tunnel->sides[a->low].name,
				              tunnel->sides[a->high].name,
				              tunnel->sides[b->low].name,
				              tunnel->sides[b->high].name, (unsigned)a->reqid,
				              tunnel->exchanged ? "new endpoint strings, or the "
				                                  "sides in another order"
				                                : "new keys for one of these "
				                                  "pairs");
		}
	} while (good && renewed);
	free(pairs);
	return good;
}

static void add_options(struct text *facts, const struct tunnel *tunnel)
{
	text_printf(facts,
	            "%s esn %d transport %d lan %d hairpin %d interface %s mtu %u clamp %d guard "
	            "%d nonike %d limits %llu %llu\n",
	            tunnel->cipher->name, tunnel->esn, tunnel->transport, tunnel->lan,
	            tunnel->hairpin, tunnel->interface ? tunnel->interface : "", tunnel->mtu,
	            tunnel->clamp, tunnel->guard, tunnel->nonike, tunnel->limit_bytes,
	            tunnel->limit_packets);
	if (tunnel->star)
		text_add_string(facts, "star\n");
	if (tunnel->replay_window != REPLAY_WINDOW_DEFAULT)
		text_printf(facts, "replay window %u\n", tunnel->replay_window);
}

static void hash_text(unsigned char hash[SHA256_LENGTH], const struct text *text)
{
	struct sha256 sum;

	sha256_start(&sum);
	sha256_add(&sum, text->bytes, text->length);
	sha256_end(&sum, hash);
}

void identity_digest(struct tunnel *tunnel)
{
	struct text facts = { 0 };

	add_options(&facts, tunnel);
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		char local[OUTER_TEXT], mapped[OUTER_TEXT], net[NET_TEXT];

		text_printf(&facts, "%s %s %s", side->name, local_print(local, side),
		            mapped_print(mapped, side));
		for (size_t j = 0; j < side->net_count; j++)
			text_printf(&facts, " %s", net_print(net, &side->nets[j]));
		text_printf(&facts, "\n");
	}
	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++)
			if (tunnel_has_pair(tunnel, from, to)) {
				const struct sa *sa = key_of(tunnel, from, to);

				text_printf(&facts, "%zu %zu %x\n", from, to, (unsigned)sa->spi);
				if (sa->derived)
					text_printf(&facts, "epoch %u\n", (unsigned)sa->epoch);
			}
	tunnel->digest = fnv1a(facts.bytes, facts.length);
	hash_text(tunnel->facts, &facts);
	text_free(&facts);
}

/* In hexadecimal, because every libc prints IPv6 addresses differently. */
static void add_address(struct text *facts, const struct address *address)
{
	text_add_string(facts, " ");
	text_add_hex(facts, address->bytes, family_bits(address->family) / 8);
}

static void add_side(struct text *facts, const struct side *side)
{
	char public[PUBLIC_TEXT];

	text_add_string(facts, side->name);
	add_address(facts, &side->local.address);
	text_printf(facts, " %u", side->local.port);
	add_address(facts, &side->mapped.address);
	text_printf(facts, " %s %u", side->mapped_name, side->mapped.port);
	for (size_t i = 0; i < side->net_count; i++) {
		const struct net *net = &side->nets[i];

		add_address(facts, &net->prefix.address);
		text_printf(facts, "/%u/%u/%u", net->prefix.length, net->proto, net->port);
	}
	text_printf(facts, " #%s\n", public_print(public, side->public));
}

static void hash_again(unsigned char hash[SHA256_LENGTH])
{
	struct sha256 again;

	sha256_start(&again);
	sha256_add(&again, hash, SHA256_LENGTH);
	sha256_end(&again, hash);
}

/* Everything that decides the keys of the pair. */
static void add_keys(struct text *facts, const struct tunnel *tunnel, size_t self, size_t other)
{
	const struct sa *out = key_of(tunnel, self, other), *in = key_of(tunnel, other, self);

	text_printf(facts, "%s %u ", tunnel->sides[other].name, (unsigned)out->epoch);
	if (out->derived) {
		text_add_hex(facts, out->secret, sizeof out->secret);
	} else {
		text_add_hex(facts, out->key, sizeof out->key);
		text_add_hex(facts, in->key, sizeof in->key);
	}
	text_add_string(facts, "\n");
}

static uint32_t number_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct identity identity_of_side(const struct tunnel *tunnel, size_t self)
{
	enum { LEAST_PROTOCOL = 200, PROTOCOLS = 50 };
	unsigned char name[SHA256_LENGTH], numbers[SHA256_LENGTH];
	struct text facts = { 0 }, hex = { 0 };
	struct identity identity = { 0 };

	text_printf(&facts, "script of xfrmpair 1\n%s\n", tunnel->sides[self].name);
	text_add_hex(&facts, tunnel->facts, sizeof tunnel->facts);
	text_add_string(&facts, "\n");
	for (size_t other = 0; other < tunnel->side_count; other++)
		if (tunnel_has_pair(tunnel, self, other))
			add_keys(&facts, tunnel, self, other);
	hash_text(name, &facts);
	memcpy(numbers, name, sizeof numbers);
	hash_again(numbers);
	text_add_hex(&hex, name, sizeof name);
	memcpy(identity.store, hex.bytes, sizeof identity.store - 1);
	memcpy(identity.check, hex.bytes + SHA256_LENGTH, sizeof identity.check - 1);
	/* above the small numbers that the kernel and people use */
	identity.index = (number_at(numbers) | 0x80000000) & 0xbffffff8;
	identity.group = (number_at(numbers + 4) & 0x3fffffff) | 0x40000000;
	identity.route_protocol = LEAST_PROTOCOL + numbers[8] % PROTOCOLS; /* routing daemons in
	                                                                    * rt_protos have lower
	                                                                    * ones */
	text_free(&facts);
	text_free(&hex);
	return identity;
}

/* Each group is 40 bits modulo 100000, so the digits are almost uniform. A man in the middle needs
 * two altered exchanges with the same fingerprint, which takes 2^50 tries; the rounds make each try
 * expensive. */
static void print_fingerprint(char out[FINGERPRINT_TEXT], const unsigned char facts[SHA256_LENGTH])
{
	enum { GROUPS = 6, BYTES = 5, ROUNDS = 1 << 16 };
	unsigned char hash[SHA256_LENGTH];

	memcpy(hash, facts, sizeof hash);
	for (int i = 0; i < ROUNDS; i++)
		hash_again(hash);
	for (int i = 0; i < GROUPS; i++) {
		uint64_t group = 0;

		for (int j = 0; j < BYTES; j++)
			group = group << 8 | hash[BYTES * i + j];
		out += sprintf(out, "%s%05u", i ? " " : "", (unsigned)(group % 100000));
	}
}

void identity_exchange(struct tunnel *tunnel, unsigned char hash[SHA256_LENGTH])
{
	struct text facts = { 0 };

	text_add_string(&facts, "words of xfrmpair 1\n");
	add_options(&facts, tunnel);
	if (tunnel->phrase)
		text_add_string(&facts, "phrase\n");
	if (tunnel->inner.address.family != AF_UNSPEC) {
		text_add_string(&facts, "inner");
		add_address(&facts, &tunnel->inner.address);
		text_printf(&facts, "/%u\n", tunnel->inner.length);
	}
	for (size_t i = 0; i < tunnel->side_count; i++)
		add_side(&facts, &tunnel->sides[i]);
	hash_text(hash, &facts);
	memcpy(tunnel->facts, hash, sizeof tunnel->facts);
	tunnel->digest = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
	print_fingerprint(tunnel->fingerprint, hash);
	text_free(&facts);
}
