/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Restores objects of `up` that another program removed. */
#include "apply.h"
#include "keep.h"
#include "number.h"
#include "parts.h"
#include "parts_up.h"
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say_put_back(struct keep *keep, const char *format, ...)
{
	va_list arguments;

	fprintf(keep->report, "put back: ");
	va_start(arguments, format);
	vfprintf(keep->report, format, arguments);
	va_end(arguments);
	fprintf(keep->report, "\n");
	keep->put_back = true;
}

/* ---- SAs and policies ---- */

static void say_count(struct keep *keep, const char *verb, unsigned count, const char *one,
		      const char *more, const char *name)
{
	if (!count)
		return;
	fprintf(keep->report, "%s: %u %s of %s\n", verb, count, count == 1 ? one : more, name);
	keep->put_back = true;
}

static void say_change(struct keep *keep, const struct change *change)
{
	for (size_t i = 0; i < keep->section.peer_count; i++) {
		const struct change_peer *peer = &change->peers[i];
		const char *name = keep->section.peers[i].name;

		say_count(keep, "put back", peer->states_added + peer->states_updated, "SA", "SAs", name);
		say_count(keep, "put back", peer->policies_added + peer->policies_updated, "policy",
			  "policies", name);
		say_count(keep, "removed", peer->states_removed, "old SA", "old SAs", name);
	}
}

/* The section is written only if there is something to do. */
static bool differs(struct keep *keep)
{
	struct change change = {
		.wanted = &keep->section,
		.policies = keep->policies,
		.policy_count = keep->policy_count,
		.kernel = &keep->kernel,
	};
	bool any;

	change_plan(&change);
	any = change.batch.length > 0;
	change_report(&change);
	change_free(&change);
	return any;
}

static int mend_xfrm(struct keep *keep)
{
	struct change change = { .conflict_count = 0 };
	int status;

	if (!differs(keep))
		return EXIT_OK;
	keep_tally(keep);
	keep->mends = true;
	status = keep_apply(keep, NULL, false, &change);
	keep->mends = false;
	if (!status && !keep->dry)
		say_change(keep, &change);
	change_free(&change);
	return status;
}

/* ---- Interface and address ---- */

static int mend_link(struct keep *keep)
{
	const struct page *page = &keep->page;
	const struct kernel_link *link = kernel_find_link(&keep->kernel, page->interface);
	struct text batch = { 0 };
	int status;

	if (!page->interface[0] || !page_has(page, PAGE_LINK))
		return EXIT_OK;
	if (link && (strcmp(link->kind, "xfrm") != 0 || link->if_id != page->if_id)) {
		refuse(page->interface, "taken: another tool has an interface of that name");
		return EXIT_BROKE;
	}
	if (link && link->up && link->mtu == page->mtu)
		return EXIT_OK;
	if (link)
		text_printf(&batch, "link set dev %s mtu %u up\n", page->interface,
			    (unsigned)page->mtu);
	else if (!page_rows(&batch, page, PAGE_LINK, &keep->section, NULL))
		return EXIT_MISTAKE;
	status = keep_give(keep, &batch);
	if (!status && !keep->dry)
		say_put_back(keep, "interface %s", page->interface);
	return status;
}

/* An IPv6 address has no label for `down` to find it, so the run folder lists it. */
static int add_address(struct keep *keep)
{
	const struct page *page = &keep->page;
	struct text batch = { 0 };
	char address[ADDRESS_TEXT], row[2 * ADDRESS_TEXT];

	address_print(address, &page->own_address);
	snprintf(row, sizeof row, "address delete %s/%u dev %s", address, (unsigned)page->own_length,
		 page->own_device);
	if (page->own_address.family == AF_INET6 && !page->interface[0] && !keep->dry &&
	    !keep_note(keep, row))
		return EXIT_BROKE;
	text_printf(&batch, "address add %s/%u dev %s%s%s\n", address, (unsigned)page->own_length,
		    page->own_device, page->own_label[0] ? " label " : "", page->own_label);
	return keep_give(keep, &batch);
}

static bool lacks_address(struct keep *keep)
{
	return keep->page.own_address.family && kernel_read_addresses(&keep->kernel) == 0 &&
	       !kernel_find_address(&keep->kernel, &keep->page.own_address);
}

int up_address(struct keep *keep)
{
	char address[ADDRESS_TEXT];

	if (!lacks_address(keep))
		return EXIT_OK;
	if (!keep->dry)
		keep_say(keep, "adding the address %s/%u",
			 address_print(address, &keep->page.own_address),
			 (unsigned)keep->page.own_length);
	return add_address(keep);
}

static int mend_address(struct keep *keep)
{
	char address[ADDRESS_TEXT];
	int status;

	if (!lacks_address(keep))
		return EXIT_OK;
	status = add_address(keep);
	if (!status && !keep->dry)
		say_put_back(keep, "address %s/%u", address_print(address, &keep->page.own_address),
			     (unsigned)keep->page.own_length);
	return status;
}

/* ---- nft tables ---- */

/* The run folder lists those that `up` added. */
static int mend_table(struct keep *keep, const char *kind)
{
	char *name = parts_table(&keep->page, kind);
	int status = EXIT_OK;

	if (run_has(&keep->run, kind) && !kernel_has_table(name)) {
		status = table_add(keep, kind);
		if (!status && !keep->dry)
			say_put_back(keep, "nft table inet %s", name);
	}
	free(name);
	return status;
}

/* ---- Settings ---- */

bool mend_is_setting(const char *path)
{
	static const char *const ends[] = { "/ip_forward", "/conf/all/forwarding",
					    "/send_redirects" };
	size_t length = strlen(path);

	if (strncmp(path, "/proc/sys/net/ipv", strlen("/proc/sys/net/ipv")) != 0 ||
	    strstr(path, ".."))
		return false;
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		if (length > strlen(ends[i]) &&
		    strcmp(path + length - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

/* A line of the file `undo`: put_back OLD PATH. */
static int mend_setting(struct keep *keep, const char *line)
{
	static const char word[] = "put_back ";
	const char *path = line + strlen("put_back 0 ");
	int old;

	if (strncmp(line, word, strlen(word)) != 0 || strlen(line) < strlen("put_back 0 /"))
		return EXIT_OK;
	old = line[strlen(word)] - '0';
	if (path[-1] != ' ' || (old != 0 && old != 1) || !mend_is_setting(path) ||
	    kernel_sysctl(path + strlen("/proc/sys/")) != old)
		return EXIT_OK;
	if (keep->dry) {
		printf("echo %d >%s\n", !old, path);
		return EXIT_OK;
	}
	if (!write_setting(path, !old)) {
		refuse(path, "cannot be written");
		return EXIT_BROKE;
	}
	say_put_back(keep, "%d in %s", !old, path);
	return EXIT_OK;
}

static int mend_settings(struct keep *keep)
{
	enum { MOST = 1 << 16 };
	static char undo[MOST];
	int status = EXIT_OK;
	char *rest;

	if (!run_read(&keep->run, "undo", undo, sizeof undo))
		return EXIT_OK;
	for (char *line = strtok_r(undo, "\n", &rest); line && !status;
	     line = strtok_r(NULL, "\n", &rest))
		status = mend_setting(keep, line);
	return status;
}

/* ---- mend ---- */

static int mend_tables(struct keep *keep)
{
	int status = mend_table(keep, "clamp");

	return status ? status : mend_table(keep, "exempt");
}

static int mend_neighbours(struct keep *keep)
{
	struct parts parts = { 0 };
	bool missing = false;
	int status = EXIT_OK;

	if (!keep->page.neighbours)
		return EXIT_OK;
	if (parts_look(&parts, keep) == 0)
		for (size_t i = 0; i < parts.count; i++)
			missing |= parts.list[i].kind == PART_NEIGHBOURS && !parts.list[i].present;
	parts_free(&parts);
	if (missing)
		status = up_neighbours(keep);
	if (missing && !status && !keep->dry)
		say_put_back(keep, "policies for this host's own links");
	return status;
}

int mend(struct keep *keep, int argc, char **argv)
{
	static int (*const parts[])(struct keep *) = {
		mend_link,       mend_xfrm,     mend_address, mend_routes,
		mend_neighbours, mend_settings, mend_tables,  mend_helper,
	};
	int worst = EXIT_OK;

	(void)argc;
	(void)argv;
	if (kernel_read_links(&keep->kernel) || kernel_read_addresses(&keep->kernel)) {
		refuse(keep->page.name, "cannot read the kernel's interfaces and addresses");
		return EXIT_BROKE;
	}
	/* Restores the rest even if one part fails. */
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		int status = parts[i](keep);

		worst = worst ? worst : status;
	}
	return worst;
}
