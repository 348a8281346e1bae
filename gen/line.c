/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "line.h"

#include <string.h>

/* Returns the first word and sets its length, 0 at the end of the line. */
static const char *first_word(const char *line, size_t *length)
{
	while (*line == ' ' || strncmp(line, "\\\n", 2) == 0)
		line += *line == ' ' ? 1 : 2;
	*length = strcspn(line, " \n");
	return line;
}

/* The length of WORD, including its value if it is a keyword of ip-xfrm(8). */
static size_t unit_length(const char *word)
{
	static const char *const names[] = { "src ",   "dst ",  "proto ", "spi ",
		                             "reqid ", "mode ", "dir ",   "priority " };
	size_t length = strcspn(word, " \n");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(word, names[i], strlen(names[i])) == 0)
			return length + 1 + strcspn(word + length + 1, " \n");
	return length;
}

/* Leaves room for a backslash except after the last word. A line that is already too long is not
 * broken. */
static bool fits(size_t column, const char *word)
{
	size_t length = unit_length(word);
	size_t room = word[length] == ' ' ? strlen(" \\") : 0;

	if (strncmp(word, "tmpl ", strlen("tmpl ")) == 0)
		return false;
	return column > LINE_COLUMNS || column + strlen(" ") + length + room <= LINE_COLUMNS;
}

const char *line_fold(struct text *out, const char *indent, const char *fold, const char *line)
{
	const char *fold_indent = strchr(fold, '\n') + 1, *before = indent;
	size_t column = strlen(indent), length;
	const char *word = first_word(line, &length);

	while (length) {
		text_add_string(out, before);
		text_add(out, word, length);
		column += length;
		word = first_word(word + length, &length);
		before = fits(column, word) ? " " : fold;
		column = before == fold ? strlen(fold_indent) : column + strlen(" ");
	}
	return word + (*word == '\n');
}

void line_quote(struct text *out, const char *line)
{
	size_t length;

	for (const char *word = first_word(line, &length); length;
	     word = first_word(word + length, &length)) {
		const char *quote = memchr(word, '(', length) ? "'" : "";

		text_join(out, " ", quote, NULL);
		text_add(out, word, length);
		text_add_string(out, quote);
	}
}
