# The paste block, typed into terminals as people do: tmux pastes it into shells beside an ip and an espdecap that only
# write down what they got. What a kernel makes of it: tests/lab/tunnel.bats and shapes.bats.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	XFRMPAIR=$(cd "${BUILD:-build}" && pwd)/xfrmpair
	export XFRMPAIR
	cd "$BATS_FILE_TMPDIR" && mkdir bin || return
	cat >bin/ip <<'END'
#!/bin/sh
echo "$*" >>"$GOT.words"
case "$*" in
'xfrm help') echo 'Usage: ip xfrm XFRM-OBJECT { COMMAND | help }' >&2; exit 1 ;;
'-o address show to 10.0.0.4') echo '2: eth0    inet 10.0.0.4/24 scope global eth0' ;;
'-o route get 31.1.2.3') echo '31.1.2.3 via 10.0.0.1 dev eth0 src 10.0.0.4 uid 0 \    cache' ;;
*-batch*) while read -r line; do
	if [ "$line" = "$(cat "$GOT.refused" 2>/dev/null)" ]; then
		printf 'RTNETLINK answers: File exists\nCommand failed -:1\n' >&2
		exit 1
	fi
	echo "$line" >>"$GOT"
done ;;
xfrm* | route*) echo "$*" >>"$GOT" ;;
esac
END
	cat >bin/espdecap <<'END'
#!/bin/sh
echo "espdecap $*" >>"$GOT"
[ ! -e "$GOT.taken" ] || { echo 'espdecap: 10.0.0.4:4500: Address in use' >&2; exit 1; }
sleep 99 >/dev/null 2>&1 </dev/null 3>&- &
echo 'espdecap: ready: 10.0.0.4:4500' >&2
echo $! | tee -a "$GOT.pids"
END
	chmod +x bin/ip bin/espdecap
	"$XFRMPAIR" --save-keys keys 10.0.0.4:4500@85.9.8.7+10.1.0.0/24 31.1.2.3:10421+10.2.0.0/24 >blocks
	sed '/^# side b/,$d' blocks >block
	grep -o '0x[0-9a-f]\{64,\}' block | sed s/0x// >secrets # the keys that follow from the pair's
	[ "$(wc -l <secrets)" -eq 2 ]
	[ "$(grep -cFf secrets block)" -eq 2 ]
	# what is to arrive at ip, a line each, and espdecap
	{
		sed -n -e :a -e '/\\$/{N;s/\\\n//;ba' -e '}' -e 's/\$(way_to.*)/via 10.0.0.1 dev eth0/' -e 's/^.*echo "//' -e 's/^xfrm \|^route /&/p' block
		echo 'espdecap -d -u 65534 -b 10.0.0.4 4500 31.1.2.3:10421'
	} >all
	[ "$(wc -l <all)" -eq 7 ]
}
setup() {
	[ "$(id -u)" = 0 ] || skip "needs root: the block does"
	here=$BATS_FILE_TMPDIR
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

# ---- a terminal ----
terminal() { tmux -S socket -f /dev/null "$@"; }
# in_terminal SHELL: an interactive one
in_terminal() {
	terminal new-session -d -x 190 -y 50 "$1; echo ended; sleep 9"
	shows '[#%$]$'
}
# give FILE [-p]: pastes it; -p brackets the paste where the shell has asked for that
give() {
	terminal load-buffer "$1"
	terminal paste-buffer ${2:+"$2"}
	sleep 0.3
	terminal send-keys Enter
}
type_in() { terminal send-keys "$1" Enter; }
screen() { terminal capture-pane -p -J -S - | sed -e 's/ *$//' -e '/./!d'; }
on_screen() { screen | grep -q -e "$1"; }
# shows PATTERN, in time
shows() {
	local try
	for try in {1..200}; do
		if on_screen "$1"; then return; fi
		sleep 0.1
	done
	echo "not shown: $1; but:"
	screen
	return 1
}
# leave: the shell is well, and ends
leave() {
	type_in 'echo "still $((40 + 2))"'
	shows '^still 42'
	type_in exit
	shows '^ended'
}

# ---- what must be so ----
# no file that a history could be in has a key, or what is around it
no_keys() {
	cat history .*history >histories 2>/dev/null || :
	run -1 grep -aqFf "$here/secrets" histories
	run -1 grep -aqF 'xfrm state' histories
}
nothing_done() { [ ! -s got ]; }
# deletes FILE: what takes back the lines in it, the last first
deletes() {
	tac "$1" | sed -e '/^espdecap/d' -e 's/ add / delete /' -e 's/ priority.*//' -e 's/ reqid.*//' -e 's/ mtu.*//'
}

@test "a pasted block sets its side up, and no history has its keys: bash, dash, busybox ash, with brackets and without" {
	is_set_up() {
		in_terminal "$1"
		give "$here/block" "${2-}"
		shows '^side a is set up; '
		shows '^espdecap: ready'
		leave
		diff "$here/all" got
		no_keys
		case $1 in bash*) grep -q 'still' history ;; esac
	}
	together is_set_up bash 'bash|-p' 'bash --posix|-p' 'bash +o emacs' dash 'dash|-p' 'busybox ash' 'busybox ash|-p'
}

@test "an explained block does the same: its comments reach no ip, and what takes it down has none" {
	"$XFRMPAIR" --explain --keys "$here/keys" 10.0.0.4:4500@85.9.8.7+10.1.0.0/24 31.1.2.3:10421+10.2.0.0/24 | sed '/^# side b/,$d' >explained
	grep -v '^## ' explained | diff "$here/block" -
	for shell in bash dash 'busybox ash'; do
		: >got
		$shell explained >said
		diff "$here/all" got
		run -1 grep -q '##' said
	done
	kill $(cat got.pids)
	in_terminal bash
	: >got
	give explained -p
	shows '^side a is set up; '
	leave
	diff "$here/all" got
	no_keys
}

@test "a terminal's aliases, options and variables are no hindrance, and stay as they were" {
	cat >.bashrc <<-'END'
		alias ip='ip -color' grep='grep --color' up='cd ..' down='cd' add='git add' fail='exit 1' way=:
		HISTCONTROL=erasedups
		set -fu
	END
	in_terminal bash
	type_in 'set >before; alias >>before; trap >>before'
	give "$here/block" -p
	shows '^side a is set up; '
	type_in 'set >after; alias >>after; trap >>after'
	leave
	diff "$here/all" got
	diff -I '^\(_\|BASH_LINENO\|RANDOM\|SRANDOM\|EPOCH.*\|SECONDS\|LINENO\|PIPESTATUS\|HISTCMD\|BASH_.*\)=' before after
}

@test "keys reach ip on its standard input alone" {
	for shell in bash dash 'busybox ash'; do
		$shell "$here/block"
	done
	grep -q -e '-batch' got.words
	run -1 grep -qFf "$here/secrets" got.words
}

@test "the lines that the block prints at its end take down all that it added, pasted as they stand" {
	comes_down() {
		in_terminal "$1"
		give "$here/block" "${2-}"
		shows '^side a is set up; '
		shows '^  .*policy delete .* dir out'
		screen | awk '/^To take it down/ { lines = ""; on = 1; next } !/^  / { on = 0 } on { lines = lines $0 "\n" } END { printf "%s", lines }' >lines
		: >got
		give lines "${2-}"
		leave
		deletes "$here/all" | diff - got
		run -1 grep -q '^State:.[^Z]' "/proc/$(cat got.pids)/status"
	}
	together comes_down 'bash|-p' dash 'busybox ash'
}

@test "zsh and mksh refuse before the first key: nothing is done, no key is in the history, and they go on" {
	is_refused() {
		printf '%s\n' 'HISTSIZE=100 SAVEHIST=100' "${3-}" >.zshrc
		case $1 in zsh) printf '%s\n' 'before one' 'before two\' 'and three' >history ;; esac
		in_terminal "$1"
		type_in 'echo begun'
		shows '^begun'
		give "$here/block" "${2-}"
		shows 'sh: xfrmpair: side a is not set up: .* HISTFILE= sh$'
		no_keys # already now: at its end zsh writes the file anew
		leave
		nothing_done
		no_keys
		case $1 in
		zsh) for line in 'before one' 'before two\' 'and three' 'echo begun' 'still'; do grep -qF "$line" history; done ;;
		mksh) grep -aq 'echo begun' history; grep -aq still history ;;
		esac
	}
	together is_refused mksh 'mksh|-p' zsh 'zsh|-p' 'zsh|-p|setopt inc_append_history' 'zsh||setopt share_history' \
		'zsh|-p|setopt share_history' 'zsh|-p|setopt interactive_comments extended_glob'
}

@test "what the refusal says helps: a shell with an empty HISTFILE takes the block" {
	is_helped() {
		in_terminal "$1"
		type_in 'HISTFILE= sh'
		sleep 0.5
		give "$here/block" "${2-}"
		shows '^side a is set up; '
		type_in exit
		leave
		diff "$here/all" got
		no_keys
	}
	together is_helped mksh 'zsh|-p'
}

@test "an ash that keeps its history in a file refuses, too" {
	# Debian's does not: another has written there already what it read
	sed 1q "$here/block" >history
	in_terminal 'busybox ash'
	give "$here/block"
	shows 'side a is not set up: .* HISTFILE= sh$'
	leave
	nothing_done
}

@test "after ^C in the middle of a paste nothing is done, the history goes on without keys, and the block can be pasted again" {
	is_interrupted() {
		in_terminal "$1"
		head -n "$(grep -n '^route add' "$here/block" | cut -d: -f1)" "$here/block" >cut
		give cut "${2-}"
		sleep 0.5
		terminal send-keys C-c
		sleep 0.2
		type_in 'echo between $((6 * 7))'
		shows '^between 42'
		nothing_done
		give "$here/block" "${2-}"
		shows '^side a is set up; '
		leave
		diff "$here/all" got
		no_keys
		case $1 in bash*) grep -q '^echo between' history; grep -q still history ;; esac
	}
	together is_interrupted bash 'bash|-p' 'bash +o emacs' dash 'busybox ash'
}

@test "a paste that is cut off does nothing, wherever" {
	end=$(grep -n '^)' "$here/block" | cut -d: -f1)
	for lines in $(seq $((end - 1))); do
		# after a line, or within it
		head -n "$lines" "$here/block" | head -c "-$((lines % 2 * 9))" >cut
		for shell in bash dash 'busybox ash'; do
			$shell cut >said 2>&1 || :
			[ ! -s got ]
			[ ! -e got.words ]
		done
	done
	# the control
	head -n "$end" "$here/block" >cut
	dash cut
	diff "$here/all" got
}

@test "what ip refuses undoes what was done before, and says so: no more, no less, whichever line it is" {
	sleep 99 3>&- &
	export pid=$!
	for shell in bash dash 'busybox ash'; do
		case $shell in dash) lines='1 2 3 4 5 6' ;; *) lines='1 5' ;; esac
		for n in $lines; do
			: >got
			sed -n "${n}p" "$here/all" >got.refused
			$shell "$here/block" >said 2>&1
			{ sed "$n,\$d" "$here/all"; sed "$n,\$d" "$here/all" >done; deletes done; } >wanted
			diff wanted got
			sed -i '/^$/d' said
			[ "$(sed -n 1p said)" = "side a is not set up: ip $(sed 's/ reqid .*//' got.refused): there is one like it already: see ip xfrm state, ip xfrm policy, ip route (RTNETLINK answers: File exists)" ]
			[ "$(sed -n 2p said)" = "$([ "$n" = 1 ] || echo 'side a: what had been added is taken back')" ]
			[ "$(sed -n '3,$p' said)" = '' ]
		done
	done
	kill "$pid" # no matter what the terminal's variables are
}

@test "an espdecap that does not start undoes all, and the side is not called set up" {
	for shell in bash dash 'busybox ash'; do
		: >got
		touch got.taken
		$shell "$here/block" >said 2>&1
		{ cat "$here/all"; deletes "$here/all"; } | diff - got
		diff - <(sed '/^$/d' said) <<-'END'
			espdecap: 10.0.0.4:4500: Address in use
			side a is not set up: espdecap did not start
			side a: what had been added is taken back
		END
	done
}

# says LINE: with SHELL, it is the only one, and nothing is done
says() {
	$shell "${block:-$here/block}" >said 2>&1
	echo "$shell: $(cat said)"
	[ "$(sed '/^$/d' said)" = "$1" ]
	nothing_done
}
@test "who is not root is told so, in one line" {
	printf '#!/bin/sh\necho 1000\n' >id
	chmod +x id
	PATH=$PWD:$PATH
	for shell in bash dash; do says 'side a is not set up: it needs root'; done
}
@test "a host that has not the address is told so, in one line: each block refuses the other's host" {
	block=$here/other
	sed -n '/^# side b/,$p' "$here/blocks" >"$block"
	for shell in bash dash 'busybox ash'; do
		says 'side b is not set up: 31.1.2.3 is not an address of this host; is this the block of another side? If it is how the internet sees this host: the word is LOCAL@MAPPED.'
	done
	# a private one is not what the internet sees
	"$XFRMPAIR" 192.168.77.4:4500@31.1.2.3 192.0.2.1:4500 | sed -n '/^# side a/,/^# side b/p' | sed '$d' >private
	for shell in bash dash 'busybox ash'; do
		block=private says 'side a is not set up: 192.168.77.4 is not an address of this host; is this the block of another side?'
	done
	in_terminal bash
	give "$here/blocks" -p
	shows '^side b is not set up: '
	leave
	on_screen '^side a is set up; '
	diff "$here/all" got
}
@test "a kernel without ESP or the cipher, and one where it is switched off, is told in words, with the line and its file" {
	mkdir words modprobe.d
	cp "$here"/bin/* words/
	sed -i "s/RTNETLINK answers: File exists/Error: Requested type not found./" words/ip
	PATH=$PWD/words:$PATH
	sed -n 6p "$here/all" >got.refused
	for shell in bash dash 'busybox ash'; do
		$shell "$here/block" >said 2>&1 || :
		grep -q '^side a is not set up: ip .*: this kernel has no ESP, or not the cipher [a-z0-9]*: try modprobe esp4, or another --cipher (Error: Requested type not found.)$' said
		if [ "$(id -u)" != 0 ] || [ ! -d /etc/modprobe.d ]; then continue; fi
		echo 'install esp4 /bin/false' >modprobe.d/off.conf
		unshare --mount sh -c 'mount --bind "$1" /etc/modprobe.d && shift && exec "$@"' sh "$PWD/modprobe.d" $shell "$here/block" >said 2>&1 || :
		cat said
		grep -q '^side a is not set up: ip .*: ESP is switched off on purpose: /etc/modprobe.d/off.conf:install esp4 /bin/false: without that line it works (Error: ' said
	done
}
@test "without an espdecap that can be run it says so, in one line" {
	cp "$here/bin/ip" .
	PATH=$PWD:${PATH#*:}
	for shell in bash dash 'busybox ash'; do
		rm -f espdecap
		says 'side a is not set up: no espdecap on PATH, or it cannot be run: chmod +x it'
		touch espdecap
		says 'side a is not set up: no espdecap on PATH, or it cannot be run: chmod +x it'
	done
}
@test "without an ip that knows xfrm it says so, in one line; one that does not is passed by" {
	mkdir other none
	printf '#!/bin/sh\necho "ip: unknown command xfrm" >&2; exit 1\n' >other/ip
	chmod +x other/ip
	PATH=$PWD/other:$PATH dash "$here/block"
	diff "$here/all" got
	: >got
	cp "$here/bin/espdecap" other
	PATH=$PWD/other:${PATH#*:}
	# the machine's own are out of sight
	for shell in bash dash 'busybox ash'; do
		unshare --mount sh -c 'for ip in /usr/sbin/ip /usr/bin/ip /sbin/ip /bin/ip; do
			[ ! -e "$ip" ] || mount --bind /dev/null "$ip"; done; exec "$@"' sh $shell "$here/block" >said 2>&1
		[ "$(sed '/^$/d' said)" = 'side a is not set up: no ip that knows xfrm; install iproute2' ]
		nothing_done
	done
}

@test "nothing in a block could be taken for an event of bash's history" {
	"$XFRMPAIR" --clamp --guard 10.0.0.4:4500@85.9.8.7+10.1.0.0/24 31.1.2.3:10421+10.2.0.0/24 >all
	"$XFRMPAIR" --interface ipsec0 --inner 10.9.0.0/24 10.0.0.4:4500@85.9.8.7 31.1.2.3:10421 9.9.9.9:1 >>all
	run -1 grep '![^ =]' all "$here/blocks"
	# and in nothing a line that zsh would end the block's refusal with
	run -1 grep -m1 "^#.*['\"\`;()]" <(sed '/^}/,$d' "$here/block")
}
