# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The main test of this project: packets pass two NATs inside ESP on a real kernel.
# Run in the lab: tests/lab/run bats tests/lab/tunnel.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	LAB_PREFIX=x- "$net" up --timeout 10
	# the idle tunnels of this prefix get their forty seconds while the other tests run
	mkdir "$BATS_FILE_TMPDIR/idle"
	LAB_PREFIX=x- XFRMPAIR_RUN=$BATS_FILE_TMPDIR/idle BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/idle BATS_TEST_DIRNAME=$BATS_TEST_DIRNAME \
		bash -c 'source "$BATS_TEST_DIRNAME/tunnel.bash"; idle_tunnels' >&2
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	LAB_PREFIX=x- "$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	shell=sh
}
teardown() { all_down; }

@test "two scripts of one run carry pings both ways through two NATs" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	script a status
	script b status
	# the control: without the tunnel there is no way
	both_down
	silent a 192.168.1.4 192.168.2.100
}

@test "the test command that up prints works" {
	generate "$A" "$B"
	script b up
	script a up 2>"$BATS_TEST_TMPDIR/said"
	[ "$(tail -n 2 "$BATS_TEST_TMPDIR/said")" = "a: set up. When the other side is up too, test it with:
  ping -c 3 -I 192.168.1.4 192.168.2.100" ]
	# shellcheck disable=SC2046 # words
	on a $(tail -n 1 "$BATS_TEST_TMPDIR/said")
}

# started SIDE WORD...: that script does so there; adds how many processes it started, itself included, to the file of the first WORD
started() {
	# shellcheck disable=SC2016 # that shell expands it
	on "$1" bash -c '
		count() { while read -r name number _; do [ "$name" != processes ] || return; done </proc/stat; }
		count
		before=$number
		"${@:2}" >"$1.said" 2>&1 </dev/null || exit
		count
		echo $((number - before)) >>"$1"' bash "$BATS_TEST_TMPDIR/started.$2" sh "$BATS_TEST_TMPDIR/$1.sh" "${@:2}" 3>&-
}
# least WORD: of these numbers, because the kernel starts threads of its own now and then
least() { sort -n "$BATS_TEST_TMPDIR/started.$1" | head -n 1; }

@test "up and down of two hosts start at most 10 processes, status and rekey at most 3" {
	generate "$A" "$B"
	: >"$BATS_TEST_TMPDIR/up"
	script b up
	for _ in 1 2 3; do
		started a up --no-punch
		answers a 192.168.1.4 192.168.2.100
		started a status
		script b rekey
		answers a 192.168.1.4 192.168.2.100
		started a rekey
		grep -q '^a: sends to b with epoch ' "$BATS_TEST_TMPDIR/started.rekey.said"
		answers a 192.168.1.4 192.168.2.100
		started a down
	done
	echo "# processes: up $(least up), down $(least down), status $(least status), rekey $(least rekey)" >&3
	[ "$(least up)" -ge 4 ] # it counts
	[ "$(least up)" -le 10 ]
	[ "$(least down)" -le 10 ]
	[ "$(least status)" -le 3 ]
	[ "$(least rekey)" -le 3 ]
}

@test "with one wrong mapped port, nothing is answered" {
	generate "$A" 192.168.2.100:61523@31.1.2.3:10422
	both_up
	silent a 192.168.1.4 192.168.2.100
}

@test "between the NATs there is only UDP between the mapped endpoints, and nothing in clear text" {
	generate "$A" "$B"
	for nat in na nb; do on $nat conntrack -F 2>/dev/null; done # no holes of the tests before
	capture inet to-a "$BATS_TEST_TMPDIR/wire" not arp and not icmp6
	both_up
	on a ping -q -c 3 -i 0.2 -p 636c656172746578742121 -I 192.168.1.4 192.168.2.100
	captured
	tcpdump -n -r "$BATS_TEST_TMPDIR/wire" 2>/dev/null >"$BATS_TEST_TMPDIR/packets"
	[ "$(grep -c 'UDP, length 1[0-9][0-9]$' "$BATS_TEST_TMPDIR/packets")" -eq 6 ]
	cat "$BATS_TEST_TMPDIR/packets"
	run -1 grep -v -e 'IP 85.9.8.7.61525 > 31.1.2.3.10421: UDP' -e 'IP 31.1.2.3.10421 > 85.9.8.7.61525: UDP' "$BATS_TEST_TMPDIR/packets"
	run -1 grep -aq 'cleartext!!' "$BATS_TEST_TMPDIR/wire"
	# the control: outside the tunnel the same words are seen
	capture inet to-a "$BATS_TEST_TMPDIR/clear" icmp
	on a ping -q -c 1 -p 636c656172746578742121 198.51.100.1
	captured
	grep -aq 'cleartext!!' "$BATS_TEST_TMPDIR/clear"
}

@test "killing espdecap stops incoming packets, and up starts it again" {
	generate "$A" "$B"
	both_up
	answers b 192.168.2.100 192.168.1.4
	pkill -KILL -f -- '-u 65534 -b 192.168.1.4 61525'
	silent b 192.168.2.100 192.168.1.4
	run -1 script a status
	[[ "$output" == *"  missing: espdecap"* ]]
	run -0 script a up
	[[ "$output" == "put back: espdecap "* ]]
	answers b 192.168.2.100 192.168.1.4
	script a status
}

@test "one flipped bit of a key increases only XfrmInStateProtoError" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	both_down
	before_a=$(counters a) before_b=$(counters b)
	# on a's side only, the first bit of the key from a to b
	awk '$1 == "a" { d = substr($5, 3, 1); $5 = "0x" substr("89abcdef01234567", index("0123456789abcdef", d), 1) substr($5, 4) } 1' \
		"$BATS_TEST_TMPDIR/keys" >"$BATS_TEST_TMPDIR/flipped"
	[ "$(cmp -l "$BATS_TEST_TMPDIR/keys" "$BATS_TEST_TMPDIR/flipped" | wc -l)" -eq 1 ]
	mkdir "$BATS_TEST_TMPDIR/flip"
	chmod 600 "$BATS_TEST_TMPDIR/flipped"
	xfrmpair --keys "$BATS_TEST_TMPDIR/flipped" -o "$BATS_TEST_TMPDIR/flip" "$A" "$B"
	cp "$BATS_TEST_TMPDIR/flip/a.sh" "$BATS_TEST_TMPDIR/a.sh"
	script a up # once more than the right one, so that b has not seen its numbers
	script a down
	both_up
	silent a 192.168.1.4 192.168.2.100
	[ "$(counters a)" = "$before_a" ]
	[ "$(diff <(echo "$before_b") <(counters b) | sed -n 's/^> //p')" = "XfrmInStateProtoError 3" ]
}

@test "a replayed packet is dropped" {
	generate "$A" "$B"
	both_up
	capture inet to-a "$BATS_TEST_TMPDIR/wire" 'dst host 85.9.8.7 and udp and greater 80'
	answers b 192.168.2.100 192.168.1.4
	captured
	# the control: sending again what a has not seen yet would be taken; what it has seen is not
	before=$(on a awk '/XfrmInStateSeqError/ { print $2 }' /proc/net/xfrm_stat)
	on inet tcpreplay -q -i to-a "$BATS_TEST_TMPDIR/wire"
	sleep 0.5
	after=$(on a awk '/XfrmInStateSeqError/ { print $2 }' /proc/net/xfrm_stat)
	[ $((after - before)) -eq 3 ]
}

@test "down on both sides leaves the machine as it was, foreign SAs, policies, routes and sockets included" {
	on a ip xfrm state add src 192.168.1.4 dst 203.0.113.9 proto esp spi 0x1234 reqid 16 mode tunnel auth-trunc 'hmac(sha256)' 0x$(printf '%064d' 1) 128 enc 'cbc(aes)' 0x$(printf '%032d' 1)
	on a ip xfrm policy add src 192.168.1.4/32 dst 203.0.113.9/32 dir out tmpl src 192.168.1.4 dst 203.0.113.9 proto esp reqid 16 mode tunnel
	on a ip xfrm policy add src 192.168.1.4/32 dst 203.0.113.10/32 dir out action block priority 1000
	on a ip route add 203.0.113.0/24 via 192.168.1.1
	on a "$BUILD/espdecap" -b 192.168.1.4 4500 2>/dev/null 3>&- &
	sleep 0.3
	for side in a b; do snapshot $side >"$BATS_TEST_TMPDIR/before.$side"; done
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	# the control: while it is up, they differ
	run -1 cmp "$BATS_TEST_TMPDIR/before.a" <(snapshot a)
	both_down
	for side in a b; do snapshot $side | diff "$BATS_TEST_TMPDIR/before.$side" -; done
	both_down
	for side in a b; do snapshot $side | diff "$BATS_TEST_TMPDIR/before.$side" -; done
	on a ip xfrm state delete src 192.168.1.4 dst 203.0.113.9 proto esp spi 0x1234
	on a ip xfrm policy delete src 192.168.1.4/32 dst 203.0.113.9/32 dir out
	on a ip xfrm policy delete src 192.168.1.4/32 dst 203.0.113.10/32 dir out
	on a ip route delete 203.0.113.0/24
	pkill -f -- '-b 192.168.1.4 4500'
}

@test "a second up exits with 1, down of a tunnel that is down with 0, and its status with 1" {
	generate "$A" "$B"
	both_up
	run script a up
	[ "$status" -eq 1 ]
	[ "$output" = "a: already up" ]
	answers a 192.168.1.4 192.168.2.100
	script a down
	run script a down
	[ "$status" -eq 0 ]
	[ "$output" = "a: removing what up added
a: down" ]
	run script a status
	[ "$status" -eq 1 ]
	[ "$output" = "a: down" ]
}

@test "a failed step is reported, explained and undone" {
	generate "$A" "$B"
	snapshot a >"$BATS_TEST_TMPDIR/before"
	fake_ip "case \$batch in *'state add'*reqid*) echo 'RTNETLINK answers: Cannot allocate memory' >&2; exit 2;; esac"
	run -1 script_with_fake_ip a up
	[ "$output" = "a: adding SAs (with keys)
a: ip: RTNETLINK answers: Cannot allocate memory
a: removing what up added" ]
	snapshot a | diff "$BATS_TEST_TMPDIR/before" -
}

@test "a kernel without ESP and one without the cipher are distinguished, with status 5, before punching" {
	generate "$A" "$B"
	snapshot a >"$BATS_TEST_TMPDIR/before"
	# a kernel without ESP may have no ciphers either, and says that first
	for words in 'Error: Requested type not found.' 'Error: Requested AEAD algorithm not found.' 'RTNETLINK answers: Protocol not supported'; do
		fake_ip "case \$batch in *'state add'*) echo '$words' >&2; exit 2;; esac"
		run -5 script_with_fake_ip a up
		[ "${lines[1]}" = "a: no-esp: this kernel has no ESP: try modprobe esp4 ($words)" ]
	done
	for words in 'Error: Requested AEAD algorithm not found.' 'RTNETLINK answers: Function not implemented'; do
		fake_ip "case \$batch in *'state add'*aead*) echo '$words' >&2; exit 2;; esac"
		run -5 script_with_fake_ip a up
		[ "${lines[1]}" = "a: no-cipher: this kernel lacks aes256gcm16: generate with another --cipher ($words)" ]
	done
	run -1 grep -q 'policy add' "$BATS_TEST_TMPDIR/batches"
	snapshot a | diff "$BATS_TEST_TMPDIR/before" -
}

# refused WORDS...: a's up is 1, says what ends with the WORDS, and leaves everything as it was
refused() {
	snapshot a >"$BATS_TEST_TMPDIR/before"
	run -1 script a up --wait 1
	echo "$output"
	[[ "$output" == *"$1" ]]
	snapshot a | diff "$BATS_TEST_TMPDIR/before" -
}

@test "a conflicting object is named and not changed" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	spi=$(awk '$1 == "b" { print $4 }' "$BATS_TEST_TMPDIR/keys")
	taken="a: taken: another tunnel has this SPI or selector: see ip xfrm state; ip xfrm policy (RTNETLINK answers: File exists)
a: removing what up added"
	on a ip xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out action block priority 77
	refused "$taken"
	on a ip xfrm policy delete src 192.168.1.4/32 dst 192.168.2.100/32 dir out
	on a ip xfrm state add src 203.0.113.9 dst 192.168.1.4 proto esp spi "$spi" reqid 16 mode tunnel aead 'rfc4106(gcm(aes))' 0x$(printf '%040d' 1) 128
	refused "$taken"
	run -1 script a check
	[ "$output" = "a: taken: another tool has an SA to 192.168.1.4 with SPI $spi: see ip xfrm state" ]
	on a ip xfrm state delete src 203.0.113.9 dst 192.168.1.4 proto esp spi "$spi"
	did_not_start="xfrmkeep: espdecap: did not start: espdecap: port 61525: in use: ss -lunp sport = :61525
a: removing what up added"
	on a "$BUILD/espdecap" 61525 2>/dev/null 3>&- &
	sleep 0.3
	refused "$did_not_start"
	run -1 script a check
	[[ "$output" =~ ^'a: port-taken: UDP port 61525 is in use by espdecap (pid '[0-9]+'): kill '[0-9]+''$ ]]
	pkill -f 'espdecap 61525$'
	# a natprobe that has it
	on a natprobe -b 192.168.1.4 -p 61525 --punch 31.1.2.3:10421 --timeout 15 >/dev/null 2>&1 3>&- &
	sleep 0.5
	refused "$did_not_start"
	run -1 script a check
	[[ "$output" =~ ^'a: port-taken: UDP port 61525 is in use by natprobe (pid '[0-9]+'): kill '[0-9]+''$ ]]
	pkill -x natprobe
	# another tunnel, which goes on
	xfrmpair -o "$BATS_TEST_TMPDIR/other" a=192.168.1.4:61525@85.9.8.7+10.77.0.0/24 c=192.168.2.100:61523@31.1.2.3:10421+10.78.0.0/24
	on a sh "$BATS_TEST_TMPDIR/other/a.sh" up --no-punch 3>&-
	refused "$did_not_start"
	on a sh "$BATS_TEST_TMPDIR/other/a.sh" status || [ $? = 4 ]
	on a sh "$BATS_TEST_TMPDIR/other/a.sh" down
	# the script of another side
	cp "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/a.sh"
	refused "b: removing what up added"
	[[ "$output" == *"b: 192.168.2.100 is not an address of this host"* ]]
	[[ "$output" == *"is this the script of another side?"* ]]
}

@test "without root, up fails with a message" {
	generate "$A" "$B"
	chmod 755 "$BATS_TEST_TMPDIR"
	own=$(mktemp -d)
	cp "$BATS_TEST_TMPDIR/a.sh" "$own"
	chown -R 65534 "$own"
	run -1 on a setpriv --reuid 65534 --clear-groups sh "$own/a.sh" up --no-punch
	echo "$output"
	[[ "$output" == "xfrmkeep: no-permission: run this as root (cannot open $XFRMPAIR_RUN)" ]]
	# with folders of its own
	run on a setpriv --reuid 65534 --clear-groups env XFRMPAIR_RUN="$own/run" XFRMPAIR_STATE="$own/state" \
		sh "$own/a.sh" up --no-punch
	echo "$output"
	rm -r "$own"
	[ "$status" -eq 1 ]
	[[ "$output" == *"a: no-permission: run this as root (RTNETLINK answers: Operation not permitted)"* ]]
	[ -z "$(
		on a ip xfrm state
		on a ip xfrm policy
	)" ]
}

@test "down does not kill another process that has the helper's pid" {
	generate "$A" "$B"
	sleep 60 3>&- &
	stranger=$!
	# a helper, but of another port
	on a "$BUILD/espdecap" -u 65534 -b 192.168.1.4 61529 2>/dev/null 3>&- &
	until pgrep -f -- '-b 192.168.1.4 61529' >/dev/null; do sleep 0.1; done
	for pid in $stranger "$(pgrep -f -- '-b 192.168.1.4 61529')"; do
		script a up
		pkill -KILL -f -- '-u 65534 -b 192.168.1.4 61525'
		file=$(echo "$XFRMPAIR_RUN"/a.*/espdecap)
		echo "$pid" >"$file"
		script a down
		kill -0 "$pid"
		kill "$pid"
		[ ! -e "$file" ]
	done
	# the control
	script a up
	script a down
	run -1 pgrep -f -- '-u 65534 -b 192.168.1.4 61525'
}

@test "a mesh with other names, addresses and ports works both ways, in two other shells" {
	LAB_PREFIX=y- "$net" up --a 10.11.12.13@77.1.2.3 --b 172.20.30.40@99.4.5.6 --nat-a moves:4500:33333 --nat-b keeps
	export LAB_PREFIX=y- SIDES='home office'
	for shell in bash mksh; do
		xfrmpair -o "$BATS_TEST_TMPDIR" --force home=10.11.12.13:4500@77.1.2.3:33333 office=172.20.30.40:5500@99.4.5.6
		on a $shell "$BATS_TEST_TMPDIR/home.sh" up --no-punch
		on b $shell "$BATS_TEST_TMPDIR/office.sh" up --no-punch
		answers a 10.11.12.13 172.20.30.40
		answers b 172.20.30.40 10.11.12.13
		on a $shell "$BATS_TEST_TMPDIR/home.sh" status
		on a $shell "$BATS_TEST_TMPDIR/home.sh" down
		on b $shell "$BATS_TEST_TMPDIR/office.sh" down
		[ -z "$(
			on a ip xfrm state
			on a ip xfrm policy
			on b ip xfrm state
			on b ip xfrm policy
		)" ]
	done
	"$net" down
}

@test "keys are in no process's arguments and in no file of up but the store, in all four shells" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	key=$(awk '$1 == "a" { print substr($5, 3) }' "$BATS_TEST_TMPDIR/keys")
	for shell in dash 'busybox ash' bash mksh; do
		: >"$BATS_TEST_TMPDIR/said"
		# strace would wait for espdecap, too
		on a strace -f -y --seccomp-bpf -s 4096 -o "$BATS_TEST_TMPDIR/trace" -e trace=execve,openat,open,creat $shell "$BATS_TEST_TMPDIR/a.sh" up --no-punch \
			>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
		for _ in $(seq 200); do
			grep -q 'ping -c 3' "$BATS_TEST_TMPDIR/said" && break
			sleep 0.1
		done
		pkill strace
		grep -q execve "$BATS_TEST_TMPDIR/trace"
		run -1 grep -q "execve.*$key" "$BATS_TEST_TMPDIR/trace"
		grep O_CREAT "$BATS_TEST_TMPDIR/trace" | grep -v -e "$XFRMPAIR_RUN" -e "$XFRMPAIR_STATE" -e /dev/null \
			-e "<$BATS_TEST_TMPDIR>, \".a.sh.new\"" >"$BATS_TEST_TMPDIR/made" || :
		cat "$BATS_TEST_TMPDIR/made"
		[ ! -s "$BATS_TEST_TMPDIR/made" ]
		run -1 grep -rq "$key" "$XFRMPAIR_RUN"
		[ "$(grep -rl "$key" "$XFRMPAIR_STATE" | xargs stat -c '%a %u')" = '600 0' ]
		[ "$(stat -c '%a %u' "$XFRMPAIR_STATE")" = '700 0' ]
		script a down
	done
	# the control: the same search finds a key that is an argument
	strace -f -s 4096 -o "$BATS_TEST_TMPDIR/trace" -e trace=execve sh -c "/bin/echo $key"
	grep -q "execve.*$key" "$BATS_TEST_TMPDIR/trace"
}

@test "the how-to's commands on one side work with our script on the other" {
	install -m 600 examples/howto/keys "$BATS_TEST_TMPDIR/keys"
	generate -f examples/howto/tunnel.conf --keys "$BATS_TEST_TMPDIR/keys"
	script b up
	on a sh -e <<'END'
ip xfrm state add src 192.168.1.4 dst 31.1.2.3 proto esp spi 0xdeadbeef mode tunnel encap espinudp 61525 10421 0.0.0.0 aead 'rfc4106(gcm(aes))' 0x0000000000000000000000000000000000000000 96
ip xfrm state add src 31.1.2.3 dst 192.168.1.4 proto esp spi 0xdeadbeef mode tunnel encap espinudp 10421 61525 0.0.0.0 aead 'rfc4106(gcm(aes))' 0x0000000000000000000000000000000000000000 96
ip xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out tmpl src 192.168.1.4 dst 31.1.2.3 proto esp mode tunnel
ip xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in tmpl src 31.1.2.3 dst 192.168.1.4 proto esp mode tunnel
END
	on a "$BUILD/espdecap" 61525 31.1.2.3 10421 2>/dev/null 3>&- &
	sleep 0.5
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	on a ip xfrm state flush
	on a ip xfrm policy flush
	pkill -f 'espdecap 61525'
	script b down
	# and the other way round
	script a up
	on b sh -e <<'END'
ip xfrm state add src 192.168.2.100 dst 85.9.8.7 proto esp spi 0xdeadbeef mode tunnel encap espinudp 61523 61525 0.0.0.0 aead 'rfc4106(gcm(aes))' 0x0000000000000000000000000000000000000000 96
ip xfrm state add src 85.9.8.7 dst 192.168.2.100 proto esp spi 0xdeadbeef mode tunnel encap espinudp 61525 61523 0.0.0.0 aead 'rfc4106(gcm(aes))' 0x0000000000000000000000000000000000000000 96
ip xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir out tmpl src 192.168.2.100 dst 85.9.8.7 proto esp mode tunnel
ip xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir in tmpl src 85.9.8.7 dst 192.168.2.100 proto esp mode tunnel
END
	on b "$BUILD/espdecap" 61523 85.9.8.7 61525 2>/dev/null 3>&- &
	sleep 0.5
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	on b ip xfrm state flush
	on b ip xfrm policy flush
	pkill -f 'espdecap 61523'
}

@test "a host whose address changed works with up --local, and later again without" {
	generate "$A" "$B"
	snapshot b >"$BATS_TEST_TMPDIR/before"
	on b ip address add 192.168.2.77/24 dev eth0
	on b ip route replace default via 192.168.2.1 src 192.168.2.77
	on b ip address delete 192.168.2.100/24 dev eth0
	on b ip address add 192.168.2.77/24 dev eth0 2>/dev/null || :
	on b ip route replace default via 192.168.2.1
	on nb conntrack -F 2>/dev/null # the old address still has the mapping
	run -1 script b up --local 203.0.113.5 --wait 1
	[[ "$output" == *"b: 203.0.113.5 is not an address of this host: is this the script of another side? (expected --local ADDRESS if the address has changed; "* ]]
	script a up
	script b up --local 192.168.2.77
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	# and without naming the source: the route does
	on b ping -q -c 2 -i 0.2 192.168.1.4
	both_down
	on b ip address add 192.168.2.100/24 dev eth0
	on b ip address delete 192.168.2.77/24 dev eth0
	on b ip address add 192.168.2.100/24 dev eth0 2>/dev/null || :
	on b ip route replace default via 192.168.2.1
	on nb conntrack -F 2>/dev/null
	snapshot b | diff "$BATS_TEST_TMPDIR/before" -
}

@test "public sides: the encapsulated packets are exempt from the policies that match them" {
	LAB_PREFIX=y- "$net" up --open-side a --open-side b
	export LAB_PREFIX=y-
	generate 85.9.8.7:4500 31.1.2.3:4501
	both_up
	answers a 85.9.8.7 31.1.2.3
	script a status
	# the control: without the allow policy the kernel asks the wrapper itself to come out of the tunnel
	on a ip xfrm policy delete src 31.1.2.3/32 dst 85.9.8.7/32 proto 17 sport 4501 dport 4500 dir in
	silent a 85.9.8.7 31.1.2.3
	on a grep -q 'XfrmInTmplMismatch.*[1-9]' /proc/net/xfrm_stat
	both_down
	[ -z "$(
		on a ip xfrm state
		on a ip xfrm policy
		on b ip xfrm state
		on b ip xfrm policy
	)" ]
	"$net" down
}

@test "keepalives keep an idle tunnel alive through NATs with a timeout of ten seconds; without, it stops" {
	while [ $(($(date +%s) - $(cat "$BATS_FILE_TMPDIR/idle/since"))) -lt 40 ]; do sleep 1; done
	export LAB_PREFIX=x- BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR/idle
	answers b 192.168.2.100 192.168.1.4
	# the control, through the same NATs
	silent b 10.9.2.1 10.9.1.1
}

# paste FILE: gives it to an interactive root bash on side a, as a terminal does
paste() {
	{
		sleep 1
		printf '\e[200~'
		cat "$1"
		printf '\e[201~\n'
		sleep 2
		printf '\003' # as a person would at a prompt that waits for more
		sleep 0.3
		printf 'exit 0\n'
		sleep 0.5
	} | on a timeout 20 env HOME="$BATS_TEST_TMPDIR" HISTFILE="$BATS_TEST_TMPDIR/history" HISTCONTROL=ignorespace TERM=xterm \
		script -qec 'bash -i' /dev/null \
		>"$BATS_TEST_TMPDIR/screen"
}

@test "a paste block works in an interactive root bash, and with HISTCONTROL=ignorespace leaves no key in its history" {
	generate --save-keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	xfrmpair --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B" | sed '/^# side b/,$d' >"$BATS_TEST_TMPDIR/block"
	key=$(grep -o '[0-9a-f]\{72\}' "$BATS_TEST_TMPDIR/block" | head -n 1)
	[ -n "$key" ]
	script b up
	paste "$BATS_TEST_TMPDIR/block"
	cat "$BATS_TEST_TMPDIR/screen"
	answers a 192.168.1.4 192.168.2.100
	[ -s "$BATS_TEST_TMPDIR/history" ]
	run -1 grep -q -e "$key" -e 0x "$BATS_TEST_TMPDIR/history"
	# what its comments say takes it down again
	printed_down "$BATS_TEST_TMPDIR/block" | on a sh -e
	sleep 0.5
	run -1 pgrep -f '^espdecap -d .* 192.168.1.4 61525 '
	[ -z "$(
		on a ip xfrm state
		on a ip xfrm policy
	)" ]
}

@test "a truncated paste does nothing" {
	xfrmpair "$A" "$B" | sed '/^# side b/,$d' >"$BATS_TEST_TMPDIR/block"
	snapshot a >"$BATS_TEST_TMPDIR/before"
	for lines in 8 14 $(($(grep -n '^}' "$BATS_TEST_TMPDIR/block" | cut -d: -f1) - 1)); do
		head -n "$lines" "$BATS_TEST_TMPDIR/block" >"$BATS_TEST_TMPDIR/cut"
		paste "$BATS_TEST_TMPDIR/cut" || :
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
	done
}
