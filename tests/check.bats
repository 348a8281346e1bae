# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The verdicts of xfrmkeep check, from evidence and from the rules of a packet filter. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	compile verdict tests/verdict.c helper/verdict.c helper/verdict_here.c helper/verdict_there.c helper/kernel_counters.c
	compile firewall tests/firewall.c helper/firewall.c helper/firewall_read.c helper/firewall_rule.c helper/firewall_nft.c helper/firewall_iptables.c helper/prefix.c helper/words.c
}
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	: >nft
	: >iptables
}

compile() { # PROGRAM SOURCE...
	gcc -std=c11 -D_GNU_SOURCE -DVERSION='"test"' -Wall -Wextra -Wshadow -Wconversion -Werror -Ihelper -g -fsanitize=address,undefined \
		-fno-sanitize-recover=all -o "$BATS_FILE_TMPDIR/$1" "${@:2}" helper/endpoint.c helper/number.c helper/say.c helper/special.c helper/text.c
}
table=$BATS_TEST_DIRNAME/verdict.table
verdict() { "$BATS_FILE_TMPDIR/verdict" "$1" <"$table"; }
# judged [INNER-LINK]: leaves in output what the rules in nft and iptables do
judged() { run -0 "$BATS_FILE_TMPDIR/firewall" nft iptables "$@"; }

@test "each fault of the table gets its verdict" {
	run -0 "$BATS_FILE_TMPDIR/verdict" <"$table"
	[[ "$output" == *" cases, 0 wrong" ]]
}

@test "the table has at least 45 faults, and every cause that shows on one side" {
	[ "$(grep -c '^[^#].*|' "$table")" -ge 80 ]
	for cause in no-out-sa guarded wrong-source own-nat not-arriving peer-port no-helper not-our-socket unknown-spi no-encap wrong-key \
		replayed clear-arrives template no-policy no-forwarding firewall peer-moved mtu same-nat half-up epochs-apart redirected never-heard \
		no-route address-gone own-firewall count-used-up loss bypass half-path name; do
		grep -q "| $cause\$" "$table" || { echo "$cause"; return 1; }
	done
}

@test "a verdict is one line with the advice, then indented evidence" {
	run -0 verdict 'the peer is not up any more'
	[ "${lines[0]}" = "b: not-arriving: no packets received any more: the NAT mapping is gone, or the other side is down: run sh b.sh check there, then sh /root/a.sh down and up" ]
	[ "${lines[1]}" = "  0 of 10 small echo requests answered, from 192.168.1.4 to 192.168.2.100" ]
	[ "$(grep -c '^  ' <<<"$output")" -eq $((${#lines[@]} - 1)) ]
	[[ "$output" == *"count-low"* ]]
	run -0 verdict nothing
	[ "$output" = "b: healthy" ]
	run -0 verdict 'nothing leaves, and nobody knows why'
	[ "${lines[0]}" = "b: no cause found: no test is answered, and nothing on this host explains it" ]
	[[ "$output" == *"SAs: out +0, in +0"* ]]
	run -0 verdict 'nothing leaves, errors of a kernel that does not count'
	[[ "$output" == *"this kernel does not count why it drops packets"* ]]
}

@test "a peer that answers anything but echo requests is healthy, with a note" {
	run -0 verdict 'the peer ignores all tests, other traffic arrives'
	[ "${lines[0]}" = "b: healthy" ]
	[ "${lines[1]}" = "  b does not answer echo requests, but packets from it arrive (in +4); sh b.sh check there says whether ours do" ]
}

@test "a healthy verdict notes what was not tested" {
	run -0 verdict 'one echo request of ten is not answered'
	[ "$output" = "b: healthy
  1 of 13 echo requests was not answered" ]
	run -0 verdict 'the forward chain depends on what cannot be known'
	[ "$output" = "b: healthy
  whether this host forwards for hosts behind it depends on rules that check cannot judge: test from one of them" ]
	run -0 verdict 'the peer ignores echo requests, but refuses TCP'
	[ "$output" = "b: healthy
  b does not answer echo requests, but other packets" ]
	run -0 verdict 'four of ten packets are lost, and some that are forged are dropped'
	[[ "${lines[0]}" == "b: loss: 4 of 13 tests were not answered, and the replay window dropped none: the path loses packets; compare"* ]]
}

@test "a side whose local address changed behind a NAT gets the right advice" {
	run -0 verdict 'this host moved behind a NAT'
	[[ "$output" == *"the local address was 192.168.1.4 at up, and the NAT gives the new one another port; take both sides down, and up again 3 minutes later"* ]]
}

@test "rules: a gateway that forwards only answers, and the command that fixes it" {
	cat >nft <<-'END'
	table inet filter {
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			iif "lo" accept
			tcp dport { 22, 80 } accept
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { invalid : drop, established : accept, related : accept }
		}
		chain output {
			type filter hook output priority filter; policy accept;
		}
	}
	END
	judged
	[ "$output" = "new in: mostly dropped by table inet filter, chain input: nft insert rule inet filter input meta secpath exists accept
forward in: dropped by table inet filter, chain forward: nft insert rule inet filter forward meta secpath exists accept
forward out: dropped by table inet filter, chain forward: nft insert rule inet filter forward rt ipsec exists accept" ]
	judged xf0
	[[ "$output" == *"nft insert rule inet filter forward oifname xf0 accept" ]]
}

@test "rules: a rule that accepts IPsec, the port, the device or the network is not a finding" {
	for rule in 'meta secpath exists accept' 'meta ipsec exists counter packets 3 bytes 99 accept comment "in { here"' 'ip saddr 10.2.0.0/16 accept' \
		'iifname "eth*" log prefix "drop " accept' 'ip daddr { 10.1.0.0/16, 10.9.0.0/16 } accept' 'jump own' 'accept' 'iifname != "wlan0" accept'; do
		printf 'table inet filter {\nchain own {\nmeta secpath exists accept\n}\nchain input {\ntype filter hook input priority 0; policy drop;\nct state established accept\n%s\n}\n}\n' "$rule" >nft
		judged
		[ "$output" = "" ] || { echo "$rule: $output"; return 1; }
	done
	for rule in 'meta secpath missing accept' 'ip saddr 10.9.0.0/16 accept' 'iifname "wlan0" accept' 'ct state invalid accept' 'meta nfproto ipv6 accept' 'jump none'; do
		printf 'table inet filter {\nchain none {\nip6 saddr fe80::/10 accept\n}\nchain input {\ntype filter hook input priority 0; policy drop;\nct state established accept\n%s\n}\n}\n' "$rule" >nft
		judged
		[[ "$output" == "new in: dropped by table inet filter, chain input: "* ]] || { echo "$rule: $output"; return 1; }
	done
}

@test "rules: an unknown condition is reported as such" {
	for rule in 'ip saddr @friends accept' 'meta mark 0x1 accept' 'fib saddr type local accept' 'xt match "policy" accept' 'limit rate 5/second accept' 'jump gone' 'queue' \
		'ip saddr 10.2.0.5-10.2.0.9 accept'; do
		printf 'table ip filter {\nchain input {\ntype filter hook input priority 0; policy drop;\nct state established accept\n%s\n}\n}\n' "$rule" >nft
		judged
		[ "$output" = "new in: depends" ] || { echo "$rule: $output"; return 1; }
	done
}

@test "rules: the tunnel's own packets, in and out" {
	cat >nft <<-'END'
	table inet wall {
		chain in {
			type filter hook input priority 0; policy accept;
			udp dport 4500 drop
		}
		chain out {
			type filter hook output priority 0; policy drop;
			udp dport { 53, 123 } accept
			tcp dport {
				80, 443 } accept
		}
	}
	END
	judged
	[[ "$output" == "outer in: dropped by table inet wall, chain in: nft insert rule inet wall in udp dport 4500 accept"* ]]
	[[ "$output" == *"new out: mostly dropped by table inet wall, chain out: nft insert rule inet wall out rt ipsec exists accept"* ]]
	echo 'table inet wall { }' >nft
	judged
	[ "$output" = "" ]
}

@test "rules: iptables, with chains of its own" {
	cat >iptables <<-'END'
	*filter
	:INPUT DROP [0:0]
	:FORWARD DROP [0:0]
	:OUTPUT ACCEPT [0:0]
	:ufw-before - [0:0]
	-A INPUT -i lo -j ACCEPT
	-A INPUT -j ufw-before
	-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
	-A FORWARD -s 10.1.0.0/16 -i lan -j ACCEPT
	-A ufw-before -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "answers, -j DROP" -j ACCEPT
	-A ufw-before -p tcp -m tcp --dport 22 -j ACCEPT
	COMMIT
	*nat
	:POSTROUTING ACCEPT [0:0]
	-A POSTROUTING -o eth0 -j MASQUERADE
	COMMIT
	END
	judged
	[ "$output" = "new in: mostly dropped by iptables INPUT: iptables -I INPUT -m policy --dir in --pol ipsec -j ACCEPT
forward in: dropped by iptables FORWARD: iptables -I FORWARD -m policy --dir in --pol ipsec -j ACCEPT
forward out: depends
NAT: iptables POSTROUTING" ]
	sed -i 's/^-A INPUT -j ufw-before/-A INPUT -m policy --dir in --pol ipsec -j ACCEPT/' iptables
	judged
	[[ "$output" == "outer in: dropped by iptables INPUT: iptables -I INPUT -p udp --dport 4500 -j ACCEPT"* ]]
}

@test "rules: NAT that exempts a destination first is not blamed" {
	cat >nft <<-'END'
	table ip home {
		chain post {
			type nat hook postrouting priority srcnat; policy accept;
			ip daddr 10.2.0.0/16 return
			oifname "eth0" masquerade
		}
	}
	END
	judged
	[ "$output" = "" ]
	sed -i /return/d nft
	judged
	[ "$output" = "NAT: table ip home, chain post" ]
}
