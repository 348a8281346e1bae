# guard: needs guards. What stays after down: blocks, and what has to pass them; its journal is a folder of its own.
add_guards() {
	[ -n "$dry" ] || { mkdir -p "$folder.guard" && journal guards >>"$folder.guard/undo"; } 2>/dev/null || stop 1 "cannot write $folder.guard/undo"
	batch "adding policies: what stays blocked, and what passes" over_guards
}
over_guards() { guards | sed 's/^xfrm policy add/xfrm policy update/'; }
