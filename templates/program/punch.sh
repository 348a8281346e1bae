# punch: needs first, own_word, peers, port, there_1, port_1, book, tests. Opens both NATs before the kernel takes the port over; leaves in there_1 and
# port_1 where the peer is, or in found_out what natprobe says of why it was not heard, a word and perhaps an error.
punch() {
	find_program natprobe "${NATPROBE-}" || {
		[ $? = 1 ] || stop 1 "$trouble"
		say "$trouble; going on without opening the hole"
		return
	}
	case $there_1 in *:*) outer="[$there_1]" ;; *) outer=$there_1 ;; esac
	if [ "$first" = "$name" ]; then
		set -- --first
		say "opening the hole to $peer, for up to $wait s: start $peer now"
	else
		set --
		say "opening the hole to $peer, which was to be started first, for up to $wait s"
	fi
	# what both sides have and nobody else; on standard input, for arguments are public
	case $book in *" token - ."*) {
		sed -n "/^#key $first /p" "$file"
		sed -n "/^#key $first /!{/^#key /p;}" "$file"
	} | sha256sum ;; *) echo "${book##* token }" ;; esac | "$program" -u 65534 -b "$here" \
		-p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0 "$@" >"$folder/heard" &
	punching=$!
	wait "$punching"
	punched=$? punching='' found_out='' # beside us, so that a signal ends us both at once
	{ read -r found_out <"$folder/heard"; } 2>/dev/null
	from=${found_out%% *}
	case $punched.$from in
	0."$outer:$port_1")
		heard=yes
		say "$peer is heard"
		;;
	0."$outer":*)
		heard=yes port_1=${from##*:}
		say "$peer is heard from port $port_1, not from the one it was generated for: using that for this run"
		;;
	0.?*:*) # natprobe believes only who has the token
		say "$peer is heard at $from, not at $outer:$port_1, which it was generated for: using that for this run"
		heard=yes port_1=${from##*:} there_1=${from%:*} there_1=${there_1#[} there_1=${there_1%]}
		;;
	2.foreign) stop 2 "the script of $peer is of another run than this one (digest $digest): $anew" ;;
	4.*) heard=no ;;
	*)
		[ "$punched" = 3 ] || punched=1
		stop "$punched" "natprobe could not open the hole; see above what it said"
		;;
	esac
}
listen() { # for the peer, through the tunnel and so for certain: a ping, or what else goes through, makes one that is up already be heard
	set -- $tests
	for _ in 1 2 3; do
		case $1 in ping) ping -c 1 -W 1 "$4" "$5" "$6" ;; nc) "$@" ;; *) return 0 ;; esac >/dev/null 2>&1 || sleep 1
		! scan | grep -q '^sa in[^ ]* [^ ]* [1-9]' || {
			heard=yes
			say "$peer is heard"
			return
		}
	done
	heard=no
	false
}
again() { # the hole was not there any more
	was=$there_1 was_port=$port_1
	! uses helper || end_helper
	punch
	if [ "$there_1:$port_1" = "$was:$was_port" ]; then
		add_helper
	else
		by_punch=$heard at=$there_1 at_port=$port_1 there_1=$was port_1=$was_port
		move_peer 1 "$peer" "$at" "$at_port"
		heard=$by_punch
	fi
	[ "$heard" = yes ] || listen
}
unheard() { # what it may be, the likeliest first by what natprobe found out, with what to type
	up="sh $peer.sh up there, then sh $file up here"
	[ "$first" != "$name" ] || up="sh $file up here, then sh $peer.sh up there"
	is_down="$peer is not up: there, sh $peer.sh up"
	other="its script is of another run: there, sh $peer.sh status has to say digest $digest"
	moved="this side's mapped endpoint has changed: sh $file down, natprobe -p $port SERVER SERVER, sh $file up"
	moved="$moved; if natprobe prints another word than $own_word, there: sh $peer.sh update-peer ADDRESS:PORT, what it has after the @"
	moved_there="the mapped endpoint of $peer has changed: there, up says how to find it; then here: sh $file update-peer ADDRESS:PORT"
	order="the wrong order: sh $file down, and there sh $peer.sh down; half a minute later $up"
	closed="a router or firewall there lets nothing in: there, sh $peer.sh down, then sh $peer.sh up --map; or forward UDP port $port_1 of it; or use IPv6"
	case $found_out in
	one-way*)
		heard="was heard, and has not heard us"
		set -- "$closed" "$order" "$moved"
		;;
	refused*)
		heard="has not been heard: ICMP says that nobody has port $port_1 at $outer"
		set -- "$is_down" "$moved_there" "$moved" "$order" "$closed"
		;;
	tunnel*)
		heard="has not been heard: what comes from $outer:$port_1 is a tunnel's that this one does not know"
		set -- "$other" "an earlier run is up there: sh $peer.sh down --all, then sh $peer.sh up" "$order"
		;;
	*)
		heard="has not been heard"
		[ "$found_out" = "${found_out#nothing}" ] || {
			heard="$heard: nothing came in $wait s"
			found_out=${found_out#nothing} found_out=${found_out# }
		}
		heard=$heard${found_out:+ ($found_out)}
		set -- "$is_down" "$other" "$moved" "$moved_there" "$order" "$closed"
		;;
	esac
	say "set up, but $peer $heard. Perhaps, the likeliest first:"
	printf '  %s\n' "$@" >&2
	exit 4
}
