/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "firewall_read.h"
#include "memory.h"
#include "say.h"
#include "text.h"
#include "words.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy(const char *text, size_t length)
{
	char *out = strndup(text, length);

	if (!out)
		err(EXIT_BROKE, "memory");
	return out;
}

static char *copy_all(const char *text)
{
	return copy(text, strlen(text));
}

static struct chain *add_chain(struct ruleset *set, const char *table, const char *name)
{
	struct chain *chain;

	set->chains = memory_more(set->chains, set->count, &set->room, sizeof *set->chains);
	chain = &set->chains[set->count++];
	*chain = (struct chain){ .table = copy_all(table), .name = copy_all(name) };
	return chain;
}

static void add_rule(struct chain *chain, const char *text)
{
	chain->rules = memory_more(chain->rules, chain->count, &chain->room, sizeof *chain->rules);
	chain->rules[chain->count++] = copy_all(text);
}

struct chain *ruleset_find(const struct ruleset *set, const char *table, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->chains[i].table, table) == 0 &&
		    strcmp(set->chains[i].name, name) == 0)
			return &set->chains[i];
	return NULL;
}

void ruleset_free(struct ruleset *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct chain *chain = &set->chains[i];

		for (size_t j = 0; j < chain->count; j++)
			free(chain->rules[j]);
		free(chain->rules);
		free(chain->table);
		free(chain->name);
		free(chain->hook);
	}
	free(set->chains);
}

static int braces(const char *line)
{
	bool quoted = false;
	int open = 0;

	for (; *line; line++) {
		quoted ^= *line == '"';
		open += quoted ? 0 : (*line == '{') - (*line == '}');
	}
	return open;
}

/* The next line without surrounding blanks; a set over several lines is joined. */
static char *next_line(const char **at, bool join)
{
	struct text line = { 0 };
	char *out;

	if (!**at)
		return NULL;
	do {
		size_t length;

		*at += strspn(*at, " \t");
		length = strcspn(*at, "\n");
		text_add(&line, *at, length);
		text_add_string(&line, " ");
		*at += length + ((*at)[length] == '\n');
	} while (join && **at && braces(line.bytes) > 0);
	while (line.length && strchr(" \t", line.bytes[line.length - 1]))
		line.bytes[--line.length] = '\0';
	out = copy_all(line.bytes);
	text_free(&line);
	return out;
}

static bool begins(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

/* `type filter hook input priority filter; policy drop;` */
static void take_type(struct chain *chain, char *line)
{
	char *words[4];

	chain->drops = strstr(line, "policy drop");
	if (words_split(line, words, 4) < 4 || strcmp(words[2], "hook") != 0)
		return;
	free(chain->hook);
	chain->hook = copy_all(words[3]);
	chain->nat = strcmp(words[1], "nat") == 0;
}

static void take_nft_chain(struct ruleset *set, const char **at, const char *table,
                           const char *name)
{
	struct chain *chain = add_chain(set, table, name);
	char *line;

	while ((line = next_line(at, true))) {
		bool ends = strcmp(line, "}") == 0;

		if (begins(line, "type ") && !chain->count)
			take_type(chain, line);
		else if (!ends && *line && *line != '#')
			add_rule(chain, line);
		free(line);
		if (ends)
			break;
	}
}

void ruleset_read_nft(struct ruleset *set, const char *text)
{
	char table[128] = "", *line;

	while ((line = next_line(&text, false))) {
		char *words[3];
		size_t count = words_split(line, words, 3);

		if (count >= 3 && strcmp(words[0], "table") == 0)
			snprintf(table, sizeof table, "%s %s", words[1], words[2]);
		else if (count >= 3 && strcmp(words[0], "chain") == 0)
			take_nft_chain(set, &text, table, words[1]);
		free(line);
	}
}

/* `:INPUT DROP [0:0]`, `:own - [0:0]`. */
static void take_iptables_chain(struct ruleset *set, const char *table, char *line)
{
	struct chain *chain;
	char *words[2];

	if (words_split(line, words, 2) < 2)
		return;
	chain = add_chain(set, table, words[0] + 1);
	chain->nat = strcmp(table, "nat") == 0;
	chain->drops = strcmp(words[1], "DROP") == 0;
	if (strcmp(words[1], "-") == 0)
		return;
	chain->hook = copy_all(chain->name);
	for (char *at = chain->hook; *at; at++)
		*at = (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
}

/* `-A INPUT ...` */
static void take_iptables_rule(struct ruleset *set, const char *table, char *line)
{
	char *name = line + strlen("-A "), *rest = name + strcspn(name, " ");
	struct chain *chain;

	if (*rest)
		*rest++ = '\0';
	chain = ruleset_find(set, table, name);
	if (chain)
		add_rule(chain, rest);
}

void ruleset_read_iptables(struct ruleset *set, const char *text)
{
	char table[64] = "", *line;

	set->iptables = true;
	while ((line = next_line(&text, false))) {
		if (*line == '*')
			snprintf(table, sizeof table, "%s", line + 1);
		else if (*line == ':')
			take_iptables_chain(set, table, line);
		else if (begins(line, "-A "))
			take_iptables_rule(set, table, line);
		free(line);
	}
}
