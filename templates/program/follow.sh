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
