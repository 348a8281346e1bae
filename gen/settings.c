#include "settings.h"
#include "number.h"
#include "say.h"

#include <err.h>
#include <string.h>

enum {
	/* the least that IPv6 and IPv4's header fields allow: RFC 8200 section 5, RFC 791 */
	MTU_LEAST = 576,
	MTU_MOST = 65535,
	MTU_DEFAULT = 1500,
};
static const unsigned long long limit_most = 999999999999999999;

static bool parse_count(unsigned long long *out, const char *text, const char *where, unsigned long long least,
                        unsigned long long most)
{
	return number_parse(out, text, least, most) ||
	       refuse(where, "number '%s': want %llu to %llu", shown(text), least, most);
}

static bool parse_mtu(unsigned *out, const char *text, const char *where)
{
	unsigned long long mtu;

	if (!parse_count(&mtu, text, where, MTU_LEAST, MTU_MOST))
		return false;
	*out = (unsigned)mtu;
	return true;
}

/* TEXT is to be one of two words; *SECOND says which. */
static bool parse_choice(bool *second, const char *text, const char *where, const char *one, const char *two)
{
	*second = strcmp(text, two) == 0;
	return *second || strcmp(text, one) == 0 || refuse(where, "'%s': want %s or %s", shown(text), one, two);
}

/* IFNAMSIZ is 16 with its NUL. */
static bool parse_interface(const char **out, const char *name, const char *where)
{
	size_t length = strlen(name);

	*out = name;
	return (length >= 1 && length <= 15 && name[0] >= 'a' && name[0] <= 'z' &&
	        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length) ||
	       refuse(where, "interface '%s': want a lower-case letter, then at most 14 of a-z, 0-9, -, _ and .", shown(name));
}

static bool parse_inner(struct prefix *out, const char *text, const char *where)
{
	return prefix_parse(out, text, where) &&
	       (out->length || refuse(where, "prefix '%s': no place for addresses of hosts; want one like 10.99.0.0/24", shown(text)));
}

bool settings_take(struct tunnel *tunnel, const struct options *options, enum option_index option)
{
	const char *value = options->value[option], *where = options->where[option];

	switch (option) {
	case OPTION_CIPHER:
		tunnel->cipher = cipher_find(value, where);
		return tunnel->cipher;
	case OPTION_ESN:
		return tunnel->esn = true;
	case OPTION_MODE:
		return parse_choice(&tunnel->transport, value, where, "tunnel", "transport");
	case OPTION_INNER:
		tunnel->where_inner = where;
		return parse_inner(&tunnel->inner, value, where);
	case OPTION_INTERFACE:
		return parse_interface(&tunnel->interface, value, where);
	case OPTION_HAIRPIN:
		return tunnel->hairpin = true;
	case OPTION_LAN:
		return tunnel->lan = true;
	case OPTION_STAR:
		tunnel->where_star = where;
		return tunnel->star = true;
	case OPTION_MTU:
		return parse_mtu(&tunnel->mtu, value, where);
	case OPTION_CLAMP:
		return tunnel->clamp = true;
	case OPTION_GUARD:
		return tunnel->guard = true;
	case OPTION_ENCAP:
		tunnel->where_encap = where;
		return parse_choice(&tunnel->nonike, value, where, "espinudp", "espinudp-nonike");
	case OPTION_LIMIT_BYTES:
		return parse_count(&tunnel->limit_bytes, value, where, 1, limit_most);
	case OPTION_LIMIT_PACKETS:
		return parse_count(&tunnel->limit_packets, value, where, 1, limit_most);
	case OPTION_SECRET:
		return *value || refuse(where, "'': want a file");
	default:
		return true;
	}
}

bool settings_take_all(struct tunnel *tunnel, const struct options *options)
{
	bool good = true;

	for (int i = 0; i < OPTION_COUNT; i++)
		if (options->value[i])
			good &= settings_take(tunnel, options, (enum option_index)i);
	return good;
}

bool settings_complete(struct tunnel *tunnel, const struct options *options)
{
	bool good = true;

	if (!tunnel->mtu)
		tunnel->mtu = MTU_DEFAULT;
	if (!tunnel->cipher && !options->value[OPTION_CIPHER])
		tunnel->cipher = cipher_find(CIPHER_DEFAULT, NULL);
	if (options->value[OPTION_SECRET] && options->value[OPTION_KEYS])
		good = refuse(options->where[OPTION_KEYS], "beside --secret, from which the keys follow: want one of them");
	if (options->value[OPTION_PASS] && !options->value[OPTION_SECRET])
		good = refuse(options->where[OPTION_PASS], "a phrase alone makes no keys: want --secret too");
	if (tunnel->hairpin && tunnel->lan)
		good = refuse(options->where[OPTION_LAN], "beside --hairpin: want one of them");
	if (tunnel->transport && (tunnel->interface || options->value[OPTION_INNER]))
		good = refuse(options->where[OPTION_MODE], "transport mode joins two hosts by their outer addresses: want --mode tunnel, "
		              "or neither --interface nor --inner");
	if (tunnel->transport && tunnel->star)
		good = refuse(options->where[OPTION_STAR], "transport mode joins two hosts, and no spoke would reach another: want --mode tunnel, or no --star");
	if (tunnel->transport && tunnel->clamp)
		good = refuse(options->where[OPTION_CLAMP], "transport mode carries nobody else's connections, and the kernel knows the MTU for its own: "
		              "want --mode tunnel, or no --clamp");
	if (tunnel->interface && tunnel->guard)
		good = refuse(options->where[OPTION_GUARD], "its policies catch only what is routed into the interface: want --guard without "
		              "--interface, or a blackhole route of your own");
	if (tunnel->cipher && !tunnel->cipher->key_bytes)
		warnx("%s: warning: %s authenticates but encrypts nothing: everybody on the way can read", options->where[OPTION_CIPHER],
		      tunnel->cipher->name);
	return good;
}
