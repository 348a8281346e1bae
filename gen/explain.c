/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "explain.h"

/* In the order of the bits. They must not contain dollars, backquotes or backslashes, because the
 * shell expands some of the batches. */
static const char *const explanations[] = {
	"xfrm policy: tells the kernel what to do with the packets that match its selector",
	"xfrm state: a security association (SA): one direction, its cipher and its key",
	"src, dst: source and destination, inner ones in a selector, outer ones in a state "
	"and a tmpl",
	"sport: only from this port",
	"dport: only to this port",
	"proto 1: only ICMP",
	"proto 6: only TCP",
	"proto 17: only UDP",
	"proto 58: only ICMPv6",
	"dir out: packets that this host sends or forwards",
	"dir in: packets that arrive for this host",
	"dir fwd: packets that arrive for hosts behind this one",
	"priority: if several policies match a packet, the kernel takes the lowest number",
	"action block: drop packets that no policy with a lower number matches",
	"tmpl: the template: the SA that a packet must use, or else it is dropped",
	"if_id: only packets that are routed through the xfrm interface with this number",
	"proto esp: ESP (RFC 4303): it encrypts, authenticates and protects against replay",
	"reqid: joins policies and states: a template uses only states with the same number",
	"mode tunnel: encrypt the whole packet, and send it in a new one between the outer "
	"addresses",
	"mode transport: encrypt only the payload, so that the packet keeps its addresses",
	"spi: the number in each packet by which its receiver finds the state, equal on both sides",
	"flag: options of the state, up to replay-window",
	"esn: extended sequence numbers of 64 bits, of which 32 are sent",
	"af-unspec: carry inner packets of both IPv4 and IPv6",
	"replay-window: how many packets late a packet may arrive",
	"limit: stop this direction after so many bytes or packets",
	"encap: ESP in UDP (RFC 3948), which passes NATs: type, source port, destination port, "
	"unused",
	"aead: a cipher that also authenticates: its name, the key with the salt, bits of the ICV",
	"enc: the cipher: its name and key",
	"auth-trunc: the authentication algorithm: its name, key, and bits of the ICV",
	"link add: an xfrm interface: policies with its if_id match what is routed through it",
	"address replace: adds the inner address of this host, unless the device has it",
	"route add: for the source address and the MTU, because the policies decide what is "
	"encrypted",
	"mtu: the largest inner packet that fits into an outer one",
	"maxseg: lowers the MSS of TCP connections, so that their segments fit",
	"espdecap: holds the UDP socket, because the kernel decapsulates only for such a socket",
	"-d: go to the background when the socket is ready, and print the process ID",
	"-N: the encapsulation from before RFC 3948",
	"-u: run as this user, -b: bind to this address and port, and then come the peers",
};

void explain_words(struct text *out, uint64_t words)
{
	for (size_t i = 0; i < sizeof explanations / sizeof *explanations; i++)
		if (words & WORD(i))
			text_join(out, "# ", explanations[i], "\n", NULL);
}
