/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "pcp.h"

#include <netinet/in.h>
#include <string.h>

enum {
	VERSION_PCP = 2, RESPONSE = 0x80, MAP = 1,
	HEADER = 24, NATPMP_LEAST = 8,
	NATPMP_MAP_UDP = 1, NATPMP_MAP_ANSWER = 16, NATPMP_ADDRESS_ANSWER = 12,
};

static const unsigned char mapped_prefix[12] = {[10] = 0xff, 0xff};

static unsigned get16(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }
static uint32_t get32(const unsigned char *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static void put16(unsigned char *at, unsigned number)
{
	at[0] = (unsigned char)(number >> 8);
	at[1] = (unsigned char)number;
}

static void put32(unsigned char *at, uint32_t number)
{
	put16(at, number >> 16);
	put16(at + 2, number & 0xffff);
}

/* RFC 6887, section 5: IPv4-mapped IPv6 addresses; an unknown address of a family has zeros. */
static void address_write(unsigned char out[16], const struct address *address)
{
	if (address->family == AF_INET6) {
		memcpy(out, address->bytes, 16);
		return;
	}
	memcpy(out, mapped_prefix, sizeof mapped_prefix);
	memcpy(out + 12, address->bytes, 4);
}

static void read_address(struct address *out, const unsigned char bytes[16])
{
	bool six = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) != 0;

	memset(out, 0, sizeof *out);
	out->family = six ? AF_INET6 : AF_INET;
	memcpy(out->bytes, six ? bytes : bytes + 12, six ? 16 : 4);
}

void pcp_map_write(unsigned char out[PCP_MAP], const struct pcp_asked *asked)
{
	const struct address none = {.family = asked->local.address.family};

	memset(out, 0, PCP_MAP);
	out[0] = VERSION_PCP;
	out[1] = MAP;
	put32(out + 4, asked->seconds);
	address_write(out + 8, &asked->local.address);
	memcpy(out + HEADER, asked->nonce, PCP_NONCE);
	out[36] = IPPROTO_UDP;
	put16(out + 40, asked->local.port);
	put16(out + 42, asked->port);
	address_write(out + 44, &none);
}

/* RFC 6886, section 3.5, and its erratum: the opcode is 0 or 128. */
static bool is_other_version(const unsigned char *bytes, size_t length)
{
	if (bytes[0] == 0)
		return length >= NATPMP_LEAST && get16(bytes + 2) == PCP_VERSION;
	return bytes[0] != VERSION_PCP && length >= HEADER && bytes[1] & RESPONSE && bytes[3] == PCP_VERSION;
}

bool pcp_map_parse(struct pcp_answer *out, const unsigned char *bytes, size_t length, const struct pcp_asked *asked)
{
	memset(out, 0, sizeof *out);
	if (length < NATPMP_LEAST || length > PCP_MOST || length % 4)
		return false;
	if (is_other_version(bytes, length)) {
		out->result = out->number = PCP_VERSION;
		return true;
	}
	if (length < PCP_MAP || bytes[0] != VERSION_PCP || bytes[1] != (RESPONSE | MAP) ||
	    memcmp(bytes + HEADER, asked->nonce, PCP_NONCE) != 0 || bytes[36] != IPPROTO_UDP || get16(bytes + 40) != asked->local.port)
		return false;
	out->number = bytes[3];
	out->result = out->number < PCP_OTHER ? out->number : PCP_OTHER;
	out->seconds = get32(bytes + 4);
	if (out->result == PCP_SUCCESS) {
		out->mapped.port = (uint16_t)get16(bytes + 42);
		read_address(&out->mapped.address, bytes + 44);
	}
	return true;
}

/* Gets the result of an answer to OPCODE; false if it is not an answer. */
static bool natpmp_parse(struct pcp_answer *out, const unsigned char *bytes, size_t length, unsigned opcode)
{
	static const unsigned char meaning[] = {PCP_SUCCESS, PCP_VERSION, PCP_NOT_AUTHORIZED, PCP_NETWORK, PCP_RESOURCES, PCP_OPCODE};

	memset(out, 0, sizeof *out);
	if (length < NATPMP_LEAST || bytes[0] != 0 || bytes[1] != (RESPONSE | opcode))
		return false;
	out->number = get16(bytes + 2);
	out->result = out->number < sizeof meaning ? meaning[out->number] : PCP_OTHER;
	return out->result != PCP_VERSION;   /* a late answer to PCP, because no version is lower
	                                      * than ours */
}

void natpmp_address_write(unsigned char out[NATPMP_ADDRESS])
{
	memset(out, 0, NATPMP_ADDRESS);
}

bool natpmp_address_parse(struct pcp_answer *out, const unsigned char *bytes, size_t length)
{
	if (!natpmp_parse(out, bytes, length, 0))
		return false;
	if (out->result != PCP_SUCCESS)
		return true;
	if (length != NATPMP_ADDRESS_ANSWER)
		return false;
	out->mapped.address.family = AF_INET;
	memcpy(out->mapped.address.bytes, bytes + 8, 4);
	return true;
}

void natpmp_map_write(unsigned char out[NATPMP_MAP], const struct pcp_asked *asked)
{
	memset(out, 0, NATPMP_MAP);
	out[1] = NATPMP_MAP_UDP;
	put16(out + 4, asked->local.port);
	put16(out + 6, asked->port);
	put32(out + 8, asked->seconds);
}

bool natpmp_map_parse(struct pcp_answer *out, const unsigned char *bytes, size_t length, const struct pcp_asked *asked)
{
	if (!natpmp_parse(out, bytes, length, NATPMP_MAP_UDP))
		return false;
	if (length != NATPMP_MAP_ANSWER)
		return out->result != PCP_SUCCESS;
	if (get16(bytes + 8) != asked->local.port)
		return false;
	if (out->result == PCP_SUCCESS) {
		out->mapped.port = (uint16_t)get16(bytes + 10);
		out->seconds = get32(bytes + 12);
	}
	return true;
}
