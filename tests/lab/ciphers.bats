# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Every cipher, the inner MTU, limits and sequence numbers.
# Run in the lab: tests/lab/run bats tests/lab/ciphers.bats
bats_require_minimum_version 1.5.0

# bare_routes FOLDER: takes the MTU off the routes of its blocks, so that the kernel must reckon by itself
bare_routes() { sed -i '/^route add\|^#   ip route delete/s/ mtu [0-9]*//' "$1/a.paste" "$1/b.paste"; }

# All ciphers side by side through one pair of NATs: number N on the ports 5000 + N, from 10.50.N.1 to 10.51.N.1. Pasted
# blocks set them up, for a script takes seconds to look around; one cipher of each kind goes through the script below.
setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	export LAB_PREFIX=m- all=$BATS_FILE_TMPDIR/all
	"$net" up
	mkdir "$all"
	xfrmpair --list-ciphers | awk 'NR > 1 && NF == 9 { print ++n, $0 }' >"$all/table"
	[ "$(wc -l <"$all/table")" -ge 26 ]
	while read -r n name _; do
		set -- --cipher "$name" "192.168.1.4:$((5000 + n))@85.9.8.7+10.50.$n.1" "192.168.2.100:$((5000 + n))@31.1.2.3+10.51.$n.1"
		xfrmpair -o "$all/$name" --format paste --save-keys "$all/$name.keys" "$@"
		xfrmpair -o "$all/$name" --format wireshark --keys "$all/$name.keys" "$@" || : # those that it does not know
		bare_routes "$all/$name"
		xfrmpair -o "$all/$name" "$@"
		echo "address add 10.50.$n.1/32 dev lo" >>"$all/addresses.a"
		echo "address add 10.51.$n.1/32 dev lo" >>"$all/addresses.b"
	done <"$all/table" 2>/dev/null # the null cipher's warning
	for side in a b; do
		on $side ip -batch "$all/addresses.$side"
		on $side bash -c 'while read -r n name _; do sh "$all/$name/$0.paste" >"$all/$name/$0.said" 2>&1; done <"$all/table"' $side 3>&-
	done
	# what the kernel refused, the script must refuse with status 5
	touch "$all/missing"
	while read -r n name _; do
		! grep -q '^espdecap: ready' "$all/$name/a.said" || continue
		status=0
		on a sh "$all/$name/a.sh" up --no-punch 2>"$all/$name/why" </dev/null 3>&- || status=$?
		if [ "$status" -ne 5 ]; then
			cat "$all/$name/a.said" "$all/$name/why" >&2
			return 1
		fi
		echo "$name" >>"$all/missing"
		echo "# missing in the kernel $(uname -r): $name" >&3
	done <"$all/table"
	grep -vwFf "$all/missing" "$all/table" >"$all/there"
	unset LAB_PREFIX
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	LAB_PREFIX=m- "$net" down
}
setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() { all_down; }

# paste_up ARGUMENT...: a's and b's blocks (or those of SIDES), without the script's looking around; each step succeeds.
# paste_down: as their comments say
paste_up() {
	xfrmpair --format paste -o "$BATS_TEST_TMPDIR" --force "$@"
	bare_routes "$BATS_TEST_TMPDIR"
	for side in ${SIDES:-a b}; do
		on $side sh "$BATS_TEST_TMPDIR/$side.paste" 3>&-
	done
}
paste_down() {
	for side in ${SIDES:-a b}; do
		printed_down "$BATS_TEST_TMPDIR/$side.paste" | on $side sh -e
		[ -z "$(
			on $side ip xfrm state
			on $side ip xfrm policy
		)" ]
	done
}
# fits SIDE FROM TO BYTES: a packet of so many bytes crosses with DF set, and the kernel says that no more will
fits() {
	local said
	on "$1" ping -q -c 1 -w 3 -M do -s $(($4 - 28)) -I "$2" "$3" || return
	said=$(on "$1" ping -c 1 -W 0.1 -M do -s $(($4 - 27)) -I "$2" "$3" 2>&1) && return 1
	echo "$said"
	[[ "$said" == *"mtu=$4"* ]]
}
# inside FILE: the MTU that a script's head names
inside() { sed -n 's/^#   MTU  *inner packets of up to \([0-9]*\) bytes.*/\1/p' "$1"; }
# outer FILE: of every captured UDP or ESP packet FROM LENGTH DF
outer() {
	tcpdump -n -v -r "$1" 2>/dev/null | awk '
		/proto (UDP|ESP) / { bytes = $NF + 0; df = /\[DF\]/ ? "DF" : "-"; next }
		/^ .* > / { print $1, bytes, df }'
}

# decrypts FILE FOLDER: the pings that tshark finds in a capture with what FOLDER/*/esp_sa say, the command in their heads included:
# SPI, address from, address to, type, a line each
decrypts() {
	mkdir -p "$BATS_TEST_TMPDIR/config/wireshark"
	cat "$2"/*/esp_sa >"$BATS_TEST_TMPDIR/config/wireshark/esp_sa"
	# shellcheck disable=SC2046 # words
	XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config tshark -n -r "$1" -o esp.enable_encryption_decode:TRUE \
		$(sed -n 's/.*decode:TRUE//p' "$2"/*/esp_sa) -Y icmp -T fields -e esp.spi -e ip.src -e ip.dst -e icmp.type
}

@test "every cipher carries pings both ways through two NATs, or is named as missing in this kernel" {
	export LAB_PREFIX=m-
	capture inet to-a "$all/wire" udp
	on a bash -c 'while read -r n name _; do ping -q -c 1 -w 3 -I 10.50.$n.1 10.51.$n.1 >/dev/null || echo "$name"; done <"$all/there"' >"$BATS_TEST_TMPDIR/silent"
	on b bash -c 'while read -r n name _; do ping -q -c 1 -w 3 -I 10.51.$n.1 10.50.$n.1 >/dev/null || echo "$name"; done <"$all/there"' >>"$BATS_TEST_TMPDIR/silent"
	captured
	cat "$BATS_TEST_TMPDIR/silent"
	[ ! -s "$BATS_TEST_TMPDIR/silent" ]
	# no two Debian kernels of the lab lack any
	case $(uname -r) in 6.1.*-amd64 | 6.12.*+deb12-amd64) [ ! -s "$all/missing" ] ;; esac
	# the kernel holds what the table says, each twice: algorithm, bytes of key, bits of ICV
	on a ip xfrm state list | awk '
		function bytes(key) { return length(key) > 2 ? length(key) / 2 - 1 : 0 }
		$1 == "auth-trunc" { auth = $2 " " bytes($3) " " $4 }
		$1 == "enc" { print $2, bytes($3), auth }
		$1 == "aead" { print $2, bytes($3), $4 }' | sort >"$BATS_TEST_TMPDIR/kernel"
	awk '{ line = $3 " " $5 + $6 ($4 == "-" ? "" : " " $4 " " $7) " " $8; print line; print line }' "$all/there" |
		sort | diff - "$BATS_TEST_TMPDIR/kernel"
	# the control: between two tunnels there is no way
	silent a 10.50.1.1 10.51.2.1
}

@test "Wireshark decrypts each cipher that it knows, between the NATs, with the table that xfrmpair writes" {
	decrypts "$all/wire" "$all" >"$BATS_TEST_TMPDIR/seen"
	known=0
	while read -r n name _; do
		grep -P "[\t,]10.5[01].$n.1\b" "$BATS_TEST_TMPDIR/seen" >"$BATS_TEST_TMPDIR/pings" || [ ! -e "$all/$name/esp_sa" ]
		if [ -e "$all/$name/esp_sa" ]; then
			known=$((known + 1))
			for from in 50 51; do
				for type in 8 0; do grep -qP "10.$from.$n.1\t.*10.$((101 - from)).$n.1\t$type$" "$BATS_TEST_TMPDIR/pings" || {
					echo "$name: $from $type"
					cat "$BATS_TEST_TMPDIR/pings"
					false
				}; done
			done
		fi
	done <"$all/there"
	echo "# $known ciphers decrypted" >&3
	[ "$known" -ge 23 ]
	# the control: another key opens nothing
	mkdir -p "$BATS_TEST_TMPDIR/wrong/one"
	sed 's/,"0x[0-9a-f]\{9,\}"/,"0x'"$(printf '0%.0s' {1..72})"'"/' "$all/aes256gcm16/esp_sa" >"$BATS_TEST_TMPDIR/wrong/one/esp_sa"
	[ -z "$(decrypts "$all/wire" "$BATS_TEST_TMPDIR/wrong")" ]
}

@test "capture writes inner packets also in transport mode and of an interface" {
	for options in '--mode transport' '--inner 10.99.0.0/24 --interface ipsec0'; do
		# shellcheck disable=SC2086 # words
		generate $options "$A" "$B"
		both_up
		from=192.168.1.4 to=31.1.2.3
		case $options in *inner*) from=10.99.0.1 to=10.99.0.2 ;; esac
		rm -rf "$BATS_TEST_TMPDIR/t.pcap"* "$BATS_TEST_TMPDIR/said"
		on a nft list ruleset >"$BATS_TEST_TMPDIR/rules"
		script a capture "$BATS_TEST_TMPDIR/t.pcap" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
		for _ in {1..200}; do
			! grep -qs 'capturing until' "$BATS_TEST_TMPDIR/said" || break
			sleep 0.1
		done
		answers a $from $to
		pkill -TERM -f '^[^ ]*xfrmkeep capture '
		wait $!
		cat "$BATS_TEST_TMPDIR/said"
		[ "$(tail -n 1 "$BATS_TEST_TMPDIR/said" | sed 's/captured [0-9]* /captured N /')" = "a: captured N outer packets in $BATS_TEST_TMPDIR/t.pcap, and 6 inner packets in $BATS_TEST_TMPDIR/t.pcap.inner" ]
		on a nft list ruleset | diff "$BATS_TEST_TMPDIR/rules" -
		[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/t.pcap.inner" 2>/dev/null | grep -o 'echo [a-z]*' | sort | uniq -c | tr -s '\n ' ' ')" = ' 3 echo reply 3 echo request ' ]
		both_down
	done
}

@test "the MTU of every cipher is exact: it crosses with DF and fills the path, one byte more does not" {
	export LAB_PREFIX=m-
	capture inet to-a "$BATS_TEST_TMPDIR/wire" greater 1300
	while read -r n name _; do
		fits a 10.50.$n.1 10.51.$n.1 "$(inside "$all/$name/a.sh")" >"$BATS_TEST_TMPDIR/said" 2>&1 </dev/null ||
			{
				echo "$name:"
				cat "$BATS_TEST_TMPDIR/said"
				touch "$BATS_TEST_TMPDIR/failed"
			}
	done <"$all/there"
	captured
	[ ! -e "$BATS_TEST_TMPDIR/failed" ]
	# on the wire: no more than the path takes, and with one block more it would have been
	outer "$BATS_TEST_TMPDIR/wire" >"$BATS_TEST_TMPDIR/packets"
	while read -r n name _ _ _ _ _ _ _ block; do
		bytes=$(awk -v from="85.9.8.7.$((5000 + n))" '$1 == from && $3 == "DF" { print $2 }' "$BATS_TEST_TMPDIR/packets")
		echo "$name: $bytes"
		[ "$bytes" -le 1500 ]
		[ $((bytes + block)) -gt 1500 ]
	done <"$all/there"
}

# bats test_tags=script
@test "one cipher of each kind through the script: AEAD, CBC, CTR and null, which is readable on the network" {
	for cipher in chacha20poly1305 aes256-sha512 aes128ctr-sha256 null-sha256; do
		# b pastes: a script costs four seconds more
		generate --cipher $cipher --save-keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
		script a up
		SIDES=b paste_up --cipher $cipher --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
		capture inet to-a "$BATS_TEST_TMPDIR/wire.$cipher" udp and greater 80
		on b ping -q -c 1 -w 3 -p 636c656172746578742121 -I 192.168.2.100 192.168.1.4
		answers a 192.168.1.4 192.168.2.100
		captured
		grep -q "^#   cipher    $cipher " "$BATS_TEST_TMPDIR/a.sh"
		script a down
		[ -z "$(
			on a ip xfrm state
			on a ip xfrm policy
		)" ]
		SIDES=b paste_down
	done
	for cipher in chacha20poly1305 aes256-sha512 aes128ctr-sha256; do
		run -1 grep -aq 'cleartext!!' "$BATS_TEST_TMPDIR/wire.$cipher"
	done
	# the control, too: the words are there to be seen
	grep -aq 'cleartext!!' "$BATS_TEST_TMPDIR/wire.null-sha256"
}

@test "the MTU is exact in transport mode, and for IPv6 inside" {
	generate --mode transport "$A" "$B"
	paste_up --mode transport "$A" "$B"
	fits a 192.168.1.4 31.1.2.3 "$(inside "$BATS_TEST_TMPDIR/a.sh")"
	paste_down
	generate "$A+fd00:1::1" "$B+fd00:2::1"
	on a ip address add fd00:1::1/128 dev lo nodad
	on b ip address add fd00:2::1/128 dev lo nodad
	paste_up "$A+fd00:1::1" "$B+fd00:2::1"
	mtu=$(inside "$BATS_TEST_TMPDIR/a.sh")
	on a ping -q -c 1 -w 3 -M do -s $((mtu - 48)) -I fd00:1::1 fd00:2::1
	run on a ping -c 1 -W 1 -M do -s $((mtu - 47)) -I fd00:1::1 fd00:2::1
	[ "$status" -ne 0 ]
	[[ "$output" == *"mtu=$mtu"* || "$output" == *"mtu: $mtu"* ]]
	paste_down
}

@test "the MTU is exact over IPv6, and with --mtu for a path that takes 1400 bytes" {
	export LAB_PREFIX=y-
	"$net" up --ipv6
	on a ip address add 10.50.1.1/32 dev lo
	on b ip address add 10.51.1.1/32 dev lo
	for cipher in aes256gcm16 aes256-sha512 null-sha256; do
		generate --cipher $cipher '[2001:db8:1::4]:4500+10.50.1.1' '[2001:db8:2::100]:4501+10.51.1.1'
		paste_up --cipher $cipher '[2001:db8:1::4]:4500+10.50.1.1' '[2001:db8:2::100]:4501+10.51.1.1'
		fits a 10.50.1.1 10.51.1.1 "$(inside "$BATS_TEST_TMPDIR/a.sh")"
		paste_down
	done
	# the narrow link is in the middle, where neither side sees it; the script puts what fits inside on its route
	on inet ip link set to-b mtu 1400
	on nb ip link set wan mtu 1400
	generate --mtu 1400 --cipher aes128-sha256 "$A+10.50.1.1" "$B+10.51.1.1"
	both_up
	mtu=$(inside "$BATS_TEST_TMPDIR/a.sh")
	capture inet to-b "$BATS_TEST_TMPDIR/wire" greater 1300
	fits a 10.50.1.1 10.51.1.1 "$mtu"
	captured
	bytes=$(outer "$BATS_TEST_TMPDIR/wire" | awk '$1 ~ /^85/ && $3 == "DF" { print $2 }')
	[ "$bytes" -le 1400 ]
	[ $((bytes + 16)) -gt 1400 ]
	both_down
	# the control: without --mtu one that the sides think fits is lost there
	generate --cipher aes128-sha256 "$A+10.50.1.1" "$B+10.51.1.1"
	paste_up --cipher aes128-sha256 "$A+10.50.1.1" "$B+10.51.1.1"
	on a ping -q -c 1 -w 3 -I 10.50.1.1 10.51.1.1
	run on a ping -q -c 1 -W 1 -M do -s $(($(inside "$BATS_TEST_TMPDIR/a.sh") - 28)) -I 10.50.1.1 10.51.1.1
	[ "$status" -ne 0 ]
	"$net" down
}

@test "the MTU is exact for plain ESP between public sides" {
	export LAB_PREFIX=y-
	"$net" up --open-side a --open-side b
	on a ip address add 10.50.1.1/32 dev lo
	on b ip address add 10.51.1.1/32 dev lo
	for cipher in aes256gcm16 aes256-sha384; do
		generate --cipher $cipher 85.9.8.7+10.50.1.1 31.1.2.3+10.51.1.1
		paste_up --cipher $cipher 85.9.8.7+10.50.1.1 31.1.2.3+10.51.1.1
		fits a 10.50.1.1 10.51.1.1 "$(inside "$BATS_TEST_TMPDIR/a.sh")"
		paste_down
	done
	generate --mode transport 85.9.8.7 31.1.2.3
	paste_up --mode transport 85.9.8.7 31.1.2.3
	fits a 85.9.8.7 31.1.2.3 "$(inside "$BATS_TEST_TMPDIR/a.sh")"
	paste_down
	"$net" down
}

@test "after --limit-packets a side sends nothing, not even in clear text, and status says so" {
	snapshot a >"$BATS_TEST_TMPDIR/before"
	generate --limit-packets 5 "$A" "$B"
	# the control: without a tunnel the words leave as they are
	capture na lan "$BATS_TEST_TMPDIR/clear" icmp and dst host 192.168.2.100
	on a ping -q -c 1 -W 1 -I 192.168.1.4 192.168.2.100 || :
	captured
	[ "$(tcpdump -n -r "$BATS_TEST_TMPDIR/clear" 2>/dev/null | wc -l)" -eq 1 ]
	both_up
	answers a 192.168.1.4 192.168.2.100
	script a status
	capture na lan "$BATS_TEST_TMPDIR/wire" icmp or udp and greater 80
	run on a ping -q -c 5 -i 0.2 -W 1 -I 192.168.1.4 192.168.2.100
	[[ "$output" == *"5 packets transmitted, 2 received"* ]]
	captured
	tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null >"$BATS_TEST_TMPDIR/packets"
	cat "$BATS_TEST_TMPDIR/packets"
	[ "$(grep -c 'UDP' "$BATS_TEST_TMPDIR/packets")" -eq 4 ]
	run -1 grep -q ICMP "$BATS_TEST_TMPDIR/packets"
	run -1 script a status
	[[ "${lines[0]}" == "a: half up: a limit reached? Then: sh "*"a.sh rekey, or new scripts if keys are fixed" ]]
	[ "${lines[1]}" = "  missing: SA to b" ]
	# up does not begin the count anew
	run -1 script a up
	echo "$output"
	[[ "$output" == "xfrmkeep: b: an SA has reached its limit and is gone"* ]]
	[[ "$output" == *"
a: already up" ]]
	# the next key has a count of its own; b has sent as much
	script a rekey
	script b rekey
	answers a 192.168.1.4 192.168.2.100
	on a ping -q -c 3 -i 0.2 -W 1 -I 192.168.1.4 192.168.2.100 || :
	# who listens makes the kernel ask for the SA with a larval one: that is none, and does not stop down
	on a ip xfrm monitor >/dev/null 3>&- &
	sleep 0.3
	on a ping -q -c 1 -W 1 -I 192.168.1.4 192.168.2.100 || :
	on a ip -o xfrm state list nokeys | grep 'dst 31.1.2.3' | grep -v aead
	run script a status
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "a: half up:"* ]]
	script a down
	[ -z "$(on a ip xfrm policy)" ]
	script b down
	both_up # the larval SA is still there
	answers a 192.168.1.4 192.168.2.100
	script a status
	pkill -f 'ip xfrm monitor'
	both_down
	on a ip xfrm state flush # what the kernel still asks for
	snapshot a | diff "$BATS_TEST_TMPDIR/before" -
}

@test "after --limit-bytes a side sends nothing" {
	generate --limit-bytes 200 "$A" "$B"
	both_up
	# a ping is 84 bytes: the third is the one that passes 200
	run on a ping -q -c 5 -i 0.2 -W 1 -I 192.168.1.4 192.168.2.100
	[[ "$output" == *"5 packets transmitted, 3 received"* ]]
	run script a status
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "a: half up: a limit reached?"* ]]
	[ "$(on a awk '/XfrmOutStateExpired/ { print $2 }' /proc/net/xfrm_stat)" -ge 1 ]
}

@test "pings pass with --esn on both sides, but not with --esn on one side" {
	generate --esn --save-keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	[ "$(on a ip xfrm state list nokeys | grep -cw 'flag.*esn')" -eq 3 ]
	script a status
	both_down
	mkdir "$BATS_TEST_TMPDIR/without"
	xfrmpair --keys "$BATS_TEST_TMPDIR/keys" -o "$BATS_TEST_TMPDIR/without" "$A" "$B"
	cp "$BATS_TEST_TMPDIR/without/b.sh" "$BATS_TEST_TMPDIR/b.sh"
	before=$(counters b)
	both_up
	silent a 192.168.1.4 192.168.2.100
	[ "$(diff <(echo "$before") <(counters b) | sed -n 's/^> //p')" = "XfrmInStateProtoError 3" ]
}

@test "pings pass with --encap espinudp-nonike, or, since Linux 6.10, up is refused with status 5 and undone" {
	generate --encap espinudp-nonike "$A" "$B"
	if [ "$(printf '%s\n' 6.10 "$(uname -r)" | sort -V | head -1)" = 6.10 ]; then
		snapshot a >"$BATS_TEST_TMPDIR/before"
		run -5 script a up
		[ "${lines[1]}" = "a: this kernel has no espinudp-nonike: generate without --encap (Error: Unsupported encapsulation type for ESP.)" ]
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
		return
	fi
	both_up
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	pgrep -f 'espdecap -d -N -u 65534 -b 192.168.1.4 61525'
	fits a 192.168.1.4 192.168.2.100 "$(inside "$BATS_TEST_TMPDIR/a.sh")"
	script a status
	# the control: the kinds do not mix
	both_down
	generate --force "$A" "$B"
	mv "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/b"
	script a up
	sed -e 's/encap espinudp /encap espinudp-nonike /' -e 's/^-u 65534/-N -u 65534/' "$BATS_TEST_TMPDIR/b" >"$BATS_TEST_TMPDIR/b.sh"
	XFRMKEEP=/none script b up # whose sum would be wrong
	pgrep -f 'espdecap -d -N -u 65534 -b 192.168.2.100 61523'
	silent a 192.168.1.4 192.168.2.100
}
