# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep check on a working tunnel that is broken in one way after the other. Here the kernel shows each fault;
# tests/check.bats tests the verdicts.
# Run in the lab: tests/lab/run bats tests/lab/check.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --ipv6
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	for LAB_PREFIX in k- p- q- s- l-; do
		export LAB_PREFIX
		"$net" down 2>/dev/null || :
	done
	rm -rf /etc/netns/q-a
}
setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() { all_down; }

# made ARGUMENT...: scripts, without the words about them
made() { generate "$@" 2>/dev/null; }
# fact NAME SIDE: of the script, or of its section in the store
fact() { sed -n "s/^$1=\([^ ]*\).*/\1/p; s/.* $1=\([^ ]*\).*/\1/p" "$BATS_TEST_TMPDIR/$2.sh" | head -n 1; }
store() { echo "$XFRMPAIR_STATE/$(fact store "$1")"; }
# says SIDE CAUSE [TARGET]: check on that side gives that verdict, and its status
says() {
	local wanted=1 other
	case $1 in a) other=b ;; *) other=a ;; esac
	case $2.${BREAK-} in healthy.nothing*) wanted=0 ;; healthy.*) wanted=0 BREAK="$BREAK: mended" ;; esac
	run script "$1" check ${3-}
	echo "$1: $output"
	echo "${BREAK-}|$1|${lines[0]#*: }" >>"$BATS_FILE_TMPDIR/matrix"
	[[ "${lines[0]}" == "$other: $2"* ]] || return 1
	[ "$status" -eq "$wanted" ]
}
# talks SIDE FROM TO: sends pings for a while, by itself
talks() { on "$1" ping -q -i 0.2 -c 100 -W 1 -I "$2" "$3" >/dev/null 2>&1 3>&- & }
hush() { pkill -x ping || :; }

@test "check: a healthy tunnel is healthy, and a fault on this side is named on this side" {
	made "$A" "$B"
	both_up
	BREAK=nothing
	says a healthy
	says b healthy
	[ "${#lines[@]}" -eq 1 ]
	BREAK='out SA deleted'
	on a ip xfrm state delete src 192.168.1.4 dst 31.1.2.3 proto esp spi "$(fact spi_1 a)"
	says a no-out-sa
	script a mend
	says a healthy
	BREAK='policies flushed'
	on a ip xfrm policy flush
	says a half-up
	script a mend
	BREAK='helper killed'
	pkill -f -- '-u 65534 -b 192.168.1.4 61525'
	says a no-helper
	script a mend
	BREAK='helper stopped'
	pkill -STOP -f -- '-u 65534 -b 192.168.1.4 61525'
	says a no-helper
	[[ "$output" == *'is stopped'*'kill -CONT'* ]]
	pkill -CONT -f -- '-u 65534 -b 192.168.1.4 61525'
	BREAK='a block before the tunnel'
	on a ip xfrm policy add src 192.168.1.4/32 dst 192.168.2.0/24 dir out priority 7 action block
	says a guarded
	on a ip xfrm policy delete src 192.168.1.4/32 dst 192.168.2.0/24 dir out
	BREAK='the peer ignores echo requests'
	on b sh -c 'echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
	says a healthy
	[[ "$output" == *'does not answer echo requests'* ]]
	on b sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
}

@test "check names firewalls of this host, and the command that lets packets pass" {
	made "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	wall() { on a nft "add table ip wall; add chain ip wall c { type filter hook $1; }; add rule ip wall c $2"; }
	unwall() { on a nft delete table ip wall; }
	BREAK='a firewall drops what was decrypted'
	wall 'input priority 0' 'meta secpath exists drop'
	says a firewall
	[[ "$output" == *': nft insert rule ip wall c meta secpath exists accept'* ]]
	unwall
	BREAK='a firewall drops what comes from outside'
	wall 'input priority 0' 'udp dport 61525 drop'
	says a firewall
	[[ "$output" == *': nft insert rule ip wall c udp dport 61525 accept'* ]]
	says b not-arriving
	unwall
	BREAK='a firewall drops the encrypted packets'
	wall 'output priority 0' 'udp sport 61525 drop'
	says a own-firewall
	unwall
	BREAK='a firewall drops what is to be encrypted'
	wall 'output priority 0' 'ip daddr 192.168.2.100 drop'
	says a own-firewall
	unwall
	BREAK='a firewall lets in answers alone'
	on a nft 'add table ip wall; add chain ip wall c { type filter hook input priority 0; policy drop; }; add rule ip wall c ct state established,related accept'
	says a firewall
	unwall
	says a healthy
	BREAK='the path carries less'
	on inet ip link set to-b mtu 1300
	on inet nft 'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out icmp type destination-unreachable drop'
	says a mtu
	[[ "$output" == *'--mtu 1'* ]]
	on inet ip link set to-b mtu 1500
	on inet nft delete table ip quiet
	BREAK='the path loses packets'
	on inet nft 'add table ip loses; add chain ip loses out { type filter hook forward priority 0; }; add rule ip loses out ip daddr 31.1.2.3 numgen inc mod 3 == 0 drop'
	says a loss
	on inet nft delete table ip loses
	BREAK='no default route'
	route=$(on a ip route show default)
	on a ip route delete default
	says a no-route
	on a ip route add $route
}

@test "check names faults of the other side" {
	made "$A" "$B"
	BREAK='the other is not up'
	script a up
	says a never-heard
	script b up
	BREAK=nothing
	says a healthy
	BREAK='the other went away'
	script b down
	says a not-arriving
	script a down
	# scripts of two runs
	mkdir "$BATS_TEST_TMPDIR/old"
	cp "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/old/b.sh"
	made "$A" "$B"
	cp "$BATS_TEST_TMPDIR/old/b.sh" "$BATS_TEST_TMPDIR/b.sh"
	both_up
	BREAK='scripts of two runs'
	talks b 192.168.2.100 192.168.1.4
	says a unknown-spi
	hush
}

@test "check names lost sequence numbers, lost epochs, a limit and a guard" {
	made "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	script b rekey
	cp "$(store b)" "$BATS_TEST_TMPDIR/copy"
	cp "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/script"
	BREAK="the other's store is an old copy"
	for _ in 1 2 3; do
		script a rekey
		answers a 192.168.1.4 192.168.2.100
		script b rekey
		answers b 192.168.2.100 192.168.1.4
	done
	script b down
	cat "$BATS_TEST_TMPDIR/copy" >"$(store b)"
	cat "$BATS_TEST_TMPDIR/script" >"$BATS_TEST_TMPDIR/b.sh"
	script b up
	talks b 192.168.2.100 192.168.1.4
	says a epochs-apart
	hush
	talks a 192.168.1.4 192.168.2.100
	says b epochs-apart
	hush
	both_down
	BREAK='a limit is reached'
	made --limit-packets 20 "$A" "$B"
	both_up
	on a ping -q -i 0.01 -c 30 -W 1 -I 192.168.1.4 192.168.2.100 || :
	says a no-out-sa
	both_down
	BREAK='down, with --guard'
	made --guard "$A" "$B"
	both_up
	script a down
	says a guarded
}

@test "check: a healthy tunnel of each kind is healthy: interface, transport mode, IPv6, plain ESP, only TCP" {
	export LAB_PREFIX=k-
	"$net" up --open-side a --open-side b --ipv6
	BREAK=nothing
	for kind in "--inner 10.99.0.0/24 --interface ipsec0 85.9.8.7:4500 31.1.2.3:4500" "--mode transport 85.9.8.7 31.1.2.3" \
		"[2001:db8:1::4]:4500 [2001:db8:2::100]:4500" "85.9.8.7 31.1.2.3" "85.9.8.7:4500+85.9.8.7/tcp/7000 31.1.2.3:4500"; do
		made $kind
		both_up
		# only the side without the port can open a connection
		case $kind in
		*/tcp/*)
			run -0 script a check
			[[ "$output" == 'b: not tested, because no selector fits a ping or connection: there: nc -z -v -w 3 -s 31.1.2.3 85.9.8.7 7000
'* ]]
			;;
		*) says a healthy ;;
		esac
		says b healthy
		both_down
	done
	# another VPN's rule takes the inner address past the interface
	made --inner 10.99.0.0/24 --interface ipsec0 85.9.8.7:4500 31.1.2.3:4500
	both_up
	BREAK='a rule of another VPN'
	on a ip rule add from 10.99.0.1 lookup 77 priority 100
	on a ip route add default via 85.9.8.1 table 77
	says a bypass
	[[ "$output" == *'ipsec0'* ]]
	on a ip rule delete priority 100
	says a healthy
}

@test "check with fixed keys: another key, restarted numbers, no encapsulation, other networks" {
	export LAB_PREFIX=p-
	"$net" up --open-side a --open-side b
	PA=85.9.8.7:4500 PB=31.1.2.3:4500
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	fixed_rows "$BATS_TEST_TMPDIR/others"
	# mixed ARGUMENT...: b's script is what was generated before
	mixed() {
		mv "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/before"
		made "$@"
		mv "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/b.sh"
		both_up
	}
	BREAK='another key'
	made --keys "$BATS_TEST_TMPDIR/others" "$PA" "$PB"
	mixed --keys "$BATS_TEST_TMPDIR/keys" "$PA" "$PB"
	talks b 31.1.2.3 85.9.8.7
	says a wrong-key
	hush
	both_down
	BREAK='the other came up again without its store'
	made --keys "$BATS_TEST_TMPDIR/keys" "$PA" "$PB"
	cp "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/script"
	both_up
	on b ping -q -i 0.01 -c 60 -W 1 -I 31.1.2.3 85.9.8.7
	script b down
	rm "$(store b)"
	cat "$BATS_TEST_TMPDIR/script" >"$BATS_TEST_TMPDIR/b.sh"
	script b up
	says a replayed
	says b not-arriving
	[[ "$output" == *'count-low'* ]]
	both_down
	BREAK='the other side sends without encapsulation'
	made --keys "$BATS_TEST_TMPDIR/keys" "${PA%:*}" "${PB%:*}"
	mixed --keys "$BATS_TEST_TMPDIR/keys" "$PA" "$PB"
	talks b 31.1.2.3 85.9.8.7
	says a no-encap
	hush
	both_down
	BREAK='the other side has other networks'
	on a ip address add 10.7.1.1/32 dev lo
	on b ip address add 10.7.9.1/32 dev lo
	made --keys "$BATS_TEST_TMPDIR/keys" "$PA+10.7.1.1" "$PB+10.7.9.1"
	mixed --keys "$BATS_TEST_TMPDIR/keys" "$PA+10.7.1.1" "$PB+10.7.2.1"
	talks b 10.7.9.1 10.7.1.1
	says a no-policy
	hush
	both_down
}

@test "check between public sides: clear text, other sockets, other ports, names" {
	export LAB_PREFIX=q-
	"$net" up --open-side a --open-side b
	PA=85.9.8.7:4500 PB=31.1.2.3:4500
	made "$PA" "$PB"
	both_up
	answers a 85.9.8.7 31.1.2.3
	BREAK='policies of the other side flushed'
	on b ip xfrm policy flush
	says a not-arriving
	says b half-up
	BREAK='the other side is down, and sends in the clear'
	script b down
	talks b 31.1.2.3 85.9.8.7
	says a clear-arrives
	hush
	script a down
	BREAK='the socket that another was to hold is not there'
	made "$PA+10.7.1.1" "$PB+10.7.9.1"
	on a ip address add 10.7.1.1/32 dev lo
	on b ip address add 10.7.9.1/32 dev lo
	script a up --no-helper
	script b up
	talks b 10.7.9.1 10.7.1.1
	says a no-helper
	BREAK="the socket is another's"
	on a socat -u UDP-RECV:4500 OPEN:/dev/null 3>&- &
	sleep 0.5
	says a not-our-socket
	[[ "$output" == *'socat (pid '* ]]
	hush
	both_down
	pkill -x socat
	BREAK='the other side comes from another port'
	on b nft 'add table ip moved; add chain ip moved post { type nat hook postrouting priority 100; }; add rule ip moved post udp sport 4500 snat to :4600
		add chain ip moved in { type filter hook input priority 0; }; add rule ip moved in udp dport 4500 ct direction original drop'
	on b conntrack -F 2>/dev/null
	both_up
	talks b 10.7.9.1 10.7.1.1
	says a peer-moved
	hush
	script a update-peer 31.1.2.3:4600
	says a healthy
	BREAK='and then from another one'
	on b nft delete table ip moved
	on b nft 'add table ip moved; add chain ip moved post { type nat hook postrouting priority 100; }; add rule ip moved post udp sport 4500 snat to :4700
		add chain ip moved in { type filter hook input priority 0; }; add rule ip moved in udp dport 4500 ct direction original drop'
	on b conntrack -F 2>/dev/null
	talks b 10.7.9.1 10.7.1.1
	says a peer-moved
	hush
	on b nft delete table ip moved
	on b conntrack -F 2>/dev/null
	both_down
	mkdir -p /etc/netns/q-a
	echo 31.1.2.3 peer.example >/etc/netns/q-a/hosts
	made "$PA+10.7.1.1" "$PB@peer.example+10.7.9.1"
	both_up
	BREAK="nothing, with a name"
	says a healthy
	BREAK="the other's name has another address"
	echo 31.1.2.99 peer.example >/etc/netns/q-a/hosts
	script b down
	says a name
	rm -r /etc/netns/q-a
}

@test "check of sites: forwarding, NAT, routes, addresses, redirects, a host behind a gateway" {
	export LAB_PREFIX=s-
	"$net" up --sites
	made "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	on a sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	both_up
	BREAK='ip_forward is 0'
	says a no-forwarding
	on a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	says a healthy
	BREAK='the gateway forwards answers alone'
	on a nft 'add table ip wall; add chain ip wall c { type filter hook forward priority 0; policy drop; }; add rule ip wall c ct state established accept'
	says a firewall
	says b firewall 10.1.0.10
	[[ "$output" == *'the tunnel itself works'* ]]
	on a nft delete table ip wall
	says b healthy 10.1.0.10
	BREAK='masquerade takes what the tunnel is to carry'
	on a nft 'add table ip home; add chain ip home post { type nat hook postrouting priority 100; }; add rule ip home post ip saddr 10.1.0.0/24 oif != "lo" masquerade'
	says a own-nat
	on a nft delete table ip home
	on a conntrack -F 2>/dev/null
	BREAK='the route is gone'
	route=$(on a ip route show 10.2.0.0/24)
	on a ip route delete $route
	says a half-up
	[[ "$output" == *'missing route to 10.2.0.0/24'* ]]
	BREAK='a route without src'
	on a ip route add ${route%% src*}
	says a wrong-source
	on a ip route replace $route
	says a healthy
	BREAK='no host has the address that is asked'
	on b ip address delete 10.2.0.1/24 dev site
	on b ip address add 10.2.0.2/24 dev site
	run script a check
	[[ "$output" == *'  10.2.0.1 was tested, the first address there: if no host has it, name one: sh '*'/a.sh check TARGET'* ]]
	says a healthy 10.2.0.2
	BREAK='a target that is in no network of the other side'
	run -2 script a check 10.9.0.1
	both_down
	made --inner 10.99.0.0/24 "$A" "$B"
	both_up
	BREAK='the inner address is gone'
	on a ip address delete 10.99.0.1/32 dev lo
	says a address-gone
	[[ "$output" == *'address 10.99.0.1/32'* ]]
	both_down
	export LAB_PREFIX=l-
	"$net" up --lan --sides 3
	BREAK='two behind one NAT, without --lan'
	made --hairpin 192.168.1.4:61525@85.9.8.7 192.168.1.100:61523@85.9.8.7
	both_up
	says a same-nat
	says b same-nat
	both_down
	BREAK='a gateway with one arm sends redirects'
	made a=192.168.1.4:61525@85.9.8.7+192.168.1.0/24 b=192.168.3.4:4500@77.3.4.5
	on a sh -c 'cd /proc/sys/net/ipv4; echo 1 >ip_forward; echo 1 >conf/eth0/send_redirects; echo 1 >conf/all/send_redirects'
	script a up
	on c $shell "$BATS_TEST_TMPDIR/b.sh" up --no-punch
	says a redirected
	script a down
	on c $shell "$BATS_TEST_TMPDIR/b.sh" down
	rm "$BATS_TEST_TMPDIR/up"
}

@test "check of a tunnel that is down prints why up would fail, and leaves nothing in the kernel" {
	for sides in "$A $B" "--interface ipsec0 --esn --cipher aes256-sha256 $A+10.1.0.0/24 $B+10.2.0.0/24" "--mode transport --limit-packets 99 192.168.1.4 31.1.2.3" \
		"[2001:db8:1::4]:4500 [2001:db8:2::9]:4500"; do
		made $sides
		snapshot a >"$BATS_TEST_TMPDIR/before"
		run -1 script a check
		[[ "$output" == "a: is down; set it up with: sh "*" up" ]]
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
	done
	made "$A" "$B"
	on a espdecap 61525 2>/dev/null 3>&- &
	sleep 0.5
	run -1 script a check
	pkill -f 'espdecap 61525$'
	[[ "$output" == 'a: port-taken: UDP port 61525 is in use by espdecap (pid '* ]]
}

# The same with an ip that refuses: tests/followed.bats.
@test "if modprobe.d forbids a module, check and up name it with status 5" {
	[ "$LAB_INSIDE" = vm ] || return 0 # another kernel is not ours to take modules from
	made --cipher aes128ccm16 "$A" "$B"
	echo 'install ccm /bin/false' >/etc/modprobe.d/lab.conf
	run -5 script a check
	[[ "$output" == 'a: no-cipher: this kernel lacks the cipher aes128ccm16: generate with another --cipher ('*')' ]]
	run -5 script a up
	[[ "$output" == *'a: no-cipher: this kernel lacks aes128ccm16: generate with another --cipher ('* ]]
	made "$A" "$B"
	rmmod esp4
	echo 'install esp4 /bin/false' >/etc/modprobe.d/lab.conf
	run -5 script a check
	[[ "$output" == "a: esp-blocked: ESP is disabled on purpose: remove the line 'install esp4 /bin/false' from /etc/modprobe.d/lab.conf ("*')' ]]
	run -5 script a up
	[[ "$output" == *'a: no-esp: this kernel has no ESP: try modprobe esp4 ('* ]]
	rm /etc/modprobe.d/lab.conf "$BATS_TEST_TMPDIR/up"
	run -1 script a check # which makes the kernel load it
	[[ "$output" == "a: is down; set it up with: sh "*" up" ]]
}

@test "check names a path that drops only ESP, and changes by other tools" {
	made --clamp "$A" "$B"
	BREAK='the path lets hellos pass, and no ESP'
	on inet nft 'add table ip odd; add chain ip odd f { type filter hook forward priority 0; }; add rule ip odd f udp length > 20 @th,64,32 != 0 drop'
	on b $shell "$BATS_TEST_TMPDIR/b.sh" up --wait 20 3>&- &
	on a $shell "$BATS_TEST_TMPDIR/a.sh" up --wait 20 || :
	wait $! || :
	says a half-path
	on inet nft delete table ip odd
	says a healthy
	BREAK='nft flush ruleset took the clamp'
	on a nft flush ruleset
	says a half-up
	[[ "$output" == *'missing nft table'* ]]
	script a mend
	says a healthy
	BREAK='the inbound SA was deleted'
	on a ip xfrm state delete src 31.1.2.3 dst 192.168.1.4 proto esp spi "$(on a ip xfrm state list src 31.1.2.3 | sed -n 's/.*spi \(0x[0-9a-f]*\).*/\1/p' | head -n 1)"
	says a half-up
	script a mend
	says a healthy
	BREAK='iptables drops what comes from outside'
	on a iptables -A INPUT -p udp --dport 61525 -j DROP
	says a firewall
	[[ "$output" == *': nft insert rule ip filter INPUT udp dport 61525 accept'* ]]
	on a iptables -F
	BREAK='iptables drops what is to be encrypted'
	on a iptables -A OUTPUT -d 192.168.2.100 -j DROP
	says a own-firewall
	on a iptables -F
	says a healthy
	BREAK='the local address changed'
	on a ip address delete 192.168.1.4/24 dev eth0
	on a ip address add 192.168.1.5/24 dev eth0
	on a ip route add default via 192.168.1.1
	says a address-gone
	on a ip address delete 192.168.1.5/24 dev eth0
	on a ip address add 192.168.1.4/24 dev eth0
	on a ip route add default via 192.168.1.1
	script a mend
	says a healthy
	both_down
	made "[2001:db8:1::4]:61525" "[2001:db8:2::100]:61523"
	both_up
	BREAK='a firewall drops IPv6 from outside'
	on a ip6tables -A INPUT -p udp --dport 61525 -j DROP
	says a firewall
	on a ip6tables -F
	BREAK='no default route, IPv6'
	route=$(on a ip -6 route show default)
	on a ip -6 route delete default
	says a no-route
	on a ip -6 route add $route
	says a healthy
	both_down
}

@test "check names used-up sequence numbers, and a policy or key changed by another tool" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	made --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	BREAK='the sequence numbers are used up'
	# rows SOURCE: of a's SAs with that source, as in its store
	rows() { sh -c "$(sed -n '/^check=/,/^"; }/p' "$(store a)"); port=61525; states" | sed -n "s/ #.*//; / src $1 /p"; }
	row=$(rows 192.168.1.4)
	on a ip xfrm state delete src 192.168.1.4 dst 31.1.2.3 proto esp spi "$(fact spi_1 a)"
	on a ip -batch - <<<"$(sed 's/replay-oseq [0-9]*/replay-oseq 0xfffffffe/' <<<"$row")"
	talks a 192.168.1.4 192.168.2.100
	sleep 0.5
	says a count-used-up
	hush
	both_down
	made "$A" "$B"
	both_up
	BREAK='the policy has another reqid'
	old=$(script a -n up | sed -n 's/^\(ip \)*\(xfrm policy add .* dir in .*\)/\2/p' | sed 's/ #.*//')
	on a ip -batch - <<<"$(sed 's/policy add/policy update/; s/reqid [0-9]*/reqid 77/' <<<"$old")"
	says a half-up
	[[ "$output" == *'dir in (another policy has its selector)'* ]]
	on a ip -batch - <<<"${old/policy add/policy update}"
	says a healthy
	BREAK='the inbound SA has another key'
	on a ip xfrm state deleteall src 31.1.2.3
	on a ip -batch - <<<"$(rows 31.1.2.3 | sed 's/ 0x[0-9a-f]\{8\}\([0-9a-f]\{64\} 128\)/ 0x00000000\1/')"
	says a wrong-key
	both_down
}

@test "the matrix has at least 45 faults, each with check's verdict" {
	while IFS='|' read -r break side said; do
		printf '# %-56s %s  %s\n' "$break" "$side" "${said%%: *}"
	done <"$BATS_FILE_TMPDIR/matrix" >&3
	[ "$(grep -v '|healthy' "$BATS_FILE_TMPDIR/matrix" | cut -d'|' -f1 | sort -u | wc -l)" -ge 45 ]
}
