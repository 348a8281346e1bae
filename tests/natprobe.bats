# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# natprobe on loopback, without a network.  Needs turnserver (Debian: coturn), socat and file; some tests need root, perl or strace.

source "$BATS_TEST_DIRNAME/natprobe.bash"

setup_file() {
	build fakestun parse
	turnserver -n -S --no-cli --no-tls --no-dtls --no-tcp -p 21478 --listening-ip=127.0.0.1 --listening-ip=127.0.0.2 \
		--listening-ip=::1 --log-file=stdout --pidfile="$BATS_FILE_TMPDIR/turn.pid" >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/turn"
	socat -u UDP-RECV:21998,bind=127.0.0.2 /dev/null >/dev/null 2>&1 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/turn"
	# What takes 8 seconds goes on while the other tests run.
	(cd "$BATS_FILE_TMPDIR"; listens 127.0.0.2:21998; status=0; "$NATPROBE" -p 21001 127.0.0.1:21999 127.0.0.2:21998 >silent 2>&1 || status=$?; echo "status $status" >>silent) \
		>/dev/null 2>&1 3>&- &
	for _ in {1..50}; do
		[ "$(ss -Hlun sport = :21478 | wc -l)" -ge 3 ] && return
		sleep 0.1
	done
}

teardown_file() {
	xargs kill <"$BATS_FILE_TMPDIR/turn"
}

setup() {
	begin 1
}

# fake ADDR:PORT SEEN [KIND]: a STUN server that says so
fake() {
	coproc { exec fakestun "$@" 3>&-; }
	started+=("$COPROC_PID")
	read -r <&"${COPROC[0]}"
}

@test "RFC 5769's sample responses give the RFC's endpoints" {
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.2")" 192.0.2.1:32853
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.3")" '[2001:db8:1234:5678:11:2233:4455:6677]:32853'
}

@test "an answer in the format of RFC 3489 gives its MAPPED-ADDRESS, an error its number" {
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc3489")" 192.0.2.1:32853
	same "$(parse "$BATS_TEST_DIRNAME/fuzz/seeds/stun/error-300")" 'error 300'
}

@test "truncations of a sample response are refused" {
	for n in 0 1 19 20 21 24 36 43 48 51 52 55 76 79; do
		head -c $n "$BATS_TEST_DIRNAME/fuzz/seeds/stun/rfc5769-2.2" >cut
		same "$(parse cut)" refused
	done
}

@test "if two servers report the local endpoint, only that is printed: not behind NAT" {
	probe -p 21101 127.0.0.1:21478 127.0.0.2:21478
	same "$status" 0
	same "$out" 127.0.0.1:21101
	same "$err" "natprobe: 127.0.0.1:21478 sees 127.0.0.1:21101
natprobe: 127.0.0.2:21478 sees 127.0.0.1:21101
natprobe: not behind NAT"
}

@test "IPv6 is printed in brackets, and one server is enough to show that there is no NAT" {
	probe -p 21102 '[::1]:21478'
	same "$status" 0
	same "$out" '[::1]:21102'
	same "$err" "natprobe: [::1]:21478 sees [::1]:21102
natprobe: not behind NAT"
}

@test "a server may be a name; with two names of the same server the type of the NAT is unknown" {
	fake 127.0.0.1:21741 192.0.2.1:40000
	probe -p 21103 localhost:21741 127.0.0.1:21741
	same "$status" 0
	same "$out" 127.0.0.1:21103@192.0.2.1:40000
	same "$err" "natprobe: localhost (127.0.0.1:21741) sees 192.0.2.1:40000
natprobe: behind NAT, port changed from 21103 to 40000; its type is unknown (both servers are the same): ask two servers with different addresses"
}

@test "the same mapping at two servers is endpoint-independent, with the port kept or changed" {
	fake $here:21480 192.0.2.1:40000
	fake $peer:21480 192.0.2.1:40000
	probe -p 21104 $here:21480 $peer:21480
	same "$status" 0
	same "$out" 127.0.0.1:21104@192.0.2.1:40000
	same "$(tail -1 err)" 'natprobe: mapping endpoint-independent (cone NAT), port changed from 21104 to 40000'
	probe -p 40000 $here:21480 $peer:21480
	same "$(tail -1 err)" 'natprobe: mapping endpoint-independent (cone NAT), port kept'
}

@test "two mappings are status 3; both are printed, with the peers that can use the endpoint and advice" {
	fake $here:21480 192.0.2.1:40000
	fake $peer:21480 192.0.2.1:50001
	probe -p 21105 $here:21480 $peer:21480
	same "$status" 3
	same "$out" 127.0.0.1:21105@192.0.2.1:50001
	same "$err" "natprobe: $here:21480 sees 192.0.2.1:40000
natprobe: $peer:21480 sees 192.0.2.1:50001
natprobe: mapping endpoint-dependent (symmetric NAT): this endpoint works only if the peer is reachable from the internet. Otherwise try --map, forward UDP port 21105 on the router, or use another network or IPv6"
}

@test "two mappings 1 to 5 ports apart at one address: the NAT numbers ports in sequence, and the higher one is printed" {
	fake $here:21480 192.0.2.1:40005
	while read -r at seen want said; do
		fake $peer:$at $seen
		probe -p 21120 $here:21480 $peer:$at
		same "$status $out" "3 127.0.0.1:21120@$want"
		same "$(sed -n 's/^natprobe: the two ports are \([0-9]\) apart, so this NAT numbers them in sequence: .*/\1/p' err)" "$said"
	done <<-END
		21481 192.0.2.1:40006 192.0.2.1:40006 1
		21482 192.0.2.1:40010 192.0.2.1:40010 5
		21483 192.0.2.1:40011 192.0.2.1:40011
		21484 192.0.2.1:40003 192.0.2.1:40005 2
		21485 192.0.2.2:40006 192.0.2.2:40006
	END
}

@test "with one server, or two ports of one address, the type of the NAT is reported as unknown" {
	fake $here:21480 192.0.2.1:21106
	fake $here:21481 192.0.2.1:21106
	probe -p 21106 $here:21480
	same "$status" 0
	same "$(tail -1 err)" 'natprobe: behind NAT, port kept; its type is unknown (only one server was given): ask two servers with different addresses'
	probe -p 21106 $here:21480 $here:21481
	same "$(tail -1 err)" 'natprobe: behind NAT, port kept; its type is unknown (both servers have the same address): ask two servers with different addresses'
}

@test "a server on this side of the NAT does not make it look symmetric" {
	fake $here:21480 192.0.2.1:40000
	probe -p 21107 127.0.0.2:21478 $here:21480
	same "$status" 0
	same "$out" 127.0.0.1:21107@192.0.2.1:40000
	same "$(tail -1 err)" 'natprobe: behind NAT, port changed from 21107 to 40000; its type is unknown (only one server answered usefully): ask two servers with different addresses'
}

@test "a mapped address that is not public is reported as another NAT" {
	fake $here:21480 100.64.7.8:40000
	fake $peer:21480 100.64.7.8:40000
	probe -p 21108 $here:21480 $peer:21480
	same "$status" 0
	same "$out" 127.0.0.1:21108@100.64.7.8:40000
	same "$(tail -1 err)" 'natprobe: 100.64.7.8 is in 100.64.0.0/10, not public: there is another NAT beyond this server; ask a server on the internet'
}

@test "every range that is not public is reported, but not the addresses next to it" {
	server=21620
	while read -r seen range; do
		server=$((server + 1))
		case $seen in *:*) at="[::1]" seen="[$seen]" ;; *) at=127.0.0.1 ;; esac
		fake $at:$server $seen:40000
		probe -p 21121 $at:$server
		same "$status $out" "0 $at:21121@$seen:40000"
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

@test "the XORed address is preferred to the plain one, which is used if it is alone" {
	fake $here:21480 192.0.2.1:40000 both
	fake $peer:21480 192.0.2.1:40000 plain
	probe -p 21109 $here:21480 $peer:21480
	same "$status" 0
	same "$out" 127.0.0.1:21109@192.0.2.1:40000
}

@test "answers with another transaction, cookie, source or length, or unknown attributes, are ignored" {
	port=21600
	for kind in id cookie source length truncated oversized overrun unknown request; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:40000 $kind
		probe -p 21110 127.0.0.1:$port
		same "$kind $out" "$kind 127.0.0.1:21110@192.0.2.1:40000"
		same "$(head -1 err)" "natprobe: 127.0.0.1:$port sees 192.0.2.1:40000"
	done
}

@test "an error answer is explained, with advice: status 4" {
	port=21700
	while IFS='|' read -r number text; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:1 error=$number
		mkdir $number
		(
			cd $number
			probe -p $((port + 70)) 127.0.0.1:$port
			same "$number: $status $out" "$number: 4 "
			same "$err" "natprobe: 127.0.0.1:$port: answered with error $number: $text: ask another server"
		) 3>&- &
		probes[port]=$!
	done <<-'END'
		300|it redirects clients to another server
		400|it does not understand the request
		401|it requires a password
		403|it does not serve this host
		420|it requires an attribute that the request does not have
		438|it gives no reason
		500|it has an internal error
	END
	for one in "${probes[@]}"; do wait $one; done
	[ $port -eq 21707 ]
	fake 127.0.0.1:21710 192.0.2.1:3479 alternate
	probe -p 21709 127.0.0.1:21710
	same "$status $out" "4 "
	same "$err" "natprobe: 127.0.0.1:21710: answered with error 300: it redirects clients to another server: ask 192.0.2.1:3479"
}

@test "after an error 500 the server is asked again" {
	fakestun 127.0.0.1:21711 192.0.2.1:1 error=500 >ready 3>&- &
	started+=($!)
	until [ -s ready ]; do sleep 0.02; done
	{ sleep 0.3; kill "${started[0]}"; while [ -n "$(ss -Hlun src 127.0.0.1:21711)" ]; do sleep 0.02; done; exec fakestun 127.0.0.1:21711 192.0.2.1:40000 >ready 3>&-; } &
	started+=($!)
	probe -p 21712 127.0.0.1:21711
	same "$status $out" "0 127.0.0.1:21712@192.0.2.1:40000"
}

@test "answers of old servers are parsed: XOR-MAPPED-ADDRESS as 0x8020, attributes without padding" {
	port=21720
	for kind in old software software-first uncounted; do
		port=$((port + 1))
		fake 127.0.0.1:$port 192.0.2.1:40000 $kind
		probe -p 21719 127.0.0.1:$port
		same "$kind: $status $out" "$kind: 0 127.0.0.1:21719@192.0.2.1:40000"
	done
}

@test "an answer from another address, or an invalid one, is reported, with advice: status 4" {
	fake 127.0.0.1:21731 192.0.2.1:40000 elsewhere=127.0.0.3:21739
	fake 127.0.0.1:21732 192.0.2.1:40000 only=unknown
	fake 127.0.0.1:21733 192.0.2.1:40000 only=truncated
	fake 127.0.0.1:21734 192.0.2.1:40000 only=id
	mkdir one two
	(cd one; probe -p 21735 127.0.0.1:21731 127.0.0.1:21732; echo "$status $out $err" >said) 3>&- &
	one=$!
	(cd two; probe -p 21736 127.0.0.1:21733 127.0.0.1:21734; echo "$status $out $err" >said) 3>&- &
	wait $! $one
	same "$(cat one/said)" "4  natprobe: 127.0.0.1:21731: answered from another address, 127.0.0.3:21739, so the answer is ignored: ask 127.0.0.3:21739 or another server
natprobe: 127.0.0.1:21732: the answer cannot be parsed: ask another server"
	same "$(cat two/said)" "4  natprobe: 127.0.0.1:21733: the answer cannot be parsed: ask another server
natprobe: 127.0.0.1:21734: the answer cannot be parsed: ask another server"
}

@test "an answer that is not a unicast address is refused: no endpoint, status 4" {
	server=21640
	for seen in 0.0.0.0:40000 127.0.0.1:40000 224.0.0.1:40000 255.255.255.255:40000 '[::]:40000' '[::1]:40000' '[ff02::1]:40000' \
		'[::ffff:192.0.2.1]:40000'; do
		server=$((server + 1))
		case $seen in [[]*) at="[::1]:$server" ;; *) at=127.0.0.1:$server ;; esac
		fake "$at" "$seen"
		probe -p 21114 "$at"
		same "$seen: $status $out" "$seen: 4 "
		same "$err" "natprobe: $at: answered with $seen, which is not a unicast address"
	done
}

@test "unanswered lookups take 8 seconds together, and do not delay other servers; --resolve takes 8 too" {
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
		kill $server ${fake-}; exit $status' '
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

@test "on an IPv6-only host, a server without an IPv6 address is reported at once" {
	export HOST='ip address add 2001:db8::8 dev lo nodad; fakestun "[2001:db8::8]:3478" "[2001:db8::8]:21119" >ready & fake=$!; until [ -s ready ]; do sleep 0.02; done'
	local start=${EPOCHREALTIME/./}
	named "$ZONE" -p 21119 both.example.org home.example.org
	[ $((${EPOCHREALTIME/./} - start)) -lt 4000000 ]
	same "$status $(cat out)" "0 [2001:db8::8]:21119"
	same "$(sed "s/Network is/Network/" err)" "natprobe: both.example.org ([2001:db8::8]:3478) sees [2001:db8::8]:21119
natprobe: home.example.org: Network unreachable
natprobe: not behind NAT"
}

@test "--resolve prints the first unicast address of a name, in the family of -b" {
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

@test "--resolve: one line says whether there is no such name, no answer, or no unicast address: status 4" {
	named "$ZONE" --resolve gone.example.org
	same "$status $(cat out err)" "4 natprobe: gone.example.org: name not found, or it has no IPv4 address"
	named "$ZONE" --resolve six.example.org
	same "$status $(cat out err)" "4 natprobe: six.example.org: name not found, or it has no IPv4 address"
	named "$ZONE" -b :: --resolve home.example.org
	same "$status $(cat out err)" "4 natprobe: home.example.org: name not found, or it has no IPv6 address"
	named "$ZONE" --resolve nowhere.example.org
	same "$status $(cat out err)" "4 natprobe: nowhere.example.org: is 127.0.1.1, which is not a unicast address"
	named "$ZONE" --resolve localhost
	same "$status $(cat out err)" "4 natprobe: localhost: is 127.0.0.1, which is not a unicast address"
	PATIENCE=1 named "" --resolve home.example.org
	same "$status $(cat out err)" "4 natprobe: home.example.org: no name server answers"
}

@test "--resolve prints an address in the kernel's notation, without a query" {
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

@test "--hold ends at once if its input is closed, and at SIGHUP as at Enter: status 0" {
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

@test "a full disk is an error" {
	status=0
	"$NATPROBE" -p 21113 127.0.0.1:21478 2>err >/dev/full || status=$?
	same "$status" 1
	same "$(tail -1 err)" 'natprobe: standard output: No space left on device'
}

@test "-u: no identity or capability of root is left when the first packet is read, in discovery and punch" {
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
	for arguments in "--hold localhost:21478" "--punch $peer:21502"; do
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
	strace -o trace "$NATPROBE" -p 577 -u 65534 --punch $peer:21512 --timeout 1 2>/dev/null 3>&- &
	traced=$!
	both "-u 65534 --first" "-u 65534"
	same "$status $other $out $out2" "0 0 $peer:21502 $here:21501"
	wait $traced || true
	same "$(sed -nE 's/^(bind|capset|sendto|recvfrom|recvmsg).*/\1/p' trace | awk '!seen[$0]++' | head -n 2 | xargs)" "bind capset"
}

@test "-u: the lookup process has no rights of root and does not hold stdout open" {
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

@test "-u without permission: status 1, no packet sent and no name looked up" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: becomes nobody"
	cp -L "$NATPROBE" natprobe
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" natprobe
	for arguments in "-p 21122 --punch 127.0.0.2:21502" "--resolve localhost" localhost:21478; do
		status=0
		# shellcheck disable=SC2086
		setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all -- \
			./natprobe -u 1 $arguments >out 2>err || status=$?
		same "$status $(cat out err)" "1 natprobe: cannot become user '1': Operation not permitted"
	done
}

@test "a port in use is reported, with the command that names its owner" {
	fake $here:21480 192.0.2.1:1
	probe -b $here -p 21480 --punch $peer:21502
	same "$status" 1
	same "$err" 'natprobe: port 21480: in use: ss -lunp sport = :21480'
}

@test "an address that this host does not have is reported: status 1" {
	for arguments in "-p 21501 --punch 127.0.0.2:21502" 127.0.0.1:21478; do
		# shellcheck disable=SC2086 # words
		probe -b 192.0.2.77 $arguments
		same "$status $out$err" "1 natprobe: 192.0.2.77: not an address of this host"
	done
}

@test "a signal ends it without a message: status 1" {
	for signal in INT TERM; do
		status=0
		timeout -s $signal 0.3 "$NATPROBE" -b $here -p 21501 --punch $peer:21502 >out 2>err 3>&- || status=$?
		same "$(cat out err)" ""
		env --default-signal "$NATPROBE" -b $here -p 21501 --punch $peer:21502 >out 2>err 3>&- &
		listens $here:21501; kill -s $signal $!; status=0; wait $! || status=$?
		same "$status" 1
	done
}

@test "-- ends the options" {
	probe -- --what/
	same "$status $err" "2 natprobe: server: '--what/': invalid (expected a name or an address, with :PORT unless it is 3478)"
}

@test "--help and --version go to stdout: status 0" {
	probe --help
	same "$status $err" "0 "
	[[ $out == "usage: natprobe "* ]]
	probe -V
	same "$status $err" "0 "
	[[ $out == "natprobe "[0-9]* ]]
}

@test "a closed or full stdout is status 1, for --help, --version and an endpoint" {
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

@test "silent servers are status 4 after 8 seconds, each named; an ICMP error is reported, but does not end the wait" {
	while ! grep -q '^status' "$BATS_FILE_TMPDIR/silent"; do sleep 0.2; done
	same "$(cat "$BATS_FILE_TMPDIR/silent")" "natprobe: 127.0.0.1:21999: no answer in 8 seconds (last error: Connection refused)
natprobe: 127.0.0.2:21998: no answer in 8 seconds
status 4"
}
