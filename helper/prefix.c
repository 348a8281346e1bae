/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "prefix.h"
#include "number.h"
#include "say.h"
#include "special.h"

#include <string.h>

unsigned family_bits(sa_family_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

/* The network part of ADDRESS: its first LENGTH bits, the rest zero. */
static struct address network_of(const struct address *address, unsigned length)
{
	struct address network = *address;

	for (unsigned bit = length; bit < family_bits(address->family); bit++)
		network.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	return network;
}

/* Cannot be behind a side. */
static bool never_protected(const struct prefix *prefix)
{
	for (size_t i = 0; i < special_count; i++) {
		const struct special_range *range = &special_ranges[i];
		struct prefix net = { range->network, range->length };

		if ((range->kind == SPECIAL_UNSPECIFIED || range->kind == SPECIAL_LOOPBACK || range->kind == SPECIAL_MULTICAST) &&
		    prefix_overlaps(&net, prefix))
			return true;
	}
	return false;
}

bool prefix_parse(struct prefix *out, const char *text, const char *where)
{
	char address[ADDRESS_TEXT], text_of_network[ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct address network;

	if (length == 0 || length >= sizeof address)
		return refuse(where, "net '%s': invalid (expected a prefix like 10.1.0.0/16 or "
		              "2001:db8:1::/48)", shown(text));
	memcpy(address, text, length);
	address[length] = '\0';
	if (!address_parse(&out->address, address, where))
		return false;
	out->length = family_bits(out->address.family);
	if (slash) {
		unsigned long long bits;

		if (!number_parse(&bits, slash + 1, 0, out->length))
			return refuse(where, "net '%s': prefix length out of range (expected 0 to "
			              "%u)", shown(text), out->length);
		out->length = (unsigned)bits;
	}
	network = network_of(&out->address, out->length);
	if (!address_equal(&network, &out->address))
		return refuse(where, "net '%s': host bits are set (expected %s/%u)", shown(text),
		              address_print(text_of_network, &network), out->length);
	if (out->length && never_protected(out))
		return refuse(where, "net '%s': contains unspecified, loopback or multicast "
		              "addresses (expected unicast addresses, or 0.0.0.0/0 for all)",
		              shown(text));
	return true;
}

bool prefix_read(struct prefix *out, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[ADDRESS_TEXT];
	size_t length = slash ? (size_t)(slash - text) : 0;
	struct address network;
	unsigned long long bits;

	if (length == 0 || length >= sizeof address)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!address_read(&out->address, address) ||
	    !number_parse(&bits, slash + 1, 0, family_bits(out->address.family)))
		return false;
	out->length = (unsigned)bits;
	network = network_of(&out->address, out->length);
	return address_equal(&network, &out->address);
}

const char *prefix_print(char out[PREFIX_TEXT], const struct prefix *prefix)
{
	char *end;

	address_print(out, &prefix->address);
	end = out + strlen(out);
	*end++ = '/';
	*number_print(end, prefix->length) = '\0';
	return out;
}

struct prefix prefix_of_host(const struct address *address)
{
	return (struct prefix){ *address, family_bits(address->family) };
}

bool prefix_is_host(const struct prefix *prefix)
{
	return prefix->length == family_bits(prefix->address.family);
}

bool prefix_is_everything(const struct prefix *prefix)
{
	return prefix->length == 0;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
	return address_within(address, &prefix->address, prefix->length);
}

bool prefix_overlaps(const struct prefix *one, const struct prefix *two)
{
	return one->length <= two->length ? prefix_contains(one, &two->address)
	                                  : prefix_contains(two, &one->address);
}
