/* Any bytes on the punching socket. */
#include "../../helper/hello.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	unsigned char again[HELLO_LENGTH];
	struct hello hello;
	bool tunnel = hello_is_tunnel(bytes, length);

	if (!hello_parse(&hello, bytes, length))
		return 0;
	if (tunnel || !hello.id)
		abort();
	hello_write(again, &hello);
	if (length != sizeof again || memcmp(bytes, again, sizeof again) != 0)
		abort();
	return 0;
}
