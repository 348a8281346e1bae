/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The output formats, and the lines that several of them share. */
#ifndef PRINT_H
#define PRINT_H

#include "plan.h"
#include "text.h"

#include <stdbool.h>

enum style {
	STYLE_PASTE,
	STYLE_EXPLAINED, /* with a comment for each word before the first command that has it */
	STYLE_BARE,      /* one command a line, without `ip -batch` */
};

/* Each adds the whole text of its format to OUT.  The tunnel is checked and has its keys. */
void print_page(struct text *out, const struct plan *);
/* A block to paste into a terminal, or one command per line for reading. */
void print_commands(struct text *out, const struct plan *, enum style);
/* Wireshark's table of ESP SAs, of all sides. */
void print_wireshark(struct text *out, const struct tunnel *);

/* The page's comment and its facts. */
void print_head(struct text *out, const struct plan *);
/* True if a peer has a DNS name, looked up at each `up`. */
bool plan_has_hosts(const struct plan *);
/* True if the own address is marked with a label, which identifies an IPv4 address as the
 * script's. */
bool plan_has_label(const struct plan *);
/* The names of all sides: "a - b - c". */
void print_names(struct text *out, const struct tunnel *);
/* As comments, a line for each peer: the endpoints, and the NATs between them. */
void print_picture(struct text *out, const struct plan *);
/* The line with the command that tests the tunnel to a peer. HERE replaces this side's own address;
 * NULL: print the address. */
void print_test(struct text *out, const struct plan *, size_t peer, const char *here);
/* One end of a selector, like 10.1.0.0/16; in transport mode a host that may not be known yet. */
void print_self_net(struct text *out, const struct plan *, const struct selector *);
void print_other_net(struct text *out, const struct plan *, const struct selector *);
/* The rules of nft(8) that lower the TCP MSS between two nets to the inner MTU; nothing for other
 * protocols. */
void print_clamp(struct text *out, const struct plan *, const struct selector *,
                 const char *indent);
/* `ip` or `ip6`, as nft(8) names the selector's family. */
const char *selector_family(const struct selector *);

#endif
