# Words for keep.bats and begin.bats, which source it: a script of a host of its own, whose kernel needs no ESP.

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
	xfrmpair --clamp --inner 10.99.0.0/24 -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421 2>/dev/null
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	run=$XFRMPAIR_RUN/$(fact store a.sh)
	state=$XFRMPAIR_STATE/${run##*/}
	table=xfrmpair-a-$(fact digest a.sh)-clamp
	helper="espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.3:10421"
	space=
}
teardown() {
	if grep -qsx "[1-9][0-9]*" "$run/espdecap"; then kill "$(<"$run/espdecap")" 2>/dev/null || :; fi # 0 would be all of us
	[ -z "$space" ] || ip netns delete "$space"
}

fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" | head -n 1; } # NAME FILE: of its page
index() { sed -n "s/.* dir $1 index \([0-9]*\) priority.*/\1/p" a.sh | head -n 1; } # DIRECTION: of the first policy
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# a host with one link, 192.168.1.4 on it, and the router 192.168.1.1 that is on no network of its own
in_a_host() {
	need_root
	space=keep-$BASHPID-$BATS_TEST_NUMBER
	ip netns add "$space"
	ip -n "$space" link set lo up
	ip -n "$space" link add up0 type veth peer name other
	ip -n "$space" link set up0 up
	ip -n "$space" link set other up
	ip -n "$space" address add 192.168.1.4/32 dev up0
	ip -n "$space" route add default via 192.168.1.1 dev up0 onlink
	mkdir bin
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
on_host() { nsenter --net="/run/netns/$space" "$@"; }
# keep VERB [ARGUMENT]...: xfrmkeep there, on a.sh; options come first
keep() {
	local options=()
	while [[ "$1" == -* ]]; do
		options+=("$1")
		shift
	done
	on_host xfrmkeep "${options[@]}" "$1" a.sh "${@:2}"
}
# is_up: as `up` leaves it, but for the kernel
is_up() {
	mkdir -p "$XFRMPAIR_RUN"
	chmod 700 "$XFRMPAIR_RUN"
	mkdir -m 700 "$run"
	# shellcheck disable=SC2016 # that shell expands it
	on_host sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)"' >"$run/boot"
}
# field NAME FILE: what the section there has of it
field() { sed -n '/^made=[0-9]/,$p' "$2" | sed -n "s/.*$1[= ]\([^ ]*\).*/\1/p" | head -n 1; }
