/* The files of templates/ with their holes filled.
 *
 *     @name@             the value `name`, whose own holes are filled too
 *     #% each LIST       the lines up to the matching end, once per item of LIST
 *     #% if NAME         ... only when the value is not empty, or the list not without items
 *     #% if not NAME     ... only when it is
 *     #% end
 *     #% let NAME TEXT   from here on `name` is TEXT, which may be empty; its holes are filled where it is used
 *     #% include FILE    the lines of templates/FILE
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "text.h"

/* Values and lists by name; a list's items are scopes that see what is around them.  Names are literals: they are kept
 * as they are. */
struct scope;

struct scope *scope_new(void);
void scope_set(struct scope *, const char *name, const char *value);
/* For a value that lives as long as the scope: it is not copied. */
void scope_set_literal(struct scope *, const char *name, const char *value);
void scope_set_number(struct scope *, const char *name, unsigned);
/* Nothing secret, and at most 255 bytes. */
void scope_printf(struct scope *, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A new item at the end of LIST; it belongs to SCOPE. */
struct scope *scope_add(struct scope *, const char *list);
/* The same, for an item that sees what AROUND, another scope of that root, sees. */
struct scope *scope_add_within(struct scope *, const char *list, const struct scope *around);
/* Wipes and frees the scope that scope_new() made, with all in it; takes NULL. */
void scope_free(struct scope *);

/* Adds templates/FILE to OUT.  A hole without a value, or one that holds itself, is a mistake in the program: status 1. */
void template_render(struct text *out, const char *file, const struct scope *);

/* templates/, put into the program by the Makefile; the last has no name. */
struct template_file {
	const char *name;  /* "script.sh", "program/core.sh" */
	const char *text;
};
extern const struct template_file template_files[];
/* The text of templates/FILE as it stands. */
const char *template_text(const char *file);

#endif
