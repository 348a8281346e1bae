open_hole() { # NATs accept packets only after one went out: both sides send until they receive
	local at outer=$there_1
	case $outer in *:*) outer="[$outer]" ;; esac
	find_program natprobe "${NATPROBE-}" || return 0
	say "waiting for ${peers%@*}, for up to 60 s ($first is started first)"
	set -- -u 65534 -b "$here" -p "$port" --punch "$outer:$port_1" --timeout 60 --token-fd 0
	[ "$first" != "$name" ] || set -- "$@" --first
	at=$(echo "$token" | "$program" "$@") || silent=$?
	[ "${silent:-4}" = 4 ] || fail "$silent" "natprobe could not punch a hole"
	[ -z "$silent" ] || return 0
	at=${at%% *}
	case $at in "${at%:*}" | *[!]0-9a-f.:[]* | *[!0-9]) fail 1 "natprobe printed '$at'" ;; esac
	port_1=${at##*:} at=${at%:*} at=${at#[} there_1=${at%]}
}
