/* Tokens that people write for a side. */
#include "../../gen/side.c"
#include "../../gen/text.c"
#include "../../helper/endpoint.c"
#include "../../helper/number.c"
#include "../../helper/special.c"
#include "quiet.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	char *token = strndup((const char *)bytes, length);
	struct side side = { .where = "side 1" };
	char local[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT], net[PREFIX_TEXT];

	if (side_parse(&side, token)) {
		/* what was taken can be written and read again */
		char again[16384];
		struct side copy = { .where = "again" };
		int used = snprintf(again, sizeof again, "%s%s%s", side.name, side.name[0] ? "=" : "", endpoint_print(local, &side.local));

		if (side.behind_nat)
			used += snprintf(again + used, sizeof again - (size_t)used, "@%s", endpoint_print(mapped, &side.mapped));
		for (size_t i = 0; i < side.net_count; i++)
			used += snprintf(again + used, sizeof again - (size_t)used, "+%s", prefix_print(net, &side.nets[i]));
		if (strlen(again) < 4096 && (!side_parse(&copy, again) || copy.net_count != side.net_count ||
		    !endpoint_equal(&copy.local, &side.local) || !endpoint_equal(&copy.mapped, &side.mapped)))
			abort();
	}
	free(token);
	return 0;
}
