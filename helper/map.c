/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* natprobe --map: requests a port mapping from the router by PCP, in which every answer has our
 * nonce, or by NAT-PMP if the router does not support PCP. Each run requests the mapping again, so
 * a router that restarted needs no special handling.
 *
 * Received packets, and the most that each can cause:
 *   a PCP answer from the router with our nonce   a wrong endpoint, or a refusal if NAT-PMP fails
 *   a NAT-PMP answer from the router's address    the same: without a nonce, anyone can forge it
 *   "unsupported version" from the router         a request by NAT-PMP at once
 *   an ICMP error                                 the end, with status 1 or 4
 *   an answer from another address                a hint, if the router does not answer in time
 *   anything else                                 nothing */
#include "natprobe.h"
#include "pcp.h"
#include "probe.h"
#include "route.h"
#include "say.h"
#include "sha256.h"
#include "special.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LEASE_SECONDS = 7200,    /* RFC 6886, section 3.3 */
	PCP_FOR_MS = 4000,       /* the 1024 and 64 seconds of the RFCs are for daemons */
	PCP_AGAIN_MS = 3000,     /* RFC 6887, section 8.1.1 */
	NATPMP_FOR_MS = 4000,
	NATPMP_AGAIN_MS = 250,   /* RFC 6886, section 3.1, then doubled */
	ID_TEXT = 36,            /* of a boot_id; a machine-id has 32 */
};

struct asking {
	int fd;                      /* connected to the router */
	int other;                   /* on the same port, for packets from other addresses */
	struct address elsewhere;    /* another address that answered; no family: none */
	char router[ADDRESS_TEXT];
	struct pcp_asked asked;
	const char *protocol;
	struct pcp_answer second;    /* the answer of NAT-PMP, if that refused too */
};

/* A request and its answer. */
struct message {
	unsigned char bytes[PCP_MAP];
	size_t length;
	bool (*parse)(struct pcp_answer *, const unsigned char *, size_t, const struct pcp_asked *);
};

static size_t secret_read(char *out, size_t most, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, out, most);

	if (file >= 0)
		close(file);
	if (length <= 0 || strspn(out, "0123456789abcdef-") < (size_t)length)
		return 0;
	return (size_t)length;
}

/* Renewing or removing a mapping requires its nonce (RFC 6887, section 11.2), but another process
 * does it. So the nonce is derived from the machine-id, and nothing is stored. Without a machine-id
 * it is derived from the boot_id; then a mapping from before a reboot must expire first. */
static void nonce_make(unsigned char out[PCP_NONCE], const struct endpoint *local)
{
	char id[ID_TEXT + 1] = {0}, about[ENDPOINT_TEXT + 32], text[ENDPOINT_TEXT];
	unsigned char mac[SHA256_LENGTH];
	size_t length = secret_read(id, 32, "/etc/machine-id");

	if (length != 32)
		length = secret_read(id, ID_TEXT, "/proc/sys/kernel/random/boot_id");
	if (length < 32)
		errx(EXIT_BROKE, "neither /etc/machine-id nor the kernel's boot_id can be read");
	snprintf(about, sizeof about, "natprobe --map %s", endpoint_print(text, local));
	sha256_hmac(mac, id, length, about, strlen(about));
	memcpy(out, mac, PCP_NONCE);
}

static bool natpmp_address(struct pcp_answer *answer, const unsigned char *bytes, size_t length,
                           const struct pcp_asked *asked)
{
	(void)asked;
	return natpmp_address_parse(answer, bytes, length);
}

/* Can at most cause a hint, because only an answer from the router itself is accepted. */
static void other_take(struct asking *asking, const struct message *message)
{
	unsigned char bytes[PCP_MOST + 1];
	struct sockaddr_storage name = {0};
	struct pcp_answer answer;
	struct endpoint from;
	ssize_t length = recvfrom(asking->other, bytes, sizeof bytes, MSG_DONTWAIT,
	                          (struct sockaddr *)&name, &(socklen_t){sizeof name});

	if (length >= 0 && endpoint_from_sockaddr(&from, &name) &&
	    message->parse(&answer, bytes, (size_t)length, &asking->asked))
		asking->elsewhere = from.address;
}

/* The socket is connected, so only the router's own answers arrive, and ICMP port unreachable as
 * ECONNREFUSED. Returns 0 or an errno; ETIMEDOUT: no answer. */
static int talk(struct asking *asking, const struct message *message, struct pcp_answer *answer,
                int64_t end, int64_t pause)
{
	unsigned char bytes[PCP_MOST + 1];
	struct pollfd waiting[] = {{.fd = asking->fd, .events = POLLIN},
	                           {.fd = asking->other, .events = POLLIN}};
	int64_t now = probe_clock(), next = now;

	for (; now < end; now = probe_clock()) {
		ssize_t length;

		if (now >= next) {
			if (send(asking->fd, message->bytes, message->length, 0) < 0 &&
			    errno != EAGAIN && errno != ENOBUFS)
				return errno;
			next += pause;
			pause *= 2;
		}
		if (poll(waiting, 2, (int)((next < end ? next : end) - now)) <= 0)
			continue;
		if (waiting[1].revents)
			other_take(asking, message);
		length = recv(asking->fd, bytes, sizeof bytes, 0);
		if (length < 0 && errno != EAGAIN)
			return errno;
		if (length >= 0 && message->parse(answer, bytes, (size_t)length, &asking->asked))
			return 0;
	}
	return ETIMEDOUT;
}

/* Asks for the router's address first, because without one nothing can be mapped. */
static int natpmp(struct asking *asking, struct pcp_answer *answer)
{
	int64_t end = probe_clock() + NATPMP_FOR_MS;
	struct message message = {.length = NATPMP_ADDRESS, .parse = natpmp_address};
	struct address address;
	int error;

	asking->protocol = "NAT-PMP";
	natpmp_address_write(message.bytes);
	error = talk(asking, &message, answer, end, NATPMP_AGAIN_MS);
	if (error || answer->result != PCP_SUCCESS)
		return error;
	address = answer->mapped.address;
	message.parse = natpmp_map_parse;
	message.length = NATPMP_MAP;
	natpmp_map_write(message.bytes, &asking->asked);
	error = talk(asking, &message, answer, end, NATPMP_AGAIN_MS);
	answer->mapped.address = address;
	return error;
}

static bool is_usable(const struct asking *asking, const struct pcp_answer *answer)
{
	const struct endpoint *mapped = &answer->mapped;

	if (answer->result != PCP_SUCCESS || !asking->asked.seconds)
		return answer->result == PCP_SUCCESS;
	return mapped->port && answer->seconds && !special_is_unusable(&mapped->address) &&
	       mapped->address.family == asking->asked.local.address.family;
}

/* NAT-PMP is tried after any failure of PCP, unless nothing listens on the port, which is the same
 * for both. If both fail, PCP's answer is reported, because it has more details. */
static int ask(struct asking *asking, struct pcp_answer *answer)
{
	struct message message = {.length = PCP_MAP, .parse = pcp_map_parse};
	struct pcp_answer second;
	bool answered;
	int error;

	asking->protocol = "PCP";
	pcp_map_write(message.bytes, &asking->asked);
	error = talk(asking, &message, answer, probe_clock() + PCP_FOR_MS, PCP_AGAIN_MS);
	if (asking->asked.local.address.family != AF_INET || (error && error != ETIMEDOUT) ||
	    (!error && is_usable(asking, answer)))
		return error;
	answered = !error && answer->result != PCP_VERSION;
	error = natpmp(asking, &second);
	if (!answered || (!error && is_usable(asking, &second))) {
		*answer = second;
		return error;
	}
	if (!error && second.result != answer->result)
		asking->second = second;
	asking->protocol = "PCP";
	return 0;
}

static void refusal_say(const char *router, const char *protocol, const struct pcp_answer *answer)
{
	static const struct { unsigned char result; const char *text; } meanings[] = {
		{PCP_VERSION, "it speaks another version"},
		{PCP_NOT_AUTHORIZED, "it does not allow this port, or another program has it: "
		 "allow PCP or NAT-PMP in its settings"},
		{PCP_OPCODE, "it does not map ports: allow PCP or NAT-PMP in its settings"},
		{PCP_NETWORK, "it is offline: try again when it is online"},
		{PCP_RESOURCES, "it has no free mappings: try again later"},
		{PCP_PROTOCOL, "it does not map UDP ports"},
		{PCP_QUOTA, "this host has too many port mappings: remove one with --unmap"},
		{PCP_EXTERNAL, "it cannot map that port: try without =PORT, or with another -p"},
		{PCP_ADDRESS, "it receives our packets from another address: there is a NAT "
			"between us"},
	};
	const char *text = "it gives no reason";

	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (meanings[i].result == answer->result)
			text = meanings[i].text;
	warnx("%s: refused the %s request, error %u: %s", router, protocol, answer->number, text);
}

static int refused(const struct asking *asking, const struct pcp_answer *answer)
{
	refusal_say(asking->router, asking->protocol, answer);
	if (asking->second.result != PCP_SUCCESS)
		refusal_say(asking->router, "NAT-PMP", &asking->second);
	warnx("if that does not help, forward UDP port %u on the router by hand",
	      (unsigned)asking->asked.local.port);
	return EXIT_BROKE;
}

static int unanswered(const struct asking *asking, int error)
{
	char elsewhere[ADDRESS_TEXT];
	const char *protocols = asking->asked.local.address.family == AF_INET6 ? "PCP"
	                                                                       : "PCP and NAT-PMP";

	if (error != ETIMEDOUT && error != ECONNREFUSED) {
		errno = error;
		warn("%s", asking->router);
		return EXIT_BROKE;
	}
	if (asking->elsewhere.family) {
		address_print(elsewhere, &asking->elsewhere);
		warnx("%s: no answer from this address, but from %s: if that is your router (CARP, "
		      "VRRP), add --router %s", asking->router, elsewhere,
		      elsewhere);
		return EXIT_NO_ANSWER;
	}
	warnx(error == ECONNREFUSED ? "%s: rejects %s requests: enable them on the router, or "
	                              "forward UDP port %u by hand"
	                            : "%s: no answer to %s requests: enable them on the router, or "
	                              "forward UDP port %u by hand",
	      asking->router, protocols, (unsigned)asking->asked.local.port);
	return EXIT_NO_ANSWER;
}

/* Judges a mapping that the router reported. */
static int judge(const struct asking *asking, const struct pcp_answer *answer)
{
	const struct endpoint *mapped = &answer->mapped;
	char text[ENDPOINT_TEXT];

	endpoint_print(text, mapped);
	if (!is_usable(asking, answer)) {
		warnx("%s: answered the %s request with %s for %u s, which cannot be used",
		      asking->router,
		      asking->protocol, text, (unsigned)answer->seconds);
		return EXIT_NO_ANSWER;
	}
	warnx("%s: maps %s to here for %u s, by %s", asking->router, text,
	      (unsigned)answer->seconds, asking->protocol);
	if (mapped->port != asking->asked.port)
		warnx("requested port %u, got another: give the peer port %u",
		      (unsigned)asking->asked.port, (unsigned)mapped->port);
	return EXIT_OK;
}

/* Finds the router: the given one, or that of the default route. */
static int router_find(struct route *route, const struct address *given, sa_family_t family,
                       const struct address *local)
{
	bool link_local = given->family == AF_INET6 && given->bytes[0] == 0xfe;
	int error = route_find(route, family, local,
	                       given->family && !link_local ? given : NULL);

	if (error) {
		errno = error;
		warn(given->family ? "route to --router" : "default route");
		return EXIT_BROKE;
	}
	if (given->family)
		route->router = *given;
	if (route->router.family && route->local.family)
		return EXIT_OK;
	warnx("the default route has no router to ask");
	return EXIT_BROKE;
}

/* Two sockets on one port: one connected to the router, one for packets from other addresses. */
static int sockets_bind(struct asking *asking, const struct address *local)
{
	struct sockaddr_storage name;
	socklen_t length = endpoint_to_sockaddr(&name, &(struct endpoint){*local, 0});
	int *sockets[] = {&asking->fd, &asking->other}, one = 1;

	for (int i = 0; i < 2; i++) {
		int fd = socket(local->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		*sockets[i] = fd;
		if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
		    bind(fd, (struct sockaddr *)&name, length) != 0 ||
		    getsockname(fd, (struct sockaddr *)&name, &(socklen_t){sizeof name}) != 0)
			return errno;
	}
	return 0;
}

static int router_open(struct asking *asking, struct address *local, sa_family_t family,
                       const struct address *given)
{
	struct sockaddr_storage name;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&name;
	struct route route;
	socklen_t length;
	int status = router_find(&route, given, family, local);

	if (status != EXIT_OK)
		return status;
	address_print(asking->router, &route.router);
	*local = route.local;
	errno = sockets_bind(asking, local);
	if (errno) {
		warn("%s", address_print(asking->router, local));
		return EXIT_BROKE;
	}
	length = endpoint_to_sockaddr(&name, &(struct endpoint){route.router, PCP_PORT});
	if (family == AF_INET6 && route.router.bytes[0] == 0xfe)
		six->sin6_scope_id = route.interface;
	if (connect(asking->fd, (struct sockaddr *)&name, length) != 0) {
		warn("%s", asking->router);
		return EXIT_BROKE;
	}
	return EXIT_OK;
}

/* IPv4 first, because it has the NATs. */
static sa_family_t family_choose(struct address *local)
{
	struct route route = {.interface = 0};

	if (route_find(&route, AF_INET, local, NULL) != 0 &&
	    route_find(&route, AF_INET6, local, NULL) == 0)
		return AF_INET6;
	return AF_INET;
}

int map_ask(const struct probe *probe, struct endpoint *local, struct endpoint *mapped)
{
	struct asking asking = {.fd = -1, .other = -1};
	struct pcp_answer answer;
	sa_family_t family = local->address.family;
	int status, error;

	memset(mapped, 0, sizeof *mapped);
	if (!family)
		family = probe->router.family;
	if (!family)
		family = family_choose(&local->address);
	status = router_open(&asking, &local->address, family, &probe->router);
	if (status == EXIT_OK) {
		asking.asked.local = *local;
		if (!probe->unmap) {
			asking.asked.port = probe->outside ? probe->outside : local->port;
			asking.asked.seconds = LEASE_SECONDS;
		}
		nonce_make(asking.asked.nonce, local);
		error = ask(&asking, &answer);
		if (error)
			status = unanswered(&asking, error);
		else if (answer.result != PCP_SUCCESS)
			status = refused(&asking, &answer);
	}
	if (status == EXIT_OK && probe->unmap)
		warnx("%s: removed the mapping of port %u", asking.router, (unsigned)local->port);
	else if (status == EXIT_OK) {
		status = judge(&asking, &answer);
		if (status != EXIT_NO_ANSWER)
			*mapped = answer.mapped;
	}
	if (asking.fd >= 0)
		close(asking.fd);
	if (asking.other >= 0)
		close(asking.other);
	return status;
}

int map(const struct probe *probe)
{
	struct endpoint local = probe->local, mapped;
	char text[ADDRESS_TEXT];
	int status;

	ids_take(&probe->ids);
	status = map_ask(probe, &local, &mapped);
	if (!mapped.address.family)
		return status;
	if (special_is_private(&mapped.address)) {
		warnx("%s is in %s, not public: there is another NAT beyond the router; only peers "
		      "on this side of it can use this endpoint",
		      address_print(text, &mapped.address), special_find(&mapped.address)->text);
		status = EXIT_NAT;
	}
	return probe_print_word(&local, &mapped) ? status : EXIT_BROKE;
}
