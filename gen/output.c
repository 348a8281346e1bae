#include "output.h"
#include "path.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1 /* linux/fs.h */
#endif

static char *join(const char *before, const char *between, const char *after)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", before, between, after) < 0)
		err(EXIT_BROKE, "memory");
	return joined;
}

/* The one that is begun, for who ends the program in the middle: memory does. */
static struct output *begun;

static void abandon(void)
{
	if (begun)
		output_end(begun, false);
}

static void begin(struct output *output)
{
	sigset_t all;

	if (output->begun)
		return;
	if (!begun)
		atexit(abandon);
	begun = output;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &output->signals);
	output->begun = true;
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool output_folder(struct output *output, const char *folder)
{
	char *around;
	bool good;

	begin(output);
	output->scripts = folder;
	if (is_folder(folder))
		return path_is_safe(folder, false, folder);
	around = path_folder(folder);
	good = !is_folder(around) || path_is_safe(around, true, folder);
	free(around);
	if (!good)
		return false;
	if (mkdir(folder, S_IRWXU) == 0)
		output->folder = join(folder, "", "");
	else if (errno != EEXIST)
		return refuse(path_shown(folder), "cannot be made: %s", strerror(errno));
	return true;
}

/* A signal that waits and ends the program when it no longer does. */
static bool is_told_to_end(const struct output *output)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ };
	sigset_t waiting;

	sigpending(&waiting);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigismember(&waiting, ends[i]) && !sigismember(&output->signals, ends[i]))
			return true;
	return false;
}

/* That its folder is not there will be said in time; of the folder of scripts all was said already. */
static bool is_safe_place(const struct output *output, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = output->scripts ? strlen(output->scripts) : 0;
	char *folder;
	bool good;

	if (length && strncmp(path, output->scripts, length) == 0 && slash == path + length)
		return true;
	folder = path_folder(path);
	good = !is_folder(folder) || path_is_safe(folder, true, path);
	free(folder);
	return good;
}

bool output_add(struct output *output, const char *path, const struct text *text)
{
	struct output_file *files = reallocarray(output->files, output->count + 1, sizeof *files), *file;
	bool good;
	int fd;

	if (!files)
		err(EXIT_BROKE, "memory");
	begin(output);
	output->files = files;
	if (!is_safe_place(output, path))
		return false;
	file = &files[output->count++];
	*file = (struct output_file){ .path = join(path, "", ""), .temporary = join(path, ".", "XXXXXX") };
	fd = mkostemp(file->temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0) {
		free(file->temporary);
		file->temporary = NULL;
		return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
	}
	good = text_write(text, fd);
	if (good) /* on its way to the disk, while the next one is made */
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (close(fd) != 0 || !good)
		return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
	return !is_told_to_end(output) || refuse(path_shown(path), "not written: told to end");
}

/* FAT and some network file systems have no hard links. */
static bool lacks_links(int error)
{
	return error == EPERM || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

/* Like rename(2), but takes no name that exists. */
static bool rename_to_new(const char *from, const char *to)
{
	int fd;

	if (link(from, to) == 0) /* and FROM goes with all that is left over */
		return true;
	if (!lacks_links(errno))
		return false;
	if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS && !lacks_links(errno))
		return false;
	/* the name is ours from the moment that an empty file has it */
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	close(fd);
	if (rename(from, to) == 0)
		return true;
	unlink(to);
	return false;
}

/* Lays the file that is there aside, if one is; by another name for it where there are links, so that it is never gone. */
static bool lay_aside(struct output_file *file)
{
	struct stat status;

	if (lstat(file->path, &status) != 0)
		return true; /* rename(2) will say what is wrong */
	file->backup = join(file->temporary, ".", "old");
	if (link(file->path, file->backup) == 0 || (lacks_links(errno) && rename(file->path, file->backup) == 0))
		return true;
	free(file->backup);
	file->backup = NULL;
	return false;
}

/* Only a regular file is replaced: a device or a link has a meaning elsewhere. */
static bool may_replace(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0 || S_ISREG(status.st_mode))
		return true; /* what is wrong else is said when it is tried */
	return refuse(path_shown(path), "%s: --force replaces regular files only", S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
}

/* Gives the new text its name. */
static bool place(struct output_file *file, bool force)
{
	if (force && !may_replace(file->path))
		return false;
	if (force)
		file->placed = lay_aside(file) && rename(file->temporary, file->path) == 0;
	else
		file->placed = rename_to_new(file->temporary, file->path);
	if (file->placed)
		return true;
	if (errno == EEXIST)
		return refuse(path_shown(file->path), "exists; --force replaces it, -o another folder leaves it");
	return refuse(path_shown(file->path), "cannot be written: %s", strerror(errno));
}

/* The names are on the disk too; a file system that knows no such thing is fine. */
static bool sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;

	if (!good)
		refuse(path_shown(folder), "cannot be written: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

static bool sync_folders(const struct output *output)
{
	char *before = NULL;
	bool good = true;

	for (size_t i = 0; good && i < output->count; i++) {
		char *folder = path_folder(output->files[i].path);

		if (!before || strcmp(folder, before) != 0)
			good = sync_folder(folder);
		free(before);
		before = folder;
	}
	free(before);
	if (good && output->folder) {
		char *around = path_folder(output->folder);

		good = sync_folder(around);
		free(around);
	}
	return good;
}

static bool sync_file(const struct output_file *file)
{
	int fd = open(file->temporary, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		refuse(path_shown(file->path), "cannot be written: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

bool output_place(struct output *output, bool force)
{
	for (size_t i = 0; i < output->count; i++)
		if (!sync_file(&output->files[i]))
			return false;
	for (size_t i = 0; i < output->count; i++)
		if (!place(&output->files[i], force))
			return false;
	return sync_folders(output);
}

static void put_back(struct output_file *file)
{
	if (file->backup)
		rename(file->backup, file->path);
	else if (file->placed)
		unlink(file->path);
}

void output_end(struct output *output, bool good)
{
	for (size_t i = 0; i < output->count; i++) {
		struct output_file *file = &output->files[i];

		if (!good)
			put_back(file);
		if (file->temporary)
			unlink(file->temporary);
		if (file->backup)
			unlink(file->backup);
		free(file->path);
		free(file->temporary);
		free(file->backup);
	}
	if (!good && output->folder)
		rmdir(output->folder);
	free(output->folder);
	free(output->files);
	if (output->begun)
		sigprocmask(SIG_SETMASK, &output->signals, NULL);
	begun = NULL;
	*output = (struct output){ 0 };
}

bool output_print(const char *path, const struct text *text)
{
	/* not stdio: its buffer would keep the keys */
	if ((path && dprintf(STDOUT_FILENO, "# %s:\n", path_shown(path)) < 0) || !text_write(text, STDOUT_FILENO))
		return refuse("standard output", "%s", strerror(errno));
	return true;
}
