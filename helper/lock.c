/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "lock.h"
#include "number.h"
#include "say.h"

#include <err.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	TRIES = 100,       /* of the lock ... */
	PAUSE = 100000000, /* ... each so many nanoseconds after the last one: 10 s in all */
	PID_MOST = 1 << 22,
	COMMAND = 4096, /* bytes of a process's arguments, beside known ones */
};

/* The lock that this process holds, to be removed at exit or by a signal handler. */
static int held_in = -1;
static char held_name[80];

static const char *folder(void)
{
	const char *given = getenv("XFRMPAIR_RUN");

	return given && *given ? given : "/run/xfrmpair";
}

/* ---- Files ---- */

/* Reads a small text file completely; false if it does not exist or is longer. */
static bool read_file(int above, const char *name, char *out, size_t room, size_t *length)
{
	int fd = openat(above, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = 0;

	*length = 0;
	if (fd < 0)
		return false;
	while (*length < room && (got = read(fd, out + *length, room - *length)) > 0)
		*length += (size_t)got;
	close(fd);
	return got >= 0 && *length < room;
}

/* ---- Folders ---- */

static bool is_own(int fd, const char *path)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return refuse(path, "%s", strerror(errno));
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse(path, "belongs to user %u (expected root or your own)",
			      (unsigned)status.st_uid);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(path, "others can write to it (expected mode 0700)");
	return true;
}

/* Opens a folder if it exists; else *FD is -1. */
static bool open_folder(int *fd, int above, const char *name, const char *path)
{
	*fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return true;
	if (*fd < 0 && errno == EACCES)
		return refuse(NULL, "no-permission: run this as root (cannot open %s)", path);
	if (*fd < 0)
		return refuse(path, "%s (expected a folder of root, or your own)",
			      strerror(errno));
	return is_own(*fd, path);
}

/* The boot and the network namespace that this process is in. */
static bool present_boot(char out[128])
{
	char id[40], space[64] = "";
	ssize_t linked = readlink("/proc/self/ns/net", space, sizeof space - 1);
	size_t length;

	if (linked < 0 || !read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof id, &length))
		return false;
	id[length] = '\0';
	snprintf(out, 128, "%.*s@%s", (int)strcspn(id, "\n"), id, space);
	return true;
}

static enum run_state state_of(const struct run *run)
{
	char recorded[128], present[128];

	if (run->fd < 0)
		return RUN_DOWN;
	if (run_read(run, "boot", recorded, sizeof recorded) && present_boot(present) &&
	    strcmp(recorded, present) == 0)
		return RUN_UP;
	return RUN_STALE;
}

static const char *name_of(const struct run *run)
{
	return strrchr(run->path, '/') + 1;
}

static bool open_run(struct run *run)
{
	if (run->fd >= 0)
		close(run->fd);
	run->fd = -1;
	if (run->above >= 0 &&
	    !open_folder(&run->fd, run->above, name_of(run), run->path))
		return false;
	run->state = state_of(run);
	return true;
}

bool run_open(struct run *run, const char *store)
{
	*run = (struct run){ .above = -1, .fd = -1 };
	if (snprintf(run->path, sizeof run->path, "%s/%s", folder(), store) >=
		    (int)sizeof run->path ||
	    snprintf(run->busy, sizeof run->busy, "%s.busy", store) >= (int)sizeof run->busy)
		return refuse("XFRMPAIR_RUN", "the path is too long");
	return open_folder(&run->above, AT_FDCWD, folder(), folder()) && open_run(run);
}

/* ---- Processes ---- */

/* True if the command line of the process is COMMAND, or ends in it after a blank or slash. */
static bool ends_in(char *words, size_t length, const char *command, size_t wanted)
{
	const char *at;

	if (length < wanted + 1 || words[length - 1])
		return false;
	for (size_t i = 0; i + 1 < length; i++)
		if (!words[i])
			words[i] = ' ';
	at = words + length - 1 - wanted;
	return strcmp(at, command) == 0 && (at == words || at[-1] == '/' || at[-1] == ' ');
}

bool process_is(pid_t pid, const char *command)
{
	const size_t wanted = strlen(command), room = wanted + COMMAND; /* and an interpreter */
	char path[64], *words = malloc(room);
	size_t length;
	bool is;

	if (!words)
		err(EXIT_BROKE, "memory");
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	is = read_file(AT_FDCWD, path, words, room, &length) &&
	     ends_in(words, length, command, wanted);
	free(words);
	return is;
}

size_t process_read(pid_t pid, const char *file, char *out, size_t room)
{
	char path[64];
	size_t length;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	read_file(AT_FDCWD, path, out, room - 1, &length);
	out[length] = '\0';
	return length;
}

/* True for a shell or this program. Any other process has reused the pid. */
static bool may_hold(pid_t pid)
{
	static const char *const names[] = { "sh",   "ash", "dash",    "bash",
					     "mksh", "ksh", "busybox", "xfrmkeep" };
	char path[64], words[COMMAND];
	const char *name;
	size_t length;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	if (!read_file(AT_FDCWD, path, words, sizeof words - 1, &length))
		return access(path, F_OK) == 0; /* too long, or not readable: assume that it holds
		                                 * the lock */
	words[length] = '\0';
	name = strrchr(words, '/');
	name = name ? name + 1 : words;
	name += *name == '-'; /* a login shell */
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* ---- The lock ---- */

static void drop_lock(void)
{
	if (held_in >= 0)
		unlinkat(held_in, held_name, 0);
	held_in = -1;
}

static void end_by_signal(int number)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };

	drop_lock();
	sigaction(number, &standard, NULL);
	raise(number);
}

static void watch_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	const struct sigaction action = { .sa_handler = end_by_signal };
	struct sigaction before;

	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(numbers[i], &action, NULL);
}

/* The pid in the lock; 0: no lock; -1: not a lock of these programs. */
static pid_t holder(const struct run *run)
{
	char target[24];
	ssize_t length = readlinkat(run->above, run->busy, target, sizeof target - 1);
	unsigned long long pid;

	if (length < 0)
		return errno == ENOENT ? 0 : -1;
	target[length] = '\0';
	return number_parse(&pid, target, 1, PID_MOST) ? (pid_t)pid : -1;
}

/* Only one process at a time checks for a stale lock. Otherwise two could find it, and the slower
 * one would remove the new lock of the faster one. */
static void remove_stale(const struct run *run)
{
	pid_t pid;

	if (flock(run->above, LOCK_EX | LOCK_NB) < 0)
		return;
	pid = holder(run);
	if (pid > 0 && !may_hold(pid))
		unlinkat(run->above, run->busy, 0);
	flock(run->above, LOCK_UN);
}

static bool fail_make(const char *path)
{
	if (errno == EACCES || errno == EPERM)
		return refuse(NULL, "no-permission: run this as root (cannot make %s)", path);
	return refuse(path, "cannot be made: %s", strerror(errno));
}

static bool make_folder(struct run *run)
{
	if (run->above >= 0)
		return true;
	if (mkdir(folder(), 0700) < 0 && errno != EEXIST)
		return fail_make(folder());
	return open_folder(&run->above, AT_FDCWD, folder(), folder()) &&
	       (run->above >= 0 || refuse(folder(), "was removed meanwhile"));
}

static bool try_lock(struct run *run, pid_t *pid)
{
	char own[24];

	snprintf(own, sizeof own, "%d", (int)getpid());
	run->locked = symlinkat(own, run->above, run->busy) == 0;
	*pid = run->locked ? 0 : holder(run);
	return run->locked;
}

static void keep_lock(const struct run *run)
{
	static bool registered; /* a follower takes the lock repeatedly */

	snprintf(held_name, sizeof held_name, "%s", run->busy);
	held_in = run->above;
	if (!registered)
		atexit(drop_lock);
	registered = true;
}

bool run_try_lock(struct run *run)
{
	pid_t pid;

	if (run->above < 0)
		return false;
	remove_stale(run);
	watch_signals();
	if (!try_lock(run, &pid))
		return false;
	keep_lock(run);
	return open_run(run);
}

pid_t run_holder(const struct run *run)
{
	pid_t pid = run->above < 0 ? 0 : holder(run);

	return pid > 0 && may_hold(pid) ? pid : 0;
}

bool run_lock(struct run *run)
{
	const struct timespec pause = { .tv_nsec = PAUSE };
	pid_t pid;

	if (!make_folder(run))
		return false;
	watch_signals();
	for (unsigned tries = 0; !try_lock(run, &pid); tries++) {
		if (tries == TRIES || (pid < 0 && errno != EINVAL))
			return refuse(run->path,
				      pid > 0 ? "process %d is changing this tunnel"
					      : "cannot be locked (expected a folder of your own)",
				      (int)pid);
		remove_stale(run);
		if (holder(run))
			nanosleep(&pause, NULL);
	}
	keep_lock(run);
	return open_run(run);
}

void run_close(struct run *run)
{
	if (run->locked)
		drop_lock();
	if (run->fd >= 0)
		close(run->fd);
	if (run->above >= 0)
		close(run->above);
	*run = (struct run){ .above = -1, .fd = -1 };
}

/* ---- The folder ---- */

bool run_make(struct run *run)
{
	char boot[128];

	if (mkdirat(run->above, name_of(run), 0700) < 0)
		return fail_make(run->path);
	if (!present_boot(boot))
		refuse("/proc", "cannot be read");
	else if (open_run(run) && run_write(run, "boot", boot))
		return true;
	run_remove(run);
	return false;
}

bool run_remove(struct run *run)
{
	DIR *files = opendir(run->path);
	struct dirent *entry;

	while (files && (entry = readdir(files)))
		unlinkat(run->fd, entry->d_name, 0);
	if (files)
		closedir(files);
	close(run->fd);
	run->fd = -1;
	return unlinkat(run->above, name_of(run), AT_REMOVEDIR) == 0 || errno == ENOENT ||
	       refuse(run->path, "cannot be removed: %s", strerror(errno));
}

bool run_read(const struct run *run, const char *name, char *out, size_t room)
{
	size_t length;

	if (run->fd < 0 || !read_file(run->fd, name, out, room, &length))
		return false;
	length -= length && out[length - 1] == '\n';
	out[length] = '\0';
	return strlen(out) == length;
}

bool run_write(const struct run *run, const char *name, const char *text)
{
	int fd = openat(run->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good = fd >= 0 && dprintf(fd, "%s\n", text) >= 0;

	if (!good)
		refuse(run->path, "%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

bool run_has(const struct run *run, const char *name)
{
	return run->fd >= 0 && faccessat(run->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool run_punched(const struct run *run)
{
	char hole[128];

	return run_read(run, "hole", hole, sizeof hole) &&
	       (*hole == '[' || isdigit((unsigned char)*hole));
}

pid_t run_process(const struct run *run, const char *name, const char *command)
{
	unsigned long long pid;
	char text[24];

	if (!run_read(run, name, text, sizeof text) || !number_parse(&pid, text, 1, PID_MOST) ||
	    !process_is((pid_t)pid, command))
		return 0;
	return (pid_t)pid;
}
