#include "view.h"
#include "key.h"

#include <stdio.h>
#include <string.h>

enum {
	REPLAY_WINDOW = 128,
	BYPASS_PRIORITY = 1000,  /* the lower number wins */
	TUNNEL_PRIORITY = 2000,
};

struct view view_of(const struct tunnel *tunnel, size_t self, size_t other)
{
	return (struct view){
		.self = &tunnel->sides[self],
		.other = &tunnel->sides[other],
		.self_outer = tunnel->sides[self].local,
		.other_outer = tunnel->sides[other].mapped,
		.in = key_of(tunnel, other, self),
		.out = key_of(tunnel, self, other),
		.reqid = tunnel_reqid(tunnel, self, other),
	};
}

/* self === other, each with its NAT if it has one. */
static void describe_picture(struct scope *peer, const struct view *view)
{
	char self[ENDPOINT_TEXT], self_mapped[ENDPOINT_TEXT], other[ENDPOINT_TEXT], other_mapped[ENDPOINT_TEXT];

	scope_set(peer, "picture", "%s %s%s%s", view->self->name, endpoint_print(self, &view->self->local),
	          view->self->behind_nat ? " --NAT-- " : "",
	          view->self->behind_nat ? endpoint_print(self_mapped, &view->self->mapped) : "");
	scope_set(peer, "picture_other", "%s%s%s %s", view->other->behind_nat ? endpoint_print(other_mapped, &view->other->mapped) : "",
	          view->other->behind_nat ? " --NAT-- " : "", endpoint_print(other, &view->other->local), view->other->name);
}

static void describe_sa(struct scope *peer, const char *spi, const char *words, const struct tunnel *tunnel, const struct sa *sa)
{
	struct text text = { 0 };

	scope_set(peer, spi, "0x%08x", (unsigned)sa->spi);
	cipher_print_words(&text, tunnel->cipher, sa->key);
	scope_set(peer, words, "%s", text.bytes);
	text_free(&text);
}

static void describe_selectors(struct scope *peer, const struct view *view)
{
	for (size_t i = 0; i < view->self->net_count; i++)
		for (size_t j = 0; j < view->other->net_count; j++) {
			struct scope *selector = scope_add(peer, "selectors");
			char net[PREFIX_TEXT];

			scope_set(selector, "self_net", "%s", prefix_print(net, &view->self->nets[i]));
			scope_set(selector, "other_net", "%s", prefix_print(net, &view->other->nets[j]));
		}
}

/* True when a policy towards any peer covers the UDP flow to OTHER: the kernel would ask the wrapped packets,
 * before it unwraps them, to have come out of the tunnel themselves. */
static bool flow_is_covered(const struct tunnel *tunnel, const struct view *view)
{
	for (size_t i = 0; i < view->self->net_count; i++) {
		if (!prefix_contains(&view->self->nets[i], &view->self_outer.address))
			continue;
		for (size_t j = 0; j < tunnel->side_count; j++) {
			const struct side *side = &tunnel->sides[j];

			for (size_t k = 0; side != view->self && k < side->net_count; k++)
				if (prefix_contains(&side->nets[k], &view->other_outer.address))
					return true;
		}
	}
	return false;
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
	describe_selectors(peer, view);
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

/* The address to ping from or to: LOCAL where the side protects it, else its first net's first host. */
static struct address inner_address(const struct side *side)
{
	struct address first;

	for (size_t i = 0; i < side->net_count; i++)
		if (prefix_contains(&side->nets[i], &side->local.address))
			return side->local.address;
	first = side->nets[0].address;
	if (!prefix_is_host(&side->nets[0]))
		first.bytes[first.family == AF_INET6 ? 15 : 3] |= 1;
	return first;
}

static void describe_test(struct scope *script, const struct view *view)
{
	char self[ADDRESS_TEXT], other[ADDRESS_TEXT];
	struct address self_inner = inner_address(view->self), other_inner = inner_address(view->other);

	scope_set(scope_add(script, "tests"), "test_command", "ping -c 3 -I %s %s", address_print(self, &self_inner),
	          address_print(other, &other_inner));
}

/* Each net, with SUFFIX, as words. */
static void list_nets(struct text *out, const struct side *side, const char *suffix)
{
	char net[PREFIX_TEXT];

	for (size_t i = 0; i < side->net_count; i++)
		text_printf(out, "%s%s%s", out->length ? " " : "", prefix_print(net, &side->nets[i]), suffix);
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

static void describe_cipher(struct scope *script, const struct tunnel *tunnel)
{
	static const unsigned char zeros[CIPHER_KEY_MOST];
	const struct cipher *cipher = tunnel->cipher;
	struct text words = { 0 };

	scope_set(script, "cipher", "%s", cipher->name);
	scope_set(script, "cipher_text", "%s%s%s, %u-bit ICV", cipher->encryption, cipher->integrity ? " " : "",
	          cipher->integrity ? cipher->integrity : "", cipher->icv_bits);
	scope_set(script, "replay_text", "replay window %d%s", REPLAY_WINDOW, tunnel->esn ? ", extended sequence numbers" : "");
	scope_set(script, "state_flags", "%sreplay-window %d", tunnel->esn ? "flag esn " : "", REPLAY_WINDOW);
	cipher_print_words(&words, cipher, zeros);
	scope_set(script, "trial_words", "%s", words.bytes);
	text_free(&words);
}

struct scope *view_describe(const struct tunnel *tunnel, size_t self)
{
	const struct side *side = &tunnel->sides[self];
	struct scope *script = scope_new();
	struct text reqids = { 0 }, own_nets = { 0 }, other_nets = { 0 };
	char text[ENDPOINT_TEXT];
	size_t index = 0;

	scope_set(script, "version", "%s", VERSION);
	scope_set(script, "name", "%s", side->name);
	scope_set(script, "local", "%s", address_print(text, &side->local.address));
	scope_set(script, "local_port", "%u", (unsigned)side->local.port);
	scope_set(script, "family_digit", "%c", side->local.address.family == AF_INET6 ? '6' : '4');
	scope_set(script, "family_suffix", "%s", side->local.address.family == AF_INET6 ? "6" : "");
	scope_set(script, "host_bits", "%u", prefix_of_host(&side->local.address).length);
	scope_set(script, "digest", "%08x", (unsigned)tunnel_digest(tunnel));
	scope_set(script, "encap", "%s", tunnel_encapsulates(tunnel) ? "yes" : "");
	/* several peers cannot be waited for one after the other: espdecap's first ten seconds open their holes */
	scope_set(script, "punches", "%s", tunnel_encapsulates(tunnel) && tunnel->side_count == 2 ? "yes" : "");
	scope_set(script, "wait_usage", "%s", tunnel_encapsulates(tunnel) && tunnel->side_count == 2 ? " [--wait SECONDS]" : "");
	scope_set(script, "is_first", "%s", self == 0 ? "yes" : "");
	scope_set(script, "tunnel_priority", "%d", TUNNEL_PRIORITY);
	scope_set(script, "bypass_priority", "%d", BYPASS_PRIORITY);
	describe_names(script, tunnel);
	describe_cipher(script, tunnel);
	for (size_t other = 0; other < tunnel->side_count; other++) {
		struct view view;

		if (other == self)
			continue;
		view = view_of(tunnel, self, other);
		describe_peer(script, tunnel, &view, ++index);
		describe_test(script, &view);
		snprintf(text, sizeof text, "@%s", address_print(text + 1, &view.other_outer.address));
		list_nets(&other_nets, view.other, text);
		text_printf(&reqids, "%s%u", index > 1 ? " " : "", (unsigned)view.reqid);
		if (tunnel_encapsulates(tunnel) && flow_is_covered(tunnel, &view))
			describe_bypass(script, &view, index);
	}
	list_nets(&own_nets, side, "");
	scope_set(script, "own_nets", "%s", own_nets.bytes);
	scope_set(script, "other_nets", "%s", other_nets.bytes);
	scope_set(script, "reqids", "%s", reqids.bytes);
	scope_set(script, "state_count", "%zu", 2 * index);
	text_free(&own_nets);
	text_free(&other_nets);
	text_free(&reqids);
	return script;
}
