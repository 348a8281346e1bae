/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* epoch [-x MUTANT] TABLE: runs each line of the table, and prints those with a different outcome. Then
 * the status is 1. Lines are `QUESTION = OUTCOME`:
 *
 *	derive CIPHER FROM TO SECRET = SPI KEY
 *	next SECRET = SECRET
 *	token SECRET = TOKEN
 *	turn SECTION = WORD SECTION
 *	forget SECTION = yes|no SECTION
 *	start SECTION = STARTS SECTION
 *	tally SECTION seen SEEN... = SECTION
 *
 * A SECTION, of side a and its peer b, is `[esn] [window W] [fixed] [beside in|out|back|there] in
 * EPOCH:NUMBER... out EPOCH:NUMBER heard EPOCH`.  Beside it another peer has the SPI that a turn
 *would take, inbound, outbound, outbound but with the inbound one's, or to another address.  A SEEN
 *is - or NUMBER/PACKETS, for each state.
 *
 * epoch QUESTION...: prints the outcome of one. */
#include "section.h"
#include "sha256.h"

static int mutant;
#ifndef EPOCH_SOURCE
#define EPOCH_SOURCE "../helper/epoch.c"
#endif
#include EPOCH_SOURCE

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const unsigned char first_secret[SECTION_SECRET] = { 0x0f, 0xf1, 0xce };

static void parse_secret(unsigned char secret[SECTION_SECRET], const char *text)
{
	if (!text || !hex_parse(secret, SECTION_SECRET, text))
		errx(2, "'%s': expected a secret", text ? text : "");
}

static void print_hex(struct text *out, const unsigned char *bytes, size_t count)
{
	text_add_string(out, "0x");
	text_add_hex(out, bytes, count);
}

static void secret_of(unsigned char secret[SECTION_SECRET], uint32_t epoch)
{
	memcpy(secret, first_secret, SECTION_SECRET);
	for (uint32_t i = 1; i < epoch; i++)
		epoch_next(secret);
}

static void derive(struct state *state)
{
	unsigned char secret[SECTION_SECRET];

	secret_of(secret, state->epoch);
	epoch_derive(state, state->outbound ? "a" : "b", state->outbound ? "b" : "a", secret);
}

/* ---- Sections as words ---- */

struct pattern {
	struct state state;
	const char *beside;
	bool fixed;
};

static const char *word(char **rest)
{
	const char *next;

	while ((next = strsep(rest, " \n")) && !*next)
		;
	return next ? next : "";
}

static void add_row(struct section *section, const struct pattern *pattern, bool outbound,
                    const char *text)
{
	struct state state = pattern->state;

	if (sscanf(text, "%" SCNu32 ":%" SCNu64, &state.epoch, &state.sequence) != 2)
		errx(2, "'%s': expected EPOCH:NUMBER", text);
	state.outbound = outbound;
	address_parse(&state.dst, outbound ? "192.0.2.2" : "192.0.2.1", "dst");
	derive(&state);
	section_add_state(section, &state);
}

/* Another peer's, with the SPI of the next outbound or the next but one inbound state of the first.
 */
static void add_beside(struct section *section, const char *what)
{
	size_t count;
	struct state state = section_states(section, 0, &count)[0];

	if (!*what)
		return;
	snprintf(section_add_peer(section)->name, SECTION_NAME, "c");
	state.outbound = strcmp(what, "out") == 0 || strcmp(what, "there") == 0;
	address_parse(&state.dst, strcmp(what, "out") == 0 ? "192.0.2.2" : "192.0.2.1", "dst");
	state.epoch = epoch_present(section, 0) + (state.outbound ? 1 : 2);
	derive(&state);
	state.outbound ^= strcmp(what, "back") == 0;
	state.peer = 1;
	section_add_state(section, &state);
}

/* Reads up to the word that is none of a section's, which it returns. */
static const char *parse_section(struct section *section, char **rest)
{
	struct pattern pattern = { .state.replay_window = 128, .beside = "" };
	struct section_peer *peer = section_add_peer(section);
	bool outbound = false;
	const char *next;

	pattern.state.cipher = cipher_find("aes128gcm16", "epoch");
	snprintf(peer->name, sizeof peer->name, "b");
	for (next = word(rest); *next; next = word(rest)) {
		if (strcmp(next, "esn") == 0)
			pattern.state.esn = true;
		else if (strcmp(next, "window") == 0)
			pattern.state.replay_window = (unsigned)atoi(word(rest));
		else if (strcmp(next, "fixed") == 0)
			pattern.fixed = true;
		else if (strcmp(next, "beside") == 0)
			pattern.beside = word(rest);
		else if (strcmp(next, "in") == 0)
			outbound = false;
		else if (strcmp(next, "out") == 0)
			outbound = true;
		else if (strcmp(next, "heard") == 0)
			peer->heard = (uint32_t)atoi(word(rest));
		else if (strchr(next, ':'))
			add_row(section, &pattern, outbound, next);
		else
			break;
	}
	peer->derived = !pattern.fixed;
	if (peer->derived) {
		peer->next = epoch_present(section, 0) + 1;
		secret_of(peer->secret, peer->next);
	}
	add_beside(section, pattern.beside);
	return next;
}

/* What is not as the epochs want it is told. */
static void print_section(struct text *out, const struct section *section)
{
	const struct section_peer *peer = &section->peers[0];
	unsigned char secret[SECTION_SECRET];
	size_t count;
	const struct state *states = section_states(section, 0, &count);

	for (size_t i = 0; i < count; i++) {
		struct state state = states[i];

		if (i == 0)
			text_add_string(out, " in");
		if (state.outbound)
			text_add_string(out, " out");
		text_printf(out, " %" PRIu32 ":%" PRIu64, state.epoch, state.sequence);
		derive(&state);
		if (state.spi != states[i].spi ||
		    memcmp(state.key, states[i].key, sizeof state.key))
			text_add_string(out, " (wrong key)");
	}
	text_printf(out, " heard %" PRIu32, peer->heard);
	secret_of(secret, peer->next);
	if (peer->derived && peer->next != epoch_present(section, 0) + 1)
		text_printf(out, " next %" PRIu32, peer->next);
	if (peer->derived && memcmp(secret, peer->secret, sizeof secret))
		text_add_string(out, " (wrong secret)");
}

/* ---- Questions ---- */

static void ask_derive(struct text *out, char **rest)
{
	struct state state = { .cipher = cipher_find(word(rest), "epoch") };
	const char *from = word(rest), *to = word(rest);
	unsigned char secret[SECTION_SECRET];

	if (!state.cipher)
		exit(2);
	parse_secret(secret, word(rest));
	epoch_derive(&state, from, to, secret);
	text_printf(out, " 0x%08" PRIx32 " ", state.spi);
	cipher_print_key(out, state.cipher, state.key);
}

static void ask_hash(struct text *out, bool next, char **rest)
{
	unsigned char secret[SECTION_SECRET], token[SECTION_SECRET];

	parse_secret(secret, word(rest));
	if (next)
		epoch_next(secret);
	else
		epoch_token(token, secret);
	text_add_string(out, " ");
	print_hex(out, next ? secret : token, SECTION_SECRET);
}

static void ask_tally(struct section *section, const char *next, char **rest)
{
	struct epoch_seen seen[16] = { 0 };

	if (strcmp(next, "seen") != 0)
		errx(2, "'%s': expected seen", next);
	for (size_t i = 0; *(next = word(rest)) && i < 16; i++)
		seen[i].present = sscanf(next, "%" SCNu64 "/%" SCNu64, &seen[i].sequence,
		                         &seen[i].packets) == 2;
	/* what is not there is not read */
	for (size_t i = 0; i < 16; i++)
		if (!seen[i].present)
			seen[i] = (struct epoch_seen){ .sequence = 99, .packets = 9 };
	epoch_tally(section, seen);
}

static void ask_section(struct text *out, const char *verb, char **rest)
{
	static const char *const turns[] = {
		[EPOCH_TURNED] = "turned", [EPOCH_NOT_HEARD] = "not-heard",
		[EPOCH_NOT_FOLLOWED] = "not-followed", [EPOCH_FIXED] = "fixed",
		[EPOCH_SPI_TAKEN] = "taken",
	};
	struct section section = { 0 };
	const char *next = parse_section(&section, rest);

	if (strcmp(verb, "turn") == 0)
		text_printf(out, " %s", turns[epoch_turn(&section, 0, "a")]);
	else if (strcmp(verb, "forget") == 0)
		text_printf(out, " %s", epoch_forget(&section, 0) ? "yes" : "no");
	else if (strcmp(verb, "start") == 0)
		text_printf(out, " %" PRIu32, epoch_start(&section, 0));
	else if (strcmp(verb, "tally") == 0)
		ask_tally(&section, next, rest);
	else
		errx(2, "'%s': no such question", verb);
	print_section(out, &section);
	section_free(&section);
}

/* Begins with a blank. */
static void ask(struct text *out, char *question)
{
	const char *verb = word(&question);

	if (strcmp(verb, "derive") == 0)
		ask_derive(out, &question);
	else if (strcmp(verb, "next") == 0 || strcmp(verb, "token") == 0)
		ask_hash(out, *verb == 'n', &question);
	else
		ask_section(out, verb, &question);
}

static bool is_as_expected(char *line, const char *path, unsigned number)
{
	char *expected = strstr(line, " = "), *question;
	struct text out = { 0 };
	bool same;

	if (!expected)
		errx(2, "%s:%u: expected QUESTION = OUTCOME", path, number);
	*expected = '\0';
	question = strdup(line);
	if (!question)
		err(2, "memory");
	expected += sizeof " = " - 2;
	expected[strcspn(expected, "\n")] = '\0';
	ask(&out, question);
	same = strcmp(out.bytes, expected) == 0;
	if (!same)
		printf("%s:%u: %s =%s (expected%s)\n", path, number, line, out.bytes, expected);
	text_free(&out);
	free(question);
	return same;
}

static int read_table(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	unsigned number = 0;
	int status = 0;

	if (!file)
		err(2, "%s", path);
	while (getline(&line, &room, file) > 0) {
		number++;
		if (*line != '#' && *line != '\n' && !is_as_expected(line, path, number))
			status = 1;
	}
	free(line);
	fclose(file);
	return status;
}

int main(int argc, char **argv)
{
	struct text question = { 0 }, out = { 0 };

	if (argc > 3 && strcmp(argv[1], "-x") == 0) {
		mutant = atoi(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc == 2)
		return read_table(argv[1]);
	for (int i = 1; i < argc; i++)
		text_join(&question, argv[i], " ", NULL);
	if (!question.bytes)
		return 2;
	ask(&out, question.bytes);
	puts(out.bytes + 1);
	text_free(&out);
	text_free(&question);
	(void)mutant;
	return 0;
}
