#include "path.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as C takes as it is shown. */
static size_t width(unsigned char c)
{
	return c >= ' ' && c < 0x7f ? 1 : sizeof "\\xNN" - 1;
}

const char *path_shown(const char *path)
{
	enum { SLOTS = 4, MOST = 384 }; /* with what stands around it a line of refuse() */
	static char slots[SLOTS][sizeof "..." + MOST];
	static unsigned turn;
	static const char hex[] = "0123456789abcdef";
	char *out = slots[turn++ % SLOTS], *p = out;
	size_t length = 0;

	for (const char *rest = path; *rest; rest++)
		length += width((unsigned char)*rest);
	if (length > MOST)
		p = stpcpy(p, "...");
	for (; length > MOST; path++)
		length -= width((unsigned char)*path);
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (width(c) == 1) {
			*p++ = (char)c;
		} else {
			*p++ = '\\';
			*p++ = 'x';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
	}
	*p = '\0';
	return out;
}

char *path_folder(const char *path)
{
	size_t length = strlen(path);
	char *folder;

	while (length > 0 && path[length - 1] == '/')
		length--;
	while (length > 0 && path[length - 1] != '/')
		length--;
	while (length > 1 && path[length - 1] == '/')
		length--;
	folder = length ? strndup(path, length) : strdup(path[0] == '/' ? "/" : ".");
	if (!folder)
		err(EXIT_BROKE, "memory");
	return folder;
}

/* The last name of PATH, and its length. */
static const char *name_of(const char *path, size_t *length)
{
	const char *end = path + strlen(path), *name;

	while (end > path && end[-1] == '/')
		end--;
	for (name = end; name > path && name[-1] != '/'; name--)
		;
	*length = (size_t)(end - name);
	return name;
}

char *path_name(const char *path)
{
	size_t length;
	const char *begin = name_of(path, &length);
	char *name = strndup(begin, length);

	if (!name)
		err(EXIT_BROKE, "memory");
	return name;
}

static bool same_place(const char *one, const char *two, unsigned depth)
{
	size_t one_length, two_length;
	const char *one_name = name_of(one, &one_length), *two_name = name_of(two, &two_length);
	char *one_folder, *two_folder;
	struct stat a, b;
	bool one_there = depth && stat(one, &a) == 0, two_there = depth && stat(two, &b) == 0, same;

	if (one_there && two_there)
		return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	if (depth > PATH_MAX || one_there || two_there || one_length != two_length || !one_length || memcmp(one_name, two_name, one_length) != 0)
		return false;
	one_folder = path_folder(one);
	two_folder = path_folder(two);
	same = same_place(one_folder, two_folder, depth + 1);
	free(one_folder);
	free(two_folder);
	return same;
}

bool path_same(const char *one, const char *two)
{
	struct stat a, b;

	return same_place(one, two, 0) || (stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

/* PLACE is FOLDER or around it. */
static bool is_safe(const char *place, bool itself, bool sticky, const char *path)
{
	static const char want[] = "want a place where only you and root can write";
	const char *shown_place = itself ? "there" : path_shown(place), *in = itself ? "" : "in ";
	struct stat status;
	unsigned mode;

	if (stat(place, &status) != 0)
		return refuse(path_shown(path), "%s: %s", path_shown(place), strerror(errno));
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse(path_shown(path), "%s%sbelongs to user %lu: %s", itself ? "" : shown_place, itself ? "" : " ", (unsigned long)status.st_uid,
		              want);
	mode = status.st_mode & 07777;
	if (mode & (S_IWGRP | S_IWOTH) && !(sticky && mode & S_ISVTX))
		return refuse(path_shown(path), "others than its owner can write %s%s (mode %04o): %s", in, shown_place, mode, want);
	return true;
}

bool path_is_safe(const char *folder, bool sticky, const char *path)
{
	char *real = realpath(folder, NULL), *end;
	bool good = true, itself = strcmp(folder, path) == 0;

	if (!real)
		return refuse(path_shown(path), "%s: %s", path_shown(folder), strerror(errno));
	for (;;) {
		good = is_safe(real, itself, sticky, path);
		if (!good || strcmp(real, "/") == 0)
			break;
		end = strrchr(real, '/');
		end[end == real] = '\0';
		itself = false;
		sticky = true;
	}
	free(real);
	return good;
}

/* True when somebody writes, or has written, to the FIFO: then it is read to its end, like a file. */
static bool is_written(int fd, struct text *begun)
{
	char first;
	ssize_t got = read(fd, &first, 1);

	if (got > 0)
		text_add(begun, &first, 1);
	explicit_bzero(&first, 1); /* of a key, perhaps */
	return got > 0 || (got < 0 && errno == EAGAIN);
}

int path_open(const char *path, const char *what, struct text *begun)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), flags;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0 || (flags = fcntl(fd, F_GETFL)) < 0) {
		refuse(path_shown(path), "%s: want %s that can be read", strerror(errno), what);
	} else if (S_ISFIFO(status.st_mode) && !is_written(fd, begun)) {
		refuse(path_shown(path), "a FIFO that nobody writes to: want %s", what);
	} else if (fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
		refuse(path_shown(path), "%s: want %s that can be read", strerror(errno), what);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Where the file is, not where a link to it is. */
static bool is_safe_place(const char *path, const char *what)
{
	char *real = realpath(path, NULL), *folder;
	bool good;

	if (!real)
		return refuse(path_shown(path), "%s: want %s that can be read", strerror(errno), what);
	folder = path_folder(real);
	good = path_is_safe(folder, true, path);
	free(folder);
	free(real);
	return good;
}

bool path_read_private(struct text *text, const char *path, const char *what, size_t most)
{
	int fd = path_open(path, what, text);
	struct stat status;
	bool good = true;

	if (fd < 0)
		return false;
	if (fstat(fd, &status) != 0)
		good = refuse(path_shown(path), "%s: want %s that can be read", strerror(errno), what);
	else if (status.st_mode & (S_IRWXG | S_IRWXO))
		good = refuse(path_shown(path), "others than its owner can use it (mode %04o): want 0600, chmod 600 it and think of fresh keys",
		              (unsigned)(status.st_mode & 07777));
	else if (status.st_uid != 0 && status.st_uid != geteuid())
		good = refuse(path_shown(path), "belongs to user %lu: want %s of your own", (unsigned long)status.st_uid, what);
	else if (S_ISREG(status.st_mode) && !is_safe_place(path, what))
		good = false;
	else if (!text_read(text, fd, most))
		good = refuse(path_shown(path), "%s: want %s that can be read", strerror(errno), what);
	else if (strlen(text->bytes) != text->length)
		good = refuse(path_shown(path), "a NUL byte: want a text file");
	close(fd);
	return good;
}
