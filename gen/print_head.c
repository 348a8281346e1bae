/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The head of a page: the comment at the top, and the facts. */
#include "print.h"

#include <string.h>

/* ---- The comment at the top ---- */

static void add_title(struct text *out, const struct plan *plan)
{
	char address[OUTER_TEXT];

	text_add_string(out, "#!/bin/sh\n# shellcheck shell=dash # local is known to dash, "
	                     "busybox, bash and mksh\n{ # IPsec tunnel ");
	print_names(out, plan->tunnel);
	text_printf(out,
	            " without IKE, made by xfrmpair %s.\n# This is side %s: run it as root on the "
	            "host ",
	            VERSION, plan->self->name);
	if (side_is_auto(plan->self))
		text_join(out, "behind ", mapped_print_address(address, plan->self), ".\n", NULL);
	else
		text_join(out, local_print_address(address, plan->self), ".\n", NULL);
	text_add_string(out, "# CONTAINS KEYS below \"# ---- now\": keep it readable by its owner "
	                     "only");
	text_add_string(out, plan->tunnel->exchanged ? "; it is only for this host.\n#\n"
	                                             : ", and copy it over ssh.\n#\n");
	print_picture(out, plan);
	text_add_string(out, "#\n");
}

/* Prints a net as in a SIDE. */
static void add_net_of(struct text *out, const struct plan *plan, const struct selector *selector,
                       bool other)
{
	const struct net *net = other ? selector->other : selector->self;
	char text[NET_TEXT];

	if (net->proto)
		text_add_string(out, net_print(text, net));
	else if (other)
		print_other_net(out, plan, selector);
	else
		print_self_net(out, plan, selector);
}

static void add_description(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	const struct cipher *cipher = tunnel->cipher;

	text_printf(out, "#   cipher    %s (%s%s%s, %u-bit ICV), %s mode, replay window %u\n",
	            cipher->name, cipher->encryption, cipher->integrity ? " " : "",
	            cipher->integrity ? cipher->integrity : "", cipher->icv_bits,
	            tunnel->transport ? "transport" : "tunnel", plan->states[0].replay_window);
	text_printf(out, "#   digest    %08x: the scripts of all sides must have the same\n",
	            (unsigned)tunnel->digest);
	if (tunnel->exchanged)
		text_printf(out,
		            "#   compare   fingerprint %s with the other side, by phone; if it "
		            "differs, do not start\n",
		            tunnel->fingerprint);
	text_printf(out, "#   MTU       inner packets of up to %u bytes, on a path of %u\n",
	            plan->mtu, tunnel->mtu);
	for (size_t i = 0; i < plan->selectors.count; i++) {
		const struct selector *selector = &plan->selectors.rows[i];

		text_add_string(out, "#   protects  ");
		add_net_of(out, plan, selector, false);
		text_add_string(out, " <-> ");
		add_net_of(out, plan, selector, true);
		text_join(out, " (", plan->views[selector->peer].other->name, ")\n", NULL);
	}
	text_add_string(out, "#\n");
}

static void add_verbs(struct text *out, const struct plan *plan)
{
	const char *name = plan->self->name;

	text_printf(out,
	            "#   sh %s.sh [-n] up     set it up, side %s first; -n: print the commands and "
	            "change nothing\n",
	            name, plan->tunnel->sides[0].name);
	if (plan->tunnel->guard)
		text_printf(out,
		            "#   sh %s.sh [-n] down   remove what up added, then block unencrypted "
		            "packets (not with --all)\n",
		            name);
	else
		text_printf(out,
		            "#   sh %s.sh [-n] down   remove what up added, and nothing else\n",
		            name);
	text_printf(out,
	            "#   sh %s.sh status | check | rekey | follow | mend | update-peer | capture | "
	            "wireshark\n#\n",
	            name);
	text_printf(out,
	            "# Needs root, ip (iproute2)%s; xfrmkeep does the rest.\n# Programs are found "
	            "beside this file or in PATH",
	            plan->encapsulates ? ", espdecap, and natprobe to open the NATs" : "");
	text_add_string(out, ".\n\n");
}

/* ---- Facts ---- */

static bool is_host(const struct view *view)
{
	return !view->lan && view->other->mapped_name[0];
}

bool plan_has_hosts(const struct plan *plan)
{
	for (size_t i = 0; i < plan->peer_count; i++)
		if (is_host(&plan->views[i]))
			return true;
	return false;
}

static void add_peers(struct text *out, const struct plan *plan)
{
	const char *between = "";

	text_add_string(out, "peers='");
	for (size_t i = 0; i < plan->peer_count; i++) {
		text_join(out, i ? " " : "", plan->views[i].other->name, "@", NULL);
		text_add_number(out, plan->views[i].reqid);
	}
	text_add_string(out, "' # NAME@REQID\n");
	if (!plan_has_hosts(plan))
		return;
	text_add_string(out, "hosts='");
	for (size_t i = 0; i < plan->peer_count; i++)
		if (is_host(&plan->views[i])) {
			text_printf(out, "%s%zu=%s", between, i + 1,
			            plan->views[i].other->mapped_name);
			if (plan->encapsulates)
				text_printf(out, ":%u", plan->views[i].other_outer.port);
			between = " ";
		}
	text_printf(out, "' # NUMBER=NAME%s of peers with a DNS name\n",
	            plan->encapsulates ? ":PORT" : "");
}

static void add_nets(struct text *out, const struct plan *plan, const char *before)
{
	struct nets own = { plan->self->nets, plan->self->net_count };
	const char *between = "";
	char text[PREFIX_TEXT];

	text_join(out, before, "own_nets='", NULL);
	for (size_t i = 0; i < own.count; i++)
		if (!nets_repeat(&own, i)) {
			text_join(out, between, prefix_print(text, &own.list[i].prefix), NULL);
			between = " ";
		}
	text_add_string(out, "' other_nets='");
	between = "";
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct nets *nets = &plan->views[i].other_nets;

		for (size_t j = 0; j < nets->count; j++)
			if (!nets_repeat(nets, j)) {
				text_join(out, between, prefix_print(text, &nets->list[j].prefix),
				          "@", NULL);
				text_add_number(out, i + 1);
				between = " ";
			}
	}
	text_add_string(out, "'");
}

static const struct policy *first_guard(const struct plan *plan)
{
	return plan->neighbours.count ? &plan->neighbours.rows[0] : &plan->blocks.rows[0];
}

bool plan_has_label(const struct plan *plan)
{
	return plan->own_address.family == AF_INET && !plan->tunnel->interface;
}

static void add_features(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	char address[ADDRESS_TEXT];

	if (plan->own_address.family != AF_UNSPEC && plan->is_site)
		text_printf(out, "own_address=%s/%u own_device=%s\n",
		            address_print(address, &plan->own_address),
		            family_bits(plan->own_address.family), plan->own_device);
	if (tunnel->guard)
		text_printf(out, "guard=%u # the index of its first policy\n",
		            (unsigned)first_guard(plan)->index);
}

/* Facts that only xfrmkeep uses. */
static void add_facts_of_keeper(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	text_printf(out, "%s%s%s", tunnel->esn ? " esn=yes" : "",
	            tunnel->limit_bytes || tunnel->limit_packets ? " limited=yes" : "",
	            plan->forwards ? " forwards=yes" : "");
	if (!tunnel->transport)
		add_nets(out, plan, " ");
	if (plan->has_neighbours)
		text_printf(out, " neighbours=%u", (unsigned)plan->identity.index);
	if (plan->is_site)
		text_printf(out, " route_proto=%u", plan->identity.route_protocol);
	if (tunnel->interface)
		text_printf(out, " interface=%s if_id=0x%x group=%u", tunnel->interface,
		            (unsigned)plan->if_id, (unsigned)plan->identity.group);
	if (tunnel->clamp)
		text_add_string(out, " clamp=yes");
	if (plan->is_site)
		text_add_string(out, " exempt=yes");
	if (plan->is_site && plan->own_address.family != AF_UNSPEC && plan_has_label(plan))
		text_printf(out, " own_label=lo:x%08x", (unsigned)tunnel->digest);
	if (tunnel->exchanged)
		text_printf(out, " fingerprint='%s'", tunnel->fingerprint);
	text_add_string(out, "\n");
}

/* The options of up and down besides those of every script. */
static void add_options(struct text *out, const struct plan *plan)
{
	text_add_string(out, " options='");
	if (plan->punches)
		text_add_string(out, " [--no-punch]");
	if (plan->encapsulates)
		text_add_string(out, " [--no-helper]");
	if (plan->encapsulates && plan->self->behind_nat)
		text_add_string(out, " [--map]");
	if (plan->forwards)
		text_add_string(out, " [--forward]");
	if (plan->is_site)
		text_add_string(out, " [--nat-exempt]");
	if (plan->tunnel->guard)
		text_add_string(out, " [--all]");
	text_add_string(out, "'\n");
}

/* Facts that the script itself uses. */
static void add_facts(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	const struct side *self = plan->self;
	char text[OUTER_TEXT];

	text_join(out, "name=", self->name, NULL);
	if (plan->encapsulates)
		text_printf(out, " port=%u", self->local.port);
	if (plan->punches)
		text_join(out, " first=", tunnel->sides[0].name, NULL);
	add_options(out, plan);
	text_printf(out, "store=%s.%s check=%s\n", self->name, plan->identity.store,
	            plan->identity.check);
	add_peers(out, plan);
	add_features(out, plan);
	text_printf(out,
	            "# shellcheck disable=SC2034 # the rest is for xfrmkeep\n"
	            "digest=%08x family=%c cipher=%s mode=%s encap=%s mtu=%u path_mtu=%u\n",
	            (unsigned)tunnel->digest, self->local.address.family == AF_INET6 ? '6' : '4',
	            tunnel->cipher->name, tunnel->transport ? "transport" : "tunnel",
	            !plan->encapsulates ? "none"
	            : tunnel->nonike    ? "espinudp-nonike"
	                                : "espinudp",
	            plan->mtu, tunnel->mtu);
	text_printf(out, "# shellcheck disable=SC2034\nlocal=%s", local_print_address(text, self));
	if (self->behind_nat) {
		const char *quote = strchr(mapped_print(text, self), '[') ? "'" : "";

		text_join(out, " mapped=", quote, text, quote, NULL);
	}
	if (!plan->punches)
		text_join(out, " first=", tunnel->sides[0].name, NULL);
	add_facts_of_keeper(out, plan);
}

void print_head(struct text *out, const struct plan *plan)
{
	add_title(out, plan);
	add_description(out, plan);
	add_verbs(out, plan);
	add_facts(out, plan);
}
