/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Collects the state of a tunnel, for the verbs that only show it. */
#ifndef LOOK_H
#define LOOK_H

#include "counts.h"
#include "keep.h"
#include "parts.h"
#include "status.h"

#include <stdbool.h>
#include <time.h>

struct look {
	struct keep keep;
	struct parts parts;
	struct counts counts;
	struct status_facts facts;
	struct status status;
	bool down;    /* nothing of the tunnel exists ... */
	bool blocked; /* ... except its guard */
};

/* Collects the state of a script's tunnel. With RECORD, the counters are recorded in store and run
 * folder, unless another process holds the lock. Returns 0, or an exit status after one line. Call
 * look_close() in both cases. */
int look_open(struct look *, const char *script, bool record);
void look_close(struct look *);

/* Whether the process was started as `up` or `down`; else NULL. */
const char *look_verb_of(pid_t);

/* Read and write the record of counts in the run folder. The first also counts what up itself
 * received. The second reports an error. */
void counts_load(struct counts *, const struct keep *);
void counts_save(const struct counts *, const struct keep *);
/* Updates it from the states and policies that were read. */
void counts_take(struct counts *, const struct keep *, time_t now);
/* Does all three. Call it with the lock held, before a state is removed. */
void counts_record(const struct keep *);

/* The verbs that open the script themselves. They take the arguments after its name and return the
 * exit status. */
int status_verb(const char *script, int argc, char **argv);
/* FOLDER, or the standard one. */
int list_verb(const char *folder);

#endif
