# capture: needs epochs, follow. For Wireshark: the packets as they cross the net, the same inside, and the keys between the two.
wireshark_table() { # its file esp_sa, of the SAs that are there, or that the store has when it is down
	[ -n "$wireshark" ] || fail 2 "Wireshark cannot decrypt this tunnel: it does not know $cipher, or takes espinudp-nonike for IKE"
	read_book
	derive
	number=0 decode='' ports="$port ${own_word##*:}"
	for word in $peers; do
		number=$((number + 1))
		eval "ports=\"\$ports \${port_$number-}\""
	done
	for word in $ports; do case "$decode " in *"==$word,"*) ;; *) [ "$word" = 4500 ] || decode="$decode -d udp.port==$word,udpencap" ;; esac done
	say "warning: the table has keys: who has it reads what they encrypt"
	echo "# Wireshark's ESP SAs of the tunnel $title, digest $digest. CONTAINS KEYS.
# As ~/.config/wireshark/esp_sa it is for: tshark -r FILE -o esp.enable_encryption_decode:TRUE$decode"
	echo "$rows" | while read -r sa epoch spi _ _ key auth; do
		case $sa in in.*) ways="${sa#in.} to $name" ;; *) ways="$name to ${sa#out.}" ;; esac
		[ "$key" != 0x ] || key=''
		echo "# $spi: $ways, epoch $epoch"
		echo "\"IPv${esp#esp}\",\"*\",\"*\",\"$spi\",\"$wireshark\",\"$key\",\"$wireshark_auth\",\"$auth\""
	done
}
# By NFLOG, which hands over what was decrypted before any rule sees it, and what is to be encrypted after all of them.
taps() { echo "table inet $tap {
	chain in { type filter hook prerouting priority -450
$(for word in $peers; do echo "		ipsec in reqid ${word##*@} log group $group queue-threshold 1"; done)
	}
	chain out { type filter hook postrouting priority 450
$(for word in $peers; do echo "		ipsec out reqid ${word##*@} log group $group queue-threshold 1"; done)
	}
}"; }
add_taps() {
	note nft delete table inet "$tap"
	error=$(taps | nft -f - 2>&1) || {
		say "nft: $(echo $error)"
		false
	}
}
start_tcpdump() { # NAME FILE WORDS...: through a pipe, for a system may let tcpdump write where it likes only
	# what waits in the kernel when it is ended would be lost: hence --immediate-mode
	kind=$1 out=$2
	shift 2
	{
		"$tcpdump" "$@" -n -U -w - 2>"$folder/$kind.$$" &
		echo $! >"$folder/$kind.pid.$$"
		wait
	} | cat >"$out" &
	cats="$cats $!"
	for try in 1 2 3 4 5 6 7 8 9 10 ''; do
		! grep -q 'listening on' "$folder/$kind.$$" 2>/dev/null || return 0
		[ -n "$try" ] && kill -0 $! 2>/dev/null || break
		sleep 0.5
	done
	say "tcpdump: $(sed -n '/^tcpdump: /{s///;p;q;}' "$folder/$kind.$$")"
	false
}
capture_count() { sed -n 's/ packets* captured$//p' "$folder/$1.$$" 2>/dev/null; }
end_capture() {
	trap '' HUP INT TERM
	for kind in outer inner; do { read -r process <"$folder/$kind.pid.$$"; } 2>/dev/null && kill "$process" 2>/dev/null; done
	wait $cats
	[ -z "$group" ] || nft delete table inet "$tap" 2>/dev/null
	count=$(capture_count outer)
	[ -z "$count" ] || say "captured $count packets as they cross the net in $captured${group:+, and $(capture_count inner) inside in $captured.inner}"
	rm -f "$folder"/*er.$$ "$folder"/*er.pid.$$
}
capture() { # FILE
	# of ICMP the errors, and later fragments
	case $esp in esp6) filter='icmp6 and ip6[40] < 5 or ip6[6] == 44' ;; *) filter='icmp[0] == 3 or ip[6:2] & 8191 != 0' ;; esac
	if [ -n "$port" ]; then filter="udp port $port or $filter"; else filter="esp or $filter"; fi
	tap=xfrmpair-$digest-$name-capture-$$ group=$(($$ % 65535 + 1)) captured=$1 cats=''
	[ -z "$dry" ] || {
		echo "tcpdump -i any --immediate-mode -n -w $1 '$filter' &"
		echo "nft -f - <<END"
		taps
		echo END
		echo "tcpdump -i nflog:$group -n -w $1.inner"
		return
	}
	[ -d "$folder" ] || fail 1 "is down"
	tcpdump=$(command -v tcpdump) || fail 1 "no tcpdump; install it"
	[ ! -e "$1" ] && [ ! -e "$1.inner" ] && (
		set -C
		: >"$1" && : >"$1.inner"
	) 2>/dev/null || fail 1 "cannot make $1 and $1.inner, or one is there already: want another FILE"
	trap end_capture EXIT
	trap 'exit 0' HUP INT TERM
	start_tcpdump outer "$1" -i any --immediate-mode "$filter" || {
		rm -f "$1" "$1.inner"
		exit 1
	}
	if ! command -v nft >/dev/null; then
		say "warning: no nft (nftables), so nothing from inside is captured"
		group=''
	else start_tcpdump inner "$1.inner" -i "nflog:$group" && alone add_taps || {
		say "warning: nothing from inside is captured"
		group='' cats=${cats% *}
	}; fi
	[ -n "$group" ] || rm -f "$1.inner"
	say "captures until ^C: $1 as it crosses the net${group:+, $1.inner inside}"
	while kill -0 $cats 2>/dev/null; do sleep 1; done
	fail 1 "tcpdump has ended"
}
