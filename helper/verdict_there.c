/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Causes that show in what arrives, or does not arrive, from a peer that answers no test. */
#include "verdict_rules.h"

#include <inttypes.h>
#include <string.h>

/* Seconds between two keepalives; no mapping expires so soon. */
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
		                    "packets arrive with an unknown SPI, although %s was received "
		                    "before; a store was lost, or restored from a backup: new "
		                    "scripts on both sides",
		                    peer->name);
	return verdict_tell(verdict, "unknown-spi",
	                    "packets arrive with an unknown SPI, so the script of %s is not of the "
	                    "run with digest %s: %s",
	                    peer->name, evidence->digest, verdict_anew(evidence));
}

/* Packets of this peer are dropped, by the counters of its SAs or the kernel's. Anyone can send
 * such packets, so they are ignored while authentic ones arrive. */
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
	                    "packets arrive %s: the scripts are of different runs, or one side was "
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
	                    "packets arrive that fail authentication (key, salt, ICV length or ESN "
	                    "differ): %s",
	                    verdict_anew(evidence));
}

bool verdict_replayed(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	if (!is_rejected(evidence, peer, peer->replayed + peer->late, "XfrmInStateSeqError"))
		return false;
	if (peer->derived)
		return verdict_tell(verdict, "replayed",
		                    "packets arrive with repeated sequence numbers, as if %s came "
		                    "up again without its store: rekey there, or new scripts on "
		                    "both sides",
		                    peer->name);
	return verdict_tell(verdict, "replayed",
	                    "packets arrive with repeated sequence numbers, as if %s came up again "
	                    "without its store: new scripts on both sides, because the keys are "
	                    "fixed",
	                    peer->name);
}

bool verdict_template(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	if (!peer->received_now ||
	    2 * verdict_moved(evidence, "XfrmInTmplMismatch") < peer->received_now)
		return false;
	return verdict_tell(verdict, "template",
	                    "decrypted packets do not match the template of the policy (reqid, "
	                    "mode or address): sh %s down, then up",
	                    evidence->script);
}

bool verdict_clear_arrives(struct verdict *verdict, const struct evidence *evidence,
                           const struct evidence_peer *peer)
{
	/* Encrypted packets of a peer are not clear text, whichever policy they match. */
	if (!verdict_moved(evidence, "XfrmInTmplMismatch") || peer->wire.in)
		return false;
	return verdict_tell(verdict, "clear-arrives",
	                    "the peer sends unencrypted packets; the tunnel of %s is down, or its "
	                    "NAT matches them first: run sh %s.sh check there",
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
	                    "no policy matches decrypted packets, so %s has other networks in its "
	                    "script: %s",
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
		                    "port %u (a symmetric NAT, or the sides started in the wrong "
		                    "order): sh %s update-peer %s %s, or take both down and, after "
		                    "30 s, start the first side first",
		                    peer->name, now, (unsigned)peer->there.port, evidence->script,
		                    peer->name, now);
	return verdict_tell(verdict, "peer-moved",
	                    "%s sends from %s, but packets for it go to another endpoint: sh %s "
	                    "follow, or sh %s update-peer %s %s",
	                    peer->name, now, evidence->script, evidence->script, peer->name, now);
}

bool verdict_firewall(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	const struct firewall_finding *list = evidence->firewall,
				      *finding = list ? &list[FIREWALL_INNER_ANSWER] : NULL;
	const bool dropped = finding && finding->fate >= FIREWALL_DROPS;
	/* In transport mode, packet sockets do not see decrypted packets. */
	const bool guessed = (!evidence->tapped || evidence->transport) &&
	                     peer->received_now >= peer->small.sent && peer->small.sent;

	if (!peer->received_now || (!peer->wire.answers && !dropped && !guessed))
		return false;
	return verdict_tell(verdict, "firewall",
	                    "packets arrive and are decrypted, but this host drops the answers: %s",
	                    dropped ? finding->command
	                            : "accept meta secpath exists (nft), or -m policy --dir in "
	                              "--pol ipsec "
	                              "(iptables)");
}

/* The SA's counter rises, but without answers, so the peer is up. */
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
		                    "%s, the name of %s, is not found in DNS, so %s stays in use: "
		                    "check the name server, or sh %s update-peer %s ADDRESS:PORT",
		                    peer->host, peer->name, there, evidence->script, peer->name);
	return verdict_tell(verdict, "name",
	                    "%s is now %s, but %s is in use: sh %s follow, or down and up",
	                    peer->host, address_print(now, &peer->host_now), there,
	                    evidence->script);
}

static bool is_fresh(const struct evidence_peer *peer)
{
	return peer->received && peer->age >= 0 && peer->age <= FRESH;
}

/* The tested host fails, not the tunnel. */
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
	                    "%s does not answer; a firewall at or behind %s drops the packets, %s "
	                    "does not forward, or no host has that address: run sh %s.sh check "
	                    "there",
	                    address_print(text, &peer->to), peer->name, peer->name, peer->name);
}

bool verdict_not_our_socket(struct verdict *verdict, const struct evidence *evidence,
                            const struct evidence_peer *peer)
{
	/* More than keepalives. */
	const bool arrives = evidence->tapped ? peer->wire.in > 0
	                                      : verdict_moved(evidence, "UdpInDatagrams") > 2;
	const bool foreign = evidence->owned &&
	                     (!evidence->owner || evidence->owner != evidence->helper_pid);

	if (!evidence->port || !arrives || !foreign || peer->received_now ||
	    (evidence->helper == HELPER_OTHERS && strcmp(evidence->owner_name, "espdecap") == 0))
		return false;
	if (evidence->owner)
		return verdict_tell(verdict, "not-our-socket",
		                    "UDP packets arrive, but the kernel does not decapsulate them, "
		                    "because %s (pid %d) has port %u: end it, then sh %s mend",
		                    evidence->owner_name, (int)evidence->owner,
		                    (unsigned)evidence->port, evidence->script);
	return verdict_tell(verdict, "not-our-socket",
	                    "UDP packets arrive, but the kernel does not decapsulate them, because "
	                    "the socket on port %u is not espdecap's: ss -lunp sport = :%u names "
	                    "its process",
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
	                    "NAT on this host changes the tunnel's own packets: they leave from "
	                    "%s, not from %s: exempt %s %u, and delete the entry (conntrack -D)",
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
		verdict, "firewall", "%s: this host drops them before they are decrypted: %s",
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
	                    "%s is behind the same NAT, %s, which has no hairpin: new scripts with "
	                    "--lan",
	                    peer->name, address_print(text, &peer->there.address));
}

bool verdict_half_path(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	(void)evidence;
	if (peer->received || !peer->punched)
		return false;
	return verdict_tell(verdict, "half-path",
	                    "hellos from %s arrived, but no encrypted packet: if sh %s.sh check "
	                    "there says the same, the path drops them; try IPv6 between the hosts, "
	                    "another port, or new scripts with --mtu 1300",
	                    peer->name, peer->name);
}

bool verdict_silence(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	char text[ADDRESS_TEXT];

	verdict_note(verdict, "if check there says the same, packets are lost in both directions: "
	                      "take both down and up again, the first side first");
	verdict_note(verdict,
	             "if it says replayed, the sequence number in this store was too low "
	             "(count-low): sh %s rekey",
	             evidence->script);
	if (evidence->moved_from.family && evidence->mapped.address.family)
		verdict_note(verdict,
		             "the local address was %s at up, and the NAT gives the new one "
		             "another port; take both sides down, and up again 3 minutes later; a "
		             "forwarded port or up --map avoids that",
		             address_print(text, &evidence->moved_from));
	if (peer->wire.keepalives)
		verdict_note(verdict, "keepalives from %s arrive, so it is up", peer->name);
	if (peer->guessed)
		verdict_note(verdict,
		             "%s was tested, the first address there: if no host has it, name one: "
		             "sh %s check TARGET",
		             address_print(text, &peer->to), evidence->script);
	if (peer->received)
		return verdict_tell(verdict, "not-arriving",
		                    "no packets received any more: the NAT mapping is gone, or the "
		                    "other side is down: run sh %s.sh check there, then sh %s down "
		                    "and up",
		                    peer->name, evidence->script);
	return verdict_tell(verdict, "never-heard",
	                    "no packet received since up: is %s up, with digest %s? Run sh %s.sh "
	                    "check there",
	                    peer->name, evidence->digest, peer->name);
}
