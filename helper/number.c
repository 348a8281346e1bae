/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "number.h"

bool number_parse(unsigned long long *out, const char *text, unsigned long long least,
                  unsigned long long most)
{
	unsigned long long number = 0;

	if (!text[0] || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		unsigned digit = (unsigned)*text - '0';

		if (digit > 9 || number > most / 10 || digit > most - number * 10)
			return false;
		number = number * 10 + digit;
	}
	if (number < least)
		return false;
	*out = number;
	return true;
}

char *number_print(char *end, unsigned number)
{
	if (number >= 10)
		end = number_print(end, number / 10);
	*end++ = (char)('0' + number % 10);
	return end;
}
