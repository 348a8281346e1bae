/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `check`: sends tests to all peers at once, reads the counters before and after, and
 * prints the verdicts of verdict.c. */
#ifndef CHECK_H
#define CHECK_H

#include "job.h"
#include "look.h"
#include "tap.h"
#include "trial.h"
#include "verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the arguments after the script's name. Returns the exit status. */
int check_verb(const char *script, int argc, char **argv);

/* ---- Parts of it ---- */

enum { CHECK_LADDER = 8 }; /* sizes to try if the largest does not pass */

/* Counters of a peer's SAs. */
struct check_count {
	uint64_t in, out, late, replayed, failed;
};

struct check_peer {
	struct text row;     /* of the script's tests, without its comment sign */
	uint16_t port;       /* TEST_TCP */
	struct address near; /* with a target: the address that check tests without one */
	struct job name;     /* looks up the peer's name */
	const char **lacks;  /* NULL ends it */
	size_t lack_count;
	struct check_count before;
	char outer_link[16], inner_link[16], stray_link[16], stray[PREFIX_TEXT];
};

/* Trials, each of a peer. */
struct check_trials {
	struct trial *list;
	size_t *peers;
	size_t count, room;
};

struct check {
	struct look look;
	struct address target; /* no address: none was given */
	size_t target_peer;
	struct evidence all;
	struct evidence_peer *peers;
	struct check_peer *more;
	struct wire *wires;
	struct check_trials trials, ladder;
	struct kernel_counters before, moved;
	struct firewall_finding firewall[FIREWALL_FLOWS];
	char *nat_chain, *interface;
	char gone[80], redirects[PREFIX_TEXT], interface_name[16];
	struct text helper;
	struct tap tap;
	unsigned inner_link;
};

/* Chooses the test for each peer, and fills in from, to and test. Returns false, after one line, if
 * the target is not in a peer's network. */
bool check_choose(struct check *, const char *target);
/* The burst's trials, and those of smaller sizes for a peer. */
void check_add_trials(struct check *);
void check_add_ladder(struct check *, size_t peer);
/* Puts the results of the trials into the evidence. */
void check_take_trials(struct check *);

/* The first reads counters and SAs before the burst; the second collects the rest after it. */
void check_look_before(struct check *);
void check_look_after(struct check *);

/* For a tunnel that is down: prints why `up` would fail. Returns the exit status. */
int check_down(struct look *);
/* Sends the tests of `check` to each peer; true if one answers through the tunnel within 3
 * seconds. */
bool check_answered(struct keep *);
/* Tries an SA with the null cipher. If the kernel accepts it, the cipher is missing, not ESP. */
bool check_takes_esp(const struct keep *);

#endif
