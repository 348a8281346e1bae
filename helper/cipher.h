/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The table of ciphers, named in strongSwan's proposal notation. */
#ifndef CIPHER_H
#define CIPHER_H

#include "text.h"

#include <stdbool.h>

enum { CIPHER_KEY_MOST = 96 };  /* bytes: AES-256 and HMAC-SHA-512, the longest pair */

struct cipher {
	const char *name;        /* in strongSwan's notation */
	const char *encryption;  /* the kernel's name */
	const char *integrity;   /* the kernel's name; NULL for an AEAD, which is both */
	unsigned key_bytes;      /* encryption key, with the salt that `ip` takes at its end; 0 for the null cipher */
	unsigned salt_bytes;     /* of these */
	unsigned auth_bytes;     /* integrity key; 0 for an AEAD */
	unsigned icv_bits;
	unsigned iv_bytes;       /* in every packet */
	unsigned block_bytes;    /* what a packet is padded to; at least 4 (RFC 4303, section 2.4) */
	const char *wireshark;   /* the names in the esp_sa table of its release 4.0, encryption, then integrity; NULL: it has none */
	const char *wireshark_auth;
};

#define CIPHER_DEFAULT "aes256gcm16"

/* NULL, after one line that begins with WHERE, for a name that is not in the table. */
const struct cipher *cipher_find(const char *name, const char *where);
/* The same without a message. */
const struct cipher *cipher_named(const char *name);
/* Finds a cipher by the kernel's names; INTEGRITY is NULL for an AEAD, KEY_BYTES is the length of the
 * encryption key with its salt.  Returns NULL, without a message, if there is none. */
const struct cipher *cipher_of(const char *encryption, const char *integrity, unsigned icv_bits,
                               size_t key_bytes);
/* The table, for people: adds it to OUT. */
void cipher_list(struct text *out);
/* Key material of one SA: encryption key, then integrity key. */
unsigned cipher_key_bytes(const struct cipher *);
/* KEY as a key file and a script spell it: 0xENCKEY, or 0xENCKEY 0xAUTHKEY. */
void cipher_print_key(struct text *, const struct cipher *, const unsigned char *key);
/* The parts of it; the second is empty for an AEAD. */
void cipher_print_encryption_key(struct text *, const struct cipher *, const unsigned char *key);
void cipher_print_integrity_key(struct text *, const struct cipher *, const unsigned char *key);

#endif
