# up: needs title, parts. Sets the tunnel up; where it is up but not whole, puts back what is missing.
# What is noted before any SA or policy is added: whose they are, and how each is deleted.
deletions() {
	sed -n -e 's/^xfrm state add \(src .* spi [^ ]*\) reqid.*/ip xfrm state delete \1 ./p' \
		-e 's/^xfrm policy [a-z]* \(src .* dir [a-z]*\) priority [0-9]*\( if_id [^ ]*\)\{0,1\}.*/ip xfrm policy delete \1\2 ./p'
}
journal() { (unset found; echo "made $boot $file ."; for rows; do "$rows"; done | deletions); } # FUNCTION...
over_policies() { policies | sed 's/^xfrm policy add/xfrm policy update/'; }
over_guards() { guards | sed 's/^xfrm policy add/xfrm policy update/'; }
# True when FOLDER is of an earlier run of this script: it has the script's path, or a policy that we would add too.
is_earlier() { [ "$1" != "$folder" ] && [ -s "$1/undo" ] && journal states policies | grep -qFxf - "$1/undo"; }
refuse_earlier() {
	for earlier in "$run"/*."$name"; do
		if is_earlier "$earlier"; then earlier=${earlier##*/}; "$@" "an earlier run of this script (digest ${earlier%.*}) is still up; take it down with: sh $file down --all"; fi
	done
}
# Takes over what up has found out, here, port_1 and heard; false, and why, when it did not end or its file is not whole.
recall() {
	now_end=''
	{ read -r now_here now_port now_heard now_end <"$folder/now"; } 2>/dev/null
	why="an earlier up was cut off; take it down with: sh $file down"
	[ ! -e "$folder/now" ] || why="$folder/now is empty or torn; take down what is there with: sh $file down"
	[ "$now_end" = . ] && here=$now_here port_1=$now_port heard=$now_heard
}
# here is to be an address of this host, as the kernel writes it.
check_here() {
	# shellcheck disable=SC2046 # words
	set -- $(ip -o address show to "$here" 2>/dev/null)
	case $here,${4-} in
	*:*,*:*/*) here=${4%/*} ;;
	"${4%/*},${4-.}") ;;
	*) fail 1 "$here is not an address of this host; is this the script of another side? If the address changed: up --local ADDR" ;;
	esac
}
# All that could stand in the way, before anything is changed.
check() {
	if [ -d "$folder" ]; then
		claim up || fail 1 "${worker:+${worker##* } is at work already (pid ${worker%% *})}${worker:-cannot write to $folder}"
		recall || fail 1 "$why"
		repairing=yes
		[ "$here" = "${address:-$here}" ] || fail 1 "it is up with $here: take it down first, with: sh $file down"
	else
		refuse_earlier fail 1
		check_here
	fi
	for part in $parts; do case $part in interface | helper) check_"$part" ;; esac; done
	found=$(scan)
	case $found in
	*foreign*) fail 1 "another tool has the same $(echo "$found" | sed -n '/^foreign /{s///p;q;}'); see: ip xfrm state; ip xfrm policy" ;;
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	*keyless*) fail 1 "no keys at the end of $file: is it whole? From a pipe they cannot be read" ;;
	*ours*) [ -n "$repairing" ] || fail 1 "the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	esac
	trap 'stop 1 interrupted' HUP INT TERM PIPE
	[ -z "$repairing" ] || { echo "$found" | sed -n 's/,*$//; s/^missing/missing:/p' | while read -r line; do say "$line"; done; return; }
	mkdir -p "$run"
	mkdir "$folder" 2>/dev/null || { [ -d "$folder" ] && fail 1 "up is at work already"; fail 1 "cannot make $folder"; }
	made=yes
	claim up || stop 1 "cannot write to $folder"
}
up() {
	if [ -z "$dry" ]; then
		check
		say "tunnel $title, digest $digest"
		warn_of_rules
		! uses exempt || [ -n "$nat_exempt" ] || warn_of_nat
		modprobe -q "$esp" 2>/dev/null
		[ -z "${first-}" ] || [ -n "$repairing$no_punch" ] || punch
		{ journal states policies >>"$folder/undo"; } 2>/dev/null || stop 1 "cannot write $folder/undo"
	fi
	# each time it is mended the count begins far beyond what was sent
	[ -z "$repairing" ] || count=" replay-oseq $((($(grep -c '^made' "$folder/undo") - 1) * 67108864))"
	if [ -n "${guard-}" ]; then
		[ -n "$dry" ] || { mkdir -p "$folder.guard" && journal guards >>"$folder.guard/undo"; } 2>/dev/null || stop 1 "cannot write $folder.guard/undo"
		batch "policies: what stays blocked, and what passes" over_guards
	fi
	case ${found-missing SA} in *"missing SA"*) batch "states: how, with keys" states ;; esac
	case $repairing${found-} in
	yes*"missing policy"*) batch "policies: what is to be encrypted" over_policies ;;
	yes*) ;;
	*) batch "policies: what is to be encrypted" policies ;;
	esac
	for part in $parts; do add_"$part"; done
	if [ -n "$dry" ]; then return; fi
	{ echo "$here ${port_1:--} ${heard:-no} ." >"$folder/now"; } 2>/dev/null || stop 1 "cannot write $folder/now"
	trap - HUP INT TERM PIPE
	[ -n "$changed" ] || fail 1 "is up already; see: sh $file status; take it down with: sh $file down"
	for _ in 1 2 3; do
		[ "$heard" = no ] || break
		sleep 1
		if scan | grep -q '^sa in[^ ]* [^ ]* [1-9]'; then heard=yes; fi
	done
	[ "$heard" != no ] || fail 4 "set up, but $peer has not been heard. Is its script running, and of the same run (digest $digest)? Do the words
  of natprobe still hold on both sides? Side $first is to be started first. It goes on by itself when $peer is heard"
	say "up. When the other side is up too, test it with"
	echo "$tests" | sed '/./!d'
}
