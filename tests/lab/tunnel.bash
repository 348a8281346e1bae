# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Functions for tests in the lab (tests/lab/run bats ...), sourced by their setup_file() and setup().

# bats traces the tests themselves, not what they call, which takes time
[ -z "${BATS_TEST_NAME-}" ] || { set +T; declare -ft "$BATS_TEST_NAME"; }
cd "$BATS_TEST_DIRNAME/../.." || return 1
case ${BUILD:=build} in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
PATH=$BUILD:$PATH
net=$PWD/tests/lab/net
# where the scripts keep their state of the moment
export XFRMPAIR_RUN=${XFRMPAIR_RUN:-$BATS_FILE_TMPDIR/run}
# and what survives
export XFRMPAIR_STATE=${XFRMPAIR_STATE:-$BATS_FILE_TMPDIR/state}

# The how-to's pair, as tokens.
A=192.168.1.4:61525@85.9.8.7
B=192.168.2.100:61523@31.1.2.3:10421

# busybox's shell and tools, which start faster in a VM than a machine's own: with these run defects, tunnel and punch
shell='busybox sh'

# on SIDE COMMAND...: runs it there. As ip netns exec, which takes three times as long; busybox has some commands itself, so by its path.
on() {
	local space=${LAB_PREFIX-}$1
	shift
	if [ -e "/etc/netns/$space" ]; then
		ip netns exec "$space" "$@"
		return
	fi
	case $1 in */*) ;; *) ! hash "$1" || set -- "${BASH_CMDS[$1]}" "${@:2}" ;; esac
	busybox nsenter --net="/run/netns/$space" "$@"
}
# script SIDE WORD...: the generated script of that side, there; up goes on without waiting for the other
script() {
	local side=$1
	shift
	if [ "$1" = up ]; then
		shift
		set -- up --no-punch "$@"
		: >"$BATS_TEST_TMPDIR/up"
	fi
	on "$side" $shell "$BATS_TEST_TMPDIR/$side.sh" "$@"
}
# generate ARGUMENT...: scripts in this test's folder
generate() { xfrmpair -o "$BATS_TEST_TMPDIR" --force "$@"; }
# fixed_rows FILE: keys for a and b that follow from no secret, for the default cipher
fixed_rows() {
	for words in 'a b 1 0x00001001' 'b a 1 0x00001002'; do echo "$words 0x$(head -c 36 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; done >"$1"
	chmod 600 "$1"
}
both_up() { for side in ${SIDES:-a b}; do script "$side" up "$@" || return; done; }
both_down() { rm -f "$BATS_TEST_TMPDIR/up"; for side in ${SIDES:-a b}; do script "$side" down --all; done; }
# for teardown(): what a failed test left up
all_down() { { [ ! -e "$BATS_TEST_TMPDIR/up" ] && [ -z "$(ls -A "$XFRMPAIR_RUN" 2>/dev/null)" ]; } || both_down >/dev/null 2>&1 || :; }

# printed_down FILE: the commands that take a paste block down, from the comments at its end
printed_down() { sed -e '1,/^# To take it down/d' -e '/^#   /!d' -e 's/^#  *//' "$1"; }

# answers SIDE FROM TO [PING-OPTION...]: three pings, all answered
answers() {
	local side=$1 from=$2 to=$3
	shift 3
	on "$side" ping -q -c 3 -i 0.2 -W 2 "$@" -I "$from" "$to"
}
# silent SIDE FROM TO: three pings, none answered
silent() {
	local said
	said=$(on "$1" ping -q -c 3 -i 0.2 -W 1 -I "$2" "$3") && return 1
	[[ "$said" == *" 0 received"* ]]
}

# counters SIDE: the xfrm error counters that are not zero
counters() { on "$1" awk '$2 { print $1, $2 }' /proc/net/xfrm_stat; }

# counter SIDE NAME: one of them
counter() { on "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/xfrm_stat; }
spis() { on "$1" ip xfrm state list nokeys | grep -o 'spi 0x[0-9a-f]*' | sort; } # SIDE
# time in milliseconds that no setting of the clock moves
ms() {
	local seconds
	read -r seconds _ </proc/uptime
	echo "${seconds/./}0"
}

# ip_lists SIDE [MORE]: what its ip lists, and what the shell prints of MORE; no counters and ages. Few processes: in a VM the start of
# one takes 20 ms, beside another VM 80 to 120; but ip reads no more of a batch after a list of xfrm
ip_lists() {
	# shellcheck disable=SC2016 # that shell expands it
	on "$1" sh -c '
		ip xfrm state list
		ip xfrm policy list
		printf "%s\n" "address show" "route show table all" "rule show" "link show" | ip -force -batch -
		ip -6 route show table all
		'"${2-}" | sed -e 's/ expires [0-9]*sec//' -e 's/valid_lft.*//' | grep -v -e '^cache' -e ' cache '
}
# All that a tunnel could have changed on SIDE.
snapshot() {
	ip_lists "$1" 'nft -s list ruleset
		awk "{ print \$2 }" /proc/net/udp /proc/net/udp6
		grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf'
	ls -A "$XFRMPAIR_RUN" 2>/dev/null || :
}

# capture SPACE INTERFACE FILE FILTER...: starts tcpdump there; `captured` ends it
capture() {
	local space=$1 interface=$2 file=$3
	shift 3
	on "$space" tcpdump --immediate-mode -U -n -i "$interface" -w "$file" "$@" 2>"$file.said" &
	capture_pid=$!
	for _ in $(seq 50); do
		grep -q 'listening on' "$file.said" && return
		sleep 0.1
	done
	return 1
}
captured() {
	sleep 0.3
	pkill -INT -P "$capture_pid" tcpdump || kill -INT "$capture_pid"
	wait "$capture_pid" || :
}

# fake_ip CODE [CODE]: an ip for script_with_fake_ip that first runs CODE, with what a batch says in $batch; or, of what
# is no batch, the second
fake_ip() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/ip" <<END
#!/bin/sh
case "\$*" in
"-batch -")
	batch=\$(cat)
	echo "\$batch" >>"$BATS_TEST_TMPDIR/batches"
	$1
	echo "\$batch" | $(command -v ip) -batch - ;;
*)
	${2-}
	exec $(command -v ip) "\$@"
	;;
esac
END
	chmod +x "$BATS_TEST_TMPDIR/bin/ip"
}
script_with_fake_ip() {
	local side=$1
	shift
	: >"$BATS_TEST_TMPDIR/up"
	on "$side" env PATH="$BATS_TEST_TMPDIR/bin:$PATH" sh "$BATS_TEST_TMPDIR/$side.sh" "$@" --no-punch
}

# Two tunnels through the same forgetful NATs, side by side: a - b with keepalives every 5 s, c - d with none.
idle_tunnels() {
	xfrmpair -o "$BATS_TEST_TMPDIR" "$A" "$B"
	xfrmpair -o "$BATS_TEST_TMPDIR" c=192.168.1.4:5001@85.9.8.7+10.9.1.1 d=192.168.2.100:5001@31.1.2.3+10.9.2.1
	on a ip address add 10.9.1.1/32 dev lo
	on b ip address add 10.9.2.1/32 dev lo
	on a sh "$BATS_TEST_TMPDIR/a.sh" up --no-punch
	on a sh "$BATS_TEST_TMPDIR/c.sh" up --no-punch
	on b sh "$BATS_TEST_TMPDIR/b.sh" up --no-punch
	on b sh "$BATS_TEST_TMPDIR/d.sh" up --no-punch
	# our own helpers in place of the scripts'
	pkill -f -- '-u 65534 -b 192.168.[12].[0-9]* [56]'
	sleep 0.2
	on a espdecap -i 5 -b 192.168.1.4 61525 31.1.2.3:10421 3>&- &
	on b espdecap -i 5 -b 192.168.2.100 61523 85.9.8.7:61525 3>&- &
	on a espdecap -i 0 -b 192.168.1.4 5001 31.1.2.3:5001 3>&- &
	on b espdecap -i 0 -b 192.168.2.100 5001 85.9.8.7:5001 3>&- &
	sleep 0.5
	on a ping -q -c 1 -W 1 -I 10.9.1.1 10.9.2.1 # opens a's NAT
	answers b 10.9.2.1 10.9.1.1
	answers a 10.9.1.1 10.9.2.1
	answers b 192.168.2.100 192.168.1.4
	date +%s >"$BATS_TEST_TMPDIR/since"
}
