start_helper() {
	# shellcheck disable=SC2046 # words
	set -- -d $(helper)
	[ -z "$dry" ] || { echo "espdecap $*" && return; }
	say "espdecap $*"
	find_program espdecap "${ESPDECAP-}" || fail 1 "no espdecap beside $file or in PATH"
	"$program" "$@" >"$run/espdecap" || fail 1 "espdecap did not start"
}
