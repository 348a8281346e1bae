/* natprobe asks: two STUN servers from one socket.  What they see differs only where the mapping depends on the
 * endpoint one talks to (RFC 4787, section 4.1); then no port can be told to the peer beforehand. */
#include "natprobe.h"
#include "probe.h"
#include "random.h"
#include "say.h"
#include "special.h"
#include "stun.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RETRANSMIT_MS = 500,     /* RFC 8489, section 6.2.1, then doubled */
	GIVE_UP_MS = 8000,       /* the RFC's 39.5 seconds are for daemons, nobody sits through them */
	LOOK_UP_SECONDS = 5,     /* of them, for the names; those that are found are still asked three times */
	HOLD_MS = 15000,         /* mappings live 30 s in the worst of known NATs */
	HOLD_TIMES = 240,        /* an hour: what carries a word longer asks again */
	STEP_MOST = 5,           /* between the ports of a NAT that counts: others may have taken some */
	NAME_MOST = 253,
};

struct server {
	const char *text;            /* as typed */
	char name[NAME_MOST + 1];    /* empty: typed as an address */
	struct endpoint endpoint;    /* no family: not found yet */
	unsigned char id[STUN_ID];
	bool answered;
	struct endpoint mapped;      /* no family: none */
	struct endpoint nowhere;     /* what it answered instead: no packet can go there; no family: it did not */
	unsigned error;              /* that it answered with; 0: none */
	const char *trouble;         /* why there is none; NULL: no answer */
};

struct asking {
	struct endpoint local;       /* where all requests leave from */
	struct server servers[2];
	int given, count, fd;        /* COUNT is 1 where two given are one and the same */
	int64_t start;
};

static bool is_name(const char *text, size_t length)
{
	const char *alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return length && length <= NAME_MOST && strspn(text, alphabet) >= length && strspn(text, "0123456789.") < length;
}

static bool server_parse(struct server *server, const char *text)
{
	size_t length = strcspn(text, ":");

	server->text = text;
	if (text[0] == '[' || (length && strspn(text, "0123456789.") == length) || (text[length] && strchr(text + length + 1, ':'))) {
		if (!endpoint_parse(&server->endpoint, text, "server"))
			return false;
	} else {
		if (!is_name(text, length))
			return refuse("server", "'%s': want a name or an address, and :PORT if it is not %d", shown(text), STUN_PORT);
		if (text[length] && !port_parse(&server->endpoint.port, text + length + 1, "server"))
			return false;
		memcpy(server->name, text, length);
	}
	if (!server->endpoint.port)
		server->endpoint.port = STUN_PORT;
	return true;
}

/* "stun.example.org (192.0.2.1:3478)", or as much of it as there is. */
static const char *server_shown(char out[NAME_MOST + ENDPOINT_TEXT + 4], const struct server *server)
{
	char text[ENDPOINT_TEXT];

	if (!server->endpoint.address.family)
		return server->text;
	endpoint_print(text, &server->endpoint);
	snprintf(out, NAME_MOST + ENDPOINT_TEXT + 4, server->name[0] ? "%s (%s)" : "%s%s", server->name, text);
	return out;
}

static const char no_answer[] = "no name server answers";

struct found {
	struct address address;      /* no family: none */
	bool again;                  /* no name server answered */
};

/* The first address that can be an endpoint; else the first.  Not getaddrinfo, which would bring malloc: 10 KiB. */
static struct found look_up(const char *name, sa_family_t family)
{
	struct found out = {0};
	struct hostent entry, *found;
	char room[4096];
	int trouble = NO_RECOVERY;

	if (gethostbyname2_r(name, family, &entry, room, sizeof room, &found, &trouble) != 0 || !found)
		out.again = trouble != HOST_NOT_FOUND && trouble != NO_DATA;
	else if (found->h_addrtype == family && found->h_length == (family == AF_INET6 ? 16 : 4))
		for (char **answer = found->h_addr_list; *answer; answer++) {
			struct address address = {.family = family};

			memcpy(address.bytes, *answer, (size_t)found->h_length);
			if (!out.address.family || !special_is_unusable(&address))
				out.address = address;
			if (!special_is_unusable(&out.address))
				break;
		}
	return out;
}

/* The resolver knows no end but its own, which may be far: a child of ours that an alarm ends asks it, as IDS, for it reads
 * what strangers send.  It has nothing to say, and nobody waits for it to close what we write to.  Returns where its answer
 * can be read; -1: there is no child. */
static int look_up_start(const char *name, sa_family_t family, int64_t left_ms, const struct ids *ids)
{
	int tell[2];
	pid_t child;

	if (left_ms <= 0 || pipe(tell))
		return -1;
	child = fork();
	if (child == 0) {
		struct found found;
		sigset_t none;

		sigemptyset(&none);
		signal(SIGALRM, SIG_DFL);
		sigprocmask(SIG_SETMASK, &none, NULL);
		close(tell[0]);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		ids_take(ids);
		alarm((unsigned)(left_ms + 999) / 1000);
		found = look_up(name, family);
		_exit(write(tell[1], &found, sizeof found) != sizeof found);
	}
	close(tell[1]);
	if (child > 0)
		return tell[0];
	close(tell[0]);
	return -1;
}

static struct found look_up_end(int file)
{
	struct found found;

	if (read(file, &found, sizeof found) != sizeof found)
		found = (struct found){.again = true};
	close(file);
	wait(NULL);
	return found;
}

/* All names at once: one that nobody knows does not take the other's time. */
static void servers_locate(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	int files[2] = {-1, -1};

	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];

		if (!server->name[0])
			continue;
		files[i] = look_up_start(server->name, family, asking->start + LOOK_UP_SECONDS * 1000 - probe_clock(), ids);
		if (files[i] < 0 && !server->trouble)
			server->trouble = strerror(errno);
	}
	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];
		struct found found;

		if (files[i] < 0)
			continue;
		found = look_up_end(files[i]);
		server->endpoint.address = found.address; /* not that of the other family, where no packet goes */
		if (found.address.family)
			server->trouble = NULL;
		else if (!server->trouble)
			server->trouble = found.again ? no_answer : "no such name";
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

/* Finds servers and the local address in one family; false if there is no way to any server in it. */
static bool asking_locate(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	bool found = false;

	servers_locate(asking, family, ids);
	for (int i = 0; i < asking->count; i++) {
		struct address local;

		if (asking->servers[i].endpoint.address.family != family || !server_route(&asking->servers[i], &local))
			continue;
		if (!found && address_is_any(&asking->local.address))
			asking->local.address = local;
		found = true;
	}
	return found;
}

/* The family that -b or an address says, else whichever leads to a server: IPv4 first, for there the NATs are. */
static bool asking_start(struct asking *asking, sa_family_t family, const struct ids *ids)
{
	bool found = family ? asking_locate(asking, family, ids)
	                    : asking_locate(asking, AF_INET, ids) || asking_locate(asking, AF_INET6, ids);

	if (asking->count == 2 && endpoint_equal(&asking->servers[0].endpoint, &asking->servers[1].endpoint) &&
	    asking->servers[0].endpoint.address.family)
		asking->count = 1;
	return found;
}

static void send_to(int fd, struct server *server, const unsigned char message[STUN_HEADER])
{
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, &server->endpoint);

	if (server->endpoint.address.family && sendto(fd, message, STUN_HEADER, 0, (struct sockaddr *)&name, length) < 0)
		server->trouble = strerror(errno);
}

/* One datagram: does it end the wait for one of the servers? */
static void take(struct asking *asking)
{
	unsigned char bytes[STUN_MOST + 1];
	struct sockaddr_storage name = {0};
	struct endpoint from;
	struct stun_reply reply;
	ssize_t length = recvfrom(asking->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&name, &(socklen_t){sizeof name});

	if (length < 0 || !endpoint_from_sockaddr(&from, &name))
		return;
	for (int i = 0; i < asking->count; i++) {
		struct server *server = &asking->servers[i];

		if (server->answered || !endpoint_equal(&from, &server->endpoint) ||
		    !stun_parse(&reply, bytes, (size_t)length, server->id))
			continue;
		server->error = reply.error;
		if (special_is_unusable(&reply.mapped.address) && !endpoint_equal(&reply.mapped, &asking->local))
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

/* Requests to all at once, again after 0.5, 1.5, 3.5 and 7.5 seconds, until all have answered or 8 have passed since the
 * names were looked up. */
static void ask(struct asking *asking)
{
	int64_t end = asking->start + GIVE_UP_MS, next = probe_clock(), pause = RETRANSMIT_MS, now;
	unsigned char request[STUN_HEADER];
	struct pollfd waiting = {.fd = asking->fd, .events = POLLIN};

	for (int i = 0; i < asking->count; i++)
		random_fill(asking->servers[i].id, STUN_ID);
	while ((now = probe_clock()) < end && !all_answered(asking)) {
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

/* The servers agree on MAPPED, as far as they were asked: what does it say of the NAT? */
static void judge_mapped(const struct asking *asking, const struct endpoint *mapped, int seen)
{
	const struct server *servers = asking->servers;
	const char *unknown = asking->given == 1 ? "only one server given" :
	                      asking->count == 1 ? "both servers are one and the same" :
	                      seen == 1 ? "only one server counts" :
	                      address_equal(&servers[0].endpoint.address, &servers[1].endpoint.address) ?
	                      "both servers have one address" : NULL;
	char text[ADDRESS_TEXT], port[40];

	if (mapped->port == asking->local.port)
		strcpy(port, "port kept");
	else
		snprintf(port, sizeof port, "port moved from %u to %u", (unsigned)asking->local.port, (unsigned)mapped->port);
	if (endpoint_equal(mapped, &asking->local))
		warnx("not behind NAT");
	else if (unknown)
		warnx("behind NAT, %s; verdict unknown (%s): ask two servers of different addresses", port, unknown);
	else
		warnx("mapping endpoint-independent (cone NAT), %s", port);
	if (special_is_private(&mapped->address))
		warnx("%s is in %s, not public: beyond the server stands another NAT; ask a server on the internet",
		      address_print(text, &mapped->address), special_find(&mapped->address)->text);
}

/* Two servers saw two endpoints, and the peer will see a third.  MAPPED is told all the same: where nothing stands before
 * the peer, its script follows the port that is really heard. */
static int judge_dependent(const struct asking *asking, struct endpoint *mapped)
{
	const struct endpoint *one = &asking->servers[0].mapped, *two = &asking->servers[1].mapped;
	unsigned step = one->port > two->port ? (unsigned)(one->port - two->port) : (unsigned)(two->port - one->port);

	*mapped = one->port > two->port ? *one : *two;
	warnx("mapping endpoint-dependent (symmetric NAT): this word does only for a peer that is not behind NAT, or whose router "
	      "has the port forwarded. What helps with others: --map, forward UDP port %u on the router, another network, IPv6",
	      (unsigned)asking->local.port);
	if (address_equal(&one->address, &two->address) && step <= STEP_MOST)
		warnx("the two ports are %u apart, so this NAT counts: a peer's --punch tries the ten that follow, too", step);
	return EXIT_NAT;
}

/* The router gives ROUTER, and servers, if they answered, see SEEN: what comes to the router's own address comes here, from
 * wherever, and else something else stands before it.  True: the router's word is the one. */
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
			warnx("the servers see what the router gives: everybody can send there, without --punch");
		else
			warnx("what is sent first leaves as %s; but everybody can send to %s, without --punch", text[1], text[0]);
		return true;
	}
	warnx("the router gives %s, but servers see %s: beyond it stands another NAT, the carrier's perhaps, and the port is open only up "
	      "to that; this word is what the servers see", text[0], text[1]);
	return false;
}

/* Says what was seen; fills MAPPED where there is one.  ROUTER: what it gives; without family, nothing. */
static int judge(const struct asking *asking, const struct endpoint *router, struct endpoint *mapped)
{
	char shown_server[NAME_MOST + ENDPOINT_TEXT + 4], text[ENDPOINT_TEXT];
	const struct server *told = NULL;
	int seen = 0;
	bool differ = false;

	for (int i = 0; i < asking->count; i++) {
		const struct server *server = &asking->servers[i];

		if (server->mapped.address.family)
			warnx("%s sees %s", server_shown(shown_server, server), endpoint_print(text, &server->mapped));
		else if (server->nowhere.address.family)
			warnx("%s: answered with %s, where no packet can go", server_shown(shown_server, server),
			      endpoint_print(text, &server->nowhere));
		else if (server->error)
			warnx("%s: answered with error %u", server_shown(shown_server, server), server->error);
		else
			warnx("%s: %s", server_shown(shown_server, server), server->trouble ? server->trouble : "no answer in 8 seconds");
		if (!server->mapped.address.family)
			continue;
		/* One that sees the local endpoint itself, where another does not, stands on this side of the NAT. */
		if (!told || endpoint_equal(&told->mapped, &asking->local))
			told = server, seen = 1;
		else if (!endpoint_equal(&server->mapped, &asking->local))
			differ = !endpoint_equal(&told->mapped, &server->mapped), seen++;
	}
	if (router->address.family && judge_router(router, told ? &told->mapped : NULL)) {
		*mapped = *router;
		return EXIT_OK;
	}
	if (!told)
		return EXIT_NO_ANSWER;
	if (differ)
		return judge_dependent(asking, mapped);
	*mapped = told->mapped;
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
			return refuse("server", "'%s': want all addresses IPv4 or all IPv6, for they share a socket",
			              shown(asking->servers[i].text));
		if (other)
			*family = other;
	}
	return true;
}

int discover(const struct probe *probe)
{
	struct asking asking = {.local = probe->local, .given = probe->server[1] ? 2 : 1, .start = probe_clock()};
	sa_family_t family = probe->local.address.family;
	struct endpoint mapped = {.port = 0}, router = {.port = 0};
	int status, router_status = EXIT_OK;
	bool found;

	asking.count = asking.given;
	for (int i = 0; i < asking.given; i++)
		if (!server_parse(&asking.servers[i], probe->server[i]))
			return EXIT_MISTAKE;
	if (!family_agree(&asking, &family))
		return EXIT_MISTAKE;
	found = asking_start(&asking, family, &probe->ids);
	if (!found)
		ids_take(&probe->ids);
	else if ((asking.fd = probe_socket(&asking.local, &probe->ids)) < 0)
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

/* An address is its own answer; a name leaves it without family. */
static bool resolve_parse(struct address *address, const char *text, sa_family_t family)
{
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		address->family = AF_INET;
	else if (inet_pton(AF_INET6, text, address->bytes) == 1)
		address->family = AF_INET6;
	else if (!is_name(text, strlen(text)))
		return refuse("--resolve", "'%s': want a name or an address, without a port", shown(text));
	if (special_is_unusable(address))
		return refuse("--resolve", "'%s': no packet can go there", shown(text));
	if (address->family && family && address->family != family)
		return refuse("--resolve", "'%s': want it IPv4 or IPv6 as -b", shown(text));
	return true;
}

int resolve(const struct probe *probe)
{
	sa_family_t family = probe->local.address.family;
	const char *name = probe->resolve;
	struct found found = {0};
	char text[ADDRESS_TEXT];

	if (!resolve_parse(&found.address, name, family))
		return EXIT_MISTAKE;
	ids_take(&probe->ids);
	if (!found.address.family) {
		int file = look_up_start(name, family ? family : AF_INET, GIVE_UP_MS, &(struct ids){0});

		if (file < 0)
			err(EXIT_BROKE, "%s", name);
		found = look_up_end(file);
	}
	if (found.again)
		warnx("%s: %s", name, no_answer);
	else if (!found.address.family)
		warnx("%s: no such name, or none with an IPv%c address", name, family == AF_INET6 ? '6' : '4');
	else if (special_is_unusable(&found.address))
		warnx("%s: is %s, where no packet can go", name, address_print(text, &found.address));
	else
		return probe_print(address_print(text, &found.address), "", "") ? EXIT_OK : EXIT_BROKE;
	return EXIT_NO_ANSWER;
}
