#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep without SAs: options, lock, section, and all other objects. tests/lab/keep.bats has the tests with SAs.
# Most tests need root, for a network namespace of their own; a fake ip leaves SAs out, so kernels without ESP suffice.
bats_require_minimum_version 1.5.0

load keep

@test "every program accepts --help, --version and --, and refuses unknown options" {
	gives xfrmkeep --help
	same "$status" 0
	same "$stderr" ''
	same "${output%% VERB*}" "usage: xfrmkeep [-n]"
	gives xfrmkeep -V
	same "$status" 0
	[[ "$output" =~ ^xfrmkeep\ [0-9.]+$ ]]
	gives xfrmkeep --bad
	same "$status" 2
	same "${stderr%%$'\n'*}" "xfrmkeep: unknown option '--bad'"
	gives xfrmkeep
	same "$status" 2
	same "${stderr%%$'\n'*}" "xfrmkeep: VERB: missing"
	gives xfrmkeep -- rekeys a.sh
	same "$status" 2
	same "${stderr%%$'\n'*}" "xfrmkeep: unknown verb 'rekeys'"
	gives xfrmkeep rekey
	same "$status" 2
	gives xfrmkeep rekey a.sh b
	same "$status" 2
	same "${stderr%%$'\n'*}" "xfrmkeep: wrong number of arguments for 'rekey'"
	gives xfrmkeep rekey /dev/null
	same "$status" 2
}

@test "--help to a full disk is an error" {
	[ -w /dev/full ] || skip "needs /dev/full"
	status=0
	xfrmkeep --help >/dev/full 2>/dev/null || status=$?
	same "$status" 1
}

@test "rekey and mend refuse a tunnel that is down, or of an earlier boot" {
	for verb in rekey mend; do
		refused "xfrmkeep: a: not running: sh a.sh up" xfrmkeep $verb a.sh
	done
	in_a_host
	is_up
	echo "another@boot" >"$run/boot"
	refused "xfrmkeep: a: not running since the last boot, or in this network namespace: sh a.sh up" keep mend
}

@test "after up --no-helper, neither status nor mend requires espdecap" {
	in_a_host
	on_host sh a.sh -n up --no-punch --no-helper >dry
	same "$(grep -c espdecap dry)" 0
	[ ! -e "$run" ]
	on_host sh a.sh up --no-punch --no-helper
	same "$(<"$run/espdecap")" none
	keep status >said || :
	grep -q 'missing: SA' said # ours leaves them out
	same "$(grep -c espdecap said)" 0
	keep mend >said
	same "$(grep -c espdecap said)" 0
	on_host sh a.sh down
	[ ! -e "$run" ]
	on_host sh a.sh up --no-punch
	grep -qx espdecap "/proc/$(<"$run/espdecap")/comm"
	kill "$(<"$run/espdecap")"
	keep status >said || :
	grep -qx '  missing: espdecap' said
	on_host sh a.sh down
}

@test "a peer with a DNS name is sent to at the name's port; if the lookup fails, at its last address" {
	in_a_host
	xfrmpair --force -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@home.example.org:4500 2>/dev/null
	local state
	state=$XFRMPAIR_STATE/$(fact store a.sh)
	printf '#!/bin/sh\ncat "%s/answer" 2>/dev/null\n' "$PWD" >bin/natprobe
	chmod +x bin/natprobe
	export NATPROBE=$PWD/bin/natprobe
	gives on_host sh a.sh up --no-punch --no-helper --wait 1
	same "$status" 1
	[[ "$stderr" == *"a: no address of home.example.org in 1 s"* ]]
	# ends ADDRESS PORT: where the section and the kernel have it
	ends() {
		same "$(field there_1 "$state") $(sed -n 's/.* port_1=\([0-9]*\) .*/\1/p' "$state")" "$1 $2"
		same "$(on_host ip xfrm policy list | grep -c "tmpl src 192.168.1.4 dst $1\$")" 1
	}
	echo 31.1.2.3 >answer
	on_host sh a.sh up --no-punch --no-helper
	ends 31.1.2.3 4500
	keep update-peer 31.1.2.77:4777
	ends 31.1.2.77 4777
	on_host sh a.sh down
	rm answer
	on_host sh a.sh up --no-punch --no-helper
	ends 31.1.2.77 4777
	on_host sh a.sh down
	echo 31.1.2.9 >answer
	on_host sh a.sh up --no-punch --no-helper
	ends 31.1.2.9 4500
	on_host sh a.sh down
}

@test "a held lock is waited for, and a stale lock is replaced" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_RUN"
	ln -s 4194304 "$run.busy" # no such process
	gives begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	sleep 5 &
	ln -s $! "$run.busy" # its pid has gone to another program
	gives begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	sh -c 'ln -s $$ "$1" && sleep 0.5; rm "$1"' sh "$run.busy" &
	while [ ! -L "$run.busy" ]; do sleep 0.02; done
	gives begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	kill %1 2>/dev/null || true
}

@test "a folder that others can write to, or that is a link, is refused" {
	in_a_host
	mkdir -m 777 "$XFRMPAIR_RUN"
	chmod 777 "$XFRMPAIR_RUN"
	refused "xfrmkeep: $XFRMPAIR_RUN: others can write to it (expected mode 0700)" begin
	chmod 700 "$XFRMPAIR_RUN"
	mv "$XFRMPAIR_RUN" elsewhere
	ln -s elsewhere "$XFRMPAIR_RUN"
	gives begin
	same "$status" 1
	same "${stderr%% (*}" "xfrmkeep: $XFRMPAIR_RUN: Not a directory"
}

@test "mend puts back policies, address, route, nft table and helper, and only what is missing" {
	in_a_host
	command -v nft >/dev/null || skip "needs nft"
	begin
	is_up
	: >"$run/clamp"
	echo 0 >"$run/espdecap"
	gives keep mend
	same "$stderr" ''
	same "$status" 0
	same "$output" "put back: 3 SAs of b
put back: 3 policies of b
put back: address 10.99.0.1/32
put back: route 10.99.0.2/32 dev up0
put back: nft table inet $table
put back: $helper"
	same "$(ip -n "$space" -o route show 10.99.0.2)" "10.99.0.2 via 192.168.1.1 dev up0 proto $(fact route_proto a.sh) src 10.99.0.1 onlink mtu 1438 "
	same "$(ip -n "$space" -o address show label "$(fact own_label a.sh)" | wc -l)" 1
	kill -0 "$(<"$run/espdecap")"
	ip -n "$space" xfrm policy delete dir fwd index "$(index fwd)"
	ip -n "$space" route delete 10.99.0.2
	gives keep mend
	same "$status" 0
	same "$output" "put back: 3 SAs of b
put back: 1 policy of b
put back: route 10.99.0.2/32 dev up0"
	same "$(ip -n "$space" -s xfrm policy | grep -cw -e "$(index in)" -e "$(index out)" -e "$(index fwd)")" 3
	ip -n "$space" address delete 10.99.0.1/32 dev lo # which takes the route with it
	kill "$(<"$run/espdecap")"
	on_host nft flush ruleset
	gives keep mend
	same "$status" 0
	same "$output" "put back: 3 SAs of b
put back: address 10.99.0.1/32
put back: route 10.99.0.2/32 dev up0
put back: nft table inet $table
put back: $helper"
}

@test "mend changes a route to the present way to the peer" {
	in_a_host
	begin
	is_up
	keep mend
	ip -n "$space" route replace default via 192.168.1.2 dev up0 onlink
	gives keep mend
	same "$status" 0
	same "${output#*$'\n'}" "put back: route 10.99.0.2/32 dev up0"
	same "$(ip -n "$space" -o route show 10.99.0.2)" "10.99.0.2 via 192.168.1.2 dev up0 proto $(fact route_proto a.sh) src 10.99.0.1 onlink mtu 1438 "
}

@test "another tool's policy or route is kept and reported" {
	in_a_host
	begin
	is_up
	keep mend
	ip -n "$space" xfrm policy deleteall
	ip -n "$space" xfrm policy add src 10.99.0.2 dst 10.99.0.1 dir in priority 7
	before=$(ip -n "$space" -s xfrm policy)
	gives keep mend
	same "$status" 0
	same "$output" ''
	same "$stderr" "xfrmkeep: b: taken: another tool has the policy src 10.99.0.2/32 dst 10.99.0.1/32 dir in: see ip xfrm policy"
	same "$(ip -n "$space" -s xfrm policy)" "$before"
	ip -n "$space" xfrm policy deleteall
	ip -n "$space" xfrm policy add src 10.7.0.0/16 dst 10.8.0.0/16 dir out index "$(index out)" priority 7
	gives keep mend
	same "$stderr" "xfrmkeep: b: taken: another tool has a policy with index $(index out): see ip -s xfrm policy"
	same "$(ip -n "$space" xfrm policy | grep -c ^src)" 1
}

@test "a failed mend uses no sequence numbers" {
	in_a_host
	begin
	is_up
	mkdir refuses
	cat >refuses/ip <<-END
		#!/bin/sh
		[ "\$1" = xfrm ] && exec $(command -v -p ip) "\$@"
		cat >/dev/null
		echo 'RTNETLINK answers: Protocol not supported' >&2
		exit 2
	END
	chmod +x refuses/ip
	for _ in 1 2 3; do
		PATH=$PWD/refuses:$PATH gives keep mend
		same "$status" 5
		same "${stderr%%: try*}" "xfrmkeep: a: no-esp: this kernel has no ESP"
	done
	same "$(field oseq_1 "$state")" 67108864
}

@test "-n prints the commands without keys, and changes nothing" {
	in_a_host
	begin
	is_up
	echo 0 >"$run/espdecap"
	read -r spi reqid < <(sed -n 's/.* spi \([^ ]*\) reqid \([0-9]*\) .* replay-seq .*/\1 \2/p' a.sh)
	before=$(cat "$state" a.sh && ip -n "$space" -s xfrm policy && ls -A run/*)
	gives keep -n mend
	same "$status" 0
	same "$stderr" ''
	same "$(head -n 1 <<<"$output")" "ip xfrm state add src 31.1.2.3 dst 192.168.1.4 proto esp spi $spi reqid $reqid mode tunnel replay-window 128 replay-seq 0 encap espinudp 10421 61525 0.0.0.0 aead 'rfc4106(gcm(aes))' KEY 128"
	same "$(grep -c '^ip xfrm policy update' <<<"$output")" 3
	same "$(tail -n 1 <<<"$output")" "$helper"
	same "$(grep -c '0x[0-9a-f]\{9,\}' <<<"$output")" 0
	[ ! -e batches ]
	# as the script itself prints them, but for the number
	same "$(grep '^ip xfrm state' <<<"$output" | sed 's/oseq [0-9]*/oseq/')" \
		"$(on_host sh a.sh -n up --no-punch 2>/dev/null | grep '^ip xfrm state' | sed 's/oseq [0-9]*/oseq/')"
	gives keep -n update-peer 31.1.2.9:4500
	same "$status" 0
	same "$(grep -c 'dst 31.1.2.9' <<<"$output")" 2
	same "$(cat "$state" a.sh && ip -n "$space" -s xfrm policy && ls -A run/*)" "$before"
}

@test "keys reach ip only on standard input" {
	in_a_host
	begin
	is_up
	keep mend
	key=$(grep -o '0x[0-9a-f]\{32,\}' a.sh | head -n 1)
	same "$(grep -c "$key" batches)" 1
	same "$(grep -c "${key#0x}" shown)" 0
	same "$(grep -c '^XFRMPAIR\|^HOME' shown)" 0
}

@test "update-peer requires an endpoint of the tunnel's family, and also works while the tunnel is down" {
	in_a_host
	begin
	for word in '' b c 31.1.2.3 31.1.2.3: :77 31.1.2.3:0 31.1.2.3:65536 31.1.2.3:70000 31.1.2.3:077 31.1.2.3:7x 31.1.2:77 31.1.2.256:77 31.1.2.3.1:77 \
		'[2001:db8::1]:4500' name.example:4500 -c:77; do
		gives keep update-peer "$word"
		same "$status" 2
		same "$(grep -c . <<<"$stderr")" 1
	done
	gives keep update-peer c 31.1.2.9:4500
	same "$status" 2
	same "$stderr" "xfrmkeep: 'c': not a peer (expected b)"
	gives keep update-peer b 31.1.2.9:4500
	same "$status" 0
	same "$stderr" "a: b is now at 31.1.2.9:4500 (was at 31.1.2.3:10421)"
	same "$(field there_1 "$state")" 31.1.2.9
	made=$(field made "$state")
	gives keep update-peer 31.1.2.9:4500
	same "$status" 0
	same "$stderr" ''
	same "$(field made "$state")" "$made"
}

@test "update-peer restarts the helper with the new endpoint, but not a foreign one" {
	in_a_host
	begin
	is_up
	echo 0 >"$run/espdecap"
	keep mend
	pid=$(<"$run/espdecap")
	gives keep update-peer 31.1.2.9:4500
	same "$status" 0
	same "$(tr -d '\0' <"/proc/$pid/cmdline" 2>/dev/null)" '' # gone, or waiting to be buried
	same "$(tr '\0' ' ' <"/proc/$(<"$run/espdecap")/cmdline")" "espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.9:4500 "
	same "$(ip -n "$space" xfrm policy | grep -c 31.1.2.9)" 3
	kill "$(<"$run/espdecap")"
	echo none >"$run/espdecap"
	gives keep update-peer 31.1.2.9:4501
	same "$status" 0
	same "${stderr%%$'\n'*}" "a: espdecap was not started by this script: start it as: espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.9:4501"
	same "$(<"$run/espdecap")" none
}

@test "the changes of SAs and policies, case by case" {
	local helper=$BATS_TEST_DIRNAME/../helper
	cc -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I"$helper" -o change "$BATS_TEST_DIRNAME/change.c" \
		"$helper"/{change,kernel,kernel_xfrm,kernel_route,netlink,section,section_check,section_parse,rows,xfrm,xfrm_parse}.c \
		"$helper"/{cipher,prefix,text,sha256,endpoint,number,say,special}.c
	gives ./change
	same "$output" "0 of 23 failed"
	same "$status" 0
}

@test "xfrmkeep is static and at most 240 KiB with musl" {
	[[ "$(file -b "$(command -v xfrmkeep)")" == *"statically linked"* ]] || skip "built with another compiler"
	[[ "$(file -b "$(command -v xfrmkeep)")" != *"static-pie"* ]] || skip "built with glibc"
	strip -o stripped "$(command -v xfrmkeep)"
	[ "$(stat -c %s stripped)" -le 245760 ]
}
