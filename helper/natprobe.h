/* natprobe's two jobs. */
#ifndef NATPROBE_H
#define NATPROBE_H

#include "endpoint.h"
#include "user.h"

/* What the command line says. */
struct probe {
	struct endpoint local;   /* -b and -p; no family, port 0: not given */
	struct user user;
	/* discover */
	const char *server[2];   /* as typed; NULL: not given */
	bool hold;
	/* punch */
	struct endpoint peer;    /* no family: discover */
	bool first;
	int ttl;                 /* 0: natprobe finds one */
	unsigned timeout_seconds;
	char token[257];         /* empty: none */
};

/* Each does its job, says what it found, and returns the exit status.  (discover.c, punch.c) */
int discover(const struct probe *);
int punch(const struct probe *);

#endif
