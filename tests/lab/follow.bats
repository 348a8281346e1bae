# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep follow with a tunnel: it puts back removed objects, and recovers as the table in the manual's "Addresses that
# change" says, row by row. tests/follow.bats has the decisions of follow.
# Run in the lab: tests/lab/run bats tests/lab/follow.bats
bats_require_minimum_version 1.5.0

setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() {
	local state
	hush
	for state in /run/xfrmpair-lab/*net; do
		state=${state##*/}
		[ "$state" = '*net' ] || LAB_PREFIX=${state%net} "$net" down
	done
	rm -rf /etc/netns
}
hush() { pkill -x xfrmkeep || :; }

# made ARGUMENT...: scripts of which xfrmkeep can say something
made() { xfrmpair -o "$BATS_TEST_TMPDIR" "$@" 2>/dev/null; }
# follows SIDE: in the background; its words go to follow.SIDE
follows() {
	on "$1" $shell "$BATS_TEST_TMPDIR/$1.sh" follow >"$BATS_TEST_TMPDIR/follow.$1" 2>&1 3>&- &
	until_true grep -q "following its peers" "$BATS_TEST_TMPDIR/follow.$1"
}
until_true() { # COMMAND...: within 40 s
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.2
	done
	echo "never: $*"
	return 1
}

@test "follow puts back removed objects, and ends with the tunnel" {
	"$net" up --sites
	made --clamp "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	script a up
	script b up
	follows a
	answers a 10.1.0.1 10.2.0.1
	on a ip xfrm state flush
	until_true answers a 10.1.0.1 10.2.0.1
	on a ip xfrm policy flush
	until_true answers a 10.1.0.1 10.2.0.1
	route=$(on a ip route show 10.2.0.0/24)
	on a ip route delete $route
	until_true eval '[ "$(on a ip route show 10.2.0.0/24)" = "$route" ]'
	on a nft flush ruleset
	until_true eval 'on a nft list ruleset | grep -q maxseg'
	pkill -f -- '-u 65534 -b 192.168.1.4 61525'
	until_true pgrep -f -- '-u 65534 -b 192.168.1.4 61525'
	answers b 10.2.0.1 10.1.0.1
	# a second one is refused; the first ends with the tunnel, and leaves nothing
	run -1 script a follow
	[[ "$output" == *'already followed (pid '* ]]
	script a down
	until_true grep -q 'a: stopped following (the tunnel is down)' "$BATS_TEST_TMPDIR/follow.a"
	[ -z "$(ls "$XFRMPAIR_RUN" | grep "^a\.")" ]
	script b down
}

# leaves NAT FAMILY PORT ADDRESS:PORT: the NAT is another one to that port from now on, and has forgotten everything
leaves() {
	on "$1" nft -f - <<-END
		add table $2 moved
		add chain $2 moved post { type nat hook postrouting priority 90; }
		flush chain $2 moved post
		add rule $2 moved post oifname wan udp sport $3 snat to $4
	END
	for family in ipv4 ipv6; do on "$1" conntrack -F -f $family; done
}
# recovers WHAT SIDE FROM TO: pings until one is answered, at most two keepalives long
recovers() {
	local begun
	begun=$(ms)
	on "$2" ping -q -c 1 -i 0.2 -w 40 -I "$3" "$4"
	echo "# $1: answered after $(($(ms) - begun)) ms" >&3
}
# send_as FROM PORT TO PORT HEX: a UDP packet from the internet in the name of FROM
send_as() {
	# shellcheck disable=SC2016 # the words of perl
	on inet perl -e '
		use Socket; my ($from, $sport, $to, $dport, $hex) = @ARGV;
		socket my $raw, PF_INET, SOCK_RAW, 255 or die "raw: $!"; # IPPROTO_RAW: our own IP header
		my $bytes = pack "H*", $hex;
		my $udp = pack "nnnna*", $sport, $dport, 8 + length $bytes, 0, $bytes;
		send $raw, pack("CCnnnCCna4a4", 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0, inet_aton($from), inet_aton($to)) . $udp, 0,
			sockaddr_in(0, inet_aton $to) or die "send: $!"' "$@"
}
# last_from ADDRESS FILE: SPI, sequence number and all after the UDP header of the last ESP-in-UDP packet from there that tcpdump wrote
last_from() {
	perl -e 'my $from = shift; binmode STDIN; local $/; my $all = <STDIN>; my $at = 24;
		while ($at < length $all) {
			my $n = unpack "V", substr $all, $at + 8; my $frame = substr $all, $at + 16, $n; $at += 16 + $n;
			next if $n < 80 or ord substr($frame, 23) != 17 or $from ne join ".", unpack "C4", substr $frame, 26;
			$last = sprintf "%s %s %s", unpack("H8", substr $frame, 42), unpack("N", substr $frame, 46), unpack("H*", substr $frame, 42);
		}
		print "$last\n"' "$1" <"$2"
}
# where_b_is: as a's store, SAs, policies and helper have it
where_b_is() {
	sed -n 's/^\(there_1=.*\) spi_1.*/\1/p' "$XFRMPAIR_STATE"/a.*
	on a ip xfrm state list nokeys | grep -e ^src -e encap
	on a ip xfrm policy list
	pgrep -f -- '-b 85.9.8.7 61525'
}
moved() { [ "$(grep -c 'is now at' "$BATS_TEST_TMPDIR/follow.a")" -eq "$1" ]; } # TIMES: as follow printed
all_down_and_gone() {
	for side in ${SIDES:-a b}; do
		script "$side" down
		[ -z "$(on "$side" ip xfrm state && on "$side" ip xfrm policy)" ] || return
	done
}

@test "a public side follows its peer to another port and address; forged or replayed packets change nothing" {
	"$net" up --open-side a
	inner_a=85.9.8.7 inner_b=192.168.2.100
	made a=85.9.8.7:61525 "$B"
	both_up
	meets
	follows a
	leaves nb ip 61523 31.1.2.3:10499
	recovers 'another port' b "$inner_b" "$inner_a"
	on nb ip address add 31.1.2.9/24 dev wan
	leaves nb ip 61523 31.1.2.9:10500
	recovers 'another address' b "$inner_b" "$inner_a"
	until_true moved 2
	meets
	cat "$BATS_TEST_TMPDIR/follow.a"
	grep -qx 'a: b is now at 31.1.2.3:10499 (was at 31.1.2.3:10421)' "$BATS_TEST_TMPDIR/follow.a"
	grep -qx 'a: b is now at 31.1.2.9:10500 (was at 31.1.2.3:10499)' "$BATS_TEST_TMPDIR/follow.a"
	script a status
	[ "$(on a ip xfrm policy list | grep -c '31\.1\.2\.3')" -eq 0 ]
	[ "$(on a ip xfrm state list nokeys | grep -c '31\.1\.2\.3')" -eq 0 ]
	pgrep -f -- '-b 85.9.8.7 61525 31.1.2.9:10500'
	run -1 pgrep -f -- '-b 85.9.8.7 61525 31.1.2.3'
	script a rekey
	meets
	script b rekey
	meets

	# packets from elsewhere: with the right SPI and number, and one that was recorded
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	meets
	captured
	read -r spi number packet < <(last_from 31.1.2.9 "$BATS_TEST_TMPDIR/wire")
	forged=$spi$(printf %08x $((number + 1000)))$(head -c $((${#packet} / 2 - 8)) /dev/urandom | od -An -v -tx1 | tr -d ' \n')
	wrong=$(counter a XfrmInStateProtoError) again=$(counter a XfrmInStateSeqError)
	before=$(where_b_is)
	for from in 77.7.7.7 31.1.2.9; do
		send_as $from 4444 85.9.8.7 61525 "$forged"
		send_as $from 4444 85.9.8.7 61525 "$packet"
	done
	sleep 2 # in which nothing is to happen
	[ $(($(counter a XfrmInStateProtoError) - wrong)) -eq 2 ]
	[ $(($(counter a XfrmInStateSeqError) - again)) -eq 2 ]
	[ "$(where_b_is)" = "$before" ]
	moved 2
	meets

	script a down
	until_true eval '[ -z "$(ip netns pids a)" ]'
	[ -z "$(ls -A "$XFRMPAIR_RUN" | grep '^a\.')" ]
	[ -z "$(
		on a ip xfrm state
		on a ip xfrm policy
	)" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/follow.a")" -le 8 ]
}

@test "the same over IPv6" {
	"$net" up --open-side a --ipv6
	inner_a=2001:db8:1::4 inner_b=2001:db8:2::100
	made "a=[$inner_a]:61525" "b=[$inner_b]:61523"
	both_up
	meets
	follows a
	# not the port alone: from an address that the tunnel covers only the known port may come past it
	leaves nb ip6 61523 '[2001:db8:f2::2]:10499'
	recovers 'another address, IPv6' b "$inner_b" "$inner_a"
	leaves nb ip6 61523 '[2001:db8:f2::2]:10500'
	recovers 'another port, IPv6' b "$inner_b" "$inner_a"
	until_true moved 2
	grep -qx 'a: b is now at \[2001:db8:f2::2\]:10500 (was at \[2001:db8:f2::2\]:10499)' "$BATS_TEST_TMPDIR/follow.a"
	# the policies that let the encapsulated packets past those that cover them moved, too
	on a ip xfrm policy list | grep 'src 2001:db8:f2::2/128 dst 2001:db8:1::4/128 proto udp sport 10500 dport 61525'
	script a status
	all_down_and_gone
}

@test "in a mesh, the side that moved is followed, and the others see no gap" {
	SIDES='a b c'
	"$net" up --open-side a --sides 3
	inner_a=85.9.8.7 inner_b=192.168.2.100 inner_c=192.168.3.4
	made a=85.9.8.7:61525 "$B" c=192.168.3.4:4500@77.3.4.5
	both_up
	answers b "$inner_b" "$inner_a"
	answers c "$inner_c" "$inner_a"
	follows a
	leaves nb ip 61523 31.1.2.3:10499
	recovers 'another port in a mesh' b "$inner_b" "$inner_a"
	answers c "$inner_c" "$inner_a"
	on nc ip address add 77.3.4.9/24 dev wan
	leaves nc ip 4500 77.3.4.9:4501
	recovers 'another address in a mesh' c "$inner_c" "$inner_a"
	answers b "$inner_b" "$inner_a"
	answers c "$inner_c" "$inner_a"
	until_true moved 2
	cat "$BATS_TEST_TMPDIR/follow.a"
	script a status
	script a rekey
	answers b "$inner_b" "$inner_a"
	answers c "$inner_c" "$inner_a"
	all_down_and_gone
}

# Each scene has an internet of its own, and they go side by side: two minutes are long.
# scene NAME KIND A B [OPTION...]: a and b with KIND before a's NAT, and scripts; up, followed, received
#   KIND  public     a has no NAT
#         forwarded  its router forwards the port
#         plain      as b's: a peer to which it does not send is not let in
scene() {
	local kind=$2
	here=$1 A=$3 B=$4
	BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/$here
	export LAB_PREFIX=$here- XFRMPAIR_RUN=$BATS_TEST_TMPDIR/run XFRMPAIR_STATE=$BATS_TEST_TMPDIR/store
	mkdir "$BATS_TEST_TMPDIR"
	case $kind in
	public) "$net" up --open-side a --nat-b keeps ;;
	forwarded)
		"$net" up --nat-a keeps,open --nat-b keeps
		on na nft 'add chain ip lab forwarded { type nat hook prerouting priority dstnat; }; add rule ip lab forwarded iifname wan udp dport 61525 dnat to 192.168.1.4'
		;;
	plain) "$net" up --nat-b keeps ;;
	esac
	made "${@:5}" "a=$A" "b=$B"
	case $A$B in *example*)
		for side in a b; do
			mkdir -p "/etc/netns/$LAB_PREFIX$side"
			echo nameserver 198.51.100.1 >"/etc/netns/$LAB_PREFIX$side/resolv.conf"
		done
		: >"$BATS_TEST_TMPDIR/hosts"
		on inet dnsmasq -k -C /dev/null -R -h -H "$BATS_TEST_TMPDIR/hosts" -a 198.51.100.1 -z -u root -x "$BATS_TEST_TMPDIR/dns.pid" \
			>"$BATS_TEST_TMPDIR/dns" 2>&1 3>&- &
		named a 85.9.8.7
		case $B in *b.example*) named b 31.1.2.3 ;; esac
		;;
	esac
	inner_a=192.168.1.4 inner_b=192.168.2.100
	[ "$kind" != public ] || inner_a=85.9.8.7
	[ $# = 4 ] || inner_a=10.99.0.1 inner_b=10.99.0.2
	script b up --wait 30 3>&- &
	script a up --wait 30 3>&-
	wait $!
	follows a
	follows b
	meets
}
# named NAME ADDRESS: as the name server says from now on
named() {
	{
		grep -v " $1\.example" "$BATS_TEST_TMPDIR/hosts" || :
		echo "$2 $1.example.org"
	} >"$BATS_TEST_TMPDIR/hosts.new"
	cat "$BATS_TEST_TMPDIR/hosts.new" >"$BATS_TEST_TMPDIR/hosts"
	until [ -s "$BATS_TEST_TMPDIR/dns.pid" ]; do sleep 0.2; done
	kill -HUP "$(cat "$BATS_TEST_TMPDIR/dns.pid")"
}
# meets [SECONDS]: both directions are answered, within that time; leaves how many milliseconds it took
meets() {
	took=$(ms)
	on b ping -q -c 1 -i 0.5 -w "${1:-20}" -I "$inner_b" "$inner_a" >/dev/null 3>&- &
	on a ping -q -c 1 -i 0.5 -w "${1:-20}" -I "$inner_a" "$inner_b" >/dev/null && wait $! || {
		wait $!
		return 1
	}
	took=$(($(ms) - took))
}
# heals WHAT SECONDS; deaf WHAT SECONDS, and then what somebody says by hand heals it
heals() {
	if ! meets "$2"; then
		echo "$here: $1: not healed in $2 s"
		for side in a b; do
			script $side check || :
			on $side ip -s xfrm state list nokeys | grep -v -e '(INF)' -e '0(sec)'
			on $side ip xfrm policy
			on $side ip route
			tail -n 5 "$BATS_TEST_TMPDIR/follow.$side"
		done
		return 1
	fi
	printf '# %-10s %-42s %5.1f s\n' "${here%[0-9]}" "$1" "$((took / 100))e-1" >&3
}
deaf() {
	! meets "$2" || {
		echo "$here: $1: healed"
		return 1
	}
	script a update-peer "$3"
	meets
	printf '# %-10s %-42s by hand\n' "${here%[0-9]}" "$1" >&3
}

# what happens to people
reboots() { on "$1" conntrack -F 2>/dev/null; } # a NAT
# gets SPACE DEVICE ADDRESS: another address, in place of the one it had, and nothing known of before
gets() {
	on "$1" ip address flush dev "$2"
	on "$1" ip address add "$3/24" dev "$2"
	on "$1" ip route add default via "${3%.*}.1"
	# the old one leads nowhere now, whatever the internet remembers: what came by it would be answered from it, and so be let in
	case $1 in n?)
		on inet ip neigh flush all
		reboots "$1"
		;;
	esac
}
# another PORT: outside, for b
another_port() {
	on nb nft "add table ip moved; add chain ip moved post { type nat hook postrouting priority 90; }; flush chain ip moved post
		add rule ip moved post oifname wan udp sport 61523 snat to 31.1.2.3:$1"
	reboots nb
}

by_itself=60 with_name=300 # seconds: two keepalives; two minutes and a look; and half of it more, for eight internets share a processor

public() {
	scene public public 85.9.8.7:61525 192.168.2.100:61523@31.1.2.3
	reboots nb
	heals 'NAT rebooted' $by_itself
	another_port 10499
	heals 'another port' $by_itself
	on nb nft delete table ip moved
	gets nb wan 31.1.2.9
	heals 'another address' $by_itself
}
public2() {
	scene public2 public auto:61525@a.example.org 192.168.2.100:61523@31.1.2.3 --inner 10.99.0.0/24
	gets a eth0 85.9.8.9
	named a 85.9.8.9
	heals "its own address changes, auto and named" $with_name
}
public3() {
	scene public3 public 85.9.8.7:61525 auto:61523@31.1.2.3 --inner 10.99.0.0/24
	gets b eth0 192.168.2.101
	heals "the other's local address changes, auto" $by_itself
}
forwarded() {
	scene forwarded forwarded 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3
	reboots na
	reboots nb
	heals 'both NATs rebooted' $by_itself
	another_port 10499
	heals 'another port' $by_itself
	on nb nft delete table ip moved
	gets nb wan 31.1.2.9
	heals 'another address' $by_itself
}
forwarded2() {
	scene forwarded2 forwarded 192.168.1.4:61525@a.example.org 192.168.2.100:61523@31.1.2.3
	gets nb wan 31.1.2.9
	gets na wan 85.9.8.9
	named a 85.9.8.9
	heals 'both addresses change, this one named' $with_name
}
plain() {
	scene plain plain 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3
	reboots na
	reboots nb
	heals 'both NATs rebooted' $by_itself
	gets nb wan 31.1.2.9
	deaf 'another address, no name' 10 31.1.2.9:61523
	on nb nft "add table ip moved; add chain ip moved post { type nat hook postrouting priority 90; }
		add rule ip moved post oifname wan udp sport 61523 snat to 31.1.2.9:10499"
	reboots nb
	deaf 'another port' 10 31.1.2.9:10499
}
plain2() {
	scene plain2 plain 192.168.1.4:61525@a.example.org 192.168.2.100:61523@b.example.org
	gets nb wan 31.1.2.9
	named b 31.1.2.9
	heals 'another address, named' $with_name
}
plain3() {
	scene plain3 plain 192.168.1.4:61525@a.example.org 192.168.2.100:61523@b.example.org
	gets na wan 85.9.8.9
	gets nb wan 31.1.2.9
	named a 85.9.8.9
	named b 31.1.2.9
	heals 'both addresses change, both named' $with_name
}

# bats test_tags=script
@test "a side that moves is found again by itself, with a name, or by hand, as in the manual's table" {
	local running=() scene failed=''
	for scene in public public2 public3 forwarded forwarded2 plain plain2 plain3; do
		# a scene ends where a command of it fails
		(
			trap - DEBUG ERR
			set -ex
			$scene
		) >"$BATS_TEST_TMPDIR/$scene.said" 2>&1 &
		running+=("$scene:$!")
	done
	for scene in "${running[@]}"; do
		wait "${scene#*:}" || {
			failed="$failed ${scene%:*}"
			tail -n 130 "$BATS_TEST_TMPDIR/${scene%:*}.said" | grep -v "^+"
		}
	done
	[ -z "$failed" ] || {
		echo "not healed:$failed"
		return 1
	}
}
