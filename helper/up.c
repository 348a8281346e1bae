/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `up`: passes the page's rows to ip in the same order as the script's own up(), and also
 * waits, punches and explains. */
#include "up.h"
#include "check.h"
#include "epoch.h"
#include "parts_up.h"
#include "say.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int up_stop(const struct up *up, int status, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	keep_say(up->keep, "%s", what);
	return status;
}

bool up_wait(const struct up *up, int fd, double seconds)
{
	struct pollfd files[] = {
		{ .fd = up->signals, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	poll(files, 2, seconds < 0 ? -1 : (int)(seconds * 1000));
	return !files[0].revents;
}

/* ---- Steps ---- */

static int give(struct up *up, const char *words, enum page_function function, struct text *batch)
{
	struct apply_result result;

	if (!up->keep->dry)
		keep_say(up->keep, "%s", words);
	result = apply_batch(batch, up->keep->dry);
	text_free(batch);
	return up_refused(up, function, &result);
}

static int give_rows(struct up *up, const char *words, enum page_function function)
{
	struct text batch = { 0 };

	if (!page_has(&up->keep->page, function))
		return EXIT_OK;
	if (!page_rows(&batch, &up->keep->page, function, &up->keep->section, NULL))
		return EXIT_MISTAKE;
	return give(up, words, function, &batch);
}

static int add_states(struct up *up, const char *words)
{
	const struct section *section = &up->keep->section;
	const struct names values = { .numbers = true };
	struct text batch = { 0 };

	for (size_t i = 0; i < section->state_count; i++)
		state_print(&batch, &section->states[i], &values);
	return give(up, words, PAGE_FUNCTIONS, &batch);
}

/* They may exist since the last `down`. */
static int add_guards(struct up *up)
{
	struct keep *keep = up->keep;
	int status;

	if (!keep->dry && kernel_read_policies(&keep->kernel) == 0 && keep_has_guard(keep))
		return EXIT_OK;
	up->unguards = true;
	status = give_rows(up, "adding the leak guard", PAGE_GUARDS);
	up->unguards = status != EXIT_OK;
	return status;
}

/* Packets came from another endpoint of the peer, so its SAs get that one. */
int up_move(struct up *up, const struct endpoint *there)
{
	struct keep *keep = up->keep;
	struct text batch = { 0 };
	int status;

	keep->section.peers[0].there = *there;
	keep_place(&keep->section);
	status = keep_write(keep, false);
	if (!status) {
		/* `deleteall` would end a batch */
		text_printf(&batch, "xfrm state deleteall reqid %u\n",
			    (unsigned)keep->page.peers[0].reqid);
		status = give(up, "removing SAs", PAGE_FUNCTIONS, &batch);
	}
	return status ? status : add_states(up, "adding SAs again");
}

static int update_policies(struct up *up)
{
	struct text rows = { 0 }, batch = { 0 };
	char *rest;

	if (!page_rows(&rows, &up->keep->page, PAGE_POLICIES, &up->keep->section, NULL))
		return EXIT_MISTAKE;
	for (char *row = strtok_r(rows.bytes, "\n", &rest); row; row = strtok_r(NULL, "\n", &rest))
		text_join(&batch, "xfrm policy update", row + strlen("xfrm policy add"), "\n", NULL);
	text_free(&rows);
	return give(up, "updating policies", PAGE_POLICIES, &batch);
}

/* UNTIL_TUNNEL: packets of a tunnel also end it. */
static int punch_again(struct up *up, bool until_tunnel)
{
	int status;

	end_helper(up->keep); /* natprobe takes its port */
	status = up_punch(up, until_tunnel);
	if (!status)
		status = update_policies(up);
	return status ? status : start_helper(up->keep);
}

/* For a peer that is already up, and answers only through the tunnel. It may just be coming up, so
 * it is asked again after each punch. Packets of a tunnel end the first punch early, but not the
 * second, because anyone can send them. */
static int listen_inside(struct up *up)
{
	bool punched = up->received == UP_SILENT; /* for the whole time */
	int status = EXIT_OK;

	while (!status && up->received != UP_NOW) {
		const bool second = up->received == UP_TUNNEL;

		if (check_answered(up->keep)) {
			up->received = UP_NOW;
		} else if (punched) {
			break;
		} else {
			status = punch_again(up, !second);
			punched = second || up->received != UP_TUNNEL;
		}
	}
	return status;
}

/* Older versions cannot delete a policy with an if_id. */
static int check_ip(struct up *up)
{
	static const char *const arguments[] = { "ip", "-V", NULL };
	const char *name = "iproute2-", *version;
	struct text output = { 0 };
	char said[APPLY_SAID];
	bool old = false;

	if (!up->keep->page.interface[0] || !apply_ip())
		return EXIT_OK;
	apply_run(apply_ip(), arguments, NULL, &output, said);
	version = output.length ? strstr(output.bytes, name) : NULL;
	if (version) {
		unsigned long major = strtoul(version + strlen(name), NULL, 10);
		const char *dot = strchr(version, '.');

		/* versions before 5.0 were named like ss200127 */
		old = major < 5 || (major == 5 && dot && strtoul(dot + 1, NULL, 10) < 8);
	}
	text_free(&output);
	return old ? up_stop(up, EXIT_NO_KERNEL,
			     "this ip cannot delete the policies of an interface (expected "
			     "iproute2 5.8 or later)")
		   : EXIT_OK;
}

/* In transport mode, the guard blocks the peer's own address, so names are looked up before it. */
static bool guards_hosts(const struct page *page)
{
	for (size_t i = 0; i < page->peer_count; i++)
		if (page->transport && page->peers[i].host[0])
			return true;
	return false;
}

static int guard_first(struct up *up)
{
	return guards_hosts(&up->keep->page) ? EXIT_OK : add_guards(up);
}

static int guard_hosts(struct up *up)
{
	return guards_hosts(&up->keep->page) ? add_guards(up) : EXIT_OK;
}

static int begin_keys(struct up *up)
{
	const struct section *section = &up->keep->section;

	for (size_t i = 0; i < section->peer_count; i++)
		if (section->peers[i].heard)
			up->received = UP_BEFORE;
	keep_place(&up->keep->section);
	if (!up->keep->dry)
		return keep_begin(up->keep);
	for (size_t i = 0; i < section->peer_count; i++)
		epoch_start(&up->keep->section, i); /* so that typing the printed commands uses no
		                                     * number twice */
	return EXIT_OK;
}

static int find_helper(struct up *up)
{
	struct keep *keep = up->keep;
	char *path;

	if (!page_has(&keep->page, PAGE_HELPER) || keep->dry || up->options.no_helper)
		return EXIT_OK;
	path = keep_find(keep, "espdecap", "ESPDECAP");
	free(path);
	return path ? EXIT_OK
		    : up_stop(up, EXIT_BROKE,
			      "no espdecap to run: copy it beside %s or into $PATH, and chmod +x "
			      "it (or is its file system mounted noexec?)",
			      keep->page.path);
}

static int add_sas(struct up *up)
{
	return add_states(up, "adding SAs (with keys)");
}

static bool asks_peer(const struct up *up)
{
	return !up->keep->dry && strstr(up->keep->page.options, "[--no-punch]") &&
	       !up->options.no_punch && !up->options.no_helper;
}

static int punch(struct up *up)
{
	return asks_peer(up) && up->received == UP_UNKNOWN ? up_punch(up, true)
							   : EXIT_OK;
}

static int add_policies(struct up *up)
{
	return give_rows(up, "adding policies: what is to be encrypted", PAGE_POLICIES);
}

static int add_link(struct up *up)
{
	return give_rows(up, "adding the interface", PAGE_LINK);
}

static int add_address(struct up *up)
{
	return up_address(up->keep);
}

static int add_routes(struct up *up)
{
	return up_routes(up->keep);
}

static int add_neighbours(struct up *up)
{
	return up_neighbours(up->keep);
}

static int forward(struct up *up)
{
	return up_forward(up->keep, up->options.forward);
}

static int add_clamp(struct up *up)
{
	return page_has(&up->keep->page, PAGE_CLAMP) ? up_table(up->keep, "clamp") : EXIT_OK;
}

/* Must be before the first packet, whose port NAT on this host may change. */
static int add_exempt(struct up *up)
{
	return up->options.exempt ? up_table(up->keep, "exempt") : EXIT_OK;
}

static int begin_helper(struct up *up)
{
	struct keep *keep = up->keep;

	if (!page_has(&keep->page, PAGE_HELPER))
		return EXIT_OK;
	if (!up->options.no_helper)
		return start_helper(keep);
	if (keep->dry || run_write(&keep->run, "espdecap", "none"))
		return EXIT_OK;
	return EXIT_BROKE;
}

static int listen_inside_tunnel(struct up *up)
{
	/* without natprobe there was no test */
	const bool asks = asks_peer(up) && up->received != UP_NOW && up->received != UP_UNKNOWN;

	return asks ? listen_inside(up) : EXIT_OK;
}

static int set_up(struct up *up)
{
	static int (*const steps[])(struct up *) = {
		check_ip,     guard_first,  up_names,  guard_hosts, up_local,
		begin_keys,   up_map,       up_old_net, find_helper, add_sas,
		add_exempt,   punch,        add_policies, add_link,  add_address,
		add_routes,   add_neighbours, forward, add_clamp,   begin_helper,
		listen_inside_tunnel,
	};

	for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
		int status = steps[i](up);

		if (!up_wait(up, -1, 0) || keep_lost_reader())
			return up_stop(up, EXIT_BROKE, "interrupted");
		if (status)
			return status;
	}
	return EXIT_OK;
}

/* ---- The end ---- */

/* A rule of another VPN may route packets elsewhere. */
static void warn_strays(struct keep *keep)
{
	struct parts parts = { 0 };

	if (keep_look(keep) == 0 && parts_look(&parts, keep) == 0)
		for (size_t i = 0; i < parts.count; i++)
			if (parts.list[i].kind == PART_STRAY && !parts.list[i].present)
				keep_say(keep, "warning: %s: see ip rule", parts.list[i].name);
	parts_free(&parts);
}

enum { TESTS_SAID = 3 }; /* out of up to a thousand of a hub */

static void say_tests(const struct keep *keep)
{
	struct text rows = { 0 };
	unsigned count = 0;
	char *rest;

	if (page_rows(&rows, &keep->page, PAGE_TESTS, &keep->section, NULL) && rows.length)
		for (char *row = strtok_r(rows.bytes, "\n", &rest); row;
		     row = strtok_r(NULL, "\n", &rest))
			if (count++ < TESTS_SAID)
				fprintf(stderr, "  %s\n", row);
	if (count > TESTS_SAID)
		fprintf(stderr, "  and %u more: see tests() in %s\n", count - TESTS_SAID,
			keep->page.path);
	text_free(&rows);
}

static int finish(struct up *up)
{
	struct keep *keep = up->keep;
	const char *peer = keep->page.peers[0].name;
	char hint[400];

	if (keep->dry)
		return EXIT_OK;
	warn_strays(keep);
	switch (up->received) {
	case UP_SILENT:
	case UP_TUNNEL:
		up_hint(hint, sizeof hint, up);
		return up_stop(up, EXIT_NO_ANSWER,
			       "set up, but no packet received from %s in %u s: %s", peer,
			       up->options.wait, hint);
	case UP_NOW:
		keep_say(keep, "up: packets from %s arrive. Test it with:", peer);
		break;
	case UP_UNKNOWN:
	case UP_BEFORE:
		keep_say(keep, "set up. When the other side is up too, test it with:");
		break;
	}
	say_tests(keep);
	return EXIT_OK;
}

/* Its report goes to the output of `up`. */
static int mend_instead(struct keep *keep)
{
	int status = keep_look(keep);

	if (!status)
		status = keep_policies(keep);
	keep->report = stderr;
	if (!status)
		status = mend(keep, 0, NULL);
	if (keep->put_back)
		return status;
	keep_say(keep, "already up");
	return EXIT_BROKE;
}

/* If an index is in use, the kernel silently chooses another, and `down` would not find the
 * policy. */
static int check_taken(struct up *up)
{
	struct keep *keep = up->keep;
	struct text left = { 0 };
	int status = undo_find(keep, &left) ? EXIT_OK : EXIT_BROKE;

	if (left.length)
		status = up_stop(up, EXIT_BROKE,
				 "taken: another tool, or an up not recorded in %s, has an index or "
				 "reqid of this script: see ip -s xfrm policy; sh %s down removes "
				 "what has them",
				 keep->run.path, keep->page.path);
	text_free(&left);
	return status;
}

static int begin_run(struct up *up)
{
	struct run *run = &up->keep->run;
	int status;

	if (up->keep->dry)
		return EXIT_OK;
	if (run->state == RUN_STALE && !run_remove(run))
		return EXIT_BROKE;
	status = check_taken(up);
	return !status && !run_make(run) ? EXIT_BROKE : status;
}

static int run_up(struct up *up)
{
	const bool dry = up->keep->dry;
	int status;

	/* before the run folder exists, which a signal would leave */
	up->signals = dry ? -1 : keep_signals();
	status = begin_run(up);
	if (!status) {
		status = set_up(up);
		if (!status)
			status = finish(up);
		else if (!dry)
			take_back(up->keep, up->unguards);
	}
	if (up->signals >= 0)
		close(up->signals);
	return status;
}

/* Prints why the peer is silent, on the output of `up`. */
static void explain(struct keep *keep)
{
	fflush(stdout);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	run_close(&keep->run); /* and removes the lock */
	check_verb(keep->script, 0, NULL);
}

int up(struct keep *keep, int argc, char **argv)
{
	const char *script = keep->script;
	struct up up = { .keep = keep, .signals = -1 };
	int status = up_take_options(&up.options, &keep->page, argc, argv);
	bool dry = keep->dry;

	if (status)
		return status;
	keep_close(keep);
	status = keep_open(keep, script, dry, KEEP_LOCK);
	if (status)
		return status;
	if (!dry && keep->run.state == RUN_UP)
		return mend_instead(keep);
	status = run_up(&up);
	if (status == EXIT_NO_ANSWER && !dry)
		explain(keep);
	return status;
}
