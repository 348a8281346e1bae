/* xfrmpair: arguments or file -> sides -> pairs -> one side's view -> template -> file. */
#include "cipher.h"
#include "config.h"
#include "key.h"
#include "options.h"
#include "output.h"
#include "say.h"
#include "template.h"
#include "tunnel.h"
#include "view.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct format {
	const char *name;
	const char *template;
	const char *suffix;
};

static const struct format formats[] = {
	{ "script", template_script, ".sh" },
	{ "paste", template_paste, ".paste" },
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

static bool get_keys(struct tunnel *tunnel, const struct options *options)
{
	/* --save-keys beside --keys: the mesh has changed, and is to be written down anew */
	bool partly = options->value[OPTION_SAVE_KEYS];

	if (options->value[OPTION_KEYS] && !key_read(tunnel, options->value[OPTION_KEYS], partly))
		return false;
	key_make(tunnel);
	return true;
}

/* One text per side. */
static void render(struct output *output, const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	for (size_t i = 0; i < tunnel->side_count; i++) {
		struct scope *scope = view_describe(tunnel, i);
		char name[NAME_MOST + 8];

		snprintf(name, sizeof name, "%s%s", tunnel->sides[i].name, format->suffix);
		template_render(output_add(output, options->value[OPTION_OUTPUT], name), format->template, scope);
		scope_free(scope);
	}
}

/* To the terminal what has no folder, or all in a dry run; then the files, all or none. */
static bool deliver(struct output *sides, struct output *keys, const struct options *options)
{
	const char *folder = options->value[OPTION_OUTPUT];
	bool force = options->value[OPTION_FORCE];

	if (options->value[OPTION_DRY_RUN])
		return output_print(sides, folder) && output_print(keys, true);
	if (!folder)
		return output_print(sides, false) && output_write(keys, NULL, force);
	output_move(sides, keys);
	return output_write(sides, folder, force);
}

/* For who has just written scripts: what to do with them. */
static void say_what_next(const struct tunnel *tunnel, const struct options *options, const struct format *format)
{
	if (!options->value[OPTION_OUTPUT] || options->value[OPTION_DRY_RUN])
		return;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		char address[ADDRESS_TEXT];

		warnx("wrote %s/%s%s, for the host %s%s", options->value[OPTION_OUTPUT], tunnel->sides[i].name, format->suffix,
		      address_print(address, &tunnel->sides[i].local.address), i ? "" : ": start it first");
	}
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct tunnel tunnel = { 0 };
	struct output sides = { 0 }, keys = { 0 };
	struct text file = { 0 };
	const struct format *format;
	int status = EXIT_MISTAKE, first;

	options_from_arguments(&options, argc, argv, &first);
	if (!read_sides(&tunnel, &options, &file, argv + first) || !tunnel_set(&tunnel, &options) ||
	    !(format = read_format(&options)) || !tunnel_check(&tunnel) || !get_keys(&tunnel, &options))
		goto out;
	tunnel_digest(&tunnel);
	render(&sides, &tunnel, &options, format);
	if (options.value[OPTION_SAVE_KEYS])
		key_print(output_add(&keys, NULL, options.value[OPTION_SAVE_KEYS]), &tunnel);
	status = deliver(&sides, &keys, &options) ? EXIT_OK : EXIT_BROKE;
	if (status == EXIT_OK)
		say_what_next(&tunnel, &options, format);
out:
	output_free(&sides);
	output_free(&keys);
	tunnel_free(&tunnel);
	text_free(&file);
	return status;
}
