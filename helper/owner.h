/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Finds the process that has a UDP port of this host. */
#ifndef OWNER_H
#define OWNER_H

#include "endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

struct owner {
	bool found;    /* the port is in use, on that address or on all */
	pid_t pid;     /* 0: not found */
	char name[16]; /* of its program */
};

struct owner owner_of(const struct endpoint *);

#endif
