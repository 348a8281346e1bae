# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Former defects, so that they do not come back.
# Run in the lab: tests/lab/run bats tests/lab/defects.bats
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" up --sites --ipv6
}
teardown_file() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	"$net" down
}
setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	shell=sh
	SITES=("$A+10.1.0.0/24" "$B+10.2.0.0/24")
}
teardown() {
	rm -f "$BATS_TEST_TMPDIR/bin/ip"
	for side in a b; do
		! compgen -G "$XFRMPAIR_RUN/$side.*" >/dev/null || script $side down --all >/dev/null 2>&1 || :
	done
	# whatever a test that failed left: the next one is to fail by itself
	pkill -x natprobe || :
	pkill -x espdecap || :
	on a sh -c 'ip xfrm state flush; ip xfrm policy flush; nft flush ruleset; echo 1 >/proc/sys/net/ipv4/ip_forward'
	rm -rf "$XFRMPAIR_RUN"
}

# sh_a WORD...: a's script as it is; up waits for the other
sh_a() { on a sh "$BATS_TEST_TMPDIR/a.sh" "$@"; }
# with WORD... : a's script with the fake ip (and whatever lies beside it) in front of PATH
with() { on a env PATH="$BATS_TEST_TMPDIR/bin:$PATH" sh "$BATS_TEST_TMPDIR/a.sh" "$@"; }
# kernel: what a tunnel changes on a
kernel() {
	ip_lists a
	pgrep -x espdecap || :
	ls -A "$XFRMPAIR_RUN" 2>/dev/null || :
}
before() { kernel >"$BATS_TEST_TMPDIR/before"; }
as_before() { kernel | diff "$BATS_TEST_TMPDIR/before" -; }
states() { on a ip xfrm state list nokeys | grep -c '^src' || :; }
policies() { on a ip xfrm policy list | grep -c '^src' || :; }
# whole: a's tunnel of two hosts is in the kernel, all of it
whole() { [ "$(states)" -ge 3 ] && [ "$(states)" = "$(grep -c '^xfrm state add ' "$XFRMPAIR_STATE/$(fact store)")" ] && [ "$(policies)" = 3 ]; }
# fact NAME: of a's script
fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$BATS_TEST_TMPDIR/a.sh" | head -n 1; }
# running NAME: waits until a program of that name runs
running() {
	for _ in $(seq 100); do
		pgrep -x "$1" >/dev/null && return
		sleep 0.1
	done
	return 1
}
# fake_force CODE: an ip for `with` that runs CODE first, with what a batch says in $batch
fake_force() {
	fake_ip "$1"
	sed -i 's/^"-batch -")/"-batch -" | "-force -batch -")/; s/ -batch - ;;/ "$@" ;;/' "$BATS_TEST_TMPDIR/bin/ip"
}
# in_the_clear NET: how many packets to or from NET the capture of na's LAN has
in_the_clear() { tcpdump -n -r "$BATS_TEST_TMPDIR/wire" "net $1" 2>/dev/null | wc -l; }

# ---- two at once ---------------------------------------------------------------------------------------------------

@test "of two simultaneous ups, one sets the tunnel up and the other leaves it alone" {
	generate "$A" "$B"
	fake_ip 'sleep 0.4'
	for n in 1 2; do
		{
			status=0
			with up --no-punch >"$BATS_TEST_TMPDIR/said.$n" 2>&1 3>&- || status=$?
			echo $status >"$BATS_TEST_TMPDIR/status.$n"
		} &
	done
	wait
	cat "$BATS_TEST_TMPDIR"/said.?
	[ "$(sort "$BATS_TEST_TMPDIR"/status.?)" = "0
1" ]
	grep -qx 'a: already up' "$BATS_TEST_TMPDIR"/said.?
	whole
	[ "$(pgrep -xc espdecap)" = 1 ]
}

@test "two simultaneous downs both exit with 0, and nothing is left" {
	generate "$A" "$B"
	before
	script a up
	fake_ip 'sleep 0.3' 'sleep 0.1'
	for n in 1 2; do
		{
			status=0
			with down >"$BATS_TEST_TMPDIR/said.$n" 2>&1 3>&- || status=$?
			echo $status >"$BATS_TEST_TMPDIR/status.$n"
		} &
	done
	wait
	cat "$BATS_TEST_TMPDIR"/said.?
	[ "$(cat "$BATS_TEST_TMPDIR"/status.?)" = "0
0" ]
	as_before
}

@test "up while down runs either succeeds completely, or is refused and leaves nothing" {
	generate "$A" "$B"
	before
	script a up
	fake_ip 'sleep 0.5' 'sleep 0.2'
	with down >"$BATS_TEST_TMPDIR/down" 2>&1 3>&- &
	sleep 0.7
	run sh_a up --no-punch 3>&-
	wait $!
	cat "$BATS_TEST_TMPDIR/down"
	if [ "$status" -eq 0 ]; then
		whole
		[ "$(pgrep -xc espdecap)" = 1 ]
	else
		[ "$status" -eq 1 ]
		as_before
	fi
}

@test "down while up waits for the other side ends that up and removes what it added" {
	generate "$A" "$B"
	before
	sh_a up --wait 30 >"$BATS_TEST_TMPDIR/up" 2>&1 3>&- &
	running natprobe
	run sh_a up --wait 1
	[ "$status" -eq 1 ]
	[[ "$output" =~ ^"xfrmkeep: $XFRMPAIR_RUN/a."[0-9a-f]+": process "[0-9]+" is changing this tunnel"$ ]]
	run script a down
	[ "$status" -eq 0 ]
	run wait $!
	[ "$status" -ne 0 ]
	run -1 pgrep -x natprobe
	as_before
}

# ---- half a tunnel is not up ---------------------------------------------------------------------------------------

@test "up puts back what other tools deleted, and reports it; if nothing is missing it is refused" {
	generate "$A" "$B"
	both_up
	# as a daemon that stops
	on a ip xfrm policy flush
	on a ip xfrm state flush
	run -0 script a up
	[ "$output" = "put back: 3 SAs of b
put back: 3 policies of b" ]
	whole
	answers a 192.168.1.4 192.168.2.100
	run -0 script a status
	# one is wanting
	on a ip xfrm policy delete src 192.168.1.4/32 dst 192.168.2.100/32 dir out
	run -0 script a up
	[ "$output" = "put back: 1 policy of b" ]
	whole
	run -1 script a up
	[ "$output" = "a: already up" ]
}

@test "up puts back routes that were lost when a link went down" {
	generate "${SITES[@]}"
	before
	script a up
	on a ip route show 10.2.0.0/24 | grep -q mtu
	on a ip link set eth0 down
	on a ip link set eth0 up
	on a ip route add default via 192.168.1.1
	on a ip address add 2001:db8:1::4/64 dev eth0 nodad
	on a ip address add fe80::4/64 dev eth0 nodad
	on a ip -6 route add default via 2001:db8:1::1
	[ -z "$(on a ip route show 10.2.0.0/24)" ]
	run -0 script a up
	[[ "$output" == "put back: route to 10.2.0.0/24"* || "$output" == "put back: route 10.2.0.0/24 dev eth0"* ]]
	on a ip route show 10.2.0.0/24 | grep -q ' proto [0-9]* src 10.1.0.1 onlink mtu 1438'
	script a down
	[ -z "$(
		on a ip route show 10.2.0.0/24
		on a ip xfrm state
		on a ip xfrm policy
	)" ]
}

@test "an up that cannot start a dead espdecap again leaves the tunnel as it is" {
	generate "$A" "$B"
	script a up
	pkill -KILL -x espdecap
	printf '#!/bin/sh\necho no such luck >&2\nexit 1\n' >"$BATS_TEST_TMPDIR/broken"
	chmod +x "$BATS_TEST_TMPDIR/broken"
	run on a env ESPDECAP="$BATS_TEST_TMPDIR/broken" sh "$BATS_TEST_TMPDIR/a.sh" up --no-punch
	[ "$status" -eq 1 ]
	[[ "$output" == *"no such luck"* ]]
	whole
	run script a status
	[ "$status" -eq 1 ]
	[[ "$output" == *espdecap* ]]
	script a up
	whole
	pgrep -x espdecap
}

# ---- signals and what a caller hands down --------------------------------------------------------------------------

@test "an up whose reader exits leaves nothing" {
	generate "$A" "$B"
	before
	bash -c '{ sleep 0.5; "$0" exec a env --default-signal sh "$1/a.sh" up --no-punch 2>&1 3>&-; echo $? >"$1/status"; } | true' "$net" "$BATS_TEST_TMPDIR"
	[ "$(cat "$BATS_TEST_TMPDIR/status")" -ne 0 ]
	as_before
}

@test "TERM to the script ends it and its natprobe at once" {
	generate "$A" "$B"
	before
	sh_a up --wait 30 >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	running natprobe
	sleep 0.5
	[ "$(ps -o uid= -C natprobe | tr -d ' ')" = 65534 ]
	kill -TERM "$(pgrep -o -f "^[^ ]*xfrmkeep up $BATS_TEST_TMPDIR/a.sh")"
	SECONDS=0
	run wait $!
	[ "$SECONDS" -le 4 ]
	[ "$status" -ne 0 ]
	run -1 pgrep -x natprobe
	as_before
}

@test "sh -e and sh -C behave like sh" {
	generate "$A" "$B"
	for option in -e -C; do
		run on a sh $option "$BATS_TEST_TMPDIR/a.sh" up --no-punch
		[ "$status" -eq 0 ]
		whole
		run on a sh $option "$BATS_TEST_TMPDIR/a.sh" down
		[ "$status" -eq 0 ]
		[ "$(states)$(policies)" = 00 ]
	done
}

@test "espdecap keeps no descriptor, folder or session of up's caller" {
	generate "$A" "$B"
	mkdir "$BATS_TEST_TMPDIR/start"
	run timeout 15 bash -c 'cd "$1/start" && exec 9>"$1/lock" && "$0" exec a sh ../a.sh up --no-punch 3>&1 | cat' "$net" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	helper=$(pgrep -x espdecap)
	run -1 grep -q . <(on a find "/proc/$helper/fd" -lname "$BATS_TEST_TMPDIR*" -o -lname 'pipe:*')
	[ "$(readlink "/proc/$helper/cwd")" = / ]
	[ "$(ps -o sid= -p "$helper" | tr -d ' ')" != "$(ps -o sid= -p $$ | tr -d ' ')" ]
	whole
}

# ---- state that cannot be trusted or written -----------------------------------------------------------------------

@test "without the run folder, up is refused with advice, and down removes what it can" {
	generate "$A" "$B"
	before
	script a up
	rm -r "$XFRMPAIR_RUN/$(fact store)"
	run -1 script a up
	[ "$output" = "a: taken: another tool, or an up not recorded in $XFRMPAIR_RUN/$(fact store), has an index or reqid of this script: see ip -s xfrm policy; sh $BATS_TEST_TMPDIR/a.sh down removes what has them" ]
	run -0 script a down
	[ "$(states)$(policies)" = 00 ]
	pkill -x espdecap # which nobody knows any more
	until ! pgrep -x espdecap; do sleep 0.1; done
	as_before
}

@test "with empty or torn files in the run folder, down removes what it can" {
	generate "$A" "$B"
	for torn in '' 1 x$'\n'y; do
		for file in espdecap hole; do
			script a up
			printf %s "$torn" >"$XFRMPAIR_RUN/$(fact store)/$file"
			run -0 script a down
			[ "$(states)$(policies)" = 00 ]
			[ -z "$(ls -A "$XFRMPAIR_RUN")" ]
			pkill -x espdecap || [ $file != espdecap ]
			until ! pgrep -x espdecap; do sleep 0.1; done
		done
	done
}

@test "after a killed up, the next up completes it, and down removes it" {
	generate "$A" "$B"
	before
	for next in up down; do
		fake_ip "case \$batch in *'policy add'*) pkill -KILL -f $BATS_TEST_TMPDIR/a.sh; exit 1;; esac"
		run -137 with up --no-punch
		rm "$BATS_TEST_TMPDIR/bin/ip"
		[ "$(states)" != 0 ]
		[ "$(policies)" = 0 ]
		run script a status
		echo "$output"
		[ "$status" -eq 1 ]
		if [ $next = up ]; then
			run script a up
			echo "$output"
			[ "$status" -eq 0 ]
			[[ "$output" == "put back: 3 policies of b
put back: espdecap "* ]]
			whole
			pgrep -x espdecap
		fi
		run -0 script a down
		as_before
	done
}

@test "if state cannot be written, up exits with 1 and changes nothing" {
	generate "$A" "$B"
	before
	mkdir "$BATS_TEST_TMPDIR/run"
	export XFRMPAIR_RUN=$BATS_TEST_TMPDIR/run/xfrmpair
	mkdir "$XFRMPAIR_RUN"
	for options in ro size=4k nr_inodes=3 nr_inodes=4; do
		mount -t tmpfs -o $options tmpfs "$XFRMPAIR_RUN"
		[ $options != size=4k ] || cat /dev/zero >"$XFRMPAIR_RUN/full" 2>/dev/null || :
		run script a up
		echo "$options: $output"
		if [ "$status" -eq 0 ]; then # it was enough: then all is there, and goes
			whole
			run script a down
			[ "$status" -eq 0 ]
		else
			[ "$status" -eq 1 ]
		fi
		rm -f "$XFRMPAIR_RUN/full"
		[ "$(states)$(policies)" = 00 ]
		run -1 pgrep -x espdecap
		umount "$XFRMPAIR_RUN"
	done
	# with an address and a route, too
	generate --inner 10.99.0.0/24 "${SITES[@]}"
	for inodes in 4; do
		mount -t tmpfs -o nr_inodes=$inodes tmpfs "$XFRMPAIR_RUN"
		run script a up
		[ "$status" -ne 0 ] || script a down
		[ "$status" -le 1 ]
		umount "$XFRMPAIR_RUN"
		[ -z "$(
			on a ip xfrm state
			on a ip xfrm policy
			on a ip route show 10.2.0.0/24
			on a ip -o address show to 10.99.0.1
		)" ]
	done
}

@test "down reports what it cannot undo with status 1, and the next down tries again" {
	generate --inner 10.99.0.0/24 "${SITES[@]}"
	before
	script a up
	# no list for once
	fake_ip : "case \$* in *'xfrm policy list'*) exit 1 ;; esac"
	run with down
	if [ "$status" -eq 0 ]; then [ "$(policies)" = 0 ]; else [ "$status" -eq 1 ]; fi
	rm "$BATS_TEST_TMPDIR/bin/ip"
	run -0 script a down
	as_before

	generate "${SITES[@]}"
	for refused in 'route delete' 'policy delete' 'state delete'; do
		script a up
		fake_force "case \$batch in *'$refused'*) echo 'RTNETLINK answers: Device or resource busy' >&2; exit 2 ;; esac"
		run -1 with down
		echo "$output"
		[[ "$output" == *"a: cannot remove everything: "* ]]
		[[ "$output" != *"a: down"* ]]
		rm "$BATS_TEST_TMPDIR/bin/ip"
		run -0 script a down
		[ "${lines[-1]}" = "a: down" ]
		as_before
	done
}

@test "down removes the rest if an object is already missing" {
	generate "$A" "$B"
	before
	script a up
	on a ip xfrm policy delete src 192.168.1.4/32 dst 192.168.2.100/32 dir out
	# and one between looking and deleting
	fake_ip "$(command -v ip) xfrm policy delete src 192.168.2.100/32 dst 192.168.1.4/32 dir in 2>/dev/null"
	run with down
	[ "$status" -eq 0 ]
	as_before
}

# ---- runs ----------------------------------------------------------------------------------------------------------

@test "up without a received packet exits with 4, as does status until one arrives; with --no-punch up exits with 0" {
	generate "$A" "$B"
	run sh_a up --wait 1
	[ "$status" -eq 4 ]
	echo "$output"
	grep -q "^a: set up, but no packet received from b in 1 s: .*?$" <<<"$output"
	[[ "$output" == *"
b: "* ]] # and what check says of it
	whole
	run script a status
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "${lines[0]}" =~ ^"a: up, digest $(fact digest), espdecap alive (pid "[0-9]+"); nothing received from b yet"$ ]]
	script a down
	run script a up
	[ "$status" -eq 0 ]
	run script a status
	[ "$status" -eq 4 ]
	script b up
	answers b 192.168.2.100 192.168.1.4
	run script a status
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^"a: up, digest "[0-9a-f]{8}", espdecap alive (pid "[0-9]+\)$ ]]
}

@test "scripts of different runs wait until the end, because anyone can send such packets, and then report them" {
	generate "$A" "$B"
	before
	mv "$BATS_TEST_TMPDIR/b.sh" "$BATS_TEST_TMPDIR/keep"
	generate "$A" "$B"
	mv "$BATS_TEST_TMPDIR/keep" "$BATS_TEST_TMPDIR/b.sh"
	digest=$(sed -n 's/^digest=\([0-9a-f]*\).*/\1/p' "$BATS_TEST_TMPDIR/b.sh")
	{
		status=0
		sh_a up --wait 6 >"$BATS_TEST_TMPDIR/said.a" 2>&1 3>&- || status=$?
		echo $status >"$BATS_TEST_TMPDIR/status.a"
	} &
	running natprobe
	run -4 on b sh "$BATS_TEST_TMPDIR/b.sh" up --wait 6
	wait $!
	cat "$BATS_TEST_TMPDIR/said.a"
	[[ "$output" == *"b: set up, but no packet received from a in 6 s: packets with another token arrive: is the script of a of another run? If its digest is not $digest, make both scripts again, from the same endpoint strings and options"* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/status.a")" = 4 ]
	script a down
	script b down
	as_before
}

@test "packets of another run's tunnel do not count as received" {
	generate "$A" "$B"
	script a up
	mv "$BATS_TEST_TMPDIR/a.sh" "$BATS_TEST_TMPDIR/first.sh"
	generate "$A" "$B"
	mv "$BATS_TEST_TMPDIR/first.sh" "$BATS_TEST_TMPDIR/a.sh"
	on a ping -q -i 0.5 -c 30 -I 192.168.1.4 192.168.2.100 >/dev/null 2>&1 3>&- &
	run on b sh "$BATS_TEST_TMPDIR/b.sh" up --wait 4
	pkill -x ping
	[[ "$output" != *"packets from a arrive"* ]]
	[ "$status" -eq 2 ] || [ "$status" -eq 4 ]
}

# ---- what is said and what is given --------------------------------------------------------------------------------

@test "-n up also prints interface, addresses, routes, tables and forwarding, and changes nothing" {
	generate --inner 10.99.0.0/24 --interface ipsec0 --clamp "${SITES[@]}"
	on a sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	before
	run script a -n up --no-punch --forward --nat-exempt
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"xfrm policy add"* ]]
	[[ "$output" == *"xfrm state add"* ]]
	[[ "$output" == *"ip link add name ipsec0 group "*" type xfrm if_id 0x"* ]]
	[[ "$output" == *"ip address add 10.99.0.1/"*"dev ipsec0"* ]]
	[[ "$output" == *"ip route add 10.2.0.0/24 dev ipsec0 src 10."*"mtu 1438"* ]]
	[[ "$output" == *"maxseg size set"* ]]
	[[ "$output" == *"rt ipsec exists snat"* ]]
	[[ "$output" == */proc/sys/net/ipv4/ip_forward* ]]
	[[ "$output" == *espdecap* ]]
	[ "$(on a cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
	on a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	as_before
}

@test "--local accepts an address in any spelling; anything else is status 2" {
	generate '[2001:db8:1::4]:4500' '[2001:db8:2::100]:4501'
	before
	run script a up --local 2001:DB8:1:0:0::4
	[ "$status" -eq 0 ]
	on a ip xfrm policy list | grep -q 'src 2001:db8:1::4/128'
	run script a down
	[ "$status" -eq 0 ]
	as_before
	generate "$A" "$B"
	for wrong in 192.168.1.010 192.168.1.0/24 192.168.1 x $'x\nreboot' ''; do
		run script a up --local "$wrong"
		[ "$status" -eq 2 ]
		run script a -n up --local "$wrong"
		[ "$status" -eq 2 ]
		[[ "$output" != *"ip reboot"* ]]
	done
	run -1 script a up --local 203.0.113.5 --wait 1
	as_before
}

@test "--wait accepts 1 to 9999, and is checked before anything is changed" {
	generate "$A" "$B"
	for wrong in 0 05 10000 1x ''; do
		run sh_a up --wait "$wrong"
		[ "$status" -eq 2 ]
		[[ "$output" != *"waiting for"* ]]
		[ "$output" = "a: --wait '$wrong': not a time (expected 1 to 9999 seconds)" ]
	done
}

@test "a NATPROBE that crashes or prints nothing gives status 1 and a message" {
	generate "$A" "$B"
	before
	for code in 'kill -SEGV $$' 'exit 0' 'exit 77'; do
		printf '#!/bin/sh\n%s\n' "$code" >"$BATS_TEST_TMPDIR/probe"
		chmod +x "$BATS_TEST_TMPDIR/probe"
		run on a env NATPROBE="$BATS_TEST_TMPDIR/probe" sh "$BATS_TEST_TMPDIR/a.sh" up
		[ "$status" -eq 1 ]
		[[ "$output" == *"a: natprobe found nothing and gave no reason (status "* ]]
		as_before
	done
}

@test "a folder named espdecap is not used as the helper, and a helper on a noexec mount is reported" {
	generate "$A" "$B"
	mkdir "$BATS_TEST_TMPDIR/espdecap"
	run script a up
	[ "$status" -eq 0 ]
	script a down
	rmdir "$BATS_TEST_TMPDIR/espdecap"
	mkdir "$BATS_TEST_TMPDIR/stick"
	mount -t tmpfs -o noexec tmpfs "$BATS_TEST_TMPDIR/stick"
	cp "$BATS_TEST_TMPDIR/a.sh" "$BUILD/espdecap" "$BATS_TEST_TMPDIR/stick"
	run on a env PATH=/usr/sbin:/usr/bin:/sbin:/bin XFRMKEEP="$BUILD/xfrmkeep" sh "$BATS_TEST_TMPDIR/stick/a.sh" up --no-punch
	umount "$BATS_TEST_TMPDIR/stick"
	[ "$status" -eq 1 ]
	echo "$output"
	[[ "$output" == *"a: no espdecap to run: copy it beside $BATS_TEST_TMPDIR/stick/a.sh or into \$PATH, and chmod +x it (or is its file system mounted noexec?)"* ]]
	[ "$(states)$(policies)" = 00 ]
}

# ---- kernels and ips that lack something ---------------------------------------------------------------------------

@test "an ip that cannot delete an interface's policies is status 5, before anything is changed" {
	generate --inner 10.99.0.0/24 --interface ipsec0 "$A" "$B"
	before
	for version in 5.7.0 4.20.0 ss200127; do
		fake_ip : "case \$* in -V) echo 'ip utility, iproute2-$version'; exit ;; esac"
		run -5 with up --no-punch
		[[ "$output" == "a: this ip cannot delete the policies of an interface (expected iproute2 5.8 or later)"* ]]
		[ "$(policies)" = 0 ]
	done
	rm "$BATS_TEST_TMPDIR/bin/ip"
	as_before
}

@test "another tool's SA with SPI 0x100 does not conflict" {
	generate "$A" "$B"
	for ends in '192.168.1.4 dst 192.168.1.4' '203.0.113.9 dst 192.168.1.4'; do
		# shellcheck disable=SC2086
		on a ip xfrm state add src $ends proto esp spi 0x100 reqid 16 mode tunnel aead 'rfc4106(gcm(aes))' "0x$(printf %040d 1)" 128
		run script a up
		on a ip xfrm state delete src $ends proto esp spi 0x100
		[ "$status" -eq 0 ]
		script a down
	done
}

# ---- routes and forwarding -----------------------------------------------------------------------------------------

@test "with all traffic through the other side, a single host still reaches its own links in clear text" {
	generate "$A" "$B+0.0.0.0/0"
	before
	script a up
	answers a 192.168.1.4 192.168.1.1
	answers a 192.168.1.4 10.1.0.10
	# the control: all else waits for the tunnel
	silent a 192.168.1.4 198.51.100.1
	script a down
	as_before
}

@test "without a default route, up continues with a warning, and a second up adds what was missing" {
	generate "${SITES[@]}"
	before
	on a ip route delete default
	run script a up --wait 1
	on a ip route add default via 192.168.1.1
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "a: waiting up to 1 s for the address 192.168.1.4 and a route to 31.1.2.3" ]
	[ "${lines[1]}" = "a: warning: no route to 31.1.2.3: no packet can be sent until there is one" ]
	[ "$(states)" = 3 ]
	run -0 script a up
	[[ "$output" == *"put back: route "* ]]
	on a ip route show 10.2.0.0/24 | grep -q ' proto [0-9]* src 10.1.0.1 onlink mtu 1438'
	script a down
	as_before
}

@test "IPv6 sites and ::/0 come up, over IPv4 and over IPv6, with no loopback address in a route" {
	before
	for nets in "$A+::/0 $B+2001:db8:a2::/64" '[2001:db8:1::4]:4500+::/0 [2001:db8:2::100]:4501+2001:db8:a2::/64' \
		'[2001:db8:1::4]:4500+2001:db8:77::/48 [2001:db8:2::100]:4501+2001:db8:88::/48'; do
		# shellcheck disable=SC2086
		generate $nets
		run script a up
		[ "$status" -eq 0 ]
		[[ "$output" != *"src ::1"* ]]
		script a down
	done
	as_before
}

@test "with two tunnels with --forward, the last down restores every device's settings" {
	generate "${SITES[@]}"
	mkdir "$BATS_TEST_TMPDIR/second"
	xfrmpair -o "$BATS_TEST_TMPDIR/second" c=192.168.1.4:5001@85.9.8.7+10.1.0.0/24 d=192.168.2.100:5001@31.1.2.3+10.12.0.0/24
	on a sh -c 'cd /proc/sys/net/ipv4; echo 0 >ip_forward; echo 1 >conf/site/forwarding; echo 0 >conf/eth0/accept_redirects; echo 1 >conf/all/accept_redirects'
	settings() { on a sh -c 'cd /proc/sys/net/ipv4; grep . ip_forward conf/*/forwarding conf/*/*_redirects'; }
	settings >"$BATS_TEST_TMPDIR/settings"
	for order in 'a.sh second/c.sh' 'second/c.sh a.sh'; do
		for each in a.sh second/c.sh; do on a sh "$BATS_TEST_TMPDIR/$each" up --no-punch --forward; done
		[ "$(on a cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
		on a sh "$BATS_TEST_TMPDIR/${order% *}" down
		[ "$(on a cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
		[ "$(on a cat /proc/sys/net/ipv4/conf/eth0/forwarding)" = 1 ]
		on a sh "$BATS_TEST_TMPDIR/${order#* }" down
		settings | diff "$BATS_TEST_TMPDIR/settings" -
	done
	on a sh -c 'cd /proc/sys/net/ipv4; echo 1 >ip_forward'
}

@test "a one-armed gateway warns about its redirects, and up --forward disables them until down" {
	export LAB_PREFIX=l-
	"$net" up --lan --sides 3
	xfrmpair -o "$BATS_TEST_TMPDIR/arm" a=192.168.1.4:61525@85.9.8.7+192.168.1.0/24 c=192.168.3.4:4500@77.3.4.5
	on a sh -c 'cd /proc/sys/net/ipv4; echo 1 >ip_forward; echo 1 >conf/eth0/send_redirects; echo 1 >conf/all/send_redirects'
	on b ip route add 192.168.3.4/32 via 192.168.1.4
	run on a sh "$BATS_TEST_TMPDIR/arm/a.sh" up --no-punch
	[ "$status" -eq 0 ]
	[[ "$output" == *"a: warning: 192.168.1.0/24 is on eth0, the outer link: ICMP redirects will make its hosts bypass the tunnel, in clear text; up --forward disables /proc/sys/net/ipv4/conf/"*"/send_redirects, and down restores it"* ]]
	on a sh "$BATS_TEST_TMPDIR/arm/a.sh" down
	settings() { on a sh -c 'cd /proc/sys/net/ipv4; grep . ip_forward conf/*/forwarding conf/*/*_redirects'; }
	settings >"$BATS_TEST_TMPDIR/settings"
	on a sh "$BATS_TEST_TMPDIR/arm/a.sh" up --no-punch --forward
	on c sh "$BATS_TEST_TMPDIR/arm/c.sh" up --no-punch
	capture na wan "$BATS_TEST_TMPDIR/wire" icmp
	on b ping -q -c 8 -i 0.2 -W 2 192.168.3.4
	on c ping -q -c 8 -i 0.2 -W 2 -I 192.168.3.4 192.168.1.100
	captured
	[ "$(in_the_clear 192.168.0.0/16)" = 0 ]
	on a sh "$BATS_TEST_TMPDIR/arm/a.sh" down
	on c sh "$BATS_TEST_TMPDIR/arm/c.sh" down
	settings | diff "$BATS_TEST_TMPDIR/settings" -
	"$net" down
}

# ---- the guard ------------------------------------------------------------------------------------------------

@test "with a guard, packets from or through this host reach the other net only through the tunnel" {
	generate --guard "${SITES[@]}"
	before
	both_up
	capture na lan "$BATS_TEST_TMPDIR/wire" icmp
	try_all() {
		for from in 192.168.1.4 10.1.0.1; do on a ping -q -c 2 -i 0.2 -W 0.3 -I $from 10.2.0.10 || :; done
		on a ping -q -c 2 -i 0.2 -W 0.3 10.2.0.10 || :
		on ha ping -q -c 2 -i 0.2 -W 0.3 10.2.0.10 || :
	}
	on ha ping -q -c 2 -i 0.2 -W 2 10.2.0.10
	# the route is lost
	on a ip route delete 10.2.0.0/24 src 10.1.0.1 mtu 1438 2>/dev/null || on a ip route delete 10.2.0.0/24
	try_all
	script a down
	try_all
	captured
	[ "$(in_the_clear 10.0.0.0/8)" = 0 ]
	run script a down --all
	[ "$status" -eq 0 ]
	[[ "$output" != *yes* ]]
	script b down --all
	as_before
	# the control: unguarded, the words leave as they are
	capture na lan "$BATS_TEST_TMPDIR/wire" icmp
	try_all
	captured
	[ "$(in_the_clear 10.0.0.0/8)" != 0 ]
}
