/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Addresses and endpoints as people write them: 192.0.2.1, 192.0.2.1:4500, [2001:db8::1]:4500. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	sa_family_t family;       /* AF_INET or AF_INET6; AF_UNSPEC: there is none */
	unsigned char bytes[16];  /* network order; the first 4 for AF_INET, the rest zero */
};

struct endpoint {
	struct address address;
	uint16_t port;            /* host order; 0: there is none */
};

enum {
	ADDRESS_TEXT = 46,                  /* INET6_ADDRSTRLEN */
	ENDPOINT_TEXT = ADDRESS_TEXT + 8,   /* with brackets, colon and port */
};

/* Each parser takes the whole TEXT or refuses it with one line that begins with WHERE. */
bool address_parse(struct address *, const char *text, const char *where);
/* The same without a message, for text that may be secret. */
bool address_read(struct address *, const char *text);
bool port_parse(uint16_t *, const char *text, const char *where);
/* ADDR:PORT, or ADDR alone (port 0); an IPv6 address with a port, or without, in brackets. */
bool endpoint_parse(struct endpoint *, const char *text, const char *where);

/* Prints the address as `ip` does. Returns OUT. */
const char *address_print(char out[ADDRESS_TEXT], const struct address *);
/* ADDR:PORT or [ADDR]:PORT; without a port the address alone. */
const char *endpoint_print(char out[ENDPOINT_TEXT], const struct endpoint *);

/* Fills OUT and returns its length. */
socklen_t endpoint_to_sockaddr(struct sockaddr_storage *out, const struct endpoint *);
/* False for a family other than the two. */
bool endpoint_from_sockaddr(struct endpoint *, const struct sockaddr_storage *);

bool address_equal(const struct address *, const struct address *);
/* True if the address is in NETWORK, whose bits after the first LENGTH must be zero. */
bool address_within(const struct address *, const struct address *network, unsigned length);
/* 0.0.0.0 or ::, or no address. */
bool address_is_any(const struct address *);
bool endpoint_equal(const struct endpoint *, const struct endpoint *);

#endif
