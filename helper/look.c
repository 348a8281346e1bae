/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "look.h"
#include "say.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *look_verb_of(pid_t pid)
{
	static const char *const verbs[] = { "up", "start", "down", "stop" };
	char words[4096];
	const size_t length = process_read(pid, "cmdline", words, sizeof words);

	for (size_t at = 0; at < length; at += strlen(words + at) + 1)
		for (unsigned i = 0; at > 0 && i < sizeof verbs / sizeof *verbs; i++)
			if (strcmp(words + at, verbs[i]) == 0)
				return verbs[i < 2 ? 0 : 2];
	return NULL;
}

/* While up or down runs, there is no status. */
static bool is_quiet(const struct keep *keep)
{
	pid_t pid = keep->run.locked ? 0 : run_holder(&keep->run);
	const char *verb = pid ? look_verb_of(pid) : NULL;

	if (!verb)
		return true;
	keep_say(keep, "%s is running (pid %d)", verb, (int)pid);
	return false;
}

static int look_at_down(struct look *look)
{
	struct keep *keep = &look->keep;

	look->down = true;
	if (!page_has(&keep->page, PAGE_GUARDS))
		return EXIT_OK;
	look->blocked = kernel_read_policies(&keep->kernel) == 0 && keep_has_guard(keep);
	return EXIT_OK;
}

static int look_at_up(struct look *look)
{
	struct keep *keep = &look->keep;
	int status = keep_look(keep);

	if (!status)
		status = keep_policies(keep);
	if (!status)
		status = parts_look(&look->parts, keep);
	return status;
}

static void judge(struct look *look, bool record)
{
	struct keep *keep = &look->keep;
	time_t now = time(NULL);

	counts_load(&look->counts, keep);
	counts_take(&look->counts, keep, now);
	if (record && keep->run.locked) {
		counts_save(&look->counts, keep);
		keep_tally(keep);
		keep_write(keep, false);
	}
	look->facts = (struct status_facts){
		.page = &keep->page,
		.section = &keep->section,
		.policies = keep->policies,
		.policy_count = keep->policy_count,
		.kernel = &keep->kernel,
		.parts = &look->parts,
		.counts = &look->counts,
		.now = now,
		.script = keep->page.path,
	};
	status_judge(&look->status, &look->facts);
}

int look_open(struct look *look, const char *script, bool record)
{
	struct keep *keep = &look->keep;
	int status;

	*look = (struct look){ .down = false };
	status = keep_open(keep, script, false, record ? KEEP_TRY : 0);
	if (status)
		return status;
	if (!is_quiet(keep))
		return EXIT_BROKE;
	if (keep->run.state != RUN_UP)
		return look_at_down(look);
	status = look_at_up(look);
	if (!status)
		judge(look, record);
	return status;
}

void look_close(struct look *look)
{
	status_free(&look->status);
	counts_free(&look->counts);
	parts_free(&look->parts);
	keep_close(&look->keep);
}
