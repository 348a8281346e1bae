/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "firewall_rule.h"

#include <string.h>

typedef enum rule_match match_value(const char *value, const struct flow *, int which);

/* `VALUE`, `!= VALUE`, `{ VALUE, VALUE }`, `@SET`. */
static enum rule_match match_values(struct rule_words *words, match_value *match,
                                    const struct flow *flow, int which)
{
	bool inverse = rule_words_next_is(words, "!=");
	enum rule_match best = MATCH_NONE;
	char *value;

	rule_words_next_is(words, "==");
	if (!rule_words_next_is(words, "{")) {
		const char *word = rule_words_next(words);

		best = *word == '@' ? MATCH_PERHAPS : match(word, flow, which);
		return inverse ? match_opposite(best) : best;
	}
	while (words->at < words->count && !rule_words_next_is(words, "}")) {
		enum rule_match one;

		value = words->list[words->at++];
		value[strcspn(value, ",")] = '\0';
		one = match(value, flow, which);
		best = one < best ? one : best;
	}
	return inverse ? match_opposite(best) : best;
}

enum { WHICH_IN, WHICH_OUT };

static enum rule_match nft_state(const char *value, const struct flow *flow, int which)
{
	(void)which;
	return match_state(value, flow);
}

static enum rule_match nft_link(const char *value, const struct flow *flow, int which)
{
	return match_link(value, which == WHICH_IN ? flow->in_link : flow->out_link);
}

static enum rule_match nft_prefix(const char *value, const struct flow *flow, int which)
{
	return match_prefix(value, which == WHICH_IN ? &flow->src : &flow->dst);
}

static enum rule_match nft_protocol(const char *value, const struct flow *flow, int which)
{
	(void)which;
	return match_protocol(value, flow);
}

static enum rule_match nft_port(const char *value, const struct flow *flow, int which)
{
	return match_port(value, which == WHICH_IN ? flow->sport : flow->dport, flow);
}

static enum rule_match nft_family(const char *value, const struct flow *flow, int which)
{
	(void)which;
	return strcmp(value, flow->family == AF_INET6 ? "ipv6" : "ipv4") == 0 ? MATCH_ALL
	                                                                      : MATCH_NONE;
}

static enum rule_match nft_unknown(const char *value, const struct flow *flow, int which)
{
	(void)value;
	(void)flow;
	(void)which;
	return MATCH_PERHAPS;
}

static enum rule_match existence(struct rule_words *words, bool exists)
{
	bool wanted = strcmp(rule_words_next(words), "missing") != 0;

	return wanted == exists ? MATCH_ALL : MATCH_NONE;
}

static const char *const verdicts[] = { "accept", "drop",   "reject",   "jump", "goto",
	                                "queue",  "return", "continue", "vmap", NULL };

static void take_verdict(struct rule *rule, struct rule_words *words, const char *word)
{
	if (strcmp(word, "accept") == 0)
		rule->action = RULE_ACCEPT;
	if (strcmp(word, "drop") == 0 || strcmp(word, "reject") == 0)
		rule->action = RULE_DROP;
	if (strcmp(word, "return") == 0)
		rule->action = RULE_RETURN;
	if (strcmp(word, "queue") == 0)
		rule->action = RULE_PERHAPS;
	if ((strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0) && words->at < words->count) {
		char *target = words->list[words->at++];

		target[strcspn(target, ",")] = '\0'; /* in a map of verdicts */
		rule->action = *word == 'j' ? RULE_JUMP : RULE_GOTO;
		rule->target = target;
	}
}

/* `{ KEY : VERDICT, KEY : VERDICT }`: the verdict of the key that certainly matches. */
static void take_map(struct rule *rule, struct rule_words *words, match_value *match,
                     const struct flow *flow, int which)
{
	enum rule_match doubt = MATCH_NONE;

	rule_words_next_is(words, "{");
	while (words->at < words->count && strcmp(rule_words_peek(words), "}") != 0) {
		const char *key = rule_words_next(words);
		enum rule_match one = match(key, flow, which);
		char *word;

		rule_words_next_is(words, ":");
		word = words->at < words->count ? words->list[words->at++] : NULL;
		if (!word)
			break;
		word[strcspn(word, ",")] = '\0';
		if (one == MATCH_ALL) {
			take_verdict(rule, words, word);
			return;
		}
		if (strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0)
			rule_words_next(words);
		if (one < doubt)
			doubt = one;
	}
	rule->action = RULE_PERHAPS;
	rule_narrow(rule, doubt);
}

static void take_match(struct rule *rule, struct rule_words *words, match_value *match,
                       const struct flow *flow, int which)
{
	if (rule_words_next_is(words, "vmap"))
		take_map(rule, words, match, flow, which);
	else
		rule_narrow(rule, match_values(words, match, flow, which));
}

/* Unknown expressions are skipped up to the verdict. */
static void pass_over(struct rule_words *words)
{
	while (words->at < words->count && !rule_word_is_one(rule_words_peek(words), verdicts))
		words->at++;
}

static void take_header(struct rule *rule, struct rule_words *words, const struct flow *flow,
                        const char *header)
{
	const char *field = rule_words_next(words);
	bool six = strcmp(header, "ip6") == 0;

	if (strcmp(header, "ip") == 0 || six)
		rule_narrow(rule, six == (flow->family == AF_INET6) ? MATCH_ALL : MATCH_NONE);
	if (strcmp(field, "saddr") == 0 || strcmp(field, "daddr") == 0)
		take_match(rule, words, nft_prefix, flow, *field == 's' ? WHICH_IN : WHICH_OUT);
	else if (strcmp(field, "protocol") == 0 || strcmp(field, "nexthdr") == 0)
		take_match(rule, words, nft_protocol, flow, 0);
	else
		take_match(rule, words, nft_unknown, flow, 0);
}

/* tcp, udp, icmp and so on. */
static void take_transport(struct rule *rule, struct rule_words *words, const struct flow *flow,
                           const char *protocol)
{
	const char *field = rule_words_next(words);
	bool port = strcmp(field, "sport") == 0 || strcmp(field, "dport") == 0;

	if (strcmp(protocol, "th") != 0)
		rule_narrow(rule, match_protocol(protocol, flow));
	if (port)
		take_match(rule, words, nft_port, flow, *field == 's' ? WHICH_IN : WHICH_OUT);
	else
		take_match(rule, words, flow->inner ? nft_protocol : nft_unknown, flow, 0);
}

static void take_meta(struct rule *rule, struct rule_words *words, const struct flow *flow,
                      const char *key)
{
	if (strcmp(rule_words_peek(words), "set") == 0) {
		rule_words_next(words);
		rule_words_next(words);
	} else if (strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0) {
		take_match(rule, words, nft_link, flow, WHICH_IN);
	} else if (strcmp(key, "oifname") == 0 || strcmp(key, "oif") == 0) {
		take_match(rule, words, nft_link, flow, WHICH_OUT);
	} else if (strcmp(key, "l4proto") == 0) {
		take_match(rule, words, nft_protocol, flow, 0);
	} else if (strcmp(key, "nfproto") == 0) {
		take_match(rule, words, nft_family, flow, 0);
	} else if (strcmp(key, "secpath") == 0 || strcmp(key, "ipsec") == 0) {
		rule_narrow(rule, existence(words, flow->decrypted));
	} else {
		take_match(rule, words, nft_unknown, flow, 0);
	}
}

static void take_counter(struct rule_words *words)
{
	if (strcmp(rule_words_peek(words), "packets") == 0)
		words->at += 4;
	else if (strcmp(rule_words_peek(words), "name") == 0)
		words->at += 2;
}

static void take_log(struct rule_words *words)
{
	static const char *const options[] = { "prefix",          "level", "group", "snaplen",
		                               "queue-threshold", "flags", NULL };

	while (rule_word_is_one(rule_words_peek(words), options))
		words->at += 2;
}

static void take_word(struct rule *rule, struct rule_words *words, const struct flow *flow,
                      const char *word)
{
	static const char *const metas[] = { "iifname", "iif",     "oifname",  "oif",
		                             "mark",    "pkttype", "iifgroup", "oifgroup",
		                             "skuid",   "skgid",   "cgroup",   NULL };
	static const char *const transports[] = { "tcp",     "udp",  "icmp", "icmpv6",
		                                  "sctp",    "igmp", "dccp", "th",
		                                  "udplite", "ah",   "esp",  NULL };
	static const char *const silent[] = { "masquerade", "notrack", "counter", "log", NULL };

	if (rule_word_is_one(word, verdicts))
		take_verdict(rule, words, word);
	else if (rule_word_is_one(word, metas))
		take_meta(rule, words, flow, word);
	else if (strcmp(word, "meta") == 0)
		take_meta(rule, words, flow, rule_words_next(words));
	else if (strcmp(word, "ct") == 0 && rule_words_next_is(words, "state"))
		take_match(rule, words, nft_state, flow, 0);
	else if (strcmp(word, "ip") == 0 || strcmp(word, "ip6") == 0)
		take_header(rule, words, flow, word);
	else if (strcmp(word, "rt") == 0 && rule_words_next_is(words, "ipsec"))
		rule_narrow(rule, existence(words, flow->encrypted));
	else if (rule_word_is_one(word, transports))
		take_transport(rule, words, flow, word);
	else if (strcmp(word, "comment") == 0)
		rule_words_next(words);
	else if (strcmp(word, "counter") == 0)
		take_counter(words);
	else if (strcmp(word, "log") == 0)
		take_log(words);
	else if (!rule_word_is_one(word, silent)) {
		rule_narrow(rule, MATCH_PERHAPS);
		pass_over(words);
	}
}

struct rule rule_read_nft(char *text, const struct flow *flow)
{
	struct rule rule = { .match = MATCH_ALL };
	struct rule_words words;

	rule_words_split(&words, text);
	while (words.at < words.count && rule.action == RULE_NOTHING)
		take_word(&rule, &words, flow, rule_words_next(&words));
	return rule;
}
