# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The examples of the manuals of section 8, each run on its side. Run in the lab:
# tests/lab/run bats tests/lab/manuals.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	"$net" stun
	# the names that the examples have
	{
		cat /etc/hosts
		echo 198.51.100.1 stun.cloudflare.com
		echo 198.51.100.2 stun.l.google.com
		echo 31.1.2.3 home.example.org
	} >"$BATS_FILE_TMPDIR/hosts"
	mount --bind "$BATS_FILE_TMPDIR/hosts" /etc/hosts
	cc -std=c11 -D_GNU_SOURCE -Ihelper -o "$BATS_FILE_TMPDIR/fakerouter" tests/fakerouter.c
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	umount -l /etc/hosts
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	manuals=$PWD
	cd "$BATS_TEST_TMPDIR" || return 1
}
teardown() {
	if [ -e alice.sh ]; then
		typed a 'sh alice.sh down' >/dev/null 2>&1 || :
		typed b 'sh bob/bob.sh down' >/dev/null 2>&1 || :
	fi
	[ -z "${router-}" ] || kill "$router"
}

# examples PAGE: the commands that its examples have, a line each; shown PAGE COMMAND: what they print there
examples() { sed -n '/^\.Sh EXAMPLES/,/^\.Sh S/s/^[$#] //p' "$manuals/$1"; }
shown() { awk -v command="$2" '/^\.Sh EXAMPLES/ { on = 1 } on && substr($0, 3) == command { found = 1; next } found && /^(\.Ed|[$#] )/ { exit } found' "$manuals/$1"; }
# typed SIDE COMMAND: as a person types it there
typed() { on "$1" sh -c "$2"; }
# prints PAGE SIDE COMMAND: typed there, it prints what the page shows
prints() {
	typed "$2" "$3" >said 2>&1 3>&- </dev/null
	cat said
	while IFS= read -r line; do grep -qxF -e "$line" said; done < <(shown "$1" "$3")
	echo "$3" >>done
}

@test "natprobe(8): each example works on its side, and prints what the manual shows" {
	local page=helper/natprobe.8 one two
	mapfile -t commands < <(examples $page)
	[ "${#commands[@]}" -eq 7 ]
	prints $page a "${commands[0]}"
	prints $page b "${commands[1]}" # without a keyboard, so it ends at once
	one=${commands[2]} two=${commands[3]}
	[[ "$one" == *"--punch"*"--first" ]]
	typed a "$one" >first 3>&- &
	sleep 1
	prints $page b "$two"
	wait $!
	diff first <(shown $page "$one")
	# a router that answers by PCP
	on na "$BATS_FILE_TMPDIR/fakerouter" 192.168.1.1 85.9.8.7 >asked 3>&- &
	router=$!
	until [ -s asked ]; do sleep 0.1; done
	for command in "${commands[@]:4:3}"; do prints $page a "$command"; done
	[ "$(wc -l <done)" -eq 6 ]
}

@test "espdecap(8): each example holds the port and sends keepalives" {
	local page=helper/espdecap.8
	mapfile -t commands < <(examples $page)
	[ "${#commands[@]}" -eq 2 ]
	typed a "echo \$\$ >pid; exec ${commands[0]}" 2>said 3>&- &
	until grep -q '^espdecap: ready: .*61525 .* 31.1.2.3:10421$' said; do sleep 0.1; done
	kill "$(cat pid)"
	wait $!
	pid=$(typed a "${commands[1]}" 2>said 3>&-)
	grep -q '^espdecap: ready: 192.168.1.4:61525 .* 31.1.2.3:10421$' said
	kill "$pid"
}

# alice.sh, and bob.sh in a folder of its own
scripts() {
	xfrmpair -o . "alice=$A" "bob=$B"
	mkdir bob
	mv bob.sh bob
}

@test "xfrmpair-script(8): each example does what the text before it says" {
	local page=gen/xfrmpair-script.8
	scripts
	mapfile -t commands < <(examples $page)
	[ "${#commands[@]}" -eq 6 ]
	typed a "${commands[0]}" >printed
	grep -q '^ip xfrm policy add ' printed
	typed a "${commands[1]}"
	[ "$(on a ip xfrm state list | grep -c '^src')" -ge 2 ]
	run -4 typed a "${commands[2]}" # nothing received yet
	typed a "${commands[3]}"
	[ -z "$(on a ip xfrm state list)" ]
	on a ip address add 192.168.1.7/24 dev eth0
	typed a "${commands[4]}"
	on a ip xfrm state list | grep -q '^src 192.168.1.7 '
	typed a "sh alice.sh down"
	on a ip address delete 192.168.1.7/24 dev eth0
	typed a "${commands[5]}" >printed
	grep -q '^policies()' printed
	run -1 grep -E '0x[0-9a-f]{40}' printed
}

@test "xfrmkeep(8): each example works on a tunnel that is up" {
	local page=helper/xfrmkeep.8
	scripts
	typed a 'sh alice.sh up --no-punch'
	typed b 'sh bob/bob.sh up --no-punch'
	answers a 192.168.1.4 192.168.2.100
	mapfile -t commands < <(examples $page)
	[ "${#commands[@]}" -eq 7 ]
	for command in "${commands[@]}"; do prints $page a "$command"; done
	grep -q '^alice ' said # of the list of tunnels
	[ -s esp_sa ]
	typed b 'sh bob/bob.sh down'
}
