# forwarding: needs own_nets, other_nets. Hosts behind this one are reached only when it forwards, and sends no redirects.
noted_by() { # PATTERN: the journals on this machine that have such a line
	for other in "$run"/*; do if is_here "$other" && grep -qs "$1" "$other/undo"; then echo "$other/undo"; fi; done
}
put_back() { # VALUE FILE: the last tunnel that has it in its journal puts it back
	set -- "$1" "$2" $(noted_by " $2 \\.\$")
	[ $# -gt 3 ] || [ ! -e "$2" ] || echo "$1" >"$2"
}
# put VALUE FILE: a setting of the kernel, for now
put() {
	if [ -n "$dry" ]; then
		echo "echo $1 >$2"
		return
	fi
	say "$1 to $2"
	changed=yes
	error=$( (echo "$1" >"$2") 2>&1) || stop 1 "$error"
}
# keep FILE...: notes their values
keep() {
	for kept; do
		read -r value <"$kept"
		case $kept.$value in */forwarding.0) ;; *) note put_back "$value" "$kept" ;; esac
	done
}
add_forwarding() {
	six='' four=''
	for own in $own_nets; do
		case $own in *:*/128 | *.*/32) ;; *:*) six=ipv6/conf/all/forwarding ;; *) four=ipv4/ip_forward ;; esac
	done
	for setting in $four $six; do
		base=/proc/sys/net/${setting%%/*} setting=/proc/sys/net/$setting
		read -r value <"$setting"
		if [ "$value" != 0 ]; then
			# another tunnel has set it, perhaps: the last one that has it in its journal puts it back
			[ -z "$forward" ] || [ -n "$mending$dry" ] || for other in $(noted_by "^put_back .* $base/"); do grep "^put_back .* $base/" "$other" >>"$folder/undo"; done
		elif [ -z "$forward" ]; then
			say "warning: $setting is 0: hosts behind this one are cut off; up --forward sets it, and down puts it back"
		else
			keep "$base"/conf/*/forwarding # which the kernel changes with it
			[ -n "$six" ] && [ "$base" = /proc/sys/net/ipv6 ] || keep "$base/conf/all/accept_redirects" "$base/conf/default/accept_redirects"
			note put_back 0 "$setting"
			put 1 "$setting"
		fi
	done
	[ -z "$four" ] || check_redirects
}
# A gateway whose net is on the link that leads out tells that net's hosts to go past it: what they send then is in the clear.
# shellcheck disable=SC2046 # words
check_redirects() {
	for pair in $other_nets; do
		outer=''
		eval "outer=\$there_${pair#*@}"
		after dev $(ip route get "$outer" 2>/dev/null)
		out=$word
		for own in $own_nets; do
			case $own in *:* | *.*/32) continue ;; esac
			set -- $(ip -o address show scope global to "$own")
			[ "${2-}" = "$out" ] || continue
			for setting in /proc/sys/net/ipv4/conf/all/send_redirects "/proc/sys/net/ipv4/conf/$out/send_redirects"; do
				read -r value <"$setting"
				if [ "$value" = 0 ]; then continue; fi
				if [ -z "$forward" ]; then
					say "warning: $own is on $out, which leads out too: this host's redirects will send its hosts past the tunnel, in the clear; up --forward switches send_redirects off, and down on again"
					return
				fi
				keep "$setting"
				put 0 "$setting"
			done
		done
	done
}
