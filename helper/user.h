/* Who a helper is once it has what only root may take. */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <sys/types.h>

struct user {
	const char *text;   /* as typed; NULL: stay who we are */
	uid_t uid;
	gid_t gid;
};

/* TEXT, of option -u, is a name from /etc/passwd or a number, and not root; or it is refused with one line. */
bool user_parse(struct user *, const char *text);
/* For good: no identity, capability or set-user-id program leads back.  Ends the program, status 1, where that fails. */
void user_become(const struct user *);

#endif
