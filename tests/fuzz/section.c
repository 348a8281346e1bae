/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A section, whose last line with the right sum is added here: what is read is printed the same.
 * Linked with: helper/section.c helper/section_parse.c helper/section_check.c helper/rows.c
 * helper/xfrm.c helper/xfrm_parse.c helper/cipher.c helper/prefix.c helper/endpoint.c
 * helper/number.c helper/special.c helper/sha256.c helper/text.c */
#include "quiet.h"
#include "section.h"
#include "sha256.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void add_end(struct text *text)
{
	unsigned char sum[SHA256_LENGTH];
	struct sha256 hash;

	sha256_start(&hash);
	sha256_add(&hash, text->bytes, text->length);
	sha256_end(&hash, sum);
	text_add_string(text, "# ---- end ");
	text_add_hex(text, sum, 8);
	text_add_string(text, "\n");
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct text text = { 0 }, again = { 0 };
	struct section section;
	size_t begin, found;

	text_add(&text, (const char *)bytes, length);
	section_find(text.bytes, text.length, &begin, &found);
	section_belongs(text.bytes, text.length, "fedcba98765432100123456789abcdef");
	section_parse(&section, text.bytes, text.length, 4500, "fuzz");
	section_free(&section);
	add_end(&text);
	/* with UDP or without, as it likes */
	if (section_parse(&section, text.bytes, text.length, 4500, "fuzz") ||
	    section_parse(&section, text.bytes, text.length, 0, "fuzz")) {
		section_print(&again, &section);
		if (again.length != text.length ||
		    memcmp(again.bytes, text.bytes, text.length) != 0)
			abort();
		/* it is found in a script where it begins its own line, and is all of it */
		if (!section_find(text.bytes, text.length, &begin, &found) || begin != 0 ||
		    found != text.length)
			abort();
		for (size_t i = 0; i < section.peer_count; i++) {
			size_t count;
			const struct state *states = section_states(&section, i, &count);

			section_replace(&section, i, states, count);
		}
		text_free(&again);
		section_print(&again, &section);
		if (memcmp(again.bytes, text.bytes, text.length) != 0)
			abort();
	}
	section_free(&section);
	text_free(&again);
	text_free(&text);
	return 0;
}
