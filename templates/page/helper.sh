start_helper() {
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*"; return; }
	find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
	say "espdecap $*"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
