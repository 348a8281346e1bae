/* SPDX-License-Identifier: ISC */
/* natprobe asks: two STUN servers from one socket.  What they see differs only where the mapping
 * depends on the endpoint one talks to (RFC 4787, section 4.1); then no port can be told to the
 * peer beforehand. */
#include "lookup.h"
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
	LOOK_UP_MS = 5000,       /* of GIVE_UP_MS; who is found is still asked three times */
	HOLD_MS = 15000,         /* mappings live 30 s in the worst of known NATs */
	HOLD_TIMES = 240,        /* an hour: what carries a word longer asks again */
	STEP_MOST = 5,           /* of a NAT that counts: others may have taken ports between */
	SERVER_TEXT = NAME_MOST + ENDPOINT_TEXT + sizeof " ()",
};

struct server {
	const char *text;            /* as typed */
	char name[NAME_MOST + 1];    /* empty: typed as an address */
	struct endpoint endpoint;    /* no family: not found yet */
	unsigned char id[STUN_ID];
	bool answered;
	struct endpoint mapped;      /* no family: none */
	struct endpoint nowhere;     /* its answer where no packet can go; no family: none */
	unsigned error;              /* that it answered with; 0: none */
	const char *trouble;         /* why there is none; NULL: no answer */
};

struct asking {
	struct endpoint local;       /* where all requests leave from */
	struct server servers[2];
	int given, count, fd;        /* COUNT is 1 where two given are one and the same */
	int64_t start;
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
			return refuse("server", "'%s': want a name or an address, "
			              "and :PORT if it is not %d", shown(text), STUN_PORT);
		memcpy(server->name, text, length);
		text += length;
		if (*text && !port_parse(&server->endpoint.port, text + 1, "server"))
			return false;
	}
	if (!server->endpoint.port)
		server->endpoint.port = STUN_PORT;
	return true;
}

/* "stun.example.org (192.0.2.1:3478)", or as much of it as there is. */
static const char *server_shown(char out[SERVER_TEXT], const struct server *server)
{
	char text[ENDPOINT_TEXT];

	if (!server->endpoint.address.family)
		return server->text;
	endpoint_print(text, &server->endpoint);
	snprintf(out, SERVER_TEXT, server->name[0] ? "%s (%s)" : "%s%s", server->name, text);
	return out;
}

/* All names at once: one that nobody knows does not take the other's time. */
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
		server->endpoint.address = found.address; /* no longer one of the other family */
		if (found.address.family)
			server->trouble = NULL;
		else if (!server->trouble)
			server->trouble = found.again ? NO_NAME_SERVER : "no such name";
	}
}

/* Which address the kernel would send from: it decides on connect. */
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

/* Finds servers and the local address in one family; false if no way leads to a server in it. */
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

/* The family that -b or an address says, else whichever leads to a server: IPv4 first, for there
 * the NATs are. */
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

/* One datagram: does it end the wait for one of the servers? */
static void take(struct asking *asking)
{
	unsigned char bytes[STUN_MOST + 1];
	struct sockaddr_storage name = {0};
	struct endpoint from;
	struct stun_reply reply;
	ssize_t length = recvfrom(asking->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&name,
	                          &(socklen_t){sizeof name});

	if (length < 0 || !endpoint_from_sockaddr(&from, &name))
		return;
	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];

		if (server->answered || !endpoint_equal(&from, &server->endpoint) ||
		    !stun_parse(&reply, bytes, (size_t)length, server->id))
			continue;
		server->error = reply.error;
		if (special_is_unusable(&reply.mapped.address) &&
		    !endpoint_equal(&reply.mapped, &asking->local))
			server->nowhere = reply.mapped;
		else if (reply.mapped.address.family == from.address.family)
			server->mapped = reply.mapped;
		else
			server->trouble = "sees an address of the other IP version (NAT64)";
		server->answered = true;
	}
}

static bool all_answered(const struct asking *asking)
{
	for (int i = 0; i < asking->count; i++)
		if (!asking->servers[i].answered && asking->servers[i].endpoint.address.family)
			return false;
	return true;
}

/* Requests to all at once, again after 0.5, 1.5, 3.5 and 7.5 seconds, until all have answered or 8
 * have passed since the names were looked up. */
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
				if (!asking->servers[i].answered)
					send_to(asking->fd, &asking->servers[i], request);
			}
			next += pause;
			pause *= 2;
		}
		if (poll(&waiting, 1, (int)((next < end ? next : end) - now)) > 0)
			take(asking);
	}
}

/* Why what was seen does not tell the kind of NAT; NULL: it does. */
static const char *why_unknown(const struct asking *asking, int seen)
{
	const struct server *servers = asking->servers;

	if (asking->given == 1)
		return "only one server given";
	if (asking->count == 1)
		return "both servers are one and the same";
	if (seen == 1)
		return "only one server counts";
	if (address_equal(&servers[0].endpoint.address, &servers[1].endpoint.address))
		return "both servers have one address";
	return NULL;
}

/* The servers agree on MAPPED, as far as they were asked: what does it say of the NAT? */
static void judge_mapped(const struct asking *asking, const struct endpoint *mapped, int seen)
{
	const char *unknown = why_unknown(asking, seen);
	char text[ADDRESS_TEXT], port[40] = "port kept";

	if (mapped->port != asking->local.port)
		snprintf(port, sizeof port, "port moved from %u to %u",
		         (unsigned)asking->local.port, (unsigned)mapped->port);
	if (endpoint_equal(mapped, &asking->local))
		warnx("not behind NAT");
	else if (unknown)
		warnx("behind NAT, %s; verdict unknown (%s): "
		      "ask two servers of different addresses", port, unknown);
	else
		warnx("mapping endpoint-independent (cone NAT), %s", port);
	if (special_is_private(&mapped->address))
		warnx("%s is in %s, not public: beyond the server stands another NAT; "
		      "ask a server on the internet", address_print(text, &mapped->address),
		      special_find(&mapped->address)->text);
}

/* Two servers saw two endpoints, and the peer will see a third.  MAPPED is told all the same: where
 * nothing stands before the peer, its script follows the port that is really heard. */
static int judge_dependent(const struct asking *asking, struct endpoint *mapped)
{
	const struct endpoint *one = &asking->servers[0].mapped, *two = &asking->servers[1].mapped;
	const struct endpoint *low = one->port > two->port ? two : one;
	const struct endpoint *high = one->port > two->port ? one : two;
	int step = high->port - low->port;

	*mapped = *high;
	warnx("mapping endpoint-dependent (symmetric NAT): this word does only for a peer that is "
	      "not behind NAT, or whose router has the port forwarded. What helps with others: "
	      "--map, forward UDP port %u on the router, another network, IPv6",
	      (unsigned)asking->local.port);
	if (address_equal(&low->address, &high->address) && step <= STEP_MOST)
		warnx("the two ports are %d apart, so this NAT counts: a peer's --punch tries the "
		      "ten that follow, too", step);
	return EXIT_NAT;
}

/* The router gives ROUTER, and servers, if they answered, see SEEN: what comes to the router's own
 * address comes here, from wherever, and else something else stands before it.  True: the router's
 * word is the one. */
static bool judge_router(const struct endpoint *router, const struct endpoint *seen)
{
	char text[2][ENDPOINT_TEXT];

	endpoint_print(text[0], router);
	if (!seen) {
		warnx("%s is the router's word alone: no server answered", text[0]);
		return true;
	}
	endpoint_print(text[1], seen);
	if (address_equal(&router->address, &seen->address)) {
		if (router->port == seen->port)
			warnx("the servers see what the router gives: everybody can send there, "
			      "without --punch");
		else
			warnx("what is sent first leaves as %s; but everybody can send to %s, "
			      "without --punch", text[1], text[0]);
		return true;
	}
	warnx("the router gives %s, but servers see %s: beyond it stands another NAT, the "
	      "carrier's perhaps, and the port is open only up to that; this word is what the "
	      "servers see", text[0], text[1]);
	return false;
}

static void server_say(const struct server *server)
{
	char room[SERVER_TEXT], text[ENDPOINT_TEXT];
	const char *name = server_shown(room, server);

	if (server->mapped.address.family)
		warnx("%s sees %s", name, endpoint_print(text, &server->mapped));
	else if (server->nowhere.address.family)
		warnx("%s: answered with %s, where no packet can go", name,
		      endpoint_print(text, &server->nowhere));
	else if (server->error)
		warnx("%s: answered with error %u", name, server->error);
	else
		warnx("%s: %s", name, server->trouble ? server->trouble : "no answer in 8 seconds");
}

/* Says what was seen; fills MAPPED where there is one.  ROUTER: what it gives; without family,
 * nothing. */
static int judge(const struct asking *asking, const struct endpoint *router,
                 struct endpoint *mapped)
{
	const struct endpoint *told = NULL;
	int seen = 0;
	bool differ = false;

	for (int i = 0; i < asking->count; i++) {
		const struct endpoint *sees = &asking->servers[i].mapped;

		server_say(&asking->servers[i]);
		if (!sees->address.family)
			continue;
		/* One that sees the local endpoint itself, where another does not, stands on this
		 * side of the NAT. */
		if (!told || endpoint_equal(told, &asking->local)) {
			told = sees;
			seen = 1;
		} else if (!endpoint_equal(sees, &asking->local)) {
			differ = !endpoint_equal(told, sees);
			seen++;
		}
	}
	if (router->address.family && judge_router(router, told)) {
		*mapped = *router;
		return EXIT_OK;
	}
	if (!told)
		return EXIT_NO_ANSWER;
	if (differ)
		return judge_dependent(asking, mapped);
	*mapped = *told;
	judge_mapped(asking, mapped, seen);
	return EXIT_OK;
}

/* Indications keep the mapping, and nobody answers them: RFC 8489, section 6.3.2. */
static void hold(struct asking *asking)
{
	unsigned char indication[STUN_HEADER], id[STUN_ID];
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	probe_on_signal(EXIT_OK);
	if (isatty(STDIN_FILENO))
		warnx("holding the mapping: Enter ends");
	for (int times = 0; times < HOLD_TIMES && poll(&input, 1, HOLD_MS) == 0; times++) {
		random_fill(id, sizeof id);
		stun_indication(indication, id);
		for (int i = 0; i < asking->count; i++)
			send_to(asking->fd, &asking->servers[i], indication);
	}
}

/* What -b and literal addresses say of the IP version must agree. */
static bool family_agree(const struct asking *asking, sa_family_t *family)
{
	for (int i = 0; i < asking->given; i++) {
		sa_family_t other = asking->servers[i].endpoint.address.family;

		if (other && *family && other != *family)
			return refuse("server", "'%s': want all addresses IPv4 or all IPv6, "
			              "for they share a socket", shown(asking->servers[i].text));
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
	if (probe->map) {
		router_status = map_ask(probe, &asking.local, &router);
		asking.start = probe_clock();
	}
	if (found)
		ask(&asking);
	status = judge(&asking, &router, &mapped);
	if (mapped.address.family && !probe_print_word(&asking.local, &mapped))
		return EXIT_BROKE;
	if (status == EXIT_OK && probe->hold)
		hold(&asking);
	return status != EXIT_OK ? status : router_status;
}
