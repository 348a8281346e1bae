/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SNAP = 128,      /* bytes of a packet that are read */
	QUEUE = 1 << 20, /* bytes */
	UDP_HEADER = 8,
	IP6_HEADER = 40,
};

/* ---- The filter ---- */

enum { INSTRUCTIONS = 128 };

/* Jumps have labels as targets, and are resolved at the end. */
struct program {
	struct sock_filter list[INSTRUCTIONS];
	unsigned short count;
};

static void add(struct program *program, uint16_t code, uint32_t value)
{
	program->list[program->count++] = (struct sock_filter){ .code = code, .k = value };
}

/* Accepts the packet if the loaded value is VALUE. */
static void take_if(struct program *program, uint32_t value)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, value);
	program->list[program->count - 1].jf = 1;
	add(program, BPF_RET | BPF_K, SNAP);
}

/* If the loaded value is not VALUE, jumps to the end of the part, which is set at the returned
 * place. */
static unsigned begin_if(struct program *program, uint32_t value)
{
	add(program, BPF_JMP | BPF_JEQ | BPF_K, value);
	return program->count - 1U;
}

static void end_if(struct program *program, unsigned place)
{
	add(program, BPF_RET | BPF_K, 0);
	program->list[place].jf = (uint8_t)(program->count - place - 1);
}

/* Checks UDP ports or the echo type. The offset of the transport header is in the index
 * register. */
static void add_ports(struct program *program, uint16_t port, const uint16_t *peers, size_t count)
{
	add(program, BPF_LD | BPF_H | BPF_IND, 0);
	take_if(program, port);
	add(program, BPF_LD | BPF_H | BPF_IND, 2);
	take_if(program, port);
	for (size_t i = 0; i < count && i < TAP_PORTS; i++)
		take_if(program, peers[i]);
}

static void add_echo(struct program *program, uint8_t request, uint8_t reply)
{
	add(program, BPF_LD | BPF_B | BPF_IND, 0);
	take_if(program, request);
	take_if(program, reply);
}

/* Checks depend on the protocol number at BYTE; INDEX loads the offset of its header. */
static void add_protocols(struct program *program, uint32_t byte, const struct sock_filter *index,
                          uint16_t port, const uint16_t *peers, size_t count)
{
	const bool four = byte == 9;
	unsigned place;

	add(program, BPF_LD | BPF_B | BPF_ABS, byte);
	take_if(program, IPPROTO_ESP);
	place = begin_if(program, IPPROTO_UDP);
	program->list[program->count++] = *index;
	add_ports(program, port, peers, count);
	end_if(program, place);
	place = begin_if(program, four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	program->list[program->count++] = *index;
	add_echo(program, four ? 8 : 128, four ? 0 : 129);
	end_if(program, place);
	add(program, BPF_RET | BPF_K, 0);
}

static struct sock_fprog make_filter(struct program *program, uint16_t port, const uint16_t *peers,
                                     size_t count)
{
	const struct sock_filter four = { .code = BPF_LDX | BPF_B | BPF_MSH, .k = 0 },
				 six = { .code = BPF_LDX | BPF_IMM, .k = IP6_HEADER };
	unsigned place;

	program->count = 0;
	add(program, BPF_LD | BPF_B | BPF_ABS, 0);
	add(program, BPF_ALU | BPF_RSH | BPF_K, 4);
	place = begin_if(program, 4);
	add_protocols(program, 9, &four, port, peers, count);
	end_if(program, place);
	place = begin_if(program, 6);
	add_protocols(program, 6, &six, port, peers, count);
	end_if(program, place);
	add(program, BPF_RET | BPF_K, 0);
	return (struct sock_fprog){ .len = program->count, .filter = program->list };
}

int tap_open(struct tap *tap, uint16_t port, const uint16_t *peer_ports, size_t count)
{
	struct program program;
	const struct sock_fprog filter = make_filter(&program, port, peer_ports, count);
	const int queue = QUEUE;
	const struct sockaddr_ll all = { .sll_family = AF_PACKET,
		                         .sll_protocol = htons(ETH_P_ALL) };

	/* Protocol 0, so that no packet is received before the filter is attached. */
	tap->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tap->fd < 0)
		return errno;
	if (setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) < 0)
		setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
	if (setsockopt(tap->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ||
	    bind(tap->fd, (const struct sockaddr *)&all, sizeof all) < 0)
		return errno;
	return 0;
}

void tap_close(struct tap *tap)
{
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
}

/* ---- Packets ---- */

static uint16_t get16(const unsigned char *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool parse_ip(struct tap_packet *out, const unsigned char *bytes, size_t length,
                     size_t *header)
{
	const bool four = bytes[0] >> 4 == 4;
	const size_t bits = four ? 4 : 16, at = four ? 12 : 8;

	*header = four ? (size_t)(bytes[0] & 15) * 4 : IP6_HEADER;
	if (length < (four ? 20U : IP6_HEADER) || *header < 20 || length < *header)
		return false;
	if (four && get16(bytes + 6) & 0x1fff) /* a later fragment */
		return false;
	out->proto = bytes[four ? 9 : 6];
	out->total = four ? get16(bytes + 2) : (size_t)get16(bytes + 4) + IP6_HEADER;
	out->total = out->total > *header ? out->total - *header : 0;
	out->src.address.family = out->dst.address.family = four ? AF_INET : AF_INET6;
	memcpy(out->src.address.bytes, bytes + at, bits);
	memcpy(out->dst.address.bytes, bytes + at + bits, bits);
	return true;
}

bool tap_parse(struct tap_packet *out, const unsigned char *bytes, size_t length)
{
	size_t header;

	if (!length || (bytes[0] >> 4 != 4 && bytes[0] >> 4 != 6) ||
	    !parse_ip(out, bytes, length, &header))
		return false;
	out->payload = bytes + header;
	out->length = length - header;
	if (out->proto != IPPROTO_UDP)
		return out->length >= 8;
	if (out->length < UDP_HEADER)
		return false;
	out->src.port = get16(out->payload);
	out->dst.port = get16(out->payload + 2);
	out->payload += UDP_HEADER;
	out->length -= UDP_HEADER;
	out->total = out->total > UDP_HEADER ? out->total - UDP_HEADER : 0;
	return true;
}

bool tap_next(const struct tap *tap, struct tap_packet *out, unsigned char *buffer, size_t room)
{
	struct sockaddr_ll from;
	socklen_t name = sizeof from;
	ssize_t length;

	while ((length = recvfrom(tap->fd, buffer, room, MSG_DONTWAIT, (struct sockaddr *)&from,
	                          &name)) >= 0) {
		*out = (struct tap_packet){ .out = from.sll_pkttype == PACKET_OUTGOING,
			                    .link = (unsigned)from.sll_ifindex };
		name = sizeof from;
		if (tap_parse(out, buffer, (size_t)length))
			return true;
	}
	return false;
}
