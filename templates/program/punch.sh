# punch: needs first, peers, port, port_1. Opens both NATs before the kernel takes the port over; leaves in port_1 where the peer is.
punch() {
	find_program natprobe "${NATPROBE-}" || { say "$trouble; going on without opening the hole"; return; }
	outer=${peers##*@}; case $outer in *:*) outer="[$outer]" ;; esac
	if [ "$first" = "$name" ]; then set -- --first; say "opening the hole to $peer, for up to $wait s: start $peer now"
	else set --; say "opening the hole to $peer, which was to be started first, for up to $wait s"; fi
	# what both sides have and nobody else: the rows, the first side's first; on standard input, for arguments are public
	{ sed -n "/^#key $first /p" "$file"; sed -n "/^#key $first /!{/^#key /p;}" "$file"; } | sha256sum | "$program" -u 65534 -b "$here" \
		-p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0 "$@" >"$folder/heard" &
	punching=$!; wait "$punching"; punched=$? punching='' from='' # beside us, so that a signal ends us both at once
	{ read -r from <"$folder/heard"; } 2>/dev/null; case $punched.$from in
	0."$outer:$port_1") heard=yes; say "$peer is heard" ;;
	0."$outer":*) heard=yes port_1=${from##*:}; say "$peer is heard from port $port_1, not from the one it was generated for: using that for this run" ;;
	0.?*) stop 3 "$peer is heard at $from, not at $outer: generate the scripts again with @$from for $peer" ;;
	2.*) stop 2 "the script of $peer is of another run than this one (digest $digest): copy both scripts of one run anew" ;;
	4.*) heard=no ;;
	*) [ "$punched" = 3 ] || punched=1; stop "$punched" "natprobe could not open the hole; see above what it said" ;;
	esac
}
