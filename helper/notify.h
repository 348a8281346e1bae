/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Readiness notification, as for systemd's Type=notify. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Tells the supervisor of NOTIFY_SOCKET, if there is one, that this program is ready, as
 * sd_notify(3) does. */
void notify_ready(void);

#endif
