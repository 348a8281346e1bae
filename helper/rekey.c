/* SPDX-License-Identifier: ISC */
/* The verbs that change keys and numbers. */
#include "epoch.h"
#include "keep.h"
#include "memory.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Steps ---- */

/* A peer as it was before its step. */
struct before {
	bool stepped;
	struct section_peer peer;
	struct section states; /* its states alone */
};

struct steps {
	struct before *before; /* one a peer */
	bool *fresh;           /* its outbound key was never used */
	bool any;
};

static struct steps steps_begin(const struct section *section)
{
	const size_t count = section->peer_count;

	return (struct steps){
		.before = memory_rows(count, sizeof(struct before)),
		.fresh = memory_rows(count, sizeof(bool)),
	};
}

static void steps_free(struct steps *steps, const struct section *section)
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

static enum epoch_turn step_one(struct keep *keep, struct steps *steps, size_t peer)
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

static void step_back(struct keep *keep, struct steps *steps, size_t peer)
{
	struct before *before = &steps->before[peer];

	keep->section.peers[peer] = before->peer;
	section_replace(&keep->section, peer, before->states.states, before->states.state_count);
	before->stepped = steps->fresh[peer] = false;
}

/* What another tool has in the way of new keys keeps the old ones: otherwise this side would go on
 * to an SPI that the kernel does not have. */
static void undo_conflicts(struct keep *keep, struct steps *steps)
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
			step_back(keep, steps, i);
		steps->any |= steps->before[i].stepped;
	}
	change_free(&change);
}

static void say_turn(const struct keep *keep, enum epoch_turn turn, size_t peer)
{
	const struct section_peer *other = &keep->section.peers[peer];

	switch (turn) {
	case EPOCH_TURNED:
		break;
	case EPOCH_NOT_HEARD:
		keep_say(keep, "%s has not been heard yet: the keys stay as they are", other->name);
		break;
	case EPOCH_NOT_FOLLOWED:
		keep_say(
			keep,
			"%s has not followed yet: it sends with epoch %u, we with %u: "
			 "run rekey there too",
			other->name, (unsigned)other->heard,
			(unsigned)epoch_present(&keep->section, peer));
		break;
	case EPOCH_SPI_TAKEN:
		keep_say(
			keep,
			"%s: taken: the next SPI is that of another SA of this script: the keys "
			 "stay as they are",
			other->name);
		break;
	case EPOCH_FIXED:
		keep_say(keep, "%s: its keys are fixed: make new scripts to change them",
			 other->name);
	}
}

/* ---- rekey ---- */

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
		say_turn(keep, step_one(keep, &steps, i), i);
	status = keep_policies(keep);
	if (!status) {
		undo_conflicts(keep, &steps);
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

/* ---- Assignments ---- */

static bool take_number(struct keep *keep, const char *name, const char *equals, size_t *peer)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	*peer = number - 1;
	return end == equals && number >= 1 && number <= keep->section.peer_count;
}

static bool take_address(const struct keep *keep, struct address *out, const char *text)
{
	struct address address;

	if (!address_parse(&address, text, "begin"))
		return false;
	if (address.family != keep->page.family)
		return refuse("begin", "address '%s': not of the family of the tunnel",
			      shown(text));
	*out = address;
	return true;
}

/* here=ADDRESS, there_N=ADDRESS or port_N=PORT */
static bool take_assignment(struct keep *keep, const char *word)
{
	const char *equals = strchr(word, '=');
	struct section_peer *peers = keep->section.peers;
	size_t peer;

	if (equals && strncmp(word, "here=", 5) == 0)
		return take_address(keep, &keep->section.here, equals + 1);
	if (equals && strncmp(word, "there_", 6) == 0 &&
	    take_number(keep, word + 6, equals, &peer)) {
		peers[peer].host[0] = '\0';
		return take_address(keep, &peers[peer].there.address, equals + 1);
	}
	if (equals && strncmp(word, "port_", 5) == 0 && take_number(keep, word + 5, equals, &peer))
		return port_parse(&peers[peer].there.port, equals + 1, "begin");
	return refuse("begin", "'%s': expected here=ADDRESS, there_N=ADDRESS or port_N=PORT",
		      shown(word));
}

static int take_assignments(struct keep *keep, int count, char **words)
{
	for (int i = 0; i < count; i++)
		if (!take_assignment(keep, words[i]))
			return EXIT_MISTAKE;
	keep_place(&keep->section);
	return EXIT_OK;
}

/* ---- record ---- */

static bool same_text(const struct section *one, const struct text *two)
{
	struct text text = { 0 };
	bool same;

	section_print(&text, one);
	same = text.length == two->length && memcmp(text.bytes, two->bytes, text.length) == 0;
	text_free(&text);
	return same;
}

int record(struct keep *keep, int argc, char **argv)
{
	struct text before = { 0 };
	int status = keep_look(keep);

	if (status)
		return status;
	section_print(&before, &keep->section);
	keep_tally(keep); /* of the SAs as they are, before they have other endpoints */
	status = take_assignments(keep, argc, argv);
	if (!status && !same_text(&keep->section, &before))
		status = keep_write(keep, false);
	text_free(&before);
	return status;
}

/* ---- begin ---- */

/* The present keys with new numbers; says in time that they come to an end. */
static bool start_again(struct keep *keep, size_t peer)
{
	enum { FEW = 16 };
	const struct section_peer *other = &keep->section.peers[peer];
	uint32_t left = epoch_start(&keep->section, peer);

	if (!left)
		return refuse(other->name, "count-used-up: no sequence numbers are left (expected "
					   "new scripts, or rekey on both sides)");
	if (left <= FEW)
		keep_say(keep, "%s: sequence numbers for %u more starts: then %s", other->name,
			 (unsigned)left - 1,
			 other->derived ? "rekey is needed" : "new scripts are needed");
	return true;
}

/* A fresh key that is not on the disk would be used from its first number again. */
static bool begin_unwritten(struct keep *keep, struct steps *steps)
{
	keep_say(keep, "warning: if that stays so, the other side will refuse what is sent after "
	               "the next up");
	for (size_t i = 0; i < keep->section.peer_count; i++) {
		if (!steps->before[i].stepped)
			continue;
		step_back(keep, steps, i);
		if (!start_again(keep, i))
			return false;
	}
	return true;
}

static int begin_anew(struct keep *keep)
{
	struct steps steps = steps_begin(&keep->section);
	int status;

	/* Nothing of this tunnel is there yet, but another tool's things may be in the way. */
	kernel_read_states(&keep->kernel);
	kernel_read_policies(&keep->kernel);
	keep_tally(keep);
	status = keep_policies(keep);
	if (!status) {
		for (size_t i = 0; i < keep->section.peer_count; i++)
			step_one(keep, &steps, i);
		undo_conflicts(keep, &steps);
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

static int print_section(const struct section *section)
{
	struct text text = { 0 };

	section_print(&text, section);
	fwrite(text.bytes, 1, text.length, stdout);
	text_free(&text);
	return EXIT_OK;
}

int begin(struct keep *keep, int argc, char **argv)
{
	int status = take_assignments(keep, argc, argv);

	if (!status && !keep->dry)
		status = begin_anew(keep);
	return status ? status : print_section(&keep->section);
}
