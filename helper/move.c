/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The helper process, and changes of endpoints while the tunnel is up. */
#include "apply.h"
#include "keep.h"
#include "number.h"
#include "parts_up.h"
#include "say.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- The helper ---- */

/* After `up --no-helper`, another program starts it; the run folder says so. After a killed `up` it
 * says nothing. */
static bool is_kept(const struct keep *keep)
{
	char pid[24];

	return page_has(&keep->page, PAGE_HELPER) && keep->page.encap != ENCAP_NONE &&
	       keep->run.fd >= 0 &&
	       (!run_read(&keep->run, "espdecap", pid, sizeof pid) || strcmp(pid, "none") != 0);
}

enum {
	ARGUMENTS = 4 + 2 * SECTION_PEERS,
	COMMAND_SAID = 200, /* characters shown of a command, because that of a hub is long */
};

static const char **split(char *command)
{
	const char **words = calloc(ARGUMENTS + 1, sizeof *words);
	char *rest, *word = strtok_r(command, " ", &rest);

	for (size_t i = 0; words && word && i < ARGUMENTS; i++, word = strtok_r(NULL, " ", &rest))
		words[i] = word;
	return words;
}

/* TELL: print its messages at the start too. */
static bool run_helper(const char *path, const char *command, struct text *pid, bool tell)
{
	char *copy = strdup(command), said[APPLY_SAID];
	const char **words = copy ? split(copy) : NULL;
	int status = words ? apply_run(path, words, NULL, pid, said) : -1;

	free(words);
	free(copy);
	if (status == 0) {
		if (tell)
			fputs(said, stderr);
		return true;
	}
	said[strcspn(said, "\n")] = '\0';
	return refuse("espdecap", "did not start%s%s", status > 0 && *said ? ": " : "",
		      status > 0 ? said : "");
}

static int start(struct keep *keep, const char *command, bool tell)
{
	char *path = keep_find(keep, "espdecap", "ESPDECAP");
	struct text pid = { 0 };
	int status = EXIT_BROKE;

	if (!path) {
		refuse("espdecap", "not found beside %s or in $PATH", keep->page.path);
		return EXIT_BROKE;
	}
	if (run_helper(path, command, &pid, tell)) {
		if (pid.length && pid.bytes[pid.length - 1] == '\n')
			pid.bytes[--pid.length] = '\0';
		status = run_write(&keep->run, "espdecap", pid.length ? pid.bytes : "0")
				 ? EXIT_OK
				 : EXIT_BROKE;
	}
	text_free(&pid);
	free(path);
	return status;
}

int start_helper(struct keep *keep)
{
	struct text command = { 0 };
	int status = EXIT_MISTAKE;

	if (keep_helper(keep, &command)) {
		if (keep->dry)
			printf("%s\n", command.bytes);
		else
			keep_say(keep, "%.*s%s", COMMAND_SAID, command.bytes,
				 command.length > COMMAND_SAID ? " ..." : "");
		status = keep->dry ? EXIT_OK : start(keep, command.bytes, true);
	}
	text_free(&command);
	return status;
}

int mend_helper(struct keep *keep)
{
	struct text command = { 0 };
	int status = EXIT_OK;

	if (!is_kept(keep))
		return EXIT_OK;
	if (!keep_helper(keep, &command)) {
		status = EXIT_MISTAKE;
	} else if (!run_process(&keep->run, "espdecap", command.bytes)) {
		if (keep->dry)
			printf("%s\n", command.bytes);
		else
			status = start(keep, command.bytes, false);
		if (!status && !keep->dry)
			say_put_back(keep, "%s", command.bytes);
	}
	text_free(&command);
	return status;
}

/* Waits up to 2 seconds for it to exit, because only then the port is free. */
static void end_process(pid_t pid, const char *command)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	kill(pid, SIGTERM);
	kill(pid, SIGCONT); /* a stopped process handles no other signal */
	for (unsigned tries = 0; tries < 100 && process_is(pid, command); tries++)
		nanosleep(&pause, NULL);
}

void end_helper(struct keep *keep)
{
	char words[4096], port[16], text[24], *command;
	unsigned long long pid;
	size_t length;

	if (!run_read(&keep->run, "espdecap", text, sizeof text) ||
	    !number_parse(&pid, text, 1, INT_MAX))
		return;
	length = process_read((pid_t)pid, "cmdline", words, sizeof words);
	for (size_t i = 0; i + 1 < length; i++)
		if (!words[i])
			words[i] = ' ';
	snprintf(port, sizeof port, " %u ", (unsigned)keep->page.port);
	command = strstr(words, "espdecap -d ");
	if (command && strstr(command, port))
		end_process((pid_t)pid, command);
}

int restart_helper(struct keep *keep, const char *command)
{
	struct text now = { 0 };
	int status = EXIT_OK;
	pid_t pid;

	if (!keep_helper(keep, &now)) {
		status = page_has(&keep->page, PAGE_HELPER) ? EXIT_MISTAKE : EXIT_OK;
	} else if (strcmp(now.bytes, command) != 0) {
		if (keep->dry) {
			printf("%s\n", now.bytes);
		} else if (!is_kept(keep)) {
			keep_say(keep, "espdecap was not started by this script: start it as: %s",
				 now.bytes);
		} else {
			pid = run_process(&keep->run, "espdecap", command);
			if (pid)
				end_process(pid, command);
			status = start(keep, now.bytes, false);
		}
	}
	text_free(&now);
	return status;
}

/* ---- Moves ---- */

static int apply_move(struct keep *keep)
{
	struct change change = { .conflict_count = 0 };
	int status = keep_policies(keep);

	if (!status)
		status = keep_apply(keep, NULL, false, &change);
	if (!status)
		change_report(&change);
	change_free(&change);
	return status;
}

int keep_move(struct keep *keep, const struct address *here, size_t peer,
	      const struct endpoint *there)
{
	struct section_peer *other = &keep->section.peers[peer];
	const bool up = keep->run.state == RUN_UP;
	struct text command = { 0 };
	int status = EXIT_OK;

	if (up) {
		status = keep_look(keep);
		if (status)
			return status;
		keep_tally(keep);
		keep_helper(keep, &command);
	}
	if (here)
		keep->section.here = *here;
	if (there) {
		other->there = *there;
		other->host[0] = '\0';
	}
	keep_place(&keep->section);
	status = up ? apply_move(keep) : keep_write(keep, false);
	if (up && !status)
		status = restart_helper(keep, command.bytes ? command.bytes : "");
	if (up && !status)
		status = mend_routes(keep);
	if (up && !status && run_has(&keep->run, "exempt"))
		status = table_add(keep, "exempt");
	text_free(&command);
	return status;
}

/* ---- update-peer ---- */

static bool fits(const struct keep *keep, const struct endpoint *there, const char *text)
{
	if (there->address.family != keep->page.family)
		return refuse(NULL, "'%s': another address family (expected IPv%c)",
			      shown(text), keep->page.family == AF_INET6 ? '6' : '4');
	if ((there->port != 0) != (keep->page.port != 0))
		return refuse(NULL, "'%s': expected %s", shown(text),
			      keep->page.port ? "ADDRESS:PORT"
					      : "an ADDRESS without a port, because ESP has none");
	return true;
}

int update_peer(struct keep *keep, int argc, char **argv)
{
	const char *text = argv[argc - 1];
	char before[ENDPOINT_TEXT], now[ENDPOINT_TEXT];
	struct section_peer *other;
	struct endpoint there;
	size_t peer;
	int status;

	if (!keep_peer(keep, argc == 2 ? argv[0] : NULL, &peer) ||
	    !endpoint_parse(&there, text, "endpoint") || !fits(keep, &there, text))
		return EXIT_MISTAKE;
	other = &keep->section.peers[peer];
	if (endpoint_equal(&other->there, &there))
		return EXIT_OK;
	endpoint_print(before, &other->there);
	status = keep_move(keep, NULL, peer, &there);
	if (!status && !keep->dry)
		keep_say(keep, "%s is now at %s (was at %s)", other->name,
			 endpoint_print(now, &there), before);
	return status;
}
