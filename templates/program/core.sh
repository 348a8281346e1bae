# core: needs name, digest, peers. Gives say, fail, the journal (note, undo) and the one way to change the machine (change, batch).
set +aefCv -u
umask 077
unset IFS CDPATH machine
unset book rows secret key auth word joined sent line kept # what holds keys here would be in the environment of all, where the caller's has that name
run=${XFRMPAIR_RUN:-/run/xfrmpair} peer=${peers%%@*} dry='' made='' mending='' changed='' punching='' found_out='' count='' heard='' ours='' counting=''
{ read -r machine </proc/sys/kernel/random/boot_id; } 2>/dev/null
machine=${machine-}@$(readlink /proc/$$/ns/net) # since boot, as this network sees it
say() {
	[ -z "$counting" ] || {
		counting=''
		printf '\r\033[K' >&2
	}
	echo "$name: $*" >&2
}
fail() {
	code=$1
	shift
	say "$*"
	exit "$code"
}
file=/proc/$$/fd/0 beside='' # this file and its folder; read with sh -s it is standard input, and its folder is none
case $0 in */*) path=${0%/*}/ ;; *) path=. ;; esac
case $- in *s*) ;; *) [ ! -f "$0" ] || { beside=$(cd -P -- "$path" && pwd) && file=$beside/${0##*/}; } ;; esac
case $run in /*) ;; *) run=$PWD/$run ;; esac
folder=$run/$digest.$name # who makes the folder comes up: lock and journal in one
anew='copy both scripts of one run anew'
[ -z "$fingerprint" ] || anew='make both anew, each from the same words and options'
after() { # WORD WORDS: leaves in word what follows WORD
	key=$1 word=''
	while [ $# -gt 2 ]; do
		shift
		if [ "$1" = "$key" ]; then
			word=$2
			return
		fi
	done
}
find_ip() { # that knows xfrm, by path: busybox has one that does not, and its shell prefers that
	IFS=:
	for path in $PATH /usr/local/sbin /usr/sbin /sbin /usr/bin /bin; do
		[ ! -x "$path/ip" ] || case $("$path/ip" xfrm help 2>&1) in
		*'ip xfrm'*)
			unset IFS
			ip_path=$path/ip
			return
			;;
		esac
	done
	fail 1 "no ip that knows xfrm; install iproute2"
}
ip() { "$ip_path" "$@"; }
is_ours() { # PATH...: false, and trouble says why, where others than root, this user and this file's owner can change one of them or what it is in
	for path; do
		while [ "$path" != "${path%/*}" ]; do
			path=${path%/*}
			set -- "$@" "${path:-/}"
		done
	done
	trouble=$({
		LC_ALL=C ls -ldnL "$@" "$file" /proc/$$
		[ ! -h "$1" ] || LC_ALL=C ls -ldn "$1"
	} 2>/dev/null | run=$run me=/proc/$$ file=$file awk '
		{ path = $0; sub(/^[^\/]*/, "", path); if (/^l/) { sub(/ -> .*/, ", a link,", path); $1 = "" } mode[path] = $1; uid[path] = $3 }
		function tell(what) { print path what; exit }
		END { known[0]; known[uid[ENVIRON["me"]]]; known[uid[ENVIRON["file"]]]; for (path in mode) {
			if (!(uid[path] in known)) tell(" belongs to user " uid[path] ", who is not root, nor you, nor owns this script: take another place, or chown it")
			if (mode[path] ~ (path == ENVIRON["run"] ? "^.(....|.......)w" : path ~ /^\/proc\// ? "^$" : "^.(....w...|.......w)[^tT]")) # in a sticky one all keep what is theirs
				tell(": others than its owner can change it: chmod go-w " path)
		} }')
	[ -z "$trouble" ]
}
# Looked at each time before it is run: it may have come, or changed, since. What is ours, in folders that are, nobody else changes.
find_program() { # NAME PATH: leaves in program the PATH, or the one beside this file or of PATH; false, and trouble says why, 2 where it may be others'
	program=${2:-$beside/$1} trouble="no $1; lay it beside this file, or put it on PATH"
	[ -n "$2" ] || [ -n "$beside" ] && [ -f "$program" ] || program=$(command -v "$1") || return 1
	trouble="$program cannot be run: chmod +x it; or is its file system mounted noexec?"
	[ -x "$program" ] && [ ! -d "$program" ] || return
	case $program in /*) ;; *) program=$PWD/$program ;; esac
	case $ours in *"
$program
"*) return ;; esac
	if [ -h "$program" ]; then
		set -- "$program" "$(readlink -f "$program")"
		program=$2
	else
		set -- "$program"
	fi
	is_ours "$@" || return 2
	[ $# = 2 ] || ours="$ours
$program
"
}
# A process is known by its pid and its time of birth, in /proc/PID/stat the 22nd word; one that has ended has none, whoever its parent
# may be that has not asked for it. lives PID BIRTH: it does.
get_birth() {
	birth=''
	{ read -r birth <"/proc/$1/stat"; } 2>/dev/null && set -- ${birth##*) } && birth=${20} || return
	case $1 in [ZX]) birth='' ;; esac
}
lives() { [ -n "${2-}" ] && get_birth "$1" && [ "$birth" = "$2" ]; }
end_process() { # PID: one that is stopped hears it, too
	kill "$1" && kill -s CONT "$1"
} 2>/dev/null
is_here() { # FOLDER: made on this machine
	machine_then=''
	{ read -r _ machine_then _ <"$1/undo"; } 2>/dev/null
	[ "$machine_then" = "$machine" ]
}
read_process() { # FILE: leaves in process the pid that it notes, if that lives
	process='' born=''
	{ read -r process born <"$1"; } 2>/dev/null
	lives "${process:-0}" "$born" || process=''
}
read_helper() { # FOLDER: none, where another holds the socket
	read_process "$1/helper"
	helper_pid=$process
	[ "$born" != none ] || helper_pid=none
}
claim() { # VERB: this process alone works on the folder; false when another does: worker is its pid, birth and verb, or empty where nobody can
	for again in 1 2 3 4 5 6 7 8 9; do
		get_birth $$
		! ln -s "$$ $birth $1" "$folder/busy" 2>/dev/null || {
			trap 'rm -f "$folder/busy"' EXIT
			return
		}
		worker=$(readlink "$folder/busy") || continue # it has ended since
		! lives $worker || return 1
		rm -f "$folder/busy" # of one that was killed
	done
	return 1
}
release() {
	rm -f "$folder/busy"
	trap - EXIT
}
claim_soon() { # VERB: the same, after a short wait for another that is at work, but up waits for no up or down; else it fails
	for try in 1 2 3 4 5 ''; do
		! claim "$1" || return 0
		[ -d "$folder" ] || fail 1 "went down meanwhile"
		[ -n "$worker" ] || fail 1 "cannot write to $folder"
		case $1,$worker in up,*' up' | up,*' down') try='' ;; esac
		[ -n "$try" ] || fail 1 "${worker##* } is at work already (pid ${worker%% *})"
		sleep 1
	done
}
# The journal has a line for each change, written before it, that takes it back. A line without its end was torn.
note() { [ -n "$dry" ] || { echo "$* ." >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo"; }
take_back() {
	case ${1-} in
	natprobe)
		unmap "$@"
		return
		;;
	ip | nft | put_back) error=$("$@" 2>&1) && return ;; *) return 0 ;; esac
	case $error in *'No such'* | *'Cannot find device'* | *'Cannot assign'*) ;;
	*)
		say "cannot be taken back: $*: $error"
		return 1
		;;
	esac
}
forget_lines() { # LINES: of the journal
	{
		echo "$1"
		echo --
		cat "$folder/undo"
	} | awk '!seen[$0]++ && on; $0 == "--" { on = 1 }' | cat >"$folder/left" && mv "$folder/left" "$folder/undo"
}
undo() { # FOLDER: takes back what its journal has, the last first; what cannot be stays noted, and is false
	for process in follower helper; do
		read_process "$1/$process"
		[ -z "$process" ] || end_process "$process"
	done
	noted=$(sed -n 's/ \.$//p' "$1/undo" 2>/dev/null | sed -n '1!G;h;$p') whole=''
	if echo "$noted" | sed -n 's/^ip //p' | ip -batch - >/dev/null 2>&1; then whole=ip; fi # all at once; one by one only where one of them is gone already
	left=$(echo "$noted" | while read -r tool words; do [ "$tool" = "$whole" ] || take_back $tool $words || echo "$tool $words ."; done)
	[ -z "$left" ] || {
		echo "$left" | sed -n '1!G;h;$p' | cat >"$1/left" && mv "$1/left" "$1/undo"
		return 1
	}
	mv "$1" "$1.gone.$$" && rm -rf "$1.gone.$$"
	rmdir "$run" 2>/dev/null || :
}
stop() { # STATUS WORDS: up ends, and what it made is taken back; nothing is when it mended a tunnel that was up
	trap '' HUP INT TERM PIPE
	[ -z "$punching" ] || kill "$punching" 2>/dev/null
	code=$1
	shift
	say "$*"
	[ -z "$made" ] || undo "$folder" || say "not all could be taken back; again with: sh $file down"
	exit "$code"
}
change() { # COMMAND: said and done; with -n only printed; refused, it ends up
	changed=yes
	if [ -n "$dry" ]; then
		echo "$*"
		return
	fi
	say "$*"
	error=$("$@" 2>&1) || refused "$*" "$error"
}
batch() { # WORDS FUNCTION: what it prints goes to ip's standard input: keys, the only long numbers, are no arguments, nor shown
	changed=yes
	if [ -n "$dry" ]; then
		"$2" | sed -e '/./!d; s/0x[0-9a-f]\{9,\}/KEY/g; s/   */ /g; s/^/ip /' -e "s/ \([a-z0-9]*([^ ]*\)/ '\1'/g"
		return
	fi
	say "$1"
	error=$("$2" | ip -batch - 2>&1) || refused "$1" "$error"
}
blocked() { # leaves in word FILE:LINE where modprobe is told to load no ESP
	word=$(modprobe -n -v "$esp" 2>/dev/null | grep '^install ') || return
	set -- "$(grep -s "^[[:blank:]]*install[[:blank:]]*${esp}[[:blank:]]" /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf /lib/modprobe.d/*.conf)"
	word=${1:-$word}
}
loop() { # leaves in loop an SA that is only tried
	case $esp in esp6) loop=::1 ;; *) loop=127.0.0.1 ;; esac
	loop="src $loop dst $loop proto esp spi 0x$$"
}
refused() { # WORDS ERROR: says what ip's error means, before it the word that check has for that, and stops
	set -- "$1" "$(echo $2)"
	loop
	case $2 in
	*"device type"*) stop 5 "$1: this kernel has no xfrm interfaces; generate without --interface ($2)" ;;
	*"encapsulation type"*) stop 5 "$1: this kernel has no espinudp-nonike any more (Linux 6.10 dropped it); generate without --encap ($2)" ;;
	*AEAD* | *AUTH* | *CRYPT* | *algorithm* | *cryptographic* | *"type not found"* | *"rotocol not supported"* | *"not implemented"*)
		printf 'xfrm state %s\n' "add $loop mode tunnel enc ecb(cipher_null) '' auth digest_null ''" "delete $loop" | ip -batch - 2>/dev/null && # which encrypts nothing
			stop 5 "no-cipher: this kernel lacks the cipher $cipher: generate with another --cipher ($1: $2)"
		! blocked || stop 5 "esp-blocked: ESP is switched off on purpose: $word: without that line it works ($1: $2)"
		stop 5 "no-esp: this kernel, or this container, has no ESP: try: modprobe $esp ($1: $2)"
		;;
	*"not permitted"*) stop 1 "$1: needs root ($2)" ;;
	*exists*) stop 1 "taken: another tool has one with the same identity: see: ip xfrm state; ip xfrm policy ($1: $2)" ;;
	esac
	stop 1 "$1: ${2:-ip failed without a word}"
}
