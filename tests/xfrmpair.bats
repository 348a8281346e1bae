# The generator: what it takes, what it refuses, what it writes. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair
}
setup() {
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	A=192.168.1.4:61525@85.9.8.7
	B=192.168.2.100:61523@31.1.2.3:10421
	C=10.0.0.1:4500@5.6.7.8
}

# refused MESSAGE ARGUMENT...: status 2, exactly this one line, nothing on stdout and nothing written
refused() {
	local message=$1
	shift
	find . >../before
	run --separate-stderr "$XFRMPAIR" "$@"
	find . >../after
	echo "status $status, said: $stderr"
	[ "$status" -eq 2 ]
	[ "$stderr" = "xfrmpair: $message" ]
	[ -z "$output" ]
	cmp ../before ../after
}

# warned MESSAGE ARGUMENT...: written, with exactly this to say
warned() {
	local message=$1
	shift
	run --separate-stderr "$XFRMPAIR" "$@"
	echo "status $status, said: $stderr"
	[ "$status" -eq 0 ]
	[ "$stderr" = "$message" ]
	[ -n "$output" ]
}
# fine ARGUMENT...: the control of a refusal: written, with nothing to say
fine() { warned '' "$@"; }

@test "a bad address is refused" {
	refused "side 1: address '192.168.1': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" 192.168.1:1 "$B"
	refused "side 2: address 'host': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" "$A" host:1
	refused "side 1: address '': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" "" "$B"
	refused "side 1: address '192.168.1.4.5': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" 192.168.1.4.5:1 "$B"
	refused "side 1: address '192.168.1.256': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" 192.168.1.256:1 "$B"
}

@test "octets with leading zeros are refused" {
	refused "side 1: address '192.168.01.4': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" 192.168.01.4:1 "$B"
	refused "side 2: address '031.1.2.3': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" "$A" 192.168.2.100:1@031.1.2.3
}

@test "ports that are none are refused" {
	refused "side 1: port '0': want 1 to 65535" 192.168.1.4:0@85.9.8.7 "$B"
	refused "side 1: port '70000': want 1 to 65535" 192.168.1.4:70000@85.9.8.7 "$B"
	refused "side 2: port '': want 1 to 65535" "$A" 192.168.2.100:61523@31.1.2.3:
	refused "side 2: port '10421x': want 1 to 65535" "$A" 192.168.2.100:61523@31.1.2.3:10421x
	refused "side 2: port '-1': want 1 to 65535" "$A" 192.168.2.100:-1@31.1.2.3
	refused "side 2: port '061523': want 1 to 65535" "$A" 192.168.2.100:061523@31.1.2.3
	refused "side 2: port '18446744073709551617': want 1 to 65535" "$A" 192.168.2.100:18446744073709551617
}

@test "a port on one side only is refused" {
	refused "side 2: b: no port, but another side has one; want a port on every side, or none for plain ESP" "$A" 192.168.2.100@31.1.2.3
	refused "side 2: port 10421 of the mapped endpoint alone: want one on the local address too" "$A" 192.168.2.100@31.1.2.3:10421
}

@test "two sides with one name or one endpoint are refused" {
	refused "side 2: name 'a': another side has it; want a name of its own" "a=$A" "a=$B"
	refused "side 2: name 'b': another side has it; want a name of its own" "b=$A" "$B"
	refused "side 2: a and b have one endpoint 85.9.8.7:61525: want one for each side" "$A" 192.168.2.100:1@85.9.8.7:61525
	refused "side 2: a and b have one endpoint 192.0.2.1:1: want one for each side" 192.0.2.1:1 192.0.2.1:1
}

@test "overlapping protected nets are refused, with what to do" {
	local todo="which overlap: want different nets; give one side another LAN address, or each side one of its own with --inner 10.99.0.0/24"
	refused "side 2: a protects 192.168.1.10/32 and b protects 192.168.1.10/32, $todo" 192.168.1.10:1@85.9.8.7 192.168.1.10:1@31.1.2.3
	refused "side 2: a protects 10.0.0.0/8 and b protects 10.2.0.0/16, $todo" "$A+10.0.0.0/8" "$B+10.2.0.0/16"
	refused "side 3: b protects 192.168.2.100/32 and c protects 192.168.2.0/24, $todo" "$A" "$B" 10.0.0.1:1@5.6.7.8+192.168.2.0/24
	refused "side 1: net '10.1.0.0/16': overlaps 10.0.0.0/8 of the same side; want each address once" "$A+10.0.0.0/8+10.1.0.0/16" "$B"
}

@test "different hosts of what looks like one /24 get a warning" {
	run --separate-stderr "$XFRMPAIR" 192.168.1.4:1@85.9.8.7 192.168.1.10:1@31.1.2.3
	[ "$status" -eq 0 ]
	[ "$stderr" = "xfrmpair: side 2: warning: a (192.168.1.4) and b (192.168.1.10) look like one /24: these two hosts reach each other, other hosts of the two LANs do not" ]
}

@test "equal mapped addresses are refused, and --hairpin allows them" {
	refused "side 2: a and b have one mapped address 85.9.8.7, so they are behind the same NAT: want --lan, to use their local addresses, or --hairpin if the NAT turns packets around" \
		192.168.1.4:1@85.9.8.7:11 192.168.1.5:2@85.9.8.7:12
	run --separate-stderr "$XFRMPAIR" --hairpin 192.168.1.4:1@85.9.8.7:11 192.168.1.5:2@85.9.8.7:12
	[ "$status" -eq 0 ]
	[[ "$output" == *"dst 85.9.8.7 "* ]]
}

@test "mapped addresses that the internet cannot see are refused" {
	for address in 0.0.0.0 127.0.0.1 224.0.0.1 239.255.255.255 255.255.255.255; do
		refused "side 1: mapped address '$address': unspecified, loopback, multicast or broadcast; want the address that the internet sees (natprobe prints it)" "192.168.1.4:1@$address" "$B"
	done
	for address in :: ::1 ff02::1 ::ffff:1.2.3.4; do
		refused "side 1: mapped address '$address': unspecified, loopback, multicast or broadcast; want the address that the internet sees (natprobe prints it)" "192.168.1.4:1@[$address]" "$B"
	done
}

@test "private and shared mapped addresses get a warning: labs do that" {
	for address in 10.1.2.3 172.16.0.1 172.31.255.255 192.168.9.9 100.64.0.1 100.127.255.255; do
		run --separate-stderr "$XFRMPAIR" "192.168.1.4:1@$address" "$B"
		[ "$status" -eq 0 ]
		[ "$stderr" = "xfrmpair: side 1: warning: mapped address $address is private: a second NAT hides this side, unless this is a lab" ]
	done
	for address in 11.0.0.1 172.32.0.1 100.128.0.1; do
		run --separate-stderr "$XFRMPAIR" "192.168.1.4:1@$address" "$B"
		[ "$status" -eq 0 ]
		[ -z "$stderr" ]
	done
}

@test "prefixes with host bits or a wrong length are refused" {
	refused "side 1: net '10.1.0.1/16': host bits are set; want 10.1.0.0/16" "$A+10.1.0.1/16" "$B"
	refused "side 1: net '2001:db8::1/32': host bits are set; want 2001:db8::/32" "$A+2001:db8::1/32" "$B"
	refused "side 1: net '10.1.0.0/33': want a prefix length from 0 to 32" "$A+10.1.0.0/33" "$B"
	refused "side 1: net '10.1.0.0/': want a prefix length from 0 to 32" "$A+10.1.0.0/" "$B"
	refused "side 1: net '10.1.0.0/016': want a prefix length from 0 to 32" "$A+10.1.0.0/016" "$B"
	refused "side 1: net '': want a prefix like 10.1.0.0/16 or 2001:db8:1::/48" "$A+" "$B"
}

@test "an unknown cipher is refused with the known ones" {
	refused "--cipher: cipher 'rot13': want one that --list-ciphers prints, like aes256gcm16 or aes128gcm16" --cipher rot13 "$A" "$B"
}

@test "one side only, and none, are refused" {
	refused "one side only: want at least two, like 192.168.1.4:4500@85.9.8.7 192.168.2.100:4500@31.1.2.3" "$A"
	refused "no side: want at least two, like 192.168.1.4:4500@85.9.8.7 192.168.2.100:4500@31.1.2.3"
}

@test "trailing junk is refused" {
	refused "side 1: address '85.9.8.7 ': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" "$A " "$B"
	refused "side 1: address '85.9.8.7@1.2.3.4': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" "$A@1.2.3.4" "$B"
	refused "side 1: endpoint '[2001:db8::1]x': want ADDRESS:PORT" '[2001:db8::1]x' "$B"
	refused "side 1: address '2001:db8::1': write an IPv6 address in brackets, [2001:db8::1]:4500" 2001:db8::1 "$B"
	refused "side 1: address '[2001:db8::1': the bracket is not closed" '[2001:db8::1' "$B"
	refused "side 1: address '[192.0.2.1]:5': brackets are for IPv6 addresses" '[192.0.2.1]:5' "$B"
}

@test "control characters are refused, and never reach the terminal" {
	refused "side 1: address '192.168.1.4\\x1b[31m': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]" $'192.168.1.4\e[31m:1' "$B"
	refused "side 1: name 'a\\x0ab': want a lower-case letter, then at most 14 of a-z, 0-9 and -" $'a\nb=192.168.1.4:1' "$B"
	refused "side 1: name '\\xc3\\xa4': want a lower-case letter, then at most 14 of a-z, 0-9 and -" "ä=$A" "$B"
}

@test "bad names are refused" {
	for name in '' A 1a -a abcdefghijklmnop a_b 'a$b' 'a/b'; do
		refused "side 1: name '$name': want a lower-case letter, then at most 14 of a-z, 0-9 and -" -- "$name=$A" "$B"
	done
}

@test "every option that is unknown is refused with the usage" {
	for option in --frobnicate -x; do
		run --separate-stderr "$XFRMPAIR" "$option" "$A" "$B"
		[ "$status" -eq 2 ]
		[ "$stderr" = "xfrmpair: option '$option': not known
usage: xfrmpair [OPTION]... SIDE SIDE [SIDE]...
       xfrmpair [OPTION]... -f FILE" ]
	done
	run --separate-stderr "$XFRMPAIR" "$A" "$B" --cipher
	[ "$status" -eq 2 ]
	[ "${stderr_lines[0]}" = "xfrmpair: option '--cipher': want a value after it" ]
	refused "--format: format 'xml': want script or paste" --format xml "$A" "$B"
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
	[ "$stderr" = "xfrmpair: wrote t/a.sh, for the host 192.168.1.4: start it first
xfrmpair: wrote t/b.sh, for the host 192.168.2.100" ]
	[ "$(stat -c '%a %n' t t/*)" = "700 t
600 t/a.sh
600 t/b.sh" ]
}

@test "an existing file is kept without --force, also on the second side" {
	mkdir t
	echo precious >t/b.sh
	run --separate-stderr "$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$status" -eq 1 ]
	[ "$stderr" = "xfrmpair: t/b.sh: exists; --force replaces it, -o another folder leaves it" ]
	[ "$(ls -A t)" = b.sh ]
	[ "$(cat t/b.sh)" = precious ]
	[ ! -e k ]
	"$XFRMPAIR" -o t --force "$A" "$B"
	[ "$(ls -A t)" = "a.sh
b.sh" ]
	grep -q KEYS t/b.sh
}

@test "with --force a failure puts the old files back" {
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

@test "standard output that takes nothing is a failure" {
	"$XFRMPAIR" "$A" "$B" >/dev/full 2>said && status=0 || status=$?
	[ "$status" -eq 1 ]
	[ "$(cat said)" = "xfrmpair: standard output: No space left on device" ]
}

@test "a dry run prints what would be written and writes nothing" {
	"$XFRMPAIR" --save-keys k -o t "$A" "$B"
	run --separate-stderr "$XFRMPAIR" -n --keys k -o u --save-keys l "$A" "$B"
	[ "$status" -eq 0 ]
	[ ! -e u ] && [ ! -e l ]
	{ echo "# u/a.sh:"; cat t/a.sh; echo "# u/b.sh:"; cat t/b.sh; echo "# l:"; cat k; } | diff - <(echo "$output")
}

# of a script: its digest, its reqids, its head and its program
digest() { sed -n 's/^name=.* digest=\([^ ]*\) .*/\1/p' "$1"; }
reqids() { sed -n "s/^peers='\(.*\)'.*/\1/p" "$1" | tr ' ' '\n' | cut -d@ -f2; }
head_of() { sed '/^# ---- program/,$d' "$1"; }
program_of() { sed -e '1,/^# ---- program/d' -e '/^# ---- keys/,$d' "$1"; }

@test "every run has fresh keys, SPIs, reqids and digest, and one key per direction" {
	for i in 1 2 3 4; do
		"$XFRMPAIR" -o "t$i" --save-keys "k$i" "$A" "$B"
		cut -d' ' -f4 "k$i" | grep -v '^keys' >>spis
		cut -d' ' -f5 "k$i" | grep -v '^keys' >>keys
		digest "t$i/a.sh" >>digests
		reqids "t$i/a.sh" >>reqids
	done
	for file in keys digests reqids; do
		[ -s $file ]
		[ -z "$(sort $file | uniq -d)" ]
	done
	[ "$(grep -c '^0x[0-9a-f]\{72\}$' keys)" -eq 8 ]
	[ "$(grep -c '^0x[0-9a-f]\{8\}$' spis)" -eq 8 ]
	run ! grep -q '^0x000000' spis
}

@test "the digest and the reqid are the same on both sides, the digest is 8 hexadecimal digits" {
	"$XFRMPAIR" -o t "$A" "$B"
	[[ "$(digest t/a.sh)" =~ ^[0-9a-f]{8}$ ]]
	[ "$(digest t/b.sh)" = "$(digest t/a.sh)" ]
	[ -n "$(reqids t/a.sh)" ]
	[ "$(reqids t/b.sh)" = "$(reqids t/a.sh)" ]
}

@test "a side's own mapped endpoint appears in its comments only, and every mirror holds" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	for side in a b; do grep -v '^#' t/$side.sh >code.$side; done
	run ! grep -q '85\.9\.8\.7' code.a
	run ! grep -q '31\.1\.2\.3\|10421' code.b
	sh t/a.sh -n up >a
	sh t/b.sh -n up >b
	read -r _ _ _ ab _ <<<"$(grep '^a b' k)"
	read -r _ _ _ ba _ <<<"$(grep '^b a' k)"
	grep -q "state add src 192.168.1.4 dst 31.1.2.3 proto esp spi $ab .* encap espinudp 61525 10421 0.0.0.0" a
	grep -q "state add src 31.1.2.3 dst 192.168.1.4 proto esp spi $ba .* encap espinudp 10421 61525 0.0.0.0" a
	grep -q "state add src 192.168.2.100 dst 85.9.8.7 proto esp spi $ba .* encap espinudp 61523 61525 0.0.0.0" b
	grep -q "state add src 85.9.8.7 dst 192.168.2.100 proto esp spi $ab .* encap espinudp 61525 61523 0.0.0.0" b
}

@test "where a protected net covers an outer endpoint, the UDP flow is let past" {
	"$XFRMPAIR" -o t 192.0.2.1:4500 198.51.100.2:4501
	sh t/a.sh -n up >a
	[ "$(grep 'proto 17' a | sort)" = "ip xfrm policy add src 192.0.2.1/32 dst 198.51.100.2/32 proto 17 sport 4500 dport 4501 dir out priority 1000
ip xfrm policy add src 198.51.100.2/32 dst 192.0.2.1/32 proto 17 sport 4501 dport 4500 dir in priority 1000" ]
	"$XFRMPAIR" -o u "$A" "$B"
	run ! grep -q 'proto 17' <(sh u/a.sh -n up)
}

@test "a key file makes two runs the same" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	[ "$(stat -c %a k)" = 600 ]
	"$XFRMPAIR" -o u --keys k "$A" "$B"
	diff -r t u
}

@test "a key file that others can read is refused" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	chmod 640 k
	refused "k: others than its owner can use it (mode 0640): want 0600, chmod 600 it and think of fresh keys" --keys k "$A" "$B"
	refused "missing: No such file or directory: want a key file that can be read" --keys missing "$A" "$B"
}

keys() {
	printf '%s\n' "$@" >k
	chmod 600 k
}
@test "bad lines of a key file are refused, the key itself never shown" {
	K=0x$(printf '%072d' 7)
	keys "a b 1 0x100 $K" "b a 1 0x100 0x00"
	refused "k:2: key: want 0x and 72 lower-case hexadecimal digits for aes256gcm16, the salt at the end" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "b a 1 0x100 ${K}00"
	refused "k:2: key: want 0x and 72 lower-case hexadecimal digits for aes256gcm16, the salt at the end" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "b a 1 0x100 0x${K#0x0}A"
	refused "k:2: key: want 0x and 72 lower-case hexadecimal digits for aes256gcm16, the salt at the end" --keys k "$A" "$B"
	keys "a b 1 0xff $K"
	run --separate-stderr "$XFRMPAIR" --keys k "$A" "$B"
	[ "$status" -eq 2 ]
	[ "${stderr_lines[0]}" = "xfrmpair: k:1: SPI: want 0x100 to 0xffffffff in lower-case hexadecimal" ]
	keys "a b 1 0x100 $K" "b c 1 0x100 $K"
	refused "k:2: second word: want the name of one of the sides, like a" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "a b 1 0x101 $K"
	refused "k:2: a second key from a to b: want one line per direction" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "a a 1 0x101 $K"
	refused "k:2: from a to itself: want two sides" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "b a one 0x101 $K"
	refused "k:2: epoch: want 1" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "b a 1 0x100"
	refused "k:2: 4 words: want FROM TO EPOCH SPI KEY for aes256gcm16" --keys k "$A" "$B"
	keys "a b 1 0x100 $K" "b a 1 0x100 $K junk"
	refused "k:2: 6 words: want FROM TO EPOCH SPI KEY for aes256gcm16" --keys k "$A" "$B"
	keys "a b 1 0x100 $K"
	refused 'k: no key from b to a: want a line `b a 1 SPI KEY`' --keys k "$A" "$B"
}

@test "an SPI is never twice on the side that receives with it" {
	K=0x$(printf '%072d' 7)
	keys "a b 1 0x100 $K" "b a 1 0x100 $K" "c b 1 0x100 $K"
	refused "k:3: SPI: b receives with it already; want another" --keys k "$A" "$B" 10.0.0.1:1@5.6.7.8
}

@test "one key for both directions gets a warning" {
	K=0x$(printf '%072d' 7)
	keys "a b 1 0x100 $K" "b a 1 0x100 $K"
	run --separate-stderr "$XFRMPAIR" --keys k "$A" "$B"
	[ "$status" -eq 0 ]
	[ "$stderr" = "xfrmpair: k: warning: one key for two directions: fit for an experiment only" ]
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

@test "the command line goes before the tunnel file" {
	conf '[tunnel]' 'cipher = aes128gcm16' '[side a]' 'local = 192.168.1.4:1' '[side b]' 'local = 192.0.2.1:1'
	[[ "$("$XFRMPAIR" -f t.conf --cipher aes128gcm12)" == *" 96"* ]]
}

@test "every bad line of a tunnel file is reported with file and line, then nothing is written" {
	conf 'stray = 1' '[tunnel' '[tunnel]' 'cypher = x' 'esn = maybe' 'force = yes' '[tunnel]' '[side A]' 'locale = 1' '[side a]' 'local = 1.2.3.4:0' \
		'local = 1.2.3.4:5' 'mapped = 1' 'mapped = 2' 'net = 10.0.0.1/8' 'junk' '[side b]' 'mapped = 1.2.3.4' "$(printf 'bell\a')"
	run --separate-stderr "$XFRMPAIR" -f t.conf -o t
	[ "$status" -eq 2 ]
	diff - <(echo "$stderr") <<'END'
xfrmpair: t.conf:1: key 'stray': want a section [tunnel] or [side NAME] before it
xfrmpair: t.conf:2: section '[tunnel': want [tunnel] or [side NAME] alone on the line
xfrmpair: t.conf:4: key 'cypher': not one of a tunnel file's; want one of the long options
xfrmpair: t.conf:5: esn 'maybe': want yes or no
xfrmpair: t.conf:6: key 'force': not one of a tunnel file's; want one of the long options
xfrmpair: t.conf:7: section [tunnel]: given before; want it once
xfrmpair: t.conf:8: name 'A': want a lower-case letter, then at most 14 of a-z, 0-9 and -
xfrmpair: t.conf:9: key 'locale': want local, mapped or net for a side
xfrmpair: t.conf:11: port '0': want 1 to 65535
xfrmpair: t.conf:12: key 'local': given before; want it once for a side
xfrmpair: t.conf:13: address '1': want IPv4 like 192.0.2.1 (no leading zeros) or IPv6 like [2001:db8::1]
xfrmpair: t.conf:14: key 'mapped': given before; want it once for a side
xfrmpair: t.conf:15: net '10.0.0.1/8': host bits are set; want 10.0.0.0/8
xfrmpair: t.conf:16: 'junk': want KEY = VALUE, [tunnel] or [side NAME]
xfrmpair: t.conf:19: 'bell\x07': a control character; want plain text with Unix line ends
xfrmpair: t.conf:17: side b has no local: want a line `local = ADDRESS:PORT`
END
	[ ! -e t ]
}

@test "values that are none are reported beside the other bad lines, in the order of lines" {
	conf '[tunnel]' 'cipher = nonsense' 'cypher = x' 'mtu = 99' 'inner = 10.99.0.1/24' 'interface = Ipsec0' 'lan = yes' 'hairpin = yes' 'format = xml' \
		'[side a]' 'local = 1.2.3.4:0' '[side b]' 'local = 192.0.2.1:1'
	run --separate-stderr "$XFRMPAIR" -f t.conf -o t
	[ "$status" -eq 2 ]
	diff - <(echo "$stderr") <<'END'
xfrmpair: t.conf:2: cipher 'nonsense': want one that --list-ciphers prints, like aes256gcm16 or aes128gcm16
xfrmpair: t.conf:3: key 'cypher': not one of a tunnel file's; want one of the long options
xfrmpair: t.conf:4: number '99': want 576 to 65535
xfrmpair: t.conf:5: net '10.99.0.1/24': host bits are set; want 10.99.0.0/24
xfrmpair: t.conf:6: interface 'Ipsec0': want a lower-case letter, then at most 14 of a-z, 0-9, -, _ and .
xfrmpair: t.conf:11: port '0': want 1 to 65535
xfrmpair: t.conf:7: beside --hairpin: want one of them
xfrmpair: t.conf:9: format 'xml': want script or paste
END
	[ ! -e t ]
	# and what the command line says goes before, also before nonsense
	conf '[tunnel]' 'cipher = nonsense' '[side a]' 'local = 192.168.1.4:1' '[side b]' 'local = 192.0.2.1:1'
	fine -f t.conf --cipher aes128gcm16
}

@test "a duplicate key in a tunnel file is refused" {
	conf '[tunnel]' 'cipher = aes128gcm16' 'cipher = aes128gcm16' '[side a]' 'local = 192.168.1.4:1' '[side b]' 'local = 192.0.2.1:1'
	refused "t.conf:3: key 'cipher': given before (t.conf:2); want it once" -f t.conf
}

@test "a tunnel file that cannot be read, or sides beside it, are the caller's mistake" {
	refused "none.conf: No such file or directory: want a tunnel file that can be read" -f none.conf
	local long
	long=$(printf '%0100d' 0).conf # named whole, however long
	refused "$long: No such file or directory: want a tunnel file that can be read" -f "$long"
	mkdir folder
	refused "folder: Is a directory: want a tunnel file that can be read" -f folder
	conf '[side a]' 'local = 192.168.1.4:1' '[side b]' 'local = 192.0.2.1:1'
	refused "side '$A' beside -f t.conf: want the sides in the file or on the command line" -f t.conf "$A"
	printf '[tunnel]\n\0' >nul.conf
	refused "nul.conf: a NUL byte: want a text file" -f nul.conf
}

@test "three sides are a mesh: every script has both others" {
	"$XFRMPAIR" -o t "$A" "$B" 10.0.0.1:1@5.6.7.8
	for side in a b c; do
		[ "$(sh t/$side.sh -n up | grep -c 'state add')" -eq 4 ]
		[ "$(sh t/$side.sh -n up | grep -c 'policy add')" -eq 6 ]
	done
	sh t/c.sh -n up | grep -qx 'espdecap -d -u 65534 -b 10.0.0.1 1 85.9.8.7:61525 31.1.2.3:10421'
}

@test "the keys never show in what a script prints by -n" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	sh t/a.sh -n up >said
	for key in $(grep -o '0x[0-9a-f]\{72\}' k); do
		run ! grep -q "${key#0x}" said
	done
}

@test "the table of ciphers is this one" {
	run --separate-stderr "$XFRMPAIR" --list-ciphers
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	diff - <(echo "$output") <<'END'
name              encryption (kernel)            integrity      key salt auth  icv  iv block
aes256gcm16       rfc4106(gcm(aes))              -               32    4    0  128   8     4
aes256gcm12       rfc4106(gcm(aes))              -               32    4    0   96   8     4
aes256gcm8        rfc4106(gcm(aes))              -               32    4    0   64   8     4
aes192gcm16       rfc4106(gcm(aes))              -               24    4    0  128   8     4
aes192gcm12       rfc4106(gcm(aes))              -               24    4    0   96   8     4
aes192gcm8        rfc4106(gcm(aes))              -               24    4    0   64   8     4
aes128gcm16       rfc4106(gcm(aes))              -               16    4    0  128   8     4
aes128gcm12       rfc4106(gcm(aes))              -               16    4    0   96   8     4
aes128gcm8        rfc4106(gcm(aes))              -               16    4    0   64   8     4
aes256ccm16       rfc4309(ccm(aes))              -               32    3    0  128   8     4
aes128ccm16       rfc4309(ccm(aes))              -               16    3    0  128   8     4
chacha20poly1305  rfc7539esp(chacha20,poly1305)  -               32    4    0  128   8     4
aes256-sha1       cbc(aes)                       hmac(sha1)      32    0   20   96  16    16
aes256-sha256     cbc(aes)                       hmac(sha256)    32    0   32  128  16    16
aes256-sha384     cbc(aes)                       hmac(sha384)    32    0   48  192  16    16
aes256-sha512     cbc(aes)                       hmac(sha512)    32    0   64  256  16    16
aes192-sha1       cbc(aes)                       hmac(sha1)      24    0   20   96  16    16
aes192-sha256     cbc(aes)                       hmac(sha256)    24    0   32  128  16    16
aes192-sha384     cbc(aes)                       hmac(sha384)    24    0   48  192  16    16
aes192-sha512     cbc(aes)                       hmac(sha512)    24    0   64  256  16    16
aes128-sha1       cbc(aes)                       hmac(sha1)      16    0   20   96  16    16
aes128-sha256     cbc(aes)                       hmac(sha256)    16    0   32  128  16    16
aes128-sha384     cbc(aes)                       hmac(sha384)    16    0   48  192  16    16
aes128-sha512     cbc(aes)                       hmac(sha512)    16    0   64  256  16    16
aes128ctr-sha256  rfc3686(ctr(aes))              hmac(sha256)    16    4   32  128   8     4
null-sha256       ecb(cipher_null)               hmac(sha256)     0    0   32  128   0     4
key, salt, auth, iv and block in bytes, icv in bits; a key file has key and salt as one number
END
	# the control: each name is one that --cipher takes
	for name in $(echo "$output" | awk 'NR > 1 && NF == 9 { print $1 }'); do "$XFRMPAIR" --cipher "$name" "$A" "$B" >/dev/null 2>&1; done
}

@test "transport mode joins two hosts: it takes no net, inner address, interface or clamp" {
	refused "--mode: 'beet': want tunnel or transport" --mode beet "$A" "$B"
	refused "side 1: a: a +NET in transport mode, which joins two hosts; want --mode tunnel or no NET" --mode transport "$A+10.1.0.0/24" "$B"
	for option in "--interface ipsec0" "--inner 10.99.0.0/24"; do
		# shellcheck disable=SC2086 # words
		refused "--mode: transport mode joins two hosts by their outer addresses: want --mode tunnel, or neither --interface nor --inner" \
			--mode transport $option "$A" "$B"
	done
	refused "--clamp: transport mode carries nobody else's connections, and the kernel knows the MTU for its own: want --mode tunnel, or no --clamp" \
		--mode transport --clamp "$A" "$B"
	fine --mode transport "$A" "$B"
	fine --mode tunnel --interface ipsec0 --inner 10.99.0.0/24 --clamp "$A+10.1.0.0/24" "$B"
}

@test "--inner wants a prefix with an address for each side, beside the nets" {
	refused "--inner: prefix '10.99.0.0/31': too small for 2 sides; want one that is wider" --inner 10.99.0.0/31 "$A" "$B"
	refused "--inner: prefix '10.99.0.0/30': too small for 3 sides; want one that is wider" --inner 10.99.0.0/30 "$A" "$B" 10.0.0.1:1@5.6.7.8
	refused "--inner: prefix '10.99.0.1/32': too small for 2 sides; want one that is wider" --inner 10.99.0.1 "$A" "$B"
	refused "--inner: net '10.99.0.1/24': host bits are set; want 10.99.0.0/24" --inner 10.99.0.1/24 "$A" "$B"
	refused "--inner: prefix '0.0.0.0/0': no place for addresses of hosts; want one like 10.99.0.0/24" --inner 0.0.0.0/0 "$A" "$B"
	refused "--inner: net '224.0.0.0/8': holds loopback or multicast addresses; want what can be reached, or 0.0.0.0/0 for all" --inner 224.0.0.0/8 "$A" "$B"
	refused "side 1: a: --inner and a +NET of its own overlap: want another PREFIX" --inner 10.99.0.0/24 "$A+10.99.0.0/16" "$B"
	refused "side 2: a protects 10.99.0.1/32 and b protects 10.99.0.1/32, which overlap: want different nets; give one side another LAN address, or each side one of its own with --inner 10.99.0.0/24" \
		--inner 10.99.0.0/24 "$A" "$B+10.99.0.1"
	fine --inner 10.99.0.0/30 "$A" "$B"
	fine --inner fd00::/126 "$A" "$B"
	# two sides of one address, which would overlap without it
	"$XFRMPAIR" -o t --inner 10.99.0.0/24 192.168.1.4:1@85.9.8.7 192.168.1.4:1@31.1.2.3
	grep -q 'protects  10.99.0.2/32 <-> 10.99.0.1/32 (a)' t/b.sh
}

@test "an interface's name is one that the kernel takes and no shell does something with" {
	for name in Ipsec0 0x abcdefghijklmnop 'a b' '' a/b . .. 'a;b' 'a$b'; do
		refused "--interface: interface '$name': want a lower-case letter, then at most 14 of a-z, 0-9, -, _ and ." --interface "$name" "$A" "$B"
	done
	fine --interface abcdefghijklmno "$A" "$B"
	fine --interface ip-sec_0.1 "$A" "$B"
	refused "--guard: its policies catch only what is routed into the interface: want --guard without --interface, or a blackhole route of your own" \
		--interface ipsec0 --guard "$A" "$B"
	fine --guard "$A" "$B"
}

@test "--lan and --hairpin exclude each other, and --lan wants two hosts" {
	refused "--lan: beside --hairpin: want one of them" --hairpin --lan "$A" "$B"
	refused "side 2: a and b have one local address 192.168.1.4: want one for each side of a LAN" --lan --inner 10.99.0.0/24 \
		192.168.1.4:1@85.9.8.7:11 192.168.1.4:1@85.9.8.7:12
	fine --lan 192.168.1.4:1@85.9.8.7:11 192.168.1.5:2@85.9.8.7:12
	fine --hairpin 192.168.1.4:1@85.9.8.7:11 192.168.1.5:2@85.9.8.7:12
}

@test "numbers that are none, or too small or large, are refused" {
	for number in 575 65536 1500x -1 '' 0x5dc '1 500'; do refused "--mtu: number '$number': want 576 to 65535" --mtu "$number" "$A" "$B"; done
	for option in --limit-packets --limit-bytes; do
		for number in 0 -1 1k '' 1000000000000000000 18446744073709551617; do
			refused "$option: number '$number': want 1 to 999999999999999999" $option "$number" "$A" "$B"
		done
		fine $option 999999999999999999 "$A" "$B"
	done
	fine --mtu 576 "$A" "$B"
	fine --mtu 65535 "$A" "$B"
}

@test "limits are on what a side sends, not on what it receives" {
	"$XFRMPAIR" -o t --limit-packets 1000 --limit-bytes 2000000 "$A" "$B"
	sh t/a.sh -n up >a
	grep 'state add src 192.168.1.4 ' a | grep -q ' limit byte-hard 2000000 limit packet-hard 1000 '
	run ! grep -q 'state add src 31.1.2.3 .*limit' a
}

@test "--encap takes two words, and needs ports" {
	refused "--encap: 'gre': want espinudp or espinudp-nonike" --encap gre "$A" "$B"
	refused "--encap: without ports there is no UDP to encapsulate in; want a port on every side" --encap espinudp-nonike 192.0.2.1 198.51.100.2
	fine --encap espinudp "$A" "$B"
	"$XFRMPAIR" -o t --encap espinudp-nonike "$A" "$B"
	sh t/a.sh -n up >a
	[ "$(grep -c ' encap espinudp-nonike ' a)" -eq 2 ]
	grep -q '^espdecap -d -N ' a
	# eight bytes more in every packet
	grep -q '^#   MTU       1430 bytes fit inside, of 1500 outside$' t/a.sh
}

@test "a cipher that encrypts nothing gets a warning" {
	warned "xfrmpair: --cipher: warning: null-sha256 authenticates but encrypts nothing: everybody on the way can read" --cipher null-sha256 "$A" "$B"
}

@test "plain ESP behind NAT gets a warning, without NAT none" {
	warned "xfrmpair: side 1: warning: a is behind NAT without a port: plain ESP passes few NATs; give every side a port
xfrmpair: side 2: warning: b is behind NAT without a port: plain ESP passes few NATs; give every side a port" 192.168.1.4@85.9.8.7 192.168.2.100@31.1.2.3
	fine 85.9.8.7 31.1.2.3
}

@test "everything is protected by one side at most, and not through an interface" {
	refused "side 2: a and b both protect everything: want it on one side" "$A+0.0.0.0/0" "$B+0.0.0.0/0"
	refused "side 3: a and c both protect everything: want it on one side" "$A+0.0.0.0/0" "$B" 10.0.0.1:1@5.6.7.8+::/0
	refused "side 2: b protects everything, through an interface: its default route is yours to set; want narrower nets, or no --interface" \
		--interface ipsec0 "$A" "$B+0.0.0.0/0"
	fine "$A" "$B+0.0.0.0/0"
	fine "$A+fd00::/64+10.1.0.0/24" "$B+0.0.0.0/0+::/0"
}

@test "loopback and multicast nets are refused, also as a part of wider ones" {
	for net in 127.0.0.0/8 127.0.0.1 126.0.0.0/7 224.0.0.0/4 239.1.2.3 0.0.0.0/1 128.0.0.0/1 ::1 ff02::/16 ::/1; do
		refused "side 1: net '$net': holds loopback or multicast addresses; want what can be reached, or 0.0.0.0/0 for all" "$A+$net" "$B"
	done
	fine "$A+128.0.0.0/2" "$B"
}

@test "sides of different families, outside or inside, are refused" {
	refused "side 2: a and b differ in address family: want both IPv4 or both IPv6" "$A" '[2001:db8::1]:4500'
	refused "side 1: local and mapped address differ in family: want both IPv4 or both IPv6" '192.168.1.4:1@[2001:db8::1]:1' "$B"
	refused "side 2: a and b protect no nets of one family: want IPv4 on both or IPv6 on both" "$A+10.1.0.0/24" "$B+fd00::/64"
	fine "$A+fd01::/64" "$B+fd00::/64"
}

@test "what is wrong about the tunnel as a whole is said of the tunnel file's line" {
	conf '[tunnel]' 'inner = 10.99.0.0/31' '[side a]' 'local = 192.168.1.4' '[side b]' 'local = 192.0.2.1'
	refused "t.conf:2: prefix '10.99.0.0/31': too small for 2 sides; want one that is wider" -f t.conf
	conf '[tunnel]' 'encap = espinudp-nonike' '[side a]' 'local = 192.168.1.4' '[side b]' 'local = 192.0.2.1'
	refused "t.conf:2: without ports there is no UDP to encapsulate in; want a port on every side" -f t.conf
	conf '[tunnel]' 'cipher = null-sha256' 'mtu = 99' 'limit-bytes = x' 'mode = x' 'hairpin = yes' 'lan = yes' '[side a]' 'local = 192.168.1.4' \
		'[side b]' 'local = 192.0.2.1'
	run --separate-stderr "$XFRMPAIR" -f t.conf
	[ "$status" -eq 2 ]
	diff - <(echo "$stderr") <<'END'
xfrmpair: t.conf:3: number '99': want 576 to 65535
xfrmpair: t.conf:4: number 'x': want 1 to 999999999999999999
xfrmpair: t.conf:5: 'x': want tunnel or transport
xfrmpair: t.conf:7: beside --hairpin: want one of them
xfrmpair: t.conf:2: warning: null-sha256 authenticates but encrypts nothing: everybody on the way can read
END
}

# pair FILE ONE TWO: the lines of the key file that are the pair's
pair() { awk -v one="$2" -v two="$3" '($1 == one && $2 == two) || ($1 == two && $2 == one)' "$1"; }
# commands FOLDER SIDE OTHER-OUTER: what that side's script does for one peer
commands() { sh "$1/$2.sh" -n up | grep "$3" | grep -v '^espdecap'; }

@test "--save-keys beside --keys: a side more, or less, changes no other pair's SAs" {
	"$XFRMPAIR" -o two --save-keys k2 "$A" "$B"
	"$XFRMPAIR" -o three --keys k2 --save-keys k3 "$A" "$B" "$C"
	# two lines of old, four fresh ones; nothing twice
	[ "$(grep -vc '^#' k3)" -eq 6 ]
	[ "$(pair k3 a b)" = "$(pair k2 a b)" ]
	[ -z "$(grep -v '^#' k3 | cut -d' ' -f5 | sort | uniq -d)" ]
	[ "$(commands two a 31.1.2.3 | wc -l)" -eq 5 ]
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
	[ "${stderr_lines[0]}" = 'xfrmpair: k2: no key from a to c: want a line `a c 1 SPI KEY`' ]
	# and fresh keys are other ones
	"$XFRMPAIR" -o fresh "$A" "$B" "$C"
	[ "$(commands fresh a 31.1.2.3)" != "$(commands two a 31.1.2.3)" ]
}

@test "--save-keys beside --keys: a side that moved changes only its own pairs" {
	"$XFRMPAIR" -o before --save-keys k "$A" "$B" "$C"
	"$XFRMPAIR" -o after --keys k --save-keys l "$A" "$B" "${C}:4777"
	[ "$(grep -v '^#' l)" = "$(grep -v '^#' k)" ]
	[ "$(commands after a 31.1.2.3)" = "$(commands before a 31.1.2.3)" ]
	[ "$(commands after b 85.9.8.7)" = "$(commands before b 85.9.8.7)" ]
	[ "$(sh after/c.sh -n up)" = "$(sh before/c.sh -n up)" ]
	# the control: of c's pairs the port is another, and nothing else
	[ "$(commands after a 5.6.7.8)" != "$(commands before a 5.6.7.8)" ]
	[ "$(commands after a 5.6.7.8)" = "$(commands before a 5.6.7.8 | sed -e 's/ 61525 4500 / 61525 4777 /' -e 's/ 4500 61525 / 4777 61525 /')" ]
}

@test "transport mode: two sides behind one NAT are one address to a third, and refused" {
	local D=192.168.1.5:61526@85.9.8.7
	local same="a and b are both 85.9.8.7 to c, which in transport mode could not tell their packets apart (RFC 3948, section 5.2): want --mode tunnel"
	for option in --lan --hairpin; do
		refused "side 2: $same" --mode transport $option "$A" "$D" "$C"
		fine $option "$A" "$D" "$C"
		fine --mode transport $option "$A" "$D"
	done
	refused "side 3: b and c are both 85.9.8.7 to a, which in transport mode could not tell their packets apart (RFC 3948, section 5.2): want --mode tunnel" \
		--mode transport --lan "$C" "$A" "$D"
	# all three on one LAN see each other's own address there; through the hairpin they do not
	fine --mode transport --lan "$A" "$D" 192.168.1.6:61527@85.9.8.7
	refused "side 2: $same
xfrmpair: side 3: $(sed 's/and b/and c/; s/to c/to b/' <<<"$same")" --mode transport --hairpin "$A" "$D" 192.168.1.6:61527@85.9.8.7
}

@test "an address of the link is private: a NAT, or a mistake" {
	warned "xfrmpair: side 1: warning: mapped address fe80::1 is private: a second NAT hides this side, unless this is a lab" \
		'[2001:db8::1]:1@[fe80::1]' '[2001:db8::2]:1'
}

@test "no two pairs of a mesh have one reqid: fresh keys are drawn again, given ones refused" {
	# a-b and a-c, found by trying
	keys "a b 1 0x100 0x$(printf %072d 1)" "b a 1 0x172fd 0x$(printf %072d 2)" \
		"a c 1 0x100 0x$(printf %072d 3)" "c a 1 0x1910 0x$(printf %072d 4)" \
		"b c 1 0x200 0x$(printf %072d 5)" "c b 1 0x200 0x$(printf %072d 6)"
	refused "k: the SPIs of a and b, and those of a and c, make one reqid, 1714915221: want fresh keys for one of these pairs" --keys k "$A" "$B" "$C"
	# one of them fresh
	grep -v 'a c\|c a' k >l
	chmod 600 l
	"$XFRMPAIR" --keys l --save-keys m -o t "$A" "$B" "$C"
	[ -z "$(reqids t/a.sh | sort | uniq -d)" ]
	# enough pairs for some to collide by chance, two times of three
	mapfile -t sides < <(mesh 300)
	"$XFRMPAIR" -o u "${sides[@]}"
	for file in u/*.sh; do reqids "$file"; done | sort | uniq -c | awk '$1 != 2 { bad = 1; print } END { exit bad || NR != 300 * 299 / 2 }'
}

# mesh N: that many sides
mesh() { for ((i = 1; i <= $1; i++)); do echo "10.$((i / 250)).$((i % 250)).1:4500@198.$((18 + i / 250)).$((i % 250)).7:$((1000 + i))"; done; }

@test "a mesh of 300 takes at most 3 seconds of a processor, on a machine that is not busy, and 64 MiB" {
	[ -z "${SANITIZE-}" ] || skip "sanitizers take their share"
	mapfile -t sides < <(mesh 300)
	run --separate-stderr "$(type -P time)" -f '%U %S %M %e' "$XFRMPAIR" -o t "${sides[@]}"
	[ "$status" -eq 0 ]
	[ "$(find t -name '*.sh' | wc -l)" -eq 300 ]
	read -r user system kib real <<<"${stderr_lines[-1]}"
	echo "# 300 sides: $user s and $system s of the processor, $real s in all, $kib KiB" >&3
	[ "$kib" -le 65536 ]
	# a second of a processor is worth less beside other suites and labs
	awk "BEGIN { exit !($user + $system <= ${BUSY:-3}) }"
}

# without_links CALL...: xfrmpair where the file system has none of these
without_links() {
	local calls=$1
	shift
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=link,linkat,renameat2,open,openat,fsync,rename,renameat \
		-e inject=link,linkat:error=EPERM ${calls:+-e inject=$calls:error=EINVAL} "$XFRMPAIR" "$@"
}
@test "a file system without hard links takes scripts too, and nothing is overwritten" {
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
		[ "$stderr" = "xfrmpair: t/b.sh: exists; --force replaces it, -o another folder leaves it" ]
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

@test "what is written is on the disk: each file, its folder, and the folder's own" {
	without_links '' -o t --save-keys k "$A" "$B"
	# a.sh, b.sh, the keys; t for them, . for k, . for t
	[ "$(grep -c '^[0-9]* *fsync([0-9]*) *= 0' trace)" -eq 6 ]
}

@test "a script is head, program and keys: the head tells the program by its checksum, and has no key" {
	"$XFRMPAIR" -o t --save-keys k "$A" "$B"
	for side in a b; do
		grep -qx "# ---- program xfrmpair [0-9.]*, parts [a-z ]*, cksum $(program_of t/$side.sh | cksum | cut -d' ' -f1)" t/$side.sh
		[ "$(sed -n '2s/\(..\).*/\1/p' t/$side.sh)" = '{ ' ]
		[ "$(tail -1 t/$side.sh)" = '}' ]
		# the rows of the key file, and no others
		[ "$(sed -n 's/^#key //p' t/$side.sh | sort)" = "$(grep -v '^#' k | sort)" ]
		[ "$(grep -c '0x[0-9a-f]\{16\}' t/$side.sh)" -eq 2 ]
	done
	# both have the same program: the parts as they stand, in a block that the linter's remark is about
	[ "$(program_of t/a.sh)" = "$(program_of t/b.sh)" ]
	local parts
	parts=$(sed -n 's/^# ---- program .*, parts \(.*\), cksum .*/\1/p' t/a.sh)
	program_of t/a.sh | sed -e '1,2d' -e '$d' | diff - <(for part in $parts; do cat "$BATS_TEST_DIRNAME/../templates/program/$part.sh"; done)
	# of three sides each has its own rows
	"$XFRMPAIR" -o u --save-keys l "$A" "$B" "$C"
	[ "$(sed -n 's/^#key //p' u/c.sh | sort)" = "$(grep '^[ab] c \|^c [ab] ' l | sort)" ]
}

@test "a tunnel has the parts that it needs, and up adds what it has parts for" {
	parts() { "$XFRMPAIR" --format script "$@" 2>/dev/null | sed -n "s/^# ---- program .*, parts \(.*\), cksum .*/\1/p; s/^parts='\(.*\)'.*/\1/p" | sed -n "1,2p"; }
	[ "$(parts "$A" "$B")" = "address routes helper
core look routes rules punch helper up down status main" ]
	[ "$(parts --mode transport 192.0.2.1 198.51.100.2)" = "
core look rules up down status main" ]
	[ "$(parts --interface ipsec0 --inner 10.99.0.0/24 --clamp "$A+10.1.0.0/24" "$B" "$C")" = "interface address routes forwarding clamp exempt helper
core look interface routes forwarding tables rules helper up down status main" ]
	[[ "$(parts "$A" "$B+0.0.0.0/0")" = "address routes neighbours exempt helper
core look routes neighbours tables rules punch helper up down status main" ]]
	[ "$(parts "$B+0.0.0.0/0" "$A")" = "routes forwarding exempt helper
core look routes forwarding tables rules punch helper up down status main" ]
}

@test "a script that was cut off anywhere is a syntax error, and does nothing" {
	"$XFRMPAIR" -o t "$A" "$B"
	local lines shell step
	lines=$(wc -l <t/a.sh)
	for shell in dash 'busybox ash' bash mksh; do
		case $shell in dash) step=1 ;; *) step=7 ;; esac
		for ((n = 2; n < lines; n += step)); do
			head -n $n t/a.sh >cut.sh
			run --separate-stderr $shell cut.sh -n up
			[ "$status" -ne 0 ] && [ -z "$output" ] || { echo "$shell, $n lines: status $status, $output"; return 1; }
		done
		head -n $((lines - 1)) t/a.sh >cut.sh
		run --separate-stderr $shell cut.sh -n up
		[ "$status" -ne 0 ] && [ -z "$output" ]
		# the control
		$shell t/a.sh -n up | grep -q 'state add'
	done
}

@test "a script for two hosts is short: 60 lines of head, 400 in all" {
	"$XFRMPAIR" -o t "$A" "$B"
	local head all
	head=$(head_of t/a.sh | wc -l) all=$(wc -l <t/a.sh)
	echo "# two hosts: $head lines of head, $all in all" >&3
	[ "$head" -le 60 ]
	[ "$all" -le 400 ]
}

# policies SIDE.. : of the last side's script the words after `xfrm policy add`, one a line
policies_of() { sed -e ':a' -e '/\\$/{N;s/ *\\\n */ /;ba' -e '}' "$1" | sed -n 's/^xfrm policy add //p' | sed 's/ tmpl.*/ tmpl/' | sort; }
@test "the guard blocks the other side's nets from any address, and lets the outer flow pass" {
	"$XFRMPAIR" -o t --guard "$A+10.1.0.0/24" "$B+10.2.0.0/24+fd02::/64"
	diff - <(policies_of t/a.sh) <<'END'
src 0.0.0.0/0 dst 10.2.0.0/24 dir out priority 4000 action block
src 10.1.0.0/24 dst 10.2.0.0/24 dir out priority 2000 tmpl
src 10.2.0.0/24 dst 0.0.0.0/0 dir fwd priority 4000 action block
src 10.2.0.0/24 dst 0.0.0.0/0 dir in priority 4000 action block
src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd priority 2000 tmpl
src 10.2.0.0/24 dst 10.1.0.0/24 dir in priority 2000 tmpl
src ::/0 dst fd02::/64 dir out priority 4000 action block
src fd02::/64 dst ::/0 dir fwd priority 4000 action block
src fd02::/64 dst ::/0 dir in priority 4000 action block
END
	# everything behind b: a reaches its own net, and b's outer endpoint; b's blocks are halves, for its tunnel's is whole
	"$XFRMPAIR" -o u --guard "$A+10.1.0.0/24" "$B+0.0.0.0/0"
	diff - <(policies_of u/a.sh) <<'END'
src $here/32 dst 31.1.2.3/32 proto 17 sport $port dport $port_1 dir out priority 1000
src 0.0.0.0/0 dst 0.0.0.0/0 dir fwd priority 4000 action block
src 0.0.0.0/0 dst 0.0.0.0/0 dir in priority 4000 action block
src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 4000 action block
src 0.0.0.0/0 dst 10.1.0.0/24 dir fwd priority 3000 tmpl
src 0.0.0.0/0 dst 10.1.0.0/24 dir in priority 3000 tmpl
src 0.0.0.0/0 dst 10.1.0.0/24 dir out priority 2500
src 10.1.0.0/24 dst 0.0.0.0/0 dir fwd priority 2500
src 10.1.0.0/24 dst 0.0.0.0/0 dir in priority 2500
src 10.1.0.0/24 dst 0.0.0.0/0 dir out priority 3000 tmpl
src 31.1.2.3/32 dst $here/32 proto 17 sport $port_1 dport $port dir in priority 1000
END
	diff - <(policies_of u/b.sh | grep block) <<'END'
src 0.0.0.0/1 dst 10.1.0.0/24 dir out priority 4000 action block
src 10.1.0.0/24 dst 0.0.0.0/1 dir fwd priority 4000 action block
src 10.1.0.0/24 dst 0.0.0.0/1 dir in priority 4000 action block
src 10.1.0.0/24 dst 128.0.0.0/1 dir fwd priority 4000 action block
src 10.1.0.0/24 dst 128.0.0.0/1 dir in priority 4000 action block
src 128.0.0.0/1 dst 10.1.0.0/24 dir out priority 4000 action block
END
	# no policy twice, whatever the shape: the kernel knows one by selector and direction
	"$XFRMPAIR" -o v --guard "$A+10.1.0.0/24+fd01::/64+fd03::/64" "$B+0.0.0.0/0+::/0" "$C"
	"$XFRMPAIR" -o w "$A+10.1.0.0/24+fd01::/64+fd03::/64" "$B+0.0.0.0/0+::/0" "$C"
	"$XFRMPAIR" -o x --guard --mode transport "$A" "$B" "$C"
	for file in [t-x]/*.sh; do
		policies_of "$file" | sed 's/ priority.*//' | sort | uniq -d >twice
		[ ! -s twice ] || { cat "$file" twice; return 1; }
	done
}

@test "the generated scripts pass shellcheck and parse under dash, busybox ash, bash and mksh" {
	"$XFRMPAIR" -o t "$A" "$B"
	"$XFRMPAIR" -o u 192.0.2.1:4500 198.51.100.2:4501 5.6.7.8:4500@9.9.9.9
	"$XFRMPAIR" "$A" "$B" >paste
	shellcheck t/*.sh u/*.sh
	shellcheck -s bash -e SC2317 paste
	for shell in dash 'busybox ash' bash mksh; do
		for file in t/*.sh u/*.sh; do $shell -n "$file"; done
		$shell -n paste
	done
}

@test "a paste block has no tabs, no long lines, no exit, no set -e, and is headed by its side" {
	"$XFRMPAIR" "$A" "$B" >paste
	[ "$(grep -c '^# side [ab] ' paste)" -eq 2 ]
	[ "$(head -c 8 paste)" = '# side a' ]
	run ! grep -q "$(printf '\t')" paste
	run ! grep -q '.\{201\}' paste
	run ! grep -qw exit paste
	run ! grep -q 'set -e' paste
}

@test "the examples are what the generator writes today" {
	for folder in "$BATS_TEST_DIRNAME"/../examples/*/; do
		[ -e "$folder/tunnel.conf" ] || continue
		rm -rf out keys
		install -m 600 "$folder/keys" keys
		"$XFRMPAIR" -f "$folder/tunnel.conf" --keys keys -o out
		for script in out/*.sh; do head_of "$script" >"${script%.sh}.head"; done
		# one example has the whole script of one side: a program's comment is one line of difference
		case $folder in */howto/) rm out/b.sh ;; *) rm out/*.sh ;; esac
		diff -r -x tunnel.conf -x keys -x README.md "$folder" out
	done
}

@test "every command in the manual works as typed" {
	local manual=$BATS_TEST_DIRNAME/../gen/xfrmpair.1
	PATH=${XFRMPAIR%/*}:$PATH
	# the tunnel file that it shows
	sed -n '/^# home\.conf$/,/^\.Ed$/{/^\.Ed$/!p}' "$manual" >home.conf
	# displays whose first word is xfrmpair; \e is how a manual writes the backslash at the end of a line
	awk '/^\.Bd/ { shown = 1 } /^\.Ed/ { shown = 0; more = 0 }
		shown && (more || /^xfrmpair /) { more = sub(/\\e$/, ""); printf "%s%s", $0, more ? "" : "\n" }' "$manual" >commands
	[ "$(wc -l <commands)" -ge 20 ]
	while IFS= read -r command; do
		echo "$command"
		sh -c "$command" </dev/null
	done <commands
	# and yields the sizes that it promises
	grep -q ' 1338 bytes fit inside, of 1400 ' small/a.sh
	grep -q ' 1438 bytes fit inside, of 1500 ' pair/a.sh
	grep -q ' 1446 bytes fit inside, of 1500 ' plain/a.sh
	grep -q ' 1458 bytes fit inside, of 1500 ' gre/a.sh
}

@test "the manual has every option that --help has, and no other" {
	"$XFRMPAIR" --help | grep -o '^  [- ][a-zA-Z ][, ] --[a-z-]*' | sed 's/.*--//' | sort >help
	sed -n '/^\.Sh OPTIONS/,/^\.Sh SHAPES/s/^\.It Fl \(. , \)\{0,1\}-\([a-z-]*\).*/\2/p' "$BATS_TEST_DIRNAME/../gen/xfrmpair.1" | sort >manual
	grep -qx cipher help
	diff help manual
}
