/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "verdict.h"
#include "verdict_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- For the rules ---- */

static void add_line(struct text *out, const char *format, va_list arguments)
{
	char line[768];

	vsnprintf(line, sizeof line, format, arguments);
	text_add_string(out, line);
}

bool verdict_tell(struct verdict *verdict, const char *cause, const char *format, ...)
{
	va_list arguments;

	verdict->cause = cause;
	va_start(arguments, format);
	add_line(&verdict->what, format, arguments);
	va_end(arguments);
	return true;
}

void verdict_note(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	text_add_string(&verdict->evidence, "  ");
	va_start(arguments, format);
	add_line(&verdict->evidence, format, arguments);
	va_end(arguments);
	text_add_string(&verdict->evidence, "\n");
}

const char *verdict_anew(const struct evidence *evidence)
{
	return evidence->own_words ? "make new scripts on both sides from the same endpoint "
	                             "strings and options"
	                           : "copy both scripts of one run again";
}

uint64_t verdict_moved(const struct evidence *evidence, const char *name)
{
	return kernel_counter(evidence->moved, name);
}

bool verdict_is_answered(const struct evidence_peer *peer)
{
	return peer->small.answered || peer->big.answered || peer->other.answered;
}

bool verdict_is_near(const struct evidence_peer *peer)
{
	return peer->target && peer->near.answered;
}

bool verdict_is_sending(const struct evidence *evidence, const struct evidence_peer *peer)
{
	return evidence->peer_count == 1 || !evidence->tapped || peer->wire.in;
}

bool verdict_is_refused(const struct evidence_peer *peer)
{
	return peer->small.error == EPERM || peer->other.error == EPERM;
}

bool verdict_is_stuck(const struct evidence *evidence, const struct evidence_peer *peer,
                      const char *name)
{
	return evidence->peer_count == 1 && peer->test != TEST_NONE && !peer->sent &&
	       verdict_moved(evidence, name);
}

/* ---- In which order ---- */

static verdict_rule *const always[] = {
	verdict_address_gone, verdict_count_used_up, verdict_no_out_sa,
	verdict_half_up,      verdict_no_route,      NULL,
};

static verdict_rule *const answered[] = {
	verdict_helper_stopped, verdict_stray,      verdict_mtu,     verdict_loss,
	verdict_no_forwarding,  verdict_redirected, verdict_cut_off, verdict_wrong_source,
	NULL,
};

static verdict_rule *const unsent[] = {
	verdict_guarded, verdict_helper_gone,  verdict_own_nat,
	verdict_bypass,  verdict_own_firewall, NULL,
};

static verdict_rule *const unanswered[] = {
	verdict_helper_gone,   verdict_unknown_spi,    verdict_no_encap,
	verdict_wrong_key,     verdict_replayed,       verdict_template,
	verdict_clear_arrives, verdict_no_policy,      verdict_moved_away,
	verdict_target,        verdict_firewall,       verdict_deaf_to_tests,
	verdict_name,          verdict_not_our_socket, verdict_own_firewall,
	verdict_outer_nat,     verdict_outer_firewall, verdict_same_nat,
	verdict_half_path,     verdict_silence,        NULL,
};

/* Applies the first rule that fits. */
static bool try(struct verdict *verdict, verdict_rule *const *rules,
                const struct evidence *evidence, const struct evidence_peer *peer)
{
	for (; *rules; rules++)
		if ((*rules)(verdict, evidence, peer))
			return true;
	return false;
}

static void decide(struct verdict *verdict, const struct evidence *evidence,
                   const struct evidence_peer *peer)
{
	if (try(verdict, always, evidence, peer))
		return;
	if (peer->test == TEST_NONE) {
		verdict->untested = true;
		return;
	}
	if (verdict_is_answered(peer)) {
		verdict->healthy = !try(verdict, answered, evidence, peer);
		return;
	}
	try(verdict, peer->sent ? unanswered : unsent, evidence, peer);
	/* A peer that is up, but answers no test. */
	if (verdict->healthy)
		verdict->healthy = !try(verdict, answered, evidence, peer);
}

/* ---- Evidence ---- */

static void note_burst(struct verdict *verdict, const struct burst *burst, const char *what,
                       const struct address *from, const struct address *to)
{
	char source[ADDRESS_TEXT], target[ADDRESS_TEXT];

	if (!burst->sent && !burst->error)
		return;
	verdict_note(verdict, "%u of %u %s answered, from %s to %s%s%s", burst->answered,
	             burst->sent, what, address_print(source, from), address_print(target, to),
	             burst->error ? ": " : "", burst->error ? strerror(burst->error) : "");
}

static const char *refusal(uint8_t type, uint8_t code)
{
	static const char *const codes[] = { "network unreachable", "host unreachable",
		                             "protocol unreachable", "port unreachable",
		                             "fragmentation needed" };

	if (type == 3 && code < sizeof codes / sizeof *codes)
		return codes[code];
	if (type == 3 && (code == 9 || code == 10 || code == 13))
		return "administratively prohibited";
	return type == 11 ? "time exceeded" : "an ICMP error";
}

static void note_tests(struct verdict *verdict, const struct evidence *evidence,
                       const struct evidence_peer *peer)
{
	char text[ADDRESS_TEXT], big[64];

	snprintf(big, sizeof big, "echo requests of %u bytes", evidence->mtu);
	note_burst(verdict, &peer->small, "small echo requests", &peer->from, &peer->to);
	note_burst(verdict, &peer->big, big, &peer->from, &peer->to);
	note_burst(verdict, &peer->other,
	           peer->test == TEST_TCP ? "TCP connections" : "TCP and UDP packets", &peer->from,
	           &peer->to);
	if (peer->target)
		verdict_note(verdict, "%u of %u echo requests to %s itself answered",
		             peer->near.answered, peer->near.sent, peer->name);
	if (peer->refused_by.family)
		verdict_note(verdict, "%s answers: %s", address_print(text, &peer->refused_by),
		             refusal(peer->refused_type, peer->refused_code));
}

static void note_states(struct verdict *verdict, const struct evidence_peer *peer)
{
	verdict_note(verdict, "SAs: out +%" PRIu64 ", in +%" PRIu64 "%s", peer->sent,
	             peer->received_now,
	             peer->received_now ? ""
	             : peer->received   ? " (packets were received before)"
	                                : " (nothing was received since up)");
	if (peer->late || peer->replayed || peer->failed)
		verdict_note(verdict,
		             "SAs dropped: below the replay window +%" PRIu64
		             ", received before +%" PRIu64 ", not authentic +%" PRIu64,
		             peer->late, peer->replayed, peer->failed);
}

static void note_links(struct verdict *verdict, const struct evidence_peer *peer)
{
	if (peer->outer_link && *peer->outer_link && peer->inner_link && *peer->inner_link)
		verdict_note(verdict, "routes: to %s through %s, to what was tested through %s",
		             peer->name, peer->outer_link, peer->inner_link);
	if (peer->stray)
		verdict_note(verdict, "routes: %s%s to %s", *peer->stray_link ? "through " : "none",
		             peer->stray_link, peer->stray);
}

static void note_counters(struct verdict *verdict, const struct evidence *evidence)
{
	struct text list = { 0 };

	for (size_t i = 0; i < evidence->moved->count; i++) {
		const struct kernel_counter *row = &evidence->moved->rows[i];

		if (row->value &&
		    (strncmp(row->name, "Xfrm", 4) == 0 || strcmp(row->name, "UdpNoPorts") == 0))
			text_printf(&list, "%s%s +%" PRIu64, list.length ? ", " : "", row->name,
			            row->value);
	}
	if (list.length)
		verdict_note(verdict, "the kernel counts: %s", list.bytes);
	if (!evidence->counted)
		verdict_note(verdict, "this kernel does not count why it drops packets "
		                      "(/proc/net/xfrm_stat), so some causes cannot be "
		                      "distinguished");
	text_free(&list);
}

static void note_wire(struct verdict *verdict, const struct evidence *evidence,
                      const struct evidence_peer *peer)
{
	const struct wire *wire = &peer->wire;
	char text[ENDPOINT_TEXT];

	if (!evidence->tapped)
		return;
	verdict_note(verdict, "on the network: %u encrypted packets to %s, %u from it", wire->out,
	             endpoint_print(text, &peer->there), wire->in);
	if (wire->unknown)
		verdict_note(verdict, "%u of them with the unknown SPI 0x%08" PRIx32,
		             wire->unknown, wire->unknown_spi);
	if (wire->in_from.address.family)
		verdict_note(verdict, "some came from %s", endpoint_print(text, &wire->in_from));
	if (wire->out_from.address.family)
		verdict_note(verdict, "some left as %s", endpoint_print(text, &wire->out_from));
	if (wire->clear)
		verdict_note(verdict, "%u tests left unencrypted through %s, from %s", wire->clear,
		             wire->clear_link, address_print(text, &wire->clear_from));
	if (wire->answers)
		verdict_note(verdict, "%u answers came out of the tunnel", wire->answers);
}

static void note_helper(struct verdict *verdict, const struct evidence *evidence)
{
	if (evidence->helper == HELPER_STOPPED)
		verdict_note(verdict, "espdecap (pid %d) is stopped", (int)evidence->helper_pid);
	if (evidence->helper != HELPER_GONE)
		return;
	if (evidence->owner)
		verdict_note(verdict,
		             "espdecap is not running; %s (pid %d) has port %u",
		             evidence->owner_name, (int)evidence->owner, (unsigned)evidence->port);
	else
		verdict_note(verdict, "espdecap is not running%s",
		             evidence->owned ? "; an unknown process has its port" : "");
}

static void note_findings(struct verdict *verdict, const struct evidence *evidence)
{
	static const char *const what[FIREWALL_FLOWS] = {
		"the tunnel's own packets",
		"the tunnel's own packets",
		"new connections out of the tunnel",
		"answers out of the tunnel",
		"new connections into the tunnel",
		"new connections out of the tunnel to hosts behind this one",
		"new connections of hosts behind this one into the tunnel",
	};

	for (unsigned i = 0; evidence->firewall && i < FIREWALL_FLOWS; i++) {
		const struct firewall_finding *finding = &evidence->firewall[i];
		bool forwards = i == FIREWALL_FORWARD_IN || i == FIREWALL_FORWARD_OUT;

		if (finding->fate < FIREWALL_DROPS || (forwards && !evidence->sites))
			continue;
		verdict_note(verdict, "%s drops %s%s; to let them pass: %s", finding->chain,
		             what[i],
		             finding->fate == FIREWALL_DROPS_MOST ? ", with exceptions" : "",
		             finding->command);
	}
}

/* Adds what remains uncertain about a healthy peer. */
static void note_echo(struct verdict *verdict, const struct evidence_peer *peer)
{
	const unsigned sent = peer->small.sent + peer->big.sent,
		       came = peer->small.answered + peer->big.answered;

	if (came && came < sent)
		verdict_note(verdict, "%u of %u echo requests %s not answered", sent - came,
		             sent, sent - came == 1 ? "was" : "were");
	if (came || peer->test != TEST_ECHO)
		return;
	if (peer->other.answered)
		verdict_note(verdict, "%s does not answer echo requests, but other packets",
		             peer->name);
	else
		verdict_note(verdict,
		             "%s does not answer echo requests, but packets from it arrive (in "
		             "+%" PRIu64 "); sh %s.sh check there says whether ours do",
		             peer->name, peer->received_now, peer->name);
}

/* Tests from this host do not pass forward chains. */
static void note_unknown(struct verdict *verdict, const struct evidence *evidence)
{
	const struct firewall_finding *list = evidence->firewall;

	if (evidence->sites && list &&
	    (list[FIREWALL_FORWARD_IN].fate == FIREWALL_UNKNOWN ||
	     list[FIREWALL_FORWARD_OUT].fate == FIREWALL_UNKNOWN))
		verdict_note(verdict, "whether this host forwards for hosts behind it depends on "
		                      "rules that check cannot judge: test from one of them");
}

static void add_evidence(struct verdict *verdict, const struct evidence *evidence,
                         const struct evidence_peer *peer)
{
	for (size_t i = 0; peer->lacks && peer->lacks[i]; i++)
		verdict_note(verdict, "missing %s", peer->lacks[i]);
	if (!verdict->healthy) {
		note_tests(verdict, evidence, peer);
		note_states(verdict, peer);
		note_counters(verdict, evidence);
		note_wire(verdict, evidence, peer);
		note_links(verdict, peer);
	} else {
		note_echo(verdict, peer);
		note_unknown(verdict, evidence);
	}
	note_helper(verdict, evidence);
	note_findings(verdict, evidence);
}

/* ---- Out ---- */

void verdict_judge(struct verdict *verdict, const struct evidence *evidence,
                   const struct evidence_peer *peer)
{
	struct text hints;

	*verdict = (struct verdict){ .cause = NULL };
	decide(verdict, evidence, peer);
	/* A rule's own evidence comes after the counts. */
	hints = verdict->evidence;
	verdict->evidence = (struct text){ 0 };
	if (verdict->untested)
		verdict_tell(verdict, NULL,
		             "not tested, because no selector fits a ping or connection: %s",
		             peer->row && *peer->row ? peer->row : "use it");
	else if (!verdict->healthy && !verdict->cause)
		verdict_tell(verdict, NULL,
		             "no cause found: no test is answered, and nothing on this host "
		             "explains it");
	add_evidence(verdict, evidence, peer);
	if (hints.length)
		text_add(&verdict->evidence, hints.bytes, hints.length);
	text_free(&hints);
}

void verdict_print(struct text *out, const struct verdict *verdict, const char *name)
{
	text_join(out, name, ": ", NULL);
	if (verdict->healthy)
		text_add_string(out, "healthy");
	if (verdict->cause)
		text_join(out, verdict->cause, ": ", NULL);
	if (verdict->what.length)
		text_add(out, verdict->what.bytes, verdict->what.length);
	text_add_string(out, "\n");
	if (verdict->evidence.length)
		text_add(out, verdict->evidence.bytes, verdict->evidence.length);
}

bool verdict_is_broken(const struct verdict *verdict)
{
	return !verdict->healthy && !verdict->untested;
}

void verdict_free(struct verdict *verdict)
{
	text_free(&verdict->what);
	text_free(&verdict->evidence);
}
