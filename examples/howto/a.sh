#!/bin/sh
{ # IPsec tunnel a - b without IKE, made by xfrmpair 0.1. This is side a: run it on the host 192.168.1.4.
# CONTAINS KEYS: keep it readable by its owner only, and copy it over a secure channel.
#
#   a 192.168.1.4:61525 --NAT-- 85.9.8.7:61525 == internet == 31.1.2.3:10421 --NAT-- 192.168.2.100:61523 b
#
#   cipher    aes128gcm12 (rfc4106(gcm(aes)), 96-bit ICV), tunnel mode, replay window 128
#   digest    88196a0e, the same in the scripts of all sides of one run, or they do not fit together
#   MTU       1442 bytes fit inside, of 1500 outside
#   protects  192.168.1.4/32 <-> 192.168.2.100/32 (b)
#
#   sh a.sh up        sets it up and says what it does; start side a first
#   sh a.sh status    up or down, packets and bytes; status 0 only when up and heard
#   sh a.sh check     sends a few packets, and says in one line what is wrong
#   sh a.sh rekey     changes the keys while it is up, when both sides do it, in any order; from cron if you like
#   sh a.sh follow    stays, and keeps it up: follows the other side to new addresses, and changes the keys
#   sh a.sh down      removes what up added, nothing else
#   sh a.sh -n up     prints the commands, without the keys, and changes nothing
#
# Needs root, ip (iproute2) and espdecap, beside this file or on PATH; natprobe too if there.

# What not every tunnel has; what this one has of it follows.
port='' esn='' first='' own_word='' own_nets='' other_nets='' site='' own_address='' interface='' guard='' limited='' fingerprint='' wireshark=''
name=a digest=88196a0e here=192.168.1.4 port=61525 title='a - b' cipher=aes128gcm12 esp=esp4 mtu=1442
there_1=31.1.2.3 port_1=10421 pin_1=''  # where b is heard, and the SPI to send with
# What `ip -batch` reads: which packets are to be encrypted, and how; SPI and key come from the rows at the end.
policies() { echo "
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out priority 2000 \
  tmpl src $here dst $there_1 proto esp$pin_1 reqid 1366164508 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1366164508 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1366164508 mode tunnel
"; }
key_digits=40 auth_digits=0  # of what follows from a pair's secret, in hexadecimal
wireshark='AES-GCM with 12 octet ICV [RFC4106]' wireshark_auth='NULL'  # its words for the cipher
state() { case $1 in # WAY.PEER SPI KEY [KEY]
out.b) echo "\
xfrm state add src $here dst $there_1 proto esp spi $2 reqid 1366164508 mode tunnel replay-window 128$count \
  encap espinudp $port $port_1 0.0.0.0 aead rfc4106(gcm(aes)) $3 96
" ;;
in.b) echo "\
xfrm state add src $there_1 dst $here proto esp spi $2 reqid 1366164508 mode tunnel replay-window 128$count \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) $3 96
" ;;
esac; }
# The helper holds the UDP socket, so that the kernel decapsulates, and keeps the NAT's mapping alive. 65534 is nobody.
helper() { echo "-u 65534 -b $here $port\
 $there_1:$port_1\
"; }
peers='b@1366164508' first=a own_word='192.168.1.4:61525@85.9.8.7:61525'  # NAME@REQID; the side to be started first; how this one looks
own_nets='192.168.1.4/32' other_nets='192.168.2.100/32@1'  # NET@PEER, by number
own_address=192.168.1.4/32 own_device=lo
tests='
  ping -c 3 -I 192.168.1.4 192.168.2.100
'
parts='address routes helper'  # what up adds beside policies and states, in this order
# ---- program xfrmpair 0.1, parts core epochs look routes rules punch helper router up down status rekey follow check capture main
# shellcheck disable=SC2012,SC2015,SC2034,SC2046,SC2086,SC2116 # lists of words, conditions in a row
{
# core: needs name, digest, peers. Gives say, fail, the journal (note, undo) and the one way to change the machine (change, batch).
set +aefCv -u
umask 077
unset IFS CDPATH machine
unset book rows secret key auth word joined sent line kept # what holds keys here would be in the environment of all, where the caller's has that name
run=${XFRMPAIR_RUN:-/run/xfrmpair} peer=${peers%%@*} dry='' made='' mending='' changed='' punching='' found_out='' count='' heard='' ours='' counting=''
{ read -r machine </proc/sys/kernel/random/boot_id; } 2>/dev/null
machine=${machine-}@$(readlink /proc/$$/ns/net) # since boot, as this network sees it
say() {
	[ -z "$counting" ] || {
		counting=''
		printf '\r\033[K' >&2
	}
	echo "$name: $*" >&2
}
fail() {
	code=$1
	shift
	say "$*"
	exit "$code"
}
file=/proc/$$/fd/0 beside='' # this file and its folder; read with sh -s it is standard input, and its folder is none
case $0 in */*) path=${0%/*}/ ;; *) path=. ;; esac
case $- in *s*) ;; *) [ ! -f "$0" ] || { beside=$(cd -P -- "$path" && pwd) && file=$beside/${0##*/}; } ;; esac
case $run in /*) ;; *) run=$PWD/$run ;; esac
folder=$run/$digest.$name # who makes the folder comes up: lock and journal in one
anew='copy both scripts of one run anew'
[ -z "$fingerprint" ] || anew='make both anew, each from the same words and options'
after() { # WORD WORDS: leaves in word what follows WORD
	key=$1 word=''
	while [ $# -gt 2 ]; do
		shift
		if [ "$1" = "$key" ]; then
			word=$2
			return
		fi
	done
}
find_ip() { # that knows xfrm, by path: busybox has one that does not, and its shell prefers that
	IFS=:
	for path in $PATH /usr/local/sbin /usr/sbin /sbin /usr/bin /bin; do
		[ ! -x "$path/ip" ] || case $("$path/ip" xfrm help 2>&1) in
		*'ip xfrm'*)
			unset IFS
			ip_path=$path/ip
			return
			;;
		esac
	done
	fail 1 "no ip that knows xfrm; install iproute2"
}
ip() { "$ip_path" "$@"; }
is_ours() { # PATH...: false, and trouble says why, where others than root, this user and this file's owner can change one of them or what it is in
	for path; do
		while [ "$path" != "${path%/*}" ]; do
			path=${path%/*}
			set -- "$@" "${path:-/}"
		done
	done
	trouble=$({
		LC_ALL=C ls -ldnL "$@" "$file" /proc/$$
		[ ! -h "$1" ] || LC_ALL=C ls -ldn "$1"
	} 2>/dev/null | run=$run me=/proc/$$ file=$file awk '
		{ path = $0; sub(/^[^\/]*/, "", path); if (/^l/) { sub(/ -> .*/, ", a link,", path); $1 = "" } mode[path] = $1; uid[path] = $3 }
		function tell(what) { print path what; exit }
		END { known[0]; known[uid[ENVIRON["me"]]]; known[uid[ENVIRON["file"]]]; for (path in mode) {
			if (!(uid[path] in known)) tell(" belongs to user " uid[path] ", who is not root, nor you, nor owns this script: take another place, or chown it")
			if (mode[path] ~ (path == ENVIRON["run"] ? "^.(....|.......)w" : path ~ /^\/proc\// ? "^$" : "^.(....w...|.......w)[^tT]")) # in a sticky one all keep what is theirs
				tell(": others than its owner can change it: chmod go-w " path)
		} }')
	[ -z "$trouble" ]
}
# Looked at each time before it is run: it may have come, or changed, since. What is ours, in folders that are, nobody else changes.
find_program() { # NAME PATH: leaves in program the PATH, or the one beside this file or of PATH; false, and trouble says why, 2 where it may be others'
	program=${2:-$beside/$1} trouble="no $1; lay it beside this file, or put it on PATH"
	[ -n "$2" ] || [ -n "$beside" ] && [ -f "$program" ] || program=$(command -v "$1") || return 1
	trouble="$program cannot be run: chmod +x it; or is its file system mounted noexec?"
	[ -x "$program" ] && [ ! -d "$program" ] || return
	case $program in /*) ;; *) program=$PWD/$program ;; esac
	case $ours in *"
$program
"*) return ;; esac
	if [ -h "$program" ]; then
		set -- "$program" "$(readlink -f "$program")"
		program=$2
	else
		set -- "$program"
	fi
	is_ours "$@" || return 2
	[ $# = 2 ] || ours="$ours
$program
"
}
# A process is known by its pid and its time of birth, in /proc/PID/stat the 22nd word; one that has ended has none, whoever its parent
# may be that has not asked for it. lives PID BIRTH: it does.
get_birth() {
	birth=''
	{ read -r birth <"/proc/$1/stat"; } 2>/dev/null && set -- ${birth##*) } && birth=${20} || return
	case $1 in [ZX]) birth='' ;; esac
}
lives() { [ -n "${2-}" ] && get_birth "$1" && [ "$birth" = "$2" ]; }
end_process() { # PID: one that is stopped hears it, too
	kill "$1" && kill -s CONT "$1"
} 2>/dev/null
is_here() { # FOLDER: made on this machine
	machine_then=''
	{ read -r _ machine_then _ <"$1/undo"; } 2>/dev/null
	[ "$machine_then" = "$machine" ]
}
read_process() { # FILE: leaves in process the pid that it notes, if that lives
	process='' born=''
	{ read -r process born <"$1"; } 2>/dev/null
	lives "${process:-0}" "$born" || process=''
}
read_helper() { # FOLDER: none, where another holds the socket
	read_process "$1/helper"
	helper_pid=$process
	[ "$born" != none ] || helper_pid=none
}
claim() { # VERB: this process alone works on the folder; false when another does: worker is its pid, birth and verb, or empty where nobody can
	for again in 1 2 3 4 5 6 7 8 9; do
		get_birth $$
		! ln -s "$$ $birth $1" "$folder/busy" 2>/dev/null || {
			trap 'rm -f "$folder/busy"' EXIT
			return
		}
		worker=$(readlink "$folder/busy") || continue # it has ended since
		! lives $worker || return 1
		rm -f "$folder/busy" # of one that was killed
	done
	return 1
}
release() {
	rm -f "$folder/busy"
	trap - EXIT
}
claim_soon() { # VERB: the same, after a short wait for another that is at work, but up waits for no up or down; else it fails
	for try in 1 2 3 4 5 ''; do
		! claim "$1" || return 0
		[ -d "$folder" ] || fail 1 "went down meanwhile"
		[ -n "$worker" ] || fail 1 "cannot write to $folder"
		case $1,$worker in up,*' up' | up,*' down') try='' ;; esac
		[ -n "$try" ] || fail 1 "${worker##* } is at work already (pid ${worker%% *})"
		sleep 1
	done
}
# The journal has a line for each change, written before it, that takes it back. A line without its end was torn.
note() { [ -n "$dry" ] || { echo "$* ." >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo"; }
take_back() {
	case ${1-} in
	natprobe)
		unmap "$@"
		return
		;;
	ip | nft | put_back) error=$("$@" 2>&1) && return ;; *) return 0 ;; esac
	case $error in *'No such'* | *'Cannot find device'* | *'Cannot assign'*) ;;
	*)
		say "cannot be taken back: $*: $error"
		return 1
		;;
	esac
}
forget_lines() { # LINES: of the journal
	{
		echo "$1"
		echo --
		cat "$folder/undo"
	} | awk '!seen[$0]++ && on; $0 == "--" { on = 1 }' | cat >"$folder/left" && mv "$folder/left" "$folder/undo"
}
undo() { # FOLDER: takes back what its journal has, the last first; what cannot be stays noted, and is false
	for process in follower helper; do
		read_process "$1/$process"
		[ -z "$process" ] || end_process "$process"
	done
	noted=$(sed -n 's/ \.$//p' "$1/undo" 2>/dev/null | sed -n '1!G;h;$p') whole=''
	if echo "$noted" | sed -n 's/^ip //p' | ip -batch - >/dev/null 2>&1; then whole=ip; fi # all at once; one by one only where one of them is gone already
	left=$(echo "$noted" | while read -r tool words; do [ "$tool" = "$whole" ] || take_back $tool $words || echo "$tool $words ."; done)
	[ -z "$left" ] || {
		echo "$left" | sed -n '1!G;h;$p' | cat >"$1/left" && mv "$1/left" "$1/undo"
		return 1
	}
	mv "$1" "$1.gone.$$" && rm -rf "$1.gone.$$"
	rmdir "$run" 2>/dev/null || :
}
stop() { # STATUS WORDS: up ends, and what it made is taken back; nothing is when it mended a tunnel that was up
	trap '' HUP INT TERM PIPE
	[ -z "$punching" ] || kill "$punching" 2>/dev/null
	code=$1
	shift
	say "$*"
	[ -z "$made" ] || undo "$folder" || say "not all could be taken back; again with: sh $file down"
	exit "$code"
}
change() { # COMMAND: said and done; with -n only printed; refused, it ends up
	changed=yes
	if [ -n "$dry" ]; then
		echo "$*"
		return
	fi
	say "$*"
	error=$("$@" 2>&1) || refused "$*" "$error"
}
batch() { # WORDS FUNCTION: what it prints goes to ip's standard input: keys, the only long numbers, are no arguments, nor shown
	changed=yes
	if [ -n "$dry" ]; then
		"$2" | sed -e '/./!d; s/0x[0-9a-f]\{9,\}/KEY/g; s/   */ /g; s/^/ip /' -e "s/ \([a-z0-9]*([^ ]*\)/ '\1'/g"
		return
	fi
	say "$1"
	error=$("$2" | ip -batch - 2>&1) || refused "$1" "$error"
}
blocked() { # leaves in word FILE:LINE where modprobe is told to load no ESP
	word=$(modprobe -n -v "$esp" 2>/dev/null | grep '^install ') || return
	set -- "$(grep -s "^[[:blank:]]*install[[:blank:]]*${esp}[[:blank:]]" /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf /lib/modprobe.d/*.conf)"
	word=${1:-$word}
}
loop() { # leaves in loop an SA that is only tried
	case $esp in esp6) loop=::1 ;; *) loop=127.0.0.1 ;; esac
	loop="src $loop dst $loop proto esp spi 0x$$"
}
refused() { # WORDS ERROR: says what ip's error means, before it the word that check has for that, and stops
	set -- "$1" "$(echo $2)"
	loop
	case $2 in
	*"device type"*) stop 5 "$1: this kernel has no xfrm interfaces; generate without --interface ($2)" ;;
	*"encapsulation type"*) stop 5 "$1: this kernel has no espinudp-nonike any more (Linux 6.10 dropped it); generate without --encap ($2)" ;;
	*AEAD* | *AUTH* | *CRYPT* | *algorithm* | *cryptographic* | *"type not found"* | *"rotocol not supported"* | *"not implemented"*)
		printf 'xfrm state %s\n' "add $loop mode tunnel enc ecb(cipher_null) '' auth digest_null ''" "delete $loop" | ip -batch - 2>/dev/null && # which encrypts nothing
			stop 5 "no-cipher: this kernel lacks the cipher $cipher: generate with another --cipher ($1: $2)"
		! blocked || stop 5 "esp-blocked: ESP is switched off on purpose: $word: without that line it works ($1: $2)"
		stop 5 "no-esp: this kernel, or this container, has no ESP: try: modprobe $esp ($1: $2)"
		;;
	*"not permitted"*) stop 1 "$1: needs root ($2)" ;;
	*exists*) stop 1 "taken: another tool has one with the same identity: see: ip xfrm state; ip xfrm policy ($1: $2)" ;;
	esac
	stop 1 "$1: ${2:-ip failed without a word}"
}
# epochs: needs the rows at the end of this file, peers, key_digits, auth_digits. What follows from the rows, and what of it has to survive.
# book has a line for each pair, and is what the store keeps: ONE TWO LOW KIND SECRET at EPOCH heard EPOCH out NUMBER HIGH in NUMBER HIGH token WORD .
# LOW is the epoch of SECRET, the lowest that is needed yet; KIND is secret, or fixed where the keys are. HIGH counts 2^32s, with ESN.
store=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$digest.$name book='' rows='' end='' awaited='' margin=67108864 # numbers that an end without down may cost: 2^26
case $store in /*) ;; *) store=$PWD/$store ;; esac
{ read -r word <"$folder/store" && store=$word; } 2>/dev/null || : # while it is up its store is where up found it, whoever calls
# not "hash", which mksh has an alias for
sha256() {
	word=$(echo "xfrmpair $*" | sha256sum) && word=${word%% *}
	[ ${#word} = 64 ] || stop 1 "no sha256sum; install coreutils or busybox"
}
no_book() {
	book=''
	case ${verb-} in down | stop) say "$*" ;; *) fail 1 "$*" ;; esac
}
read_book() { # of the store; of a pair that is not there, as the rows have it at first
	kept=$store
	[ -r "$store" ] || kept=/dev/null
	book=$(own=$file awk -v name="$name" '
	FILENAME != ENVIRON["own"] { if (NF != 18 || $18 != ".") { print "torn"; exit } kept[$1 " " $2] = $0; next }
	$1 != "#key" { next } { sub(/^#key /, "") }
	$4 == "secret" { if ($1 " " $2 in kept) print kept[$1 " " $2]; else if ($5 == "erased") { print "lost " $3; exit } else begin($1, $2, $3, "secret", substr($5, 3)) }
	$4 != "secret" && $1 == name { if ($1 " " $2 in kept) print kept[$1 " " $2]; else begin($1, $2, 1, "fixed", "-") }
	function begin(one, two, epoch, kind, secret) { print one, two, epoch, kind, secret, "at", epoch, "heard 0 out 0 0 in 0 0 token - ." }' "$kept" "$file" 2>/dev/null)
	case $book in
	*torn*) no_book "$store is torn: a disk that was full, or failed? New scripts on all sides, or that file from a copy of today" ;;
	*lost*) no_book "$store is lost, and the secret of epoch ${book##*lost } is erased here: make new scripts for all sides" ;;
	*" secret "*" token - ."*) book=$(echo "$book" | while read -r line; do
		case $line in
		*" secret "*" token - .")
			set -- $line
			sha256 punch "$5"
			line="${line%- .}$word ."
			;;
		esac
		echo "$line"
	done) ;;
	esac
}
make_new() { # FILE: nobody else has it open, nor has it led us elsewhere
	{ [ ! -e "$1" ] && [ ! -L "$1" ] || rm -f "$1"; } && (
		set -C
		: >"$1"
	)
}
write_book() { # MARGIN: to the store, whole or not at all, on the disk when it returns; false if it cannot be (cat: busybox's awk and sed see no full disk)
	{ { [ -d "${store%/*}" ] || mkdir -p "${store%/*}"; } && make_new "$store.new" && echo "$book" | awk -v more="$1" -v esn="$esn" '{
		$11 += more; if ($11 > 4294967295) { if (esn) { $11 -= 4294967296; $12 += 1 } else $11 = 4294967295 } $11 = sprintf("%.0f", $11); print
	}' | cat >"$store.new" && sync "$store.new" && mv "$store.new" "$store" && sync "${store%/*}"; } 2>/dev/null
}
turn() { # [step]: each pair goes an epoch on if it may; what both sides are past is forgotten
	case $book in *" secret "*) ;; *) return ;; esac
	book=$(echo "$book" | while read -r one two low kind secret _ epoch _ heard _ out out_high _ in in_high _ token _; do
		other=$one
		[ "$one" != "$name" ] || other=$two
		if [ "$kind" = secret ]; then
			case ${1-} in
			step)
				if [ "$heard" -ge "$epoch" ]; then
					epoch=$((epoch + 1)) out=0 out_high=0
				elif [ "$verb" = rekey ]; then
					case $heard in
					0) say "$other has not been heard yet: the keys stay as they are" ;;
					*) say "$other has not followed yet: it sends with epoch $heard, we with $epoch: run rekey there too" ;;
					esac
				fi
				;;
			esac
			least=$epoch
			[ "$heard" -ge "$epoch" ] || least=$((epoch - 1)) # not above epoch: what is lost of it is put back from here
			while [ "$low" -lt "$least" ]; do
				sha256 next "$secret"
				secret=$word low=$((low + 1))
			done
		fi
		echo "$one $two $low $kind $secret at $epoch heard $heard out $out $out_high in $in $in_high token $token ."
	done)
}
blocks() { # FROM TO SECRET
	joined='' block=0
	while [ ${#joined} -lt $((key_digits + auth_digits + 8)) ]; do
		block=$((block + 1))
		sha256 key "$1" "$2" $block "$3"
		joined=$joined$word
	done
}
derive() { # leaves in rows the SAs that book wants, what is received with first: WAY.PEER EPOCH SPI SEQUENCE HIGH KEY [KEY]
	rows=$(echo "$book" | while read -r one two low kind secret _ epoch _ heard _ out out_high _ in in_high _; do
		other=$one
		[ "$one" != "$name" ] || other=$two
		[ "$kind" = secret ] || {
			sed -n -e "s/^#key $other $name 1 \([^ ]*\)/in.$other 1 \1 $in $in_high/p" -e "s/^#key $name $other 1 \([^ ]*\)/out.$other 1 \1 $out $out_high/p" "$file" 2>/dev/null
			continue
		}
		while [ "$low" -le $((epoch + 1)) ]; do
			[ "$low" != "$heard" ] || set -- "$in" "$in_high"
			[ "$low" = "$heard" ] || set -- 0 0
			blocks "$other" "$name" "$secret"
			echo "in.$other $low $1 $2 $joined"
			[ "$low" != "$epoch" ] || {
				blocks "$name" "$other" "$secret"
				sent=$joined
			}
			low=$((low + 1))
			[ "$low" -gt $((epoch + 1)) ] || {
				sha256 next "$secret"
				secret=$word
			}
		done
		echo "out.$other $epoch $out $out_high $sent"
	done | sed -e "s/^\([^ ]* [^ ]*\) \([^ ]* [^ ]*\) \([0-9a-f]\{$key_digits\}\)\([0-9a-f]\{$auth_digits\}\)\([0-9a-f]\{8\}\)[0-9a-f]*$/\1 0x\5 \2 0x\3 0x\4/" -e 's/ 0x000000\(.. \)/ 0x000001\1/; s/ 0x$//')
	pin
}
find_names() { # leaves in name_1 and on the names that stand for peers in the head, and in auto that it leaves this host's address open
	number=0 at=''
	for word in $peers; do
		number=$((number + 1))
		eval "at=\$there_$number mapped_port_$number=\${port_$number-}"
		case $at in *:*) at='' ;; *[!0-9.]*) ;; *) at='' ;; esac
		eval "name_$number=\$at"
	done
	auto=''
	[ "$here" != auto ] || auto=yes
}
resolve() { # NAME: prints an address of it, of the family of this tunnel; what comes from the net is read without root's rights
	find_program natprobe "${NATPROBE-}" || {
		echo "$trouble" >&2
		return 1
	}
	set -- --resolve "$1"
	case $esp in esp6) set -- -b :: "$@" ;; esac
	while read -r word _ uid _; do [ "$word" != Uid: ] || break; done <"/proc/$$/status"
	[ "$uid" != 0 ] || set -- -u 65534 "$@"
	"$program" "$@"
}
find_places() { # the addresses behind names and auto; what is not there yet is waited for, as at boot it may come
	number=0
	for word in $peers; do
		number=$((number + 1)) host='' told=''
		eval "host=\$name_$number"
		[ -n "$host" ] || continue
		until at=$(resolve "$host" 2>&1); do
			[ "$at" = "$told" ] || say "$at"
			told=$at
			later "the address of $host" 5 || fail 1 "no address of $host in $wait s" # 4 is that of a tunnel that is set up
		done
		eval "there_$number=\$at"
	done
	[ -z "$auto" ] || [ "$here" != auto ] || until
		after src $(ip route get "$there_1" 2>/dev/null)
		[ -n "$word" ] && here=$word
	do
		later "a route to $there_1" 1 || fail 1 "no route to $there_1 in $wait s"
	done
	case $tests in *' auto '*) tests=$(echo "$tests" | sed "s/ auto / $here /") ;; esac
}
later() { # WHAT SECONDS: so much later, false when --wait is over, of which a terminal sees what is left
	[ -z "$dry" ] || fail 1 "not there yet: $1"
	read -r now _ </proc/uptime
	now=${now%%.*} end=${end:-$((${now%%.*} + wait))}
	[ "$awaited" = "$1" ] || {
		awaited=$1
		say "waiting for $1, up to $((end - now)) s"
	}
	next=$((now + $2))
	while [ "$now" -lt "$end" ] && [ "$now" -lt "$next" ]; do
		[ ! -t 2 ] || {
			counting=yes
			printf '\r\033[K%s: waiting for %s, %s s left ' "$name" "$1" $((end - now)) >&2
		}
		sleep 1
		read -r now _ </proc/uptime
		now=${now%%.*}
	done
	[ "$now" -lt "$end" ]
}
recall_rows() { # those that are there, without the keys
	rows=$(cat "$folder/sas" 2>/dev/null)
	pin
}
note_rows() { echo "$rows" | sed 's/^\(\([^ ]* \)\{4\}[^ ]*\).*/\1/' >"$folder/sas"; }
pin() { # leaves in pin_1 and on what a policy says of the SA to send with
	number=0
	for word in $peers; do
		number=$((number + 1)) word=${word%%@*}
		case $rows in *"out.$word "*) spi=${rows##*"out.$word "} spi=${spi#* } spi=" spi ${spi%% *}" ;; *) spi='' ;; esac
		eval "pin_$number=\$spi"
	done
}
tally() { # [NUMBER]: what the kernel has counted, found, goes into book, with so many more sent
	book=$({
		echo "$book"
		echo --
		echo "$rows"
		echo --
		echo "$found"
	} | awk -v name="$name" -v more="${1-0}" -v esn="$esn" '
	$1 == "--" { section++; next }
	!section { book[++pairs] = $0; pair[$1 == name ? $2 : $1] = pairs; next }
	section == 1 { epoch[$1 " " $3] = $2; next }
	$1 == "sa" {
		way = other = $2; sub(/\..*/, "", way); sub(/^[^.]*\./, "", other); n = split(book[pair[other]], word, " "); e = epoch[$2 " " $3]
		if (way == "in" && $4 > 0 && (e > word[9] + 0 || (e == word[9] + 0 && $6 + $7 * 4294967296 > word[14] + word[15] * 4294967296))) {
			word[9] = e; word[14] = $6 + 128; word[15] = $7 # a window further, for the next begins with nothing seen in it
			if (word[14] > 4294967295) { if (esn) { word[14] -= 4294967296; word[15] += 1 } else word[14] = 4294967295 }
		}
		if (way == "out" && e == word[7]) { word[11] = $6 + more; word[12] = $7 }
		line = word[1]; for (i = 2; i <= n; i++) line = line " " word[i]; book[pair[other]] = line
	}
	END { for (i = 1; i <= pairs; i++) print book[i] }')
}
erase() { # from this file the secrets that the store has gone past
	case $book in *" secret "*) ;; *) return ;; esac
	past=$(echo "$book" | awk '
	FILENAME == "-" { if ($4 == "secret") low[$1 " " $2] = $3; next }
	$1 == "#key" && $5 == "secret" && $6 ~ /^0x/ && $4 < low[$2 " " $3] { print "s/^\\(#key " $2 " " $3 " " $4 " secret \\)0x.*/\\1erased/" }' - "$file" 2>/dev/null)
	[ -z "$past" ] || [ ! -f "$file" ] || { target=$(readlink -f "$file") && make_new "$target.new" && cp -p "$target" "$target.new" && sed "$past" "$target" | cat >"$target.new" && sync "$target.new" && mv "$target.new" "$target"; } 2>/dev/null || say "warning: cannot write $file: a secret that is past stays in it"
}
# look: needs peers, policies, state, rows. Gives states, and scan: what the kernel has of us.
states() { # an `ip xfrm state add` for each row; or, where found is what a scan said, for each that it misses
	echo "$rows" | while read -r sa _ spi sequence high key auth; do
		case $sa in in.*) count=replay-seq ;; *) count=replay-oseq ;; esac
		case $sequence.$high in 0.0) count='' ;; *.0) count=" $count $sequence" ;; *) count=" $count $sequence $count-hi $high" ;; esac
		case ${found-all}, in all, | *"missing SA $sa $spi,"*) state "$sa" "$spi" "$key" "$auth" ;; esac
	done
}
no_larval() {
	case $found in *larval*) ;; *) return ;; esac
	echo "$found" | sed -n 's/^larval //p' | ip -batch - >/dev/null 2>&1 || :
}
# A line each:
#     sa WAY.PEER SPI PACKETS BYTES SEQUENCE HIGH REPLAYED FAILED
#     missing SA WAY.PEER SPI, | missing policy SELECTOR
#     foreign WHAT       that is another tool's, with the identity of ours
#     ours COMMAND       that deletes what has a reqid of ours
#     past COMMAND       that deletes what has one, and rows has no more
#     larval COMMAND     that deletes what encrypts nothing: the kernel makes that when it misses an SA, and asks who listens
#                        (ip xfrm monitor); where the policy names the SPI it stands in the way. With SPI 0 it cannot be deleted.
#     keyless | failed WORDS
scan() {
	{
		(
			unset found
			states
			[ -z "$guard" ] || guards
			policies
			echo --
		)
		ip -s xfrm state list nokeys && echo -- && ip xfrm policy list && echo --
	} 2>&1 | awk -v here="$here" -v peers="$peers" '
	function after(word,  i) {
		for (i = 1; i < NF; i++) if ($i == word) { sub(/[(,].*/, "", $(i + 1)); return $(i + 1) }
	}
	function number(hex,  i, value) {
		for (i = 3; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return sprintf("%.0f", value)
	}
	function end_policy(  id) { # of the one that was read
		id = selector way if_id
		if (way != "" && reqid in peer) print "ours ip xfrm policy delete " id
		if (id in wanted && wanted[id] != reqid action spi) {
			if (!(reqid in peer)) print "foreign policy " id; else return
		}
		delete wanted[id]
	}
	BEGIN {
		# some libc has these built in
		n_words = split("icmp 1 tcp 6 udp 17 gre 47 esp 50 ah 51 ipv6-icmp 58 ospf 89", word, " ")
		for (i = 1; i < n_words; i += 2) protocol[word[i]] = word[i + 1]
		while ((getline <"/etc/protocols") > 0) if ($2 ~ /^[0-9]+$/) protocol[$1] = $2
		for (i = split(peers, word, " "); i; i--) { split(word[i], part, "@"); peer[part[2]] = part[1] }
	}
	NF && !/^Dump terminated/ { last = $0 }
	$1 == "--" { end_policy(); section++; way = ""; next }

	# first what there should be, in the words of ip -batch
	!section && $2 == "state" {
		order[++n] = $7 " " $11
		sa[order[n]] = ($7 == here ? "in." : "out.") peer[$13] " " $11
		keys = 1
	}
	!section && $2 == "policy" {
		if_id = after("if_id"); reqid = after("reqid") after("action") after("spi")
		sub(/^xfrm policy add /, ""); sub(/ priority .*/, if_id == "" ? "" : " if_id " if_id)
		order[++n] = $0; wanted[$0] = reqid
	}

	# then the SAs that there are
	section == 1 && $1 == "stats:" { getline; if (line != "") print line " " $4 " " $6 }
	section == 1 && $1 == "src" {
		ends = "src " $2 " dst " $4; dst = $4
		counter = dst == here ? "seq" : "oseq"; low = high = 0
		line = ""; larval = 1
	}
	section == 1 && / oseq / { low = number(after(counter)); high = number(after(counter "-hi")) }
	section == 1 && $1 == "proto" { spi = after("spi"); reqid = after("reqid"); id = dst " " spi }
	section == 1 && /^\t(aead|enc|auth)/ { larval = 0 }
	section == 1 && /lifetime current/ && spi != "0x00000000" {
		getline; sub(/\(.*/, "", $1); sub(/\(.*/, "", $2)
		if (reqid in peer) print "ours ip xfrm state delete " ends " proto esp spi " spi
		line = ""
		if (larval) { if (reqid in peer) print "larval xfrm state delete " ends " proto esp spi " spi; next }
		if (id in sa && reqid in peer) line = "sa " sa[id] " " $2 " " $1 " " low " " high
		else if (id in sa) print "foreign SA to " dst " with SPI " spi
		else if (reqid in peer) print "past xfrm state delete " ends " proto esp spi " spi
		delete sa[id]
	}

	# and the policies
	section == 2 && $1 == "src" {
		end_policy()
		way = reqid = if_id = action = spi = ""
		if ($5 == "proto" && $6 in protocol) $6 = protocol[$6]
		sub(/ *$/, " dir "); selector = $0
	}
	section == 2 && $1 == "dir" { way = $2; action = after("action") }
	section == 2 && $1 == "if_id" { if_id = " if_id " $2 }
	section == 2 && $1 != "src" && $1 != "dir" && / reqid / {
		reqid = after("reqid"); spi = after("spi")
		if (spi ~ /^0x0*$/) spi = ""
	}
	END {
		if (!keys) print "keyless"
		if (section != 3) { print "failed " last; exit }
		for (i = 1; i <= n; i++)
			if (order[i] in sa) print "missing SA " sa[order[i]] ","
			else if (order[i] in wanted) print "missing policy " order[i]
	}'
}
# routes: needs own_nets, other_nets, mtu; own_address and own_device, interface, site where they are. The way to the other nets.
source_for() { # NET: leaves in source the address that this host sends there from: its own inside what this side protects
	case $1 in *:*) family=inet6 ;; *) family=inet ;; esac
	case $dry$own_address@$1 in
	yes*:*@*:* | yes*.*@*.*)
		source=${own_address%/*}
		return
		;;
	esac # which up would have added before
	for own in $own_address $own_nets; do
		after $family $(ip -o address show scope global to "$own")
		source=${word%/*}
		if [ -n "$source" ]; then return; fi
	done
}
add_address() {
	[ -n "$(ip -o address show to "${own_address%/*}")" ] || {
		note ip address delete "$own_address" dev "$own_device"
		change ip address add "$own_address" dev "$own_device"
	}
}
add_routes() {
	for pair in $other_nets; do
		net=${pair%@*} outer=''
		eval "outer=\$there_${pair#*@}"
		case $net in 0.0.0.0/0 | ::/0) continue ;; *:*) version=-6 ;; *) version=-4 ;; esac
		source_for "$net"
		[ -n "$site" ] || {
			after src $(ip route get "${net%/*}" 2>/dev/null)
			[ "$word" != "$source" ] || continue
		} # the kernel takes it by itself
		[ -n "$source$mending" ] || say "no address of this host lies in what side $name protects: only what it forwards to $net goes through"
		[ -z "$(ip $version route show exact "$net")" ] ||
			{
				[ -n "$mending" ] || say "warning: there is a route to $net, which stays; it may lack: src $source mtu $mtu"
				continue
			}
		way="dev $interface -"
		[ -n "$interface" ] || way=$(ip route get "$outer" 2>/dev/null) ||
			{
				say "warning: no route to $outer yet, so none to $net: up again when there is one"
				continue
			}
		after dev $way
		set -- "$net" dev "$word"
		after via $way
		case $net@$word in *@ | *:*@*.* | *.*@*:*) ;; *) set -- "$@" via "$word" ;; esac # none, or of the other family: the policy is first
		set -- "$@" ${source:+src "$source"}
		note ip route delete "$@"
		change ip route add "$@" mtu "$mtu"
		# what leads to the peer itself is no way for what is inside only
		case $dry,$way,$(ip route get "$outer" 2>/dev/null) in yes,* | *" mtu "*,*) ;; *" mtu $mtu"*) change ip route replace "$@" ;; esac
	done
}
# rules: needs port and site where they are. What this host's firewall will do to the tunnel, said if it is certain.
# the legacy iptables only where it is in use: asked for nothing it would load its modules
list_rules() {
	nft list ruleset 2>/dev/null
	if [ -s /proc/net/ip_tables_names ] || ! command -v nft >/dev/null; then iptables-save 2>/dev/null; fi
}
warn_of_rules() {
	list_rules | awk -v port="${port:-0}" -v forwards="$site" '
	function fate(i, verdict) { if (verdict != "" && !((chain, i) in end)) end[chain, i] = verdict }
	function rule(text) { # what becomes of 1, a new connection that IPsec decrypted, and of 2, our UDP, which is an answer to our own
		gsub(/ *(--)?comment ("[^"]*"|[^ ]*)| -m comment|log( prefix "[^"]*")? ?|counter packets [0-9]* bytes [0-9]* ?/, "", text)
		sub(/reject.*|-j REJECT.*|-j DROP/, "drop", text); sub(/-j ACCEPT/, "accept", text)
		if (text !~ /accept|drop|jump|goto|queue|vmap|-j/) return
		sub(/(meta )?(secpath|ipsec) exists|-m policy --dir in --pol ipsec/, "secpath", text)
		if (text !~ /new|NEW|untracked/) sub(/.*(ct state|--ctstate|--state) [^ ]*[eE][sS][tT][aA][bB][^ ]*/, "answer", text)
		sub("^udp dport " port " |^-p udp (-m udp )?--dport " port " ", "tunnel ", text)
		sub(/.*(ct state|--ctstate) (invalid|INVALID)|.*iif(name)? "lo"|-i lo|.*(tcp|udp|icmp|icmpv6|igmp) .*(dport|sport|type) [^ ]*|^-p (tcp|icmp|igmp|ipv6-icmp) .*-/, "other", text)
		fate(1, text ~ /^(secpath )?(accept|drop)$/ ? text : text ~ /^(answer|other|tunnel)/ ? "" : "unknown")
		fate(2, text ~ /^(answer accept|(tunnel )?(accept|drop))$/ ? text : text ~ /^(secpath|other)/ ? "" : "unknown")
	}
	function begin(name, hook, drops) { chain = name; hooks[chain] = tolower(hook); policy[chain] = drops ? "drop" : "accept" }
	function tell(i, what, nft, iptables) {
		if (((chain, i) in end ? end[chain, i] : policy[chain]) ~ /drop/) print "warning: " chain " drops " what "; to let it in: " \
			(chain ~ /^-/ ? "iptables -I" substr(chain, 3) iptables " -j ACCEPT" : "nft insert rule " chain nft " accept")
	}
	{ gsub(/^[ \t]+|[ \t]+$/, "") }
	$1 == "table" { table = $2 " " $3 } $1 == "chain" { chain = table " " $2; next } $1 == "type" { begin(chain, $4, $0 ~ /policy drop/); next }
	$1 ~ /^:(INPUT|FORWARD)$/ { begin("-A " substr($1, 2), substr($1, 2), $2 == "DROP"); next }
	$1 == "-A" { chain = $1 " " $2; sub(/^-A [^ ]* /, "") } chain in hooks { rule($0) }
	END { for (chain in hooks) {
		if (hooks[chain] == "input" || (hooks[chain] == "forward" && forwards)) tell(1, "new connections that come out of the tunnel", " meta secpath exists", " -m policy --dir in --pol ipsec")
		if (hooks[chain] == "input" && port) tell(2, "the tunnel itself", " udp dport " port, " -p udp --dport " port)
	} }' | while read -r line; do say "$line"; done
}
# punch: needs first, own_word, peers, port, there_1, port_1, book, tests. Opens both NATs before the kernel takes the port over; leaves in there_1 and
# port_1 where the peer is, or in found_out what natprobe says of why it was not heard, a word and perhaps an error.
punch() {
	find_program natprobe "${NATPROBE-}" || {
		[ $? = 1 ] || stop 1 "$trouble"
		say "$trouble; going on without opening the hole"
		return
	}
	case $there_1 in *:*) outer="[$there_1]" ;; *) outer=$there_1 ;; esac
	if [ "$first" = "$name" ]; then
		set -- --first
		say "opening the hole to $peer, for up to $wait s: start $peer now"
	else
		set --
		say "opening the hole to $peer, which was to be started first, for up to $wait s"
	fi
	# what both sides have and nobody else; on standard input, for arguments are public
	case $book in *" token - ."*) {
		sed -n "/^#key $first /p" "$file"
		sed -n "/^#key $first /!{/^#key /p;}" "$file"
	} | sha256sum ;; *) echo "${book##* token }" ;; esac | "$program" -u 65534 -b "$here" \
		-p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0 "$@" >"$folder/heard" &
	punching=$!
	wait "$punching"
	punched=$? punching='' found_out='' # beside us, so that a signal ends us both at once
	{ read -r found_out <"$folder/heard"; } 2>/dev/null
	from=${found_out%% *}
	case $punched.$from in
	0."$outer:$port_1")
		heard=yes
		say "$peer is heard"
		;;
	0."$outer":*)
		heard=yes port_1=${from##*:}
		say "$peer is heard from port $port_1, not from the one it was generated for: using that for this run"
		;;
	0.?*:*) # natprobe believes only who has the token
		say "$peer is heard at $from, not at $outer:$port_1, which it was generated for: using that for this run"
		heard=yes port_1=${from##*:} there_1=${from%:*} there_1=${there_1#[} there_1=${there_1%]}
		;;
	2.foreign) stop 2 "the script of $peer is of another run than this one (digest $digest): $anew" ;;
	4.*) heard=no ;;
	*)
		[ "$punched" = 3 ] || punched=1
		stop "$punched" "natprobe could not open the hole; see above what it said"
		;;
	esac
}
listen() { # for the peer, through the tunnel and so for certain: a ping, or what else goes through, makes one that is up already be heard
	set -- $tests
	for _ in 1 2 3; do
		case $1 in ping) ping -c 1 -W 1 "$4" "$5" "$6" ;; nc) "$@" ;; *) return 0 ;; esac >/dev/null 2>&1 || sleep 1
		! scan | grep -q '^sa in[^ ]* [^ ]* [1-9]' || {
			heard=yes
			say "$peer is heard"
			return
		}
	done
	heard=no
	false
}
again() { # the hole was not there any more
	was=$there_1 was_port=$port_1
	! uses helper || end_helper
	punch
	if [ "$there_1:$port_1" = "$was:$was_port" ]; then
		add_helper
	else
		by_punch=$heard at=$there_1 at_port=$port_1 there_1=$was port_1=$was_port
		move_peer 1 "$peer" "$at" "$at_port"
		heard=$by_punch
	fi
	[ "$heard" = yes ] || listen
}
unheard() { # what it may be, the likeliest first by what natprobe found out, with what to type
	up="sh $peer.sh up there, then sh $file up here"
	[ "$first" != "$name" ] || up="sh $file up here, then sh $peer.sh up there"
	is_down="$peer is not up: there, sh $peer.sh up"
	other="its script is of another run: there, sh $peer.sh status has to say digest $digest"
	moved="this side's mapped endpoint has changed: sh $file down, natprobe -p $port SERVER SERVER, sh $file up"
	moved="$moved; if natprobe prints another word than $own_word, there: sh $peer.sh update-peer ADDRESS:PORT, what it has after the @"
	moved_there="the mapped endpoint of $peer has changed: there, up says how to find it; then here: sh $file update-peer ADDRESS:PORT"
	order="the wrong order: sh $file down, and there sh $peer.sh down; half a minute later $up"
	closed="a router or firewall there lets nothing in: there, sh $peer.sh down, then sh $peer.sh up --map; or forward UDP port $port_1 of it; or use IPv6"
	case $found_out in
	one-way*)
		heard="was heard, and has not heard us"
		set -- "$closed" "$order" "$moved"
		;;
	refused*)
		heard="has not been heard: ICMP says that nobody has port $port_1 at $outer"
		set -- "$is_down" "$moved_there" "$moved" "$order" "$closed"
		;;
	tunnel*)
		heard="has not been heard: what comes from $outer:$port_1 is a tunnel's that this one does not know"
		set -- "$other" "an earlier run is up there: sh $peer.sh down --all, then sh $peer.sh up" "$order"
		;;
	*)
		heard="has not been heard"
		[ "$found_out" = "${found_out#nothing}" ] || {
			heard="$heard: nothing came in $wait s"
			found_out=${found_out#nothing} found_out=${found_out# }
		}
		heard=$heard${found_out:+ ($found_out)}
		set -- "$is_down" "$other" "$moved" "$moved_there" "$order" "$closed"
		;;
	esac
	say "set up, but $peer $heard. Perhaps, the likeliest first:"
	printf '  %s\n' "$@" >&2
	exit 4
}
# helper: needs helper, here, port. Looks for espdecap and the port, and starts it.
check_helper() {
	read_helper "$folder"
	[ -z "$no_helper$helper_pid" ] || return 0
	find_program espdecap "${ESPDECAP-}" || fail 1 "$trouble"
	owner=''
	set -f
	for word in $(ss -Hlunp "sport = :$port" 2>/dev/null); do case $word in
		"$here:$port" | "[$here]:$port" | 0.0.0.0:"$port" | '*':"$port" | '[::]':"$port") owner=somebody ;; users:*) [ -z "$owner" ] || {
			owner=$word
			break
		} ;; esac done
	set +f
	[ -z "$owner" ] || {
		name_owner
		fail 1 "port-taken: UDP port $port is taken by $owner"
	}
}
name_owner() { # leaves in owner, which is ss's word for it, who that is to a person, and what ends it
	pid=${owner#*pid=} pid=${pid%%[!0-9]*}
	case $owner in
	*'"natprobe"'*)
		owner="natprobe (pid $pid): kill $pid ends it"
		! grep -qs -e --hold "/proc/$pid/cmdline" || owner="natprobe --hold (pid $pid): Enter ends it"
		;;
	*'"espdecap"'*) for other in "$run"/*/; do
		read_helper "$other"
		[ "$helper_pid" != "$pid" ] || {
			read -r _ _ own _ <"$other/undo"
			owner="another tunnel, which sh $own down ends"
			return
		}
	done ;;
	esac
}
end_helper() {
	read_helper "$folder"
	tries=0 # one that is frozen hears nothing at all
	while lives "${helper_pid:-0}" "$born" && [ "$tries" -lt 2000 ]; do
		end_process "$helper_pid"
		tries=$((tries + 1))
	done
}
add_helper() {
	if [ -n "$dry" ]; then
		[ -n "$no_helper" ] || echo "espdecap -d $(helper)"
		return
	fi
	read_helper "$folder"
	[ -z "$helper_pid" ] || return 0
	changed=yes
	{ echo "${no_helper:-starting}" >"$folder/helper"; } 2>/dev/null || stop 1 "cannot write $folder/helper"
	[ -z "$no_helper" ] || return 0
	find_program espdecap "${ESPDECAP-}" || stop 1 "$trouble"
	say "espdecap $(helper)"
	said=$("$program" -d $(helper) 2>&1) || stop $(($? < 6 ? $? : 1)) "espdecap did not start: $said"
	helper_pid=${said##*[!0-9]}
	get_birth "$helper_pid"
	{ echo "$helper_pid $birth" >"$folder/helper"; } 2>/dev/null || {
		kill "$helper_pid"
		stop 1 "cannot write $folder/helper"
	}
}
# router: needs here, port, own_word. Has the router send here whatever comes for the port: it lends it, and follow has to ask again.
ask_natprobe() {
	find_program natprobe "${NATPROBE-}" || {
		echo "$trouble"
		return 1
	}
	"$program" "$@"
}
unmap() { # natprobe OPTION..., from the journal
	shift
	said=$(ask_natprobe "$@" 2>&1) || say "the router keeps the port until it has lent it long enough: $said"
}
ask_router() { # leaves in said what natprobe says, in word the endpoints, in lease for how many seconds; false where there is no word
	said=$(ask_natprobe -u 65534 -b "$here" -p "$port" "--map=${own_word##*:}" 2>&1)
	case $? in 0 | 3) ;; *) return 1 ;; esac
	word=${said##*
} lease=${said##* to here for } lease=${lease%% *}
	case $lease in '' | *[!0-9]*) lease=120 ;; esac
	[ "${word##*:}" = "${own_word##*:}" ] || said="$said
$name: the other sides were told port ${own_word##*:}: update-peer there, or make new scripts with that word"
}
is_noted() { grep -q "^natprobe .* -b $here -p $port " "$folder/undo" 2>/dev/null; }
map_port() {
	set -- natprobe -u 65534 -b "$here" -p "$port" --unmap
	if [ -n "$dry" ]; then
		echo "natprobe -u 65534 -b $here -p $port --map=${own_word##*:}"
		return
	fi
	say "asks the router for port ${own_word##*:}"
	[ -s "$folder/undo" ] || note made "$machine" "$file"
	is_noted || note "$@"
	if ask_router; then
		changed=yes
		echo "$said" >&2
		say "follow asks it again in time; without follow it may take the port back after $lease s"
		return
	fi
	echo "$said" >&2
	say "goes on without the router's help"
	[ -n "$mending" ] || { grep -v '^natprobe ' "$folder/undo" | cat >"$folder/left" && mv "$folder/left" "$folder/undo"; }
}
renew() { # at half of the time; after three minutes where there was no answer
	map_at=$((ticks + 9))
	grep -q '^natprobe ' "$folder/undo" 2>/dev/null || return 0
	is_noted || alone note natprobe -u 65534 -b "$here" -p "$port" --unmap # it moved
	if ask_router; then map_at=$((ticks + lease / 40)); else word='no port'; fi
	[ "$word" = "${lent-}" ] || echo "$said" >&2
	lent=$word
}
# up: needs title, parts. Sets the tunnel up; where it is up but not whole, puts back what is missing.
journal() { # FUNCTION...: what is noted before the SAs and policies that they print: whose they are, and how each is deleted
	(
		unset found
		echo "made $machine $file ."
		for list; do "$list"; done | sed -n -e 's/^xfrm state add \(src .* spi [^ ]*\) reqid.*/ip xfrm state delete \1 ./p' \
			-e 's/^xfrm policy [a-z]* \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\}.*/ip xfrm policy delete \1\2 ./p'
	)
}
over_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
is_earlier() { # a run that had our path or a policy of ours
	[ "$1" != "$folder" ] && is_here "$1" && journal states policies | grep -qFxf - "$1/undo"
}
refuse_earlier() {
	for old in "$run"/*."$name"; do ! is_earlier "$old" || fail 1 "an earlier run of this script (digest $(expr "$old" : '.*/\(........\)\.')) is still up; take it down with: sh $file down --all"; done
}
recall() { # takes over what up has found out, here, heard, there_1, port_1 and on; false, and why, when it did not end or its file is not whole
	why="an earlier up was cut off; take it down with: sh $file down" now='' word='' torn=now
	{
		read -r word _ <"$folder/undo"
		read -r now <"$folder/now"
	} 2>/dev/null
	[ "$word" = made ] || torn=undo
	[ ! -e "$folder/now" ] || why="$folder/$torn is empty or torn; take down what is there with: sh $file down"
	case $word,$now in made,*' .') ;; *) return 1 ;; esac
	set -- $now
	here=$1 heard=$2 number=0
	while [ $# -ge 5 ]; do
		number=$((number + 1))
		eval "there_$number=\$3 port_$number=\${4#-}"
		shift 2
	done
}
is_online() { # there is a route to the first peer, and our address is no tentative one; own: what the kernel says of it
	own=$(ip -o address show to "$here" 2>/dev/null)
	case $own in *' tentative '*) false ;; *) ip route get "$there_1" >/dev/null 2>&1 ;; esac
}
foreign() { fail 1 "taken: another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'): see: ip xfrm state; ip xfrm policy"; }
check() { # all that could stand in the way, before anything is changed
	if [ -d "$folder" ]; then
		claim_soon up
		recall || fail 1 "$why"
		mending=yes
		[ "$here" = "${address:-$here}" ] || fail 1 "it is up with $here: take it down first, with: sh $file down"
	else
		refuse_earlier
	fi
	[ -n "$mending" ] || find_places
	online=yes
	until is_online || [ -n "$mending" ]; do later "an address and a route to $there_1" 1 || {
		online=''
		break
	}; done
	set -- $own
	word=${4-}                                                                    # at boot both may come after us
	case $here,$word in *:*,*:*/*) here=${word%/*} ;; "${word%/*},${word:-.}") ;; # as the kernel writes it
	*)
		case $here in 10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | 169.254.* | [Ff][CcDdEe]*) hint='' ;; *) hint=' If it is how the internet sees this host: the word is LOCAL@MAPPED.' ;; esac
		fail 1 "$here is not an address of this host; is this the script of another side?$hint If the address changed: up --local ADDR"
		;;
	esac
	[ -n "$online" ] || ip route get "$there_1" >/dev/null 2>&1 || say "warning: no route to $there_1 in $wait s: it is set up all the same, and silent until there is one"
	for part in $parts; do case $part in interface | helper) check_"$part" ;; esac done
	if [ -n "$first" ] && [ -z "$mending$no_punch" ] || [ -n "$map" ]; then find_program natprobe "${NATPROBE-}" || [ "$?$map" = 1 ] || fail 1 "$trouble"; fi
	read_book
	[ -n "$mending$dry" ] || turn step
	derive
	found=$(scan)
	case $mending$limited$found in
	*foreign*) foreign ;;
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	*keyless*) fail 1 "no keys at the end of $file: is it whole? From a pipe they cannot be read" ;;
	yeslimited*"missing SA out"*) fail 1 "an SA with a limit is missing; if it was reached, and keys can change: sh $file rekey; else new scripts on both sides" ;;
	yes*) echo "$found" | sed -n 's/SA in\.\([^ ]*\).*/SA from \1/; s/SA out\.\([^ ]*\).*/SA to \1/; s/^missing/missing:/p' | uniq | while read -r line; do say "$line"; done ;;
	*ours*) fail 1 "the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	esac
	trap 'stop 1 interrupted' HUP INT TERM PIPE
	[ -z "$mending" ] || return 0
	mkdir -p "$run" && mkdir "$folder" 2>/dev/null || fail 1 "cannot make $folder$([ ! -d "$folder" ] || echo ': up is at work already')"
	made=yes
	claim up && echo "$store" >"$folder/store" || stop 1 "cannot write to $folder"
}
try() { # fails as up would, and waits for nothing: an SA of this cipher, with a key of its own, is there for a moment
	if uses helper; then
		find_program espdecap "${ESPDECAP-}" || fail 1 "no-helper: $trouble"
		check_helper
	fi
	dry=yes
	if (find_places) 2>/dev/null; then find_places; fi
	dry=''
	read_book
	derive
	found=$(scan)
	case $found in *foreign*) foreign ;; *failed*) refused "looking at xfrm" "${found##*failed }" ;; esac
	rows=$(echo "$rows" | awk -v spi="0x$$" 'NR == 1 { for (i = 6; i <= NF; i++) { key = substr($i, 3); gsub(/./, "5", key); $i = "0x" key } $3 = spi; $4 = $5 = 0; print }')
	unset found
	loop
	error=$({
		states | sed "s/src [^ ]* dst [^ ]* proto/${loop%% proto*} proto/"
		echo "xfrm state delete $loop"
	} | ip -batch - 2>&1) || refused "trying an SA" "$error"
}
check_down() { # of a tunnel that is down, for each peer what up would refuse for
	code=0
	said=$(try 2>&1) || code=$?
	[ "$code" != 0 ] || fail 1 "is down; set it up with: sh $file up"
	for word in $peers; do echo "${word%%@*}: ${said#"$name: "}"; done
	exit "$code"
}
keep_now() {
	now="$here ${heard:-no}" number=0
	for word in $peers; do
		number=$((number + 1))
		eval "now=\"\$now \$there_$number \${port_$number:--}\""
	done
	{ echo "$now ." >"$folder/now"; } 2>/dev/null || stop 1 "cannot write $folder/now"
}
up() {
	if [ -z "$dry" ]; then
		check
		[ -n "$mending" ] || say "tunnel $title, digest $digest"
		warn_of_rules
		! uses exempt || [ -n "$nat_exempt" ] || warn_of_nat
		[ -e "/sys/module/$esp" ] || modprobe -q "$esp" 2>/dev/null
		[ -z "$map" ] || map_port
		case $book in *" heard "[1-9]*) known=known ;; *) known='' ;; esac # in an earlier life: the hole is there, perhaps
		[ -z "$first" ] || [ -n "$mending$no_punch$known" ] || punch
		case $found in *missing*) { journal states policies >>"$folder/undo" && note_rows; } 2>/dev/null || stop 1 "cannot write $folder/undo" ;; esac
		case $mending$found in *"missing SA out"*) write_book $margin && erase || say "warning: cannot write $store: once this host has stopped without down, the other side will refuse what it sends, until both rekey; with fixed keys, until there are new scripts" ;; esac
	else
		(find_places) 2>/dev/null && find_places
		read_book
		derive
		[ -z "$map" ] || map_port
	fi
	[ -z "$guard" ] || add_guards
	case ${found-missing SA} in
	*"missing SA"*)
		[ -n "$dry" ] || no_larval
		batch "adding SAs (with keys)" states
		;;
	esac
	case ${mending:-policies}${found-} in policies*) batch "adding policies: what is to be encrypted" policies ;; *"missing policy"*) batch "adding policies: what is to be encrypted" over_policies ;; esac
	for part in $parts; do add_"$part"; done
	[ -z "$dry" ] || return 0
	[ -n "$changed" ] || fail 1 "is up already; see: sh $file status; take it down with: sh $file down"
	keep_now
	case $first.$mending$no_punch.$known$heard in .* | *.yes*.* | *.. | *..yes) ;; *) listen || [ -z "$known" ] || again ;; esac
	keep_now
	trap - HUP INT TERM PIPE
	[ "$heard$mending" != no ] || unheard
	say "up. When the other side is up too, test it with"
	echo "$tests" | sed '/./!d'
}
# down: takes back what up noted, at any time, whatever up does meanwhile.
down() {
	trap '' HUP PIPE
	left='' told='' was='' stays=''
	[ -z "$all" ] || for old in "$run"/*."$name" "$run"/*."$name".guard; do ! is_earlier "$old" || undo "$old" || left=yes; done
	while [ -d "$folder" ] && ! claim down; do
		[ -n "$worker" ] || [ ! -d "$folder" ] || fail 1 "cannot write to $folder"
		[ "${worker##* }$told" != up ] || {
			told=yes
			say "ending up, which is at work (pid ${worker%% *})"
			kill "${worker%% *}"
		}
		sleep 1
	done
	[ ! -d "$folder" ] || {
		was=there
		recall
		read_book
		recall_rows
		found=$(scan)
		tally 1048576
		undo "$folder" || left=yes # what leaves meanwhile
		[ -z "$book" ] || {
			turn
			write_book 0 && erase || say "warning: cannot write $store: the next up goes on from what is in it, and the other side may refuse what it sends"
		}
	}
	found=$(scan)
	case $all$was,$found in
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	,*ours*) fail 1 "is down, but the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	*ours*) left=$left$(echo "$found" | sed -n 's/^ours //p' | while read -r line; do take_back $line || echo "$line"; done) ;;
	esac
	[ -z "$left" ] || fail 1 "not all could be taken back; what is left stays noted: again with: sh $file down"
	refuse_earlier
	if [ -z "$was" ]; then
		say "is down"
		return
	fi
	[ -z "$guard" ] || [ -n "$all" ] || stays=', and what it carried stays blocked'
	say "down$stays"
}
# status: up is all of it: SAs, policies and helper. Needs rekey's counts.
status() { if [ "$form" = watch ]; then watch; else snapshot; fi; }
snapshot() { # in the form that people read, json, or for watch: "= PEER STATE PACKETS BYTES in PACKETS BYTES out HEARD" below the line that people read
	(refuse_earlier) || no_status
	if [ ! -d "$folder" ]; then
		[ ! -d "$folder.guard" ] || blocked=', and what it carried is blocked'
		[ "$form" = json ] || echo "$name: down${blocked-}"
		no_status
	fi
	worker=$(readlink "$folder/busy")
	case $worker in *' up' | *' down') ! lives $worker || no_status "${worker##* } is at work (pid ${worker%% *})" ;; esac
	hint="flushed by another tool? Put back what is missing with: sh $file up"
	[ -z "$limited" ] || hint="a limit reached? Then: sh $file rekey, or new scripts where keys are fixed"
	recall || no_status "$why"
	recall_rows
	found=$(scan)
	case $found in *failed*) refused "looking at xfrm" "${found##*failed }" ;; esac
	[ "$form" = watch ] || record
	helper_pid=none
	! uses helper || read_helper "$folder"
	{
		number=0
		for word in $peers; do
			number=$((number + 1))
			eval "echo peer ${word%%@*} ${word##*@} \$there_$number \$port_$number"
		done
		policies | sed -n 's/^xfrm policy add \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\} .* reqid \([0-9]*\).*/of \3 policy \1\2/p'
		echo "$rows"
		echo "$found"
		{
			cat "$folder/gone" 2>/dev/null
			counts
		} | sed 's/^/count /'
	} | awk -v name="$name" -v digest="$digest" -v here="$here" -v port="$port" -v helper="$helper_pid" -v heard="$heard" \
		-v hint="$hint" -v form="$form" -v now="$(date +%s 2>/dev/null)" '
	function end(address, port) { return port == "" ? address : (address ~ /:/ ? "[" address "]" : address) ":" port }
	function ago(age) {
		return age < 120 ? age " s" : age < 7200 ? int(age / 60) " min" : age < 172800 ? int(age / 3600) " h" : int(age / 86400) " days"
	}
	function quote(text) { gsub(/[\\"]/, "\\\\&", text); gsub(/[\001-\037]/, "?", text); return "\"" text "\"" }
	function null(text) { return text == "" ? "null" : text }
	function quote_or_null(text) { return text == "" ? "null" : quote(text) }
	function field(name, value) { return "\"" name "\":" value }
	function comma(list) { return list == "" ? "" : list "," }
	function miss(words) { missing = missing "  " words "\n" }
	function both(packets, bytes) { return sprintf("%12.0f packets %15.0f bytes\n", packets, bytes) }
	$1 == "peer" { order[++n] = $2; peer[$3] = $2; at[$2] = end($4, $5); next }
	$1 == "of" { id = $0; sub(/^of [^ ]* /, "", id); owner[id] = peer[$2]; next }
	$1 == "count" { total[$2, 1] += $4; total[$2, 2] += $5; if ($6 > last[$2]) last[$2] = $6; next }
	$1 ~ /^(in|out)[.]/ { epoch[$1 " " $3] = $2; next }
	$1 == "missing" || $1 == "foreign" {
		what = $1; sub(/^[a-z]* /, ""); sub(/,$/, ""); whose = $0 in owner ? owner[$0] : ""
		if ($1 == "SA" && $2 ~ /^(in|out)[.]/) { whose = $2; sub(/[^.]*[.]/, "", whose) }
		if (whose != "") half[whose] = 1
		sub(/SA in\./, "SA from "); sub(/SA out\./, "SA to "); sub(/ 0x[0-9a-f]*$/, "")
		if (!told[what $0]++) { miss(what ": " $0); list = comma(list) quote((what == "foreign" ? "foreign " : "") $0) }
	}
	$1 == "sa" { # all epochs of a way in one line, the SPI of the latest that was used
		packets[$2] += $4; bytes[$2] += $5; e = epoch[$2 " " $3]
		if (!($2 in spi) || ($4 > 0 && (!used[$2] || e > latest[$2])) || (!used[$2] && e < latest[$2])) { spi[$2] = $3; latest[$2] = e }
		if ($4 > 0) used[$2] = 1
		if ($2 ~ /^out/ && $6 >= 2147483648) warnings = warnings "  warning: half of the sequence numbers to " substr($2, 5) \
			" are used: rekey, or new scripts where keys are fixed\n"
	}
	END {
		if (helper == "") { miss("missing: espdecap"); list = comma(list) quote("espdecap") }
		for (i = 1; i <= n; i++) {
			other = order[i]; in_ = "in." other; out = "out." other; age = ""
			if (now > 0 && last[in_] > 0) { age = now - last[in_]; if (age < 0) age = 0 } # clocks jump
			was_heard = total[in_, 1] > 0 || heard == "yes"
			cause = helper == "" ? "no-helper" : other in half ? (in_ in spi && !(out in spi) ? "no-out-sa" : "half-up") : was_heard ? "" : "never-heard"
			state = !(in_ in spi) && !(out in spi) ? "down" : other in half || helper == "" ? "half-up" : was_heard ? "up" : "silent"
			if (!was_heard) { silent = silent (silent == "" ? "" : ", ") other; silents++ }
			words = !was_heard ? "not heard yet" : "heard" (age == "" ? "" : " " ago(age) " ago")
			lines = lines sprintf("  %s: %s, %s, at %s\n", other, state, words, at[other])
			for (way = in_; way != ""; way = way == in_ ? out : "") {
				line = sprintf("  %-4s %-15s ", way == in_ ? "from" : "to", other)
				if (way in spi) lines = lines line sprintf("SPI %s epoch %-4s ", spi[way], latest[way]) both(packets[way], bytes[way])
				lines = lines line sprintf("%-26s", "since up") both(total[way, 1], total[way, 2])
			}
			lasting = sprintf("%.0f %.0f %.0f %.0f", total[in_, 1], total[in_, 2], total[out, 1], total[out, 2])
			rows = rows "= " other " " state " " lasting " " words "\n"
			split(lasting, sum, " ")
			objects = comma(objects) "{" field("name", quote(other)) "," field("state", quote(state)) "," field("cause", quote_or_null(cause)) "," \
				field("epoch", null(latest[out])) "," field("local", quote(end(here, port))) "," field("remote", quote(at[other])) "," \
				field("tx_packets", sum[3]) "," field("tx_bytes", sum[4]) "," field("rx_packets", sum[1]) "," field("rx_bytes", sum[2]) "," \
				field("last_received_seconds", null(age)) "," field("spi_out", quote_or_null(spi[out])) "," field("spi_in", quote_or_null(spi[in_])) "}"
		}
		verdict = missing != "" ? "half up: " hint : "up, digest " digest (helper ~ /^[0-9]/ ? ", espdecap alive (pid " helper ")" : "") \
			(silents == 0 ? "" : length(silent) < 28 ? "; nothing heard from " silent " yet" : "; nothing heard from " silents " of " n " yet")
		if (form == "json") print "{" field("name", quote(name)) "," field("digest", quote(digest)) "," field("up", missing == "" ? "true" : "false") "," \
			field("helper_pid", helper ~ /^[0-9]/ ? helper : "null") "," field("peers", "[" objects "]") "," field("missing", "[" list "]") "}"
		else printf "%s: %s\n%s%s", name, verdict, missing, form == "watch" ? rows : "  this side: at " end(here, port) "\n" lines warnings
		exit missing != "" ? 1 : silents > 0 ? 4 : 0
	}'
}
no_status() {
	[ "$form" != json ] || echo "{\"name\":\"$name\",\"up\":false}"
	[ $# = 0 ] || say "$1"
	exit 1
}
watch() { # until ^C; where that is no terminal, a table a second without escapes
	escape=''
	[ ! -t 1 ] || [ "${TERM:-dumb}" = dumb ] || escape=yes
	trap '[ -z "$escape" ] || echo; exit 0' HUP INT TERM
	was=''
	while :; do
		now=$(snapshot 2>&1) || :
		read -r time _ </proc/uptime
		now="time $time
$now"
		columns=''
		[ -z "$escape" ] || columns=$(stty size 2>/dev/null </dev/tty)
		{
			echo "$was"
			echo --
			echo "$now"
		} | awk -v escape="$escape" -v columns="${columns##* }" '
		function put(line) { if (!put_any++ && escape && lines) printf "\033[%dA\r", lines; print escape ? substr(line, 1, columns > 0 ? columns : 80) "\033[K" : line }
		function rate(i,  value, unit) {
			if (!(($2, i) in before) || time <= then) return "-"
			value = ($i - before[$2, i]) / (time - then); if (value < 0) value = 0
			while (value >= 9999.5 && unit < 4) { value /= 1000; unit++ } return unit ? sprintf("%.1f", value) substr("kMGT", unit, 1) : sprintf("%.0f", value)
		}
		$1 == "--" { on = 1; next } $1 == "time" { if (on) time = $2; else then = $2; next }
		!on { if ($0 != "") lines++; if ($1 == "=") { if (!head++) lines++; for (i = 4; i < 8; i++) before[$2, i] = $i } next }
		$1 != "=" { put($0); next }
		!peers++ { put(sprintf("  %-15s %-7s %9s %9s %9s %9s", "peer", "state", "in pkt/s", "in B/s", "out pkt/s", "out B/s")) }
		{ line = sprintf("  %-15s %-7s %9s %9s %9s %9s ", $2, $3, rate(4), rate(5), rate(6), rate(7)); for (i = 8; i <= NF; i++) line = line " " $i; put(line) }
		END { if (escape) printf "\033[J" }' || exit 0
		was=$now
		sleep 1
	done
}
# rekey: needs epochs. Each pair goes one epoch on if it may; the machine comes to what book wants.
record() { # what the kernel has counted, for the next life, if nobody is at work
	[ -d "$folder" ] && claim "${verb:-status}" 2>/dev/null || return 0
	found=$(scan)
	read_book
	tally
	turn
	write_book $margin || say "warning: cannot write $store"
	release
}
counts() { # of each SA of ours, of whichever epoch: WAY.PEER SPI PACKETS BYTES LAST, in seconds since 1970, 0 where the kernel does not say; `use` is when it was used first
	(
		TZ=UTC0
		export TZ
		ip -s xfrm state list nokeys
	) 2>/dev/null | awk -v here="$here" -v peers="$peers" '
	function since_1970(day, time,  d, t, year, month) {
		split(day, d, "-"); split(time, t, ":"); month = (d[2] + 9) % 12; year = d[1] - int(month / 10)
		return (365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((month * 306 + 5) / 10) + d[3] - 719469) * 86400 + t[1] * 3600 + t[2] * 60 + t[3]
	}
	BEGIN { for (i = split(peers, word, " "); i; i--) { split(word[i], part, "@"); peer[part[2]] = part[1] } }
	$1 == "src" { way = $4 == here ? "in." : "out."; last = 0 }
	$1 == "proto" { for (i = 1; i < NF; i++) { value = $(i + 1); sub(/\(.*/, "", value); if ($i == "spi") spi = value; if ($i == "reqid") reqid = value } }
	$1 == "lastused" && $3 != "" { last = since_1970($2, $3) }
	/lifetime current/ { getline; sub(/\(.*/, "", $1); sub(/\(.*/, "", $2); if (reqid in peer) printf "%s %s %s %s %.0f\n", way peer[reqid], spi, $2, $1, last }'
}
keep_counts() { # COMMAND...: what SAs have counted that it takes away stays counted, in gone: WAY.PEER - PACKETS BYTES LAST
	counted=$(counts)
	"$@"
	{
		cat "$folder/gone" 2>/dev/null
		echo "$counted" | sed 's/^/was /'
		counts | sed 's/^/is /'
	} | awk '
		function add(way, packets, bytes, last) { sum[way, 1] += packets; sum[way, 2] += bytes; if (last > sum[way, 3]) sum[way, 3] = last; ways[way] }
		$1 == "was" { was[$2 " " $3] = $0; next } $1 == "is" { is[$2 " " $3] = $4; next } { add($1, $3, $4, $5) }
		END {
			for (sa in was) { split(was[sa], word, " "); if (word[4] > is[sa] + 0) add(word[2], word[4], word[5], word[6]) }
			for (way in ways) printf "%s - %.0f %.0f %.0f\n", way, sum[way, 1], sum[way, 2], sum[way, 3]
		}' | { cat >"$folder/gone.new" && mv "$folder/gone.new" "$folder/gone"; } 2>/dev/null || say "warning: cannot write $folder/gone: status has lost counts"
}
steps() { # new ways in first, then what is sent with
	states
	over_policies
}
past() { echo "$found" | sed -n 's/^past //p'; }
end_past() { error=$(past | ip -batch - 2>&1) || refused "states of epochs that are past" "$error"; }
keep_limits() { # BEFORE: an SA with a limit that was there and is no more has reached it: it is not begun anew with the same key
	[ -n "$limited" ] || return 0
	reached=$(echo "$found" | sed -n 's/^missing SA \(out[^ ]* [^ ]*\),$/\1/p' | while read -r sa spi; do
		case $1 in *"$sa "[0-9]*" $spi "*) echo "$sa $spi" ;; esac
	done)
	[ -n "$reached" ] || return 0
	echo "$reached" | sed 's/^out\.\([^ ]*\).*/\1/' | while read -r word; do
		say "the SA to $word is gone: its limit is reached? It is not begun anew; when $word has rekeyed: rekey, or where keys are fixed: new scripts"
	done
	found=$(echo "$found" | grep -vF "$(echo "$reached" | sed 's/^/missing SA /')")
}
rekey() {
	[ -d "$folder" ] || fail 1 "is down; up begins an epoch of its own"
	claim_soon rekey
	recall || fail 1 "$why"
	read_book
	recall_rows
	rows_then="$rows " found=$(scan)
	tally
	turn step
	derive
	write_book $margin || fail 1 "cannot write $store: the keys stay as they are"
	found=$(scan)
	keep_limits "$rows_then"
	case $found in *failed*) refused "looking at xfrm" "${found##*failed }" ;; *missing* | *past*) ;; *) return ;; esac
	{ journal states >>"$folder/undo" && note_rows; } 2>/dev/null || fail 1 "cannot write $folder/undo"
	no_larval
	batch "states and policies of the next epoch" steps
	[ -z "$(past)" ] || keep_counts end_past
	forget_lines "$(echo "$found" | sed -n 's/^past \(.*\)/ip \1 ./p')"
	erase
	echo "$book" | while read -r one two _ kind _ _ epoch _; do
		[ "$one" != "$name" ] || one=$two
		[ "$kind" = fixed ] || say "sends to $one with epoch $epoch"
	done
}
# follow: needs epochs, rekey. A peer that is heard from another place is sent to there; the rest of this host's part is done meanwhile.
moved() { # the kernel knows an SA by where it goes and its SPI: from another place it is another, and the old one goes just before
	{
		ip xfrm state list nokeys
		echo --
		states
	} | awk '
	$1 == "--" { on = 1 }
	$1 == "src" { way = $0; to = $4 }
	!on && $3 == "spi" { sub(/[(].*/, "", $4); there[to " " $4] = way " proto esp spi " $4 }
	/^xfrm state add / {
		id = $0; sub(/ reqid .*/, "", id); sub(/^xfrm state add /, "", id)
		old = there[$7 " " $11]
		if (old == id) sub(/add/, "update"); else if (old != "") print "xfrm state delete " old
	}
	on && $1 != "--"'
	over_policies
}
change_place() { # WORDS: what was replaced is gone already, and the same words would delete the new; the rest not before, for of what a policy needs the kernel would ask
	batch "$1" moved
	{
		echo "$lines"
		echo --
		echo "$gone"
	} | awk '
	{ id = $0; sub(/.* dst /, "state ", id) }
	$1 == "--" { on = 1 }
	!on { there[id] }
	on && /^ip/ && !(/ state / && id in there) { sub(/^ip /, ""); sub(/ \.$/, ""); print }' | ip -force -batch - >/dev/null 2>&1
}
move() { # ASSIGNMENTS WORDS: after these, of here, there_N and port_N, the machine is as if up had known them
	recall_rows
	found=$(scan)
	tally 1048576 # numbers that leave before the new SAs are there
	write_book $margin || say "warning: cannot write $store"
	before=$(journal states policies | sed 1d)
	ways=$(way_to_all)
	eval "$1"
	derive
	lines=$(journal states policies | sed 1d)
	gone=$(echo "$before" | grep -vxF "$lines")
	{ echo "$lines" >>"$folder/undo"; } 2>/dev/null || fail 1 "cannot write $folder/undo"
	! echo "$found" | grep -q "^sa in[^ ]* [^ ]* [1-9]" || heard=yes
	unset found
	note_rows
	keep_counts change_place "states and policies: $2"
	keep_now
	forget_lines "$gone"
	if uses helper; then
		end_helper
		add_helper
		[ "$helper_pid" != none ] || say "espdecap is not ours: have it started with: $(helper | sed 's/-u 65534 //')"
	fi
	[ "$ways" != "$(way_to_all)" ] && uses routes || return 0
	sed -n 's/^ip route delete \(.*\) \.$/\1/p' "$folder/undo" | while read -r route; do ip route delete $route 2>/dev/null; done
	mending=yes
	add_routes
}
way_to_all() {
	for word in $other_nets; do
		outer=''
		eval "outer=\$there_${word#*@}"
		ip route get "$outer" 2>/dev/null | sed 's/ uid.*//; /cache/d'
	done
}
move_peer() { # NUMBER NAME ADDRESS PORT
	recall
	eval "was=\$there_$1\${port_$1:+:\$port_$1}"
	case $3 in *[!0-9a-fA-F.:]* | '') return 1 ;; esac
	[ "$was" != "$3${4:+:$4}" ] || return 0
	say "$2 is at $3${4:+, port $4} now, was at $was"
	read_book
	move "there_$1=$3 port_$1=$4" "to where $2 is"
}
move_self() {
	recall
	read_book
	move "here=$1" "from where this host is"
}
alone() { # COMMAND...: with nobody else at work on the folder, in a process of its own
	(
		[ -d "$folder" ] || exit
		claim_soon "$verb"
		"$@"
	)
}
number_of() { # NAME, or reqid: leaves in number and other which peer that is
	number=0
	for word in $peers; do
		number=$((number + 1))
		case $1 in
		"${word%%@*}" | "${word##*@}")
			other=${word%%@*}
			return
			;;
		esac
	done
	false
}
update_peer() { # [NAME] ADDRESS:PORT
	[ -d "$folder" ] || fail 1 "is down"
	recall || fail 1 "$why"
	if [ $# = 2 ]; then
		number_of "$1" || misuse "'$1': want one of $(echo "$peers" | sed 's/@[0-9]*//g')"
		shift
	else
		case $peers in *' '*) misuse "'$1': want a NAME before it, for there are several peers" ;; esac
		number_of "$peer"
	fi
	eval "was=\$there_$number"
	at=${1%:*} at=${at#[} at=${at%]} at_port=${1##*:}
	case $was,$at in *:*,*:*:*) ;; *:*,* | *,*:* | *,*[!0-9.]*) false ;; *,*.*.*.*) ;; *) false ;; esac &&
		case $at_port in '' | *[!0-9]* | ??????* | 0*) false ;; esac && [ "$at_port" -le 65535 ] && ip route show exact "$at" >/dev/null 2>&1 ||
		misuse "'$1': want an address of the family of $was, and a port"
	alone move_peer "$number" "$other" "$at" "$at_port"
}
heard_now() { echo "$found" | awk '$1 == "sa" && $2 ~ /^in/ { sum[substr($2, 4)] += $4 } END { for (other in sum) printf "%s %.0f ", other, sum[other] }'; }
count_quiet() { # leaves in quiet_N for how many ticks that peer was not heard, and in quiet for how many nobody was
	number=0 quiet=$((quiet + 1))
	for peer_word in $peers; do
		number=$((number + 1))
		eval "was=\${heard_$number-} ticks_quiet=\${quiet_$number-0}"
		after "${peer_word%%@*}" $now_heard
		if [ "$word" = "$was" ]; then ticks_quiet=$((ticks_quiet + 1)); else ticks_quiet=0; fi
		[ "$ticks_quiet" -ge "$quiet" ] || quiet=$ticks_quiet
		eval "heard_$number=\$word quiet_$number=\$ticks_quiet"
	done
}
tick() { # each 20 seconds, by sleep and no clock; false when the kernel's announcements come no more
	lives "$monitor" "$monitor_born" || return 1
	ticks=$((ticks + 1))
	recall || return 0
	recall_rows
	found=$(scan)
	now_heard=$(heard_now)
	[ $((ticks % 3)) != 0 ] || [ "$now_heard" = "$recorded" ] || {
		(record)
		recorded=$now_heard
	}
	[ $((ticks % 180)) != 0 ] || (rekey)
	count_quiet
	find_again
	! uses helper || [ "$ticks" -lt "$map_at" ] || renew
	return 0
}
find_again() { # after two minutes without a word from it, where a name is now; without a word from anybody, where this host is
	number=0
	for peer_word in $peers; do
		number=$((number + 1)) other=${peer_word%%@*} host=''
		eval "host=\${name_$number-} ticks_quiet=\$quiet_$number"
		[ -z "$host" ] || [ $((ticks_quiet % 6)) != 5 ] || look_up
	done
	recall
	[ $((quiet % 6)) = 5 ] || return 0
	map_at=0
	[ -n "$auto" ] || return 0
	after src $(ip route get "$there_1" 2>/dev/null)
	[ -n "$word" ] && [ "$word" != "$here" ] || return 0
	say "this host is at $word now, was at $here"
	alone move_self "$word"
	recall
}
look_up() { # HOST, of peer NUMBER, OTHER: sends to where it is, but not to where it was already when the peer was heard from elsewhere
	at=$(resolve "$host") || return 0
	was_named=''
	eval "was=\$there_$number was_named=\${named_$number-} at_port=\$mapped_port_$number"
	[ "$at" = "$was" ] || { [ "$at" != "$was_named" ] && alone move_peer "$number" "$other" "$at" "$at_port"; } || return 0
	eval "named_$number=\$at"
}
follow() { # in the foreground
	[ -d "$folder" ] || fail 1 "is down"
	recall || fail 1 "$why"
	read_process "$folder/follower"
	[ -z "$process" ] || fail 1 "is followed already (pid $process)"
	get_birth $$
	own_birth=$birth
	echo "$$ $birth" >"$folder/follower" && rm -f "$folder/heard.now" && mkfifo "$folder/heard.now" || fail 1 "cannot write to $folder"
	"$ip_path" xfrm monitor nokeys >"$folder/heard.now" 2>/dev/null &
	monitor=$! # not ip, whose shell it would be that is killed
	get_birth $monitor
	monitor_born=$birth
	{ # ends when follow was killed, too
		trap 'kill ${nap-}; exit' TERM
		while lives $$ "$own_birth"; do
			sleep 20 &
			nap=$!
			wait $nap
			echo tick
		done
		kill $monitor
	} >"$folder/heard.now" 2>/dev/null &
	ticker=$!
	follow_lines <"$folder/heard.now" &
	lines=$!
	trap end_follow EXIT
	trap 'exit 0' HUP INT TERM
	say "follows its peers"
	wait $lines
	[ ! -d "$folder" ] || fail 1 "follows no more: ip xfrm monitor has ended"
}
end_follow() { # what is at work ends first
	kill $monitor $ticker 2>/dev/null
	wait $lines
	rm -f "$folder/follower" "$folder/heard.now"
}
follow_lines() {
	ticks=0 quiet=0 map_at=0 recorded='' lent='' to=''
	while [ -d "$folder" ] && read -r line && lives $$ "$own_birth"; do
		case $line in
		"Mapping change "*) to=${line##*-> } ;;
		dst*reqid*)
			line=${line#*reqid } line=${line%% *}
			[ -z "$to" ] || ! number_of "$((line))" || {
				alone move_peer "$number" "$other" "${to%:*}" "${to##*:}"
				recall
			}
			to=''
			;;
		tick) [ ! -d "$folder" ] || tick || return ;;
		esac
	done
}
# check: needs peers, tests, book. Sends a few packets to all peers at once, looks which counters move, and names for each what is wrong in one line.
kernel_counters() { # NAME VALUE; of these a kernel may have none
	awk '{ print $1, $2 }' /proc/net/xfrm_stat 2>/dev/null
	awk '$1 == "Udp:" { if (n++) { for (i = 2; i <= NF; i++) print "Udp" name[i], $i } else split($0, name, " ") }' /proc/net/snmp
}
counters() { # those, and of our SAs
	kernel_counters
	scan | awk '
	$1 == "sa" { sum[$2] += $4; replay[$2] += $8; failed[$2] += $9 }
	$1 == "missing" || $1 == "failed" { sub(/,$/, ""); sub(/ 0x[0-9a-f]*$/, ""); gsub(/ /, "_"); print "is_" $0, 1 }
	END { for (sa in sum) { print sa, sum[sa]; print "replay." sa, replay[sa]; print "failed." sa, failed[sa] } }'
}
lost() { # as such counters, what up added beside SAs and policies and is there no more
	sed -n -e 's/^ip address delete \([^ ]*\) dev \([^ ]*\) \.$/address \1 \2/p' \
		-e 's/^ip route delete \([^ ]*\) .*/route \1/p' "$folder/undo" 2>/dev/null | while read -r kind net device; do
		case $kind$net in
		address*) [ -n "$(ip -o address show dev "$device" to "${net%/*}" 2>/dev/null)" ] ;;
		*:*) [ -n "$(ip -6 route show exact "$net")" ] ;;
		*) [ -n "$(ip route show exact "$net")" ] ;;
		esac || echo "is_missing_${kind}_$net 1"
	done
}
tell() { # CAUSE WORDS: the verdict, and what it rests on
	say_check "$other: $1: $2"
	bad=yes
	[ -z "$evidence" ] || printf '  %s\n' "$evidence"
}
say_check() { echo "$*"; }
ends_of() { # NUMBER: leaves in from and to what a test of that peer pings, to being empty where the tunnel takes no ping
	test=$(echo "$tests" | sed '/./!d; s/^  \(# \)*//' | sed -n "$1p")
	to=''
	set -- "$1" $test
	[ "${2-}" = ping ] || return 0
	from=$6 to=$7
	[ "$1" != "$target_number" ] || to=$target
	[ "$from" != auto ] || from=$here
}
find_target() { # leaves in target_number the peer in whose nets TARGET is, of two the one with the longer prefix
	target_number=''
	[ -n "$target" ] || return 0
	nets=$other_nets
	[ -n "$nets" ] || {
		number=0
		for word in $peers; do
			number=$((number + 1))
			eval "nets=\"\$nets \$there_$number@$number\""
		done
	}
	target_number=$(echo "$target $nets" | awk '
	function binary(value, digits,  text) { for (; digits; digits--) { text = value % 2 text; value = int(value / 2) } return text }
	function hex(word,  i, value) {
		for (i = 1; i <= length(word); i++) value = value * 16 + index("0123456789abcdef", tolower(substr(word, i, 1))) - 1
		return value
	}
	function bits(address,  n, i, j, filled, part, text) {
		if (address !~ /:/) { n = split(address, part, "."); for (i = 1; i <= n; i++) text = text binary(part[i], 8); return text }
		sub(/^::/, ":", address); sub(/::$/, ":", address); n = split(address, part, ":")
		for (i = 1; i <= n; i++)
			if (part[i] != "" || filled++) text = text binary(hex(part[i]), 16)
			else for (j = n; j <= 8; j++) text = text binary(0, 16)
		return text
	}
	{
		at = bits($1); longest = -1
		for (i = 2; i <= NF; i++) {
			split($i, net, "@"); prefix = net[1]; size = prefix ~ /\// ? prefix : length(at); sub(/.*\//, "", size); sub(/\/.*/, "", prefix)
			its = bits(prefix)
			if (length(its) == length(at) && size + 0 > longest && substr(its, 1, size) == substr(at, 1, size)) { longest = size + 0; number = net[2] }
		}
		print number
	}')
	[ -n "$target_number" ] || fail 2 "'$target': want an address in a net of another side: $(echo "$nets" | sed 's/@[0-9]*//g; s/^ *//')"
}
find_ping() { # by path: busybox's shell would take its own, which cannot forbid fragments
	IFS=:
	for path in $PATH; do [ ! -x "$path/ping" ] || {
		unset IFS
		ping_path=$path/ping
		return
	}; done
	unset IFS
	false
}
ping() { find_ping && "$ping_path" "$@"; }
# Small packets and of the largest, to each peer, all at once, in 2 s; meanwhile what their names stand for. Prints lines of
# ping, after "NUMBER small" or "NUMBER big"; to a file, for what looks names up may go on.
burst() {
	number=0 pings='' lookups=''
	for word in $peers; do
		number=$((number + 1))
		ends_of $number
		[ -n "$to" ] || continue
		head=28
		case $to in *:*) head=48 ;; esac
		ping -q -c 4 -i 0.3 -W 1 -I "$from" "$to" 2>&1 | sed "s/^/$number small /" &
		pings="$pings $!"
		ping -q -c 3 -i 0.3 -W 1 -M "do" -s $((mtu - head)) -I "$from" "$to" 2>&1 | sed "s/^/$number big /" &
		pings="$pings $!"
		host=''
		eval "host=\${name_$number-}"
		[ -z "$host" ] || {
			resolve "$host" >"$folder/name.$number.check.$$" 2>&1 &
			lookups="$lookups $!"
		}
	done
	[ -z "$pings" ] || wait $pings
	[ -z "$lookups" ] || kill $lookups 2>/dev/null
}
mapping_of_peer() { # where the kernel said last that OTHER sends from
	echo "$monitored" | while read -r line; do
		case $line in
		"Mapping change "*) at=${line##*-> } ;;
		dst*reqid*)
			line=${line#*reqid } line=${line%%[!0-9a-fx]*}
			case " $peers " in *" $other@$((line)) "*) echo "$at" ;; esac
			;;
		esac
	done | sed -n '$p'
}
moved_of_peer() { # ANSWERED: of what moved, what may have to do with OTHER: the kernel counts errors for all peers at once
	echo "$moved" | tr ' ' '\n' | awk -v other="$other" -v answered="$1" '
	{ whose = $0; sub(/\+.*/, "", whose) }
	whose ~ /(^|[._])(in|out)\./ { sub(/.*(in|out)\./, "", whose); if (whose != other) next }
	$0 != "" { word[++n] = $0 }
	/^out\./ { sent = 1 }
	END {
		for (i = 1; i <= n; i++)
			if (!(answered > 0 && word[i] ~ /^Xfrm/) && !(sent && word[i] ~ /^XfrmOut/)) printf "%s ", word[i]
	}'
}
check_peer() { # FROM TO: what happened to packets to the peer OTHER, number NUMBER
	outer_port='' from_now=''
	eval "outer=\$there_$number outer_port=\${port_$number-}"
	answered=$(echo "$answers" | sed -n "s/^$number small .* \([0-9]*\)\( packets\)* received.*/\1/p") answered=${answered:-0}
	[ -z "$monitored" ] || from_now=$(mapping_of_peer)
	mine=$(moved_of_peer "$answered")
	after src $(ip route get "$2" 2>&1)
	source=$word
	evidence="$answered of 4 pings answered; moved: ${mine:-nothing}"
	case $before in
	*Xfrm*) ;;
	*) evidence="$evidence; this kernel does not count what it refuses (/proc/net/xfrm_stat)" ;;
	esac
	case " $mine" in
	*is_failed*) refused "looking at xfrm" "$(echo "${moved#*is_failed_}" | sed 's/+.*//; s/_/ /g')" ;;
	*is_missing_SA_out."$other"* | *XfrmOutNoStates*)
		tell no-out-sa "the policy finds no SA to send with: expired, or deleted by another tool: sh $file up"
		;;
	*is_missing*)
		evidence=$(echo "$mine" | tr ' ' '\n' | sed -n 's/^is_//; s/_/ /g; s/+.*//p' | sed -n '/^missing/p' | sed '2,$s/^/  /')
		tell half-up "a part is missing, flushed or deleted by another tool: sh $file up"
		;;
	*XfrmOutPolBlock*)
		tell guarded "a policy blocks what is sent: the leak guard of a tunnel that is down, or a block of another tool: ip xfrm policy"
		;;
	*)
		if [ -z "$helper_pid" ]; then
			tell no-helper "espdecap does not run, so nothing is decapsulated: sh $file up"
		elif [ "$answered" = 0 ]; then
			check_unanswered "$1" " $mine"
		else check_big || check_forwards || check_source "$1" || say_check "$other: healthy"; fi
		;;
	esac
}
check_unanswered() { # FROM MOVED
	case $2 in
	*XfrmInNoStates*)
		case $book in
		*" $other "*" heard 0 "* | *"$other $name "*" heard 0 "*)
			tell unknown-spi "packets come with an SPI that is unknown here: the other script is of another run than digest $digest? Then $anew"
			;;
		*)
			tell epochs-apart "packets come with an SPI that is unknown here, though $other was heard before: a store was lost, or put back from a copy? New scripts on both sides"
			;;
		esac
		;;
	*XfrmInStateMismatch*)
		tell no-encap "packets come in UDP to an SA without encap, or without to one with it: down and up, on both sides"
		;;
	*XfrmInStateProtoError* | *failed.in."$other"*)
		tell wrong-key "packets come that the key does not open: key, salt, ICV length or ESN differ: $anew"
		;;
	*XfrmInStateSeqError* | *replay.in."$other"*)
		tell replayed "sequence numbers come that were seen already: $other came up again without its store? There: rekey, or new scripts"
		;;
	*XfrmInTmplMismatch*" in.$other+"* | *" in.$other+"*XfrmInTmplMismatch*)
		tell template "what is decrypted does not fit the policy: reqid, mode or address of its template: down and up here"
		;;
	*XfrmInTmplMismatch*)
		tell clear-arrives "packets come in the clear that are to come encrypted: there, the tunnel is down, or NAT takes them first: sh $other.sh check"
		;;
	*XfrmInNoPols*)
		tell no-policy "what is decrypted is covered by no policy: other nets on the other side? Then $anew"
		;;
	*" in.$other+"*)
		case $was_heard$heard,$from_now in
		*,)
			tell firewall "packets come and are decrypted, and no answer gets through: a firewall here or there? Accept: meta secpath exists, or -m policy --dir in --pol ipsec"
			tell_guess
			;;
		no,"$outer":* | no,"[$outer]":*)
			tell peer-port "$other sends from $from_now, and from no other place since up, not from port $outer_port: a symmetric NAT, or one that was met in the wrong order: update-peer $other $from_now, or both down, half a minute, the first side up first"
			;;
		*)
			tell peer-moved "$other sends from $from_now, not from where we send to: sh $file follow, or update-peer $other $from_now"
			;;
		esac
		;;
	*" out.$other+"*) check_name || check_socket "$2" || check_silent ;;
	*)
		case ${source:-$1} in
		"$1") tell own-nat "what is sent leaves past the tunnel: NAT rules of this host take it first? up --nat-exempt" ;;
		*) tell wrong-source "what is sent does not come from $1, but from $source, which the tunnel does not protect: ping -I $1, or a route with src $1" ;;
		esac
		;;
	esac
}
check_name() { # true when it was that
	host=''
	eval "host=\${name_$number-}"
	[ -n "$host" ] || return 1
	at=$(cat "$folder/name.$number.check.$$" 2>/dev/null)
	[ "$at" != "$outer" ] || return 1
	case $at in '' | *[!0-9a-fA-F.:]*) at='not found' ;; esac
	tell name "$host is $at, and $outer is what is used: sh $file follow, or down and up"
}
check_socket() { # MOVED: UDP came that nobody decapsulated, more than a keepalive: nobody has its socket, or another
	uses helper || return 1
	owner=$(ss -Hlunp "sport = :$port" 2>/dev/null)
	case $helper_pid,$owner,$1 in
	none,,*" UdpNoPorts+"*)
		tell no-helper "UDP comes, and nobody holds the socket on port $port: have it started with: espdecap $(helper | sed 's/-u 65534 //')"
		return
		;;
	esac
	came=${1##*" UdpInDatagrams+"}
	[ "$came" != "$1" ] && [ "${came%% *}" -gt 2 ] || return 1
	case $helper_pid,$owner in none,*espdecap* | [0-9]*,*"pid=$helper_pid,"* | [0-9]*,) return 1 ;; esac
	tell not-our-socket "UDP comes, and the kernel does not decapsulate it: the socket on port $port is not espdecap's; who has it: ss -lunp sport = :$port"
}
check_silent() {
	case $own_word in
	*@"$outer" | *@"$outer":* | *@"[$outer]":*)
		tell same-nat "$other is behind the same NAT, $outer, which does not turn packets around: new scripts with --lan"
		return
		;;
	esac
	if [ -n "$was_heard" ]; then
		tell not-arriving "we send, and hear nothing any more: the mapping is gone, or the other side is down; there: sh $other.sh check; then down and up here"
	else
		tell never-heard "we send, and have heard nothing since up: is $other up, and of digest $digest? There: sh $other.sh check"
	fi
	echo "  where check there says so too, what both send is lost on the way: probe and punch again
  where it says replayed, our count was too low (count-low): rekey here"
	tell_guess
}
tell_guess() { # whom to ask is not known of a net
	[ "$number" != "$target_number" ] || return 0
	case " $other_nets" in
	' ' | *" $to/32@"* | *" $to/128@"*) ;;
	*) echo "  $to was asked, as the first address there: if no host has it, name one that is there: sh $file check TARGET" ;;
	esac
}
check_big() { # small packets pass: do the largest? True when not
	case $(echo "$answers" | grep "^$number big") in
	*' 0 received'* | *' 0 packets received'*)
		tell mtu "small packets pass, of $mtu bytes none: the path carries less; new scripts with --mtu, or --clamp for TCP"
		;;
	*) false ;;
	esac
}
check_source() { # FROM: this host answers there; does what it sends by itself go there too? True when not
	# a net of all addresses takes what this host forwards, too
	case " $other_nets" in *" 0.0.0.0/0@$number"* | *" ::/0@$number"*) return 1 ;; esac
	[ -n "$own_nets" ] && [ -n "$source" ] && [ "$source" != "$1" ] || return 1
	case $(for net in $own_nets; do ip -o address show to "$net"; done) in *" $source/"*) return 1 ;; esac
	tell wrong-source "what comes from $1 passes; what this host sends by itself comes from $source, which the tunnel does not protect: ping -I $1, or a route with src $1"
}
check_forwards() { # this host answers: are those behind it cut off? It is add_forwarding that knows, and with --forward changes it
	uses forwarding || return 1
	case $(forward='' dry='' add_forwarding 2>&1) in
	*'cut off'*) tell no-forwarding "this host is reached, and hosts behind it are not, for it does not forward: down, then up --forward" ;;
	*redirects*) tell redirected "this host is reached, and sends the hosts behind it past the tunnel, in the clear, by redirects: down, then up --forward" ;;
	*) false ;; esac
}
check_all() { # [TARGET]
	bad='' evidence='' target=${1-} monitor=''
	case $target in *[!0-9a-fA-F.:]*) fail 2 "'$target': want an address there, as ping takes it" ;; esac
	find_target
	if [ ! -d "$folder" ]; then
		[ -d "$folder.guard" ] || check_down
		for word in $peers; do
			other=${word%%@*}
			tell guarded "the tunnel is down, and its leak guard blocks what it carried: sh $file up, or down --all"
		done
		exit 1
	fi
	recall || fail 1 "$why"
	find_ping || fail 1 "no ping; install iputils-ping"
	read_book
	recall_rows
	helper_pid=none
	! uses helper || read_helper "$folder"
	scanned=$(scan) before=$(counters)
	trap end_check EXIT
	trap 'exit 1' HUP INT TERM
	{ : >"$folder/mapping.check.$$"; } 2>/dev/null || fail 1 "cannot write to $folder"
	"$ip_path" xfrm monitor nokeys >"$folder/mapping.check.$$" 2>/dev/null &
	monitor=$!
	burst >"$folder/answers.check.$$"
	kill $monitor 2>/dev/null
	after=$(
		counters
		lost
	) answers=$(cat "$folder/answers.check.$$") monitored=$(cat "$folder/mapping.check.$$" 2>/dev/null)
	moved=$({
		echo "$before"
		echo --
		echo "$after"
	} | awk '$1 == "--" { on = 1; next } !on { was[$1] = $2; next } $2 > was[$1] || /^is_/ { printf "%s+%.0f ", $1, $2 - was[$1] }')
	number=0
	for word in $peers; do
		number=$((number + 1)) other=${word%%@*} was_heard=$(echo "$scanned" | grep "^sa in\.${word%%@*} [^ ]* [1-9]")
		ends_of $number
		if [ -n "$to" ]; then
			check_peer "$from" "$to"
		else
			say_check "$other: no ping goes through, for the tunnel carries no ICMP; test it with: $test"
		fi
	done
	(record) # as one who sees the counts has to
	[ -z "$bad" ]
}
end_check() { # whatever ends it: who listens to the kernel and is forgotten has it make SAs of its own
	trap '' HUP INT TERM
	kill $monitor 2>/dev/null
	rm -f "$folder"/*.check.$$
}
# capture: needs epochs, follow. For Wireshark: the packets as they cross the net, the same inside, and the keys between the two.
wireshark_table() { # its file esp_sa, of the SAs that are there, or that the store has when it is down
	[ -n "$wireshark" ] || fail 2 "Wireshark cannot decrypt this tunnel: it does not know $cipher, or takes espinudp-nonike for IKE"
	read_book
	derive
	number=0 decode='' ports="$port ${own_word##*:}"
	for word in $peers; do
		number=$((number + 1))
		eval "ports=\"\$ports \${port_$number-}\""
	done
	for word in $ports; do case "$decode " in *"==$word,"*) ;; *) [ "$word" = 4500 ] || decode="$decode -d udp.port==$word,udpencap" ;; esac done
	say "warning: the table has keys: who has it reads what they encrypt"
	echo "# Wireshark's ESP SAs of the tunnel $title, digest $digest. CONTAINS KEYS.
# As ~/.config/wireshark/esp_sa it is for: tshark -r FILE -o esp.enable_encryption_decode:TRUE$decode"
	echo "$rows" | while read -r sa epoch spi _ _ key auth; do
		case $sa in in.*) ways="${sa#in.} to $name" ;; *) ways="$name to ${sa#out.}" ;; esac
		[ "$key" != 0x ] || key=''
		echo "# $spi: $ways, epoch $epoch"
		echo "\"IPv${esp#esp}\",\"*\",\"*\",\"$spi\",\"$wireshark\",\"$key\",\"$wireshark_auth\",\"$auth\""
	done
}
# By NFLOG, which hands over what was decrypted before any rule sees it, and what is to be encrypted after all of them.
taps() { echo "table inet $tap {
	chain in { type filter hook prerouting priority -450
$(for word in $peers; do echo "		ipsec in reqid ${word##*@} log group $group queue-threshold 1"; done)
	}
	chain out { type filter hook postrouting priority 450
$(for word in $peers; do echo "		ipsec out reqid ${word##*@} log group $group queue-threshold 1"; done)
	}
}"; }
add_taps() {
	note nft delete table inet "$tap"
	error=$(taps | nft -f - 2>&1) || {
		say "nft: $(echo $error)"
		false
	}
}
start_tcpdump() { # NAME FILE WORDS...: through a pipe, for a system may let tcpdump write where it likes only
	# what waits in the kernel when it is ended would be lost: hence --immediate-mode
	kind=$1 out=$2
	shift 2
	{
		"$tcpdump" "$@" -n -U -w - 2>"$folder/$kind.$$" &
		echo $! >"$folder/$kind.pid.$$"
		wait
	} | cat >"$out" &
	cats="$cats $!"
	for try in 1 2 3 4 5 6 7 8 9 10 ''; do
		! grep -q 'listening on' "$folder/$kind.$$" 2>/dev/null || return 0
		[ -n "$try" ] && kill -0 $! 2>/dev/null || break
		sleep 0.5
	done
	say "tcpdump: $(sed -n '/^tcpdump: /{s///;p;q;}' "$folder/$kind.$$")"
	false
}
capture_count() { sed -n 's/ packets* captured$//p' "$folder/$1.$$" 2>/dev/null; }
end_capture() {
	trap '' HUP INT TERM
	for kind in outer inner; do { read -r process <"$folder/$kind.pid.$$"; } 2>/dev/null && kill "$process" 2>/dev/null; done
	wait $cats
	[ -z "$group" ] || nft delete table inet "$tap" 2>/dev/null
	count=$(capture_count outer)
	[ -z "$count" ] || say "captured $count packets as they cross the net in $captured${group:+, and $(capture_count inner) inside in $captured.inner}"
	rm -f "$folder"/*er.$$ "$folder"/*er.pid.$$
}
capture() { # FILE
	# of ICMP the errors, and later fragments
	case $esp in esp6) filter='icmp6 and ip6[40] < 5 or ip6[6] == 44' ;; *) filter='icmp[0] == 3 or ip[6:2] & 8191 != 0' ;; esac
	if [ -n "$port" ]; then filter="udp port $port or $filter"; else filter="esp or $filter"; fi
	tap=xfrmpair-$digest-$name-capture-$$ group=$(($$ % 65535 + 1)) captured=$1 cats=''
	[ -z "$dry" ] || {
		echo "tcpdump -i any --immediate-mode -n -w $1 '$filter' &"
		echo "nft -f - <<END"
		taps
		echo END
		echo "tcpdump -i nflog:$group -n -w $1.inner"
		return
	}
	[ -d "$folder" ] || fail 1 "is down"
	tcpdump=$(command -v tcpdump) || fail 1 "no tcpdump; install it"
	[ ! -e "$1" ] && [ ! -e "$1.inner" ] && (
		set -C
		: >"$1" && : >"$1.inner"
	) 2>/dev/null || fail 1 "cannot make $1 and $1.inner, or one is there already: want another FILE"
	trap end_capture EXIT
	trap 'exit 0' HUP INT TERM
	start_tcpdump outer "$1" -i any --immediate-mode "$filter" || {
		rm -f "$1" "$1.inner"
		exit 1
	}
	if ! command -v nft >/dev/null; then
		say "warning: no nft (nftables), so nothing from inside is captured"
		group=''
	else start_tcpdump inner "$1.inner" -i "nflog:$group" && alone add_taps || {
		say "warning: nothing from inside is captured"
		group='' cats=${cats% *}
	}; fi
	[ -n "$group" ] || rm -f "$1.inner"
	say "captures until ^C: $1 as it crosses the net${group:+, $1.inner inside}"
	while kill -0 $cats 2>/dev/null; do sleep 1; done
	fail 1 "tcpdump has ended"
}
# main: the command line.
uses() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }
usage() { echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch] [--wait SECONDS]$(uses helper && echo ' [--map] [--no-helper]')$(uses forwarding && echo ' [--forward]')$(uses exempt && echo ' [--nat-exempt]')
       sh $name.sh [-n] down [--all]
       sh $name.sh status [--json|--watch] | rekey | follow | check [TARGET]
       sh $name.sh update-peer [NAME] ADDRESS:PORT
       sh $name.sh [-n] capture FILE | wireshark"; }
help() {
	usage
	echo "
  -n               print what would be done, without the keys, and do nothing
  --local ADDR     this host has the address ADDR now
  --no-punch       open no hole, and do not wait for the other side
  --wait SECONDS   for an address of this host, and for the other side (60)"
	! uses helper || echo "  --map            ask the router for the port (PCP, NAT-PMP); down gives it back
  --no-helper      start no espdecap: another holds the socket, as systemd's unit does"
	! uses forwarding || echo "  --forward        let this host forward for its nets; down ends that"
	! uses exempt || echo "  --nat-exempt     what the tunnel carries passes this host's NAT by; down ends that"
	echo "  --all            of earlier runs of this script, too
  --json, --watch  for programs; for people, a table each second
  TARGET           an address there, to be asked in place of the usual one
  update-peer      send to another address or port of a peer from now on
  capture FILE     what passes, outside and inside, until ^C
  wireshark        the table that decrypts such a capture: it has the keys"
	[ -z "$beside" ] || echo "
The other verbs: sed '/^\$/q' $file"
}
misuse() {
	say "$@"
	usage >&2
	exit 2
}
verb='' address='' no_punch='' no_helper='' form='' wait=60 forward='' nat_exempt='' all='' map=''
while [ $# -gt 0 ]; do
	case $1 in
	-n) dry=yes ;; --no-punch) no_punch=yes ;; --all) all=yes ;;
	--json | --watch)
		[ "$verb$form" = status ] || misuse "$1: want status before it, and one of --json and --watch"
		form=${1#--}
		;;
	-h | --help)
		help
		exit 0
		;;
	--map)
		uses helper || misuse "$1: this tunnel has no port"
		map=yes
		;;
	--no-helper)
		uses helper || misuse "$1: this tunnel has no helper"
		no_helper='none none' no_punch=yes
		;;
	--wait)
		case ${2-} in '' | [!1-9]* | *[!0-9]* | ?????*) misuse "--wait '${2-}': want 1 to 9999 seconds" ;; esac
		wait=$2
		shift
		;;
	--local)
		case ${2-} in *[!0-9a-fA-F.:]* | [!0-9a-fA-F:]* | *.*.*.*.* | *..* | 0[0-9]* | *.0[0-9]* | *.) word='' ;; *:* | *.*.*.*) word=$2 ;; *) word='' ;; esac
		[ -n "$word" ] || misuse "--local '${2-}': want an address of this host"
		here=$2 address=$2
		shift
		;;
	--forward)
		uses forwarding || misuse "$1: this side has no net to forward for"
		forward=yes
		;;
	--nat-exempt)
		uses exempt || misuse "$1: this tunnel has no nets that a NAT rule could take"
		nat_exempt=yes
		;;
	up | start | down | stop | status | rekey | follow | wireshark)
		[ -z "$verb" ] || misuse "'$1' after '$verb': want one of them"
		verb=$1
		;;
	update-peer)
		verb=$1
		shift
		case $# in 1 | 2) break ;; esac
		misuse "$verb: want [NAME] ADDRESS:PORT"
		;;
	check)
		verb=$1
		case $# in
		1 | 2)
			shift
			break
			;;
		esac
		misuse "$1: want one TARGET, an address there"
		;;
	capture)
		verb=$1
		case $#${2:+file} in
		2file)
			captured=$2
			break
			;;
		esac
		misuse "$verb: want a FILE that is not there yet"
		;;
	*) misuse "'$1': not known, or not for this tunnel" ;;
	esac
	shift
done
words=$*
is_ours "$run" "$store" || fail 1 "$trouble"
find_ip
find_names
case $dry$verb in
up | start | yesup | yesstart) up ;;
yesdown | yesstop)
	[ -d "$folder" ] || fail 0 "is down"
	sed -n '/^made /d; s/^put_back \([^ ]*\) /echo \1 >/; s/ \.$//p' "$folder/undo" | sed -n '1!G;h;$p'
	;;
down | stop) down ;; status | yesstatus) status ;; rekey | follow) $verb ;; update-peer) update_peer $words ;; check) check_all $words ;;
capture | yescapture) capture "$captured" ;; wireshark | yeswireshark) wireshark_table ;;
*) misuse "want up, down, status, check, rekey, follow, update-peer, capture or wireshark" ;;
esac
}
# ---- keys: FROM TO EPOCH SPI KEY
#key a b 1 0xdeadbeef 0x0000000000000000000000000000000000000000
#key b a 1 0xdeadbeef 0x0000000000000000000000000000000000000000
}
