/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What each peer has sent and received since `up`, also by SAs that are gone, and when something
 * was received last.  The record of it stands in the run folder; whoever looks at the kernel brings
 * it up to date, before an SA is removed at the latest. */
#ifndef COUNTS_H
#define COUNTS_H

#include "kernel.h"
#include "page.h"
#include "section.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct count {
	uint64_t packets, bytes;
};

enum way { WAY_IN, WAY_OUT, WAYS };

/* An SA of the tunnel that was there when it was looked at last. */
struct counts_sa {
	size_t peer;
	enum way way;
	uint32_t spi;
	struct count count;
};

struct counts_peer {
	struct count gone[WAYS]; /* of SAs that are gone */
	time_t received;         /* seconds since 1970; 0: nothing yet */
};

struct counts {
	struct counts_peer *peers; /* the page's, in its order */
	size_t peer_count;
	struct counts_sa *sas; /* by peer */
	size_t sa_count;
};

/* What a look at the kernel needs. */
struct counts_look {
	const struct page *page;
	const struct section *section;
	const struct policy *policies; /* the page's */
	size_t policy_count;
	const struct kernel *kernel; /* states and policies */
	time_t now;
};

/* Takes the record's text, and empties it; lines that are not of this tunnel count as nothing. */
void counts_parse(struct counts *, const struct page *, char *text);
void counts_print(struct text *, const struct counts *, const struct page *);
/* Brings the record up to date. */
void counts_look(struct counts *, const struct counts_look *);
/* Of all SAs since `up`. */
struct count counts_total(const struct counts *, size_t peer, enum way);
void counts_free(struct counts *);

#endif
