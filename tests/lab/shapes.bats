# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The common shapes of tunnels: packets pass through each, and down leaves the machine as it was.
# Run in the lab: tests/lab/run bats tests/lab/shapes.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --sites --ipv6
	LAB_PREFIX=p- "$net" up --open-side a --open-side b
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	LAB_PREFIX=p- "$net" down
}
setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() {
	all_down
	# a test that fails leaves its rules, and the next one is to fail by itself
	[ -n "${BATS_TEST_COMPLETED-}" ] || for side in a b; do LAB_PREFIX='' on $side nft flush ruleset; done
}

before() { for side in ${SIDES:-a b}; do snapshot $side >"$BATS_TEST_TMPDIR/before.$side"; done; }
# as_before: takes the tunnels down; all is as `before` saw it
as_before() {
	both_down
	for side in ${SIDES:-a b}; do snapshot $side | diff "$BATS_TEST_TMPDIR/before.$side" -; done
}
# reaches SPACE TO: three pings from wherever the kernel sends them
reaches() { on "$1" ping -q -c 3 -i 0.2 -W 2 "$2"; }
# all_healthy: says check on each side, of every peer
all_healthy() {
	local side checks=()
	for side in ${SIDES:-a b}; do
		script "$side" check >"$BATS_TEST_TMPDIR/check.$side" 2>&1 3>&- &
		checks+=($!)
	done
	wait "${checks[@]}" || :
	for side in ${SIDES:-a b}; do
		cat "$BATS_TEST_TMPDIR/check.$side"
		grep -q ': healthy$' "$BATS_TEST_TMPDIR/check.$side"
		run -1 grep -v ': healthy$' "$BATS_TEST_TMPDIR/check.$side"
	done
}
cut_off() {
	local said
	said=$(on "$1" ping -q -c 2 -i 0.2 -W 1 "$2" 2>&1) && return 1
	[[ "$said" == *" 0 received"* ]]
}

# section SIDE: the one that counts, of the store and the script
section() {
	local script=$BATS_TEST_TMPDIR/$1.sh stored
	stored=$XFRMPAIR_STATE/$(sed -n 's/^store=\([^ ]*\).*/\1/p' "$script")
	if [ "$(sed -n 's/^made=\([0-9]*\).*/\1/p' "$stored")" -ge "$(sed -n 's/^made=\([0-9]*\).*/\1/p' "$script")" ]; then
		cat "$stored"
	else
		sed -n '/^made=/,/^# ---- end/p' "$script"
	fi
}
# page SIDE FUNCTION...: what these functions of its page print, with the values of the section that counts
page() {
	local side=$1
	shift
	section "$side" >"$BATS_TEST_TMPDIR/section"
	sed '3s/^{//; /^made=/,$d' "$BATS_TEST_TMPDIR/$side.sh" >"$BATS_TEST_TMPDIR/page"
	sh -c '. "$1/page"; . "$1/section"; shift; for each; do ! command -v "$each" >/dev/null || "$each"; done' sh "$BATS_TEST_TMPDIR" "$@" | sed '/^$/d'
}
# selectors: policies, of the page or of `ip -s xfrm policy list`, one a line: selector, direction, index, priority, interface, template
selectors() {
	awk '
		function flush() { if (of["src"] != "") { line = ""; for (i = 1; i <= n; i++) line = line " " order[i] " " of[order[i]]; print line } split("", of) }
		BEGIN { n = split("src dst proto sport dport dir action index priority if_id tmpl.src tmpl.dst tmpl.proto tmpl.spi tmpl.reqid tmpl.mode", order, " ") }
		/^src / || /^xfrm / { flush(); within = "" }
		/lifetime|^\t+(enc-mask|level)|limit|expire| use / { next }
		{
			for (i = 1; i < NF; i++) {
				if ($i == "tmpl") within = "tmpl."
				name = ($i == "if_id" ? "" : within) $i
				value = $(i + 1)
				sub(/\(.*/, "", value)
				if (name == "tmpl.spi" && value == "0x00000000") continue # any
				if (name == "action" && value == "allow") continue # as is a policy without one
				for (j = 1; j <= n; j++) if (order[j] == name && !(name in of)) { of[name] = value; i++; break }
			}
		}
		END { flush() }' | sort
}
# in_sight SIDE: what its kernel has of a tunnel stands in its script, and nothing else does
in_sight() {
	local word
	on "$1" ip xfrm state list | awk '$1 == "proto" { print $4 } $1 ~ /^(aead|enc|auth|auth-trunc)$/ { print $3 }' >"$BATS_TEST_TMPDIR/words"
	[ "$(grep -c '^0x[0-9a-f]\{8\}$' "$BATS_TEST_TMPDIR/words")" -eq "$(section "$1" | grep -c '^xfrm state add ')" ]
	[ "$(grep -c '^0x[0-9a-f]\{32,\}$' "$BATS_TEST_TMPDIR/words")" -eq "$(section "$1" | grep -c '^xfrm state add ')" ]
	while read -r word; do
		section "$1" | sed -n '/^states()/,/^"/p' | grep -qw -- "$word"
	done <"$BATS_TEST_TMPDIR/words"
	page "$1" passes policies | selectors >"$BATS_TEST_TMPDIR/rows"
	cat "$BATS_TEST_TMPDIR/rows"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/rows")" -ge 3 ]
	[ "$(grep -c ' dst [^ ]* .*dir [a-z]* .*index [0-9]* priority [0-9]* .*tmpl.src [^ ]* tmpl.dst [^ ]* .*tmpl.reqid [0-9]* ' "$BATS_TEST_TMPDIR/rows")" -ge 3 ]
	on "$1" ip -s xfrm policy list | selectors | diff "$BATS_TEST_TMPDIR/rows" -
}
# undone SIDE: each line of undo removes something, and they and the helper's end all that up added
undone() {
	local line list
	page "$1" undo >"$BATS_TEST_TMPDIR/undo"
	while read -r line; do
		echo "ip $line"
		list=${line%% delete*}
		case $list in route) list='route show table all' ;; address | link) list='address show' ;; *) list="${line%% delete*} list" ;; esac
		# shellcheck disable=SC2086 # words
		{
			on "$1" ip $list | sed 's/valid_lft.*//' >"$BATS_TEST_TMPDIR/was"
			on "$1" ip $line
			on "$1" ip $list | sed 's/valid_lft.*//' >"$BATS_TEST_TMPDIR/is"
		}
		diff "$BATS_TEST_TMPDIR/was" "$BATS_TEST_TMPDIR/is" | grep '^[<>]' >"$BATS_TEST_TMPDIR/changed"
		cat "$BATS_TEST_TMPDIR/changed"
		run -1 grep '^>' "$BATS_TEST_TMPDIR/changed"
	done <"$BATS_TEST_TMPDIR/undo"
	ip_lists "$1" | diff "$BATS_TEST_TMPDIR/lists.$1" -
}

@test "every SPI, key and policy of the kernel is in the script, and each line of undo removes what up added" {
	generate "$A" "$B"
	for side in a b; do ip_lists $side >"$BATS_TEST_TMPDIR/lists.$side"; done
	before
	both_up
	answers a 192.168.1.4 192.168.2.100
	in_sight a
	in_sight b
	# with other keys, too
	script a rekey
	in_sight a
	undone a
	undone b
	as_before
}

@test "the same for a star with interfaces, on the hub and on a spoke" {
	export LAB_PREFIX=s- SIDES='c a b'
	"$net" up --sites --sides 3 --open-side c
	generate --star --interface ipsec0 --inner 172.30.0.0/24 c=77.3.4.5:4500+10.0.0.0/8 "a=$A+10.1.0.0/24" "b=$B+10.2.0.0/24"
	for side in c a; do ip_lists $side >"$BATS_TEST_TMPDIR/lists.$side"; done
	before
	both_up
	reaches ha 10.2.0.10
	in_sight c
	in_sight a
	script a rekey
	in_sight a
	undone c
	undone a
	as_before
	"$net" down
}

@test "sites: hosts behind the gateways reach each other, and gateways the hosts" {
	generate "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	before
	both_up
	reaches ha 10.2.0.10
	reaches hb 10.1.0.10
	# the gateway itself needs no -I: the route names its own address inside
	reaches a 10.2.0.10
	on a ip route show 10.2.0.0/24 | grep -q ' proto [0-9]* src 10.1.0.1 onlink mtu 1438'
	# a large packet of a host behind is told the MTU
	run on ha ping -c 1 -M do -s 1450 10.2.0.10
	[[ "$output" == *1438* ]]
	all_healthy
	as_before
	# the control
	cut_off ha 10.2.0.10
}

# bats test_tags=script
@test "sites: ip_forward is reported, set by up --forward, and restored by down" {
	generate "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	on a sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	before
	script b up
	run script a up
	[ "$status" -eq 0 ]
	[[ "$output" == *"a: warning: /proc/sys/net/ipv4/ip_forward is 0: this host does not forward for the hosts behind it; up --forward sets it, and down restores it"* ]]
	cut_off ha 10.2.0.10
	both_down
	both_up --forward
	reaches ha 10.2.0.10
	as_before
	[ "$(on a cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
	on a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# bats test_tags=script
@test "check names the gateway's own masquerade, up --nat-exempt exempts the tunnel, and other rules are never touched" {
	generate "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	for side in a b; do
		on $side nft -f - <<-END
			table ip home {
				chain postrouting { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }
			}
		END
	done
	before
	both_up
	cut_off ha 10.2.0.10
	run script a check
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "b: own-nat: NAT rules of this host match tunnelled traffic before IPsec: sh $BATS_TEST_TMPDIR/a.sh down, then up --nat-exempt" ]]
	[[ "$output" == *"NAT on this host changed their source to 192.168.1.4: table ip home, chain postrouting"* ]]
	both_down
	for side in a b; do on $side conntrack -F 2>/dev/null || :; done
	both_up --nat-exempt
	reaches ha 10.2.0.10
	reaches hb 10.1.0.10
	all_healthy
	as_before
	# the same with iptables
	for side in a b; do
		on $side nft delete table ip home
		on $side iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
	done
	before
	both_up
	cut_off ha 10.2.0.10
	run script a check
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "b: own-nat: NAT rules of this host match tunnelled traffic before IPsec: sh $BATS_TEST_TMPDIR/a.sh down, then up --nat-exempt" ]]
	both_down
	for side in a b; do on $side conntrack -F 2>/dev/null || :; done
	both_up --nat-exempt
	reaches ha 10.2.0.10
	as_before
	for side in a b; do on $side iptables -t nat -F; done
}

# bats test_tags=script
@test "check names an older flow on the tunnel's ports, or random ports, and up --nat-exempt fixes it" {
	generate "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	talks_alike() { on ha sh -c 'for i in 1 2 3 4 5 6 7 8; do echo | socat -u - UDP4-SENDTO:31.1.2.3:10421,sourceport=61525; sleep 0.3; done'; }
	for masquerade in masquerade 'masquerade random'; do
		on a nft "table ip home { chain postrouting { type nat hook postrouting priority srcnat; oifname eth0 ip daddr != 10.2.0.0/24 $masquerade; }; }"
		before
		on a conntrack -F
		talks_alike
		both_up
		talks_alike &
		run script a check
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "${lines[0]}" == "b: own-nat: NAT of this host changes the tunnel's own packets: they leave as 192.168.1.4:"*": sh $BATS_TEST_TMPDIR/a.sh down, then up --nat-exempt" ]]
		wait
		both_down
		# the flow is still there
		talks_alike
		script a up --nat-exempt
		script b up
		talks_alike &
		reaches ha 10.2.0.10
		reaches hb 10.1.0.10
		wait
		as_before
		on a nft delete table ip home
		on a conntrack -F # else packets of the next test keep the other ports
	done
}

# bats test_tags=script
@test "the command that check prints opens the firewall for new connections, and is not printed again" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	closed() { # RULESET-COMMAND...
		silent b 192.168.2.100 192.168.1.4
		run script a check
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "${lines[0]}" == "b: firewall: "*": $1 "* ]]
		on a sh -c "$1${lines[0]#*": $1"}"
		answers b 192.168.2.100 192.168.1.4
		run -0 script a check
		[ "$output" = "b: healthy" ]
	}
	on a nft 'add table inet wall; add chain inet wall input { type filter hook input priority filter; policy drop; }
		add rule inet wall input ct state established,related accept'
	closed 'nft insert rule inet wall input'
	on a nft delete table inet wall
	on a iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
	on a iptables -A INPUT -j DROP
	closed 'nft insert rule ip filter INPUT'
	on a iptables -F
}

@test "inner addresses: two homes with the same LAN and the same host address meet" {
	export LAB_PREFIX=y-
	"$net" up --a 192.168.1.10@85.9.8.7 --b 192.168.1.10@31.1.2.3 --nat-b keeps
	generate --inner 10.99.0.0/24 192.168.1.10:61525@85.9.8.7 192.168.1.10:61523@31.1.2.3
	before
	both_up
	answers a 10.99.0.1 10.99.0.2
	# the route names the source
	reaches b 10.99.0.1
	# the LANs stay what they are
	reaches a 192.168.1.1
	all_healthy
	as_before
	"$net" down
}

@test "an xfrm interface: route-based, tcpdump on it shows both directions, two side by side" {
	generate --inner 10.99.0.0/24 --interface ipsec0 "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	before
	both_up
	answers a 10.99.0.1 10.99.0.2
	reaches ha 10.2.0.10
	all_healthy
	capture a ipsec0 "$BATS_TEST_TMPDIR/inside" icmp
	answers a 10.99.0.1 10.99.0.2
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/inside" 2>/dev/null | grep -c 'echo request')" -eq 3 ]
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/inside" 2>/dev/null | grep -c 'echo reply')" -eq 3 ]
	on a ip -d link show ipsec0 | grep -q 'mtu 1438'
	# another one beside it
	xfrmpair -o "$BATS_TEST_TMPDIR" --inner 10.98.0.0/24 --interface ipsec1 c=192.168.1.4:5001@85.9.8.7 d=192.168.2.100:5001@31.1.2.3
	on a sh "$BATS_TEST_TMPDIR/c.sh" up --no-punch
	on b sh "$BATS_TEST_TMPDIR/d.sh" up --no-punch
	answers a 10.98.0.1 10.98.0.2
	answers a 10.99.0.1 10.99.0.2
	on a sh "$BATS_TEST_TMPDIR/c.sh" down
	on b sh "$BATS_TEST_TMPDIR/d.sh" down
	answers b 10.99.0.2 10.99.0.1
	as_before
}

# bats test_tags=script
@test "a kernel without xfrm interfaces is status 5, and all is undone" {
	generate --inner 10.99.0.0/24 --interface ipsec0 "$A" "$B"
	before
	fake_ip "case \$batch in *'link add'*) echo 'Error: Unknown device type.' >&2; exit 2;; esac"
	run -5 script_with_fake_ip a up
	[ "${lines[2]}" = "a: adding the interface" ]
	[ "${lines[3]}" = "a: this kernel has no xfrm interfaces: generate without --interface (Error: Unknown device type.)" ]
	as_before
}

@test "plain ESP between public sides: no UDP, no helper" {
	export LAB_PREFIX=p-
	generate 85.9.8.7 31.1.2.3
	before
	both_up
	capture inet to-a "$BATS_TEST_TMPDIR/wire" not arp and not icmp6
	answers a 85.9.8.7 31.1.2.3
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null | grep -c 'ESP(spi=')" -eq 6 ]
	run -1 pgrep -f 'espdecap -u 65534 -b 85'
	script a status
	all_healthy
	as_before
}

@test "one side public: UDP encapsulation with one mapped side" {
	export LAB_PREFIX=y-
	"$net" up --open-side b
	generate "$A" 31.1.2.3:4500
	before
	both_up
	sleep 1
	answers a 192.168.1.4 31.1.2.3
	answers b 31.1.2.3 192.168.1.4
	all_healthy
	as_before
	"$net" down
}

@test "both behind one NAT: --lan joins them by their local endpoints, in a mesh too" {
	export LAB_PREFIX=y- SIDES='a b c'
	"$net" up --lan --sides 3
	generate --lan 192.168.1.4:61525@85.9.8.7 192.168.1.100:61523@85.9.8.7 192.168.3.4:4500@77.3.4.5
	before
	both_up
	sleep 1
	answers a 192.168.1.4 192.168.1.100
	answers b 192.168.1.100 192.168.3.4
	answers c 192.168.3.4 192.168.1.4
	all_healthy
	on a ip xfrm state list nokeys | grep -q 'dst 192.168.1.100'
	as_before
	"$net" down
}

@test "IPv6 inside IPv4 and both in one tunnel" {
	generate "$A+10.1.0.0/24+2001:db8:a1::/64" "$B+10.2.0.0/24+2001:db8:a2::/64"
	# the way without a tunnel is shut: what arrives came through it
	for nat in na nb; do on $nat sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'; done
	cut_off ha 2001:db8:a2::10
	before
	both_up
	reaches ha 10.2.0.10
	reaches ha 2001:db8:a2::10
	reaches hb 2001:db8:a1::10
	reaches a 2001:db8:a2::10
	all_healthy
	as_before
	for nat in na nb; do on $nat sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'; done
}

@test "outer IPv6 with encapsulation, IPv6 and IPv4 inside" {
	generate '[2001:db8:1::4]:4500+2001:db8:1::4+10.1.0.0/24' '[2001:db8:2::100]:4501+2001:db8:2::100+10.2.0.0/24'
	before
	both_up
	sleep 1
	capture inet to-a "$BATS_TEST_TMPDIR/wire" ip6 and udp
	answers a 2001:db8:1::4 2001:db8:2::100
	reaches ha 10.2.0.10
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null | grep -c '4501')" -ge 12 ]
	all_healthy
	as_before
}

@test "transport mode through two NATs, and GRE over it" {
	generate --mode transport "$A" "$B"
	modprobe ip_gre # it brings devices of its own
	before
	both_up
	capture inet to-a "$BATS_TEST_TMPDIR/wire" not arp and not icmp6
	answers a 192.168.1.4 31.1.2.3
	answers b 192.168.2.100 85.9.8.7
	all_healthy
	on a ip link add gre1 type gre local 192.168.1.4 remote 31.1.2.3
	on b ip link add gre1 type gre local 192.168.2.100 remote 85.9.8.7
	on a sh -c 'ip address add 10.77.0.1/30 dev gre1; ip link set gre1 up'
	on b sh -c 'ip address add 10.77.0.2/30 dev gre1; ip link set gre1 up'
	answers a 10.77.0.1 10.77.0.2
	captured
	tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null >"$BATS_TEST_TMPDIR/packets"
	run -1 grep -v -e '85.9.8.7.61525 > 31.1.2.3.10421: UDP' -e '31.1.2.3.10421 > 85.9.8.7.61525: UDP' "$BATS_TEST_TMPDIR/packets"
	on a ip link delete gre1
	on b ip link delete gre1
	as_before
}

@test "the leak guard: after down, a failed up and a killed helper nothing leaves in clear text" {
	generate --guard "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	before
	# the control: without a tunnel the words leave as they are
	capture na lan "$BATS_TEST_TMPDIR/clear" host 10.2.0.10
	cut_off ha 10.2.0.10
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/clear" 2>/dev/null | wc -l)" -ge 2 ]

	capture na lan "$BATS_TEST_TMPDIR/wire" host 10.2.0.10 or host 10.1.0.10
	both_up
	reaches ha 10.2.0.10
	pkill -KILL -f -- '-u 65534 -b 192.168.1.4 61525'
	cut_off ha 10.2.0.10
	script a down
	run script a status
	[ "$status" -eq 1 ]
	[ "$output" = "a: down, and tunnelled traffic is blocked" ]
	run -1 script a check
	[[ "$output" == "b: guarded: the tunnel is down, and its leak guard blocks tunnelled traffic: sh "*"a.sh up, or down --all" ]]
	on ha ping -q -c 2 -i 0.2 -W 1 10.2.0.10 && false
	on a ping -q -c 2 -i 0.2 -W 1 -I 10.1.0.1 10.2.0.10 && false
	# again, and a step of it is refused
	fake_ip "case \$batch in *'state add'*reqid*) echo 'RTNETLINK answers: Cannot allocate memory' >&2; exit 2;; esac"
	run script_with_fake_ip a up
	[ "$status" -eq 1 ]
	on ha ping -q -c 2 -i 0.2 -W 1 10.2.0.10 && false
	# up goes over the blocks
	script a up
	run script a status
	[ "$status" -eq 4 ] # until something comes
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null | wc -l)" -eq 0 ]
	as_before
}

# bats test_tags=script
@test "a guarded tunnel whose policies match its own flow comes up again, punching through the blocks" {
	export LAB_PREFIX=p-
	generate --guard 85.9.8.7:4500 31.1.2.3:4501
	before
	both_up
	answers a 85.9.8.7 31.1.2.3
	for side in a b; do script $side down; done
	run -2 on a ping -q -c 1 -W 1 31.1.2.3
	[ "$output" = "${output%%:*}: connect: Operation not permitted" ]
	on a sh "$BATS_TEST_TMPDIR/a.sh" up >"$BATS_TEST_TMPDIR/a.said" 2>&1 3>&- &
	sleep 1
	on b sh "$BATS_TEST_TMPDIR/b.sh" up 3>&-
	wait $!
	cat "$BATS_TEST_TMPDIR/a.said"
	grep -q '^a: up: packets from b arrive. Test it with:$' "$BATS_TEST_TMPDIR/a.said"
	answers a 85.9.8.7 31.1.2.3
	all_healthy
	as_before
}

@test "all traffic through the other side: the outer flow, the own net and the LAN's router are exempt" {
	generate "$A+10.1.0.0/24" "$B+0.0.0.0/0"
	on b nft 'add table ip home; add chain ip home post { type nat hook postrouting priority srcnat; }; add rule ip home post oifname eth0 ip saddr 10.1.0.0/24 masquerade'
	before
	both_up
	# a host behind a reaches the internet through b
	capture nb lan "$BATS_TEST_TMPDIR/wire" icmp and host 198.51.100.1
	reaches ha 198.51.100.1
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null | grep -c 'echo request')" -eq 3 ]
	# its own net stays its own, the gateway's own traffic too
	reaches a 10.1.0.10
	reaches a 192.168.1.1
	all_healthy
	script a status
	as_before
	on b nft delete table ip home
}

@test "a mesh of three sites with two nets each, all behind NAT: every host reaches every other" {
	export LAB_PREFIX=y- SIDES='a b c'
	"$net" up --sites --sides 3
	for side in a b c; do
		n=$(($(printf %d "'$side") - 96))
		on $side ip address add 10.1$n.0.1/24 dev site
		on h$side ip address add 10.1$n.0.10/24 dev eth0
	done
	generate "$A+10.1.0.0/24+10.11.0.0/24" "$B+10.2.0.0/24+10.12.0.0/24" 192.168.3.4:4500@77.3.4.5+10.3.0.0/24+10.13.0.0/24
	before
	both_up
	sleep 2
	for from in 1 2 3; do
		for to in 1 2 3; do
			[ $from != $to ] || continue
			side=$(printf "\\$(printf %o $((from + 96)))")
			for source in 10.$from.0.10 10.1$from.0.10; do
				for target in 10.$to.0.10 10.1$to.0.10; do
					on h$side ping -q -c 1 -W 2 -I $source $target
				done
			done
		done
	done
	all_healthy
	as_before
	"$net" down
}

# bats test_tags=script
@test "a star: three spokes behind NATs reach the hub, and through it each other, each with one tunnel" {
	export LAB_PREFIX=s- SIDES='d a b c'
	"$net" up --sites --sides 4 --open-side d
	for side in a b c d; do on $side sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'; done
	generate --star d=66.4.5.6:4500+10.0.0.0/8 "a=$A+10.1.0.0/24" "b=$B+10.2.0.0/24" c=192.168.3.4:4500@77.3.4.5+10.3.0.0/24
	before
	both_up --forward
	capture inet to-d "$BATS_TEST_TMPDIR/wire"
	# a spoke is heard first: the hub answers to where it is
	reaches ha 10.4.0.10
	reaches hb 10.4.0.10
	reaches hc 10.4.0.10
	for way in 'ha 10.2.0.10' 'hb 10.3.0.10' 'hc 10.1.0.10' 'hd 10.1.0.10' 'hd 10.3.0.10' 'a 10.2.0.1' 'b 10.3.0.10'; do
		# shellcheck disable=SC2086 # words
		reaches $way
	done
	captured
	[ -z "$(tcpdump -n -r "$BATS_TEST_TMPDIR/wire" icmp 2>/dev/null)" ]
	[ "$(on d ip xfrm state list nokeys | grep -o 'reqid [0-9]*' | sort -u | wc -l)" -eq 3 ]
	for side in a b c; do [ "$(on $side ip xfrm state list nokeys | grep -o 'reqid [0-9]*' | sort -u | wc -l)" -eq 1 ]; done
	# what is near stays near: the hub's own LAN, and the spoke's
	reaches d 10.4.0.10
	reaches a 10.1.0.10
	for side in a b c; do script $side check 10.4.0.1; done
	# the control: without the hub there is no way
	script d down
	cut_off ha 10.2.0.10
	as_before
	"$net" down
}

@test "only the one protocol or port goes through the tunnel" {
	serves() { # SIDE PORT: answers there
		on "$1" socat "TCP-LISTEN:$2,fork,reuseaddr" SYSTEM:'echo heard' >/dev/null 2>&1 3>&- &
		until on "$1" ss -Hltn "sport = $2" | grep -q .; do sleep 0.1; done
	}
	asks() { on a timeout 5 socat -T 2 - "TCP:192.168.2.100:$1,bind=192.168.1.4,connect-timeout=2" </dev/null; }
	generate "$A" "$B+192.168.2.100/tcp/22"
	before
	both_up
	serves b 22
	serves b 23
	[ "$(asks 22)" = heard ]
	run -1 asks 23
	silent a 192.168.1.4 192.168.2.100
	script a status
	run -0 script a check
	[ "$output" = "b: healthy" ]
	pkill -x socat
	as_before
	generate "$A+192.168.1.4/icmp" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	serves b 22
	run -1 asks 22
	pkill -x socat
	script a check
	as_before
}

@test "--clamp lowers the MSS of forwarded connections" {
	generate --clamp "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	before
	both_up
	on hb socat -u TCP4-LISTEN:7777,reuseaddr - >/dev/null 3>&- &
	sleep 0.5
	capture hb eth0 "$BATS_TEST_TMPDIR/syn" 'tcp[tcpflags] & tcp-syn != 0'
	echo words | on ha socat -u - TCP4:10.2.0.10:7777
	captured
	tcpdump -n -r "$BATS_TEST_TMPDIR/syn" 2>/dev/null | grep -q 'mss 1398'
	as_before
}

# bats test_tags=script
@test "paste blocks of sites and with an interface work, and their comments take them down" {
	pasted() { # CHECK ARGUMENT...: the sides are set up, and CHECK is true
		local check=$1
		shift
		xfrmpair --format paste -o "$BATS_TEST_TMPDIR" --force "$@"
		on a bash "$BATS_TEST_TMPDIR/a.paste" 3>&-
		{
			echo "ip() { $(command -v ip) \"\$@\"; }"
			cat "$BATS_TEST_TMPDIR/b.paste"
		} >"$BATS_TEST_TMPDIR/b.ash" # it has an ip of its own
		on b busybox ash "$BATS_TEST_TMPDIR/b.ash" 3>&-
		sleep 1
		$check
	}
	taken_down() {
		for side in a b; do
			printed_down "$BATS_TEST_TMPDIR/$side.paste" | on $side sh -e
			snapshot $side | diff "$BATS_TEST_TMPDIR/before.$side" -
		done
	}
	before
	pasted 'reaches ha 10.2.0.10' --clamp --guard "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	# what is there already is another's: refused, and left there
	snapshot a >"$BATS_TEST_TMPDIR/up.a"
	run -2 on a dash "$BATS_TEST_TMPDIR/a.paste" 3>&-
	[ "$output" = 'RTNETLINK answers: File exists' ]
	snapshot a | diff "$BATS_TEST_TMPDIR/up.a" -
	taken_down
	pasted 'reaches hb 10.1.0.10' --interface ipsec0 --inner 10.99.0.0/24 "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	taken_down
	pasted 'on a ping -q -c 3 -i 0.2 -W 2 -I fd99::1 fd99::2' --inner fd99::/64 "$A" "$B"
	taken_down
}

# bats test_tags=script
@test "a paste block whose helper does not start stops, and its comments remove what it added" {
	xfrmpair --format paste -o "$BATS_TEST_TMPDIR" --force --interface ipsec0 --inner 10.99.0.0/24 "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	# the port is another's
	on a socat -u UDP4-RECV:61525,bind=192.168.1.4 - >/dev/null 3>&- &
	sleep 0.5
	SIDES=a before
	run -1 on a bash "$BATS_TEST_TMPDIR/a.paste" 3>&-
	[[ "$output" == 'espdecap: port 61525: in use: '* ]]
	[ -n "$(on a ip xfrm state)" ]
	[ -z "$(
		on a ip address show to 10.99.0.1
		on a ip route show 10.2.0.0/24
	)" ]
	printed_down "$BATS_TEST_TMPDIR/a.paste" | on a sh
	snapshot a | diff "$BATS_TEST_TMPDIR/before.a" -
	pkill -x socat
}

# bats test_tags=script
@test "--format commands, run by a shell, works, and its comments take it down" {
	before
	xfrmpair --format commands -o "$BATS_TEST_TMPDIR" --force --clamp --guard "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	for side in a b; do on $side sh -e "$BATS_TEST_TMPDIR/$side.commands" 3>&-; done
	sleep 1
	reaches ha 10.2.0.10
	for side in a b; do
		printed_down "$BATS_TEST_TMPDIR/$side.commands" | on $side sh -e
		snapshot $side | diff "$BATS_TEST_TMPDIR/before.$side" -
	done
}
