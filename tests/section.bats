# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Rows and sections: what is printed can be parsed again, and anything else is refused. No kernel part needed.
bats_require_minimum_version 1.5.0

setup_file() {
	export XFRMPAIR=$BATS_TEST_DIRNAME/../${BUILD:-build}/xfrmpair
	case ${BUILD:-} in /*) XFRMPAIR=$BUILD/xfrmpair ;; esac
	source "$BATS_TEST_DIRNAME/section.bash"
	built section
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
}

# row_as_it_is ROW: read, it is printed so
row_as_it_is() { same "$(section rows <<<"$1" | in_one_line)" "$1"; }
# row_refused MESSAGE ROW
row_refused() { refused "section: row: $1" section rows <<<"$2"; }

policy='xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out index 9 priority 2000 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x00000101 reqid 7 mode tunnel'
key=0x41e579f7070a660df5bbf8930e43c628cb4fb367
state="xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x00000101 reqid 7 mode tunnel replay-window 128 encap espinudp 4500 4501 0.0.0.0 aead rfc4106(gcm(aes)) $key 96"

@test "the rows of all examples and ciphers are parsed and printed the same" {
	local folder cipher kept=$BATS_TEST_DIRNAME/../examples
	for folder in "$kept"/*/; do
		[ -e "$folder/keys" ] || continue
		cp "$folder/keys" keys
		chmod 600 keys
		"$XFRMPAIR" -f "$folder/tunnel.conf" --keys keys
	done >printed 2>said
	for cipher in $("$XFRMPAIR" --list-ciphers | sed -n '2,${/ /s/ .*//p}' | grep -v '^key,'); do
		"$XFRMPAIR" --cipher "$cipher" 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3
		"$XFRMPAIR" --esn --cipher "$cipher" 192.168.1.4 192.168.2.9
	done >>printed
	# a variable stands for an address that is not known yet
	in_one_line <printed | sed -n '/^xfrm [ps].* add /{/\$/!p}' >rows
	[ "$(grep -c '^xfrm policy' rows)" -gt 250 ]
	[ "$(grep -c '^xfrm state' rows)" -gt 250 ]
	[ "$(grep -c "ecb(cipher_null) ''" rows)" -ge 8 ]
	section rows <rows | in_one_line >again
	cmp rows again
}

@test "policies have an index, and states a number and an epoch, if requested" {
	row_as_it_is "$policy"
	row_as_it_is "xfrm policy add src ::/0 dst 2001:db8::/32 proto 58 dir fwd index 4294967290 priority 0 if_id 0x1f"
	row_as_it_is "xfrm policy add src 0.0.0.0/1 dst 10.2.0.0/16 proto 6 sport 22 dport 80 dir in index 8 priority 4000 action block"
	row_as_it_is "xfrm policy add src ::1/128 dst ::2/128 dir in priority 1 tmpl src ::1 dst ::2 proto esp reqid 4294967295 mode transport"
	row_as_it_is "$state"
	row_as_it_is "${state/128 /128 replay-seq 4294967295 } # from b, epoch 4294967295"
	row_as_it_is "${state/128 /128 replay-oseq 0 } # to b, epoch 1"
	row_as_it_is "${state/replay-window 128 /flag esn af-unspec replay-window 4096 replay-oseq 7 replay-oseq-hi 4294967295 } # to b, epoch 2"
	row_as_it_is "${state/replay-window 128 /flag esn replay-window 0 if_id 0xffffffff limit byte-hard 18446744073709551615 limit packet-hard 1 }"
	row_as_it_is "${state/espinudp /espinudp-nonike }"
}

@test "a row that differs from a printed one is refused, and no word of it is printed" {
	local esn=${state/replay-window/flag esn replay-window}
	row_refused "row too short (expected policy)" xfrm
	row_refused "word 1 of the row is invalid (expected xfrm)" "ip $policy"
	row_refused "word 2 of the row is invalid (expected policy)" "xfrm monitor"
	row_refused "word 3 of the row is invalid (expected add)" "${policy/add/delete}"
	row_refused "word 5 of the row is invalid (expected a prefix)" "${policy/10.1.0.0/10.1.0.1}"
	row_refused "word 5 of the row is invalid (expected a prefix)" "${policy/10.1.0.0\/16/10.1.0.0}"
	row_refused "word 7 of the row is invalid (expected a prefix)" "${policy/10.2.0.0\/16/10.2.0.0/33}"
	row_refused "source and destination differ in address family" "${policy/10.2.0.0\/16/::/0}"
	row_refused "proto: not a number in range (expected 1 to 255)" "${policy/dir/proto 256 dir}"
	row_refused "word 11 of the row is invalid (expected a port)" "${policy/dir/proto 6 sport 0 dir}"
	row_refused "word 10 of the row is invalid (expected dir)" "${policy/dir/proto 6 type dir}"
	row_refused "word 9 of the row is invalid (expected in, out or fwd)" "${policy/dir out/dir both}"
	row_refused "index: of another direction (expected low bits in 0, out 1, fwd 2)" "${policy/index 9/index 8}"
	row_refused "index: not a number in range (expected 8 to 4294967295)" "${policy/index 9/index 0x9}"
	row_refused "index: not a number in range (expected 8 to 4294967295)" "${policy/index 9/index 1}"
	row_refused "word 12 of the row is invalid (expected priority)" "${policy/priority 2000/ptype main}"
	row_refused "priority: not a number in range (expected 0 to 4294967295)" "${policy/2000/4294967296}"
	row_refused "word 15 of the row is invalid (expected an if_id like 0x1f)" "${policy/2000/2000 if_id 0x0}"
	row_refused "word 15 of the row is invalid (expected an if_id like 0x1f)" "${policy/2000/2000 if_id 0x1f1f1f1f1}"
	row_refused "word 15 of the row is invalid (expected an if_id like 0x1f)" "${policy/2000/2000 if_id 0x1G}"
	row_refused "word 15 of the row is invalid (expected block)" "${policy/tmpl*/action allow}"
	row_refused "word 14 of the row is invalid (expected nothing more)" "${policy/tmpl/mark 1 tmpl}"
	row_refused "word 16 of the row is invalid (expected an address)" "${policy/192.0.2.1/any}"
	row_refused "word 20 of the row is invalid (expected esp)" "${policy/esp/ah}"
	row_refused "word 22 of the row is invalid (expected an SPI)" "${policy/0x00000101/0x101}"
	row_refused "word 22 of the row is invalid (expected an SPI other than 0)" "${policy/0x00000101/0x00000000}"
	row_refused "reqid: not a number in range (expected 1 to 4294967295)" "${policy/reqid 7/reqid 0}"
	row_refused "word 26 of the row is invalid (expected tunnel)" "${policy/mode tunnel/mode beet}"
	row_refused "word 27 of the row is invalid (expected nothing more)" "$policy level use"
	row_refused "word 5 of the row is invalid (expected an address)" "${state/192.0.2.1/192.0.2}"
	row_refused "word 17 of the row is invalid (expected esn or af-unspec)" "${state/replay-window/flag nopmtudisc replay-window}"
	row_refused "replay-window: not a number in range (expected 0 to 4096)" "${state/128/4097}"
	row_refused "replay-seq: not a number in range (expected 0 to 4294967295)" "${state/128/128 replay-seq 4294967296}"
	row_refused "word 22 of the row is invalid (expected replay-seq-hi)" "${esn/128/128 replay-seq 1}"
	row_refused "word 20 of the row is invalid (expected enc)" "${state/128/128 replay-seq 1 replay-seq-hi 0}"
	row_refused "byte-hard: not a number in range (expected 1 to 18446744073709551615)" "${state/128/128 limit byte-hard 0}"
	row_refused "word 19 of the row is invalid (expected packet-hard)" "${state/128/128 limit time-hard 5}"
	row_refused "word 22 of the row is invalid (expected each limit once, bytes first)" "${state/128/128 limit byte-hard 5 limit byte-hard 6}"
	row_refused "word 19 of the row is invalid (expected espinudp-nonike)" "${state/espinudp/espintcp}"
	row_refused "word 20 of the row is invalid (expected a port)" "${state/4500 4501/65536 4501}"
	row_refused "word 22 of the row is invalid (expected 0.0.0.0)" "${state/0.0.0.0/1.2.3.4}"
	row_refused "word 23 of the row is invalid (expected enc)" "${state/aead/comp}"
	row_refused "unknown cipher or key length (expected one of xfrmpair --list-ciphers)" "${state/gcm(aes)/ccm(aes)}"
	row_refused "unknown cipher or key length (expected one of xfrmpair --list-ciphers)" "${state/$key/${key}00}"
	row_refused "unknown cipher or key length (expected one of xfrmpair --list-ciphers)" "${state/ 96/ 100}"
	row_refused "unknown cipher or key length (expected one of xfrmpair --list-ciphers)" "${state/$key/\'\'}"
	row_refused "unknown cipher or key length (expected one of xfrmpair --list-ciphers)" "${state/$key/x}"
	row_refused "key: invalid for aes128gcm12 (expected 0x and all its digits)" "${state/41e5/41E5}"
	row_refused "key: invalid for aes128gcm12 (expected 0x and all its digits)" "${state/0x41/0041}"
	row_refused "row too short (expected the length of the ICV)" "${state/rfc4106(gcm(aes)) /}"
	row_refused "row too short (expected a key)" "${state/ $key 96/}"
	row_refused "row too short (expected the length of the ICV)" "${state/ 96/}"
	row_refused "row too short (expected auth-trunc)" "${state/aead*/enc cbc(aes) $key}"
	row_refused "word 28 of the row is invalid (expected from)" "$state # by b, epoch 1"
	row_refused "row too short (expected epoch)" "$state # from b"
	row_refused "epoch: not a number in range (expected 1 to 4294967295)" "$state # from b, epoch 0"
	row_refused "word 32 of the row is invalid (expected nothing more)" "$state # from b, epoch 1 $key"
	row_refused "word 30 of the row is invalid (expected the direction of the sequence number)" "${state/128/128 replay-seq 1} # to b, epoch 1"
	# the key slipped to where something else belongs
	row_refused "word 5 of the row is invalid (expected an address)" "xfrm state add src $key"
	row_refused "word 2 of the row is invalid (expected policy)" "xfrm $key"
}

@test "policies are compared by their identity in the kernel, and by their effect" {
	fine section compare "$policy" "$policy"
	same "$output" equal
	for other in "${policy/index 9/index 17}" "${policy/index 9 /}"; do
		fine section compare "$policy" "$other"
		same "$output" equal
	done
	for other in "${policy/2000/2001}" "${policy/0x00000101/0x00000102}" "${policy/spi 0x00000101 /}" "${policy/reqid 7/reqid 8}" \
		"${policy/192.0.2.1/192.0.2.3}" "${policy/192.0.2.2/192.0.2.3}" "${policy/mode tunnel/mode transport}" "${policy/tmpl*/action block}"; do
		fine section compare "$policy" "$other"
		same "$output" 'same selector'
	done
	for other in "${policy/10.1.0.0\/16/10.1.0.0/17}" "${policy/10.2.0.0/10.3.0.0}" "${policy/out index 9/fwd index 10}" \
		"${policy/dir/proto 6 dir}" "${policy/2000/2000 if_id 0x1}"; do
		fine section compare "$policy" "$other"
		same "$output" different
	done
	fine section compare "${policy/dir/proto 6 sport 1 dir}" "${policy/dir/proto 6 dport 1 dir}"
	same "$output" different
}

@test "a section is printed as it was read" {
	fine section parse pair.sh 61525
	same "$output" "$(sed -n '/^made=/,/^# ---- end/p' pair.sh)"
	fine section parse hub.sh 0
	same "$output" "$(sed -n '/^made=/,/^# ---- end/p' hub.sh)"
	# the sum is what sha256sum says
	same "$(sed -n '/^# ---- end/s/.* //p' pair.sh)" "$(sed -n '/^made=/,/^# ---- end/p' pair.sh | sed '$d' | sha256sum | cut -c 1-16)"
	# alone, as the store has it
	sed -n '/^made=/,/^# ---- end/p' hub.sh >alone
	fine section parse alone 0
}

@test "a section with any byte changed, dropped or doubled, or truncated, is refused without printing secrets" {
	gives section flips pair.sh 61525
	same "$output" "0 of 12837 taken"
	[ "$(wc -l <../stderr)" -eq 12837 ]
	[ "$(grep -c '^section: section: torn: its .* (expected as it was written: restore it, or make new scripts)$' ../stderr)" -eq 12837 ]
	# the sum made right: what is taken then is in its form all the same
	gives section signed-flips pair.sh 61525
	same "$output" "1000 of 12837 taken"
	[ "$(grep -c '^section: section' ../stderr)" -eq 11837 ]
	gives section signed-flips hub.sh 0
	same "$status" 0
	# eight digits of a key or a secret
	sed -E 's/429496729[0-9]|18446744073709551615//' ../stderr >said
	run -1 grep -E '[0-9a-f]{8}' said
}

# edited PROGRAM: pair.sh edited by sed, with the right sum
edited() { sed -E "$1" pair.sh >unsigned && section sign unsigned >edited; }
# edited_refused MESSAGE PROGRAM [PORT]
edited_refused() {
	edited "$2"
	refused "section: section$1" section parse edited "${3:-61525}"
}

@test "a section whose parts do not match is refused, with the line number" {
	edited ''
	fine section parse edited 61525 # the control
	edited_refused ":1: made: invalid value or position" 's/^made=1 /made=0 /'
	edited_refused ":1: made: invalid value or position" 's/^made=1 /made=1000000000000000 /'
	edited_refused ":1: edited (expected it as xfrmkeep writes it)" 's/^made=1 .*/made=1/'
	edited_refused ":1: unknown variable" 's/^made=1 /made=1 starts=0 /'
	edited_refused ":3: oseq_1: invalid value or position" 's/oseq_1=0/oseq_1=4294967296/'
	edited_refused ":10: variable without a value" 's/\$oseq_1/$oseq_2/'
	edited_refused ":10: \$ without a variable (expected one like \$here)" 's/\$oseq_1/$((oseq_1))/'
	edited_refused ":2: check: invalid value or position" 's/check=fe(.*) here/check=FE\1 here/'
	edited_refused ":2: here: invalid value or position" 's/here=192.168.1.4$/here=192.168.1/'
	edited_refused ":2: edited (expected it as xfrmkeep writes it)" 's/here=192.168.1.4$/here=0.0.0.0/'
	edited_refused ":13: b: the endpoints differ in address family" 's/here=192.168.1.4$/here=::5/'
	edited_refused ":2: unknown variable" 's/here=192.168.1.4$/& cafe0123456789=1/'
	edited_refused ":2: not a fact (expected NAME=VALUE)" 's/here=192.168.1.4$/& 41e579f7070a660d/'
	edited_refused ":3: no closing quote (expected ')" "s/ port_1=/ port_1='/"
	edited_refused ":3: there_1: invalid value or position" 's/^there_1=[^ ]*/there_1=0.0.0.0/'
	edited_refused ":3: there_1: invalid value or position" 's/^there_1=[^ ]*/there_1=-x.org/'
	edited_refused ":3: there_2: invalid value or position" 's/^there_1=/there_2=/'
	edited_refused ":3: port_2: invalid value or position" 's/ port_1=/ port_2=/'
	edited_refused ":3: port_1: invalid value or position" 's/ port_1=10421/ port_1=65536/'
	edited_refused ":3: spi_1: invalid value or position" 's/ spi_1=0x/ spi_1=0X/'
	edited_refused ":13: b: spi_N is not that of the outbound state" 's/ spi_1=0x0d02cb05/ spi_1=0x0d02cb06/'
	edited_refused ":3: edited (expected it as xfrmkeep writes it)" 's/# b: endpoint/# c: endpoint/'
	edited_refused ":3: edited (expected it as xfrmkeep writes it)" 's/^there_1=/ &/'
	edited_refused ":4: token: invalid value or position" 's/^token=../token=/'
	edited_refused ":5: edited (expected it as xfrmkeep writes it)" 's/^states/\n&/'
	edited_refused ":14: no rows (expected states())" 's/^states\(\)/state()/'
	edited_refused ":6: no end (expected \"; })" '/^made=/,$s/^"; \}$/"; } /'
	edited_refused ":6: row without a peer (expected \$there_N)" '/0x8880d114/s/\$there_1/1.2.3.4/; /from b, epoch 1$/s/\$port_1/10421/'
	edited_refused ":6: edited (expected it as xfrmkeep writes it)" '/0x8880d114/s/\$here/192.168.1.4/'
	edited_refused ":6: variable without a value" '/0x8880d114/s/\$here/$there_2/'
	edited_refused ":6: variable without a value" '/0x8880d114/s/\$here/$cafe0123456789/'
	edited_refused ":6: \$ without a variable (expected one like \$here)" '/0x8880d114/s/\$here/$(id)/'
	edited_refused ":6: invalid character (expected plain words)" '/0x8880d114/s/\$here/`id`/'
	edited_refused ":7: invalid character (expected plain words)" '/epoch 1$/s/0x41e5/\\0x41e5/'
	edited_refused ":6: word 1 of the row is invalid (expected xfrm)" '/0x8880d114/s/^xfrm/Xfrm/'
	edited_refused ":11: b: epochs do not match those of the states" '/0x1fbdc45f/,+1d; s/next 2/next 1/'
	edited_refused ":11: b: states do not fit (expected inbound ones of one epoch after the other, then one outbound)" '/^xfrm state.*0x0d02cb05/,+1d'
	edited_refused ":13: b: states do not fit (expected inbound ones of one epoch after the other, then one outbound)" '/0x1fbdc45f/s/reqid 1/reqid 2/'
	edited_refused ":13: b: states do not fit (expected inbound ones of one epoch after the other, then one outbound)" 's/from b, epoch 2/from b, epoch 3/'
	edited_refused ":13: b: epochs do not match those of the states" 's/next 2/next 3/'
	edited_refused ":13: b: epochs do not match those of the states" 's/heard 0/heard 3/'
	edited_refused ":13: b: epochs do not match those of the states" 's/heard 0 next .*/heard 0 fixed/'
	edited_refused ":13: b: another state has this SPI" 's/0x1fbdc45f/0x8880d114/'
	edited_refused ":13: invalid peer (expected #: NAME heard N next N SECRET, or fixed)" 's/^#: b/#: B/'
	edited_refused ":13: invalid peer (expected #: NAME heard N next N SECRET, or fixed)" 's/^(#: .* 0x)../\1/'
	edited_refused ":13: invalid peer (expected #: NAME heard N next N SECRET, or fixed)" 's/^#: b .*/& /'
	edited_refused ":13: invalid peer (expected #: NAME heard N next N SECRET, or fixed)" 's/heard 0 /heard -1 /'
	edited_refused ":14: invalid peer (expected #: NAME heard N next N SECRET, or fixed)" 's/^#: b .*/&\n&/'
	edited_refused ":13: missing peer (expected as many #: lines as there_N)" '/^#: b/d'
	edited_refused ":7: variable without a value" '' 0
}

@test "a section that is empty, too long, of too many peers, or has CRLF or NUL, is refused" {
	: >empty
	refused "section: section: torn: its first or last line is missing $torn" section parse empty 1
	sed -n '/^made=/,/^# ---- end/s/$/\r/p' pair.sh >crlf
	refused "section: section: torn: its first or last line is missing $torn" section parse crlf 61525
	sed -n '/^made=/,/^# ---- end/p' pair.sh | tr 7 '\0' >nul
	refused "section: section: torn: its sum is wrong $torn" section parse nul 61525
	sed -n '/^made=/,/^# ---- end/p' pair.sh >long
	head -c 4200000 /dev/zero | tr '\0' '\n' >>long
	refused "section: section: torn: too long (expected at most 4194304 bytes)" section parse long 61525
	for count in 1024 1025; do
		{
			printf 'made=1 # ---- now: written by xfrmpair and xfrmkeep\ncheck=%s here=192.0.2.1\n' fedcba98765432100123456789abcdef
			seq "$count" | sed 's/.*/there_&=192.0.2.2 spi_&=0x00000100 # p&: current endpoint, SPI to send with/'
			printf 'states() { echo "\n"; }\n# ---- end 0123456789abcdef\n'
		} >unsigned
		section sign unsigned >many.$count
	done
	refused "section: section:1029: missing peer (expected as many #: lines as there_N)" section parse many.1024 0
	refused "section: section:1027: too many peers (expected at most 1024)" section parse many.1025 0
}

@test "states are in the order of the peers; two with the same destination and SPI are refused" {
	section parse hub.sh 0 >whole
	{
		sed '/^states/q' whole
		sed -n '/^xfrm state.*reqid 22/,/256/p' whole
		sed -n '/^xfrm state.*reqid 11/,/256/p; /^"; }/,$p' whole
	} >unsigned
	section sign unsigned >edited
	refused "section: section:12: state out of order (expected the order of the peers)" section parse edited 0
	sed '/^xfrm state.*reqid 11/,/256/d' whole >unsigned
	section sign unsigned >edited
	refused "section: section:13: b: states do not fit (expected inbound ones of one epoch after the other, then one outbound)" section parse edited 0
	sed 's/0x00000102/0x00000201/' whole >unsigned
	section sign unsigned >edited
	refused "section: section:26: c: another state has this SPI" section parse edited 0
	# here and there are not known yet, and not the same
	sed 's/0x00000202/0x00000101/' whole >unsigned
	section sign unsigned >edited
	fine section parse edited 0
	sed 's/^there_1=[^ ]*/there_1=b.example.org/; s/0x00000202/0x00000103/' whole >unsigned
	section sign unsigned >edited
	fine section parse edited 0
	# both are behind one address
	sed 's/^there_2=[^ ]*/there_2=2001:db8:ffff::2/; s/0x00000202/0x00000103/' whole >unsigned
	section sign unsigned >edited
	refused "section: section:26: c: another state has this SPI" section parse edited 0
	refused "section: section:25: b: UDP ports do not match the encapsulation" section parse whole 4500
}

@test "a side receives with the epoch with which it sends, the next one, and perhaps the previous one" {
	local fault="epochs do not match those of the states" next
	section parse hub.sh 0 >whole
	sed '/epoch 3$/d; /0x00000101/,+1d' whole >unsigned
	section sign unsigned >edited
	fine section parse edited 0
	sed '/from b, epoch [34]$/d; /0x0000010[12]/,+1d' whole >unsigned
	section sign unsigned >edited
	refused "section: section:19: b: $fault" section parse edited 0
	# one more before
	sed '/^xfrm state.*0x00000101/,+2{H; /epoch 3$/!d; s/.*//; x; s/^\n//; s/\(.*\)/\1\n\1/; s/epoch 3/epoch 2/; s/0x00000101/0x00000100/}' whole >unsigned
	section sign unsigned >edited
	refused "section: section:28: b: $fault" section parse edited 0
	sed 's/epoch 5$/epoch 6/; s/epoch 4$/epoch 5/; s/epoch 3$/epoch 4/' whole >unsigned
	section sign unsigned >edited
	refused "section: section:25: b: $fault" section parse edited 0
	# the control
	next=$(sed -n 's/^#: b .* next \([0-9]*\) .*/\1/p' whole)
	sed -i "s/next $next/next $((next + 1))/" unsigned
	section sign unsigned >edited
	fine section parse edited 0
	sed 's/ heard 1 fixed/ heard 2 fixed/' whole >unsigned
	section sign unsigned >edited
	refused "section: section:26: c: $fault" section parse edited 0
}

@test "two peers with the same name are refused" {
	section parse hub.sh 0 | sed 's/^#: c/#: b/; s/# c: cur/# b: cur/; s/\(from\|to\) c,/\1 b,/' >unsigned
	section sign unsigned >edited
	refused "section: section:26: b: another peer has this name" section parse edited 0
}

@test "a peer's states can be replaced by more, fewer, its own and another's" {
	fine section replace
	same "$output" " (0)
 0:2 2:0 2:1 (3)
 0:2 1:3 1:4 1:5 2:0 2:1 (6)
 0:2 1:6 1:7 1:8 1:9 1:10 1:11 1:12 1:13 1:14 1:15 1:16 1:17 2:0 2:1 (15)
 0:2 1:16 1:17 2:0 2:1 (5)
 0:0 0:1 1:16 1:17 2:0 2:1 (6)
 0:0 0:1 2:0 2:1 (4)"
}
