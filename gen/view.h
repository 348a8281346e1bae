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
	const struct net *list;  /* the side's, or, in transport mode, the view's own HOST */
	size_t count;
};

struct view {
	const struct side *self, *other;
	struct endpoint self_outer;   /* own LOCAL: the SA's address and encapsulation port here */
	struct endpoint other_outer;  /* where packets for the other go, and where its packets come from */
	bool lan;                     /* both are behind one NAT, and that is not between them */
	struct net self_host, other_host;
	struct nets self_nets, other_nets; /* what the policies protect; in transport mode the outer addresses */
	const struct sa *in, *out;
	uint32_t reqid;
};

/* Into *VIEW, which must stay where it is. */
void view_of(struct view *, const struct tunnel *, size_t self, size_t other);

/* What a side's script is about, as bits: by them the parts of its program are chosen. */
enum shape {
	SHAPE_TUNNEL = 1 << 0,      /* tunnel mode */
	SHAPE_ENCAP = 1 << 1,       /* in UDP */
	SHAPE_PUNCHES = 1 << 2,     /* in UDP, to one peer: to be waited for */
	SHAPE_INTERFACE = 1 << 3,
	SHAPE_ADDRESS = 1 << 4,     /* an address inside that this host is to have */
	SHAPE_NEIGHBOURS = 1 << 5,  /* another side protects everything */
	SHAPE_FORWARDS = 1 << 6,    /* hosts behind this one */
	SHAPE_CLAMP = 1 << 7,
	SHAPE_GUARD = 1 << 9,
	SHAPE_EXCHANGED = 1 << 10,  /* keys follow from public keys: there is a fingerprint */
	SHAPE_SITE = 1 << 8,        /* more than the hosts' own addresses: routes, NAT and MTU matter */
};
unsigned view_shape(const struct tunnel *, size_t self);

/* The sides as people and `ip` write them, printed once for all views: a mesh has its sides' number squared of those. */
struct texts;
struct texts *texts_new(const struct tunnel *);
/* Takes NULL. */
void texts_free(struct texts *);

/* What all templates say of the run: version, digest, names. */
void view_describe_run(struct scope *, const struct tunnel *);
/* All that the templates say of side SELF, but for what is of the script as a file; free it with scope_free(), before TEXTS. */
struct scope *view_describe(const struct tunnel *, const struct texts *, size_t self);

#endif
