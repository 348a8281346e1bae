/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Simulates `follow` with a clock of its own, and prints each step with its time, except looks and
 * waits.  Input, a line each, times in seconds and ascending:
 *
 *     PEER ENDPOINT [NAME]    peers, before all other lines; `auto ADDRESS` and `maps`
 *     TIME traffic PEER on|off; from then on each look finds more packets, or none
 *     TIME announce PEER ENDPOINT; change; over; end
 *     TIME local ADDRESS|none [gone]; what the route has, and whether the address in use is gone
 *     TIME name PEER ADDRESS; the answer to look-ups from now on
 *     TIME lease SECONDS; the router's answer from now on, 0: none
 *     TIME busy COUNT; so many steps find the lock held
 *     TIME fails on|off; steps fail */
#include "tick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 8 };

struct world {
	struct tick tick;
	struct tick_peer peers[PEERS];
	char names[PEERS][16];
	bool flows[PEERS];
	uint64_t received[PEERS];
	struct address answers[PEERS];
	struct endpoint others;
	unsigned lease, busy;
	bool fails;
	double now;
};

static _Noreturn void bad(const char *line)
{
	fprintf(stderr, "follow: %s\n", line);
	exit(2);
}

static size_t peer_named(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->tick.peer_count; i++)
		if (strcmp(world->names[i], name) == 0)
			return i;
	bad(name);
}

static struct address address(const char *text)
{
	struct address out = { .family = AF_UNSPEC };

	if (strcmp(text, "none") != 0 && !address_parse(&out, text, "follow"))
		exit(2);
	return out;
}

static const char *name_of(enum tick_action action)
{
	static const char *const names[] = { "wait",      "end",       "look", "move-peer",
		                             "move-name", "move-self", "mend", "record",
		                             "rekey",     "resolve",   "map" };

	return names[action];
}

static void print(const struct world *world, const struct tick_step *step, const char *more)
{
	char text[ENDPOINT_TEXT];
	const struct tick_peer *peer = &world->peers[step->peer];

	printf("%g %s", world->now, name_of(step->action));
	if (step->action == TICK_MOVE_PEER)
		printf(" %s %s", world->names[step->peer], endpoint_print(text, &peer->announced));
	if (step->action == TICK_MOVE_NAME)
		printf(" %s %s", world->names[step->peer],
		       endpoint_print(text, &(struct endpoint){ peer->found, peer->named_port }));
	if (step->action == TICK_MOVE_SELF)
		printf(" %s", address_print(text, &world->tick.local));
	if (step->action == TICK_RESOLVE)
		printf(" %s", world->names[step->peer]);
	printf("%s\n", more);
}

static void look(struct world *world)
{
	for (size_t i = 0; i < world->tick.peer_count; i++) {
		world->received[i] += world->flows[i];
		tick_look(&world->tick, world->now, i, world->received[i], world->received[i]);
	}
}

static void take(struct world *world, const struct tick_step *step)
{
	enum tick_outcome outcome = TICK_DONE;

	if (step->action == TICK_LOOK) {
		look(world);
	} else if (world->busy) {
		world->busy--;
		outcome = TICK_BUSY;
	} else if (world->fails) {
		outcome = TICK_FAILED;
	}
	if (step->action != TICK_LOOK)
		print(world, step, outcome == TICK_BUSY ? " busy" : outcome ? " failed" : "");
	tick_did(&world->tick, step, world->now, outcome);
	if (step->action == TICK_RESOLVE && world->answers[step->peer].family)
		tick_found(&world->tick, step->peer, &world->answers[step->peer]);
	if (step->action == TICK_MAP)
		tick_mapped(&world->tick, world->now, world->lease);
}

/* Up to that time. */
static void live(struct world *world, double until)
{
	for (unsigned steps = 0; world->now < until && steps < 100000; steps++) {
		struct tick_step step = tick_next(&world->tick, world->now);

		if (step.action == TICK_END) {
			print(world, &step, "");
			exit(0);
		}
		if (step.action == TICK_WAIT) {
			if (step.until <= world->now)
				bad("waits for what is past");
			world->now = step.until < until ? step.until : until;
		} else {
			take(world, &step);
		}
	}
	if (world->now < until)
		bad("never waits");
}

static void begin(struct world *world, const char *name, const char *end, bool named)
{
	size_t i = world->tick.peer_count++;

	if (i == PEERS || !endpoint_parse(&world->peers[i].there, end, "follow"))
		exit(2);
	world->peers[i].named = named;
	world->peers[i].named_port = world->peers[i].there.port;
	snprintf(world->names[i], sizeof world->names[i], "%s", name);
}

static void event(struct world *world, const char *what, const char *one, const char *two)
{
	struct tick *tick = &world->tick;
	struct address local;
	struct endpoint end;

	if (strcmp(what, "traffic") == 0) {
		world->flows[peer_named(world, one)] = strcmp(two, "on") == 0;
	} else if (strcmp(what, "announce") == 0) {
		if (!endpoint_parse(&end, two, "follow"))
			exit(2);
		tick_announce(tick, peer_named(world, one), &end);
	} else if (strcmp(what, "change") == 0) {
		tick_change(tick, world->now);
	} else if (strcmp(what, "local") == 0) {
		local = address(one);
		tick_local(tick, strcmp(two, "gone") == 0, &local);
	} else if (strcmp(what, "name") == 0) {
		world->answers[peer_named(world, one)] = address(two);
	} else if (strcmp(what, "lease") == 0) {
		world->lease = (unsigned)atoi(one);
	} else if (strcmp(what, "busy") == 0) {
		world->busy = (unsigned)atoi(one);
	} else if (strcmp(what, "fails") == 0) {
		world->fails = strcmp(one, "on") == 0;
	} else if (strcmp(what, "over") == 0) {
		tick->over = true;
	} else if (strcmp(what, "end") != 0) {
		bad(what);
	}
}

int main(void)
{
	static struct world world;
	char line[256], what[32], one[64], two[64];
	bool begun = false;
	double time;

	world.tick.peers = world.peers;
	while (fgets(line, sizeof line, stdin)) {
		*one = *two = '\0';
		if (sscanf(line, "%lf %31s %63s %63s", &time, what, one, two) >= 2) {
			if (!begun)
				tick_begin(&world.tick, 0);
			begun = true;
			live(&world, time);
			event(&world, what, one, two);
		} else if (sscanf(line, "%31s %63s %63s", what, one, two) < 1) {
			continue;
		} else if (strcmp(what, "maps") == 0) {
			world.tick.maps = true;
		} else if (strcmp(what, "auto") == 0) {
			world.tick.automatic = true;
			world.tick.here = world.tick.local = address(one);
		} else {
			begin(&world, what, one, *two);
		}
	}
	live(&world, world.now + 0.001);
	return 0;
}
