/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints status for tests/status.bats, with a fictitious kernel:
 *
 *     status SCRIPT text|json|watch [FACT]...
 *
 * The tunnel of SCRIPT is up and complete, its SAs have counted nothing, and it is 1000000 seconds
 * since 1970.  A FACT is an argument, of words:
 *
 *     sa in|out EPOCH [WORD=N]...  of an SA: packets bytes used seq reqid late replayed failed
 *                                  larval
 *     no sa in|out EPOCH           it is not there
 *     policy N [WORD=N]...         the page's Nth, from 0: use reqid spi index action
 *     no policy N
 *     past SPI in|out PACKETS      one more SA of ours, that the section does not have
 *     no PART                      here address interface route table neighbours helper
 *     stray NET [DEVICE]           packets to NET go through DEVICE
 *     helper PID                   of espdecap; 0: this run has none; "stopped PID"
 *     owner NAME PID               of the port
 *     record TEXT                  a line of the record of counts
 *     now SECONDS
 *     name NAME | fixed | limited | esn | sequence N | links  what section and page say
 *     again                        what was said until now was seen at a look a second before
 *
 * The exit status is that of status; of watch it is 0. */
#include "status.h"
#include "number.h"
#include "say.h"
#include "words.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 12 };

struct test {
	struct page page;
	struct section section;
	struct policy *policies;
	size_t policy_count;
	struct kernel kernel;
	struct parts_seen seen;
	struct counts counts;
	struct text record;
	struct watch watch;
	char *table;
	const char *form;
	time_t now;
	double time;
	int status;
};

static struct stray {
	bool set;
	struct prefix net;
	char link[16];
} stray;

static bool strays(const struct page *page, const struct kernel *kernel, const struct prefix *net,
                   char link[16])
{
	(void)page;
	(void)kernel;
	memcpy(link, stray.link, sizeof stray.link);
	return stray.set && net->length == stray.net.length &&
	       address_equal(&net->address, &stray.net.address);
}

static void *allocate(size_t count, size_t bytes)
{
	void *rows = calloc(count + 1, bytes);

	if (!rows)
		err(EXIT_BROKE, "memory");
	return rows;
}

static unsigned long long number_of(const char *text)
{
	unsigned long long number;

	if (!number_parse(&number, text, 0, UINT64_MAX))
		errx(EXIT_MISTAKE, "'%s': no number", text);
	return number;
}

/* ---- A whole tunnel ---- */

static void add_states(struct test *test)
{
	struct kernel *kernel = &test->kernel;

	kernel->states = allocate(test->section.state_count + WORDS, sizeof *kernel->states);
	for (size_t i = 0; i < test->section.state_count; i++)
		kernel->states[kernel->state_count++].state = test->section.states[i];
}

static void add_policies(struct test *test, enum page_function function)
{
	struct kernel *kernel = &test->kernel;
	size_t count;
	struct policy *policies = page_policies(&test->page, function, &test->section, &count);

	if (!policies)
		exit(EXIT_MISTAKE);
	test->policies = reallocarray(test->policies, test->policy_count + count + 1,
	                              sizeof *test->policies);
	kernel->policies = reallocarray(kernel->policies, kernel->policy_count + count + 1,
	                                sizeof *kernel->policies);
	if (!test->policies || !kernel->policies)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < count; i++) {
		test->policies[test->policy_count++] = policies[i];
		kernel->policies[kernel->policy_count++] = (struct kernel_policy){
			.policy = policies[i],
			.template_count = 1,
			.plain_template = true,
		};
	}
	free(policies);
}

static void add_address(struct kernel *kernel, const struct address *address)
{
	kernel->addresses[kernel->address_count++].address = *address;
}

static void add_routes(struct kernel *kernel, const struct page_nets *nets)
{
	kernel->routes = allocate(nets->count, sizeof *kernel->routes);
	for (size_t i = 0; i < nets->count; i++)
		kernel->routes[kernel->route_count++].to = nets->list[i].prefix;
}

/* What `up` finds out. */
static void resolve(struct section *section)
{
	if (address_is_any(&section->here))
		address_read(&section->here, "2001:db8:ffff::1");
	for (size_t i = 0; i < section->peer_count; i++)
		if (address_is_any(&section->peers[i].there.address))
			address_read(&section->peers[i].there.address, "2001:db8:ffff::3");
	for (size_t i = 0; i < section->state_count; i++) {
		struct state *state = &section->states[i];
		const struct address *there = &section->peers[state->peer].there.address;

		state->src = state->outbound ? section->here : *there;
		state->dst = state->outbound ? *there : section->here;
	}
}

static void begin(struct test *test, const char *script)
{
	struct kernel *kernel = &test->kernel;

	if (!page_read(&test->page, script) || !page_section(&test->section, &test->page))
		exit(EXIT_MISTAKE);
	resolve(&test->section);
	add_states(test);
	add_policies(test, PAGE_GUARDS);
	add_policies(test, PAGE_PASSES);
	add_policies(test, PAGE_POLICIES);
	kernel->addresses = allocate(2, sizeof *kernel->addresses);
	add_address(kernel, &test->section.here);
	add_address(kernel, &test->page.own_address);
	kernel->links = allocate(1, sizeof *kernel->links);
	kernel->links[0] = (struct kernel_link){
		.kind = "xfrm",
		.if_id = test->page.if_id,
		.up = true,
	};
	memcpy(kernel->links[0].name, test->page.interface, sizeof kernel->links[0].name);
	kernel->link_count = 1;
	add_routes(kernel, &test->page.other_nets);
	test->seen = (struct parts_seen){ .has_clamp = true, .strays = strays };
	if (page_has(&test->page, PAGE_CLAMP))
		test->seen.clamp = test->table = parts_table(&test->page, "clamp");
	if (page_has(&test->page, PAGE_HELPER)) {
		test->seen.has_helper = true;
		test->seen.helper = 77;
	}
	text_add_string(&test->record, "");
}

/* ---- Facts ---- */

/* WORD=N */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static struct kernel_state *find_state(struct test *test, const char *way, const char *epoch)
{
	for (size_t i = 0; i < test->section.state_count; i++) {
		const struct state *state = &test->section.states[i];

		if (state->outbound == (strcmp(way, "out") == 0) &&
		    state->epoch == number_of(epoch))
			for (size_t j = 0; j < test->kernel.state_count; j++)
				if (test->kernel.states[j].state.spi == state->spi)
					return &test->kernel.states[j];
	}
	errx(EXIT_MISTAKE, "no SA %s %s", way, epoch);
}

static void set_state(struct kernel_state *state, const char *word)
{
	const char *value = strchr(word, '=') + 1;

	if (value_of(word, "packets"))
		state->packets = number_of(value);
	if (value_of(word, "bytes"))
		state->bytes = number_of(value);
	if (value_of(word, "used"))
		state->last_used = number_of(value);
	if (value_of(word, "seq"))
		state->sequence_out = number_of(value);
	if (value_of(word, "reqid"))
		state->state.reqid = (uint32_t)number_of(value);
	if (value_of(word, "late"))
		state->late = (uint32_t)number_of(value);
	if (value_of(word, "replayed"))
		state->replayed = (uint32_t)number_of(value);
	if (value_of(word, "failed"))
		state->failed = (uint32_t)number_of(value);
	if (value_of(word, "larval"))
		state->larval = true;
}

static void set_policy(struct kernel_policy *policy, const char *word)
{
	const char *value = strchr(word, '=') + 1;

	if (value_of(word, "use"))
		policy->use_time = number_of(value);
	if (value_of(word, "reqid"))
		policy->policy.reqid = (uint32_t)number_of(value);
	if (value_of(word, "spi"))
		policy->policy.spi = (uint32_t)number_of(value);
	if (value_of(word, "index"))
		policy->policy.index = (uint32_t)number_of(value);
	if (value_of(word, "action"))
		policy->policy.action = (enum action)number_of(value);
}

static struct kernel_policy *find_policy(struct test *test, const char *number)
{
	uint32_t index = test->policies[number_of(number)].index;

	for (size_t i = 0; i < test->kernel.policy_count; i++)
		if (test->kernel.policies[i].policy.index == index)
			return &test->kernel.policies[i];
	errx(EXIT_MISTAKE, "no policy %s", number);
}

static void add_past(struct test *test, char **words)
{
	struct kernel_state *state = &test->kernel.states[test->kernel.state_count++];
	const struct state *ours = &test->section.states[0];

	state->state = *ours;
	state->state.spi = (uint32_t)number_of(words[1]);
	if (strcmp(words[2], "out") == 0) {
		state->state.src = ours->dst;
		state->state.dst = ours->src;
	}
	state->packets = number_of(words[3]);
	state->bytes = 84 * state->packets;
}

static void remove_one(struct test *test, char **words)
{
	struct kernel *kernel = &test->kernel;
	struct kernel_state *state;
	struct kernel_policy *policy;

	if (strcmp(words[0], "sa") == 0) {
		state = find_state(test, words[1], words[2]);
		*state = kernel->states[--kernel->state_count];
	} else if (strcmp(words[0], "policy") == 0) {
		policy = find_policy(test, words[1]);
		*policy = kernel->policies[--kernel->policy_count];
	} else if (strcmp(words[0], "here") == 0)
		kernel->addresses[0].address.family = AF_UNSPEC;
	else if (strcmp(words[0], "address") == 0)
		kernel->addresses[1].address.family = AF_UNSPEC;
	else if (strcmp(words[0], "interface") == 0)
		kernel->link_count = 0;
	else if (strcmp(words[0], "route") == 0)
		kernel->routes[0] = kernel->routes[--kernel->route_count];
	else if (strcmp(words[0], "table") == 0)
		test->seen.has_clamp = false;
	else if (strcmp(words[0], "helper") == 0)
		test->seen.helper = 0;
	else
		errx(EXIT_MISTAKE, "no %s", words[0]);
}

static void set_name(struct test *test, const char *name)
{
	snprintf(test->page.peers[0].name, sizeof test->page.peers[0].name, "%s", name);
	snprintf(test->section.peers[0].name, sizeof test->section.peers[0].name, "%s", name);
}

static void look(struct test *test)
{
	const struct counts_look now = {
		.page = &test->page,
		.section = &test->section,
		.policies = test->policies,
		.policy_count = test->policy_count,
		.kernel = &test->kernel,
		.now = test->now,
	};
	char *record = strdup(test->record.bytes);

	kernel_sort(&test->kernel);
	counts_parse(&test->counts, &test->page, record);
	free(record);
	counts_look(&test->counts, &now);
}

static void show(struct test *test)
{
	struct parts parts = { .count = 0 };
	struct status_facts facts = {
		.page = &test->page,
		.section = &test->section,
		.policies = test->policies,
		.policy_count = test->policy_count,
		.kernel = &test->kernel,
		.parts = &parts,
		.counts = &test->counts,
		.now = test->now,
		.script = "t/a.sh",
	};
	const struct watch_screen screen = { strcmp(test->form, "screen") == 0, 60 };
	struct text out = { 0 }, lines = { 0 };
	struct status status;

	look(test);
	if (!parts_compare(&parts, &test->page, &test->section, &test->kernel, &test->seen))
		exit(EXIT_MISTAKE);
	status_judge(&status, &facts);
	if (strcmp(test->form, "text") == 0) {
		status_print(&out, &status);
	} else if (strcmp(test->form, "json") == 0) {
		status_print_json(&out, &status);
	} else {
		status_print_verdict(&lines, &status);
		watch_print(&out, &test->watch, &screen, test->time, lines.bytes, &status);
	}
	fputs(out.bytes, stdout);
	test->status = status_exit(&status);
	status_free(&status);
	parts_free(&parts);
	text_free(&out);
	text_free(&lines);
}

/* The record that the look before leaves behind; of a watch, its table. */
static void look_before(struct test *test)
{
	if (test->form[0] == 'w' || test->form[0] == 's')
		show(test);
	else
		look(test);
	text_empty(&test->record);
	counts_print(&test->record, &test->counts, &test->page);
	counts_free(&test->counts);
	test->time++;
}

static void set_section(struct test *test, char **words)
{
	struct state *out = &test->section.states[test->section.state_count - 1];

	if (strcmp(words[0], "fixed") == 0)
		test->section.peers[0].derived = false;
	else if (strcmp(words[0], "limited") == 0)
		test->page.limited = true;
	else if (strcmp(words[0], "esn") == 0)
		out->esn = true;
	else if (strcmp(words[0], "sequence") == 0)
		out->sequence = number_of(words[1]);
	else if (strcmp(words[0], "name") == 0)
		set_name(test, words[1]);
	else
		errx(EXIT_MISTAKE, "%s: no fact", words[0]);
}

static void set_helper(struct test *test, char **words)
{
	test->seen.helper_stopped = strcmp(words[0], "stopped") == 0;
	test->seen.helper = (pid_t)number_of(words[1]);
	test->seen.has_helper = test->seen.helper > 0;
}

static void take_fact(struct test *test, char *fact)
{
	char *words[WORDS] = { NULL }, *copy = strdup(fact);
	size_t count = words_split(fact, words, WORDS);

	if (strcmp(words[0], "sa") == 0) {
		for (size_t i = 3; i < count; i++)
			set_state(find_state(test, words[1], words[2]), words[i]);
	} else if (strcmp(words[0], "policy") == 0) {
		for (size_t i = 2; i < count; i++)
			set_policy(find_policy(test, words[1]), words[i]);
	} else if (strcmp(words[0], "past") == 0) {
		add_past(test, words);
	} else if (strcmp(words[0], "no") == 0) {
		remove_one(test, words + 1);
	} else if (strcmp(words[0], "helper") == 0 || strcmp(words[0], "stopped") == 0) {
		set_helper(test, words);
	} else if (strcmp(words[0], "owner") == 0) {
		test->seen.owner = (struct owner){ true, (pid_t)number_of(words[2]), "" };
		snprintf(test->seen.owner.name, sizeof test->seen.owner.name, "%s", words[1]);
	} else if (strcmp(words[0], "stray") == 0) {
		stray = (struct stray){ .set = true };
		if (!prefix_parse(&stray.net, words[1], "stray"))
			exit(EXIT_MISTAKE);
		snprintf(stray.link, sizeof stray.link, "%s", count > 2 ? words[2] : "");
	} else if (strcmp(words[0], "links") == 0) {
		test->seen.has_links = true;
	} else if (strcmp(words[0], "record") == 0) {
		text_join(&test->record, copy + strlen("record "), "\n", NULL);
	} else if (strcmp(words[0], "now") == 0) {
		test->now = (time_t)number_of(words[1]);
	} else if (strcmp(words[0], "again") == 0) {
		look_before(test);
	} else {
		set_section(test, words);
	}
	free(copy);
}

int main(int argc, char **argv)
{
	struct test test = { .now = 1000000, .time = 5 };

	if (argc < 3)
		errx(EXIT_MISTAKE, "usage: status SCRIPT FORM [FACT]...");
	test.form = argv[2];
	begin(&test, argv[1]);
	for (int i = 3; i < argc; i++)
		take_fact(&test, argv[i]);
	show(&test);
	counts_free(&test.counts);
	watch_free(&test.watch);
	text_free(&test.record);
	kernel_free(&test.kernel);
	section_free(&test.section);
	page_free(&test.page);
	free(test.policies);
	free(test.table);
	return test.status;
}
