add_address() { # an IPv6 address has no label to be known by
	[ -z "$("$ip" -o address show to "${own_address%/*}")" ] || return 0
	[ -n "$dry" ] || echo "address delete $own_address dev $own_device" >>"$run/undo"
	batch address
}
