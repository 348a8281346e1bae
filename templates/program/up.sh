# up: needs title, parts. Sets the tunnel up; where it is up but not whole, puts back what is missing.
journal() { # FUNCTION...: what is noted before the SAs and policies that they print: whose they are, and how each is deleted
	(
		unset found
		echo "made $machine $file ."
		for list; do "$list"; done | sed -n -e 's/^xfrm state add \(src .* spi [^ ]*\) reqid.*/ip xfrm state delete \1 ./p' \
			-e 's/^xfrm policy [a-z]* \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\}.*/ip xfrm policy delete \1\2 ./p'
	)
}
over_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
is_earlier() { # a run that had our path or a policy of ours
	[ "$1" != "$folder" ] && is_here "$1" && journal states policies | grep -qFxf - "$1/undo"
}
refuse_earlier() {
	for old in "$run"/*."$name"; do ! is_earlier "$old" || fail 1 "an earlier run of this script (digest $(expr "$old" : '.*/\(........\)\.')) is still up; take it down with: sh $file down --all"; done
}
recall() { # takes over what up has found out, here, heard, there_1, port_1 and on; false, and why, when it did not end or its file is not whole
	why="an earlier up was cut off; take it down with: sh $file down" now='' word='' torn=now
	{
		read -r word _ <"$folder/undo"
		read -r now <"$folder/now"
	} 2>/dev/null
	[ "$word" = made ] || torn=undo
	[ ! -e "$folder/now" ] || why="$folder/$torn is empty or torn; take down what is there with: sh $file down"
	case $word,$now in made,*' .') ;; *) return 1 ;; esac
	set -- $now
	here=$1 heard=$2 number=0
	while [ $# -ge 5 ]; do
		number=$((number + 1))
		eval "there_$number=\$3 port_$number=\${4#-}"
		shift 2
	done
}
is_online() { # there is a route to the first peer, and our address is no tentative one; own: what the kernel says of it
	own=$(ip -o address show to "$here" 2>/dev/null)
	case $own in *' tentative '*) false ;; *) ip route get "$there_1" >/dev/null 2>&1 ;; esac
}
foreign() { fail 1 "taken: another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'): see: ip xfrm state; ip xfrm policy"; }
check() { # all that could stand in the way, before anything is changed
	if [ -d "$folder" ]; then
		claim_soon up
		recall || fail 1 "$why"
		mending=yes
		[ "$here" = "${address:-$here}" ] || fail 1 "it is up with $here: take it down first, with: sh $file down"
	else
		refuse_earlier
	fi
	[ -n "$mending" ] || find_places
	online=yes
	until is_online || [ -n "$mending" ]; do later "an address and a route to $there_1" 1 || {
		online=''
		break
	}; done
	set -- $own
	word=${4-}                                                                    # at boot both may come after us
	case $here,$word in *:*,*:*/*) here=${word%/*} ;; "${word%/*},${word:-.}") ;; # as the kernel writes it
	*)
		case $here in 10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | 169.254.* | [Ff][CcDdEe]*) hint='' ;; *) hint=' If it is how the internet sees this host: the word is LOCAL@MAPPED.' ;; esac
		fail 1 "$here is not an address of this host; is this the script of another side?$hint If the address changed: up --local ADDR"
		;;
	esac
	[ -n "$online" ] || ip route get "$there_1" >/dev/null 2>&1 || say "warning: no route to $there_1 in $wait s: it is set up all the same, and silent until there is one"
	for part in $parts; do case $part in interface | helper) check_"$part" ;; esac done
	if [ -n "$first" ] && [ -z "$mending$no_punch" ] || [ -n "$map" ]; then find_program natprobe "${NATPROBE-}" || [ "$?$map" = 1 ] || fail 1 "$trouble"; fi
	read_book
	[ -n "$mending$dry" ] || turn step
	derive
	found=$(scan)
	case $mending$limited$found in
	*foreign*) foreign ;;
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	*keyless*) fail 1 "no keys at the end of $file: is it whole? From a pipe they cannot be read" ;;
	yeslimited*"missing SA out"*) fail 1 "an SA with a limit is missing; if it was reached, and keys can change: sh $file rekey; else new scripts on both sides" ;;
	yes*) echo "$found" | sed -n 's/SA in\.\([^ ]*\).*/SA from \1/; s/SA out\.\([^ ]*\).*/SA to \1/; s/^missing/missing:/p' | uniq | while read -r line; do say "$line"; done ;;
	*ours*) fail 1 "the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	esac
	trap 'stop 1 interrupted' HUP INT TERM PIPE
	[ -z "$mending" ] || return 0
	mkdir -p "$run" && mkdir "$folder" 2>/dev/null || fail 1 "cannot make $folder$([ ! -d "$folder" ] || echo ': up is at work already')"
	made=yes
	claim up && echo "$store" >"$folder/store" || stop 1 "cannot write to $folder"
}
try() { # fails as up would, and waits for nothing: an SA of this cipher, with a key of its own, is there for a moment
	if uses helper; then
		find_program espdecap "${ESPDECAP-}" || fail 1 "no-helper: $trouble"
		check_helper
	fi
	dry=yes
	if (find_places) 2>/dev/null; then find_places; fi
	dry=''
	read_book
	derive
	found=$(scan)
	case $found in *foreign*) foreign ;; *failed*) refused "looking at xfrm" "${found##*failed }" ;; esac
	rows=$(echo "$rows" | awk -v spi="0x$$" 'NR == 1 { for (i = 6; i <= NF; i++) { key = substr($i, 3); gsub(/./, "5", key); $i = "0x" key } $3 = spi; $4 = $5 = 0; print }')
	unset found
	loop
	error=$({
		states | sed "s/src [^ ]* dst [^ ]* proto/${loop%% proto*} proto/"
		echo "xfrm state delete $loop"
	} | ip -batch - 2>&1) || refused "trying an SA" "$error"
}
check_down() { # of a tunnel that is down, for each peer what up would refuse for
	code=0
	said=$(try 2>&1) || code=$?
	[ "$code" != 0 ] || fail 1 "is down; set it up with: sh $file up"
	for word in $peers; do echo "${word%%@*}: ${said#"$name: "}"; done
	exit "$code"
}
keep_now() {
	now="$here ${heard:-no}" number=0
	for word in $peers; do
		number=$((number + 1))
		eval "now=\"\$now \$there_$number \${port_$number:--}\""
	done
	{ echo "$now ." >"$folder/now"; } 2>/dev/null || stop 1 "cannot write $folder/now"
}
up() {
	if [ -z "$dry" ]; then
		check
		[ -n "$mending" ] || say "tunnel $title, digest $digest"
		warn_of_rules
		! uses exempt || [ -n "$nat_exempt" ] || warn_of_nat
		[ -e "/sys/module/$esp" ] || modprobe -q "$esp" 2>/dev/null
		[ -z "$map" ] || map_port
		case $book in *" heard "[1-9]*) known=known ;; *) known='' ;; esac # in an earlier life: the hole is there, perhaps
		[ -z "$first" ] || [ -n "$mending$no_punch$known" ] || punch
		case $found in *missing*) { journal states policies >>"$folder/undo" && note_rows; } 2>/dev/null || stop 1 "cannot write $folder/undo" ;; esac
		case $mending$found in *"missing SA out"*) write_book $margin && erase || say "warning: cannot write $store: once this host has stopped without down, the other side will refuse what it sends, until both rekey; with fixed keys, until there are new scripts" ;; esac
	else
		(find_places) 2>/dev/null && find_places
		read_book
		derive
		[ -z "$map" ] || map_port
	fi
	[ -z "$guard" ] || add_guards
	case ${found-missing SA} in
	*"missing SA"*)
		[ -n "$dry" ] || no_larval
		batch "adding SAs (with keys)" states
		;;
	esac
	case ${mending:-policies}${found-} in policies*) batch "adding policies: what is to be encrypted" policies ;; *"missing policy"*) batch "adding policies: what is to be encrypted" over_policies ;; esac
	for part in $parts; do add_"$part"; done
	[ -z "$dry" ] || return 0
	[ -n "$changed" ] || fail 1 "is up already; see: sh $file status; take it down with: sh $file down"
	keep_now
	case $first.$mending$no_punch.$known$heard in .* | *.yes*.* | *.. | *..yes) ;; *) listen || [ -z "$known" ] || again ;; esac
	keep_now
	trap - HUP INT TERM PIPE
	[ "$heard$mending" != no ] || unheard
	say "up. When the other side is up too, test it with"
	echo "$tests" | sed '/./!d'
}
