# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# tests/lint finds lines that look like assertions but assert nothing.
bats_require_minimum_version 1.5.0

setup() {
	lint=$BATS_TEST_DIRNAME/lint
	cd "$BATS_TEST_TMPDIR" || return 1
}

# cases: writes each case of standard input to caseNN.bats, as the body of a test. A case begins
# with "---- LINE REASON", which is written to caseNN.expected.
cases() {
	awk '
		/^---- / {
			file = sprintf("case%02d.bats", ++n)
			print $2, $3 >(file ".expected")
			print "@test \"case\" {" >file
			next
		}
		{ print >file }'
	for file in case*.bats; do echo '}' >>"$file"; done
}

@test "every assertion of the tests asserts something" {
	cd "$BATS_TEST_DIRNAME/.."
	tests/lint tests/*.bats tests/lab/*.bats tests/lab/*.bash tests/fuzz/*.bats
}

@test "a line that asserts nothing is refused, with its number and the reason" {
	declare -A reasons=(
		[and]='a failure before && is ignored (expected one assertion per line)'
		[not]='a failure of ! is ignored (expected run -1, or if)'
		[unread]='the result of run is not read (expected run -0, or a check of $status)'
		[unread-in-f]='the result of run in f is not read'
		[any]='run ! accepts any failure (expected run -1, or a check of $status)'
		[run-pipe]='run in a pipe: its result is lost'
		[grep-pipe]='grep -q before a pipe: its status is ignored'
	)
	# Line 1 is that of @test.
	cases <<'END'
---- 2 and
	[ -e a ] && [ -e b ]
	[ -e c ]
---- 2 and
	[[ -e a ]] && [[ -e b ]]
	[ -e c ]
---- 2 and
	((1)) && ((2))
	[ -e c ]
---- 2 and
	test -e a && test -e b
	[ -e c ]
---- 2 and, of other commands, and of three
	grep -q a b && [ -e c ] && d=1
	[ -e c ]
---- 3 and, where the next round of the loop follows
	for i in 1 2; do
		[ -e a ] && [ -e b ]
	done
---- 3 and
	while read -r line; do
		[ "$line" = a ] && [ -e b ]
	done <a
---- 3 and, in a function
	f() {
		[ -e a ] && [ -e b ]
		true
	}
---- 3 and, in a branch in a subshell
	(if true; then
		[ -e a ] && [ -e b ]
	fi; true)
---- 3 and
	case $a in
	b) [ -e a ] && [ -e b ] ;;
	esac
	true
---- 2 and, after ||
	[ -e a ] || [ -e b ] && [ -e c ]
	true
---- 2 and, in two lines
	[ -e a ] &&
		[ -e b ]
	true
---- 4 and, after a command of two lines
	a \
		[ -e a ] '&&' b
	[ -e a ] && [ -e b ]
	true
---- 6 and, after a here-document and in the last of two lines of text
	cat <<-'END'
		[ -e a ] && [ -e b ] "
	END
	a='
	'; [ -e a ] && [ -e b ]
	true
---- 2 not
	! grep -q a b
	true
---- 2 not
	! grep a b | grep -q c
	true
---- 2 not, after ||
	[ -e a ] || ! grep -q a b
	true
---- 3 not, where the next round of the loop follows
	for i in 1 2; do
		! grep -q a $i
	done
---- 2 unread
	run a
---- 2 unread, for the next run has other results
	run a
	run -0 b
	[ "$output" = b ]
---- 3 unread, for what is read is that of the one before
	run -0 b
	run --separate-stderr a "$output"
---- 3 unread, but of the last round
	for i in 1 2; do
		run a $i
	done
	[ "$status" -eq 0 ]
---- 2 unread, for other variables are read
	run a
	[ "$outputs" = "$my_status" ]
---- 3 unread, in a branch
	if true; then
		run a
	fi
---- 3 unread-in-f
	f() { run a; }
	f
---- 2 any
	run ! grep -q a b
---- 2 any
	run --separate-stderr ! a
	run -0 b
---- 2 run-pipe
	run -0 a | grep -q b
---- 2 grep-pipe
	grep -q a b | wc -l
---- 2 grep-pipe
	a | busybox grep -vFq b | cat
---- 2 grep-pipe
	[ -z "$(grep --quiet a b | tail -n 1)" ]
END
	[ "$(ls case*.bats | wc -l)" -eq 31 ]
	for file in case*.bats; do
		read -r line reason <"$file.expected"
		echo "$file:$line: ${reasons[${reason%,}]}"
	done >expected
	run -1 "$lint" case*.bats
	diff expected - <<<"$output"
}

@test "lines that assert something are accepted" {
	cases <<'END'
---- the last command
	true
	[ -e a ] && [ -e b ]
---- the last
	true
	! grep a b | grep -q c
---- the last of a branch that is the last
	if true; then [ -e a ] && [ -e b ]; else ! grep -q a b; fi
---- the last of a function, of a subshell and of a substitution
	f() { true; [ -e a ] && [ -e b ]; }
	(true && ! grep -q a b)
	(cd a && [ -e b ])
	[ "$(cd a && cat b)" = c ]
---- what || reads, and an if and a loop
	[ -e a ] && [ -e b ] || return 1
	! grep -q a b || false
	if [ -e a ] && [ -e b ]; then true; fi
	while [ -e a ] && ! grep -q a b; do true; done
	until ! grep -q a b; do true; done
---- instead of an if
	for i in 1 2; do
		[ -e a ] && [ -e b ] && break
		[ -e a ] && continue
		grep -q a b && return 1
		grep -q a b && false
	done
	[ -e a ] && skip "has a"
---- no commands
	[ "! a && b" = "$c" ]
	[[ -e a && ! -e b ]]
	[ ! -e a ]
	((1 && 2))
	cat <<-'END'
		[ -e a ] && [ -e b ]
		! grep -q a b
		run a
	END
	a='
	! grep -q a b
	[ -e a ] && [ -e b ]
	'
	# [ -e a ] && [ -e b ]
	echo \
		! grep -q a '&&' [ -e b ]
---- a job, whose status wait has
	sleep 1 && [ -e a ] &
	wait $!
---- a run that says what is expected
	run -0 a
	run -1 --separate-stderr grep -q a b
	[ -e a ] || run --separate-stderr -2 a
---- runs that are read
	run a
	[ "$status" -eq 1 ]
	run ! a
	[[ "$output" == *b* ]]
	run --separate-stderr a
	[ "${stderr_lines[0]}" = b ]
	run a
	diff b - <<<"$output"
	run a
	cat <<-END
		$output
	END
---- runs that are read in a loop, in each branch and in one
	for i in 1 2; do
		run a $i
		[ "${#lines[@]}" -eq $i ]
	done
	if true; then run a; else run b; fi
	[ "$status" -eq 0 ]
	run a
	case $b in
	c) [ "$status" -eq 0 ] ;;
	esac
---- runs that functions read, and those of functions
	is() { [ "$status" -eq "$1" ]; }
	in_line() { is 0; [ "${#lines[@]}" -eq 1 ]; }
	runs() { run a "$@"; }
	says() { runs; in_line; }
	run a
	is 1
	run a
	in_line
	runs b
	is 2
	says
	run a
	wait_until is 3
---- pipes
	a | grep -q b
	grep a b | grep -q c
	a | b && run -0 c
END
	[ "$(ls case*.bats | wc -l)" -eq 13 ]
	"$lint" case*.bats
}

@test "functions of a bash file in the same folder are known, and a file that cannot be parsed is refused" {
	echo 'runs() { run a; }; reads() { [ "$status" -eq 0 ]; }' >tools.bash
	printf '@test "case" {\n\truns\n\treads\n\truns\n}\n' >case.bats
	run -1 "$lint" case.bats
	[ "$output" = "case.bats:4: the result of run in runs is not read" ]
	printf '@test "case" {\n\tif\n}\n' >broken.bats
	run -1 "$lint" broken.bats case.bats
	[[ "$output" == *"broken.bats: cannot be parsed
case.bats:4: "* ]]
}
