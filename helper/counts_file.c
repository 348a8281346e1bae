/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Reads and writes the record of counts in the run folder. */
#include "keep.h"
#include "look.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNTS_MOST = 1 << 20 }; /* bytes: 1024 peers with three SAs each need about a quarter */

/* At `up`, natprobe writes the endpoint from which it received packets. */
static void take_punch(struct counts *counts, const struct keep *keep)
{
	struct stat hole;

	if (counts->peer_count != 1 || !run_punched(&keep->run) ||
	    fstatat(keep->run.fd, "hole", &hole, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (hole.st_mtime > counts->peers[0].received)
		counts->peers[0].received = hole.st_mtime;
}

void counts_load(struct counts *counts, const struct keep *keep)
{
	int fd = openat(keep->run.fd, "counts",
	                O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct text text = { 0 };

	text_add_string(&text, "");
	if (fd >= 0 && !text_read(&text, fd, COUNTS_MOST))
		text_empty(&text);
	if (fd >= 0)
		close(fd);
	counts_parse(counts, &keep->page, text.bytes);
	take_punch(counts, keep);
	text_free(&text);
}

static bool save(int folder, const struct text *text)
{
	int fd, closed;
	bool good;

	unlinkat(folder, "counts.new", 0);
	fd = openat(folder, "counts.new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	            0600);
	if (fd < 0)
		return false;
	good = text_write(text, fd);
	closed = close(fd);
	if (good && closed == 0 && renameat(folder, "counts.new", folder, "counts") == 0)
		return true;
	unlinkat(folder, "counts.new", 0);
	return false;
}

void counts_save(const struct counts *counts, const struct keep *keep)
{
	struct text text = { 0 };

	text_add_string(&text, "");
	counts_print(&text, counts, &keep->page);
	if (!save(keep->run.fd, &text))
		keep_say(keep,
		         "warning: cannot write %s/counts: %s: status loses the counts of removed "
		         "SAs",
		         keep->run.path, strerror(errno));
	text_free(&text);
}

void counts_take(struct counts *counts, const struct keep *keep, time_t now)
{
	const struct counts_look look = {
		.page = &keep->page,
		.section = &keep->section,
		.policies = keep->policies,
		.policy_count = keep->policy_count,
		.kernel = &keep->kernel,
		.now = now,
	};

	counts_look(counts, &look);
}

void counts_record(const struct keep *keep)
{
	struct counts counts;

	if (keep->dry || keep->run.fd < 0)
		return;
	counts_load(&counts, keep);
	counts_take(&counts, keep, time(NULL));
	counts_save(&counts, keep);
	counts_free(&counts);
}
