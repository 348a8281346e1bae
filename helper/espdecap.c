/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* espdecap: holds a UDP socket so that the kernel decapsulates ESP (RFC 3948), and sends keepalives
 * of one byte. It never reads from the socket. */
#include "endpoint.h"
#include "fork.h"
#include "ids.h"
#include "notify.h"
#include "number.h"
#include "say.h"
#include "special.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)   /* in nanoseconds, as all times in this file */

enum {
	PEERS_MOST = 1024,
	INTERVAL_SECONDS = 20,           /* RFC 3948, section 4; mappings of NATs last 30 s or
	                                  * more */
	INTERVAL_SECONDS_MOST = 86400,
	EAGER_KEEPALIVES = 11,           /* at once, then every second for ten seconds, to open the
	                                  * mapping */
};

#define USAGE \
	"usage: espdecap [-b ADDR] [-i SECONDS] [-u UID[:GID]] [-N] [-d] " \
	"PORT [PEER PORT | PEER:PORT]...\n"

static const char help[] = USAGE "\n"
	"Decapsulate ESP that arrives on UDP port PORT, and send keepalives to each PEER.\n"
	"\n"
	"  -b ADDR        bind to ADDR (default: all IPv4 addresses)\n"
	"  -i SECONDS     keepalive interval (default 20; 0 = none)\n"
	"  -u UID[:GID]   change to this user once the port is bound (default: no change)\n"
	"  -N             use the non-IKE encapsulation of old peers (Linux before 6.10)\n"
	"  -d             go to the background once the socket is ready, and print the process ID\n"
	"  -h, --help     print this help\n"
	"  -V, --version  print the version\n"
	"\n"
	"Write IPv6 addresses in brackets: [2001:db8::1]:4500. Stop it with SIGTERM or SIGINT.\n";

struct order {
	struct endpoint local;
	struct ids ids;
	int encapsulation;
	bool background;
	unsigned interval_seconds;       /* 0: no keepalives */
	unsigned peers;
	struct endpoint peer[PEERS_MOST];
};

static bool interval_parse(unsigned *out, const char *text)
{
	unsigned long long seconds;

	if (!number_parse(&seconds, text, 0, INTERVAL_SECONDS_MOST))
		return refuse("-i", "interval '%s': out of range (expected 0 to %d seconds)",
		              shown(text),
		              INTERVAL_SECONDS_MOST);
	*out = (unsigned)seconds;
	return true;
}

static bool local_parse(struct endpoint *out, const char *text)
{
	struct address *address = &out->address;

	if (text[0] == '[' ? !endpoint_parse(out, text, "-b") : !address_parse(address, text, "-b"))
		return false;
	if (out->port)
		return refuse("-b", "address '%s': has a port (expected an address alone)",
		              shown(text));
	return address_is_any(address) || special_check_unicast(address, text, "-b");
}

static bool peers_parse(struct order *out, char **words)
{
	while (*words) {
		const char *text = *words++;
		struct endpoint *peer = &out->peer[out->peers];

		if (out->peers == PEERS_MOST)
			return refuse("peer", "'%s': too many (expected at most %d)", shown(text),
			              PEERS_MOST);
		if (!endpoint_parse(peer, text, "peer"))
			return false;
		if (!peer->port && !*words)
			return refuse("peer", "'%s': no port (expected PEER PORT or PEER:PORT)",
			              shown(text));
		if (!peer->port && !port_parse(&peer->port, *words++, "peer"))
			return false;
		if (!special_check_unicast(&peer->address, text, "peer"))
			return false;
		if (!out->local.address.family)
			out->local.address.family = peer->address.family;
		if (out->local.address.family != peer->address.family)
			return refuse("peer", "address '%s': IPv4 and IPv6 cannot share a socket "
			              "(expected one espdecap for each)",
			              shown(text));
		out->peers++;
	}
	return true;
}

static bool print(int file, const char *text, size_t length)
{
	ssize_t written = write(file, text, length);

	if (written >= 0)
		errno = ENOSPC;   /* a partial write does not set errno */
	return written == (ssize_t)length;
}

static _Noreturn void print_and_exit(const char *text)
{
	if (!print(STDOUT_FILENO, text, strlen(text)))
		fail(EXIT_BROKE, "standard output");
	exit(EXIT_OK);
}

static bool misuse(void)
{
	print(STDERR_FILENO, help, sizeof USAGE - 1);
	return false;
}

/* Sets optind to the first operand. */
static bool options_parse(struct order *out, int argc, char **argv)
{
	static const struct option words[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};

	opterr = 0;
	for (;;) {
		const char *word = argv[optind];
		bool good = true;

		switch (getopt_long(argc, argv, "+:b:i:u:NdhV", words, NULL)) {
		case -1: return true;
		case 'b': good = local_parse(&out->local, optarg); break;
		case 'i': good = interval_parse(&out->interval_seconds, optarg); break;
		case 'u': good = ids_parse(&out->ids, optarg); break;
		case 'N': out->encapsulation = UDP_ENCAP_ESPINUDP_NON_IKE; break;
		case 'd': out->background = true; break;
		case 'h': print_and_exit(help);
		case 'V': print_and_exit("espdecap " VERSION "\n");
		case ':':
			refuse(NULL, "option '%s': requires an argument", shown(word));
			return misuse();
		default:
			refuse(NULL, "unknown option '%s'", shown(word));
			return misuse();
		}
		if (!good)
			return false;
	}
}

static bool order_parse(struct order *out, int argc, char **argv)
{
	if (!options_parse(out, argc, argv))
		return false;
	if (optind >= argc) {
		refuse(NULL, "PORT: missing (expected the UDP port of the tunnel)");
		return misuse();
	}
	if (!port_parse(&out->local.port, argv[optind], "PORT"))
		return false;
	if (!peers_parse(out, argv + optind + 1))
		return false;
	if (!out->local.address.family)
		out->local.address.family = AF_INET;
	return true;
}

/* All options are set before bind(2), so that no packet arrives at a plain socket. */
static int socket_open(const struct order *order)
{
	/* Drops packets that are not ESP, so that they neither fill the queue nor wake this
	 * process. */
	struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = { 1, &drop_all };
	const int yes = 1, *encapsulation = &order->encapsulation;
	sa_family_t family = order->local.address.family;
	char text[ENDPOINT_TEXT];
	struct sockaddr_storage address;
	socklen_t length = endpoint_to_sockaddr(&address, &order->local);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail(EXIT_BROKE, "socket");
	if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, encapsulation, sizeof *encapsulation)) {
		if (errno != ENOPROTOOPT)
			fail(EXIT_BROKE, "UDP_ENCAP");
		say("%s", *encapsulation == UDP_ENCAP_ESPINUDP
		    ? "this kernel does not decapsulate ESP in UDP (expected CONFIG_XFRM)"
		    : "-N: this kernel has no non-IKE encapsulation (expected Linux before 6.10, "
		      "or no -N)");
		exit(EXIT_NO_KERNEL);
	}
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter))
		fail(EXIT_BROKE, "SO_ATTACH_FILTER");
	/* RFC 3948, section 2.3: IPv4 keepalives SHOULD have no checksum. */
	if (family == AF_INET && setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof yes))
		fail(EXIT_BROKE, "SO_NO_CHECK");
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes))
		fail(EXIT_BROKE, "IPV6_V6ONLY");
	if (bind(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	if (errno == EADDRINUSE) {
		say("port %u: in use: ss -lunp sport = :%u", order->local.port, order->local.port);
		exit(EXIT_BROKE);
	}
	if (errno == EADDRNOTAVAIL) {
		say("%s: not an address of this host", address_print(text, &order->local.address));
		exit(EXIT_BROKE);
	}
	fail(EXIT_BROKE, "cannot bind %s", endpoint_print(text, &order->local));
}

static void say_ready(const struct order *order)
{
	char local[ENDPOINT_TEXT], peer[ENDPOINT_TEXT], more[32] = "";
	char keepalives[ENDPOINT_TEXT + 64] = "no keepalives";

	if (order->peers > 1)
		snprintf(more, sizeof more, " and %u more", order->peers - 1);
	if (order->peers && order->interval_seconds)
		snprintf(keepalives, sizeof keepalives, "a keepalive every %u s to %s%s",
		         order->interval_seconds, endpoint_print(peer, &order->peer[0]), more);
	say("ready: %s decapsulates ESP, %s", endpoint_print(local, &order->local), keepalives);
	notify_ready();
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

/* True if a signal in ENDS arrived before the time DUE. */
static bool ended_before(int64_t due, const sigset_t *ends)
{
	enum { SIGNALS_BYTES = 8 };   /* of the kernel's sigset_t */
	long signal;

	/* The system call itself, because after SIGCONT musl's would wait for the whole time
	 * again. */
	do {
		int64_t due_in = due - now(), left = due_in > 0 ? due_in : 0;
		const long timeout[2] = { (long)(left / SECOND), (long)(left % SECOND) };

		signal = syscall(SYS_rt_sigtimedwait, ends, NULL, timeout, SIGNALS_BYTES);
	} while (signal < 0 && errno == EINTR);
	return signal > 0;
}

/* RFC 3948, section 2.3: one byte, 0xFF. Temporary network errors are ignored. They have many
 * numbers, also EINVAL (a blackhole route), EACCES (a prohibit route), EPERM (a filter) and ENOKEY
 * (a WireGuard route). Only errors of the socket itself are fatal. */
static void keepalive_send(int fd, const struct endpoint *peer)
{
	static const unsigned char keepalive = 0xff;
	struct sockaddr_storage address;
	socklen_t length = endpoint_to_sockaddr(&address, peer);

	if (sendto(fd, &keepalive, 1, MSG_NOSIGNAL, (struct sockaddr *)&address, length) >= 0)
		return;
	if (errno == EBADF || errno == ENOTSOCK || errno == EFAULT || errno == EAFNOSUPPORT)
		fail(EXIT_BROKE, "cannot send keepalives");
}

/* First sends to all peers every second, then to one after the other, spread evenly over the
 * interval. */
static void keepalives_send(const struct order *order, int fd, const sigset_t *ends)
{
	int64_t due = now(), apart = SECOND * order->interval_seconds / order->peers;
	unsigned eager = EAGER_KEEPALIVES, peer = 0;

	do {
		for (unsigned burst = eager ? order->peers : 1; burst; burst--) {
			keepalive_send(fd, &order->peer[peer]);
			peer = (peer + 1) % order->peers;
		}
		due += eager && --eager ? SECOND : apart;
		if (due < now())
			due = now();    /* after SIGSTOP, missed keepalives are skipped */
	} while (!ended_before(due, ends));
}

/* SIGTERM and SIGINT are blocked until sigtimedwait(). The others stay blocked, because a closed
 * terminal or pipe must not end this process. */
static void mailbox_open(sigset_t *ends)
{
	sigset_t waiting;

	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	waiting = *ends;
	sigaddset(&waiting, SIGHUP);
	sigaddset(&waiting, SIGPIPE);
	sigprocmask(SIG_BLOCK, &waiting, NULL);
}

/* Closes all descriptors of the caller: else the reader of a pipe would wait for this process, or a
 * lock would be held. */
static void close_from(int first)
{
	enum { FILES_MOST = 1 << 20 };   /* the default of fs.nr_open */

#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	for (int fd = first; fd < FILES_MOST; fd++)   /* Linux before 5.9 */
		close(fd);
}

static void pid_print(void)
{
	char text[16];

	snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (!print(STDOUT_FILENO, text, strlen(text)) || close(STDOUT_FILENO))
		fail(EXIT_BROKE, "standard output");
}

/* Continues in a child without the caller's terminal, folder and files, except the socket FD.
 * Returns its new number. The parent exits when the child is ready, or with the child's status if
 * it fails. */
static int background_go(int fd)
{
	enum { SOCKET = STDERR_FILENO + 1, TELL };
	int tell[2], status = 0, null = open("/dev/null", O_RDWR);
	pid_t child = null < 0 || pipe(tell) ? -1 : fork_alone();

	if (child < 0)
		fail(EXIT_BROKE, "cannot go to the background");
	if (child) {
		close(tell[1]);
		if (read(tell[0], &(char){ 0 }, 1) == 1)
			exit(EXIT_OK);
		waitpid(child, &status, 0);
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKE);
	}
	setsid();
	if (chdir("/"))
		fail(EXIT_BROKE, "/");
	pid_print();
	for (int i = 0; i < SOCKET; i++)
		dup2(null, i);
	dup2(fd, SOCKET);           /* opened before the pipe, so that the numbers do not collide */
	dup2(tell[1], TELL);
	close_from(TELL + 1);
	(void)!write(TELL, "", 1);
	close(TELL);
	return SOCKET;
}

int main(int argc, char **argv)
{
	static struct order order;
	sigset_t ends;
	int fd;

	say_open();
	order.encapsulation = UDP_ENCAP_ESPINUDP;
	order.interval_seconds = INTERVAL_SECONDS;
	if (!order_parse(&order, argc, argv))
		return EXIT_MISTAKE;
	mailbox_open(&ends);
	fd = socket_open(&order);
	ids_take(&order.ids);
	say_ready(&order);
	if (order.background)
		fd = background_go(fd);
	if (order.peers && order.interval_seconds)
		keepalives_send(&order, fd, &ends);
	else
		sigwait(&ends, &(int){ 0 });
	return EXIT_OK;
}
