# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Commands for a root shell: the paste block, pasted with tmux, and --format commands. Fake ip and espdecap record their
# input. tests/lab/tunnel.bats, shapes.bats and ciphers.bats use a real kernel.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	XFRMPAIR=$(cd "${BUILD:-build}" && pwd)/xfrmpair
	export XFRMPAIR
	cd "$BATS_FILE_TMPDIR" && mkdir bin || return
	# as ip reads a batch: # begins a comment, a backslash joins the next line; the row in $GOT.refused exists already
	cat >bin/ip <<'END'
#!/bin/sh
echo "$*" >>"$GOT.words"
case "$*" in
'-o route get 31.1.2.3') echo '31.1.2.3 via 10.0.0.1 dev eth0 src 10.0.0.4 uid 0 \    cache' ;;
'-o route get 2001:db8::2') echo '2001:db8::2 from :: via fe80::1 dev eth0 src 2001:db8::1 metric 1024 pref medium' ;;
-batch* | -force*) sed -e 's/#.*//' -e :a -e '/\\$/{N;s/\\\n//;ba' -e '}' -e 's/  */ /g' -e '/./!d' | {
	status=0
	while read -r row; do
		if [ "$row" = "$(cat "$GOT.refused" 2>/dev/null)" ]; then
			echo 'RTNETLINK answers: File exists' >&2
			status=2
			case $1 in -force) continue ;; *) break ;; esac
		fi
		echo "$row" >>"$GOT"
	done
	exit $status
} ;;
*) echo "$*" >>"$GOT" ;;
esac
END
	cat >bin/espdecap <<'END'
#!/bin/bash
echo "espdecap $*" >>"$GOT"
[ ! -e "$GOT.taken" ] || { echo 'espdecap: 10.0.0.4:4500: Address in use' >&2; exit 1; }
(exec -a "espdecap $*" sleep 99) >/dev/null 2>&1 </dev/null 3>&- &
echo 'espdecap: ready: 10.0.0.4:4500' >&2
echo $! | tee -a "$GOT.pids"
END
	printf '#!/bin/sh\necho "nft $*" >>"$GOT"\ncat >>"$GOT"\n' >bin/nft
	chmod +x bin/*
	A=10.0.0.4:4500@85.9.8.7+10.1.0.0/24 B=31.1.2.3:10421+10.2.0.0/24+10.3.0.0/24
	export A B
	"$XFRMPAIR" --save-keys keys $A $B | sed '/^# side b/,$d' >block
	sed '/^}/q' block >commands
	grep -o '0x[0-9a-f]\{72\}' block | sed s/0x// >secrets
	[ "$(grep -cFf secrets block)" -eq 2 ]
	# what is to arrive: the rows of the first batch, the helper, and the routes
	{
		sed '/^END/,$d' block | sed -e :a -e '/\\$/{N;s/ *\\\n */ /;ba' -e '}' | sed -n '/^xfrm /p'
		echo 'espdecap -d -u 65534 -b 10.0.0.4 4500 31.1.2.3:10421'
		printf 'route add 10.%s.0.0/24 mtu 1438 via 10.0.0.1 dev eth0\n' 2 3
	} >all
	[ "$(grep -c '^xfrm state add .*aead' all)" -eq 2 ]
	[ "$(grep -c '^xfrm policy add .*tmpl' all)" -eq 6 ]
	[ "$(wc -l <all)" -eq 11 ]
}
setup() {
	here=$BATS_FILE_TMPDIR
	# Debian's busybox ash would run an ip of its own
	ash="ip() { $here/bin/ip \"\$@\"; }"
	export PATH=$here/bin:$PATH TERM=screen
	place "$BATS_TEST_TMPDIR"
}
teardown() {
	for folder in "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR"/*/; do
		[ ! -e "$folder/socket" ] || tmux -S "$folder/socket" kill-server || true
		[ ! -e "$folder/got.pids" ] || kill $(cat "$folder/got.pids") 2>/dev/null || true
	done
}
# place FOLDER: home, history and what ip got are there
place() {
	cd "$1"
	export GOT=$PWD/got HOME=$PWD HISTFILE=$PWD/history
	: >got
	printf '%s\n' 'HISTSIZE=100 SAVEHIST=100' >.zshrc
}
# together FUNCTION CASE...: all at the same time, each in a folder of its own; a CASE is its words, with | between them
together() {
	local function=$1 words pids=() bad=0
	shift
	for words; do
		mkdir "${words//[| ]/_}"
		(
			place "${words//[| ]/_}"
			IFS='|'
			set -- $words
			unset IFS
			"$function" "$@"
		) >"${words//[| ]/_}.said" 2>&1 3>&- &
		pids+=($!)
	done
	for words; do
		wait "${pids[0]}" || { echo "== $words"; cat "${words//[| ]/_}.said"; bad=1; }
		pids=("${pids[@]:1}")
	done
	return $bad
}
# runs SHELL FILE: without a terminal
runs() {
	: >got
	{ case $1 in busybox*) echo "$ash" ;; esac; cat "$2"; } >typed
	$1 typed >said 2>&1
}

# ---- a terminal ----
terminal() { tmux -S socket -f /dev/null "$@"; }
# in_terminal SHELL: an interactive one
in_terminal() {
	terminal new-session -d -x 190 -y 50 "$1; echo ended; sleep 9"
	shows '[#%$]$'
	case $1 in busybox*) type_in "$ash" ;; esac
}
# give FILE [-p]: pastes it; -p brackets the paste where the shell has asked for that
give() {
	terminal load-buffer "$1"
	terminal paste-buffer ${2:+"$2"}
	sleep 0.3
	terminal send-keys Enter
}
type_in() { terminal send-keys -l "$1"; terminal send-keys Enter; }
screen() { terminal capture-pane -p -J -S - | sed -e 's/ *$//' -e '/./!d'; }
# shows PATTERN, in time
shows() {
	local try
	for try in {1..200}; do
		if screen | grep -q -e "$1"; then return; fi
		sleep 0.1
	done
	echo "not shown: $1; but:"
	screen
	return 1
}
# leave: the shell is well, and ends
leave() {
	type_in 'echo "still $((40 + 2))"'
	shows 'still 42'
	type_in exit
	shows 'ended$'
}

# down FILE: the commands that its comments have below `To take it down`
down() { sed -e '1,/^# To take it down/d' -e '/^#   /!d' -e 's/^#  *//' "$1"; }

@test "pasted into a terminal, a block passes its rows to ip and starts espdecap: bash, dash, busybox ash, mksh, zsh" {
	is_set_up() {
		in_terminal "$1"
		give "$here/block" "${2-}"
		shows 'espdecap: ready'
		leave
		diff "$here/all" got
	}
	together is_set_up bash 'bash|-p' 'bash --posix|-p' 'bash +o emacs' dash 'dash|-p' 'busybox ash' 'busybox ash|-p' \
		mksh 'mksh|-p' zsh 'zsh|-p'
}

@test "keys reach ip only on standard input, and bash with HISTCONTROL=ignorespace does not record them" {
	for shell in bash dash 'busybox ash' mksh zsh; do
		runs "$shell" "$here/block"
		diff "$here/all" got
	done
	grep -q -e '-batch' got.words
	run -1 grep -qFf "$here/secrets" got.words
	echo HISTCONTROL=ignorespace >.bashrc
	: >got
	in_terminal bash
	give "$here/block" -p
	shows 'espdecap: ready'
	leave
	diff "$here/all" got
	grep -q still history
	run -1 grep -qFf "$here/secrets" history
	run -1 grep -q 'xfrm state add' history
	[ "$(sed -n 2p "$here/block")" = '# CONTAINS KEYS, which the shell keeps in its history, except bash with HISTCONTROL=ignorespace.' ]
}

@test "a terminal's aliases, options, functions and variables do not disturb a block, and are not changed" {
	cat >.bashrc <<-'END'
		alias ip='ip ' grep='grep --color' add='git add' route=:
		HISTCONTROL=erasedups
		set -fu
	END
	in_terminal bash
	type_in 'set >before; alias >>before; trap >>before'
	give "$here/block" -p
	shows 'espdecap: ready'
	type_in 'set >after; alias >>after; trap >>after'
	leave
	diff "$here/all" got
	diff -I '^\(_\|BASH_LINENO\|RANDOM\|SRANDOM\|EPOCH.*\|SECONDS\|LINENO\|PIPESTATUS\|HISTCMD\|BASH_.*\)=' before after
}

@test "a truncated paste does nothing" {
	for shell in bash dash 'busybox ash' mksh zsh; do
		for lines in $(seq "$(($(wc -l <"$here/commands") - 1))"); do
			# after a line, or within it
			head -n "$lines" "$here/commands" | head -c "-$((lines % 3 * 9))" >cut
			runs "$shell" cut || :
			[ ! -s got ]
		done
		# the control
		runs "$shell" "$here/commands"
		diff "$here/all" got
	done
}

@test "after ^C in the middle of a paste nothing is done, and the block can be pasted again" {
	is_interrupted() {
		in_terminal "$1"
		head -n "$(grep -n '^route add' "$here/block" | head -n 1 | cut -d: -f1)" "$here/block" >cut
		give cut "${2-}"
		sleep 0.5
		terminal send-keys C-c
		sleep 0.2
		type_in 'echo between $((6 * 7))'
		shows 'between 42'
		[ ! -s got ]
		give "$here/block" "${2-}"
		shows 'espdecap: ready'
		leave
		diff "$here/all" got
	}
	together is_interrupted bash 'bash|-p' 'bash +o emacs' dash 'busybox ash' mksh 'zsh|-p'
}

@test "if ip refuses any policy or state, it says why, and espdecap is not started" {
	for shell in bash dash 'busybox ash' mksh zsh; do
		case $shell in dash) lines='1 2 3 4 5 6 7 8' ;; *) lines='1 8' ;; esac
		for n in $lines; do
			sed -n "${n}p" "$here/all" >got.refused
			run -2 runs "$shell" "$here/block"
			sed "$n,\$d" "$here/all" | diff - got
			[ "$(cat said)" = 'RTNETLINK answers: File exists' ]
		done
	done
}

@test "the block stops if espdecap does not start, but not if a route is refused" {
	for shell in bash dash 'busybox ash' mksh zsh; do
		touch got.taken
		run -1 runs "$shell" "$here/block"
		sed '/^espdecap/q' "$here/all" | diff - got
		[ "$(cat said)" = 'espdecap: 10.0.0.4:4500: Address in use' ]
		rm got.taken
		sed -n '/^route/{p;q}' "$here/all" >got.refused
		run -2 runs "$shell" "$here/block"
		grep -vxFf got.refused "$here/all" | diff - got
		rm got.refused
	done
}

# deletes: what takes down the rows on standard input; an interface takes its address and routes with it
deletes() {
	sed -n '/^link add/{s/ type .*//; s/add/delete/p}' <<<"$1"
	grep -q '^link add' <<<"$1" || {
		sed -n '/^route add/{s/ via .*//; s/ dev .*//; s/add/delete/p}' <<<"$1"
		sed -n '/^address replace/{s/ nodad//; s/replace/delete/p}' <<<"$1"
	}
	sed -n 's/^xfrm state add .*\(reqid [0-9]*\).*/xfrm state deleteall \1/p' <<<"$1" | uniq
	for kind in '/tmpl/!d' '/tmpl\|block/d' '/block/!d'; do
		sed -n '/^xfrm policy/{s/ priority [0-9]*//; s/add/delete/p}' <<<"$1" | sed -e "$kind" -e 's/ tmpl .*//; s/ action .*//'
	done
}
@test "the comments after a block remove everything that it added" {
	takes_down() { # ARGUMENT...
		"$XFRMPAIR" "$@" | sed '/^# side b/,$d' >block
		runs dash block
		added=$(cat got)
		down block >lines
		: >got
		dash -e lines
		[ "$(sed '/^nft/!d; s/ inet .*//' got)" = "$(sed -n '/^nft/{s/.*/nft delete table/p; q}' <<<"$added")" ]
		diff <(deletes "$added") <(sed '/^nft/d' got)
		for _ in {1..50}; do # it may take a moment to end
			! pgrep -f '^espdecap -d .*-b 10.0.0.4 4500 ' >/dev/null || sleep 0.1
		done
		run -1 pgrep -f '^espdecap -d .*-b 10.0.0.4 4500 '
	}
	takes_down $A $B
	takes_down --guard --clamp --inner 10.9.0.0/24 10.0.0.4:4500@85.9.8.7 31.1.2.3:10421
	grep -q ' src 10.9.0.1 ' lines
	grep -q '^nft delete table inet xfrmpair-[0-9a-f]*-a$' lines
	takes_down --interface ipsec0 --inner fd09::/64 $A $B
	grep -q '^ip link delete ipsec0$' lines
	takes_down 10.0.0.4:4500 31.1.2.3:10421+0.0.0.0/0/udp/53
	takes_down --encap espinudp-nonike $A $B
}

@test "an explained block does the same: ip skips its comments" {
	"$XFRMPAIR" --explain --keys "$here/keys" $A $B | sed '/^# side b/,$d' >explained
	diff <(grep -v '^#' "$here/block") <(grep -v '^#' explained)
	for shell in bash dash 'busybox ash' mksh zsh; do
		runs "$shell" explained
		diff "$here/all" got
	done
	[ "$(grep -c '^# espdecap: ' explained)" -eq 1 ]
	: >got
	in_terminal zsh
	give explained -p
	shows 'espdecap: ready'
	leave
	diff "$here/all" got
	# as the machine's own ip has it
	sed -n '/^ {/,/^END/{/^#/p}' explained >comments
	[ "$(wc -l <comments)" -gt 9 ]
	[ -z "$(PATH=${PATH#*:} ip -batch comments 2>&1)" ]
}

@test "--format commands: each line is one command, quoted so that sh runs it, with the rows of the block" {
	"$XFRMPAIR" --format commands --keys "$here/keys" $A $B | sed '/^# side b/,$d' >commands
	for shell in bash dash 'busybox ash' mksh; do
		: >got
		while read -r line; do
			case $line in '#'*) continue ;; esac
			case $shell in busybox*) line="$ash; $line" ;; esac
			$shell -c "$line" 2>/dev/null
		done <commands
		diff "$here/all" got
	done
	shellcheck -s sh -e SC2046 commands # the words of a look-up
	down commands | diff - <(down "$here/block")
	# other users see arguments
	[ "$(sed -n 2,3p commands)" = '# CONTAINS KEYS as arguments: other users can see them while a command runs, and the
# shell keeps them in its history.' ]
	# as a file
	"$XFRMPAIR" --format commands --keys "$here/keys" -o t $A $B
	diff commands t/a.commands
	[ "$(stat -c %a t/a.commands t/b.commands | uniq)" = 600 ]
	# an empty key is an argument
	"$XFRMPAIR" --format commands --cipher null-sha256 --clamp --guard --inner fd09::/64 '[2001:db8::1]:4500' '[2001:db8::2]:4500' 2>/dev/null |
		sed '/^# side b/,$d' >null
	shellcheck -s sh -e SC2046 null
	printf '#!/bin/sh\nprintf "<%%s>" "$@" >>"$GOT"\n' >nft
	cp nft ip
	chmod +x nft ip
	: >got
	PATH=$PWD:$PATH dash null
	[[ "$(cat got)" == *'<enc><ecb(cipher_null)><><auth-trunc><hmac(sha256)><0x'* ]]
	[[ "$(cat got)" == *'<add><chain><inet><xfrmpair-'*'-a><forward><{ type filter hook forward priority mangle; }>'* ]]
	[[ "$(cat got)" == *'<add><rule><inet><xfrmpair-'*'-a><both><ip6><saddr><fd09::1/128>'* ]]
	: >got
	sed -n '/^ip route add/p' null | dash
	[ "$(cat got)" = 'route add fd09::2/128 src fd09::1 mtu 1426 via fe80::1 dev eth0' ]
}
