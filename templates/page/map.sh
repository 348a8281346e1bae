map_port() { # asks the router (PCP, NAT-PMP); xfrmkeep follow renews it
	local word
	[ -z "$dry" ] || { echo "natprobe -u 65534 -b $here -p $port --map=${mapped##*:}"; return; }
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH: it maps the port"
	if grep -qs ": [0-9A-F]*:$(printf %04X "$port") " /proc/net/udp /proc/net/udp6; then # another tunnel's mapping must outlive this attempt
		say "UDP port $port is in use, so the router is not asked to map it"
		return
	fi
	note map "-u 65534 -b $here -p $port --unmap"
	note undo "\"$program\" -u 65534 -b $here -p $port --unmap"
	word=$("$program" -u 65534 -b "$here" -p "$port" --map="${mapped##*:}") || { say "going on without a port mapping" && return; }
	[ "${word##*:}" = "${mapped##*:}" ] || say "the other sides send to port ${mapped##*:}: there, update-peer $name ${word##*@}"
}
