/* SPDX-License-Identifier: ISC */
#include "print.h"
#include "say.h"

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAT_T_PORT = 4500 };  /* Wireshark looks for ESP there by itself */

static bool has_port(const struct side *side, uint16_t port)
{
	return side->local.port == port || side->mapped.port == port;
}

/* As seen between the NATs and on the hosts. */
static void add_port(struct text *out, const struct tunnel *tunnel, size_t side, uint16_t port)
{
	for (size_t i = 0; i < side; i++)
		if (has_port(&tunnel->sides[i], port))
			return;
	if (port && port != NAT_T_PORT)
		text_printf(out, " -d udp.port==%u,udpencap", port);
}

static int by_spi(const void *one, const void *two)
{
	uint32_t a = (*(const struct sa *const *)one)->spi,
		 b = (*(const struct sa *const *)two)->spi;

	return (a > b) - (a < b);
}

/* All SAs, those with one SPI side by side; to be freed. */
static const struct sa **sort(const struct tunnel *tunnel)
{
	const struct sa **sas = calloc(tunnel->sa_count, sizeof *sas);

	if (!sas)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < tunnel->sa_count; i++)
		sas[i] = &tunnel->sas[i];
	qsort(sas, tunnel->sa_count, sizeof *sas, by_spi);
	return sas;
}

/* Any address, because a capture has others between the NATs than on each host; but where the SPI
 * alone does not tell SAs apart, the destination does: each receiver has its own SPIs. */
static void add_destination(struct text *out, const struct side *to, bool shared)
{
	char address[OUTER_TEXT];

	text_add_string(out,
	                shared && !to->mapped_name[0] ? mapped_print_address(address, to) : "*");
}

static void add_sa(struct text *out, const struct tunnel *tunnel, const struct sa *sa, bool shared)
{
	const struct cipher *cipher = tunnel->cipher;

	text_printf(out, "\"%s\",\"*\",\"",
	            tunnel->sides[sa->from].local.address.family == AF_INET6 ? "IPv6" : "IPv4");
	add_destination(out, &tunnel->sides[sa->to], shared);
	text_printf(out, "\",\"0x%08x\",\"%s\",\"", (unsigned)sa->spi, cipher->wireshark);
	if (cipher->key_bytes)
		cipher_print_encryption_key(out, cipher, sa->key);
	text_join(out, "\",\"", cipher->wireshark_auth, "\",\"", NULL);
	cipher_print_integrity_key(out, cipher, sa->key);
	text_add_string(out, "\"\n");
}

static void add_decoding(struct text *out, const struct tunnel *tunnel)
{
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];

		add_port(out, tunnel, i, side->local.port);
		if (side->mapped.port != side->local.port)
			add_port(out, tunnel, i, side->mapped.port);
	}
}

void print_wireshark(struct text *out, const struct tunnel *tunnel)
{
	const struct sa **sas = sort(tunnel);
	size_t count = tunnel->sa_count;

	text_add_string(out, "# Wireshark's ESP SAs of the tunnel ");
	print_names(out, tunnel);
	text_printf(out,
	            ", digest %08x. CONTAINS KEYS.\n"
	            "# As ~/.config/wireshark/esp_sa it is for: tshark -r FILE -o "
	            "esp.enable_encryption_decode:TRUE",
	            (unsigned)tunnel->digest);
	add_decoding(out, tunnel);
	text_add_string(out, "\n");
	for (size_t i = 0; i < count; i++)
		text_printf(out, "# 0x%08x: %s to %s, epoch %u\n", (unsigned)sas[i]->spi,
		            tunnel->sides[sas[i]->from].name, tunnel->sides[sas[i]->to].name,
		            (unsigned)sas[i]->epoch);
	for (size_t i = 0; i < count; i++)
		add_sa(out, tunnel, sas[i],
		       (i > 0 && sas[i - 1]->spi == sas[i]->spi) ||
		               (i + 1 < count && sas[i + 1]->spi == sas[i]->spi));
	free(sas);
}
