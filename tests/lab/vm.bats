# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# How the VM boots. Runs outside of the lab: bats tests/lab/vm.bats
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	# a machine with all of this one's programs, whose only busybox is dynamic, as Debian's ordinary one is
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s /usr/bin/* "$BATS_TEST_TMPDIR/bin"
	rm -f "$BATS_TEST_TMPDIR/bin/busybox"
	cp /bin/dash "$BATS_TEST_TMPDIR/bin/busybox"
}

@test "if busybox is dynamic, busybox-static is downloaded, but not installed" {
	dpkg-query -W '*busybox*' >"$BATS_TEST_TMPDIR/before"
	export XFRMPAIR_CACHE=$BATS_TEST_TMPDIR/cache
	[ "$(PATH=$BATS_TEST_TMPDIR/bin tests/lab/kernel busybox)" = "$XFRMPAIR_CACHE/busybox" ]
	run -1 ldd "$XFRMPAIR_CACHE/busybox"
	ldd "$BATS_TEST_TMPDIR/bin/busybox" # the control
	dpkg-query -W '*busybox*' | diff "$BATS_TEST_TMPDIR/before" -
}

@test "if busybox is dynamic, the VM boots" {
	run env PATH="$BATS_TEST_TMPDIR/bin" tests/lab/vm sh -c 'echo "booted: $LAB_INSIDE"'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"booted: vm" ]]
}

@test "a static busybox in PATH is used" {
	mkdir "$BATS_TEST_TMPDIR/static"
	echo 'int main(void) { return 0; }' | gcc -static -x c -o "$BATS_TEST_TMPDIR/static/busybox" -
	[ "$(PATH=$BATS_TEST_TMPDIR/bin:$BATS_TEST_TMPDIR/static XFRMPAIR_CACHE=/nowhere tests/lab/kernel busybox)" = "$BATS_TEST_TMPDIR/static/busybox" ]
}

@test "the VM's terminal can be read and written by each of a command's three descriptors, as tmux does" {
	run script -qec "LAB_SECONDS=60 tests/lab/vm -i sh -c 'echo in >&0; echo out; echo err >&2; until read -r line <&1 && [ \$line = hello ]; do :; done; echo said'" \
		/dev/null < <(while sleep 1 && echo hello; do :; done 3>&-)
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(tr -d '\r' <<<"$output" | grep -x -e in -e out -e err -e said | sort | tr '\n' ' ')" = 'err in out said ' ]
}
