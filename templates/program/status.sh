# status: needs peers, title. Up is all of it: SAs, policies, helper.
status() {
	refuse_earlier fail 1
	if [ ! -d "$folder" ]; then
		blocked=''
		[ ! -d "$folder.guard" ] || blocked=', and what it carried is blocked'
		echo "$name: down$blocked"
		exit 1
	fi
	# shellcheck disable=SC2046 # words
	set -- $(readlink "$folder/busy")
	if [ $# -eq 3 ] && lives "$1" "$2"; then fail 1 "$3 is at work (pid $1)"; fi
	recall || fail 1 "$why"
	found=$(scan)
	case $found in *failed*) refused "looking at xfrm" "${found##*failed }" ;; esac
	helper=none
	case " $parts " in *' helper '*) read_helper "$folder"; helper=$helper_pid ;; esac
	echo "$found" | awk -v name="$name" -v digest="$digest" -v helper="$helper" -v heard="$heard" -v file="$file" '
		$1 == "missing" { sub(/,$/, ""); sub(/^missing/, "  missing:"); missing = missing $0 "\n" }
		$1 == "sa" {
			split($2, way, "."); peer = substr($2, length(way[1]) + 2)
			rows = rows sprintf("  %-4s %-15s SPI %s %12s packets %15s bytes\n", way[1] == "in" ? "from" : "to", peer, $3, $4, $5)
			if (way[1] == "in" && $4 == 0 && heard != "yes") silent = silent (silent == "" ? "" : ", ") peer
			if (way[1] == "out" && $6 ~ /^0x[89a-f]......./) rows = rows "  warning: half of the sequence numbers to " peer " are used; new scripts before all are\n"
		}
		END {
			if (helper == "") missing = missing "  missing: espdecap, so nothing is heard\n"
			state = "up, digest " digest (helper ~ /^[0-9]/ ? ", espdecap alive (pid " helper ")" : "")
			if (silent != "") { state = state "; nothing heard from " silent " yet"; status = 4 }
			if (missing != "") { state = "half up (flushed by another tool, or a limit reached?); put back what is missing with: sh " file " up"; status = 1 }
			printf "%s: %s\n%s%s", name, state, missing, rows
			exit status
		}'
}
