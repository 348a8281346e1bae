/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Keys without a way to carry them: each side has a secret, an X25519 one in a file of its own, and
 * its public key in its word. */
#ifndef SECRET_H
#define SECRET_H

#include "tunnel.h"

#include <stdbool.h>

/* Prints WORD, which SIDE was read from, with the public key of the file PATH, made if it is
 * missing.  The exit status. */
int secret_introduce(const char *path, const char *word, const struct side *);
/* Refuses, in one line each, words of the checked tunnel that do not fit: EXCHANGED, all have a
 * public key, else none has. */
bool secret_check_words(const struct tunnel *, bool exchanged);
/* Gives the own pairs their keys, from the secret in the file PATH, the public keys, what
 * identity_exchange() takes, and the phrase in the file PHRASE_PATH unless that is NULL.  False
 * after one line that shows nothing of either file. */
bool secret_exchange(struct tunnel *, const char *path, const char *phrase_path);

#endif
