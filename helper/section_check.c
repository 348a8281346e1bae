/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Checks that the parts of a section match. */
#include "say.h"
#include "section.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

/* What all states of a peer have in common. */
static bool is_alike(const struct state *one, const struct state *two)
{
	return one->reqid == two->reqid && one->transport == two->transport &&
	       one->esn == two->esn && one->af_unspec == two->af_unspec &&
	       one->replay_window == two->replay_window && one->if_id == two->if_id &&
	       one->encap == two->encap && one->cipher == two->cipher;
}

/* Inbound ones with consecutive epochs, then one outbound. */
static bool has_states(const struct state *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (states[i].outbound != (i == count - 1) || !is_alike(&states[i], &states[0]) ||
		    (i > 0 && i < count - 1 && states[i].epoch != states[i - 1].epoch + 1))
			return false;
	return count >= 2;
}

/* In epoch N a side receives with N and N + 1, and with N - 1 until the peer was received with N.
 * NEXT is the first epoch after those. */
static bool fits_epochs(const struct section_peer *peer, const struct state *states, size_t count)
{
	uint32_t present = states[count - 1].epoch, first = states[0].epoch,
		 last = states[count - 2].epoch;

	if (peer->heard > last)
		return false;
	if (!peer->derived)
		return count == 2 && present == 1 && last == 1;
	return present && peer->next == present + 1 && last == present + 1 &&
	       (first == present || first + 1 == present);
}

static bool fits_encapsulation(const struct section *section, const struct section_peer *peer,
                               const struct state *state)
{
	return (state->encap != ENCAP_NONE) == (section->port != 0) &&
	       !section->port == !peer->there.port;
}

static bool fits_family(const struct section *section, const struct section_peer *peer)
{
	return !section->here.family || !peer->there.address.family ||
	       section->here.family == peer->there.address.family;
}

static const char *fault_of(const struct section *section, size_t index)
{
	const struct section_peer *peer = &section->peers[index];
	size_t count;
	const struct state *states = section_states(section, index, &count);

	if (!has_states(states, count))
		return "states do not fit (expected inbound ones of one epoch after the other, "
		       "then one outbound)";
	if (!fits_epochs(peer, states, count))
		return "epochs do not match those of the states";
	if (!fits_encapsulation(section, peer, &states[0]))
		return "UDP ports do not match the encapsulation";
	if (!fits_family(section, peer))
		return "the endpoints differ in address family";
	return NULL;
}

static int compare_names(const void *one, const void *two)
{
	const struct section_peer *const *a = one, *const *b = two;

	return strcmp((*a)->name, (*b)->name);
}

static int compare_numbers(size_t one, size_t two)
{
	return (one > two) - (one < two);
}

/* The kernel identifies an SA by destination and SPI. An unknown address differs from all
 * others. */
static int compare_states(const void *one, const void *two)
{
	const struct state *a = *(const struct state *const *)one;
	const struct state *b = *(const struct state *const *)two;
	int order = compare_numbers(a->outbound, b->outbound);

	if (!order)
		order = memcmp(a->dst.bytes, b->dst.bytes, sizeof a->dst.bytes);
	if (!order)
		order = compare_numbers(a->spi, b->spi);
	if (!order && a->outbound && address_is_any(&a->dst))
		order = compare_numbers(a->peer, b->peer);
	return order;
}

/* The index of an item that is equal to another one; COUNT if there is none. */
static size_t find_equal(const void *items, size_t count, size_t bytes,
                         int (*compare)(const void *, const void *))
{
	const char **sorted = calloc(count ? count : 1, sizeof *sorted), *first = items;
	size_t found = count;

	if (!sorted)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < count; i++)
		sorted[i] = first + i * bytes;
	qsort(sorted, count, sizeof *sorted, compare);
	for (size_t i = 1; i < count && found == count; i++)
		if (compare(&sorted[i - 1], &sorted[i]) == 0)
			found = (size_t)(sorted[i] - first) / bytes;
	free(sorted);
	return found;
}

const char *section_fault(const struct section *section, size_t *peer)
{
	size_t equal;

	for (*peer = 0; *peer < section->peer_count; ++*peer) {
		const char *fault = fault_of(section, *peer);

		if (fault)
			return fault;
	}
	*peer = find_equal(section->peers, section->peer_count, sizeof *section->peers,
	                   compare_names);
	if (*peer < section->peer_count)
		return "another peer has this name";
	equal = find_equal(section->states, section->state_count, sizeof *section->states,
	                   compare_states);
	if (equal == section->state_count)
		return NULL;
	*peer = section->states[equal].peer;
	return "another state has this SPI";
}
