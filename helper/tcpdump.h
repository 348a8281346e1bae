/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Runs tcpdump(8) as a child and writes its packets to a file, because some systems let tcpdump
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

/* Creates the file, which must not exist; false with errno. */
bool tcpdump_create(struct tcpdump *, const char *path);
/* Starts tcpdump on INTERFACE, with FILTER unless it is NULL. Returns false after one line, also if
 * it does not listen within five seconds. */
bool tcpdump_start(struct tcpdump *, const char *program, const char *interface,
                   const char *filter);
/* Copies the available output. Returns false if tcpdump exited or the file cannot be written. */
bool tcpdump_copy(struct tcpdump *);
/* Ends tcpdump, copies the rest, and returns how many packets it captured; -1: unknown. */
long long tcpdump_end(struct tcpdump *);

#endif
