/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints what the servers reported, and classifies the NAT. */
#include "discover.h"
#include "say.h"
#include "special.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

enum {
	STEP_MOST = 5,           /* for a NAT with sequential ports: other hosts may have got ports
	                          * in between */
	SERVER_TEXT = NAME_MOST + ENDPOINT_TEXT + sizeof " ()",
};

/* "stun.example.org (192.0.2.1:3478)", or the part that is known. */
static const char *server_shown(char out[SERVER_TEXT], const struct server *server)
{
	char text[ENDPOINT_TEXT];

	if (!server->endpoint.address.family)
		return server->text;
	endpoint_print(text, &server->endpoint);
	snprintf(out, SERVER_TEXT, server->name[0] ? "%s (%s)" : "%s%s", server->name, text);
	return out;
}

/* Why the type of the NAT is unknown; NULL: it is known. */
static const char *why_unknown(const struct asking *asking, int seen)
{
	const struct server *servers = asking->servers;

	if (asking->given == 1)
		return "only one server was given";
	if (asking->count == 1)
		return "both servers are the same";
	if (seen == 1)
		return "only one server answered usefully";
	if (address_equal(&servers[0].endpoint.address, &servers[1].endpoint.address))
		return "both servers have the same address";
	return NULL;
}

/* Classifies a NAT for which all servers reported MAPPED. */
static void judge_mapped(const struct asking *asking, const struct endpoint *mapped, int seen)
{
	const char *unknown = why_unknown(asking, seen);
	char text[ADDRESS_TEXT], port[40] = "port kept";

	if (mapped->port != asking->local.port)
		snprintf(port, sizeof port, "port changed from %u to %u",
		         (unsigned)asking->local.port, (unsigned)mapped->port);
	if (endpoint_equal(mapped, &asking->local))
		warnx("not behind NAT");
	else if (unknown)
		warnx("behind NAT, %s; its type is unknown (%s): ask two servers with different "
		      "addresses", port, unknown);
	else
		warnx("mapping endpoint-independent (cone NAT), %s", port);
	if (special_is_private(&mapped->address))
		warnx("%s is in %s, not public: there is another NAT beyond this server; ask a "
		      "server on the internet", address_print(text, &mapped->address),
		      special_find(&mapped->address)->text);
}

/* Two servers reported two endpoints, and the peer will see a third one. MAPPED is set
 * nevertheless: if the peer is reachable from the internet, its script uses the port from which
 * packets really arrive. */
static int judge_dependent(const struct asking *asking, struct endpoint *mapped)
{
	const struct endpoint *one = &asking->servers[0].mapped, *two = &asking->servers[1].mapped;
	const struct endpoint *low = one->port > two->port ? two : one;
	const struct endpoint *high = one->port > two->port ? one : two;
	int step = high->port - low->port;

	*mapped = *high;
	warnx("mapping endpoint-dependent (symmetric NAT): this endpoint works only if the peer is "
	      "reachable from the internet. Otherwise try --map, forward UDP port %u on the "
	      "router, or use another network or IPv6",
	      (unsigned)asking->local.port);
	if (address_equal(&low->address, &high->address) && step <= STEP_MOST)
		warnx("the two ports are %d apart, so this NAT numbers them in sequence: the "
		      "peer's --punch also tries the next ten", step);
	return EXIT_NAT;
}

/* Compares the router's mapping ROUTER with SEEN, what the servers reported, or NULL. If the
 * addresses are equal, any host can send to it; if not, there is another NAT beyond the router.
 * Returns true if the router's mapping is to be used. */
static bool judge_router(const struct endpoint *router, const struct endpoint *seen)
{
	char text[2][ENDPOINT_TEXT];

	endpoint_print(text[0], router);
	if (!seen) {
		warnx("only the router reported %s: no server answered", text[0]);
		return true;
	}
	endpoint_print(text[1], seen);
	if (address_equal(&router->address, &seen->address)) {
		if (router->port == seen->port)
			warnx("the servers confirm the router's port mapping: any host can send to "
			      "it, without --punch");
		else
			warnx("packets sent first come from %s, but any host can send to %s, "
			      "without --punch", text[1], text[0]);
		return true;
	}
	warnx("the router mapped %s, but servers report %s: there is another NAT beyond the "
	      "router, perhaps the carrier's; printing what the servers report", text[0], text[1]);
	return false;
}

static void error_say(const char *name, const struct server *server)
{
	static const struct { unsigned number; const char *text; } meanings[] = {
		{300, "it redirects clients to another server"},
		{400, "it does not understand the request"},
		{401, "it requires a password"},
		{403, "it does not serve this host"},
		{420, "it requires an attribute that the request does not have"},
		{500, "it has an internal error"},
	};
	const char *text = "it gives no reason", *instead = "another server";
	char alternate[ENDPOINT_TEXT];

	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (meanings[i].number == server->error)
			text = meanings[i].text;
	if (server->alternate.address.family)
		instead = endpoint_print(alternate, &server->alternate);
	warnx("%s: answered with error %u: %s: ask %s", name, server->error, text, instead);
}

static void server_say(const struct server *server)
{
	char room[SERVER_TEXT], text[ENDPOINT_TEXT];
	const char *name = server_shown(room, server);

	if (server->mapped.address.family)
		warnx("%s sees %s", name, endpoint_print(text, &server->mapped));
	else if (server->nowhere.address.family)
		warnx("%s: answered with %s, which is not a unicast address", name,
		      endpoint_print(text, &server->nowhere));
	else if (server->error)
		error_say(name, server);
	else if (server->elsewhere.address.family)
		warnx("%s: answered from another address, %s, so the answer is ignored: ask %s or "
		      "another server", name, endpoint_print(text, &server->elsewhere), text);
	else if (server->odd)
		warnx("%s: the answer cannot be parsed: ask another server", name);
	else if (server->trouble)
		warnx("%s: %s", name, server->trouble);
	else if (server->refusal)
		warnx("%s: no answer in 8 seconds (last error: %s)", name,
		      strerror(server->refusal));
	else
		warnx("%s: no answer in 8 seconds", name);
}

int discover_judge(const struct asking *asking, const struct endpoint *router,
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
		/* If a server sees the local endpoint itself, but another does not, it is on this
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
