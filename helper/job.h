/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A program that runs beside this one, for what may take long: names, the router. */
#ifndef JOB_H
#define JOB_H

#include "text.h"

#include <stdbool.h>
#include <sys/types.h>

struct job {
	pid_t pid;          /* 0: none runs */
	int fd;             /* readable when there is output, and when it has ended */
	struct text output; /* of job_start(): its standard output and its standard error */
};

/* Runs the program at PATH; ARGUMENTS begins with its name and ends with NULL.  False with errno.
 */
bool job_start(struct job *, const char *path, const char *const *arguments);
/* The same for a program that reads INPUT (NULL: nothing; at most a page) and whose output is only
 * its standard output.  What it says on stderr is seen; QUIET: dropped. */
bool job_ask(struct job *, const char *path, const char *const *arguments,
	     const struct text *input, bool quiet);
/* Takes what FD has.  True when it has ended: then *STATUS is its exit status, 128 and more for a
 * signal. */
bool job_read(struct job *, int *status);
/* Ends it if it runs, and frees. */
void job_end(struct job *);

#endif
