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

@test "no program loses memory, whether it does its work or refuses" {
	cd "$BATS_TEST_DIRNAME/.."
	make -s -j2 SANITIZE=1 CC=clang BUILD=build/sanitized all
	export ASAN_OPTIONS=detect_leaks=1
	local programs=$PWD/build/sanitized conf=$PWD/examples/sites/tunnel.conf a=192.168.1.4:4500@85.9.8.7 b=192.168.2.9:4500@31.1.2.3 key
	cd "$BATS_TEST_TMPDIR"
	# the control: what is lost is seen
	printf '#include <stdlib.h>\nint main(void) { void *volatile lost = malloc(9); lost = 0; return lost != 0; }\n' | clang -fsanitize=address -o loses -x c -
	run ! ./loses
	"$programs/xfrmpair" -f "$conf" -o t --save-keys k
	"$programs/xfrmpair" -f "$conf" -o t --force --keys k
	"$programs/xfrmpair" -n --esn --cipher aes256-sha512 --inner 10.9.0.0/24 "$a" "$b" "c=192.168.3.9:4500@77.3.4.5" >/dev/null
	"$programs/xfrmpair" --star --explain "$a+10.0.0.0/8" "$b+10.2.0.0/16/tcp/22" >/dev/null
	"$programs/xfrmpair" --format wireshark "$a" "$b" >/dev/null
	key=$("$programs/xfrmpair" --secret s "$a")
	"$programs/xfrmpair" --secret s -o own "$key" "$(PATH=$PATH "$programs/xfrmpair" --secret s2 "$b")"
	printf '[tunnel]\ncipher = none\n[side a]\nlocal = 9\n' >wrong
	run -2 "$programs/xfrmpair" -f wrong
	run -2 "$programs/xfrmpair" -f k
	run -2 "$programs/xfrmpair" --keys wrong "$a" "$b"
	run -2 "$programs/xfrmpair" "$a" "$a+x" --nonsense
	run -1 "$programs/xfrmpair" -o t "$a" "$b"
	run -4 "$programs/natprobe" --resolve localhost
	run -4 "$programs/natprobe" -b 127.0.0.1 -p 27183 --punch 127.0.0.1:27184 --timeout 1 --token a-word-of-both-sides
	run -2 "$programs/natprobe" --punch x
	"$programs/espdecap" 27183 127.0.0.1:9 2>said 3>&- &
	for _ in {1..100}; do ! grep -q ready said || break; sleep 0.1; done
	kill $!
	wait $!
	run -2 "$programs/espdecap" 27183 x
}
