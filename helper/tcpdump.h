/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* tcpdump(8) as a child, whose packets this process writes to a file: a system may let tcpdump
 * itself write only to certain folders. */
#ifndef TCPDUMP_H
#define TCPDUMP_H

#include "text.h"

#include <stdbool.h>
#include <sys/types.h>

struct tcpdump {
	pid_t pid;          /* 0: none was started */
	int packets, words; /* pipes from its stdout and stderr; -1: closed */
	int file;           /* where the packets go; -1: none */
	const char *path;   /* of the file, for messages */
	struct text said;   /* on stderr */
	bool failed;        /* the file could not be written, which was said */
};

/* Makes the file, which must not be there; false with errno. */
bool tcpdump_create(struct tcpdump *, const char *path);
/* Starts it on INTERFACE, with a filter unless that is NULL.  False after one line, also if it does
 * not listen within five seconds. */
bool tcpdump_start(struct tcpdump *, const char *program, const char *interface,
                   const char *filter);
/* Takes what is there to be read.  Returns false once it has ended, or the file is full. */
bool tcpdump_copy(struct tcpdump *);
/* Ends it, takes the rest, and returns how many packets it captured; -1: it did not say. */
long long tcpdump_end(struct tcpdump *);

#endif
