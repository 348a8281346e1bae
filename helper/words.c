/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "words.h"

#include <string.h>

size_t words_split(char *line, char **words, size_t most)
{
	static const char blanks[] = " \t\n";
	size_t count = 0;

	for (char *rest = line + strspn(line, blanks); *rest; count++) {
		char *end = rest + strcspn(rest, blanks);

		if (count < most)
			words[count] = rest;
		rest = end + strspn(end, blanks);
		*end = '\0';
	}
	return count;
}
