/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "follow.h"
#include "memory.h"
#include "notify.h"
#include "number.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- One follower ---- */

/* Opens and locks the file `follow` of the run folder, which contains the pid. The kernel releases
 * the lock when the process exits. */
static bool lock_file(struct follow *follow)
{
	struct stat opened, present;
	char pid[24] = "";

	do {
		follow->file = openat(follow->run.fd, "follow",
		                      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (follow->file < 0)
			return refuse(follow->run.path, "follow: %s", strerror(errno));
		if (flock(follow->file, LOCK_EX | LOCK_NB) < 0) {
			run_read(&follow->run, "follow", pid, sizeof pid);
			return refuse(follow->name, "already followed (pid %s)", shown(pid));
		}
		/* The previous follower may have removed it meanwhile. */
		if (fstat(follow->file, &opened) == 0 &&
		    fstatat(follow->run.fd, "follow", &present, AT_SYMLINK_NOFOLLOW) == 0 &&
		    opened.st_ino == present.st_ino)
			break;
		close(follow->file);
	} while (true);
	return ftruncate(follow->file, 0) == 0 && dprintf(follow->file, "%d\n", (int)getpid()) > 0
	               ? true
	               : refuse(follow->run.path, "follow: %s", strerror(errno));
}

static void unlock_file(struct follow *follow)
{
	if (follow->file < 0)
		return;
	if (!follow_is_over(follow))
		unlinkat(follow->run.fd, "follow", 0);
	close(follow->file);
}

/* ---- Beginning ---- */

static void *copy(const void *rows, size_t count, size_t bytes)
{
	void *out = memory_rows(count, bytes);

	if (rows)
		memcpy(out, rows, count * bytes);
	return out;
}

static void take_facts(struct follow *follow, const struct keep *keep)
{
	const struct page *page = &keep->page;
	struct tick *tick = &follow->tick;

	snprintf(follow->name, sizeof follow->name, "%s", page->name);
	follow->family = page->family;
	follow->peers = copy(page->peers, page->peer_count, sizeof *page->peers);
	follow->look_ups = copy(NULL, page->peer_count, sizeof *follow->look_ups);
	tick->peer_count = page->peer_count;
	tick->peers = copy(NULL, page->peer_count, sizeof *tick->peers);
	tick->automatic = !page->local.family || address_is_any(&page->local);
	tick->here = keep->section.here;
	for (size_t i = 0; i < page->peer_count; i++) {
		follow->look_ups[i].fd = -1;
		tick->peers[i].named = *page->peers[i].host;
		tick->peers[i].named_port = page->peers[i].host_port;
		tick->peers[i].there = keep->section.peers[i].there;
	}
}

/* The announcements that concern this tunnel. */
static bool listen_to(struct follow *follow, const struct page *page)
{
	unsigned what = ANNOUNCE_MAPPINGS | ANNOUNCE_STATES | ANNOUNCE_LINKS;
	int error;

	if (page->clamp || page->exempt)
		what |= ANNOUNCE_TABLES;
	error = announce_open(&follow->announce, what);
	return !error || refuse(follow->name, "cannot listen to the kernel: %s", strerror(error));
}

static bool take_signals(struct follow *follow)
{
	follow->signals = keep_signals();
	return follow->signals >= 0 || refuse(follow->name, "signals: %s", strerror(errno));
}

static int begin_follow(struct follow *follow)
{
	struct keep keep;
	int status = keep_open(&keep, follow->script, false, KEEP_UP);

	if (!status) {
		take_facts(follow, &keep);
		follow->run = keep.run;
		keep.run = (struct run){ .above = -1, .fd = -1 }; /* stays open */
		if (fstat(follow->run.fd, &follow->folder) < 0 || !lock_file(follow) ||
		    !take_signals(follow) || !listen_to(follow, &keep.page))
			status = EXIT_BROKE;
	}
	keep_close(&keep);
	return status;
}

/* ---- The loop ---- */

static void take_announcement(void *context, uint32_t reqid, uint32_t spi,
                              const struct endpoint *from)
{
	struct follow *follow = context;

	(void)spi;
	if (!from->address.family) {
		tick_change(&follow->tick, follow_now());
		return;
	}
	for (size_t i = 0; i < follow->tick.peer_count; i++)
		if (follow->peers[i].reqid == reqid)
			tick_announce(&follow->tick, i, from);
}

/* Descriptors to poll: signals, announcements, the router's job, and one job per peer. */
enum { FILE_SIGNALS, FILE_ANNOUNCE, FILE_MAP = FILE_ANNOUNCE + ANNOUNCE_SOCKETS, FILE_NAMES };

static void fill(struct pollfd *files, const struct follow *follow)
{
	const size_t count = FILE_NAMES + follow->tick.peer_count;

	for (size_t i = 0; i < count; i++)
		files[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	files[FILE_SIGNALS].fd = follow->signals;
	for (unsigned i = 0; i < ANNOUNCE_SOCKETS; i++)
		files[FILE_ANNOUNCE + i].fd = follow->announce.fds[i];
	files[FILE_MAP].fd = follow->map.pid ? follow->map.fd : -1;
	for (size_t i = 0; i < follow->tick.peer_count; i++)
		files[FILE_NAMES + i].fd = follow->look_ups[i].pid ? follow->look_ups[i].fd : -1;
}

static void read_files(struct follow *follow, const struct pollfd *files)
{
	if (files[FILE_SIGNALS].revents)
		follow->tick.over = true;
	for (unsigned i = 0; i < ANNOUNCE_SOCKETS; i++)
		if (files[FILE_ANNOUNCE + i].revents)
			announce_read(&follow->announce, files[FILE_ANNOUNCE + i].fd,
			              take_announcement, follow);
	if (files[FILE_MAP].revents)
		follow_read_map(follow);
	for (size_t i = 0; i < follow->tick.peer_count; i++)
		if (files[FILE_NAMES + i].revents)
			follow_read_name(follow, i);
}

static void wait_until(struct follow *follow, struct pollfd *files, double until)
{
	const double left = until - follow_now();

	fill(files, follow);
	if (poll(files, FILE_NAMES + follow->tick.peer_count,
	         left > 0 ? (int)(left * 1000) + 1 : 0) > 0)
		read_files(follow, files);
}

static void loop(struct follow *follow)
{
	struct pollfd *files = copy(NULL, FILE_NAMES + follow->tick.peer_count, sizeof *files);

	while (true) {
		struct tick_step step = tick_next(&follow->tick, follow_now());
		enum tick_outcome outcome;

		if (step.action == TICK_END || follow_is_over(follow))
			break;
		if (step.action == TICK_WAIT) {
			wait_until(follow, files, step.until);
			continue;
		}
		outcome = follow_step(follow, &step);
		tick_did(&follow->tick, &step, follow_now(), outcome);
	}
	free(files);
}

static void end_follow(struct follow *follow)
{
	unlock_file(follow);
	announce_close(&follow->announce);
	for (size_t i = 0; i < follow->tick.peer_count; i++)
		job_end(&follow->look_ups[i]);
	job_end(&follow->map);
	if (follow->signals >= 0)
		close(follow->signals);
	run_close(&follow->run);
	free(follow->tick.peers);
	free(follow->look_ups);
	free(follow->peers);
	free(follow->mapped);
}

int follow_verb(const char *script, int argc, char **argv)
{
	struct follow follow = {
		.script = script,
		.run = { .above = -1, .fd = -1 },
		.file = -1,
		.signals = -1,
		.announce.fds = { -1, -1, -1 },
		.map.fd = -1,
	};
	int status;

	if (argc > 0) {
		refuse("follow", "'%s': unexpected argument", shown(argv[0]));
		return EXIT_MISTAKE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was restored, into a log */
	status = begin_follow(&follow);
	if (!status) {
		tick_begin(&follow.tick, follow_now());
		fprintf(stderr, "%s: following its peers\n", follow.name);
		notify_ready();
		loop(&follow);
		fprintf(stderr, "%s: stopped following%s\n", follow.name,
		        follow_is_over(&follow) ? " (the tunnel is down)" : "");
	}
	end_follow(&follow);
	return status;
}
