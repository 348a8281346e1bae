/* Keys and SPIs: fresh ones, or those of a key file, one line per direction; or one per pair, a secret that both directions'
 * follow from:
 *
 *     FROM TO EPOCH SPI KEY
 *     ONE TWO EPOCH secret SECRET
 */
#ifndef KEY_H
#define KEY_H

#include "text.h"
#include "tunnel.h"

#include <stdbool.h>

/* Gives every direction of the checked tunnel that has none a fresh key and SPI, from getrandom(2), or from a fresh secret
 * where the pair has neither. */
void key_make(struct tunnel *);
/* Takes them from the file PATH; refuses, every bad line in one line.  All pairs must be there and no other sides,
 * unless it may be PARTLY so: then what is of no use is passed over. */
bool key_read(struct tunnel *, const char *path, bool partly);
/* The same for a text that was read already (the fuzzer's way in). */
bool key_parse(struct tunnel *, char *text, const char *path, bool partly);
/* The pair's first secret is SECRET, and it has no other; refuses, after a line that begins with WHERE, one whose SPIs another
 * has. */
bool key_put(struct tunnel *, size_t one, size_t two, const unsigned char secret[SECRET_BYTES], const char *where);
/* A fresh key and SPI, or secret of the pair, in place of one that key_make() made; false for one that was given. */
bool key_renew(struct tunnel *, size_t from, size_t to);
/* Writes the key file's text. */
void key_print(struct text *, const struct tunnel *);
/* Adds its lines about side SELF, as a script has them at its end, by peer: the secret, or what it sends with, then what it
 * receives with. */
void key_print_of_side(struct text *, const struct tunnel *, size_t self);
/* The SA of a direction that its sender uses first; the tunnel must have its keys. */
const struct sa *key_of(const struct tunnel *, size_t from, size_t to);
/* Wipes and frees. */
void key_free(struct tunnel *);

#endif
