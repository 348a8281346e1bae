open_hole() { # a NAT lets packets in once some went out: both sides send until they receive; only later the kernel takes the port
	local at='' status=0 outer=$there_1
	if ! find_program natprobe "${NATPROBE-}"; then
		say "no natprobe beside $file or in PATH: going on without opening the hole"
		return
	fi
	case $outer in *:*) outer="[$outer]" ;; esac
	say "waiting for ${peers%@*}, for up to $wait s ($first is started first)"
	set -- -u 65534 -b "$here" -p "$port" --punch "$outer:$port_1" --timeout "$wait" --token-fd 0
	[ "$first" != "$name" ] || set -- "$@" --first
	echo "$token" | "$program" "$@" >"$run/hole" &
	child=$!
	wait "$child" || status=$?
	child='' heard=no
	read -r at _ <"$run/hole"
	found=$at
	case $status.$at in
	0."$outer:$port_1") heard=now ;;
	0.*[!]0-9a-f.:[]* | 0.*:*[!0-9] | 0.*:) fail 1 "natprobe printed '$at' (expected an endpoint)" ;;
	0.*:*) # the sender knows the token, so it is the peer
		outer=${at%:*} outer=${outer#[} heard=now
		say "${peers%@*} is at $at, not at $there_1:$port_1"
		there_1=${outer%]} port_1=${at##*:}
		[ -z "$keeper" ] || "$keeper" record "$file" "there_1=$there_1" "port_1=$port_1"
		"$ip" xfrm state deleteall reqid "${peers#*@}"
		batch "adding SAs again" states
		;;
	2.foreign) fail 2 "the script of ${peers%@*} is of another run (expected digest $digest): make both scripts anew, from the same endpoint strings and options" ;;
	4.*) ;;
	[1235].*) fail "$status" "natprobe could not open the hole" ;;
	*) fail 1 "natprobe found nothing and says nothing (status $status)" ;;
	esac
}
guess() { # WORDS: prints the likely cause, from what natprobe found, else WORDS
	local peer=${peers%@*}
	case $found in
	refused) echo "nobody has port $port_1 at $there_1, says ICMP: is $peer up, at this endpoint?" ;;
	tunnel) echo "what comes from there is of another tunnel: is an earlier run of $peer up? There: sh $peer.sh down, and up" ;;
	one-way) echo "it was received, but does not receive: does its router or firewall let packets in? There: sh $peer.sh down, and up --map" ;;
	*) echo "$1" ;;
	esac
}
is_answered() {
	local tries=0
	while [ $((tries += 1)) -le 3 ]; do
		if tests | sed -n 's/ping -c 3/ping -c 1 -W 1/p' | sh >/dev/null 2>&1; then heard=now && return; fi
	done
	false
}
listen() { # for a peer that is up already, and answers through the tunnel alone
	if is_answered || [ "$heard" = no ]; then return; fi
	end_helper # packets came before, but the hole is not open any more
	open_hole
	batch "updating policies" updated_policies
	start_helper
	[ "$heard" != no ] || is_answered
}
updated_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
