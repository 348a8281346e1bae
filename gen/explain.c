#include "explain.h"
#include "say.h"
#include "template.h"

#include <err.h>
#include <stdbool.h>
#include <string.h>

enum { WORDS_MOST = 64 };

/* What templates/paste.sh has around the commands. */
static const char begin[] = "set_up() {\n", end[] = "\n}\n";

static bool is_between(char c)
{
	return strchr(" \n\"(", c);
}

/* The word, or words, of KEY in the text from COMMAND up to STOP. */
static bool has_word(const char *command, const char *stop, const char *key, size_t length)
{
	for (const char *p = command; p + length < stop; p++)
		if ((p == command || is_between(p[-1])) && memcmp(p, key, length) == 0 && is_between(p[length]))
			return true;
	return false;
}

/* Where the command that begins at LINE ends: a backslash joins the next line. */
static const char *command_end(const char *line)
{
	const char *stop = text_next_line(line);

	while (stop - line >= 2 && stop[-2] == '\\' && *stop)
		stop = text_next_line(stop);
	return stop;
}

void explain_add(struct text *out, const char *block)
{
	const char *from = strstr(block, begin), *to = from ? strstr(from, end) : NULL;
	bool told[WORDS_MOST] = { false };

	if (!to)
		errx(EXIT_BROKE, "template: no set-up to explain");
	from += strlen(begin);
	text_add(out, block, (size_t)(from - block));
	for (const char *command = from, *stop; command < to; command = stop) {
		size_t i = 0;

		/* what opens the rows stands in the line before them */
		stop = strncmp(text_next_line(command) - 3, "\"\\\n", 3) == 0 ? text_next_line(command) : command_end(command);
		for (const char *row = template_text("explain"); *row; row = text_next_line(row), i++) {
			if (i >= WORDS_MOST)
				errx(EXIT_BROKE, "template: more than %d words to explain", WORDS_MOST);
			if (told[i] || !has_word(command, stop, row, strcspn(row, ":")))
				continue;
			told[i] = true;
			text_add_string(out, "## ");
			text_add(out, row, (size_t)(text_next_line(row) - row));
		}
		text_add(out, command, (size_t)(stop - command));
	}
	text_add_string(out, to + 1); /* END's own newline is the last command's */
}
