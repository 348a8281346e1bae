# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Generated scripts: their shell code, and messages of old or failing ip programs. tests/captures has the messages of each
# release of ip, recorded with tests/captures/make. boot.bats tests waiting, attack.bats hostile input, tests/lab SAs.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	source "$BATS_TEST_DIRNAME/host.bash"
	in_an_own_place
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	xfrmpair -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	run=$PWD/run/$(fact store t/a.sh)
}
teardown() {
	local file
	for file in run/*/espdecap; do
		if grep -qsx "[1-9][0-9]*" "$file"; then kill "$(<"$file")" 2>/dev/null || :; fi
	done
	leave_host
}
all_shells=(dash 'busybox ash' bash mksh)
# does STATUS COMMAND...: on the host; leaves what it says in output
does() {
	run "-$1" on_host "${@:2}"
	echo "$output"
}
policies() { ip -n "$space" xfrm policy list | grep -c '^src'; }
# an ip that does as this shell's text says, else as the one of host.bash
ip_that() {
	[ -e bin/real-ip ] || mv bin/ip bin/real-ip
	printf '#!/bin/sh\n%s\nexec %s/bin/real-ip "$@"\n' "$1" "$PWD" >bin/ip
	chmod +x bin/ip
}

@test "scripts of every kind, and paste blocks, pass shellcheck and parse under dash, busybox ash, bash and mksh" {
	xfrmpair -o sites --clamp --inner 10.9.0.0/24 192.168.1.4:61525@85.9.8.7+fd01::/64 192.168.2.100:61523@home.example.org:10421+10.2.0.0/24 2>/dev/null
	xfrmpair -o all --guard a=85.9.8.7:4500+10.1.0.0/24 b=31.1.2.3:4500+0.0.0.0/0 2>/dev/null
	xfrmpair -o plain --esn --interface xf0 '[2001:db8::1]+fd01::/64' '[2001:db8::2]+fd02::/64' 2>/dev/null
	xfrmpair --clamp --guard --inner 10.9.0.0/24 192.168.1.4:61525@85.9.8.7+fd01::/64 192.168.2.100:61523@31.1.2.3:10421 >paste 2>/dev/null
	shellcheck t/a.sh sites/a.sh all/a.sh all/b.sh plain/a.sh
	shellcheck -s sh paste
	for shell in "${all_shells[@]}"; do
		for file in {t,sites,all,plain}/?.sh paste; do $shell -n "$file"; done
	done
}

# sign FILE: the sum of its section is made right
sign() { sed -i "s/^# ---- end .*/# ---- end $(sed -n '/^made=[0-9]/,/^#: /p' "$1" | sha256sum | cut -c 1-16)/" "$1"; }

@test "sequence numbers beyond 2^31 work in each shell, and in xfrmkeep" {
	local stored
	stored=$PWD/state/$(fact store t/a.sh).starts
	mkdir -m 700 state
	for _ in {1..61}; do field check t/a.sh; done >"$stored"
	for shell in "${all_shells[@]}"; do
		same "$(XFRMKEEP=/none $shell t/a.sh -n up --no-punch | grep -o 'replay-oseq [-0-9a-fx]*')" 'replay-oseq 0xf8000000'
	done
	same "$((0xf8000000)) $((62 * 67108864))" '4160749568 4160749568'
	# the last of them; of other keys there are as many again
	field check t/a.sh >>"$stored"
	for shell in "${all_shells[@]}"; do
		XFRMKEEP=/none run -1 $shell t/a.sh -n up --no-punch
		same "$output" 'a: these keys have no sequence numbers left: install xfrmkeep'
	done
	sed -i '$d; s/.*/another/' "$stored"
	same "$(XFRMKEEP=/none sh t/a.sh -n up --no-punch | grep -o 'replay-oseq [-0-9a-fx]*')" 'replay-oseq 0x4000000'
	in_a_host
	rm -r state
	sed -i -e 's/^\(there_1.* oseq_1\)=0/\1=4000000000/' t/a.sh
	sign t/a.sh
	does 0 sh t/a.sh up --no-helper --no-punch
	same "$(grep -o 'replay-oseq [-0-9]*' batches)" 'replay-oseq 4067108864'
	does 0 sh t/a.sh down
}

@test "without xfrmkeep, up, status and down work in each shell, and other verbs are refused" {
	in_a_host
	export XFRMKEEP=/none
	for shell in "${all_shells[@]}"; do
		does 0 $shell t/a.sh up --no-punch
		same "$(head -n 4 <<<"$output" | grep -v '^espdecap: ready')" 'a: adding states
a: adding policies
a: espdecap -d -u 65534 -b 192.168.1.4 4500 31.1.2.3:4500'
		same "$(policies)" 3
		pid=$(<"$run/espdecap")
		kill -0 "$pid"
		does 1 $shell t/a.sh up --no-punch
		same "${lines[-1]}" 'a: already up, or interrupted: sh t/a.sh down' # mkdir has said why
		same "$(policies)" 3
		kill -0 "$pid"
		does 0 $shell t/a.sh status
		same "${lines[-1]}" 'a: up'
		does 0 $shell t/a.sh down
		same "$output" 'a: removing what up added
a: down'
		same "$(policies)" 0
		same "$(ls -A run)" ''
		until_true eval '! kill -0 $pid 2>/dev/null'
		does 1 $shell t/a.sh status
		same "$output" 'a: down'
	done
	# links of the host itself would be cut off
	xfrmpair -o all 192.168.1.4:4500@85.9.8.7 31.1.2.3:4500+0.0.0.0/0 2>/dev/null
	for shell in "${all_shells[@]}"; do
		does 1 $shell all/a.sh up --no-punch
		same "$output" "a: only xfrmkeep can exempt this host's own links from a net of everything: put it beside all/a.sh"
	done
	same "$(policies)" 0
}

# refusal STATUS MESSAGE ERROR: of an up whose ip gives that error
refusal() {
	printf '%s\n' "$3" >error
	rm -rf t state
	xfrmpair -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	does "$1" sh t/a.sh up --no-punch
	same "${lines[1]}" "a: $2"
	same "$(policies)" 0
	same "$(ls -A run)" ''
}
@test "messages of ip are classified in the wording of every release: no ESP, no cipher, taken, other" {
	in_a_host
	local captures=$BATS_TEST_DIRNAME/captures error takes
	local no_cipher='no-cipher: this kernel lacks aes256gcm16: generate with another --cipher' no_esp='no-esp: this kernel has no ESP: try modprobe esp4'
	# it takes the SA that encrypts nothing if there is a file "takes"
	# shellcheck disable=SC2016
	ip_that '[ "$*" != "-batch -" ] || { if grep -q cipher_null && [ -e takes ]; then exit 0; fi; cat error >&2; exit 2; }'
	while read -r error; do # each once
		case $error in
		*exists) refusal 1 "taken: another tunnel has this SPI or selector: see ip xfrm state; ip xfrm policy ($error)" "$error" ;;
		*encapsulation*) refusal 5 "this kernel has no espinudp-nonike: generate without --encap ($error)" "$error" ;;
		*)
			refusal 5 "$no_esp ($error)" "$error"
			: >takes
			refusal 5 "$no_cipher ($error)" "$error"
			rm takes
			;;
		esac
	done < <(cat "$captures"/*/error.{no-algorithm,bad-key-length,no-encap,state-exists,policy-exists} | sort -u)
	for error in 'Error: Requested type not found.' 'RTNETLINK answers: Protocol not supported' 'RTNETLINK answers: Function not implemented'; do
		refusal 5 "$no_esp ($error)" "$error"
	done
	error='RTNETLINK answers: Operation not permitted'
	refusal 1 "no-permission: run this as root ($error)" "$error"
	refusal 1 "ip: other" other
}

@test "if the kernel cannot be listed, down reports it, and removes everything the next time" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	does 1 strace -qq -o trace -e trace=sendto -e inject=sendto:error=ENOBUFS sh t/a.sh down
	[[ "$output" == *"a: cannot remove everything: cannot list the kernel's policies and SAs" ]]
	same "$(policies)" 3
	does 0 sh t/a.sh down
	same "$(policies)" 0
	same "$(ls -A run)" ''
}

@test "down reports what cannot be removed, and removes the rest; missing objects are no error" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	# one that this ip cannot delete
	ip_that 'case $* in *-batch*) sed "/delete dir fwd/d" | exec '"$PWD"'/bin/real-ip "$@"; exit ;; esac'
	does 1 sh t/a.sh down
	[[ "$output" == *"a: cannot remove everything: xfrm policy delete dir fwd index "* ]]
	same "$(policies)" 1
	ip_that ''
	does 0 sh t/a.sh down
	same "$(policies)" 0
	# and one of which another tool has removed a part
	does 0 sh t/a.sh up --no-punch
	ip -n "$space" xfrm policy deleteall dir in
	does 0 sh t/a.sh down
	same "$output" "a: removing what up added
a: down"
	does 0 sh t/a.sh down
	same "$output" "a: removing what up added
a: down"
	same "$(policies)" 0
}

@test "undo works from last to first, and ignores unknown lines" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	on_host cat /proc/sys/net/ipv4/conf/up0/forwarding >before
	ip -n "$space" address add 10.66.0.1/32 dev up0
	ip -n "$space" route add 10.67.0.0/16 dev up0 src 10.66.0.1
	# the route goes with its address, so that the other way round ip would find none
	printf '%s\n' 'address delete 10.66.0.1/32 dev up0' 'put_back 1 /proc/sys/net/ipv4/conf/up0/forwarding' '' 'route delete 10.67.0.0/16' >>"$run/undo"
	does 0 sh t/a.sh -n down
	same "$(tail -n 3 <<<"$output")" 'ip route delete 10.67.0.0/16
echo 1 >/proc/sys/net/ipv4/conf/up0/forwarding
ip address delete 10.66.0.1/32 dev up0'
	same "$(on_host cat /proc/sys/net/ipv4/conf/up0/forwarding)" "$(cat before)"
	same "$(ip -n "$space" -o address show to 10.66.0.1 | wc -l)" 1
	rm batches
	does 0 sh t/a.sh down
	same "$(grep 10.6 batches)" 'route delete 10.67.0.0/16
address delete 10.66.0.1/32 dev up0'
	same "$(on_host cat /proc/sys/net/ipv4/conf/up0/forwarding)" 1
	same "$(ip -n "$space" -o address show to 10.66.0.1)" ''
	same "$(ls -A run)" ''
}

@test "an ip before 5.8 is refused with an interface, because it cannot delete its policies" {
	in_a_host
	xfrmpair -o i --interface xf0 192.168.1.4+10.1.0.0/24 198.51.100.7+10.2.0.0/24 2>/dev/null
	for version in 5.7.0 5.4.0 4.20.0 ss200127; do
		ip_that "[ \"\$*\" != -V ] || { echo 'ip utility, iproute2-$version, libbpf 0.8'; exit; }"
		does 5 sh i/a.sh up
		same "${lines[0]}" "a: this ip cannot delete the policies of an interface (expected iproute2 5.8 or later)"
		same "$(ls -A run)" ''
	done
	for version in 5.8.0 5.10.0 6.1.0 7.3.0; do
		ip_that "[ \"\$*\" != -V ] || { echo 'ip utility, iproute2-$version'; exit; }"
		does 0 sh i/a.sh -n up
	done
	# a tunnel without takes any
	ip_that "[ \"\$*\" != -V ] || { echo 'ip utility, iproute2-5.4.0'; exit; }"
	does 0 sh t/a.sh up --no-punch
}

@test "check of a mesh prints a line per peer within five seconds; a target is tested at the peer with the longest prefix" {
	in_a_host
	xfrmpair -o mesh 192.168.1.4:4500@85.9.8.7+172.16.0.0/16+fd01::/64 31.1.2.2:4500+0.0.0.0/0 31.1.2.3:4500+10.2.0.0/16 31.1.2.4:4500+192.168.2.100/32+2001:db8::/32 \
		31.1.2.5:4500+10.5.0.0/16+2001:db9:2::/48 31.1.2.6:4500+10.6.0.0/16+fd06::/64 2>/dev/null
	ip -n "$space" address add 172.16.0.1/32 dev up0
	ip -n "$space" address add fd01::1/128 dev up0 nodad
	does 0 sh mesh/a.sh up
	begun=$(date +%s%N)
	does 1 sh mesh/a.sh check
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "# five peers, all of them silent: $took ms" >&3
	[ "$took" -le $((5000 * ${BUSY:-1})) ]
	same "$(grep -v '^  ' <<<"$output" | sed 's/^\([a-z]: \).*/\1/' | tr -d '\n')" 'b: c: d: e: f: '
	cat >targets <<-'END'
		10.1.2.3 b
		10.2.2.3 c
		192.168.2.100 d
		2001:db8:1::1 d
		2001:DB9:2:0:0:0:0:9 e 2001:db9:2::9
		fd06:0::6 f fd06::6
	END
	while read -r target _; do on_host sh mesh/a.sh check "$target" >"to $target" 3>&- & done <targets
	wait
	while read -r target peer shown; do
		same "$target $(awk -v to="to ${shown:-$target}:" '/^[a-z]/ { peer = $1 } index($0 ":", to) { print peer }' "to $target" | uniq)" "$target $peer:"
	done <targets
	does 2 sh mesh/a.sh check 2001:db9:3::
	does 2 sh mesh/a.sh check example.org
}

@test "if no packet of the peer arrives, up explains what natprobe found" {
	in_a_host
	mkdir -p bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nread -r status word <found\necho "$word"\nexit "$status"\n' >bin/natprobe
	chmod +x bin/natprobe
	digest=$(fact digest t/a.sh)
	while read -r status word means; do
		echo "$status $word" >found
		does "$status" sh t/a.sh up --wait 7
		grep -qxF "a: $means" <<<"$output"
		# what check prints comes after it
		case $status in 4) grep -q '^b: no-out-sa: ' <(sed "1,/^a: set up, /d" <<<"$output") ;; esac
		does 0 sh t/a.sh down
	done <<-END
		4 nothing set up, but no packet received from b in 7 s: is it up, with digest $digest?
		4 refused set up, but no packet received from b in 7 s: ICMP says that no process has that port at 31.1.2.3:4500: is b up, at this endpoint?
		4 tunnel set up, but no packet received from b in 7 s: packets of another tunnel arrive: is an earlier script of b up? There: sh b.sh down, then up
		4 one-way set up, but no packet received from b in 7 s: its packets arrive, but ours do not: does its router or firewall drop them? There: sh b.sh down, then up --map
		4 foreign set up, but no packet received from b in 7 s: packets with another token arrive: is the script of b of another run? If its digest is not $digest, make both scripts again, from the same endpoint strings and options
		4 checksum set up, but no packet received from b in 7 s: only packets with a UDP checksum arrive, and ESP in UDP over IPv4 has none: use IPv6 between the hosts, or another network or router
		3 - natprobe could not punch a hole (status 3)
	END
	rm bin/natprobe
	# without natprobe the hole is left to espdecap
	rm -rf t
	xfrmpair -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	espdecap=$(command -v espdecap)
	xfrmkeep=$(command -v xfrmkeep)
	PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin ESPDECAP=$espdecap XFRMKEEP=$xfrmkeep does 0 sh t/a.sh up --wait 7
	same "${lines[1]}" "a: no natprobe beside t/a.sh or in PATH: continuing without punching a hole"
	same "${lines[-2]}" "a: set up. When the other side is up too, test it with:"
	same "$(grep -c natprobe <<<"$output")" 1
	does 0 sh t/a.sh down
	# what xfrmkeep has written only xfrmkeep can read
	XFRMKEEP=/none does 1 sh t/a.sh up
	same "$output" "a: only xfrmkeep can read $PWD/state/$(fact store t/a.sh)"
	rm -rf t state
	xfrmpair -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	for shell in "${all_shells[@]}"; do
		PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin ESPDECAP=$espdecap XFRMKEEP=/none does 0 $shell t/a.sh up
		same "${lines[-2]}" "a: set up. When the other side is up too, test it with:"
		XFRMKEEP=/none does 0 $shell t/a.sh down
	done
}
