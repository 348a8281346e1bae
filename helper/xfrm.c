/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "xfrm.h"

#include <netinet/in.h>

static void add_address(struct text *out, const struct address *address, const char *name)
{
	char text[ADDRESS_TEXT];

	text_add_string(out, name ? name : address_print(text, address));
}

static void add_port(struct text *out, unsigned port, const char *name)
{
	if (name)
		text_add_string(out, name);
	else
		text_add_number(out, port);
}

static const char *address_name(enum place place, const struct names *names)
{
	switch (place) {
	case PLACE_HERE:
		return names->here;
	case PLACE_THERE:
		return names->there;
	default:
		return NULL;
	}
}

static const char *port_name(enum place place, const struct names *names)
{
	switch (place) {
	case PLACE_HERE:
		return names->port;
	case PLACE_THERE:
		return names->peer_port;
	default:
		return NULL;
	}
}

static void add_end(struct text *out, const struct selector_end *end, const struct names *names)
{
	add_address(out, &end->prefix.address, address_name(end->place, names));
	text_add_string(out, "/");
	text_add_number(out, end->prefix.length);
}

static uint64_t add_ports(struct text *out, const struct policy *policy, const struct names *names)
{
	uint64_t words = 0;

	if (!policy->proto)
		return 0;
	text_add_string(out, " proto ");
	text_add_number(out, policy->proto);
	if (policy->proto == IPPROTO_ICMP)
		words |= WORD(WORD_ICMP);
	if (policy->proto == IPPROTO_TCP)
		words |= WORD(WORD_TCP);
	if (policy->proto == IPPROTO_UDP)
		words |= WORD(WORD_UDP);
	if (policy->proto == IPPROTO_ICMPV6)
		words |= WORD(WORD_ICMPV6);
	if (policy->src.port) {
		text_add_string(out, " sport ");
		add_port(out, policy->src.port, port_name(policy->src.place, names));
		words |= WORD(WORD_SPORT);
	}
	if (policy->dst.port) {
		text_add_string(out, " dport ");
		add_port(out, policy->dst.port, port_name(policy->dst.place, names));
		words |= WORD(WORD_DPORT);
	}
	return words;
}

static uint64_t add_mode(struct text *out, uint32_t reqid, bool transport)
{
	text_add_string(out, " reqid ");
	text_add_number(out, reqid);
	text_add_string(out, transport ? " mode transport" : " mode tunnel");
	return WORD(WORD_REQID) | WORD(transport ? WORD_TRANSPORT : WORD_TUNNEL);
}

static uint64_t add_if_id(struct text *out, uint32_t if_id)
{
	if (!if_id)
		return 0;
	text_printf(out, " if_id 0x%x", (unsigned)if_id);
	return WORD(WORD_IF_ID);
}

static void add_spi(struct text *out, uint32_t spi)
{
	unsigned char bytes[] = { (unsigned char)(spi >> 24), (unsigned char)(spi >> 16), (unsigned char)(spi >> 8), (unsigned char)spi };

	text_add_string(out, "0x");
	text_add_hex(out, bytes, sizeof bytes);
}

static uint64_t add_template(struct text *out, const struct policy *policy, const struct names *names)
{
	bool outbound = policy->direction == DIRECTION_OUT;

	text_add_string(out, " \\\n  tmpl src ");
	add_address(out, &policy->template_src, outbound ? names->here : names->there);
	text_add_string(out, " dst ");
	add_address(out, &policy->template_dst, outbound ? names->there : names->here);
	text_add_string(out, " proto esp");
	if (policy->spi && names->pin) {
		text_add_string(out, names->pin);
	} else if (policy->spi) {
		text_add_string(out, " spi ");
		add_spi(out, policy->spi);
	}
	return WORD(WORD_TEMPLATE) | WORD(WORD_ESP) | add_mode(out, policy->reqid, policy->transport);
}

uint64_t policy_print_selector(struct text *out, const struct policy *policy,
                               const struct names *names)
{
	static const char *const dirs[] = { " dir in", " dir out", " dir fwd" };
	static const enum word dir_words[] = { WORD_DIR_IN, WORD_DIR_OUT, WORD_DIR_FWD };
	uint64_t words = WORD(WORD_SRC_DST) | WORD(dir_words[policy->direction]);

	text_add_string(out, "src ");
	add_end(out, &policy->src, names);
	text_add_string(out, " dst ");
	add_end(out, &policy->dst, names);
	words |= add_ports(out, policy, names);
	text_add_string(out, dirs[policy->direction]);
	return words;
}

uint64_t policy_print(struct text *out, const struct policy *policy, const struct names *names)
{
	uint64_t words = WORD(WORD_POLICY) | WORD(WORD_PRIORITY);

	text_add_string(out, "xfrm policy add ");
	words |= policy_print_selector(out, policy, names);
	if (policy->index && names->indexes) {
		text_add_string(out, " index ");
		text_add_number(out, policy->index);
	}
	text_add_string(out, " priority ");
	text_add_number(out, policy->priority);
	words |= add_if_id(out, policy->if_id);
	if (policy->action == ACTION_TUNNEL)
		words |= add_template(out, policy, names);
	if (policy->action == ACTION_BLOCK) {
		text_add_string(out, " action block");
		words |= WORD(WORD_BLOCK);
	}
	text_add_string(out, "\n");
	return words;
}

static uint64_t add_flags(struct text *out, const struct state *state)
{
	uint64_t words = WORD(WORD_REPLAY_WINDOW);

	if (state->esn || state->af_unspec) {
		text_add_string(out, " flag");
		words |= WORD(WORD_FLAG);
	}
	if (state->esn) {
		text_add_string(out, " esn");
		words |= WORD(WORD_ESN);
	}
	if (state->af_unspec) {
		text_add_string(out, " af-unspec");
		words |= WORD(WORD_AF_UNSPEC);
	}
	text_add_string(out, " replay-window ");
	text_add_number(out, state->replay_window);
	return words;
}

static void add_sequence(struct text *out, const struct state *state, const struct names *names)
{
	const char *word = state->outbound ? " replay-oseq" : " replay-seq";

	text_join(out, word, " ", NULL);
	if (state->outbound && names->sequence)
		text_add_string(out, names->sequence);
	else
		text_add_number(out, state->sequence & UINT32_MAX);
	if (!state->esn)
		return;
	text_join(out, word, "-hi ", NULL);
	text_add_number(out, state->sequence >> 32);
}

static void add_comment(struct text *out, const struct state *state, const char *peer)
{
	text_join(out, state->outbound ? " # to " : " # from ", peer, ", epoch ", NULL);
	text_add_number(out, state->epoch);
}

static uint64_t add_limits(struct text *out, const struct state *state)
{
	if (state->limit_bytes) {
		text_add_string(out, " limit byte-hard ");
		text_add_number(out, state->limit_bytes);
	}
	if (state->limit_packets) {
		text_add_string(out, " limit packet-hard ");
		text_add_number(out, state->limit_packets);
	}
	return state->limit_bytes || state->limit_packets ? WORD(WORD_LIMIT) : 0;
}

static uint64_t add_encap(struct text *out, const struct state *state, const struct names *names)
{
	if (state->encap == ENCAP_NONE)
		return 0;
	text_add_string(out, state->encap == ENCAP_ESPINUDP ? "encap espinudp " : "encap espinudp-nonike ");
	add_port(out, state->sport, state->outbound ? names->port : names->peer_port);
	text_add_string(out, " ");
	add_port(out, state->dport, state->outbound ? names->peer_port : names->port);
	text_add_string(out, " 0.0.0.0 ");
	return WORD(WORD_ENCAP);
}

static void add_key(struct text *out, const unsigned char *key, unsigned bytes)
{
	text_add_string(out, "0x");
	text_add_hex(out, key, bytes);
}

/* Two keys are too long for one terminal line. '' is an empty word in a batch. */
static uint64_t add_algorithms(struct text *out, const struct state *state)
{
	const struct cipher *cipher = state->cipher;

	text_add_string(out, cipher->integrity ? "enc " : "aead ");
	text_add_string(out, cipher->encryption);
	text_add_string(out, " ");
	if (cipher->key_bytes)
		add_key(out, state->key, cipher->key_bytes);
	else
		text_add_string(out, "''");
	if (cipher->integrity) {
		text_add_string(out, " \\\n  auth-trunc ");
		text_add_string(out, cipher->integrity);
		text_add_string(out, " ");
		add_key(out, state->key + cipher->key_bytes, cipher->auth_bytes);
	}
	text_add_string(out, " ");
	text_add_number(out, cipher->icv_bits);
	return cipher->integrity ? WORD(WORD_ENC) | WORD(WORD_AUTH) : WORD(WORD_AEAD);
}

uint64_t state_print(struct text *out, const struct state *state, const struct names *names)
{
	uint64_t words = WORD(WORD_STATE) | WORD(WORD_SRC_DST) | WORD(WORD_ESP) | WORD(WORD_SPI);

	text_add_string(out, "xfrm state add src ");
	add_address(out, &state->src, state->outbound ? names->here : names->there);
	text_add_string(out, " dst ");
	add_address(out, &state->dst, state->outbound ? names->there : names->here);
	text_add_string(out, " proto esp spi ");
	add_spi(out, state->spi);
	words |= add_mode(out, state->reqid, state->transport);
	words |= add_flags(out, state);
	if (names->numbers)
		add_sequence(out, state, names);
	words |= add_if_id(out, state->if_id);
	words |= add_limits(out, state);
	text_add_string(out, " \\\n  ");
	words |= add_encap(out, state, names);
	words |= add_algorithms(out, state);
	if (names->peer)
		add_comment(out, state, names->peer);
	text_add_string(out, "\n");
	return words;
}
