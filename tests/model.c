/*
 * model: two sides that restart and rekey, in every order in which their scripts' steps, ends of the machine and packets can go.
 *
 *	model [-kp] [-m MARGIN] [-w WINDOW] [-s STEPS] [RULE] [PROPERTY]...
 *	model -l
 *	model [-k] [-m MARGIN] [-w WINDOW] -r|-c WALKS LENGTH SEED
 *
 * walks until no state is new, or STEPS far. Where a PROPERTY breaks (without one: all but `replayed`) it prints the shortest
 * way there, and ends with 1. RULE: this rule is broken on purpose; -l lists them, each with the property that must tell.
 * -k: scripts are killed, too, while SAs and policies stay. -p: states are kept as they are, not simplified.
 *
 * -r prints random walks instead, an empty line between two. A line is `SIDE VERB` (up, down, rekey, status), `SIDE crash`,
 * `SIDE crash-in-VERB N` (when N changes are made, see verbs; the SAs and the policy of one step are one), `SIDE send`,
 * `send-lost`, `send-late`, or `SIDE late`: what it sent late comes.
 * -c walks at random, too, and tells where a simplified state does not go the way of the one that it stands for.
 */
#include <err.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Epochs are set back so that the side behind is at HELD: far enough from 1, whose secret the script has. */
#ifndef EPOCHS
#define EPOCHS 8
#endif
enum { HELD = 3 };

static int margin = 2, window = 1;   /* stand for 2^26 and 128 */

/* ---- the state: int only, so that memcmp and a hash see no padding ---- */

struct store { int epoch, heard, out, in; };   /* out, in: the last number; epoch 0: there is none */
struct replay { int top, seen; };              /* as the kernel has it: highest number, bit i for top - i */

/* all that can happen; the verbs begin then, and are those that a job can be at */
enum event { NOTHING, UP, DOWN, REKEY, STATUS, GO, GO_RECORDER, CRASH, KILL, SEND, SEND_LOST, SEND_LATE, LATE, EVENTS, VERBS = GO };

struct job {
	enum event verb;
	int point;                             /* how many of the verb's steps are done */
	int start;                             /* number that the outbound SA will start after */
	struct store new;                      /* to be written */
};

struct side {
	struct store store;
	int lowest;                            /* epoch whose secret is in the store */
	int row;                               /* of epoch 1, in the script */
	int sends, out, blocked;               /* epoch of the outbound SA that the policy names, its number; 0: none */
	int from, to;                          /* epochs of the inbound SAs; 0: none */
	int heard;                             /* highest epoch heard, now or before */
	struct replay replay[EPOCHS];
	struct job job, recorder;              /* the second one only where there is no lock */
	/* what no side knows */
	int may_send;                          /* up to this number: the margin is kept */
	int sent[EPOCHS];                      /* highest number ever sent */
	int late, late_number;                 /* epoch and number of a packet on its way; 0: none */
};

struct state { struct side side[2]; };

/* ---- properties and rules ---- */

enum { APART = 1, TWICE = 2, ERASED = 4, DEAF = 8, DEAF_FOR_GOOD = 16, REPLAYED = 32 };

static const struct property { const char *name, *words; } properties[] = {
	{"apart", "never more than one epoch apart"},
	{"twice", "no number is sent twice with one key"},
	{"erased", "nothing is erased that is still needed"},
	{"deaf", "what comes while both are up is heard"},
	{"deaf-for-good", "never deaf for good"},
	{"replayed", "what is recorded as received is refused after a restart"},
};
enum { PROPERTIES = sizeof properties / sizeof *properties, PROMISED = REPLAYED - 1 };

enum rule { AS_WRITTEN, STEP_UNHEARD, INBOUND_SHORT, INBOUND_REMOVED, ERASE_EARLY, ERASE_OVERTAKEN, ROW_FIRST, UP_EXACT, STATUS_EXACT, UP_LATE,
            REKEY_LATE, DOWN_EARLY, DOWN_ABSENT, UNLOCKED, STORE_LOST, MARGIN_PASSED, ABOVE_RECORD, RULES };

static const struct { const char *name; int breaks; const char *words; } rules[RULES] = {
	[STEP_UNHEARD] = {"step-unheard", APART, "a step without having heard the peer with the own epoch"},
	[INBOUND_SHORT] = {"inbound-short", DEAF_FOR_GOOD, "no inbound SA of the next epoch"},
	[INBOUND_REMOVED] = {"inbound-removed", DEAF, "a step removes all inbound SAs below the new epoch"},
	[ERASE_EARLY] = {"erase-early", ERASED, "the secret before the own is erased, whatever is heard"},
	[ERASE_OVERTAKEN] = {"erase-overtaken", ERASED, "what is sent with is erased once the peer is heard with the next epoch"},
	[ROW_FIRST] = {"row-first", ERASED, "up erases the script's row at once, before the store is written"},
	[UP_EXACT] = {"up-exact", TWICE, "up writes the number that it starts with, no margin above"},
	[STATUS_EXACT] = {"status-exact", TWICE, "status writes the number that it sees, no margin above"},
	[UP_LATE] = {"up-late", TWICE, "up writes the store when it can send already"},
	[REKEY_LATE] = {"rekey-late", TWICE, "rekey writes the store when it sends with the new key already"},
	[DOWN_EARLY] = {"down-early", TWICE, "down reads the numbers before it ends sending"},
	[DOWN_ABSENT] = {"down-absent", TWICE, "down writes 0 where an up that was killed left no outbound SA"},
	[UNLOCKED] = {"unlocked", TWICE, "status writes what it read, whatever another verb wrote meanwhile"},
	[STORE_LOST] = {"store-lost", TWICE, "with the machine the store ends, while the script still has its row"},
	[MARGIN_PASSED] = {"margin-passed", DEAF, "more packets than the margin without a record"},
	[ABOVE_RECORD] = {"above-record", 0, "not broken but mended: replay-seq is a window above the number recorded"},
};

static enum rule broken;
static bool plain, killing;
static int watched = PROMISED, found, beyond; /* packets beyond the margin */

static void breaks(int property)
{
	found |= property & watched;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static bool may_step(const struct store *store)
{
	return store->heard >= store->epoch || broken == STEP_UNHEARD;
}

/* the lowest epoch that the peer may still send with, or that we go on with */
static int needed(const struct store *store)
{
	if (broken == ERASE_OVERTAKEN)
		return larger(1, larger(store->heard, store->epoch - 1));
	return larger(1, store->epoch - (store->heard < store->epoch && broken != ERASE_EARLY));
}

static int secret(const struct side *s)
{
	return s->row ? 1 : s->store.epoch ? s->lowest : EPOCHS; /* from the lowest all above follow; none is never enough */
}

static int epoch(const struct side *s)
{
	return larger(1, s->store.epoch);
}

/* ---- what scripts do: a verb is a row of steps ---- */

enum step { END, LOAD, READ, WRITE, ERASE, INBOUND, OUTBOUND, REMOVE, BLOCK, GONE };
static const char *const event_names[EVENTS] = {
	[UP] = "up", [DOWN] = "down", [REKEY] = "rekey", [STATUS] = "status",
	[CRASH] = "crash", [SEND] = "send", [SEND_LOST] = "send-lost", [SEND_LATE] = "send-late", [LATE] = "late",
};

/* status is check and follow too, and what rekey does when it may not step. What only reads is no change. */
static enum step verbs[VERBS][8] = {
	[UP] = {LOAD, WRITE, ERASE, INBOUND, OUTBOUND},
	[DOWN] = {BLOCK, READ, WRITE, ERASE, GONE},
	[REKEY] = {READ, INBOUND, WRITE, ERASE, OUTBOUND, REMOVE},
	[STATUS] = {READ, WRITE, ERASE},
};

static const struct { enum rule rule; enum event verb; enum step steps[8]; } other_orders[] = {
	{ROW_FIRST, UP, {LOAD, ERASE, WRITE, INBOUND, OUTBOUND}},
	{UP_LATE, UP, {LOAD, INBOUND, OUTBOUND, WRITE, ERASE}},
	{REKEY_LATE, REKEY, {READ, INBOUND, OUTBOUND, WRITE, ERASE, REMOVE}},
	{DOWN_EARLY, DOWN, {READ, BLOCK, WRITE, ERASE, GONE}},
};

/* what it would go on with: the next epoch from 0, if it may */
static void step_or_stay(struct job *job)
{
	job->start = job->new.out;
	if (may_step(&job->new)) {
		job->new.epoch++;
		job->start = 0;
	}
	job->new.out = job->start + (broken == UP_EXACT && job->verb == UP ? 0 : margin);
}

static void load(struct side *s, struct job *job)
{
	job->new = s->store;
	job->new.epoch = epoch(s);
	step_or_stay(job);
}

/* What is not there is not counted from 0: the store's word holds. So it does for the epoch of a step that was killed. */
static void read_numbers(struct side *s, struct job *job)
{
	job->new = s->store;
	if (s->sends == s->store.epoch || broken == DOWN_ABSENT)
		job->new.out = s->out;
	if (s->heard > 0) {
		int top = s->replay[s->heard].top;

		if (broken != ABOVE_RECORD || s->heard > s->store.heard || top > s->store.in + window)
			job->new.in = top;
		job->new.heard = s->heard;
	}
	if (job->verb == REKEY && may_step(&job->new))
		step_or_stay(job);
	else if (job->verb != DOWN) {
		job->verb = STATUS;
		job->new.out += broken == STATUS_EXACT ? 0 : margin;
	}
}

static void write_store(struct side *s, const struct job *job)
{
	s->store = job->new;
	s->lowest = needed(&s->store);
	if (job->verb == STATUS && s->sends == s->store.epoch)
		s->may_send = s->store.out + beyond;
}

static void add_inbound(struct side *s, const struct store *new)
{
	if (!s->from) {
		s->from = needed(new);
		s->heard = new->heard;
		if (new->heard > 0)
			s->replay[new->heard].top = new->in + (broken == ABOVE_RECORD && new->in > 0 ? window : 0);
	}
	s->to = new->epoch + (broken != INBOUND_SHORT);
}

static void remove_inbound(struct side *s, const struct store *new)
{
	for (int lowest = broken == INBOUND_REMOVED ? new->epoch : needed(new); s->from < lowest; s->from++)
		s->replay[s->from] = (struct replay){0, 0};
}

static void switch_outbound(struct side *s, struct job *job)
{
	s->sends = job->new.epoch;
	s->out = job->start;
	s->may_send = job->start + margin + beyond;
	job->start = 0;
}

static void lose_kernel(struct side *s)
{
	s->sends = s->out = s->may_send = s->blocked = s->from = s->to = s->heard = 0;
	memset(s->replay, 0, sizeof s->replay);
	s->job = s->recorder = (struct job){0};
}

static bool accept(struct side *s, int number_epoch, int number);

/* the next step of a job; which it was */
static enum step proceed(struct side *s, struct job *job)
{
	enum step step = verbs[job->verb][job->point++];
	struct side copy;

	switch (step) {
	case LOAD: load(s, job); break;
	case READ: read_numbers(s, job); break;
	case WRITE: write_store(s, job); break;
	case ERASE: s->row = 0; break;
	case INBOUND: add_inbound(s, &job->new); break;
	case OUTBOUND: switch_outbound(s, job); break;
	case REMOVE: remove_inbound(s, &job->new); break;
	case BLOCK: s->blocked = 1; break;
	case GONE: lose_kernel(s); return step;
	case END: break;
	}
	if ((step == LOAD || step == INBOUND) && secret(s) > needed(&job->new))
		breaks(ERASED);
	if (step == INBOUND && job->verb == UP)
		for (int number = 1; number <= job->new.in; number++) {
			copy = *s;
			if (accept(&copy, job->new.heard, number))
				breaks(REPLAYED);
		}
	if (verbs[job->verb][job->point] == ERASE && (!s->row || (needed(&job->new) == 1 && broken != ROW_FIRST)))
		job->point++;
	if (verbs[job->verb][job->point] == END)
		*job = (struct job){0};
	return step;
}

/* ---- packets ---- */

static bool accept(struct side *s, int number_epoch, int number)
{
	struct replay *replay = &s->replay[number_epoch];
	int back = replay->top - number;

	if (!s->from || number_epoch < s->from || number_epoch > s->to || back >= window || (back >= 0 && replay->seen >> back & 1))
		return false;
	if (back < 0) {
		replay->seen = -back < window ? replay->seen << -back & ((1 << window) - 1) : 0;
		replay->top = number;
		back = 0;
	}
	replay->seen |= 1 << back;
	s->heard = larger(s->heard, number_epoch);
	return true;
}

static int next_number(struct side *s)
{
	if (++s->out <= s->sent[s->sends])
		breaks(TWICE);
	s->sent[s->sends] = larger(s->sent[s->sends], s->out);
	return s->out;
}

/* ---- what can happen ---- */

static bool begin(struct side *s, enum event verb)
{
	struct job *job = broken == UNLOCKED && verb == STATUS ? &s->recorder : &s->job;

	if (job->verb || (verb == UP ? s->from : verb == DOWN ? !s->from : !s->sends || s->blocked))
		return false;
	job->verb = verb;
	proceed(s, job);
	return true;
}

/* false: it cannot happen now */
static bool happens(struct state *state, int who, enum event event)
{
	struct side *s = &state->side[who], *peer = &state->side[!who];
	int late = s->late;

	switch (event) {
	case GO:
		return s->job.verb && (proceed(s, &s->job), true);
	case GO_RECORDER:
		return s->recorder.verb && (proceed(s, &s->recorder), true);
	case CRASH:
		if (!s->job.verb && !s->from)
			return false;
		lose_kernel(s);
		if (broken == STORE_LOST && s->row)
			s->store = (struct store){0};
		return true;
	case KILL:
		if (!s->job.verb || !killing)
			return false;
		s->job = (struct job){0};
		return true;
	case SEND:
	case SEND_LOST:
	case SEND_LATE:
		if (!s->sends || s->blocked || (event == SEND && !peer->from))
			return false;
		if (s->out >= s->may_send && s->sends >= epoch(s)) /* an epoch that is left needs no record */
			return false;
		next_number(s);
		if (event == SEND && !accept(peer, s->sends, s->out))
			breaks(DEAF);
		if (event == SEND_LATE) {
			s->late = s->sends;
			s->late_number = s->out;
		}
		return true;
	case LATE:
		accept(peer, late, s->late_number);
		s->late = s->late_number = 0;
		return late > 0;
	default:
		return event != NOTHING && begin(s, event);
	}
}

/* ---- what must be true of every state ---- */

static void finish(struct side *s)
{
	while (s->job.verb)
		proceed(s, &s->job);
}

/* Both come up, send, and rekey if that was not heard: as people would. */
static bool recovers(struct state state)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &state.side[i];

		if (s->from && (!s->sends || s->blocked) && begin(s, DOWN))
			finish(s);
		if (begin(s, UP))
			finish(s);
	}
	for (int round = 0; round < 4; round++) {
		bool heard = accept(&state.side[1], state.side[0].sends, next_number(&state.side[0]));

		if (accept(&state.side[0], state.side[1].sends, next_number(&state.side[1])) && heard)
			return true;
		for (int i = 0; i < 2; i++)
			if (begin(&state.side[i], REKEY))
				finish(&state.side[i]);
	}
	return false;
}

static void judge(const struct state *state)
{
	const struct side *a = &state->side[0], *b = &state->side[1];
	int all = watched;
	bool deaf;

	if (abs(epoch(a) - epoch(b)) > 1 || (a->sends && b->sends && abs(a->sends - b->sends) > 1))
		breaks(APART);
	if (secret(a) > (b->sends ? b->sends : epoch(b)) || secret(b) > (a->sends ? a->sends : epoch(a)))
		breaks(ERASED);
	/* who puts back a lost outbound SA, or moves it to where the peer is, makes it from the store */
	if (secret(a) > epoch(a) || secret(b) > epoch(b))
		breaks(ERASED);
	/* a job that is under way leads to a state where none is */
	if (!(watched & DEAF_FOR_GOOD) || a->job.verb || b->job.verb || a->recorder.verb || b->recorder.verb)
		return;
	watched = 0;
	deaf = !recovers(*state);
	watched = all;
	if (deaf)
		breaks(DEAF_FOR_GOOD);
}

/* ---- states that differ in nothing that matters are one ---- */

static void set_back(int *number_epoch, int by)
{
	*number_epoch = larger(0, *number_epoch - by);
}

static void set_epochs_back(struct side *s, int by)
{
	int *all[] = {&s->store.epoch, &s->store.heard, &s->lowest, &s->sends, &s->to, &s->heard, &s->job.new.epoch,
	              &s->job.new.heard, &s->recorder.new.epoch, &s->recorder.new.heard, &s->late};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		set_back(all[i], by);
	s->from = s->from > 0 ? larger(1, s->from - by) : 0;   /* a rekey that was killed leaves old ones */
	if (!s->late)
		s->late_number = 0;
	for (int e = 0; e < EPOCHS; e++) {
		s->replay[e] = e + by < EPOCHS ? s->replay[e + by] : (struct replay){0, 0};
		s->sent[e] = e + by < EPOCHS ? s->sent[e + by] : 0;
	}
}

/* Of two numbers, 0 among them, it matters which is larger and, up to margin and window, by how much. */
static void close_gaps(int **numbers, int count)
{
	int last = 0, now = 0, most = larger(margin, window) + 2;

	for (int i = 1; i < count; i++)
		for (int j = i; j > 0 && *numbers[j] < *numbers[j - 1]; j--) {
			int *number = numbers[j];

			numbers[j] = numbers[j - 1];
			numbers[j - 1] = number;
		}
	for (int i = 0; i < count; i++) {
		int gap = *numbers[i] - last;

		last = *numbers[i];
		*numbers[i] = now += gap < most ? gap : most;
	}
}

/* The numbers of one epoch and one direction. */
static void simplify_numbers(struct side *s, struct side *peer, int e)
{
	int *out[7], *in[4], *all[13], outs = 0, ins = 0, count = 0, most = 0;
	bool anew = e > s->store.epoch || broken == DOWN_ABSENT || broken == STORE_LOST;
	int least = anew ? 0 : INT_MAX;   /* number after which it may be sent, the least */
	struct job *jobs[] = {&s->job, &s->recorder, &peer->job, &peer->recorder};

	if (e < epoch(s) && e != s->sends)
		s->sent[e] = 0;
	if (s->store.epoch == e)
		out[outs++] = &s->store.out;
	if (s->sends == e) {
		out[outs++] = &s->out;
		if (s->sends < epoch(s))
			s->may_send = 0;
		else
			out[outs++] = &s->may_send;
	}
	in[ins++] = &peer->replay[e].top;
	if (peer->store.heard == e)
		in[ins++] = &peer->store.in;
	for (int i = 0; i < 2; i++) {
		if (jobs[i]->verb && jobs[i]->new.epoch == e) {
			out[outs++] = &jobs[i]->new.out;
			if (s->sends != e && (jobs[i]->verb == UP || jobs[i]->verb == REKEY))
				out[outs++] = &jobs[i]->start;
		}
		if (jobs[i + 2]->verb && jobs[i + 2]->new.heard == e)
			in[ins++] = &jobs[i + 2]->new.in;
	}
	for (int i = 0; i < outs; i++)
		least = *out[i] < least ? *out[i] : least;
	for (int i = 0; i < ins; i++)
		most = larger(most, *in[i]);
	/* what is sent from now on is above this: then it does not matter by how much */
	if (s->sent[e] <= least)
		s->sent[e] = 0;
	/* Also above all that the peer knows. Then each new number is accepted, and a late one, which is of an epoch that is not
	 * recorded as heard, finds an empty window or one that makes it old news. */
	if (most <= least && !s->sent[e] && (s->late != e || s->late_number <= least)) {
		if (s->late == e)
			s->late_number = 0;
		if (s->late == e && e <= peer->store.heard)
			s->late = 0;
		for (int i = 0; i < ins; i++)
			*in[i] = 0;
		peer->replay[e].seen = 0;
		for (int i = 0; i < outs; i++)
			*out[i] -= least;
	}
	if (s->sent[e] > 0)
		all[count++] = &s->sent[e];
	if (s->late == e && s->late_number > 0)
		all[count++] = &s->late_number;
	for (int i = 0; i < outs; i++)
		if (*out[i] > 0)
			all[count++] = out[i];
	for (int i = 0; i < ins; i++)
		if (*in[i] > 0)
			all[count++] = in[i];
	close_gaps(all, count);
}

/* true: the sides have changed places */
static bool simplify(struct state *state)
{
	struct side *a = &state->side[0], *b = &state->side[1], copy;
	int least = epoch(a) < epoch(b) ? epoch(a) : epoch(b);

	for (int i = 0; i < 2 && least > HELD; i++)
		set_epochs_back(&state->side[i], least - HELD);
	for (int i = 0; i < 2; i++)
		for (int e = 0; e < EPOCHS; e++)
			simplify_numbers(&state->side[i], &state->side[!i], e);
	copy = *a;
	if (memcmp(a, b, sizeof *a) <= 0)
		return false;
	*a = *b;
	*b = copy;
	return true;
}

/* ---- walks ---- */

struct set { uint64_t *slots; size_t room, count; };

static void *grown(void *old, size_t count, size_t size)
{
	void *new = reallocarray(old, count, size);

	if (!new)
		err(1, "memory");
	return new;
}

static void place(struct set *set, uint64_t hash)
{
	size_t i = hash & (set->room - 1);

	while (set->slots[i] && set->slots[i] != hash)
		i = (i + 1) & (set->room - 1);
	set->count += !set->slots[i];
	set->slots[i] = hash;
}

/* Of a state only a hash is kept: that any two of a million share one has a probability of 10^-7. false: it is known */
static bool add(struct set *set, const struct state *state)
{
	size_t before = set->count;
	uint64_t hash = 0x9e3779b97f4a7c15, word;

	for (size_t i = 0; i < sizeof *state / sizeof word; i++) {
		memcpy(&word, (const char *)state + i * sizeof word, sizeof word);
		hash = (hash ^ word) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	if (2 * set->count >= set->room) {
		struct set old = *set;

		*set = (struct set){.room = old.room ? 2 * old.room : 1 << 12};
		set->slots = calloc(set->room, sizeof *set->slots);
		if (!set->slots)
			err(1, "memory");
		for (size_t i = 0; i < old.room; i++)
			if (old.slots[i])
				place(set, old.slots[i]);
		free(old.slots);
	}
	place(set, hash | !hash);
	return set->count > before;
}

static const struct state start = {{{.row = 1}, {.row = 1}}};

struct node { size_t parent; int who; enum event event; }; /* how a state was reached first */
struct list { struct state *states; size_t *nodes; size_t count, room; };

static struct node *nodes;
static size_t node_count, node_room;

static void push(struct list *list, const struct state *state, struct node node)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->states = grown(list->states, list->room, sizeof *list->states);
		list->nodes = grown(list->nodes, list->room, sizeof *list->nodes);
	}
	if (node_count == node_room) {
		node_room = node_room ? 2 * node_room : 64;
		nodes = grown(nodes, node_room, sizeof *nodes);
	}
	list->states[list->count] = *state;
	list->nodes[list->count++] = node_count;
	nodes[node_count++] = node;
}

static void tell(const struct state *state, const struct state *before, int who, enum event event)
{
	const struct side *s = &state->side[who], *then = &before->side[who];
	bool recorder = event == GO_RECORDER || (event == STATUS && s->recorder.verb);
	const struct job *job = recorder ? &s->recorder : &s->job, *job_then = recorder ? &then->recorder : &then->job;
	enum event verb = event < VERBS ? event : job_then->verb;
	struct side peer = before->side[!who];

	printf("  %c", "ab"[who]);
	switch (event) {
	case CRASH: puts(" crashes"); return;
	case KILL: printf(": %s is killed\n", event_names[verb]); return;
	case SEND: printf(" sends %d of epoch %d: %s\n", s->out, s->sends, accept(&peer, s->sends, s->out) ? "heard" : "refused"); return;
	case SEND_LOST: printf(" sends %d of epoch %d: lost\n", s->out, s->sends); return;
	case SEND_LATE: printf(" sends %d of epoch %d: late\n", s->out, s->sends); return;
	case LATE:
		printf("'s %d of epoch %d comes: %s\n", then->late_number, then->late,
		       accept(&peer, then->late, then->late_number) ? "heard" : "refused");
		return;
	default: printf(": %s ", event_names[verb]);
	}
	switch (verbs[verb][event < VERBS ? 0 : job_then->point]) {
	case LOAD: printf("takes epoch %d after number %d\n", job->new.epoch, job->start); break;
	case READ: puts(verb != REKEY ? "reads" : job->verb == REKEY ? "may go on" : "may not go on: as status"); break;
	case WRITE: printf("writes epoch %d, out %d, heard %d, in %d\n", s->store.epoch, s->store.out, s->store.heard, s->store.in); break;
	case ERASE: puts("erases the script's row"); break;
	case INBOUND:
	case REMOVE: printf("has inbound SAs of epochs %d to %d now\n", s->from, s->to); break;
	case OUTBOUND: printf("sends with epoch %d now, after number %d\n", s->sends, s->out); break;
	case BLOCK: puts("ends sending"); break;
	case GONE: puts("removes the SAs"); break;
	case END: break;
	}
}

/* From the start to a node and one event more: of states as they are, beside the simple ones that the nodes know. */
struct way { struct state state, simple; bool swapped; };

static void tell_way(struct way *way, struct node last)
{
	struct state before;
	int who;

	if (last.event == NOTHING)
		return;
	tell_way(way, nodes[last.parent]);
	before = way->state;
	who = last.who ^ way->swapped;
	if (!happens(&way->state, who, last.event))
		errx(1, "a way that none can go: simplify is wrong");
	tell(&way->state, &before, who, last.event);
	happens(&way->simple, last.who, last.event);
	way->swapped ^= !plain && simplify(&way->simple);
}

static bool in_range(const struct state *state)
{
	return state->side[0].to < EPOCHS - 1 && state->side[1].to < EPOCHS - 1;
}

static void list_properties(const char *word, int which)
{
	for (int p = 0; p < PROPERTIES; p++)
		if (which >> p & 1)
			printf("%s: %s\n", word, properties[p].words);
}

/* what was found, and the way to it; which must be so for states as they are, too */
static int show(struct node last)
{
	struct way way = {start, start, false};
	int what = found;

	list_properties("broken", found);
	found = 0;
	tell_way(&way, last);
	judge(&way.state);
	if (found != what)
		errx(1, "this way does not break it: simplify is wrong");
	if (found & DEAF_FOR_GOOD)
		puts("  both up, packets and rekey in turn: still deaf");
	return 1;
}

/* Breadth first, so that the first way found is the shortest. */
static int walk_all(int steps)
{
	struct list now = {0}, next = {0}, old;
	struct set known = {0}, simple = {0};
	struct state state = start;
	bool more = false;
	int step;

	add(&known, &state);
	push(&next, &state, (struct node){0});
	for (step = 0; step < steps && next.count > 0; step++) {
		old = now, now = next, next = old;
		next.count = 0;
		for (size_t i = 0; i < now.count; i++)
			for (int choice = 0; choice < 2 * EVENTS; choice++) {
				struct node node = {now.nodes[i], choice % 2, (enum event)(choice / 2)};

				state = now.states[i];
				if (!happens(&state, node.who, node.event))
					continue;
				if (!in_range(&state)) {
					more = true;
					continue;
				}
				judge(&state);
				if (found)
					return show(node);
				if (!plain)
					simplify(&state);
				if (add(&known, &state))
					push(&next, &state, node);
				if (plain) {
					simplify(&state);
					add(&simple, &state);
				}
			}
	}
	printf("%zu states, %s\n", plain ? simple.count : known.count, more || next.count > 0 ? "and more" : "all there are");
	list_properties("holds", watched);
	fprintf(stderr, "%d steps deep, %zu kept\n", step, node_count);
	return 0;
}

/* ---- random walks ---- */

static uint64_t random_state;

static int below(int count)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407; /* Knuth's */
	return (int)((random_state >> 33) % (unsigned)count);
}

/* a verb as a whole (changes 0) or up to a crash after so many changes; false: it cannot begin, or has no more than these */
static bool do_verb(struct side *s, enum event verb, int changes)
{
	int done = verb == DOWN; /* begins with one */

	if (!begin(s, verb))
		return false;
	while (s->job.verb && (changes == 0 || done < changes)) {
		enum step step = proceed(s, &s->job);

		done += step != LOAD && step != READ;
	}
	if (changes == 0)
		return true;
	if (!s->job.verb)
		return false;
	lose_kernel(s);
	return true;
}

static void walk_at_random(int length)
{
	static const enum event events[] = {UP, UP, DOWN, REKEY, REKEY, STATUS, CRASH, SEND, SEND, SEND_LOST, SEND_LATE, LATE};
	struct state state = start, before;
	bool swapped = false;

	for (int line = 0; line < length;) {
		enum event event = events[below(sizeof events / sizeof *events)];
		int who = below(2), changes = event < VERBS && below(2) == 0 ? 1 + below(4) : 0;

		before = state;
		if (event < VERBS ? !do_verb(&state.side[who], event, changes) : !happens(&state, who, event)) {
			state = before;
			continue;
		}
		printf(changes ? "%c crash-in-%s %d\n" : "%c %s\n", "ab"[who ^ swapped], event_names[event], changes);
		swapped ^= simplify(&state);
		line++;
	}
}

/* A real state beside a simple one that has come the same way: they must stay the same to simplify. */
static void compare_at_random(int length)
{
	struct state real = start, simple = start, copy;
	bool swapped = false, really;

	for (int step = 0; step < length && in_range(&real); step++) {
		int who = below(2);
		enum event event = (enum event)below(EVENTS);
		struct state real_before = real, simple_before = simple;

		really = happens(&real, who ^ swapped, event);
		/* what is late but tells nothing is in real states only */
		if (happens(&simple, who, event) != really && event != LATE)
			errx(1, "simplify is wrong: event %d can happen to one state only", (int)event);
		judge(&real);
		if (found)
			errx(1, "a random way breaks what walking all does not");
		if (!really) {
			real = real_before;
			simple = simple_before;
		}
		swapped ^= simplify(&simple);
		copy = real;
		simplify(&copy);
		if (memcmp(&copy, &simple, sizeof copy) != 0)
			errx(1, "simplify is wrong: another state after event %d", (int)event);
	}
}

/* ---- main ---- */

static void list_rules(void)
{
	for (int r = 1; r < RULES; r++)
		for (int p = 0; p < PROPERTIES; p++)
			if (rules[r].breaks >> p & 1)
				printf("%s\t%s\t%s\n", rules[r].name, properties[p].name, rules[r].words);
}

static void break_rule(enum rule rule)
{
	broken = rule;
	killing |= rule == DOWN_ABSENT;
	beyond = rule == MARGIN_PASSED ? margin + 1 : 0;
	for (size_t i = 0; i < sizeof other_orders / sizeof *other_orders; i++)
		if (other_orders[i].rule == rule)
			memcpy(verbs[other_orders[i].verb], other_orders[i].steps, sizeof *verbs);
}

/* a rule or a property; which properties are asked for now */
static int read_word(const char *word, int asked)
{
	for (int r = 1; r < RULES; r++)
		if (strcmp(word, rules[r].name) == 0) {
			if (broken)
				errx(2, "'%s': one rule at a time", word);
			break_rule((enum rule)r);
			return asked;
		}
	for (int p = 0; p < PROPERTIES; p++)
		if (strcmp(word, properties[p].name) == 0)
			return asked | 1 << p;
	errx(2, "'%s': no such rule or property; see model -l", word);
}

static int number(const char *text, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > most)
		errx(2, "'%s': want a number from 1 to %d", text, most);
	return (int)value;
}

int main(int argc, char **argv)
{
	int steps = INT_MAX, asked = 0, option;
	void (*walk)(int) = NULL;

	while ((option = getopt(argc, argv, "cklm:prs:w:")) != -1)
		switch (option) {
		case 'c': walk = compare_at_random; break;
		case 'k': killing = true; break;
		case 'l': list_rules(); return 0;
		case 'm': margin = number(optarg, 1000); break;
		case 'p': plain = true; break;
		case 'r': walk = walk_at_random; break;
		case 's': steps = number(optarg, INT_MAX); break;
		case 'w': window = number(optarg, 15); break;
		default: return 2;
		}
	argv += optind;
	argc -= optind;
	if (walk) {
		if (argc != 3)
			errx(2, "want WALKS LENGTH SEED");
		random_state = (uint64_t)number(argv[2], INT_MAX);
		for (int walks = number(argv[0], INT_MAX), length = number(argv[1], INT_MAX); walks > 0; walks--) {
			walk(length);
			if (walk == walk_at_random && walks > 1)
				puts("");
		}
		return fflush(stdout) == 0 ? 0 : 1;
	}
	while (argc-- > 0)
		asked = read_word(*argv++, asked);
	if (asked)
		watched = asked;
	/* simplify counts on what these leave open: that each number to come is above what was received */
	plain |= (watched & REPLAYED) != 0 || broken == MARGIN_PASSED || broken == ABOVE_RECORD;
	return walk_all(steps);
}
