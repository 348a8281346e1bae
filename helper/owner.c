/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "owner.h"
#include "text.h"
#include "words.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 512, COLUMNS = 10, COLUMN_LOCAL = 1, COLUMN_INODE = 9 };

/* Eight hexadecimal digits are four bytes as a number of this host's. */
static void read_word(unsigned char *out, const char *digits)
{
	char word[9];
	unsigned long value;

	snprintf(word, sizeof word, "%.8s", digits);
	value = strtoul(word, NULL, 16);
	for (unsigned i = 0; i < 4; i++)
		out[i] = ((const unsigned char *)&(const uint32_t){ (uint32_t)value })[i];
}

/* `0100007F:1194`, or with 32 digits. */
static bool read_local(struct endpoint *out, const char *text, bool six)
{
	const size_t digits = six ? 32 : 8;

	if (strlen(text) != digits + 5 || text[digits] != ':')
		return false;
	*out = (struct endpoint){ .address.family = six ? AF_INET6 : AF_INET };
	for (size_t i = 0; i < digits / 8; i++)
		read_word(out->address.bytes + 4 * i, text + 8 * i);
	out->port = (uint16_t)strtoul(text + digits + 1, NULL, 16);
	return true;
}

static bool takes(const struct endpoint *local, const struct endpoint *wanted)
{
	if (local->port != wanted->port)
		return false;
	/* An IPv6 socket bound to :: usually receives IPv4 too. */
	return address_is_any(&local->address) || address_is_any(&wanted->address) ||
	       address_equal(&local->address, &wanted->address);
}

/* The inode of the socket in /proc/net/udp that receives packets to the endpoint; 0: none. */
static unsigned long find_inode(const char *path, bool six, const struct endpoint *wanted)
{
	unsigned long inode = 0;
	FILE *file = fopen(path, "re");
	char line[LINE];

	while (file && !inode && fgets(line, sizeof line, file)) {
		struct endpoint local;
		char *words[COLUMNS];

		if (words_split(line, words, COLUMNS) >= COLUMNS &&
		    read_local(&local, words[COLUMN_LOCAL], six) && takes(&local, wanted))
			inode = strtoul(words[COLUMN_INODE], NULL, 10);
	}
	if (file)
		fclose(file);
	return inode;
}

static bool has_socket(const char *process, const char *link)
{
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(path, sizeof path, "/proc/%.16s/fd", process);
	files = opendir(path);
	while (files && !found && (entry = readdir(files))) {
		ssize_t length = readlinkat(dirfd(files), entry->d_name, target, sizeof target - 1);

		target[length > 0 ? length : 0] = '\0';
		found = strcmp(target, link) == 0;
	}
	if (files)
		closedir(files);
	return found;
}

static void read_name(struct owner *owner)
{
	char path[32];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)owner->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, owner->name, sizeof owner->name - 1) : -1;
	if (fd >= 0)
		close(fd);
	owner->name[length > 0 ? length : 0] = '\0';
	owner->name[strcspn(owner->name, "\n")] = '\0';
	/* A process can choose its name, so make it safe to print, also in JSON. */
	for (char *at = owner->name; *at; at++)
		if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '\\')
			*at = '?';
}

struct owner owner_of(const struct endpoint *wanted)
{
	unsigned long inode = find_inode("/proc/net/udp", false, wanted);
	struct owner owner = { .pid = 0 };
	struct dirent *entry;
	char link[64];
	DIR *processes;

	if (!inode)
		inode = find_inode("/proc/net/udp6", true, wanted);
	owner.found = inode > 0;
	snprintf(link, sizeof link, "socket:[%lu]", inode);
	processes = inode ? opendir("/proc") : NULL;
	while (processes && !owner.pid && (entry = readdir(processes)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9' &&
		    has_socket(entry->d_name, link))
			owner.pid = (pid_t)strtol(entry->d_name, NULL, 10);
	if (processes)
		closedir(processes);
	if (owner.pid)
		read_name(&owner);
	return owner;
}
