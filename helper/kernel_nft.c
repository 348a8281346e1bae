/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "kernel.h"
#include "netlink.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>

enum { FAMILY_INET = 1 }; /* NFPROTO_INET of linux/netfilter.h, which conflicts with musl's
                           * headers */

struct table {
	const char *name;
	bool filled;
};

static void take_rule(void *context, uint16_t type, const unsigned char *body, size_t length)
{
	const size_t fixed = NLMSG_ALIGN(sizeof(struct nfgenmsg));
	struct netlink_attributes list = { body + fixed, body + length };
	struct netlink_attribute attribute;
	struct table *table = context;

	if (type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) || length < fixed)
		return;
	while (netlink_next(&list, &attribute))
		if (attribute.type == NFTA_RULE_TABLE &&
		    attribute.length == strlen(table->name) + 1 &&
		    memcmp(attribute.value, table->name, attribute.length) == 0)
			table->filled = true;
}

static void restart(void *context)
{
	((struct table *)context)->filled = false;
}

bool kernel_has_table(const char *name)
{
	const struct nfgenmsg fixed = { .nfgen_family = FAMILY_INET, .version = NFNETLINK_V0 };
	struct table table = { .name = name };
	struct netlink_request request;
	struct netlink netlink;

	netlink_begin(&request, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, &fixed, sizeof fixed);
	netlink_add(&request, NFTA_RULE_TABLE, name, strlen(name) + 1);
	if (netlink_open(&netlink, NETLINK_NETFILTER) == 0)
		netlink_dump(&netlink, &request, take_rule, restart, &table);
	netlink_close(&netlink);
	return table.filled;
}
