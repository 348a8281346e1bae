# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep with a tunnel: new keys, other endpoints, objects that other tools remove or add.
# Run in the lab: tests/lab/run bats tests/lab/keep.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --ipv6
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	cd "$BATS_TEST_TMPDIR" || return
}
teardown() { all_down; }

# keep SIDE VERB [ARGUMENT]...: its output, stderr and status
keep() {
	local side=$1
	shift
	status=0
	output=$(on "$side" xfrmkeep "$1" "$side.sh" "${@:2}" 2>said) || status=$?
	stderr=$(<said)
}
same() { # WHAT EXPECTED
	[ "$1" = "$2" ] || {
		printf 'got:      %s\nexpected: %s\nstderr:   %s\n' "$1" "$2" "$stderr"
		return 1
	}
}
both_answer() { answers a "${1:-192.168.1.4}" "${2:-192.168.2.100}" && answers b "${2:-192.168.2.100}" "${1:-192.168.1.4}"; }
# fact NAME SIDE: of the script
fact() { sed -n "s/^$1=\([^ ]*\).*/\1/p; s/.* $1=\([^ ]*\).*/\1/p" "$2.sh" | head -n 1; }
reqid() { sed -n "s/^peers='[a-z]*@\([0-9]*\).*/\1/p" "$1.sh"; }
# renumber NUMBER FILE: the section there, with that as the outbound number
renumber() {
	sed -i "s/oseq_1=[0-9]*/oseq_1=$1/; \$d" "$2"
	echo "# ---- end $(sha256sum <"$2" | cut -c 1-16)" >>"$2"
}
# kept SIDE: all that a tunnel could have changed there, but for what counts
kept() { snapshot "$1" | grep -v 'lastused\|replay\|seq\|spi\|[0-9a-f]\{8\} [0-9a-f]\{8\}'; }
# epochs SIDE: in the store, as `a: from 1 2, to 1` has them
epochs() { sed -n 's/.*# \(from\|to\) [a-z]*, epoch \([0-9]*\)$/\1 \2/p' "$XFRMPAIR_STATE/$(fact store "$1")"; }
sas() { on "$1" ip xfrm state list nokeys | grep -c '^src'; }

@test "three rekeys on both sides lose no packet of a ping every 10 ms, and erase past secrets from store and script" {
	generate "$A" "$B"
	both_up
	both_answer
	cp a.sh first.sh
	on a ping -q -i 0.01 -c 400 -W 2 -I 192.168.1.4 192.168.2.100 >pings 3>&- &
	for epoch in 2 3 4; do
		keep a rekey
		same "$status" 0
		same "$stderr" "a: sends to b with epoch $epoch"
		sleep 0.2
		keep b rekey
		same "$status" 0
		same "$stderr" "b: sends to a with epoch $epoch"
		sleep 0.2
	done
	wait $!
	grep ' 400 received' pings
	keep a rekey # it has heard b with 4
	same "$(epochs a)" "from 4
from 5
from 6
to 5"
	same "$(sas a)" 4
	for key in $(grep -o '0x[0-9a-f]\{32,\}' first.sh); do
		grep -c "$key" a.sh "$XFRMPAIR_STATE/$(fact store a)" >found || :
		same "$(grep -cv ':0$' found)" 0
	done
}

@test "rekey on one side alone says that the peer has not followed, and packets still pass both ways" {
	generate "$A" "$B"
	both_up
	keep a rekey
	same "$status" 0
	same "$stderr" "a: nothing received from b yet, so the keys stay"
	both_answer
	keep a rekey
	same "$stderr" "a: sends to b with epoch 2"
	both_answer
	before=$(spis a)
	for _ in 1 2 3; do
		keep a rekey
		same "$status" 0
		same "$stderr" "a: b still sends with epoch 1, this side with 2: run rekey there too"
		same "$(spis a)" "$before"
	done
	both_answer
	same "$(epochs a)" "from 1
from 2
from 3
to 2"
	# b, which has received the next epoch, and recorded that, still puts back what it sends with
	keep b record
	on b ip xfrm state delete src 192.168.2.100 dst 85.9.8.7 proto esp spi "$(sed -n 's/.* spi_1=\([^ ]*\) .*/\1/p' "$XFRMPAIR_STATE/$(fact store b)")"
	keep b mend
	same "$status" 0
	same "$output" "put back: 1 SA of a"
	both_answer
	keep b rekey
	same "$stderr" "b: sends to a with epoch 2"
	both_answer
	keep a rekey
	same "$stderr" "a: sends to b with epoch 3"
	both_answer
	same "$(epochs a)" "from 2
from 3
from 4
to 3"
}

@test "mend puts back everything that other tools remove, and then has nothing to do" {
	generate --inner 10.99.0.0/24 "$A" "$B"
	both_up
	both_answer 10.99.0.1 10.99.0.2
	keep a mend
	same "$output$stderr" ''
	same "$status" 0
	before=$(kept a)
	on a ip xfrm state deleteall reqid "$(reqid a)"
	on a ip xfrm policy deleteall dir fwd
	on a ip address delete 10.99.0.1/32 dev lo
	pkill -f -- "-b 192.168.1.4 61525"
	keep a mend
	same "$status" 0
	same "$stderr" ''
	same "$(grep -c '^put back: . SAs\? of b$' <<<"$output")" 1
	same "$(grep -c '^put back: 1 policy of b$' <<<"$output")" 1
	same "$(grep -c '^put back: address 10.99.0.1/32$' <<<"$output")" 1
	same "$(grep -c '^put back: espdecap ' <<<"$output")" 1
	both_answer 10.99.0.1 10.99.0.2
	diff <(echo "$before") <(kept a)
	keep a mend
	same "$output$stderr" ''
	script a down
	same "$(on a ip xfrm state list && on a ip xfrm policy list)" ''
}

@test "an interface that was deleted comes back with address and routes" {
	generate --interface xf0 "$A+10.9.1.0/24" "$B+10.9.2.0/24"
	on a ip address add 10.9.1.1/32 dev lo
	on b ip address add 10.9.2.1/32 dev lo
	both_up
	both_answer 10.9.1.1 10.9.2.1
	on a ip link delete xf0
	silent a 10.9.1.1 10.9.2.1
	keep a mend
	same "$status" 0
	same "$(grep -c '^put back: interface xf0$' <<<"$output")" 1
	same "$(grep -c '^put back: route 10.9.2.0/24 dev xf0$' <<<"$output")" 1
	both_answer 10.9.1.1 10.9.2.1
	on a ip address delete 10.9.1.1/32 dev lo
	on b ip address delete 10.9.2.1/32 dev lo
}

@test "update-peer to another port and back keeps the sequence numbers, and survives a restart" {
	generate "$A" "$B"
	both_up
	both_answer
	keep a update-peer 31.1.2.3:10422
	same "$status" 0
	same "$stderr" "a: b is now at 31.1.2.3:10422 (was at 31.1.2.3:10421)"
	silent a 192.168.1.4 192.168.2.100
	script a down
	script a up
	silent a 192.168.1.4 192.168.2.100
	same "$(on a ip xfrm state list nokeys | grep -c 'dport 10422')" 1
	keep a update-peer b 31.1.2.3:10421
	same "$status" 0
	both_answer
	same "$(counters b | grep Seq)" ''
}

@test "update-peer to another address adds new SAs that the peer accepts, and repeats no number" {
	generate "$A" "$B"
	both_up
	both_answer
	keep a update-peer 31.1.2.9:10421
	same "$status" 0
	same "$(on a ip xfrm state list nokeys | grep -c '31\.1\.2\.9')" 3
	same "$(on a ip xfrm policy list | grep -c '31\.1\.2\.9')" 3
	same "$(on a ip xfrm state list nokeys | grep -c '31\.1\.2\.3')" 0
	keep a update-peer 31.1.2.3:10421
	both_answer
	same "$(counters b | grep Seq)" ''
}

@test "another tool's SA with the next SPI delays the rekey until it is removed" {
	generate "$A" "$B"
	both_up
	both_answer
	# from b, epoch 3, is what a adds at its next step
	spi=$(on a xfrmkeep -n rekey a.sh | sed -n 's/.* add .* dst 192.168.1.4 .* spi \([^ ]*\) .*/\1/p' | head -n 1)
	on a ip xfrm state add src 9.9.9.9 dst 192.168.1.4 proto esp spi "$spi" reqid 5 mode tunnel aead 'rfc4106(gcm(aes))' \
		0x000102030405060708090a0b0c0d0e0f10111213 128
	for _ in 1 2; do
		keep a rekey
		same "$status" 0
		same "$stderr" "xfrmkeep: b: taken: another tool has an SA with SPI $spi to 192.168.1.4: see ip xfrm state; delete it, or wait until it expires"
		keep b rekey
		both_answer
	done
	same "$(on a ip xfrm state list nokeys | grep -c '^src 9.9.9.9')" 1
	on a ip xfrm state deleteall src 9.9.9.9
	keep a rekey
	same "$stderr" "a: sends to b with epoch 2"
	both_answer
}

@test "another tool's policy with our selector is reported, and nothing else of that peer is changed" {
	generate "$A" "$B"
	both_up
	on a ip xfrm policy delete src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd
	on a ip xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd priority 7
	keep a mend
	same "$output" ''
	same "$stderr" "xfrmkeep: b: taken: another tool has the policy src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd: see ip xfrm policy"
	same "$(on a ip xfrm policy list dir fwd | grep -c 'priority 7')" 1
	on a ip xfrm policy delete src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd
	keep a mend
	same "$output" "put back: 1 policy of b"
	both_answer
}

@test "a larval SA of the kernel is replaced" {
	generate "$A" "$B"
	both_up
	both_answer
	on a ip xfrm state deleteall reqid "$(reqid a)"
	on a timeout 4 ip xfrm monitor acquire >/dev/null 3>&- &
	sleep 0.3
	on a ping -q -c 1 -W 1 -I 192.168.1.4 192.168.2.100 || :
	same "$(sas a)" 1
	keep a mend
	same "$status" 0
	same "$stderr" ''
	both_answer
}

@test "an SA that reached its limit is not added again with the same key, but with the next epoch" {
	generate --limit-packets 20 "$A" "$B"
	both_up
	both_answer
	on a ping -q -c 30 -i 0.05 -W 1 -I 192.168.1.4 192.168.2.100 || :
	keep a mend
	same "$status" 0
	same "$output" ''
	same "${stderr%%:*}" xfrmkeep
	[[ "$stderr" == *"b: an SA has reached its limit and is gone"* ]]
}

@test "after a crash without a record, the peer accepts packets after the next up" {
	generate "$A" "$B"
	both_up
	both_answer
	rm -rf "$XFRMPAIR_RUN/$(fact store a)" # as after a crash: nothing was recorded
	on a ip xfrm state deleteall reqid "$(reqid a)"
	on a ip xfrm policy deleteall
	pkill -f -- "-b 192.168.1.4 61525"
	script a up
	both_answer
	same "$(counters b | grep Seq)" ''
}

@test "extended sequence numbers continue beyond 2^32, also in SAs that were removed and put back" {
	generate --esn "$A" "$B"
	both_up
	both_answer
	script a down
	script a up # with epoch 2, which stays while b does not follow
	# more than a window, so that b's next packet from far ahead is not taken for one from far behind
	on a ping -q -c 150 -i 0.01 -I 192.168.1.4 192.168.2.100
	script a down
	store=$XFRMPAIR_STATE/$(fact store a)
	renumber $((4294967290 - 67108864)) "$store"
	script a up
	on a ping -q -c 10 -i 0.05 -W 2 -I 192.168.1.4 192.168.2.100 >pings
	grep ' 10 received' pings
	same "$(on a ip xfrm state list nokeys | grep -c 'oseq-hi 0x1')" 1
	keep b status
	same "$status" 0
	on b ip xfrm state deleteall reqid "$(reqid b)"
	keep b mend
	same "$status" 0
	both_answer
}

# shape FROM TO ARGUMENT...: what up has set up is what mend wants, and what mend sets up from nothing carries packets
shape() {
	local from=$1 to=$2
	shift 2
	echo "shape: $*"
	generate "$@"
	both_up
	keep a mend
	same "$output$stderr" ''
	on a ping -q -c 1 -W 1 -I "$from" "$to" || : # opens a's router, for ESP without UDP and its keepalives
	on b ping -q -c 1 -W 1 -I "$to" "$from" || :
	both_answer "$from" "$to"
	on a ip xfrm state deleteall
	on a ip xfrm policy deleteall
	keep a mend
	same "$stderr" ''
	same "$status" 0
	both_answer "$from" "$to"
	keep a mend
	same "$output$stderr" ''
	script a down
	script b down
}

@test "for each shape of a tunnel, mend finds nothing missing after up" {
	A6='[2001:db8:1::4]:61525' B6='[2001:db8:2::100]:61523'
	shape 192.168.1.4 192.168.2.100 --cipher aes256-sha256 "$A" "$B"
	shape 192.168.1.4 192.168.2.100 --cipher null-sha256 "$A" "$B"
	shape 192.168.1.4 192.168.2.100 --cipher aes128ctr-sha256 "$A" "$B"
	shape 192.168.1.4 192.168.2.100 --cipher chacha20poly1305 --esn "$A" "$B"
	shape 2001:db8:1::4 2001:db8:2::100 "a=$A6" "b=$B6"
	shape 2001:db8:1::4 2001:db8:2::100 --mode transport "a=$A6" "b=$B6"
	shape 2001:db8:1::4 2001:db8:2::100 --mode transport a=[2001:db8:1::4] b=[2001:db8:2::100]
	shape 2001:db8:1::4 2001:db8:2::100 a=[2001:db8:1::4] b=[2001:db8:2::100]
	shape 10.99.0.1 10.99.0.2 --inner 10.99.0.0/24 "a=$A6" "b=$B6"
	shape 10.99.0.1 10.99.0.2 --inner 10.99.0.0/24 --interface xf0 "$A" "$B"
	shape fd00::1 fd00::2 --inner fd00::/64 "$A" "$B"
}
