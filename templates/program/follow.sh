# follow: needs epochs, rekey. A peer that is heard from another place is sent to there; the rest of this host's part is done meanwhile.
moved() { # the kernel knows an SA by where it goes and its SPI: from another place it is another, and the old one goes just before
	{ ip xfrm state list nokeys; echo --; states; } | awk '
	$1 == "--" { on = 1 } $1 == "src" { way = $0; to = $4 } !on && $3 == "spi" { sub(/[(].*/, "", $4); there[to " " $4] = way " proto esp spi " $4 }
	/^xfrm state add / { id = $0; sub(/ reqid .*/, "", id); sub(/^xfrm state add /, "", id); old = there[$7 " " $11]; if (old == id) sub(/add/, "update"); else if (old != "") print "xfrm state delete " old }
	on && $1 != "--"'; over_policies
}
change_place() { # WORDS: what was replaced is gone already, and the same words would delete the new; the rest not before, for of what a policy needs the kernel would ask
	batch "$1" moved
	{ echo "$lines"; echo --; echo "$gone"; } | awk '{ id = $0; sub(/.* dst /, "state ", id) } $1 == "--" { on = 1 } !on { there[id] } on && /^ip/ && !(/ state / && id in there) { sub(/^ip /, ""); sub(/ \.$/, ""); print }' | ip -force -batch - >/dev/null 2>&1
}
move() { # WORDS: after these assignments, of here, there_N and port_N, the machine is as if up had known them
	recall_rows; found=$(scan); tally 1048576; write_book $margin || say "warning: cannot write $store" # numbers that leave before the new SAs are there
	before=$(journal states policies | sed 1d); ways=$(way_to_all); eval "$1"; derive
	lines=$(journal states policies | sed 1d); gone=$(echo "$before" | grep -vxF "$lines"); { echo "$lines" >>"$folder/undo"; } 2>/dev/null || fail 1 "cannot write $folder/undo"
	! echo "$found" | grep -q "^sa in[^ ]* [^ ]* [1-9]" || heard=yes; unset found; note_rows; keep_counts change_place "states and policies: $2"; keep_now
	{ echo "$gone"; echo --; cat "$folder/undo"; } | awk '!seen[$0]++ && on; $0 == "--" { on = 1 }' | cat >"$folder/left" && mv "$folder/left" "$folder/undo"
	if uses helper; then end_helper; add_helper; [ "$helper_pid" != none ] || say "espdecap is not ours: have it started with: $(helper | sed 's/-u 65534 //')"; fi
	[ "$ways" = "$(way_to_all)" ] || ! uses routes || { sed -n 's/^ip route delete \(.*\) \.$/\1/p' "$folder/undo" | while read -r route; do ip route delete $route 2>/dev/null; done; mending=yes; add_routes; }
}
way_to_all() { for word in $other_nets; do outer=''; eval "outer=\$there_${word#*@}"; ip route get "$outer" 2>/dev/null | sed 's/ uid.*//; /cache/d'; done; }
move_peer() { # NUMBER NAME ADDRESS PORT
	recall; eval "was=\$there_$1\${port_$1:+:\$port_$1}"; case $3 in *[!0-9a-fA-F.:]* | '') return 1 ;; esac
	[ "$was" != "$3${4:+:$4}" ] || return 0; say "$2 is at $3${4:+, port $4} now, was at $was"; read_book; move "there_$1=$3 port_$1=$4" "to where $2 is"
}
alone() { # COMMAND...: with nobody else at work on the folder, in a process of its own
	(for try in 1 2 3 4 5 ''; do [ -d "$folder" ] || exit; ! claim "$verb" || break; [ -n "$try" ] || fail 1 "${worker##* } is at work (pid ${worker%% *})"; sleep 1; done; "$@")
}
number_of() { number=0; for word in $peers; do number=$((number + 1)); case $1 in "${word%%@*}" | "${word##*@}") other=${word%%@*}; return ;; esac; done; false; } # NAME or reqid
update_peer() { # [NAME] ADDRESS:PORT
	[ -d "$folder" ] || fail 1 "is down"; recall || fail 1 "$why"
	if [ $# = 2 ]; then number_of "$1" || misuse "'$1': want one of $(for word in $peers; do printf '%s ' "${word%%@*}"; done)"; shift; else case $peers in *' '*) misuse "'$1': want a NAME before it, for there are several peers" ;; esac; number_of "$peer"; fi
	eval "was=\$there_$number"; at=${1%:*} at=${at#[} at=${at%]} at_port=${1##*:}
	case $was,$at in *:*,*:*:*) ;; *:*,* | *,*:* | *,*[!0-9.]*) false ;; *,*.*.*.*) ;; *) false ;; esac && case $at_port in '' | *[!0-9]* | ??????* | 0*) false ;; esac && [ "$at_port" -le 65535 ] && ip route show exact "$at" >/dev/null 2>&1 ||
		misuse "'$1': want an address of the family of $was, and a port"
	alone move_peer "$number" "$other" "$at" "$at_port"
}
heard_now() { echo "$found" | awk '$1 == "sa" && $2 ~ /^in/ { sum[substr($2, 4)] += $4 } END { for (other in sum) printf "%s=%.0f ", other, sum[other] }'; }
tick() { # each 20 seconds, by sleep and no clock
	ticks=$((ticks + 1)); recall || return 0; recall_rows; found=$(scan); now_heard=$(heard_now)
	[ $((ticks % 3)) != 0 ] || [ "$now_heard" = "${recorded-}" ] || { (record); recorded=$now_heard; }
	[ $((ticks % ${rekey_ticks:-180})) != 0 ] || (rekey)
	if [ "$now_heard" = "${last_heard-}" ]; then quiet=$((quiet + 1)); else quiet=0 last_heard=$now_heard; fi
	[ $((quiet % 6)) != 5 ] || { find_again; map_at=0; }
	! uses helper || [ "$ticks" -lt "${map_at:-0}" ] || renew
}
find_again() { # after two minutes without a word from anybody: names anew, and this host's own address
	number=0; for word in $peers; do
		number=$((number + 1)) other=${word%%@*} host='' was='' was_port=''; eval "host=\${name_$number-} was=\$there_$number was_port=\${port_$number-}"
		[ -z "$host" ] || ! at=$(resolve "$host") || [ "$at" = "$was" ] || alone move_peer "$number" "$other" "$at" "$was_port"
	done; recall
	[ -z "${auto-}" ] || { after src $(ip route get "$there_1" 2>/dev/null); [ -z "$word" ] || [ "$word" = "$here" ] || { say "this host is at $word now, was at $here"; alone move_self "$word"; }; }
}
move_self() { recall; read_book; move "here=$1" "from where this host is"; }
follow() { # in the foreground
	[ -d "$folder" ] || fail 1 "is down"; recall || fail 1 "$why"; read_process "$folder/follower"; [ -z "$process" ] || fail 1 "is followed already (pid $process)"
	get_birth $$; echo "$$ $birth" >"$folder/follower" && rm -f "$folder/heard.now" && mkfifo "$folder/heard.now" || fail 1 "cannot write to $folder"
	"$ip_path" xfrm monitor nokeys >"$folder/heard.now" 2>/dev/null & monitor=$! # not ip, whose shell it would be that is killed
	{ trap 'kill ${nap-}; exit' TERM; while sleep 20 & nap=$!; wait $nap; do echo tick; done; } >"$folder/heard.now" 2>/dev/null & ticker=$!
	follow_lines <"$folder/heard.now" & lines=$!
	trap 'kill $monitor $ticker $lines 2>/dev/null; rm -f "$folder/follower" "$folder/heard.now"' EXIT; trap 'exit 0' HUP INT TERM; say "follows its peers"; wait $lines
	[ ! -d "$folder" ] || fail 1 "follows no more: ip xfrm monitor has ended"
}
follow_lines() {
	ticks=0 quiet=0 to=''; while [ -d "$folder" ] && read -r line; do case $line in
	"Mapping change "*) to=${line##*-> } ;;
	dst*reqid*) line=${line#*reqid } line=${line%% *}; [ -z "$to" ] || ! number_of "$((line))" || { alone move_peer "$number" "$other" "${to%:*}" "${to##*:}"; recall; }; to='' ;;
	tick) [ ! -d "$folder" ] || tick ;;
	esac; done
}
