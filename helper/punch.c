/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* natprobe --punch: both sides send until each receives the other and knows that it is received.
 *
 * A packet that reaches the peer's router before the peer has sent one may create a mapping there.
 * That mapping takes the tuple that the peer's NAT needs, as long as packets keep arriving. So the
 * side that starts first sends opening packets with a small TTL, which pass its own NAT but not
 * the peer's, until it receives one. The other side also does so for a second, then uses the full
 * TTL. Its packets arrive at the first side through the mapping that is already open.
 *
 * Hellos are like ESP in UDP, to prove that ESP passes: without a UDP checksum over IPv4, with the
 * DF bit. Once both sides receive packets, tests of full size follow.
 *
 * Received packets, and the most that each can cause:
 *   a hello with our MAC that echoes our id    the end, with success, at its endpoint
 *   a hello with our MAC that does not         one hello back for each, to where it came from; the
 *                                              hint "one-way" at the deadline
 *   a test with our MAC                        a hint about checksum or size; if it echoes our id,
 *                                              about our own packets too
 *   a hello or test without our MAC            a hint at the deadline
 *   ESP or a keepalive                         a hint at the deadline; with --until-tunnel, if
 *                                              nothing of the above comes, TUNNEL_MS later
 *   an ICMP error                              a hint at the deadline; the TTL of opening packets
 *                                              rises by one or stays, between 2 and 5
 *   anything else                              nothing */
#include "hello.h"
#include "natprobe.h"
#include "probe.h"
#include "random.h"
#include "say.h"
#include "special.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	TIMEOUT_SECONDS = 60,
	FAST_MS = 250, FAST_FOR_MS = 5000, SLOW_MS = 1000,   /* between two packets */
	LINGER_MS = 1000,        /* so that the last packet is not lost */
	SHORT_MS = 1000,         /* how long the second side also sends packets with a small TTL */
	TTL_LEAST = 2, TTL_MOST = 5,
	TTL_SILENT_MS = 3000,    /* TTL while no router reports that it dropped them */
	NEXT_AFTER_MS = 3000,    /* most peers are received by then */
	NEXT_PORTS = 10,         /* for a NAT with sequential ports: other hosts may have got ports
	                          * since the peer's query */
	TUNNEL_MS = 2 * SLOW_MS, /* packets of a peer that still punches arrive by then */
	UDP_HEADER = 8, IP_HEADER = 20, IP6_HEADER = 40,
	GOT_BOTH = HELLO_GOT_CHECKED | HELLO_GOT_BARE,
};

/* Sizes of IP packets tried below the full size: IPv6's minimum, common tunnels, PPPoE. */
static const unsigned short sizes[] = {1280, 1400, 1460, 1492};

/* Why no packet of the peer was accepted, and the word for it that scripts get. */
enum finding { NOTHING, REFUSED, TUNNEL, FOREIGN, ONE_WAY, CHECKSUM };
static const char *const findings[] = {
	[NOTHING] = "nothing", [REFUSED] = "refused", [TUNNEL] = "tunnel",
	[FOREIGN] = "foreign", [ONE_WAY] = "one-way", [CHECKSUM] = "checksum",
};

struct hole {
	const struct probe *probe;
	int fd;
	struct endpoint peer;      /* the destination: the given one, until another one echoes our
	                            * id */
	struct hello mine;         /* mine.heard is the id received last */
	struct hello_key key;
	int64_t start, deadline, fast_since;
	int64_t next;              /* when to send the next packet */
	unsigned turn;             /* the next one of the ports after the peer's */
	bool heard;
	int64_t both_since;        /* it echoed our id, so it receives our packets; 0: not yet */
	int64_t tunnel_since;      /* packets of a tunnel arrive from the peer's endpoint; 0: not
	                            * yet */
	bool foreign;              /* hellos with another token arrive from the given endpoint */
	struct hello test;         /* sent in our tests: what we received from the peer */
	unsigned char peer_got;    /* from the peer's tests: what it received from us */
	unsigned peer_longest;
	int ttl;                   /* TTL of opening packets */
	int64_t ttl_since;
	bool ttl_private, ttl_public;   /* who dropped them */
	bool refused;              /* ICMP port unreachable, which anyone can send */
	int trouble;               /* last errno */
	bool tried;                /* to send anything */
};

/* ICMP errors never end the punch: on the path they are expected, and from the peer they mean "not
 * yet". */
static void icmp_take(struct hole *hole)
{
	struct probe_icmp icmp;

	while (probe_icmp_take(hole->fd, &icmp)) {
		hole->refused |= icmp.error == ECONNREFUSED;
		if (!icmp.is_time_exceeded)
			continue;
		if (special_is_private(&icmp.from))
			hole->ttl_private = true;
		else
			hole->ttl_public = true;
	}
}

/* Opening packets must pass the own NATs, but not reach the peer's. The sender of the ICMP error
 * shows how far they got: a private address is on this side, a public one beyond the NATs. In the
 * last quarter of the time they use the full TTL, because nothing else may reach the peer, if this
 * side's NAT is symmetric or its firewall is further out. */
static int ttl_now(struct hole *hole, int64_t now)
{
	int64_t quarter = (hole->deadline - hole->start) / 4;
	int64_t low_until = hole->probe->first ? hole->deadline - quarter : hole->start + SHORT_MS;
	bool too_short = hole->ttl_private || now - hole->ttl_since >= TTL_SILENT_MS;

	if (hole->both_since || now >= low_until)
		return -1;   /* the system's default */
	if (hole->probe->ttl)
		return (int)hole->probe->ttl;
	if (too_short && !hole->ttl_public && hole->ttl < TTL_MOST) {
		hole->ttl++;
		hole->ttl_since = now;
		hole->ttl_private = false;
	}
	return hole->ttl;
}

static ssize_t bytes_send(const struct hole *hole, const struct endpoint *to, const void *bytes,
                          size_t length, int ttl)
{
	struct sockaddr_storage name;
	socklen_t size = endpoint_to_sockaddr(&name, to);

	if (name.ss_family == AF_INET6)
		probe_option(hole->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
	else
		probe_option(hole->fd, IPPROTO_IP, IP_TTL, ttl);
	return sendto(hole->fd, bytes, length, 0, (struct sockaddr *)&name, size);
}

static bool hole_send(struct hole *hole, const struct endpoint *to, uint64_t heard, int ttl)
{
	const struct hello hello = {.id = hole->mine.id, .heard = heard};
	unsigned char bytes[HELLO_LENGTH];
	bool again = hole->tried;

	hole->tried = true;
	hello_write(bytes, &hello, hole->key);
	icmp_take(hole);
	if (bytes_send(hole, to, bytes, sizeof bytes, ttl) >= 0)
		return true;
	hole->trouble = errno;
	/* Errors of the first packet that waiting does not cure: this source address cannot reach
	 * the peer's address. Later, the same errors mean that a route or address is missing for a
	 * while. */
	return again || (errno != EINVAL && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT);
}

static size_t headers_size(const struct hole *hole)
{
	return (hole->peer.address.family == AF_INET6 ? IP6_HEADER : IP_HEADER) + UDP_HEADER;
}

static unsigned full_size(const struct hole *hole)
{
	return hole->probe->path_mtu ? hole->probe->path_mtu : PATH_MTU;
}

/* Switches the UDP checksum on or off; off is possible only in IPv4. */
static void checksum_set(const struct hole *hole, bool with)
{
	if (hole->peer.address.family == AF_INET)
		probe_option(hole->fd, SOL_SOCKET, SO_NO_CHECK, !with);
}

/* Sends an IP packet of SIZE bytes, or a test without padding if it is longer. */
static void test_send(struct hole *hole, size_t size, unsigned char flags, int ttl)
{
	static unsigned char bytes[PATH_MTU_MOST];   /* the zeros after the test */
	size_t headers = headers_size(hole);
	struct hello test = hole->test;

	test.id = hole->mine.id;
	test.flags |= flags;
	if (hole->mine.heard)
		test.heard = hole->mine.heard;
	hello_write(bytes, &test, hole->key);
	icmp_take(hole);
	bytes_send(hole, &hole->peer, bytes, size < headers + HELLO_LENGTH ? HELLO_LENGTH
	                                                                  : size - headers, ttl);
}

/* While nothing arrives, tests whether packets with a UDP checksum do. Once both sides receive,
 * tests whether the full size arrives. The small test is sent last, and reports what arrived
 * before. */
static void tests_send(struct hole *hole, int64_t now)
{
	unsigned full = full_size(hole);

	if (!hole->both_since && now - hole->start < NEXT_AFTER_MS)
		return;
	if (!hole->both_since) {
		if (hole->peer.address.family != AF_INET)
			return;
		checksum_set(hole, true);
		test_send(hole, 0, HELLO_CHECKED, ttl_now(hole, now));
		checksum_set(hole, false);
		return;
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] < full; i++)
		test_send(hole, sizes[i], 0, -1);
	test_send(hole, full, 0, -1);
	test_send(hole, 0, 0, -1);
}

/* A packet with another token is not answered, and its id is never put in a packet with our MAC.
 * But from the given endpoint it is probably the peer with a script of another run. */
static void foreign_take(struct hole *hole, const struct endpoint *from)
{
	hole->foreign |= endpoint_equal(from, &hole->probe->peer);
}

/* Without a token anyone can compute the MAC, so then the address must be the peer's. */
static bool is_peers(const struct hole *hole, const struct hello *hello,
                     const struct endpoint *from)
{
	if (hello->id == hole->mine.id)
		return false;   /* our own, reflected */
	return hole->probe->token[0] || address_equal(&from->address, &hole->probe->peer.address);
}

/* A test reports what gets through, but does not open the hole. */
static void test_take(struct hole *hole, const struct hello *test, const struct endpoint *from,
                      size_t length)
{
	size_t size = length + headers_size(hole);

	if (!is_peers(hole, test, from))
		return;
	hole->test.heard = test->id;
	hole->test.flags |= test->flags & HELLO_CHECKED ? HELLO_GOT_CHECKED : HELLO_GOT_BARE;
	if (!(test->flags & HELLO_CHECKED) && size > hole->test.longest && size <= PATH_MTU_MOST)
		hole->test.longest = (uint16_t)size;
	if (test->heard != hole->mine.id)
		return;
	hole->peer_got |= test->flags & GOT_BOTH;
	if (test->longest > hole->peer_longest)
		hole->peer_longest = test->longest;
}

/* A hello with our token's MAC. Unless it echoes the id that we chose for this run, it may be a
 * replay from anywhere. Then it only gets one hello back, to which a genuine peer answers with our
 * id. */
static void hello_take(struct hole *hole, const struct hello *hello, const struct endpoint *from)
{
	bool news = hole->mine.heard != hello->id, echo = hello->heard == hole->mine.id;

	if (!is_peers(hole, hello, from))
		return;
	if (!hole->heard)
		hole->fast_since = probe_clock();
	hole->heard = true;
	hole->test.flags |= HELLO_GOT_BARE;
	if (!hole->both_since)
		hole->mine.heard = hello->id;
	if (echo && !hole->both_since) {
		hole->peer = *from;
		hole->both_since = hole->fast_since = hole->next = probe_clock();
	}
	/* One answer for each packet, of equal length, so that this cannot be used for
	 * amplification. */
	if (news || !echo)
		hole_send(hole, from, hello->id, -1);
}

/* ESP does not prove the token, so it does not show that the peer sends it. */
static void tunnel_take(struct hole *hole, const struct endpoint *from)
{
	if (!hole->tunnel_since && endpoint_equal(from, &hole->probe->peer))
		hole->tunnel_since = probe_clock();
}

static void take(struct hole *hole)
{
	unsigned char bytes[64];   /* only a hello; with MSG_TRUNC recv(2) returns the real
	                            * length */
	struct sockaddr_storage name = {0};
	struct endpoint from;
	struct hello hello;
	socklen_t size = sizeof name;
	ssize_t length = recvfrom(hole->fd, bytes, sizeof bytes, MSG_TRUNC,
	                          (struct sockaddr *)&name, &size);

	if (length < 0)
		hole->trouble = errno == EAGAIN ? hole->trouble : errno;
	else if (!endpoint_from_sockaddr(&from, &name))
		return;
	else if (hello_is_tunnel(bytes, (size_t)length))
		tunnel_take(hole, &from);
	else if (!hello_parse(&hello, bytes, (size_t)length))
		return;
	else if (!hello_genuine(bytes, hole->key))
		foreign_take(hole, &from);
	else if (hello.is_test)
		test_take(hole, &hello, &from, (size_t)length);
	else
		hello_take(hole, &hello, &from);
}

/* A NAT with sequential ports assigns the peer one of the ports after the one it learned. One more
 * datagram for each packet that we send unasked, only to the given address, and none in answer to
 * packets. */
static void next_send(struct hole *hole, int64_t now)
{
	struct endpoint to = hole->probe->peer;
	unsigned port = to.port + 1u + hole->turn % NEXT_PORTS;

	if (hole->both_since || now - hole->start < NEXT_AFTER_MS)
		return;
	hole->turn++;
	if (port > 65535)
		return;
	to.port = (uint16_t)port;
	hole_send(hole, &to, hole->mine.heard, ttl_now(hole, now));
}

/* In at least one direction, packets with a UDP checksum arrive, but none without. */
static bool is_checksum_the_cause(const struct hole *hole)
{
	return (hole->test.flags & GOT_BOTH) == HELLO_GOT_CHECKED ||
	       hole->peer_got == HELLO_GOT_CHECKED;
}

static enum finding hole_finding(const struct hole *hole)
{
	if (is_checksum_the_cause(hole))
		return CHECKSUM;
	if (hole->heard)
		return ONE_WAY;
	if (hole->foreign)
		return FOREIGN;
	if (hole->tunnel_since)
		return TUNNEL;
	return hole->refused ? REFUSED : NOTHING;
}

/* When to stop sending and listening: only the peer itself ends the punch before the deadline. But
 * a peer that is up sends no hello, and the caller may ask it through the tunnel instead. If it
 * does not answer, the caller punches again, because anyone can send packets of a tunnel. */
static int64_t hole_end(const struct hole *hole)
{
	int64_t tunnel_end = hole->tunnel_since + TUNNEL_MS;

	if (hole->both_since)
		return hole->both_since + LINGER_MS;
	if (!hole->probe->until_tunnel || hole_finding(hole) != TUNNEL)
		return hole->deadline;
	return tunnel_end < hole->deadline ? tunnel_end : hole->deadline;
}

/* False if the system refuses. */
static bool hole_work(struct hole *hole, const char *waiting_for)
{
	struct pollfd waiting = {.fd = hole->fd, .events = POLLIN};

	for (;;) {
		int64_t now = probe_clock(), end = hole_end(hole);
		bool fast = now - hole->fast_since < FAST_FOR_MS;

		if (now >= end)
			return true;
		if (now >= hole->next) {
			if (!hole_send(hole, &hole->peer, hole->mine.heard, ttl_now(hole, now)))
				return false;
			next_send(hole, now);
			tests_send(hole, now);
			if (end == hole->deadline)
				probe_progress(waiting_for, (int)((end - now + 999) / 1000));
			hole->next = now + (fast ? FAST_MS : SLOW_MS);
		}
		if (poll(&waiting, 1, (int)((hole->next < end ? hole->next : end) - now)) > 0) {
			if (waiting.revents & POLLERR)
				icmp_take(hole);
			take(hole);
		}
	}
}

static int hole_failed(const struct hole *hole, unsigned seconds)
{
	enum finding finding = hole_finding(hole);
	char peer[ENDPOINT_TEXT];
	const char *trouble = hole->trouble ? strerror(hole->trouble) : "";

	/* A script, which gave the token on a descriptor, explains the word itself. */
	if (hole->probe->scripted)
		return probe_print(findings[finding], *trouble ? " " : "", trouble)
		               ? EXIT_NO_ANSWER : EXIT_BROKE;
	endpoint_print(peer, &hole->peer);
	switch (finding) {
	case CHECKSUM:
		warnx("%s: only packets with a UDP checksum arrive, and ESP in UDP over IPv4 has "
		      "none: use IPv6 between the hosts, or another network or router", peer);
		return EXIT_NO_ANSWER;
	case TUNNEL:
		warnx("%s: ESP packets arrive from it; only the tunnel can tell whether they are "
		      "the peer's", peer);
		return EXIT_NO_ANSWER;
	case ONE_WAY:
		warnx("%s: received its packets, but it received none of ours in %u seconds", peer,
		      seconds);
		break;
	default:
		warnx("%s: no packet received in %u seconds%s%s", peer, seconds,
		      *trouble ? "; last error: " : "", trouble);
	}
	if (finding == FOREIGN)
		warnx("%s: packets with another --token arrive from it: compare the digests of the "
		      "two scripts (anyone can send such packets)", peer);
	warnx("stop both for 30 seconds, then start the side with --first before the other (one "
	      "side has it, not both)");
	warnx("if that does not help, use --ttl N, with N greater than the hops to your NAT and "
	      "less than those to the peer's; otherwise forward UDP port %u on the router, or use "
	      "IPv6",
	      (unsigned)hole->probe->local.port);
	return EXIT_NO_ANSWER;
}

/* A peer with a version before 3 does not report what arrives. */
static void size_say(const struct hole *hole, const char *peer)
{
	unsigned full = full_size(hole), longest = hole->peer_longest;

	if (longest && longest < full)
		warnx("%s: packets of %u bytes do not reach it, packets of %u bytes do: lower the "
		      "path MTU (xfrmpair --mtu %u)", peer, full, longest, longest);
}

static int hole_done(const struct hole *hole)
{
	char peer[ENDPOINT_TEXT], given[ENDPOINT_TEXT];

	endpoint_print(peer, &hole->peer);
	size_say(hole, peer);
	if (!hole->probe->scripted && !endpoint_equal(&hole->peer, &hole->probe->peer))
		warnx("%s: the peer sends from this endpoint, not from %s: its NAT is symmetric, "
		      "or the port was in use", peer, endpoint_print(given, &hole->probe->peer));
	return probe_print(peer, "", "") ? EXIT_OK : EXIT_BROKE;
}

/* Sets DF on all packets, even if the path MTU is known. */
static void never_fragment(int fd, sa_family_t family)
{
	if (family == AF_INET) {
		probe_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
		return;
	}
	probe_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	probe_option(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

int punch(const struct probe *probe)
{
	unsigned seconds = probe->timeout_seconds ? probe->timeout_seconds : TIMEOUT_SECONDS;
	struct hole hole = {.probe = probe, .peer = probe->peer, .ttl = TTL_LEAST,
	                    .test = {.is_test = true}};
	struct endpoint local = probe->local;
	char peer[ENDPOINT_TEXT], waiting_for[ENDPOINT_TEXT + 32];
	bool worked;

	hole.start = probe_clock();
	local.address.family = probe->peer.address.family;
	hole.fd = probe_socket(&local, &probe->ids);
	if (hole.fd < 0)
		return EXIT_BROKE;
	probe_hear_icmp(hole.fd, local.address.family);
	never_fragment(hole.fd, local.address.family);
	checksum_set(&hole, false);
	while (!hole.mine.id)
		random_fill(&hole.mine.id, sizeof hole.mine.id);
	hole.key = (struct hello_key){probe->token, strlen(probe->token)};
	hole.next = hole.fast_since = hole.ttl_since = hole.start;
	hole.deadline = hole.start + (int64_t)seconds * 1000;

	snprintf(waiting_for, sizeof waiting_for, "natprobe: waiting for %s",
	         endpoint_print(peer, &probe->peer));
	worked = hole_work(&hole, waiting_for);
	probe_progress("", 0);
	if (!worked) {
		errno = hole.trouble;
		warn("%s", peer);
		return EXIT_BROKE;
	}
	return hole.both_since ? hole_done(&hole) : hole_failed(&hole, seconds);
}
