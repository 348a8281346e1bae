/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Reads from the kernel and the run folder what parts.c compares. */
#include "keep.h"
#include "parts.h"
#include "number.h"
#include "say.h"
#include "words.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MOST = 1 << 16 }; /* bytes of the run folder's file `undo` */

/* ---- Settings ---- */

/* `put_back OLD PATH`: up changed the setting. It is missing if it has the value OLD again. */
static void add_setting(struct parts *parts, char *line)
{
	struct part part = { .kind = PART_SETTING, .peer = PART_OF_ALL };
	unsigned long long old;
	char *words[3];

	if (words_split(line, words, 3) != 3 || strcmp(words[0], "put_back") != 0 ||
	    !number_parse(&old, words[1], 0, 1) || !mend_is_setting(words[2]))
		return;
	part.present = kernel_sysctl(words[2] + strlen("/proc/sys/")) != (long)old;
	snprintf(part.name, sizeof part.name, "setting %s", words[2]);
	/* A device may have any name. */
	for (char *at = part.name; *at; at++)
		if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
			*at = '?';
	parts_add(parts, &part);
}

static void add_settings(struct parts *parts, const struct run *run)
{
	char *text = malloc(SETTINGS_MOST), *rest = text, *line;

	if (text && run_read(run, "undo", text, SETTINGS_MOST))
		while ((line = strsep(&rest, "\n")))
			add_setting(parts, line);
	free(text);
}

/* ---- The helper ---- */

static bool is_stopped(pid_t pid)
{
	char text[512];
	const char *end;

	process_read(pid, "stat", text, sizeof text);
	end = strrchr(text, ')'); /* after the name, which may contain anything */
	return end && (strncmp(end, ") T ", 4) == 0 || strncmp(end, ") t ", 4) == 0);
}

static bool look_for_helper(struct parts_seen *seen, const struct keep *keep)
{
	const struct endpoint here = { keep->section.here, keep->page.port };
	struct text command = { 0 };
	char recorded[24];
	bool good = true;

	if (!page_has(&keep->page, PAGE_HELPER) ||
	    (run_read(&keep->run, "espdecap", recorded, sizeof recorded) &&
	     strcmp(recorded, "none") == 0))
		return true;
	if (keep_helper(keep, &command)) {
		seen->has_helper = true;
		seen->helper = run_process(&keep->run, "espdecap", command.bytes);
		seen->helper_stopped = seen->helper && is_stopped(seen->helper);
		if (!seen->helper)
			seen->owner = owner_of(&here);
	} else {
		good = false;
	}
	text_free(&command);
	return good;
}

/* ---- Where packets go ---- */

/* This host's address in an own network, of that family and not of host scope: a network of
 * everything contains loopback addresses. NULL: none. */
static const struct address *find_inner(const struct page *page, const struct kernel *kernel,
                                        sa_family_t family)
{
	for (size_t i = 0; i < page->own_nets.count; i++)
		for (size_t j = 0; j < kernel->address_count; j++) {
			const struct kernel_address *address = &kernel->addresses[j];

			if (address->address.family == family &&
			    address->scope == RT_SCOPE_UNIVERSE &&
			    prefix_contains(&page->own_nets.list[i].prefix, &address->address))
				return &address->address;
		}
	return NULL;
}

static bool has_no_xfrm(const char *link)
{
	char name[64];

	snprintf(name, sizeof name, "net/ipv4/conf/%s/disable_xfrm", link);
	return kernel_sysctl(name) > 0 || kernel_sysctl("net/ipv4/conf/all/disable_xfrm") > 0;
}

/* Finds the device for packets to the address, and whether it is the wrong one. */
static bool strays(const struct page *page, const struct kernel *kernel, const struct address *to,
                   char link[16])
{
	const struct address *from = find_inner(page, kernel, to->family);
	struct kernel_route route;
	char found[IF_NAMESIZE] = "";

	if (kernel_route_to(&route, to, from, 0, 0) == 0)
		if_indextoname(route.link, found);
	snprintf(link, 16, "%s", found);
	if (!*link || *page->interface)
		return !*link || strcmp(link, page->interface) != 0;
	return to->family == AF_INET && has_no_xfrm(link);
}

/* The second address of a network, or the last but one. */
static struct address sample(const struct prefix *net, bool last)
{
	const unsigned bits = family_bits(net->address.family);
	struct address out = net->address;

	for (unsigned bit = net->length; last && bit < bits; bit++)
		out.bytes[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	out.bytes[bits / 8 - 1] ^= 1;
	return out;
}

bool parts_strays(const struct page *page, const struct kernel *kernel, const struct prefix *net,
                  char link[16])
{
	const struct address first = sample(net, false), last = sample(net, true);

	/* A network of everything has exemptions. Another one may contain one of this host's links
	 * at one end, so both ends must stray. */
	if (prefix_is_everything(net))
		return false;
	if (prefix_is_host(net))
		return strays(page, kernel, &net->address, link);
	return strays(page, kernel, &first, link) && strays(page, kernel, &last, link);
}

/* ---- All of it ---- */

/* The kernel adds a route for each network of a link. */
bool parts_is_link(const struct kernel_route *route, sa_family_t family)
{
	const struct address *to = &route->to.address;

	if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST || to->family != family ||
	    !route->to.length)
		return false;
	if (family == AF_INET)
		return route->scope == RT_SCOPE_LINK;
	return route->protocol == RTPROT_KERNEL && to->bytes[0] != 0xff &&
	       !(to->bytes[0] == 0xfe && (to->bytes[1] & 0xc0) == 0x80);
}

static bool has_links(const struct page *page)
{
	struct kernel kernel = { 0 };
	bool found = false;

	if (!page->neighbours)
		return false;
	kernel_read_routes(&kernel, RTPROT_UNSPEC);
	for (size_t i = 0; i < page->other_nets.count; i++) {
		const struct prefix *net = &page->other_nets.list[i].prefix;

		for (size_t j = 0; prefix_is_everything(net) && j < kernel.route_count; j++)
			found |= parts_is_link(&kernel.routes[j], net->address.family);
	}
	kernel_free(&kernel);
	return found;
}

static int read_kernel(struct keep *keep)
{
	int error = kernel_read_links(&keep->kernel);

	if (!error)
		error = kernel_read_addresses(&keep->kernel);
	if (!error && keep->page.route_proto)
		error = kernel_read_routes(&keep->kernel, (uint8_t)keep->page.route_proto);
	if (!error)
		return EXIT_OK;
	refuse(keep->page.name, "cannot read the kernel's links, addresses and routes: %s",
	       strerror(error));
	return EXIT_BROKE;
}

int parts_look(struct parts *parts, struct keep *keep)
{
	const struct page *page = &keep->page;
	char *clamp = parts_table(page, "clamp"), *exempt = parts_table(page, "exempt");
	struct parts_seen seen = {
		.clamp = page_has(page, PAGE_CLAMP) ? clamp : NULL,
		.exempt = run_has(&keep->run, "exempt") ? exempt : NULL,
		.has_links = has_links(page),
		.has_route = kernel_has_route,
		.strays = parts_strays,
	};
	int status = read_kernel(keep);

	seen.has_clamp = seen.clamp && kernel_has_table(seen.clamp);
	seen.has_exempt = seen.exempt && kernel_has_table(seen.exempt);
	if (!status && !(look_for_helper(&seen, keep) &&
	                 parts_compare(parts, page, &keep->section, &keep->kernel, &seen)))
		status = EXIT_BROKE;
	if (!status)
		add_settings(parts, &keep->run);
	free(clamp);
	free(exempt);
	return status;
}
