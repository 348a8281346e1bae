/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* From what the section and the page want and what the kernel has to the text for `ip -batch` that
 * makes one of the other.  Pure: nothing is read or changed. */
#ifndef CHANGE_H
#define CHANGE_H

#include "kernel.h"
#include "section.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>

/* What of another tool's is in the way of a peer. */
enum conflict {
	CONFLICT_NONE,
	CONFLICT_STATE,  /* an SA of another reqid has our destination and SPI */
	CONFLICT_POLICY, /* a policy that is not ours has our selector */
	CONFLICT_INDEX,  /* a policy that is not ours has our index */
};

struct change_peer {
	enum conflict conflict;
	struct address dst; /* CONFLICT_STATE: of that SA */
	uint32_t spi;
	struct policy policy; /* CONFLICT_POLICY, CONFLICT_INDEX: our policy */
	/* How many of each the batch has. */
	unsigned states_added, states_updated, states_removed;
	unsigned policies_added, policies_updated, policies_removed;
	/* The outbound SA is added, or replaced: unless its key is fresh, its numbers must go on
	 * far enough (epoch_start()). */
	bool outbound_added;
	/* SAs with a limit that are gone: they have reached it, and are not begun anew with the
	 * same key. */
	unsigned states_spent;
};

struct change {
	const struct section *wanted; /* its states */
	/* As they shall be.  A pinned SPI is that of the peer's outbound state. */
	const struct policy *policies;
	size_t policy_count;
	const struct kernel *kernel;
	const bool
		*fresh; /* for each peer: it has just got keys of its next epoch; NULL: none has */

	/* The result; change_free() frees it. */
	struct change_peer *peers; /* as many as WANTED has */
	size_t conflict_count;     /* peers in conflict: for them the batch has nothing */
	struct text batch;         /* has keys; empty: nothing differs */
};

/* Make before break: inbound SAs and then the outbound one of each peer, then policies, then the
 * deletion of SAs that have a peer's reqid and are not wanted.  What has another reqid, or another
 * index, is never touched. */
void change_plan(struct change *);
/* Says in a line for each peer in conflict what is in the way, and which SAs have reached a limit.
 */
void change_report(const struct change *);
void change_free(struct change *);
/* Add the row that deletes it. */
void change_delete_state(struct text *, const struct kernel_state *);
void change_delete_policy(struct text *, const struct policy *);

#endif
