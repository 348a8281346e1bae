/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Two machines (or three: a copy of the first one's script runs on the last), each with a store, a
 * script, a kernel and running programs. The functions of helper/epoch.c change the
 * sections; the rest models what the script and xfrmkeep do around them. */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

/* Epochs are set back so that the side ahead is at AHEAD.  Without that a walk needs -DEPOCHS. */
#ifndef EPOCHS
#define EPOCHS 8
#endif
enum { AHEAD = 4, SIDES = 3 };

/* ---- State: short alone, so that memcmp and a hash see no padding ---- */

enum { MISSING, WHOLE, TORN };

/* A section as far as it matters. */
struct copy {
	short there;
	short made;
	short epoch, next, heard;  /* next 0: the keys are fixed */
	short out;                 /* number */
	short in[EPOCHS];          /* number + 1; 0: there is no such row */
};

struct kernel {
	short up;                  /* the run folder is there */
	short policy;              /* the out policy is there, and names the outbound SA */
	short sends, out;          /* epoch of the outbound SA, and its number; 0: there is none */
	short top[EPOCHS];         /* of an inbound SA's window, + 1; 0: there is no such SA */
	short seen[EPOCHS];        /* bit i for number top - i */
};

/* What happens to one side.  The verbs begin then, and a job is at one of them. */
enum event {
	NOTHING, UP, BARE_UP, DOWN, REKEY, MEND, STATUS,
	GO, GO_RECORDER, CRASH, KILL, FLUSH, SEND, SEND_OTHER, SEND_LOST, SEND_LATE, LATE,
	TEAR, LOSE, KEEP, RESTORE, EVENTS,
	VERBS = GO,
};

struct job {
	short verb, point;         /* point: how many of its steps are done */
	short begins;              /* it adds the outbound SA */
	short rewrites;            /* the step that writes the script, too; 0: none */
	short noted;               /* it has read what the replayed packet left in the window */
	struct copy new;           /* to be written */
};

/* Phases of the packet that a side sent late: LATE takes it to the other as often as it likes. */
enum { ON_ITS_WAY, RECEIVED, RECORDED };

struct side {
	struct copy store, script;
	struct copy kept[2];       /* backup of both */
	struct kernel kernel;
	struct job job, recorder;  /* the second one only where there is no lock */
	/* what no side knows */
	short faults;              /* of its disk, that are to come yet */
	short sent[EPOCHS];        /* highest number ever sent */
	short late, number, phase; /* epoch, number and phase of a packet; epoch 0: there is none */
};

struct world { struct side side[SIDES]; };

/* ---- Properties, rules and scenes ---- */

enum property {
	APART = 1, TWICE = 2, KEYS = 4, ERASED = 8, DEAF = 16, DEAF_FOR_GOOD = 32, STUCK = 64,
	REPLAYED = 128, GUESSED = 256,
	PROMISED = 511,
};

/* Of the script and xfrmkeep; those of helper/epoch.c are lines of tests/model/mutants. */
enum rule {
	AS_WRITTEN,
	UP_LATE,
	REKEY_LATE,
	OUTBOUND_FIRST,
	SCRIPT_SECOND,
	REMOVE_BELOW,
	MEND_EXACT,
	UNLOCKED,
	TOP_OF_WINDOW,
	TORN_PASSED,
	MARGIN_PASSED,
	RULES,
};

enum scene {
	LATE_PACKETS = 1,          /* packets come late, and again */
	KILLS = 2,                 /* verbs are killed while SAs and policies stay */
	FLUSHES = 4,               /* another program removes the SAs */
	FIXED = 8,                 /* the keys are fixed */
	READ_ONLY = 16,            /* scripts cannot be written */
	/* and once, for a */
	TEARS = 32,                /* the store is torn */
	LOSES = 64,                /* the store is lost */
	RESTORES_STORE = 128,      /* from a backup */
	RESTORES_SCRIPT = 256,
	COPIES = 512,              /* of the script, on a second machine */
	/* Nothing comes between the steps of a verb, or there were too many states. */
	WHOLE_VERBS = COPIES | RESTORES_STORE | RESTORES_SCRIPT,
};

static int window = 1;               /* stands for 128 */
static enum rule broken;
static bool plain;                   /* states are kept as they are */
static bool writes_script;           /* also where it does not matter */
static unsigned scene;
static int watched = PROMISED, found;

static void breaks(int property)
{
	found |= property & watched;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static int sides(void)
{
	return scene & COPIES ? 3 : 2;
}

static const char *name_of(int who)
{
	return who == 1 ? "b" : "a";
}

/* A script that is not read again once there is a store does not matter. */
static bool script_matters(const struct side *s)
{
	return writes_script || broken == TORN_PASSED ||
	       (s->faults && scene & (LOSES | RESTORES_STORE | COPIES));
}

/* The other one; of b the one that has the script first. */
static int peer_of(int who)
{
	return who != 1;
}

#endif
