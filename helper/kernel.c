/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "kernel.h"
#include "memory.h"
#include "netlink.h"
#include "say.h"

#include <err.h>
#include <netinet/in.h> /* before linux/, as musl requires */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>

/* ---- Order ---- */

static int compare_numbers(uint64_t one, uint64_t two)
{
	return (one > two) - (one < two);
}

static int compare_addresses(const struct address *one, const struct address *two)
{
	int order = compare_numbers(one->family, two->family);

	return order ? order : memcmp(one->bytes, two->bytes, sizeof one->bytes);
}

static int compare_states(const void *first, const void *second)
{
	const struct kernel_state *one = first, *two = second;
	int order = compare_addresses(&one->state.dst, &two->state.dst);

	if (!order)
		order = compare_numbers(one->state.spi, two->state.spi);
	return order ? order : compare_numbers(one->mark_mask, two->mark_mask);
}

static int compare_indexes(const void *first, const void *second)
{
	const struct kernel_policy *one = first, *two = second;

	return compare_numbers(one->policy.index, two->policy.index);
}

static int compare_ends(const struct selector_end *one, const struct selector_end *two)
{
	int order = compare_addresses(&one->prefix.address, &two->prefix.address);

	if (!order)
		order = compare_numbers(one->prefix.length, two->prefix.length);
	return order ? order : compare_numbers(one->port, two->port);
}

/* What identifies a policy in the kernel, except its mark. */
static int compare_policies(const struct policy *one, const struct policy *two)
{
	int order = compare_numbers(one->direction, two->direction);

	if (!order)
		order = compare_numbers(one->if_id, two->if_id);
	if (!order)
		order = compare_numbers(one->proto, two->proto);
	if (!order)
		order = compare_ends(&one->dst, &two->dst);
	return order ? order : compare_ends(&one->src, &two->src);
}

static int compare_selectors(const void *first, const void *second)
{
	const struct kernel_policy *one = *(struct kernel_policy *const *)first,
				   *two = *(struct kernel_policy *const *)second;
	int order = compare_policies(&one->policy, &two->policy);

	return order ? order : compare_numbers(one->mark_mask, two->mark_mask);
}

void kernel_sort(struct kernel *kernel)
{
	if (kernel->state_count)
		qsort(kernel->states, kernel->state_count, sizeof *kernel->states, compare_states);
	if (!kernel->policy_count)
		return;
	qsort(kernel->policies, kernel->policy_count, sizeof *kernel->policies, compare_indexes);
	kernel->selectors =
		reallocarray(kernel->selectors, kernel->policy_count, sizeof *kernel->selectors);
	if (!kernel->selectors)
		err(EXIT_BROKE, "memory");
	for (size_t i = 0; i < kernel->policy_count; i++)
		kernel->selectors[i] = &kernel->policies[i];
	qsort(kernel->selectors, kernel->policy_count, sizeof *kernel->selectors,
	      compare_selectors);
}

/* ---- Look-up ---- */

const struct kernel_state *kernel_find_state(const struct kernel *kernel, const struct address *dst,
					     uint32_t spi)
{
	const struct kernel_state wanted = { .state = { .dst = *dst, .spi = spi } };
	size_t low = 0, high = kernel->state_count;
	const struct kernel_state *found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_states(&kernel->states[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == kernel->state_count)
		return NULL;
	found = &kernel->states[low];
	return found->state.spi == spi && address_equal(&found->state.dst, dst) ? found : NULL;
}

const struct kernel_policy *kernel_find_index(const struct kernel *kernel, uint32_t index)
{
	const struct kernel_policy wanted = { .policy = { .index = index } };

	if (!kernel->policy_count)
		return NULL;
	return bsearch(&wanted, kernel->policies, kernel->policy_count, sizeof wanted,
		       compare_indexes);
}

const struct kernel_policy *kernel_find_selector(const struct kernel *kernel,
						 const struct policy *policy)
{
	struct kernel_policy wanted = { .policy = *policy }, *key = &wanted, *const * found;

	if (!kernel->policy_count)
		return NULL;
	found = bsearch(&key, kernel->selectors, kernel->policy_count, sizeof *kernel->selectors,
			compare_selectors);
	return found ? *found : NULL;
}

const struct kernel_link *kernel_find_link(const struct kernel *kernel, const char *name)
{
	for (size_t i = 0; i < kernel->link_count; i++)
		if (strcmp(kernel->links[i].name, name) == 0)
			return &kernel->links[i];
	return NULL;
}

const struct kernel_link *kernel_link_of(const struct kernel *kernel, unsigned index)
{
	for (size_t i = 0; i < kernel->link_count; i++)
		if (kernel->links[i].index == index)
			return &kernel->links[i];
	return NULL;
}

const struct kernel_address *kernel_find_address(const struct kernel *kernel,
						 const struct address *address)
{
	for (size_t i = 0; i < kernel->address_count; i++)
		if (address_equal(&kernel->addresses[i].address, address))
			return &kernel->addresses[i];
	return NULL;
}

const struct kernel_route *kernel_find_route(const struct kernel *kernel, const struct prefix *to)
{
	for (size_t i = 0; i < kernel->route_count; i++) {
		const struct prefix *prefix = &kernel->routes[i].to;

		if (prefix->length == to->length && address_equal(&prefix->address, &to->address))
			return &kernel->routes[i];
	}
	return NULL;
}

/* ---- Reading ---- */

/* The destination of objects of one kind. */
struct reading {
	void **rows;
	size_t *count, *room, bytes;
	uint16_t type; /* of their messages */
	bool (*parse)(void *row, const unsigned char *body, size_t length);
};

static void take(void *context, uint16_t type, const unsigned char *body, size_t length)
{
	struct reading *reading = context;
	void *rows;

	if (type != reading->type)
		return;
	rows = memory_more(*reading->rows, *reading->count, reading->room, reading->bytes);
	*reading->rows = rows;
	*reading->count +=
		reading->parse((char *)rows + *reading->count * reading->bytes, body, length);
}

static void restart(void *context)
{
	struct reading *reading = context;

	*reading->count = 0;
}

static int read_kind(int family, struct netlink_request *request, struct reading *reading)
{
	struct netlink netlink;
	int error = netlink_open(&netlink, family);

	*reading->count = 0;
	if (!error)
		error = netlink_dump(&netlink, request, take, restart, reading);
	netlink_close(&netlink);
	return error;
}

static bool parse_state(void *row, const unsigned char *body, size_t length)
{
	return kernel_parse_state(row, body, length);
}

static bool parse_policy(void *row, const unsigned char *body, size_t length)
{
	return kernel_parse_policy(row, body, length);
}

static bool parse_link(void *row, const unsigned char *body, size_t length)
{
	return kernel_parse_link(row, body, length);
}

static bool parse_address(void *row, const unsigned char *body, size_t length)
{
	return kernel_parse_address(row, body, length);
}

static bool parse_route(void *row, const unsigned char *body, size_t length)
{
	return kernel_parse_route(row, body, length);
}

int kernel_read_states(struct kernel *kernel)
{
	const uint8_t proto = IPPROTO_ESP;
	struct netlink_request request;
	void *rows = kernel->states;
	struct reading reading = {
		&rows,          &kernel->state_count, &kernel->state_room, sizeof *kernel->states,
		XFRM_MSG_NEWSA, parse_state
	};
	int error;

	netlink_begin(&request, XFRM_MSG_GETSA, "", 0);
	netlink_add(&request, XFRMA_PROTO, &proto, sizeof proto);
	error = read_kind(NETLINK_XFRM, &request, &reading);
	kernel->states = rows;
	kernel_sort(kernel);
	return error;
}

int kernel_read_policies(struct kernel *kernel)
{
	struct netlink_request request;
	void *rows = kernel->policies;
	struct reading reading = { &rows,
				   &kernel->policy_count,
				   &kernel->policy_room,
				   sizeof *kernel->policies,
				   XFRM_MSG_NEWPOLICY,
				   parse_policy };
	int error;

	netlink_begin(&request, XFRM_MSG_GETPOLICY, "", 0);
	error = read_kind(NETLINK_XFRM, &request, &reading);
	kernel->policies = rows;
	kernel_sort(kernel);
	return error;
}

int kernel_read_links(struct kernel *kernel)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct netlink_request request;
	void *rows = kernel->links;
	struct reading reading = {
		&rows,       &kernel->link_count, &kernel->link_room, sizeof *kernel->links,
		RTM_NEWLINK, parse_link
	};
	int error;

	netlink_begin(&request, RTM_GETLINK, &all, sizeof all);
	error = read_kind(NETLINK_ROUTE, &request, &reading);
	kernel->links = rows;
	return error;
}

int kernel_read_addresses(struct kernel *kernel)
{
	const struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
	struct netlink_request request;
	void *rows = kernel->addresses;
	struct reading reading = { &rows,
				   &kernel->address_count,
				   &kernel->address_room,
				   sizeof *kernel->addresses,
				   RTM_NEWADDR,
				   parse_address };
	int error;

	netlink_begin(&request, RTM_GETADDR, &all, sizeof all);
	error = read_kind(NETLINK_ROUTE, &request, &reading);
	kernel->addresses = rows;
	return error;
}

int kernel_read_routes(struct kernel *kernel, uint8_t protocol)
{
	const struct rtmsg all = { .rtm_family = AF_UNSPEC, .rtm_protocol = protocol };
	struct netlink_request request;
	void *rows = kernel->routes;
	struct reading reading = {
		&rows,        &kernel->route_count, &kernel->route_room, sizeof *kernel->routes,
		RTM_NEWROUTE, parse_route
	};
	size_t kept = 0;
	int error;

	netlink_begin(&request, RTM_GETROUTE, &all, sizeof all);
	error = read_kind(NETLINK_ROUTE, &request, &reading);
	kernel->routes = rows;
	/* A kernel before 4.20 sends all of them. */
	for (size_t i = 0; i < kernel->route_count; i++)
		if (!protocol || kernel->routes[i].protocol == protocol)
			kernel->routes[kept++] = kernel->routes[i];
	kernel->route_count = kept;
	return error;
}

void kernel_free(struct kernel *kernel)
{
	free(kernel->states);
	free(kernel->policies);
	free(kernel->selectors);
	free(kernel->links);
	free(kernel->addresses);
	free(kernel->routes);
	*kernel = (struct kernel){ 0 };
}
