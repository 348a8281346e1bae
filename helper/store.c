/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "store.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STARTS_BYTES = 1 << 16 };

/* A file in an open folder, with its name for messages. */
struct target {
	int folder;
	char *name;
	char *path;
};

static char *join(const char *before, const char *between, const char *after)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", before, between, after) < 0)
		err(EXIT_BROKE, "memory");
	return joined;
}

static void close_target(struct target *target)
{
	if (target->folder >= 0)
		close(target->folder);
	free(target->name);
	free(target->path);
}

const char *store_folder(void)
{
	const char *folder = getenv("XFRMPAIR_STATE");

	return folder && *folder ? folder : "/var/lib/xfrmpair";
}

/* Others must not be able to change it, because its contents become the kernel's state. */
static bool is_safe(const struct stat *status, const char *where)
{
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return refuse(where, "belongs to user %lu (expected root, or you)",
		              (unsigned long)status->st_uid);
	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(
			where,
			"others can write to it (mode %04o; expected 0700, or 0600 for a file)",
			(unsigned)(status->st_mode & 07777));
	return true;
}

/* open(2) follows a symbolic link if a slash or /. is after its name. */
static char *without_slash(const char *folder)
{
	size_t length = strlen(folder);
	char *copy = strdup(folder);

	if (!copy)
		err(EXIT_BROKE, "memory");
	while (length > 1 &&
	       (copy[length - 1] == '/' || (copy[length - 1] == '.' && copy[length - 2] == '/')))
		copy[--length] = '\0';
	return copy;
}

/* An error is ignored if the file system does not support it. */
static bool sync_file(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;
}

/* Syncs a new folder to disk. */
static void sync_around(int folder)
{
	int around = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (around < 0)
		return;
	sync_file(around);
	close(around);
}

/* The folder is checked through its descriptor, because its name could get another folder between
 * two checks. Returns -1 with errno. */
static int open_folder(const char *folder, bool make)
{
	char *path = without_slash(folder);
	bool made = make && mkdir(path, S_IRWXU) == 0;
	int fd = -1, error;

	if (!make || made || errno == EEXIST)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	error = errno;
	if (made && fd >= 0)
		sync_around(fd);
	free(path);
	errno = error;
	return fd;
}

/* Opens the folder of the page's store. Returns false after one line, or without one if the folder
 * does not exist and MAKE is false; then errno is ENOENT. */
static bool open_target(struct target *out, const struct page *page, const char *folder, bool make)
{
	struct target target = { .folder = open_folder(folder, make) };
	int error = errno;
	char *where = text_printable(folder);
	struct stat status;
	bool good = false;

	target.name = join(page->store, "", "");
	target.path = join(where, "/", page->store);
	if (target.folder >= 0)
		good = fstat(target.folder, &status) == 0 && is_safe(&status, where);
	else if (make || error != ENOENT)
		refuse(where, "cannot be %s: %s (expected a folder of your own)",
		       make ? "made" : "opened", strerror(error));
	free(where);
	if (!good) {
		error = target.folder >= 0 ? EPERM : error;
		close_target(&target);
		errno = error;
		return false;
	}
	*out = target;
	return true;
}

/* Reads a regular file of at most MOST bytes, without following a link or waiting for a FIFO.
 * Returns false after one line, or without one and with *MISSING set. */
static bool read_file(struct text *out, struct stat *status, const struct target *target,
                      size_t most, bool *missing)
{
	int fd = openat(target->folder, target->name,
	                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool good;

	*missing = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return *missing ? false
		                : refuse(target->path,
		                         "cannot be opened: %s (expected a regular file)",
		                         strerror(errno));
	if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode))
		good = refuse(target->path, "not a regular file");
	else
		good = text_read(out, fd, most) ||
		       refuse(target->path, "cannot be read: %s", strerror(errno));
	close(fd);
	return good;
}

static enum store_state parse_store(struct section *out, const struct page *page,
                                    const struct text *text, const char *where)
{
	if (!section_belongs(text->bytes, text->length, page->check)) {
		if (!section_is_whole(text->bytes, text->length, where))
			return STORE_TORN;
		refuse(where, "belongs to another script (expected check=%s)", page->check);
		return STORE_FOREIGN;
	}
	if (!section_parse(out, text->bytes, text->length, page->port, where))
		return STORE_TORN;
	if (page_fits(page, out, where))
		return STORE_GOOD;
	section_free(out);
	return STORE_FOREIGN;
}

enum store_state store_read(struct section *out, const struct page *page, const char *folder)
{
	enum store_state state = STORE_UNSAFE;
	struct text text = { 0 };
	struct target target;
	struct stat status;
	bool missing;

	*out = (struct section){ 0 };
	if (!open_target(&target, page, folder, false))
		return errno == ENOENT ? STORE_ABSENT : STORE_UNSAFE;
	if (!read_file(&text, &status, &target, SECTION_MOST, &missing))
		state = missing ? STORE_ABSENT : STORE_UNSAFE;
	else if (is_safe(&status, target.path))
		state = parse_store(out, page, &text, target.path);
	text_free(&text);
	close_target(&target);
	return state;
}

static unsigned count_lines(char *text, const char *line)
{
	unsigned count = 0;
	char *rest;

	for (char *next = strtok_r(text, "\n", &rest); next; next = strtok_r(NULL, "\n", &rest))
		count += strcmp(next, line) == 0;
	return count;
}

/* At each start, a script without xfrmkeep adds a line with its check value to this file. It has no
 * other store. */
static bool add_starts(struct section *section, const struct page *page, const char *folder)
{
	struct text text = { 0 };
	struct target target;
	struct stat status;
	bool missing, good;
	char *name, *path;

	if (!open_target(&target, page, folder, false))
		return errno == ENOENT;
	name = join(page->store, ".starts", "");
	path = join(target.path, ".starts", "");
	free(target.name);
	free(target.path);
	target.name = name;
	target.path = path;
	good = read_file(&text, &status, &target, STARTS_BYTES, &missing)
		? is_safe(&status, target.path) : missing;
	text_add(&text, "", 1);
	if (good)
		section_add_starts(section, count_lines(text.bytes, page->check));
	text_free(&text);
	close_target(&target);
	return good;
}

/* True for a script whose store should exist, because the first `up` writes both. */
static bool was_written(const struct section *script, const struct page *page, const char *folder)
{
	char *where;

	if (script->made <= 1)
		return false;
	where = text_printable(folder);
	refuse(page->path,
	       "the store %s/%s is lost (it was written %llu times): restore it, or make "
	       "new scripts",
	       where, page->store, script->made);
	free(where);
	return true;
}

enum store_state store_choose(struct section *out, const struct page *page, const char *folder)
{
	struct section script;
	enum store_state state = store_read(out, page, folder);

	if (!store_is_usable(state))
		return state;
	if (!page_section(&script, page)) {
		section_free(out);
		return STORE_SCRIPT_TORN;
	}
	if (state == STORE_ABSENT && was_written(&script, page, folder)) {
		section_free(&script);
		return STORE_LOST;
	}
	if (state == STORE_ABSENT && !add_starts(&script, page, folder)) {
		section_free(&script);
		return STORE_UNSAFE;
	}
	if (state == STORE_GOOD && script.made <= out->made) {
		section_free(&script);
		return STORE_GOOD;
	}
	section_free(out);
	*out = script;
	explicit_bzero(&script, sizeof script);
	return state == STORE_ABSENT ? STORE_ABSENT : STORE_OLDER;
}

/* Removes the temporary file of a killed run, if it is a regular file of this user. */
static bool remove_leftover(int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode) && status.st_uid == geteuid() && status.st_nlink == 1 &&
	       unlinkat(folder, name, 0) == 0;
}

static int create(int folder, const char *name)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	int fd = openat(folder, name, FLAGS, S_IRUSR | S_IWUSR);

	if (fd < 0 && errno == EEXIST) {
		if (remove_leftover(folder, name))
			fd = openat(folder, name, FLAGS, S_IRUSR | S_IWUSR);
		else
			errno = EEXIST;
	}
	return fd;
}

/* False with errno. The owner and mode are those of LIKE; NULL: this user, 0600. */
static bool fill(int fd, const struct text *text, const struct stat *like)
{
	return text_write(text, fd) && (!like || fchown(fd, like->st_uid, like->st_gid) == 0) &&
	       fchmod(fd, like ? like->st_mode & 07777 : S_IRUSR | S_IWUSR) == 0 && sync_file(fd);
}

/* False with errno. The file always has either the complete old text or the complete new one. The
 * temporary file NEW is removed if it is not renamed. */
static bool replace(const struct target *target, const char *new, const struct text *text,
                    const struct stat *like)
{
	int fd = create(target->folder, new), error;
	bool good;

	if (fd < 0)
		return false;
	good = fill(fd, text, like);
	error = errno;
	if (close(fd) != 0 && good) {
		error = errno;
		good = false;
	}
	if (good && renameat(target->folder, new, target->folder, target->name) == 0)
		return sync_file(target->folder);
	error = good ? errno : error;
	unlinkat(target->folder, new, 0);
	errno = error;
	return false;
}

/* A file size limit is an error like a full disk, and must not kill the program. */
static bool replace_file(const struct target *target, const char *new, const struct text *text,
                         const struct stat *like)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	bool good;
	int error;

	sigaction(SIGXFSZ, &ignore, &before);
	good = replace(target, new, text, like);
	error = errno;
	sigaction(SIGXFSZ, &before, NULL);
	errno = error;
	return good;
}

bool store_write(const struct section *section, const struct page *page, const char *folder)
{
	struct text text = { 0 };
	struct target target;
	char *new;
	bool good;

	if (!open_target(&target, page, folder, true))
		return false;
	new = join(page->store, ".new", "");
	section_print(&text, section);
	good = replace_file(&target, new, &text, NULL) ||
	       refuse(target.path, "cannot be written: %s", strerror(errno));
	text_free(&text);
	free(new);
	close_target(&target);
	return good;
}

/* The folder of the file itself, not of links to it. */
static bool open_script(struct target *out, const char *path)
{
	char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;
	int folder = -1;

	*out = (struct target){ .folder = -1, .path = text_printable(path) };
	if (slash) {
		out->name = join(slash + 1, "", "");
		slash[slash == real] = '\0';
		folder = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		out->folder = folder;
	}
	if (folder < 0)
		refuse(out->path, "cannot find it: %s (expected the script)", strerror(errno));
	free(real);
	return folder >= 0;
}

/* Replaces the script's section in its text. Returns false after one line if the script's section
 * does not belong to the same script. */
static bool make_script(struct text *out, const struct page *page, const struct section *section)
{
	const struct text *old = &page->text;
	size_t end = page->section_begin + page->section_length;

	if (strcmp(page->check, section->check) != 0)
		return refuse(page->path, "is now another script (expected check=%s)",
		              section->check);
	if (!section_is_whole(old->bytes + page->section_begin, page->section_length, page->path))
		return false;
	text_add(out, old->bytes, page->section_begin);
	section_print(out, section);
	text_add(out, old->bytes + end, old->length - end);
	return true;
}

static bool refuse_script(const struct target *target)
{
	static bool said;
	bool read_only = errno == EROFS || errno == EACCES || errno == EPERM;

	if (read_only && said)
		return false;
	said = said || read_only;
	return refuse(target->path, "cannot be rewritten: %s%s", strerror(errno),
	              read_only ? " (the script still has past secrets; the store has the current "
		"ones)"
	                        : "");
}

/* False with errno. A read-only script is not changed, even by root. */
static bool write_script(const struct target *target, const struct text *script,
                         const struct stat *old)
{
	char *new;
	bool good;

	errno = EACCES;
	if (!(old->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return false;
	new = join(".", target->name, ".new");
	good = replace_file(target, new, script, old);
	free(new);
	return good;
}

static bool rewrite(const struct section *section, const struct target *target)
{
	struct text text = { 0 }, script = { 0 };
	struct page page = { 0 };
	struct stat status;
	bool missing, good;

	good = read_file(&text, &status, target, PAGE_MOST, &missing) ||
	       (missing && refuse(target->path, "does not exist (expected the script)"));
	good = good && page_parse(&page, &text, target->path) &&
	       make_script(&script, &page, section) &&
	       (write_script(target, &script, &status) || refuse_script(target));
	text_free(&text);
	text_free(&script);
	page_free(&page);
	return good;
}

bool script_rewrite(const struct section *section, const char *path)
{
	struct target target;
	bool good = open_script(&target, path) && rewrite(section, &target);

	close_target(&target);
	return good;
}
