# The programs build anywhere: three compilers, no warning, nothing dynamic.
bats_require_minimum_version 1.5.0

@test "gcc, clang and musl-gcc build all programs without a warning, static, and they run" {
	cd "$BATS_TEST_DIRNAME/.."
	for compiler in gcc clang musl-gcc; do
		out=$BATS_TEST_TMPDIR/$compiler
		make -s CC=$compiler BUILD="$out" all 2>"$out.said"
		# static glibc's own remark about names, which musl does not need to make
		run ! grep -v -e 'statically linked applications requires' -e 'in function' "$out.said"
		case $compiler in musl-gcc) kind='statically linked' ;; *) kind='static-pie linked' ;; esac
		for program in xfrmpair espdecap natprobe; do
			[[ "$(file -b "$out/$program")" == *"$kind"* ]]
			[[ "$("$out/$program" --version)" == "$program "* ]]
		done
	done
}

@test "without musl-gcc make takes cc" {
	cd "$BATS_TEST_DIRNAME/.."
	mkdir "$BATS_TEST_TMPDIR/bin"
	for tool in /usr/bin/* /bin/*; do
		[ "${tool##*/}" = musl-gcc ] || ln -sf "$tool" "$BATS_TEST_TMPDIR/bin/"
	done
	PATH=$BATS_TEST_TMPDIR/bin make -n BUILD="$BATS_TEST_TMPDIR/none" all | grep -q '^cc '
	make -n BUILD="$BATS_TEST_TMPDIR/none" all | grep -q '^musl-gcc '
}

@test "hand-written shell passes shellcheck" {
	cd "$BATS_TEST_DIRNAME/.."
	shellcheck tests/run tests/setup tests/fuzz/run tests/lab/kernel tests/lab/vm tests/lab/run tests/lab/net tests/lab/init examples/demo \
		examples/lab .ci/run
}
