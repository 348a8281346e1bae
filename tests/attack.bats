# What an attacker, a slip or a full disk can do to the generator. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair
}
setup() {
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	A=192.168.1.4:61525@85.9.8.7
	B=192.168.2.100:61523@31.1.2.3:10421
}

# says STATUS MESSAGE ARGUMENT...: that status, exactly these lines, nothing on stdout, and no file more or less than before
says() {
	local wanted=$1 message=$2
	shift 2
	find . >../before
	run --separate-stderr timeout 10 "$XFRMPAIR" "$@"
	find . >../after
	echo "status $status, said: $stderr"
	[ "$status" -eq "$wanted" ]
	[ "$stderr" = "xfrmpair: $message" ]
	[ -z "$output" ]
	cmp ../before ../after
}

@test "a key file or a script given as a tunnel file is refused, and no word of it shown" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	local message="a key is in it: want a tunnel file; a key file goes with --keys"
	says 2 "k:2: $message" -f k
	says 2 "t/a.sh:$(grep -n '^#key' t/a.sh | head -1 | cut -d: -f1): $message" -f t/a.sh
	# whatever is around it, and with half a prefix too
	printf '[tunnel]\ncipher = 0x%072d\n' 7 >c
	says 2 "c:2: $message" -f c
	printf '[side a]\n\nlocal = %072d # comment\n' 7 >c
	says 2 "c:3: $message" -f c
	# the control: eight digits are no key
	printf '0x12345678\n' >c
	run --separate-stderr "$XFRMPAIR" -f c
	[ "${stderr_lines[0]}" = "xfrmpair: c:1: '0x12345678': want KEY = VALUE, [tunnel] or [side NAME]" ]
}

# mutate FILE COUNT SEED: that many key files, m1 and on, each with a slip or two: words swapped or glued, bytes changed or gone
mutate() {
	awk -v count="$2" -v seed="$3" 'BEGIN { srand(seed) }
		!/^#/ { line[++lines] = $0 }
		function pick(n) { return 1 + int(rand() * n) }
		END { for (i = 1; i <= count; i++) {
			for (l = 1; l <= lines; l++) {
				text = line[l]
				for (slip = pick(3); slip > 0; slip--) {
					n = split(text, word, " ")
					kind = pick(5); at = pick(length(text)); a = pick(n); b = pick(n)
					if (kind == 1) { swap = word[a]; word[a] = word[b]; word[b] = swap; text = word[1]; for (w = 2; w <= n; w++) text = text " " word[w] }
					if (kind == 2) text = substr(text, 1, at - 1) substr(text, at + 1)
					if (kind == 3) text = substr(text, 1, at - 1) substr("= [#xg@0", pick(8), 1) substr(text, at + 1)
					if (kind == 4) text = substr(text, 1, at - 1) substr("= \n]:/", pick(7), 1) substr(text, at)
					if (kind == 5) { text = word[pick(n)]; for (w = 1; w <= n; w++) if (w != a) text = text " " word[w] }
				}
				print text >("m" i)
			}
			close("m" i) } }' "$1"
	chmod 600 m*
}
@test "no slip in a key file gets a word of a key shown" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	mutate k "${MUTATIONS:-150}" "${SEED:-1}"
	local refused=0
	for file in m*; do
		"$XFRMPAIR" --keys "$file" "$A" "$B" >/dev/null 2>said || refused=$((refused + 1))
		"$XFRMPAIR" -f "$file" >/dev/null 2>>said && return 1
		run ! grep -E '[0-9a-f]{9}' said
	done
	echo "# $refused of ${MUTATIONS:-150} refused" >&3
	[ "$refused" -gt $((${MUTATIONS:-150} / 2)) ]
	# a column short of the key is none either
	K=0x$(printf '%072d' 7)
	printf 'a b 1 %s 0x100\nb a %s 1 0x100\n%s b 1 0x100 a\na b 1 0x1 %s\na b 1 00000007 %s\n' $K $K $K $K $K >k
	says 2 "k:1: SPI: want 0x100 to 0xffffffff in lower-case hexadecimal
xfrmpair: k:2: epoch: want 1
xfrmpair: k:3: first word: want the name of one of the sides, like a
xfrmpair: k:4: SPI: want 0x100 to 0xffffffff in lower-case hexadecimal
xfrmpair: k:5: SPI: want 0x100 to 0xffffffff in lower-case hexadecimal" --keys k "$A" "$B"
}

@test "standard output that is closed or full is a failure of what only prints, too" {
	for option in --version --help --list-ciphers; do
		run --separate-stderr bash -c '"$0" "$1" >/dev/full' "$XFRMPAIR" $option
		[ "$status" -eq 1 ]
		[ "$stderr" = "xfrmpair: standard output: No space left on device" ]
		run --separate-stderr bash -c '"$0" "$1" >&-' "$XFRMPAIR" $option
		[ "$status" -eq 1 ]
		[ "$stderr" = "xfrmpair: standard output: Bad file descriptor" ]
	done
	run --separate-stderr bash -c '"$0" "$1" "$2" >&-' "$XFRMPAIR" "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: standard output: Bad file descriptor" ]
	# no file that is written becomes standard error
	bash -c '"$0" -o t "$1" "$2" 0<&- >&- 2>&-' "$XFRMPAIR" "$A" "$B"
	run ! grep -r 'xfrmpair: ' t
}

@test "a FIFO is read when somebody writes to it, and else not waited for" {
	mkfifo -m 600 fifo
	says 2 "fifo: a FIFO that nobody writes to: want a tunnel file" -f fifo
	says 2 "fifo: a FIFO that nobody writes to: want a key file" --keys fifo "$A" "$B"
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	cat k >fifo &
	timeout 10 sh -c 'until timeout 5 "$0" --keys fifo -o u "$1" "$2"; do :; done' "$XFRMPAIR" "$A" "$B"
	diff -r t u
	"$XFRMPAIR" -f <(sleep 0.2; printf '[side a]\nlocal = 192.168.1.4:1\n[side b]\nlocal = 192.0.2.1:1\n')
}

@test "line ends of other systems in a key file are named" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	sed -i 's/$/\r/' k
	says 2 "k:1: a carriage return: want Unix line ends, as \`tr -d '\\r'\` makes them" --keys k "$A" "$B"
}

@test "control characters in paths do not reach the terminal" {
	local odd=$'o\e[31m\nd\x9b' shown='o\x1b[31m\x0ad\x9b'
	says 2 "$shown: No such file or directory: want a tunnel file that can be read" -f "$odd"
	says 2 "$shown: No such file or directory: want a key file that can be read" --keys "$odd" "$A" "$B"
	says 1 "$shown/k: cannot be written: No such file or directory" --save-keys "$odd/k" -o t "$A" "$B"
	run --separate-stderr "$XFRMPAIR" -o "$odd" --save-keys "$odd.k" "$A" "$B"
	[ "$status" -eq 0 ]
	[ "${stderr_lines[0]}" = "xfrmpair: wrote $shown/a.sh, for the host 192.168.1.4: start it first" ]
	says 1 "$shown/a.sh: exists; --force replaces it, -o another folder leaves it" -o "$odd" "$A" "$B"
	"$XFRMPAIR" -n -o "$odd" "$A" "$B" >said
	[ "$(head -1 said)" = "# $shown/a.sh:" ]
	printf 'junk' >"$odd"1
	run --separate-stderr "$XFRMPAIR" -f "$odd"1
	[ "${stderr_lines[0]}" = "xfrmpair: ${shown}1:1: 'junk': want KEY = VALUE, [tunnel] or [side NAME]" ]
	printf 'junk' >"$odd"1
	chmod 600 "$odd"1
	run --separate-stderr "$XFRMPAIR" --keys "$odd"1 "$A" "$B"
	[ "${stderr_lines[0]}" = "xfrmpair: ${shown}1:1: 1 words: want FROM TO EPOCH SPI KEY for aes256gcm16" ]
}

@test "why a folder cannot be made is said" {
	: >file
	says 1 "file/t: cannot be made: Not a directory" -o file/t "$A" "$B"
	says 1 "no/t: cannot be made: No such file or directory" -o no/t "$A" "$B"
}

@test "memory and file sizes that end are status 1, and leave nothing behind" {
	run --separate-stderr bash -c 'ulimit -f 8; "$0" -o t "$1" "$2"' "$XFRMPAIR" "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: t/a.sh: cannot be written: File too large" ]
	[ -z "$(ls -A)" ]
	run --separate-stderr bash -c 'ulimit -f 8; "$0" --format script "$1" "$2" >../out' "$XFRMPAIR" "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: standard output: File too large" ]
	[ -z "${SANITIZE-}" ] || return 0
	local least=0 status
	for kib in 400 600 800 1000 1200 1400 1700 2000 2400 2900 3500; do
		# the kernel itself ends what it cannot load
		bash -c "ulimit -v $kib; exec \"\$0\" --version" "$XFRMPAIR" >/dev/null 2>&1 || continue
		status=0
		bash -c "ulimit -v $kib; exec \"\$0\" \"\$@\"" "$XFRMPAIR" -o t --interface i $(for i in {1..60}; do echo "10.0.$i.1:4500+10.1.$i.0/24"; done) 2>said || status=$?
		[ "$status" -le 1 ] || { cat said; echo "$kib KiB: $status"; return 1; }
		if [ "$status" -eq 1 ]; then
			grep -q '^xfrmpair: memory: ' said || { cat said; return 1; }
			[ -z "$(ls -A | grep -v said)" ] || { ls -A; return 1; }
			least=$kib
		fi
		rm -rf t
	done
	[ "$least" -gt 0 ]
}

@test "more than 1,024 sides are refused: espdecap takes no more peers" {
	local sides
	mapfile -t sides < <(for ((i = 1; i <= 1025; i++)); do echo "10.$((i / 250)).$((i % 250)).1:4500"; done)
	says 2 "1025 sides: want at most 1024" "${sides[@]}"
}

@test "nothing is written over what is no regular file, with --force either" {
	"$XFRMPAIR" -o t "$A" "$B"
	echo precious >precious
	mkdir -p u v w
	ln -s ../precious u/a.sh
	ln -s nowhere u/b.sh
	mkfifo v/b.sh
	mkdir w/a.sh
	says 1 "u/a.sh: a symbolic link: --force replaces regular files only" --force -o u "$A" "$B"
	says 1 "v/b.sh: no regular file: --force replaces regular files only" --force -o v "$A" "$B"
	says 1 "w/a.sh: no regular file: --force replaces regular files only" --force -o w "$A" "$B"
	says 1 "link: a symbolic link: --force replaces regular files only" --force --save-keys "$(ln -s precious link; echo link)" -o x "$A" "$B"
	[ "$(cat precious)" = precious ]
	[ -p v/b.sh ] && [ -L u/b.sh ]
	run --separate-stderr "$XFRMPAIR" --force --save-keys /dev/null "$A" "$B"
	[ "$status" -eq 1 ]
	[ -c /dev/null ]
	# the control
	"$XFRMPAIR" --force -o t "$A" "$B"
}

@test "an output without a name, or two of one name, are refused" {
	says 2 "--output: '': want a folder, . for this one" -o "" "$A" "$B"
	says 2 "--save-keys: '': want a file" --save-keys "" "$A" "$B"
	local twice="want a file of its own: a script has that name"
	says 2 "--save-keys: 't/a.sh': $twice" --save-keys t/a.sh -o t "$A" "$B"
	says 2 "--save-keys: './t//b.sh': $twice" --save-keys ./t//b.sh -o t/ "$A" "$B"
	mkdir u
	ln -s u v
	says 2 "--save-keys: 'v/b.sh': $twice" --save-keys v/b.sh -o u "$A" "$B"
	says 2 "--save-keys: 'v/b.sh': $twice" --force --save-keys v/b.sh -o u "$A" "$B"
	"$XFRMPAIR" -o t --save-keys t/keys "$A" "$B"
	[ "$(cd t && echo *)" = "a.sh b.sh keys" ]
}

@test "a folder, or a place, where others can write is refused for scripts and keys" {
	[ "$(id -u)" -eq 0 ] || skip "files of others need root"
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	local want="want a place where only you and root can write"
	mkdir -p others/mine mode way
	chown 1234 others
	chmod 775 mode
	says 1 "others: belongs to user 1234: $want" -o others "$A" "$B"
	says 1 "others/new: $PWD/others belongs to user 1234: $want" -o others/new "$A" "$B"
	says 1 "others/mine: $PWD/others belongs to user 1234: $want" -o others/mine "$A" "$B"
	says 1 "others/k: $PWD/others belongs to user 1234: $want" --save-keys others/k -o u "$A" "$B"
	says 1 "mode: others than its owner can write there (mode 0775): $want" -o mode "$A" "$B"
	says 1 "mode/new: others than its owner can write in $PWD/mode (mode 0775): $want" -o mode/new "$A" "$B"
	# through a link as well
	ln -s ../others/mine way/there
	says 1 "way/there: $PWD/others belongs to user 1234: $want" -o way/there "$A" "$B"
	# a file of keys: its owner, and where it is
	cp -p k others/k
	cp -p k mode/k
	cp -p k owned
	chown 1234 owned
	says 2 "owned: belongs to user 1234: want a key file of your own" --keys owned "$A" "$B"
	says 2 "others/k: $PWD/others belongs to user 1234: $want" --keys others/k "$A" "$B"
	says 2 "mode/k: others than its owner can write in $PWD/mode (mode 0775): $want" --keys mode/k "$A" "$B"
	ln -s mode/k link
	says 2 "link: others than its owner can write in $PWD/mode (mode 0775): $want" --keys link "$A" "$B"
	# like /tmp: what is yours there nobody else replaces, but others can add to it
	chmod 1777 mode
	says 1 "mode: others than its owner can write there (mode 1777): $want" -o mode "$A" "$B"
	"$XFRMPAIR" -o mode/new --keys mode/k --save-keys mode/l "$A" "$B"
	# the control
	chown 0 others
	chmod 755 mode
	"$XFRMPAIR" -o others --save-keys others/l "$A" "$B"
	"$XFRMPAIR" -o mode --keys mode/k "$A" "$B"
}

# memory_at_exit OUT ARGUMENT...: what xfrmpair has in memory when it ends, to files OUT.*
memory_at_exit() {
	local out=$1
	shift
	gdb -q -nx -batch -ex 'set confirm off' -ex 'set startup-with-shell off' -ex 'catch syscall exit_group' -ex run \
		-ex "python
import gdb
pid = gdb.selected_inferior().pid
for n, line in enumerate(open('/proc/%d/maps' % pid)):
    words = line.split()
    if 'w' not in words[1]: continue
    low, high = (int(word, 16) for word in words[0].split('-'))
    open('$out.%d' % n, 'wb').write(gdb.selected_inferior().read_memory(low, high - low).tobytes())
    with open('$out.regs', 'w') as regs: regs.write(gdb.execute('info all-registers', to_string=True))
end" -ex kill --args "$XFRMPAIR" "$@" >said 2>&1
	[ -s "$out.regs" ]
}
@test "no key is left in memory when the program ends" {
	type gdb >/dev/null || skip "no gdb"
	[ -z "${SANITIZE-}" ] || skip "sanitizers keep what was freed"
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	"$XFRMPAIR" --cipher aes256-sha512 --save-keys l -o s "$A" "$B"
	# read and written; of other ciphers; printed; fresh ones, whose file is read afterwards; refused in the middle
	memory_at_exit one --keys k -o u --save-keys k2 "$A" "$B"
	memory_at_exit two --cipher aes256-sha512 --keys l -n -o u2 "$A" "$B"
	memory_at_exit three --keys k "$A" "$B"
	memory_at_exit four -o w --save-keys k4 "$A" "$B"
	printf 'junk\n' | cat k - >k5
	chmod 600 k5
	memory_at_exit five --keys k5 "$A" "$B"
	memory_at_exit six -f k
	grep -h -o '0x[0-9a-f]\{64,\}' k l k4 | python3 -c '
import glob, re, sys
keys = [word[2:] for word in sys.stdin.read().split()]
assert len(keys) == 8, len(keys)
found = 0
for file in glob.glob("*.[0-9]*"):
    memory = open(file, "rb").read()
    for key in keys:
        for at in range(0, len(key) - 15, 16):
            part = key[at:at + 16]
            for form in part.encode(), bytes.fromhex(part):
                if form in memory:
                    found += 1
                    print(file, "has", part, "as", "text" if len(form) == 16 else "bytes", "at", hex(memory.index(form)))
sys.exit(found > 0)'
	# the control: what is looked for would be found
	grep -q 192.168.1.4 one.*
}

@test "no core is dumped" {
	[ -z "${SANITIZE-}" ] || skip "sanitizers look into themselves"
	# it reads until its standard input ends
	coproc READS { ulimit -c unlimited; exec "$XFRMPAIR" -f /dev/stdin 2>&1; }
	local limits=
	for _ in {1..50}; do
		limits=$(awk '/^Max core/ { print $5, $6 }' "/proc/$READS_PID/limits")
		[ "$limits" != "0 0" ] || break
		sleep 0.1
	done
	kill "$READS_PID"
	[ "$limits" = "0 0" ]
	# a pipe of the kernel's core_pattern does not look at limits
	strace -o trace -e trace=prctl "$XFRMPAIR" "$A" "$B" >/dev/null
	grep -q '^prctl(PR_SET_DUMPABLE, .*) *= 0' trace
}
