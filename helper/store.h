/* SPDX-License-Identifier: ISC */
/* The store: files that hold sections, one a tunnel, in a folder that only this user, or root, can
 * change. Whoever calls this holds the tunnel's lock. */
#ifndef STORE_H
#define STORE_H

#include "page.h"
#include "section.h"

#include <stdbool.h>

enum store_state {
	STORE_GOOD,   /* the store's section counts */
	STORE_OLDER,  /* it is good, but the script's was written more often, and counts */
	STORE_ABSENT, /* there is none yet: the script's counts */
	/* the rest after one line: no section may be used */
	STORE_LOST, /* there is none any more */
	STORE_TORN,
	STORE_FOREIGN,     /* another script's */
	STORE_UNSAFE,      /* others can change it, or it cannot be read */
	STORE_SCRIPT_TORN, /* the script's own section is torn, or foreign */
};

static inline bool store_is_usable(enum store_state state)
{
	return state <= STORE_ABSENT;
}

/* $XFRMPAIR_STATE, or /var/lib/xfrmpair. */
const char *store_folder(void);
/* Reads the page's section from the folder: GOOD, ABSENT (in silence), TORN, FOREIGN or UNSAFE. */
enum store_state store_read(struct section *, const struct page *, const char *folder);
/* Chooses between the store's section and that of the script; one that may not be used is empty. */
enum store_state store_choose(struct section *, const struct page *, const char *folder);
/* Writes the section to the page's file in the folder, which is made if it is missing.  The file is
 * the old one or the new one, whole and on the disk, whatever happens.  False after one line. */
bool store_write(const struct section *, const struct page *, const char *folder);
/* Puts the section in place of that in the script at PATH, so that this has no past secrets; the
 * rest of the file, its owner and mode stay.  False after one line, which is said once for a script
 * that is read-only. */
bool script_rewrite(const struct section *, const char *path);

#endif
