/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* fakerouter ADDR SEEN [KIND]...   a router that maps UDP ports, to the endpoint SEEN, or to the requested port if SEEN has none.
 * Prints "ready", and each known request as a line, "PCP|NAT-PMP map|address PORT OUTSIDE SECONDS NONCE".
 *
 * KIND: natpmp (PCP gets an error of version), old (the same, its opcode 0), deaf (PCP gets no answer), silent (nothing does), refuse=N,
 * pcp-refuse=N and pcp-zero (by PCP alone), elsewhere=ADDR (answers come from there), lease=N, or an invalid answer sent before the valid one: nonce opcode protocol port version short long odd request source.
 * Without a KIND it speaks PCP, and a request with another nonce than the previous one is not authorized. */
#include "../helper/endpoint.c"
#include "../helper/number.c"
#include "../helper/say.c"

#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

static struct endpoint seen;
static const char *kind = "";
static unsigned refuse_with, pcp_refuse_with;
static bool pcp_zero;
static uint32_t lease = UINT32_MAX;

static unsigned get16(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }
static uint32_t get32(const unsigned char *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static bool is(const char *word)
{
	return strcmp(kind, word) == 0;
}

static void address_put(unsigned char *at)
{
	if (seen.address.family == AF_INET6)
		memcpy(at, seen.address.bytes, 16);
	else
		memset(at, 0, 10), at[10] = at[11] = 0xff, memcpy(at + 12, seen.address.bytes, 4);
}

static void lease_put(unsigned char *at)
{
	if (get32(at) && lease != UINT32_MAX)
		at[0] = (unsigned char)(lease >> 24), at[1] = (unsigned char)(lease >> 16), at[2] = (unsigned char)(lease >> 8), at[3] = (unsigned char)lease;
}

static void port_put(unsigned char *at)
{
	if (seen.port)
		at[0] = (unsigned char)(seen.port >> 8), at[1] = (unsigned char)seen.port;
	if (is("zero"))
		at[0] = at[1] = 0;
}

/* The answer to a request of 60 bytes of PCP, in its place. */
static size_t pcp(unsigned char *bytes, bool wrong)
{
	static unsigned char nonce[12];
	static bool known;

	bytes[1] |= 0x80;
	bytes[2] = 0;
	bytes[3] = (unsigned char)(pcp_refuse_with ? pcp_refuse_with : refuse_with);
	if (!known)
		memcpy(nonce, bytes + 24, sizeof nonce), known = true;
	else if (memcmp(nonce, bytes + 24, sizeof nonce) != 0)
		bytes[3] = 2;
	lease_put(bytes + 4);
	memset(bytes + 8, 0, 16);
	port_put(bytes + 42);
	if (pcp_zero)
		bytes[42] = bytes[43] = 0;
	address_put(bytes + 44);
	if (!wrong)
		return 60;
	bytes[43] ^= 1;   /* what would be seen if it counted */
	if (is("nonce"))
		bytes[35] ^= 1;
	if (is("opcode"))
		bytes[1] = 0x82;
	if (is("protocol"))
		bytes[36] = 6;
	if (is("port"))
		bytes[41] ^= 1;
	if (is("version"))
		bytes[0] = 3;
	if (is("request"))
		bytes[1] = 1;
	return is("short") ? 24 : is("long") ? 1104 : is("odd") ? 61 : 60;
}

static size_t natpmp(unsigned char *bytes, size_t length, bool wrong)
{
	bool address = bytes[1] == 0;

	if (length == 12)
		memcpy(bytes + 12, bytes + 8, 4), memcpy(bytes + 10, bytes + 6, 2), memcpy(bytes + 8, bytes + 4, 2);
	bytes[1] |= 0x80;
	bytes[2] = 0;
	bytes[3] = (unsigned char)refuse_with;
	memset(bytes + 4, 0, 4);
	if (address)
		memcpy(bytes + 8, seen.address.bytes, 4);
	else
		lease_put(bytes + 12), port_put(bytes + 10);
	if (wrong && address)
		bytes[11] ^= 1;
	if (wrong && !address)
		bytes[11] ^= 1, bytes[9] ^= is("pmp-port");
	if (wrong && is("pmp-opcode"))
		bytes[1] ^= 0x82;
	return (address ? 12 : 16) - (wrong && is("pmp-short") ? 1 : 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_storage name;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&name;
	unsigned char in[2048] = {0}, out[2048];
	struct endpoint here = {.port = 5351}, elsewhere = {.port = 5351};
	bool only_natpmp = false;
	int fd, other;

	if (argc < 3 || !address_parse(&here.address, argv[1], NULL) || !endpoint_parse(&seen, argv[2], NULL))
		return 2;
	for (int i = 3; i < argc; i++) {
		if (strncmp(argv[i], "refuse=", 7) == 0)
			refuse_with = (unsigned)atoi(argv[i] + 7);
		else if (strncmp(argv[i], "pcp-refuse=", 11) == 0)
			pcp_refuse_with = (unsigned)atoi(argv[i] + 11);
		else if (strcmp(argv[i], "pcp-zero") == 0)
			pcp_zero = true;
		else if (strncmp(argv[i], "elsewhere=", 10) == 0)
			address_parse(&elsewhere.address, argv[i] + 10, NULL);
		else if (strncmp(argv[i], "lease=", 6) == 0)
			lease = (uint32_t)strtoul(argv[i] + 6, NULL, 10);
		else if (strcmp(argv[i], "natpmp") == 0)
			only_natpmp = true;
		else
			kind = argv[i];
	}
	fd = socket(here.address.family, SOCK_DGRAM, 0);
	other = socket(here.address.family, SOCK_DGRAM, 0);
	endpoint_to_sockaddr(&name, &here);
	if (here.address.family == AF_INET6)
		six->sin6_scope_id = if_nametoindex("r0");
	if (bind(fd, (struct sockaddr *)&name, sizeof *six) < 0)
		return 1;
	if (elsewhere.address.family) {
		endpoint_to_sockaddr(&name, &elsewhere);
		if (bind(other, (struct sockaddr *)&name, sizeof *six) < 0)
			return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* said before it is answered: who has the answer reads it */
	puts("ready");
	for (;;) {
		socklen_t length = sizeof name;
		ssize_t got;
		size_t size;
		int false_ones;

		got = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&name, &length);
		if (got == 60 && in[0] == 2 && in[1] == 1) {
			printf("PCP map %u %u %u ", get16(in + 40), get16(in + 42), get32(in + 4));
			for (int i = 24; i < 36; i++)
				printf("%02x", in[i]);
			putchar('\n');
		} else if (got == 12 && in[0] == 0 && in[1] == 1) {
			printf("NAT-PMP map %u %u %u\n", get16(in + 4), get16(in + 6), get32(in + 8));
		} else if (got == 2 && in[0] == 0 && in[1] == 0) {
			puts("NAT-PMP address");
		} else {
			printf("what is this? %zd bytes\n", got);
			continue;
		}
		if (is("silent") || (in[0] == 2 && is("deaf")) || (in[0] == 0 && seen.address.family == AF_INET6))
			continue;
		if (in[0] == 2 && (only_natpmp || is("old"))) {
			const unsigned char no[8] = {0, is("old") ? 0 : 0x80, 0, 1};

			sendto(fd, no, sizeof no, 0, (struct sockaddr *)&name, length);
			continue;
		}
		false_ones = kind[0] && !is("deaf") && !is("old") && !is("zero");
		for (int wrong = false_ones; wrong >= 0; wrong--) {
			memcpy(out, in, sizeof out);
			size = in[0] == 2 ? pcp(out, wrong) : natpmp(out, (size_t)got, wrong);
			sendto((wrong && is("source")) || elsewhere.address.family ? other : fd, out, size, 0, (struct sockaddr *)&name, length);
			usleep(wrong ? 20000 : 0);
		}
	}
}
