/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* say.c without output, because a fuzzer causes millions of refusals. */
#include "say.h"

#include <err.h>
#include <stdlib.h>

bool refuse(const char *where, const char *format, ...)
{
	(void)where;
	(void)format;
	return false;
}

void warnx(const char *format, ...)
{
	(void)format;
}

const char *shown(const char *text)
{
	return text;
}
