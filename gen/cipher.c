#include "cipher.h"
#include "say.h"

#include <string.h>

/* Key and salt sizes: RFC 4106, section 8.1.  The first row is the default. */
static const struct cipher ciphers[] = {
	{ "aes256gcm16", "rfc4106(gcm(aes))", NULL, 32 + 4, 0, 128 },
	{ "aes128gcm16", "rfc4106(gcm(aes))", NULL, 16 + 4, 0, 128 },
	{ "aes128gcm12", "rfc4106(gcm(aes))", NULL, 16 + 4, 0, 96 },
};
enum { CIPHER_COUNT = sizeof ciphers / sizeof *ciphers };

const struct cipher *cipher_find(const char *name, const char *where)
{
	struct text names = { 0 };

	for (size_t i = 0; i < CIPHER_COUNT; i++) {
		if (strcmp(name, ciphers[i].name) == 0) {
			text_free(&names);
			return &ciphers[i];
		}
		text_printf(&names, " %s", ciphers[i].name);
	}
	refuse(where, "cipher '%s': want one of%s", shown(name), names.bytes);
	text_free(&names);
	return NULL;
}

unsigned cipher_key_bytes(const struct cipher *cipher)
{
	return cipher->key_bytes + cipher->auth_bytes;
}

static void print_hex(struct text *out, const unsigned char *bytes, unsigned count)
{
	text_printf(out, "0x");
	for (unsigned i = 0; i < count; i++)
		text_printf(out, "%02x", bytes[i]);
}

void cipher_print_key(struct text *out, const struct cipher *cipher, const unsigned char *key)
{
	print_hex(out, key, cipher->key_bytes);
	if (cipher->auth_bytes) {
		text_printf(out, " ");
		print_hex(out, key + cipher->key_bytes, cipher->auth_bytes);
	}
}

void cipher_print_words(struct text *out, const struct cipher *cipher, const unsigned char *key)
{
	if (!cipher->integrity) {
		text_printf(out, "aead %s ", cipher->encryption);
		print_hex(out, key, cipher->key_bytes);
		text_printf(out, " %u", cipher->icv_bits);
		return;
	}
	text_printf(out, "enc %s ", cipher->encryption);
	print_hex(out, key, cipher->key_bytes);
	text_printf(out, " auth-trunc %s ", cipher->integrity);
	print_hex(out, key + cipher->key_bytes, cipher->auth_bytes);
	text_printf(out, " %u", cipher->icv_bits);
}
