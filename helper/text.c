/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "text.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void reserve(struct text *text, size_t more)
{
	size_t room = text->room ? text->room : 256;
	char *bytes;

	if (text->length + more + 1 <= text->room)
		return;
	while (room < text->length + more + 1)
		room *= 2;
	/* not realloc(3): it may leave a copy behind */
	bytes = malloc(room);
	if (!bytes)
		err(EXIT_BROKE, "memory");
	bytes[0] = '\0';
	if (text->bytes) {
		memcpy(bytes, text->bytes, text->length + 1);
		explicit_bzero(text->bytes, text->room);
	}
	free(text->bytes);
	text->bytes = bytes;
	text->room = room;
}

void text_add(struct text *text, const char *bytes, size_t length)
{
	reserve(text, length);
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_hex(struct text *text, const unsigned char *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	char *to;

	reserve(text, 2 * count);
	to = text->bytes + text->length;
	for (size_t i = 0; i < count; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
	text->length += 2 * count;
}

void text_join(struct text *text, ...)
{
	const char *string;
	va_list strings;

	va_start(strings, text);
	while ((string = va_arg(strings, const char *)))
		text_add_string(text, string);
	va_end(strings);
}

void text_add_number(struct text *text, unsigned long long number)
{
	char digits[24], *p = digits + sizeof digits;

	do
		*--p = (char)('0' + number % 10);
	while (number /= 10);
	text_add(text, p, (size_t)(digits + sizeof digits - p));
}

char *text_printable(const char *string)
{
	char *copy = strdup(string);

	if (!copy)
		err(EXIT_BROKE, "memory");
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return copy;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hex_parse(unsigned char *out, size_t count, const char *text)
{
	return strncmp(text, "0x", 2) == 0 && hex_read(out, count, text + 2);
}

bool hex_read(unsigned char *out, size_t count, const char *digits)
{
	if (strlen(digits) != 2 * count)
		return false;
	for (size_t i = 0; i < count; i++) {
		int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void text_printf(struct text *text, const char *format, ...)
{
	enum { GUESS = 128 };
	va_list arguments;
	size_t room;
	int length;

	reserve(text, GUESS);
	room = text->room - text->length;
	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	if (length < 0)
		err(EXIT_BROKE, "printf");
	if ((size_t)length >= room) {
		text->bytes[text->length] = '\0';
		reserve(text, (size_t)length);
		va_start(arguments, format);
		vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
		va_end(arguments);
	}
	text->length += (size_t)length;
}

bool text_read(struct text *text, int fd, size_t most)
{
	for (;;) {
		ssize_t got;

		reserve(text, 4096);
		got = read(fd, text->bytes + text->length, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		text->length += (size_t)got;
		text->bytes[text->length] = '\0';
		if (text->length > most) {
			errno = EFBIG;
			return false;
		}
		if (got == 0)
			return true;
	}
}

bool text_write(const struct text *text, int fd)
{
	for (size_t done = 0; done < text->length;) {
		ssize_t written = write(fd, text->bytes + done, text->length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		done += (size_t)written;
	}
	return true;
}

void text_empty(struct text *text)
{
	if (text->bytes)
		explicit_bzero(text->bytes, text->room);
	text->length = 0;
}

void text_free(struct text *text)
{
	if (text->bytes)
		explicit_bzero(text->bytes, text->room);
	free(text->bytes);
	*text = (struct text){ 0 };
}
