# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Attacks, mistakes and full disks: the generator, and a script that runs as root. No kernel with ESP needed.
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
	if [ -n "${space-}" ]; then
		for process in $(ip netns pids "$space"); do kill "$process" 2>/dev/null || :; done
		leave_host
	fi
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

@test "a script given as a tunnel file is refused, and no word of it is printed" {
	"$XFRMPAIR" -o t "$A" "$B"
	says 2 "t/a.sh:$(grep -nE '[0-9a-f]{32}' t/a.sh | head -1 | cut -d: -f1): contains a key (expected a tunnel file; give a key file to --keys)" -f t/a.sh
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
@test "no error in a key file makes a message print a part of a key" {
	{ secrets | head -2; fixed 36 | sed 's/\<a\>/c/'; } >k
	"$XFRMPAIR" --keys k "$A" "$B" "$C" >/dev/null
	mutate k "${MUTATIONS:-150}" "${SEED:-1}"
	local refused=0
	for file in m*; do
		"$XFRMPAIR" --keys "$file" "$A" "$B" "$C" >/dev/null 2>said || refused=$((refused + 1))
		"$XFRMPAIR" -f "$file" >/dev/null 2>>said && return 1
		run -1 grep -E '[0-9a-f]{9}' <(sed 's/: out of range (expected 1 to 99999999)$//' said)
	done
	echo "# $refused of ${MUTATIONS:-150} refused" >&3
	[ "$refused" -gt $((${MUTATIONS:-150} / 2)) ]
}

@test "a closed or full standard output is an error, also for options that only print" {
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

@test "a FIFO is read if it has a writer" {
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
	[ "${stderr_lines[0]}" = "xfrmpair: wrote $shown/a.sh for the host 192.168.1.4 (start it first)" ]
	"$XFRMPAIR" -n -o "$odd" "$A" "$B" >said
	[ "$(head -1 said)" = "# $shown/a.sh:" ]
}

@test "if a folder cannot be created, the message says why" {
	run --separate-stderr strace -o trace -e trace=mkdir -e inject=mkdir:error=EACCES "$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: t: cannot be made: Permission denied" ]
}

@test "running out of memory or over the file size limit is status 1, and leaves no file" {
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
		sh -c "ulimit -v $kib; exec \"\$0\" --version" "$XFRMPAIR" >/dev/null 2>&1 || continue
		status=0
		sh -c "ulimit -v $kib; exec \"\$0\" \"\$@\"" "$XFRMPAIR" -o t --interface i $(for i in {1..60}; do echo "10.0.$i.1:4500+10.1.$i.0/24"; done) 2>said || status=$?
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

@test "more than 1,024 sides are refused, because espdecap supports no more peers" {
	local sides
	mapfile -t sides < <(for ((i = 1; i <= 1025; i++)); do echo "10.$((i / 250)).$((i % 250)).1:4500"; done)
	says 2 "1025 sides (expected at most 1024)" "${sides[@]}"
}

@test "a device is never overwritten, not even with --force" {
	run -1 --separate-stderr "$XFRMPAIR" --force --save-keys /dev/null "$A" "$B"
	[ -c /dev/null ]
	# the control
	"$XFRMPAIR" -o t "$A" "$B"
	"$XFRMPAIR" --force -o t "$A" "$B"
}

@test "keys can be saved in the folder of the scripts" {
	"$XFRMPAIR" -o t --save-keys t/keys "$A" "$B"
	[ "$(cd t && echo *)" = "a.sh b.sh keys" ]
}

@test "scripts and keys are refused in a folder that another user owns or can replace" {
	[ "$(id -u)" -eq 0 ] || skip "files of others need root"
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	local place="expected a place that only you and root can write to"
	mkdir -p others/mine mode way
	chown 1234 others
	says 1 "others: belongs to user 1234 ($place)" -o others "$A" "$B"
	says 1 "others/new: $PWD/others belongs to user 1234 ($place)" -o others/new "$A" "$B"
	says 1 "others/mine: $PWD/others belongs to user 1234 ($place)" -o others/mine "$A" "$B"
	says 1 "others/k: $PWD/others belongs to user 1234 ($place)" --save-keys others/k -o u "$A" "$B"
	# through a link as well
	ln -s ../others/mine way/there
	says 1 "way/there: $PWD/others belongs to user 1234 ($place)" -o way/there "$A" "$B"
	# a file of keys: its owner, and where it is
	cp -p k others/k
	cp -p k mode/k
	cp -p k owned
	chown 1234 owned
	says 2 "owned: belongs to user 1234 (expected a key file of your own)" --keys owned "$A" "$B"
	says 2 "others/k: $PWD/others belongs to user 1234 ($place)" --keys others/k "$A" "$B"
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
@test "at exit, no key, no secret and nothing derived from them is left in memory" {
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

# ---- A script that root runs: boot.bats has what it does where nobody is hostile --------------------------------------

# with_tunnel [SIDE SIDE]: t/a.sh on a host of its own, in whose bin there is no xfrmkeep, and a natprobe that nobody answers
with_tunnel() {
	source "$BATS_TEST_DIRNAME/host.bash"
	[ -n "${space-}" ] || in_a_host
	rm -rf t run state
	"$XFRMPAIR" -o t "${1:-$A}" "${2:-$B}" 2>/dev/null
	run=$PWD/run/$(fact store t/a.sh) state=$PWD/state/$(fact store t/a.sh)
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	printf '#!/bin/sh\nexit 4\n' >bin/natprobe
	cp "${XFRMPAIR%/*}/espdecap" bin/
	chmod +x bin/natprobe
}
all_shells=(dash 'busybox ash' bash mksh)
no_policies() { [ -z "$(ip -n "$space" xfrm policy list)" ]; }
# refused VERB PLACE WITHOUT WITH: in four shells, without xfrmkeep and with, before anything is changed; - for one that is not tried
refused() {
	local shell expected
	for shell in "${all_shells[@]}"; do
		for xfrmkeep in /none "${XFRMPAIR%/*}/xfrmkeep"; do
			expected="a: $2$3"
			[ "$xfrmkeep" = /none ] || expected="xfrmkeep: $2$4"
			[[ "$expected" != *": -" ]] || continue
			# shellcheck disable=SC2086 # words
			XFRMKEEP=$xfrmkeep run on_host $shell t/a.sh $1
			echo "$shell, $xfrmkeep, $1: $output"
			[ "$status" -eq 1 ]
			# shellcheck disable=SC2053 # a pattern
			[[ "${lines[0]}" == $expected ]]
			no_policies
			[ ! -e "$run" ]
			[ ! -L "$run.busy" ]
		done
	done
}

@test "a script refuses a folder in which others can change its state" {
	with_tunnel
	mkdir -m 700 run state
	local mode place shown plain=': cannot be made, or others can write to it (expected your own, mode 0700)'
	for mode in 0770 0702 1777; do # a sticky one, too: what others make there would be ours to run
		chmod $mode run
		for verb in up down; do refused $verb "$PWD/run" "$plain" ": others can write to it (expected mode 0700)"; done
		chmod 700 run
	done
	mv run elsewhere
	ln -s elsewhere run
	for verb in up down; do refused $verb "$PWD/run" "$plain" ": Not a directory (expected a folder of root, or your own)"; done
	rm run
	mv elsewhere run
	chown 1234 run
	for verb in up down; do refused $verb "$PWD/run" "$plain" ": belongs to user 1234 (expected root or your own)"; done
	chown 0 run
	# the starts that were counted without xfrmkeep: fewer of them, and numbers come again
	fact check t/a.sh >"$state.starts"
	chmod 600 "$state.starts"
	for mode in 0720 0702 1777; do
		for place in state "$state.starts"; do
			chmod $mode "$place"
			shown=$(stat -c %a "$place")
			for verb in up '-n up'; do
				# without xfrmkeep a script looks at the folder, in which nobody else can be then
				case $place$verb in
				stateup | "$state.starts"up) refused up "$(realpath "$place")" "$plain" ": others can write to it (mode $(printf %04d "$shown"); expected 0700, or 0600 for a file)" ;;
				*) refused "$verb" "$(realpath "$place")" ": -" ": others can write to it (mode $(printf %04d "$shown"); expected 0700, or 0600 for a file)" ;;
				esac
			done
			chmod 700 "$place"
		done
	done
	mv "$state.starts" elsewhere
	ln -s "$PWD/elsewhere" "$state.starts"
	refused up "$state.starts" "$plain" ": cannot be opened: * (expected a regular file)"
	rm "$state.starts"
	mv elsewhere "$state.starts"
	mv state elsewhere
	ln -s elsewhere state
	refused up "$PWD/state" "$plain" ": cannot be opened: Not a directory*"
	rm state
	mv elsewhere state
	chown 1234 state
	refused up "$PWD/state" "$plain" ": belongs to user 1234 (expected root, or you)"
	chown 0 state
	chown 1234 "$state.starts"
	refused up "$state.starts" "$plain" ": belongs to user 1234 (expected root, or you)"
	rm "$state.starts"
	# the control: in a sticky place all keep what is theirs
	mkdir -m 1777 sticky
	chmod 1777 sticky
	mv run state sticky
	for shell in "${all_shells[@]}"; do
		XFRMPAIR_RUN=$PWD/sticky/run XFRMPAIR_STATE=$PWD/sticky/state run -0 on_host $shell t/a.sh up --no-punch
		XFRMPAIR_RUN=$PWD/sticky/run XFRMPAIR_STATE=$PWD/sticky/state run -0 on_host $shell t/a.sh down
	done
}

@test "a folder that another user created in a sticky folder is neither used nor changed" {
	with_tunnel
	local xfrmkeep
	mkdir -m 1777 sticky
	chmod 1777 sticky
	for shell in "${all_shells[@]}"; do
		for place in run state; do
			for xfrmkeep in /none "${XFRMPAIR%/*}/xfrmkeep"; do
				install -d -o 1234 -m 755 "sticky/$place"
				export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
				case $place in run) XFRMPAIR_RUN=$PWD/sticky/run ;; state) XFRMPAIR_STATE=$PWD/sticky/state ;; esac
				XFRMKEEP=$xfrmkeep run -1 on_host $shell t/a.sh up --no-punch
				echo "$place, $xfrmkeep: $output"
				case $xfrmkeep in
				/none) [ "${lines[0]}" = "a: $PWD/sticky/$place: cannot be made, or others can write to it (expected your own, mode 0700)" ] ;;
				*) [[ "${lines[0]}" == "xfrmkeep: $PWD/sticky/$place: "*"belongs to user 1234 (expected root"* ]] ;;
				esac
				no_policies
				[ -z "$(ls -A sticky/$place)" ]
				rmdir sticky/$place
			done
		done
	done
}

@test "output of natprobe that is not an endpoint or address is refused, and never executed" {
	with_tunnel
	for said in '31.1.2.3/;e touch ran;:5' '31.1.2.3:5;x' '$(touch ran):5' '`touch ran`:5' "'31.1.2.3:5" '31.1.2.3:5a' '31.1.2.3:' 'x:y:5' '31.1.2.3&:5'; do
		printf '%s\n' "$said" >said
		printf '#!/bin/sh\ncat %s/said\n' "$PWD" >bin/natprobe
		for shell in "${all_shells[@]}"; do
			rm -rf state
			XFRMKEEP=/none run -1 on_host $shell t/a.sh up
			echo "$output"
			[[ "$output" == *"a: natprobe printed '${said%% *}'"* ]]
			no_policies
			[ ! -e ran ]
			[ -z "$(ls -A run)" ]
		done
	done
	# the control
	echo 31.1.2.4:4501 >said
	rm -rf state
	XFRMKEEP=/none run -0 on_host sh t/a.sh up
	ip -n "$space" xfrm policy list | grep -q 'tmpl src 192.168.1.4 dst 31.1.2.4'
	on_host sh t/a.sh down
	# by xfrmkeep
	PATH=$PATH:${XFRMPAIR%/*}
	for said in '31.1.2.3/;e touch ran;:5' '31.1.2.3:5;x' '$(touch ran):5' '31.1.2.3:5a' '31.1.2.3:' 'x:y:5' '31.1.2.3'; do
		printf '%s\n' "$said" >said
		rm -rf state t
		"$XFRMPAIR" -o t "$A" "$B" 2>/dev/null
		run -1 on_host sh t/a.sh up
		[[ "$output" == *"a: natprobe printed '${said%% *}' (expected an endpoint)"* ]]
		no_policies
		[ ! -e ran ]
		[ -z "$(ls -A run)" ]
	done
	# a name's address
	with_tunnel "$A" "${B/31.1.2.3/home.example.org}"
	for said in '$(touch ran)' '1.2.3.4;touch ran' '`touch ran`' '1.2.3.4 5'; do
		printf '%s\n' "$said" >said
		printf '#!/bin/sh\ncat %s/said\n' "$PWD" >bin/natprobe
		for shell in "${all_shells[@]}"; do
			XFRMKEEP=/none run -1 on_host $shell t/a.sh up --no-punch
			[ "${lines[0]}" = "a: no address of home.example.org" ]
			no_policies
			[ ! -e ran ]
			run -1 on_host $shell t/a.sh up --no-punch --wait 1
			[ "${lines[0]}" = "a: no address of home.example.org in 1 s" ]
			no_policies
			[ ! -e ran ]
		done
	done
}

@test "natprobe runs without root's rights for names, punching and port mapping" {
	with_tunnel "$A" "${B/31.1.2.3/home.example.org}"
	printf '#!/bin/sh\necho "$*" >>"%s"\ncase $* in *--punch*) exit 4 ;; esac\necho 31.1.2.3\n' "$PWD/ran" >bin/natprobe
	PATH=$PATH:${XFRMPAIR%/*} run -4 on_host sh t/a.sh up --map --wait 1
	[ "$(sed 's/ \(--[a-z]*\)[ =].*/ \1/' ran)" = "-u 65534 -b 0.0.0.0 --resolve
-u 65534 -b 192.168.1.4 -p 61525 --map
-u 65534 -b 192.168.1.4 -p 61525 --punch
-u 65534 -b 0.0.0.0 --resolve" ] # the last one for check
	grep -q -e '--punch.* --token-fd 0' ran
}

@test "no secret is in any argument, environment, message or file of the run folder, whatever the caller exports" {
	with_tunnel
	local real tool shell xfrmkeep secret
	mkdir spies
	for tool in ip natprobe espdecap xfrmkeep sed sync mv cat rm ls mkdir awk grep cut sha256sum tail tr readlink xargs sleep; do
		real=$(PATH=$PWD/bin:${XFRMPAIR%/*}:$PATH command -v $tool)
		printf '#!%s\ncat /proc/$$/cmdline /proc/$$/environ >>%s/spied\nexec %s "$@"\n' "$(command -v bash)" "$PWD" "$real" >spies/$tool
	done
	sed -i 's,^cat ,/bin/cat ,' spies/*
	chmod +x spies/*
	for shell in "${all_shells[@]}"; do
		for xfrmkeep in /none "$PWD/spies/xfrmkeep"; do
			with_tunnel
			rm -f spied
			PATH=$PWD/spies:$PATH XFRMKEEP=$xfrmkeep on_host env _=x token=x text=x edit=x pair=x line=x rows=x row=x states=x error=x set=x $shell t/a.sh up >said 2>&1 || [ $? -eq 4 ]
			cat run/*/* >files
			PATH=$PWD/spies:$PATH XFRMKEEP=$xfrmkeep on_host env _=x token=x text=x edit=x pair=x line=x rows=x row=x $shell t/a.sh down >>said 2>&1
			cat said
			[ "$(tr '\0' '\n' <spied | grep -c .)" -gt 30 ]
			for secret in $(grep -ohs '0x[0-9a-f]\{32,\}\|token=[0-9a-f]*' t/a.sh "$state" | sed 's/^0x//; s/^token=//' | sort -u); do
				[ "${#secret}" -ge 64 ]
				run -1 grep -aq "$secret" spied said files
			done
		done
	done
}

@test "the caller's environment changes no fact about the tunnel" {
	with_tunnel
	"$XFRMPAIR" -o plain 192.168.1.4 198.51.100.7 2>/dev/null
	"$XFRMPAIR" -o all 192.168.1.4:4500@85.9.8.7 31.1.2.3:4500+0.0.0.0/0 2>/dev/null
	for script in t/a.sh plain/a.sh all/a.sh; do
		on_host sh $script -n up >plainly
		[ -s plainly ]
		on_host env port=9 esn=yes first=b own_nets=10.0.0.0/8 other_nets=10.0.0.0/8@1 own_address=10.0.0.1/32 own_device=lo interface=eth0 guard=7 neighbours=8 \
			near=0.0.0.0/0 limited=yes fingerprint=x also=reboot hosts=1=x verb=down dry=yes all=unguard silent=1 flags=' --all ' wait=x local=x made=9 starts=9 check=x here=1.1.1.1 \
			there_1=1.1.1.1 port_1=1 spi_1=0x1 name=x family=6 run=/x stored=/x file=x program=x ip=x heard=now unguarding=yes child=1 held=yes made_run=yes \
			sh $script -n up | diff plainly -
		on_host sh $script -n down >plainly
		on_host env also=reboot guard=7 neighbours=8 near=x unguarding=yes failed=x keeper=reboot sh $script -n down | diff plainly -
		# what was taken back without a fault is not a failure
		on_host env failed=x keeper=reboot sh $script down
	done
}

@test "a script on standard input finds its helpers only in PATH" {
	with_tunnel
	mkdir empty
	for name in sh dash ash bash mksh espdecap natprobe xfrmkeep; do
		printf '#!/bin/sh\n: >>"%s/ran"\necho 1\n' "$PWD" >$name
		chmod +x $name
		cp $name t/
	done
	for shell in "${all_shells[@]}"; do
		run -0 on_host $shell -s up --no-punch <t/a.sh
		[[ "$(tr '\0' ' ' <"/proc/$(cat "$run/espdecap")/cmdline")" == "$PWD/bin/espdecap -d "* ]]
		run -0 on_host $shell -s down <t/a.sh
		[ ! -e ran ]
		no_policies
		mv bin/espdecap bin/away
		PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin run -1 on_host $shell -s up --no-punch <t/a.sh
		[[ "$output" == *"a: no espdecap beside "*" or in PATH"* ]]
		mv bin/away bin/espdecap
		[ ! -e ran ]
	done
	# the control: as a file, it takes the one beside it
	XFRMKEEP=/none run -0 on_host sh t/a.sh up --no-punch
	[ -e ran ]
}

@test "a stale lock with a reused pid is replaced, a held lock is waited for, and down ends an up that waits" {
	with_tunnel
	PATH=${XFRMPAIR%/*}:$PATH
	mkdir -m 700 run
	local shell=bash number
	for number in sleep 4194304; do # its pid has gone to another program, or there is no such process
		[ "$number" != sleep ] || { sleep 60 3>&- & number=$!; }
		ln -s "$number" "$run.busy"
		run -0 on_host sh t/a.sh up --no-punch
		[ ! -L "$run.busy" ]
		ln -s "$number" "$run.busy"
		run -0 on_host sh t/a.sh down
		[ ! -L "$run.busy" ]
	done
	kill %% 2>/dev/null || :
	sh -c 'ln -s $$ "$1" && sleep 1 && : >still && rm "$1"' sh "$run.busy" 3>&- &
	until_true test -L "$run.busy"
	run -0 on_host sh t/a.sh up --no-punch
	[ -e still ]
	run -0 on_host sh t/a.sh down
	for shell in "${all_shells[@]}"; do # an up that waits for its address
		ip -n "$space" address delete 192.168.1.4/32 dev up0
		on_host $shell t/a.sh up --no-punch 2>said 3>&- &
		until_true grep -q waiting said
		run on_host $shell t/a.sh down
		echo "$shell: $status: $output"
		cat said
		[ "$status" -eq 0 ]
		wait $! || :
		grep -qx 'a: interrupted' said
		[ -z "$(ls -A run)" ]
		no_policies
		ip -n "$space" address add 192.168.1.4/32 dev up0
		ip -n "$space" route add default via 192.168.1.1 dev up0 onlink
	done
}

@test "also without xfrmkeep, a second up is refused, and an interrupted up undoes what it did" {
	with_tunnel
	printf '#!/bin/sh\n: >waits\nexec sleep 60\n' >bin/natprobe
	local shell
	for shell in "${all_shells[@]}"; do
		rm -f waits
		on_host $shell t/a.sh up >said 2>&1 3>&- &
		until_true test -e waits
		run -1 on_host $shell t/a.sh up
		[[ "$output" == *"a: already up, or interrupted: sh t/a.sh down"* ]]
		[ -d "$run" ]
		ip netns pids "$space" | xargs kill # natprobe too: a shell acts on a signal when its child has ended
		wait $! || :
		cat said
		grep -qx 'a: interrupted' said
		[ -z "$(ls -A run)" ]
		no_policies
	done
}

@test "a signal while up creates its run folder leaves no folder" {
	with_tunnel
	run -1 strace -o /dev/null -e trace=mkdirat -e inject=mkdirat:signal=TERM:when=1 \
		nsenter --net="/run/netns/$space" "${XFRMPAIR%/*}/xfrmkeep" up t/a.sh --no-punch
	[[ "$output" == *"a: interrupted"* ]]
	[ -z "$(ls -A run)" ]
	no_policies
}

killed_anywhere() { # STEP
	local call ended
	for ((call = 1; call < 200; call += $1)); do
		ended=0
		# the call of a program is where the script stands
		strace -o /dev/null -e trace=clone,clone3,fork,vfork -e "inject=clone,clone3,fork,vfork:signal=KILL:when=$call" \
			nsenter --net="/run/netns/$space" dash t/a.sh up --no-punch >said 2>&1 || ended=$?
		[ "$ended" = 137 ] || [ "$ended" = 0 ]
		on_host dash t/a.sh down >said 2>&1
		no_policies
		[ -z "$(ls -A run)" ]
		[ ! -L "$run.busy" ]
		[ "$ended" = 137 ] || break
		echo $call >>kills
	done
}
@test "if up is killed at any time, down removes what it left" {
	with_tunnel
	: >kills
	killed_anywhere "${KILLS:-3}" # the script alone
	PATH=${XFRMPAIR%/*}:$PATH
	killed_anywhere 1 # xfrmkeep
	echo "# $(wc -l <kills) kills" >&3
	[ "$(wc -l <kills)" -ge 6 ]
	run -1 pgrep -f "$PWD/bin/espdecap"
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

@test "a killed run leaves a new folder complete or not at all" {
	in_memory
	mkdir ../before
	killed_at_each z "$XFRMPAIR" -o t --save-keys z "$A" "$B"
	killed_at_each t/k "$XFRMPAIR" -o t --save-keys t/k "$A" "$B"
	mkdir ../before/keys
	killed_at_each keys/k "$XFRMPAIR" -o t --save-keys keys/k "$A" "$B"
}

@test "a killed run in an existing folder leaves each file complete, either the old or the new one" {
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

@test "if the disk fails in the middle, all old files are kept" {
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

@test "a run interrupted while it writes leaves no file, and after that all files" {
	local signal
	for signal in INT:130 TERM:143; do
		hold write 2 2 -o t --save-keys k "$A" "$B"
		signal_held "${signal%:*}"
		ends_held "${signal#*:}"
		[ "$(<../said)" = "xfrmpair: t/b.sh: interrupted, nothing written" ]
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

@test "a file that appears during a run is not overwritten, and the run leaves no file" {
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
