/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* reqid SECRET SECRET: the sides a, b and c have exchanged endpoint strings, and these are a's secrets with b and c: prints
 * xfrmpair's result.  Linked with the rest of gen/. */
#include "../gen/identity.h"
#include "../gen/key.h"
#include "../helper/text.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct side sides[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
	struct tunnel tunnel = { .sides = sides, .side_count = 3, .cipher = cipher_find(CIPHER_DEFAULT, NULL), .exchanged = true };
	unsigned char given[2][SECRET_BYTES];
	bool good = argc == 3;

	for (size_t i = 0; good && i < 2; i++)
		good = hex_parse(given[i], SECRET_BYTES, argv[i + 1]) && key_put(&tunnel, 0, i + 1, given[i], "words");
	good = good && identity_settle(&tunnel, "words");
	for (size_t i = 0; good && i < 2; i++)
		printf("%s\n", memcmp(key_of(&tunnel, 0, i + 1)->secret, given[i], SECRET_BYTES) == 0 ? "kept" : "another");
	key_free(&tunnel);
	return good ? 0 : 2;
}
