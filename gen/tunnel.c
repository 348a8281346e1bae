#include "tunnel.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_count(unsigned long long *out, const struct options *options, enum option_index option, unsigned long long least,
                        unsigned long long most)
{
	const char *text = options->value[option];
	size_t digits;

	if (!text)
		return true;
	digits = strspn(text, "0123456789");
	*out = digits <= 18 ? strtoull(text, NULL, 10) : 0;
	if (!digits || text[digits] || *out < least || *out > most)
		return refuse(options->where[option], "number '%s': want %llu to %llu", shown(text), least, most);
	return true;
}

/* TEXT is to be one of two words; *SECOND says which. */
static bool parse_choice(bool *second, const struct options *options, enum option_index option, const char *one, const char *two)
{
	const char *text = options->value[option];

	*second = text && strcmp(text, two) == 0;
	return !text || *second || strcmp(text, one) == 0 ||
	       refuse(options->where[option], "'%s': want %s or %s", shown(text), one, two);
}

/* IFNAMSIZ is 16 with its NUL. */
static bool check_interface(const char *name, const char *where)
{
	size_t length = strlen(name);

	return (length >= 1 && length <= 15 && name[0] >= 'a' && name[0] <= 'z' &&
	        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length) ||
	       refuse(where, "interface '%s': want a lower-case letter, then at most 14 of a-z, 0-9, -, _ and .", shown(name));
}

bool tunnel_set(struct tunnel *tunnel, const struct options *options)
{
	const char *cipher = options->value[OPTION_CIPHER];
	/* the least that IPv6 and IPv4's header fields allow: RFC 8200 section 5, RFC 791 */
	unsigned long long mtu = 1500;
	bool good;

	tunnel->esn = options->value[OPTION_ESN];
	tunnel->hairpin = options->value[OPTION_HAIRPIN];
	tunnel->lan = options->value[OPTION_LAN];
	tunnel->clamp = options->value[OPTION_CLAMP];
	tunnel->guard = options->value[OPTION_GUARD];
	tunnel->interface = options->value[OPTION_INTERFACE];
	tunnel->where_inner = options->where[OPTION_INNER];
	tunnel->where_encap = options->where[OPTION_ENCAP];
	tunnel->cipher = cipher_find(cipher ? cipher : CIPHER_DEFAULT, options->where[OPTION_CIPHER]);
	good = tunnel->cipher;
	good &= parse_choice(&tunnel->transport, options, OPTION_MODE, "tunnel", "transport");
	good &= parse_choice(&tunnel->nonike, options, OPTION_ENCAP, "espinudp", "espinudp-nonike");
	good &= parse_count(&mtu, options, OPTION_MTU, 576, 65535);
	good &= parse_count(&tunnel->limit_bytes, options, OPTION_LIMIT_BYTES, 1, 999999999999999999);
	good &= parse_count(&tunnel->limit_packets, options, OPTION_LIMIT_PACKETS, 1, 999999999999999999);
	tunnel->mtu = (unsigned)mtu;
	if (options->value[OPTION_INNER])
		good &= prefix_parse(&tunnel->inner, options->value[OPTION_INNER], options->where[OPTION_INNER]) &&
		        (tunnel->inner.length || refuse(options->where[OPTION_INNER], "prefix '%s': no place for addresses of hosts; want one "
		                                        "like 10.99.0.0/24", options->value[OPTION_INNER]));
	if (tunnel->interface)
		good &= check_interface(tunnel->interface, options->where[OPTION_INTERFACE]);
	if (tunnel->hairpin && tunnel->lan)
		good = refuse(options->where[OPTION_LAN], "beside --hairpin: want one of them");
	if (tunnel->transport && (tunnel->interface || options->value[OPTION_INNER]))
		good = refuse(options->where[OPTION_MODE], "transport mode joins two hosts by their outer addresses: want --mode tunnel, "
		              "or neither --interface nor --inner");
	if (tunnel->transport && tunnel->clamp)
		good = refuse(options->where[OPTION_CLAMP], "transport mode carries nobody else's connections, and the kernel knows the MTU for its own: "
		              "want --mode tunnel, or no --clamp");
	if (tunnel->interface && tunnel->guard)
		good = refuse(options->where[OPTION_GUARD], "its policies catch only what is routed into the interface: want --guard without "
		              "--interface, or a blackhole route of your own");
	if (tunnel->cipher && !tunnel->cipher->key_bytes)
		warnx("%s: warning: %s authenticates but encrypts nothing: everybody on the way can read", options->where[OPTION_CIPHER],
		      tunnel->cipher->name);
	return good;
}

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

		if (!side->name[0])
			name_by_position(side->name, i);
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

static bool check_side(const struct tunnel *tunnel, const struct side *side)
{
	char address[ADDRESS_TEXT];

	if (tunnel_encapsulates(tunnel) && !side->local.port)
		return refuse(side->where, "%s: no port, but another side has one; want a port on every side, or none for plain ESP",
		              side->name);
	if (tunnel->transport && side->net_count)
		return refuse(side->where, "%s: a +NET in transport mode, which joins two hosts; want --mode tunnel or no NET", side->name);
	if (side->behind_nat && is_private(&side->mapped.address))
		warnx("%s: warning: mapped address %s is private: a second NAT hides this side, unless this is a lab",
		      side->where, address_print(address, &side->mapped.address));
	if (side->behind_nat && !side->local.port)
		warnx("%s: warning: %s is behind NAT without a port: plain ESP passes few NATs; give every side a port", side->where,
		      side->name);
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

/* One side may protect everything: what is not the other's own. */
static bool check_nets(const struct side *one, const struct side *two)
{
	bool common = false;

	for (size_t i = 0; i < one->net_count; i++)
		for (size_t j = 0; j < two->net_count; j++) {
			const struct prefix *a = &one->nets[i], *b = &two->nets[j];
			char text_a[PREFIX_TEXT], text_b[PREFIX_TEXT];

			common |= a->address.family == b->address.family;
			if (prefix_overlaps(a, b) && prefix_is_everything(a) == prefix_is_everything(b))
				return refuse(two->where, "%s protects %s and %s protects %s, which overlap: want different nets; give one side another "
				              "LAN address, or each side one of its own with --inner 10.99.0.0/24",
				              one->name, prefix_print(text_a, a), two->name, prefix_print(text_b, b));
		}
	return common || refuse(two->where, "%s and %s protect no nets of one family: want IPv4 on both or IPv6 on both", one->name, two->name);
}

static bool check_pair(const struct tunnel *tunnel, const struct side *one, const struct side *two)
{
	bool same_nat = address_equal(&one->mapped.address, &two->mapped.address);
	char text[ENDPOINT_TEXT];

	if (one->mapped.address.family != two->mapped.address.family)
		return refuse(two->where, "%s and %s differ in address family: want both IPv4 or both IPv6", one->name, two->name);
	if (endpoint_equal(&one->mapped, &two->mapped))
		return refuse(two->where, "%s and %s have one endpoint %s: want one for each side", one->name, two->name,
		              endpoint_print(text, &one->mapped));
	if (same_nat && !tunnel->hairpin && !tunnel->lan)
		return refuse(two->where, "%s and %s have one mapped address %s, so they are behind the same NAT: want --lan, to use their local "
		              "addresses, or --hairpin if the NAT turns packets around",
		              one->name, two->name, address_print(text, &one->mapped.address));
	if (same_nat && tunnel->lan && address_equal(&one->local.address, &two->local.address))
		return refuse(two->where, "%s and %s have one local address %s: want one for each side of a LAN", one->name, two->name,
		              address_print(text, &one->local.address));
	if (!tunnel->transport && !check_nets(one, two))
		return false;
	if (!tunnel->transport && tunnel->inner.address.family == AF_UNSPEC && !same_nat)
		warn_same_lan(one, two);
	return true;
}

/* Side I's own address inside, from --inner: the Ith of the prefix, from 1 on. */
static bool give_inner(struct tunnel *tunnel, struct side *side, size_t index)
{
	struct prefix net;
	unsigned bytes = family_bits(tunnel->inner.address.family) / 8;

	side->inner = tunnel->inner.address;
	side->inner.bytes[bytes - 1] = (unsigned char)(side->inner.bytes[bytes - 1] + ((index + 1) & 0xff));
	side->inner.bytes[bytes - 2] = (unsigned char)(side->inner.bytes[bytes - 2] + ((index + 1) >> 8));
	net = prefix_of_host(&side->inner);
	for (size_t i = 0; i < side->net_count; i++)
		if (prefix_overlaps(&side->nets[i], &net) && !prefix_is_everything(&side->nets[i]))
			return refuse(side->where, "%s: --inner and a +NET of its own overlap: want another PREFIX", side->name);
	if (side->net_count == NETS_MOST)
		return refuse(side->where, "%s: --inner is one net too many; want at most %d on a side", side->name, NETS_MOST);
	side->nets[side->net_count++] = net;
	return true;
}

/* What a side protects when it did not say so. */
static bool complete_nets(struct tunnel *tunnel)
{
	unsigned family = tunnel->inner.address.family, host_bits = family_bits((sa_family_t)family) - tunnel->inner.length;
	bool good = true;

	if (family != AF_UNSPEC && (host_bits > 16 ? 0xffffu : (1u << host_bits) - 1) <= tunnel->side_count) {
		char text[PREFIX_TEXT];

		return refuse(tunnel->where_inner, "prefix '%s': too small for %zu sides; want one that is wider", prefix_print(text, &tunnel->inner),
		              tunnel->side_count);
	}
	for (size_t i = 0; i < tunnel->side_count; i++) {
		struct side *side = &tunnel->sides[i];

		if (family != AF_UNSPEC)
			good &= give_inner(tunnel, side, i);
		else if (!side->net_count)
			side->nets[side->net_count++] = prefix_of_host(&side->local.address);
	}
	return good;
}

/* With everything on one side, policies must not catch what another pair has. */
static bool check_everything(const struct tunnel *tunnel)
{
	const struct side *before = NULL;

	for (size_t i = 0; i < tunnel->side_count; i++)
		for (size_t j = 0; j < tunnel->sides[i].net_count; j++) {
			if (!prefix_is_everything(&tunnel->sides[i].nets[j]))
				continue;
			if (tunnel->interface)
				return refuse(tunnel->sides[i].where, "%s protects everything, through an interface: its default route is yours to set; "
				              "want narrower nets, or no --interface", tunnel->sides[i].name);
			if (before && before != &tunnel->sides[i])
				return refuse(tunnel->sides[i].where, "%s and %s both protect everything: want it on one side", before->name,
				              tunnel->sides[i].name);
			before = &tunnel->sides[i];
		}
	return true;
}

bool tunnel_check(struct tunnel *tunnel)
{
	bool good = name_sides(tunnel);

	if (tunnel->side_count < 2)
		return refuse(NULL, "%s: want at least two, like 192.168.1.4:4500@85.9.8.7 192.168.2.100:4500@31.1.2.3",
		              tunnel->side_count ? "one side only" : "no side");
	for (size_t i = 0; i < tunnel->side_count; i++)
		good &= check_side(tunnel, &tunnel->sides[i]);
	good = good && complete_nets(tunnel) && check_everything(tunnel);
	for (size_t i = 0; good && i < tunnel->side_count; i++)
		for (size_t j = i + 1; j < tunnel->side_count; j++)
			good &= check_pair(tunnel, &tunnel->sides[i], &tunnel->sides[j]);
	if (good && tunnel->nonike && !tunnel_encapsulates(tunnel))
		good = refuse(tunnel->where_encap, "without ports there is no UDP to encapsulate in; want a port on every side");
	return good;
}

/* net/xfrm/xfrm_state.c, xfrm_state_mtu(): what is left is cut to whole blocks, two bytes of which are the trailer's. */
unsigned tunnel_inner_mtu(const struct tunnel *tunnel, sa_family_t family)
{
	const struct cipher *cipher = tunnel->cipher;
	/* non-IKE: eight zero bytes after the UDP header */
	unsigned ip = family == AF_INET6 ? 40 : 20, udp = tunnel_encapsulates(tunnel) ? (tunnel->nonike ? 16 : 8) : 0, esp = 8;
	unsigned room = tunnel->mtu - ip - udp - esp - cipher->iv_bytes - cipher->icv_bits / 8;

	room = room / cipher->block_bytes * cipher->block_bytes - 2;
	return tunnel->transport ? ip + room : room;
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

void tunnel_digest(struct tunnel *tunnel)
{
	struct text facts = { 0 };

	text_printf(&facts, "%s esn %d transport %d lan %d hairpin %d interface %s mtu %u clamp %d guard %d nonike %d limits %llu %llu\n",
	            tunnel->cipher->name, tunnel->esn, tunnel->transport, tunnel->lan, tunnel->hairpin,
	            tunnel->interface ? tunnel->interface : "", tunnel->mtu, tunnel->clamp, tunnel->guard, tunnel->nonike,
	            tunnel->limit_bytes, tunnel->limit_packets);
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		char local[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT], net[PREFIX_TEXT];

		text_printf(&facts, "%s %s %s", side->name, endpoint_print(local, &side->local),
		            endpoint_print(mapped, &side->mapped));
		for (size_t j = 0; j < side->net_count; j++)
			text_printf(&facts, " %s", prefix_print(net, &side->nets[j]));
		text_printf(&facts, "\n");
	}
	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++)
			if (from != to)
				text_printf(&facts, "%zu %zu %x\n", from, to, (unsigned)key_of(tunnel, from, to)->spi);
	tunnel->digest = hash(&facts);
	text_free(&facts);
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
