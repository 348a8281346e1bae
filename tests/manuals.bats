# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The text of the manuals and README: mandoc and man, sections, references and vocabulary.
# tests/xfrmpair.bats and tests/lab/manuals.bats run their examples.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export BUILD=${BUILD:-build}
	make -s all 3>&-
}
setup() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	pages=(gen/xfrmpair.1 gen/xfrmpair.conf.5 gen/xfrmpair-script.8 helper/espdecap.8 helper/natprobe.8 helper/xfrmkeep.8)
}

# title PAGE: as others refer to it, "espdecap 8"
title() { basename "$1" | sed 's/\.\([0-9]\)$/ \1/'; }
section() { sed -n "/^\.Sh $1\$/,/^\.Sh /{/^\.Sh /!p}" "$2"; } # NAME PAGE

@test "the list of pages is complete, and make installs them" {
	printf '%s\n' "${pages[@]}" | sort | diff - <(ls ./*/*.[1-9] | sed 's,^\./,,' | sort)
	grep -qxF "MANUALS   = ${pages[*]}" Makefile
}

@test "mandoc -T lint finds nothing, and man prints each page at 80 columns without a warning" {
	for page in "${pages[@]}"; do
		# which other pages are installed is the machine's business
		mandoc -T lint "$page" 2>&1 | grep -v -e 'referenced manual not found' -e 'outdated mandoc.db' >"$BATS_TEST_TMPDIR/found" || :
		cat "$BATS_TEST_TMPDIR/found"
		[ ! -s "$BATS_TEST_TMPDIR/found" ]
		MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -l "$page" 2>"$BATS_TEST_TMPDIR/found" >"$BATS_TEST_TMPDIR/printed"
		cat "$BATS_TEST_TMPDIR/found"
		[ ! -s "$BATS_TEST_TMPDIR/found" ]
		[ "$(wc -l <"$BATS_TEST_TMPDIR/printed")" -gt 90 ]
		run -1 grep -E '.{81}' <(MANWIDTH=80 LC_ALL=C man -l "$page" | col -b | expand)
	done
	# the control
	printf '.Dd x\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd x\n.Bogus\n' >"$BATS_TEST_TMPDIR/x.1"
	run ! mandoc -T lint "$BATS_TEST_TMPDIR/x.1"
	[[ "$output" == *Bogus* ]]
}

@test "each page has examples, exit status, symptoms, and references to all other pages, which exist" {
	for page in "${pages[@]}"; do
		for name in EXAMPLES 'EXIT STATUS' 'SYMPTOMS AND CAUSES' 'SEE ALSO'; do
			[ -n "$(section "$name" "$page")" ]
		done
		[ -z "$(section DIAGNOSTICS "$page")" ]
		for other in "${pages[@]}"; do
			[ "$other" = "$page" ] || section 'SEE ALSO' "$page" | grep -qE "^\.Xr $(title "$other")( |$)"
		done
		# no own page with another section, and no unknown name
		while read -r name number; do
			[ -e gen/"$name.$number" ] || [ -e helper/"$name.$number" ] || { echo "$page: $name($number)"; false; }
		done < <(sed -n 's/^\.Xr \(\(xfrm[a-z.-]*\|espdecap\|natprobe\) [0-9]\).*/\1/p' "$page")
	done
	run -1 grep -nE '(espdecap|natprobe)\(1\)|\.Xr (espdecap|natprobe) 1' README.md Makefile "${pages[@]}" examples/boot/*
}

@test "the synopses of the helpers' manuals have the options of --help" {
	for program in espdecap natprobe; do
		"$BUILD/$program" --help | sed -n '1,/^$/p' | sed '/^[A-Z]/,$d' | grep -oE "(^|[[| ])--?[a-zA-Z][a-z-]*|$program" | tr -d '[| ' >"$BATS_TEST_TMPDIR/help"
		mandoc -T ascii "helper/$program.8" | col -b | sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' | sed '/ -h | --help/d' |
			grep -oE "(^|[[| ])--?[a-zA-Z][a-z-]*|$program" | tr -d '[| ' >"$BATS_TEST_TMPDIR/manual"
		grep -q -e -b "$BATS_TEST_TMPDIR/help"
		diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/manual"
	done
}

@test "xfrmkeep(8) has each verb of --help, and each cause that check can print" {
	for verb in $("$BUILD/xfrmkeep" --help | sed -n 's/^  \([a-z-]*\) \(SCRIPT\|\[FOLDER\]\).*/\1/p'); do
		grep -q "^\.It Cm $verb" helper/xfrmkeep.8
	done
	sed -n '/^\.Sh CAUSES/,/^\.Sh /s/^\.It Sy //p' helper/xfrmkeep.8 | sed 's/ , /\n/g' | sort >"$BATS_TEST_TMPDIR/manual"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/manual")" -ge 35 ]
	# the words in the sources that are causes, and no key, name of a file or program
	cat helper/verdict*.c helper/check*.c helper/status*.c | grep -oE '"[a-z]+(-[a-z]+)+"' | tr -d '"' | sort -u | grep -vx iptables-save |
		comm -23 - "$BATS_TEST_TMPDIR/manual" | diff /dev/null -
}

# Words of our own instead of the field's. Exceptions: the cause never-heard, `#: NAME heard N` of a section, and the first line
# of the facts over which the fingerprint is computed.
private='wants?|told|heard|who (has|can|is|may)|strangers?|lends?|lent|in the clear|past the tunnel|how it looks|is no more|anew|for they|what (it|the tunnel) carries|stands? (in|behind|before)|outside and inside|(from|to|on the) (inside|outside)|what fits'
private() { sed -e 's/anyone who//I' -e 's/never-heard//' -e 's/NAME heard N//' -e 's/words of xfrmpair 1//' "$@" | grep -nwiE "$private"; } # FILE...

@test "README, manuals, messages and --help use the terms of the field" {
	tests/messages >"$BATS_TEST_TMPDIR/messages"
	for program in xfrmpair natprobe espdecap xfrmkeep; do
		grep -q "^== $program\$" "$BATS_TEST_TMPDIR/messages"
		"$BUILD/$program" --help >"$BATS_TEST_TMPDIR/$program"
		run -1 private "$BATS_TEST_TMPDIR/$program"
		run -1 grep -n '.\{101\}' "$BATS_TEST_TMPDIR/$program"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/messages")" -gt 900 ]
	run -1 private "$BATS_TEST_TMPDIR/messages"
	run -1 private README.md "${pages[@]}"
	# the control
	run -0 private <<<"port '0': want 1 to 65535"
	run -0 private <<<'who has it reads all'
}

@test "README is short, and its first screen has a command" {
	[ "$(wc -l <README.md)" -le 135 ]
	# the first screen has a command in it
	head -n 24 README.md | grep -q '^    alice\$ '
}
