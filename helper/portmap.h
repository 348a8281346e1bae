/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* How natprobe is asked to have the router map the tunnel's port. */
#ifndef PORTMAP_H
#define PORTMAP_H

#include "endpoint.h"
#include "keep.h"

enum { PORTMAP_END = 80 };

struct portmap {
	char here[ADDRESS_TEXT], port[8], option[16];
	const char *arguments[9]; /* they point into this struct */
};

/* The port outside that the other sides have: the page's, or this side's own. */
unsigned portmap_outside(const struct page *);
/* Fills in what asks for the section's local address. */
void portmap_fill(struct portmap *, const struct keep *);
/* The arguments that give the port back, in OUT, which is returned. */
const char *portmap_end(char out[PORTMAP_END], const struct keep *);

#endif
