/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "firewall_rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rule_words_split(struct rule_words *words, char *text)
{
	words->count = words->at = 0;
	while (words->count < WORDS) {
		char end = ' ';

		text += strspn(text, " \t\n");
		if (*text == '"')
			end = *text++;
		if (!*text)
			break;
		words->list[words->count++] = text;
		text += end == ' ' ? strcspn(text, " \t\n") : strcspn(text, "\"");
		if (*text)
			*text++ = '\0';
	}
	words->list[words->count] = NULL;
}

const char *rule_words_peek(const struct rule_words *words)
{
	return words->at < words->count ? words->list[words->at] : "";
}

const char *rule_words_next(struct rule_words *words)
{
	return words->at < words->count ? words->list[words->at++] : "";
}

bool rule_words_next_is(struct rule_words *words, const char *word)
{
	bool same = strcmp(rule_words_peek(words), word) == 0;

	words->at += same;
	return same;
}

bool rule_word_is_one(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

void rule_narrow(struct rule *rule, enum rule_match match)
{
	if (match > rule->match)
		rule->match = match;
}

enum rule_match match_opposite(enum rule_match match)
{
	switch (match) {
	case MATCH_ALL:
		return MATCH_NONE;
	case MATCH_NONE:
		return MATCH_ALL;
	default:
		return match;
	}
}

/* ---- Single values ---- */

/* A list with commas, as `established,related`. */
static bool has_item(const char *list, const char *item)
{
	size_t length = strlen(item);

	for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncasecmp(at, item, length) == 0 && (!at[length] || at[length] == ','))
			return true;
	return false;
}

enum rule_match match_state(const char *list, const struct flow *flow)
{
	return has_item(list, flow->answer ? "established" : "new") ? MATCH_ALL : MATCH_NONE;
}

enum rule_match match_link(const char *name, const char *link)
{
	size_t length = strlen(name);
	bool open = length && (name[length - 1] == '*' || name[length - 1] == '+');

	if (strcmp(name, "lo") == 0 && !open)
		return MATCH_NONE;
	if (!link)
		return MATCH_PERHAPS;
	if (open)
		return strncmp(name, link, length - 1) == 0 ? MATCH_ALL : MATCH_NONE;
	return strcmp(name, link) == 0 ? MATCH_ALL : MATCH_NONE;
}

/* A range, a name or a set is not a prefix. */
static bool read_prefix(struct prefix *out, const char *text)
{
	char copy[PREFIX_TEXT];
	const char *length = strchr(text, '/') ? "" : strchr(text, ':') ? "/128" : "/32";

	return snprintf(copy, sizeof copy, "%s%s", text, length) < (int)sizeof copy &&
	       prefix_read(out, copy);
}

enum rule_match match_prefix(const char *text, const struct prefix *of_flow)
{
	struct prefix prefix;

	if (!read_prefix(&prefix, text) || !of_flow->address.family)
		return MATCH_PERHAPS;
	if (prefix.address.family != of_flow->address.family || !prefix_overlaps(&prefix, of_flow))
		return MATCH_NONE;
	return prefix.length <= of_flow->length ? MATCH_ALL : MATCH_PART;
}

enum rule_match match_protocol(const char *name, const struct flow *flow)
{
	const char *own = flow->esp ? "esp" : "udp", *number = flow->esp ? "50" : "17";

	if (flow->inner)
		return MATCH_PART;
	return strcmp(name, own) == 0 || strcmp(name, number) == 0 ? MATCH_ALL : MATCH_NONE;
}

enum rule_match match_port(const char *text, uint16_t port, const struct flow *flow)
{
	char *end;
	unsigned long least, most;

	if (flow->inner)
		return MATCH_PART;
	least = strtoul(text, &end, 10);
	if (end == text)
		return MATCH_PERHAPS;
	most = *end == '-' || *end == ':' ? strtoul(end + 1, NULL, 10) : least;
	if (!port)
		return flow->esp ? MATCH_NONE : MATCH_PERHAPS; /* the peer's */
	return port >= least && port <= most ? MATCH_ALL : MATCH_NONE;
}
