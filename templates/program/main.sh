# main: the command line.
uses() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }
usage() { echo "usage: sh $name.sh [-n] up [--local ADDR] [--no-punch] [--wait SECONDS]$(uses helper && echo ' [--map] [--no-helper]')$(uses forwarding && echo ' [--forward]')$(uses exempt && echo ' [--nat-exempt]')
       sh $name.sh [-n] down [--all]
       sh $name.sh status [--json|--watch] | rekey | follow | check [TARGET]
       sh $name.sh update-peer [NAME] ADDRESS:PORT
       sh $name.sh [-n] capture FILE | wireshark"; }
help() {
	usage
	echo "
  -n               print what would be done, without the keys, and do nothing
  --local ADDR     this host has the address ADDR now
  --no-punch       open no hole, and do not wait for the other side
  --wait SECONDS   for an address of this host, and for the other side (60)"
	! uses helper || echo "  --map            ask the router for the port (PCP, NAT-PMP); down gives it back
  --no-helper      start no espdecap: another holds the socket, as systemd's unit does"
	! uses forwarding || echo "  --forward        let this host forward for its nets; down ends that"
	! uses exempt || echo "  --nat-exempt     what the tunnel carries passes this host's NAT by; down ends that"
	echo "  --all            of earlier runs of this script, too
  --json, --watch  for programs; for people, a table each second
  TARGET           an address there, to be asked in place of the usual one
  update-peer      send to another address or port of a peer from now on
  capture FILE     what passes, outside and inside, until ^C
  wireshark        the table that decrypts such a capture: it has the keys"
	[ -z "$beside" ] || echo "
The other verbs: sed '/^\$/q' $file"
}
misuse() {
	say "$@"
	usage >&2
	exit 2
}
verb='' address='' no_punch='' no_helper='' form='' wait=60 forward='' nat_exempt='' all='' map=''
while [ $# -gt 0 ]; do
	case $1 in
	-n) dry=yes ;; --no-punch) no_punch=yes ;; --all) all=yes ;;
	--json | --watch)
		[ "$verb$form" = status ] || misuse "$1: want status before it, and one of --json and --watch"
		form=${1#--}
		;;
	-h | --help)
		help
		exit 0
		;;
	--map)
		uses helper || misuse "$1: this tunnel has no port"
		map=yes
		;;
	--no-helper)
		uses helper || misuse "$1: this tunnel has no helper"
		no_helper='none none' no_punch=yes
		;;
	--wait)
		case ${2-} in '' | [!1-9]* | *[!0-9]* | ?????*) misuse "--wait '${2-}': want 1 to 9999 seconds" ;; esac
		wait=$2
		shift
		;;
	--local)
		case ${2-} in *[!0-9a-fA-F.:]* | [!0-9a-fA-F:]* | *.*.*.*.* | *..* | 0[0-9]* | *.0[0-9]* | *.) word='' ;; *:* | *.*.*.*) word=$2 ;; *) word='' ;; esac
		[ -n "$word" ] || misuse "--local '${2-}': want an address of this host"
		here=$2 address=$2
		shift
		;;
	--forward)
		uses forwarding || misuse "$1: this side has no net to forward for"
		forward=yes
		;;
	--nat-exempt)
		uses exempt || misuse "$1: this tunnel has no nets that a NAT rule could take"
		nat_exempt=yes
		;;
	up | start | down | stop | status | rekey | follow | wireshark)
		[ -z "$verb" ] || misuse "'$1' after '$verb': want one of them"
		verb=$1
		;;
	update-peer)
		verb=$1
		shift
		case $# in 1 | 2) break ;; esac
		misuse "$verb: want [NAME] ADDRESS:PORT"
		;;
	check)
		verb=$1
		case $# in
		1 | 2)
			shift
			break
			;;
		esac
		misuse "$1: want one TARGET, an address there"
		;;
	capture)
		verb=$1
		case $#${2:+file} in
		2file)
			captured=$2
			break
			;;
		esac
		misuse "$verb: want a FILE that is not there yet"
		;;
	*) misuse "'$1': not known, or not for this tunnel" ;;
	esac
	shift
done
words=$*
is_ours "$run" "$store" || fail 1 "$trouble"
find_ip
find_names
case $dry$verb in
up | start | yesup | yesstart) up ;;
yesdown | yesstop)
	[ -d "$folder" ] || fail 0 "is down"
	sed -n '/^made /d; s/^put_back \([^ ]*\) /echo \1 >/; s/ \.$//p' "$folder/undo" | sed -n '1!G;h;$p'
	;;
down | stop) down ;; status | yesstatus) status ;; rekey | follow) $verb ;; update-peer) update_peer $words ;; check) check_all $words ;;
capture | yescapture) capture "$captured" ;; wireshark | yeswireshark) wireshark_table ;;
*) misuse "want up, down, status, check, rekey, follow, update-peer, capture or wireshark" ;;
esac
