add_guards() { # first of all; they may still exist since the last down
	if [ -n "$dry" ] || ! "$ip" xfrm policy get dir out index "$guard" >/dev/null 2>&1; then
		batch guards
	fi
}
