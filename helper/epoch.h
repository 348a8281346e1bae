/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Epochs: which keys a pair has, when it may use the next ones, and its sequence numbers. All
 * functions are pure: they read and change only a section. (The rules and their reasons are in
 * xfrmkeep(8), EPOCHS.)
 *
 * A side in epoch n sends with n and has inbound rows of n-1 (until the peer was received with n),
 * n and n+1; the section's secret is that of n+1.  It goes to n+1 once the peer was received with n
 * or n+1: then the peer has n+1 installed too.  So the two are never more than one apart. */
#ifndef EPOCH_H
#define EPOCH_H

#include "section.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EPOCH_FIRST = 1,
	EPOCH_SPI_LEAST = 0x100,  /* RFC 4303, section 2.1: 1 to 255 are reserved */
};

/* Each start moves the sequence number on by this many, because a process that ended without a
 * record may have used them. (Tests make it small.) */
#ifndef EPOCH_MARGIN
#define EPOCH_MARGIN (UINT64_C(1) << 26)
#endif

/* SHA-256("xfrmpair next SECRET\n"), with SECRET in hexadecimal: the secret of the next epoch. */
void epoch_next(unsigned char secret[SECTION_SECRET]);
/* SHA-256("xfrmpair punch SECRET\n") of the first secret. */
void epoch_token(unsigned char token[SECTION_SECRET], const unsigned char secret[SECTION_SECRET]);
/* Sets SPI and key of the direction FROM to TO, for the state's cipher, from the joined blocks
 * SHA-256("xfrmpair key FROM TO I SECRET\n") for I from 1 on: the key, then four bytes of SPI. */
void epoch_derive(struct state *, const char *from, const char *to,
                  const unsigned char secret[SECTION_SECRET]);

/* What the kernel says about one of the section's states. */
struct epoch_seen {
	bool present;
	/* Outbound: the number sent last.  Inbound: the highest number received, which is that of
	 * the highest bit in the replay window.  (The window's top would do, but after a start it
	 * is up to a window higher, and after the next one that many packets are refused.) */
	uint64_t sequence;
	uint64_t packets;         /* that passed; inbound ones were authenticated */
};

/* Updates the section from what the kernel has of each of its states, in their order: the sequence
 * numbers, which never decrease, and the highest epoch received. An inbound number is recorded one
 * replay window higher, so that the next SA drops every packet that this one accepted. */
void epoch_tally(struct section *, const struct epoch_seen *);

enum epoch_turn {
	EPOCH_TURNED,       /* the peer is in the next epoch */
	EPOCH_NOT_HEARD,    /* nothing was received from the peer yet: nothing changes */
	EPOCH_NOT_FOLLOWED, /* the peer sends with the epoch before: nothing changes */
	EPOCH_FIXED,        /* the keys are fixed */
	EPOCH_SPI_TAKEN,    /* another state has its SPI: nothing changes until that is gone */
};

/* Moves the peer to the next epoch, if that is allowed: the outbound state gets that epoch's key
 * and number 0, and an inbound state of the epoch after it is added. NAME is this side's. */
enum epoch_turn epoch_turn(struct section *, size_t peer, const char *name);
/* Removes the inbound states with which the peer can no longer send. Returns true if there were
 * any. */
bool epoch_forget(struct section *, size_t peer);
/* For an outbound SA that is added again with the present key, at `up` or because another program
 * removed it: moves its number on by EPOCH_MARGIN. Write the section before the SA sends. Returns
 * how many such starts are left, this one included (at most UINT32_MAX). 0: the SA must not send;
 * its number is then the last one, with which the kernel sends nothing. */
uint32_t epoch_start(struct section *, size_t peer);
/* The present epoch: that of the outbound state. */
uint32_t epoch_present(const struct section *, size_t peer);

#endif
