# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Completion and manual have the same options and arguments as the table in gen/options.c.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export BUILD=${BUILD:-build}
	make -s "$BUILD/options-table" "$BUILD/xfrmpair" 3>&-
}
setup() { cd "$BATS_TEST_DIRNAME/.." || return 1; }

table() { "$BUILD/options-table" "$1"; }

@test "the table has the options of --help, and no other" {
	table bash | sed -n 's/^--\([a-z-]*\).*/\1/p' >"$BATS_TEST_TMPDIR/table"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/table")" -ge 27 ]
	"$BUILD/xfrmpair" --help | sed -n 's/^  [- ][a-zA-Z ][, ] --\([a-z-]*\).*/\1/p' | diff "$BATS_TEST_TMPDIR/table" -
}

@test "every offered value of an argument is accepted, and others are refused" {
	table bash | sed -n 's/^\(--[a-z]*\) [A-Z]* \(..*\)/\1 \2/p' >"$BATS_TEST_TMPDIR/choices"
	[ "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/choices" | tr '\n' ' ')" = '--format --cipher --mode --encap ' ]
	while read -r option words; do
		for word in $words; do
			"$BUILD/xfrmpair" "$option" "$word" 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 >"$BATS_TEST_TMPDIR/out" 2>&1
		done
		run -2 "$BUILD/xfrmpair" "$option" "$words" 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3
	done <"$BATS_TEST_TMPDIR/choices"
}

@test "the manual has an entry for each option, in the order of the table, with its argument" {
	sed -n '/^\.Sh OPTIONS/,/^\.Sh /{/^\.It Fl /p}' gen/xfrmpair.1 | diff <(table manual) -
}

@test "bash's completion has the options of the table" {
	sed -n '/^# made by/,/^# end/{/^# end/!p}' gen/xfrmpair.bash-completion | diff <(table bash) -
}

@test "zsh's completion has the options of the table, and zsh can parse it" {
	table zsh | diff - gen/xfrmpair.zsh-completion
	zsh -n gen/xfrmpair.zsh-completion
}

@test "fish's completion has the options of the table, and fish can parse it" {
	table fish | diff - gen/xfrmpair.fish-completion
	fish --no-execute gen/xfrmpair.fish-completion
}
