# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for section.bats, page.bats and store.bats, which source it in setup_file() and setup().

# built PROGRAM...: section and page under ASan and UBSan, fast as page without
built() {
	local helper=$BATS_TEST_DIRNAME/../helper program
	local sources=("$helper"/{xfrm,xfrm_parse,rows,section,section_parse,section_check,page,page_facts,store}.c
		"$helper"/{cipher,prefix,text,sha256,endpoint,number,say,special}.c)
	for program; do
		case $program in
		fast) set -- "$BATS_TEST_DIRNAME/page.c" -O2 ;;
		*) set -- "$BATS_TEST_DIRNAME/$program.c" -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all ;;
		esac
		cc -std=c11 -D_GNU_SOURCE -I"$helper" -o "$BATS_FILE_TMPDIR/$program" "$@" "${sources[@]}" || return
	done
	export PATH="$BATS_FILE_TMPDIR:$PATH"
}
# in_an_own_place: with the two pages of tests/section
in_an_own_place() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	umask 022
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return
	cp "$BATS_TEST_DIRNAME"/section/{pair,hub}.sh . && chmod 600 pair.sh hub.sh
}

# gives COMMAND...: its output, stderr and status
gives() {
	status=0
	output=$("$@" 2>../stderr) || status=$?
	stderr=$(<../stderr)
}
same() { # WHAT EXPECTED
	[ "$1" = "$2" ] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2"; return 1; }
}
# fine COMMAND...: done, with nothing to say
fine() {
	gives "$@"
	same "$stderr" ''
	same "$status" 0
}
# refused MESSAGE COMMAND...: status 1, and this one line
refused() {
	local message=$1
	shift
	gives "$@"
	same "$stderr" "$message"
	same "$status" 1
}
# in_one_line: rows that a backslash continues, joined
in_one_line() { sed ':a; /\\$/{ N; s/ \\\n */ /; ba; }'; }
# of a section that is not whole, what there is to say
torn="(expected as it was written: restore it, or make new scripts)"
