# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# From two STUN queries to a ping: natprobe, xfrmpair and the scripts together.
# Run in the lab: tests/lab/run bats tests/lab/punch.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	"$net" stun
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	shell=sh
}
teardown() { all_down; }

# punch_up SIDE [OPTION]...: up as a person runs it, in the background; what it says goes to SIDE.said, $? to SIDE.status
punch_up() {
	local side=$1
	shift
	{
		: >"$BATS_TEST_TMPDIR/up"
		on "$side" sh "$BATS_TEST_TMPDIR/$side.sh" up "$@" >"$BATS_TEST_TMPDIR/$side.said" 2>&1 3>&- && status=0 || status=$?
		echo "$status" >"$BATS_TEST_TMPDIR/$side.status"
	} &
}
said() { cat "$BATS_TEST_TMPDIR/$1.said"; }

# flood COUNT FROM PORT TO PORT: from the internet, in the name of FROM, that many of each kind: keepalives, ESP, junk, hellos
# that nobody's token made; says how many it sent
flood() {
	# shellcheck disable=SC2016 # the words of perl
	on inet perl -e '
		use Socket; my ($count, $from, $sport, $to, $dport) = @ARGV;
		socket my $raw, PF_INET, SOCK_RAW, 255 or die "raw: $!"; # IPPROTO_RAW: our own IP header
		my @kinds = ("\xff", "\0\0\x10\1\0\0\0\1abcdefgh", "junk", "", "\0\0\0\0hole\2\0\0\0" . "s" x 8 . "\0" x 8 . "m" x 16,
			"\0\0\0\0hole\1\0\0\0" . "s" x 16, "\0" x 44);
		my $sent = 0;
		for (1 .. $count) { for my $bytes (@kinds) {
			my $udp = pack "nnnna*", $sport, $dport, 8 + length $bytes, 0, $bytes;
			send $raw, pack("CCnnnCCna4a4", 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0, inet_aton($from), inet_aton($to)) . $udp, 0,
				sockaddr_in(0, inet_aton $to) and $sent++;
			select undef, undef, undef, 0.01;
		} }
		print "$sent\n"' "$@"
}

# heard_beside_a_flood ROUTER-OPTION...: both sides, the second a second after the first, with packets in everybody's name meanwhile
heard_beside_a_flood() {
	export LAB_PREFIX=z-
	"$net" down 2>/dev/null || :
	"$net" up "$@"
	generate "$A" "$B"
	punch_up a --wait 40
	sleep 0.5
	flood 80 77.7.7.7 61523 85.9.8.7 61525 >"$BATS_TEST_TMPDIR/sent" 3>&- &
	# through an open router packets in the peer's name take the tuple that its NAT needs, whatever natprobe does
	case $* in
	*open*) flood 80 77.7.7.7 61525 31.1.2.3 10421 >/dev/null 3>&- & ;;
	*)
		flood 80 31.1.2.3 10421 85.9.8.7 61525 >/dev/null 3>&- &
		flood 80 85.9.8.7 61525 31.1.2.3 10421 >/dev/null 3>&- &
		;;
	esac
	sleep 0.5
	punch_up b --wait 40
	begun=${EPOCHREALTIME/./}
	until grep -q '^b: waiting for a' "$BATS_TEST_TMPDIR/b.said"; do
		[ $((${EPOCHREALTIME/./} - begun)) -lt 40000000 ]
		sleep 0.05
	done
	begun=${EPOCHREALTIME/./}
	# what natprobe has found stands there before up goes on
	until compgen -G "$XFRMPAIR_RUN/a.*/hole" >/dev/null && [ -s "$(echo "$XFRMPAIR_RUN"/a.*/hole)" ] && [ -s "$(echo "$XFRMPAIR_RUN"/b.*/hole)" ]; do
		[ $((${EPOCHREALTIME/./} - begun)) -lt 40000000 ]
		sleep 0.05
	done
	heard_ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
	echo "# both have received $heard_ms ms after the second began" >&3
	wait
	said a
	said b
	# heard a second before it is said, so that the last word is not lost
	[ $heard_ms -lt 3000 ]
	[ "$(cat "$BATS_TEST_TMPDIR/sent")" -eq 560 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/?.status)" = "0
0" ]
	[[ "$(said a)" == *"a: up: packets from b arrive. Test it with:"* ]]
	[[ "$(said b)" == *"b: up: packets from a arrive. Test it with:"* ]]
	run -1 grep -e 'generate the scripts again' -e 'another run' -e 'as a tunnel would' "$BATS_TEST_TMPDIR/a.said" "$BATS_TEST_TMPDIR/b.said"
	answers a 192.168.1.4 192.168.2.100
	both_down
	"$net" down
}
@test "during a flood from other hosts and from the peer's forged endpoint, the pair still meets" { heard_beside_a_flood; }
@test "the same through routers that let unsolicited packets in" {
	heard_beside_a_flood --nat-a keeps,open --nat-b moves:61523:10421,open
}

@test "two endpoints from natprobe, one xfrmpair, two scripts, one ping" {
	word_a=$(on a natprobe -p 61525 198.51.100.1 198.51.100.2)
	word_b=$(on b natprobe -p 61523 198.51.100.1 198.51.100.2)
	[ "$word_a" = 192.168.1.4:61525@85.9.8.7:61525 ]
	[ "$word_b" = 192.168.2.100:61523@31.1.2.3:10421 ]
	generate "$word_a" "$word_b"
	punch_up a
	sleep 1
	punch_up b
	wait
	said a
	said b
	[ "$(cat "$BATS_TEST_TMPDIR"/?.status)" = "0
0" ]
	[[ "$(said a)" == *"a: waiting for b, for up to 60 s (a is started first)"*"a: up: packets from b arrive. Test it with:
  ping -c 3 -I 192.168.1.4 192.168.2.100" ]]
	[[ "$(said b)" == *"b: waiting for a, for up to 60 s (a is started first)"*"b: up: packets from a arrive. Test it with:
  ping -c 3 -I 192.168.2.100 192.168.1.4" ]]
	answers a 192.168.1.4 192.168.2.100
}

@test "a peer with another port or address than in the script is answered there, if its packets arrive" {
	export LAB_PREFIX=o-
	"$net" up --open-side a
	for expected in 31.1.2.3:10422 31.1.2.9:10421; do
		generate 85.9.8.7:61525 "192.168.2.100:61523@$expected"
		punch_up a --wait 30
		sleep 1
		punch_up b --wait 30
		wait
		said a
		[ "$(cat "$BATS_TEST_TMPDIR/a.status")" = 0 ]
		said a | grep -qxF "a: b is at 31.1.2.3:10421, not at $expected"
		answers a 85.9.8.7 192.168.2.100
		answers b 192.168.2.100 85.9.8.7
		script a status
		script a down
		script b down
		[ -z "$(
			on a ip xfrm state
			on a ip xfrm policy
		)" ]
	done
	"$net" down
}

@test "up waits for the peer as long as --wait says, then sets the tunnel up nevertheless" {
	generate "$A" "$B"
	on nb conntrack -F 2>/dev/null # else what went before would have b itself say that nobody has the port
	punch_up a --wait 2
	wait
	said a
	[ "$(cat "$BATS_TEST_TMPDIR/a.status")" -eq 4 ]
	digest=$(sed -n 's/^digest=\([0-9a-f]*\).*/\1/p' "$BATS_TEST_TMPDIR/a.sh")
	said a | grep -qx "a: set up, but no packet received from b in 2 s: is it up, with digest $digest?"
	# what else it may be, each with what to type, check says
	said a | grep -q '^b: never-heard: '
	run -1 script a check
	[[ "${lines[0]}" == "b: never-heard: "* ]]
	run script a status
	[ "$status" -eq 4 ]
	# the peer comes later, and all is well; a ping comes before the next keepalive
	on a ping -q -i 1 -c 30 -I 192.168.1.4 192.168.2.100 >/dev/null 2>&1 3>&- &
	punch_up b --wait 20
	wait $!
	pkill -x ping || :
	said b
	[ "$(cat "$BATS_TEST_TMPDIR/b.status")" -eq 0 ]
	answers b 192.168.2.100 192.168.1.4
	script a status
}

@test "up interrupted while it waits leaves nothing" {
	generate "$A" "$B"
	snapshot a >"$BATS_TEST_TMPDIR/before"
	for signal in INT TERM HUP; do
		on a setsid --wait sh -c 'trap - INT; exec "$@"' - env --default-signal sh "$BATS_TEST_TMPDIR/a.sh" up >"$BATS_TEST_TMPDIR/a.said" 2>&1 3>&- &
		for _ in $(seq 100); do
			pgrep -x natprobe && break
			sleep 0.1
		done
		# as a terminal does it: to all in the foreground
		kill -$signal -- "-$(ps -o pgid= "$(pgrep -x natprobe)" | tr -d ' ')"
		run wait $!
		[ "$status" -ne 0 ]
		said a
		run -1 pgrep -x natprobe
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
	done
}

@test "without natprobe up continues with a message" {
	generate "$A" "$B"
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp "$BUILD/espdecap" "$BUILD/xfrmkeep" "$BATS_TEST_TMPDIR/bin"
	run on a env PATH="$BATS_TEST_TMPDIR/bin:/usr/sbin:/usr/bin:/sbin:/bin" sh "$BATS_TEST_TMPDIR/a.sh" up
	[ "$status" -eq 0 ]
	[[ "$output" == *"a: no natprobe beside $BATS_TEST_TMPDIR/a.sh or in PATH: continuing without punching a hole"* ]]
}

@test "a restarted side receives the other's running tunnel and continues" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	script b down
	# b's espdecap is gone; a's goes on with its keepalives, every 20 s: a ping is quicker
	on a ping -q -i 1 -c 30 -I 192.168.1.4 192.168.2.100 >/dev/null 2>&1 3>&- &
	punch_up b --wait 30
	for _ in $(seq 350); do
		[ -e "$BATS_TEST_TMPDIR/b.status" ] && break
		sleep 0.1
	done
	pkill -x ping || :
	said b
	[ "$(cat "$BATS_TEST_TMPDIR/b.status")" -eq 0 ]
	[[ "$(said b)" == *"b: up: packets from a arrive. Test it with:"* ]]
}

@test "a peer that answers only later is asked again when packets of its tunnel arrive" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	script a down
	# b is up, and nothing of it gets out: as if it came up at the same time
	on nb nft 'add table ip late; add chain ip late post { type filter hook postrouting priority 0; }; add rule ip late post ip protocol udp drop'
	punch_up a --wait 60
	for _ in $(seq 200); do
		pgrep -x natprobe && break
		sleep 0.1
	done
	on nb nft delete table ip late
	on b ping -q -i 1 -c 40 -I 192.168.2.100 192.168.1.4 >/dev/null 2>&1 3>&- &
	for _ in $(seq 300); do
		[ -e "$BATS_TEST_TMPDIR/a.status" ] && break
		sleep 0.1
	done
	pkill -x ping || :
	said a
	[ "$(cat "$BATS_TEST_TMPDIR/a.status")" -eq 0 ]
	[[ "$(said a)" == *"a: up: packets from b arrive. Test it with:"* ]]
}

@test "a mesh of three does not wait, because espdecap's first keepalives open the mappings" {
	export LAB_PREFIX=y- SIDES='a b c'
	"$net" up --sides 3
	generate "$A" "$B" 192.168.3.4:4500@77.3.4.5
	: >"$BATS_TEST_TMPDIR/up"
	for side in a b c; do
		on $side sh "$BATS_TEST_TMPDIR/$side.sh" up 3>&-
	done
	sleep 2
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.3.4
	answers c 192.168.3.4 192.168.1.4
	both_down
	"$net" down
}

@test "open routers on both sides work if the first side starts first" {
	export LAB_PREFIX=y-
	"$net" up --nat-a keeps,open --nat-b keeps,open
	generate "$A" 192.168.2.100:61523@31.1.2.3
	punch_up a
	sleep 2
	punch_up b
	wait
	said a
	said b
	[[ "$(said a)" == *"a: up: packets from b arrive. Test it with:"* ]]
	answers b 192.168.2.100 192.168.1.4
	both_down
	"$net" down
}

@test "natprobe sends no datagram to a host that did not prove the token" {
	export LAB_PREFIX=z-
	"$net" down 2>/dev/null || :
	"$net" up --nat-a keeps,open --nat-b keeps,open
	generate "$A" "$B"
	on inet ip address add 77.7.7.7/32 dev lo
	on inet tcpdump -l -n -i any 'udp and dst host 77.7.7.7' >"$BATS_TEST_TMPDIR/sent" 2>/dev/null 3>&- &
	tcpdump=$!
	punch_up a --wait 5
	sleep 1
	flood 20 77.7.7.7 61523 85.9.8.7 61525
	wait "$(pgrep -x natprobe)" 2>/dev/null || while pgrep -x natprobe; do sleep 0.2; done
	[ ! -s "$BATS_TEST_TMPDIR/sent" ]
	# the control: what is sent there is seen
	on a bash -c 'echo >/dev/udp/77.7.7.7/9'
	for _ in $(seq 50); do
		[ ! -s "$BATS_TEST_TMPDIR/sent" ] || break
		sleep 0.1
	done
	kill $tcpdump
	[ -s "$BATS_TEST_TMPDIR/sent" ]
	both_down
	"$net" down
}
