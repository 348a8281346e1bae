# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# A model of restart and rekey, in which tests/model.c runs the functions of helper/epoch.c in every order.
# MODEL= sets arguments for a longer run, as in MODEL='-m 4 -w 2 late killed'. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	export MODEL_PROGRAM
	awk -v SOURCE="$BATS_TEST_DIRNAME/../helper/epoch.c" -f "$BATS_TEST_DIRNAME/model/mutate" "$BATS_TEST_DIRNAME/model/mutants" >"$BATS_FILE_TMPDIR/epoch.c"
	MODEL_PROGRAM=$BATS_FILE_TMPDIR/mutants compile gcc -O1 "-DEPOCH_SOURCE=\"$BATS_FILE_TMPDIR/epoch.c\"" &
	MODEL_PROGRAM=$BATS_FILE_TMPDIR/model
	compile gcc -O2
	wait $!
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return
}

compile() { # COMPILER OPTION...
	"$1" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -I"$BATS_TEST_DIRNAME/../helper" "${@:2}" -o "$MODEL_PROGRAM" \
		"$BATS_TEST_DIRNAME/model.c"
}
model() { "$MODEL_PROGRAM" "$@"; }

promised='holds: never more than one epoch apart
holds: no number is sent twice with one key
holds: a section has the rows and keys of its epochs, and no secret that leads to past ones
holds: nothing is erased that is still needed
holds: what is sent while both are up is received
holds: never deaf for good
holds: epochs go on
holds: what is recorded as received is not received again
holds: a torn store is neither used nor replaced'

# holds COUNT ARGUMENT...: all that is asked for holds, COUNT being the last words of the line that counts
holds() {
	run --separate-stderr model "${@:2}"
	echo "$* status $status: $output $stderr"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^[0-9]+\ states,\ $1$ ]]
	case ${*: -1} in
	apart | deaf | deaf-for-good | stuck | keys | erased) [ "${lines[1]%%:*}" = holds ] ;;
	*) [ "$(echo "$output" | sed 1d)" = "$promised" ] ;;
	esac
	echo "$stderr, ${lines[0]}" | sed 's/^/# /' >&3
}

# found PROPERTY ARGUMENT...: it breaks, and the way there is shown
found() {
	run --separate-stderr model "${@:2}" "$1"
	echo "$* status $status: $output $stderr"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "broken: "* ]]
	[[ "${lines[1]}" == "  "*": "* ]]
	[ -z "$stderr" ]
}

@test "with up, down, crash, rekey, status and packets in every order, all promises hold" {
	# shellcheck disable=SC2086 # words
	holds 'all there are' ${MODEL:-}
}

@test "the same with packets that arrive late or are replayed" {
	holds 'all there are' late
}

@test "the same with verbs that are killed and leave their SAs" {
	holds 'all there are' killed
}

@test "the same with SAs removed by another program" {
	holds 'all there are' flushed
}

@test "the same with fixed keys" {
	holds 'all there are' fixed late killed
	holds 'all there are' fixed flushed
}

@test "a torn store is neither used nor replaced, and its side harms no other" {
	holds 'all there are' torn
}

@test "if the store is lost and the script's section used, numbers may repeat, but the sides can always recover" {
	holds 'and more' -s 22 lost apart keys erased deaf-for-good stuck
	found twice lost
	found replayed lost late
	# unless the script could not be written
	found deaf-for-good lost read-only
	holds 'all there are' read-only
}

@test "after a store is restored from a backup, the sides can recover if the script has the epoch" {
	holds 'and more' -s 12 restored-script
	holds 'and more' -s 13 restored-store apart keys erased deaf-for-good stuck
	found twice restored-store
	# both of them from a past epoch: new scripts
	holds 'and more' -s 11 restored-store restored-script keys
	found deaf-for-good restored-store restored-script
}

@test "with a copy of a script on a second machine, one of the two works with the peer, and no section is damaged" {
	holds 'and more' -s 12 copies keys deaf-for-good stuck
	found twice copies
}

@test "each rule is needed: without it, the model finds its property violated" {
	model -l | sed -n 's/^rule\t//p' >rules
	while IFS=$'\t' read -r arguments property _; do
		# shellcheck disable=SC2086 # words
		found "$property" $arguments
	done <rules
	[ "$(wc -l <rules)" -eq 10 ]
}

@test "each rule of helper/epoch.c is needed: the model or a table finds each of fifty mutations" {
	MODEL_PROGRAM=$BATS_FILE_TMPDIR/mutants
	source "$BATS_TEST_DIRNAME/epoch.bash"
	built_epoch "$PWD/tables" gcc -O0 "-DEPOCH_SOURCE=\"$BATS_FILE_TMPDIR/epoch.c\""
	# with none of them on
	model -s 20
	./tables "$BATS_TEST_DIRNAME/epoch.table"
	number=0
	while IFS=$'\t' read -r name property arguments _; do
		number=$((number + 1))
		echo "$number: $name"
		case $property in
		tables) run -1 ./tables -x "$number" "$BATS_TEST_DIRNAME/epoch.table" ;;
		# shellcheck disable=SC2086 # words
		*) found "$property" -x "$number" $arguments ;;
		esac
	done < <(grep -v '^#' "$BATS_TEST_DIRNAME/model/mutants" | sed 's/\t\t/\t \t/g')
	[ "$number" -eq 50 ]
	# and each promise has one here or above
	{ grep -v '^#' "$BATS_TEST_DIRNAME/model/mutants" && model -l | sed -n 's/^rule\t//p'; } | cut -f2 | sort -u >told
	printf '%s\n' apart deaf deaf-for-good erased guessed keys replayed stuck tables twice | cmp - told
}

@test "more packets than the margin without a record stop the tunnel only for a while" {
	found deaf margin-passed
	[[ "${lines[-1]}" == "  "[ab]" sends "*": refused" ]]
	holds 'and more' -s 18 margin-passed apart erased deaf-for-good
}

@test "with the received number itself as record a replay is accepted; one window above it, none is" {
	number=$(grep -v '^#' "$BATS_TEST_DIRNAME/model/mutants" | sed -n '/^received-exactly\t/=')
	MODEL_PROGRAM=$BATS_FILE_TMPDIR/mutants found replayed -x "$number" late
	[[ "${lines[-1]}" == "  "[ab]"'s "*" comes again: received" ]]
	holds 'and more' -w 2 -s 24 late
}

@test "a violation is printed as the shortest sequence of steps" {
	run --separate-stderr model torn torn-passed guessed
	diff - <(echo "$output") <<-'END'
		broken: a torn store is neither used nor replaced
		  a: up takes epoch 1 after number 1
		  a crashes
		  a: the store is torn
		  a: up takes epoch 1 after number 1
	END
	run --separate-stderr model lost read-only deaf-for-good
	[ "$(echo "$output" | sed -n '1p;$p')" = 'broken: never deaf for good
  both up, packets and rekey in turn: still deaf' ]
}

@test "simplified states are equivalent to plain ones: same count, and the same random walks" {
	[ "$(model -s 16 2>/dev/null)" = "$(model -p -s 16 2>/dev/null)" ]
	[ "$(model -s 12 killed late 2>/dev/null)" = "$(model -p -s 12 killed late 2>/dev/null)" ]
	MODEL_PROGRAM=$PWD/roomy compile gcc -O1 -DEPOCHS=64 # for states as they are
	./roomy -c 30 400 1
	./roomy -c 30 400 2 late killed flushed
	./roomy -m 4 -w 3 -c 30 400 3 late
	./roomy -c 30 400 4 fixed late killed
	./roomy -c 30 400 5 torn late
}

@test "random walks are reproducible by seed, executable in the lab, and use every step" {
	model -r 40 100 2 >one
	model -r 40 100 2 | cmp one
	run -1 cmp -s one <(model -r 40 100 3)
	[ "$(grep -c . one)" -eq 4000 ]
	[ "$(grep -c '^$' one)" -eq 39 ]
	[[ "$(head -n 1 one)" =~ ^[ab]\ (crash-in-)?up ]]
	sed '/^$/d; s/^. //' one | sort -u >words
	diff - words <<-'END'
		crash
		crash-in-down 1
		crash-in-down 2
		crash-in-rekey 1
		crash-in-rekey 2
		crash-in-rekey 3
		crash-in-rekey 4
		crash-in-up 1
		crash-in-up 2
		crash-in-up 3
		down
		late
		rekey
		send
		send-late
		send-lost
		status
		up
	END
}

@test "the model builds without a warning by three compilers, and is clean under ASan and UBSan" {
	MODEL_PROGRAM=$PWD/small compile musl-gcc -O0 -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu"
	MODEL_PROGRAM=$PWD/clean
	compile clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
	export ASAN_OPTIONS=detect_leaks=0 # it ends with what it has
	model -s 18
	model -s 12 late killed flushed
	model -s 8 copies keys
	model -c 5 60 1 late
	model -r 5 200 1 >/dev/null
	found twice rekey-late
}

@test "invalid arguments are refused in one line" {
	while read -r message; do
		read -r words
		# shellcheck disable=SC2086
		run --separate-stderr model $words
		echo "$words: status $status, $output $stderr"
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "$stderr" = "model: $message" ]
	done <<-'END'
		'nonsense': no such scene, rule or property; see model -l
		nonsense
		'up-late': one rule at a time
		unlocked up-late
		'0': want a number from 1 to 1000
		-m 0
		'15': want a number from 1 to 14
		-w 15
		want WALKS LENGTH SEED
		-r 3
	END
}
