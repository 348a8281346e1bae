/* SPDX-License-Identifier: ISC */
/* The set-up as commands for a root terminal: a paste block, which hands the rows to `ip -batch`, or bare
 * commands, one a line. */
#include "print.h"

#include <string.h>

/* ---- What --explain says ---- */

/* Behind those of xfrm.h. */
enum {
	WORD_LINK = WORD_OF_OTHERS,
	WORD_ADDRESS,
	WORD_ROUTE,
	WORD_MTU,
	WORD_MAXSEG,
	WORD_ESPDECAP,
	WORD_DETACH,
	WORD_NONIKE,
	WORD_USER
};

/* In the order of the bits. */
static const char *const explanations[] = {
	"xfrm policy: a rule of the kernel for packets of these addresses; what its template names "
	"is done to those that it covers",
	"src: from these addresses, and dst, to these: of the packet inside, as the hosts see it",
	"sport: from this port alone",
	"dport: to this port alone",
	"proto 1: ICMP alone",
	"proto 6: TCP alone",
	"proto 17: UDP alone",
	"proto 58: ICMP of IPv6 alone",
	"dir out: on what this host sends or forwards, before it leaves",
	"dir in: on what arrives for this host itself: in the clear it is dropped",
	"dir fwd: on what arrives for others, hosts behind this one: in the clear it is dropped",
	"priority: where several policies cover a packet, the lowest number is taken",
	"action block: what no policy of a lower number took is dropped",
	"tmpl: the template, what is done; its src and dst are the outer addresses, those of the "
	"encrypted packet",
	"if_id: only for what is routed into the xfrm interface of this number",
	"proto esp: ESP, RFC 4303: encrypts, authenticates, and numbers packets against replay",
	"reqid: ties template and state together: a policy takes only states of its number",
	"mode tunnel: the whole packet is put into a new one, between the outer addresses",
	"mode transport: only what the packet carries is encrypted; it keeps its addresses",
	"xfrm state: a security association, SA: how one direction is encrypted, and with which "
	"key; each side has both directions",
	"spi: the number in each packet by which its receiver finds this state; both sides have "
	"the same",
	"flag: what is different from the default, up to replay-window",
	"esn: sequence numbers of 64 bits, of which 32 are sent",
	"af-unspec: takes packets of IPv4 and of IPv6 inside, whatever is outside",
	"replay-window: how many packets late one may come; a number that was seen already is "
	"dropped",
	"limit: how much may be sent with this key, then that direction stops",
	"encap: inside UDP, RFC 3948, which passes NATs; then the type, the ports from and to, and "
	"0.0.0.0, an address that is not used",
	"aead: one algorithm that encrypts and authenticates, as the kernel calls it, its key with "
	"the salt at its end, and the bits of its checksum",
	"enc: the algorithm that encrypts, as the kernel calls it, and its key",
	"auth-trunc: the algorithm that authenticates, its key, and to how many bits its checksum "
	"is cut",
	"link add: an xfrm interface: what is routed into it meets the policies of its if_id",
	"address add: the own address inside; on lo it answers whatever the way",
	"route add: where the outer packets go, too; it is for the source address and the MTU, for "
	"the policy encrypts",
	"mtu: what still fits inside after all headers",
	"maxseg: TCP connections are told to send no larger segments than fit inside",
	"espdecap: holds the UDP socket, without which the kernel does not take what arrives out "
	"of the UDP",
	"-d: into the background once the socket is there; its process number is printed",
	"-N: the type from before RFC 3948",
	"-u: as this user, who may do nothing; -b: at this address and port; then where the other "
	"side is",
};

/* Where commands are printed to, and how. */
struct commands {
	struct text *out;
	enum style style;
	uint64_t explained; /* the words whose explanation was printed */
};

/* Explains those of WORDS that are new. */
static void explain(struct commands *commands, uint64_t words)
{
	if (commands->style != STYLE_EXPLAINED)
		return;
	for (size_t i = 0; i < sizeof explanations / sizeof *explanations; i++)
		if (words & ~commands->explained & WORD(i))
			text_join(commands->out, "# ", explanations[i], "\n", NULL);
	commands->explained |= words;
}

static bool is_bare(const struct commands *commands)
{
	return commands->style == STYLE_BARE;
}

/* Adds ROW, a line or more of `ip -batch`, as a command of a shell: on one line, its parentheses quoted. */
static void add_bare(struct text *out, const char *row)
{
	bool quoted = false;

	text_add_string(out, "ip ");
	for (const char *p = row; *p; p++) {
		if (strncmp(p, " \\\n ", 4) == 0) { /* a backslash joined the next line, which two blanks begin */
			p += 3;
			continue;
		}
		if (!quoted && (p == row || p[-1] == ' ') && memchr(p, '(', strcspn(p, " \n"))) {
			text_add_string(out, "'");
			quoted = true;
		}
		if (quoted && (*p == ' ' || *p == '\n')) {
			text_add_string(out, "'");
			quoted = false;
		}
		text_add(out, p, 1);
	}
}

/* Adds ROW, which has WORDS, behind what is to be explained of them; it is empty afterwards. */
static void add_row(struct commands *commands, struct text *row, uint64_t words)
{
	explain(commands, words);
	if (is_bare(commands))
		add_bare(commands->out, row->bytes);
	else
		text_add(commands->out, row->bytes, row->length);
	text_empty(row);
}

/* ---- The rows of `ip -batch` ---- */

static void add_policies(struct commands *commands, const struct policies *policies)
{
	static const struct names names = { 0 };
	struct text row = { 0 };

	for (size_t i = 0; i < policies->count; i++)
		add_row(commands, &row, policy_print(&row, &policies->rows[i], &names));
	text_free(&row);
}

static void add_states(struct commands *commands, const struct plan *plan)
{
	static const struct names names = { 0 };
	struct text row = { 0 };

	for (size_t i = 0; i < 2 * plan->peer_count; i++)
		add_row(commands, &row, state_print(&row, &plan->states[i], &names));
	text_free(&row);
}

static void add_interface(struct commands *commands, const struct plan *plan)
{
	const char *interface = plan->tunnel->interface;
	struct text row = { 0 };

	text_printf(&row, "link add %s type xfrm if_id 0x%x\n", interface, (unsigned)plan->if_id);
	add_row(commands, &row, WORD(WORD_LINK) | WORD(WORD_IF_ID));
	text_printf(&row, "link set %s mtu %u up\n", interface, plan->mtu);
	add_row(commands, &row, WORD(WORD_MTU));
	text_free(&row);
}

/* Where it leads: the interface, or where the outer packets go, which the shell asks for. */
static void add_way(struct text *row, const struct plan *plan, const struct route *route)
{
	char outer[OUTER_TEXT];

	if (plan->tunnel->interface)
		text_join(row, " dev ", plan->tunnel->interface, NULL);
	else
		text_join(row, route->same_family ? " $(way_to " : " $(device_to ",
		          view_print_outer(outer, &plan->views[route->peer]), ")", NULL);
}

static void add_route(struct commands *commands, const struct plan *plan, const struct route *route)
{
	bool has_mtu = plan->tunnel->interface || !route->same_family || route->has_mtu;
	uint64_t words = WORD(WORD_ROUTE);
	struct text row = { 0 };
	char text[PREFIX_TEXT];

	text_join(&row, "route add ", prefix_print(text, &route->net), NULL);
	add_way(&row, plan, route);
	if (route->has_source) {
		text_join(&row, " src ", address_print(text, &plan->inside), NULL);
		words |= WORD(WORD_SRC_DST);
	}
	if (has_mtu) {
		text_printf(&row, " mtu %u", plan->mtu);
		words |= WORD(WORD_MTU);
	}
	text_add_string(&row, "\n");
	if (is_bare(commands)) { /* a $(...) is not to be quoted */
		text_add_string(commands->out, "ip ");
		text_add(commands->out, row.bytes, row.length);
	} else {
		add_row(commands, &row, words);
	}
	text_free(&row);
}

/* ---- The other commands ---- */

static bool has_own_address(const struct plan *plan)
{
	return plan->is_site && plan->own_address.family != AF_UNSPEC;
}

static bool has_routes(const struct plan *plan)
{
	return plan->is_site && plan->routes.count;
}

static bool asks_for_ways(const struct plan *plan)
{
	return has_routes(plan) && !plan->tunnel->interface;
}

static void add_ways(struct text *out, const struct plan *plan)
{
	bool other_family = false;

	if (!asks_for_ways(plan))
		return;
	for (size_t i = 0; i < plan->routes.count; i++)
		other_family |= !plan->routes.rows[i].same_family;
	text_add_string(out, "way_to() { ip -o route get \"$1\" | sed 's/^[^ ]* \\(via [^ ]* \\)*\\(dev [^ ]*\\).*/\\1\\2/'; }\n");
	if (other_family)
		text_add_string(out, "device_to() { ip -o route get \"$1\" | sed 's/.* \\(dev [^ ]*\\).*/\\1/'; }\n");
}

/* What stands between a command of the block and the next one, which runs only if this one did not fail. */
static const char *then(const struct commands *commands, bool is_last)
{
	return is_last || is_bare(commands) ? "" : " &&";
}

static void begin_batch(const struct commands *commands, bool expands, bool is_last)
{
	if (!is_bare(commands))
		text_join(commands->out, "ip -batch - <<", expands ? "END" : "'END'", then(commands, is_last), "\n", NULL);
}

static void end_batch(const struct commands *commands)
{
	if (!is_bare(commands))
		text_add_string(commands->out, "END\n");
}

static void add_address(struct commands *commands, const struct plan *plan)
{
	char address[ADDRESS_TEXT];

	address_print(address, &plan->own_address);
	explain(commands, WORD(WORD_ADDRESS));
	text_printf(commands->out, "{ [ \"$(ip -o address show to %s)\" ] || ip address add %s/%u dev %s; }%s\n", address, address,
	            family_bits(plan->own_address.family), plan->own_device, then(commands, false));
}

static void add_routes(struct commands *commands, const struct plan *plan)
{
	begin_batch(commands, !plan->tunnel->interface, !plan->tunnel->clamp && !plan->encapsulates);
	for (size_t i = 0; i < plan->routes.count; i++)
		add_route(commands, plan, &plan->routes.rows[i]);
	end_batch(commands);
}

static void add_clamps(struct commands *commands, const struct plan *plan)
{
	struct text *out = commands->out;

	explain(commands, WORD(WORD_MAXSEG));
	text_printf(out, "nft -f - <<'END'%s\ntable inet xfrmpair-%s-%08x {\n  chain both {\n",
	            then(commands, !plan->encapsulates), plan->self->name, (unsigned)plan->tunnel->digest);
	for (size_t i = 0; i < plan->selectors.count; i++)
		print_clamp(out, plan, &plan->selectors.rows[i], "    ");
	text_add_string(out, "  }\n  chain forward { type filter hook forward priority mangle; jump both; }\n"
	                     "  chain output { type filter hook output priority mangle; jump both; }\n}\nEND\n");
}

static void add_helper(struct commands *commands, const struct plan *plan)
{
	bool nonike = plan->tunnel->nonike;
	char text[OUTER_TEXT];

	explain(commands, WORD(WORD_ESPDECAP) | WORD(WORD_DETACH) | WORD(WORD_USER) | (nonike ? WORD(WORD_NONIKE) : 0));
	text_printf(commands->out, "espdecap -d %s-u 65534 -b %s %u", nonike ? "-N " : "", local_print_address(text, plan->self),
	            plan->self->local.port);
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];
		bool six = view->other_outer.address.family == AF_INET6;

		text_printf(commands->out, "%s%s%s%s:%u", plan->peer_count > 2 && !is_bare(commands) ? " \\\n  " : " ",
		            six ? "[" : "", view_print_outer(text, view), six ? "]" : "", view->other_outer.port);
	}
	text_add_string(commands->out, "\n");
}

/* ---- What takes them down ---- */

static void add_policy_delete(struct text *out, const struct policy *policy)
{
	static const char add[] = "xfrm policy add ";
	static const struct names names = { 0 };
	struct text row = { 0 };
	const char *selector;

	policy_print(&row, policy, &names);
	/* what identifies it is between the verb and its priority */
	selector = row.bytes + strlen(add);
	text_add_string(out, "#   ip xfrm policy delete ");
	text_add(out, selector, (size_t)(strstr(selector, " priority ") - selector));
	if (policy->if_id)
		text_printf(out, " if_id 0x%x", (unsigned)policy->if_id);
	text_add_string(out, "\n");
	text_free(&row);
}

static void add_deletes(struct text *out, const struct policies *policies)
{
	for (size_t i = 0; i < policies->count; i++)
		add_policy_delete(out, &policies->rows[i]);
}

static void add_down(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	char text[PREFIX_TEXT];

	text_add_string(out, "# To take it down:\n");
	if (plan->encapsulates)
		text_add_string(out, "#   kill PID, which espdecap has printed\n");
	if (tunnel->clamp)
		text_printf(out, "#   nft delete table inet xfrmpair-%s-%08x\n", plan->self->name, (unsigned)tunnel->digest);
	if (tunnel->interface)
		text_join(out, "#   ip link delete ", tunnel->interface, "\n", NULL);
	for (size_t i = 0; plan->is_site && !tunnel->interface && i < plan->routes.count; i++)
		text_join(out, "#   ip route delete ", prefix_print(text, &plan->routes.rows[i].net), "\n", NULL);
	if (has_own_address(plan) && !tunnel->interface)
		text_printf(out, "#   ip address delete %s/%u dev %s, if it was added\n", address_print(text, &plan->own_address),
		            family_bits(plan->own_address.family), plan->own_device);
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, "#   ip xfrm state deleteall reqid %u\n", (unsigned)plan->views[i].reqid);
	add_deletes(out, &plan->tunnels);
	add_deletes(out, &plan->passes);
	if (tunnel->guard)
		text_add_string(out, "# These end the guard, which blocks what the tunnel carried:\n");
	add_deletes(out, &plan->blocks);
}

/* ---- The whole ---- */

static void add_title(struct text *out, const struct plan *plan, bool bare)
{
	char address[OUTER_TEXT];

	text_printf(out, "# side %s of the tunnel ", plan->self->name);
	print_names(out, plan->tunnel);
	text_printf(out, ", digest %08x: %s a root shell on the host %s.\n", (unsigned)plan->tunnel->digest,
	            bare ? "commands for" : "paste all of it into", local_print_address(address, plan->self));
	if (bare)
		text_add_string(out, "# CONTAINS KEYS: other users can see them as arguments while a command runs, and the history keeps them.\n");
	else
		text_add_string(out, "# CONTAINS KEYS: the shell's history will have them (bash keeps out what begins with a blank, if you\n"
		                     "# set HISTCONTROL=ignorespace), and so will the terminal's scrollback.\n");
	print_picture(out, plan);
	if (plan->tunnel->exchanged)
		text_printf(out, "# Compare the fingerprint %s with the other side, by phone; if it differs, stop.\n",
		            plan->tunnel->fingerprint);
}

/* The guard first, then what the policies need: what the kernel lacks is refused before anything is in place. */
static void add_xfrm(struct commands *commands, const struct plan *plan)
{
	begin_batch(commands, false, !plan->encapsulates && !has_own_address(plan) && !has_routes(plan) && !plan->tunnel->clamp);
	add_policies(commands, &plan->blocks);
	add_states(commands, plan);
	add_policies(commands, &plan->passes);
	add_policies(commands, &plan->tunnels);
	if (plan->tunnel->interface)
		add_interface(commands, plan);
	end_batch(commands);
}

void print_commands(struct text *out, const struct plan *plan, enum style style)
{
	struct commands commands = { .out = out, .style = style };
	bool bare = style == STYLE_BARE;

	add_title(out, plan, bare);
	/* a brace that is not closed does nothing: a paste may be cut off; the blank keeps it out of bash's history */
	text_add_string(out, bare ? "" : " {\n");
	add_ways(out, plan);
	add_xfrm(&commands, plan);
	if (has_own_address(plan))
		add_address(&commands, plan);
	if (has_routes(plan))
		add_routes(&commands, plan);
	if (plan->tunnel->clamp)
		add_clamps(&commands, plan);
	if (plan->encapsulates)
		add_helper(&commands, plan);
	text_add_string(out, bare ? "" : "}\n");
	text_add_string(out, "# When the other side is up too, test it with:\n");
	for (size_t i = 0; i < plan->peer_count; i++) {
		text_add_string(out, "#");
		print_test(out, plan, i);
	}
	add_down(out, plan);
}
