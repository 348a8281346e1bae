/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses the options of `up` and `down`. */
#include "up.h"
#include "number.h"
#include "say.h"

#include <stdio.h>
#include <string.h>

enum { WAIT = 60, WAIT_MOST = 9999 }; /* seconds */

static int print_usage(const struct page *page)
{
	fprintf(stderr,
		"usage: sh %s.sh [-n] up [--wait SECONDS] [--local ADDRESS]%s | [-n] down | VERB "
		"[ARGUMENT]...\n",
		page->name, page->options);
	return EXIT_MISTAKE;
}

/* True if the page has the option; its list is like " [--one] [--two]". */
static bool is_option(const struct page *page, const char *word)
{
	char bracketed[32];

	return strncmp(word, "--", 2) == 0 &&
	       snprintf(bracketed, sizeof bracketed, "[%s]", word) < (int)sizeof bracketed &&
	       strstr(page->options, bracketed);
}

static bool take_flag(struct up_options *options, const struct page *page, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "--no-punch", &options->no_punch }, { "--no-helper", &options->no_helper },
		{ "--map", &options->map },           { "--forward", &options->forward },
		{ "--nat-exempt", &options->exempt }, { "--all", &options->all },
	};

	/* Options without an effect on this tunnel are accepted too, so that all scripts can get
	 * the same ones. */
	if (!is_option(page, word) && strcmp(word, "--no-punch") != 0 && strcmp(word, "--all") != 0)
		return false;
	for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(word, flags[i].word) != 0)
			continue;
		*flags[i].flag = true;
		return true;
	}
	return false;
}

static bool take_local(struct up_options *options, const struct page *page, const char *text)
{
	options->local = (struct address){ .family = AF_UNSPEC };
	return strcmp(text, "auto") == 0 ||
	       (address_read(&options->local, text) && options->local.family == page->family);
}

static int misuse(const struct page *page, const char *format, const char *word)
	__attribute__((format(printf, 2, 0)));

static int misuse(const struct page *page, const char *format, const char *word)
{
	fprintf(stderr, "%s: ", page->name);
	fprintf(stderr, format, shown(word));
	fprintf(stderr, "\n");
	return EXIT_MISTAKE;
}

int up_take_options(struct up_options *options, const struct page *page, int argc, char **argv)
{
	*options = (struct up_options){ .wait = WAIT, .local = page->local };
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
		unsigned long long seconds;

		if (strcmp(word, "--wait") == 0) {
			if (!number_parse(&seconds, value, 1, WAIT_MOST))
				return misuse(page, "--wait '%s': not a time (expected 1 to 9999 "
						    "seconds)", value);
			options->wait = (unsigned)seconds;
			i++;
		} else if (strcmp(word, "--local") == 0) {
			if (!take_local(options, page, value))
				return misuse(page, "--local '%s': not an address", value);
			i++;
		} else if (!take_flag(options, page, word)) {
			misuse(page, "'%s': unknown (expected as follows)", word);
			return print_usage(page);
		}
	}
	return EXIT_OK;
}
