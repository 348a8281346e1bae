/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* DNS lookups with a deadline. The system's resolver has its own, much longer timeout, so a child
 * process asks it. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "endpoint.h"
#include "ids.h"

enum { NAME_MOST = 253 };

#define NO_NAME_SERVER "no name server answers"

struct found {
	struct address address;      /* no family: none */
	bool again;                  /* no name server answered */
};

/* Whether the first LENGTH bytes of TEXT can be a name, and no address. */
bool lookup_is_name(const char *text, size_t length);
/* Starts a lookup of NAME as user IDS, for at most LEFT_MS. Returns the descriptor with the answer,
 * or -1 with errno. */
int lookup_start(const char *name, sa_family_t family, int64_t left_ms, const struct ids *ids);
/* Waits for the answer, and closes FILE. */
struct found lookup_end(int file);

#endif
