add_address() { # an IPv6 address has no label by which down could find it
	[ -z "$("$ip" -o address show to "${own_address%/*}")" ] || return 0
	[ -n "$dry" ] || echo "address delete $own_address dev $own_device" >>"$run/undo"
	batch address
}
