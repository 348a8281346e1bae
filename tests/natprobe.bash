# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for natprobe.bats and punch.bats. Their tests run in parallel: each has its own loopback
# addresses, and uses no port of another test on other addresses.

# build PROGRAM...: from their sources beside this file; and natprobe's path
build() {
	cd "$BATS_TEST_DIRNAME" || return
	export PATH="$BATS_FILE_TMPDIR:$PATH"
	export NATPROBE=$BATS_TEST_DIRNAME/../${BUILD:-build}/natprobe
	case ${BUILD:-} in /*) NATPROBE=$BUILD/natprobe ;; esac
	for program; do
		cc -std=c11 -D_GNU_SOURCE -g -fsanitize=address,undefined -I../helper -o "$BATS_FILE_TMPDIR/$program" $program.c
	done
}

# begin NET: the test has 127.NET.*
begin() {
	set +T
	declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return
	here=127.$1.$BATS_TEST_NUMBER.1 peer=127.$1.$BATS_TEST_NUMBER.2 stranger=127.$1.$BATS_TEST_NUMBER.3
	started=()
}

teardown() {
	[ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
}

# probe ARGUMENT...: fills out, err, status
probe() {
	status=0
	"$NATPROBE" "$@" >out 2>err 3>&- || status=$?
	out=$(cat out) err=$(cat err)
}

same() { # WHAT WANT
	[ "$1" = "$2" ] || {
		printf 'got:  %s\nwant: %s\n' "$1" "$2"
		return 1
	}
}

# both "ARGUMENTS OF ONE" "ARGUMENTS OF TWO": punch from both sides, $here:21501 and $peer:21502
both() {
	status=0 other=0
	# shellcheck disable=SC2086
	"$NATPROBE" -b $peer -p 21502 --punch $here:21501 $2 >out2 2>err2 3>&- &
	# shellcheck disable=SC2086
	"$NATPROBE" -b $here -p 21501 --punch $peer:21502 $1 >out 2>err 3>&- || status=$?
	wait $! || other=$?
	out=$(cat out) err=$(cat err) out2=$(cat out2) err2=$(cat err2)
}

# listens ADDR:PORT: waits until somebody has it
listens() {
	for _ in {1..200}; do
		[ "$(ss -Hlun src "$1" | wc -l)" -eq 0 ] || return 0
		sleep 0.05
	done
	return 1
}
