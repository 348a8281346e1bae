# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Endpoint strings: each side computes its keys from its own secret and everybody's endpoint strings.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair PATH="$BATS_FILE_TMPDIR:$PATH"
	compile() { "$1" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -Ihelper -Igen "${@:3}" -o "$BATS_FILE_TMPDIR/$2" tests/exchange.c ${LIBRARY-}; }
	compile cc exchange -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
	LIBRARY=-lcrypto compile cc exchange-openssl -O3 -DOPENSSL
	compile clang exchange-constant -O1 -g -fsanitize=memory -DMSAN
	cd "$BATS_FILE_TMPDIR"
	"$XFRMPAIR" --secret alice.key "alice=192.168.1.4:61525@85.9.8.7" 2>/dev/null >alice.word
	"$XFRMPAIR" --secret bob.key "bob=192.168.2.100:61523@31.1.2.3:10421" 2>/dev/null >bob.word
	"$XFRMPAIR" --secret carol.key "carol=10.0.0.1:4500@5.6.7.8" 2>/dev/null >carol.word
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	cp -p "$BATS_FILE_TMPDIR"/*.key .
	A=$(cat "$BATS_FILE_TMPDIR/alice.word") B=$(cat "$BATS_FILE_TMPDIR/bob.word") C=$(cat "$BATS_FILE_TMPDIR/carol.word")
	shopt -s globstar dotglob # ** is all that is here
}

same() { [ "$1" = "$2" ] || { printf '%s\n%s\n' "$1" "$2"; return 1; }; }
# writes WHO FOLDER ARGUMENT...: as WHO does
writes() { "$XFRMPAIR" --secret "$1.key" -o "$2" "${@:3}" 2>said; }
# secrets SCRIPT...: the pairs' secrets of the next epoch, and their peers' names; those of the first are in no script
secrets() { sed -n 's/^#: \([a-z]*\) heard 0 next 2 \(0x[0-9a-f]\{64\}\)$/\2 \1/p' "$@"; }
next_of() { secrets "$@" | cut -d' ' -f1; }
# keys_of SCRIPT: SPI, key and direction of the first epoch, in the terms of alice
keys_of() {
	sed -n '/^xfrm state add /{N;s/.* spi \(0x[0-9a-f]*\) .* \(0x[0-9a-f]*\) 128 # \(to\|from\) \([a-z]*\), epoch 1$/\1 \2 \3 \4/p;}' "$1" |
		sed 's/to alice/from bob/; s/from alice/to bob/' | sort
}
# after SECRET: the one that follows from it
after() { echo "0x$(echo "xfrmpair next ${1#0x}" | sha256sum | cut -c1-64)"; }
fingerprint() { sed -n "s/.*\bfingerprint='\([0-9 ]*\)'.*/\1/p" "$1"; }
digest() { sed -n 's/^digest=\([^ ]*\) .*/\1/p' "$1"; }

@test "X25519 gives RFC 7748's two vectors and 1 and 1000 rounds, and refuses points of low order" {
	same "$(exchange x25519 a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4 e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c)" \
		c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552
	same "$(exchange x25519 4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493)" \
		95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957
	same "$(exchange iterate 1)" 422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079
	same "$(exchange iterate 1000)" 684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51
	# what takes the secret away: points of order 1, 2, 4 and 8, as they are and with p added
	local zeros; zeros=$(printf '%064d' 0)
	for point in $zeros "01${zeros:2}" e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800 \
		5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157 {ec,ed,ee}$(printf 'ff%.0s' {1..30})7f; do
		same "$(exchange x25519 a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4 $point)" "low order: $zeros"
	done
}

@test "HKDF with SHA-256 gives RFC 5869's first three test cases" {
	local many=; many=$(for ((i = 0; i < 256; i++)); do printf %02x $i; done)
	same "$(exchange hkdf 000102030405060708090a0b0c $(printf '0b%.0s' {1..22}) f0f1f2f3f4f5f6f7f8f9 42)" \
		3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865
	same "$(exchange hkdf "${many:192:160}" "${many:0:160}" "${many:352:160}" 82)" \
		b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87
	same "$(exchange hkdf '' $(printf '0b%.0s' {1..22}) '' 42)" \
		8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8
}

@test "X25519, HKDF and SHA-256 agree with openssl on 10,000 random inputs" {
	same "$(exchange-openssl openssl 10000)" "10000 the same"
}

@test "no branch and no address of X25519 and HKDF depends on a secret" {
	# some kernels place programs where this sanitizer of Debian's cannot live
	same "$(setarch -R exchange-constant constant)" none
	# the control
	run ! setarch -R exchange-constant constant branch
	[[ "$output" == *"MemorySanitizer: use-of-uninitialized-value"* ]]
}

@test "--secret FILE SIDE makes FILE, for its owner only, and prints SIDE#PUBLIC, the same each time" {
	umask 000
	natprobe() { echo 192.168.1.4:61525@85.9.8.7:61525; }
	run --separate-stderr "$XFRMPAIR" --secret dora.key $(natprobe -p 61525 S1 S2)
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^192\.168\.1\.4:61525@85\.9\.8\.7:61525#[A-Za-z0-9_-]{43}$ ]]
	[ "$stderr" = "xfrmpair: made dora.key: keep it on this machine, and show it to nobody" ]
	[ "$(stat -c %a dora.key)" = 600 ]
	[[ "$(cat dora.key)" =~ ^xfrmpair\ secret\ 0x[0-9a-f]{64}$ ]]
	# as libcrypto has it
	same "$(printf '302e020100300506032b656e04220420%s' "$(sed 's/.*0x//' dora.key)" | xxd -r -p | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | base64 | tr +/ -_ | tr -d =)" "${output#*#}"
	local word=$output
	run --separate-stderr "$XFRMPAIR" --secret dora.key 192.168.1.4:61525@85.9.8.7:61525
	[ "$output" = "$word" ]
	[ -z "$stderr" ]
	run --separate-stderr "$XFRMPAIR" --secret dora.key "$word"
	[ "$output" = "$word" ]
	[ -z "$stderr" ]
	# later, from elsewhere: spelled as it was typed
	run --separate-stderr "$XFRMPAIR" --secret dora.key 'dora=[2001:DB8::1]:4500+2001:db8:1::/48'
	[ "$output" = "dora=[2001:DB8::1]:4500+2001:db8:1::/48#${word#*#}" ]
	# another file is another key, and nothing of it is left elsewhere
	run --separate-stderr "$XFRMPAIR" --secret eve.key 192.168.1.4:61525@85.9.8.7:61525
	[ "${output#*#}" != "${word#*#}" ]
	[ "$(echo **)" = "alice.key bob.key carol.key dora.key eve.key" ]
}

@test "two people, each with their own secret and both endpoint strings, get matching scripts" {
	mkdir hers his
	mv alice.key hers; mv bob.key his
	(cd hers && writes alice t "$A" "$B")
	(cd his && writes bob t "$A" "$B")
	same "$(cd hers; echo **)" "alice.key said t t/alice.sh"
	same "$(cd his; echo **)" "bob.key said t t/bob.sh"
	[ "$(stat -c %a hers/t/alice.sh)" = 600 ]
	same "$(secrets hers/t/alice.sh)" "$(next_of his/t/bob.sh) bob"
	same "$(secrets his/t/bob.sh)" "$(next_of hers/t/alice.sh) alice"
	same "$(keys_of hers/t/alice.sh)" "$(keys_of his/t/bob.sh)"
	[ "$(keys_of hers/t/alice.sh | wc -l)" -eq 2 ]
	same "$(digest hers/t/alice.sh)" "$(digest his/t/bob.sh)"
	[[ "$(fingerprint hers/t/alice.sh)" =~ ^[0-9]{5}(\ [0-9]{5}){5}$ ]]
	same "$(fingerprint hers/t/alice.sh)" "$(fingerprint his/t/bob.sh)"
	same "$(grep -o "peers='.*@[0-9]*'" hers/t/alice.sh | cut -d@ -f2)" "$(grep -o "peers='.*@[0-9]*'" his/t/bob.sh | cut -d@ -f2)"
	# neither secret nor what it shares is in a script
	run -1 grep -qF -e "$(sed 's/.*0x//' hers/alice.key)" -e "$(sed 's/.*0x//' his/bob.key)" hers/t/alice.sh his/t/bob.sh
	same "$(cat hers/said)" "xfrmpair: fingerprint $(fingerprint hers/t/alice.sh): compare it by phone; if it differs, start nothing: an endpoint string was altered or an option differs
xfrmpair: wrote t/alice.sh for the host 192.168.1.4 (start it first)
xfrmpair: you can delete alice.key now: then nobody can compute these keys again; or keep it for later endpoint strings"
	same "$(sed -n 2p his/said)" "xfrmpair: wrote t/bob.sh for the host 192.168.2.100"
	# the same again is the same; another key of one of them is another tunnel
	(cd hers && writes alice again "$A" "$B" && cmp t/alice.sh again/alice.sh)
	(cd his && D=$("$XFRMPAIR" --secret dora.key "${B%#*}" 2>said) && writes dora other "$A" "$D")
	[ -n "$(next_of his/other/bob.sh)" ]
	[ "$(next_of his/other/bob.sh)" != "$(next_of his/t/bob.sh)" ]
	[ "$(digest his/other/bob.sh)" != "$(digest his/t/bob.sh)" ]
	[ "$(fingerprint his/other/bob.sh)" != "$(fingerprint his/t/bob.sh)" ]
	# a head of at most 60 lines that says the same, and a shell that the linter likes
	sed '/^set -u/,$d' hers/t/alice.sh >head
	[ "$(wc -l <head)" -le 60 ]
	grep -qx "#   compare   fingerprint $(fingerprint hers/t/alice.sh) with the other side, by phone; if it differs, do not start" head
	shellcheck hers/t/alice.sh
}

# derived ONE TWO SECRET PUBLIC FACTS [PHRASE]: a pair's secret of the second epoch, and the fingerprint, as the manual describes them,
# by openssl
derived() {
	local facts shared one two
	facts=$(printf '%s\n' "$5" | sha256sum | cut -d' ' -f1)
	printf '302e020100300506032b656e04220420%s' "$3" | xxd -r -p >own.der
	printf '302a300506032b656e032100%s' "$4" | xxd -r -p >peer.der
	shared=$(openssl pkeyutl -derive -keyform DER -inkey own.der -peerform DER -peerkey peer.der | xxd -p -c 99)
	one=$(hex "${A##*#}") two=$(hex "${B##*#}")
	after "$(openssl kdf -binary -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:"$shared" -kdfopt hexsalt:"$(printf %s "${6-}" | xxd -p -c 999)" \
		-kdfopt hexinfo:"$(printf 'xfrmpair secret %s %s ' "$1" "$2" | xxd -p -c 99)$one$two$facts" HKDF | xxd -p -c 99)"
	perl -MDigest::SHA=sha256 -e 'my $hash = pack "H*", $ARGV[0]; $hash = sha256($hash) for 1 .. 65536;
		print join(" ", map { my $n = 0; $n = $n * 256 + $_ for unpack "C5", substr $hash, 5 * $_; sprintf "%05d", $n % 100000 } 0 .. 5), "\n"' "$facts"
}
hex() { printf '%s=' "$1" | tr -- -_ +/ | base64 -d | xxd -p -c 99; }

@test "the first secret, digest and fingerprint are what the manual says, computed with openssl, on every libc" {
	writes alice t "$A" "$B"
	local facts="words of xfrmpair 1
aes256gcm16 esn 0 transport 0 lan 0 hairpin 0 interface  mtu 1500 clamp 0 guard 0 nonike 0 limits 0 0
alice c0a80104 61525 55090807  61525 c0a80104/32/0/0 #${A#*#}
bob c0a80264 61523 1f010203  10421 c0a80264/32/0/0 #${B#*#}"
	same "$(next_of t/alice.sh; fingerprint t/alice.sh)" "$(derived alice bob "$(sed 's/.*0x//' alice.key)" "$(hex "${B#*#}")" "$facts")"
	same "$(digest t/alice.sh)" "$(sha256sum <<<"$facts" | cut -c1-8)"
	# what two libcs print in two ways, a name, everything that may be said, and a phrase
	A=$("$XFRMPAIR" --secret alice.key '[2001:db8:0:1:1:1:1:1]:4500@alice.Example.org:4501+2001:db8:a::/48/tcp/22')
	B=$("$XFRMPAIR" --secret bob.key '[2001:db8::2]:4500+2001:db8:b::/48')
	(umask 077; echo 'correct horse' >phrase)
	"$XFRMPAIR" --secret bob.key --pass phrase -o u --inner 2001:db8:99::/64 --esn --guard --clamp --star --limit-bytes 9 --limit-packets 8 --mtu 1400 --cipher aes128-sha256 "$A" "$B" 2>said
	same "$(next_of u/b.sh; fingerprint u/b.sh)" "$(derived a b "$(sed 's/.*0x//' bob.key)" "$(hex "${A##*#}")" "words of xfrmpair 1
aes128-sha256 esn 1 transport 0 lan 0 hairpin 0 interface  mtu 1400 clamp 1 guard 1 nonike 0 limits 9 8
star
phrase
inner 20010db8009900000000000000000000/64
a 20010db8000000010001000100010001 4500 00000000000000000000000000000000 alice.example.org 4501 20010db8000a00000000000000000000/48/6/22 20010db8009900000000000000000001/128/0/0 #${A##*#}
b 20010db8000000000000000000000002 4500 20010db8000000000000000000000002  4500 20010db8000b00000000000000000000/48/0/0 20010db8009900000000000000000002/128/0/0 #${B##*#}" 'correct horse')"
}

@test "any altered byte of an endpoint string, or different option, gives other keys or is refused" {
	# of one who writes, a line each: the secret and the fingerprint; nothing where it is refused
	tells() { "$XFRMPAIR" -n --format script --secret alice.key "$@" 2>/dev/null | sed -n "s/^#: .* next 2 //p; s/.*\bfingerprint=\('[0-9 ]*'\).*/\1/p"; }
	local right row i word letter
	right=$(tells "$A" "$B")
	[ "$(wc -l <<<"$right")" -eq 2 ]
	for word in "$A" "$B"; do
		for ((i = 0; i < ${#word}; i++)); do
			# a key is one text: each third of its characters will do, and of all each ninth with sanitizers
			[ $i -lt $((${#word} - 43)) ] || [ $(((${#word} - i) % 3)) -eq 1 ] || continue
			[ -z "${SANITIZE-}" ] || [ $((i % 9)) -eq 0 ] || continue
			letter=${word:i:1}
			case $letter in [0-8]) letter=$((letter + 1)) ;; 9) letter=8 ;; [a-yA-Y]) letter=$(tr a-yA-Y b-zB-Z <<<"$letter") ;; *) letter=q ;; esac
			letter=${word:0:i}$letter${word:i + 1}
			if [ "$word" = "$A" ]; then row=$(tells "$letter" "$B"); else row=$(tells "$A" "$letter"); fi
			[ -z "$(comm -12 <(sort <<<"$right") <(sort <<<"$row") | grep .)" ] || { echo "$letter"; return 1; }
		done
	done
	[ -z "$(comm -12 <(sort <<<"$right") <(tells "$B" "$A" | sort) | grep .)" ] # in another order
	local seen=$right
	while read -r options; do
		# shellcheck disable=SC2086 # words
		row=$(tells $options "$A" "$B")
		[ "$(wc -l <<<"$row")" -eq 2 ]
		[ -z "$(comm -12 <(sort <<<"$seen") <(sort <<<"$row") | grep .)" ] || { echo "$options"; return 1; }
		seen+=$'\n'$row
	done <<'END'
--cipher aes128gcm16
--esn
--mode transport
--inner 10.99.0.0/24
--inner 10.99.0.0/23
--interface ipsec0
--interface ipsec1
--hairpin
--lan
--mtu 1400
--clamp
--guard
--encap espinudp-nonike
--limit-bytes 1000
--limit-packets 1000
--replay-window 256
--replay-window 257
--esn --guard
END
	# every option that a tunnel has is there, or is about this machine alone
	same "$("$XFRMPAIR" --help | sed -n 's/^  [- ][a-zA-Z ][, ] --\([a-z-]*\).*/\1/p' | sort | tr '\n' ' ')" \
		"cipher clamp dry-run encap esn explain file force format guard hairpin help inner interface keys lan limit-bytes limit-packets list-ciphers mode mtu output pass replay-window save-keys secret star version "
}

@test "another spelling, a tunnel file, another order of options or local options give the same keys" {
	A=$("$XFRMPAIR" --secret alice.key '[2001:db8::1]:4500@alice.example.org+2001:db8:a::/48+10.1.0.0/24/tcp/22')
	B=$("$XFRMPAIR" --secret bob.key '[2001:db8::2]:4500+2001:db8:b::/48+10.2.0.0/24')
	writes alice t --esn --mtu 1400 "$A" "$B"
	local row; row=$(next_of t/a.sh; fingerprint t/a.sh)
	[ "$(wc -l <<<"$row")" -eq 2 ]
	A=$("$XFRMPAIR" --secret alice.key 'a=[2001:DB8:0:0::1]:4500@Alice.EXAMPLE.org.:4500+2001:DB8:A:0::/48+10.1.0.0/24/6/22')
	writes alice u --mtu 1400 --cipher aes256gcm16 --mode tunnel --encap espinudp --esn --save-keys k "$A" "$B"
	same "$(next_of u/a.sh; fingerprint u/a.sh)" "$row"
	printf '%s\n' '[tunnel]' 'secret = bob.key' 'esn = yes' 'mtu = 1400' '[side a]' 'local = [2001:db8::1]:4500' 'mapped = alice.example.org' \
		'net = 2001:db8:a::/48' 'net = 10.1.0.0/24/tcp/22' "public = ${A#*#}" '[side b]' 'local = [2001:db8::2]:4500' 'net = 2001:db8:b::/48' 'net = 10.2.0.0/24' "public=${B#*#}" >t.conf
	"$XFRMPAIR" -f t.conf -o v 2>said
	same "$(next_of v/b.sh; fingerprint v/b.sh)" "$row"
	same "$(after "$(sed -n 's/^a b 1 secret //p' k)")" "$(next_of v/b.sh)"
}

@test "a mesh: each side needs all endpoint strings and gets all its pairs; a star: each spoke gets the pair with the hub" {
	local who
	for who in alice bob carol; do writes $who $who "$A" "$B" "$C"; done
	same "$(for who in alice bob carol; do secrets $who/$who.sh | sed "s/\$/ $who/"; done | awk '{ print $1, $2 < $3 ? $2 " " $3 : $3 " " $2 }' |
		sort | uniq -c | awk '{ print $1, $3, $4 }' | sort)" "2 alice bob
2 alice carol
2 bob carol"
	same "$(secrets carol/carol.sh | cut -d' ' -f2)" "alice
bob"
	for of in digest fingerprint; do [ "$(for who in alice bob carol; do $of $who/$who.sh; done | uniq | wc -l)" -eq 1 ]; done
	# both know a pair by one reqid
	same "$(sed -n "s/^peers='bob@\([0-9]*\) .*/\1/p" alice/alice.sh)" "$(sed -n "s/^peers='alice@\([0-9]*\) .*/\1/p" bob/bob.sh)"
	# the pair of two is not that which they have in the mesh
	writes alice two "$A" "$B"
	[ -n "$(next_of two/alice.sh)" ]
	run -1 grep -qF "$(next_of two/alice.sh)" alice/alice.sh
	for who in alice bob carol; do writes $who star-$who --star "$A" "$B" "$C"; done
	same "$(secrets star-carol/carol.sh | cut -d' ' -f2)" alice
	same "$(next_of star-alice/alice.sh)" "$(next_of star-bob/bob.sh star-carol/carol.sh)"
	[ "$(digest star-bob/bob.sh)" = "$(digest star-carol/carol.sh)" ]
}

@test "paste blocks, --explain and Wireshark's table contain only the own side" {
	run --separate-stderr "$XFRMPAIR" --secret bob.key "$A" "$B"
	[ "$status" -eq 0 ]
	same "$(grep -c '^# side ' <<<"$output")" 1
	grep -q '^# side bob of the tunnel alice - bob,' <<<"$output"
	local digits=${stderr%%:\ compare*}
	grep -qx "# Fingerprint $(sed 's/.*fingerprint //' <<<"$digits"): compare it by phone, and stop if it differs." <<<"$output"
	same "${stderr##*$'\n'}" "xfrmpair: you can delete bob.key now: then nobody can compute these keys again; or keep it for later endpoint strings"
	local keys; keys=$(grep -o '0x[0-9a-f]\{72\}' <<<"$output" | sort)
	same "$("$XFRMPAIR" --secret bob.key --explain "$A" "$B" 2>/dev/null | grep -v '^#')" "$(grep -v '^#' <<<"$output")"
	run --separate-stderr "$XFRMPAIR" --secret bob.key --format wireshark "$A" "$B"
	[ "$status" -eq 0 ]
	same "$(grep -o '0x[0-9a-f]\{72\}' <<<"$output" | sort)" "$keys"
	[[ "$stderr" != *fresh* ]]
	same "$("$XFRMPAIR" --secret alice.key "$A" "$B" 2>/dev/null | grep -o '0x[0-9a-f]\{72\}' | sort)" "$keys"
}

@test "two own pairs with the same reqid are refused, because a new secret would not match the peer's" {
	local gen=$BATS_TEST_DIRNAME/../gen helper=$BATS_TEST_DIRNAME/../helper file
	cc -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I"$helper" -o reqid "$BATS_TEST_DIRNAME/reqid.c" \
		"$gen"/{identity,key,tunnel,side,path}.c "$helper"/{cipher,endpoint,epoch,number,prefix,random,say,section,special,sha256,text,xfrm}.c
	secret() { printf '0x%064x' $(($1)); }
	run -2 ./reqid "$(secret 0x7c0b)" "$(secret 0x17a)"
	same "$output" "reqid: words: the SPIs of a and b and those of a and c give the same reqid, 1536198347 (expected new endpoint strings, or the sides in another order)"
	# the control
	same "$(./reqid "$(secret 0x7c0b)" "$(secret 0x17b)")" "kept
kept"
}

@test "public keys up to the largest are accepted, also if they look like a secret" {
	pub() { printf %s "$1" | xxd -r -p | base64 | tr +/ -_ | tr -d =; }
	# the next one is of low order
	"$XFRMPAIR" --secret alice.key "$A" "${B%#*}#$(pub "eb$(printf 'ff%.0s' {1..30})7f")" >/dev/null 2>&1
	# in a tunnel file 0x with nine digits may be in one by chance
	printf '%s\n' '[side alice]' 'local = 192.168.1.4:61525' 'mapped = 85.9.8.7' "public = ${A#*#}" '[side bob]' 'local = 192.168.2.100:61523' 'mapped = 31.1.2.3:10421' \
		'public = AAAAA0x123456789abcdefABCDEF0123456789abcEA' >t.conf
	"$XFRMPAIR" --secret alice.key -f t.conf >/dev/null 2>&1
}

@test "a secret file of another user is refused" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: a file of somebody else"
	chown 65534 alice.key
	run -2 --separate-stderr "$XFRMPAIR" --secret alice.key "$A" "$B"
	[ "$stderr" = "xfrmpair: alice.key: belongs to user 65534 (expected a secret file of your own)" ]
	[ -z "$output" ]
}

@test "a secret file that cannot be written completely is removed, and no endpoint string is printed" {
	run -1 bash -c 'ulimit -f 0; exec "$@" 2> >(cat)' bash "$XFRMPAIR" --secret dora.key "${A%#*}"
	same "$output $(echo **)" "xfrmpair: dora.key: cannot be written: File too large alice.key bob.key carol.key"
	# a word that nobody hears: the file is there for the next time
	"$XFRMPAIR" --secret dora.key "${A%#*}" >/dev/full 2>said && status=0 || status=$?
	[ "$status" -eq 1 ]
	[ "$(tail -1 said)" = "xfrmpair: standard output: No space left on device" ]
	"$XFRMPAIR" --secret dora.key "${A%#*}" | grep -q '#'
}

@test "--pass changes the keys; the fingerprint shows that there is a phrase, but depends on nothing in it" {
	umask 077
	printf 'correct horse\n' >hers
	printf 'correct horse' >his
	printf 'wrong horse' >other
	writes alice t "$A" "$B"
	writes alice a --pass hers "$A" "$B"
	writes bob b --pass his "$A" "$B"
	writes bob c --pass other "$A" "$B"
	same "$(next_of a/alice.sh)" "$(next_of b/bob.sh)"
	[ "$(next_of a/alice.sh t/alice.sh c/bob.sh | sort -u | wc -l)" -eq 3 ]
	same "$(fingerprint a/alice.sh) $(digest a/alice.sh)" "$(fingerprint c/bob.sh) $(digest c/bob.sh)"
	[ "$(fingerprint a/alice.sh)" != "$(fingerprint t/alice.sh)" ]
	run -1 grep -q horse a/alice.sh said
	# from a program that keeps it
	writes alice p --pass <(printf 'correct horse\n') "$A" "$B"
	same "$(next_of p/alice.sh)" "$(next_of a/alice.sh)"
}

@test "with --secret, only the saved keys have to be deleted" {
	"$XFRMPAIR" --secret alice.key -o t --save-keys k "$A" "$B" 2>said
	same "$(tail -2 said)" "xfrmpair: once all sides are up, delete k: anyone who has it can decrypt the traffic
xfrmpair: you can delete alice.key now: then nobody can compute these keys again; or keep it for later endpoint strings"
	# a dry run writes nothing, and says the fingerprint
	"$XFRMPAIR" -n --secret alice.key -o u "$A" "$B" >out 2>said
	same "$(cat said)" "xfrmpair: fingerprint $(fingerprint t/alice.sh): compare it by phone; if it differs, start nothing: an endpoint string was altered or an option differs"
	[ ! -e u ]
	sed 1d out | cmp - t/alice.sh
}

# bats test_tags=script
@test "status and --json have the fingerprint of an exchange, also when down, and other scripts have none" {
	writes alice t "$A" "$B"
	"$XFRMPAIR" -o plain "${A%#*}" "${B%#*}" 2>said
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state XFRMKEEP=${XFRMPAIR%/*}/xfrmkeep
	for shell in dash 'busybox ash' bash mksh; do
		run -1 $shell t/alice.sh status
		same "$output" "alice: down
  fingerprint $(fingerprint t/alice.sh)"
		run -1 $shell t/alice.sh status --json
		same "$(jq -c . <<<"$output")" "{\"name\":\"alice\",\"up\":false,\"fingerprint\":\"$(fingerprint t/alice.sh)\"}"
		run -1 $shell plain/alice.sh status
		same "$output" "alice: down"
		$shell t/alice.sh -n up >commands
		grep -q 'state add' commands
	done
	run -1 grep -q 'fingerprint=' plain/alice.sh
}
