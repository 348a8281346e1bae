# A tunnel's life: restarts, power-offs, new keys and new addresses, while the other side does nothing.
# Run in the lab: tests/lab/run bats tests/lab/life.bats; LIFE_RUNS=100 for so many restarts, and twice as many power-offs and steps of walks, in place of 10 and 20
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	LAB_PREFIX=p- "$net" up --open-side a --sides 3 --ipv6
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
	LAB_PREFIX=p- "$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	export XFRMPAIR_STATE=$BATS_TEST_TMPDIR/store
	runs=${LIFE_RUNS:-10} shell='busybox sh' a=192.168.1.4 b=192.168.2.100
}
teardown() {
	if [ "${LAB_PREFIX-}" = p- ]; then # what moved comes back
		for nat in nb nc; do on $nat sh -c 'nft delete table ip moved; nft delete table ip6 moved; conntrack -F; conntrack -F -f ipv6' 2>/dev/null || :; done
		on nb ip address delete 31.1.2.9/24 dev wan 2>/dev/null || :
		on nc ip address delete 77.3.4.9/24 dev wan 2>/dev/null || :
	fi
	for side in ${SIDES:-a b}; do power_off "$side"; done
	if mountpoint -q "$BATS_TEST_TMPDIR/disk"; then umount "$BATS_TEST_TMPDIR/disk"; fi
}

up() { local side=$1; shift; script "$side" up "$@"; }
all_up() { for side in ${SIDES:-a b}; do up "$side" --no-punch; done; }
# pair_up ARGUMENT...: scripts that change their keys, all up
pair_up() {
	generate "$@"
	share_secrets
	all_up
}
# share_secrets: a pair's rows of keys become one of a secret, where they are not yet
share_secrets() {
	local one two secret
	for one in a b; do for two in b c; do
		if [ "$one" = "$two" ] || [ ! -e "$BATS_TEST_TMPDIR/$two.sh" ] || grep -q "^#key $one $two 1 secret" "$BATS_TEST_TMPDIR/$one.sh"; then continue; fi
		secret=$(head -c 32 /dev/urandom | sha256sum)
		sed -i -e "s/^#key $one $two .*/#key $one $two 1 secret 0x${secret%% *}/" -e "/^#key $two $one /d" \
			"$BATS_TEST_TMPDIR/$one.sh" "$BATS_TEST_TMPDIR/$two.sh"
	done; done
}
# fixed_keys: a key file of keys that never change
fixed_keys() {
	local way
	for way in 'a b 1 0x1' 'b a 1 0x2'; do
		echo "$way$(od -An -N3 -tx1 /dev/urandom | tr -d ' ')0 0x$(od -An -N36 -v -tx1 /dev/urandom | tr -d ' \n')"
	done >"$BATS_TEST_TMPDIR/keys"
	chmod 600 "$BATS_TEST_TMPDIR/keys"
}

# power_off SIDE: what runs there, what its kernel knows and its memory are gone; script and store are not
power_off() {
	local side=$1 pids folder
	while pids=$(ip netns pids "${LAB_PREFIX-}$side"); [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # words
		kill -9 $pids 2>/dev/null || :
	done
	for folder in "$XFRMPAIR_RUN"/*."$side" "$XFRMPAIR_RUN"/*."$side".gone.*; do
		[ -d "$folder" ] || continue
		sed -n 's/^ip \(\(route\|address\) delete .*\) \.$/\1/p' "$folder/undo" | on "$side" ip -force -batch - 2>/dev/null || :
		rm -rf "$folder"
	done
	on "$side" ip xfrm state flush
	on "$side" ip xfrm policy flush
}

# time that no setting of the clock moves
ms() { local seconds; read -r seconds _ </proc/uptime; echo "${seconds/./}0"; }
pause() { sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"; } # MILLISECONDS
# meets: pings each way, a fifth of a second apart, of which one of the first ten is answered, so within two seconds on a machine
# that has time; leaves in took how many milliseconds that was
meets() {
	local said
	took=$(ms)
	said=$(on a ping -q -c 1 -i 0.2 -w 20 -I "$a" "$b" && on b ping -q -c 1 -i 0.2 -w 20 -I "$b" "$a")
	took=$(($(ms) - took))
	echo "$said" | awk '/transmitted/ { print "ping " $1; tried++; late = late || $1 > 10 } END { exit late || tried != 2 }'
}
store() { cat "$XFRMPAIR_STATE"/*."$1"; }
# word SIDE NUMBER [PEER]: of the store's line about PEER
word() { store "$1" | awk -v n="$2" -v peer="${3-}" 'peer == "" || $1 == peer || $2 == peer { print $n; exit }'; }
epoch() { word "$1" 7 "${2-}"; }
counter() { on "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/xfrm_stat; }
spis() { on "$1" ip xfrm state list nokeys | grep -o 'spi 0x[0-9a-f]*' | sort; }

# wire FILE: of each ESP-in-UDP packet that tcpdump wrote the source, SPI, sequence number, and all after the UDP header
wire() {
	perl -e 'binmode STDIN; local $/; my $all = <STDIN>; my $at = 24;
		while ($at < length $all) {
			my $n = unpack "V", substr $all, $at + 8; my $frame = substr $all, $at + 16, $n; $at += 16 + $n;
			next if $n < 80 or ord substr($frame, 23) != 17;
			printf "%s %s %s %s\n", join(".", unpack "C4", substr $frame, 26), unpack("H8", substr $frame, 42), unpack("N", substr $frame, 46), unpack("H*", substr $frame, 42);
		}' <"$1"
}

@test "one side restarted, by down or by power-off, is answered at once while the other does nothing" {
	pair_up "$A" "$B"
	meets
	# the control: who begins to count anew is refused
	on b ping -q -f -c 300 -I "$b" "$a"
	power_off b
	rm "$XFRMPAIR_STATE"/*.b
	before=$(counter a XfrmInStateSeqError)
	up b --no-punch
	silent b "$b" "$a"
	[ $(($(counter a XfrmInStateSeqError) - before)) -ge 3 ]
	# until both have other keys
	script a rekey
	silent a "$a" "$b"
	script b rekey
	meets
	slowest=0
	for run in $(seq "$runs"); do
		side=b
		[ "$run" -le $((runs / 2)) ] || side=a
		if [ $((run % 2)) = 0 ]; then script $side down; else power_off $side; fi
		up $side
		meets
		[ "$took" -le "$slowest" ] || slowest=$took
	done
	echo "# $runs restarts, both directions answered after at most $slowest ms" >&3
	script a status
	script b status
}

@test "while both sides rekey at random moments no packet is lost" {
	pair_up "$A" "$B"
	meets
	on a ping -i 0.01 -I "$a" "$b" >"$BATS_TEST_TMPDIR/pings" 3>&- &
	ping=$!
	for rekeys in 'a 5' 'b 3'; do
		# shellcheck disable=SC2086 # words
		set -- $rekeys
		for _ in $(seq "$2"); do
			pause $((RANDOM % 1500))
			script "$1" rekey
			pause 200
		done >"$BATS_TEST_TMPDIR/said.$1" 2>&1 3>&- &
		eval "rekeys_$1=\$!"
	done
	wait "$rekeys_a"
	wait "$rekeys_b"
	pause 1500
	pkill -INT -P $ping ping || kill -INT $ping
	wait $ping || :
	cat "$BATS_TEST_TMPDIR"/said.?
	# the last second's may be on their way yet, in a lab that is slow
	sent=$(sed -n 's/ packets transmitted.*//p' "$BATS_TEST_TMPDIR/pings")
	lost=$(awk -v sent="$sent" '/icmp_seq=/ { sub(/.*icmp_seq=/, ""); seen[$1 + 0] } END { for (i = 1; i < sent - 100; i++) lost += !(i in seen); print lost + 0 }' "$BATS_TEST_TMPDIR/pings")
	echo "# $sent pings, $lost lost, a went on to epoch $(epoch a), b to $(epoch b)" >&3
	[ "$lost" -eq 0 ]
	[ "$sent" -gt 300 ]
	[ "$(epoch a)" -ge 3 ]
	[ "$(epoch b)" -ge 3 ]
}

# begin SIDE WORD...: the script in a process group of its own; its pid is in begun
begin() {
	local side=$1
	shift
	# shellcheck disable=SC2086 # words
	(exec ip netns exec "$side" setsid $shell "$BATS_TEST_TMPDIR/$side.sh" "$@") >"$BATS_TEST_TMPDIR/begun" 2>&1 3>&- &
	begun=$!
}
# forgets SIDE: neither script nor store has a secret of an epoch that the side is past; what they keep is found
forgets() {
	local n low
	low=$(word "$1" 3)
	until [ ${#secrets[@]} -ge "$low" ]; do secrets+=("$(echo "xfrmpair next ${secrets[-1]}" | sha256sum | cut -d' ' -f1)"); done
	for n in $(seq "$low"); do
		if grep -q "${secrets[n - 1]}" "$BATS_TEST_TMPDIR/$1.sh"* "$XFRMPAIR_STATE"/*."$1"*; then [ "$n" = "$low" ]; else [ "$n" != "$low" ]; fi || return
	done
	[ "$low" -ge $(($(epoch "$1") - 1)) ]
}

@test "power-off at random moments of up, rekey and down: up works, no number goes out twice, no secret comes back" {
	pair_up "$A" "$B"
	secrets=("$(sed -n 's/^#key a b 1 secret 0x//p' "$BATS_TEST_TMPDIR/a.sh")")
	[ ${#secrets[0]} -eq 64 ]
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	meets
	declare -A lasts
	for verb in rekey down up; do
		lasts[$verb]=$(ms)
		script b $verb $([ $verb != up ] || echo --no-punch)
		lasts[$verb]=$(($(ms) - lasts[$verb]))
	done
	for run in $(seq $((2 * runs))); do
		side=a other=b verbs=(up rekey down)
		[ $((RANDOM % 2)) = 0 ] || side=b other=a
		verb=${verbs[RANDOM % 3]} after=$((RANDOM % lasts[$verb]))
		echo "run $run: $verb of $side ends after $after ms of ${lasts[$verb]}"
		[ "$verb" != up ] || script $side down
		on $other ping -q -i 0.02 -w 3 -I "${!other}" "${!side}" >/dev/null 3>&- &
		begin $side $verb $([ "$verb" != up ] || echo --no-punch)
		pause "$after"
		kill -9 -- "-$begun" || :
		wait "$begun" || :
		power_off $side
		script $side up --no-punch
		meets
		forgets $side
		[ $((RANDOM % 2)) = 0 ] || script $other rekey
		forgets $other
	done
	captured
	twice_in "$BATS_TEST_TMPDIR/wire"
	echo "# $((2 * runs)) power-offs, $(wc -l <"$BATS_TEST_TMPDIR/numbers") packets with $(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/numbers" | uniq | wc -l) SPIs, $twice numbers twice; epochs $(epoch a) and $(epoch b)" >&3
	[ "$twice" -eq 0 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/numbers")" -gt $((20 * runs)) ]
	[ "$(epoch a)" -ge 4 ]
	# the control: the first packet once more is seen
	[ "$(head -1 "$BATS_TEST_TMPDIR/numbers" | sort - "$BATS_TEST_TMPDIR/numbers" | uniq -d | wc -l)" -eq 1 ]
}

# twice_in FILE: how many numbers one SPI sent twice, of what tcpdump wrote; leaves them in numbers
twice_in() {
	wire "$1" | cut -d' ' -f1-3 | sort >"$BATS_TEST_TMPDIR/numbers"
	twice=$(uniq -d "$BATS_TEST_TMPDIR/numbers" | wc -l)
}

@test "random walks of the model: whatever the two do, both are heard once they are up, and no number goes out twice" {
	gcc -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/model" tests/model.c
	seed=${LIFE_SEED:-$RANDOM}
	"$BATS_TEST_TMPDIR/model" -r $((runs / 5)) 10 "$seed" >"$BATS_TEST_TMPDIR/walks"
	pair_up "$A" "$B"
	secrets=("$(sed -n 's/^#key a b 1 secret 0x//p' "$BATS_TEST_TMPDIR/a.sh")")
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	steps=0
	while read -r side verb changes; do
		echo "seed $seed: $side $verb $changes"
		other=b
		[ "$side" != b ] || other=a
		case $verb in
		'') walk_ends; power_off a; power_off b ;;
		up | down | rekey | status) script "$side" "$verb" || : ;; # status of one that has not heard the other is 4
		crash) power_off "$side" ;;
		crash-in-*) # somewhere there: a verb takes a second or two
			begin "$side" "${verb#crash-in-}" $([ "$verb" != crash-in-up ] || echo --no-punch)
			pause $((changes * 300))
			kill -9 -- "-$begun" || :
			wait "$begun" || :
			power_off "$side" ;;
		send) on "$side" ping -q -c 1 -W 0.3 -I "${!side}" "${!other}" || : ;;
		send-lost | send-late)
			on inet nft 'add table ip lost; add chain ip lost lost { type filter hook forward priority 0; policy drop; }'
			on "$side" ping -q -c 1 -W 0.1 -I "${!side}" "${!other}" || :
			on inet nft delete table ip lost ;;
		late) ;; # when exactly is the model's business
		*) return 1 ;;
		esac
		steps=$((steps + 1))
	done <"$BATS_TEST_TMPDIR/walks"
	walk_ends
	captured
	twice_in "$BATS_TEST_TMPDIR/wire"
	echo "# seed $seed: $steps steps, $(wc -l <"$BATS_TEST_TMPDIR/numbers") packets, $twice numbers twice; epochs $(epoch a) and $(epoch b)" >&3
	[ "$twice" -eq 0 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/numbers")" -ge "$((steps / 5))" ]
}
walk_ends() {
	for side in a b; do script $side status >/dev/null || [ $? = 4 ] || script $side up --no-punch; done
	meets
	forgets a
	forgets b
}

@test "rekey on one side alone does no harm, however often; when the other follows both go on" {
	pair_up "$A" "$B"
	meets
	run script a rekey
	[ "$status" -eq 0 ]
	[ "$output" = "a: states and policies of the next epoch
a: sends to b with epoch 2" ]
	before=$(spis a)
	for _ in 1 2 3; do
		meets
		run script a rekey
		[ "$status" -eq 0 ]
		[ "$output" = "a: b has not followed yet: it sends with epoch 1, we with 2: run rekey there too" ]
		[ "$(spis a)" = "$before" ]
	done
	# b, which has heard the next epoch, and written that down, can put back what it sends with
	script b status
	on b ip xfrm state delete src 192.168.2.100 dst 85.9.8.7 proto esp spi "$(awk '$1 == "out.a" { print $3 }' "$XFRMPAIR_RUN"/*.b/sas)"
	run script b up
	[[ "$output" == *"b: missing: SA to a"* ]]
	meets
	run script b rekey
	[ "$status" -eq 0 ]
	[[ "$output" == *"b: sends to a with epoch 2" ]]
	meets
	run script a rekey
	[[ "$output" == *"a: sends to b with epoch 3" ]]
	meets
	[ "$(epoch a)" -eq 3 ]
}

@test "in a mesh of three each pair changes its keys by itself" {
	export LAB_PREFIX=p- SIDES='a b c'
	a=85.9.8.7 c=192.168.3.4
	pair_up a=85.9.8.7:61525 "$B" c=192.168.3.4:4500@77.3.4.5
	reach_all() { answers b "$b" "$a" && answers c "$c" "$a" && answers a "$a" "$c" && answers b "$b" "$c" && answers c "$c" "$b"; }
	reach_all
	script a rekey
	reach_all
	script b rekey
	reach_all
	run script a rekey
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | sort -u)" = "a: c has not followed yet: it sends with epoch 1, we with 2: run rekey there too
a: sends to b with epoch 3
a: sends to c with epoch 2
a: states and policies of the next epoch" ]
	reach_all
	[ "$(epoch a b) $(epoch a c) $(epoch b a) $(epoch b c) $(epoch c a)" = '3 2 2 2 1' ]
	script c rekey
	reach_all
	script a rekey
	[ "$(epoch a b) $(epoch a c) $(epoch c a) $(epoch c b)" = '3 3 2 2' ]
	reach_all
	all_down_and_gone
}
all_down_and_gone() {
	for side in ${SIDES:-a b}; do
		script "$side" down
		[ -z "$(on "$side" ip xfrm state; on "$side" ip xfrm policy)" ]
	done
}

# follow SIDE: begins it; what it says goes to follow.SIDE
follow() {
	: >"$BATS_TEST_TMPDIR/follow.$1" # what an earlier one said is not this one's
	script "$1" follow >"$BATS_TEST_TMPDIR/follow.$1" 2>&1 3>&- &
	for _ in $(seq 100); do
		! grep -q follows "$BATS_TEST_TMPDIR/follow.$1" || return 0
		pause 100
	done
	return 1
}
# leaves NAT FAMILY PORT ADDRESS:PORT: the NAT is another one to that port from now on, and has forgotten everything
leaves() {
	on "$1" nft -f - <<-END
		add table $2 moved
		add chain $2 moved post { type nat hook postrouting priority 90; }
		flush chain $2 moved post
		add rule $2 moved post oifname wan udp sport $3 snat to $4
	END
	for family in ipv4 ipv6; do on "$1" conntrack -F -f $family; done
}
# recovers WHAT SIDE FROM TO: pings until one is answered, at most two keepalives long
recovers() {
	local begun
	begun=$(ms)
	on "$2" ping -q -c 1 -i 0.2 -w 40 -I "$3" "$4"
	echo "# $1: answered after $(($(ms) - begun)) ms" >&3
}

@test "a public side follows its peer to another port and address; what is forged or sent again moves nothing" {
	export LAB_PREFIX=p-
	a=85.9.8.7
	pair_up a=85.9.8.7:61525 "$B"
	meets
	follow a
	leaves nb ip 61523 31.1.2.3:10499
	recovers 'another port' b "$b" "$a"
	on nb ip address add 31.1.2.9/24 dev wan
	leaves nb ip 61523 31.1.2.9:10500
	recovers 'another address' b "$b" "$a"
	pause 1000
	meets
	cat "$BATS_TEST_TMPDIR/follow.a"
	[ "$(grep -c 'is at' "$BATS_TEST_TMPDIR/follow.a")" -eq 2 ]
	grep -q '^a: b is at 31.1.2.9, port 10500 now, was at 31.1.2.3:10499$' "$BATS_TEST_TMPDIR/follow.a"
	script a status
	[ "$(on a ip xfrm policy list | grep -c '31.1.2.3')" -eq 0 ]
	pgrep -f -- '-b 85.9.8.7 61525 31.1.2.9:10500'
	run -1 pgrep -f -- '-b 85.9.8.7 61525 31.1.2.3'
	script a rekey
	meets
	script b rekey
	meets

	# packets from elsewhere: with the right SPI and number, and one that was recorded
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	meets
	captured
	read -r _ spi number packet < <(wire "$BATS_TEST_TMPDIR/wire" | grep ^31.1.2.9 | tail -1)
	forged=$spi$(printf %08x $((number + 1000)))$(head -c $((${#packet} / 2 - 8)) /dev/urandom | od -An -v -tx1 | tr -d ' \n')
	wrong=$(counter a XfrmInStateProtoError) again=$(counter a XfrmInStateSeqError)
	now=$(cat "$XFRMPAIR_RUN"/*.a/now)
	for from in 77.7.7.7 31.1.2.9; do
		send_as $from 4444 85.9.8.7 61525 "$forged"
		send_as $from 4444 85.9.8.7 61525 "$packet"
	done
	pause 1000
	[ $(($(counter a XfrmInStateProtoError) - wrong)) -eq 2 ]
	[ $(($(counter a XfrmInStateSeqError) - again)) -eq 2 ]
	[ "$(cat "$XFRMPAIR_RUN"/*.a/now)" = "$now" ]
	[ "$(grep -c 'is at' "$BATS_TEST_TMPDIR/follow.a")" -eq 2 ]
	meets

	on a ip xfrm state list nokeys | grep 0x00000000 || :
	script a down
	for _ in $(seq 20); do
		left=$(ip netns pids p-a)
		[ -n "$left" ] || break
		pause 100
	done
	# shellcheck disable=SC2086 # words
	[ -z "$left" ] || ps $left
	[ -z "$left" ]
	[ -z "$(ls -A "$XFRMPAIR_RUN" | grep '\.a')" ]
	on a ip xfrm state
	[ -z "$(on a ip xfrm state; on a ip xfrm policy)" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/follow.a")" -le 8 ]
}
# send_as FROM PORT TO PORT HEX: a UDP packet from the internet in the name of FROM
send_as() {
	# shellcheck disable=SC2016 # the words of perl
	on inet perl -e '
		use Socket; my ($from, $sport, $to, $dport, $hex) = @ARGV;
		socket my $raw, PF_INET, SOCK_RAW, 255 or die "raw: $!"; # IPPROTO_RAW: our own IP header
		my $bytes = pack "H*", $hex;
		my $udp = pack "nnnna*", $sport, $dport, 8 + length $bytes, 0, $bytes;
		send $raw, pack("CCnnnCCna4a4", 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0, inet_aton($from), inet_aton($to)) . $udp, 0,
			sockaddr_in(0, inet_aton $to) or die "send: $!"' "$@"
}

@test "over IPv6, too" {
	export LAB_PREFIX=p-
	a=2001:db8:1::4 b=2001:db8:2::100
	pair_up "a=[$a]:61525" "b=[$b]:61523"
	meets
	follow a
	# not the port alone: from an address that the tunnel covers only the known port may come past it
	leaves nb ip6 61523 '[2001:db8:f2::2]:10499'
	recovers 'another address, IPv6' b "$b" "$a"
	leaves nb ip6 61523 '[2001:db8:f2::2]:10500'
	recovers 'another port, IPv6' b "$b" "$a"
	pause 1000
	meets
	grep -q '^a: b is at 2001:db8:f2::2, port 10500 now, was at 2001:db8:f2::2:10499$' "$BATS_TEST_TMPDIR/follow.a"
	# the policies that let the wrapped packets past those that cover them moved, too
	on a ip xfrm policy list | grep 'src 2001:db8:f2::2/128 dst 2001:db8:1::4/128 proto udp sport 10500 dport 61525'
	script a status
	all_down_and_gone
}

@test "in a mesh the side that moved is followed, and the others hear no gap" {
	export LAB_PREFIX=p- SIDES='a b c'
	a=85.9.8.7 c=192.168.3.4
	pair_up a=85.9.8.7:61525 "$B" c=192.168.3.4:4500@77.3.4.5
	answers b "$b" "$a"
	answers c "$c" "$a"
	follow a
	leaves nb ip 61523 31.1.2.3:10499
	recovers 'another port in a mesh' b "$b" "$a"
	on nc ip address add 77.3.4.9/24 dev wan
	leaves nc ip 4500 77.3.4.9:4501
	recovers 'another address in a mesh' c "$c" "$a"
	pause 1000
	answers b "$b" "$a"
	answers c "$c" "$a"
	cat "$BATS_TEST_TMPDIR/follow.a"
	[ "$(grep -c 'is at' "$BATS_TEST_TMPDIR/follow.a")" -eq 2 ]
	script a status
	script a rekey
	answers b "$b" "$a"
	answers c "$c" "$a"
	all_down_and_gone
}

@test "update-peer does by hand what follow does, and refuses what is no endpoint" {
	export LAB_PREFIX=p-
	a=85.9.8.7
	pair_up a=85.9.8.7:61525 "$B"
	meets
	before=$(on a ip xfrm policy list; spis a; cat "$XFRMPAIR_RUN"/*.a/now)
	for words in '' 'b' 'c 31.1.2.9:77' 'b 31.1.2.9:77 78' 31.1.2.9 31.1.2.9: :77 31.1.2.9:0 31.1.2.9:65536 31.1.2.9:077 31.1.2.9:7x 31.1.2:77 31.1.2.256:77 \
		31.1.2.9.1:77 '[2001:db8::1]:77' b.example.org:77 'b -c:77'; do
		# shellcheck disable=SC2086 # words
		run script a update-peer $words
		echo "$words: $status $output"
		[ "$status" -eq 2 ]
		[[ "$(head -1 <<<"$output")" == "a: "*": want "* ]]
	done
	[ "$(on a ip xfrm policy list; spis a; cat "$XFRMPAIR_RUN"/*.a/now)" = "$before" ]
	on nb ip address add 31.1.2.9/24 dev wan
	leaves nb ip 61523 31.1.2.9:10500
	# the control: a hears b, and answers where b was
	silent b "$b" "$a"
	script a update-peer 31.1.2.9:10500
	meets
	grep -q ' 31.1.2.9 10500 \.$' "$XFRMPAIR_RUN"/*.a/now
	run script a update-peer b 31.1.2.9:10500
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	leaves nb ip 61523 31.1.2.9:10501
	silent b "$b" "$a"
	script a update-peer b 31.1.2.9:10501
	meets
	all_down_and_gone
	run script a update-peer 31.1.2.9:10500
	[ "$status" -eq 1 ]
	[ "$output" = 'a: is down' ]
}

@test "fixed keys: the count goes on over down and power-off while the peer does nothing" {
	fixed_keys
	generate --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	all_up
	meets
	on b ping -q -f -c 300 -I "$b" "$a"
	for end in down power_off down power_off; do
		before=$(word b 11)
		if [ $end = down ]; then script b down; else power_off b; fi
		up b
		meets
		[ "$(word b 11)" -gt "$before" ]
	done
	# the control
	power_off b
	rm "$XFRMPAIR_STATE"/*.b
	before=$(counter a XfrmInStateSeqError)
	up b --no-punch
	silent b "$b" "$a"
	[ $(($(counter a XfrmInStateSeqError) - before)) -ge 3 ]
}

# unchanged SIDE STATUS WORD...: the script ends with that status, says what is left in output, and SIDE is as it was
unchanged() {
	local side=$1 expected=$2 before
	shift 2
	before=$(snapshot "$side"; spis "$side"; store a 2>&1 || :)
	run script "$side" "$@"
	echo "$output"
	[ "$status" -eq "$expected" ]
	[ "$(snapshot "$side"; spis "$side"; store a 2>&1 || :)" = "$before" ]
}

@test "the store is its owner's; on a disk that is full or read-only up says what it costs, and rekey changes nothing" {
	disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=256k,mode=755 tmpfs "$disk"
	export XFRMPAIR_STATE=$disk/store
	generate "$A" "$B"
	share_secrets
	all_up
	meets
	[ "$(stat -c %a "$XFRMPAIR_STATE" "$XFRMPAIR_STATE"/*.a | tr '\n' ' ')" = '700 600 ' ]
	for shell in sh 'busybox sh'; do
		for trouble in full read-only; do
			[ "$shell$trouble" != shread-only ] || continue
			if [ $trouble = full ]; then head -c 1m /dev/zero >"$disk/filling" 2>/dev/null || :; else mount -o remount,ro "$disk"; fi
			before=$(store a)
			unchanged a 1 rekey
			[ "${lines[-1]}" = "a: cannot write $(echo "$XFRMPAIR_STATE"/*.a): the keys stay as they are" ]
			meets
			run script a down
			echo "$output"
			[ "$status" -eq 0 ]
			[[ "$output" == *"a: warning: cannot write $XFRMPAIR_STATE/"* ]]
			[ "$(store a)" = "$before" ]
			run script a up --no-punch
			echo "$output"
			[ "$status" -eq 0 ]
			[[ "$output" == *"a: warning: cannot write $XFRMPAIR_STATE/"*": once this host has stopped without down, the other side will refuse what it sends"* ]]
			[ "$(store a)" = "$before" ]
			meets
			mount -o remount,rw "$disk"
			rm -f "$disk/filling"
			# what could not be kept is kept now
			script a rekey
			meets
			script b rekey
			meets
		done
	done
}

@test "a script on a full disk stays whole, and its secret that is past goes when there is room again" {
	disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=256k,mode=755 tmpfs "$disk"
	generate "$A" "$B"
	share_secrets
	mv "$BATS_TEST_TMPDIR/a.sh" "$disk"
	ln -s disk/a.sh "$BATS_TEST_TMPDIR/a.sh"
	all_up
	head -c 1m /dev/zero >"$disk/filling" 2>/dev/null || :
	before=$(cat "$disk/a.sh")
	for _ in 1 2; do
		meets
		script b rekey
		run script a rekey
		echo "$output"
		[ "$status" -eq 0 ]
	done
	[[ "$output" == *"a: warning: cannot write $BATS_TEST_TMPDIR/a.sh: a secret that is past stays in it"* ]]
	[ "$(cat "$disk/a.sh")" = "$before" ]
	rm "$disk/filling"
	meets
	script b rekey
	script a rekey
	grep '^#key a b 1 secret erased$' "$disk/a.sh"
	[ "$(echo "$before" | sed '/^#key/s/0x.*/erased/')" = "$(cat "$disk/a.sh")" ]
	[ "$(ls "$disk")" = a.sh ]
}

@test "a store that is torn or lost is named, and nothing is guessed around it" {
	pair_up "$A" "$B"
	for _ in 1 2; do
		meets
		script a rekey
		script b rekey
	done
	meets
	file=$(echo "$XFRMPAIR_STATE"/*.a)
	cp "$file" "$BATS_TEST_TMPDIR/kept"
	torn="a: $file is torn: a disk that was full, or failed? New scripts on all sides, or that file from a copy of today"
	lost="a: $file is lost, and the secret of epoch 1 is erased here: make new scripts for all sides"
	for trouble in torn empty lost; do
		named=$lost
		case $trouble in
		torn) head -c 150 "$BATS_TEST_TMPDIR/kept" >"$file"; named=$torn ;;
		empty) : >"$file" ;;
		lost) rm "$file" ;;
		esac
		unchanged a 1 rekey
		[ "$output" = "$named" ]
		meets
		# down works at any time
		run script a down
		echo "$output"
		[ "$status" -eq 0 ]
		[ "$output" = "$named
a: down" ]
		[ -z "$(on a ip xfrm state; on a ip xfrm policy)" ]
		unchanged a 1 up --no-punch
		[ "$output" = "$named" ]
		cp "$BATS_TEST_TMPDIR/kept" "$file"
		up a --no-punch
		meets
		script a status
		cp "$file" "$BATS_TEST_TMPDIR/kept"
	done
}

@test "the clock an hour back and forth: restarts and new keys do not care" {
	[ "${LAB_INSIDE-}" = vm ] || skip "would set this machine's clock"
	pair_up "$A" "$B"
	meets
	for jump in 3600 -7200 3600; do
		date -s "@$(($(date +%s) + jump))"
		script a rekey
		meets
		script b rekey
		meets
		script b down
		up b
		meets
		power_off a
		up a
		meets
	done
	[ "$(epoch a)" -ge 4 ]
}

@test "hours of rekeys on both sides, one of them off in the middle: nothing grows" {
	pair_up "$A" "$B"
	meets
	# until all is there that there will be
	for _ in 1 2 3; do
		script a rekey
		script b rekey
		meets
	done
	# lines, words and files of what survives and what does not
	size() { cat "$XFRMPAIR_STATE"/* "$XFRMPAIR_RUN"/*.?/* | wc -lw; ls -A "$XFRMPAIR_STATE" "$XFRMPAIR_RUN"/*.?; }
	before=$(size)
	begun=$(ms) hour=0 at=0 off=''
	until [ $at -ge 168 ]; do
		case $off$((at / 28)) in
		2) script b down; off=yes ;;
		yes3) up b; meets; off=no ;;
		esac
		script a rekey
		[ "$off" = yes ] || { script b rekey; meets; }
		hour=$((hour + 1)) at=$((($(ms) - begun) * 168 / 60000)) # of a machine that does not come to the end of the week in a minute
		[ $hour -le $at ] || at=$hour
	done
	echo "# $hour hours in $((($(ms) - begun) / 1000)) s, b off for some in the middle: epochs $(epoch a) and $(epoch b)" >&3
	script a status
	size | diff <(echo "$before") -
	[ "$(epoch a)" -ge $((hour / 2)) ]
	[ $off = no ]
}

# edit SIDE OUT HIGH IN HIGH: its store's numbers
edit() { sed -i "s/ out [0-9]* [0-9]* in [0-9]* [0-9]* / out $2 $3 in $4 $5 /" "$XFRMPAIR_STATE"/*."$1"; }

@test "extended sequence numbers: the high word survives restarts, and goes up in the middle of one" {
	fixed_keys
	generate --esn --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	all_up
	meets
	for side in a b; do script $side down; done
	edit a 1000 1 2000 3
	edit b 2000 3 1000 1
	all_up
	meets
	script a down
	up a
	meets
	power_off b
	up b
	meets
	# the control: who forgets the high word is refused
	script a down
	cp "$(echo "$XFRMPAIR_STATE"/*.a)" "$BATS_TEST_TMPDIR/kept"
	number=$(word a 11)
	edit a "$number" 0 "$(word a 14)" "$(word a 15)"
	before=$(counter b XfrmInStateProtoError)
	up a --no-punch
	silent a "$a" "$b"
	[ $(($(counter b XfrmInStateProtoError) - before)) -ge 3 ]
	power_off a
	cp "$BATS_TEST_TMPDIR/kept" "$(echo "$XFRMPAIR_STATE"/*.a)"
	up a
	meets
	# over 2^32 while it is up, and by the margin of an end without down
	script a down
	script b down
	edit a 4294967200 1 7 0
	edit b 7 0 4294967199 1
	all_up
	meets
	[ "$(word a 12)" -eq 2 ]
	on a ping -q -f -c 300 -I "$a" "$b"
	meets
	power_off a
	up a
	meets
	power_off b
	up b
	meets
}

@test "extended sequence numbers beside new keys: rekey and restart work from a high word that is not 0" {
	pair_up --esn "$A" "$B"
	meets
	script a rekey
	meets
	script a down
	script b down
	# a sends with 2, and has not heard b with it: it begins no epoch. b has heard a with 2, and goes on
	[ "$(word a 7) $(word a 9) $(word b 7) $(word b 9)" = '2 1 1 2' ]
	edit a 1000 1 2000 3
	edit b 2000 3 900 1
	all_up
	meets
	[ "$(on a ip xfrm state list nokeys | grep -c 'oseq-hi 0x1')" -eq 1 ]
	power_off a
	up a
	meets
	script b rekey
	meets
	script a rekey
	meets
	power_off b
	up b
	meets
}
