# What is wrong, in one line: a working tunnel is broken in one way after the other, and check names each.
# Run in the lab: tests/lab/run bats tests/lab/check.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	for LAB_PREFIX in p- s- l-; do export LAB_PREFIX; "$net" down 2>/dev/null || :; done
	rm -rf /etc/netns/p-a
}
setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() { all_down; }

# says SIDE CAUSE [TARGET]: check on that side gives that verdict, and its status
says() {
	local wanted=1 other
	case $1 in a) other=b ;; *) other=a ;; esac
	case $2.$BREAK in healthy.nothing*) wanted=0 ;; healthy.*) wanted=0 BREAK="$BREAK: mended" ;; esac
	run script "$1" check ${3-}
	echo "$1: $output"
	echo "${BREAK-}|$1|${lines[0]#*: }" >>"$BATS_FILE_TMPDIR/matrix"
	[ "$status" -eq "$wanted" ]
	[[ "${lines[0]}" == "$other: $2"* ]]
}

@test "a healthy tunnel of each kind is healthy" {
	generate "$A" "$B"
	both_up
	BREAK=nothing
	says a healthy
	says b healthy
	both_down
	generate --inner 10.99.0.0/24 --interface ipsec0 "$A" "$B"
	both_up
	BREAK='nothing, with an interface'
	says a healthy
	says b healthy
}

@test "what is broken on this side is named on this side" {
	generate "$A" "$B"
	both_up
	BREAK='out SA deleted'
	on a ip -o xfrm state list nokeys >/dev/null
	spi=$(awk '$1 == "out.b" { print $3 }' "$XFRMPAIR_RUN"/*.a/sas)
	on a ip xfrm state delete src 192.168.1.4 dst 31.1.2.3 proto esp spi "$spi"
	says a no-out-sa
	script a up
	says a healthy
	BREAK='policies flushed'
	on a ip xfrm policy flush
	says a half-up
	script a up
	BREAK='helper killed'
	pkill -f -- '-u 65534 -b 192.168.1.4 61525'
	says a no-helper
	script a up
	BREAK='a block before the tunnel'
	on a ip xfrm policy add src 192.168.1.4/32 dst 192.168.2.0/24 dir out priority 7 action block
	says a guarded
	on a ip xfrm policy delete src 192.168.1.4/32 dst 192.168.2.0/24 dir out
	BREAK='a firewall drops what was decrypted'
	on a nft 'add table ip wall; add chain ip wall in { type filter hook input priority 0; }; add rule ip wall in meta secpath exists drop'
	says a firewall
	on a nft delete table ip wall
	BREAK='the path carries less'
	on inet ip link set to-b mtu 1300
	on inet nft 'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out icmp type destination-unreachable drop'
	says a mtu
	on inet ip link set to-b mtu 1500
	on inet nft delete table ip quiet
	says a healthy
}

@test "what the other side does is named where it is seen" {
	generate "$A" "$B"
	BREAK='the other is not up'
	script a up
	says a never-heard
	script b up
	says a healthy
	BREAK='the other went away'
	script b down
	says a not-arriving
	# scripts of two runs
	mkdir "$BATS_TEST_TMPDIR/old"
	script a down
	cp "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/old/b.sh"
	generate "$A" "$B"
	cp "$BATS_TEST_TMPDIR/old/b.sh" "$BATS_TEST_TMPDIR/b.sh"
	both_up
	BREAK='scripts of two runs'
	on b ping -q -i 0.2 -c 200 -W 1 -I 192.168.2.100 192.168.1.4 >/dev/null 2>&1 3>&- &
	says a unknown-spi
	pkill -x ping
	both_down
	# another key under the same SPI
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	sed -i '/^#key b a /s/\(0x[0-9a-f]*\)$/0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567/' "$BATS_TEST_TMPDIR/b.sh"
	both_up
	BREAK='another key'
	on b ping -q -i 0.2 -c 200 -W 1 -I 192.168.2.100 192.168.1.4 >/dev/null 2>&1 3>&- &
	says a wrong-key
	pkill -x ping
}

@test "lost counts, lost epochs, a limit, a guard, a firewall outside are named" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	both_up
	on b ping -q -i 0.01 -c 60 -W 1 -I 192.168.2.100 192.168.1.4
	BREAK='the other came up again without its store'
	script b down
	rm "$XFRMPAIR_STATE"/*.b
	script b up
	says a replayed
	says b not-arriving
	[[ "$output" == *'where it says replayed'*'count-low'* ]]
	both_down
	rm -r "$XFRMPAIR_STATE"
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	script b rekey
	cp "$XFRMPAIR_STATE"/*.b "$BATS_TEST_TMPDIR/copy"
	BREAK="the other's store is an old copy"
	for _ in 1 2 3; do
		script a rekey
		answers a 192.168.1.4 192.168.2.100
		script b rekey
		answers b 192.168.2.100 192.168.1.4
	done
	script b down
	cat "$BATS_TEST_TMPDIR/copy" >"$(echo "$XFRMPAIR_STATE"/*.b)"
	script b up
	on b ping -q -i 0.2 -c 200 -W 1 -I 192.168.2.100 192.168.1.4 >/dev/null 2>&1 3>&- &
	says a epochs-apart
	pkill -x ping
	on a ping -q -i 0.2 -c 200 -W 1 -I 192.168.1.4 192.168.2.100 >/dev/null 2>&1 3>&- &
	says b epochs-apart
	pkill -x ping
	both_down
	BREAK='a firewall drops what comes from outside'
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	on a nft 'add table ip wall; add chain ip wall in { type filter hook input priority 0; }; add rule ip wall in udp dport 61525 drop'
	says a not-arriving
	says b not-arriving
	on a nft delete table ip wall
	both_down
	BREAK='a limit is reached'
	generate --limit-packets 20 "$A" "$B"
	both_up
	on a ping -q -i 0.01 -c 30 -W 1 -I 192.168.1.4 192.168.2.100 || :
	says a no-out-sa
	both_down
	BREAK='down, with --guard'
	generate --guard "$A" "$B"
	both_up
	script a down
	says a guarded
	both_down
}

@test "between public sides: clear packets, encapsulation on one side, other nets, other sockets, other ports, names" {
	export LAB_PREFIX=p-
	"$net" up --open-side a --open-side b
	PA=85.9.8.7:4500 PB=31.1.2.3:4500
	generate "$PA" "$PB"
	both_up
	BREAK='policies of the other side flushed'
	answers a 85.9.8.7 31.1.2.3
	on b ip xfrm policy flush
	says a not-arriving
	says b half-up
	BREAK='the other side is down, and sends in the clear'
	script b down
	on b ping -q -i 0.2 -c 200 -W 1 85.9.8.7 >/dev/null 2>&1 3>&- &
	says a clear-arrives
	pkill -x ping
	script a down
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	BREAK='the other side sends without encapsulation'
	generate --keys "$BATS_TEST_TMPDIR/keys" "${PA%:*}" "${PB%:*}"
	mv "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/other"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$PA" "$PB"
	mv "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/b.sh"
	both_up
	on b ping -q -i 0.2 -c 200 -W 1 85.9.8.7 >/dev/null 2>&1 3>&- &
	says a no-encap
	pkill -x ping
	both_down
	BREAK='the other side has other nets'
	on a ip address add 10.7.1.1/32 dev lo
	on b ip address add 10.7.9.1/32 dev lo
	generate --keys "$BATS_TEST_TMPDIR/keys" "$PA+10.7.1.1" "$PB+10.7.9.1"
	mv "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/other"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$PA+10.7.1.1" "$PB+10.7.2.1"
	mv "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/b.sh"
	both_up
	on b ping -q -i 0.2 -c 200 -W 1 -I 10.7.9.1 10.7.1.1 >/dev/null 2>&1 3>&- &
	says a no-policy
	pkill -x ping
	both_down
	BREAK='the socket that another was to hold is not there'
	generate "$PA" "$PB"
	script a up --no-helper
	script b up
	on b ping -q -i 0.2 -c 200 -W 1 85.9.8.7 >/dev/null 2>&1 3>&- &
	says a no-helper
	BREAK="the socket is another's"
	on a socat -u UDP-RECV:4500 OPEN:/dev/null 3>&- &
	sleep 0.5
	says a not-our-socket
	pkill -x ping
	both_down
	pkill -x socat
	BREAK='the other side comes from another port'
	on b nft 'add table ip moved; add chain ip moved post { type nat hook postrouting priority 100; }; add rule ip moved post udp sport 4500 snat to :4600
		add chain ip moved in { type filter hook input priority 0; }; add rule ip moved in udp dport 4500 ct direction original drop'
	on b conntrack -F 2>/dev/null
	generate "$PA+10.7.1.1" "$PB+10.7.9.1" # which does not cover its own flow: else the policies drop what comes in UDP from elsewhere
	both_up
	on b ping -q -i 0.2 -c 200 -W 1 -I 10.7.9.1 10.7.1.1 >/dev/null 2>&1 3>&- &
	says a peer-moved
	pkill -x ping
	script a update-peer 31.1.2.3:4600
	says a healthy
	BREAK='and then from another one'
	on b nft 'delete table ip moved; add table ip moved; add chain ip moved post { type nat hook postrouting priority 100; }; add rule ip moved post udp sport 4500 snat to :4700
		add chain ip moved in { type filter hook input priority 0; }; add rule ip moved in udp dport 4500 ct direction original drop'
	on b conntrack -F 2>/dev/null
	on b ping -q -i 0.2 -c 200 -W 1 -I 10.7.9.1 10.7.1.1 >/dev/null 2>&1 3>&- &
	says a peer-moved
	pkill -x ping
	on b nft delete table ip moved
	on b conntrack -F 2>/dev/null
	both_down
	BREAK="the other's name has another address"
	mkdir -p /etc/netns/p-a
	echo 31.1.2.3 peer.example >/etc/netns/p-a/hosts
	generate "$PA+10.7.1.1" "$PB@peer.example+10.7.9.1"
	both_up
	says a healthy
	echo 31.1.2.99 peer.example >/etc/netns/p-a/hosts
	script b down
	says a name
	rm -r /etc/netns/p-a
}

@test "of sites: forwarding, NAT, sources, routes, addresses, redirects; two behind one NAT that turns nothing around" {
	export LAB_PREFIX=s-
	"$net" up --sites
	generate "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	on a sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	both_up
	BREAK='ip_forward is 0'
	says a no-forwarding
	on a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	says a healthy
	BREAK='masquerade takes what the tunnel is to carry'
	on a nft 'add table ip home; add chain ip home post { type nat hook postrouting priority 100; }; add rule ip home post ip saddr 10.1.0.0/24 oif != "lo" masquerade'
	says a own-nat
	on a nft delete table ip home
	on a conntrack -F 2>/dev/null
	BREAK='the route is gone'
	route=$(on a ip route show 10.2.0.0/24)
	on a ip route delete $route
	says a half-up
	[[ "$output" == *'missing route 10.2.0.0/24'* ]]
	BREAK='a route without src'
	on a ip route add ${route%% src*}
	says a wrong-source
	on a ip route replace $route
	says a healthy
	# of a net, the first address is asked: where no host has it, check says so, and takes another
	on b ip address delete 10.2.0.1/24 dev site
	on b ip address add 10.2.0.2/24 dev site
	BREAK='no host has the address that is asked'
	run script a check
	[[ "$output" == *'  10.2.0.1 was asked, as the first address there: if no host has it, name one that is there: sh '*'/a.sh check TARGET' ]]
	says a healthy 10.2.0.2
	both_down
	generate --inner 10.99.0.0/24 "$A" "$B"
	both_up
	BREAK='the inner address is gone'
	on a ip address delete 10.99.0.1/32 dev lo
	says a half-up
	[[ "$output" == *'missing address 10.99.0.1/32'* ]]
	both_down
	export LAB_PREFIX=l-
	"$net" up --lan --sides 3
	BREAK='two behind one NAT, without --lan'
	generate --hairpin 192.168.1.4:61525@85.9.8.7 192.168.1.100:61523@85.9.8.7
	both_up
	says a same-nat
	says b same-nat
	both_down
	BREAK='a gateway with one arm sends redirects'
	generate a=192.168.1.4:61525@85.9.8.7+192.168.1.0/24 b=192.168.3.4:4500@77.3.4.5
	on a sh -c 'cd /proc/sys/net/ipv4; echo 1 >ip_forward; echo 1 >conf/eth0/send_redirects; echo 1 >conf/all/send_redirects'
	script a up
	on c $shell "$BATS_TEST_TMPDIR/b.sh" up --no-punch
	says a redirected
	script a down
	on c $shell "$BATS_TEST_TMPDIR/b.sh" down
	rm "$BATS_TEST_TMPDIR/up"
}

@test "of a tunnel that is down check says what up would refuse for, by what the kernel takes and has, and leaves nothing there" {
	for sides in "$A $B" "--interface ipsec0 --esn --cipher aes256-sha256 $A+10.1.0.0/24 $B+10.2.0.0/24" "--mode transport --limit-packets 99 192.168.1.4 31.1.2.3" \
		"[2001:db8:1::4]:4500 [2001:db8:2::9]:4500"; do
		generate $sides
		snapshot a >"$BATS_TEST_TMPDIR/before"
		run -1 script a check
		[[ "$output" == "a: is down; set it up with: sh "*" up" ]]
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
	done
	generate "$A" "$B"
	on a espdecap 61525 2>/dev/null 3>&- &
	sleep 0.5
	run -1 script a check
	pkill -f 'espdecap 61525$'
	[[ "$output" == 'b: port-taken: UDP port 61525 is taken by users:(("espdecap",'* ]]
	sleep 0.5
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	fake_ip "case \$batch in *'state add'*aead*) echo 'Error: Requested AEAD algorithm not found.' >&2; exit 2;; esac"
	run -5 on a env PATH="$BATS_TEST_TMPDIR/bin:$PATH" sh "$BATS_TEST_TMPDIR/a.sh" check
	[[ "$output" == 'b: no-cipher: this kernel lacks the cipher aes256gcm16: generate with another --cipher (trying an SA: '* ]]
}

@test "the matrix: twenty breaks and more, each with what check says, on the sides that can know" {
	while IFS='|' read -r break side said; do
		printf '# %-56s %s  %s\n' "$break" "$side" "${said%%: *}"
	done <"$BATS_FILE_TMPDIR/matrix" >&3
	[ "$(grep -v '|healthy' "$BATS_FILE_TMPDIR/matrix" | cut -d'|' -f1 | sort -u | wc -l)" -ge 20 ]
}
