/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses a section, then checks that its parts match, and that section_print() would write the same
 * text. The last check makes the grammar strict, comments and order included. */
#include "number.h"
#include "rows.h"
#include "say.h"
#include "section.h"

#include <stdio.h>
#include <string.h>

enum { NO_PEER = SECTION_PEERS };

struct parser {
	struct section *section;
	const char *where;
	struct lines facts, rows, peers;
	unsigned peers_line;          /* the number of their first line */
	uint32_t spis[SECTION_PEERS]; /* of the facts */
	uint32_t oseqs[SECTION_PEERS];
	size_t peer;                  /* the peer of the variables in the present row */
};

static bool fail_at(const struct parser *parser, unsigned line, const char *what)
{
	char at[640];

	snprintf(at, sizeof at, "%s:%u", parser->where, line);
	return refuse(at, "%s", what);
}

/* Finds the three parts: facts, rows, and the lines after them. */
static bool split(struct parser *parser, const char *text, size_t length)
{
	struct lines rest = { text, text + length, 1 };
	char name[ROWS_NAME];
	const char *line;
	size_t line_length;

	parser->facts = rest;
	while (line_next(&rest, &line, &line_length))
		if (line_begins_rows(line, line_length, name) && strcmp(name, "states") == 0) {
			parser->facts.end = line;
			parser->rows = rest;
			return lines_of_rows(&parser->rows, &parser->peers) ||
			       fail_at(parser, rest.number, "no end (expected \"; })");
		}
	return fail_at(parser, rest.number - 1, "no rows (expected states())");
}

/* there_N, port_N or spi_N: N counts from 1, the index from 0. */
static bool read_index(size_t *out, const char *name, const char *prefix)
{
	unsigned long long number;

	if (strncmp(name, prefix, strlen(prefix)) != 0 ||
	    !number_parse(&number, name + strlen(prefix), 1, SECTION_PEERS))
		return false;
	*out = (size_t)number - 1;
	return true;
}

bool section_read_host(char out[SECTION_HOST + 1], const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t length = strlen(text);

	if (length > SECTION_HOST || text[0] == '.' || text[0] == '-' || !strpbrk(text, letters) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") != length)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

/* The facts of the next peer. */
static bool take_there(struct parser *parser, size_t index, const char *value)
{
	struct section_peer *peer;

	if (index != parser->section->peer_count)
		return false;
	peer = section_add_peer(parser->section);
	if (address_read(&peer->there.address, value))
		return !address_is_any(&peer->there.address);
	return section_read_host(peer->host, value);
}

static bool take_port(struct parser *parser, size_t index, const char *value)
{
	unsigned long long port;

	if (index >= parser->section->peer_count || !number_parse(&port, value, 1, UINT16_MAX))
		return false;
	parser->section->peers[index].there.port = (uint16_t)port;
	return true;
}

static bool take_spi(struct parser *parser, size_t index, const char *value)
{
	unsigned char b[4];

	if (index >= parser->section->peer_count || !hex_parse(b, sizeof b, value))
		return false;
	parser->spis[index] =
		(uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return true;
}

static bool take_oseq(struct parser *parser, size_t index, const char *value)
{
	unsigned long long number;

	if (index >= parser->section->peer_count || !number_parse(&number, value, 0, UINT32_MAX))
		return false;
	parser->oseqs[index] = (uint32_t)number;
	return true;
}

static bool take_check(struct section *section, const char *value)
{
	unsigned char bytes[SECTION_CHECK / 2];

	if (!hex_read(bytes, sizeof bytes, value))
		return false;
	strcpy(section->check, value);
	return true;
}

static bool take_fact(struct parser *parser, const char *name, const char *value)
{
	struct section *section = parser->section;
	size_t index;

	if (strcmp(name, "made") == 0)
		return number_parse(&section->made, value, 1, SECTION_MADE_MOST);
	if (strcmp(name, "check") == 0)
		return take_check(section, value);
	if (strcmp(name, "here") == 0)
		return strcmp(value, "auto") == 0 || address_read(&section->here, value);
	if (strcmp(name, "token") == 0) {
		section->has_token = true;
		return hex_read(section->token, sizeof section->token, value);
	}
	if (read_index(&index, name, "there_"))
		return take_there(parser, index, value);
	if (read_index(&index, name, "port_"))
		return take_port(parser, index, value);
	if (read_index(&index, name, "spi_"))
		return take_spi(parser, index, value);
	return read_index(&index, name, "oseq_") && take_oseq(parser, index, value);
}

/* True if the name may be shown. An unknown name may be a part of a key. */
static bool is_known(const char *name)
{
	static const char *const known[] = { "made",   "check", "here", "token",
		                             "there_", "port_", "spi_",  "oseq_" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t length = strlen(known[i]);

		if (strncmp(name, known[i], length) == 0 &&
		    name[length + (known[i][length - 1] == '_' ? strspn(name + length, "0123456789")
		                                               : 0)] == '\0')
			return true;
	}
	return false;
}

static bool fail_fact(const struct parser *parser, const struct facts *facts)
{
	char what[sizeof ": invalid value or position" + ROWS_NAME];

	if (!is_known(facts->name))
		return fail_at(parser, facts->lines.number, "unknown variable");
	if (parser->section->peer_count == SECTION_PEERS &&
	    strncmp(facts->name, "there_", strlen("there_")) == 0)
		return fail_at(parser, facts->lines.number,
		               "too many peers (expected at most 1024)");
	snprintf(what, sizeof what, "%s: invalid value or position", facts->name);
	return fail_at(parser, facts->lines.number, what);
}

static bool parse_facts(struct parser *parser)
{
	struct facts facts = { .lines = parser->facts, .where = parser->where };
	bool good = true;

	while (good && facts_next(&facts))
		good = take_fact(parser, facts.name, facts.value.bytes) ||
		       fail_fact(parser, &facts);
	text_free(&facts.value);
	return good && !facts.refused;
}

static void add_address(struct text *out, const struct address *address)
{
	char text[ADDRESS_TEXT];

	text_add_string(out, address_is_any(address) ? "0.0.0.0" : address_print(text, address));
}

/* Gets a variable of a row of states, and notes which peer it is about. */
static bool add_value(void *context, struct text *out, const char *name)
{
	struct parser *parser = context;
	const struct section *section = parser->section;
	bool is_there, is_port;
	size_t index;

	if (strcmp(name, "here") == 0) {
		add_address(out, &section->here);
		return true;
	}
	if (strcmp(name, "port") == 0) {
		text_add_number(out, section->port);
		return section->port != 0;
	}
	if (read_index(&index, name, "oseq_") && index < section->peer_count) {
		text_add_number(out, parser->oseqs[index]);
		return true;
	}
	is_there = read_index(&parser->peer, name, "there_");
	is_port = !is_there && read_index(&parser->peer, name, "port_");
	if ((!is_there && !is_port) || parser->peer >= section->peer_count)
		return false;
	if (is_there)
		add_address(out, &section->peers[parser->peer].there.address);
	else
		text_add_number(out, section->peers[parser->peer].there.port);
	return true;
}

static bool parse_row(struct parser *parser, char *row, unsigned line)
{
	struct section *section = parser->section;
	struct state state;
	char at[640];
	size_t last = section->state_count ? section->states[section->state_count - 1].peer : 0;

	snprintf(at, sizeof at, "%s:%u", parser->where, line);
	if (!state_parse(&state, row, at))
		return false;
	state.peer = parser->peer;
	if (parser->peer < last || parser->peer > last + 1) {
		explicit_bzero(&state, sizeof state);
		return refuse(at, "state out of order (expected the order of the peers)");
	}
	/* an unknown address is not printed as 0.0.0.0 */
	state.src = state.outbound ? section->here : section->peers[state.peer].there.address;
	state.dst = state.outbound ? section->peers[state.peer].there.address : section->here;
	section_add_state(section, &state);
	explicit_bzero(&state, sizeof state);
	return true;
}

static bool parse_states(struct parser *parser)
{
	struct rows rows = { .lines = parser->rows,
		             .where = parser->where,
		             .value = add_value,
		             .secret = true,
		             .context = parser };
	struct text row = { 0 };
	bool good = true;

	for (;;) {
		parser->peer = NO_PEER;
		if (!rows_next(&rows, &row))
			break;
		good = parser->peer == NO_PEER ? fail_at(parser, rows.number,
		                                         "row without a peer (expected $there_N)")
		                               : parse_row(parser, row.bytes, rows.number);
		if (!good)
			break;
	}
	text_free(&row);
	return good && !rows.refused;
}

bool section_read_name(char out[SECTION_NAME + 1], const char *text)
{
	size_t length = strlen(text);

	if (length > SECTION_NAME || text[0] < 'a' || text[0] > 'z' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

static bool read_u32(uint32_t *out, const char *text)
{
	unsigned long long number;

	if (!text || !number_parse(&number, text, 0, UINT32_MAX))
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool word_is(const char *word, const char *text)
{
	return word && strcmp(word, text) == 0;
}

/* #: NAME heard EPOCH next EPOCH SECRET, or #: NAME heard EPOCH fixed */
static bool take_peer(struct section_peer *peer, char *line)
{
	const char *name, *word;

	if (!word_is(strsep(&line, " "), "#:"))
		return false;
	name = strsep(&line, " ");
	if (!name || !section_read_name(peer->name, name) ||
	    !word_is(strsep(&line, " "), "heard") || !read_u32(&peer->heard, strsep(&line, " ")))
		return false;
	word = strsep(&line, " ");
	if (word_is(word, "fixed"))
		return !line;
	peer->derived = true;
	return word_is(word, "next") && read_u32(&peer->next, strsep(&line, " ")) && line &&
	       hex_parse(peer->secret, sizeof peer->secret, line);
}

static bool parse_peers(struct parser *parser)
{
	struct section *section = parser->section;
	struct text copy = { 0 };
	const char *line;
	size_t length, count = 0;
	bool good = true;

	parser->peers_line = parser->peers.number;
	while (good && line_next(&parser->peers, &line, &length) &&
	       line_begins(line, length, "#: ")) {
		text_empty(&copy);
		text_add(&copy, line, length);
		good = count < section->peer_count &&
		       take_peer(&section->peers[count++], copy.bytes);
	}
	text_free(&copy);
	if (!good)
		return fail_at(
			parser, parser->peers.number - 1,
			"invalid peer (expected #: NAME heard N next N SECRET, or fixed)");
	return count == section->peer_count ||
	       fail_at(parser, parser->peers.number - 1,
	               "missing peer (expected as many #: lines as there_N)");
}

/* Parses the line with the peer's secret. */
static bool fail_peer(const struct parser *parser, size_t peer, const char *fault)
{
	char what[256];

	snprintf(what, sizeof what, "%s: %s", parser->section->peers[peer].name, fault);
	return fail_at(parser, parser->peers_line + (unsigned)peer, what);
}

static bool is_consistent(const struct parser *parser)
{
	const struct section *section = parser->section;
	size_t peer, count;
	const char *fault = section_fault(section, &peer);

	if (!section->peer_count)
		return fail_at(parser, parser->peers_line, "no peer");
	if (fault)
		return fail_peer(parser, peer, fault);
	for (peer = 0; peer < section->peer_count; peer++) {
		const struct state *states = section_states(section, peer, &count);

		if (states[count - 1].spi != parser->spis[peer])
			return fail_peer(parser, peer, "spi_N is not that of the outbound state");
	}
	return true;
}

static bool is_printed_so(const struct parser *parser, const char *text, size_t length)
{
	struct text again = { 0 };
	unsigned line = 1;
	size_t same = 0;
	bool good;

	section_print(&again, parser->section);
	while (same < length && same < again.length && text[same] == again.bytes[same])
		line += text[same++] == '\n';
	good = same == length && same == again.length;
	text_free(&again);
	return good ||
	       fail_at(parser, line, "edited (expected it as xfrmkeep writes it)");
}

bool section_parse(struct section *out, const char *text, size_t length, uint16_t port,
                   const char *where)
{
	struct parser parser = { .section = out, .where = where };

	*out = (struct section){ .port = port };
	if (section_is_whole(text, length, where) && split(&parser, text, length) &&
	    parse_facts(&parser) && parse_states(&parser) && parse_peers(&parser) &&
	    is_consistent(&parser) && is_printed_so(&parser, text, length))
		return true;
	section_free(out);
	return false;
}
