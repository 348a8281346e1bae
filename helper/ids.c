/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "ids.h"
#include "number.h"
#include "say.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system calls themselves, because libc adds 2 KiB of code for threads to some of them. On
 * systems with *32 calls, the plain ones have 16-bit ids. */
#ifdef SYS_setresuid32
enum { SETGROUPS = SYS_setgroups32, SETRESGID = SYS_setresgid32, SETRESUID = SYS_setresuid32 };
#else
enum { SETGROUPS = SYS_setgroups, SETRESGID = SYS_setresgid, SETRESUID = SYS_setresuid };
#endif

/* The highest id means no change for setresuid(). */
static bool id_parse(uid_t *out, const char *text)
{
	unsigned long long number;

	if (!number_parse(&number, text, 0, (uid_t)-2))
		return false;
	*out = (uid_t)number;
	return true;
}

static bool both_parse(struct ids *out, const char *text)
{
	const char *colon = strchrnul(text, ':');
	size_t length = (size_t)(colon - text);
	char uid[sizeof "4294967294"] = "";

	if (length >= sizeof uid)
		return false;
	memcpy(uid, text, length);
	return id_parse(&out->uid, uid) && id_parse(&out->gid, *colon ? colon + 1 : uid);
}

bool ids_parse(struct ids *out, const char *text)
{
	bool is_name = (text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z';

	out->text = text;
	if (!both_parse(out, text))
		return refuse("-u", "user '%s': not a number (expected UID or UID:GID): id -u %s",
		              shown(text),
		              is_name ? shown(text) : "NAME");
	if (!out->uid)
		return refuse("-u", "user '%s': is root (expected another user)", shown(text));
	if (!out->gid)
		return refuse("-u", "user '%s': the group is root's (expected another group)",
		              shown(text));
	return true;
}

void ids_take(const struct ids *ids)
{
	struct __user_cap_header_struct self = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };
	unsigned long capability = 0;

	if (!ids->text)
		return;
	/* Ends after the last capability, or at once without permission; then no_new_privs must
	 * suffice. */
	while (syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0L, 0L, 0L) == 0)
		capability++;
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) ||
	    syscall(SETGROUPS, 0, NULL) || syscall(SETRESGID, ids->gid, ids->gid, ids->gid) ||
	    syscall(SETRESUID, ids->uid, ids->uid, ids->uid) || syscall(SYS_capset, &self, none))
		fail(EXIT_BROKE, "cannot become user '%s'", shown(ids->text));
	if (syscall(SETRESUID, 0, 0, 0) == 0 || geteuid() != ids->uid || getegid() != ids->gid) {
		say("could become root again after becoming user '%s'", shown(ids->text));
		exit(EXIT_BROKE);
	}
}
