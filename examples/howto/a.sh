#!/bin/sh
# shellcheck shell=dash # local is known to dash, busybox, bash and mksh
{ # IPsec tunnel a - b without IKE, made by xfrmpair 0.2.
# This is side a: run it as root on the host 192.168.1.4.
# CONTAINS KEYS below "# ---- now": keep it readable by its owner only, and copy it over ssh.
#
#   a 192.168.1.4:61525 -NAT- 85.9.8.7:61525 = internet = 31.1.2.3:10421 -NAT- 192.168.2.100:61523 b
#
#   cipher    aes128gcm12 (rfc4106(gcm(aes)), 96-bit ICV), tunnel mode, replay window 128
#   digest    88196a0e: the scripts of all sides must have the same
#   MTU       inner packets of up to 1442 bytes, on a path of 1500
#   protects  192.168.1.4/32 <-> 192.168.2.100/32 (b)
#
#   sh a.sh [-n] up     set it up, side a first; -n: print the commands and change nothing
#   sh a.sh [-n] down   remove what up added, and nothing else
#   sh a.sh status | check | rekey | follow | mend | update-peer | capture | wireshark
#
# Needs root, ip (iproute2), espdecap, and natprobe to open the NATs; xfrmkeep does the rest.
# Programs are found beside this file or in PATH.

name=a port=61525 first=a options=' [--no-punch] [--no-helper] [--map]'
store=a.01693d5780de63281f4d52668754ac50 check=778e878306368ddbb72c83f034b74ca9
peers='b@1830240544' # NAME@REQID
# shellcheck disable=SC2034 # the rest is for xfrmkeep
digest=88196a0e family=4 cipher=aes128gcm12 mode=tunnel encap=espinudp mtu=1442 path_mtu=1500
# shellcheck disable=SC2034
local=192.168.1.4 mapped=85.9.8.7:61525 own_nets='192.168.1.4/32' other_nets='192.168.2.100/32@1'

# Which packets to encrypt. The outbound template names the SPI, so a new key takes over at once.
policies() { echo "
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out index 2261696345 priority 2000 \
  tmpl src $here dst $there_1 proto esp spi $spi_1 reqid 1830240544 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in index 2261696344 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1830240544 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd index 2261696346 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1830240544 mode tunnel
"; }
# What down removes, found by index, reqid, protocol, label or group.
undo() { echo "
xfrm policy deleteall dir out index 2261696345
xfrm policy deleteall dir in index 2261696344
xfrm policy deleteall dir fwd index 2261696346
xfrm state deleteall reqid 1830240544
"; }
# espdecap holds the UDP socket, so that the kernel decapsulates, and keeps the NAT mapping open.
helper() { echo "
-u 65534 -b $here $port $there_1:$port_1
"; }
tests() { echo "
  ping -c 3 -I 192.168.1.4 192.168.2.100
"; }

# If xfrmkeep is beside this file or in PATH, main runs it instead. Without it, the functions below
# run the same ip commands, but wait for nobody and explain less.
set -u +eC
umask 077
unset IFS CDPATH token # these must not stay exported
dry='' all='' ip=ip made_run='' silent='' file=./$0
case $0 in */*) file=$0 ;; esac
case $- in *s*) file=/proc/$$/fd/0 ;; esac # sh -s <NAME.sh
run=${XFRMPAIR_RUN:-/run/xfrmpair}/$store stored=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$store
say() { echo "$name: $*" >&2; }
fail() { # STATUS MESSAGE: undoes what up did, and exits
	trap '' HUP INT TERM PIPE
	say "$2"
	[ -z "$made_run" ] || take_back
	exit "$1"
}
find_program() { # NAME [PATH]: sets program to PATH, or to NAME beside this file or in $PATH
	local folder IFS=:
	for folder in "${file%/*}" $PATH; do
		program=${2:-$folder/$1}
		[ ! -f "$program" ] || break # the first one, or none
	done
	[ -x "$program" ]
}
batch() { # FUNCTION: passes its rows to ip on standard input, because they contain keys
	local key='s/0x[0-9a-f]\{9,\}/KEY/g' word="s/ \([a-z0-9]*([^ ]*\)/ '\1'/g; s/  */ /g"
	[ -z "$dry" ] || { "$1" | sed -n "s/ # .*//; $key; $word; s/^[a-z]/ip &/p"; return; }
	say "adding $1"
	! "$1" | "$ip" -batch - 2>&1 | sed "$key" | grep . >&2 || fail 1 "ip failed: $1"
}
own_folder() { # PATH: creates it if needed, and fails if it is not ours or others can write to it
	mkdir "$1" 2>/dev/null
	case $([ ! -O "$1" ] || ls -ld "$1") in [-d]????[!w]??[!w]*) return 0 ;; esac
	fail 1 "$1: cannot be made, or others can write to it (expected your own, mode 0700)"
}
begin() { # each start uses 2^26 of the 2^32 sequence numbers; xfrmkeep reads the count later
	local number=0 starts=0
	if [ "$made" != 1 ] || [ -e "$stored" ]; then fail 1 "only xfrmkeep can read $stored"; fi
	[ ! -f "$stored.starts" ] || starts=$(grep -cxF "$check" "$stored.starts")
	[ $((starts += 1)) -le 62 ] ||
		fail 1 "these keys have no sequence numbers left: install xfrmkeep"
	for _ in $peers; do eval "oseq_$((number += 1))=0x$(printf %x $((starts * 4)))000000"; done
	[ "$here" != auto ] ||
		here=$("$ip" route get "$there_1" | sed -n 's/.* src \([^ ]*\).*/\1/p')
	[ -z "$dry" ] || return 0
	[ -n "$("$ip" address show to "$here")" ] || fail 1 "'$here' is not an address of this host"
	own_folder "${stored%/*}" && own_folder "${run%/*}"
	[ ! -e "$stored.starts" ] || own_folder "$stored.starts" # else numbers could repeat
	mkdir "$run" || fail 1 "already up, or interrupted: sh $file down"
	made_run=yes
	trap 'fail 1 interrupted' HUP INT TERM PIPE
	echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)" >"$run/boot" &&
		echo "$check" >>"$stored.starts" && sync "$stored.starts" && return
	fail 1 "cannot write $run or $stored.starts"
}
start_helper() {
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*" && return; }
	say "espdecap $*"
	find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
open_hole() { # NATs accept packets only after one went out: both sides send until they receive
	local at outer=$there_1
	case $outer in *:*) outer="[$outer]" ;; esac
	find_program natprobe "${NATPROBE-}" || return 0
	say "waiting for ${peers%@*}, for up to 60 s ($first is started first)"
	set -- -u 65534 -b "$here" -p "$port" --punch "$outer:$port_1" --timeout 60 --token-fd 0
	[ "$first" != "$name" ] || set -- "$@" --first
	at=$(echo "$token" | "$program" "$@") || silent=$?
	[ "${silent:-4}" = 4 ] || fail "$silent" "natprobe could not punch a hole"
	[ -z "$silent" ] || return 0
	at=${at%% *}
	case $at in "${at%:*}" | *[!]0-9a-f.:[]* | *[!0-9]) fail 1 "natprobe printed '$at'" ;; esac
	port_1=${at##*:} at=${at%:*} at=${at#[} there_1=${at%]}
}
take_back() { # an object that is already gone is not an error
	local row pid
	[ -n "$dry" ] || say "removing what up added"
	! command -v remove_tables >/dev/null || remove_tables
	{ undo && ${all:+unguard} && cat "$run/undo" 2>/dev/null; } | while read -r row; do
		# shellcheck disable=SC2086 # words
		[ -z "$row" ] || ${dry:+echo} "$ip" $row 2>/dev/null
	done
	[ -z "$dry" ] || return 0
	pid=$(cat "$run/espdecap" 2>/dev/null)
	case $(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-self}/cmdline") in
	*espdecap\ -d\ *" ${port-} "*) kill "$pid" && kill -s CONT "$pid" ;;
	esac
	rm -rf "$run"
}
down() {
	case $* in *--all*) all=$(command -v unguard) ;; esac
	[ ! -e "${run%/*}" ] || own_folder "${run%/*}" # its rows are executed
	take_back
	[ -n "$dry" ] || say down
}
status() {
	[ -d "$run" ] || fail 1 down
	"$ip" -s xfrm state list nokeys && say up
}
usage() { echo "usage: sh $name.sh [-n] up [--wait S] [--local ADDR]$options | [-n] down | VERB"; }
main() {
	local verb word
	case ${1-} in -h | --help) usage && exit ;; -n) dry=-n && shift ;; esac
	case ${1-} in start) verb=up ;; stop) verb=down ;; *) verb=${1-} ;; esac
	[ -n "$verb" ] || { usage >&2 && exit 2; }
	shift
	if find_program xfrmkeep "${XFRMKEEP-}"; then exec "$program" $dry "$verb" "$file" "$@"; fi
	for word in "$verb" "$@"; do
		case $word in
		up | down | status | --no-punch | --all) ;;
		*) fail 2 "'$word' needs xfrmkeep beside $file or in PATH" ;;
		esac
	done
	PATH=$PATH:/usr/sbin:/sbin
	[ -n "$dry" ] || { find_program ip && ip=$program; } || fail 1 "no ip: install iproute2"
	"$verb" "$@"
}
up() {
	begin
	case $dry$* in *-n*) ;; # or --no-punch
	*) open_hole ;;
	esac
	batch states
	batch policies
	start_helper
	[ -n "$dry" ] || say "set up. When the other side is up too, test it with:$(tests)"
	[ -z "$silent" ] || exit "$silent"
}

made=1 # ---- now: written by xfrmpair and xfrmkeep
check=778e878306368ddbb72c83f034b74ca9 here=192.168.1.4
there_1=31.1.2.3 port_1=10421 spi_1=0xdeadbeef oseq_1=0 # b: endpoint, SPI, sequence number
token=7b3c1137fc27c61710649723c4f4cd0cf5f8d3fc2a76e602dc5a0634b1e0469a
states() { echo "
xfrm state add src $there_1 dst $here proto esp spi 0xdeadbeef reqid 1830240544 mode tunnel replay-window 128 replay-seq 0 \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96 # from b, epoch 1
xfrm state add src $here dst $there_1 proto esp spi 0xdeadbeef reqid 1830240544 mode tunnel replay-window 128 replay-oseq $oseq_1 \
  encap espinudp $port $port_1 0.0.0.0 aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96 # to b, epoch 1
"; }
#: b heard 0 fixed
# ---- end a1b52eabaaf55202
main "$@"
}
