/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The packets of two natprobes that punch: bytes in, struct out, no sockets.
 *
 *  0  4 zero bytes: the non-ESP marker (RFC 3948, section 2.2), with which the kernel passes the
 *     packet on even to a socket that decapsulates
 *  4  "hole"
 *  8  the version: 2 is a hello; 3 tests the path, and may be longer, padded with zeros
 *  9  of a test: HELLO_CHECKED and the other flags, and in 10 and 11 the length of the longest IP
 *     packet received from the reader without a UDP checksum; of a hello: zeros
 * 12  the writer's id: random, never 0
 * 20  the id received last, 0 for none: the reader's own id tells it that it was received
 * 28  the first 16 bytes of HMAC-SHA-256 over everything before, with the token as key
 *
 * The order of the ids is the direction: a reflected hello has our own id first. A replayed one
 * does not have the id that we chose for this run. A natprobe from before version 3 silently drops
 * tests. */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELLO_LENGTH = 44, HELLO_MAC = 28 /* its offset */ };

/* Flags of a test: this packet has a UDP checksum; the writer has received packets from the reader
 * with one, or without one. */
enum { HELLO_CHECKED = 1, HELLO_GOT_CHECKED = 2, HELLO_GOT_BARE = 4 };

struct hello {
	uint64_t id, heard;
	bool is_test;
	unsigned char flags;   /* of a test, else 0 */
	uint16_t longest;      /* of a test, else 0; bytes */
};

struct hello_key {
	const void *bytes;
	size_t length;   /* 0: none, so anyone can compute the MAC */
};

void hello_write(unsigned char out[HELLO_LENGTH], const struct hello *, struct hello_key);
/* False unless the bytes have exactly the format of a hello or a test. */
bool hello_parse(struct hello *, const unsigned char *bytes, size_t length);
/* True if a packet of that format was written with this key. Runs in constant time. */
bool hello_genuine(const unsigned char bytes[HELLO_LENGTH], struct hello_key);

/* True for a packet that only a tunnel sends: ESP, or the keepalive of one byte 0xff (RFC 3948,
 * sections 2.1 and 2.3). */
bool hello_is_tunnel(const unsigned char *bytes, size_t length);

#endif
