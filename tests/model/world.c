/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The possible events: steps of the verbs, packets, exits and crashes. */
#include "world.h"

#include "../../helper/epoch.h"

#include <stdlib.h>
#include <string.h>

/* ---- Verbs are rows of steps ---- */

enum step { END, LOAD, READ, WRITE, SCRIPT, FIRST, INBOUND, OUTBOUND, REMOVE, BLOCK, GONE };

/* LOAD is `begin` for an up, READ the look at the kernel of all that xfrmkeep does.  A bare up is
 * that of a script alone.  FIRST is SCRIPT for an up without a store: a script that was written, and
 * has no store, is taken for one whose store is lost.  A mend is also a second up, and what follow
 * does between two steps.  A down that records nothing is a crash to all but the policies. */
static enum step verbs[VERBS][8] = {
	[UP] = { LOAD, SCRIPT, WRITE, FIRST, INBOUND, OUTBOUND },
	[BARE_UP] = { LOAD, SCRIPT, WRITE, FIRST, INBOUND, OUTBOUND },
	[DOWN] = { BLOCK, READ, WRITE, GONE },
	[REKEY] = { READ, SCRIPT, WRITE, INBOUND, OUTBOUND, REMOVE },
	[MEND] = { READ, SCRIPT, WRITE, INBOUND, OUTBOUND, REMOVE },
	[STATUS] = { READ, WRITE },
};

static const struct { enum rule rule; enum event verb; enum step steps[8]; } other_orders[] = {
	{ UP_LATE, UP, { LOAD, INBOUND, OUTBOUND, SCRIPT, WRITE, FIRST } },
	{ REKEY_LATE, REKEY, { READ, INBOUND, OUTBOUND, SCRIPT, WRITE, REMOVE } },
	{ REKEY_LATE, MEND, { READ, INBOUND, OUTBOUND, SCRIPT, WRITE, REMOVE } },
	{ OUTBOUND_FIRST, REKEY, { READ, SCRIPT, WRITE, OUTBOUND, INBOUND, REMOVE } },
	{ OUTBOUND_FIRST, MEND, { READ, SCRIPT, WRITE, OUTBOUND, INBOUND, REMOVE } },
	{ SCRIPT_SECOND, UP, { LOAD, WRITE, SCRIPT, FIRST, INBOUND, OUTBOUND } },
	{ SCRIPT_SECOND, BARE_UP, { LOAD, WRITE, SCRIPT, FIRST, INBOUND, OUTBOUND } },
	{ SCRIPT_SECOND, REKEY, { READ, WRITE, SCRIPT, INBOUND, OUTBOUND, REMOVE } },
	{ SCRIPT_SECOND, MEND, { READ, WRITE, SCRIPT, INBOUND, OUTBOUND, REMOVE } },
};

/* The section that counts: the one that was written more often, else the store.  NULL: torn. */
static const struct copy *counts(const struct side *s)
{
	if (s->store.there == TORN && broken != TORN_PASSED)
		return NULL;
	return s->store.there != WHOLE || s->script.made > s->store.made ? &s->script : &s->store;
}

static int present(const struct side *s)
{
	const struct copy *copy = counts(s);

	return copy ? copy->epoch : 0;
}

static bool has_inbound(const struct side *s)
{
	for (int epoch = 0; epoch < EPOCHS; epoch++)
		if (s->kernel.top[epoch])
			return true;
	return false;
}

/* The highest number received: that of the highest bit. */
static int received(const struct kernel *kernel, int epoch)
{
	int top = kernel->top[epoch] - 1;

	for (int back = 0; back < window && broken != TOP_OF_WINDOW; back++)
		if (kernel->seen[epoch] >> back & 1)
			return top - back;
	return top;
}

static void tally(const struct kernel *kernel)
{
	struct epoch_seen seen[EPOCHS + 1] = { 0 };
	size_t count;
	const struct state *rows = section_states(&section, 0, &count);

	for (size_t i = 0; i < count; i++) {
		unsigned epoch = rows[i].epoch;

		if (rows[i].outbound)
			seen[i] = (struct epoch_seen){ .present = (unsigned)kernel->sends == epoch,
				                       .sequence = (uint64_t)kernel->out };
		else if (kernel->top[epoch])
			seen[i] = (struct epoch_seen){ .present = true,
				                       .sequence = (uint64_t)received(kernel,
				                                                      (int)epoch),
				                       .packets = kernel->seen[epoch] != 0 };
	}
	epoch_tally(&section, seen);
}

/* Begins with the section that counts; false: it is torn. */
static bool open_section(const struct side *s, struct job *job, int who)
{
	const struct copy *copy = counts(s);

	if (!copy)
		return false;
	job->new = *copy;
	build(&job->new, who);
	return true;
}

static void close_section(const struct side *s, struct job *job, int who)
{
	harvest(&job->new, who);
	job->new.made++;
	if (!script_matters(s) || job->verb == BARE_UP)
		return;
	if (!s->store.there)
		job->rewrites = FIRST;
	else if (s->script.epoch != job->new.epoch)
		job->rewrites = SCRIPT;
}

static void load(struct side *s, struct job *job, int who)
{
	open_section(s, job, who);
	job->begins = true;
	if (job->verb == BARE_UP || epoch_turn(&section, 0, name_of(who)) != EPOCH_TURNED)
		epoch_start(&section, 0);
	if (job->verb == UP)
		epoch_forget(&section, 0);
	close_section(s, job, who);
}

/* An outbound SA that is not there begins anew, so its number moves on, unless its key is fresh. */
static void look(struct side *s, struct job *job, int who)
{
	bool fresh = false;

	if (!open_section(s, job, who))
		return;
	tally(&s->kernel);
	if (job->verb == REKEY)
		fresh = epoch_turn(&section, 0, name_of(who)) == EPOCH_TURNED;
	if (job->verb == REKEY || job->verb == MEND) {
		job->begins = fresh || (unsigned)s->kernel.sends != epoch_present(&section, 0);
		if (job->begins && !fresh && broken != MEND_EXACT)
			epoch_start(&section, 0);
		epoch_forget(&section, 0);
	}
	close_section(s, job, who);
}

static void add_inbound(struct kernel *kernel, const struct copy *new)
{
	for (int epoch = 0; epoch < EPOCHS; epoch++)
		if (new->in[epoch] && !kernel->top[epoch])
			kernel->top[epoch] = new->in[epoch];
}

static void begin_outbound(struct kernel *kernel, const struct job *job)
{
	kernel->policy = true;
	if (!job->begins)
		return;
	kernel->sends = job->new.epoch;
	kernel->out = job->new.out;
}

static bool is_past(const struct copy *new, int epoch)
{
	return !new->in[epoch] || (broken == REMOVE_BELOW && epoch < new->epoch);
}

static void remove_inbound(struct kernel *kernel, const struct copy *new)
{
	for (int epoch = 0; epoch < EPOCHS; epoch++)
		if (is_past(new, epoch))
			kernel->top[epoch] = kernel->seen[epoch] = 0;
}

/* ---- Packets ---- */

static bool takes(struct kernel *kernel, int epoch, int number)
{
	short *top = &kernel->top[epoch], *seen = &kernel->seen[epoch];
	int back = *top - 1 - number;

	if (!*top || back >= window || (back >= 0 && *seen >> back & 1))
		return false;
	if (back < 0) {
		*seen = (short)(-back < window ? *seen << -back & ((1 << window) - 1) : 0);
		*top = (short)(number + 1);
		back = 0;
	}
	*seen = (short)(*seen | 1 << back);
	return true;
}

static bool can_send(const struct side *s)
{
	return s->kernel.policy && s->kernel.sends;
}

/* True while there is a record, or the margin above one, for the next number.  An epoch that is
 * left needs none. */
static bool keeps_margin(const struct side *s)
{
	const struct copy *copy = counts(s);

	if (!copy || copy->epoch != s->kernel.sends)
		return true;
	return s->kernel.out < copy->out + margin * (broken == MARGIN_PASSED ? 3 : 1);
}

static int next_number(struct world *world, int who)
{
	struct kernel *kernel = &world->side[who].kernel;
	short *sent = &world->side[who].sent[kernel->sends];
	const int number = ++kernel->out;

	for (int i = 0; i < sides(); i++)
		if (peer_of(i) == peer_of(who) && number <= world->side[i].sent[kernel->sends])
			breaks(TWICE);
	*sent = (short)larger(*sent, number);
	return number;
}

static bool send_one(struct world *world, int who, int to, enum event event)
{
	struct side *s = &world->side[who], *peer = &world->side[to];

	if (!can_send(s) || !keeps_margin(s) || (event == SEND && !has_inbound(peer)))
		return false;
	if (event == SEND_LATE && !(scene & LATE_PACKETS))
		return false;
	next_number(world, who);
	if (event == SEND && !takes(&peer->kernel, s->kernel.sends, s->kernel.out))
		breaks(DEAF);
	if (event == SEND_LATE) {
		for (int i = 0; i < sides(); i++) /* one at a time */
			world->side[i].late = world->side[i].number = world->side[i].phase = 0;
		s->late = s->kernel.sends;
		s->number = s->kernel.out;
		peer->job.noted = peer->recorder.noted = false;
	}
	return true;
}

/* A packet that comes late, or again. */
static bool arrive(struct side *s, struct side *to)
{
	if (!s->late || !has_inbound(to))
		return false;
	if (takes(&to->kernel, s->late, s->number)) {
		if (s->phase != ON_ITS_WAY)
			breaks(REPLAYED);
		s->phase = RECEIVED;
	}
	return true;
}

/* What came in this life and was not recorded may come again in the next. */
static void lose_windows(struct world *world, int who)
{
	memset(world->side[who].kernel.top, 0, sizeof world->side[who].kernel.top);
	memset(world->side[who].kernel.seen, 0, sizeof world->side[who].kernel.seen);
	for (int i = 0; i < sides(); i++)
		if (peer_of(i) == who && world->side[i].phase == RECEIVED)
			world->side[i].phase = ON_ITS_WAY;
}

static void end_life(struct world *world, int who)
{
	struct side *s = &world->side[who];

	lose_windows(world, who);
	memset(&s->kernel, 0, sizeof s->kernel);
	memset(&s->job, 0, sizeof s->job);
	memset(&s->recorder, 0, sizeof s->recorder);
}

/* ---- Steps ---- */

static void note(const struct world *world, int who, struct job *job)
{
	for (int i = 0; i < sides(); i++)
		if (peer_of(i) == who && world->side[i].phase == RECEIVED)
			job->noted = true;
}

static void write_store(struct world *world, int who, const struct job *job)
{
	if (!job->new.there) /* a down that found it torn */
		return;
	if (world->side[who].store.there == TORN)
		breaks(GUESSED);
	world->side[who].store = job->new;
	for (int i = 0; i < sides(); i++)
		if (peer_of(i) == who && job->noted && world->side[i].phase == RECEIVED)
			world->side[i].phase = RECORDED;
}

static void do_step(struct world *world, int who, struct job *job, enum step step)
{
	struct side *s = &world->side[who];

	switch (step) {
	case LOAD:
		s->kernel.up = true;
		load(s, job, who);
		break;
	case BLOCK: s->kernel.policy = false; break;
	case READ:
		look(s, job, who);
		note(world, who, job);
		break;
	case WRITE: write_store(world, who, job); break;
	case SCRIPT:
	case FIRST: s->script = job->new; break;
	case INBOUND: add_inbound(&s->kernel, &job->new); break;
	case OUTBOUND: begin_outbound(&s->kernel, job); break;
	case REMOVE: remove_inbound(&s->kernel, &job->new); break;
	case GONE: end_life(world, who); break;
	case END: break;
	}
}

/* A step that the job has not to do is no state of its own. */
static bool is_idle(const struct side *s, const struct job *job, enum step step)
{
	bool missing = false, past = false;

	for (int epoch = 0; epoch < EPOCHS; epoch++) {
		missing |= job->new.in[epoch] && !s->kernel.top[epoch];
		past |= is_past(&job->new, epoch) && s->kernel.top[epoch];
	}
	switch (step) {
	case SCRIPT:
	case FIRST: return job->rewrites != (short)step || scene & READ_ONLY;
	case INBOUND: return !missing;
	case OUTBOUND: return !job->begins && s->kernel.policy;
	case REMOVE: return !past;
	default: return false;
	}
}

/* The next step of a job.  What only reads goes with what is done before or behind it.  True:
 * something has changed. */
static bool proceed(struct world *world, int who, struct job *job)
{
	const enum step *steps = verbs[job->verb];
	const bool changes = steps[job->point] != READ;
	enum step step;

	do {
		step = steps[job->point++];
		do_step(world, who, job, step);
		while (job->verb && is_idle(&world->side[who], job, steps[job->point]))
			job->point++;
	} while (step == LOAD || step == BLOCK);
	if (job->verb && steps[job->point] == END)
		memset(job, 0, sizeof *job);
	return changes;
}

static bool go_on(struct world *world, int who, struct job *job)
{
	if (!job->verb)
		return false;
	proceed(world, who, job);
	return true;
}

static bool begin(struct world *world, int who, enum event verb)
{
	struct side *s = &world->side[who];
	struct job *job = broken == UNLOCKED && verb == STATUS ? &s->recorder : &s->job;
	bool starts = verb == UP || verb == BARE_UP;

	if (job->verb || starts == (s->kernel.up != 0) || (!counts(s) && verb != DOWN))
		return false;
	if (s->store.there == TORN && verb != DOWN)
		breaks(GUESSED);
	job->verb = (short)verb;
	proceed(world, who, job);
	return true;
}

static void finish(struct world *world, int who)
{
	while (world->side[who].job.verb)
		proceed(world, who, &world->side[who].job);
}

/* ---- Ends ---- */

static bool crash(struct world *world, int who)
{
	if (!world->side[who].kernel.up)
		return false;
	end_life(world, who);
	return true;
}

static bool kill_job(struct side *s)
{
	if (!(scene & KILLS) || !s->job.verb)
		return false;
	memset(&s->job, 0, sizeof s->job);
	return true;
}

/* Another program removes all SAs. */
static bool flush(struct world *world, int who)
{
	struct kernel *kernel = &world->side[who].kernel;

	if (!(scene & FLUSHES) || (!kernel->sends && !has_inbound(&world->side[who])))
		return false;
	lose_windows(world, who);
	kernel->sends = kernel->out = 0;
	return true;
}

static bool tear(struct side *s)
{
	if (!(scene & TEARS) || !s->faults || s->store.there != WHOLE || s->job.verb)
		return false;
	s->store.there = TORN;
	s->faults--;
	return true;
}

static bool lose(struct side *s)
{
	if (!(scene & LOSES) || !s->faults || !s->store.there || s->job.verb)
		return false;
	memset(&s->store, 0, sizeof s->store);
	s->faults--;
	return true;
}

/* A backup of both files, or a copy of the script for the second machine. */
static bool keep(struct world *world, int who)
{
	struct side *s = &world->side[who];

	if (!s->faults || s->kept[0].there || !s->store.there)
		return false;
	if (scene & (RESTORES_STORE | RESTORES_SCRIPT)) {
		if (s->kernel.up)
			return false;
		s->kept[0] = s->store;
		if (scene & RESTORES_SCRIPT)
			s->kept[1] = s->script;
		return true;
	}
	if (!(scene & COPIES))
		return false;
	world->side[2].script = s->script;
	s->faults--;
	return true;
}

static bool restore(struct side *s)
{
	if (!s->kept[0].there || s->kernel.up)
		return false;
	if (scene & RESTORES_STORE)
		s->store = s->kept[0];
	if (scene & RESTORES_SCRIPT)
		s->script = s->kept[1];
	memset(s->kept, 0, sizeof s->kept);
	s->faults--;
	return true;
}

/* False: it cannot happen now, or would change nothing. */
static bool happens(struct world *world, int who, enum event event)
{
	struct side *s = &world->side[who];

	switch (event) {
	case GO: return go_on(world, who, &s->job);
	case GO_RECORDER: return go_on(world, who, &s->recorder);
	case CRASH: return crash(world, who);
	case KILL: return kill_job(s);
	case FLUSH: return flush(world, who);
	case SEND_OTHER: return scene & COPIES && who == 1 && send_one(world, who, 2, SEND);
	case SEND: case SEND_LOST: case SEND_LATE: return send_one(world, who, peer_of(who), event);
	case LATE: return arrive(s, &world->side[peer_of(who)]);
	case TEAR: return tear(s);
	case LOSE: return lose(s);
	case KEEP: return keep(world, who);
	case RESTORE: return restore(s);
	default:
		if (event == NOTHING || !s->script.there || !begin(world, who, event))
			return false;
		if (scene & WHOLE_VERBS)
			finish(world, who);
		return true;
	}
}
