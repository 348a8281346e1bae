# From two STUN words to a ping: natprobe, xfrmpair and the scripts together.
# Run in the lab: tests/lab/run bats tests/lab/punch.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up
	on inet turnserver -n -S --no-cli --no-tls --no-dtls --no-tcp --log-file=stdout --pidfile=/dev/null \
		--listening-ip=198.51.100.1 --listening-ip=198.51.100.2 >"$BATS_FILE_TMPDIR/turn" 2>&1 3>&- &
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() { source "$BATS_TEST_DIRNAME/tunnel.bash"; }
teardown() { both_down >/dev/null 2>&1 || :; }

# punch_up SIDE [OPTION]...: up as a person runs it, in the background; what it says goes to SIDE.said, $? to SIDE.status
punch_up() {
	local side=$1
	shift
	{
		on "$side" sh "$BATS_TEST_TMPDIR/$side.sh" up "$@" >"$BATS_TEST_TMPDIR/$side.said" 2>&1 3>&- && status=0 || status=$?
		echo "$status" >"$BATS_TEST_TMPDIR/$side.status"
	} &
}
said() { cat "$BATS_TEST_TMPDIR/$1.said"; }

@test "two words from natprobe, one xfrmpair, two scripts, one ping" {
	for _ in $(seq 100); do
		[ "$(on inet ss -Hlun 'sport = :3478' | wc -l)" -ge 2 ] && break
		sleep 0.1
	done
	word_a=$(on a natprobe -p 61525 198.51.100.1 198.51.100.2)
	word_b=$(on b natprobe -p 61523 198.51.100.1 198.51.100.2)
	[ "$word_a" = 192.168.1.4:61525@85.9.8.7:61525 ]
	[ "$word_b" = 192.168.2.100:61523@31.1.2.3:10421 ]
	generate "$word_a" "$word_b"
	punch_up a
	sleep 1
	punch_up b
	wait
	said a
	said b
	[ "$(cat "$BATS_TEST_TMPDIR"/?.status)" = "0
0" ]
	[[ "$(said a)" == *"a: opening the hole to b, for up to 60 s: start b now"*"a: b is heard"* ]]
	[[ "$(said b)" == *"b: opening the hole to a, which was to be started first, for up to 60 s"*"b: a is heard"* ]]
	answers a 192.168.1.4 192.168.2.100
}

@test "a peer heard from another port than it was generated for is answered there" {
	generate "$A" 192.168.2.100:61523@31.1.2.3:10422
	punch_up a
	sleep 1
	punch_up b
	wait
	[[ "$(said a)" == *"a: b is heard from port 10421, not from the one it was generated for: using that for this run"* ]]
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.1.4
	script a status
	script a down
	[ -z "$(on a ip xfrm state; on a ip xfrm policy)" ]
}

@test "a peer that is not heard is waited for as long as --wait says, then the tunnel is set up all the same" {
	generate "$A" "$B"
	punch_up a --wait 2
	wait
	said a
	[ "$(cat "$BATS_TEST_TMPDIR/a.status")" -eq 4 ]
	[[ "$(said a)" == *"a: set up, but b has not been heard."* ]]
	run script a status
	[ "$status" -eq 4 ]
	# the peer comes later, and all is well
	punch_up b --wait 20
	wait
	said b
	[ "$(cat "$BATS_TEST_TMPDIR/b.status")" -eq 0 ]
	answers b 192.168.2.100 192.168.1.4
	script a status
}

@test "interrupted while it waits, up leaves nothing behind" {
	generate "$A" "$B"
	snapshot a >"$BATS_TEST_TMPDIR/before"
	for signal in INT TERM HUP; do
		on a setsid --wait sh -c 'trap - INT; exec "$@"' - env --default-signal sh "$BATS_TEST_TMPDIR/a.sh" up >"$BATS_TEST_TMPDIR/a.said" 2>&1 3>&- &
		for _ in $(seq 100); do
			pgrep -x natprobe && break
			sleep 0.1
		done
		# as a terminal does it: to all in the foreground
		kill -$signal -- "-$(ps -o pgid= "$(pgrep -x natprobe)" | tr -d ' ')"
		run wait $!
		[ "$status" -ne 0 ]
		said a
		run ! pgrep -x natprobe
		snapshot a | diff "$BATS_TEST_TMPDIR/before" -
	done
}

@test "without natprobe up goes on and says so" {
	generate "$A" "$B"
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp "$BUILD/espdecap" "$BATS_TEST_TMPDIR/bin"
	run on a env PATH="$BATS_TEST_TMPDIR/bin:/usr/sbin:/usr/bin:/sbin:/bin" sh "$BATS_TEST_TMPDIR/a.sh" up
	[ "$status" -eq 0 ]
	[[ "$output" == *"a: no natprobe; lay it beside this file, or put it on PATH; going on without opening the hole"* ]]
}

@test "one side restarted while the other's tunnel is up hears it and goes on" {
	generate "$A" "$B"
	both_up
	answers a 192.168.1.4 192.168.2.100
	script b down
	# b's espdecap is gone; a's goes on with its keepalives, every 20 s: a ping is quicker
	on a ping -q -i 1 -c 30 -I 192.168.1.4 192.168.2.100 >/dev/null 2>&1 3>&- &
	punch_up b --wait 30
	for _ in $(seq 350); do
		[ -e "$BATS_TEST_TMPDIR/b.status" ] && break
		sleep 0.1
	done
	pkill -x ping || :
	said b
	[ "$(cat "$BATS_TEST_TMPDIR/b.status")" -eq 0 ]
	[[ "$(said b)" == *"b: up."* ]]
}

@test "a mesh of three does not wait: espdecap's first seconds open its holes" {
	export LAB_PREFIX=y- SIDES='a b c'
	"$net" up --sides 3
	generate "$A" "$B" 192.168.3.4:4500@77.3.4.5
	for side in a b c; do
		on $side sh "$BATS_TEST_TMPDIR/$side.sh" up 3>&-
	done
	sleep 2
	answers a 192.168.1.4 192.168.2.100
	answers b 192.168.2.100 192.168.3.4
	answers c 192.168.3.4 192.168.1.4
	both_down
	"$net" down
}

@test "open routers on both sides: the hole is there, first side first" {
	export LAB_PREFIX=y-
	"$net" up --nat-a keeps,open --nat-b keeps,open
	generate "$A" 192.168.2.100:61523@31.1.2.3
	punch_up a
	sleep 2
	punch_up b
	wait
	said a
	said b
	[[ "$(said a)" == *"a: b is heard"* ]]
	answers b 192.168.2.100 192.168.1.4
	both_down
	"$net" down
}
