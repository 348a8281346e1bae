/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BUFFER = 1 << 15,
	QUEUE = 1 << 20, /* bytes, because the kernel announces a mapping with each packet */
};

/* The ACQUIRE group is left out, because with a listener the kernel creates SAs without keys, which
 * then block ours. */
static const struct {
	unsigned what;
	int family, group, at;
} groups[] = {
	{ ANNOUNCE_MAPPINGS, NETLINK_XFRM, XFRMNLGRP_MAPPING, 0 },
	{ ANNOUNCE_STATES, NETLINK_XFRM, XFRMNLGRP_SA, 0 },
	{ ANNOUNCE_STATES, NETLINK_XFRM, XFRMNLGRP_POLICY, 0 },
	{ ANNOUNCE_STATES, NETLINK_XFRM, XFRMNLGRP_EXPIRE, 0 },
	{ ANNOUNCE_LINKS, NETLINK_ROUTE, RTNLGRP_LINK, 1 },
	{ ANNOUNCE_LINKS, NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR, 1 },
	{ ANNOUNCE_LINKS, NETLINK_ROUTE, RTNLGRP_IPV6_IFADDR, 1 },
	{ ANNOUNCE_LINKS, NETLINK_ROUTE, RTNLGRP_IPV4_ROUTE, 1 },
	{ ANNOUNCE_LINKS, NETLINK_ROUTE, RTNLGRP_IPV6_ROUTE, 1 },
	{ ANNOUNCE_TABLES, NETLINK_NETFILTER, NFNLGRP_NFTABLES, 2 },
};

static int open_socket(int *fd, int family)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	const int queue = QUEUE;

	*fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&own, sizeof own) < 0)
		return errno;
	if (setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) < 0)
		setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
	return 0;
}

int announce_open(struct announce *announce, unsigned what)
{
	int first = 0;

	*announce = (struct announce){ .fds = { -1, -1, -1 }, .buffer = malloc(BUFFER) };
	if (!announce->buffer)
		return ENOMEM;
	for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++) {
		int *fd = &announce->fds[groups[i].at], error = 0;

		if (!(groups[i].what & what))
			continue;
		if (*fd < 0)
			error = open_socket(fd, groups[i].family);
		if (!error && setsockopt(*fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i].group,
		                         sizeof groups[i].group) < 0)
			error = errno;
		if (groups[i].what & what & -what && !first)
			first = error;
	}
	return first;
}

void announce_close(struct announce *announce)
{
	for (unsigned i = 0; i < ANNOUNCE_SOCKETS; i++)
		if (announce->fds[i] >= 0)
			close(announce->fds[i]);
	free(announce->buffer);
	*announce = (struct announce){ .fds = { -1, -1, -1 } };
}

static struct endpoint endpoint_of(uint16_t family, const xfrm_address_t *address, uint16_t port)
{
	struct endpoint out = { .address.family = family, .port = ntohs(port) };

	memcpy(out.address.bytes, address, family == AF_INET6 ? 16 : 4);
	return out;
}

static void take_message(const struct nlmsghdr *header, const unsigned char *body,
                         announce_take *take, void *context)
{
	const size_t length = header->nlmsg_len - NLMSG_HDRLEN;
	struct xfrm_user_mapping mapping;
	struct endpoint from = { .port = 0 };

	if (header->nlmsg_type != XFRM_MSG_MAPPING || length < sizeof mapping) {
		take(context, 0, 0, &from);
		return;
	}
	memcpy(&mapping, body, sizeof mapping);
	if (mapping.id.family != AF_INET && mapping.id.family != AF_INET6)
		return;
	from = endpoint_of(mapping.id.family, &mapping.new_saddr, mapping.new_sport);
	take(context, mapping.reqid, ntohl(mapping.id.spi), &from);
}

static void take_packet(const unsigned char *packet, size_t length, bool xfrm, announce_take *take,
                        void *context)
{
	struct nlmsghdr header;
	size_t step;

	for (; length >= sizeof header; packet += step, length -= step) {
		memcpy(&header, packet, sizeof header);
		if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length)
			return;
		step = NLMSG_ALIGN((size_t)header.nlmsg_len);
		step = step < length ? step : length;
		if (!xfrm) /* other families use the numbers differently */
			header.nlmsg_type = NLMSG_MIN_TYPE;
		take_message(&header, packet + NLMSG_HDRLEN, take, context);
	}
}

void announce_read(struct announce *announce, int fd, announce_take *take, void *context)
{
	const struct endpoint none = { .port = 0 };
	struct sockaddr_nl from;
	socklen_t room = sizeof from;
	ssize_t length;

	while ((length = recvfrom(fd, announce->buffer, BUFFER, MSG_DONTWAIT,
	                          (struct sockaddr *)&from, &room)) >= 0 ||
	       errno == ENOBUFS || errno == EINTR) {
		if (length < 0)
			take(context, 0, 0, &none); /* some were lost */
		else if (room == sizeof from && from.nl_pid == 0)
			take_packet(announce->buffer, (size_t)length, fd == announce->fds[0], take,
			            context);
		room = sizeof from;
	}
	explicit_bzero(announce->buffer, BUFFER); /* an SA is announced with its keys */
}
