/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Gives text to ip(8) and nft(8): whatever is changed is changed so. */
#ifndef APPLY_H
#define APPLY_H

#include "text.h"

#include <stdbool.h>

enum { APPLY_SAID = 512 }; /* bytes kept of what a program says on stderr */

enum apply_cause {
	APPLY_DONE,
	APPLY_NO_PROGRAM, /* no ip that knows xfrm, or no nft */
	APPLY_NO_ESP,
	APPLY_NO_CIPHER,
	APPLY_TAKEN,
	APPLY_PERMISSION,
	APPLY_OTHER,
};

struct apply_result {
	enum apply_cause cause;
	int status;            /* the exit status that fits, of say.h */
	char said[APPLY_SAID]; /* the program's first line on stderr, printable and without keys */
};

/* The path of an ip that knows xfrm: busybox has one that does not.  NULL: there is none.  It is
 * looked for once. */
const char *apply_ip(void);
/* `ip -batch -` with TEXT on standard input.  DRY: prints on stdout what a script's -n prints of
 * it, and does nothing.  No text: nothing is done. */
struct apply_result apply_batch(const struct text *, bool dry);
/* The same with -force: a line that fails is passed over, as `route add` of what is there.  (But
 * a failed xfrm line ends a batch all the same.) */
struct apply_result apply_force(const struct text *, bool dry);
/* `nft -f -`, likewise. */
struct apply_result apply_nft(const struct text *, bool dry);
/* Says in one line what went wrong: "SUBJECT: CAUSE: ...", or nothing.  Returns the exit status. */
int apply_report(const struct apply_result *, const char *subject);

/* True if TEXT has one of PARTS, which ends with NULL. */
bool apply_has_one(const char *text, const char *const *parts);
/* The cause that a message of ip is about. */
enum apply_cause apply_cause(const char *said);
/* The result of a program that has failed, and said that. */
struct apply_result apply_judge(const char *said);
/* SAID without what stands in quotes: that is a name of the user's, which may be any word. */
void apply_unquote(char out[APPLY_SAID], const char *said);
/* Adds the batch as commands for a terminal, with KEY for keys. */
void apply_mask(struct text *, const struct text *batch);

/* The path of a program in $PATH, or in a system folder; NULL: there is none.  The caller frees. */
char *apply_find(const char *name);
/* Runs the program at PATH.  ARGUMENTS begins with its name.  It reads INPUT (NULL: nothing); what
 * it prints is added to OUTPUT (NULL: dropped), and the beginning of what it says on stderr is in
 * SAID (NULL: that is added to OUTPUT, too).  It has no other files, a small environment, and does
 * not see the terminal's signals. Returns its exit status, 128 and more for a signal, or -1 with
 * errno. */
int apply_run(const char *path, const char *const *arguments, const struct text *input,
	      struct text *output, char said[APPLY_SAID]);

#endif
