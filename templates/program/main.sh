# main: the command line.
uses() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
usage() {
	echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch]${first:+ [--wait SECONDS]}$(uses forwarding && echo ' [--forward]')$(uses exempt && echo ' [--nat-exempt]')
       sh $name.sh [-n] down [--all]
       sh $name.sh status"
}
misuse() { usage >&2; fail 2 "$@"; }
verb='' address='' no_punch='' wait=60 forward='' nat_exempt='' all=''
while [ $# -gt 0 ]; do
	case $1 in
	-n) dry=yes ;; --no-punch) no_punch=yes ;; --all) all=yes ;; -h | --help) usage; exit 0 ;;
	--wait)
		case ${first-none}@${2-} in none@* | *@ | *@[!1-9]* | *@*[!0-9]* | *@?????*) misuse "--wait '${2-}': want 1 to 9999 seconds${first-, and two sides with ports}" ;; esac
		wait=$2; shift ;;
	--local) case ${2-} in *[!0-9a-fA-F.:]* | [!0-9a-fA-F:]* | *.*.*.*.* | *..* | 0[0-9]* | *.0[0-9]* | *.) word='' ;; *:* | *.*.*.*) word=$2 ;; *) word='' ;; esac
		[ -n "$word" ] || misuse "--local '${2-}': want an address of this host"
		here=$2 address=$2; shift ;;
	--forward) uses forwarding || misuse "$1: this side has no net to forward for"; forward=yes ;;
	--nat-exempt) uses exempt || misuse "$1: this tunnel has no nets that a NAT rule could take"; nat_exempt=yes ;;
	up | start | down | stop | status) [ -z "$verb" ] || misuse "'$1' after '$verb': want one of them"; verb=$1 ;;
	*) misuse "'$1': not known, or not for this tunnel" ;;
	esac; shift
done
find_ip
case $dry$verb in
up | start | yesup | yesstart) up ;;
yesdown | yesstop) [ -d "$folder" ] || fail 0 "is down"; sed -n '/^made /d; s/^put_back \([^ ]*\) /echo \1 >/; s/ \.$//p' "$folder/undo" | sed -n '1!G;h;$p' ;;
down | stop) down ;; status | yesstatus) status ;;
*) misuse "want up, down or status" ;;
esac
