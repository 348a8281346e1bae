map_port() { # asks the router (PCP, NAT-PMP); xfrmkeep follow renews it
	[ -z "$dry" ] || { echo "natprobe -u 65534 -b $here -p $port --map=${mapped##*:}" && return; }
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH: it maps the port"
	echo "-u 65534 -b $here -p $port --unmap" >"$run/map"
	echo "\"$program\" -u 65534 -b $here -p $port --unmap" >>"$run/undo"
	"$program" -u 65534 -b "$here" -p "$port" --map="${mapped##*:}" >&2 || say "going on without a port mapping"
}
