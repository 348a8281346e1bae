# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# README's commands, typed into two terminals of examples/lab. Run in the lab: tests/lab/run bats tests/lab/readme.bats
#
# examples/session is the recorded output, with the seconds since the first line. To record it again:
# LAB_UPDATE=1 tests/lab/vm -s examples bats tests/lab/readme.bats
bats_require_minimum_version 1.5.0

# terminal SIDE COMMAND: runs it in one; what is typed comes from SIDE.in, what is seen goes to SIDE.seen, and line by line, as
# it is in the end and with the time, to the session
terminal() {
	mkfifo "$HERE/$1.in"
	TERM=dumb script -qfc "stty cols 200; exec $2" "$HERE/$1.seen" <>"$HERE/$1.in" 2>&1 3>&- | perl -MTime::HiRes=time -ne '
		BEGIN { $| = 1; $side = shift }
		s/\r?\n//; s/.*\e\[K//; s/^/$side  / unless /^$side# /;
		printf "%.3f %s\n", time, $_' "$1" >>"$HERE/session" 3>&- &
	prompt "$1"
}
# type SIDE LINE; sees SIDE PATTERN: waits until what is seen there matches it; prompt SIDE [LINE]: until LINE is done
type() { printf '%s\n' "$2" 1<>"$HERE/$1.in"; }
sees() {
	local text
	SECONDS=0
	until [ $SECONDS -gt 90 ]; do
		IFS= read -rd '' text <"$HERE/$1.seen" || :
		# shellcheck disable=SC2053 # a pattern
		[[ "$text" != $2 ]] || return 0
		read -rt 0.2 <>"$HERE/never" || : # a sleep that starts no program, which here would slow all others down
	done
	cat "$HERE"/?.seen
	return 1
}
prompt() { sees "$1" "*${2:+"$1# $2"$'\r\n'*}$1# "; }
seen() { tr -d '\r' <"$HERE/$1.seen"; }

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	export HERE=$BATS_FILE_TMPDIR
	mkfifo "$HERE/never"
	terminal a examples/lab
	terminal b '/run/lab-homes/bin/on b'
}
teardown_file() {
	type b exit
	type a exit
	wait
	[ -z "$(ip netns list)" ]
}
setup() { cd "$BATS_TEST_DIRNAME/../.." || return 1; }

# the walk as lines SIDE COMMAND; sending the endpoint strings is a copy here
walk() {
	sed -n '/^    alice\$/,/^$/{s/^    alice\$/a/p; s/^    bob\$/b/p
		/^    # each sends/i\a cp alice.endpoint ../b; cp ../b/bob.endpoint .
	}' README.md
}
# what differs each time: how long it takes, and what is drawn by lot
alike() {
	sed -E 's/^ *[0-9.]+ //; s/#[A-Za-z0-9_-]{43}$/#X/; s/( [0-9]{5}){6}/ X/; s/digest [0-9a-f]{8}/digest X/; s/time=[0-9.]+ ms/time=X ms/; s/[0-9]+ms$/X ms/; s/^(. +rtt .* = ).*/\1X/'
}

# typed: types lines of the walk from standard input, each when the one before it is done or waits
typed() {
	while read -r side line <&4; do
		type "$side" "$line"
		case $line in
		*'alice.sh up'*)
			up=$line
			sees a "*$up*waiting for bob*"
			;;
		*'.sh up'*)
			prompt b "$line"
			prompt a "$up"
			;;
		*) prompt "$side" "$line" ;;
		esac
	done 4<&0
}

@test "README's commands, typed into two terminals, end in a ping, and the session is the recorded one" {
	[ "$(walk | wc -l)" -eq 12 ]
	typed < <(walk)
	awk '{ now = $1; sub(/^[^ ]* /, "") }
		/^a# / && !since { since = now }
		since { sub(/ *$/, ""); printf "%6.1f %s\n", now - since, $0 }' "$HERE/session" >"$HERE/shown"
	cat "$HERE/shown"
	# the lab has told the same lines
	while read -r side line; do seen a | grep -qxF "    $side# $line"; done < <(walk)
	# the endpoint strings are those of README but for the keys; both see the same digits
	for side in alice bob; do
		seen ${side:0:1} | alike | grep -qxF "$(sed -n "s/^    \($side=\)/\1/p" README.md | alike)"
		seen ${side:0:1} | grep -o 'fingerprint .*' >"$HERE/digits.$side"
	done
	[ -s "$HERE/digits.alice" ]
	diff "$HERE/digits.alice" "$HERE/digits.bob"
	seen a | grep -F '3 packets transmitted, 3 received'
	# from natprobe to the answered ping in a minute, by machines that type as fast as the other is done
	[ "$(awk '/^ *[0-9.]* a# xfrmpair --secret.*natprobe/ { from = $1 } /3 received/ { print $1 - from < 60 }' "$HERE/shown")" = 1 ]
	if [ -n "${LAB_UPDATE-}" ]; then
		{
			echo "# README's walk in examples/lab: seconds since the first line, side, what is typed (#) and what is seen."
			cat "$HERE/shown"
		} >examples/session
	fi
	for side in a b; do
		echo "examples/session on side $side, today:"
		diff <(grep "^ *[0-9.]* $side" examples/session | alike) <(grep "^ *[0-9.]* $side" "$HERE/shown" | alike)
	done
}

@test "each output line in README is printed by the command above it" {
	sed -n '/^    alice\$/,/^$/s/^    //p' README.md | grep -v '^#' | alike >"$HERE/readme"
	for side in a b; do
		sed -n "s/^ *[0-9.]* $side  //p" "$HERE/shown" | alike >"$HERE/printed.$side"
	done
	shown=0
	while IFS= read -r line; do
		case $line in
		'alice$ '*) side=a ;;
		'bob$ '*) side=b ;;
		*...) shown=$((shown + 1)) && grep -qF -e "${line%...}" "$HERE/printed.$side" || { echo "$line"; false; } ;;
		*) shown=$((shown + 1)) && grep -qxF -e "$line" "$HERE/printed.$side" || { echo "$line"; false; } ;;
		esac
	done <"$HERE/readme"
	[ "$shown" -ge 20 ]
	# and what it shows of up is all that up prints
	readme=$(sed -n '/^alice\$ .*alice\.sh up$/,/^bob\$/p' "$HERE/readme" | sed '1d; $d')
	[ "$(wc -l <<<"$readme")" -ge 5 ]
	[[ "$(cat "$HERE/printed.a")" == *"$readme"* ]]
}

@test "the control: with one altered character of an endpoint string, the digits differ, and no ping passes" {
	for router in na nb; do ip netns exec $router conntrack -F; done
	typed < <(walk | sed -n '3,5p')
	type b "sed -i s/:61525#/:61526#/ alice.endpoint"
	prompt b "sed -i s/:61525#/:61526#/ alice.endpoint"
	typed < <(walk | sed -n 's/-o tunnel/-o wrong/; s/tunnel/wrong/g; s/ up$/ up --wait 4/; s/ping/ping -W 1/; 6,$p')
	run -1 diff <(seen a | grep -o 'fingerprint .*' | tail -n 1) <(seen b | grep -o 'fingerprint .*' | tail -n 1)
	seen a | grep -F '3 packets transmitted, 0 received'
}
