/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Tunnel files. */
#include "../../helper/cipher.c"
#include "../../gen/config.c"
#include "../../gen/options.c"
#include "../../gen/path.c"
#include "../../gen/side.c"
#include "../../helper/text.c"
#include "../../helper/endpoint.c"
#include "../../helper/number.c"
#include "../../helper/prefix.c"
#include "../../helper/special.c"
#include "quiet.h"

struct side *tunnel_add_side(struct tunnel *tunnel)
{
	tunnel->sides = reallocarray(tunnel->sides, tunnel->side_count + 1, sizeof *tunnel->sides);
	tunnel->sides[tunnel->side_count] = (struct side){ 0 };
	return &tunnel->sides[tunnel->side_count++];
}

void tunnel_free(struct tunnel *tunnel)
{
	free(tunnel->sides);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	char *text = strndup((const char *)bytes, length);
	struct request request = { 0 };

	config_parse(&request, text, "fuzz");
	request_free(&request);
	free(text);
	return 0;
}
