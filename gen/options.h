/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What the user asks for, on the command line or in a tunnel file. One table row describes each
 * option for both, for the help and for the shells' completion. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "text.h"
#include "tunnel.h"

#include <stdbool.h>
#include <stddef.h>

/* The rows of the table, in the order of the help. */
enum option_index {
	OPTION_FILE, OPTION_OUTPUT, OPTION_FORMAT, OPTION_CIPHER, OPTION_ESN, OPTION_MODE,
	OPTION_INNER, OPTION_INTERFACE, OPTION_HAIRPIN, OPTION_LAN, OPTION_STAR, OPTION_MTU,
	OPTION_CLAMP, OPTION_GUARD, OPTION_ENCAP, OPTION_LIMIT_BYTES, OPTION_LIMIT_PACKETS,
	OPTION_REPLAY_WINDOW, OPTION_KEYS, OPTION_SAVE_KEYS, OPTION_SECRET, OPTION_PASS, OPTION_FORCE, OPTION_EXPLAIN,
	OPTION_DRY_RUN, OPTION_LIST_CIPHERS, OPTION_HELP, OPTION_VERSION,
	OPTION_COUNT
};

/* One run of the program. Zero it first, and free it with request_free(). */
struct request {
	char **operands;     /* the SIDEs of the command line, up to NULL */
	struct tunnel tunnel;
	const char *file, *output, *keys, *save_keys, *secret, *pass; /* paths; NULL: not given */
	const char *format;  /* its name; NULL: not given */
	bool force, explain, dry_run;
	/* where each option was given, for messages: "--cipher", "home.conf:3"; NULL: it was not */
	const char *where[OPTION_COUNT];
	struct text file_text;          /* the tunnel file; the pointers above may point into it */
	char *file_where[OPTION_COUNT]; /* those of WHERE that are to be freed */
};

struct option_row {
	const char *flag;      /* "--cipher"; in a tunnel file the key is "cipher" */
	char letter;           /* 0: none */
	const char *argument;  /* its name in the help; NULL: there is none, the field is a bool */
	bool not_in_file;      /* a tunnel file may not set it */
	size_t offset;         /* of the field, in struct request */
	/* stores the argument in the field, or refuses it with one line that begins with WHERE */
	bool (*parse)(void *field, const char *argument, const char *where);
	void (*print)(struct text *); /* no field: the option prints this and ends the program */
	const char *choices;   /* all that the argument may be, if it is few: "tunnel transport" */
	const char *help;      /* a newline begins another line of the help */
};

extern const struct option_row option_rows[OPTION_COUNT];

/* Reads the command line. Returns false if it refused a value, each in one line. Ends the program
 * after --help and the like (status 0) and after an unknown option (status 2). */
bool options_from_arguments(struct request *, int argc, char **argv);
/* Sets KEY to VALUE, as the tunnel file's line WHERE says, unless the command line has set it.
 * VALUE must live as long as the request. Returns false after one line. */
bool options_from_file(struct request *, const char *key, const char *value, const char *where);
/* Sets the defaults once all options are known. Returns false if some options exclude each other;
 * each conflict is one line. */
bool options_complete(struct request *);
/* Wipes the keys. */
void request_free(struct request *);

#endif
