/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "kernel.h"
#include "memory.h"
#include "say.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8192 };

static void add(struct kernel_counters *counters, const char *prefix, const char *name,
		const char *value)
{
	struct kernel_counter *row;

	counters->rows = memory_more(counters->rows, counters->count, &counters->room,
	                             sizeof *counters->rows);
	row = &counters->rows[counters->count++];
	snprintf(row->name, sizeof row->name, "%s%s", prefix, name);
	row->value = strtoull(value, NULL, 10);
}

/* Lines of a name and a value. */
static void read_pairs(struct kernel_counters *counters, const char *path)
{
	char line[LINE], *rest, *name, *value;
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	while (fgets(line, sizeof line, file))
		if ((name = strtok_r(line, " \t\n", &rest)) && (value = strtok_r(NULL, " \t\n", &rest)))
			add(counters, "", name, value);
	fclose(file);
}

/* Two lines for each protocol: `Udp: NAME...`, then `Udp: VALUE...`. */
static void read_table(struct kernel_counters *counters, const char *path)
{
	char names[LINE], values[LINE];
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	while (fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
		char *more_names, *more_values, *name, *value,
			*prefix = strtok_r(names, ": \n", &more_names);

		if (!prefix || !strtok_r(values, ": \n", &more_values))
			continue;
		while ((name = strtok_r(NULL, " \n", &more_names)) &&
		       (value = strtok_r(NULL, " \n", &more_values)))
			add(counters, prefix, name, value);
	}
	fclose(file);
}

void kernel_read_counters(struct kernel_counters *counters)
{
	counters->count = 0;
	read_pairs(counters, "/proc/net/xfrm_stat");
	read_table(counters, "/proc/net/snmp");
	read_pairs(counters, "/proc/net/snmp6");
}

uint64_t kernel_counter(const struct kernel_counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->count; i++)
		if (strcmp(counters->rows[i].name, name) == 0)
			return counters->rows[i].value;
	return 0;
}

void kernel_free_counters(struct kernel_counters *counters)
{
	free(counters->rows);
	*counters = (struct kernel_counters){ 0 };
}

long kernel_sysctl(const char *name)
{
	char path[256], line[64] = "", *end;
	long value = -1;
	FILE *file;

	snprintf(path, sizeof path, "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fgets(line, sizeof line, file))
		value = strtol(line, &end, 10);
	fclose(file);
	return *line && end != line ? value : -1;
}
