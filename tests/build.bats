# The programs build anywhere: three compilers, no warning, nothing dynamic.
bats_require_minimum_version 1.5.0

@test "gcc, clang and musl-gcc build all programs without a warning, static, and they run" {
	cd "$BATS_TEST_DIRNAME/.."
	for compiler in gcc clang musl-gcc; do
		out=$BATS_TEST_TMPDIR/$compiler
		[ $compiler != musl-gcc ] || out=build # there already, by the rule of the next test
		optimize=CFLAGS=-Os
		[ $compiler != gcc ] || optimize=CFLAGS=-O2 # as those who make packages have it, which sees more
		make -s -j2 CC=$compiler "$optimize" BUILD="$out" all 2>"$BATS_TEST_TMPDIR/said"
		# static glibc's own remark about names, which musl does not need to make
		run ! grep -v -e 'statically linked applications requires' -e 'in function' "$BATS_TEST_TMPDIR/said"
		case $compiler in musl-gcc) kind='statically linked' ;; *) kind='static-pie linked' ;; esac
		for program in xfrmpair espdecap natprobe; do
			[[ "$(file -b "$out/$program")" == *"$kind"* ]]
			[[ "$("$out/$program" --version)" == "$program "* ]]
		done
	done
}

@test "a template that cannot be read is not left out: make fails, and leaves no half of the table" {
	cd "$BATS_TEST_DIRNAME/.."
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\ncase $* in *program/up.sh) exit 1 ;; esac; exec %s "$@"\n' "$(command -v sed)" >"$BATS_TEST_TMPDIR/bin/sed"
	chmod +x "$BATS_TEST_TMPDIR/bin/sed"
	out=$BATS_TEST_TMPDIR/out
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -2 make BUILD="$out" "$out/templates.c"
	[ ! -e "$out/templates.c" ]
	make BUILD="$out" "$out/templates.o"
	grep -q gen/template.h "$out/templates.d"
}

@test "without musl-gcc make takes cc" {
	cd "$BATS_TEST_DIRNAME/.."
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -sf /usr/bin/* /bin/* "$BATS_TEST_TMPDIR/bin" 2>/dev/null || [ -e "$BATS_TEST_TMPDIR/bin/make" ] # one of each name
	rm "$BATS_TEST_TMPDIR/bin/musl-gcc"
	PATH=$BATS_TEST_TMPDIR/bin make -n BUILD="$BATS_TEST_TMPDIR/none" all | grep -q '^cc '
	make -n BUILD="$BATS_TEST_TMPDIR/none" all | grep -q '^musl-gcc '
}

@test "hand-written shell passes shellcheck" {
	cd "$BATS_TEST_DIRNAME/.."
	shellcheck tests/run tests/setup tests/fuzz/run tests/lab/kernel tests/lab/vm tests/lab/run tests/lab/net tests/lab/init examples/demo \
		examples/lab .ci/run
}

@test "what is missing for the tests is named, and nothing that would replace the machine's busybox" {
	cd "$BATS_TEST_DIRNAME/.."
	mkdir "$BATS_TEST_TMPDIR/bin"
	# a machine of somebody who is not root, with busybox and bash
	cat >"$BATS_TEST_TMPDIR/bin/dpkg-query" <<'END'
#!/bin/sh
case " $* " in *' busybox '* | *' bash '*) echo install ok installed ;; *) exit 1 ;; esac
END
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/bin/id"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 tests/setup tests/packages tests/lab/packages
	echo "$output"
	[[ "$output" == *"as root: apt-get update && apt-get install "*" make "* ]]
	[[ "$output" != *busybox* && "$output" != *' bash '* ]]
}
