/* SPDX-License-Identifier: ISC */
/* The script: a head of facts and rows, the program's parts as they stand, and the keys. */
#include "keyfile.h"
#include "print.h"
#include "templates.h"

#include <stdio.h>
#include <stdlib.h>

/* What of a plan a part of the program, or a word for what `up` adds, is for. */
enum need {
	NEED_NOTHING = 0,
	NEED_TUNNEL = 1 << 0,
	NEED_ENCAP = 1 << 1,
	NEED_PUNCH = 1 << 2,
	NEED_INTERFACE = 1 << 3,
	NEED_ADDRESS = 1 << 4,
	NEED_NEIGHBOURS = 1 << 5,
	NEED_FORWARDING = 1 << 6,
	NEED_CLAMP = 1 << 7,
	NEED_SITE = 1 << 8,
	NEED_GUARD = 1 << 9,
	NEED_EXCHANGE = 1 << 10,
};

/* Of every script, or of one that needs one of these. */
struct part {
	const char *name;
	unsigned needs;
};

static const struct part parts[] = {
	{ "core", NEED_NOTHING },
	{ "epochs", NEED_NOTHING },
	{ "look", NEED_NOTHING },
	{ "interface", NEED_INTERFACE },
	{ "routes", NEED_TUNNEL },
	{ "neighbours", NEED_NEIGHBOURS },
	{ "forwarding", NEED_FORWARDING },
	{ "tables", NEED_SITE | NEED_CLAMP },
	{ "rules", NEED_NOTHING },
	{ "punch", NEED_PUNCH },
	{ "helper", NEED_ENCAP },
	{ "router", NEED_ENCAP },
	{ "guard", NEED_GUARD },
	{ "up", NEED_NOTHING },
	{ "down", NEED_NOTHING },
	{ "status", NEED_NOTHING },
	{ "fingerprint", NEED_EXCHANGE },
	{ "rekey", NEED_NOTHING },
	{ "follow", NEED_NOTHING },
	{ "check", NEED_NOTHING },
	{ "capture", NEED_NOTHING },
	{ "main", NEED_NOTHING },
};

static const struct part adds[] = {
	{ "interface", NEED_INTERFACE },
	{ "address", NEED_ADDRESS },
	{ "routes", NEED_TUNNEL },
	{ "neighbours", NEED_NEIGHBOURS },
	{ "forwarding", NEED_FORWARDING },
	{ "clamp", NEED_CLAMP },
	{ "exempt", NEED_SITE },
	{ "helper", NEED_ENCAP },
};

static unsigned needs_of(const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;

	return (tunnel->transport ? 0 : NEED_TUNNEL) | (plan->encapsulates ? NEED_ENCAP : 0) |
	       (plan->punches ? NEED_PUNCH : 0) | (tunnel->interface ? NEED_INTERFACE : 0) |
	       (plan->own_address.family != AF_UNSPEC ? NEED_ADDRESS : 0) |
	       (plan->has_neighbours ? NEED_NEIGHBOURS : 0) |
	       (plan->forwards ? NEED_FORWARDING : 0) | (tunnel->clamp ? NEED_CLAMP : 0) |
	       (plan->is_site ? NEED_SITE : 0) | (tunnel->guard ? NEED_GUARD : 0) |
	       (tunnel->exchanged ? NEED_EXCHANGE : 0);
}

static void add_names(struct text *out, const struct part *list, size_t count, unsigned needs)
{
	const char *between = "";

	for (size_t i = 0; i < count; i++)
		if (!list[i].needs || list[i].needs & needs) {
			text_join(out, between, list[i].name, NULL);
			between = " ";
		}
}

/* In a block of its own, because shellcheck's directive counts for the command that follows. */
static void add_program(struct text *out, unsigned needs)
{
	text_printf(out, "# ---- program xfrmpair %s, parts ", VERSION);
	add_names(out, parts, sizeof parts / sizeof *parts, needs);
	text_printf(out,
	            "\n# shellcheck disable=SC2012,SC2015,SC2034,SC2046,SC2086,SC2116%s # lists of "
	            "words, conditions in a row\n{\n",
	            needs & NEED_EXCHANGE ? ",SC2317" : ""); /* status() is there twice */
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char file[32];

		if (parts[i].needs && !(parts[i].needs & needs))
			continue;
		snprintf(file, sizeof file, "program/%s.sh", parts[i].name);
		text_add_string(out, template_text(file));
	}
	text_add_string(out, "}\n");
}

/* ---- The comment at the top ---- */

static void add_title(struct text *out, const struct plan *plan)
{
	char address[OUTER_TEXT];

	text_add_string(out, "#!/bin/sh\n{ # IPsec tunnel ");
	print_names(out, plan->tunnel);
	text_printf(out, " without IKE, made by xfrmpair %s. This is side %s: run it on the host ",
	            VERSION, plan->self->name);
	if (side_is_auto(plan->self))
		text_join(out, "behind ", mapped_print_address(address, plan->self), ".\n", NULL);
	else
		text_join(out, local_print_address(address, plan->self), ".\n", NULL);
	if (plan->tunnel->exchanged)
		text_add_string(out, "# CONTAINS KEYS: keep it readable by its owner only; it is "
		                     "for this host alone.\n");
	else
		text_add_string(out, "# CONTAINS KEYS: keep it readable by its owner only, and "
		                     "copy it over a secure channel.\n");
	text_add_string(out, "#\n");
	print_picture(out, plan);
	text_add_string(out, "#\n");
}

/* As people write it in a SIDE. */
static void add_net_of(struct text *out, const struct plan *plan, const struct selector *selector,
                       bool other)
{
	const struct net *net = other ? selector->other : selector->self;
	char text[NET_TEXT];

	if (net->proto)
		text_add_string(out, net_print(text, net));
	else if (other)
		print_other_net(out, plan, selector);
	else
		print_self_net(out, plan, selector);
}

static void add_facts(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	const struct cipher *cipher = tunnel->cipher;

	text_printf(out, "#   cipher    %s (%s%s%s, %u-bit ICV), %s mode, replay window %u\n",
	            cipher->name, cipher->encryption, cipher->integrity ? " " : "",
	            cipher->integrity ? cipher->integrity : "", cipher->icv_bits,
	            tunnel->transport ? "transport" : "tunnel", plan->states[0].replay_window);
	text_printf(out,
	            "#   digest    %08x, the same in the scripts of all sides of one run, or they "
	            "do not fit together\n",
	            (unsigned)tunnel->digest);
	if (tunnel->exchanged)
		text_printf(out,
		            "#   words     have the fingerprint %s: if the other's differs, start "
		            "nothing: one was altered\n",
		            tunnel->fingerprint);
	text_printf(out, "#   MTU       %u bytes fit inside, of %u outside\n", plan->mtu,
	            tunnel->mtu);
	for (size_t i = 0; i < plan->selectors.count; i++) {
		const struct selector *selector = &plan->selectors.rows[i];

		text_add_string(out, "#   protects  ");
		add_net_of(out, plan, selector, false);
		text_add_string(out, " <-> ");
		add_net_of(out, plan, selector, true);
		text_join(out, " (", plan->views[selector->peer].other->name, ")\n", NULL);
	}
	text_add_string(out, "#\n");
}

static void add_verb(struct text *out, const struct plan *plan, const char *verb, const char *what)
{
	text_join(out, "#   sh ", plan->self->name, ".sh ", verb, "  ", what, "\n", NULL);
}

static void add_verbs(struct text *out, const struct plan *plan)
{
	text_printf(out,
	            "#   sh %s.sh up        sets it up and says what it does; start side %s "
	            "first\n",
	            plan->self->name, plan->tunnel->sides[0].name);
	add_verb(out, plan, "status  ",
	         "up or down, packets and bytes; status 0 only when up and heard");
	add_verb(out, plan, "check   ", "sends a few packets, and says in one line what is wrong");
	add_verb(out, plan, "rekey   ",
	         "changes the keys while it is up, when both sides do it, in any order; from cron "
	         "if you like");
	add_verb(out, plan, "follow  ",
	         "stays, and keeps it up: follows the other side to new addresses, and changes the "
	         "keys");
	if (plan->tunnel->guard)
		add_verb(out, plan, "down    ",
		         "takes it down and blocks what it carried; down --all removes the blocks "
		         "too");
	else
		add_verb(out, plan, "down    ", "removes what up added, nothing else");
	add_verb(out, plan, "-n up   ",
	         "prints the commands, without the keys, and changes nothing");
	text_add_string(out, "#\n");
	if (plan->punches)
		text_add_string(out, "# Needs root, ip (iproute2) and espdecap, beside this file "
		                     "or on PATH; natprobe too if there.\n");
	else if (plan->encapsulates)
		text_add_string(out, "# Needs root, ip (iproute2) and espdecap, beside this file "
		                     "or on PATH.\n");
	else
		text_add_string(out, "# Needs root and ip (iproute2).\n");
}

/* ---- Variables and rows ---- */

/* The script's variables for a peer's values. */
struct variables {
	char there[16], peer_port[16], pin[16];
	struct names names;
};

static void name_variables(struct variables *variables, size_t peer)
{
	size_t number = peer + 1;

	snprintf(variables->there, sizeof variables->there, "$there_%zu", number);
	snprintf(variables->peer_port, sizeof variables->peer_port, "$port_%zu", number);
	snprintf(variables->pin, sizeof variables->pin, "$pin_%zu", number);
	variables->names = (struct names){
		.here = "$here",
		.there = variables->there,
		.port = "$port",
		.peer_port = variables->peer_port,
		.pin = variables->pin,
		.spi = "$2",
		.key = "$3",
		.auth = "$4",
		.count = "$count",
	};
}

static void add_policies(struct text *out, const struct policies *policies)
{
	struct variables variables = { 0 };

	for (size_t i = 0; i < policies->count; i++) {
		if (i == 0 || policies->rows[i].peer != policies->rows[i - 1].peer)
			name_variables(&variables, policies->rows[i].peer);
		policy_print(out, &policies->rows[i], &variables.names);
	}
}

static void add_all_policies(struct text *out, const struct plan *plan)
{
	text_add_string(out, "# What `ip -batch` reads: which packets are to be encrypted, and "
	                     "how; SPI and key come from the rows at the end.\n");
	if (plan->tunnel->guard) {
		text_add_string(out, "guards() { echo \"\n");
		add_policies(out, &plan->bypasses);
		add_policies(out, &plan->neighbours);
		add_policies(out, &plan->blocks);
		text_add_string(out, "\"; }\n");
	}
	text_add_string(out, "policies() { echo \"\n");
	if (!plan->tunnel->guard) {
		add_policies(out, &plan->bypasses);
		add_policies(out, &plan->neighbours);
	}
	add_policies(out, &plan->tunnels);
	text_add_string(out, "\"; }\n");
}

static void add_states(struct text *out, const struct plan *plan)
{
	struct variables variables;

	text_add_string(out, "state() { case $1 in # WAY.PEER SPI KEY [KEY]\n");
	for (size_t i = 0; i < 2 * plan->peer_count; i++) {
		const struct state *state = &plan->states[i];

		name_variables(&variables, state->peer);
		text_join(out, state->outbound ? "out." : "in.",
		          plan->views[state->peer].other->name, ") echo \"\\\n", NULL);
		state_print(out, state, &variables.names);
		text_add_string(out, "\" ;;\n");
	}
	text_add_string(out, "esac; }\n");
}

static void add_tables(struct text *out, const struct plan *plan)
{
	const struct selectors *selectors = &plan->selectors;

	if (plan->tunnel->clamp) {
		text_add_string(out, "# What nft reads: TCP is told to send no more than fits "
		                     "inside.\n"
		                     "clamp() { echo \"table inet $table-mss {\n\tchain both {\n");
		for (size_t i = 0; i < selectors->count; i++)
			print_clamp(out, plan, &selectors->rows[i], "\t\t");
		text_add_string(out, "\t}\n\tchain forward { type filter hook forward priority "
		                     "mangle; jump both; }\n"
		                     "\tchain output { type filter hook output priority mangle; "
		                     "jump both; }\n}\"; }\n");
	}
	if (!plan->is_site)
		return;
	text_add_string(out, "# What nft reads with up --nat-exempt: a connection bound to its own "
	                     "address is one that no later rule translates.\n"
	                     "exempt() { echo \"table inet $table-nat {\n\tchain postrouting "
	                     "{\n\t\ttype nat hook postrouting priority 99\n");
	for (size_t i = 0; i < selectors->count; i++) {
		const char *family = selector_family(&selectors->rows[i]);

		text_join(out, "\t\t", family, " saddr ", NULL);
		print_self_net(out, plan, &selectors->rows[i]);
		text_join(out, " ", family, " daddr ", NULL);
		print_other_net(out, plan, &selectors->rows[i]);
		text_join(out, " rt ipsec exists snat ", family, " to ", family, " saddr\n", NULL);
	}
	text_add_string(out, "\t}\n}\"; }\n");
}

/* What a script may lack, and then the facts that it has. */
static void add_assignments(struct text *out, const struct plan *plan)
{
	const struct side *self = plan->self;
	char address[OUTER_TEXT];

	text_add_string(out, "\n# What not every tunnel has; what this one has of it follows.\n"
	                     "port='' esn='' first='' own_word='' own_nets='' other_nets='' "
	                     "site='' own_address='' interface='' guard='' limited='' "
	                     "fingerprint='' wireshark=''\n");
	text_printf(out, "name=%s digest=%08x here=%s", self->name, (unsigned)plan->tunnel->digest,
	            local_print_address(address, self));
	if (plan->encapsulates)
		text_printf(out, " port=%u", self->local.port);
	text_add_string(out, " title='");
	print_names(out, plan->tunnel);
	text_printf(out, "' cipher=%s esp=esp%c mtu=%u%s\n", plan->tunnel->cipher->name,
	            self->local.address.family == AF_INET6 ? '6' : '4', plan->mtu,
	            plan->tunnel->esn ? " esn=yes" : "");
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct view *view = &plan->views[i];

		text_printf(out, "there_%zu=%s", i + 1, view_print_outer(address, view));
		if (plan->encapsulates)
			text_printf(out, " port_%zu=%u", i + 1, view->other_outer.port);
		text_printf(out, " pin_%zu=''  # where %s is heard, and the SPI to send with\n",
		            i + 1, view->other->name);
	}
}

static void add_helper(struct text *out, const struct plan *plan)
{
	const char *bracket = plan->self->local.address.family == AF_INET6 ? "[" : "";

	text_printf(out,
	            "# The helper holds the UDP socket, so that the kernel decapsulates, and keeps "
	            "the NAT's mapping alive. 65534 is nobody.\n"
	            "helper() { echo \"%s-u 65534 -b $here $port\\\n",
	            plan->tunnel->nonike ? "-N " : "");
	for (size_t i = 0; i < plan->peer_count; i++)
		text_printf(out, " %s$there_%zu%s:$port_%zu\\\n", bracket, i + 1,
		            *bracket ? "]" : "", i + 1);
	text_add_string(out, "\"; }\n");
}

static void add_peers(struct text *out, const struct plan *plan)
{
	char local[OUTER_TEXT], mapped[OUTER_TEXT];

	text_add_string(out, "peers='");
	for (size_t i = 0; i < plan->peer_count; i++) {
		text_join(out, i ? " " : "", plan->views[i].other->name, "@", NULL);
		text_add_number(out, plan->views[i].reqid);
	}
	if (!plan->encapsulates) {
		text_add_string(out, "'  # NAME@REQID\n");
		return;
	}
	text_add_string(out, "'");
	if (plan->punches)
		text_join(out, " first=", plan->tunnel->sides[0].name, NULL);
	text_join(out, " own_word='", local_print(local, plan->self), NULL);
	if (plan->self->behind_nat)
		text_join(out, "@", mapped_print(mapped, plan->self), NULL);
	text_add_string(out, plan->punches ? "'  # NAME@REQID; the side to be started first; how "
	                                     "this one looks\n"
	                                   : "'  # NAME@REQID; how this side looks\n");
}

static void add_nets(struct text *out, const struct plan *plan)
{
	struct nets own = { plan->self->nets, plan->self->net_count };
	const char *between = "";
	char text[PREFIX_TEXT];

	text_add_string(out, "own_nets='");
	for (size_t i = 0; i < own.count; i++)
		if (!nets_repeat(&own, i)) {
			text_join(out, between, prefix_print(text, &own.list[i].prefix), NULL);
			between = " ";
		}
	text_add_string(out, "' other_nets='");
	between = "";
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct nets *nets = &plan->views[i].other_nets;

		for (size_t j = 0; j < nets->count; j++)
			if (!nets_repeat(nets, j)) {
				text_join(out, between, prefix_print(text, &nets->list[j].prefix),
				          "@", NULL);
				text_add_number(out, i + 1);
				between = " ";
			}
	}
	text_add_string(out, "'  # NET@PEER, by number\n");
}

static void add_features(struct text *out, const struct plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	char address[ADDRESS_TEXT];

	if (plan->is_site)
		text_add_string(out, "site=yes\n");
	if (plan->own_address.family != AF_UNSPEC)
		text_printf(out, "own_address=%s/%u own_device=%s\n",
		            address_print(address, &plan->own_address),
		            family_bits(plan->own_address.family), plan->own_device);
	if (tunnel->interface)
		text_printf(out, "interface=%s if_id=0x%x\n", tunnel->interface,
		            (unsigned)plan->if_id);
	if (tunnel->guard)
		text_add_string(out, "guard=yes\n");
	if (tunnel->limit_bytes || tunnel->limit_packets)
		text_add_string(out, "limited=limited\n");
	if (tunnel->exchanged)
		text_printf(out, "fingerprint='%s'\n", tunnel->fingerprint);
}

void print_script(struct text *out, const struct plan *plan)
{
	const struct cipher *cipher = plan->tunnel->cipher;
	unsigned needs = needs_of(plan);

	add_title(out, plan);
	add_facts(out, plan);
	add_verbs(out, plan);
	add_assignments(out, plan);
	add_all_policies(out, plan);
	text_printf(out,
	            "key_digits=%u auth_digits=%u  # of what follows from a pair's secret, in "
	            "hexadecimal\n",
	            2 * cipher->key_bytes, 2 * cipher->auth_bytes);
	if (cipher->wireshark && !plan->tunnel->nonike)
		text_printf(out, "wireshark='%s' wireshark_auth='%s'  # its words for the cipher\n",
		            cipher->wireshark, cipher->wireshark_auth);
	add_states(out, plan);
	if (plan->encapsulates)
		add_helper(out, plan);
	add_tables(out, plan);
	add_peers(out, plan);
	if (!plan->tunnel->transport)
		add_nets(out, plan);
	add_features(out, plan);
	text_add_string(out, "tests='\n");
	for (size_t i = 0; i < plan->peer_count; i++)
		print_test(out, plan, i, NULL);
	text_add_string(out, "'\nparts='");
	add_names(out, adds, sizeof adds / sizeof *adds, needs);
	text_add_string(out, "'  # what up adds beside policies and states, in this order\n");
	add_program(out, needs);
	keyfile_print_of_side(out, plan->tunnel, (size_t)(plan->self - plan->tunnel->sides));
	/* closes the brace of the first line: a file that was cut off is a syntax error */
	text_add_string(out, "}\n");
}
