/* What is written waits in a staging folder, .xfrmpair-XXXXXX, in the folder whose names change:
 *
 *     new.NAME   the new file, or the new folder of scripts, until it takes its name
 *     old.NAME   the file that it replaces: another name for it, where there are links
 *     none.NAME  nothing had that name
 *
 * A new.NAME that is gone has taken its name.  When all are gone the run is complete.  Until then all of it can be undone from
 * what is in there: by the run itself or, after a kill, by the next one; each step may be the last.  Keys that go elsewhere wait
 * there, in .xfrmpair-XXXXXX.keys, and stay only if the scripts do.  The folders are locked as long as their run lives. */
#include "output.h"
#include "path.h"
#include "say.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1 /* linux/fs.h */
#endif

#define STAGING ".xfrmpair-XXXXXX"
#define STAGINGS ".xfrmpair-??????"
#define KEYS ".keys"

static const struct output_place nowhere = { .folder_fd = -1, .staging_fd = -1 };

static char *join(const char *before, const char *between, const char *after)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", before, between, after) < 0)
		err(EXIT_BROKE, "memory");
	return joined;
}

enum { ENTRY = sizeof "none." + NAME_MAX };

/* The name in a staging folder; one that is too long stays so. */
static const char *entry(char out[ENTRY], const char *kind, const char *name)
{
	snprintf(out, ENTRY, "%s.%s", kind, name);
	return out;
}

static const char *name_of(const char *entry)
{
	return strchr(entry, '.') + 1;
}

static bool is_there(int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Calls ACT for those names in FOLDER that are like PATTERN, as they are now, until it is false. */
static bool each(const char *folder, const char *pattern, bool (*act)(void *context, const char *name), void *context)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);
	bool good = true;

	if (count < 0) /* where nobody may look nothing is looked for */
		return errno == EACCES || refuse(path_shown(folder), "cannot be read: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		if (good && fnmatch(pattern, names[i]->d_name, 0) == 0)
			good = act(context, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return good;
}

/* For NAME in the place, with what errno means. */
static bool refuse_name(const struct output_place *place, const char *name, const char *what)
{
	int error = errno;
	char *path = join(place->folder, "/", name);

	refuse(path_shown(path), "%s: %s", what, strerror(error));
	free(path);
	return false;
}

/* FAT and some network file systems have no hard links. */
static bool lacks_links(int error)
{
	return error == EPERM || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

/* Like renameat(2), but takes no name that exists. */
static bool rename_to_new(int from_folder, const char *from, int to_folder, const char *to)
{
	if (syscall(SYS_renameat2, from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (linkat(from_folder, from, to_folder, to, 0) == 0) /* NFS has these */
		return unlinkat(from_folder, from, 0) == 0;
	if (!lacks_links(errno))
		return false;
	if (!is_there(to_folder, to))
		return renameat(from_folder, from, to_folder, to) == 0;
	errno = EEXIST;
	return false;
}

/* True when what waits as ENTRY has its name, too: by a link that was on its way to be a rename, or because it was never without. */
static bool is_placed(void *context, const char *entry)
{
	const struct output_place *place = context;
	struct stat a, b;

	return fstatat(place->staging_fd, entry, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(place->folder_fd, name_of(entry), &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Takes the new file its name again, if it has it. */
static bool take_away(struct output_place *place, const char *name)
{
	char new[ENTRY];

	if (is_placed(place, entry(new, "new", name)))
		unlinkat(place->staging_fd, new, 0);
	if (is_there(place->staging_fd, new))
		return true;
	if (renameat(place->folder_fd, name, place->staging_fd, new) == 0)
		place->taken++;
	else if (errno != ENOENT)
		return refuse_name(place, name, "cannot be taken away");
	return true;
}

static bool undo_none(void *context, const char *none)
{
	struct output_place *place = context;

	if (!take_away(place, name_of(none)))
		return false;
	unlinkat(place->staging_fd, none, 0);
	return true;
}

static bool refuse_taken(const struct output_place *place, const char *old)
{
	char *path = join(place->folder, "/", name_of(old)), *aside = join(place->staging_path, "/", old);

	refuse(path_shown(path), "has come where a run was killed, whose old file is %s: want one of the two away", path_shown(aside));
	free(path);
	free(aside);
	return false;
}

static bool undo_old(void *context, const char *old)
{
	struct output_place *place = context;

	if (!take_away(place, name_of(old)))
		return false;
	if (rename_to_new(place->staging_fd, old, place->folder_fd, name_of(old)))
		place->back++;
	else if (errno != EEXIST)
		return refuse_name(place, name_of(old), "cannot be put back");
	else if (!is_placed(place, old)) /* somebody's, who came after a run without links was killed */
		return refuse_taken(place, old);
	unlinkat(place->staging_fd, old, 0);
	return true;
}

static bool undo(struct output_place *place)
{
	return !place->staging_path || (each(place->staging_path, "old.*", undo_old, place) && each(place->staging_path, "none.*", undo_none, place));
}

static int remove_any(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	remove(path);
	return 0;
}

/* Ends a run: undoes it unless it was GOOD, and removes its staging folders; KEYS may be nowhere.  False, after one line, when old
 * files cannot be put back: they stay in there. */
static bool settle(struct output_place *first, struct output_place *keys, bool good)
{
	if (!good && !(undo(first) && undo(keys)))
		return false;
	if (keys->staging_path)
		nftw(keys->staging_path, remove_any, 8, FTW_DEPTH | FTW_PHYS);
	if (first->staging_path)
		nftw(first->staging_path, remove_any, 8, FTW_DEPTH | FTW_PHYS);
	return true;
}

static void close_staging(struct output_place *place)
{
	if (place->staging_fd >= 0)
		close(place->staging_fd);
	place->staging_fd = -1;
	free(place->staging_path);
	place->staging_path = NULL;
}

static void close_place(struct output_place *place)
{
	close_staging(place);
	if (place->folder_fd >= 0)
		close(place->folder_fd);
	free(place->folder);
	*place = nowhere;
}

/* Opens and locks the staging folder; false when it is gone, or of another run that is at work. */
static bool hold(struct output_place *place)
{
	place->staging_fd = open(place->staging_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return place->staging_fd >= 0 && flock(place->staging_fd, LOCK_EX | LOCK_NB) == 0 && is_there(AT_FDCWD, place->staging_path);
}

/* What holds anything else is no staging folder, whatever its name. */
static bool is_entry(void *context, const char *name)
{
	(void)context;
	return fnmatch("new.*", name, 0) == 0 || fnmatch("old.*", name, 0) == 0 || fnmatch("none.*", name, 0) == 0 || strspn(name, ".") == strlen(name);
}

static bool is_ours(const struct output_place *place)
{
	struct stat status;

	return fstat(place->staging_fd, &status) == 0 && status.st_uid == geteuid() && each(place->staging_path, "*", is_entry, NULL);
}

/* The staging folder NAME of a run that was killed; false, and nowhere, if it is none. */
static bool find(struct output_place *place, const char *folder, const char *name)
{
	*place = nowhere;
	place->folder = join(folder, "", "");
	place->staging_path = join(folder, "/", name);
	place->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place->folder_fd >= 0 && hold(place) && is_ours(place))
		return true;
	close_place(place);
	return false;
}

static void say_found(const struct output_place *place)
{
	if (place->taken || place->back)
		warnx("%s: a run was killed while its files took their names: %u taken away, %u old put back", path_shown(place->folder),
		      place->taken, place->back);
}

struct search {
	const char *folder, *keys_folder;
	bool tells; /* these tell whether their run is complete */
};

static bool settle_found(void *context, const char *name)
{
	const struct search *search = context;
	struct output_place first, keys;
	char *keys_name;
	bool good;

	if (!find(&first, search->folder, name))
		return true;
	keys_name = join(name, KEYS, "");
	find(&keys, search->keys_folder, keys_name);
	free(keys_name);
	good = settle(&first, &keys, search->tells && each(first.staging_path, "new.*", is_placed, &first));
	say_found(&keys);
	say_found(&first);
	close_place(&keys);
	close_place(&first);
	return good;
}

/* What killed runs have left: in the places and, if the folder of scripts EXISTS, around it, where it may have been made.  First
 * what tells whether its run is complete, then keys alone. */
static bool settle_killed(const struct output *output, bool exists)
{
	const char *keys_folder = output->places[output->count - 1].folder;
	char *around = join(output->places[0].folder, "/", "..");
	const char *folders[] = { around, output->places[0].folder, keys_folder };
	bool good = true;

	for (int keys = false; keys <= true; keys++)
		for (size_t i = exists ? 0 : 1; good && i < 1 + output->count; i++)
			good = each(folders[i], keys ? STAGINGS KEYS : STAGINGS, settle_found, &(struct search){ folders[i], keys_folder, !keys });
	free(around);
	return good;
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

	if (!begun)
		atexit(abandon);
	begun = output;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &output->signals);
	output->begun = true;
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

static bool refuse_place(const struct output_place *place)
{
	return refuse(path_shown(place->path), "cannot be %s: %s", place->what, strerror(errno));
}

/* FOLDER becomes a place, for PATH, which is to be WHAT. */
static bool open_place(struct output *output, const char *folder, bool sticky, const char *path, const char *what)
{
	struct output_place *place = &output->places[output->count++];

	*place = nowhere;
	place->folder = join(folder, "", "");
	place->path = path;
	place->what = what;
	place->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return place->folder_fd < 0 ? refuse_place(place) : path_is_safe(folder, sticky, path);
}

/* KEYS_NAME is NULL for the first.  Before it is locked another run may take it for one that was left, and away: then another is
 * made. */
static bool make_staging(struct output_place *place, const char *keys_name)
{
	for (int tries = 0; tries < 10; tries++) {
		place->staging_path = join(place->folder, "/", keys_name ? keys_name : STAGING);
		if (keys_name ? mkdir(place->staging_path, S_IRWXU) != 0 : !mkdtemp(place->staging_path))
			break;
		if (hold(place))
			return true;
		rmdir(place->staging_path);
		close_staging(place);
	}
	refuse_place(place);
	close_staging(place);
	return false;
}

/* Notes what has the name now; the new file is there by then, or it would be taken for placed. */
static bool lay_aside(struct output_place *place, const char *name, const char *path, bool force)
{
	char aside[ENTRY];
	struct stat status;
	int fd;

	if (fstatat(place->folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!force)
			return refuse(path_shown(path), "exists; --force replaces it, -o another folder leaves it");
		if (!S_ISREG(status.st_mode)) /* a device or a link has a meaning elsewhere */
			return refuse(path_shown(path), "%s: --force replaces regular files only",
			              S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
		if (linkat(place->folder_fd, name, place->staging_fd, entry(aside, "old", name), 0) == 0 || lacks_links(errno))
			return true;
	} else if (errno == ENOENT) {
		fd = openat(place->staging_fd, entry(aside, "none", name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
		if (fd >= 0)
			return close(fd) == 0;
	}
	return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
}

/* The folder of scripts, in its place. */
static bool make_folder(struct output *output)
{
	struct output_place *place = &output->places[0];
	char *name = path_name(output->folder), new[ENTRY];
	bool good;

	output->made = join(entry(new, "new", name), "/", "");
	good = (mkdirat(place->staging_fd, new, S_IRWXU) == 0 || refuse(path_shown(output->folder), "cannot be made: %s", strerror(errno))) &&
	       lay_aside(place, name, output->folder, false);
	free(name);
	return good;
}

/* That of the scripts is the first: with the last of their names all is done. */
static bool open_places(struct output *output, bool exists)
{
	const char *folder = output->folder;
	char *around = folder ? path_folder(folder) : NULL, *keys_folder = output->keys ? path_folder(output->keys) : NULL;
	bool good = true;

	if (exists)
		good = open_place(output, folder, false, folder, "written");
	else if (folder)
		good = open_place(output, around, true, folder, "made");
	output->keys_inside = folder && keys_folder && path_same(keys_folder, folder);
	if (good && keys_folder && !output->keys_inside && !(folder && path_same(keys_folder, output->places[0].folder)))
		good = open_place(output, keys_folder, true, output->keys, "written");
	free(around);
	free(keys_folder);
	return good;
}

static bool make_stagings(struct output *output)
{
	bool good = true;

	for (size_t i = 0; good && i < output->count; i++) {
		char *name = i ? join(strrchr(output->places[0].staging_path, '/') + 1, KEYS, "") : NULL;

		good = make_staging(&output->places[i], name);
		free(name);
	}
	return good;
}

static bool prepare(struct output *output)
{
	bool exists = output->folder && is_there(AT_FDCWD, output->folder);

	begin(output);
	return open_places(output, exists) && settle_killed(output, exists) && make_stagings(output) && (!output->folder || exists || make_folder(output));
}

bool output_add(struct output *output, const char *path, const struct text *text)
{
	bool is_keys = output->keys && strcmp(path, output->keys) == 0, inside, good;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct output_place *place;
	char *waiting;
	int fd;

	if (!output->begun && !prepare(output))
		return false;
	place = &output->places[is_keys ? output->count - 1 : 0];
	inside = output->made && (!is_keys || output->keys_inside);
	waiting = join(inside ? output->made : "new.", name, "");
	fd = openat(place->staging_fd, waiting, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	free(waiting);
	if (fd < 0)
		return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
	if (!inside && !lay_aside(place, name, path, output->force)) {
		close(fd);
		return false;
	}
	good = text_write(text, fd);
	if (good) /* on its way to the disk, while the next one is made */
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (close(fd) != 0 || !good)
		return refuse(path_shown(path), "cannot be written: %s", strerror(errno));
	return !is_told_to_end(output) || refuse(path_shown(path), "not written: told to end");
}

/* What may not be read is not synced; a file system that knows no such thing is fine. */
static bool sync_opened(int fd)
{
	bool good = fd < 0 ? errno == EACCES : fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;

	if (fd >= 0)
		close(fd);
	return good;
}

static int sync_any(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return !sync_opened(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) && !refuse(path_shown(path), "cannot be written: %s", strerror(errno));
}

/* Gives the new file its name. */
static bool place_any(void *context, const char *new)
{
	struct output_place *place = context;
	const char *name = name_of(new);
	char aside[ENTRY];
	bool good;

	if (is_there(place->staging_fd, entry(aside, "none", name)))
		good = rename_to_new(place->staging_fd, new, place->folder_fd, name);
	else /* where there are links the old file is never without a name */
		good = (is_there(place->staging_fd, entry(aside, "old", name)) || renameat(place->folder_fd, name, place->staging_fd, aside) == 0 || errno == ENOENT) &&
		       renameat(place->staging_fd, new, place->folder_fd, name) == 0;
	return good || refuse_name(place, name, "cannot be written");
}

static bool place_file(void *context, const char *new)
{
	const struct output_place *place = context;
	struct stat status;

	return (fstatat(place->staging_fd, new, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode)) || place_any(context, new);
}

bool output_place(struct output *output)
{
	for (size_t i = 0; i < output->count; i++) {
		int result = nftw(output->places[i].staging_path, sync_any, 8, FTW_DEPTH | FTW_PHYS);

		if (result != 0)
			return result > 0 ? false : refuse(path_shown(output->places[i].staging_path), "cannot be read: %s", strerror(errno));
	}
	for (size_t i = output->count; i-- > 0;) { /* a new folder last: it is not taken away from somebody who uses it */
		struct output_place *place = &output->places[i];

		if (!each(place->staging_path, "new.*", place_file, place) || !each(place->staging_path, "new.*", place_any, place))
			return false;
		if (!sync_opened(openat(place->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
			return refuse_place(place);
	}
	return true;
}

void output_end(struct output *output, bool good)
{
	struct output_place no_keys = nowhere;

	begun = NULL;
	if (output->count)
		settle(&output->places[0], output->count > 1 ? &output->places[1] : &no_keys, good);
	for (size_t i = 0; i < output->count; i++)
		close_place(&output->places[i]);
	free(output->made);
	if (output->begun)
		sigprocmask(SIG_SETMASK, &output->signals, NULL);
	*output = (struct output){ 0 };
}

bool output_print(const char *path, const struct text *text)
{
	/* not stdio: its buffer would keep the keys */
	if ((path && dprintf(STDOUT_FILENO, "# %s:\n", path_shown(path)) < 0) || !text_write(text, STDOUT_FILENO))
		return refuse("standard output", "%s", strerror(errno));
	return true;
}
