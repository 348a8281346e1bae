/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	BUFFER = 1 << 16, /* bytes: the kernel fills at most 32 KiB at a time */
	TRIES = 8,        /* tries of a dump, while the objects change */
	WAIT = 10,        /* seconds for an answer */
};

int netlink_open(struct netlink *netlink, int family)
{
	const struct timeval wait = { .tv_sec = WAIT };
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof own;
	const int on = 1;

	*netlink = (struct netlink){ .fd = -1 };
	netlink->buffer = malloc(BUFFER);
	if (!netlink->buffer)
		return ENOMEM;
	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
	if (netlink->fd < 0)
		return errno;
	if (bind(netlink->fd, (struct sockaddr *)&own, sizeof own) < 0 ||
	    getsockname(netlink->fd, (struct sockaddr *)&own, &length) < 0 ||
	    setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
		return errno;
	netlink->port = own.nl_pid;
	/* Kernels from 4.20 on filter a dump of routes; older ones send all. */
	setsockopt(netlink->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->buffer)
		explicit_bzero(netlink->buffer, BUFFER);
	free(netlink->buffer);
	if (netlink->fd >= 0)
		close(netlink->fd);
	*netlink = (struct netlink){ .fd = -1 };
}

void netlink_begin(struct netlink_request *request, uint16_t type, const void *fixed, size_t length)
{
	*request = (struct netlink_request){ .header.nlmsg_type = type };
	memcpy(request->bytes, fixed, length);
	request->header.nlmsg_len = (uint32_t)NLMSG_SPACE(length);
}

void netlink_add(struct netlink_request *request, uint16_t type, const void *value, size_t length)
{
	const struct rtattr attribute = { .rta_type = type,
					  .rta_len = (uint16_t)RTA_LENGTH(length) };
	unsigned char *at = request->bytes + request->header.nlmsg_len - NLMSG_HDRLEN;

	if (request->header.nlmsg_len + RTA_SPACE(length) > sizeof *request)
		return;
	memcpy(at, &attribute, sizeof attribute);
	memcpy(at + RTA_LENGTH(0), value, length);
	request->header.nlmsg_len += (uint32_t)RTA_SPACE(length);
}

/* The errno in an error message, or at the end of a dump; 0: none. */
static int error_of(const unsigned char *body, size_t length)
{
	int error = 0;

	if (length >= sizeof error)
		memcpy(&error, body, sizeof error);
	return error < 0 && error > -4096 ? -error : 0;
}

bool netlink_packet(const unsigned char *packet, size_t length, const struct netlink *netlink,
		    netlink_take *take, void *context, int *error)
{
	struct nlmsghdr header;
	size_t step;

	for (; length >= sizeof header; packet += step, length -= step) {
		const unsigned char *body = packet + NLMSG_HDRLEN;

		memcpy(&header, packet, sizeof header);
		if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length) {
			*error = EBADMSG;
			return false;
		}
		step = NLMSG_ALIGN((size_t)header.nlmsg_len);
		step = step < length ? step : length;
		if (header.nlmsg_seq != netlink->sequence || header.nlmsg_pid != netlink->port)
			continue; /* the rest of an abandoned dump */
		if (header.nlmsg_flags & NLM_F_DUMP_INTR)
			*error = EINTR;
		if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
			int ended = error_of(body, header.nlmsg_len - NLMSG_HDRLEN);

			*error = ended ? ended : *error;
			return false;
		}
		if (header.nlmsg_type >= NLMSG_MIN_TYPE)
			take(context, header.nlmsg_type, body, header.nlmsg_len - NLMSG_HDRLEN);
		if (!(header.nlmsg_flags & NLM_F_MULTI))
			return false;
	}
	return true;
}

static int send_request(struct netlink *netlink, struct netlink_request *request, unsigned flags)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header.nlmsg_seq = ++netlink->sequence;
	while (sendto(netlink->fd, request, request->header.nlmsg_len, 0,
		      (const struct sockaddr *)&kernel, sizeof kernel) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Handles one packet; false at the end of the answer, with *ERROR. */
static bool receive(struct netlink *netlink, netlink_take *take, void *context, int *error)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { netlink->buffer, BUFFER };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1
	};
	ssize_t length = recvmsg(netlink->fd, &message, 0);

	if (length < 0 && errno == EINTR)
		return true;
	if (length < 0 &&
	    errno == ENOBUFS) { /* messages were lost; nevertheless read to the end */
		*error = ENOBUFS;
		return true;
	}
	if (length < 0 || message.msg_flags & MSG_TRUNC) {
		*error = length < 0 ? errno : EMSGSIZE;
		return false;
	}
	if (message.msg_namelen != sizeof from || from.nl_pid != 0)
		return true; /* not from the kernel */
	return netlink_packet(netlink->buffer, (size_t)length, netlink, take, context, error);
}

int netlink_ask(struct netlink *netlink, struct netlink_request *request, netlink_take *take,
		void *context)
{
	int error = send_request(netlink, request, 0);

	if (error)
		return error;
	while (receive(netlink, take, context, &error))
		;
	return error;
}

int netlink_dump(struct netlink *netlink, struct netlink_request *request, netlink_take *take,
		 void (*restart)(void *context), void *context)
{
	int error = 0;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		restart(context);
		error = send_request(netlink, request, NLM_F_DUMP);
		if (error)
			break;
		/* Reads to the end in any case, because the kernel starts no other dump before. */
		while (receive(netlink, take, context, &error))
			;
		if (error != EINTR && error != ENOBUFS)
			break;
	}
	if (error)
		restart(context);
	return error;
}

struct netlink_attributes netlink_attributes(const unsigned char *body, size_t length,
                                             size_t fixed)
{
	size_t skip = NLMSG_ALIGN(fixed) < length ? NLMSG_ALIGN(fixed) : length;

	return (struct netlink_attributes){ body + skip, body + length };
}

bool netlink_next(struct netlink_attributes *list, struct netlink_attribute *out)
{
	struct rtattr attribute;
	size_t left = (size_t)(list->end - list->at), step;

	if (left < sizeof attribute)
		return false;
	memcpy(&attribute, list->at, sizeof attribute);
	if (attribute.rta_len < sizeof attribute || attribute.rta_len > left)
		return false;
	step = RTA_ALIGN((size_t)attribute.rta_len);
	*out = (struct netlink_attribute){
		.type = (uint16_t)(attribute.rta_type & (unsigned)NLA_TYPE_MASK),
		.value = list->at + RTA_LENGTH(0),
		.length = attribute.rta_len - RTA_LENGTH(0),
	};
	list->at += step < left ? step : left;
	return true;
}

bool netlink_copy(const struct netlink_attribute *attribute, void *out, size_t size)
{
	if (attribute->length < size)
		return false;
	memcpy(out, attribute->value, size);
	return true;
}
