find_ways() { # leaves in way_N how packets go to peer N, and in src4 and src6 this host's address in an own net
	local peer list net at
	# shellcheck disable=SC2034 # forward() reads it, where there is one
	devices=' '
	list=$(number=0 && for peer in $peers; do number=$((number + 1)) && eval "echo \$there_$number $number"; done)
	# the output of ip is let through eval only as plain words
	eval "$(echo "$list" | sed 's/^/route get /; s/ [0-9]*$//' | "$ip" -o -force -batch - 2>/dev/null | awk -v list="$(echo "$list" | tr '\n' ' ')" '
		BEGIN {
			for (i = split(list, word, " "); i; i -= 2) {
				numbers[word[i - 1]] = numbers[word[i - 1]] " " word[i]
				print "way_" word[i] "=; dev_" word[i] "="
			}
		}
		{ via = dev = ""; for (i = 2; i < NF; i++) { if ($i == "via") via = " via " $(i + 1) " onlink"; if ($i == "dev") dev = $(i + 1) } }
		(dev via) ~ /^[A-Za-z0-9.:_@ -]+$/ { for (i = split(numbers[$1], number, " "); i; i--) print "way_" number[i] "=\"dev " dev via "\" dev_" number[i] "=\"dev " dev "\" devices=\"${devices}" dev " \"" }')"
	src4='' src6=''
	for net in $own_nets; do
		at=$("$ip" -o address show scope global to "$net" | sed -n 's/.* inet6* \([^ /]*\).*/\1/p;q')
		case $at in *:*) src6=${src6:-src $at} ;; ?*) src4=${src4:-src $at} ;; esac
	done
}
add_routes() {
	local error
	find_ways
	[ -z "$dry" ] || { batch '' routes; return; }
	say "adding routes"
	error=$(routes | "$ip" -force -batch - 2>&1) || say "warning: a route that exists stays as it is: $error"
}
