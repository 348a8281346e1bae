# helper: needs helper, here, port. Looks for espdecap and the port, and starts it.
check_helper() {
	read_helper "$folder"
	[ -z "$no_helper$helper_pid" ] || return 0
	find_program espdecap "${ESPDECAP-}" || fail 1 "$trouble"
	owner=''
	set -f
	for word in $(ss -Hlunp "sport = :$port" 2>/dev/null); do case $word in
		"$here:$port" | "[$here]:$port" | 0.0.0.0:"$port" | '*':"$port" | '[::]':"$port") owner=somebody ;; users:*) [ -z "$owner" ] || {
			owner=$word
			break
		} ;; esac done
	set +f
	[ -z "$owner" ] || {
		name_owner
		fail 1 "port-taken: UDP port $port is taken by $owner"
	}
}
name_owner() { # leaves in owner, which is ss's word for it, who that is to a person, and what ends it
	pid=${owner#*pid=} pid=${pid%%[!0-9]*}
	case $owner in
	*'"natprobe"'*)
		owner="natprobe (pid $pid): kill $pid ends it"
		! grep -qs -e --hold "/proc/$pid/cmdline" || owner="natprobe --hold (pid $pid): Enter ends it"
		;;
	*'"espdecap"'*) for other in "$run"/*/; do
		read_helper "$other"
		[ "$helper_pid" != "$pid" ] || {
			read -r _ _ own _ <"$other/undo"
			owner="another tunnel, which sh $own down ends"
			return
		}
	done ;;
	esac
}
end_helper() {
	read_helper "$folder"
	tries=0 # one that is frozen hears nothing at all
	while lives "${helper_pid:-0}" "$born" && [ "$tries" -lt 2000 ]; do
		end_process "$helper_pid"
		tries=$((tries + 1))
	done
}
add_helper() {
	if [ -n "$dry" ]; then
		[ -n "$no_helper" ] || echo "espdecap -d $(helper)"
		return
	fi
	read_helper "$folder"
	[ -z "$helper_pid" ] || return 0
	changed=yes
	{ echo "${no_helper:-starting}" >"$folder/helper"; } 2>/dev/null || stop 1 "cannot write $folder/helper"
	[ -z "$no_helper" ] || return 0
	find_program espdecap "${ESPDECAP-}" || stop 1 "$trouble"
	say "espdecap $(helper)"
	said=$("$program" -d $(helper) 2>&1) || stop $(($? < 6 ? $? : 1)) "espdecap did not start: $said"
	helper_pid=${said##*[!0-9]}
	get_birth "$helper_pid"
	{ echo "$helper_pid $birth" >"$folder/helper"; } 2>/dev/null || {
		kill "$helper_pid"
		stop 1 "cannot write $folder/helper"
	}
}
