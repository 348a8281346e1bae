/* What the user may say, on the command line or in a tunnel file: one table for both, and for
 * the usage text. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "side.h"

#include <stdbool.h>
#include <stddef.h>

enum option_index {
	OPTION_FILE,
	OPTION_OUTPUT,
	OPTION_FORMAT,
	OPTION_CIPHER,
	OPTION_ESN,
	OPTION_MODE,
	OPTION_INNER,
	OPTION_INTERFACE,
	OPTION_HAIRPIN,
	OPTION_LAN,
	OPTION_STAR,
	OPTION_MTU,
	OPTION_CLAMP,
	OPTION_GUARD,
	OPTION_ENCAP,
	OPTION_LIMIT_BYTES,
	OPTION_LIMIT_PACKETS,
	OPTION_KEYS,
	OPTION_SAVE_KEYS,
	OPTION_SECRET,
	OPTION_PASS,
	OPTION_FORCE,
	OPTION_EXPLAIN,
	OPTION_DRY_RUN,
	OPTION_LIST_CIPHERS,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT
};

/* As given; NULL where nothing was.  A flag that is on is "yes". */
struct options {
	const char *value[OPTION_COUNT];
	char where[OPTION_COUNT][WHERE_MOST];  /* for error texts: "--cipher", "home.conf:3" */
};

/* Reads ARGV's options and leaves in *FIRST the index of its first operand.  Ends the program
 * after --help and --version (status 0) and after a mistake (status 2). */
void options_from_arguments(struct options *, int argc, char **argv, int *first);
/* Sets KEY as a tunnel file at WHERE says it, unless the command line did; the value must outlive the
 * options.  *TAKEN: the option that is set by it, or OPTION_COUNT.  False after one line. */
bool options_from_file(struct options *, const char *key, const char *value, const char *where, enum option_index *taken);

#endif
