/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "page.h"
#include "number.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const function_names[PAGE_FUNCTIONS] = {
	"passes", "guards", "policies", "undo",  "unguard", "routes",
	"helper", "tests",  "link",     "clamp", "exempt",
};

/* The last line of a script, after the section. */
static const char script_end[] = "main \"$@\"\n}\n";

static bool next_but_directive(struct lines *lines, const char **line, size_t *length)
{
	while (line_next(lines, line, length))
		if (!line_begins(*line, *length, "# shellcheck "))
			return true;
	return false;
}

/* Distinguishes other files from damaged scripts, because the advice differs. */
static bool check_kind(const struct page *page)
{
	const struct text *text = &page->text;
	struct lines lines = { text->bytes, text->bytes + text->length, 1 };
	const char *line;
	size_t length;

	if (memchr(text->bytes, '\r', text->length))
		return refuse(page->path, "carriage return (expected a script as xfrmpair wrote "
		                          "it): copy it again");
	if (memchr(text->bytes, '\0', text->length) || !line_next(&lines, &line, &length) ||
	    !line_is(line, length, "#!/bin/sh") || !next_but_directive(&lines, &line, &length) ||
	    !line_begins(line, length, "{ # ") ||
	    !memmem(line, length, "xfrmpair", strlen("xfrmpair")))
		return refuse(page->path, "not a script of xfrmpair (expected one like a.sh)");
	while (line_next(&lines, &line, &length))
		if (line_begins(line, length, "# ---- program"))
			return refuse(page->path, "made by xfrmpair 0.1 (expected 0.2): run down "
			                          "with the old script, then up with a new one");
	return true;
}

static bool find_section(struct page *page)
{
	const struct text *text = &page->text;
	size_t end;

	if (section_find(text->bytes, text->length, &page->section_begin, &page->section_length)) {
		end = page->section_begin + page->section_length;
		if (text->length - end == strlen(script_end) &&
		    memcmp(text->bytes + end, script_end, strlen(script_end)) == 0)
			return true;
	}
	return refuse(page->path, "truncated (expected the whole script): copy it again");
}

static bool add_function(struct page *page, const char *name, struct lines *rest)
{
	struct lines rows = *rest;

	for (unsigned i = 0; i < PAGE_FUNCTIONS; i++) {
		if (strcmp(name, function_names[i]) != 0)
			continue;
		if (page->rows[i].at)
			return refuse(page->path, "%s(): defined twice (expected once)", name);
		if (!lines_of_rows(&rows, rest))
			return refuse(page->path, "%s(): no end (expected \"; })",
			              name);
		page->rows[i] = rows;
	}
	return true;
}

/* Finds the facts, and then the functions of rows among those of the program. */
static bool find_parts(struct page *page)
{
	struct lines rest = { page->text.bytes, page->text.bytes + page->section_begin, 1 }, facts;
	char name[ROWS_NAME];
	const char *line;
	size_t length;

	line_next(&rest, &line, &length);
	next_but_directive(&rest, &line, &length); /* the line with the opening brace */
	facts = rest;
	facts.end = NULL;
	while (line_next(&rest, &line, &length)) {
		if (!facts.end && line_begins_function(line, length))
			facts.end = line;
		if (line_begins_rows(line, length, name) && !add_function(page, name, &rest))
			return false;
	}
	if (!page_has(page, PAGE_POLICIES) || !page_has(page, PAGE_UNDO))
		return refuse(
			page->path,
			"no policies() or no undo() (expected a script as xfrmpair wrote it)");
	return page_parse_facts(page, facts);
}

bool page_parse(struct page *out, struct text *text, const char *path)
{
	struct page page = { .path = text_printable(path), .text = *text };

	*text = (struct text){ 0 };
	*out = (struct page){ 0 };
	if (!page.text.length)
		text_add_string(&page.text, "");
	if (check_kind(&page) && find_section(&page) && find_parts(&page)) {
		*out = page;
		return true;
	}
	page_free(&page);
	return false;
}

bool page_read(struct page *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct text text = { 0 };
	char *shown_path = text_printable(path);
	bool good = fd >= 0 && text_read(&text, fd, PAGE_MOST);

	*out = (struct page){ 0 };
	if (!good)
		refuse(shown_path, "cannot be read: %s (expected a script of xfrmpair)",
		       strerror(errno));
	if (fd >= 0)
		close(fd);
	free(shown_path);
	if (good)
		return page_parse(out, &text, path);
	text_free(&text);
	return false;
}

void page_free(struct page *page)
{
	text_free(&page->text);
	free(page->path);
	free(page->peers);
	free(page->own_nets.list);
	free(page->other_nets.list);
	*page = (struct page){ 0 };
}

bool page_fits(const struct page *page, const struct section *section, const char *where)
{
	if (section->peer_count != page->peer_count)
		return refuse(where, "the section has %zu peers (expected %zu, as the script)",
		              section->peer_count, page->peer_count);
	for (size_t i = 0; i < page->peer_count; i++) {
		size_t count;
		const struct state *states = section_states(section, i, &count);

		if (strcmp(section->peers[i].name, page->peers[i].name) != 0 || !count ||
		    states[0].reqid != page->peers[i].reqid || states[0].cipher != page->cipher)
			return refuse(where,
			              "the section's peer %zu is not the script's (expected %s)",
			              i + 1, page->peers[i].name);
	}
	return true;
}

bool page_section(struct section *out, const struct page *page)
{
	const char *text = page->text.bytes + page->section_begin;
	char where[640];

	snprintf(where, sizeof where, "%s: section", page->path);
	if (!section_parse(out, text, page->section_length, page->port, where))
		return false;
	if (strcmp(out->check, page->check) != 0)
		refuse(where, "belongs to another script (expected check=%s)", page->check);
	else if (page_fits(page, out, where))
		return true;
	section_free(out);
	return false;
}

/* The sources for the variables of a row. */
struct source {
	const struct page *page;
	const struct section *section;
	const char *const *extras;
	size_t peer; /* the peer of the last variable */
};

static bool add_address(struct text *out, const struct address *address)
{
	char text[ADDRESS_TEXT];

	if (address_is_any(address))
		return false;
	text_add_string(out, address_print(text, address));
	return true;
}

static bool add_number(struct text *out, uint16_t number)
{
	text_add_number(out, number);
	return number != 0;
}

static bool add_spi(struct text *out, const struct section *section, size_t peer)
{
	size_t count;
	const struct state *states = section_states(section, peer, &count);

	if (count)
		text_printf(out, "0x%08x", (unsigned)states[count - 1].spi);
	return count > 0;
}

/* Adds the value of there_N, port_N or spi_N; false if it is none of them, or unknown. */
static bool add_of_peer(struct source *source, struct text *out, const char *name)
{
	const struct section *section = source->section;
	const char *underscore = strchr(name, '_');
	size_t length = underscore ? (size_t)(underscore - name) : 0;
	unsigned long long number;

	if (!length || !number_parse(&number, underscore + 1, 1, section->peer_count))
		return false;
	source->peer = (size_t)number - 1;
	if (line_is(name, length, "there"))
		return add_address(out, &section->peers[source->peer].there.address);
	if (line_is(name, length, "port"))
		return add_number(out, section->peers[source->peer].there.port);
	return line_is(name, length, "spi") && add_spi(out, section, source->peer);
}

/* A variable of the caller, whose characters have no meaning to ip and nft. */
static bool add_extra(const struct source *source, struct text *out, const char *name)
{
	static const char alphabet[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@/%+,=- ";
	size_t length = strlen(name);

	for (const char *const *extra = source->extras; extra && *extra; extra++)
		if (strncmp(*extra, name, length) == 0 && (*extra)[length] == '=') {
			const char *value = *extra + length + 1;

			text_add_string(out, value);
			return value[strspn(value, alphabet)] == '\0';
		}
	return false;
}

static bool add_variable(void *context, struct text *out, const char *name)
{
	struct source *source = context;

	if (strcmp(name, "here") == 0)
		return add_address(out, &source->section->here);
	if (strcmp(name, "port") == 0)
		return add_number(out, source->page->port);
	if (strcmp(name, "own_address") == 0 && add_address(out, &source->page->own_address)) {
		text_printf(out, "/%u", (unsigned)source->page->own_length);
		return true;
	}
	if (strcmp(name, "own_device") == 0) {
		text_add_string(out, source->page->own_device);
		return source->page->own_device[0] != '\0';
	}
	if (strcmp(name, "name") == 0) {
		text_add_string(out, source->page->name);
		return true;
	}
	return add_of_peer(source, out, name) || add_extra(source, out, name);
}

static struct rows begin_rows(struct source *source, enum page_function function)
{
	return (struct rows){
		.lines = source->page->rows[function],
		.where = source->page->path,
		.value = add_variable,
		.context = source,
	};
}

/* Removes the comment; false if there was nothing else. */
static bool strip(struct text *row)
{
	char *comment = strstr(row->bytes, " # ");

	if (comment)
		row->length = (size_t)(comment - row->bytes);
	row->bytes[row->length] = '\0';
	return row->bytes[0] != '#';
}

bool page_rows(struct text *out, const struct page *page, enum page_function function,
               const struct section *section, const char *const *extras)
{
	struct source source = { page, section, extras, 0 };
	struct rows rows = begin_rows(&source, function);
	struct text row = { 0 };

	while (rows_next(&rows, &row))
		if ((function == PAGE_TESTS && row.bytes[0] == '#') || strip(&row)) {
			text_add(out, row.bytes, row.length);
			text_add(out, "\n", 1);
		}
	text_free(&row);
	return !rows.refused;
}

struct policy *page_policies(const struct page *page, enum page_function function,
                             const struct section *section, size_t *count)
{
	struct source source = { page, section, NULL, 0 };
	struct rows rows = begin_rows(&source, function);
	struct policy *policies = malloc(sizeof *policies);
	struct text row = { 0 };
	size_t room = 1;
	char at[640];
	bool good = policies;

	*count = 0;
	while (good && rows_next(&rows, &row)) {
		size_t peer = source.peer;

		source.peer = 0;
		if (!strip(&row))
			continue;
		if (*count == room) {
			room *= 2;
			policies = reallocarray(policies, room, sizeof *policies);
		}
		if (!policies)
			break;
		snprintf(at, sizeof at, "%s:%u", page->path, rows.number);
		good = policy_parse(&policies[*count], row.bytes, at);
		policies[(*count)++].peer = peer;
	}
	text_free(&row);
	if (!policies)
		err(EXIT_BROKE, "memory");
	if (good && !rows.refused)
		return policies;
	free(policies);
	return NULL;
}
