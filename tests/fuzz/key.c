/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Key files. */
#include "../../helper/cipher.c"
#include "../../gen/key.c"
#include "../../gen/keyfile.c"
#include "../../gen/path.c"
#include "../../helper/text.c"
#include "../../helper/endpoint.c"
#include "../../helper/epoch.c"
#include "../../helper/number.c"
#include "../../helper/random.c"
#include "../../helper/section.c"
#include "../../helper/sha256.c"
#include "../../helper/xfrm.c"
#include "quiet.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	static struct side sides[] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
	struct tunnel tunnel = { .sides = sides, .side_count = 2 + (length >> 1 & 1), .star = length >> 2 & 1, .cipher = &ciphers[7] };
	char *text = strndup((const char *)bytes, length);

	keyfile_parse(&tunnel, text, "fuzz", length & 1);
	key_free(&tunnel);
	free(text);
	return 0;
}
