/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Shared by natprobe's tasks: socket, clock, output and signals. */
#ifndef PROBE_H
#define PROBE_H

#include "endpoint.h"
#include "ids.h"

/* The time for servers to answer. RFC 8489's 39.5 seconds are for daemons, too long for a
 * person. */
enum { GIVE_UP_MS = 8000 };

/* Opens a UDP socket bound to LOCAL, fills in LOCAL's port if it was 0, and changes to user IDS.
 * Returns -1 after one line. */
int probe_socket(struct endpoint *local, const struct ids *ids);
/* Sets a socket option of type int. An error is ignored. */
void probe_option(int fd, int level, int option, int value);
int64_t probe_clock(void);   /* monotonic milliseconds */
/* The next ICMP error of a socket with probe_hear_icmp; false if there is none. An error left in
 * the queue would make the next send fail. */
struct probe_icmp {
	int error;                 /* an errno */
	bool is_time_exceeded;
	struct endpoint to;        /* where the packet was sent */
	struct address from;       /* its sender; no family: this host */
};
void probe_hear_icmp(int fd, sa_family_t family);
bool probe_icmp_take(int fd, struct probe_icmp *);
/* Prints the three strings as one line and closes stdout, so that a full disk is noticed, and a
 * reader need not wait for the end of --hold. */
bool probe_print(const char *, const char *, const char *);
/* Prints LOCAL@MAPPED, or only LOCAL if they are the same, in that way. */
bool probe_print_word(const struct endpoint *local, const struct endpoint *mapped);
/* Shows WHAT and the seconds left on a terminal, in place. 0 or fewer seconds erase the line. */
void probe_progress(const char *what, int seconds);
/* From now on SIGINT, SIGTERM and, unless it is ignored, SIGHUP end the program with this
 * status. */
void probe_on_signal(int status);

#endif
