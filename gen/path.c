#include "path.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *path_shown(const char *path)
{
	enum { SLOTS = 4, ESCAPED = sizeof "\\xNN" - 1, MOST = ESCAPED * PATH_MAX };
	static char slots[SLOTS][MOST + sizeof "..."];
	static unsigned turn;
	static const char hex[] = "0123456789abcdef";
	char *out = slots[turn++ % SLOTS], *p = out;

	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (p - out > MOST - ESCAPED) {
			strcpy(p, "...");
			return out;
		}
		if (c >= ' ' && c < 0x7f) {
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

/* True when somebody writes, or has written, to the FIFO: then it is read to its end, like a file. */
static bool is_written(int fd, struct text *begun)
{
	char first;
	ssize_t got = read(fd, &first, 1);

	if (got > 0)
		text_add(begun, &first, 1);
	first = '\0';
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
