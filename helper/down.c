/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `down`, and how `up` takes back what it did.  It works whatever the store has. */
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

/* An `up` at work takes back itself what it did; this waits up to 10 seconds for it. */
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
	/* What was sent is in the store before the SAs are gone; without, it goes on after a line. */
	if (!dry && keep->run.state == RUN_UP && store_is_usable(keep->store))
		keep_record(keep);
	status = take_back(keep, all);
	if (!status && !dry)
		keep_say(keep, "down");
	return status;
}
