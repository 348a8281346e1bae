/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The steps of `follow`. Each takes the tunnel's lock. */
#include "follow.h"
#include "portmap.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LEASE = 120 }; /* seconds, if the router's answer has no lifetime */

double follow_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool follow_is_over(const struct follow *follow)
{
	const char *name = strrchr(follow->run.path, '/') + 1;
	struct stat now;

	return fstatat(follow->run.above, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	       now.st_dev != follow->folder.st_dev || now.st_ino != follow->folder.st_ino;
}

/* ---- Looking ---- */

static void look_at_peer(struct follow *follow, const struct keep *keep, size_t peer, double now)
{
	uint64_t packets[2] = { 0, 0 };
	size_t count;
	const struct state *states = section_states(&keep->section, peer, &count);

	for (size_t i = 0; i < count; i++) {
		const struct kernel_state *found = kernel_find_state(&keep->kernel, &states[i].dst,
		                                                     states[i].spi);

		if (found && !found->larval && found->state.reqid == states[i].reqid)
			packets[states[i].outbound] += found->packets;
	}
	tick_look(&follow->tick, now, peer, packets[0], packets[1]);
	/* `update-peer` may have changed it. */
	follow->tick.peers[peer].there = keep->section.peers[peer].there;
}

/* The source address towards the first peer. */
static void look_at_local(struct follow *follow, struct keep *keep)
{
	const struct address *there = &keep->section.peers[0].there.address;
	struct kernel_route route;
	bool gone = kernel_read_addresses(&keep->kernel) == 0 &&
	            !kernel_find_address(&keep->kernel, &keep->section.here);

	follow->tick.here = keep->section.here;
	if (kernel_route_to(&route, there, NULL, 0, 0))
		route.source = (struct address){ .family = AF_UNSPEC };
	tick_local(&follow->tick, gone, &route.source);
}

static enum tick_outcome look(struct follow *follow)
{
	struct keep keep;
	const double now = follow_now();
	enum tick_outcome outcome = TICK_FAILED;

	if (keep_open(&keep, follow->script, false, 0) == 0 && keep_look(&keep) == 0 &&
	    keep.section.peer_count == follow->tick.peer_count) {
		for (size_t i = 0; i < keep.section.peer_count; i++)
			look_at_peer(follow, &keep, i, now);
		follow->tick.maps = run_has(&keep.run, "map");
		look_at_local(follow, &keep);
		outcome = TICK_DONE;
	}
	keep_close(&keep);
	return outcome;
}

/* ---- Changing ---- */

static enum tick_outcome outcome_of(int status)
{
	return status ? TICK_FAILED : TICK_DONE;
}

/* Opens the tunnel and takes the lock, if no other process holds it. */
static enum tick_outcome open_locked(struct follow *follow, struct keep *keep, unsigned needs)
{
	int status = keep_open(keep, follow->script, false, KEEP_TRY | KEEP_UP | needs);

	if (status)
		return TICK_FAILED;
	return keep->run.locked ? TICK_DONE : TICK_BUSY;
}

static enum tick_outcome run_verb(struct follow *follow, keep_verb *verb, unsigned needs)
{
	struct keep keep;
	enum tick_outcome outcome = open_locked(follow, &keep, needs);

	if (outcome == TICK_DONE)
		outcome = outcome_of(verb(&keep, 0, NULL));
	keep_close(&keep);
	return outcome;
}

static int record(struct keep *keep, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return keep_record(keep);
}

static enum tick_outcome move_peer(struct follow *follow, size_t peer, const struct endpoint *there)
{
	char before[ENDPOINT_TEXT], now[ENDPOINT_TEXT];
	struct keep keep;
	enum tick_outcome outcome = open_locked(follow, &keep, 0);

	if (outcome == TICK_DONE && !endpoint_equal(&keep.section.peers[peer].there, there)) {
		endpoint_print(before, &keep.section.peers[peer].there);
		outcome = outcome_of(keep_move(&keep, NULL, peer, there));
		if (outcome == TICK_DONE)
			keep_say(&keep, "%s is now at %s (was at %s)", follow->peers[peer].name,
			         endpoint_print(now, there), before);
	}
	keep_close(&keep);
	return outcome;
}

static enum tick_outcome move_to_name(struct follow *follow, size_t peer)
{
	const struct endpoint there = { follow->tick.peers[peer].found,
		                        follow->tick.peers[peer].named_port };

	return move_peer(follow, peer, &there);
}

/* Records the mapping that `down` must remove. */
static void note_map(const struct keep *keep)
{
	char line[PORTMAP_END];

	if (run_has(&keep->run, "map"))
		run_write(&keep->run, "map", portmap_end(line, keep));
}

static enum tick_outcome move_self(struct follow *follow)
{
	char before[ADDRESS_TEXT], now[ADDRESS_TEXT];
	const struct address *here = &follow->tick.local;
	struct keep keep;
	enum tick_outcome outcome = open_locked(follow, &keep, 0);

	if (outcome == TICK_DONE) {
		address_print(before, &keep.section.here);
		outcome = outcome_of(keep_move(&keep, here, 0, NULL));
		note_map(&keep);
		if (!run_has(&keep.run, "moved"))
			run_write(&keep.run, "moved", before);
		if (outcome == TICK_DONE)
			keep_say(&keep, "this host is now at %s (was at %s)",
			         address_print(now, here), before);
	}
	keep_close(&keep);
	return outcome;
}

/* ---- Programs ---- */

static bool start(struct job *job, const struct keep *keep, const char *const *arguments)
{
	char *path = keep_find(keep, "natprobe", "NATPROBE");
	bool good;

	job_end(job);
	good = path && job_start(job, path, arguments);
	free(path);
	return good;
}

/* DNS answers are parsed without root's rights. */
static enum tick_outcome look_up(struct follow *follow, size_t peer)
{
	const char *const arguments[] = { "natprobe",
		                          "-u",
		                          "65534",
		                          "-b",
		                          follow->family == AF_INET6 ? "::" : "0.0.0.0",
		                          "--resolve",
		                          follow->peers[peer].host,
		                          NULL };
	struct keep keep = { .script = follow->script };

	start(&follow->look_ups[peer], &keep, arguments);
	return TICK_DONE;
}

void follow_read_name(struct follow *follow, size_t peer)
{
	struct job *job = &follow->look_ups[peer];
	struct address found;
	int status;

	if (!job_read(job, &status))
		return;
	text_add_string(&job->output, "");
	job->output.bytes[strcspn(job->output.bytes, "\n")] = '\0';
	if (status == 0 && address_parse(&found, job->output.bytes, follow->peers[peer].host) &&
	    found.family == follow->family)
		tick_found(&follow->tick, peer, &found);
	job_end(job);
}

static enum tick_outcome ask_router(struct follow *follow)
{
	struct keep keep;
	struct portmap map;
	int status = keep_open(&keep, follow->script, false, KEEP_UP);

	if (!status) {
		portmap_fill(&map, &keep);
		start(&follow->map, &keep, map.arguments);
	}
	keep_close(&keep);
	return outcome_of(status);
}

/* `... to here for 7200 s, by PCP` */
static unsigned lease_in(const char *text)
{
	const char *at = strstr(text, " to here for ");
	unsigned long lease = at ? strtoul(at + strlen(" to here for "), NULL, 10) : 0;

	return lease > 0 && lease < 1000000 ? (unsigned)lease : LEASE;
}

/* Prints the router's answer, if it changed. */
static void say_mapped(struct follow *follow, const char *word, const char *text)
{
	char *copy;

	if (follow->mapped && strcmp(follow->mapped, word) == 0)
		return;
	copy = text_printable(text);
	fprintf(stderr, "%s: router: %s\n", follow->name, copy);
	free(copy);
	free(follow->mapped);
	follow->mapped = strdup(word);
}

void follow_read_map(struct follow *follow)
{
	struct job *job = &follow->map;
	const char *last;
	int status;

	if (!job_read(job, &status))
		return;
	text_add_string(&job->output, "");
	while (job->output.length && job->output.bytes[job->output.length - 1] == '\n')
		job->output.bytes[--job->output.length] = '\0';
	last = strrchr(job->output.bytes, '\n');
	/* 3: mapped, but there is another NAT beyond the router. */
	if (status == EXIT_OK || status == EXIT_NAT)
		tick_mapped(&follow->tick, follow_now(), lease_in(job->output.bytes));
	say_mapped(follow,
	           status == EXIT_OK || status == EXIT_NAT ? (last ? last + 1 : "") : "none",
	           job->output.bytes);
	job_end(job);
}

/* ---- All ---- */

enum tick_outcome follow_step(struct follow *follow, const struct tick_step *step)
{
	switch (step->action) {
	case TICK_WAIT:
	case TICK_END:
		break;
	case TICK_LOOK:
		return look(follow);
	case TICK_MOVE_PEER:
		return move_peer(follow, step->peer, &follow->tick.peers[step->peer].announced);
	case TICK_MOVE_NAME:
		return move_to_name(follow, step->peer);
	case TICK_MOVE_SELF:
		return move_self(follow);
	case TICK_MEND:
		return run_verb(follow, mend, KEEP_KERNEL);
	case TICK_RECORD:
		return run_verb(follow, record, 0);
	case TICK_REKEY:
		return run_verb(follow, rekey, KEEP_KERNEL);
	case TICK_RESOLVE:
		return look_up(follow, step->peer);
	case TICK_MAP:
		return ask_router(follow);
	}
	return TICK_DONE;
}
