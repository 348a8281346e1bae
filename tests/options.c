/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* options bash|zsh|fish|manual: what the table of options gives for a shell's completion or for the
 * manual. tests/options.bats compares the files in gen/ with it; `make completion` writes those of
 * the shells. */
#include "options.h"

#include <stdio.h>
#include <string.h>

static const char *next_line(const char *line)
{
	return strchr(line, '\n') + 1;
}

/* The names of the ciphers are in a table of their own. */
static const char *choices_of(const struct option_row *row)
{
	static char names[1024];
	struct text list = { 0 };
	const char *end = names + sizeof names, *line;
	char *out = names;

	if (row != &option_rows[OPTION_CIPHER])
		return row->choices;
	cipher_list(&list);
	/* a line for each, between one of titles and one of notes */
	line = next_line(list.bytes);
	for (const char *next = next_line(line); *next; next = next_line(line)) {
		out += snprintf(out, (size_t)(end - out), "%s%.*s", out == names ? "" : " ",
		                (int)strcspn(line, " "), line);
		line = next;
	}
	text_free(&list);
	return names;
}

static bool takes(const struct option_row *row, const char *argument)
{
	return row->argument && strcmp(row->argument, argument) == 0;
}

/* HELP in one line, for a string in single quotes, in which QUOTE stands for one of these. */
static void print_help_text(const char *help, const char *quote)
{
	for (; *help; help++)
		if (*help == '\'')
			fputs(quote, stdout);
		else
			putchar(*help == '\n' ? ' ' : *help);
}

static void print_bash(const struct option_row *row)
{
	const char *choices = choices_of(row);
	char rest[1200];

	snprintf(rest, sizeof rest, "%s%s%s%s", row->argument ? " " : "",
	         row->argument ? row->argument : "", choices ? " " : "", choices ? choices : "");
	if (row->letter)
		printf("-%c%s\n", row->letter, rest);
	printf("%s%s\n", row->flag, rest);
}

/* For _arguments: '(-f --file)'{-f+,--file=}'[HELP]:FILE:_files' */
static void print_zsh(const struct option_row *row)
{
	const char *choices = choices_of(row), *equals = row->argument ? "=" : "";

	if (row->letter)
		printf("\t'(-%c %s)'{-%c%s,%s%s}'[", row->letter, row->flag, row->letter,
		       row->argument ? "+" : "", row->flag, equals);
	else
		printf("\t'%s%s[", row->flag, equals);
	print_help_text(row->help, "'\\''");
	putchar(']');
	if (choices)
		printf(":%s:(%s)", row->argument, choices);
	else if (row->argument)
		printf(":%s:%s", row->argument,
		       takes(row, "FILE") ? "_files" : takes(row, "DIR") ? "_files -/" : " ");
	puts("' \\");
}

static void print_fish(const struct option_row *row)
{
	const char *choices = choices_of(row);

	printf("complete -c xfrmpair");
	if (row->letter)
		printf(" -s %c", row->letter);
	printf(" -l %s", row->flag + strlen("--"));
	if (choices)
		printf(" -x -a '%s'", choices);
	else if (takes(row, "FILE"))
		printf(" -r -F");
	else if (takes(row, "DIR"))
		printf(" -x -a '(__fish_complete_directories)'");
	else if (row->argument)
		printf(" -x");
	printf(" -d '");
	print_help_text(row->help, "\\'");
	puts("'");
}

/* The head of its entry in the list of options. */
static void print_manual(const struct option_row *row)
{
	printf(".It Fl ");
	if (row->letter)
		printf("%c , ", row->letter);
	printf("%s", row->flag + 1);
	if (row->argument)
		printf(" Ar ");
	for (const char *p = row->argument; p && *p; p++)
		putchar(*p | ' '); /* in lower case */
	putchar('\n');
}

#define LICENCE "# SPDX-License-Identifier: ISC\n" \
                "# SPDX-FileCopyrightText: 2026 The xfrmpair authors\n"
#define MADE "# made by `make completion` from the table in gen/options.c\n"

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *head;
		void (*print)(const struct option_row *);
		const char *end;
	} kinds[] = {
		{ "bash", MADE "_xfrmpair_options='\n", print_bash, "'\n" },
		{ "zsh", "#compdef xfrmpair\n" LICENCE MADE "_arguments -s -S \\\n", print_zsh,
		  "\t'*:SIDE:()'\n" },
		{ "fish", LICENCE MADE "complete -c xfrmpair -f\n", print_fish, "" },
		{ "manual", "", print_manual, "" },
	};
	const size_t count = sizeof kinds / sizeof *kinds;
	size_t i = 0;

	while (i < count && (argc != 2 || strcmp(kinds[i].name, argv[1]) != 0))
		i++;
	if (i == count)
		return 2;
	fputs(kinds[i].head, stdout);
	for (size_t row = 0; row < OPTION_COUNT; row++)
		kinds[i].print(&option_rows[row]);
	fputs(kinds[i].end, stdout);
	return 0;
}
