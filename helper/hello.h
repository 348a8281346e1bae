/* What two natprobes say to each other while they punch: bytes in, struct out, no sockets.
 *
 *      0  4 zero bytes: the non-ESP marker (RFC 3948, section 2.2), so that an encapsulation socket hands it up
 *      4  "hole", 1 (the version), 3 zero bytes
 *     12  who speaks: random, never 0
 *     20  who was heard last, 0 for nobody: "I have heard YOU" is the reader's own id here
 *     28  which tunnel: a hash of --token, 0 without
 *
 * It keeps tunnels and strays apart and proves nothing: that is ESP's work. */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELLO_LENGTH = 36 };

struct hello {
	uint64_t id, heard, token;
};

void hello_write(unsigned char out[HELLO_LENGTH], const struct hello *);
/* False for all that is not exactly a hello of this version. */
bool hello_parse(struct hello *, const unsigned char *bytes, size_t length);
/* The hash of WORD (64-bit FNV-1a); 0 for NULL. */
uint64_t hello_token(const char *word);

/* True for what only a tunnel sends: ESP, or the keepalive of one byte 0xff (RFC 3948, sections 2.1 and 2.3). */
bool hello_is_tunnel(const unsigned char *bytes, size_t length);

#endif
