/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The explanations of --explain for the words of a command. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "text.h"
#include "xfrm.h"

#include <stdint.h>

/* Continues the words of xfrm.h. */
enum {
	WORD_LINK = WORD_OF_OTHERS,
	WORD_ADDRESS,
	WORD_ROUTE,
	WORD_MTU,
	WORD_MAXSEG,
	WORD_ESPDECAP,
	WORD_DETACH,
	WORD_NONIKE,
	WORD_USER
};

/* Adds a comment for each of WORDS. */
void explain_words(struct text *, uint64_t words);

#endif
