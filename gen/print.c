/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "print.h"

#include <netinet/in.h>
#include <stdio.h>

void print_names(struct text *out, const struct tunnel *tunnel)
{
	for (size_t i = 0; i < tunnel->side_count; i++)
		text_join(out, i ? " - " : "", tunnel->sides[i].name, NULL);
}

void print_picture(struct text *out, const struct plan *plan)
{
	const struct side *self = plan->self;
	char self_local[OUTER_TEXT], self_mapped[OUTER_TEXT];

	local_print(self_local, self);
	mapped_print(self_mapped, self);
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];
		const struct side *other = view->other;
		char local[OUTER_TEXT], mapped[OUTER_TEXT];

		text_join(out, "#   ", self->name, " ", self_local, NULL);
		if (self->behind_nat && !view->lan)
			text_join(out, " -NAT- ", self_mapped, NULL);
		text_add_string(out, view->lan ? " = one LAN = " : " = internet = ");
		if (other->behind_nat && !view->lan)
			text_join(out, mapped_print(mapped, other), " -NAT- ", NULL);
		text_join(out, local_print(local, other), " ", other->name, "\n", NULL);
	}
}

static const char *print_known(char out[OUTER_TEXT], const struct address *address,
                               const char *word)
{
	return address_is_any(address) ? word : address_print(out, address);
}

void print_test(struct text *out, const struct plan *plan, size_t peer, const char *here)
{
	const struct view *view = &plan->views[peer];
	const struct test *test = &plan->tests[peer];
	char from_text[OUTER_TEXT], to_text[OUTER_TEXT], local[OUTER_TEXT], outer[OUTER_TEXT], port[sizeof "65535"];
	const char *from = print_known(from_text, &test->from, here ? here : local_print_address(local, plan->self));
	const char *to = print_known(to_text, &test->to, view_print_outer(outer, view));

	snprintf(port, sizeof port, "%u", test->port);
	switch (test->kind) {
	case TEST_PING:
		text_join(out, "  ping -c 3 -I ", from, " ", to, "\n", NULL);
		break;
	case TEST_TCP_TO_PEER:
		text_join(out, "  nc -z -v -w 3 -s ", from, " ", to, " ", port, "\n", NULL);
		break;
	case TEST_TCP_FROM_PEER:
		text_join(out, "  # there: nc -z -v -w 3 -s ", to, " ", from, " ", port, "\n",
		          NULL);
		break;
	case TEST_NONE:
		text_join(out, "  # ", view->other->name,
		          ": what the tunnel is for; no ping goes through it\n", NULL);
	}
}

static void add_host_net(struct text *out, const char *address, sa_family_t family)
{
	text_join(out, address, "/", NULL);
	text_add_number(out, family_bits(family));
}

static void add_prefix(struct text *out, const struct prefix *prefix)
{
	char text[PREFIX_TEXT];

	text_add_string(out, prefix_print(text, prefix));
}

void print_self_net(struct text *out, const struct plan *plan, const struct selector *selector)
{
	char address[OUTER_TEXT];

	if (plan->tunnel->transport)
		add_host_net(out, local_print_address(address, plan->self),
		             plan->self->local.address.family);
	else
		add_prefix(out, &selector->self->prefix);
}

void print_other_net(struct text *out, const struct plan *plan, const struct selector *selector)
{
	char address[OUTER_TEXT];

	if (plan->tunnel->transport)
		add_host_net(out, view_print_outer(address, &plan->views[selector->peer]),
		             plan->self->local.address.family);
	else
		add_prefix(out, &selector->other->prefix);
}

const char *selector_family(const struct selector *selector)
{
	return selector->self->prefix.address.family == AF_INET6 ? "ip6" : "ip";
}

static void add_clamp(struct text *out, const struct selector *selector, const struct net *src,
                      const struct net *dst, unsigned mss)
{
	const char *family = selector_family(selector);

	text_join(out, family, " saddr ", NULL);
	add_prefix(out, &src->prefix);
	text_join(out, " ", family, " daddr ", NULL);
	add_prefix(out, &dst->prefix);
	if (src->port)
		text_printf(out, " tcp sport %u", src->port);
	if (dst->port)
		text_printf(out, " tcp dport %u", dst->port);
	text_printf(out, " tcp flags syn tcp option maxseg size set %u\n", mss);
}

void print_clamp(struct text *out, const struct plan *plan, const struct selector *selector,
                 const char *indent)
{
	uint8_t proto = nets_proto(selector->self, selector->other);
	/* the IP header before TCP's 20 bytes */
	unsigned mss = plan->mtu - (selector->self->prefix.address.family == AF_INET6 ? 60 : 40);

	if (proto && proto != IPPROTO_TCP)
		return;
	text_add_string(out, indent);
	add_clamp(out, selector, selector->self, selector->other, mss);
	text_add_string(out, indent);
	add_clamp(out, selector, selector->other, selector->self, mss);
}
