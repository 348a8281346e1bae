/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The run folder, which is there while the tunnel is up, and the lock beside it that `up`, `down`
 * and this program share: a symbolic link that holds a pid. */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum run_state {
	RUN_DOWN,
	RUN_UP,
	RUN_STALE, /* of an earlier boot, or of another network namespace: nothing of it is left */
};

struct run {
	char path[512]; /* of the folder, for messages */
	char busy[80];  /* the lock's name in ABOVE */
	int above;      /* the open folder that it is in; -1: there is none */
	int fd;         /* the open folder; -1: there is none */
	enum run_state state;
	bool locked; /* by this process */
};

/* Opens ${XFRMPAIR_RUN:-/run/xfrmpair}/STORE, if it is there.  Both folders must be root's or the
 * caller's own and nobody else's to write, and no links.  False after one line; run_close() in both
 * cases. */
bool run_open(struct run *, const char *store);
/* Takes the lock, for which it waits up to 10 seconds, and opens the folder again.  The lock holds
 * until run_close(), exit(3) or a signal.
 * False after one line. */
bool run_lock(struct run *);
/* Takes it only if it is free, in silence: for who can do without. */
bool run_try_lock(struct run *);
/* The process that has it, one of this tunnel's; 0: nobody. */
pid_t run_holder(const struct run *);
void run_close(struct run *);

/* Makes the folder, of this boot and network namespace.  False after one line; then there is none. */
bool run_make(struct run *);
/* Removes the folder with its files.  False after one line. */
bool run_remove(struct run *);

/* A small file in the folder as a string, without the newline at its end.  False: there is none, or
 * it is too long. */
bool run_read(const struct run *, const char *name, char *out, size_t room);
/* Puts TEXT and a newline in a file.  False after one line. */
bool run_write(const struct run *, const char *name, const char *text);
bool run_has(const struct run *, const char *name);
/* True if natprobe received the peer at `up`: the file hole begins with an endpoint then, else with
 * a word for the cause. */
bool run_punched(const struct run *);
/* The process whose pid is in that file, if it was started as COMMAND: a program's name and its
 * arguments, with blanks between them; else 0. */
pid_t run_process(const struct run *, const char *name, const char *command);
/* True if process PID was started so. */
bool process_is(pid_t pid, const char *command);
/* Reads /proc/PID/FILE, as much of it as fits, with a NUL behind it.  Returns its length; 0: there
 * is nothing to read. */
size_t process_read(pid_t pid, const char *file, char *out, size_t room);

#endif
