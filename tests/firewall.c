/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* firewall NFT IPTABLES [INNER-LINK]: judges the rules in these two files for a tunnel
 * on port 4500 of eth0, between 10.1.0.0/16 here and 10.2.0.0/16 there; a line for each kind that
 * is not accepted, and for NAT. */
#include "firewall.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static struct text contents(const char *path)
{
	struct text text = { 0 };

	text_add_string(&text, "");
	if (!text_read(&text, open(path, O_RDONLY), 1 << 20))
		exit(2);
	return text;
}

int main(int argc, char **argv)
{
	static const char *const flows[FIREWALL_FLOWS] = { "outer in",   "outer out", "new in",
		                                           "answer in",  "new out",   "forward in",
		                                           "forward out" };
	static const char *const fates[] = { "depends", "accepted", "dropped", "mostly dropped" };
	struct firewall_finding findings[FIREWALL_FLOWS];
	struct firewall_facts facts = { .outer_family = AF_INET,
		                        .inner_family = AF_INET,
		                        .port = 4500,
		                        .outer_link = "eth0",
		                        .inner_link = argc > 3 ? argv[3] : "" };
	struct text nft, iptables;
	char *chain;

	if (argc < 3 || !prefix_read(&facts.own, "10.1.0.0/16") ||
	    !prefix_read(&facts.other, "10.2.0.0/16"))
		return 2;
	nft = contents(argv[1]);
	iptables = contents(argv[2]);
	firewall_judge(findings, nft.bytes, iptables.bytes, &facts);
	for (int i = 0; i < FIREWALL_FLOWS; i++)
		if (findings[i].fate >= FIREWALL_DROPS)
			printf("%s: %s by %s: %s\n", flows[i], fates[findings[i].fate],
			       findings[i].chain, findings[i].command);
		else if (findings[i].fate == FIREWALL_UNKNOWN)
			printf("%s: %s\n", flows[i], fates[findings[i].fate]);
	chain = firewall_nat_chain(nft.bytes, iptables.bytes);
	if (chain)
		printf("NAT: %s\n", chain);
	free(chain);
	text_free(&nft);
	text_free(&iptables);
	return 0;
}
