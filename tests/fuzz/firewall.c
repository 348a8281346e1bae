/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any text as the rules of nft and as those of iptables-save.
 *
 * Linked with: helper/firewall.c helper/firewall_read.c helper/firewall_rule.c
 * helper/firewall_nft.c helper/firewall_iptables.c helper/prefix.c helper/endpoint.c
 * helper/number.c helper/special.c helper/text.c helper/words.c */
#include "firewall.h"
#include "quiet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void check(const struct firewall_finding *finding)
{
	if (strnlen(finding->chain, sizeof finding->chain) == sizeof finding->chain ||
	    strnlen(finding->command, sizeof finding->command) == sizeof finding->command)
		abort();
	if ((finding->fate >= FIREWALL_DROPS) != (*finding->command != '\0'))
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct firewall_finding findings[FIREWALL_FLOWS];
	struct firewall_facts facts = { .outer_family = AF_INET,
		                        .inner_family = AF_INET,
		                        .port = 4500,
		                        .outer_link = "eth0",
		                        .inner_link = "" };
	char *text = strndup((const char *)bytes, length);

	if (!text || !prefix_read(&facts.own, "10.1.0.0/16") ||
	    !prefix_read(&facts.other, "10.2.0.0/16"))
		abort();
	firewall_judge(findings, text, text, &facts);
	for (int i = 0; i < FIREWALL_FLOWS; i++)
		check(&findings[i]);
	free(firewall_nat_chain(text, text));
	free(text);
	return 0;
}
