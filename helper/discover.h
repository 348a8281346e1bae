/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What the servers answered, between the file that asks them and the one that judges. */
#ifndef DISCOVER_H
#define DISCOVER_H

#include "lookup.h"
#include "stun.h"

struct server {
	const char *text;            /* as typed */
	char name[NAME_MOST + 1];    /* empty: typed as an address */
	struct endpoint endpoint;    /* no family: not found yet */
	unsigned char id[STUN_ID];
	bool answered;
	struct endpoint mapped;      /* no family: none */
	struct endpoint nowhere;     /* its answer where no packet can go; no family: none */
	unsigned error;              /* that it answered with; 0: none */
	struct endpoint alternate;   /* which it names instead of itself; no family: none */
	struct endpoint elsewhere;   /* what answered in its place; no family: nothing */
	int refusal;                 /* the last ICMP error, an errno; 0: none */
	bool odd;                    /* something came from it that is no answer to us */
	const char *trouble;         /* why there is none; NULL: no answer */
};

struct asking {
	struct endpoint local;       /* where all requests leave from */
	struct server servers[2];
	int given, count, fd;        /* COUNT is 1 where two given are one and the same */
	int64_t start;
};

/* Says what was seen; fills MAPPED where there is one.  ROUTER: what it gives; without family,
 * nothing.  Returns the exit status.  (discover_judge.c) */
int discover_judge(const struct asking *, const struct endpoint *router, struct endpoint *mapped);

#endif
