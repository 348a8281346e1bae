/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "cipher.h"
#include "say.h"

#include <string.h>

/* Key, salt and ICV: RFC 4106 section 8.1 (GCM), RFC 4309 section 7 (CCM), RFC 7634 section 2 (ChaCha20-Poly1305),
 * RFC 3602 (CBC), RFC 3686 section 5 (CTR), RFC 2404 and RFC 4868 section 2.6 (HMACs).  The first row is the default. */
#define GCM(bits, icv) { "aes" #bits "gcm" #icv, "rfc4106(gcm(aes))", NULL, bits / 8 + 4, 4, 0, icv * 8, 8, 4, \
                         "AES-GCM with " #icv " octet ICV [RFC4106]", "NULL" }
#define CCM(bits) { "aes" #bits "ccm16", "rfc4309(ccm(aes))", NULL, bits / 8 + 3, 3, 0, 128, 8, 4, NULL, NULL }
#define SHA1   "hmac(sha1)", 20, 96, "HMAC-SHA-1-96 [RFC2404]"
#define SHA256 "hmac(sha256)", 32, 128, "HMAC-SHA-256-128 [RFC4868]"
#define SHA384 "hmac(sha384)", 48, 192, "HMAC-SHA-384-192 [RFC4868]"
#define SHA512 "hmac(sha512)", 64, 256, "HMAC-SHA-512-256 [RFC4868]"
/* twice, for the macros above to become arguments of their own */
#define PAIR(...) PAIR_OF(__VA_ARGS__)
#define PAIR_OF(name, encryption, key, salt, iv, block, ws, integrity, auth, icv, ws_auth) \
	{ name, encryption, integrity, key, salt, auth, icv, iv, block, ws, ws_auth }
#define CBC(bits, word, sha) PAIR("aes" #bits "-" word, "cbc(aes)", bits / 8, 0, 16, 16, "AES-CBC [RFC3602]", sha)

static const struct cipher ciphers[] = {
	GCM(256, 16), GCM(256, 12), GCM(256, 8),
	GCM(192, 16), GCM(192, 12), GCM(192, 8),
	GCM(128, 16), GCM(128, 12), GCM(128, 8),
	CCM(256), CCM(128),
	{ "chacha20poly1305", "rfc7539esp(chacha20,poly1305)", NULL, 32 + 4, 4, 0, 128, 8, 4, NULL, NULL },
	CBC(256, "sha1", SHA1), CBC(256, "sha256", SHA256), CBC(256, "sha384", SHA384), CBC(256, "sha512", SHA512),
	CBC(192, "sha1", SHA1), CBC(192, "sha256", SHA256), CBC(192, "sha384", SHA384), CBC(192, "sha512", SHA512),
	CBC(128, "sha1", SHA1), CBC(128, "sha256", SHA256), CBC(128, "sha384", SHA384), CBC(128, "sha512", SHA512),
	PAIR("aes128ctr-sha256", "rfc3686(ctr(aes))", 128 / 8 + 4, 4, 8, 4, "AES-CTR [RFC3686]", SHA256),
	PAIR("null-sha256", "ecb(cipher_null)", 0, 0, 0, 4, "NULL", SHA256),
};
enum { CIPHER_COUNT = sizeof ciphers / sizeof *ciphers };

const struct cipher *cipher_named(const char *name)
{
	for (size_t i = 0; i < CIPHER_COUNT; i++)
		if (strcmp(name, ciphers[i].name) == 0)
			return &ciphers[i];
	return NULL;
}

const struct cipher *cipher_find(const char *name, const char *where)
{
	const struct cipher *cipher = cipher_named(name);

	if (cipher)
		return cipher;
	refuse(where, "cipher '%s': unknown (expected one that --list-ciphers prints, like %s or "
	       "%s)", shown(name), ciphers[0].name,
	       ciphers[6].name);
	return NULL;
}

static bool same_name(const char *one, const char *two)
{
	return one && two ? strcmp(one, two) == 0 : one == two;
}

const struct cipher *cipher_of(const char *encryption, const char *integrity, unsigned icv_bits,
                               size_t key_bytes)
{
	for (size_t i = 0; i < CIPHER_COUNT; i++) {
		const struct cipher *cipher = &ciphers[i];

		if (cipher->key_bytes == key_bytes && cipher->icv_bits == icv_bits &&
		    strcmp(cipher->encryption, encryption) == 0 && same_name(cipher->integrity, integrity))
			return cipher;
	}
	return NULL;
}

void cipher_list(struct text *out)
{
	text_printf(out, "%-17s %-30s %-13s %4s %4s %4s %4s %3s %5s\n", "name", "encryption (kernel)", "integrity", "key", "salt",
	            "auth", "icv", "iv", "block");
	for (size_t i = 0; i < CIPHER_COUNT; i++) {
		const struct cipher *c = &ciphers[i];

		text_printf(out, "%-17s %-30s %-13s %4u %4u %4u %4u %3u %5u\n", c->name, c->encryption, c->integrity ? c->integrity : "-",
		            c->key_bytes - c->salt_bytes, c->salt_bytes, c->auth_bytes, c->icv_bits, c->iv_bytes, c->block_bytes);
	}
	text_printf(out, "key, salt, auth, iv and block in bytes, icv in bits; a key file has key and salt as one number\n");
}

unsigned cipher_key_bytes(const struct cipher *cipher)
{
	return cipher->key_bytes + cipher->auth_bytes;
}

void cipher_print_encryption_key(struct text *out, const struct cipher *cipher, const unsigned char *key)
{
	text_add_string(out, "0x"); /* of the null cipher, only the integrity key */
	text_add_hex(out, key, cipher->key_bytes);
}

void cipher_print_integrity_key(struct text *out, const struct cipher *cipher, const unsigned char *key)
{
	text_add_string(out, cipher->auth_bytes ? "0x" : "");
	text_add_hex(out, key + cipher->key_bytes, cipher->auth_bytes);
}

void cipher_print_key(struct text *out, const struct cipher *cipher, const unsigned char *key)
{
	cipher_print_encryption_key(out, cipher, key);
	if (cipher->auth_bytes)
		text_add_string(out, " ");
	cipher_print_integrity_key(out, cipher, key);
}
