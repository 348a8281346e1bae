/* SPDX-License-Identifier: ISC */
/* The default router, as the kernel would take it. */
#ifndef ROUTE_H
#define ROUTE_H

#include "endpoint.h"

struct route {
	struct address router;
	struct address local;     /* where what goes there comes from */
	unsigned interface;       /* through this one, by number */
};

/* Of FAMILY, for what is sent from LOCAL where that is an address; 0, or an errno.  A way without a
 * router leaves route.router without family. */
int route_find(struct route *, sa_family_t family, const struct address *local);

#endif
