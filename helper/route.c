/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

/* PCP's anycast addresses (RFC 7723), for which there is no specific route, so that the default
 * route is found. */
static const struct address far_away[] = {
	{AF_INET, {192, 0, 0, 9}},
	{AF_INET6, {0x20, 0x01, 0, 1, [15] = 1}},
};

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	unsigned char attributes[2 * RTA_SPACE(16)];
};

static void attribute_add(struct question *question, unsigned short type,
                          const struct address *address)
{
	unsigned short size = address->family == AF_INET6 ? 16 : 4;
	struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};
	unsigned char *at = (unsigned char *)question + question->header.nlmsg_len;

	memcpy(at, &attribute, sizeof attribute);
	memcpy(at + RTA_LENGTH(0), address->bytes, size);
	question->header.nlmsg_len += (unsigned)RTA_SPACE(size);
}

static void attribute_take(struct route *route, sa_family_t family, const struct rtattr *attribute,
                           const char *value)
{
	size_t size = RTA_PAYLOAD(attribute);
	struct address address = {.family = family};

	if (attribute->rta_type == RTA_OIF && size == sizeof route->interface)
		memcpy(&route->interface, value, size);
	if (size != (family == AF_INET6 ? 16 : 4))
		return;
	memcpy(address.bytes, value, size);
	if (attribute->rta_type == RTA_GATEWAY)
		route->router = address;
	if (attribute->rta_type == RTA_PREFSRC && !route->local.family)
		route->local = address;
}

static int route_ask(int fd, struct route *route, const struct question *question)
{
	union { struct nlmsghdr header; char bytes[4096]; } answer;
	struct rtattr attribute;
	ssize_t length;

	if (send(fd, question, question->header.nlmsg_len, 0) < 0 ||
	    (length = recv(fd, &answer, sizeof answer, 0)) < 0)
		return errno;
	if (!NLMSG_OK(&answer.header, (unsigned)length))
		return EBADMSG;
	if (answer.header.nlmsg_type == NLMSG_ERROR)
		return -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
	for (size_t at = NLMSG_SPACE(sizeof question->route);
	     at + sizeof attribute <= answer.header.nlmsg_len; at += RTA_ALIGN(attribute.rta_len)) {
		memcpy(&attribute, answer.bytes + at, sizeof attribute);
		if (attribute.rta_len < sizeof attribute ||
		    attribute.rta_len > answer.header.nlmsg_len - at)
			return EBADMSG;
		attribute_take(route, question->route.rtm_family, &attribute,
		               answer.bytes + at + RTA_LENGTH(0));
	}
	return 0;
}

int route_find(struct route *route, sa_family_t family, const struct address *local,
               const struct address *to)
{
	struct question question = {
		.header = { .nlmsg_type = RTM_GETROUTE,
		            .nlmsg_flags = NLM_F_REQUEST,
		            .nlmsg_len = NLMSG_LENGTH(sizeof question.route) },
		.route = { .rtm_family = (unsigned char)family },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error = errno;

	memset(route, 0, sizeof *route);
	question.route.rtm_dst_len = family == AF_INET6 ? 128 : 32;
	attribute_add(&question, RTA_DST, to ? to : &far_away[family == AF_INET6]);
	if (!address_is_any(local)) {
		question.route.rtm_src_len = question.route.rtm_dst_len;
		attribute_add(&question, RTA_SRC, local);
		route->local = *local;
	}
	if (fd < 0)
		return error;
	error = route_ask(fd, route, &question);
	close(fd);
	return error;
}
