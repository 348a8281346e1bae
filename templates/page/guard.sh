add_guards() { # before anything else; they may be there since the last down
	if [ -z "$dry" ] && "$ip" xfrm policy get dir out index "$guard" >/dev/null 2>&1; then return; fi
	unguarding=yes
	batch "blocking what the tunnel is to carry" guards
	unguarding=''
}
