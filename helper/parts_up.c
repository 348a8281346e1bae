/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "parts_up.h"
#include "apply.h"
#include "parts.h"
#include "say.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Policies for this host's own links ---- */

/* In, out and fwd, between an own net and the net of a link. */
static void add_pair(struct text *out, const struct page *page, const struct prefix *own,
		     const struct prefix *link, uint32_t *index)
{
	char a[PREFIX_TEXT], b[PREFIX_TEXT];
	const unsigned first = *index;

	if (first - page->neighbours >= PART_NEIGHBOURS_MOST ||
	    own->address.family != link->address.family ||
	    (own->length == link->length && address_equal(&own->address, &link->address)))
		return;
	prefix_print(a, own);
	prefix_print(b, link);
	text_printf(out,
		    "xfrm policy update src %s dst %s dir out index %u priority 2500\n"
		    "xfrm policy update src %s dst %s dir in index %u priority 2500\n"
		    "xfrm policy update src %s dst %s dir fwd index %u priority 2500\n",
		    a, b, first + 1, b, a, first, b, a, first + 2);
	*index += 8;
}

static void add_pairs(struct text *out, const struct page *page, const struct prefix *everything,
		      const struct prefix *link, uint32_t *index)
{
	if (page->guard) {
		add_pair(out, page, everything, link, index);
		return;
	}
	for (size_t i = 0; i < page->own_nets.count; i++)
		add_pair(out, page, &page->own_nets.list[i].prefix, link, index);
}

/* Returns 0 or an errno. */
static int print_neighbours(struct text *out, const struct keep *keep)
{
	const struct page *page = &keep->page;
	struct kernel kernel = { 0 };
	uint32_t index = page->neighbours;
	int error = kernel_read_routes(&kernel, RTPROT_UNSPEC);

	for (size_t i = 0; i < page->other_nets.count; i++) {
		const struct prefix *net = &page->other_nets.list[i].prefix;

		for (size_t j = 0; prefix_is_everything(net) && j < kernel.route_count; j++)
			if (parts_is_link(&kernel.routes[j], net->address.family))
				add_pairs(out, page, net, &kernel.routes[j].to, &index);
	}
	kernel_free(&kernel);
	return error;
}

int up_neighbours(struct keep *keep)
{
	struct text batch = { 0 };

	if (!keep->page.neighbours)
		return EXIT_OK;
	if (print_neighbours(&batch, keep)) {
		text_free(&batch);
		refuse(keep->page.name, "cannot read the kernel's routes");
		return EXIT_BROKE;
	}
	if (batch.length && !keep->dry)
		keep_say(keep, "adding policies: exempt this host's own links");
	return keep_give(keep, &batch);
}

int down_neighbours(struct keep *keep, bool all)
{
	struct text batch = { 0 };

	if (!keep->page.neighbours || (keep->page.guard && !all) ||
	    kernel_read_policies(&keep->kernel))
		return EXIT_OK;
	for (size_t i = 0; i < keep->kernel.policy_count; i++) {
		const struct policy *policy = &keep->kernel.policies[i].policy;

		if (policy->index - keep->page.neighbours < PART_NEIGHBOURS_MOST)
			change_delete_policy(&batch, policy);
	}
	return keep_give(keep, &batch);
}

/* ---- nft tables ---- */

static enum page_function function_of(const char *kind)
{
	return strcmp(kind, "clamp") == 0 ? PAGE_CLAMP : PAGE_EXEMPT;
}

int table_add(struct keep *keep, const char *kind)
{
	char extra[80], *name = parts_table(&keep->page, kind);
	const char *const extras[] = { extra, NULL };
	struct text text = { 0 };
	int status = EXIT_MISTAKE;

	snprintf(extra, sizeof extra, "table=xfrmpair-%s-%s", keep->page.name, keep->page.digest);
	if (!keep->dry) /* in place of the one of another endpoint */
		text_printf(&text, "add table inet %s\ndelete table inet %s\n", name, name);
	if (page_rows(&text, &keep->page, function_of(kind), &keep->section, extras)) {
		struct apply_result result = { .cause = APPLY_DONE };

		if (keep->dry || run_write(&keep->run, kind, ""))
			result = apply_nft(&text, keep->dry);
		else
			result = (struct apply_result){ APPLY_OTHER, EXIT_BROKE, "not noted" };
		status = apply_report(&result, name);
	}
	text_free(&text);
	free(name);
	return status;
}

int up_table(struct keep *keep, const char *kind)
{
	char *name = parts_table(&keep->page, kind);

	if (!keep->dry)
		keep_say(keep, "nft table inet %s", name);
	free(name);
	return table_add(keep, kind);
}

/* `add` comes first, so that a missing table is no error. */
int down_tables(struct keep *keep)
{
	static const char *const kinds[] = { "clamp", "exempt" };
	struct apply_result result;
	struct text text = { 0 };

	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char *name = parts_table(&keep->page, kinds[i]);

		if (keep->dry && run_has(&keep->run, kinds[i]))
			printf("nft delete table inet %s\n", name);
		/* the run folder may be lost */
		else if (!keep->dry && page_has(&keep->page, function_of(kinds[i])) &&
			 (run_has(&keep->run, kinds[i]) || kernel_has_table(name)))
			text_printf(&text, "add table inet %s\ndelete table inet %s\n", name, name);
		free(name);
	}
	result = apply_nft(&text, false);
	text_free(&text);
	return apply_report(&result, keep->page.name);
}
