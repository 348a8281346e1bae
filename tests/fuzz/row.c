/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A row of a policy or a state: what is read can be printed and read again.
 * Linked with: helper/xfrm.c helper/xfrm_parse.c helper/cipher.c helper/prefix.c helper/endpoint.c
 * helper/number.c helper/special.c helper/text.c */
#include "quiet.h"
#include "xfrm.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static void join(char *row)
{
	for (char *end; (end = strstr(row, " \\\n"));)
		memset(end, ' ', strlen(" \\\n"));
	row[strcspn(row, "\n")] = '\0';
}

static void check_policy(char *row)
{
	const struct names names = { .indexes = true };
	struct text once = { 0 }, twice = { 0 };
	struct policy policy, again;

	if (!policy_parse(&policy, row, "fuzz"))
		return;
	policy_print(&once, &policy, &names);
	policy_print(&twice, &policy, &names);
	join(once.bytes);
	if (!policy_parse(&again, once.bytes, "fuzz") || !policy_equal(&policy, &again) ||
	    policy.index != again.index)
		abort();
	text_free(&once);
	policy_print(&once, &again, &names);
	if (strcmp(once.bytes, twice.bytes) != 0)
		abort();
	text_free(&once);
	text_free(&twice);
}

static void check_state(char *row)
{
	struct text once = { 0 }, twice = { 0 };
	struct state state, again;
	struct names names = { .numbers = true };

	if (!state_parse(&state, row, "fuzz"))
		return;
	names.peer = state.epoch ? "b" : NULL;
	state_print(&once, &state, &names);
	state_print(&twice, &state, &names);
	join(once.bytes);
	if (!state_parse(&again, once.bytes, "fuzz") || state.outbound != again.outbound ||
	    memcmp(state.key, again.key, sizeof state.key) != 0)
		abort();
	text_free(&once);
	state_print(&once, &again, &names);
	if (strcmp(once.bytes, twice.bytes) != 0)
		abort();
	text_free(&once);
	text_free(&twice);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	char *row = strndup((const char *)bytes, length), *copy = strdup(row);

	join(row);
	join(copy);
	check_policy(row);
	check_state(copy);
	free(row);
	free(copy);
	return 0;
}
