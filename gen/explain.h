/* The paste block with a comment for each word that a reader of ip-xfrm(8) would ask about. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "text.h"

/* Adds BLOCK, rendered from templates/paste.sh, to OUT; above each of its set-up's commands the lines of templates/explain about
 * words that are new in it. */
void explain_add(struct text *out, const char *block);

#endif
