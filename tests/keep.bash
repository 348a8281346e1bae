# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for keep.bats, begin.bats and up.bats: a script in a network namespace, whose kernel needs no ESP.

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	source "$BATS_TEST_DIRNAME/host.bash"
	in_an_own_place
	xfrmpair --clamp --inner 10.99.0.0/24 -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421 2>/dev/null
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	run=$XFRMPAIR_RUN/$(fact store a.sh)
	state=$XFRMPAIR_STATE/${run##*/}
	table=xfrmpair-a-$(fact digest a.sh)-clamp
	helper="espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.3:10421"
}
teardown() {
	if grep -qsx "[1-9][0-9]*" "$run/espdecap"; then kill "$(<"$run/espdecap")" 2>/dev/null || :; fi # 0 would be all of us
	leave_host
}

index() { sed -n "s/.* dir $1 index \([0-9]*\) priority.*/\1/p" a.sh | head -n 1; } # DIRECTION: of the first policy
# keep VERB [ARGUMENT]...: xfrmkeep there, on a.sh; options come first
keep() {
	local options=()
	while [[ "$1" == -* ]]; do
		options+=("$1")
		shift
	done
	on_host xfrmkeep "${options[@]}" "$1" a.sh "${@:2}"
}
# up_only VERB [OPTION]...: of a.sh there, with no punch and no espdecap
up_only() { keep "$@" --no-punch --no-helper; }
# begin [OPTION]...: up, whose stderr has only what is not about its steps, and down again; begun has what it gave to ip
begin() {
	local failed=0
	rm -f batches begun
	up_only up "$@" 2>up_said || failed=$?
	sed -e '/^a: \(adding\|removing\) /d' -e '/^a: nft table /d' -e '/^a: set up\./d' -e '/^  ping /d' up_said >&2
	[ ! -e batches ] || mv batches begun
	keep down 2>/dev/null || :
	rm -f batches
	return $failed
}
