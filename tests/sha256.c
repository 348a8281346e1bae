/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* sha256 TIMES TEXT: SHA-256 of TEXT so many times.   sha256 hmac KEY TEXT: its HMAC. */
#include "../helper/sha256.c"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	unsigned char out[SHA256_LENGTH];
	struct sha256 hash;

	if (argc == 4) {
		sha256_hmac(out, argv[2], strlen(argv[2]), argv[3], strlen(argv[3]));
	} else if (argc == 3) {
		sha256_start(&hash);
		for (int i = atoi(argv[1]); i; i--)
			sha256_add(&hash, argv[2], strlen(argv[2]));
		sha256_end(&hash, out);
	} else {
		return 2;
	}
	for (int i = 0; i < SHA256_LENGTH; i++)
		printf("%02x", out[i]);
	puts("");
	return 0;
}
