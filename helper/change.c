/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "change.h"
#include "memory.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

/* ---- States ---- */

/* The kernel's SA that is ours, or that would collide with it. */
static const struct kernel_state *present_state(const struct change *change,
						const struct state *wanted)
{
	const struct kernel_state *present =
		kernel_find_state(change->kernel, &wanted->dst, wanted->spi);

	return present && !present->mark_mask ? present : NULL;
}

/* True if they differ in what `state update` cannot change. */
static bool needs_new_state(const struct kernel_state *present, const struct state *wanted)
{
	const struct state *state = &present->state;

	return present->larval || !address_equal(&state->src, &wanted->src) ||
	       state->transport != wanted->transport || state->esn != wanted->esn ||
	       state->af_unspec != wanted->af_unspec || state->if_id != wanted->if_id ||
	       state->replay_window != wanted->replay_window || state->encap != wanted->encap ||
	       state->cipher != wanted->cipher;
}

static bool needs_update(const struct kernel_state *present, const struct state *wanted)
{
	const struct state *state = &present->state;

	return state->sport != wanted->sport || state->dport != wanted->dport ||
	       state->limit_bytes != wanted->limit_bytes ||
	       state->limit_packets != wanted->limit_packets;
}

void change_delete_state(struct text *out, const struct kernel_state *present)
{
	const struct state *state = &present->state;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	text_printf(out, "xfrm state delete src %s dst %s proto esp spi 0x%08x",
		    address_print(src, &state->src), address_print(dst, &state->dst),
		    (unsigned)state->spi);
	if (present->mark_mask)
		text_printf(out, " mark 0x%x mask 0x%x", (unsigned)present->mark,
			    (unsigned)present->mark_mask);
	text_add_string(out, "\n");
}

/* Adds a printed line `OBJECT add ...` with VERB instead of add. */
static void add_as(struct text *out, const struct text *line, const char *object, const char *verb)
{
	size_t skip = strlen(object) + strlen("add");

	text_join(out, object, verb, NULL);
	text_add(out, line->bytes + skip, line->length - skip);
}

/* Updates an SA, which keeps its sequence numbers. */
static void update_state(struct text *out, const struct state *wanted)
{
	const struct names values = { .indexes = true };
	struct text line = { 0 };

	state_print(&line, wanted, &values);
	add_as(out, &line, "xfrm state ", "update");
	text_free(&line);
}

static void add_state(struct text *out, const struct state *wanted)
{
	const struct names values = { .numbers = true };

	state_print(out, wanted, &values);
}

/* The kernel's SAs by reqid. */
struct by_reqid {
	const struct kernel_state **states;
	size_t count;
};

static int compare_reqids(const void *first, const void *second)
{
	uint32_t one = (*(const struct kernel_state *const *)first)->state.reqid,
		 two = (*(const struct kernel_state *const *)second)->state.reqid;

	return (one > two) - (one < two);
}

static struct by_reqid sort_by_reqid(const struct kernel *kernel)
{
	struct by_reqid sorted = { .count = kernel->state_count };

	sorted.states = memory_rows(sorted.count, sizeof *sorted.states);
	for (size_t i = 0; i < sorted.count; i++)
		sorted.states[i] = &kernel->states[i];
	qsort(sorted.states, sorted.count, sizeof *sorted.states, compare_reqids);
	return sorted;
}

static size_t first_of_reqid(const struct by_reqid *sorted, uint32_t reqid)
{
	size_t low = 0, high = sorted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted->states[middle]->state.reqid < reqid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* True for an SA with its SPI, but another destination: the peer or this side has moved. */
static bool has_moved(const struct by_reqid *sorted, const struct state *wanted)
{
	for (size_t i = first_of_reqid(sorted, wanted->reqid);
	     i < sorted->count && sorted->states[i]->state.reqid == wanted->reqid; i++)
		if (sorted->states[i]->state.spi == wanted->spi)
			return true;
	return false;
}

/* True if the state has the keys of the peer's last step. */
static bool is_fresh(const struct change *change, const struct state *wanted)
{
	size_t count;
	const struct state *states = section_states(change->wanted, wanted->peer, &count);

	return change->fresh && change->fresh[wanted->peer] &&
	       (wanted->outbound || wanted->epoch > states[count - 1].epoch);
}

static void change_state(struct change *change, const struct by_reqid *sorted,
			 const struct state *wanted)
{
	const struct kernel_state *present = present_state(change, wanted);
	struct change_peer *peer = &change->peers[wanted->peer];

	if (present && !needs_new_state(present, wanted)) {
		if (needs_update(present, wanted)) {
			update_state(&change->batch, wanted);
			peer->states_updated++;
		}
		return;
	}
	if (!present && (wanted->limit_bytes || wanted->limit_packets) &&
	    !is_fresh(change, wanted) && !has_moved(sorted, wanted)) {
		peer->states_spent++;
		return;
	}
	/* The old one has the same destination and SPI, so delete it first. */
	if (present)
		change_delete_state(&change->batch, present);
	add_state(&change->batch, wanted);
	peer->states_added++;
	peer->outbound_added |= wanted->outbound;
}

static bool is_wanted(const struct kernel_state *present, const struct state *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (present->state.spi == wanted[i].spi && !present->mark_mask &&
		    address_equal(&present->state.dst, &wanted[i].dst))
			return true;
	return false;
}

/* An SA with SPI 0 means that the kernel waits for one. It cannot be deleted, and disappears when
 * ours is added. */
static void remove_states(struct change *change, const struct by_reqid *sorted, size_t index)
{
	size_t count;
	const struct state *wanted = section_states(change->wanted, index, &count);
	uint32_t reqid = count ? wanted->reqid : 0;

	if (!reqid)
		return;
	for (size_t i = first_of_reqid(sorted, reqid);
	     i < sorted->count && sorted->states[i]->state.reqid == reqid; i++) {
		const struct kernel_state *present = sorted->states[i];

		if (!present->state.spi || is_wanted(present, wanted, count))
			continue;
		change_delete_state(&change->batch, present);
		change->peers[index].states_removed++;
	}
}

/* ---- Policies ---- */

static bool same_policy(const struct kernel_policy *present, const struct policy *wanted)
{
	return policy_equal(&present->policy, wanted) &&
	       (wanted->action != ACTION_TUNNEL || present->plain_template);
}

/* A policy with our index or selector is ours if it also has our reqid. Without a template there is
 * no reqid; then action and priority must be the same. */
static bool is_ours(const struct kernel_policy *present, const struct policy *wanted)
{
	if (wanted->action == ACTION_TUNNEL)
		return present->policy.action == ACTION_TUNNEL &&
		       present->policy.reqid == wanted->reqid;
	return present->policy.action == wanted->action &&
	       present->policy.priority == wanted->priority;
}

void change_delete_policy(struct text *out, const struct policy *present)
{
	static const char *const names[] = { "in", "out", "fwd" };

	text_printf(out, "xfrm policy delete dir %s index %u", names[present->direction],
		    (unsigned)present->index);
	if (present->if_id)
		text_printf(out, " if_id 0x%x", (unsigned)present->if_id);
	text_add_string(out, "\n");
}

static void update_policy(struct text *out, const struct policy *wanted)
{
	const struct names values = { .indexes = true };
	struct text line = { 0 };

	policy_print(&line, wanted, &values);
	add_as(out, &line, "xfrm policy ", "update");
	text_free(&line);
}

static void change_policy(struct change *change, const struct policy *wanted)
{
	const struct kernel_policy *by_index =
		wanted->index ? kernel_find_index(change->kernel, wanted->index) : NULL;
	const struct kernel_policy *by_selector = kernel_find_selector(change->kernel, wanted);
	struct change_peer *peer = &change->peers[wanted->peer];

	if (by_selector && (by_selector == by_index || !wanted->index)) {
		if (!same_policy(by_selector, wanted)) {
			update_policy(&change->batch, wanted);
			peer->policies_updated++;
		}
		return;
	}
	/* Ours, but with old addresses, or with an index that the kernel chose. */
	if (by_index)
		change_delete_policy(&change->batch, &by_index->policy);
	if (by_selector)
		change_delete_policy(&change->batch, &by_selector->policy);
	peer->policies_removed += (unsigned)!!by_index + (unsigned)!!by_selector;
	/* `update` adds a missing policy, and is no error if it was added meanwhile. */
	update_policy(&change->batch, wanted);
	peer->policies_added++;
}

/* ---- Conflicts ---- */

static void check_state(struct change *change, const struct state *wanted)
{
	const struct kernel_state *present = present_state(change, wanted);
	struct change_peer *peer = &change->peers[wanted->peer];

	if (!present || present->state.reqid == wanted->reqid || peer->conflict)
		return;
	peer->conflict = CONFLICT_STATE;
	peer->dst = wanted->dst;
	peer->spi = wanted->spi;
}

static void check_policy(struct change *change, const struct policy *wanted)
{
	const struct kernel_policy *by_index =
		wanted->index ? kernel_find_index(change->kernel, wanted->index) : NULL;
	const struct kernel_policy *by_selector = kernel_find_selector(change->kernel, wanted);
	struct change_peer *peer = &change->peers[wanted->peer];

	if (peer->conflict)
		return;
	if (by_index && by_index != by_selector && !is_ours(by_index, wanted))
		peer->conflict = CONFLICT_INDEX;
	/* A policy with our index and selector is ours, even if another tool updated it. */
	else if (by_selector && by_selector != by_index && !is_ours(by_selector, wanted))
		peer->conflict = CONFLICT_POLICY;
	if (peer->conflict)
		peer->policy = *wanted;
}

static void find_conflicts(struct change *change)
{
	for (size_t i = 0; i < change->wanted->state_count; i++)
		check_state(change, &change->wanted->states[i]);
	for (size_t i = 0; i < change->policy_count; i++)
		check_policy(change, &change->policies[i]);
	change->conflict_count = 0;
	for (size_t i = 0; i < change->wanted->peer_count; i++)
		if (change->peers[i].conflict)
			change->conflict_count++;
}

void change_plan(struct change *change)
{
	struct by_reqid sorted = sort_by_reqid(change->kernel);
	const size_t peer_count = change->wanted->peer_count;

	change_free(change);
	change->peers = memory_rows(peer_count, sizeof *change->peers);
	find_conflicts(change);
	for (size_t i = 0; i < change->wanted->state_count; i++)
		if (!change->peers[change->wanted->states[i].peer].conflict)
			change_state(change, &sorted, &change->wanted->states[i]);
	for (size_t i = 0; i < change->policy_count; i++)
		if (!change->peers[change->policies[i].peer].conflict)
			change_policy(change, &change->policies[i]);
	for (size_t i = 0; i < peer_count; i++)
		if (!change->peers[i].conflict)
			remove_states(change, &sorted, i);
	free(sorted.states);
}

void change_free(struct change *change)
{
	free(change->peers);
	change->peers = NULL;
	text_free(&change->batch);
}

static void report(const struct change_peer *peer, const char *name)
{
	static const char *const directions[] = { "in", "out", "fwd" };
	char dst[ADDRESS_TEXT], from[PREFIX_TEXT], to[PREFIX_TEXT];

	switch (peer->conflict) {
	case CONFLICT_NONE:
		break;
	case CONFLICT_STATE:
		refuse(name,
		       "taken: another tool has an SA with SPI 0x%08x to %s: see ip xfrm state; "
		       "delete it, or wait until it expires",
		       (unsigned)peer->spi, address_print(dst, &peer->dst));
		break;
	case CONFLICT_POLICY:
		refuse(name,
		       "taken: another tool has the policy src %s dst %s dir %s: see ip xfrm "
		       "policy",
		       prefix_print(from, &peer->policy.src.prefix),
		       prefix_print(to, &peer->policy.dst.prefix),
		       directions[peer->policy.direction]);
		break;
	case CONFLICT_INDEX:
		refuse(name,
		       "taken: another tool has a policy with index %u: see ip -s xfrm policy",
		       (unsigned)peer->policy.index);
	}
}

void change_report(const struct change *change)
{
	for (size_t i = 0; i < change->wanted->peer_count; i++) {
		const char *name = change->wanted->peers[i].name;

		report(&change->peers[i], name);
		if (change->peers[i].states_spent)
			refuse(name,
			       "an SA has reached its limit and is gone: rekey on both sides, or "
			       "make new scripts if the keys are fixed");
	}
}
