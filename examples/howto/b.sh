#!/bin/sh
# IPsec tunnel a - b without IKE, made by xfrmpair 0.1. This is side b: run it on the host 192.168.2.100.
# CONTAINS KEYS: keep it readable by its owner only, and carry it over a safe way.
#
#   b 192.168.2.100:61523 --NAT-- 31.1.2.3:10421 == internet == 85.9.8.7:61525 --NAT-- 192.168.1.4:61525 a
#
#   cipher    aes128gcm12 (rfc4106(gcm(aes)), 96-bit ICV), replay window 128
#   digest    29fec378, the same in the scripts of all sides of one run, or they do not fit together
#   protects  192.168.2.100/32 <-> 192.168.1.4/32 (a)
#
#   sh b.sh up        sets it up and says what it does; start side a first
#   sh b.sh status    up or down, packets and bytes; status 0 only when up
#   sh b.sh down      removes what up added, nothing else
#   sh b.sh -n up     prints the commands, without the keys, and changes nothing
#
# Needs root, ip (iproute2) and espdecap, which may lie beside this file.

name=b digest=29fec378
local=192.168.2.100
port=61523
port_1=61525  # where the internet sees a

# What `ip -batch` reads. Policies come first, so that nothing leaves in the clear.
policies() { echo "
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir out priority 2000 \
  tmpl src $local dst 85.9.8.7 proto esp reqid 1366164508 mode tunnel
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir in priority 2000 \
  tmpl src 85.9.8.7 dst $local proto esp reqid 1366164508 mode tunnel
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir fwd priority 2000 \
  tmpl src 85.9.8.7 dst $local proto esp reqid 1366164508 mode tunnel
"; }
states() { echo "
xfrm state add src $local dst 85.9.8.7 proto esp spi 0xdeadbeef reqid 1366164508 mode tunnel replay-window 128 \
  encap espinudp $port $port_1 0.0.0.0 \
  aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96
xfrm state add src 85.9.8.7 dst $local proto esp spi 0xdeadbeef reqid 1366164508 mode tunnel replay-window 128 \
  encap espinudp $port_1 $port 0.0.0.0 \
  aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96
"; }
# The helper holds the UDP socket, so that the kernel unwraps, and keeps the NAT's mapping alive. 65534 is nobody.
helper() { echo "-u 65534 -b $local $port\
 85.9.8.7:$port_1\
"; }

# ---- From here on the same for every tunnel. ----
set -u
umask 077
run=${XFRMPAIR_RUN:-/run/xfrmpair}
undo_file=$run/$digest.$name.undo now_file=$run/$digest.$name.now pid_file=$run/$digest.$name.pid
log=$run/$digest.$name.log
own_nets='192.168.2.100/32' other_nets='192.168.1.4/32@85.9.8.7'  # NET@WAY, as routes need it
reqids=' 1366164508 ' state_count=2

say() { echo "$name: $*" >&2; }
fail() {
	status=$1
	shift
	say "$*"
	exit "$status"
}
usage() {
	echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch] [--wait SECONDS]
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
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }'; }
helper_pid() {
	[ -r "$pid_file" ] || return 0
	read -r pid birth <"$pid_file"
	if [ "${birth:--}" = "$(born "$pid")" ]; then echo "$pid"; fi
}

# Our SAs, found by reqid, a line each: REQID DIRECTION SPI PACKETS BYTES.
own_states() {
	ip -s xfrm state list nokeys | awk -v reqids="$reqids" -v here="$local" '
		function after(word,  i) {
			for (i = 1; i < NF; i++) if ($i == word) { sub(/\(.*/, "", $(i + 1)); return $(i + 1) }
		}
		/^src / { way = $4 == here ? "in" : "out" }
		/ reqid / { spi = after("spi"); reqid = after("reqid") }
		/current/ { getline; if (index(reqids, " " reqid " ")) print reqid, way, spi, $2 + 0, $1 + 0 }'
}

# Commands that delete what the kernel has of ours: nothing else, and nothing that is not there.
delete_states() {
	ip xfrm state list nokeys | awk -v reqids="$reqids" '
		/^src / { ends = $0 }
		/ reqid / { sub(/\(.*/, "", $4); if (index(reqids, " " $6 " ")) print "xfrm state delete " ends " proto esp spi " $4 }'
}
delete_policies() {
	{ policies; ip xfrm policy list; } | awk -v reqids="$reqids" '
		/^src / { selector = $0; sub(/ *$/, "", selector); sub(/proto udp/, "proto 17", selector) }
		$1 == "dir" { identity = selector " dir " $2 }
		$1 == "proto" && index(reqids, " " $4 " ") { print "xfrm policy delete " identity }'
}

# What makes an SA or a policy unique for the kernel, one a line, of ours and of all that are there.
our_identities() {
	states | sed -n 's/^xfrm state add src [^ ]* dst \([^ ]*\) proto esp spi \([^ ]*\) .*/SA dst \1 spi \2/p'
	policies | sed -n 's/^xfrm policy add \(.*\) priority .*/policy \1/p'
}
all_identities() {
	ip xfrm state list nokeys | awk '
		/^src / { dst = $4 }
		/ spi / { sub(/\(.*/, "", $4); print "SA dst " dst " spi " $4 }'
	ip xfrm policy list | awk '
		/^src / { selector = $0; sub(/ *$/, "", selector); sub(/proto udp/, "proto 17", selector) }
		$1 == "dir" { print "policy " selector " dir " $2 }'
}
taken_identity() {
	{ our_identities; echo --; all_identities; } | awk '
		$0 == "--" { there = 1 } there && $0 in ours { print; exit } !there { ours[$0] }'
}

port_owner() { ss -Hlunp "sport = :$port" 2>/dev/null | awk -v here="$local:$port" '
	$4 == here || $4 ~ /^(0\.0\.0\.0|\*|\[::\]):/ { print $NF; exit }'; }

# ---- up ----

# Says what a refusal of ip means, and ends.
explain() {
	case $2 in
	*AEAD* | *AUTH* | *CRYPT* | *Requested*algorithm* | *cryptographic*)
		fail 5 "$1: this kernel has not the cipher aes128gcm12; generate with another --cipher ($2)" ;;
	*"type not found"* | *"rotocol not supported"*)
		fail 5 "$1: this kernel, or this container, has no ESP; try: modprobe esp4 ($2)" ;;
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
xfrm state add src $local dst $local proto esp spi 0x100  mode tunnel aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96
xfrm state delete src $local dst $local proto esp spi 0x100
"; }

# All that could stand in the way, before anything is added.
look() {
	espdecap=${ESPDECAP:-$(find_program espdecap)}
	[ -n "$espdecap" ] || fail 1 "no espdecap; lay it beside this file, or name it with ESPDECAP="
	if is_up && [ -z "$(helper_pid)" ]; then
		recall
		say "the tunnel is up, but its espdecap is gone"
		start_helper || fail 1 "espdecap did not start: $(cat "$log")"
		exit 0
	fi
	[ -z "$(remove_commands)" ] ||
		fail 1 "up already, wholly or in part; see: sh $name.sh status; take it down with: sh $name.sh down"
	[ -n "$(ip -o address show to "$local")" ] ||
		fail 1 "$local is no address of this host; is this the script of another side? If the address changed: up --local ADDR"
	taken=$(taken_identity)
	[ -z "$taken" ] || fail 1 "another tool has the same $taken; see: ip xfrm state; ip xfrm policy"
	owner=$(port_owner)
	[ -z "$owner" ] || fail 1 "UDP port $port is taken by $owner"
	modprobe -q esp4 2>/dev/null
	error=$(trial | ip -batch - 2>&1) || explain "trying an SA" "$error"
}

# ---- Addresses and routes: only where what this host sends to the tunnel would not go from a protected address ----

# word_after WORD: what follows it in the line read.
word_after() { awk -v word="$1" '{ for (i = 1; i < NF; i++) if ($i == word) { print $(i + 1); exit } }'; }

# Adds an address or a route; how to remove it is noted before.
add() {
	say "ip $1 add $2"
	# shellcheck disable=SC2086  # words
	mkdir -p "$run" && echo "$1 delete $2" >>"$undo_file" && ip "$1" add $2
}
add_routes() {
	inner=''
	for net in $own_nets; do
		[ -n "$inner" ] || inner=$(ip -o address show to "$net" | word_after "inet")
	done
	if [ -z "$inner" ]; then
		inner=${own_nets%% *}
		case $inner in
		*/32) add address "$inner dev lo" || return ;;
		*) say "warning: this host has no address in $own_nets; only what it forwards will go through the tunnel"; return ;;
		esac
	fi
	inner=${inner%/*}
	for pair in $other_nets; do
		net=${pair%@*}
		[ "$(ip route get "${net%/*}" 2>/dev/null | word_after src)" != "$inner" ] || continue
		if [ -n "$(ip route show exact "$net")" ]; then
			say "warning: there is a route to $net already; ping with -I $inner"
			continue
		fi
		way=$(ip route get "${pair#*@}")
		gateway=$(echo "$way" | word_after via)
		add route "$net ${gateway:+via $gateway }dev $(echo "$way" | word_after dev) src $inner" || return
	done
}

# Opens both NATs before the kernel takes the port over. Prints the port that the peer is heard from.
punch() {
	natprobe=${NATPROBE:-$(find_program natprobe)}
	if [ -z "$natprobe" ]; then
		say "no natprobe here: going on without punching the hole"
		return
	fi
	say "opening the hole to a, which was to be started first, for up to $wait s"
	heard=$("$natprobe" -b "$local" -p "$port" --punch "85.9.8.7:$port_1" --timeout "$wait" --token "$digest")
	punched=$?
	case $punched.$heard in
	"0.85.9.8.7:$port_1") say "a is heard" ;;
	"0.85.9.8.7:"*)
		port_1=${heard##*:}
		say "a is heard from port $port_1, not from the one it was generated for: using that for this run"
		;;
	0.*) fail 3 "a is heard at $heard, not at 85.9.8.7: generate the scripts again with @$heard for a" ;;
	4.*)
		say "a was not heard in $wait s; the tunnel is set up all the same. Is its script running? Are both scripts of one run"
		say "(digest $digest)? Do natprobe's words still hold on both sides? Start a first"
		;;
	*) exit "$punched" ;;
	esac
}

start_helper() {
	say "espdecap $(helper)"
	: >"$log" || return
	# shellcheck disable=SC2046  # words, not one argument
	(trap '' HUP && exec "$espdecap" $(helper)) </dev/null >"$log" 2>&1 &
	echo "$! $(born $!)" >"$pid_file"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		if grep -q ready "$log"; then return; fi
		[ -n "$(helper_pid)" ] || return
		sleep 0.1 2>/dev/null || sleep 1
	done
	return 1
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
	[ -n "$no_punch" ] || punch
	mkdir -p "$run" || fail 1 "cannot write to $run"
	echo "$local $port_1" >"$now_file"
	step "policies: what is to be encrypted" policies
	step "states: how, with keys" states
	add_routes || { remove; fail 1 "the route could not be added"; }
	start_helper || { words=$(cat "$log"); remove; fail 1 "espdecap did not start: $words"; }
	trap - HUP INT TERM
	say "up. When the other side is up too, test it with"
	echo '  ping -c 3 -I 192.168.2.100 192.168.1.4'
}

# ---- down ----

remove_commands() { delete_states && delete_policies; }
remove() {
	stop_helper
	remove_commands | ip -batch -
	status=$?
	if [ -r "$undo_file" ]; then
		# shellcheck disable=SC2086  # words
		while read -r words; do ip $words; done <"$undo_file" 2>/dev/null
		rm -f "$undo_file"
	fi
	rm -f "$now_file"
	rmdir "$run" 2>/dev/null
	return $status
}
down() {
	if [ -z "$(remove_commands)$(helper_pid)" ]; then
		say "is down"
	else
		remove || fail 1 "not all could be removed; see: sh $name.sh status"
		say "down. Before the next up, take the other side down too: each counts the other's packets from the start again"
	fi
}

# ---- status ----

is_up() { [ "$(own_states | awk 'END { print NR }')" = "$state_count" ]; }

status() {
	rows=$(own_states)
	if [ -z "$rows" ]; then
		echo "$name: down"
		exit 1
	fi
	verdict=up good=0
	is_up || { verdict='half up; take it down and up again'; good=1; }
	pid=$(helper_pid)
	if [ -z "$pid" ]; then
		verdict="$verdict, but espdecap is gone: nothing is heard; start it again with: sh $name.sh up" good=1
	fi
	echo "$name: $verdict, digest $digest${pid:+, espdecap alive (pid $pid)}"
	echo "$rows" | awk '
		$1 == 1366164508 { peer = "a" }
		{ printf "  %-4s %-15s SPI %s %12d packets %15d bytes\n", $2 == "in" ? "from" : "to", peer, $3, $4, $5 }'
	exit "$good"
}

# ---- The command line ----

print_only='' verb='' address=''
no_punch='' wait=60
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
	--local)
		[ $# -gt 1 ] || { usage >&2; fail 2 "--local: want an address of this host"; }
		address=$2
		shift
		;;
	up | start | down | stop | status)
		[ -z "$verb" ] || { usage >&2; fail 2 "'$1' after '$verb': want one of them"; }
		verb=$1
		;;
	*) usage >&2; fail 2 "'$1': not known, or not in this version" ;;
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
status | yesstatus) need_xfrm && recall && status ;;
*)
	usage >&2
	fail 2 "want up, down or status"
	;;
esac
