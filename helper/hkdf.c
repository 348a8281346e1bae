/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "hkdf.h"
#include "sha256.h"
#include "text.h"

#include <string.h>

void hkdf(unsigned char *out, size_t length, const void *salt, size_t salt_length, const void *key,
          size_t key_length, const void *info, size_t info_length)
{
	unsigned char extracted[SHA256_LENGTH], block[SHA256_LENGTH];
	struct text line = {
		0
	}; /* the input of a block's HMAC: the previous block, INFO, the number of the block */
	char number = 0;

	sha256_hmac(extracted, salt, salt_length, key, key_length);  /* section 2.2 */
	for (size_t done = 0, part; done < length; done += part) {   /* section 2.3 */
		text_empty(&line);
		if (done)
			text_add(&line, (char *)block, sizeof block);
		if (info_length)
			text_add(&line, info, info_length);
		number++;
		text_add(&line, &number, 1);
		sha256_hmac(block, extracted, sizeof extracted, line.bytes, line.length);
		part = length - done < sizeof block ? length - done : sizeof block;
		memcpy(out + done, block, part);
	}
	text_free(&line);
	explicit_bzero(extracted, sizeof extracted);
	explicit_bzero(block, sizeof block);
}
