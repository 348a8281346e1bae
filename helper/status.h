/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The state of a tunnel: what exists, what is missing, and what each peer has sent and received.
 * Pure: facts in, verdict out. */
#ifndef STATUS_H
#define STATUS_H

#include "counts.h"
#include "kernel.h"
#include "page.h"
#include "parts.h"
#include "section.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	/* Three keepalives of espdecap, one every 20 seconds. */
	STATUS_SILENCE = 60,
	/* Starts left after the first one with a fixed key and without ESN. From then on status
	 * prints how many are left. */
	STATUS_STARTS_ALL = 62,
};

struct status_facts {
	const struct page *page;
	const struct section *section;
	const struct policy *policies; /* the page's: tunnel, guard and what passes */
	size_t policy_count;
	const struct kernel *kernel;
	const struct parts *parts;
	const struct counts *counts; /* after counts_look() */
	time_t now;                  /* seconds since 1970 */
	const char *script;          /* its path, for commands */
};

/* An object that is missing, or that was replaced by one of another program. */
struct status_lack {
	bool foreign;
	char text[208]; /* "SA from b", "policy src 10.1.0.0/16 dst 10.2.0.0/16 dir out" */
};

enum status_state { STATUS_DOWN, STATUS_HALF_UP, STATUS_SILENT, STATUS_UP };

/* A present SA. */
struct status_sa {
	enum way way;
	uint32_t epoch, spi;
	struct count count;
	uint32_t late, replayed, failed; /* packets dropped: below the replay window, received
	                                    before, not authentic */
};

struct status_way {
	bool there;                  /* an SA */
	uint32_t epoch, spi;         /* of the latest SA that was used, else of the first */
	struct count present, total; /* of the present SAs; since up */
};

struct status_peer {
	const char *name;
	enum status_state state;
	const char *cause; /* why it is not up, a cause of `check`; NULL: it is up */
	struct endpoint there;
	struct status_way ways[WAYS];
	bool received;   /* something since up */
	time_t age;      /* seconds since then; -1: not known */
	bool silent;     /* received, but not for STATUS_SILENCE */
	bool fixed;      /* keys that never change */
	uint32_t starts; /* starts left before the sequence numbers of fixed keys are used up */
	bool half_used, used_up;   /* of the sequence numbers to it */
	size_t first_sa, sa_count; /* among the status's */
};

struct status {
	const struct status_facts *facts;
	struct endpoint here;
	pid_t helper; /* 0: none that is ours */
	struct status_peer *peers;
	size_t peer_count;
	struct status_sa *sas; /* by peer */
	size_t sa_count;
	struct status_lack *lacks;
	size_t lack_count, lack_room;
	bool limit_reached; /* SAs with a limit are missing */
	bool used_up;       /* the sequence numbers to a peer */
	bool stray;         /* packets to a network do not use the tunnel */
	size_t unheard;     /* peers from which nothing was received since up ... */
	size_t silent;      /* ... or not for long */
};

void status_judge(struct status *, const struct status_facts *);
void status_free(struct status *);
/* 0: up, and packets received from all peers; 1: something is missing; 4: up, but some peer is
 * silent. */
int status_exit(const struct status *);
const char *status_state_word(enum status_state);

/* For people: several lines. */
void status_print(struct text *, const struct status *);
/* For programs: one object in one line. */
void status_print_json(struct text *, const struct status *);
/* The first line of both, and what is missing. */
void status_print_verdict(struct text *, const struct status *);
/* "3 min" */
void status_print_duration(struct text *, time_t seconds);
/* "received 3 min ago" */
void status_print_received(struct text *, const struct status_peer *);

/* The output for a tunnel that is down. */
void status_print_down(struct text *, const struct page *, bool blocked);
void status_print_json_down(struct text *, const struct page *);

/* A number of packets or bytes a second, as the table of --watch has it. */
struct watch_peer {
	struct count totals[WAYS];
};

/* What the table before this one showed. */
struct watch {
	double time;              /* seconds, since any moment */
	struct watch_peer *peers; /* NULL: there was none */
	unsigned lines;           /* lines printed, by which the cursor moves up */
};

/* What the table is printed on. */
struct watch_screen {
	bool terminal;    /* overwrite the lines of the last table */
	unsigned columns; /* longer lines are cut */
};

/* Prints the LINES, then a row for each peer with the traffic since the last table. STATUS may be
 * NULL: then there are only the lines. */
void watch_print(struct text *, struct watch *, const struct watch_screen *, double now,
                 const char *lines, const struct status *);
void watch_free(struct watch *);

#endif
