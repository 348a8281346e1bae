start_helper() { # status and mend miss no helper that is left to another program
	if has --no-helper; then
		[ -n "$dry" ] || echo none >"$run/espdecap"
		return
	fi
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*"; return; }
	find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
	say "espdecap $*"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
