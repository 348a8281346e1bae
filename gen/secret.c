/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "secret.h"
#include "hkdf.h"
#include "identity.h"
#include "key.h"
#include "output.h"
#include "path.h"
#include "random.h"
#include "say.h"
#include "x25519.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The beginning of a secret file; the secret is in hexadecimal, so that it cannot be mistaken for a
 * public key. Also the beginning of the label of a pair. */
#define LABEL "xfrmpair secret "
static const char begin[] = LABEL;
static const char what[] = "a secret file";

enum {
	FILE_MOST = 4096,    /* bytes, of either file */
	LABEL_MOST = 2 * (NAME_MOST + 1) + sizeof LABEL,
};

static bool read_secret(unsigned char secret[X25519_LENGTH], const char *path)
{
	struct text text = { 0 };
	struct stat status;
	bool there = lstat(path, &status) == 0, good = false;

	if (!there && errno == ENOENT)
		refuse(path_shown(path), "does not exist: make it with xfrmpair --secret FILE SIDE "
		                         "before you exchange endpoint strings");
	else if (there && !S_ISREG(status.st_mode))
		refuse(path_shown(path), "%s (expected %s)",
		       S_ISLNK(status.st_mode) ? "a symbolic link" : "not a regular file", what);
	else if (path_read_private(&text, path, what, FILE_MOST)) {
		bool whole = text.length && text.bytes[text.length - 1] == '\n';

		if (whole)
			text.bytes[text.length - 1] = '\0';
		good = (whole && strncmp(text.bytes, begin, strlen(begin)) == 0 &&
		        hex_parse(secret, X25519_LENGTH, text.bytes + strlen(begin))) ||
		       refuse(path_shown(path), "not a secret, or truncated (expected a file that "
		                                "xfrmpair --secret FILE SIDE made)");
	}
	text_free(&text);
	return good;
}

static bool make_secret(unsigned char secret[X25519_LENGTH], const char *path)
{
	struct output output = { 0 };
	struct text text = { 0 };
	bool good;

	random_fill(secret, X25519_LENGTH);
	text_printf(&text, "%s0x", begin);
	text_add_hex(&text, secret, X25519_LENGTH);
	text_add_string(&text, "\n");
	good = output_add(&output, path, &text) && output_place(&output);
	output_end(&output, good);
	text_free(&text);
	if (good)
		warnx("made %s: keep it on this machine, and show it to nobody", path_shown(path));
	return good;
}

/* Gets the public key of the secret file PATH, which it creates if needed. Returns the exit
 * status. */
static int get_public(unsigned char public[X25519_LENGTH], const char *path,
                      const struct side *side)
{
	unsigned char secret[X25519_LENGTH];
	struct stat status;
	bool missing = lstat(path, &status) != 0 && errno == ENOENT, good;

	if (missing && side->has_public) {
		refuse(side->where,
		       "already has a public key, and %s does not exist (expected the side without "
		       "#PUBLIC)",
		       path_shown(path));
		return EXIT_MISTAKE;
	}
	good = missing ? make_secret(secret, path) : read_secret(secret, path);
	if (good)
		x25519_public(public, secret);
	explicit_bzero(secret, sizeof secret);
	if (good && side->has_public && memcmp(public, side->public, X25519_LENGTH) != 0)
		good = refuse(side->where,
		              "the public key is not that of %s (expected the side without "
		              "#PUBLIC)",
		              path_shown(path));
	return good ? EXIT_OK : missing ? EXIT_BROKE : EXIT_MISTAKE;
}

int secret_introduce(const char *path, const char *word, const struct side *side)
{
	unsigned char public[X25519_LENGTH];
	int status = get_public(public, path, side);
	struct text text = { 0 };
	char key[PUBLIC_TEXT];
	bool good;

	if (status != EXIT_OK)
		return status;
	text_printf(&text, "%.*s#%s\n", (int)strcspn(word, "#"), word, public_print(key, public));
	good = output_print(NULL, &text);
	text_free(&text);
	return good ? EXIT_OK : EXIT_BROKE;
}

bool secret_check_words(const struct tunnel *tunnel, bool exchanged)
{
	bool good = true;

	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];

		if (side->has_public && !exchanged)
			return refuse(side->where, "has a public key (expected --secret FILE too, "
			                           "with the secret of one of the sides)");
		if (!side->has_public && exchanged)
			good = refuse(side->where,
			              "%s has no public key (expected what xfrmpair --secret FILE "
			              "SIDE prints on that machine)",
			              side->name);
		for (size_t j = 0; side->has_public && j < i; j++)
			if (tunnel->sides[j].has_public &&
			    memcmp(side->public, tunnel->sides[j].public, sizeof side->public) == 0)
				good = refuse(side->where,
				              "%s and %s have the same public key (expected a "
				              "different one for each)",
				              tunnel->sides[j].name, side->name);
	}
	return good;
}

static bool find_self(struct tunnel *tunnel, const unsigned char secret[X25519_LENGTH],
                      const char *path)
{
	unsigned char public[X25519_LENGTH];

	x25519_public(public, secret);
	for (size_t i = 0; i < tunnel->side_count; i++)
		if (memcmp(tunnel->sides[i].public, public, sizeof public) == 0) {
			tunnel->self = i;
			return true;
		}
	return refuse(path_shown(path), "no side has its public key (expected your own endpoint "
	                                "string among the sides, as it was printed)");
}

/* Reads the phrase without the newline at its end. */
static bool read_phrase(struct text *phrase, const char *path)
{
	if (!path_read_private(phrase, path, "a phrase file", FILE_MOST))
		return false;
	if (phrase->length && phrase->bytes[phrase->length - 1] == '\n')
		phrase->bytes[--phrase->length] = '\0';
	if (!phrase->length)
		return refuse(path_shown(path), "empty (expected a phrase, the same on all sides)");
	return !strchr(phrase->bytes, '\r') || refuse(path_shown(path), "carriage return (expected "
	                                                                "Unix line ends): tr -d "
	                                                                "'\\r'");
}

/* Computes the keys of the pair with OTHER, if they are a pair. A public key that gives a useless
 * secret is refused in any case. */
static bool agree(struct tunnel *tunnel, size_t other, const unsigned char secret[X25519_LENGTH],
                  const struct text *phrase, const unsigned char facts[SHA256_LENGTH],
                  const char *where)
{
	size_t one = other < tunnel->self ? other : tunnel->self,
	       two = other < tunnel->self ? tunnel->self : other;
	unsigned char shared[X25519_LENGTH], first[SECRET_BYTES],
		info[LABEL_MOST + 2 * PUBLIC_BYTES + SHA256_LENGTH], *p = info;
	bool good = x25519(shared, secret, tunnel->sides[other].public) ||
	            refuse(tunnel->sides[other].where, "public key of low order, which makes no "
	                                               "secret: the endpoint string was altered");

	if (good && tunnel_has_pair(tunnel, one, two)) {
		p += snprintf((char *)p, LABEL_MOST, LABEL "%s %s ", tunnel->sides[one].name,
		              tunnel->sides[two].name);
		p = mempcpy(p, tunnel->sides[one].public, PUBLIC_BYTES);
		p = mempcpy(p, tunnel->sides[two].public, PUBLIC_BYTES);
		p = mempcpy(p, facts, SHA256_LENGTH);
		hkdf(first, sizeof first, phrase->bytes, phrase->length, shared, sizeof shared,
		     info, (size_t)(p - info));
		good = key_put(tunnel, one, two, first, where);
	}
	explicit_bzero(shared, sizeof shared);
	explicit_bzero(first, sizeof first);
	return good;
}

bool secret_exchange(struct tunnel *tunnel, const char *path, const char *phrase_path)
{
	unsigned char secret[X25519_LENGTH], facts[SHA256_LENGTH];
	struct text phrase = { 0 };
	bool good = read_secret(secret, path) &&
	            (!phrase_path || read_phrase(&phrase, phrase_path)) &&
	            find_self(tunnel, secret, path);

	tunnel->exchanged = true;
	tunnel->phrase = phrase_path;
	if (good)
		identity_exchange(tunnel, facts);
	for (size_t other = 0; good && other < tunnel->side_count; other++)
		if (other != tunnel->self)
			good = agree(tunnel, other, secret, &phrase, facts, path_shown(path));
	explicit_bzero(secret, sizeof secret);
	text_free(&phrase);
	return good && identity_settle(tunnel, path_shown(path));
}
