/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The local address, which may appear late at boot or have changed since the script was made. */
#include "up.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

/* ---- The local address ---- */

/* Finds the route to the first peer; false if there is none. */
static bool find_route(const struct keep *keep, struct kernel_route *route)
{
	return kernel_route_to(route, &keep->section.peers[0].there.address, NULL, 0, 0) == 0;
}

static const struct kernel_address *find_own(struct keep *keep, const struct address *address)
{
	return kernel_read_addresses(&keep->kernel) == 0
	               ? kernel_find_address(&keep->kernel, address)
	               : NULL;
}

static int tell_missing(struct up *up, const struct kernel_address *own, bool routed)
{
	char here[ADDRESS_TEXT], there[ADDRESS_TEXT];

	address_print(here, &up->keep->section.here);
	if (!own)
		return up_stop(up, EXIT_BROKE,
			       "%s is not an address of this host: is this the script of another "
			       "side? (expected --local ADDRESS if the address has changed; new "
			       "scripts with LOCAL@MAPPED if it is the public address)",
			       here);
	if (routed)
		return up_stop(up, EXIT_BROKE,
			       "%s cannot be used yet, or another host has it too: see ip address",
			       here);
	keep_say(up->keep,
		 "warning: no route to %s: no packet can be sent until there is one",
		 address_print(there, &up->keep->section.peers[0].there.address));
	return EXIT_OK;
}

static int await_address(struct up *up)
{
	struct keep *keep = up->keep;
	char here[ADDRESS_TEXT], there[ADDRESS_TEXT];

	for (unsigned left = up->options.wait;; left--) {
		const struct kernel_address *own = find_own(keep, &keep->section.here);
		struct kernel_route route;
		const bool routed = find_route(keep, &route);

		/* Duplicate address detection of this IPv6 address may still run. */
		if (routed && own && !own->tentative)
			return EXIT_OK;
		/* If there is a route, the network is up. */
		if ((routed && !own) || !left)
			return tell_missing(up, own, routed);
		if (left == up->options.wait)
			keep_say(keep, "waiting up to %u s for the address %s and a route to %s",
				 left, address_print(here, &keep->section.here),
				 address_print(there, &keep->section.peers[0].there.address));
		if (!up_wait(up, -1, 1))
			return EXIT_OK;
	}
}

/* The source address towards the first peer. */
static int await_source(struct up *up)
{
	unsigned left = up->keep->dry ? 0 : up->options.wait;
	char there[ADDRESS_TEXT];
	struct kernel_route route;

	for (; !find_route(up->keep, &route) || !route.source.family; left--) {
		if (!left)
			return up_stop(up, EXIT_BROKE, "no route to %s",
				       address_print(there,
						     &up->keep->section.peers[0].there.address));
		if (!up_wait(up, -1, 1))
			return EXIT_OK;
	}
	up->keep->section.here = route.source;
	return EXIT_OK;
}

int up_local(struct up *up)
{
	struct keep *keep = up->keep;
	int status = EXIT_OK;

	keep->section.here = up->options.local;
	if (address_is_any(&up->options.local))
		status = await_source(up);
	else if (!keep->dry)
		status = await_address(up);
	keep_place(&keep->section);
	return status;
}

/* ---- The moved net ---- */

/* Runs `OBJECT add ROW`, and records how to undo it. */
static int add_row(struct keep *keep, const char *object, const char *row)
{
	struct text line = { 0 }, batch = { 0 };
	int status = EXIT_BROKE;

	text_join(&batch, object, " add ", row, "\n", NULL);
	text_join(&line, object, " delete ", row, NULL);
	if (!keep->dry)
		keep_say(keep, "adding %s %s", object, row);
	if (keep->dry || keep_note(keep, line.bytes))
		status = keep_give(keep, &batch);
	text_free(&line);
	text_free(&batch);
	return status;
}

/* If the only own net is an address that the host no longer has, it is added to lo. */
int up_old_net(struct up *up)
{
	struct keep *keep = up->keep;
	const struct page_nets *own = &keep->page.own_nets, *nets = &keep->page.other_nets;
	char net[PREFIX_TEXT], source[ADDRESS_TEXT], way[KEEP_WAY], dev[KEEP_WAY], row[400];
	int status;

	/* If the page has routes, its own net does not follow from the local address. */
	if (page_has(&keep->page, PAGE_ROUTES) || !own->count ||
	    address_equal(&own->list[0].prefix.address, &keep->section.here))
		return EXIT_OK;
	kernel_read_links(&keep->kernel);
	snprintf(row, sizeof row, "%s dev lo", prefix_print(net, &own->list[0].prefix));
	status = add_row(keep, "address", row);
	for (size_t i = 0; i < nets->count && !status; i++) {
		keep_way(keep, nets->list[i].peer, way, dev);
		snprintf(row, sizeof row, "%s %s src %s", prefix_print(net, &nets->list[i].prefix),
		         strchr(way, '=') + 1,
		         address_print(source, &own->list[0].prefix.address));
		status = add_row(keep, "route", row);
	}
	return status;
}
