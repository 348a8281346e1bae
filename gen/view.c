#include "view.h"
#include "identity.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_WINDOW = 128 };

/* The lower number wins. */
static const char bypass_priority[] = "1000", tunnel_priority[] = "2000", neighbour_priority[] = "2500",
                  everything_priority[] = "3000", block_priority[] = "4000";

static const struct prefix everything4 = { { AF_INET, { 0 } }, 0 }, everything6 = { { AF_INET6, { 0 } }, 0 };
static const struct prefix halves4[] = { { { AF_INET, { 0 } }, 1 }, { { AF_INET, { 0x80 } }, 1 } };
static const struct prefix halves6[] = { { { AF_INET6, { 0 } }, 1 }, { { AF_INET6, { 0x80 } }, 1 } };
static const struct prefix link_local6 = { { AF_INET6, { 0xfe, 0x80 } }, 10 }, multicast6 = { { AF_INET6, { 0xff } }, 8 };

void view_of(struct view *view, const struct tunnel *tunnel, size_t self, size_t other)
{
	const struct side *one = &tunnel->sides[self], *two = &tunnel->sides[other];
	bool lan = tunnel->lan && address_equal(&one->mapped.address, &two->mapped.address);

	*view = (struct view){
		.self = one,
		.other = two,
		.self_outer = one->local,
		.other_outer = lan ? two->local : two->mapped,
		.lan = lan,
		.self_nets = { one->nets, one->net_count },
		.other_nets = { two->nets, two->net_count },
		.in = key_of(tunnel, other, self),
		.out = key_of(tunnel, self, other),
		.reqid = identity_reqid(tunnel, self, other),
	};
	if (tunnel->transport) {
		view->self_host = prefix_of_host(&view->self_outer.address);
		view->other_host = prefix_of_host(&view->other_outer.address);
		view->self_nets = (struct nets){ &view->self_host, 1 };
		view->other_nets = (struct nets){ &view->other_host, 1 };
	}
}

/* A side's. */
struct side_texts {
	char local[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT];
	char local_address[ADDRESS_TEXT], mapped_address[ADDRESS_TEXT];
	char (*nets)[PREFIX_TEXT];
};

struct texts {
	struct side_texts *sides;
	char (*nets)[PREFIX_TEXT];  /* of all */
};

struct texts *texts_new(const struct tunnel *tunnel)
{
	struct texts *texts = calloc(1, sizeof *texts);
	size_t nets = 0;

	for (size_t i = 0; i < tunnel->side_count; i++)
		nets += tunnel->sides[i].net_count;
	if (!texts || !(texts->sides = calloc(tunnel->side_count, sizeof *texts->sides)) ||
	    !(texts->nets = calloc(nets + 1, sizeof *texts->nets)))
		err(EXIT_BROKE, "memory");
	nets = 0;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		struct side_texts *text = &texts->sides[i];

		endpoint_print(text->local, &side->local);
		endpoint_print(text->mapped, &side->mapped);
		address_print(text->local_address, &side->local.address);
		address_print(text->mapped_address, &side->mapped.address);
		text->nets = texts->nets + nets;
		for (size_t j = 0; j < side->net_count; j++)
			prefix_print(texts->nets[nets++], &side->nets[j]);
	}
	return texts;
}

void texts_free(struct texts *texts)
{
	if (texts) {
		free(texts->sides);
		free(texts->nets);
	}
	free(texts);
}

/* All views of one side, in the order of the others, and what is filled in while they are walked. */
struct describer {
	const struct tunnel *tunnel;
	const struct texts *texts;
	struct view *views;
	size_t count;
	struct scope *script;
};

static struct describer describer_new(const struct tunnel *tunnel, const struct texts *texts, size_t self)
{
	struct describer describer = { .tunnel = tunnel, .texts = texts, .views = calloc(tunnel->side_count, sizeof *describer.views) };

	if (!describer.views)
		err(EXIT_BROKE, "memory");
	for (size_t other = 0; other < tunnel->side_count; other++)
		if (other != self)
			view_of(&describer.views[describer.count++], tunnel, self, other);
	return describer;
}

static const struct side_texts *texts_of(const struct describer *d, const struct side *side)
{
	return &d->texts->sides[side - d->tunnel->sides];
}

static const char *other_outer(const struct describer *d, const struct view *view)
{
	const struct side_texts *texts = texts_of(d, view->other);

	return view->lan ? texts->local_address : texts->mapped_address;
}

/* A value that is only there or not. */
static void set_flag(struct scope *scope, const char *name, bool value)
{
	scope_set_literal(scope, name, value ? "yes" : "");
}

static void set_address(struct scope *scope, const char *name, const struct address *address)
{
	char text[ADDRESS_TEXT];

	scope_set(scope, name, address_print(text, address));
}

static void set_prefix(struct scope *scope, const char *name, const struct prefix *prefix)
{
	char text[PREFIX_TEXT];

	scope_set(scope, name, prefix_print(text, prefix));
}

/* ---- Policies: every row is one side of a mirror ---- */

/* A policy in LIST, but for its template, or its ports and action; what its row does not say, AROUND does. */
static struct scope *add_policy(struct scope *script, const char *list, const struct scope *around, const char *dir,
                                const char *src, const char *dst, const char *priority)
{
	struct scope *row = scope_add_within(script, list, around);

	scope_set_literal(row, "src", src);
	scope_set_literal(row, "dst", dst);
	scope_set_literal(row, "dir", dir);
	scope_set_literal(row, "priority", priority);
	return row;
}

/* The tunnel's own, between the nets of SELECTOR. */
static void describe_policy(const struct describer *d, struct scope *selector, bool everything)
{
	const char *near = d->tunnel->transport ? "@here_net@" : "@self_net@", *far = "@other_net@";
	const char *priority = everything ? everything_priority : tunnel_priority;
	struct scope *row = add_policy(d->script, "policies", selector, "out", near, far, priority);

	scope_set_literal(row, "tmpl_src", "@here@");
	scope_set_literal(row, "tmpl_dst", "@other@");
	for (unsigned i = 0; i < (d->tunnel->transport ? 1 : 2); i++) {
		row = add_policy(d->script, "policies", selector, i == 0 ? "in" : "fwd", far, near, priority);
		scope_set_literal(row, "tmpl_src", "@other@");
		scope_set_literal(row, "tmpl_dst", "@here@");
	}
}

/* Lets the UDP flow itself pass. */
static void describe_outer(const struct describer *d, struct scope *peer)
{
	struct scope *out = add_policy(d->script, "outers", peer, "out", "@here_net@", "@other@/@outer_bits@", bypass_priority);
	struct scope *in = add_policy(d->script, "outers", peer, "in", "@other@/@outer_bits@", "@here_net@", bypass_priority);

	scope_set_literal(out, "ports", " proto 17 sport @port@ dport @peer_port@");
	scope_set_literal(out, "action", "");
	scope_set_literal(in, "ports", " proto 17 sport @peer_port@ dport @port@");
	scope_set_literal(in, "action", "");
}

/* Policies without a template, for all that passes between NEAR and FAR. */
static void add_plain(const struct describer *d, const char *list, const struct prefix *near, const struct prefix *far,
                      const char *priority, const char *action)
{
	static const char *const dirs[] = { "out", "in", "fwd" };

	for (size_t i = 0; i < 3; i++) {
		bool out = i == 0;
		struct scope *row = add_policy(d->script, list, d->script, dirs[i], out ? "@near@" : "@far@", out ? "@far@" : "@near@", priority);

		set_prefix(row, "near", near);
		set_prefix(row, "far", far);
		scope_set_literal(row, "ports", "");
		scope_set_literal(row, "action", action);
	}
}

static const struct prefix *everything_of(const struct prefix *net)
{
	return net->address.family == AF_INET6 ? &everything6 : &everything4;
}

static void describe_neighbour(const struct describer *d, const struct prefix *near, const struct prefix *far)
{
	add_plain(d, "outers", near, far, neighbour_priority, "");
}

/* Where the other side protects EVERYTHING, this side's own neighbours stay reachable (RFC 4861: neighbour
 * discovery comes from link-local addresses and goes to multicast); with the guard, from any address of this host. */
static void describe_neighbours(const struct describer *d, const struct view *view, const struct prefix *everything)
{
	bool six = everything->address.family == AF_INET6;

	for (size_t i = 0; i < view->self_nets.count; i++) {
		const struct prefix *self = &view->self_nets.list[i];

		if (self->address.family != everything->address.family || prefix_is_everything(self))
			continue;
		describe_neighbour(d, d->tunnel->guard ? everything : self, self);
		if (six && !d->tunnel->guard) {
			describe_neighbour(d, self, &link_local6);
			describe_neighbour(d, self, &multicast6);
		}
	}
	if (six && d->tunnel->guard) {
		describe_neighbour(d, everything, &link_local6);
		describe_neighbour(d, everything, &multicast6);
	}
}

/* The guard: nothing but the tunnel passes between this host, or what is behind it, and the other's net.  A policy is known
 * by selector and direction, so where the tunnel's own has that of the block, two halves stand for it. */
static void describe_block(const struct describer *d, const struct view *view, const struct prefix *other)
{
	const struct prefix *any = everything_of(other), *halves = other->address.family == AF_INET6 ? halves6 : halves4;
	bool taken = false;

	for (size_t i = 0; i < view->self_nets.count; i++)
		taken |= view->self_nets.list[i].address.family == other->address.family && prefix_is_everything(&view->self_nets.list[i]);
	for (size_t i = 0; i < (taken ? 2 : 1); i++)
		add_plain(d, "blocks", taken ? &halves[i] : any, other, block_priority, " action block");
}

static bool nets_contain(const struct nets *nets, const struct address *address)
{
	for (size_t i = 0; i < nets->count; i++)
		if (prefix_contains(&nets->list[i], address))
			return true;
	return false;
}

/* True when a policy covers the UDP flow to the other: the kernel would ask the packets outside, before it decapsulates them,
 * to have come out of the tunnel themselves.  The policies of an interface catch only what is routed into it; a block
 * covers any address here. */
static bool flow_is_covered(const struct describer *d, const struct view *flow)
{
	if (!tunnel_encapsulates(d->tunnel) || d->tunnel->interface)
		return false;
	if (!d->tunnel->guard && !nets_contain(&flow->self_nets, &flow->self_outer.address))
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (nets_contain(&d->views[i].other_nets, &flow->other_outer.address))
			return true;
	return false;
}

static void describe_selector(const struct describer *d, struct scope *peer, const struct view *view, size_t self, size_t other)
{
	struct scope *selector = scope_add(peer, "selectors");
	const struct prefix *one = &view->self_nets.list[self], *two = &view->other_nets.list[other];
	bool six = one->address.family == AF_INET6;

	if (d->tunnel->transport) {
		scope_set_literal(selector, "self_net", "@address@/@outer_bits@");
		scope_set_literal(selector, "other_net", "@other@/@outer_bits@");
	} else {
		scope_set_literal(selector, "self_net", texts_of(d, view->self)->nets[self]);
		scope_set_literal(selector, "other_net", texts_of(d, view->other)->nets[other]);
	}
	scope_set_literal(selector, "ip", six ? "ip6" : "ip");
	/* what IPv4 and IPv6 put before TCP's own 20 bytes */
	scope_set_number(selector, "mss", tunnel_inner_mtu(d->tunnel, view->self_outer.address.family) - (six ? 60 : 40));
	describe_policy(d, selector, prefix_is_everything(one) || prefix_is_everything(two));
}

static void describe_policies(const struct describer *d, struct scope *peer, const struct view *view)
{
	if (flow_is_covered(d, view))
		describe_outer(d, peer);
	for (size_t i = 0; i < view->self_nets.count; i++)
		for (size_t j = 0; j < view->other_nets.count; j++)
			if (view->self_nets.list[i].address.family == view->other_nets.list[j].address.family)
				describe_selector(d, peer, view, i, j);
	for (size_t j = 0; j < view->other_nets.count; j++) {
		if (prefix_is_everything(&view->other_nets.list[j]))
			describe_neighbours(d, view, &view->other_nets.list[j]);
		if (d->tunnel->guard)
			describe_block(d, view, &view->other_nets.list[j]);
	}
}

/* ---- States ---- */

static struct scope *add_state(const struct describer *d, struct scope *peer, const char *way, const struct sa *sa)
{
	struct scope *row = scope_add_within(d->script, "states", peer);
	struct text key = { 0 };
	char *auth;

	scope_set_literal(row, "way", way);
	scope_printf(row, "spi_literal", "0x%08x", (unsigned)sa->spi);
	cipher_print_key(&key, d->tunnel->cipher, sa->key);
	auth = strchr(key.bytes, ' ');
	if (auth)
		*auth++ = '\0';
	scope_set(row, "key_literal", key.bytes);
	scope_set(row, "auth_literal", auth ? auth : "");
	text_free(&key);
	return row;
}

static void describe_states(const struct describer *d, struct scope *peer, const struct view *view)
{
	struct scope *out = add_state(d, peer, "out", view->out), *in = add_state(d, peer, "in", view->in);

	scope_set_literal(out, "src", "@here@");
	scope_set_literal(out, "dst", "@other@");
	scope_set_literal(out, "sport", "@port@");
	scope_set_literal(out, "dport", "@peer_port@");
	scope_set_literal(in, "src", "@other@");
	scope_set_literal(in, "dst", "@here@");
	scope_set_literal(in, "sport", "@peer_port@");
	scope_set_literal(in, "dport", "@port@");
	/* on what a side sends alone: "limits" of the script is that */
	scope_set_literal(in, "limits", "");
}

/* ---- Peers ---- */

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
static void describe_remotes(const struct describer *d, struct scope *peer, const struct view *view)
{
	struct address from = inside_address(view->self, &view->self_nets);
	bool known = address_equal(&from, &view->self->inner) || address_equal(&from, &view->self->local.address);

	for (size_t i = 0; !d->tunnel->transport && i < view->other_nets.count; i++) {
		const struct prefix *net = &view->other_nets.list[i];
		struct scope *remote;

		if (prefix_is_everything(net))
			continue;
		remote = scope_add(peer, "remotes");
		scope_set_literal(remote, "other_net", texts_of(d, view->other)->nets[i]);
		/* a gateway of the other family is no gateway: the policy takes the packet before that matters */
		set_flag(remote, "same_family", net->address.family == view->other_outer.address.family);
		scope_set_literal(remote, "src", known && from.family == net->address.family ? "@inside_address@" : "");
	}
}

static void describe_test(const struct describer *d, const struct view *view)
{
	struct address to = inside_address(view->other, &view->other_nets);
	struct scope *test = scope_add(d->script, "tests");

	scope_set_literal(test, "test_from", "@inside_address@");
	if (address_equal(&to, &view->other->local.address))
		scope_set_literal(test, "test_to", texts_of(d, view->other)->local_address);
	else
		set_address(test, "test_to", &to);
}

static void describe_peer(const struct describer *d, size_t index)
{
	const struct view *view = &d->views[index];
	const struct side *self = view->self, *other = view->other;
	struct scope *peer = scope_add(d->script, "peers");

	scope_set_number(peer, "index", (unsigned)index + 1);
	scope_set_literal(peer, "other_name", other->name);
	scope_set_literal(peer, "other", other_outer(d, view));
	scope_set_literal(peer, "other_bracketed", view->other_outer.address.family == AF_INET6 ? "[@other@]" : "@other@");
	scope_set_number(peer, "other_port", view->other_outer.port);
	scope_set_number(peer, "reqid", view->reqid);
	/* in the picture, where a NAT stands between */
	set_flag(peer, "lan", view->lan);
	scope_set_literal(peer, "self_inside", texts_of(d, self)->local);
	scope_set_literal(peer, "self_mapped", self->behind_nat && !view->lan ? texts_of(d, self)->mapped : "");
	scope_set_literal(peer, "other_inside", texts_of(d, other)->local);
	scope_set_literal(peer, "other_mapped", other->behind_nat && !view->lan ? texts_of(d, other)->mapped : "");
	describe_policies(d, peer, view);
	describe_states(d, peer, view);
	describe_remotes(d, peer, view);
	describe_test(d, view);
}

/* ---- The side as a whole ---- */

/* True when the policies are not just about two hosts' own addresses: then routes, forwarding and NAT matter. */
static bool is_site(const struct side *side)
{
	return side->inner.family != AF_UNSPEC || side->net_count > 1 || !prefix_is_host(&side->nets[0]) ||
	       !address_equal(&side->nets[0].address, &side->local.address);
}

/* What up puts on this host where it is missing; AF_UNSPEC: nothing. */
static struct address own_address(const struct tunnel *tunnel, const struct side *side)
{
	if (side->inner.family != AF_UNSPEC)
		return side->inner;
	return tunnel->transport || is_site(side) ? (struct address){ AF_UNSPEC } : side->local.address;
}

unsigned view_shape(const struct tunnel *tunnel, size_t self)
{
	const struct side *side = &tunnel->sides[self];
	unsigned shape = 0;

	if (tunnel_encapsulates(tunnel)) {
		shape |= SHAPE_ENCAP;
		/* several peers cannot be waited for one after the other: espdecap's first ten seconds open their holes */
		if (tunnel->side_count == 2)
			shape |= SHAPE_PUNCHES;
	}
	if (tunnel->interface)
		shape |= SHAPE_INTERFACE;
	if (tunnel->clamp)
		shape |= SHAPE_CLAMP;
	if (tunnel->guard)
		shape |= SHAPE_GUARD;
	if (tunnel->transport)
		return shape;
	shape |= SHAPE_TUNNEL;
	if (tunnel->interface || tunnel->clamp)
		shape |= SHAPE_SITE;
	if (own_address(tunnel, side).family != AF_UNSPEC)
		shape |= SHAPE_ADDRESS;
	for (size_t i = 0; i < side->net_count; i++)
		if (!prefix_is_host(&side->nets[i]))
			shape |= SHAPE_FORWARDS;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		if (is_site(&tunnel->sides[i]))
			shape |= SHAPE_SITE;
		for (size_t j = 0; i != self && j < tunnel->sides[i].net_count; j++)
			if (prefix_is_everything(&tunnel->sides[i].nets[j]))
				shape |= SHAPE_NEIGHBOURS;
	}
	return shape;
}

/* "a - b", "a - b - c". */
static void describe_names(struct scope *script, const struct tunnel *tunnel)
{
	struct text names = { 0 };

	for (size_t i = 0; i < tunnel->side_count; i++)
		text_printf(&names, "%s%s", i ? " - " : "", tunnel->sides[i].name);
	scope_set(script, "names", names.bytes);
	scope_set(script, "first", tunnel->sides[0].name);
	text_free(&names);
}

static void describe_cipher(struct scope *script, const struct tunnel *tunnel, bool af_unspec)
{
	const struct cipher *cipher = tunnel->cipher;
	struct text words = { 0 };

	scope_set(script, "cipher", cipher->name);
	scope_set(script, "encryption", cipher->encryption);
	scope_set(script, "integrity", cipher->integrity ? cipher->integrity : "");
	scope_printf(script, "icv_bits", "%u", cipher->icv_bits);
	cipher_print_words(&words, cipher);
	scope_set(script, "words", words.bytes);
	text_free(&words);
	scope_printf(script, "replay_window", "%d", REPLAY_WINDOW);
	/* without af-unspec an SA takes packets of its outer family only */
	scope_printf(script, "state_flags", "%s%s%sreplay-window %d", tunnel->esn || af_unspec ? "flag " : "",
	             tunnel->esn ? "esn " : "", af_unspec ? "af-unspec " : "", REPLAY_WINDOW);
}

static void describe_limits(struct scope *script, const struct tunnel *tunnel)
{
	struct text limits = { 0 };

	if (tunnel->limit_bytes)
		text_printf(&limits, " limit byte-hard %llu", tunnel->limit_bytes);
	if (tunnel->limit_packets)
		text_printf(&limits, " limit packet-hard %llu", tunnel->limit_packets);
	scope_set(script, "limits", limits.length ? limits.bytes : "");
	text_free(&limits);
}

/* The tunnel's options, as the templates ask for them. */
static void describe_options(struct scope *script, const struct tunnel *tunnel)
{
	scope_set(script, "encap_type", tunnel->nonike ? "espinudp-nonike" : "espinudp");
	scope_set(script, "helper_flags", tunnel->nonike ? "-N " : "");
	scope_set(script, "mode", tunnel->transport ? "transport" : "tunnel");
	set_flag(script, "guard", tunnel->guard);
	set_flag(script, "esn", tunnel->esn);
	set_flag(script, "clamp", tunnel->clamp);
	scope_set(script, "interface", tunnel->interface ? tunnel->interface : "");
	if (tunnel->interface) {
		scope_printf(script, "if_id_value", "0x%x", (unsigned)(tunnel->digest | 1));
		scope_set(script, "if_id", " if_id @if_id_value@");
	} else {
		scope_set(script, "if_id", "");
	}
	scope_set_number(script, "path_mtu", tunnel->mtu);
	describe_limits(script, tunnel);
}

static void add_word(struct text *out, const char *word)
{
	if (out->length)
		text_add(out, " ", 1);
	text_add_string(out, word);
}

/* What the program walks over; in transport mode no nets. */
static void describe_lists(const struct describer *d)
{
	const struct side *self = d->views[0].self;
	struct address from = inside_address(self, &d->views[0].self_nets);
	struct text own = { 0 }, others = { 0 }, peers = { 0 };
	char number[NUMBER_TEXT];

	for (size_t i = 0; i < self->net_count; i++)
		add_word(&own, texts_of(d, self)->nets[i]);
	for (size_t i = 0; i < d->count; i++) {
		const struct view *view = &d->views[i];

		for (size_t j = 0; j < view->other->net_count; j++) {
			add_word(&others, texts_of(d, view->other)->nets[j]);
			text_add(&others, "@", 1);
			text_add_string(&others, other_outer(d, view));
		}
		add_word(&peers, view->other->name);
		text_add(&peers, "@", 1);
		text_add_string(&peers, number_print(number, view->reqid));
		text_add(&peers, "@", 1);
		text_add_string(&peers, other_outer(d, view));
	}
	set_address(d->script, "inside_address", &from);
	scope_set(d->script, "own_nets", own.length ? own.bytes : "");
	scope_set(d->script, "other_nets", others.length ? others.bytes : "");
	scope_set(d->script, "peer_words", peers.bytes);
	text_free(&own);
	text_free(&others);
	text_free(&peers);
}

static void describe_side(struct scope *script, const struct tunnel *tunnel, size_t self)
{
	const struct side *side = &tunnel->sides[self];
	unsigned shape = view_shape(tunnel, self);
	struct address own = own_address(tunnel, side);

	scope_set(script, "name", side->name);
	set_address(script, "address", &side->local.address);
	scope_set_number(script, "outer_bits", family_bits(side->local.address.family));
	scope_set(script, "here_net", "@here@/@outer_bits@");
	scope_set_number(script, "local_port", side->local.port);
	scope_set(script, "family_digit", side->local.address.family == AF_INET6 ? "6" : "4");
	scope_set_number(script, "mtu", tunnel_inner_mtu(tunnel, side->local.address.family));
	set_flag(script, "encap", shape & SHAPE_ENCAP);
	set_flag(script, "punches", shape & SHAPE_PUNCHES);
	set_flag(script, "tunnel_mode", shape & SHAPE_TUNNEL);
	set_flag(script, "site", shape & SHAPE_SITE);
	if (shape & SHAPE_ADDRESS) {
		set_address(script, "own_address", &own);
		scope_set_number(script, "own_bits", family_bits(own.family));
		scope_set(script, "own_device", tunnel->interface && side->inner.family != AF_UNSPEC ? tunnel->interface : "lo");
	} else {
		scope_set(script, "own_address", "");
	}
}

/* True when some packets inside are not of the outer family. */
static bool mixes_families(const struct describer *d)
{
	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->views[i].self_nets.count; j++)
			if (d->views[i].self_nets.list[j].address.family != d->views[i].self_outer.address.family)
				return true;
	return false;
}

struct scope *view_describe(const struct tunnel *tunnel, const struct texts *texts, size_t self)
{
	struct describer describer = describer_new(tunnel, texts, self);
	struct scope *script = scope_new();

	describer.script = script;
	scope_set(script, "version", VERSION);
	scope_printf(script, "digest", "%08x", (unsigned)tunnel->digest);
	describe_names(script, tunnel);
	describe_cipher(script, tunnel, mixes_families(&describer));
	describe_options(script, tunnel);
	describe_side(script, tunnel, self);
	describe_lists(&describer);
	for (size_t i = 0; i < describer.count; i++)
		describe_peer(&describer, i);
	free(describer.views);
	return script;
}
