/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/*
 * A table of runs of a program. The first word of a line says what the line is:
 *
 *   # TEXT                   a comment
 *   let NAME WORD            from here on, $NAME and ${NAME} stand for WORD
 *   message TEXT             one line that the program must print on stderr
 *   status N                 the exit status (default 2); with 0 it must also print on stdout
 *   file PATH [MODE]         an existing file (default mode 600); the lines below it that begin
 *                            with a tab are its contents
 *   folder PATH [MODE]       an existing folder (default mode 700)
 *   fifo PATH                an existing FIFO
 *   link PATH TARGET         an existing symbolic link
 *   hardlink PATH TARGET     another name of an existing file
 *   row [VALUE]... | ARGV... one run
 *
 * Messages, files and the rows below them are a group; the next such line after a row begins
 * another one. Files above the first message or status exist in every row. In the lines of a
 * group, $1 to $9 stand for the values of the row, $0 for the program and $PWD for its folder.
 *
 * Words end at blanks. '...' quotes, and \n, \r, \t, \e, \0 and \xNN are characters; \c at the end
 * of a file's last line means that it has no newline. A line that ends with \ continues in the
 * next one, without the blanks that begin it.
 *
 * run.c includes this file: what is static cannot collide with the names of a program.
 */
#include <ctype.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	const char *path;
	char **lines;
	size_t count;
	size_t at;      /* the line that is being read, from 0 */
};

/* What was written to a stream in memory; to be freed. */
struct bytes {
	char *start;
	size_t length;
};

static void *checked(void *memory)
{
	if (!memory)
		err(EXIT_FAILURE, "memory");
	return memory;
}

static FILE *bytes_open(struct bytes *bytes)
{
	return checked(open_memstream(&bytes->start, &bytes->length));
}

/* Ends the program: the table has a mistake. */
static _Noreturn void table_reject(const struct table *table, const char *problem, const char *text)
{
	errx(EXIT_FAILURE, "%s:%zu: %s: %s", table->path, table->at + 1, problem, text);
}

/* The rest of LINE, if its first word is WORD, else NULL. */
static const char *after_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(line, word, length) != 0 || (line[length] && line[length] != ' '))
		return NULL;
	return line + length + (line[length] == ' ');
}

/* Whether LINE stands above the rows of a group and belongs to it. */
static bool is_of_group(const char *line)
{
	return *line && *line != '#' && *line != '\t' && !after_word(line, "row") &&
	       !after_word(line, "let");
}

/* Variables are those of the environment. A NULL value removes one. */
static void variable_set(const char *name, const char *value)
{
	if (value ? setenv(name, value, 1) : unsetenv(name))
		err(EXIT_FAILURE, "%s", name);
}

/* AT is behind a dollar sign, and then behind the name. */
static void expand(FILE *out, const struct table *table, const char **at)
{
	bool in_braces = **at == '{';
	const char *begin = *at + in_braces, *end = begin + 1, *value;
	char name[64];

	while (!isdigit((unsigned char)*begin) && (isalnum((unsigned char)*end) || *end == '_'))
		end++;
	snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
	value = getenv(name);
	if (!value)
		table_reject(table, "unknown variable", name);
	fputs(value, out);
	*at = end + in_braces;
}

/* AT is behind a backslash, and then behind what it stands for. */
static void unescape(FILE *out, const char **at)
{
	static const char letters[] = { 'n', 'r', 't', 'e', '0' };
	static const char characters[] = { '\n', '\r', '\t', '\033', '\0' };
	const char *letter = memchr(letters, **at, sizeof letters);
	unsigned number;

	if (letter) {
		putc(characters[letter - letters], out);
		*at += 1;
	} else if (sscanf(*at, "x%2x", &number) == 1) {
		putc((int)number, out);
		*at += 3;
	} else if (**at) {
		putc(*(*at)++, out);
	}
}

static void add_piece(FILE *out, const struct table *table, const char **at)
{
	char character = *(*at)++;

	if (character == '$')
		expand(out, table, at);
	else if (character == '\\')
		unescape(out, at);
	else
		putc(character, out);
}

static void add_quoted(FILE *out, const struct table *table, const char **at)
{
	const char *end = strchr(*at + 1, '\'');

	if (!end)
		table_reject(table, "quote without an end", *at);
	fwrite(*at + 1, 1, (size_t)(end - *at - 1), out);
	*at = end + 1;
}

/* The next word at *AT, to be freed; NULL at a bar or the end of the line. */
static char *table_word(const struct table *table, const char **at)
{
	struct bytes word;
	FILE *out;

	*at += strspn(*at, " ");
	if (!**at || strncmp(*at, "| ", 2) == 0)
		return NULL;
	out = bytes_open(&word);
	while (**at && **at != ' ') {
		if (**at == '\'')
			add_quoted(out, table, at);
		else
			add_piece(out, table, at);
	}
	fclose(out);
	return word.start;
}

static void table_add_message(FILE *out, const struct table *table, const char *text)
{
	while (*text) {
		char character = *text++;

		if (character == '$')
			expand(out, table, &text);
		else
			putc(character, out);
	}
	putc('\n', out);
}

/* The contents of the file that the present line names. */
static void table_add_contents(FILE *out, const struct table *table)
{
	for (size_t i = table->at + 1; i < table->count && table->lines[i][0] == '\t'; i++) {
		const char *at = table->lines[i] + 1;

		while (*at && strcmp(at, "\\c") != 0)
			add_piece(out, table, &at);
		if (!*at)
			putc('\n', out);
	}
}

/* Lines that continue one are joined to it; empty ones in their place keep the numbers right. */
static char *join_lines(FILE *in)
{
	struct bytes text;
	FILE *out = bytes_open(&text);
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	unsigned joined = 0;

	while ((length = getline(&line, &room, in)) > 0) {
		bool continues = length > 1 && strcmp(line + length - 2, "\\\n") == 0;

		if (continues)
			line[length - 2] = '\0';
		fputs(line + (joined ? strspn(line, " ") : 0), out);
		if (continues)
			joined++;
		for (; joined && !continues; joined--)
			putc('\n', out);
	}
	free(line);
	fclose(out);
	return text.start;
}

static void table_read(struct table *table, const char *path)
{
	FILE *file = fopen(path, "r");
	char *text, *line;

	if (!file)
		err(EXIT_FAILURE, "%s", path);
	table->path = path;
	text = join_lines(file);
	fclose(file);
	while ((line = strsep(&text, "\n"))) {
		size_t room = (table->count + 1) * sizeof *table->lines;

		table->lines = checked(realloc(table->lines, room));
		table->lines[table->count++] = line;
	}
}
