#include "template.h"
#include "say.h"

#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value (text), or an item of a list (scope), in the order of setting. */
struct entry {
	const char *name;
	struct text text;
	struct scope *scope;
};

struct scope {
	const struct scope *around;
	struct entry *entries;
	size_t count;
};

struct scope *scope_new(void)
{
	struct scope *scope = calloc(1, sizeof *scope);

	if (!scope)
		err(EXIT_BROKE, "memory");
	return scope;
}

static struct entry *new_entry(struct scope *scope, const char *name)
{
	struct entry *entries = reallocarray(scope->entries, scope->count + 1, sizeof *entries);

	if (!entries)
		err(EXIT_BROKE, "memory");
	scope->entries = entries;
	entries[scope->count] = (struct entry){ .name = name };
	return &entries[scope->count++];
}

void scope_set(struct scope *scope, const char *name, const char *format, ...)
{
	struct entry *entry = new_entry(scope, name);
	char *value;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0)
		err(EXIT_BROKE, "memory");
	text_add(&entry->text, value, (size_t)length);
	explicit_bzero(value, (size_t)length);
	free(value);
}

struct scope *scope_add(struct scope *scope, const char *list)
{
	struct entry *entry = new_entry(scope, list);

	entry->scope = scope_new();
	entry->scope->around = scope;
	return entry->scope;
}

void scope_free(struct scope *scope)
{
	if (!scope)
		return;
	for (size_t i = 0; i < scope->count; i++) {
		text_free(&scope->entries[i].text);
		scope_free(scope->entries[i].scope);
	}
	free(scope->entries);
	free(scope);
}

static bool is_named(const struct entry *entry, const char *name, size_t length)
{
	return strncmp(entry->name, name, length) == 0 && !entry->name[length];
}

/* The innermost entry of that name. */
static const struct entry *find(const struct scope *scope, const char *name, size_t length)
{
	for (; scope; scope = scope->around)
		for (size_t i = 0; i < scope->count; i++)
			if (is_named(&scope->entries[i], name, length))
				return &scope->entries[i];
	return NULL;
}

static void render_line(struct text *out, const char *line, size_t length, const struct scope *scope)
{
	const char *end = line + length;

	while (line < end) {
		const char *hole = memchr(line, '@', (size_t)(end - line));
		const struct entry *entry;
		size_t name;

		if (!hole) {
			text_add(out, line, (size_t)(end - line));
			return;
		}
		text_add(out, line, (size_t)(hole - line));
		line = hole + 1;
		name = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
		if (!name || line[name] != '@') {
			text_add(out, "@", 1);
			continue;
		}
		entry = find(scope, line, name);
		if (!entry)
			errx(EXIT_BROKE, "template: no value for @%.*s@", (int)name, line);
		text_add(out, entry->text.bytes, entry->text.length);
		line += name + 1;
	}
}

static const char *next_line(const char *line)
{
	const char *newline = strchr(line, '\n');

	return newline ? newline + 1 : line + strlen(line);
}

/* The word after PREFIX when the line is that directive, else NULL. */
static const char *directive(const char *line, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(line, prefix, length) == 0 ? line + length : NULL;
}

/* Renders up to the end of the text or the directive that ends this block; gives what follows. */
static const char *render_block(struct text *out, const char *line, const struct scope *scope, bool wanted)
{
	while (*line) {
		const char *after = next_line(line), *name;

		if (directive(line, "#% end"))
			return after;
		if ((name = directive(line, "#% each "))) {
			size_t length = strcspn(name, "\n");
			const struct entry *first = wanted ? find(scope, name, length) : NULL;

			line = render_block(out, after, scope, false);
			if (!first)
				continue;
			/* all items of that name in the scope that holds the first */
			for (const struct scope *owner = first->scope->around; first < owner->entries + owner->count; first++)
				if (is_named(first, name, length))
					render_block(out, after, first->scope, true);
		} else if ((name = directive(line, "#% if "))) {
			bool negated = strncmp(name, "not ", 4) == 0;
			const struct entry *entry;

			if (negated)
				name += 4;
			entry = find(scope, name, strcspn(name, "\n"));
			line = render_block(out, after, scope,
			                    wanted && (entry && (entry->scope || entry->text.length)) != negated);
		} else {
			if (wanted)
				render_line(out, line, (size_t)(after - line), scope);
			line = after;
		}
	}
	return line;
}

void template_render(struct text *out, const char *template, const struct scope *scope)
{
	render_block(out, template, scope, true);
}
