/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Endpoint strings. */
#include "../../gen/side.c"
#include "../../helper/text.c"
#include "../../helper/endpoint.c"
#include "../../helper/number.c"
#include "../../helper/prefix.c"
#include "../../helper/special.c"
#include "quiet.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	char *token = strndup((const char *)bytes, length);
	struct side side = { .where = "side 1" };
	char local[OUTER_TEXT], mapped[OUTER_TEXT], net[NET_TEXT], public[PUBLIC_TEXT];

	if (side_parse(&side, token)) {
		/* what was taken can be written and read again */
		char again[16384];
		struct side copy = { .where = "again" };
		int used = snprintf(again, sizeof again, "%s%s%s", side.name, side.name[0] ? "=" : "", local_print(local, &side));

		if (side.behind_nat)
			used += snprintf(again + used, sizeof again - (size_t)used, "@%s", mapped_print(mapped, &side));
		for (size_t i = 0; i < side.net_count; i++)
			used += snprintf(again + used, sizeof again - (size_t)used, "+%s", net_print(net, &side.nets[i]));
		if (side.has_public) {
			/* of a key there is one way to write it */
			if (strcmp(public_print(public, side.public), strchr(token, '#') + 1) != 0)
				abort();
			used += snprintf(again + used, sizeof again - (size_t)used, "#%s", public);
		}
		if (strlen(again) < 4096 && (!side_parse(&copy, again) || copy.net_count != side.net_count ||
		    !endpoint_equal(&copy.local, &side.local) || !endpoint_equal(&copy.mapped, &side.mapped) ||
		    strcmp(copy.mapped_name, side.mapped_name) != 0 || copy.has_public != side.has_public ||
		    memcmp(copy.public, side.public, sizeof copy.public) != 0))
			abort();
		/* an address that is not known is a word, and is of a family */
		if (address_is_any(&side.mapped.address) != (side.mapped_name[0] != '\0') || !side.local.address.family ||
		    side.mapped.address.family != side.local.address.family)
			abort();
	}
	free(token);
	return 0;
}
