/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "special.h"
#include "say.h"

const struct special_range special_ranges[] = {
	{ { AF_INET, { 0 } }, 8, SPECIAL_UNSPECIFIED, "0.0.0.0/8" }, /* RFC 1122, section 3.2.1.3 */
	{ { AF_INET, { 127 } },
	  8,
	  SPECIAL_LOOPBACK,
	  "127.0.0.0/8" }, /* RFC 1122, section 3.2.1.3 */
	{ { AF_INET, { 224 } }, 4, SPECIAL_MULTICAST, "224.0.0.0/4" }, /* RFC 5771 */
	{ { AF_INET, { 255, 255, 255, 255 } },
	  32,
	  SPECIAL_BROADCAST,
	  "255.255.255.255/32" }, /* RFC 919, section 7 */
	{ { AF_INET, { 10 } }, 8, SPECIAL_PRIVATE, "10.0.0.0/8" }, /* RFC 1918 */
	{ { AF_INET, { 172, 16 } }, 12, SPECIAL_PRIVATE, "172.16.0.0/12" }, /* RFC 1918 */
	{ { AF_INET, { 192, 168 } }, 16, SPECIAL_PRIVATE, "192.168.0.0/16" }, /* RFC 1918 */
	{ { AF_INET, { 100, 64 } }, 10, SPECIAL_SHARED, "100.64.0.0/10" }, /* RFC 6598 */
	{ { AF_INET, { 169, 254 } }, 16, SPECIAL_LINK_LOCAL, "169.254.0.0/16" }, /* RFC 3927 */
	{ { AF_INET6, { 0 } }, 128, SPECIAL_UNSPECIFIED, "::/128" }, /* RFC 4291, section 2.5.2 */
	{ { AF_INET6, { [15] = 1 } },
	  128,
	  SPECIAL_LOOPBACK,
	  "::1/128" }, /* RFC 4291, section 2.5.3 */
	{ { AF_INET6, { 0xff } }, 8, SPECIAL_MULTICAST, "ff00::/8" }, /* RFC 4291, section 2.7 */
	{ { AF_INET6, { [10] = 0xff, 0xff } },
	  96,
	  SPECIAL_MAPPED,
	  "::ffff:0:0/96" }, /* RFC 4291, section 2.5.5.2 */
	{ { AF_INET6, { 0xfc } }, 7, SPECIAL_PRIVATE, "fc00::/7" }, /* RFC 4193 */
	{ { AF_INET6, { 0xfe, 0x80 } },
	  10,
	  SPECIAL_LINK_LOCAL,
	  "fe80::/10" }, /* RFC 4291, section 2.5.6 */
};
const size_t special_count = sizeof special_ranges / sizeof *special_ranges;

const struct special_range *special_find(const struct address *address)
{
	for (size_t i = 0; i < special_count; i++)
		if (address_within(address, &special_ranges[i].network, special_ranges[i].length))
			return &special_ranges[i];
	return NULL;
}

static enum special special_kind(const struct address *address)
{
	const struct special_range *range = special_find(address);

	return range ? range->kind : SPECIAL_NONE;
}

bool special_is_private(const struct address *address)
{
	return special_kind(address) >= SPECIAL_PRIVATE;
}

bool special_is_unusable(const struct address *address)
{
	enum special kind = special_kind(address);

	return kind != SPECIAL_NONE && kind < SPECIAL_PRIVATE;
}

bool special_check_unicast(const struct address *address, const char *text, const char *where)
{
	return !special_is_unusable(address) || special_kind(address) == SPECIAL_LOOPBACK ||
	       refuse(where, "address '%s': not a unicast address (expected the address of one "
	              "machine)", shown(text));
}
