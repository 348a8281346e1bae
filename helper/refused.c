/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Explains why ip refused rows of `up`. */
#include "check.h"
#include "say.h"
#include "up.h"

#include <string.h>

/* A more precise cause; NULL: none. SAID is without names. */
static const char *find_part(const char *said, enum page_function function)
{
	if (function == PAGE_LINK && (strstr(said, "evice type") || strstr(said, "upported")))
		return "this kernel has no xfrm interfaces: generate without --interface";
	if (strstr(said, "ncapsulation type"))
		return "this kernel has no espinudp-nonike: generate without --encap";
	return NULL;
}

int up_refused(const struct up *up, enum page_function function, const struct apply_result *result)
{
	const struct page *page = &up->keep->page;
	char unquoted[APPLY_SAID];
	const char *part;

	if (result->cause == APPLY_DONE)
		return EXIT_OK;
	apply_unquote(unquoted, result->said);
	part = find_part(unquoted, function);
	if (part)
		return up_stop(up, EXIT_NO_KERNEL, "%s (%s)", part, result->said);
	switch (result->cause) {
	case APPLY_PERMISSION:
		return up_stop(up, EXIT_BROKE, "no-permission: run this as root (%s)", result->said);
	case APPLY_NO_ESP:
	case APPLY_NO_CIPHER:
		if (check_takes_esp(up->keep))
			return up_stop(up, EXIT_NO_KERNEL,
				       "no-cipher: this kernel lacks %s: generate with another "
				       "--cipher (%s)",
				       page->cipher->name, result->said);
		return up_stop(up, EXIT_NO_KERNEL,
			       "no-esp: this kernel has no ESP: try modprobe esp%c (%s)",
			       page->family == AF_INET6 ? '6' : '4', result->said);
	case APPLY_TAKEN:
		return up_stop(up, EXIT_BROKE,
			       "taken: another tunnel has this SPI or selector: see ip xfrm state; ip "
			       "xfrm policy (%s)",
			       result->said);
	default:
		return up_stop(up, EXIT_BROKE, "ip: %s", result->said);
	}
}
