/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Reads the rows of commands, in the syntax of ip-xfrm(8), and compares them with the plan that they
 * were printed from. */
#include "promises.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MOST = 64, LINE_MOST = 2048 };

/* The words of one line. */
struct words {
	char line[LINE_MOST];
	char *list[WORDS_MOST];
	size_t count, next;
	bool good;
};

static void split(struct words *words, const char *text, size_t length)
{
	char *rest = words->line, *word;

	*words = (struct words){ .good = length < LINE_MOST };
	memcpy(words->line, text, words->good ? length : 0);
	while ((word = strsep(&rest, " ")) && words->count < WORDS_MOST)
		if (*word)
			words->list[words->count++] = word;
	words->good &= !word;
}

/* Skips the next word and returns true if it is this one. */
static bool skip(struct words *words, const char *word)
{
	if (words->next >= words->count || strcmp(words->list[words->next], word) != 0)
		return false;
	words->next++;
	return true;
}

static void want(struct words *words, const char *word)
{
	words->good &= skip(words, word);
}

static const char *take(struct words *words)
{
	if (words->next < words->count)
		return words->list[words->next++];
	words->good = false;
	return "";
}

static unsigned long long take_number(struct words *words)
{
	const char *word = take(words);
	char *end;
	unsigned long long number = strtoull(word, &end, 0);

	words->good &= *word && !*end;
	return number;
}

/* A port or a limit: zero is not printed. */
static unsigned long long take_more_than_zero(struct words *words)
{
	unsigned long long number = take_number(words);

	words->good &= number > 0;
	return number;
}

static struct address take_address(struct words *words)
{
	struct address address;

	words->good &= address_parse(&address, take(words), "readback");
	return address;
}

static struct prefix take_prefix(struct words *words)
{
	char text[PREFIX_TEXT];
	struct prefix prefix = { 0 };
	char *slash;

	snprintf(text, sizeof text, "%s", take(words));
	slash = strchr(text, '/');
	if (!slash) {
		words->good = false;
		return prefix;
	}
	*slash = '\0';
	words->good &= address_parse(&prefix.address, text, "readback");
	prefix.length = (unsigned)strtoul(slash + 1, NULL, 10);
	return prefix;
}

static enum direction take_direction(struct words *words)
{
	if (skip(words, "in"))
		return DIRECTION_IN;
	if (skip(words, "fwd"))
		return DIRECTION_FWD;
	want(words, "out");
	return DIRECTION_OUT;
}

static bool take_mode(struct words *words)
{
	want(words, "mode");
	if (skip(words, "transport"))
		return true;
	want(words, "tunnel");
	return false;
}

static void take_template(struct words *words, struct policy *policy)
{
	policy->action = ACTION_TUNNEL;
	want(words, "src");
	policy->template_src = take_address(words);
	want(words, "dst");
	policy->template_dst = take_address(words);
	want(words, "proto");
	want(words, "esp");
	if (skip(words, "spi"))
		policy->spi = (uint32_t)take_number(words);
	want(words, "reqid");
	policy->reqid = (uint32_t)take_number(words);
	policy->transport = take_mode(words);
}

static struct policy take_policy(struct words *words)
{
	struct policy policy = { .action = ACTION_ALLOW };

	want(words, "src");
	policy.src.prefix = take_prefix(words);
	want(words, "dst");
	policy.dst.prefix = take_prefix(words);
	if (skip(words, "proto"))
		policy.proto = (uint8_t)take_number(words);
	if (policy.proto && skip(words, "sport"))
		policy.src.port = (uint16_t)take_more_than_zero(words);
	if (policy.proto && skip(words, "dport"))
		policy.dst.port = (uint16_t)take_more_than_zero(words);
	want(words, "dir");
	policy.direction = take_direction(words);
	want(words, "priority");
	policy.priority = (unsigned)take_number(words);
	if (skip(words, "if_id"))
		policy.if_id = (uint32_t)take_number(words);
	if (skip(words, "tmpl"))
		take_template(words, &policy);
	if (skip(words, "action")) {
		want(words, "block");
		policy.action = ACTION_BLOCK;
	}
	words->good &= words->next == words->count;
	return policy;
}

static void take_limits(struct words *words, struct state *state)
{
	while (skip(words, "limit")) {
		if (skip(words, "byte-hard")) {
			state->limit_bytes = take_more_than_zero(words);
			continue;
		}
		want(words, "packet-hard");
		state->limit_packets = take_more_than_zero(words);
	}
}

static void take_key(struct words *words, unsigned char *key, unsigned bytes)
{
	if (bytes)
		words->good &= hex_parse(key, bytes, take(words));
	else
		want(words, "''");
}

static void take_algorithms(struct words *words, struct state *state, const struct cipher *cipher)
{
	state->cipher = cipher;
	want(words, cipher->integrity ? "enc" : "aead");
	want(words, cipher->encryption);
	take_key(words, state->key, cipher->key_bytes);
	if (cipher->integrity) {
		want(words, "auth-trunc");
		want(words, cipher->integrity);
		take_key(words, state->key + cipher->key_bytes, cipher->auth_bytes);
	}
	words->good &= take_number(words) == cipher->icv_bits;
}

static void take_encap(struct words *words, struct state *state)
{
	state->encap = skip(words, "espinudp-nonike") ? ENCAP_ESPINUDP_NONIKE : ENCAP_ESPINUDP;
	if (state->encap == ENCAP_ESPINUDP)
		want(words, "espinudp");
	state->sport = (uint16_t)take_number(words);
	state->dport = (uint16_t)take_number(words);
	want(words, "0.0.0.0");
}

static struct state take_state(struct words *words, const struct cipher *cipher)
{
	struct state state = { 0 };

	want(words, "src");
	state.src = take_address(words);
	want(words, "dst");
	state.dst = take_address(words);
	want(words, "proto");
	want(words, "esp");
	want(words, "spi");
	state.spi = (uint32_t)take_number(words);
	want(words, "reqid");
	state.reqid = (uint32_t)take_number(words);
	state.transport = take_mode(words);
	if (skip(words, "flag")) {
		state.esn = skip(words, "esn");
		state.af_unspec = skip(words, "af-unspec");
		words->good &= state.esn || state.af_unspec;
	}
	want(words, "replay-window");
	state.replay_window = (unsigned)take_number(words);
	if (skip(words, "if_id"))
		state.if_id = (uint32_t)take_number(words);
	take_limits(words, &state);
	if (skip(words, "encap"))
		take_encap(words, &state);
	take_algorithms(words, &state, cipher);
	words->good &= words->next == words->count;
	return state;
}

static bool same_end(const struct selector_end *one, const struct selector_end *two)
{
	return address_equal(&one->prefix.address, &two->prefix.address) &&
	       one->prefix.length == two->prefix.length && one->port == two->port;
}

static bool same_policy(const struct policy *one, const struct policy *two)
{
	return same_end(&one->src, &two->src) && same_end(&one->dst, &two->dst) &&
	       one->proto == two->proto && one->direction == two->direction &&
	       one->action == two->action && one->priority == two->priority &&
	       one->if_id == two->if_id && one->reqid == two->reqid && one->spi == two->spi &&
	       one->transport == two->transport &&
	       address_equal(&one->template_src, &two->template_src) &&
	       address_equal(&one->template_dst, &two->template_dst);
}

static bool same_state(const struct state *one, const struct state *two)
{
	return address_equal(&one->src, &two->src) && address_equal(&one->dst, &two->dst) &&
	       one->spi == two->spi && one->reqid == two->reqid &&
	       one->transport == two->transport && one->esn == two->esn &&
	       one->af_unspec == two->af_unspec && one->replay_window == two->replay_window &&
	       one->if_id == two->if_id && one->limit_bytes == two->limit_bytes &&
	       one->limit_packets == two->limit_packets && one->encap == two->encap &&
	       one->sport == two->sport && one->dport == two->dport &&
	       memcmp(one->key, two->key, sizeof one->key) == 0;
}

static bool is_row(const char *line)
{
	return strncmp(line, "xfrm ", strlen("xfrm ")) == 0 ||
	       strncmp(line, "ip xfrm ", strlen("ip xfrm ")) == 0;
}

/* True for a quote that is not one of two, which are an empty word. */
static bool is_single_quote(const char *p)
{
	return *p == '\'' && p[-1] != '\'' && p[1] != '\'';
}

/* Copies the next xfrm row of the text, with its continued lines joined, and without `ip` and the
 * quotes of a shell.  Returns false if there is none. */
static bool next_row(const char **text, char out[LINE_MOST])
{
	size_t length = 0;

	while (**text && !is_row(*text)) {
		*text += strcspn(*text, "\n");
		*text += **text == '\n';
	}
	if (strncmp(*text, "ip ", strlen("ip ")) == 0)
		*text += strlen("ip ");
	for (; **text && **text != '\n' && length < LINE_MOST - 1; ++*text) {
		if (strncmp(*text, "\\\n", 2) == 0)
			++*text;
		else if (!is_single_quote(*text))
			out[length++] = **text;
	}
	out[length] = '\0';
	return length;
}

static bool is_policy(const char *row, const struct policy *policy)
{
	struct words words;
	struct policy copy;

	split(&words, row, strlen(row));
	want(&words, "xfrm");
	want(&words, "policy");
	want(&words, "add");
	copy = take_policy(&words);
	return words.good && same_policy(&copy, policy);
}

static bool is_state(const char *row, const struct state *state)
{
	struct words words;
	struct state copy;

	split(&words, row, strlen(row));
	want(&words, "xfrm");
	want(&words, "state");
	want(&words, "add");
	copy = take_state(&words, state->cipher);
	return words.good && same_state(&copy, state);
}

static const char *difference(const char *row)
{
	static char text[LINE_MOST + 32];

	snprintf(text, sizeof text, "a printed row differs from the plan: %s", row);
	return text;
}

/* Commands have no second epoch, so their policies are not pinned to an SPI. */
static const char *policies_broken(const struct policies *policies, const char **commands)
{
	const struct names names = { 0 };
	struct text text = { 0 };
	const char *why = NULL;
	char row[LINE_MOST];

	for (size_t i = 0; !why && i < policies->count; i++) {
		struct policy policy = policies->rows[i];
		const char *printed;

		text_empty(&text);
		policy_print(&text, &policy, &names);
		printed = text.bytes;
		next_row(&printed, row);
		if (!is_policy(row, &policy))
			why = difference(row);
		policy.spi = 0;
		next_row(commands, row);
		if (!why && !is_policy(row, &policy))
			why = difference(row);
	}
	text_free(&text);
	return why;
}

static const char *states_broken(const struct plan *plan, const char **commands)
{
	char row[LINE_MOST];

	for (size_t i = 0; i < 2 * plan->peer_count; i++) {
		next_row(commands, row);
		if (!is_state(row, &plan->states[i]))
			return difference(row);
	}
	return NULL;
}

const char *rows_broken(const struct plan *plan, const char *commands)
{
	const char *why = policies_broken(&plan->blocks, &commands);
	char row[LINE_MOST];

	if (!why)
		why = states_broken(plan, &commands);
	if (!why)
		why = policies_broken(&plan->bypasses, &commands);
	if (!why)
		why = policies_broken(&plan->neighbours, &commands);
	if (!why)
		why = policies_broken(&plan->tunnels, &commands);
	if (!why && next_row(&commands, row))
		why = difference(row);
	return why;
}
