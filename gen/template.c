#include "template.h"
#include "say.h"

#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_BYTES = 64 << 10,
	LETS_MOST = 32,      /* in one rendering */
	DEPTH_MOST = 16,     /* holes in values in holes, and files in files */
};

/* Memory of a root scope and all in it, wiped at once and kept for the next: a mesh's scripts have millions of values. */
struct block {
	struct block *before;
	size_t used, room;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *last;
};

static struct block *spare;

/* A value, or a list of scopes. */
struct entry {
	const char *name;
	unsigned tag;        /* of the name: see tag_of() */
	const char *value;
	size_t length;
	struct scope *first, *last;
};

struct scope {
	struct arena *arena;
	const struct scope *around;
	struct scope *next;  /* in the list */
	struct entry *entries;
	size_t count, room;
	uint64_t kinds;      /* of its entries' tags: see kind_of() */
};

static struct block *new_block(size_t least)
{
	size_t room = least > BLOCK_BYTES ? least : BLOCK_BYTES;
	struct block *block = spare;

	if (block && room <= block->room) {
		spare = block->before;
		return block;
	}
	block = malloc(sizeof *block + room);
	if (!block)
		err(EXIT_BROKE, "memory");
	*block = (struct block){ .room = room };
	return block;
}

static void *take(struct arena *arena, size_t bytes)
{
	size_t step = _Alignof(max_align_t);
	struct block *block = arena->last;
	void *taken;

	bytes = (bytes + step - 1) / step * step;
	if (!block || block->room - block->used < bytes) {
		block = new_block(bytes);
		block->before = arena->last;
		arena->last = block;
	}
	taken = block->bytes + block->used;
	block->used += bytes;
	return taken;
}

static struct scope *make_scope(struct arena *arena, const struct scope *around)
{
	struct scope *scope = take(arena, sizeof *scope);

	*scope = (struct scope){ .arena = arena, .around = around };
	return scope;
}

struct scope *scope_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);

	if (!arena)
		err(EXIT_BROKE, "memory");
	return make_scope(arena, NULL);
}

/* Length, first and last letter, which tell nearly all names apart. */
static unsigned tag_of(const char *name, size_t length)
{
	return length ? (unsigned)length << 16 | (unsigned)(unsigned char)name[0] << 8 | (unsigned char)name[length - 1] : 0;
}

/* A bit of 64, so that most scopes that have not a name tell so at once. */
static uint64_t kind_of(unsigned tag)
{
	return UINT64_C(1) << ((tag ^ tag >> 7 ^ tag >> 14) & 63);
}

static struct entry *new_entry(struct scope *scope, const char *name)
{
	if (scope->count == scope->room) {
		size_t room = scope->room ? 2 * scope->room : 8;
		struct entry *entries = take(scope->arena, room * sizeof *entries);

		if (scope->count)
			memcpy(entries, scope->entries, scope->count * sizeof *entries);
		scope->entries = entries;
		scope->room = room;
	}
	scope->entries[scope->count] = (struct entry){ .name = name, .tag = tag_of(name, strlen(name)) };
	scope->kinds |= kind_of(scope->entries[scope->count].tag);
	return &scope->entries[scope->count++];
}

void scope_set(struct scope *scope, const char *name, const char *value)
{
	struct entry *entry = new_entry(scope, name);
	char *copy;

	entry->length = strlen(value);
	copy = take(scope->arena, entry->length + 1);
	memcpy(copy, value, entry->length + 1);
	entry->value = copy;
}

void scope_set_literal(struct scope *scope, const char *name, const char *value)
{
	struct entry *entry = new_entry(scope, name);

	entry->value = value;
	entry->length = strlen(value);
}

void scope_set_number(struct scope *scope, const char *name, unsigned number)
{
	char text[NUMBER_TEXT];

	scope_set(scope, name, number_print(text, number));
}

void scope_printf(struct scope *scope, const char *name, const char *format, ...)
{
	char value[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(value, sizeof value, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof value)
		errx(EXIT_BROKE, "value %s: too long", name);
	scope_set(scope, name, value);
}

static struct entry *find_in(struct entry *entries, size_t count, const char *name, size_t length, unsigned tag)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].tag == tag && memcmp(entries[i].name, name, length) == 0)
			return &entries[i];
	return NULL;
}

struct scope *scope_add_within(struct scope *scope, const char *list, const struct scope *around)
{
	struct entry *entry = find_in(scope->entries, scope->count, list, strlen(list), tag_of(list, strlen(list)));
	struct scope *item = make_scope(scope->arena, around);

	if (!entry)
		entry = new_entry(scope, list);
	if (entry->last)
		entry->last->next = item;
	else
		entry->first = item;
	entry->last = item;
	return item;
}

struct scope *scope_add(struct scope *scope, const char *list)
{
	return scope_add_within(scope, list, scope);
}

void scope_free(struct scope *scope)
{
	struct arena *arena = scope ? scope->arena : NULL;

	while (arena && arena->last) {
		struct block *block = arena->last;

		arena->last = block->before;
		explicit_bzero(block->bytes, block->used);
		block->used = 0;
		block->before = spare;
		spare = block;
	}
	free(arena);
}

/* The innermost entry of that name. */
static const struct entry *find(const struct scope *scope, const char *name, size_t length)
{
	unsigned tag = tag_of(name, length);

	for (; scope; scope = scope->around) {
		const struct entry *entry = scope->kinds & kind_of(tag) ? find_in(scope->entries, scope->count, name, length, tag) : NULL;

		if (entry)
			return entry;
	}
	return NULL;
}

/* What is true of one rendering. */
struct rendering {
	struct text *out;
	struct entry lets[LETS_MOST];
	size_t let_count;
	unsigned depth;
};

/* No let has the name of a value. */
static struct entry *find_let(struct rendering *rendering, const char *name, size_t length)
{
	return find_in(rendering->lets, rendering->let_count, name, length, tag_of(name, length));
}

static void enter(struct rendering *rendering, const char *what, size_t length)
{
	if (++rendering->depth > DEPTH_MOST)
		errx(EXIT_BROKE, "template: %.*s holds itself", (int)length, what);
}

static void fill(struct rendering *rendering, const char *text, size_t length, const struct scope *scope)
{
	const char *end = text + length;

	while (text < end) {
		const char *hole = memchr(text, '@', (size_t)(end - text));
		const struct entry *entry;
		size_t name = 0;

		if (!hole) {
			text_add(rendering->out, text, (size_t)(end - text));
			return;
		}
		text_add(rendering->out, text, (size_t)(hole - text));
		text = hole + 1;
		while (text + name < end && ((text[name] >= 'a' && text[name] <= 'z') || text[name] == '_'))
			name++;
		if (!name || text + name == end || text[name] != '@') {
			text_add(rendering->out, "@", 1);
			continue;
		}
		entry = find_let(rendering, text, name);
		if (!entry)
			entry = find(scope, text, name);
		if (!entry || !entry->value)
			errx(EXIT_BROKE, "template: no value for @%.*s@", (int)name, text);
		enter(rendering, text, name);
		fill(rendering, entry->value, entry->length, scope);
		rendering->depth--;
		text += name + 1;
	}
}

/* The rest of the line after PREFIX when the line is that directive, else NULL. */
static const char *directive(const char *line, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(line, prefix, length) == 0 ? line + length : NULL;
}

/* NAME, or NAME and after one blank its text. */
static void let(struct rendering *rendering, const char *words)
{
	size_t name = strcspn(words, " \n");
	const char *text = words + name + (words[name] == ' ');
	struct entry *entry = name ? find_let(rendering, words, name) : NULL;

	if (!name)
		errx(EXIT_BROKE, "template: a let without a name");
	if (!entry && rendering->let_count == LETS_MOST)
		errx(EXIT_BROKE, "template: more than %d lets", LETS_MOST);
	if (!entry)
		entry = &rendering->lets[rendering->let_count++];
	*entry = (struct entry){ .name = words, .tag = tag_of(words, name), .value = text, .length = strcspn(text, "\n") };
}

static bool is_true(const struct scope *scope, const char *name)
{
	const struct entry *entry = find(scope, name, strcspn(name, "\n"));

	return entry && (entry->first || entry->length);
}

static const char *find_file(const char *name, size_t length)
{
	for (const struct template_file *file = template_files; file->name; file++)
		if (strlen(file->name) == length && memcmp(file->name, name, length) == 0)
			return file->text;
	errx(EXIT_BROKE, "template: no file %.*s", (int)length, name);
}

const char *template_text(const char *file)
{
	return find_file(file, strlen(file));
}

/* Renders up to the end of the text or the directive that ends this block; gives what follows. */
static const char *render_block(struct rendering *rendering, const char *line, const struct scope *scope, bool wanted)
{
	while (*line) {
		const char *after = text_next_line(line), *words;

		if (line[0] != '#' || line[1] != '%') {
			if (wanted)
				fill(rendering, line, (size_t)(after - line), scope);
			line = after;
		} else if (directive(line, "#% end")) {
			return after;
		} else if ((words = directive(line, "#% each "))) {
			const struct entry *list = wanted ? find(scope, words, strcspn(words, "\n")) : NULL;

			line = render_block(rendering, after, scope, false);
			for (const struct scope *item = list ? list->first : NULL; item; item = item->next)
				render_block(rendering, after, item, true);
		} else if ((words = directive(line, "#% if not "))) {
			line = render_block(rendering, after, scope, wanted && !is_true(scope, words));
		} else if ((words = directive(line, "#% if "))) {
			line = render_block(rendering, after, scope, wanted && is_true(scope, words));
		} else if ((words = directive(line, "#% let "))) {
			if (wanted)
				let(rendering, words);
			line = after;
		} else if ((words = directive(line, "#% include "))) {
			size_t length = strcspn(words, "\n");

			if (wanted) {
				enter(rendering, words, length);
				render_block(rendering, find_file(words, length), scope, true);
				rendering->depth--;
			}
			line = after;
		} else {
			errx(EXIT_BROKE, "template: what is '%.*s'?", (int)strcspn(line, "\n"), line);
		}
	}
	return line;
}

void template_render(struct text *out, const char *file, const struct scope *scope)
{
	struct rendering rendering = { .out = out };

	render_block(&rendering, template_text(file), scope, true);
}
