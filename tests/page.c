/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Runs functions of pages and the store for the tests:
 *
 *     page facts SCRIPT
 *     page rows SCRIPT FUNCTION [EXTRA]...
 *     page policies SCRIPT FUNCTION
 *     page choose SCRIPT FOLDER     the state of the store; how often what counts was written
 *     page write SCRIPT FOLDER      what counts, written once more to the store
 *     page first SCRIPT FOLDER      the script's own section, counted up, to the store
 *     page rewrite SCRIPT [TIMES [OTHER]]   the script's section, counted up, into it or another
 * one page speed [PEERS]            a page of 1,000 peers: milliseconds */
#include "page.h"
#include "say.h"
#include "section.h"
#include "store.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct names plain = { .indexes = true };

static void print_nets(const char *what, const struct page_nets *nets)
{
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < nets->count; i++)
		printf("%s %s of %zu\n", what, prefix_print(text, &nets->list[i].prefix),
		       nets->list[i].peer);
}

static int do_facts(char **arguments)
{
	char local[ADDRESS_TEXT], mapped[ENDPOINT_TEXT], own[ADDRESS_TEXT];
	struct page page;

	if (!page_read(&page, arguments[0]))
		return EXIT_BROKE;
	printf("%s %s first %s store %s check %s\n", page.name, page.digest, page.first, page.store,
	       page.check);
	printf("family %d %s transport %d encap %d mtu %u of %u window %u\n",
	       page.family == AF_INET6 ? 6 : 4, page.cipher->name, page.transport, (int)page.encap,
	       page.mtu, page.path_mtu, page.window);
	printf("local %s port %u mapped %s '%s':%u\n",
	       address_is_any(&page.local) ? "auto" : address_print(local, &page.local), page.port,
	       page.mapped.address.family ? endpoint_print(mapped, &page.mapped) : "-",
	       page.mapped_host, page.mapped.port);
	for (size_t i = 0; i < page.peer_count; i++)
		printf("peer %s reqid %u host '%s':%u\n", page.peers[i].name, page.peers[i].reqid,
		       page.peers[i].host, page.peers[i].host_port);
	print_nets("own", &page.own_nets);
	print_nets("other", &page.other_nets);
	printf("address %s/%u on '%s' as '%s'\n",
	       page.own_address.family ? address_print(own, &page.own_address) : "-",
	       page.own_length, page.own_device, page.own_label);
	printf("interface '%s' 0x%x group %u\n", page.interface, page.if_id, page.group);
	printf("esn %d guard %d limited %d forwards %d clamp %d exempt %d\n", page.esn, page.guard,
	       page.limited, page.forwards, page.clamp, page.exempt);
	printf("neighbours %u proto %u fingerprint '%s'\n", page.neighbours, page.route_proto,
	       page.fingerprint);
	for (unsigned i = 0; i < PAGE_FUNCTIONS; i++)
		printf("%d", page_has(&page, (enum page_function)i));
	puts("");
	page_free(&page);
	return EXIT_OK;
}

static enum page_function function_of(const char *name)
{
	static const char *const names[] = { "passes",  "guards", "policies", "undo",
		                             "unguard", "routes", "helper",   "tests",
		                             "link",    "clamp",  "exempt" };

	for (unsigned i = 0; i < PAGE_FUNCTIONS; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum page_function)i;
	errx(EXIT_MISTAKE, "%s: no function", name);
}

static bool read_both(struct page *page, struct section *section, const char *path)
{
	if (!page_read(page, path))
		return false;
	if (page_section(section, page))
		return true;
	page_free(page);
	return false;
}

static int do_rows(char **arguments)
{
	struct page page;
	struct section section;
	struct text out = { 0 };
	bool good;

	if (!read_both(&page, &section, arguments[0]))
		return EXIT_BROKE;
	good = page_rows(&out, &page, function_of(arguments[1]), &section,
	                 (const char *const *)arguments + 2);
	if (good)
		text_write(&out, STDOUT_FILENO);
	text_free(&out);
	section_free(&section);
	page_free(&page);
	return good ? EXIT_OK : EXIT_BROKE;
}

static int do_policies(char **arguments)
{
	struct page page;
	struct section section;
	struct policy *policies;
	struct text out = { 0 };
	size_t count;

	if (!read_both(&page, &section, arguments[0]))
		return EXIT_BROKE;
	policies = page_policies(&page, function_of(arguments[1]), &section, &count);
	for (size_t i = 0; policies && i < count; i++) {
		text_printf(&out, "%zu: ", policies[i].peer);
		policy_print(&out, &policies[i], &plain);
	}
	text_write(&out, STDOUT_FILENO);
	text_free(&out);
	free(policies);
	section_free(&section);
	page_free(&page);
	return policies ? EXIT_OK : EXIT_BROKE;
}

static const char *const states[] = { "good", "older",   "absent", "lost",
	                              "torn", "foreign", "unsafe", "script torn" };

static int do_choose(char **arguments)
{
	struct page page;
	struct section section;
	enum store_state state;

	if (!page_read(&page, arguments[0]))
		return EXIT_BROKE;
	state = store_choose(&section, &page, arguments[1]);
	printf("%s %llu\n", states[state], section.made);
	section_free(&section);
	page_free(&page);
	return store_is_usable(state) ? EXIT_OK : EXIT_BROKE;
}

static int do_write(char **arguments)
{
	struct page page;
	struct section section;
	bool good;

	if (!page_read(&page, arguments[0]))
		return EXIT_BROKE;
	good = store_is_usable(store_choose(&section, &page, arguments[1]));
	section.made++;
	good = good && store_write(&section, &page, arguments[1]);
	section_free(&section);
	page_free(&page);
	return good ? EXIT_OK : EXIT_BROKE;
}

static int do_first(char **arguments)
{
	struct page page;
	struct section section;
	bool good;

	if (!read_both(&page, &section, arguments[0]))
		return EXIT_BROKE;
	section.made++;
	good = store_write(&section, &page, arguments[1]);
	section_free(&section);
	page_free(&page);
	return good ? EXIT_OK : EXIT_BROKE;
}

static int do_rewrite(char **arguments)
{
	const char *other = arguments[1] && arguments[2] ? arguments[2] : arguments[0];
	struct page page;
	struct section section;
	bool good = true;

	if (!read_both(&page, &section, arguments[0]))
		return EXIT_BROKE;
	for (int i = arguments[1] ? atoi(arguments[1]) : 1; i > 0; i--) {
		section.made++;
		good = script_rewrite(&section, other) && good;
	}
	section_free(&section);
	page_free(&page);
	return good ? EXIT_OK : EXIT_BROKE;
}

static void add_large_section(struct text *out, unsigned peers)
{
	struct section section = { .made = 1,
		                   .check = "fedcba98765432100123456789abcdef",
		                   .port = 4500 };
	struct state state = { .reqid = 1, .replay_window = 128, .encap = ENCAP_ESPINUDP };

	state.cipher = cipher_named("aes256gcm16");
	section.here = (struct address){ AF_INET, { 192, 0, 2, 1 } };
	for (unsigned i = 0; i < peers; i++) {
		struct section_peer *peer = section_add_peer(&section);

		snprintf(peer->name, sizeof peer->name, "p%u", i);
		peer->there = (struct endpoint){
			{ AF_INET, { 10, 0, (unsigned char)(i >> 8), (unsigned char)i } }, 4500
		};
		peer->derived = true;
		peer->heard = 1;
		peer->next = 3;
		state.peer = i;
		state.reqid = i + 1;
		for (unsigned j = 0; j < 4; j++) {
			state.outbound = j == 3;
			state.epoch = j == 3 ? 2 : j + 1;
			state.spi = 0x1000 + 4 * i + j;
			section_add_state(&section, &state);
		}
	}
	section_print(out, &section);
	section_free(&section);
}

static void add_large_page(struct text *out, unsigned peers)
{
	text_add_string(
		out, "#!/bin/sh\n{ # made by xfrmpair\nname=a digest=00000000 family=4 "
		     "cipher=aes256gcm16 mode=tunnel "
		     "encap=espinudp mtu=1400 store=a.00000000000000000000000000000000 "
		     "check=fedcba98765432100123456789abcdef local=192.0.2.1 port=4500\npeers='");
	for (unsigned i = 0; i < peers; i++)
		text_printf(out, "%sp%u@%u", i ? " " : "", i, i + 1);
	text_add_string(out, "'\npolicies() { echo \"\n");
	for (unsigned i = 0; i < peers; i++)
		for (unsigned j = 0; j < 3; j++)
			text_printf(out,
			            "xfrm policy add src 10.%u.%u.0/24 dst 10.2.0.0/16 dir %s "
			            "index %u priority 2000 \\\n  tmpl src $here "
			            "dst $there_%u proto esp spi $spi_%u reqid %u mode tunnel\n",
			            i >> 8, i & 255,
			            j == 0   ? "in"
			            : j == 1 ? "out"
			                     : "fwd",
			            8 * (i + 1) + j, i + 1, i + 1, i + 1);
	text_add_string(out, "\"; }\nundo() { echo \"\n\"; }\n");
	add_large_section(out, peers);
	text_add_string(out, "main \"$@\"\n}\n");
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int do_speed(char **arguments)
{
	unsigned peers = arguments[0] ? (unsigned)atoi(arguments[0]) : 1000;
	struct text text = { 0 }, again = { 0 };
	struct page page;
	struct section section;
	struct policy *policies;
	double begin, read, printed;
	size_t count, bytes;

	add_large_page(&text, peers);
	bytes = text.length;
	begin = milliseconds();
	if (!page_parse(&page, &text, "large") || !page_section(&section, &page))
		return EXIT_BROKE;
	policies = page_policies(&page, PAGE_POLICIES, &section, &count);
	if (!policies)
		return EXIT_BROKE;
	read = milliseconds();
	section_print(&again, &section);
	printed = milliseconds();
	printf("%zu bytes, %zu policies, %zu states: read in %.1f ms, printed in %.1f ms\n", bytes,
	       count, section.state_count, read - begin, printed - read);
	for (size_t i = 0; i < section.peer_count; i++) { /* a state more for each, and one less */
		struct state *old = section_states(&section, i, &count), more[5];

		memcpy(more, old, 4 * sizeof *old);
		more[4] = old[3];
		section_replace(&section, i, more, 5);
		section_replace(&section, i, more, 4);
	}
	printf("replaced in %.1f ms\n", milliseconds() - printed);
	free(policies);
	text_free(&again);
	section_free(&section);
	page_free(&page);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **arguments);
		int arguments;
	} verbs[] = {
		{ "facts", do_facts, 1 },       { "rows", do_rows, 2 },
		{ "policies", do_policies, 2 }, { "choose", do_choose, 2 },
		{ "write", do_write, 2 },       { "first", do_first, 2 },
		{ "rewrite", do_rewrite, 1 },   { "speed", do_speed, 0 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].arguments)
			return verbs[i].run(argv + 2);
	errx(EXIT_MISTAKE, "see the comment at the begin of its source");
}
