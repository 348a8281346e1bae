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
