/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Decides what `follow` does next, and when. Pure: events and the time go in, one step comes out.
 * Time is in seconds of a monotonic clock. */
#ifndef TICK_H
#define TICK_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TICK_LOOKS = 20,   /* seconds between two reads of the kernel, a keepalive interval */
	TICK_RECORDS = 60, /* ... between two records of sequence numbers in the store */
	TICK_REKEYS = 3600,
	TICK_QUIET = 120, /* without a packet from a peer: then look up its name, at this
	                   * interval */
	TICK_SETTLES = 1, /* delay after a change that the kernel announces */
	TICK_MENDS = 5,   /* least interval between two mends */
	TICK_PAUSE_MOST = 3600, /* longest pause after a failure */
	TICK_LOOK_PAUSE_MOST = 300,
	TICK_RETRIES = 1,       /* while another process holds the lock */
	TICK_MAP_RETRIES = 180, /* if the router does not answer */
};

struct tick_peer {
	bool named;                /* it has a DNS name ... */
	uint16_t named_port;       /* ... and this port, whatever its packets' source port is */
	struct endpoint there;     /* where packets for it go */
	uint64_t received, sent;   /* packets of its SAs, at the last look */
	double received_at;        /* when the first rose last */
	struct endpoint announced; /* new source of authenticated packets; no address: none */
	double moved_at;
	struct address found;    /* the new address of its name; no address: none */
	struct address believed; /* the last address that was accepted */
	double asked_at;         /* when the last lookup of its name started */
};

struct tick {
	struct tick_peer *peers;
	size_t peer_count;
	bool automatic; /* the local address is the source of the route to the first peer */
	bool maps;      /* `up --map`: the port mapping must be renewed */
	bool over;      /* a signal came, or the tunnel is down */
	struct address here;  /* in use */
	bool here_gone;       /* the host no longer has it */
	struct address local; /* the route's source; no address: no route */
	bool busy;            /* there was traffic since the last record */
	bool changed;      /* the kernel announced changes that were not handled yet ... */
	double changed_at; /* ... since this time */
	double looked_at, mended_at, recorded_at, rekeyed_at;
	/* Pauses until the next of each; they grow after failures. */
	double look_pause, mend_pause;
	bool mend_failed; /* the last one did */
	double map_at; /* when to renew the port mapping */
	double retry_at;
};

enum tick_action {
	TICK_WAIT, /* nothing to do until the step's time */
	TICK_END,
	TICK_LOOK,      /* read the kernel: tick_look() */
	TICK_MOVE_PEER, /* to the announced endpoint */
	TICK_MOVE_NAME, /* to the address of its name */
	TICK_MOVE_SELF, /* to the present local address */
	TICK_MEND,
	TICK_RECORD,
	TICK_REKEY,
	TICK_RESOLVE,
	TICK_MAP,
};

struct tick_step {
	enum tick_action action;
	size_t peer;  /* of those about a peer */
	double until; /* TICK_WAIT */
};

enum tick_outcome {
	TICK_DONE,
	TICK_BUSY,   /* another process holds the lock: retry the step */
	TICK_FAILED, /* after a line that says why */
};

/* Starts at NOW. The peers' endpoints are filled in; nothing has been received. */
void tick_begin(struct tick *, double now);
struct tick_step tick_next(const struct tick *, double now);
/* Records that the step was performed. */
void tick_did(struct tick *, const struct tick_step *, double now, enum tick_outcome);

/* Events. This one: packets counted by a peer's present SAs. */
void tick_look(struct tick *, double now, size_t peer, uint64_t received, uint64_t sent);
void tick_announce(struct tick *, size_t peer, const struct endpoint *);
void tick_change(struct tick *, double now);
void tick_local(struct tick *, bool here_gone, const struct address *local);
void tick_found(struct tick *, size_t peer, const struct address *);
/* The router mapped the port for LEASE seconds; 0: it did not answer. */
void tick_mapped(struct tick *, double now, unsigned lease);

#endif
