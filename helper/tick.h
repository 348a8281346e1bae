/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What `follow` does next, and when.  Pure: what was seen goes in, with the time, and one step
 * comes out; the time is in seconds of a clock that never goes back. */
#ifndef TICK_H
#define TICK_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TICK_LOOKS = 20,   /* seconds from one look at the kernel to the next, a keepalive's time */
	TICK_RECORDS = 60, /* ... from one record of numbers in the store to the next */
	TICK_REKEYS = 3600,
	TICK_QUIET = 120, /* without a packet from a peer: then its name is looked up, so often */
	TICK_SETTLES = 1, /* from a change that the kernel announces to what is done about it */
	TICK_MENDS = 5,   /* ... at most so often */
	TICK_PAUSE_MOST = 3600, /* from one try that fails to the next */
	TICK_LOOK_PAUSE_MOST = 300,
	TICK_RETRIES = 1,       /* while another process is at work on the tunnel */
	TICK_MAP_RETRIES = 180, /* when the router does not answer */
};

struct tick_peer {
	bool named;                /* it is given by a name ... */
	uint16_t named_port;       /* ... and this port, whatever port it was received from */
	struct endpoint there;     /* where packets for it go */
	uint64_t received, sent;   /* packets of its SAs, at the last look */
	double received_at;        /* when the first rose last */
	struct endpoint announced; /* authenticated packets came from there; no address: no news */
	double moved_at;
	struct address found;    /* its name is there now; no address: no news */
	struct address believed; /* ... and was there when it was believed last */
	double asked_at;         /* when its name was looked up last, or is being looked up */
};

struct tick {
	struct tick_peer *peers;
	size_t peer_count;
	bool automatic; /* the local address is what the route to the first peer has */
	bool maps;      /* `up --map`: the router's port mapping ends unless it is asked again */
	bool over;      /* a signal came, or the tunnel is down */
	struct address here;  /* in use */
	bool here_gone;       /* it is no address of this host any more */
	struct address local; /* that the route has; no address: there is no route */
	bool busy;            /* something has passed since the last record */
	bool changed;      /* the kernel announced changes about which nothing was done yet ... */
	double changed_at; /* ... the first of them then */
	double looked_at, mended_at, recorded_at, rekeyed_at;
	/* Until the next of each; they grow while it fails. */
	double look_pause, mend_pause;
	bool mend_failed; /* the last one did */
	double map_at; /* when the router is to be asked */
	double retry_at;
};

enum tick_action {
	TICK_WAIT, /* nothing to do until the step's time */
	TICK_END,
	TICK_LOOK,      /* read the kernel: tick_look() */
	TICK_MOVE_PEER, /* to what was announced */
	TICK_MOVE_NAME, /* to what its name says */
	TICK_MOVE_SELF, /* to the local address of now */
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
	TICK_BUSY,   /* another process is at work on the tunnel: the step is due again */
	TICK_FAILED, /* after a line that says why */
};

/* At NOW, the peers' ends filled in; nothing has been received. */
void tick_begin(struct tick *, double now);
struct tick_step tick_next(const struct tick *, double now);
/* The step was taken. */
void tick_did(struct tick *, const struct tick_step *, double now, enum tick_outcome);

/* What was seen: packets of a peer's present SAs. */
void tick_look(struct tick *, double now, size_t peer, uint64_t received, uint64_t sent);
void tick_announce(struct tick *, size_t peer, const struct endpoint *);
void tick_change(struct tick *, double now);
void tick_local(struct tick *, bool here_gone, const struct address *local);
void tick_found(struct tick *, size_t peer, const struct address *);
/* The router gave the port for so many seconds; 0: it did not answer. */
void tick_mapped(struct tick *, double now, unsigned lease);

#endif
