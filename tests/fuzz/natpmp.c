/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Any bytes as a router's answer to NAT-PMP. */
#include "../../helper/pcp.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct pcp_asked asked = {.local = {.address = {.family = AF_INET}, .port = 61525}};
	struct pcp_answer answer;
	bool address = natpmp_address_parse(&answer, bytes, length);

	if (address && (answer.result > PCP_OTHER || answer.mapped.port ||
	                (answer.result == PCP_SUCCESS) != (answer.mapped.address.family == AF_INET)))
		abort();
	if (!natpmp_map_parse(&answer, bytes, length, &asked))
		return 0;
	if (address || answer.result > PCP_OTHER || answer.mapped.address.family || (answer.result != PCP_SUCCESS && answer.mapped.port))
		abort();
	asked.local.port ^= 1;
	if (answer.result == PCP_SUCCESS && natpmp_map_parse(&answer, bytes, length, &asked))
		abort();   /* another port's */
	return 0;
}
