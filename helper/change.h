/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Compares what the section and the page require with what the kernel has, and writes the `ip
 * -batch` text that makes up the difference. Pure: nothing is read or changed. */
#ifndef CHANGE_H
#define CHANGE_H

#include "kernel.h"
#include "section.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>

/* An object of another tool that prevents the SAs or policies of a peer. */
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
	/* The outbound SA is added or replaced. Unless its key is new, its sequence numbers must
	 * first be moved on by epoch_start(). */
	bool outbound_added;
	/* SAs with a limit that no longer exist: they reached the limit, so they are not added
	 * again with the same key. */
	unsigned states_spent;
};

struct change {
	const struct section *wanted; /* its states */
	/* The required policies. A pinned SPI is that of the peer's outbound state. */
	const struct policy *policies;
	size_t policy_count;
	const struct kernel *kernel;
	const bool
		*fresh; /* for each peer, whether it just got the keys of its next epoch; NULL: none
		         * did */

	/* The result; change_free() frees it. */
	struct change_peer *peers; /* as many as WANTED has */
	size_t conflict_count;     /* peers in conflict, for which the batch contains nothing */
	struct text batch;         /* has keys; empty: nothing differs */
};

/* Make before break: inbound SAs and then the outbound one of each peer, then policies, then the
 * deletion of superfluous SAs with a peer's reqid. Objects with another reqid or index are never
 * touched. */
void change_plan(struct change *);
/* Prints, for each peer in conflict, the object that conflicts, and the SAs that reached a
 * limit. */
void change_report(const struct change *);
void change_free(struct change *);
/* Add the row that deletes it. */
void change_delete_state(struct text *, const struct kernel_state *);
void change_delete_policy(struct text *, const struct policy *);

#endif
