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
