# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Former defects: a store of another tunnel, evidence that proves nothing, files that cannot be written.
# Some tests need root, for a network namespace of their own.
bats_require_minimum_version 1.5.0

load host

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
}

teardown() { leave_host; }

# on_two_links: between two networks, with a link beside the one that leads out
on_two_links() {
	in_a_host 24 vpn0
	ip -n "$space" address add 10.1.0.1/16 dev up0
}
# is_up SCRIPT: as `up --no-helper` leaves it, but for SAs
is_up() {
	on_host xfrmkeep up "$1" --no-helper --no-punch >mended 2>&1
}
alice='alice=192.168.1.4:61525@85.9.8.7+10.1.0.0/16#NW1I4ETj1Dki4m5Mn36YrAva9rtmZfMxumd551UuMhI'
# with_secret FOLDER ARGUMENT...: alice's script of an exchange
with_secret() {
	(umask 077 && echo 'xfrmpair secret 0xef71e7e4ce8dfba83f03b65c92136165e5c67ac7176fb9d3960c6cc0217af8d1' >alice.key)
	xfrmpair --secret alice.key -o "$@" 2>/dev/null
}
# not_taken ONE OTHER: the store of the first, under the name of the other, is refused by the script and by xfrmkeep
not_taken() {
	local stored
	stored=state/$(fact store "$2")
	mkdir -p -m 700 state
	section_of "$1" >"$stored"
	chmod 600 "$stored"
	refused "xfrmkeep: $PWD/$stored: belongs to another script (expected check=$(fact check "$2"))" xfrmkeep up "$2" --no-punch
	need_root
	gives unshare -n sh "$2" up --no-punch
	same "$status" 1
	[[ "$stderr" == *"$stored: belongs to another script"* ]]
	[ ! -d "run/$(fact store "$2")" ]
	rm -r state
}
section_of() { sed -n '/^made=[0-9]/,/^# ---- end/p' "$1"; } # FILE: its section as a store has it

@test "two tunnels with the same digest have different stores, and neither uses the other's" {
	# bob's word, and one that somebody else ground in half a second: its port and net give the same 32 bits of SHA-256
	with_secret bob "$alice" 'bob=192.168.2.100:61523@31.1.2.3:61944+10.2.2.0/24#TNs7wVXbvugsVe7DwGaXdcjQRAm7YjE7nnwfPTsc6TI'
	with_secret mallory "$alice" 'bob=192.168.2.100:61523@31.1.2.3:16057+10.2.0.0/24#hyY6duK0NB30siPB0AhUuOOUXt2tX9_rG3mn8nhryng'
	same "$(fact digest bob/alice.sh)" 0b6a124c
	same "$(fact digest mallory/alice.sh)" 0b6a124c
	[[ "$(fact store bob/alice.sh)" =~ ^alice\.[0-9a-f]{32}$ ]]
	[ "$(fact store bob/alice.sh)" != "$(fact store mallory/alice.sh)" ]
	[ "$(fact check bob/alice.sh)" != "$(fact check mallory/alice.sh)" ]
	not_taken bob/alice.sh mallory/alice.sh
	not_taken mallory/alice.sh bob/alice.sh
}

@test "with the same endpoint strings, another phrase, secret, epoch or fixed key gives another store" {
	local bob='bob=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16#TNs7wVXbvugsVe7DwGaXdcjQRAm7YjE7nnwfPTsc6TI' number=0
	umask 077
	echo 'correct horse' >one
	echo 'correct house' >two
	with_secret plain "$alice" "$bob"
	with_secret with1 --pass one "$alice" "$bob"
	with_secret with2 --pass two "$alice" "$bob"
	# the two phrases differ in nothing that is public
	same "$(fact digest with1/alice.sh)" "$(fact digest with2/alice.sh)"
	same "$(sed -n "s/.*fingerprint='\([^']*\)'.*/\1/p" with1/alice.sh)" "$(sed -n "s/.*fingerprint='\([^']*\)'.*/\1/p" with2/alice.sh)"
	not_taken with1/alice.sh with2/alice.sh
	not_taken plain/alice.sh with1/alice.sh
	# one digit of a secret, another epoch, or one digit of a fixed key is another tunnel
	xfrmpair --save-keys keys -o made "${alice%#*}" "${bob%#*}" 2>/dev/null
	for edit in 's/0x0/0x1/; t; s/0x./0x0/' 's/^alice bob 1 /alice bob 3 /'; do
		number=$((number + 1))
		sed "$edit" keys >keys.$number
		xfrmpair --keys keys.$number -o "made.$number" "${alice%#*}" "${bob%#*}" 2>/dev/null
		not_taken made/alice.sh made.$number/alice.sh
	done
	printf '%s\n' "alice bob 1 0x00001001 0x$(printf '%072d' 1)" "bob alice 1 0x00001002 0x$(printf '%072d' 2)" >keys
	xfrmpair --keys keys -o fixed "${alice%#*}" "${bob%#*}" 2>/dev/null
	sed 's/1$/3/' keys >keys.fixed
	xfrmpair --keys keys.fixed -o fixed.2 "${alice%#*}" "${bob%#*}" 2>/dev/null
	same "$(fact digest fixed/alice.sh)" "$(fact digest fixed.2/alice.sh)"
	not_taken fixed/alice.sh fixed.2/alice.sh
}

@test "--replay-window is in each SA of each format, and xfrmkeep accepts it" {
	local sides='192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421' window
	for window in 32 33 1024 4096; do
		for more in '' --esn; do
			# shellcheck disable=SC2086 # words
			xfrmpair $more --replay-window $window -o "w$window$more" $sides 2>/dev/null
			same "$(grep -c "replay-window $window " "w$window$more/a.sh")" 3
			grep -q "replay window $window\$" "w$window$more/a.sh"
			fine xfrmkeep -n up "w$window$more/a.sh"
			same "$(grep -c "replay-window $window " <<<"$output")" 3
		done
	done
	# shellcheck disable=SC2086
	same "$(xfrmpair --replay-window 512 $sides 2>/dev/null | grep -c 'replay-window 512 ')" 4
	# shellcheck disable=SC2086
	same "$(xfrmpair $sides 2>/dev/null | grep -c 'replay-window 128 ')" 4
}

@test "check asks the kernel for the route to each protected network: foreign rules, no route, IPsec disabled" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16+10.3.0.0/16 2>/dev/null
	is_up a.sh
	gives on_host xfrmkeep check a.sh
	! grep '  routes: .* to 10' <<<"$output" || false
	# a link of this host in one of them is none of these
	on_host sh -c 'echo 1 >/proc/sys/net/ipv4/conf/vpn0/disable_xfrm'
	ip -n "$space" address add 10.3.0.1/24 dev vpn0
	gives on_host xfrmkeep check a.sh
	! grep '  routes: .* to 10' <<<"$output" || false
	ip -n "$space" address delete 10.3.0.1/24 dev vpn0
	ip -n "$space" route add 10.3.0.0/16 dev vpn0 table 77
	ip -n "$space" rule add to 10.3.0.0/16 lookup 77
	gives on_host xfrmkeep check a.sh
	[[ "$output" == *$'\n  routes: through vpn0 to 10.3.0.0/16'* ]]
	ip -n "$space" rule add to 10.3.0.0/16 pref 7 prohibit
	gives on_host xfrmkeep check a.sh
	[[ "$output" == *$'\n  routes: none to 10.3.0.0/16'* ]]
	gives on_host xfrmkeep status a.sh
	[[ "$output" == *'  missing: route to 10.3.0.0/16 (packets go nowhere)'* ]]
	# at `up`, too
	rm -r run
	ip -n "$space" xfrm policy flush
	gives on_host sh a.sh up --no-helper --no-punch
	[[ "$stderr" == *$'\na: warning: route to 10.3.0.0/16 (packets go nowhere): see ip rule\n'* ]]
	ip -n "$space" rule delete pref 7
	gives on_host xfrmkeep status a.sh
	[[ "$output" == *'  missing: route to 10.3.0.0/16 (packets go through vpn0)'* ]]
}

@test "check asks whether packets to each network go through the interface" {
	on_two_links
	ip -n "$space" link add probe type xfrm if_id 7 || skip "this kernel has no xfrm interfaces"
	xfrmpair --interface xf0 -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16+10.3.0.0/16 2>/dev/null
	is_up a.sh
	gives on_host xfrmkeep check a.sh
	! grep '  routes: .* to 10' <<<"$output" || false
	ip -n "$space" route add 10.3.0.0/16 dev vpn0 table 77
	ip -n "$space" rule add from 10.1.0.0/16 to 10.3.0.0/16 lookup 77
	gives on_host xfrmkeep check a.sh
	[[ "$output" == *$'\n  routes: through vpn0 to 10.3.0.0/16'* ]]
}

# refusing_ip SAS NULL: SAs are refused with the first error, and one that encrypts nothing with the second; empty: it is taken
refusing_ip() {
	cat >bin/ip <<-END
		#!/bin/sh
		case "\$*" in
		*-batch*)
			rows=\$(sed ':a; /\\\\\$/{N; s/\\\\\n//; ba;}')
			case \$rows in *cipher_null*) error="$2" ;; *"xfrm state add"*) error="$1" ;; *) error='' ;; esac
			[ -z "\$error" ] || { echo "\$error" >&2 && exit 2; }
			echo "\$rows" | sed '/^[[:space:]]*xfrm state/d' | $(command -v ip) "\$@" ;;
		*cipher_null*) [ -z "$2" ] || { echo "$2" >&2 && exit 2; } ;;
		*) exec $(command -v ip) "\$@" ;;
		esac
	END
}

@test "messages of ip are matched only outside of quotes, and no key in them is printed" {
	on_two_links
	PATH=${PATH#*:}
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	local data='unsupported' key
	for data in unsupported type-exists AEAD-lgorithm not-permitted; do
		refusing_ip "Cannot find device \\\"$data\\\"" ''
		gives on_host env PATH="$PWD/bin:$PATH" sh a.sh up --no-helper --no-punch
		same "$status" 1
		grep -q "^a: ip: Cannot find device \"$data\"\$" <<<"$stderr" || { echo "$stderr"; return 1; }
	done
	key=$(printf '%072d' 7)
	refusing_ip "Error: argument \\\"0x$key\\\" is wrong: key" ''
	gives on_host env PATH="$PWD/bin:$PATH" sh a.sh up --no-helper --no-punch
	same "$status" 1
	grep -q '^a: ip: Error: argument "KEY" is wrong: key$' <<<"$stderr" || { echo "$stderr"; return 1; }
	! grep "$key" <<<"$stderr" || false
	# the same by xfrmkeep
	mkdir -p -m 700 run "run/$(fact store a.sh)"
	# shellcheck disable=SC2016 # that shell expands it
	on_host sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)"' >"run/$(fact store a.sh)/boot"
	echo none >"run/$(fact store a.sh)/espdecap"
	for data in unsupported type-exists AEAD-lgorithm not-permitted; do
		refusing_ip "Cannot find device \\\"$data\\\"" ''
		gives on_host env PATH="$PWD/bin:$PATH" xfrmkeep mend a.sh
		same "$status" 1
		same "$stderr" "xfrmkeep: a: Cannot find device \"$data\""
	done
}

@test "if the host's address changes, follow moves the tunnel and restores all routes" {
	on_two_links
	xfrmpair -o . a=auto:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16+10.3.0.0/16 2>/dev/null
	ip -n "$space" address delete 10.1.0.1/16 dev up0
	ip -n "$space" address add 10.1.0.1/16 dev lo
	is_up a.sh
	same "$(ip -n "$space" route show proto "$(fact route_proto a.sh)" | wc -l)" 2
	nsenter --net="/run/netns/$space" xfrmkeep follow a.sh >said 2>&1 3>&- &
	local follower=$! try
	until grep -q 'following its peers' said; do sleep 0.1; done
	ip -n "$space" link set up0 down
	ip -n "$space" address delete 192.168.1.4/24 dev up0
	same "$(ip -n "$space" route show proto "$(fact route_proto a.sh)" | wc -l)" 0
	ip -n "$space" link set up0 up
	ip -n "$space" address add 192.168.77.9/24 dev up0
	ip -n "$space" route add default via 192.168.77.1
	for try in $(seq 100); do
		[ "$(ip -n "$space" route show proto "$(fact route_proto a.sh)" | grep -c 'via 192.168.77.1 dev up0')" != 2 ] || break
		sleep 0.3
	done
	kill $follower
	wait $follower || :
	[ "$try" -lt 100 ] || { cat said; ip -n "$space" route; return 1; }
	grep -q '^a: this host is now at 192.168.77.9 (was at 192.168.1.4)$' said
	same "$(ip -n "$space" xfrm policy | grep -c 'tmpl src 192.168.77.9 dst 31.1.2.3')" 2 # one for each network
}

@test "status names another process on the port, whatever its name contains" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	is_up a.sh
	echo 0 >"run/$(fact store a.sh)/espdecap"
	cp "$(command -v espdecap)" 'e"\'
	nsenter --net="/run/netns/$space" './e"\' 61525 2>said 3>&- &
	local other=$!
	until [ -n "$(on_host ss -Hlun sport = :61525)" ]; do sleep 0.1; done
	gives on_host xfrmkeep status a.sh --json
	kill $other
	jq -e '.missing | index("espdecap (e??, pid '$other', has its port)")' <<<"$output"
	wait $other || :
}

@test "up reports a lost, empty or altered store at once, and down works" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	local store
	store=state/$(fact store a.sh)
	on_host sh a.sh up --no-helper --no-punch 2>/dev/null
	on_host sh a.sh down 2>/dev/null
	cp "$store" good
	# not_begun CAUSE: with xfrmkeep it is named; without it a store that xfrmkeep wrote is not read
	not_begun() {
		gives on_host sh a.sh up --no-helper --no-punch
		same "$status" 1
		[[ "$stderr" == *"$store"*"$1"* ]] || { echo "$stderr"; return 1; }
		XFRMKEEP=/nowhere gives on_host sh a.sh up --no-punch
		same "$status" 1
		[[ "$stderr" == *"$store"* ]] || { echo "$stderr"; return 1; }
		same "$(ip -n "$space" xfrm policy)" ""
	}
	rm "$store"
	not_begun lost
	: >"$store"
	not_begun torn
	sed 's/heard 0/heard 1/' good >"$store"
	not_begun torn
	# one that gets lost while the tunnel is up does not keep it there
	cp good "$store"
	on_host sh a.sh up --no-helper --no-punch 2>/dev/null
	rm "$store"
	on_host sh a.sh down 2>/dev/null
	same "$(ip -n "$space" xfrm policy)" ""
}

# on_full COMMAND...: there, with the run folder on a file system that is full, or read-only
on_full() {
	# shellcheck disable=SC2016 # that shell expands it
	on_host unshare -m sh -c 'mv run was && mkdir -m 700 run && mount -t tmpfs -o mode=700,size=64k full run && cp -a was/. run && { [ ! "$1" ] || mount -o remount,ro run; } &&
		{ cat /dev/zero >run/fill; :; } 2>/dev/null; shift; "$@"; status=$?; umount run; rmdir run; mv was run; exit $status' sh "$@"
}

@test "a full or read-only run folder changes no verdict, and is reported if something is lost" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	is_up a.sh
	gives on_host xfrmkeep check a.sh
	local right=${output%%$'\n'*} kind
	for kind in '' ro; do
		gives on_full "$kind" xfrmkeep check a.sh
		same "${output%%$'\n'*}" "$right"
		same "$stderr" ''
		gives on_full "$kind" xfrmkeep status a.sh
		[[ "$output" == "a: half up: "* ]]
		# nobody can take the lock of a read-only folder, so nobody records there
		[ -n "$kind" ] || [[ "$stderr" == "a: warning: cannot write $PWD/run/$(fact store a.sh)/counts: "*": status loses the counts of removed SAs" ]] || { echo "$stderr"; return 1; }
		gives on_full "$kind" sh a.sh down
		! grep -i 'echo:\|I/O error' <<<"$stderr" || false
		is_up a.sh
	done
	# nothing is begun where nothing can be written
	gives on_host sh a.sh down
	for kind in '' ro; do
		gives on_full "$kind" sh a.sh up --no-helper --no-punch
		same "$status" 1
		! grep -i 'echo:\|I/O error' <<<"$stderr" || false
		same "$(ip -n "$space" xfrm policy)" ""
	done
}

@test "up and down work in every shell, although ip xfrm help fails" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	local shell
	for shell in dash "busybox ash" bash mksh; do
		# shellcheck disable=SC2086 # words
		gives on_host $shell a.sh up --no-helper --no-punch --forward
		same "$status" 0
		same "$(ip -n "$space" xfrm policy | grep -c ^src)" 3
		same "$(on_host cat /proc/sys/net/ipv4/ip_forward)" 1
		# shellcheck disable=SC2086
		gives on_host $shell a.sh down
		same "$status" 0
		same "$(ip -n "$space" xfrm policy)" ""
		same "$(on_host cat /proc/sys/net/ipv4/ip_forward)" 0
	done
}

@test "a missing kernel part is reported at once, with the local side's name, before waiting for the peer" {
	on_two_links
	PATH=${PATH#*:}
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	printf '#!/bin/sh\ntouch "%s/asked"\nsleep 60\n' "$PWD" >bin/natprobe
	printf '#!/bin/sh\ntouch "%s/asked"\n' "$PWD" >bin/espdecap
	chmod +x bin/natprobe bin/espdecap
	gives on_host env PATH="$PWD/bin:$PATH" NATPROBE="$PWD/bin/natprobe" ESPDECAP=/nowhere timeout 20 sh a.sh up
	same "$status" 1
	grep -q '^a: no espdecap to run: copy it beside ./a.sh ' <<<"$stderr"
	[ ! -e asked ]
	local no_type='RTNETLINK answers: Protocol not supported' no_aead='RTNETLINK answers: Function not implemented' new_type='Error: Requested type not found.' \
		new_aead='Error: Requested AEAD algorithm not found.'
	for row in "no-esp|$no_type|$no_type" "no-esp|$new_type|$new_type" "no-esp|$new_aead|$new_aead" "no-esp|$no_aead|$no_aead" "no-cipher|$new_aead|" "no-cipher|$no_aead|"; do
		IFS='|' read -r word error null <<<"$row"
		refusing_ip "$error" "$null"
		gives on_host env PATH="$PWD/bin:$PATH" NATPROBE="$PWD/bin/natprobe" ESPDECAP="$PWD/bin/espdecap" timeout 20 sh a.sh up
		same "$status" 5
		grep -q "^a: $word: " <<<"$stderr" || { echo "$row: $stderr"; return 1; }
		[ ! -e asked ]
		same "$(ip -n "$space" xfrm policy)" ""
		gives on_host env PATH="$PWD/bin:$PATH" xfrmkeep check a.sh
		same "$status" 5
		[[ "$output" == "a: $word: "* ]] || { echo "$row: $output"; return 1; }
	done
}

@test "an own folder that others can write to is refused for lock and store, also without xfrmkeep" {
	on_two_links
	xfrmpair -o . a=192.168.1.4:61525@85.9.8.7+10.1.0.0/16 b=192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/16 2>/dev/null
	local keeper mode folder
	for keeper in "" /nowhere; do
		for mode in 0770 0702 1777; do
			for folder in run state; do
				rm -rf run state
				mkdir -m $mode $folder
				XFRMKEEP=$keeper gives on_host sh a.sh up --no-punch
				same "$status" 1
				[[ "$stderr" == *"$folder: "*"others can write to it ("* ]] || { echo "$keeper $mode: $stderr"; return 1; }
				same "$(ls -A $folder)" ""
				same "$(ip -n "$space" xfrm policy)" ""
			done
		done
	done
}

