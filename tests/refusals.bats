# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Refusals and warnings of the programs, row by row of tests/refusals/*.table. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export RUNNERS=$BATS_FILE_TMPDIR TABLES=$PWD/tests/refusals
	# the programs' own objects, linked once more with a caller around main
	cp -p "${BUILD:-build}"/*.[co] "$RUNNERS"
	local flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror"
	make -s ${SANITIZE:+CC=clang} BUILD="$RUNNERS" "$RUNNERS"/{xfrmpair,espdecap,natprobe} \
		LDFLAGS="-Wl,--wrap=main $flags tests/refusals/run.c"
}
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# holds TABLE: each row belongs to a program, which did what the row says
holds() {
	local program failed=0
	for program in xfrmpair espdecap natprobe; do
		"$RUNNERS/$program" "$1" >>rows || failed=1
	done
	cat rows
	[ "$failed" -eq 0 ]
	[ "$(awk '/^[0-9]+ rows of / { n += $1 } END { print n }' rows)" -eq \
		"$(grep -c '^row ' "$1")" ]
}
# table NAME: holds, and how long it took
table() {
	holds "$TABLES/$1.table"
	awk -v table="$1" '/^[0-9]+ rows of / { rows += $1; time += $6 }
		END { print "# " table ": " rows " rows in " time " ms" }' rows >&3
}

@test "every program refuses invalid addresses, ports and users" { table endpoints; }
@test "errors in a side, or between two sides, are refused or warned about" { table sides; }
@test "nets that are invalid, overlap, or have no counterpart are refused" { table nets; }
@test "auto and names are refused if an address is required" { table names; }
@test "unknown options, invalid values and conflicting options are refused" { table options; }
@test "every invalid line of a tunnel file is refused, with its number" { table tunnel-file; }
@test "invalid lines of a key file are refused, and keys are never printed" { table key-file; }
@test "a file that cannot be read, or that others can read, is refused" { table files; }
@test "an output that cannot be written, or would replace a file, is refused" { table output; }
@test "public keys, secrets and phrases that do not match are refused" { table exchange; }
@test "espdecap refuses invalid arguments" { table espdecap; }
@test "natprobe refuses invalid arguments" { table natprobe; }

@test "every table has a test in this file" {
	diff <(cd "$TABLES" && printf '%s\n' *.table | sed 's/\.table$//') \
		<(sed -n 's/^@test .* { table \(.*\); }$/\1/p' "$BATS_TEST_FILENAME" | sort)
}

@test "a failing row is reported by table and line: status, message, output, files" {
	cat >wrong.table <<'END'
let A 192.0.2.1:1
let B 192.0.2.2:1
message xfrmpair: only one side: another message
row | xfrmpair $A
status 1
message xfrmpair: only one side (expected at least two, like 192.168.1.4:4500@85.9.8.7 \
        192.168.2.100:4500@31.1.2.3)
row | xfrmpair $A
status 2
row | xfrmpair $A $B
# it prints, and writes a file
status 0
row | xfrmpair --save-keys k $A $B
file k
	old
row | xfrmpair --force --save-keys k $A $B
# the control
status 0
row | xfrmpair $A $B
END
	run -1 "$RUNNERS/xfrmpair" wrong.table
	echo "$output"
	[ "$(grep -o '^wrong.table:[0-9]*' <<<"$output" | xargs)" = \
		"wrong.table:4 wrong.table:8 wrong.table:10 wrong.table:13 wrong.table:16" ]
	[[ "$output" == *$'\n6 rows of xfrmpair in '* ]]
}

@test "an error in a table is reported, and a row of no program is detected" {
	mistake() { # LINE WHAT
		printf 'status 0\n%s\nrow | xfrmpair 192.0.2.1 192.0.2.2\n' "$1" >mistake.table
		run -1 "$RUNNERS/xfrmpair" mistake.table
		echo "$output"
		[[ "$output" == "xfrmpair: mistake.table:2: $2: "* ]]
	}
	mistake 'massage x' 'unknown kind of line'
	mistake "row 'a | xfrmpair" 'quote without an end'
	mistake 'row xfrmpair' 'expected a bar after at most nine values'
	mistake 'row | xfrmpair $nowhere' 'unknown variable'
	mistake 'let x' 'expected a name and a word'
	printf 'status 0\nrow | xfrmpare\n' >none.table
	run -1 holds none.table
}
