/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The chains of a packet filter and their rules, as nft(8) and iptables-save(8) print them. */
#ifndef FIREWALL_READ_H
#define FIREWALL_READ_H

#include <stdbool.h>
#include <stddef.h>

struct chain {
	char *table; /* "inet filter"; of iptables "filter" */
	char *name;
	char *hook;   /* in lower case; NULL: a chain of its own */
	bool nat;     /* its type, or its table */
	bool drops;   /* its policy */
	char **rules; /* their text, for iptables without -A CHAIN */
	size_t count, room;
};

struct ruleset {
	bool iptables;
	struct chain *chains;
	size_t count, room;
};

/* Both add to an empty ruleset. */
void ruleset_read_nft(struct ruleset *, const char *text);
void ruleset_read_iptables(struct ruleset *, const char *text);
void ruleset_free(struct ruleset *);
/* NULL: there is none. */
struct chain *ruleset_find(const struct ruleset *, const char *table, const char *name);

#endif
