/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The key file, one line per direction; or one per pair, a secret that both directions' keys and
 * SPIs follow from:
 *
 *     FROM TO EPOCH SPI KEY
 *     ONE TWO EPOCH secret SECRET
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include "text.h"
#include "tunnel.h"

#include <stdbool.h>

/* Reads the keys from the file PATH. Refuses every bad line with one line. It must have all pairs
 * and no other sides; with PARTLY, pairs may be missing and other sides are ignored. */
bool keyfile_read(struct tunnel *, const char *path, bool partly);
/* The same for a text that was read already (the fuzzer's way in). */
bool keyfile_parse(struct tunnel *, char *text, const char *path, bool partly);
/* Writes the key file's text. */
void keyfile_print(struct text *, const struct tunnel *);

#endif
