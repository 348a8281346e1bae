/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* natprobe: bind, STUN and punching, which must happen before the tunnel is up. (Afterwards
 * espdecap has the port, and its socket would treat STUN answers as ESP.) */
#include "natprobe.h"
#include "number.h"
#include "probe.h"
#include "say.h"
#include "special.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: natprobe [-b ADDR] [-p PORT] [-u UID[:GID]] [--hold] "
	"SERVER[:PORT] [SERVER[:PORT]]\n"
	"       natprobe [-b ADDR] -p PORT [-u UID[:GID]] [--router ADDR]\n"
	"                --map[=PORT] [SERVER[:PORT] [SERVER[:PORT]]] | --unmap\n"
	"       natprobe [-b ADDR] -p PORT [-u UID[:GID]] --punch PEER:PORT "
	"[--first] [--ttl N] [--timeout S]\n"
	"                [--until-tunnel] [--mtu N] [--token WORD | --token-fd N]\n"
	"       natprobe [-b ADDR] [-u UID[:GID]] --resolve NAME\n";

static const char help_text[] =
	"Ask STUN servers for the mapped endpoint, print LOCAL:PORT@MAPPED:PORT and classify "
	"the NAT.\n"
	"With --map, --punch or --resolve, do that instead, and print the endpoint or address.\n"
	"\n"
	"  -b ADDR             send from ADDR (default: as the kernel chooses)\n"
	"  -p PORT             send from UDP port PORT, the tunnel's (default: any)\n"
	"  -u UID[:GID]        change to this user once the port is bound\n"
	"      --hold          keep the mapping open until Enter or a signal, 1 hour at most\n"
	"      --map[=PORT]    map the port on the router, as PORT (default: as -p)\n"
	"      --unmap         remove that port mapping\n"
	"      --router ADDR   ask the router ADDR (default: that of the default route)\n"
	"      --punch PEER:PORT  punch a hole to the peer's mapped endpoint, the part after "
	"the @\n"
	"      --first         start first; exactly one of the two peers has this option\n"
	"      --ttl N         send opening packets that pass your NAT but do not reach the "
	"peer's\n"
	"                      (default 2; up to 5 while no public router drops them)\n"
	"      --timeout S     stop after S seconds (default 60)\n"
	"      --until-tunnel  stop early if the peer seems to be up already\n"
	"      --mtu N         test whether packets of N bytes get through (default 1500)\n"
	"      --token WORD    ignore packets without this shared secret; ps(1) shows it\n"
	"      --token-fd N    read the token from file descriptor N (0: standard input)\n"
	"      --resolve NAME  look up NAME as IPv4, or in the family of -b\n"
	"  -h, --help   -V, --version\n"
	"\n"
	"The default port of SERVER is 3478. Names are looked up as IPv4 first; use -b :: "
	"for IPv6.\n"
	"Status: 0 done, 1 system error, 2 usage, 3 this NAT cannot be punched, 4 no answer "
	"in time.";

static bool count_parse(unsigned *out, const char *text, unsigned least, unsigned most,
                        const char *where)
{
	unsigned long long number;

	if (!number_parse(&number, text, least, most))
		return refuse(where, "'%s': out of range (expected %u to %u)", shown(text), least,
		              most);
	*out = (unsigned)number;
	return true;
}

enum { TOKEN_LEAST = 16 };   /* 64 bits, if it is hexadecimal */

enum {
	HOLD = 256, MAP, UNMAP, ROUTER, PUNCH, FIRST, TTL, TIMEOUT, UNTIL_TUNNEL, MTU, TOKEN, TOKEN_FD,
	RESOLVE,
};

static const struct option words[] = {
	{"hold", no_argument, NULL, HOLD},
	{"map", optional_argument, NULL, MAP},
	{"unmap", no_argument, NULL, UNMAP},
	{"router", required_argument, NULL, ROUTER},
	{"punch", required_argument, NULL, PUNCH},
	{"first", no_argument, NULL, FIRST},
	{"ttl", required_argument, NULL, TTL},
	{"timeout", required_argument, NULL, TIMEOUT},
	{"until-tunnel", no_argument, NULL, UNTIL_TUNNEL},
	{"mtu", required_argument, NULL, MTU},
	{"token", required_argument, NULL, TOKEN},
	{"token-fd", required_argument, NULL, TOKEN_FD},
	{"resolve", required_argument, NULL, RESOLVE},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static bool usage(void)
{
	fputs(usage_text, stderr);
	return false;
}

/* The token itself is never printed. */
static bool token_take(struct probe *probe, const char *word, size_t length, const char *where)
{
	if (length >= sizeof probe->token || memchr(word, '\0', length))
		return refuse(where, "too long (expected at most %zu characters)",
		              sizeof probe->token - 1);
	if (!length)
		return refuse(where, "'': empty (expected a token)");
	if (probe->token[0])
		return refuse(where, "already given (expected one token)");
	memcpy(probe->token, word, length);
	if (length < TOKEN_LEAST)
		warnx("%s: warning: a token of less than %d characters can be guessed", where,
		      TOKEN_LEAST);
	return true;
}

/* Reads up to the end of the file or of the first line. */
static bool token_read(struct probe *probe, const char *text)
{
	char word[sizeof probe->token + 1], *end;
	unsigned long long file;
	size_t length = 0;
	ssize_t got = 1;
	bool good;

	if (!number_parse(&file, text, 0, 65535))
		return refuse("--token-fd", "'%s': invalid (expected the number of an open file "
		              "descriptor)", shown(text));
	while (length < sizeof word && got > 0 && !memchr(word, '\n', length)) {
		got = read((int)file, word + length, sizeof word - length);
		if (got < 0)
			return refuse("--token-fd", "'%s': %s", shown(text), strerror(errno));
		length += (size_t)got;
	}
	end = memchr(word, '\n', length);
	probe->scripted = true;
	good = token_take(probe, word, end ? (size_t)(end - word) : length, "--token-fd");
	explicit_bzero(word, sizeof word);
	return good;
}

static bool unicast_endpoint_parse(struct endpoint *out, const char *text, const char *where)
{
	return endpoint_parse(out, text, where) &&
	       special_check_unicast(&out->address, text, where);
}

static bool local_parse(struct address *out, const char *text)
{
	if (!address_parse(out, text, "-b"))
		return false;
	return address_is_any(out) || special_check_unicast(out, text, "-b");
}

static bool router_parse(struct address *out, const char *text)
{
	return address_parse(out, text, "--router") &&
	       special_check_unicast(out, text, "--router");
}

/* getopt(3) words it differently in every libc. */
static bool option_refuse(int code, char *const *argv)
{
	const char letter[] = {'-', (char)optopt, '\0'};
	const char *option = optopt > 0 && optopt < HOLD ? letter : argv[optind - 1];

	if (code == ':')
		refuse(NULL, "option '%s': requires an argument", shown(option));
	else
		refuse(NULL, "unknown option '%s'", shown(option));
	return usage();
}

/* Handles a result of getopt_long(3). */
static bool option_take(struct probe *probe, int code, char *const *argv)
{
	switch (code) {
	case 'b': return local_parse(&probe->local.address, optarg);
	case 'p': return port_parse(&probe->local.port, optarg, "-p");
	case 'u': return ids_parse(&probe->ids, optarg);
	case HOLD: probe->hold = true; return true;
	case MAP: probe->map = true; return !optarg || port_parse(&probe->outside, optarg, "--map");
	case UNMAP: probe->unmap = true; return true;
	case ROUTER: return router_parse(&probe->router, optarg);
	case PUNCH: return unicast_endpoint_parse(&probe->peer, optarg, "--punch");
	case FIRST: probe->first = true; return true;
	case TTL: return count_parse(&probe->ttl, optarg, 1, 255, "--ttl");
	case TIMEOUT: return count_parse(&probe->timeout_seconds, optarg, 1, 86400, "--timeout");
	case UNTIL_TUNNEL: probe->until_tunnel = true; return true;
	case MTU: return count_parse(&probe->path_mtu, optarg, PATH_MTU_LEAST, PATH_MTU_MOST,
	                             "--mtu");
	case TOKEN: return token_take(probe, optarg, strlen(optarg), "--token");
	case TOKEN_FD: return token_read(probe, optarg);
	case RESOLVE: probe->resolve = optarg; return true;
	case 'h': exit(probe_print(usage_text, "\n", help_text) ? EXIT_OK : EXIT_BROKE);
	case 'V': exit(probe_print("natprobe ", VERSION, "") ? EXIT_OK : EXIT_BROKE);
	default: return option_refuse(code, argv);
	}
}

/* Servers and options may be in any order. */
static bool options_parse(struct probe *probe, int argc, char **argv)
{
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, ":b:p:u:hV", words, NULL)) != -1)
		if (!option_take(probe, code, argv))
			return false;
	for (int i = 0; optind < argc; i++, optind++) {
		if (i == 2)
			return refuse(NULL, "'%s': too many servers (expected at most two)",
			              shown(argv[optind]));
		probe->server[i] = argv[optind];
	}
	return true;
}

static bool has_punch_options(const struct probe *probe)
{
	return probe->first || probe->ttl || probe->timeout_seconds || probe->until_tunnel ||
	       probe->path_mtu || probe->token[0];
}

static bool resolve_agrees(const struct probe *probe)
{
	if (probe->map || probe->unmap || probe->router.family || probe->server[0] ||
	    probe->local.port || probe->hold || probe->peer.address.family || has_punch_options(probe))
		return refuse("--resolve", "cannot be combined with other options (expected only "
		              "-b and -u)");
	return true;
}

static bool map_agrees(const struct probe *probe)
{
	const char *where = probe->map ? "--map" : "--unmap";
	sa_family_t own = probe->local.address.family;

	if (probe->map && probe->unmap)
		return refuse(NULL, "--map and --unmap (expected one of them)");
	if (!probe->local.port)
		return refuse(where, "no local port (expected -p PORT, the tunnel's)");
	if (probe->unmap && probe->server[0])
		return refuse(where, "asks no server (expected no SERVER)");
	if (probe->hold && !probe->server[0])
		return refuse("--hold", "only for queries to servers (expected SERVER)");
	if (own && probe->router.family && own != probe->router.family)
		return refuse("--router", "-b has another address family (expected both IPv4 or "
		              "both IPv6)");
	return true;
}

static bool punch_agrees(const struct probe *probe)
{
	sa_family_t own = probe->local.address.family;

	if (probe->map || probe->unmap)
		return refuse(NULL, "--map and --unmap cannot be combined with --punch (run --map "
		              "first)");
	if (probe->server[0])
		return refuse(NULL, "'%s': --punch asks no server (expected no SERVER)",
		              shown(probe->server[0]));
	if (probe->hold)
		return refuse("--hold", "cannot be combined with --punch (expected --timeout S)");
	if (!probe->peer.port)
		return refuse("--punch", "no port (expected PEER:PORT, which the peer's natprobe "
		              "printed after the @)");
	if (!probe->local.port)
		return refuse("--punch", "no local port (expected -p PORT, the one you gave the "
		              "peer)");
	if (own && own != probe->peer.address.family)
		return refuse("--punch", "-b has another address family (expected both IPv4 or "
		              "both IPv6)");
	return true;
}

/* Checks the combination of options. */
static bool options_agree(const struct probe *probe)
{
	if (probe->resolve)
		return resolve_agrees(probe);
	if (probe->router.family && !probe->map && !probe->unmap)
		return refuse("--router", "requires --map or --unmap");
	if (probe->peer.address.family)
		return punch_agrees(probe);
	if (has_punch_options(probe))
		return refuse(NULL, "--first, --ttl, --timeout, --until-tunnel, --mtu and --token "
		              "require --punch PEER:PORT");
	if (probe->map || probe->unmap)
		return map_agrees(probe);
	if (!probe->server[0]) {
		refuse(NULL, "nothing to do (expected SERVER or --punch PEER:PORT)");
		return usage();
	}
	return true;
}

int main(int argc, char **argv)
{
	struct probe probe = {0};
	int status;

	say_open();
	if (!options_parse(&probe, argc, argv) || !options_agree(&probe))
		return EXIT_MISTAKE;
	probe_on_signal(EXIT_BROKE);
	if (probe.resolve)
		return resolve(&probe);
	if (probe.peer.address.family) {
		status = punch(&probe);
		explicit_bzero(probe.token, sizeof probe.token);
		return status;
	}
	return probe.server[0] ? discover(&probe) : map(&probe);
}
