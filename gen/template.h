/* The text of templates/ with its holes filled.
 *
 *     @name@           the value `name`
 *     #% each LIST     the lines up to the matching end, once per item of LIST
 *     #% if NAME       ... only when the value is not empty, or the list not without items
 *     #% if not NAME   ... only when it is
 *     #% end
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "text.h"

/* Values and lists by name; a list's items are scopes that see what is around them. */
struct scope;

struct scope *scope_new(void);
void scope_set(struct scope *, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A new item at the end of LIST; it belongs to SCOPE. */
struct scope *scope_add(struct scope *, const char *list);
/* Wipes and frees all of it; takes NULL. */
void scope_free(struct scope *);

/* Adds TEMPLATE to OUT.  A hole without a value is a mistake in the program: status 1. */
void template_render(struct text *out, const char *template, const struct scope *);

/* The files of templates/, put into the program by the Makefile. */
extern const char template_script[];
extern const char template_paste[];

#endif
