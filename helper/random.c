/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "random.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <sys/random.h>

void random_fill(void *out, size_t length)
{
	unsigned char *p = out;

	while (length > 0) {
		ssize_t got = getrandom(p, length, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err(EXIT_BROKE, "getrandom");
		p += got;
		length -= (size_t)got;
	}
}
