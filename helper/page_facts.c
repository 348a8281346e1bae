/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Parses the facts of a page. A fact with an empty value counts as absent. Unknown facts are
 * ignored, because a later version may have written them. */
#include "number.h"
#include "memory.h"
#include "page.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

struct fact {
	const char *name;
	bool (*parse)(struct page *, const struct fact *, char *value);
	size_t offset;                  /* of the member, for a parser of several facts */
	unsigned long long least, most; /* of a number, or of the length of a word */
	const char *alphabet;           /* of a word */
	bool required;
};

static void *member(struct page *page, const struct fact *fact)
{
	return (char *)page + fact->offset;
}

static bool parse_word(struct page *page, const struct fact *fact, char *value)
{
	size_t length = strlen(value);

	if (length < fact->least || length > fact->most || strspn(value, fact->alphabet) != length)
		return false;
	memcpy(member(page, fact), value, length + 1);
	return true;
}

static bool parse_name(struct page *page, const struct fact *fact, char *value)
{
	return section_read_name(member(page, fact), value);
}

static bool parse_number(struct page *page, const struct fact *fact, char *value)
{
	unsigned long long number;

	if (!number_parse(&number, value, fact->least, fact->most))
		return false;
	*(uint32_t *)member(page, fact) = (uint32_t)number;
	return true;
}

static bool parse_yes(struct page *page, const struct fact *fact, char *value)
{
	*(bool *)member(page, fact) = true;
	return strcmp(value, "yes") == 0;
}

static bool parse_hex(struct page *page, const struct fact *fact, char *value)
{
	uint32_t *number = member(page, fact);
	const char *digit;

	if (strncmp(value, "0x", 2) != 0 || !value[2] || strlen(value) > strlen("0xffffffff"))
		return false;
	for (digit = value + 2; hex_digit(*digit) >= 0; digit++)
		*number = *number << 4 | (uint32_t)hex_digit(*digit);
	return !*digit && *number;
}

static bool parse_family(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	page->family = strcmp(value, "6") == 0 ? AF_INET6 : AF_INET;
	return strcmp(value, "4") == 0 || strcmp(value, "6") == 0;
}

static bool parse_cipher(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	page->cipher = cipher_named(value);
	return page->cipher;
}

static bool parse_mode(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	page->transport = strcmp(value, "transport") == 0;
	return page->transport || strcmp(value, "tunnel") == 0;
}

static bool parse_encap(struct page *page, const struct fact *fact, char *value)
{
	static const char *const names[] = { "none", "espinudp",
		                             "espinudp-nonike" }; /* enum encap */

	(void)fact;
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(value, names[i]) == 0) {
			page->encap = (enum encap)i;
			return true;
		}
	return false;
}

static bool parse_local(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	return strcmp(value, "auto") == 0 || address_read(&page->local, value);
}

static bool read_port(uint16_t *out, const char *text)
{
	unsigned long long port;

	if (!number_parse(&port, text, 1, UINT16_MAX))
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool parse_port(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	return read_port(&page->port, value);
}

/* ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT, NAME or NAME:PORT */
static bool parse_mapped(struct page *page, const struct fact *fact, char *value)
{
	bool bracket = value[0] == '[';
	char *address = value + bracket, *end = strchr(address, bracket ? ']' : ':');

	(void)fact;
	if (bracket) {
		if (!end)
			return false;
		*end++ = '\0';
	} else if (end && strchr(end + 1, ':')) { /* IPv6, without a port */
		end = NULL;
	}
	if (end && *end) {
		if (*end != ':' || !read_port(&page->mapped.port, end + 1))
			return false;
		*end = '\0';
	}
	return address_read(&page->mapped.address, address) ||
	       (!bracket && section_read_host(page->mapped_host, address));
}

/* NAME@REQID */
static bool parse_peer(struct page *page, char *word)
{
	struct page_peer peer = { .name = "" };
	char *at = strchr(word, '@');
	unsigned long long reqid;

	if (!at || page->peer_count == SECTION_PEERS)
		return false;
	*at = '\0';
	if (!section_read_name(peer.name, word) || !number_parse(&reqid, at + 1, 1, UINT32_MAX))
		return false;
	peer.reqid = (uint32_t)reqid;
	page->peers = memory_more(page->peers, page->peer_count, &page->peer_room, sizeof *page->peers);
	page->peers[page->peer_count++] = peer;
	return true;
}

static bool each_word(struct page *page, char *value, bool (*parse)(struct page *, char *word))
{
	static const char blanks[] = " \t\n";
	char *rest = NULL;

	for (char *word = strtok_r(value, blanks, &rest); word;
	     word = strtok_r(NULL, blanks, &rest))
		if (!parse(page, word))
			return false;
	return true;
}

static bool parse_peers(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	return !page->peer_count && each_word(page, value, parse_peer);
}

static void add_net(struct page_nets *nets, const struct prefix *prefix, size_t peer)
{
	nets->list = memory_more(nets->list, nets->count, &nets->room, sizeof *nets->list);
	nets->list[nets->count++] = (struct page_net){ *prefix, peer };
}

static bool parse_own_net(struct page *page, char *word)
{
	struct prefix prefix;

	if (!prefix_read(&prefix, word))
		return false;
	add_net(&page->own_nets, &prefix, 0);
	return true;
}

/* NET@NUMBER. The peers must have been parsed. */
static bool parse_other_net(struct page *page, char *word)
{
	char *at = strchr(word, '@');
	struct prefix prefix;
	unsigned long long number;

	if (!at || !number_parse(&number, at + 1, 1, page->peer_count))
		return false;
	*at = '\0';
	if (!prefix_read(&prefix, word))
		return false;
	add_net(&page->other_nets, &prefix, (size_t)number - 1);
	return true;
}

static bool parse_own_nets(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	return each_word(page, value, parse_own_net);
}

static bool parse_other_nets(struct page *page, const struct fact *fact, char *value)
{
	(void)fact;
	return each_word(page, value, parse_other_net);
}

static bool parse_own_address(struct page *page, const struct fact *fact, char *value)
{
	char *slash = strchr(value, '/');
	unsigned long long length;

	(void)fact;
	if (!slash)
		return false;
	*slash = '\0';
	if (!address_read(&page->own_address, value) ||
	    !number_parse(&length, slash + 1, 1, family_bits(page->own_address.family)))
		return false;
	page->own_length = (uint32_t)length;
	return true;
}

/* NUMBER=NAME or NUMBER=NAME:PORT. The peers must have been parsed. */
static bool parse_hosts(struct page *page, const struct fact *fact, char *value)
{
	char *word;

	(void)fact;
	while ((word = strsep(&value, " "))) {
		char *name = strchr(word, '='), *port = strchr(word, ':');
		unsigned long long number;

		if (!name)
			return false;
		*name++ = '\0';
		if (port)
			*port++ = '\0';
		if (!number_parse(&number, word, 1, page->peer_count) ||
		    !section_read_host(page->peers[number - 1].host, name) ||
		    (port && !read_port(&page->peers[number - 1].host_port, port)))
			return false;
	}
	return true;
}

/* The index of its first policy. */
static bool parse_guard(struct page *page, const struct fact *fact, char *value)
{
	unsigned long long index;

	(void)fact;
	page->guard = number_parse(&index, value, 1, UINT32_MAX);
	return page->guard;
}

#define HEX DIGITS "abcdef"
#define DEVICE LOWER UPPER DIGITS "._-"

static const struct fact facts[] = {
	{ "name", parse_name, offsetof(struct page, name), 0, 0, NULL, true },
	{ "first", parse_name, offsetof(struct page, first), 0, 0, NULL, false },
	{ "digest", parse_word, offsetof(struct page, digest), PAGE_DIGEST, PAGE_DIGEST, HEX,
	  true },
	{ "store", parse_word, offsetof(struct page, store), SECTION_CHECK, PAGE_STORE,
	  LOWER DIGITS "-.", true },
	{ "check", parse_word, offsetof(struct page, check), SECTION_CHECK, SECTION_CHECK, HEX,
	  true },
	{ "family", parse_family, 0, 0, 0, NULL, true },
	{ "cipher", parse_cipher, 0, 0, 0, NULL, true },
	{ "mode", parse_mode, 0, 0, 0, NULL, true },
	{ "encap", parse_encap, 0, 0, 0, NULL, true },
	{ "mtu", parse_number, offsetof(struct page, mtu), 1, 65535, NULL, true },
	{ "path_mtu", parse_number, offsetof(struct page, path_mtu), 1, 65535, NULL, false },
	{ "window", parse_number, offsetof(struct page, window), 0, 4096, NULL, false },
	{ "local", parse_local, 0, 0, 0, NULL, true },
	{ "port", parse_port, 0, 0, 0, NULL, false },
	{ "mapped", parse_mapped, 0, 0, 0, NULL, false },
	{ "peers", parse_peers, 0, 0, 0, NULL, true },
	{ "own_nets", parse_own_nets, 0, 0, 0, NULL, false },
	{ "other_nets", parse_other_nets, 0, 0, 0, NULL, false },
	{ "own_address", parse_own_address, 0, 0, 0, NULL, false },
	{ "own_device", parse_word, offsetof(struct page, own_device), 1, PAGE_DEVICE, DEVICE,
	  false },
	{ "own_label", parse_word, offsetof(struct page, own_label), 1, PAGE_DEVICE, DEVICE ":",
	  false },
	{ "interface", parse_word, offsetof(struct page, interface), 1, PAGE_DEVICE, DEVICE,
	  false },
	{ "if_id", parse_hex, offsetof(struct page, if_id), 0, 0, NULL, false },
	{ "group", parse_number, offsetof(struct page, group), 1, UINT32_MAX, NULL, false },
	{ "esn", parse_yes, offsetof(struct page, esn), 0, 0, NULL, false },
	{ "guard", parse_guard, 0, 0, 0, NULL, false },
	{ "hosts", parse_hosts, 0, 0, 0, NULL, false },
	{ "limited", parse_yes, offsetof(struct page, limited), 0, 0, NULL, false },
	{ "forwards", parse_yes, offsetof(struct page, forwards), 0, 0, NULL, false },
	{ "clamp", parse_yes, offsetof(struct page, clamp), 0, 0, NULL, false },
	{ "exempt", parse_yes, offsetof(struct page, exempt), 0, 0, NULL, false },
	{ "neighbours", parse_number, offsetof(struct page, neighbours), 1, UINT32_MAX, NULL,
	  false },
	{ "route_proto", parse_number, offsetof(struct page, route_proto), 1, 255, NULL, false },
	{ "options", parse_word, offsetof(struct page, options), 1, PAGE_OPTIONS, LOWER "[]- ",
	  false },
	{ "fingerprint", parse_word, offsetof(struct page, fingerprint), 1, PAGE_FINGERPRINT,
	  DIGITS " ", false },
};
enum { FACT_COUNT = sizeof facts / sizeof *facts };

static bool fail_fact(const struct page *page, const struct facts *read, const char *problem)
{
	char at[640];

	snprintf(at, sizeof at, "%s:%u", page->path, read->lines.number);
	return refuse(at, "%s: %s", read->name, problem);
}

/* SEEN has a bit for each fact that has a value. */
static bool take_fact(struct page *page, struct facts *read, unsigned long long *seen)
{
	char *value = read->value.bytes;

	if (!*value)
		return true;
	for (unsigned i = 0; i < FACT_COUNT; i++) {
		if (strcmp(read->name, facts[i].name) != 0)
			continue;
		if (*seen >> i & 1)
			return fail_fact(page, read, "defined twice (expected once)");
		*seen |= 1ULL << i;
		return facts[i].parse(page, &facts[i], value) ||
		       fail_fact(page, read, "invalid value (expected as xfrmpair wrote it)");
	}
	return true;
}

static bool is_of_family(const struct page *page, const struct address *address)
{
	return !address->family || address->family == page->family;
}

static bool fits(const struct page *page, unsigned long long seen)
{
	for (unsigned i = 0; i < FACT_COUNT; i++)
		if (facts[i].required && !(seen >> i & 1))
			return refuse(page->path,
			              "no fact '%s' (expected a whole script of xfrmpair)",
			              facts[i].name);
	if ((page->encap == ENCAP_NONE) != (page->port == 0))
		return refuse(page->path,
		              "port: does not fit encap (expected one with UDP, none without)");
	if (!is_of_family(page, &page->local) || !is_of_family(page, &page->mapped.address))
		return refuse(page->path, "family: not that of local and mapped");
	if (page->store[0] == '.' || page->store[0] == '-')
		return refuse(page->path, "store: not the name of a file (expected NAME.DIGITS)");
	return true;
}

bool page_parse_facts(struct page *page, struct lines lines)
{
	struct facts read = { .lines = lines, .where = page->path };
	unsigned long long seen = 0;
	bool good = true;

	while (good && facts_next(&read))
		good = take_fact(page, &read, &seen);
	good = good && !read.refused;
	text_free(&read.value);
	return good && fits(page, seen);
}
