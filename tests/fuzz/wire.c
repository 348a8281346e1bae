/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes as packets that a device of this host passes, each behind a byte of its length.
 *
 * Linked with: helper/tap.c helper/wire.c helper/endpoint.c helper/number.c helper/special.c
 * helper/text.c */
#include "quiet.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

/* Of these the real ones need netlink, or sockets. */
const struct kernel_state *kernel_find_state(const struct kernel *kernel, const struct address *dst,
                                             uint32_t spi)
{
	(void)kernel;
	(void)dst;
	(void)spi;
	return NULL;
}

struct trial *trial_of(struct trial *list, size_t count, uint16_t id)
{
	return count && id == list->id ? list : NULL;
}

static struct address address(unsigned last)
{
	return (struct address){ .family = AF_INET, .bytes = { 192, 0, 2, (unsigned char)last } };
}

static void check(const struct wire *wire)
{
	if (wire->unknown > wire->in || wire->other_form > wire->in ||
	    strnlen(wire->clear_link, sizeof wire->clear_link) == sizeof wire->clear_link)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct state states[] = { { .spi = 0x1001 }, { .spi = 0x1002, .outbound = true } };
	struct section_peer peers[] = { { .name = "b", .there = { address(2), 4500 } } };
	const struct section section = { .here = address(1),
		                         .port = 4500,
		                         .peers = peers,
		                         .peer_count = 1,
		                         .states = states,
		                         .state_count = 2 };
	struct trial trial = { .from = address(1), .to = address(2), .id = 7 };
	struct wire wire = { 0 };
	const size_t peer = 0;
	const struct wire_sorter sorter = { .section = &section,
		                            .trials = &trial,
		                            .trial_peers = &peer,
		                            .trial_count = 1,
		                            .loopback = 1,
		                            .wires = &wire };

	while (length > 1) {
		const bool out = bytes[0] & 1;
		size_t own = bytes[0] < length - 1 ? bytes[0] : length - 1;
		unsigned char *copy = malloc(own + 1);
		struct tap_packet packet = { .out = out, .link = 2 };

		if (!copy)
			abort();
		memcpy(copy, bytes + 1, own);
		if (tap_parse(&packet, copy, own)) {
			if (packet.payload < copy || packet.payload + packet.length > copy + own)
				abort();
			wire_sort(&sorter, &packet, "a-device-of-fifteen");
		}
		free(copy);
		bytes += own + 1;
		length -= own + 1;
	}
	check(&wire);
	return 0;
}
