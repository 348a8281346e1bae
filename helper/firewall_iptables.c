/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "firewall_rule.h"

#include <string.h>

static void take_target(struct rule *rule, const char *target, bool jump)
{
	static const char *const silent[] = { "LOG",    "NFLOG",    "MARK",       "CONNMARK",
		                              "TCPMSS", "DSCP",     "TRACE",      "NOTRACK",
		                              "CT",     "CLASSIFY", "MASQUERADE", "SNAT",
		                              "DNAT",   "AUDIT",    NULL };

	rule->target = target;
	if (strcmp(target, "ACCEPT") == 0)
		rule->action = RULE_ACCEPT;
	else if (strcmp(target, "DROP") == 0 || strcmp(target, "REJECT") == 0)
		rule->action = RULE_DROP;
	else if (strcmp(target, "RETURN") == 0)
		rule->action = RULE_RETURN;
	else if (!rule_word_is_one(target, silent))
		rule->action = jump ? RULE_JUMP : RULE_GOTO;
}

/* `-m policy --dir in --pol ipsec`. */
static enum rule_match match_policy(struct rule_words *words, const struct flow *flow)
{
	bool in = strcmp(rule_words_next(words), "in") == 0, ipsec;

	if (strcmp(rule_words_next(words), "--pol") != 0)
		return MATCH_PERHAPS;
	ipsec = strcmp(rule_words_next(words), "ipsec") == 0;
	return ipsec == (in ? flow->decrypted : flow->encrypted) ? MATCH_ALL : MATCH_NONE;
}

static enum rule_match match_option(struct rule_words *words, const struct flow *flow,
                                    const char *word)
{
	static const char *const parts[] = { "--icmp-type", "--icmpv6-type", "--dports", "--sports",
		                             "--ports",     "--tcp-flags",   "--syn",    NULL };

	if (strcmp(word, "-i") == 0)
		return match_link(rule_words_next(words), flow->in_link);
	if (strcmp(word, "-o") == 0)
		return match_link(rule_words_next(words), flow->out_link);
	if (strcmp(word, "-s") == 0)
		return match_prefix(rule_words_next(words), &flow->src);
	if (strcmp(word, "-d") == 0)
		return match_prefix(rule_words_next(words), &flow->dst);
	if (strcmp(word, "-p") == 0)
		return match_protocol(rule_words_next(words), flow);
	if (strcmp(word, "--ctstate") == 0 || strcmp(word, "--state") == 0)
		return match_state(rule_words_next(words), flow);
	if (strcmp(word, "--dport") == 0)
		return match_port(rule_words_next(words), flow->dport, flow);
	if (strcmp(word, "--sport") == 0)
		return match_port(rule_words_next(words), flow->sport, flow);
	if (strcmp(word, "--dir") == 0)
		return match_policy(words, flow);
	return rule_word_is_one(word, parts) && flow->inner ? MATCH_PART : MATCH_PERHAPS;
}

/* Modules whose options are parsed or irrelevant. */
static bool is_plain_module(const char *name)
{
	static const char *const list[] = { "conntrack", "state", "policy", "comment",   "tcp",
		                            "udp",       "icmp",  "icmp6",  "multiport", NULL };

	return rule_word_is_one(name, list);
}

struct rule rule_read_iptables(char *text, const struct flow *flow)
{
	struct rule rule = { .match = MATCH_ALL };
	struct rule_words words;

	rule_words_split(&words, text);
	while (words.at < words.count && rule.action == RULE_NOTHING) {
		const char *word = rule_words_next(&words);
		bool inverse = strcmp(word, "!") == 0;
		enum rule_match match;

		word = inverse ? rule_words_next(&words) : word;
		if (strcmp(word, "-m") == 0) {
			rule_narrow(&rule, is_plain_module(rule_words_next(&words))
			                           ? MATCH_ALL
			                           : MATCH_PERHAPS);
		} else if (strcmp(word, "-j") == 0 || strcmp(word, "-g") == 0) {
			take_target(&rule, rule_words_next(&words), word[1] == 'j');
			break;
		} else if (strcmp(word, "--comment") == 0) {
			rule_words_next(&words);
		} else if (*word == '-') {
			match = match_option(&words, flow, word);
			rule_narrow(&rule, inverse ? match_opposite(match) : match);
		}
	}
	return rule;
}
