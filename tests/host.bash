# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for tests that run scripts and xfrmkeep in a network namespace, with a fake ip that leaves SAs out, so that
# kernels without ESP suffice.

fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" | head -n 1; } # NAME FILE: of its page
# field NAME FILE: what the section there has of it
field() { sed -n '/^made=[0-9]/,$p' "$2" | sed -n "s/.*$1[= ]\([^ ]*\).*/\1/p" | head -n 1; }
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# an_ip: bin/ip, found first; batches has what it was given, shown its arguments and environment
an_ip() {
	mkdir -p bin
	cat >bin/ip <<-END
		#!/bin/sh
		tr '\\0' '\\n' </proc/\$\$/cmdline >>$PWD/shown
		tr '\\0' '\\n' </proc/\$\$/environ >>$PWD/shown
		case "\$*" in
		*-batch*) sed ':a; /\\\\\$/{N; s/\\\\\\n//; ba;}' | tee -a $PWD/batches | sed '/^xfrm state/d' | $(command -v ip) "\$@" ;;
		*) exec $(command -v ip) "\$@" ;;
		esac
	END
	chmod +x bin/ip
	PATH=$PWD/bin:$PATH
}
# in_a_host [LENGTH [LINK]...]: a host with 192.168.1.4 on its link up0, in a network of that LENGTH (32: of itself alone), the router
# 192.168.1.1, and more LINKs
in_a_host() {
	local link
	need_root
	space=host-$BASHPID-$BATS_TEST_NUMBER
	ip netns add "$space"
	ip -n "$space" link set lo up
	for link in up0 "${@:2}"; do
		ip -n "$space" link add "$link" type veth peer name "other-$link"
		ip -n "$space" link set "$link" up
		ip -n "$space" link set "other-$link" up
	done
	ip -n "$space" address add "192.168.1.4/${1:-32}" dev up0
	ip -n "$space" route add default via 192.168.1.1 dev up0 onlink
	an_ip
}
# including remaining processes: those started by xfrmkeep have no variable of the test
leave_host() {
	[ -n "${space-}" ] || return 0
	ip netns pids "$space" | xargs -r kill 2>/dev/null || :
	ip netns delete "$space"
}
on_host() { nsenter --net="/run/netns/$space" "$@"; }
# is_up: as `up` leaves it, but for the kernel
is_up() {
	mkdir -p "$XFRMPAIR_RUN"
	chmod 700 "$XFRMPAIR_RUN"
	mkdir -m 700 "$run"
	# shellcheck disable=SC2016 # that shell expands it
	on_host sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)"' >"$run/boot"
}
# until_true COMMAND...: for at most 60 s
until_true() {
	for _ in {1..600}; do
		if "$@"; then return; fi
		sleep 0.1
	done
	echo "never came true: $*" >&2
	return 1
}
