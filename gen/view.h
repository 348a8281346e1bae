/* One side's view of the tunnel: what stands on the other side of every mirror.  All mirroring of
 * the project happens in view_of(): a side receives with what is its own, and sends with what is
 * the other's. */
#ifndef VIEW_H
#define VIEW_H

#include "template.h"
#include "tunnel.h"

#include <stddef.h>
#include <stdint.h>

struct nets {
	struct prefix list[NETS_MOST];
	size_t count;
};

struct view {
	const struct side *self, *other;
	struct endpoint self_outer;   /* own LOCAL: the SA's address and encapsulation port here */
	struct endpoint other_outer;  /* where packets for the other go, and where its packets come from */
	struct nets self_nets, other_nets; /* what the policies protect; in transport mode the outer addresses */
	const struct sa *in, *out;
	uint32_t reqid;
};

struct view view_of(const struct tunnel *, size_t self, size_t other);

/* All that the templates say of side SELF; free it with scope_free(). */
struct scope *view_describe(const struct tunnel *, size_t self);

#endif
