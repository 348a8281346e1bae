/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "tick.h"

/* ---- What was seen ---- */

void tick_begin(struct tick *tick, double now)
{
	for (size_t i = 0; i < tick->peer_count; i++) {
		tick->peers[i].received_at = now;
		tick->peers[i].asked_at = now;
		tick->peers[i].moved_at = now - TICK_SETTLES;
		tick->peers[i].believed = tick->peers[i].there.address;
	}
	tick->looked_at = now - TICK_LOOKS;
	tick->mended_at = tick->recorded_at = tick->rekeyed_at = tick->map_at = tick->retry_at =
		now;
	tick->look_pause = tick->mend_pause = TICK_LOOKS;
	tick->changed = false;
}

void tick_look(struct tick *tick, double now, size_t index, uint64_t received, uint64_t sent)
{
	struct tick_peer *peer = &tick->peers[index];

	/* The count decreases when an SA is removed. */
	if (received > peer->received)
		peer->received_at = now;
	tick->busy |= received != peer->received || sent != peer->sent;
	peer->received = received;
	peer->sent = sent;
}

void tick_announce(struct tick *tick, size_t peer, const struct endpoint *from)
{
	tick->peers[peer].announced = *from;
}

void tick_change(struct tick *tick, double now)
{
	if (!tick->changed)
		tick->changed_at = now;
	tick->changed = true;
}

void tick_local(struct tick *tick, bool here_gone, const struct address *local)
{
	tick->here_gone = here_gone;
	tick->local = *local;
}

/* An unchanged address of a name is ignored, because packets may have come from another address
 * since. */
void tick_found(struct tick *tick, size_t index, const struct address *address)
{
	struct tick_peer *peer = &tick->peers[index];

	if (address_equal(address, &peer->there.address))
		peer->believed = *address;
	else if (!address_equal(address, &peer->believed))
		peer->found = *address;
}

void tick_mapped(struct tick *tick, double now, unsigned lease)
{
	tick->map_at = now + (lease ? lease / 2.0 : TICK_MAP_RETRIES);
}

/* ---- What to do ---- */

static bool is_quiet(const struct tick_peer *peer, double now)
{
	return now - peer->received_at >= TICK_QUIET;
}

/* Nothing was received from any peer. */
static bool all_are_quiet(const struct tick *tick, double now)
{
	for (size_t i = 0; i < tick->peer_count; i++)
		if (!is_quiet(&tick->peers[i], now))
			return false;
	return true;
}

static bool is_elsewhere(const struct tick_peer *peer)
{
	return peer->announced.address.family && !endpoint_equal(&peer->announced, &peer->there);
}

static bool has_moved(const struct tick *tick, double now)
{
	return tick->automatic && tick->local.family && !address_equal(&tick->local, &tick->here) &&
	       (tick->here_gone || all_are_quiet(tick, now));
}

/* Sets *UNTIL to TIME if that is earlier. */
static void by(double *until, double time)
{
	if (time < *until)
		*until = time;
}

/* The time for mend after a change. */
static double mend_time(const struct tick *tick)
{
	const double pause = tick->mend_failed ? tick->mend_pause : TICK_MENDS;
	const double settled = tick->changed_at + TICK_SETTLES, next = tick->mended_at + pause;

	return settled > next ? settled : next;
}

static bool find_move(const struct tick *tick, double now, struct tick_step *step)
{
	for (size_t i = 0; i < tick->peer_count; i++) {
		const struct tick_peer *peer = &tick->peers[i];

		step->peer = i;
		if (is_elsewhere(peer)) {
			step->action = TICK_MOVE_PEER;
			if (now >= peer->moved_at + TICK_SETTLES)
				return true;
			by(&step->until, peer->moved_at + TICK_SETTLES);
		} else if (peer->found.family) {
			step->action = TICK_MOVE_NAME;
			return true;
		}
	}
	step->action = TICK_MOVE_SELF;
	return has_moved(tick, now);
}

static bool find_name(const struct tick *tick, double now, struct tick_step *step)
{
	for (size_t i = 0; i < tick->peer_count; i++) {
		const struct tick_peer *peer = &tick->peers[i];

		if (!peer->named)
			continue;
		step->peer = i;
		if (is_quiet(peer, now) && now >= peer->asked_at + TICK_QUIET)
			return true;
	}
	return false;
}

static bool is_due(double *until, double time, double now)
{
	by(until, time);
	return now >= time;
}

static bool find_work(const struct tick *tick, double now, struct tick_step *step)
{
	double *until = &step->until;

	step->action = TICK_LOOK;
	if (is_due(until, tick->looked_at + tick->look_pause, now) ||
	    (tick->changed && tick->looked_at < tick->changed_at + TICK_SETTLES &&
	     is_due(until, tick->changed_at + TICK_SETTLES, now)))
		return true;
	step->action = TICK_MEND;
	if ((tick->changed && is_due(until, mend_time(tick), now)) ||
	    is_due(until, tick->mended_at + tick->mend_pause, now))
		return true;
	step->action = TICK_RECORD;
	if (tick->busy && is_due(until, tick->recorded_at + TICK_RECORDS, now))
		return true;
	step->action = TICK_REKEY;
	if (is_due(until, tick->rekeyed_at + TICK_REKEYS, now))
		return true;
	step->action = TICK_MAP;
	if (tick->maps && is_due(until, tick->map_at, now))
		return true;
	step->action = TICK_RESOLVE;
	return find_name(tick, now, step);
}

struct tick_step tick_next(const struct tick *tick, double now)
{
	struct tick_step step = { .until = now + TICK_LOOKS };

	if (tick->over)
		return (struct tick_step){ .action = TICK_END };
	if (now < tick->retry_at)
		return (struct tick_step){ .action = TICK_WAIT, .until = tick->retry_at };
	if (find_move(tick, now, &step) || find_work(tick, now, &step))
		return step;
	step.action = TICK_WAIT;
	return step;
}

/* ---- What was done ---- */

/* Pauses grow while it fails. */
static double pause_after(double pause, enum tick_outcome outcome, double most)
{
	if (outcome == TICK_DONE)
		return TICK_LOOKS;
	return 2 * pause < most ? 2 * pause : most;
}

static void did_look(struct tick *tick, double now, enum tick_outcome outcome)
{
	tick->looked_at = now;
	tick->look_pause = pause_after(tick->look_pause, outcome, TICK_LOOK_PAUSE_MOST);
	/* The router may have restarted. */
	if (tick->maps && all_are_quiet(tick, now) && tick->map_at > now + TICK_QUIET)
		tick->map_at = now + TICK_QUIET;
}

static void did_mend(struct tick *tick, double now, enum tick_outcome outcome)
{
	tick->mended_at = now;
	tick->changed = false;
	/* The state may have changed between reading and using it, so the first retry is soon. */
	if (outcome == TICK_FAILED && !tick->mend_failed)
		tick->mend_pause = TICK_MENDS;
	else
		tick->mend_pause = pause_after(tick->mend_pause, outcome, TICK_PAUSE_MOST);
	tick->mend_failed = outcome == TICK_FAILED;
}

static bool is_move(enum tick_action action)
{
	return action == TICK_MOVE_PEER || action == TICK_MOVE_NAME || action == TICK_MOVE_SELF;
}

void tick_did(struct tick *tick, const struct tick_step *step, double now,
              enum tick_outcome outcome)
{
	struct tick_peer *peer = step->peer < tick->peer_count ? &tick->peers[step->peer] : NULL;

	if (outcome == TICK_BUSY || (outcome == TICK_FAILED && is_move(step->action))) {
		tick->retry_at = now + (outcome == TICK_BUSY ? TICK_RETRIES : TICK_LOOKS);
		return;
	}
	switch (step->action) {
	case TICK_WAIT:
	case TICK_END:
		break;
	case TICK_LOOK:
		did_look(tick, now, outcome);
		break;
	case TICK_MOVE_PEER:
		peer->there = peer->announced;
		peer->announced = (struct endpoint){ .port = 0 };
		peer->found = (struct address){ .family = AF_UNSPEC };
		peer->moved_at = now;
		break;
	case TICK_MOVE_NAME:
		peer->there = (struct endpoint){ peer->found, peer->named_port };
		peer->believed = peer->found;
		peer->found = (struct address){ .family = AF_UNSPEC };
		break;
	case TICK_MOVE_SELF:
		tick->here = tick->local;
		tick->here_gone = false;
		tick->map_at = now;
		break;
	case TICK_MEND:
		did_mend(tick, now, outcome);
		break;
	case TICK_RECORD:
		tick->recorded_at = now;
		tick->busy = false;
		break;
	case TICK_REKEY:
		tick->rekeyed_at = now;
		break;
	case TICK_RESOLVE:
		peer->asked_at = now;
		break;
	case TICK_MAP:
		tick_mapped(tick, now, 0);
		break;
	}
}
