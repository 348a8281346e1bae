/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "rows.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

static const char rows_begin[] = "() { echo \"", rows_end[] = "\"; }";

bool line_next(struct lines *lines, const char **line, size_t *length)
{
	const char *newline;

	if (lines->at == lines->end)
		return false;
	*line = lines->at;
	newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	*length = (size_t)((newline ? newline : lines->end) - lines->at);
	lines->at = newline ? newline + 1 : lines->end;
	lines->number++;
	return true;
}

bool line_is(const char *line, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(line, text, length) == 0;
}

bool line_begins(const char *line, size_t length, const char *text)
{
	return length >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static bool is_name(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* Parses a shell name of at most ROWS_NAME - 1 bytes at *AT, and moves *AT after it. */
static bool take_name(char out[ROWS_NAME], const char **at, const char *end)
{
	size_t length = 0;

	while (*at < end && is_name(**at, length == 0)) {
		if (length == ROWS_NAME - 1)
			return false;
		out[length++] = *(*at)++;
	}
	out[length] = '\0';
	return length > 0;
}

bool line_begins_function(const char *line, size_t length)
{
	const char *at = line;
	char name[ROWS_NAME];

	return take_name(name, &at, line + length) &&
	       line_begins(at, (size_t)(line + length - at), "() {");
}

bool line_begins_rows(const char *line, size_t length, char name[ROWS_NAME])
{
	const char *at = line;

	return take_name(name, &at, line + length) &&
	       line_is(at, (size_t)(line + length - at), rows_begin);
}

bool lines_of_rows(struct lines *rows, struct lines *rest)
{
	const char *line;
	size_t length;

	*rest = *rows;
	while (line_next(rest, &line, &length))
		if (line_is(line, length, rows_end)) {
			rows->end = line;
			return true;
		}
	return false;
}

static bool refuse_line(const char *where, unsigned line, const char *what)
{
	char at[640];

	snprintf(at, sizeof at, "%s:%u", where, line);
	return refuse(at, "%s", what);
}

static bool fail_fact(struct facts *facts, const char *what)
{
	facts->refused = true;
	return refuse_line(facts->where, facts->lines.number, what);
}

static bool is_value(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._:@/%+,=-[]", c));
}

/* Printable characters and blanks, up to a quote. */
static bool is_quoted(char c)
{
	return (c >= ' ' && c <= '~' && c != '\'') || c == '\n';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Moves to the next fact; false at the end. */
static bool find_fact(struct lines *lines)
{
	for (; lines->at < lines->end; lines->at++) {
		if (*lines->at == '#') /* a comment, to the end of its line */
			while (lines->at + 1 < lines->end && lines->at[1] != '\n')
				lines->at++;
		else if (!is_blank(*lines->at))
			return true;
		if (*lines->at == '\n')
			lines->number++;
	}
	return false;
}

static bool take_value(struct facts *facts)
{
	struct lines *lines = &facts->lines;
	bool quoted = lines->at < lines->end && *lines->at == '\'';
	const char *begin = lines->at += quoted;
	unsigned number = lines->number;

	text_empty(&facts->value);
	while (lines->at < lines->end && (quoted ? is_quoted(*lines->at) : is_value(*lines->at)))
		lines->number += *lines->at++ == '\n';
	text_add(&facts->value, begin, (size_t)(lines->at - begin));
	if (quoted && (lines->at == lines->end || *lines->at++ != '\'')) {
		lines->number = number;
		return fail_fact(facts, "no closing quote (expected ')");
	}
	return lines->at == lines->end || is_blank(*lines->at) ||
	       fail_fact(facts, "invalid character (expected NAME=VALUE, or quotes)");
}

bool facts_next(struct facts *facts)
{
	struct lines *lines = &facts->lines;

	if (facts->refused || !find_fact(lines))
		return false;
	if (!take_name(facts->name, &lines->at, lines->end) || lines->at == lines->end ||
	    *lines->at++ != '=')
		return fail_fact(facts, "not a fact (expected NAME=VALUE)");
	return take_value(facts);
}

static bool fail_row(struct rows *rows, const char *what)
{
	rows->refused = true;
	return refuse_line(rows->where, rows->lines.number, what);
}

/* The characters of a row. Others are special in double quotes, or not used. */
static bool is_plain(char c)
{
	return c > ' ' && c <= '~' && !strchr("\"$\\`", c);
}

static bool add_value(struct rows *rows, struct text *row)
{
	char name[ROWS_NAME], what[ROWS_NAME + sizeof "$ has no value"];

	if (!take_name(name, &rows->lines.at, rows->lines.end))
		return fail_row(rows, "$ without a variable (expected one like $here)");
	if (rows->value(rows->context, row, name))
		return true;
	if (rows->secret)
		return fail_row(rows, "variable without a value");
	snprintf(what, sizeof what, "$%s has no value", name);
	return fail_row(rows, what);
}

static void add_blank(struct text *row)
{
	if (row->length && row->bytes[row->length - 1] != ' ')
		text_add(row, " ", 1);
}

/* Reads to the end of the row's last line. */
static bool read_row(struct rows *rows, struct text *row)
{
	struct lines *lines = &rows->lines;

	while (lines->at < lines->end) {
		const char *begin = lines->at;

		while (lines->at < lines->end && is_plain(*lines->at))
			lines->at++;
		text_add(row, begin, (size_t)(lines->at - begin));
		if (lines->at == lines->end)
			return true;
		switch (*lines->at++) {
		case ' ':
		case '\t':
			add_blank(row);
			break;
		case '\n':
			lines->number++;
			return true;
		case '$':
			if (!add_value(rows, row))
				return false;
			break;
		case '\\':
			if (lines->at < lines->end && *lines->at == '\n') {
				lines->at++;
				lines->number++;
				break;
			}
			/* fall through */
		default:
			return fail_row(rows, "invalid character (expected plain words)");
		}
	}
	return true;
}

bool rows_next(struct rows *rows, struct text *row)
{
	text_empty(row);
	while (!rows->refused && rows->lines.at < rows->lines.end && !row->length) {
		rows->number = rows->lines.number;
		if (!read_row(rows, row))
			return false;
	}
	if (row->length && row->bytes[row->length - 1] == ' ')
		row->bytes[--row->length] = '\0';
	return !rows->refused && row->length > 0;
}
