/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Chooses the tests for each peer. */
#include "check.h"
#include "say.h"
#include "words.h"

#include <err.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL_COUNT = 10,
	BIG_COUNT = 3,
	LADDER_COUNT = 2,
	NEAR_COUNT = 3,
	/* Ports that are hardly ever used: discard, and the first one of traceroute(8). */
	TCP_PORT = 9,
	UDP_PORT = 33434,
	MTU_LEAST = 200,
};

/* ---- The script's tests ---- */

/* `ping -c 3 -I FROM TO`, `nc -z -v -w 3 -s FROM TO PORT`, or a comment. */
static void read_row(struct evidence_peer *peer, struct check_peer *more, const char *row)
{
	char *copy = strdup(row), *words[10];
	unsigned long port = 0;
	size_t count;

	if (!copy)
		err(EXIT_BROKE, "memory");
	text_add_string(&more->row, row + strspn(row, "# \t"));
	peer->test = TEST_NONE;
	peer->row = more->row.bytes;
	count = words_split(copy, words, 10);
	if (count == 6 && strcmp(words[0], "ping") == 0 &&
	    address_parse(&peer->from, words[4], "tests") &&
	    address_parse(&peer->to, words[5], "tests"))
		peer->test = TEST_ECHO;
	if (count == 9 && strcmp(words[0], "nc") == 0 &&
	    address_parse(&peer->from, words[6], "tests") &&
	    address_parse(&peer->to, words[7], "tests"))
		port = strtoul(words[8], NULL, 10);
	if (port > 0 && port <= UINT16_MAX) {
		peer->test = TEST_TCP;
		more->port = (uint16_t)port;
	}
	free(copy);
}

static bool read_tests(struct check *check)
{
	struct keep *keep = &check->look.keep;
	struct text rows = { 0 };
	bool good = page_rows(&rows, &keep->page, PAGE_TESTS, &keep->section, NULL);
	char *rest = rows.bytes, *row;

	for (size_t i = 0; good && i < keep->page.peer_count && (row = strsep(&rest, "\n")); i++)
		read_row(&check->peers[i], &check->more[i], row);
	text_free(&rows);
	return good;
}

/* ---- The target ---- */

/* The peer's network with the longest prefix that contains the address; -1: none. */
static int match(const struct check *check, size_t peer, const struct address *address)
{
	const struct page_nets *nets = &check->look.keep.page.other_nets;
	const struct section_peer *other = &check->look.keep.section.peers[peer];
	int longest = -1;

	if (!nets->count)
		return address_equal(&other->there.address, address) ? 128 : -1;
	for (size_t i = 0; i < nets->count; i++)
		if (nets->list[i].peer == peer && prefix_contains(&nets->list[i].prefix, address) &&
		    (int)nets->list[i].prefix.length > longest)
			longest = (int)nets->list[i].prefix.length;
	return longest;
}

static bool find_target(struct check *check, const char *text)
{
	int longest = -1;

	if (!address_parse(&check->target, text, "check"))
		return false;
	for (size_t i = 0; i < check->look.keep.page.peer_count; i++) {
		int one = match(check, i, &check->target);

		if (one > longest) {
			longest = one;
			check->target_peer = i;
		}
	}
	return longest >= 0 ||
	       refuse(NULL, "'%s': not in a network of another side (expected an address there)",
	              shown(text));
}

static bool is_host(const struct check *check, size_t peer, const struct address *address)
{
	return match(check, peer, address) >= (int)family_bits(address->family);
}

/* The script's test may be of the other address family. */
static void take_target(struct evidence_peer *peer, const struct address *target)
{
	struct kernel_route route;

	peer->to = *target;
	if (peer->from.family != target->family && !kernel_route_to(&route, target, NULL, 0, 0))
		peer->from = route.source;
}

bool check_choose(struct check *check, const char *target)
{
	if (!read_tests(check) || (target && !find_target(check, target)))
		return false;
	for (size_t i = 0; i < check->look.keep.page.peer_count; i++) {
		struct evidence_peer *peer = &check->peers[i];

		peer->target = target && i == check->target_peer;
		peer->guessed = peer->test != TEST_NONE && !peer->target &&
		                !is_host(check, i, &peer->to);
		if (!peer->target)
			continue;
		check->more[i].near = peer->to;
		take_target(peer, &check->target);
	}
	return true;
}

/* ---- Trials ---- */

static bool covers(const struct policy *policy, const struct trial *trial, uint8_t proto)
{
	return policy->direction == DIRECTION_OUT && policy->action == ACTION_TUNNEL &&
	       (!policy->proto || policy->proto == proto) && !policy->src.port &&
	       (!policy->dst.port || policy->dst.port == trial->port) &&
	       prefix_contains(&policy->src.prefix, &trial->from) &&
	       prefix_contains(&policy->dst.prefix, &trial->to);
}

/* Sends nothing outside the selectors, because it would leave in clear text. A policy that the
 * kernel does not have does not count. */
static bool is_carried(const struct check *check, const struct trial *trial)
{
	static const uint8_t protocols[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP };
	const struct keep *keep = &check->look.keep;
	const uint8_t proto = trial->kind == TRIAL_ECHO && trial->to.family == AF_INET6
	                              ? IPPROTO_ICMPV6
	                              : protocols[trial->kind];

	for (size_t i = 0; i < keep->policy_count; i++)
		if (covers(&keep->policies[i], trial, proto) &&
		    kernel_find_index(&keep->kernel, keep->policies[i].index))
			return true;
	return false;
}

static void add(struct check *check, struct check_trials *trials, size_t peer, struct trial trial)
{
	if (trial.from.family != trial.to.family || !is_carried(check, &trial))
		return;
	if (trials->count == trials->room) {
		trials->room = trials->room ? 2 * trials->room : 16;
		trials->list = reallocarray(trials->list, trials->room, sizeof *trials->list);
		trials->peers = reallocarray(trials->peers, trials->room, sizeof *trials->peers);
		if (!trials->list || !trials->peers)
			err(EXIT_BROKE, "memory");
	}
	trials->peers[trials->count] = peer;
	trials->list[trials->count++] = trial;
}

static struct trial trial_to(const struct evidence_peer *peer, enum trial_kind kind, unsigned count)
{
	return (struct trial){ .kind = kind, .from = peer->from, .to = peer->to, .count = count };
}

static void add_echo(struct check *check, size_t i)
{
	const struct evidence_peer *peer = &check->peers[i];
	struct trial trial = trial_to(peer, TRIAL_ECHO, SMALL_COUNT);

	add(check, &check->trials, i, trial);
	trial.count = BIG_COUNT;
	trial.bytes = check->look.keep.page.mtu;
	add(check, &check->trials, i, trial);
	trial = trial_to(peer, TRIAL_TCP, 1);
	trial.port = TCP_PORT;
	add(check, &check->trials, i, trial);
	trial = trial_to(peer, TRIAL_UDP, 1);
	trial.port = UDP_PORT;
	add(check, &check->trials, i, trial);
}

void check_add_trials(struct check *check)
{
	for (size_t i = 0; i < check->look.keep.page.peer_count; i++) {
		const struct evidence_peer *peer = &check->peers[i];
		struct trial trial = trial_to(peer, TRIAL_TCP, 1);

		if (peer->test == TEST_ECHO)
			add_echo(check, i);
		if (peer->test == TEST_TCP) {
			trial.port = check->more[i].port;
			add(check, &check->trials, i, trial);
		}
		if (peer->target && peer->test == TEST_ECHO) {
			trial = trial_to(peer, TRIAL_ECHO, NEAR_COUNT);
			trial.to = check->more[i].near;
			add(check, &check->trials, i, trial);
		}
	}
}

void check_add_ladder(struct check *check, size_t i)
{
	static const unsigned less[CHECK_LADDER] = { 8, 28, 60, 100, 150, 250, 400, 700 };
	const unsigned mtu = check->look.keep.page.mtu;

	for (unsigned step = 0; step < CHECK_LADDER; step++) {
		struct trial trial = trial_to(&check->peers[i], TRIAL_ECHO, LADDER_COUNT);

		trial.bytes = mtu - less[step];
		if (mtu > less[step] + MTU_LEAST)
			add(check, &check->ladder, i, trial);
	}
}

static void add_burst(struct burst *all, const struct burst *one)
{
	all->sent += one->sent;
	all->answered += one->answered;
	all->error = all->error ? all->error : one->error;
}

static void take_trial(struct check *check, const struct trial *trial, size_t i)
{
	struct evidence_peer *peer = &check->peers[i];
	const bool near = peer->target && !address_equal(&trial->to, &peer->to);

	if (trial->refused_by.family && !near) {
		peer->refused_by = trial->refused_by;
		peer->refused_type = trial->refused_type;
		peer->refused_code = trial->refused_code;
	}
	if (trial->kind != TRIAL_ECHO)
		add_burst(&peer->other, &trial->burst);
	else if (near)
		add_burst(&peer->near, &trial->burst);
	else
		add_burst(trial->bytes ? &peer->big : &peer->small, &trial->burst);
}

void check_take_trials(struct check *check)
{
	for (size_t i = 0; i < check->trials.count; i++)
		take_trial(check, &check->trials.list[i], check->trials.peers[i]);
	for (size_t i = 0; i < check->ladder.count; i++) {
		const struct trial *trial = &check->ladder.list[i];
		struct evidence_peer *peer = &check->peers[check->ladder.peers[i]];

		if (trial->burst.answered && trial->bytes > peer->passes)
			peer->passes = trial->bytes;
	}
}
