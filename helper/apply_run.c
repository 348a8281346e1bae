/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Runs a program with input from memory. */
#include "apply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN, OUT, ERR, FILES };

/* This process's end and the child's end of a pipe. */
struct pipe {
	int ours, its;
};

static bool open_pipe(struct pipe *pipe, bool input)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pipe->ours = ends[input];
	pipe->its = ends[!input];
	return fcntl(pipe->ours, F_SETFL, O_NONBLOCK) == 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipe pipes[FILES])
{
	for (int i = 0; i < FILES; i++) {
		close_one(&pipes[i].ours);
		close_one(&pipes[i].its);
	}
}

static void close_others(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, FILES, ~0U, 0) == 0)
		return;
#endif
	for (int fd = FILES; fd < 1024; fd++)
		close(fd);
}

static _Noreturn void become(const char *path, const char *const *arguments,
			     const struct pipe pipes[FILES])
{
	static const char path_variable[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
	static const char locale[] = "LC_ALL=C";
	const char *const environment[] = { path_variable, locale, NULL };
	const struct sigaction standard = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &standard, NULL);
	/* Its ends are above the first three descriptors, which say_open() ensures. */
	for (int i = 0; i < FILES; i++)
		if (dup2(pipes[i].its, i) < 0)
			_exit(126);
	close_others();
	/* execve(2) changes neither, its prototype is older than const */
	execve(path, (char *const *)(size_t)arguments, (char *const *)(size_t)environment);
	_exit(127);
}

/* Writes as much as fits. Closes the pipe when everything is written, or nobody reads it. */
static void feed(struct pipe *pipe, const struct text *input, size_t *done)
{
	ssize_t written = write(pipe->ours, input->bytes + *done, input->length - *done);

	if (written > 0)
		*done += (size_t)written;
	if (*done == input->length || (written < 0 && errno != EAGAIN && errno != EINTR))
		close_one(&pipe->ours);
}

static void drain(struct pipe *pipe, struct text *output, char *said, size_t *length)
{
	char bytes[4096];
	ssize_t got = read(pipe->ours, bytes, sizeof bytes);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_one(&pipe->ours);
	if (got <= 0)
		return;
	if (output)
		text_add(output, bytes, (size_t)got);
	for (ssize_t i = 0; said && i < got && *length < APPLY_SAID - 1; i++)
		said[(*length)++] = bytes[i] ? bytes[i] : '?';
	explicit_bzero(bytes, sizeof bytes);
}

/* Runs until the child has closed its ends. */
static void serve(struct pipe pipes[FILES], const struct text *input, struct text *output,
		  char said[APPLY_SAID])
{
	size_t done = 0, length = 0;

	while (pipes[OUT].ours >= 0 || pipes[ERR].ours >= 0) {
		struct pollfd ready[FILES] = {
			[IN] = { .fd = pipes[IN].ours, .events = POLLOUT },
			[OUT] = { .fd = pipes[OUT].ours, .events = POLLIN },
			[ERR] = { .fd = pipes[ERR].ours, .events = POLLIN },
		};

		if (poll(ready, FILES, -1) < 0 && errno != EINTR)
			break;
		if (ready[IN].revents)
			feed(&pipes[IN], input, &done);
		if (ready[OUT].revents)
			drain(&pipes[OUT], output, NULL, NULL);
		if (ready[ERR].revents)
			drain(&pipes[ERR], said ? NULL : output, said, &length);
	}
	if (said)
		said[length] = '\0';
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(struct pipe pipes[FILES], const char *path, const char *const *arguments,
	       const struct text *input, struct text *output, char said[APPLY_SAID])
{
	pid_t child;

	for (int i = 0; i < FILES; i++)
		if (!open_pipe(&pipes[i], i == IN))
			return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child == 0)
		become(path, arguments, pipes);
	for (int i = 0; i < FILES; i++)
		close_one(&pipes[i].its);
	if (!input || !input->length)
		close_one(&pipes[IN].ours);
	serve(pipes, input, output, said);
	close_one(&pipes[IN].ours);
	return wait_for(child);
}

int apply_run(const char *path, const char *const *arguments, const struct text *input,
	      struct text *output, char said[APPLY_SAID])
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct pipe pipes[FILES] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct sigaction pipe_before;
	sigset_t signals, before;
	int status, error;

	/* An interrupted batch would leave half a change, so signals are blocked for this program
	 * and the child. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	sigaction(SIGPIPE, &ignore, &pipe_before);
	if (said)
		said[0] = '\0';
	status = run(pipes, path, arguments, input, output, said);
	error = errno;
	close_pipes(pipes);
	sigaction(SIGPIPE, &pipe_before, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return status;
}
