/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "say.h"
#include "steps.h"

static void say_turn(const struct keep *keep, enum epoch_turn turn, size_t peer)
{
	const struct section_peer *other = &keep->section.peers[peer];

	switch (turn) {
	case EPOCH_TURNED:
		break;
	case EPOCH_NOT_HEARD:
		keep_say(keep, "nothing received from %s yet, so the keys stay", other->name);
		break;
	case EPOCH_NOT_FOLLOWED:
		keep_say(
			keep,
			"%s still sends with epoch %u, this side with %u: run rekey there too",
			other->name, (unsigned)other->heard,
			(unsigned)epoch_present(&keep->section, peer));
		break;
	case EPOCH_SPI_TAKEN:
		keep_say(
			keep,
			"%s: taken: another SA of this script has the next SPI, so the keys stay",
			other->name);
		break;
	case EPOCH_FIXED:
		keep_say(keep, "%s: the keys are fixed: make new scripts to change them",
			 other->name);
	}
}

static void say_epochs(const struct keep *keep, const struct steps *steps)
{
	for (size_t i = 0; i < keep->section.peer_count; i++)
		if (steps->before[i].stepped)
			keep_say(keep, "sends to %s with epoch %u", keep->section.peers[i].name,
				 (unsigned)epoch_present(&keep->section, i));
}

int rekey(struct keep *keep, int argc, char **argv)
{
	struct steps steps = steps_begin(&keep->section);
	struct change change = { .conflict_count = 0 };
	int status;

	(void)argc;
	(void)argv;
	keep_tally(keep);
	for (size_t i = 0; i < keep->section.peer_count; i++)
		say_turn(keep, steps_take(keep, &steps, i), i);
	status = keep_policies(keep);
	if (!status) {
		steps_undo_conflicts(keep, &steps);
		status = keep_policies(keep);
	}
	if (!status)
		status = keep_apply(keep, steps.fresh, steps.any, &change);
	if (!status) {
		change_report(&change);
		if (!keep->dry)
			say_epochs(keep, &steps);
	}
	change_free(&change);
	steps_free(&steps, &keep->section);
	return status;
}
