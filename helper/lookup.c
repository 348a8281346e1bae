/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "lookup.h"
#include "fork.h"
#include "natprobe.h"
#include "probe.h"
#include "say.h"
#include "special.h"

#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool lookup_is_name(const char *text, size_t length)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz"
	                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return length && length <= NAME_MOST && strspn(text, alphabet) >= length &&
	       strspn(text, "0123456789.") < length;
}

/* The first address that can be an endpoint, else the first. Not getaddrinfo(3), which would add
 * malloc(3), 10 KiB. */
static struct found look_up(const char *name, sa_family_t family)
{
	struct found out = {0};
	struct hostent entry, *found;
	char room[4096];
	int trouble = NO_RECOVERY;

	if (gethostbyname2_r(name, family, &entry, room, sizeof room, &found, &trouble) || !found) {
		out.again = trouble != HOST_NOT_FOUND && trouble != NO_DATA;
		return out;
	}
	if (found->h_addrtype != family || found->h_length != (family == AF_INET6 ? 16 : 4))
		return out;
	for (char **answer = found->h_addr_list; *answer; answer++) {
		struct address address = {.family = family};

		memcpy(address.bytes, *answer, (size_t)found->h_length);
		if (!out.address.family || !special_is_unusable(&address))
			out.address = address;
		if (!special_is_unusable(&out.address))
			break;
	}
	return out;
}

/* The child, which an alarm ends. It parses untrusted data, so it has no rights. It prints nothing,
 * and does not hold the parent's output open. */
static _Noreturn void answer(const char *name, sa_family_t family, int64_t left_ms,
                             const struct ids *ids, const int tell[2])
{
	struct found found;
	sigset_t none;

	sigemptyset(&none);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(tell[0]);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	ids_take(ids);
	alarm((unsigned)(left_ms + 999) / 1000);
	found = look_up(name, family);
	_exit(write(tell[1], &found, sizeof found) != sizeof found);
}

int lookup_start(const char *name, sa_family_t family, int64_t left_ms, const struct ids *ids)
{
	int tell[2];
	pid_t child;

	if (left_ms <= 0 || pipe(tell))
		return -1;
	child = fork_alone();
	if (child == 0)
		answer(name, family, left_ms, ids, tell);
	close(tell[1]);
	if (child > 0)
		return tell[0];
	close(tell[0]);
	return -1;
}

struct found lookup_end(int file)
{
	struct found found;

	if (read(file, &found, sizeof found) != sizeof found)
		found = (struct found){.again = true};
	close(file);
	wait(NULL);
	return found;
}

/* An address needs no lookup; for a name the family stays unset. */
static bool resolve_parse(struct address *address, const char *text, sa_family_t family)
{
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		address->family = AF_INET;
	else if (inet_pton(AF_INET6, text, address->bytes) == 1)
		address->family = AF_INET6;
	else if (!lookup_is_name(text, strlen(text)))
		return refuse("--resolve", "'%s': invalid (expected a name or an address, without "
		              "a port)",
		              shown(text));
	if (special_is_unusable(address))
		return refuse("--resolve", "'%s': not a unicast address", shown(text));
	if (address->family && family && address->family != family)
		return refuse("--resolve", "'%s': another address family than -b (expected both "
		              "IPv4 or both IPv6)", shown(text));
	return true;
}

int resolve(const struct probe *probe)
{
	sa_family_t family = probe->local.address.family;
	const char *name = probe->resolve;
	struct found found = {0};
	char text[ADDRESS_TEXT];
	int file;

	if (!resolve_parse(&found.address, name, family))
		return EXIT_MISTAKE;
	ids_take(&probe->ids);
	if (!found.address.family) {
		file = lookup_start(name, family ? family : AF_INET, GIVE_UP_MS, &(struct ids){0});
		if (file < 0)
			err(EXIT_BROKE, "%s", name);
		found = lookup_end(file);
	}
	if (found.again)
		warnx("%s: %s", name, NO_NAME_SERVER);
	else if (!found.address.family)
		warnx("%s: name not found, or it has no IPv%c address", name,
		      family == AF_INET6 ? '6' : '4');
	else if (special_is_unusable(&found.address))
		warnx("%s: is %s, which is not a unicast address", name,
		      address_print(text, &found.address));
	else if (probe_print(address_print(text, &found.address), "", ""))
		return EXIT_OK;
	else
		return EXIT_BROKE;
	return EXIT_NO_ANSWER;
}
