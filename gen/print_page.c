/* SPDX-License-Identifier: ISC */
/* The page: a script that a person reads, with every `ip` command literally, and the section with what changes. */
#include "print.h"
#include "start.h"
#include "templates.h"

#include <stdio.h>

/* ---- The comment at the top ---- */

static void add_title(struct text *out, const struct plan *plan)
{
	char address[OUTER_TEXT];

	text_add_string(out, "#!/bin/sh\n# shellcheck shell=dash # local is known to dash, busybox, bash and mksh\n{ # IPsec tunnel ");
	print_names(out, plan->tunnel);
	text_printf(out, " without IKE, made by xfrmpair %s. This is side %s: run it as root on the host ", VERSION,
	            plan->self->name);
	if (side_is_auto(plan->self))
		text_join(out, "behind ", mapped_print_address(address, plan->self), ".\n", NULL);
	else
		text_join(out, local_print_address(address, plan->self), ".\n", NULL);
	text_add_string(out, "# CONTAINS KEYS below \"# ---- now\": keep it readable by its owner only");
	text_add_string(out, plan->tunnel->exchanged ? "; it is for this host alone.\n#\n" : ", and copy it over a secure channel.\n#\n");
	print_picture(out, plan);
	text_add_string(out, "#\n");
}

/* As people write it in a SIDE. */
static void add_net_of(struct text *out, const struct plan *plan, const struct selector *selector, bool other)
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

	text_printf(out, "#   cipher    %s (%s%s%s, %u-bit ICV), %s mode, replay window %u\n", cipher->name, cipher->encryption,
	            cipher->integrity ? " " : "", cipher->integrity ? cipher->integrity : "", cipher->icv_bits,
	            tunnel->transport ? "transport" : "tunnel", plan->states[0].replay_window);
	text_printf(out, "#   digest    %08x: the scripts of all sides must have the same\n", (unsigned)tunnel->digest);
	if (tunnel->exchanged)
		text_printf(out, "#   compare   fingerprint %s with the other side, by phone; if it differs, do not start\n",
		            tunnel->fingerprint);
	text_printf(out, "#   MTU       inner packets of up to %u bytes, on a path of %u\n", plan->mtu, tunnel->mtu);
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

	text_printf(out, "#   sh %s.sh [-n] up     set it up, side %s first; -n prints the commands, without keys, and changes nothing\n",
	            name, plan->tunnel->sides[0].name);
	if (plan->tunnel->guard)
		text_printf(out, "#   sh %s.sh [-n] down   remove it, and block what it carried; with --all, remove the block too\n", name);
	else
		text_printf(out, "#   sh %s.sh [-n] down   remove what up added, and nothing else\n", name);
	text_printf(out, "#   sh %s.sh status | check | rekey | follow | mend | update-peer | capture | wireshark   see xfrmkeep(8)\n#\n", name);
	text_add_string(out, "# Needs root and ip (iproute2)");
	if (plan->encapsulates)
		text_add_string(out, "; espdecap, natprobe and xfrmkeep, beside this file or in PATH (the last two are optional)");
	else
		text_add_string(out, "; xfrmkeep, beside this file or in PATH, is optional");
	text_add_string(out, ".\n\n");
}

/* ---- Facts ---- */

static bool is_host(const struct view *view)
{
	return !view->lan && view->other->mapped_name[0];
}

static bool has_hosts(const struct plan *plan)
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
	if (!has_hosts(plan))
		return;
	text_add_string(out, "hosts='");
	for (size_t i = 0; i < plan->peer_count; i++)
		if (is_host(&plan->views[i])) {
			text_printf(out, "%s%zu=%s", between, i + 1, plan->views[i].other->mapped_name);
			between = " ";
		}
	text_add_string(out, "' # NUMBER=NAME: peers whose address is looked up at each up\n");
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
				text_join(out, between, prefix_print(text, &nets->list[j].prefix), "@", NULL);
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

/* A label is how an IPv4 address of a device that stays is known as ours. */
static bool has_label(const struct plan *plan)
{
	return plan->own_address.family == AF_INET && !plan->tunnel->interface;
}

static void add_features(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	char address[ADDRESS_TEXT];

	if (plan->own_address.family != AF_UNSPEC && plan->is_site)
		text_printf(out, "own_address=%s/%u own_device=%s\n", address_print(address, &plan->own_address),
		            family_bits(plan->own_address.family), plan->own_device);
	if (tunnel->guard)
		text_printf(out, "guard=%u # the index of its first policy\n", (unsigned)first_guard(plan)->index);
	if (plan->has_neighbours)
		text_printf(out, "neighbours=%u # the first index of the policies that keep this host's own links reachable\n",
		            (unsigned)plan->identity.index);
}

/* What xfrmkeep reads and the script does not use. */
static void add_facts_of_keeper(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	text_printf(out, "# shellcheck disable=SC2034 # these are for xfrmkeep\n"
	                 "mode=%s encap=%s mtu=%u path_mtu=%u%s%s%s", tunnel->transport ? "transport" : "tunnel",
	            !plan->encapsulates ? "none" : tunnel->nonike ? "espinudp-nonike" : "espinudp", plan->mtu, tunnel->mtu,
	            tunnel->esn ? " esn=yes" : "", tunnel->limit_bytes || tunnel->limit_packets ? " limited=yes" : "",
	            plan->forwards ? " forwards=yes" : "");
	if (!tunnel->transport)
		add_nets(out, plan, " ");
	if (plan->is_site)
		text_printf(out, " route_proto=%u", plan->identity.route_protocol);
	if (tunnel->interface)
		text_printf(out, " interface=%s if_id=0x%x group=%u", tunnel->interface, (unsigned)plan->if_id,
		            (unsigned)plan->identity.group);
	if (tunnel->clamp)
		text_add_string(out, " clamp=yes");
	if (plan->is_site)
		text_add_string(out, " exempt=yes");
	if (plan->is_site && plan->own_address.family != AF_UNSPEC && has_label(plan))
		text_printf(out, " own_label=lo:x%08x", (unsigned)tunnel->digest);
	if (tunnel->exchanged)
		text_printf(out, " fingerprint='%s'", tunnel->fingerprint);
	if (!plan->punches)
		text_join(out, " first=", tunnel->sides[0].name, NULL);
	text_add_string(out, "\n");
}

static void add_facts(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	const struct side *self = plan->self;
	char text[OUTER_TEXT];

	text_printf(out, "name=%s digest=%08x family=%c cipher=%s local=%s", self->name, (unsigned)tunnel->digest,
	            self->local.address.family == AF_INET6 ? '6' : '4', tunnel->cipher->name,
	            local_print_address(text, self));
	if (plan->encapsulates)
		text_printf(out, " port=%u", self->local.port);
	if (self->behind_nat)
		text_printf(out, " mapped='%s'", mapped_print(text, self));
	if (plan->punches)
		text_join(out, " first=", tunnel->sides[0].name, NULL);
	text_printf(out, "\nstore=%s.%s check=%s\n", self->name, plan->identity.store, plan->identity.check);
	add_peers(out, plan);
	add_features(out, plan);
	add_facts_of_keeper(out, plan);
}

/* ---- Rows ---- */

/* The script's variables for a peer's values. */
struct variables {
	char there[16], peer_port[16], pin[24];
	struct names names;
};

static void name_variables(struct variables *variables, size_t peer)
{
	size_t number = peer + 1;

	snprintf(variables->there, sizeof variables->there, "$there_%zu", number);
	snprintf(variables->peer_port, sizeof variables->peer_port, "$port_%zu", number);
	snprintf(variables->pin, sizeof variables->pin, " spi $spi_%zu", number);
	variables->names = (struct names){
		.indexes = true, .here = "$here", .there = variables->there, .port = "$port", .peer_port = variables->peer_port, .pin = variables->pin,
	};
}

static void begin_rows(struct text *out, const char *function, const char *comment)
{
	if (comment)
		text_join(out, "# ", comment, "\n", NULL);
	text_join(out, function, "() { echo \"\n", NULL);
}

static void end_rows(struct text *out)
{
	text_add_string(out, "\"; }\n");
}

static void add_policies(struct text *out, const struct policies *policies)
{
	struct variables variables = { 0 };

	for (size_t i = 0; i < policies->count; i++) {
		if (i == 0 || policies->rows[i].peer != policies->rows[i - 1].peer)
			name_variables(&variables, policies->rows[i].peer);
		policy_print(out, &policies->rows[i], &variables.names);
	}
}

static void add_deletes(struct text *out, const struct policies *policies)
{
	static const char *const dirs[] = { "in", "out", "fwd" };

	for (size_t i = 0; i < policies->count; i++)
		text_printf(out, "xfrm policy deleteall dir %s index %u\n", dirs[policies->rows[i].direction], (unsigned)policies->rows[i].index);
}

static void add_policy_functions(struct text *out, const struct plan *plan)
{
	if (plan->tunnel->guard) {
		begin_rows(out, "guards", "What is blocked, also while the tunnel is down, and what passes all the same.");
		add_policies(out, &plan->neighbours);
		add_policies(out, &plan->blocks);
		end_rows(out);
		begin_rows(out, "unguard", "What down --all removes besides.");
		add_deletes(out, &plan->neighbours);
		add_deletes(out, &plan->blocks);
		end_rows(out);
	}
	begin_rows(out, "policies", "Which packets are encrypted, and how. An outbound template names the SPI, so that a new key takes over at once.");
	add_policies(out, &plan->bypasses);
	if (!plan->tunnel->guard)
		add_policies(out, &plan->neighbours);
	add_policies(out, &plan->tunnels);
	end_rows(out);
}

static void add_link(struct text *out, const struct plan *plan)
{
	const char *interface = plan->tunnel->interface;

	begin_rows(out, "link", "The interface into which the routes lead; its policies and SAs have its if_id.");
	text_printf(out, "link add name %s group %u type xfrm if_id 0x%x\n", interface, (unsigned)plan->identity.group, (unsigned)plan->if_id);
	text_printf(out, "link set dev %s mtu %u up\n", interface, plan->mtu);
	end_rows(out);
}

static void add_route(struct text *out, const struct plan *plan, const struct route *route)
{
	char text[PREFIX_TEXT];

	text_join(out, "route add ", prefix_print(text, &route->net), NULL);
	if (plan->tunnel->interface)
		text_join(out, " dev ", plan->tunnel->interface, NULL);
	else
		text_printf(out, route->same_family ? " $way_%zu" : " $dev_%zu", route->peer + 1);
	text_add_string(out, route->net.address.family == AF_INET6 ? " $src6" : " $src4");
	if (plan->tunnel->interface || route->has_mtu)
		text_printf(out, " mtu %u", plan->mtu);
	text_printf(out, " proto %u\n", plan->identity.route_protocol);
}

static void add_routes(struct text *out, const struct plan *plan)
{
	text_add_string(out, "# shellcheck disable=SC2154 # find_ways sets way_N and dev_N\n");
	begin_rows(out, "routes", "They lead where the outer packets go; they are for the source address and the MTU, because a policy encrypts.");
	for (size_t i = 0; i < plan->routes.count; i++)
		add_route(out, plan, &plan->routes.rows[i]);
	end_rows(out);
}

static void add_undo(struct text *out, const struct plan *plan)
{
	char text[PREFIX_TEXT];

	begin_rows(out, "undo", "What down removes. Each object is known as this script's by its index, reqid, protocol, label or group.");
	if (plan->is_site)
		for (size_t i = 0; i < plan->routes.count; i++)
			text_printf(out, "route delete %s proto %u\n", prefix_print(text, &plan->routes.rows[i].net), plan->identity.route_protocol);
	if (plan->is_site && has_label(plan))
		text_printf(out, "address delete $own_address dev $own_device label lo:x%08x\n", (unsigned)plan->tunnel->digest);
	add_deletes(out, &plan->bypasses);
	if (!plan->tunnel->guard)
		add_deletes(out, &plan->neighbours);
	add_deletes(out, &plan->tunnels);
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "xfrm state deleteall reqid %u\n", (unsigned)plan->views[i].reqid);
	if (plan->tunnel->interface)
		text_printf(out, "link delete group %u\n", (unsigned)plan->identity.group);
	end_rows(out);
}

static void add_helper(struct text *out, const struct plan *plan)
{
	const char *bracket = plan->self->local.address.family == AF_INET6 ? "[" : "";

	begin_rows(out, "helper", "espdecap holds the UDP socket, so that the kernel decapsulates, and keeps the NAT's mapping. 65534 is nobody.");
	text_printf(out, "%s-u 65534 -b $here $port", plan->tunnel->nonike ? "-N " : "");
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "%s%s$there_%zu%s:$port_%zu", plan->peer_count > 2 ? " \\\n  " : " ", bracket, i + 1, *bracket ? "]" : "", i + 1);
	text_add_string(out, "\n");
	end_rows(out);
}

static void add_address(struct text *out, const struct plan *plan)
{
	begin_rows(out, "address", NULL);
	text_printf(out, "address add $own_address dev $own_device");
	if (has_label(plan))
		text_printf(out, " label lo:x%08x", (unsigned)plan->tunnel->digest);
	text_add_string(out, "\n");
	end_rows(out);
}

static void add_tables(struct text *out, const struct plan *plan)
{
	const struct selectors *selectors = &plan->selectors;

	text_printf(out, "table=xfrmpair-%s-%08x # the names of its nft tables begin so\n", plan->self->name, (unsigned)plan->tunnel->digest);
	if (plan->tunnel->clamp) {
		text_add_string(out, "# TCP is told to send no larger segments than fit.\n"
		                     "clamp() { echo \"\ntable inet $table-clamp {\n\tchain both {\n");
		for (size_t i = 0; i < selectors->count; i++)
			print_clamp(out, plan, &selectors->rows[i], "\t\t");
		text_add_string(out, "\t}\n\tchain forward { type filter hook forward priority mangle; jump both; }\n"
		                     "\tchain output { type filter hook output priority mangle; jump both; }\n}\n\"; }\n");
	}
	text_add_string(out, "# With up --nat-exempt: a connection that is bound to its own address is not translated by later NAT rules.\n"
	                     "exempt() { echo \"\ntable inet $table-exempt {\n\tchain postrouting {\n\t\ttype nat hook postrouting priority 99\n");
	for (size_t i = 0; i < selectors->count; i++) {
		const char *family = selector_family(&selectors->rows[i]);

		text_join(out, "\t\t", family, " saddr ", NULL);
		print_self_net(out, plan, &selectors->rows[i]);
		text_join(out, " ", family, " daddr ", NULL);
		print_other_net(out, plan, &selectors->rows[i]);
		text_join(out, " rt ipsec exists snat ", family, " to ", family, " saddr\n", NULL);
	}
	text_add_string(out, "\t}\n}\n\"; }\n");
}

static void add_tests(struct text *out, const struct plan *plan)
{
	begin_rows(out, "tests", NULL);
	for (size_t i = 0; i < plan->peer_count; i++)
		print_test(out, plan, i, "$here");
	end_rows(out);
}

/* ---- The work of up ---- */

/* The functions that it calls, in this order. */
static void add_up(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	text_add_string(out, "up() {\n\tprepare\n");
	if (tunnel->guard)
		text_add_string(out, "\tadd_guards\n");
	if (has_hosts(plan))
		text_add_string(out, "\tfind_hosts\n");
	text_add_string(out, "\tfind_here\n\tbegin\n");
	if (plan->encapsulates && plan->self->behind_nat)
		text_add_string(out, "\t! has --map || map_port\n");
	text_add_string(out, "\tbatch \"adding SAs (with keys)\" states\n");
	if (plan->punches)
		text_add_string(out, "\t[ -n \"$dry$heard\" ] || has --no-punch || open_hole\n");
	text_add_string(out, "\tbatch \"adding policies: what is to be encrypted\" policies\n");
	if (tunnel->interface)
		text_add_string(out, "\tbatch \"adding the interface\" link\n");
	if (plan->is_site) {
		if (plan->own_address.family != AF_UNSPEC)
			text_add_string(out, "\tadd_address\n");
		text_add_string(out, "\tadd_routes\n");
	}
	if (plan->has_neighbours)
		text_add_string(out, "\tadd_neighbours\n");
	if (plan->forwards)
		text_add_string(out, "\tforward\n");
	if (tunnel->clamp)
		text_add_string(out, "\tadd_table clamp\n");
	if (plan->is_site)
		text_add_string(out, "\t! has --nat-exempt || add_table exempt\n");
	if (plan->encapsulates)
		text_add_string(out, "\thas --no-helper || start_helper\n");
	if (plan->punches)
		text_add_string(out, "\t[ \"$heard\" != before ] || has --no-punch || listen\n");
	text_add_string(out, "\tfinish\n}\n");
}

/* The options of up and down beside those of every script. */
static void add_options(struct text *out, const struct plan *plan)
{
	text_add_string(out, "options='");
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
	text_add_string(out, "' # of up and down\n");
}

/* What down does besides undo. */
static void add_also(struct text *out, const struct plan *plan)
{
	if (!plan->has_neighbours && !plan->is_site)
		return;
	text_printf(out, "also='%s%s' # functions of down, besides undo\n", plan->has_neighbours ? "remove_neighbours " : "",
	            plan->is_site ? "remove_tables" : "");
}

static void add_program(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	text_add_string(out, template_text("page/begin.sh"));
	text_add_string(out, template_text(side_is_auto(plan->self) ? "page/auto.sh" : "page/here.sh"));
	if (has_hosts(plan))
		text_add_string(out, template_text("page/hosts.sh"));
	if (tunnel->guard)
		text_add_string(out, template_text("page/guard.sh"));
	if (plan->is_site && plan->own_address.family != AF_UNSPEC)
		text_add_string(out, template_text(has_label(plan) || tunnel->interface ? "page/address.sh" : "page/address6.sh"));
	if (plan->is_site)
		text_add_string(out, template_text("page/routes.sh"));
	if (plan->has_neighbours)
		text_add_string(out, template_text("page/neighbours.sh"));
	if (plan->forwards)
		text_add_string(out, template_text("page/forward.sh"));
	if (plan->is_site)
		text_add_string(out, template_text("page/table.sh"));
	if (plan->encapsulates && plan->self->behind_nat)
		text_add_string(out, template_text("page/map.sh"));
	if (plan->encapsulates)
		text_add_string(out, template_text("page/helper.sh"));
	if (plan->punches)
		text_add_string(out, template_text("page/punch.sh"));
	text_add_string(out, template_text("page/end.sh"));
}

void print_page(struct text *out, const struct plan *plan)
{
	struct section section = start_of(plan);

	add_title(out, plan);
	add_description(out, plan);
	add_verbs(out, plan);
	add_facts(out, plan);
	add_options(out, plan);
	add_also(out, plan);
	text_add_string(out, "\n");
	add_policy_functions(out, plan);
	if (plan->tunnel->interface)
		add_link(out, plan);
	if (plan->is_site && plan->own_address.family != AF_UNSPEC)
		add_address(out, plan);
	if (plan->is_site)
		add_routes(out, plan);
	add_undo(out, plan);
	if (plan->encapsulates)
		add_helper(out, plan);
	if (plan->is_site)
		add_tables(out, plan);
	add_tests(out, plan);
	text_add_string(out, "\n");
	add_program(out, plan);
	add_up(out, plan);
	text_add_string(out, "\n");
	section_print(out, &section);
	/* the brace closes that of the second line: a file that was cut off is a syntax error */
	text_add_string(out, "main \"$@\"\n}\n");
	section_free(&section);
}
