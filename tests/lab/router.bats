# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# natprobe --map and up --map with Debian's miniupnpd on a's router, and a peer behind a symmetric NAT.
# Run in the lab: tests/lab/run bats tests/lab/router.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --ipv6 --nat-b symmetric
	"$net" stun
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	kill "$(cat "$BATS_FILE_TMPDIR/router.pid")" 2>/dev/null || :
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	[ -e "$BATS_FILE_TMPDIR/router.pid" ] || router_up
}
teardown() { all_down; }

# router_up [OPTION...]: miniupnpd, as the router's own; its rules have places in those that the lab gives a router
router_up() {
	on na nft list chain inet lab miniupnpd >/dev/null 2>&1 || on na nft -f - <<-'END_OF_RULES'
		table inet lab {
			chain miniupnpd { }
			chain nat_miniupnpd { }
			chain post_miniupnpd { }
			chain prerouting { type nat hook prerouting priority dstnat; jump nat_miniupnpd; }
			chain postrouting { type nat hook postrouting priority srcnat; jump post_miniupnpd; }
		}
		add rule inet lab forward jump miniupnpd
	END_OF_RULES
	printf '%s\n' ext_ifname=wan ext_ifname6=wan listening_ip=lan enable_natpmp=yes enable_upnp=no secure_mode=yes \
		uuid=00000000-0000-0000-0000-000000000001 upnp_table_name=lab upnp_nat_table_name=lab upnp_forward_chain=miniupnpd \
		upnp_nat_chain=nat_miniupnpd upnp_nat_postrouting_chain=post_miniupnpd "$@" 'allow 1024-65535 0.0.0.0/0 1024-65535' \
		>"$BATS_FILE_TMPDIR/router.conf"
	on na miniupnpd -d -f "$BATS_FILE_TMPDIR/router.conf" -P "$BATS_FILE_TMPDIR/router.pid" >"$BATS_FILE_TMPDIR/router.said" 2>&1 3>&- &
	for _ in $(seq 100); do
		[ "$(on na ss -Hlun sport = :5351 | wc -l)" -lt 1 ] || return 0
		sleep 0.1
	done
	cat "$BATS_FILE_TMPDIR/router.said"
	return 1
}
router_down() { # with all that it has given
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/router.pid")
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
	rm -f "$BATS_FILE_TMPDIR/router.pid"
	for chain in miniupnpd nat_miniupnpd post_miniupnpd; do on na nft flush chain inet lab $chain; done
}

# arrives [ADDRESS]: does a stranger's packet, from the internet to the router's address and port 61525, come to a?
arrives() {
	local to=${1:-85.9.8.7} family=UDP4
	case $to in *:*) family=UDP6 to="[$to]" ;; esac
	on a timeout 2 socat -u $family-RECV:61525 STDOUT >"$BATS_TEST_TMPDIR/came" 3>&- &
	local listener=$!
	until on a ss -Hlun sport = :61525 | grep -q .; do sleep 0.05; done
	for _ in 1 2 3 4 5; do
		echo stranger | on inet socat -u STDIN $family-SENDTO:"$to":61525 || :
		sleep 0.2
		[ ! -s "$BATS_TEST_TMPDIR/came" ] || break
	done
	wait $listener || : # nobody else may have the port then
	grep -q stranger "$BATS_TEST_TMPDIR/came"
}
maps() { # WORD PROTOCOL [ARGUMENT...]: natprobe on a prints this word, and says so
	local word=$1 protocol=$2
	shift 2
	run --separate-stderr on a natprobe -p 61525 --map "$@"
	echo "$output
$stderr"
	[ "$status" -eq 0 ]
	[ "$output" = "$word" ]
	[[ "$stderr" == "natprobe: "*": maps ${word#*@} to here for "*" s, by $protocol"* ]]
}

@test "PCP: while the port is mapped, any host's packet arrives, but not before and after" {
	run -1 arrives
	maps 192.168.1.4:61525@85.9.8.7:61525 PCP
	arrives
	# again, as who renews it
	maps 192.168.1.4:61525@85.9.8.7:61525 PCP
	arrives
	on a natprobe -p 61525 --unmap
	run -1 arrives
}

@test "NAT-PMP, if PCP gets no answer: the same" {
	on na nft insert rule inet lab input udp dport 5351 @th,64,8 2 drop
	run -1 arrives
	maps 192.168.1.4:61525@85.9.8.7:61525 NAT-PMP
	arrives
	on a natprobe -p 61525 --unmap
	run -1 arrives
	on na nft delete rule inet lab input handle "$(on na nft -a list chain inet lab input | sed -n 's/.*5351.*handle //p')"
	maps 192.168.1.4:61525@85.9.8.7:61525 PCP
	on a natprobe -p 61525 --unmap
}

@test "IPv6: the firewall's pinhole is opened, and closed again" {
	run -1 arrives 2001:db8:1::4
	maps '[2001:db8:1::4]:61525' PCP -b 2001:db8:1::4
	arrives 2001:db8:1::4
	on a natprobe -b 2001:db8:1::4 -p 61525 --unmap
	run -1 arrives 2001:db8:1::4
}

@test "servers report the router's mapping, and a restarted router maps again" {
	maps 192.168.1.4:61525@85.9.8.7:61525 PCP 198.51.100.1 198.51.100.2
	[[ "$stderr" == *"the servers confirm the router's port mapping: any host can send to it, without --punch" ]]
	router_down
	run -1 arrives
	router_up
	maps 192.168.1.4:61525@85.9.8.7:61525 PCP
	arrives
	on a natprobe -p 61525 --unmap
}

# both_punch SECONDS [OPTION...]: up on b, and a second later on a, there with the options; what they say goes to SIDE.said, $? to
# SIDE.status
both_punch() {
	local side wait=$1
	shift
	: >"$BATS_TEST_TMPDIR/up"
	for side in b a; do
		{
			[ $side = a ] || set --
			status=0
			on $side sh "$BATS_TEST_TMPDIR/$side.sh" up --wait "$wait" "$@" >"$BATS_TEST_TMPDIR/$side.said" 2>&1 3>&- || status=$?
			echo $status >"$BATS_TEST_TMPDIR/$side.status"
		} &
		sleep 1
	done
	wait
	cat "$BATS_TEST_TMPDIR"/?.said
}
@test "up --map receives a peer behind a symmetric NAT that started first; without it nothing arrives; down removes the mapping" {
	word_a=$(on a natprobe -p 61525 --map)
	on a natprobe -p 61525 --unmap
	run --separate-stderr on b natprobe -p 61523 198.51.100.1 198.51.100.2
	[ "$status" -eq 3 ]
	[[ "$output" == 192.168.2.100:61523@31.1.2.3:* ]]
	generate "$word_a" "$output"
	both_punch 6
	[ "$(cat "$BATS_TEST_TMPDIR"/?.status)" = "4
4" ]
	both_down
	both_punch 30 --map
	[ "$(cat "$BATS_TEST_TMPDIR"/?.status)" = "0
0" ]
	[[ "$(cat "$BATS_TEST_TMPDIR/a.said")" == *"natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by PCP"*"a: b is at 31.1.2.3:"*", not at 31.1.2.3:"*"a: up: packets from b arrive."* ]]
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	on na nft list chain inet lab nat_miniupnpd | grep -q 61525
	both_down
	[ -z "$(on na nft list chain inet lab nat_miniupnpd | grep 61525)" ]
	run -1 arrives
}

@test "a router that allows only another port, and one that is offline, are reported" {
	router_down
	router_up 'deny 61525 0.0.0.0/0 0-65535'
	run on a natprobe -p 61525 --map
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"natprobe: requested port 61525, got another: give the peer port 61526
192.168.1.4:61525@85.9.8.7:61526" ]]
	on a natprobe -p 61525 --unmap
	on na ip address delete 85.9.8.7/24 dev wan
	run on a natprobe -p 61525 --map
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == "natprobe: 192.168.1.1: refused the PCP request, error 7: it is offline: try again when it is online"* ]]
	on na ip address add 85.9.8.7/24 dev wan
	on na ip route add default via 85.9.8.1
	router_down
}
