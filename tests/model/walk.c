/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Visits all states breadth-first, so that the first sequence found is the shortest. */
#include "world.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct set { uint64_t *slots; size_t room, count; };

static void *grown(void *old, size_t count, size_t size)
{
	void *new = reallocarray(old, count, size);

	if (!new)
		err(2, "memory");
	return new;
}

static void place(struct set *set, uint64_t hash)
{
	size_t i = hash & (set->room - 1);

	while (set->slots[i] && set->slots[i] != hash)
		i = (i + 1) & (set->room - 1);
	set->count += !set->slots[i];
	set->slots[i] = hash;
}

static void grow(struct set *set)
{
	struct set old = *set;

	*set = (struct set){ .room = old.room ? 2 * old.room : 1 << 12 };
	set->slots = calloc(set->room, sizeof *set->slots);
	if (!set->slots)
		err(2, "memory");
	for (size_t i = 0; i < old.room; i++)
		if (old.slots[i])
			place(set, old.slots[i]);
	free(old.slots);
}

/* Of a state only a hash is kept: that any two of a million share one has a probability of 10^-7.
 * False: it is known. */
static bool add(struct set *set, const struct world *world)
{
	const size_t before = set->count, length = (size_t)sides() * sizeof world->side[0];
	uint64_t hash = 0x9e3779b97f4a7c15, word;

	for (size_t i = 0; i < length; i += sizeof word) {
		word = 0;
		memcpy(&word, (const char *)world + i,
		       length - i < sizeof word ? length - i : sizeof word);
		hash = (hash ^ word) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	if (2 * set->count >= set->room)
		grow(set);
	place(set, hash | !hash);
	return set->count > before;
}

struct node { size_t parent; short who, event; }; /* how a state was reached first */
struct list { struct world *worlds; size_t *nodes; size_t count, room; };

static struct node *nodes;
static size_t node_count, node_room, step_count;

static void push(struct list *list, const struct world *world, struct node node)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->worlds = grown(list->worlds, list->room, sizeof *list->worlds);
		list->nodes = grown(list->nodes, list->room, sizeof *list->nodes);
	}
	if (node_count == node_room) {
		node_room = node_room ? 2 * node_room : 64;
		nodes = grown(nodes, node_room, sizeof *nodes);
	}
	list->worlds[list->count] = *world;
	list->nodes[list->count++] = node_count;
	nodes[node_count++] = node;
}

static struct world start(void)
{
	struct world world = { 0 };

	world.side[0].script = world.side[1].script = first_copy();
	world.side[0].faults =
		(scene & (TEARS | LOSES | RESTORES_STORE | RESTORES_SCRIPT | COPIES)) != 0;
	return world;
}

static bool in_range(const struct world *world)
{
	for (int i = 0; i < sides(); i++)
		if (epoch_of(&world->side[i]) + 2 >= EPOCHS)
			return false;
	return true;
}

static void list_properties(const char *word, int which)
{
	for (int p = 0; p < PROPERTIES; p++)
		if (which >> p & 1)
			printf("%s: %s\n", word, properties[p].words);
}

/* From the start to a node and one event more: of states as they are, beside the simple ones that
 * the nodes know. */
struct way { struct world world, simple; bool swapped; };

static void tell_way(struct way *way, struct node last)
{
	struct world before;
	int who, now;

	if (last.event == NOTHING)
		return;
	tell_way(way, nodes[last.parent]);
	before = way->world;
	who = way->swapped ? !last.who : last.who;
	found = 0;
	if (!happens(&way->world, who, (enum event)last.event))
		errx(2, "a way that none can go: simplify is wrong");
	tell(&way->world, &before, who, (enum event)last.event);
	now = found;
	happens(&way->simple, last.who, (enum event)last.event);
	found = now;
	if (!plain)
		way->swapped ^= simplify(&way->simple);
}

/* What was found, and the way to it; which must be so for states as they are, too. */
static int show(struct node last)
{
	struct way way = { start(), start(), false };
	const int what = found;

	list_properties("broken", what);
	if (!plain)
		way.swapped = simplify(&way.simple);
	tell_way(&way, last);
	judge(&way.world);
	if ((found & what) != what)
		errx(2, "this way does not break it: simplify is wrong");
	if (what & DEAF_FOR_GOOD)
		puts("  both up, packets and rekey in turn: still deaf");
	if (what & STUCK)
		puts("  both up, packets and rekey in turn: still in the same epoch");
	return 1;
}

/* A walk has the states of this level and of the next, and all that were met. */
struct walk {
	struct list now, next;
	struct set known, simple;  /* the second one where states are kept as they are */
	bool more;                 /* some are beyond the epochs that there is room for */
};

/* Adds a state that a node leads to.  False: something is broken. */
static bool arrive_at(struct walk *walk, struct world *world, struct node node)
{
	step_count++;
	if (found)
		return false;
	if (!in_range(world)) {
		walk->more = true;
		return true;
	}
	if (!plain)
		simplify(world);
	if (!add(&walk->known, world))
		return true;
	judge(world);
	push(&walk->next, world, node);
	if (plain) {
		simplify(world);
		add(&walk->simple, world);
	}
	return !found;
}

static bool go_from(struct walk *walk, size_t i, struct node *node)
{
	struct world world = walk->now.worlds[i];

	for (int event = 1; event < EVENTS; event++)
		for (int who = 0; who < sides(); who++) {
			*node = (struct node){ walk->now.nodes[i], (short)who, (short)event };
			if (!happens(&world, who, (enum event)event))
				continue;
			if (!arrive_at(walk, &world, *node))
				return false;
			world = walk->now.worlds[i];
		}
	return true;
}

static int walk_all(int most)
{
	struct walk walk = { .more = false };
	struct world world = start();
	struct node node = { 0 };
	struct list old;
	int depth;

	if (!arrive_at(&walk, &world, node))
		return show(node);
	for (depth = 0; depth < most && walk.next.count > 0; depth++) {
		old = walk.now, walk.now = walk.next, walk.next = old;
		walk.next.count = 0;
		for (size_t i = 0; i < walk.now.count; i++)
			if (!go_from(&walk, i, &node))
				return show(node);
	}
	printf("%zu states, %s\n", plain ? walk.simple.count : walk.known.count,
	       walk.more || walk.next.count > 0 ? "and more" : "all there are");
	list_properties("holds", watched);
	fprintf(stderr, "%zu steps, %d deep\n", step_count - 1, depth);
	return 0;
}
