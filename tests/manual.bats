# What the programs and scripts say is what their manuals have under DIAGNOSTICS, word for word, and nothing else is there.
bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_DIRNAME/.." || return 1; }

# listed MANUAL FILE...: it has what these say, in the form that messages.awk gives, and no more
listed() {
	sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/{s/""/"/g;s/\\e/\\/g;s/^\.It "\(.*\)"$/\1/p}' "$1" | sort >"$BATS_TEST_TMPDIR/manual"
	for file in "${@:2}"; do awk -f tests/messages.awk "$file"; done | sort -u >"$BATS_TEST_TMPDIR/said"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" -ge 20 ]
	diff "$BATS_TEST_TMPDIR/said" "$BATS_TEST_TMPDIR/manual"
}

@test "the manual of xfrmpair lists every message of it and of the scripts, and no other" {
	# but for those of templates, which only an error in one of ours could cause
	listed gen/xfrmpair.1 $(ls gen/*.c | grep -v -e template.c -e explain.c) helper/endpoint.c helper/number.c templates/program/*.sh
}
@test "the manual of natprobe lists every message of it, and no other" {
	listed helper/natprobe.1 helper/{natprobe,discover,map,probe,punch,hello,stun,pcp,route,user,endpoint,number,special}.c
}
@test "the manual of espdecap lists every message of it, and no other" {
	listed helper/espdecap.1 helper/{espdecap,user,endpoint,number,special}.c
}

@test "messages are found in C and in shell, in any awk, with two in one call, and words in parts" {
	cd "$BATS_TEST_TMPDIR"
	cat >one.c <<'END'
	return refuse(where, "port '%s': " "want 1 to " NUMBER " or %-4lu", text, n);
	refuse("-b", good ? "no good \"one\"" : "no better one", x);
	refuse("-i",
	       "interval '%s': want less", "not this");
	err(1, "socket");
	errx(EXIT_BROKE, "cannot do %s", what);
	bool refuse(const char *where, const char *format, ...);
END
	cat >two.sh <<'END'
say() { echo "$name: $*"; }; fail 1 "no $1 of \"$x\"; ${worker:+${worker##* } at work}$(echo "a b" | sed 's/x/y/') here"
	tell no-way "that is $why" "$evidence"; echo "not this one"
END
	for awk in mawk gawk 'busybox awk'; do
		diff - <($awk -f "$BATS_TEST_DIRNAME/messages.awk" one.c) <<'END'
port '...': want 1 to ... or ...
-b: no good "one"
-b: no better one
-i: interval '...': want less
cannot do ...
END
		diff - <($awk -f "$BATS_TEST_DIRNAME/messages.awk" two.sh) <<'END'
no ... of "..."; ... here
no-way: that is ...
END
	done
}
