/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verbs `up` and `down`, and their parts. */
#ifndef UP_H
#define UP_H

#include "apply.h"
#include "keep.h"

#include <stdbool.h>

/* What the caller gave. */
struct up_options {
	struct address local; /* zeros: the one that this host uses towards the first peer */
	unsigned wait;        /* seconds, for addresses, names and the peer */
	bool no_punch, no_helper, map, forward, exempt, all;
};

/* Whether packets of the peer arrive, as far as is known. */
enum up_received {
	UP_UNKNOWN,
	UP_BEFORE, /* they did, in an earlier run */
	UP_NOW,
	UP_SILENT, /* they were waited for */
	UP_TUNNEL, /* ESP came from the peer's endpoint, and no answer to natprobe */
};

struct up {
	struct keep *keep;
	struct up_options options;
	int signals;   /* readable once this process shall end; -1 with -n */
	bool unguards; /* its guard goes again if it fails */
	enum up_received received;
};

/* Waits so many seconds for a file to be readable (-1: none, which is a pause; less than 0 seconds:
 * as long as it takes).  False when this process shall end: then the caller returns at once, and
 * whatever it returns `up` takes back what it did. */
bool up_wait(const struct up *, int fd, double seconds);
/* Says a line as keep_say() does, and returns STATUS. */
int up_stop(const struct up *, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says why ip refused rows of that function; returns the exit status, 0 if it did not. */
int up_refused(const struct up *, enum page_function, const struct apply_result *);

/* Steps of `up`.  Each returns 0, or an exit status after one line. */

/* Looks up the peers that the page knows by name.  Of one that is not found the section's address,
 * if it has one, stays. */
int up_names(struct up *);
/* Waits for the local address and a route to the first peer. */
int up_local(struct up *);
/* With --map, asks the router to map the port.  If it does not, that is said, and no failure. */
int up_map(struct up *);
/* With --local: if this side's only net is an address that it has no more, adds that to lo, and
 * routes that send from there. */
int up_old_net(struct up *);
/* Lets natprobe send to the peer until both sides receive, at most for the time of --wait.
 * UNTIL_TUNNEL: or until ESP comes from there. */
int up_punch(struct up *, bool until_tunnel);
/* Why the peer is silent, as far as natprobe found out. */
void up_hint(char *out, size_t room, const struct up *);
/* Sends to the peer at THERE from now on: its SAs are added anew. */
int up_move(struct up *, const struct endpoint *there);

/* Removes what `up` added, and the run folder; ALL: the guard too.  With -n prints it.  Returns 0,
 * or 1 after a line for what cannot be removed. */
int take_back(struct keep *, bool all);

keep_verb up, down;

/* Reads the words behind the script's name.  Returns 0, or an exit status after a line. */
int up_take_options(struct up_options *, const struct page *, int argc, char **argv);

#endif
