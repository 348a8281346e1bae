#include "hello.h"

#include <endian.h>
#include <string.h>

static const unsigned char head[12] = {0, 0, 0, 0, 'h', 'o', 'l', 'e', 1, 0, 0, 0};

static void put64(unsigned char *out, uint64_t value)
{
	value = htobe64(value);
	memcpy(out, &value, sizeof value);
}

static uint64_t get64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof value);
	return be64toh(value);
}

void hello_write(unsigned char out[HELLO_LENGTH], const struct hello *hello)
{
	memcpy(out, head, sizeof head);
	put64(out + 12, hello->id);
	put64(out + 20, hello->heard);
	put64(out + 28, hello->token);
}

bool hello_parse(struct hello *out, const unsigned char *bytes, size_t length)
{
	memset(out, 0, sizeof *out);
	if (length != HELLO_LENGTH || memcmp(bytes, head, sizeof head) != 0)
		return false;
	out->id = get64(bytes + 12);
	out->heard = get64(bytes + 20);
	out->token = get64(bytes + 28);
	return out->id != 0;
}

uint64_t hello_token(const char *word)
{
	uint64_t hash = 0xcbf29ce484222325;

	if (!word)
		return 0;
	for (; *word; word++)
		hash = (hash ^ (unsigned char)*word) * 0x100000001b3;
	return hash;
}

bool hello_is_tunnel(const unsigned char *bytes, size_t length)
{
	static const unsigned char marker[4];

	return length > 8 ? memcmp(bytes, marker, sizeof marker) != 0 : length == 1 && bytes[0] == 0xff;
}
