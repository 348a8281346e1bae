/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints a plan as in the tables: `SIDE: KIND ...`, one line per row. */
#include "promises.h"

#include <netinet/in.h>
#include <string.h>

static const char *const directions[] = { "in", "out", "fwd" };

static void add_end(struct text *out, const struct selector_end *end)
{
	static const char *const places[] = { "", "here=", "there=" };
	char text[PREFIX_TEXT];

	text_join(out, places[end->place], prefix_print(text, &end->prefix), NULL);
}

static void add_port(struct text *out, uint16_t port)
{
	if (port)
		text_add_number(out, port);
	else
		text_add_string(out, "*");
}

static void add_proto(struct text *out, const struct policy *policy)
{
	if (!policy->proto)
		return;
	if (policy->proto == IPPROTO_TCP || policy->proto == IPPROTO_UDP)
		text_add_string(out, policy->proto == IPPROTO_TCP ? " tcp" : " udp");
	else
		text_printf(out, " proto %u", policy->proto);
	if (!policy->src.port && !policy->dst.port)
		return;
	text_add_string(out, " ");
	add_port(out, policy->src.port);
	text_add_string(out, "->");
	add_port(out, policy->dst.port);
}

static bool equal_ends(const struct selector_end *one, const struct selector_end *two)
{
	return address_equal(&one->prefix.address, &two->prefix.address) &&
	       one->prefix.length == two->prefix.length && one->port == two->port &&
	       one->place == two->place;
}

/* True if BACK is the row of OUT for the packets in the other direction. */
static bool is_mirror(const struct policy *out, const struct policy *back, enum direction direction)
{
	return out->direction == DIRECTION_OUT && back->direction == direction &&
	       back->peer == out->peer && equal_ends(&back->src, &out->dst) &&
	       equal_ends(&back->dst, &out->src) && back->proto == out->proto &&
	       back->action == out->action && back->priority == out->priority &&
	       back->if_id == out->if_id &&
	       address_equal(&back->template_src, &out->template_dst) &&
	       address_equal(&back->template_dst, &out->template_src) &&
	       back->reqid == out->reqid && back->spi == 0 && back->transport == out->transport;
}

/* The number of rows from INDEX on that are spelled as one line: a row of the direction out and its
 * mirror images, in and perhaps fwd. */
static size_t count_mirror(const struct policies *policies, size_t index)
{
	const struct policy *rows = &policies->rows[index];
	size_t left = policies->count - index;

	if (left < 2 || !is_mirror(&rows[0], &rows[1], DIRECTION_IN))
		return 1;
	return left < 3 || !is_mirror(&rows[0], &rows[2], DIRECTION_FWD) ? 2 : 3;
}

static void add_policy(struct text *out, const struct plan *plan, const struct policy *policy,
                       const char *kind, size_t mirrored)
{
	static const char *const ways[] = { "", "", ",in", ",in,fwd" };
	const struct view *view = &plan->views[policy->peer];

	text_join(out, plan->self->name, ": ", kind, " ", view->other->name, " ",
	          directions[policy->direction], ways[mirrored], " ", NULL);
	add_end(out, &policy->src);
	text_add_string(out, " -> ");
	add_end(out, &policy->dst);
	add_proto(out, policy);
	text_printf(out, " %u", policy->priority);
	if (policy->spi)
		text_add_string(out, policy->spi == view->out->spi ? " pinned"
		                                                   : " pinned to another SPI");
	if (policy->if_id)
		text_add_string(out, " if_id");
	if (policy->transport)
		text_add_string(out, " transport");
	text_add_string(out, "\n");
}

static void add_nothing(struct text *out, const struct plan *plan, const char *kind)
{
	text_join(out, plan->self->name, ": ", kind, " none\n", NULL);
}

static void add_policies(struct text *out, const struct plan *plan, const struct policies *policies,
                         const char *kind)
{
	size_t mirrored;

	if (!policies->count)
		add_nothing(out, plan, kind);
	for (size_t i = 0; i < policies->count; i += mirrored) {
		mirrored = count_mirror(policies, i);
		add_policy(out, plan, &policies->rows[i], kind, mirrored);
	}
}

static void add_selectors(struct text *out, const struct plan *plan)
{
	char self[NET_TEXT], other[NET_TEXT];

	for (size_t i = 0; i < plan->selectors.count; i++) {
		const struct selector *row = &plan->selectors.rows[i];

		text_join(out, plan->self->name, ": selector ", plan->views[row->peer].other->name,
		          " ", net_print(self, row->self), " <-> ", net_print(other, row->other),
		          "\n", NULL);
	}
}

static void add_endpoint(struct text *out, const struct address *address, uint16_t port)
{
	char text[ENDPOINT_TEXT];

	text_add_string(out, endpoint_print(text, &(struct endpoint){ *address, port }));
}

static void add_states(struct text *out, const struct plan *plan)
{
	static const char *const encaps[] = { "", " espinudp", " espinudp-nonike" };

	for (size_t i = 0; i < 2 * plan->peer_count; i++) {
		const struct state *row = &plan->states[i];

		text_join(out, plan->self->name, ": sa ", plan->views[row->peer].other->name,
		          row->outbound ? " out " : " in ", NULL);
		add_endpoint(out, &row->src, row->sport);
		text_add_string(out, " -> ");
		add_endpoint(out, &row->dst, row->dport);
		text_join(out, encaps[row->encap], row->transport ? " transport" : " tunnel",
		          row->esn ? " esn" : "", row->af_unspec ? " af-unspec" : "",
		          row->if_id ? " if_id" : "", NULL);
		if (row->limit_bytes)
			text_printf(out, " %llu bytes", row->limit_bytes);
		if (row->limit_packets)
			text_printf(out, " %llu packets", row->limit_packets);
		text_add_string(out, "\n");
	}
}

/* Without the backslashes that join the lines of a row. */
static void add_line(struct text *out, const struct plan *plan, const char *lines)
{
	text_join(out, plan->self->name, ": line ", NULL);
	for (const char *byte = lines; *byte; byte++) {
		if (strncmp(byte, " \\\n ", 4) == 0)
			byte += 4;
		text_add(out, byte, 1);
	}
}

/* As a script prints them, with its variables for what may change. */
static const struct names variables = {
	.here = "$here",
	.there = "$there",
	.port = "$port",
	.peer_port = "$peer_port",
	.pin = "$pin",
};
/* in place of what depends on the keys */
enum { SOME_REQID = 1, SOME_IF_ID = 2, SOME_SPI = 0x100 };

static void add_policy_lines(struct text *out, const struct plan *plan,
                             const struct policies *policies)
{
	struct text line = { 0 };

	for (size_t i = 0; i < policies->count; i++) {
		struct policy policy = policies->rows[i];

		policy.reqid = SOME_REQID;
		policy.if_id = policy.if_id ? SOME_IF_ID : 0;
		text_empty(&line);
		policy_print(&line, &policy, &variables);
		add_line(out, plan, line.bytes);
	}
	text_free(&line);
}

static void add_state_lines(struct text *out, const struct plan *plan)
{
	struct text line = { 0 };

	for (size_t i = 0; i < 2 * plan->peer_count; i++) {
		struct state state = plan->states[i];

		state.reqid = SOME_REQID;
		state.spi = SOME_SPI;
		memset(state.key, 0, sizeof state.key);
		state.if_id = state.if_id ? SOME_IF_ID : 0;
		text_empty(&line);
		state_print(&line, &state, &variables);
		add_line(out, plan, line.bytes);
	}
	text_free(&line);
}

static void add_routes(struct text *out, const struct plan *plan)
{
	char net[PREFIX_TEXT];

	if (!plan->routes.count)
		add_nothing(out, plan, "route");
	for (size_t i = 0; i < plan->routes.count; i++) {
		const struct route *row = &plan->routes.rows[i];

		text_join(out, plan->self->name, ": route ", plan->views[row->peer].other->name,
		          " ", prefix_print(net, &row->net), row->has_source ? " src" : "",
		          row->has_mtu ? " mtu" : "", row->same_family ? " gateway" : "", "\n",
		          NULL);
	}
}

static const char *spell_address(char out[ADDRESS_TEXT], const struct address *address,
                                 const char *unknown)
{
	return address_is_any(address) ? unknown : address_print(out, address);
}

static void add_tests(struct text *out, const struct plan *plan)
{
	static const char *const kinds[] = { "none", "ping", "tcp to", "tcp from" };
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT];

	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct test *row = &plan->tests[i];

		text_join(out, plan->self->name, ": test ", plan->views[i].other->name, " ",
		          kinds[row->kind], NULL);
		if (row->port)
			text_printf(out, " %u", row->port);
		if (row->kind != TEST_NONE)
			text_join(out, " ", spell_address(from, &row->from, "HERE"), " -> ",
			          spell_address(to, &row->to, "THERE"), NULL);
		text_add_string(out, "\n");
	}
}

static void add_peers(struct text *out, const struct plan *plan)
{
	char outer[OUTER_TEXT];

	for (size_t i = 0; i < plan->peer_count; i++)
		text_join(out, plan->self->name, ": peer ", plan->views[i].other->name, " ",
		          view_print_outer(outer, &plan->views[i]),
		          plan->views[i].lan ? " lan" : "", "\n", NULL);
}

static void add_facts(struct text *out, const struct plan *plan)
{
	const char *name = plan->self->name;
	char address[ADDRESS_TEXT];

	text_join(out, name, ": is ", plan->peer_count ? "" : "alone",
	          plan->encapsulates ? "encapsulating " : "plain ",
	          plan->punches ? "punching " : "", plan->is_site ? "site " : "",
	          plan->forwards ? "forwarding " : "",
	          plan->has_neighbours ? "with neighbours " : "", NULL);
	out->bytes[--out->length] = '\0';
	text_printf(out, "\n%s: mtu %u\n", name, plan->mtu);
	text_join(out, name, ": inside ", spell_address(address, &plan->inside, "HERE"), "\n",
	          NULL);
	if (plan->own_address.family == AF_UNSPEC)
		add_nothing(out, plan, "own");
	else
		text_join(out, name, ": own ", spell_address(address, &plan->own_address, "HERE"),
		          " ", plan->own_device, "\n", NULL);
	text_join(out, name, ": if_id ",
	          !plan->if_id                                ? "none"
	          : plan->if_id == (plan->tunnel->digest | 1) ? "of the digest"
	                                                      : "?",
	          "\n", NULL);
}

void plan_spell(struct text *out, const struct plan *plan)
{
	add_facts(out, plan);
	add_peers(out, plan);
	add_policies(out, plan, &plan->bypasses, "bypass");
	add_policies(out, plan, &plan->neighbours, "pass");
	add_policies(out, plan, &plan->blocks, "block");
	add_policies(out, plan, &plan->tunnels, "tunnel");
	add_selectors(out, plan);
	add_states(out, plan);
	add_policy_lines(out, plan, &plan->bypasses);
	add_policy_lines(out, plan, &plan->neighbours);
	add_policy_lines(out, plan, &plan->blocks);
	add_policy_lines(out, plan, &plan->tunnels);
	add_state_lines(out, plan);
	add_routes(out, plan);
	add_tests(out, plan);
}
