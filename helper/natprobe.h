/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* natprobe's jobs. */
#ifndef NATPROBE_H
#define NATPROBE_H

#include "endpoint.h"
#include "ids.h"

/* PATH_MTU is xfrmpair's default. */
enum { PATH_MTU = 1500, PATH_MTU_LEAST = 576, PATH_MTU_MOST = 65535 };

/* What the command line says. */
struct probe {
	struct endpoint local;   /* -b and -p; no family, port 0: not given */
	struct ids ids;
	/* discover */
	const char *server[2];   /* as typed; NULL: not given */
	bool hold;
	/* map */
	bool map, unmap;
	struct address router;   /* no family: the default route's */
	uint16_t outside;        /* the external port to request; 0: the own one */
	/* punch */
	struct endpoint peer;    /* no family: discover */
	bool first;
	unsigned ttl;            /* 0: natprobe finds one */
	unsigned timeout_seconds;
	unsigned path_mtu;       /* 0: PATH_MTU */
	bool until_tunnel;
	char token[257];         /* empty: none */
	bool scripted;           /* the token came from a descriptor, so a script prints the
	                          * advice */
	/* resolve */
	const char *resolve;     /* as typed; NULL: discover or punch */
};

/* Each does one task, prints what it found, and returns the exit status. (discover.c) */
int discover(const struct probe *);
int resolve(const struct probe *);
/* (punch.c) */
int punch(const struct probe *);
/* (map.c) map_ask() requests a mapping of LOCAL's port and completes LOCAL. MAPPED gets the mapped
 * endpoint, or no family. */
int map(const struct probe *);
int map_ask(const struct probe *, struct endpoint *local, struct endpoint *mapped);

#endif
