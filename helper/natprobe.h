/* natprobe's two jobs, and what they share. */
#ifndef NATPROBE_H
#define NATPROBE_H

#include "endpoint.h"

/* What the command line says. */
struct probe {
	struct endpoint local;   /* -b and -p; no family, port 0: not given */
	/* discover */
	const char *server[2];   /* as typed; NULL: not given */
	bool hold;
	/* punch */
	struct endpoint peer;    /* no family: discover */
	bool first;
	int ttl;                 /* 0: natprobe finds one */
	unsigned timeout_seconds;
	const char *token;       /* NULL: none */
};

/* Each does its job, says what it found, and returns the exit status.  (discover.c, punch.c) */
int discover(const struct probe *);
int punch(const struct probe *);

/* natprobe.c */
/* A UDP socket bound to LOCAL, whose port is filled in when it was 0; -1 after saying why not. */
int probe_socket(struct endpoint *local);
void probe_random(void *out, size_t length);
int64_t probe_clock(void);   /* monotonic milliseconds */
/* The range that makes the address no public one ("100.64.0.0/10"), or NULL. */
const char *probe_private(const struct address *);
/* Prints the three as one line and closes stdout: data is out when it is closed, a full disk becomes a status, and a
 * reader need not wait for the end of --hold. */
bool probe_print(const char *, const char *, const char *);
/* The line in place that shows a person that we wait, and for how long yet; 0 or fewer seconds wipe it. */
void probe_progress(const char *what, int seconds);
/* From now on SIGINT and SIGTERM end the program with this status. */
void probe_on_signal(int status);

#endif
