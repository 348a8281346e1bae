/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The arguments with which natprobe maps the tunnel's port on the router. */
#ifndef PORTMAP_H
#define PORTMAP_H

#include "endpoint.h"
#include "keep.h"

enum { PORTMAP_END = 80 };

struct portmap {
	char here[ADDRESS_TEXT], port[8], option[16];
	const char *arguments[9]; /* they point into this struct */
};

/* The external port that the other sides use: the page's, or this side's own. */
unsigned portmap_outside(const struct page *);
/* Fills in the arguments for the section's local address. */
void portmap_fill(struct portmap *, const struct keep *);
/* Prints the arguments that remove the mapping. Returns OUT. */
const char *portmap_end(char out[PORTMAP_END], const struct keep *);

#endif
