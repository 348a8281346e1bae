/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes as a router's answer to PCP; the nonce is the one they claim. */
#include "../../helper/pcp.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct pcp_asked asked = {.local = {.address = {.family = AF_INET}, .port = 61525}};
	struct pcp_answer answer;
	bool version;

	if (length >= PCP_MAP)
		memcpy(asked.nonce, bytes + 24, sizeof asked.nonce);
	if (!pcp_map_parse(&answer, bytes, length, &asked))
		return 0;
	version = answer.result == PCP_VERSION;
	if (answer.result > PCP_OTHER || length < 8 || (answer.result == PCP_SUCCESS) != (answer.mapped.address.family != 0) ||
	    (answer.result != PCP_SUCCESS && answer.mapped.port))
		abort();
	asked.nonce[0] ^= 1;
	if (pcp_map_parse(&answer, bytes, length, &asked) && !version)
		abort();   /* another's */
	asked.nonce[0] ^= 1;
	asked.local.port ^= 1;
	if (pcp_map_parse(&answer, bytes, length, &asked) && !version)
		abort();
	return 0;
}
