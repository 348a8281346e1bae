#!/usr/bin/env bats
# What xfrmkeep does without ESP: its words, the lock, the section, and everything that is no SA. With SAs: tests/lab/keep.bats.
# Most tests need root, for a network namespace of their own; an ip of ours leaves SAs out, so that kernels without ESP do.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return
	PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin:/sbin
	export PATH
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
	xfrmpair --clamp --inner 10.99.0.0/24 -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421 2>/dev/null
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state
	run=$XFRMPAIR_RUN/$(fact store a.sh)
	state=$XFRMPAIR_STATE/${run##*/}
	table=xfrmpair-a-$(fact digest a.sh)-clamp
	helper="espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.3:10421"
	space=
}
teardown() {
	if grep -qsx "[1-9][0-9]*" "$run/espdecap"; then kill "$(<"$run/espdecap")" 2>/dev/null || :; fi # 0 would be all of us
	[ -z "$space" ] || ip netns delete "$space"
}

fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" | head -n 1; } # NAME FILE: of its page
index() { sed -n "s/.* dir $1 index \([0-9]*\) priority.*/\1/p" a.sh | head -n 1; } # DIRECTION: of the first policy
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# a host with one link, 192.168.1.4 on it, and the router 192.168.1.1 that is on no network of its own
in_a_host() {
	need_root
	space=keep-$BASHPID-$BATS_TEST_NUMBER
	ip netns add "$space"
	ip -n "$space" link set lo up
	ip -n "$space" link add up0 type veth peer name other
	ip -n "$space" link set up0 up
	ip -n "$space" link set other up
	ip -n "$space" address add 192.168.1.4/32 dev up0
	ip -n "$space" route add default via 192.168.1.1 dev up0 onlink
	mkdir bin
	cat >bin/ip <<-END
		#!/bin/sh
		tr '\\0' '\\n' </proc/\$\$/cmdline >>$PWD/shown
		tr '\\0' '\\n' </proc/\$\$/environ >>$PWD/shown
		case "\$*" in
		*-batch*) sed ':a; /\\\\\$/{N; s/\\\\\\n//; ba;}' | tee -a $PWD/batches | sed '/^xfrm state/d' | $(command -v ip) "\$@" ;;
		*) exec $(command -v ip) "\$@" ;;
		esac
	END
	chmod +x bin/ip
	PATH=$PWD/bin:$PATH
}
on_host() { nsenter --net="/run/netns/$space" "$@"; }
# keep VERB [ARGUMENT]...: xfrmkeep there, on a.sh; options come first
keep() {
	local options=()
	while [[ "$1" == -* ]]; do
		options+=("$1")
		shift
	done
	on_host xfrmkeep "${options[@]}" "$1" a.sh "${@:2}"
}
# is_up: as `up` leaves it, but for the kernel
is_up() {
	mkdir -p "$XFRMPAIR_RUN"
	chmod 700 "$XFRMPAIR_RUN"
	mkdir -m 700 "$run"
	# shellcheck disable=SC2016 # that shell expands it
	on_host sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/$$/ns/net)"' >"$run/boot"
}
# field NAME FILE: what the section there has of it
field() { sed -n '/^made=[0-9]/,$p' "$2" | sed -n "s/.*$1[= ]\([^ ]*\).*/\1/p" | head -n 1; }

@test "the four words of every program: --help, --version, --, and what is unknown" {
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
	same "${stderr%%$'\n'*}" "xfrmkeep: a verb is missing"
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

@test "a full disk for --help is an error" {
	[ -w /dev/full ] || skip "needs /dev/full"
	status=0
	xfrmkeep --help >/dev/full 2>/dev/null || status=$?
	same "$status" 1
}

@test "a tunnel that is down, or of an earlier boot, is not rekeyed or mended; record has nothing to do then" {
	for verb in rekey mend; do
		refused "xfrmkeep: a: not running: sh a.sh up" xfrmkeep $verb a.sh
	done
	in_a_host
	fine keep record
	[ ! -e "$state" ]
	is_up
	echo "another@boot" >"$run/boot"
	refused "xfrmkeep: a: not running since the last boot, or in this network namespace: sh a.sh up" keep mend
}

@test "up waits for the local address as long as --wait says, and says so once" {
	in_a_host
	on_host ip address delete 192.168.1.4/32 dev up0
	gives on_host sh a.sh up --wait 2 --no-punch --no-helper
	same "$status" 1
	same "$stderr" "a: waiting up to 2 s for the address 192.168.1.4; is this the script of another side?
a: 192.168.1.4 is not an address of this host (--local ADDRESS if it has another now)
a: removing what up added"
	[ ! -e "$run" ]
	{
		sleep 1
		on_host ip address add 192.168.1.4/32 dev up0
		on_host ip route add default via 192.168.1.1 dev up0 onlink
	} 3>&- &
	gives on_host sh a.sh up --wait 30 --no-punch --no-helper
	same "$status" 0
	wait
	gives on_host sh a.sh down
	same "$status" 0
	[ ! -e "$run" ]
}

@test "begin writes new numbers and the endpoints, and the first time into the script too" {
	in_a_host
	gives keep begin here=192.168.1.9 there_1=31.1.2.9 port_1=4500
	same "$stderr" ''
	same "$status" 0
	for file in "$state" a.sh; do
		same "$(field made "$file")" 2
		same "$(sed -n 's/.* here=//p' "$file")" 192.168.1.9
		same "$(field there_1 "$file")" 31.1.2.9
		same "$(sed -n 's/.* port_1=\([0-9]*\) .*/\1/p' "$file")" 4500
		same "$(field oseq_1 "$file")" 67108864
	done
	gives keep begin
	same "$status" 0
	same "$(field made "$state")" 3
	same "$(field made a.sh)" 2
	same "$(field there_1 "$state")" 31.1.2.9
	same "$(field oseq_1 "$state")" 134217728
}

# heard_before EPOCH FILE...: the section of each says that b was received with that epoch
heard_before() {
	local file
	for file in "${@:2}"; do
		sed -n '/^made=[0-9]/,/^#: /p' "$file" | sed "s/^\(#: b heard \)[0-9]*/\1$1/" >section
		{
			sed '/^made=[0-9]/,$d' "$file"
			cat section
			echo "# ---- end $(sha256sum <section | cut -c 1-16)"
			sed '1,/^# ---- end/d' "$file"
		} >changed
		cat changed >"$file"
	done
}
# renamed: the files that `keep begin` puts in place, in that order
renamed() {
	on_host strace -qq -o ../trace -e trace=rename,renameat,renameat2 xfrmkeep begin a.sh
	sed -n 's/.*"\([^"]*\)".*= 0$/\1/p' ../trace
}

@test "a new epoch is in the script before it is in the store, the first start in the store before the script" {
	in_a_host
	strace -o ../trace true || skip "needs strace that may trace"
	same "$(renamed)" "${run##*/}
a.sh"
	same "$(renamed)" "${run##*/}"
	heard_before 1 "$state" a.sh
	same "$(renamed)" "a.sh
${run##*/}"
	same "$(grep -c '# to b, epoch 2$' a.sh "$state")" "a.sh:1
$state:1"
}

@test "where the store cannot be written the script is as it was, and the store counts" {
	in_a_host
	keep begin
	heard_before 1 "$state" a.sh
	before=$(cat a.sh "$state")
	mkfifo "$state.new"
	gives keep begin
	same "$status" 1
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(cat a.sh "$state")" "$before"
	rm "$state.new"
	fine keep begin
	same "$(grep -c '# to b, epoch 2$' a.sh "$state")" "a.sh:1
$state:1"
}

@test "begin refuses what is no endpoint, and writes nothing then" {
	in_a_host
	for word in here=x here=2001:db8::1 there_2=1.2.3.4 there_=1.2.3.4 there_1= port_1=0 port_1=65536 name=b -b here; do
		gives keep begin -- "$word"
		same "$status" 2
		same "$(grep -c . <<<"$stderr")" 1
	done
	[ ! -e "$state" ]
}

@test "begin says in time that the sequence numbers come to an end, and starts none beyond" {
	in_a_host
	for start in {1..63}; do
		gives keep begin
		same "$status" 0
		case $start in
		4[0-7]) same "$stderr" '' ;;
		48) same "$stderr" "a: b: sequence numbers for 15 more starts: then rekey is needed" ;;
		63) same "$stderr" "a: b: sequence numbers for 0 more starts: then rekey is needed" ;;
		esac
	done
	same "$(field oseq_1 "$state")" 4227858432
	gives keep begin
	same "$status" 1
	same "$stderr" "xfrmkeep: b: count-used-up: no sequence numbers are left (expected new scripts, or rekey on both sides)"
	same "$(field oseq_1 "$state")" 4227858432
}

@test "without xfrmkeep up starts as long as the number that it would send with is one, in each shell" {
	in_a_host
	export XFRMKEEP=/none
	for shell in dash 'busybox ash' bash mksh; do
		last=4294967294
		[ "$shell" != mksh ] || last=2147483646 # it counts to 2^31
		gives on_host $shell a.sh up --no-punch --no-helper
		same "$status" 0
		on_host $shell a.sh down
		for less in 1 0; do # the first of them has a start to its record, too
			sed -i "s/^made=.*starts=[0-9]* /made=$((100 - less)) starts=1 /; s/oseq_1=[0-9]*/oseq_1=$((last - less - 2 * 67108864 + 1))/; \$d" "$state"
			echo "# ---- end $(sha256sum <"$state" | cut -c 1-16)" >>"$state"
			before=$(<"$state")
			gives on_host $shell a.sh up --no-punch --no-helper
			if [ $less = 1 ]; then
				same "$status" 0
				same "$(grep -o 'replay-oseq [0-9]*' batches | tail -n 1)" "replay-oseq $last"
				same "$(field starts "$state")" 2
				on_host $shell a.sh down
			else
				same "$status" 1
				same "$stderr" "a: these keys have no sequence numbers left: install xfrmkeep on both sides, or generate new scripts
a: removing what up added"
				same "$(<"$state")" "$before"
			fi
		done
		rm "$state"
	done
}

@test "a lock is waited for, left to a parent that holds it, and taken from a process that is gone" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_RUN"
	ln -s 4194304 "$run.busy" # no such process
	gives keep begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	sleep 5 &
	ln -s $! "$run.busy" # its pid has gone to another program
	gives keep begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	sh -c 'ln -s $$ "$1" && sleep 0.5; rm "$1"' sh "$run.busy" &
	while [ ! -L "$run.busy" ]; do sleep 0.02; done
	gives keep begin
	same "$status" 0
	[ ! -L "$run.busy" ]
	ln -s $$ "$run.busy"
	gives keep begin
	same "$status" 0
	same "$(readlink "$run.busy")" $$
	kill %1 2>/dev/null || true
}

@test "a folder that others can write to, or that is a link, is refused" {
	in_a_host
	mkdir -m 777 "$XFRMPAIR_RUN"
	chmod 777 "$XFRMPAIR_RUN"
	refused "xfrmkeep: $XFRMPAIR_RUN: others can write there (expected mode 0700)" keep begin
	chmod 700 "$XFRMPAIR_RUN"
	mv "$XFRMPAIR_RUN" elsewhere
	ln -s elsewhere "$XFRMPAIR_RUN"
	gives keep begin
	same "$status" 1
	same "${stderr%% (*}" "xfrmkeep: $XFRMPAIR_RUN: Not a directory"
}

@test "mend puts back policies, address, route, nft table and helper, and only what is missing" {
	in_a_host
	command -v nft >/dev/null || skip "needs nft"
	keep begin
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

@test "mend leads a route where packets to the peer go now" {
	in_a_host
	keep begin
	is_up
	keep mend
	ip -n "$space" route replace default via 192.168.1.2 dev up0 onlink
	gives keep mend
	same "$status" 0
	same "${output#*$'\n'}" "put back: route 10.99.0.2/32 dev up0"
	same "$(ip -n "$space" -o route show 10.99.0.2)" "10.99.0.2 via 192.168.1.2 dev up0 proto $(fact route_proto a.sh) src 10.99.0.1 onlink mtu 1438 "
}

@test "another tool's policy or route stays, and is named" {
	in_a_host
	keep begin
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

@test "mend that is refused costs no sequence numbers" {
	in_a_host
	keep begin
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

@test "-n prints what would be done as commands without keys, and changes nothing" {
	in_a_host
	keep begin
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

@test "keys reach ip on standard input alone" {
	in_a_host
	keep begin
	is_up
	keep mend
	key=$(grep -o '0x[0-9a-f]\{32,\}' a.sh | head -n 1)
	same "$(grep -c "$key" batches)" 1
	same "$(grep -c "${key#0x}" shown)" 0
	same "$(grep -c '^XFRMPAIR\|^HOME' shown)" 0
}

@test "update-peer takes an endpoint of the tunnel's kind, and writes it even while the tunnel is down" {
	in_a_host
	keep begin
	for word in '' 31.1.2.3 31.1.2.3:0 31.1.2.3:70000 '[2001:db8::1]:4500' name.example:4500 c; do
		gives keep update-peer "$word"
		same "$status" 2
		same "$(grep -c . <<<"$stderr")" 1
	done
	gives keep update-peer c 31.1.2.9:4500
	same "$status" 2
	same "$stderr" "xfrmkeep: 'c': not a peer (expected b)"
	gives keep update-peer b 31.1.2.9:4500
	same "$status" 0
	same "$stderr" "a: b is at 31.1.2.9:4500 now, was at 31.1.2.3:10421"
	same "$(field there_1 "$state")" 31.1.2.9
	made=$(field made "$state")
	gives keep update-peer 31.1.2.9:4500
	same "$status" 0
	same "$stderr" ''
	same "$(field made "$state")" "$made"
}

@test "update-peer gives the helper the new endpoint, and leaves one that is not ours" {
	in_a_host
	keep begin
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
	same "${stderr%%$'\n'*}" "a: espdecap is not this script's: have it started as: espdecap -d -u 65534 -b 192.168.1.4 61525 31.1.2.9:4501"
	same "$(<"$run/espdecap")" none
}

@test "record writes only what has changed" {
	in_a_host
	keep begin
	is_up
	before=$(<"$state")
	fine keep record
	same "$(<"$state")" "$before"
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

@test "xfrmkeep is static and at most 224 KiB with musl" {
	[[ "$(file -b "$(command -v xfrmkeep)")" == *"statically linked"* ]] || skip "built with another compiler"
	[[ "$(file -b "$(command -v xfrmkeep)")" != *"static-pie"* ]] || skip "built with glibc"
	strip -o stripped "$(command -v xfrmkeep)"
	[ "$(stat -c %s stripped)" -le 229376 ]
}
