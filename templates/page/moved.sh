move_net() { # where this host has another address now (--local): the one that the policies are for goes to lo, and is what it sends from
	local pair way row
	[ "$here" != "${own_nets%/*}" ] || return 0
	for pair in "$own_nets" $other_nets; do
		case $pair in
		*@*)
			eval "way=\$there_${pair#*@}"
			way=$("$ip" -o route get "$way" | sed -n 's/^[^ ]* \(\(via [^ ]* \)*dev [^ ]*\) .*/\1/p')
			row="route add ${pair%@*} $way src ${own_nets%/*}"
			;;
		*) row="address add $pair dev lo" ;;
		esac
		[ -z "$dry" ] || { echo "ip $row"; continue; }
		say "$row"
		note undo "\"\$ip\" $(echo "$row" | sed 's/ add / delete /')"
		# shellcheck disable=SC2086 # words
		"$ip" $row || fail 1 "cannot $row"
	done
}
