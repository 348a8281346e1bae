/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "esp_sa.h"
#include "memory.h"
#include "print.h"
#include "say.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int by_spi(const void *one, const void *two)
{
	uint32_t a = (*(const struct sa *const *)one)->spi,
		 b = (*(const struct sa *const *)two)->spi;

	return (a > b) - (a < b);
}

/* All SAs, sorted by SPI. The caller frees. */
static const struct sa **sort(const struct tunnel *tunnel)
{
	const struct sa **sas = memory_rows(tunnel->sa_count, sizeof *sas);

	for (size_t i = 0; i < tunnel->sa_count; i++)
		sas[i] = &tunnel->sas[i];
	qsort(sas, tunnel->sa_count, sizeof *sas, by_spi);
	return sas;
}

/* If two SAs have the same SPI, the destination distinguishes them, because each receiver's SPIs
 * are unique. */
static void add_sa(struct text *out, const struct tunnel *tunnel, const struct sa *sa, bool shared)
{
	const struct side *to = &tunnel->sides[sa->to];
	char address[OUTER_TEXT];

	esp_sa_print(out, tunnel->cipher, tunnel->sides[sa->from].local.address.family,
	             shared && !to->mapped_name[0] ? mapped_print_address(address, to) : NULL,
	             sa->spi, sa->key);
}

/* The rows for captures between the NATs and on the hosts. */
static void add_head(struct text *out, const struct tunnel *tunnel)
{
	uint16_t *ports = memory_rows(tunnel->side_count, 2 * sizeof *ports);
	struct text title = { 0 };
	char digest[16];

	for (size_t i = 0; i < tunnel->side_count; i++) {
		ports[2 * i] = tunnel->sides[i].local.port;
		ports[2 * i + 1] = tunnel->sides[i].mapped.port;
	}
	print_names(&title, tunnel);
	snprintf(digest, sizeof digest, "%08x", (unsigned)tunnel->digest);
	esp_sa_print_head(out, title.bytes, digest, ports, 2 * tunnel->side_count);
	text_free(&title);
	free(ports);
}

void print_wireshark(struct text *out, const struct tunnel *tunnel)
{
	const struct sa **sas = sort(tunnel);
	size_t count = tunnel->sa_count;

	add_head(out, tunnel);
	for (size_t i = 0; i < count; i++)
		esp_sa_print_comment(out, sas[i]->spi, tunnel->sides[sas[i]->from].name,
		                     tunnel->sides[sas[i]->to].name, (uint32_t)sas[i]->epoch);
	for (size_t i = 0; i < count; i++)
		add_sa(out, tunnel, sas[i],
		       (i > 0 && sas[i - 1]->spi == sas[i]->spi) ||
		               (i + 1 < count && sas[i + 1]->spi == sas[i]->spi));
	free(sas);
}
