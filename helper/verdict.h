/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Finds what is wrong with a tunnel. Pure: evidence in, a cause and a sentence out. The causes are
 * listed in xfrmkeep(8), CHECK. */
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

/* Packets that passed this host's devices during the test. A packet socket is after the firewall
 * for outgoing packets, and before it for incoming ones. */
struct wire {
	unsigned out;             /* encrypted packets to the peer */
	unsigned in;              /* ... and from it, keepalives not counted */
	unsigned keepalives;      /* from it */
	struct endpoint out_from; /* the source of some, if it was not the local endpoint */
	struct endpoint in_from;  /* the source of some, if it was not the peer's endpoint */
	unsigned unknown;         /* of IN: with an SPI that no SA of this tunnel has */
	uint32_t unknown_spi;     /* the last of these */
	unsigned other_form;      /* of IN: plain ESP instead of ESP in UDP, or the reverse */
	unsigned answers;         /* decrypted answers to our tests */
	unsigned clear;           /* our tests that left unencrypted ... */
	struct address clear_from; /* ... with this source address ... */
	char clear_link[16];       /* ... through this device */
};

enum test {
	TEST_ECHO, /* ICMP echo requests */
	TEST_TCP,  /* a connection, because the selectors allow only TCP, perhaps one port */
	TEST_NONE, /* the selectors allow neither */
};

struct evidence_peer {
	const char *name;
	struct endpoint there;
	const char *host;        /* its DNS name; empty: it has an address */
	bool looked_up;          /* the name was looked up just now: */
	struct address host_now; /* AF_UNSPEC: not found */
	bool derived;            /* its keys follow from a secret; else they are fixed */
	uint32_t heard;          /* the highest epoch received, also before this `up`; 0: none */
	bool punched;            /* natprobe received its hellos at `up` */
	bool received;           /* encrypted packets since up, before the burst */
	time_t age;              /* seconds since then; -1: not known */

	/* the burst */
	enum test test;
	const char *row; /* TEST_NONE: what the script says about a test */
	struct address from, to;
	bool target;  /* TO was given by the user */
	bool guessed; /* TO is the first address of a network, which perhaps no host has */
	struct burst small, big;
	struct burst other;        /* TCP and UDP, for a peer that does not answer echo requests */
	struct burst near;         /* with a target: to the address that check tests without one */
	struct address refused_by; /* the sender of an ICMP error about a test ... */
	uint8_t refused_type, refused_code; /* ... of this kind */
	unsigned passes; /* bytes of the largest that was answered, if the big were not; 0: unknown
	                  */
	struct wire wire;
	struct endpoint mapping; /* the last source of authenticated packets, if it has changed */

	/* its SAs */
	bool has_out;                        /* an outbound one */
	bool spent;                          /* ... which reached its limit and was removed */
	bool used_up;                        /* ... whose sequence numbers are used up */
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
	struct address source;               /* of packets to TO without a given source */
	bool source_inside;                  /* it is in this side's protected networks */
	bool everything;                     /* the peer's networks are all addresses */
};

enum helper_state {
	HELPER_NONE,   /* plain ESP */
	HELPER_OTHERS, /* `up --no-helper`: another program starts it */
	HELPER_RUNS,
	HELPER_STOPPED, /* by a signal: it holds the port, and sends no keepalives */
	HELPER_GONE,
};

/* Evidence about this host, which concerns all peers. */
struct evidence {
	const char *script; /* its path, for commands */
	const char *name, *digest;
	bool own_words; /* each side made its own script, from exchanged endpoint strings */
	size_t peer_count;
	unsigned mtu, path_mtu; /* bytes */
	uint16_t port;          /* 0: plain ESP */
	bool transport, guard;
	bool sites;                   /* hosts behind this one are protected */
	bool can_exempt;              /* `up --nat-exempt` */
	const char *interface;        /* an xfrm interface's name; empty: none */
	struct endpoint here, mapped; /* MAPPED without an address: not behind NAT */
	const char
		*gone; /* a missing own address, "local address 192.0.2.1"; NULL: none */
	struct address moved_from; /* the local address at `up`, if `follow` has changed it since */
	enum helper_state helper;
	pid_t helper_pid;
	const char *helper_command; /* "espdecap ARGUMENTS", for messages */
	bool owned;                 /* a process has the UDP port */
	pid_t owner;                /* ... this one; 0: not known */
	char owner_name[16];
	bool counted; /* the kernel has /proc/net/xfrm_stat */
	bool tapped;  /* there was a packet socket, so WIRE is complete */
	const struct kernel_counters *moved; /* kernel counters: by how much each rose */
	const char
		*no_forwarding; /* the setting that is 0, /proc/sys/net/ipv4/ip_forward; or NULL */
	const char *redirects;  /* the own network whose hosts get ICMP redirects, as it is on the
	                         * link  that leads out; or NULL */
	const struct firewall_finding *firewall; /* FIREWALL_FLOWS of them; NULL: not known */
	const char *nat_chain; /* a chain with a NAT rule for tunnelled traffic; NULL: none */
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
