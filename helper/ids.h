/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The user and group that a helper takes once it has what only root may open. */
#ifndef IDS_H
#define IDS_H

#include <stdbool.h>
#include <sys/types.h>

struct ids {
	const char *text;   /* as typed; NULL: stay who we are */
	uid_t uid;
	gid_t gid;
};

/* TEXT, of option -u, is UID or UID:GID in numbers, not root's; without GID it is UID.  False,
 * after one line, when it is not. */
bool ids_parse(struct ids *, const char *text);
/* Takes them for good: no identity, capability or set-user-id program leads back.  Ends the
 * program, status 1, when that fails. */
void ids_take(const struct ids *);

#endif
