/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The page: a readable script with every `ip` command, and the section with what changes. */
#include "print.h"
#include "start.h"
#include "templates.h"

#include <stdio.h>

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
		.indexes = true,
		.here = "$here",
		.there = variables->there,
		.port = "$port",
		.peer_port = variables->peer_port,
		.pin = variables->pin,
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

	for (size_t i = 0; i < policies->count; i++) {
		text_join(out, "xfrm policy deleteall dir ", dirs[policies->rows[i].direction],
		          " index ", NULL);
		text_add_number(out, policies->rows[i].index);
		text_add_string(out, "\n");
	}
}

static void add_policy_functions(struct text *out, const struct plan *plan)
{
	if (plan->tunnel->guard) {
		begin_rows(out, "guards",
		           "Leak guard: blocks unencrypted packets, also while the tunnel is down, "
		           "with exceptions.");
		add_policies(out, &plan->neighbours);
		add_policies(out, &plan->blocks);
		end_rows(out);
		begin_rows(out, "unguard", "down --all also removes these.");
		add_deletes(out, &plan->neighbours);
		add_deletes(out, &plan->blocks);
		end_rows(out);
	}
	begin_rows(out, "policies",
	           "Which packets to encrypt. The outbound template names the SPI, so a new key "
	           "takes over at once.");
	add_policies(out, &plan->bypasses);
	if (!plan->tunnel->guard)
		add_policies(out, &plan->neighbours);
	add_policies(out, &plan->tunnels);
	end_rows(out);
}

static void add_link(struct text *out, const struct plan *plan)
{
	const char *interface = plan->tunnel->interface;

	begin_rows(out, "link",
	           "The xfrm interface that the routes use; the policies and SAs have its if_id.");
	text_printf(out, "link add name %s group %u type xfrm if_id 0x%x\n", interface,
	            (unsigned)plan->identity.group, (unsigned)plan->if_id);
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
	text_add_string(out, "# shellcheck disable=SC2154 # add_routes sets them\n");
	begin_rows(out, "routes",
	           "Routes set the source address and MTU, and use the same way as the outer "
	           "packets.");
	for (size_t i = 0; i < plan->routes.count; i++)
		add_route(out, plan, &plan->routes.rows[i]);
	end_rows(out);
}

static void add_undo(struct text *out, const struct plan *plan)
{
	char text[PREFIX_TEXT];

	begin_rows(out, "undo",
	           "What down removes, found by index, reqid, protocol, label or group.");
	if (plan->is_site)
		for (size_t i = 0; i < plan->routes.count; i++)
			text_printf(out, "route delete %s proto %u\n",
			            prefix_print(text, &plan->routes.rows[i].net),
			            plan->identity.route_protocol);
	if (plan->is_site && plan_has_label(plan))
		text_printf(out, "address delete $own_address dev $own_device label lo:x%08x\n",
		            (unsigned)plan->tunnel->digest);
	add_deletes(out, &plan->bypasses);
	if (!plan->tunnel->guard)
		add_deletes(out, &plan->neighbours);
	add_deletes(out, &plan->tunnels);
	for (size_t i = 0; i < plan->peer_count; i++) {
		text_add_string(out, "xfrm state deleteall reqid ");
		text_add_number(out, plan->views[i].reqid);
		text_add_string(out, "\n");
	}
	if (plan->tunnel->interface)
		text_printf(out, "link delete group %u\n", (unsigned)plan->identity.group);
	end_rows(out);
}

static void add_helper(struct text *out, const struct plan *plan)
{
	const char *bracket = plan->self->local.address.family == AF_INET6 ? "[" : "";

	begin_rows(out, "helper",
	           "espdecap holds the UDP socket, so that the kernel decapsulates, and keeps the "
	           "NAT mapping open.");
	text_printf(out, "%s-u 65534 -b $here $port", plan->tunnel->nonike ? "-N " : "");
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "%s%s$there_%zu%s:$port_%zu",
		            plan->peer_count > 2 ? " \\\n  " : " ", bracket, i + 1,
		            *bracket ? "]" : "", i + 1);
	text_add_string(out, "\n");
	end_rows(out);
}

static void add_address(struct text *out, const struct plan *plan)
{
	begin_rows(out, "address", NULL);
	text_printf(out, "address add $own_address dev $own_device");
	if (plan_has_label(plan))
		text_printf(out, " label lo:x%08x", (unsigned)plan->tunnel->digest);
	text_add_string(out, "\n");
	end_rows(out);
}

/* Of the tunnel's own packets in one direction: connection tracking has a zone for them.  Else a
 * LAN host's flow that this gateway masquerades may have their tuple, and the kernel gives the
 * tunnel another port. */
static void print_own_flow(struct text *out, const struct plan *plan, const char *outer, bool sends)
{
	text_join(out, "\tchain ", sends ? "output" : "prerouting",
	          " {\n\t\ttype filter hook ", sends ? "output" : "prerouting",
	          " priority raw\n\t\t", outer, sends ? " saddr" : " daddr", " $here udp ",
	          sends ? "sport" : "dport", " $port ", outer,
	          sends ? " daddr . udp dport {" : " saddr . udp sport {", NULL);
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "%s $there_%zu . $port_%zu", i ? "," : "", i + 1, i + 1);
	text_add_string(out, " } ct zone set $port\n\t}\n");
}

static void add_tables(struct text *out, const struct plan *plan)
{
	const struct selectors *selectors = &plan->selectors;
	const bool is_ipv6 = plan->self->local.address.family == AF_INET6;
	const char *outer = is_ipv6 ? "ip6" : "ip";

	text_printf(out, "table=xfrmpair-%s-%08x # prefix of its nft tables\n",
	            plan->self->name, (unsigned)plan->tunnel->digest);
	if (plan->tunnel->clamp) {
		text_add_string(out, "# Lower the MSS, so that TCP segments fit.\n"
		                     "clamp() { echo \"\ntable inet $table-clamp {\n\tchain both "
		                     "{\n");
		for (size_t i = 0; i < selectors->count; i++)
			print_clamp(out, plan, &selectors->rows[i], "\t\t");
		text_add_string(out, "\t}\n\tchain forward { type filter hook forward priority "
		                     "mangle; jump both; }\n"
		                     "\tchain output { type filter hook output priority mangle; "
		                     "jump both; }\n}\n\"; }\n");
	}
	text_add_string(out, "# For up --nat-exempt: later NAT rules do not change a connection "
	                     "translated to its own address.\n"
	                     "exempt() { echo \"\ntable inet $table-exempt {\n");
	for (int sends = 1; sends >= 0 && plan->encapsulates; sends--)
		print_own_flow(out, plan, outer, sends);
	text_add_string(out, "\tchain postrouting {\n\t\ttype nat hook postrouting priority 99\n");
	if (plan->encapsulates)
		text_join(out, "\t\t", outer, " saddr $here udp sport $port snat ", outer, " to ",
		          is_ipv6 ? "[$here]" : "$here", ":$port\n", NULL);
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

/* ---- The script without xfrmkeep ---- */

/* The functions that it calls, in this order. */
static void add_up(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	/* in transport mode the guard blocks the peer's own address */
	const bool guards_hosts = tunnel->transport && plan_has_hosts(plan);

	text_add_string(out, "up() {\n");
	if (plan->has_neighbours)
		text_add_string(out, "\t[ -n \"$dry\" ] || fail 1 \"only xfrmkeep can exempt "
		                     "this host's own links from a net of everything: put it "
		                     "beside $file\"\n");
	if (tunnel->guard && !guards_hosts)
		text_add_string(out, "\tadd_guards\n");
	if (plan_has_hosts(plan))
		text_add_string(out, "\tfind_hosts\n");
	if (tunnel->guard && guards_hosts)
		text_add_string(out, "\tadd_guards\n");
	text_add_string(out, "\tbegin\n");
	if (plan->punches)
		text_add_string(out, "\tcase $dry$* in *-n*) ;; # or --no-punch\n"
		                     "\t*) open_hole ;;\n\tesac\n");
	text_add_string(out, "\tbatch states\n\tbatch policies\n");
	if (tunnel->interface)
		text_add_string(out, "\tbatch link\n");
	if (plan->is_site && plan->own_address.family != AF_UNSPEC)
		text_add_string(out, "\tadd_address\n");
	if (plan->is_site)
		text_add_string(out, "\tadd_routes\n");
	if (tunnel->clamp)
		text_add_string(out, "\tadd_clamp\n");
	if (plan->encapsulates)
		text_add_string(out, "\tstart_helper\n");
	text_add_string(out, "\t[ -n \"$dry\" ] || say \"set up. When the other side is up too, "
	                     "test it with:$(tests)\"\n");
	text_add_string(out, "\t[ -z \"$silent\" ] || exit \"$silent\"\n");
	text_add_string(out, "}\n");
}

static void add_program(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	const bool adds_address = plan->is_site && plan->own_address.family != AF_UNSPEC;
	const struct {
		bool needed;
		const char *name;
	} parts[] = {
		{ true, "page/begin.sh" },
		{ plan_has_hosts(plan), "page/hosts.sh" },
		{ tunnel->guard, "page/guard.sh" },
		{ adds_address, plan_has_label(plan) || tunnel->interface ? "page/address.sh"
		                                                          : "page/address6.sh" },
		{ plan->is_site, "page/routes.sh" },
		{ tunnel->clamp, "page/clamp.sh" },
		{ plan->is_site, "page/table.sh" },
		{ plan->encapsulates, "page/helper.sh" },
		{ plan->punches, "page/punch.sh" },
		{ true, "page/end.sh" },
	};

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].needed)
			text_add_string(out, template_text(parts[i].name));
}

void print_page(struct text *out, const struct plan *plan)
{
	struct section section = start_of(plan);

	print_head(out, plan);
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
	/* closes the brace of the second line, so that a truncated file is a syntax error */
	text_add_string(out, "main \"$@\"\n}\n");
	section_free(&section);
}
