/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What every program says and with which status it ends. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>

/* Exit status: the same meaning in every program and every generated script. */
enum {
	EXIT_OK = 0,
	EXIT_BROKE = 1,      /* the system refused, or it broke */
	EXIT_MISTAKE = 2,    /* the caller's: usage, a bad value */
	EXIT_NAT = 3,        /* this NAT, or this pair of NATs, cannot be punched */
	EXIT_NO_ANSWER = 4,  /* no answer in time */
	EXIT_NO_KERNEL = 5,  /* the kernel lacks a needed part */
};

/* Says on stderr, in one line, what is wrong: "PROGRAM: WHERE: ..."; WHERE may be NULL.
 * Always false, so that a parser can end with `return refuse(...)`. */
bool refuse(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* At the start: where one of the first three files is closed, a socket would take its place, and be
 * read for input, or what we say be sent.  /dev/null takes it, to be read only: who writes there
 * still fails. */
void say_open(void);

/* Says one line on stderr, "PROGRAM: ...", in one piece and at once: where stderr would block, for
 * nobody reads that pipe, it is lost.  For one who has more to do than to be heard. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* So, with what errno means behind it; then the program ends. */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TEXT as it may be shown to a terminal: control and non-ASCII bytes as \xNN, cut after 60
 * characters.  The result lives until the fourth call after this one. */
const char *shown(const char *text);

#endif
