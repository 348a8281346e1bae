find_here() { # waits for the local address: at boot it may come late
	local left=$wait
	here=$local
	until [ -n "$dry" ] || [ -n "$("$ip" -o address show to "$here")" ]; do
		[ "$left" != "$wait" ] || say "waiting up to $wait s for the address $here; is this the script of another side?"
		[ $((left -= 1)) -ge 0 ] || fail 1 "$here is not an address of this host (--local ADDRESS if it has another now)"
		sleep 1
	done
}
