/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "firewall.h"
#include "firewall_read.h"
#include "firewall_rule.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH = 16,         /* of jumps, as in the kernel */
	RULES_MOST = 50000, /* chains followed for one kind of packets, because chains may jump to
	                     * each other */
};

struct course {
	const struct ruleset *set;
	const struct flow *flow;
	const struct chain *base;
	unsigned rules; /* followed so far */
	bool some;      /* a rule accepts some of these packets */
	bool perhaps;   /* ... or may accept them */
};

enum outcome { GOES_ON, ACCEPTED, DROPPED, RETURNED };

static enum outcome follow(struct course *, const struct chain *, enum rule_match doubt,
                           unsigned depth);

static void may_accept(struct course *course, enum rule_match match)
{
	course->some |= match == MATCH_PART;
	course->perhaps |= match == MATCH_PERHAPS;
}

static enum outcome jump(struct course *course, const struct chain *chain, const struct rule *rule,
                         unsigned depth)
{
	const struct chain *target = ruleset_find(course->set, chain->table, rule->target);
	enum outcome outcome;

	if (!target || depth == DEPTH) {
		course->perhaps = true;
		return GOES_ON;
	}
	outcome = follow(course, target, rule->match, depth + 1);
	if (rule->match != MATCH_ALL)
		return GOES_ON;
	if (outcome == RETURNED)
		outcome = GOES_ON;
	return outcome == GOES_ON && rule->action == RULE_GOTO ? RETURNED : outcome;
}

static enum outcome apply(struct course *course, const struct chain *chain, struct rule *rule,
                          unsigned depth)
{
	const bool sure = rule->match == MATCH_ALL;

	switch (rule->action) {
	case RULE_NOTHING:
		break;
	case RULE_ACCEPT:
		may_accept(course, rule->match);
		return sure ? ACCEPTED : GOES_ON;
	case RULE_DROP:
		return sure ? DROPPED : GOES_ON;
	case RULE_RETURN:
		/* Packets that may return may skip a drop that follows. */
		course->perhaps |= !sure;
		return sure ? RETURNED : GOES_ON;
	case RULE_JUMP:
	case RULE_GOTO:
		return jump(course, chain, rule, depth);
	case RULE_PERHAPS:
		course->some |= rule->match == MATCH_PART;
		course->perhaps |= rule->match != MATCH_PART;
		break;
	}
	return GOES_ON;
}

static enum outcome follow(struct course *course, const struct chain *chain, enum rule_match doubt,
                           unsigned depth)
{
	for (size_t i = 0; i < chain->count && course->rules++ < RULES_MOST; i++) {
		char *text = strdup(chain->rules[i]);
		struct rule rule;
		enum outcome outcome = GOES_ON;

		if (!text)
			err(EXIT_BROKE, "memory");
		rule = course->set->iptables ? rule_read_iptables(text, course->flow)
		                             : rule_read_nft(text, course->flow);
		if (rule.match < doubt)
			rule.match = doubt;
		if (rule.match != MATCH_NONE)
			outcome = apply(course, chain, &rule, depth);
		free(text);
		if (outcome != GOES_ON)
			return outcome;
	}
	return GOES_ON;
}

static enum firewall_fate fate_of(struct course *course)
{
	enum outcome outcome = follow(course, course->base, MATCH_ALL, 0);

	if (outcome == ACCEPTED || (outcome != DROPPED && !course->base->drops))
		return FIREWALL_ACCEPTS;
	if (course->perhaps || course->rules >= RULES_MOST)
		return FIREWALL_UNKNOWN;
	return course->some ? FIREWALL_DROPS_MOST : FIREWALL_DROPS;
}

static void print_match(char *out, size_t room, enum firewall_flow which,
                        const struct firewall_facts *facts, bool iptables)
{
	bool encrypted = which == FIREWALL_INNER_OUT || which == FIREWALL_FORWARD_OUT;

	if (which <= FIREWALL_OUTER_OUT && !facts->port)
		snprintf(out, room, iptables ? "-p esp" : "meta l4proto esp");
	else if (which <= FIREWALL_OUTER_OUT)
		snprintf(out, room, iptables ? "-p udp --%s %u" : "udp %s %u",
		         which == FIREWALL_OUTER_IN ? "dport" : "sport", (unsigned)facts->port);
	else if (*facts->inner_link)
		snprintf(out, room, iptables ? "-%c %s" : "%cifname %s", encrypted ? 'o' : 'i',
		         facts->inner_link);
	else if (iptables)
		snprintf(out, room, "-m policy --dir %s --pol ipsec", encrypted ? "out" : "in");
	else
		snprintf(out, room, encrypted ? "rt ipsec exists" : "meta secpath exists");
}

static void describe(struct firewall_finding *out, const struct chain *chain, bool iptables,
                     enum firewall_flow which, const struct firewall_facts *facts)
{
	const sa_family_t family = which <= FIREWALL_OUTER_OUT ? facts->outer_family
	                                                       : facts->inner_family;
	const char *program = family == AF_INET6 ? "ip6tables" : "iptables";
	char match[96];

	print_match(match, sizeof match, which, facts, iptables);
	if (iptables) {
		snprintf(out->chain, sizeof out->chain, "%s %s", program, chain->name);
		snprintf(out->command, sizeof out->command, "%s -I %s %s -j ACCEPT", program,
		         chain->name, match);
		return;
	}
	snprintf(out->chain, sizeof out->chain, "table %s, chain %s", chain->table, chain->name);
	snprintf(out->command, sizeof out->command, "nft insert rule %s %s %s accept", chain->table,
	         chain->name, match);
}

static struct flow flow_of(enum firewall_flow which, const struct firewall_facts *facts)
{
	const char *tunnel = *facts->inner_link ? facts->inner_link : facts->outer_link;
	struct flow flow = { .inner = true, .family = facts->inner_family };

	switch (which) {
	case FIREWALL_OUTER_IN:
		return (struct flow){ .family = facts->outer_family,
			              .esp = !facts->port,
			              .answer = true,
			              .in_link = facts->outer_link,
			              .dport = facts->port };
	case FIREWALL_OUTER_OUT:
		return (struct flow){ .family = facts->outer_family,
			              .esp = !facts->port,
			              .out_link = facts->outer_link,
			              .sport = facts->port };
	case FIREWALL_INNER_OUT:
	case FIREWALL_FORWARD_OUT:
		flow.encrypted = !*facts->inner_link;
		flow.src = facts->own;
		flow.dst = facts->other;
		flow.out_link = tunnel;
		return flow;
	default:
		flow.answer = which == FIREWALL_INNER_ANSWER;
		flow.decrypted = true;
		flow.src = facts->other;
		flow.dst = facts->own;
		flow.in_link = tunnel;
		return flow;
	}
}

static bool is_of_family(const struct ruleset *set, const struct chain *chain, sa_family_t family)
{
	const char *own = family == AF_INET6 ? "ip6 " : "ip ";

	return set->iptables || strncmp(chain->table, "inet ", strlen("inet ")) == 0 ||
	       strncmp(chain->table, own, strlen(own)) == 0;
}

static void judge_set(struct firewall_finding *findings, const struct ruleset *set,
                      const struct firewall_facts *facts)
{
	static const char *const hooks[FIREWALL_FLOWS] = { "input",  "output",  "input",  "input",
		                                           "output", "forward", "forward" };

	for (enum firewall_flow which = 0; which < FIREWALL_FLOWS; which++)
		for (size_t i = 0; i < set->count; i++) {
			const struct chain *chain = &set->chains[i];
			struct flow flow = flow_of(which, facts);
			struct course course = { .set = set, .flow = &flow, .base = chain };
			enum firewall_fate fate;

			if (!chain->hook || chain->nat || strcmp(chain->hook, hooks[which]) != 0 ||
			    !is_of_family(set, chain, flow.family))
				continue;
			fate = fate_of(&course);
			if (fate < FIREWALL_DROPS) {
				if (fate == FIREWALL_UNKNOWN &&
				    findings[which].fate == FIREWALL_ACCEPTS)
					findings[which].fate = FIREWALL_UNKNOWN;
			} else if (findings[which].fate != FIREWALL_DROPS &&
			           (fate == FIREWALL_DROPS ||
			            findings[which].fate < FIREWALL_DROPS)) {
				findings[which].fate = fate;
				describe(&findings[which], chain, set->iptables, which, facts);
			}
		}
}

void firewall_judge(struct firewall_finding *findings, const char *nft, const char *iptables,
                    const struct firewall_facts *facts)
{
	struct ruleset sets[2] = { { .iptables = false } };

	for (int i = 0; i < FIREWALL_FLOWS; i++)
		findings[i] = (struct firewall_finding){ .fate = FIREWALL_ACCEPTS };
	ruleset_read_nft(&sets[0], nft);
	ruleset_read_iptables(&sets[1], iptables);
	for (int i = 0; i < 2; i++) {
		judge_set(findings, &sets[i], facts);
		ruleset_free(&sets[i]);
	}
}

/* A rule without a destination, and no rule before it that may exempt packets. */
static bool takes_all(const struct chain *chain, bool iptables)
{
	static const char *const passing[] = { "accept", "return", "jump",
		                               "goto",   "ACCEPT", "RETURN" };

	if (!chain->hook || strcmp(chain->hook, "postrouting") != 0 || !chain->nat)
		return false;
	for (size_t i = 0; i < chain->count; i++) {
		const char *rule = chain->rules[i];

		if (strstr(rule, iptables ? "-d " : "daddr"))
			return false;
		for (unsigned j = 0; j < sizeof passing / sizeof *passing; j++)
			if (strstr(rule, passing[j]))
				return false;
		if (strstr(rule, iptables ? "MASQUERADE" : "masquerade") ||
		    strstr(rule, iptables ? "-j SNAT" : "snat "))
			return true;
	}
	return false;
}

static char *find_nat(const struct ruleset *set)
{
	char *name = NULL;

	for (size_t i = 0; i < set->count && !name; i++) {
		const struct chain *chain = &set->chains[i];

		if (takes_all(chain, set->iptables) &&
		    asprintf(&name, set->iptables ? "iptables %s" : "table %s, chain %s",
		             set->iptables ? chain->name : chain->table, chain->name) < 0)
			err(EXIT_BROKE, "memory");
	}
	return name;
}

char *firewall_nat_chain(const char *nft, const char *iptables)
{
	struct ruleset sets[2] = { { .iptables = false } };
	char *name = NULL;

	ruleset_read_nft(&sets[0], nft);
	ruleset_read_iptables(&sets[1], iptables);
	for (int i = 0; i < 2; i++) {
		name = name ? name : find_nat(&sets[i]);
		ruleset_free(&sets[i]);
	}
	return name;
}
