# fingerprint: needs status, in whose place it is. Says what people compare, before up too.
status() {
	[ "$form" != watch ] || watch
	code=0
	told=$(snapshot) || code=$?
	case $form in json) [ -z "$told" ] || echo "${told%\}},\"fingerprint\":\"$fingerprint\"}" ;;
	*)
		[ -z "$told" ] || echo "$told"
		echo "  fingerprint $fingerprint"
		;;
	esac
	exit "$code"
}
