#include "options.h"
#include "cipher.h"
#include "say.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
	const char *name;
	const char *argument;  /* NULL for a flag */
	char letter;           /* 0: none */
	bool in_file;          /* a tunnel file may say it */
	const char *help;
};

static const struct row rows[OPTION_COUNT] = {
	[OPTION_FILE] = { "file", "FILE", 'f', false, "take the sides and options from a tunnel file" },
	[OPTION_OUTPUT] = { "output", "DIR", 'o', true, "write DIR/NAME.sh for every side, readable by its owner only" },
	[OPTION_FORMAT] = { "format", "KIND", 0, true, "script (default with -o), paste (default without: to the terminal) or wireshark,\n"
	                    "                          a table to decrypt with" },
	[OPTION_CIPHER] = { "cipher", "NAME", 0, true, "strongSwan's word; aes256gcm16 is the default, --list-ciphers prints all" },
	[OPTION_ESN] = { "esn", NULL, 0, true, "64-bit sequence numbers, on all sides" },
	[OPTION_MODE] = { "mode", "MODE", 0, true, "tunnel (default), or transport: between the hosts, no NETs" },
	[OPTION_INNER] = { "inner", "PREFIX", 0, true, "give each side an address of its own inside, from PREFIX" },
	[OPTION_INTERFACE] = { "interface", "NAME", 0, true, "route-based: through an xfrm interface of that name" },
	[OPTION_HAIRPIN] = { "hairpin", NULL, 0, true, "sides behind one NAT talk through it; few NATs can do that" },
	[OPTION_LAN] = { "lan", NULL, 0, true, "sides behind one NAT talk between their LOCAL endpoints" },
	[OPTION_STAR] = { "star", NULL, 0, true, "the first side is the hub: each other one has a tunnel to it alone" },
	[OPTION_MTU] = { "mtu", "BYTES", 0, true, "of the path outside (1500); what fits inside follows from it" },
	[OPTION_CLAMP] = { "clamp", NULL, 0, true, "lower the MSS of TCP connections to what fits inside (needs nft)" },
	[OPTION_GUARD] = { "guard", NULL, 0, true, "after down, or an up that failed, block what the tunnel carries" },
	[OPTION_ENCAP] = { "encap", "TYPE", 0, true, "espinudp (default), or espinudp-nonike for old peers" },
	[OPTION_LIMIT_BYTES] = { "limit-bytes", "N", 0, true, "bytes that a side sends to another, at most; then that direction stops" },
	[OPTION_LIMIT_PACKETS] = { "limit-packets", "N", 0, true, "packets that a side sends to another, at most; then that direction stops" },
	[OPTION_KEYS] = { "keys", "FILE", 0, true, "use these keys and SPIs instead of fresh ones;\n"
	                  "                          with --save-keys, fresh ones for the pairs it has not" },
	[OPTION_SAVE_KEYS] = { "save-keys", "FILE", 0, true, "write the keys and SPIs used" },
	[OPTION_SECRET] = { "secret", "FILE", 0, true, "with one SIDE: make FILE if it is missing, and print SIDE#PUBLIC, for all to read;\n"
	                    "                          with all, each with its #PUBLIC: write the own side's script alone" },
	[OPTION_PASS] = { "pass", "FILE", 0, true, "with --secret: mix the phrase in FILE in, the same on all sides" },
	[OPTION_FORCE] = { "force", NULL, 0, false, "replace files that exist" },
	[OPTION_EXPLAIN] = { "explain", NULL, 0, false, "the paste block with a comment for each word" },
	[OPTION_DRY_RUN] = { "dry-run", NULL, 'n', false, "print what would be written, write nothing" },
	[OPTION_LIST_CIPHERS] = { "list-ciphers", NULL, 0, false, "print the table of ciphers" },
	[OPTION_HELP] = { "help", NULL, 'h', false, "print this" },
	[OPTION_VERSION] = { "version", NULL, 'V', false, "print the version" },
};

#define USAGE "usage: xfrmpair [OPTION]... SIDE SIDE [SIDE]...\n" \
              "       xfrmpair [OPTION]... -f FILE\n" \
              "       xfrmpair --secret FILE SIDE\n"

static void print_help(struct text *out)
{
	text_add_string(out, "xfrmpair: writes matching shell scripts for the two ends of an IPsec tunnel through NATs\n\n" USAGE
	     "\nSIDE   [NAME=]LOCAL[:PORT][@MAPPED[:PORT]][+NET[/PROTO[/PORT]]]...[#PUBLIC]\n"
	     "       LOCAL   address on the side's own interface; auto: found at each up\n"
	     "       MAPPED  address or name that the internet sees (natprobe prints LOCAL:PORT@MAPPED:PORT); none: not behind NAT\n"
	     "       NET     protected prefix on or behind this side; none: LOCAL alone\n"
	     "       PROTO   of NET only this: tcp, udp, icmp or a number; PORT of tcp or udp, on this side\n"
	     "       PUBLIC  the side's public key, of which --secret has the other half\n"
	     "       NAME    a, b, c, ... when not given; the first SIDE is the one to start first\n\n");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char words[40];

		snprintf(words, sizeof words, "%c%c%s --%s %s", rows[i].letter ? '-' : ' ', rows[i].letter ? rows[i].letter : ' ',
		         rows[i].letter ? "," : " ", rows[i].name, rows[i].argument ? rows[i].argument : "");
		text_printf(out, "  %-23s %s\n", words, rows[i].help);
	}
	text_add_string(out, "\nexample: xfrmpair -o tunnel 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421\n"
	     "status:  0 written, 1 could not be written, 2 a mistake in what was given\n");
}

/* The options after which there is nothing else to do. */
static void answer(size_t row)
{
	struct text text = { 0 };

	if (row == OPTION_HELP)
		print_help(&text);
	else if (row == OPTION_VERSION)
		text_add_string(&text, "xfrmpair " VERSION "\n");
	else if (row == OPTION_LIST_CIPHERS)
		cipher_list(&text);
	else
		return;
	/* not stdio, which in musl forgets that a line could not be written */
	if (!text_write(&text, STDOUT_FILENO)) {
		refuse("standard output", "%s", strerror(errno));
		exit(EXIT_BROKE);
	}
	text_free(&text);
	exit(EXIT_OK);
}

static void set(struct options *options, size_t row, const char *value, const char *where)
{
	options->value[row] = value;
	snprintf(options->where[row], sizeof options->where[row], "%s", where);
}

/* The table as getopt_long(3) takes it. */
static void make_getopt_tables(struct option *words, char *letters)
{
	*letters++ = ':';
	for (int i = 0; i < OPTION_COUNT; i++) {
		words[i] = (struct option){ rows[i].name, rows[i].argument ? required_argument : no_argument, NULL, 256 + i };
		if (rows[i].letter) {
			*letters++ = rows[i].letter;
			if (rows[i].argument)
				*letters++ = ':';
		}
	}
	*letters = '\0';
}

/* getopt(3) words it differently in every libc. */
static void refuse_option(int code, char *const *argv)
{
	char letter[] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt > 0 && optopt < 256;

	if (code == ':')
		refuse(NULL, "option '%s': want a value after it", shown(is_letter ? letter : argv[optind - 1]));
	else
		refuse(NULL, "option '%s': not known", shown(is_letter ? letter : argv[optind - 1]));
	fputs(USAGE, stderr);
	exit(EXIT_MISTAKE);
}

static int row_of(int code)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (code == 256 + i || (rows[i].letter && code == rows[i].letter))
			return i;
	return -1;
}

void options_from_arguments(struct options *options, int argc, char **argv, int *first)
{
	struct option words[OPTION_COUNT + 1] = { 0 };
	char letters[2 * OPTION_COUNT + 2];
	int code;

	make_getopt_tables(words, letters);
	opterr = 0;
	while ((code = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		int row = row_of(code);
		char where[40];

		if (row < 0)
			refuse_option(code, argv);
		answer((size_t)row);
		snprintf(where, sizeof where, "--%s", rows[row].name);
		set(options, (size_t)row, optarg ? optarg : "yes", where);
	}
	*first = optind;
}

bool options_from_file(struct options *options, const char *key, const char *value, const char *where, enum option_index *taken)
{
	*taken = OPTION_COUNT;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!rows[i].in_file || strcmp(rows[i].name, key) != 0)
			continue;
		if (options->value[i])
			return options->where[i][0] == '-' ||
			       refuse(where, "key '%s': given before (%s); want it once", key, options->where[i]);
		if (!rows[i].argument && strcmp(value, "no") == 0)
			return true;
		if (!rows[i].argument && strcmp(value, "yes") != 0)
			return refuse(where, "%s '%s': want yes or no", key, shown(value));
		set(options, i, value, where);
		*taken = (enum option_index)i;
		return true;
	}
	return refuse(where, "key '%s': not one of a tunnel file's; want one of the long options", shown(key));
}
