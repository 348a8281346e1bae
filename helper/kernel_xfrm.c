/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses SAs and policies from the messages of linux/xfrm.h. */
#include "kernel.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/udp.h>

enum {
	NAME_MOST = 64,     /* bytes of an algorithm's name */
	WINDOW_MOST = 4096, /* packets: XFRMA_REPLAY_ESN_MAX of the kernel's net/xfrm.h */
};

static struct address address_of(unsigned family, const xfrm_address_t *from)
{
	struct address address = { .family = (sa_family_t)family };

	if (family == AF_INET || family == AF_INET6)
		memcpy(address.bytes, from, family == AF_INET ? 4 : 16);
	return address;
}

static unsigned long long limit_of(uint64_t limit)
{
	return limit == XFRM_INF ? 0 : limit;
}

/* ---- SAs ---- */

/* The sequence number of the highest bit set in a window whose top is TOP; 0: none. BIT is the
 * position of the top. */
static uint64_t highest_number(uint64_t top, const unsigned char *bits, uint32_t window,
			       uint32_t bit)
{
	for (uint32_t below = 0; below < window && below < top; below++) {
		uint32_t word, place = (bit + window - below) % window;

		memcpy(&word, bits + place / 32 * sizeof word, sizeof word);
		if (word >> place % 32 & 1)
			return top - below;
	}
	return 0;
}

static void take_replay(struct kernel_state *out, const struct netlink_attribute *attribute)
{
	struct xfrm_replay_state replay;

	if (!netlink_copy(attribute, &replay, sizeof replay))
		return;
	out->sequence_out = replay.oseq;
	out->sequence_in = replay.seq;
	out->received = 0;
	for (uint32_t below = 0; below < 32 && below < replay.seq && !out->received; below++)
		if (replay.bitmap >> below & 1)
			out->received = replay.seq - below;
}

/* The window is a ring of bits. The top is at position (seq - 1) modulo the window's size. */
static void take_replay_esn(struct kernel_state *out, const struct netlink_attribute *attribute)
{
	struct xfrm_replay_state_esn replay;
	uint32_t window;

	if (!netlink_copy(attribute, &replay, sizeof replay))
		return;
	out->sequence_out = (uint64_t)replay.oseq_hi << 32 | replay.oseq;
	out->sequence_in = (uint64_t)replay.seq_hi << 32 | replay.seq;
	out->received = 0;
	out->state.replay_window = window = replay.replay_window;
	if (window && window <= WINDOW_MOST &&
	    (window + 31) / 32 <= (attribute->length - sizeof replay) / sizeof(uint32_t))
		out->received = highest_number(out->sequence_in, attribute->value + sizeof replay,
					       window, (replay.seq - 1) % window);
}

static void take_encap(struct state *out, const struct netlink_attribute *attribute)
{
	struct xfrm_encap_tmpl encap;

	if (!netlink_copy(attribute, &encap, sizeof encap))
		return;
	if (encap.encap_type == UDP_ENCAP_ESPINUDP)
		out->encap = ENCAP_ESPINUDP;
	if (encap.encap_type == UDP_ENCAP_ESPINUDP_NON_IKE)
		out->encap = ENCAP_ESPINUDP_NONIKE;
	out->sport = ntohs(encap.encap_sport);
	out->dport = ntohs(encap.encap_dport);
}

/* Names and lengths of an SA's algorithms. */
struct algorithms {
	char encryption[NAME_MOST], integrity[NAME_MOST];
	unsigned key_bits, icv_bits;
	bool any;
};

/* All three kinds begin with a name and the key's length; in two of them the ICV's length
 * follows. */
static void take_algorithm(struct algorithms *out, const struct netlink_attribute *attribute)
{
	struct xfrm_algo_aead algorithm = { .alg_icv_len = 0 };
	bool has_icv = attribute->type != XFRMA_ALG_CRYPT && attribute->type != XFRMA_ALG_AUTH;

	if (!netlink_copy(attribute, &algorithm,
			  has_icv ? sizeof algorithm : sizeof(struct xfrm_algo)))
		return;
	out->any = true;
	algorithm.alg_name[NAME_MOST - 1] = '\0';
	if (attribute->type == XFRMA_ALG_AEAD || attribute->type == XFRMA_ALG_CRYPT) {
		memcpy(out->encryption, algorithm.alg_name, NAME_MOST);
		out->key_bits = algorithm.alg_key_len;
	} else {
		memcpy(out->integrity, algorithm.alg_name, NAME_MOST);
	}
	if (has_icv)
		out->icv_bits = algorithm.alg_icv_len;
}

static void take_state_attribute(struct kernel_state *out, struct algorithms *algorithms,
				 const struct netlink_attribute *attribute)
{
	struct xfrm_mark mark;

	switch (attribute->type) {
	case XFRMA_ALG_AEAD:
	case XFRMA_ALG_CRYPT:
	case XFRMA_ALG_AUTH:
	case XFRMA_ALG_AUTH_TRUNC:
		take_algorithm(algorithms, attribute);
		break;
	case XFRMA_ENCAP:
		take_encap(&out->state, attribute);
		break;
	case XFRMA_REPLAY_VAL:
		take_replay(out, attribute);
		break;
	case XFRMA_REPLAY_ESN_VAL:
		take_replay_esn(out, attribute);
		break;
	case XFRMA_LASTUSED:
		netlink_copy(attribute, &out->last_used, sizeof out->last_used);
		break;
	case XFRMA_IF_ID:
		netlink_copy(attribute, &out->state.if_id, sizeof out->state.if_id);
		break;
	case XFRMA_MARK:
		if (netlink_copy(attribute, &mark, sizeof mark)) {
			out->mark = mark.v;
			out->mark_mask = mark.m;
		}
		break;
	}
}

bool kernel_parse_state(struct kernel_state *out, const unsigned char *body, size_t length)
{
	struct netlink_attributes list =
		netlink_attributes(body, length, sizeof(struct xfrm_usersa_info));
	struct netlink_attribute attribute;
	struct algorithms algorithms = { .any = false };
	struct xfrm_usersa_info info;

	*out = (struct kernel_state){ .larval = true };
	if (length < sizeof info)
		return false;
	memcpy(&info, body, sizeof info);
	if (info.id.proto != IPPROTO_ESP || (info.family != AF_INET && info.family != AF_INET6))
		return false;
	out->state = (struct state){
		.src = address_of(info.family, &info.saddr),
		.dst = address_of(info.family, &info.id.daddr),
		.spi = ntohl(info.id.spi),
		.reqid = info.reqid,
		.transport = info.mode == XFRM_MODE_TRANSPORT,
		.esn = info.flags & XFRM_STATE_ESN,
		.af_unspec = info.flags & XFRM_STATE_AF_UNSPEC,
		.replay_window = info.replay_window,
		.limit_bytes = limit_of(info.lft.hard_byte_limit),
		.limit_packets = limit_of(info.lft.hard_packet_limit),
	};
	out->packets = info.curlft.packets;
	out->bytes = info.curlft.bytes;
	out->add_time = info.curlft.add_time;
	out->use_time = info.curlft.use_time;
	out->late = info.stats.replay_window;
	out->replayed = info.stats.replay;
	out->failed = info.stats.integrity_failed;
	while (netlink_next(&list, &attribute))
		take_state_attribute(out, &algorithms, &attribute);
	out->larval = !algorithms.any;
	if (algorithms.any)
		out->state.cipher = cipher_of(algorithms.encryption,
					      *algorithms.integrity ? algorithms.integrity : NULL,
					      algorithms.icv_bits, algorithms.key_bits / 8);
	return true;
}

/* ---- Policies ---- */

static void take_templates(struct kernel_policy *out, const struct netlink_attribute *attribute)
{
	const uint32_t all = UINT32_MAX;
	struct xfrm_user_tmpl template;

	out->template_count = (unsigned)(attribute->length / sizeof template);
	if (!netlink_copy(attribute, &template, sizeof template))
		return;
	if (out->policy.action != ACTION_BLOCK)
		out->policy.action = ACTION_TUNNEL;
	out->policy.template_src = address_of(template.family, &template.saddr);
	out->policy.template_dst = address_of(template.family, &template.id.daddr);
	out->policy.spi = ntohl(template.id.spi);
	out->policy.reqid = template.reqid;
	out->policy.transport = template.mode == XFRM_MODE_TRANSPORT;
	out->plain_template = out->template_count == 1 && template.id.proto == IPPROTO_ESP &&
			      !template.optional && template.mode <= XFRM_MODE_TUNNEL &&
			      template.aalgos == all && template.ealgos == all;
}

static bool take_policy_attribute(struct kernel_policy *out,
				  const struct netlink_attribute *attribute)
{
	struct xfrm_userpolicy_type type;
	struct xfrm_mark mark;

	switch (attribute->type) {
	case XFRMA_TMPL:
		take_templates(out, attribute);
		break;
	case XFRMA_IF_ID:
		netlink_copy(attribute, &out->policy.if_id, sizeof out->policy.if_id);
		break;
	case XFRMA_MARK:
		if (netlink_copy(attribute, &mark, sizeof mark)) {
			out->mark = mark.v;
			out->mark_mask = mark.m;
		}
		break;
	case XFRMA_POLICY_TYPE:
		return !netlink_copy(attribute, &type, sizeof type) ||
		       type.type == XFRM_POLICY_TYPE_MAIN;
	}
	return true;
}

bool kernel_parse_policy(struct kernel_policy *out, const unsigned char *body, size_t length)
{
	struct netlink_attributes list =
		netlink_attributes(body, length, sizeof(struct xfrm_userpolicy_info));
	struct netlink_attribute attribute;
	struct xfrm_userpolicy_info info;

	*out = (struct kernel_policy){ .plain_template = true };
	if (length < sizeof info)
		return false;
	memcpy(&info, body, sizeof info);
	if (info.dir > XFRM_POLICY_FWD) /* a socket's */
		return false;
	out->policy = (struct policy){
		.src = { .prefix = { address_of(info.sel.family, &info.sel.saddr),
				     info.sel.prefixlen_s },
			 .port = ntohs(info.sel.sport) },
		.dst = { .prefix = { address_of(info.sel.family, &info.sel.daddr),
				     info.sel.prefixlen_d },
			 .port = ntohs(info.sel.dport) },
		.proto = info.sel.proto,
		.direction = (enum direction)info.dir,
		.action = info.action == XFRM_POLICY_BLOCK ? ACTION_BLOCK : ACTION_ALLOW,
		.priority = info.priority,
		.index = info.index,
	};
	out->add_time = info.curlft.add_time;
	out->use_time = info.curlft.use_time;
	while (netlink_next(&list, &attribute))
		if (!take_policy_attribute(out, &attribute))
			return false;
	return true;
}
