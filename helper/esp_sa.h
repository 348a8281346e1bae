/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* Wireshark's table esp_sa, with which release 4.0 decrypts a capture. */
#ifndef ESP_SA_H
#define ESP_SA_H

#include "endpoint.h"
#include "text.h"
#include "xfrm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False if Wireshark does not support the cipher, or mistakes the encapsulation for IKE. */
bool esp_sa_can(const struct cipher *, enum encap);
/* The lines above the rows. TITLE names the tunnel's sides. PORTS are those of its UDP packets; 0
 * and repetitions are left out. */
void esp_sa_print_head(struct text *, const char *title, const char *digest, const uint16_t *ports,
                       size_t port_count);
/* The comment above the row of an SA. */
void esp_sa_print_comment(struct text *, uint32_t spi, const char *from, const char *to,
                          uint32_t epoch);
/* The row of an SA. DESTINATION may be NULL for any address, because the addresses differ between a
 * capture on the host and one between the NATs. */
void esp_sa_print(struct text *, const struct cipher *, sa_family_t, const char *destination,
                  uint32_t spi, const unsigned char *key);

#endif
