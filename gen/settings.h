/* What the options say of the tunnel. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "options.h"
#include "tunnel.h"

#include <stdbool.h>

/* Takes one option that was given into the tunnel; one that is about something else is passed over.  False after one line. */
bool settings_take(struct tunnel *, const struct options *, enum option_index);
/* Takes all that were given. */
bool settings_take_all(struct tunnel *, const struct options *);
/* What is left to do when all were taken: the defaults, and, one line each, what cannot be together. */
bool settings_complete(struct tunnel *, const struct options *);

#endif
