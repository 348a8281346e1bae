# Restart and rekey as the scripts do them, in every order: tests/model.c walks. MODEL= takes its options for a longer walk, as in
# MODEL='-m 4 -w 2'. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	export MODEL_PROGRAM=$BATS_FILE_TMPDIR/model
	compile gcc -O2
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return
}

compile() { # COMPILER OPTION...
	"$1" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror "${@:2}" -o "$MODEL_PROGRAM" "$BATS_TEST_DIRNAME/model.c"
}
model() { "$MODEL_PROGRAM" "$@"; }

promised='holds: never more than one epoch apart
holds: no number is sent twice with one key
holds: nothing is erased that is still needed
holds: what comes while both are up is heard
holds: never deaf for good'

# holds COUNT ARGUMENT...: all promises hold, COUNT being the last words of the line that counts
holds() {
	run --separate-stderr model "${@:2}"
	echo "status $status: $output $stderr"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^[0-9]+\ states,\ $1$ ]]
	[ "$(echo "$output" | sed 1d)" = "$promised" ]
	echo "$output" | sed 's/^/# /' >&3
}

# found PROPERTY ARGUMENT...: it breaks, and the way there is shown
found() {
	run --separate-stderr model "${@:2}" "$1"
	echo "$* status $status: $output $stderr"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "broken: "* ]]
	[ "${lines[1]}" = '  a: up takes epoch 1 after number 0' ] || [ "${lines[1]}" = '  a: up takes epoch 2 after number 0' ]
	[ -z "$stderr" ]
}

@test "up, down, crash, rekey, status and packets in every order, as long as there is a new state: all promises hold" {
	# shellcheck disable=SC2086 # words
	holds 'all there are' ${MODEL:-}
}

@test "the same with scripts that are killed while their SAs stay" {
	# shellcheck disable=SC2086 # words
	holds 'all there are' -k -m 1 ${MODEL:-}
}

@test "each rule is needed: without it the property that it keeps is found broken" {
	model -l >rules
	while IFS=$'\t' read -r rule property _; do
		found "$property" -m 1 "$rule"
	done <rules
	# and each promise has a rule here
	cut -f2 rules | sort -u >told
	printf '%s\n' apart deaf deaf-for-good erased twice | cmp - told
	[ "$(wc -l <rules)" -eq 15 ]
}

@test "more packets than the margin without a record: deaf for a while, but never for good" {
	found deaf -m 1 margin-passed
	[ "${lines[-1]}" = '  a sends 2 of epoch 1: refused' ]
	run --separate-stderr model -m 1 -s 16 margin-passed deaf-for-good apart erased
	echo "status $status: $output"
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | grep -c '^holds')" -eq 3 ]
}

@test "replay-seq as recorded takes a recorded packet again; a window above it takes none, and all promises hold" {
	found replayed
	run model -m 1 -s 18 above-record replayed
	echo "$output"
	[ "$status" -eq 0 ]
	holds 'and more' -m 1 -s 18 above-record
}

@test "the shortest way is told, in words" {
	run --separate-stderr model row-first erased
	diff - <(echo "$output") <<-'END'
		broken: nothing is erased that is still needed
		  a: up takes epoch 1 after number 0
		  a: up erases the script's row
	END
	run --separate-stderr model inbound-short deaf-for-good
	[ "$(echo "$output" | sed -n '1p;$p')" = 'broken: never deaf for good
  both up, packets and rekey in turn: still deaf' ]
}

@test "simplified states are those that are there: the same count as of plain ones, and random ways side by side" {
	[ "$(model -k -s 13 2>/dev/null)" = "$(model -k -p -s 13 2>/dev/null)" ]
	MODEL_PROGRAM=$PWD/roomy compile gcc -O2 -DEPOCHS=64 # for states as they are
	./roomy -k -c 40 1000 1
	./roomy -k -m 4 -w 3 -c 40 1000 2
}

@test "random walks: the same for the same seed, each line one that a lab can do, and all of them come" {
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
		crash-in-down 3
		crash-in-rekey 1
		crash-in-rekey 2
		crash-in-rekey 3
		crash-in-rekey 4
		crash-in-status 1
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
	model -k -s 14
	model -k -c 5 200 1
	model -r 5 200 1 >/dev/null
	found apart step-unheard
	found twice -m 1 rekey-late
}

@test "what cannot be asked is refused in one line" {
	while read -r message; do
		read -r words
		# shellcheck disable=SC2086
		run --separate-stderr model $words
		echo "$words: status $status, $output $stderr"
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "$stderr" = "model: $message" ]
	done <<-'END'
		'nonsense': no such rule or property; see model -l
		nonsense
		'up-late': one rule at a time
		up-exact up-late
		'0': want a number from 1 to 1000
		-m 0
		'16': want a number from 1 to 15
		-w 16
		want WALKS LENGTH SEED
		-r 3
	END
}
