/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* exchange x25519 SECRET POINT, exchange iterate TIMES, exchange hkdf SALT KEY INFO LENGTH: in hexadecimal, as in RFC 7748 and RFC
 * 5869.   exchange openssl TIMES: compares random inputs with libcrypto.   exchange constant: marks secrets as
 * uninitialized for MemorySanitizer, which aborts if a branch or address depends on one; exchange constant branch has such a branch. */
#include "../helper/hkdf.c"
#include "../helper/text.c"
#include "../helper/x25519.c"
#include "../helper/sha256.c"

#include <sys/random.h>
#ifdef OPENSSL
#include <openssl/evp.h>
#include <openssl/kdf.h>
#endif
#ifdef MSAN
#include <sanitizer/msan_interface.h>
#endif

static size_t parse(unsigned char *out, const char *text)
{
	size_t length = strlen(text) / 2;

	for (size_t i = 0; i < length; i++)
		sscanf(text + 2 * i, "%2hhx", &out[i]);
	return length;
}

static int print(const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	puts("");
	return 0;
}

static int iterate(long times)
{
	unsigned char k[32] = { 9 }, u[32] = { 9 }, out[32];

	while (times--) {
		x25519(out, k, u);
		memcpy(u, k, sizeof u);
		memcpy(k, out, sizeof k);
	}
	return print(k, sizeof k);
}

#ifdef OPENSSL
static void demand(bool good, const char *what)
{
	if (!good)
		errx(1, "%s", what);
}

static int compare(int times)
{
	unsigned char before[32] = { 9 };

	for (int i = 0; i < times; i++) {
		unsigned char random[3 * 256], ours[256], theirs[256], *secret = random, *point = random + 256, *info = random + 512;
		size_t length = 32, salt = 0, key = 0, more = 0, wanted;
		EVP_PKEY *own, *peer;
		EVP_PKEY_CTX *context;
		struct sha256 hash;
		bool good;

		getrandom(random, sizeof random, 0);
		salt = random[253] % 130, key = random[254] % 130, more = random[255] % 200, wanted = 1 + random[252] % 200;
		own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
		EVP_PKEY_get_raw_public_key(own, theirs, &length);
		if (i % 16 == 0) {
			x25519_public(ours, secret);
			demand(memcmp(ours, theirs, 32) == 0, "public key");
		}
		if (i % 3 == 0) /* a public key, a number at the edge of the field, or any, half of which are not on the curve but its twist */
			memcpy(point, before, 32);
		else if (i % 3 == 1)
			memset(point + 1, 0xff, 31), point[31] &= 127;
		memcpy(before, theirs, 32);
		peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, 32);
		context = EVP_PKEY_CTX_new(own, NULL);
		good = EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 && EVP_PKEY_derive(context, theirs, &length) == 1;
		demand(x25519(ours, secret, point) == good && (!good || memcmp(ours, theirs, 32) == 0), "X25519");
		EVP_PKEY_CTX_free(context);

		context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
		demand(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1 &&
		       EVP_PKEY_CTX_set1_hkdf_salt(context, point, (int)salt) == 1 && EVP_PKEY_CTX_set1_hkdf_key(context, secret, (int)key) == 1 &&
		       EVP_PKEY_CTX_add1_hkdf_info(context, info, (int)more) == 1, "their HKDF");
		length = wanted;
		good = EVP_PKEY_derive(context, theirs, &length) == 1;
		hkdf(ours, wanted, point, salt, secret, key, info, more);
		demand(!good ? !key : memcmp(ours, theirs, wanted) == 0, "HKDF"); /* theirs wants a key */

		EVP_Digest(random, (size_t)i % sizeof random, theirs, NULL, EVP_sha256(), NULL);
		sha256_start(&hash);
		sha256_add(&hash, random, (size_t)i % sizeof random);
		sha256_end(&hash, ours);
		demand(memcmp(ours, theirs, 32) == 0, "SHA-256");
		EVP_PKEY_CTX_free(context);
		EVP_PKEY_free(own);
		EVP_PKEY_free(peer);
	}
	return printf("%d the same\n", times) < 0;
}
#endif

#ifdef MSAN
static int constant(bool branch)
{
	unsigned char secret[32] = { 1 }, shared[32], out[64];
	const unsigned char point[32] = { 9 };
	bool good;

	__msan_poison(secret, sizeof secret);
	if (branch && secret[3])
		puts("a branch");
	good = x25519(shared, secret, point);
	hkdf(out, sizeof out, secret, sizeof secret, shared, sizeof shared, "info", 4);
	if (__msan_test_shadow(shared, sizeof shared) < 0 || __msan_test_shadow(out, sizeof out) < 0)
		return !!puts("what follows is not secret");
	__msan_unpoison(&good, sizeof good);
	return good ? puts("none") < 0 : 1;
}
#endif

int main(int argc, char **argv)
{
	unsigned char a[256], b[256], c[256], out[256];
	size_t length;

	if (argc == 4 && strcmp(argv[1], "x25519") == 0) {
		parse(a, argv[2]);
		parse(b, argv[3]);
		if (!x25519(out, a, b))
			printf("low order: ");
		return print(out, X25519_LENGTH);
	}
	if (argc == 3 && strcmp(argv[1], "iterate") == 0)
		return iterate(atol(argv[2]));
	if (argc == 6 && strcmp(argv[1], "hkdf") == 0) {
		size_t salt = parse(a, argv[2]), key = parse(b, argv[3]), info = parse(c, argv[4]);

		length = (size_t)atoi(argv[5]);
		hkdf(out, length, a, salt, b, key, c, info);
		return print(out, length);
	}
#ifdef OPENSSL
	if (argc == 3 && strcmp(argv[1], "openssl") == 0)
		return compare(atoi(argv[2]));
#endif
#ifdef MSAN
	if (argc >= 2 && strcmp(argv[1], "constant") == 0)
		return constant(argc > 2);
#endif
	return 2;
}
