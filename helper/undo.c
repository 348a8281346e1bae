/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Removes the objects that the page's undo() and unguard() name. */
#include "apply.h"
#include "keep.h"
#include "number.h"
#include "say.h"

#include <string.h>

enum { ROUNDS = 5 }; /* tries of listing and deleting, because another tool may delete meanwhile */

static bool read_rows(struct text *rows, const struct keep *keep, bool all)
{
	text_add_string(rows, "");
	if (!page_rows(rows, &keep->page, PAGE_UNDO, &keep->section, NULL))
		return false;
	return !all || page_rows(rows, &keep->page, PAGE_UNGUARD, &keep->section, NULL);
}

/* Each row is a string then. */
static void cut_rows(struct text *rows)
{
	for (size_t i = 0; i < rows->length; i++)
		if (rows->bytes[i] == '\n')
			rows->bytes[i] = '\0';
}

static bool is_xfrm(const char *row)
{
	return strncmp(row, "xfrm ", strlen("xfrm ")) == 0;
}

/* ---- Policies and SAs ---- */

/* An SA with SPI 0 cannot be deleted, and disappears by itself. */
static void find_states(struct text *out, const struct kernel *kernel, uint32_t reqid)
{
	for (size_t i = 0; i < kernel->state_count; i++) {
		const struct kernel_state *present = &kernel->states[i];

		if (present->state.reqid == reqid && present->state.spi)
			change_delete_state(out, present);
	}
}

/* A row ends in `index N` or `reqid N`. */
static void find_named(struct text *out, const struct kernel *kernel, const char *row)
{
	const struct kernel_policy *policy;
	unsigned long long number;

	if (!number_parse(&number, strrchr(row, ' ') + 1, 1, UINT32_MAX))
		return;
	if (strstr(row, " index ")) {
		policy = kernel_find_index(kernel, (uint32_t)number);
		if (policy)
			change_delete_policy(out, &policy->policy);
	} else if (strstr(row, " reqid ")) {
		find_states(out, kernel, (uint32_t)number);
	}
}

/* Returns 0 or an errno. */
static int find_left(struct text *out, struct kernel *kernel, const struct text *rows)
{
	const char *end = rows->bytes + rows->length;
	int error = kernel_read_states(kernel);

	if (!error)
		error = kernel_read_policies(kernel);
	text_empty(out);
	for (const char *row = rows->bytes; row < end; row += strlen(row) + 1)
		if (is_xfrm(row))
			find_named(out, kernel, row);
	return error;
}

bool undo_find(struct keep *keep, struct text *out)
{
	struct text rows = { 0 };
	bool good = read_rows(&rows, keep, false);

	cut_rows(&rows);
	if (good)
		find_left(out, &keep->kernel, &rows);
	text_free(&rows);
	return good;
}

/* A missing object would end a batch of policies and SAs, so the batch has only those that
 * exist. */
static int remove_xfrm(struct text *left, struct kernel *kernel, const struct text *rows)
{
	int error = find_left(left, kernel, rows);

	for (unsigned round = 0; !error && left->length && round < ROUNDS; round++) {
		apply_batch(left, false);
		error = find_left(left, kernel, rows);
	}
	return error;
}

/* ---- The rest ---- */

/* Adds ip's messages. */
static void remove_others(struct text *said, const struct text *rows)
{
	static const char *const arguments[] = { "ip", "-force", "-batch", "-", NULL };
	const char *end = rows->bytes + rows->length, *ip = apply_ip();
	struct text others = { 0 };

	for (const char *row = rows->bytes; row < end; row += strlen(row) + 1)
		if (!is_xfrm(row))
			text_join(&others, row, "\n", NULL);
	if (others.length && (!ip || apply_run(ip, arguments, &others, said, NULL)) &&
	    !said->length)
		text_add_string(said, "ip: failed");
	text_free(&others);
}

/* The first line that is not about a missing object; NULL: none. */
static const char *find_problem(char *said)
{
	static const char *const gone[] = { "o such",       "ot found",       "annot find",
					    "annot assign", "Command failed", NULL };
	char *rest, *line = said ? strtok_r(said, "\n", &rest) : NULL;

	while (line && apply_has_one(line, gone))
		line = strtok_r(NULL, "\n", &rest);
	return line;
}

static int remove_rows(struct keep *keep, const struct text *rows)
{
	struct text said = { 0 }, left = { 0 };
	const char *problem;
	int error;

	remove_others(&said, rows);
	error = remove_xfrm(&left, &keep->kernel, rows);
	problem = find_problem(said.bytes);
	if (!problem && error)
		problem = "cannot list the kernel's policies and SAs";
	if (!problem)
		problem = find_problem(left.bytes);
	if (problem)
		keep_say(keep, "cannot remove everything: %s", problem);
	text_free(&said);
	text_free(&left);
	return problem ? EXIT_BROKE : EXIT_OK;
}

int undo(struct keep *keep, bool all)
{
	struct text rows = { 0 };
	int status = EXIT_MISTAKE;

	if (read_rows(&rows, keep, all)) {
		if (keep->dry) {
			status = apply_batch(&rows, true).status;
		} else {
			cut_rows(&rows);
			status = remove_rows(keep, &rows);
		}
	}
	text_free(&rows);
	return status;
}
