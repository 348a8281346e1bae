/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "check.h"
#include "announce.h"
#include "keep.h"
#include "memory.h"
#include "say.h"
#include "wire.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PACKET = 256,            /* bytes of one that are looked at */
	LOOK_UPS = 16,           /* names at a time */
	LOOK_UP_PATIENCE = 2500, /* ms */
};

/* ---- Begin and end ---- */

static void begin_peer(struct check *check, size_t i)
{
	const struct section_peer *other = &check->look.keep.section.peers[i];

	check->more[i].name.fd = -1;
	check->peers[i] = (struct evidence_peer){
		.name = check->look.keep.page.peers[i].name,
		.there = other->there,
		.host = check->look.keep.page.peers[i].host,
		.derived = other->derived,
		.heard = other->heard,
		.row = "",
	};
}

static void prepare(struct check *check)
{
	const struct keep *keep = &check->look.keep;
	const struct page *page = &keep->page;

	check->peers = memory_rows(page->peer_count, sizeof *check->peers);
	check->more = memory_rows(page->peer_count, sizeof *check->more);
	check->wires = memory_rows(page->peer_count, sizeof *check->wires);
	for (size_t i = 0; i < page->peer_count; i++)
		begin_peer(check, i);
	check->inner_link = *page->interface ? if_nametoindex(page->interface) : 0;
	check->all = (struct evidence){
		.script = page->path,
		.name = page->name,
		.digest = page->digest,
		.own_words = *page->fingerprint,
		.peer_count = page->peer_count,
		.mtu = page->mtu,
		.path_mtu = page->path_mtu,
		.port = page->port,
		.transport = page->transport,
		.guard = page->guard,
		.can_exempt = page->exempt,
		.interface = page->interface,
		.here = { keep->section.here, page->port },
		.mapped = page->mapped,
	};
}

static void end_trials(struct check_trials *trials)
{
	free(trials->list);
	free(trials->peers);
}

static void dispose(struct check *check)
{
	for (size_t i = 0; check->more && i < check->look.keep.page.peer_count; i++) {
		struct check_peer *more = &check->more[i];

		for (size_t j = 0; j < more->lack_count; j++)
			free((char *)more->lacks[j]);
		free(more->lacks);
		text_free(&more->row);
		job_end(&more->name);
	}
	free(check->peers);
	free(check->more);
	free(check->wires);
	end_trials(&check->trials);
	end_trials(&check->ladder);
	kernel_free_counters(&check->before);
	kernel_free_counters(&check->moved);
	free(check->nat_chain);
	text_free(&check->helper);
}

/* ---- The burst ---- */

/* DNS answers are parsed without root's rights. */
static void look_up(struct check *check, size_t i)
{
	const struct keep *keep = &check->look.keep;
	const char *family = keep->page.family == AF_INET6 ? "::" : "0.0.0.0";
	const char *const arguments[] = {
		"natprobe", "-u", "65534", "-b", family, "--resolve", keep->page.peers[i].host, NULL
	};
	char *path = keep_find(keep, "natprobe", "NATPROBE");

	if (path)
		job_start(&check->more[i].name, path, arguments);
	free(path);
}

static void take_name(struct check *check, size_t i)
{
	struct job *job = &check->more[i].name;
	struct evidence_peer *peer = &check->peers[i];
	int status;

	if (!job_read(job, &status))
		return;
	text_add_string(&job->output, "");
	job->output.bytes[strcspn(job->output.bytes, "\n")] = '\0';
	peer->looked_up = true;
	if (status || !address_parse(&peer->host_now, job->output.bytes, peer->host))
		peer->host_now = (struct address){ .family = AF_UNSPEC };
	job_end(job);
}

/* Waits for one job; false if none runs. */
static bool wait_for_name(struct check *check, int milliseconds)
{
	struct pollfd files[LOOK_UPS];
	size_t peers[LOOK_UPS], count = 0;

	for (size_t i = 0; i < check->look.keep.page.peer_count && count < LOOK_UPS; i++)
		if (check->more[i].name.pid) {
			peers[count] = i;
			files[count++] = (struct pollfd){ check->more[i].name.fd, POLLIN, 0 };
		}
	if (!count || poll(files, count, milliseconds) <= 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (files[i].revents)
			take_name(check, peers[i]);
	return true;
}

/* Looks up the names of peers that did not answer. A late answer is ignored. */
static void look_up_silent(struct check *check)
{
	size_t count = 0;

	for (size_t i = 0; i < check->look.keep.page.peer_count && count < LOOK_UPS; i++) {
		const struct evidence_peer *peer = &check->peers[i];

		if (!*peer->host || peer->small.answered || peer->other.answered)
			continue;
		look_up(check, i);
		count++;
	}
	while (count && wait_for_name(check, LOOK_UP_PATIENCE))
		;
}

static void take_packets(void *context, int fd)
{
	struct check *check = context;
	const struct wire_sorter sorter = {
		.section = &check->look.keep.section,
		.kernel = &check->look.keep.kernel,
		.trials = check->trials.list,
		.trial_peers = check->trials.peers,
		.trial_count = check->trials.count,
		.inner_link = check->inner_link,
		.loopback = if_nametoindex("lo"),
		.wires = check->wires,
	};
	struct tap_packet packet;
	unsigned char buffer[PACKET];
	char link[IF_NAMESIZE];

	(void)fd;
	while (tap_next(&check->tap, &packet, buffer, sizeof buffer))
		wire_sort(&sorter, &packet, if_indextoname(packet.link, link) ? link : "?");
}

static void take_mapping(void *context, uint32_t reqid, uint32_t spi, const struct endpoint *from)
{
	struct check *check = context;

	(void)spi;
	for (size_t i = 0; from->address.family && i < check->look.keep.page.peer_count; i++)
		if (check->look.keep.page.peers[i].reqid == reqid)
			check->peers[i].mapping = *from;
}

struct listener {
	struct check *check;
	struct announce announce;
};

static void take_announcements(void *context, int fd)
{
	struct listener *listener = context;

	announce_read(&listener->announce, fd, take_mapping, listener->check);
}

static void open_tap(struct check *check)
{
	const struct keep *keep = &check->look.keep;
	uint16_t ports[TAP_PORTS];
	size_t count = 0;

	for (size_t i = 0; i < keep->page.peer_count && count < TAP_PORTS; i++)
		ports[count++] = keep->section.peers[i].there.port;
	check->all.tapped = tap_open(&check->tap, keep->page.port, ports, count) == 0;
	if (!check->all.tapped)
		tap_close(&check->tap);
}

/* True if all small packets passed, and none of the largest. */
static bool needs_ladder(const struct check *check, size_t peer)
{
	unsigned small = 0, big = 0;

	for (size_t i = 0; i < check->trials.count; i++) {
		const struct trial *trial = &check->trials.list[i];

		if (check->trials.peers[i] == peer && trial->kind == TRIAL_ECHO)
			*(trial->bytes ? &big : &small) += trial->burst.answered;
	}
	return small && !big;
}

static bool send_ladder(struct check *check)
{
	for (size_t i = 0; i < check->look.keep.page.peer_count; i++)
		if (needs_ladder(check, i))
			check_add_ladder(check, i);
	return !check->ladder.count || trials_run(check->ladder.list, check->ladder.count, NULL, 0);
}

static bool send_burst(struct check *check)
{
	struct listener listener = { .check = check };
	const int error = announce_open(&listener.announce, ANNOUNCE_MAPPINGS);
	const struct trial_watch watches[] = {
		{ error ? -1 : listener.announce.fds[0], take_announcements, &listener },
		{ check->tap.fd, take_packets, check },
	};
	bool able;

	able = trials_run(check->trials.list, check->trials.count, watches, 2);
	if (able)
		able = send_ladder(check);
	announce_close(&listener.announce);
	tap_close(&check->tap);
	return able;
}

/* ---- All ---- */

/* Every process that reads the sequence numbers records them. */
static void record_numbers(const char *script)
{
	struct keep keep;

	if (keep_open(&keep, script, false, KEEP_TRY | KEEP_UP) == 0 && keep.run.locked &&
	    keep_look(&keep) == 0) {
		keep_tally(&keep);
		keep_write(&keep, false);
	}
	keep_close(&keep);
}

static int print(struct check *check)
{
	int status = EXIT_OK;
	struct text out = { 0 };

	for (size_t i = 0; i < check->look.keep.page.peer_count; i++) {
		struct verdict verdict;

		verdict_judge(&verdict, &check->all, &check->peers[i]);
		verdict_print(&out, &verdict, check->peers[i].name);
		if (verdict_is_broken(&verdict))
			status = EXIT_BROKE;
		verdict_free(&verdict);
	}
	fwrite(out.bytes, 1, out.length, stdout);
	text_free(&out);
	return status;
}

static int check_up(struct check *check, const char *target)
{
	prepare(check);
	if (!check_choose(check, target))
		return EXIT_MISTAKE;
	check_add_trials(check);
	open_tap(check);
	check_look_before(check);
	if (!send_burst(check)) {
		refuse(check->all.name, "cannot send echo requests: %s (expected root)",
		       strerror(errno));
		return EXIT_BROKE;
	}
	check_take_trials(check);
	check_look_after(check);
	look_up_silent(check);
	return print(check);
}

int check_verb(const char *script, int argc, char **argv)
{
	struct check check = { .tap.fd = -1 };
	int status;

	if (argc > 1) {
		refuse("check", "'%s': too many arguments (expected at most one TARGET)",
		       shown(argv[1]));
		return EXIT_MISTAKE;
	}
	status = look_open(&check.look, script, false);
	if (!status && check.look.down)
		status = check_down(&check.look);
	else if (!status)
		status = check_up(&check, argc ? argv[0] : NULL);
	dispose(&check);
	if (!check.look.down && status <= EXIT_BROKE)
		record_numbers(script);
	look_close(&check.look);
	return status;
}

/* ---- answered ---- */

bool check_answered(struct keep *keep)
{
	struct check check = { .tap.fd = -1 };
	bool answered = false;

	/* send nothing that the kernel would not encrypt */
	if (keep_look(keep) || keep_policies(keep))
		return false;
	check.look.keep = *keep;
	prepare(&check);
	if (check_choose(&check, NULL))
		check_add_trials(&check);
	trials_run(check.trials.list, check.trials.count, NULL, 0);
	for (size_t i = 0; i < check.trials.count; i++)
		answered |= check.trials.list[i].burst.answered > 0;
	dispose(&check);
	return answered;
}
