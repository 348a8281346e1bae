/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* HKDF with SHA-256 (RFC 5869): key material of any quality in, keys out. */
#ifndef HKDF_H
#define HKDF_H

#include <stddef.h>

/* LENGTH bytes, at most 255 * 32, from KEY, by SALT, which may be of no length, and for what INFO
 * says. */
void hkdf(unsigned char *out, size_t length, const void *salt, size_t salt_length, const void *key,
          size_t key_length, const void *info, size_t info_length);

#endif
