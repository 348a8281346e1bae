/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What natprobe's jobs share: socket, clock, chance, and what people see. */
#ifndef PROBE_H
#define PROBE_H

#include "endpoint.h"
#include "ids.h"

/* In which servers have to answer: RFC 8489's 39.5 seconds are for daemons, nobody sits through
 * them. */
enum { GIVE_UP_MS = 8000 };

/* A UDP socket bound to LOCAL, whose port is filled in when it was 0; once it stands we are IDS.
 * -1 after saying why there is none. */
int probe_socket(struct endpoint *local, const struct ids *ids);
/* A socket option that is an int; a kernel that refuses it does without. */
void probe_option(int fd, int level, int option, int value);
int64_t probe_clock(void);   /* monotonic milliseconds */
/* The next ICMP error of a socket with probe_hear_icmp; false if there is none.  Left in the
 * queue it would make the next send fail. */
struct probe_icmp {
	int error;                 /* an errno */
	bool is_time_exceeded;
	struct endpoint to;        /* where the packet was sent */
	struct address from;       /* who says so; no family: this host */
};
void probe_hear_icmp(int fd, sa_family_t family);
bool probe_icmp_take(int fd, struct probe_icmp *);
/* Prints the three as one line and closes stdout: data is out when it is closed, a full disk
 * becomes a status, and a reader need not wait for the end of --hold. */
bool probe_print(const char *, const char *, const char *);
/* So, LOCAL@MAPPED, or LOCAL alone where they are the same. */
bool probe_print_word(const struct endpoint *local, const struct endpoint *mapped);
/* The line in place that shows a person that we wait, and for how long yet; 0 or fewer seconds
 * wipe it. */
void probe_progress(const char *what, int seconds);
/* From now on SIGINT, SIGTERM and, unless it is ignored, SIGHUP end the program with this
 * status. */
void probe_on_signal(int status);

#endif
