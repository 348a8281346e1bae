add_address() {
	[ -n "$("$ip" -o address show to "${own_address%/*}")" ] || batch "adding the address $own_address" address
}
