/* The tunnel file: the command line's options and sides, written down.
 *
 *     [tunnel]
 *     cipher = aes256gcm16       # any long option that is not about one run only
 *
 *     [side a]
 *     local = 192.168.1.4:61525
 *     mapped = 85.9.8.7:61525
 *     net = 192.168.1.0/24       # repeatable
 *     public = ...               # what stands behind the # of a word
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "options.h"
#include "text.h"
#include "tunnel.h"

#include <stdbool.h>

/* Adds what the file PATH says; the command line's words go before the file's.  *TEXT keeps the
 * file's words, to which the options point.  Every bad line is reported, then false. */
bool config_read(struct tunnel *, struct options *, struct text *text, const char *path);
/* The same for a text that was read already (the fuzzer's way in); the text is cut up. */
bool config_parse(struct tunnel *, struct options *, char *text, const char *path);

#endif
