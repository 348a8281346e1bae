# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The output of status for facts about a fictitious kernel (tests/status.c), and the verbs that show a tunnel, without one.
# tests/lab/status.bats uses a real kernel.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMKEEP=$PWD/${BUILD:-build}/xfrmkeep SCRIPTS=$BATS_FILE_TMPDIR/scripts
	helper=$PWD/helper
	cc -std=c11 -D_GNU_SOURCE -I"$helper" -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -o "$BATS_FILE_TMPDIR/status" \
		"$PWD/tests/status.c" "$helper"/{status,status_print,watch,counts,parts,words,kernel,kernel_xfrm,kernel_route,netlink}.c \
		"$helper"/{xfrm,xfrm_parse,rows,section,section_parse,section_check,page,page_facts,cipher,prefix,text,sha256,endpoint,number,say,special}.c || return
	xfrmpair=$PWD/${BUILD:-build}/xfrmpair
	cd "$BATS_FILE_TMPDIR" || return
	printf 'a b 1 secret 0x%064d\n' 7 >keys
	chmod 600 keys
	"$xfrmpair" --keys keys --cipher aes128gcm12 -o scripts 192.168.1.4:61525@85.9.8.7:61525 192.168.2.100:61523@31.1.2.3:10421
	"$xfrmpair" -o scripts --interface xf0 --inner 10.99.0.0/24 --clamp "hub=[2001:db8:ffff::1]+10.1.0.0/16" "c=[2001:db8:ffff::2]+10.2.0.0/16" "d=[2001:db8:ffff::3]+10.3.0.0/16"
	"$xfrmpair" -o scripts --guard g=85.9.8.7:4500+10.1.0.0/24 h=31.1.2.3:4500+0.0.0.0/0
	sed -i "s/^name=a .*/&\nfingerprint='12345 67890'/" scripts/a.sh
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return 1
	cp "$SCRIPTS"/{a,hub,g}.sh .
	digest=$(fact digest a.sh) hub=$(fact digest hub.sh) store=$(fact store a.sh)
	{ read -r spi_in; read -r spi_next; read -r spi_out; } < <(sed -n 's/^xfrm state add .* spi \(0x[0-9a-f]*\) .*/\1/p' a.sh)
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
}
teardown() {
	for process in $(grep -lzxs "XFRMPAIR_RUN=$BATS_TEST_TMPDIR/run" /proc/[0-9]*/environ); do
		process=${process#/proc/} process=${process%/environ}
		[ "$process" = $$ ] || kill "$process" 2>/dev/null || :
	done
}

fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" | head -n 1; } # NAME FILE: of its page
# says FORM [FACT]...: of the pair a.sh; says_hub, of hub.sh; says_guarded, of g.sh
says() { "$BATS_FILE_TMPDIR/status" a.sh "$@"; }
says_hub() { "$BATS_FILE_TMPDIR/status" hub.sh "$@"; }
says_guarded() { "$BATS_FILE_TMPDIR/status" g.sh "$@"; }
# same EXPECTED: stdin is that
same() { diff <(echo "$1") -; }
heard='sa in 1 packets=3 bytes=252 used=999998'
sent='sa out 1 packets=3 bytes=252'

# ---- For people ------------------------------------------------------------------------------------------------------

@test "status prints each peer's endpoint, last received packet, and traffic since up" {
	# what SAs of past epochs counted, the last of it later than what the present ones have
	says text 'sa in 1 packets=3 bytes=252 used=999800' "$sent" 'record peer b 3000000000 5000000000 0 0 999998' 'record in b '$((spi_in))' 3 252' | same 'a: up, digest '"$digest"', espdecap alive (pid 77)
  this side: at 192.168.1.4:61525
  b: up, received 2 s ago, at 31.1.2.3:10421
  from b               SPI '"$spi_in"' epoch 1               3 packets             252 bytes
  from b               since up                    3000000003 packets      5000000252 bytes
  to   b               SPI '"$spi_out"' epoch 1               3 packets             252 bytes
  to   b               since up                             3 packets             252 bytes
  fingerprint 12345 67890'
}

@test "counters beyond 2^31 and 2^32 are printed correctly" {
	says text 'sa in 1 packets=3000000000 bytes=5000000000 used=999999' 'sa out 1 packets=3000000000 bytes=5000000000' >said
	[ "$(grep -c ' 3000000000 packets      5000000000 bytes$' said)" -eq 4 ]
	says json 'sa in 1 packets=3000000000 bytes=1 used=999999' 'sa out 1 packets=1 bytes=18446744073709551615' >said
	grep -q '"tx_bytes":18446744073709551615,"rx_packets":3000000000,' said
}

@test "no line of status is longer than 100 characters" {
	says text 'name bbbbbbbbbbbbbbb' 'sa in 1 packets=99999999999 bytes=999999999999999 late=4294967295 replayed=4294967295 failed=4294967295' >said || :
	run -1 grep '.\{101\}' said
	grep -q '^  from bbbbbbbbbbbbbbb dropped: 4294967295 late, ' said
	says_hub text 'no interface' 'no table' 'no policy 0' >said || :
	run -1 grep '.\{101\}' said
}

@test "ages are printed in readable units, and a clock jump makes none negative" {
	for ago in '-5 0 s' '0 0 s' '60 60 s' '119 119 s' '120 2 min' '7199 119 min' '7200 2 h' '172799 47 h' '200000 2 days'; do
		says text "now $((1000000 + ${ago%% *}))" 'sa in 1 packets=3 used=1000000' >said || :
		grep -q "  b: [a-z]*, received ${ago#* } ago, at " said
	done
	says json 'now 999000' 'sa in 1 packets=3 used=1000000' | jq -e '.peers[0].last_received_seconds == 0'
}

@test "of several SAs, the latest in use is printed, else the first, and all are counted" {
	says text 'sa in 2 packets=2 bytes=20' >said
	grep -q '^  from b               SPI '"$spi_next"' epoch 2               2 packets              20 bytes$' said
	says text 'sa in 1 packets=5 bytes=50' 'sa in 2 packets=2 bytes=20' >said
	grep -q '^  from b               SPI '"$spi_next"' epoch 2               7 packets              70 bytes$' said
	says text 'sa in 1 packets=5 bytes=50' >said
	grep -q '^  from b               SPI '"$spi_in"' epoch 1               5 packets              50 bytes$' said
	says text >said || :
	grep -q '^  from b               SPI '"$spi_in"' epoch 1               0 packets               0 bytes$' said
}

# ---- When something was received ---------------------------------------------------------------------------------------

@test "a peer not received since up is silent, with status 4" {
	run -4 says text
	[ "${lines[0]}" = 'a: up, digest '"$digest"', espdecap alive (pid 77); nothing received from b yet' ]
	[ "${lines[2]}" = '  b: silent, nothing received yet, at 31.1.2.3:10421' ]
	run -4 says json
	jq -e '.up and .peers[0].state == "silent" and .peers[0].cause == "never-heard" and .peers[0].last_received_seconds == null' <<<"$output"
	# the other way counts for nothing
	run -4 says text 'sa out 1 packets=100'
	run -0 says text 'sa in 2 packets=1'
	run -4 says_hub text
	[ "${lines[0]}" = "hub: up, digest $hub; nothing received from c, d yet" ]
	# the first of the two is silent now, the other was not received yet
	run -4 says_hub text 'name bbbbbbbbbbbbbbb' 'sa in 1 packets=1 used=1'
	[ "${lines[0]}" = "hub: up, digest $hub; nothing received from d yet; nothing received from bbbbbbbbbbbbbbb for 11 days" ]
	run -4 says_hub text 'name bbbbbbbbbbbbbbb'
	[ "${lines[0]}" = "hub: up, digest $hub; nothing received from bbbbbbbbbbbbbbb, d yet" ]
}

@test "a peer not received for longer than three keepalives is silent, with status 4" {
	run -0 says text 'sa in 1 packets=3 used=999940'
	[[ "$output" == *'  b: up, received 60 s ago, at '* ]]
	run -4 says text 'sa in 1 packets=3 used=999939'
	[ "${lines[0]}" = 'a: up, digest '"$digest"', espdecap alive (pid 77); nothing received from b for 61 s' ]
	[ "${lines[2]}" = '  b: silent, received 61 s ago, at 31.1.2.3:10421' ]
	run -4 says json 'sa in 1 packets=3 used=990000'
	jq -e '.up and .peers[0].state == "silent" and .peers[0].cause == "not-arriving" and .peers[0].last_received_seconds == 10000' <<<"$output"
}

@test "if the kernel does not record the last use of an SA, policies and the record of counts do" {
	# the kernel notes at each policy when it let a packet pass
	says json 'sa in 1 packets=3' 'policy 1 use=999980' | jq -e '.peers[0].last_received_seconds == 20'
	says json 'sa in 1 packets=3' 'policy 2 use=999990' 'policy 1 use=999980' | jq -e '.peers[0].last_received_seconds == 10'
	# the outbound one says nothing, nor do policies that have let in nothing but what came in clear text
	says json 'sa in 1 packets=3' 'policy 1 use=999980' 'policy 0 use=999999' | jq -e '.peers[0].last_received_seconds == 20'
	run -4 says json 'policy 1 use=999980'
	jq -e '.peers[0].last_received_seconds == null' <<<"$output"
	# what came in clear text later is no sign of the peer
	run -4 says json 'sa in 1 packets=3' 'policy 1 use=999900' again 'policy 1 use=999999'
	jq -e '.peers[0].last_received_seconds == 100' <<<"$output"
	# without either it was between the last look and this one
	says json 'sa in 1 packets=3' | jq -e '.peers[0].last_received_seconds == 0'
	run -4 says json 'sa in 1 packets=3' again 'now 1003600'
	jq -e '.peers[0].last_received_seconds == 3600 and .peers[0].state == "silent"' <<<"$output"
	says json 'sa in 1 packets=3' again 'now 1003600' 'sa in 1 packets=4' | jq -e '.peers[0].last_received_seconds == 0'
	# a clock that was set back for an hour
	says json 'sa in 1 packets=3' again 'now 996400' 'sa in 1 packets=4' again 'now 996430' | jq -e '.peers[0].last_received_seconds == 30'
}

# ---- What is counted ---------------------------------------------------------------------------------------------------

counts() { says json "$@" | jq -r '.peers[0] | "\(.rx_packets) \(.rx_bytes) \(.tx_packets) \(.tx_bytes)"'; }
@test "counts include all SAs since up, through new keys and restarted SAs, and restart with up" {
	[ "$(counts)" = '0 0 0 0' ]
	five='sa in 1 packets=5 bytes=420' out='sa out 1 packets=5 bytes=420'
	[ "$(counts "$five" 'sa in 2 packets=5 bytes=420' "$out")" = '10 840 5 420' ]
	# an epoch that is gone, one that came, which the section does not have
	[ "$(counts "$five" "$out" again 'no sa in 1' 'past 4000 in 7')" = '12 1008 5 420' ]
	[ "$(counts "$five" "$out" again 'no sa out 1' 'past 4000 out 7')" = '5 420 12 1008' ]
	[ "$(counts "$five" "$out" again 'no sa in 1' again again again)" = '5 420 5 420' ]
	# the same SPI starts again, as after a peer moved
	[ "$(counts "$five" again 'sa in 1 packets=1 bytes=84')" = '6 504 0 0' ]
	[ "$(counts "$five" again 'sa in 1 packets=6 bytes=504')" = '6 504 0 0' ]
	# the record goes with the run folder
	[ "$(counts "$five")" = '5 420 0 0' ]
	# what is not ours is not counted, nor what has no keys
	[ "$(counts "$five" 'sa in 2 packets=9 reqid=7')" = '5 420 0 0' ]
	[ "$(counts "$five" 'sa in 2 packets=9 larval=1')" = '5 420 0 0' ]
}

@test "a torn record, or one of another tunnel, is ignored" {
	for line in '' 'peer' 'peer b 1 2 3' 'peer z 1 2 3 4 5' 'in b 1 x 3' 'in z 1 2 3' 'peer b 1 2 3 4 99999999999999999999' 'in b 99 1'; do
		[ "$(counts "record $line")" = '0 0 0 0' ]
	done
	[ "$(counts 'record peer b 1 2 3 4 5' 'record in b 12 10 20')" = '11 22 3 4' ]
}

@test "status and status --json have the packets that the kernel dropped, per SA" {
	lossy='sa in 1 packets=3 late=4 replayed=5 failed=6'
	says json "$lossy" | jq -e '.peers[0].sas[0] == {direction: "in", spi: "'"$spi_in"'", epoch: 1, packets: 3, bytes: 0, replay_window: 4, replay: 5, failed: 6}'
	says json "$lossy" | jq -e '[.peers[0].sas[] | .direction + (.epoch | tostring)] == ["in1", "in2", "out1"]'
	says text "$lossy" 'sa in 2 late=10' | grep -q '^  from b               dropped: 14 late, 5 repeated, 6 not authentic$'
	says text "$heard" >said
	run -1 grep dropped said
}

# ---- What is missing -----------------------------------------------------------------------------------------------------

# lacks TEXT [FACT]...: half up, of the pair, with exactly that missing
lacks() {
	run -1 says text "${@:2}" "$heard"
	[ "${lines[0]}" = 'a: half up: removed by another tool? Put back what is missing with: sh t/a.sh up' ]
	[ "$(sed -n '/^  missing: \|^  foreign: /p' <<<"$output")" = "$1" ]
	[[ "$output" == *'  b: half-up, received 2 s ago, at '* ]]
}
# causes CAUSE STATE [FACT]...
causes() {
	run says json "${@:3}"
	jq -e --arg cause "$1" --arg state "$2" '.peers[0] | .cause == $cause and .state == $state' <<<"$output"
}
out='  missing: policy src 192.168.1.4/32 dst 192.168.2.100/32 dir out'
in='  missing: policy src 192.168.2.100/32 dst 192.168.1.4/32 dir in'
fwd='  missing: policy src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd'
@test "each removed object of up is reported as missing by its name, with status 1" {
	lacks '  missing: SA to b' 'no sa out 1'
	lacks "$out" 'no policy 0'
	lacks "$in
$fwd" 'no policy 2' 'no policy 1'
	lacks '  missing: espdecap' 'no helper'
	lacks '  missing: espdecap (pid 12 is stopped)' 'stopped 12'
	lacks '  missing: espdecap (socat, pid 99, has its port)' 'no helper' 'owner socat 99'
	lacks '  missing: espdecap (another process has its port)' 'no helper' 'owner - 0'
	lacks '  missing: local address 192.168.1.4' 'no here'
	# of several SAs the way is said once
	run -1 says text 'no sa in 1' 'no sa in 2' 'no sa out 1'
	[ "$(grep '^  missing: ' <<<"$output")" = '  missing: SA from b
  missing: SA to b' ]
	run -1 says_hub text 'no address' 'no interface' 'no route' 'no table' 'no policy 0'
	[ "$(grep '^  missing: ' <<<"$output")" = "  missing: policy src 10.1.0.0/16 dst 10.2.0.0/16 dir out if_id $(fact if_id hub.sh)
  missing: address 10.99.0.1/32
  missing: interface xf0
  missing: route to 10.2.0.0/16
  missing: nft table inet xfrmpair-hub-$hub-clamp" ]
	# the guard, what passes it, and this host's own links, which are named only where there are any
	run -1 says_guarded text 'no policy 6' 'no policy 3' 'no policy 0' links
	[ "$(grep '^  missing: ' <<<"$output")" = "  missing: policy src 0.0.0.0/0 dst 10.1.0.0/24 dir out
  missing: policy src 0.0.0.0/0 dst 0.0.0.0/0 dir out
  missing: policy src 85.9.8.7/32 dst 31.1.2.3/32 proto 17 sport 4500 dport 4500 dir out
  missing: policies for this host's own links" ]
	run -4 says_guarded text
}

@test "a missing route concerns its peer, a missing interface all peers" {
	run -1 says_hub json 'no route'
	jq -e '[.peers[].state] == ["half-up", "silent"]' <<<"$output"
	run -1 says_hub json 'no interface'
	jq -e '[.peers[].state] == ["half-up", "half-up"]' <<<"$output"
	# the guard and what passes are no peer's
	run -1 says_guarded json 'no policy 3'
	jq -e '[.peers[].state] == ["silent"]' <<<"$output"
}

@test "packets to a network that bypass the tunnel are reported, for any peer" {
	run -1 says_hub text 'stray 10.3.0.0/16 wg0'
	[ "${lines[0]}" = "hub: half up: a rule of another VPN? See ip rule, and: sh t/a.sh check" ]
	[ "${lines[1]}" = "  missing: route to 10.3.0.0/16 (packets go through wg0)" ]
	run -1 says_hub json 'stray 10.3.0.0/16'
	jq -e '[.peers[] | .cause] == ["never-heard", "bypass"] and .missing == ["route to 10.3.0.0/16 (packets go nowhere)"] and .up == false' <<<"$output"
}

@test "the cause is one of check's" {
	causes no-out-sa half-up "$heard" 'no sa out 1'
	causes half-up half-up "$heard" 'no policy 0'
	causes half-up down 'no sa in 1' 'no sa in 2' 'no sa out 1'
	causes no-helper half-up "$heard" 'no helper' 'no sa out 1'
	causes address-gone half-up "$heard" 'no here'
	causes count-used-up half-up "$heard" 'sa out 1 seq=4294967295'
	says json "$heard" | jq -e '.peers[0] | .cause == null and .state == "up"'
}

@test "an object of another tool in place of ours is foreign; others are ignored" {
	run -1 says text "$heard" 'sa out 1 reqid=77'
	[[ "$output" == *'
  foreign: SA to 31.1.2.3 with SPI '"$spi_out"'
'* ]]
	run -1 says json "$heard" 'policy 1 reqid=77'
	jq -e '.missing == ["foreign policy src 192.168.2.100/32 dst 192.168.1.4/32 dir in"] and .peers[0].state == "half-up"' <<<"$output"
	# ours, but it pins an SA of before
	lacks "$out" 'policy 0 spi=4000'
	# the kernel waits for an SA, which is none
	lacks '  missing: SA to b' 'sa out 1 larval=1'
	run -0 says text "$heard" 'past 4000 in 1'
	# a block in place of the guard's
	run -1 says_guarded text 'policy 3 index=4001'
	[[ "$output" == *'
  foreign: policy src 0.0.0.0/0 dst 0.0.0.0/0 dir out
'* ]]
}

@test "after up --no-helper, status does not report a missing espdecap" {
	run -0 says text "$heard" 'helper 0'
	[ "${lines[0]}" = 'a: up, digest '"$digest"'' ]
	says json "$heard" 'helper 0' | jq -e '.helper_pid == null and .up'
	says json "$heard" | jq -e '.helper_pid == 77 and .up'
}

@test "a missing SA with a limit is reported as perhaps having reached it" {
	run -1 says text limited "$heard" 'no sa out 1'
	[ "${lines[0]}" = 'a: half up: a limit reached? Then: sh t/a.sh rekey, or new scripts if keys are fixed' ]
	[ "${lines[1]}" = '  missing: SA to b' ]
	run -1 says text limited "$heard" 'no policy 0'
	[ "${lines[0]}" = 'a: half up: removed by another tool? Put back what is missing with: sh t/a.sh up' ]
}

@test "status warns when half of the sequence numbers are used, and when none is left it is half up" {
	warning='  warning: half of the sequence numbers to b are used: rekey, or new scripts if keys are fixed'
	run -0 says text "$heard" 'sa out 1 seq=2147483647'
	[[ "$output" != *warning* ]]
	run -0 says text "$heard" 'sa out 1 seq=2147483648'
	[[ "$output" == *"
$warning
"* ]]
	run -0 says text "$heard" esn 'sa out 1 seq=2147483648'
	[[ "$output" != *warning* ]]
	run -1 says text "$heard" 'sa out 1 seq=4294967295'
	[ "${lines[0]}" = 'a: half up: no packet can be sent: sh t/a.sh rekey, or new scripts if keys are fixed' ]
	[ "${lines[1]}" = '  missing: sequence numbers to b' ]
}

@test "fixed keys: from the first restart on status prints how many starts are left" {
	# up has begun once, and may 62 times more
	says text fixed "$heard" 'sequence 67108864' >said
	run -1 grep starts said
	says text fixed "$heard" 'sequence 134217728' >said
	grep -qx '  61 more starts with the fixed keys to b: then new scripts for all sides' said
	says text fixed "$heard" 'sequence 2214592512' >said
	grep -qx '  warning: 30 more starts with the fixed keys to b: then new scripts for all sides' said
	says json fixed "$heard" 'sequence 134217728' | jq -e '.peers[0].starts_left == 61'
	says json fixed "$heard" 'sequence 4294967000' | jq -e '.peers[0].starts_left == 0'
	# what the kernel has sent since counts too
	says json fixed "$heard" 'sequence 134217728' 'sa out 1 seq=200000000' | jq -e '.peers[0].starts_left == 61'
	says json fixed "$heard" 'sequence 134217728' 'sa out 1 seq=2147483648' | jq -e '.peers[0].starts_left == 31'
	# keys that change need none
	says json "$heard" 'sequence 134217728' | jq -e '.peers[0].starts_left == null'
}

@test "a side may have any name" {
	for name in lost foreign missing failed up down half silent json null true tornado hours counts peer in out sa; do
		says text "name $name" "$heard" >said
		[ "$(sed -n 1p said)" = 'a: up, digest '"$digest"', espdecap alive (pid 77)' ]
		[ "$(sed -n 3p said)" = "  $name: up, received 2 s ago, at 31.1.2.3:10421" ]
		run -1 says json "name $name" "$heard" 'no sa out 1'
		jq -e --arg name "$name" '.peers[0].name == $name and .missing == ["SA to " + $name]' <<<"$output"
		says json "name $name" "$heard" again 'no sa in 1' again | jq -e '.peers[0].rx_packets == 3' || [ "${PIPESTATUS[0]}" -eq 1 ]
	done
}

# ---- For programs --------------------------------------------------------------------------------------------------------

@test "status --json prints one object with these fields and no key, and exits like status" {
	says json "$heard" "$sent" >said
	[ "$(wc -l <said)" -eq 1 ]
	# the manual's
	fields=$(sed -n '/^\.Sh STATUS OBJECT/,/^\.El/s/^\.It Li //p' "$BATS_TEST_DIRNAME/../helper/xfrmkeep.8" | sort -u)
	[ "$(jq -r 'keys[], (.peers[0] | keys[], (.sas[0] | keys[]))' said | sort -u)" = "$fields" ]
	jq -e '. == {name: "a", digest: "'"$digest"'", up: true, helper_pid: 77, missing: [], fingerprint: "12345 67890", peers: [
		{name: "b", state: "up", cause: null, epoch: 1, local: "192.168.1.4:61525", remote: "31.1.2.3:10421", tx_packets: 3, tx_bytes: 252, rx_packets: 3, rx_bytes: 252,
		last_received_seconds: 2, spi_out: "'"$spi_out"'", spi_in: "'"$spi_in"'", starts_left: null, sas: [
		{direction: "in", spi: "'"$spi_in"'", epoch: 1, packets: 3, bytes: 252, replay_window: 0, replay: 0, failed: 0},
		{direction: "in", spi: "'"$spi_next"'", epoch: 2, packets: 0, bytes: 0, replay_window: 0, replay: 0, failed: 0},
		{direction: "out", spi: "'"$spi_out"'", epoch: 1, packets: 3, bytes: 252, replay_window: 0, replay: 0, failed: 0}]}]}' said
	run -1 says json "$heard" 'no sa in 1' 'no sa in 2'
	jq -e '.missing[0] == "SA from b" and (.peers[0] | .state == "half-up" and .spi_in == null and .epoch == 1 and .rx_packets == 0)' <<<"$output"
	run -1 says json 'no sa out 1'
	jq -e '.peers[0] | .spi_out == null and .epoch == null' <<<"$output"
	run -1 says json "$heard" 'no helper'
	jq -e '.helper_pid == null and .up == false and .missing == ["espdecap"]' <<<"$output"
	run -4 says_hub json
	jq -e '[.peers[].name] == ["c", "d"] and (has("fingerprint") | not) and .peers[0].local == "[2001:db8:ffff::1]" and .helper_pid == null' <<<"$output"
	# no secret of a script is in what is said of it
	for script in a hub; do
		for form in text json watch; do "$BATS_FILE_TMPDIR/status" $script.sh $form "$heard" 'no sa out 1' 'no policy 0' >>all || :; done 2>/dev/null
		grep -o '[0-9a-f]\{32,\}' $script.sh >secrets
		run -1 grep -F -f secrets all
	done
}

# ---- --watch -------------------------------------------------------------------------------------------------------------

@test "status --watch prints rates per second since the previous table" {
	says watch 'sa in 1 packets=1000 bytes=100000000' "$sent" again 'sa in 1 packets=2000 bytes=200000000' | same 'a: up, digest '"$digest"', espdecap alive (pid 77)
  peer            state    in pkt/s    in B/s out pkt/s   out B/s
  b               up              -         -         -         -  received 0 s ago
a: up, digest '"$digest"', espdecap alive (pid 77)
  peer            state    in pkt/s    in B/s out pkt/s   out B/s
  b               up           1000    100.0M         0         0  received 0 s ago'
	for rate in '0 0' '9999 9999' '10000 10.0k' '9999499 9999.5k' '123456789012 123.5G'; do
		says watch "$sent" "$heard" again "sa in 1 packets=3 bytes=$((252 + ${rate% *}))" >said
		tail -n 1 said | grep -q "^  b  *up  *0  *${rate#* }  *0  *0  received"
	done
	# what is missing is said above the table
	says watch 'no policy 0' >said || :
	[ "$(sed -n 2p said)" = "$out" ]
	[ "$(wc -l <said)" -eq 4 ]
}

@test "on a terminal the table overwrites its own lines, cut to the width" {
	diff <(says screen 'sa in 1 packets=1' again | cat -v; echo) - <<END
a: up, digest $digest, espdecap alive (pid 77)^[[K
  peer            state    in pkt/s    in B/s out pkt/s   ou^[[K
  b               up              -         -         -     ^[[K
^[[J^[[3A^Ma: up, digest $digest, espdecap alive (pid 77)^[[K
  peer            state    in pkt/s    in B/s out pkt/s   ou^[[K
  b               up              0         0         0     ^[[K
^[[J
END
}

seen_in() { # FILE PATTERN [COUNT]: waits for so many lines with it, 20 s at most
	local i
	for ((i = 0; i < 200; i++)); do
		if [ "$(grep -ca "$2" "$1")" -ge "${3-1}" ]; then return; fi
		sleep 0.1
	done
	return 1
}

@test "status --watch prints every second, and ends with 0 on ^C, TERM, HUP and a closed pipe" {
	for signal in INT TERM HUP; do
		timeout 60 env --default-signal "$XFRMKEEP" status a.sh --watch >said 3>&- &
		seen_in said '^a: down$' 2
		run -1 grep -q "$(printf '\033')" said
		pkill -$signal -P $! -f 'status a.sh --watch'
		wait $!
	done
	[ ! -e state ]
	[ ! -e run ]
	# a reader that takes nothing
	mkfifo pipe
	sleep 60 <pipe 3>&- &
	sleeper=$!
	timeout 60 env --default-signal bash -c 'for i in {1..70000}; do echo; done 2>/dev/null & exec "$XFRMKEEP" status a.sh --watch' >pipe 3>&- &
	sleep 1
	pkill -TERM -P $! -f 'status a.sh --watch'
	wait $!
	kill $sleeper
	timeout 20 bash -o pipefail -c '"$XFRMKEEP" status a.sh --watch | head -n 1' >said
	[ "$(cat said)" = 'a: down' ]
}

@test "on a terminal ^C leaves the cursor below the table; NO_COLOR and dumb terminals have no escapes" {
	{ seen_in said "$(printf '\033')\[2A"; printf '\003'; sleep 0.5; } | TERM=xterm timeout -k 1 30 script -qec 'exec "$XFRMKEEP" status a.sh --watch' /dev/null >said 3>&-
	[[ "$(tail -c 4 said | od -An -c)" == *'\r  \n' ]]
	for plain in TERM=dumb TERM= NO_COLOR=1; do
		: >said
		{ seen_in said 'a: down' 2; printf '\003'; } | TERM=xterm timeout -k 1 30 env "$plain" script -qec 'exec "$XFRMKEEP" status a.sh --watch' /dev/null >said 3>&-
		run -1 grep -qa "$(printf '\033')" said
	done
}

# ---- Of one that is down, or of which nothing can be said ------------------------------------------------------------------

# keep STATUS ARGUMENT...: xfrmkeep ends with that; leaves output and stderr
keep() {
	local expected=$1
	shift
	status=0
	output=$(timeout 60 "$XFRMKEEP" "$@" 2>"$BATS_TEST_TMPDIR/stderr") || status=$?
	stderr=$(<"$BATS_TEST_TMPDIR/stderr")
	mapfile -t lines <<<"$output"
	mapfile -t stderr_lines <<<"$stderr"
	[ "$status" -eq "$expected" ]
}
# runs: makes a run folder of this boot
runs() {
	mkdir -p run/$store
	chmod 700 run run/*
	echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/self/ns/net)" >run/$store/boot
}

@test "a tunnel that is down is reported as such, with status 1" {
	keep 1 status a.sh
	[ "$output" = 'a: down
  fingerprint 12345 67890' ]
	[ -z "$stderr" ]
	keep 1 status a.sh --json
	[ "$output" = '{"name":"a","up":false,"fingerprint":"12345 67890"}' ]
	# what an earlier boot, or another network namespace, has left
	runs
	echo old >run/$store/boot
	keep 1 status a.sh
	[ "${lines[0]}" = 'a: down' ]
	# nothing is made, and nothing written
	[ ! -e state ]
	[ "$(ls -A run/$store run)" = 'run:
'"$store"'

run/'"$store"':
boot' ]
}

@test "a torn store or script is reported, with status 1, and JSON has up false" {
	mkdir -m 700 state
	sed -n '/^made=/,/^token/p' a.sh >state/$store
	chmod 600 state/*
	keep 1 status a.sh --json
	[ "$output" = '{"name":"a","up":false,"fingerprint":"12345 67890"}' ]
	[[ "$stderr" == "xfrmkeep: "*"state/$store: "* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	keep 1 status a.sh
	[ -z "$output" ]
	echo no script >other.sh
	keep 2 status other.sh --json
	[ -z "$output" ]
	[[ "$stderr" == 'xfrmkeep: other.sh: not a script of xfrmpair '* ]]
}

@test "while up or down runs, status prints only that" {
	runs
	for verb in up down; do
		word=$verb
		[ $verb = up ] || word=stop
		sh -c 'sleep 60; :' sh -n $word 3>&- &
		ln -s $! run/$store.busy
		keep 1 status a.sh
		[ -z "$output" ]
		[ "$stderr" = "a: $verb is running (pid $!)" ]
		keep 1 status a.sh --json
		[ "$output" = '{"name":"a","up":false,"fingerprint":"12345 67890"}' ]
		kill $!
		rm run/*.busy
	done
}

@test "status accepts --json or --watch, but not both" {
	for words in '--json --watch' '--json --json' '--jso' 'x' '-n'; do
		keep 2 status a.sh $words
		[[ "$stderr" == "xfrmkeep: status: '"*"' (expected "*"--json"*"--watch)" ]]
		[ -z "$output" ]
	done
}

@test "output that cannot be written is an error" {
	run -1 bash -c '"$XFRMKEEP" status a.sh >/dev/full'
	run -1 bash -c '"$XFRMKEEP" wireshark a.sh >/dev/full'
	[[ "$output" == *'xfrmkeep: standard output: No space left on device' ]]
}

# ---- list ------------------------------------------------------------------------------------------------------------------

@test "list prints a line for each script of a folder, by the file's name, and exits with the worst status" {
	mkdir tunnels
	keep 0 list tunnels
	[ "$output" = 'tunnel          state    received     last received  epoch' ]
	cp a.sh tunnels/office.sh
	cp hub.sh tunnels/hub.sh
	echo other >tunnels/broken.sh
	echo other >tunnels/.hidden.sh
	echo other >tunnels/README
	keep 2 list tunnels
	[ "$output" = 'tunnel          state    received     last received  epoch
broken          unknown  -            -              -
hub             down     0 of 2       -              -
office          down     0 of 1       -              -' ]
	[[ "$stderr" == 'xfrmkeep: tunnels/broken.sh: not a script of xfrmpair '* ]]
	rm tunnels/broken.sh
	keep 1 list tunnels
	keep 2 list nowhere
	[ "$stderr" = 'xfrmkeep: nowhere: cannot be read: No such file or directory' ]
	keep 2 list tunnels tunnels
}
