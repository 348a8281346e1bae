/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Netlink: one request, and the messages of its answer (RFC 3549, section 2). */
#ifndef NETLINK_H
#define NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
	int fd;
	uint32_t port;         /* ours, which answers carry */
	uint32_t sequence;     /* of the last question */
	unsigned char *buffer; /* wiped at the end, because a dump of SAs has their keys */
};

/* A question: a fixed part, then attributes. */
struct netlink_request {
	struct nlmsghdr header;
	unsigned char bytes[496];
};

/* Opens a socket of that family, such as NETLINK_XFRM. Returns 0 or an errno; close it in both
 * cases. */
int netlink_open(struct netlink *, int family);
void netlink_close(struct netlink *);

void netlink_begin(struct netlink_request *, uint16_t type, const void *fixed, size_t length);
/* An attribute that does not fit is left out; the requests of these programs are small. */
void netlink_add(struct netlink_request *, uint16_t type, const void *value, size_t length);

/* Called with each message of an answer: its type, and the bytes after its header. */
typedef void netlink_take(void *context, uint16_t type, const unsigned char *body, size_t length);

/* Requests one object and passes the answer to TAKE. Returns 0 or an errno, the kernel's
 * included. */
int netlink_ask(struct netlink *, struct netlink_request *, netlink_take *, void *context);
/* Requests all objects of a kind. If the kernel reports that they changed meanwhile, or that its
 * answer did not fit, it calls RESTART to drop what was taken, and starts again. Returns EINTR if
 * they keep changing. */
int netlink_dump(struct netlink *, struct netlink_request *, netlink_take *,
		 void (*restart)(void *context), void *context);

/* What netlink_dump() does with one packet: false when the dump has ended; then *ERROR is 0 or an
 * errno. */
bool netlink_packet(const unsigned char *packet, size_t length, const struct netlink *,
		    netlink_take *, void *context, int *error);

struct netlink_attributes {
	const unsigned char *at, *end;
};

struct netlink_attribute {
	uint16_t type;
	const unsigned char *value; /* not aligned */
	size_t length;
};

/* The attributes after the FIXED bytes of a message's body. */
struct netlink_attributes netlink_attributes(const unsigned char *body, size_t length,
                                             size_t fixed);
/* Gets the next attribute; false at the end, or if the lengths are wrong. */
bool netlink_next(struct netlink_attributes *, struct netlink_attribute *);
/* Copies the value into OUT, up to SIZE bytes; false, and OUT as it was, if it has fewer. */
bool netlink_copy(const struct netlink_attribute *, void *out, size_t size);

#endif
