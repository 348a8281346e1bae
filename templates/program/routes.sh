# routes: needs own_nets, other_nets, mtu; own_address and own_device, interface, site where they are. The way to the other nets.
source_for() { # NET: leaves in source the address that this host sends there from: its own inside what this side protects
	case $1 in *:*) family=inet6 ;; *) family=inet ;; esac
	case $dry$own_address@$1 in
	yes*:*@*:* | yes*.*@*.*)
		source=${own_address%/*}
		return
		;;
	esac # which up would have added before
	for own in $own_address $own_nets; do
		after $family $(ip -o address show scope global to "$own")
		source=${word%/*}
		if [ -n "$source" ]; then return; fi
	done
}
add_address() {
	[ -n "$(ip -o address show to "${own_address%/*}")" ] || {
		note ip address delete "$own_address" dev "$own_device"
		change ip address add "$own_address" dev "$own_device"
	}
}
add_routes() {
	for pair in $other_nets; do
		net=${pair%@*} outer=''
		eval "outer=\$there_${pair#*@}"
		case $net in 0.0.0.0/0 | ::/0) continue ;; *:*) version=-6 ;; *) version=-4 ;; esac
		source_for "$net"
		[ -n "$site" ] || {
			after src $(ip route get "${net%/*}" 2>/dev/null)
			[ "$word" != "$source" ] || continue
		} # the kernel takes it by itself
		[ -n "$source$mending" ] || say "no address of this host lies in what side $name protects: only what it forwards to $net goes through"
		[ -z "$(ip $version route show exact "$net")" ] ||
			{
				[ -n "$mending" ] || say "warning: there is a route to $net, which stays; it may lack: src $source mtu $mtu"
				continue
			}
		way="dev $interface -"
		[ -n "$interface" ] || way=$(ip route get "$outer" 2>/dev/null) ||
			{
				say "warning: no route to $outer yet, so none to $net: up again when there is one"
				continue
			}
		after dev $way
		set -- "$net" dev "$word"
		after via $way
		case $net@$word in *@ | *:*@*.* | *.*@*:*) ;; *) set -- "$@" via "$word" ;; esac # none, or of the other family: the policy is first
		set -- "$@" ${source:+src "$source"}
		note ip route delete "$@"
		change ip route add "$@" mtu "$mtu"
		# what leads to the peer itself is no way for what is inside only
		case $dry,$way,$(ip route get "$outer" 2>/dev/null) in yes,* | *" mtu "*,*) ;; *" mtu $mtu"*) change ip route replace "$@" ;; esac
	done
}
