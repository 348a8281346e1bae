/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
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
	bool is_block;    /* for a terminal */
	bool is_table;    /* one for all sides */
};

static const struct format formats[] = {
	{ "script", ".sh", true, false, false },
	{ "paste", ".paste", false, true, false },
	{ "commands", ".commands", false, true, false },
	{ "wireshark", "", false, false, true },
};

/* The number of texts of that format, and the name of one without its suffix. After an exchange
 * there is only the own side's. */
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

static bool read_sides(struct request *request)
{
	char **operands = request->operands;
	bool good = true;

	if (request->file && *operands)
		return refuse(NULL, "side '%s': -f %s was given too (expected the sides in the "
		              "file or on the command line)", shown(*operands),
		              shown(request->file));
	if (request->file)
		return config_read(request);
	for (size_t i = 0; operands[i]; i++) {
		struct side *side = tunnel_add_side(&request->tunnel);

		snprintf(side->where, sizeof side->where, "side %zu", i + 1);
		good &= side_parse(side, operands[i]);
	}
	return good;
}

/* The caller frees. */
static char *path_of(const char *folder, const char *name, const struct format *format)
{
	char *path;

	if (asprintf(&path, "%s/%s%s", folder, name, format->suffix) < 0)
		err(EXIT_BROKE, "memory");
	return path;
}

/* Returns NULL after one line. */
static const struct format *find_format(const struct request *request)
{
	const char *name = request->format;

	if (!name)
		name = request->output ? "script" : "paste";
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	refuse(request->where[OPTION_FORMAT],
	       "format '%s': unknown (expected script, paste, commands or wireshark)", shown(name));
	return NULL;
}

/* Plain commands cannot look up addresses. */
static bool check_block(const struct tunnel *tunnel)
{
	bool good = true;

	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		const char *name = side_is_auto(side) ? "auto" : shown(side->mapped_name);

		if (*name)
			good = refuse(side->where, "'%s': only a script can look it up (expected "
			              "--format script, the default with -o)", name);
	}
	return good;
}

static bool check_format(const struct request *request, const struct format *format)
{
	const struct tunnel *tunnel = &request->tunnel;
	const char *const *where = request->where;
	bool good = true;

	if (request->explain && (request->output || strcmp(format->name, "paste") != 0))
		good = refuse(where[OPTION_EXPLAIN], "explains only a paste block on the terminal "
		              "(expected %s)",
		              request->output ? "no -o" : "--format paste, the default");
	if (format->is_table && !tunnel->cipher->wireshark)
		good = refuse(where[OPTION_CIPHER], "Wireshark does not support %s (expected "
		              "another cipher or another format)", tunnel->cipher->name);
	if (format->is_table && tunnel->nonike)
		good = refuse(where[OPTION_ENCAP], "Wireshark mistakes espinudp-nonike for IKE "
		              "(expected espinudp or another format)");
	if (format->is_block)
		good &= check_block(tunnel);
	return good;
}

/* True if there is only one SIDE, for --secret to print its public key. */
static bool is_introduction(const struct request *request)
{
	return request->secret && !request->file && request->tunnel.side_count == 1;
}

/* Options about the tunnel are refused here; they belong to the run with all sides. */
static bool check_introduction(const struct request *request)
{
	bool good = true;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (request->where[i] && i != OPTION_SECRET)
			good = refuse(request->where[i], "--secret with one SIDE only prints its "
			              "public key (expected the endpoint strings of all sides)");
	return good;
}

/* Returns false, after one line, if the file NAMED, given at WHERE, is PATH. */
static bool has_own_name(const char *named, const char *where, const char *path, const char *what)
{
	if (!named || !path || !path_same(named, path))
		return true;
	return refuse(where, "'%s': %s has the same name (expected a different file)", shown(named),
	              what);
}

/* Refuses to write a file that is also read, or written twice. */
static bool check_places(const struct request *request, const struct format *format)
{
	const char *const *where = request->where;
	const char *keys = request->save_keys, *saved = where[OPTION_SAVE_KEYS];
	bool good = has_own_name(keys, saved, request->file, "the tunnel file") &&
	            has_own_name(keys, saved, request->keys, "the --keys file") &&
	            has_own_name(keys, saved, request->secret, "the secret file") &&
	            has_own_name(keys, saved, request->pass, "the --pass file");

	for (size_t i = 0; good && request->output && i < count_of(format, &request->tunnel); i++) {
		char *path = path_of(request->output, name_of(format, &request->tunnel, i), format);
		const char *what = format->is_table ? "a table" : "a script";

		good &= has_own_name(keys, saved, path, what);
		good &= has_own_name(request->file, where[OPTION_FILE], path, what);
		good &= has_own_name(request->keys, where[OPTION_KEYS], path, what);
		good &= has_own_name(request->secret, where[OPTION_SECRET], path, what);
		good &= has_own_name(request->pass, where[OPTION_PASS], path, what);
		free(path);
	}
	return good;
}

static bool get_keys(struct request *request)
{
	struct tunnel *tunnel = &request->tunnel;
	/* with both --save-keys and --keys the mesh may have changed */
	bool partly = request->save_keys;

	if (request->secret)
		return secret_exchange(tunnel, request->secret, request->pass);
	if (request->keys && !keyfile_read(tunnel, request->keys, partly))
		return false;
	key_make(tunnel);
	if (!identity_settle(tunnel, request->keys ? path_shown(request->keys) : NULL))
		return false;
	identity_digest(tunnel);
	return true;
}

static enum style style_of(const struct request *request, const struct format *format)
{
	if (strcmp(format->name, "commands") == 0)
		return STYLE_BARE;
	return request->explain ? STYLE_EXPLAINED : STYLE_PASTE;
}

static void render(struct text *out, const struct request *request, size_t side,
                   const struct format *format)
{
	struct plan plan;

	text_empty(out);
	if (format->is_table) {
		print_wireshark(out, &request->tunnel);
		return;
	}
	plan = plan_of(&request->tunnel, side);
	if (format->is_program)
		print_page(out, &plan);
	else
		print_commands(out, &plan, style_of(request, format));
	plan_free(&plan);
}

/* Writes one text after the other, because all scripts of a mesh need too much memory. Without a
 * folder it prints them. */
static bool write_sides(struct output *output, const struct request *request,
                        const struct format *format)
{
	const struct tunnel *tunnel = &request->tunnel;
	bool print = !request->output || request->dry_run, good = true;
	struct text text = { 0 };

	for (size_t i = 0; good && i < count_of(format, tunnel); i++) {
		const char *name = name_of(format, tunnel, i);
		char *path = request->output ? path_of(request->output, name, format) : NULL;

		render(&text, request, side_of(tunnel, i), format);
		good = print ? output_print(path, &text) : output_add(output, path, &text);
		free(path);
	}
	text_free(&text);
	return good;
}

static bool write_keys(struct output *output, const struct request *request)
{
	const char *path = request->save_keys;
	struct text text = { 0 };
	bool good;

	if (!path)
		return true;
	keyfile_print(&text, &request->tunnel);
	good = request->dry_run ? output_print(path, &text) : output_add(output, path, &text);
	text_free(&text);
	return good;
}

static bool write_all_files(const struct request *request, const struct format *format)
{
	struct output output = {
		.folder = request->output, .force = request->force,
	};
	bool good = write_sides(&output, request, format) && write_keys(&output, request) &&
	            output_place(&output);

	output_end(&output, good);
	return good;
}

/* Advises to delete copies of keys that are no longer needed. */
static void say_what_to_delete(const struct request *request)
{
	bool exchanged = request->tunnel.exchanged;
	const char *keys = request->save_keys;

	if (!exchanged && request->output)
		warnx("once all sides are up, delete the other hosts' files here%s%s: anyone who "
		      "has them can decrypt the traffic",
		      keys ? ", and " : "", keys ? path_shown(keys) : "");
	if (exchanged && keys)
		warnx("once all sides are up, delete %s: anyone who has it can decrypt the traffic",
		      path_shown(keys));
	if (exchanged)
		warnx("you can delete %s now: then nobody can compute these keys again; or keep it "
		      "for later endpoint strings", path_shown(request->secret));
}

static void say_written(const struct tunnel *tunnel, const char *folder, const char *suffix)
{
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		char address[OUTER_TEXT];

		if (tunnel->exchanged && i != tunnel->self)
			continue;
		if (side_is_auto(side))
			mapped_print_address(address, side);
		else
			local_print_address(address, side);
		warnx("wrote %s/%s%s for the host %s%s%s", path_shown(folder), side->name, suffix,
		      side_is_auto(side) ? "behind " : "", address, i ? "" : " (start it first)");
	}
}

/* Prints what to do next with the scripts. */
static void say_what_next(const struct request *request, const struct format *format)
{
	const struct tunnel *tunnel = &request->tunnel;

	if (format->is_table)
		warnx("--format: warning: the table contains keys: anyone who has it can decrypt "
		      "the traffic");
	if (format->is_table && !tunnel->exchanged && !request->keys && !request->save_keys)
		warnx("--format: warning: the keys are new and no script has them (expected --keys "
		      "FILE)");
	if (tunnel->exchanged)
		warnx("fingerprint %s: compare it by phone; if it differs, start nothing: an "
		      "endpoint string was altered or an option differs",
		      tunnel->fingerprint);
	if (format->is_table || request->dry_run)
		return;
	if (request->output)
		say_written(tunnel, request->output, format->suffix);
	say_what_to_delete(request);
}

/* A core dump would contain keys. If cores go to a pipe, only the dumpable flag prevents them; the
 * sanitizers cannot inspect a process without it. */
static void dump_nothing(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
#ifndef SANITIZED
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* Returns the exit status. Reports every error in options and sides, but then only the first
 * failing step, because each step needs the previous one. */
static int run(struct request *request, int argc, char **argv)
{
	struct tunnel *tunnel = &request->tunnel;
	const struct format *format;
	bool good = options_from_arguments(request, argc, argv);

	good &= read_sides(request);
	good &= options_complete(request);
	format = find_format(request);
	if (!good || !format)
		return EXIT_MISTAKE;
	if (is_introduction(request)) {
		if (!check_introduction(request))
			return EXIT_MISTAKE;
		return secret_introduce(request->secret, *request->operands, tunnel->sides);
	}
	if (!tunnel_check(tunnel) || !secret_check_words(tunnel, request->secret))
		return EXIT_MISTAKE;
	if (!check_format(request, format) || !check_places(request, format) || !get_keys(request))
		return EXIT_MISTAKE;
	if (!write_all_files(request, format))
		return EXIT_BROKE;
	say_what_next(request, format);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct request request = { 0 };
	int status;

	dump_nothing();
	say_open();
	signal(SIGXFSZ, SIG_IGN); /* write(2) reports it too */
	status = run(&request, argc, argv);
	request_free(&request);
	return status;
}
