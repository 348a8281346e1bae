#include "say.h"

#include <err.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool refuse(const char *where, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	if (where)
		warnx("%s: %s", where, what);
	else
		warnx("%s", what);
	return false;
}

const char *shown(const char *text)
{
	enum { SLOTS = 4, MOST = 60 };
	static char slots[SLOTS][MOST + sizeof "..."];
	static unsigned turn;
	static const char hex[] = "0123456789abcdef";
	char *out = slots[turn++ % SLOTS], *p = out;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= ' ' && c < 0x7f;

		if ((size_t)(p - out) + (plain ? 1 : 4) > MOST) {
			strcpy(p, "...");
			return out;
		}
		if (plain) {
			*p++ = (char)c;
		} else {
			*p++ = '\\';
			*p++ = 'x';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
	}
	*p = '\0';
	return out;
}
