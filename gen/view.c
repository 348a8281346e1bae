#include "view.h"
#include "identity.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_WINDOW = 128 };

/* The lower number wins: of nets in one another the longest prefix. */
static const char bypass_priority[] = "1000", tunnel_priority[] = "2000", neighbour_priority[] = "2500",
                  around_priority[] = "3000", block_priority[] = "4000";

static const struct prefix everything4 = { { AF_INET, { 0 } }, 0 }, everything6 = { { AF_INET6, { 0 } }, 0 };
static const struct prefix halves4[] = { { { AF_INET, { 0 } }, 1 }, { { AF_INET, { 0x80 } }, 1 } };
static const struct prefix halves6[] = { { { AF_INET6, { 0 } }, 1 }, { { AF_INET6, { 0x80 } }, 1 } };
static const struct net anything;
static const struct prefix link_local6 = { { AF_INET6, { 0xfe, 0x80 } }, 10 }, multicast6 = { { AF_INET6, { 0xff } }, 8 };

void view_of(struct view *view, const struct tunnel *tunnel, size_t self, size_t other)
{
	const struct side *one = &tunnel->sides[self], *two = &tunnel->sides[other];
	bool lan = tunnel->lan && side_shares_mapped(one, two);

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
		view->self_host = net_of_host(&view->self_outer.address);
		view->other_host = net_of_host(&view->other_outer.address);
		view->self_nets = (struct nets){ &view->self_host, 1 };
		view->other_nets = (struct nets){ &view->other_host, 1 };
	}
}

/* A side's. */
struct side_texts {
	char local[OUTER_TEXT], mapped[OUTER_TEXT];
	char local_address[OUTER_TEXT], mapped_address[OUTER_TEXT];
	struct net_texts *nets;
};

struct net_texts {
	char prefix[PREFIX_TEXT], word[NET_TEXT];
};

struct texts {
	struct side_texts *sides;
	struct net_texts *nets;  /* of all */
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

		local_print(text->local, side);
		mapped_print(text->mapped, side);
		local_print_address(text->local_address, side);
		mapped_print_address(text->mapped_address, side);
		text->nets = texts->nets + nets;
		for (size_t j = 0; j < side->net_count; j++, nets++) {
			prefix_print(texts->nets[nets].prefix, &side->nets[j].prefix);
			net_print(texts->nets[nets].word, &side->nets[j]);
		}
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
		if (tunnel_has_pair(tunnel, self, other))
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

/* A net of the other's, as a template has it. */
static const char *other_net(const struct describer *d, const struct view *view, size_t index)
{
	return d->tunnel->transport ? "@other@/@outer_bits@" : texts_of(d, view->other)->nets[index].prefix;
}

/* True when an earlier one of the nets has the same prefix, for another protocol or port. */
static bool is_repeated(const struct net *nets, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (nets[i].prefix.length == nets[index].prefix.length && prefix_contains(&nets[i].prefix, &nets[index].prefix.address))
			return true;
	return false;
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

/* Of packets between nets that meet; 0: any. */
static unsigned proto_between(const struct net *one, const struct net *two)
{
	return one->proto ? one->proto : two->proto;
}

/* What a policy of packets from SRC to DST, which meet, says of their protocol and ports. */
static void set_ports(struct scope *row, const struct net *src, const struct net *dst)
{
	struct text words = { 0 };

	if (!proto_between(src, dst)) {
		scope_set_literal(row, "ports", "");
		return;
	}
	text_printf(&words, " proto %u", proto_between(src, dst));
	if (src->port)
		text_printf(&words, " sport %u", src->port);
	if (dst->port)
		text_printf(&words, " dport %u", dst->port);
	scope_set(row, "ports", words.bytes);
	text_free(&words);
}

/* A policy in LIST, but for its template, or its action, and its ports; what its row does not say, AROUND does. */
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

/* The tunnel's own, between the nets of SELECTOR, which are these. */
static void describe_policy(const struct describer *d, struct scope *selector, const struct net *self, const struct net *other)
{
	bool around = !d->tunnel->transport && prefix_overlaps(&self->prefix, &other->prefix);
	const char *near = d->tunnel->transport ? "@here_net@" : "@self_net@", *far = d->tunnel->transport ? "@there_net@" : "@other_net@";
	const char *priority = around ? around_priority : tunnel_priority;
	struct scope *row = add_policy(d->script, "policies", selector, "out", near, far, priority);

	set_ports(row, self, other);
	scope_set_literal(row, "tmpl_src", "@here@");
	scope_set_literal(row, "tmpl_dst", "@there@");
	/* the SA of the present epoch, and no other (RFC 4301, section 4.4.2.2 leaves the choice among several open) */
	scope_set_literal(row, "pinned", "@pin@");
	for (unsigned i = 0; i < (d->tunnel->transport ? 1 : 2); i++) {
		row = add_policy(d->script, "policies", selector, i == 0 ? "in" : "fwd", far, near, priority);
		set_ports(row, other, self);
		scope_set_literal(row, "tmpl_src", "@there@");
		scope_set_literal(row, "tmpl_dst", "@here@");
		scope_set_literal(row, "pinned", "");
	}
}

/* Lets the UDP flow itself pass. */
static void describe_outer(const struct describer *d, struct scope *peer)
{
	struct scope *out = add_policy(d->script, "outers", peer, "out", "@here_net@", "@there_net@", bypass_priority);
	struct scope *in = add_policy(d->script, "outers", peer, "in", "@there_net@", "@here_net@", bypass_priority);

	scope_set_literal(out, "ports", " proto 17 sport @port@ dport @peer_port@");
	scope_set_literal(out, "action", "");
	scope_set_literal(in, "ports", " proto 17 sport @peer_port@ dport @port@");
	scope_set_literal(in, "action", "");
}

/* Policies without a template, for what passes between NEAR and FAR, whose holes are filled from AROUND; of it what SELF and
 * OTHER, which meet, say. */
static void add_plain(const struct describer *d, const char *list, const struct scope *around, const struct prefix *near,
                      const char *far, const struct net *self, const struct net *other, const char *priority, const char *action)
{
	static const char *const dirs[] = { "out", "in", "fwd" };

	for (size_t i = 0; i < 3; i++) {
		bool out = i == 0;
		struct scope *row = add_policy(d->script, list, around, dirs[i], out ? "@near@" : "@far@", out ? "@far@" : "@near@", priority);

		set_prefix(row, "near", near);
		scope_set(row, "far", far);
		set_ports(row, out ? self : other, out ? other : self);
		scope_set_literal(row, "action", action);
	}
}

static const struct prefix *everything_of(const struct prefix *net)
{
	return net->address.family == AF_INET6 ? &everything6 : &everything4;
}

static void describe_neighbour(const struct describer *d, const struct prefix *near, const struct prefix *far)
{
	char text[PREFIX_TEXT];

	add_plain(d, "outers", d->script, near, prefix_print(text, far), &anything, &anything, neighbour_priority, "");
}

/* The widest of the other's nets around SELF, or NULL. */
static const struct prefix *net_around(const struct view *view, const struct prefix *self)
{
	const struct prefix *widest = NULL;

	for (size_t j = 0; j < view->other_nets.count; j++) {
		const struct prefix *other = &view->other_nets.list[j].prefix;

		if (other->length < self->length && prefix_contains(other, &self->address) && (!widest || other->length < widest->length))
			widest = other;
	}
	return widest;
}

/* Where a net of the other side is around one of this side's, that one's own neighbours stay reachable, and of everything (RFC
 * 4861: neighbour discovery comes from link-local addresses and goes to multicast) these, too; with the guard, from any address of
 * this host.  The policies of an interface catch only what is routed into it. */
static void describe_neighbours(const struct describer *d, const struct view *view)
{
	bool guard = d->tunnel->guard, everything = false;

	for (size_t i = 0; i < view->self_nets.count && !d->tunnel->interface && !d->tunnel->transport; i++) {
		const struct prefix *self = &view->self_nets.list[i].prefix, *around = net_around(view, self);

		if (!around || is_repeated(view->self_nets.list, i))
			continue;
		describe_neighbour(d, guard ? everything_of(self) : self, self);
		for (size_t j = 0; !prefix_is_everything(around) && !guard && j < view->self_nets.count; j++) {
			const struct prefix *near = &view->self_nets.list[j].prefix;

			/* of everything the program leaves the host's links outside, at `up` */
			if (j != i && near->address.family == self->address.family && !is_repeated(view->self_nets.list, j))
				describe_neighbour(d, near, self);
		}
		if (self->address.family == AF_INET6 && prefix_is_everything(around) && !guard) {
			describe_neighbour(d, self, &link_local6);
			describe_neighbour(d, self, &multicast6);
		}
	}
	for (size_t j = 0; j < view->other_nets.count; j++)
		everything |= prefix_is_everything(&view->other_nets.list[j].prefix) && view->other_nets.list[j].prefix.address.family == AF_INET6;
	if (everything && guard) {
		describe_neighbour(d, &everything6, &link_local6);
		describe_neighbour(d, &everything6, &multicast6);
	}
}

/* True when an earlier net of the side's own has the same protocol and port in policies with OTHER. */
static bool is_blocked(const struct nets *nets, size_t index, const struct net *other)
{
	const struct net *self = &nets->list[index];

	for (size_t i = 0; i < index; i++)
		if (net_meets(&nets->list[i], other) && (nets->list[i].proto == self->proto || other->proto) && nets->list[i].port == self->port)
			return true;
	return false;
}

/* The guard: nothing but the tunnel passes between this host, or what is behind it, and the other's net, of what the tunnel would
 * carry.  A policy is known by selector and direction, so where the tunnel's own has that of the block, two halves stand for it. */
static void describe_block(const struct describer *d, const struct scope *peer, const struct view *view, size_t net)
{
	const struct net *other = &view->other_nets.list[net];
	const struct prefix *any = everything_of(&other->prefix), *halves = other->prefix.address.family == AF_INET6 ? halves6 : halves4;
	const char *far = d->tunnel->transport ? "@there_net@" : other_net(d, view, net);
	bool taken = false, met = false;

	for (size_t i = 0; i < view->self_nets.count; i++)
		taken |= net_meets(&view->self_nets.list[i], other) && prefix_is_everything(&view->self_nets.list[i].prefix);
	for (size_t j = 0; j < view->self_nets.count; j++) {
		const struct net *self = &view->self_nets.list[j];

		if (!net_meets(self, other))
			continue;
		for (size_t i = 0; !is_blocked(&view->self_nets, j, other) && i < (taken ? 2 : 1); i++)
			add_plain(d, "blocks", peer, taken ? &halves[i] : any, far, self, other, block_priority, " action block");
		met = true;
	}
	if (!met) /* it is the other's all the same */
		add_plain(d, "blocks", peer, any, far, &anything, other, block_priority, " action block");
}

static bool nets_contain(const struct nets *nets, const struct address *address)
{
	for (size_t i = 0; i < nets->count; i++)
		if (prefix_contains(&nets->list[i].prefix, address))
			return true;
	return false;
}

/* True when a policy may cover the UDP flow to the other: the kernel would ask the packets outside, before it decapsulates them,
 * to have come out of the tunnel themselves.  The policies of an interface catch only what is routed into it; a block
 * covers any address here.  An address that is found at each `up` may be anywhere. */
static bool flow_is_covered(const struct describer *d, const struct view *flow)
{
	const struct address *self = &flow->self_outer.address, *other = &flow->other_outer.address;
	bool anywhere = address_is_any(other);

	if (!tunnel_encapsulates(d->tunnel) || d->tunnel->interface)
		return false;
	if (!d->tunnel->guard && !address_is_any(self) && !nets_contain(&flow->self_nets, self))
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (anywhere || nets_contain(&d->views[i].other_nets, other))
			return true;
	return false;
}

/* As nft has the ports of TCP from SRC to DST. */
static void set_tcp(struct scope *selector, const char *name, const struct net *src, const struct net *dst)
{
	struct text words = { 0 };

	if (src->port)
		text_printf(&words, " tcp sport %u", src->port);
	if (dst->port)
		text_printf(&words, " tcp dport %u", dst->port);
	scope_set(selector, name, words.length ? words.bytes : "");
	text_free(&words);
}

static void describe_selector(const struct describer *d, struct scope *peer, const struct view *view, size_t self, size_t other)
{
	struct scope *selector = scope_add(peer, "selectors");
	const struct net *one = &view->self_nets.list[self], *two = &view->other_nets.list[other];
	bool six = one->prefix.address.family == AF_INET6;

	if (d->tunnel->transport) {
		scope_set_literal(selector, "self_net", "@address@/@outer_bits@");
	} else {
		scope_set_literal(selector, "self_net", texts_of(d, view->self)->nets[self].prefix);
	}
	scope_set_literal(selector, "other_net", other_net(d, view, other));
	/* as people write them */
	scope_set_literal(selector, "self_word", one->proto ? texts_of(d, view->self)->nets[self].word : "@self_net@");
	scope_set_literal(selector, "other_word", two->proto ? texts_of(d, view->other)->nets[other].word : "@other_net@");
	if (d->tunnel->clamp) {
		set_flag(selector, "tcp", !proto_between(one, two) || proto_between(one, two) == IPPROTO_TCP);
		set_tcp(selector, "tcp_out", one, two);
		set_tcp(selector, "tcp_back", two, one);
	}
	scope_set_literal(selector, "ip", six ? "ip6" : "ip");
	/* what IPv4 and IPv6 put before TCP's own 20 bytes */
	scope_set_number(selector, "mss", tunnel_inner_mtu(d->tunnel, view->self_outer.address.family) - (six ? 60 : 40));
	describe_policy(d, selector, one, two);
}

static void describe_policies(const struct describer *d, struct scope *peer, const struct view *view)
{
	if (flow_is_covered(d, view))
		describe_outer(d, peer);
	for (size_t i = 0; i < view->self_nets.count; i++)
		for (size_t j = 0; j < view->other_nets.count; j++)
			if (net_meets(&view->self_nets.list[i], &view->other_nets.list[j]))
				describe_selector(d, peer, view, i, j);
	describe_neighbours(d, view);
	for (size_t j = 0; d->tunnel->guard && j < view->other_nets.count; j++)
		describe_block(d, peer, view, j);
}

/* ---- States ---- */

static struct scope *add_state(const struct describer *d, struct scope *peer, const char *way, const struct sa *sa)
{
	struct scope *row = scope_add_within(d->script, "states", peer);
	struct text key = { 0 }, auth = { 0 };

	scope_set_literal(row, "way", way);
	scope_printf(row, "spi_literal", "0x%08x", (unsigned)sa->spi);
	cipher_print_encryption_key(&key, d->tunnel->cipher, sa->key);
	cipher_print_integrity_key(&auth, d->tunnel->cipher, sa->key);
	scope_set(row, "key_literal", key.bytes);
	scope_set(row, "auth_literal", auth.bytes);
	text_free(&key);
	text_free(&auth);
	return row;
}

static void describe_states(const struct describer *d, struct scope *peer, const struct view *view)
{
	struct scope *out = add_state(d, peer, "out", view->out), *in = add_state(d, peer, "in", view->in);

	scope_set_literal(out, "src", "@here@");
	scope_set_literal(out, "dst", "@there@");
	scope_set_literal(out, "sport", "@port@");
	scope_set_literal(out, "dport", "@peer_port@");
	scope_set_literal(in, "src", "@there@");
	scope_set_literal(in, "dst", "@here@");
	scope_set_literal(in, "sport", "@peer_port@");
	scope_set_literal(in, "dport", "@port@");
	/* on what a side sends alone: "limits" of the script is that */
	scope_set_literal(in, "limits", "");
}

/* ---- Peers ---- */

/* LOCAL where the net has that, else its first host.  Zeros: one that is found at each `up`. */
static struct address host_of(const struct side *side, const struct prefix *net)
{
	struct address first = net->address;

	if (prefix_is_everything(net) || prefix_contains(net, &side->local.address))
		return side->local.address;
	if (!prefix_is_host(net))
		first.bytes[family_bits(first.family) / 8 - 1] |= 1;
	return first;
}

/* The address of a side to ping from or to: its own inside one, LOCAL where it protects that, else the first host of its first
 * net; of those that take pings, where there are any. */
static struct address inside_address(const struct side *side, const struct nets *nets)
{
	const struct prefix *first = NULL;

	if (side->inner.family != AF_UNSPEC)
		return side->inner;
	for (size_t i = 0; i < nets->count; i++) {
		const struct prefix *net = &nets->list[i].prefix;

		if (!net_takes_ping(&nets->list[i]))
			continue;
		if (!first && prefix_is_everything(net))
			return side->local.address;
		if (!first)
			first = net;
		if (prefix_contains(net, &side->local.address) && !prefix_is_everything(net))
			return side->local.address;
	}
	return host_of(side, first ? first : &nets->list[0].prefix);
}

/* The nets to route to the other side.  What has its way by the policies alone, everything, needs no route. */
static void describe_remotes(const struct describer *d, struct scope *peer, const struct view *view)
{
	struct address from = inside_address(view->self, &view->self_nets);
	bool known = address_equal(&from, &view->self->inner) || address_equal(&from, &view->self->local.address);

	for (size_t i = 0; !d->tunnel->transport && i < view->other_nets.count; i++) {
		const struct prefix *net = &view->other_nets.list[i].prefix;
		struct scope *remote;

		if (prefix_is_everything(net) || is_repeated(view->other_nets.list, i))
			continue;
		remote = scope_add(peer, "remotes");
		scope_set_literal(remote, "other_net", texts_of(d, view->other)->nets[i].prefix);
		/* a gateway of the other family is no gateway: the policy takes the packet before that matters */
		set_flag(remote, "same_family", net->address.family == view->other_outer.address.family);
		/* what leads to the peer itself is no way for what is inside only */
		scope_set_literal(remote, "route_mtu", prefix_contains(net, &view->other_outer.address) ? "" : " mtu @mtu@");
		scope_set_literal(remote, "src", known && from.family == net->address.family ? "@inside_address@" : "");
	}
}

/* Whether a ping to the other side is a test of the tunnel. */
static bool takes_ping(const struct view *view)
{
	for (size_t i = 0; i < view->self_nets.count; i++)
		for (size_t j = 0; j < view->other_nets.count; j++)
			if (net_meets(&view->self_nets.list[i], &view->other_nets.list[j]) && net_takes_ping(&view->self_nets.list[i]) &&
			    net_takes_ping(&view->other_nets.list[j]))
				return true;
	return false;
}

/* An address inside; for one that is found at each `up` WORD stands. */
static void set_inside(struct scope *test, const char *name, const char *word, const struct address *inside)
{
	if (address_is_any(inside))
		scope_set_literal(test, name, word);
	else
		set_address(test, name, inside);
}

/* The first nets that meet at a TCP port of one of them. */
static bool find_port(const struct view *view, size_t *near, size_t *far, bool *server_is_self)
{
	for (*near = 0; *near < view->self_nets.count; ++*near)
		for (*far = 0; *far < view->other_nets.count; ++*far) {
			const struct net *self = &view->self_nets.list[*near], *other = &view->other_nets.list[*far];

			*server_is_self = !other->port;
			if (net_meets(self, other) && proto_between(self, other) == IPPROTO_TCP && !self->port != !other->port)
				return true;
		}
	return false;
}

/* What to test the tunnel with: a ping, or where that does not go through, a connection. */
static void describe_test(const struct describer *d, const struct view *view)
{
	struct address from, to = inside_address(view->other, &view->other_nets);
	struct scope *test = scope_add(d->script, "tests");
	size_t near, far;
	bool server;  /* it is here, to be asked from there */

	scope_set_literal(test, "other_name", view->other->name);
	set_flag(test, "ping", takes_ping(view));
	if (!takes_ping(view) && find_port(view, &near, &far, &server)) {
		const struct net *self = &view->self_nets.list[near], *other = &view->other_nets.list[far];

		from = host_of(view->self, &self->prefix);
		to = host_of(view->other, &other->prefix);
		set_inside(test, "test_from", texts_of(d, view->self)->local_address, &from);
		scope_set_number(test, server ? "tcp_server" : "tcp_client", server ? self->port : other->port);
	} else {
		scope_set_literal(test, "test_from", "@inside_address@");
	}
	set_inside(test, "test_to", other_outer(d, view), &to);
}

static void describe_peer(const struct describer *d, size_t index)
{
	const struct view *view = &d->views[index];
	const struct side *self = view->self, *other = view->other;
	struct scope *peer = scope_add(d->script, "peers");

	scope_set_number(peer, "index", (unsigned)index + 1);
	scope_set_literal(peer, "other_name", other->name);
	scope_set_literal(peer, "other", other_outer(d, view));
	scope_set_literal(peer, "there_bracketed", view->other_outer.address.family == AF_INET6 ? "[@there@]" : "@there@");
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
	return side->inner.family != AF_UNSPEC || side->net_count > 1 || !prefix_is_host(&side->nets[0].prefix) ||
	       !address_equal(&side->nets[0].prefix.address, &side->local.address);
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
	if (tunnel->exchanged)
		shape |= SHAPE_EXCHANGED;
	if (tunnel->transport)
		return shape;
	shape |= SHAPE_TUNNEL;
	if (tunnel->interface || tunnel->clamp)
		shape |= SHAPE_SITE;
	if (own_address(tunnel, side).family != AF_UNSPEC)
		shape |= SHAPE_ADDRESS;
	for (size_t i = 0; i < side->net_count; i++)
		if (!prefix_is_host(&side->nets[i].prefix))
			shape |= SHAPE_FORWARDS;
	for (size_t i = 0; i < tunnel->side_count; i++) {
		if (i != self && !tunnel_has_pair(tunnel, self, i))
			continue;
		if (is_site(&tunnel->sides[i]))
			shape |= SHAPE_SITE;
		for (size_t j = 0; i != self && j < tunnel->sides[i].net_count; j++)
			if (prefix_is_everything(&tunnel->sides[i].nets[j].prefix))
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
	scope_set(script, "wireshark", tunnel->nonike || !cipher->wireshark ? "" : cipher->wireshark);
	scope_set(script, "wireshark_auth", cipher->wireshark_auth ? cipher->wireshark_auth : "");
	scope_set_number(script, "key_digits", 2 * cipher->key_bytes);
	scope_set_number(script, "auth_digits", 2 * cipher->auth_bytes);
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
		if (!is_repeated(self->nets, i))
			add_word(&own, texts_of(d, self)->nets[i].prefix);
	for (size_t i = 0; i < d->count; i++) {
		const struct view *view = &d->views[i];

		for (size_t j = 0; j < view->other->net_count; j++) {
			if (is_repeated(view->other->nets, j))
				continue;
			add_word(&others, texts_of(d, view->other)->nets[j].prefix);
			text_add(&others, "@", 1);
			text_add_string(&others, number_print(number, (unsigned)i + 1));
		}
		add_word(&peers, view->other->name);
		text_add(&peers, "@", 1);
		text_add_string(&peers, number_print(number, view->reqid));
	}
	if (address_is_any(&from))
		scope_set_literal(d->script, "inside_address", texts_of(d, self)->local_address);
	else
		set_address(d->script, "inside_address", &from);
	scope_set(d->script, "own_nets", own.length ? own.bytes : "");
	scope_set(d->script, "other_nets", others.length ? others.bytes : "");
	scope_set(d->script, "peer_words", peers.bytes);
	text_free(&own);
	text_free(&others);
	text_free(&peers);
}

static void describe_side(struct scope *script, const struct tunnel *tunnel, const struct texts *texts, size_t self)
{
	const struct side *side = &tunnel->sides[self];
	const struct side_texts *text = &texts->sides[self];
	unsigned shape = view_shape(tunnel, self);
	struct address own = own_address(tunnel, side);

	scope_set(script, "name", side->name);
	scope_set_literal(script, "address", text->local_address);
	scope_set_number(script, "outer_bits", family_bits(side->local.address.family));
	scope_set(script, "here_net", "@here@/@outer_bits@");
	scope_set(script, "there_net", "@there@/@outer_bits@");
	scope_set_number(script, "local_port", side->local.port);
	scope_set_literal(script, "self_local", text->local);
	scope_set_literal(script, "self_outer", side->behind_nat ? text->mapped : "");
	scope_set(script, "family_digit", side->local.address.family == AF_INET6 ? "6" : "4");
	scope_set_number(script, "mtu", tunnel_inner_mtu(tunnel, side->local.address.family));
	set_flag(script, "auto", side_is_auto(side));
	scope_set_literal(script, "outer_address", text->mapped_address);
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
			if (d->views[i].self_nets.list[j].prefix.address.family != d->views[i].self_outer.address.family)
				return true;
	return false;
}

void view_describe_run(struct scope *script, const struct tunnel *tunnel)
{
	scope_set(script, "version", VERSION);
	scope_printf(script, "digest", "%08x", (unsigned)tunnel->digest);
	scope_set(script, "fingerprint", tunnel->fingerprint);
	describe_names(script, tunnel);
}

struct scope *view_describe(const struct tunnel *tunnel, const struct texts *texts, size_t self)
{
	struct describer describer = describer_new(tunnel, texts, self);
	struct scope *script = scope_new();

	describer.script = script;
	view_describe_run(script, tunnel);
	describe_cipher(script, tunnel, mixes_families(&describer));
	describe_options(script, tunnel);
	describe_side(script, tunnel, texts, self);
	describe_lists(&describer);
	for (size_t i = 0; i < describer.count; i++)
		describe_peer(&describer, i);
	free(describer.views);
	return script;
}
