/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `follow`: keeps a tunnel going while peers and this host move, in the foreground. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "announce.h"
#include "job.h"
#include "keep.h"
#include "tick.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Until a signal comes, or the tunnel is down.  The exit status. */
int follow_verb(const char *script, int argc, char **argv);

/* ---- Parts of it ---- */

struct follow {
	const char *script;
	struct run run;     /* the folder that it started with */
	struct stat folder; /* ... its identity */
	int file;           /* locked while it runs: one follower per tunnel */
	int signals;        /* TERM, INT and HUP come here */
	struct announce announce;
	struct page_peer *peers; /* names, reqids and hosts; as many as TICK has */
	char name[SECTION_NAME + 1];
	sa_family_t family; /* of the outer addresses */
	struct tick tick;
	struct job *look_ups; /* of names, one a peer */
	struct job map;       /* of the router's port */
	char *mapped;         /* what the router said last; NULL: nothing yet */
};

/* Seconds of a clock that also counts while the machine sleeps. */
double follow_now(void);
/* Takes one step.  A line says what has changed. */
enum tick_outcome follow_step(struct follow *, const struct tick_step *);
/* Takes what a job has printed. */
void follow_read_name(struct follow *, size_t peer);
void follow_read_map(struct follow *);
/* True if the folder is gone, or another one is in its place. */
bool follow_is_over(const struct follow *);

#endif
