/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Messages and exit statuses of all programs. */
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

/* Prints one line on stderr, "PROGRAM: WHERE: ..."; WHERE may be NULL. Always returns false, so
 * that a parser can end with `return refuse(...)`. */
bool refuse(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Call this first. If one of the first three descriptors is closed, a socket could get its number,
 * and then be read as input or receive messages. So they are opened as /dev/null, read-only, so
 * that writing to them still fails. */
void say_open(void);

/* Prints one line on stderr, "PROGRAM: ...", in one write. Never blocks: if stderr is a full pipe,
 * the line is lost. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the text of errno, and ends the program. */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TEXT as it may be shown to a terminal: control and non-ASCII bytes as \xNN, cut after 60
 * characters.  The result lives until the fourth call after this one. */
const char *shown(const char *text);

#endif
