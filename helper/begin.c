/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Writes the store for `up` and `down`. */
#include "say.h"
#include "steps.h"

#include <string.h>

/* ---- Numbers ---- */

static bool same_text(const struct section *one, const struct text *two)
{
	struct text text = { 0 };
	bool same;

	section_print(&text, one);
	same = text.length == two->length && memcmp(text.bytes, two->bytes, text.length) == 0;
	text_free(&text);
	return same;
}

int keep_record(struct keep *keep)
{
	struct text before = { 0 };
	int status = keep_look(keep);

	if (status)
		return status;
	section_print(&before, &keep->section);
	keep_tally(keep); /* of the present SAs, before their endpoints change */
	if (!same_text(&keep->section, &before))
		status = keep_write(keep, false);
	text_free(&before);
	return status;
}

/* ---- Keys ---- */

/* Continues with the present keys and new sequence numbers, and warns before they are used up. */
static bool start_again(struct keep *keep, size_t peer)
{
	enum { FEW = 16 };
	const struct section_peer *other = &keep->section.peers[peer];
	uint32_t left = epoch_start(&keep->section, peer);

	if (!left)
		return refuse(other->name, "count-used-up: no sequence numbers are left (expected "
					   "new scripts, or rekey on both sides)");
	if (left <= FEW)
		keep_say(keep, "%s: sequence numbers for %u more starts, then %s", other->name,
			 (unsigned)left - 1,
			 other->derived ? "rekey is needed" : "new scripts are needed");
	return true;
}

/* A new key that is not on disk would be used again from its first number. */
static bool begin_unwritten(struct keep *keep, struct steps *steps)
{
	keep_say(keep, "warning: if this does not change, the other side will drop all packets "
	               "after the next up");
	for (size_t i = 0; i < keep->section.peer_count; i++) {
		if (!steps->before[i].stepped)
			continue;
		steps_take_back(keep, steps, i);
		if (!start_again(keep, i))
			return false;
	}
	return true;
}

int keep_begin(struct keep *keep)
{
	struct steps steps = steps_begin(&keep->section);
	int status;

	/* Nothing of this tunnel exists yet, but another tool's objects may conflict. */
	kernel_read_states(&keep->kernel);
	kernel_read_policies(&keep->kernel);
	keep_tally(keep);
	status = keep_policies(keep);
	if (!status) {
		for (size_t i = 0; i < keep->section.peer_count; i++)
			steps_take(keep, &steps, i);
		steps_undo_conflicts(keep, &steps);
	}
	for (size_t i = 0; i < keep->section.peer_count && !status; i++)
		if (!steps.fresh[i] && !start_again(keep, i))
			status = EXIT_BROKE;
	if (!status && keep_write(keep, steps.any || keep->store == STORE_ABSENT) != EXIT_OK &&
	    !begin_unwritten(keep, &steps))
		status = EXIT_BROKE;
	steps_free(&steps, &keep->section);
	return status;
}
