/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "esp_sa.h"

enum { NAT_T_PORT = 4500 }; /* Wireshark decodes ESP on this port by default */

bool esp_sa_can(const struct cipher *cipher, enum encap encap)
{
	return cipher->wireshark && encap != ENCAP_ESPINUDP_NONIKE;
}

static bool is_repeated(const uint16_t *ports, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (ports[i] == ports[index])
			return true;
	return false;
}

void esp_sa_print_head(struct text *out, const char *title, const char *digest,
                       const uint16_t *ports, size_t port_count)
{
	text_join(out, "# Wireshark's ESP SAs of the tunnel ", title, ", digest ", digest,
	          ". CONTAINS KEYS.\n"
	          "# As ~/.config/wireshark/esp_sa it is for: tshark -r FILE -o "
	          "esp.enable_encryption_decode:TRUE",
	          NULL);
	for (size_t i = 0; i < port_count; i++)
		if (ports[i] && ports[i] != NAT_T_PORT && !is_repeated(ports, i))
			text_printf(out, " -d udp.port==%u,udpencap", ports[i]);
	text_add_string(out, "\n");
}

void esp_sa_print_comment(struct text *out, uint32_t spi, const char *from, const char *to,
                          uint32_t epoch)
{
	text_printf(out, "# 0x%08x: %s to %s, epoch %u\n", (unsigned)spi, from, to,
	            (unsigned)epoch);
}

void esp_sa_print(struct text *out, const struct cipher *cipher, sa_family_t family,
                  const char *destination, uint32_t spi, const unsigned char *key)
{
	text_printf(out, "\"%s\",\"*\",\"%s\",\"0x%08x\",\"%s\",\"",
	            family == AF_INET6 ? "IPv6" : "IPv4", destination ? destination : "*",
	            (unsigned)spi, cipher->wireshark);
	if (cipher->key_bytes)
		cipher_print_encryption_key(out, cipher, key);
	text_join(out, "\",\"", cipher->wireshark_auth, "\",\"", NULL);
	cipher_print_integrity_key(out, cipher, key);
	text_add_string(out, "\"\n");
}
