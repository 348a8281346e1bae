/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "side.h"
#include "number.h"
#include "say.h"
#include "special.h"
#include "text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	LABEL_MOST = 63, /* of a DNS name, between dots: RFC 1035, section 2.3.4 */
	/* bytes of a side's word, all parts at their longest: each of these has room for the sign
	   before or behind it */
	TOKEN_MOST = NAME_MOST + 1 + 2 * OUTER_TEXT + NETS_MOST * NET_TEXT + PUBLIC_TEXT,
};

static const char word_auto[] = "auto", name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-",
                  letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool name_parse(char out[NAME_MOST + 1], const char *text, const char *where)
{
	size_t length = strlen(text);

	if (length < 1 || length > NAME_MOST || text[0] < 'a' || text[0] > 'z' ||
	    strspn(text, name_letters) != length)
		return refuse(where,
		              "name '%s': invalid (expected a lower-case letter, then at most %d "
		              "of a-z, 0-9 and -)",
		              shown(text), NAME_MOST - 1);
	memcpy(out, text, length + 1);
	return true;
}

static uint8_t icmp_of(sa_family_t family)
{
	return family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/* Only protocols with ports, or that differ by family, have a name; all others are numbers. */
static bool parse_proto(uint8_t *out, const char *word, sa_family_t family)
{
	unsigned long long number;

	if (strcmp(word, "tcp") == 0)
		number = IPPROTO_TCP;
	else if (strcmp(word, "udp") == 0)
		number = IPPROTO_UDP;
	else if (strcmp(word, "icmp") == 0)
		number = icmp_of(family);
	else if (!number_parse(&number, word, 1, UINT8_MAX))
		return false;
	*out = (uint8_t)number;
	return true;
}

/* The first number after an address is its prefix length, so a protocol number comes after that. */
bool net_parse(struct net *out, const char *text, const char *where)
{
	char words[NET_TEXT + 4];
	char *proto, *port;

	*out = (struct net){ 0 };
	if (strlen(text) >= sizeof words)
		return refuse(where, "net '%s': invalid (expected a prefix like 10.1.0.0/16 or "
		              "2001:db8:1::/48)",
		              shown(text));
	strcpy(words, text);
	proto = strchr(words, '/');
	if (proto && (!proto[1] || !strchr(letters, proto[1])))
		proto = strchr(proto + 1, '/');
	if (proto)
		*proto++ = '\0';
	if (!prefix_parse(&out->prefix, words, where))
		return false;
	if (!proto)
		return true;
	port = strchr(proto, '/');
	if (port)
		*port++ = '\0';
	if (!parse_proto(&out->proto, proto, out->prefix.address.family))
		return refuse(where,
		              "net '%s': protocol '%s': unknown (expected tcp, udp, icmp or a "
		              "number from 1 to 255)",
		              shown(text), shown(proto));
	if (port && !has_ports(out->proto))
		return refuse(where, "net '%s': this protocol has no ports (expected a port only "
		              "with tcp or udp)",
		              shown(text));
	return !port || port_parse(&out->port, port, where);
}

const char *net_print(char out[NET_TEXT], const struct net *net)
{
	size_t length;

	prefix_print(out, &net->prefix);
	if (!net->proto)
		return out;
	strcat(out, "/");
	length = strlen(out);
	if (net->proto == IPPROTO_TCP || net->proto == IPPROTO_UDP)
		strcat(out, net->proto == IPPROTO_TCP ? "tcp" : "udp");
	else if (net->proto == icmp_of(net->prefix.address.family))
		strcat(out, "icmp");
	else
		snprintf(out + length, NET_TEXT - length, "%u", net->proto);
	length = strlen(out);
	if (net->port)
		snprintf(out + length, NET_TEXT - length, "/%u", net->port);
	return out;
}

struct net net_of_host(const struct address *address)
{
	return (struct net){ .prefix = prefix_of_host(address) };
}

bool net_overlaps(const struct net *one, const struct net *two)
{
	return prefix_overlaps(&one->prefix, &two->prefix) &&
	       (!one->proto || !two->proto || one->proto == two->proto) &&
	       (!one->port || !two->port || one->port == two->port);
}

bool net_meets(const struct net *one, const struct net *two)
{
	return one->prefix.address.family == two->prefix.address.family &&
	       (!one->proto || !two->proto || one->proto == two->proto);
}

bool net_takes_ping(const struct net *net)
{
	return !net->proto || net->proto == icmp_of(net->prefix.address.family);
}

static bool parse_outer(struct endpoint *out, const char *what, const char *text, const char *where)
{
	char address[ADDRESS_TEXT];

	if (!endpoint_parse(out, text, where))
		return false;
	if (special_is_unusable(&out->address))
		return refuse(where,
		              "%s address '%s': unspecified, loopback, multicast or broadcast "
		              "(expected %s)",
		              what, address_print(address, &out->address),
		              strcmp(what, "local") == 0 ? "the host's own address on its interface"
		                                         : "the public address, as natprobe "
		                                           "prints it");
	return true;
}

/* RFC 1035, section 2.3.1, and RFC 1123, section 2.1: labels of letters, digits and inner hyphens.
 * OUT is in lower case and without a final dot. */
static bool read_host(char out[HOST_MOST + 1], const char *text, size_t length)
{
	size_t label = 0;

	if (length && text[length - 1] == '.')
		length--;
	if (length > HOST_MOST)
		return false;
	for (size_t i = 0; i <= length; i++) {
		char c = i == length ? '.' : text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.' ? !label || label > LABEL_MOST || text[i - 1] == '-'
		             : !strchr(name_letters, c) || (c == '-' && !label))
			return false;
		label = c == '.' ? 0 : label + 1;
		out[i] = c;
	}
	out[length] = '\0';
	return true;
}

/* True for a name with a dot and a last label of letters, which no mistyped address has; a port may
 * follow. */
static bool is_domain(const char *text)
{
	char host[HOST_MOST + 1];
	const char *last;

	if (!read_host(host, text, strcspn(text, ":")))
		return false;
	last = strrchr(host, '.');
	return last && last[1 + strspn(last + 1, letters)] == '\0';
}

bool side_set_local(struct side *side, const char *text, const char *where)
{
	size_t length = strcspn(text, ":");

	if (is_domain(text))
		return refuse(where, "'%s': a DNS name can only be the mapped address (expected "
		              "auto@%s)", shown(text),
		              shown(text));
	if (length != strlen(word_auto) || strncmp(text, word_auto, length) != 0)
		return parse_outer(&side->local, "local", text, where);
	return !text[length] || port_parse(&side->local.port, text + length + 1, where);
}

/* A text with a letter and at most one colon is a name; digits and dots alone are an address. */
bool side_set_mapped(struct side *side, const char *text, const char *where)
{
	size_t length = strcspn(text, ":");
	char host[HOST_MOST + 1];

	side->behind_nat = true;
	if (text[0] == '[' || strcspn(text, letters) >= length ||
	    (text[length] && strchr(text + length + 1, ':')))
		return parse_outer(&side->mapped, "mapped", text, where);
	if (!read_host(host, text, length))
		return refuse(where,
		              "mapped name '%s': invalid (expected an address, or letters, digits "
		              "and hyphens, at most %d between dots and %d in all)",
		              shown(text), LABEL_MOST, HOST_MOST);
	if (strcmp(host, word_auto) == 0)
		return refuse(where, "mapped 'auto': not possible (expected the public address, "
		                     "which natprobe prints, or a DNS name)");
	strcpy(side->mapped_name, host);
	return !text[length] || port_parse(&side->mapped.port, text + length + 1, where);
}

/* RFC 4291, section 2.5.6: not routed. IPv4's are allowed: some tunnels use them inside. */
static bool is_link_local6(const struct prefix *prefix)
{
	const struct special_range *range = special_find(&prefix->address);

	return prefix->address.family == AF_INET6 && range && range->kind == SPECIAL_LINK_LOCAL;
}

bool side_add_net(struct side *side, const char *text, const char *where)
{
	struct net net;

	if (!net_parse(&net, text, where))
		return false;
	if (is_link_local6(&net.prefix))
		return refuse(where,
		              "net '%s': link-local addresses are not routed (expected another "
		              "net)",
		              shown(text));
	for (size_t i = 0; i < side->net_count; i++) {
		char given[NET_TEXT], before[NET_TEXT];

		if (net_overlaps(&side->nets[i], &net))
			return refuse(where,
			              "net '%s': overlaps %s of the same side (expected each %s "
			              "once)",
			              net_print(given, &net), net_print(before, &side->nets[i]),
			              net.proto ? "packet" : "address");
	}
	if (side->net_count == NETS_MOST)
		return refuse(where, "net '%s': too many (expected at most %d per side)",
		              shown(text), NETS_MOST);
	side->nets[side->net_count++] = net;
	return true;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t public_length(const char *text)
{
	return strspn(text, base64url) == PUBLIC_TEXT - 1 ? PUBLIC_TEXT - 1 : 0;
}

const char *public_print(char out[PUBLIC_TEXT], const unsigned char public[PUBLIC_BYTES])
{
	unsigned bits = 0;
	int count = 0;
	char *p = out;

	for (size_t i = 0; i < PUBLIC_BYTES; i++) {
		bits = bits << 8 | public[i];
		for (count += 8; count >= 6; count -= 6)
			*p++ = base64url[bits >> (count - 6) & 63];
	}
	*p++ = base64url[bits << (6 - count) & 63];
	*p = '\0';
	return out;
}

/* Accepts only what public_print() prints for a number below 2^255 - 19 (RFC 7748, section 5). The
 * message shows nothing of it, because it may be a misplaced secret. */
bool side_set_public(struct side *side, const char *text, const char *where)
{
	static const unsigned char prime[PUBLIC_BYTES] = { 0xed, [1 ... 30] = 0xff, 0x7f };
	unsigned char *public = side->public;
	char again[PUBLIC_TEXT];
	unsigned bits = 0, count = 0;
	size_t i = 0;

	side->has_public = public_length(text);
	for (const char *p = text; side->has_public && i < PUBLIC_BYTES; p++) {
		bits = bits << 6 | (unsigned)(strchr(base64url, *p) - base64url);
		count += 6;
		if (count >= 8)
			public[i++] = (unsigned char)(bits >> (count -= 8));
	}
	for (i = PUBLIC_BYTES - 1; i && public[i] == prime[i]; i--)
		;
	return (side->has_public && public[i] < prime[i] &&
	        strcmp(public_print(again, public), text) == 0) ||
	       refuse(where,
	              "public key: invalid (expected the %d characters after the # that xfrmpair "
	              "--secret FILE SIDE prints)",
	              PUBLIC_TEXT - 1);
}

bool side_complete(struct side *side)
{
	struct address *local = &side->local.address, *mapped = &side->mapped.address;
	char text[ADDRESS_TEXT];

	if (!side->behind_nat) {
		if (side_is_auto(side))
			return refuse(side->where, "'auto': the other side must know where to send "
			                           "(expected @MAPPED, an address or a name)");
		side->mapped = side->local;
	}
	if (!local->family)
		local->family = mapped->family ? mapped->family : AF_INET;
	if (!mapped->family)
		mapped->family = local->family;
	if (mapped->family != local->family)
		return refuse(side->where, "local and mapped address differ in family (expected "
		                           "both IPv4 or both IPv6)");
	if (side->behind_nat && special_is_private(mapped) && !side_is_auto(side) &&
	    !special_is_private(local))
		return refuse(side->where,
		              "mapped address %s is private, and the local one is not: swapped? "
		              "(expected LOCAL@MAPPED)",
		              address_print(text, mapped));
	if (side->mapped.port && !side->local.port)
		return refuse(side->where,
		              "mapped port %u without a local port (expected both)",
		              (unsigned)side->mapped.port);
	if (!side->mapped.port)
		side->mapped.port = side->local.port;
	return true;
}

/* Prints WORD in place of an unknown address. */
static const char *print_outer(char out[OUTER_TEXT], const struct endpoint *endpoint,
                               const char *word)
{
	if (!address_is_any(&endpoint->address))
		return endpoint_print(out, endpoint);
	strcpy(out, word);
	if (endpoint->port)
		snprintf(out + strlen(out), sizeof ":65535", ":%u", endpoint->port);
	return out;
}

static const char *print_outer_address(char out[OUTER_TEXT], const struct address *address,
                                       const char *word)
{
	return address_is_any(address) ? strcpy(out, word) : address_print(out, address);
}

const char *local_print(char out[OUTER_TEXT], const struct side *side)
{
	return print_outer(out, &side->local, word_auto);
}

const char *local_print_address(char out[OUTER_TEXT], const struct side *side)
{
	return print_outer_address(out, &side->local.address, word_auto);
}

const char *mapped_print(char out[OUTER_TEXT], const struct side *side)
{
	return print_outer(out, &side->mapped, side->mapped_name);
}

const char *mapped_print_address(char out[OUTER_TEXT], const struct side *side)
{
	return print_outer_address(out, &side->mapped.address, side->mapped_name);
}

bool side_is_auto(const struct side *side)
{
	return address_is_any(&side->local.address);
}

bool side_shares_mapped(const struct side *one, const struct side *two)
{
	return address_equal(&one->mapped.address, &two->mapped.address) &&
	       strcmp(one->mapped_name, two->mapped_name) == 0;
}

/* True if the text before the first colon is an IPv4 address. */
static bool begins_with_ipv4(const char *text)
{
	struct in_addr four;
	char address[ADDRESS_TEXT];

	snprintf(address, sizeof address, "%.*s", (int)strcspn(text, ":"), text);
	return inet_pton(AF_INET, address, &four) == 1;
}

/* True for NAME:LOCAL instead of NAME=LOCAL. */
static bool has_name(const char *local)
{
	size_t length = strcspn(local, ":");
	const char *rest = local + length + 1;

	if (local[0] < 'a' || local[0] > 'z' || !local[length] ||
	    strspn(local, name_letters) != length)
		return false;
	return rest[0] == '[' || begins_with_ipv4(rest);
}

/* Common mistakes with a message of their own. MAPPED may be NULL. */
static bool check_shape(const char *token, const char *local, const char *mapped, const char *where)
{
	static const char signs[] = ",/;|", between_sides[] = ",;|";
	const char *colon = strchr(local, ':'),
		   *sign = mapped ? strpbrk(local, between_sides) : strpbrk(local, signs);

	/* after an IPv4 address, only a port may follow a colon */
	if (!sign && !mapped && colon && begins_with_ipv4(local) &&
	    (strchr(colon + 1, ':') || begins_with_ipv4(colon + 1)))
		sign = colon;
	if (sign && !mapped)
		return refuse(where,
		              "'%s': '%c' between two endpoints (expected LOCAL@MAPPED, and +NET "
		              "for a protected network)",
		              shown(token), *sign);
	if (!sign && mapped)
		sign = strpbrk(mapped, between_sides);
	if (sign)
		return refuse(where,
		              "'%s': '%c' between two sides (expected a space)",
		              shown(token), *sign);
	if (mapped && !*mapped)
		return refuse(where, "'%s': nothing after the @ (expected the mapped address)",
		              shown(token));
	if (has_name(local))
		return refuse(where, "'%s': colon after the name (expected %.*s=%s)", shown(token),
		              (int)strcspn(local, ":"), local, shown(strchr(local, ':') + 1));
	return true;
}

bool side_parse(struct side *side, const char *token)
{
	char text[TOKEN_MOST + 1];
	char *local = text, *mapped, *net, *equals, *public;
	size_t length = strlen(token);

	if (length >= sizeof text)
		return refuse(side->where, "'%s': too long (expected at most %d characters)",
		              shown(token),
		              TOKEN_MOST);
	memcpy(text, token, length + 1);

	public = strchr(text, '#');
	if (public)
		*public++ = '\0';
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
	if (!check_shape(token, local, mapped, side->where))
		return false;
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
	return (!public || side_set_public(side, public, side->where)) && side_complete(side);
}
