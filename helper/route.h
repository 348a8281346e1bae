/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The default router, as the kernel would take it. */
#ifndef ROUTE_H
#define ROUTE_H

#include "endpoint.h"

struct route {
	struct address router;
	struct address local;     /* where what goes there comes from */
	unsigned interface;       /* through this one, by number */
};

/* The way to TO, or the default one of FAMILY if TO is NULL, for what is sent from LOCAL where that is
 * an address; 0, or an errno.  A way without a router leaves route.router without family. */
int route_find(struct route *, sa_family_t family, const struct address *local,
               const struct address *to);

#endif
