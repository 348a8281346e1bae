/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "templates.h"
#include "say.h"

#include <err.h>
#include <string.h>

const char *template_text(const char *file)
{
	for (const struct template_file *each = template_files; each->name; each++)
		if (strcmp(each->name, file) == 0)
			return each->text;
	errx(EXIT_BROKE, "template: no file %s", file);
}
