/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The causes, one function each, in parts of verdict.c.  A rule returns false if the evidence is
 * not that of its cause; else it has put cause and sentence into the verdict. */
#ifndef VERDICT_RULES_H
#define VERDICT_RULES_H

#include "verdict.h"

typedef bool verdict_rule(struct verdict *, const struct evidence *, const struct evidence_peer *);

/* Always true: "what is wrong: what to do". */
bool verdict_tell(struct verdict *, const char *cause, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a line of evidence. */
void verdict_note(struct verdict *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What people do when scripts do not fit together. */
const char *verdict_anew(const struct evidence *);
/* How much a kernel counter rose. */
uint64_t verdict_moved(const struct evidence *, const char *name);
/* Some test was answered. */
bool verdict_is_answered(const struct evidence_peer *);
/* The host that was tried was not, but the peer itself was. */
bool verdict_is_near(const struct evidence_peer *);
/* Errors that the kernel counts for all peers together may be about packets from this one. */
bool verdict_is_sending(const struct evidence *, const struct evidence_peer *);
/* A test to this peer was refused by a policy or a packet filter. */
bool verdict_is_refused(const struct evidence_peer *);
/* A counter of what this host could not send rose, and only this peer's tests can be why. */
bool verdict_is_stuck(const struct evidence *, const struct evidence_peer *, const char *name);

/* On this host, whatever arrives. */
verdict_rule verdict_address_gone, verdict_count_used_up, verdict_no_out_sa, verdict_half_up,
	verdict_no_route, verdict_helper_gone;
/* On this host, when nothing was sent by the SA. */
verdict_rule verdict_guarded, verdict_own_nat, verdict_bypass, verdict_own_firewall;
/* When tests were answered. */
verdict_rule verdict_helper_stopped, verdict_loss, verdict_mtu, verdict_no_forwarding,
	verdict_redirected, verdict_cut_off, verdict_wrong_source, verdict_stray;
/* When no test was answered: what arrives. */
verdict_rule verdict_unknown_spi, verdict_no_encap, verdict_wrong_key, verdict_replayed,
	verdict_template, verdict_clear_arrives, verdict_no_policy, verdict_moved_away,
	verdict_firewall, verdict_deaf_to_tests;
/* ... or does not. */
verdict_rule verdict_name, verdict_target, verdict_not_our_socket, verdict_outer_firewall,
	verdict_outer_nat, verdict_same_nat, verdict_half_path, verdict_silence;

#endif
