/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses the rows that xfrm.c prints, word by word in the same order. */
#include "number.h"
#include "say.h"
#include "xfrm.h"

#include <string.h>

enum { WINDOW_MOST = 4096 }; /* packets: XFRMA_REPLAY_ESN_MAX of the kernel's net/xfrm.h */

struct row {
	char *rest;
	char *word;      /* the present word; NULL: end of the row */
	unsigned number; /* ... and its number, from 1 */
	const char *where;
};

static void advance(struct row *row)
{
	row->rest += strspn(row->rest, " ");
	row->word = *row->rest ? row->rest : NULL;
	row->number++;
	row->rest += strcspn(row->rest, " ");
	if (*row->rest)
		*row->rest++ = '\0';
}

static struct row begin(char *text, const char *where)
{
	struct row row = { .rest = text, .where = where };

	advance(&row);
	return row;
}

static bool fail_word(const struct row *row, const char *expected)
{
	if (!row->word)
		return refuse(row->where, "row too short (expected %s)", expected);
	return refuse(row->where, "word %u of the row is invalid (expected %s)", row->number,
	              expected);
}

static bool is(const struct row *row, const char *word)
{
	return row->word && strcmp(row->word, word) == 0;
}

static bool accept_word(struct row *row, const char *word)
{
	if (!is(row, word))
		return false;
	advance(row);
	return true;
}

static bool expect(struct row *row, const char *word)
{
	return accept_word(row, word) || fail_word(row, word);
}

/* Parses the words with which every row of the kind begins. */
static bool expect_all(struct row *row, const char *const *words)
{
	for (; *words; words++)
		if (!expect(row, *words))
			return false;
	return true;
}

static bool expect_end(const struct row *row)
{
	return !row->word || fail_word(row, "nothing more");
}

/* Parses the word NAME and the number after it. */
static bool read_number(struct row *row, const char *name, unsigned long long *out,
                        unsigned long long least, unsigned long long most)
{
	if (!expect(row, name))
		return false;
	if (!row->word || !number_parse(out, row->word, least, most))
		return refuse(row->where, "%s: not a number in range (expected %llu to %llu)", name,
		              least, most);
	advance(row);
	return true;
}

static bool read_u32(struct row *row, const char *name, uint32_t *out, uint32_t least)
{
	unsigned long long number;

	if (!read_number(row, name, &number, least, UINT32_MAX))
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool read_port(struct row *row, uint16_t *out)
{
	unsigned long long port;

	if (!row->word || !number_parse(&port, row->word, 1, UINT16_MAX))
		return fail_word(row, "a port");
	*out = (uint16_t)port;
	advance(row);
	return true;
}

static bool read_address(struct row *row, const char *name, struct address *out)
{
	if (!expect(row, name))
		return false;
	if (!row->word || !address_read(out, row->word))
		return fail_word(row, "an address");
	advance(row);
	return true;
}

/* 0x and eight digits. */
static bool read_spi(struct row *row, uint32_t *out)
{
	unsigned char bytes[4];

	if (!row->word || !hex_parse(bytes, sizeof bytes, row->word))
		return fail_word(row, "an SPI");
	*out = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
	if (!*out)
		return fail_word(row, "an SPI other than 0");
	advance(row);
	return true;
}

static bool read_mode(struct row *row, uint32_t *reqid, bool *transport)
{
	if (!read_u32(row, "reqid", reqid, 1) || !expect(row, "mode"))
		return false;
	*transport = is(row, "transport");
	return accept_word(row, "transport") || expect(row, "tunnel");
}

/* 0x and the digits of a number, without leading zeros. */
static bool read_if_id(struct row *row, uint32_t *out)
{
	const char *digit;

	if (!accept_word(row, "if_id"))
		return true;
	if (!row->word || strncmp(row->word, "0x", 2) != 0 || row->word[2] == '0' ||
	    !row->word[2] || strlen(row->word) > strlen("0xffffffff"))
		return fail_word(row, "an if_id like 0x1f");
	for (digit = row->word + 2; hex_digit(*digit) >= 0; digit++)
		*out = *out << 4 | (uint32_t)hex_digit(*digit);
	if (*digit)
		return fail_word(row, "an if_id like 0x1f");
	advance(row);
	return true;
}

static bool read_prefix(struct row *row, const char *name, struct prefix *out)
{
	if (!expect(row, name))
		return false;
	if (!row->word || !prefix_read(out, row->word))
		return fail_word(row, "a prefix");
	advance(row);
	return true;
}

static bool read_selector(struct row *row, struct policy *policy)
{
	unsigned long long proto;

	if (!read_prefix(row, "src", &policy->src.prefix) ||
	    !read_prefix(row, "dst", &policy->dst.prefix))
		return false;
	if (policy->src.prefix.address.family != policy->dst.prefix.address.family)
		return refuse(row->where,
		              "source and destination differ in address family");
	if (!is(row, "proto"))
		return true;
	if (!read_number(row, "proto", &proto, 1, UINT8_MAX))
		return false;
	policy->proto = (uint8_t)proto;
	return (!accept_word(row, "sport") || read_port(row, &policy->src.port)) &&
	       (!accept_word(row, "dport") || read_port(row, &policy->dst.port));
}

static bool read_direction(struct row *row, struct policy *policy)
{
	static const char *const names[] = { "in", "out", "fwd" };

	if (!expect(row, "dir"))
		return false;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (accept_word(row, names[i])) {
			policy->direction = (enum direction)i;
			return true;
		}
	return fail_word(row, "in, out or fwd");
}

/* The kernel takes the direction from the low three bits. */
static bool read_index(struct row *row, struct policy *policy)
{
	if (!is(row, "index"))
		return true;
	if (!read_u32(row, "index", &policy->index, 8))
		return false;
	return (policy->index & 7) == policy->direction ||
	       refuse(row->where, "index: of another direction (expected low bits in 0, out 1, fwd "
	                          "2)");
}

static bool read_template(struct row *row, struct policy *policy)
{
	static const char *const esp[] = { "proto", "esp", NULL };

	policy->action = ACTION_TUNNEL;
	return read_address(row, "src", &policy->template_src) &&
	       read_address(row, "dst", &policy->template_dst) && expect_all(row, esp) &&
	       (!accept_word(row, "spi") || read_spi(row, &policy->spi)) &&
	       read_mode(row, &policy->reqid, &policy->transport);
}

static bool read_action(struct row *row, struct policy *policy)
{
	if (accept_word(row, "tmpl"))
		return read_template(row, policy);
	policy->action = ACTION_ALLOW;
	if (!accept_word(row, "action"))
		return true;
	policy->action = ACTION_BLOCK;
	return expect(row, "block");
}

bool policy_parse(struct policy *out, char *text, const char *where)
{
	static const char *const first[] = { "xfrm", "policy", "add", NULL };
	struct row row = begin(text, where);
	uint32_t priority;

	*out = (struct policy){ 0 };
	if (!expect_all(&row, first) || !read_selector(&row, out) || !read_direction(&row, out) ||
	    !read_index(&row, out) || !read_u32(&row, "priority", &priority, 0))
		return false;
	out->priority = priority;
	return read_if_id(&row, &out->if_id) && read_action(&row, out) && expect_end(&row);
}

static bool read_flags(struct row *row, struct state *state)
{
	unsigned long long window;

	if (accept_word(row, "flag")) {
		state->esn = accept_word(row, "esn");
		state->af_unspec = accept_word(row, "af-unspec");
		if (!state->esn && !state->af_unspec)
			return fail_word(row, "esn or af-unspec");
	}
	if (!read_number(row, "replay-window", &window, 0, WINDOW_MOST))
		return false;
	state->replay_window = (unsigned)window;
	return true;
}

static bool read_sequence(struct row *row, struct state *state)
{
	uint32_t low, high = 0;

	state->outbound = is(row, "replay-oseq");
	if (!state->outbound && !is(row, "replay-seq"))
		return true;
	if (!read_u32(row, state->outbound ? "replay-oseq" : "replay-seq", &low, 0))
		return false;
	if (state->esn &&
	    !read_u32(row, state->outbound ? "replay-oseq-hi" : "replay-seq-hi", &high, 0))
		return false;
	state->sequence = (uint64_t)high << 32 | low;
	return true;
}

static bool read_limits(struct row *row, struct state *state)
{
	while (accept_word(row, "limit")) {
		bool bytes = !state->limit_packets && is(row, "byte-hard");
		unsigned long long *limit = bytes ? &state->limit_bytes : &state->limit_packets;

		if (*limit)
			return fail_word(row, "each limit once, bytes first");
		if (!read_number(row, bytes ? "byte-hard" : "packet-hard", limit, 1, UINT64_MAX))
			return false;
	}
	return true;
}

static bool read_encap(struct row *row, struct state *state)
{
	if (!accept_word(row, "encap"))
		return true;
	state->encap = is(row, "espinudp") ? ENCAP_ESPINUDP : ENCAP_ESPINUDP_NONIKE;
	return (accept_word(row, "espinudp") || expect(row, "espinudp-nonike")) &&
	       read_port(row, &state->sport) && read_port(row, &state->dport) &&
	       expect(row, "0.0.0.0");
}

/* Returns the present word, which must exist, and moves to the next one. */
static const char *take_word(struct row *row, const char *expected)
{
	const char *word = row->word;

	if (word)
		advance(row);
	else
		fail_word(row, expected);
	return word;
}

/* Parses a key; '' is the empty one. */
static size_t key_length(const char *key)
{
	return strcmp(key, "''") == 0 ? 0 : strlen(key) / 2 - 1;
}

static bool read_key(unsigned char *out, size_t bytes, const char *key)
{
	return bytes ? hex_parse(out, bytes, key) : strcmp(key, "''") == 0;
}

/* aead NAME KEY ICV, or enc NAME KEY auth-trunc NAME KEY ICV. */
static bool read_algorithms(struct row *row, struct state *state)
{
	const char *encryption, *key, *integrity = NULL, *auth = NULL;
	bool aead = accept_word(row, "aead");
	unsigned long long icv;

	if (!aead && !expect(row, "enc"))
		return false;
	encryption = take_word(row, "a cipher");
	key = encryption ? take_word(row, "a key") : NULL;
	if (!key)
		return false;
	if (!aead) {
		if (!expect(row, "auth-trunc"))
			return false;
		integrity = take_word(row, "a cipher");
		auth = integrity ? take_word(row, "a key") : NULL;
		if (!auth)
			return false;
	}
	if (!row->word || !number_parse(&icv, row->word, 0, UINT16_MAX))
		return fail_word(row, "the length of the ICV");
	state->cipher = cipher_of(encryption, integrity, (unsigned)icv, key_length(key));
	if (!state->cipher)
		return refuse(row->where, "unknown cipher or key length (expected one of xfrmpair "
		                          "--list-ciphers)");
	advance(row);
	if (!read_key(state->key, state->cipher->key_bytes, key) ||
	    (auth &&
	     !read_key(state->key + state->cipher->key_bytes, state->cipher->auth_bytes, auth)))
		return refuse(row->where, "key: invalid for %s (expected 0x and all its digits)",
		              state->cipher->name);
	return true;
}

/* # from NAME, epoch N, or # to NAME, epoch N. The name is not checked here. */
static bool read_comment(struct row *row, struct state *state, bool has_sequence)
{
	bool outbound;

	if (!accept_word(row, "#"))
		return true;
	outbound = is(row, "to");
	if (has_sequence && outbound != state->outbound)
		return fail_word(row, "the direction of the sequence number");
	state->outbound = outbound;
	return (accept_word(row, "to") || expect(row, "from")) && take_word(row, "a name") &&
	       read_u32(row, "epoch", &state->epoch, 1);
}

static bool read_state(struct row *row, struct state *state)
{
	static const char *const first[] = { "xfrm", "state", "add", NULL };
	static const char *const esp[] = { "proto", "esp", "spi", NULL };
	bool has_sequence;

	if (!expect_all(row, first) || !read_address(row, "src", &state->src) ||
	    !read_address(row, "dst", &state->dst) || !expect_all(row, esp) ||
	    !read_spi(row, &state->spi) || !read_mode(row, &state->reqid, &state->transport) ||
	    !read_flags(row, state))
		return false;
	has_sequence = is(row, "replay-seq") || is(row, "replay-oseq");
	return read_sequence(row, state) && read_if_id(row, &state->if_id) &&
	       read_limits(row, state) && read_encap(row, state) && read_algorithms(row, state) &&
	       read_comment(row, state, has_sequence) && expect_end(row);
}

bool state_parse(struct state *out, char *text, const char *where)
{
	struct row row = begin(text, where);

	*out = (struct state){ 0 };
	if (read_state(&row, out))
		return true;
	explicit_bzero(out, sizeof *out);
	return false;
}

static bool same_end(const struct selector_end *one, const struct selector_end *two)
{
	return one->port == two->port && one->prefix.length == two->prefix.length &&
	       address_equal(&one->prefix.address, &two->prefix.address);
}

bool policy_same_selector(const struct policy *one, const struct policy *two)
{
	return one->direction == two->direction && one->if_id == two->if_id &&
	       one->proto == two->proto && same_end(&one->src, &two->src) &&
	       same_end(&one->dst, &two->dst);
}

bool policy_equal(const struct policy *one, const struct policy *two)
{
	return policy_same_selector(one, two) && one->action == two->action &&
	       one->priority == two->priority && one->reqid == two->reqid && one->spi == two->spi &&
	       one->transport == two->transport &&
	       address_equal(&one->template_src, &two->template_src) &&
	       address_equal(&one->template_dst, &two->template_dst);
}
