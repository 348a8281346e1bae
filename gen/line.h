/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Lines of words for `ip -batch` and the shell, which backslashes may continue. */
#ifndef LINE_H
#define LINE_H

#include "text.h"

/* Maximum line length, if the words allow it. */
enum { LINE_COLUMNS = 100 };

/* Adds the words of a line after INDENT, without a final newline, in lines of LINE_COLUMNS. FOLD,
 * which contains one newline, joins them. A template begins a new line, because people read it
 * separately. Returns the text after the line. */
const char *line_fold(struct text *, const char *indent, const char *fold, const char *line);
/* Adds the words of a line as arguments of a shell command, each after a blank. Only names of
 * algorithms need quotes, because of their parentheses. */
void line_quote(struct text *, const char *line);

#endif
