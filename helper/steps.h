/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Moves peers to their next epoch. Until the section is written, each step can be undone. */
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
	struct section states; /* only its states */
};

struct steps {
	struct before *before; /* one a peer */
	bool *fresh;           /* its outbound key was never used */
	bool any;
};

struct steps steps_begin(const struct section *);
/* Wipes and frees. */
void steps_free(struct steps *, const struct section *);
/* Moves the section to the peer's next epoch, if epoch_turn() allows it. */
enum epoch_turn steps_take(struct keep *, struct steps *, size_t peer);
void steps_take_back(struct keep *, struct steps *, size_t peer);
/* Undoes the step of a peer whose new SPI conflicts with another tool, because the kernel would
 * refuse the new SA. The kernel must have been read. */
void steps_undo_conflicts(struct keep *, struct steps *);

#endif
