/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A child process for tasks that may take long: DNS lookups, the router. */
#ifndef JOB_H
#define JOB_H

#include "text.h"

#include <stdbool.h>
#include <sys/types.h>

struct job {
	pid_t pid;          /* 0: none runs */
	int fd;             /* readable if there is output, or if it has exited */
	struct text output; /* of job_start(): its standard output and its standard error */
};

/* Runs the program at PATH; ARGUMENTS begins with its name and ends with NULL.  False with errno.
 */
bool job_start(struct job *, const char *path, const char *const *arguments);
/* The same for a program that reads INPUT (NULL: nothing; at most a page), and without its stderr
 * in OUTPUT. Its stderr is shared with this process, or with QUIET dropped. */
bool job_ask(struct job *, const char *path, const char *const *arguments,
	     const struct text *input, bool quiet);
/* Reads the available output. Returns true if the program has exited; then *STATUS is its exit
 * status, 128 and more for a signal. */
bool job_read(struct job *, int *status);
/* Kills the program if it runs, and frees. */
void job_end(struct job *);

#endif
