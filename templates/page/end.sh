take_back() { # an object that is already gone is not an error
	local row pid
	[ -n "$dry" ] || say "removing what up added"
	! command -v remove_tables >/dev/null || remove_tables
	{ undo && ${all:+unguard} && cat "$run/undo" 2>/dev/null; } | while read -r row; do
		# shellcheck disable=SC2086 # words
		[ -z "$row" ] || ${dry:+echo} "$ip" $row 2>/dev/null
	done
	[ -z "$dry" ] || return 0
	pid=$(cat "$run/espdecap" 2>/dev/null)
	case $(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-self}/cmdline") in
	*espdecap\ -d\ *" ${port-} "*) kill "$pid" && kill -s CONT "$pid" ;;
	esac
	rm -rf "$run"
}
down() {
	case $* in *--all*) all=$(command -v unguard) ;; esac
	[ ! -e "${run%/*}" ] || own_folder "${run%/*}" # its rows are executed
	take_back
	[ -n "$dry" ] || say down
}
status() {
	[ -d "$run" ] || fail 1 down
	"$ip" -s xfrm state list nokeys && say up
}
usage() { echo "usage: sh $name.sh [-n] up [--wait S] [--local ADDR]$options | [-n] down | VERB"; }
main() {
	local verb word
	case ${1-} in -h | --help) usage && exit ;; -n) dry=-n && shift ;; esac
	case ${1-} in start) verb=up ;; stop) verb=down ;; *) verb=${1-} ;; esac
	[ -n "$verb" ] || { usage >&2 && exit 2; }
	shift
	if find_program xfrmkeep "${XFRMKEEP-}"; then exec "$program" $dry "$verb" "$file" "$@"; fi
	for word in "$verb" "$@"; do
		case $word in
		up | down | status | --no-punch | --all) ;;
		*) fail 2 "'$word' needs xfrmkeep beside $file or in PATH" ;;
		esac
	done
	PATH=$PATH:/usr/sbin:/sbin
	[ -n "$dry" ] || { find_program ip && ip=$program; } || fail 1 "no ip: install iproute2"
	"$verb" "$@"
}
