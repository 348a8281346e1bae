# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# natprobe behind real NATs, in the network namespaces of tests/lab/net.  Needs root, nft, turnserver (Debian: coturn);
# no ESP.  setup_file runs all scenes in parallel, and the tests read the files that they leave.

setup_file() {
	export SKIP=
	[ "$(id -u)" -eq 0 ] || SKIP="needs root for network namespaces"
	[ -x "$BATS_TEST_DIRNAME/lab/net" ] || SKIP="needs tests/lab/net"
	[ -z "$SKIP" ] || return 0
	cd "$BATS_TEST_DIRNAME" || return
	NATPROBE=$BATS_TEST_DIRNAME/../${BUILD:-build}/natprobe
	case ${BUILD:-} in /*) NATPROBE=$BUILD/natprobe ;; esac
	export NATPROBE
	while read -r name options; do
		scene "$name" $options >"$BATS_FILE_TMPDIR/$name.log" 2>&1 3>&- &
	done <<-END
		twonats
		late
		reversed
		opened --nat-a keeps,open --nat-b keeps,open
		openlate --nat-a keeps,open --nat-b keeps,open
		openwrong --nat-a keeps,open --nat-b keeps,open
		symmetric --nat-a symmetric --open-side b
		cgn --cgn a --cgn b --nat-b keeps
		cgnopen --cgn a --nat-b keeps,open
		cgnserver --cgn a
		onelan --lan
		tworuns
		tworunsopen --nat-a keeps,open --nat-b keeps,open
		six --ipv6
	END
	wait
}

setup() { [ -z "$SKIP" ] || skip "$SKIP"; }

scene() { # NAME OPTION...: each in namespaces of its own, with STUN in the middle
	export LAB_PREFIX=np-$1-
	mkdir -p "$BATS_FILE_TMPDIR/$1"
	lab/net down 2>/dev/null || true   # what a killed run left
	lab/net up "${@:2}" && lab/net stun || return
	(cd "$BATS_FILE_TMPDIR/$1" && "$1") || true
	lab/net down
}

at() { # SIDE WORD ARGUMENT...: natprobe there; leaves WORD.out, .err, .status and .ms
	local status=0 side=$1 word=$2 start=${EPOCHREALTIME/./}
	shift 2
	ip netns exec "$LAB_PREFIX$side" "$NATPROBE" "$@" >"$word.out" 2>"$word.err" || status=$?
	echo "$status" >"$word.status"
	echo $(((${EPOCHREALTIME/./} - start) / 1000)) >"$word.ms"
}

discover() { # both sides, by two servers
	at a a -p 61525 198.51.100.1 198.51.100.2
	at b b -p 61523 198.51.100.1 198.51.100.2
}

punch() { # WAIT A B [TIMEOUT]: a, given --first, starts, and WAIT seconds later b; or, WAIT negative, the other way round
	case $1 in -*) sleep "${1#-}" ;; esac
	at a pa -p 61525 --punch "$3" --first --token the-word-of-this-lab --timeout "${4:-20}" &
	case $1 in -*) ;; *) sleep "$1" ;; esac &
	wait $!
	case $1 in -*) ;; *) at b pb -p 61523 --punch "$2" --token the-word-of-this-lab --timeout "${4:-20}" ;; esac
	wait
}

A=85.9.8.7:61525 B=31.1.2.3:61523 B_MOVED=31.1.2.3:10421

twonats() {
	discover
	# Debian's other STUN server, of RFC 3489's time, which does not know the magic cookie
	ip netns exec "${LAB_PREFIX}inet" stund -h 198.51.100.1 -a 198.51.100.2 -p 3479 -o 3480 >stund 2>&1 &
	local stund=$!
	sleep 1
	at a old.a -p 61525 198.51.100.1:3479 198.51.100.2:3479
	at b old.b -p 61523 198.51.100.1:3479 198.51.100.2:3479
	ip netns exec "${LAB_PREFIX}a" stun 198.51.100.1 -p 61525 -v >oracle.a 2>&1 || true
	ip netns exec "${LAB_PREFIX}b" stun 198.51.100.1 -p 61523 -v >oracle.b 2>&1 || true
	kill "$stund" # which the next wait would wait for
	punch 0 $A $B_MOVED
}
late() { punch 5 $A $B_MOVED; }
reversed() { at b pb -p 61523 --punch $A --token the-word-of-this-lab & sleep 5; at a pa -p 61525 --punch $B_MOVED --first --token the-word-of-this-lab; wait; }
opened() { punch 0 $A $B; }
openlate() { punch 5 $A $B; }
openwrong() { at b pb -p 61523 --punch $A --timeout 9 & sleep 3; at a pa -p 61525 --punch $B --first --timeout 6; wait; }
symmetric() {
	at a a -p 61525 198.51.100.1 198.51.100.2
	at b b -p 61523 198.51.100.1 198.51.100.2
	ip netns exec "${LAB_PREFIX}a" stun 198.51.100.1 -p 61525 >oracle.a 2>&1 || true
	punch 0 $A $B 8
}
cgn() { discover; punch 1 $A $B; }
cgnopen() { punch 3 $A $B; }
cgnserver() { # a server inside the carrier's network
	ip netns exec "${LAB_PREFIX}cga" turnserver -n -S --no-cli --no-tls --no-dtls --no-tcp --log-file=stdout \
		--pidfile=/dev/null --listening-ip=100.64.1.1 >turn2 2>&1 &
	ip netns exec "${LAB_PREFIX}cga" nft insert rule inet lab input udp dport 3478 accept
	sleep 1
	at a a -p 61525 100.64.1.1
}
onelan() { discover; at a pa -p 61525 --punch 192.168.1.100:61523 --first & at b pb -p 61523 --punch 192.168.1.4:61525; wait; }
tworuns() { at a pa -p 61525 --punch $B_MOVED --first --timeout 9 --token the-word-of-run-one & sleep 3; at b pb -p 61523 --punch $A --timeout 6 --token the-word-of-run-two -u 65534; wait; }
tworunsopen() { at a pa -p 61525 --punch $B --first --timeout 9 --token the-word-of-run-one & sleep 3; at b pb -p 61523 --punch $A --timeout 6 --token the-word-of-run-two; wait; }
six() {
	at a a -b :: -p 61525 '[2001:db8:ffff::1]' '[2001:db8:ffff::2]'
	at b pb -p 61523 --punch '[2001:db8:1::4]:61525' &
	at a pa -p 61525 --punch '[2001:db8:2::100]:61523' --first
	wait
}

same() { # WHAT WANT
	[ "$1" = "$2" ] || { printf 'got:  %s\nwant: %s\n' "$1" "$2"; return 1; }
}

ended() { # SCENE STATUS_A STATUS_B [HEARD_A HEARD_B]: how the punch ended
	cd "$BATS_FILE_TMPDIR/$1" || return
	echo "# $1: a $(cat pa.ms) ms, b $(cat pb.ms) ms" >&3
	same "$(cat pa.status pb.status)" "$2
$3"
	same "$(cat pa.out pb.out)" "${4:+$4
$5}"
}

@test "behind a NAT that keeps ports and one that changes them, both endpoints are printed as endpoint-independent" {
	cd "$BATS_FILE_TMPDIR/twonats"
	same "$(cat a.out b.out)" "192.168.1.4:61525@85.9.8.7:61525
192.168.2.100:61523@31.1.2.3:10421"
	same "$(tail -n 1 a.err)" "natprobe: mapping endpoint-independent (cone NAT), port kept"
	same "$(tail -n 1 b.err)" "natprobe: mapping endpoint-independent (cone NAT), port changed from 61523 to 10421"
}

@test "a server of RFC 3489 gives the same endpoints" {
	cd "$BATS_FILE_TMPDIR/twonats"
	same "$(cat old.a.out old.b.out)" "$(cat a.out b.out)"
	same "$(tail -n 1 old.b.err)" "$(tail -n 1 b.err)"
}

@test "Debian's stun client reports the same mapping and type of NAT" {
	cd "$BATS_FILE_TMPDIR/twonats"
	grep -q 'Independent Mapping' oracle.a
	grep -q 'MappedAddress = 85.9.8.7:61525' oracle.a
	grep -q 'Independent Mapping' oracle.b
	grep -q 'MappedAddress = 31.1.2.3:10421' oracle.b
	grep -q 'Dependent Mapping' "$BATS_FILE_TMPDIR/symmetric/oracle.a"
}

@test "two NATs are punched, started together" { ended twonats 0 0 $B_MOVED $A; }

@test "two NATs are punched, the second side five seconds later" { ended late 0 0 $B_MOVED $A; }

@test "two NATs with a firewall are punched in the wrong order too" { ended reversed 0 0 $B_MOVED $A; }

@test "open routers are punched, started together" { ended opened 0 0 $B $A; }

@test "open routers are punched, the second side five seconds later" { ended openlate 0 0 $B $A; }

@test "open routers in the wrong order: status 4, with the advice to stop both for a while" {
	ended openwrong 4 4
	same "$(sed -n 2p pa.err)" "natprobe: stop both for 30 seconds, then start the side with --first before the other (one side has it, not both)"
}

@test "scripts of different runs: both sides wait until the deadline, status 4, with that as a hint" {
	foreign='packets with another --token arrive from it: compare the digests of the two scripts (anyone can send such packets)'
	ended tworuns 4 4
	same "$(sed -n 2p pa.err)" "natprobe: $B_MOVED: $foreign"
	same "$(sed -n 2p pb.err)" "natprobe: $A: $foreign"
	[ "$(cat pa.ms)" -ge 9000 ]
	[ "$(cat pb.ms)" -ge 6000 ]
	ended tworunsopen 4 4
	same "$(sed -n 2p pa.err)" "natprobe: $B: $foreign"
	same "$(sed -n 2p pb.err)" "natprobe: $A: $foreign"
	[ "$(cat pa.ms)" -ge 9000 ]
	[ "$(cat pb.ms)" -ge 6000 ]
}

@test "an endpoint-dependent NAT: status 3, and an endpoint that works with a public side" {
	cd "$BATS_FILE_TMPDIR/symmetric"
	same "$(cat a.status)" 3
	[[ "$(cat a.out)" == 192.168.1.4:61525@85.9.8.7:* ]]
	grep -q 'mapping endpoint-dependent (symmetric NAT): this endpoint works only if the peer is reachable from the internet' a.err
	same "$(cat b.out)" 31.1.2.3:61523
	same "$(tail -n 1 b.err)" "natprobe: not behind NAT"
}

@test "a public side receives a symmetric one from the port that its NAT chose, and prints that port" {
	cd "$BATS_FILE_TMPDIR/symmetric"
	same "$(cat pa.status pb.status)" "0
0"
	same "$(cat pa.out)" 31.1.2.3:61523
	[[ $(cat pb.out) == 85.9.8.7:* ]]
	[[ $(cat pb.out) != "$A" ]]
	same "$(cat pb.err)" "natprobe: $(cat pb.out): the peer sends from this endpoint, not from $A: its NAT is symmetric, or the port was in use"
}

@test "two NATs in a row on both sides are discovered and punched" {
	ended cgn 0 0 $B $A
	same "$(cat a.out)" 192.168.1.4:61525@85.9.8.7:61525
}

@test "two NATs in a row before an open router: opening packets pass both, but not the router" { ended cgnopen 0 0 $B $A; }

@test "with a server in the carrier's network, the second NAT is reported" {
	cd "$BATS_FILE_TMPDIR/cgnserver"
	same "$(cat a.out)" 192.168.1.4:61525@100.64.1.2:61525
	same "$(tail -n 1 a.err)" "natprobe: 100.64.1.2 is in 100.64.0.0/10, not public: there is another NAT beyond this server; ask a server on the internet"
}

@test "two sides behind one NAT have the same mapped address, and punch with their LAN addresses" {
	ended onelan 0 0 192.168.1.100:61523 192.168.1.4:61525
	same "$(cat a.out b.out)" "192.168.1.4:61525@85.9.8.7:61525
192.168.1.100:61523@85.9.8.7:61523"
}

@test "IPv6 behind stateful firewalls: no NAT, and punched" {
	ended six 0 0 '[2001:db8:2::100]:61523' '[2001:db8:1::4]:61525'
	same "$(cat a.out)" '[2001:db8:1::4]:61525'
}
