#include "key.h"
#include "number.h"
#include "path.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SPI_LEAST = 0x100,     /* RFC 4303, section 2.1: 1 to 255 are reserved */
	FIRST_EPOCH = 1,
	FILE_MOST = 16 << 20,  /* bytes: more than a mesh of hundreds needs */
};

static void fill_random(void *out, size_t count)
{
	unsigned char *p = out;

	while (count > 0) {
		ssize_t got = getrandom(p, count, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err(EXIT_BROKE, "getrandom");
		p += got;
		count -= (size_t)got;
	}
}

static void wipe(struct tunnel *tunnel)
{
	if (tunnel->sas)
		explicit_bzero(tunnel->sas, tunnel->sa_room * sizeof *tunnel->sas);
	free(tunnel->sas);
}

static void add(struct tunnel *tunnel, const struct sa *sa)
{
	/* not realloc(3): it may leave a copy behind */
	if (tunnel->sa_count == tunnel->sa_room) {
		size_t room = tunnel->sa_room ? 2 * tunnel->sa_room : 8;
		struct sa *sas = calloc(room, sizeof *sas);

		if (!sas)
			err(EXIT_BROKE, "memory");
		if (tunnel->sa_count)
			memcpy(sas, tunnel->sas, tunnel->sa_count * sizeof *sas);
		wipe(tunnel);
		tunnel->sas = sas;
		tunnel->sa_room = room;
	}
	tunnel->sas[tunnel->sa_count++] = *sa;
	if (!tunnel->sa_numbers)
		tunnel->sa_numbers = calloc(tunnel->side_count * tunnel->side_count, sizeof *tunnel->sa_numbers);
	if (!tunnel->sa_numbers)
		err(EXIT_BROKE, "memory");
	tunnel->sa_numbers[sa->from * tunnel->side_count + sa->to] = tunnel->sa_count;
}

/* The first SA of a direction. */
static const struct sa *find(const struct tunnel *tunnel, size_t from, size_t to)
{
	size_t number = tunnel->sa_numbers ? tunnel->sa_numbers[from * tunnel->side_count + to] : 0;

	return number ? &tunnel->sas[number - 1] : NULL;
}

const struct sa *key_of(const struct tunnel *tunnel, size_t from, size_t to)
{
	const struct sa *sa = find(tunnel, from, to);

	if (!sa)
		errx(EXIT_BROKE, "no key from %s to %s", tunnel->sides[from].name, tunnel->sides[to].name);
	return sa;
}

/* The kernel finds an SA by destination and SPI (RFC 4301, section 4.1). */
static bool spi_taken(const struct tunnel *tunnel, size_t to, uint32_t spi)
{
	for (size_t from = 0; from < tunnel->side_count; from++) {
		const struct sa *sa = find(tunnel, from, to);

		if (sa && sa->spi == spi)
			return true;
	}
	return false;
}

/* SA is not among the tunnel's yet. */
static void draw(struct sa *sa, const struct tunnel *tunnel)
{
	struct {
		uint32_t spi;
		unsigned char key[CIPHER_KEY_MOST];
	} drawn;
	unsigned key_bytes = cipher_key_bytes(tunnel->cipher);

	do
		fill_random(&drawn, sizeof drawn.spi + key_bytes);
	while (drawn.spi < SPI_LEAST || spi_taken(tunnel, sa->to, drawn.spi));
	sa->spi = drawn.spi;
	memcpy(sa->key, drawn.key, key_bytes);
	explicit_bzero(&drawn, sizeof drawn);
}

void key_make(struct tunnel *tunnel)
{
	tunnel->sa_given = tunnel->sa_count;
	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++) {
			struct sa sa = { .from = from, .to = to, .epoch = FIRST_EPOCH };

			if (from == to || find(tunnel, from, to))
				continue;
			draw(&sa, tunnel);
			add(tunnel, &sa);
			explicit_bzero(&sa, sizeof sa);
		}
}

bool key_renew(struct tunnel *tunnel, size_t from, size_t to)
{
	size_t number = tunnel->sa_numbers[from * tunnel->side_count + to];
	struct sa sa = { .from = from, .to = to, .epoch = FIRST_EPOCH };

	if (number <= tunnel->sa_given)
		return false;
	draw(&sa, tunnel);
	tunnel->sas[number - 1] = sa;
	explicit_bzero(&sa, sizeof sa);
	return true;
}

/* From here on nothing that stands in the file is shown, for any word of it may be a key that has slipped: where is said, and
 * what would do. */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* 0x and exactly 2 * COUNT lower-case digits; the kernel's ip takes anything else as text. */
static bool parse_hex(unsigned char *out, unsigned count, const char *text)
{
	if (strncmp(text, "0x", 2) != 0 || strlen(text) != 2 + 2 * (size_t)count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		int high = hex_digit(text[2 + 2 * i]), low = hex_digit(text[3 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

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
	if (spi < SPI_LEAST)
		return refuse(where, "SPI: want 0x100 to 0xffffffff in lower-case hexadecimal");
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

static bool parse_name(size_t *out, const struct tunnel *tunnel, const char *text, const char *which, const char *where)
{
	return is_side(out, tunnel, text) ||
	       refuse(where, "%s word: want the name of one of the sides, like %s", which, tunnel->sides[0].name);
}

static bool parse_epoch(unsigned long *out, const char *text, const char *where)
{
	unsigned long long epoch;

	/* there is no way to a second one yet */
	if (!number_parse(&epoch, text, FIRST_EPOCH, FIRST_EPOCH))
		return refuse(where, "epoch: want %d", FIRST_EPOCH);
	*out = (unsigned long)epoch;
	return true;
}

static bool parse_key(unsigned char *out, const struct cipher *cipher, const char *key, const char *auth, const char *where)
{
	if (!parse_hex(out, cipher->key_bytes, key))
		return refuse(where, "key: want 0x and %u lower-case hexadecimal digits for %s%s", 2 * cipher->key_bytes, cipher->name,
		              cipher->integrity ? "" : ", the salt at the end");
	if (cipher->auth_bytes && (!auth || !parse_hex(out + cipher->key_bytes, cipher->auth_bytes, auth)))
		return refuse(where, "second key: want 0x and %u lower-case hexadecimal digits for the integrity part of %s",
		              2 * cipher->auth_bytes, cipher->name);
	return true;
}

static bool parse_line(struct tunnel *tunnel, char *line, const char *where, bool partly)
{
	enum { WORDS = 6 };
	char *words[WORDS + 1] = { 0 }, *rest = NULL;
	size_t count = 0, wanted = tunnel->cipher->auth_bytes ? 6 : 5;
	struct sa sa = { 0 };
	bool good;

	for (char *word = strtok_r(line, " \t", &rest); word && count <= WORDS; word = strtok_r(NULL, " \t", &rest))
		words[count++] = word;
	if (count == 0 || words[0][0] == '#')
		return true;
	if (count != wanted)
		return refuse(where, "%zu words: want FROM TO EPOCH SPI %s for %s", count, wanted == 6 ? "ENCKEY AUTHKEY" : "KEY",
		              tunnel->cipher->name);
	if (partly && !(is_side(&sa.from, tunnel, words[0]) && is_side(&sa.to, tunnel, words[1])))
		return true;
	good = parse_name(&sa.from, tunnel, words[0], "first", where) &&
	       parse_name(&sa.to, tunnel, words[1], "second", where) &&
	       parse_epoch(&sa.epoch, words[2], where) && parse_spi(&sa.spi, words[3], where) &&
	       parse_key(sa.key, tunnel->cipher, words[4], words[5], where);
	if (good && sa.from == sa.to)
		good = refuse(where, "from %s to itself: want two sides", tunnel->sides[sa.from].name);
	else if (good && find(tunnel, sa.from, sa.to))
		good = refuse(where, "a second key from %s to %s: want one line per direction", tunnel->sides[sa.from].name,
		              tunnel->sides[sa.to].name);
	else if (good && spi_taken(tunnel, sa.to, sa.spi))
		good = refuse(where, "SPI: %s receives with it already; want another", tunnel->sides[sa.to].name);
	if (good)
		add(tunnel, &sa);
	explicit_bzero(&sa, sizeof sa);
	return good;
}

static bool check_whole(const struct tunnel *tunnel, const char *path)
{
	bool good = true;

	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++)
			if (from != to && !find(tunnel, from, to))
				good = refuse(path, "no key from %s to %s: want a line `%s %s %d SPI KEY`", tunnel->sides[from].name,
				              tunnel->sides[to].name, tunnel->sides[from].name, tunnel->sides[to].name, FIRST_EPOCH);
	return good;
}

static int by_key(const void *one, const void *two)
{
	const struct sa *const *a = one, *const *b = two;

	return memcmp((*a)->key, (*b)->key, CIPHER_KEY_MOST);
}

/* A counter per key: two SAs with one key meet the same nonce sooner or later (RFC 4106, section 9). */
static void warn_of_twins(const struct tunnel *tunnel, const char *path)
{
	const struct sa **sas = calloc(tunnel->sa_count + 1, sizeof *sas);

	if (!sas)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < tunnel->sa_count; i++)
		sas[i] = &tunnel->sas[i];
	qsort(sas, tunnel->sa_count, sizeof *sas, by_key);
	for (size_t i = 1; i < tunnel->sa_count; i++)
		if (by_key(&sas[i - 1], &sas[i]) == 0) {
			warnx("%s: warning: one key for two directions: fit for an experiment only", path);
			break;
		}
	free(sas);
}

bool key_parse(struct tunnel *tunnel, char *text, const char *path, bool partly)
{
	bool good = true;
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char where[WHERE_MOST];

		snprintf(where, sizeof where, "%s:%u", path_shown(path), ++number);
		if (strchr(line, '\r'))
			return refuse(where, "a carriage return: want Unix line ends, as `tr -d '\\r'` makes them");
		good &= parse_line(tunnel, line, where, partly);
	}
	good = good && (partly || check_whole(tunnel, path_shown(path)));
	if (good)
		warn_of_twins(tunnel, path_shown(path));
	return good;
}

/* Where the file is, not where a link to it is. */
static bool is_safe_place(const char *path)
{
	char *real = realpath(path, NULL), *folder;
	bool good;

	if (!real)
		return refuse(path_shown(path), "%s: want a key file that can be read", strerror(errno));
	folder = path_folder(real);
	good = path_is_safe(folder, true, path);
	free(folder);
	free(real);
	return good;
}

bool key_read(struct tunnel *tunnel, const char *path, bool partly)
{
	struct text text = { 0 };
	struct stat status;
	bool good;
	int fd = path_open(path, "a key file", &text);

	if (fd < 0)
		return false;
	if (fstat(fd, &status) != 0) {
		good = refuse(path_shown(path), "%s: want a key file that can be read", strerror(errno));
	} else if (status.st_mode & (S_IRWXG | S_IRWXO)) {
		good = refuse(path_shown(path), "others than its owner can use it (mode %04o): want 0600, chmod 600 it and think of fresh keys",
		              (unsigned)(status.st_mode & 07777));
	} else if (status.st_uid != 0 && status.st_uid != geteuid()) {
		good = refuse(path_shown(path), "belongs to user %lu: want a key file of your own", (unsigned long)status.st_uid);
	} else if (S_ISREG(status.st_mode) && !is_safe_place(path)) {
		good = false;
	} else if (!text_read(&text, fd, FILE_MOST)) {
		good = refuse(path_shown(path), "%s: want a key file that can be read", strerror(errno));
	} else if (strlen(text.bytes) != text.length) {
		good = refuse(path_shown(path), "a NUL byte: want a text file");
	} else {
		good = key_parse(tunnel, text.bytes, path, partly);
	}
	text_free(&text);
	close(fd);
	return good;
}

static void print_line(struct text *out, const struct tunnel *tunnel, const struct sa *sa)
{
	unsigned char spi[] = { (unsigned char)(sa->spi >> 24), (unsigned char)(sa->spi >> 16), (unsigned char)(sa->spi >> 8),
	                        (unsigned char)sa->spi };
	char epoch[NUMBER_TEXT];

	text_add_string(out, tunnel->sides[sa->from].name);
	text_add_string(out, " ");
	text_add_string(out, tunnel->sides[sa->to].name);
	text_add_string(out, " ");
	text_add_string(out, number_print(epoch, (unsigned)sa->epoch));
	text_add_string(out, " 0x");
	text_add_hex(out, spi, sizeof spi);
	text_add_string(out, " ");
	cipher_print_key(out, tunnel->cipher, sa->key);
	text_add_string(out, "\n");
}

void key_print(struct text *out, const struct tunnel *tunnel)
{
	text_printf(out, "# xfrmpair keys, digest %08x: FROM TO EPOCH SPI KEY\n", (unsigned)tunnel->digest);
	for (size_t i = 0; i < tunnel->sa_count; i++)
		print_line(out, tunnel, &tunnel->sas[i]);
}

void key_print_of_side(struct text *out, const struct tunnel *tunnel, size_t self, const char *prefix)
{
	for (size_t other = 0; other < tunnel->side_count; other++)
		if (other != self) {
			text_add_string(out, prefix);
			print_line(out, tunnel, key_of(tunnel, self, other));
			text_add_string(out, prefix);
			print_line(out, tunnel, key_of(tunnel, other, self));
		}
}

void key_free(struct tunnel *tunnel)
{
	wipe(tunnel);
	free(tunnel->sa_numbers);
	tunnel->sas = NULL;
	tunnel->sa_numbers = NULL;
	tunnel->sa_count = tunnel->sa_room = tunnel->sa_given = 0;
}
