/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The causes, one function each. A rule returns false if the evidence does not fit its cause. Else
 * it sets cause and sentence of the verdict, and returns true. */
#ifndef VERDICT_RULES_H
#define VERDICT_RULES_H

#include "verdict.h"

typedef bool verdict_rule(struct verdict *, const struct evidence *, const struct evidence_peer *);

/* Always true: "what is wrong: what to do". */
bool verdict_tell(struct verdict *, const char *cause, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a line of evidence. */
void verdict_note(struct verdict *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The advice if the scripts do not match. */
const char *verdict_anew(const struct evidence *);
/* How much a kernel counter rose. */
uint64_t verdict_moved(const struct evidence *, const char *name);
/* True if a test was answered. */
bool verdict_is_answered(const struct evidence_peer *);
/* True if the peer itself answered, but not the tested host. */
bool verdict_is_near(const struct evidence_peer *);
/* True if errors that the kernel counts for all peers together may concern this one. */
bool verdict_is_sending(const struct evidence *, const struct evidence_peer *);
/* True if a policy or packet filter refused a test to this peer. */
bool verdict_is_refused(const struct evidence_peer *);
/* True if a counter of unsent packets rose, and only this peer's tests can have caused it. */
bool verdict_is_stuck(const struct evidence *, const struct evidence_peer *, const char *name);

/* Faults on this host, independent of what arrives. */
verdict_rule verdict_address_gone, verdict_count_used_up, verdict_no_out_sa, verdict_half_up,
	verdict_no_route, verdict_helper_gone;
/* Faults on this host, if the SA sent nothing. */
verdict_rule verdict_guarded, verdict_own_nat, verdict_bypass, verdict_own_firewall;
/* Faults if tests were answered. */
verdict_rule verdict_helper_stopped, verdict_loss, verdict_mtu, verdict_no_forwarding,
	verdict_redirected, verdict_cut_off, verdict_wrong_source, verdict_stray;
/* Faults if no test was answered, and packets arrive ... */
verdict_rule verdict_unknown_spi, verdict_no_encap, verdict_wrong_key, verdict_replayed,
	verdict_template, verdict_clear_arrives, verdict_no_policy, verdict_moved_away,
	verdict_firewall, verdict_deaf_to_tests;
/* ... or do not arrive. */
verdict_rule verdict_name, verdict_target, verdict_not_our_socket, verdict_outer_firewall,
	verdict_outer_nat, verdict_same_nat, verdict_half_path, verdict_silence;

#endif
