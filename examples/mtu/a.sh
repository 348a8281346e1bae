#!/bin/sh
# IPsec tunnel a - b without IKE, made by xfrmpair 0.1. This is side a: run it on the host 192.168.1.4.
# CONTAINS KEYS: keep it readable by its owner only, and carry it over a safe way.
#
#   a 192.168.1.4:61525 --NAT-- 85.9.8.7:61525 == internet == 31.1.2.3:10421 --NAT-- 192.168.2.100:61523 b
#
#   cipher    aes256gcm16 (rfc4106(gcm(aes)), 128-bit ICV), tunnel mode, replay window 128
#   digest    103f098c, the same in the scripts of all sides of one run, or they do not fit together
#   MTU       1338 bytes fit inside, of 1400 outside
#   protects  10.1.0.0/24 <-> 10.2.0.0/24 (b)
#
#   sh a.sh up        sets it up and says what it does; start side a first
#   sh a.sh status    up or down, packets and bytes; status 0 only when up
#   sh a.sh down      removes what up added, nothing else
#   sh a.sh -n up     prints the commands, without the keys, and changes nothing
#
# Needs root, ip (iproute2) and espdecap, beside this file or on PATH; natprobe too if there.

name=a digest=103f098c
local=192.168.1.4
port=61525
port_1=10421  # where b is heard

# What `ip -batch` reads. Policies come first, so that nothing leaves in the clear.
policies() { echo "
xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out priority 2000 \
  tmpl src $local dst 31.1.2.3 proto esp reqid 1453092265 mode tunnel
xfrm policy add src 10.2.0.0/24 dst 10.1.0.0/24 dir in priority 2000 \
  tmpl src 31.1.2.3 dst $local proto esp reqid 1453092265 mode tunnel
xfrm policy add src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd priority 2000 \
  tmpl src 31.1.2.3 dst $local proto esp reqid 1453092265 mode tunnel
"; }
states() { echo "
xfrm state add src $local dst 31.1.2.3 proto esp spi 0x0000a001 reqid 1453092265 mode tunnel replay-window 128 \
  encap espinudp $port $port_1 0.0.0.0 \
  aead rfc4106(gcm(aes)) 0x010000000000000000000000000000000000000000000000000000000000000000000000 128
xfrm state add src 31.1.2.3 dst $local proto esp spi 0x0000b001 reqid 1453092265 mode tunnel replay-window 128 \
  encap espinudp $port_1 $port 0.0.0.0 \
  aead rfc4106(gcm(aes)) 0x020000000000000000000000000000000000000000000000000000000000000000000000 128
"; }
# The helper holds the UDP socket, so that the kernel unwraps, and keeps the NAT's mapping alive. 65534 is nobody.
helper() { echo "-u 65534 -b $local $port\
 31.1.2.3:$port_1\
"; }
# What nft reads: TCP is told to send no more than fits inside.
clamp() { echo "table inet $table-mss {
	chain both {
		ip saddr 10.1.0.0/24 ip daddr 10.2.0.0/24 tcp flags syn tcp option maxseg size set 1298
		ip saddr 10.2.0.0/24 ip daddr 10.1.0.0/24 tcp flags syn tcp option maxseg size set 1298
	}
	chain forward { type filter hook forward priority mangle; jump both; }
	chain output { type filter hook output priority mangle; jump both; }
}"; }
# What nft reads with up --nat-exempt: a connection bound to its own address is one that no later rule translates.
exempt() { echo "table inet $table-nat {
	chain postrouting {
		type nat hook postrouting priority 99
		ip saddr 10.1.0.0/24 ip daddr 10.2.0.0/24 rt ipsec exists snat ip to ip saddr
	}
}"; }

# ---- From here on the same for every tunnel of this shape. ----
set -u
umask 077
run=${XFRMPAIR_RUN:-/run/xfrmpair}
undo_file=$run/$digest.$name.undo now_file=$run/$digest.$name.now pid_file=$run/$digest.$name.pid
reqids=' 1453092265 ' state_count=2
log=$run/$digest.$name.log
own_nets='10.1.0.0/24' own_address=
other_nets='10.2.0.0/24@31.1.2.3'  # NET@WAY, as routes need it
table=xfrmpair-$digest-$name  # of nft

say() { echo "$name: $*" >&2; }
fail() {
	status=$1
	shift
	say "$*"
	exit "$status"
}
usage() {
	echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch] [--wait SECONDS] [--forward] [--nat-exempt]
       sh $name.sh [-n] down
       sh $name.sh status"
}

# An ip that knows xfrm, by path: busybox has one that does not, and its shell prefers that.
find_ip() {
	IFS=:
	for dir in $PATH /usr/local/sbin /usr/sbin /sbin /usr/bin /bin; do
		if [ -x "$dir/ip" ] && "$dir/ip" xfrm help 2>&1 | grep -q 'ip xfrm'; then
			echo "$dir/ip"
			return
		fi
	done
}
ip_path=$(find_ip)
ip() { "$ip_path" "$@"; }

# Beside this file or on PATH.
find_program() {
	case $0 in
	*/*) here=${0%/*} ;;
	*) here=. ;;
	esac
	if [ -x "$here/$1" ]; then echo "$here/$1"; else command -v "$1"; fi
}

# ---- What is there ----

# Takes over what was true when the tunnel went up.
recall() {
	if [ -r "$now_file" ]; then
		read -r local port_1 <"$now_file"
	fi
}

# The time of a process's birth: with it a pid means one process and no other.
born() {
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	# shellcheck disable=SC2086  # its fields, from the third
	set -- ${stat##*) }
	echo "${20}"
}
helper_pid() {
	[ -r "$pid_file" ] || return 0
	read -r pid birth <"$pid_file"
	if [ "${birth:--}" = "$(born "$pid")" ]; then echo "$pid"; fi
}

# Our SAs, found by reqid, a line each: REQID DIRECTION SPI PACKETS BYTES OSEQ. SPI 0 is none: with it the kernel asks
# whoever listens (ip xfrm monitor does) for an SA that is missing, for half a minute, and it cannot be deleted.
own_states() {
	ip -s xfrm state list nokeys | awk -v reqids="$reqids" -v here="$local" '
		function after(word,  i) {
			for (i = 1; i < NF; i++) if ($i == word) { sub(/[(,].*/, "", $(i + 1)); return $(i + 1) }
		}
		/^src / { way = $4 == here ? "in" : "out"; oseq = "-" }
		/ reqid / { spi = after("spi"); reqid = after("reqid") }
		/ oseq / { oseq = after("oseq") }
		/current/ && spi != "0x00000000" { getline; if (index(reqids, " " reqid " ")) print reqid, way, spi, $2 + 0, $1 + 0, oseq }'
}
is_up() { [ "$(own_states | awk 'END { print NR }')" = "$state_count" ]; }

# What the kernel has that concerns us, a line each: the word state, tunnel, plain (or block) and the command that
# deletes it; or "foreign" and its name, if another tool has what we would add. Ours is known by its reqid, or, where it
# has none, by being exactly what we add.
scan() {
	{ states; echo --; ip xfrm state list nokeys; } | awk -v reqids="$reqids" '
		$1 == "--" { there = 1 }
		!there && NF { ours[$7 " " $11] }
		there && $1 == "src" { ends = $0; dst = $4 }
		there && $1 == "proto" {
			sub(/\(.*/, "", $4)
			if ($4 == "0x00000000") next
			if (index(reqids, " " $6 " ")) print "state xfrm state delete " ends " proto esp spi " $4
			else if (dst " " $4 in ours) print "foreign SA to " dst " with SPI " $4
		}'
	{ policies; echo --; ip xfrm policy list; } | awk -v reqids="$reqids" '
		function after(word,  i) { for (i = 1; i < NF; i++) if ($i == word) return $(i + 1) }
		function tell() {
			if (!way) return
			identity = selector " dir " way if_id
			if (reqid != "" && index(reqids, " " reqid " ")) print "tunnel xfrm policy delete " identity
			else if (!(identity in ours)) return
			else if (plain[identity] && action == "" && reqid == "") print "plain xfrm policy delete " identity
			else print "foreign policy " identity
		}
		$1 == "--" { there = 1 }
		!there && NF {
			priority = after("priority"); if_id = after("if_id")
			sub(/^xfrm policy add /, ""); identity = $0; sub(/ priority .*/, "", identity)
			if (if_id != "") identity = identity " if_id " if_id
			ours[identity] = priority; plain[identity] = !/ tmpl /
		}
		there && $1 == "src" {
			tell()
			selector = $0; sub(/ *$/, "", selector); sub(/proto udp/, "proto 17", selector)
			way = reqid = if_id = action = ""
		}
		there && $1 == "dir" { way = $2; priority = after("priority"); action = after("action") }
		there && / reqid / { reqid = after("reqid") }
		there && $1 == "if_id" { if_id = " if_id " $2 }
		END { tell() }'
}

port_owner() {
	ss -Hlunp "sport = :$port" 2>/dev/null | awk -v here="$local:$port" -v here6="[$local]:$port" '
		$4 == here || $4 == here6 || $4 ~ /^(0\.0\.0\.0|\*|\[::\]):/ { print $NF; exit }'
}

# ---- up ----

# Says what a refusal of ip means, and ends.
explain() {
	# shellcheck disable=SC2086,SC2116  # all in one line
	set -- "$1" "$(echo $2)"
	case $2 in
	*AEAD* | *AUTH* | *CRYPT* | *Requested*algorithm* | *cryptographic*)
		fail 5 "$1: this kernel lacks the cipher aes256gcm16; generate with another --cipher ($2)" ;;
	*"type not found"* | *"rotocol not supported"*)
		fail 5 "$1: this kernel, or this container, has no ESP; try: modprobe esp4 ($2)" ;;
	*"device type"*)
		fail 5 "$1: this kernel has no xfrm interfaces; generate without --interface ($2)" ;;
	*"not permitted"*) fail 1 "$1: needs root ($2)" ;;
	*exists*) fail 1 "$1: another tool has one with the same identity; see: ip xfrm state; ip xfrm policy ($2)" ;;
	*) fail 1 "$1: $2" ;;
	esac
}
need_xfrm() {
	[ -n "$ip_path" ] || fail 1 "no ip that knows xfrm; install iproute2"
	error=$(ip xfrm state list nokeys 2>&1 >/dev/null) || explain "looking at xfrm" "$error"
}

# What FUNCTION prints goes to ip's standard input: keys are never arguments, and never in a file.
step() {
	say "$1"
	error=$("$2" | ip -batch - 2>&1) || { remove; explain "$1" "$error"; }
}

# An SA to and from this host that nothing will ever use, with a key of zeros: does the kernel take it?
trial() { echo "
xfrm state add src $local dst $local proto esp spi 0x100 mode tunnel replay-window 128 \
  encap espinudp $port $port 0.0.0.0 \
  aead rfc4106(gcm(aes)) 0x000000000000000000000000000000000000000000000000000000000000000000000000 128
xfrm state delete src $local dst $local proto esp spi 0x100
"; }

# All that could stand in the way, before anything is added.
look() {
	espdecap=${ESPDECAP:-$(find_program espdecap)}
	[ -n "$espdecap" ] || fail 1 "no espdecap; lay it beside this file, or name it with ESPDECAP="
	found=$(scan)
	case $found in
	*state\ xfrm*)
		if [ -z "$(helper_pid)" ] && is_up; then
			recall
			say "the tunnel is up, but its espdecap is gone"
			start_helper
			exit 0
		fi
		;;
	esac
	case $found in
	*state\ xfrm* | *tunnel\ xfrm* | *plain\ xfrm*)
		fail 1 "up already, wholly or in part; see: sh $name.sh status; take it down with: sh $name.sh down" ;;
	*foreign*) fail 1 "another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'); see: ip xfrm state; ip xfrm policy" ;;
	esac
	[ -n "$(ip -o address show to "$local")" ] ||
		fail 1 "$local is no address of this host; is this the script of another side? If the address changed: up --local ADDR"
	owner=$(port_owner)
	[ -z "$owner" ] || fail 1 "UDP port $port is taken by $owner"
	modprobe -q esp4 2>/dev/null
	error=$(trial | ip -batch - 2>&1) || explain "trying an SA" "$error"
}

# ---- What up adds beside policies and states; each first noted in the file that undoes it ----

note() { echo "$*" >>"$undo_file"; }
undo() {
	[ -r "$undo_file" ] || return 0
	awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' "$undo_file" | while read -r tool words; do
		# shellcheck disable=SC2086  # words
		case $tool in
		ip) ip $words ;;
		nft) nft $words ;;
		write) echo "${words%% *}" >"${words#* }" ;;
		esac
	done 2>/dev/null
	rm -f "$undo_file"
}
# An ip command that is said, and whose refusal undoes all.
try() {
	say "ip $*"
	error=$(ip "$@" 2>&1) || { remove; explain "ip $*" "$error"; }
}

word_after() { awk -v word="$1" '{ for (i = 1; i < NF; i++) if ($i == word) { print $(i + 1); exit } }'; }

# The address that this host sends to NET from: its own inside what this side protects.
source_for() {
	case $1 in *:*) family=inet6 ;; *) family=inet ;; esac
	for own in $own_address $own_nets; do ip -o address show to "$own" | word_after $family; done | sed 's,/.*,,;q'
}

add_routes() {
	for pair in $other_nets; do
		net=${pair%@*}
		case $net in 0.0.0.0/0 | ::/0) continue ;; esac
		from=$(source_for "$net")
		[ -n "$from" ] || say "no address of this host lies in what side $name protects: only what it forwards to $net goes through"
		case $net in *:*) version=-6 ;; *) version=-4 ;; esac
		if [ -n "$(ip $version route show exact "$net")" ]; then
			say "warning: there is a route to $net, which stays; it may lack: src $from mtu 1338"
			continue
		fi
		way=$(ip route get "${pair#*@}")
		set -- "$net" dev "$(echo "$way" | word_after dev)"
		gateway=$(echo "$way" | word_after via)
		case $net@$gateway in
		*@ | *:*@*.* | *.*@*:*) ;;  # none, or of the other family: the policy takes the packet before that matters
		*) set -- "$@" via "$gateway" ;;
		esac
		[ -z "$from" ] || set -- "$@" src "$from"
		note ip route delete "$@"
		try route add "$@" mtu 1338
	done
}

# FILE below /proc/sys/net: hosts behind this one are reached only when it is 1.
check_forwarding() {
	[ "$(cat "/proc/sys/net/$1")" = 0 ] || return 0
	if [ -z "$forward" ]; then
		say "warning: /proc/sys/net/$1 is 0: hosts behind this one are cut off; up --forward sets it, and down puts it back"
		return
	fi
	# the kernel changes the second with the first: put back last
	for file in "${1%%/*}/conf/all/accept_redirects" "${1%%/*}/conf/default/accept_redirects" "$1"; do
		note write "$(cat "/proc/sys/net/$file")" "/proc/sys/net/$file"
	done
	say "1 to /proc/sys/net/$1"
	echo 1 >"/proc/sys/net/$1"
}

# add_table NAME FUNCTION: a table of nft of our own; nobody else's rule is touched.
add_table() {
	command -v nft >/dev/null || { remove; fail 1 "$1 needs nft (nftables)"; }
	say "nft table inet $table-$1"
	note nft delete table inet "$table-$1"
	error=$("$2" | nft -f - 2>&1) || { remove; fail 1 "nft table inet $table-$1: $error"; }
}

# What this host's firewall and NAT will do to the tunnel: said, not touched.
look_at_rules() {
	rules=$(
		nft list ruleset 2>/dev/null
		# the legacy iptables, where it is in use: asked for nothing it would load its modules
		if [ -s /proc/net/ip_tables_names ] || ! command -v nft >/dev/null; then iptables-save 2>/dev/null; fi
	)
	case $rules in *ipsec* | *secpath*) return ;; esac
	if [ -z "$nat_exempt" ] && echo "$rules" | grep -qi -e masquerade -e ' snat '; then
		say "warning: this host's NAT rules will take what the tunnel is to carry; up --nat-exempt exempts it, and down ends that"
	fi
	if echo "$rules" | grep -q -e 'hook input .*policy drop' -e '^:INPUT DROP' -e 'hook forward .*policy drop' -e '^:FORWARD DROP'; then
		say "warning: this host's firewall drops what it does not know; let it accept UDP port 61525 and what IPsec decrypted"
		say "  (nft: meta secpath exists accept; iptables: -m policy --dir in --pol ipsec -j ACCEPT)"
	fi
}

# Opens both NATs before the kernel takes the port over; leaves in port_1 where the peer is really heard.
punch() {
	natprobe=${NATPROBE:-$(find_program natprobe)}
	if [ -z "$natprobe" ]; then
		say "no natprobe here: going on without punching the hole"
		return
	fi
	say "opening the hole to b, for up to $wait s: start b now"
	heard=$("$natprobe" -b "$local" -p "$port" --punch "31.1.2.3:$port_1" --first --timeout "$wait" --token "$digest")
	punched=$?
	case $punched.$heard in
	"0.31.1.2.3:$port_1") say "b is heard" ;;
	"0.31.1.2.3:"*)
		port_1=${heard##*:}
		say "b is heard from port $port_1, not from the one it was generated for: using that for this run"
		;;
	0.*) fail 3 "b is heard at $heard, not at 31.1.2.3: generate the scripts again with @$heard for b" ;;
	4.*)
		say "b was not heard in $wait s; the tunnel is set up all the same. Is its script running? Are both scripts of one run"
		say "(digest $digest)? Do natprobe's words still hold on both sides? Start a first"
		;;
	*) exit "$punched" ;;
	esac
}

start_helper() {
	say "espdecap $(helper)"
	: >"$log"
	# shellcheck disable=SC2046  # words, not one argument
	(trap '' HUP && exec "$espdecap" $(helper)) </dev/null >"$log" 2>&1 &
	echo "$! $(born $!)" >"$pid_file"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if grep -q ready "$log"; then return; fi
		kill -0 $! 2>/dev/null || break
		sleep 0.1 2>/dev/null || sleep 1
	done
	words=$(cat "$log")
	kill $! 2>/dev/null
	wait $!
	ended=$?
	[ "$ended" -gt 0 ] && [ "$ended" -lt 6 ] || ended=1
	remove
	fail "$ended" "espdecap did not start: $words"
}
stop_helper() {
	pid=$(helper_pid)
	[ -z "$pid" ] || kill "$pid"
	rm -f "$pid_file" "$log"
}

up() {
	look
	trap 'say "interrupted; undoing"; remove; exit 1' HUP INT TERM
	say "tunnel a - b, digest $digest"
	look_at_rules
	[ -n "$no_punch" ] || punch
	mkdir -p "$run" || fail 1 "cannot write to $run"
	step "policies: what is to be encrypted" policies
	echo "$local $port_1" >"$now_file"
	step "states: how, with keys" states
	add_routes
	check_forwarding ipv4/ip_forward
	add_table mss clamp
	[ -z "$nat_exempt" ] || add_table nat exempt
	start_helper
	trap - HUP INT TERM
	say "up. When the other side is up too, test it with"
	echo '  ping -c 3 -I 10.1.0.1 10.2.0.1'
}

# ---- down ----

remove_commands() { scan | sed -n -e 's/^state //p' -e 's/^plain //p' -e 's/^tunnel //p'; }
remove() {
	stop_helper
	remove_commands | ip -batch -
	removed=$?
	undo
	rm -f "$now_file"
	rmdir "$run" 2>/dev/null
	return $removed
}
down() {
	case $(scan) in
	*state\ xfrm* | *tunnel\ xfrm* | *plain\ xfrm*) ;;
	*)
		if [ -z "$(helper_pid)" ] && [ ! -e "$undo_file" ]; then
			rm -f "$now_file"
			rmdir "$run" 2>/dev/null
			say "is down"
			return
		fi
		;;
	esac
	remove || fail 1 "not all could be removed; see: sh $name.sh status"
	say "down. Take the other side down too before the next up: it refuses packet numbers that it has seen"
}

# ---- status ----

status() {
	rows=$(own_states)
	if [ -z "$rows" ]; then
		echo "$name: down"
		exit 1
	fi
	verdict="up, digest $digest" good=0
	is_up || { verdict='half up: an SA is missing from those below (a limit reached?); take both sides down, and up with new scripts'; good=1; }
	pid=$(helper_pid)
	if [ -n "$pid" ]; then
		verdict="$verdict, espdecap alive (pid $pid)"
	else
		verdict="$verdict, but espdecap is gone: nothing is heard; start it again with: sh $name.sh up" good=1
	fi
	echo "$name: $verdict"
	echo "$rows" | awk '
		$1 == 1453092265 { peer = "b" }
		{ printf "  %-4s %-15s SPI %s %12d packets %15d bytes\n", $2 == "in" ? "from" : "to", peer, $3, $4, $5 }
		$2 == "out" && $6 ~ /^0x[89a-f]......./ { print "  warning: half of the packet numbers to " peer " are used; new scripts before all are" }
		'
	exit "$good"
}

# ---- The command line ----

print_only='' verb='' address=''
no_punch='' wait=60
forward=''
nat_exempt=''
while [ $# -gt 0 ]; do
	case $1 in
	-n) print_only=yes ;;
	-h | --help) usage; exit 0 ;;
	--no-punch) no_punch=yes ;;
	--wait)
		case ${2-} in
		'' | *[!0-9]* | ?????*) usage >&2; fail 2 "--wait '${2-}': want seconds" ;;
		esac
		wait=$2
		shift
		;;
	--forward) forward=yes ;;
	--nat-exempt) nat_exempt=yes ;;
	--all) ;;  # down always removes all
	--local)
		[ $# -gt 1 ] || { usage >&2; fail 2 "--local: want an address of this host"; }
		address=$2
		shift
		;;
	up | start | down | stop | status)
		[ -z "$verb" ] || { usage >&2; fail 2 "'$1' after '$verb': want one of them"; }
		verb=$1
		;;
	*) usage >&2; fail 2 "'$1': not known, or not for this tunnel" ;;
	esac
	shift
done
local=${address:-$local}

# Commands as a person would type them; keys, the only long numbers, are left out.
shown() { sed -e '/./!d' -e 's/0x[0-9a-f]\{9,\}/KEY/g' -e "s/ \([a-z0-9]*([^ ]*\)/ '\1'/g" -e 's/   */ /g' -e 's/^/ip /'; }
case $print_only$verb in
yesup | yesstart)
	policies | shown
	states | shown
	echo "espdecap $(helper) &"
	;;
yesdown | yesstop) need_xfrm && recall && remove_commands | shown ;;
up | start) need_xfrm && up ;;
down | stop) need_xfrm && recall && down ;;
status) need_xfrm && recall && status ;;
*)
	usage >&2
	fail 2 "want up, down or status"
	;;
esac
