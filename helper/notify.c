/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
#include "notify.h"
#include "say.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_ready(void)
{
	static const char ready[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT, fd;

	if (!length)
		return;
	if (length >= sizeof address.sun_path) {
		say("NOTIFY_SOCKET '%s': too long", shown(path));
		return;
	}
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract socket */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sendto(fd, ready, sizeof ready - 1, flags, (struct sockaddr *)&address, size) < 0)
		say("NOTIFY_SOCKET '%s': %s", shown(path), strerror(errno));
	close(fd);
}
