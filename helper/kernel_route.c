/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses links, addresses and routes from the messages of linux/rtnetlink.h. */
#include "kernel.h"
#include "netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

/* In a struct nested in IFLA_LINKINFO's data: IFLA_XFRM_IF_ID of newer headers. */
enum { XFRM_LINK_IF_ID = 2 };

static struct netlink_attributes nested(const struct netlink_attribute *attribute)
{
	return (struct netlink_attributes){ attribute->value,
					    attribute->value + attribute->length };
}

static void copy_string(char *out, size_t room, const struct netlink_attribute *attribute)
{
	size_t length = attribute->length < room - 1 ? attribute->length : room - 1;

	memcpy(out, attribute->value, length);
	out[length] = '\0';
}

/* OUT is unchanged if the value is not an address of FAMILY. */
static void copy_address(struct address *out, unsigned family, const unsigned char *value,
			 size_t length)
{
	if (length != (family == AF_INET6 ? 16 : 4))
		return;
	*out = (struct address){ .family = (sa_family_t)family };
	memcpy(out->bytes, value, length);
}

/* ---- Links ---- */

static void take_link_info(struct kernel_link *out, const struct netlink_attribute *info)
{
	struct netlink_attributes list = nested(info), data = { NULL, NULL };
	struct netlink_attribute attribute;

	while (netlink_next(&list, &attribute)) {
		if (attribute.type == IFLA_INFO_KIND)
			copy_string(out->kind, sizeof out->kind, &attribute);
		if (attribute.type == IFLA_INFO_DATA)
			data = nested(&attribute);
	}
	if (strcmp(out->kind, "xfrm") != 0)
		return;
	while (data.at && netlink_next(&data, &attribute))
		if (attribute.type == XFRM_LINK_IF_ID)
			netlink_copy(&attribute, &out->if_id, sizeof out->if_id);
}

bool kernel_parse_link(struct kernel_link *out, const unsigned char *body, size_t length)
{
	struct netlink_attributes list = netlink_attributes(body, length, sizeof(struct ifinfomsg));
	struct netlink_attribute attribute;
	struct ifinfomsg info;

	*out = (struct kernel_link){ .index = 0 };
	if (length < sizeof info)
		return false;
	memcpy(&info, body, sizeof info);
	out->index = (unsigned)info.ifi_index;
	out->up = info.ifi_flags & IFF_UP;
	while (netlink_next(&list, &attribute)) {
		if (attribute.type == IFLA_IFNAME)
			copy_string(out->name, sizeof out->name, &attribute);
		if (attribute.type == IFLA_MTU)
			netlink_copy(&attribute, &out->mtu, sizeof out->mtu);
		if (attribute.type == IFLA_GROUP)
			netlink_copy(&attribute, &out->group, sizeof out->group);
		if (attribute.type == IFLA_LINKINFO)
			take_link_info(out, &attribute);
	}
	return info.ifi_family == AF_UNSPEC && *out->name;
}

/* ---- Addresses ---- */

bool kernel_parse_address(struct kernel_address *out, const unsigned char *body, size_t length)
{
	struct netlink_attributes list = netlink_attributes(body, length, sizeof(struct ifaddrmsg));
	struct netlink_attribute attribute;
	struct address remote = { .family = AF_UNSPEC };
	struct ifaddrmsg info;

	*out = (struct kernel_address){ .length = 0 };
	if (length < sizeof info)
		return false;
	memcpy(&info, body, sizeof info);
	if (info.ifa_family != AF_INET && info.ifa_family != AF_INET6)
		return false;
	out->length = info.ifa_prefixlen;
	out->link = info.ifa_index;
	out->scope = info.ifa_scope;
	out->tentative = info.ifa_flags & IFA_F_TENTATIVE;
	while (netlink_next(&list, &attribute)) {
		/* If there is IFA_LOCAL, IFA_ADDRESS is that of the other end. */
		if (attribute.type == IFA_LOCAL)
			copy_address(&out->address, info.ifa_family, attribute.value,
				     attribute.length);
		if (attribute.type == IFA_ADDRESS)
			copy_address(&remote, info.ifa_family, attribute.value, attribute.length);
		if (attribute.type == IFA_LABEL)
			copy_string(out->label, sizeof out->label, &attribute);
	}
	if (!out->address.family)
		out->address = remote;
	return out->address.family != AF_UNSPEC;
}

/* ---- Routes ---- */

static void take_metrics(struct kernel_route *out, const struct netlink_attribute *metrics)
{
	struct netlink_attributes list = nested(metrics);
	struct netlink_attribute attribute;

	while (netlink_next(&list, &attribute))
		if (attribute.type == RTAX_MTU)
			netlink_copy(&attribute, &out->mtu, sizeof out->mtu);
}

/* A gateway of another family than the route's: its family, then its bytes. */
static void take_via(struct kernel_route *out, const struct netlink_attribute *via)
{
	uint16_t family;

	if (netlink_copy(via, &family, sizeof family) && (family == AF_INET || family == AF_INET6))
		copy_address(&out->gateway, family, via->value + sizeof family,
			     via->length - sizeof family);
}

static void take_route_attribute(struct kernel_route *out, unsigned family,
				 const struct netlink_attribute *attribute)
{
	switch (attribute->type) {
	case RTA_DST:
		copy_address(&out->to.address, family, attribute->value, attribute->length);
		break;
	case RTA_GATEWAY:
		copy_address(&out->gateway, family, attribute->value, attribute->length);
		break;
	case RTA_VIA:
		take_via(out, attribute);
		break;
	case RTA_PREFSRC:
		copy_address(&out->source, family, attribute->value, attribute->length);
		break;
	case RTA_OIF:
		netlink_copy(attribute, &out->link, sizeof out->link);
		break;
	case RTA_TABLE:
		netlink_copy(attribute, &out->table, sizeof out->table);
		break;
	case RTA_PRIORITY:
		netlink_copy(attribute, &out->metric, sizeof out->metric);
		break;
	case RTA_METRICS:
		take_metrics(out, attribute);
		break;
	}
}

/* The first of several next hops. */
static void take_multipath(struct kernel_route *out, unsigned family,
			   const struct netlink_attribute *multipath)
{
	struct netlink_attributes list;
	struct netlink_attribute attribute;
	struct rtnexthop hop;

	if (!netlink_copy(multipath, &hop, sizeof hop) || hop.rtnh_len < sizeof hop ||
	    hop.rtnh_len > multipath->length)
		return;
	out->link = (unsigned)hop.rtnh_ifindex;
	out->onlink = hop.rtnh_flags & RTNH_F_ONLINK;
	list = (struct netlink_attributes){ multipath->value + sizeof hop,
					    multipath->value + hop.rtnh_len };
	while (netlink_next(&list, &attribute))
		if (attribute.type == RTA_GATEWAY || attribute.type == RTA_VIA)
			take_route_attribute(out, family, &attribute);
}

bool kernel_parse_route(struct kernel_route *out, const unsigned char *body, size_t length)
{
	struct netlink_attributes list = netlink_attributes(body, length, sizeof(struct rtmsg));
	struct netlink_attribute attribute;
	struct rtmsg info;

	*out = (struct kernel_route){ .link = 0 };
	if (length < sizeof info)
		return false;
	memcpy(&info, body, sizeof info);
	if ((info.rtm_family != AF_INET && info.rtm_family != AF_INET6) ||
	    info.rtm_flags & RTM_F_CLONED)
		return false;
	out->to = (struct prefix){ { .family = info.rtm_family }, info.rtm_dst_len };
	out->table = info.rtm_table;
	out->protocol = info.rtm_protocol;
	out->scope = info.rtm_scope;
	out->type = info.rtm_type;
	out->onlink = info.rtm_flags & RTNH_F_ONLINK;
	while (netlink_next(&list, &attribute)) {
		if (attribute.type == RTA_MULTIPATH)
			take_multipath(out, info.rtm_family, &attribute);
		else
			take_route_attribute(out, info.rtm_family, &attribute);
	}
	return true;
}

/* ---- Look-up ---- */

struct look_up {
	struct kernel_route *route;
	bool found;
};

static void take_answer(void *context, uint16_t type, const unsigned char *body, size_t length)
{
	struct look_up *look_up = context;
	unsigned char copy[1024];
	struct rtmsg info;

	if (type != RTM_NEWROUTE || length < sizeof info)
		return;
	/* The answer is marked as a clone, which lists of routes skip. */
	length = length < sizeof copy ? length : sizeof copy;
	memcpy(&info, body, sizeof info);
	info.rtm_flags &= (unsigned)~RTM_F_CLONED;
	memcpy(copy, body, length);
	memcpy(copy, &info, sizeof info);
	look_up->found = kernel_parse_route(look_up->route, copy, length);
}

/* The socket stays open, because a hub asks for each of its peers. Every program that uses it has
 * one thread, and its children exec other programs. */
static struct netlink kept = { .fd = -1 };

struct question {
	const struct address *to, *from;
	uint32_t mark;
	unsigned link;
};

static int ask(struct kernel_route *out, const struct question *question, unsigned flags)
{
	const unsigned char bits = (unsigned char)family_bits(question->to->family);
	const struct rtmsg fixed = {
		.rtm_family = (unsigned char)question->to->family,
		.rtm_dst_len = bits,
		.rtm_src_len = question->from ? bits : 0,
		/* IPv6 always reports the table, and refuses the flag. */
		.rtm_flags = flags | (question->to->family == AF_INET ? RTM_F_LOOKUP_TABLE : 0),
	};
	struct look_up look_up = { .route = out };
	struct netlink_request request;
	int error;

	*out = (struct kernel_route){ .link = 0 };
	netlink_begin(&request, RTM_GETROUTE, &fixed, sizeof fixed);
	netlink_add(&request, RTA_DST, question->to->bytes, bits / 8);
	if (question->from)
		netlink_add(&request, RTA_SRC, question->from->bytes, bits / 8);
	if (question->mark)
		netlink_add(&request, RTA_MARK, &question->mark, sizeof question->mark);
	if (question->link)
		netlink_add(&request, RTA_OIF, &question->link, sizeof question->link);
	error = kept.fd < 0 ? netlink_open(&kept, NETLINK_ROUTE) : 0;
	if (error)
		netlink_close(&kept);
	else
		error = netlink_ask(&kept, &request, take_answer, &look_up);
	return error || look_up.found ? error : EBADMSG;
}

/* The answer lacks some attributes of the route that it was derived from. */
static void add_entry(struct kernel_route *out, const struct question *question)
{
	struct kernel_route entry;

	if (ask(&entry, question, RTM_F_FIB_MATCH) != 0 || entry.link != out->link)
		return;
	out->onlink = entry.onlink;
	out->protocol = entry.protocol;
	out->metric = entry.metric;
}

int kernel_route_to(struct kernel_route *out, const struct address *to, const struct address *from,
		    uint32_t mark, unsigned link)
{
	const struct question question = { to, from, mark, link };
	int error = ask(out, &question, 0);

	if (!error)
		add_entry(out, &question);
	return error;
}

bool kernel_has_route(const struct prefix *to)
{
	const struct question question = { .to = &to->address };
	struct kernel_route entry;

	return ask(&entry, &question, RTM_F_FIB_MATCH) == 0 && entry.to.length == to->length &&
	       address_equal(&entry.to.address, &to->address);
}
