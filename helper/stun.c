/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "stun.h"

#include <netinet/in.h>
#include <string.h>

enum {
	BINDING_REQUEST = 0x0001, BINDING_INDICATION = 0x0011,
	BINDING_SUCCESS = 0x0101, BINDING_ERROR = 0x0111,
	MAPPED_ADDRESS = 0x0001, ERROR_CODE = 0x0009, XOR_MAPPED_ADDRESS = 0x0020,
	COMPREHENSION_OPTIONAL = 0x8000,
	OLD_XOR_MAPPED_ADDRESS = 0x8020, /* of servers from before RFC 5389 */
	ALTERNATE_SERVER = 0x8023,
	PADDING_MOST = 3,
};

enum { XORED, OLD_XORED, PLAIN, REFUSED, ALTERNATE, KINDS };

static const unsigned kinds[KINDS] = {
	[XORED] = XOR_MAPPED_ADDRESS,
	[OLD_XORED] = OLD_XOR_MAPPED_ADDRESS,
	[PLAIN] = MAPPED_ADDRESS,
	[REFUSED] = ERROR_CODE,
	[ALTERNATE] = ALTERNATE_SERVER,
};

struct attribute {
	const unsigned char *value;   /* NULL: not there */
	size_t length;
};

/* RFC 8489, section 5. For an RFC 3489 server it is a part of the 16-byte transaction id, which it
 * returns too. */
static const unsigned char cookie[4] = {0x21, 0x12, 0xa4, 0x42};

static unsigned get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void message(unsigned char out[STUN_HEADER], unsigned char type,
                    const unsigned char id[STUN_ID])
{
	memset(out, 0, STUN_HEADER);
	out[1] = type;
	memcpy(out + 4, cookie, sizeof cookie);
	memcpy(out + 8, id, STUN_ID);
}

void stun_request(unsigned char out[STUN_HEADER], const unsigned char id[STUN_ID])
{
	message(out, BINDING_REQUEST, id);
}

void stun_indication(unsigned char out[STUN_HEADER], const unsigned char id[STUN_ID])
{
	message(out, BINDING_INDICATION, id);
}

/* Known attributes that may appear unasked: RFC 3489, section 11.2, whose servers still exist, and
 * RFC 8489, section 18.3 (authentication). An unknown attribute below 0x8000 makes the message
 * invalid (section 6.3.3). */
static bool comprehended(unsigned type)
{
	return type >= COMPREHENSION_OPTIONAL || (type >= MAPPED_ADDRESS && type <= 0x000b) ||
	       type == 0x0014 || type == 0x0015 || (type >= 0x001c && type <= 0x001e) ||
	       type == XOR_MAPPED_ADDRESS;
}

/* The value of MAPPED-ADDRESS, or of XOR-MAPPED-ADDRESS with MASK = the message's cookie and id
 * (RFC 8489, section 14.2). */
static bool mapped_parse(struct endpoint *out, const unsigned char *value, size_t length,
                         const unsigned char *mask)
{
	size_t size = length == 8 && value[1] == 1 ? 4 : length == 20 && value[1] == 2 ? 16 : 0;
	unsigned port;

	memset(out, 0, sizeof *out);
	if (!size)
		return false;
	port = get16(value + 2);
	memcpy(out->address.bytes, value + 4, size);
	if (mask) {
		port ^= get16(mask);
		for (size_t i = 0; i < size; i++)
			out->address.bytes[i] ^= mask[i];
	}
	out->address.family = size == 4 ? AF_INET : AF_INET6;
	out->port = (uint16_t)port;
	return port != 0;
}

/* RFC 8489, section 14.8: the class in three bits, the number below 100. */
static bool error_parse(unsigned *out, const unsigned char *value, size_t length)
{
	if (length < 4 || (value[2] & 7) < 3 || (value[2] & 7) > 6 || value[3] > 99)
		return false;
	*out = (value[2] & 7u) * 100 + value[3];
	return true;
}

/* The first attribute of each type is used: RFC 8489, section 14. PADDING 3: each is padded to four
 * bytes; 0: none is, as old servers send SOFTWARE. */
static bool attributes_find(struct attribute found[KINDS], const unsigned char *bytes, size_t end,
                            size_t padding)
{
	memset(found, 0, KINDS * sizeof *found);
	for (size_t at = STUN_HEADER, size; at < end; at += 4 + ((size + padding) & ~padding)) {
		unsigned type;

		if (end - at < 4)
			return false;
		type = get16(bytes + at);
		size = get16(bytes + at + 2);
		if (size > end - at - 4 || !comprehended(type))
			return false;
		for (int i = 0; i < KINDS; i++)
			if (type == kinds[i] && !found[i].value)
				found[i] = (struct attribute){bytes + at + 4, size};
	}
	return true;
}

static bool reply_read(struct stun_reply *out, const unsigned char *bytes, size_t end,
                       size_t padding)
{
	struct attribute found[KINDS];
	bool refused = get16(bytes) == BINDING_ERROR;

	memset(out, 0, sizeof *out);
	if (!attributes_find(found, bytes, end, padding))
		return false;
	if (refused && found[ALTERNATE].value)
		mapped_parse(&out->alternate, found[ALTERNATE].value, found[ALTERNATE].length,
		             NULL);
	if (refused)
		return found[REFUSED].value &&
		       error_parse(&out->error, found[REFUSED].value, found[REFUSED].length);
	/* Some NATs rewrite the plain address in the payload, so the XORed ones are preferred. */
	for (int i = XORED; i <= PLAIN; i++)
		if (found[i].value)
			return mapped_parse(&out->mapped, found[i].value, found[i].length,
			                    i == PLAIN ? NULL : bytes + 4);
	return false;
}

bool stun_parse(struct stun_reply *out, const unsigned char *bytes, size_t length,
                const unsigned char id[STUN_ID])
{
	size_t end;

	memset(out, 0, sizeof *out);
	if (length < STUN_HEADER || length > STUN_MOST)
		return false;
	end = STUN_HEADER + get16(bytes + 2);
	/* Some servers do not count the padding of the last attribute. */
	if (end > length || length - end > PADDING_MOST)
		return false;
	if (memcmp(bytes + 4, cookie, sizeof cookie) != 0 || memcmp(bytes + 8, id, STUN_ID) != 0)
		return false;
	if (get16(bytes) != BINDING_SUCCESS && get16(bytes) != BINDING_ERROR)
		return false;
	if (reply_read(out, bytes, end, PADDING_MOST) || reply_read(out, bytes, end, 0))
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
