/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MOST = 28 }; /* bytes of peers' names in the first line; more are counted */

/* ---- For people ---- */

void status_print_duration(struct text *out, time_t seconds)
{
	static const struct {
		time_t below, unit;
		const char *word;
	} units[] = { { 120, 1, "s" }, { 7200, 60, "min" }, { 172800, 3600, "h" } };

	for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
		if (seconds < units[i].below) {
			text_printf(out, "%" PRId64 " %s", (int64_t)(seconds / units[i].unit),
			            units[i].word);
			return;
		}
	text_printf(out, "%" PRId64 " days", (int64_t)(seconds / 86400));
}

void status_print_received(struct text *out, const struct status_peer *peer)
{
	if (!peer->received) {
		text_add_string(out, "nothing received yet");
		return;
	}
	text_add_string(out, "received");
	if (peer->age < 0)
		return;
	text_add_string(out, " ");
	status_print_duration(out, peer->age);
	text_add_string(out, " ago");
}

/* Adds the names of silent peers, or their number. */
static void add_peers(struct text *out, const struct status *status, bool silent)
{
	struct text names = { 0 };
	size_t count = 0;

	text_add_string(&names, "");
	for (size_t i = 0; i < status->peer_count && names.length < NAMES_MOST; i++) {
		const struct status_peer *peer = &status->peers[i];

		if (peer->received ? !silent || !peer->silent : silent)
			continue;
		text_join(&names, count++ ? ", " : "", peer->name, NULL);
	}
	if (names.length < NAMES_MOST)
		text_add_string(out, names.bytes);
	else
		text_printf(out, "%zu of %zu", silent ? status->silent : status->unheard,
		            status->peer_count);
	text_free(&names);
}

static void add_silent(struct text *out, const struct status *status)
{
	time_t least = 0;

	for (size_t i = 0; i < status->peer_count; i++) {
		const struct status_peer *peer = &status->peers[i];

		if (peer->received && peer->silent && (!least || peer->age < least))
			least = peer->age;
	}
	text_add_string(out, "; nothing received from ");
	add_peers(out, status, true);
	text_add_string(out, " for ");
	status_print_duration(out, least);
}

static void add_hint(struct text *out, const struct status *status)
{
	const char *script = status->facts->script;

	if (status->limit_reached)
		text_join(out, "a limit reached? Then: sh ", script, NULL);
	else if (status->stray)
		text_join(out, "a rule of another VPN? See ip rule, and: sh ", script, " check",
		          NULL);
	else if (status->used_up)
		text_join(out, "no packet can be sent: sh ", script, NULL);
	else
		text_join(out, "removed by another tool? Put back what is missing with: sh ",
		          script, " up", NULL);
	if (status->limit_reached || status->used_up)
		text_add_string(out, " rekey, or new scripts if keys are fixed");
}

void status_print_verdict(struct text *out, const struct status *status)
{
	const struct page *page = status->facts->page;

	if (status->lack_count) {
		text_join(out, page->name, ": half up: ", NULL);
		add_hint(out, status);
	} else {
		text_join(out, page->name, ": up, digest ", page->digest, NULL);
		if (status->helper > 0)
			text_printf(out, ", espdecap alive (pid %d)", (int)status->helper);
		if (status->unheard) {
			text_add_string(out, "; nothing received from ");
			add_peers(out, status, false);
			text_add_string(out, " yet");
		}
		if (status->silent)
			add_silent(out, status);
	}
	text_add_string(out, "\n");
	for (size_t i = 0; i < status->lack_count; i++)
		text_join(out, status->lacks[i].foreign ? "  foreign: " : "  missing: ",
		          status->lacks[i].text, "\n", NULL);
}

static void add_count(struct text *out, struct count count)
{
	text_printf(out, "%12" PRIu64 " packets %15" PRIu64 " bytes\n", count.packets, count.bytes);
}

static void add_way(struct text *out, const struct status_peer *peer, enum way index)
{
	const struct status_way *way = &peer->ways[index];
	const char *word = index == WAY_IN ? "from" : "to";

	if (way->there) {
		text_printf(out, "  %-4s %-15s SPI 0x%08" PRIx32 " epoch %-4" PRIu32 " ", word,
		            peer->name, way->spi, way->epoch);
		add_count(out, way->present);
	}
	text_printf(out, "  %-4s %-15s %-26s", word, peer->name, "since up");
	add_count(out, way->total);
}

/* Adds what the kernel dropped of received packets. */
static void add_drops(struct text *out, const struct status *status, const struct status_peer *peer)
{
	uint64_t late = 0, replayed = 0, failed = 0;

	for (size_t i = 0; i < peer->sa_count; i++) {
		const struct status_sa *sa = &status->sas[peer->first_sa + i];

		late += sa->late;
		replayed += sa->replayed;
		failed += sa->failed;
	}
	if (late || replayed || failed)
		text_printf(out,
		            "  from %-15s dropped: %" PRIu64 " late, %" PRIu64 " repeated, %" PRIu64
		            " not authentic\n",
		            peer->name, late, replayed, failed);
}

static void add_peer(struct text *out, const struct status *status, const struct status_peer *peer)
{
	char there[ENDPOINT_TEXT];

	text_join(out, "  ", peer->name, ": ", status_state_word(peer->state), ", ", NULL);
	status_print_received(out, peer);
	text_join(out, ", at ", endpoint_print(there, &peer->there), "\n", NULL);
	add_way(out, peer, WAY_IN);
	add_drops(out, status, peer);
	add_way(out, peer, WAY_OUT);
}

static void add_warning(struct text *out, const struct status_peer *peer)
{
	if (peer->used_up)
		return; /* reported as missing */
	if (peer->fixed && peer->starts < STATUS_STARTS_ALL)
		text_printf(
			out,
			"  %s%" PRIu32
			" more starts with the fixed keys to %s: then new scripts for all sides\n",
			peer->half_used ? "warning: " : "", peer->starts, peer->name);
	else if (peer->half_used)
		text_join(out, "  warning: half of the sequence numbers to ", peer->name,
		          " are used: rekey, or new scripts if keys are fixed\n", NULL);
}

static void add_fingerprint(struct text *out, const struct page *page)
{
	if (*page->fingerprint)
		text_join(out, "  fingerprint ", page->fingerprint, "\n", NULL);
}

void status_print(struct text *out, const struct status *status)
{
	char here[ENDPOINT_TEXT];

	status_print_verdict(out, status);
	text_join(out, "  this side: at ", endpoint_print(here, &status->here), "\n", NULL);
	for (size_t i = 0; i < status->peer_count; i++)
		add_peer(out, status, &status->peers[i]);
	for (size_t i = 0; i < status->peer_count; i++)
		add_warning(out, &status->peers[i]);
	add_fingerprint(out, status->facts->page);
}

void status_print_down(struct text *out, const struct page *page, bool blocked)
{
	text_join(out, page->name, ": down", blocked ? ", and tunnelled traffic is blocked" : "",
	          "\n", NULL);
	add_fingerprint(out, page);
}

/* ---- For programs. JSON strings need no escapes, because page and section admit no such
 * characters. ---- */

enum { FIELD = 24 };

/* A number as JSON; -1: unknown. */
static const char *number_or_null(char out[FIELD], int64_t value)
{
	snprintf(out, FIELD, value < 0 ? "null" : "%" PRId64, value);
	return out;
}

static const char *spi_or_null(char out[FIELD], const struct status_way *way)
{
	snprintf(out, FIELD, way->there ? "\"0x%08" PRIx32 "\"" : "null", way->spi);
	return out;
}

static void add_sa_object(struct text *out, const struct status_sa *sa)
{
	text_printf(out,
	            "{\"direction\":\"%s\",\"spi\":\"0x%08" PRIx32 "\",\"epoch\":%" PRIu32
	            ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"replay_window\":%" PRIu32
	            ",\"replay\":%" PRIu32 ",\"failed\":%" PRIu32 "}",
	            sa->way == WAY_IN ? "in" : "out", sa->spi, sa->epoch, sa->count.packets,
	            sa->count.bytes, sa->late, sa->replayed, sa->failed);
}

static void add_peer_object(struct text *out, const struct status *status,
                            const struct status_peer *peer)
{
	const struct status_way *in = &peer->ways[WAY_IN], *outward = &peer->ways[WAY_OUT];
	char epoch[FIELD], age[FIELD], starts[FIELD], spi_in[FIELD], spi_out[FIELD];
	char here[ENDPOINT_TEXT], there[ENDPOINT_TEXT];
	const char *quote = peer->cause ? "\"" : "";

	text_printf(out, "{\"name\":\"%s\",\"state\":\"%s\",\"cause\":%s%s%s,\"epoch\":%s,",
	            peer->name, status_state_word(peer->state), quote,
	            peer->cause ? peer->cause : "null", quote,
	            number_or_null(epoch, outward->there ? (int64_t)outward->epoch : -1));
	text_printf(out, "\"local\":\"%s\",\"remote\":\"%s\",", endpoint_print(here, &status->here),
	            endpoint_print(there, &peer->there));
	text_printf(out,
	            "\"tx_packets\":%" PRIu64 ",\"tx_bytes\":%" PRIu64 ",\"rx_packets\":%" PRIu64
	            ",\"rx_bytes\":%" PRIu64 ",\"last_received_seconds\":%s,\"spi_out\":%s,"
	            "\"spi_in\":%s,\"starts_left\":%s,\"sas\":[",
	            outward->total.packets, outward->total.bytes, in->total.packets,
	            in->total.bytes, number_or_null(age, peer->age), spi_or_null(spi_out, outward),
	            spi_or_null(spi_in, in),
	            number_or_null(starts, peer->fixed ? (int64_t)peer->starts : -1));
	for (size_t i = 0; i < peer->sa_count; i++) {
		text_add_string(out, i ? "," : "");
		add_sa_object(out, &status->sas[peer->first_sa + i]);
	}
	text_add_string(out, "]}");
}

static void end_object(struct text *out, const struct page *page)
{
	if (*page->fingerprint)
		text_join(out, ",\"fingerprint\":\"", page->fingerprint, "\"", NULL);
	text_add_string(out, "}\n");
}

void status_print_json(struct text *out, const struct status *status)
{
	const struct page *page = status->facts->page;
	char helper[FIELD];

	text_printf(out,
	            "{\"name\":\"%s\",\"digest\":\"%s\",\"up\":%s,\"helper_pid\":%s,\"peers\":[",
	            page->name, page->digest, status->lack_count ? "false" : "true",
	            number_or_null(helper, status->helper > 0 ? status->helper : -1));
	for (size_t i = 0; i < status->peer_count; i++) {
		text_add_string(out, i ? "," : "");
		add_peer_object(out, status, &status->peers[i]);
	}
	text_add_string(out, "],\"missing\":[");
	for (size_t i = 0; i < status->lack_count; i++)
		text_join(out, i ? ",\"" : "\"", status->lacks[i].foreign ? "foreign " : "",
		          status->lacks[i].text, "\"", NULL);
	text_add_string(out, "]");
	end_object(out, page);
}

void status_print_json_down(struct text *out, const struct page *page)
{
	text_join(out, "{\"name\":\"", page->name, "\",\"up\":false", NULL);
	end_object(out, page);
}
