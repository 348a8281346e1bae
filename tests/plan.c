/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* plan <TABLE prints the table with the rows of the plans: it is the same table if they are right.
 * plan OPTION... SIDE SIDE... prints all rows of one tunnel, for a new table.  The status is 1 if a
 * tunnel is refused, or if one of the promises of promises.h is broken.
 *
 *     # comment
 *     OPTION... SIDE SIDE...   a tunnel, as on the command line of xfrmpair
 *     	a: tunnel b ...         all rows of one kind of side a, in order, or `none`
 *
 * Only the sides and kinds that the table names are printed: a line `a: tunnel ?` names one. */
#include "identity.h"
#include "key.h"
#include "memory.h"
#include "options.h"
#include "plan/promises.h"
#include "print.h"
#include "random.h"
#include "say.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MOST = 8192, WORDS_MOST = 100 };

static uint32_t random_state;

/* In place of helper/random.c, so that a tunnel has the same SPIs and reqids each time. */
void random_fill(void *out, size_t length)
{
	unsigned char *bytes = out;

	for (size_t i = 0; i < length; i++) {
		random_state = random_state * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(random_state >> 24);
	}
}

static bool read_request(struct request *request, char **words)
{
	int count = 0;
	bool good;

	while (words[count])
		count++;
	optind = 0; /* resets getopt(3) */
	good = options_from_arguments(request, count, words);
	for (char **word = request->operands; *word; word++) {
		struct side *side = tunnel_add_side(&request->tunnel);

		snprintf(side->where, sizeof side->where, "side %zu", request->tunnel.side_count);
		good &= side_parse(side, *word);
	}
	return good && options_complete(request) && tunnel_check(&request->tunnel);
}

static const char *print_and_compare(const struct plan *plan)
{
	struct text paste = { 0 }, explained = { 0 }, bare = { 0 };
	const char *why;

	print_commands(&paste, plan, STYLE_PASTE);
	print_commands(&explained, plan, STYLE_EXPLAINED);
	print_commands(&bare, plan, STYLE_BARE);
	why = rows_broken(plan, paste.bytes);
	if (!why)
		why = explanation_broken(paste.bytes, explained.bytes);
	if (!why)
		why = rows_broken(plan, bare.bytes);
	text_free(&paste);
	text_free(&explained);
	text_free(&bare);
	return why;
}

/* Adds the rows of all sides.  Returns NULL, or the promise that is broken. */
static const char *add_tunnel(struct text *out, const struct tunnel *tunnel)
{
	struct plan *plans = memory_rows(tunnel->side_count, sizeof *plans);
	const char *why;

	for (size_t i = 0; i < tunnel->side_count; i++) {
		plans[i] = plan_of(tunnel, i);
		plan_spell(out, &plans[i]);
	}
	why = promise_broken(plans);
	for (size_t i = 0; !why && i < tunnel->side_count; i++)
		why = print_and_compare(&plans[i]);
	for (size_t i = 0; i < tunnel->side_count; i++)
		plan_free(&plans[i]);
	free(plans);
	return why;
}

/* WORDS are an argv.  Returns false after one line on stderr if they are refused or a promise is
 * broken. */
static bool plan_words(struct text *out, char **words)
{
	struct request request = { 0 };
	struct tunnel *tunnel = &request.tunnel;
	const char *why = "refused";

	if (read_request(&request, words)) {
		random_state = 0;
		key_make(tunnel);
		identity_settle(tunnel, NULL);
		identity_digest(tunnel);
		why = add_tunnel(out, tunnel);
	}
	request_free(&request);
	if (why) {
		fprintf(stderr, "broken: %s:", why);
		for (size_t i = 1; words[i]; i++)
			fprintf(stderr, " %s", words[i]);
		fputs("\n", stderr);
	}
	return !why;
}

static bool plan_line(struct text *out, const char *line)
{
	static char name[] = "plan";
	char *words[WORDS_MOST + 2] = { name }, *copy = strdup(line), *rest = copy, *word;
	size_t count = 1;
	bool good;

	while ((word = strsep(&rest, " ")) && count < WORDS_MOST)
		if (*word)
			words[count++] = word;
	good = !word && plan_words(out, words);
	free(copy);
	return good;
}

/* ---- A table ---- */

/* The length of side and kind, as in `a: tunnel `. */
static size_t kind_length(const char *row)
{
	const char *space = strchr(row, ' '), *second = space ? strchr(space + 1, ' ') : NULL;

	return second ? (size_t)(second + 1 - row) : strlen(row);
}

static bool is_named(const struct text *names, const char *row)
{
	size_t length = kind_length(row);

	for (const char *name = names->bytes; name && *name; name = strchr(name, '\n') + 1)
		if (strncmp(name, row, length) == 0)
			return true;
	return false;
}

/* Prints the rows whose side and kind the table names, and empties both texts. */
static void print_named(struct text *rows, struct text *names)
{
	char *rest = rows->bytes, *row;

	while ((row = strsep(&rest, "\n")))
		if (*row && is_named(names, row))
			printf("\t%s\n", row);
	text_empty(rows);
	text_empty(names);
}

static bool read_table(FILE *table)
{
	struct text rows = { 0 }, names = { 0 };
	char line[LINE_MOST];
	bool good = true;

	while (fgets(line, sizeof line, table)) {
		if (line[0] == '\t') {
			text_add_string(&names, line + 1);
			continue;
		}
		print_named(&rows, &names);
		fputs(line, stdout);
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			good &= plan_line(&rows, line);
	}
	print_named(&rows, &names);
	text_free(&rows);
	text_free(&names);
	return good;
}

int main(int argc, char **argv)
{
	struct text rows = { 0 };
	bool good = argc > 1 ? plan_words(&rows, argv) : read_table(stdin);

	if (rows.length)
		fputs(rows.bytes, stdout);
	text_free(&rows);
	return good ? EXIT_OK : EXIT_BROKE;
}
