/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Finds the default router that the kernel would use. */
#ifndef ROUTE_H
#define ROUTE_H

#include "endpoint.h"

struct route {
	struct address router;
	struct address local;     /* the source address of packets to it */
	unsigned interface;       /* the index of the device */
};

/* Finds the route to TO, or the default route of FAMILY if TO is NULL, for packets from LOCAL if it
 * is an address. Returns 0 or an errno. If the route has no router, route.router has no family. */
int route_find(struct route *, sa_family_t family, const struct address *local,
               const struct address *to);

#endif
