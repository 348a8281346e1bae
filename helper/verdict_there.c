/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Causes that show in what arrives from a peer that answers no test, or in that nothing does. */
#include "verdict_rules.h"

#include <inttypes.h>
#include <string.h>

/* Seconds between two keepalives: in so short a time no NAT forgets a mapping. */
enum { FRESH = 20 };

/* ---- Something arrives, and is dropped ---- */

bool verdict_unknown_spi(struct verdict *verdict, const struct evidence *evidence,
                         const struct evidence_peer *peer)
{
	const bool seen = evidence->tapped ? peer->wire.unknown > 0
	                                   : verdict_moved(evidence, "XfrmInNoStates") > 0;

	if (!seen || peer->received_now)
		return false;
	if (peer->heard)
		return verdict_tell(verdict, "epochs-apart",
		                    "packets arrive with an SPI that is unknown here, though %s "
		                    "was received before; a store was "
		                    "lost, or restored from a backup: new scripts on both sides",
		                    peer->name);
	return verdict_tell(verdict, "unknown-spi",
	                    "packets arrive with an SPI that is unknown here, so the script of %s "
	                    "is not of the run with "
	                    "digest %s: %s",
	                    peer->name, evidence->digest, verdict_anew(evidence));
}

/* Packets of this peer are dropped, by its own count or by the kernel's.  Anybody can send such
 * packets, so they mean nothing while authentic ones arrive. */
static bool is_rejected(const struct evidence *evidence, const struct evidence_peer *peer,
                        uint64_t count, const char *name)
{
	return !peer->received_now && (count || (verdict_moved(evidence, name) &&
	                                         verdict_is_sending(evidence, peer)));
}

bool verdict_no_encap(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	if (!is_rejected(evidence, peer, peer->wire.other_form, "XfrmInStateMismatch"))
		return false;
	return verdict_tell(verdict, "no-encap",
	                    "packets arrive %s: the scripts are not of one run, or one side was "
	                    "set up by hand; %s",
	                    evidence->port ? "without UDP, which this side expects"
	                                   : "in UDP, which this side does not expect",
	                    verdict_anew(evidence));
}

bool verdict_wrong_key(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	if (!is_rejected(evidence, peer, peer->failed, "XfrmInStateProtoError"))
		return false;
	return verdict_tell(verdict, "wrong-key",
	                    "packets arrive that the key does not authenticate (key, salt, ICV "
	                    "length or ESN differ): %s",
	                    verdict_anew(evidence));
}

bool verdict_replayed(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	if (!is_rejected(evidence, peer, peer->replayed + peer->late, "XfrmInStateSeqError"))
		return false;
	if (peer->derived)
		return verdict_tell(verdict, "replayed",
		                    "packets arrive with sequence numbers that were received "
		                    "before, as if %s came up again without "
		                    "its store: rekey there, or new scripts on both sides",
		                    peer->name);
	return verdict_tell(verdict, "replayed",
	                    "packets arrive with sequence numbers that were received before, as if "
	                    "%s came up again without "
	                    "its store: new scripts on both sides, because the keys are fixed",
	                    peer->name);
}

bool verdict_template(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	if (!peer->received_now ||
	    2 * verdict_moved(evidence, "XfrmInTmplMismatch") < peer->received_now)
		return false;
	return verdict_tell(verdict, "template",
	                    "what is decrypted does not fit the policy (reqid, mode or address of "
	                    "its template): sh %s down, then up",
	                    evidence->script);
}

bool verdict_clear_arrives(struct verdict *verdict, const struct evidence *evidence,
                           const struct evidence_peer *peer)
{
	/* The encrypted packets of a peer are no clear text, whatever policy they meet. */
	if (!verdict_moved(evidence, "XfrmInTmplMismatch") || peer->wire.in)
		return false;
	return verdict_tell(verdict, "clear-arrives",
	                    "packets arrive in clear text that must be encrypted; the tunnel of %s "
	                    "is down, or its NAT takes "
	                    "them first: sh %s.sh check there",
	                    peer->name, peer->name);
}

bool verdict_no_policy(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	const uint64_t dropped = verdict_moved(evidence, "XfrmInNoPols");

	if (!dropped || 2 * dropped < peer->received_now ||
	    !(peer->received_now || verdict_is_sending(evidence, peer)))
		return false;
	return verdict_tell(verdict, "no-policy",
	                    "what is decrypted is covered by no policy, so %s has other networks "
	                    "in its script: %s",
	                    peer->name, verdict_anew(evidence));
}

/* ---- Something arrives, and is decrypted ---- */

bool verdict_moved_away(struct verdict *verdict, const struct evidence *evidence,
                        const struct evidence_peer *peer)
{
	char now[ENDPOINT_TEXT];

	if (!peer->mapping.address.family || endpoint_equal(&peer->mapping, &peer->there))
		return false;
	endpoint_print(now, &peer->mapping);
	if (!peer->received && address_equal(&peer->mapping.address, &peer->there.address))
		return verdict_tell(verdict, "peer-port",
		                    "%s sends from %s, and from no other port since up, not from "
		                    "port %u (a symmetric NAT, or one "
		                    "that was met in the wrong order): sh %s update-peer %s %s, or "
		                    "take both down and, after 30 s, "
		                    "start the first side first",
		                    peer->name, now, (unsigned)peer->there.port, evidence->script,
		                    peer->name, now);
	return verdict_tell(verdict, "peer-moved",
	                    "%s sends from %s, not from where packets for it go: sh %s follow, or "
	                    "sh %s update-peer %s %s",
	                    peer->name, now, evidence->script, evidence->script, peer->name, now);
}

bool verdict_firewall(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	const struct firewall_finding *list = evidence->firewall,
				      *finding = list ? &list[FIREWALL_INNER_ANSWER] : NULL;
	const bool dropped = finding && finding->fate >= FIREWALL_DROPS;
	/* Transport mode shows no packet socket what is decrypted. */
	const bool guessed = (!evidence->tapped || evidence->transport) &&
	                     peer->received_now >= peer->small.sent && peer->small.sent;

	if (!peer->received_now || (!peer->wire.answers && !dropped && !guessed))
		return false;
	return verdict_tell(verdict, "firewall",
	                    "packets arrive and are decrypted, and this host drops the answers "
	                    "among them: %s",
	                    dropped ? finding->command
	                            : "accept meta secpath exists (nft), or -m policy --dir in "
	                              "--pol ipsec "
	                              "(iptables)");
}

/* N of the SA rise, and none is an answer: the peer is there. */
bool verdict_deaf_to_tests(struct verdict *verdict, const struct evidence *evidence,
                           const struct evidence_peer *peer)
{
	(void)evidence;
	if (!peer->received_now)
		return false;
	verdict->healthy = true;
	return true;
}

/* ---- Nothing arrives ---- */

bool verdict_name(struct verdict *verdict, const struct evidence *evidence,
                  const struct evidence_peer *peer)
{
	char now[ADDRESS_TEXT], there[ADDRESS_TEXT];

	if (!peer->looked_up || address_equal(&peer->host_now, &peer->there.address))
		return false;
	address_print(there, &peer->there.address);
	if (!peer->host_now.family)
		return verdict_tell(verdict, "name",
		                    "%s, the name of %s, is not found in DNS, and %s is what is "
		                    "used: check the name server, or "
		                    "sh %s update-peer %s ADDRESS:PORT",
		                    peer->host, peer->name, there, evidence->script, peer->name);
	return verdict_tell(verdict, "name",
	                    "%s is %s now, and %s is what is used: sh %s follow, or down and up",
	                    peer->host, address_print(now, &peer->host_now), there,
	                    evidence->script);
}

static bool is_fresh(const struct evidence_peer *peer)
{
	return peer->received && peer->age >= 0 && peer->age <= FRESH;
}

/* The host that was asked, not the tunnel. */
bool verdict_target(struct verdict *verdict, const struct evidence *evidence,
                    const struct evidence_peer *peer)
{
	const bool near = verdict_is_near(peer),
		   fresh = is_fresh(peer) && !peer->received_now && peer->target;
	char text[ADDRESS_TEXT];

	(void)evidence;
	if (!near && !fresh)
		return false;
	if (near)
		verdict_note(verdict, "the tunnel itself works: %s answers", peer->name);
	else
		verdict_note(verdict, "the tunnel itself works: packets from %s arrived %lld s ago",
		             peer->name, (long long)peer->age);
	return verdict_tell(verdict, "firewall",
	                    "%s does not answer; a firewall of %s or beyond drops the packets, %s "
	                    "does not forward, or no host "
	                    "has that address: sh %s.sh check there",
	                    address_print(text, &peer->to), peer->name, peer->name, peer->name);
}

bool verdict_not_our_socket(struct verdict *verdict, const struct evidence *evidence,
                            const struct evidence_peer *peer)
{
	/* More than a keepalive. */
	const bool arrives = evidence->tapped ? peer->wire.in > 0
	                                      : verdict_moved(evidence, "UdpInDatagrams") > 2;
	const bool foreign = evidence->owned &&
	                     (!evidence->owner || evidence->owner != evidence->helper_pid);

	if (!evidence->port || !arrives || !foreign || peer->received_now ||
	    (evidence->helper == HELPER_OTHERS && strcmp(evidence->owner_name, "espdecap") == 0))
		return false;
	if (evidence->owner)
		return verdict_tell(verdict, "not-our-socket",
		                    "UDP packets arrive, and the kernel does not decapsulate them, "
		                    "because the socket on port "
		                    "%u is that of %s (pid %d): end that, then sh %s mend",
		                    (unsigned)evidence->port, evidence->owner_name,
		                    (int)evidence->owner, evidence->script);
	return verdict_tell(verdict, "not-our-socket",
	                    "UDP packets arrive, and the kernel does not decapsulate them, because "
	                    "the socket on port %u "
	                    "is not espdecap's: ss -lunp sport = :%u names its process",
	                    (unsigned)evidence->port, (unsigned)evidence->port);
}

bool verdict_outer_nat(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	char text[ENDPOINT_TEXT], here[ENDPOINT_TEXT];

	if (!peer->wire.out_from.address.family)
		return false;
	if (evidence->can_exempt && evidence->port)
		return verdict_tell(verdict, "own-nat",
		                    "NAT of this host changes the tunnel's own packets: they leave as "
		                    "%s, not as %s: sh %s down, then up --nat-exempt",
		                    endpoint_print(text, &peer->wire.out_from),
		                    endpoint_print(here, &evidence->here), evidence->script);
	return verdict_tell(verdict, "own-nat",
	                    "NAT of this host changes the tunnel's own packets: they leave as %s, "
	                    "not as %s: exempt %s %u from it, "
	                    "and end its entry (conntrack -D)",
	                    endpoint_print(text, &peer->wire.out_from),
	                    endpoint_print(here, &evidence->here),
	                    evidence->port ? "UDP port" : "protocol",
	                    evidence->port ? (unsigned)evidence->port : 50);
}

bool verdict_outer_firewall(struct verdict *verdict, const struct evidence *evidence,
                            const struct evidence_peer *peer)
{
	const struct firewall_finding *finding = evidence->firewall
	                                                 ? &evidence->firewall[FIREWALL_OUTER_IN]
	                                                 : NULL;
	const bool dropped = finding && finding->fate >= FIREWALL_DROPS;
	char text[ENDPOINT_TEXT];

	if (!peer->wire.in && !dropped)
		return false;
	if (peer->wire.in_from.address.family && !dropped)
		return verdict_tell(verdict, "peer-port",
		                    "packets from %s come from %s, not from port %u, and are not "
		                    "decrypted: sh %s update-peer %s %s",
		                    peer->name, endpoint_print(text, &peer->wire.in_from),
		                    (unsigned)peer->there.port, evidence->script, peer->name, text);
	return verdict_tell(
		verdict, "firewall", "%s, and this host drops them before they are decrypted: %s",
		peer->wire.in ? "encrypted packets arrive" : "encrypted packets cannot arrive",
		dropped ? finding->command
			: "look at the input rules (nft list ruleset), and accept the tunnel's "
			  "port, or ESP");
}

bool verdict_same_nat(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	char text[ADDRESS_TEXT];

	if (!evidence->mapped.address.family ||
	    !address_equal(&evidence->mapped.address, &peer->there.address))
		return false;
	return verdict_tell(verdict, "same-nat",
	                    "%s is behind the same NAT, %s, which does not send packets back "
	                    "inside: new scripts with --lan",
	                    peer->name, address_print(text, &peer->there.address));
}

bool verdict_half_path(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	(void)evidence;
	if (peer->received || !peer->punched)
		return false;
	return verdict_tell(verdict, "half-path",
	                    "the hellos of %s arrived, and no encrypted packet did: if sh %s.sh "
	                    "check there "
	                    "says the same, the path "
	                    "drops them; try IPv6 outside, another port, or new scripts with --mtu "
	                    "1300",
	                    peer->name, peer->name);
}

bool verdict_silence(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	char text[ADDRESS_TEXT];

	verdict_note(verdict, "if check there says the same, packets of both sides are lost on the "
	                      "way: take both down and up again, the first side first");
	verdict_note(verdict,
	             "if it says replayed, the sequence number in our store was too low "
	             "(count-low): sh %s rekey",
	             evidence->script);
	if (evidence->moved_from.family && evidence->mapped.address.family)
		verdict_note(verdict,
		             "the local address was %s at up: a NAT that keeps its mapping gives "
		             "the new "
		             "address another port; take both sides down, and 3 minutes later up "
		             "again; "
		             "a forwarded port, or up --map, avoids that",
		             address_print(text, &evidence->moved_from));
	if (peer->wire.keepalives)
		verdict_note(verdict, "keepalives of %s arrive, so it is up", peer->name);
	if (peer->guessed)
		verdict_note(verdict,
		             "%s was asked, as the first address there: if no host has it, name "
		             "one that is there: sh %s check TARGET",
		             address_print(text, &peer->to), evidence->script);
	if (peer->received)
		return verdict_tell(verdict, "not-arriving",
		                    "we send, and receive nothing any more, because the NAT "
		                    "mapping is gone or the other side is down: "
		                    "sh %s.sh check there, then sh %s down and up",
		                    peer->name, evidence->script);
	return verdict_tell(verdict, "never-heard",
	                    "we send, and have received nothing since up; is %s up, with digest "
	                    "%s? sh %s.sh check there",
	                    peer->name, evidence->digest, peer->name);
}
