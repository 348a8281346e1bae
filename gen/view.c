#include "view.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REPLAY_WINDOW = 128,
	/* the lower number wins */
	BYPASS_PRIORITY = 1000,
	TUNNEL_PRIORITY = 2000,
	EVERYTHING_PRIORITY = 3000,
};

static struct nets nets_of(const struct side *side)
{
	struct nets nets = { .count = side->net_count };

	memcpy(nets.list, side->nets, sizeof nets.list);
	return nets;
}

struct view view_of(const struct tunnel *tunnel, size_t self, size_t other)
{
	const struct side *one = &tunnel->sides[self], *two = &tunnel->sides[other];
	bool lan = tunnel->lan && address_equal(&one->mapped.address, &two->mapped.address);
	struct view view = {
		.self = one,
		.other = two,
		.self_outer = one->local,
		.other_outer = lan ? two->local : two->mapped,
		.in = key_of(tunnel, other, self),
		.out = key_of(tunnel, self, other),
		.reqid = tunnel_reqid(tunnel, self, other),
	};

	if (tunnel->transport) {
		view.self_nets = (struct nets){ { prefix_of_host(&view.self_outer.address) }, 1 };
		view.other_nets = (struct nets){ { prefix_of_host(&view.other_outer.address) }, 1 };
	} else {
		view.self_nets = nets_of(one);
		view.other_nets = nets_of(two);
	}
	return view;
}

/* All views of one side, in the order of the others. */
struct views {
	struct view *list;
	size_t count;
};

static struct views views_of(const struct tunnel *tunnel, size_t self)
{
	struct views views = { calloc(tunnel->side_count, sizeof *views.list), 0 };

	if (!views.list)
		err(EXIT_BROKE, "memory");
	for (size_t other = 0; other < tunnel->side_count; other++)
		if (other != self)
			views.list[views.count++] = view_of(tunnel, self, other);
	return views;
}

/* A value that is only there or not. */
static void set_flag(struct scope *scope, const char *name, bool value)
{
	scope_set(scope, name, "%s", value ? "yes" : "");
}

/* self == internet == other, each behind its NAT if it has one. */
static void describe_picture(struct scope *peer, const struct view *view)
{
	const struct side *self = view->self, *other = view->other;
	bool lan = !endpoint_equal(&view->other_outer, &other->mapped);
	char inside[ENDPOINT_TEXT], outside[ENDPOINT_TEXT];

	scope_set(peer, "picture", "%s %s%s%s", self->name, endpoint_print(inside, &self->local),
	          self->behind_nat && !lan ? " --NAT-- " : "",
	          self->behind_nat && !lan ? endpoint_print(outside, &self->mapped) : "");
	scope_set(peer, "picture_between", "%s", lan ? "one LAN" : "internet");
	scope_set(peer, "picture_other", "%s%s%s %s", other->behind_nat && !lan ? endpoint_print(outside, &other->mapped) : "",
	          other->behind_nat && !lan ? " --NAT-- " : "", endpoint_print(inside, &other->local), other->name);
}

static void describe_sa(struct scope *peer, const char *spi, const char *words, const struct tunnel *tunnel, const struct sa *sa)
{
	struct text text = { 0 };

	scope_set(peer, spi, "0x%08x", (unsigned)sa->spi);
	cipher_print_words(&text, tunnel->cipher, sa->key);
	scope_set(peer, words, "%s", text.bytes);
	text_free(&text);
}

/* Adds policies that let plain packets pass between SELF and OTHER, ahead of those for everything. */
static void describe_plain(struct scope *script, const struct prefix *self, const struct prefix *other)
{
	struct scope *plain = scope_add(script, "plains");
	char net[PREFIX_TEXT];

	scope_set(plain, "self_net", "%s", prefix_print(net, self));
	scope_set(plain, "other_net", "%s", prefix_print(net, other));
}

/* Where the other side protects everything, this side's own neighbours stay reachable (RFC 4861: neighbour
 * discovery comes from link-local addresses and goes to multicast). */
static void describe_neighbours(struct scope *script, const struct prefix *self)
{
	static const struct prefix link_local = { { AF_INET6, { 0xfe, 0x80 } }, 10 };
	static const struct prefix multicast = { { AF_INET6, { 0xff } }, 8 };

	describe_plain(script, self, self);
	if (self->address.family == AF_INET6) {
		describe_plain(script, self, &link_local);
		describe_plain(script, self, &multicast);
	}
}

static void describe_selector(struct scope *peer, const struct tunnel *tunnel, const struct view *view, const struct prefix *self,
                              const struct prefix *other)
{
	struct scope *selector = scope_add(peer, "selectors");
	bool everything = prefix_is_everything(self) || prefix_is_everything(other), six = self->address.family == AF_INET6;
	char net[PREFIX_TEXT];

	scope_set(selector, "self_literal", "%s", prefix_print(net, self));
	if (tunnel->transport) /* the host's own address, which may be another one at up */
		scope_set(selector, "self_net", "$local/%u", self->length);
	else
		scope_set(selector, "self_net", "%s", net);
	scope_set(selector, "other_net", "%s", prefix_print(net, other));
	scope_set(selector, "priority", "%d", everything ? EVERYTHING_PRIORITY : TUNNEL_PRIORITY);
	scope_set(selector, "ip", "%s", six ? "ip6" : "ip");
	/* what IPv4 and IPv6 put before TCP's own 20 bytes */
	scope_set(selector, "mss", "%u", tunnel_inner_mtu(tunnel, view->self_outer.address.family) - (six ? 60 : 40));
}

/* The address of a side to ping from or to: its own inside one, LOCAL where it protects that, else the first host of
 * its first net. */
static struct address inside_address(const struct side *side, const struct nets *nets)
{
	struct address first;

	if (side->inner.family != AF_UNSPEC)
		return side->inner;
	if (prefix_is_everything(&nets->list[0]))
		return side->local.address;
	for (size_t i = 0; i < nets->count; i++)
		if (prefix_contains(&nets->list[i], &side->local.address) && !prefix_is_everything(&nets->list[i]))
			return side->local.address;
	first = nets->list[0].address;
	if (!prefix_is_host(&nets->list[0]))
		first.bytes[family_bits(first.family) / 8 - 1] |= 1;
	return first;
}

/* The nets to route to the other side.  What has its way by the policies alone, everything, needs no route. */
static void describe_remotes(struct scope *peer, const struct view *view)
{
	struct address from = inside_address(view->self, &view->self_nets);
	bool known = address_equal(&from, &view->self->inner) || address_equal(&from, &view->self->local.address);

	for (size_t i = 0; i < view->other_nets.count; i++) {
		const struct prefix *net = &view->other_nets.list[i];
		char text[PREFIX_TEXT];
		struct scope *remote;

		if (prefix_is_everything(net))
			continue;
		remote = scope_add(peer, "remotes");
		scope_set(remote, "other_net", "%s", prefix_print(text, net));
		/* a gateway of the other family is no gateway: the policy takes the packet before that matters */
		scope_set(remote, "way", "%s -e 'dev [^ ]*'", net->address.family == view->other_outer.address.family ? " -e 'via [^ ]*'" : "");
		if (known && from.family == net->address.family)
			scope_set(remote, "src", " src %s", address_print(text, &from));
		else
			set_flag(remote, "src", false);
	}
}

static void describe_selectors(struct scope *script, struct scope *peer, const struct tunnel *tunnel, const struct view *view)
{
	for (size_t i = 0; i < view->self_nets.count; i++)
		for (size_t j = 0; j < view->other_nets.count; j++) {
			const struct prefix *self = &view->self_nets.list[i], *other = &view->other_nets.list[j];

			if (self->address.family != other->address.family)
				continue;
			describe_selector(peer, tunnel, view, self, other);
			if (prefix_is_everything(other) && !prefix_is_everything(self))
				describe_neighbours(script, self);
		}
}

/* True when a policy covers the UDP flow to OTHER: the kernel would ask the wrapped packets, before it unwraps them, to
 * have come out of the tunnel themselves.  The policies of an interface catch only what is routed into it. */
static bool flow_is_covered(const struct tunnel *tunnel, const struct views *views, const struct view *flow)
{
	if (!tunnel_encapsulates(tunnel) || tunnel->interface)
		return false;
	for (size_t i = 0; i < views->count; i++) {
		const struct nets *self = &views->list[i].self_nets, *other = &views->list[i].other_nets;

		for (size_t j = 0; j < self->count; j++)
			for (size_t k = 0; k < other->count; k++)
				if (prefix_contains(&self->list[j], &flow->self_outer.address) &&
				    prefix_contains(&other->list[k], &flow->other_outer.address))
					return true;
	}
	return false;
}

static void describe_test(struct scope *script, const struct view *view)
{
	char self[ADDRESS_TEXT], other[ADDRESS_TEXT];
	struct address from = inside_address(view->self, &view->self_nets), to = inside_address(view->other, &view->other_nets);

	scope_set(scope_add(script, "tests"), "test_command", "ping -c 3 -I %s %s", address_print(self, &from), address_print(other, &to));
}

static void describe_peer(struct scope *script, const struct tunnel *tunnel, const struct view *view, size_t index)
{
	struct scope *peer = scope_add(script, "peers");
	char text[ENDPOINT_TEXT];

	scope_set(peer, "index", "%zu", index);
	scope_set(peer, "other_name", "%s", view->other->name);
	scope_set(peer, "other", "%s", address_print(text, &view->other_outer.address));
	scope_set(peer, "other_bracketed", "%s", endpoint_print(text, &(struct endpoint){ view->other_outer.address, 0 }));
	scope_set(peer, "other_port", "%u", (unsigned)view->other_outer.port);
	scope_set(peer, "reqid", "%u", (unsigned)view->reqid);
	describe_picture(peer, view);
	describe_sa(peer, "spi_in", "words_in", tunnel, view->in);
	describe_sa(peer, "spi_out", "words_out", tunnel, view->out);
	describe_selectors(script, peer, tunnel, view);
	describe_remotes(peer, view);
	describe_test(script, view);
}

/* An allow policy for the UDP flow itself. */
static void describe_bypass(struct scope *script, const struct view *view, size_t index)
{
	struct scope *bypass = scope_add(script, "bypasses");
	char text[ADDRESS_TEXT];

	scope_set(bypass, "index", "%zu", index);
	scope_set(bypass, "other", "%s", address_print(text, &view->other_outer.address));
	scope_set(bypass, "other_port", "%u", (unsigned)view->other_outer.port);
}

/* Each net as a word; of another side with what it is reached by: NET@OUTER. */
static void add_nets(struct text *out, const struct nets *nets, const struct address *outer)
{
	char net[PREFIX_TEXT], address[ADDRESS_TEXT];

	for (size_t i = 0; i < nets->count; i++)
		text_printf(out, "%s%s%s%s", out->length ? " " : "", prefix_print(net, &nets->list[i]), outer ? "@" : "",
		            outer ? address_print(address, outer) : "");
}

/* "a - b", "a - b - c". */
static void describe_names(struct scope *script, const struct tunnel *tunnel)
{
	struct text names = { 0 };

	for (size_t i = 0; i < tunnel->side_count; i++)
		text_printf(&names, "%s%s", i ? " - " : "", tunnel->sides[i].name);
	scope_set(script, "names", "%s", names.bytes);
	scope_set(script, "first", "%s", tunnel->sides[0].name);
	text_free(&names);
}

static void describe_cipher(struct scope *script, const struct tunnel *tunnel, bool af_unspec)
{
	static const unsigned char zeros[CIPHER_KEY_MOST];
	const struct cipher *cipher = tunnel->cipher;
	struct text words = { 0 };

	scope_set(script, "cipher", "%s", cipher->name);
	scope_set(script, "cipher_text", "%s%s%s, %u-bit ICV", cipher->encryption, cipher->integrity ? " " : "",
	          cipher->integrity ? cipher->integrity : "", cipher->icv_bits);
	scope_set(script, "replay_text", "replay window %d%s", REPLAY_WINDOW, tunnel->esn ? ", extended sequence numbers" : "");
	/* without af-unspec an SA takes packets of its outer family only */
	scope_set(script, "state_flags", "%s%s%sreplay-window %d", tunnel->esn || af_unspec ? "flag " : "", tunnel->esn ? "esn " : "",
	          af_unspec ? "af-unspec " : "", REPLAY_WINDOW);
	cipher_print_words(&words, cipher, zeros);
	scope_set(script, "trial_words", "%s", words.bytes);
	text_free(&words);
}

static void describe_limits(struct scope *script, const struct tunnel *tunnel)
{
	struct text limits = { 0 };

	if (tunnel->limit_bytes)
		text_printf(&limits, " limit byte-hard %llu", tunnel->limit_bytes);
	if (tunnel->limit_packets)
		text_printf(&limits, " limit packet-hard %llu", tunnel->limit_packets);
	scope_set(script, "limits", "%s", limits.length ? limits.bytes : "");
	text_free(&limits);
}

/* The tunnel's options, as the templates ask for them. */
static void describe_shape(struct scope *script, const struct tunnel *tunnel, const struct side *side)
{
	bool encap = tunnel_encapsulates(tunnel), punches = encap && tunnel->side_count == 2;

	set_flag(script, "encap", encap);
	scope_set(script, "encap_type", "%s", tunnel->nonike ? "espinudp-nonike" : "espinudp");
	scope_set(script, "helper_flags", "%s", tunnel->nonike ? "-N " : "");
	/* several peers cannot be waited for one after the other: espdecap's first ten seconds open their holes */
	set_flag(script, "punches", punches);
	scope_set(script, "wait_usage", "%s", punches ? " [--wait SECONDS]" : "");
	set_flag(script, "is_first", side == tunnel->sides);
	set_flag(script, "tunnel_mode", !tunnel->transport);
	scope_set(script, "mode", "%s", tunnel->transport ? "transport" : "tunnel");
	set_flag(script, "guard", tunnel->guard);
	scope_set(script, "down_usage", "%s", tunnel->guard ? " [--all]" : "");
	scope_set(script, "guard_text", "%s", tunnel->guard ? "${all:-, and what it carried is blocked}" : "");
	set_flag(script, "nonike", tunnel->nonike);
	set_flag(script, "esn", tunnel->esn);
	if (encap)
		scope_set(script, "udp_text", " UDP port %u and", (unsigned)side->local.port);
	else
		set_flag(script, "udp_text", false);
	scope_set(script, "needs", "%s", encap ? punches ? "espdecap, beside this file or on PATH; natprobe too if there" :
	          "espdecap, beside this file or on PATH" : "nothing else");
	set_flag(script, "clamp", tunnel->clamp);
	scope_set(script, "interface", "%s", tunnel->interface ? tunnel->interface : "");
	if (tunnel->interface)
		scope_set(script, "if_id", " if_id 0x%x", (unsigned)(tunnel->digest | 1));
	else
		set_flag(script, "if_id", false);
	scope_set(script, "mtu", "%u", tunnel_inner_mtu(tunnel, side->local.address.family));
	scope_set(script, "path_mtu", "%u", tunnel->mtu);
	describe_limits(script, tunnel);
}

/* True when the policies are not just about two hosts' own addresses: then routes, forwarding and NAT matter. */
static bool is_site(const struct side *side)
{
	return side->inner.family != AF_UNSPEC || side->net_count > 1 || !prefix_is_host(&side->nets[0]) ||
	       !address_equal(&side->nets[0].address, &side->local.address);
}

static void describe_nets(struct scope *script, const struct tunnel *tunnel, const struct views *views)
{
	const struct side *side = views->list[0].self;
	bool site = is_site(side), forwards4 = false, forwards6 = false;
	struct text own = { 0 }, others = { 0 };
	char text[ADDRESS_TEXT];

	add_nets(&own, &views->list[0].self_nets, NULL);
	for (size_t i = 0; i < views->count; i++) {
		add_nets(&others, &views->list[i].other_nets, &views->list[i].other_outer.address);
		site |= is_site(views->list[i].other);
	}
	for (size_t i = 0; i < side->net_count; i++)
		if (!prefix_is_host(&side->nets[i]))
			*(side->nets[i].address.family == AF_INET6 ? &forwards6 : &forwards4) = true;
	scope_set(script, "own_nets", "%s", own.bytes);
	scope_set(script, "other_nets", "%s", others.bytes);
	/* what up puts on this host where it is missing */
	scope_set(script, "own_address", "%s",
	          tunnel->transport || (is_site(side) && side->inner.family == AF_UNSPEC) ? "" :
	          address_print(text, side->inner.family != AF_UNSPEC ? &side->inner : &side->local.address));
	site = !tunnel->transport && (site || tunnel->interface || tunnel->clamp);
	set_flag(script, "site", site);
	scope_set(script, "own_bits", "%u", family_bits(side->inner.family != AF_UNSPEC ? side->inner.family : side->local.address.family));
	scope_set(script, "own_device", "%s", tunnel->interface && side->inner.family != AF_UNSPEC ? tunnel->interface : "lo");
	scope_set(script, "site_usage", "%s%s", forwards4 || forwards6 ? " [--forward]" : "", site ? " [--nat-exempt]" : "");
	set_flag(script, "forwards", forwards4 || forwards6);
	set_flag(script, "forwards4", forwards4);
	set_flag(script, "forwards6", forwards6);
	text_free(&own);
	text_free(&others);
}

/* True when some packets inside are not of the outer family. */
static bool mixes_families(const struct views *views)
{
	for (size_t i = 0; i < views->count; i++)
		for (size_t j = 0; j < views->list[i].self_nets.count; j++)
			if (views->list[i].self_nets.list[j].address.family != views->list[i].self_outer.address.family)
				return true;
	return false;
}

struct scope *view_describe(const struct tunnel *tunnel, size_t self)
{
	const struct side *side = &tunnel->sides[self];
	struct views views = views_of(tunnel, self);
	struct scope *script = scope_new();
	struct text reqids = { 0 };
	char text[ADDRESS_TEXT];

	scope_set(script, "version", "%s", VERSION);
	scope_set(script, "name", "%s", side->name);
	scope_set(script, "digest", "%08x", (unsigned)tunnel->digest);
	scope_set(script, "local", "%s", address_print(text, &side->local.address));
	scope_set(script, "local_port", "%u", (unsigned)side->local.port);
	scope_set(script, "family_digit", "%c", side->local.address.family == AF_INET6 ? '6' : '4');
	scope_set(script, "host_bits", "%u", family_bits(side->local.address.family));
	scope_set(script, "bypass_priority", "%d", BYPASS_PRIORITY);
	describe_names(script, tunnel);
	describe_cipher(script, tunnel, mixes_families(&views));
	describe_shape(script, tunnel, side);
	describe_nets(script, tunnel, &views);
	for (size_t i = 0; i < views.count; i++) {
		describe_peer(script, tunnel, &views.list[i], i + 1);
		if (flow_is_covered(tunnel, &views, &views.list[i]))
			describe_bypass(script, &views.list[i], i + 1);
		text_printf(&reqids, "%s%u", i ? " " : "", (unsigned)views.list[i].reqid);
	}
	scope_set(script, "reqids", "%s", reqids.bytes);
	scope_set(script, "state_count", "%zu", 2 * views.count);
	text_free(&reqids);
	free(views.list);
	return script;
}
