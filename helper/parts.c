/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "parts.h"
#include "memory.h"
#include "say.h"
#include "text.h"
#include "words.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


struct part *parts_add(struct parts *parts, const struct part *part)
{
	parts->list = memory_more(parts->list, parts->count, &parts->room, sizeof *parts->list);
	parts->list[parts->count] = *part;
	return &parts->list[parts->count++];
}

static struct part *add(struct parts *parts, enum part_kind kind, bool present, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

static struct part *add(struct parts *parts, enum part_kind kind, bool present, const char *format,
                        ...)
{
	struct part part = { .kind = kind, .present = present, .peer = PART_OF_ALL };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(part.name, sizeof part.name, format, arguments);
	va_end(arguments);
	return parts_add(parts, &part);
}

/* ---- Addresses and interface ---- */

static void add_addresses(struct parts *parts, const struct page *page,
                          const struct section *section, const struct kernel *kernel)
{
	char text[ADDRESS_TEXT];

	if (!address_is_any(&section->here))
		add(parts, PART_HERE, kernel_find_address(kernel, &section->here),
		    "local address %s", address_print(text, &section->here));
	if (page->own_address.family != AF_UNSPEC)
		add(parts, PART_ADDRESS, kernel_find_address(kernel, &page->own_address),
		    "address %s/%u", address_print(text, &page->own_address),
		    (unsigned)page->own_length);
}

static void add_interface(struct parts *parts, const struct page *page, const struct kernel *kernel)
{
	const struct kernel_link *link = kernel_find_link(kernel, page->interface);
	const char *trouble = "";

	if (!*page->interface)
		return;
	if (link && (strcmp(link->kind, "xfrm") != 0 || link->if_id != page->if_id))
		trouble = " (another interface has its name)";
	else if (link && !link->up)
		trouble = " (it is down)";
	add(parts, PART_INTERFACE, link && !*trouble, "interface %s%s", page->interface, trouble);
}

/* ---- Routes ---- */

/* The peer whose net it is. */
static size_t peer_of(const struct page *page, const struct prefix *to)
{
	for (size_t i = 0; i < page->other_nets.count; i++) {
		const struct page_net *net = &page->other_nets.list[i];

		if (net->prefix.length == to->length &&
		    address_equal(&net->prefix.address, &to->address))
			return net->peer;
	}
	return PART_OF_ALL;
}

static bool add_route(struct parts *parts, const struct page *page, const struct kernel *kernel,
                      const struct parts_seen *seen, const char *net)
{
	struct prefix to;
	bool present;
	char link[16];

	if (!prefix_parse(&to, net, page->path))
		return false;
	present = kernel_find_route(kernel, &to);
	/* With an interface, a route of another program bypasses the tunnel. */
	if (!present && !*page->interface)
		present = seen->has_route && seen->has_route(&to);
	if (present && seen->strays && seen->strays(page, kernel, &to, link))
		add(parts, PART_STRAY, false, "route to %s (packets go %s%s)", net,
		    *link ? "through " : "nowhere", link)
			->peer = peer_of(page, &to);
	else
		add(parts, PART_ROUTE, present, "route to %s", net)->peer = peer_of(page, &to);
	return true;
}

/* One line `route add NET ...` each; the rest is determined at each `up`. */
static bool add_routes(struct parts *parts, const struct page *page, const struct kernel *kernel,
                       const struct parts_seen *seen)
{
	struct lines lines = page->rows[PAGE_ROUTES];
	const char *line;
	size_t length;

	while (lines.at && line_next(&lines, &line, &length)) {
		char row[96], *words[3];

		snprintf(row, sizeof row, "%.*s", (int)length, line);
		if (words_split(row, words, 3) >= 3 && strcmp(words[0], "route") == 0 &&
		    !add_route(parts, page, kernel, seen, words[2]))
			return false;
	}
	return true;
}

/* ---- The rest ---- */

static void add_neighbours(struct parts *parts, const struct page *page,
                           const struct kernel *kernel, const struct parts_seen *seen)
{
	bool present = false;

	if (!page->neighbours || !seen->has_links)
		return;
	for (size_t i = 0; i < kernel->policy_count && !present; i++)
		present = kernel->policies[i].policy.index - page->neighbours < PART_NEIGHBOURS_MOST;
	add(parts, PART_NEIGHBOURS, present, "policies for this host's own links");
}

static void add_helper(struct parts *parts, const struct parts_seen *seen)
{
	parts->helper = seen->helper;
	if (!seen->has_helper)
		return;
	if (seen->helper_stopped)
		add(parts, PART_HELPER, false, "espdecap (pid %d is stopped)", (int)seen->helper);
	else if (seen->owner.pid)
		add(parts, PART_HELPER, false, "espdecap (%s, pid %d, has its port)",
		    seen->owner.name, (int)seen->owner.pid);
	else
		add(parts, PART_HELPER, seen->helper > 0, "espdecap%s",
		    seen->owner.found ? " (another process has its port)" : "");
}

char *parts_table(const struct page *page, const char *kind)
{
	char *name;

	if (asprintf(&name, "xfrmpair-%s-%s-%s", page->name, page->digest, kind) < 0)
		err(EXIT_BROKE, "memory");
	return name;
}

bool parts_compare(struct parts *parts, const struct page *page, const struct section *section,
                   const struct kernel *kernel, const struct parts_seen *seen)
{
	add_addresses(parts, page, section, kernel);
	add_interface(parts, page, kernel);
	if (!add_routes(parts, page, kernel, seen))
		return false;
	add_neighbours(parts, page, kernel, seen);
	if (seen->clamp)
		add(parts, PART_TABLE, seen->has_clamp, "nft table inet %s", seen->clamp);
	if (seen->exempt)
		add(parts, PART_TABLE, seen->has_exempt, "nft table inet %s", seen->exempt);
	add_helper(parts, seen);
	return true;
}

void parts_free(struct parts *parts)
{
	free(parts->list);
	*parts = (struct parts){ 0 };
}
