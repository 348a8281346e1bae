/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Keys by exchange: each side has an X25519 secret in a file, and its public key in its endpoint
 * string. */
#ifndef SECRET_H
#define SECRET_H

#include "tunnel.h"

#include <stdbool.h>

/* Prints WORD, from which SIDE was read, with the public key of the secret file PATH, which is
 * created if it does not exist. Returns the exit status. */
int secret_introduce(const char *path, const char *word, const struct side *);
/* Refuses sides of the checked tunnel, with one line each: with EXCHANGED those without a public
 * key, else those with one. */
bool secret_check_words(const struct tunnel *, bool exchanged);
/* Computes the keys of this side's pairs from the secret in PATH, the public keys, the facts of
 * identity_exchange(), and the phrase in PHRASE_PATH unless it is NULL. Returns false after one
 * line that shows nothing of either file. */
bool secret_exchange(struct tunnel *, const char *path, const char *phrase_path);

#endif
