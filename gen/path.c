/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "path.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f;
}

const char *path_shown(const char *path)
{
	enum { SLOTS = 4, MOST = 384, ESCAPED = sizeof "\\xNN" - 1 }; /* fits a line of refuse() */
	static char slots[SLOTS][sizeof "..." + MOST];
	static unsigned turn;
	char *out = slots[turn++ % SLOTS], *p;
	const char *from = path + strlen(path);

	for (size_t left = MOST; from > path; from--) {
		size_t width = is_plain(from[-1]) ? 1 : ESCAPED;

		if (width > left)
			break;
		left -= width;
	}
	p = stpcpy(out, from > path ? "..." : "");
	for (; *from; from++)
		p += sprintf(p, is_plain(*from) ? "%c" : "\\x%02x", (unsigned char)*from);
	return out;
}

/* The result of dirname(3) or basename(3) for PATH. The caller frees. */
static char *part_of(const char *path, char *(*make)(char *))
{
	char *copy = strdup(path), *part = copy ? strdup(make(copy)) : NULL;

	if (!part)
		err(EXIT_BROKE, "memory");
	free(copy);
	return part;
}

char *path_folder(const char *path)
{
	return part_of(path, dirname);
}

bool path_same(const char *one, const char *two)
{
	char *names[] = { part_of(one, basename), part_of(two, basename) };
	char *folders[] = { path_folder(one), path_folder(two) };
	struct stat a, b;
	bool one_there = stat(one, &a) == 0, two_there = stat(two, &b) == 0, same;

	if (one_there && two_there)
		same = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	else if (one_there || two_there || strcmp(one, folders[0]) == 0) /* that is . or / */
		same = false;
	else
		same = strcmp(names[0], names[1]) == 0 && path_same(folders[0], folders[1]);
	for (int i = 0; i < 2; i++) {
		free(names[i]);
		free(folders[i]);
	}
	return same;
}

/* PLACE is the given path ITSELF, or a folder above it. */
static bool is_safe(const char *place, bool itself, bool sticky, const char *path)
{
	static const char expected[] = "expected a place that only you and root can write to";
	const char *name = itself ? "" : path_shown(place);
	struct stat status;
	unsigned mode;

	if (stat(place, &status) != 0)
		return refuse(path_shown(path), "%s: %s", path_shown(place), strerror(errno));
	if (S_ISREG(status.st_mode)) /* only the folders above it are checked */
		return true;
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse(path_shown(path), "%s%sbelongs to user %lu (%s)", name,
		              itself ? "" : " ", (unsigned long)status.st_uid, expected);
	mode = status.st_mode & 07777;
	if (mode & (S_IWGRP | S_IWOTH) && !(sticky && mode & S_ISVTX))
		return refuse(path_shown(path),
		              "others can write %s%s (mode %04o; %s)",
		              itself ? "there" : "in ", name, mode, expected);
	return true;
}

bool path_is_safe(const char *place, bool sticky, const char *path)
{
	char *real = realpath(place, NULL), *slash;
	bool good;

	if (!real)
		return refuse(path_shown(path), "%s: %s", path_shown(place), strerror(errno));
	good = is_safe(real, strcmp(place, path) == 0, sticky, path);
	while (good && strcmp(real, "/") != 0) {
		slash = strrchr(real, '/');
		slash[slash == real] = '\0';
		good = is_safe(real, false, true, path);
	}
	free(real);
	return good;
}

static bool refuse_unreadable(const char *path, const char *what)
{
	return refuse(path_shown(path), "%s (expected %s that can be read)", strerror(errno), what);
}

/* True if the FIFO has a writer, or data from one. Then it is read to its end, like a file. */
static bool is_written(int fd, struct text *begun)
{
	char first;
	ssize_t got = read(fd, &first, 1);

	if (got > 0)
		text_add(begun, &first, 1);
	explicit_bzero(&first, 1); /* it may be part of a key */
	return got > 0 || (got < 0 && errno == EAGAIN);
}

int path_open(const char *path, const char *what, struct text *begun)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0)
		refuse_unreadable(path, what);
	else if (S_ISFIFO(status.st_mode) && !is_written(fd, begun))
		refuse(path_shown(path), "FIFO has no writer (expected %s)", what);
	else if (fcntl(fd, F_SETFL, 0) != 0) /* no longer O_NONBLOCK */
		refuse_unreadable(path, what);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool read_private(struct text *text, int fd, const char *path, const char *what, size_t most)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return refuse_unreadable(path, what);
	if (status.st_mode & (S_IRWXG | S_IRWXO))
		return refuse(path_shown(path), "readable by others (mode %04o): chmod 600 it and "
		              "consider new keys",
		              (unsigned)(status.st_mode & 07777));
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse(path_shown(path), "belongs to user %lu (expected %s of your own)",
		              (unsigned long)status.st_uid, what);
	if (S_ISREG(status.st_mode) && !path_is_safe(path, true, path))
		return false;
	if (!text_read(text, fd, most))
		return refuse_unreadable(path, what);
	if (strlen(text->bytes) != text->length)
		return refuse(path_shown(path), "NUL byte (expected a text file)");
	return true;
}

bool path_read_private(struct text *text, const char *path, const char *what, size_t most)
{
	int fd = path_open(path, what, text);
	bool good;

	if (fd < 0)
		return false;
	good = read_private(text, fd, path, what, most);
	close(fd);
	return good;
}
