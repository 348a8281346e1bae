# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Unattended boot: what up waits for, the process that holds the socket, systemd's units, the rc script and the cron line.
# A fake ip leaves SAs out, so kernels without ESP suffice. Most tests need root, for a network namespace of their own.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH BOOT=$PWD/examples/boot
	ESPDECAP_BUILT=$(command -v espdecap)
	export ESPDECAP_BUILT
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	source "$BATS_TEST_DIRNAME/host.bash"
	in_an_own_place
	mkdir bin host
	export HOST=$PWD/host XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state PATH=$PWD/bin:$PATH
	printf '#!/bin/sh\necho "natprobe $*" >>%s/ran\nexit 4\n' "$HOST" >bin/natprobe
	printf '#!/bin/sh\necho "espdecap $*" >>%s/ran\nexec %s "$@"\n' "$HOST" "$ESPDECAP_BUILT" >bin/espdecap
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nexec cat >>"$HOST/log"\n' >bin/logger
	chmod +x bin/*
	tunnels
}
tunnels() { # fresh ones
	rm -rf t plain run state
	xfrmpair -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	xfrmpair -o plain 192.168.1.4 198.51.100.7 2>/dev/null
	run=run/$(fact store t/a.sh) state=state/$(fact store t/a.sh)
}
teardown() { # whoever has our $HOST in his environment, and bats has not
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 20 host/log 2>/dev/null || : # what a service said before it failed
	[ ! -e boot.pid ] || stop_systemd
	for process in $(grep -lzxs "HOST=$HOST" /proc/[0-9]*/environ); do
		process=${process#/proc/} process=${process%/environ}
		[ "$process" = $$ ] || kill "$process" 2>/dev/null || :
	done
	leave_host
}
# in_shells COMMAND SHELL...: two of the four for a test that takes seconds, where the next has the other two
in_shells() {
	local command=$1
	shift
	for shell; do
		echo "$shell:"
		$command
		rm -rf said batches host/ran host/log
		tunnels
	done
}
# does STATUS COMMAND...: on the host; leaves what it says in output
does() {
	run "-$1" on_host "${@:2}"
	echo "$output"
}
policies() { ip -n "$space" xfrm policy list | grep -c '^src'; }
up0_off() { ip -n "$space" address delete 192.168.1.4/32 dev up0; } # and with the last address its routes
address_on() { ip -n "$space" address add 192.168.1.4/32 dev up0; }
route_on() { ip -n "$space" route add default via 192.168.1.1 dev up0 onlink; }

# ---- up ------------------------------------------------------------------------------------------------------------

@test "up waits for an address and a route, prints that once, and continues when they exist" {
	in_a_host
	up0_off
	on_host sh t/a.sh up --no-punch --wait 40 2>said 3>&- &
	until_true grep -q waiting said
	same "$(cat said)" 'a: waiting up to 40 s for the address 192.168.1.4 and a route to 31.1.2.3'
	address_on
	sleep 1.5
	[ ! -e batches ]
	[ ! -e host/ran ]
	route_on
	wait $!
	same "$(grep -c waiting said)" 1
	same "$(policies)" 3
	does 0 sh t/a.sh down
}

not_here="is not an address of this host: is this the script of another side? (expected --local ADDRESS if the address has changed; new scripts with LOCAL@MAPPED if it is the public address)"
@test "up waits no longer than it announces, and then prints what is wrong" {
	in_a_host
	up0_off
	for script in t/a.sh plain/a.sh; do
		begun=$SECONDS
		does 1 sh $script up --wait 2
		[ $((SECONDS - begun)) -le 20 ]
		[[ "${lines[0]}" == 'a: waiting up to 2 s for the address 192.168.1.4 and a route to '* ]]
		same "${lines[1]}" "a: 192.168.1.4 $not_here"
		same "$(ls -A run)" ''
	done
	# with the address there, and still no route, it goes on
	address_on
	does 0 sh t/a.sh up --no-punch --wait 1
	same "${lines[0]}" 'a: waiting up to 1 s for the address 192.168.1.4 and a route to 31.1.2.3'
	same "${lines[1]}" 'a: warning: no route to 31.1.2.3: no packet can be sent until there is one'
	same "$(policies)" 3
}

@test "on a host with a route, up does not wait for the address, because it may be another side's script" {
	in_a_host
	ip -n "$space" address add 192.168.1.5/32 dev up0
	up0_off
	begun=$SECONDS
	does 1 sh t/a.sh up
	[ $((SECONDS - begun)) -le 20 ]
	same "${lines[0]}" "a: 192.168.1.4 $not_here"
	same "$(ls -A run)" ''
}

@test "up waits until duplicate address detection of IPv6 has finished" {
	in_a_host
	xfrmpair -o six '[2001:db8::4]:4500' '[2001:db8:ffff::9]:4500' 2>/dev/null
	on_host sh -c 'echo 3 >/proc/sys/net/ipv6/conf/up0/dad_transmits'
	ip -n "$space" address add 2001:db8::4/64 dev up0
	ip -n "$space" route add default via fe80::1 dev up0
	does 0 sh six/a.sh up --no-punch
	same "${lines[0]}" 'a: waiting up to 60 s for the address 2001:db8::4 and a route to 2001:db8:ffff::9'
	same "$(ip -n "$space" address show tentative to 2001:db8::4)" ''
}

@test "up waits for an unknown name, and then exits with 1, not 4, so that it is tried again" {
	in_a_host
	# shellcheck disable=SC2016
	printf '#!/bin/sh\n[ -e "$HOST/name" ] && echo 31.1.2.3 && exit; echo "natprobe: home.example.org: not found" >&2; exit 4\n' >bin/natprobe
	xfrmpair -o named 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@home.example.org 2>/dev/null
	does 1 sh named/a.sh up --no-punch --wait 1
	same "${lines[0]}" 'natprobe: home.example.org: not found'
	same "${lines[1]}" 'a: no address of home.example.org in 1 s'
	# what natprobe says of it is said once; and not a second longer than --wait
	begun=$SECONDS
	does 1 sh named/a.sh up --no-punch --wait 7
	[ $((SECONDS - begun)) -le $((8 * ${BUSY:-1})) ]
	same "$(head -n 3 <<<"$output")" 'natprobe: home.example.org: not found
a: waiting up to 7 s for the address of home.example.org
a: no address of home.example.org in 7 s'
	same "$(ls -A run)" ''
	: >host/name
	does 0 sh named/a.sh up --no-punch
}

@test "a helper beside the script that is not executable is reported, with chmod as the fix" {
	in_a_host
	cp bin/espdecap t/espdecap
	chmod 644 t/espdecap
	does 1 sh t/a.sh up --no-punch
	same "${lines[0]}" 'a: no espdecap to run: copy it beside t/a.sh or into $PATH, and chmod +x it (or is its file system mounted noexec?)'
	same "$(policies)" 0
	same "$(ls -A run)" ''
	# nor without xfrmkeep
	tunnels
	cp bin/espdecap t/espdecap
	chmod 644 t/espdecap
	for shell in dash 'busybox ash' bash mksh; do
		XFRMKEEP=/none does 1 $shell t/a.sh up --no-punch
		[[ "$output" == *"
a: no espdecap beside t/a.sh or in PATH
a: removing what up added" ]]
		same "$(policies)" 0
		same "$(ls -A run)" ''
	done
}

@test "for a usage error, the problem is printed before the usage" {
	for words in 'up --nonsense' 'up down' 'down --wrong' 'up x'; do
		for shell in dash 'busybox ash' bash mksh; do
			run -2 $shell t/a.sh $words
			[[ "${lines[0]}" == "a: '"*"': unknown (expected as follows)" ]]
			[[ "${lines[1]}" == 'usage: sh a.sh '* ]]
			same "${#lines[@]}" 2
		done
	done
	run -2 sh t/a.sh
	[[ "$output" == 'usage: sh a.sh '* ]]
	for words in '0' '' x 1x 12345; do
		run -2 sh t/a.sh up --wait "$words"
		same "$output" "a: --wait '$words': not a time (expected 1 to 9999 seconds)"
	done
	# what is no verb of the script is xfrmkeep's
	run -2 sh t/a.sh --nonsense
	same "${lines[0]}" "xfrmkeep: unknown option '--nonsense'"
	run -2 sh t/a.sh capture
	same "${lines[0]}" "xfrmkeep: wrong number of arguments for 'capture'"
	[ ! -e run ]
}

@test "up -n, down, status and an up that mends never wait" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	up0_off
	begun=$SECONDS
	does 0 sh t/a.sh -n up
	does 1 sh t/a.sh status
	does 0 sh t/a.sh up
	[[ "$output" == *"put back: "* ]]
	does 0 sh t/a.sh down
	[ $((SECONDS - begun)) -le 20 ]
}

@test "if up mends, its report goes to stderr, whether that is a file or a socket" {
	in_a_host
	does 0 sh t/a.sh up --no-helper
	echo before >log
	on_host sh t/a.sh up --no-helper 2>>log
	same "$(cat log)" "before
put back: 3 SAs of b"
	# as of a service, whose words go to the journal
	type python3 >/dev/null || skip "needs python3, for a socket"
	python3 - "$space" <<-'END' >said
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		subprocess.run(['nsenter', '--net=/run/netns/' + sys.argv[1], 'sh', 't/a.sh', 'up'], stderr=theirs, check=True)
		print(ours.recv(1000).decode(), end='')
	END
	same "$(cat said)" "put back: 3 SAs of b"
}

# ---- who holds the socket ------------------------------------------------------------------------------------------

@test "up --no-helper starts no espdecap and does not punch; status, up and down ignore a foreign one" {
	in_a_host
	does 0 sh t/a.sh up --no-helper
	[ ! -e host/ran ]
	same "$(cat "$run/espdecap")" none
	does 1 sh t/a.sh status
	[[ "$output" != *espdecap* ]]
	# what is there again, or was never gone, stays as it is: nobody's socket is looked for
	does 0 sh t/a.sh up
	does 0 sh t/a.sh up --no-helper
	same "$output" "put back: 3 SAs of b"
	[ ! -e host/ran ]
	does 0 sh t/a.sh down
	# the control: without it espdecap is started, and natprobe before
	does 4 sh t/a.sh up --wait 1
	same "$(sed 's/ .*//' host/ran | tr '\n' ' ')" 'natprobe espdecap '
	pid=$(<"$run/espdecap")
	# and is not forgotten by an up that has it
	does 0 sh t/a.sh up --no-helper
	same "$(cat "$run/espdecap")" "$pid"
	kill -0 "$pid"
	does 0 sh t/a.sh down
	until_true eval '! kill -0 $pid 2>/dev/null'
}

@test "up --no-helper works while another program holds the port" {
	in_a_host
	ln -sf "$(dirname "$ESPDECAP_BUILT")/natprobe" bin/natprobe # the real one
	nsenter --net="/run/netns/$space" "$ESPDECAP_BUILT" -b 192.168.1.4 4500 2>said 3>&- &
	until_true grep -q ready said
	does 0 sh t/a.sh up --no-helper
	same "$(policies)" 3
	kill -0 $!
	does 0 sh t/a.sh down
	kill -0 $!
	# the control: another program that has the port stops an up without --no-helper
	does 1 sh t/a.sh up --no-punch
	[[ "$output" == *"xfrmkeep: espdecap: did not start: espdecap: "*"4500"* ]]
	same "$(policies)" 0
	same "$(ls -A run)" ''
	does 1 sh t/a.sh up --wait 1
	[[ "$output" == *"natprobe: "*"4500"*"a: natprobe could not punch a hole (status "* ]]
	same "$(ls -A run)" ''
}

@test "-n up --no-helper prints everything but espdecap; a tunnel without espdecap refuses the option" {
	sh t/a.sh -n up >with
	sh t/a.sh -n up --no-helper >without
	diff with without >gone || :
	same "$(sed -n 's/^[<>] //p' gone)" "$(grep ^espdecap with)"
	same "$(wc -l <gone)" 2
	[[ "$(sh t/a.sh --help)" == *' [--no-helper]'* ]]
	[[ "$(sh plain/a.sh --help)" != *helper* ]]
	run -2 sh plain/a.sh up --no-helper
	same "${lines[0]}" "a: '--no-helper': unknown (expected as follows)"
}

@test "a stopped espdecap is ended by a move, which starts another one, and by down" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	stopped=$(<"$run/espdecap")
	kill -STOP "$stopped"
	does 0 timeout 30 sh t/a.sh update-peer 31.1.2.4:4501
	pid=$(<"$run/espdecap")
	[ "$pid" != "$stopped" ]
	until_true eval '! kill -0 $stopped 2>/dev/null'
	same "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$ESPDECAP_BUILT -d -u 65534 -b 192.168.1.4 4500 31.1.2.4:4501 "
	kill -STOP "$pid"
	does 0 sh t/a.sh down
	until_true eval '! kill -0 $pid 2>/dev/null'
}

@test "down does not kill an espdecap of another port that has got the pid" {
	in_a_host
	does 0 sh t/a.sh up --no-punch
	kill "$(<"$run/espdecap")"
	nsenter --net="/run/netns/$space" "$ESPDECAP_BUILT" -b 192.168.1.4 4501 31.1.2.3:4500 2>said 3>&- &
	until_true grep -q ready said
	pgrep -P $$ -f 'espdecap -b 192.168.1.4 4501' >"$run/espdecap"
	same "$(cat "$run/espdecap")" $!
	does 0 sh t/a.sh down
	kill -0 $!
}

@test "the test command uses the address that this host has, or that was given" {
	in_a_host
	ip -n "$space" address add 192.168.1.7/32 dev up0
	xfrmpair -o auto --mode transport auto:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3 2>/dev/null
	does 0 sh auto/a.sh up --no-punch
	same "${lines[-1]}" "  ping -c 3 -I 192.168.1.4 31.1.2.3"
	does 0 sh auto/a.sh down
	does 0 sh auto/a.sh up --no-punch --local 192.168.1.7
	same "${lines[-1]}" "  ping -c 3 -I 192.168.1.7 31.1.2.3"
}

# ---- units ---------------------------------------------------------------------------------------------------------

# as they will lie, with a name instead of the @; programs from here
units() {
	mkdir units
	for unit in "$BOOT"/*@*; do sed "s,^ExecStart=espdecap ,ExecStart=$ESPDECAP_BUILT ," "$unit" >"units/${unit##*/}"; done
}

@test "the manual names every unit and file, and no other" {
	sed -n '/^\.Sh KEEP IT UP/,/^\.Sh ENV/p' "$BOOT/../../gen/xfrmpair-script.8" | grep -o 'xfrmpair[a-z-]*\(@[A-Za-z.]*\|\.rc\|\.cron\)' |
		sed 's/@NAME$/@.service/; s/@NAME\./@./' | sort -u >named
	(cd "$BOOT" && printf '%s\n' *) | grep -v 'rekey@.service' | diff - named
}

@test "systemd accepts every line of the units" {
	units
	export SYSTEMD_UNIT_PATH=$PWD/units:
	run -0 systemd-analyze verify --man=no --recursive-errors=yes xfrmpair@home.service xfrmpair-follow@home.service \
		xfrmpair-rekey@home.timer xfrmpair-rekey@home.service xfrmpair-espdecap@home.service
	[ -z "$output" ]
	# the control
	echo 'Nonsense=yes' >>units/xfrmpair@.service
	[[ "$(systemd-analyze verify --man=no xfrmpair@home.service 2>&1)" == *Nonsense* ]]
}

exposed() { # TENTHS UNIT: it is exposed by that at most
	cp "$BOOT/$2@.service" "$2@home.service"
	systemd-analyze security --no-pager --offline=true --threshold="$1" "./$2@home.service" >exposure
}
@test "no unit has more rights than it needs: espdecap 1.5, rekey 2.0, and up and follow, which start helpers as root, 2.8" {
	exposed 15 xfrmpair-espdecap
	exposed 20 xfrmpair-rekey
	exposed 28 xfrmpair
	exposed 28 xfrmpair-follow
	# the control
	sed -i '/^DynamicUser/d; /^CapabilityBoundingSet/d' xfrmpair-espdecap@home.service
	run -1 systemd-analyze security --no-pager --offline=true --threshold=15 ./xfrmpair-espdecap@home.service
}

@test "each unit has a description and an order, and the three that write have the store as state directory" {
	for unit in xfrmpair:oneshot xfrmpair-follow:notify xfrmpair-rekey:oneshot xfrmpair-espdecap:notify; do
		grep -qx "Type=${unit#*:}" "$BOOT/${unit%:*}@.service"
	done
	for unit in xfrmpair xfrmpair-follow xfrmpair-rekey; do
		grep -qx StateDirectory=xfrmpair "$BOOT/$unit@.service"
		grep -qx StateDirectoryMode=0700 "$BOOT/$unit@.service"
	done
	grep -qx 'After=network-online.target nss-lookup.target' "$BOOT/xfrmpair@.service"
	for unit in xfrmpair-follow@.service xfrmpair-rekey@.service xfrmpair-rekey@.timer; do
		grep -qx 'After=xfrmpair@%i.service' "$BOOT/$unit"
	done
	grep -qx 'Before=xfrmpair@%i.service' "$BOOT/xfrmpair-espdecap@.service"
	# each names a manual that there is
	for page in $(sed -n 's/^Documentation=man://p' "$BOOT"/*@*); do
		page=${page%)}
		ls "$BOOT"/../../*/"${page%(*}.${page#*(}"
	done
}

# system_calls WORD...: of systemd's sets, and those in them
system_calls() {
	for word; do
		case $word in
		@*) system_calls $(systemd-analyze syscall-filter "$word" | sed '1d; /#/d') ;;
		*) echo "$word" ;;
		esac
	done
}

@test "espdecap makes no system call that its unit forbids" {
	unit=$BOOT/xfrmpair-espdecap@.service
	system_calls @default $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$unit") | sort -u >let
	system_calls $(sed -n 's/^SystemCallFilter=~//p' "$unit") | sort -u | comm -23 let - >allowed
	grep -qx sendto allowed
	run -1 grep -qx -e mount -e ptrace -e setuid -e bpf allowed
	port=$((10000 + RANDOM % 20000))
	for peer in 127.0.0.1:9 '[::1]:9'; do
		NOTIFY_SOCKET=/none strace -f -o "trace$peer" "$ESPDECAP_BUILT" $port "$peer" 2>said 3>&- &
		until_true grep -q 'ready' said
		sleep 1.2
		kill -TERM "$(pgrep -f "^$ESPDECAP_BUILT $port ")"
		wait $!
	done
	cat trace* | sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' | sort -u >asked
	grep -qx rt_sigtimedwait asked
	# socket's families, and no memory that is written and run
	comm -13 allowed asked | diff /dev/null -
	sed -n 's/.*socket(\(AF_[A-Z0-9]*\).*/\1/p' trace* | sort -u | tr '\n' ' ' >families
	[ "RestrictAddressFamilies=$(sed 's/ $//' families)" = "$(grep ^RestrictAddressFamilies "$unit")" ]
	run -1 grep -h 'PROT_WRITE|PROT_EXEC' trace*
}

# A systemd of its own, on this test's files: PID 1 of new namespaces, in a cgroup of its own, with nothing to boot but our units
start_systemd() {
	need_root
	mkdir cgroups empty
	cgroup=boot-$$
	in_cgroups mkdir "cgroups/$cgroup" 2>/dev/null || skip "needs cgroups and namespaces: this container may not make any"
	an_ip
	for target in sysinit basic shutdown network-online nss-lookup multi-user timers; do
		printf '[Unit]\nDefaultDependencies=no\n' >units/$target.target
	done
	cp "$ESPDECAP_BUILT" "$(dirname "$ESPDECAP_BUILT")/xfrmkeep" bin/
	sed -i -e "s,/etc/xfrmpair,$PWD/etc," -e 's,^ExecStart=.*/espdecap ,ExecStart=espdecap ,' -e 's/^RestartSec=.*/RestartSec=1/' \
		-e 's/^PrivateTmp=.*/PrivateTmp=no/' units/*@* # the tests' files are there
	printf '%s\n' [Manager] ShowStatus=no DefaultStandardOutput=null "DefaultEnvironment=HOST=$HOST" >system.conf
	cat >init <<-END
		mount --make-rprivate / && mount -t cgroup2 none cgroups && echo \$\$ >cgroups/$cgroup/cgroup.procs &&
		exec unshare --cgroup --pid --fork --kill-child sh -ec '
			mount -t proc proc /proc
			mount --bind /proc/sys /proc/sys
			mount -o remount,bind,ro /proc/sys
			mount -t cgroup2 none /sys/fs/cgroup
			for folder in /run /etc/systemd /var/lib; do mount -t tmpfs none \$folder; done
			mkdir /etc/systemd/system
			cp system.conf /etc/systemd
			mount --bind units /lib/systemd/system
			mount --bind empty /lib/systemd/system-generators
			mount --bind bin /usr/local/bin
			[ ! -e /dev/console ] || mount --bind /dev/null /dev/console
			ip link set lo up
			ip link add up0 type veth peer name other
			ip link set up0 up
			ip link set other up
			: >ready
			exec env -i container=other /lib/systemd/systemd --system --log-target=null --unit=multi-user.target'
	END
	PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare --mount --uts --ipc --net sh init 3>&- &
	echo $! >boot.pid
	until_true test -e ready
	until_true in_systemd systemctl is-active --quiet multi-user.target
}
in_cgroups() { unshare --mount sh -c 'mount --make-rprivate / && mount -t cgroup2 none cgroups && exec "$@"' sh "$@"; }
in_systemd() { nsenter --target "$(pgrep -P "$(cat boot.pid)")" --all --wd="$PWD" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "HOST=$HOST" "$@"; }
stop_systemd() {
	kill -KILL "$(cat boot.pid)"
	rm boot.pid
	until_true in_cgroups find "cgroups/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
}
are() { # STATE UNIT...: all of them
	local state=$1
	shift
	[ "$(in_systemd systemctl is-active "$@" | sort -u)" = "$state" ]
}
# the network comes
network_on() {
	in_systemd ip address add 192.168.1.4/32 dev up0
	in_systemd ip route add default via 192.168.1.1 dev up0 onlink
}

@test "systemd boots the tunnel, with espdecap in its sandbox, and takes it down" {
	units
	mkdir etc
	cp t/a.sh etc/home.sh
	printf '%s\n' UP=--no-helper 'HELPER="-b 192.168.1.4 4500 31.1.2.3:4500"' XFRMPAIR_STATE=/var/lib/elsewhere >etc/home.env
	start_systemd
	in_systemd systemctl --quiet enable xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	in_systemd systemctl start --no-block xfrmpair@home
	until_true are activating xfrmpair@home
	sleep 1
	are activating xfrmpair@home
	are inactive xfrmpair-follow@home
	# the network comes; what depends on the tunnel comes after it
	network_on
	until_true are active xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	[ ! -e host/ran ]
	# in this kernel there are no SAs, so that status is 1; there is nothing else to say
	run -1 in_systemd env XFRMPAIR_STATE=/var/lib/elsewhere sh etc/home.sh status
	same "$(grep missing: <<<"$output")" "  missing: SA from b
  missing: SA to b"
	in_systemd systemctl start xfrmpair-rekey@home
	# the helper has a user of its own, no capability, no new privileges, and is there again when it was killed
	pid=$(in_systemd pgrep -x espdecap)
	in_systemd cat "/proc/$pid/status" >status
	grep -qx 'CapBnd:	0*' status
	grep -qx 'NoNewPrivs:	1' status
	grep -qx 'Seccomp:	2' status
	run -1 grep -q '^Uid:	0' status
	in_systemd kill -KILL "$pid"
	until_true eval '[ "$(in_systemd pgrep -x espdecap)" -gt "$pid" ]'
	# follow may be restarted, and all units end with the tunnel
	in_systemd systemctl restart xfrmpair-follow@home
	in_systemd systemctl stop xfrmpair@home
	are inactive xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	run -1 in_systemd pgrep espdecap
	in_systemd sh -c '[ -z "$(ls -A /run/xfrmpair)" ] && [ -e /var/lib/elsewhere ] && [ -z "$(ls -A /var/lib/xfrmpair)" ]'
}

@test "systemd retries a tunnel that the system refuses at boot, and its espdecap unit survives the end of follow" {
	units
	mkdir etc
	cp t/a.sh etc/home.sh
	start_systemd
	in_systemd ip address add 192.168.1.5/32 dev up0
	in_systemd ip route add default via 192.168.1.1 dev up0 onlink
	in_systemd systemctl --quiet enable xfrmpair@home xfrmpair-follow@home
	run -1 in_systemd systemctl --quiet start xfrmpair@home
	in_systemd ip address add 192.168.1.4/32 dev up0
	until_true are active xfrmpair@home xfrmpair-follow@home
	pid=$(in_systemd pgrep -x espdecap)
	# as after a peer has moved: it is what follows that has started it
	follower=$(in_systemd systemctl show --value -p MainPID xfrmpair-follow@home)
	in_systemd sh -c "echo $pid >/sys/fs/cgroup\$(sed -n 's/^0:://p' /proc/$follower/cgroup)/cgroup.procs"
	in_systemd systemctl restart xfrmpair-follow@home
	[ "$(in_systemd pgrep -x espdecap)" = "$pid" ]
	# a tunnel without a received packet is up nevertheless, which follow requires
	in_systemd systemctl restart xfrmpair@home
	in_systemd systemctl stop xfrmpair@home
	until_true eval '! in_systemd pgrep -x espdecap'
	in_systemd systemctl start xfrmpair-follow@home
	are active xfrmpair@home
	# a socket that cannot be had is no start
	echo 'HELPER="-b 192.0.2.1 4500"' >etc/home.env
	run -1 in_systemd systemctl --quiet start xfrmpair-espdecap@home
}

# ---- without systemd -----------------------------------------------------------------------------------------------

rc() { on_host $shell rc "$@"; }
rc_setup() { # a machine with two tunnels, and an rc script that does not know it is elsewhere
	rm -rf etc rundir elsewhere
	mkdir etc rundir
	cp t/a.sh etc/home.sh
	cp plain/a.sh etc/office.sh
	printf '%s\n' 'UP="--no-helper --wait 1"' "XFRMPAIR_STATE=$PWD/elsewhere" >etc/home.env
	sed -e "s,^folder=.*,folder=$PWD/etc run=$PWD/rundir," -e 's/sleep 30/sleep 1/' -e "s,logger -t,$PWD/bin/logger -t," "$BOOT/xfrmpair.rc" >rc
	grep -q "^folder=$PWD" rc
}
followed() { [ "$(find run -name follow | wc -l)" = "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

goes_on() {
	rc_setup
	up0_off
	timeout 10 nsenter --net="/run/netns/$space" $shell rc start 3>&-
	# the router is not there yet: up refuses, and is tried again
	until_true grep -q 'a: 192.168.1.4 is not an address' host/log
	address_on
	route_on
	until_true followed 2
	[ ! -e host/ran ]
	# in this kernel there are no SAs, so that status is 1
	run -1 rc status
	echo "$output"
	same "$(grep -c '^a: half up: ' <<<"$output")" 2
	# once more does nothing
	keepers=$(cat rundir/*)
	rc start
	sleep 0.5
	same "$(cat rundir/*)" "$keepers"
	# one only
	rc stop office
	followed 1
	[ ! -e rundir/xfrmpair-office.pid ]
	run -1 rc status office
	same "$output" 'a: down'
	run -1 rc status home
	[[ "$output" == 'a: half up: '* ]]
	rc stop
	same "$(ls -A run)" ''
	same "$(ls elsewhere | wc -l) $(ls state | wc -l)" '1 1'
	for keeper in $keepers; do until_true gone $keeper; done
	# down by hand stays down
	rc start home 3>&-
	until_true followed 1
	keeper=$(cat rundir/xfrmpair-home.pid)
	on_host $shell etc/home.sh down
	until_true gone $keeper
	same "$(ls -A run)" ''
	rc stop
}
@test "the rc script sets tunnels up when the network is ready, follows their peers, and takes them down" {
	in_a_host
	in_shells goes_on dash "busybox ash"
}

ends_at_once() {
	rc_setup
	up0_off
	sed -i 's/--wait 1"/--wait 60"/' etc/home.env
	rc start home 3>&-
	until_true grep -q waiting host/log
	keeper=$(cat rundir/*)
	rc stop home
	until_true gone $keeper
	address_on
	route_on
	sleep 1.5
	same "$(ls -A run)" ''
	# a mistake is not made again and again
	echo 'UP="--wrong"' >etc/home.env
	rc start home 3>&-
	until_true grep -q "'--wrong': unknown" host/log
	sleep 1.5
	same "$(grep -c "'--wrong': unknown" host/log)" 1
}
@test "the rc script's stop ends an up that waits, and its start gives up on a usage error" {
	in_a_host
	in_shells ends_at_once bash mksh
}

@test "the rc script ignores a recorded pid that another process has reused" {
	in_a_host
	rc_setup
	bash -c 'sleep 60; :' home 3>&- &
	stranger=$!
	echo $stranger >rundir/xfrmpair-home.pid
	shell=dash
	rc start home 3>&-
	until_true followed 1
	[ "$(cat rundir/xfrmpair-home.pid)" != $stranger ]
	echo $stranger >rundir/xfrmpair-home.pid
	rc stop home
	kill -0 $stranger
	pkill -P $stranger
	# who ends by itself leaves no number behind
	rm -f rundir/*
	echo 'UP="--wrong"' >etc/home.env
	rc start home 3>&-
	until_true grep -q "'--wrong': unknown" host/log
	until_true test ! -e rundir/xfrmpair-home.pid
}

@test "the rc script requires a verb and existing tunnels, and passes shellcheck" {
	shellcheck "$BOOT/xfrmpair.rc"
	rc_setup
	for shell in dash 'busybox ash' bash mksh; do
		run -2 $shell rc
		same "$output" 'usage: rc start | stop | status [NAME]...'
		run -2 $shell rc status none
		same "$output" "xfrmpair: no tunnel $PWD/etc/none.sh"
	done
}

@test "the cron line changes the keys of every tunnel" {
	in_a_host
	rc_setup
	# five fields of time, a user, a command for sh; cron would take a % for the line's end
	same "$(grep -vc '^#' "$BOOT/xfrmpair.cron")" 1
	grep -v '^#' "$BOOT/xfrmpair.cron" | grep -v % | sed -n 's/^[0-9]* \* \* \* \* root //p' | sed "s,/etc/xfrmpair,$PWD/etc," >line
	on_host sh etc/home.sh up --no-helper
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$*" >>"$HOST/ran"\nexec %s "$@"\n' "$(command -v xfrmkeep)" >bin/xfrmkeep
	chmod +x bin/xfrmkeep
	for shell in dash 'busybox ash' bash mksh; do
		rm -f host/ran
		on_host $shell line
		same "$(cat host/ran)" "rekey $PWD/etc/home.sh
rekey $PWD/etc/office.sh"
	done
	grep -q 'xfrmkeep: a: not running: sh .*/etc/office.sh up' host/log
}

# ---- a router that maps ports ----------------------------------------------------------------------------------

# lends [ENDPOINT SECONDS]: the router's mapping from now on; without arguments it is silent
lends() {
	echo "$*" >host/router
	cat >bin/natprobe <<END_OF_FAKE
#!/bin/sh
echo "natprobe \$*" >>$HOST/ran
read -r word lease <$HOST/router
case \$*,\$word in
*--punch*) exit 4 ;;
*map*,) echo 'natprobe: 192.168.1.1: no answer' >&2; exit 4 ;;
*--map=*) echo "natprobe: 192.168.1.1: maps \${word#*@} to here for \$lease s, by PCP" >&2; echo "\$word" ;;
esac
END_OF_FAKE
	chmod +x bin/natprobe
}
last_ran() { tail -n 1 host/ran; }

@test "up --map asks the router first, continues without a mapping, and down removes the mapping" {
	in_a_host
	unmaps='natprobe -u 65534 -b 192.168.1.4 -p 4500 --unmap'
	lends 192.168.1.4:4500@85.9.8.7:4500 7200
	does 0 sh t/a.sh -n up --map
	same "${lines[0]}" 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=4500'
	[ ! -e host/ran ]
	# before the punch, and given back by down
	does 4 sh t/a.sh up --map --wait 1
	same "$(head -n 3 <<<"$output")" 'natprobe: 192.168.1.1: maps 85.9.8.7:4500 to here for 7200 s, by PCP
a: adding SAs (with keys)
a: waiting for b, for up to 1 s (a is started first)'
	same "$(sed -n 1p host/ran)" 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=4500'
	does 0 sh t/a.sh -n down
	same "$(tail -n 1 <<<"$output")" "$unmaps"
	[ -d "$run" ]
	does 0 sh t/a.sh down
	same "$(last_ran)" "$unmaps"
	same "$(ls -A run)" ''
	# down goes on where the router is silent
	does 0 sh t/a.sh up --no-punch --map
	lends
	does 0 sh t/a.sh down
	[[ "$output" == *"natprobe: 192.168.1.1: no answer"* ]]
	same "$(ls -A run)" ''
	# silent from the start: it goes on
	does 0 sh t/a.sh up --map --no-punch
	[[ "$output" == *"natprobe: 192.168.1.1: no answer
a: continuing without a port mapping"* ]]
	does 0 sh t/a.sh down
	same "$(ls -A run)" ''
	# another port than the page has
	lends 192.168.1.4:4500@85.9.8.7:4501 7200
	does 0 sh t/a.sh up --map --no-punch
	[[ "$output" == *"a: the other sides send to port 4500: run update-peer a 85.9.8.7:4501 there"* ]]
	does 0 sh t/a.sh down
	# up that fails gives it back
	rm host/ran
	ESPDECAP=/bin/false does 1 sh t/a.sh up --map --no-punch
	same "$(last_ran)" "$unmaps"
	same "$(ls -A run)" ''
	# that there is a port, and natprobe, is looked at before anything is changed
	run -2 sh plain/a.sh up --map
	same "${lines[0]}" "a: '--map': unknown (expected as follows)"
	rm bin/natprobe
	XFRMKEEP=$(command -v xfrmkeep) PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin does 1 sh t/a.sh up --map
	[[ "$output" == "a: no natprobe beside t/a.sh or in PATH to map the port"* ]]
	same "$(ls -A run)" ''
	# a mesh knows its port, too
	xfrmpair -o mesh 192.168.1.4:4500@85.9.8.7:5000 192.168.2.9:4500@31.1.2.3 192.168.3.9:4500@77.1.2.3 2>/dev/null
	lends 192.168.1.4:4500@85.9.8.7:5000 7200
	does 0 sh mesh/a.sh -n up --map
	same "${lines[0]}" 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=5000'
}
