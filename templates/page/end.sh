end_helper() {
	local pid
	{
		read -r pid <"$run/espdecap"
		case $(tr '\0' ' ' <"/proc/${pid:-none}/cmdline") in *espdecap\ -d\ *" ${port-} "*) kill "$pid" && kill -s CONT "$pid" ;; esac
	} 2>/dev/null
}
left() { # prints rows that delete what undo names and the kernel has
	{ undo && ${unguarding:+unguard}; "$ip" -s xfrm policy list && "$ip" xfrm state list nokeys || echo failed; } | awk '
		/^failed/ { failed = 1 }
		/^xfrm/ { mine[$(NF - 1) $NF] } # index or reqid, and its number
		/^src/ { if (row) print row; row = ""; dst = $4 }
		/^\tdir/ && (("index" $6) in mine) { row = "xfrm policy delete dir " $2 " index " $6 }
		/^\tproto esp/ && (("reqid" $6) in mine) { row = "xfrm state delete dst " dst " proto esp spi " $4 }
		/^\tif_id/ && row ~ /policy/ { row = row " if_id " $2 }
		END { if (row) print row; exit failed }'
}
take_back() { # what is not there would end a batch of policies and SAs
	local step rows listed tries=0 error
	if [ -n "$dry" ]; then
		{ undo && ${unguarding:+unguard}; } | sed -n 's/^[a-z]/ip &/p'
		for step in ${also-}; do "$step"; done
		[ ! -s "$run/undo" ] || sed '1!G;h;$!d' "$run/undo" | sed 's/^put_back \(.*\) \(.*\)/echo \1 >\2/; s/"//g; s/^.ip/ip/'
		return
	fi
	end_helper
	say "removing what up added"
	# what is gone already is no error
	error=$({ undo && ${unguarding:+unguard}; } | grep -v ^xfrm | "$ip" -force -batch - 2>&1 | grep -v -e 'o such' -e 'ot found' -e 'annot find' -e 'annot assign' -e '^Command failed')
	while listed='' && rows=$(left) && listed=yes && [ -n "$rows" ] && [ $((tries += 1)) -le 5 ]; do echo "$rows" | "$ip" -batch - 2>/dev/null; done
	[ -n "$listed" ] || rows='ip lists no policies or SAs'
	for step in ${also-}; do "$step"; done
	[ ! -s "$run/undo" ] || eval "$(sed '1!G;h;$!d' "$run/undo")"
	rm -rf "$run"
	[ -z "$error$rows" ] || { say "something could not be removed: ${error:-$rows}" && failed=yes; }
}
prepare() { # of up
	local boot
	[ -z "$dry" ] || { read_section -n begin "$file"; return; }
	read -r boot </proc/sys/kernel/random/boot_id
	boot=$boot@$(readlink /proc/$$/ns/net)
	lock
	[ ! -d "$run" ] || [ "$(cat "$run/boot" 2>/dev/null)" = "$boot" ] || rm -rf "$run" # left by an earlier boot
	if [ -d "$run" ]; then
		rm -f "$run.busy"
		held=''
		[ -n "$keeper" ] && "$keeper" mend "$file" | grep . >&2 && exit
		fail 1 "is up already"
	fi
	read_section -n begin "$file"
	# where an index is in use the kernel silently takes another, and down would not find the policy
	[ -z "$(left)" ] || fail 1 "taken: another tool, or an up that $run has forgotten, has an index or reqid of this script: see ip -s xfrm policy; sh $file down removes what has them"
	trap 'fail 1 interrupted' HUP INT TERM PIPE
	mkdir "$run" || fail 1 "cannot make $run"
	made_run=yes
	note boot "$boot"
}
finish() {
	[ -z "$dry" ] || return 0
	trap - HUP INT TERM PIPE
	rm -f "$run.busy"
	# a rule of another VPN may lead packets elsewhere
	[ -z "$keeper" ] || "$keeper" status "$file" 2>/dev/null | sed -n "s/^  missing: \(.*(packets go.*\)/$name: warning: \1: see ip rule/p" >&2
	case $heard in
	no) say "set up, but no packet received from ${peers%@*} in $wait s: $(guess "is it up, with digest $digest?")" && exit 4 ;;
	now) say "up: packets from ${peers%@*} arrive. Test it with:$(tests)" ;;
	*) say "set up. When the other side is up too, test it with:$(tests)" ;;
	esac
}
down() {
	if has --all && command -v unguard >/dev/null; then unguarding=yes; fi
	if [ -z "$dry" ]; then
		lock
		[ -z "$keeper" ] || "$keeper" record "$file"
	fi
	take_back
	rm -f "$run.busy"
	[ -z "$failed" ] || exit 1
	[ -n "$dry" ] || say down
}
status() { # in short; xfrmkeep says more
	local peer
	for peer in $peers; do "$ip" -s xfrm state list nokeys reqid "${peer#*@}"; done
	[ -d "$run" ] || fail 1 down
	say up
}
usage() { echo "usage: sh $name.sh [-n] up [--wait SECONDS] [--local ADDRESS]$options | [-n] down | VERB [ARGUMENT]..."; }
is_address() { # ADDRESS: of this tunnel's family
	local octet count=0 IFS=.
	case $family$1 in 6*[!0-9A-Fa-f:.]* | 4*[!0-9.]* | *.) return 1 ;; 6*:*) return 0 ;; 6*) return 1 ;; esac
	for octet in $1; do
		case $octet in '' | 0?* | ????*) return 1 ;; esac
		[ "$octet" -le 255 ] || return 1
		count=$((count + 1))
	done
	[ "$count" = 4 ]
}
main() {
	while [ $# -gt 0 ]; do
		case $1 in
		-n) dry=yes ;;
		up | start) verb=${verb}up ;;
		down | stop) verb=${verb}down ;;
		--wait) wait=${2-} && shift ;;
		--local) local=${2-} && shift ;;
		--no-punch | --all) flags="$flags$1 " ;;
		-h | --help) usage && exit ;;
		*) case $options in *"[$1]"*) flags="$flags$1 " ;; *) break ;; esac ;;
		esac
		[ $# = 0 ] || shift
	done
	case $wait in '' | 0* | *[!0-9]* | ?????*) fail 2 "--wait '$wait': not a time (expected 1 to 9999 seconds)" ;; esac
	[ "$local" = auto ] || is_address "$local" || fail 2 "--local '$local': not an address"
	! find_program xfrmkeep "${XFRMKEEP-}" || keeper=$program
	case $verb$# in
	up0 | down0)
		find_ip
		$verb
		exit
		;;
	0) usage >&2 && exit 2 ;;
	up* | down*) say "'${1-$verb}': not known here (expected as follows)" && usage >&2 && exit 2 ;;
	esac
	verb=$1
	shift
	[ -z "$keeper" ] || exec "$keeper" ${dry:+-n} "$verb" "$file" "$@"
	[ "$verb" = status ] || fail 1 "$verb needs xfrmkeep beside $file or in PATH"
	find_ip && status
}
