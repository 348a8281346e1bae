/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Runs functions of sections and rows for tests/section.bats:
 *
 *     section parse FILE PORT         the section of a file, read and printed again
 *     section sign FILE               the file, with the right sum in its section's last line
 *     section flips FILE PORT         every byte changed, dropped, doubled, cut off: none is taken
 *     section signed-flips FILE PORT  the same with the sum made right: what is taken is printed so
 *     section rows                    rows of standard input, each read and printed again
 *     section compare ROW ROW         two policies
 *     section replace                 a table of section_replace() and section_states() */
#include "say.h"
#include "section.h"
#include "sha256.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct names plain = { .indexes = true }, full = { .numbers = true, .peer = "b" };

static struct text file_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct text text = { 0 };

	if (fd < 0 || !text_read(&text, fd, 2 * SECTION_MOST))
		err(EXIT_MISTAKE, "%s", path);
	close(fd);
	return text;
}

/* The section in a text: of a script, or alone. */
static const char *section_in(const struct text *text, size_t *length)
{
	size_t begin = 0;

	*length = text->length;
	if (strncmp(text->bytes, "#!", 2) == 0 &&
	    !section_find(text->bytes, text->length, &begin, length))
		errx(EXIT_MISTAKE, "no section");
	return text->bytes + begin;
}

/* Makes the sum right, of a section whose last line has its length. */
static void sign(char *section, size_t length)
{
	unsigned char sum[SHA256_LENGTH];
	struct text digits = { 0 };
	struct sha256 hash;

	sha256_start(&hash);
	sha256_add(&hash, section, length - strlen("# ---- end 0123456789abcdef\n"));
	sha256_end(&hash, sum);
	text_add_hex(&digits, sum, 8);
	memcpy(section + length - strlen("0123456789abcdef\n"), digits.bytes, 16);
	text_free(&digits);
}

static int do_sign(char **arguments)
{
	struct text text = file_text(arguments[0]);
	size_t length;
	const char *section = section_in(&text, &length);

	sign(text.bytes + (section - text.bytes), length);
	text_write(&text, STDOUT_FILENO);
	text_free(&text);
	return EXIT_OK;
}

static int do_parse(char **arguments)
{
	struct text text = file_text(arguments[0]), again = { 0 };
	size_t length;
	const char *bytes = section_in(&text, &length);
	struct section section;
	bool good = section_parse(&section, bytes, length, (uint16_t)atoi(arguments[1]), "section");

	if (good)
		section_print(&again, &section);
	if (good && (again.length != length || memcmp(again.bytes, bytes, length) != 0))
		errx(EXIT_BROKE, "it is printed otherwise");
	text_write(&again, STDOUT_FILENO);
	section_free(&section);
	text_free(&text);
	text_free(&again);
	return good ? EXIT_OK : EXIT_BROKE;
}

/* True if it was taken; it has to be printed so. */
static bool is_taken(const char *bytes, size_t length, uint16_t port)
{
	struct section section;
	struct text again = { 0 };
	/* exactly as long, for ASan to see a byte that is read behind it */
	char *copy = malloc(length ? length : 1);
	bool taken;

	if (!copy)
		err(EXIT_BROKE, "memory");
	memcpy(copy, bytes, length);
	taken = section_parse(&section, copy, length, port, "section");
	if (taken)
		section_print(&again, &section);
	if (taken && (again.length != length || memcmp(again.bytes, bytes, length) != 0))
		errx(EXIT_BROKE, "it is printed otherwise");
	text_free(&again);
	section_free(&section);
	free(copy);
	return taken;
}

static bool is_taken_signed(char *bytes, size_t length, uint16_t port, bool with_sum)
{
	if (with_sum && length > strlen("# ---- end 0123456789abcdef\n"))
		sign(bytes, length);
	return is_taken(bytes, length, port);
}

static int flips(char **arguments, bool with_sum)
{
	static const unsigned char masks[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80 };
	struct text text = file_text(arguments[0]);
	uint16_t port = (uint16_t)atoi(arguments[1]);
	size_t length, taken = 0, tried = 0;
	const char *bytes = section_in(&text, &length);
	char *copy = malloc(length + 1);

	if (!copy)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < length; i++) {
		for (size_t j = 0; j < sizeof masks; j++, tried++) {
			memcpy(copy, bytes, length);
			copy[i] = (char)(copy[i] ^ masks[j]);
			taken += is_taken_signed(copy, length, port, with_sum);
		}
		memcpy(copy, bytes, i); /* dropped */
		memcpy(copy + i, bytes + i + 1, length - i - 1);
		taken += is_taken_signed(copy, length - 1, port, with_sum);
		memcpy(copy + i, bytes + i, 1); /* doubled */
		memcpy(copy + i + 1, bytes + i, length - i);
		taken += is_taken_signed(copy, length + 1, port, with_sum);
		memcpy(copy, bytes, i); /* cut off */
		taken += is_taken_signed(copy, i, port, with_sum);
		tried += 3;
	}
	printf("%zu of %zu taken\n", taken, tried);
	free(copy);
	text_free(&text);
	return EXIT_OK;
}

static int do_flips(char **arguments)
{
	return flips(arguments, false);
}

static int do_signed_flips(char **arguments)
{
	return flips(arguments, true);
}

static bool print_policy(char *row)
{
	struct policy policy;
	struct text out = { 0 };

	if (!policy_parse(&policy, row, "row"))
		return false;
	policy_print(&out, &policy, &plain);
	text_write(&out, STDOUT_FILENO);
	text_free(&out);
	return true;
}

/* With its number and comment where it has an epoch. */
static bool print_state(char *row)
{
	struct state state;
	struct text out = { 0 };

	if (!state_parse(&state, row, "row"))
		return false;
	state_print(&out, &state, state.epoch ? &full : &plain);
	text_write(&out, STDOUT_FILENO);
	text_free(&out);
	return true;
}

static int do_rows(char **arguments)
{
	char *line = NULL;
	size_t room = 0;
	bool good = true;

	(void)arguments;
	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "xfrm state", strlen("xfrm state")) == 0)
			good = print_state(line) && good;
		else
			good = print_policy(line) && good;
	}
	free(line);
	return good ? EXIT_OK : EXIT_BROKE;
}

static int do_compare(char **arguments)
{
	struct policy one, two;

	if (!policy_parse(&one, arguments[0], "one") || !policy_parse(&two, arguments[1], "two"))
		return EXIT_BROKE;
	if (policy_equal(&one, &two))
		puts("equal");
	else
		puts(policy_same_selector(&one, &two) ? "same selector" : "different");
	return EXIT_OK;
}

/* The states as PEER:SPI. */
static void print_states(const struct section *section)
{
	for (size_t i = 0; i < section->peer_count; i++) {
		size_t count;
		const struct state *states = section_states(section, i, &count);

		for (size_t j = 0; j < count; j++)
			printf(" %zu:%u", states[j].peer, (unsigned)states[j].spi);
	}
	printf(" (%zu)\n", section->state_count);
}

static int do_replace(char **arguments)
{
	struct section section = { .made = 1 };
	struct state states[20] = { { .spi = 1 } };
	size_t count;

	(void)arguments;
	for (unsigned i = 0; i < 20; i++)
		states[i].spi = i;
	for (int i = 0; i < 3; i++)
		section_add_peer(&section);
	print_states(&section);
	section_replace(&section, 2, states, 2); /* from nothing, the last first */
	section_replace(&section, 0, states + 2, 1);
	print_states(&section);
	section_replace(&section, 1, states + 3, 3);
	print_states(&section);
	section_replace(&section, 1, states + 6, 12); /* more, beyond the room that there is */
	print_states(&section);
	section_replace(&section, 1, section_states(&section, 1, &count) + 10, 2); /* its own */
	print_states(&section);
	section_replace(&section, 0, section_states(&section, 2, &count), 2); /* another's */
	print_states(&section);
	section_replace(&section, 1, NULL, 0);
	print_states(&section);
	section_free(&section);
	section_free(&section);
	return section.states || section.peers;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **arguments);
		int arguments;
	} verbs[] = {
		{ "parse", do_parse, 2 },     { "sign", do_sign, 1 },
		{ "flips", do_flips, 2 },     { "signed-flips", do_signed_flips, 2 },
		{ "rows", do_rows, 0 },       { "compare", do_compare, 2 },
		{ "replace", do_replace, 0 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].arguments)
			return verbs[i].run(argv + 2);
	errx(EXIT_MISTAKE, "see the comment at the begin of its source");
}
