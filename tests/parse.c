/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* parse FILE: parses these bytes as natprobe does, as the answer to a request with their own transaction id. */
#include "../helper/endpoint.c"
#include "../helper/number.c"
#include "../helper/say.c"
#include "../helper/stun.c"

int main(int argc, char **argv)
{
	unsigned char bytes[2048];
	char text[ENDPOINT_TEXT];
	struct stun_reply reply;
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	size_t length = file ? fread(bytes, 1, sizeof bytes, file) : 0;

	if (length < STUN_HEADER || !stun_parse(&reply, bytes, length, bytes + 8))
		puts("refused");
	else if (reply.error)
		printf("error %u\n", reply.error);
	else
		puts(endpoint_print(text, &reply.mapped));
	return 0;
}
