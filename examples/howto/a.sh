#!/bin/sh
# shellcheck shell=dash # local is known to dash, busybox, bash and mksh
{ # IPsec tunnel a - b without IKE, made by xfrmpair 0.2.
# This is side a: run it as root on the host 192.168.1.4.
# CONTAINS KEYS below "# ---- now": keep it readable by its owner only, and copy it over ssh.
#
#   a 192.168.1.4:61525 --NAT-- 85.9.8.7:61525 == internet == 31.1.2.3:10421 --NAT-- 192.168.2.100:61523 b
#
#   cipher    aes128gcm12 (rfc4106(gcm(aes)), 96-bit ICV), tunnel mode, replay window 128
#   digest    88196a0e: the scripts of all sides must have the same
#   MTU       inner packets of up to 1442 bytes, on a path of 1500
#   protects  192.168.1.4/32 <-> 192.168.2.100/32 (b)
#
#   sh a.sh [-n] up     set it up, side a first; -n prints the commands and changes nothing
#   sh a.sh [-n] down   remove what up added, and nothing else
#   sh a.sh status | check | rekey | follow | mend | update-peer | capture | wireshark
#
# Needs root and ip (iproute2); espdecap, beside this file or in PATH;
# if they are there, natprobe opens the NATs and xfrmkeep does all verbs but up and down.

name=a digest=88196a0e family=4 cipher=aes128gcm12 local=192.168.1.4 port=61525
mapped='85.9.8.7:61525' first=a
store=a.01693d5780de63281f4d52668754ac50 check=778e878306368ddbb72c83f034b74ca9
peers='b@1830240544' # NAME@REQID
# shellcheck disable=SC2034 # these are for xfrmkeep
mode=tunnel encap=espinudp mtu=1442 path_mtu=1500 own_nets='192.168.1.4/32' other_nets='192.168.2.100/32@1'
options=' [--no-punch] [--no-helper] [--map]' # of up and down
also='' # functions of down, besides undo

# Which packets are encrypted. The outbound template names the SPI: a new key takes over at once.
policies() { echo "
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out index 2261696345 priority 2000 \
  tmpl src $here dst $there_1 proto esp spi $spi_1 reqid 1830240544 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in index 2261696344 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1830240544 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd index 2261696346 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1830240544 mode tunnel
"; }
# What down removes: it knows its objects by index, reqid, protocol, label or group.
undo() { echo "
xfrm policy deleteall dir out index 2261696345
xfrm policy deleteall dir in index 2261696344
xfrm policy deleteall dir fwd index 2261696346
xfrm state deleteall reqid 1830240544
"; }
# espdecap holds the UDP socket so that the kernel decapsulates, and keeps the NAT mapping open.
helper() { echo "
-u 65534 -b $here $port $there_1:$port_1
"; }
tests() { echo "
  ping -c 3 -I 192.168.1.4 192.168.2.100
"; }

set -u +eC
umask 077
unset IFS CDPATH token section # a variable that the caller exported stays exported
verb='' dry='' wait=60 flags=' ' endpoints='' held='' made_run='' heard='' unguarding='' child='' keeper='' failed='' file=./$0
case $0 in */*) file=$0 ;; esac
case $- in *s*) file=/proc/$$/fd/0 ;; esac # sh -s <NAME.sh
run=${XFRMPAIR_RUN:-/run/xfrmpair}/$store stored=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$store
say() { echo "$name: $*" >&2; }
fail() { # STATUS WORDS: takes back what up did
	trap '' HUP INT TERM PIPE
	say "$2"
	[ -z "$child" ] || kill "$child" 2>/dev/null
	[ -z "$made_run" ] || take_back
	[ -z "$held" ] || rm -f "$run.busy"
	exit "$1"
}
note() { { echo "$2" >>"$run/$1"; } 2>/dev/null || fail 1 "cannot write $run/$1"; } # FILE LINE: adds it to a file of the run folder
has() { case $flags in *" $1 "*) ;; *) false ;; esac; } # FLAG: it was given
find_program() { # NAME [PATH]: leaves in program the one at PATH, beside this script, or in $PATH
	local folder IFS=:
	program=${2-}
	if [ -n "$program" ]; then
		[ -x "$program" ]
		return
	fi
	for folder in "${file%/*}" $PATH; do
		program=$folder/$1
		[ -f "$program" ] || continue
		[ ! -x "$program" ] || return 0
		say "$program cannot be run: chmod +x it; or is its file system mounted noexec?"
		break # another one, of another version perhaps, is not what was meant
	done
	false
}
find_ip() { # busybox has an ip that does not know xfrm, and its shell prefers that
	local IFS=:
	for ip in $PATH /usr/sbin /sbin; do
		ip=$ip/ip
		[ -x "$ip" ] || continue
		case $("$ip" xfrm help 2>&1) in *'ip xfrm'*) return 0 ;; esac # bash would return what ip did
	done
	fail 1 "no ip that knows xfrm: install iproute2"
}
has_esp() { # the kernel takes an SA without any cipher
	local sa='src ::1 dst ::1 proto esp spi 0xfffffffe'
	[ "$family" = 6 ] || sa='src 127.0.0.1 dst 127.0.0.1 proto esp spi 0xfffffffe'
	echo "xfrm state add $sa mode tunnel enc ecb(cipher_null) '' auth digest_null ''
		xfrm state delete $sa" | "$ip" -batch - 2>/dev/null
}
rows() { # FUNCTION: prints its rows; mksh counts to 2^31 and shows a larger sequence number as negative
	case $((2147483648)) in
	-*) "$1" | awk '{ while (match($0, / -[0-9]+/)) $0 = substr($0, 1, RSTART) sprintf("%.0f", 4294967296 - substr($0, RSTART + 2, RLENGTH - 2)) substr($0, RSTART + RLENGTH) } 1' ;;
	*) "$1" ;;
	esac
}
batch() { # WORDS FUNCTION: gives the rows to ip on standard input: arguments are public, and rows have keys
	local error
	if [ -n "$dry" ]; then
		rows "$2" | sed -n "s/ # .*//; s/0x[0-9a-f]\{9,\}/KEY/g; s/ \([a-z0-9]*([^ ]*\)/ '\1'/g; s/   */ /g; s/^[a-z]/ip &/p"
		return
	fi
	say "$1"
	error=$(rows "$2" | "$ip" -batch - 2>&1) && return 0
	error=$(echo "$error" | sed 's/0x[0-9a-f]\{9,\}/KEY/g')
	case $2:$(echo "$error" | sed 's/"[^"]*"//g') in # names stand in quotes, and may be any word
	link:*evice\ type* | link:*upported*) fail 5 "this kernel has no xfrm interfaces: generate without --interface ($error)" ;;
	*ncapsulation\ type*) fail 5 "this kernel has no espinudp-nonike: generate without --encap ($error)" ;;
	*not\ permitted*) fail 1 "no-permission: run this as root ($error)" ;;
	*type\ not\ found* | *upported* | *implemented* | *AEAD* | *AUTH* | *CRYPT* | *lgorithm* | *cryptographic*)
		has_esp || fail 5 "no-esp: this kernel has no ESP: try modprobe esp$family ($error)"
		fail 5 "no-cipher: this kernel lacks $cipher: generate with another --cipher ($error)"
		;;
	*xists*) fail 1 "taken: another tunnel has this SPI or selector: see ip xfrm state; ip xfrm policy ($error)" ;;
	*) fail 1 "ip: ${error:-failed}" ;;
	esac
}
make_folder() { # PATH: one that nobody else can change
	[ -d "$1" ] || mkdir "$1" 2>/dev/null
	if [ ! -O "$1" ] || [ -L "$1" ]; then
		[ "$(id -u)" = 0 ] || fail 1 "no-permission: run this as root (cannot make $1)"
		fail 1 "cannot make $1, or it is another user's (expected a folder of your own)"
	fi
	is_safe "$1" || fail 1 "$1: others can change it (expected a folder of mode 0700)"
}
is_safe() { # PATH: this user's folder or file, no link, and nobody else can write to it
	case $([ ! -O "$1" ] || ls -ld "$1") in [d-]????[!w]??[!w]*) ;; *) false ;; esac
}
lock() { # up, down and xfrmkeep exclude each other: the link has the pid of the one at work
	local pid tries=0 missing=0
	make_folder "${run%/*}"
	until ln -s $$ "$run.busy" 2>/dev/null; do
		pid=$(readlink "$run.busy")
		case $verb$(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-none}/cmdline") in
		down*sh\ *\ up\ *) kill "$pid" 2>/dev/null ;;
		*sh\ * | *xfrmkeep\ *) ;;
		*) [ -z "$pid" ] || rm -f "$run.busy" ;; # its process is gone, and another one may have the number
		esac
		if [ -n "$pid" ]; then missing=0; else missing=$((missing + 1)); fi # it may just have been removed
		[ $missing -lt 5 ] || fail 1 "cannot make $run.busy: is the disk full, or read-only?"
		[ $((tries += 1)) -lt 100 ] || fail 1 "process $pid is at work on this tunnel"
		sleep 0.1
	done
	held=yes
}
read_section() { # ARGUMENT...: of xfrmkeep, which prints the section that counts; without xfrmkeep this file's counts
	local section
	if [ -n "$keeper" ]; then
		section=$("$keeper" "$@") || fail 1 "xfrmkeep refuses to begin"
		eval "$section"
		case $section in *' heard '[1-9]*) heard=before ;; esac
	elif [ "$made" -gt 1 ] || [ -e "$stored" ]; then
		fail 1 "only xfrmkeep can read $stored, and it is not there: copy it beside $file"
	elif [ -f "$stored.starts" ]; then
		make_folder "${stored%/*}"
		is_safe "$stored.starts" || fail 1 "$stored.starts: others can change it (expected a file of your own, of mode 0600)"
		starts=$(grep -cxF "$check" "$stored.starts") heard=before
	fi
}
begin() { # with sequence numbers that were never used, or a fresh key
	[ -z "$dry" ] || return 0
	# shellcheck disable=SC2086 # words
	read_section begin "$file" "here=$here" $endpoints
	[ -n "$keeper" ] || count_start
}
count_start() { # without xfrmkeep, which reads the count later: each start takes 2^26 of the 2^32 sequence numbers
	mkdir "${stored%/*}" 2>/dev/null
	[ ! -e "${stored%/*}" ] || make_folder "${stored%/*}"
	starts=$((starts + 1))
	[ $starts -le 62 ] || fail 1 "these keys have no sequence numbers left: install xfrmkeep on both sides, or generate new scripts"
	[ $starts -le 47 ] || say "sequence numbers for $((62 - starts)) more starts: then xfrmkeep or new scripts are needed"
	{ echo "$check" >>"$stored.starts" && sync "$stored.starts"; } 2>/dev/null ||
		say "warning: cannot write $stored.starts: if that stays so, the other side will refuse what is sent after the next up"
}
find_here() { # waits for the local address, and a route to the first peer: at boot they may come late
	local left=$wait at way
	here=$local
	while [ -z "$dry" ]; do
		at=$("$ip" -o address show to "$here")
		way=$("$ip" route get "$there_1" 2>/dev/null)
		case ${way:+way}.$at in
		way.) left=0 ;; # the network is there
		way.*\ tentative*) ;; # other hosts are asked whether they have this IPv6 address
		way.*) return ;;
		esac
		[ "$left" != "$wait" ] || say "waiting up to $wait s for the address $here and a route to $there_1"
		[ $((left -= 1)) -lt 0 ] || { sleep 1 && continue; }
		[ -n "$at" ] || fail 1 "$here is not an address of this host: is this the script of another side? (--local ADDRESS if it has another now; LOCAL@MAPPED, with new scripts, if it is how the internet sees this host)"
		[ -z "$way" ] || fail 1 "$here cannot be used yet, or another host has it, too: see ip address"
		say "warning: no route to $there_1: set up all the same, and silent until there is one"
		return
	done
}
move_net() { # where this host has another address now (--local): the one that the policies are for goes to lo, and is what it sends from
	local pair way row
	[ "$here" != "${own_nets%/*}" ] || return 0
	for pair in "$own_nets" $other_nets; do
		case $pair in
		*@*)
			eval "way=\$there_${pair#*@}"
			way=$("$ip" -o route get "$way" | sed -n 's/^[^ ]* \(\(via [^ ]* \)*dev [^ ]*\) .*/\1/p')
			row="route add ${pair%@*} $way src ${own_nets%/*}"
			;;
		*) row="address add $pair dev lo" ;;
		esac
		[ -z "$dry" ] || { echo "ip $row"; continue; }
		say "$row"
		note undo "\"\$ip\" $(echo "$row" | sed 's/ add / delete /')"
		# shellcheck disable=SC2086 # words
		"$ip" $row || fail 1 "cannot $row"
	done
}
map_port() { # asks the router (PCP, NAT-PMP); xfrmkeep follow renews it
	local word
	[ -z "$dry" ] || { echo "natprobe -u 65534 -b $here -p $port --map=${mapped##*:}"; return; }
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH: it maps the port"
	if grep -qs ": [0-9A-F]*:$(printf %04X "$port") " /proc/net/udp /proc/net/udp6; then # another tunnel's mapping must outlive this attempt
		say "UDP port $port is in use, so the router is not asked to map it"
		return
	fi
	note map "-u 65534 -b $here -p $port --unmap"
	note undo "\"$program\" -u 65534 -b $here -p $port --unmap"
	word=$("$program" -u 65534 -b "$here" -p "$port" --map="${mapped##*:}") || { say "going on without a port mapping" && return; }
	[ "${word##*:}" = "${mapped##*:}" ] || say "the other sides send to port ${mapped##*:}: there, update-peer $name ${word##*@}"
}
find_helper() { # before the peer is waited for
	[ -n "$dry" ] || has --no-helper || find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
}
start_helper() { # status and mend miss no helper that is left to another program
	if has --no-helper; then
		[ -n "$dry" ] || note espdecap none
		return
	fi
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*"; return; }
	find_helper
	say "espdecap $*"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
open_hole() { # a NAT lets packets in once some went out: both sides send until they receive; only later the kernel takes the port
	local at='' status=0 outer=$there_1
	if ! find_program natprobe "${NATPROBE-}"; then
		say "no natprobe beside $file or in PATH: going on without opening the hole"
		return
	fi
	case $outer in *:*) outer="[$outer]" ;; esac
	say "waiting for ${peers%@*}, for up to $wait s ($first is started first)"
	set -- -u 65534 -b "$here" -p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0
	[ "$first" != "$name" ] || set -- "$@" --first
	echo "$token" | "$program" "$@" >"$run/hole" &
	child=$!
	wait "$child" || status=$?
	child='' heard=no
	read -r at _ <"$run/hole"
	found=$at
	case $status.$at in
	0."$outer:$port_1") heard=now ;;
	0.*[!]0-9a-f.:[]* | 0.*:*[!0-9] | 0.*:) fail 1 "natprobe printed '$at' (expected an endpoint)" ;;
	0.*:*) # the sender knows the token, so it is the peer
		outer=${at%:*} outer=${outer#[} heard=now
		say "${peers%@*} is at $at, not at $there_1:$port_1"
		there_1=${outer%]} port_1=${at##*:}
		[ -z "$keeper" ] || "$keeper" record "$file" "there_1=$there_1" "port_1=$port_1"
		"$ip" xfrm state deleteall reqid "${peers#*@}"
		batch "adding SAs again" states
		;;
	2.foreign) fail 2 "the script of ${peers%@*} is of another run (expected digest $digest): make both scripts anew, from the same endpoint strings and options" ;;
	4.*) ;;
	[1235].*) fail "$status" "natprobe could not open the hole" ;;
	*) fail 1 "natprobe found nothing and says nothing (status $status)" ;;
	esac
}
guess() { # WORDS: prints the likely cause, from what natprobe found, else WORDS
	local peer=${peers%@*}
	case $found in
	refused) echo "nobody has port $port_1 at $there_1, says ICMP: is $peer up, at this endpoint?" ;;
	tunnel) echo "what comes from there is of another tunnel: is an earlier run of $peer up? There: sh $peer.sh down, and up" ;;
	one-way) echo "it was received, but does not receive: does its router or firewall let packets in? There: sh $peer.sh down, and up --map" ;;
	*) echo "$1" ;;
	esac
}
is_answered() {
	local tries=0
	while [ $((tries += 1)) -le 3 ]; do
		if tests | sed -n 's/ping -c 3/ping -c 1 -W 1/p' | sh >/dev/null 2>&1; then heard=now && return; fi
	done
	false
}
listen() { # for a peer that is up already, and answers through the tunnel alone
	if is_answered || [ "$heard" = no ]; then return; fi
	end_helper # packets came before, but the hole is not open any more
	open_hole
	batch "updating policies" updated_policies
	start_helper
	[ "$heard" != no ] || is_answered
}
updated_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
end_helper() {
	local pid
	{
		read -r pid <"$run/espdecap"
		case $(tr '\0' ' ' <"/proc/${pid:-none}/cmdline") in *espdecap\ -d\ *" ${port-} "*) kill "$pid" && kill -s CONT "$pid" ;; esac
	} 2>/dev/null
}
left() { # prints rows that delete what undo names and the kernel has
	{ undo && ${unguarding:+unguard}; "$ip" -s xfrm policy list && "$ip" xfrm state list nokeys || echo failed; } | awk '
		/^failed/ { failed = 1 }
		/^xfrm/ { mine[$(NF - 1) $NF] } # index or reqid, and its number
		/^src/ { if (row) print row; row = ""; dst = $4 }
		/^\tdir/ && (("index" $6) in mine) { row = "xfrm policy delete dir " $2 " index " $6 }
		/^\tproto esp/ && (("reqid" $6) in mine) { row = "xfrm state delete dst " dst " proto esp spi " $4 }
		/^\tif_id/ && row ~ /policy/ { row = row " if_id " $2 }
		END { if (row) print row; exit failed }'
}
take_back() { # what is not there would end a batch of policies and SAs
	local step rows listed tries=0 error
	if [ -n "$dry" ]; then
		{ undo && ${unguarding:+unguard}; } | sed -n 's/^[a-z]/ip &/p'
		for step in ${also-}; do "$step"; done
		[ ! -s "$run/undo" ] || sed '1!G;h;$!d' "$run/undo" | sed 's/^put_back \(.*\) \(.*\)/echo \1 >\2/; s/"//g; s/^.ip/ip/'
		return
	fi
	end_helper
	say "removing what up added"
	# what is gone already is no error
	error=$({ undo && ${unguarding:+unguard}; } | grep -v ^xfrm | "$ip" -force -batch - 2>&1 | grep -v -e 'o such' -e 'ot found' -e 'annot find' -e 'annot assign' -e '^Command failed')
	while listed='' && rows=$(left) && listed=yes && [ -n "$rows" ] && [ $((tries += 1)) -le 5 ]; do echo "$rows" | "$ip" -batch - 2>/dev/null; done
	[ -n "$listed" ] || rows='ip lists no policies or SAs'
	for step in ${also-}; do "$step"; done
	[ ! -s "$run/undo" ] || eval "$(sed '1!G;h;$!d' "$run/undo")"
	rm -rf "$run"
	[ -z "$error$rows" ] || { say "something could not be removed: ${error:-$rows}" && failed=yes; }
}
prepare() { # of up
	local boot
	[ -z "$dry" ] || { read_section -n begin "$file"; return; }
	read -r boot </proc/sys/kernel/random/boot_id
	boot=$boot@$(readlink /proc/$$/ns/net)
	lock
	[ ! -d "$run" ] || [ "$(cat "$run/boot" 2>/dev/null)" = "$boot" ] || rm -rf "$run" # left by an earlier boot
	if [ -d "$run" ]; then
		rm -f "$run.busy"
		held=''
		[ -n "$keeper" ] && "$keeper" mend "$file" | grep . >&2 && exit
		fail 1 "is up already"
	fi
	read_section -n begin "$file"
	# where an index is in use the kernel silently takes another, and down would not find the policy
	[ -z "$(left)" ] || fail 1 "taken: another tool, or an up that $run has forgotten, has an index or reqid of this script: see ip -s xfrm policy; sh $file down removes what has them"
	trap 'fail 1 interrupted' HUP INT TERM PIPE
	mkdir "$run" || fail 1 "cannot make $run"
	made_run=yes
	note boot "$boot"
}
finish() {
	[ -z "$dry" ] || return 0
	trap - HUP INT TERM PIPE
	rm -f "$run.busy"
	# a rule of another VPN may lead packets elsewhere
	[ -z "$keeper" ] || "$keeper" status "$file" 2>/dev/null | sed -n "s/^  missing: \(.*(packets go.*\)/$name: warning: \1: see ip rule/p" >&2
	case $heard in
	no) say "set up, but no packet received from ${peers%@*} in $wait s: $(guess "is it up, with digest $digest?")" && exit 4 ;;
	now) say "up: packets from ${peers%@*} arrive. Test it with:$(tests)" ;;
	*) say "set up. When the other side is up too, test it with:$(tests)" ;;
	esac
}
down() {
	if has --all && command -v unguard >/dev/null; then unguarding=yes; fi
	if [ -z "$dry" ]; then
		lock
		[ -z "$keeper" ] || "$keeper" record "$file"
	fi
	take_back
	rm -f "$run.busy"
	[ -z "$failed" ] || exit 1
	[ -n "$dry" ] || say down
}
status() { # in short; xfrmkeep says more
	local peer
	for peer in $peers; do "$ip" -s xfrm state list nokeys reqid "${peer#*@}"; done
	[ -d "$run" ] || fail 1 down
	say up
}
usage() { echo "usage: sh $name.sh [-n] up [--wait SECONDS] [--local ADDRESS]$options | [-n] down | VERB [ARGUMENT]..."; }
is_address() { # ADDRESS: of this tunnel's family
	local octet count=0 IFS=.
	case $family$1 in 6*[!0-9A-Fa-f:.]* | 4*[!0-9.]* | *.) return 1 ;; 6*:*) return 0 ;; 6*) return 1 ;; esac
	for octet in $1; do
		case $octet in '' | 0?* | ????*) return 1 ;; esac
		[ "$octet" -le 255 ] || return 1
		count=$((count + 1))
	done
	[ "$count" = 4 ]
}
main() {
	while [ $# -gt 0 ]; do
		case $1 in
		-n) dry=yes ;;
		up | start) verb=${verb}up ;;
		down | stop) verb=${verb}down ;;
		--wait) wait=${2-} && shift ;;
		--local) local=${2-} && shift ;;
		--no-punch | --all) flags="$flags$1 " ;;
		-h | --help) usage && exit ;;
		*) case $options in *"[$1]"*) flags="$flags$1 " ;; *) break ;; esac ;;
		esac
		[ $# = 0 ] || shift
	done
	case $wait in '' | 0* | *[!0-9]* | ?????*) fail 2 "--wait '$wait': not a time (expected 1 to 9999 seconds)" ;; esac
	[ "$local" = auto ] || is_address "$local" || fail 2 "--local '$local': not an address"
	! find_program xfrmkeep "${XFRMKEEP-}" || keeper=$program
	case $verb$# in
	up0 | down0)
		find_ip
		$verb
		exit
		;;
	0) usage >&2 && exit 2 ;;
	up* | down*) say "'${1-$verb}': not known here (expected as follows)" && usage >&2 && exit 2 ;;
	esac
	verb=$1
	shift
	[ -z "$keeper" ] || exec "$keeper" ${dry:+-n} "$verb" "$file" "$@"
	[ "$verb" = status ] || fail 1 "$verb needs xfrmkeep beside $file or in PATH"
	find_ip && status
}
up() {
	prepare
	find_here
	begin
	! has --map || map_port
	find_helper
	batch "adding SAs (with keys)" states
	[ -n "$dry$heard" ] || has --no-punch || has --no-helper || open_hole
	batch "adding policies: what is to be encrypted" policies
	move_net
	start_helper
	case $heard in before | no) has --no-punch || has --no-helper || listen ;; esac
	finish
}

made=1 starts=0 # ---- now: written by xfrmpair and xfrmkeep
check=778e878306368ddbb72c83f034b74ca9 here=192.168.1.4
there_1=31.1.2.3 port_1=10421 spi_1=0xdeadbeef oseq_1=0 # b: endpoint, SPI and sequence number to send with
token=7b3c1137fc27c61710649723c4f4cd0cf5f8d3fc2a76e602dc5a0634b1e0469a
states() { echo "
xfrm state add src $there_1 dst $here proto esp spi 0xdeadbeef reqid 1830240544 mode tunnel replay-window 128 replay-seq 0 \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96 # from b, epoch 1
xfrm state add src $here dst $there_1 proto esp spi 0xdeadbeef reqid 1830240544 mode tunnel replay-window 128 replay-oseq $((oseq_1 + starts * 67108864)) \
  encap espinudp $port $port_1 0.0.0.0 aead rfc4106(gcm(aes)) 0x0000000000000000000000000000000000000000 96 # to b, epoch 1
"; }
#: b heard 0 fixed
# ---- end 12ff4053e2ed7635
main "$@"
}
