/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Judges what a host's packet filter does to a tunnel, from the output of nft(8) and
 * iptables-save(8). Pure: text in, findings out. Only certain results are findings: if a rule
 * depends on unknown facts, the fate is FIREWALL_UNKNOWN. */
#ifndef FIREWALL_H
#define FIREWALL_H

#include "endpoint.h"
#include "prefix.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of packets; each passes one hook. */
enum firewall_flow {
	FIREWALL_OUTER_IN,     /* input: the tunnel's own packets, which answer ours */
	FIREWALL_OUTER_OUT,    /* output: the same */
	FIREWALL_INNER_IN,     /* input: new connections out of the tunnel */
	FIREWALL_INNER_ANSWER, /* input: answers out of the tunnel */
	FIREWALL_INNER_OUT,    /* output: what this host sends through the tunnel */
	FIREWALL_FORWARD_IN,  /* forward: new connections out of the tunnel to hosts behind this one
	                       */
	FIREWALL_FORWARD_OUT, /* forward: new connections of those hosts into the tunnel */
	FIREWALL_FLOWS,
};

enum firewall_fate {
	FIREWALL_UNKNOWN, /* it depends */
	FIREWALL_ACCEPTS,
	FIREWALL_DROPS,
	FIREWALL_DROPS_MOST, /* all packets except those that a rule names, for example one port */
};

struct firewall_finding {
	enum firewall_fate fate;
	char chain[96]; /* FIREWALL_DROPS: "table inet filter, chain input", "iptables FORWARD" */
	char command[192]; /* ... and what lets these packets pass */
};

/* Known facts about the packets. Unknown names and prefixes are empty. */
struct firewall_facts {
	sa_family_t outer_family, inner_family;
	uint16_t port;          /* this side's; 0: plain ESP */
	const char *outer_link; /* the device that leads to the peers */
	const char *inner_link; /* the tunnel's own device; empty: OUTER_LINK */
	struct prefix own,
		other; /* a protected network of each side; length 0 with no family: not known */
};

/* Judges the output of nft and of iptables-save; either may be empty. FINDINGS has FIREWALL_FLOWS
 * entries. */
void firewall_judge(struct firewall_finding *findings, const char *nft, const char *iptables,
                    const struct firewall_facts *);
/* The first chain with a NAT rule for all destinations, which applies before IPsec; NULL: none. The
 * caller frees. */
char *firewall_nat_chain(const char *nft, const char *iptables);

#endif
