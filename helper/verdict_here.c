/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Causes on this host: its packets do not leave, or hosts behind it or large packets do not get
 * through. */
#include "verdict_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	LOSS_LEAST = 2,  /* unanswered tests that count as loss, if others were answered */
	LATE_LEAST = 20, /* packets below the replay window ... */
	LATE_PART = 100, /* ... at least one in so many that were received */
};

/* ---- Always ---- */

bool verdict_address_gone(struct verdict *verdict, const struct evidence *evidence,
                          const struct evidence_peer *peer)
{
	(void)peer;
	if (!evidence->gone)
		return false;
	return verdict_tell(verdict, "address-gone",
	                    "%s is no longer an address of this host: sh %s mend restores an inner "
	                    "address; if the local address has changed, sh %s down and up --local "
	                    "ADDRESS",
	                    evidence->gone, evidence->script, evidence->script);
}

bool verdict_count_used_up(struct verdict *verdict, const struct evidence *evidence,
                           const struct evidence_peer *peer)
{
	if (!peer->used_up && !verdict_is_stuck(evidence, peer, "XfrmOutStateSeqError"))
		return false;
	if (peer->derived)
		return verdict_tell(verdict, "count-used-up",
		                    "the sequence numbers to %s are used up, so nothing is sent: "
		                    "sh %s rekey, "
		                    "on both sides",
		                    peer->name, evidence->script);
	return verdict_tell(verdict, "count-used-up",
	                    "the sequence numbers to %s are used up, so nothing is sent, and the "
	                    "keys are fixed: "
	                    "new scripts on both sides",
	                    peer->name);
}

bool verdict_no_out_sa(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	if (peer->has_out && !verdict_is_stuck(evidence, peer, "XfrmOutNoStates"))
		return false;
	if (peer->spent)
		return verdict_tell(
			verdict, "no-out-sa", "the SA to %s has reached its limit: %s%s%s",
			peer->name, peer->derived ? "sh " : "new scripts on both sides",
			peer->derived ? evidence->script : "", peer->derived ? " rekey" : "");
	return verdict_tell(verdict, "no-out-sa",
	                    "the policy finds no SA to send with (expired, or deleted by another "
	                    "tool): sh %s mend",
	                    evidence->script);
}

bool verdict_half_up(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	if (!peer->lacks || !*peer->lacks)
		return false;
	return verdict_tell(verdict, "half-up",
	                    "a part is missing (%s%s), removed by another tool: sh %s mend",
	                    peer->lacks[0], peer->lacks[1] ? ", and more" : "", evidence->script);
}

static bool is_unreachable(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN ||
	       error == EACCES || error == EINVAL;
}

bool verdict_no_route(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	char text[ADDRESS_TEXT];

	if (verdict_is_answered(peer))
		return false;
	if (*evidence->interface && strcmp(peer->outer_link, evidence->interface) == 0)
		return verdict_tell(verdict, "no-route",
		                    "the route to %s, the address of %s, leads into the tunnel "
		                    "itself: add a route outside the tunnel",
		                    address_print(text, &peer->there.address), peer->name);
	if (is_unreachable(peer->outer_error))
		return verdict_tell(verdict, "no-route",
		                    "no route to %s, the address of %s (%s): add a default route, "
		                    "or wait for the network",
		                    address_print(text, &peer->there.address), peer->name,
		                    strerror(peer->outer_error));
	if (is_unreachable(peer->inner_error) && !peer->sent)
		return verdict_tell(verdict, "no-route",
		                    "no route to %s (%s), so the policies do not apply: sh %s "
		                    "mend, or add a default route",
		                    address_print(text, &peer->to), strerror(peer->inner_error),
		                    evidence->script);
	return false;
}

bool verdict_helper_gone(struct verdict *verdict, const struct evidence *evidence,
                         const struct evidence_peer *peer)
{
	bool refused = verdict_moved(evidence, "UdpNoPorts") > 0;

	if (peer->received_now || evidence->owned)
		return false;
	if (evidence->helper == HELPER_GONE)
		return verdict_tell(verdict, "no-helper",
		                    "espdecap is not running, so nothing is decapsulated: sh %s "
		                    "mend",
		                    evidence->script);
	if (evidence->helper == HELPER_OTHERS && (refused || peer->wire.in))
		return verdict_tell(verdict, "no-helper",
		                    "UDP packets arrive, but no process has port %u: start %s",
		                    (unsigned)evidence->port, evidence->helper_command);
	return false;
}

/* ---- Nothing was sent ---- */

bool verdict_guarded(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	if (!verdict_is_stuck(evidence, peer, "XfrmOutPolBlock") &&
	    !(verdict_is_refused(peer) && verdict_moved(evidence, "XfrmOutPolBlock")))
		return false;
	return verdict_tell(verdict, "guarded",
	                    "a policy blocks what is sent (a leak guard, or another tool's): see "
	                    "ip xfrm policy");
}

bool verdict_own_nat(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	const struct wire *wire = &peer->wire;
	bool seen = wire->clear && !address_equal(&wire->clear_from, &peer->from);
	char text[ADDRESS_TEXT];

	if (!seen && (evidence->tapped || !evidence->nat_chain || peer->small.error))
		return false;
	if (seen)
		verdict_note(verdict, "NAT on this host changed their source to %s%s%s",
		             address_print(text, &wire->clear_from),
		             evidence->nat_chain ? ": " : "",
		             evidence->nat_chain ? evidence->nat_chain : "");
	else
		verdict_note(verdict, "%s has a NAT rule for all destinations",
		             evidence->nat_chain);
	if (evidence->can_exempt)
		return verdict_tell(verdict, "own-nat",
		                    "NAT rules of this host match tunnelled traffic before IPsec: "
		                    "sh %s down, then up --nat-exempt",
		                    evidence->script);
	return verdict_tell(verdict, "own-nat",
	                    "NAT rules of this host match tunnelled traffic before IPsec: exempt "
	                    "it (nft rt ipsec exists, iptables -m policy --dir out --pol ipsec)");
}

/* One of the peer's networks, perhaps not the tested one. */
bool verdict_stray(struct verdict *verdict, const struct evidence *evidence,
                   const struct evidence_peer *peer)
{
	if (!peer->stray)
		return false;
	if (!*peer->stray_link)
		return verdict_tell(verdict, "no-route",
		                    "no route to %s, so the policies do not apply: sh %s mend, or "
		                    "add a default route",
		                    peer->stray, evidence->script);
	if (*evidence->interface)
		return verdict_tell(verdict, "bypass",
		                    "the route to %s leads through %s, not through %s: look for a "
		                    "rule of another VPN (ip rule), and add one for this tunnel "
		                    "before it",
		                    peer->stray, peer->stray_link, evidence->interface);
	return verdict_tell(verdict, "bypass",
	                    "packets to %s leave in clear text through %s, where IPsec is off: "
	                    "sysctl net.ipv4.conf.%s.disable_xfrm=0",
	                    peer->stray, peer->stray_link, peer->stray_link);
}

bool verdict_bypass(struct verdict *verdict, const struct evidence *evidence,
                    const struct evidence_peer *peer)
{
	if (verdict_stray(verdict, evidence, peer))
		return true;
	if (!peer->wire.clear)
		return false;
	return verdict_tell(verdict, "bypass",
	                    "packets leave in clear text through %s: look for another VPN, a rule "
	                    "or a VRF that matches them (ip rule)",
	                    peer->wire.clear_link);
}

bool verdict_own_firewall(struct verdict *verdict, const struct evidence *evidence,
                          const struct evidence_peer *peer)
{
	const enum firewall_flow flow = peer->sent ? FIREWALL_OUTER_OUT : FIREWALL_INNER_OUT;
	const struct firewall_finding *finding = evidence->firewall ? &evidence->firewall[flow]
	                                                            : NULL;
	const bool refused = verdict_is_refused(peer);
	const bool lost = peer->sent && evidence->tapped && !peer->wire.out;
	const bool dropped = finding && finding->fate >= FIREWALL_DROPS;

	if (!refused && !lost && !(dropped && !peer->wire.out))
		return false;
	return verdict_tell(verdict, "own-firewall",
	                    "this host's firewall drops outgoing packets (%s): %s",
	                    peer->sent ? "the encrypted packets" : "before it is encrypted",
	                    dropped      ? finding->command
	                    : peer->sent ? "look at the output rules (nft list ruleset), and "
	                                   "accept its UDP port, or ESP"
	                                 : "look at the output rules (nft list ruleset), and "
	                                   "accept rt ipsec exists");
}

/* ---- Tests are answered ---- */

bool verdict_helper_stopped(struct verdict *verdict, const struct evidence *evidence,
                            const struct evidence_peer *peer)
{
	(void)peer;
	if (evidence->helper != HELPER_STOPPED)
		return false;
	return verdict_tell(verdict, "no-helper",
	                    "espdecap (pid %d) is stopped, so no keepalives are sent and an idle "
	                    "NAT mapping will expire: kill -CONT %d",
	                    (int)evidence->helper_pid, (int)evidence->helper_pid);
}

bool verdict_mtu(struct verdict *verdict, const struct evidence *evidence,
                 const struct evidence_peer *peer)
{
	if (!peer->small.answered || !(peer->big.sent || peer->big.error) || peer->big.answered)
		return false;
	if (!peer->passes)
		return verdict_tell(verdict, "mtu",
		                    "small packets pass, packets of %u bytes do not: new scripts "
		                    "with a smaller --mtu, or --clamp for TCP",
		                    evidence->mtu);
	return verdict_tell(verdict, "mtu",
	                    "small packets pass, packets of %u bytes do not, packets of %u bytes "
	                    "do: new scripts with --mtu %u, or --clamp for TCP",
	                    evidence->mtu, peer->passes,
	                    peer->passes + evidence->path_mtu - evidence->mtu);
}

static unsigned unanswered(const struct burst *burst)
{
	return burst->sent - burst->answered;
}

bool verdict_loss(struct verdict *verdict, const struct evidence *evidence,
                  const struct evidence_peer *peer)
{
	const unsigned lost = unanswered(&peer->small) + unanswered(&peer->big),
		       sent = peer->small.sent + peer->big.sent;
	const bool late = peer->total_late >= LATE_LEAST &&
	                  peer->total_late * LATE_PART >= peer->total_received;

	(void)evidence;
	if (peer->late || late)
		return verdict_tell(verdict, "loss",
		                    "packets from %s arrive so late that the replay window drops "
		                    "them (%" PRIu64 ", %" PRIu64 " received): new scripts with a "
		                    "larger --replay-window, up to "
		                    "4096",
		                    peer->name, peer->total_late, peer->total_received);
	if (!peer->small.answered || lost < LOSS_LEAST)
		return false;
	return verdict_tell(verdict, "loss",
	                    "%u of %u tests were not answered, and the replay window dropped none: "
	                    "the path loses packets; compare with ping outside the tunnel, and run "
	                    "sh %s.sh check on the other side",
	                    lost, sent, peer->name);
}

bool verdict_no_forwarding(struct verdict *verdict, const struct evidence *evidence,
                           const struct evidence_peer *peer)
{
	(void)peer;
	if (!evidence->no_forwarding)
		return false;
	return verdict_tell(verdict, "no-forwarding",
	                    "%s is 0, so this host does not forward for the hosts behind it: sh %s "
	                    "down, then up --forward",
	                    evidence->no_forwarding, evidence->script);
}

bool verdict_redirected(struct verdict *verdict, const struct evidence *evidence,
                        const struct evidence_peer *peer)
{
	(void)peer;
	if (!evidence->redirects)
		return false;
	return verdict_tell(verdict, "redirected",
	                    "%s is on the outer link, so ICMP redirects make its hosts bypass the "
	                    "tunnel, in clear text: sh %s down, then up --forward",
	                    evidence->redirects, evidence->script);
}

static bool drops(const struct evidence *evidence, enum firewall_flow flow)
{
	return evidence->firewall && evidence->firewall[flow].fate == FIREWALL_DROPS;
}

bool verdict_cut_off(struct verdict *verdict, const struct evidence *evidence,
                     const struct evidence_peer *peer)
{
	const struct firewall_finding *list = evidence->firewall;
	const enum firewall_flow flow = !evidence->sites                       ? FIREWALL_INNER_IN
	                                : drops(evidence, FIREWALL_FORWARD_IN) ? FIREWALL_FORWARD_IN
	                                : drops(evidence, FIREWALL_FORWARD_OUT)
	                                        ? FIREWALL_FORWARD_OUT
	                                        : FIREWALL_INNER_IN;

	if (!drops(evidence, flow))
		return false;
	if (flow == FIREWALL_INNER_IN)
		return verdict_tell(verdict, "firewall",
		                    "%s drops all new connections from %s and passes only answers: "
		                    "%s",
		                    list[flow].chain, peer->name, list[flow].command);
	return verdict_tell(verdict, "firewall",
	                    "%s drops packets that hosts behind this one %s the tunnel, although "
	                    "this host itself gets answers: %s",
	                    list[flow].chain,
	                    flow == FIREWALL_FORWARD_IN ? "are sent through" : "send into",
	                    list[flow].command);
}

/* Packets of this host to the peer without a given source address. */
bool verdict_wrong_source(struct verdict *verdict, const struct evidence *evidence,
                          const struct evidence_peer *peer)
{
	char from[ADDRESS_TEXT], source[ADDRESS_TEXT];

	(void)evidence;
	/* A network of everything also includes what this host forwards. */
	if (!peer->source.family || peer->source_inside || peer->everything)
		return false;
	address_print(from, &peer->from);
	return verdict_tell(verdict, "wrong-source",
	                    "packets from %s pass, but this host sends from %s, which the tunnel "
	                    "does not protect: ping -I %s, or a route with src %s",
	                    from, address_print(source, &peer->source), from, from);
}
