/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/*
 * PROGRAM TABLE: calls the program's main for each of its rows in the table, in a child process,
 * and prints the rows where it did something else than the table says. A fork without an exec
 * takes a fraction of a millisecond.
 *
 * Each program has a copy: its own objects, this one, and the linker's --wrap=main. A copy must
 * have the program's name, and skips the rows of other programs.
 *
 * A row asserts the exact messages and status, that nothing is printed on stdout (unless the
 * status is 0), and that nothing in the folder was created, changed or removed.
 */
#include "table.c"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORDS_MOST = 64,
	ROW_SECONDS = 10,     /* a program that accepts what it should refuse may run forever */
	STATUS_DEFAULT = 2,
};

/* The linker's names for the program's main, and for the one that the C library calls. */
int __real_main(int argc, char **argv);
int __wrap_main(int argc, char **argv);

static struct table table;
static size_t first_group, group;   /* the lines where they begin */
static unsigned rows, failed;

static bool make_file(const char *path)
{
	FILE *file;

	unlink(path);         /* a group's file may replace one of all rows */
	file = checked(fopen(path, "w"));
	table_add_contents(file, &table);
	return fclose(file) == 0;
}

static void make_entry(const char *line)
{
	const char *at = line + strcspn(line, " ");
	char *path = table_word(&table, &at), *second = table_word(&table, &at);
	bool is_link = after_word(line, "link") || after_word(line, "hardlink"), made;

	if (!path)
		table_reject(&table, "expected a path", line);
	if (after_word(line, "file"))
		made = make_file(path);
	else if (after_word(line, "folder"))
		made = mkdir(path, 0700) == 0;
	else if (after_word(line, "fifo"))
		made = mkfifo(path, 0600) == 0;
	else if (after_word(line, "link"))
		made = second && symlink(second, path) == 0;
	else if (after_word(line, "hardlink"))
		made = second && link(second, path) == 0;
	else
		table_reject(&table, "unknown kind of line", line);
	if (!made || (second && !is_link && chmod(path, (mode_t)strtoul(second, NULL, 8))))
		table_reject(&table, strerror(errno), line);
	free(path);
	free(second);
}

/* Creates what the lines from FIRST to before END name, and adds their messages to SAID. */
static void prepare(size_t first, size_t end, FILE *said, int *status)
{
	size_t row = table.at;

	for (table.at = first; table.at < end; table.at++) {
		const char *line = table.lines[table.at], *rest;

		if ((rest = after_word(line, "message")))
			table_add_message(said, &table, rest);
		else if ((rest = after_word(line, "status")))
			*status = (int)strtol(rest, NULL, 10);
		else if (is_of_group(line))
			make_entry(line);
	}
	table.at = row;
}

static void copy_and_close(FILE *out, FILE *in)
{
	int character;

	rewind(in);
	while ((character = getc(in)) != EOF)
		putc(character, out);
	fclose(in);
}

static int is_no_dot(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void describe_folder(FILE *out, const char *folder)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_no_dot, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];
		struct stat entry;

		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		if (lstat(path, &entry))
			err(EXIT_FAILURE, "%s", path);
		fprintf(out, "  %s, inode %llu, mode %o\n", path, (unsigned long long)entry.st_ino,
		        (unsigned)entry.st_mode);
		if (S_ISREG(entry.st_mode))
			copy_and_close(out, checked(fopen(path, "r")));
		if (S_ISDIR(entry.st_mode))
			describe_folder(out, path);
		free(entries[i]);
	}
	free(entries);
}

/* Everything that a row asserts, as text. */
static struct bytes describe(int status, bool prints, const struct bytes *said)
{
	struct bytes description;
	FILE *out = bytes_open(&description);

	fprintf(out, "  status %d, stdout %s, stderr:\n", status, prints ? "has text" : "is empty");
	fwrite(said->start, 1, said->length, out);
	fprintf(out, "  files:\n");
	describe_folder(out, ".");
	fclose(out);
	return description;
}

static _Noreturn void call_main(char **arguments, int printed_fd, int said_fd)
{
	int count = 0, null_fd = open("/dev/null", O_RDONLY);

	while (arguments[count])
		count++;
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(printed_fd, STDOUT_FILENO) < 0 ||
	    dup2(said_fd, STDERR_FILENO) < 0)
		_exit(126);
	alarm(ROW_SECONDS);
	exit(__real_main(count, arguments));
}

static struct bytes run(char **arguments)
{
	FILE *printed_file = checked(tmpfile()), *said_file = checked(tmpfile()), *out;
	struct bytes said, description;
	struct stat printed;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		call_main(arguments, fileno(printed_file), fileno(said_file));
	if (child < 0 || waitpid(child, &status, 0) < 0 || fstat(fileno(printed_file), &printed))
		err(EXIT_FAILURE, "child");
	fclose(printed_file);
	out = bytes_open(&said);
	copy_and_close(out, said_file);
	fclose(out);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	description = describe(status, printed.st_size > 0, &said);
	free(said.start);
	return description;
}

static void check(const struct bytes *found, const struct bytes *wanted)
{
	rows++;
	if (found->length == wanted->length &&
	    memcmp(found->start, wanted->start, found->length) == 0)
		return;
	failed++;
	printf("%s:%zu: %s\n", table.path, table.at + 1, table.lines[table.at]);
	printf("%sexpected:\n%s\n", found->start, wanted->start);
}

static int remove_entry(const char *path, const struct stat *entry, int type, struct FTW *place)
{
	(void)entry;
	(void)type;
	(void)place;
	return remove(path);
}

/* In a folder of its own. */
static void run_row(char **arguments)
{
	struct bytes said, wanted, found;
	FILE *out = bytes_open(&said);
	int status = STATUS_DEFAULT;

	if (mkdir("here", 0700) || chdir("here"))
		err(EXIT_FAILURE, "here");
	prepare(0, first_group, out, &status);
	prepare(group, table.at, out, &status);
	fclose(out);
	wanted = describe(status, status == EXIT_SUCCESS, &said);
	found = run(arguments);
	check(&found, &wanted);
	if (chdir("..") || nftw("here", remove_entry, 8, FTW_DEPTH | FTW_PHYS))
		err(EXIT_FAILURE, "here");
	free(said.start);
	free(wanted.start);
	free(found.start);
}

static void read_row(const char *at)
{
	char *words[WORDS_MOST + 1] = { 0 };
	size_t count = 0;

	for (char name[] = "1"; name[0] <= '9'; name[0]++) {
		char *value = table_word(&table, &at);

		variable_set(name, value);
		free(value);
	}
	if (strncmp(at, "| ", 2) != 0)
		table_reject(&table, "expected a bar after at most nine values", at);
	at++;
	while (count < WORDS_MOST && (words[count] = table_word(&table, &at)))
		count++;
	if (!count || count == WORDS_MOST || *at)
		table_reject(&table, "too few or too many words", at);
	if (strcmp(words[0], program_invocation_short_name) == 0) {
		variable_set("0", words[0]);
		run_row(words);
	}
	while (count)
		free(words[--count]);
}

static void read_let(const char *at)
{
	char *name = table_word(&table, &at), *value = table_word(&table, &at);

	if (!value || *at)
		table_reject(&table, "expected a name and a word", at);
	variable_set(name, value);
	free(name);
	free(value);
}

static void run_table(void)
{
	bool in_groups = false, after_row = false;

	for (table.at = 0; table.at < table.count; table.at++) {
		const char *line = table.lines[table.at], *rest;

		if (!in_groups && (after_word(line, "message") || after_word(line, "status"))) {
			in_groups = true;
			first_group = group = table.at;
		}
		if ((rest = after_word(line, "row"))) {
			after_row = true;
			read_row(rest);
		} else if ((rest = after_word(line, "let"))) {
			read_let(rest);
		} else if (is_of_group(line)) {
			if (after_row)
				group = table.at;
			after_row = false;
		}
	}
}

/* $PWD is where a row will run. */
static void name_folder(void)
{
	char *present = checked(getcwd(NULL, 0)), *folder;

	if (asprintf(&folder, "%s/here", present) < 0)
		err(EXIT_FAILURE, "memory");
	variable_set("PWD", folder);
	free(present);
	free(folder);
}

static double milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int __wrap_main(int argc, char **argv)
{
	double start = milliseconds();

	if (argc != 2)
		errx(EXIT_FAILURE, "expected a TABLE");
	umask(077);
	table_read(&table, argv[1]);
	name_folder();
	run_table();
	printf("%u rows of %s in %.0f ms\n", rows, program_invocation_short_name,
	       milliseconds() - start);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
