/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The properties of every state. */
#include "world.h"

#include <stdlib.h>

static const struct { const char *name, *words;
} properties[] = {
	{ "apart", "never more than one epoch apart" },
	{ "twice", "no number is sent twice with one key" },
	{ "keys", "a section has the rows and keys of its epochs, and no secret that leads to past "
	          "ones" },
	{ "erased", "nothing is erased that is still needed" },
	{ "deaf", "what is sent while both are up is received" },
	{ "deaf-for-good", "never deaf for good" },
	{ "stuck", "epochs go on" },
	{ "replayed", "what is recorded as received is not received again" },
	{ "guessed", "a torn store is neither used nor replaced" },
};
enum { PROPERTIES = sizeof properties / sizeof *properties };

/* ---- Deaf for good? ---- */

static bool receives(struct world *world, int from, int to)
{
	const struct kernel *kernel = &world->side[from].kernel;

	return can_send(&world->side[from]) &&
	       takes(&world->side[to].kernel, kernel->sends, next_number(world, from));
}

static bool both_receive(struct world *world, int one)
{
	const bool there = receives(world, one, 1), back = receives(world, 1, one);

	return there && back;
}

static void do_whole(struct world *world, int who, enum event verb)
{
	if (begin(world, who, verb))
		finish(world, who);
}

static void rekey_both(struct world *world, int one)
{
	const int pair[] = { one, 1 };

	for (int i = 0; i < 2; i++)
		if (present(&world->side[pair[i]]) + 1 < EPOCHS)
			do_whole(world, pair[i], REKEY);
}

static bool goes_on(struct world *world, int one)
{
	const int a = present(&world->side[one]), b = present(&world->side[1]);

	for (int round = 0; round < 4; round++) {
		rekey_both(world, one);
		both_receive(world, one);
		if (present(&world->side[one]) > a && present(&world->side[1]) > b)
			return true;
	}
	return scene & FIXED;
}

/* People bring both up, send, and rekey if that was not received.  Returns what is broken. */
static int try_to_recover(struct world world, int one)
{
	const int pair[] = { one, 1 };

	for (int i = 0; i < 2; i++)
		do_whole(&world, pair[i], world.side[pair[i]].kernel.up ? MEND : UP);
	for (int round = 0; round < 4; round++) {
		if (both_receive(&world, one))
			return goes_on(&world, one) ? 0 : STUCK;
		rekey_both(&world, one);
	}
	return DEAF_FOR_GOOD;
}

/* With the scripts alone, which do not rekey, it is only a start on both sides; or some, if the
 * margin was passed. */
static int recover_bare(struct world world)
{
	for (int starts = broken == MARGIN_PASSED ? 4 : 1; starts > 0; starts--) {
		for (int i = 0; i < 2; i++) {
			do_whole(&world, i, DOWN);
			do_whole(&world, i, BARE_UP);
		}
		if (both_receive(&world, 0))
			return 0;
	}
	return DEAF_FOR_GOOD;
}

static int recover(const struct world *world)
{
	const int all = watched;
	int broke;

	watched = 0;
	broke = try_to_recover(*world, 0);
	if (scene & COPIES && world->side[2].script.there) /* one of the two machines is enough */
		broke &= try_to_recover(*world, 2);
	if (!(scene & (COPIES | LOSES | RESTORES_STORE)))
		broke |= recover_bare(*world);
	watched = all;
	return broke;
}

/* ---- All of them ---- */

static bool is_apart(const struct side *a, const struct side *b)
{
	return abs(present(a) - present(b)) > 1 ||
	       (a->kernel.sends && b->kernel.sends && abs(a->kernel.sends - b->kernel.sends) > 1);
}

/* What the one sends with, or will, the other can receive. */
static bool lacks(const struct side *s, const struct side *sender)
{
	const int epochs[] = { sender->kernel.sends, present(sender) };

	for (int i = 0; i < 2; i++)
		if (epochs[i] &&
		    (!counts(s)->in[epochs[i]] || (has_inbound(s) && !s->kernel.top[epochs[i]])))
			return true;
	return false;
}

static void judge(const struct world *world)
{
	const struct side *a = &world->side[0], *b = &world->side[1];
	bool busy = false;

	for (int i = 0; i < SIDES; i++)
		busy |= world->side[i].job.verb || world->side[i].recorder.verb;
	if (!counts(a) || !counts(b))
		return;
	if (is_apart(a, b))
		breaks(APART);
	if (lacks(a, b) || lacks(b, a))
		breaks(ERASED);
	/* a job that is under way leads to a state where none is */
	if (watched & (DEAF_FOR_GOOD | STUCK) && !busy)
		breaks(recover(world));
}
