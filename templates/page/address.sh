add_address() {
	[ -n "$("$ip" -o address show to "${own_address%/*}")" ] || batch address
}
