/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "probe.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <linux/errqueue.h>   /* after time.h, because it uses struct timespec */

#define WIPE "\r\033[K"

static volatile sig_atomic_t signal_status = EXIT_BROKE, progress_shown;

static void on_signal(int number)
{
	(void)number;
	if (progress_shown)
		(void)!write(STDERR_FILENO, WIPE, sizeof WIPE - 1);
	_exit(signal_status);
}

void probe_on_signal(int status)
{
	struct sigaction action = {.sa_handler = on_signal}, hangup;

	signal_status = status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup(1) */
		sigaction(SIGHUP, &action, NULL);
}

void probe_progress(const char *what, int seconds)
{
	if (!isatty(STDERR_FILENO) || (!progress_shown && seconds <= 0))
		return;
	progress_shown = seconds > 0;
	if (progress_shown)
		fprintf(stderr, WIPE "%s, %d s left ", what, seconds);
	else
		fputs(WIPE, stderr);
}

bool probe_print(const char *one, const char *two, const char *three)
{
	const char *words[] = {one, two, three, "\n"};
	struct iovec parts[4];
	size_t length = 0;
	ssize_t written;

	for (int i = 0; i < 4; i++) {
		parts[i].iov_base = (void *)(uintptr_t)words[i];
		length += parts[i].iov_len = strlen(words[i]);
	}
	written = writev(STDOUT_FILENO, parts, 4);
	if (written == (ssize_t)length && close(STDOUT_FILENO) == 0)
		return true;
	if (written >= 0 && written < (ssize_t)length)
		errno = ENOSPC; /* a partial write does not set errno */
	warn("standard output");
	return false;
}

bool probe_print_word(const struct endpoint *local, const struct endpoint *mapped)
{
	char text[2][ENDPOINT_TEXT];

	if (endpoint_equal(local, mapped))
		return probe_print(endpoint_print(text[0], local), "", "");
	return probe_print(endpoint_print(text[0], local), "@", endpoint_print(text[1], mapped));
}

int64_t probe_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void probe_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

int probe_socket(struct endpoint *local, const struct ids *ids)
{
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, local);
	int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(local->address.family, type, 0);
	char text[ENDPOINT_TEXT];

	if (fd < 0) {
		warn("UDP socket");
		return -1;
	}
	if (local->address.family == AF_INET6)
		probe_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, (struct sockaddr *)&name, length) == 0 &&
	    getsockname(fd, (struct sockaddr *)&name, &(socklen_t){sizeof name}) == 0) {
		endpoint_from_sockaddr(local, &name);
		ids_take(ids);
		return fd;
	}
	if (errno == EADDRINUSE)
		warnx("port %u: in use: ss -lunp sport = :%u",
		      (unsigned)local->port, (unsigned)local->port);
	else if (errno == EADDRNOTAVAIL)
		warnx("%s: not an address of this host", address_print(text, &local->address));
	else
		warn("%s", endpoint_print(text, local));
	close(fd);
	return -1;
}

void probe_hear_icmp(int fd, sa_family_t family)
{
	if (family == AF_INET6)
		probe_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	else
		probe_option(fd, IPPROTO_IP, IP_RECVERR, 1);
}

bool probe_icmp_take(int fd, struct probe_icmp *out)
{
	struct {   /* as in cmsg(3) and ip(7) */
		unsigned char header[CMSG_LEN(0)];
		struct sock_extended_err error;
		struct sockaddr_storage from;
	} control = {0};
	struct sockaddr_storage to = {0};
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control,
	                         .msg_name = &to, .msg_namelen = sizeof to};
	struct endpoint from;
	bool six;

	memset(out, 0, sizeof *out);
	if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	six = control.error.ee_origin == SO_EE_ORIGIN_ICMP6;
	out->error = (int)control.error.ee_errno;
	endpoint_from_sockaddr(&out->to, &to);
	if ((!six && control.error.ee_origin != SO_EE_ORIGIN_ICMP) ||
	    !endpoint_from_sockaddr(&from, &control.from))
		return true;
	out->from = from.address;
	out->is_time_exceeded =
		control.error.ee_type == (six ? ICMP6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED);
	return true;
}
