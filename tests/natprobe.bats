# natprobe on loopback: no network.  Needs turnserver (Debian: coturn), socat and file; some tests need root, perl or strace.

setup_file() {
	cd "$BATS_TEST_DIRNAME" || return
	export PATH="$BATS_FILE_TMPDIR:$PATH"
	export NATPROBE=$BATS_TEST_DIRNAME/../${BUILD:-build}/natprobe
	case ${BUILD:-} in /*) NATPROBE=$BUILD/natprobe ;; esac
	for program in fakestun parse sha256; do
		cc -std=c11 -D_GNU_SOURCE -g -fsanitize=address,undefined -I../helper -o "$BATS_FILE_TMPDIR/$program" $program.c
	done
	turnserver -n -S --no-cli --no-tls --no-dtls --no-tcp -p 21478 --listening-ip=127.0.0.1 --listening-ip=127.0.0.2 \
		--listening-ip=::1 --log-file=stdout --pidfile="$BATS_FILE_TMPDIR/turn.pid" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/turn"
	# What takes 8 seconds goes on while the other tests run.
	(cd "$BATS_FILE_TMPDIR"; status=0; "$NATPROBE" -p 21001 127.0.0.1:21999 127.0.0.2:21998 >silent 2>&1 || status=$?; echo "status $status" >>silent) \
		>/dev/null 2>&1 3>&- &
	for _ in {1..50}; do
		[ "$(ss -Hlun sport = :21478 | wc -l)" -ge 3 ] && return
		sleep 0.1
	done
}

teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/turn")"
}

setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return
	started=()
}

teardown() {
	[ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
}

# fake ADDR:PORT SEEN [KIND]: a STUN server that says so
fake() {
	coproc { exec fakestun "$@" 3>&-; }
	started+=("$COPROC_PID")
	read -r <&"${COPROC[0]}"
}

# probe ARGUMENT...: fills out, err, status
probe() {
	status=0
	"$NATPROBE" "$@" >out 2>err 3>&- || status=$?
	out=$(cat out) err=$(cat err)
}

same() { # WHAT WANT
	[ "$1" = "$2" ] || { printf 'got:  %s\nwant: %s\n' "$1" "$2"; return 1; }
}

# both "ARGUMENTS OF ONE" "ARGUMENTS OF TWO": punch from both sides of loopback, 127.0.0.1:21501 and 127.0.0.2:21502
both() {
	status=0 other=0
	# shellcheck disable=SC2086
	"$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 $2 >out2 2>err2 3>&- &
	# shellcheck disable=SC2086
	"$NATPROBE" -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 $1 >out 2>err 3>&- || status=$?
	wait $! || other=$?
	out=$(cat out) err=$(cat err) out2=$(cat out2) err2=$(cat err2)
}

# escaped ID HEARD [TOKEN]: a hello of ids of eight characters each, '' for nobody, as an argument for says, which knows escapes
escaped() {
	perl -MDigest::SHA=hmac_sha256 -e '$_ = "\0\0\0\0hole\2\0\0\0$ARGV[0]" . ($ARGV[1] || "\0" x 8);
		printf "\\x%02x", $_ for unpack "C*", $_ . substr hmac_sha256($_, $ARGV[2] // ""), 0, 16' "$@"
}

# listens PORT: waits until somebody has it
listens() {
	for _ in {1..200}; do
		[ "$(ss -Hlun "sport = :$1" | wc -l)" -eq 0 ] || return 0
		sleep 0.05
	done
	return 1
}

# says SECONDS BYTES...: sends each as a packet from FROM, or 127.0.0.2:21502, to 127.0.0.1:21501 once that is there, and keeps what comes back
says() {
	local seconds=$1 bytes
	shift
	socat -b 4096 - "UDP:127.0.0.1:21501,bind=${FROM:-127.0.0.2:21502}" >came 2>/dev/null 3>&- \
		< <([ $# -eq 0 ] || listens 21501; for bytes; do sleep 0.1; printf '%b' "$bytes"; done; sleep "$seconds") &
	started+=($!)
}

# hush: ends what says
hush() {
	kill "${started[@]}" 2>/dev/null || true
	wait "${started[@]}" || true
	started=()
}

@test "RFC 5769's sample responses give the endpoints that the RFC names" {
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.2")" 192.0.2.1:32853
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.3")" '[2001:db8:1234:5678:11:2233:4455:6677]:32853'
}

@test "an answer in the shape of RFC 3489 gives its MAPPED-ADDRESS, an error its number" {
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc3489")" 192.0.2.1:32853
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/error-300")" 'error 300'
}

@test "truncations of a sample response are refused" {
	for n in 0 1 19 20 21 24 36 43 48 51 52 55 76 79; do
		head -c $n "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.2" >cut
		same "$(parse cut)" refused
	done
}

@test "two servers that see the local endpoint: one word without @, not behind NAT" {
	probe -p 21101 127.0.0.1:21478 127.0.0.2:21478
	same "$status" 0
	same "$out" 127.0.0.1:21101
	same "$err" "natprobe: 127.0.0.1:21478 sees 127.0.0.1:21101
natprobe: 127.0.0.2:21478 sees 127.0.0.1:21101
natprobe: not behind NAT"
}

@test "IPv6 goes in brackets, one server is enough to see that there is no NAT" {
	probe -p 21102 '[::1]:21478'
	same "$status" 0
	same "$out" '[::1]:21102'
	same "$err" "natprobe: [::1]:21478 sees [::1]:21102
natprobe: not behind NAT"
}

@test "a server may be a name, and a second name for the same server gives no verdict" {
	fake 127.0.0.1:21480 192.0.2.1:40000
	probe -p 21103 localhost:21480 127.0.0.1:21480
	same "$status" 0
	same "$out" 127.0.0.1:21103@192.0.2.1:40000
	same "$err" "natprobe: localhost (127.0.0.1:21480) sees 192.0.2.1:40000
natprobe: behind NAT, port moved from 21103 to 40000; verdict unknown (both servers are one and the same): ask two servers of different addresses"
}

@test "the same mapping at two servers: endpoint-independent, with the port kept or moved" {
	fake 127.0.0.1:21480 192.0.2.1:40000
	fake 127.0.0.2:21480 192.0.2.1:40000
	probe -p 21104 127.0.0.1:21480 127.0.0.2:21480
	same "$status" 0
	same "$out" 127.0.0.1:21104@192.0.2.1:40000
	same "$(tail -1 err)" 'natprobe: mapping endpoint-independent (cone NAT), port moved from 21104 to 40000'
	probe -p 40000 127.0.0.1:21480 127.0.0.2:21480
	same "$(tail -1 err)" 'natprobe: mapping endpoint-independent (cone NAT), port kept'
}

@test "two mappings: status 3, both shown, for whom the word does all the same, and what helps" {
	fake 127.0.0.1:21480 192.0.2.1:40000
	fake 127.0.0.2:21480 192.0.2.1:50001
	probe -p 21105 127.0.0.1:21480 127.0.0.2:21480
	same "$status" 3
	same "$out" 127.0.0.1:21105@192.0.2.1:50001
	same "$err" "natprobe: 127.0.0.1:21480 sees 192.0.2.1:40000
natprobe: 127.0.0.2:21480 sees 192.0.2.1:50001
natprobe: mapping endpoint-dependent (symmetric NAT): this word does only for a peer that is not behind NAT, or whose router has the port forwarded. What helps with others: --map, forward UDP port 21105 on the router, another network, IPv6"
}

@test "two mappings 1 to 5 ports apart at one address: the NAT counts, the word has the higher port" {
	fake 127.0.0.1:21480 192.0.2.1:40005
	while read -r at seen want said; do
		fake 127.0.0.2:$at $seen
		probe -p 21105 127.0.0.1:21480 127.0.0.2:$at
		same "$status $out" "3 127.0.0.1:21105@$want"
		same "$(sed -n 's/^natprobe: the two ports are \([0-9]\) apart, so this NAT counts: .*/\1/p' err)" "$said"
	done <<-END
		21481 192.0.2.1:40006 192.0.2.1:40006 1
		21482 192.0.2.1:40010 192.0.2.1:40010 5
		21483 192.0.2.1:40011 192.0.2.1:40011
		21484 192.0.2.1:40003 192.0.2.1:40005 2
		21485 192.0.2.2:40006 192.0.2.2:40006
	END
}

@test "one server, or two ports of one address, leave the verdict unknown and say so" {
	fake 127.0.0.1:21480 192.0.2.1:21106
	fake 127.0.0.1:21481 192.0.2.1:21106
	probe -p 21106 127.0.0.1:21480
	same "$status" 0
	same "$(tail -1 err)" 'natprobe: behind NAT, port kept; verdict unknown (only one server given): ask two servers of different addresses'
	probe -p 21106 127.0.0.1:21480 127.0.0.1:21481
	same "$(tail -1 err)" 'natprobe: behind NAT, port kept; verdict unknown (both servers have one address): ask two servers of different addresses'
}

@test "a server on this side of the NAT makes no symmetric one" {
	fake 127.0.0.1:21480 192.0.2.1:40000
	probe -p 21107 127.0.0.2:21478 127.0.0.1:21480
	same "$status" 0
	same "$out" 127.0.0.1:21107@192.0.2.1:40000
	same "$(tail -1 err)" 'natprobe: behind NAT, port moved from 21107 to 40000; verdict unknown (only one server counts): ask two servers of different addresses'
}

@test "a mapped address that is not public is named: another NAT" {
	fake 127.0.0.1:21480 100.64.7.8:40000
	fake 127.0.0.2:21480 100.64.7.8:40000
	probe -p 21108 127.0.0.1:21480 127.0.0.2:21480
	same "$status" 0
	same "$out" 127.0.0.1:21108@100.64.7.8:40000
	same "$(tail -1 err)" 'natprobe: 100.64.7.8 is in 100.64.0.0/10, not public: beyond the server stands another NAT; ask a server on the internet'
}

@test "every range that is not public is named, and what lies beside it is not" {
	server=21620
	while read -r seen range; do
		server=$((server + 1))
		case $seen in *:*) at="[::1]" seen="[$seen]" ;; *) at=127.0.0.1 ;; esac
		fake $at:$server $seen:40000
		probe -p 21108 $at:$server
		same "$status $out" "0 $at:21108@$seen:40000"
		said=$(sed -n 's/.* is in \(.*\), not public: .*/\1/p' err)
		same "$seen $said" "$seen $range"
	done <<-END
		10.0.0.0 10.0.0.0/8
		11.0.0.0
		172.15.255.255
		172.31.255.255 172.16.0.0/12
		172.32.0.0
		192.168.0.1 192.168.0.0/16
		192.169.0.1
		100.127.255.255 100.64.0.0/10
		100.128.0.0
		169.254.1.1 169.254.0.0/16
		fdff::1 fc00::/7
		fe00::1
		febf::1 fe80::/10
		fec0::1
		2001:db8::1
	END
}

@test "the XORed address goes before the plain one, and the plain one is taken where it is alone" {
	fake 127.0.0.1:21480 192.0.2.1:40000 both
	fake 127.0.0.2:21480 192.0.2.1:40000 plain
	probe -p 21109 127.0.0.1:21480 127.0.0.2:21480
	same "$status" 0
	same "$out" 127.0.0.1:21109@192.0.2.1:40000
}

@test "answers of another transaction, cookie, source, length or with unknown attributes do not count" {
	port=21600
	for kind in id cookie source length truncated oversized overrun unknown request; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:40000 $kind
		probe -p 21110 127.0.0.1:$port
		same "$kind $out" "$kind 127.0.0.1:21110@192.0.2.1:40000"
		same "$(head -1 err)" "natprobe: 127.0.0.1:$port sees 192.0.2.1:40000"
	done
}

@test "an error answer is named, with what to do: status 4" {
	port=21700
	while IFS='|' read -r number text; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:1 error=$number
		mkdir $number
		(
			cd $number
			probe -p $((port + 20)) 127.0.0.1:$port
			same "$number: $status $out" "$number: 4 "
			same "$err" "natprobe: 127.0.0.1:$port: answered with error $number: $text: ask another server"
		) 3>&- &
		probes[port]=$!
	done <<-'END'
		300|it sends clients to another server
		400|it does not understand the request
		401|it serves only users with a password
		403|it does not serve this host
		420|it expects more than the request has
		438|it gives no reason
		500|it has a fault now
	END
	for one in "${probes[@]}"; do wait $one; done
	[ $port -eq 21707 ]
	fake 127.0.0.1:21710 192.0.2.1:3479 alternate
	probe -p 21709 127.0.0.1:21710
	same "$status $out" "4 "
	same "$err" "natprobe: 127.0.0.1:21710: answered with error 300: it sends clients to another server: ask 192.0.2.1:3479"
}

@test "an error 500 is not the last word: the server is asked again" {
	fakestun 127.0.0.1:21711 192.0.2.1:1 error=500 >ready 3>&- &
	started+=($!)
	until [ -s ready ]; do sleep 0.02; done
	{ sleep 0.3; kill "${started[0]}"; exec fakestun 127.0.0.1:21711 192.0.2.1:40000 >ready 3>&-; } &
	started+=($!)
	probe -p 21712 127.0.0.1:21711
	same "$status $out" "0 127.0.0.1:21712@192.0.2.1:40000"
}

@test "what old servers send is read: XOR-MAPPED-ADDRESS as 0x8020, attributes that are not padded" {
	port=21720
	for kind in old software software-first uncounted; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:40000 $kind
		probe -p 21719 127.0.0.1:$port
		same "$kind: $status $out" "$kind: 0 127.0.0.1:21719@192.0.2.1:40000"
	done
}

@test "an answer that does not count is no silence: from elsewhere or of no use, it is said so, with what to do: status 4" {
	fake 127.0.0.1:21731 192.0.2.1:40000 elsewhere=127.0.0.3:21739
	fake 127.0.0.1:21732 192.0.2.1:40000 only=unknown
	fake 127.0.0.1:21733 192.0.2.1:40000 only=truncated
	fake 127.0.0.1:21734 192.0.2.1:40000 only=id
	mkdir one two
	(cd one; probe -p 21735 127.0.0.1:21731 127.0.0.1:21732; echo "$status $out $err" >said) 3>&- &
	one=$!
	(cd two; probe -p 21736 127.0.0.1:21733 127.0.0.1:21734; echo "$status $out $err" >said) 3>&- &
	wait $! $one
	same "$(cat one/said)" "4  natprobe: 127.0.0.1:21731: answered from another address, 127.0.0.3:21739, which does not count: ask 127.0.0.3:21739, or another server
natprobe: 127.0.0.1:21732: answered with what natprobe cannot read: ask another server"
	same "$(cat two/said)" "4  natprobe: 127.0.0.1:21733: answered with what natprobe cannot read: ask another server
natprobe: 127.0.0.1:21734: answered with what natprobe cannot read: ask another server"
}

@test "an answer where no packet can go is no endpoint: no word, status 4" {
	server=21640
	for seen in 0.0.0.0:40000 127.0.0.1:40000 224.0.0.1:40000 255.255.255.255:40000 '[::]:40000' '[::1]:40000' '[ff02::1]:40000' \
		'[::ffff:192.0.2.1]:40000'; do
		server=$((server + 1))
		case $seen in [[]*) at="[::1]:$server" ;; *) at=127.0.0.1:$server ;; esac
		fake "$at" "$seen"
		probe -p 21114 "$at"
		same "$seen: $status $out" "$seen: 4 "
		same "$err" "natprobe: $at: answered with $seen, where no packet can go"
	done
}

@test "names that no name server knows of take 8 seconds together, and keep nobody from asking the other; --resolve takes 8, too" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: binds another /etc/resolv.conf"
	mkdir resolve
	(
		cd resolve
		start=${EPOCHREALTIME/./}
		named "" --resolve home.example.org
		same "$status $(cat out err) $(sort -u asked)" "4 natprobe: home.example.org: no name server answers home.example.org 1"
		took=$((${EPOCHREALTIME/./} - start))
		[ $took -ge 7900000 ]
		[ $took -lt 15000000 ] # the resolver itself would wait for 30
	) &
	resolve=$!
	echo 'nameserver 127.0.0.9' >resolv.conf
	deaf() { # ARGUMENT...: where the name server takes questions and is silent, and a STUN server is there
		unshare -mn sh -c 'mount --bind resolv.conf /etc/resolv.conf && ip link set lo up || exit 77
			socat -u UDP-RECV:53,bind=127.0.0.9 /dev/null & silent=$!
			fakestun 127.0.0.1:21480 192.0.2.1:21115 >ready & fake=$!
			until [ -s ready ] && [ -n "$(ss -Hlun sport = :53)" ]; do sleep 0.05; done
			status=0; "$NATPROBE" "$@" >out 2>err || status=$?
			kill $silent $fake; exit $status' deaf "$@" 3>&-
	}
	start=${EPOCHREALTIME/./}
	status=0
	deaf -p 21115 a.example b.example || status=$?
	[ $status != 77 ] || skip "cannot mount"
	same "$status $(cat out)" "4 "
	same "$(cat err)" "natprobe: a.example: no name server answers
natprobe: b.example: no name server answers"
	[ $((${EPOCHREALTIME/./} - start)) -lt 8500000 ]
	start=${EPOCHREALTIME/./}
	status=0
	deaf -p 21115 127.0.0.1:21480 b.example || status=$?
	same "$status $(cat out)" "0 127.0.0.1:21115@192.0.2.1:21115"
	[ $((${EPOCHREALTIME/./} - start)) -lt 8500000 ]
	wait $resolve
}

# named ZONE ARGUMENT...: natprobe on a host that HOST has set up, where the name server has these words, NAME=ADDRESS[,ADDRESS]...; '' takes questions and is
# silent. Fills status; leaves out, err and asked: each question's name and type
named() {
	[ "$(id -u)" -eq 0 ] || skip "needs root: binds another /etc/resolv.conf"
	# the resolver's own patience, else more than ours
	printf 'nameserver 127.0.0.9\noptions timeout:%s attempts:1\n' "${PATIENCE:-30}" >resolv.conf
	echo '127.0.0.1 localhost' >hosts
	status=0
	ZONE=$1 unshare -mn sh -c 'mount --bind resolv.conf /etc/resolv.conf && mount --bind hosts /etc/hosts && ip link set lo up || exit 77
		eval "${HOST-}"
		perl -MSocket=:all -e "$0" >asked & server=$!
		until [ -n "$(ss -Hlun sport = :53)" ]; do sleep 0.05; done
		shift; status=0; "$NATPROBE" "$@" >out 2>err || status=$?
		kill $server; exit $status' '
		socket my $s, AF_INET, SOCK_DGRAM, 0; bind $s, pack_sockaddr_in(53, inet_aton "127.0.0.9") or die; $| = 1;
		my %zone = map { my ($name, $all) = split "="; $name, [split ",", $all] } split " ", $ENV{ZONE};
		while (my $from = recv $s, my $q, 512, 0) {
			my ($at, @name) = 12;
			while (my $n = ord substr $q, $at, 1) { push @name, substr $q, $at + 1, $n; $at += $n + 1 }
			my ($name, $type) = (lc join(".", @name), unpack "n", substr $q, $at + 1, 2);
			print "$name $type\n";
			next unless %zone;
			my @found = grep { defined && length == ($type == 28 ? 16 : 4) }
				map { /:/ ? inet_pton AF_INET6, $_ : inet_pton AF_INET, $_ } @{$zone{$name} || []};
			send $s, substr($q, 0, 2) . pack("n5", $zone{$name} ? 0x8180 : 0x8183, 1, scalar @found, 0, 0) . substr($q, 12, $at - 7) .
				join("", map { pack "n3Nn/a*", 0xc00c, $type, 1, 60, $_ } @found), 0, $from;
		}' "$@" 3>&- || status=$?
	[ $status != 77 ] || skip "cannot mount"
}
ZONE="home.example.org=31.1.2.3,31.1.2.4 six.example.org=2001:db8::7 both.example.org=31.1.2.5,2001:db8::8
	late.example.org=0.0.0.0,127.0.0.1,224.0.0.1,255.255.255.255,31.1.2.6 late6.example.org=::,::1,ff02::1,::ffff:31.1.2.3,2001:db8::9
	lan=192.168.1.9 nowhere.example.org=127.0.1.1,0.0.0.0"

@test "on a host with IPv6 alone a server that has no such address is said at once, and nobody waits for it" {
	export HOST='ip address add 2001:db8::8 dev lo nodad; fakestun "[2001:db8::8]:3478" "[2001:db8::8]:21119" >ready & until [ -s ready ]; do sleep 0.02; done'
	local start=${EPOCHREALTIME/./}
	named "$ZONE" -p 21119 both.example.org home.example.org
	[ $((${EPOCHREALTIME/./} - start)) -lt 4000000 ]
	same "$status $(cat out)" "0 [2001:db8::8]:21119"
	same "$(sed "s/Network is/Network/" err)" "natprobe: both.example.org ([2001:db8::8]:3478) sees [2001:db8::8]:21119
natprobe: home.example.org: Network unreachable
natprobe: not behind NAT"
}

@test "--resolve prints the first address of a name that can be an endpoint, of the version that -b has" {
	while IFS='|' read -r arguments want; do
		# shellcheck disable=SC2086
		named "$ZONE" $arguments
		same "$arguments: $status $(cat out err)" "$arguments: 0 $want"
	done <<-END
		--resolve home.example.org|31.1.2.3
		--resolve home.example.org.|31.1.2.3
		--resolve HOME.example.org -b 192.0.2.1|31.1.2.3
		--resolve=both.example.org|31.1.2.5
		-b 2001:db8::1 --resolve both.example.org|2001:db8::8
		-b :: --resolve six.example.org|2001:db8::7
		--resolve late.example.org|31.1.2.6
		-b :: --resolve late6.example.org|2001:db8::9
		--resolve lan|192.168.1.9
		-u 65534 --resolve lan|192.168.1.9
	END
}

@test "--resolve: one line says whether there is no such name, no answer, or nothing that a packet can go to: status 4" {
	named "$ZONE" --resolve gone.example.org
	same "$status $(cat out err)" "4 natprobe: gone.example.org: no such name, or none with an IPv4 address"
	named "$ZONE" --resolve six.example.org
	same "$status $(cat out err)" "4 natprobe: six.example.org: no such name, or none with an IPv4 address"
	named "$ZONE" -b :: --resolve home.example.org
	same "$status $(cat out err)" "4 natprobe: home.example.org: no such name, or none with an IPv6 address"
	named "$ZONE" --resolve nowhere.example.org
	same "$status $(cat out err)" "4 natprobe: nowhere.example.org: is 127.0.1.1, where no packet can go"
	named "$ZONE" --resolve localhost
	same "$status $(cat out err)" "4 natprobe: localhost: is 127.0.0.1, where no packet can go"
	PATIENCE=1 named "" --resolve home.example.org
	same "$status $(cat out err)" "4 natprobe: home.example.org: no name server answers"
}

@test "--resolve: an address prints itself, as the kernel writes it, and asks nobody" {
	while IFS='|' read -r given want; do
		# shellcheck disable=SC2086
		named "" $given
		same "$given: $status $(cat out err asked)" "$given: 0 $want"
	done <<-END
		--resolve 31.1.2.3|31.1.2.3
		-b 192.0.2.1 --resolve 192.168.1.9|192.168.1.9
		--resolve 2001:DB8:0:0:0:0:0:7|2001:db8::7
		-b :: --resolve 2001:db8::7|2001:db8::7
	END
}

@test "--hold ends at once where its input is closed, and at SIGHUP as at Enter: status 0" {
	status=0
	timeout 3 "$NATPROBE" -p 21116 --hold 127.0.0.1:21478 <&- >out 2>err 3>&- || status=$?
	same "$status $(cat out)" "0 127.0.0.1:21116"
	rm out
	mkfifo input
	env --default-signal "$NATPROBE" -p 21117 --hold 127.0.0.1:21478 <>input >out 2>err 3>&- &
	until [ -s out ]; do sleep 0.05; done
	sleep 0.1
	kill -HUP $!
	status=0
	wait $! || status=$?
	same "$status" 0
}

@test "--hold prints first, then waits for the end of its input" {
	{ for _ in {1..50}; do [ ! -s out ] || { touch printed; break; }; sleep 0.05; done; } | { probe -p 21112 --hold 127.0.0.1:21478; same "$out" 127.0.0.1:21112; }
	[ -e printed ]
}

@test "a full disk is a status, not a lost word" {
	status=0
	"$NATPROBE" -p 21113 127.0.0.1:21478 2>err >/dev/full || status=$?
	same "$status" 1
	same "$(tail -1 err)" 'natprobe: standard output: No space left on device'
}

@test "two sides punch: each prints the endpoint it heard" {
	both "--first" ""
	same "$status $other" "0 0"
	same "$out $out2" "127.0.0.2:21502 127.0.0.1:21501"
	same "$err$err2" ""
}

@test "a side that starts later is heard as well, with tokens" {
	status=0 other=0
	{ sleep 0.6; exec "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token ab12 2>err2 >out2 3>&-; } &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --first --token ab12
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out $(cat out2)" "127.0.0.2:21502 127.0.0.1:21501"
}

@test "IPv6 punches too" {
	other=0
	"$NATPROBE" -p 21502 --punch '[::1]:21501' 2>err2 >out2 3>&- &
	probe -p 21501 --punch '[::1]:21502' --first
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out $(cat out2)" "[::1]:21502 [::1]:21501"
}

@test "two scripts of different runs: both sides stop as soon as each has said the other's id, status 2" {
	for first in "" --first; do
		start=${EPOCHREALTIME/./}
		both "--token the-word-of-run-one $first" "--token the-word-of-run-two"
		same "$status $other" "2 2"
		same "$out$out2" ""
		same "$err" "natprobe: 127.0.0.2:21502: speaks with another --token: its script is of another run"
		same "$err2" "natprobe: 127.0.0.1:21501: speaks with another --token: its script is of another run"
		[ $((${EPOCHREALTIME/./} - start)) -lt 6000000 ] # of sixty seconds
	done
}

@test "hellos of another token that do not say our id end nothing, however many and wherever from, and nothing is said of them" {
	"$NATPROBE" -b 127.0.0.3 -p 21513 --punch 127.0.0.1:21511 --token two --timeout 1 2>/dev/null 3>&- &
	"$NATPROBE" -b 127.0.0.1 -p 21511 --punch 127.0.0.2:21512 --token one --timeout 1 >out2 2>err2 3>&- &
	many=$!
	foreign=$(escaped AAAAAAAA DDDDDDDD BBBBBBBB)
	says 1 "$foreign" "$foreign" "$foreign" "$(escaped CCCCCCCC '' BBBBBBBB)"
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 1
	same "$status $out" "4 "
	same "$err" "natprobe: 127.0.0.2:21502: heard nothing in 1 seconds
natprobe: stop both for 30 seconds, then start the side given --first first (one side, not both)
natprobe: where that does not help: --ttl N, more than the hops to the own NAT and less than to the peer's; where no N fits, forward UDP port 21501 on the router, or IPv6"
	status=0
	wait $many || status=$?
	same "$status $(cat out2)" "4 "
	same "$(grep 127.0.0.3 err2)" ""
	hush
}

@test "after a stranger has sent all kinds of packets in the peer's name, the peer is heard all the same" {
	word=a-word-of-sixteen other=0
	foreign=$(escaped AAAAAAAA DDDDDDDD other)
	says 0.2 "$foreign" '\xff' "$foreign" '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh' junk "$foreign"
	{ sleep 1.5; kill "${started[@]}" || :; sleep 0.3; exec "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token $word 2>err2 >out2 3>&-; } &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token $word --first
	wait $! || other=$?
	same "$status $other $out $(cat out2) $err$(cat err2)" "0 0 127.0.0.2:21502 127.0.0.1:21501 "
}

@test "hellos of another token do not end a punch that has heard the right one" {
	says 1 "$(escaped AAAAAAAA)" "$(escaped CCCCCCCC '' BBBBBBBB)" "$(escaped CCCCCCCC '' BBBBBBBB)"
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 1
	same "$status" 4
	same "$(head -1 err)" "natprobe: 127.0.0.2:21502: heard it, but it did not hear us in 1 seconds"
}

@test "a peer that sends from another port is heard, reported and printed" {
	other=0
	"$NATPROBE" -b 127.0.0.2 -p 21503 --punch 127.0.0.1:21501 2>err2 >out2 3>&- &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502
	wait $! || other=$?
	same "$status $other" "0 0"
	same "$out" 127.0.0.2:21503
	same "$err" "natprobe: 127.0.0.2:21503: the peer sends from there, not from 127.0.0.2:21502: its NAT is symmetric, or the port was taken"
}

@test "a peer whose NAT counts is heard from one of the ten ports after its own, not from further on, and what comes in brings no more out" {
	# waits where the NAT lets in only what has been sent to, and answers what comes there: each port, once it was sent to
	behind_counting() { # STEPS
		perl -MIO::Socket::INET -e '
			$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.2:$ARGV[0]", ReuseAddr => 0) or die;
			$s->recv($_, 99); exec @ARGV[1 .. $#ARGV]' $((21502 + $1)) \
			"$NATPROBE" -b 127.0.0.2 -p $((21502 + $1)) --punch 127.0.0.1:21501 --token a-word-of-sixteen --timeout 3 >out2 2>err2 3>&- &
		started+=($!)
	}
	for steps in 1 10; do
		behind_counting $steps
		probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token a-word-of-sixteen --timeout 12
		same "$status $out" "0 127.0.0.2:$((21502 + steps))"
		hush
	done
	behind_counting 11
	FROM=127.0.0.3:21503 says 8 "$(escaped AAAAAAAA CCCCCCCC a-word-of-sixteen)" "$(escaped BBBBBBBB CCCCCCCC other)"
	strace -qq -e trace=sendto -o trace "$NATPROBE" -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token a-word-of-sixteen --timeout 8 >out 2>err 3>&- || true
	same "$(cat out)" ""
	hush
	# to a stranger one for one; to each of the ten no more than to the port given
	same "$(grep -c 127.0.0.3 trace)" 1
	given=$(grep -c 'htons(21502)' trace) more=$(grep -c 'htons(215\(0[3-9]\|1[0-2]\)).*127.0.0.2' trace)
	[ $more -ge 8 ]
	[ $more -lt "$given" ]
	same "$(grep -c 'htons(21513)' trace)" 0
}

@test "without --token another address does not count, with it it does" {
	deaf=0 dumb=0 other=0
	"$NATPROBE" -b 127.0.0.3 -p 21513 --punch 127.0.0.1:21511 --timeout 1 >out3 2>&1 3>&- &
	three=$!
	"$NATPROBE" -b 127.0.0.1 -p 21511 --punch 127.0.0.2:21512 --timeout 1 >out4 2>&1 3>&- &
	four=$!
	"$NATPROBE" -b 127.0.0.3 -p 21503 --punch 127.0.0.1:21501 --token x 2>err2 >out2 3>&- &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token x
	wait $! || other=$?
	same "$status $other $out" "0 0 127.0.0.3:21503"
	wait $three || deaf=$?
	wait $four || dumb=$?
	same "$deaf $dumb" "4 4"
}

@test "a keepalive or ESP from the peer's endpoint proves no token: ten seconds without a hello, then status 4, no word" {
	tunnel="natprobe: 127.0.0.2:21502: something sends from there as a tunnel would; whether it is the peer's only the tunnel can tell"
	says 0.3 '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --first --timeout 1
	same "$status $out $err" "4  $tunnel"
	hush
	start=${EPOCHREALTIME/./}
	says 0.3 '\xff'
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --first --timeout 30
	same "$status $out $err" "4  $tunnel"
	took=$((${EPOCHREALTIME/./} - start))
	[ $took -ge 10000000 ]
	[ $took -lt 15000000 ]
}

@test "where the peer has said hello, a tunnel's packets count for nothing, before it or after" {
	for order in before after; do
		case $order in
		before) says 1 '\xff' "$(escaped AAAAAAAA)" ;;
		after) says 1 "$(escaped AAAAAAAA)" '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh' ;;
		esac
		probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 2   # longer than the second that the first packet gives it
		same "$status $out" "4 "
		same "$(head -1 err)" "natprobe: 127.0.0.2:21502: heard it, but it did not hear us in 2 seconds"
		hush
	done
}

@test "a tunnel's packets from elsewhere than the endpoint given count for nothing" {
	FROM=127.0.0.2:21503 says 1 '\xff' '\x00\x00\x10\x01\x00\x00\x00\x01abcdefgh'
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 2
	same "$status $out" "4 "
	[[ $(head -1 err) == "natprobe: 127.0.0.2:21502: heard nothing in 2 seconds"* ]]
}

@test "without the right MAC nothing is answered, wherever it comes from" {
	word=a-word-of-sixteen
	for from in 127.0.0.3:21503 127.0.0.2:21503; do
		# of another token; of ours, but changed; cut off; of the version before
		good=$(escaped AAAAAAAA '' $word)
		FROM=$from says 0.5 "$(escaped AAAAAAAA '' other)" "${good%????}\x00" "${good%????}" "${good/02/01}" "$(escaped AAAAAAAA)"
		probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token $word --timeout 1
		same "$status $out" "4 "
		[[ $(head -1 err) == "natprobe: 127.0.0.2:21502: heard nothing in 1 seconds"* ]]
		same "$(stat -c %s came)" 0
		hush
	done
}

@test "a hello that was recorded gets one back for each, and does not take the tunnel along" {
	word=a-word-of-sixteen other=0
	good=$(escaped AAAAAAAA CCCCCCCC $word)
	FROM=127.0.0.3:21503 says 2 "$good" "$good" "$good"
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token $word --timeout 2
	same "$status $out" "4 "
	same "$(stat -c %s came)" $((3 * 44))
	hush
	FROM=127.0.0.2:21503 says 2 "$good" "$good" "$good" "$good" "$good" "$good"
	{ sleep 0.4; exec "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token $word 2>err2 >out2 3>&-; } &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token $word
	wait $! || other=$?
	same "$status $other $out $(cat out2)" "0 0 127.0.0.2:21502 127.0.0.1:21501"
}

@test "to who gave the token on a descriptor it is told in a word on standard output why the peer was not heard, and in none on stderr" {
	# told STATUS WORD: by the peer that is there now
	told() {
		probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout "${3:-2}" --token-fd 0 <<<a-word-of-sixteen
		same "$status $out $err" "$1 $2 "
	}
	told 4 refused 1
	# of another run
	"$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token another-of-sixteen 2>err2 >out2 3>&- &
	told 2 foreign 8
	wait $! || :
	# heard from another port than the one given, which is no failure, and said by nobody
	"$NATPROBE" -b 127.0.0.2 -p 21503 --punch 127.0.0.1:21501 --token a-word-of-sixteen 2>err2 >out2 3>&- &
	told 0 127.0.0.2:21503 8
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

@test "the token may come from a descriptor, and a short one is warned about" {
	other=0
	"$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 --token-fd 0 2>err2 >out2 3>&- <<<a-word-of-sixteen &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --token-fd 7 7< <(printf a-word-of-; sleep 0.2; printf sixteen)
	wait $! || other=$?
	same "$status $other $out $err$(cat err2)" "0 0 127.0.0.2:21502 "
	probe -p 21501 --punch 127.0.0.2:21502 --timeout 1 --token-fd=0 <<<a-word-of-sixteen
	same "$status $out $err" "4 refused "
	probe -p 21501 --punch 127.0.0.2:21502 --timeout 1 --token-fd=0 <<<a-word-of-fifte
	same "$status $(head -1 err)" "4 natprobe: --token-fd: a word of less than 16 characters can be guessed"
	probe -p 21501 --punch 127.0.0.2:21502 --timeout 1 --token a-word-of-fifte
	same "$status $(head -1 err)" "4 natprobe: --token: a word of less than 16 characters can be guessed"
	probe -p 21501 --punch 127.0.0.2:21502 --token-fd 0 <&-
	same "$status $err" "2 natprobe: --token-fd: '': want a word"
	probe -p 21501 --punch 127.0.0.2:21502 --token-fd 0 < <(printf '%300s' '')
	same "$status $err" "2 natprobe: --token-fd: want a word of at most 256 characters"
}

@test "SHA-256 and its HMAC give what FIPS 180-4's examples and RFC 4231 say" {
	same "$(sha256 1 abc)" ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	same "$(sha256 0 '')" e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	same "$(sha256 1 abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq)" 248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1
	same "$(sha256 1000000 a)" cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0
	same "$(sha256 hmac Jefe 'what do ya want for nothing?')" 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843
	# its sixth case: a key longer than a block
	same "$(sha256 hmac "$(printf '\xaa%.0s' {1..131})" 'Test Using Larger Than Block-Size Key - Hash Key First')" \
		60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54
}

@test "garbage, its own packets and ICMP errors end nothing and get no answer of their own" {
	good=$(escaped AAAAAAAA BBBBBBBB)
	garbage=('' '\xff\xff' '\0\0\0\0' '\0\0\0\0hole\2\0\0\0' "${good/\\x02/\\x01}" "${good/\\x02/\\x03}" \
		"$(escaped "$(printf '')" BBBBBBBB)" "${good}more")
	says 1 "${garbage[@]}"
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 2
	same "$status" 4
	hush
	[ $(($(stat -c %s came) % 44)) -eq 0 ]
	[ "$(stat -c %s came)" -le $((44 * 9)) ]
}

@test "a hello is answered at once, packet for packet and never longer" {
	command -v perl >/dev/null || skip "needs perl"
	# waits for the first that natprobe sends by itself; then one for one, and at the end whatever else is there
	timeout 9 perl -MIO::Socket::INET -MDigest::SHA=hmac_sha256 -e '
		$hello = "\0\0\0\0hole\2\0\0\0AAAAAAAA" . "\0" x 8;
		$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.2:21502", PeerAddr => "127.0.0.1:21501") or die;
		$s->recv($_, 99);
		for (1 .. 20) { $s->send($hello . substr hmac_sha256($hello, ""), 0, 16); $s->recv($_, 99); push @came, $_ }
		vec($bits, fileno $s, 1) = 1;
		while (select($ready = $bits, undef, undef, 0.1)) { $s->recv($_, 99); push @came, $_ }
		print scalar @came, grep(length != 44 || !/^\0{4}hole/, @came) ? " bad" : " good", "\n"' >came 3>&- &
	started+=($!)
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 1
	same "$status" 4
	same "$(head -1 err)" 'natprobe: 127.0.0.2:21502: heard it, but it did not hear us in 1 seconds'
	[[ "$(cat came)" =~ ^2[0-4]\ good$ ]]   # some are sent unasked
}

@test "a refused port is survived until the peer is there" {
	other=0
	{ sleep 0.5; exec "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 2>err2 >out2 3>&-; } &
	probe -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 4
	wait $! || other=$?
	same "$status $other" "0 0"
}

@test "a route that is gone for a while ends nothing; one that cannot be from the first packet on does" {
	local error
	for error in EINVAL EADDRNOTAVAIL; do
		{ sleep 0.6; exec "$NATPROBE" -b 127.0.0.2 -p 21502 --punch 127.0.0.1:21501 >out2 2>err2 3>&-; } &
		status=0
		ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendto -e inject=sendto:error=$error:when=2..3 \
			"$NATPROBE" -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 4 >out 2>err 3>&- || status=$?
		same "$status $(cat out err)" "0 127.0.0.2:21502"
		wait $! || { cat err2; return 1; }
		[ "$(grep -c INJECTED trace)" -eq 2 ]
		status=0
		ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendto -e inject=sendto:error=$error:when=1 \
			"$NATPROBE" -b 127.0.0.1 -p 21501 --punch 127.0.0.2:21502 --timeout 4 >out 2>err 3>&- || status=$?
		same "$status $(wc -l <err)" "1 1"
	done
}

@test "-u: neither identity nor capability of root is left when the first packet is read, in both jobs" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: becomes nobody"
	nobody="Uid: 65534 65534 65534 65534
Gid: 65534 65534 65534 65534
Groups:
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1"
	mkfifo hold
	for arguments in "--hold localhost:21478" "--punch 127.0.0.2:21502"; do
		for user in 65534 65534:65534; do
			# shellcheck disable=SC2086
			"$NATPROBE" -p 577 -u $user $arguments <>hold >out 2>err 3>&- &
			started+=($!)
			until [ -n "$(ss -Hlun sport = :577)" ]; do sleep 0.02; done
			sleep 0.1
			facts=$(grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/$!/status | tr -s '\t ' ' ' | sed 's/ $//')
			kill $!
			wait $! || true
			same "$facts" "$nobody"
		done
	done
	strace -o trace "$NATPROBE" -p 577 -u 65534 --punch 127.0.0.2:21512 --timeout 1 2>/dev/null 3>&- &
	traced=$!
	both "-u 65534 --first" "-u 65534"
	same "$status $other $out $out2" "0 0 127.0.0.2:21502 127.0.0.1:21501"
	wait $traced || true
	same "$(sed -nE 's/^(bind|capset|sendto|recvfrom|recvmsg).*/\1/p' trace | awk '!seen[$0]++' | head -n 2 | xargs)" "bind capset"
}

@test "-u: who looks a name up has nothing of root either, nor the stdout that somebody waits for" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: becomes nobody"
	echo 'nameserver 127.0.0.9' >resolv.conf
	status=0
	unshare -mn sh -c 'mount --bind resolv.conf /etc/resolv.conf && ip link set lo up || exit 77
		socat -u UDP-RECV:53,bind=127.0.0.9 /dev/null & silent=$!
		until [ -n "$(ss -Hlun sport = :53)" ]; do sleep 0.02; done
		"$NATPROBE" -p 577 -u 65534 a.example >out 2>err & probe=$!
		until child=$(pgrep -P $probe); do sleep 0.02; done
		sleep 0.2
		grep -E "^(Uid|Gid|CapEff|NoNewPrivs):" /proc/$child/status | tr -s "\t " " " | xargs
		readlink /proc/$child/fd/1 /proc/$child/fd/2 | grep -v socket
		kill $probe $child $silent' 3>&- >facts || status=$?
	[ $status != 77 ] || skip "cannot mount"
	same "$(cat facts)" "Uid: 65534 65534 65534 65534 Gid: 65534 65534 65534 65534 CapEff: 0000000000000000 NoNewPrivs: 1"
}

@test "-u by one who may not: status 1, no packet is sent and no name looked up" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: becomes nobody"
	cp -L "$NATPROBE" natprobe
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" natprobe
	for arguments in "-p 21501 --punch 127.0.0.2:21502" "--resolve localhost" localhost:21478; do
		status=0
		# shellcheck disable=SC2086
		setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all -- \
			./natprobe -u 1 $arguments >out 2>err || status=$?
		same "$status $(cat out err)" "1 natprobe: cannot become user '1': Operation not permitted"
	done
}

@test "a port in use is named, with who tells whose it is" {
	fake 127.0.0.1:21480 192.0.2.1:1
	probe -b 127.0.0.1 -p 21480 --punch 127.0.0.2:21502
	same "$status" 1
	same "$err" 'natprobe: port 21480: in use: `ss -lunp sport = :21480` names the owner'
}

@test "an address that this host has not is said to be so: status 1" {
	for arguments in "-p 21501 --punch 127.0.0.2:21502" 127.0.0.1:21478; do
		# shellcheck disable=SC2086 # words
		probe -b 192.0.2.77 $arguments
		same "$status $out$err" "1 natprobe: 192.0.2.77: not an address of this host"
	done
}

@test "a signal ends it quietly: status 1" {
	for signal in INT TERM; do
		status=0
		timeout -s $signal 0.3 "$NATPROBE" -p 21501 --punch 127.0.0.2:21502 >out 2>err 3>&- || status=$?
		same "$(cat out err)" ""
		env --default-signal "$NATPROBE" -p 21501 --punch 127.0.0.2:21502 >out 2>err 3>&- &
		listens 21501; kill -s $signal $!; status=0; wait $! || status=$?
		same "$status" 1
	done
}

@test "-- ends the options" {
	probe -- --what
	same "$status" 4
}

@test "--help and --version go to stdout: status 0" {
	probe --help
	same "$status $err" "0 "
	[[ $out == "usage: natprobe "* ]]
	probe -V
	same "$status $err" "0 "
	[[ $out == "natprobe "[0-9]* ]]
}

@test "a closed or full stdout is status 1, for --help, --version and a word" {
	for arguments in --help -h --version -V "-p 21118 127.0.0.1:21478"; do
		for to in '>&-' '>/dev/full' '<&- >&-'; do
			status=0
			sh -c "\"\$NATPROBE\" $arguments $to" 2>err || status=$?
			same "$status" 1
			[[ $(tail -n 1 err) == "natprobe: standard output: "* ]]
		done
	done
}

@test "made with musl and stripped, it is static and at most 84 KiB" {
	[ -z "${SANITIZE:-}" ] || skip "a sanitizer's build is dynamic and large"
	strip -o "$BATS_TEST_TMPDIR/stripped" "$NATPROBE" # as make install-strip installs it
	kind=$(file -b "$BATS_TEST_TMPDIR/stripped")
	[[ $kind != *static-pie* ]] || skip "made with glibc: static-pie, and its size is glibc's"
	[[ $kind == *"statically linked, stripped"* ]]
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/stripped")" -le 86016 ]
}

@test "servers that do not answer: status 4 after 8 seconds, each named" {
	while ! grep -q '^status' "$BATS_FILE_TMPDIR/silent"; do sleep 0.2; done
	same "$(cat "$BATS_FILE_TMPDIR/silent")" "natprobe: 127.0.0.1:21999: no answer in 8 seconds (last error: Connection refused)
natprobe: 127.0.0.2:21998: no answer in 8 seconds (last error: Connection refused)
status 4"
}
