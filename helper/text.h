/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* A growing string that may contain keys: freed memory is wiped first. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes;    /* NUL-terminated once anything was added; NULL before */
	size_t length;  /* without the NUL */
	size_t room;
};

/* All end the program with status 1 if there is no memory. */
void text_add(struct text *, const char *bytes, size_t length);
void text_add_string(struct text *, const char *);
/* Adds all of them; the last one is NULL. */
void text_join(struct text *, ...) __attribute__((sentinel));
/* In decimal. */
void text_add_number(struct text *, unsigned long long);
void text_add_hex(struct text *, const unsigned char *bytes, size_t count);
void text_printf(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reads all of the open file FD; false, with errno, when it cannot be read or is larger than
 * MOST bytes (EFBIG). */
bool text_read(struct text *, int fd, size_t most);
/* Writes it to the open file FD; false, with errno, if it was not written completely. */
bool text_write(const struct text *text, int fd);
/* Wipes it, and keeps the memory. */
void text_empty(struct text *);
/* Wipes and frees; takes an empty text too. */
void text_free(struct text *);

/* A copy without control characters, which could change a terminal; to be freed. */
char *text_printable(const char *);

/* Of a digit in lower case; -1: it is none. */
int hex_digit(char);
/* 0x and exactly 2 * COUNT lower-case digits; the kernel's ip takes anything else as text. */
bool hex_parse(unsigned char *out, size_t count, const char *text);
/* The same without 0x. */
bool hex_read(unsigned char *out, size_t count, const char *digits);

#endif
