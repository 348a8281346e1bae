/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "plan.h"
#include "memory.h"
#include "say.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* True if some inner packets are not of the outer family. */
static bool mixes_families(const struct plan *plan)
{
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];

		for (size_t j = 0; j < view->self_nets.count; j++)
			if (view->self_nets.list[j].prefix.address.family !=
			    view->self_outer.address.family)
				return true;
	}
	return false;
}

static enum encap encap_of(const struct plan *plan)
{
	if (!plan->encapsulates)
		return ENCAP_NONE;
	return plan->tunnel->nonike ? ENCAP_ESPINUDP_NONIKE : ENCAP_ESPINUDP;
}

/* Fills in the SA with which this side sends or receives. It writes to the final place, because a
 * copy would leave the key in memory. */
static void plan_state(struct state *state, const struct plan *plan, size_t peer, bool outbound,
                       bool af_unspec)
{
	const struct tunnel *tunnel = plan->tunnel;
	const struct view *view = &plan->views[peer];
	const struct endpoint *src = outbound ? &view->self_outer : &view->other_outer;
	const struct endpoint *dst = outbound ? &view->other_outer : &view->self_outer;
	const struct sa *sa = outbound ? view->out : view->in;

	state->peer = peer;
	state->outbound = outbound;
	state->src = src->address;
	state->dst = dst->address;
	state->spi = sa->spi;
	state->reqid = view->reqid;
	state->transport = tunnel->transport;
	state->esn = tunnel->esn;
	state->af_unspec = af_unspec; /* without it, an SA accepts only inner packets of its outer
	                               * family */
	state->replay_window = tunnel->replay_window;
	state->if_id = plan->if_id;
	/* the limits count what a side sends */
	state->limit_bytes = outbound ? tunnel->limit_bytes : 0;
	state->limit_packets = outbound ? tunnel->limit_packets : 0;
	state->encap = encap_of(plan);
	state->sport = src->port;
	state->dport = dst->port;
	state->cipher = tunnel->cipher;
	state->epoch = sa->epoch;
	memcpy(state->key, sa->key, sizeof state->key);
}

static void plan_states(struct plan *plan)
{
	bool af_unspec = mixes_families(plan);

	plan->states = memory_rows(2 * plan->peer_count, sizeof *plan->states);
	for (size_t i = 0; i < plan->peer_count; i++) {
		plan_state(&plan->states[2 * i], plan, i, true, af_unspec);
		plan_state(&plan->states[2 * i + 1], plan, i, false, af_unspec);
	}
}

/* A net of everything needs no route, because the default route leads to the policies. */
static void plan_routes_to(struct plan *plan, size_t peer)
{
	const struct view *view = &plan->views[peer];
	struct address from = view_inside(view->self, &view->self_nets);
	bool known = address_equal(&from, &view->self->inner) ||
	             address_equal(&from, &view->self->local.address);
	struct routes *routes = &plan->routes;

	for (size_t i = 0; i < view->other_nets.count; i++) {
		const struct prefix *net = &view->other_nets.list[i].prefix;

		if (prefix_is_everything(net) || nets_repeat(&view->other_nets, i))
			continue;
		routes->rows =
			memory_more(routes->rows, routes->count, &routes->room, sizeof *routes->rows);
		routes->rows[routes->count++] = (struct route){
			.peer = peer,
			.net = *net,
			.has_source = known && from.family == net->address.family,
			.has_mtu = !prefix_contains(net, &view->other_outer.address),
			.same_family = net->address.family == view->other_outer.address.family,
		};
	}
}

static bool takes_ping(const struct net *self, const struct net *other)
{
	return net_takes_ping(self) && net_takes_ping(other);
}

/* True if exactly one of them names a TCP port. */
static bool takes_connection(const struct net *self, const struct net *other)
{
	return nets_proto(self, other) == IPPROTO_TCP && !self->port != !other->port;
}

/* The first pair of nets that matches the test, between hosts of the same family. A side that
 * protects everything may only have an address of the other family. */
static bool find_pair(const struct view *view,
                      bool (*takes)(const struct net *, const struct net *),
                      const struct net **self, const struct net **other)
{
	for (size_t i = 0; i < view->self_nets.count; i++)
		for (size_t j = 0; j < view->other_nets.count; j++) {
			*self = &view->self_nets.list[i];
			*other = &view->other_nets.list[j];
			if (net_meets(*self, *other) && takes(*self, *other) &&
			    view_host(view->self, &(*self)->prefix).family ==
			            view_host(view->other, &(*other)->prefix).family)
				return true;
		}
	return false;
}

static struct test test_of(const struct plan *plan, const struct view *view)
{
	const struct net *self, *other;
	struct test test = {
		.from = plan->inside,
		.to = view_inside(view->other, &view->other_nets),
	};

	if (find_pair(view, takes_ping, &self, &other)) {
		test.kind = TEST_PING;
		if (test.from.family == test.to.family)
			return test;
	} else if (find_pair(view, takes_connection, &self, &other)) {
		test.kind = other->port ? TEST_TCP_TO_PEER : TEST_TCP_FROM_PEER;
		test.port = other->port ? other->port : self->port;
	} else {
		return test;
	}
	test.from = view_host(view->self, &self->prefix);
	test.to = view_host(view->other, &other->prefix);
	return test;
}

/* True if the policies concern more than the hosts' own addresses. Then routes, forwarding and NAT
 * matter. */
static bool is_site(const struct side *side)
{
	return side->inner.family != AF_UNSPEC || side->net_count > 1 ||
	       !prefix_is_host(&side->nets[0].prefix) ||
	       !address_equal(&side->nets[0].prefix.address, &side->local.address);
}

static struct address own_address(const struct tunnel *tunnel, const struct side *side)
{
	if (side->inner.family != AF_UNSPEC)
		return side->inner;
	return tunnel->transport || is_site(side) ? (struct address){ AF_UNSPEC }
	                                          : side->local.address;
}

static bool has_hosts_behind(const struct side *side)
{
	for (size_t i = 0; i < side->net_count; i++)
		if (!prefix_is_host(&side->nets[i].prefix))
			return true;
	return false;
}

static bool protects_everything(const struct side *side)
{
	for (size_t i = 0; i < side->net_count; i++)
		if (prefix_is_everything(&side->nets[i].prefix))
			return true;
	return false;
}

/* Only in tunnel mode. */
static void describe_nets(struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	plan->own_address = own_address(tunnel, plan->self);
	plan->own_device = "lo";
	if (tunnel->interface && plan->self->inner.family != AF_UNSPEC)
		plan->own_device = tunnel->interface;
	plan->forwards = has_hosts_behind(plan->self);
	plan->is_site = tunnel->interface || tunnel->clamp || is_site(plan->self);
	for (size_t i = 0; i < plan->peer_count; i++) {
		plan->is_site = plan->is_site || is_site(plan->views[i].other);
		plan->has_neighbours =
			plan->has_neighbours || protects_everything(plan->views[i].other);
	}
}

struct plan plan_of(const struct tunnel *tunnel, size_t self)
{
	struct plan plan = {
		.tunnel = tunnel,
		.self = &tunnel->sides[self],
		.views = memory_rows(tunnel->side_count, sizeof *plan.views),
		.encapsulates = tunnel_encapsulates(tunnel),
		.if_id = tunnel->interface ? tunnel->digest | 1 : 0,
		.mtu = tunnel_inner_mtu(tunnel, tunnel->sides[self].local.address.family),
		.own_address = { AF_UNSPEC },
	};

	for (size_t other = 0; other < tunnel->side_count; other++)
		if (tunnel_has_pair(tunnel, self, other))
			view_of(&plan.views[plan.peer_count++], tunnel, self, other);
	/* several peers cannot be waited for one after the other: espdecap's first ten seconds open
	 * their holes */
	plan.punches = plan.encapsulates && tunnel->side_count == 2;
	plan.inside = view_inside(plan.self, &plan.views[0].self_nets);
	if (!tunnel->transport)
		describe_nets(&plan);
	plan.identity = identity_of_side(tunnel, self);
	plan.next_index = plan.identity.index + INDEX_NEIGHBOURS * INDEX_STEP;
	plan_policies(&plan);
	plan_states(&plan);
	plan.tests = memory_rows(plan.peer_count, sizeof *plan.tests);
	for (size_t i = 0; i < plan.peer_count; i++) {
		if (!tunnel->transport)
			plan_routes_to(&plan, i);
		plan.tests[i] = test_of(&plan, &plan.views[i]);
	}
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan->states)
		explicit_bzero(plan->states, 2 * plan->peer_count * sizeof *plan->states);
	free(plan->states);
	free(plan->views);
	free(plan->bypasses.rows);
	free(plan->neighbours.rows);
	free(plan->blocks.rows);
	free(plan->tunnels.rows);
	free(plan->selectors.rows);
	free(plan->routes.rows);
	free(plan->tests);
}
