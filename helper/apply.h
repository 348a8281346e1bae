/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Passes text to ip(8) and nft(8). All changes to the kernel are made in this way. */
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

/* The path of an ip with xfrm, which the one of busybox does not have. NULL: there is none. The
 * search is done once. */
const char *apply_ip(void);
/* Runs `ip -batch -` with TEXT on standard input. With DRY, it only prints on stdout what a
 * script's -n prints. If TEXT is empty, nothing is done. */
struct apply_result apply_batch(const struct text *, bool dry);
/* The same with -force: ip continues after a line that fails, such as `route add` of a route that
 * exists. (A failed xfrm line ends a batch nevertheless.) */
struct apply_result apply_force(const struct text *, bool dry);
/* `nft -f -`, likewise. */
struct apply_result apply_nft(const struct text *, bool dry);
/* Prints what went wrong in one line, "SUBJECT: CAUSE: ...", or nothing. Returns the exit
 * status. */
int apply_report(const struct apply_result *, const char *subject);

/* True if TEXT has one of PARTS, which ends with NULL. */
bool apply_has_one(const char *text, const char *const *parts);
/* The cause that a message of ip is about. */
enum apply_cause apply_cause(const char *said);
/* The result of a program that failed with the message SAID. */
struct apply_result apply_judge(const char *said);
/* SAID without quoted parts, because a quoted name is the user's and may be any word. */
void apply_unquote(char out[APPLY_SAID], const char *said);
/* Adds the batch as commands for a terminal, with the word KEY in place of keys. */
void apply_mask(struct text *, const struct text *batch);

/* The path of a program in $PATH, or in a system folder; NULL: there is none.  The caller frees. */
char *apply_find(const char *name);
/* Runs the program at PATH. ARGUMENTS begins with its name. It reads INPUT (NULL: nothing). Its
 * stdout is added to OUTPUT (NULL: dropped). The beginning of its stderr is put in SAID (NULL:
 * stderr is added to OUTPUT too). It has no other files, a small environment, and does not get the
 * terminal's signals. Returns its exit status, 128 and more for a signal, or -1 with errno. */
int apply_run(const char *path, const char *const *arguments, const struct text *input,
	      struct text *output, char said[APPLY_SAID]);

#endif
