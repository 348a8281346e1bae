/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Settings of /proc/sys that `up --forward` changes, and how `down` restores them and undoes what
 * else the run folder lists. */
#include "apply.h"
#include "number.h"
#include "parts_up.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNDO_MOST = 1 << 16, PATH_MOST = 128 };

static const char sys[] = "/proc/sys/";

static long setting(const char *path)
{
	return kernel_sysctl(path + strlen(sys));
}

bool write_setting(const char *path, long value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && dprintf(fd, "%ld\n", value) > 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool note_setting(const struct keep *keep, const char *path)
{
	char row[PATH_MOST + 32];

	snprintf(row, sizeof row, "put_back %ld %s", setting(path), path);
	return keep_note(keep, row);
}

/* Records what `down` must restore. */
static int put(struct keep *keep, const char *path, long value)
{
	if (setting(path) == value)
		return EXIT_OK;
	if (keep->dry) {
		printf("echo %ld >%s\n", value, path);
		return EXIT_OK;
	}
	if (!note_setting(keep, path))
		return EXIT_BROKE;
	keep_say(keep, "%ld to %s", value, path);
	if (write_setting(path, value))
		return EXIT_OK;
	refuse(path, "cannot be written: %s", strerror(errno));
	return EXIT_BROKE;
}

/* ---- Other tunnels ---- */

/* The file `undo` of another run folder of this boot and network namespace; NULL: none. */
static char *read_undo(const struct keep *keep, const char *folder, const char *boot)
{
	struct run other = { .above = -1, .fd = openat(keep->run.above, folder,
						       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };
	char found[128], *undo = NULL;

	if (run_read(&other, "boot", found, sizeof found) && strcmp(found, boot) == 0)
		undo = malloc(UNDO_MOST);
	if (undo && !run_read(&other, "undo", undo, UNDO_MOST)) {
		free(undo);
		undo = NULL;
	}
	if (other.fd >= 0)
		close(other.fd);
	return undo;
}

/* Calls TAKE for each `put_back OLD PATH` of other tunnels. PATH is after the last blank. */
static void each_other(struct keep *keep, void (*take)(void *context, const char *line), void *context)
{
	char above[512], boot[128], *end;
	struct dirent *entry;
	DIR *folders;

	snprintf(above, sizeof above, "%s", keep->run.path);
	end = strrchr(above, '/');
	*end++ = '\0';
	folders = run_read(&keep->run, "boot", boot, sizeof boot) ? opendir(above) : NULL;
	while (folders && (entry = readdir(folders))) {
		char *rest, *undo = NULL;

		if (entry->d_name[0] != '.' && strcmp(entry->d_name, end) != 0)
			undo = read_undo(keep, entry->d_name, boot);
		for (char *line = undo ? strtok_r(undo, "\n", &rest) : NULL; line;
		     line = strtok_r(NULL, "\n", &rest))
			if (strncmp(line, "put_back ", strlen("put_back ")) == 0)
				take(context, line);
		free(undo);
	}
	if (folders)
		closedir(folders);
}

struct search {
	const char *path;
	bool found;
};

static void find_path(void *context, const char *line)
{
	struct search *search = context;

	search->found |= strcmp(strrchr(line, ' ') + 1, search->path) == 0;
}

struct copy {
	struct keep *keep;
	const char *base;
	bool failed;
};

static void copy_line(void *context, const char *line)
{
	struct copy *copy = context;

	if (strncmp(strrchr(line, ' ') + 1, copy->base, strlen(copy->base)) == 0)
		copy->failed |= !keep_note(copy->keep, line);
}

/* ---- up ---- */

/* The kernel changes these along with it. */
static bool note_followers(const struct keep *keep, const char *base)
{
	static const char *const names[] = { "forwarding", "accept_redirects" };
	char folder[PATH_MOST], path[PATH_MOST];
	struct dirent *entry;
	bool good = true;
	DIR *links;

	snprintf(folder, sizeof folder, "%s/conf", base);
	links = opendir(folder);
	while (good && links && (entry = readdir(links)))
		for (unsigned i = 0; entry->d_name[0] != '.' && i < 2; i++)
			if (snprintf(path, sizeof path, "%s/%s/%s", folder, entry->d_name,
				     names[i]) < (int)sizeof path &&
			    setting(path) >= 0)
				good = good && note_setting(keep, path);
	if (links)
		closedir(links);
	return good;
}

static int forward_family(struct keep *keep, bool six, bool set)
{
	const char *base = six ? "/proc/sys/net/ipv6" : "/proc/sys/net/ipv4";
	struct copy copy = { keep, base, false };
	char path[PATH_MOST];

	snprintf(path, sizeof path, "%s/%s", base, six ? "conf/all/forwarding" : "ip_forward");
	if (setting(path) == 0) {
		if (set && !keep->dry && !note_followers(keep, base))
			return EXIT_BROKE;
		if (set)
			return put(keep, path, 1);
		keep_say(keep,
			 "warning: %s is 0: this host does not forward for the hosts behind it; up "
			 "--forward sets it, and down restores it",
			 path);
	} else if (set && !keep->dry) {
		each_other(keep, copy_line, &copy); /* another tunnel has set it */
	}
	return copy.failed ? EXIT_BROKE : EXIT_OK;
}

/* The link of this host's address in the net; 0: none. */
static unsigned link_of_net(struct keep *keep, const struct prefix *net)
{
	for (size_t i = 0; i < keep->kernel.address_count; i++) {
		const struct kernel_address *own = &keep->kernel.addresses[i];

		if (own->scope == RT_SCOPE_UNIVERSE && prefix_contains(net, &own->address))
			return own->link;
	}
	return 0;
}

static bool leads_out(const struct keep *keep, unsigned link)
{
	struct kernel_route route;

	for (size_t i = 0; i < keep->section.peer_count; i++)
		if (kernel_route_to(&route, &keep->section.peers[i].there.address, NULL, 0, 0) == 0 &&
		    route.link == link)
			return true;
	return false;
}

/* If a link also leads to a peer, ICMP redirects would make its hosts bypass this host, in clear
 * text. */
static int stop_redirects(struct keep *keep, const struct prefix *net, bool set)
{
	const unsigned index = link_of_net(keep, net);
	const struct kernel_link *link = index ? kernel_link_of(&keep->kernel, index) : NULL;
	const char *const names[] = { "all", link ? link->name : "" };
	char path[PATH_MOST], text[PREFIX_TEXT];

	if (!link || !leads_out(keep, index))
		return EXIT_OK;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/send_redirects", names[i]);
		if (set && put(keep, path, 0))
			return EXIT_BROKE;
		if (!set && setting(path) > 0)
			keep_say(keep,
				 "warning: %s is on %s, the outer link: ICMP redirects will make "
				 "its hosts bypass the tunnel, in clear text; up --forward "
				 "disables %s, and down restores it",
				 prefix_print(text, net), link->name, path);
	}
	return EXIT_OK;
}

int up_forward(struct keep *keep, bool set)
{
	const struct page_nets *nets = &keep->page.own_nets;
	int status = EXIT_OK;

	if (!keep->page.forwards)
		return EXIT_OK;
	if (kernel_read_links(&keep->kernel) || kernel_read_addresses(&keep->kernel)) {
		refuse(keep->page.name, "cannot read the kernel's links and addresses");
		return EXIT_BROKE;
	}
	for (size_t i = 0; i < nets->count && !status; i++) {
		const struct prefix *net = &nets->list[i].prefix;
		const bool six = net->address.family == AF_INET6;

		if (prefix_is_host(net))
			continue;
		status = forward_family(keep, six, set);
		if (!status && !six && !prefix_is_everything(net)) /* a net of everything is on no
		                                                    * link */
			status = stop_redirects(keep, net, set);
	}
	return status;
}

/* ---- down ---- */

/* `put_back OLD PATH` */
static int put_back(struct keep *keep, char *row)
{
	char *value = strchr(row, ' ') + 1, *path = strchr(value, ' ');
	struct search search = { .found = false };
	unsigned long long old;

	if (!path)
		return EXIT_OK;
	*path++ = '\0';
	if (!number_parse(&old, value, 0, 255) || strncmp(path, "/proc/sys/net/ipv", 17) != 0 ||
	    strstr(path, ".."))
		return EXIT_OK;
	search.path = path;
	each_other(keep, find_path, &search);
	if (search.found)
		return EXIT_OK;
	if (keep->dry)
		printf("echo %llu >%s\n", old, path);
	else if (access(path, F_OK) == 0 && !write_setting(path, (long)old)) {
		refuse(path, "cannot be written: %s", strerror(errno));
		return EXIT_BROKE;
	}
	return EXIT_OK;
}

static int take_back_row(struct keep *keep, char *row)
{
	struct text batch = { 0 };

	if (strncmp(row, "put_back ", strlen("put_back ")) == 0)
		return put_back(keep, row);
	if (*row) {
		text_join(&batch, row, "\n", NULL);
		apply_force(&batch, keep->dry); /* a missing object is no error */
	}
	text_free(&batch);
	return EXIT_OK;
}

static int take_back_rows(struct keep *keep, char *undo)
{
	int worst = EXIT_OK;

	for (char *newline; (newline = strrchr(undo, '\n')); *newline = '\0') {
		int status = take_back_row(keep, newline + 1);

		worst = worst ? worst : status;
	}
	return worst ? worst : take_back_row(keep, undo);
}

static void unmap(struct keep *keep)
{
	char line[128], said[APPLY_SAID], *rest, *path;
	const char *arguments[12] = { "natprobe" };

	if (!run_read(&keep->run, "map", line, sizeof line))
		return;
	if (keep->dry) {
		printf("natprobe %s\n", line);
		return;
	}
	for (unsigned i = 1; i < 11 && (arguments[i] = strtok_r(i == 1 ? line : NULL, " ", &rest)); i++)
		;
	path = keep_find(keep, "natprobe", "NATPROBE");
	if (path)
		apply_run(path, arguments, NULL, NULL, said);
	if (path)
		fputs(said, stderr);
	free(path);
}

int down_notes(struct keep *keep)
{
	char *undo = malloc(UNDO_MOST);
	int status = EXIT_OK;

	if (undo && run_read(&keep->run, "undo", undo, UNDO_MOST)) {
		status = take_back_rows(keep, undo);
	} else if (run_has(&keep->run, "undo")) {
		refuse(keep->run.path, "undo: cannot be read, so settings are not restored");
		status = EXIT_BROKE;
	}
	free(undo);
	unmap(keep);
	return status;
}
