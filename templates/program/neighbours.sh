# neighbours: needs own_nets, other_nets. Where another side protects everything, the nets of this host's own links stay outside.
neighbours() {
	for pair in $other_nets; do
		case $pair in 0.0.0.0/0@*) version=-4 any=0.0.0.0/0 links='scope link' ;; ::/0@*) version=-6 any=::/0 links='proto kernel' ;; *) continue ;; esac
		ip $version -o route show $links | while read -r link _; do
			case $link in fe80:* | ff* | default) continue ;; */*) ;; *:*) link=$link/128 ;; *) link=$link/32 ;; esac
			[ -z "$guard" ] || near_nets=$any # whatever this host sends from
			for own in ${near_nets:-$own_nets}; do
				case $version$own in "-4"*:* | "-4$link" | "-6$link" | "-6"*.*) continue ;; esac
				echo "xfrm policy update src $own dst $link dir out priority 2500
xfrm policy update src $link dst $own dir in priority 2500
xfrm policy update src $link dst $own dir fwd priority 2500"
			done
		done
	done
}
lines_of_neighbours() { echo "$lines"; }
add_neighbours() {
	lines=$(neighbours) notes=$folder${guard:+.guard}/undo # beside the blocks that they have to pass, as long as these
	[ -n "$lines" ] || return 0
	[ -n "$dry" ] || journal lines_of_neighbours >>"$notes" || stop 1 "cannot write $notes"
	batch "adding policies: the nets of this host's own links stay outside" lines_of_neighbours
}
