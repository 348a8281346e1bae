/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "trial.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUND = 100,     /* ms between two packets of a trial */
	PATIENCE = 1000, /* ms for an answer to the last one */
	SMALL = 84,      /* bytes of a packet, as ping(8) sends them */
	PACKET = 65536,
	ECHO_HEADER = 8, /* bytes */
};

/* A raw socket for all trials of one source and kind. */
struct raw {
	struct address from;
	bool whole; /* what it sends is not fragmented */
	int fd;
	int error; /* why it could not be opened */
};

struct run {
	struct trial *list;
	size_t count;
	struct raw *raws;
	size_t raw_count;
	unsigned char *packet;
};

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct trial *trial_of(struct trial *list, size_t count, uint16_t id)
{
	const uint16_t first = count ? list[0].id : 0;
	const size_t index = (uint16_t)(id - first);

	return index < count && list[index].kind == TRIAL_ECHO ? &list[index] : NULL;
}

/* ---- Sockets ---- */

static bool bind_to(int fd, const struct address *from)
{
	const struct endpoint own = { .address = *from };
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, &own);

	return bind(fd, (struct sockaddr *)&name, length) == 0;
}

static void forbid_fragments(int fd, sa_family_t family)
{
	const int on = 1, discover4 = IP_PMTUDISC_DO, discover6 = IPV6_PMTUDISC_DO;

	if (family == AF_INET) {
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover4, sizeof discover4);
		return;
	}
	setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover6, sizeof discover6);
	setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof on);
}

/* Errors are those of the trials. Only if no socket can be opened at all, this process lacks
 * permission. */
static bool open_raw(struct raw *raw)
{
	const int protocol = raw->from.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const int queue = 1 << 20;

	raw->fd = socket(raw->from.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (raw->fd < 0)
		return false;
	setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
	if (!bind_to(raw->fd, &raw->from))
		raw->error = errno;
	if (raw->whole)
		forbid_fragments(raw->fd, raw->from.family);
	return true;
}

static struct raw *raw_for(struct run *run, const struct trial *trial)
{
	const bool whole = trial->bytes > 0;

	for (size_t i = 0; i < run->raw_count; i++)
		if (run->raws[i].whole == whole && address_equal(&run->raws[i].from, &trial->from))
			return &run->raws[i];
	run->raws = reallocarray(run->raws, run->raw_count + 1, sizeof *run->raws);
	if (!run->raws)
		err(EXIT_BROKE, "memory");
	run->raws[run->raw_count] = (struct raw){ .from = trial->from, .whole = whole };
	return open_raw(&run->raws[run->raw_count]) ? &run->raws[run->raw_count++] : NULL;
}

/* Opens a TCP or UDP socket. Its errors are those of the trial. */
static void open_other(struct trial *trial)
{
	const int type = trial->kind == TRIAL_TCP ? SOCK_STREAM : SOCK_DGRAM;
	const struct endpoint to = { trial->to, trial->port };
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, &to);

	trial->fd = socket(trial->from.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (trial->fd < 0 || !bind_to(trial->fd, &trial->from)) {
		trial->burst.error = errno;
		return;
	}
	if (connect(trial->fd, (struct sockaddr *)&name, length) == 0 || errno == EINPROGRESS)
		return;
	if (errno == ECONNREFUSED) {
		trial->burst.sent = trial->burst.answered = 1;
		trial->count = 0;
		return;
	}
	trial->burst.error = errno;
}

/* A hub needs two sockets per peer. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool open_all(struct run *run)
{
	if (run->count > 256)
		raise_limit();
	for (size_t i = 0; i < run->count; i++) {
		struct trial *trial = &run->list[i];
		struct raw *raw;

		trial->id = (uint16_t)((size_t)getpid() * 64 + i);
		trial->fd = -1;
		if (trial->kind != TRIAL_ECHO) {
			open_other(trial);
			continue;
		}
		raw = raw_for(run, trial);
		if (!raw)
			return false;
		trial->burst.error = raw->error;
		trial->fd = raw->fd;
	}
	return true;
}

static void close_all(struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->list[i].kind != TRIAL_ECHO && run->list[i].fd >= 0)
			close(run->list[i].fd);
	for (size_t i = 0; i < run->raw_count; i++)
		close(run->raws[i].fd);
	free(run->raws);
	free(run->packet);
}

/* ---- Sending ---- */

/* RFC 1071 */
static uint16_t checksum(const unsigned char *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static unsigned get16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static ssize_t send_echo(const struct run *run, const struct trial *trial, unsigned number)
{
	const bool four = trial->to.family == AF_INET;
	const size_t header = four ? sizeof(struct iphdr) : 40,
		     all = trial->bytes ? trial->bytes : SMALL,
		     length = all > header + ECHO_HEADER ? all - header : ECHO_HEADER;
	const struct endpoint to = { .address = trial->to };
	struct sockaddr_storage name;
	socklen_t name_length = endpoint_to_sockaddr(&name, &to);
	unsigned char *packet = run->packet;

	memset(packet, 0, length);
	packet[0] = four ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	put16(packet + 4, trial->id);
	put16(packet + 6, number);
	if (four) /* for ICMPv6 the kernel fills it in */
		put16(packet + 2, checksum(packet, length));
	return sendto(trial->fd, packet, length, 0, (struct sockaddr *)&name, name_length);
}

static void send_one(const struct run *run, struct trial *trial, unsigned number)
{
	ssize_t sent = 0;

	if (number >= trial->count || trial->fd < 0 || (trial->kind == TRIAL_TCP && number))
		return;
	if (trial->kind == TRIAL_ECHO)
		sent = send_echo(run, trial, number);
	else if (trial->kind == TRIAL_UDP)
		sent = send(trial->fd, "", 1, MSG_NOSIGNAL);
	else if (trial->burst.error)
		return;
	/* A connection refused at once has arrived. */
	if (sent >= 0 || (trial->kind == TRIAL_UDP && errno == ECONNREFUSED))
		trial->burst.sent++;
	else if (!trial->burst.error)
		trial->burst.error = errno;
}

/* ---- Receiving ---- */

static void answer(struct trial *trial, unsigned number)
{
	const uint64_t bit = number < 64 ? UINT64_C(1) << number : 0;

	if (!bit || trial->answers & bit || number >= trial->count)
		return;
	trial->answers |= bit;
	trial->burst.answered++;
}

static bool is_error(sa_family_t family, uint8_t type)
{
	return family == AF_INET ? type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED
	                         : type < 128;
}

/* Handles an ICMP error about a test, which contains the beginning of its packet. */
static void take_refusal(struct run *run, const unsigned char *icmp, size_t length,
                         const struct address *from)
{
	const bool four = from->family == AF_INET;
	const unsigned char *inner = icmp + ECHO_HEADER, *echo;
	size_t header;
	struct trial *trial;

	if (length < ECHO_HEADER + 20)
		return;
	header = four ? (size_t)(inner[0] & 15) * 4 : 40;
	if (length < ECHO_HEADER + header + ECHO_HEADER)
		return;
	echo = inner + header;
	trial = trial_of(run->list, run->count, (uint16_t)get16(echo + 4));
	if (echo[0] != (four ? ICMP_ECHO : ICMP6_ECHO_REQUEST) || !trial)
		return;
	trial->refused_by = *from;
	trial->refused_type = icmp[0];
	trial->refused_code = icmp[1];
}

static void take_icmp(struct run *run, const unsigned char *icmp, size_t length,
                      const struct address *from)
{
	const uint8_t reply = from->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	struct trial *trial;

	if (length < ECHO_HEADER)
		return;
	if (is_error(from->family, icmp[0])) {
		take_refusal(run, icmp, length, from);
		return;
	}
	trial = trial_of(run->list, run->count, (uint16_t)get16(icmp + 4));
	if (icmp[0] == reply && trial && address_equal(&trial->to, from))
		answer(trial, get16(icmp + 6));
}

static void read_raw(struct run *run, const struct raw *raw)
{
	struct sockaddr_storage name;
	socklen_t room = sizeof name;
	struct endpoint from;
	ssize_t length;

	while ((length = recvfrom(raw->fd, run->packet, PACKET, 0, (struct sockaddr *)&name,
	                          &room)) > 0) {
		const bool four = raw->from.family == AF_INET;
		const size_t header = four ? (size_t)(run->packet[0] & 15) * 4 : 0;

		room = sizeof name;
		if ((size_t)length > header && endpoint_from_sockaddr(&from, &name))
			take_icmp(run, run->packet + header, (size_t)length - header,
			          &from.address);
	}
}

/* Each answer to UDP is an error of the socket. */
static void read_other(struct trial *trial)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (trial->kind == TRIAL_UDP) {
		char byte;

		error = recv(trial->fd, &byte, 1, 0) < 0 ? errno : 0;
		if (error == EAGAIN)
			return;
	} else {
		getsockopt(trial->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (!error || error == ECONNREFUSED)
		answer(trial, trial->kind == TRIAL_UDP ? trial->burst.answered : 0);
	else if (!trial->burst.error)
		trial->burst.error = error;
	if (trial->kind == TRIAL_TCP) {
		close(trial->fd);
		trial->fd = -1;
	}
}

/* ---- All ---- */

static bool is_done(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->list[i].burst.answered < run->list[i].burst.sent)
			return false;
	return true;
}

static size_t fill(struct pollfd *files, const struct run *run, const struct trial_watch *watches,
                   size_t watch_count)
{
	size_t count = 0;

	for (size_t i = 0; i < watch_count; i++)
		files[count++] = (struct pollfd){ .fd = watches[i].fd, .events = POLLIN };
	for (size_t i = 0; i < run->raw_count; i++)
		files[count++] = (struct pollfd){ .fd = run->raws[i].fd, .events = POLLIN };
	for (size_t i = 0; i < run->count; i++) {
		const struct trial *trial = &run->list[i];
		const bool tcp = trial->kind == TRIAL_TCP;

		files[count++] = (struct pollfd){
			.fd = trial->kind == TRIAL_ECHO || !trial->burst.sent ? -1 : trial->fd,
			.events = tcp ? POLLOUT : POLLIN,
		};
	}
	return count;
}

static void read_all(const struct pollfd *files, struct run *run, const struct trial_watch *watches,
                     size_t watch_count)
{
	for (size_t i = 0; i < watch_count; i++, files++)
		if (files->fd >= 0 && files->revents)
			watches[i].read(watches[i].context, files->fd);
	for (size_t i = 0; i < run->raw_count; i++, files++)
		if (files->revents)
			read_raw(run, &run->raws[i]);
	for (size_t i = 0; i < run->count; i++, files++)
		if (files->fd >= 0 && files->revents)
			read_other(&run->list[i]);
}

/* Reads until that time, or until everything is answered. */
static void wait_until(long end, bool all, struct pollfd *files, struct run *run,
                       const struct trial_watch *watches, size_t watch_count)
{
	long left;

	while ((left = end - milliseconds()) > 0 && !(all && is_done(run))) {
		size_t count = fill(files, run, watches, watch_count);

		if (poll(files, count, (int)left) > 0)
			read_all(files, run, watches, watch_count);
	}
}

static unsigned rounds(const struct run *run)
{
	unsigned most = 0;

	for (size_t i = 0; i < run->count; i++)
		most = run->list[i].count > most ? run->list[i].count : most;
	return most;
}

bool trials_run(struct trial *list, size_t count, const struct trial_watch *watches,
                size_t watch_count)
{
	struct run run = { .list = list, .count = count, .packet = malloc(PACKET) };
	struct pollfd *files;
	bool able = run.packet && open_all(&run);
	const int error = errno;
	const long begin = milliseconds();

	files = calloc(watch_count + run.raw_count + count + 1, sizeof *files);
	if (!files || !run.packet)
		err(EXIT_BROKE, "memory");
	for (unsigned number = 0; able && number < rounds(&run); number++) {
		for (size_t i = 0; i < count; i++)
			send_one(&run, &list[i], number);
		wait_until(begin + (long)(number + 1) * ROUND, false, files, &run, watches,
		           watch_count);
	}
	if (able)
		wait_until(milliseconds() + PATIENCE - ROUND, true, files, &run, watches,
		           watch_count);
	close_all(&run);
	free(files);
	errno = error;
	return able;
}
