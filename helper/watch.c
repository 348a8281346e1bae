/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints the table of `status --watch`. */
#include "say.h"
#include "memory.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80 };

/* One line of the table, cut to the width, which on a terminal overwrites the old one. */
static void put(struct text *out, const struct watch_screen *screen, const char *line,
                size_t length)
{
	size_t columns = screen->columns ? screen->columns : COLUMNS;

	text_add(out, line, screen->terminal && length > columns ? columns : length);
	text_add_string(out, screen->terminal ? "\033[K\n" : "\n");
}

static unsigned put_lines(struct text *out, const struct watch_screen *screen, const char *lines)
{
	unsigned count = 0;

	while (*lines) {
		size_t length = strcspn(lines, "\n");

		put(out, screen, lines, length);
		lines += length + (lines[length] == '\n');
		count++;
	}
	return count;
}

/* A rate per second: at most 9999, or with a unit. */
static void add_rate(struct text *out, uint64_t before, uint64_t now, double seconds)
{
	static const char units[] = "kMGTPE";
	double rate = now > before ? (double)(now - before) / seconds : 0;
	unsigned unit = 0;

	while (rate >= 9999.5 && unit < sizeof units - 1) {
		rate /= 1000;
		unit++;
	}
	if (unit)
		text_printf(out, " %8.1f%c", rate, units[unit - 1]);
	else
		text_printf(out, " %9.0f", rate);
}

static void add_row(struct text *out, const struct status_peer *peer,
                    const struct watch_peer *before, double seconds)
{
	text_printf(out, "  %-15s %-7s", peer->name, status_state_word(peer->state));
	for (unsigned way = 0; way < WAYS; way++) {
		if (!before || seconds <= 0) {
			text_printf(out, " %9s %9s", "-", "-");
			continue;
		}
		add_rate(out, before->totals[way].packets, peer->ways[way].total.packets, seconds);
		add_rate(out, before->totals[way].bytes, peer->ways[way].total.bytes, seconds);
	}
	text_add_string(out, "  ");
	status_print_received(out, peer);
}

static void add_table(struct text *rows, const struct watch *watch, double seconds,
                      const struct status *status)
{
	text_printf(rows, "  %-15s %-7s %9s %9s %9s %9s\n", "peer", "state", "in pkt/s", "in B/s",
	            "out pkt/s", "out B/s");
	for (size_t i = 0; i < status->peer_count; i++) {
		add_row(rows, &status->peers[i], watch->peers ? &watch->peers[i] : NULL, seconds);
		text_add_string(rows, "\n");
	}
}

static void remember(struct watch *watch, double now, const struct status *status)
{
	free(watch->peers);
	watch->time = now;
	watch->peers = status ? memory_rows(status->peer_count, sizeof *watch->peers) : NULL;
	for (size_t i = 0; status && i < status->peer_count; i++)
		for (unsigned way = 0; way < WAYS; way++)
			watch->peers[i].totals[way] = status->peers[i].ways[way].total;
}

void watch_print(struct text *out, struct watch *watch, const struct watch_screen *screen,
                 double now, const char *lines, const struct status *status)
{
	struct text rows = { 0 };

	if (screen->terminal && watch->lines)
		text_printf(out, "\033[%uA\r", watch->lines);
	text_add_string(&rows, lines);
	if (status)
		add_table(&rows, watch, now - watch->time, status);
	watch->lines = put_lines(out, screen, rows.bytes);
	if (screen->terminal)
		text_add_string(out, "\033[J");
	remember(watch, now, status);
	text_free(&rows);
}

void watch_free(struct watch *watch)
{
	free(watch->peers);
	*watch = (struct watch){ 0 };
}
