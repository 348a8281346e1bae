/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `wireshark`: prints the table with which Wireshark decrypts a capture, of the present
 * SAs. */
#include "esp_sa.h"
#include "keep.h"
#include "memory.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>

static void print_head(struct text *out, const struct keep *keep)
{
	const struct page *page = &keep->page;
	uint16_t *ports = memory_rows(page->peer_count + 2, sizeof *ports);
	struct text title = { 0 };

	text_add_string(&title, page->name);
	ports[0] = page->port;
	ports[1] = page->mapped.port;
	for (size_t i = 0; i < page->peer_count; i++) {
		text_join(&title, " - ", page->peers[i].name, NULL);
		ports[i + 2] = keep->section.peers[i].there.port;
	}
	esp_sa_print_head(out, title.bytes, page->digest, ports, page->peer_count + 2);
	text_free(&title);
	free(ports);
}

static bool is_shared(const struct section *section, uint32_t spi)
{
	unsigned count = 0;

	for (size_t i = 0; i < section->state_count; i++)
		count += section->states[i].spi == spi;
	return count > 1;
}

static void print_state(struct text *out, const struct keep *keep, const struct state *state)
{
	const char *self = keep->page.name, *other = keep->page.peers[state->peer].name;
	bool shared = is_shared(&keep->section, state->spi);
	char dst[ADDRESS_TEXT];

	esp_sa_print_comment(out, state->spi, state->outbound ? self : other,
	                     state->outbound ? other : self, state->epoch);
	esp_sa_print(out, state->cipher, keep->page.family,
	             shared ? address_print(dst, &state->dst) : NULL, state->spi, state->key);
}

int wireshark(struct keep *keep, int argc, char **argv)
{
	struct text out = { 0 };

	(void)argc;
	(void)argv;
	if (!esp_sa_can(keep->page.cipher, keep->page.encap)) {
		keep_say(keep,
		         "Wireshark cannot decrypt this tunnel: it does not support %s, or "
		         "mistakes espinudp-nonike for IKE",
		         keep->page.cipher->name);
		return EXIT_MISTAKE;
	}
	keep_say(keep, "warning: the table contains keys: anyone who has it can decrypt the "
	         "traffic");
	print_head(&out, keep);
	for (size_t i = 0; i < keep->section.state_count; i++)
		print_state(&out, keep, &keep->section.states[i]);
	fwrite(out.bytes, 1, out.length, stdout);
	text_free(&out);
	return EXIT_OK;
}
