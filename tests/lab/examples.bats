# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The demo and examples/lab. Run in the lab: tests/lab/run bats tests/lab/examples.bats
bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

@test "the demo goes from two STUN queries to pings through both NATs, and leaves nothing" {
	run examples/demo inside
	[ "$status" -eq 0 ]
	[[ "$output" == *"192.168.1.4:61525@85.9.8.7:61525"*"192.168.2.100:61523@31.1.2.3:10421"* ]]
	[[ "$output" == *"a: up: packets from b arrive."* ]]
	[[ "$output" == *"b: up: packets from a arrive."* ]]
	[[ "$output" == *"3 packets transmitted, 3 received, 0% packet loss"*"1 packets transmitted, 1 received"* ]]
	[[ "$output" == *"IP 85.9.8.7.61525 > 31.1.2.3.10421: UDP, length 1"* ]]
	[[ "$output" == *"a: up, digest "*"5 packets"* ]]
	[ -z "$(ip netns list)" ]
}

@test "the lab's shell reaches the other side, and leaves nothing; the packages for STUN are named" {
	hidden=$(for program in turnserver stund; do ! path=$(PATH=$PATH:/usr/sbin command -v $program) || echo "mount --bind /dev/null $path;"; done)
	run unshare --mount script -qec "$hidden examples/lab b" /dev/null < <(
		sleep 6
		echo 'ip -br addr show dev eth0'
		echo 'on a ip -br addr show dev eth0'
		echo 'ping -c 1 198.51.100.1'
		sleep 2
		echo 'exit 0'
		sleep 2
	)
	[ "$status" -eq 0 ]
	echo "$output"
	[ "$(grep -c 'STUN' <<<"$output")" -eq 1 ]
	[[ "$output" == *"net: nothing here answers STUN: apt install stun-server (or coturn)"* ]]
	[[ "$output" == *"You are root on side b."*"192.168.2.100/24"*"192.168.1.4/24"*"1 received"* ]]
	[ -z "$(ip netns list)" ]
}
