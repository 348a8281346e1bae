/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The store: files with one section each, in a folder that only root or this user can change.  The
 * caller holds the tunnel's lock. */
#ifndef STORE_H
#define STORE_H

#include "page.h"
#include "section.h"

#include <stdbool.h>

enum store_state {
	STORE_GOOD,   /* the store's section is valid */
	STORE_OLDER,  /* the store's is good, but the script's was written more often, and is
	               * valid */
	STORE_ABSENT, /* there is none yet: the script's is valid */
	/* the rest after one line: no section may be used */
	STORE_LOST, /* it existed, but does not any more */
	STORE_TORN,
	STORE_FOREIGN,     /* another script's */
	STORE_UNSAFE,      /* others can change it, or it cannot be read */
	STORE_SCRIPT_TORN, /* the script's own section is torn, or foreign */
};

static inline bool store_is_usable(enum store_state state)
{
	return state <= STORE_ABSENT;
}

/* Returns $XFRMPAIR_STATE, or /var/lib/xfrmpair. */
const char *store_folder(void);
/* Reads the page's section from the folder: GOOD, ABSENT (without a message), TORN, FOREIGN or
 * UNSAFE. */
enum store_state store_read(struct section *, const struct page *, const char *folder);
/* Chooses between the store's section and the script's.  The section is empty if neither may be
 * used. */
enum store_state store_choose(struct section *, const struct page *, const char *folder);
/* Writes the section to the page's file in the folder, which it makes if it is missing.  The file
 * is the old one or the new one, whole and on the disk, whatever happens.  Returns false after one
 * line. */
bool store_write(const struct section *, const struct page *, const char *folder);
/* Replaces the section in the script at PATH, so that the script has no past secrets.  The rest of
 * the file, its owner and mode stay.  Returns false after one line; if the script is read-only,
 * only the first call prints it. */
bool script_rewrite(const struct section *, const char *path);

#endif
