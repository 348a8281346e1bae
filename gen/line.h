/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Lines of words, as `ip -batch` and the shell read them.  Backslashes may have folded them. */
#ifndef LINE_H
#define LINE_H

#include "text.h"

/* The longest line, if its words allow that. */
enum { LINE_COLUMNS = 100 };

/* Adds the words of a line behind INDENT, without a newline, in lines of LINE_COLUMNS.  FOLD joins
 * these and has one newline.  A template begins a line, because it is read on its own.  Returns
 * what is behind the line. */
const char *line_fold(struct text *, const char *indent, const char *fold, const char *line);
/* Adds the words of a line as arguments of a shell's command, a blank before each.  Only names of
 * algorithms need quotes, because of their parentheses. */
void line_quote(struct text *, const char *line);

#endif
