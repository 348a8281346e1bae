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
