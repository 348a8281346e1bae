/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "look.h"
#include "say.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum form { FORM_TEXT, FORM_JSON, FORM_WATCH };

static bool parse_form(enum form *form, int argc, char **argv)
{
	static const char *const words[] = { "", "--json", "--watch" };

	*form = FORM_TEXT;
	if (argc > 1)
		return refuse("status", "'%s' (expected one of --json and --watch)",
		              shown(argv[1]));
	if (argc == 1 && strcmp(argv[0], words[FORM_JSON]) == 0)
		*form = FORM_JSON;
	else if (argc == 1 && strcmp(argv[0], words[FORM_WATCH]) == 0)
		*form = FORM_WATCH;
	else if (argc == 1)
		return refuse("status", "'%s' (expected --json or --watch)", shown(argv[0]));
	return true;
}

/* ---- Once ---- */

/* The output for a tunnel that could not be read, or is down. */
static int print_nothing(struct text *out, const struct look *look, enum form form, int status)
{
	const struct page *page = &look->keep.page;

	if (form == FORM_JSON && *page->name)
		status_print_json_down(out, page);
	else if (look->down && !status)
		status_print_down(out, page, look->blocked);
	return status ? status : EXIT_BROKE;
}

static int print(struct text *out, const struct look *look, enum form form, int status)
{
	if (status || look->down)
		return print_nothing(out, look, form, status);
	if (form == FORM_JSON)
		status_print_json(out, &look->status);
	else
		status_print(out, &look->status);
	return status_exit(&look->status);
}

/* Releases the lock before writing, because nobody may be reading the output. */
static int print_once(const char *script, enum form form)
{
	struct text out = { 0 };
	struct look look;
	int status = look_open(&look, script, true);

	status = print(&out, &look, form, status);
	look_close(&look);
	if (out.length)
		fwrite(out.bytes, 1, out.length, stdout);
	text_free(&out);
	return status;
}

/* ---- Again and again ---- */

static bool terminal; /* the table overwrites its own lines */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_terminal(void)
{
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0 &&
	       !(plain && *plain);
}

static unsigned columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void add_lines(struct text *lines, const struct look *look, int status)
{
	text_add_string(lines, "");
	if (status)
		text_join(lines,
		          *look->keep.page.name ? look->keep.page.name : shown(look->keep.script),
		          ": no status\n", NULL);
	else if (look->down)
		status_print_down(lines, &look->keep.page, look->blocked);
	else
		status_print_verdict(lines, &look->status);
}

/* Prints one table; false if nobody reads it any more. */
static bool print_table(const char *script, struct watch *watch)
{
	const struct watch_screen screen = { terminal, terminal ? columns() : 0 };
	struct text lines = { 0 }, out = { 0 };
	struct look look;
	int status = look_open(&look, script, false);
	bool seen = !status && !look.down, good;

	add_lines(&lines, &look, status);
	watch_print(&out, watch, &screen, seconds(), lines.bytes, seen ? &look.status : NULL);
	good = text_write(&out, STDOUT_FILENO);
	look_close(&look);
	text_free(&lines);
	text_free(&out);
	return good;
}

/* Waits a second; false if the reader of the pipe has exited. */
static bool pause_second(void)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };

	return poll(&reader, 1, 1000) == 0 || !(reader.revents & (POLLERR | POLLNVAL));
}

/* Signals may end it at any time, also while a pipe is full, because it writes only the table. */
static void end(int number)
{
	(void)number;
	if (terminal)
		(void)!write(STDOUT_FILENO, "\n", 1); /* below the terminal's ^C */
	_exit(EXIT_OK);
}

static int print_always(const char *script)
{
	const struct sigaction action = { .sa_handler = end };
	struct watch watch = { .peers = NULL };

	terminal = is_terminal();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	while (print_table(script, &watch) && pause_second())
		;
	watch_free(&watch);
	return EXIT_OK;
}

int status_verb(const char *script, int argc, char **argv)
{
	enum form form;

	if (!parse_form(&form, argc, argv))
		return EXIT_MISTAKE;
	return form == FORM_WATCH ? print_always(script) : print_once(script, form);
}
