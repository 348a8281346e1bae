/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Runs natprobe for `up`: DNS names, port mapping and punching. */
#include "up.h"
#include "job.h"
#include "owner.h"
#include "portmap.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs natprobe until it exits. LINE gets its first line, or is empty. Returns its exit status, or
 * -1 if this process must end or natprobe cannot be started. */
static int run(const struct up *up, const char *const *arguments, const struct text *input,
	       bool quiet, char *line, size_t room)
{
	char *path = keep_find(up->keep, "natprobe", "NATPROBE");
	struct job job = { .fd = -1 };
	int status = -1;

	*line = '\0';
	if (path && job_ask(&job, path, arguments, input, quiet)) {
		bool ended = false;

		while (!ended && up_wait(up, job.fd, -1))
			ended = job_read(&job, &status);
		text_add_string(&job.output, "");
		snprintf(line, room, "%.*s", (int)strcspn(job.output.bytes, "\n"),
			 job.output.bytes);
		job_end(&job);
	}
	free(path);
	return status;
}

static bool has_natprobe(const struct keep *keep)
{
	char *path = keep_find(keep, "natprobe", "NATPROBE");

	free(path);
	return path;
}

/* ---- Names ---- */

enum { AGAIN = 5 }; /* seconds between two lookups of a name */

static bool resolve(struct up *up, size_t peer, bool quiet)
{
	const struct page_peer *named = &up->keep->page.peers[peer];
	const bool six = up->keep->page.family == AF_INET6;
	const char *const arguments[] = { "natprobe",  "-u", "65534", "-b", six ? "::" : "0.0.0.0",
		                          "--resolve", named->host, NULL };
	struct section_peer *other = &up->keep->section.peers[peer];
	struct address found;
	char line[ADDRESS_TEXT + 2];

	if (run(up, arguments, NULL, quiet, line, sizeof line) != EXIT_OK ||
	    !address_read(&found, line) || found.family != up->keep->page.family)
		return false;
	other->there.address = found;
	if (named->host_port)
		other->there.port = named->host_port;
	other->host[0] = '\0';
	return true;
}

/* LEFT: seconds left for all names. */
static int find_name(struct up *up, size_t peer, unsigned *left)
{
	const char *host = up->keep->page.peers[peer].host;
	const bool dry = up->keep->dry;
	const bool known = !up->keep->section.peers[peer].host[0];

	for (bool quiet = false; !resolve(up, peer, quiet); quiet = true) {
		if (known || dry)
			return EXIT_OK;
		if (*left < AGAIN || !up_wait(up, -1, AGAIN))
			return up_stop(up, EXIT_BROKE, "no address of %s in %u s", host,
				       up->options.wait);
		if (!quiet)
			keep_say(up->keep, "waiting up to %u s for the address of %s",
				 up->options.wait, host);
		*left -= AGAIN;
	}
	return EXIT_OK;
}

int up_names(struct up *up)
{
	unsigned left = up->options.wait;
	int status = EXIT_OK;

	for (size_t i = 0; i < up->keep->page.peer_count && !status; i++) {
		if (!up->keep->page.peers[i].host[0])
			continue;
		if (!has_natprobe(up->keep))
			return up_stop(up, EXIT_BROKE,
				       "no natprobe beside %s or in PATH to look up names",
				       up->keep->page.path);
		status = find_name(up, i, &left);
	}
	return status;
}

/* ---- The port ---- */

/* ENDPOINT is the mapped endpoint, from after the @ that natprobe printed. */
static void say_mapped(const struct up *up, const char *endpoint)
{
	const unsigned wanted = portmap_outside(&up->keep->page);
	const char *port = strrchr(endpoint, ':');

	if (!port || strtoul(port + 1, NULL, 10) != wanted)
		keep_say(up->keep, "the other sides send to port %u: run update-peer %s %s there",
		         wanted,
			 up->keep->page.name, endpoint);
}

/* The command that removes the mapping is recorded first, because this process may be killed. */
int up_map(struct up *up)
{
	struct keep *keep = up->keep;
	const struct endpoint local = { keep->section.here, keep->page.port };
	char end[PORTMAP_END], line[2 * ENDPOINT_TEXT + 2];
	struct portmap map;
	const char *at;

	if (!up->options.map)
		return EXIT_OK;
	portmap_fill(&map, keep);
	if (keep->dry) {
		printf("natprobe -u 65534 -b %s -p %s %s\n", map.here, map.port, map.option);
		return EXIT_OK;
	}
	if (!has_natprobe(keep))
		return up_stop(up, EXIT_BROKE, "no natprobe beside %s or in PATH to map the port",
			       keep->page.path);
	/* A mapping of another tunnel must be kept. */
	if (owner_of(&local).found) {
		keep_say(keep, "UDP port %u is in use, so it is not mapped on the router",
			 (unsigned)local.port);
		return EXIT_OK;
	}
	if (!run_write(&keep->run, "map", portmap_end(end, keep)))
		return EXIT_BROKE;
	if (run(up, map.arguments, NULL, false, line, sizeof line) != EXIT_OK) {
		keep_say(keep, "continuing without a port mapping");
		return EXIT_OK;
	}
	at = strchr(line, '@');
	say_mapped(up, at ? at + 1 : line);
	return EXIT_OK;
}

/* ---- The hole ---- */

/* Only the peer knows the token, so the source of the packets is its endpoint. */
static int take_endpoint(struct up *up, const char *word)
{
	const struct endpoint *before = &up->keep->section.peers[0].there;
	char text[ENDPOINT_TEXT];
	struct endpoint there;

	if (!endpoint_parse(&there, word, "natprobe") || !there.port ||
	    there.address.family != up->keep->page.family)
		return up_stop(up, EXIT_BROKE, "natprobe printed '%s' (expected an endpoint)",
			       shown(word));
	up->received = UP_NOW;
	if (endpoint_equal(&there, before))
		return EXIT_OK;
	keep_say(up->keep, "%s is at %s, not at %s", up->keep->page.peers[0].name, word,
		 endpoint_print(text, before));
	return up_move(up, &there);
}

static int judge(struct up *up, int status, char *word)
{
	word[strcspn(word, " ")] = '\0';
	up->received = strcmp(word, "tunnel") == 0 ? UP_TUNNEL : UP_SILENT;
	if (!run_write(&up->keep->run, "hole", word))
		return EXIT_BROKE;
	if (!*word && (status <= EXIT_OK || status > EXIT_NO_KERNEL))
		return up_stop(up, EXIT_BROKE, "natprobe found nothing and gave no reason (status "
		               "%d)",
			       status);
	if (status == EXIT_OK)
		return take_endpoint(up, word);
	if (status == EXIT_NO_ANSWER)
		return EXIT_OK;
	return up_stop(up, status > 0 && status <= EXIT_NO_KERNEL ? status : EXIT_BROKE,
		       "natprobe could not punch a hole (status %d)", status);
}

void up_hint(char *out, size_t room, const struct up *up)
{
	const struct page *page = &up->keep->page;
	const char *peer = page->peers[0].name;
	char word[32], there[ENDPOINT_TEXT];

	if (!run_read(&up->keep->run, "hole", word, sizeof word))
		*word = '\0';
	if (strcmp(word, "refused") == 0)
		snprintf(out, room, "ICMP says that no process has that port at %s: is %s up, at "
		         "this endpoint?",
			 endpoint_print(there, &up->keep->section.peers[0].there), peer);
	else if (strcmp(word, "tunnel") == 0)
		snprintf(out, room,
			 "packets of another tunnel arrive: is an earlier script of %s up? There: "
			 "sh %s.sh down, then up",
			 peer, peer);
	else if (strcmp(word, "one-way") == 0)
		snprintf(out, room,
			 "its packets arrive, but ours do not: does its router or firewall drop "
			 "them? There: sh %s.sh down, then up --map",
			 peer);
	else if (strcmp(word, "foreign") == 0)
		snprintf(out, room,
			 "packets with another token arrive: is the script of %s of another run? "
			 "If its digest is not %s, make both scripts again, from the same endpoint "
			 "strings and options",
			 peer, page->digest);
	else if (strcmp(word, "checksum") == 0)
		snprintf(out, room,
			 "only packets with a UDP checksum arrive, and ESP in UDP over IPv4 has "
			 "none: use IPv6 between the hosts, or another network or router");
	else
		snprintf(out, room, "is it up, with digest %s?", page->digest);
}

int up_punch(struct up *up, bool until_tunnel)
{
	struct keep *keep = up->keep;
	char here[ADDRESS_TEXT], port[8], there[ENDPOINT_TEXT], limit[12], mtu[12], line[128];
	const char *arguments[18] = { "natprobe", "-u",        "65534", "-b",
		                      here,       "-p",        port,    "--punch",
		                      there,      "--timeout", limit,   "--token-fd",
		                      "0" };
	unsigned next = 13;
	struct text token = { 0 };
	int status;

	if (!has_natprobe(keep)) {
		keep_say(keep, "no natprobe beside %s or in PATH: continuing without punching a "
		         "hole",
			 keep->page.path);
		return EXIT_OK;
	}
	address_print(here, &keep->section.here);
	endpoint_print(there, &keep->section.peers[0].there);
	snprintf(port, sizeof port, "%u", (unsigned)keep->page.port);
	snprintf(limit, sizeof limit, "%u", up->options.wait);
	if (strcmp(keep->page.first, keep->page.name) == 0)
		arguments[next++] = "--first";
	if (keep->page.path_mtu) {
		snprintf(mtu, sizeof mtu, "%u", (unsigned)keep->page.path_mtu);
		arguments[next++] = "--mtu";
		arguments[next++] = mtu;
	}
	if (until_tunnel)
		arguments[next++] = "--until-tunnel";
	keep_say(keep, "waiting for %s, for up to %u s (%s is started first)",
		 keep->page.peers[0].name, up->options.wait, keep->page.first);
	text_add_hex(&token, keep->section.token, sizeof keep->section.token);
	text_add_string(&token, "\n");
	status = run(up, arguments, &token, false, line, sizeof line);
	text_free(&token);
	return judge(up, status, line);
}
