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
