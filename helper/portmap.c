/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "portmap.h"

#include <stdio.h>
#include <string.h>

unsigned portmap_outside(const struct page *page)
{
	return page->mapped.port ? page->mapped.port : page->port;
}

void portmap_fill(struct portmap *map, const struct keep *keep)
{
	const struct page *page = &keep->page;

	address_print(map->here, &keep->section.here);
	snprintf(map->port, sizeof map->port, "%u", (unsigned)page->port);
	snprintf(map->option, sizeof map->option, "--map=%u", portmap_outside(page));
	memcpy(map->arguments,
	       (const char *[]){ "natprobe", "-u", "65534", "-b", map->here, "-p", map->port,
	                         map->option, NULL },
	       sizeof map->arguments);
}

const char *portmap_end(char out[PORTMAP_END], const struct keep *keep)
{
	char here[ADDRESS_TEXT];

	snprintf(out, PORTMAP_END, "-u 65534 -b %s -p %u --unmap",
	         address_print(here, &keep->section.here), (unsigned)keep->page.port);
	return out;
}
