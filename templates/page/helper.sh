find_helper() { # before the peer is waited for
	[ -n "$dry" ] || has --no-helper || find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
}
start_helper() { # status and mend miss no helper that is left to another program
	if has --no-helper; then
		[ -n "$dry" ] || note espdecap none
		return
	fi
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*"; return; }
	find_helper
	say "espdecap $*"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
