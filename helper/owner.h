/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Which process has a UDP port of this host. */
#ifndef OWNER_H
#define OWNER_H

#include "endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

struct owner {
	bool found;    /* somebody has the port, on that address or on all */
	pid_t pid;     /* 0: not to be found out */
	char name[16]; /* of its program */
};

struct owner owner_of(const struct endpoint *);

#endif
