# up: needs title, parts. Sets the tunnel up; where it is up but not whole, puts back what is missing.
journal() { # FUNCTION...: what is noted before the SAs and policies that they print: whose they are, and how each is deleted
	(unset found; echo "made $machine $file ."; for rows; do "$rows"; done | sed -n -e 's/^xfrm state add \(src .* spi [^ ]*\) reqid.*/ip xfrm state delete \1 ./p' \
		-e 's/^xfrm policy [a-z]* \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\}.*/ip xfrm policy delete \1\2 ./p')
}
over_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
is_earlier() { [ "$1" != "$folder" ] && is_here "$1" && journal states policies | grep -qFxf - "$1/undo"; } # a run that had our path or a policy of ours
refuse_earlier() {
	for old in "$run"/*."$name"; do ! is_earlier "$old" || fail 1 "an earlier run of this script (digest $(expr "$old" : '.*/\(........\)\.')) is still up; take it down with: sh $file down --all"; done
}
recall() { # takes over what up has found out, here, port_1 and heard; false, and why, when it did not end or its file is not whole
	why="an earlier up was cut off; take it down with: sh $file down" now_end='' word='' torn=now
	{ read -r word _ <"$folder/undo"; read -r now_here now_port now_heard now_end <"$folder/now"; } 2>/dev/null; [ "$word" = made ] || torn=undo
	[ ! -e "$folder/now" ] || why="$folder/$torn is empty or torn; take down what is there with: sh $file down"; [ "$word$now_end" = made. ] && here=$now_here port_1=$now_port heard=$now_heard
}
check() { # all that could stand in the way, before anything is changed
	if [ -d "$folder" ]; then
		claim up || fail 1 "${worker:+${worker##* } is at work already (pid ${worker%% *})}${worker:-cannot write to $folder}"
		recall || fail 1 "$why"; mending=yes
		[ "$here" = "${address:-$here}" ] || fail 1 "it is up with $here: take it down first, with: sh $file down"
	else refuse_earlier; fi
	set -- $(ip -o address show to "$here" 2>/dev/null); word=${4-}
	case $here,$word in *:*,*:*/*) here=${word%/*} ;; "${word%/*},${word:-.}") ;; # as the kernel writes it
	*) fail 1 "$here is not an address of this host; is this the script of another side? If the address changed: up --local ADDR" ;; esac
	for part in $parts; do case $part in interface | helper) check_"$part" ;; esac; done
	found=$(scan); case $mending${limited-}$found in
	*foreign*) fail 1 "another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'); see: ip xfrm state; ip xfrm policy" ;;
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	*keyless*) fail 1 "no keys at the end of $file: is it whole? From a pipe they cannot be read" ;;
	yeslimited*"missing SA out"*) fail 1 "an SA with a limit is missing; if it was reached, take both sides down, and up with new scripts" ;;
	yes*) echo "$found" | sed -n 's/SA in\./SA from /; s/SA out\./SA to /; s/,*$//; s/^missing/missing:/p' | while read -r line; do say "$line"; done ;;
	*ours*) fail 1 "the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	esac
	trap 'stop 1 interrupted' HUP INT TERM PIPE
	[ -z "$mending" ] || return 0; mkdir -p "$run" && mkdir "$folder" 2>/dev/null || fail 1 "cannot make $folder$([ ! -d "$folder" ] || echo ': up is at work already')"
	made=yes; claim up || stop 1 "cannot write to $folder"
}
up() {
	if [ -z "$dry" ]; then
		check; [ -n "$mending" ] || say "tunnel $title, digest $digest"
		warn_of_rules; ! uses exempt || [ -n "$nat_exempt" ] || warn_of_nat
		modprobe -q "$esp" 2>/dev/null
		[ -z "${first-}" ] || [ -n "$mending$no_punch" ] || punch
		case $found in *missing*) { journal states policies >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo" ;; esac
		[ -z "$mending" ] || count=" replay-oseq $((($(grep -c '^made' "$folder/undo") - 1) * 67108864))" # far beyond what was sent
	fi
	[ -z "${guard-}" ] || add_guards
	case ${found-missing SA} in *"missing SA"*) batch "states: how, with keys" states ;; esac
	case ${mending:-policies}${found-} in policies*) batch "policies: what is to be encrypted" policies ;; *"missing policy"*) batch "policies: what is to be encrypted" over_policies ;; esac
	for part in $parts; do add_"$part"; done
	[ -z "$dry" ] || return 0
	{ echo "$here ${port_1:--} ${heard:-no} ." >"$folder/now"; } 2>/dev/null || stop 1 "cannot write $folder/now"
	trap - HUP INT TERM PIPE; [ -n "$changed" ] || fail 1 "is up already; see: sh $file status; take it down with: sh $file down"
	set -- $tests; for _ in 1 2 3; do # a ping makes a peer that is up already be heard, through the tunnel and so for certain
		[ "$heard$mending" = no ] || break; ping -c 1 -W 1 "$4" "$5" "$6" >/dev/null 2>&1 || sleep 1
		! scan | grep -q '^sa in[^ ]* [^ ]* [1-9]' || { heard=yes; say "$peer is heard"; echo "$here $port_1 yes ." >"$folder/now"; }
	done
	[ "$heard$mending" != no ] || fail 4 "set up, but $peer has not been heard. Is its script up, and of this run (digest $digest)? Do natprobe's words still hold?"
	say "up. When the other side is up too, test it with"; echo "$tests" | sed '/./!d'
}
