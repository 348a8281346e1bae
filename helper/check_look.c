/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Collects evidence about a tunnel on this host. */
#include "apply.h"
#include "check.h"
#include "owner.h"
#include "say.h"

#include <err.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- SAs ---- */

static const struct kernel_state *present(const struct keep *keep, const struct state *state)
{
	const struct kernel_state *found = kernel_find_state(&keep->kernel, &state->dst,
	                                                     state->spi);

	return found && !found->larval && found->state.reqid == state->reqid ? found : NULL;
}

static struct check_count count_peer(const struct keep *keep, size_t peer)
{
	struct check_count sum = { 0 };
	size_t count;
	const struct state *states = section_states(&keep->section, peer, &count);

	for (size_t i = 0; i < count; i++) {
		const struct kernel_state *found = present(keep, &states[i]);

		if (!found)
			continue;
		*(states[i].outbound ? &sum.out : &sum.in) += found->packets;
		sum.late += found->late;
		sum.replayed += found->replayed;
		sum.failed += found->failed;
	}
	return sum;
}

/* A rekey meanwhile starts new SAs at 0. */
static uint64_t rise(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static void take_counts(struct check *check, size_t i)
{
	const struct check_count *before = &check->more[i].before;
	const struct check_count now = count_peer(&check->look.keep, i);
	struct evidence_peer *peer = &check->peers[i];

	peer->sent = rise(before->out, now.out);
	peer->received_now = rise(before->in, now.in);
	peer->late = rise(before->late, now.late);
	peer->replayed = rise(before->replayed, now.replayed);
	peer->failed = rise(before->failed, now.failed);
	peer->total_received = now.in;
	peer->total_late = now.late;
}

static void take_outbound(struct check *check, size_t i)
{
	const struct keep *keep = &check->look.keep;
	struct evidence_peer *peer = &check->peers[i];
	size_t count;
	const struct state *states = section_states(&keep->section, i, &count),
			   *out = &states[count - 1];

	peer->has_out = count && present(keep, out);
	peer->spent = count && !peer->has_out && (out->limit_bytes || out->limit_packets);
}

/* ---- What is missing ---- */

static void add_lack(struct check_peer *more, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_lack(struct check_peer *more, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		err(EXIT_BROKE, "memory");
	va_end(arguments);
	more->lacks = reallocarray(more->lacks, more->lack_count + 2, sizeof *more->lacks);
	if (!more->lacks)
		err(EXIT_BROKE, "memory");
	more->lacks[more->lack_count++] = text;
	more->lacks[more->lack_count] = NULL;
}

static void look_for_states(struct check *check, size_t i)
{
	const struct keep *keep = &check->look.keep;
	size_t count;
	const struct state *states = section_states(&keep->section, i, &count);

	for (size_t j = 0; j < count; j++) {
		const struct kernel_state *found = kernel_find_state(&keep->kernel, &states[j].dst,
		                                                     states[j].spi);

		if (!present(keep, &states[j]))
			add_lack(&check->more[i], "SA %s %s, epoch %u%s",
			         states[j].outbound ? "to" : "from", check->peers[i].name,
			         (unsigned)states[j].epoch,
			         found && !found->larval ? " (another tool has its SPI)" : "");
	}
}

static void look_for_policies(struct check *check)
{
	static const char *const directions[] = { "in", "out", "fwd" };
	const struct keep *keep = &check->look.keep;
	char src[PREFIX_TEXT], dst[PREFIX_TEXT];

	for (size_t i = 0; i < keep->policy_count; i++) {
		const struct policy *policy = &keep->policies[i];
		const struct kernel_policy *found = kernel_find_index(&keep->kernel, policy->index);

		if (policy->peer >= keep->page.peer_count ||
		    (found && policy_equal(&found->policy, policy) &&
		     (policy->action != ACTION_TUNNEL || found->plain_template)))
			continue;
		add_lack(&check->more[policy->peer], "policy src %s dst %s dir %s%s",
		         prefix_print(src, &policy->src.prefix),
		         prefix_print(dst, &policy->dst.prefix), directions[policy->direction],
		         kernel_find_selector(&keep->kernel, policy) ? " (another policy has its "
		                                                       "selector)"
		                                                     : "");
	}
}

static void look_for_parts(struct check *check)
{
	const struct parts *parts = &check->look.parts;

	for (size_t i = 0; i < parts->count; i++) {
		const struct part *part = &parts->list[i];

		if (part->present || part->kind == PART_HELPER || part->kind == PART_STRAY)
			continue;
		if (part->kind == PART_HERE || part->kind == PART_ADDRESS) {
			snprintf(check->gone, sizeof check->gone, "%.79s", part->name);
			check->all.gone = check->gone;
			continue;
		}
		for (size_t j = 0; j < check->look.keep.page.peer_count; j++)
			if (part->peer == PART_OF_ALL || part->peer == j)
				add_lack(&check->more[j], "%s", part->name);
	}
}

/* ---- Routes ---- */

static void name_link(char name[16], unsigned index)
{
	char found[IF_NAMESIZE] = "";

	if_indextoname(index, found);
	snprintf(name, 16, "%s", found);
}

/* True if the address is in a network of this side; without networks, if it is the local
 * address. */
static bool is_inside(const struct check *check, const struct address *address,
                      const struct address *from)
{
	const struct page_nets *nets = &check->look.keep.page.own_nets;

	for (size_t i = 0; i < nets->count; i++)
		if (prefix_contains(&nets->list[i].prefix, address))
			return true;
	return !nets->count || address_equal(address, from);
}

static void take_stray(struct check *check, size_t i)
{
	const struct keep *keep = &check->look.keep;
	const struct page_nets *nets = &keep->page.other_nets;
	const struct prefix tested = prefix_of_host(&check->peers[i].to);
	struct check_peer *more = &check->more[i];

	for (size_t j = 0; j <= nets->count; j++) {
		const struct prefix *net = j ? &nets->list[j - 1].prefix : &tested;

		if (j && nets->list[j - 1].peer != i)
			continue;
		if (parts_strays(&keep->page, &keep->kernel, net, more->stray_link)) {
			check->peers[i].stray = prefix_print(more->stray, net);
			break;
		}
	}
	check->peers[i].stray_link = more->stray_link;
}

static void take_routes(struct check *check, size_t i)
{
	struct evidence_peer *peer = &check->peers[i];
	struct check_peer *more = &check->more[i];
	const struct page_nets *nets = &check->look.keep.page.other_nets;
	const struct address *here = &check->look.keep.section.here;
	/* Rules may depend on the source. The kernel refuses a source that the host does not
	 * have. */
	const struct address *own = check->all.gone || address_is_any(here) ? NULL : here;
	struct kernel_route route;

	peer->outer_error = kernel_route_to(&route, &peer->there.address, own, 0, 0);
	name_link(more->outer_link, peer->outer_error ? 0 : route.link);
	peer->outer_link = more->outer_link;
	peer->inner_link = more->inner_link;
	for (size_t j = 0; j < nets->count; j++)
		peer->everything |= nets->list[j].peer == i &&
		                    prefix_is_everything(&nets->list[j].prefix);
	if (peer->test == TEST_NONE)
		return;
	peer->inner_error = kernel_route_to(&route, &peer->to, &peer->from, 0, 0);
	name_link(more->inner_link, peer->inner_error ? 0 : route.link);
	take_stray(check, i);
	if (kernel_route_to(&route, &peer->to, NULL, 0, 0))
		return;
	peer->source = route.source;
	peer->source_inside = is_inside(check, &peer->source, &peer->from);
}

/* ---- Hosts behind this one ---- */

static void take_forwarding(struct check *check, const struct prefix *own)
{
	const bool six = own->address.family == AF_INET6;
	const char *name = six ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";

	if (prefix_is_host(own))
		return;
	check->all.sites = true;
	if (kernel_sysctl(name) == 0)
		check->all.no_forwarding = six ? "/proc/sys/net/ipv6/conf/all/forwarding"
		                               : "/proc/sys/net/ipv4/ip_forward";
}

static bool sends_redirects(const char *link)
{
	char name[64];

	snprintf(name, sizeof name, "net/ipv4/conf/%s/send_redirects", link);
	return kernel_sysctl("net/ipv4/conf/all/send_redirects") > 0 || kernel_sysctl(name) > 0;
}

/* True if the own network is on the outer link. */
static void take_redirects(struct check *check, const struct prefix *own)
{
	const struct kernel *kernel = &check->look.keep.kernel;
	const char *out = check->more[0].outer_link;
	const unsigned link = if_nametoindex(out);

	/* a net of everything is on no link */
	if (own->address.family != AF_INET || prefix_is_host(own) || !own->length || !link ||
	    !sends_redirects(out))
		return;
	for (size_t i = 0; i < kernel->address_count; i++)
		if (kernel->addresses[i].link == link &&
		    prefix_contains(own, &kernel->addresses[i].address)) {
			prefix_print(check->redirects, own);
			check->all.redirects = check->redirects;
		}
}

/* ---- The firewall ---- */

static void run_program(struct text *out, const char *name, const char *argument, const char *more)
{
	const char *const arguments[] = { name, argument, more, NULL };
	char *path = apply_find(name), said[APPLY_SAID];

	text_add_string(out, "");
	if (path && apply_run(path, arguments, NULL, out, said) != 0)
		text_empty(out);
	free(path);
}

static bool has_bytes(const char *path)
{
	FILE *file = fopen(path, "re");
	bool some = file && fgetc(file) != EOF;

	if (file)
		fclose(file);
	return some;
}

static struct firewall_facts facts_of(const struct check *check)
{
	const struct page *page = &check->look.keep.page;
	const struct evidence_peer *first = &check->peers[0];
	struct firewall_facts facts = {
		.outer_family = page->family == AF_INET6 ? AF_INET6 : AF_INET,
		.inner_family = first->from.family == AF_INET6 ? AF_INET6 : AF_INET,
		.port = page->port,
		.outer_link = *check->more[0].outer_link ? check->more[0].outer_link : NULL,
		.inner_link = page->interface,
	};

	if (page->own_nets.count == 1)
		facts.own = page->own_nets.list[0].prefix;
	if (page->other_nets.count == 1)
		facts.other = page->other_nets.list[0].prefix;
	return facts;
}

static void take_firewall(struct check *check)
{
	const struct firewall_facts facts = facts_of(check);
	const bool six = facts.inner_family == AF_INET6;
	const char *names = six ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names";
	struct text nft = { 0 }, iptables = { 0 };
	char *path = apply_find("nft");

	run_program(&nft, "nft", "list", "ruleset");
	text_add_string(&iptables, "");
	/* The old iptables would load its modules just for a question. */
	if (has_bytes(names) || !path)
		run_program(&iptables, six ? "ip6tables-save" : "iptables-save", NULL, NULL);
	free(path);
	firewall_judge(check->firewall, nft.bytes, iptables.bytes, &facts);
	check->all.firewall = check->firewall;
	check->nat_chain = firewall_nat_chain(nft.bytes, iptables.bytes);
	check->all.nat_chain = check->nat_chain;
	text_free(&nft);
	text_free(&iptables);
}

/* ---- The helper ---- */

static bool is_stopped(const struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		if (parts->list[i].kind == PART_HELPER)
			return !parts->list[i].present && parts->helper > 0;
	return false;
}

static enum helper_state helper_state(const struct check *check)
{
	const struct keep *keep = &check->look.keep;
	char pid[24] = "";

	if (!page_has(&keep->page, PAGE_HELPER))
		return HELPER_NONE;
	/* `up --no-helper` */
	if (!run_read(&keep->run, "espdecap", pid, sizeof pid) || strcmp(pid, "none") == 0)
		return HELPER_OTHERS;
	if (!check->look.parts.helper)
		return HELPER_GONE;
	return is_stopped(&check->look.parts) ? HELPER_STOPPED : HELPER_RUNS;
}

static void take_helper(struct check *check)
{
	struct owner owner = { .pid = 0 };
	struct evidence *all = &check->all;

	all->helper = helper_state(check);
	all->helper_pid = check->look.parts.helper;
	keep_helper(&check->look.keep, &check->helper);
	text_add_string(&check->helper, "");
	all->helper_command = check->helper.bytes;
	if (all->port)
		owner = owner_of(&all->here);
	all->owned = owner.found;
	all->owner = owner.pid;
	snprintf(all->owner_name, sizeof all->owner_name, "%s", owner.name);
}

/* ---- Before and after ---- */

void check_look_before(struct check *check)
{
	kernel_read_states(&check->look.keep.kernel);
	for (size_t i = 0; i < check->look.keep.page.peer_count; i++)
		check->more[i].before = count_peer(&check->look.keep, i);
	kernel_read_counters(&check->before);
}

static void take_counters(struct check *check)
{
	kernel_read_counters(&check->moved);
	for (size_t i = 0; i < check->moved.count; i++) {
		struct kernel_counter *row = &check->moved.rows[i];

		check->all.counted |= strncmp(row->name, "Xfrm", 4) == 0;
		row->value = rise(kernel_counter(&check->before, row->name), row->value);
	}
	check->all.moved = &check->moved;
}

/* `follow` records the previous local address. */
static void take_move(struct check *check)
{
	char text[ADDRESS_TEXT] = "";

	if (run_read(&check->look.keep.run, "moved", text, sizeof text))
		address_parse(&check->all.moved_from, text, "moved");
}

static void take_peer(struct check *check, size_t i)
{
	const struct status_peer *status = &check->look.status.peers[i];
	struct evidence_peer *peer = &check->peers[i];

	peer->received = status->ways[WAY_IN].total.packets; /* hellos do not count */
	peer->age = status->age;
	peer->used_up = status->used_up;
	peer->punched = i == 0 && run_punched(&check->look.keep.run);
	take_counts(check, i);
	take_outbound(check, i);
	look_for_states(check, i);
	take_routes(check, i);
	peer->wire = check->wires[i];
}

void check_look_after(struct check *check)
{
	const struct page *page = &check->look.keep.page;

	kernel_read_states(&check->look.keep.kernel);
	take_counters(check);
	look_for_policies(check);
	look_for_parts(check);
	for (size_t i = 0; i < page->peer_count; i++)
		take_peer(check, i);
	for (size_t i = 0; i < page->own_nets.count; i++) {
		take_forwarding(check, &page->own_nets.list[i].prefix);
		take_redirects(check, &page->own_nets.list[i].prefix);
	}
	take_firewall(check);
	take_helper(check);
	take_move(check);
	for (size_t i = 0; i < page->peer_count; i++)
		check->peers[i].lacks = check->more[i].lacks;
}
