#include "side.h"
#include "number.h"
#include "say.h"
#include "special.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

unsigned family_bits(sa_family_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

bool name_parse(char out[NAME_MOST + 1], const char *text, const char *where)
{
	size_t length = strlen(text);

	if (length < 1 || length > NAME_MOST || text[0] < 'a' || text[0] > 'z' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		return refuse(where, "name '%s': want a lower-case letter, then at most %d of a-z, 0-9 and -",
		              shown(text), NAME_MOST - 1);
	memcpy(out, text, length + 1);
	return true;
}

/* The network part of ADDRESS: its first LENGTH bits, the rest zero. */
static struct address network_of(const struct address *address, unsigned length)
{
	struct address network = *address;

	for (unsigned bit = length; bit < family_bits(address->family); bit++)
		network.bytes[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
	return network;
}

/* Loopback and multicast are no place behind a side. */
static bool never_protected(const struct prefix *prefix)
{
	for (size_t i = 0; i < special_count; i++) {
		const struct special_range *range = &special_ranges[i];
		struct prefix net = { range->network, range->length };

		if ((range->kind == SPECIAL_LOOPBACK || range->kind == SPECIAL_MULTICAST) && prefix_overlaps(&net, prefix))
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
		return refuse(where, "net '%s': want a prefix like 10.1.0.0/16 or 2001:db8:1::/48", shown(text));
	memcpy(address, text, length);
	address[length] = '\0';
	if (!address_parse(&out->address, address, where))
		return false;
	out->length = family_bits(out->address.family);
	if (slash) {
		unsigned long long bits;

		if (!number_parse(&bits, slash + 1, 0, out->length))
			return refuse(where, "net '%s': want a prefix length from 0 to %u", shown(text), out->length);
		out->length = (unsigned)bits;
	}
	network = network_of(&out->address, out->length);
	if (!address_equal(&network, &out->address))
		return refuse(where, "net '%s': host bits are set; want %s/%u", shown(text),
		              address_print(text_of_network, &network), out->length);
	if (out->length && never_protected(out))
		return refuse(where, "net '%s': holds loopback or multicast addresses; want what can be reached, or 0.0.0.0/0 for all",
		              shown(text));
	return true;
}

const char *prefix_print(char out[PREFIX_TEXT], const struct prefix *prefix)
{
	char number[NUMBER_TEXT];

	address_print(out, &prefix->address);
	strcat(strcat(out, "/"), number_print(number, prefix->length));
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
	unsigned whole = prefix->length / 8, rest = prefix->length % 8;

	return address->family == prefix->address.family && memcmp(address->bytes, prefix->address.bytes, whole) == 0 &&
	       (!rest || (address->bytes[whole] ^ prefix->address.bytes[whole]) >> (8 - rest) == 0);
}

bool prefix_overlaps(const struct prefix *one, const struct prefix *two)
{
	return one->length <= two->length ? prefix_contains(one, &two->address)
	                                  : prefix_contains(two, &one->address);
}

static bool parse_outer(struct endpoint *out, const char *what, const char *text, const char *where)
{
	char address[ADDRESS_TEXT];

	if (!endpoint_parse(out, text, where))
		return false;
	if (special_is_unusable(&out->address))
		return refuse(where, "%s address '%s': unspecified, loopback, multicast or broadcast; want %s", what,
		              address_print(address, &out->address),
		              strcmp(what, "local") == 0 ? "the host's own address on its interface"
		                                         : "the address that the internet sees (natprobe prints it)");
	return true;
}

bool side_set_local(struct side *side, const char *text, const char *where)
{
	return parse_outer(&side->local, "local", text, where);
}

bool side_set_mapped(struct side *side, const char *text, const char *where)
{
	side->behind_nat = true;
	return parse_outer(&side->mapped, "mapped", text, where);
}

bool side_add_net(struct side *side, const char *text, const char *where)
{
	struct prefix net;

	if (!prefix_parse(&net, text, where))
		return false;
	for (size_t i = 0; i < side->net_count; i++) {
		char given[PREFIX_TEXT], before[PREFIX_TEXT];

		if (prefix_overlaps(&side->nets[i], &net))
			return refuse(where, "net '%s': overlaps %s of the same side; want each address once",
			              prefix_print(given, &net), prefix_print(before, &side->nets[i]));
	}
	if (side->net_count == NETS_MOST)
		return refuse(where, "net '%s': one too many; want at most %d on a side", shown(text), NETS_MOST);
	side->nets[side->net_count++] = net;
	return true;
}

bool side_complete(struct side *side)
{
	if (!side->behind_nat)
		side->mapped = side->local;
	else if (side->mapped.address.family != side->local.address.family)
		return refuse(side->where, "local and mapped address differ in family: want both IPv4 or both IPv6");
	else if (side->mapped.port && !side->local.port)
		return refuse(side->where, "port %u of the mapped endpoint alone: want one on the local address too",
		              (unsigned)side->mapped.port);
	if (!side->mapped.port)
		side->mapped.port = side->local.port;
	return true;
}

bool side_parse(struct side *side, const char *token)
{
	char text[4096];
	char *local = text, *mapped, *net, *equals;
	size_t length = strlen(token);

	if (length >= sizeof text)
		return refuse(side->where, "'%s': longer than %zu characters", shown(token), sizeof text - 1);
	memcpy(text, token, length + 1);

	net = strchr(text, '+');
	if (net)
		*net++ = '\0';
	mapped = strchr(text, '@');
	if (mapped)
		*mapped++ = '\0';
	equals = strchr(text, '=');
	if (equals) {
		*equals = '\0';
		local = equals + 1;
		if (!name_parse(side->name, text, side->where))
			return false;
	}
	if (!side_set_local(side, local, side->where))
		return false;
	if (mapped && !side_set_mapped(side, mapped, side->where))
		return false;
	while (net) {
		char *next = strchr(net, '+');

		if (next)
			*next++ = '\0';
		if (!side_add_net(side, net, side->where))
			return false;
		net = next;
	}
	return side_complete(side);
}
