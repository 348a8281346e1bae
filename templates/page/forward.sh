put() { # VALUE FILE: a setting of the kernel, which down puts back
	local old
	read -r old <"$2"
	[ "$old" != "$1" ] || return 0
	[ -z "$dry" ] || { echo "echo $1 >$2"; return; }
	note undo "put_back $old $2"
	say "$1 to $2"
	echo "$1" >"$2" || fail 1 "cannot write $2"
}
others() { # REGEX: such lines of the lists of other tunnels in this network namespace
	local list
	for list in "${run%/*}"/*/undo; do
		if [ "$list" != "$run/undo" ] && grep -qxFf "$run/boot" "${list%undo}boot"; then grep -h "$1" "$list"; fi
	done 2>/dev/null
}
put_back() { # VALUE FILE: the last tunnel that has the file in its list does it
	[ -n "$(others " $2\$")" ] || echo "$1" >"$2"
}
forward() { # hosts behind this one are reached only if it forwards, and stay with it only if it sends no redirects
	local net version base file value
	for net in $own_nets; do
		case $net in *:*/128 | *.*/32) continue ;; *:*) version=ipv6 file=conf/all/forwarding ;; *) version=ipv4 file=ip_forward ;; esac
		base=/proc/sys/net/$version
		read -r value <"$base/$file"
		case $(has --forward && echo set)$value in
		0) say "warning: $base/$file is 0: hosts behind this one are cut off; up --forward sets it, and down puts it back" ;;
		set0)
			for value in "$base"/conf/*/forwarding "$base"/conf/*/accept_redirects; do # the kernel changes these with it
				[ -n "$dry" ] || note undo "put_back $(cat "$value") $value"
			done
			put 1 "$base/$file"
			;;
		set*) [ -n "$dry" ] || others "^put_back .* $base/" >>"$run/undo" ;; # another tunnel has set it
		esac
		case $net in 0.0.0.0/0 | *:*) ;; *) stop_redirects "$net" ;; esac # the internet is on no link
	done
}
stop_redirects() { # NET: on a link that also leads to a peer its hosts would be told to go past this host, in clear text
	local device file value
	device=$("$ip" -o -4 address show scope global to "$1" | sed -n 's/^[^ ]* *\([^ ]*\) .*/\1/p;q')
	case "$devices" in *" ${device:-none} "*) ;; *) return ;; esac
	for file in all "$device"; do
		file=/proc/sys/net/ipv4/conf/$file/send_redirects
		read -r value <"$file"
		if has --forward; then put 0 "$file"; elif [ "$value" != 0 ]; then
			say "warning: $1 is on $device, which leads out too: redirects of this host will send its hosts past the tunnel, in clear text; up --forward switches $file off, and down on again"
		fi
	done
}
