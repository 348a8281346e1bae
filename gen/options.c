/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "options.h"
#include "number.h"
#include "say.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* the least that IPv6 and IPv4 allow: RFC 8200 section 5, RFC 791 */
	MTU_LEAST = 576,
	MTU_MOST = 65535,
	MTU_DEFAULT = 1500,
	/* RFC 4303 section 3.4.3 requires 32; the kernel accepts up to XFRMA_REPLAY_ESN_MAX */
	WINDOW_LEAST = 32,
	WINDOW_MOST = 4096,
	CODE = 256,  /* getopt_long() returns CODE + row for a long option, greater than any
	              * letter */
};
static const unsigned long long limit_most = 999999999999999999;

static bool parse_text(void *field, const char *argument, const char *where)
{
	(void)where;
	*(const char **)field = argument;
	return true;
}

static bool parse_cipher(void *field, const char *argument, const char *where)
{
	const struct cipher *cipher = cipher_find(argument, where);

	*(const struct cipher **)field = cipher;
	return cipher;
}

/* Sets the field to whether the argument is the second choice. */
static bool parse_choice(bool *second, const char *argument, const char *where, const char *one,
                         const char *two)
{
	*second = strcmp(argument, two) == 0;
	return *second || strcmp(argument, one) == 0 ||
	       refuse(where, "'%s': unknown (expected %s or %s)", shown(argument), one, two);
}

static bool parse_mode(void *field, const char *argument, const char *where)
{
	return parse_choice(field, argument, where, "tunnel", "transport");
}

static bool parse_encap(void *field, const char *argument, const char *where)
{
	return parse_choice(field, argument, where, "espinudp", "espinudp-nonike");
}

static bool parse_number(unsigned long long *out, const char *argument, const char *where,
                         unsigned long long least, unsigned long long most)
{
	return number_parse(out, argument, least, most) ||
	       refuse(where, "number '%s': out of range (expected %llu to %llu)", shown(argument),
	              least, most);
}

static bool parse_limit(void *field, const char *argument, const char *where)
{
	return parse_number(field, argument, where, 1, limit_most);
}

static bool parse_unsigned(void *field, const char *argument, const char *where, unsigned least,
                           unsigned most)
{
	unsigned long long number;

	if (!parse_number(&number, argument, where, least, most))
		return false;
	*(unsigned *)field = (unsigned)number;
	return true;
}

static bool parse_mtu(void *field, const char *argument, const char *where)
{
	return parse_unsigned(field, argument, where, MTU_LEAST, MTU_MOST);
}

static bool parse_window(void *field, const char *argument, const char *where)
{
	return parse_unsigned(field, argument, where, WINDOW_LEAST, WINDOW_MOST);
}

/* IFNAMSIZ is 16 with its NUL. */
static bool parse_interface(void *field, const char *argument, const char *where)
{
	size_t length = strlen(argument);

	if (length < 1 || length > 15 || argument[0] < 'a' || argument[0] > 'z' ||
	    strspn(argument, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != length)
		return refuse(where, "interface '%s': invalid name (expected a lower-case letter, "
		              "then at most 14 of a-z, 0-9, -, _ and .)", shown(argument));
	return parse_text(field, argument, where);
}

static bool parse_inner(void *field, const char *argument, const char *where)
{
	struct prefix *prefix = field;

	if (!prefix_parse(prefix, argument, where))
		return false;
	return prefix->length ||
	       refuse(where, "prefix '%s': no room for host addresses (expected one like "
	              "10.99.0.0/24)", shown(argument));
}

static void print_help(struct text *);
static void print_version(struct text *);

#define FLAG(field) .offset = offsetof(struct request, field)
#define TO(field, parser) FLAG(field), .parse = parser

const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_FILE] = { "--file", 'f', "FILE", .not_in_file = true, TO(file, parse_text),
		.help = "read the sides and options from a tunnel file" },
	[OPTION_OUTPUT] = { "--output", 'o', "DIR", TO(output, parse_text),
		.help = "write DIR/NAME.sh for each side, mode 0600 (default: print)" },
	[OPTION_FORMAT] = { "--format", 0, "KIND", TO(format, parse_text),
		.choices = "script paste commands wireshark",
		.help = "script (default with -o), paste (default without -o), commands (as\n"
		        "paste, one command per line) or wireshark (table of keys)" },
	[OPTION_CIPHER] = { "--cipher", 0, "NAME", TO(tunnel.cipher, parse_cipher),
		.help = "cipher, in strongSwan notation (default " CIPHER_DEFAULT ";\n"
		        "see --list-ciphers)" },
	[OPTION_ESN] = { "--esn", FLAG(tunnel.esn),
		.help = "use 64-bit sequence numbers" },
	[OPTION_MODE] = { "--mode", 0, "MODE", TO(tunnel.transport, parse_mode),
		.choices = "tunnel transport",
		.help = "tunnel (default), or transport: only between the hosts, without NETs" },
	[OPTION_INNER] = { "--inner", 0, "PREFIX", TO(tunnel.inner, parse_inner),
		.help = "assign each side an inner address from PREFIX" },
	[OPTION_INTERFACE] = { "--interface", 0, "NAME", TO(tunnel.interface, parse_interface),
		.help = "make the tunnel route-based, with an xfrm interface NAME" },
	[OPTION_HAIRPIN] = { "--hairpin", FLAG(tunnel.hairpin),
		.help = "let sides behind one NAT send through it; few NATs support that" },
	[OPTION_LAN] = { "--lan", FLAG(tunnel.lan),
		.help = "let sides behind one NAT send to each other's LOCAL endpoint" },
	[OPTION_STAR] = { "--star", FLAG(tunnel.star),
		.help = "make the first side the hub; the others have a tunnel only to it" },
	[OPTION_MTU] = { "--mtu", 0, "BYTES", TO(tunnel.mtu, parse_mtu),
		.help = "set the path MTU (default 1500); the inner MTU is computed" },
	[OPTION_CLAMP] = { "--clamp", FLAG(tunnel.clamp),
		.help = "lower the MSS of TCP connections to the inner MTU (needs nft)" },
	[OPTION_GUARD] = { "--guard", FLAG(tunnel.guard),
		.help = "block tunnelled traffic after down, or after an up that failed" },
	[OPTION_ENCAP] = { "--encap", 0, "TYPE", TO(tunnel.nonike, parse_encap),
		.choices = "espinudp espinudp-nonike",
		.help = "UDP encapsulation: espinudp (default), or espinudp-nonike for old "
		        "peers" },
	[OPTION_LIMIT_BYTES] = { "--limit-bytes", 0, "N", TO(tunnel.limit_bytes, parse_limit),
		.help = "stop a direction after N bytes (default: none)" },
	[OPTION_LIMIT_PACKETS] = { "--limit-packets", 0, "N", TO(tunnel.limit_packets, parse_limit),
		.help = "stop a direction after N packets (default: none)" },
	[OPTION_REPLAY_WINDOW] = { "--replay-window", 0, "N",
		TO(tunnel.replay_window, parse_window),
		.help = "accept packets up to N packets late (default 128, at most 4096)" },
	[OPTION_KEYS] = { "--keys", 0, "FILE", TO(keys, parse_text),
		.help = "use the keys and SPIs in FILE (default: generate them);\n"
		        "with --save-keys, generate keys for pairs that FILE does not have" },
	[OPTION_SAVE_KEYS] = { "--save-keys", 0, "FILE", TO(save_keys, parse_text),
		.help = "write the keys and SPIs to FILE" },
	[OPTION_SECRET] = { "--secret", 0, "FILE", TO(secret, parse_text),
		.help = "with one SIDE: make FILE if it does not exist, and print "
		        "SIDE#PUBLIC;\n"
		        "with all sides, each with #PUBLIC: write only your own side's script" },
	[OPTION_PASS] = { "--pass", 0, "FILE", TO(pass, parse_text),
		.help = "mix the phrase in FILE into the keys of --secret (same for all "
		        "sides)" },
	[OPTION_FORCE] = { "--force", .not_in_file = true, FLAG(force),
		.help = "replace existing files" },
	[OPTION_EXPLAIN] = { "--explain", .not_in_file = true, FLAG(explain),
		.help = "explain each part of the paste block in a comment" },
	[OPTION_DRY_RUN] = { "--dry-run", 'n', .not_in_file = true, FLAG(dry_run),
		.help = "print what would be written, and write nothing" },
	[OPTION_LIST_CIPHERS] = { "--list-ciphers", .not_in_file = true, .print = cipher_list,
		.help = "print the ciphers" },
	[OPTION_HELP] = { "--help", 'h', .not_in_file = true, .print = print_help,
		.help = "print this help" },
	[OPTION_VERSION] = { "--version", 'V', .not_in_file = true, .print = print_version,
		.help = "print the version" },
};

#define USAGE "usage: xfrmpair [OPTION]... SIDE SIDE [SIDE]...\n" \
              "       xfrmpair [OPTION]... -f FILE\n" \
              "       xfrmpair --secret FILE SIDE\n"

static const char help_head[] =
	USAGE "\n"
	"Write one script per machine for an IPsec tunnel through NATs. SIDE describes a machine:\n"
	"\n"
	"SIDE   [NAME=]LOCAL[:PORT][@MAPPED[:PORT]][+NET[/PROTO[/PORT]]]...[#PUBLIC]\n"
	"       LOCAL   address of its own interface, or auto: found at each up\n"
	"       MAPPED  its public address or DNS name (default: none, not behind NAT);\n"
	"               natprobe prints LOCAL:PORT@MAPPED:PORT\n"
	"       NET     protected network on or behind it (default: LOCAL alone)\n"
	"       PROTO   protect only tcp, udp, icmp or a number; PORT: only that tcp or udp port\n"
	"       PUBLIC  its public key, which --secret FILE SIDE prints\n"
	"       NAME    its name (default: a, b, c, ...); start the first SIDE first\n\n";
static const char help_end[] =
	"\n"
	"Example: xfrmpair -o tunnel 192.168.1.4:61525@85.9.8.7 "
	"192.168.2.100:61523@31.1.2.3:10421\n"
	"Status: 0 done, 1 a file could not be written, 2 usage or an invalid value.\n";

static void print_row(struct text *out, const struct option_row *row)
{
	char letter[] = "-x,", left[40];

	letter[1] = row->letter;
	snprintf(left, sizeof left, "%-3s %s %s", row->letter ? letter : "", row->flag,
	         row->argument ? row->argument : "");
	text_printf(out, "  %-23s ", left);
	for (const char *p = row->help; *p; p++) {
		text_add(out, p, 1);
		if (*p == '\n')
			text_printf(out, "%26s", "");
	}
	text_add_string(out, "\n");
}

static void print_help(struct text *out)
{
	text_add_string(out, help_head);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		print_row(out, &option_rows[i]);
	text_add_string(out, help_end);
}

static void print_version(struct text *out)
{
	text_add_string(out, "xfrmpair " VERSION "\n");
}

static _Noreturn void print_and_exit(void (*print)(struct text *))
{
	struct text text = { 0 };

	print(&text);
	/* not stdio, because musl's loses the error of a line that was not written */
	if (!text_write(&text, STDOUT_FILENO)) {
		refuse("standard output", "%s", strerror(errno));
		exit(EXIT_BROKE);
	}
	text_free(&text);
	exit(EXIT_OK);
}

/* Converts the table for getopt_long(3). */
static void make_getopt_tables(struct option *long_options, char *letters)
{
	*letters++ = ':';
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];

		long_options[i].name = row->flag + strlen("--");
		long_options[i].has_arg = row->argument ? required_argument : no_argument;
		long_options[i].val = CODE + i;
		if (row->letter)
			*letters++ = row->letter;
		if (row->letter && row->argument)
			*letters++ = ':';
	}
	*letters = '\0';
}

/* The messages of getopt(3) differ between libcs. */
static _Noreturn void refuse_option(int code, char *const *argv)
{
	char letter[] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt > 0 && optopt < CODE;
	const char *given = shown(is_letter ? letter : argv[optind - 1]);

	if (code == ':')
		refuse(NULL, "option '%s': requires an argument", given);
	else
		refuse(NULL, "unknown option '%s'", given);
	fputs(USAGE, stderr);
	exit(EXIT_MISTAKE);
}

/* Returns -1 for the error codes of getopt_long(3). */
static int index_of_code(int code)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (code == CODE + i || (option_rows[i].letter && code == option_rows[i].letter))
			return i;
	return -1;
}

static bool parse_option(struct request *request, size_t option, const char *argument)
{
	const struct option_row *row = &option_rows[option];
	void *field = (char *)request + row->offset;

	if (row->argument)
		return row->parse(field, argument, request->where[option]);
	*(bool *)field = true;
	return true;
}

bool options_from_arguments(struct request *request, int argc, char **argv)
{
	struct option long_options[OPTION_COUNT + 1] = { 0 };
	char letters[2 * OPTION_COUNT + 2];
	const char *arguments[OPTION_COUNT];
	bool good = true;
	int code;

	make_getopt_tables(long_options, letters);
	opterr = 0;
	while ((code = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
		int option = index_of_code(code);

		if (option < 0)
			refuse_option(code, argv);
		if (option_rows[option].print)
			print_and_exit(option_rows[option].print);
		arguments[option] = optarg;
		request->where[option] = option_rows[option].flag;
	}
	request->operands = argv + optind;
	/* the last occurrence of an option wins */
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (request->where[i])
			good &= parse_option(request, i, arguments[i]);
	return good;
}

/* Returns OPTION_COUNT if KEY is not a key of a tunnel file. */
static size_t index_of_key(const char *key)
{
	size_t i = 0;

	while (i < OPTION_COUNT &&
	       (option_rows[i].not_in_file || strcmp(option_rows[i].flag + strlen("--"), key) != 0))
		i++;
	return i;
}

bool options_from_file(struct request *request, const char *key, const char *value,
                       const char *where)
{
	size_t option = index_of_key(key);
	const struct option_row *row = &option_rows[option];
	const char *before;

	if (option == OPTION_COUNT)
		return refuse(where, "key '%s': unknown (expected the name of a long option)",
		              shown(key));
	before = request->where[option];
	if (before)
		return before == row->flag ||
		       refuse(where, "key '%s': already given at %s (expected once)", key, before);
	if (!row->argument && strcmp(value, "no") == 0)
		return true;
	if (!row->argument && strcmp(value, "yes") != 0)
		return refuse(where, "%s '%s': invalid (expected yes or no)", key, shown(value));
	request->file_where[option] = strdup(where);
	if (!request->file_where[option])
		err(EXIT_BROKE, "memory");
	request->where[option] = request->file_where[option];
	return parse_option(request, option, value);
}

static bool check_transport(const char *const *where)
{
	bool good = true;

	if (where[OPTION_INTERFACE] || where[OPTION_INNER])
		good = refuse(where[OPTION_MODE], "transport mode has no inner addresses (expected "
		              "--mode tunnel, or neither --interface nor --inner)");
	if (where[OPTION_STAR])
		good = refuse(where[OPTION_STAR], "transport mode joins two hosts, so no spoke "
		              "would reach another (expected --mode tunnel, or no --star)");
	if (where[OPTION_CLAMP])
		good = refuse(where[OPTION_CLAMP], "transport mode forwards no connections, and "
		              "the kernel knows the MTU of its own (expected --mode tunnel, or no "
		              "--clamp)");
	return good;
}

static bool check_together(const struct request *request)
{
	const char *const *where = request->where;
	bool good = true;

	if (where[OPTION_SECRET] && where[OPTION_KEYS])
		good = refuse(where[OPTION_KEYS], "--secret was given too, and makes the keys "
		              "(expected one of them)");
	if (where[OPTION_PASS] && !where[OPTION_SECRET])
		good = refuse(where[OPTION_PASS], "a phrase alone makes no keys (expected --secret "
		              "too)");
	if (where[OPTION_HAIRPIN] && where[OPTION_LAN])
		good = refuse(where[OPTION_LAN], "--hairpin was given too (expected one of them)");
	if (request->output && !*request->output)
		good = refuse(where[OPTION_OUTPUT], "'': no name (expected a folder, such as . for "
		              "this one)");
	if (request->save_keys && !*request->save_keys)
		good = refuse(where[OPTION_SAVE_KEYS], "'': no name (expected a file)");
	if (request->secret && !*request->secret)
		good = refuse(where[OPTION_SECRET], "'': no name (expected a file)");
	if (request->tunnel.transport)
		good &= check_transport(where);
	if (where[OPTION_INTERFACE] && where[OPTION_GUARD])
		good = refuse(where[OPTION_GUARD], "its policies match only packets routed into "
		              "the interface (expected --guard without --interface, or a blackhole "
		              "route)");
	return good;
}

bool options_complete(struct request *request)
{
	struct tunnel *tunnel = &request->tunnel;
	bool good = check_together(request);

	if (!tunnel->mtu)
		tunnel->mtu = MTU_DEFAULT;
	if (!tunnel->replay_window)
		tunnel->replay_window = REPLAY_WINDOW_DEFAULT;
	if (!tunnel->cipher)
		tunnel->cipher = cipher_find(CIPHER_DEFAULT, NULL);
	tunnel->where_inner = request->where[OPTION_INNER];
	tunnel->where_encap = request->where[OPTION_ENCAP];
	tunnel->where_star = request->where[OPTION_STAR];
	if (!tunnel->cipher->key_bytes)
		warnx("%s: warning: %s authenticates but does not encrypt: anyone on the path can "
		      "read the traffic", request->where[OPTION_CIPHER], tunnel->cipher->name);
	return good;
}

void request_free(struct request *request)
{
	tunnel_free(&request->tunnel);
	text_free(&request->file_text);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		free(request->file_where[i]);
}
