/* SPDX-License-Identifier: ISC */
/* What --explain adds to a paste block: each word has its comment before the first command that has it,
 * and nothing else is different. */
#include "promises.h"

#include <stdio.h>
#include <string.h>

/* The words, in the order of the comments before one command. */
static const char *const keys[] = {
	"xfrm policy",
	"src",
	"sport",
	"dport",
	"proto 1",
	"proto 6",
	"proto 17",
	"proto 58",
	"dir out",
	"dir in",
	"dir fwd",
	"priority",
	"action block",
	"tmpl",
	"if_id",
	"proto esp",
	"reqid",
	"mode tunnel",
	"mode transport",
	"xfrm state",
	"spi",
	"flag",
	"esn",
	"af-unspec",
	"replay-window",
	"limit",
	"encap",
	"aead",
	"enc",
	"auth-trunc",
	"link add",
	"address add",
	"route add",
	"mtu",
	"maxseg",
	"espdecap",
	"-d",
	"-N",
	"-u",
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static const char *broken(const char *why, const char *line)
{
	static char text[256];

	snprintf(text, sizeof text, "--explain: %s: %.*s", why, (int)strcspn(line, "\n"), line);
	return text;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

static bool is_comment(const char *line)
{
	return strncmp(line, "## ", 3) == 0;
}

static const char *addition(const char *plain, const char *explained)
{
	for (const char *line = explained; *line; line = next_line(line)) {
		size_t length = (size_t)(next_line(line) - line);

		if (is_comment(line))
			continue;
		if (strncmp(line, plain, length) != 0)
			return broken("more than comments is different", line);
		plain += length;
	}
	return *plain ? broken("a line is missing", plain) : NULL;
}

/* The end of a command whose lines backslashes join.  The line that opens the rows is one of its own. */
static const char *command_end(const char *line)
{
	const char *end = next_line(line);

	if (end - line >= 3 && strncmp(end - 3, "\"\\\n", 3) == 0)
		return end;
	while (end - line >= 2 && end[-2] == '\\' && *end)
		end = next_line(end);
	return end;
}

static bool has_key(const char *command, const char *end, const char *key)
{
	size_t length = strlen(key);

	for (const char *p = command; p + length < end; p++)
		if ((p == command || strchr(" \n\"(", p[-1])) && strncmp(p, key, length) == 0 &&
		    strchr(" \n\"(", p[length]))
			return true;
	return false;
}

static bool is_comment_on(const char *line, const char *key)
{
	size_t length = strlen(key);

	return is_comment(line) && strncmp(line + 3, key, length) == 0 &&
	       strchr(":,", line[3 + length]);
}

/* Checks the comments from LINE on, which are those on the command behind them, and returns it. */
static const char *check_comments(const char **line, bool told[KEY_COUNT])
{
	const char *command = *line, *end;

	while (is_comment(command))
		command = next_line(command);
	end = command_end(command);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (told[i] || !has_key(command, end, keys[i]))
			continue;
		if (!is_comment_on(*line, keys[i]))
			return broken(keys[i], command);
		told[i] = true;
		*line = next_line(*line);
	}
	if (*line != command)
		return broken("a comment is not about the command behind it", *line);
	*line = end;
	return NULL;
}

const char *explanation_broken(const char *plain, const char *explained)
{
	const char *begin = strstr(explained, "set_up() {\n"), *why = addition(plain, explained);
	const char *end = begin ? strstr(begin, "\n}\n") : NULL;
	bool told[KEY_COUNT] = { false };

	if (why || !end)
		return why ? why : broken("no set_up()", explained);
	for (const char *line = next_line(begin); !why && line < end;)
		why = check_comments(&line, told);
	return why;
}
