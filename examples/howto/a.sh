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
#   sh a.sh down      removes what up added, nothing else
#   sh a.sh -n up     prints the commands, without the keys, and changes nothing
#
# Needs root, ip (iproute2) and espdecap, beside this file or on PATH; natprobe too if there.

name=a digest=88196a0e here=192.168.1.4 port=61525 title='a - b' cipher=aes128gcm12 esp=esp4 mtu=1442
port_1=10421  # where b is heard
# What `ip -batch` reads: which packets are to be encrypted, and how; SPI and key come from the rows at the end.
policies() { echo "
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out priority 2000 \
  tmpl src $here dst 31.1.2.3 proto esp reqid 1366164508 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in priority 2000 \
  tmpl src 31.1.2.3 dst $here proto esp reqid 1366164508 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd priority 2000 \
  tmpl src 31.1.2.3 dst $here proto esp reqid 1366164508 mode tunnel
"; }
state() { case $1 in # WAY.PEER SPI KEY [KEY]
out.b) echo "\
xfrm state add src $here dst 31.1.2.3 proto esp spi $2 reqid 1366164508 mode tunnel replay-window 128$count \
  encap espinudp $port $port_1 0.0.0.0 aead rfc4106(gcm(aes)) $3 96
" ;;
in.b) echo "\
xfrm state add src 31.1.2.3 dst $here proto esp spi $2 reqid 1366164508 mode tunnel replay-window 128$count \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) $3 96
" ;;
esac; }
# The helper holds the UDP socket, so that the kernel decapsulates, and keeps the NAT's mapping alive. 65534 is nobody.
helper() { echo "-u 65534 -b $here $port\
 31.1.2.3:$port_1\
"; }
peers='b@1366164508@31.1.2.3' first=a  # NAME@REQID@OUTER; the side to be started first
own_nets='192.168.1.4/32' other_nets='192.168.2.100/32@31.1.2.3'  # NET@OUTER
own_address=192.168.1.4/32 own_device=lo
tests='
  ping -c 3 -I 192.168.1.4 192.168.2.100
'
parts='address routes helper'  # what up adds beside policies and states, in this order
# ---- program xfrmpair 0.1, parts core look routes rules punch helper up down status main, cksum 595240034
# shellcheck disable=SC2015,SC2034,SC2046,SC2086,SC2116 # lists of words, conditions in a row
{
# core: needs name, digest, peers. Gives say, fail, the journal (note, undo) and the one way to change the machine (change, batch).
set +aefCv -u; umask 077; unset IFS CDPATH machine
run=${XFRMPAIR_RUN:-/run/xfrmpair} folder=${XFRMPAIR_RUN:-/run/xfrmpair}/$digest.$name # who makes the folder comes up: lock and journal in one
peer=${peers%%@*} dry='' made='' mending='' changed='' punching='' count='' heard=''
{ read -r machine </proc/sys/kernel/random/boot_id; } 2>/dev/null; machine=${machine-}@$(readlink /proc/$$/ns/net) # since boot, as this network sees it
say() { echo "$name: $*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }
file=/proc/$$/fd/0 beside='' # this file and its folder; read with sh -s it is standard input, and its folder is none
case $0 in */*) path=${0%/*}/ ;; *) path=. ;; esac; [ ! -f "$0" ] || { beside=$(cd -P -- "$path" && pwd) && file=$beside/${0##*/}; }
find_ip() { # that knows xfrm, by path: busybox has one that does not, and its shell prefers that
	IFS=:; for path in $PATH /usr/local/sbin /usr/sbin /sbin /usr/bin /bin; do
		[ ! -x "$path/ip" ] || case $("$path/ip" xfrm help 2>&1) in *'ip xfrm'*) unset IFS; ip_path=$path/ip; return ;; esac
	done; fail 1 "no ip that knows xfrm; install iproute2"
}
ip() { "$ip_path" "$@"; }
find_program() { # NAME PATH: leaves in program the PATH, or the one beside this file or of PATH; false, and trouble says why
	program=${2:-$beside/$1} trouble="no $1; lay it beside this file, or put it on PATH"
	[ -n "$2" ] || [ -f "$program" ] || program=$(command -v "$1") || return
	trouble="$program cannot be run: chmod +x it; or is its file system mounted noexec?"
	[ -x "$program" ] && [ ! -d "$program" ]
}
# A process is known by its pid and its time of birth, in /proc/PID/stat the 22nd word. lives PID BIRTH: it does.
get_birth() { birth=''; { read -r birth <"/proc/$1/stat"; } 2>/dev/null && set -- ${birth##*) } && birth=${20}; }
lives() { [ -n "${2-}" ] && get_birth "$1" && [ "$birth" = "$2" ]; }
is_here() { machine_then=''; { read -r _ machine_then _ <"$1/undo"; } 2>/dev/null; [ "$machine_then" = "$machine" ]; } # FOLDER: made on this machine
read_helper() { # FOLDER: leaves in helper_pid the pid of the helper that lives
	helper_pid='' born=''; { read -r helper_pid born <"$1/helper"; } 2>/dev/null
	lives "${helper_pid:-0}" "$born" || helper_pid=''
}
claim() { # VERB: this process alone works on the folder; false when another does: worker is its pid, birth and verb
	until get_birth $$; ln -s "$$ $birth $1" "$folder/busy" 2>/dev/null; do
		if ! worker=$(readlink "$folder/busy") || lives $worker; then return 1; else rm -f "$folder/busy"; fi # of one that was killed
	done; trap 'rm -f "$folder/busy"' EXIT
}
# The journal has a line for each change, written before it, that takes it back. A line without its end was torn.
note() { [ -n "$dry" ] || { echo "$* ." >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo"; }
take_back() {
	case ${1-} in ip | nft | put_back) error=$("$@" 2>&1) && return ;; *) return 0 ;; esac
	case $error in *'No such'* | *'Cannot find device'* | *'Cannot assign'*) ;; *) say "cannot be taken back: $*: $error"; return 1 ;; esac
}
undo() { # FOLDER: takes back what its journal has, the last first; what cannot be stays noted, and is false
	read_helper "$1"; [ -z "$helper_pid" ] || kill "$helper_pid"
	noted=$(sed -n 's/ \.$//p' "$1/undo" 2>/dev/null | sed -n '1!G;h;$p') whole=''
	# ip's all at once; one by one only where one of them is gone already
	if echo "$noted" | sed -n 's/^ip //p' | ip -batch - >/dev/null 2>&1; then whole=ip; fi
	left=$(echo "$noted" | while read -r tool words; do [ "$tool" = "$whole" ] || take_back $tool $words || echo "$tool $words ."; done)
	[ -z "$left" ] || { echo "$left" | sed -n '1!G;h;$p' >"$1/left" && mv "$1/left" "$1/undo"; return 1; }
	mv "$1" "$1.gone.$$" && rm -rf "$1.gone.$$"; rmdir "$run" 2>/dev/null || :
}
stop() { # STATUS WORDS: up ends, and what it made is taken back; nothing is when it mended a tunnel that was up
	trap '' HUP INT TERM PIPE; [ -z "$punching" ] || kill "$punching" 2>/dev/null
	code=$1; shift; say "$*"
	[ -z "$made" ] || undo "$folder" || say "not all could be taken back; again with: sh $file down"; exit "$code"
}
change() { # COMMAND: said and done; with -n only printed; refused, it ends up
	changed=yes; if [ -n "$dry" ]; then echo "$*"; return; fi
	say "$*"; error=$("$@" 2>&1) || refused "$*" "$error"
}
batch() { # WORDS FUNCTION: what it prints goes to ip's standard input: keys, the only long numbers, are no arguments, nor shown
	changed=yes; if [ -n "$dry" ]; then "$2" | sed -e '/./!d; s/0x[0-9a-f]\{9,\}/KEY/g; s/   */ /g; s/^/ip /' -e "s/ \([a-z0-9]*([^ ]*\)/ '\1'/g"; return; fi
	say "$1"; error=$("$2" | ip -batch - 2>&1) || refused "$1" "$error"
}
refused() { # WORDS ERROR: says what ip's error means, and stops
	set -- "$1" "$(echo $2)" "src $here dst $here proto esp spi 0x$$"
	case $2 in
	*"device type"*) stop 5 "$1: this kernel has no xfrm interfaces; generate without --interface ($2)" ;;
	*"encapsulation type"*) stop 5 "$1: this kernel has no espinudp-nonike any more (Linux 6.10 dropped it); generate without --encap ($2)" ;;
	*AEAD* | *AUTH* | *CRYPT* | *algorithm* | *cryptographic* | *"type not found"* | *"rotocol not supported"* | *"not implemented"*)
		printf 'xfrm state %s\n' "add $3 mode tunnel enc ecb(cipher_null) '' auth digest_null ''" "delete $3" | ip -batch - 2>/dev/null && # which encrypts nothing
			stop 5 "$1: this kernel lacks the cipher $cipher; generate with another --cipher ($2)"
		error=$(modprobe -n -v "$esp" 2>/dev/null | grep '^install ')
		stop 5 "$1: this kernel, or this container, has no ESP; ${error:-try: modprobe $esp} ($2)" ;;
	*"not permitted"*) stop 1 "$1: needs root ($2)" ;; *exists*) stop 1 "$1: another tool has one with the same identity; see: ip xfrm state; ip xfrm policy ($2)" ;;
	esac
	stop 1 "$1: ${2:-ip failed without a word}"
}
# look: needs peers, policies, state and the rows at the end of this file. Gives states, and scan: what the kernel has of us.
states() { # an `ip xfrm state add` for each row; or, where found is what a scan said, for each that it misses
	sed -n 's/^#key //p' "$file" | while read -r from to _ spi key auth; do
		case $from in "$name") way=out.$to ;; *) way=in.$from ;; esac
		case ${found-all}, in all, | *"missing SA $way,"*) state "$way" "$spi" "$key" "$auth" ;; esac
	done
}
# A line each: "sa WAY.PEER SPI PACKETS BYTES SEQUENCE", "missing …", "foreign …" what another tool has, "ours COMMAND" that deletes what has a
# reqid of ours, "failed …". SPI 0 is no SA: with it the kernel asks who listens (ip xfrm monitor) for one, and it cannot be deleted.
scan() {
	{ (unset found; states; [ -z "${guard-}" ] || guards; policies; echo --); ip -s xfrm state list nokeys && echo -- && ip xfrm policy list && echo --; } 2>&1 | awk -v here="$here" -v peers="$peers" '
	function after(word,  i) { for (i = 1; i < NF; i++) if ($i == word) { sub(/[(,].*/, "", $(i + 1)); return $(i + 1) } }
	function tell(id) { # of the policy that was read
		if (way != "" && reqid in peer) print "ours ip xfrm policy delete " id
		if (id in wanted && wanted[id] != reqid action) print "foreign policy " id
		delete wanted[id]
	}
	BEGIN { for (i = split(peers, word, " "); i; i--) { split(word[i], part, "@"); peer[part[2]] = part[1] } }
	NF && !/^Dump terminated/ { last = $0 } $1 == "--" { tell(selector way if_id); section++; way = ""; next }
	!section && $2 == "state" { order[++n] = $7 " " $11; sa[order[n]] = ($7 == here ? "in." : "out.") peer[$13]; keys = 1 }
	!section && $2 == "policy" {
		if_id = after("if_id"); reqid = after("reqid") after("action"); sub(/^xfrm policy add /, ""); sub(/ priority .*/, if_id == "" ? "" : " if_id " if_id)
		order[++n] = $0; wanted[$0] = reqid
	}
	section == 1 { if ($1 == "src") { ends = "src " $2 " dst " $4; dst = $4; sequence = "-" } else if (/ oseq /) sequence = after("oseq") }
	section == 1 && $1 == "proto" { spi = after("spi"); reqid = after("reqid"); id = dst " " spi }
	section == 1 && /lifetime current/ && spi != "0x00000000" {
		getline; sub(/\(.*/, "", $1); sub(/\(.*/, "", $2)
		if (reqid in peer) print "ours ip xfrm state delete " ends " proto esp spi " spi
		if (id in sa) print reqid in peer ? "sa " sa[id] " " spi " " $2 " " $1 " " sequence : "foreign SA to " dst " with SPI " spi; delete sa[id]
	}
	section == 2 && $1 == "src" { tell(selector way if_id); way = reqid = if_id = action = ""; sub(/ *$/, " dir "); sub(/proto udp/, "proto 17"); selector = $0 }
	section == 2 { if ($1 == "dir") { way = $2; action = after("action") } else if ($1 == "if_id") if_id = " if_id " $2; else if (/ reqid /) reqid = after("reqid") }
	END {
		if (!keys) print "keyless"; if (section != 3) { print "failed " last; exit }
		for (i = 1; i <= n; i++) if (order[i] in sa) print "missing SA " sa[order[i]] ","; else if (order[i] in wanted) print "missing policy " order[i]
	}'
}
# routes: needs own_nets, other_nets, mtu; own_address and own_device, interface, site where they are. The way to the other nets.
after() { # WORD WORDS: leaves in word what follows WORD
	key=$1 word=''; while [ $# -gt 2 ]; do shift; if [ "$1" = "$key" ]; then word=$2; return; fi; done
}
source_for() { # NET: leaves in source the address that this host sends there from: its own inside what this side protects
	case $1 in *:*) family=inet6 ;; *) family=inet ;; esac
	case $dry${own_address-}@$1 in yes*:*@*:* | yes*.*@*.*) source=${own_address%/*}; return ;; esac # which up would have added before
	for own in ${own_address-} $own_nets; do
		after $family $(ip -o address show scope global to "$own"); source=${word%/*}; if [ -n "$source" ]; then return; fi
	done
}
add_address() {
	if [ -n "$(ip -o address show to "${own_address%/*}")" ]; then return; fi
	note ip address delete "$own_address" dev "$own_device"; change ip address add "$own_address" dev "$own_device"
}
add_routes() {
	for pair in $other_nets; do
		net=${pair%@*} outer=${pair#*@}
		case $net in 0.0.0.0/0 | ::/0) continue ;; *:*) version=-6 ;; *) version=-4 ;; esac
		source_for "$net"
		[ -n "${site-}" ] || { after src $(ip route get "${net%/*}" 2>/dev/null); [ "$word" != "$source" ] || continue; } # the kernel takes it by itself
		[ -n "$source$mending" ] || say "no address of this host lies in what side $name protects: only what it forwards to $net goes through"
		[ -z "$(ip $version route show exact "$net")" ] ||
			{ [ -n "$mending" ] || say "warning: there is a route to $net, which stays; it may lack: src $source mtu $mtu"; continue; }
		way="dev ${interface-} -"; [ -n "${interface-}" ] || way=$(ip route get "$outer" 2>/dev/null) ||
			{ say "warning: no route to $outer yet, so none to $net: up again when there is one"; continue; }
		after dev $way; set -- "$net" dev "$word"; after via $way
		case $net@$word in *@ | *:*@*.* | *.*@*:*) ;; *) set -- "$@" via "$word" ;; esac # none, or of the other family: the policy is first
		set -- "$@" ${source:+src "$source"}
		note ip route delete "$@"; change ip route add "$@" mtu "$mtu"
	done
}
# rules: needs port and site where they are. What this host's firewall will do to the tunnel, said if it is certain.
list_rules() { # the legacy iptables only where it is in use: asked for nothing it would load its modules
	nft list ruleset 2>/dev/null; if [ -s /proc/net/ip_tables_names ] || ! command -v nft >/dev/null; then iptables-save 2>/dev/null; fi
}
warn_of_rules() {
	list_rules | awk -v port="${port:-0}" -v forwards="${site-}" '
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
# punch: needs first, peers, port, port_1. Opens both NATs before the kernel takes the port over; leaves in port_1 where the peer is.
punch() {
	find_program natprobe "${NATPROBE-}" || { say "$trouble; going on without opening the hole"; return; }
	outer=${peers##*@}; case $outer in *:*) outer="[$outer]" ;; esac
	if [ "$first" = "$name" ]; then set -- --first; say "opening the hole to $peer, for up to $wait s: start $peer now"
	else set --; say "opening the hole to $peer, which was to be started first, for up to $wait s"; fi
	# what both sides have and nobody else: the rows, the first side's first; on standard input, for arguments are public
	{ sed -n "/^#key $first /p" "$file"; sed -n "/^#key $first /!{/^#key /p;}" "$file"; } | sha256sum | "$program" -u 65534 -b "$here" \
		-p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0 "$@" >"$folder/heard" &
	punching=$!; wait "$punching"; punched=$? punching='' from='' # beside us, so that a signal ends us both at once
	{ read -r from <"$folder/heard"; } 2>/dev/null; case $punched.$from in
	0."$outer:$port_1") heard=yes; say "$peer is heard" ;;
	0."$outer":*) heard=yes port_1=${from##*:}; say "$peer is heard from port $port_1, not from the one it was generated for: using that for this run" ;;
	0.?*) stop 3 "$peer is heard at $from, not at $outer: generate the scripts again with @$from for $peer" ;;
	2.*) stop 2 "the script of $peer is of another run than this one (digest $digest): copy both scripts of one run anew" ;;
	4.*) heard=no ;;
	*) [ "$punched" = 3 ] || punched=1; stop "$punched" "natprobe could not open the hole; see above what it said" ;;
	esac
}
# helper: needs helper, here, port. Looks for espdecap and the port, and starts it.
check_helper() {
	find_program espdecap "${ESPDECAP-}" || fail 1 "$trouble"
	espdecap=$program; read_helper "$folder"; owner=$(ss -Hlunp "sport = :$port" 2>/dev/null | awk -v here="$here:$port" -v here6="[$here]:$port" '$4 == here || $4 == here6 || $4 ~ /^(0\.0\.0\.0|\*|\[::\]):/ { print $NF; exit }')
	[ -z "$owner" ] || [ -n "$helper_pid" ] || fail 1 "UDP port $port is taken by $owner"
}
add_helper() {
	if [ -n "$dry" ]; then echo "espdecap -d $(helper)"; return; fi
	read_helper "$folder"; [ -z "$helper_pid" ] || return 0; changed=yes; say "espdecap $(helper)"
	{ echo starting >"$folder/helper"; } 2>/dev/null || stop 1 "cannot write $folder/helper"
	said=$("$espdecap" -d $(helper) 2>&1) || stop $(($? < 6 ? $? : 1)) "espdecap did not start: $said"
	helper_pid=${said##*[!0-9]}; get_birth "$helper_pid"
	{ echo "$helper_pid $birth" >"$folder/helper"; } 2>/dev/null || { kill "$helper_pid"; stop 1 "cannot write $folder/helper"; }
}
# up: needs title, parts. Sets the tunnel up; where it is up but not whole, puts back what is missing.
journal() { # FUNCTION...: what is noted before the SAs and policies that they print: whose they are, and how each is deleted
	(unset found; echo "made $machine $file ."; for rows; do "$rows"; done | sed -n -e 's/^xfrm state add \(src .* spi [^ ]*\) reqid.*/ip xfrm state delete \1 ./p' \
		-e 's/^xfrm policy [a-z]* \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\}.*/ip xfrm policy delete \1\2 ./p')
}
over_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
is_earlier() { [ "$1" != "$folder" ] && is_here "$1" && journal states policies | grep -qFxf - "$1/undo"; } # a run that had our path or a policy of ours
refuse_earlier() {
	for old in "$run"/*."$name"; do ! is_earlier "$old" || fail 1 "an earlier run of this script (digest $(expr "$old" : '.*/\(........\)\.')) is still up; take it down with: sh $file down --all"; done
}
recall() { # takes over what up has found out, here, port_1 and heard; false, and why, when it did not end or its file is not whole
	why="an earlier up was cut off; take it down with: sh $file down" now_end='' word='' torn=now
	{ read -r word _ <"$folder/undo"; read -r now_here now_port now_heard now_end <"$folder/now"; } 2>/dev/null; [ "$word" = made ] || torn=undo
	[ ! -e "$folder/now" ] || why="$folder/$torn is empty or torn; take down what is there with: sh $file down"; [ "$word$now_end" = made. ] && here=$now_here port_1=$now_port heard=$now_heard
}
check() { # all that could stand in the way, before anything is changed
	if [ -d "$folder" ]; then
		claim up || fail 1 "${worker:+${worker##* } is at work already (pid ${worker%% *})}${worker:-cannot write to $folder}"
		recall || fail 1 "$why"; mending=yes
		[ "$here" = "${address:-$here}" ] || fail 1 "it is up with $here: take it down first, with: sh $file down"
	else refuse_earlier; fi
	set -- $(ip -o address show to "$here" 2>/dev/null); word=${4-}
	case $here,$word in *:*,*:*/*) here=${word%/*} ;; "${word%/*},${word:-.}") ;; # as the kernel writes it
	*) fail 1 "$here is not an address of this host; is this the script of another side? If the address changed: up --local ADDR" ;; esac
	for part in $parts; do case $part in interface | helper) check_"$part" ;; esac; done
	found=$(scan); case $mending${limited-}$found in
	*foreign*) fail 1 "another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'); see: ip xfrm state; ip xfrm policy" ;;
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	*keyless*) fail 1 "no keys at the end of $file: is it whole? From a pipe they cannot be read" ;;
	yeslimited*"missing SA out"*) fail 1 "an SA with a limit is missing; if it was reached, take both sides down, and up with new scripts" ;;
	yes*) echo "$found" | sed -n 's/SA in\./SA from /; s/SA out\./SA to /; s/,*$//; s/^missing/missing:/p' | while read -r line; do say "$line"; done ;;
	*ours*) fail 1 "the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	esac
	trap 'stop 1 interrupted' HUP INT TERM PIPE
	[ -z "$mending" ] || return 0; mkdir -p "$run" && mkdir "$folder" 2>/dev/null || fail 1 "cannot make $folder$([ ! -d "$folder" ] || echo ': up is at work already')"
	made=yes; claim up || stop 1 "cannot write to $folder"
}
up() {
	if [ -z "$dry" ]; then
		check; [ -n "$mending" ] || say "tunnel $title, digest $digest"
		warn_of_rules; ! uses exempt || [ -n "$nat_exempt" ] || warn_of_nat
		modprobe -q "$esp" 2>/dev/null
		[ -z "${first-}" ] || [ -n "$mending$no_punch" ] || punch
		case $found in *missing*) { journal states policies >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo" ;; esac
		[ -z "$mending" ] || count=" replay-oseq $((($(grep -c '^made' "$folder/undo") - 1) * 67108864))" # far beyond what was sent
	fi
	[ -z "${guard-}" ] || add_guards
	case ${found-missing SA} in *"missing SA"*) batch "states: how, with keys" states ;; esac
	case ${mending:-policies}${found-} in policies*) batch "policies: what is to be encrypted" policies ;; *"missing policy"*) batch "policies: what is to be encrypted" over_policies ;; esac
	for part in $parts; do add_"$part"; done
	[ -z "$dry" ] || return 0
	{ echo "$here ${port_1:--} ${heard:-no} ." >"$folder/now"; } 2>/dev/null || stop 1 "cannot write $folder/now"
	trap - HUP INT TERM PIPE; [ -n "$changed" ] || fail 1 "is up already; see: sh $file status; take it down with: sh $file down"
	set -- $tests; for _ in 1 2 3; do # a ping makes a peer that is up already be heard, through the tunnel and so for certain
		[ "$heard$mending" = no ] || break; ping -c 1 -W 1 "$4" "$5" "$6" >/dev/null 2>&1 || sleep 1
		! scan | grep -q '^sa in[^ ]* [^ ]* [1-9]' || { heard=yes; say "$peer is heard"; echo "$here $port_1 yes ." >"$folder/now"; }
	done
	[ "$heard$mending" != no ] || fail 4 "set up, but $peer has not been heard. Is its script up, and of this run (digest $digest)? Do natprobe's words still hold?"
	say "up. When the other side is up too, test it with"; echo "$tests" | sed '/./!d'
}
# down: takes back what up noted, at any time, whatever up does meanwhile.
down() {
	trap '' HUP PIPE; left='' told='' was='' stays=''
	[ -z "$all" ] || for old in "$run"/*."$name" "$run"/*."$name".guard; do ! is_earlier "$old" || undo "$old" || left=yes; done
	while [ -d "$folder" ] && ! claim down; do
		[ -n "$worker" ] || fail 1 "cannot write to $folder"
		[ "${worker##* }$told" != up ] || { told=yes; say "ending up, which is at work (pid ${worker%% *})"; kill "${worker%% *}"; }; sleep 1
	done
	[ ! -d "$folder" ] || { was=there; recall; undo "$folder" || left=yes; }
	found=$(scan); case $all$was,$found in
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	,*ours*) fail 1 "is down, but the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	*ours*) left=$left$(echo "$found" | sed -n 's/^ours //p' | while read -r line; do take_back $line || echo "$line"; done) ;;
	esac
	[ -z "$left" ] || fail 1 "not all could be taken back; what is left stays noted: again with: sh $file down"
	refuse_earlier; if [ -z "$was" ]; then say "is down"; return; fi
	[ -z "${guard-}" ] || [ -n "$all" ] || stays=', and what it carried stays blocked'
	say "down$stays. Take the other side down too before the next up: it refuses sequence numbers that it has seen"
}
# status: up is all of it: SAs, policies and helper.
status() {
	refuse_earlier; [ -d "$folder" ] || { [ ! -d "$folder.guard" ] || blocked=', and what it carried is blocked'; echo "$name: down${blocked-}"; exit 1; }
	worker=$(readlink "$folder/busy") && lives $worker && fail 1 "${worker##* } is at work (pid ${worker%% *})"
	hint="flushed by another tool? Put back what is missing with: sh $file up"; [ -z "${limited-}" ] || hint='a limit reached? Then take both sides down, and up with new scripts'
	recall || fail 1 "$why"; found=$(scan); case $found in *failed*) refused "looking at xfrm" "${found##*failed }" ;; esac; helper_pid=none; ! uses helper || read_helper "$folder"
	echo "$found" | awk -v name="$name" -v digest="$digest" -v helper="$helper_pid" -v heard="$heard" -v hint="$hint" '
	$1 == "missing" || $1 == "foreign" { sub(/,$/, ""); sub(/SA in\./, "SA from "); sub(/SA out\./, "SA to "); sub($1, "  " $1 ":"); missing = missing $0 "\n" }
	$1 == "sa" {
		way = peer = $2; sub(/\..*/, "", way); sub(/^[^.]*\./, "", peer)
		rows = rows sprintf("  %-4s %-15s SPI %s %12s packets %15s bytes\n", way == "in" ? "from" : "to", peer, $3, $4, $5)
		if (way == "in" && $4 == 0 && heard != "yes") silent = silent (silent == "" ? "" : ", ") peer
		if (way == "out" && $6 ~ /^0x[89a-f]......./) rows = rows "  warning: half of the sequence numbers to " peer " are used; new scripts before all are\n"
	}
	END {
		if (helper == "") missing = missing "  missing: espdecap\n"
		verdict = missing != "" ? "half up: " hint : \
			"up, digest " digest (helper ~ /^[0-9]/ ? ", espdecap alive (pid " helper ")" : "") (silent != "" ? "; nothing heard from " silent " yet" : "")
		printf "%s: %s\n%s%s", name, verdict, missing, rows; exit missing != "" ? 1 : silent != "" ? 4 : 0
	}'
}
# main: the command line.
uses() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
usage() {
	echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch]${first:+ [--wait SECONDS]}$(uses forwarding && echo ' [--forward]')$(uses exempt && echo ' [--nat-exempt]')
       sh $name.sh [-n] down [--all]
       sh $name.sh status"
}
misuse() { usage >&2; fail 2 "$@"; }
verb='' address='' no_punch='' wait=60 forward='' nat_exempt='' all=''
while [ $# -gt 0 ]; do
	case $1 in
	-n) dry=yes ;; --no-punch) no_punch=yes ;; --all) all=yes ;; -h | --help) usage; exit 0 ;;
	--wait)
		case ${first-none}@${2-} in none@* | *@ | *@[!1-9]* | *@*[!0-9]* | *@?????*) misuse "--wait '${2-}': want 1 to 9999 seconds${first-, and two sides with ports}" ;; esac
		wait=$2; shift ;;
	--local) case ${2-} in *[!0-9a-fA-F.:]* | [!0-9a-fA-F:]* | *.*.*.*.* | *..* | 0[0-9]* | *.0[0-9]* | *.) word='' ;; *:* | *.*.*.*) word=$2 ;; *) word='' ;; esac
		[ -n "$word" ] || misuse "--local '${2-}': want an address of this host"
		here=$2 address=$2; shift ;;
	--forward) uses forwarding || misuse "$1: this side has no net to forward for"; forward=yes ;;
	--nat-exempt) uses exempt || misuse "$1: this tunnel has no nets that a NAT rule could take"; nat_exempt=yes ;;
	up | start | down | stop | status) [ -z "$verb" ] || misuse "'$1' after '$verb': want one of them"; verb=$1 ;;
	*) misuse "'$1': not known, or not for this tunnel" ;;
	esac; shift
done
find_ip
case $dry$verb in
up | start | yesup | yesstart) up ;;
yesdown | yesstop) [ -d "$folder" ] || fail 0 "is down"; sed -n '/^made /d; s/^put_back \([^ ]*\) /echo \1 >/; s/ \.$//p' "$folder/undo" | sed -n '1!G;h;$p' ;;
down | stop) down ;; status | yesstatus) status ;;
*) misuse "want up, down or status" ;;
esac
}
# ---- keys: FROM TO EPOCH SPI KEY
#key a b 1 0xdeadbeef 0x0000000000000000000000000000000000000000
#key b a 1 0xdeadbeef 0x0000000000000000000000000000000000000000
}
