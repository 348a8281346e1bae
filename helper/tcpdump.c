/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "tcpdump.h"
#include "number.h"
#include "say.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 1 << 16,
	SAID_MOST = 1 << 14, /* bytes kept of stderr */
	LISTEN_SECONDS = 5,
};

bool tcpdump_create(struct tcpdump *tcpdump, const char *path)
{
	*tcpdump = (struct tcpdump){ .packets = -1, .words = -1, .path = path };
	tcpdump->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return tcpdump->file >= 0;
}

/* ---- The child ---- */

/* In a process group of its own, because ^C is for this program, which ends it. */
_Noreturn static void become(const char *program, const char *const *arguments, int packets,
                             int words)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		                                   NULL };
	int nothing = open("/dev/null", O_RDONLY);
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(packets, STDOUT_FILENO) >= 0 &&
	    dup2(words, STDERR_FILENO) >= 0)
		execve(program, (char *const *)arguments, (char *const *)environment);
	_exit(127);
}

static bool spawn(struct tcpdump *tcpdump, const char *program, const char *const *arguments)
{
	int packets[2], words[2];

	if (pipe2(packets, O_CLOEXEC) < 0)
		return false;
	if (pipe2(words, O_CLOEXEC) < 0) {
		close(packets[0]);
		close(packets[1]);
		return false;
	}
	tcpdump->packets = packets[0];
	tcpdump->words = words[0];
	fcntl(packets[0], F_SETFL, O_NONBLOCK);
	fcntl(words[0], F_SETFL, O_NONBLOCK);
	tcpdump->pid = fork();
	if (tcpdump->pid == 0)
		become(program, arguments, packets[1], words[1]);
	close(packets[1]);
	close(words[1]);
	return tcpdump->pid > 0;
}

/* ---- What it says and captures ---- */

/* Reads from a pipe; 0: nothing now; -1: closed, and *FD too. */
static ssize_t take(int *fd, char block[BLOCK])
{
	ssize_t length = *fd >= 0 ? read(*fd, block, BLOCK) : 0;

	if (length > 0)
		return length;
	if (*fd >= 0 && length < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -1;
}

static void write_packets(struct tcpdump *tcpdump, char *block, size_t length)
{
	const struct text text = { block, length, length };

	if (tcpdump->failed || text_write(&text, tcpdump->file))
		return;
	refuse(tcpdump->path, "cannot be written: %s", strerror(errno));
	tcpdump->failed = true;
}

bool tcpdump_copy(struct tcpdump *tcpdump)
{
	static char block[BLOCK];
	ssize_t length;

	while ((length = take(&tcpdump->words, block)) > 0)
		if (tcpdump->said.length < SAID_MOST)
			text_add(&tcpdump->said, block, (size_t)length);
	while ((length = take(&tcpdump->packets, block)) > 0)
		write_packets(tcpdump, block, (size_t)length);
	return tcpdump->packets >= 0 && !tcpdump->failed;
}

/* The last line that begins with its name, without the name; empty: none. */
static const char *complaint(const struct tcpdump *tcpdump)
{
	static const char name[] = "tcpdump: ";
	const char *found = "";

	for (char *line = tcpdump->said.bytes; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			found = line + strlen(name);
	return found;
}

static bool is_listening(const struct tcpdump *tcpdump)
{
	return tcpdump->said.bytes && strstr(tcpdump->said.bytes, "listening on ");
}

static bool wait_until_listening(struct tcpdump *tcpdump)
{
	for (time_t begin = time(NULL); !is_listening(tcpdump);) {
		struct pollfd words = { .fd = tcpdump->words, .events = POLLIN };

		if (!tcpdump_copy(tcpdump) || time(NULL) - begin > LISTEN_SECONDS)
			break;
		if (!is_listening(tcpdump))
			poll(&words, 1, 100);
	}
	tcpdump_copy(tcpdump); /* its messages before it exited */
	return is_listening(tcpdump);
}

bool tcpdump_start(struct tcpdump *tcpdump, const char *program, const char *interface,
                   const char *filter)
{
	/* Without --immediate-mode, packets in the kernel's buffer would be lost at the end. */
	const char *immediate = filter ? "--immediate-mode" : NULL; /* NFLOG has none */
	const char *const arguments[] = { "tcpdump", "-n",      "-U",      "-w",   "-",
		                          "-i",      interface, immediate, filter, NULL };
	const char *words;

	if (!spawn(tcpdump, program, arguments))
		return refuse("tcpdump", "%s", strerror(errno));
	if (wait_until_listening(tcpdump))
		return true;
	words = complaint(tcpdump);
	if (!*words)
		words = "does not listen";
	return refuse("tcpdump", "%.*s", (int)strcspn(words, "\n"), words);
}

/* Parses its line "12 packets captured". */
static long long count_of(struct tcpdump *tcpdump)
{
	char *rest = tcpdump->said.bytes, *line, *words[3];
	unsigned long long count;

	while (rest && (line = strsep(&rest, "\n")))
		if (words_split(line, words, 3) == 3 && strcmp(words[2], "captured") == 0 &&
		    number_parse(&count, words[0], 0, INT64_MAX))
			return (long long)count;
	return -1;
}

long long tcpdump_end(struct tcpdump *tcpdump)
{
	long long count;

	if (tcpdump->pid > 0)
		kill(tcpdump->pid, SIGTERM);
	for (unsigned tries = 0; tcpdump->packets >= 0 && tries < 50; tries++) {
		struct pollfd packets = { .fd = tcpdump->packets, .events = POLLIN };

		poll(&packets, 1, 100);
		tcpdump_copy(tcpdump);
	}
	if (tcpdump->pid > 0) {
		kill(tcpdump->pid, SIGKILL);
		waitpid(tcpdump->pid, NULL, 0);
	}
	tcpdump_copy(tcpdump);
	count = count_of(tcpdump);
	for (unsigned i = 0; i < 3; i++) {
		int fd = i == 0 ? tcpdump->packets : i == 1 ? tcpdump->words : tcpdump->file;

		if (fd >= 0)
			close(fd);
	}
	text_free(&tcpdump->said);
	*tcpdump = (struct tcpdump){ .packets = -1, .words = -1, .file = -1 };
	return count;
}
