/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `follow`: runs in the foreground and adapts the tunnel when the endpoint of a peer or of
 * this host changes. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "announce.h"
#include "job.h"
#include "keep.h"
#include "tick.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Runs until a signal arrives or the tunnel is down. Returns the exit status. */
int follow_verb(const char *script, int argc, char **argv);

/* ---- Parts of it ---- */

struct follow {
	const char *script;
	struct run run;     /* the run folder at the start */
	struct stat folder; /* ... its identity */
	int file;           /* locked while it runs: one follower per tunnel */
	int signals;        /* TERM, INT and HUP come here */
	struct announce announce;
	struct page_peer *peers; /* names, reqids and hosts; as many as TICK has */
	char name[SECTION_NAME + 1];
	sa_family_t family; /* of the outer addresses */
	struct tick tick;
	struct job *look_ups; /* DNS lookups, one per peer */
	struct job map;       /* of the router's port */
	char *mapped;         /* the router's last answer; NULL: none yet */
};

/* Seconds of a clock that also advances while the machine is suspended. */
double follow_now(void);
/* Performs one step, and prints a line if something changed. */
enum tick_outcome follow_step(struct follow *, const struct tick_step *);
/* Reads the output of a job. */
void follow_read_name(struct follow *, size_t peer);
void follow_read_map(struct follow *);
/* True if the folder was removed or replaced. */
bool follow_is_over(const struct follow *);

#endif
