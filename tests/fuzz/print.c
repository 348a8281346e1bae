/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The printers: each line of the input is an option, as in a tunnel file, or a side.
 *
 * Linked with: gen/commands.c gen/explain.c gen/identity.c gen/key.c gen/keyfile.c gen/line.c
 * gen/options.c gen/path.c gen/plan.c gen/policy.c gen/print.c gen/print_head.c gen/print_page.c
 * gen/side.c gen/start.c gen/tunnel.c gen/view.c gen/wireshark.c helper/cipher.c helper/endpoint.c helper/epoch.c helper/esp_sa.c
 * helper/number.c helper/page.c helper/page_facts.c helper/prefix.c helper/rows.c helper/section.c helper/section_check.c
 * helper/section_parse.c helper/sha256.c helper/special.c helper/text.c helper/xfrm.c helper/xfrm_parse.c
 * tests/plan/explain.c tests/plan/promises.c tests/plan/readback.c */
#include "identity.h"
#include "key.h"
#include "options.h"
#include "page.h"
#include "print.h"
#include "promises.h"
#include "quiet.h"
#include "random.h"
#include "section.h"
#include "templates.h"

#include <stdio.h>
#include <string.h>

enum { SIDES_MOST = 5, TEXTS = 4 };

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

static uint32_t random_state;

/* In place of helper/random.c: the same input has the same keys. */
void random_fill(void *out, size_t length)
{
	unsigned char *bytes = out;

	for (size_t i = 0; i < length; i++) {
		random_state = random_state * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(random_state >> 24);
	}
}

/* In place of gen/templates.c: the program does not depend on the input. */
const char *template_text(const char *file)
{
	return file[0] ? "# part\n" : NULL;
}

static void stop(const char *why, const struct text *text)
{
	fprintf(stderr, "%s:\n%s\n", why, text ? text->bytes : "");
	abort();
}

/* All of a text is printable ASCII, tabs and newlines. */
static void check_text(const struct text *text)
{
	if (strlen(text->bytes) != text->length || text->bytes[text->length - 1] != '\n')
		stop("the text has a NUL, or no newline at its end", text);
	for (const char *byte = text->bytes; *byte; byte++)
		if ((*byte < ' ' && *byte != '\n' && *byte != '\t') || *byte > '~')
			stop("the text has a control character", text);
}

static size_t count_lines(const struct text *text, const char *begin)
{
	size_t count = 0;

	for (const char *line = text->bytes; *line; line = strchr(line, '\n') + 1)
		count += strncmp(line, begin, strlen(begin)) == 0;
	return count;
}

/* False before the first start of a side that looks addresses up. */
static bool has_addresses(const struct section *section)
{
	for (size_t i = 0; i < section->peer_count; i++)
		if (!section->peers[i].there.address.family)
			return false;
	return !address_is_any(&section->here);
}

/* How many policies xfrmkeep reads in a function of the page. */
static size_t count_policies(const struct page *page, enum page_function function, const struct section *section)
{
	struct policy *policies;
	size_t count;

	if (!page_has(page, function))
		return 0;
	policies = page_policies(page, function, section, &count);
	if (!policies)
		stop("xfrmkeep cannot read the policies", &page->text);
	free(policies);
	return count;
}

/* xfrmkeep reads the script, and would write its section as it is. */
static void check_script(const struct text *text, const struct plan *plan)
{
	const size_t policies = plan->bypasses.count + plan->neighbours.count +
	                        plan->blocks.count + plan->tunnels.count;
	struct text copy = { 0 }, again = { 0 };
	struct section section;
	struct page page;
	size_t states = 0;

	check_text(text);
	text_add(&copy, text->bytes, text->length);
	if (!page_parse(&page, &copy, "fuzz") || !page_section(&section, &page))
		stop("xfrmkeep cannot read the script", text);
	section_print(&again, &section);
	if (again.length != page.section_length ||
	    memcmp(again.bytes, text->bytes + page.section_begin, again.length) != 0)
		stop("xfrmkeep would write another section", text);
	for (size_t i = 0; i < plan->peer_count; i++)
		states += plan->views[i].out->derived ? 3 : 2;
	if (section.peer_count != plan->peer_count || section.state_count != states)
		stop("the section does not have a row for each SA", text);
	if (count_lines(text, "xfrm policy add src ") != policies)
		stop("the text does not have a line for each policy", text);
	if (has_addresses(&section) && count_policies(&page, PAGE_GUARDS, &section) +
	    count_policies(&page, PAGE_POLICIES, &section) != policies)
		stop("xfrmkeep reads other policies", text);
	text_free(&again);
	section_free(&section);
	page_free(&page);
}

static void check_commands(const struct text *text, const struct plan *plan)
{
	const char *why = rows_broken(plan, text->bytes);

	check_text(text);
	if (why)
		stop(why, text);
}

static void print_side(struct text texts[TEXTS], const struct plan *plan)
{
	const char *why;

	for (int i = 0; i < TEXTS; i++)
		text_empty(&texts[i]);
	print_page(&texts[0], plan);
	check_script(&texts[0], plan);
	print_commands(&texts[1], plan, STYLE_PASTE);
	check_commands(&texts[1], plan);
	print_commands(&texts[2], plan, STYLE_EXPLAINED);
	why = explanation_broken(texts[1].bytes, texts[2].bytes);
	if (why)
		stop(why, &texts[2]);
	print_commands(&texts[3], plan, STYLE_BARE);
	check_commands(&texts[3], plan);
}

static void print_table(const struct tunnel *tunnel)
{
	struct text table = { 0 };

	if (!tunnel->cipher->wireshark || tunnel->nonike)
		return; /* main() refuses it */
	print_wireshark(&table, tunnel);
	check_text(&table);
	if (count_lines(&table, "\"IPv") != tunnel->sa_count)
		stop("the table does not have a line for each SA", &table);
	text_free(&table);
}

static void print_all(const struct tunnel *tunnel)
{
	struct plan plans[SIDES_MOST];
	struct text texts[TEXTS] = { 0 };
	const char *why;

	for (size_t i = 0; i < tunnel->side_count; i++)
		plans[i] = plan_of(tunnel, i);
	why = promise_broken(plans);
	if (why)
		stop(why, NULL);
	for (size_t i = 0; i < tunnel->side_count; i++)
		print_side(texts, &plans[i]);
	for (size_t i = 0; i < tunnel->side_count; i++)
		plan_free(&plans[i]);
	for (int i = 0; i < TEXTS; i++)
		text_free(&texts[i]);
	print_table(tunnel);
}

/* A line is `KEY VALUE`, or one side. */
static bool read_line(struct request *request, char *line)
{
	struct side *side;
	char *value;

	if (*line >= 'a' && *line <= 'z' && !strpbrk(line, "=@:")) {
		value = line + strcspn(line, " ");
		if (*value)
			*value++ = '\0';
		return options_from_file(request, line, *value ? value : "yes", "fuzz");
	}
	side = tunnel_add_side(&request->tunnel);
	strcpy(side->where, "fuzz");
	return request->tunnel.side_count <= SIDES_MOST && side_parse(side, line);
}

static bool read_request(struct request *request, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")))
		if (*line && !read_line(request, line))
			return false;
	return options_complete(request) && tunnel_check(&request->tunnel);
}

/* The printers only need to know that the keys are exchanged: a real fingerprint takes 65,536
 * rounds. */
static void exchange(struct tunnel *tunnel)
{
	tunnel->exchanged = true;
	strcpy(tunnel->fingerprint, "00000 11111 22222 33333 44444 55555");
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	struct request request = { 0 };
	struct tunnel *tunnel = &request.tunnel;
	char *text = strndup((const char *)bytes, length);

	random_state = 0;
	if (read_request(&request, text)) {
		key_make(tunnel);
		identity_settle(tunnel, NULL);
		identity_digest(tunnel);
		print_all(tunnel);
		exchange(tunnel);
		print_all(tunnel);
	}
	request_free(&request);
	free(text);
	return 0;
}
