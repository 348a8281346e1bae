# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The programs build with three compilers, without warnings, and static by default. They use the flags of the command line
# and the environment, and changed flags cause a rebuild.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	# each test gives make its settings
	unset MAKEFLAGS MFLAGS MAKELEVEL BUILD CC CPPFLAGS CFLAGS LDFLAGS STATIC SANITIZE WERROR
	unset DESTDIR PREFIX BINDIR MANDIR INSTALL INSTALL_STRIP
	out=$BATS_TEST_TMPDIR/out
}

# made ARGUMENT...: make's command lines in $out
made() { run -0 --separate-stderr make BUILD="$out" "$@"; }
# kind PROGRAM: how file describes $out/PROGRAM
kind() { file -b "$out/$1"; }
# without_musl: PATH is one that has no musl-gcc, until with_musl
without_musl() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -sf /usr/bin/* /bin/* "$BATS_TEST_TMPDIR/bin" 2>/dev/null || [ -e "$BATS_TEST_TMPDIR/bin/make" ] # one of each name
	rm "$BATS_TEST_TMPDIR/bin/musl-gcc"
	path_with_musl=$PATH PATH=$BATS_TEST_TMPDIR/bin
}
with_musl() { PATH=$path_with_musl; }

@test "gcc, clang and musl-gcc build all programs without a warning, static, and they run" {
	for compiler in gcc clang musl-gcc; do
		out=$BATS_TEST_TMPDIR/$compiler
		optimize=CFLAGS=-Os
		[ $compiler != gcc ] || optimize=CFLAGS=-O2 # as those who make packages have it, which sees more
		make -s -j2 WERROR=1 CC=$compiler "$optimize" BUILD="$out" all >/dev/null 2>"$BATS_TEST_TMPDIR/said"
		# static glibc's own remark about names, which musl does not need to make
		run -1 grep -v -e 'statically linked applications requires' -e 'in function' "$BATS_TEST_TMPDIR/said"
		case $compiler in musl-gcc) kind='statically linked' ;; *) kind='static-pie linked' ;; esac
		for program in xfrmpair espdecap natprobe xfrmkeep; do
			[[ "$(file -b "$out/$program")" == *"$kind"* ]]
			[[ "$("$out/$program" --version)" == "$program "* ]]
		done
	done
}

@test "if a template cannot be read, make fails and leaves no partial table" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\ncase $* in *page/end.sh) exit 1 ;; esac; exec %s "$@"\n' "$(command -v sed)" >"$BATS_TEST_TMPDIR/bin/sed"
	chmod +x "$BATS_TEST_TMPDIR/bin/sed"
	out=$BATS_TEST_TMPDIR/out
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -2 make BUILD="$out" "$out/template_files.c"
	[ ! -e "$out/template_files.c" ]
	make BUILD="$out" "$out/template_files.o"
	grep -q gen/templates.h "$out/template_files.d"
}

@test "by default make builds static programs with musl-gcc" {
	make -s -j2 all
	[ "$(sed -n 's/^CC = //p' build/made-with)" = musl-gcc ]
	for program in xfrmpair espdecap natprobe xfrmkeep; do
		[[ "$(file -b build/$program)" == *"statically linked"* ]]
	done
	run -0 make all
	[ "$output" = "make: Nothing to be done for 'all'." ]
}

@test "without musl-gcc make uses cc, and rebuilds as soon as musl-gcc is installed" {
	without_musl
	made "$out/espdecap"
	[[ "$output" == "cc "* ]]
	[[ "$(kind espdecap)" == *"static-pie linked"* ]]
	made "$out/espdecap"
	[[ "$output" == *"is up to date." ]]
	with_musl
	made "$out/espdecap"
	[[ "$output" == "musl-gcc "* ]]
	[[ "$(kind espdecap)" == *"statically linked"* ]]
	[ "$(grep -c '^musl-gcc .* -c ' <<<"$output")" -eq 7 ]
	PATH=$BATS_TEST_TMPDIR/bin made "$out/espdecap"
	[[ "$output" == "cc "* ]]
}

@test "make rebuilds if CC, CPPFLAGS, CFLAGS, LDFLAGS, STATIC or SANITIZE has changed, and only then" {
	for setting in CC=clang CPPFLAGS=-DNDEBUG CFLAGS=-O1 "CFLAGS=-Os -DQUOTED='\"a  b\"'" 'CFLAGS=-Os -DDOLLAR=$$x' \
		LDFLAGS=-Wl,-z,relro STATIC=0 SANITIZE=1; do
		made CC=gcc CFLAGS=-Os "$out/ids.o"
		run -0 make -q BUILD="$out" CC=gcc CFLAGS=-Os "$out/ids.o"
		run -1 make -q BUILD="$out" CC=gcc CFLAGS=-Os "$setting" "$out/ids.o"
		made CC=gcc CFLAGS=-Os "$setting" "$out/ids.o"
		[[ "$output" == *" -c -o $out/ids.o "* ]]
		run -0 make -q BUILD="$out" CC=gcc CFLAGS=-Os "$setting" "$out/ids.o"
		run -1 make -q BUILD="$out" CC=gcc CFLAGS=-Os "$out/ids.o"
	done
	# from the environment as well as from the command line
	run -0 env CC=gcc CFLAGS=-Os SANITIZE=1 make -q BUILD="$out" "$out/ids.o"
	nm "$out/ids.o" | grep -q __asan
	made "$out/ids.o"
	run -1 grep -q __asan <(nm "$out/ids.o")
	# and each object, not only one
	made "$out/xfrmpair" "$out/natprobe" "$out/espdecap"
	made -B -n "$out/xfrmpair" "$out/natprobe" "$out/espdecap"
	all=$(grep -o -e ' -c -o [^ ]*' <<<"$output" | sort)
	made -n CFLAGS=-O1 "$out/xfrmpair" "$out/natprobe" "$out/espdecap"
	[ "$(grep -o -e ' -c -o [^ ]*' <<<"$output" | sort)" = "$all" ]
	[ "$(wc -l <<<"$all")" -gt 30 ]
}

@test "STATIC=0 links dynamically, with any compiler" {
	for compiler in '' CC=gcc CC=clang CC=musl-gcc; do
		made -s STATIC=0 ${compiler:+"$compiler"} "$out/espdecap"
		[[ "$(kind espdecap)" == *"dynamically linked"* ]]
		[[ "$("$out/espdecap" --version)" == "espdecap "* ]]
	done
	# by default with the machine's libc, which each machine of its kind has
	made -s STATIC=0 "$out/espdecap"
	[[ "$(kind espdecap)" != *ld-musl* ]]
}

@test "without musl-gcc make prints in one line the size, and how to make it smaller" {
	without_musl
	made -s PROGRAMS=espdecap all
	[ "$output" = "make: $out/espdecap: $(wc -c <"$out/espdecap") bytes, static with glibc (for about 50,000, install \
musl-tools and run make CC=musl-gcc; make STATIC=0 links dynamically)" ]
	with_musl
	# what it says is so
	made -s CC=musl-gcc "$out/espdecap"
	size=$(wc -c <"$out/espdecap")
	[ "$size" -gt 45000 ]
	[ "$size" -lt 55000 ]
	PATH=$BATS_TEST_TMPDIR/bin made -s PROGRAMS=espdecap STATIC=0 all
	[ -z "$output" ]
	# a machine whose own libc is musl
	printf '#!/bin/bash\nexec musl-gcc %s "${@/#-static-pie/-static}"\n' "$(sed -n 's/^KERNEL_HEADERS := //p' Makefile |
		sed "s/\$(shell uname -m)/$(uname -m)/")" >"$BATS_TEST_TMPDIR/own-cc"
	chmod +x "$BATS_TEST_TMPDIR/own-cc"
	made -s PROGRAMS=espdecap CC="$BATS_TEST_TMPDIR/own-cc" all
	[ -z "$output" ]
}

# about KB BYTES: they are the same within a tenth
about() { [ $(($1 * 900)) -le "$2" ] && [ "$2" -le $(($1 * 1100)) ]; }

@test "the sizes in README and the manual are those of espdecap" {
	[ "$(grep -c '[0-9] KB' README.md)" -eq 1 ]
	grep -q 'a helper of 38 KB (static, built with musl-gcc, stripped)\.$' README.md
	while IFS='|' read -r how unstripped stripped; do
		case $how in
		*musl-gcc*) settings='CC=musl-gcc' ;;
		*dynamic*) settings='CC=gcc STATIC=0' ;;
		*) settings='CC=gcc' ;;
		esac
		# shellcheck disable=SC2086 # words
		made -s $settings "$out/espdecap"
		about "${unstripped//[!0-9]/}" "$(wc -c <"$out/espdecap")"
		strip "$out/espdecap"
		about "${stripped//[!0-9]/}" "$(wc -c <"$out/espdecap")"
		echo "$how" >>"$BATS_TEST_TMPDIR/measured"
	done < <(sed -n '/ KB /{s/^\.It //; s/ Ta /|/gp}' helper/espdecap.8)
	[ "$(wc -l <"$BATS_TEST_TMPDIR/measured")" -eq 3 ]
	# the first screen's 38 KB is the table's
	grep -q '^\.It musl-gcc, static Ta [0-9]* KB Ta 38 KB$' helper/espdecap.8
}

@test "compiler, flags and paths of the environment are used, as a distribution sets them" {
	# as Debian 12's dpkg-buildflags prints them
	export CFLAGS="-g -O2 -ffile-prefix-map=$PWD=. -fstack-protector-strong -Wformat -Werror=format-security"
	export CPPFLAGS='-Wdate-time -D_FORTIFY_SOURCE=2' LDFLAGS=-Wl,-z,relro
	export CC=gcc STATIC=0 PREFIX=/usr BINDIR=/usr/games MANDIR=/usr/man DESTDIR=$BATS_TEST_TMPDIR/to
	made -j2 all
	[ "$(grep -c "^gcc .* -c " <<<"$output")" -gt 30 ]
	run ! grep '^gcc .* -c ' <(grep -v -F -e "$CPPFLAGS $CFLAGS" <<<"$output")
	run ! grep '^gcc .* -o [^ ]*/\(xfrmpair\|espdecap\|natprobe\) ' <(grep -v -F -e "$LDFLAGS" <<<"$output")
	readelf -lW "$out/espdecap" | grep -q GNU_RELRO
	readelf -SW "$out/espdecap" | grep -q debug_info
	made -s install
	[[ "$("$DESTDIR/usr/games/espdecap" --version)" == "espdecap "* ]]
	cmp "$out/espdecap" "$DESTDIR/usr/games/espdecap" # symbols and all: a distribution keeps them in a package of its own
	[ -f "$DESTDIR/usr/man/man8/espdecap.8" ]
	[ -f "$DESTDIR/usr/lib/systemd/system/xfrmpair@.service" ]
	[ -f "$DESTDIR/usr/share/doc/xfrmpair/README.md" ]
	# sudo takes these settings away: what was built with them is installed
	PREFIX=/opt
	unset CC STATIC CPPFLAGS CFLAGS LDFLAGS BINDIR MANDIR
	made install
	[ "$output" = "installed under $DESTDIR/opt" ]
	cmp "$out/espdecap" "$DESTDIR/opt/bin/espdecap"
	# a source that has changed since is compiled with them
	touch -d '+1 hour' "$out/espdecap.o"
	rm "$out/ids.o"
	made -n install
	[[ "$output" == "gcc "*" -g -O2 "*"$out/ids.o"* ]]
	[ "$(grep -c -e ' -c ' <<<"$output")" -eq 1 ]
	# given flags override the defaults
	CC=clang made -n install
	[ "$(grep -c '^clang .* -c ' <<<"$output")" -gt 30 ]
}

@test "LDFLAGS win over the small pages of musl, and -pie in them does not undo static" {
	for settings in CC=musl-gcc CC=gcc; do
		made -s "$settings" CFLAGS='-g -O2 -fPIE' LDFLAGS='-pie -Wl,-z,relro' "$out/espdecap"
		[[ "$(kind espdecap)" != *dynamically* ]]
		[[ "$("$out/espdecap" --version)" == "espdecap "* ]]
		readelf -lW "$out/espdecap" | grep -q GNU_RELRO
	done
	made -s CC=musl-gcc "$out/espdecap"
	run -1 grep -q GNU_RELRO <(readelf -lW "$out/espdecap")
}

@test "a compiler warning fails only the tests' build" {
	made CFLAGS='-O1 -Wframe-larger-than=1' "$out/ids.o"
	[[ "$stderr" == *"warning: "* ]]
	rm "$out/ids.o"
	run -2 make BUILD="$out" WERROR=1 CFLAGS='-O1 -Wframe-larger-than=1' "$out/ids.o"
	# the result is the same, so it is not rebuilt
	made CFLAGS=-O1 "$out/ids.o"
	run -0 make -q BUILD="$out" WERROR=1 CFLAGS=-O1 "$out/ids.o"
	[ "$(grep -c '^make .*WERROR=1' tests/run)" -eq "$(grep -c '^make ' tests/run)" ]
}

@test "CI does what a new user does: a clone, README's first command without musl-gcc, the second with it" {
	[ "$(sed -n '/^## Demo and tests/,/^## /s/^    \(make [a-z]*\) .*/\1/p' README.md)" = 'make demo
make test' ]
	mkdir -p "$BATS_TEST_TMPDIR/checkout/.ci"
	cp .ci/run "$BATS_TEST_TMPDIR/checkout/.ci"
	cd "$BATS_TEST_TMPDIR/checkout"
	cat >Makefile <<'END'
demo:
	@ls -A | tr '\n' ' '; echo
	! echo 'int main(void) { return 0; }' | musl-gcc -x c -o /dev/null - && exit $(DEMO_STATUS)
test:
	! [ "$$PWD" = "$(CHECKOUT)" ] && musl-gcc --version >/dev/null && echo "$(COUNTED)"; exit $(TEST_STATUS)
END
	git init -q
	git add .
	git -c user.name=x -c user.email=x@example.org -c commit.gpgsign=false commit -q -m x
	export CHECKOUT=$PWD DEMO_STATUS=0 TEST_STATUS=0 COUNTED='7 passed, 0 failed, 2 skipped'
	run -0 .ci/run
	echo "$output"
	[ "${lines[0]}" = '.ci .git Makefile ' ]
	[ "${lines[-1]}" = '8 passed, 0 failed, 2 skipped' ]
	DEMO_STATUS=1 run -1 .ci/run
	[ "${lines[-1]}" = '7 passed, 1 failed, 2 skipped' ]
	TEST_STATUS=1 COUNTED='5 passed, 2 failed, 0 skipped' run -1 .ci/run
	[ "${lines[-1]}" = '6 passed, 2 failed, 0 skipped' ]
	TEST_STATUS=1 run -1 .ci/run
	[ "${lines[-1]}" = '8 passed, 1 failed, 2 skipped' ]
	COUNTED='Killed' run -1 .ci/run
	[ "${lines[-1]}" = '1 passed, 1 failed, 0 skipped' ]
	# a clone of one commit, and a copy that is no repository
	git clone -q --depth 1 "file://$PWD" ../shallow
	run -0 ../shallow/.ci/run
	[ "${lines[-1]}" = '8 passed, 0 failed, 2 skipped' ]
	rm -rf .git
	mkdir build
	run -0 .ci/run
	echo "$output"
	[[ "$output" == *$'\n.ci Makefile \n'* ]]
	[ "${lines[-1]}" = '8 passed, 0 failed, 2 skipped' ]
}

@test "README's build line has musl-tools, and the demo builds after its set-up, which installs it" {
	grep -q '`sudo apt install make gcc libc6-dev musl-tools`' README.md
	grep -qx musl-tools tests/packages
	[ "$(make -n BUILD="$out" demo)" = examples/demo ]
	mkdir -p "$BATS_TEST_TMPDIR/copy/examples" "$BATS_TEST_TMPDIR/copy/tests/lab" "$BATS_TEST_TMPDIR/bin"
	cp examples/demo "$BATS_TEST_TMPDIR/copy/examples"
	cd "$BATS_TEST_TMPDIR/copy"
	for program in tests/setup tests/lab/run ../bin/make; do
		printf '#!/bin/sh\necho %s "$@"\n' $program >$program
		chmod +x $program
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 examples/demo
	[ "${lines[0]}" = 'tests/setup tests/packages tests/lab/packages' ]
	[ "${lines[1]}" = '../bin/make -s' ]
	[[ "${lines[2]}" == 'tests/lab/run sh examples/demo inside' ]]
}

@test "hand-written shell passes shellcheck" {
	shellcheck tests/run tests/setup tests/lint tests/fuzz/run tests/lab/kernel tests/lab/vm tests/lab/run tests/lab/net tests/lab/init examples/demo \
		examples/lab .ci/run
}

@test "missing packages for the tests are listed, except one that would replace the machine's busybox" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	# a machine without root, with busybox and bash
	cat >"$BATS_TEST_TMPDIR/bin/dpkg-query" <<'END'
#!/bin/sh
case " $* " in *' busybox '* | *' bash '*) echo install ok installed ;; *) exit 1 ;; esac
END
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/bin/id"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 tests/setup tests/packages tests/lab/packages
	echo "$output"
	[[ "$output" == *"as root: apt-get update && apt-get install "*" make "* ]]
	[[ "$output" != *busybox* ]]
	[[ "$output" != *' bash '* ]]
}

@test "no program leaks memory, whether it succeeds or refuses" {
	make -s -j2 SANITIZE=1 CC=clang BUILD=build/sanitized all
	export ASAN_OPTIONS=detect_leaks=1
	local programs=$PWD/build/sanitized conf=$PWD/examples/sites/tunnel.conf a=192.168.1.4:4500@85.9.8.7 b=192.168.2.9:4500@31.1.2.3 key
	cd "$BATS_TEST_TMPDIR"
	# the control: what is lost is seen
	printf '#include <stdlib.h>\nint main(void) { void *volatile lost = malloc(9); lost = 0; return lost != 0; }\n' | clang -fsanitize=address -o loses -x c -
	run -1 ./loses
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

@test "every source file names its licence and owner" {
	git ls-files | grep -vE '^templates/|^tests/(captures|fuzz/seeds|section)/|^examples/(howto|session)|/(keys|tunnel\.conf|packages|mutants)$|\.(head|table|dict)$|^(LICENSE|README\.md|\.gitignore)$' |
		while read -r file; do
			head -n 5 "$file" | grep -q 'SPDX-License-Identifier: ISC' && head -n 5 "$file" | grep -q 'SPDX-FileCopyrightText: ' || echo "$file"
		done | diff /dev/null -
}
