/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Wireshark's table esp_sa, by which its release 4.0 decrypts a capture. */
#ifndef ESP_SA_H
#define ESP_SA_H

#include "endpoint.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: Wireshark does not know the cipher, or takes the encapsulation for IKE. */
bool esp_sa_can(const struct cipher *, enum encap);
/* The lines above the rows: TITLE is the tunnel's sides, and PORTS those of its UDP packets, of
 * which 0 and repeated ones are left out. */
void esp_sa_print_head(struct text *, const char *title, const char *digest, const uint16_t *ports,
                       size_t port_count);
/* The comment that stands for an SA. */
void esp_sa_print_comment(struct text *, uint32_t spi, const char *from, const char *to,
                          uint32_t epoch);
/* The row of one.  DESTINATION: NULL for any, because a capture has others between the NATs than on
 * each host. */
void esp_sa_print(struct text *, const struct cipher *, sa_family_t, const char *destination,
                  uint32_t spi, const unsigned char *key);

#endif
