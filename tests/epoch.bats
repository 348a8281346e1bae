# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Epochs: helper/epoch.c against the tables of tests/epoch.table, and against a shell's sha256sum.
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/epoch.bash"
	built_epoch "$BATS_FILE_TMPDIR/epoch" gcc -O1
}
setup() {
	source "$BATS_TEST_DIRNAME/epoch.bash"
	PATH=$BATS_FILE_TMPDIR:$PATH
	cd "$BATS_TEST_TMPDIR" || return
}

# hash WORDS...: SHA-256 of a line, computed by a shell
hash() { echo "xfrmpair $*" | sha256sum | cut -d' ' -f1; }
# blocks FROM TO SECRET: more than any cipher takes
blocks() { for i in 1 2 3 4; do hash "key $1 $2 $i $3"; done | tr -d '\n'; }
# by_hand FROM TO SECRET DIGITS [DIGITS]: SPI and key of so many hexadecimal digits, and the second key
by_hand() {
	local joined auth=${5:-0}
	joined=$(blocks "$1" "$2" "$3")
	printf '0x%s 0x%s%s\n' "${joined:$4 + auth:8}" "${joined:0:$4}" "${5:+ 0x${joined:$4:auth}}"
}

@test "keys and SPIs are what a shell computes from the secret with sha256sum" {
	for secret in "$(printf '%064d' 7)" "$(echo one | sha256sum | cut -d' ' -f1)"; do
		for names in 'a b' 'b a' 'alice bob-2'; do
			# shellcheck disable=SC2086 # two names
			while read -r cipher digits; do
				[ "$(epoch derive "$cipher" $names "0x$secret")" = "$(by_hand $names "$secret" $digits)" ]
			done <<-'END'
				aes128gcm16 40
				aes256gcm16 72
				chacha20poly1305 72
				aes256ccm16 70
				aes128-sha1 32 40
				aes256-sha512 64 128
				aes192-sha384 48 96
				aes128ctr-sha256 40 64
				null-sha256 0 64
			END
		done
	done
	# an SPI below 256 is reserved: this one would be 3
	secret=$(printf '%064x' 0x1b90198)
	[[ "$(by_hand a b "$secret" 40)" == '0x00000003 '* ]]
	[ "$(epoch derive aes128gcm16 a b "0x$secret")" = "$(by_hand a b "$secret" 40 | sed 's/0x00000003/0x00000103/')" ]
}

@test "the next secret, and the token of the punch, are hashes too" {
	secret=$(printf '%064d' 7)
	for _ in 1 2 3; do
		[ "$(epoch next "0x$secret")" = "0x$(hash "next $secret")" ]
		[ "$(epoch token "0x$secret")" = "0x$(hash "punch $secret")" ]
		secret=$(hash "next $secret")
	done
}

@test "the tables of epoch turns, removed states, recorded numbers and starts hold" {
	epoch "$BATS_TEST_DIRNAME/epoch.table"
	[ "$(grep -c ' = ' "$BATS_TEST_DIRNAME/epoch.table")" -gt 50 ]
	# the control
	sed '/^turn/s/ = turned/ = fixed/' "$BATS_TEST_DIRNAME/epoch.table" >wrong
	run -1 epoch wrong
	[ "${#lines[@]}" -eq "$(grep -c ' = fixed' wrong)" ] || [ "${#lines[@]}" -eq "$(($(grep -c ' = fixed' wrong) - 1))" ]
}

@test "it builds without a warning by three compilers, and is clean under ASan and UBSan" {
	built_epoch "$PWD/small" musl-gcc -O0 -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu"
	./small "$BATS_TEST_DIRNAME/epoch.table"
	built_epoch "$PWD/clean" clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
	./clean "$BATS_TEST_DIRNAME/epoch.table"
}
