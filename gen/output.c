#include "output.h"
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

static char *join(const char *before, const char *between, const char *after)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", before, between, after) < 0)
		err(EXIT_BROKE, "memory");
	return joined;
}

static struct output_file *new_file(struct output *output)
{
	struct output_file *files = reallocarray(output->files, output->count + 1, sizeof *files);

	if (!files)
		err(EXIT_BROKE, "memory");
	output->files = files;
	return &files[output->count++];
}

struct text *output_add(struct output *output, const char *folder, const char *name)
{
	struct output_file *file = new_file(output);

	*file = (struct output_file){ .path = folder ? join(folder, "/", name) : join(name, "", "") };
	return &file->text;
}

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(fd, bytes, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		count -= (size_t)written;
	}
	return true;
}

/* The new text under a name beside the final one, on the disk. */
static bool prepare(struct output_file *file)
{
	int fd;
	bool good;

	file->temporary = join(file->path, ".", "XXXXXX");
	fd = mkostemp(file->temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0) {
		free(file->temporary);
		file->temporary = NULL;
		return refuse(file->path, "cannot be written: %s", strerror(errno));
	}
	good = write_all(fd, file->text.bytes, file->text.length) && fsync(fd) == 0;
	if (close(fd) != 0 || !good)
		return refuse(file->path, "cannot be written: %s", strerror(errno));
	return true;
}

/* Gives the new text its name. */
static bool place(struct output_file *file, bool force)
{
	if (force) {
		file->backup = join(file->temporary, ".", "old");
		if (link(file->path, file->backup) != 0) {
			free(file->backup);
			file->backup = NULL;
		}
		file->placed = rename(file->temporary, file->path) == 0;
	} else {
		/* unlike rename(2), link(2) takes no name that exists */
		file->placed = link(file->temporary, file->path) == 0;
	}
	if (file->placed)
		return true;
	if (errno == EEXIST)
		return refuse(file->path, "exists; --force replaces it, -o another folder leaves it");
	return refuse(file->path, "cannot be written: %s", strerror(errno));
}

static void put_back(struct output_file *file)
{
	if (file->placed && file->backup) {
		rename(file->backup, file->path);
		free(file->backup);
		file->backup = NULL;
	} else if (file->placed) {
		unlink(file->path);
	}
}

static void remove_extra(struct output_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	if (file->backup)
		unlink(file->backup);
	free(file->temporary);
	free(file->backup);
	file->temporary = file->backup = NULL;
}

bool output_write(struct output *output, const char *folder, bool force)
{
	sigset_t all, before;
	bool made, good = true;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	made = folder && mkdir(folder, S_IRWXU) == 0;
	for (size_t i = 0; good && i < output->count; i++)
		good = prepare(&output->files[i]);
	for (size_t i = 0; good && i < output->count; i++)
		good = place(&output->files[i], force);
	for (size_t i = 0; i < output->count; i++) {
		if (!good)
			put_back(&output->files[i]);
		remove_extra(&output->files[i]);
	}
	if (!good && made)
		rmdir(folder);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return good;
}

bool output_print(const struct output *output, bool names)
{
	/* not stdio: its buffer would keep the keys */
	for (size_t i = 0; i < output->count; i++) {
		const struct output_file *file = &output->files[i];

		if (names && dprintf(STDOUT_FILENO, "# %s:\n", file->path) < 0)
			return refuse("standard output", "%s", strerror(errno));
		if (!write_all(STDOUT_FILENO, file->text.bytes, file->text.length))
			return refuse("standard output", "%s", strerror(errno));
	}
	return true;
}

void output_move(struct output *output, struct output *from)
{
	for (size_t i = 0; i < from->count; i++)
		*new_file(output) = from->files[i];
	free(from->files);
	*from = (struct output){ 0 };
}

void output_free(struct output *output)
{
	for (size_t i = 0; i < output->count; i++) {
		text_free(&output->files[i].text);
		free(output->files[i].path);
	}
	free(output->files);
	*output = (struct output){ 0 };
}
