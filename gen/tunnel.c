#include "tunnel.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct side *tunnel_add_side(struct tunnel *tunnel)
{
	struct side *sides = reallocarray(tunnel->sides, tunnel->side_count + 1, sizeof *sides);

	if (!sides)
		err(EXIT_BROKE, "memory");
	tunnel->sides = sides;
	sides[tunnel->side_count] = (struct side){ 0 };
	return &sides[tunnel->side_count++];
}

static const struct side *side_named(const struct tunnel *tunnel, const char *name)
{
	for (size_t i = 0; i < tunnel->side_count; i++)
		if (strcmp(tunnel->sides[i].name, name) == 0)
			return &tunnel->sides[i];
	return NULL;
}

/* a, b, ... z, aa, ab, ...: by position, skipping none, so that people can count. */
static void name_by_position(char out[NAME_MOST + 1], size_t position)
{
	char reversed[NAME_MOST + 1];
	size_t length = 0;

	for (position++; position > 0; position = (position - 1) / 26)
		reversed[length++] = (char)('a' + (position - 1) % 26);
	for (size_t i = 0; i < length; i++)
		out[i] = reversed[length - 1 - i];
	out[length] = '\0';
}

static bool name_sides(struct tunnel *tunnel)
{
	bool good = true;

	for (size_t i = 0; i < tunnel->side_count; i++) {
		struct side *side = &tunnel->sides[i];

		if (!side->name[0]) {
			name_by_position(side->name, i);
		}
		if (side_named(tunnel, side->name) != side)
			good = refuse(side->where, "name '%s': another side has it; want a name of its own", side->name);
	}
	return good;
}

/* RFC 1918, RFC 6598 (shared address space of carrier NAT), RFC 3927, RFC 4193. */
static bool is_private(const struct address *address)
{
	static const struct prefix rows[] = {
		{ { AF_INET, { 10 } }, 8 },
		{ { AF_INET, { 172, 16 } }, 12 },
		{ { AF_INET, { 192, 168 } }, 16 },
		{ { AF_INET, { 100, 64 } }, 10 },
		{ { AF_INET, { 169, 254 } }, 16 },
		{ { AF_INET6, { 0xfc } }, 7 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (prefix_contains(&rows[i], address))
			return true;
	return false;
}

static bool check_side(const struct side *side, bool ports)
{
	char address[ADDRESS_TEXT];

	if (ports && !side->local.port)
		return refuse(side->where, "%s: no port, but another side has one; want a port on every side, or none for plain ESP",
		              side->name);
	if (side->behind_nat && is_private(&side->mapped.address))
		warnx("%s: warning: mapped address %s is private: a second NAT hides this side, unless this is a lab",
		      side->where, address_print(address, &side->mapped.address));
	return true;
}

/* Both homes are 192.168.1.0/24: no error while the hosts differ, but worth a word. */
static void warn_same_lan(const struct side *one, const struct side *two)
{
	char a[ADDRESS_TEXT], b[ADDRESS_TEXT];

	if (one->local.address.family == AF_INET && two->local.address.family == AF_INET &&
	    one->behind_nat && two->behind_nat && memcmp(one->local.address.bytes, two->local.address.bytes, 3) == 0)
		warnx("%s: warning: %s (%s) and %s (%s) look like one /24: these two hosts reach each other, other hosts of the two LANs do not",
		      two->where, one->name, address_print(a, &one->local.address), two->name,
		      address_print(b, &two->local.address));
}

static bool check_nets(const struct side *one, const struct side *two)
{
	for (size_t i = 0; i < one->net_count; i++)
		for (size_t j = 0; j < two->net_count; j++) {
			char a[PREFIX_TEXT], b[PREFIX_TEXT];

			if (prefix_overlaps(&one->nets[i], &two->nets[j]))
				return refuse(two->where, "%s protects %s and %s protects %s, which overlap: want different nets; give one side another LAN "
				              "address, or both +NET with an address of their own that the other LAN does not use",
				              one->name, prefix_print(a, &one->nets[i]), two->name, prefix_print(b, &two->nets[j]));
		}
	return true;
}

static bool check_pair(const struct tunnel *tunnel, const struct side *one, const struct side *two)
{
	char text[ENDPOINT_TEXT];

	if (one->mapped.address.family != two->mapped.address.family)
		return refuse(two->where, "%s and %s differ in address family: want both IPv4 or both IPv6", one->name, two->name);
	if (endpoint_equal(&one->mapped, &two->mapped))
		return refuse(two->where, "%s and %s have one endpoint %s: want one for each side", one->name, two->name,
		              endpoint_print(text, &one->mapped));
	if (address_equal(&one->mapped.address, &two->mapped.address) && !tunnel->hairpin)
		return refuse(two->where, "%s and %s have one mapped address %s, so they are behind the same NAT: leave out both @MAPPED to use "
		              "the local addresses, or --hairpin if the NAT turns packets around",
		              one->name, two->name, address_print(text, &one->mapped.address));
	if (!check_nets(one, two))
		return false;
	warn_same_lan(one, two);
	return true;
}

bool tunnel_check(struct tunnel *tunnel)
{
	bool good = name_sides(tunnel);

	if (tunnel->side_count < 2)
		return refuse(NULL, "%s: want at least two, like 192.168.1.4:4500@85.9.8.7 192.168.2.100:4500@31.1.2.3",
		              tunnel->side_count ? "one side only" : "no side");
	for (size_t i = 0; i < tunnel->side_count; i++)
		good &= check_side(&tunnel->sides[i], tunnel_encapsulates(tunnel));
	for (size_t i = 0; i < tunnel->side_count; i++)
		for (size_t j = i + 1; j < tunnel->side_count; j++)
			good &= check_pair(tunnel, &tunnel->sides[i], &tunnel->sides[j]);
	return good;
}

bool tunnel_encapsulates(const struct tunnel *tunnel)
{
	for (size_t i = 0; i < tunnel->side_count; i++)
		if (tunnel->sides[i].local.port)
			return true;
	return false;
}

/* FNV-1a: short, and enough to tell runs and files apart; it protects nothing. */
static uint32_t hash(const struct text *text)
{
	uint32_t value = 2166136261u;

	for (size_t i = 0; i < text->length; i++)
		value = (value ^ (unsigned char)text->bytes[i]) * 16777619u;
	return value;
}

uint32_t tunnel_digest(const struct tunnel *tunnel)
{
	struct text facts = { 0 };
	uint32_t digest;

	text_printf(&facts, "%s esn %d\n", tunnel->cipher->name, tunnel->esn);
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		char local[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT], net[PREFIX_TEXT];

		text_printf(&facts, "%s %s %s", side->name, endpoint_print(local, &side->local),
		            endpoint_print(mapped, &side->mapped));
		for (size_t j = 0; j < side->net_count; j++)
			text_printf(&facts, " %s", prefix_print(net, &side->nets[j]));
		text_printf(&facts, "\n");
	}
	for (size_t i = 0; i < tunnel->sa_count; i++) {
		const struct sa *sa = &tunnel->sas[i];

		text_printf(&facts, "%zu %zu %lu %x\n", sa->from, sa->to, sa->epoch, (unsigned)sa->spi);
	}
	digest = hash(&facts);
	text_free(&facts);
	return digest;
}

uint32_t tunnel_reqid(const struct tunnel *tunnel, size_t one, size_t two)
{
	size_t low = one < two ? one : two, high = one < two ? two : one;
	struct text facts = { 0 };
	uint32_t value;

	text_printf(&facts, "%s %x %s %x\n", tunnel->sides[low].name, (unsigned)key_of(tunnel, low, high)->spi,
	            tunnel->sides[high].name, (unsigned)key_of(tunnel, high, low)->spi);
	value = hash(&facts);
	text_free(&facts);
	/* away from the small numbers that daemons count from, and a positive int for any tool */
	return (value & 0x3fffffff) | 0x40000000;
}

void tunnel_free(struct tunnel *tunnel)
{
	free(tunnel->sides);
	key_free(tunnel);
	*tunnel = (struct tunnel){ 0 };
}
