#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# espdecap.  Needs strace, tcpdump, iproute2, file; some tests need root and say so.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	ESPDECAP=$(cd "${BUILD:-build}" && pwd)/espdecap
	ASAN_OPTIONS=detect_leaks=0   # it cannot look for them under strace
	export ESPDECAP ASAN_OPTIONS
	# The twelve seconds of the last test pass while the others run.
	if command -v strace >/dev/null; then
		RHYTHM=$BATS_FILE_TMPDIR/rhythm
		strace -D -ttt -e trace=sendto -o "$RHYTHM" "$ESPDECAP" -i 1 $((10000 + RANDOM % 20000)) 127.0.0.1 9 127.0.0.2:9 2>/dev/null 3>&- &
		echo $! >"$BATS_FILE_TMPDIR/rhythm.pid"
		export RHYTHM
	fi
}

teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/rhythm.pid")" || true
}

setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	PORT=$((10000 + RANDOM % 20000))
	SAID=$BATS_TEST_TMPDIR/said
	PID=
	NETNS=
}

teardown() {
	[ -z "$PID" ] || kill -KILL "$PID" 2>/dev/null || true
	[ -z "$NETNS" ] || ip netns del "$NETNS" || true
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root: $1"; }
need() { command -v "$1" >/dev/null || skip "needs $1"; }

# until COMMAND succeeds, for at most 10 s
until_true() {
	local try
	for try in {1..200}; do
		if "$@"; then return; fi
		sleep 0.05
	done
	echo "never came true: $*; it said: $(cat "$SAID")" >&2
	return 1
}

said_ready() { grep -q '^espdecap: ready: ' "$SAID"; }
ended() { [[ "$(ps -o stat= -p "$PID")" != [!Z]* ]]; }   # one that init has yet to bury is

# start [WRAPPER...] ARGUMENT...: in the background until it is ready; sets PID
start() {
	: >"$SAID"
	"$@" 2>"$SAID" 3>&- &
	PID=$!
	until_true said_ready
}

# stop SIGNAL STATUS: it must still run, and end so
stop() {
	local status=0
	kill -0 "$PID"
	kill "-$1" "$PID"
	wait "$PID" || status=$?
	PID=
	[ "$status" = "$2" ]
}

new_netns() {
	NETNS=espdecap-$$-$BATS_TEST_NUMBER
	ip netns add "$NETNS"
	ip -n "$NETNS" link set lo up
	ip -n "$NETNS" link add out type veth peer name in
	ip -n "$NETNS" addr add 192.0.2.1/24 dev out
	ip -n "$NETNS" link set out up
	ip -n "$NETNS" link set in up
}

@test "-h and --help go to stdout, -V and --version too, with status 0" {
	run -0 --separate-stderr "$ESPDECAP" --help
	[ "${lines[0]}" = "usage: espdecap [-b ADDR] [-i SECONDS] [-u UID[:GID]] [-N] [-d] PORT [PEER PORT | PEER:PORT]..." ]
	[ -z "$stderr" ]
	long=$output
	run -0 "$ESPDECAP" -h
	[ "$output" = "$long" ]
	run -0 --separate-stderr "$ESPDECAP" -V
	[[ "$output" =~ ^espdecap\ [0-9]+\.[0-9]+ ]]
	[ -z "$stderr" ]
	long=$output
	run -0 "$ESPDECAP" --version
	[ "$output" = "$long" ]
	run -1 --separate-stderr sh -c '"$0" --help >/dev/full' "$ESPDECAP"
	[ "$stderr" = "espdecap: standard output: No space left on device" ]
}

@test "more than 1024 peers are refused" {
	run -2 --separate-stderr "$ESPDECAP" 4500 $(printf '127.0.0.1:1 %.0s' {1..1025})
	[ "$stderr" = "espdecap: peer: '127.0.0.1:1': too many (expected at most 1024)" ]
	[ -z "$output" ]
}

@test "the ready line says what it does" {
	start "$ESPDECAP" -b 127.0.0.1 "$PORT" 127.0.0.9 10421
	[ "$(cat "$SAID")" = "espdecap: ready: 127.0.0.1:$PORT decapsulates ESP, a keepalive every 20 s to 127.0.0.9:10421" ]
	stop TERM 0
	start "$ESPDECAP" -i 86400 -- "$PORT" 127.0.0.9 10421 127.0.0.8:1 127.0.0.7:1
	[ "$(cat "$SAID")" = "espdecap: ready: 0.0.0.0:$PORT decapsulates ESP, a keepalive every 86400 s to 127.0.0.9:10421 and 2 more" ]
	stop TERM 0
	start "$ESPDECAP" -b 127.0.0.1 "$PORT"
	[ "$(cat "$SAID")" = "espdecap: ready: 127.0.0.1:$PORT decapsulates ESP, no keepalives" ]
	stop TERM 0
}

@test "an IPv6 socket does not bind the same IPv4 port" {
	[ -e /proc/net/if_inet6 ] || skip "needs IPv6"
	start "$ESPDECAP" "$PORT" [::1]:9
	[[ "$(cat "$SAID")" == "espdecap: ready: [::]:$PORT decapsulates ESP, a keepalive every 20 s to [::1]:9" ]]
	six=$PID
	start "$ESPDECAP" "$PORT" 127.0.0.1:9
	stop TERM 0
	PID=$six
	stop TERM 0
}

@test "the socket options are set before bind, and readiness is reported after it" {
	need strace
	[ -e /proc/net/if_inet6 ] || skip "needs IPv6"
	NOTIFY_SOCKET=@espdecap-$PORT start strace -D -o "$BATS_TEST_TMPDIR/trace" "$ESPDECAP" -b ::1 "$PORT" [::1]:9
	stop TERM 0
	sleep 0.1
	calls=$(sed -nE "s/^(setsockopt)\(3, [^,]*, (UDP_ENCAP|0x64|SO_ATTACH_FILTER|IPV6_V6ONLY).*= 0\$/\2/p
		s/^bind\(3.*= 0\$/bind/p; s/^write.*ready: .*/ready/p; s/^sendto.*READY=1.*/notified/p
		s/^sendto\(3, \"\\\\377\", 1.*/keepalive/p; /ready: /s/.*/ready/p" "$BATS_TEST_TMPDIR/trace" | uniq | tr '\n' ' ')
	echo "$calls"
	[[ "$calls" =~ ^(UDP_ENCAP|0x64)\ SO_ATTACH_FILTER\ IPV6_V6ONLY\ bind\ ready\ notified\ keepalive\ $ ]]
	run -1 grep REUSE "$BATS_TEST_TMPDIR/trace"
}

@test "SIGTERM and SIGINT end it with status 0, SIGHUP and SIGPIPE do not" {
	for signal in TERM INT; do
		for interval in 0 20; do
			start "$ESPDECAP" -i "$interval" "$PORT" 127.0.0.1 9
			kill -HUP "$PID"
			kill -PIPE "$PID"
			sleep 0.1
			stop "$signal" 0
		done
	done
}

@test "a port in use is reported, with the command that finds its owner" {
	start "$ESPDECAP" "$PORT"
	run -1 --separate-stderr "$ESPDECAP" "$PORT"
	[ "$stderr" = "espdecap: port $PORT: in use: ss -lunp sport = :$PORT" ]
}

@test "an address that this host does not have is reported" {
	run -1 --separate-stderr "$ESPDECAP" -b 192.0.2.77 4500
	[ "$stderr" = "espdecap: 192.0.2.77: not an address of this host" ]
}

@test "-N works before Linux 6.10 and is refused with status 5 from then on" {
	IFS=. read -r major minor _ <<<"$(uname -r)"
	if ((major * 1000 + ${minor%%[!0-9]*} < 6010)); then
		start "$ESPDECAP" -N "$PORT"
		stop TERM 0
	else
		run -5 --separate-stderr timeout 3 "$ESPDECAP" -N "$PORT"
		[ "$stderr" = "espdecap: -N: this kernel has no non-IKE encapsulation (expected Linux before 6.10, or no -N)" ]
	fi
}

@test "packets that are not ESP are neither queued nor wake the process" {
	need strace
	start strace -D -o "$BATS_TEST_TMPDIR/trace" "$ESPDECAP" -b 127.0.0.1 -i 0 "$PORT"
	for i in {1..50}; do
		printf '\0\0\0\0IKE, as far as anybody knows' >/dev/udp/127.0.0.1/"$PORT"
		printf 'junk' >/dev/udp/127.0.0.1/"$PORT"
	done
	queue() { ss -Hlun "sport = :$1" | awk '{ print $2 }'; }
	[ "$(queue "$PORT")" = 0 ]
	tail -n 1 "$BATS_TEST_TMPDIR/trace" | grep -q '^rt_sigtimedwait('
	run -1 grep -q recv "$BATS_TEST_TMPDIR/trace"
	stop TERM 0
	need perl    # the control: the same datagrams stay with a socket that has no filter
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1:$ARGV[0]") or die; sleep 5' "$PORT" 3>&- &
	PID=$!
	until_true eval '[ "$(queue "$PORT")" = 0 ]'
	printf '\0\0\0\0IKE' >/dev/udp/127.0.0.1/"$PORT"
	[ "$(queue "$PORT")" -gt 0 ]
}

@test "the kernel consumes ESP and keepalives, and nothing else" {
	dropped() { awk -v port="$(printf ':%04X' "$PORT")" 'index($2, port) { print $NF }' /proc/net/udp; }
	start "$ESPDECAP" -b 127.0.0.1 "$PORT"
	printf 'ESP of nobody' >/dev/udp/127.0.0.1/"$PORT"
	printf '\xff' >/dev/udp/127.0.0.1/"$PORT"
	[ "$(dropped)" = 0 ]
	printf '\0\0\0\0IKE' >/dev/udp/127.0.0.1/"$PORT"   # the control: this one meets the socket's filter
	[ "$(dropped)" = 1 ]
	stop TERM 0
}

@test "without peers, or with -i 0, no keepalives are sent" {
	need strace
	for arguments in "-i 0 $PORT 127.0.0.1 9" "-i 1 $PORT"; do
		start strace -D -o "$BATS_TEST_TMPDIR/trace" "$ESPDECAP" $arguments
		sleep 0.2
		[[ "$(tail -n 1 "$BATS_TEST_TMPDIR/trace")" == "rt_sigtimedwait([INT TERM], "* ]]
		stop TERM 0
		run -1 grep -q sendto "$BATS_TEST_TMPDIR/trace"
	done
}

@test "network errors neither end it nor print a line; an error of the socket does both" {
	need strace
	for error in ECONNREFUSED EHOSTUNREACH ENETUNREACH ENETDOWN EPERM EACCES ENOBUFS EAGAIN ENOMEM EINVAL EADDRNOTAVAIL ESRCH ENOKEY; do
		start strace -D -o "$BATS_TEST_TMPDIR/trace" -e trace=sendto -e inject=sendto:error=$error "$ESPDECAP" "$PORT" 127.0.0.1 9
		until_true grep -q "$error.*INJECTED" "$BATS_TEST_TMPDIR/trace"
		stop TERM 0
		[ "$(wc -l <"$SAID")" = 1 ]
	done
	run -1 --separate-stderr strace -D -o /dev/null -e inject=sendto:error=EBADF "$ESPDECAP" "$PORT" 127.0.0.1 9
	[[ "${stderr_lines[1]}" == "espdecap: cannot send keepalives: Bad file descriptor" ]]
}

@test "it survives the loss of its link, route and address, and continues when they are back" {
	need_root "makes a network namespace"
	need strace
	new_netns
	trace=$BATS_TEST_TMPDIR/trace
	start ip netns exec "$NETNS" strace -D -o "$trace" -e trace=sendto "$ESPDECAP" -b 192.0.2.1 -i 1 "$PORT" 192.0.2.2 9
	mark() { lines_before=$(wc -l <"$trace"); }
	since() { sed "1,${lines_before}d" "$trace" | grep -q -- "$1"; }
	ip -n "$NETNS" link set out down
	mark; until_true since '= -1 ENETUNREACH'
	ip -n "$NETNS" link set out up
	mark; until_true since '= 1$'
	ip -n "$NETNS" addr add 192.0.2.3/24 dev out
	ip -n "$NETNS" addr del 192.0.2.1/24 dev out
	mark; until_true since '= -1 E'
	ip -n "$NETNS" addr replace 192.0.2.1/24 dev out
	mark; until_true since '= 1$'
	stop TERM 0
	[ "$(wc -l <"$SAID")" = 1 ]
}

@test "the peer receives one byte, 0xff, from the port" {
	need_root "makes a network namespace"
	need tcpdump
	new_netns
	ip netns exec "$NETNS" tcpdump -Z root -U -lnxi in -c 2 udp port 9 >"$BATS_TEST_TMPDIR/dump" 2>"$BATS_TEST_TMPDIR/tcpdump" 3>&- &
	dump=$!
	until_true grep -q listening "$BATS_TEST_TMPDIR/tcpdump"
	ip -n "$NETNS" neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev out
	start ip netns exec "$NETNS" "$ESPDECAP" "$PORT" 192.0.2.2 9
	wait "$dump"
	grep -q "192.0.2.1.$PORT > 192.0.2.2.9: UDP, length 1\$\|192.0.2.1.$PORT > 192.0.2.2.9: .*isakmp-nat-keep-alive" "$BATS_TEST_TMPDIR/dump"
	grep -Eq '0x0010: .* ff' "$BATS_TEST_TMPDIR/dump"
	grep -Eq '0x0010: +c000 0202 .... 0009 0009 0000 ff' "$BATS_TEST_TMPDIR/dump"   # no checksum: RFC 3948, section 2.3
	stop TERM 0
}

@test "-u leaves neither identity nor capability of root" {
	need_root "becomes nobody"
	privileged=$((600 + RANDOM % 400))
	for user in 65534 65534:65534; do
		start "$ESPDECAP" -u "$user" "$privileged"
		facts=$(grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/"$PID"/status | tr -s '\t ' ' ' | sed 's/ $//')
		stop TERM 0
		echo "$facts"
		[ "$facts" = "Uid: 65534 65534 65534 65534
Gid: 65534 65534 65534 65534
Groups:
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1" ]
	done
	start "$ESPDECAP" -u 4242:4243 "$privileged"
	[ "$(awk '/^Uid:|^Gid:/ { printf "%s ", $3 }' /proc/"$PID"/status)" = "4242 4243 " ]
	stop TERM 0
	start "$ESPDECAP" "$privileged"       # the control
	[ "$(awk '/^CapEff/ { print $2 }' /proc/"$PID"/status)" != 0000000000000000 ]
}

@test "it runs as nobody, without capabilities, and cannot change the user again" {
	need_root "becomes nobody"
	cp "$ESPDECAP" "$BATS_TEST_TMPDIR/espdecap"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/espdecap" "${BATS_TEST_TMPDIR%/*}"
	nobody="setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all --"
	$nobody test -x "$BATS_TEST_TMPDIR/espdecap" || skip "nobody cannot reach $BATS_TEST_TMPDIR"
	start $nobody "$BATS_TEST_TMPDIR/espdecap" "$PORT" 127.0.0.1 9
	stop TERM 0
	run -1 --separate-stderr $nobody "$BATS_TEST_TMPDIR/espdecap" -u 1 "$PORT"
	[ "$stderr" = "espdecap: cannot become user '1': Operation not permitted" ]
}

# background ARGUMENT...: as -d; sets PID, which is not a child of this shell
background() {
	PID=$("$ESPDECAP" -d "$@" 2>"$SAID" 3>&-)
	[[ "$PID" =~ ^[1-9][0-9]*$ ]]
}

# gone: PID is ended, by us or long ago
gone() {
	kill "$PID" 2>/dev/null || true
	until_true ended
	PID=
}

taken() { [ -n "$(ss -Hlun "sport = :$1")" ]; }

@test "-d prints the pid of a running process with its own session, in /, without the caller's files" {
	cd "$BATS_TEST_TMPDIR"
	background -b 127.0.0.1 "$PORT" 127.0.0.1 9 5<&0 7>"$BATS_TEST_TMPDIR/seven"
	[ "$(cat "$SAID")" = "espdecap: ready: 127.0.0.1:$PORT decapsulates ESP, a keepalive every 20 s to 127.0.0.1:9" ]
	[[ "$(tr '\0' ' ' </proc/"$PID"/cmdline)" == "$ESPDECAP -d -b 127.0.0.1 $PORT "* ]]
	[ "$(ps -o sid=,pgid=,tty= -p "$PID" | tr -s ' ' | sed 's/^ //')" = "$PID $PID ?" ]
	[ "$(readlink /proc/"$PID"/cwd)" = / ]
	files=$(for file in /proc/"$PID"/fd/*; do echo "${file##*/} $(readlink "$file")"; done | sed 's/\[.*//')
	echo "$files"
	[ "$files" = "0 /dev/null
1 /dev/null
2 /dev/null
3 socket:" ]
	taken "$PORT"
	gone
	run -1 taken "$PORT"
}

@test "-d closes the caller's files also if the kernel has no close_range" {
	need strace
	PID=$(strace --seccomp-bpf -f -o "$BATS_TEST_TMPDIR/trace" -e trace=close_range -e inject=close_range:error=ENOSYS \
		sh -c '"$@" >&8' sh "$ESPDECAP" -d "$PORT" 8>"$BATS_TEST_TMPDIR/pid" 9>"$BATS_TEST_TMPDIR/nine" 2>"$SAID" 3>&- &
		until_true [ -s "$BATS_TEST_TMPDIR/pid" ] && cat "$BATS_TEST_TMPDIR/pid")
	grep -q 'close_range.*INJECTED' "$BATS_TEST_TMPDIR/trace" || skip "made without close_range"
	few() { [ "$(echo /proc/"$PID"/fd/*)" = "$(echo /proc/"$PID"/fd/{0,1,2,3})" ]; }
	until_true few
	gone
}

@test "-d keeps no pipe, lock or folder of the caller" {
	timeout 3 sh -c '"$@" 3>&1 4>&1 | cat' sh "$ESPDECAP" -d "$PORT" >"$BATS_TEST_TMPDIR/pid" 2>"$SAID" 3>&-
	PID=$(cat "$BATS_TEST_TMPDIR/pid")
	kill -0 "$PID"
	gone
	need flock
	PID=$(flock "$BATS_TEST_TMPDIR/lock" "$ESPDECAP" -d "$PORT" 2>"$SAID" 3>&-)
	flock -n "$BATS_TEST_TMPDIR/lock" kill -0 "$PID"
	gone
	need_root "mounts a folder"
	mkdir "$BATS_TEST_TMPDIR/mount"
	mount -t tmpfs none "$BATS_TEST_TMPDIR/mount" || skip "cannot mount"
	PID=$(cd "$BATS_TEST_TMPDIR/mount" && "$ESPDECAP" -d "$PORT" 2>"$SAID" 3>&-)
	umount "$BATS_TEST_TMPDIR/mount" || { umount -l "$BATS_TEST_TMPDIR/mount"; return 1; }
	kill -0 "$PID"
	gone
}

@test "-d: ^C and the end of the terminal do not end it" {
	need script
	# a test run's background has SIGINT ignored
	env --default-signal=INT script -qec "stty -echo; '$ESPDECAP' -d $PORT >'$BATS_TEST_TMPDIR/pid' 2>'$SAID'; touch '$BATS_TEST_TMPDIR/typed'; sleep 9; touch '$BATS_TEST_TMPDIR/after'" /dev/null \
		< <(until_true [ -e "$BATS_TEST_TMPDIR/typed" ]; printf '\003'; sleep 0.3) >/dev/null 3>&-
	PID=$(cat "$BATS_TEST_TMPDIR/pid")
	[ ! -e "$BATS_TEST_TMPDIR/after" ]   # the control: the shell was ended
	kill -0 "$PID"
	taken "$PORT"
	gone
}

@test "-d: if the pid cannot be printed, no process is left, and the status is 1" {
	run -1 --separate-stderr sh -c '"$@" >/dev/full' sh "$ESPDECAP" -d "$PORT"
	[ "${stderr_lines[1]}" = "espdecap: standard output: No space left on device" ]
	[ "${#stderr_lines[@]}" = 2 ]
	run -1 taken "$PORT"
	for closed in '>&-' '<&- >&-' '<&- >&- 2>&-'; do
		run -1 sh -c "\"\$@\" $closed" sh "$ESPDECAP" -d "$PORT"
		run -1 taken "$PORT"
	done
	run -0 --separate-stderr sh -c '"$@" <&-' sh "$ESPDECAP" -d "$PORT"   # the control: what is not needed may be closed
	PID=$output
	taken "$PORT"
	gone
}

@test "-d fails in the foreground if the port is in use (1), the user is a name (2), or fork fails (1)" {
	start "$ESPDECAP" "$PORT"
	run -1 --separate-stderr "$ESPDECAP" -d "$PORT"
	[ "$stderr" = "espdecap: port $PORT: in use: ss -lunp sport = :$PORT" ]
	[ -z "$output" ]
	stop TERM 0
	run -2 "$ESPDECAP" -d -u nobody "$PORT"
	need strace
	run -1 --separate-stderr strace -f -o /dev/null -e inject=fork,clone,vfork:error=EAGAIN "$ESPDECAP" -d "$PORT"
	[ "${stderr_lines[1]}" = "espdecap: cannot go to the background: Resource temporarily unavailable" ]
	run -1 taken "$PORT"
}

@test "-d changes the user and notifies the supervisor before it prints the pid" {
	need_root "becomes nobody"
	need strace
	NOTIFY_SOCKET=@espdecap-$PORT strace -f -o "$BATS_TEST_TMPDIR/trace" "$ESPDECAP" -u 65534 -d "$PORT" >"$BATS_TEST_TMPDIR/pid" 2>"$SAID" 3>&- &
	until_true [ -s "$BATS_TEST_TMPDIR/pid" ]
	PID=$(cat "$BATS_TEST_TMPDIR/pid")
	[ "$(awk '/^Uid:|^CapEff:/ { printf "%s ", $2 }' /proc/"$PID"/status)" = "65534 0000000000000000 " ]
	gone
	wait
	calls=$(sed -nE 's/.* bind\(3.*/bind/p; s/.* capset.*/nobody/p; s/.*READY=1.*/notified/p; s/.* (fork|v?fork|clone3?)\(.*/fork/p; s/.* write\(1, .*/pid/p' \
		"$BATS_TEST_TMPDIR/trace" | tr '\n' ' ')
	echo "$calls"
	[ "$calls" = "bind nobody notified fork pid " ]
}

@test "a supervisor gets READY=1, by path and by abstract name" {
	need perl
	for name in "$BATS_TEST_TMPDIR/notify" "@espdecap-notify-$PORT"; do
		rm -f "$BATS_TEST_TMPDIR/heard"
		perl -MSocket -e '$n = shift; $n =~ s/^@/\0/; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, pack_sockaddr_un($n)) or die $!;
			$| = 1; print "bound\n"; alarm 5; recv(S, $m, 99, 0); print "$m\n"' "$name" >"$BATS_TEST_TMPDIR/heard" 3>&- &
		supervisor=$!
		until_true grep -qs bound "$BATS_TEST_TMPDIR/heard"
		NOTIFY_SOCKET=$name start "$ESPDECAP" "$PORT"
		wait "$supervisor"
		[ "$(tail -n 1 "$BATS_TEST_TMPDIR/heard")" = READY=1 ]
		stop TERM 0
	done
	NOTIFY_SOCKET=/no/such/socket start "$ESPDECAP" "$PORT"
	until_true grep -qx "espdecap: NOTIFY_SOCKET '/no/such/socket': No such file or directory" "$SAID"
	stop TERM 0
}

@test "neither a full stderr pipe nor a supervisor that does not read blocks it" {
	need perl
	# a pipe, and a supervisor's queue, filled to the brim; then espdecap, its standard error that pipe
	cat >"$BATS_TEST_TMPDIR/full.pl" <<-'END'
		use Fcntl; use Socket; use POSIX;
		$what = shift; $name = shift;
		if ($what eq "pipe") {
			pipe R, W; fcntl(W, F_SETFL, O_NONBLOCK); 1 while syswrite W, "x" x 4096; fcntl(W, F_SETFL, 0);
		} else {
			socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un("\0$name")) or die;
			socket(C, AF_UNIX, SOCK_DGRAM, 0); fcntl(C, F_SETFL, O_NONBLOCK);
			1 while send C, "x", 0, pack_sockaddr_un("\0$name"); $ENV{NOTIFY_SOCKET} = "@" . $name;
		}
		if (!($child = fork)) { $what ne "pipe" or POSIX::dup2(fileno W, 2); exec @ARGV; }
		$SIG{TERM} = sub { kill TERM, $child }; waitpid $child, 0; exit($? >> 8 || $? & 127);
	END
	for full in pipe supervisor; do
		perl "$BATS_TEST_TMPDIR/full.pl" $full "full-$PORT" strace -D -e trace=sendto -o "$BATS_TEST_TMPDIR/$full" \
			"$ESPDECAP" -b 127.0.0.1 -i 1 "$PORT" 127.0.0.1 9 2>"$SAID" 3>&- &
		PID=$!
		until_true grep -qs '"\\377"' "$BATS_TEST_TMPDIR/$full"
		stop TERM 0
	done
	grep -qx "espdecap: NOTIFY_SOCKET '@full-$PORT': Resource temporarily unavailable" "$SAID"
}

@test "after SIGSTOP and SIGCONT it sends due keepalives at once" {
	need strace
	start strace -D -e trace=sendto -o "$BATS_TEST_TMPDIR/trace" "$ESPDECAP" -b 127.0.0.1 "$PORT" 127.0.0.1 9
	kill -STOP "$PID"
	sleep 1.5      # each second one, as for all of the first ten
	lines_before=$(grep -c '"\\377"' "$BATS_TEST_TMPDIR/trace")
	kill -CONT "$PID"
	sleep 0.6
	[ "$(grep -c '"\\377"' "$BATS_TEST_TMPDIR/trace")" -gt "$lines_before" ]
	stop TERM 0
}

@test "a closed or full stdout of --help and --version is status 1" {
	for option in --help -h --version -V; do
		for out in '>&-' '>/dev/full' '<&- >&-'; do
			run -1 --separate-stderr sh -c "\"\$0\" $option $out" "$ESPDECAP"
			[[ "$stderr" == "espdecap: standard output: "* ]]
			[ "${#stderr_lines[@]}" = 1 ]
		done
	done
}

@test "it is static and, made with musl, at most 40 KiB on disk when stripped, and 64 KiB resident" {
	[ -z "$SANITIZE" ] || skip "a sanitizer's build is dynamic and large"
	need file
	strip -o "$BATS_TEST_TMPDIR/stripped" "$ESPDECAP"   # as make install-strip installs it
	run -0 file -b "$BATS_TEST_TMPDIR/stripped"
	[[ "$output" == *"statically linked, stripped"* || "$output" == *"static-pie linked"*stripped ]]
	[[ "$output" != *static-pie* ]] || skip "made with glibc: static-pie, and its size is glibc's"
	size=$(wc -c <"$BATS_TEST_TMPDIR/stripped")
	start env -i "$ESPDECAP" -i 1 "$PORT" 127.0.0.1 9   # its own pages, not the caller's environment
	until_true [ -r /proc/"$PID"/smaps_rollup ]
	resident=$(awk '/^Rss:/ { print $2 }' /proc/"$PID"/smaps_rollup)   # VmRSS is only roughly kept
	stop TERM 0
	PID=$(env -i "$ESPDECAP" -d -i 1 "$PORT" 127.0.0.1 9 2>"$SAID" 3>&-)
	sleep 0.2
	behind=$(awk '/^Rss:/ { print $2 }' /proc/"$PID"/smaps_rollup)
	gone
	echo "$size bytes, $resident KiB resident, $behind in the background"
	[ "$size" -le 40960 ]
	[ "$resident" -le 64 ]
	[ "$behind" -le 64 ]
}

@test "keepalives: to all at once, every second for ten seconds, then spread over the interval" {
	[ -n "$RHYTHM" ] || skip "needs strace"
	for try in {1..160}; do
		[ "$(wc -l <"$RHYTHM")" -lt 26 ] || break
		sleep 0.1
	done
	# 2 peers, -i 1: both at 0, 1, ... 10 s, then the first at 10.5, 11.5, ..., the second at 11, 12, ...
	awk '{
		match($0, /127\.0\.0\.[12]/); peer = substr($0, RSTART + 8, 1)
		if (NR == 1) start = $1
		want = NR <= 22 ? int((NR - 1) / 2) : 10 + (NR - 22) / 2
		to = NR % 2 ? 1 : 2
		late = $1 - start - want
		printf "%2d: to %d (want %d), %.4f s late\n", NR, peer, to, late
		if (peer != to || late < -0.01 || late > 0.95 || !/"\\377", 1,/) bad = 1
		if (late > 0.4) slow++ # a machine that is busy, once or twice
	} END { exit bad || slow > 4 || NR < 25 }' "$RHYTHM"
}
