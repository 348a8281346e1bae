/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The tunnel file: options and sides, as on the command line.
 *
 *     [tunnel]
 *     cipher = aes256gcm16       # any long option except those for a single run
 *
 *     [side a]
 *     local = 192.168.1.4:61525
 *     mapped = 85.9.8.7:61525
 *     net = 192.168.1.0/24       # repeatable
 *     public = ...               # the part after the # of an endpoint string
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "options.h"

#include <stdbool.h>

/* Adds what the request's file says. Options on the command line override the file. Reports every
 * bad line, then returns false. */
bool config_read(struct request *);
/* The same for a text that was read already (the fuzzer's way in). It cuts TEXT up, and the request
 * keeps pointers into it. */
bool config_parse(struct request *, char *text, const char *path);

#endif
