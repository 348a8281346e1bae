/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "counts.h"
#include "memory.h"
#include "number.h"
#include "say.h"
#include "words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const way_words[] = { "in", "out" };

/* ---- The record's text ---- */

static bool find_peer(size_t *out, const struct page *page, const char *name)
{
	for (size_t i = 0; i < page->peer_count; i++)
		if (strcmp(page->peers[i].name, name) == 0) {
			*out = i;
			return true;
		}
	return false;
}

static bool parse_numbers(uint64_t *numbers, char **words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned long long number;

		if (!number_parse(&number, words[i], 0, UINT64_MAX))
			return false;
		numbers[i] = number;
	}
	return true;
}

/* `peer NAME PACKETS BYTES PACKETS BYTES RECEIVED`: in, then out, of removed SAs. */
static void parse_peer(struct counts_peer *peer, char **words)
{
	uint64_t numbers[5];

	if (!parse_numbers(numbers, words, 5))
		return;
	peer->gone[WAY_IN] = (struct count){ numbers[0], numbers[1] };
	peer->gone[WAY_OUT] = (struct count){ numbers[2], numbers[3] };
	peer->received = (time_t)numbers[4];
}

/* `in NAME SPI PACKETS BYTES`, or `out`: an SA at the last update. */
static void parse_sa(struct counts *counts, size_t peer, enum way way, char **words)
{
	uint64_t numbers[3];

	if (parse_numbers(numbers, words, 3))
		counts->sas[counts->sa_count++] = (struct counts_sa){
			peer, way, (uint32_t)numbers[0], { numbers[1], numbers[2] }
		};
}

static void parse_line(struct counts *counts, const struct page *page, char *line)
{
	char *words[7];
	size_t count = words_split(line, words, 7), peer;

	if (count < 5 || !find_peer(&peer, page, words[1]))
		return;
	if (count == 7)
		parse_peer(&counts->peers[peer], words + 2);
	for (unsigned way = 0; count == 5 && way < WAYS; way++)
		if (strcmp(words[0], way_words[way]) == 0)
			parse_sa(counts, peer, way, words + 2);
}

static size_t count_lines(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

void counts_parse(struct counts *counts, const struct page *page, char *text)
{
	char *line;

	*counts = (struct counts){ .peer_count = page->peer_count };
	counts->peers = memory_rows(page->peer_count, sizeof *counts->peers);
	counts->sas = memory_rows(count_lines(text), sizeof *counts->sas);
	while ((line = strsep(&text, "\n")))
		parse_line(counts, page, line);
}

void counts_print(struct text *out, const struct counts *counts, const struct page *page)
{
	for (size_t i = 0; i < counts->peer_count; i++) {
		const struct counts_peer *row = &counts->peers[i];

		text_printf(out,
		            "peer %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		            page->peers[i].name, row->gone[WAY_IN].packets, row->gone[WAY_IN].bytes,
		            row->gone[WAY_OUT].packets, row->gone[WAY_OUT].bytes,
		            (uint64_t)row->received);
	}
	for (size_t i = 0; i < counts->sa_count; i++) {
		const struct counts_sa *row = &counts->sas[i];

		text_printf(out, "%s %s %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", way_words[row->way],
		            page->peers[row->peer].name, row->spi, row->count.packets,
		            row->count.bytes);
	}
}

void counts_free(struct counts *counts)
{
	free(counts->peers);
	free(counts->sas);
	*counts = (struct counts){ 0 };
}

/* ---- A look at the kernel ---- */

static void add(struct count *sum, struct count more)
{
	sum->packets += more.packets;
	sum->bytes += more.bytes;
}

static const struct counts_sa *find_sa(const struct counts *counts, const struct counts_sa *wanted)
{
	for (size_t i = 0; i < counts->sa_count; i++) {
		const struct counts_sa *sa = &counts->sas[i];

		if (sa->spi == wanted->spi && sa->peer == wanted->peer && sa->way == wanted->way)
			return sa;
	}
	return NULL;
}

struct reqid {
	uint32_t reqid;
	size_t peer;
};

static int by_reqid(const void *one, const void *two)
{
	uint32_t a = ((const struct reqid *)one)->reqid, b = ((const struct reqid *)two)->reqid;

	return (a > b) - (a < b);
}

/* The last time that one of the peer's inbound policies passed a packet. All kernels record it;
 * only from Linux 6.2 on they also do for inbound SAs. */
static time_t last_passed(const struct counts_look *look, size_t peer)
{
	uint64_t last = 0;

	for (size_t i = 0; i < look->policy_count; i++) {
		const struct policy *policy = &look->policies[i];
		const struct kernel_policy *found;

		if (policy->peer != peer || policy->direction == DIRECTION_OUT ||
		    policy->action != ACTION_TUNNEL)
			continue;
		found = kernel_find_index(look->kernel, policy->index);
		if (found && found->use_time > last)
			last = found->use_time;
	}
	return (time_t)last;
}

/* True if an inbound SA passed packets since the last update. */
static void take_received(struct counts_peer *peer, const struct kernel_state *state,
                          const struct counts_look *look, size_t index)
{
	time_t last = (time_t)state->last_used;

	if (!last)
		last = last_passed(look, index);
	if (!last || last > look->now) /* unknown, or the clock was set back */
		last = look->now;
	if (last > peer->received || peer->received > look->now)
		peer->received = last;
}

static void take_state(struct counts *counts, const struct counts *before,
                       const struct kernel_state *state, size_t peer,
                       const struct counts_look *look)
{
	struct counts_sa row = {
		.peer = peer,
		.way = address_equal(&state->state.src, &look->section->here) ? WAY_OUT : WAY_IN,
		.spi = state->state.spi,
		.count = { state->packets, state->bytes },
	};
	const struct counts_sa *was = find_sa(before, &row);

	if (row.way == WAY_IN && row.count.packets &&
	    (!was || was->count.packets != row.count.packets))
		take_received(&counts->peers[peer], state, look, peer);
	counts->sas[counts->sa_count++] = row;
}

/* The counts of removed or restarted SAs are kept. */
static void keep_gone(struct counts *counts, const struct counts *before)
{
	for (size_t i = 0; i < before->sa_count; i++) {
		const struct counts_sa *was = &before->sas[i], *is = find_sa(counts, was);

		if (!is || is->count.packets < was->count.packets)
			add(&counts->peers[was->peer].gone[was->way], was->count);
	}
}

void counts_look(struct counts *counts, const struct counts_look *look)
{
	struct counts before = *counts;
	struct reqid *reqids = memory_rows(look->page->peer_count, sizeof *reqids);

	for (size_t i = 0; i < look->page->peer_count; i++)
		reqids[i] = (struct reqid){ look->page->peers[i].reqid, i };
	qsort(reqids, look->page->peer_count, sizeof *reqids, by_reqid);
	counts->sas = memory_rows(look->kernel->state_count, sizeof *counts->sas);
	counts->sa_count = 0;
	for (size_t i = 0; i < look->kernel->state_count; i++) {
		const struct kernel_state *state = &look->kernel->states[i];
		const struct reqid *found =
			bsearch(&(struct reqid){ state->state.reqid, 0 }, reqids,
		                look->page->peer_count, sizeof *reqids, by_reqid);

		if (found && !state->larval)
			take_state(counts, &before, state, found->peer, look);
	}
	keep_gone(counts, &before);
	free(before.sas);
	free(reqids);
}

struct count counts_total(const struct counts *counts, size_t peer, enum way way)
{
	struct count sum = counts->peers[peer].gone[way];

	for (size_t i = 0; i < counts->sa_count; i++)
		if (counts->sas[i].peer == peer && counts->sas[i].way == way)
			add(&sum, counts->sas[i].count);
	return sum;
}
