/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The formats in which a tunnel is printed, and the lines that several of them have. */
#ifndef PRINT_H
#define PRINT_H

#include "plan.h"
#include "text.h"

#include <stdbool.h>

enum style {
	STYLE_PASTE,
	STYLE_EXPLAINED, /* a comment for each word, before the first command that has it */
	STYLE_BARE,      /* one command a line, without `ip -batch` */
};

/* Each adds the whole text of its format to OUT.  The tunnel is checked and has its keys. */
void print_page(struct text *out, const struct plan *);
/* For a terminal: a block to be pasted; or, for reading, a command on each line. */
void print_commands(struct text *out, const struct plan *, enum style);
/* Wireshark's table of ESP SAs, of all sides. */
void print_wireshark(struct text *out, const struct tunnel *);

/* The page's comment and its facts. */
void print_head(struct text *out, const struct plan *);
/* A peer's address is looked up at each `up`. */
bool plan_has_hosts(const struct plan *);
/* A label is how an IPv4 address of a device that stays is known as the script's. */
bool plan_has_label(const struct plan *);
/* The names of all sides: "a - b - c". */
void print_names(struct text *out, const struct tunnel *);
/* As comments, a line for each peer: the endpoints, and the NATs between them. */
void print_picture(struct text *out, const struct plan *);
/* The command that tests the tunnel to a peer: a line.  HERE stands for this side's own address;
 * NULL: it is known. */
void print_test(struct text *out, const struct plan *, size_t peer, const char *here);
/* 10.1.0.0/16: one end of a selector; in transport mode a host that may not be known yet. */
void print_self_net(struct text *out, const struct plan *, const struct selector *);
void print_other_net(struct text *out, const struct plan *, const struct selector *);
/* The rules of nft(8) that set the TCP MSS of packets between two nets to what fits inside, or
 * nothing for other protocols. */
void print_clamp(struct text *out, const struct plan *, const struct selector *,
                 const char *indent);
/* `ip` or `ip6`, as nft(8) names the selector's family. */
const char *selector_family(const struct selector *);

#endif
