/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* The verb `capture`: writes outer and inner packets for Wireshark. */
#include "apply.h"
#include "keep.h"
#include "say.h"
#include "tcpdump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct capture {
	struct keep *keep;
	const char *path;
	char *inner_path;
	char table[96], filter[96], interface[16];
	unsigned group; /* of NFLOG */
	char *program;  /* tcpdump's path */
	struct tcpdump outer, inner;
	bool has_inner;
	int signals; /* signalfd */
};

/* ---- What is captured ---- */

/* ESP, ICMP errors, and later fragments. */
static void name_parts(struct capture *capture)
{
	const struct page *page = &capture->keep->page;
	const char *more = page->family == AF_INET6 ? "icmp6 and ip6[40] < 5 or ip6[6] == 44"
	                                            : "icmp[0] == 3 or ip[6:2] & 8191 != 0";

	if (page->port)
		snprintf(capture->filter, sizeof capture->filter, "udp port %u or %s", page->port,
		         more);
	else
		snprintf(capture->filter, sizeof capture->filter, "esp or %s", more);
	snprintf(capture->table, sizeof capture->table, "xfrmpair-%s-%s-capture-%d", page->name,
	         page->digest, (int)getpid());
	capture->group = (unsigned)getpid() % 65535 + 1;
	snprintf(capture->interface, sizeof capture->interface, "nflog:%u", capture->group);
}

static void add_chain(struct text *out, const struct capture *capture, const char *name,
                      const char *hook)
{
	const struct page *page = &capture->keep->page;

	text_printf(out, "\tchain %s { type filter hook %s\n", name, hook);
	for (size_t i = 0; i < page->peer_count; i++)
		text_printf(out, "\t\tipsec %s reqid %u log group %u queue-threshold 1\n", name,
		            (unsigned)page->peers[i].reqid, capture->group);
	text_add_string(out, "\t}\n");
}

/* Inner packets are captured with NFLOG: decrypted ones before all rules, those to be encrypted
 * after all rules. */
static void add_table(struct text *out, const struct capture *capture)
{
	text_printf(out, "table inet %s {\n", capture->table);
	add_chain(out, capture, "in", "prerouting priority -450");
	add_chain(out, capture, "out", "postrouting priority 450");
	text_add_string(out, "}\n");
}

static void remove_table(const struct capture *capture)
{
	struct text text = { 0 };

	text_printf(&text, "delete table inet %s\n", capture->table);
	apply_nft(&text, false);
	text_free(&text);
}

/* `down` removes it if this program is killed. */
static bool note_table(const struct capture *capture)
{
	int fd = openat(capture->keep->run.fd, "undo",
	                O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good = fd >= 0 &&
	            dprintf(fd, "nft delete table inet %s 2>/dev/null\n", capture->table) > 0;

	if (fd >= 0)
		close(fd);
	return good || refuse(capture->keep->run.path, "cannot be written: %s", strerror(errno));
}

static bool make_table(const struct capture *capture)
{
	struct text text = { 0 };
	struct apply_result result;

	if (!note_table(capture))
		return false;
	add_table(&text, capture);
	result = apply_nft(&text, false);
	text_free(&text);
	return apply_report(&result, "nft") == EXIT_OK;
}

/* ---- Beginning ---- */

static void print_plan(const struct capture *capture)
{
	struct text text = { 0 };

	text_printf(&text, "tcpdump -i any --immediate-mode -n -w %s '%s' &\nnft -f - <<END\n",
	            capture->path, capture->filter);
	add_table(&text, capture);
	text_printf(&text, "END\ntcpdump -i nflog:%u -n -w %s\n", capture->group,
	            capture->inner_path);
	fwrite(text.bytes, 1, text.length, stdout);
	text_free(&text);
}

static bool create_files(struct capture *capture)
{
	bool outer = tcpdump_create(&capture->outer, capture->path);

	if (outer && tcpdump_create(&capture->inner, capture->inner_path))
		return true;
	keep_say(capture->keep, "cannot create %s and %s, or one exists (expected another FILE)",
	         shown(capture->path), shown(capture->inner_path));
	if (outer)
		unlink(capture->path);
	return false;
}

/* If the inner packets cannot be captured, the outer ones still are. */
static void start_inner(struct capture *capture)
{
	char *nft = apply_find("nft");

	if (!nft)
		keep_say(capture->keep,
		         "warning: no nft, so inner packets are not captured: install nftables");
	else if (tcpdump_start(&capture->inner, capture->program, capture->interface, NULL) &&
	         make_table(capture))
		capture->has_inner = true;
	else
		keep_say(capture->keep, "warning: inner packets are not captured");
	free(nft);
	if (capture->has_inner)
		return;
	tcpdump_end(&capture->inner);
	unlink(capture->inner_path);
}

static int start(struct capture *capture)
{
	capture->program = apply_find("tcpdump");
	if (!capture->program) {
		keep_say(capture->keep, "no tcpdump: install it");
		return EXIT_BROKE;
	}
	if (!create_files(capture))
		return EXIT_BROKE;
	if (!tcpdump_start(&capture->outer, capture->program, "any", capture->filter)) {
		unlink(capture->path);
		unlink(capture->inner_path);
		return EXIT_BROKE;
	}
	start_inner(capture);
	keep_say(capture->keep, "capturing until ^C: outer packets in %s%s%s", capture->path,
	         capture->has_inner ? ", inner packets in " : "",
	         capture->has_inner ? capture->inner_path : "");
	return EXIT_OK;
}

/* ---- Until it is ended ---- */

/* Copies until a signal arrives, then returns true, or until a tcpdump exits. */
static bool copy(struct capture *capture)
{
	while (tcpdump_copy(&capture->outer) &&
	       (!capture->has_inner || tcpdump_copy(&capture->inner))) {
		struct pollfd files[] = {
			{ .fd = capture->signals, .events = POLLIN },
			{ .fd = capture->outer.packets, .events = POLLIN },
			{ .fd = capture->has_inner ? capture->inner.packets : -1,
			  .events = POLLIN },
		};

		if (poll(files, sizeof files / sizeof *files, -1) > 0 && files[0].revents)
			return true;
	}
	return false;
}

static void finish(struct capture *capture)
{
	long long outer = tcpdump_end(&capture->outer), inner = tcpdump_end(&capture->inner);

	if (capture->has_inner)
		remove_table(capture);
	if (outer < 0)
		return;
	if (capture->has_inner)
		keep_say(capture->keep,
		         "captured %lld outer packets in %s, and %lld inner packets in %s",
		         outer, capture->path, inner < 0 ? 0 : inner, capture->inner_path);
	else
		keep_say(capture->keep, "captured %lld outer packets in %s", outer,
		         capture->path);
}

static int run(struct capture *capture)
{
	int status;

	if (capture->keep->run.state != RUN_UP) {
		keep_say(capture->keep, "is down");
		return EXIT_BROKE;
	}
	capture->signals = keep_signals();
	status = start(capture);
	if (!status && !copy(capture)) {
		keep_say(capture->keep, "tcpdump exited");
		status = EXIT_BROKE;
	}
	finish(capture);
	return status;
}

int capture(struct keep *keep, int argc, char **argv)
{
	struct capture capture = {
		.keep = keep,
		.path = argv[0],
		.outer = { .packets = -1, .words = -1, .file = -1 },
		.inner = { .packets = -1, .words = -1, .file = -1 },
		.signals = -1,
	};
	int status = EXIT_OK;

	(void)argc;
	if (asprintf(&capture.inner_path, "%s.inner", argv[0]) < 0)
		fail(EXIT_BROKE, "memory");
	name_parts(&capture);
	if (keep->dry)
		print_plan(&capture);
	else
		status = run(&capture);
	free(capture.inner_path);
	free(capture.program);
	return status;
}
