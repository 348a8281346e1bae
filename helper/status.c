/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "status.h"
#include "epoch.h"
#include "memory.h"
#include "say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of a peer while it is judged. */
struct finding {
	bool half;        /* a part of it is missing */
	bool stray;       /* ... because packets to one of its networks do not use the tunnel */
	bool lacks[WAYS]; /* an SA, which is reported once */
};

/* ... and of all. */
struct judge {
	struct status *status;
	const struct status_facts *facts;
	struct finding *findings;
	bool helper_missing, address_missing, half;
};

static void add_lack(struct status *status, bool foreign, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add_lack(struct status *status, bool foreign, const char *format, ...)
{
	struct status_lack *lack;
	va_list arguments;

	status->lacks = memory_more(status->lacks, status->lack_count, &status->lack_room,
	                            sizeof *status->lacks);
	lack = &status->lacks[status->lack_count++];
	lack->foreign = foreign;
	va_start(arguments, format);
	vsnprintf(lack->text, sizeof lack->text, format, arguments);
	va_end(arguments);
}

/* ---- SAs ---- */

static void lack_state(struct judge *judge, const struct state *state,
                       const struct kernel_state *found)
{
	const char *name = judge->status->peers[state->peer].name;
	enum way way = state->outbound ? WAY_OUT : WAY_IN;
	struct finding *finding = &judge->findings[state->peer];
	char dst[ADDRESS_TEXT];

	finding->half = true;
	judge->status->limit_reached |= judge->facts->page->limited;
	if (found && !found->larval) {
		add_lack(judge->status, true, "SA to %s with SPI 0x%08" PRIx32,
		         address_print(dst, &state->dst), state->spi);
		return;
	}
	if (!finding->lacks[way])
		add_lack(judge->status, false, "SA %s %s", state->outbound ? "to" : "from", name);
	finding->lacks[way] = true;
}

/* The SA to show: the latest one in use, else the first. */
static bool is_shown_before(const struct status_way *way, const struct status_sa *sa, bool used)
{
	if (!way->there)
		return true;
	if (sa->count.packets)
		return !used || sa->epoch > way->epoch;
	return !used && sa->epoch < way->epoch;
}

static void take_numbers(struct status_peer *peer, const struct state *state,
                         const struct kernel_state *found)
{
	const uint64_t last = state->esn ? UINT64_MAX : UINT32_MAX;
	uint64_t sequence = state->sequence, starts;

	if (found && found->sequence_out > sequence)
		sequence = found->sequence_out;
	if (sequence > last)
		sequence = last;
	starts = (last - sequence) / EPOCH_MARGIN;
	peer->starts = starts < UINT32_MAX ? (uint32_t)starts : UINT32_MAX;
	peer->half_used = sequence > last / 2;
	peer->used_up = found && found->sequence_out >= last;
}

static void take_sa(struct judge *judge, const struct state *state,
                    const struct kernel_state *found)
{
	struct status *status = judge->status;
	struct status_peer *peer = &status->peers[state->peer];
	enum way index = state->outbound ? WAY_OUT : WAY_IN;
	struct status_way *way = &peer->ways[index];
	bool used = way->present.packets > 0;
	const struct status_sa sa = {
		.way = index,
		.epoch = state->epoch,
		.spi = state->spi,
		.count = { found->packets, found->bytes },
		.late = found->late,
		.replayed = found->replayed,
		.failed = found->failed,
	};

	if (is_shown_before(way, &sa, used)) {
		way->epoch = sa.epoch;
		way->spi = sa.spi;
	}
	way->there = true;
	way->present.packets += sa.count.packets;
	way->present.bytes += sa.count.bytes;
	peer->sa_count++;
	status->sas[status->sa_count++] = sa;
}

static void judge_states(struct judge *judge, size_t index)
{
	struct status_peer *peer = &judge->status->peers[index];
	size_t count;
	const struct state *states = section_states(judge->facts->section, index, &count);

	peer->first_sa = judge->status->sa_count;
	for (size_t i = 0; i < count; i++) {
		const struct state *state = &states[i];
		const struct kernel_state *found =
			kernel_find_state(judge->facts->kernel, &state->dst, state->spi);
		bool ours = found && !found->larval && found->state.reqid == state->reqid;

		if (ours)
			take_sa(judge, state, found);
		else
			lack_state(judge, state, found);
		if (state->outbound)
			take_numbers(peer, state, ours ? found : NULL);
	}
}

/* ---- Policies ---- */

static void print_selector(char *out, size_t room, const struct policy *policy)
{
	static const char *const directions[] = { "in", "out", "fwd" };
	char src[PREFIX_TEXT], dst[PREFIX_TEXT], proto[16] = "", sport[16] = "", dport[16] = "",
						 if_id[24] = "";

	if (policy->proto)
		snprintf(proto, sizeof proto, " proto %u", policy->proto);
	if (policy->src.port)
		snprintf(sport, sizeof sport, " sport %u", policy->src.port);
	if (policy->dst.port)
		snprintf(dport, sizeof dport, " dport %u", policy->dst.port);
	if (policy->if_id)
		snprintf(if_id, sizeof if_id, " if_id 0x%" PRIx32, policy->if_id);
	snprintf(out, room, "policy src %s dst %s%s%s%s dir %s%s",
	         prefix_print(src, &policy->src.prefix), prefix_print(dst, &policy->dst.prefix),
	         proto, sport, dport, directions[policy->direction], if_id);
}

/* Another program's policy has the selector of ours. */
static bool is_foreign(const struct kernel_policy *there, const struct policy *policy)
{
	if (policy->action == ACTION_TUNNEL)
		return there->policy.reqid != policy->reqid;
	return there->policy.index != policy->index || there->policy.action != policy->action;
}

static void judge_policy(struct judge *judge, const struct policy *policy)
{
	const struct kernel *kernel = judge->facts->kernel;
	const struct kernel_policy *found = kernel_find_index(kernel, policy->index), *there;
	char text[192];

	if (found && policy_equal(&found->policy, policy) &&
	    (policy->action != ACTION_TUNNEL || found->plain_template))
		return;
	if (policy->action == ACTION_TUNNEL)
		judge->findings[policy->peer].half = true;
	there = kernel_find_selector(kernel, policy);
	print_selector(text, sizeof text, policy);
	add_lack(judge->status, there && is_foreign(there, policy), "%s", text);
}

/* ---- The rest ---- */

static void judge_part(struct judge *judge, const struct part *part)
{
	if (part->present)
		return;
	add_lack(judge->status, false, "%s", part->name);
	switch (part->kind) {
	case PART_HELPER:
		judge->helper_missing = true;
		break;
	case PART_HERE:
	case PART_ADDRESS:
		judge->address_missing = true;
		break;
	case PART_STRAY:
	case PART_ROUTE:
		if (part->peer >= judge->status->peer_count)
			break;
		judge->findings[part->peer].half = true;
		judge->findings[part->peer].stray |= part->kind == PART_STRAY;
		judge->status->stray |= part->kind == PART_STRAY;
		break;
	default:
		judge->half = true;
	}
}

static void take_age(struct status_peer *peer, const struct status_facts *facts, time_t received)
{
	peer->received = received || peer->ways[WAY_IN].total.packets;
	peer->age = -1;
	if (!received || facts->now <= 0)
		return;
	peer->age = facts->now > received ? facts->now - received : 0; /* clocks jump */
	peer->silent = peer->age > STATUS_SILENCE;
}

static const char *cause_of(const struct judge *judge, const struct status_peer *peer,
                            const struct finding *finding)
{
	if (judge->helper_missing)
		return "no-helper";
	if (judge->address_missing)
		return "address-gone";
	if (peer->used_up)
		return "count-used-up";
	if (finding->half && peer->ways[WAY_IN].there && !peer->ways[WAY_OUT].there)
		return "no-out-sa";
	if (finding->stray)
		return "bypass";
	if (finding->half || judge->half)
		return "half-up";
	if (!peer->received)
		return "never-heard";
	return peer->silent ? "not-arriving" : NULL;
}

static enum status_state state_of(const struct judge *judge, const struct status_peer *peer,
                                  const struct finding *finding)
{
	if (!peer->ways[WAY_IN].there && !peer->ways[WAY_OUT].there)
		return STATUS_DOWN;
	if (judge->helper_missing || judge->address_missing || judge->half || finding->half ||
	    peer->used_up)
		return STATUS_HALF_UP;
	return peer->received && !peer->silent ? STATUS_UP : STATUS_SILENT;
}

static void begin_peer(struct judge *judge, size_t index)
{
	const struct section_peer *other = &judge->facts->section->peers[index];

	judge->status->peers[index] = (struct status_peer){
		.name = judge->facts->page->peers[index].name,
		.there = other->there,
		.fixed = !other->derived,
	};
	judge_states(judge, index);
}

static void end_peer(struct judge *judge, size_t index)
{
	struct status *status = judge->status;
	const struct status_facts *facts = judge->facts;
	struct status_peer *peer = &status->peers[index];

	for (unsigned way = 0; way < WAYS; way++)
		peer->ways[way].total = counts_total(facts->counts, index, way);
	take_age(peer, facts, facts->counts->peers[index].received);
	if (peer->used_up)
		add_lack(status, false, "sequence numbers to %s", peer->name);
	status->used_up |= peer->used_up;
	peer->state = state_of(judge, peer, &judge->findings[index]);
	peer->cause = cause_of(judge, peer, &judge->findings[index]);
	status->unheard += !peer->received;
	status->silent += peer->received && peer->silent;
}

void status_judge(struct status *status, const struct status_facts *facts)
{
	struct judge judge = { .status = status, .facts = facts };
	size_t count = facts->page->peer_count;

	*status = (struct status){
		.facts = facts,
		.here = { facts->section->here, facts->page->port },
		.helper = facts->parts->helper,
		.peers = memory_rows(count, sizeof *status->peers),
		.peer_count = count,
		.sas = memory_rows(facts->section->state_count, sizeof *status->sas),
	};
	judge.findings = memory_rows(count, sizeof *judge.findings);
	for (size_t i = 0; i < count; i++)
		begin_peer(&judge, i);
	for (size_t i = 0; i < facts->policy_count; i++)
		judge_policy(&judge, &facts->policies[i]);
	for (size_t i = 0; i < facts->parts->count; i++)
		judge_part(&judge, &facts->parts->list[i]);
	for (size_t i = 0; i < count; i++)
		end_peer(&judge, i);
	free(judge.findings);
}

void status_free(struct status *status)
{
	free(status->peers);
	free(status->sas);
	free(status->lacks);
	*status = (struct status){ 0 };
}

const char *status_state_word(enum status_state state)
{
	static const char *const words[] = { "down", "half-up", "silent", "up" };

	return words[state];
}

int status_exit(const struct status *status)
{
	if (status->lack_count)
		return EXIT_BROKE;
	return status->unheard || status->silent ? EXIT_NO_ANSWER : EXIT_OK;
}
