# router: needs here, port, own_word. Has the router send here whatever comes for the port: it lends it, and follow has to ask again.
ask_natprobe() {
	find_program natprobe "${NATPROBE-}" || {
		echo "$trouble"
		return 1
	}
	"$program" "$@"
}
unmap() { # natprobe OPTION..., from the journal
	shift
	said=$(ask_natprobe "$@" 2>&1) || say "the router keeps the port until it has lent it long enough: $said"
}
ask_router() { # leaves in said what natprobe says, in word the endpoints, in lease for how many seconds; false where there is no word
	said=$(ask_natprobe -u 65534 -b "$here" -p "$port" "--map=${own_word##*:}" 2>&1)
	case $? in 0 | 3) ;; *) return 1 ;; esac
	word=${said##*
} lease=${said##* to here for } lease=${lease%% *}
	case $lease in '' | *[!0-9]*) lease=120 ;; esac
	[ "${word##*:}" = "${own_word##*:}" ] || said="$said
$name: the other sides were told port ${own_word##*:}: update-peer there, or make new scripts with that word"
}
is_noted() { grep -q "^natprobe .* -b $here -p $port " "$folder/undo" 2>/dev/null; }
map_port() {
	set -- natprobe -u 65534 -b "$here" -p "$port" --unmap
	if [ -n "$dry" ]; then
		echo "natprobe -u 65534 -b $here -p $port --map=${own_word##*:}"
		return
	fi
	say "asks the router for port ${own_word##*:}"
	[ -s "$folder/undo" ] || note made "$machine" "$file"
	is_noted || note "$@"
	if ask_router; then
		changed=yes
		echo "$said" >&2
		say "follow asks it again in time; without follow it may take the port back after $lease s"
		return
	fi
	echo "$said" >&2
	say "goes on without the router's help"
	[ -n "$mending" ] || { grep -v '^natprobe ' "$folder/undo" | cat >"$folder/left" && mv "$folder/left" "$folder/undo"; }
}
renew() { # at half of the time; after three minutes where there was no answer
	map_at=$((ticks + 9))
	grep -q '^natprobe ' "$folder/undo" 2>/dev/null || return 0
	is_noted || alone note natprobe -u 65534 -b "$here" -p "$port" --unmap # it moved
	if ask_router; then map_at=$((ticks + lease / 40)); else word='no port'; fi
	[ "$word" = "${lent-}" ] || echo "$said" >&2
	lent=$word
}
