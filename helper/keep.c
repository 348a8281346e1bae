/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "keep.h"
#include "apply.h"
#include "epoch.h"
#include "look.h"
#include "memory.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Packets that an SA may send between reading its number and deleting it. */
enum { SENT_MEANWHILE = 1 << 20 };

static bool reader_is_gone;

void keep_say(const struct keep *keep, const char *format, ...)
{
	char what[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	if (fprintf(stderr, "%s: %s\n", keep->page.name, what) < 0 && errno == EPIPE)
		reader_is_gone = true;
}

bool keep_lost_reader(void)
{
	return reader_is_gone;
}

/* ---- Opening ---- */

static int open_lock(struct keep *keep, unsigned needs)
{
	if (!run_open(&keep->run, keep->page.store))
		return EXIT_BROKE;
	if (needs & KEEP_TRY && keep->run.state == RUN_UP)
		run_try_lock(&keep->run);
	if (needs & KEEP_LOCK && !keep->dry && !run_lock(&keep->run))
		return EXIT_BROKE;
	if (!keep->run.locked)
		return EXIT_OK;
	/* Another process may have written the section while this one waited for the lock. */
	page_free(&keep->page);
	return page_read(&keep->page, keep->script) ? EXIT_OK : EXIT_MISTAKE;
}

static int check_up(const struct keep *keep)
{
	switch (keep->run.state) {
	case RUN_UP:
		return EXIT_OK;
	case RUN_STALE:
		refuse(keep->page.name,
		       "not running since the last boot, or in this network namespace: sh %s up",
		       keep->page.path);
		return EXIT_BROKE;
	case RUN_DOWN:
		break;
	}
	refuse(keep->page.name, "not running: sh %s up", keep->page.path);
	return EXIT_BROKE;
}

int keep_open(struct keep *keep, const char *script, bool dry, unsigned needs)
{
	int status;

	*keep = (struct keep){
		.script = script, .dry = dry, .report = stdout, .run = { .above = -1, .fd = -1 }
	};
	if (!page_read(&keep->page, script))
		return EXIT_MISTAKE;
	status = open_lock(keep, needs);
	if (!status && needs & KEEP_UP)
		status = check_up(keep);
	if (status || needs & KEEP_PAGE)
		return status;
	keep->store = store_choose(&keep->section, &keep->page, store_folder());
	if (!store_is_usable(keep->store) && !(needs & KEEP_ANY))
		return EXIT_BROKE;
	if (needs & KEEP_KERNEL)
		status = keep_look(keep);
	if (!status && needs & KEEP_KERNEL)
		status = keep_policies(keep);
	return status;
}

void keep_close(struct keep *keep)
{
	run_close(&keep->run);
	section_free(&keep->section);
	page_free(&keep->page);
	kernel_free(&keep->kernel);
	free(keep->policies);
	keep->policies = NULL;
}

/* ---- The kernel ---- */

static int fail_kernel(const struct keep *keep, int error)
{
	const char *name = keep->page.name;

	switch (error) {
	case EPERM:
		refuse(name, "permission denied (expected root)");
		return EXIT_BROKE;
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		refuse(name, "no-esp: this kernel has no IPsec: try modprobe xfrm_user");
		return EXIT_NO_KERNEL;
	default:
		refuse(name, "cannot read the kernel's SAs and policies: %s", strerror(error));
		return EXIT_BROKE;
	}
}

int keep_look(struct keep *keep)
{
	int error = kernel_read_states(&keep->kernel);

	if (!error)
		error = kernel_read_policies(&keep->kernel);
	return error ? fail_kernel(keep, error) : EXIT_OK;
}

int keep_policies(struct keep *keep)
{
	static const enum page_function functions[] = { PAGE_GUARDS, PAGE_PASSES, PAGE_POLICIES };

	free(keep->policies);
	keep->policies = NULL;
	keep->policy_count = 0;
	for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++) {
		size_t count = 0;
		struct policy *rows =
			page_policies(&keep->page, functions[i], &keep->section, &count);

		if (!rows)
			return EXIT_MISTAKE;
		keep->policies =
			reallocarray(keep->policies, keep->policy_count + count + 1, sizeof *rows);
		if (!keep->policies)
			err(EXIT_BROKE, "memory");
		memcpy(keep->policies + keep->policy_count, rows, count * sizeof *rows);
		keep->policy_count += count;
		free(rows);
	}
	return EXIT_OK;
}

bool keep_has_guard(const struct keep *keep)
{
	size_t count = 0;
	struct policy *rows = page_policies(&keep->page, PAGE_GUARDS, &keep->section, &count);
	bool found = false;

	for (size_t i = 0; rows && i < count; i++)
		found |= rows[i].action == ACTION_BLOCK &&
			 kernel_find_index(&keep->kernel, rows[i].index);
	free(rows);
	return found;
}

static struct epoch_seen see(const struct kernel *kernel, const struct state *state)
{
	const struct kernel_state *present = kernel_find_state(kernel, &state->dst, state->spi);

	if (!present || present->larval || present->state.reqid != state->reqid)
		return (struct epoch_seen){ .present = false };
	return (struct epoch_seen){
		.present = true,
		.sequence = state->outbound ? present->sequence_out : present->received,
		.packets = present->packets,
	};
}

void keep_tally(struct keep *keep)
{
	const struct section *section = &keep->section;
	struct epoch_seen *seen = memory_rows(section->state_count, sizeof *seen);

	for (size_t i = 0; i < section->state_count; i++)
		seen[i] = see(&keep->kernel, &section->states[i]);
	epoch_tally(&keep->section, seen);
	free(seen);
}

void keep_place(struct section *section)
{
	for (size_t i = 0; i < section->state_count; i++) {
		struct state *state = &section->states[i];
		const struct endpoint *there = &section->peers[state->peer].there;

		state->src = state->outbound ? section->here : there->address;
		state->dst = state->outbound ? there->address : section->here;
		state->sport = state->outbound ? section->port : there->port;
		state->dport = state->outbound ? there->port : section->port;
	}
}

/* ---- Writing ---- */

/* Restores the script as it was read, because a section that is in no store must not become the
 * valid one. */
static void put_script_back(const struct keep *keep)
{
	struct section before;

	if (!page_section(&before, &keep->page))
		return;
	script_rewrite(&before, keep->script);
	section_free(&before);
}

/* The script is written first, so that it has the epoch if the machine stops in between and the
 * store is lost later. But the first time the store is, because a written script without a store
 * counts as one whose store is lost. */
int keep_write(struct keep *keep, bool also_script)
{
	const bool first = keep->store == STORE_ABSENT;
	bool written = false;

	if (keep->dry)
		return EXIT_OK;
	keep->section.made++;
	if (also_script && !first)
		written = script_rewrite(&keep->section, keep->script);
	if (!store_write(&keep->section, &keep->page, store_folder())) {
		if (written)
			put_script_back(keep);
		return EXIT_BROKE;
	}
	if (also_script && first)
		script_rewrite(&keep->section, keep->script);
	return EXIT_OK;
}

/* The kernel has the SA's number, but at another address. */
static bool is_counted(const struct kernel *kernel, const struct state *wanted)
{
	for (size_t i = 0; i < kernel->state_count; i++) {
		const struct kernel_state *present = &kernel->states[i];

		if (present->state.spi == wanted->spi && present->state.reqid == wanted->reqid &&
		    !present->larval)
			return true;
	}
	return false;
}

/* An outbound SA that is added again with a used key continues with unused sequence numbers. */
static void restart_numbers(struct keep *keep, size_t peer)
{
	size_t count;
	struct state *states = section_states(&keep->section, peer, &count),
		     *outbound = &states[count - 1];
	const uint64_t last = outbound->esn ? UINT64_MAX : UINT32_MAX;

	if (is_counted(&keep->kernel, outbound) && outbound->sequence < last - SENT_MEANWHILE)
		outbound->sequence += SENT_MEANWHILE;
	else if (!epoch_start(&keep->section, peer))
		refuse(keep->section.peers[peer].name,
		       "count-used-up: no sequence numbers are left, so nothing is sent: rekey, or "
		       "make new scripts");
}

/* The sequence numbers of outbound SAs before a change moved them on. */
static uint64_t *save_numbers(const struct section *section)
{
	uint64_t *numbers = memory_rows(section->state_count, sizeof *numbers);

	for (size_t i = 0; i < section->state_count; i++)
		numbers[i] = section->states[i].sequence;
	return numbers;
}

/* An SA that could not be added has used no numbers. So its number is restored; otherwise each
 * failed try would cost as many as a start. */
static void restore_numbers(struct keep *keep, const uint64_t *numbers)
{
	for (size_t i = 0; i < keep->section.state_count; i++) {
		struct state *state = &keep->section.states[i];
		const struct kernel_state *present =
			kernel_find_state(&keep->kernel, &state->dst, state->spi);

		if (state->outbound && (!present || present->state.reqid != state->reqid))
			state->sequence = numbers[i];
	}
}

static void plan(struct keep *keep, const bool *fresh, struct change *change)
{
	bool again = false;

	change->wanted = &keep->section;
	change->policies = keep->policies;
	change->policy_count = keep->policy_count;
	change->kernel = &keep->kernel;
	change->fresh = fresh;
	change_plan(change);
	for (size_t i = 0; i < keep->section.peer_count; i++)
		if (change->peers[i].outbound_added && !change->peers[i].conflict &&
		    !(fresh && fresh[i])) {
			restart_numbers(keep, i);
			again = true;
		}
	if (again)
		change_plan(change);
}

/* Another program may change the same objects between the read and the batch. */
static bool is_race(const struct apply_result *result)
{
	return result->cause == APPLY_TAKEN || strstr(result->said, "No such process") ||
	       strstr(result->said, "No such file");
}

/* Writes the section before the change, so that a sequence number is on disk before a packet has
 * it. mend restores objects even if the store cannot be written, because the numbers are within the
 * margin of its record. */
static int apply_once(struct keep *keep, const bool *fresh, bool also_script, struct change *change,
		      struct apply_result *result)
{
	uint64_t *numbers = save_numbers(&keep->section);
	int status;

	plan(keep, fresh, change);
	status = keep_write(keep, also_script);
	if (status && keep->mends)
		status = EXIT_OK;
	if (!status)
		*result = apply_batch(&change->batch, keep->dry);
	if (!status && result->cause != APPLY_DONE) {
		status = keep_look(keep);
		if (!status) {
			restore_numbers(keep, numbers);
			status = keep_write(keep, false);
		}
	}
	free(numbers);
	return status;
}

int keep_apply(struct keep *keep, const bool *fresh, bool also_script, struct change *change)
{
	struct apply_result result;
	int status;

	counts_record(keep);
	status = apply_once(keep, fresh, also_script, change, &result);
	if (!status && is_race(&result))
		status = apply_once(keep, fresh, false, change, &result);
	return status ? status : apply_report(&result, keep->page.name);
}

bool keep_note(const struct keep *keep, const char *row)
{
	int fd = openat(keep->run.fd, "undo",
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good = fd >= 0 && dprintf(fd, "%s\n", row) >= 0;

	if (fd >= 0)
		close(fd);
	return good || refuse(keep->run.path, "undo: cannot be written");
}

int keep_give(struct keep *keep, struct text *batch)
{
	struct apply_result result = apply_batch(batch, keep->dry);

	text_free(batch);
	return apply_report(&result, keep->page.name);
}

/* ---- Names ---- */

bool keep_peer(const struct keep *keep, const char *name, size_t *index)
{
	const struct page *page = &keep->page;

	*index = 0;
	if (!name)
		return page->peer_count == 1 ||
		       refuse(NULL, "no peer given (expected one of the %zu peers)",
			      page->peer_count);
	for (; *index < page->peer_count; ++*index)
		if (strcmp(page->peers[*index].name, name) == 0)
			return true;
	return refuse(NULL, "'%s': not a peer (expected %s%s)", shown(name), page->peers[0].name,
		      page->peer_count > 1 ? ", or another of this script" : "");
}

static bool is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

char *keep_find(const struct keep *keep, const char *name, const char *variable)
{
	const char *given = getenv(variable), *slash = strrchr(keep->script, '/');
	int length = slash ? (int)(slash - keep->script) : 0;
	char *path;

	if (given && *given)
		return access(given, X_OK) == 0 ? strdup(given) : NULL;
	if (asprintf(&path, "%.*s/%s", slash ? length : 1, slash ? keep->script : ".", name) < 0)
		err(EXIT_BROKE, "memory");
	if (is_file(path)) {
		/* Do not search for another version further on in the path. */
		if (access(path, X_OK) == 0)
			return path;
		free(path);
		return NULL;
	}
	free(path);
	return apply_find(name);
}

int keep_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool keep_helper(const struct keep *keep, struct text *out)
{
	if (!page_has(&keep->page, PAGE_HELPER))
		return false;
	text_add_string(out, "espdecap -d ");
	if (!page_rows(out, &keep->page, PAGE_HELPER, &keep->section, NULL))
		return false;
	if (out->bytes[out->length - 1] == '\n')
		out->bytes[--out->length] = '\0';
	return true;
}
