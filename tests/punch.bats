# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# natprobe --punch on loopback, without a network.  Needs socat and perl; some tests need strace, tcpdump or a network namespace.
source "$BATS_TEST_DIRNAME/natprobe.bash"

setup_file() {
	build sha256
}

setup() {
	begin 2
}

# escaped ID HEARD [TOKEN]: a hello with ids of eight characters each, '' for none, as an argument with escapes for says
escaped() {
	perl -MDigest::SHA=hmac_sha256 -e '$_ = "\0\0\0\0hole\2\0\0\0$ARGV[0]" . ($ARGV[1] || "\0" x 8);
		printf "\\x%02x", $_ for unpack "C*", $_ . substr hmac_sha256($_, $ARGV[2] // ""), 0, 16' "$@"
}

# says SECONDS BYTES...: sends each as a packet from FROM, or $peer:21502, to $here:21501 once that is there, and keeps what comes back
says() {
	local seconds=$1 bytes
	shift
	socat -b 4096 - "UDP:$here:21501,bind=${FROM:-$peer:21502}" >came 2>/dev/null 3>&- \
		< <([ $# -eq 0 ] || listens "$here:21501"; for bytes; do sleep 0.1; printf '%b' "$bytes"; done; sleep "$seconds") &
	started+=($!)
}

# hush: ends what says
hush() {
	kill "${started[@]}" 2>/dev/null || true
	wait "${started[@]}" || true
	started=()
}

@test "two sides punch, and each prints the endpoint from which it received the other" {
	both "--first" ""
	same "$status $other" "0 0"
	same "$out $out2" "$peer:21502 $here:21501"
	same "$err$err2" ""
}

@test "a side that starts later is received too, with tokens" {
	status=0 other=0
	{ sleep 0.6; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token ab12 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --first --token ab12
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out $(cat out2)" "$peer:21502 $here:21501"
}

@test "IPv6 punches too" {
	other=0
	"$NATPROBE" -p 21502 --punch '[::1]:21501' 2>err2 >out2 3>&- &
	probe -p 21501 --punch '[::1]:21502' --first
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out $(cat out2)" "[::1]:21502 [::1]:21501"
}

@test "two scripts of different runs: both sides wait until the deadline, status 4, with that as a hint" {
	for first in "" --first; do
		start=${EPOCHREALTIME/./}
		both "--token the-word-of-run-one --timeout 3 $first" "--token the-word-of-run-two --timeout 3"
		same "$status $other" "4 4"
		same "$out$out2" ""
		same "$(sed -n 1,2p err)" "natprobe: $peer:21502: no packet received in 3 seconds
natprobe: $peer:21502: packets with another --token arrive from it: compare the digests of the two scripts (anyone can send such packets)"
		same "$(sed -n 2p err2)" "natprobe: $here:21501: packets with another --token arrive from it: compare the digests of the two scripts (anyone can send such packets)"
		[ $((${EPOCHREALTIME/./} - start)) -ge 3000000 ]
	done
}

# echoes SECONDS KEY: from the peer's endpoint, hellos with our own id and a MAC of that KEY, as whoever sees our packets can forge them,
# ten a second; 'KEY' of 16 bytes at random: random
echoes() {
	perl -MIO::Socket::INET -MDigest::SHA=hmac_sha256 -MTime::HiRes=sleep,time -e '
		my ($peer, $here, $seconds, $key) = @ARGV;
		my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "$peer:21502", PeerAddr => "$here:21501") or die;
		my ($end, $own);
		for (;;) {
			my $bits = "";
			vec($bits, fileno $s, 1) = 1;
			if (select $bits, undef, undef, 0.1) {
				$s->recv(my $hello, 2048);
				$own = substr $hello, 12, 8 if length $hello == 44;
			}
			$end //= time + $seconds if defined $own;
			exit if defined $end && time > $end;
			next unless defined $own;
			my $answer = "\0\0\0\0hole\2\0\0\0AAAAAAAA" . $own;
			$s->send($answer . ($key eq "random" ? join "", map { chr int rand 256 } 1 .. 16 : substr hmac_sha256($answer, $key), 0, 16));
			sleep 0.1;
		}' "$peer" "$here" "$@" 3>&- &
	started+=($!)
}

@test "a forged hello with our id does not end the punch: the peer is still received, else it is a hint at the deadline" {
	echoes 2 random
	start=${EPOCHREALTIME/./}
	probe -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 3
	same "$status $out" "4 "
	[ $((${EPOCHREALTIME/./} - start)) -ge 3000000 ]
	same "$(sed -n 2p err)" "natprobe: $peer:21502: packets with another --token arrive from it: compare the digests of the two scripts (anyone can send such packets)"
	hush
	echoes 1 random
	{ sleep 2.5; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token a-word-of-sixteen --timeout 8 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 10
	wait $!
	same "$status $out $(cat out2)" "0 $peer:21502 $here:21501"
}

@test "an id received without a valid MAC is never echoed in a packet with our MAC" {
	says 2 "$(escaped AAAAAAAA CCCCCCCC other)"
	probe -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 2
	[ "$(stat -c %s came)" -ge 44 ]
	same "$(grep -c AAAAAAAA came)" 0
	hush
}

@test "only a hello that echoes our id raises the TTL of unasked packets; a replayed one gets one answer" {
	word=a-word-of-sixteen
	ttls() { # of the packets to the peer, in turn
		sed -n 's/.*IP_TTL, \[\(-*[0-9]*\)\].*/\1/p' trace
	}
	for forged in "$(escaped AAAAAAAA CCCCCCCC $word)" "$(escaped AAAAAAAA CCCCCCCC other)"; do
		says 3 "$forged"
		ASAN_OPTIONS=detect_leaks=0 strace -qq -e trace=setsockopt -o trace \
			"$NATPROBE" -b $here -p 21501 --punch $peer:21502 --token $word --first --timeout 6 >out 2>err 3>&- || true
		hush
		# up to the last quarter of the six seconds; one of the first fifteen may be an answer
		[ "$(ttls | wc -l)" -ge 15 ]
		[ "$(ttls | head -n 15 | grep -c -e '^-1')" -le 1 ]
	done
	echoes 3 $word
	ASAN_OPTIONS=detect_leaks=0 strace -qq -e trace=setsockopt -o trace \
		"$NATPROBE" -b $here -p 21501 --punch $peer:21502 --token $word --first --timeout 6 >out 2>err 3>&-
	[ "$(ttls | grep -c -e '^-1')" -ge 4 ]
}

@test "hellos with another token never end the punch and get no answer; only those from the given endpoint are a hint" {
	"$NATPROBE" -b $stranger -p 21513 --punch $here:21511 --token two --timeout 1 2>/dev/null 3>&- &
	"$NATPROBE" -b $here -p 21511 --punch $peer:21512 --token one --timeout 1 >out2 2>err2 3>&- &
	many=$!
	foreign=$(escaped AAAAAAAA DDDDDDDD BBBBBBBB)
	says 1 "$foreign" "$foreign" "$foreign" "$(escaped CCCCCCCC '' BBBBBBBB)"
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1
	same "$status $out" "4 "
	same "$err" "natprobe: $peer:21502: no packet received in 1 seconds
natprobe: $peer:21502: packets with another --token arrive from it: compare the digests of the two scripts (anyone can send such packets)
natprobe: stop both for 30 seconds, then start the side with --first before the other (one side has it, not both)
natprobe: if that does not help, use --ttl N, with N greater than the hops to your NAT and less than those to the peer's; otherwise forward UDP port 21501 on the router, or use IPv6"
	status=0
	wait $many || status=$?
	same "$status $(cat out2)" "4 "
	same "$(grep -e $stranger -e another err2)" ""
	hush
}

@test "after an attacker sent all kinds of packets from the peer's endpoint, the peer is still received" {
	word=a-word-of-sixteen other=0
	foreign=$(escaped AAAAAAAA DDDDDDDD other)
	says 0.2 "$foreign" '\xff' "$foreign" '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh' junk "$foreign"
	{ sleep 1.5; kill "${started[@]}" || :; sleep 0.3; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token $word 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --token $word --first
	wait $! || other=$?
	same "$status $other $out $(cat out2) $err$(cat err2)" "0 0 $peer:21502 $here:21501 "
}

@test "hellos with another token do not end a punch that received a valid one" {
	says 1 "$(escaped AAAAAAAA)" "$(escaped CCCCCCCC '' BBBBBBBB)" "$(escaped CCCCCCCC '' BBBBBBBB)"
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1
	same "$status" 4
	same "$(head -1 err)" "natprobe: $peer:21502: received its packets, but it received none of ours in 1 seconds"
}

@test "a peer that sends from another port is received, reported and printed" {
	other=0
	"$NATPROBE" -b $peer -p 21503 --punch $here:21501 2>err2 >out2 3>&- &
	probe -b $here -p 21501 --punch $peer:21502
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out" $peer:21503
	same "$err" "natprobe: $peer:21503: the peer sends from this endpoint, not from $peer:21502: its NAT is symmetric, or the port was in use"
}

# behind_counting STEPS: a peer that waits where the NAT lets in only what has been sent to, and answers what comes there: each port, once it was sent to
behind_counting() {
	perl -MIO::Socket::INET -e '
		$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "$ARGV[0]", ReuseAddr => 0) or die;
		$s->recv($_, 99); exec @ARGV[1 .. $#ARGV]' $peer:$((21502 + $1)) \
		"$NATPROBE" -b $peer -p $((21502 + $1)) --punch $here:21501 --token a-word-of-sixteen --timeout 3 >out2 2>err2 3>&- &
	started+=($!)
}

@test "a peer whose NAT numbers ports in sequence is received from one of the ten ports after its own" {
	for steps in 1 10; do
		behind_counting $steps
		probe -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 12
		same "$status $out" "0 $peer:$((21502 + steps))"
		hush
	done
}

@test "a peer beyond the ten ports is not received, and incoming packets cause no additional ones" {
	behind_counting 11
	FROM=$stranger:21503 says 8 "$(escaped AAAAAAAA CCCCCCCC a-word-of-sixteen)" "$(escaped BBBBBBBB CCCCCCCC other)"
	strace -qq -e trace=sendto -o trace "$NATPROBE" -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 8 >out 2>err 3>&- || true
	same "$(cat out)" ""
	hush
	# one packet for each to another host; to each of the ten no more than to the given port
	same "$(grep -c $stranger trace)" 1
	given=$(grep -c 'htons(21502)' trace) more=$(grep -c 'htons(215\(0[3-9]\|1[0-2]\)).*'"$peer" trace)
	[ $more -ge 8 ]
	[ $more -lt "$given" ]
	same "$(grep -c 'htons(21513)' trace)" 0
}

@test "without --token another address is ignored, with it it is accepted" {
	deaf=0 dumb=0 other=0
	"$NATPROBE" -b $stranger -p 21513 --punch $here:21511 --timeout 1 >out3 2>&1 3>&- &
	three=$!
	"$NATPROBE" -b $here -p 21511 --punch $peer:21512 --timeout 1 >out4 2>&1 3>&- &
	four=$!
	"$NATPROBE" -b $stranger -p 21503 --punch $here:21501 --token x 2>err2 >out2 3>&- &
	probe -b $here -p 21501 --punch $peer:21502 --token x
	wait $! || other=$?
	same "$status $other $out" "0 0 $stranger:21503"
	wait $three || deaf=$?
	wait $four || dumb=$?
	same "$deaf $dumb" "4 4"
}

@test "a keepalive or ESP from the peer's endpoint is only reported at the deadline: status 4, no endpoint" {
	tunnel="natprobe: $peer:21502: ESP packets arrive from it; only the tunnel can tell whether they are the peer's"
	says 0.3 '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'
	probe -b $here -p 21501 --punch $peer:21502 --first --timeout 1
	same "$status $out $err" "4  $tunnel"
	hush
	start=${EPOCHREALTIME/./}
	says 0.3 '\xff'
	probe -b $here -p 21501 --punch $peer:21502 --first --timeout 12
	same "$status $out $err" "4  $tunnel"
	[ $((${EPOCHREALTIME/./} - start)) -ge 12000000 ]
}

@test "a peer is received after a forged keepalive" {
	says 0.3 '\xff'
	{ sleep 11; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --timeout 14
	wait $!
	same "$status $out" "0 $peer:21502"
}

@test "--until-tunnel: a keepalive or ESP from the peer's endpoint ends the wait after two seconds without a hello: tunnel, status 4" {
	for packet in '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'; do
		start=${EPOCHREALTIME/./}
		says 0.3 "$packet"
		probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --timeout 20 --token-fd 0 <<<a-word-of-sixteen
		took=$((${EPOCHREALTIME/./} - start))
		same "$status $out $err" "4 tunnel "
		[ $took -ge 2000000 ]
		[ $took -lt 8000000 ]
		hush
	done
	# and without a script
	says 0.3 '\xff'
	probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --timeout 20 --first --token a-word-of-sixteen
	same "$status $out $err" "4  natprobe: $peer:21502: ESP packets arrive from it; only the tunnel can tell whether they are the peer's"
	[ $((${EPOCHREALTIME/./} - start)) -lt 16000000 ]
}

@test "--until-tunnel: a hello within two seconds after a tunnel's packet is accepted" {
	says 0.3 '\xff'
	{ sleep 0.8; kill "${started[@]}" || :; sleep 0.3; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token a-word-of-sixteen 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --token a-word-of-sixteen --timeout 10
	wait $!
	same "$status $out $(cat out2) $err" "0 $peer:21502 $here:21501 "
}

@test "--until-tunnel: a tunnel's packets from another endpoint, or together with hellos, do not end the wait" {
	start=${EPOCHREALTIME/./}
	FROM=$peer:21503 says 1 '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'
	probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --timeout 4
	same "$status $out" "4 "
	[[ $(head -1 err) == "natprobe: $peer:21502: no packet received in 4 seconds"* ]]
	[ $((${EPOCHREALTIME/./} - start)) -ge 4000000 ]
	hush
	start=${EPOCHREALTIME/./}
	says 1 "$(escaped AAAAAAAA)" '\xff'
	probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --timeout 4
	same "$status $out" "4 "
	same "$(head -1 err)" "natprobe: $peer:21502: received its packets, but it received none of ours in 4 seconds"
	[ $((${EPOCHREALTIME/./} - start)) -ge 4000000 ]
	hush
	start=${EPOCHREALTIME/./}
	says 1 "$(escaped AAAAAAAA '' other)" '\xff'
	probe -b $here -p 21501 --punch $peer:21502 --until-tunnel --timeout 4 --token-fd 0 <<<a-word-of-sixteen
	same "$status $out $err" "4 foreign "
	[ $((${EPOCHREALTIME/./} - start)) -ge 4000000 ]
}

@test "if the peer sent a hello, a tunnel's packets before or after it are ignored" {
	for order in before after; do
		case $order in
		before) says 1 '\xff' "$(escaped AAAAAAAA)" ;;
		after) says 1 "$(escaped AAAAAAAA)" '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh' ;;
		esac
		probe -b $here -p 21501 --punch $peer:21502 --timeout 2   # longer than the second that the first packet gives it
		same "$status $out" "4 "
		same "$(head -1 err)" "natprobe: $peer:21502: received its packets, but it received none of ours in 2 seconds"
		hush
	done
}

@test "a tunnel's packets from another than the given endpoint are ignored" {
	FROM=$peer:21503 says 1 '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'
	probe -b $here -p 21501 --punch $peer:21502 --timeout 2
	same "$status $out" "4 "
	[[ $(head -1 err) == "natprobe: $peer:21502: no packet received in 2 seconds"* ]]
}

@test "packets without a valid MAC are never answered, from any source" {
	word=a-word-of-sixteen
	for from in $stranger:21503 $peer:21503; do
		# with another token; with ours, but changed; truncated; of the previous version
		good=$(escaped AAAAAAAA '' $word)
		FROM=$from says 0.5 "$(escaped AAAAAAAA '' other)" "${good%????}\x00" "${good%????}" "${good/02/01}" "$(escaped AAAAAAAA)"
		probe -b $here -p 21501 --punch $peer:21502 --token $word --timeout 1
		same "$status $out" "4 "
		[[ $(head -1 err) == "natprobe: $peer:21502: no packet received in 1 seconds"* ]]
		same "$(stat -c %s came)" 0
		hush
	done
}

@test "each replayed hello gets one answer, and does not redirect the tunnel" {
	word=a-word-of-sixteen other=0
	good=$(escaped AAAAAAAA CCCCCCCC $word)
	FROM=$stranger:21503 says 2 "$good" "$good" "$good"
	probe -b $here -p 21501 --punch $peer:21502 --token $word --timeout 2
	same "$status $out" "4 "
	same "$(stat -c %s came)" $((3 * 44))
	hush
	FROM=$peer:21503 says 2 "$good" "$good" "$good" "$good" "$good" "$good"
	{ sleep 0.4; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token $word 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --token $word
	wait $! || other=$?
	same "$status $other $out $(cat out2)" "0 0 $peer:21502 $here:21501"
}

@test "with --token-fd, the reason for failure is one keyword on stdout, and nothing on stderr" {
	# told STATUS WORD: with the present fake peer
	told() {
		probe -b $here -p 21501 --punch $peer:21502 --timeout "${3:-2}" --token-fd 0 <<<a-word-of-sixteen
		same "$status $out $err" "$1 $2 "
	}
	told 4 refused 1
	# of another run
	"$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token another-of-sixteen 2>err2 >out2 3>&- &
	told 4 foreign 2
	kill $!
	wait $! || :
	# received from another port than the given one, which is not an error and not reported
	"$NATPROBE" -b $peer -p 21503 --punch $here:21501 --token a-word-of-sixteen 2>err2 >out2 3>&- &
	told 0 $peer:21503 8
	wait $!
	# somebody has the port, and is silent; sends a keepalive; a hello that does not say our id
	says 3
	sleep 0.3
	told 4 nothing 1
	hush
	for pair in '\xff tunnel' "$(escaped AAAAAAAA CCCCCCCC a-word-of-sixteen) one-way"; do
		says 3 "${pair% *}" "${pair% *}"
		told 4 "${pair#* }" 1
		hush
	done
}

@test "the token can be read from a descriptor, and a short one causes a warning" {
	other=0
	"$NATPROBE" -b $peer -p 21502 --punch $here:21501 --token-fd 0 2>err2 >out2 3>&- <<<a-word-of-sixteen &
	probe -b $here -p 21501 --punch $peer:21502 --token-fd 7 7< <(printf a-word-of-; sleep 0.2; printf sixteen)
	wait $! || other=$?
	same "$status $other $out $err$(cat err2)" "0 0 $peer:21502 "
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1 --token-fd=0 <<<a-word-of-sixteen
	same "$status $out $err" "4 refused "
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1 --token-fd=0 <<<a-word-of-fifte
	same "$status $(head -1 err)" "4 natprobe: --token-fd: warning: a token of less than 16 characters can be guessed"
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1 --token a-word-of-fifte
	same "$status $(head -1 err)" "4 natprobe: --token: warning: a token of less than 16 characters can be guessed"
	probe -b $here -p 21501 --punch $peer:21502 --token-fd 0 <&-
	same "$status $err" "2 natprobe: --token-fd: '': empty (expected a token)"
	probe -b $here -p 21501 --punch $peer:21502 --token-fd 0 < <(printf '%300s' '')
	same "$status $err" "2 natprobe: --token-fd: too long (expected at most 256 characters)"
}

@test "SHA-256 and its HMAC give the results of FIPS 180-4's examples and RFC 4231" {
	same "$(sha256 1 abc)" ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	same "$(sha256 0 '')" e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	same "$(sha256 1 abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq)" 248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1
	same "$(sha256 1000000 a)" cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0
	same "$(sha256 hmac Jefe 'what do ya want for nothing?')" 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843
	# its sixth case: a key longer than a block
	same "$(sha256 hmac "$(printf '\xaa%.0s' {1..131})" 'Test Using Larger Than Block-Size Key - Hash Key First')" \
		60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54
}

@test "garbage, reflected packets and ICMP errors do not end the punch and get no answer" {
	good=$(escaped AAAAAAAA BBBBBBBB)
	garbage=('' '\xff\xff' '\0\0\0\0' '\0\0\0\0hole\2\0\0\0' "${good/\\x02/\\x01}" "${good/\\x02/\\x03}" \
		"$(escaped "$(printf '')" BBBBBBBB)" "${good}more")
	says 1 "${garbage[@]}"
	probe -b $here -p 21501 --punch $peer:21502 --timeout 2
	same "$status" 4
	hush
	[ $(($(stat -c %s came) % 44)) -eq 0 ]
	[ "$(stat -c %s came)" -le $((44 * 9)) ]
}

@test "each hello is answered at once with one packet, never a longer one" {
	command -v perl >/dev/null || skip "needs perl"
	# waits for the first that natprobe sends by itself; then one for one, and at the end whatever else is there
	timeout 9 perl -MIO::Socket::INET -MDigest::SHA=hmac_sha256 -e '
		my ($peer, $here) = @ARGV;
		$hello = "\0\0\0\0hole\2\0\0\0AAAAAAAA" . "\0" x 8;
		$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "$peer:21502", PeerAddr => "$here:21501") or die;
		$s->recv($_, 99);
		for (1 .. 20) { $s->send($hello . substr hmac_sha256($hello, ""), 0, 16); $s->recv($_, 99); push @came, $_ }
		vec($bits, fileno $s, 1) = 1;
		while (select($ready = $bits, undef, undef, 0.1)) { $s->recv($_, 99); push @came, $_ }
		print scalar @came, grep(length != 44 || !/^\0{4}hole/, @came) ? " bad" : " good", "\n"' $peer $here >came 3>&- &
	started+=($!)
	probe -b $here -p 21501 --punch $peer:21502 --timeout 1
	same "$status" 4
	same "$(head -1 err)" "natprobe: $peer:21502: received its packets, but it received none of ours in 1 seconds"
	[[ "$(cat came)" =~ ^2[0-4]\ good$ ]]   # some are sent unasked
}

# needs_network: skips where alone cannot work
needs_network() {
	root=''
	[ "$(id -u)" -eq 0 ] || root=r
	unshare -${root}n true 2>/dev/null || skip "may not unshare a network"
}

# alone COMMANDS: in a network of their own, with rules for what comes in on loopback
alone() {
	# shellcheck disable=SC2016
	unshare -${root}n bash -euc 'ip link set lo up; nft add table inet t; nft add chain inet t in "{ type filter hook input priority 0; }"
		drop() { nft add rule inet t in "$@" drop; }
		both() {
			"$NATPROBE" -b $2 -p 21502 --punch $3:21501 --token a-word-of-sixteen $4 >out2 2>err2 3>&- & peer=$!
			status=0 other=0; "$NATPROBE" -b $1 -p 21501 --punch ${5:-$2}:21502 --token a-word-of-sixteen $4 >out 2>err 3>&- || status=$?
			wait $peer || other=$?; echo "$status $other" >status; }
		'"$1"
}

@test "IPv4: hellos have no UDP checksum, as ESP in UDP has none, and IPv6's have one; all have the DF bit" {
	needs_network
	alone 'tcpdump -i lo -nvvp -w caught udp 2>caught2 & dump=$!; until grep -q listening caught2; do sleep 0.05; done
		both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5"; cp status status4; both ::1 ::1 [::1] "--timeout 5" [::1]; sleep 0.5; kill $dump; wait $dump || :'
	same "$(cat status4 status)" '0 0
0 0'
	tcpdump -nvr caught ip 2>/dev/null >four
	tcpdump -nvr caught 'ip and udp[6:2] != 0' 2>/dev/null >checked
	[ "$(grep -c 'flags \[DF\]' four)" -ge 8 ]
	same "$(grep 'proto UDP' four | grep -vc 'flags \[DF\]')" 0
	same "$(wc -l <checked)" 0
	same "$(tcpdump -nvr caught 'ip6 and ip6[46:2] == 0' 2>/dev/null | wc -l)" 0
}

@test "a path that drops packets without a UDP checksum is reported on both sides, with advice: status 4" {
	needs_network
	checksum=': only packets with a UDP checksum arrive, and ESP in UDP over IPv4 has none: use IPv6 between the hosts, or another network or router'
	mkdir two one script
	(cd two; alone 'drop ip protocol udp udp checksum 0; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5"') &
	two=$!
	# in one direction alone: the side that receives nothing else says so, and the other learns it
	(cd one; alone 'drop ip protocol udp ip daddr 127.0.0.1 udp checksum 0; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 6"') &
	one=$!
	(cd script; alone 'drop ip protocol udp udp checksum 0; exec 7<<<a-word-of-sixteen; "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token a-word-of-sixteen --timeout 5 >out2 2>&1 3>&- &
		status=0; "$NATPROBE" -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token-fd 7 --timeout 5 >out 2>err 3>&- || status=$?; wait; echo $status >status') &
	wait $!
	wait $one
	wait $two
	for ways in one two; do
		same "$ways: $(cat $ways/status $ways/out $ways/out2)" "$ways: 4 4"
		same "$ways: $(head -n 1 $ways/err)" "$ways: natprobe: 127.0.0.2:21502$checksum"
		same "$ways: $(head -n 1 $ways/err2)" "$ways: natprobe: 127.0.0.1:21501$checksum"
	done
	same "$(cd script; cat status out err)" '4
checksum'
}

@test "a path that drops packets of full size is reported, with the size that passes; the endpoint is still printed" {
	needs_network
	text() { echo "natprobe: $1: packets of $2 bytes do not reach it, packets of $3 bytes do: lower the path MTU (xfrmpair --mtu $3)"; }
	alone 'drop meta length \> 1470; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5"'
	same "$(cat status out out2)" '0 0
127.0.0.2:21502
127.0.0.1:21501'
	same "$(cat err)" "$(text 127.0.0.2:21502 1500 1460)"
	same "$(cat err2)" "$(text 127.0.0.1:21501 1500 1460)"
	# one direction; IPv6; another size; none between
	alone 'drop meta length \> 1470 ip daddr 127.0.0.1; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5"'
	same "$(cat status err err2)" "0 0
$(text 127.0.0.1:21501 1500 1460)"
	alone 'drop meta length \> 1399; both ::1 ::1 [::1] "--timeout 5 --mtu 1400" [::1]'
	same "$(cat err)" "$(text '[::1]:21502' 1400 1280)"
	alone 'drop meta length \> 1470; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5 --mtu 1470"'
	same "$(cat status err err2)" '0 0'
	# a link of this host, for which packets are not fragmented
	alone 'ip link set lo mtu 1470; both 127.0.0.1 127.0.0.2 127.0.0.1 "--timeout 5"'
	same "$(cat status)" '0 0'
	same "$(cat err)" "$(text 127.0.0.2:21502 1500 1460)"
}

@test "a peer of the previous version, with checksums and without path tests, works, and nothing is printed about the path" {
	echoes 3 a-word-of-sixteen
	probe -b $here -p 21501 --punch $peer:21502 --token a-word-of-sixteen --timeout 5
	same "$status $out $err" "0 $peer:21502 "
}

@test "ICMP port unreachable does not end the wait for the peer" {
	other=0
	{ sleep 0.5; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 2>err2 >out2 3>&-; } &
	probe -b $here -p 21501 --punch $peer:21502 --timeout 4
	wait $! || other=$?
	same "$status $other" "0 0"
}

@test "a route missing for a while does not end the punch; one missing from the first packet on does" {
	local error
	for error in EINVAL EADDRNOTAVAIL; do
		{ sleep 0.6; exec "$NATPROBE" -b $peer -p 21502 --punch $here:21501 >out2 2>err2 3>&-; } &
		status=0
		ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendto -e inject=sendto:error=$error:when=2..3 \
			"$NATPROBE" -b $here -p 21501 --punch $peer:21502 --timeout 4 >out 2>err 3>&- || status=$?
		same "$status $(cat out err)" "0 $peer:21502"
		wait $! || { cat err2; return 1; }
		[ "$(grep -c INJECTED trace)" -eq 2 ]
		status=0
		ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendto -e inject=sendto:error=$error:when=1 \
			"$NATPROBE" -b $here -p 21501 --punch $peer:21502 --timeout 4 >out 2>err 3>&- || status=$?
		same "$status $(wc -l <err)" "1 1"
	done
}
