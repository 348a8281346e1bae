/* SPDX-License-Identifier: ISC */
/* SPDX-FileCopyrightText: 2026 The xfrmpair authors */
/* HKDF with SHA-256 (RFC 5869): key material of any quality in, keys out. */
#ifndef HKDF_H
#define HKDF_H

#include <stddef.h>

/* Derives LENGTH bytes, at most 255 * 32, from KEY, SALT (which may be empty) and INFO. */
void hkdf(unsigned char *out, size_t length, const void *salt, size_t salt_length, const void *key,
          size_t key_length, const void *info, size_t info_length);

#endif
