# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Restarts, power-offs and new keys, without any action on the other side.
# Run in the lab: tests/lab/run bats tests/lab/life.bats; LIFE_RUNS=100 runs that many restarts, and twice as many power-offs
# and steps of walks, instead of 6 and 12
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	export XFRMPAIR_STATE=$BATS_TEST_TMPDIR/store
	runs=${LIFE_RUNS:-6} a=192.168.1.4 b=192.168.2.100
}
teardown() {
	for side in a b; do power_off "$side"; done
	[ ! -e /run/xfrmpair-lab/p-net ] || LAB_PREFIX=p- "$net" down
	! mountpoint -q "$BATS_TEST_TMPDIR/disk" || umount "$BATS_TEST_TMPDIR/disk"
}

# pair_up ARGUMENT...: scripts, all up
pair_up() {
	generate "$@"
	both_up
}
# power_off SIDE: what runs there, what its kernel knows and its memory are gone; script and store are not
power_off() {
	local side=$1 pids
	while pids=$(ip netns pids "${LAB_PREFIX-}$side") && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # words
		kill -9 $pids 2>/dev/null || :
	done
	rm -rf "$XFRMPAIR_RUN/$side".*
	on "$side" ip xfrm state flush
	on "$side" ip xfrm policy flush
}

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
store() { echo "$XFRMPAIR_STATE/$(sed -n 's/^\(.* \)\{0,1\}store=\([^ ]*\).*/\2/p' "$BATS_TEST_TMPDIR/$1.sh")"; } # SIDE
# epoch SIDE [PEER]: that it sends with
epoch() { sed -n "s/.*# to ${2-[a-z]*}, epoch \([0-9]*\)\$/\1/p" "$(store "$1")"; }
# number SIDE: from which on those that it sends next were not used, as far as its store knows
number() { sed -n 's/.* oseq_1=\([0-9]*\) .*/\1/p' "$(store "$1")"; }
# edit SIDE CODE: its store, by perl, with a sum that is right
edit() {
	local file
	file=$(store "$1")
	perl -0pi -e "$2; s/^# ---- end .*\n//m" "$file"
	echo "# ---- end $(sha256sum <"$file" | cut -c 1-16)" >>"$file"
}

# wire FILE: of each ESP-in-UDP packet that tcpdump wrote the source, SPI and sequence number
wire() {
	perl -e 'binmode STDIN; local $/; my $all = <STDIN>; my $at = 24;
		while ($at < length $all) {
			my $n = unpack "V", substr $all, $at + 8; my $frame = substr $all, $at + 16, $n; $at += 16 + $n;
			next if $n < 80 or ord substr($frame, 23) != 17;
			printf "%s %s %s\n", join(".", unpack "C4", substr $frame, 26), unpack("H8", substr $frame, 42), unpack("N", substr $frame, 46);
		}' <"$1"
}
# twice_in FILE: how many numbers one SPI sent twice, of what tcpdump wrote; leaves them in numbers
twice_in() {
	wire "$1" | sort >"$BATS_TEST_TMPDIR/numbers"
	twice=$(uniq -d "$BATS_TEST_TMPDIR/numbers" | wc -l)
}
# restarts SIDE [down]: by down, else by power-off; the other side does nothing
restarts() {
	if [ "${2-}" = down ]; then script "$1" down; else power_off "$1"; fi
	script "$1" up
	meets
	[ "$took" -le "$slowest" ] || slowest=$took
}
# in a VM, whose clock is nobody else's
jump() { [ "${LAB_INSIDE-}" != vm ] || date -s "@$(($(date +%s) + $1))" >/dev/null; } # SECONDS
# refused_by SIDE COMMAND...: three packets and more, as played again
refused_by() {
	local side=$1 before
	shift
	before=$(counter "$side" XfrmInStateSeqError)
	"$@"
	[ $(($(counter "$side" XfrmInStateSeqError) - before)) -ge 3 ]
}

@test "a side restarted by down or power-off gets answers at once, without action on the other, with any clock" {
	pair_up "$A" "$B"
	meets
	on b ping -q -f -c 300 -I "$b" "$a"
	slowest=0
	for run in $(seq "$runs"); do
		jump $((run % 3 == 2 ? -7200 : 3600))
		side=b how=down
		[ "$run" -le $((runs / 2)) ] || side=a
		[ $((run % 2)) = 0 ] || how=''
		restarts $side $how
		script a rekey
		meets
		script b rekey
		meets
	done
	[ "$(epoch a)" -ge "$runs" ]
	echo "# $runs restarts, both directions answered after at most $slowest ms; epochs $(epoch a) and $(epoch b)" >&3
	script a status
	script b status
	# the control: a side that begins to count anew is refused
	for _ in 1 2 3; do restarts b; done # with the keys that it has, for a does not follow
	on b ping -q -f -c 300 -I "$b" "$a"
	power_off b
	edit b 's/ oseq_1=\d+/ oseq_1=0/'
	script b up
	refused_by a silent b "$b" "$a"
	# until both have other keys
	script a rekey
	silent a "$a" "$b"
	script b rekey
	meets
}

@test "fixed keys: numbers continue over down and power-off, without action on the peer" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	pair_up --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	meets
	on b ping -q -f -c 300 -I "$b" "$a"
	slowest=0
	for how in down power_off down power_off; do
		before=$(number b)
		restarts b $how
		[ "$(number b)" -gt "$before" ]
	done
	# the control
	power_off b
	edit b 's/ oseq_1=\d+/ oseq_1=0/'
	script b up
	refused_by a silent b "$b" "$a"
}

# rekeys SIDE: at random moments, until it has gone on three times, and five times at least
rekeys() {
	local times
	for times in $(seq 40); do
		pause $((RANDOM % 800))
		script "$1" rekey
		pause 100
		[ "$times" -lt 5 ] || [ "$(epoch "$1")" -lt 4 ] || return 0
	done
}

@test "while both sides rekey at random moments no packet is lost" {
	pair_up "$A" "$B"
	meets
	on a ping -i 0.01 -I "$a" "$b" >"$BATS_TEST_TMPDIR/pings" 3>&- &
	ping=$!
	rekeys a >"$BATS_TEST_TMPDIR/said.a" 2>&1 3>&- &
	rekeys_a=$!
	rekeys b >"$BATS_TEST_TMPDIR/said.b" 2>&1 3>&- &
	wait "$rekeys_a"
	wait $!
	pause 3000 # 300 pings, on a busy machine, too
	pkill -INT -P $ping ping || kill -INT $ping
	wait $ping || :
	cat "$BATS_TEST_TMPDIR"/said.?
	# the last second's may be on their way yet, in a lab that is slow
	sent=$(sed -n 's/ packets transmitted.*//p' "$BATS_TEST_TMPDIR/pings")
	lost=$(awk -v sent="$sent" '/icmp_seq=/ { sub(/.*icmp_seq=/, ""); seen[$1 + 0] } END { for (i = 1; i < sent - 100; i++) lost += !(i in seen); print lost + 0 }' "$BATS_TEST_TMPDIR/pings")
	echo "# $sent pings, $lost lost, a went on to epoch $(epoch a), b to $(epoch b)" >&3
	[ "$lost" -eq 0 ]
	[ "$sent" -gt 300 ]
	[ "$(epoch a)" -ge 4 ]
	[ "$(epoch b)" -ge 4 ]
}

# begin SIDE WORD...: the script in a process group of its own; its pid is in begun
begin() {
	local side=$1
	shift
	[ "$1" != up ] || set -- up --no-punch
	# shellcheck disable=SC2086 # words
	(exec ip netns exec "$side" setsid $shell "$BATS_TEST_TMPDIR/$side.sh" "$@") >"$BATS_TEST_TMPDIR/begun" 2>&1 3>&- &
	begun=$!
}
# ends_after SIDE MILLISECONDS VERB: the machine is off before it is done, or just then
ends_after() {
	begin "$1" "$3"
	pause "$2"
	kill -9 -- "-$begun" || :
	wait "$begun" || :
	power_off "$1"
}
# learn_secrets: of all epochs from the script's first one on, as they become known
learn_secrets() { secrets=([2]="$(sed -n 's/^#: b heard 0 next 2 0x//p' "$BATS_TEST_TMPDIR/a.sh")"); }
# forgets SIDE: neither script nor store, nor what a run that was killed left beside them, leads to an epoch below those that it may still
# need; what they keep is found
forgets() {
	local n next present files=("$BATS_TEST_TMPDIR/$1.sh" "$(store "$1")")
	next=$(sed -n 's/^#: .* next \([0-9]*\) .*/\1/p' "${files[1]}")
	present=$(epoch "$1")
	for file in "$BATS_TEST_TMPDIR/.$1.sh.new" "${files[1]}.new"; do [ ! -e "$file" ] || files+=("$file"); done
	[ "$next" -eq $((present + 2)) ] || [ "$next" = $((present + 1)) ] || return
	for n in $(seq 2 "$next"); do
		[ -n "${secrets[n]-}" ] || secrets[n]=$(echo "xfrmpair next ${secrets[n - 1]}" | sha256sum | cut -d' ' -f1)
		if cat "${files[@]}" | grep -q "${secrets[n]}"; then [ "$n" = "$next" ]; else [ "$n" != "$next" ]; fi || return
	done
	[ -z "$(cat "${files[@]}" | sed -n 's/.*# from [a-z]*, epoch //p' | awk -v least=$((present - 1)) '$1 < least')" ]
}

@test "after power-off at random moments of up, rekey and down: up works, no number repeats, no secret comes back" {
	pair_up "$A" "$B"
	learn_secrets
	[ ${#secrets[2]} -eq 64 ]
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	meets
	declare -A lasts
	for verb in rekey down up; do
		lasts[$verb]=$(ms)
		script b $verb
		lasts[$verb]=$(($(ms) - lasts[$verb]))
	done
	for run in $(seq $((2 * runs))); do
		side=a other=b verbs=(up rekey down)
		[ $((RANDOM % 2)) = 0 ] || side=b other=a
		verb=${verbs[RANDOM % 3]} after=$((RANDOM % lasts[$verb]))
		echo "run $run: $verb of $side ends after $after ms of ${lasts[$verb]}"
		[ "$verb" != up ] || script $side down
		on $other ping -q -i 0.02 -w 3 -I "${!other}" "${!side}" >/dev/null 3>&- &
		ends_after $side $after $verb
		script $side up
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
	[ "$(epoch a)" -ge 3 ]
	# the control: the first packet once more is seen
	[ "$(head -1 "$BATS_TEST_TMPDIR/numbers" | sort - "$BATS_TEST_TMPDIR/numbers" | uniq -d | wc -l)" -eq 1 ]
}

@test "random walks of the model: when both sides are up, packets pass, and no number repeats" {
	gcc -std=c11 -D_GNU_SOURCE -Ihelper -o "$BATS_TEST_TMPDIR/model" tests/model.c
	seed=${LIFE_SEED:-$RANDOM}
	"$BATS_TEST_TMPDIR/model" -r $(((runs + 4) / 5)) 10 "$seed" >"$BATS_TEST_TMPDIR/walks"
	pair_up "$A" "$B"
	learn_secrets
	capture inet to-a "$BATS_TEST_TMPDIR/wire" udp and greater 100
	steps=0
	while read -r side verb changes; do
		echo "seed $seed: $side $verb $changes"
		other=b
		[ "$side" != b ] || other=a
		case $verb in
		'')
			walk_ends
			power_off a
			power_off b
			;;
		up | down | rekey | status) script "$side" "$verb" || : ;; # status of a side that has not heard the other is 4
		crash) power_off "$side" ;;
		crash-in-*) ends_after "$side" $((changes * 100)) "${verb#crash-in-}" ;; # somewhere in it: a verb takes about a second
		send) on "$side" ping -q -c 1 -W 0.3 -I "${!side}" "${!other}" || : ;;
		send-lost | send-late)
			on inet nft 'add table ip lost; add chain ip lost lost { type filter hook forward priority 0; policy drop; }'
			on "$side" ping -q -c 1 -W 0.1 -I "${!side}" "${!other}" || :
			on inet nft delete table ip lost
			;;
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
	for side in a b; do script $side status >/dev/null || [ $? = 4 ] || script $side up; done
	meets
	forgets a
	forgets b
}

@test "in a mesh of three, each pair changes its keys on its own" {
	export LAB_PREFIX=p- SIDES='a b c'
	"$net" up --open-side a --sides 3
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
	[ "$(echo "$output" | sort)" = "a: c still sends with epoch 1, this side with 2: run rekey there too
a: sends to b with epoch 3" ]
	reach_all
	[ "$(epoch a b) $(epoch a c) $(epoch b a) $(epoch b c) $(epoch c a)" = '3 2 2 2 1' ]
	script c rekey
	reach_all
	script a rekey
	[ "$(epoch a b) $(epoch a c) $(epoch c a) $(epoch c b)" = '3 3 2 2' ]
	reach_all
	for side in a b c; do
		script "$side" down
		[ -z "$(on "$side" ip xfrm state && on "$side" ip xfrm policy)" ]
	done
}

as_is() { snapshot "$1" && spis "$1" && cat "$(store a)"; } # SIDE
# unchanged SIDE STATUS WORD...: the script ends with that status, says what is left in output, and SIDE is as it was
unchanged() {
	local side=$1 expected=$2 before
	shift 2
	before=$(as_is "$side")
	run script "$side" "$@"
	echo "$output"
	[ "$status" -eq "$expected" ]
	[ "$(as_is "$side")" = "$before" ]
}

@test "on a full or read-only disk rekey changes nothing, and down and up work" {
	disk=$BATS_TEST_TMPDIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=64k,mode=755 tmpfs "$disk"
	export XFRMPAIR_STATE=$disk/store
	pair_up "$A" "$B"
	meets
	[ "$(stat -c %a "$XFRMPAIR_STATE" "$(store a)" | tr '\n' ' ')" = '700 600 ' ]
	for trouble in 'No space left on device' 'Read-only file system'; do
		if [ "$trouble" = 'Read-only file system' ]; then mount -o remount,ro "$disk"; else head -c 1m /dev/zero >"$disk/filling" 2>/dev/null || :; fi
		before=$(cat "$(store a)")
		script=$(cat "$BATS_TEST_TMPDIR/a.sh")
		unchanged a 1 rekey
		[ "$output" = "xfrmkeep: $(store a): cannot be written: $trouble" ]
		[ "$(cat "$BATS_TEST_TMPDIR/a.sh")" = "$script" ]
		meets
		run script a down
		echo "$output"
		[ "$status" -eq 0 ]
		[ "${lines[0]}" = "xfrmkeep: $(store a): cannot be written: $trouble" ]
		[ "${lines[-1]}" = "a: down" ]
		[ "$(cat "$(store a)")" = "$before" ]
		run script a up
		echo "$output"
		[ "$status" -eq 0 ]
		[[ "$output" == *"xfrmkeep: $(store a): cannot be written: $trouble
a: warning: if this does not change, the other side will drop all packets after the next up"* ]]
		[ "$(cat "$(store a)")" = "$before" ]
		meets
		mount -o remount,rw "$disk"
		rm -f "$disk/filling"
		# what could not be kept is kept now
		script a rekey
		meets
		script b rekey
		meets
		restarts a
	done
}

@test "after hours of rekeys on both sides, with one off in between, nothing has grown" {
	pair_up "$A" "$B"
	meets
	# until all is there that there will be
	for _ in 1 2 3; do
		script a rekey
		script b rekey
		meets
	done
	# lines, words and files of what survives and what does not
	size() {
		cat "$XFRMPAIR_STATE"/* "$XFRMPAIR_RUN"/?.*/* "$BATS_TEST_TMPDIR"/?.sh | wc -lw
		ls -A "$XFRMPAIR_STATE" "$XFRMPAIR_RUN" "$XFRMPAIR_RUN"/?.* "$BATS_TEST_TMPDIR"
	}
	size >"$BATS_FILE_TMPDIR/before"
	begun=$(ms) hour=0 at=0 off=''
	until [ $at -ge 168 ]; do
		if [ -z "$off" ] && [ $at -ge 56 ]; then
			script b down
			off=yes
		elif [ "$off" = yes ] && [ $at -ge 84 ]; then
			script b up
			meets
			off=no
		fi
		script a rekey
		if [ "$off" != yes ]; then
			script b rekey
			meets
		fi
		hour=$((hour + 1)) at=$((($(ms) - begun) * 168 / 30000)) # of a machine that does not come to the end of the week in half a minute
		[ $hour -le $at ] || at=$hour
	done
	echo "# $hour hours in $((($(ms) - begun) / 1000)) s, b off for some in the middle: epochs $(epoch a) and $(epoch b)" >&3
	script a status
	size | diff "$BATS_FILE_TMPDIR/before" -
	[ "$(epoch a)" -ge $((hour / 2)) ]
	[ $off = no ]
}

# sends SIDE LOW HIGH; has_received SIDE PEER EPOCH LOW HIGH: in its store
sends() { edit "$1" "s/ oseq_1=\d+/ oseq_1=$2/; s/(replay-oseq-hi )\d+/\${1}$3/"; }
has_received() { edit "$1" "s/(replay-seq )\d+( replay-seq-hi )\d+(.*\n.*# from $2, epoch $3\n)/\${1}$4\${2}$5\$3/"; }
# high SIDE HIGH: is in the number that it sends with
high() { [ "$(on "$1" ip xfrm state list nokeys | grep -c "oseq-hi 0x$2,")" -eq 1 ]; }

@test "extended sequence numbers: the high word survives restarts, and increases during one" {
	fixed_rows "$BATS_TEST_TMPDIR/keys"
	pair_up --esn --keys "$BATS_TEST_TMPDIR/keys" "$A" "$B"
	meets
	slowest=0
	for side in a b; do script $side down; done
	sends a 1000 1
	has_received a b 1 2000 3
	sends b 2000 3
	has_received b a 1 1000 1
	both_up
	meets
	high a 1
	high b 3
	restarts a down
	restarts b
	# the control: a side that forgets the high word is refused
	script a down
	cp "$(store a)" "$BATS_TEST_TMPDIR/kept"
	sends a "$(number a)" 0
	before=$(counter b XfrmInStateProtoError)
	script a up
	silent a "$a" "$b"
	[ $(($(counter b XfrmInStateProtoError) - before)) -ge 3 ]
	power_off a
	cp "$BATS_TEST_TMPDIR/kept" "$(store a)"
	script a up
	meets
	# over 2^32 while it is up, and by the margin of an end without down
	script a down
	script b down
	sends a $((4294967200 - 67108864)) 1
	has_received a b 1 7 0
	sends b 7 0
	has_received b a 1 4294967199 1
	both_up
	meets
	high a 1
	on a ping -q -f -c 300 -I "$a" "$b"
	high a 2
	meets
	restarts a
	high a 2
	restarts b
}

@test "extended sequence numbers with new keys: rekey and restart work from a high word other than 0" {
	pair_up --esn "$A" "$B"
	meets
	slowest=0
	script a rekey
	meets
	script a down
	script b down
	# a sends with 2, and has not heard b with it: it begins no epoch. b has heard a with 2, and goes on
	[ "$(epoch a) $(epoch b)" = '2 1' ]
	[ "$(sed -n 's/^#: . heard \([0-9]*\) .*/\1/p' "$(store a)" "$(store b)" | tr '\n' ' ')" = '1 2 ' ]
	sends a 1000 1
	has_received b a 2 900 1
	both_up
	meets
	high a 1
	[ "$(epoch a) $(epoch b)" = '2 2' ]
	restarts a
	script b rekey
	meets
	script a rekey
	meets
	restarts b
}
