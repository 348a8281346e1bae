add_routes() { # by the way of the outer packets, from this host's address in its own net
	local number=0 at way net
	for _ in $peers; do
		eval "at=\$there_$((number += 1))"
		# shellcheck disable=SC2034 # eval reads it
		way=$("$ip" -o route get "$at" |
			sed -n 's/ \(via [^ ]*\) \(dev [^ ]*\)/ \2 \1 onlink/
				s/.* \(dev [^ ]*\( via [^ ]* onlink\)*\) .*/\1/p')
		eval "dev_$number=\${way%% via*} way_$number=\$way"
	done
	src4='' src6=''
	for net in $own_nets; do
		at=$("$ip" -o address show scope global to "$net" |
			sed -n 's/.* inet6* \([^ /]*\).*/\1/p;q')
		case $at in *:*) src6=${src6:-src $at} ;; ?*) src4=${src4:-src $at} ;; esac
	done
	[ -z "$dry" ] || { batch routes && return; }
	say "adding routes"
	routes | "$ip" -force -batch - || say "an existing route was not changed"
}
