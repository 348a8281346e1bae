/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

void say_open(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO)
		;
	close(fd);
}

/* ERROR is 0 or an errno. This does not set O_NONBLOCK, which other processes with the same open
 * file would get too. A pipe that is writable has room for a page, and a line is shorter. */
static void line_write(int error, const char *format, va_list arguments)
{
	struct pollfd stderr_room = { .fd = STDERR_FILENO, .events = POLLOUT };
	char what[512], line[640];
	int length;

	vsnprintf(what, sizeof what, format, arguments);
	length = snprintf(line, sizeof line, "%s: %s%s%s\n", program_invocation_short_name, what,
	                  error ? ": " : "", error ? strerror(error) : "");
	if (length >= (int)sizeof line)
		length = sizeof line - 1;
	if (poll(&stderr_room, 1, 0) == 1 && stderr_room.revents & POLLOUT)
		(void)!write(STDERR_FILENO, line, (size_t)length);
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_write(0, format, arguments);
	va_end(arguments);
}

void fail(int status, const char *format, ...)
{
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	line_write(error, format, arguments);
	va_end(arguments);
	exit(status);
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
