/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verbs `up` and `down`, and their parts. */
#ifndef UP_H
#define UP_H

#include "apply.h"
#include "keep.h"

#include <stdbool.h>

/* The options of `up` and `down`. */
struct up_options {
	struct address local; /* zeros: the source address towards the first peer */
	unsigned wait;        /* seconds, for addresses, names and the peer */
	bool no_punch, no_helper, map, forward, exempt, all;
};

/* Whether packets from the peer arrive, as far as is known. */
enum up_received {
	UP_UNKNOWN,
	UP_BEFORE, /* they did in an earlier run */
	UP_NOW,
	UP_SILENT, /* none arrived while up waited */
	UP_TUNNEL, /* ESP came from the peer's endpoint, but no answer to natprobe */
};

struct up {
	struct keep *keep;
	struct up_options options;
	int signals;   /* readable once a signal asks this process to end; -1 with -n */
	bool unguards; /* remove the guard if up fails */
	enum up_received received;
};

/* Waits SECONDS for FD to be readable (FD -1: only pauses; SECONDS below 0: no limit). Returns
 * false if this process must end. Then the caller returns at once with any value, and `up` undoes
 * what it did. */
bool up_wait(const struct up *, int fd, double seconds);
/* Prints a line as keep_say() does, and returns STATUS. */
int up_stop(const struct up *, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints why ip refused the rows of that function. Returns the exit status, 0 if it did not
 * refuse. */
int up_refused(const struct up *, enum page_function, const struct apply_result *);

/* Steps of `up`.  Each returns 0, or an exit status after one line. */

/* Looks up the peers that have a DNS name. If a name is not found, the section's address stays in
 * use, if there is one. */
int up_names(struct up *);
/* Waits for the local address and a route to the first peer. */
int up_local(struct up *);
/* With --map, maps the port on the router. A failure is reported, but is not an error. */
int up_map(struct up *);
/* With --local: if this side's only net is an address that the host no longer has, adds it to lo,
 * and routes with that source. */
int up_old_net(struct up *);
/* Runs natprobe --punch until both sides receive packets, at most for the time of --wait; with
 * UNTIL_TUNNEL, or until ESP arrives from the peer. */
int up_punch(struct up *, bool until_tunnel);
/* Prints the likely cause why the peer is silent, as natprobe reported it. */
void up_hint(char *out, size_t room, const struct up *);
/* Changes the peer's endpoint to THERE, and adds its SAs again. */
int up_move(struct up *, const struct endpoint *there);

/* Removes what `up` added, and the run folder; with ALL the guard too. With -n it prints the
 * commands. Returns 0, or 1 after a line for what cannot be removed. */
int take_back(struct keep *, bool all);

keep_verb up, down;

/* Parses the arguments after the script's name. Returns 0, or an exit status after a line. */
int up_take_options(struct up_options *, const struct page *, int argc, char **argv);

#endif
