/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes as the answer of a STUN server; the request's transaction id is the one they claim. */
#include "../../helper/stun.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	unsigned char id[STUN_ID] = {0};
	struct stun_reply reply;

	if (length >= STUN_HEADER)
		memcpy(id, bytes + 8, sizeof id);
	if (!stun_parse(&reply, bytes, length, id))
		return 0;
	if (reply.error ? reply.error < 300 || reply.error > 699 || reply.mapped.port
	                : !reply.mapped.port || (reply.mapped.address.family != AF_INET && reply.mapped.address.family != AF_INET6))
		abort();
	id[0] ^= 1;
	if (stun_parse(&reply, bytes, length, id))
		abort();   /* another transaction's */
	return 0;
}
