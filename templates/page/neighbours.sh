neighbours() { # the nets of this host's own links stay outside the tunnel
	local pair links any link own near='' index=$neighbours
	for pair in $other_nets; do
		case $pair in
		0.0.0.0/0@*) any=0.0.0.0/0 links=$("$ip" -4 -o route show scope link) ;;
		::/0@*) any=::/0 links=$("$ip" -6 -o route show proto kernel) ;;
		*) continue ;;
		esac
		for link in $(echo "$links" | sed 's/ .*//'); do
			case $link in fe80:* | ff* | default) continue ;; */*) ;; *:*) link=$link/128 ;; *) link=$link/32 ;; esac
			[ -z "${guard-}" ] || near=$any
			for own in ${near:-$own_nets}; do
				case $any$own in "$any$link" | ::/0*.*.* | 0.0.0.0/0*:*) continue ;; esac
				echo "xfrm policy update src $own dst $link dir out index $((index + 1)) priority 2500"
				echo "xfrm policy update src $link dst $own dir in index $index priority 2500"
				echo "xfrm policy update src $link dst $own dir fwd index $((index + 2)) priority 2500"
				index=$((index + 8))
			done
		done
	done
}
add_neighbours() { batch "adding policies: this host's own links stay outside" neighbours; }
remove_neighbours() {
	local dir index
	[ -z "${guard-}" ] || [ -n "$unguarding" ] || return 0
	"$ip" -s xfrm policy list | sed -n 's/.*dir \([a-z]*\) .*index \([0-9]*\) .*/\1 \2/p' | while read -r dir index; do
		[ "$index" -lt "$neighbours" ] || [ "$index" -ge $((neighbours + 512)) ] || ${dry:+echo} "$ip" xfrm policy deleteall dir "$dir" index "$index"
	done
}
