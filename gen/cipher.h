/* The ciphers, in strongSwan's proposal words. */
#ifndef CIPHER_H
#define CIPHER_H

#include "text.h"

#include <stdbool.h>

enum { CIPHER_KEY_MOST = 96 };  /* bytes: AES-256 and HMAC-SHA-512, the longest pair */

struct cipher {
	const char *name;        /* strongSwan's word */
	const char *encryption;  /* the kernel's name */
	const char *integrity;   /* the kernel's name; NULL for an AEAD, which is both */
	unsigned key_bytes;      /* encryption key, with the salt that `ip` takes at its end */
	unsigned auth_bytes;     /* integrity key; 0 for an AEAD */
	unsigned icv_bits;
};

#define CIPHER_DEFAULT "aes256gcm16"

/* NULL, after one line that begins with WHERE, for a name that is not in the table. */
const struct cipher *cipher_find(const char *name, const char *where);
/* Key material of one SA: encryption key, then integrity key. */
unsigned cipher_key_bytes(const struct cipher *);
/* KEY as a key file and a script spell it: 0xENCKEY, or 0xENCKEY 0xAUTHKEY. */
void cipher_print_key(struct text *, const struct cipher *, const unsigned char *key);
/* KEY as the algorithm words of `ip xfrm state add`. */
void cipher_print_words(struct text *, const struct cipher *, const unsigned char *key);

#endif
