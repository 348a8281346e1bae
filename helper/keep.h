/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What all verbs of xfrmkeep work on: the page, the section, the run folder, the kernel. */
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
	bool mends;         /* nothing new is to be recorded: keep_apply() needs no store */
	FILE *report;       /* where mend says what it has put back */
	bool put_back;      /* it has put back something */
	struct page page;
	struct section section; /* the one that counts */
	enum store_state store; /* where it came from */
	struct run run;
	struct kernel kernel;   /* states and policies, as keep_look() found them */
	/* the page's, with the values that the section had at keep_policies() */
	struct policy *policies;
	size_t policy_count;
};

/* What a verb needs, as bits; page, section and run folder it has in any case. */
enum keep_need {
	KEEP_LOCK = 1,   /* the tunnel's lock, taken before the section is read; not with -n */
	KEEP_UP = 2,     /* a tunnel that is up; else status 1 */
	KEEP_KERNEL = 4, /* the kernel's states and policies, and the page's */
	KEEP_TRY = 8,    /* the lock of one that is up, if it is free: RUN says */
	KEEP_PAGE = 16,  /* page and run folder alone */
	KEEP_ANY = 32,   /* a section only if there is a usable one: STORE says */
};

/* Reads all that is needed.  Returns 0, or an exit status after one line; keep_close() in both
 * cases, which wipes keys. */
int keep_open(struct keep *, const char *script, bool dry, unsigned needs);
void keep_close(struct keep *);

/* Reads the kernel's states and policies anew.  Returns 0, or an exit status after one line. */
int keep_look(struct keep *);
/* Fills in the page's policies with the section's values of now.  Likewise. */
int keep_policies(struct keep *);
/* Takes what the kernel counted into the section: numbers, and epochs received. */
void keep_tally(struct keep *);
/* Puts the section's endpoints into its states, after they have changed. */
void keep_place(struct section *);
/* Writes the section, counted up, to the store; ALSO_SCRIPT: and into the script.  With -n nothing
 * is written.  Returns 0, or an exit status after one line; a script that cannot be written is said
 * and passed over. */
int keep_write(struct keep *, bool also_script);

/* Brings the kernel's states and policies to what section and page want, and writes the section
 * before.  FRESH has for each peer whether its outbound key was never used; NULL: none is.  What
 * was done is in CHANGE, which the caller zeroed and frees, conflicts too: it prints those.  Needs
 * KEEP_KERNEL.  Returns 0, or an exit status after one line. */
int keep_apply(struct keep *, const bool *fresh, bool also_script, struct change *change);

/* Gives ip the batch and frees it; with -n prints it.  Returns 0, or an exit status after one line. */
int keep_give(struct keep *, struct text *batch);
/* Takes the numbers of the SAs into the store, if they are news.  Needs KEEP_LOCK. */
int keep_record(struct keep *);
/* For `up`: chooses fresh keys where the peer has followed, else numbers that were never used, and
 * writes both.  A store that cannot be written is said, and numbers are chosen that are safe. */
int keep_begin(struct keep *);
/* Sends to, and expects, a peer at THERE from now on; or, with HERE, has this side at another local
 * address; each may be NULL.  Section, SAs, policies, routes and the helper follow.  A tunnel that
 * is not up has only its section changed.  Needs KEEP_LOCK. */
int keep_move(struct keep *, const struct address *here, size_t peer, const struct endpoint *there);

/* The index of the peer of that name; with NULL, of the only one.  False after one line. */
bool keep_peer(const struct keep *, const char *name, size_t *index);
/* Says a line on stderr, "SIDE: ...". */
void keep_say(const struct keep *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nobody could read such a line any more. */
bool keep_lost_reader(void);
/* The path of another program of this project: that of the variable VARIABLE, the one beside the
 * script, or the one in $PATH; NULL: there is none.  The caller frees. */
char *keep_find(const struct keep *, const char *name, const char *variable);
/* For a verb that waits: SIGHUP, SIGINT and SIGTERM are read from the descriptor returned from now
 * on, and SIGPIPE is ignored.  -1 with errno. */
int keep_signals(void);
/* Adds the helper's command line, "espdecap -d ARGUMENTS".  False after one line, or if there is
 * none. */
bool keep_helper(const struct keep *, struct text *out);

enum { KEEP_WAY = 128 };
/* `way_N=dev DEVICE`, or with ` via ROUTER onlink`: how packets to a peer go; `dev_N=dev DEVICE`
 * without the router, for a net of another family.  The kernel's links must have been read. */
void keep_way(const struct keep *, size_t peer, char way[KEEP_WAY], char dev[KEEP_WAY]);

/* Parts of mend; each returns 0 or an exit status after one line, and prints on stdout what it has
 * put back. */
int mend_routes(struct keep *);
int mend_helper(struct keep *);
/* True for a file of /proc/sys that `up --forward` changes itself, from 0 to 1 or from 1 to 0; others
 * only follow them. */
bool mend_is_setting(const char *path);
/* Starts the helper, and notes its pid; with -n prints its command. */
int start_helper(struct keep *);
/* Ends the one that was started for the page's port, whatever its peers were then, and waits up to 2
 * seconds for its end. */
void end_helper(struct keep *);
/* Ends the helper that was started as COMMAND, and starts the one of now. */
int restart_helper(struct keep *, const char *command);
void say_put_back(struct keep *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the rows that delete those policies and SAs that undo() of the page names and the kernel has.
 * A kernel that cannot be read has none.  False after one line. */
bool undo_find(struct keep *, struct text *out);
/* Removes all that undo() of the page names; ALL: and unguard().  What is gone is no error.  With -n
 * it prints the rows.  Returns 0, or an exit status after a line for what cannot be removed. */
int undo(struct keep *, bool all);
/* The policies that were read have a block of the page's guard. */
bool keep_has_guard(const struct keep *);
/* Adds a row to the run folder's file `undo`: how `down` takes back what is done next.  False after
 * one line. */
bool keep_note(const struct keep *, const char *row);

/* A verb: the ARGUMENTS behind the script's name, and its exit status. */
typedef int keep_verb(struct keep *, int argc, char **argv);
keep_verb rekey, mend, update_peer, wireshark, capture;

#endif
