/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "apply.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char system_folders[] = "/usr/sbin:/sbin:/usr/bin:/bin";

/* ---- Programs ---- */

/* Calls TRY with FOLDER/NAME for each folder of a list until it accepts one. Returns that path, or
 * NULL. */
static char *search(const char *folders, const char *name, bool (*try)(const char *path))
{
	while (folders && *folders) {
		int length = (int)strcspn(folders, ":");
		char *path;

		if (asprintf(&path, "%.*s/%s", length, folders, name) < 0)
			err(EXIT_BROKE, "memory");
		if (folders[0] == '/' && access(path, X_OK) == 0 && (!try || try(path)))
			return path;
		free(path);
		folders += length + (folders[length] == ':');
	}
	return NULL;
}

static char *find(const char *name, bool (*try)(const char *path))
{
	char *path = search(getenv("PATH"), name, try);

	return path ? path : search(system_folders, name, try);
}

char *apply_find(const char *name)
{
	return find(name, NULL);
}

static bool knows_xfrm(const char *path)
{
	static const char *const arguments[] = { "ip", "xfrm", "help", NULL };
	char said[APPLY_SAID];

	return apply_run(path, arguments, NULL, NULL, said) >= 0 && strstr(said, "ip xfrm");
}

const char *apply_ip(void)
{
	static char *path;

	if (!path)
		path = find("ip", knows_xfrm);
	return path;
}

/* ---- Their messages ---- */

bool apply_has_one(const char *text, const char *const *parts)
{
	for (; *parts; parts++)
		if (strstr(text, *parts))
			return true;
	return false;
}

void apply_unquote(char out[APPLY_SAID], const char *said)
{
	bool quoted = false;
	size_t length = 0;

	for (; *said && length < APPLY_SAID - 1; said++) {
		if (*said == '"')
			quoted = !quoted;
		else if (!quoted)
			out[length++] = *said;
	}
	out[length] = '\0';
}

enum apply_cause apply_cause(const char *text)
{
	static const char *const no_esp[] = { "type not found", "upported", "implemented", NULL };
	static const char *const no_cipher[] = { "AEAD",     "AUTH",          "CRYPT",
						 "lgorithm", "cryptographic", NULL };
	static const char *const permission[] = { "not permitted", "ermission denied", NULL };
	char said[APPLY_SAID];

	apply_unquote(said, text);
	if (apply_has_one(said, no_esp))
		return APPLY_NO_ESP;
	if (apply_has_one(said, no_cipher))
		return APPLY_NO_CIPHER;
	if (strstr(said, "xists"))
		return APPLY_TAKEN;
	if (apply_has_one(said, permission))
		return APPLY_PERMISSION;
	return APPLY_OTHER;
}

/* The digits after 0x of a number so long that it is a key. */
static size_t key_digits(const char *text)
{
	size_t digits;

	if (text[0] != '0' || text[1] != 'x')
		return 0;
	digits = strspn(text + 2, "0123456789abcdef");
	return digits > 8 ? digits : 0;
}

/* The first line, with KEY in place of a key. */
static void clean(char said[APPLY_SAID])
{
	char *to = said;

	for (const char *from = said; *from && *from != '\n'; from++) {
		size_t digits = key_digits(from);

		if (digits) {
			memcpy(to, "KEY", 3);
			to += 3;
			from += 1 + digits;
		} else {
			*to++ = *from >= ' ' && *from <= '~' ? *from : '?';
		}
	}
	*to = '\0';
}

struct apply_result apply_judge(const char *said)
{
	struct apply_result result = { .cause = apply_cause(said), .status = EXIT_BROKE };

	if (result.cause == APPLY_NO_ESP || result.cause == APPLY_NO_CIPHER)
		result.status = EXIT_NO_KERNEL;
	snprintf(result.said, sizeof result.said, "%s", said);
	clean(result.said);
	return result;
}

static struct apply_result result_of(int status, const char *said)
{
	char number[24];

	if (status == 0)
		return (struct apply_result){ .cause = APPLY_DONE, .status = EXIT_OK };
	snprintf(number, sizeof number, "status %d", status);
	if (status < 0)
		said = strerror(errno);
	return apply_judge(*said ? said : number);
}

int apply_report(const struct apply_result *result, const char *subject)
{
	switch (result->cause) {
	case APPLY_DONE:
		return EXIT_OK;
	case APPLY_NO_PROGRAM:
		refuse(subject, "%s", result->said);
		break;
	case APPLY_NO_ESP:
		refuse(subject, "no-esp: this kernel has no ESP: try modprobe esp4, or esp6 (%s)",
		       result->said);
		break;
	case APPLY_NO_CIPHER:
		refuse(subject, "no-cipher: this kernel lacks the cipher (%s)", result->said);
		break;
	case APPLY_TAKEN:
		refuse(subject,
		       "taken: another tool has this SPI, selector or name: see ip xfrm state; "
		       "ip xfrm policy (%s)",
		       result->said);
		break;
	case APPLY_PERMISSION:
		refuse(subject, "permission denied (expected root): %s", result->said);
		break;
	case APPLY_OTHER:
		refuse(subject, "%s", result->said);
	}
	return result->status;
}

/* ---- Their input ---- */

/* Quoted for a shell, because a cipher's name has parentheses. */
static void mask_word(struct text *out, const char *word, size_t length)
{
	bool quoted = memchr(word, '(', length) && word[0] != '\'';

	if (key_digits(word)) {
		text_add_string(out, "KEY");
		return;
	}
	if (quoted)
		text_add_string(out, "'");
	text_add(out, word, length);
	if (quoted)
		text_add_string(out, "'");
}

void apply_mask(struct text *out, const struct text *batch)
{
	bool begins = true;

	for (const char *at = batch->bytes; at && *at;) {
		size_t blanks = strspn(at, " \t"), length;

		at += blanks;
		if (at[0] == '\\' && at[1] == '\n') {
			at += 2;
			continue;
		}
		if (*at == '#')
			at += strcspn(at, "\n");
		if (*at == '\n') {
			if (!begins)
				text_add_string(out, "\n");
			begins = true;
			at++;
			continue;
		}
		length = strcspn(at, " \t\n");
		if (!length)
			continue;
		text_add_string(out, begins ? "ip " : " ");
		mask_word(out, at, length);
		begins = false;
		at += length;
	}
}

static struct apply_result print_dry(const struct text *text)
{
	if (fwrite(text->bytes, 1, text->length, stdout) != text->length || fflush(stdout))
		err(EXIT_BROKE, "standard output");
	return (struct apply_result){ .cause = APPLY_DONE };
}

static struct apply_result give(const char *path, const char *const *arguments,
				const struct text *text)
{
	char said[APPLY_SAID];

	return result_of(apply_run(path, arguments, text, NULL, said), said);
}

static struct apply_result lacks(const char *what)
{
	struct apply_result result = { .cause = APPLY_NO_PROGRAM, .status = EXIT_BROKE };

	snprintf(result.said, sizeof result.said, "%s", what);
	return result;
}

static struct apply_result give_ip(const char *const *arguments, const struct text *text, bool dry)
{
	struct text masked = { 0 };

	if (!text->length)
		return (struct apply_result){ .cause = APPLY_DONE };
	if (dry) {
		apply_mask(&masked, text);
		print_dry(&masked);
		text_free(&masked);
		return (struct apply_result){ .cause = APPLY_DONE };
	}
	if (!apply_ip())
		return lacks("no ip with xfrm in $PATH: install iproute2");
	return give(apply_ip(), arguments, text);
}

struct apply_result apply_batch(const struct text *text, bool dry)
{
	static const char *const arguments[] = { "ip", "-batch", "-", NULL };

	return give_ip(arguments, text, dry);
}

struct apply_result apply_force(const struct text *text, bool dry)
{
	static const char *const arguments[] = { "ip", "-force", "-batch", "-", NULL };

	return give_ip(arguments, text, dry);
}

struct apply_result apply_nft(const struct text *text, bool dry)
{
	static const char *const arguments[] = { "nft", "-f", "-", NULL };
	struct apply_result result;
	struct text shown_text = { 0 };
	char *path;

	if (!text->length)
		return (struct apply_result){ .cause = APPLY_DONE };
	if (dry) {
		text_join(&shown_text, "nft -f - <<END\n", text->bytes, "END\n", NULL);
		result = print_dry(&shown_text);
		text_free(&shown_text);
		return result;
	}
	path = apply_find("nft");
	if (!path)
		return lacks("no nft in $PATH: install nftables");
	result = give(path, arguments, text);
	free(path);
	return result;
}
