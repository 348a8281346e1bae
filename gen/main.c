/* xfrmpair: arguments or file -> sides -> pairs -> one side's view -> template -> file. */
#include "cipher.h"
#include "config.h"
#include "identity.h"
#include "key.h"
#include "options.h"
#include "output.h"
#include "path.h"
#include "program.h"
#include "say.h"
#include "settings.h"
#include "template.h"
#include "tunnel.h"
#include "view.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct format {
	const char *name;
	const char *template;
	const char *suffix;
	bool is_program;  /* the template is its head */
};

static const struct format formats[] = {
	{ "script", "script.sh", ".sh", true },
	{ "paste", "paste.sh", ".paste", false },
};

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

static const struct format *read_format(const struct options *options)
{
	const char *name = options->value[OPTION_FORMAT];

	if (!name)
		name = options->value[OPTION_OUTPUT] ? "script" : "paste";
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	refuse(options->where[OPTION_FORMAT], "format '%s': want script or paste", shown(name));
	return NULL;
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
	for (size_t i = 0; good && folder && keys && i < tunnel->side_count; i++) {
		char *path = path_of(folder, tunnel->sides[i].name, format);

		if (path_same(path, keys))
			good = refuse(options->where[OPTION_SAVE_KEYS], "'%s': want a file of its own: a script has that name", shown(keys));
		free(path);
	}
	return good;
}

static bool get_keys(struct tunnel *tunnel, const struct options *options)
{
	/* --save-keys beside --keys: the mesh has changed, and is to be written down anew */
	bool partly = options->value[OPTION_SAVE_KEYS];

	if (options->value[OPTION_KEYS] && !key_read(tunnel, options->value[OPTION_KEYS], partly))
		return false;
	key_make(tunnel);
	return identity_settle(tunnel, options->value[OPTION_KEYS] ? path_shown(options->value[OPTION_KEYS]) : NULL);
}

/* Head, program and keys; the brace that the head opens makes a file that was cut off a syntax error. */
static void render_script(struct text *out, struct scope *scope, const struct tunnel *tunnel, size_t side, const char *template)
{
	unsigned shape = view_shape(tunnel, side);
	struct text program = { 0 }, words = { 0 };

	program_add(&program, shape);
	program_print_line(&words, shape, &program);
	scope_set(scope, "program_line", words.bytes);
	text_empty(&words);
	program_print_adds(&words, shape);
	scope_set(scope, "adds", words.length ? words.bytes : "");
	template_render(out, template, scope);
	text_add(out, program.bytes, program.length);
	text_printf(out, "# ---- keys: FROM TO EPOCH SPI KEY\n");
	key_print_of_side(out, tunnel, side, "#key ");
	text_printf(out, "}\n");
	text_free(&program);
	text_free(&words);
}

static void render(struct text *out, const struct tunnel *tunnel, const struct texts *texts, size_t side, const struct format *format)
{
	struct scope *scope = view_describe(tunnel, texts, side);

	text_empty(out);
	if (format->is_program)
		render_script(out, scope, tunnel, side, format->template);
	else
		template_render(out, format->template, scope);
	scope_free(scope);
}

/* One text per side, one after the other: a mesh's scripts are too much to keep.  To the terminal what has no folder. */
static bool write_sides(struct output *output, const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	const char *folder = options->value[OPTION_OUTPUT];
	bool print = !folder || options->value[OPTION_DRY_RUN], good = true;
	struct texts *texts = texts_new(tunnel);
	struct text text = { 0 };

	for (size_t i = 0; good && i < tunnel->side_count; i++) {
		char *path = folder ? path_of(folder, tunnel->sides[i].name, format) : NULL;

		render(&text, tunnel, texts, i, format);
		good = print ? output_print(path, &text) : output_add(output, path, &text);
		free(path);
	}
	text_free(&text);
	texts_free(texts);
	return good;
}

static bool write_keys(struct output *output, const struct tunnel *tunnel, const struct options *options)
{
	const char *path = options->value[OPTION_SAVE_KEYS];
	struct text text = { 0 };
	bool good;

	if (!path)
		return true;
	key_print(&text, tunnel);
	good = options->value[OPTION_DRY_RUN] ? output_print(path, &text) : output_add(output, path, &text);
	text_free(&text);
	return good;
}

static bool write_all_files(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	struct output output = { 0 };
	bool good;

	good = !options->value[OPTION_OUTPUT] || options->value[OPTION_DRY_RUN] || output_folder(&output, options->value[OPTION_OUTPUT]);
	good = good && write_sides(&output, tunnel, options, format) && write_keys(&output, tunnel, options) &&
	       output_place(&output, options->value[OPTION_FORCE]);
	output_end(&output, good);
	return good;
}

/* For who has just written scripts: what to do with them. */
static void say_what_next(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	if (!options->value[OPTION_OUTPUT] || options->value[OPTION_DRY_RUN])
		return;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		char address[ADDRESS_TEXT];

		warnx("wrote %s/%s%s, for the host %s%s", path_shown(options->value[OPTION_OUTPUT]), tunnel->sides[i].name, format->suffix,
		      address_print(address, &tunnel->sides[i].local.address), i ? "" : ": start it first");
	}
}

/* Nothing that is opened here takes the place of a standard stream that is closed: /dev/null does, the wrong way round. */
static void fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
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
	const struct format *format;
	int status = EXIT_MISTAKE, first;
	bool good;

	dump_nothing();
	fill_standard_streams();
	signal(SIGXFSZ, SIG_IGN); /* write(2) says it as well */
	options_from_arguments(&options, argc, argv, &first);
	/* every mistake is told */
	good = settings_take_all(&tunnel, &options);
	good &= read_sides(&tunnel, &options, &file, argv + first);
	good &= settings_complete(&tunnel, &options);
	format = read_format(&options);
	if (!good || !format || !tunnel_check(&tunnel) || !check_places(&tunnel, &options, format) ||
	    !get_keys(&tunnel, &options))
		goto out;
	identity_digest(&tunnel);
	status = write_all_files(&tunnel, &options, format) ? EXIT_OK : EXIT_BROKE;
	if (status == EXIT_OK)
		say_what_next(&tunnel, &options, format);
out:
	tunnel_free(&tunnel);
	text_free(&file);
	return status;
}
