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
