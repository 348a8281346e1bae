# What an attacker, a slip or a full disk can do to the generator. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	A=192.168.1.4:61525@85.9.8.7
	B=192.168.2.100:61523@31.1.2.3:10421
	C=10.0.0.1:4500@5.6.7.8
	export XFRMPAIR_STATE=$PWD/state # the machine's own is left alone
	umask 077
}

# random BYTES: as a key file has them
random() { printf '0x%s' "$(head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; }
# fixed BYTES [BYTES]: a key file for a and b, with keys of that length
fixed() {
	echo "a b 1 $(random 4) $(random "$1")${2:+ $(random "$2")}"
	echo "b a 1 $(random 4) $(random "$1")${2:+ $(random "$2")}"
}
# secrets: a key file for a, b and c, in either order of the two
secrets() {
	echo "a b 1 secret $(random 32)"
	echo "c a 99999999 secret $(random 32)"
	echo "b c 57 secret $(random 32)"
}
teardown() {
	[ -z "${HELD-}" ] || signal_held KILL || :
	[ -z "${MEMORY-}" ] || rm -rf "$MEMORY"
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

@test "a script given as a tunnel file is refused, and no word of it shown" {
	"$XFRMPAIR" -o t "$A" "$B"
	says 2 "t/a.sh:$(grep -n '^#key' t/a.sh | head -1 | cut -d: -f1): a key is in it: want a tunnel file; a key file goes with --keys" -f t/a.sh
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
	{ secrets | head -2; fixed 36 | sed 's/\<a\>/c/'; } >k
	"$XFRMPAIR" --keys k "$A" "$B" "$C" >/dev/null
	mutate k "${MUTATIONS:-150}" "${SEED:-1}"
	local refused=0
	for file in m*; do
		"$XFRMPAIR" --keys "$file" "$A" "$B" "$C" >/dev/null 2>said || refused=$((refused + 1))
		"$XFRMPAIR" -f "$file" >/dev/null 2>>said && return 1
		run -1 grep -E '[0-9a-f]{9}' <(sed 's/: want 1 to 99999999$//' said)
	done
	echo "# $refused of ${MUTATIONS:-150} refused" >&3
	[ "$refused" -gt $((${MUTATIONS:-150} / 2)) ]
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
	run -1 grep -r 'xfrmpair: ' t
}

@test "a FIFO is read when somebody writes to it" {
	mkfifo -m 600 fifo
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	cat k >fifo &
	timeout 10 sh -c 'until timeout 5 "$0" --keys fifo -o u "$1" "$2"; do :; done' "$XFRMPAIR" "$A" "$B"
	diff -r t u
	"$XFRMPAIR" -f <(sleep 0.2; printf '[side a]\nlocal = 192.168.1.4:1\n[side b]\nlocal = 192.0.2.1:1\n')
}

@test "control characters in paths do not reach the terminal" {
	local odd=$'o\e[31m\nd\x9b' shown='o\x1b[31m\x0ad\x9b'
	run -0 --separate-stderr "$XFRMPAIR" -o "$odd" --save-keys "$odd.k" "$A" "$B"
	[ "${stderr_lines[0]}" = "xfrmpair: wrote $shown/a.sh, for the host 192.168.1.4: start it first" ]
	"$XFRMPAIR" -n -o "$odd" "$A" "$B" >said
	[ "$(head -1 said)" = "# $shown/a.sh:" ]
}

@test "why a folder cannot be made is said" {
	run --separate-stderr strace -o trace -e trace=mkdir -e inject=mkdir:error=EACCES "$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: t: cannot be made: Permission denied" ]
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

@test "nothing is written over a device, with --force either" {
	run -1 --separate-stderr "$XFRMPAIR" --force --save-keys /dev/null "$A" "$B"
	[ -c /dev/null ]
	# the control
	"$XFRMPAIR" -o t "$A" "$B"
	"$XFRMPAIR" --force -o t "$A" "$B"
}

@test "keys may be saved where the scripts go" {
	"$XFRMPAIR" -o t --save-keys t/keys "$A" "$B"
	[ "$(cd t && echo *)" = "a.sh b.sh keys" ]
}

@test "a folder, or a place, of somebody else is refused for scripts and keys" {
	[ "$(id -u)" -eq 0 ] || skip "files of others need root"
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	local want="want a place where only you and root can write"
	mkdir -p others/mine mode way
	chown 1234 others
	says 1 "others: belongs to user 1234: $want" -o others "$A" "$B"
	says 1 "others/new: $PWD/others belongs to user 1234: $want" -o others/new "$A" "$B"
	says 1 "others/mine: $PWD/others belongs to user 1234: $want" -o others/mine "$A" "$B"
	says 1 "others/k: $PWD/others belongs to user 1234: $want" --save-keys others/k -o u "$A" "$B"
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
	# like /tmp: what is yours there nobody else replaces, but others can add to it
	chmod 1777 mode
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
@test "no key and no secret is left in memory when the program ends, nor what follows from it" {
	type gdb >/dev/null || skip "no gdb"
	[ -z "${SANITIZE-}" ] || skip "sanitizers keep what was freed"
	fixed 36 >k
	fixed 32 64 >l
	secrets >s
	# read and written; of other ciphers; printed; fresh ones, whose file is read afterwards; refused in the middle
	memory_at_exit one --keys k -o u --save-keys k2 "$A" "$B"
	memory_at_exit two --cipher aes256-sha512 --keys l -n -o u2 "$A" "$B"
	memory_at_exit three --keys k "$A" "$B"
	memory_at_exit four -o w --save-keys k4 "$A" "$B"
	printf 'junk\n' | cat k - >k5
	chmod 600 k5
	memory_at_exit five --keys k5 "$A" "$B"
	memory_at_exit six -f k
	memory_at_exit seven --keys s -o v --save-keys s2 "$A" "$B" "$C"
	memory_at_exit eight --keys s "$A" "$B" "$C"
	printf 'junk\n' | cat s - >s3
	chmod 600 s3
	memory_at_exit nine --keys s3 "$A" "$B" "$C"
	sed -i 's/^a b/a x/' s
	memory_at_exit ten --keys s -o x --save-keys s4 "$A" "$B" "$C"
	memory_at_exit eleven --explain --keys k "$A" "$B"
	memory_at_exit thirteen --format commands --cipher aes256-sha512 --keys l "$A" "$B"
	memory_at_exit twelve --format wireshark --cipher aes256-sha512 --keys l "$A" "$B"
	python3 - k l k4 s2 s4 <<'END'
import glob, hashlib, re, sys
parts = {}  # what must not be found: what it is

# WORDS in pieces: as they are, and as SHA-256 has them, each four bytes the other way round
def add(what, words, length, first=0):
    turned = b''.join(words[at:at + 4][::-1] for at in range(0, len(words), 4))
    for at in range(-first % 4 + first, len(words) - length + 1, 4):
        parts[words[at:at + length]] = what
        parts[turned[at:at + length]] = what + ', turned'

keys = secrets = 0
for row in (line.split() for file in sys.argv[1:] for line in open(file) if line[0] != '#'):
    for word in (word[2:] for word in row[4:]):
        keys, secrets = keys + (row[3] != 'secret'), secrets + (row[3] == 'secret')
        for at in range(0, len(word) - 15, 8):
            parts[word[at:at + 16].encode()] = 'text of ' + word
        add('bytes of ' + word, bytes.fromhex(word), 8)
        for one, two in ((row[0], row[1]), (row[1], row[0])) if row[3] == 'secret' else ():
            for i in 1, 2:
                line = 'xfrmpair key %s %s %d %s\n' % (one, two, i, word)
                add('hashed text of ' + word, line.encode(), 16, line.index(word))
                add('what follows from ' + word, hashlib.sha256(line.encode()).digest(), 8)
                add('what follows from ' + word, hashlib.sha256(line.encode()).hexdigest().encode(), 16)
assert keys >= 6 and secrets >= 6 and keys + 2 * secrets == 20, (keys, secrets)
found = 0
for file in glob.glob('*.[0-9]*'):
    memory = re.sub(rb'\0{16,}', bytes(16), open(file, 'rb').read())  # most of it
    for part, what in parts.items():
        if part in memory:
            found += 1
            print(file, 'has', what)
sys.exit(found > 0)
END
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

# a_host: host/ has an ip whose machine is side a's, and knows nothing of xfrm
a_host() {
	mkdir host
	printf '%s\n' '#!/bin/sh' 'case $* in *"address show"*) echo "2: eth0 inet 192.168.1.4/24 scope global eth0" ;; *"route get"*) echo "x dev eth0 src 192.168.1.4" ;; "xfrm help") echo ip xfrm ;; esac' >host/ip
	chmod +x host/ip
}

@test "a script refuses a place where others can change its state, itself or its helpers, and says what would do" {
	"$XFRMPAIR" -o t "$A" "$B"
	cp "${XFRMPAIR%/*}/espdecap" t/
	local run=$PWD/run bin=$PWD/bin shell
	mkdir -m 700 run bin
	install -m 700 t/espdecap bin/natprobe
	a_host
	export XFRMPAIR_RUN=$run
	# refused VERB WORDS: in four shells, before anything is changed
	refused() {
		for shell in dash 'busybox ash' bash mksh; do
			run env PATH="$PWD/host:$PATH" NATPROBE="${NATPROBE-}" $shell t/a.sh $1
			echo "$shell, $1: $output"
			[ "$status" -eq 1 ]
			[ "$output" = "a: $2" ]
		done
	}
	local others=': others than its owner can change it: chmod go-w'
	for mode in 0770 0702 1777; do # a sticky one, too: what others make there would be ours to undo
		chmod $mode run
		for verb in up down status '-n up'; do refused "$verb" "$run$others $run"; done
	done
	chmod 700 run
	for mode in 0720 0702; do
		for place in t t/espdecap t/a.sh; do
			chmod $mode $place
			refused up "$PWD/$place$others $PWD/$place"
			chmod 700 $place
		done
		chmod $mode bin
		NATPROBE=$bin/natprobe refused up "$bin$others $bin"
		chmod 700 bin
	done
	if [ "$(id -u)" = 0 ]; then
		local foreign=' belongs to user 1234, who is not root, nor you, nor owns this script: take another place, or chown it'
		chown 1234 run
		for verb in up down status; do refused $verb "$run$foreign"; done
		chown 0 run
		chown 1234 t/espdecap
		refused up "$PWD/t/espdecap$foreign"
		# who owns the script is trusted: root runs it
		chown 1234 t t/a.sh
		PATH=$PWD/host:$PATH run sh t/a.sh up --no-punch
		[[ "$output" != *"belongs to"* ]]
		chown 0 t/espdecap t t/a.sh
	fi
	# the control: in a sticky place all keep what is theirs
	mkdir -m 1777 sticky
	mv t sticky/t
	run sh sticky/t/a.sh status
	echo "$output"
	[[ "$output" != *"can change it"* ]]
	[[ "$output" != *"belongs to"* ]]
}

# finds RESULT PLACE: what find_program takes or says of the natprobe of a script there, in four shells
finds() {
	local shell
	{ sed -e '2s/{ //' -e '/^# ---- program/,$d' t/a.sh; cat "$BATS_TEST_DIRNAME/../templates/program/core.sh"; echo 'find_program natprobe "" && echo "$program" || echo "$? $trouble"'; } >$2/part
	for shell in dash 'busybox ash' bash mksh; do
		run $shell $2/part
		echo "$shell, $2: $output"
		[ "$output" = "$1" ]
	done
}

@test "a helper that others have put there, or could change, is none, whenever it came and whoever looks for it" {
	"$XFRMPAIR" -o t "$A" "$B"
	mkdir -m 777 open
	mkdir -m 1777 sticky
	mkdir -m 755 closed
	printf '#!/bin/sh\n' | tee open/natprobe sticky/natprobe >closed/natprobe
	chmod 755 open/natprobe sticky/natprobe closed/natprobe
	finds "2 $PWD/open: others than its owner can change it: chmod go-w $PWD/open" open
	# where all keep what is theirs, ours is
	finds "$PWD/sticky/natprobe" sticky
	finds "$PWD/closed/natprobe" closed
	# a link is what it leads to
	mkdir link
	ln -s ../open/natprobe link/natprobe
	finds "2 $PWD/open: others than its owner can change it: chmod go-w $PWD/open" link
	ln -sf ../closed/natprobe link/natprobe
	finds "$PWD/closed/natprobe" link
	[ "$(id -u)" = 0 ] || skip "needs root, for what belongs to others"
	local foreign='belongs to user 1234, who is not root, nor you, nor owns this script: take another place, or chown it'
	chown 1234 sticky/natprobe
	finds "2 $PWD/sticky/natprobe $foreign" sticky
	# a link that is theirs leads elsewhere tomorrow
	ln -sf "$PWD/closed/natprobe" sticky/natprobe
	chown -h 1234 sticky/natprobe
	finds "2 $PWD/sticky/natprobe, a link, $foreign" sticky
	# a name that is looked up again and again, and natprobe comes meanwhile
	"$XFRMPAIR" -o named "$A" "${B/31.1.2.3/home.example.org}"
	cp named/a.sh open/
	rm open/natprobe
	a_host
	XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state PATH=$PWD/host:/usr/sbin:/usr/bin:/sbin:/bin sh open/a.sh up --no-punch --wait 8 >said 2>&1 3>&- &
	sleep 1
	printf '#!/bin/sh\n: >>"%s"\necho 31.1.2.3\n' "$PWD/ran" >natprobe
	chmod 755 natprobe
	chown 1234 natprobe
	mv natprobe open/
	if wait $!; then return 1; fi
	cat said
	[ ! -e ran ]
	grep -q "$PWD/open/natprobe $foreign\|$PWD/open: others" said
}

@test "natprobe looks a name up without root's rights" {
	"$XFRMPAIR" -o named "$A" "${B/31.1.2.3/home.example.org}"
	a_host
	printf '#!/bin/sh\necho "$*" >>"%s"\necho 31.1.2.3\n' "$PWD/ran" >host/natprobe
	chmod +x host/natprobe
	XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state PATH=$PWD/host:$PATH sh named/a.sh -n up >/dev/null
	[ "$(id -u)" = 0 ] && local user='-u 65534 ' || local user=
	[ "$(sort -u ran)" = "$user--resolve home.example.org" ]
}

@test "read from standard input, a script takes its helpers from PATH only" {
	"$XFRMPAIR" -o t "$A" "$B"
	mkdir bin
	for name in sh dash ash bash mksh espdecap; do printf '#!/bin/sh\n' >$name; chmod +x $name; done
	cp espdecap bin/
	{ sed -e '2s/{ //' -e '/^# ---- program/,$d' t/a.sh; cat "$BATS_TEST_DIRNAME/../templates/program/core.sh"; echo 'find_program espdecap "" && echo "$program"'; } >part
	for shell in dash 'busybox ash' bash mksh; do
		[ "$(PATH="$PWD/bin:$PATH" $shell -s <part)" = "$PWD/bin/espdecap" ]
		if $shell -s <part; then return 1; fi
		# the control: as a file, it takes the one beside it
		[ "$($shell part)" = "$PWD/espdecap" ]
	done
}

# in_memory: there no run waits for a disk
in_memory() {
	MEMORY=$(mktemp -d -p /dev/shm 2>/dev/null) || return 0
	mkdir "$MEMORY/here" && cd "$MEMORY/here"
}
# look KEYS: the digests of t/a.sh, t/b.sh and the file of keys, - for none and ? for a part of one, into $seen
look() {
	local file text
	seen=
	for file in t/a.sh t/b.sh "$1"; do
		[ -e "$file" ] || { seen="$seen -"; continue; }
		text=$(<"$file")
		[[ $text =~ ($'\n}'|\ 0x[0-9a-f]{64,})$ && $text =~ digest[\ =]([0-9a-f]{8}) ]] && seen="$seen ${BASH_REMATCH[1]}" || seen="$seen ?"
	done
}
# of_one_run STATE: all there, or none
of_one_run() { [[ $1 =~ ^\ ([-0-9a-f]+)\ ([-0-9a-f]+)\ ([-0-9a-f]+)$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" && ${BASH_REMATCH[1]} == "${BASH_REMATCH[3]}" ]]; }

# the calls that change a disk, and the end: from one to the next nothing that a kill leaves is different
CALLS=mkdir,open,openat,write,rename,renameat2,unlink,rmdir,fsync,exit_group
# killed_at NUMBER-OF-CALL CALL COMMAND...
killed_at() {
	local status=0
	# shellcheck disable=SC2086 # words
	{ strace -o /dev/null -e trace=$CALLS $LACKS -e "inject=$2:signal=KILL:when=$1" "${@:3}" || status=$?; } >/dev/null 2>&1
	[ "$status" -eq 137 ]
}
LACKS=
NO_FLAGS="-e inject=renameat2:error=EINVAL"
# killed_at_each KEYS COMMAND...: begins with what is in ../before, and kills the command as it enters each of its calls. No file has a part
# of a text, a folder that was not there has all of its scripts or is not there, and the next run does its work.
killed_at_each() {
	trap - DEBUG # of bats: it takes longer than the rest
	local keys=$1 call number kills=0
	shift
	afresh
	# shellcheck disable=SC2086 # words
	strace -o ../trace -e trace=$CALLS $LACKS "$@" >/dev/null 2>&1 || :
	while read -r call number; do
		afresh
		killed_at "$number" "$call" "$@" && look "$keys" && goes_on || {
			echo "killed at $call $number; then: $seen; left: $(find . -name '.*-*'); said: $(<../said)"
			return 1
		}
		kills=$((kills + 1))
	done < <(grep -v INJECTED ../trace | sed -n 's/(.*//p' | awk '{ print $1, ++n[$1] }')
	echo "# $kills kills" >&3
	[ "$kills" -gt 20 ]
}
# afresh: all as in ../before
afresh() { find . -mindepth 1 -delete && cp -a ../before/. .; }
# goes_on: what was seen, and what a run makes of it, is as it should be
goes_on() {
	[[ $seen != *'?'* ]] || return 1
	[ -e ../before/t ] || [[ $seen == ' - - '* ]] || of_one_run "$seen" || return 1
	"$XFRMPAIR" --force -o t --save-keys "$keys" "$A" "$B" 2>../said || return 1
	look "$keys"
	of_one_run "$seen"
}

@test "a run that is killed leaves a new folder whole or not at all" {
	in_memory
	mkdir ../before
	killed_at_each z "$XFRMPAIR" -o t --save-keys z "$A" "$B"
	killed_at_each t/k "$XFRMPAIR" -o t --save-keys t/k "$A" "$B"
	mkdir ../before/keys
	killed_at_each keys/k "$XFRMPAIR" -o t --save-keys keys/k "$A" "$B"
}

@test "a run that is killed in a folder that exists leaves each file whole, the old one or the new one" {
	in_memory
	mkdir -p ../before/t ../before/keys
	echo other >../before/t/other
	killed_at_each keys/k "$XFRMPAIR" -o t --save-keys keys/k "$A" "$B"
	LACKS=$NO_FLAGS killed_at_each keys/k "$XFRMPAIR" -o t --save-keys keys/k "$A" "$B"
	"$XFRMPAIR" --force -o ../before/t --save-keys ../before/keys/k "$A" "$B"
	killed_at_each keys/k "$XFRMPAIR" --force -o t --save-keys keys/k "$A" "$B"
	LACKS=$NO_FLAGS killed_at_each keys/k "$XFRMPAIR" --force -o t --save-keys keys/k "$A" "$B"
	[ "$(cat t/other)" = other ]
}

@test "a disk that fails in the middle leaves the old files, all of them" {
	in_memory
	trap - DEBUG
	mkdir -p ../before/keys
	"$XFRMPAIR" -o ../before/t --save-keys ../before/keys/k "$A" "$B"
	afresh
	strace -o ../trace -e trace=write,fsync,renameat2 "$XFRMPAIR" --force -o t --save-keys keys/k "$A" "$B"
	local call number fails=0 status
	while read -r call number; do
		afresh
		strace -o /dev/null -e trace=write,fsync,renameat2 -e "inject=$call:error=EIO:when=$number" "$XFRMPAIR" --force -o t --save-keys keys/k "$A" "$B" 2>../said &&
			status=0 || status=$?
		echo "$call $number: $status, $(<../said)"
		[ "$status" -eq 1 ]
		grep -qEx 'xfrmpair: .*: cannot be written: (I/O|Input/output) error' ../said
		diff -r ../before .
		fails=$((fails + 1))
	done < <(sed -n 's/(.*//p' ../trace | awk '{ ++n[$1] } $1 != "write" || !n["renameat2"] { print $1, n[$1] }') # what it says comes last
	[ "$fails" -gt 10 ]
}

# signal_held SIGNAL: to the run that strace, $HELD, has stopped; false when it has ended
signal_held() { kill -"$1" $(cat "/proc/$HELD/task/$HELD/children" 2>/dev/null) 2>/dev/null; }
# hold CALL NUMBER FILES ARGUMENT...: begins a run that stops as it enters that call, which is when so many files are there under temporary names
hold() {
	strace -o /dev/null -e trace=$1 -e inject=$1:signal=STOP:when=$2 env --default-signal "$XFRMPAIR" "${@:4}" >../said 2>&1 3>&- &
	HELD=$!
	local tries=0
	until [ "$(find . -path '*/.xfrmpair-*' -type f | wc -l)" -eq "$3" ]; do
		[ $((tries += 1)) -lt 100 ] || return 1
		sleep 0.1
	done
}
# ends_held STATUS: it goes on, and ends so
ends_held() {
	local status=0
	while signal_held CONT; do sleep 0.1; done
	wait "$HELD" || status=$?
	HELD=
	echo "status $status, said: $(<../said)"
	[ "$status" -eq "$1" ]
}

@test "a run that is interrupted while it writes leaves nothing, and once all is written everything" {
	local signal
	for signal in INT:130 TERM:143; do
		hold write 2 2 -o t --save-keys k "$A" "$B"
		signal_held "${signal%:*}"
		ends_held "${signal#*:}"
		[ "$(<../said)" = "xfrmpair: t/b.sh: not written: told to end" ]
		[ -z "$(ls -A)" ]
		hold fsync 1 3 -o t --save-keys k "$A" "$B"
		signal_held "${signal%:*}"
		ends_held "${signal#*:}"
		look k
		of_one_run "$seen"
		[ "$(echo **)" = "k t" ]
		rm -r k t
	done
}

@test "a file that comes while a run writes is not overwritten, and the run leaves nothing" {
	mkdir t
	hold fsync 1 3 -o t --save-keys k "$A" "$B"
	echo precious >t/b.sh
	ends_held 1
	[ "$(<../said)" = "xfrmpair: t/b.sh: cannot be written: File exists" ]
	[ "$(find . -type f)" = ./t/b.sh ]
	[ "$(<t/b.sh)" = precious ]
	# a new folder neither
	rm -r t
	hold fsync 1 3 -o t --save-keys k "$A" "$B"
	mkdir t
	ends_held 1
	[ "$(<../said)" = "xfrmpair: t: cannot be written: File exists" ]
	[ "$(find . | sort | tr '\n' ' ')" = ". ./t " ]
}

@test "two runs at once do not disturb each other" {
	hold fsync 1 3 -o t --save-keys k "$A" "$B"
	"$XFRMPAIR" -o u --save-keys l "$A" "$B"
	ends_held 0
	look k
	of_one_run "$seen"
	[ "$(ls -A | tr '\n' ' ')" = "k l t u " ]
}
