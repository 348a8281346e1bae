# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep follow as a process, and check without a tunnel. A fake ip leaves SAs out, so kernels without ESP suffice.
# tests/follow.bats has the decisions of follow, and tests/lab/follow.bats runs it with a tunnel.
# Most tests need root, for a network namespace of their own.
bats_require_minimum_version 1.5.0

load host

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	xfrmpair --inner 10.99.0.0/24 -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421 2>/dev/null
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	run=$XFRMPAIR_RUN/$(sed -n 's/^store=\([^ ]*\).*/\1/p' a.sh)
	space=''
}
teardown() {
	[ -z "$follower" ] || kill "$follower" 2>/dev/null || :
	leave_host
}

# a host with a fake natprobe
with_answers() {
	in_a_host 24
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\ncat "%s/answer"\n' "$PWD" "$PWD" >bin/natprobe
	chmod +x bin/natprobe
	export NATPROBE=$PWD/bin/natprobe
	echo none >answer
}
# is_up: as `up --no-helper` leaves it, but for the kernel
is_up() {
	mkdir -m 700 -p "$XFRMPAIR_RUN" "$run"
	# shellcheck disable=SC2016 # that shell expands it
	on_host sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)"' >"$run/boot"
	echo none >"$run/espdecap"
}
# follows: in the background; its words go to said
follows() {
	nsenter --net="/run/netns/$space" xfrmkeep follow a.sh >said 2>&1 3>&- &
	follower=$!
	until_true grep -q '^a: following its peers$' said
}
until_true() { # COMMAND...: within 20 s
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.2
	done
	echo "never: $*"
	cat said
	return 1
}
# ends STATUS
ends() {
	local status=0
	wait "$follower" || status=$?
	follower=''
	[ "$status" = "$1" ]
}

@test "follow refuses a tunnel that is down, -n and arguments" {
	run -1 xfrmkeep follow a.sh
	[ "$output" = "xfrmkeep: a: not running: sh a.sh up" ]
	run -2 xfrmkeep -n follow a.sh
	[ "${lines[0]}" = "xfrmkeep: -n: not supported by 'follow'" ]
	run -2 xfrmkeep follow a.sh b
	[ ! -e run ]
}

@test "there is one follower per tunnel; a second one names its pid; a signal ends it with status 0 and leaves nothing" {
	with_answers
	is_up
	for signal in TERM INT HUP; do
		# a shell has its children in the background ignore INT
		nsenter --net="/run/netns/$space" env --default-signal=INT xfrmkeep follow a.sh >said 2>&1 3>&- &
		follower=$!
		until_true grep -q '^a: following its peers$' said
		read -r pid <"$run/follow"
		grep -q xfrmkeep "/proc/$pid/comm"
		run -1 on_host xfrmkeep follow a.sh
		[ "$output" = "xfrmkeep: a: already followed (pid $pid)" ]
		kill -s "$signal" "$pid"
		ends 0
		[ "$(tail -n 1 said)" = "a: stopped following" ]
		[ ! -e "$run/follow" ]
	done
	# one that was killed is in nobody's way
	follows
	kill -9 "$(cat "$run/follow")"
	ends 137
	follows
	kill "$follower"
	ends 0
}

@test "it ends when the run folder is removed or replaced" {
	with_answers
	is_up
	for how in gone another; do
		follows
		mv "$run" "$run.old"
		[ "$how" = gone ] || is_up
		on_host ip address add "10.1.1.${#how}/32" dev lo # the kernel announces something
		until_true grep -q '^a: stopped following (the tunnel is down)$' said
		ends 0
		rm -r "$run.old"
		[ -d "$run" ] || is_up
	done
}

@test "it notifies a supervisor when it is ready" {
	with_answers
	is_up
	socat -u "UNIX-RECVFROM:$PWD/socket" "OPEN:$PWD/notified,creat" 3>&- &
	until_true test -S socket
	export NOTIFY_SOCKET=$PWD/socket
	follows
	until_true grep -q '^READY=1$' notified
	kill "$follower"
	ends 0
}

@test "removed inner addresses and policies are put back within seconds" {
	with_answers
	is_up
	follows
	until_true on_host ip address show to 10.99.0.1
	until_true eval 'on_host ip xfrm policy | grep -q "src 10.99.0.1/32 dst 10.99.0.2/32"'
	on_host ip address delete 10.99.0.1/32 dev lo
	on_host ip xfrm policy flush
	until_true eval '[ -n "$(on_host ip -o address show to 10.99.0.1)" ]'
	until_true eval 'on_host ip xfrm policy | grep -q "src 10.99.0.1/32 dst 10.99.0.2/32"'
	kill "$follower"
	ends 0
}

@test "the mapping of up is renewed at once; the router's answer is printed, and used only if it is an endpoint" {
	with_answers
	is_up
	echo "-u 65534 -b 192.168.1.4 -p 61525 --unmap" >"$run/map"
	printf 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by PCP\n\033[31m192.168.1.4:61525@85.9.8.7:61525\n' >answer
	follows
	until_true grep -q 'maps 85.9.8.7:61525' said
	[ "$(cat asked)" = "-u 65534 -b 192.168.1.4 -p 61525 --map=61525" ]
	run -1 grep -q $'\033' said
	kill "$follower"
	ends 0
}

@test "check of a tunnel that is down prints in one line why up would fail on this side" {
	with_answers
	run -2 on_host xfrmkeep check a.sh b c
	run -1 on_host xfrmkeep check a.sh
	[ "$output" = "a: is down; set it up with: sh a.sh up" ]
	on_host ip route delete default
	run -1 on_host xfrmkeep check a.sh
	[[ "$output" == "a: no-route: no route to 31.1.2.3, the address of b (Network "*"unreachable): up waits for one" ]]
	on_host ip address delete 192.168.1.4/24 dev up0
	run -1 on_host xfrmkeep check a.sh
	[ "$output" = "a: address-gone: 192.168.1.4 is not an address of this host: sh a.sh up --local ADDRESS if it has another now" ]
	on_host ip address add 192.168.1.4/24 dev up0
	on_host ip route add default via 192.168.1.1
	nsenter --net="/run/netns/$space" espdecap 61525 2>/dev/null 3>&- &
	until_true eval '[ -n "$(on_host ss -Hlun sport = :61525)" ]'
	run -1 on_host xfrmkeep check a.sh
	[ "$output" = "a: port-taken: UDP port 61525 is in use by espdecap (pid $!): kill $!" ]
	kill $!
	wait $! || :
	on_host ip xfrm policy add src 10.99.0.1/32 dst 10.99.0.2/32 dir out priority 7 action block
	run -1 on_host xfrmkeep check a.sh
	[[ "$output" == "a: taken: another tool has a policy with the selector"* ]]
	on_host ip xfrm policy flush
	sed -i 's/.*-batch.*/*-batch*) echo "Error: Requested AEAD algorithm not found." >\&2; exit 2 ;;/' bin/ip
	run -5 on_host xfrmkeep check a.sh
	[ "$output" = "a: no-esp: this kernel or container has no ESP: try modprobe esp4 (Error: Requested AEAD algorithm not found.)" ]
}

@test "check of a tunnel that is down: the kernel refuses the SA because of its cipher or modprobe.d" {
	with_answers
	mkdir empty modprobe.d
	ip=$(type -aP ip | sed -n 2p) # the first is ours
	# refuses CAUSE MODPROBE-FOLDER ERROR [SED-COMMAND]: check where ip says so of each batch with an SA that the sed command leaves
	refuses() {
		cat >bin/ip <<-END
			#!/bin/sh
			case "\$*" in
			*-batch*) if sed '${4-}' | grep -q '^xfrm state add'; then echo '$3' >&2; exit 2; fi ;;
			*) exec $ip "\$@" ;;
			esac
		END
		# shellcheck disable=SC2016 # that shell expands it
		run -5 unshare --mount sh -c 'mount --bind "$0" /etc/modprobe.d && exec nsenter --net="$1" xfrmkeep check a.sh' "$PWD/$2" "/run/netns/$space"
		[[ "$output" == "a: $1: "* ]] || {
			echo "$output"
			return 1
		}
	}
	for error in 'Error: Requested AEAD algorithm not found.' 'Error: Requested ENCRYPTION algorithm not found.' 'RTNETLINK answers: Function not implemented'; do
		# what it takes is the SA of the second try, which has no key
		refuses "no-cipher" empty "$error" /ecb.cipher_null/d
		[ "$output" = "a: no-cipher: this kernel lacks the cipher aes256gcm16: generate with another --cipher ($error)" ]
		refuses "no-esp" empty "$error"
		[ "$output" = "a: no-esp: this kernel or container has no ESP: try modprobe esp4 ($error)" ]
	done
	printf '%s\n' '# install esp4 no' 'install esp /bin/true' 'options install esp4' >modprobe.d/more.conf
	refuses "no-esp" modprobe.d 'Error: Requested type not found.'
	printf '%s\n' '# install esp4 no' 'install esp /bin/true' '  install	esp4	/bin/false' >modprobe.d/off.conf
	refuses "esp-blocked" modprobe.d 'Error: Requested type not found.'
	[ "$output" = "a: esp-blocked: ESP is disabled on purpose: remove the line 'install esp4 /bin/false' from /etc/modprobe.d/off.conf (Error: Requested type not found.)" ]
}
