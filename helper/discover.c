/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* natprobe SERVER: asks two STUN servers from one socket. They report different endpoints only if
 * the mapping is endpoint-dependent (RFC 4787, section 4.1). Then the port for the peer is not
 * known beforehand.
 *
 * Received packets, and the most that each can cause:
 *   an answer from the server with our transaction's id   a wrong endpoint, a wrong verdict
 *   one from another address, or an invalid one           a hint, if no answer comes in time
 *   an ICMP error                                         the same
 *   an answer of a name server, through lookup.c          a query to another STUN server
 *   anything else                                         nothing */
#include "discover.h"
#include "natprobe.h"
#include "probe.h"
#include "random.h"
#include "say.h"
#include "special.h"
#include "stun.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	RETRANSMIT_MS = 500,     /* RFC 8489, section 6.2.1, then doubled */
	LOOK_UP_MS = 5000,       /* of GIVE_UP_MS, so that a server found late is still asked three
	                          * times */
	HOLD_MS = 15000,         /* the shortest lifetime of mappings in known NATs is 30 s */
	HOLD_TIMES = 240,        /* an hour; after that, run natprobe again */
};

static bool server_parse(struct server *server, const char *text)
{
	size_t length = strcspn(text, ":");
	bool is_number = length && strspn(text, "0123456789.") == length;

	server->text = text;
	if (text[0] == '[' || is_number || (text[length] && strchr(text + length + 1, ':'))) {
		if (!endpoint_parse(&server->endpoint, text, "server"))
			return false;
	} else {
		if (!lookup_is_name(text, length))
			return refuse("server", "'%s': invalid (expected a name or an address, "
			              "with :PORT unless it is %d)", shown(text), STUN_PORT);
		memcpy(server->name, text, length);
		text += length;
		if (*text && !port_parse(&server->endpoint.port, text + 1, "server"))
			return false;
	}
	if (!server->endpoint.port)
		server->endpoint.port = STUN_PORT;
	return true;
}

/* Looks up all names at the same time, so that an unknown one does not delay the other. */
static void servers_locate(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	int64_t end = asking->start + LOOK_UP_MS;
	int files[2] = {-1, -1};

	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];

		if (!server->name[0])
			continue;
		files[i] = lookup_start(server->name, family, end - probe_clock(), ids);
		if (files[i] < 0 && !server->trouble)
			server->trouble = strerror(errno);
	}
	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];
		struct found found;

		if (files[i] < 0)
			continue;
		found = lookup_end(files[i]);
		server->endpoint.address = found.address; /* not an address of the other family any
		                                           * more */
		if (found.address.family)
			server->trouble = NULL;
		else if (!server->trouble)
			server->trouble = found.again ? NO_NAME_SERVER : "name not found";
	}
}

/* Finds the source address, which the kernel chooses at connect(2). */
static bool server_route(struct server *server, struct address *local)
{
	struct sockaddr_storage name;
	struct endpoint endpoint;
	socklen_t length = endpoint_to_sockaddr(&name, &server->endpoint);
	int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = fd >= 0 && connect(fd, (struct sockaddr *)&name, length) == 0 &&
	             getsockname(fd, (struct sockaddr *)&name, &(socklen_t){sizeof name}) == 0 &&
	             endpoint_from_sockaddr(&endpoint, &name);

	if (found)
		*local = endpoint.address;
	else
		server->trouble = strerror(errno);
	if (fd >= 0)
		close(fd);
	return found;
}

/* Finds servers and the local address of one family; false if there is no route to a server. */
static bool asking_locate(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	bool found = false;

	servers_locate(asking, family, ids);
	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];
		struct address local;

		if (server->endpoint.address.family != family || !server_route(server, &local))
			continue;
		if (!found && address_is_any(&asking->local.address))
			asking->local.address = local;
		found = true;
	}
	return found;
}

/* Uses the family of -b or of a given address, else one with a route to a server: IPv4 first,
 * because it has the NATs. */
static bool asking_start(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	const struct endpoint *one = &asking->servers[0].endpoint;
	const struct endpoint *two = &asking->servers[1].endpoint;
	bool found = asking_locate(asking, family ? family : AF_INET, ids);

	if (!found && !family)
		found = asking_locate(asking, AF_INET6, ids);
	if (asking->count == 2 && one->address.family && endpoint_equal(one, two))
		asking->count = 1;
	return found;
}

static void send_to(int fd, struct server *server, const unsigned char message[STUN_HEADER])
{
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, &server->endpoint);

	if (!server->endpoint.address.family)
		return;
	if (sendto(fd, message, STUN_HEADER, 0, (struct sockaddr *)&name, length) < 0)
		server->trouble = strerror(errno);
}

/* Handles one datagram, perhaps this server's answer. After a server error the server is asked
 * again. A datagram that is not accepted can at most cause a hint. */
static void server_take(struct server *server, const struct endpoint *local,
                        const struct endpoint *from, const unsigned char *bytes, size_t length)
{
	struct stun_reply reply;
	bool own = endpoint_equal(from, &server->endpoint);

	if (!stun_parse(&reply, bytes, length, server->id)) {
		server->odd |= own;
		return;
	}
	if (!own) {
		server->elsewhere = *from;
		return;
	}
	server->error = reply.error;
	server->alternate = reply.alternate;
	server->answered = reply.error / 100 != 5;
	if (reply.error)
		return;
	if (special_is_unusable(&reply.mapped.address) && !endpoint_equal(&reply.mapped, local))
		server->nowhere = reply.mapped;
	else if (reply.mapped.address.family == from->address.family)
		server->mapped = reply.mapped;
	else
		server->trouble = "reports an address of the other family (NAT64)";
}

/* ICMP errors never end the wait, because anyone can send them. */
static void icmp_take(struct asking *asking)
{
	struct probe_icmp icmp;

	while (probe_icmp_take(asking->fd, &icmp))
		for (int i = 0; i < asking->count; i++)
			if (endpoint_equal(&icmp.to, &asking->servers[i].endpoint))
				asking->servers[i].refusal = icmp.error;
}

/* Handles one datagram; true if it ends the wait for a server. */
static void take(struct asking *asking)
{
	unsigned char bytes[STUN_MOST + 1];
	struct sockaddr_storage name = {0};
	struct endpoint from;
	ssize_t length = recvfrom(asking->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&name,
	                          &(socklen_t){sizeof name});

	if (length < 0 || !endpoint_from_sockaddr(&from, &name))
		return;
	for (int i = 0; i < asking->count; i++)
		if (!asking->servers[i].answered)
			server_take(&asking->servers[i], &asking->local, &from, bytes,
			            (size_t)length);
}

static bool all_answered(const struct asking *asking)
{
	for (int i = 0; i < asking->count; i++)
		if (!asking->servers[i].answered && asking->servers[i].endpoint.address.family)
			return false;
	return true;
}

/* Sends requests to all servers, again after 0.5, 1.5, 3.5 and 7.5 seconds, until all have answered
 * or GIVE_UP_MS is over. */
static void ask(struct asking *asking)
{
	int64_t now = probe_clock(), end = asking->start + GIVE_UP_MS;
	int64_t next = now, pause = RETRANSMIT_MS;
	unsigned char request[STUN_HEADER];
	struct pollfd waiting = {.fd = asking->fd, .events = POLLIN};

	for (int i = 0; i < asking->count; i++)
		random_fill(asking->servers[i].id, STUN_ID);
	for (; now < end && !all_answered(asking); now = probe_clock()) {
		if (now >= next) {
			for (int i = 0; i < asking->count; i++) {
				stun_request(request, asking->servers[i].id);
				icmp_take(asking);
				if (!asking->servers[i].answered)
					send_to(asking->fd, &asking->servers[i], request);
			}
			next += pause;
			pause *= 2;
		}
		if (poll(&waiting, 1, (int)((next < end ? next : end) - now)) > 0) {
			icmp_take(asking);
			take(asking);
		}
	}
}

/* Indications keep the mapping open and get no answer: RFC 8489, section 6.3.2. */
static void hold(struct asking *asking)
{
	unsigned char indication[STUN_HEADER], id[STUN_ID];
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	probe_on_signal(EXIT_OK);
	if (isatty(STDIN_FILENO))
		warnx("keeping the mapping open; press Enter to stop");
	for (int times = 0; times < HOLD_TIMES && poll(&input, 1, HOLD_MS) == 0; times++) {
		icmp_take(asking);
		random_fill(id, sizeof id);
		stun_indication(indication, id);
		for (int i = 0; i < asking->count; i++)
			send_to(asking->fd, &asking->servers[i], indication);
	}
}

/* -b and literal addresses must be of the same family. */
static bool family_agree(const struct asking *asking, sa_family_t *family)
{
	for (int i = 0; i < asking->given; i++) {
		sa_family_t other = asking->servers[i].endpoint.address.family;

		if (other && *family && other != *family)
			return refuse("server", "'%s': another address family (expected all IPv4 "
			              "or all IPv6, because they share a socket)",
			              shown(asking->servers[i].text));
		if (other)
			*family = other;
	}
	return true;
}

int discover(const struct probe *probe)
{
	struct asking asking = {.local = probe->local, .given = 1, .start = probe_clock()};
	sa_family_t family = probe->local.address.family;
	struct endpoint mapped = {.port = 0}, router = {.port = 0};
	int status, router_status = EXIT_OK;
	bool found;

	if (probe->server[1])
		asking.given = 2;
	asking.count = asking.given;
	for (int i = 0; i < asking.given; i++)
		if (!server_parse(&asking.servers[i], probe->server[i]))
			return EXIT_MISTAKE;
	if (!family_agree(&asking, &family))
		return EXIT_MISTAKE;
	found = asking_start(&asking, family, &probe->ids);
	if (found)
		asking.fd = probe_socket(&asking.local, &probe->ids);
	else
		ids_take(&probe->ids);
	if (found && asking.fd < 0)
		return EXIT_BROKE;
	if (found)
		probe_hear_icmp(asking.fd, asking.local.address.family);
	if (probe->map) {
		router_status = map_ask(probe, &asking.local, &router);
		asking.start = probe_clock();
	}
	if (found)
		ask(&asking);
	status = discover_judge(&asking, &router, &mapped);
	if (mapped.address.family && !probe_print_word(&asking.local, &mapped))
		return EXIT_BROKE;
	if (status == EXIT_OK && probe->hold)
		hold(&asking);
	return status != EXIT_OK ? status : router_status;
}
