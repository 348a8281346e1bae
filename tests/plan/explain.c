/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Checks --explain: each word of a paste block has a comment before the first command that has it, and
 * nothing else differs. */
#include "promises.h"

#include <stdio.h>
#include <string.h>

/* The words, in the order of the comments before one command. */
static const char *const keys[] = {
	"xfrm policy",
	"xfrm state",
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
	"address replace",
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

/* The picture of the tunnel is more indented. */
static bool is_comment(const char *line)
{
	return strncmp(line, "# ", 2) == 0 && line[2] != ' ';
}

static const char *addition(const char *plain, const char *explained)
{
	for (const char *line = explained; *line; line = next_line(line)) {
		size_t length = (size_t)(next_line(line) - line);

		if (strncmp(line, plain, length) == 0)
			plain += length;
		else if (!is_comment(line))
			return broken("more than comments is different", line);
	}
	return *plain ? broken("a line is missing", plain) : NULL;
}

/* The end of a command whose lines backslashes join.  What is said of the one behind a batch stands
 * in the batch. */
static const char *command_end(const char *line)
{
	const char *end = next_line(line);

	while ((strncmp(line, "END\n", strlen("END\n")) == 0 && end == next_line(line)) ||
	       (end[-2] == '\\' && *end))
		end = next_line(end);
	return end;
}

/* Adds the words of the command with one blank or newline between them. */
static void add_joined(struct text *out, const char *command, const char *end)
{
	const char *p = command;

	while (p < end)
		if (strncmp(p, " \\\n ", 4) == 0)
			p += 3;
		else if (strncmp(p, "  ", 2) == 0)
			p++;
		else
			text_add(out, p++, 1);
}

static bool has_key(const struct text *command, const char *key)
{
	const char *begin = command->bytes;
	size_t length = strlen(key);

	for (const char *p = begin; (p = strstr(p, key)); p++)
		if ((p == begin || strchr(" \n\"(", p[-1])) && strchr(" \n\"(", p[length]))
			return true;
	return false;
}

static bool is_comment_on(const char *line, const char *key)
{
	size_t length = strlen(key);

	return is_comment(line) && strncmp(line + 2, key, length) == 0 &&
	       strchr(":,", line[2 + length]);
}

/* Checks the comments from LINE on, which are those on the joined COMMAND behind them.  Returns NULL
 * or the key that has not its comment, and leaves LINE behind the last right one. */
static const char *missing_comment(const char **line, const struct text *command,
                                   bool told[KEY_COUNT])
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (told[i] || !has_key(command, keys[i]))
			continue;
		if (!is_comment_on(*line, keys[i]))
			return keys[i];
		told[i] = true;
		*line = next_line(*line);
	}
	return NULL;
}

/* Goes on behind the command that is the first from LINE on. */
static const char *check_comments(const char **line, bool told[KEY_COUNT])
{
	const char *command = *line, *key, *end;
	struct text joined = { 0 };

	while (is_comment(command))
		command = next_line(command);
	end = command_end(command);
	add_joined(&joined, command, end);
	key = missing_comment(line, &joined, told);
	text_free(&joined);
	if (key)
		return broken(key, command);
	if (*line != command)
		return broken("a comment is not about the command behind it", *line);
	*line = end;
	return NULL;
}

const char *explanation_broken(const char *plain, const char *explained)
{
	const char *begin = strstr(explained, "\n { ip "), *why = addition(plain, explained);
	const char *end = begin ? strstr(begin, "\n}\n") : NULL;
	bool told[KEY_COUNT] = { false };

	if (why || !end)
		return why ? why : broken("no block", explained);
	begin = next_line(begin + 1);
	while (strncmp(begin, "#  ", 3) == 0)
		begin = next_line(begin);
	for (const char *line = begin; !why && line < end;)
		why = check_comments(&line, told);
	return why;
}
