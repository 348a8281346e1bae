# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# What comes from a network or a person is hostile until parsed: most of a second for each parser; for long with tests/fuzz/run.
@test "no parser fails under the fuzzer with ASan and UBSan" {
	"$BATS_TEST_DIRNAME/run" 4
}
