/* xfrmpair: arguments or file -> sides -> pairs -> one side's view -> plan -> printers -> file. */
#include "cipher.h"
#include "config.h"
#include "identity.h"
#include "key.h"
#include "keyfile.h"
#include "options.h"
#include "output.h"
#include "path.h"
#include "print.h"
#include "say.h"
#include "secret.h"
#include "settings.h"
#include "tunnel.h"

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct format {
	const char *name;
	const char *suffix;
	bool is_program;
	bool is_block;    /* it is for a terminal */
	bool is_table;    /* of all sides */
};

static const struct format formats[] = {
	{ "script", ".sh", true, false, false },
	{ "paste", ".paste", false, true, false },
	{ "wireshark", "", false, false, true },
};

/* How many texts of that format a tunnel has, and the name of one without its suffix.  Of an exchange the own side's alone. */
static size_t count_of(const struct format *format, const struct tunnel *tunnel)
{
	return format->is_table || tunnel->exchanged ? 1 : tunnel->side_count;
}

static size_t side_of(const struct tunnel *tunnel, size_t index)
{
	return tunnel->exchanged ? tunnel->self : index;
}

static const char *name_of(const struct format *format, const struct tunnel *tunnel, size_t index)
{
	return format->is_table ? "esp_sa" : tunnel->sides[side_of(tunnel, index)].name;
}

static bool read_sides(struct tunnel *tunnel, struct options *options, struct text *file, char **words)
{
	const char *path = options->value[OPTION_FILE];
	bool good = true;

	if (path && *words)
		return refuse(NULL, "side '%s' beside -f %s: want the sides in the file or on the command line", shown(*words), shown(path));
	if (path)
		return config_read(tunnel, options, file, path);
	for (size_t i = 0; words[i]; i++) {
		struct side *side = tunnel_add_side(tunnel);

		snprintf(side->where, sizeof side->where, "side %zu", i + 1);
		good &= side_parse(side, words[i]);
	}
	return good;
}

/* To be freed. */
static char *path_of(const char *folder, const char *name, const struct format *format)
{
	char *path;

	if (asprintf(&path, "%s/%s%s", folder, name, format->suffix) < 0)
		err(EXIT_BROKE, "memory");
	return path;
}

static bool read_format(const struct format **out, const struct options *options)
{
	const char *name = options->value[OPTION_FORMAT];

	if (!name)
		name = options->value[OPTION_OUTPUT] ? "script" : "paste";
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0) {
			*out = &formats[i];
			return true;
		}
	return refuse(options->where[OPTION_FORMAT], "format '%s': want script, paste or wireshark", shown(name));
}

/* A paste block runs as it stands. */
static bool check_format(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	bool good = true;

	if (options->value[OPTION_EXPLAIN] && (options->value[OPTION_OUTPUT] || !format->is_block))
		good = refuse(options->where[OPTION_EXPLAIN], "only a paste block on the terminal is explained: want %s",
		              options->value[OPTION_OUTPUT] ? "no -o" : "--format paste, the default");
	if (format->is_table && !tunnel->cipher->wireshark)
		good = refuse(options->where[OPTION_CIPHER], "Wireshark does not know %s: want another cipher, or another format", tunnel->cipher->name);
	if (format->is_table && tunnel->nonike)
		good = refuse(tunnel->where_encap, "Wireshark takes espinudp-nonike for IKE: want espinudp, or another format");
	for (size_t i = 0; format->is_block && i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		bool found = side_is_auto(side);
		char word[OUTER_TEXT];

		if (found || side->mapped_name[0])
			good = refuse(side->where, "'%s': a paste block cannot look it up: want --format script, the default with -o",
			              found ? local_print_address(word, side) : shown(side->mapped_name));
	}
	return good;
}

/* One SIDE, to get its public key. */
static bool is_introduction(const struct tunnel *tunnel, const struct options *options)
{
	return options->value[OPTION_SECRET] && !options->value[OPTION_FILE] && tunnel->side_count == 1;
}

/* What an option would say of the tunnel is said when that is made. */
static bool check_introduction(const struct options *options)
{
	bool good = true;

	for (int i = 0; i < OPTION_COUNT; i++)
		if (options->value[i] && i != OPTION_SECRET)
			good = refuse(options->where[i], "beside --secret and one SIDE, which get its public key: want the words of all sides");
	return good;
}

/* False, after one line, where FILE, which OPTION names, is one that is read. */
static bool check_not_read(const struct options *options, enum option_index option, const char *file)
{
	static const struct {
		enum option_index option;
		const char *what;
	} read[] = {
		{ OPTION_FILE, "the tunnel file" }, { OPTION_KEYS, "the file of --keys" }, { OPTION_SECRET, "the secret" }, { OPTION_PASS, "the phrase" },
	};

	for (size_t i = 0; i < sizeof read / sizeof *read; i++)
		if (options->value[read[i].option] && path_same(options->value[read[i].option], file))
			return refuse(options->where[option], "'%s': want a file of its own: %s has that name", shown(file), read[i].what);
	return true;
}

/* False, after one line, where PATH, of a script or a table, is also a file that an option names. */
static bool check_not_named(const struct options *options, const char *path, const char *what)
{
	static const enum option_index named[] = { OPTION_SAVE_KEYS, OPTION_FILE, OPTION_KEYS, OPTION_SECRET, OPTION_PASS };
	bool good = true;

	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		const char *file = options->value[named[i]];

		if (file && path_same(path, file))
			good = refuse(options->where[named[i]], "'%s': want a file of its own: %s has that name", shown(file), what);
	}
	return good;
}

/* Where files are to go: their names are no mistakes. */
static bool check_places(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	const char *folder = options->value[OPTION_OUTPUT], *keys = options->value[OPTION_SAVE_KEYS];
	bool good = true;

	if (folder && !*folder)
		good = refuse(options->where[OPTION_OUTPUT], "'': want a folder, . for this one");
	if (keys && !*keys)
		good = refuse(options->where[OPTION_SAVE_KEYS], "'': want a file");
	good = good && (!keys || check_not_read(options, OPTION_SAVE_KEYS, keys));
	for (size_t i = 0; good && folder && i < count_of(format, tunnel); i++) {
		char *path = path_of(folder, name_of(format, tunnel, i), format);

		good = check_not_named(options, path, format->is_table ? "a table" : "a script");
		free(path);
	}
	return good;
}

static bool get_keys(struct tunnel *tunnel, const struct options *options)
{
	/* --save-keys beside --keys: the mesh has changed, and is to be written down anew */
	bool partly = options->value[OPTION_SAVE_KEYS];

	if (options->value[OPTION_SECRET])
		return secret_exchange(tunnel, options->value[OPTION_SECRET], options->value[OPTION_PASS]);
	if (options->value[OPTION_KEYS] && !keyfile_read(tunnel, options->value[OPTION_KEYS], partly))
		return false;
	key_make(tunnel);
	if (!identity_settle(tunnel, options->value[OPTION_KEYS] ? path_shown(options->value[OPTION_KEYS]) : NULL))
		return false;
	identity_digest(tunnel);
	return true;
}

static void render(struct text *out, const struct tunnel *tunnel, size_t side, const struct options *options, const struct format *format)
{
	struct plan plan;

	text_empty(out);
	if (format->is_table) {
		print_wireshark(out, tunnel);
		return;
	}
	plan = plan_of(tunnel, side);
	if (format->is_program)
		print_script(out, &plan);
	else
		print_paste(out, &plan, options->value[OPTION_EXPLAIN]);
	plan_free(&plan);
}

/* One text per side, one after the other: a mesh's scripts are too much to keep.  To the terminal what has no folder. */
static bool write_sides(struct output *output, const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	const char *folder = options->value[OPTION_OUTPUT];
	bool print = !folder || options->value[OPTION_DRY_RUN], good = true;
	struct text text = { 0 };

	for (size_t i = 0; good && i < count_of(format, tunnel); i++) {
		char *path = folder ? path_of(folder, name_of(format, tunnel, i), format) : NULL;

		render(&text, tunnel, side_of(tunnel, i), options, format);
		good = print ? output_print(path, &text) : output_add(output, path, &text);
		free(path);
	}
	text_free(&text);
	return good;
}

static bool write_keys(struct output *output, const struct tunnel *tunnel, const struct options *options)
{
	const char *path = options->value[OPTION_SAVE_KEYS];
	struct text text = { 0 };
	bool good;

	if (!path)
		return true;
	keyfile_print(&text, tunnel);
	good = options->value[OPTION_DRY_RUN] ? output_print(path, &text) : output_add(output, path, &text);
	text_free(&text);
	return good;
}

static bool write_all_files(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	struct output output = {
		.folder = options->value[OPTION_OUTPUT], .keys = options->value[OPTION_SAVE_KEYS], .force = options->value[OPTION_FORCE],
	};
	bool good = write_sides(&output, tunnel, options, format) && write_keys(&output, tunnel, options) && output_place(&output);

	output_end(&output, good);
	return good;
}

/* The copies of keys that are in nobody's way but an attacker's. */
static void say_what_to_delete(const struct options *options, bool exchanged)
{
	const char *keys = options->value[OPTION_SAVE_KEYS];

	if (!exchanged && options->value[OPTION_OUTPUT])
		warnx("once all sides are up, delete here what is not this host's%s%s: who has it can read what they send", keys ? ", and " : "",
		      keys ? path_shown(keys) : "");
	if (exchanged && keys)
		warnx("once all sides are up, delete here %s: who has it can read what they send", path_shown(keys));
	if (exchanged)
		warnx("%s may be deleted now: without it nobody can make these keys again; kept, later words can have it again",
		      path_shown(options->value[OPTION_SECRET]));
}

/* For who has just written scripts: what to do with them. */
static void say_what_next(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	if (format->is_table)
		warnx("--format: warning: the table has keys: who has it reads what they encrypt");
	if (format->is_table && !tunnel->exchanged && !options->value[OPTION_KEYS] && !options->value[OPTION_SAVE_KEYS])
		warnx("--format: warning: they are fresh, no script has them: want --keys FILE");
	if (tunnel->exchanged)
		warnx("fingerprint %s: read it out to each other, over the phone; if it differs, start nothing: a word was altered, or an option differs",
		      tunnel->fingerprint);
	if (format->is_table || options->value[OPTION_DRY_RUN])
		return;
	for (size_t i = 0; options->value[OPTION_OUTPUT] && i < count_of(format, tunnel); i++) {
		const struct side *side = &tunnel->sides[side_of(tunnel, i)];
		bool found = side_is_auto(side);
		char address[OUTER_TEXT];

		warnx("wrote %s/%s%s, for the host %s%s%s", path_shown(options->value[OPTION_OUTPUT]), side->name, format->suffix,
		      found ? "behind " : "", found ? mapped_print_address(address, side) : local_print_address(address, side),
		      side_of(tunnel, i) ? "" : ": start it first");
	}
	say_what_to_delete(options, tunnel->exchanged);
}

/* A core would hold keys.  A pipe that takes cores asks for the flag alone; the sanitizers cannot look into a process without. */
static void dump_nothing(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
#ifndef SANITIZED
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct tunnel tunnel = { 0 };
	struct text file = { 0 };
	const struct format *format = NULL;
	int status = EXIT_MISTAKE, first;
	bool good;

	dump_nothing();
	say_open();
	signal(SIGXFSZ, SIG_IGN); /* write(2) says it as well */
	options_from_arguments(&options, argc, argv, &first);
	/* every mistake is told */
	good = settings_take_all(&tunnel, &options);
	good &= read_sides(&tunnel, &options, &file, argv + first);
	good &= settings_complete(&tunnel, &options);
	good &= read_format(&format, &options);
	if (is_introduction(&tunnel, &options)) {
		good = good && check_introduction(&options);
		if (good)
			status = secret_introduce(options.value[OPTION_SECRET], argv[first], tunnel.sides);
	} else {
		/* and of these the first that has any */
		good = good && tunnel_check(&tunnel);
		good = good && secret_check_words(&tunnel, options.value[OPTION_SECRET]);
		good = good && check_format(&tunnel, &options, format);
		good = good && check_places(&tunnel, &options, format);
		good = good && get_keys(&tunnel, &options);
		if (good)
			status = write_all_files(&tunnel, &options, format) ? EXIT_OK : EXIT_BROKE;
		if (status == EXIT_OK)
			say_what_next(&tunnel, &options, format);
	}
	tunnel_free(&tunnel);
	text_free(&file);
	return status;
}
