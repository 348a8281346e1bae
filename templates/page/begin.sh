# If xfrmkeep is beside this file or in PATH, main runs it instead. Without it, the functions below
# run the same ip commands, but wait for nobody and explain less.
set -u +eC
umask 077
unset IFS CDPATH token # these must not stay exported
dry='' all='' ip=ip made_run='' silent='' file=./$0
case $0 in */*) file=$0 ;; esac
case $- in *s*) file=/proc/$$/fd/0 ;; esac # sh -s <NAME.sh
run=${XFRMPAIR_RUN:-/run/xfrmpair}/$store stored=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$store
say() { echo "$name: $*" >&2; }
fail() { # STATUS MESSAGE: undoes what up did, and exits
	trap '' HUP INT TERM PIPE
	say "$2"
	[ -z "$made_run" ] || take_back
	exit "$1"
}
find_program() { # NAME [PATH]: sets program to PATH, or to NAME beside this file or in $PATH
	local folder IFS=:
	for folder in "${file%/*}" $PATH; do
		program=${2:-$folder/$1}
		[ ! -f "$program" ] || break # the first one, or none
	done
	[ -x "$program" ]
}
batch() { # FUNCTION: passes its rows to ip on standard input, because they contain keys
	local key='s/0x[0-9a-f]\{9,\}/KEY/g' word="s/ \([a-z0-9]*([^ ]*\)/ '\1'/g; s/  */ /g"
	[ -z "$dry" ] || { "$1" | sed -n "s/ # .*//; $key; $word; s/^[a-z]/ip &/p"; return; }
	say "adding $1"
	! "$1" | "$ip" -batch - 2>&1 | sed "$key" | grep . >&2 || fail 1 "ip failed: $1"
}
own_folder() { # PATH: creates it if needed, and fails if it is not ours or others can write to it
	mkdir "$1" 2>/dev/null
	case $([ ! -O "$1" ] || ls -ld "$1") in [-d]????[!w]??[!w]*) return 0 ;; esac
	fail 1 "$1: cannot be made, or others can write to it (expected your own, mode 0700)"
}
begin() { # each start uses 2^26 of the 2^32 sequence numbers; xfrmkeep reads the count later
	local number=0 starts=0
	if [ "$made" != 1 ] || [ -e "$stored" ]; then fail 1 "only xfrmkeep can read $stored"; fi
	[ ! -f "$stored.starts" ] || starts=$(grep -cxF "$check" "$stored.starts")
	[ $((starts += 1)) -le 62 ] ||
		fail 1 "these keys have no sequence numbers left: install xfrmkeep"
	for _ in $peers; do eval "oseq_$((number += 1))=0x$(printf %x $((starts * 4)))000000"; done
	[ "$here" != auto ] ||
		here=$("$ip" route get "$there_1" | sed -n 's/.* src \([^ ]*\).*/\1/p')
	[ -z "$dry" ] || return 0
	[ -n "$("$ip" address show to "$here")" ] || fail 1 "'$here' is not an address of this host"
	own_folder "${stored%/*}" && own_folder "${run%/*}"
	[ ! -e "$stored.starts" ] || own_folder "$stored.starts" # else numbers could repeat
	mkdir "$run" || fail 1 "already up, or interrupted: sh $file down"
	made_run=yes
	trap 'fail 1 interrupted' HUP INT TERM PIPE
	echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)" >"$run/boot" &&
		echo "$check" >>"$stored.starts" && sync "$stored.starts" && return
	fail 1 "cannot write $run or $stored.starts"
}
