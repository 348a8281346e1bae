#include "config.h"
#include "path.h"
#include "say.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_MOST = 1 << 20,  /* bytes */
	SPI_DIGITS = 8,
	KEY_DIGITS = 24,      /* a number of a tunnel file has 18 at most */
};

/* Where the parser stands. */
struct state {
	struct tunnel *tunnel;
	struct options *options;
	enum { NOWHERE, IN_TUNNEL, IN_SIDE, IN_BAD } section;
	bool tunnel_seen;
	bool local_seen;  /* of the side at hand */
	bool side_good;   /* all its lines so far */
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

static bool end_side(struct state *state)
{
	struct side *side;

	if (state->section != IN_SIDE || !state->side_good)
		return true;
	side = &state->tunnel->sides[state->tunnel->side_count - 1];
	if (!state->local_seen)
		return refuse(side->where, "side %s has no local: want a line `local = ADDRESS:PORT`", side->name);
	return side_complete(side);
}

static bool begin_section(struct state *state, char *line, const char *where)
{
	char *close = strchr(line, ']');
	bool good = end_side(state);

	state->section = IN_BAD;
	if (!close || close[1])
		return refuse(where, "section '%s': want [tunnel] or [side NAME] alone on the line", shown(line));
	*close = '\0';
	line = trim(line + 1);
	if (strcmp(line, "tunnel") == 0) {
		if (state->tunnel_seen)
			return refuse(where, "section [tunnel]: given before; want it once");
		state->tunnel_seen = true;
		state->section = IN_TUNNEL;
		return good;
	}
	if (strncmp(line, "side", 4) == 0 && (line[4] == ' ' || line[4] == '\t')) {
		struct side *side = tunnel_add_side(state->tunnel);

		snprintf(side->where, sizeof side->where, "%s", where);
		state->section = IN_SIDE;
		state->local_seen = false;
		state->side_good = true;
		if (!name_parse(side->name, trim(line + 4), where)) {
			/* its lines are still read, for their own mistakes */
			snprintf(side->name, sizeof side->name, "bad-%zu", state->tunnel->side_count);
			good = false;
		}
		return good;
	}
	return refuse(where, "section '[%s]': want [tunnel] or [side NAME]", shown(line));
}

static bool set_in_side(struct state *state, const char *key, const char *value, const char *where)
{
	struct side *side = &state->tunnel->sides[state->tunnel->side_count - 1];

	if (strcmp(key, "net") == 0)
		return side_add_net(side, value, where);
	if (strcmp(key, "local") == 0) {
		if (state->local_seen)
			return refuse(where, "key 'local': given before; want it once for a side");
		state->local_seen = true;
		return side_set_local(side, value, where);
	}
	if (strcmp(key, "mapped") == 0) {
		if (side->behind_nat)
			return refuse(where, "key 'mapped': given before; want it once for a side");
		return side_set_mapped(side, value, where);
	}
	if (strcmp(key, "public") == 0) {
		if (side->has_public)
			return refuse(where, "key 'public': given before; want it once for a side");
		return side_set_public(side, value, where);
	}
	return refuse(where, "key '%s': want local, mapped, net or public for a side", shown(key));
}

static bool set_in_tunnel(struct state *state, const char *key, const char *value, const char *where)
{
	enum option_index taken;

	return options_from_file(state->options, key, value, where, &taken) &&
	       (taken == OPTION_COUNT || settings_take(state->tunnel, state->options, taken));
}

/* Of a line that makes no sense nothing is shown: the file may be another, the phrase of --pass for one. */
static bool parse_line(struct state *state, char *line, const char *where)
{
	char *comment, *equals;

	for (const char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return refuse(where, "a control character; want plain text with Unix line ends");
	comment = strchr(line, '#');
	if (comment)
		*comment = '\0';
	line = trim(line);
	if (!*line)
		return true;
	if (*line == '[')
		return begin_section(state, line, where);
	equals = strchr(line, '=');
	if (!equals)
		return refuse(where, "want KEY = VALUE, [tunnel] or [side NAME]");
	*equals = '\0';
	line = trim(line);
	if (state->section == IN_TUNNEL)
		return set_in_tunnel(state, line, trim(equals + 1), where);
	if (state->section == IN_SIDE)
		return (state->side_good &= set_in_side(state, line, trim(equals + 1), where));
	return state->section == IN_BAD || refuse(where, "want a section [tunnel] or [side NAME] before it");
}

/* How many TEXT begins with, counted up to what a key has. */
static unsigned hex_digits(const char *text)
{
	unsigned digits = 0;

	while (digits < KEY_DIGITS && text[digits] && strchr("0123456789abcdefABCDEF", text[digits]))
		digits++;
	return digits;
}

/* What is behind "public =", which nobody shows: digits may be there by chance.  Else LINE itself. */
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

/* More digits than an SPI has after 0x, or, where that was lost, than any number of a tunnel file. */
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

/* A file of keys, or a script, that was taken for a tunnel file: refused whole, for a bad line would be shown. */
static bool refuse_keys(const char *text, const char *path)
{
	for (unsigned number = 1; *text; number++) {
		size_t length = strcspn(text, "\n");
		char where[WHERE_MOST];

		if (has_key(text, length)) {
			snprintf(where, sizeof where, "%s:%u", path_shown(path), number);
			return refuse(where, "a key is in it: want a tunnel file; a key file goes with --keys");
		}
		text += length + (text[length] == '\n');
	}
	return true;
}

bool config_parse(struct tunnel *tunnel, struct options *options, char *text, const char *path)
{
	struct state state = { .tunnel = tunnel, .options = options };
	bool good = true;
	unsigned number = 0;
	char *line;

	if (!refuse_keys(text, path))
		return false;
	while ((line = strsep(&text, "\n"))) {
		char where[WHERE_MOST];

		snprintf(where, sizeof where, "%s:%u", path_shown(path), ++number);
		if (strchr(line, '\r'))
			return refuse(where, "a carriage return: want Unix line ends, as `tr -d '\\r'` makes them");
		good &= parse_line(&state, line, where);
	}
	if (!end_side(&state) || !good)
		return false;
	return tunnel->side_count > 1 || refuse(path_shown(path), "%s: want at least two, each in a section [side NAME]",
	                                        tunnel->side_count ? "one side only" : "no side");
}

bool config_read(struct tunnel *tunnel, struct options *options, struct text *text, const char *path)
{
	int fd = path_open(path, "a tunnel file", text);
	bool good;

	if (fd < 0)
		return false;
	if (!text_read(text, fd, FILE_MOST))
		good = refuse(path_shown(path), "%s: want a tunnel file that can be read", strerror(errno));
	else if (strlen(text->bytes) != text->length)
		good = refuse(path_shown(path), "a NUL byte: want a text file");
	else
		good = config_parse(tunnel, options, text->bytes, path);
	close(fd);
	return good;
}
