/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "view.h"
#include "identity.h"
#include "key.h"

#include <string.h>

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

struct address view_host(const struct side *side, const struct prefix *net)
{
	struct address first = net->address;

	if (prefix_is_everything(net) || prefix_contains(net, &side->local.address))
		return side->local.address;
	if (!prefix_is_host(net))
		first.bytes[family_bits(first.family) / 8 - 1] |= 1;
	return first;
}

struct address view_inside(const struct side *side, const struct nets *nets)
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
	return view_host(side, first ? first : &nets->list[0].prefix);
}

const char *view_print_outer(char out[OUTER_TEXT], const struct view *view)
{
	return view->lan ? local_print_address(out, view->other)
	                 : mapped_print_address(out, view->other);
}

bool nets_repeat(const struct nets *nets, size_t index)
{
	const struct prefix *prefix = &nets->list[index].prefix;

	for (size_t i = 0; i < index; i++)
		if (nets->list[i].prefix.length == prefix->length &&
		    prefix_contains(&nets->list[i].prefix, &prefix->address))
			return true;
	return false;
}

bool nets_contain(const struct nets *nets, const struct address *address)
{
	for (size_t i = 0; i < nets->count; i++)
		if (prefix_contains(&nets->list[i].prefix, address))
			return true;
	return false;
}

uint8_t nets_proto(const struct net *one, const struct net *two)
{
	return one->proto ? one->proto : two->proto;
}
