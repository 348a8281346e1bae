# punch: needs first, own_word, peers, port, there_1, port_1, book, tests. Opens both NATs before the kernel takes the port over; leaves in port_1 where the peer is.
punch() {
	find_program natprobe "${NATPROBE-}" || { [ $? = 1 ] || stop 1 "$trouble"; say "$trouble; going on without opening the hole"; return; }
	case $there_1 in *:*) outer="[$there_1]" ;; *) outer=$there_1 ;; esac
	if [ "$first" = "$name" ]; then set -- --first; say "opening the hole to $peer, for up to $wait s: start $peer now"
	else set --; say "opening the hole to $peer, which was to be started first, for up to $wait s"; fi
	# what both sides have and nobody else; on standard input, for arguments are public
	case $book in *" token - ."*) { sed -n "/^#key $first /p" "$file"; sed -n "/^#key $first /!{/^#key /p;}" "$file"; } | sha256sum ;; *) echo "${book##* token }" ;; esac | "$program" -u 65534 -b "$here" \
		-p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0 "$@" >"$folder/heard" &
	punching=$!; wait "$punching"; punched=$? punching='' from='' # beside us, so that a signal ends us both at once
	{ read -r from <"$folder/heard"; } 2>/dev/null; case $punched.$from in
	0."$outer:$port_1") heard=yes; say "$peer is heard" ;;
	0."$outer":*) heard=yes port_1=${from##*:}; say "$peer is heard from port $port_1, not from the one it was generated for: using that for this run" ;;
	0.?*) stop 3 "$peer is heard at $from, not at $outer: generate the scripts again with @$from for $peer" ;;
	2.*) stop 2 "the script of $peer is of another run than this one (digest $digest): $anew" ;;
	4.*) heard=no ;;
	*) [ "$punched" = 3 ] || punched=1; stop "$punched" "natprobe could not open the hole; see above what it said" ;;
	esac
}
listen() { # for the peer, through the tunnel and so for certain: a ping, or what else goes through, makes one that is up already be heard
	set -- $tests; for _ in 1 2 3; do
		case $1 in ping) ping -c 1 -W 1 "$4" "$5" "$6" ;; nc) "$@" ;; *) return 0 ;; esac >/dev/null 2>&1 || sleep 1
		! scan | grep -q '^sa in[^ ]* [^ ]* [1-9]' || { heard=yes; say "$peer is heard"; return; }
	done; heard=no; false
}
again() { # the hole was not there any more
	was=$port_1; ! uses helper || end_helper; punch
	[ "$port_1" = "$was" ] || { unset found; batch "states: $peer is heard from another port" over_states; }
	add_helper; [ "$heard" = yes ] || listen
}
unheard() { # what it may be, the likeliest first, with what to type
	[ "$first" = "$name" ] && then="here first, then there" || then="there first, then here"
	say "set up, but $peer has not been heard. Perhaps, the likeliest first:"; echo "  $peer is not up: on its host, sh $peer.sh up
  its script is of another run: there, sh $peer.sh status has to say digest $digest
  a mapped endpoint has changed: sh $file down, then natprobe -p $port with two STUN servers; if it does not print $own_word, make new scripts; the same there
  the wrong order: both down, half a minute, then up $then
  a router or firewall there lets nothing in: up --map there, or forward UDP port ${port_1} of it, or use IPv6" >&2; exit 4
}
