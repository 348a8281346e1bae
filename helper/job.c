/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MOST = 1 << 16 }; /* bytes that are kept */

/* INPUT and ERRORS are its standard input and error; -1: those of this process. */
static _Noreturn void become(const char *path, const char *const *arguments, int input, int output,
			     int errors)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (input >= 0)
		dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	if (errors >= 0)
		dup2(errors, STDERR_FILENO);
	execv(path, (char *const *)arguments);
	_exit(127);
}

static bool start(struct job *job, const char *path, const char *const *arguments, int input,
		  int errors, bool both)
{
	int ends[2];

	*job = (struct job){ .fd = -1 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	job->pid = fork();
	if (job->pid == 0)
		become(path, arguments, input, ends[1], both ? ends[1] : errors);
	close(ends[1]);
	job->fd = ends[0];
	if (job->pid > 0)
		return true;
	job->pid = 0;
	job_end(job);
	return false;
}

bool job_start(struct job *job, const char *path, const char *const *arguments)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool started = start(job, path, arguments, null, -1, true);

	if (null >= 0)
		close(null);
	return started;
}

bool job_ask(struct job *job, const char *path, const char *const *arguments,
	     const struct text *input, bool quiet)
{
	int ends[2] = { -1, -1 }, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool started;

	/* a pipe has room for all of it */
	if (input && (pipe2(ends, O_CLOEXEC) < 0 || !text_write(input, ends[1])))
		return false;
	started = start(job, path, arguments, input ? ends[0] : null, quiet ? null : -1, false);
	for (unsigned i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	if (null >= 0)
		close(null);
	return started;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool job_read(struct job *job, int *status)
{
	char bytes[1024];
	ssize_t got;

	while ((got = read(job->fd, bytes, sizeof bytes)) > 0)
		if (job->output.length < OUTPUT_MOST)
			text_add(&job->output, bytes, (size_t)got);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	*status = wait_for(job->pid);
	job->pid = 0;
	return true;
}

void job_end(struct job *job)
{
	if (job->pid > 0) {
		kill(job->pid, SIGTERM);
		kill(job->pid, SIGCONT);
		wait_for(job->pid);
	}
	if (job->fd >= 0)
		close(job->fd);
	text_free(&job->output);
	*job = (struct job){ .fd = -1 };
}
