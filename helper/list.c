/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Lists the tunnels of a folder of scripts, one per line. */
#include "look.h"
#include "say.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_FOLDER "/etc/xfrmpair"

static int is_script(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 3 &&
	       strcmp(entry->d_name + length - 3, ".sh") == 0;
}

/* The age of the longest silence; -1: unknown for a peer. */
static time_t oldest(const struct status *status)
{
	time_t age = 0;

	for (size_t i = 0; i < status->peer_count; i++) {
		if (status->peers[i].age < 0)
			return -1;
		if (status->peers[i].age > age)
			age = status->peers[i].age;
	}
	return age;
}

/* The epochs of all peers: 3, or 3-5. */
static void add_epochs(struct text *out, const struct status *status)
{
	uint32_t least = UINT32_MAX, most = 0;

	for (size_t i = 0; i < status->peer_count; i++) {
		const struct status_way *way = &status->peers[i].ways[WAY_OUT];

		if (!way->there)
			continue;
		least = way->epoch < least ? way->epoch : least;
		most = way->epoch > most ? way->epoch : most;
	}
	if (least == most)
		text_printf(out, "%" PRIu32, most);
	else if (most)
		text_printf(out, "%" PRIu32 "-%" PRIu32, least, most);
	else
		text_add_string(out, "-");
}

static void add_row(struct text *out, const char *name, const char *state, const char *peers,
                    const char *received, const char *epoch)
{
	text_printf(out, "%-15s %-8s %-12s %-14s %s\n", name, state, peers, received, epoch);
}

static void add_tunnel(struct text *out, const char *name, const struct look *look)
{
	const struct status *status = &look->status;
	struct text received = { 0 }, epochs = { 0 };
	char peers[40];

	snprintf(peers, sizeof peers, "%zu of %zu",
	         status->peer_count - status->unheard - status->silent, status->peer_count);
	if (oldest(status) < 0)
		text_add_string(&received, "-");
	else
		status_print_duration(&received, oldest(status));
	add_epochs(&epochs, status);
	add_row(out, name,
	        status->lack_count    ? "half-up"
	        : status_exit(status) ? "silent"
	                              : "up",
	        peers, received.bytes, epochs.bytes);
	text_free(&received);
	text_free(&epochs);
}

/* NAME is the file's, because sides of several tunnels may have the same name. */
static int add_script(struct text *out, const char *name, const char *path)
{
	struct look look;
	int status = look_open(&look, path, false);
	char peers[40];

	snprintf(peers, sizeof peers, "0 of %zu", look.keep.page.peer_count);
	if (status) {
		add_row(out, name, "unknown", "-", "-", "-");
	} else if (look.down) {
		add_row(out, name, "down", peers, "-", "-");
		status = EXIT_BROKE;
	} else {
		add_tunnel(out, name, &look);
		status = status_exit(&look.status);
	}
	look_close(&look);
	return status;
}

/* The printable name of the file without .sh. */
static int add_entry(struct text *out, const char *folder, const char *entry)
{
	char name[64], *path;
	int status;

	snprintf(name, sizeof name, "%.*s", (int)strlen(entry) - 3, shown(entry));
	if (asprintf(&path, "%s/%s", folder, entry) < 0)
		err(EXIT_BROKE, "memory");
	status = add_script(out, name, path);
	free(path);
	return status;
}

/* The worst exit status: broken, then silent. */
static int worse(int one, int two)
{
	if (one == EXIT_OK || two == EXIT_OK)
		return one + two;
	return one == EXIT_NO_ANSWER ? two : one;
}

int list_verb(const char *folder)
{
	struct dirent **entries;
	struct text out = { 0 };
	int count, status = EXIT_OK;

	folder = folder ? folder : LIST_FOLDER;
	count = scandir(folder, &entries, is_script, alphasort);
	if (count < 0) {
		refuse(folder, "cannot be read: %s", strerror(errno));
		return EXIT_MISTAKE;
	}
	add_row(&out, "tunnel", "state", "received", "last received", "epoch");
	for (int i = 0; i < count; i++) {
		status = worse(status, add_entry(&out, folder, entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	fwrite(out.bytes, 1, out.length, stdout);
	text_free(&out);
	return status;
}
