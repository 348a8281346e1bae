#include "identity.h"
#include "key.h"
#include "say.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: short, and enough to tell runs and files apart; it protects nothing. */
static uint32_t hash(const char *bytes, size_t length)
{
	uint32_t value = 2166136261u;

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)bytes[i]) * 16777619u;
	return value;
}

uint32_t identity_reqid(const struct tunnel *tunnel, size_t one, size_t two)
{
	size_t low = one < two ? one : two, high = one < two ? two : one;
	char facts[2 * (NAME_MOST + 12)];
	int length = snprintf(facts, sizeof facts, "%s %x %s %x\n", tunnel->sides[low].name, (unsigned)key_of(tunnel, low, high)->spi,
	                      tunnel->sides[high].name, (unsigned)key_of(tunnel, high, low)->spi);

	/* away from the small numbers that daemons count from, and a positive int for any tool */
	return (hash(facts, (size_t)length) & 0x3fffffff) | 0x40000000;
}

struct pair {
	uint32_t reqid;
	size_t low, high;  /* indices of sides */
};

static int by_reqid(const void *one, const void *two)
{
	const struct pair *a = one, *b = two;

	if (a->reqid != b->reqid)
		return a->reqid < b->reqid ? -1 : 1;
	return a->high != b->high ? (a->high < b->high ? -1 : 1) : (a->low > b->low) - (a->low < b->low);
}

static void list_pairs(struct pair *pairs, const struct tunnel *tunnel)
{
	for (size_t high = 1; high < tunnel->side_count; high++)
		for (size_t low = 0; low < high; low++)
			*pairs++ = (struct pair){ identity_reqid(tunnel, low, high), low, high };
}

static bool renew(struct tunnel *tunnel, const struct pair *pair)
{
	return key_renew(tunnel, pair->low, pair->high) || key_renew(tunnel, pair->high, pair->low);
}

bool identity_settle(struct tunnel *tunnel, const char *where)
{
	size_t count = tunnel->side_count * (tunnel->side_count - 1) / 2;
	struct pair *pairs = calloc(count, sizeof *pairs);
	bool good = true, renewed;

	if (!pairs)
		err(EXIT_BROKE, "memory");
	do {
		renewed = false;
		list_pairs(pairs, tunnel);
		qsort(pairs, count, sizeof *pairs, by_reqid);
		for (size_t i = 1; good && i < count; i++) {
			const struct pair *a = &pairs[i - 1], *b = &pairs[i];

			if (a->reqid != b->reqid)
				continue;
			if (renew(tunnel, a) || renew(tunnel, b))
				renewed = true;
			else
				good = refuse(where, "the SPIs of %s and %s, and those of %s and %s, make one reqid, %u: want fresh keys for one of these pairs",
				              tunnel->sides[a->low].name, tunnel->sides[a->high].name, tunnel->sides[b->low].name,
				              tunnel->sides[b->high].name, (unsigned)a->reqid);
		}
	} while (good && renewed);
	free(pairs);
	return good;
}

void identity_digest(struct tunnel *tunnel)
{
	struct text facts = { 0 };

	text_printf(&facts, "%s esn %d transport %d lan %d hairpin %d interface %s mtu %u clamp %d guard %d nonike %d limits %llu %llu\n",
	            tunnel->cipher->name, tunnel->esn, tunnel->transport, tunnel->lan, tunnel->hairpin,
	            tunnel->interface ? tunnel->interface : "", tunnel->mtu, tunnel->clamp, tunnel->guard, tunnel->nonike,
	            tunnel->limit_bytes, tunnel->limit_packets);
	for (size_t i = 0; i < tunnel->side_count; i++) {
		const struct side *side = &tunnel->sides[i];
		char local[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT], net[PREFIX_TEXT];

		text_printf(&facts, "%s %s %s", side->name, endpoint_print(local, &side->local),
		            endpoint_print(mapped, &side->mapped));
		for (size_t j = 0; j < side->net_count; j++)
			text_printf(&facts, " %s", prefix_print(net, &side->nets[j]));
		text_printf(&facts, "\n");
	}
	for (size_t from = 0; from < tunnel->side_count; from++)
		for (size_t to = 0; to < tunnel->side_count; to++)
			if (from != to)
				text_printf(&facts, "%zu %zu %x\n", from, to, (unsigned)key_of(tunnel, from, to)->spi);
	tunnel->digest = hash(facts.bytes, facts.length);
	text_free(&facts);
}
