#include "wireshark.h"
#include "say.h"
#include "view.h"

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
	uint32_t a = (*(const struct sa *const *)one)->spi, b = (*(const struct sa *const *)two)->spi;

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

/* Any address, for a capture has others between the NATs than on each host; but where the SPI alone does not tell SAs apart, the
 * destination does: each receiver has its own SPIs. */
static void set_destination(struct scope *row, const struct tunnel *tunnel, const struct sa *sa, bool shared)
{
	const struct side *to = &tunnel->sides[sa->to];
	char address[OUTER_TEXT];

	scope_set(row, "destination", shared && !to->mapped_name[0] ? mapped_print_address(address, to) : "*");
}

static void describe_sa(struct scope *script, const struct tunnel *tunnel, const struct sa *sa, bool shared)
{
	struct scope *row = scope_add(script, "sas");
	const struct cipher *cipher = tunnel->cipher;
	struct text key = { 0 }, auth = { 0 };

	scope_set(row, "from", tunnel->sides[sa->from].name);
	scope_set(row, "to", tunnel->sides[sa->to].name);
	scope_set_number(row, "epoch", sa->epoch);
	scope_printf(row, "spi", "0x%08x", (unsigned)sa->spi);
	scope_set(row, "family", tunnel->sides[sa->from].local.address.family == AF_INET6 ? "IPv6" : "IPv4");
	set_destination(row, tunnel, sa, shared);
	scope_set(row, "encryption", cipher->wireshark);
	scope_set(row, "integrity", cipher->wireshark_auth);
	cipher_print_encryption_key(&key, cipher, sa->key);
	cipher_print_integrity_key(&auth, cipher, sa->key);
	scope_set(row, "key", cipher->key_bytes ? key.bytes : "");
	scope_set(row, "auth", auth.bytes);
	text_free(&key);
	text_free(&auth);
}

struct scope *wireshark_describe(const struct tunnel *tunnel)
{
	struct scope *script = scope_new();
	const struct sa **sas = sort(tunnel);
	size_t count = tunnel->sa_count;
	struct text decode = { 0 };

	view_describe_run(script, tunnel);
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];

		add_port(&decode, tunnel, i, side->local.port);
		if (side->mapped.port != side->local.port)
			add_port(&decode, tunnel, i, side->mapped.port);
	}
	scope_set(script, "decode", decode.length ? decode.bytes : "");
	text_free(&decode);
	for (size_t i = 0; i < count; i++)
		describe_sa(script, tunnel, sas[i], (i > 0 && sas[i - 1]->spi == sas[i]->spi) || (i + 1 < count && sas[i + 1]->spi == sas[i]->spi));
	free(sas);
	return script;
}
