/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Tables for change.c: the kernel's state, the required state, and the commands that make up the
 * difference. */
#include "change.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQID = 1000, STRANGER = 5, IN = 8, OUT = 9, FWD = 10 };

struct scene {
	struct section section;
	struct policy policies[6];
	struct kernel kernel;
	bool fresh[2];
};

static struct address address(const char *text)
{
	struct address out;

	if (!address_read(&out, text))
		abort();
	return out;
}

static struct prefix prefix(const char *text)
{
	struct prefix out;

	if (!prefix_read(&out, text))
		abort();
	return out;
}

/* The SPI says peer, direction and epoch: 0x101 is peer 0's, inbound, epoch 1; 0x201 the outbound
 * one. */
static struct state state_of(const struct section *section, size_t peer, bool outbound,
			     uint32_t epoch)
{
	const struct address *there = &section->peers[peer].there.address;

	return (struct state){
		.peer = peer,
		.outbound = outbound,
		.src = outbound ? section->here : *there,
		.dst = outbound ? *there : section->here,
		.spi = (uint32_t)(0x1000 * peer + (outbound ? 0x200 : 0x100) + epoch),
		.reqid = REQID + (uint32_t)peer,
		.replay_window = 128,
		.epoch = epoch,
		.encap = ENCAP_ESPINUDP,
		.sport = outbound ? section->port : section->peers[peer].there.port,
		.dport = outbound ? section->peers[peer].there.port : section->port,
		.cipher = cipher_find("aes128gcm16", "test"),
		.key = { 0xab },
	};
}

/* Epoch 1: inbound 1 and 2, outbound 1. */
static void add_peer(struct scene *scene, const char *name, const char *there)
{
	struct section *section = &scene->section;
	struct section_peer *peer = section_add_peer(section);
	size_t index = section->peer_count - 1;

	snprintf(peer->name, sizeof peer->name, "%s", name);
	peer->there = (struct endpoint){ address(there), 4500 };
	peer->derived = true;
	for (uint32_t epoch = 1; epoch <= 2; epoch++) {
		struct state state = state_of(section, index, false, epoch);

		section_add_state(section, &state);
	}
	struct state state = state_of(section, index, true, 1);

	section_add_state(section, &state);
}

static void set_policies(struct scene *scene)
{
	for (size_t i = 0; i < 3 * scene->section.peer_count; i++) {
		size_t peer = i / 3, count;
		enum direction direction = (enum direction)(i % 3);
		bool outbound = direction == DIRECTION_OUT;
		const struct state *states = section_states(&scene->section, peer, &count),
				   *state = &states[outbound ? count - 1 : 0];
		const struct selector_end own = { .prefix = prefix("10.1.0.0/16") },
					  other = { .prefix = prefix(peer ? "10.3.0.0/16"
									  : "10.2.0.0/16") };

		scene->policies[i] = (struct policy){
			.peer = peer,
			.src = outbound ? own : other,
			.dst = outbound ? other : own,
			.direction = direction,
			.action = ACTION_TUNNEL,
			.priority = 2000,
			.index = (uint32_t)(8 * (peer + 1)) + direction,
			.template_src = state->src,
			.template_dst = state->dst,
			.reqid = REQID + (uint32_t)peer,
			.spi = outbound ? state->spi : 0,
		};
	}
}

static struct kernel_state *add_kernel_state(struct kernel *kernel, const struct state *state)
{
	struct kernel_state *row;

	kernel->states = reallocarray(kernel->states, kernel->state_count + 1, sizeof *row);
	row = &kernel->states[kernel->state_count++];
	*row = (struct kernel_state){ .state = *state };
	memset(row->state.key, 0, sizeof row->state.key);
	return row;
}

static struct kernel_policy *add_kernel_policy(struct kernel *kernel, const struct policy *policy)
{
	struct kernel_policy *row;

	kernel->policies = reallocarray(kernel->policies, kernel->policy_count + 1, sizeof *row);
	row = &kernel->policies[kernel->policy_count++];
	*row = (struct kernel_policy){ .policy = *policy,
				       .template_count = 1,
				       .plain_template = true };
	return row;
}

/* Everything that is wanted is there. */
static void fill_kernel(struct scene *scene)
{
	for (size_t i = 0; i < scene->section.state_count; i++)
		add_kernel_state(&scene->kernel, &scene->section.states[i]);
	for (size_t i = 0; i < 3 * scene->section.peer_count; i++)
		add_kernel_policy(&scene->kernel, &scene->policies[i]);
}

static void remove_kernel_state(struct kernel *kernel, uint32_t spi)
{
	for (size_t i = 0; i < kernel->state_count; i++)
		if (kernel->states[i].state.spi == spi)
			kernel->states[i--] = kernel->states[--kernel->state_count];
}

static struct kernel_state *kernel_state(struct scene *scene, uint32_t spi)
{
	for (size_t i = 0; i < scene->kernel.state_count; i++)
		if (scene->kernel.states[i].state.spi == spi)
			return &scene->kernel.states[i];
	abort();
}

static struct kernel_policy *kernel_policy(struct scene *scene, uint32_t index)
{
	for (size_t i = 0; i < scene->kernel.policy_count; i++)
		if (scene->kernel.policies[i].policy.index == index)
			return &scene->kernel.policies[i];
	abort();
}

static void remove_kernel_policy(struct scene *scene, uint32_t index)
{
	*kernel_policy(scene, index) = scene->kernel.policies[--scene->kernel.policy_count];
}

/* ---- Cases ---- */

static void nothing(struct scene *scene)
{
	(void)scene;
}

static void empty(struct scene *scene)
{
	scene->kernel.state_count = scene->kernel.policy_count = 0;
}

static void next_epoch(struct scene *scene)
{
	struct state states[] = {
		state_of(&scene->section, 0, false, 1),
		state_of(&scene->section, 0, false, 2),
		state_of(&scene->section, 0, false, 3),
		state_of(&scene->section, 0, true, 2),
	};

	section_replace(&scene->section, 0, states, 4);
	scene->fresh[0] = true;
	set_policies(scene);
}

static void followed(struct scene *scene)
{
	next_epoch(scene);
	scene->kernel.state_count = scene->kernel.policy_count = 0;
	fill_kernel(scene);
	struct state states[] = {
		state_of(&scene->section, 0, false, 2),
		state_of(&scene->section, 0, false, 3),
		state_of(&scene->section, 0, true, 2),
	};
	section_replace(&scene->section, 0, states, 3);
}

/* The page's policies and the section's states with another endpoint of b. */
static void move(struct scene *scene, const char *there, uint16_t port)
{
	struct section_peer *peer = &scene->section.peers[0];

	peer->there = (struct endpoint){ address(there), port };
	for (size_t i = 0; i < 3; i++) {
		struct state *state = &scene->section.states[i];

		*state = state_of(&scene->section, 0, state->outbound, state->epoch);
	}
	set_policies(scene);
}

static void moved(struct scene *scene)
{
	move(scene, "31.1.2.9", 4500);
}

static void new_port(struct scene *scene)
{
	move(scene, "31.1.2.3", 4501);
}

static void this_side_moved(struct scene *scene)
{
	scene->section.here = address("192.168.1.9");
	move(scene, "31.1.2.3", 4500);
}

static void lost_out(struct scene *scene)
{
	remove_kernel_state(&scene->kernel, 0x201);
}

static void lost_policy(struct scene *scene)
{
	remove_kernel_policy(scene, FWD);
}

static void larval(struct scene *scene)
{
	kernel_state(scene, 0x201)->larval = true;
	kernel_state(scene, 0x201)->state.cipher = NULL;
}

static void larval_without_spi(struct scene *scene)
{
	struct state waits = state_of(&scene->section, 0, true, 1);

	remove_kernel_state(&scene->kernel, 0x201);
	waits.spi = 0;
	add_kernel_state(&scene->kernel, &waits)->larval = true;
}

static void foreign_state(struct scene *scene)
{
	kernel_state(scene, 0x102)->state.reqid = STRANGER;
}

static void marked_state(struct scene *scene)
{
	struct state other = state_of(&scene->section, 0, false, 2);

	other.reqid = STRANGER;
	add_kernel_state(&scene->kernel, &other)->mark_mask = 1;
}

static void foreign_beside(struct scene *scene)
{
	struct state other = state_of(&scene->section, 0, false, 9);

	other.reqid = STRANGER;
	add_kernel_state(&scene->kernel, &other);
}

static void foreign_selector(struct scene *scene)
{
	struct policy *policy = &kernel_policy(scene, IN)->policy;

	policy->index = 8008;
	policy->reqid = STRANGER;
}

static void foreign_index(struct scene *scene)
{
	struct policy *policy = &kernel_policy(scene, IN)->policy;

	policy->src.prefix = prefix("172.16.0.0/12");
	policy->reqid = STRANGER;
}

static void index_of_kernel(struct scene *scene)
{
	kernel_policy(scene, IN)->policy.index = 8008;
}

static void foreign_update(struct scene *scene)
{
	kernel_policy(scene, OUT)->policy.spi = 0;
	kernel_policy(scene, IN)->plain_template = false;
}

static void old_states(struct scene *scene)
{
	struct state old = state_of(&scene->section, 0, false, 7);

	add_kernel_state(&scene->kernel, &old);
	old = state_of(&scene->section, 1, true, 7);
	add_kernel_state(&scene->kernel, &old);
}

static void limit(struct scene *scene)
{
	for (size_t i = 0; i < 3; i++)
		scene->section.states[i].limit_packets = 100;
	for (size_t i = 0; i < scene->kernel.state_count; i++)
		if (scene->kernel.states[i].state.reqid == REQID)
			scene->kernel.states[i].state.limit_packets = 100;
}

static void limit_reached(struct scene *scene)
{
	limit(scene);
	lost_out(scene);
}

static void limit_and_next_epoch(struct scene *scene)
{
	limit(scene);
	lost_out(scene);
	next_epoch(scene);
	for (size_t i = 0; i < 4; i++)
		scene->section.states[i].limit_packets = 100;
}

static void other_window(struct scene *scene)
{
	kernel_state(scene, 0x101)->state.replay_window = 32;
}

struct test {
	const char *name;
	void (*prepare)(struct scene *);
	const char *expected;   /* the commands, in their order */
	enum conflict conflict; /* of peer 0 */
};

static const struct test tests[] = {
	{ "all is there", nothing, "", CONFLICT_NONE },
	{ "nothing is there", empty,
	  "state add 0x101, state add 0x102, state add 0x201, "
	  "state add 0x1101, state add 0x1102, state add 0x1201, "
	  "policy update in, policy update out, policy update fwd, policy update in, policy update out, policy update fwd",
	  CONFLICT_NONE },
	{ "next epoch: inbound, outbound, the policy that pins it, then the old one goes",
	  next_epoch, "state add 0x103, state add 0x202, policy update out, state delete 0x201",
	  CONFLICT_NONE },
	{ "the peer has followed: its old inbound SA goes", followed, "state delete 0x101",
	  CONFLICT_NONE },
	{ "the peer has moved: an inbound SA is replaced where it stands, the outbound one is new",
	  moved,
	  "state delete 0x101, state add 0x101, state delete 0x102, state add 0x102, state add 0x201, "
	  "policy update in, policy update out, policy update fwd, state delete 0x201",
	  CONFLICT_NONE },
	{ "the peer has another port", new_port,
	  "state update 0x101, state update 0x102, state update 0x201", CONFLICT_NONE },
	{ "this side has moved: its inbound SAs are new", this_side_moved,
	  "state add 0x101, state add 0x102, state delete 0x201, state add 0x201, "
	  "policy update in, policy update out, policy update fwd, state delete 0x101, state delete 0x102",
	  CONFLICT_NONE },
	{ "the outbound SA is gone", lost_out, "state add 0x201", CONFLICT_NONE },
	{ "a policy is gone", lost_policy, "policy update fwd", CONFLICT_NONE },
	{ "the kernel waits in its place", larval, "state delete 0x201, state add 0x201",
	  CONFLICT_NONE },
	{ "the kernel waits without an SPI", larval_without_spi, "state add 0x201", CONFLICT_NONE },
	{ "an SA of another tool has our SPI", foreign_state, "", CONFLICT_STATE },
	{ "an SA with our SPI and a mark is none of ours", marked_state, "", CONFLICT_NONE },
	{ "an SA of another tool to the same address", foreign_beside, "", CONFLICT_NONE },
	{ "another tool's policy has our selector", foreign_selector, "", CONFLICT_POLICY },
	{ "another tool's policy has our index", foreign_index, "", CONFLICT_INDEX },
	{ "our policy has an index of the kernel's choice", index_of_kernel,
	  "policy delete in, policy update in", CONFLICT_NONE },
	{ "another tool has updated our policies", foreign_update,
	  "policy update in, policy update out", CONFLICT_NONE },
	{ "SAs that nothing wants", old_states, "state delete 0x107, state delete 0x1207",
	  CONFLICT_NONE },
	{ "a limit that is not reached", limit, "", CONFLICT_NONE },
	{ "a limit that is reached", limit_reached, "", CONFLICT_NONE },
	{ "the next epoch after a limit", limit_and_next_epoch,
	  "state add 0x103, state add 0x202, policy update out", CONFLICT_NONE },
	{ "another replay window", other_window, "state delete 0x101, state add 0x101",
	  CONFLICT_NONE },
};

/* OBJECT VERB, and SPI or direction, of each command. */
static void summarize(char *out, size_t room, const struct text *batch)
{
	char object[16], verb[16], *line, *rest, *copy = strdup(batch->bytes ? batch->bytes : "");

	out[0] = '\0';
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *spi = strstr(line, " esp spi "), *dir = strstr(line, " dir ");
		size_t length = strlen(out);

		if (sscanf(line, "xfrm %15s %15s", object, verb) != 2)
			continue; /* a line's second half */
		if (strcmp(object, "state") == 0)
			snprintf(out + length, room - length, "%s%s %s 0x%lx", length ? ", " : "",
				 object, verb, strtoul(spi + 9, NULL, 16));
		else
			snprintf(out + length, room - length, "%s%s %s %.*s", length ? ", " : "",
				 object, verb, (int)strcspn(dir + 5, " "), dir + 5);
	}
	free(copy);
}

static struct scene build(void)
{
	struct scene scene = { .section = { .here = address("192.168.1.4"), .port = 4500 } };

	add_peer(&scene, "b", "31.1.2.3");
	add_peer(&scene, "c", "31.1.2.4");
	set_policies(&scene);
	fill_kernel(&scene);
	return scene;
}

static bool run(const struct test *test)
{
	struct scene scene = build();
	struct change change = { .conflict_count = 0 };
	char got[2048];
	bool good;

	test->prepare(&scene);
	kernel_sort(&scene.kernel);
	change.wanted = &scene.section;
	change.policies = scene.policies;
	change.policy_count = 3 * scene.section.peer_count;
	change.kernel = &scene.kernel;
	change.fresh = scene.fresh;
	change_plan(&change);
	summarize(got, sizeof got, &change.batch);
	good = strcmp(got, test->expected) == 0 && change.peers[0].conflict == test->conflict &&
	       !change.peers[1].conflict;
	if (!good)
		printf("%s:\n  expected %s (conflict %d)\n  got      %s (conflict %d)\n",
		       test->name, test->expected, test->conflict, got, change.peers[0].conflict);
	change_free(&change);
	section_free(&scene.section);
	kernel_free(&scene.kernel);
	return good;
}

int main(void)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
		failed += !run(&tests[i]);
	printf("%u of %u failed\n", failed, (unsigned)(sizeof tests / sizeof *tests));
	return failed ? EXIT_BROKE : EXIT_OK;
}
