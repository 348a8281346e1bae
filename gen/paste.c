/* SPDX-License-Identifier: ISC */
/* The paste block: the set-up as straight commands for a root terminal. */
#include "print.h"

#include <stdio.h>

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

/* Where a block is printed to, and what of it was explained already. */
struct paste {
	struct text *out;
	bool explained;
	uint64_t told;
};

/* Explains those of WORDS that are new. */
static void explain(struct paste *paste, uint64_t words)
{
	if (!paste->explained)
		return;
	for (size_t i = 0; i < sizeof explanations / sizeof *explanations; i++)
		if (words & ~paste->told & WORD(i))
			text_join(paste->out, "## ", explanations[i], "\n", NULL);
	paste->told |= words;
}

/* LINE, which has WORDS, behind what is to be explained of them; it is empty afterwards. */
static void add_line(struct paste *paste, struct text *line, uint64_t words)
{
	explain(paste, words);
	text_add(paste->out, line->bytes, line->length);
	text_empty(line);
}

/* ---- The rows ---- */

static void add_policies(struct paste *paste, const struct policies *policies)
{
	static const struct names names = { .pin = "" };
	struct text line = { 0 };

	for (size_t i = 0; i < policies->count; i++)
		add_line(paste, &line, policy_print(&line, &policies->rows[i], &names));
	text_free(&line);
}

static void add_states(struct paste *paste, const struct plan *plan)
{
	static const struct names names = { 0 };
	struct text line = { 0 };

	for (size_t i = 0; i < 2 * plan->peer_count; i++)
		add_line(paste, &line, state_print(&line, &plan->states[i], &names));
	text_free(&line);
}

static void add_interface(struct paste *paste, const struct plan *plan)
{
	const char *interface = plan->tunnel->interface;

	explain(paste, WORD(WORD_LINK) | WORD(WORD_IF_ID));
	text_printf(paste->out, "link add %s type xfrm if_id 0x%x\n", interface,
	            (unsigned)plan->if_id);
	explain(paste, WORD(WORD_MTU));
	text_printf(paste->out, "link set %s mtu %u up\n", interface, plan->mtu);
}

static void add_address(struct paste *paste, const struct plan *plan)
{
	char address[ADDRESS_TEXT];

	address_print(address, &plan->own_address);
	explain(paste, WORD(WORD_ADDRESS));
	text_printf(paste->out,
	            "$([ \"$(\"$ip\" -o address show to %s)\" ] || echo \"address add %s/%u dev "
	            "%s\")\n",
	            address, address, family_bits(plan->own_address.family), plan->own_device);
}

static void add_route(struct paste *paste, const struct plan *plan, const struct route *route)
{
	const char *interface = plan->tunnel->interface;
	char outer[OUTER_TEXT], text[PREFIX_TEXT];
	bool has_mtu = interface || !route->same_family || route->has_mtu;

	explain(paste, WORD(WORD_ROUTE) | (route->has_source ? WORD(WORD_SRC_DST) : 0) |
	                       (has_mtu ? WORD(WORD_MTU) : 0));
	text_join(paste->out, "route add ", prefix_print(text, &route->net), NULL);
	view_print_outer(outer, &plan->views[route->peer]);
	if (interface)
		text_join(paste->out, " dev ", interface, NULL);
	else if (route->same_family)
		text_join(paste->out, " $(way_to ", outer, ")", NULL);
	else
		text_join(paste->out, " $(way_to ", outer, " | sed 's/.*dev/dev/')", NULL);
	if (route->has_source)
		text_join(paste->out, " src ", address_print(text, &plan->inside), NULL);
	if (has_mtu)
		text_printf(paste->out, " mtu %u", plan->mtu);
	text_add_string(paste->out, "\n");
}

static void add_helper(struct paste *paste, const struct plan *plan, const char *address)
{
	bool nonike = plan->tunnel->nonike;
	struct text *out = paste->out;

	text_add_string(out, "  # the socket that makes the kernel decapsulate; in the background "
	                     "once it is ready\n");
	explain(paste, WORD(WORD_ESPDECAP) | WORD(WORD_DETACH) | WORD(WORD_USER) |
	                       (nonike ? WORD(WORD_NONIKE) : 0));
	text_printf(out, "  pid=$(espdecap -d %s-u 65534 -b %s %u \\\n", nonike ? "-N " : "",
	            address, plan->self->local.port);
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];
		bool six = view->other_outer.address.family == AF_INET6;
		char outer[OUTER_TEXT];

		text_printf(out, "    %s%s%s:%u \\\n", six ? "[" : "",
		            view_print_outer(outer, view), six ? "]" : "", view->other_outer.port);
	}
	text_add_string(out, "    ) || not_set_up \"espdecap did not start\" || return\n");
}

static void add_clamps(struct paste *paste, const struct plan *plan)
{
	struct text *out = paste->out, rules = { 0 };

	text_printf(out, "  said=$(echo \"table inet xfrmpair-%08x-%s-mss {\n  chain both {\n",
	            (unsigned)plan->tunnel->digest, plan->self->name);
	for (size_t i = 0; i < plan->selectors.count; i++)
		print_clamp(&rules, plan, &plan->selectors.rows[i], "    ");
	if (rules.length)
		add_line(paste, &rules, WORD(WORD_MAXSEG));
	text_free(&rules);
	text_add_string(out, "  }\n  chain forward { type filter hook forward priority mangle; "
	                     "jump both; }\n"
	                     "  chain output { type filter hook output priority mangle; jump both; "
	                     "}\n}\" | nft -f - 2>&1) || not_set_up \"nft: $said\"\n");
}

static void add_set_up(struct paste *paste, const struct plan *plan, const char *address)
{
	const struct tunnel *tunnel = plan->tunnel;

	text_add_string(paste->out, "set_up() {\n  added=$(echo \"\\\n");
	add_policies(paste, &plan->passes);
	add_policies(paste, &plan->blocks);
	if (tunnel->guard)
		text_add_string(paste->out, "# what it carried is blocked still; these lines end "
		                            "that:\n");
	add_policies(paste, &plan->tunnels);
	add_states(paste, plan);
	if (tunnel->interface)
		add_interface(paste, plan);
	if (plan->is_site && plan->own_address.family != AF_UNSPEC)
		add_address(paste, plan);
	for (size_t i = 0; plan->is_site && i < plan->routes.count; i++)
		add_route(paste, plan, &plan->routes.rows[i]);
	text_add_string(paste->out, "\" | add_rows) || return\n");
	if (plan->encapsulates)
		add_helper(paste, plan, address);
	if (tunnel->clamp)
		add_clamps(paste, plan);
	text_add_string(paste->out, "}\n");
}

/* ---- What stands around them ---- */

/* A shell that keeps a history would keep the keys. */
static void add_beginning(struct text *out, const struct plan *plan, const char *address)
{
	text_printf(out, "# side %s of the tunnel ", plan->self->name);
	print_names(out, plan->tunnel);
	text_printf(out,
	            ", digest %08x: paste it all into a root terminal on the host %s.\n"
	            "# CONTAINS KEYS, and so will the scrollback of that terminal: clear it "
	            "afterwards.\n",
	            (unsigned)plan->tunnel->digest, address);
	text_printf(out,
	            "[ \"${BASH_VERSION-}\" ] || [ -z \"${ZSH_VERSION-}${KSH_VERSION-}$(grep "
	            "'digest %08x' \"${HISTFILE-}\" 2>/dev/null)\" ] || {\n"
	            "HISTORY_IGNORE=\"(${HISTORY_IGNORE-}|*digest %08x*)\"\n"
	            "[ -z \"${ZSH_VERSION-}\" ] || sed -i -e :a -e '/\\\\$/{N;ba' -e '}' -e "
	            "'/digest %08x/d' \"$(readlink -f \"${HISTFILE-}\")\" 2>/dev/null\n"
	            "while read -r -t 2 xfrmpair; do :; done\n"
	            ": \"${xfrmpair:?side %s is not set up: this shell keeps a history, which "
	            "would have the keys. Start one that does not: HISTFILE= sh}\"\n"
	            "}\n"
	            "# So other shells than bash that keep a history have not read on; zsh, which "
	            "may have, has dropped the block from its own.\n"
	            "# bash forgets what begins with a blank: all from ( to ), one command, of "
	            "which nothing runs if the paste is cut off.\n",
	            (unsigned)plan->tunnel->digest, (unsigned)plan->tunnel->digest,
	            (unsigned)plan->tunnel->digest, plan->self->name);
	print_picture(out, plan);
	if (plan->tunnel->exchanged)
		text_printf(out,
		            "# words have the fingerprint %s: if the other's differs, start "
		            "nothing: one was altered\n",
		            plan->tunnel->fingerprint);
}

static void add_functions(struct text *out, const struct plan *plan)
{
	char family_digit = plan->self->local.address.family == AF_INET6 ? '6' : '4';

	text_printf(out,
	            "HISTCONTROL=ignorespace:${HISTCONTROL-}\n"
	            " (\n"
	            "trap '' HUP INT\n"
	            "added='' pid=''\n"
	            "ip=$(IFS=:; for folder in $PATH /usr/sbin /sbin; do case $(\"$folder/ip\" "
	            "xfrm help 2>&1) in *\"ip xfrm\"*) echo \"$folder/ip\"; break ;; esac; done)\n"
	            "not_set_up() { echo \"side %s is not set up: $1\" >&2; return 1; }\n"
	            "# what an error of ip means, as far as that is known\n"
	            "meaning() {\n"
	            "  case $1 in\n"
	            "  *AEAD* | *AUTH* | *CRYPT* | *algorithm* | *cryptographic* | *\"type not "
	            "found\"* | *\"rotocol not supported\"* | *\"not implemented\"*)\n"
	            "    blocked=$(grep -s \"^[[:blank:]]*install[[:blank:]]*esp%c[[:blank:]]\" "
	            "/etc/modprobe.d/*.conf /dev/null)\n"
	            "    if [ \"$blocked\" ]; then echo \"ESP is switched off on purpose: "
	            "$blocked: without that line it works ($1)\"\n"
	            "    else echo \"this kernel has no ESP, or not the cipher %s: try modprobe "
	            "esp%c, or another --cipher ($1)\"; fi ;;\n"
	            "  *exists*) echo \"there is one like it already: see ip xfrm state, ip xfrm "
	            "policy, ip route ($1)\" ;;\n"
	            "  *) echo \"$1\" ;;\n"
	            "  esac\n"
	            "}\n"
	            "# gives each row to ip on its standard input, for the keys; prints those that "
	            "it took\n"
	            "add_rows() {\n"
	            "  while read -r line; do\n"
	            "    case $line in '' | '##'*) continue ;; esac\n"
	            "    said=$(echo \"$line\" | \"$ip\" -batch - 2>&1) || not_set_up \"ip "
	            "${line%%%% reqid *}: $(meaning \"${said%%?Command failed*}\")\" || return\n"
	            "    echo \"$line\"\n"
	            "  done\n"
	            "}\n",
	            plan->self->name, family_digit, plan->tunnel->cipher->name, family_digit);
	if (plan->is_site && !plan->tunnel->interface)
		text_add_string(out, "way_to() { \"$ip\" -o route get \"$1\" | sed 's/^[^ ]* "
		                     "*\\(from [^ ]* \\)*\\(via [^ ]* \\)*\\(dev [^ "
		                     "]*\\).*/\\2\\3/'; }\n");
}

static void add_checks(struct text *out, const struct plan *plan, const char *address)
{
	text_printf(out,
	            "# what takes the rows back, the last first\n"
	            "take_down() {\n"
	            "  echo \"$added\" | sed -e '/^link set/d' -e 's/ add / delete /' -e 's/ "
	            "priority [0-9]*//' \\\n"
	            "    -e 's/ *tmpl .*//' -e 's/ action .*//' -e 's/ reqid .*//' -e 's/ type "
	            ".*//' -e 's/ mtu .*//' | tac\n"
	            "}\n"
	            "echo\n"
	            "if [ \"$(id -u)\" != 0 ]; then not_set_up \"it needs root\"\n"
	            "elif [ -z \"$ip\" ]; then not_set_up \"no ip that knows xfrm; install "
	            "iproute2\"\n"
	            "elif [ -z \"$(\"$ip\" -o address show to %s 2>/dev/null)\" ]; then\n"
	            "  set -- %s\n"
	            "  case $1 in 10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | "
	            "169.254.* | [Ff][CcDdEe]*) set -- ;; esac\n"
	            "  not_set_up \"%s is not an address of this host; is this the block of "
	            "another side?${1:+ If it is how the internet sees this host: the word is "
	            "LOCAL@MAPPED.}\"\n",
	            address, address, address);
	if (plan->encapsulates)
		text_add_string(out, "elif [ ! -x \"$(command -v espdecap)\" ]; then not_set_up "
		                     "\"no espdecap on PATH, or it cannot be run: chmod +x it\"\n");
	if (plan->tunnel->clamp)
		text_add_string(out, "elif ! command -v nft >/dev/null; then not_set_up \"no nft; "
		                     "install nftables\"\n");
}

static void add_end(struct text *out, const struct plan *plan)
{
	text_printf(out,
	            "elif set_up; then\n  echo \"side %s is set up; when the other side is too, "
	            "test it with:\n",
	            plan->self->name);
	for (size_t i = 0; i < plan->peer_count; i++)
		print_test(out, plan, i);
	text_add_string(out, "To take it down again, paste:\n");
	if (plan->tunnel->clamp)
		text_printf(out, "  nft delete table inet xfrmpair-%08x-%s-mss\n",
		            (unsigned)plan->tunnel->digest, plan->self->name);
	if (plan->encapsulates)
		text_add_string(out, "  kill $pid\n");
	text_printf(out,
	            "$(take_down | sed -e \"s,^[a-z],$ip &,\" -e 's/^/  /')\"\n"
	            "else\n"
	            "  [ -z \"$pid\" ] || kill \"$pid\"\n"
	            "  [ -z \"$added\" ] || { take_down | \"$ip\" -force -batch - && echo \"side "
	            "%s: what had been added is taken back\" >&2; }\n"
	            "fi\n"
	            ")\n"
	            "HISTCONTROL=${HISTCONTROL#ignorespace:}\n",
	            plan->self->name);
}

void print_paste(struct text *out, const struct plan *plan, bool explained)
{
	struct paste paste = { .out = out, .explained = explained };
	char address[OUTER_TEXT];

	local_print_address(address, plan->self);
	add_beginning(out, plan, address);
	add_functions(out, plan);
	add_set_up(&paste, plan, address);
	add_checks(out, plan, address);
	add_end(out, plan);
}
