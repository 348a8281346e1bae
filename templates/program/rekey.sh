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
