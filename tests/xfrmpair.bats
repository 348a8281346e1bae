# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The generator: what it accepts, refuses and writes. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair
}
setup() {
	source "$BATS_TEST_DIRNAME/host.bash"
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	A=192.168.1.4:61525@85.9.8.7
	B=192.168.2.100:61523@31.1.2.3:10421
	C=10.0.0.1:4500@5.6.7.8
}

teardown() { leave_host; }

# gives COMMAND...: its output, stderr and status. As `run --separate-stderr`, which starts six programs for one.
gives() {
	status=0
	output=$("$@" 2>../stderr) || status=$?
	stderr=$(<../stderr)
}
# warned MESSAGE ARGUMENT...: written, with exactly this to say
warned() {
	local message=$1
	shift
	gives "$XFRMPAIR" "$@"
	echo "status $status, said: $stderr"
	[ "$status" -eq 0 ]
	[ "$stderr" = "$message" ]
	[ -n "$output" ]
}

@test "--hairpin allows equal mapped addresses" {
	run --separate-stderr "$XFRMPAIR" --hairpin 192.168.1.4:1@85.9.8.7:11 192.168.1.5:2@85.9.8.7:12
	[ "$status" -eq 0 ]
	[[ "$output" == *"dst 85.9.8.7 "* ]]
}

@test "a side may have 64 nets of any length" {
	local nets='' i label; label=$(printf 'a%.0s' {1..62})
	for i in {1001..1064}; do nets+=+2001:0db8:${i}:ffff:ffff:ffff:255.255.255.255/128/tcp/65535; done
	warned '' -n --format script "longest-name-15=[2001:0db8:0000:0000:0000:ffff:255.255.255.255]:61525@$label.$label.$label.$label:61525$nets" '[2001:db8::3]:61525'
	run -2 --separate-stderr "$XFRMPAIR" "$A$(printf '+10.8.%s.0/24' {1..64})+10.9.0.0/16" "$B"
	[ "$stderr" = "xfrmpair: side 1: net '10.9.0.0/16': too many (expected at most 64 per side)" ]
	[ -z "$output" ]
}

@test "a message cuts the beginning of a long path, not the line number or the advice" {
	local long; long=$(printf 'folder%.0s' {1..40}); long=$long/$long/$long/$long/$long
	mkdir -p "$long"
	printf '[tunnel]\nesn = maybe\n' >"$long/tunnel.conf"
	gives "$XFRMPAIR" -f "$long/tunnel.conf"
	echo "$stderr"
	[[ $stderr == "xfrmpair: ..."*"folder/tunnel.conf:2: esn 'maybe': invalid (expected yes or no)" ]]
	install -m 600 /dev/null "$long/k"
	chmod 777 "$long"
	gives "$XFRMPAIR" --keys "$long/k" "$A" "$B"
	echo "$stderr"
	[[ $stderr == *"folder/k: others can write in "*"folderfolder (mode 0777; expected a place that only you and root can write to)" ]]
}

@test "help and version go to stdout, and -- ends the options" {
	run --separate-stderr "$XFRMPAIR" --help
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ "$output" == *"usage: xfrmpair [OPTION]... SIDE SIDE [SIDE]..."* ]]
	run --separate-stderr "$XFRMPAIR" -V
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^xfrmpair\ [0-9.]+$ ]]
	run --separate-stderr "$XFRMPAIR" -o t -- "$A" "$B"
	[ "$status" -eq 0 ]
}

@test "two scripts are written for their owners only, in a folder made for them" {
	umask 000
	run --separate-stderr "$XFRMPAIR" -o t "$A" "$B"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$stderr" = "xfrmpair: wrote t/a.sh for the host 192.168.1.4 (start it first)
xfrmpair: wrote t/b.sh for the host 192.168.2.100
xfrmpair: once all sides are up, delete the other hosts' files here: anyone who has them can decrypt the traffic" ]
	run --separate-stderr "$XFRMPAIR" -o u --save-keys k "$A" "$B"
	[ "${stderr_lines[2]}" = "xfrmpair: once all sides are up, delete the other hosts' files here, and k: anyone who has them can decrypt the traffic" ]
	[ "$(stat -c '%a %n' t t/*)" = "700 t
600 t/a.sh
600 t/b.sh" ]
}

@test "an existing file is kept without --force, also on the second side" {
	mkdir t
	echo precious >t/b.sh
	run --separate-stderr "$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: t/b.sh: exists (expected --force to replace it, or another folder for -o)" ]
	[ "$(ls -A t)" = b.sh ]
	[ "$(cat t/b.sh)" = precious ]
	[ ! -e k ]
	"$XFRMPAIR" -o t --force "$A" "$B"
	[ "$(ls -A t)" = "a.sh
b.sh" ]
	grep -q KEYS t/b.sh
}

@test "with --force, a failure restores the old files" {
	mkdir -p t/b.sh/full
	echo precious >t/a.sh
	run --separate-stderr "$XFRMPAIR" -o t --force "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$(cat t/a.sh)" = precious ]
	[ "$(ls -A t)" = "a.sh
b.sh" ]
}

@test "an unwritable place for the keys leaves no scripts behind" {
	run --separate-stderr "$XFRMPAIR" -o t --save-keys no/such/folder/k "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: no/such/folder/k: cannot be written: No such file or directory" ]
	[ ! -e t ]
	: >file
	run --separate-stderr "$XFRMPAIR" -o file/t "$A" "$B"
	[ "$status" -eq 1 ]
	[ ! -e file/t ]
}

@test "a full disk leaves nothing behind, on the second side too" {
	[ "$(id -u)" -eq 0 ] || skip "a small file system needs root"
	unshare --mount true 2>/dev/null || skip "no mount namespaces here"
	mkdir small
	# room for one script, not for two
	size=$((($("$XFRMPAIR" --format script "$A" "$B" | wc -c) * 3 / 4 + 4095) / 4096 * 4))k
	unshare --mount sh -c 'mount -t tmpfs -o mode=700,size=$0 tmpfs small || exit 77
		"$XFRMPAIR" -o small "$@" 2>said; status=$?; ls -A small >left; exit $status' "$size" "$A" "$B" && status=0 || status=$?
	[ "$status" -ne 77 ] || skip "no tmpfs here"
	[ "$status" -eq 1 ]
	[ "$(cat said)" = "xfrmpair: small/b.sh: cannot be written: No space left on device" ]
	[ ! -s left ]
}

@test "a standard output that cannot be written is an error" {
	"$XFRMPAIR" "$A" "$B" >/dev/full 2>said && status=0 || status=$?
	[ "$status" -eq 1 ]
	[ "$(cat said)" = "xfrmpair: standard output: No space left on device" ]
}

@test "a dry run prints what would be written and writes nothing" {
	"$XFRMPAIR" --save-keys k -o t "$A" "$B"
	run --separate-stderr "$XFRMPAIR" -n --keys k -o u --save-keys l "$A" "$B"
	[ "$status" -eq 0 ]
	[ ! -e u ]
	[ ! -e l ]
	{ echo "# u/a.sh:"; cat t/a.sh; echo "# u/b.sh:"; cat t/b.sh; echo "# l:"; cat k; } | diff - <(echo "$output")
}

# of a script: its digest, its reqids, what is before its shell functions, these, and its section
digest() { sed -n 's/^digest=\([^ ]*\) .*/\1/p' "$1"; }
reqids() { sed -n "s/^peers='\([^']*\)'.*/\1/p" "$1" | tr ' ' '\n' | cut -d@ -f2; }
head_of() { sed '/^set -u/,$d' "$1"; }
functions_of() { sed -n '/^set -u/,/^made=/{/^made=/!p;}' "$1"; }
all_shells=(dash 'busybox ash' bash mksh)
section_of() { sed -n '/^made=/,/^# ---- end/p' "$1"; }
# planned SCRIPT: the commands of its up, without the indexes, which are of one run
planned() { sh "$1" -n up | sed 's/ index [0-9]*//'; }

# secret NUMBER: one that says nothing
secret() { printf '0x%064x' "$1"; }
# states ARGUMENT...: of each side, what it sends and receives with: SPI KEY [KEY], as the commands have them
states() {
	"$XFRMPAIR" --format commands "$@" 2>said |
		awk '/^ip xfrm state add/ { words = ""; for (i = 1; i <= NF; i++) if ($i ~ /^0x/) words = words " " $i; print substr(words, 2) }'
}

@test "every run has new keys, SPIs, reqids and digest, and one key per direction" {
	for i in 1 2 3 4; do
		"$XFRMPAIR" -o "t$i" --save-keys "k$i" "$A" "$B"
		states --keys "k$i" "$A" "$B" >states
		[ "$(sort -u states | wc -l)" -eq 2 ]
		head -2 states | cut -d' ' -f1 >>spis
		head -2 states | cut -d' ' -f2 >>keys
		grep -o '0x[0-9a-f]\{64,\}' "k$i" >>written
		digest "t$i/a.sh" >>digests
		reqids "t$i/a.sh" >>reqids
	done
	for file in keys written digests reqids; do
		[ -s $file ]
		[ -z "$(sort $file | uniq -d)" ]
	done
	[ "$(grep -c '^0x[0-9a-f]\{72\}$' keys)" -eq 8 ]
	[ "$(grep -c '^0x[0-9a-f]\{8\}$' spis)" -eq 8 ]
	run -1 grep -q '^0x000000' spis
}

@test "the digest and the reqid are the same on both sides, the digest is 8 hexadecimal digits" {
	"$XFRMPAIR" -o t "$A" "$B"
	[[ "$(digest t/a.sh)" =~ ^[0-9a-f]{8}$ ]]
	[ "$(digest t/b.sh)" = "$(digest t/a.sh)" ]
	[ -n "$(reqids t/a.sh)" ]
	[ "$(reqids t/b.sh)" = "$(reqids t/a.sh)" ]
}

@test "a side's own mapped endpoint is only in comments and for --map, and both scripts mirror each other" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	for side in a b; do grep -v '^#' t/$side.sh | sed "s/\\bmapped=[^ ]*//" >code.$side; done
	run -1 grep -q '85\.9\.8\.7' code.a
	run -1 grep -q '31\.1\.2\.3\|10421' code.b
	sh t/a.sh -n up >a
	sh t/b.sh -n up >b
	{ read -r ab _; read -r ba _; } < <(states --keys k "$A" "$B")
	grep -q "state add src 192.168.1.4 dst 31.1.2.3 proto esp spi $ab .* encap espinudp 61525 10421 0.0.0.0" a
	grep -q "state add src 31.1.2.3 dst 192.168.1.4 proto esp spi $ba .* encap espinudp 10421 61525 0.0.0.0" a
	grep -q "state add src 192.168.2.100 dst 85.9.8.7 proto esp spi $ba .* encap espinudp 61523 61525 0.0.0.0" b
	grep -q "state add src 85.9.8.7 dst 192.168.2.100 proto esp spi $ab .* encap espinudp 61525 61523 0.0.0.0" b
}

@test "if a protected net contains an outer endpoint, the UDP flow is exempt" {
	"$XFRMPAIR" -o t 192.0.2.1:4500 198.51.100.2:4501
	planned t/a.sh >a
	[ "$(grep 'proto 17' a | sort)" = "ip xfrm policy add src 192.0.2.1/32 dst 198.51.100.2/32 proto 17 sport 4500 dport 4501 dir out priority 1000
ip xfrm policy add src 198.51.100.2/32 dst 192.0.2.1/32 proto 17 sport 4501 dport 4500 dir in priority 1000" ]
	"$XFRMPAIR" -o u "$A" "$B"
	run -1 grep -q 'proto 17' <(sh u/a.sh -n up)
}

@test "a key file makes two runs the same" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$(stat -c %a k)" = 600 ]
	"$XFRMPAIR" -o u --keys k "$A" "$B"
	diff -r t u
}

keys() {
	printf '%s\n' "$@" >k
	chmod 600 k
}

@test "a pair's keys and SPIs follow from its secret as a shell computes them, for every cipher" {
	local S=d1c3b5a7f90e1d2c3b4a59687786958473625140fedcba9876543210beadfeed
	keys "office home 7 secret 0x$S"
	# four blocks, the most that a cipher takes, of each direction
	cat >blocks <<'END'
sum() { sha256sum; }
if busybox [ "$4" ]; then sum() { busybox sha256sum; }; fi
for i in 1 2 3 4; do echo "xfrmpair key $1 $2 $i $3" | sum; done | while read -r block _; do printf %s "$block"; done
END
	local there back
	there=$(dash blocks home office $S) back=$(dash blocks office home $S)
	[ ${#there} -eq 256 ]
	[ "$there" != "$back" ]
	[ "$(busybox ash blocks home office $S busybox)" = "$there" ]
	# of BLOCKS, for a cipher of so many bytes of key and second key
	part() {
		local at=$((2 * $2))
		printf '0x%s 0x%s%s\n' "${1:at + 2 * $3:8}" "${1:0:at}" "$([ "$3" = 0 ] || echo " 0x${1:at:2 * $3}")" | sed 's/ 0x / /'
	}
	"$XFRMPAIR" --list-ciphers | awk 'NR > 1 && NF == 9 { print $1, $4 + $5, $6 }' >ciphers
	[ "$(wc -l <ciphers)" -eq 26 ]
	while read -r cipher bytes auth; do
		{ part $there $bytes $auth; part $back $bytes $auth; part $back $bytes $auth; part $there $bytes $auth; } >wanted
		states --cipher $cipher --keys k "home=$A" "office=$B" | diff wanted - || { echo "$cipher"; return 1; }
	done <ciphers
	# the control: another secret, and names that are others, make other keys
	keys "home office 1 secret $(secret 1)"
	states --keys k "home=$A" "office=$B" >other
	run -1 diff -q <(part $there 36 0) <(head -1 other)
	sed -i s/office/work/ k
	run -1 diff -q other <(states --keys k "home=$A" "work=$B")
}

@test "256 is added to an SPI that would be reserved" {
	# found by trying: 5
	keys "a b 1 secret $(secret 0x4f4168)"
	[ "$(echo "xfrmpair key a b 2 $(secret 0x4f4168 | cut -c3-)" | sha256sum | cut -c9-16)" = 00000005 ]
	[ "$(states --keys k "$A" "$B" | cut -d' ' -f1 | sed -n '1p;4p' | uniq)" = 0x00000105 ]
}

@test "a key file with secrets makes two runs the same, and --save-keys writes the same secrets" {
	K=0x$(printf '%072d' 7)
	keys "b a 99999999 secret $(secret 1)" "a c 1 0x100 $K" "c a 1 0x100 ${K%7}8" "b c 2 secret $(secret 2)"
	"$XFRMPAIR" -o t --keys k --save-keys l "$A" "$B" "$C"
	[ "$(stat -c %a l)" = 600 ]
	# the side named first is first
	diff - <(sed 's/digest [0-9a-f]*/digest D/' l) <<END
# xfrmpair keys, digest D: FROM TO EPOCH SPI KEY, or ONE TWO EPOCH secret SECRET
a b 99999999 secret $(secret 1)
a c 1 0x00000100 $K
c a 1 0x00000100 ${K%7}8
b c 2 secret $(secret 2)
END
	"$XFRMPAIR" -o u --keys l "$A" "$B" "$C"
	diff -r t u
	# each script has its own pairs: the secret of the next epoch, or the keys as they are
	next() { echo "xfrmpair next $(secret "$1" | cut -c3-)" | sha256sum | cut -c1-64; }
	secrets() { sed -n 's/^#: //p' "$1"; }
	[ "$(secrets t/a.sh)" = "b heard 0 next 100000000 0x$(next 1)
c heard 0 fixed" ]
	[ "$(secrets t/b.sh)" = "a heard 0 next 100000000 0x$(next 1)
c heard 0 next 3 0x$(next 2)" ]
	[ "$(section_of t/a.sh | grep -c "$K")" -eq 1 ]
	[ "$(section_of t/c.sh | grep -c "${K%7}8")" -eq 1 ]
	run -1 grep -q "$K" t/b.sh
	# the secret that was given is in no script: an epoch later nobody can make these keys again
	run -1 grep -q -e "$(secret 1)" -e "$(secret 2)" t/*.sh
	# epochs are no secret: scripts of two do not fit together
	sed -i 's/99999999/3/' l
	"$XFRMPAIR" -o v --keys l "$A" "$B" "$C"
	[ "$(reqids v/a.sh)" = "$(reqids t/a.sh)" ]
	[ "$(digest v/a.sh)" != "$(digest t/a.sh)" ]
	[ "$(digest v/a.sh)" = "$(digest v/c.sh)" ]
}

# drawn SECRET SIDE...: t and l, from the key file k, as they are when the first secret drawn is that
drawn() {
	local secret=$1 first
	local -x ASAN_OPTIONS=detect_leaks=0
	shift
	rm -rf t l
	traced() { strace -qq -o trace -e trace=getrandom "$@"; }
	# a libc may draw before, for itself
	traced "$XFRMPAIR" -n --keys k --save-keys l "$@" >/dev/null
	first=$(grep -n ', 32, 0) *= 32' trace | head -1 | cut -d: -f1)
	traced -e "inject=getrandom:poke_exit=@arg1=${secret#0x}:when=$first" "$XFRMPAIR" -o t --keys k --save-keys l "$@"
}
@test "a secret whose SPIs or reqid another pair has is generated again" {
	# by trying: a and c both send to b with 0x5fa5b709
	local one two
	one=$(secret 0x76d5) two=$(secret 0x24386)
	keys "a b 1 secret $one" "c a 1 secret $(secret 1)"
	# whichever of the two ways it is
	for order in "a=$A b=$B c=$C" "c=$C b=$B a=$A"; do
		# shellcheck disable=SC2086 # words
		drawn $two $order
		[ "$(grep -c '^[abc] [abc] 1 secret 0x[0-9a-f]\{64\}$' l)" -eq 3 ]
		grep -qx "\(a b\|b a\) 1 secret $one" l
		run -1 grep -q $two l
	done
	# the control: what is free is taken
	keys "a b 1 secret $(secret 2)" "c a 1 secret $(secret 1)"
	drawn $two "$A" "$B" "$C"
	grep -qx "b c 1 secret $two" l

	# a-b and a-c have one reqid
	one=$(secret 0x7c0b) two=$(secret 0x17a)
	keys "a b 1 secret $one" "b c 1 secret $(secret 1)"
	drawn $two "$A" "$B" "$C"
	grep -qx "a b 1 secret $one" l
	grep -qx "a c 1 secret 0x[0-9a-f]\{64\}" l
	run -1 grep -q $two l
	[ "$(reqids t/a.sh | sort -u | wc -l)" -eq 2 ]
}

@test "--save-keys with a key file of secrets: adding or removing a side changes no other pair" {
	keys "a b 5 secret $(secret 1)"
	"$XFRMPAIR" -o three --keys k --save-keys k3 "$A" "$B" "$C"
	[ "$(sed -n 2p k3)" = "a b 5 secret $(secret 1)" ]
	[ "$(grep -c '^[ab] c 1 secret 0x[0-9a-f]\{64\}$' k3)" -eq 2 ]
	[ -z "$(cut -d' ' -f5 k3 | sort | uniq -d)" ]
	[ "$(states --keys k "$A" "$B" | head -2)" = "$(states --keys k3 "$A" "$B" "$C" | sed -n '1p;2p')" ]
	# and back
	"$XFRMPAIR" -o back --keys k3 --save-keys kback "$A" "$B"
	[ "$(grep -v '^#' kback)" = "a b 5 secret $(secret 1)" ]
	# two runs draw other ones
	"$XFRMPAIR" -o again --keys k --save-keys k4 "$A" "$B" "$C"
	[ "$(cut -d' ' -f5 k3 k4 | grep 0x | sort -u | wc -l)" -eq 5 ]
	# one way given and one not is no pair for a secret
	keys "a b 1 0x100 0x$(printf '%072d' 7)" "b c 1 secret $(secret 1)"
	"$XFRMPAIR" -o half --keys k --save-keys k5 "$A" "$B" "$C"
	grep -q '^b a 1 0x[0-9a-f]\{8\} 0x[0-9a-f]\{72\}$' k5
	grep -q '^a c 1 secret ' k5
}

conf() { printf '%s\n' "$@" >t.conf; }
@test "a tunnel file says the same as the command line" {
	conf '# home and office' '[tunnel]' 'cipher = aes128gcm16  # short' 'esn = yes' '' '[side home]' 'local = 192.168.1.4:61525' \
		'mapped = 85.9.8.7' '[side office]' 'local=192.168.2.100:61523' 'mapped	=	31.1.2.3:10421' 'net = 10.1.0.0/16' 'net = 192.168.2.100/32'
	"$XFRMPAIR" -f t.conf -o t --save-keys k
	"$XFRMPAIR" --cipher aes128gcm16 --esn --keys k -o u "home=$A" "office=$B+10.1.0.0/16+192.168.2.100"
	diff -r t u
	grep -q 'flag esn replay-window 128' t/home.sh
}

@test "the command line overrides the tunnel file" {
	conf '[tunnel]' 'cipher = aes128gcm16' '[side a]' 'local = 192.168.1.4:1' '[side b]' 'local = 192.0.2.1:1'
	[[ "$("$XFRMPAIR" -f t.conf --cipher aes128gcm12)" == *" 96"* ]]
}

@test "a script is refused as a key file" {
	"$XFRMPAIR" -o t "$A" "$B"
	for option in '' '--save-keys k'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr "$XFRMPAIR" --keys t/a.sh $option "$A" "$B"
		[ "$stderr" = "xfrmpair: t/a.sh: is a script (expected a key file, as --save-keys writes one)" ]
		[ -z "$output" ]
		[ ! -e k ]
	done
}

@test "three sides are a mesh: every script has both others" {
	"$XFRMPAIR" -o t "$A" "$B" 10.0.0.1:1@5.6.7.8
	for side in a b c; do
		[ "$(sh t/$side.sh -n up | grep -c 'state add')" -eq 6 ]
		[ "$(sh t/$side.sh -n up | grep -c 'policy add')" -eq 6 ]
	done
	sh t/c.sh -n up | grep -qx 'espdecap -d -u 65534 -b 10.0.0.1 1 85.9.8.7:61525 31.1.2.3:10421'
}

@test "-n of a script never prints keys" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	sh t/a.sh -n up >said
	for key in $(grep -o '0x[0-9a-f]\{72\}' k); do
		run -1 grep -q "${key#0x}" said
	done
}

@test "--cipher accepts each name that --list-ciphers prints" {
	run -0 --separate-stderr "$XFRMPAIR" --list-ciphers
	[ -z "$stderr" ]
	echo "$output" | awk 'NR > 1 && NF == 9 { print $1 }' >names
	[ "$(wc -l <names)" -ge 20 ]
	while read -r name; do "$XFRMPAIR" --cipher "$name" "$A" "$B" >/dev/null 2>&1; done <names
}

@test "--inner allows two sides with the same address" {
	"$XFRMPAIR" -o t --inner 10.99.0.0/24 192.168.1.4:1@85.9.8.7 192.168.1.4:1@31.1.2.3
	grep -q 'protects  10.99.0.2/32 <-> 10.99.0.1/32 (a)' t/b.sh
}

@test "limits apply to what a side sends, not to what it receives" {
	"$XFRMPAIR" -o t --limit-packets 1000 --limit-bytes 2000000 "$A" "$B"
	sh t/a.sh -n up >a
	grep 'state add src 192.168.1.4 ' a | grep -q ' limit byte-hard 2000000 limit packet-hard 1000 '
	run -1 grep -q 'state add src 31.1.2.3 .*limit' a
}

@test "--encap espinudp-nonike is in every SA, for espdecap, and in the MTU" {
	"$XFRMPAIR" -o t --encap espinudp-nonike "$A" "$B"
	sh t/a.sh -n up >a
	[ "$(grep -c ' encap espinudp-nonike ' a)" -eq 3 ]
	grep -q '^espdecap -d -N ' a
	# eight bytes more in every packet
	grep -qx '#   MTU       inner packets of up to 1430 bytes, on a path of 1500' t/a.sh
}

# head_facts FILE: the picture, what is protected, and the facts and tests that have addresses or names
head_facts() {
	head_of "$1" | sed -n -e '/^#   .* = /p' -e '/^#   protects /p' -e "s/^\(hosts='.*'\) #.*/\1/p" \
		-e 's/^\(local=[^ ]*\) .*\(own_nets=.* other_nets=[^ ]*\).*/\1\n\2/p' -e '/^  ping /p'
	section_of "$1" | sed -n 's/^\(there_.*\) spi_.*/\1/p'
}

@test "LOCAL may be auto and MAPPED a name, which the heads have instead of addresses" {
	"$XFRMPAIR" -o t "auto:61525@home.example.org+10.1.0.0/24" "$B+10.2.0.0/24"
	diff - <(head_facts t/a.sh) <<'END'
#   a auto:61525 -NAT- home.example.org:61525 = internet = 31.1.2.3:10421 -NAT- 192.168.2.100:61523 b
#   protects  10.1.0.0/24 <-> 10.2.0.0/24 (b)
local=auto
own_nets='10.1.0.0/24' other_nets='10.2.0.0/24@1'
  ping -c 3 -I 10.1.0.1 10.2.0.1
there_1=31.1.2.3 port_1=10421
END
	diff - <(head_facts t/b.sh) <<'END'
#   b 192.168.2.100:61523 -NAT- 31.1.2.3:10421 = internet = home.example.org:61525 -NAT- auto:61525 a
#   protects  10.2.0.0/24 <-> 10.1.0.0/24 (a)
hosts='1=home.example.org:61525'
local=192.168.2.100
own_nets='10.2.0.0/24' other_nets='10.1.0.0/24@1'
  ping -c 3 -I 10.2.0.1 10.1.0.1
there_1=home.example.org port_1=61525
END
	# natprobe's endpoint with a name instead of the address; a side whose only address to ping is MAPPED
	"$XFRMPAIR" -o u 192.168.1.4:61525@home.example.org:777 gate=auto:4500@gate.example.org+0.0.0.0/0
	diff - <(head_facts u/a.sh) <<'END'
#   a 192.168.1.4:61525 -NAT- home.example.org:777 = internet = gate.example.org:4500 -NAT- auto:4500 gate
#   protects  192.168.1.4/32 <-> 0.0.0.0/0 (gate)
hosts='1=gate.example.org:4500'
local=192.168.1.4
own_nets='192.168.1.4/32' other_nets='0.0.0.0/0@1'
  ping -c 3 -I 192.168.1.4 gate.example.org
there_1=gate.example.org port_1=4500
END
	diff - <(head_facts u/gate.sh | sed 1,2d) <<'END'
hosts='1=home.example.org:777'
local=auto
own_nets='0.0.0.0/0' other_nets='192.168.1.4/32@1'
  ping -c 3 -I $here 192.168.1.4
there_1=home.example.org port_1=777
END
	# addresses inside are as ever
	"$XFRMPAIR" -o v --inner 10.99.0.0/24 auto:1@one.example auto:2@two.example
	grep -qx 'own_address=10.99.0.1/32 own_device=lo' v/a.sh
	[ "$(head_facts v/b.sh | sed -n 5,6p)" = "own_nets='10.99.0.2/32' other_nets='10.99.0.1/32@1'
  ping -c 3 -I 10.99.0.2 10.99.0.1" ]
	# between the hosts: what each sees of the other
	"$XFRMPAIR" -o w --mode transport --guard auto:1@home.example.org "$B"
	policies_of() { sed -e ':a' -e '/\\$/{N;s/ *\\\n */ /;ba' -e '}' "$1" | sed -n 's/^xfrm policy add //p' | sed 's/ index [0-9]*//; s/ tmpl.*/ tmpl/' | sort; }
	diff - <(policies_of w/a.sh) <<'END'
src $here/32 dst $there_1/32 dir out priority 2000 tmpl
src $here/32 dst $there_1/32 proto 17 sport $port dport $port_1 dir out priority 1000
src $there_1/32 dst $here/32 dir in priority 2000 tmpl
src $there_1/32 dst $here/32 proto 17 sport $port_1 dport $port dir in priority 1000
src $there_1/32 dst 0.0.0.0/0 dir fwd priority 4000 action block
src $there_1/32 dst 0.0.0.0/0 dir in priority 4000 action block
src 0.0.0.0/0 dst $there_1/32 dir out priority 4000 action block
END
	diff <(policies_of w/b.sh) <(policies_of w/a.sh)
	[ "$(grep '^  ping' w/a.sh) $(grep '^  ping' w/b.sh)" = '  ping -c 3 -I $here 31.1.2.3   ping -c 3 -I 192.168.2.100 home.example.org' ]
	# and a name is looked up before the block that has its address
	[ "$(sed -n '/^up() {/,/^}/p' w/b.sh | sed -n 2,4p | tr -d '\t' | tr '\n' ' ')" = 'find_hosts add_guards begin ' ]
	"$XFRMPAIR" -o x --guard "$A+10.1.0.0/24" auto:1@home.example.org+10.2.0.0/24
	[ "$(sed -n '/^up() {/,/^}/p' x/a.sh | sed -n 2,4p | tr -d '\t' | tr '\n' ' ')" = 'add_guards find_hosts begin ' ]
}

@test "if LOCAL is auto, the message about the written script names the host by its mapped address" {
	LAST="xfrmpair: once all sides are up, delete the other hosts' files here: anyone who has them can decrypt the traffic"
	run --separate-stderr "$XFRMPAIR" -o t auto:4500@home.example.org+10.1.0.0/24 auto:4501@31.1.2.3+10.2.0.0/24 192.168.1.4:4500@two.example.org
	[ "$status" -eq 0 ]
	[ "$stderr" = "xfrmpair: wrote t/a.sh for the host behind home.example.org (start it first)
xfrmpair: wrote t/b.sh for the host behind 31.1.2.3
xfrmpair: wrote t/c.sh for the host 192.168.1.4
$LAST" ]
}

@test "a name is accepted in upper case, with a final dot, and up to the lengths of DNS" {
	local label sixty
	label=$(printf %063d 0) sixty=$(printf %060d 0)
	for name in home.example.org a a1 1a 1.a x-y.z 1.2.3.4a xn--4ca.example $label.a $label.$label.$label.${sixty}x fe80; do
		"$XFRMPAIR" --format script "192.168.1.4:1@$name" "$B" >said
		grep -q "^there_1=$name port_1=" said
	done
	for name in Home.Example.ORG home.example.org. HOME.EXAMPLE.ORG.:1; do
		"$XFRMPAIR" --format script "192.168.1.4:1@$name" "$B" >said
		grep -q '^there_1=home.example.org port_1=' said
	done
}

@test "a tunnel file has auto and names as the command line has them" {
	conf '[tunnel]' 'format = script' '[side home]' 'mapped = Home.example.org:777' 'local = auto:61525' 'net = 10.1.0.0/24' \
		'[side office]' 'local = 192.168.2.100:1' 'mapped = office.example.org' 'net = 10.2.0.0/24'
	"$XFRMPAIR" -f t.conf -o t --save-keys k
	"$XFRMPAIR" --keys k -o u home=auto:61525@home.example.org:777+10.1.0.0/24 office=192.168.2.100:1@office.example.org+10.2.0.0/24
	diff -r t u
}

@test "equal names mean the same NAT, as equal addresses do; different names do not" {
	"$XFRMPAIR" -o t --lan 192.168.1.4:1@home.example.org:11 192.168.1.5:2@HOME.example.org.:12 192.168.3.4:4500@other.example.org
	[ "$(head_facts t/a.sh | grep '^#   .* = ')" = "#   a 192.168.1.4:1 = one LAN = 192.168.1.5:2 b
#   a 192.168.1.4:1 -NAT- home.example.org:11 = internet = other.example.org:4500 -NAT- 192.168.3.4:4500 c" ]
}

@test "auto and a name have the family of the other address, else IPv4" {
	family() { "$XFRMPAIR" --format script "$@" | sed -n '1,/^digest=/s/^digest=.* family=\(.\) .*/\1/p'; }
	[ "$(family 'auto:1@[2001:db8::1]+fd01::/64' '[2001:db8::2]:1@six.example.org')" = 6 ]
	[ "$(family '[2001:db8::1]:1@six.example.org' '[2001:db8::2]:1')" = 6 ]
	[ "$(family auto:1@85.9.8.7+10.1.0.0/24 "$B")" = 4 ]
	[ "$(family auto:1@home.example.org+10.1.0.0/24 "$B")" = 4 ]
}

@test "the digest includes auto and names" {
	local keys
	for side in 192.168.1.4:1@85.9.8.7 auto:1@85.9.8.7 auto:1@home.example.org 192.168.1.4:1@home.example.org 192.168.1.4:1@home.example.org:2 \
		auto:1@other.example.org; do
		# shellcheck disable=SC2086 # words
		"$XFRMPAIR" -o t --force ${keys---save-keys k} "$side+10.1.0.0/24" "$B"
		keys='--keys k'
		digest t/a.sh
	done >digests
	[ "$(sort -u digests | wc -l)" -eq 6 ]
}

# pair FILE ONE TWO: the lines of the key file that are the pair's
pair() { awk -v one="$2" -v two="$3" '($1 == one && $2 == two) || ($1 == two && $2 == one)' "$1"; }
# commands FOLDER SIDE OTHER-OUTER: what that side's script does for one peer
commands() { planned "$1/$2.sh" | grep "$3" | grep -v '^espdecap'; }

@test "--save-keys with --keys: adding or removing a side changes no other pair's SAs" {
	"$XFRMPAIR" -o two --save-keys k2 "$A" "$B"
	"$XFRMPAIR" -o three --keys k2 --save-keys k3 "$A" "$B" "$C"
	# what is old, and fresh ones for two pairs; nothing twice
	[ -n "$(pair k3 a c)" ]
	[ -n "$(pair k3 b c)" ]
	[ "$(pair k3 a b)" = "$(pair k2 a b)" ]
	[ -z "$(grep -v '^#' k3 | cut -d' ' -f5 | sort | uniq -d)" ]
	[ "$(commands two a 31.1.2.3 | wc -l)" -eq 6 ] # three SAs, three policies
	[ "$(commands three a 31.1.2.3)" = "$(commands two a 31.1.2.3)" ]
	[ "$(commands three b 85.9.8.7)" = "$(commands two b 85.9.8.7)" ]
	# and back
	"$XFRMPAIR" -o back --keys k3 --save-keys kback "$A" "$B"
	diff k2 kback
	diff -r two back
	# without a, the names given: b's and c's pair stays
	"$XFRMPAIR" -o without --keys k3 --save-keys kwithout "b=$B" "c=$C"
	[ "$(grep -v '^#' kwithout)" = "$(pair k3 b c)" ]
	[ "$(commands without b 5.6.7.8)" = "$(commands three b 5.6.7.8)" ]
	# the control: without --save-keys, a mesh that the file does not fit is a mistake
	run --separate-stderr "$XFRMPAIR" -o no --keys k2 "$A" "$B" "$C"
	[ "$status" -eq 2 ]
	[ "${stderr_lines[0]}" = 'xfrmpair: k2: no key for a and c (expected a line `a c 1 secret SECRET`, or one per direction, `a c 1 SPI KEY`)' ]
	# and fresh keys are other ones
	"$XFRMPAIR" -o fresh "$A" "$B" "$C"
	[ "$(commands fresh a 31.1.2.3)" != "$(commands two a 31.1.2.3)" ]
}

@test "--save-keys with --keys: a side that moved changes only its own pairs" {
	"$XFRMPAIR" -o before --save-keys k "$A" "$B" "$C"
	"$XFRMPAIR" -o after --keys k --save-keys l "$A" "$B" "${C}:4777"
	[ "$(grep -v '^#' l)" = "$(grep -v '^#' k)" ]
	[ "$(commands after a 31.1.2.3)" = "$(commands before a 31.1.2.3)" ]
	[ "$(commands after b 85.9.8.7)" = "$(commands before b 85.9.8.7)" ]
	[ "$(planned after/c.sh)" = "$(planned before/c.sh)" ]
	# the control: of c's pairs the port is another, and nothing else
	[ "$(commands after a 5.6.7.8)" != "$(commands before a 5.6.7.8)" ]
	[ "$(commands after a 5.6.7.8)" = "$(commands before a 5.6.7.8 | sed -e 's/ 61525 4500 / 61525 4777 /' -e 's/ 4500 61525 / 4777 61525 /')" ]
}

@test "no two pairs of a mesh have the same reqid: keys are generated again" {
	# a-b, and a-c with SPIs 0x100 and 0x2bb9, have one, found by trying
	keys "a b 1 0x100 0x$(printf %072d 1)" "b a 1 0x1b1ca 0x$(printf %072d 2)" \
		"b c 1 0x200 0x$(printf %072d 5)" "c b 1 0x200 0x$(printf %072d 6)"
	"$XFRMPAIR" --keys k --save-keys m -o t "$A" "$B" "$C"
	[ -z "$(reqids t/a.sh | sort | uniq -d)" ]
}

# mesh N: that many sides
mesh() { for ((i = 1; i <= $1; i++)); do echo "10.$((i / 250)).$((i % 250)).1:4500@198.$((18 + i / 250)).$((i % 250)).7:$((1000 + i))"; done; }

@test "a mesh of 300 takes at most 2 seconds of a processor, on a machine that is not busy, and 32 MiB" {
	[ -z "${SANITIZE-}" ] || skip "sanitizers take their share"
	mapfile -t sides < <(mesh 300)
	# a secret for each pair
	keys "none nobody 1 secret $(secret 1)"
	run --separate-stderr "$(type -P time)" -f '%U %S %M %e' "$XFRMPAIR" --keys k --save-keys l -o t "${sides[@]}"
	[ "$status" -eq 0 ]
	[ "$(find t -name '*.sh' | wc -l)" -eq 300 ]
	[ "$(grep -c ' 1 secret ' l)" -eq 44850 ]
	# enough pairs for some to have one reqid by chance, one time of five: each is in two scripts, and once in each
	for file in t/*.sh; do reqids "$file"; done | sort | uniq -c | awk '$1 != 2 { bad = 1; print } END { exit bad || NR != 300 * 299 / 2 }'
	read -r user system kib real <<<"${stderr_lines[-1]}"
	echo "# 300 sides: $user s and $system s of the processor, $real s in all, $kib KiB" >&3
	[ "$kib" -le 32768 ]
	# a second of a processor is worth less beside other suites and labs
	awk "BEGIN { exit !($user + $system <= ${BUSY:-2}) }"
}

# without_links CALL...: xfrmpair where the file system has none of these
without_links() {
	local calls=$1
	shift
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=link,linkat,renameat2,open,openat,fsync,rename,renameat \
		-e inject=link,linkat:error=EPERM ${calls:+-e inject=$calls:error=EINVAL} "$XFRMPAIR" "$@"
}
@test "a file system without hard links works too, and nothing is overwritten" {
	for calls in '' renameat2; do
		rm -rf t k
		without_links "$calls" -o t --save-keys k "$A" "$B"
		[ "$(stat -c '%a %n' t/* k)" = "600 t/a.sh
600 t/b.sh
600 k" ]
		[ "$(ls -A t)" = "a.sh
b.sh" ]
		tail -1 t/b.sh | grep -qx '}'
		# not over one that is there, and the others go again
		rm t/a.sh k
		echo precious >t/b.sh
		run --separate-stderr without_links "$calls" -o t --save-keys k "$A" "$B"
		[ "$status" -eq 1 ]
		[ "$stderr" = "xfrmpair: t/b.sh: exists (expected --force to replace it, or another folder for -o)" ]
		[ "$(cat t/b.sh)" = precious ]
		[ "$(ls -A t)" = b.sh ]
		[ ! -e k ]
		# --force does, or leaves the old ones when it cannot
		mkdir -p k/full
		run --separate-stderr without_links "$calls" -o t --save-keys k --force "$A" "$B"
		[ "$status" -eq 1 ]
		[ "$(cat t/b.sh)" = precious ]
		[ "$(ls -A t)" = b.sh ]
		rm -r k
		without_links "$calls" -o t --save-keys k --force "$A" "$B"
		grep -q KEYS t/b.sh
		[ "$(ls -A t)" = "a.sh
b.sh" ]
	done
}

@test "files and folders are synced before they are renamed, and again after" {
	ASAN_OPTIONS=detect_leaks=0 strace -y -o trace -e trace=fsync,renameat2 "$XFRMPAIR" -o t --save-keys k "$A" "$B"
	synced() { sed -e "s,$PWD,.," -e 's/xfrmpair-....../xfrmpair/' -n -e 's/^fsync([0-9]*<\(.*\)>) *= 0$/\1/p' | sort; }
	# all that is new, then the names
	[ "$(sed '/^rename/,$d' trace | synced | tr '\n' ' ')" = "./.xfrmpair ./.xfrmpair ./.xfrmpair/a.sh ./.xfrmpair/b.sh " ]
	[ "$(sed '1,/^rename/d' trace | synced)" = . ]
}

@test "a script has its tunnel first, then the shell functions of its kind, then the section" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	for side in a b; do
		[ "$(sed -n '3s/\(..\).*/\1/p' t/$side.sh)" = '{ ' ]
		[ "$(tail -2 t/$side.sh)" = 'main "$@"
}' ]
		# keys are in the section, and nowhere else
		[ "$(section_of t/$side.sh | grep -c '0x[0-9a-f]\{16\}')" -eq 4 ]
		[ "$(grep -c '0x[0-9a-f]\{16\}' t/$side.sh)" -eq 4 ]
		[ "$(wc -l <t/$side.sh)" -le 200 ]
		[ "$(head_of t/$side.sh | wc -l)" -le 60 ]
		# no line is too wide for a terminal, but for rows that have keys
		expand t/$side.sh | grep -v -e '^  encap .* 0x[0-9a-f]\{72\} 128 # ' -e '^xfrm state add ' >lines
		run -1 grep '.\{101\}' lines
	done
	# both have the same functions, as they stand
	[ "$(functions_of t/a.sh)" = "$(functions_of t/b.sh)" ]
	for file in begin helper punch end; do cat "$BATS_TEST_DIRNAME/../templates/page/$file.sh"; done | sed -n '/^set -u/,$p' |
		diff - <(functions_of t/a.sh | sed '/^up() {/,$d')
	expand "$BATS_TEST_DIRNAME"/../templates/page/*.sh >templates
	[ -s templates ]
	run -1 grep '.\{101\}' templates
	# of three sides each has its own peers
	"$XFRMPAIR" -o u --save-keys l "$A" "$B" "$C"
	[ "$(sed -n 's/^#: \([a-z]*\) .*/\1/p' u/c.sh | tr '\n' ' ')" = 'a b ' ]
}

@test "a script has the functions that its tunnel needs, and up calls them" {
	calls() { "$XFRMPAIR" --format script "$@" 2>/dev/null | sed -n '/^up() {/,/^}/{s/^\t//; p;}' | sed '1,/^}/!d' | sed '1d; $d' | tr '\n' ';'; }
	begin='begin;' rows='batch states;batch policies;' helper='start_helper;'
	punch='case $dry$* in *-n*) ;; # or --no-punch;*) open_hole ;;;esac;'
	end='[ -n "$dry" ] || say "set up. When the other side is up too, test it with:$(tests)";[ -z "$silent" ] || exit "$silent";'
	near="[ -n \"\$dry\" ] || fail 1 \"only xfrmkeep can exempt this host's own links from a net of everything: put it beside \$file\";"
	[ "$(calls "$A" "$B")" = "$begin$punch$rows$helper$end" ]
	[ "$(calls --mode transport 192.0.2.1 198.51.100.2)" = "$begin$rows$end" ]
	[ "$(calls --interface ipsec0 --inner 10.99.0.0/24 --clamp "$A+10.1.0.0/24" "$B" "$C")" = \
		"$begin${rows}batch link;add_address;add_routes;add_clamp;$helper$end" ]
	[ "$(calls "$A" "$B+0.0.0.0/0")" = "$near$begin$punch${rows}add_address;add_routes;$helper$end" ]
	[ "$(calls "$B+0.0.0.0/0" "$A")" = "$begin$punch${rows}add_routes;$helper$end" ]
	[ "$(calls --guard "$A+10.1.0.0/24" auto:1@home.example.org+10.2.0.0/24)" = "add_guards;find_hosts;$begin$punch${rows}add_routes;$helper$end" ]
	# no function is there that nobody calls, and none is missing
	for tunnel in "$A $B" "--mode transport 192.0.2.1 198.51.100.2" "--interface ipsec0 --inner 10.99.0.0/24 --clamp $A+10.1.0.0/24 $B $C" \
		"$A $B+0.0.0.0/0" "$B+0.0.0.0/0 $A" "--guard $A+10.1.0.0/24 auto:1@home.example.org+10.2.0.0/24" "--inner fd00::/64 $A $B"; do
		# shellcheck disable=SC2086 # words
		"$XFRMPAIR" --format script $tunnel 2>/dev/null | sed '1,/^main "/!d' >script
		sed -n 's/^\([a-z_]*\)() {.*/\1/p' script | sort >functions
		while read -r function; do
			[ "$(grep -cw -e "$function" <(grep -v "^$function()" script | grep -v '^ *#'))" -gt 0 ] || { echo "$tunnel: $function"; return 1; }
		done <functions
	done
}

@test "a truncated script is a syntax error, and does nothing" {
	"$XFRMPAIR" -o t "$A" "$B"
	local lines shell step
	lines=$(wc -l <t/a.sh)
	for shell in dash 'busybox ash' bash mksh; do
		case $shell in dash) step=1 ;; *) step=7 ;; esac
		for ((n = 3; n < lines; n += step)); do # before it are comments only
			head -n $n t/a.sh >cut.sh
			run --separate-stderr $shell cut.sh -n up
			[ "$status" -ne 0 ] && [ -z "$output" ] || { echo "$shell, $n lines: status $status, $output"; return 1; }
		done
		head -n $((lines - 1)) t/a.sh >cut.sh
		run --separate-stderr $shell cut.sh -n up
		[ "$status" -ne 0 ]
		[ -z "$output" ]
		# the control
		$shell t/a.sh -n up >said
		grep -q 'state add' said
	done
}

# an ip whose batches are in given, and that refuses to add what $taken says
taken_ip() {
	mkdir -p bin
	mv bin/ip bin/real-ip
	cat >bin/ip <<END
#!/bin/sh
case \$* in
*batch*)
	cat >$PWD/rows
	cat $PWD/rows >>$PWD/given
	if grep -q "^xfrm \$(cat $PWD/taken) add" $PWD/rows; then echo 'RTNETLINK answers: File exists' >&2 && exit 2; fi
	;;
*) exec $PWD/bin/real-ip "\$@" ;;
esac
END
	chmod +x bin/ip
}

@test "up is refused if a tunnel of 0.1 has the same keys or networks, and leaves that tunnel alone" {
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	in_a_host
	install -m 600 "$BATS_TEST_DIRNAME/../examples/howto/keys" k
	"$XFRMPAIR" -f "$BATS_TEST_DIRNAME/../examples/howto/tunnel.conf" --keys k -o t
	# what 0.1 had of these keys: its SAs and policies are none of this script's
	ip -n "$space" xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out index 8193 priority 2000 tmpl src 192.168.1.4 dst 31.1.2.3 proto esp reqid 1366164508 mode tunnel
	ip -n "$space" -s xfrm policy list | grep -v lifetime -A 99 >before
	taken_ip
	for taken in state policy; do
		echo $taken >taken
		for shell in "${all_shells[@]}" xfrmkeep; do
			rm -rf given state t
			"$XFRMPAIR" -f "$BATS_TEST_DIRNAME/../examples/howto/tunnel.conf" --keys k -o t 2>said
			case $shell in
			xfrmkeep) XFRMKEEP=${XFRMPAIR%/*}/xfrmkeep gives on_host sh t/a.sh up --no-punch --no-helper ;;
			*) XFRMKEEP=/none gives on_host $shell t/a.sh up --no-punch ;;
			esac
			echo "$shell: $stderr"
			[ "$status" -eq 1 ]
			case $shell in
			xfrmkeep) [[ "$stderr" == *'a: taken: another tunnel has this SPI or selector: see ip xfrm state; ip xfrm policy (RTNETLINK answers: File exists)'* ]] ;;
			*) [[ "$stderr" == *"RTNETLINK answers: File exists
a: ip failed: "* ]] ;;
			esac
			[ "$(grep -c '^xfrm state add' given)" -eq 2 ]
			run -1 grep -e '^xfrm .*delete' -e flush given
			[ -z "$(ls run)" ]
			ip -n "$space" -s xfrm policy list | grep -v lifetime -A 99 | diff before -
		done
	done
	run -1 grep -q 1366164508 t/a.sh t/b.sh
}

@test "-n changes nothing, also if nothing can be printed" {
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state ESPDECAP=$PWD/ran NATPROBE=$PWD/ran
	printf '#!/bin/sh\n: >"$0.$1"\n' >ran
	chmod +x ran
	"$XFRMPAIR" -o t --inner 10.99.0.0/24 --clamp "$A+10.1.0.0/24" "$B+10.2.0.0/24"
	for shell in "${all_shells[@]}"; do
		for verb in up down; do
			XFRMKEEP=/none $shell t/a.sh -n $verb >/dev/full 2>&1 || :
			XFRMKEEP=/none $shell t/a.sh -n $verb >"printed.$verb"
			[ "$(grep -c ^ip "printed.$verb")" -ge 6 ]
		done
	done
	export XFRMKEEP=${XFRMPAIR%/*}/xfrmkeep
	for verb in up 'up --map --nat-exempt' down; do
		# shellcheck disable=SC2086 # words
		sh t/a.sh -n $verb >/dev/full 2>&1 || :
		# shellcheck disable=SC2086 # words
		sh t/a.sh -n $verb >printed
		[ "$(grep -c ^ip printed)" -ge 6 ]
		# what the shell says, says xfrmkeep, but for the way in which it writes a number, and nft's tabs
		[ "$verb" = "${verb% --*}" ] || continue
		sed 's/replay-oseq 0x4000000/replay-oseq 67108864/; s/^	*//' "printed.$verb" | diff - <(sed 's/^	*//' printed)
	done
	[ -z "$(ls -d run state ran.* 2>/dev/null)" ]
}

@test "one protocol or port of a net: policies and the MSS rule have it, and each net has one route" {
	"$XFRMPAIR" -o t --guard "$A+10.1.0.0/16/tcp/22+10.1.0.0/16/icmp+fd01::/64/icmp" "$B+10.2.0.0/24+10.3.1.1/tcp+fd02::/64/58+fd03::/64/47"
	# in the comment and on the commands' lines as people wrote it, or ip takes it
	grep -q "^local=.* own_nets='10.1.0.0/16 fd01::/64' other_nets='10.2.0.0/24@1 10.3.1.1/32@1 fd02::/64@1 fd03::/64@1' " t/a.sh
	grep -qx '#   protects  10.1.0.0/16/tcp/22 <-> 10.3.1.1/32/tcp (b)' t/a.sh
	grep -qx '#   protects  fd02::/64/icmp <-> fd01::/64/icmp (a)' t/b.sh
	"$XFRMPAIR" --format commands "$A+10.1.0.0/16/udp/53+10.1.0.0/16/tcp/53" "$B" >commands
	[ "$(grep -c '^ip xfrm policy add .* proto 17 [sd]port 53 dir ' commands)" -eq 6 ]
	[ "$(grep -c '^ip route add 10.1.0.0/16 ' commands)" -eq 1 ]
	# one that only a peer has holds for the pair; ports of both
	"$XFRMPAIR" -o u "$A+10.1.0.0/16/tcp/80" "$B+10.2.0.0/16/tcp/22"
	grep -q '^xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 proto 6 sport 80 dport 22 dir out ' u/a.sh
	grep -q '^xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 proto 6 sport 80 dport 22 dir in ' u/b.sh
	# the MSS is that of its TCP alone
	"$XFRMPAIR" -o w --clamp "$A+10.1.0.0/24/tcp/22+10.1.0.0/24/udp" "$B+10.2.0.0/24"
	[ "$(grep -c 'maxseg' w/a.sh)" -eq 2 ]
	grep -q 'saddr 10.1.0.0/24 ip daddr 10.2.0.0/24 tcp sport 22 tcp flags syn' w/a.sh
	grep -q 'saddr 10.2.0.0/24 ip daddr 10.1.0.0/24 tcp dport 22 tcp flags syn' w/a.sh
}

@test "a net has a length before a protocol number, names for tcp, udp and icmp, and ports only with the first two" {
	digest() { "$XFRMPAIR" --keys keys "$@" | sed -n '1s/.*digest \([0-9a-f]*\).*/\1/p'; }
	"$XFRMPAIR" --save-keys keys "$A" "$B" >/dev/null
	# spelt otherwise, the same
	[ "$(digest "$A+10.1.2.3/tcp/22" "$B")" = "$(digest "$A+10.1.2.3/32/6/22" "$B")" ]
	[ "$(digest "$A+fd01::/64/icmp" "$B+fd02::/64")" = "$(digest "$A+fd01::/64/58" "$B+fd02::/64")" ]
	printf '%s\n' '[side a]' 'local = 192.168.1.4:61525' 'mapped = 85.9.8.7' 'net = 10.1.2.3/tcp/22' '[side b]' 'local = 192.168.2.100:61523' 'mapped = 31.1.2.3:10421' >t.conf
	[ "$(digest "$A+10.1.2.3/tcp/22" "$B")" = "$(digest -f t.conf)" ]
	[ "$(digest "$A+10.1.2.3/tcp/22" "$B")" != "$(digest "$A+10.1.2.3/tcp/23" "$B")" ]
	[ "$(digest "$A+10.1.2.3/tcp/22" "$B")" != "$(digest "$A+10.1.2.3" "$B")" ]
}

# a hub, and spokes in its net
H=hub=192.0.2.1:4500+10.0.0.0/8 S1=s1=192.168.1.4:4500@85.9.8.9+10.1.0.0/16 S2=s2=192.168.2.4:4500@31.1.2.4+10.2.0.0/16
@test "a star: each spoke has a pair with the hub and no other keys, and the hub forwards" {
	"$XFRMPAIR" --star -o t --save-keys k "$H" "$S1" "$S2"
	# no keys between spokes, in the file or a script
	[ "$(grep -v '^#' k | cut -d' ' -f1,2)" = "hub s1
hub s2" ]
	peers_of() { sed -n "s/^peers='\([^']*\)'.*/\1/p" "$1" | sed 's/@[0-9]*//g'; }
	for script in t/s1.sh t/s2.sh; do
		[ "$(peers_of $script)" = hub ]
		[ "$(sed -n 's/^#: \([^ ]*\) .*/\1/p' $script)" = hub ]
		[ "$(section_of $script | grep -c '0x[0-9a-f]\{16\}')" -eq 4 ]
	done
	[ "$(peers_of t/hub.sh)" = 's1 s2' ]
	run -1 grep -q '10\.2\.\|31\.1\|s2 ' <(head_of t/s1.sh | sed '/^{ # IPsec/d')
	grep -q ' forwards=yes ' t/hub.sh
	# the same from a file; a star is another tunnel than a mesh
	printf '%s\n' '[tunnel]' 'star = yes' '[side hub]' 'local = 192.0.2.1:4500' 'net = 10.0.0.0/8' '[side s1]' 'local = 192.168.1.4:4500' 'mapped = 85.9.8.9' \
		'net = 10.1.0.0/16' '[side s2]' 'local = 192.168.2.4:4500' 'mapped = 31.1.2.4' 'net = 10.2.0.0/16' >star.conf
	"$XFRMPAIR" -f star.conf --keys k -o w
	diff -r t w
}

@test "a mesh becomes a star by --save-keys: the pairs of the hub keep their keys" {
	"$XFRMPAIR" --save-keys mesh "${H%+*}" "$S1" "$S2" >/dev/null
	"$XFRMPAIR" --star --keys mesh --save-keys star "$H" "$S1" "$S2" >/dev/null
	[ "$(grep -v '^#' star)" = "$(grep '^hub' mesh)" ]
}

@test "a pair of nets without a common protocol or port is left out" {
	"$XFRMPAIR" -o t "$A+10.1.0.0/16/tcp" "$B+10.2.0.0/16/udp+10.3.0.0/16"
	run -1 grep -q 'policy add .*10.2.0.0' t/a.sh
	[ "$(grep -c 'policy add .*10.3.0.0/16.* proto 6 dir' t/b.sh)" -eq 3 ]
}

@test "the test command goes through the tunnel: a ping, or a connection to a port" {
	tests_of() { "$XFRMPAIR" -n --format script "$@" | sed -n '/^tests() {/,/^"; }/{/^  /p}'; }
	[ "$(tests_of "$A+10.1.0.0/16/tcp/22+10.11.0.0/16/icmp" "$B+10.2.0.0/16/tcp+10.12.0.0/16")" = "  ping -c 3 -I 10.11.0.1 10.12.0.1
  ping -c 3 -I 10.12.0.1 10.11.0.1" ]
	[ "$(tests_of "$A+10.1.0.0/16/udp+10.11.0.0/16/tcp/22" "$B+10.2.0.0/16")" = "  # there: nc -z -v -w 3 -s 10.2.0.1 10.11.0.1 22
  nc -z -v -w 3 -s 10.2.0.1 10.11.0.1 22" ]
	[ "$(tests_of "$A+10.1.0.0/16/udp" "$B+10.2.0.0/16")" = "  # b: what the tunnel is for; no ping goes through it
  # a: what the tunnel is for; no ping goes through it" ]
	"$XFRMPAIR" "$A+10.1.0.0/16" "$B+10.2.0.0/16/tcp/22" | grep -qx '# When b is up too, test it with: nc -z -v -w 3 -s 10.1.0.1 10.2.0.1 22'
	# an address that up finds is known by then
	[ "$(tests_of auto:1@85.9.8.7+0.0.0.0/0/tcp/22 "$B+10.2.0.0/16")" = '  # there: nc -z -v -w 3 -s 10.2.0.1 $here 22
  nc -z -v -w 3 -s 10.2.0.1 85.9.8.7 22' ]
}

# blocks ARGUMENT...: the paste blocks of all sides; beside them each in a file of its own, block.NAME
blocks() {
	"$XFRMPAIR" "$@" 2>/dev/null | tee paste
	awk '/^# side / { file = "block." $3 } { print >file }' paste
}

@test "a paste block has at most 30 lines for two hosts, 100 columns except for long keys, no tabs, no exit, no set -e" {
	local long
	long=[2001:db8:1111:2222:3333:4444:5555:6666]:61525
	{
		for cipher in aes256gcm16 aes256-sha256 aes256-sha512 null-sha256; do
			blocks --cipher $cipher "$A" "$B"
			[ "$(head -c 8 block.a)" = '# side a' ]
			[ "$(grep -c '^# side ' paste)" -eq 2 ]
			[ "$(wc -l <block.a)" -le 30 ]
			[ "$(wc -l <block.b)" -le 30 ]
		done
		"$XFRMPAIR" --secret one.key "$A" >one
		"$XFRMPAIR" --secret two.key "$B" >two
		blocks --cipher aes256-sha512 --secret one.key "$(cat one)" "$(cat two)"
		[ "$(wc -l <block.a)" -le 30 ]
		blocks 85.9.8.7:4500 31.1.2.3:4501
		[ "$(wc -l <block.a)" -le 30 ]
		blocks --explain --guard --clamp --esn --limit-bytes 999999999999999999 --limit-packets 999999999999999999 \
			"$long+2001:db8:1111:2222:3333:4444:5555:6666/128/tcp/65535" "${long/1111/2222}+2001:db8:a:b:c:d:e:0/112/tcp/65535"
		blocks --explain --interface a-longest-name1 --inner fd00:1111:2222:3333::/64 --cipher aes256-sha512 "longest-name-15=$long" "longest-name-16=${long/1111/2222}"
		blocks --explain --inner 10.99.0.0/24 --clamp 192.168.100.100:61525@185.199.108.153+fd01::/64 192.168.200.200:61523@198.51.100.222:10421
		blocks --explain --mode transport "${long%:*}" "${long/1111/2222}"
		blocks "$A" "$B" "$C" 198.51.100.{1..40}:4500
	} >all
	[ -z "$(grep '.\{101\}' all | grep -v '^  0x[0-9a-f]\{128\} [0-9]*$')" ]
	[ "$(grep -c '.\{101\}' all)" -gt 0 ]
	run -1 grep -q "$(printf '\t')" all
	run -1 grep -qw exit all
	run -1 grep -q 'set -e' all
}

@test "--explain: each word of a paste block once, above the first command that has it, and no comment breaks a command" {
	explains() { # ARGUMENT...
		"$XFRMPAIR" --explain --save-keys k "$@" >explained 2>/dev/null
		chmod 600 k
		"$XFRMPAIR" --keys k "${@}" 2>/dev/null >plain
		rm k
		diff plain explained | sed -n 's/^> # //p' >comments
		[ "$(diff plain explained | grep -c '^>')" -eq "$(wc -l <comments)" ]
		run -1 grep -q '[`$\]' comments
		cat comments >>told
	}
	are_explained() { # WORD...: once on each side
		for word; do [ "$(grep -c "^$word[:,] " comments)" -eq 2 ] || { echo "$word"; return 1; }; done
	}
	explains "$A" "$B"
	are_explained 'xfrm policy' 'dir fwd' tmpl 'proto esp' reqid 'mode tunnel' 'xfrm state' spi replay-window encap aead espdecap -d -u
	explains --esn --interface ipsec0 --clamp --limit-bytes 999 --cipher aes256-sha256 "$A+10.1.0.0/24+fd01::/64" "$B+10.2.0.0/24+fd02::/64"
	are_explained if_id flag esn af-unspec limit enc auth-trunc 'link add' maxseg 'route add' mtu
	explains --guard --inner 10.99.0.0/24 --encap espinudp-nonike "$A+10.1.0.0/24/tcp/22+10.1.0.0/24/udp+10.1.0.0/24/icmp" "$B+10.2.0.0/24"
	are_explained 'action block' sport dport 'proto 1' 'proto 6' 'proto 17' 'address replace' -N
	explains --mode transport 192.0.2.1 198.51.100.2
	are_explained 'mode transport'
	explains "$A+fd01::/64/icmp" "$B+fd02::/64"
	are_explained 'proto 58'
	# there is no comment that no block has
	[ "$(sort -u told | wc -l)" -eq "$(grep -c '^	"[-a-z][-A-Za-z0-9_ ]*[:,] ' "$BATS_TEST_DIRNAME/../gen/explain.c")" ]
}

# rows_of: the table without its comments
rows_of() { grep -v '^#' "$@"; }
@test "--format wireshark: a row for each SA, with the script's key and any address, and a warning about the keys" {
	local keys='xfrmpair: --format: warning: the table contains keys: anyone who has it can decrypt the traffic'
	"$XFRMPAIR" --save-keys k -o t "$A" "$B"
	warned "$keys" --format wireshark --keys k "$A" "$B"
	echo "$output" >esp_sa
	# the SAs of the commands, of which each side has both
	"$XFRMPAIR" --format commands --keys k "$A" "$B" | sed -n 's/^ip xfrm state add .* spi \(0x[0-9a-f]*\) .* aead [^ ]* \(0x[0-9a-f]*\) 128$/"IPv4","*","*","\1","AES-GCM with 16 octet ICV [RFC4106]","\2","NULL",""/p' | sort -u >rows
	[ "$(wc -l <rows)" -eq 2 ]
	rows_of esp_sa | sort | diff rows -
	# also: names, and options for ports that Wireshark does not decode by default
	[ "$(grep -c '^# 0x[0-9a-f]\{8\}: [ab] to [ab], epoch 1$' esp_sa)" -eq 2 ]
	grep -q 'tshark .* -o esp.enable_encryption_decode:TRUE -d udp.port==61525,udpencap -d udp.port==61523,udpencap -d udp.port==10421,udpencap$' esp_sa
	run -1 grep -q udpencap <("$XFRMPAIR" --format wireshark --keys k 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null; "$XFRMPAIR" --format wireshark 192.0.2.1 198.51.100.7 2>/dev/null)
	# one file for all sides, by the name that Wireshark gives it
	"$XFRMPAIR" --format wireshark --keys k -o w "$A" "$B" 2>said
	[ "$(cat said)" = "$keys" ]
	[ "$(stat -c %a w/esp_sa)" = 600 ]
	[ "$(ls w)" = esp_sa ]
	diff esp_sa w/esp_sa
	warned "$keys
xfrmpair: --format: warning: the keys are new and no script has them (expected --keys FILE)" --format wireshark "$A" "$B"
	[ "$(grep -vc '^#' <<<"$output")" -eq 2 ]
	# names and auto are no addresses, and need none
	warned "$keys" --format wireshark --save-keys n auto:1@85.9.8.7+10.1.0.0/24 192.168.2.9:1@home.example.org
	[ "$("$XFRMPAIR" --format wireshark "[2001:db8::1]:1" "[2001:db8::2]:1" 2>/dev/null | rows_of | cut -d, -f1-3 | uniq)" = '"IPv6","*","*"' ]
	# a mesh, a star
	[ "$("$XFRMPAIR" --format wireshark "$A" "$B" "$C" 2>/dev/null | rows_of | wc -l)" -eq 6 ]
	[ "$("$XFRMPAIR" --format wireshark --star "$A" "$B" "$C" 2>/dev/null | rows_of | wc -l)" -eq 4 ]
	# one SPI with two keys, as receivers may have it
	printf '%s\n' "a b 1 0x1001 0x$(printf '01%.0s' {1..36})" "b a 1 0x1001 0x$(printf '02%.0s' {1..36})" >twins
	chmod 600 twins
	[ "$("$XFRMPAIR" --format wireshark --keys twins "$A" "$B" 2>/dev/null | rows_of | cut -d, -f1-4 | sort)" = '"IPv4","*","31.1.2.3","0x00001001"
"IPv4","*","85.9.8.7","0x00001001"' ]
}

# bats test_tags=script
@test "the verb wireshark prints the rows of --format wireshark, for every kind of cipher, in every shell" {
	local shell
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state XFRMKEEP=${XFRMPAIR%/*}/xfrmkeep
	for cipher in aes256gcm16 aes256-sha512 null-sha256; do
		"$XFRMPAIR" --force --cipher $cipher --save-keys k -o t "$A" "$B" 2>/dev/null
		"$XFRMPAIR" --cipher $cipher --format wireshark --keys k "$A" "$B" 2>/dev/null >table
		for shell in dash 'busybox ash' bash mksh; do
			$shell t/b.sh wireshark >own 2>said
			[ "$(cat said)" = 'b: warning: the table contains keys: anyone who has it can decrypt the traffic' ]
			# of a pair's secret those too that the other side may send with already
			rows_of table | sort | comm -23 - <(rows_of own | sort) >lacks
			[ ! -s lacks ]
			[ "$(rows_of own | sort -u | wc -l)" -eq 3 ]
		done
		[ "$(grep -c "^# 0x[0-9a-f]*: \(a to b, epoch [12]\|b to a, epoch 1\)$" own)" -eq 3 ]
		# the command that goes with it
		[ "$(sed -n 's/.*TRUE//p' own | xargs -n 2 | sort)" = "$(sed -n 's/.*TRUE//p' table | xargs -n 2 | sort)" ]
	done
	# without xfrmkeep one line says what is missing
	for shell in "${all_shells[@]}"; do
		for verb in wireshark check rekey follow mend 'capture x' 'update-peer 192.0.2.1:4500'; do
			# shellcheck disable=SC2086 # words
			XFRMKEEP=none gives $shell t/a.sh $verb
			[ "$status $output$stderr" = "2 a: '${verb% *}' needs xfrmkeep beside t/a.sh or in PATH" ]
		done
		for option in --no-helper --map --forward --nat-exempt --wait --local; do
			XFRMKEEP=none gives $shell t/a.sh up $option 5
			[ "$status $output$stderr" = "2 a: '$option' needs xfrmkeep beside t/a.sh or in PATH" ]
		done
	done
	[ ! -e run ]
}

@test "--format wireshark: every cipher by its name in Wireshark 4.0, or refused if it has none" {
	local name words auth digits auth_digits
	"$XFRMPAIR" --list-ciphers | awk 'NR > 1 && NF == 9 { print $1, 2 * ($4 + $5), 2 * $6 }' >ciphers
	[ "$(wc -l <ciphers)" -eq 26 ]
	while read -r name digits auth_digits; do
		case $name in
		*gcm*) words="AES-GCM with $((10#${name##*gcm})) octet ICV [RFC4106]" ;;
		aes*ctr-*) words='AES-CTR [RFC3686]' ;;
		null-*) words=NULL ;;
		aes*-sha*) words='AES-CBC [RFC3602]' ;;
		*)
			run -2 "$XFRMPAIR" --format wireshark --cipher "$name" "$A" "$B"
			continue
			;;
		esac
		case $name in *-sha1) auth='HMAC-SHA-1-96 [RFC2404]' ;; *-sha256) auth='HMAC-SHA-256-128 [RFC4868]' ;; *-sha384) auth='HMAC-SHA-384-192 [RFC4868]' ;; *-sha512) auth='HMAC-SHA-512-256 [RFC4868]' ;; *) auth=NULL ;; esac
		"$XFRMPAIR" --format wireshark --cipher "$name" "$A" "$B" 2>/dev/null | rows_of |
			sed "s/0x[0-9a-f]\{$digits\}\",\"$(sed 's/[][]/\\&/g' <<<"$auth")/KEY\",\"$auth/; s/,\"0x[0-9a-f]\{8\}\",/,SPI,/; s/\"0x[0-9a-f]\{$auth_digits\}\"$/\"AUTH\"/" | uniq >row
		key=KEY authentic=AUTH; [ "$digits" != 0 ] || key=''; [ "$auth_digits" != 0 ] || authentic=''
		[ "$(cat row)" = "\"IPv4\",\"*\",\"*\",SPI,\"$words\",\"$key\",\"$auth\",\"$authentic\"" ] || { echo "$name:"; cat row; return 1; }
	done <ciphers
}

@test "three examples are what the generator writes today" {
	for folder in "$BATS_TEST_DIRNAME"/../examples/*/; do
		compgen -G "$folder*.head" >heads || continue
		rm -rf out keys
		install -m 600 "$folder/keys" keys
		"$XFRMPAIR" -f "$folder/tunnel.conf" --keys keys -o out
		for script in out/*.sh; do head_of "$script" >"${script%.sh}.head"; done
		# one example has the whole script of one side
		case $folder in */howto/) rm out/b.sh ;; *) rm out/*.sh ;; esac
		diff -r -x tunnel.conf -x keys "$folder" out
		echo "$folder" >>compared
	done
	[ "$(wc -l <compared)" -eq 3 ]
}

# bats test_tags=script
@test "the scripts of every example pass shellcheck, and parse under dash, busybox ash, bash and mksh" {
	local folder script shell
	for folder in "$BATS_TEST_DIRNAME"/../examples/*/; do
		[ -e "$folder/tunnel.conf" ] || continue
		install -m 600 "$folder/keys" keys
		"$XFRMPAIR" -f "$folder/tunnel.conf" --keys keys -o "$(basename "$folder")"
	done
	[ "$(echo */*.sh | wc -w)" -ge 40 ]
	for script in */*.sh; do
		for shell in dash 'busybox ash' bash mksh; do $shell -n "$script"; done
	done
	shellcheck */*.sh
}

@test "every command in xfrmpair(1) and xfrmpair.conf(5) works as typed" {
	local manuals=("$BATS_TEST_DIRNAME"/../gen/xfrmpair.{1,conf.5}) derived
	PATH=${XFRMPAIR%/*}:$PATH
	# the tunnel file that is shown
	sed -n '/^# home\.conf$/,/^\.Ed$/{/^\.Ed$/!p}' "${manuals[1]}" >home.conf
	# displays whose first word is xfrmpair; \e is how a manual writes the backslash at the end of a line
	awk '/^\.Bd/ { shown = 1 } /^\.Ed/ { shown = 0; more = 0 }
		shown && (more || /^xfrmpair /) { more = sub(/\\e$/, ""); printf "%s%s", $0, more ? "" : "\n" }' "${manuals[@]}" >commands
	[ "$(wc -l <commands)" -ge 20 ]
	while IFS= read -r command; do
		echo "$command"
		sh -c "$command" </dev/null
	done <commands
	# the line that prints keys, and the same pair in both runs with one key file
	derived=$(sh -c "$(sed -n '/^echo "xfrmpair key home office 1/,/sha256sum/p' "${manuals[1]}")")
	grep -q "0x${derived:0:40} .*# to office, epoch 1" first/home.sh
	grep -q "0x${derived:0:40} .*# to office, epoch 1" second/home.sh
	# and yields the sizes that it promises
	grep -q ' of up to 1338 bytes, on a path of 1400' small/a.sh
	grep -q ' of up to 1438 bytes, on a path of 1500' pair/a.sh
	grep -q ' of up to 1446 bytes, on a path of 1500' plain/a.sh
	grep -q ' of up to 1458 bytes, on a path of 1500' gre/a.sh
	# with 16-byte blocks 16 bytes more fit without NAT, or none
	"$XFRMPAIR" -n --format script --cipher aes256-sha256 192.0.2.1:4500 198.51.100.7:4500 | grep -q ' of up to 1422 bytes, on a path of 1500'
	"$XFRMPAIR" -n --format script --cipher aes256-sha256 192.0.2.1 198.51.100.7 | grep -q ' of up to 1438 bytes, on a path of 1500'
	"$XFRMPAIR" -n --format script --cipher aes256-sha256 --mtu 1400 192.0.2.1:4500 198.51.100.7:4500 | grep -q ' of up to 1326 bytes, on a path of 1400'
	"$XFRMPAIR" -n --format script --cipher aes256-sha256 --mtu 1400 192.0.2.1 198.51.100.7 | grep -q ' of up to 1326 bytes, on a path of 1400'
}

@test "the manual has every option that --help has, and no other" {
	"$XFRMPAIR" --help | grep -o '^  [- ][a-zA-Z ][, ] --[a-z-]*' | sed 's/.*--//' | sort >help
	sed -n '/^\.Sh OPTIONS/,/^\.Sh ENDPOINT/s/^\.It Fl \(. , \)\{0,1\}-\([a-z-]*\).*/\2/p' "$BATS_TEST_DIRNAME/../gen/xfrmpair.1" | sort >manual
	grep -qx cipher help
	diff help manual
}
