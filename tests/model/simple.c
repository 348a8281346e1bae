/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Simplifies states, so that equivalent ones become the same. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { COPIES_MOST = 6, NUMBERS_MOST = SIDES * (2 * COPIES_MOST + 4) };

/* The sections of a side that may count yet. */
struct copies { struct copy *all[COPIES_MOST]; int count; };

static struct copies copies_of(struct side *s)
{
	struct copy *const candidates[] = { &s->store,   &s->script,  &s->kept[0],
		                            &s->kept[1], &s->job.new, &s->recorder.new };
	struct copies copies = { .count = 0 };

	for (int i = 0; i < COPIES_MOST; i++)
		if (candidates[i]->epoch &&
		    (candidates[i]->there == WHOLE || broken == TORN_PASSED))
			copies.all[copies.count++] = candidates[i];
	return copies;
}

/* ---- How often a section was written: the order alone matters ---- */

static void rank_made(struct copies *copies)
{
	short ranks[COPIES_MOST] = { 0 };

	for (int i = 0; i < copies->count; i++)
		for (int j = 0; j < copies->count; j++) {
			bool counted = false;

			for (int k = 0; k < j; k++)
				counted |= copies->all[k]->made == copies->all[j]->made;
			ranks[i] =
				(short)(ranks[i] +
			                (copies->all[j]->made < copies->all[i]->made && !counted));
		}
	for (int i = 0; i < copies->count; i++)
		copies->all[i]->made = ranks[i];
}

/* ---- Epochs: the distance to the one ahead matters, unless it is too far ---- */

/* Of a side, also where its store is torn. */
static int epoch_of(const struct side *s)
{
	return counts(s) ? counts(s)->epoch : s->store.epoch;
}

static void shift(short of_epoch[EPOCHS], int by)
{
	memmove(of_epoch, of_epoch + by, (size_t)(EPOCHS - by) * sizeof *of_epoch);
	memset(of_epoch + EPOCHS - by, 0, (size_t)by * sizeof *of_epoch);
	of_epoch[0] = 0;
}

static void set_back(short *epoch, int by)
{
	*epoch = (short)larger(0, *epoch - by);
}

static void set_copy_back(struct copy *copy, int by)
{
	by = copy->epoch - 1 < by ? copy->epoch - 1 : by;
	if (by <= 0)
		return;
	set_back(&copy->epoch, by);
	set_back(&copy->next, by);
	set_back(&copy->heard, by);
	shift(copy->in, by);
}

static void set_side_back(struct side *s, const struct copies *copies, int by)
{
	by = epoch_of(s) - 1 < by ? epoch_of(s) - 1 : by;
	for (int i = 0; i < copies->count; i++)
		set_copy_back(copies->all[i], by);
	if (by <= 0)
		return;
	if (s->store.there == TORN)
		set_back(&s->store.epoch, by);
	set_back(&s->kernel.sends, by);
	set_back(&s->late, by);
	shift(s->kernel.top, by);
	shift(s->kernel.seen, by);
	shift(s->sent, by);
}

/* ---- Numbers: it matters which is larger and, up to margin and window, by how much ---- */

struct numbers { short *all[NUMBERS_MOST]; int count; };

static void collect(struct numbers *numbers, short *number)
{
	int i = numbers->count++;

	for (; i > 0 && *numbers->all[i - 1] > *number; i--)
		numbers->all[i] = numbers->all[i - 1];
	numbers->all[i] = number;
}

static void move(const struct numbers *numbers, int by)
{
	for (int i = 0; i < numbers->count; i++)
		*numbers->all[i] = (short)(*numbers->all[i] + by);
}

/* Some numbers are kept as number + 1, so the lowest becomes 1, unless 0 is one of them. */
static void close_gaps(const struct numbers *numbers, bool from_0)
{
	const int most = larger(margin, window) + 2;
	int last = from_0 || !numbers->count ? 0 : *numbers->all[0] - 1, now = 0;

	for (int i = 0; i < numbers->count; i++) {
		int gap = *numbers->all[i] - last;

		last = *numbers->all[i];
		now += gap < most ? gap : most;
		*numbers->all[i] = (short)now;
	}
}

/* One epoch of one direction. */
struct flow {
	struct world *world;
	struct copies *copies;     /* of each side */
	int senders;               /* a bit for each side */
	int epoch;
	struct numbers out, in;
	bool begins;               /* a sender is still to begin it, with number 0 */
	int least;                 /* of the numbers that senders have */
	short last;                /* what is sent from now on is above this */
	struct side *late;         /* one with a packet on its way, and how many there are */
	int lates;
};

static bool is_sender(const struct flow *flow, int who)
{
	return flow->senders >> who & 1;
}

static void go_on_after(struct flow *flow, int number)
{
	flow->last = (short)(number < flow->last ? number : flow->last);
}

static void collect_out(struct flow *flow, int who)
{
	struct side *s = &flow->world->side[who];

	for (int i = 0; i < flow->copies[who].count; i++) {
		struct copy *copy = flow->copies[who].all[i];

		flow->begins |= copy->epoch < flow->epoch;
		if (copy->epoch != flow->epoch)
			continue;
		collect(&flow->out, &copy->out);
		go_on_after(flow, copy->out + (copy == &s->job.new && s->job.begins ? 0 : margin));
	}
	if (s->kernel.sends != flow->epoch)
		return;
	collect(&flow->out, &s->kernel.out);
	go_on_after(flow, s->kernel.out);
}

static void collect_in(struct flow *flow, int who)
{
	struct kernel *kernel = &flow->world->side[who].kernel;

	for (int i = 0; i < flow->copies[who].count; i++)
		if (flow->copies[who].all[i]->in[flow->epoch])
			collect(&flow->in, &flow->copies[who].all[i]->in[flow->epoch]);
	if (kernel->top[flow->epoch])
		collect(&flow->in, &kernel->top[flow->epoch]);
}

static bool can_come(const struct flow *flow)
{
	return flow->begins || flow->out.count;
}

/* A late packet matters where a window takes it. */
static void find_late(struct flow *flow, struct side *s)
{
	if (s->late != flow->epoch)
		return;
	if (!flow->in.count || s->number <= *flow->in.all[0] - 1 - window) {
		s->late = s->number = s->phase = 0;
		return;
	}
	flow->late = s;
	flow->lates++;
}

/* What was sent matters where it could be sent again.  If that is watched for, all that is sent
 * from now on is above it, or is found. */
static void find_sent(struct flow *flow)
{
	for (int i = 0; i < sides(); i++) {
		short *sent = &flow->world->side[i].sent[flow->epoch];

		if (!is_sender(flow, i))
			continue;
		if (*sent <= flow->least || !can_come(flow) || !(watched & TWICE)) {
			*sent = 0;
			continue;
		}
		flow->last = (short)larger(flow->last, *sent);
		collect(&flow->out, sent);
	}
}

/* Every copy may be the one that counts, so each has to have it on record. */
static bool is_noted(const struct copies *copies, int epoch)
{
	for (int i = 0; i < copies->count; i++)
		if (copies->all[i]->heard < epoch)
			return false;
	return true;
}

/* A window refuses nothing that is still to come if no number in it is above LAST, nor its end. */
static bool is_low(const struct flow *flow, int highest, int top)
{
	return broken != TOP_OF_WINDOW &&
	       (!can_come(flow) || (highest <= flow->last && top - window <= flow->last));
}

/* Then its numbers do not matter; nor whether there were any, if that is on record. */
static void simplify_in(struct flow *flow, int who)
{
	struct kernel *kernel = &flow->world->side[who].kernel;
	short *top = &kernel->top[flow->epoch], *seen = &kernel->seen[flow->epoch];

	for (int i = 0; i < flow->copies[who].count; i++) {
		short *in = &flow->copies[who].all[i]->in[flow->epoch];

		if (*in && is_low(flow, 0, *in - 1))
			*in = 1;
		else if (*in)
			collect(&flow->out, in);
	}
	if (*top && is_low(flow, *seen ? received(kernel, flow->epoch) : 0, *top - 1)) {
		*top = 1;
		*seen = *seen && !is_noted(&flow->copies[who], flow->epoch);
	} else if (*top) {
		collect(&flow->out, top);
	}
}

/* A late packet is the only one that a window could refuse.  It matters whether that does, and what
 * a record would make of it, unless all is NOTED: whether any was received, and any behind it. */
static void simplify_window(struct kernel *kernel, int epoch, int late, bool noted, bool recorded)
{
	const int top = kernel->top[epoch] - 1, highest = received(kernel, epoch);
	const bool any = kernel->seen[epoch];
	int new_top = late - window, seen = any && !noted;

	if (top < 0)
		return;
	if (top - late >= window) {
		new_top = late + window;
		seen = any && !(noted && recorded) ? 1 << larger(0, new_top - highest) : 0;
	} else if (top >= late && kernel->seen[epoch] >> (top - late) & 1) {
		new_top = late;
		seen = 1;
	} else if (any && highest > late) {
		new_top = late + 1;
		seen = 1;
	}
	kernel->top[epoch] = (short)(new_top + 1);
	kernel->seen[epoch] = (short)seen;
}

static void forget_but_late(struct flow *flow, int who)
{
	const int late = flow->late->number;
	bool recorded = true;

	for (int i = 0; i < flow->copies[who].count; i++) {
		short *in = &flow->copies[who].all[i]->in[flow->epoch];
		const bool is_taken = *in - 1 - late < window;

		if (!*in)
			continue;
		*in = (short)(late + 1 + (is_taken ? -window : window));
		recorded &= !is_taken;
	}
	simplify_window(&flow->world->side[who].kernel, flow->epoch, late,
	                is_noted(&flow->copies[who], flow->epoch), recorded);
}

/* The late packet keeps its distance to the next that is sent, if a window may have both. */
static void simplify_beside_late(struct flow *flow)
{
	const int distance = flow->last - flow->late->number, far = 4 * (margin + window);
	int by;

	if (flow->out.count) {
		collect(&flow->out, &flow->last);
		close_gaps(&flow->out, false);
		move(&flow->out, far);
	}
	by = (flow->out.count ? flow->last - (distance < window - 1 ? distance : window) : far) -
	     flow->late->number;
	for (int i = 0; i < sides(); i++)
		if (!is_sender(flow, i))
			forget_but_late(flow, i);
	move(&flow->in, by);
	flow->late->number = (short)(flow->late->number + by);
}

/* Any number may matter to any other. */
static void keep_all(struct flow *flow)
{
	for (int i = 0; i < flow->in.count; i++)
		collect(&flow->out, flow->in.all[i]);
	for (int i = 0; i < sides(); i++)
		if (is_sender(flow, i) && flow->world->side[i].late == flow->epoch)
			collect(&flow->out, &flow->world->side[i].number);
}

/* Nothing but the late packet is refused. */
static bool all_but_late_come(const struct flow *flow)
{
	bool low = true;

	for (int i = 0; i < flow->in.count; i++)
		low &= is_low(flow, 0, *flow->in.all[i] - 1);
	for (int i = 0; i < sides(); i++)
		if (!is_sender(flow, i) && flow->world->side[i].kernel.seen[flow->epoch])
			low &= is_low(flow, received(&flow->world->side[i].kernel, flow->epoch), 0);
	return low && flow->lates == 1 && !flow->begins;
}

static void simplify_flow(struct world *world, struct copies copies[SIDES], int senders, int epoch)
{
	struct flow flow; /* field by field: its arrays are large, and there are millions of it */

	flow.world = world;
	flow.copies = copies;
	flow.senders = senders;
	flow.epoch = epoch;
	flow.out.count = flow.in.count = flow.lates = 0;
	flow.begins = false;
	flow.late = NULL;
	flow.last = INT16_MAX;
	for (int i = 0; i < sides(); i++)
		if (is_sender(&flow, i))
			collect_out(&flow, i);
		else
			collect_in(&flow, i);
	flow.least = flow.begins || !flow.out.count ? 0 : *flow.out.all[0];
	if (watched & TWICE || flow.begins || mutant || broken)
		flow.last = (short)flow.least;
	for (int i = 0; i < sides(); i++)
		if (is_sender(&flow, i))
			find_late(&flow, &world->side[i]);
	find_sent(&flow);
	if (flow.lates && all_but_late_come(&flow)) {
		simplify_beside_late(&flow);
		return;
	}
	if (flow.lates)
		keep_all(&flow);
	for (int i = 0; i < sides() && !flow.lates; i++)
		if (!is_sender(&flow, i))
			simplify_in(&flow, i);
	close_gaps(&flow.out, flow.begins);
}

/* ---- Verbs that have the same to do yet are the same ---- */

static void simplify_job(const struct world *world, int who, struct job *job)
{
	const enum step *steps = verbs[job->verb] + job->point;
	bool idle = true, comes = false;

	if (!job->verb)
		return;
	for (int i = 0; i < sides(); i++)
		comes |= peer_of(i) == who && world->side[i].phase == RECEIVED;
	job->noted = job->noted && comes;
	if (job->verb == REKEY)
		job->verb = MEND;
	if (job->verb == BARE_UP)
		job->verb = UP;
	steps = verbs[job->verb] + job->point;
	if (*steps == WRITE && job->verb == MEND && !(scene & FLUSHES)) {
		for (const enum step *step = steps + 1; *step != END; step++)
			idle &= is_idle(&world->side[who], job, *step);
		if (idle) {
			job->verb = STATUS;
			steps = verbs[STATUS] + 1;
		}
	}
	while (is_idle(&world->side[who], job, *steps))
		steps++;
	if (*steps == END) {
		memset(job, 0, sizeof *job);
		return;
	}
	job->point = (short)(steps - verbs[job->verb]);
	if (*steps == GONE)
		memset(&job->new, 0, sizeof job->new);
	if (*steps == REMOVE)
		job->begins = false;
	if (*steps != WRITE && *steps != SCRIPT && *steps != FIRST)
		job->noted = job->rewrites = false;
}

/* ---- All of it ---- */

/* Returns true if the sides have changed places. */
static bool simplify(struct world *world)
{
	struct side *a = &world->side[0], *b = &world->side[1], copy;
	struct copies copies[SIDES];
	int ahead = 0;

	for (int i = 0; i < sides(); i++) {
		struct side *s = &world->side[i];

		if (s->store.there == TORN && broken != TORN_PASSED)
			s->store = (struct copy){ .there = TORN, .epoch = s->store.epoch };
		if (counts(s) != &s->script && !script_matters(s))
			s->script = (struct copy){ .there = WHOLE };
		copies[i] = copies_of(s);
		rank_made(&copies[i]);
		ahead = larger(ahead, epoch_of(s));
	}
	for (int i = 0; i < sides() && ahead > AHEAD; i++)
		set_side_back(&world->side[i], &copies[i], ahead - AHEAD);
	/* a job may have the next epoch, and an inbound row of the one after */
	ahead = ahead < AHEAD ? ahead : AHEAD;
	for (int epoch = 1; epoch <= ahead + 2; epoch++) {
		simplify_flow(world, copies, 1 | 4, epoch);
		simplify_flow(world, copies, 2, epoch);
	}
	for (int i = 0; i < sides(); i++)
		simplify_job(world, i, &world->side[i].job);
	if (scene & COPIES || memcmp(a, b, sizeof *a) <= 0)
		return false;
	copy = *a;
	*a = *b;
	*b = copy;
	return true;
}
