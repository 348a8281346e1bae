# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# status, capture and wireshark with a real kernel.
# Run in the lab: tests/lab/run bats tests/lab/status.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --sites
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	cd "$BATS_TEST_TMPDIR" || return
	SITES=("$A+10.1.0.0/24" "$B+10.2.0.0/24")
}
teardown() {
	all_down
	umount small 2>/dev/null || :
}

# fact NAME SIDE: of the script
fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2.sh" | head -n 1; }
# says STATUS [OPTION]: the status of a, and its exit status
says() {
	local expected=$1
	shift
	status=0
	output=$(script a status "$@") || status=$?
	mapfile -t lines <<<"$output"
	echo "$output"
	[ "$status" -eq "$expected" ]
}
# lacks TEXT: exactly that is missing of a, and mend puts it back
lacks() {
	says 1
	[[ "${lines[0]}" == "a: half up: removed by another tool? Put back what is missing with: sh "*"a.sh up" ]]
	[ "$(grep '^  \(missing\|foreign\): ' <<<"$output")" = "$1" ]
	script a mend
	says "${2-0}"
}

@test "status exits with 4 until something is received, then with 0, with an age from the SAs or policies" {
	generate "$A" "$B"
	both_up
	says 4
	[[ "${lines[0]}" =~ ^"a: up, digest $(fact digest a), espdecap alive (pid "[0-9]+"); nothing received from b yet"$ ]]
	answers b 192.168.2.100 192.168.1.4
	says 0
	[[ "${lines[0]}" =~ ^"a: up, digest $(fact digest a), espdecap alive (pid "[0-9]+")"$ ]]
	[[ "${lines[2]}" =~ ^"  b: up, received "[0-9]" s ago, at 31.1.2.3:10421"$ ]]
	[[ "$output" == *' epoch 1               3 packets             252 bytes'* ]]
	says 0 --json
	jq -e '.peers[0] | .rx_packets == 3 and .tx_packets == 3 and .last_received_seconds <= 9' <<<"$output"
	# keepalives are no sign of the peer: they are not authentic
	kill "$(script b status --json | jq .helper_pid)"
	on b espdecap -i 1 -b 192.168.2.100 61523 85.9.8.7:61525 3>&- &
	run -0 on inet timeout 20 tcpdump -n -c 4 -i to-a 'src host 31.1.2.3 and udp and less 50'
	says 0 --json
	jq -e '.peers[0].last_received_seconds >= 3' <<<"$output"
	pkill -f 'espdecap -i 1 -b'
	while pgrep -f 'espdecap -i 1 -b'; do sleep 0.1; done
	script b mend
	on a ping -q -c 1 -W 2 -I 192.168.1.4 192.168.2.100
	says 0
	# since up, through new keys
	script a rekey
	script b rekey
	answers a 192.168.1.4 192.168.2.100
	script a rekey
	says 0 --json
	jq -e '.peers[0] | .rx_packets == 7 and .tx_packets == 7 and .epoch >= 2' <<<"$output"
	script a down
	says 1
	[ "$output" = 'a: down' ]
	script a up
	says 4 --json
	jq -e '.peers[0] | .rx_packets == 0 and .tx_packets == 0' <<<"$output"
}

@test "a peer received by natprobe at up counts as received before the first tunnel packet" {
	generate "$A" "$B"
	: >up
	on a $shell a.sh up --wait 40 >said.a 2>&1 3>&- &
	sleep 1
	on b $shell b.sh up --wait 40 >said.b 2>&1 3>&-
	wait $!
	cat said.a
	says 0 --json
	jq -e '.peers[0] | .state == "up" and .rx_packets == 0 and .last_received_seconds < 60' <<<"$output"
}

@test "status works while another process holds the lock, but then records nothing" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	busy=$XFRMPAIR_RUN/$(fact store a).busy record=$XFRMPAIR_RUN/$(fact store a)/counts
	sh -c 'sleep 60; :' sh rekey 3>&- &
	ln -s $! "$busy"
	rm -f "$record" # of the look that up had at the routes
	says 0
	[ ! -e "$record" ]
	[ "$(readlink "$busy")" = $! ]
	kill $!
	# one that is gone holds nothing
	says 0
	grep -q '^in b [0-9]* 3 252$' "$record"
	[ ! -L "$busy" ]
	# a folder that is full costs a warning, and no verdict
	both_down
	mkdir small
	mount -t tmpfs -o size=40k,mode=700 tmpfs small
	XFRMPAIR_RUN=$PWD/small
	both_up
	answers a 192.168.1.4 192.168.2.100
	head -c 100k /dev/zero >small/fill 2>/dev/null || :
	says 0 2>said
	[[ "$output" == *'  b: up, received '* ]]
	grep -q '^a: warning: cannot write .*/counts: No space left on device: status loses the counts of removed SAs$' said
	rm small/fill
	both_down
}

@test "status reports what another tool deletes as missing, and mend puts it back" {
	generate --clamp --inner 10.99.0.0/24 --interface xf0 "${SITES[@]}"
	both_up
	answers a 10.99.0.1 10.99.0.2
	says 0
	on a nft flush ruleset
	lacks "  missing: nft table inet xfrmpair-a-$(fact digest a)-clamp"
	on a nft flush table inet "xfrmpair-a-$(fact digest a)-clamp"
	lacks "  missing: nft table inet xfrmpair-a-$(fact digest a)-clamp"
	on a ip route delete 10.2.0.0/24
	lacks '  missing: route to 10.2.0.0/24'
	on a ip route replace 10.2.0.0/24 via 192.168.1.1
	says 1
	on a ip route delete 10.2.0.0/24
	lacks '  missing: route to 10.2.0.0/24'
	on a ip link set xf0 down
	says 1
	[ "${lines[1]}" = '  missing: interface xf0 (it is down)' ]
	script a mend
	says 0
	on a ip link delete xf0
	says 1
	[ "${lines[1]}" = '  missing: address 10.99.0.1/32' ]
	[ "${lines[2]}" = '  missing: interface xf0' ]
	script a mend
	says 0
	on a ip xfrm policy flush
	says 1
	[ "$(grep -c '^  missing: policy src ' <<<"$output")" = "$(grep -c '^xfrm policy add ' a.sh)" ]
	on a ip xfrm state flush
	says 1
	[ "${lines[1]}" = '  missing: SA from b' ]
	[ "${lines[2]}" = '  missing: SA to b' ]
	script a mend
	says 0
	answers a 10.99.0.1 10.99.0.2
	says 0
}

@test "status reports a killed or stopped helper as missing" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	pid=$(script a status --json | jq .helper_pid)
	kill -STOP "$pid"
	says 1
	[ "${lines[1]}" = "  missing: espdecap (pid $pid is stopped)" ]
	kill -CONT "$pid"
	says 0
	kill -KILL "$pid"
	lacks '  missing: espdecap'
}

@test "a guard still blocks after down, and status says so" {
	generate --guard "${SITES[@]}"
	script a up
	script a down
	says 1
	[ "$output" = 'a: down, and tunnelled traffic is blocked' ]
	script a down --all
	says 1
	[ "$output" = 'a: down' ]
}

@test "after --limit-packets status says that a limit was reached; new keys have a new limit" {
	generate --limit-packets 5 "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	says 0
	on a ping -q -c 5 -i 0.2 -W 1 -I 192.168.1.4 192.168.2.100 || :
	says 1
	[[ "${lines[0]}" == "a: half up: a limit reached? Then: sh "*"a.sh rekey, or new scripts if keys are fixed" ]]
	[ "${lines[1]}" = '  missing: SA to b' ]
	# who listens makes the kernel ask for the SA with a larval one: that is none
	on a ip xfrm monitor >/dev/null 3>&- &
	sleep 0.3
	on a ping -q -c 1 -W 1 -I 192.168.1.4 192.168.2.100 || :
	says 1
	[ "${lines[1]}" = '  missing: SA to b' ]
	kill %1
	script a rekey
	script b rekey
	answers a 192.168.1.4 192.168.2.100
	says 0
}

@test "packets that the kernel drops are counted per SA" {
	generate "$A" "$B"
	both_up
	capture inet to-a wire 'dst host 85.9.8.7 and udp and greater 80'
	answers a 192.168.1.4 192.168.2.100
	captured
	says 0
	run -1 grep dropped <<<"$output"
	# the first packet again
	perl -e 'local $/; $_ = <STDIN>; print substr $_, 24 + 16 + 14 + 20 + 8, unpack("V", substr $_, 24 + 8) - 42' <wire >again
	on inet python3 - again <<'END'
import socket, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
esp = open(sys.argv[1], 'rb').read()
udp = (10421).to_bytes(2, 'big') + (61525).to_bytes(2, 'big') + (8 + len(esp)).to_bytes(2, 'big') + bytes(2) + esp
head = bytes([0x45, 0]) + (20 + len(udp)).to_bytes(2, 'big') + bytes(4) + bytes([64, 17]) + bytes(2) + socket.inet_aton('31.1.2.3') + socket.inet_aton('85.9.8.7')
raw.sendto(head + udp, ('85.9.8.7', 0))
END
	says 0 --json
	jq -e '[.peers[0].sas[] | .replay] | add == 1' <<<"$output"
	says 0
	[[ "$output" == *'  from b               dropped: 0 late, 1 repeated, 0 not authentic'* ]]
}

# decrypts FILE TABLE: the pings that tshark finds in a capture: SPI, from, to, type, a line each
decrypts() {
	mkdir -p config/wireshark
	cp "$2" config/wireshark/esp_sa
	# shellcheck disable=SC2046 # words
	XDG_CONFIG_HOME=$PWD/config tshark -n -r "$1" -o esp.enable_encryption_decode:TRUE $(sed -n 's/.*decode:TRUE//p' "$2") \
		-Y icmp -T fields -e esp.spi -e ip.src -e ip.dst -e icmp.type
}
@test "capture writes outer and inner packets in both directions, once each; wireshark prints their keys" {
	generate --cipher aes256-sha512 "$A" "$B"
	both_up
	on a nft list ruleset >rules
	script a capture "$PWD/t.pcap" 2>said 3>&- &
	for _ in {1..200}; do
		! grep -qs 'capturing until' said || break
		sleep 0.1
	done
	answers a 192.168.1.4 192.168.2.100
	script a wireshark >table 2>warned
	grep -q '^a: warning: the table contains keys' warned
	pkill -TERM -f '^[^ ]*xfrmkeep capture '
	wait %1
	[ "$(tail -n 1 said | sed 's/captured [0-9]* /captured N /')" = "a: captured N outer packets in $PWD/t.pcap, and 6 inner packets in $PWD/t.pcap.inner" ]
	on a nft list ruleset | diff rules -
	[ "$(stat -c %a t.pcap t.pcap.inner | uniq)" = 600 ]
	[ "$(tcpdump -n -r t.pcap.inner 2>/dev/null | grep -o 'echo [a-z]*' | sort | uniq -c | tr -s '\n ' ' ')" = ' 3 echo reply 3 echo request ' ]
	decrypts t.pcap table >seen
	[ "$(awk -F '\t' '$4 == 8 { sent++ } $4 == 0 { came++ } END { print sent, came }' seen)" = '3 3' ]
}

@test "list prints a line for each tunnel" {
	generate "$A" "$B"
	mkdir tunnels
	cp a.sh tunnels/office.sh
	both_up
	answers a 192.168.1.4 192.168.2.100
	run -0 on a xfrmkeep list "$PWD/tunnels"
	[[ "${lines[1]}" =~ ^"office          up       1 of 1       "[0-9]+" s            1"$ ]]
}
