/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "promises.h"
#include "identity.h"
#include "key.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static const char *broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *broken(const char *format, ...)
{
	static char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return text;
}

/* ---- States: each side receives with what the other sends with ---- */

static const struct state *state_with(const struct plan *plan, const struct side *other,
                                      bool outbound)
{
	const struct state *found = NULL;

	for (size_t i = 0; i < 2 * plan->peer_count; i++) {
		const struct state *state = &plan->states[i];

		if (plan->views[state->peer].other == other && state->outbound == outbound)
			found = state;
	}
	return found;
}

/* The endpoint of SIDE to which OTHER sends, and from which it receives. */
static const struct endpoint *seen(const struct tunnel *tunnel, const struct side *side,
                                   const struct side *other)
{
	return tunnel->lan && side_shares_mapped(side, other) ? &side->local : &side->mapped;
}

static bool is_endpoint(const struct address *address, uint16_t port,
                        const struct endpoint *endpoint)
{
	return endpoint_equal(&(struct endpoint){ *address, port }, endpoint);
}

static bool same_sa(const struct state *one, const struct state *two)
{
	return one->spi == two->spi && one->reqid == two->reqid &&
	       memcmp(one->key, two->key, sizeof one->key) == 0 && one->cipher == two->cipher &&
	       one->esn == two->esn && one->transport == two->transport &&
	       one->encap == two->encap && one->if_id == two->if_id;
}

static const char *state_broken(const struct plan *from, const struct plan *to)
{
	const struct tunnel *tunnel = from->tunnel;
	const struct side *a = from->self, *b = to->self;
	const struct state *out = state_with(from, b, true), *in = state_with(to, a, false);
	size_t from_index = (size_t)(a - tunnel->sides), to_index = (size_t)(b - tunnel->sides);
	const struct sa *sa = key_of(tunnel, from_index, to_index);

	if (!out || !in)
		return broken("%s to %s: no states", a->name, b->name);
	if (out->spi != sa->spi || memcmp(out->key, sa->key, sizeof sa->key) != 0 ||
	    out->reqid != identity_reqid(tunnel, from_index, to_index))
		return broken("%s to %s: wrong SPI, key or reqid", a->name, b->name);
	if (!same_sa(out, in))
		return broken("%s to %s: the SA of the receiver differs from that of the sender",
		              a->name, b->name);
	if (out->cipher != tunnel->cipher || out->replay_window != tunnel->replay_window ||
	    in->replay_window != tunnel->replay_window)
		return broken("%s to %s: wrong cipher or replay window", a->name, b->name);
	if (out->limit_bytes != tunnel->limit_bytes ||
	    out->limit_packets != tunnel->limit_packets || in->limit_bytes || in->limit_packets)
		return broken("%s to %s: wrong limits", a->name, b->name);
	/* the sender uses its own address; the receiver sees the mapped one */
	if (!is_endpoint(&out->src, out->sport, &a->local) ||
	    !is_endpoint(&out->dst, out->dport, seen(tunnel, b, a)))
		return broken("%s to %s: wrong outbound endpoints", a->name, b->name);
	if (!is_endpoint(&in->src, in->sport, seen(tunnel, a, b)) ||
	    !is_endpoint(&in->dst, in->dport, &b->local))
		return broken("%s to %s: wrong inbound endpoints", a->name, b->name);
	return NULL;
}

/* ---- Policies ---- */

static size_t pass_count(const struct plan *plan)
{
	return plan->bypasses.count + plan->neighbours.count;
}

static size_t policy_count(const struct plan *plan)
{
	return pass_count(plan) + plan->blocks.count + plan->tunnels.count;
}

static const struct policy *policy_at(const struct plan *plan, size_t index)
{
	const struct policies *const lists[] = { &plan->bypasses, &plan->neighbours, &plan->blocks };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (index < lists[i]->count)
			return &lists[i]->rows[index];
		index -= lists[i]->count;
	}
	return &plan->tunnels.rows[index];
}

static int compare_ends(const struct selector_end *one, const struct selector_end *two)
{
	const struct prefix *a = &one->prefix, *b = &two->prefix;

	if (a->address.family != b->address.family)
		return a->address.family < b->address.family ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return one->port != two->port
	               ? one->port - two->port
	               : memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
}

/* An unknown address of a peer is another one for each peer. */
static bool is_found_later(const struct selector_end *end)
{
	return end->place == PLACE_THERE && address_is_any(&end->prefix.address);
}

/* The kernel refuses a second policy with the same selector, direction and if_id
 * (net/xfrm/xfrm_policy.c, xfrm_policy_insert_list). */
static int compare_keys(const void *one, const void *two)
{
	const struct policy *a = *(const struct policy *const *)one,
	                    *b = *(const struct policy *const *)two;
	int src = compare_ends(&a->src, &b->src), dst = compare_ends(&a->dst, &b->dst);

	if (a->direction != b->direction)
		return a->direction < b->direction ? -1 : 1;
	if (a->if_id != b->if_id)
		return a->if_id < b->if_id ? -1 : 1;
	if (a->proto != b->proto)
		return a->proto - b->proto;
	if (src || dst)
		return src ? src : dst;
	if (a->peer != b->peer && (is_found_later(&a->src) || is_found_later(&a->dst)))
		return a->peer < b->peer ? -1 : 1;
	return 0;
}

static const char *twins(const struct plan *plan)
{
	size_t count = policy_count(plan);
	const struct policy **rows = calloc(count + 1, sizeof *rows);
	const char *why = NULL;
	char src[PREFIX_TEXT], dst[PREFIX_TEXT];

	for (size_t i = 0; i < count; i++)
		rows[i] = policy_at(plan, i);
	qsort(rows, count, sizeof *rows, compare_keys);
	for (size_t i = 1; !why && i < count; i++)
		if (compare_keys(&rows[i - 1], &rows[i]) == 0)
			why = broken("%s: two policies have the selector %s to %s",
			             plan->self->name, prefix_print(src, &rows[i]->src.prefix),
			             prefix_print(dst, &rows[i]->dst.prefix));
	free(rows);
	return why;
}

/* True if the template matches the state of its peer and direction. */
static bool has_state(const struct plan *plan, const struct policy *policy)
{
	bool outbound = policy->direction == DIRECTION_OUT;
	const struct state *state = state_with(plan, plan->views[policy->peer].other, outbound);

	return state && state->reqid == policy->reqid &&
	       policy->spi == (outbound ? state->spi : 0) &&
	       state->transport == policy->transport &&
	       address_equal(&state->src, &policy->template_src) &&
	       address_equal(&state->dst, &policy->template_dst);
}

static const char *templates_broken(const struct plan *plan)
{
	for (size_t i = 0; i < policy_count(plan); i++) {
		const struct policy *policy = policy_at(plan, i);
		bool tunnel = i >= pass_count(plan) + plan->blocks.count;

		if ((policy->action == ACTION_TUNNEL) != tunnel ||
		    (policy->action == ACTION_BLOCK) != (!tunnel && i >= pass_count(plan)))
			return broken("%s: a policy in the wrong list", plan->self->name);
		if (tunnel && !has_state(plan, policy))
			return broken("%s: a template does not match its state", plan->self->name);
		if (policy->if_id != (tunnel ? plan->if_id : 0))
			return broken("%s: a policy has the wrong if_id", plan->self->name);
	}
	for (size_t i = 0; i < 2 * plan->peer_count; i++)
		if (plan->states[i].if_id != plan->if_id)
			return broken("%s: a state has the wrong if_id", plan->self->name);
	return NULL;
}

static size_t count_rows(const struct plan *plan, const struct side *other,
                         enum direction direction, const struct policy *like)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->tunnels.count; i++) {
		const struct policy *row = &plan->tunnels.rows[i];

		if (plan->views[row->peer].other != other || row->direction != direction)
			continue;
		if (!like || (row->proto == like->proto && row->priority == like->priority &&
		              compare_ends(&row->src, &like->src) == 0 &&
		              compare_ends(&row->dst, &like->dst) == 0))
			count++;
	}
	return count;
}

/* The inbound policies of the receiver have the selectors of the sender's outbound ones, for itself
 * and for the hosts behind it.  In transport mode NATs change the addresses of inner packets. */
static const char *selectors_broken(const struct plan *from, const struct plan *to)
{
	const struct side *a = from->self, *b = to->self;
	bool transport = from->tunnel->transport;
	size_t out = count_rows(from, b, DIRECTION_OUT, NULL);

	if (!out || count_rows(to, a, DIRECTION_IN, NULL) != out ||
	    count_rows(to, a, DIRECTION_FWD, NULL) != (transport ? 0 : out))
		return broken("%s to %s: policies are missing or superfluous", a->name, b->name);
	for (size_t i = 0; !transport && out < 100 && i < from->tunnels.count; i++) {
		const struct policy *row = &from->tunnels.rows[i];

		if (from->views[row->peer].other != b || row->direction != DIRECTION_OUT)
			continue;
		if (count_rows(to, a, DIRECTION_IN, row) != 1 ||
		    count_rows(to, a, DIRECTION_FWD, row) != 1)
			return broken("%s to %s: the receiver has another policy than the sender",
			              a->name, b->name);
	}
	return NULL;
}

/* ---- The guard ---- */

static bool end_contains(const struct selector_end *wide, const struct selector_end *narrow)
{
	const struct prefix *prefix = &narrow->prefix;

	return wide->prefix.length <= prefix->length &&
	       prefix_contains(&wide->prefix, &prefix->address) &&
	       (!wide->port || wide->port == narrow->port);
}

static bool is_blocked_all(const struct plan *plan, const struct policy *policy)
{
	for (size_t i = 0; i < plan->blocks.count; i++) {
		const struct policy *block = &plan->blocks.rows[i];

		if (block->direction == policy->direction &&
		    (!block->proto || block->proto == policy->proto) &&
		    end_contains(&block->src, &policy->src) &&
		    end_contains(&block->dst, &policy->dst))
			return true;
	}
	return false;
}

/* The same for a policy about everything on this side, which two halves block. */
static bool is_blocked_in_halves(const struct plan *plan, const struct policy *policy)
{
	struct policy half = *policy;
	struct prefix *near =
	        policy->direction == DIRECTION_OUT ? &half.src.prefix : &half.dst.prefix;

	if (near->length)
		return false;
	near->length = 1;
	if (!is_blocked_all(plan, &half))
		return false;
	near->address.bytes[0] = 0x80;
	return is_blocked_all(plan, &half);
}

/* After `down`, no packet that the tunnel carried passes in clear text. */
static const char *guard_broken(const struct plan *plan)
{
	if (!plan->tunnel->guard)
		return plan->blocks.count ? broken("%s: blocks without --guard", plan->self->name)
		                          : NULL;
	for (size_t i = 0; i < plan->tunnels.count; i++) {
		const struct policy *row = &plan->tunnels.rows[i];

		if (!is_blocked_all(plan, row) && !is_blocked_in_halves(plan, row))
			return broken("%s: the guard does not block what a tunnel policy covers",
			              plan->self->name);
	}
	return NULL;
}

/* ---- The UDP flow that carries the tunnel ---- */

static bool end_covers(const struct selector_end *end, const struct endpoint *endpoint)
{
	return prefix_contains(&end->prefix, &endpoint->address) &&
	       (!end->port || end->port == endpoint->port);
}

/* The policy that the kernel applies to a UDP packet outside of any xfrm interface, or NULL. */
static const struct policy *find_policy(const struct plan *plan, enum direction direction,
                                        const struct endpoint *src, const struct endpoint *dst)
{
	const struct policy *found = NULL;

	for (size_t i = 0; i < policy_count(plan); i++) {
		const struct policy *policy = policy_at(plan, i);

		if (policy->if_id || policy->direction != direction ||
		    (policy->proto && policy->proto != IPPROTO_UDP) ||
		    !end_covers(&policy->src, src) || !end_covers(&policy->dst, dst))
			continue;
		if (!found || policy->priority < found->priority)
			found = policy;
	}
	return found;
}

static const char *flow_broken(const struct plan *plan, const struct view *view)
{
	const struct endpoint *here = &view->self->local,
	                      *there = seen(plan->tunnel, view->other, view->self);
	const struct policy *out, *in;

	if (!here->port || address_is_any(&here->address) || address_is_any(&there->address))
		return NULL;
	out = find_policy(plan, DIRECTION_OUT, here, there);
	in = find_policy(plan, DIRECTION_IN, there, here);
	if ((!out || out->action == ACTION_ALLOW) && (!in || in->action == ACTION_ALLOW))
		return NULL;
	return broken("%s: a policy catches the UDP flow to %s", plan->self->name,
	              view->other->name);
}

/* ---- All promises ---- */

static const char *side_broken(const struct plan *plan)
{
	const char *why = twins(plan);

	if (!why)
		why = templates_broken(plan);
	if (!why && plan->tunnels.count < 1000)
		why = guard_broken(plan);
	for (size_t i = 0; !why && i < plan->peer_count; i++)
		why = flow_broken(plan, &plan->views[i]);
	return why;
}

const char *promise_broken(const struct plan *plans)
{
	const struct tunnel *tunnel = plans->tunnel;

	for (size_t a = 0; a < tunnel->side_count; a++) {
		const char *why = side_broken(&plans[a]);

		for (size_t b = 0; !why && b < tunnel->side_count; b++) {
			if (!tunnel_has_pair(tunnel, a, b))
				continue;
			why = state_broken(&plans[a], &plans[b]);
			if (!why)
				why = selectors_broken(&plans[a], &plans[b]);
		}
		if (why)
			return why;
	}
	return NULL;
}
