set -u
umask 077
unset IFS CDPATH
verb='' dry='' wait=60 flags=' ' endpoints='' held='' made_run='' heard='' unguarding='' child='' file=./$0
case $0 in */*) file=$0 ;; esac
case $- in *s*) file=/proc/$$/fd/0 ;; esac # sh -s <NAME.sh
run=${XFRMPAIR_RUN:-/run/xfrmpair}/$store stored=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$store
say() { echo "$name: $*" >&2; }
fail() { # STATUS WORDS: takes back what up did
	trap '' HUP INT TERM PIPE
	say "$2"
	[ -z "$child" ] || kill "$child" 2>/dev/null
	[ -z "$made_run" ] || take_back
	[ -z "$held" ] || rm -f "$run.busy"
	exit "$1"
}
has() { case $flags in *" $1 "*) ;; *) false ;; esac; } # FLAG: it was given
find_program() { # NAME [PATH]: leaves in program the one at PATH, beside this script, or in $PATH
	program=${2:-${file%/*}/$1}
	if [ ! -x "$program" ] && [ -z "${2-}" ]; then program=$(command -v "$1"); fi
	[ -x "$program" ]
}
find_ip() { # busybox has an ip that does not know xfrm, and its shell prefers that
	local IFS=:
	for ip in $PATH /usr/sbin /sbin; do
		ip=$ip/ip
		[ -x "$ip" ] || continue
		case $("$ip" xfrm help 2>&1) in *'ip xfrm'*) return 0 ;; esac # bash would return what ip did
	done
	fail 1 "no ip that knows xfrm: install iproute2"
}
has_esp() { # the kernel takes an SA without any cipher
	local sa='src ::1 dst ::1 proto esp spi 0xfffffffe'
	[ "$family" = 6 ] || sa='src 127.0.0.1 dst 127.0.0.1 proto esp spi 0xfffffffe'
	echo "xfrm state add $sa mode tunnel enc ecb(cipher_null) '' auth digest_null ''
		xfrm state delete $sa" | "$ip" -batch - 2>/dev/null
}
batch() { # WORDS FUNCTION: gives the rows to ip on standard input: arguments are public, and rows have keys
	local error
	if [ -n "$dry" ]; then
		"$2" | sed -n "s/ # .*//; s/0x[0-9a-f]\{9,\}/KEY/g; s/ \([a-z0-9]*([^ ]*\)/ '\1'/g; s/   */ /g; s/^[a-z]/ip &/p"
		return
	fi
	say "$1"
	error=$("$2" | "$ip" -batch - 2>&1) || case $2:$error in
	link:*evice\ type* | link:*upported*) fail 5 "this kernel has no xfrm interfaces: generate without --interface ($error)" ;;
	*ncapsulation\ type*) fail 5 "this kernel has no espinudp-nonike: generate without --encap ($error)" ;;
	*not\ permitted*) fail 1 "no-permission: run this as root ($error)" ;;
	*type\ not\ found* | *upported* | *implemented* | *AEAD* | *AUTH* | *CRYPT* | *lgorithm* | *cryptographic*)
		has_esp || fail 5 "no-esp: this kernel has no ESP: try modprobe esp$family ($error)"
		fail 5 "no-cipher: this kernel lacks $cipher: generate with another --cipher ($error)"
		;;
	*xists*) fail 1 "taken: another tunnel has this SPI or selector: see ip xfrm state; ip xfrm policy ($error)" ;;
	*) fail 1 "ip: ${error:-failed}" ;;
	esac
}
make_folder() { # PATH: one that belongs to this user
	[ -d "$1" ] || mkdir "$1" 2>/dev/null
	if [ ! -O "$1" ] || [ -L "$1" ]; then
		[ "$(id -u)" = 0 ] || fail 1 "no-permission: run this as root (cannot make $1)"
		fail 1 "cannot make $1, or it is another user's (expected a folder of your own)"
	fi
}
lock() { # up, down and xfrmkeep exclude each other: the link has the pid of the one at work
	local pid tries=0
	make_folder "${run%/*}"
	until ln -s $$ "$run.busy" 2>/dev/null; do
		pid=$(readlink "$run.busy")
		[ -e "/proc/${pid:-none}" ] || rm -f "$run.busy"
		[ "$verb" = up ] || { tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q ' up ' && kill "$pid"; } 2>/dev/null
		[ $((tries += 1)) -lt 100 ] || fail 1 "process $pid is at work on this tunnel"
		sleep 0.1
	done
	held=yes
}
section_of() { sed -n '/^made=[0-9]/,/^# ---- end/{/^# ---- end/!p;}' "$1"; } # FILE: all but its last line, which has the sum
sum() { sha256sum | cut -c 1-16; }
unusable() { # WORDS: down needs no keys
	[ "$verb" = down ] || fail 1 "$1"
	say "$1"
	false
}
take_section() { # of the section below and the one in the store, the one that was written more often counts
	local kept=0 owner="check=$check"
	from=$file
	if [ -e "$stored" ]; then
		make_folder "${stored%/*}"
		{ read -r kept _ && read -r owner _; } <"$stored"
		[ "$(tail -n 1 "$stored")" = "# ---- end $(sed '$d' "$stored" | sum)" ] ||
			unusable "$stored is torn: restore it, or generate new scripts" || return
		[ "$owner" = "check=$check" ] || unusable "$stored belongs to another script: delete it if that is not used any more" || return
	elif [ "$made" -gt 1 ]; then
		unusable "$stored is lost: restore it, or generate new scripts" || return
	fi
	# shellcheck disable=SC1090 # this script or xfrmkeep wrote it
	[ "${kept#made=}" -lt "$made" ] || { from=$stored && . "$stored"; }
}
start_again() { # N: as so many more starts, if the number to send with then is 2^32 - 2 at most
	local number
	starts=$((starts + $1))
	for number in $(states | sed -n 's/.* replay-oseq \([-0-9]*\) .*/\1/p'); do
		case $(((number + 1) >> 26)) in # mksh counts to 2^31, then below 0
		[0-9] | [1-5][0-9] | 6[0-3]) ;;
		*) fail 1 "these keys have no sequence numbers left: install xfrmkeep on both sides, or generate new scripts" ;;
		esac
	done
}
unwritten() { # goes on with the endpoints in use all the same
	local pair
	say "warning: cannot write $stored: if that stays so, the other side will refuse what is sent after the next up"
	for pair in $endpoints; do eval "${pair%%=*}=\${pair#*=}"; done
	rm -f "$stored.new" 2>/dev/null
}
write_section() { # N: as so many more starts, with the endpoints in use
	local text pair edit
	start_again "$1"
	edit="s/^made=[0-9]* starts=[0-9]*/made=$((made + 1)) starts=$starts/"
	for pair in $endpoints; do edit="$edit; s/^${pair%%=*}=[^ ]*/$pair/; s/ ${pair%%=*}=[^ ]*/ $pair/"; done
	text=$(section_of "$from" | sed "$edit")
	mkdir "${stored%/*}" 2>/dev/null
	[ ! -e "${stored%/*}" ] || make_folder "${stored%/*}"
	if { { echo "$text" && echo "# ---- end $(echo "$text" | sum)"; } | cat >"$stored.new" &&
		sync "$stored.new" && mv "$stored.new" "$stored"; } 2>/dev/null; then
		take_section
	else
		unwritten
	fi
}
