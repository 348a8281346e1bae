/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* model: two sides that start, end and rekey, in every order in which the steps of their verbs,
 * ends of machines and packets can come.  What a section becomes is decided by helper/epoch.c.
 *
 *	model [-p] [-m MARGIN] [-w WINDOW] [-s STEPS] [-x MUTANT] [SCENE]... [RULE] [PROPERTY]...
 *	model -l
 *	model [-m MARGIN] [-w WINDOW] -r|-c WALKS LENGTH SEED [SCENE]... [PROPERTY]...
 *
 * It walks until no state is new, or STEPS far.  If a PROPERTY breaks (default: any) it prints the
 * shortest way there and exits with status 1.  A SCENE lets more happen.  A RULE is broken on
 * purpose, or the MUTANT of that number in a helper/epoch.c that has them (tests/model/mutate).  -l
 * lists the scenes, and the rules with what lets them matter and the property that tells.  With -p
 * states are kept as they are, not simplified.
 *
 * -r prints random walks instead, with an empty line between two.  A line is `SIDE VERB` (up, down,
 * rekey, status), `SIDE crash`, `SIDE crash-in-VERB N` (after N changes), `SIDE send`, `send-lost`,
 * `send-late`, or `SIDE late`: what it sent late comes, or comes again.
 * -c walks at random, too, and says where a simplified state does not go the way of the one that it
 * stands for. */
static int margin = 1, mutant;       /* margin stands for 2^26 */
#define EPOCH_MARGIN ((unsigned)margin)
#ifndef EPOCH_SOURCE
#define EPOCH_SOURCE "../helper/epoch.c"
#endif
#include EPOCH_SOURCE
#include "../helper/cipher.c"
#include "../helper/endpoint.c"
#include "../helper/number.c"
#include "../helper/say.c"
#include "../helper/text.c"
#include "model/section.c"

#include "model/world.h"
#include "model/fake.c"
#include "model/world.c"
#include "model/judge.c"
#include "model/simple.c"
#include "model/tell.c"
#include "model/walk.c"
#include "model/random.c"

#include <limits.h>
#include <unistd.h>

static const struct { const char *name; enum scene scene; const char *words; } scenes[] = {
	{ "late", LATE_PACKETS, "packets come late, and again" },
	{ "killed", KILLS, "verbs are killed, while SAs and policies stay" },
	{ "flushed", FLUSHES, "another program removes the SAs" },
	{ "fixed", FIXED, "the keys are fixed" },
	{ "torn", TEARS, "a store is torn" },
	{ "lost", LOSES, "a store is lost" },
	{ "restored-store", RESTORES_STORE, "a's store comes back from a backup" },
	{ "restored-script", RESTORES_SCRIPT, "a's script comes back from a backup" },
	{ "copies", COPIES, "a copy of a's script runs on a second machine" },
	{ "read-only", READ_ONLY, "scripts cannot be written" },
};

/* WITH: arguments that let the rule matter. */
static const struct {
	const char *name, *with;
	int breaks;
	const char *words;
} rules[RULES] = {
	[UP_LATE] = { "up-late", "", TWICE, "up writes the store when it can send already" },
	[REKEY_LATE] = { "rekey-late", "", TWICE,
	                 "rekey writes the store when it sends with the new key already" },
	[OUTBOUND_FIRST] = { "outbound-first", "", DEAF,
	                     "rekey sends with the new key before the next inbound SA is there" },
	[SCRIPT_SECOND] = { "script-second", "lost", DEAF_FOR_GOOD,
	                    "a new epoch is written to the store first, then to the script" },
	[REMOVE_BELOW] = { "remove-below", "", DEAF,
	                   "rekey removes all inbound SAs below the new epoch" },
	[MEND_EXACT] = { "mend-exact", "flushed", TWICE,
	                 "an outbound SA is put back with the number recorded, no margin above" },
	[UNLOCKED] = { "unlocked", "", TWICE,
	               "status writes what it read, whatever another verb wrote meanwhile" },
	[TOP_OF_WINDOW] = { "top-of-window", "-w 2", DEAF,
	                    "a window's top is taken for the highest number received" },
	[TORN_PASSED] = { "torn-passed", "torn", GUESSED,
	                  "the script's section is taken where the store is torn" },
	[MARGIN_PASSED] = { "margin-passed", "", DEAF,
	                    "more packets than the margin without a record" },
};

static void list(void)
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		printf("scene\t%s\t\t%s\n", scenes[i].name, scenes[i].words);
	for (int r = 1; r < RULES; r++)
		for (int p = 0; p < PROPERTIES; p++)
			if (rules[r].breaks >> p & 1)
				printf("rule\t%s %s\t%s\t%s\n", rules[r].with, rules[r].name,
				       properties[p].name, rules[r].words);
}

static void break_rule(enum rule rule)
{
	if (broken)
		errx(2, "'%s': one rule at a time", rules[rule].name);
	broken = rule;
	for (size_t i = 0; i < sizeof other_orders / sizeof *other_orders; i++)
		if (other_orders[i].rule == rule)
			memcpy(verbs[other_orders[i].verb], other_orders[i].steps, sizeof *verbs);
}

/* Returns the property that it names, else 0. */
static int read_word(const char *word)
{
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		if (strcmp(word, scenes[i].name) == 0) {
			scene |= scenes[i].scene;
			return 0;
		}
	for (int r = 1; r < RULES; r++)
		if (strcmp(word, rules[r].name) == 0) {
			break_rule((enum rule)r);
			return 0;
		}
	for (int p = 0; p < PROPERTIES; p++)
		if (strcmp(word, properties[p].name) == 0)
			return 1 << p;
	errx(2, "'%s': no such scene, rule or property; see model -l", word);
}

static int number(const char *text, int most)
{
	unsigned long long value;

	if (!number_parse(&value, text, 1, (unsigned)most))
		errx(2, "'%s': want a number from 1 to %d", text, most);
	return (int)value;
}

static int walk_often(void (*walk)(int), char **argv)
{
	const int walks = number(argv[0], INT_MAX), length = number(argv[1], INT_MAX);

	random_state = (uint64_t)number(argv[2], INT_MAX);
	for (int i = walks; i > 0; i--) {
		walk(length);
		if (walk == walk_at_random && i > 1)
			puts("");
	}
	return fflush(stdout) == 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
	int steps = INT_MAX, asked = 0, option;
	void (*walk)(int) = NULL;

	while ((option = getopt(argc, argv, "clm:prs:w:x:")) != -1)
		switch (option) {
		case 'c': walk = compare_at_random; break;
		case 'l': list(); return 0;
		case 'm': margin = number(optarg, 1000); break;
		case 'p': plain = true; break;
		case 'r': walk = walk_at_random; break;
		case 's': steps = number(optarg, INT_MAX); break;
		case 'w': window = number(optarg, 14); break;
		case 'x': mutant = number(optarg, 1000); break;
		default: return 2;
		}
	argv += optind;
	argc -= optind;
	if (walk && argc < 3)
		errx(2, "want WALKS LENGTH SEED");
	for (int i = walk ? 3 : 0; i < argc; i++)
		asked |= read_word(argv[i]);
	cipher = cipher_find("aes128gcm16", "model");
	if (walk == walk_at_random) {
		scene |= LATE_PACKETS;
		writes_script = true;
	}
	if (asked)
		watched = asked;
	return walk ? walk_often(walk, argv) : walk_all(steps);
}
