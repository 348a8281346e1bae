/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The policies of a plan. Each direction out has a mirror in directions in and fwd, with source and
 * destination swapped. */
#include "plan.h"
#include "memory.h"

#include <netinet/in.h>

/* The lowest number wins, so that among nested nets the longest prefix does. */
enum {
	PRIORITY_BYPASS = 1000,
	PRIORITY_TUNNEL = 2000,
	PRIORITY_NEIGHBOUR = 2500,
	PRIORITY_AROUND = 3000,
	PRIORITY_BLOCK = 4000,
};

static const struct prefix everything4 = { { AF_INET, { 0 } }, 0 },
			   everything6 = { { AF_INET6, { 0 } }, 0 };
static const struct prefix halves4[] = { { { AF_INET, { 0 } }, 1 }, { { AF_INET, { 0x80 } }, 1 } };
static const struct prefix halves6[] = { { { AF_INET6, { 0 } }, 1 },
	                                 { { AF_INET6, { 0x80 } }, 1 } };
static const struct prefix link_local6 = { { AF_INET6, { 0xfe, 0x80 } }, 10 },
			   multicast6 = { { AF_INET6, { 0xff } }, 8 };

static struct policy *add(struct policies *policies, const struct policy *policy)
{
	policies->rows =
		memory_more(policies->rows, policies->count, &policies->room, sizeof *policies->rows);
	policies->rows[policies->count] = *policy;
	return &policies->rows[policies->count++];
}

/* Adds the policy for packets from NEAR to FAR, and its mirrors for packets back, fwd only
 * WITH_FWD. */
static void add_mirrored(struct plan *plan, struct policies *policies, const struct policy *out, bool with_fwd)
{
	struct policy forth = *out, back = *out;

	/* the three low bits of an index are the direction: see __get_hash and xfrm_gen_index() in net/xfrm/xfrm_policy.c */
	forth.index = plan->next_index | DIRECTION_OUT;
	add(policies, &forth);
	back.src = out->dst;
	back.dst = out->src;
	back.template_src = out->template_dst;
	back.template_dst = out->template_src;
	back.spi = 0;
	back.direction = DIRECTION_IN;
	back.index = plan->next_index | DIRECTION_IN;
	add(policies, &back);
	back.direction = DIRECTION_FWD;
	back.index = plan->next_index | DIRECTION_FWD;
	if (with_fwd)
		add(policies, &back);
	plan->next_index += INDEX_STEP;
}

static struct selector_end end_of(const struct prefix *prefix, uint16_t port)
{
	return (struct selector_end){ .prefix = *prefix, .port = port };
}

static struct selector_end end_of_outer(const struct endpoint *outer, bool with_port,
                                        enum place place)
{
	return (struct selector_end){ prefix_of_host(&outer->address), with_port ? outer->port : 0,
		                      place };
}

/* Adds the policies of the tunnel itself. */
static void add_tunnel(struct plan *plan, size_t peer, const struct net *self,
                       const struct net *other)
{
	const struct view *view = &plan->views[peer];
	bool transport = plan->tunnel->transport;
	bool around = !transport && prefix_overlaps(&self->prefix, &other->prefix);
	struct policy out = {
		.peer = peer,
		.src = end_of(&self->prefix, self->port),
		.dst = end_of(&other->prefix, other->port),
		.proto = nets_proto(self, other),
		.direction = DIRECTION_OUT,
		.action = ACTION_TUNNEL,
		.priority = around ? PRIORITY_AROUND : PRIORITY_TUNNEL,
		.if_id = plan->if_id,
		.template_src = view->self_outer.address,
		.template_dst = view->other_outer.address,
		.reqid = view->reqid,
		/* the SA of the present epoch, and no other: RFC 4301, section 4.4.2.2 leaves the
		 * choice among several open */
		.spi = view->out->spi,
		.transport = transport,
	};

	if (transport) {
		out.src = end_of_outer(&view->self_outer, false, PLACE_HERE);
		out.dst = end_of_outer(&view->other_outer, false, PLACE_THERE);
	}
	add_mirrored(plan, &plan->tunnels, &out, !transport);
}

/* Exempts the UDP flow itself. */
static void add_bypass(struct plan *plan, size_t peer)
{
	const struct view *view = &plan->views[peer];

	add_mirrored(plan, &plan->bypasses, &(struct policy){
		.peer = peer,
		.src = end_of_outer(&view->self_outer, true, PLACE_HERE),
		.dst = end_of_outer(&view->other_outer, true, PLACE_THERE),
		.proto = IPPROTO_UDP,
		.direction = DIRECTION_OUT,
		.action = ACTION_ALLOW,
		.priority = PRIORITY_BYPASS,
	}, false);
}

static const struct prefix *everything_of(const struct prefix *net)
{
	return net->address.family == AF_INET6 ? &everything6 : &everything4;
}

static void add_neighbour(struct plan *plan, size_t peer, const struct prefix *near,
                          const struct prefix *far)
{
	add_mirrored(plan, &plan->neighbours, &(struct policy){
		.peer = peer,
		.src = end_of(near, 0),
		.dst = end_of(far, 0),
		.direction = DIRECTION_OUT,
		.action = ACTION_ALLOW,
		.priority = PRIORITY_NEIGHBOUR,
	}, true);
}

/* The widest net of the other side that contains SELF, or NULL. */
static const struct prefix *net_around(const struct view *view, const struct prefix *self)
{
	const struct prefix *widest = NULL;

	for (size_t j = 0; j < view->other_nets.count; j++) {
		const struct prefix *other = &view->other_nets.list[j].prefix;

		if (other->length < self->length && prefix_contains(other, &self->address) &&
		    (!widest || other->length < widest->length))
			widest = other;
	}
	return widest;
}

/* Keeps the neighbours in an own net reachable, if the other side's net AROUND contains it. */
static void add_neighbours_of(struct plan *plan, size_t peer, size_t net,
                              const struct prefix *around)
{
	const struct nets *nets = &plan->views[peer].self_nets;
	const struct prefix *self = &nets->list[net].prefix;

	if (plan->tunnel->guard) { /* from any address of this host */
		add_neighbour(plan, peer, everything_of(self), self);
		return;
	}
	add_neighbour(plan, peer, self, self);
	for (size_t j = 0; !prefix_is_everything(around) && j < nets->count; j++) {
		const struct prefix *near = &nets->list[j].prefix;

		/* for a net of everything, `up` exempts the host's links */
		if (j != net && near->address.family == self->address.family &&
		    !nets_repeat(nets, j))
			add_neighbour(plan, peer, near, self);
	}
	/* RFC 4861: neighbour discovery uses link-local and multicast addresses */
	if (self->address.family == AF_INET6 && prefix_is_everything(around)) {
		add_neighbour(plan, peer, self, &link_local6);
		add_neighbour(plan, peer, self, &multicast6);
	}
}

static bool has_everything6(const struct nets *nets)
{
	for (size_t j = 0; j < nets->count; j++)
		if (prefix_is_everything(&nets->list[j].prefix) &&
		    nets->list[j].prefix.address.family == AF_INET6)
			return true;
	return false;
}

/* If a net of the other side contains one of this side's, the neighbours in that one stay
 * reachable. Policies of an interface match only packets routed into it, so they need no
 * exemption. */
static void add_neighbours(struct plan *plan, size_t peer)
{
	const struct view *view = &plan->views[peer];
	bool covers = !plan->tunnel->interface && !plan->tunnel->transport;

	for (size_t i = 0; covers && i < view->self_nets.count; i++) {
		const struct prefix *around = net_around(view, &view->self_nets.list[i].prefix);

		if (around && !nets_repeat(&view->self_nets, i))
			add_neighbours_of(plan, peer, i, around);
	}
	if (plan->tunnel->guard && has_everything6(&view->other_nets)) {
		add_neighbour(plan, peer, &everything6, &link_local6);
		add_neighbour(plan, peer, &everything6, &multicast6);
	}
}

static void add_block(struct plan *plan, size_t peer, const struct prefix *near,
                      const struct net *self, const struct net *other)
{
	const struct view *view = &plan->views[peer];
	struct selector_end far = plan->tunnel->transport
	                                  ? end_of_outer(&view->other_outer, false, PLACE_THERE)
	                                  : end_of(&other->prefix, other->port);

	add_mirrored(plan, &plan->blocks, &(struct policy){
		.peer = peer,
		.src = end_of(near, self ? self->port : 0),
		.dst = far,
		.proto = self ? nets_proto(self, other) : other->proto,
		.direction = DIRECTION_OUT,
		.action = ACTION_BLOCK,
		.priority = PRIORITY_BLOCK,
	}, true);
}

/* True if an earlier net of this side has the same protocol and port in policies with OTHER. */
static bool is_blocked(const struct nets *nets, size_t index, const struct net *other)
{
	const struct net *self = &nets->list[index];

	for (size_t i = 0; i < index; i++) {
		const struct net *earlier = &nets->list[i];

		if (net_meets(earlier, other) && (earlier->proto == self->proto || other->proto) &&
		    earlier->port == self->port)
			return true;
	}
	return false;
}

/* True if a policy of the tunnel has the same selector as the block. */
static bool is_taken(const struct nets *nets, const struct net *other)
{
	for (size_t i = 0; i < nets->count; i++)
		if (net_meets(&nets->list[i], other) && prefix_is_everything(&nets->list[i].prefix))
			return true;
	return false;
}

/* The guard: blocks tunnelled traffic outside the tunnel between this host, or hosts behind it, and
 * the other side's net. The kernel identifies a policy by selector and direction, so if the tunnel
 * has a policy with the same selector, the block is split into two halves. */
static void add_blocks(struct plan *plan, size_t peer, const struct net *other)
{
	const struct nets *nets = &plan->views[peer].self_nets;
	const struct prefix *halves = other->prefix.address.family == AF_INET6 ? halves6 : halves4;
	const struct prefix *any = everything_of(&other->prefix);
	bool taken = is_taken(nets, other), met = false;

	for (size_t j = 0; j < nets->count; j++) {
		const struct net *self = &nets->list[j];

		if (!net_meets(self, other))
			continue;
		met = true;
		if (is_blocked(nets, j, other))
			continue;
		add_block(plan, peer, taken ? &halves[0] : any, self, other);
		if (taken)
			add_block(plan, peer, &halves[1], self, other);
	}
	if (!met) /* it is still the other side's */
		add_block(plan, peer, any, NULL, other);
}

/* True if a policy may match the UDP flow to the other side. Then the kernel would drop outer
 * packets, because they did not arrive through the tunnel. Policies of an interface match only
 * packets routed into it; a block matches any address of this host. An address found at each `up`
 * may be any. */
static bool flow_is_covered(const struct plan *plan, const struct view *flow)
{
	const struct address *self = &flow->self_outer.address, *other = &flow->other_outer.address;

	if (!plan->encapsulates || plan->tunnel->interface)
		return false;
	if (!plan->tunnel->guard && !address_is_any(self) && !nets_contain(&flow->self_nets, self))
		return false;
	if (address_is_any(other))
		return true;
	for (size_t i = 0; i < plan->peer_count; i++)
		if (nets_contain(&plan->views[i].other_nets, other))
			return true;
	return false;
}

static void add_selector(struct plan *plan, size_t peer, const struct net *self,
                         const struct net *other)
{
	struct selectors *selectors = &plan->selectors;

	selectors->rows = memory_more(selectors->rows, selectors->count, &selectors->room,
	                            sizeof *selectors->rows);
	selectors->rows[selectors->count++] = (struct selector){ peer, self, other };
	add_tunnel(plan, peer, self, other);
}

void plan_policies(struct plan *plan)
{
	for (size_t peer = 0; peer < plan->peer_count; peer++) {
		const struct nets *self = &plan->views[peer].self_nets,
				  *other = &plan->views[peer].other_nets;

		if (flow_is_covered(plan, &plan->views[peer]))
			add_bypass(plan, peer);
		for (size_t i = 0; i < self->count; i++)
			for (size_t j = 0; j < other->count; j++)
				if (net_meets(&self->list[i], &other->list[j]))
					add_selector(plan, peer, &self->list[i], &other->list[j]);
		add_neighbours(plan, peer);
		for (size_t j = 0; plan->tunnel->guard && j < other->count; j++)
			add_blocks(plan, peer, &other->list[j]);
	}
}
