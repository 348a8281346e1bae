/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* One look at a tunnel, for the verbs that only show it. */
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
	bool down;    /* nothing of it is there ... */
	bool blocked; /* ... but its guard */
};

/* Looks at a script's tunnel.  RECORD: what is seen goes into store and run folder, if no other
 * process is at work.  Returns 0, or an exit status after one line; look_close() in both cases. */
int look_open(struct look *, const char *script, bool record);
void look_close(struct look *);

/* Whether the process was started as `up` or `down`; else NULL. */
const char *look_verb_of(pid_t);

/* The record of counts in the run folder: reads it, with what up itself received; writes it, or
 * says that it cannot. */
void counts_load(struct counts *, const struct keep *);
void counts_save(const struct counts *, const struct keep *);
/* Brings it up to date from the states and policies that were read. */
void counts_take(struct counts *, const struct keep *, time_t now);
/* All three, under the lock: before a state is removed. */
void counts_record(const struct keep *);

/* The verbs that open a script themselves: ARGUMENTS behind its name, and the exit status. */
int status_verb(const char *script, int argc, char **argv);
/* FOLDER, or the standard one. */
int list_verb(const char *folder);

#endif
