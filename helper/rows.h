/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The few forms of shell text that a page and a section consist of:
 *
 *     NAME=VALUE NAME='VALUE VALUE'   # facts, several a line; a comment
 *     NAME() { echo "
 *     rows, which a backslash continues, with variables like $here
 *     "; }
 *
 * Nothing here runs a shell, and anything else is refused. */
#ifndef ROWS_H
#define ROWS_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>

enum { ROWS_NAME = 40 }; /* bytes of a variable's or a function's name, with its NUL */

/* The rest of a text of several lines. */
struct lines {
	const char *at, *end;
	unsigned number; /* of the next line in its file, from 1 */
};

/* Gets the next line without its newline; false if there is none. */
bool line_next(struct lines *, const char **line, size_t *length);
bool line_is(const char *line, size_t length, const char *text);
bool line_begins(const char *line, size_t length, const char *text);
/* True if the line begins a function of any kind. */
bool line_begins_function(const char *line, size_t length);
/* True if the line begins a function of rows: then NAME is its name. */
bool line_begins_rows(const char *line, size_t length, char name[ROWS_NAME]);
/* The lines up to the one that ends the function; *REST begins behind that.  False: nothing ends
 * it. */
bool lines_of_rows(struct lines *rows, struct lines *rest);

/* Facts, one after the other.  All but the first two members are zero at first. */
struct facts {
	struct lines lines;
	const char *where; /* the file, for messages */
	char name[ROWS_NAME];
	struct text value; /* the caller frees it */
	bool refused;
};

/* Reads the next fact; false at the end, or after one line that begins with WHERE:LINE.  The
 * message has no values, because they may be secret. */
bool facts_next(struct facts *);

/* Adds the value of the variable NAME, or of the sum `a + b` that stood in $((...)), to OUT; false: it has
 * none. */
typedef bool rows_value(void *context, struct text *out, const char *name);

/* Rows, one after the other. */
struct rows {
	struct lines lines;
	const char *where; /* the file, for messages */
	rows_value *value;
	void *context;   /* of that */
	bool secret;     /* the rows have keys: no message has a part of them */
	unsigned number; /* of the row's first line */
	bool refused;
};

/* Puts the next row that is not empty in place of what ROW has: one line without a newline, one
 * blank between two words, values in place of variables.  False at the end, or after one line that
 * begins with WHERE:LINE and has nothing of the row. */
bool rows_next(struct rows *, struct text *row);

#endif
