/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "start.h"
#include "epoch.h"

#include <stdio.h>
#include <string.h>

/* The inbound state of the next epoch, from the pair's secret of that epoch. */
static struct state next_state(const struct state *state, const struct view *view, const unsigned char secret[SECTION_SECRET])
{
	struct state next = *state;

	next.epoch++;
	epoch_derive(&next, view->other->name, view->self->name, secret);
	return next;
}

static void add_peer(struct section *section, const struct view *view)
{
	struct section_peer *peer = section_add_peer(section);

	snprintf(peer->name, sizeof peer->name, "%s", view->other->name);
	if (!view->lan)
		snprintf(peer->host, sizeof peer->host, "%s", view->other->mapped_name);
	peer->there = view->other_outer;
	peer->derived = view->out->derived;
}

/* Adds the states of a peer, and the secret of the first epoch that is not installed completely. */
static void add_states(struct section *section, const struct plan *plan, size_t index)
{
	const struct view *view = &plan->views[index];
	struct section_peer *peer = &section->peers[index];
	const struct state *outbound = &plan->states[2 * index], *inbound = outbound + 1;
	struct state next;

	section_add_state(section, inbound);
	if (peer->derived) {
		memcpy(peer->secret, view->out->secret, sizeof peer->secret);
		epoch_next(peer->secret);
		next = next_state(inbound, view, peer->secret);
		section_add_state(section, &next);
		explicit_bzero(&next, sizeof next);
		peer->next = inbound->epoch + 1;
	}
	section_add_state(section, outbound);
}

/* Sets the token, which only the two sides of the pair know. With fixed keys it is a hash of
 * these. */
static void make_token(struct section *section, const struct plan *plan)
{
	const struct sa *sa = plan->views[0].out, *in = plan->views[0].in;
	unsigned char secret[SECTION_SECRET] = { 0 };

	if (!plan->punches)
		return;
	if (sa->derived)
		memcpy(secret, sa->secret, sizeof secret);
	else
		for (size_t i = 0; i < sizeof sa->key; i++) /* symmetric, so that it is the same on
		                                             * both sides */
			secret[i % sizeof secret] ^= (unsigned char)(sa->key[i] + in->key[i]);
	epoch_token(section->token, secret);
	section->has_token = true;
	explicit_bzero(secret, sizeof secret);
}

struct section start_of(const struct plan *plan)
{
	struct section section = { .made = 1, .here = plan->self->local.address, .port = plan->self->local.port };

	snprintf(section.check, sizeof section.check, "%s", plan->identity.check);
	for (size_t i = 0; i < plan->peer_count; i++) {
		add_peer(&section, &plan->views[i]);
		add_states(&section, plan, i);
	}
	make_token(&section, plan);
	return section;
}
