/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes as a packet of the kernel, each message of which is parsed as every kind of object. */
#include "../../helper/cipher.c"
#include "../../helper/endpoint.c"
#include "../../helper/kernel_route.c"
#include "../../helper/kernel_xfrm.c"
#include "../../helper/netlink.c"
#include "../../helper/number.c"
#include "../../helper/prefix.c"
#include "../../helper/special.c"
#include "../../helper/text.c"
#include "quiet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void check_state(const struct kernel_state *state)
{
	if (state->received > state->sequence_in)
		abort();
	if (state->state.spi && state->larval && state->state.cipher)
		abort();
	for (size_t i = 0; i < sizeof state->state.key; i++)
		if (state->state.key[i])
			abort();
}

static void check_string(const char *string, size_t room)
{
	if (strnlen(string, room) == room)
		abort();
}

static void take(void *context, uint16_t type, const unsigned char *body, size_t length)
{
	struct kernel_state state;
	struct kernel_policy policy;
	struct kernel_link link;
	struct kernel_address address;
	struct kernel_route route;

	(void)context;
	(void)type;
	if (kernel_parse_state(&state, body, length))
		check_state(&state);
	if (kernel_parse_policy(&policy, body, length) && policy.policy.direction > DIRECTION_FWD)
		abort();
	kernel_parse_link(&link, body, length);
	check_string(link.name, sizeof link.name);
	check_string(link.kind, sizeof link.kind);
	kernel_parse_address(&address, body, length);
	check_string(address.label, sizeof address.label);
	kernel_parse_route(&route, body, length);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct netlink netlink = { .fd = -1 };
	struct nlmsghdr header;
	int error = 0;

	/* The first message is an answer to the question, so that more than one gets through. */
	if (length >= sizeof header) {
		memcpy(&header, bytes, sizeof header);
		netlink.sequence = header.nlmsg_seq;
		netlink.port = header.nlmsg_pid;
	}
	netlink_packet(bytes, length, &netlink, take, NULL, &error);
	if (error < 0)
		abort();
	return 0;
}
