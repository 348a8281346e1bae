/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One rule of a packet filter: whether it matches a kind of packets, and what it does with them. */
#ifndef FIREWALL_RULE_H
#define FIREWALL_RULE_H

#include "firewall.h"

#include <stdbool.h>

/* Ordered from certain match to no match. */
enum rule_match {
	MATCH_ALL,     /* all of these packets */
	MATCH_PART,    /* some of them: a protocol, a port */
	MATCH_PERHAPS, /* unknown */
	MATCH_NONE,
};

enum rule_action {
	RULE_NOTHING, /* it counts, logs, changes something */
	RULE_ACCEPT,
	RULE_DROP,
	RULE_RETURN,
	RULE_JUMP, /* to the chain TARGET */
	RULE_GOTO,
	RULE_PERHAPS, /* it may accept, or drop: queue, or a map of verdicts */
};

/* A kind of packets, with the known facts about it. */
struct flow {
	bool inner;                     /* in the tunnel; else the tunnel's own */
	bool decrypted;                 /* it has come out of the tunnel */
	bool encrypted;                 /* it is about to go into it */
	bool answer;                    /* of a connection that conntrack knows */
	const char *in_link, *out_link; /* NULL: not known */
	struct prefix src, dst;         /* family AF_UNSPEC: not known */
	uint16_t sport, dport;          /* of the tunnel's own */
	bool esp;                       /* the tunnel's own, without UDP */
	sa_family_t family;
};

struct rule {
	enum rule_match match;
	enum rule_action action;
	const char *target; /* a chain's name, in TEXT */
};

enum { WORDS = 512 };

/* The words of a rule; a text in quotes is one word, without them. */
struct rule_words {
	char *list[WORDS + 1]; /* NULL behind the last one */
	size_t count, at;
};

void rule_words_split(struct rule_words *, char *text);
/* The next word, or an empty one. */
const char *rule_words_peek(const struct rule_words *);
const char *rule_words_next(struct rule_words *);
/* Skips the next word if it is WORD. */
bool rule_words_next_is(struct rule_words *, const char *word);
bool rule_word_is_one(const char *word, const char *const *list);

/* Another condition of the same rule. */
void rule_narrow(struct rule *, enum rule_match);
enum rule_match match_opposite(enum rule_match);
/* LIST has commas. */
enum rule_match match_state(const char *list, const struct flow *);
enum rule_match match_link(const char *name, const char *link);
enum rule_match match_prefix(const char *text, const struct prefix *of_flow);
enum rule_match match_protocol(const char *name, const struct flow *);
enum rule_match match_port(const char *text, uint16_t port, const struct flow *);

/* TEXT is changed. */
struct rule rule_read_nft(char *text, const struct flow *);
struct rule rule_read_iptables(char *text, const struct flow *);

#endif
