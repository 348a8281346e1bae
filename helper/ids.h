/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The user and group to which a helper changes once it has opened what requires root. */
#ifndef IDS_H
#define IDS_H

#include <stdbool.h>
#include <sys/types.h>

struct ids {
	const char *text;   /* as typed; NULL: do not change */
	uid_t uid;
	gid_t gid;
};

/* Parses the argument of -u: UID or UID:GID, as numbers other than 0. GID defaults to UID. Returns
 * false after one line if it is invalid. */
bool ids_parse(struct ids *, const char *text);
/* Changes to them irreversibly: no identity, capability or set-user-id program restores root. If
 * that fails, ends the program with status 1. */
void ids_take(const struct ids *);

#endif
