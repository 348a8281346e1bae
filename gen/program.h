/* The program of a generated script: parts of templates/program, appended as they stand. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "text.h"

/* Adds the parts that a script of SHAPE (view.h) needs. */
void program_add(struct text *, unsigned shape);
/* Adds what names the program whose text is PROGRAM: version, parts and checksum. */
void program_print_line(struct text *, unsigned shape, const struct text *program);
/* Adds, in their order, the words for what `up` adds beside policies and states. */
void program_print_adds(struct text *, unsigned shape);

#endif
