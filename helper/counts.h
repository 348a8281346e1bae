/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Packets and bytes sent and received per peer since `up`, removed SAs included, and the time of
 * the last received packet. The record is in the run folder. Every process that reads the kernel's
 * SAs updates it, and it must be updated before an SA is removed. */
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

/* An SA of the tunnel that existed at the last update. */
struct counts_sa {
	size_t peer;
	enum way way;
	uint32_t spi;
	struct count count;
};

struct counts_peer {
	struct count gone[WAYS]; /* of removed SAs */
	time_t received;         /* seconds since 1970; 0: nothing yet */
};

struct counts {
	struct counts_peer *peers; /* the page's, in its order */
	size_t peer_count;
	struct counts_sa *sas; /* by peer */
	size_t sa_count;
};

/* The input of counts_look(). */
struct counts_look {
	const struct page *page;
	const struct section *section;
	const struct policy *policies; /* the page's */
	size_t policy_count;
	const struct kernel *kernel; /* states and policies */
	time_t now;
};

/* Parses the text of the record, and wipes it. Lines that do not belong to this tunnel are
 * ignored. */
void counts_parse(struct counts *, const struct page *, char *text);
void counts_print(struct text *, const struct counts *, const struct page *);
/* Updates the record. */
void counts_look(struct counts *, const struct counts_look *);
/* The total of all SAs since `up`. */
struct count counts_total(const struct counts *, size_t peer, enum way);
void counts_free(struct counts *);

#endif
