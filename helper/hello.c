/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "hello.h"
#include "sha256.h"

#include <endian.h>
#include <string.h>

enum { VERSION_HELLO = 2, VERSION_TEST = 3 };

static const unsigned char head[8] = {0, 0, 0, 0, 'h', 'o', 'l', 'e'};

static void put64(unsigned char *out, uint64_t value)
{
	value = htobe64(value);
	memcpy(out, &value, sizeof value);
}

static uint64_t get64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof value);
	return be64toh(value);
}

static void mac_write(unsigned char out[SHA256_LENGTH], const unsigned char *bytes,
                      struct hello_key key)
{
	sha256_hmac(out, key.bytes, key.length, bytes, HELLO_MAC);
}

void hello_write(unsigned char out[HELLO_LENGTH], const struct hello *hello, struct hello_key key)
{
	unsigned char mac[SHA256_LENGTH];

	memcpy(out, head, sizeof head);
	out[8] = hello->is_test ? VERSION_TEST : VERSION_HELLO;
	out[9] = hello->flags;
	out[10] = (unsigned char)(hello->longest >> 8);
	out[11] = (unsigned char)hello->longest;
	put64(out + 12, hello->id);
	put64(out + 20, hello->heard);
	mac_write(mac, out, key);
	memcpy(out + HELLO_MAC, mac, HELLO_LENGTH - HELLO_MAC);
}

bool hello_parse(struct hello *out, const unsigned char *bytes, size_t length)
{
	memset(out, 0, sizeof *out);
	if (length < HELLO_LENGTH || memcmp(bytes, head, sizeof head) != 0)
		return false;
	out->is_test = bytes[8] == VERSION_TEST;
	out->flags = bytes[9];
	out->longest = (uint16_t)(bytes[10] << 8 | bytes[11]);
	if (!out->is_test && (bytes[8] != VERSION_HELLO || length != HELLO_LENGTH || out->flags ||
	                      out->longest))
		return false;
	out->id = get64(bytes + 12);
	out->heard = get64(bytes + 20);
	return out->id != 0;
}

bool hello_genuine(const unsigned char bytes[HELLO_LENGTH], struct hello_key key)
{
	unsigned char mac[SHA256_LENGTH];
	unsigned differ = 0;

	mac_write(mac, bytes, key);
	for (int i = 0; i < HELLO_LENGTH - HELLO_MAC; i++)
		differ |= (unsigned)(mac[i] ^ bytes[HELLO_MAC + i]);
	return !differ;
}

bool hello_is_tunnel(const unsigned char *bytes, size_t length)
{
	static const unsigned char marker[4];

	return length > 8 ? memcmp(bytes, marker, sizeof marker) != 0
	                  : length == 1 && bytes[0] == 0xff;
}
