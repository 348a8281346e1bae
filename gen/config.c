/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "config.h"
#include "path.h"
#include "say.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_MOST = 1 << 20,  /* bytes */
	SPI_DIGITS = 8,
	KEY_DIGITS = 24,      /* a number of a tunnel file has 18 at most */
};

/* The state of the parser. */
struct state {
	struct request *request;
	enum { NOWHERE, IN_TUNNEL, IN_SIDE, IN_BAD } section;
	bool tunnel_seen;
	/* of the present side */
	struct side *side;
	unsigned keys_seen;  /* a bit for each of side_keys */
	bool side_good;      /* all its lines so far */
};

enum { KEY_LOCAL, KEY_MAPPED, KEY_PUBLIC, KEY_NET, KEY_COUNT };
static const struct {
	const char *name;
	bool (*set)(struct side *, const char *value, const char *where);
	bool repeats;
} side_keys[KEY_COUNT] = {
	[KEY_LOCAL] = { "local", side_set_local, false },
	[KEY_MAPPED] = { "mapped", side_set_mapped, false },
	[KEY_PUBLIC] = { "public", side_set_public, false },
	[KEY_NET] = { "net", side_add_net, true },
};

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t", text[length - 1]))
		text[--length] = '\0';
	return text;
}

static bool end_side(const struct state *state)
{
	if (state->section != IN_SIDE || !state->side_good)
		return true;
	if (!(state->keys_seen & 1u << KEY_LOCAL))
		return refuse(state->side->where, "side %s: no local endpoint (expected a line "
		              "`local = ADDRESS:PORT`)", state->side->name);
	return side_complete(state->side);
}

static bool begin_tunnel(struct state *state, const char *where)
{
	if (state->tunnel_seen)
		return refuse(where, "section [tunnel]: already given (expected once)");
	state->tunnel_seen = true;
	state->section = IN_TUNNEL;
	return true;
}

static bool begin_side(struct state *state, const char *name, const char *where)
{
	struct tunnel *tunnel = &state->request->tunnel;
	struct side *side = tunnel_add_side(tunnel);

	snprintf(side->where, sizeof side->where, "%s", where);
	state->section = IN_SIDE;
	state->side = side;
	state->keys_seen = 0;
	state->side_good = true;
	if (name_parse(side->name, name, where))
		return true;
	/* its lines are still parsed, to report their errors */
	snprintf(side->name, sizeof side->name, "bad-%zu", tunnel->side_count);
	return false;
}

static bool begin_section(struct state *state, char *line, const char *where)
{
	char *close = strchr(line, ']');

	state->section = IN_BAD;
	if (!close || close[1])
		return refuse(where, "section '%s': invalid (expected [tunnel] or [side NAME] "
		              "alone on the line)",
		              shown(line));
	*close = '\0';
	line = trim(line + 1);
	if (strcmp(line, "tunnel") == 0)
		return begin_tunnel(state, where);
	if (strncmp(line, "side", 4) == 0 && (line[4] == ' ' || line[4] == '\t'))
		return begin_side(state, trim(line + 4), where);
	return refuse(where, "section '[%s]': unknown (expected [tunnel] or [side NAME])",
	              shown(line));
}

static bool set_in_side(struct state *state, const char *key, const char *value, const char *where)
{
	size_t i = 0;

	while (i < KEY_COUNT && strcmp(side_keys[i].name, key) != 0)
		i++;
	if (i == KEY_COUNT)
		return refuse(where, "key '%s': unknown (expected local, mapped, net or public for "
		              "a side)",
		              shown(key));
	if (state->keys_seen & 1u << i && !side_keys[i].repeats)
		return refuse(where, "key '%s': already given (expected once per side)", key);
	state->keys_seen |= 1u << i;
	return side_keys[i].set(state->side, value, where);
}

static bool set_key(struct state *state, const char *key, const char *value, const char *where)
{
	if (state->section == IN_TUNNEL)
		return options_from_file(state->request, key, value, where);
	if (state->section == IN_BAD)
		return true;
	if (state->section == NOWHERE)
		return refuse(where, "no section before this line (expected [tunnel] or [side "
		              "NAME])");
	if (set_in_side(state, key, value, where))
		return true;
	state->side_good = false;
	return false;
}

static bool has_control(const char *line)
{
	for (const char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return true;
	return false;
}

/* Messages show nothing of an unknown line, because the file may be the wrong one, such as that of
 * --pass. */
static bool parse_line(struct state *state, char *line, const char *where)
{
	char *equals;

	if (has_control(line))
		return refuse(where, "control character (expected plain text with Unix line ends)");
	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (!*line)
		return true;
	if (*line == '[') {
		bool good = end_side(state);

		return begin_section(state, line, where) && good;
	}
	equals = strchr(line, '=');
	if (!equals)
		return refuse(where, "unknown line (expected KEY = VALUE, [tunnel] or [side "
		              "NAME])");
	*equals = '\0';
	return set_key(state, trim(line), trim(equals + 1), where);
}

/* The number of leading hexadecimal digits, at most KEY_DIGITS. */
static unsigned hex_digits(const char *text)
{
	unsigned digits = 0;

	while (digits < KEY_DIGITS && isxdigit((unsigned char)text[digits]))
		digits++;
	return digits;
}

/* The text after "public = KEY", because a public key may contain many digits by chance; else LINE
 * itself. */
static const char *skip_public(const char *line)
{
	const char *p = line + strspn(line, " \t");

	if (strncmp(p, "public", strlen("public")) != 0)
		return line;
	p += strlen("public");
	p += strspn(p, " \t");
	if (*p++ != '=')
		return line;
	p += strspn(p, " \t");
	return p + public_length(p);
}

/* True if the line has more digits after 0x than an SPI, or more digits without it than any number
 * of a tunnel file. */
static bool has_key(const char *line, size_t length)
{
	for (const char *p = skip_public(line); p < line + length; p++) {
		bool prefix = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');

		if (prefix && hex_digits(p + 2) > SPI_DIGITS)
			return true;
		if (hex_digits(p) >= KEY_DIGITS)
			return true;
	}
	return false;
}

/* Refuses a key file or script that is given as a tunnel file, because a message about an invalid
 * line would show the key. */
static bool refuse_keys(const char *text, const char *path)
{
	for (unsigned number = 1; *text; number++) {
		size_t length = strcspn(text, "\n");
		char where[WHERE_MOST];

		if (has_key(text, length)) {
			snprintf(where, sizeof where, "%s:%u", path_shown(path), number);
			return refuse(where, "contains a key (expected a tunnel file; give a key "
			              "file to --keys)");
		}
		text += length + (text[length] == '\n');
	}
	return true;
}

bool config_parse(struct request *request, char *text, const char *path)
{
	struct state state = { .request = request };
	size_t sides;
	bool good = true;
	unsigned number = 0;
	char *line;

	if (!refuse_keys(text, path))
		return false;
	while ((line = strsep(&text, "\n"))) {
		char where[WHERE_MOST];

		snprintf(where, sizeof where, "%s:%u", path_shown(path), ++number);
		if (strchr(line, '\r'))
			return refuse(where, "carriage return (expected Unix line ends): tr -d "
			              "'\\r'");
		good &= parse_line(&state, line, where);
	}
	if (!end_side(&state) || !good)
		return false;
	sides = request->tunnel.side_count;
	return sides > 1 || refuse(path_shown(path), "%s (expected at least two, each in a section "
	                           "[side NAME])", sides ? "only one side" : "no sides");
}

static bool read_and_parse(struct request *request, int fd)
{
	struct text *text = &request->file_text;
	const char *path = request->file;

	if (!text_read(text, fd, FILE_MOST))
		return refuse(path_shown(path), "%s (expected a tunnel file that can be read)",
		              strerror(errno));
	if (strlen(text->bytes) != text->length)
		return refuse(path_shown(path), "NUL byte (expected a text file)");
	return config_parse(request, text->bytes, path);
}

bool config_read(struct request *request)
{
	int fd = path_open(request->file, "a tunnel file", &request->file_text);
	bool good = fd >= 0 && read_and_parse(request, fd);

	if (fd >= 0)
		close(fd);
	return good;
}
