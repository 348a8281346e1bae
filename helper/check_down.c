/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* For a tunnel that is down: why `up` would fail. Changes nothing, except that an SA with the null
 * cipher between two addresses of this host exists for a moment. */
#include "apply.h"
#include "change.h"
#include "check.h"
#include "owner.h"
#include "say.h"
#include "words.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints "SIDE: CAUSE: ...", because the fault is on this side, not a peer's. Returns the
 * status. */
static int tell(const struct keep *keep, int status, const char *cause, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int tell(const struct keep *keep, int status, const char *cause, const char *format, ...)
{
	va_list arguments;

	printf("%s: %s: ", keep->page.name, cause);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	return status;
}

/* ---- The helper and its port ---- */

/* True if the process has the argument WORD. */
static bool has_argument(pid_t pid, const char *word)
{
	char words[4096];
	const size_t length = process_read(pid, "cmdline", words, sizeof words);

	for (size_t at = 0; at < length; at += strlen(words + at) + 1)
		if (strcmp(words + at, word) == 0)
			return true;
	return false;
}

static int try_port(const struct keep *keep, const struct address *here)
{
	const struct endpoint end = { *here, keep->page.port };
	struct owner owner = owner_of(&end);

	if (!owner.found)
		return EXIT_OK;
	if (!owner.pid)
		return tell(keep, EXIT_BROKE, "port-taken",
		            "UDP port %u is in use: ss -lunp sport = :%u names the process",
		            (unsigned)end.port, (unsigned)end.port);
	if (strcmp(owner.name, "natprobe") == 0 && has_argument(owner.pid, "--hold"))
		return tell(keep, EXIT_BROKE, "port-taken",
		            "UDP port %u is in use by natprobe --hold (pid %d): press Enter there",
		            (unsigned)end.port, (int)owner.pid);
	return tell(keep, EXIT_BROKE, "port-taken",
	            "UDP port %u is in use by %s (pid %d): kill %d", (unsigned)end.port,
	            owner.name, (int)owner.pid, (int)owner.pid);
}

static int try_helper(const struct keep *keep)
{
	char *path;

	if (!page_has(&keep->page, PAGE_HELPER))
		return EXIT_OK;
	path = keep_find(keep, "espdecap", "ESPDECAP");
	if (!path)
		return tell(keep, EXIT_BROKE, "no-helper",
		            "no espdecap beside %s or in $PATH: copy it there", keep->page.path);
	free(path);
	return try_port(keep, &keep->section.here);
}

/* ---- Addresses and routes ---- */

static bool is_own(struct keep *keep, const struct address *address)
{
	return kernel_read_addresses(&keep->kernel) != 0 ||
	       kernel_find_address(&keep->kernel, address) != NULL;
}

/* The first peer's address in the section; only `up` resolves names. */
static int try_route(struct keep *keep)
{
	const struct address *there = &keep->section.peers[0].there.address;
	const struct page *page = &keep->page;
	struct kernel_route route;
	char text[ADDRESS_TEXT];
	int error;

	if (page->local.family && !address_is_any(&page->local) && !is_own(keep, &page->local))
		return tell(keep, EXIT_BROKE, "address-gone",
		            "%s is not an address of this host: sh %s up --local ADDRESS if it has "
		            "another now",
		            address_print(text, &page->local), page->path);
	if (address_is_any(there))
		return EXIT_OK;
	error = kernel_route_to(&route, there, NULL, 0, 0);
	if (error)
		return tell(keep, EXIT_BROKE, "no-route",
		            "no route to %s, the address of %s (%s): up waits for one",
		            address_print(text, there), page->peers[0].name, strerror(error));
	return EXIT_OK;
}

/* ---- What other tools have ---- */

static int tell_conflict(const struct keep *keep, const struct change_peer *peer)
{
	char text[ADDRESS_TEXT];

	if (peer->conflict == CONFLICT_STATE)
		return tell(keep, EXIT_BROKE, "taken",
		            "another tool has an SA to %s with SPI 0x%08x: see ip xfrm state",
		            address_print(text, &peer->dst), (unsigned)peer->spi);
	return tell(keep, EXIT_BROKE, "taken",
	            "another tool has a policy with the selector or index of one of this script: "
	            "see "
	            "ip xfrm policy");
}

static int try_conflicts(struct keep *keep)
{
	struct change change = { .conflict_count = 0 };
	int status = keep_look(keep);

	if (!status)
		status = keep_policies(keep);
	if (status)
		return status;
	change = (struct change){ .wanted = &keep->section,
		                  .policies = keep->policies,
		                  .policy_count = keep->policy_count,
		                  .kernel = &keep->kernel };
	change_plan(&change);
	for (size_t i = 0; !status && i < keep->section.peer_count; i++)
		if (change.peers[i].conflict)
			status = tell_conflict(keep, &change.peers[i]);
	change_free(&change);
	return status;
}

/* ---- ESP and the cipher ---- */

/* An SA between two addresses of this host. */
static void print_trial(struct text *batch, const struct keep *keep, struct state state)
{
	const bool six = keep->page.family == AF_INET6;
	const struct names none = { .numbers = false };
	char loop[ADDRESS_TEXT];

	state.src = state.dst = (struct address){ .family = six ? AF_INET6 : AF_INET };
	state.src.bytes[six ? 15 : 3] = 1;
	if (!six)
		state.src.bytes[0] = 127;
	state.dst = state.src;
	state.spi = 0x80000000U | (uint32_t)getpid();
	state.sequence = 0;
	memset(state.key, 0x55, sizeof state.key);
	address_print(loop, &state.src);
	state_print(batch, &state, &none);
	text_printf(batch, "xfrm state delete src %s dst %s proto esp spi 0x%08x\n", loop, loop,
	            (unsigned)state.spi);
}

bool check_takes_esp(const struct keep *keep)
{
	const char *loop = keep->page.family == AF_INET6 ? "::1" : "127.0.0.1";
	struct text batch = { 0 };
	struct apply_result result;

	text_printf(&batch,
	            "xfrm state add src %s dst %s proto esp spi 0x%08x mode tunnel enc "
	            "ecb(cipher_null) '' auth digest_null ''\n"
	            "xfrm state delete src %s dst %s proto esp spi 0x%08x\n",
	            loop, loop, 0x80000000U | (unsigned)getpid(), loop, loop,
	            0x80000000U | (unsigned)getpid());
	result = apply_batch(&batch, false);
	text_free(&batch);
	return result.cause == APPLY_DONE;
}

enum { INSTALL_LINE = 256 };

/* Finds the line `install MODULE ...` in a file of modprobe; false if it has none. */
static bool find_install(char line[INSTALL_LINE], const char *path, const char *module)
{
	char copy[INSTALL_LINE], *words[2];
	bool found = false;
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, INSTALL_LINE, file)) {
		line[strcspn(line, "\n")] = '\0';
		for (char *tab = line; (tab = strchr(tab, '\t'));)
			*tab = ' ';
		found = words_split(strcpy(copy, line), words, 2) >= 2 &&
		        strcmp(words[0], "install") == 0 && strcmp(words[1], module) == 0;
	}
	if (file)
		fclose(file);
	return found;
}

/* The file and line that forbid modprobe to load ESP; NULL: none. The caller frees. */
static char *find_block(char line[INSTALL_LINE], const char *module)
{
	static const char *const folders[] = { "/etc/modprobe.d", "/run/modprobe.d",
		                               "/usr/local/lib/modprobe.d",
		                               "/usr/lib/modprobe.d", "/lib/modprobe.d" };
	char *path = NULL;

	for (unsigned i = 0; i < sizeof folders / sizeof *folders && !path; i++) {
		DIR *folder = opendir(folders[i]);
		struct dirent *entry;

		while (folder && !path && (entry = readdir(folder))) {
			if (asprintf(&path, "%s/%s", folders[i], entry->d_name) < 0)
				path = NULL;
			else if (!find_install(line, path, module)) {
				free(path);
				path = NULL;
			}
		}
		if (folder)
			closedir(folder);
	}
	return path;
}

static int tell_refusal(const struct keep *keep, const struct apply_result *result)
{
	const char *module = keep->page.family == AF_INET6 ? "esp6" : "esp4";
	char line[INSTALL_LINE], *path;

	switch (result->cause) {
	case APPLY_NO_ESP:
	case APPLY_NO_CIPHER:
		break;
	case APPLY_PERMISSION:
		return tell(keep, EXIT_BROKE, "no-permission", "run this as root (%s)",
		            result->said);
	default:
		return tell(keep, result->status, "refused", "trying an SA: %s", result->said);
	}
	if (check_takes_esp(keep))
		return tell(keep, EXIT_NO_KERNEL, "no-cipher",
		            "this kernel lacks the cipher %s: generate with another --cipher (%s)",
		            keep->page.cipher->name, result->said);
	path = find_block(line, module);
	if (path) {
		tell(keep, EXIT_NO_KERNEL, "esp-blocked",
		     "ESP is disabled on purpose: remove the line '%s' from %s (%s)",
		     shown(line + strspn(line, " ")), path, result->said);
		free(path);
		return EXIT_NO_KERNEL;
	}
	return tell(keep, EXIT_NO_KERNEL, "no-esp",
	            "this kernel or container has no ESP: try modprobe %s (%s)", module,
	            result->said);
}

static int try_state(const struct keep *keep)
{
	struct text batch = { 0 };
	struct apply_result result;

	if (!keep->section.state_count)
		return EXIT_OK;
	print_trial(&batch, keep, keep->section.states[0]);
	result = apply_batch(&batch, false);
	text_free(&batch);
	return result.cause == APPLY_DONE ? EXIT_OK : tell_refusal(keep, &result);
}

/* ---- All ---- */

static int tell_guarded(const struct look *look)
{
	const struct page *page = &look->keep.page;

	for (size_t i = 0; i < page->peer_count; i++)
		printf("%s: guarded: the tunnel is down, and its leak guard blocks tunnelled "
		       "traffic: sh %s up, or down --all\n",
		       page->peers[i].name, page->path);
	return EXIT_BROKE;
}

int check_down(struct look *look)
{
	struct keep *keep = &look->keep;
	int status;

	if (look->blocked)
		return tell_guarded(look);
	status = try_helper(keep);
	if (!status)
		status = try_route(keep);
	if (!status)
		status = try_conflicts(keep);
	if (!status)
		status = try_state(keep);
	if (status)
		return status;
	keep_say(keep, "is down; set it up with: sh %s up", keep->page.path);
	return EXIT_BROKE;
}
