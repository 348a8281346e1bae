#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The lab itself: tests/lab/run bats tests/lab/selftest.bats
bats_require_minimum_version 1.5.0

setup() {
	[ -n "$LAB_INSIDE" ] || skip "wants the lab: tests/lab/run bats $BATS_TEST_FILENAME"
	PATH=$BATS_TEST_DIRNAME:$PATH
}

teardown() {
	[ ! -e /run/xfrmpair-lab/net ] || net down
}

on() { ip netns exec "$@"; }

# up [OPTION]...: the network, with a mirror on port 7 that answers each packet with the endpoint it came from
up() {
	net up "$@"
	on inet perl -MIO::Socket::INET -MIO::Select -e '
		my @servers = map { IO::Socket::INET->new(Proto => "udp", LocalAddr => $_, LocalPort => 7) or die } @ARGV;
		open(my $ready, ">", $ENV{BATS_TEST_TMPDIR} . "/ready");
		my $select = IO::Select->new(@servers);
		while (my @asked = $select->can_read) {
			for (@asked) { $_->recv(my $word, 99); $_->send($_->peerhost . ":" . $_->peerport) }
		}' 198.51.100.1 198.51.100.2 3>&- &
	until [ -e "$BATS_TEST_TMPDIR/ready" ]; do sleep 0.1; done
}

# mapped SIDE PORT: the endpoints, a line each, that the two servers see when SIDE sends to them from PORT
mapped() {
	on "$1" perl -MIO::Socket::INET -e '
		my $socket = IO::Socket::INET->new(Proto => "udp", LocalPort => shift) or die;
		for my $server (@ARGV) {
			$socket->send("where am I?", 0, pack_sockaddr_in(7, inet_aton($server)));
			alarm 5;
			$socket->recv(my $endpoint, 99);
			print "$endpoint\n";
		}' "$2" 198.51.100.1 198.51.100.2
}

# heard SIDE PORT WORD: does WORD reach SIDE's PORT, sent by inet from its port 7777 to 85.9.8.7?
heard() {
	on "$1" timeout 1.5 socat -u "UDP4-RECV:$2" - >"$BATS_TEST_TMPDIR/heard" &
	until on "$1" ss -Hlun "sport = $2" | grep -q .; do sleep 0.1; done
	echo "$3" | on inet socat -u - "UDP4:85.9.8.7:$2,bind=198.51.100.1,sourceport=7777"
	wait $! || :
	grep -qx "$3" "$BATS_TEST_TMPDIR/heard"
}

@test "a NAT that keeps ports shows the same one to both servers, and drops unsolicited packets" {
	up
	[ "$(mapped a 61525)" = $'85.9.8.7:61525\n85.9.8.7:61525' ]
	run -1 heard a 61525 unasked
	run -1 on inet ping -c 1 -W 1 85.9.8.7
	echo | on a socat -u - UDP4:198.51.100.1:7777,sourceport=61525
	heard a 61525 asked
}

@test "a NAT that changes a port shows the changed one to both servers, and keeps the others" {
	up
	[ "$(mapped b 61523)" = $'31.1.2.3:10421\n31.1.2.3:10421' ]
	[ "$(mapped b 5000)" = $'31.1.2.3:5000\n31.1.2.3:5000' ]
}

@test "a symmetric NAT shows each server another port" {
	up --nat-a symmetric
	run mapped a 61525
	[[ ${lines[0]} == 85.9.8.7:* ]]
	[[ ${lines[1]} == 85.9.8.7:* ]]
	[ "${lines[0]}" != "${lines[1]}" ]
}

@test "an open router lets unsolicited packets in, and a short timeout ends an idle mapping" {
	up --nat-a keeps,open --timeout 1
	on inet ping -c 1 -W 5 85.9.8.7
	[ "$(mapped a 61525)" = $'85.9.8.7:61525\n85.9.8.7:61525' ]
	sleep 2
	run -1 heard a 61525 late
}

@test "behind two NATs in a row only the outer one is visible; ICMP errors come back through both" {
	up --cgn a
	[ "$(mapped a 61525)" = $'85.9.8.7:61525\n85.9.8.7:61525' ]
	run on a ping -c 1 -W 2 -t 3 31.1.2.3
	[[ $output == *"From 85.9.8.1 "*"Time to live exceeded"* ]]
}

@test "net stun answers at both addresses, with coturn as with stun-server" {
	net up
	for hidden in /usr/sbin/stund /usr/bin/turnserver; do
		[ -x $hidden ]
		unshare --mount sh -c 'mount --bind /dev/null "$0" && exec net stun' $hidden
		[ "$(on b "$BATS_TEST_DIRNAME/../../build/natprobe" -p 61523 198.51.100.1 198.51.100.2:19302)" = 192.168.2.100:61523@31.1.2.3:10421 ]
		on inet pkill -x 'turnserver|stund'
		while on inet pgrep -x 'turnserver|stund'; do sleep 0.1; done
	done
}

@test "two sides in one LAN reach each other directly" {
	net up --lan
	on a ping -c 1 -W 5 -t 1 192.168.1.100
}

@test "a side that is open to the internet, a third side, hosts behind them, and IPv6 all the way" {
	net up --sides 3 --sites --ipv6 --open-side c
	on a ping -c 1 -W 5 77.3.4.5
	on hb ping -c 1 -W 5 10.2.0.1
	on a ping -c 1 -W 5 2001:db8:3::4
	run -1 on c ping -c 1 -W 1 2001:db8:2::100
}

@test "the kernel supports ESP in UDP with every common cipher" {
	net up
	while read -r cipher; do
		spi=$((${spi:-0x1000} + 1))
		on a ip xfrm state add src 192.168.1.4 dst 31.1.2.3 proto esp spi $spi reqid 1 mode tunnel \
			$cipher encap espinudp 61525 10421 0.0.0.0
	done <<-'EOF'
		aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128
		aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223 128
		aead rfc7539esp(chacha20,poly1305) 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223 128
		enc cbc(aes) 0x000102030405060708090a0b0c0d0e0f auth-trunc hmac(sha256) 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 128
	EOF
	[ "$(net exec a ip xfrm state | grep -c espinudp)" = 4 ]
}

@test "in plain namespaces, /run, /var/lib and /usr/local are the lab's own" {
	run env -u LAB_INSIDE -u LAB_FORCE_VM "$BATS_TEST_DIRNAME/run" sh -c '
		for folder in /run /var/lib /usr/local; do echo word >$folder/lab-test; done
		cat /run/lab-test /var/lib/lab-test /usr/local/lab-test && echo "in $LAB_INSIDE" && ip link show dev lo'
	echo "$output"
	[[ "$output" == *$'word\nword\nword\nin namespace\n'*UP* ]]
	[ ! -e /run/lab-test ]
	[ ! -e /var/lib/lab-test ]
	[ ! -e /usr/local/lab-test ]
}

@test "net down removes what net up made and nothing else, and a second up is refused" {
	ip netns add before
	net up
	run ! net up
	[[ $output == *"is up already"* ]]
	on a sleep 30 3>&- &
	until [ -n "$(ip netns pids a)" ]; do sleep 0.1; done
	net down
	status=0
	wait $! || status=$?
	[ "$status" = 137 ]
	[ "$(ip netns)" = before ]
	ip netns delete before
	[ ! -e /run/xfrmpair-lab ]
}
