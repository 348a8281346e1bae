find_hosts() { # looks up the peers that are given by name; if that fails, where they were the last time counts
	local pair host number at at_port stderr left=$wait
	find_program natprobe "${NATPROBE-}" || fail 1 "no natprobe beside $file or in PATH: it looks up names"
	for pair in $hosts; do
		number=${pair%%=*} pair=${pair#*=} at='' stderr=2
		host=${pair%:*} at_port=${pair#"${pair%:*}"}
		until at=$("$program" -u 65534 -b "$([ "$family" = 4 ] && echo 0.0.0.0 || echo ::)" --resolve "$host" 3>/dev/null 2>&$stderr); do
			eval "at=\$there_$number at_port=\${port_$number:+:\$port_$number}"
			if [ -n "$dry" ] || [ "$at" != "$host" ] || [ $((left -= 5)) -lt 0 ]; then break; fi
			[ $stderr = 3 ] || say "waiting up to $wait s for the address of $host"
			stderr=3
			sleep 5
		done
		case $at in '' | *[!0-9a-f.:]*) [ -n "$dry" ] || fail 1 "no address of $host in $wait s" ;; esac
		eval "there_$number=\$at port_$number=\${at_port#:}"
		endpoints="$endpoints there_$number=$at${at_port:+ port_$number=${at_port#:}}"
	done
}
