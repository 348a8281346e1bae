/* Files that are written all, and whole, or not at all. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>

struct output_file {
	char *path;
	struct text text;
	char *temporary;  /* its new text, until it takes the name */
	char *backup;     /* what --force replaces, until all is done */
	bool placed;
};

struct output {
	struct output_file *files;
	size_t count;
};

/* The text to fill; it holds until the next call.  PATH: FOLDER/NAME, or NAME alone when FOLDER is NULL. */
struct text *output_add(struct output *, const char *folder, const char *name);
/* Writes all files, mode 0600, making FOLDER (may be NULL) if it is missing; replaces none that exists without FORCE.
 * False, after one line, when one cannot be written: then all is as it was. */
bool output_write(struct output *, const char *folder, bool force);
/* Prints what output_write() would write, under the files' NAMES if wanted; false, after one line, when stdout
 * does not take it. */
bool output_print(const struct output *, bool names);
/* Adds the files of FROM, which is then empty. */
void output_move(struct output *, struct output *from);
/* Wipes. */
void output_free(struct output *);

#endif
