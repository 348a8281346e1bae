/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	KEEPALIVE = 0xff, /* RFC 3948, section 2.3: one byte */
	ESP_LEAST = 9,    /* least bytes of a UDP packet that the kernel treats as ESP */
};

#define NOBODY SIZE_MAX

/* ---- Echo requests ---- */

static void sort_echo(const struct wire_sorter *sorter, const struct tap_packet *packet,
                      const char *link)
{
	const uint16_t id = (uint16_t)(packet->payload[4] << 8 | packet->payload[5]);
	const struct trial *trial = trial_of(sorter->trials, sorter->trial_count, id);
	const bool request = packet->payload[0] == 8 || packet->payload[0] == 128;
	struct wire *wire;

	if (!trial || packet->link == sorter->loopback)
		return;
	wire = &sorter->wires[sorter->trial_peers[trial - sorter->trials]];
	if (!request && !packet->out && address_equal(&packet->src.address, &trial->to))
		wire->answers++;
	/* On the tunnel's own device its traffic is not encrypted. */
	if (!request || !packet->out || packet->link == sorter->inner_link ||
	    !address_equal(&packet->dst.address, &trial->to))
		return;
	wire->clear++;
	wire->clear_from = packet->src.address;
	snprintf(wire->clear_link, sizeof wire->clear_link, "%s", link);
}

/* ---- The tunnel's own packets ---- */

static uint32_t spi_of(const struct tap_packet *packet)
{
	const unsigned char *at = packet->payload;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_keepalive(const struct tap_packet *packet)
{
	return packet->proto == IPPROTO_UDP && packet->total == 1 && packet->length &&
	       packet->payload[0] == KEEPALIVE;
}

/* True for ESP: neither a keepalive, nor another protocol, which begins with four zeros. */
static bool is_esp(const struct tap_packet *packet)
{
	if (packet->length < 4)
		return false;
	return packet->proto == IPPROTO_ESP || (packet->total >= ESP_LEAST && spi_of(packet) != 0);
}

/* The peer with that endpoint, else one with that address. */
static size_t peer_at(const struct section *section, const struct endpoint *end)
{
	size_t found = NOBODY;

	for (size_t i = 0; i < section->peer_count; i++) {
		if (endpoint_equal(&section->peers[i].there, end))
			return i;
		if (found == NOBODY &&
		    address_equal(&section->peers[i].there.address, &end->address))
			found = i;
	}
	return found;
}

/* The peer that sends with that SPI. */
static size_t peer_of_spi(const struct section *section, uint32_t spi)
{
	for (size_t i = 0; i < section->state_count; i++)
		if (!section->states[i].outbound && section->states[i].spi == spi)
			return section->states[i].peer;
	return NOBODY;
}

static void sort_out(const struct wire_sorter *sorter, const struct tap_packet *packet)
{
	const struct section *section = sorter->section;
	const struct endpoint here = { section->here, section->port };
	const size_t peer = peer_at(section, &packet->dst);
	struct wire *wire;

	if (peer == NOBODY || (packet->proto == IPPROTO_ESP) != !section->port)
		return;
	wire = &sorter->wires[peer];
	if (is_esp(packet))
		wire->out++;
	/* Another program on this host may also send to the peer's port; only packets with an SPI
	 * are ours. */
	if (is_esp(packet) && !endpoint_equal(&packet->src, &here))
		wire->out_from = packet->src;
}

/* It may be an SA of another tunnel between the same hosts. */
static bool is_of_another(const struct wire_sorter *sorter, const struct tap_packet *packet)
{
	return kernel_find_state(sorter->kernel, &packet->dst.address, spi_of(packet)) != NULL;
}

static void count_in(struct wire *wire, const struct wire_sorter *sorter,
                     const struct tap_packet *packet, size_t peer, bool known)
{
	const struct section *section = sorter->section;

	wire->in++;
	if ((packet->proto == IPPROTO_ESP) != !section->port)
		wire->other_form++;
	else if (!endpoint_equal(&packet->src, &section->peers[peer].there))
		wire->in_from = packet->src;
	if (known)
		return;
	wire->unknown++;
	wire->unknown_spi = spi_of(packet);
}

static void sort_in(const struct wire_sorter *sorter, const struct tap_packet *packet)
{
	const struct section *section = sorter->section;
	const bool plain = packet->proto == IPPROTO_ESP;
	const size_t sender = is_esp(packet) ? peer_of_spi(section, spi_of(packet)) : NOBODY;
	size_t peer = peer_at(section, &packet->src);

	if (!plain && packet->dst.port != section->port)
		return;
	/* Packets to our port are for this tunnel; for plain ESP only the SPI tells. */
	if (peer == NOBODY)
		peer = sender == NOBODY && !plain && section->peer_count == 1 ? 0 : sender;
	if (peer == NOBODY || (plain && section->port && sender == NOBODY))
		return;
	sorter->wires[peer].keepalives += is_keepalive(packet);
	if (is_esp(packet) && (sender != NOBODY || !is_of_another(sorter, packet)))
		count_in(&sorter->wires[peer], sorter, packet, peer, sender != NOBODY);
}

void wire_sort(const struct wire_sorter *sorter, const struct tap_packet *packet, const char *link)
{
	if (packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6)
		sort_echo(sorter, packet, link);
	else if (packet->out)
		sort_out(sorter, packet);
	else
		sort_in(sorter, packet);
}
