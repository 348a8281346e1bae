/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Prints the set-up as commands for a root shell: a paste block, which passes its rows to `ip
 * -batch`, or bare commands, one per line. */
#include "explain.h"
#include "line.h"
#include "print.h"

#include <string.h>

/* The line joints of a folded command, a comment, and a command in a comment. */
#define FOLD " \\\n"
#define COMMAND_FOLD FOLD "  "
#define COMMENT_FOLD "\n# "
#define COMMENTED_FOLD FOLD "#     "

/* The destination and style of the commands. */
struct commands {
	struct text *out;
	const struct plan *plan;
	enum style style;
	uint64_t explained;  /* the words whose explanation was printed */
	unsigned steps;      /* steps of the block that are not printed yet */
};

/* Explains those of WORDS that were not explained before. */
static void explain(struct commands *commands, uint64_t words)
{
	if (commands->style != STYLE_EXPLAINED)
		return;
	explain_words(commands->out, words & ~commands->explained);
	commands->explained |= words;
}

static bool is_bare(const struct commands *commands)
{
	return commands->style == STYLE_BARE;
}

/* ---- Rows and steps ---- */

/* Adds the explanations of WORDS, then ROW of `ip -batch` without its newline, and empties ROW. */
static void begin_row(struct commands *commands, struct text *row, uint64_t words)
{
	explain(commands, words);
	if (is_bare(commands)) {
		text_add_string(commands->out, "ip");
		line_quote(commands->out, row->bytes);
	} else {
		line_fold(commands->out, "", COMMAND_FOLD, row->bytes);
	}
	text_empty(row);
}

static void add_row(struct commands *commands, struct text *row, uint64_t words)
{
	begin_row(commands, row, words);
	text_add_string(commands->out, "\n");
}

/* Each step of a block runs only if the previous one succeeded. */
static const char *begin_step(struct commands *commands)
{
	commands->steps--;
	return commands->steps && !is_bare(commands) ? " &&" : "";
}

static void begin_batch(struct commands *commands, const char *command)
{
	const char *then = begin_step(commands);

	if (!is_bare(commands))
		text_join(commands->out, command, then, "\n", NULL);
}

static void end_batch(struct commands *commands)
{
	if (!is_bare(commands))
		text_add_string(commands->out, "END\n");
}

/* ---- Policies, states and the interface ---- */

/* A block has only one epoch, so its policies name no SPI and use any state of their reqid. */
static const struct names block_names = { .pin = "" };

static void add_policies(struct commands *commands, const struct policies *policies)
{
	struct text row = { 0 };

	for (size_t i = 0; i < policies->count; i++)
		add_row(commands, &row, policy_print(&row, &policies->rows[i], &block_names));
	text_free(&row);
}

static void add_states(struct commands *commands)
{
	const struct plan *plan = commands->plan;
	struct text row = { 0 };

	for (size_t i = 0; i < 2 * plan->peer_count; i++)
		add_row(commands, &row, state_print(&row, &plan->states[i], &block_names));
	text_free(&row);
}

static void add_interface(struct commands *commands)
{
	const struct plan *plan = commands->plan;
	const char *interface = plan->tunnel->interface;
	struct text row = { 0 };

	text_printf(&row, "link add %s type xfrm if_id 0x%x\n", interface, (unsigned)plan->if_id);
	add_row(commands, &row, WORD(WORD_LINK) | WORD(WORD_IF_ID));
	text_printf(&row, "link set %s mtu %u up\n", interface, plan->mtu);
	add_row(commands, &row, WORD(WORD_MTU));
	text_free(&row);
}

/* A line that is too long is split in two. */
static void add_picture(struct text *out, const struct plan *plan)
{
	struct text picture = { 0 };
	char *rest, *line;

	print_picture(&picture, plan);
	rest = picture.bytes;
	while ((line = strsep(&rest, "\n")) && *line) {
		char *middle = strlen(line) > LINE_COLUMNS ? strstr(line, " = ") : NULL;

		text_add(out, line, middle ? (size_t)(middle - line) : strlen(line));
		if (middle)
			text_join(out, "\n#    ", middle, NULL);
		text_add_string(out, "\n");
	}
	text_free(&picture);
}

static uint64_t helper_words(const struct plan *plan)
{
	if (!plan->encapsulates)
		return 0;
	return WORD(WORD_ESPDECAP) | WORD(WORD_DETACH) | WORD(WORD_USER) |
	       (plan->tunnel->nonike ? WORD(WORD_NONIKE) : 0);
}

/* The guard is first. States come before policies, so that a kernel without the cipher refuses the
 * states before policies drop packets. Explanations of the batch and the helper are inside the
 * batch, because an interactive zsh treats other comments as commands. */
static void add_xfrm(struct commands *commands)
{
	const struct plan *plan = commands->plan;

	begin_batch(commands, "ip -batch - <<'END'");
	add_picture(commands->out, plan);
	add_policies(commands, &plan->blocks);
	add_states(commands);
	add_policies(commands, &plan->bypasses);
	add_policies(commands, &plan->neighbours);
	add_policies(commands, &plan->tunnels);
	if (plan->tunnel->interface)
		add_interface(commands);
	explain(commands, helper_words(plan));
	end_batch(commands);
}

/* ---- The helper ---- */

/* The command as typed and as pkill(1) finds it, up to the peers, because brackets would be a
 * pattern. */
static void add_helper_words(struct text *out, const struct plan *plan)
{
	char address[OUTER_TEXT];

	text_printf(out, "espdecap -d %s-u 65534 -b %s %u", plan->tunnel->nonike ? "-N " : "",
	            local_print_address(address, plan->self), plan->self->local.port);
}

static void add_helper(struct commands *commands)
{
	const struct plan *plan = commands->plan;
	struct text line = { 0 };

	add_helper_words(&line, plan);
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];
		bool six = view->other_outer.address.family == AF_INET6;
		char outer[OUTER_TEXT];

		/* quoted, because brackets are a pattern */
		text_printf(&line, " %s%s%s:%u%s", six ? "'[" : "", view_print_outer(outer, view),
		            six ? "]" : "", view->other_outer.port, six ? "'" : "");
	}
	text_add_string(&line, begin_step(commands));
	if (is_bare(commands))
		text_add_string(commands->out, line.bytes);
	else
		line_fold(commands->out, "", COMMAND_FOLD, line.bytes);
	text_add_string(commands->out, "\n");
	text_free(&line);
}

/* ---- The table of nft(8) ---- */

static void add_table_name(struct text *out, const struct plan *plan)
{
	text_printf(out, "inet xfrmpair-%08x-%s", (unsigned)plan->tunnel->digest,
	            plan->self->name);
}

static void add_clamp_commands(struct commands *commands)
{
	static const char *const hooks[] = { "forward", "output" };
	const struct selectors *selectors = &commands->plan->selectors;
	struct text table = { 0 }, command = { 0 };

	add_table_name(&table, commands->plan);
	text_join(&command, "nft add rule ", table.bytes, " both ", NULL);
	text_join(commands->out, "nft add table ", table.bytes, "\n",
	          "nft add chain ", table.bytes, " both\n", NULL);
	for (size_t i = 0; i < selectors->count; i++)
		print_clamp(commands->out, commands->plan, &selectors->rows[i], command.bytes);
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		text_join(commands->out, "nft add chain ", table.bytes, " ", hooks[i],
		          " '{ type filter hook ", hooks[i], " priority mangle; }'\n",
		          "nft add rule ", table.bytes, " ", hooks[i], " jump both\n", NULL);
	text_free(&table);
	text_free(&command);
}

static void add_clamp_table(struct commands *commands)
{
	const struct selectors *selectors = &commands->plan->selectors;
	struct text *out = commands->out, rules = { 0 };
	const char *rule;

	text_join(out, "nft -f - <<'END'", begin_step(commands), "\ntable ", NULL);
	add_table_name(out, commands->plan);
	text_add_string(out, " {\n  chain both {\n");
	for (size_t i = 0; i < selectors->count; i++)
		print_clamp(&rules, commands->plan, &selectors->rows[i], "");
	if (rules.length)
		explain(commands, WORD(WORD_MAXSEG));
	for (rule = rules.bytes; rule && *rule;) {
		rule = line_fold(out, "    ", FOLD "      ", rule);
		text_add_string(out, "\n");
	}
	text_free(&rules);
	text_add_string(out,
	                "  }\n"
	                "  chain forward { type filter hook forward priority mangle; jump both; }\n"
	                "  chain output { type filter hook output priority mangle; jump both; }\n"
	                "}\nEND\n");
}

/* ---- Addresses and routes ---- */

static bool has_inner_address(const struct plan *plan)
{
	return plan->self->inner.family != AF_UNSPEC;
}

static bool has_routes(const struct plan *plan)
{
	return plan->is_site && plan->routes.count;
}

static void add_address_words(struct text *out, const struct plan *plan)
{
	char address[ADDRESS_TEXT];

	text_printf(out, "%s/%u dev %s", address_print(address, &plan->own_address),
	            family_bits(plan->own_address.family), plan->own_device);
}

/* Without duplicate address detection, the routes can use an IPv6 address at once. */
static void add_address(struct commands *commands)
{
	bool six = commands->plan->own_address.family == AF_INET6;
	struct text row = { 0 };

	text_add_string(&row, "address replace ");
	add_address_words(&row, commands->plan);
	text_add_string(&row, six ? " nodad\n" : "\n");
	add_row(commands, &row, WORD(WORD_ADDRESS));
	text_free(&row);
}

static uint64_t add_route_words(struct text *out, const struct plan *plan,
                                const struct route *route)
{
	const char *interface = plan->tunnel->interface;
	uint64_t words = WORD(WORD_ROUTE);
	char text[PREFIX_TEXT];

	text_add_string(out, prefix_print(text, &route->net));
	if (route->has_source) {
		text_join(out, " src ", address_print(text, &plan->inside), NULL);
		words |= WORD(WORD_SRC_DST);
	}
	if (interface || !route->same_family || route->has_mtu) {
		text_printf(out, " mtu %u", plan->mtu);
		words |= WORD(WORD_MTU);
	}
	if (interface)
		text_join(out, " dev ", interface, NULL);
	return words;
}

/* The shell looks up the route of the outer packets, because only the host itself knows it. */
static void add_lookup(struct commands *commands, const struct route *route)
{
	char outer[OUTER_TEXT];

	text_join(commands->out, is_bare(commands) ? " " : COMMAND_FOLD, "$(ip -o route get ",
	          view_print_outer(outer, &commands->plan->views[route->peer]), " | grep -oE '",
	          route->same_family ? "(via [^ ]+ )?" : "", "dev [^ ]+')", NULL);
}

static void add_route(struct commands *commands, const struct route *route)
{
	struct text row = { 0 };
	uint64_t words;

	text_add_string(&row, "route add ");
	words = add_route_words(&row, commands->plan, route);
	begin_row(commands, &row, words);
	if (!commands->plan->tunnel->interface)
		add_lookup(commands, route);
	text_add_string(commands->out, "\n");
	text_free(&row);
}

/* Uses -force, because the tunnel works without a route that is refused: the policies decide what
 * is encrypted. */
static void add_routes(struct commands *commands)
{
	const struct plan *plan = commands->plan;

	begin_batch(commands, plan->tunnel->interface ? "ip -force -batch - <<'END'"
	                                              : "ip -force -batch - <<END");
	if (has_inner_address(plan))
		add_address(commands);
	for (size_t i = 0; has_routes(plan) && i < plan->routes.count; i++)
		add_route(commands, &plan->routes.rows[i]);
	end_batch(commands);
}

/* ---- What is said before and after ---- */

static void add_comment(struct text *out, struct text *comment)
{
	line_fold(out, "# ", COMMENT_FOLD, comment->bytes);
	text_add_string(out, "\n");
	text_free(comment);
}

/* Adds a command as a comment, and empties it. */
static void add_commented(struct text *out, struct text *command)
{
	line_fold(out, "#   ", COMMENTED_FOLD, command->bytes);
	text_add_string(out, "\n");
	text_empty(command);
}

static const char history_warning[] =
	"# CONTAINS KEYS, which the shell keeps in its history, except bash with "
	"HISTCONTROL=ignorespace.\n";
static const char arguments_warning[] =
	"# CONTAINS KEYS as arguments: other users can see them while a command runs, and the\n"
	"# shell keeps them in its history.\n";

static void add_title(struct text *out, const struct plan *plan, bool bare)
{
	struct text title = { 0 };
	char address[OUTER_TEXT];

	text_printf(&title, "side %s of the tunnel ", plan->self->name);
	print_names(&title, plan->tunnel);
	text_printf(&title, ", digest %08x: %s %s.", (unsigned)plan->tunnel->digest,
	            bare ? "commands for a root shell on" : "paste it all into a root shell on",
	            local_print_address(address, plan->self));
	add_comment(out, &title);
	text_add_string(out, bare ? arguments_warning : history_warning);
	if (plan->tunnel->exchanged)
		text_printf(out, "# Fingerprint %s: compare it by phone, and stop if it differs.\n",
		            plan->tunnel->fingerprint);
}

static void add_tests(struct text *out, const struct plan *plan)
{
	for (size_t i = 0; i < plan->peer_count; i++) {
		struct text test = { 0 };

		text_join(&test, "When ", plan->views[i].other->name,
		          " is up too, test it with:", NULL);
		print_test(&test, plan, i, NULL);
		add_comment(out, &test);
	}
}

static void add_deletes(struct text *out, const struct policies *policies)
{
	struct text command = { 0 };

	for (size_t i = 0; i < policies->count; i++) {
		uint32_t if_id = policies->rows[i].if_id;

		text_add_string(&command, "ip xfrm policy delete ");
		policy_print_selector(&command, &policies->rows[i], &block_names);
		if (if_id)
			text_printf(&command, " if_id 0x%x", (unsigned)if_id);
		add_commented(out, &command);
	}
	text_free(&command);
}

/* The interface takes its addresses and routes with it. */
static void add_routes_down(struct text *out, const struct plan *plan)
{
	struct text command = { 0 };

	if (plan->tunnel->interface) {
		text_join(out, "#   ip link delete ", plan->tunnel->interface, "\n", NULL);
		return;
	}
	for (size_t i = 0; has_routes(plan) && i < plan->routes.count; i++) {
		text_add_string(&command, "ip route delete ");
		add_route_words(&command, plan, &plan->routes.rows[i]);
		add_commented(out, &command);
	}
	if (has_inner_address(plan)) {
		text_add_string(&command, "ip address delete ");
		add_address_words(&command, plan);
		add_commented(out, &command);
	}
	text_free(&command);
}

static void add_down(struct text *out, const struct plan *plan)
{
	text_add_string(out, "# To take it down:\n");
	if (plan->encapsulates) {
		text_add_string(out, "#   pkill -f '^");
		add_helper_words(out, plan);
		text_add_string(out, " '\n");
	}
	if (plan->tunnel->clamp) {
		text_add_string(out, "#   nft delete table ");
		add_table_name(out, plan);
		text_add_string(out, "\n");
	}
	add_routes_down(out, plan);
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "#   ip xfrm state deleteall reqid %u\n",
		            (unsigned)plan->views[i].reqid);
	add_deletes(out, &plan->tunnels);
	add_deletes(out, &plan->bypasses);
	add_deletes(out, &plan->neighbours);
	if (plan->tunnel->guard)
		text_add_string(out, "# The guard still blocks unencrypted packets. To end it:\n");
	add_deletes(out, &plan->blocks);
}

/* ---- The whole ---- */

/* The helper comes before the routes, because the tunnel does not work without it. */
static void add_steps(struct commands *commands)
{
	const struct plan *plan = commands->plan;
	bool has_batch = has_inner_address(plan) || has_routes(plan);

	commands->steps = 1u + plan->encapsulates + plan->tunnel->clamp + has_batch;
	add_xfrm(commands);
	if (plan->encapsulates)
		add_helper(commands);
	if (plan->tunnel->clamp && is_bare(commands))
		add_clamp_commands(commands);
	else if (plan->tunnel->clamp)
		add_clamp_table(commands);
	if (has_batch)
		add_routes(commands);
}

void print_commands(struct text *out, const struct plan *plan, enum style style)
{
	struct commands commands = { .out = out, .plan = plan, .style = style };
	bool bare = style == STYLE_BARE;

	add_title(out, plan, bare);
	/* A brace that is not closed runs nothing, so a paste may be cut off.  The blank keeps it
	 * out of a history that ignores such commands. */
	text_add_string(out, bare ? "" : " { ");
	add_steps(&commands);
	text_add_string(out, bare ? "" : "}\n");
	add_tests(out, plan);
	add_down(out, plan);
}
