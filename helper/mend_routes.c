/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "apply.h"
#include "keep.h"
#include "memory.h"
#include "parts_up.h"
#include "say.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces the device if there is no route to a peer. Rows with it are left out. */
static const char no_device[] = "-";

static const char *device_name(const struct keep *keep, unsigned link)
{
	const struct kernel_link *found = kernel_link_of(&keep->kernel, link);

	return found ? found->name : no_device;
}

/* onlink is needed if the router is in no network of this host, and is harmless otherwise. */
void keep_way(const struct keep *keep, size_t peer, char way[KEEP_WAY], char dev[KEEP_WAY])
{
	const struct address *there = &keep->section.peers[peer].there.address;
	char router[ADDRESS_TEXT];
	struct kernel_route route;
	const char *device;
	bool via;

	if (kernel_route_to(&route, there, NULL, 0, 0))
		route = (struct kernel_route){ .link = 0 };
	device = device_name(keep, route.link);
	via = route.gateway.family != AF_UNSPEC;
	snprintf(way, KEEP_WAY, "way_%zu=dev %s%s%s%s", peer + 1, device, via ? " via " : "",
		 via ? address_print(router, &route.gateway) : "", via ? " onlink" : "");
	snprintf(dev, KEEP_WAY, "dev_%zu=dev %s", peer + 1, device);
}

/* src4=src ADDRESS, src6 likewise: the first address of this host in one of its protected nets. */
static void add_source(const struct keep *keep, sa_family_t family, char out[KEEP_WAY])
{
	const struct page_nets *nets = &keep->page.own_nets;
	char text[ADDRESS_TEXT];

	snprintf(out, KEEP_WAY, "src%c=", family == AF_INET6 ? '6' : '4');
	for (size_t i = 0; i < nets->count; i++)
		for (size_t j = 0; j < keep->kernel.address_count; j++) {
			const struct kernel_address *address = &keep->kernel.addresses[j];

			if (address->address.family != family ||
			    address->scope != RT_SCOPE_UNIVERSE ||
			    !prefix_contains(&nets->list[i].prefix, &address->address))
				continue;
			snprintf(out, KEEP_WAY, "src%c=src %s", family == AF_INET6 ? '6' : '4',
				 address_print(text, &address->address));
			return;
		}
}

/* The page's routes as rows, by the present way to the peers. */
static bool print_routes(struct keep *keep, struct text *out)
{
	const size_t peers = keep->section.peer_count, count = 2 * peers + 2;
	char(*extras)[KEEP_WAY] = memory_rows(count, sizeof *extras);
	const char **list = memory_rows(count, sizeof *list);
	bool good;

	for (size_t i = 0; i < peers; i++)
		keep_way(keep, i, extras[2 * i], extras[2 * i + 1]);
	add_source(keep, AF_INET, extras[2 * peers]);
	add_source(keep, AF_INET6, extras[2 * peers + 1]);
	for (size_t i = 0; i < count; i++)
		list[i] = extras[i];
	good = page_rows(out, &keep->page, PAGE_ROUTES, &keep->section, list);
	free(extras);
	free(list);
	return good;
}

/* The relevant words of a row `route add NET dev DEVICE [via ROUTER] ...`. */
struct wanted {
	char net[PREFIX_TEXT];
	struct prefix prefix;
	char device[16];
	struct address router;
};

static bool parse_row(struct wanted *out, const char *row)
{
	char copy[512], *rest, *word, *value;

	*out = (struct wanted){ .net = "" };
	snprintf(copy, sizeof copy, "%s", row);
	if (!(word = strtok_r(copy, " ", &rest)) || !(word = strtok_r(NULL, " ", &rest)) ||
	    !(word = strtok_r(NULL, " ", &rest)))
		return false;
	snprintf(out->net, sizeof out->net, "%s", word);
	if (!prefix_read(&out->prefix, word))
		return false;
	while ((word = strtok_r(NULL, " ", &rest)) && (value = strtok_r(NULL, " ", &rest))) {
		if (strcmp(word, "dev") == 0)
			snprintf(out->device, sizeof out->device, "%s", value);
		if (strcmp(word, "via") == 0 && address_read(&out->router, value))
			rest += strspn(rest, " ") == 0 && strncmp(rest, "onlink", 6) == 0 ? 6 : 0;
	}
	return true;
}

static bool is_there(const struct keep *keep, const struct wanted *wanted)
{
	const struct kernel_route *route = kernel_find_route(&keep->kernel, &wanted->prefix);

	return route && strcmp(device_name(keep, route->link), wanted->device) == 0 &&
	       (route->gateway.family == AF_UNSPEC
			? wanted->router.family == AF_UNSPEC
			: address_equal(&route->gateway, &wanted->router));
}

/* Adds the differences to BATCH. */
static void compare_row(const struct keep *keep, const char *row, struct text *batch)
{
	struct wanted wanted;

	if (!parse_row(&wanted, row) || strcmp(wanted.device, no_device) == 0 ||
	    is_there(keep, &wanted))
		return;
	if (kernel_find_route(&keep->kernel, &wanted.prefix))
		text_printf(batch, "route delete %s proto %u\n", wanted.net,
			    (unsigned)keep->page.route_proto);
	text_join(batch, row, "\n", NULL);
}

static void say_routes(struct keep *keep, struct text *batch)
{
	struct wanted wanted;
	char *rest;

	for (char *row = strtok_r(batch->bytes, "\n", &rest); row;
	     row = strtok_r(NULL, "\n", &rest))
		if (strncmp(row, "route add ", 10) == 0 && parse_row(&wanted, row) &&
		    is_there(keep, &wanted))
			say_put_back(keep, "route %s dev %s", wanted.net, wanted.device);
}

int mend_routes(struct keep *keep)
{
	const uint8_t protocol = (uint8_t)keep->page.route_proto;
	struct text rows = { 0 }, batch = { 0 };
	struct apply_result result;
	char *rest;

	if (!protocol || !page_has(&keep->page, PAGE_ROUTES))
		return EXIT_OK;
	if (kernel_read_links(&keep->kernel) || kernel_read_addresses(&keep->kernel) ||
	    kernel_read_routes(&keep->kernel, protocol)) {
		refuse(keep->page.name, "cannot read the kernel's routes");
		return EXIT_BROKE;
	}
	if (!print_routes(keep, &rows)) {
		text_free(&rows);
		return EXIT_MISTAKE;
	}
	for (char *row = rows.length ? strtok_r(rows.bytes, "\n", &rest) : NULL; row;
	     row = strtok_r(NULL, "\n", &rest))
		compare_row(keep, row, &batch);
	text_free(&rows);
	result = apply_force(&batch, keep->dry);
	/* A route of another tool to the same net is kept, as at `up`, which reported it. */
	if (result.cause == APPLY_TAKEN)
		result = (struct apply_result){ .cause = APPLY_DONE };
	if (batch.length && !keep->dry && kernel_read_routes(&keep->kernel, protocol) == 0)
		say_routes(keep, &batch);
	text_free(&batch);
	return apply_report(&result, keep->page.name);
}

int up_routes(struct keep *keep)
{
	struct text rows = { 0 }, batch = { 0 };
	struct apply_result result;
	char *rest;

	if (!page_has(&keep->page, PAGE_ROUTES))
		return EXIT_OK;
	if (kernel_read_links(&keep->kernel) || kernel_read_addresses(&keep->kernel)) {
		refuse(keep->page.name, "cannot read the kernel's links and addresses");
		return EXIT_BROKE;
	}
	if (!print_routes(keep, &rows)) {
		text_free(&rows);
		return EXIT_MISTAKE;
	}
	for (char *row = rows.length ? strtok_r(rows.bytes, "\n", &rest) : NULL; row;
	     row = strtok_r(NULL, "\n", &rest)) {
		struct wanted wanted;

		if (parse_row(&wanted, row) && strcmp(wanted.device, no_device) != 0)
			text_join(&batch, row, "\n", NULL);
	}
	text_free(&rows);
	if (!keep->dry)
		keep_say(keep, "adding routes");
	result = apply_force(&batch, keep->dry);
	text_free(&batch);
	if (result.cause == APPLY_DONE)
		return EXIT_OK;
	keep_say(keep, "warning: %s: %s",
		 result.cause == APPLY_TAKEN ? "an existing route was not changed"
					     : "a route could not be added",
		 result.said);
	return EXIT_OK;
}
