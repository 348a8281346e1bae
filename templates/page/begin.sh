set -u +eC
umask 077
unset IFS CDPATH token section # a variable that the caller exported stays exported
verb='' dry='' wait=60 flags=' ' endpoints='' held='' made_run='' heard='' unguarding='' child='' keeper='' failed='' file=./$0
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
note() { { echo "$2" >>"$run/$1"; } 2>/dev/null || fail 1 "cannot write $run/$1"; } # FILE LINE: adds it to a file of the run folder
has() { case $flags in *" $1 "*) ;; *) false ;; esac; } # FLAG: it was given
find_program() { # NAME [PATH]: leaves in program the one at PATH, beside this script, or in $PATH
	local folder IFS=:
	program=${2-}
	if [ -n "$program" ]; then
		[ -x "$program" ]
		return
	fi
	for folder in "${file%/*}" $PATH; do
		program=$folder/$1
		[ -f "$program" ] || continue
		[ ! -x "$program" ] || return 0
		say "$program cannot be run: chmod +x it; or is its file system mounted noexec?"
		break # another one, of another version perhaps, is not what was meant
	done
	false
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
rows() { # FUNCTION: prints its rows; mksh counts to 2^31 and shows a larger sequence number as negative
	case $((2147483648)) in
	-*) "$1" | awk '{ while (match($0, / -[0-9]+/)) $0 = substr($0, 1, RSTART) sprintf("%.0f", 4294967296 - substr($0, RSTART + 2, RLENGTH - 2)) substr($0, RSTART + RLENGTH) } 1' ;;
	*) "$1" ;;
	esac
}
batch() { # WORDS FUNCTION: gives the rows to ip on standard input: arguments are public, and rows have keys
	local error
	if [ -n "$dry" ]; then
		rows "$2" | sed -n "s/ # .*//; s/0x[0-9a-f]\{9,\}/KEY/g; s/ \([a-z0-9]*([^ ]*\)/ '\1'/g; s/   */ /g; s/^[a-z]/ip &/p"
		return
	fi
	say "$1"
	error=$(rows "$2" | "$ip" -batch - 2>&1) && return 0
	error=$(echo "$error" | sed 's/0x[0-9a-f]\{9,\}/KEY/g')
	case $2:$(echo "$error" | sed 's/"[^"]*"//g') in # names stand in quotes, and may be any word
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
make_folder() { # PATH: one that nobody else can change
	[ -d "$1" ] || mkdir "$1" 2>/dev/null
	if [ ! -O "$1" ] || [ -L "$1" ]; then
		[ "$(id -u)" = 0 ] || fail 1 "no-permission: run this as root (cannot make $1)"
		fail 1 "cannot make $1, or it is another user's (expected a folder of your own)"
	fi
	is_safe "$1" || fail 1 "$1: others can change it (expected a folder of mode 0700)"
}
is_safe() { # PATH: this user's folder or file, no link, and nobody else can write to it
	case $([ ! -O "$1" ] || ls -ld "$1") in [d-]????[!w]??[!w]*) ;; *) false ;; esac
}
lock() { # up, down and xfrmkeep exclude each other: the link has the pid of the one at work
	local pid tries=0 missing=0
	make_folder "${run%/*}"
	until ln -s $$ "$run.busy" 2>/dev/null; do
		pid=$(readlink "$run.busy")
		case $verb$(tr '\0' ' ' 2>/dev/null <"/proc/${pid:-none}/cmdline") in
		down*sh\ *\ up\ *) kill "$pid" 2>/dev/null ;;
		*sh\ * | *xfrmkeep\ *) ;;
		*) [ -z "$pid" ] || rm -f "$run.busy" ;; # its process is gone, and another one may have the number
		esac
		if [ -n "$pid" ]; then missing=0; else missing=$((missing + 1)); fi # it may just have been removed
		[ $missing -lt 5 ] || fail 1 "cannot make $run.busy: is the disk full, or read-only?"
		[ $((tries += 1)) -lt 100 ] || fail 1 "process $pid is at work on this tunnel"
		sleep 0.1
	done
	held=yes
}
read_section() { # ARGUMENT...: of xfrmkeep, which prints the section that counts; without xfrmkeep this file's counts
	local section
	if [ -n "$keeper" ]; then
		section=$("$keeper" "$@") || fail 1 "xfrmkeep refuses to begin"
		eval "$section"
		case $section in *' heard '[1-9]*) heard=before ;; esac
	elif [ "$made" -gt 1 ] || [ -e "$stored" ]; then
		fail 1 "only xfrmkeep can read $stored, and it is not there: copy it beside $file"
	elif [ -f "$stored.starts" ]; then
		make_folder "${stored%/*}"
		is_safe "$stored.starts" || fail 1 "$stored.starts: others can change it (expected a file of your own, of mode 0600)"
		starts=$(grep -cxF "$check" "$stored.starts") heard=before
	fi
}
begin() { # with sequence numbers that were never used, or a fresh key
	[ -z "$dry" ] || return 0
	# shellcheck disable=SC2086 # words
	read_section begin "$file" "here=$here" $endpoints
	[ -n "$keeper" ] || count_start
}
count_start() { # without xfrmkeep, which reads the count later: each start takes 2^26 of the 2^32 sequence numbers
	mkdir "${stored%/*}" 2>/dev/null
	[ ! -e "${stored%/*}" ] || make_folder "${stored%/*}"
	starts=$((starts + 1))
	[ $starts -le 62 ] || fail 1 "these keys have no sequence numbers left: install xfrmkeep on both sides, or generate new scripts"
	[ $starts -le 47 ] || say "sequence numbers for $((62 - starts)) more starts: then xfrmkeep or new scripts are needed"
	{ echo "$check" >>"$stored.starts" && sync "$stored.starts"; } 2>/dev/null ||
		say "warning: cannot write $stored.starts: if that stays so, the other side will refuse what is sent after the next up"
}
