find_here() { # the local address is the one from which this host sends to the first peer; at boot its route may come late
	local left=$wait
	here=$local
	[ "$here" = auto ] || return 0
	until here=$("$ip" -o route get "$there_1" 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/\1/p') && [ -n "$here" ]; do
		if [ -n "$dry" ] || [ $((left -= 1)) -lt 0 ]; then fail 1 "no route to $there_1"; fi
		sleep 1
	done
}
