/* SPDX-License-Identifier: ISC */
/* natprobe punches: both sides send until each has heard the other and knows that it was heard.
 *
 * A packet that reaches the peer's router before the peer has sent one may leave an entry there
 * that takes the very tuple the peer's NAT needs, and keeps it for as long as one keeps sending.
 * So the side that starts first sends packets that die on the way, past its own NAT, until it
 * hears; the other joins in for a second, then goes all the way.  The first side is then heard
 * through a hole that is already open. */
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
	LINGER_MS = 1000,        /* so that the last word is not lost */
	SHORT_MS = 1000,         /* how long the second side's packets die on the way, too */
	TTL_LEAST = 2, TTL_MOST = 5,
	TTL_SILENT_MS = 3000,    /* nobody says who drops them: a router before the own NAT? */
	FOREIGN_MS = 600,        /* two of our own on their way: the peer sees as much of us */
	NEXT_AFTER_MS = 3000,    /* most peers are heard by then */
	NEXT_PORTS = 10,         /* of a NAT that counts: others took ports since the peer asked */
	TUNNEL_MS = 10000,       /* anybody can send what a tunnel sends: a true peer is heard */
};

struct hole {
	const struct probe *probe;
	int fd;
	struct endpoint peer;      /* where to send: the one given, until another has said our id */
	struct hello mine;         /* mine.heard: whom we heard */
	struct hello_key key;
	int64_t start, deadline, fast_since;
	int64_t next;              /* when we send again without being asked */
	unsigned turn;             /* which of the ports after the peer's is next */
	bool heard;
	int64_t both_since;        /* it heard us too, for it said our id; 0: not so */
	int64_t tunnel_since;      /* before any hello came what only a tunnel sends; 0: not so */
	bool foreign;              /* hellos of another token come from the endpoint given */
	int64_t foreign_since;     /* that one of them said our id: it answers to us; 0: not so */
	int ttl;                   /* of packets that are to die on the way */
	int64_t ttl_since;
	bool ttl_private, ttl_public;   /* who dropped them */
	bool refused;              /* ICMP said that nobody has the port: anybody can say so */
	int trouble;               /* last errno */
	bool tried;                /* to send anything */
};

/* ICMP errors end nothing: on the way they are expected, from the peer they mean "not yet". */
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

/* The opening packets must pass the own NATs and die before the peer's.  Who drops them tells where
 * they got: a private address is still on this side, a public one is past it.  In the last quarter
 * of the time nothing is left to lose: the peer may hear us only so (this side's NAT is symmetric,
 * its firewall further out than we dared to go). */
static int ttl_now(struct hole *hole, int64_t now)
{
	int64_t quarter = (hole->deadline - hole->start) / 4;
	int64_t low_until = hole->probe->first ? hole->deadline - quarter : hole->start + SHORT_MS;
	bool too_short = hole->ttl_private || now - hole->ttl_since >= TTL_SILENT_MS;

	if (hole->heard || hole->foreign || now >= low_until)
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

static bool hole_send(struct hole *hole, const struct endpoint *to, uint64_t heard, int ttl)
{
	const struct hello hello = {hole->mine.id, heard};
	unsigned char bytes[HELLO_LENGTH];
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, to);
	bool again = hole->tried;

	hole->tried = true;
	hello_write(bytes, &hello, hole->key);
	if (name.ss_family == AF_INET6)
		setsockopt(hole->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl);
	else
		setsockopt(hole->fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	icmp_take(hole);
	if (sendto(hole->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&name, length) >= 0)
		return true;
	hole->trouble = errno;
	/* These no waiting cures, if they are so from the first packet on: the socket's address
	 * cannot talk to the peer's.  Later a route or an address is gone for a while. */
	return again || (errno != EINVAL && errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT);
}

/* Of another token, so of nobody; and not answered.  But from the very endpoint given it is likely
 * the peer with a script of another run, and that is worth a word: once it has said our id, which
 * nobody can who does not get our packets.  Those go there anyway, and say its own. */
static void foreign_take(struct hole *hole, const struct hello *hello, const struct endpoint *from)
{
	int64_t now = probe_clock();

	if (hole->heard || hole->foreign_since || !endpoint_equal(from, &hole->probe->peer))
		return;
	hole->mine.heard = hello->id;
	if (!hole->foreign) {
		hole->foreign = true;
		hole->fast_since = now;
		if (hole->next > now + FAST_MS)
			hole->next = now + FAST_MS;
	}
	if (hello->heard == hole->mine.id)
		hole->foreign_since = now;
}

/* A hello with our token's MAC.  It may be an old one, played again from anywhere, as long as it
 * does not say the id that we chose for this time: then it is worth one hello back, which a true
 * peer says ours to, and no more. */
static void hello_take(struct hole *hole, const struct hello *hello, const struct endpoint *from)
{
	bool news = hole->mine.heard != hello->id, echo = hello->heard == hole->mine.id;

	if (hello->id == hole->mine.id)
		return;   /* our own, reflected */
	if (!hole->probe->token[0] && !address_equal(&from->address, &hole->probe->peer.address))
		return;
	if (!hole->heard)
		hole->fast_since = probe_clock();
	hole->heard = true;
	if (!hole->both_since)
		hole->mine.heard = hello->id;
	if (echo && !hole->both_since) {
		hole->peer = *from;
		hole->both_since = hole->fast_since = probe_clock();
	}
	/* At once, packet for packet of equal length: nobody can make us send more than they do. */
	if (news || !echo)
		hole_send(hole, from, hello->id, -1);
}

/* ESP proves no token, so it is no sign of the peer. */
static void tunnel_take(struct hole *hole, const struct endpoint *from)
{
	if (!hole->heard && !hole->tunnel_since && endpoint_equal(from, &hole->probe->peer))
		hole->tunnel_since = probe_clock();
}

static void take(struct hole *hole)
{
	unsigned char bytes[64];   /* a hello, and no more; MSG_TRUNC gives the true length */
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
	else if (hello_genuine(bytes, hole->key))
		hello_take(hole, &hello, &from);
	else
		foreign_take(hole, &hello, &from);
}

/* A NAT that counts gives the peer one of the ports that follow the one it was told of.  One
 * datagram more for each that we send by ourselves, to the address given, and none for what comes
 * in. */
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

/* Until when we send and listen: once it is decided, a little longer. */
static int64_t hole_end(const struct hole *hole)
{
	int64_t tunnel_end = hole->tunnel_since + TUNNEL_MS;

	if (hole->both_since)
		return hole->both_since + LINGER_MS;
	if (hole->heard)
		return hole->deadline;
	if (hole->foreign_since)
		return hole->foreign_since + FOREIGN_MS;
	return hole->tunnel_since && tunnel_end < hole->deadline ? tunnel_end : hole->deadline;
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

static const char *hole_word(const struct hole *hole)
{
	if (hole->heard)
		return "one-way";
	if (hole->foreign_since)
		return "foreign";
	if (hole->tunnel_since)
		return "tunnel";
	return hole->refused ? "refused" : "nothing";
}

/* To the script that gave the token on a descriptor: it says by itself what the word means. */
static int hole_told(const struct hole *hole)
{
	const char *trouble = hole->trouble ? strerror(hole->trouble) : "";

	if (!probe_print(hole_word(hole), *trouble ? " " : "", trouble))
		return EXIT_BROKE;
	return !hole->heard && hole->foreign_since ? EXIT_MISTAKE : EXIT_NO_ANSWER;
}

static int hole_failed(const struct hole *hole, unsigned seconds)
{
	char peer[ENDPOINT_TEXT];
	const char *trouble = hole->trouble ? strerror(hole->trouble) : "";

	if (hole->probe->scripted)
		return hole_told(hole);
	endpoint_print(peer, &hole->peer);
	if (!hole->heard && hole->foreign_since) {
		warnx("%s: speaks with another --token: its script is of another run", peer);
		return EXIT_MISTAKE;
	}
	if (!hole->heard && hole->tunnel_since) {
		warnx("%s: something sends from there as a tunnel would; whether it is the peer's "
		      "only the tunnel can tell", peer);
		return EXIT_NO_ANSWER;
	}
	if (hole->heard)
		warnx("%s: heard it, but it did not hear us in %u seconds", peer, seconds);
	else
		warnx("%s: heard nothing in %u seconds%s%s", peer, seconds,
		      *trouble ? "; last error: " : "", trouble);
	warnx("stop both for 30 seconds, then start the side given --first first "
	      "(one side, not both)");
	warnx("where that does not help: --ttl N, more than the hops to the own NAT and less than "
	      "to the peer's; where no N fits, forward UDP port %u on the router, or IPv6",
	      (unsigned)hole->probe->local.port);
	return EXIT_NO_ANSWER;
}

static int hole_done(const struct hole *hole)
{
	char peer[ENDPOINT_TEXT], given[ENDPOINT_TEXT];

	endpoint_print(peer, &hole->peer);
	if (!hole->probe->scripted && !endpoint_equal(&hole->peer, &hole->probe->peer))
		warnx("%s: the peer sends from there, not from %s: its NAT is symmetric, "
		      "or the port was taken", peer, endpoint_print(given, &hole->probe->peer));
	return probe_print(peer, "", "") ? EXIT_OK : EXIT_BROKE;
}

int punch(const struct probe *probe)
{
	unsigned seconds = probe->timeout_seconds ? probe->timeout_seconds : TIMEOUT_SECONDS;
	struct hole hole = {.probe = probe, .peer = probe->peer, .ttl = TTL_LEAST};
	struct endpoint local = probe->local;
	char peer[ENDPOINT_TEXT], waiting_for[ENDPOINT_TEXT + 32];
	bool worked;

	hole.start = probe_clock();
	local.address.family = probe->peer.address.family;
	hole.fd = probe_socket(&local, &probe->ids);
	if (hole.fd < 0)
		return EXIT_BROKE;
	probe_hear_icmp(hole.fd, local.address.family);
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
