/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Reads lines `BREAK | SETTING... | CAUSE` of verdict.table, judges the evidence of a healthy
 * tunnel changed by the settings, and prints differences. With a BREAK as argument, prints that
 * verdict. */
#include "verdict.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { BOOL, NUMBER, NUMBER64, TIME, ERROR, PID, WORD, ADDRESS, ENDPOINT, BURST, ENUM, BYTE };

struct setting {
	const char *name;
	enum kind kind;
	size_t at;
};

#define PEER(member, kind)                                                                         \
	{                                                                                          \
#member, kind, offsetof(struct evidence_peer, member)                              \
	}
static const struct setting of_peer[] = {
	PEER(there, ENDPOINT),
	PEER(host, WORD),
	PEER(looked_up, BOOL),
	PEER(host_now, ADDRESS),
	PEER(derived, BOOL),
	PEER(heard, NUMBER),
	PEER(punched, BOOL),
	PEER(received, BOOL),
	PEER(age, TIME),
	PEER(test, ENUM),
	PEER(row, WORD),
	PEER(from, ADDRESS),
	PEER(to, ADDRESS),
	PEER(target, BOOL),
	PEER(guessed, BOOL),
	PEER(small, BURST),
	PEER(big, BURST),
	PEER(other, BURST),
	PEER(near, BURST),
	PEER(refused_by, ADDRESS),
	PEER(refused_type, BYTE),
	PEER(refused_code, BYTE),
	PEER(passes, NUMBER),
	PEER(wire.out, NUMBER),
	PEER(wire.in, NUMBER),
	PEER(wire.keepalives, NUMBER),
	PEER(wire.out_from, ENDPOINT),
	PEER(wire.in_from, ENDPOINT),
	PEER(wire.unknown, NUMBER),
	PEER(wire.unknown_spi, NUMBER),
	PEER(wire.other_form, NUMBER),
	PEER(wire.answers, NUMBER),
	PEER(wire.clear, NUMBER),
	PEER(wire.clear_from, ADDRESS),
	PEER(mapping, ENDPOINT),
	PEER(has_out, BOOL),
	PEER(spent, BOOL),
	PEER(used_up, BOOL),
	PEER(sent, NUMBER64),
	PEER(received_now, NUMBER64),
	PEER(late, NUMBER64),
	PEER(replayed, NUMBER64),
	PEER(failed, NUMBER64),
	PEER(total_received, NUMBER64),
	PEER(total_late, NUMBER64),
	PEER(outer_error, ERROR),
	PEER(inner_error, ERROR),
	PEER(outer_link, WORD),
	PEER(inner_link, WORD),
	PEER(stray, WORD),
	PEER(stray_link, WORD),
	PEER(source, ADDRESS),
	PEER(source_inside, BOOL),
	PEER(everything, BOOL),
};

#define HOST(member, kind)                                                                         \
	{                                                                                          \
#member, kind, offsetof(struct evidence, member)                                   \
	}
static const struct setting of_host[] = {
	HOST(own_words, BOOL),     HOST(peer_count, NUMBER64), HOST(port, NUMBER),
	HOST(transport, BOOL),     HOST(guard, BOOL),          HOST(sites, BOOL),
	HOST(can_exempt, BOOL),    HOST(interface, WORD),      HOST(here, ENDPOINT),
	HOST(mapped, ENDPOINT),    HOST(gone, WORD),           HOST(moved_from, ADDRESS),
	HOST(helper, ENUM),        HOST(helper_pid, PID),      HOST(owned, BOOL),
	HOST(owner, PID),          HOST(counted, BOOL),        HOST(tapped, BOOL),
	HOST(no_forwarding, WORD), HOST(redirects, WORD),      HOST(nat_chain, WORD),
};

/* All that a case fills in. */
struct scene {
	struct evidence host;
	struct evidence_peer peer;
	struct kernel_counter rows[16];
	struct kernel_counters moved;
	struct firewall_finding firewall[FIREWALL_FLOWS];
	const char *lacks[4];
};

static _Noreturn void bad(const char *what)
{
	fprintf(stderr, "verdict.table: %s\n", what);
	exit(2);
}

static int error_named(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} list[] = {
		{ "EPERM", EPERM },
		{ "EMSGSIZE", EMSGSIZE },
		{ "ENETUNREACH", ENETUNREACH },
		{ "EADDRNOTAVAIL", EADDRNOTAVAIL },
	};

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].number;
	bad(name);
}

/* ANSWERED/SENT, or ANSWERED/SENT:ERROR. */
static struct burst burst_of(char *value)
{
	struct burst burst = { .error = 0 };
	char *error = strchr(value, ':');

	if (error)
		burst.error = error_named(error + 1);
	if (sscanf(value, "%u/%u", &burst.answered, &burst.sent) != 2)
		bad(value);
	return burst;
}

static void put(const struct setting *setting, void *base, char *value)
{
	char *at = (char *)base + setting->at;
	const unsigned long number = strtoul(value, NULL, 0);

	switch (setting->kind) {
	case BOOL:
		*(bool *)at = number;
		break;
	case NUMBER:
		if (strcmp(setting->name, "port") == 0)
			*(uint16_t *)at = (uint16_t)number;
		else
			*(unsigned *)at = (unsigned)number;
		break;
	case NUMBER64:
		*(uint64_t *)at = number;
		break;
	case TIME:
		*(time_t *)at = (time_t)number;
		break;
	case ERROR:
		*(int *)at = error_named(value);
		break;
	case ENUM:
	case PID:
		*(int *)at = (int)number;
		break;
	case BYTE:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case WORD:
		*(const char **)at = value;
		break;
	case ADDRESS:
		if (!address_parse((struct address *)at, value, setting->name))
			exit(2);
		break;
	case ENDPOINT:
		if (!endpoint_parse((struct endpoint *)at, value, setting->name))
			exit(2);
		break;
	case BURST:
		*(struct burst *)at = burst_of(value);
		break;
	}
}

static bool put_one(const struct setting *list, size_t count, void *base, const char *name,
                    char *value)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0) {
			put(&list[i], base, value);
			return true;
		}
	return false;
}

static void put_lack(struct scene *scene, const char *value)
{
	size_t i = 0;

	while (scene->lacks[i])
		i++;
	scene->lacks[i] = value;
}

/* fw.FLOW=FATE, numbers of firewall.h. */
static void put_finding(struct scene *scene, const char *flow, const char *fate)
{
	struct firewall_finding *finding = &scene->firewall[strtoul(flow, NULL, 10)];

	finding->fate = (enum firewall_fate)strtoul(fate, NULL, 10);
	snprintf(finding->chain, sizeof finding->chain, "table inet filter, chain %s", flow);
	snprintf(finding->command, sizeof finding->command, "nft insert rule inet filter %s accept",
	         flow);
}

static void set(struct scene *scene, char *name, char *value)
{
	if (strncmp(name, "Xfrm", 4) == 0 || strncmp(name, "Udp", 3) == 0) {
		struct kernel_counter *row = &scene->rows[scene->moved.count++];

		snprintf(row->name, sizeof row->name, "%s", name);
		row->value = strtoul(value, NULL, 10);
	} else if (strcmp(name, "lack") == 0) {
		for (char *at = value; *at; at++)
			*at = *at == '_' ? ' ' : *at;
		put_lack(scene, value);
	} else if (strncmp(name, "fw.", 3) == 0) {
		put_finding(scene, name + 3, value);
	} else if (strcmp(name, "owner_name") == 0) {
		snprintf(scene->host.owner_name, sizeof scene->host.owner_name, "%s", value);
	} else if (strcmp(name, "clear_link") == 0) {
		snprintf(scene->peer.wire.clear_link, sizeof scene->peer.wire.clear_link, "%s",
		         value);
	} else if (!put_one(of_peer, sizeof of_peer / sizeof *of_peer, &scene->peer, name, value) &&
	           !put_one(of_host, sizeof of_host / sizeof *of_host, &scene->host, name, value)) {
		bad(name);
	}
}

static struct endpoint endpoint(const char *text)
{
	struct endpoint out;

	if (!endpoint_parse(&out, text, "test"))
		exit(2);
	return out;
}

/* The how-to's pair, up and healthy. */
static const struct evidence healthy_host = {
	.script = "/root/a.sh",
	.name = "a",
	.digest = "5ab26709",
	.peer_count = 1,
	.mtu = 1438,
	.path_mtu = 1500,
	.port = 61525,
	.interface = "",
	.helper = HELPER_RUNS,
	.helper_pid = 77,
	.helper_command = "espdecap -b 192.168.1.4 61525 31.1.2.3:10421",
	.owned = true,
	.owner = 77,
	.owner_name = "espdecap",
	.counted = true,
	.tapped = true,
};
static const struct evidence_peer healthy_peer = {
	.name = "b",
	.host = "",
	.derived = true,
	.heard = 1,
	.received = true,
	.age = 2,
	.small = { 10, 10, 0 },
	.big = { 3, 3, 0 },
	.other = { 2, 2, 0 },
	.wire = { .out = 15, .in = 15, .answers = 13 },
	.has_out = true,
	.sent = 15,
	.received_now = 15,
	.total_received = 1000,
	.outer_link = "eth0",
	.inner_link = "eth0",
	.source_inside = true,
};

static void healthy(struct scene *scene)
{
	*scene = (struct scene){ .host = healthy_host, .peer = healthy_peer };
	scene->host.here = endpoint("192.168.1.4:61525");
	scene->host.mapped = endpoint("85.9.8.7:61525");
	scene->peer.there = endpoint("31.1.2.3:10421");
	scene->peer.from = scene->peer.source = endpoint("192.168.1.4").address;
	scene->peer.to = endpoint("192.168.2.100").address;
	for (int i = 0; i < FIREWALL_FLOWS; i++)
		scene->firewall[i].fate = FIREWALL_ACCEPTS;
	scene->moved.rows = scene->rows;
	scene->host.moved = &scene->moved;
	scene->host.firewall = scene->firewall;
	scene->peer.lacks = scene->lacks;
}

/* Shorthands for what many cases have. */
static void expand(struct scene *scene, const char *word)
{
	struct evidence_peer *peer = &scene->peer;

	if (strcmp(word, "deaf") == 0) { /* we send, nothing arrives */
		peer->small.answered = peer->big.answered = peer->other.answered = 0;
		peer->received_now = 0;
		peer->wire.in = peer->wire.answers = 0;
	} else if (strcmp(word, "mute") == 0) { /* nothing leaves */
		expand(scene, "deaf");
		peer->sent = 0;
		peer->wire.out = 0;
	} else if (strcmp(word, "blind") == 0) { /* no packet socket */
		scene->host.tapped = false;
		peer->wire = (struct wire){ 0 };
	} else {
		bad(word);
	}
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	for (char *end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);
	     *end = '\0')
		end--;
	return text;
}

static void judge(struct verdict *verdict, char *settings)
{
	struct scene scene;
	char *rest;

	healthy(&scene);
	for (char *word = strtok_r(settings, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!value) {
			expand(&scene, word);
			continue;
		}
		*value++ = '\0';
		set(&scene, word, value);
	}
	verdict_judge(verdict, &scene.host, &scene.peer);
}

static const char *cause_of(const struct verdict *verdict)
{
	if (verdict->cause)
		return verdict->cause;
	return verdict->healthy ? "healthy" : verdict->untested ? "untested" : "none";
}

int main(int argc, char **argv)
{
	char line[2048];
	int cases = 0, wrong = 0;

	while (fgets(line, sizeof line, stdin)) {
		char *rest = line, *name = trim(strsep(&rest, "|")), *settings, *cause;
		struct verdict verdict;
		struct text text = { 0 };

		if (!*name || *name == '#' || (argc > 1 && strcmp(name, argv[1]) != 0))
			continue;
		settings = trim(strsep(&rest, "|"));
		cause = trim(strsep(&rest, "|"));
		judge(&verdict, settings);
		cases++;
		verdict_print(&text, &verdict, "b");
		if (argc > 1)
			fputs(text.bytes, stdout);
		else if (strcmp(cause_of(&verdict), cause) != 0)
			printf("%s: expected %s, but: %s", name, cause, (wrong++, text.bytes));
		text_free(&text);
		verdict_free(&verdict);
	}
	if (argc == 1)
		printf("%d cases, %d wrong\n", cases, wrong);
	return wrong || !cases;
}
