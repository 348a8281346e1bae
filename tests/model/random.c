/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Random walks. */
#include "world.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

static uint64_t random_state;

static int below(int count)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407; /* Knuth's */
	return (int)((random_state >> 33) % (unsigned)count);
}

/* A verb as a whole (CHANGES 0), or up to a crash after so many changes.  False: it cannot begin,
 * or has no more than these. */
static bool do_verb(struct world *world, int who, enum event verb, int changes)
{
	struct job *job = &world->side[who].job;
	int done = verb != REKEY && verb != STATUS; /* which begin with a look */

	if (!begin(world, who, verb))
		return false;
	while (job->verb && (!changes || done < changes))
		done += proceed(world, who, job);
	if (!changes)
		return true;
	if (!job->verb)
		return false;
	end_life(world, who);
	return true;
}

/* For a lab to replay: a line is `SIDE EVENT`, or `SIDE crash-in-VERB CHANGES`. */
static void walk_at_random(int length)
{
	static const enum event events[] = { UP,    UP,   DOWN, REKEY,     REKEY,     STATUS,
		                             CRASH, SEND, SEND, SEND_LOST, SEND_LATE, LATE };
	struct world world = start(), before;
	bool swapped = simplify(&world);

	for (int line = 0; line < length;) {
		const enum event event = events[below(sizeof events / sizeof *events)];
		const int who = below(2),
			  changes = event < VERBS && below(2) == 0 ? 1 + below(4) : 0;

		before = world;
		if (event < VERBS ? !do_verb(&world, who, event, changes)
		                  : !happens(&world, who, event)) {
			world = before;
			continue;
		}
		printf(changes ? "%c crash-in-%s %d\n" : "%c %s\n", "ab"[who ^ swapped],
		       event_names[event], changes);
		swapped ^= simplify(&world);
		line++;
	}
}

/* A real state beside a simple one that has come the same way: it must stay the same to simplify.
 * What happens to one alone makes no difference. */
static void compare_at_random(int length)
{
	struct world real = start(), simple = start(), before, copy;
	bool swapped = simplify(&simple);

	for (int step = 0; step < length && in_range(&real); step++) {
		const int who = below(sides());
		const enum event event = (enum event)below(EVENTS);

		before = real;
		if (!happens(&real, swapped ? !who : who, event))
			real = before;
		judge(&real);
		if (found)
			errx(2, "a random way breaks what walking all does not");
		before = simple;
		if (!happens(&simple, who, event))
			simple = before;
		found = 0;
		swapped ^= simplify(&simple);
		copy = real;
		simplify(&copy);
		if (memcmp(&copy, &simple, sizeof copy) != 0)
			errx(2, "simplify is wrong: another state after event %d", (int)event);
	}
}
