/* Tunnel files. */
#include "../../gen/cipher.c"
#include "../../gen/config.c"
#include "../../gen/options.c"
#include "../../gen/path.c"
#include "../../gen/side.c"
#include "../../gen/settings.c"
#include "../../gen/text.c"
#include "../../helper/endpoint.c"
#include "../../helper/number.c"
#include "../../helper/special.c"
#include "quiet.h"

struct side *tunnel_add_side(struct tunnel *tunnel)
{
	tunnel->sides = reallocarray(tunnel->sides, tunnel->side_count + 1, sizeof *tunnel->sides);
	tunnel->sides[tunnel->side_count] = (struct side){ 0 };
	return &tunnel->sides[tunnel->side_count++];
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	char *text = strndup((const char *)bytes, length);
	static struct options options;
	struct tunnel tunnel = { 0 };

	memset(options.value, 0, sizeof options.value);
	config_parse(&tunnel, &options, text, "fuzz");
	free(tunnel.sides);
	free(text);
	return 0;
}
