map_port() { # asks the router (PCP, NAT-PMP); xfrmkeep follow renews it
	[ -z "$dry" ] || { echo "natprobe -u 65534 -b $here -p $port --map=${mapped##*:}"; return; }
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH: it maps the port"
	if grep -qs ": [0-9A-F]*:$(printf %04X "$port") " /proc/net/udp /proc/net/udp6; then # another tunnel's mapping must outlive this attempt
		say "UDP port $port is in use, so the router is not asked to map it"
		return
	fi
	echo "-u 65534 -b $here -p $port --unmap" >"$run/map"
	echo "\"$program\" -u 65534 -b $here -p $port --unmap" >>"$run/undo"
	"$program" -u 65534 -b "$here" -p "$port" --map="${mapped##*:}" >&2 || say "going on without a port mapping"
}
