/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "keyfile.h"
#include "epoch.h"
#include "key.h"
#include "memory.h"
#include "number.h"
#include "path.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 16 << 20 };  /* bytes: more than for a mesh of hundreds of sides */

/* Leaves room for later epochs, one per hour. */
static const unsigned long long epoch_most = 99999999;

/* Messages show nothing of the file, because any word of it may be a misplaced key. They say only
 * where the error is and what was expected. */

static bool parse_spi(uint32_t *out, const char *text, const char *where)
{
	size_t digits = strlen(text) - (strncmp(text, "0x", 2) == 0 ? 2 : 0);
	uint32_t spi = 0;

	if (strncmp(text, "0x", 2) == 0 && digits >= 1 && digits <= 8)
		for (const char *p = text + 2; *p; p++) {
			int digit = hex_digit(*p);

			if (digit < 0) {
				spi = 0;
				break;
			}
			spi = spi << 4 | (uint32_t)digit;
		}
	if (spi < EPOCH_SPI_LEAST)
		return refuse(where, "SPI: invalid (expected 0x100 to 0xffffffff in lower-case "
		                     "hexadecimal, or the word secret)");
	*out = spi;
	return true;
}

static bool is_side(size_t *out, const struct tunnel *tunnel, const char *name)
{
	for (*out = 0; *out < tunnel->side_count; ++*out)
		if (strcmp(tunnel->sides[*out].name, name) == 0)
			return true;
	return false;
}

static bool parse_name(size_t *out, const struct tunnel *tunnel, const char *text,
                       const char *which, const char *where)
{
	return is_side(out, tunnel, text) ||
	       refuse(where, "%s field: not a side (expected the name of one, like %s)", which,
	              tunnel->sides[0].name);
}

static bool parse_names(size_t *one, size_t *two, const struct tunnel *tunnel, char **words,
                        const char *where)
{
	return parse_name(one, tunnel, words[0], "first", where) &&
	       parse_name(two, tunnel, words[1], "second", where) &&
	       (*one != *two ||
	        refuse(where, "from %s to itself (expected two sides)",
	               tunnel->sides[*one].name)) &&
	       (tunnel_has_pair(tunnel, *one, *two) ||
	        refuse(where,
	               "%s and %s: not a pair, because %s is the hub (expected no line for them, "
	               "or --save-keys too)",
	               tunnel->sides[*one].name, tunnel->sides[*two].name, tunnel->sides[0].name));
}

static bool parse_epoch(uint32_t *out, const char *text, unsigned long long most, const char *where)
{
	unsigned long long epoch;

	if (!number_parse(&epoch, text, EPOCH_FIRST, most))
		return most == EPOCH_FIRST
		               ? refuse(where, "epoch: out of range (expected %d)", EPOCH_FIRST)
		               : refuse(where, "epoch: out of range (expected %d to %llu)",
		                        EPOCH_FIRST, most);
	*out = (uint32_t)epoch;
	return true;
}

static bool parse_key(unsigned char *out, const struct cipher *cipher, const char *key,
                      const char *auth, const char *where)
{
	if (!hex_parse(out, cipher->key_bytes, key))
		return refuse(where, "key: invalid (expected 0x and %u lower-case hexadecimal "
		              "digits for %s%s)",
		              2 * cipher->key_bytes, cipher->name,
		              cipher->integrity ? "" : ", with the salt at the end");
	if (cipher->auth_bytes &&
	    (!auth || !hex_parse(out + cipher->key_bytes, cipher->auth_bytes, auth)))
		return refuse(where,
		              "second key: invalid (expected 0x and %u lower-case hexadecimal "
		              "digits for the integrity part of %s)",
		              2 * cipher->auth_bytes, cipher->name);
	return true;
}

/* A pair has one secret, or one key for each direction, but not both. */
static bool is_free(const struct tunnel *tunnel, size_t one, size_t two, bool derived,
                    const char *where)
{
	const struct sa *sa = key_find(tunnel, one, two);
	const char *name = tunnel->sides[one].name, *other = tunnel->sides[two].name;

	if (derived && !sa)
		sa = key_find(tunnel, two, one);
	if (!sa)
		return true;
	if (sa->derived != derived)
		return refuse(where, "%s and %s have both a secret and keys (expected one or the "
		              "other)",
		              name, other);
	if (derived)
		return refuse(where, "second secret of %s and %s (expected one line per pair)",
		              name,
		              other);
	return refuse(where, "second key from %s to %s (expected one line per direction)", name,
	              other);
}

/* FROM TO EPOCH SPI KEY [KEY] */
static bool take_keys(struct tunnel *tunnel, char **words, const char *where)
{
	struct sa sa = { 0 };
	bool good;

	good = parse_names(&sa.from, &sa.to, tunnel, words, where) &&
	       parse_epoch(&sa.epoch, words[2], EPOCH_FIRST, where) &&
	       parse_spi(&sa.spi, words[3], where) &&
	       parse_key(sa.key, tunnel->cipher, words[4], words[5], where) &&
	       is_free(tunnel, sa.from, sa.to, false, where);
	if (good && key_spi_taken(tunnel, sa.to, sa.spi))
		good = refuse(where, "SPI: %s already receives with it (expected another)",
		              tunnel->sides[sa.to].name);
	if (good)
		key_add(tunnel, &sa);
	explicit_bzero(&sa, sizeof sa);
	return good;
}

/* ONE TWO EPOCH secret SECRET */
static bool take_secret(struct tunnel *tunnel, char **words, const char *where)
{
	struct sa pair[2] = { 0 };
	bool good;

	good = parse_names(&pair[0].from, &pair[0].to, tunnel, words, where) &&
	       parse_epoch(&pair[0].epoch, words[2], epoch_most, where) &&
	       (hex_parse(pair[0].secret, SECRET_BYTES, words[4]) ||
	        refuse(where, "secret: invalid (expected 0x and %d lower-case hexadecimal digits)",
	               2 * SECRET_BYTES)) &&
	       is_free(tunnel, pair[0].from, pair[0].to, true, where) &&
	       key_add_pair(tunnel, pair, where);
	explicit_bzero(pair, sizeof pair);
	return good;
}

static bool parse_line(struct tunnel *tunnel, char *line, const char *where, bool partly)
{
	enum { WORDS = 6 };
	char *words[WORDS + 1] = { 0 }, *rest = NULL;
	size_t count = 0, wanted = tunnel->cipher->auth_bytes ? 6 : 5, one, two;
	bool secret;

	for (char *word = strtok_r(line, " \t", &rest); word && count <= WORDS;
	     word = strtok_r(NULL, " \t", &rest))
		words[count++] = word;
	if (count == 0 || words[0][0] == '#')
		return true;
	secret = count > 3 && strcmp(words[3], "secret") == 0;
	if (secret && count != 5)
		return refuse(where, "%zu fields (expected ONE TWO EPOCH secret SECRET)", count);
	if (!secret && count != wanted)
		return refuse(where,
		              "%zu fields (expected FROM TO EPOCH SPI %s for %s, or ONE TWO EPOCH "
		              "secret SECRET)",
		              count, wanted == 6 ? "ENCKEY AUTHKEY" : "KEY", tunnel->cipher->name);
	if (partly && !(is_side(&one, tunnel, words[0]) && is_side(&two, tunnel, words[1]) &&
	                (one == two || tunnel_has_pair(tunnel, one, two))))
		return true;
	return secret ? take_secret(tunnel, words, where) : take_keys(tunnel, words, where);
}

static bool check_whole(const struct tunnel *tunnel, const char *path)
{
	bool good = true;

	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++) {
			const char *name = tunnel->sides[from].name,
				   *other = tunnel->sides[to].name;

			if (!tunnel_has_pair(tunnel, from, to) || key_find(tunnel, from, to))
				continue;
			if (key_find(tunnel, to, from))
				good = refuse(path,
				              "no key from %s to %s (expected a line `%s %s %d SPI "
				              "KEY`)",
				              name, other, name, other, EPOCH_FIRST);
			else if (from < to)
				good = refuse(path,
				              "no key for %s and %s (expected a line `%s %s %d "
				              "secret SECRET`, or one per direction, `%s %s %d SPI "
				              "KEY`)",
				              name, other, name, other, EPOCH_FIRST, name,
				              other, EPOCH_FIRST);
		}
	return good;
}

static int by_words(const void *one, const void *two)
{
	const struct sa *a = *(const struct sa *const *)one, *b = *(const struct sa *const *)two;

	if (a->derived != b->derived)
		return a->derived - b->derived;
	return a->derived ? memcmp(a->secret, b->secret, SECRET_BYTES)
	                  : memcmp(a->key, b->key, CIPHER_KEY_MOST);
}

/* A secret has one row for both directions. */
static bool has_row(const struct sa *sa)
{
	return !sa->derived || sa->from < sa->to;
}

/* Two SAs with the same key will use the same nonce (RFC 4106, section 9). */
static void warn_of_twins(const struct tunnel *tunnel, const char *path)
{
	const struct sa **sas = memory_rows(tunnel->sa_count, sizeof *sas);
	bool keys = false, secrets = false;
	size_t count = 0;

	for (size_t i = 0; i < tunnel->sa_count; i++)
		if (has_row(&tunnel->sas[i]))
			sas[count++] = &tunnel->sas[i];
	qsort(sas, count, sizeof *sas, by_words);
	for (size_t i = 1; i < count; i++)
		if (by_words(&sas[i - 1], &sas[i]) == 0)
			*(sas[i]->derived ? &secrets : &keys) = true;
	if (keys)
		warnx("%s: warning: one key for two directions is not secure: use it only for "
		      "experiments", path);
	if (secrets)
		warnx("%s: warning: two pairs have the same secret, so each can decrypt the "
		      "other's traffic",
		      path);
	free(sas);
}

bool keyfile_parse(struct tunnel *tunnel, char *text, const char *path, bool partly)
{
	bool good = true;
	unsigned number = 0;
	char *line;

	if (strncmp(text, "#!", 2) == 0)
		return refuse(path_shown(path), "is a script (expected a key file, as --save-keys "
		                                "writes one)");
	while ((line = strsep(&text, "\n"))) {
		char where[WHERE_MOST];

		snprintf(where, sizeof where, "%s:%u", path_shown(path), ++number);
		if (strchr(line, '\r'))
			return refuse(where, "carriage return (expected Unix line ends): tr -d "
			                     "'\\r'");
		good &= parse_line(tunnel, line, where, partly);
	}
	good = good && (partly || check_whole(tunnel, path_shown(path)));
	if (good)
		warn_of_twins(tunnel, path_shown(path));
	return good;
}

bool keyfile_read(struct tunnel *tunnel, const char *path, bool partly)
{
	struct text text = { 0 };
	bool good = path_read_private(&text, path, "a key file", FILE_MOST) &&
	            keyfile_parse(tunnel, text.bytes, path, partly);

	text_free(&text);
	return good;
}

static void print_row(struct text *out, const struct tunnel *tunnel, const struct sa *sa)
{
	unsigned char spi[] = { (unsigned char)(sa->spi >> 24), (unsigned char)(sa->spi >> 16),
		                (unsigned char)(sa->spi >> 8), (unsigned char)sa->spi };

	if (!has_row(sa))
		return;
	text_add_string(out, tunnel->sides[sa->from].name);
	text_add_string(out, " ");
	text_add_string(out, tunnel->sides[sa->to].name);
	text_add_string(out, " ");
	text_add_number(out, sa->epoch);
	if (sa->derived) {
		text_add_string(out, " secret 0x");
		text_add_hex(out, sa->secret, sizeof sa->secret);
	} else {
		text_add_string(out, " 0x");
		text_add_hex(out, spi, sizeof spi);
		text_add_string(out, " ");
		cipher_print_key(out, tunnel->cipher, sa->key);
	}
	text_add_string(out, "\n");
}

void keyfile_print(struct text *out, const struct tunnel *tunnel)
{
	bool has[] = { false, false };

	for (size_t i = 0; i < tunnel->sa_count; i++)
		has[tunnel->sas[i].derived] = true;
	text_printf(out, "# xfrmpair keys, digest %08x: %s%s%s\n", (unsigned)tunnel->digest,
	            has[false] ? "FROM TO EPOCH SPI KEY" : "", has[false] && has[true] ? ", or " : "",
	            has[true] ? "ONE TWO EPOCH secret SECRET" : "");
	for (size_t i = 0; i < tunnel->sa_count; i++)
		print_row(out, tunnel, &tunnel->sas[i]);
}
