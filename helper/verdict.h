/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* What is wrong with a tunnel, by what was seen of it.  Pure: evidence in, a word and a sentence
 * out.  The words and what they mean are in xfrmkeep(8), CHECK. */
#ifndef VERDICT_H
#define VERDICT_H

#include "endpoint.h"
#include "firewall.h"
#include "kernel.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Packets of one kind that were sent through the tunnel. */
struct burst {
	unsigned sent, answered;
	int error; /* the errno of the first one that could not be sent; 0: none */
};

/* What passed this host's devices meanwhile, as a packet socket sees it: after the firewall on the
 * way out, before it on the way in. */
struct wire {
	unsigned out;             /* encrypted packets to the peer */
	unsigned in;              /* ... and from it, keepalives not counted */
	unsigned keepalives;      /* from it */
	struct endpoint out_from; /* where some left from, if that is not the local endpoint */
	struct endpoint in_from;  /* where some came from, if that is not the peer's endpoint */
	unsigned unknown;         /* of those from it: with an SPI that no SA of this tunnel has */
	uint32_t unknown_spi;     /* the last of these */
	unsigned other_form;      /* of those from it: plain ESP where it is expected in UDP, or the
	                             reverse */
	unsigned answers;         /* decrypted answers to our tests */
	unsigned clear;           /* our tests that left unencrypted ... */
	struct address clear_from; /* ... with this source address ... */
	char clear_link[16];       /* ... through this device */
};

enum test {
	TEST_ECHO, /* ICMP echo requests */
	TEST_TCP,  /* a connection: the tunnel carries TCP alone, to one port perhaps */
	TEST_NONE, /* the tunnel carries nothing that could be tried */
};

struct evidence_peer {
	const char *name;
	struct endpoint there;
	const char *host;        /* by which it is given; empty: by address */
	bool looked_up;          /* the name, just now: */
	struct address host_now; /* AF_UNSPEC: not found */
	bool derived;            /* its keys follow from a secret; else they are fixed */
	uint32_t heard;          /* the highest epoch received, also before this `up`; 0: none */
	bool punched;            /* `up` opened the hole: its hellos arrived */
	bool received;           /* encrypted packets since up, before the burst */
	time_t age;              /* seconds since then; -1: not known */

	/* the burst */
	enum test test;
	const char *row; /* TEST_NONE: what the script says about a test */
	struct address from, to;
	bool target;  /* TO was given by the user */
	bool guessed; /* TO is the first address of a network: no host may have it */
	struct burst small, big;
	struct burst other;        /* TCP and UDP, for a peer that does not answer echo requests */
	struct burst near;         /* with a target: to the address of every other check */
	struct address refused_by; /* sent an ICMP error about a test ... */
	uint8_t refused_type, refused_code; /* ... of this kind */
	unsigned passes; /* bytes of the largest that was answered, if the big were not; 0: unknown
	                  */
	struct wire wire;
	struct endpoint mapping; /* where authenticated packets came from last, if it has changed */

	/* its SAs */
	bool has_out;                        /* an outbound one */
	bool spent;                          /* ... has reached its limit, and is gone */
	bool used_up;                        /* its sequence numbers are */
	uint64_t sent, received_now;         /* packets, in the burst */
	uint64_t late, replayed, failed;     /* dropped, in the burst */
	uint64_t total_received, total_late; /* since the SAs were added */
	const char *const *lacks; /* what else is missing, "SA from b"; NULL ends the list */

	/* its routes */
	int outer_error;                     /* of the route to its endpoint; 0: there is one */
	int inner_error;                     /* of the route from FROM to TO */
	const char *outer_link, *inner_link; /* devices' names */
	/* the first of its networks to which packets would not go through the tunnel; NULL: none */
	const char *stray;
	const char *stray_link;              /* ... but through this device; empty: no route */
	struct address source;               /* of packets to TO that name none */
	bool source_inside;                  /* in what this side protects */
	bool everything;                     /* the peer's networks are all addresses */
};

enum helper_state {
	HELPER_NONE,   /* plain ESP */
	HELPER_OTHERS, /* `up --no-helper`: somebody else's */
	HELPER_RUNS,
	HELPER_STOPPED, /* by a signal: it holds the port, and sends no keepalives */
	HELPER_GONE,
};

/* What of this host concerns all peers. */
struct evidence {
	const char *script; /* its path, for commands */
	const char *name, *digest;
	bool own_words; /* people made the scripts on each side, from the same endpoint strings */
	size_t peer_count;
	unsigned mtu, path_mtu; /* bytes */
	uint16_t port;          /* 0: plain ESP */
	bool transport, guard;
	bool sites;                   /* hosts behind this one are protected */
	bool can_exempt;              /* `up --nat-exempt` */
	const char *interface;        /* an xfrm interface's name; empty: none */
	struct endpoint here, mapped; /* MAPPED without an address: not behind NAT */
	const char
		*gone; /* an own address that is not there, "local address 192.0.2.1"; NULL: none */
	struct address moved_from; /* the local address at `up`, if `follow` has changed it since */
	enum helper_state helper;
	pid_t helper_pid;
	const char *helper_command; /* "espdecap ARGUMENTS", for one who starts it */
	bool owned;                 /* a process has the UDP port */
	pid_t owner;                /* ... this one; 0: not known */
	char owner_name[16];
	bool counted; /* the kernel has /proc/net/xfrm_stat */
	bool tapped;  /* there was a packet socket: what WIRE lacks, did not pass */
	const struct kernel_counters *moved; /* kernel counters: by how much each rose */
	const char
		*no_forwarding; /* the setting that is 0, /proc/sys/net/ipv4/ip_forward; or NULL */
	const char *redirects;  /* the own network whose hosts get ICMP redirects, as it is on the
	                         * link  that leads out; or NULL */
	const struct firewall_finding *firewall; /* FIREWALL_FLOWS of them; NULL: not known */
	const char *nat_chain; /* it has a NAT rule that takes tunnelled traffic; NULL: none */
};

struct verdict {
	const char *cause; /* NULL: healthy, or not found */
	bool healthy, untested;
	struct text what;     /* "what is wrong: what to do" */
	struct text evidence; /* lines, indented */
};

/* Judges one peer; verdict_free() frees. */
void verdict_judge(struct verdict *, const struct evidence *, const struct evidence_peer *);
/* Adds "PEER: CAUSE: ...", then the evidence. */
void verdict_print(struct text *, const struct verdict *, const char *name);
/* True if the peer's tunnel is broken, as far as is known. */
bool verdict_is_broken(const struct verdict *);
void verdict_free(struct verdict *);

#endif
