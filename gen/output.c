/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Each file is first written under a temporary name in its folder; a new folder has a temporary
 * name too. When everything is on disk, the files are renamed one after the other. If the run is
 * killed, some may be renamed and others not, but each is complete. */
#include "output.h"
#include "path.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE /* linux/fs.h */
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

#define TEMPORARY ".xfrmpair-XXXXXX"

/* A new file, or the new folder, which is the oldest entry. */
struct output_entry {
	struct output_entry *next;
	char *path;     /* NULL: it is in the new folder and already has its name */
	char *folder, *temporary;
	bool replaces;  /* an existing file is exchanged with it */
	bool placed;    /* it was renamed, which can be undone */
};

/* PATH may be NULL. */
static struct output_entry *add_entry(struct output *output, const char *path, const char *folder,
                                      const char *name)
{
	struct output_entry *entry = calloc(1, sizeof *entry);

	if (!entry || asprintf(&entry->folder, "%s", folder) < 0 ||
	    asprintf(&entry->temporary, "%s/%s", folder, name) < 0 ||
	    (path && asprintf(&entry->path, "%s", path) < 0))
		err(EXIT_BROKE, "memory");
	entry->next = output->entries;
	output->entries = entry;
	return entry;
}

static bool refuse_write(const char *path)
{
	return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
}

static bool rename_by(unsigned flag, const char *from, const char *to)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flag) == 0;
}

static bool take_name(struct output_entry *entry)
{
	unsigned flag = entry->replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	entry->placed = rename_by(flag, entry->temporary, entry->path);
	if (entry->placed || (errno != EINVAL && errno != ENOSYS))
		return entry->placed;
	/* NFS has no flags, so a replaced file cannot be restored */
	if (rename(entry->temporary, entry->path) != 0)
		return false;
	entry->placed = !entry->replaces;
	return true;
}

static void put_back(struct output_entry *entry)
{
	if (rename_by(entry->replaces ? RENAME_EXCHANGE : 0, entry->path, entry->temporary))
		return;
	refuse(path_shown(entry->path), "cannot be restored: %s: the old file is now %s",
	       strerror(errno), path_shown(entry->temporary));
	entry->temporary[0] = '\0'; /* keep it */
}

/* The output in progress. atexit() removes it if the program exits early, for example without
 * memory. */
static struct output *begun;

static void abandon(void)
{
	if (begun)
		output_end(begun, false);
}

/* True if this process may create PATH, a WHAT, in FOLDER; else false after one line. */
static bool check_place(const char *folder, bool sticky, const char *path, const char *what)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return refuse(path_shown(path), "cannot be %s: %s", what, strerror(errno));
	close(fd);
	return path_is_safe(folder, sticky, path);
}

static bool make_folder(struct output *output, const char *around)
{
	struct output_entry *entry;

	if (!check_place(around, true, output->folder, "made"))
		return false;
	entry = add_entry(output, output->folder, around, TEMPORARY);
	output->new_folder = mkdtemp(entry->temporary);
	return output->new_folder ||
	       refuse(path_shown(output->folder), "cannot be made: %s", strerror(errno));
}

static bool begin(struct output *output)
{
	struct stat status;
	sigset_t all;
	char *around;
	bool good;

	begun = output;
	atexit(abandon);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &output->signals);
	if (!output->folder)
		return true;
	if (lstat(output->folder, &status) == 0)
		return check_place(output->folder, false, output->folder, "written");
	around = path_folder(output->folder);
	good = make_folder(output, around);
	free(around);
	return good;
}

/* True if there is no such file, or it may be replaced; else false after one line. */
static bool check_name(struct output_entry *entry, bool force)
{
	const char *path = entry->path;
	struct stat status;

	if (lstat(path, &status) != 0)
		return true;
	if (!force)
		return refuse(path_shown(path),
		              "exists (expected --force to replace it, or another folder for -o)");
	if (!S_ISREG(status.st_mode)) /* never replace a device or a link */
		return refuse(path_shown(path), "%s, and --force replaces only regular files",
		              S_ISLNK(status.st_mode) ? "a symbolic link" : "not a regular file");
	entry->replaces = true;
	return true;
}

/* Creates the temporary file for PATH. Returns -1 after one line if that fails. */
static int create(struct output *output, const char *path, const char *folder)
{
	const char *slash = strrchr(path, '/');
	bool own = output->folder && path_same(folder, output->folder);
	struct output_entry *entry;
	int fd;

	if (own && output->new_folder) {
		entry = add_entry(output, NULL, output->new_folder, slash ? slash + 1 : path);
		fd = open(entry->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		          S_IRUSR | S_IWUSR);
	} else {
		if (!own && !check_place(folder, true, path, "written"))
			return -1;
		entry = add_entry(output, path, folder, TEMPORARY);
		if (!check_name(entry, output->force))
			return -1;
		fd = mkostemp(entry->temporary, O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		refuse_write(path);
	return fd;
}

static bool is_interrupted(void)
{
	sigset_t waiting;

	sigpending(&waiting);
	return sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM);
}

bool output_add(struct output *output, const char *path, const struct text *text)
{
	char *folder;
	bool good;
	int fd;

	if (begun != output && !begin(output))
		return false;
	folder = path_folder(path);
	fd = create(output, path, folder);
	free(folder);
	if (fd < 0)
		return false;
	good = text_write(text, fd);
	if (close(fd) != 0 || !good)
		return refuse_write(path);
	return !is_interrupted() || refuse(path_shown(path), "interrupted, nothing written");
}

/* A folder is not synced if it cannot be read, or if the file system does not support it. */
static bool sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return errno == EACCES;
	good = fsync(fd) == 0 || errno == EINVAL;
	close(fd);
	return good;
}

/* All files are synced together, so that the journal is written once. */
bool output_place(struct output *output)
{
	const char *synced = "";

	for (struct output_entry *entry = output->entries; entry; entry = entry->next)
		if (!sync_path(entry->temporary))
			return refuse_write(entry->path ? entry->path : output->folder);
	for (struct output_entry *entry = output->entries; entry; entry = entry->next)
		if (entry->path && !take_name(entry))
			return refuse_write(entry->path);
	for (struct output_entry *entry = output->entries; entry; entry = entry->next) {
		if (!entry->path || strcmp(entry->folder, synced) == 0)
			continue;
		if (!sync_path(entry->folder))
			return refuse_write(entry->folder);
		synced = entry->folder;
	}
	return true;
}

void output_end(struct output *output, bool good)
{
	for (struct output_entry *entry = output->entries; entry && !good; entry = entry->next)
		if (entry->placed)
			put_back(entry);
	while (output->entries) {
		struct output_entry *entry = output->entries;

		output->entries = entry->next;
		remove(entry->temporary); /* files that still have the temporary name */
		free(entry->path);
		free(entry->folder);
		free(entry->temporary);
		free(entry);
	}
	if (begun == output)
		sigprocmask(SIG_SETMASK, &output->signals, NULL);
	begun = NULL;
	*output = (struct output){ 0 };
}

bool output_print(const char *path, const struct text *text)
{
	/* not stdio, whose buffer would keep the keys */
	if ((path && dprintf(STDOUT_FILENO, "# %s:\n", path_shown(path)) < 0) ||
	    !text_write(text, STDOUT_FILENO))
		return refuse("standard output", "%s", strerror(errno));
	return true;
}
