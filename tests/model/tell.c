/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints sequences of steps. */
#include "world.h"

#include <err.h>
#include <stdio.h>

static const char *const event_names[EVENTS] = {
	[UP] = "up",
	[BARE_UP] = "bare-up",
	[DOWN] = "down",
	[REKEY] = "rekey",
	[MEND] = "mend",
	[STATUS] = "status",
	[CRASH] = "crash",
	[SEND] = "send",
	[SEND_LOST] = "send-lost",
	[SEND_LATE] = "send-late",
	[LATE] = "late",
};

static void tell_step(const struct side *s, const struct job *job, const struct job *then,
                      enum event verb)
{
	const int point = then->verb ? then->point : 0;

	switch (verbs[verb][point]) {
	case LOAD: printf("takes epoch %d after number %d\n", job->new.epoch, job->new.out); break;
	case READ: printf("reads\n"); break;
	case WRITE:
		printf("writes epoch %d, received %d, out %d\n", s->store.epoch, s->store.heard,
		       s->store.out);
		break;
	case SCRIPT:
	case FIRST: puts("writes the script"); break;
	case INBOUND: puts("adds the inbound SAs"); break;
	case OUTBOUND:
		printf("sends with epoch %d, after number %d\n", s->kernel.sends, s->kernel.out);
		break;
	case REMOVE: puts("removes past SAs"); break;
	case BLOCK: puts("ends sending"); break;
	case GONE: puts("removes the SAs"); break;
	case END: break;
	}
}

static void tell(const struct world *world, const struct world *before, int who, enum event event)
{
	const struct side *s = &world->side[who], *then = &before->side[who];
	bool recorder = event == GO_RECORDER || (event == STATUS && broken == UNLOCKED);
	const struct job *job = recorder ? &s->recorder : &s->job,
			 *job_then = recorder ? &then->recorder : &then->job;
	enum event verb = event < VERBS ? event : (enum event)job_then->verb;
	struct kernel kernel = before->side[event == SEND_OTHER ? 2 : peer_of(who)].kernel;

	printf("  %s", who == 2 ? "second a" : name_of(who));
	switch (event) {
	case CRASH: puts(" crashes"); return;
	case KILL: printf(": %s is killed\n", event_names[verb]); return;
	case FLUSH: puts(" loses its SAs"); return;
	case TEAR: puts(": the store is torn"); return;
	case LOSE: puts(": the store is lost"); return;
	case KEEP: puts(": a copy is kept"); return;
	case RESTORE: puts(": the copy is restored"); return;
	case SEND: case SEND_OTHER: case SEND_LOST: case SEND_LATE:
		printf(" sends %d of epoch %d: %s\n", s->kernel.out, s->kernel.sends,
		       event == SEND_LOST ? "lost" : event == SEND_LATE ? "late" :
		       takes(&kernel, s->kernel.sends, s->kernel.out) ? "received" : "refused");
		return;
	case LATE:
		printf("'s %d of epoch %d comes%s: %s\n", then->number, then->late,
		       then->phase == ON_ITS_WAY ? "" : " again",
		       takes(&kernel, then->late, then->number) ? "received" : "refused");
		return;
	default: break;
	}
	printf(": %s ", event_names[verb]);
	if (scene & WHOLE_VERBS)
		printf("to epoch %d, number %d\n", present(s), counts(s)->out);
	else
		tell_step(s, job, job_then, verb);
}
