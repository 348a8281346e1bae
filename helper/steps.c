/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "steps.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct steps steps_begin(const struct section *section)
{
	const size_t count = section->peer_count;

	return (struct steps){
		.before = memory_rows(count, sizeof(struct before)),
		.fresh = memory_rows(count, sizeof(bool)),
	};
}

void steps_free(struct steps *steps, const struct section *section)
{
	for (size_t i = 0; i < section->peer_count; i++)
		section_free(&steps->before[i].states);
	explicit_bzero(steps->before, section->peer_count * sizeof *steps->before);
	free(steps->before);
	free(steps->fresh);
}

static void remember(struct before *before, const struct section *section, size_t peer)
{
	size_t count;
	const struct state *states = section_states(section, peer, &count);

	before->peer = section->peers[peer];
	for (size_t i = 0; i < count; i++)
		section_add_state(&before->states, &states[i]);
}

enum epoch_turn steps_take(struct keep *keep, struct steps *steps, size_t peer)
{
	struct before *before = &steps->before[peer];
	enum epoch_turn turn;

	remember(before, &keep->section, peer);
	turn = epoch_turn(&keep->section, peer, keep->page.name);
	epoch_forget(&keep->section, peer);
	before->stepped = steps->fresh[peer] = turn == EPOCH_TURNED;
	steps->any |= before->stepped;
	return turn;
}

void steps_take_back(struct keep *keep, struct steps *steps, size_t peer)
{
	struct before *before = &steps->before[peer];

	keep->section.peers[peer] = before->peer;
	section_replace(&keep->section, peer, before->states.states, before->states.state_count);
	before->stepped = steps->fresh[peer] = false;
}

void steps_undo_conflicts(struct keep *keep, struct steps *steps)
{
	struct change change = {
		.wanted = &keep->section,
		.policies = keep->policies,
		.policy_count = keep->policy_count,
		.kernel = &keep->kernel,
		.fresh = steps->fresh,
	};

	if (!steps->any)
		return;
	change_plan(&change);
	if (change.conflict_count)
		change_report(&change);
	steps->any = false;
	for (size_t i = 0; i < keep->section.peer_count; i++) {
		if (steps->before[i].stepped && change.peers[i].conflict)
			steps_take_back(keep, steps, i);
		steps->any |= steps->before[i].stepped;
	}
	change_free(&change);
}
