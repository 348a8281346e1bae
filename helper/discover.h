/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The servers' answers, passed from discover.c, which asks, to discover_judge.c. */
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
	struct endpoint nowhere;     /* its answer, if it is not a unicast address; no family:
	                              * none */
	unsigned error;              /* its error answer; 0: none */
	struct endpoint alternate;   /* the server that it names instead; no family: none */
	struct endpoint elsewhere;   /* another address that answered; no family: none */
	int refusal;                 /* the last ICMP error, an errno; 0: none */
	bool odd;                    /* it sent something that is not an answer to the request */
	const char *trouble;         /* why there is no answer; NULL: none came */
};

struct asking {
	struct endpoint local;       /* the source of all requests */
	struct server servers[2];
	int given, count, fd;        /* COUNT is 1 if both given are the same */
	int64_t start;
};

/* Prints the findings, and fills in MAPPED if there is a mapped endpoint. ROUTER is the router's
 * port mapping, or has no family. Returns the exit status. (discover_judge.c) */
int discover_judge(const struct asking *, const struct endpoint *router, struct endpoint *mapped);

#endif
