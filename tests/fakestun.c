/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* fakestun ADDR:PORT SEEN [KIND]   answers every STUN request with the endpoint SEEN. With KIND, it first sends an
 * invalid answer with 192.0.2.66:6666. Prints a line when ready.
 *
 * These KINDs replace the valid answer: plain, both, error=N, alternate (error 300 that names SEEN), old (XOR-MAPPED-ADDRESS as
 * 0x8020), software and software-first (not padded), uncounted (its padding not in the length), elsewhere=ADDR:PORT (comes
 * from there), only=KIND (only the invalid answer). */
#include "../helper/endpoint.c"
#include "../helper/number.c"
#include "../helper/say.c"

#include <stdlib.h>
#include <unistd.h>

static const unsigned char cookie[4] = {0x21, 0x12, 0xa4, 0x42};

/* XOR-MAPPED-ADDRESS or, plain, MAPPED-ADDRESS; returns its length. */
static size_t attribute(unsigned char *out, const struct endpoint *seen, const unsigned char *mask, int plain)
{
	size_t size = seen->address.family == AF_INET6 ? 16 : 4;

	out[0] = 0, out[1] = plain ? 1 : 0x20, out[2] = 0, out[3] = (unsigned char)(4 + size);
	out[4] = 0, out[5] = size == 16 ? 2 : 1;
	out[6] = (unsigned char)(seen->port >> 8) ^ (plain ? 0 : mask[0]);
	out[7] = (unsigned char)seen->port ^ (plain ? 0 : mask[1]);
	for (size_t i = 0; i < size; i++)
		out[8 + i] = seen->address.bytes[i] ^ (plain ? 0 : mask[i]);
	return 8 + size;
}

/* SOFTWARE, not padded: 5 bytes of value. */
static size_t software(unsigned char *out)
{
	static const unsigned char bytes[] = {0x80, 0x22, 0, 5, 'o', 'l', 'd', '/', '1'};

	memcpy(out, bytes, sizeof bytes);
	return sizeof bytes;
}

static size_t answer(unsigned char out[2048], const unsigned char *request, const struct endpoint *seen, const char *kind)
{
	size_t length = 20;

	memset(out, 0, 2048);
	out[0] = 1, out[1] = 1;
	memcpy(out + 4, request + 4, 16);
	if (strcmp(kind, "unknown") == 0)            /* comprehension-required, 0x7777 */
		out[20] = 0x77, out[21] = 0x77, out[23] = 4, length += 8;
	if (strncmp(kind, "software-first", 14) == 0)
		length += software(out + length);
	if (strncmp(kind, "error=", 6) == 0 || strcmp(kind, "alternate") == 0) {
		const int number = kind[0] == 'a' ? 300 : atoi(kind + 6);

		out[1] = 0x11, out[21] = 9, out[23] = 4;
		out[26] = (unsigned char)(number / 100), out[27] = (unsigned char)(number % 100);
		length += 8;
		if (kind[0] == 'a') {
			attribute(out + length, seen, out + 4, 1);
			out[length] = 0x80, out[length + 1] = 0x23;
			length += 12;
		}
	} else if (strcmp(kind, "both") == 0) {      /* what a NAT that rewrites addresses makes of it */
		struct endpoint wrong = *seen;

		wrong.port = 6666;
		length += attribute(out + length, &wrong, out + 4, 1);
		length += attribute(out + length, seen, out + 4, 0);
	} else {
		length += attribute(out + length, seen, out + 4, strcmp(kind, "plain") == 0);
		if (strcmp(kind, "old") == 0)
			out[20] = 0x80;
		if (strcmp(kind, "software") == 0 || strcmp(kind, "uncounted") == 0)
			length += software(out + length);
	}
	if (strcmp(kind, "oversized") == 0)
		length = 2000;
	out[2] = (unsigned char)((length - 20) >> 8), out[3] = (unsigned char)(length - 20);
	if (strcmp(kind, "request") == 0)
		out[0] = 0;
	if (strcmp(kind, "id") == 0)
		out[19] ^= 1;
	if (strcmp(kind, "cookie") == 0)
		out[4] ^= 1;
	if (strcmp(kind, "length") == 0)
		out[3] = (unsigned char)(out[3] + 4);
	if (strcmp(kind, "truncated") == 0)
		length -= 3;
	if (strcmp(kind, "overrun") == 0)
		out[23] = 0xf0;
	return length + (strcmp(kind, "uncounted") == 0 ? 3 : 0);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 3 ? argv[3] : NULL;
	static const char *finals[] = {"error=", "alternate", "plain", "both", "old", "software", "uncounted", "elsewhere=", "only="};
	struct endpoint here, seen, wrong, elsewhere;
	bool final = false, silent = false;
	struct sockaddr_storage name;
	unsigned char in[2048], out[2048];
	int fd, other;

	if (argc < 3 || !endpoint_parse(&here, argv[1], NULL) || !endpoint_parse(&seen, argv[2], NULL))
		return 2;
	endpoint_parse(&wrong, seen.address.family == AF_INET ? "192.0.2.66:6666" : "[2001:db8::66]:6666", NULL);
	fd = socket(here.address.family, SOCK_DGRAM, 0);
	other = socket(here.address.family, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&name, endpoint_to_sockaddr(&name, &here)) < 0)
		return 1;
	for (size_t i = 0; kind && i < sizeof finals / sizeof *finals; i++)
		final |= strncmp(kind, finals[i], strlen(finals[i])) == 0;
	if (kind && strncmp(kind, "elsewhere=", 10) == 0) {
		if (!endpoint_parse(&elsewhere, kind + 10, NULL) ||
		    bind(other, (struct sockaddr *)&name, endpoint_to_sockaddr(&name, &elsewhere)) < 0)
			return 1;
		kind = "source";
	}
	if (kind && strncmp(kind, "only=", 5) == 0)
		kind += 5, silent = true;
	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t length = sizeof name;

		if (recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&name, &length) < 20 || memcmp(in + 4, cookie, 4) != 0)
			continue;
		if (kind)
			sendto(strcmp(kind, "source") == 0 ? other : fd, out, answer(out, in, final && !silent ? &seen : &wrong, kind), 0,
			       (struct sockaddr *)&name, length);
		if (kind && !final)
			usleep(20000);
		if (!final)
			sendto(fd, out, answer(out, in, &seen, ""), 0, (struct sockaddr *)&name, length);
	}
}
