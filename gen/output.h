/* Files that are written all, and whole, or not at all: whatever ends the program, SIGKILL too. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "text.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* A folder whose names change, and the one in it where new files wait for theirs. */
struct output_place {
	char *folder;
	char *staging_path;
	int folder_fd, staging_fd; /* both, open; the second is locked */
	const char *path, *what; /* for the line that says that PATH cannot be WHAT */
	unsigned taken, back;    /* new files that had their names already, and old ones that have them again */
};

struct output {
	const char *folder;    /* of scripts: made if it is missing; NULL: none */
	const char *keys;      /* path of the file of keys; NULL: none */
	bool force;            /* files that exist are replaced */

	/* the rest is zero at first */
	struct output_place places[2];
	size_t count;
	char *made;            /* the folder of scripts as it waits, when it is made here */
	bool keys_inside;      /* and that of the keys in it */
	bool begun;            /* signals wait */
	sigset_t signals;      /* those of before */
};

/* Writes TEXT, mode 0600, but not yet under the name of PATH, which is in the folder of scripts or is that of the keys.  False,
 * after one line, when that fails.  The first time it settles what killed runs have left there, and says so if names
 * changed.  From then on, until output_end(), signals wait; one that would end the program makes it fail. */
bool output_add(struct output *, const char *path, const struct text *text);
/* Once all are on the disk, gives them their names.  False, after one line, when one cannot have it. */
bool output_place(struct output *);
/* Leaves everything as it was before, unless it is GOOD; then frees. */
void output_end(struct output *, bool good);
/* Prints TEXT to stdout, headed by PATH unless that is NULL; false, after one line, when stdout does not take it. */
bool output_print(const char *path, const struct text *text);

#endif
