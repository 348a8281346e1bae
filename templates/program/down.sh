# down: takes back what up noted, at any time, whatever up does meanwhile.
down() {
	trap '' HUP PIPE
	left='' told='' was='' stays=''
	[ -z "$all" ] || for old in "$run"/*."$name" "$run"/*."$name".guard; do ! is_earlier "$old" || undo "$old" || left=yes; done
	while [ -d "$folder" ] && ! claim down; do
		[ -n "$worker" ] || [ ! -d "$folder" ] || fail 1 "cannot write to $folder"
		[ "${worker##* }$told" != up ] || {
			told=yes
			say "ending up, which is at work (pid ${worker%% *})"
			kill "${worker%% *}"
		}
		sleep 1
	done
	[ ! -d "$folder" ] || {
		was=there
		recall
		read_book
		recall_rows
		found=$(scan)
		tally 1048576
		undo "$folder" || left=yes # what leaves meanwhile
		[ -z "$book" ] || {
			turn
			write_book 0 && erase || say "warning: cannot write $store: the next up goes on from what is in it, and the other side may refuse what it sends"
		}
	}
	found=$(scan)
	case $all$was,$found in
	*failed*) refused "looking at xfrm" "${found##*failed }" ;;
	,*ours*) fail 1 "is down, but the kernel has parts of this tunnel that $run knows nothing of: pasted, or of another XFRMPAIR_RUN? down --all removes them" ;;
	*ours*) left=$left$(echo "$found" | sed -n 's/^ours //p' | while read -r line; do take_back $line || echo "$line"; done) ;;
	esac
	[ -z "$left" ] || fail 1 "not all could be taken back; what is left stays noted: again with: sh $file down"
	refuse_earlier
	if [ -z "$was" ]; then
		say "is down"
		return
	fi
	[ -z "$guard" ] || [ -n "$all" ] || stays=', and what it carried stays blocked'
	say "down$stays"
}
