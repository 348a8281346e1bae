find_hosts() { # looks up the addresses of peers with a DNS name
	local pair host at any=0.0.0.0
	[ "$family" = 4 ] || any=::
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH"
	for pair in $hosts; do
		host=${pair#*=}
		at=$("$program" -u 65534 -b $any --resolve "${host%:*}")
		case $at in '' | *[!0-9a-f.:]*) fail 1 "no address of ${host%:*}" ;; esac
		eval "there_${pair%%=*}=\$at"
		[ "$host" = "${host%:*}" ] || eval "port_${pair%%=*}=${host##*:}"
	done
}
