/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "section.h"
#include "say.h"
#include "sha256.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char last_line[] = "# ---- end ";
static const char torn_expected[] =
	"expected as it was written: restore it, or make new scripts";

enum {
	SUM = 16,                                                 /* hexadecimal digits */
	LAST_LINE = sizeof last_line - 1 + SUM + sizeof "\n" - 1, /* bytes */
};

/* Instead of realloc(3), which may leave a copy in memory. */
static void *move(void *from, size_t used, size_t room)
{
	void *to = malloc(room);

	if (!to)
		err(EXIT_BROKE, "memory");
	if (from) {
		memcpy(to, from, used);
		explicit_bzero(from, used);
	}
	free(from);
	return to;
}

static void reserve_states(struct section *section, size_t count)
{
	size_t room = section->state_room ? section->state_room : 8;

	if (count <= section->state_room)
		return;
	while (room < count)
		room *= 2;
	section->states = move(section->states, section->state_count * sizeof *section->states,
	                       room * sizeof *section->states);
	section->state_room = room;
}

struct section_peer *section_add_peer(struct section *section)
{
	struct section_peer *peer;

	if (section->peer_count == section->peer_room) {
		section->peer_room = section->peer_room ? 2 * section->peer_room : 4;
		section->peers = move(section->peers, section->peer_count * sizeof *section->peers,
		                      section->peer_room * sizeof *section->peers);
	}
	peer = &section->peers[section->peer_count++];
	*peer = (struct section_peer){ 0 };
	return peer;
}

void section_add_state(struct section *section, const struct state *state)
{
	reserve_states(section, section->state_count + 1);
	section->states[section->state_count++] = *state;
}

/* The first state of PEER or a later peer; states are in the order of peers. */
static size_t first_of(const struct section *section, size_t peer)
{
	size_t low = 0, high = section->state_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (section->states[middle].peer < peer)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct state *section_states(const struct section *section, size_t peer, size_t *count)
{
	size_t first = first_of(section, peer);

	*count = first_of(section, peer + 1) - first;
	return section->states ? section->states + first : NULL;
}

void section_replace(struct section *section, size_t peer, const struct state *states, size_t count)
{
	size_t bytes = count * sizeof *states, old, first, tail;
	struct state *copy = move(NULL, 0, bytes ? bytes : 1), *place;

	if (bytes)
		memcpy(copy, states, bytes);
	for (size_t i = 0; i < count; i++)
		copy[i].peer = peer;
	section_states(section, peer, &old);
	reserve_states(section, section->state_count + count);
	first = first_of(section, peer);
	place = section->states + first;
	tail = section->state_count - first - old;
	memmove(place + count, place + old, tail * sizeof *place);
	memcpy(place, copy, bytes);
	section->state_count += count - old;
	if (old > count)
		explicit_bzero(section->states + section->state_count,
		               (old - count) * sizeof *place);
	explicit_bzero(copy, bytes);
	free(copy);
}

void section_free(struct section *section)
{
	if (section->states)
		explicit_bzero(section->states, section->state_room * sizeof *section->states);
	if (section->peers)
		explicit_bzero(section->peers, section->peer_count * sizeof *section->peers);
	free(section->states);
	free(section->peers);
	explicit_bzero(section, sizeof *section);
}

/* Adds the checksum of COUNT bytes. */
static void add_sum(struct text *out, const char *bytes, size_t count)
{
	unsigned char sum[SHA256_LENGTH];
	struct sha256 hash;

	sha256_start(&hash);
	sha256_add(&hash, bytes, count);
	sha256_end(&hash, sum);
	text_add_hex(out, sum, SUM / 2);
}

/* True if it begins and ends like a section. */
static bool is_framed(const char *text, size_t length)
{
	const char *last;

	if (length <= LAST_LINE)
		return false;
	last = text + length - LAST_LINE;
	return memcmp(text, "made=", strlen("made=")) == 0 && last[-1] == '\n' &&
	       memcmp(last, last_line, strlen(last_line)) == 0 && last[LAST_LINE - 1] == '\n';
}

bool section_is_whole(const char *text, size_t length, const char *where)
{
	struct text sum = { 0 };
	bool good;

	if (length > SECTION_MOST)
		return refuse(where, "torn: too long (expected at most %d bytes)", SECTION_MOST);
	if (!is_framed(text, length))
		return refuse(where, "torn: its first or last line is missing (%s)", torn_expected);
	add_sum(&sum, text, length - LAST_LINE);
	good = memcmp(text + length - SUM - 1, sum.bytes, SUM) == 0;
	text_free(&sum);
	return good || refuse(where, "torn: its sum is wrong (%s)", torn_expected);
}

bool section_belongs(const char *text, size_t length, const char *check)
{
	const char *newline = memchr(text, '\n', length);
	size_t rest = newline ? length - (size_t)(newline - text) : 0, digits = strlen(check);

	return rest > strlen("\ncheck= ") + digits &&
	       memcmp(newline, "\ncheck=", strlen("\ncheck=")) == 0 &&
	       memcmp(newline + strlen("\ncheck="), check, digits) == 0 &&
	       newline[strlen("\ncheck=") + digits] == ' ';
}

/* The first line from AT on that begins with BEGIN; NULL: none. */
static const char *find_line(const char *at, const char *end, const char *begin)
{
	size_t length = strlen(begin);

	while (at && (size_t)(end - at) >= length) {
		if (memcmp(at, begin, length) == 0)
			return at;
		at = memchr(at, '\n', (size_t)(end - at));
		if (at)
			at++;
	}
	return NULL;
}

/* The same as sed -n '/^made=[0-9]/,/^# ---- end/p'. */
bool section_find(const char *script, size_t length, size_t *begin, size_t *section_length)
{
	const char *end = script + length, *first = find_line(script, end, "made="), *last,
		   *newline;

	while (first && (first + strlen("made=") == end || first[5] < '0' || first[5] > '9'))
		first = find_line(first + 1, end, "made=");
	last = first ? find_line(first, end, "# ---- end") : NULL;
	newline = last ? memchr(last, '\n', (size_t)(end - last)) : NULL;
	if (!newline)
		return false;
	*begin = (size_t)(first - script);
	*section_length = (size_t)(newline + 1 - first);
	return true;
}

void section_add_starts(struct section *section, unsigned count)
{
	if (count > SECTION_STARTS_MOST)
		count = SECTION_STARTS_MOST;
	for (size_t i = 0; i < section->state_count; i++)
		if (section->states[i].outbound)
			section->states[i].sequence += count * SECTION_START;
}

static void print_peer(struct text *out, const struct section *section, size_t index)
{
	const struct section_peer *peer = &section->peers[index];
	char address[ADDRESS_TEXT];
	size_t count, number = index + 1;
	const struct state *states = section_states(section, index, &count);

	text_add_string(out, "there_");
	text_add_number(out, number);
	text_join(out, "=", peer->host[0] ? peer->host : address_print(address, &peer->there.address), NULL);
	if (peer->there.port) {
		text_add_string(out, " port_");
		text_add_number(out, number);
		text_add_string(out, "=");
		text_add_number(out, peer->there.port);
	}
	if (count)
		text_printf(out, " spi_%zu=0x%08x oseq_%zu=%llu", number,
		            (unsigned)states[count - 1].spi, number,
		            (unsigned long long)(states[count - 1].sequence & UINT32_MAX));
	text_join(out, " # ", peer->name, ": endpoint, SPI, sequence number\n", NULL);
}

static void print_states(struct text *out, const struct section *section)
{
	char there[sizeof "$there_" + 20], port[sizeof "$port_" + 20], sequence[sizeof "$oseq_" + 20];

	for (size_t i = 0; i < section->state_count; i++) {
		const struct state *state = &section->states[i];
		const struct names names = {
			.here = "$here",
			.there = there,
			.port = "$port",
			.peer_port = port,
			.numbers = true,
			.sequence = sequence,
			.peer = section->peers[state->peer].name,
		};

		if (i == 0 || state->peer != state[-1].peer) {
			snprintf(there, sizeof there, "$there_%zu", state->peer + 1);
			snprintf(sequence, sizeof sequence, "$oseq_%zu", state->peer + 1);
			snprintf(port, sizeof port, "$port_%zu", state->peer + 1);
		}
		state_print(out, state, &names);
	}
}

static void print_secret(struct text *out, const struct section_peer *peer)
{
	text_join(out, "#: ", peer->name, " heard ", NULL);
	text_add_number(out, peer->heard);
	if (!peer->derived) {
		text_add_string(out, " fixed\n");
		return;
	}
	text_add_string(out, " next ");
	text_add_number(out, peer->next);
	text_add_string(out, " 0x");
	text_add_hex(out, peer->secret, sizeof peer->secret);
	text_add_string(out, "\n");
}

void section_print(struct text *out, const struct section *section)
{
	size_t begin = out->length;
	char here[ADDRESS_TEXT];

	text_printf(out, "made=%llu # ---- now: written by xfrmpair and xfrmkeep\n", section->made);
	text_join(out, "check=", section->check, " here=",
	          address_is_any(&section->here) ? "auto" : address_print(here, &section->here),
	          "\n", NULL);
	for (size_t i = 0; i < section->peer_count; i++)
		print_peer(out, section, i);
	if (section->has_token) {
		text_add_string(out, "token=");
		text_add_hex(out, section->token, sizeof section->token);
		text_add_string(out, "\n");
	}
	text_add_string(out, "states() { echo \"\n");
	print_states(out, section);
	text_add_string(out, "\"; }\n");
	for (size_t i = 0; i < section->peer_count; i++)
		print_secret(out, &section->peers[i]);
	text_add_string(out, last_line);
	add_sum(out, out->bytes + begin, out->length - begin - strlen(last_line));
	text_add_string(out, "\n");
}
