/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "endpoint.h"
#include "number.h"
#include "say.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool address_read(struct address *out, const char *text)
{
	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		out->family = AF_INET;
	else if (inet_pton(AF_INET6, text, out->bytes) == 1)
		out->family = AF_INET6;
	return out->family != AF_UNSPEC;
}

bool address_parse(struct address *out, const char *text, const char *where)
{
	if (!address_read(out, text))
		return refuse(where, "address '%s': invalid (expected IPv4 like 192.0.2.1, without "
		              "leading zeros, or IPv6 like [2001:db8::1])",
		              shown(text));
	return true;
}

bool port_parse(uint16_t *out, const char *text, const char *where)
{
	unsigned long long port;

	if (!number_parse(&port, text, 1, 65535))
		return refuse(where, "port '%s': out of range (expected 1 to 65535)", shown(text));
	*out = (uint16_t)port;
	return true;
}

bool endpoint_parse(struct endpoint *out, const char *text, const char *where)
{
	char address[ADDRESS_TEXT];
	const char *end, *rest;
	size_t skip = text[0] == '[';

	memset(out, 0, sizeof *out);
	end = strchr(text, skip ? ']' : ':');
	if (skip && !end)
		return refuse(where, "address '%s': no closing bracket (expected [ADDRESS] or "
		              "[ADDRESS]:PORT)", shown(text));
	if (!end)
		end = text + strlen(text);
	rest = skip ? end + 1 : end;
	text += skip;
	if ((size_t)(end - text) >= sizeof address || (*rest && *rest != ':'))
		return refuse(where, "endpoint '%s': no port (expected ADDRESS:PORT)",
		              shown(text - skip));
	if (!skip && *rest && strchr(rest + 1, ':'))
		return refuse(where, "address '%s': IPv6 without brackets (expected "
		              "[2001:db8::1]:4500)", shown(text));
	memcpy(address, text, (size_t)(end - text));
	address[end - text] = '\0';
	if (!address_parse(&out->address, address, where))
		return false;
	if (skip != (out->address.family == AF_INET6))
		return refuse(where, "address '%s': IPv4 in brackets (expected brackets only for "
		              "IPv6)", shown(text - skip));
	return !*rest || port_parse(&out->port, rest + 1, where);
}

/* Without printf(3), because a large mesh prints millions of them. */
static void print_ipv4(char *end, const unsigned char bytes[4])
{
	for (int i = 0; i < 4; i++) {
		end = number_print(end, bytes[i]);
		*end++ = i < 3 ? '.' : '\0';
	}
}

const char *address_print(char out[ADDRESS_TEXT], const struct address *address)
{
	if (address->family == AF_INET)
		print_ipv4(out, address->bytes);
	else if (!inet_ntop(address->family, address->bytes, out, ADDRESS_TEXT))
		strcpy(out, "?");
	return out;
}

const char *endpoint_print(char out[ENDPOINT_TEXT], const struct endpoint *endpoint)
{
	bool bracket = endpoint->address.family == AF_INET6;
	char *end = out;

	if (bracket)
		*end++ = '[';
	address_print(end, &endpoint->address);
	end += strlen(end);
	if (bracket)
		*end++ = ']';
	if (endpoint->port) {
		*end++ = ':';
		end = number_print(end, endpoint->port);
	}
	*end = '\0';
	return out;
}

socklen_t endpoint_to_sockaddr(struct sockaddr_storage *out, const struct endpoint *endpoint)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	out->ss_family = endpoint->address.family;
	if (endpoint->address.family == AF_INET6) {
		in6->sin6_port = htons(endpoint->port);
		memcpy(&in6->sin6_addr, endpoint->address.bytes, 16);
		return sizeof *in6;
	}
	in->sin_port = htons(endpoint->port);
	memcpy(&in->sin_addr, endpoint->address.bytes, 4);
	return sizeof *in;
}

bool endpoint_from_sockaddr(struct endpoint *out, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;

	memset(out, 0, sizeof *out);
	out->address.family = from->ss_family;
	if (from->ss_family == AF_INET6) {
		out->port = ntohs(in6->sin6_port);
		memcpy(out->address.bytes, &in6->sin6_addr, 16);
	} else if (from->ss_family == AF_INET) {
		out->port = ntohs(in->sin_port);
		memcpy(out->address.bytes, &in->sin_addr, 4);
	} else {
		return false;
	}
	return true;
}

bool address_equal(const struct address *one, const struct address *two)
{
	return one->family == two->family && memcmp(one->bytes, two->bytes, 16) == 0;
}

bool address_within(const struct address *address, const struct address *network, unsigned length)
{
	unsigned whole = length / 8, rest = length % 8;

	return address->family == network->family && memcmp(address->bytes, network->bytes, whole) == 0 &&
	       (!rest || (address->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0);
}

bool address_is_any(const struct address *address)
{
	static const unsigned char zeros[sizeof address->bytes];

	return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

bool endpoint_equal(const struct endpoint *one, const struct endpoint *two)
{
	return one->port == two->port && address_equal(&one->address, &two->address);
}
