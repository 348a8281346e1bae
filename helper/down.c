/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `down`, and how `up` undoes what it did. Works with any state of the store. */
#include "apply.h"
#include "look.h"
#include "parts_up.h"
#include "say.h"
#include "up.h"

#include <signal.h>
#include <string.h>
#include <time.h>

int take_back(struct keep *keep, bool all)
{
	int worst = EXIT_OK;

	if (!keep->dry) {
		end_helper(keep);
		keep_say(keep, "removing what up added");
	}
	worst |= undo(keep, all);
	worst |= down_neighbours(keep, all);
	worst |= down_tables(keep);
	worst |= down_notes(keep);
	if (!keep->dry && keep->run.fd >= 0 && !run_remove(&keep->run))
		worst = EXIT_BROKE;
	return worst ? EXIT_BROKE : EXIT_OK;
}

/* Asks a running `up` to undo what it did, and waits up to 10 seconds for it. */
static void end_up(struct keep *keep)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	pid_t pid = run_holder(&keep->run);
	const char *verb = pid ? look_verb_of(pid) : NULL;

	if (!verb || strcmp(verb, "up") != 0)
		return;
	kill(pid, SIGTERM);
	for (unsigned tries = 0; tries < 100 && run_holder(&keep->run) == pid; tries++)
		nanosleep(&pause, NULL);
}

int down(struct keep *keep, int argc, char **argv)
{
	const char *script = keep->script;
	struct up_options options;
	int status = up_take_options(&options, &keep->page, argc, argv);
	bool dry = keep->dry, all = options.all && page_has(&keep->page, PAGE_UNGUARD);

	if (status)
		return status;
	if (!dry)
		end_up(keep);
	keep_close(keep);
	status = keep_open(keep, script, dry, KEEP_LOCK | KEEP_ANY);
	if (status)
		return status;
	/* Records the sequence numbers before the SAs are deleted. If that fails, it continues
	 * after a line. */
	if (!dry && keep->run.state == RUN_UP && store_is_usable(keep->store))
		keep_record(keep);
	status = take_back(keep, all);
	if (!status && !dry)
		keep_say(keep, "down");
	return status;
}
