/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* xfrmkeep: sets up, maintains and takes down the tunnel of a script. */
#include "check.h"
#include "follow.h"
#include "keep.h"
#include "look.h"
#include "say.h"
#include "up.h"

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	int least, most; /* arguments after SCRIPT */
	unsigned needs;  /* of keep.h */
	keep_verb *run;  /* NULL: ALONE opens the script itself */
	int (*alone)(const char *script, int argc, char **argv);
	const char *arguments, *help;
};

static const struct verb verbs[] = {
	{ "up", 0, INT_MAX, KEEP_PAGE, up, NULL, " [OPTION]...",
	  "set the tunnel up, or mend it if it is up" },
	{ "down", 0, INT_MAX, KEEP_PAGE, down, NULL, " [--all]",
	  "remove what up added; --all: the leak guard too" },
	{ "status", 0, INT_MAX, 0, NULL, status_verb, " [--json | --watch]",
	  "print the state and traffic of the tunnel" },
	{ "check", 0, 1, 0, NULL, check_verb, " [TARGET]",
	  "test the tunnel, and print what is wrong" },
	{ "follow", 0, 0, 0, NULL, follow_verb, "",
	  "follow peers whose endpoint changes; runs until stopped" },
	{ "rekey", 0, 0, KEEP_LOCK | KEEP_UP | KEEP_KERNEL, rekey, NULL, "",
	  "change to the next keys, if the peer has the present ones" },
	{ "mend", 0, 0, KEEP_LOCK | KEEP_UP | KEEP_KERNEL, mend, NULL, "",
	  "put back what another program removed" },
	{ "update-peer", 1, 2, KEEP_LOCK, update_peer, NULL, " [NAME] ADDRESS:PORT",
	  "change the endpoint of a peer" },
	{ "capture", 1, 1, 0, capture, NULL, " FILE",
	  "write packets to FILE, and decrypted ones to FILE.inner" },
	{ "wireshark", 0, 0, 0, wireshark, NULL, "",
	  "print the keys as a table for Wireshark" },
};
enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

static void print_usage(FILE *out)
{
	fprintf(out, "usage: xfrmkeep [-n] VERB SCRIPT [ARGUMENT]...\n\n");
	for (unsigned i = 0; i < VERB_COUNT; i++) {
		char words[64];

		snprintf(words, sizeof words, "%s SCRIPT%s", verbs[i].name, verbs[i].arguments);
		fprintf(out, "  %-40s %s\n", words, verbs[i].help);
	}
	fprintf(out, "  %-40s %s\n", "list [FOLDER]",
		"print the tunnels of FOLDER (default /etc/xfrmpair)");
	fprintf(out, "\n"
		     "  -n, --dry-run  print the commands without keys, and change nothing\n"
		     "  -h, --help     print this help\n"
		     "  -V, --version  print the version\n");
}

static int misuse(const char *problem, const char *what)
{
	if (what)
		warnx("%s '%s'", problem, shown(what));
	else
		warnx("%s", problem);
	print_usage(stderr);
	return EXIT_MISTAKE;
}

/* Reports an error if the output could not be written, for example to a full disk. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	warn("standard output");
	return status ? status : EXIT_BROKE;
}

static const struct verb *find_verb(const char *name)
{
	for (unsigned i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int run_verb(const struct verb *verb, bool dry, int argc, char **argv)
{
	struct keep keep;
	int status;

	if (dry && verb->alone == follow_verb)
		return misuse("-n: not supported by", verb->name);
	if (!verb->run)
		return finish(verb->alone(argv[0], argc - 1, argv + 1));
	status = keep_open(&keep, argv[0], dry, verb->needs);
	if (!status)
		status = verb->run(&keep, argc - 1, argv + 1);
	keep_close(&keep);
	return finish(status);
}

static bool is_option(const char *word, const char *letter, const char *name)
{
	return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

/* Without getopt_long(3), which would add 3 KB to this program, whose size is limited. */
int main(int argc, char **argv)
{
	const struct verb *verb;
	bool dry = false;

	say_open();
	for (argc--, argv++; argc > 0 && argv[0][0] == '-'; argc--, argv++) {
		if (strcmp(argv[0], "--") == 0) {
			argc--;
			argv++;
			break;
		}
		if (is_option(argv[0], "-h", "--help")) {
			print_usage(stdout);
			return finish(EXIT_OK);
		}
		if (is_option(argv[0], "-V", "--version")) {
			printf("xfrmkeep %s\n", VERSION);
			return finish(EXIT_OK);
		}
		if (!is_option(argv[0], "-n", "--dry-run"))
			return misuse("unknown option", argv[0]);
		dry = true;
	}
	if (argc < 1)
		return misuse("VERB: missing", NULL);
	if (strcmp(argv[0], "list") == 0)
		return argc > 2 ? misuse("wrong number of arguments for", argv[0]) :
				  finish(list_verb(argv[1]));
	verb = find_verb(argv[0]);
	if (!verb)
		return misuse("unknown verb", argv[0]);
	if (argc < 2)
		return misuse("SCRIPT: missing after", argv[0]);
	if (argc - 2 < verb->least || argc - 2 > verb->most)
		return misuse("wrong number of arguments for", argv[0]);
	return run_verb(verb, dry, argc - 1, argv + 1);
}
