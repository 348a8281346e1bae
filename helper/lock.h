/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The run folder, which exists while the tunnel is up, and the lock beside it, a symbolic link that
 * contains a pid. */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum run_state {
	RUN_DOWN,
	RUN_UP,
	RUN_STALE, /* of an earlier boot, or of another network namespace: its objects no longer
	            * exist */
};

struct run {
	char path[512]; /* of the folder, for messages */
	char busy[80];  /* the lock's name in ABOVE */
	int above;      /* the open folder that it is in; -1: there is none */
	int fd;         /* the open folder; -1: there is none */
	enum run_state state;
	bool locked; /* by this process */
};

/* Opens ${XFRMPAIR_RUN:-/run/xfrmpair}/STORE, if it exists. Both folders must belong to root or the
 * caller, must not be writable by others, and must not be links. Returns false after one line. Call
 * run_close() in both cases. */
bool run_open(struct run *, const char *store);
/* Waits up to 10 seconds for the lock, and opens the folder again. The lock is held until
 * run_close(), exit(3) or a signal. Returns false after one line. */
bool run_lock(struct run *);
/* Takes the lock only if it is free, without a message. */
bool run_try_lock(struct run *);
/* The process that holds the lock; 0: none. */
pid_t run_holder(const struct run *);
void run_close(struct run *);

/* Creates the folder, for this boot and network namespace. Returns false after one line; then there
 * is no folder. */
bool run_make(struct run *);
/* Removes the folder with its files.  False after one line. */
bool run_remove(struct run *);

/* A small file in the folder as a string, without the newline at its end.  False: there is none, or
 * it is too long. */
bool run_read(const struct run *, const char *name, char *out, size_t room);
/* Puts TEXT and a newline in a file.  False after one line. */
bool run_write(const struct run *, const char *name, const char *text);
bool run_has(const struct run *, const char *name);
/* True if natprobe received packets from the peer at `up`. Then the file hole begins with an
 * endpoint, else with a word for the cause. */
bool run_punched(const struct run *);
/* The process whose pid is in that file, if it was started as COMMAND: a program's name and its
 * arguments, with blanks between them; else 0. */
pid_t run_process(const struct run *, const char *name, const char *command);
/* True if process PID was started as COMMAND. */
bool process_is(pid_t pid, const char *command);
/* Reads as much of /proc/PID/FILE as fits, and appends a NUL. Returns the length; 0: nothing could
 * be read. */
size_t process_read(pid_t pid, const char *file, char *out, size_t room);

#endif
