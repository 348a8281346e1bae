# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for epoch.bats and model.bats.

# built_epoch PROGRAM COMPILER OPTION...: tests/epoch.c
built_epoch() {
	local helper=$BATS_TEST_DIRNAME/../helper
	"$2" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -I"$helper" "${@:3}" -o "$1" "$BATS_TEST_DIRNAME/epoch.c" \
		"$helper"/{cipher,endpoint,number,prefix,say,section,sha256,special,text,xfrm}.c
}
