/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Steps of peers to their next epoch, before anything is written: each can be taken back. */
#ifndef STEPS_H
#define STEPS_H

#include "epoch.h"
#include "keep.h"

#include <stdbool.h>
#include <stddef.h>

/* A peer as it was before its step. */
struct before {
	bool stepped;
	struct section_peer peer;
	struct section states; /* its states alone */
};

struct steps {
	struct before *before; /* one a peer */
	bool *fresh;           /* its outbound key was never used */
	bool any;
};

struct steps steps_begin(const struct section *);
/* Wipes and frees. */
void steps_free(struct steps *, const struct section *);
/* Brings the section to the peer's next epoch, if epoch_turn() lets it. */
enum epoch_turn steps_take(struct keep *, struct steps *, size_t peer);
void steps_take_back(struct keep *, struct steps *, size_t peer);
/* What another tool has in the way of new keys keeps the old ones: otherwise this side would go on
 * to an SPI that the kernel does not have.  The kernel must have been looked at. */
void steps_undo_conflicts(struct keep *, struct steps *);

#endif
