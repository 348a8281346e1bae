# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# A hub with 1,000 peers: scripts and xfrmkeep use one batch per step, and their time grows linearly with the peers.
bats_require_minimum_version 1.5.0

setup_file() {
	source tests/lab/tunnel.bash
	ip netns add "${LAB_PREFIX-}hub"
	on hub ip link set lo up
	on hub ip link add up0 type veth peer name other
	on hub ip link set up0 up
	on hub ip link set other up
	on hub ip address add 192.0.2.1/24 dev up0
	on hub ip address add 10.0.0.1/32 dev lo
	on hub ip route add default via 192.0.2.2
	for count in 50 1000; do
		xfrmpair --star -o "$BATS_FILE_TMPDIR/$count" hub=192.0.2.1:4500+10.0.0.0/16 $(
			for ((i = 0; i < count; i++)); do
				host=$((i / 250)).$((i % 250 + 1))
				echo "s$i=10.9.$host:4500@31.0.$host:$((i + 5000))+10.1$host.0/24"
			done
		)
	done
}
teardown_file() {
	source tests/lab/tunnel.bash
	ip netns delete "${LAB_PREFIX-}hub"
}
setup() { source tests/lab/tunnel.bash; }

# does COUNT WORD...: the hub's script with so many peers; leaves its status, processes and milliseconds
does() {
	local file=$BATS_FILE_TMPDIR/$1/hub.sh before
	shift
	before=$(date +%s%3N)
	processes=$(awk '/^processes/ { print $2 }' /proc/stat)
	status=0
	on hub $shell "$file" "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
	processes=$(($(awk '/^processes/ { print $2 }' /proc/stat) - processes - 2)) # awk twice
	took=$(($(date +%s%3N) - before))
	echo "# $(basename "${file%/*}") peers: $*: $took ms, $processes processes" >&3
	tail -n 3 "$BATS_TEST_TMPDIR/said"
}

@test "a hub's up and down need no more processes for 1,000 peers than for 50, and leave nothing" {
	does 50 up --no-punch
	[ "$status" -eq 0 ]
	few=$processes
	does 50 down
	[ "$status" -eq 0 ]
	few_down=$processes
	does 1000 up --no-punch
	[ "$status" -eq 0 ]
	[ "$processes" -le $((few + 15)) ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" -le 12 ]
	[ "$(wc -L <"$BATS_TEST_TMPDIR/said")" -le 250 ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/said")" = "  and 997 more: see tests() in $BATS_FILE_TMPDIR/1000/hub.sh" ]
	[ "$(on hub ip xfrm state | grep -c ^src)" -eq 3000 ]
	[ "$(on hub ip xfrm policy | grep -c ^src)" -eq 3000 ]
	[ "$(on hub ip route show table all | grep -c ' mtu ')" -eq 1000 ]
	does 1000 down
	[ "$status" -eq 0 ]
	[ "$processes" -le $((few_down + 15)) ]
	[ -z "$(on hub ip xfrm state)" ]
	[ -z "$(on hub ip xfrm policy)" ]
	run -1 grep -c ' mtu ' <(on hub ip route show table all)
}

@test "status, rekey and mend of 1,000 peers use one process, and take a second or two" {
	does 1000 up --no-punch
	for verb in status 'status --json' rekey mend; do
		does 1000 $verb
		[ "$status" -eq 0 ] || [ "$status$verb" = 4status ] || [ "$status$verb" = '4status --json' ]
		[ "$processes" -le 3 ]
		[ "$took" -le 4000 ] # in a VM that another one runs beside
	done
	does 1000 down
}
