/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "tunnel.h"
#include "key.h"
#include "say.h"
#include "special.h"

#include <err.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { SIDES_MOST = 1024 };  /* as many as espdecap has peers */

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

/* Names sides a, b, ... z, aa, ab, ... by position. */
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
			good = refuse(side->where,
			              "name '%s': another side has the same name (expected a "
			              "different one)",
			              side->name);
	}
	return good;
}

/* Refuses a net whose policy would have the same selector as the one that exempts the UDP flow,
 * because the kernel accepts only one of them. */
static bool check_own_port(const struct side *side)
{
	char text[NET_TEXT];

	for (size_t i = 0; i < side->net_count; i++) {
		const struct net *net = &side->nets[i];

		if (net->proto == IPPROTO_UDP && net->port == side->local.port &&
		    prefix_is_host(&net->prefix) &&
		    address_equal(&net->prefix.address, &side->local.address))
			return refuse(side->where,
			              "net '%s': the UDP port of the tunnel itself (expected "
			              "another port)",
			              net_print(text, net));
	}
	return true;
}

static bool check_side(const struct tunnel *tunnel, const struct side *side)
{
	char address[ADDRESS_TEXT];

	if (side_is_auto(side) && !tunnel->transport && !side->net_count &&
	    tunnel->inner.address.family == AF_UNSPEC)
		return refuse(side->where, "'auto': the other side must know what to protect "
		                           "(expected +NET, or --inner PREFIX)");
	if (tunnel_encapsulates(tunnel) && !side->local.port)
		return refuse(side->where,
		              "%s: no port, but another side has one (expected a port on every "
		              "side, or none for plain ESP)",
		              side->name);
	if (tunnel->transport && side->net_count)
		return refuse(side->where,
		              "%s: +NET in transport mode, which joins two hosts (expected --mode "
		              "tunnel or no NET)",
		              side->name);
	if (side->behind_nat && special_is_private(&side->mapped.address))
		warnx("%s: warning: mapped address %s is private: except in a lab, this side is "
		      "behind a second NAT",
		      side->where, address_print(address, &side->mapped.address));
	if (side->behind_nat && !side->local.port)
		warnx("%s: warning: %s is behind NAT and has no port: few NATs pass plain ESP; "
		      "give every side a port",
		      side->where, side->name);
	return check_own_port(side);
}

/* Warns of a private address without @MAPPED if the other side is on the internet. In a pair, the
 * other side's address may be the missing mapped address. */
static void warn_unreachable(const struct tunnel *tunnel, const struct side *one,
                             const struct side *two)
{
	char address[ADDRESS_TEXT], local[OUTER_TEXT], mapped[OUTER_TEXT];

	if (one->behind_nat || !special_is_private(&one->local.address) ||
	    special_is_private(&two->mapped.address))
		return;
	address_print(address, &one->local.address);
	if (!two->behind_nat && tunnel->side_count == 2)
		warnx("%s: warning: %s has the private address %s and no @MAPPED: did you mean "
		      "%s@%s? %s can reach it only if no NAT is between them",
		      one->where, one->name, address, local_print(local, one),
		      local_print(mapped, two), two->name);
	else if (two->behind_nat)
		warnx("%s: warning: %s has the private address %s and no @MAPPED: %s can reach it "
		      "only if no NAT is between them; natprobe prints LOCAL@MAPPED",
		      one->where, one->name, address, two->name);
}

/* Warns if both homes are 192.168.1.0/24, which is no error while the hosts' addresses differ. */
static void warn_same_lan(const struct side *one, const struct side *two)
{
	char a[ADDRESS_TEXT], b[ADDRESS_TEXT];

	if (one->local.address.family == AF_INET && two->local.address.family == AF_INET &&
	    !side_is_auto(one) && one->behind_nat && two->behind_nat &&
	    memcmp(one->local.address.bytes, two->local.address.bytes, 3) == 0)
		warnx("%s: warning: %s (%s) and %s (%s) may have the same /24: these two hosts "
		      "reach each other, the other hosts of both LANs do not",
		      two->where, one->name, address_print(a, &one->local.address), two->name,
		      address_print(b, &two->local.address));
}

/* True for a net of the hub that contains one of a spoke, which is reached through the hub. */
static bool is_around(const struct tunnel *tunnel, const struct side *side,
                      const struct prefix *net, const struct prefix *other)
{
	return tunnel->star && side == tunnel->sides && net->length < other->length;
}

/* One side may protect everything, which means everything except the other's nets. Nets of two
 * sides must differ in their addresses, not just in protocols, because routes only have
 * addresses. */
static bool check_nets(const struct tunnel *tunnel, const struct side *one, const struct side *two,
                       bool is_pair)
{
	bool family = !is_pair, common = !is_pair;

	for (size_t i = 0; i < one->net_count; i++)
		for (size_t j = 0; j < two->net_count; j++) {
			const struct prefix *a = &one->nets[i].prefix, *b = &two->nets[j].prefix;
			char text_a[PREFIX_TEXT], text_b[PREFIX_TEXT];

			family |= a->address.family == b->address.family;
			common |= net_meets(&one->nets[i], &two->nets[j]);
			if (prefix_overlaps(a, b) &&
			    prefix_is_everything(a) == prefix_is_everything(b) &&
			    !is_around(tunnel, one, a, b))
				return refuse(two->where,
				              "%s protects %s and %s protects %s, which overlap "
				              "(expected different nets; give one side another LAN "
				              "address, or each side an inner one with --inner "
				              "10.99.0.0/24)",
				              one->name, prefix_print(text_a, a), two->name,
				              prefix_print(text_b, b));
		}
	if (!family)
		return refuse(two->where,
		              "%s and %s protect no nets of the same family (expected IPv4 on both "
		              "or IPv6 on both)",
		              one->name, two->name);
	return common || refuse(two->where,
	                        "%s and %s protect no nets with the same protocol (expected the "
	                        "same on both, or none on one)",
	                        one->name, two->name);
}

/* Two sides behind the same NAT have the same address for a third side, which in transport mode
 * cannot distinguish their policies. */
static bool check_transport(const struct tunnel *tunnel, const struct side *one,
                            const struct side *two)
{
	if (!tunnel->transport || !side_shares_mapped(one, two))
		return true;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *third = &tunnel->sides[i];
		char text[OUTER_TEXT];

		if (third != one && third != two &&
		    !(tunnel->lan && side_shares_mapped(third, one)))
			return refuse(two->where,
			              "%s and %s are both %s to %s, which in transport mode cannot "
			              "tell their packets apart (expected --mode tunnel; RFC 3948, "
			              "section 5.2)",
			              one->name, two->name, mapped_print_address(text, one),
			              third->name);
	}
	return true;
}

static bool check_on_lan(const struct side *side, const struct side *other)
{
	return !side_is_auto(side) ||
	       refuse(side->where, "'auto': with --lan, %s sends to the local address (expected an "
	              "address)",
	              other->name);
}

static bool check_pair(const struct tunnel *tunnel, const struct side *one, const struct side *two)
{
	bool same_nat = side_shares_mapped(one, two),
	     is_pair = tunnel_has_pair(tunnel, (size_t)(one - tunnel->sides),
	                               (size_t)(two - tunnel->sides));
	char text[OUTER_TEXT];

	if (one->mapped.address.family != two->mapped.address.family)
		return refuse(two->where,
		              "%s and %s differ in address family (expected both IPv4 or both "
		              "IPv6)",
		              one->name, two->name);
	if (is_pair) {
		warn_unreachable(tunnel, one, two);
		warn_unreachable(tunnel, two, one);
	}
	if (same_nat && one->mapped.port == two->mapped.port)
		return refuse(two->where, "%s and %s have the same endpoint %s (expected a "
		              "different one for each)",
		              one->name, two->name, mapped_print(text, one));
	if (!is_pair)
		return check_nets(tunnel, one, two, false);
	if (same_nat && !tunnel->hairpin && !tunnel->lan)
		return refuse(two->where,
		              "%s and %s have the same mapped address %s, so they are behind the "
		              "same NAT (expected --lan to use the local addresses, or --hairpin "
		              "if the NAT supports it)",
		              one->name, two->name, mapped_print_address(text, one));
	if (same_nat && tunnel->lan && (!check_on_lan(one, two) || !check_on_lan(two, one)))
		return false;
	if (same_nat && tunnel->lan && address_equal(&one->local.address, &two->local.address))
		return refuse(two->where,
		              "%s and %s have the same local address %s (expected a different one "
		              "for each)",
		              one->name, two->name, local_print_address(text, one));
	if (tunnel->transport)
		return check_transport(tunnel, one, two);
	if (!check_nets(tunnel, one, two, true))
		return false;
	if (tunnel->inner.address.family == AF_UNSPEC && !same_nat)
		warn_same_lan(one, two);
	return true;
}

/* Assigns an inner address from --inner: the first side gets the first address of the prefix. */
static bool give_inner(struct tunnel *tunnel, struct side *side, size_t index)
{
	struct net net;
	unsigned bytes = family_bits(tunnel->inner.address.family) / 8;

	side->inner = tunnel->inner.address;
	side->inner.bytes[bytes - 1] =
		(unsigned char)(side->inner.bytes[bytes - 1] + ((index + 1) & 0xff));
	side->inner.bytes[bytes - 2] =
		(unsigned char)(side->inner.bytes[bytes - 2] + ((index + 1) >> 8));
	net = net_of_host(&side->inner);
	for (size_t i = 0; i < side->net_count; i++)
		if (net_overlaps(&side->nets[i], &net) &&
		    !prefix_is_everything(&side->nets[i].prefix))
			return refuse(side->where,
			              "%s: --inner overlaps a +NET of this side (expected another "
			              "PREFIX)",
			              side->name);
	if (side->net_count == NETS_MOST)
		return refuse(side->where,
		              "%s: --inner adds one net too many (expected at most %d per side)",
		              side->name, NETS_MOST);
	side->nets[side->net_count++] = net;
	return true;
}

/* Sets the nets of sides that have none. */
static bool complete_nets(struct tunnel *tunnel)
{
	unsigned family = tunnel->inner.address.family,
		 host_bits = family_bits((sa_family_t)family) - tunnel->inner.length;
	bool good = true;

	if (family != AF_UNSPEC &&
	    (host_bits > 16 ? 0xffffu : (1u << host_bits) - 1) <= tunnel->side_count) {
		char text[PREFIX_TEXT];

		return refuse(tunnel->where_inner,
		              "prefix '%s': too small for %zu sides (expected a shorter prefix "
		              "length)",
		              prefix_print(text, &tunnel->inner), tunnel->side_count);
	}
	for (size_t i = 0; i < tunnel->side_count; i++) {
		struct side *side = &tunnel->sides[i];

		if (family != AF_UNSPEC)
			good &= give_inner(tunnel, side, i);
		else if (!side->net_count)
			side->nets[side->net_count++] = net_of_host(&side->local.address);
	}
	return good;
}

/* If a side protects everything, its policies must not match packets of another pair. */
static bool check_everything(const struct tunnel *tunnel)
{
	const struct side *before = NULL;

	for (size_t i = 0; i < tunnel->side_count; i++)
		for (size_t j = 0; j < tunnel->sides[i].net_count; j++) {
			if (!prefix_is_everything(&tunnel->sides[i].nets[j].prefix))
				continue;
			if (tunnel->interface)
				return refuse(tunnel->sides[i].where,
				              "%s protects everything, and --interface sets no "
				              "default route (expected narrower nets, or no "
				              "--interface)",
				              tunnel->sides[i].name);
			if (tunnel->star && i)
				return refuse(tunnel->sides[i].where,
				              "%s protects everything, but in a star only the hub "
				              "can (expected narrower nets)",
				              tunnel->sides[i].name);
			if (before && before != &tunnel->sides[i])
				return refuse(tunnel->sides[i].where,
				              "%s and %s both protect everything (expected only "
				              "one of them to)",
				              before->name, tunnel->sides[i].name);
			before = &tunnel->sides[i];
		}
	return true;
}

/* Refuses --lan and --hairpin if no spoke shares the hub's NAT. */
static bool check_star(const struct tunnel *tunnel)
{
	if (!tunnel->star || (!tunnel->lan && !tunnel->hairpin))
		return true;
	for (size_t i = 1; i < tunnel->side_count; i++)
		if (side_shares_mapped(&tunnel->sides[0], &tunnel->sides[i]))
			return true;
	return refuse(tunnel->where_star,
	              "no spoke is behind the NAT of %s, the hub (expected neither --lan nor "
	              "--hairpin)",
	              tunnel->sides[0].name);
}

bool tunnel_check(struct tunnel *tunnel)
{
	bool good;

	if (tunnel->side_count > SIDES_MOST)
		return refuse(NULL, "%zu sides (expected at most %d)", tunnel->side_count,
		              SIDES_MOST);
	good = name_sides(tunnel);
	if (tunnel->side_count < 2)
		return refuse(NULL,
		              "%s (expected at least two, like 192.168.1.4:4500@85.9.8.7 "
		              "192.168.2.100:4500@31.1.2.3)",
		              tunnel->side_count ? "only one side" : "no sides");
	for (size_t i = 0; i < tunnel->side_count; i++)
		good &= check_side(tunnel, &tunnel->sides[i]);
	good = good && check_star(tunnel) && complete_nets(tunnel) && check_everything(tunnel);
	for (size_t i = 0; good && i < tunnel->side_count; i++)
		for (size_t j = i + 1; j < tunnel->side_count; j++)
			good &= check_pair(tunnel, &tunnel->sides[i], &tunnel->sides[j]);
	if (good && tunnel->nonike && !tunnel_encapsulates(tunnel))
		good = refuse(tunnel->where_encap, "no side has a port, so there is no UDP "
		                                   "encapsulation (expected a port on every side)");
	return good;
}

/* As xfrm_state_mtu() in net/xfrm/xfrm_state.c: the rest is rounded down to whole blocks, and the
 * trailer takes two bytes. */
unsigned tunnel_inner_mtu(const struct tunnel *tunnel, sa_family_t family)
{
	const struct cipher *cipher = tunnel->cipher;
	/* non-IKE: eight zero bytes after the UDP header */
	unsigned ip = family == AF_INET6 ? 40 : 20,
		 udp = tunnel_encapsulates(tunnel) ? (tunnel->nonike ? 16 : 8) : 0, esp = 8;
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

void tunnel_free(struct tunnel *tunnel)
{
	free(tunnel->sides);
	key_free(tunnel);
	*tunnel = (struct tunnel){ 0 };
}
