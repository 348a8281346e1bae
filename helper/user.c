#include "user.h"
#include "number.h"
#include "say.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls themselves, for size: around some of them libc has 2 KiB of care for threads.  Where there are *32
 * ones, the plain ones take 16-bit ids. */
#ifdef SYS_setresuid32
enum { SETGROUPS = SYS_setgroups32, SETRESGID = SYS_setresgid32, SETRESUID = SYS_setresuid32 };
#else
enum { SETGROUPS = SYS_setgroups, SETRESGID = SYS_setresgid, SETRESUID = SYS_setresuid };
#endif

/* To setresuid the highest one means: no change. */
static bool id_parse(uid_t *out, const char *text)
{
	unsigned long long number;

	if (!text || !number_parse(&number, text, 0, (uid_t)-2))
		return false;
	*out = (uid_t)number;
	return true;
}

/* By hand, for getpwnam and stdio are as large as all of this, and static glibc's wants libraries. */
bool user_parse(struct user *out, const char *text)
{
	static char passwd[1 << 16];     /* system users come first */
	char *all = passwd, *line;
	int file = (int)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(file, passwd, sizeof passwd - 1);
	bool numeric = id_parse(&out->uid, text), found = numeric;

	passwd[length > 0 ? length : 0] = '\0';
	close(file);
	out->text = text;
	out->gid = out->uid;             /* a number without an entry is its own group */
	while ((line = strsep(&all, "\n"))) {
		const char *field[4];    /* name, password, uid, gid */
		uid_t uid, gid;

		if (!all && length == sizeof passwd - 1)
			break;           /* cut off */
		for (int i = 0; i < 4; i++)
			field[i] = strsep(&line, ":");
		if (id_parse(&uid, field[2]) && id_parse(&gid, field[3]) &&
		    (strcmp(field[0], text) == 0 || (numeric && uid == out->uid))) {
			out->uid = uid;
			out->gid = gid;
			found = true;
			break;
		}
	}
	if (!found)
		return refuse("-u", "user '%s': want a name from /etc/passwd or a number", shown(text));
	if (!out->uid)
		return refuse("-u", "user '%s': want one who is not root", shown(text));
	return out->gid || refuse("-u", "user '%s': want one whose group is not root's", shown(text));
}

void user_become(const struct user *user)
{
	struct __user_cap_header_struct self = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (!user->text)
		return;
	/* Ends after the last one; or at once for who may not, and then no_new_privs has to do. */
	for (unsigned long capability = 0; syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0L, 0L, 0L) == 0; capability++)
		;
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) || syscall(SETGROUPS, 0, NULL) ||
	    syscall(SETRESGID, user->gid, user->gid, user->gid) ||
	    syscall(SETRESUID, user->uid, user->uid, user->uid) || syscall(SYS_capset, &self, none))
		fail(EXIT_BROKE, "cannot become user '%s'", shown(user->text));
	if (syscall(SETRESUID, 0, 0, 0) == 0 || geteuid() != user->uid || getegid() != user->gid) {
		say("root came back after becoming user '%s'", shown(user->text));
		exit(EXIT_BROKE);
	}
}
