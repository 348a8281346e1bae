find_here() { # waits for the local address, and a route to the first peer: at boot they may come late
	local left=$wait at way
	here=$local
	while [ -z "$dry" ]; do
		at=$("$ip" -o address show to "$here")
		way=$("$ip" route get "$there_1" 2>/dev/null)
		case ${way:+way}.$at in
		way.) left=0 ;; # the network is there
		way.*\ tentative*) ;; # other hosts are asked whether they have this IPv6 address
		way.*) return ;;
		esac
		[ "$left" != "$wait" ] || say "waiting up to $wait s for the address $here and a route to $there_1"
		[ $((left -= 1)) -lt 0 ] || { sleep 1 && continue; }
		[ -n "$at" ] || fail 1 "$here is not an address of this host: is this the script of another side? (--local ADDRESS if it has another now; LOCAL@MAPPED, with new scripts, if it is how the internet sees this host)"
		[ -z "$way" ] || fail 1 "$here cannot be used yet, or another host has it, too: see ip address"
		say "warning: no route to $there_1: set up all the same, and silent until there is one"
		return
	done
}
