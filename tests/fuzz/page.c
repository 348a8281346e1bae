/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The facts and rows of a page; a section is added here.
 * Linked with: helper/page.c helper/page_facts.c helper/section.c helper/section_parse.c
 * helper/section_check.c helper/rows.c helper/xfrm.c helper/xfrm_parse.c helper/cipher.c
 * helper/prefix.c helper/endpoint.c helper/number.c helper/special.c helper/sha256.c helper/text.c
 */
#include "page.h"
#include "quiet.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

/* Of two peers, the second of which has no address yet. */
static struct section section_of(void)
{
	struct section section = { .made = 1,
		                   .check = "fedcba98765432100123456789abcdef",
		                   .port = 4500 };
	struct state state = { .spi = 0x101,
		               .reqid = 1,
		               .encap = ENCAP_ESPINUDP,
		               .cipher = cipher_named("null-sha256"),
		               .epoch = 1 };

	section.here = (struct address){ AF_INET, { 192, 0, 2, 1 } };
	for (size_t i = 0; i < 2; i++) {
		struct section_peer *peer = section_add_peer(&section);

		strcpy(peer->name, i ? "c" : "b");
		if (i)
			strcpy(peer->host, "c.example.org");
		else
			peer->there.address = (struct address){ AF_INET, { 192, 0, 2, 2 } };
		peer->there.port = 4501;
		for (int outbound = 0; outbound < 2; outbound++) {
			state.peer = i;
			state.outbound = outbound;
			state.spi++;
			section_add_state(&section, &state);
		}
	}
	return section;
}

static void use(const struct page *page, const struct section *own)
{
	static const char *const extras[] = { "way_1=dev eth0", "src4=", "table=x", NULL };
	struct section section;
	struct text out = { 0 };
	size_t count;

	for (unsigned i = 0; i < PAGE_FUNCTIONS; i++) {
		text_free(&out);
		if (!page_rows(&out, page, (enum page_function)i, own, extras))
			continue;
		/* nothing that a shell would take for more than words, nor empty lines */
		if (out.bytes && (strpbrk(out.bytes, "\"$`\\") || out.bytes[0] == '\n' ||
		                  strstr(out.bytes, "\n\n")))
			abort();
		free(page_policies(page, (enum page_function)i, own, &count));
	}
	text_free(&out);
	if (page_section(&section, page) && !page_fits(page, &section, "fuzz"))
		abort();
	section_free(&section);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct section own = section_of();
	struct text text = { 0 };
	struct page page;

	text_add(&text, (const char *)bytes, length);
	page_parse(&page, &text, "fuzz");
	page_free(&page);
	text_add_string(&text, "#!/bin/sh\n{ # xfrmpair\n");
	text_add(&text, (const char *)bytes, length);
	section_print(&text, &own);
	text_add_string(&text, "main \"$@\"\n}\n");
	if (page_parse(&page, &text, "fuzz"))
		use(&page, &own);
	page_free(&page);
	section_free(&own);
	return 0;
}
