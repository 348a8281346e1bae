/* Files that are written all, and whole, or not at all. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "text.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct output_file {
	char *path;
	char *temporary;  /* its new text, until it takes the name */
	char *backup;     /* what --force replaces, until all is done */
	bool placed;
};

struct output {
	struct output_file *files;
	size_t count;
	const char *scripts; /* where they go; NULL: nowhere */
	char *folder;     /* made here: to go again if nothing comes of it */
	bool begun;       /* signals wait */
	sigset_t signals; /* those of before */
};

/* Makes FOLDER if it is missing; false, after one line, when it cannot be made.  From here, or from the first output_add(), until output_end() signals wait; one that
 * would end the program makes output_add() fail. */
bool output_folder(struct output *, const char *folder);
/* Writes TEXT, mode 0600, but not yet under the name of PATH.  False, after one line, when that fails. */
bool output_add(struct output *, const char *path, const struct text *text);
/* Once all are on the disk, gives them their names; replaces none that exists without FORCE.  False, after one line, when one cannot have it. */
bool output_place(struct output *, bool force);
/* Leaves everything as it was before, unless it is GOOD; then frees. */
void output_end(struct output *, bool good);
/* Prints TEXT to stdout, headed by PATH unless that is NULL; false, after one line, when stdout does not take it. */
bool output_print(const char *path, const struct text *text);

#endif
