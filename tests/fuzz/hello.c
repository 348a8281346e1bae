/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes on the punching socket. */
#include "../../helper/hello.c"
#include "../../helper/sha256.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	unsigned char again[HELLO_LENGTH];
	const struct hello_key key = {"fuzz", 4};
	struct hello hello;
	bool tunnel = hello_is_tunnel(bytes, length);

	if (!hello_parse(&hello, bytes, length))
		return 0;
	if (tunnel || !hello.id)
		abort();
	hello_write(again, &hello, key);
	if (length < sizeof again || (!hello.is_test && length != sizeof again) || memcmp(bytes, again, HELLO_MAC) != 0 || !hello_genuine(again, key) ||
	    hello_genuine(bytes, key) != (memcmp(bytes, again, sizeof again) == 0))
		abort();
	return 0;
}
