/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The state that all verbs of xfrmkeep share: page, section, run folder and kernel. */
#ifndef KEEP_H
#define KEEP_H

#include "change.h"
#include "kernel.h"
#include "lock.h"
#include "page.h"
#include "section.h"
#include "store.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct keep {
	const char *script; /* its path, as given */
	bool dry;           /* -n: print what would be done, and change nothing */
	bool mends;         /* there is nothing new to record, so keep_apply() needs no store */
	FILE *report;       /* where mend reports what it restored */
	bool put_back;      /* it restored something */
	struct page page;
	struct section section; /* the valid one */
	enum store_state store; /* where it came from */
	struct run run;
	struct kernel kernel;   /* states and policies, as keep_look() found them */
	/* the page's, with the values that the section had at keep_policies() */
	struct policy *policies;
	size_t policy_count;
};

/* What a verb needs, as bits. It always gets page, section and run folder. */
enum keep_need {
	KEEP_LOCK = 1,   /* the tunnel's lock, taken before the section is read; not with -n */
	KEEP_UP = 2,     /* the tunnel must be up, else status 1 */
	KEEP_KERNEL = 4, /* the kernel's states and policies, and the page's */
	KEEP_TRY = 8,    /* take the lock if the tunnel is up and the lock is free; RUN tells */
	KEEP_PAGE = 16,  /* only page and run folder */
	KEEP_ANY = 32,   /* an unusable section is not an error; STORE tells */
};

/* Reads what NEEDS says. Returns 0, or an exit status after one line. Call keep_close() in both
 * cases; it wipes keys. */
int keep_open(struct keep *, const char *script, bool dry, unsigned needs);
void keep_close(struct keep *);

/* Reads the kernel's states and policies again. Returns 0, or an exit status after one line. */
int keep_look(struct keep *);
/* Fills in the page's policies with the present values of the section. Returns as keep_look(). */
int keep_policies(struct keep *);
/* Updates the section from the kernel: sequence numbers, and epochs received. */
void keep_tally(struct keep *);
/* Copies the section's endpoints into its states, after they have changed. */
void keep_place(struct section *);
/* Increments the section's counter and writes it to the store, and with ALSO_SCRIPT into the
 * script. With -n nothing is written. Returns 0, or an exit status after one line. A script that
 * cannot be written is reported, but is not an error. */
int keep_write(struct keep *, bool also_script);

/* Writes the section, then makes the kernel's states and policies those of section and page. FRESH
 * says for each peer whether its outbound key was never used; NULL: all were. CHANGE, zeroed and
 * freed by the caller, gets what was done and the conflicts, which the caller prints. Needs
 * KEEP_KERNEL. Returns 0, or an exit status after one line. */
int keep_apply(struct keep *, const bool *fresh, bool also_script, struct change *change);

/* Passes the batch to ip, or prints it with -n, and frees it. Returns 0, or an exit status after
 * one line. */
int keep_give(struct keep *, struct text *batch);
/* Records the sequence numbers of the SAs in the store, if they changed. Needs KEEP_LOCK. */
int keep_record(struct keep *);
/* For `up`: chooses new keys if the peer has the present ones, else sequence numbers that were
 * never used, and writes the section. If the store cannot be written, that is reported, and the
 * numbers chosen are safe without it. */
int keep_begin(struct keep *);
/* Changes the endpoint of a peer to THERE, or the local address to HERE; each may be NULL. Section,
 * SAs, policies, routes and the helper are updated. If the tunnel is not up, only its section is.
 * Needs KEEP_LOCK. */
int keep_move(struct keep *, const struct address *here, size_t peer, const struct endpoint *there);

/* Finds the peer of that name, or with NULL the only one. Returns false after one line. */
bool keep_peer(const struct keep *, const char *name, size_t *index);
/* Prints a line on stderr, "SIDE: ...". */
void keep_say(const struct keep *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True if nobody reads such lines any more. */
bool keep_lost_reader(void);
/* The path of another program of this project: the value of $VARIABLE, else the program beside the
 * script, else the one in $PATH; NULL: none. The caller frees. */
char *keep_find(const struct keep *, const char *name, const char *variable);
/* For a verb that waits: from now on SIGHUP, SIGINT and SIGTERM are read from the returned
 * descriptor, and SIGPIPE is ignored. Returns -1 with errno on error. */
int keep_signals(void);
/* Adds the helper's command line, "espdecap -d ARGUMENTS". Returns false after one line, or if the
 * tunnel has no helper. */
bool keep_helper(const struct keep *, struct text *out);

enum { KEEP_WAY = 128 };
/* The route to a peer as variables: WAY is `way_N=dev DEVICE`, perhaps with ` via ROUTER onlink`.
 * DEV is `dev_N=dev DEVICE`, for a net of another family. The kernel's links must have been
 * read. */
void keep_way(const struct keep *, size_t peer, char way[KEEP_WAY], char dev[KEEP_WAY]);

/* Parts of mend. Each prints on stdout what it restored, and returns 0, or an exit status after one
 * line. */
int mend_routes(struct keep *);
int mend_helper(struct keep *);
/* True for a file of /proc/sys that `up --forward` itself sets; the kernel changes others along
 * with these. */
bool mend_is_setting(const char *path);
/* Starts the helper and records its pid, or prints its command with -n. */
int start_helper(struct keep *);
/* Ends the helper of the page's port, whatever its peers were, and waits up to 2 seconds for it to
 * exit. */
void end_helper(struct keep *);
/* Ends the helper that was started as COMMAND, and starts it with the present arguments. */
int restart_helper(struct keep *, const char *command);
void say_put_back(struct keep *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the rows that delete the policies and SAs that the page's undo() names and the kernel has.
 * If the kernel cannot be read, there are none. Returns false after one line. */
bool undo_find(struct keep *, struct text *out);
/* Removes everything that the page's undo() names, and with ALL what unguard() names. It is no
 * error if an object no longer exists. With -n it prints the rows. Returns 0, or an exit status
 * after a line for what cannot be removed. */
int undo(struct keep *, bool all);
/* True if the policies that were read include the page's guard. */
bool keep_has_guard(const struct keep *);
/* Adds a row to the run folder's file `undo`, with which `down` undoes the next change. Returns
 * false after one line. */
bool keep_note(const struct keep *, const char *row);

/* A verb: takes the arguments after the script's name, returns the exit status. */
typedef int keep_verb(struct keep *, int argc, char **argv);
keep_verb rekey, mend, update_peer, wireshark, capture;

#endif
