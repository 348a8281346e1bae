#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# up and down of xfrmkeep: the lock, the run folder, and the objects of a script.
# Most tests need root, for a network namespace of their own. A kernel without ESP accepts SAs with an SPI and no keys.
bats_require_minimum_version 1.5.0

load keep

# takes_down [OPTION]...: down works, and says no more than that
takes_down() {
	gives keep down "$@"
	same "$status" 0
	same "$output" ''
	same "$stderr" "a: removing what up added
a: down"
}
# up_says: of an up that works, what is not about its steps
up_says() { sed -e '/^a: adding /d' -e '/^a: nft table /d' -e '/^a: set up\. /d' -e '/^  ping /d' <<<"$stderr"; }
reqid() { sed -n "s/^peers='b@\([0-9]*\)'.*/\1/p" a.sh; }
# an_sa REQID SPI: one that waits for its keys
an_sa() { ip -n "$space" xfrm state allocspi src 192.168.1.4 dst 31.1.2.3 proto esp reqid "$1" mode tunnel min "$2" max "$2" >/dev/null; }
# deletes_sas: that host's ip
deletes_sas() { sed -i 's/\^xfrm state/& add/' bin/ip; }
policies() { ip -n "$space" -s xfrm policy | grep -c ' index '; }
add_policy() { ip -n "$space" xfrm policy add src 10.7.0.0/16 dst 10.8.0.0/16 dir "$1" index "$2" priority 7; } # DIRECTION INDEX

@test "up creates the run folder and releases the lock, in each shell" {
	in_a_host
	for shell in dash 'busybox ash' bash mksh; do
		gives on_host $shell a.sh up --no-punch --no-helper
		same "$output" ''
		same "$status" 0
		same "$(stat -c %a "$run")" 700
		same "$(stat -c %a "$run/boot")" 600
		same "$(ls -A "$XFRMPAIR_RUN")" "${run##*/}"
		on_host $shell a.sh down
		[ ! -e "$run" ]
	done
}

@test "up -n and down -n create and change nothing" {
	in_a_host
	fine up_only -n up
	fine keep -n down
	[ ! -e "$XFRMPAIR_RUN" ]
	[ ! -e "$state" ]
	[ ! -e batches ]
}

@test "down works with any state of the store, and reports once what is wrong with it" {
	in_a_host
	takes_down
	same "$output" ''
	same "$(ls -A "$XFRMPAIR_RUN")" ''
	[ ! -e "$state" ]
	up_only up
	before=$(<"$state")
	takes_down # there is no number that is new
	same "$(<"$state")" "$before"
	[ ! -e "$run" ]
	up_only up
	echo torn >"$state"
	gives keep down
	same "$status" 0
	same "$output" ''
	same "$(grep -c ': torn: ' <<<"$stderr")" 1
	same "$(<"$state")" torn
	same "$(ls -A "$XFRMPAIR_RUN")" ''
}

@test "internal verbs of earlier versions are unknown" {
	for verb in begin record refused answered prepare undo; do
		gives xfrmkeep $verb a.sh
		same "$status" 2
	done
	[ ! -e "$XFRMPAIR_RUN" ]
}

@test "up of a tunnel that is up mends it, and releases the lock" {
	in_a_host
	deletes_sas
	begin
	is_up
	echo none >"$run/espdecap"
	gives up_only up
	same "$status" 0
	same "$output" ''
	[[ "$stderr" == *"put back: address 10.99.0.1/32"* ]]
	[ ! -L "$run.busy" ]
	[ -e "$run/boot" ]
}

@test "up of a complete tunnel says that it is already up" {
	in_a_host
	begin
	is_up
	echo none >"$run/espdecap"
	mkdir refuses
	printf '#!/bin/sh\n[ "$1" = xfrm ] && exec %s "$@"\nexit 2\n' "$(command -v -p ip)" >refuses/ip
	chmod +x refuses/ip
	PATH=$PWD/refuses:$PATH gives up_only up
	same "$status" 1
	same "$output" ''
	same "$(tail -n 1 <<<"$stderr")" "a: already up"
	[ ! -L "$run.busy" ]
	[ -e "$run/boot" ]
}

@test "up removes the run folder of another boot and its files" {
	in_a_host
	is_up
	echo "another@boot" >"$run/boot"
	touch "$run"/{undo,hole,espdecap,map,.hidden}
	gives up_only up
	same "$(up_says)" ''
	same "$status" 0
	[ ! -e "$run/undo" ]
	[ ! -e "$run/hole" ]
	[ ! -e "$run/map" ]
	[ ! -e "$run/.hidden" ]
	same "$(<"$run/espdecap")" none
	same "$(sed 's/@.*//' "$run/boot")" "$(</proc/sys/kernel/random/boot_id)"
}

@test "up refuses if an index or reqid of the script is in use, and leaves nothing" {
	in_a_host
	taken="a: taken: another tool, or an up not recorded in $run, has an index or reqid of this script: see ip -s xfrm policy; sh a.sh down removes what has them"
	add_policy fwd "$(index fwd)"
	refused "$taken" up_only up
	same "$(ls -A "$XFRMPAIR_RUN")" ''
	ip -n "$space" xfrm policy deleteall
	an_sa "$(reqid)" 0x1000
	refused "$taken" up_only up
	same "$(ls -A "$XFRMPAIR_RUN")" ''
	ip -n "$space" xfrm state deleteall
	an_sa 7 0x1000
	add_policy fwd 7002
	gives up_only up
	same "$status" 0
}

@test "without permission, up removes its folder, and down reports it and tries the rest" {
	in_a_host
	command -v setpriv >/dev/null || skip "needs setpriv"
	export XFRMPAIR_RUN=run XFRMPAIR_STATE=state # the way to here is root's alone
	mkdir -m 700 run
	chown 65534 . a.sh run
	local nobody=(on_host setpriv --reuid 65534 --regid 65534 --clear-groups)
	gives "${nobody[@]}" xfrmkeep up a.sh --no-punch --no-helper
	same "$status" 1
	[[ "$stderr" == *"a: no-permission: run this as root "* ]]
	same "$(ls -A run)" ''
	ip -n "$space" address add 10.99.0.1/32 dev lo label "$(fact own_label a.sh)"
	gives "${nobody[@]}" xfrmkeep down a.sh
	same "$status" 1
	same "$(grep -cx "a: cannot remove everything: RTNETLINK answers: Operation not permitted" <<<"$stderr")" 1
}

@test "up that cannot create its folder, or has a torn store, leaves no lock" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_RUN"
	: >"$run"
	gives up_only up
	same "$status" 1
	same "$(grep -c . <<<"$stderr")" 1
	[ ! -L "$run.busy" ]
	rm "$run"
	mkdir -m 700 "$XFRMPAIR_STATE"
	echo torn >"$state"
	gives up_only up
	same "$status" 1
	same "$(grep -c . <<<"$stderr")" 1
	same "$(ls -A "$XFRMPAIR_RUN")" ''
}

@test "down ends a running up, and the programs that it waits for" {
	in_a_host
	xfrmpair --force -o . 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@home.example.org:4500 2>/dev/null
	run=$XFRMPAIR_RUN/$(fact store a.sh)
	printf '#!/bin/sh\necho $$ >>%s/children\nexec sleep 60\n' "$PWD" >bin/natprobe
	chmod +x bin/natprobe
	NATPROBE=$PWD/bin/natprobe on_host xfrmkeep up a.sh --wait 60 --no-punch --no-helper >said 2>&1 3>&- &
	job=$!
	until_true test -s children
	up=$(readlink "$run.busy")
	takes_down
	same "$(tr '\0' ' ' 2>/dev/null <"/proc/$up/cmdline")" ''
	status=0
	wait $job || status=$?
	same "$status" 1
	for child in $(<children); do same "$(tr '\0' ' ' 2>/dev/null <"/proc/$child/cmdline")" ''; done
	[ ! -e "$run" ]
	[ ! -L "$run.busy" ]
}

@test "down ends no other process, and waits for one that holds the lock" {
	in_a_host
	sleep 60 &
	child=$!
	is_up
	echo $child >"$run/child"
	sh -c 'ln -s $$ "$1"; sleep 1; rm "$1"' sh "$run.busy" 3>&- &
	until_true test -L "$run.busy"
	holder=$!
	gives keep down
	same "$status" 0
	status=0
	wait $holder || status=$?
	same "$status" 0
	kill $child # is there still
}

@test "down removes the page's objects, and nothing else" {
	in_a_host
	deletes_sas
	ip -n "$space" address add 10.99.0.1/32 dev lo label "$(fact own_label a.sh)"
	ip -n "$space" route add 10.99.0.2/32 dev up0 proto "$(fact route_proto a.sh)"
	ip -n "$space" route add 10.99.0.3/32 dev up0 proto "$(fact route_proto a.sh)"
	for dir in in out fwd; do add_policy $dir "$(index $dir)"; done
	an_sa "$(reqid)" 0x1000
	an_sa "$(reqid)" 0x1001
	an_sa 7 0x1002
	ip -n "$space" xfrm policy add src 10.7.0.0/16 dst 10.9.0.0/16 dir out index 7001 priority 7
	takes_down
	same "$output" ''
	same "$(policies)" 1
	same "$(ip -n "$space" xfrm state | grep -o 'spi .*')" "spi 0x00001002 reqid 7 mode tunnel"
	same "$(ip -n "$space" -o address show dev lo | grep -c 10.99)" 0
	same "$(ip -n "$space" route show proto "$(fact route_proto a.sh)")" "10.99.0.3 dev up0 scope link "
	takes_down                         # what is gone is no error
	same "$(ls -A "$XFRMPAIR_RUN")" '' # nor a lock
}

@test "down finds policies of an interface, and removes the interface" {
	in_a_host
	xfrmpair --interface vpn0 --force -o . 192.168.1.4:61525@85.9.8.7+10.1.0.0/24 192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/24 2>/dev/null
	ip -n "$space" xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out index "$(index out)" if_id "$(fact if_id a.sh)" priority 7
	takes_down
	same "$(policies)" 0
	same "$(keep -n down | tail -n 1)" "ip link delete group $(fact group a.sh)"
}

@test "down --all also removes the guard" {
	in_a_host
	xfrmpair --guard --force -o . 192.168.1.4:61525@85.9.8.7+10.1.0.0/24 192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/24 2>/dev/null
	add_policy out "$(fact guard a.sh)"
	out=$(keep -n down | sed -n 's/.* dir out index //p')
	ip -n "$space" xfrm policy add src 10.7.0.0/16 dst 10.9.0.0/16 dir out index "$out" priority 7
	takes_down
	same "$(policies)" 1
	takes_down --all
	same "$(policies)" 0
}

@test "down -n prints the rows as commands, and changes nothing" {
	in_a_host
	add_policy out "$(index out)"
	gives keep -n down
	same "$stderr" ''
	same "$status" 0
	same "$output" "ip route delete 10.99.0.2/32 proto $(fact route_proto a.sh)
ip address delete 10.99.0.1/32 dev lo label $(fact own_label a.sh)
ip xfrm policy deleteall dir out index $(index out)
ip xfrm policy deleteall dir in index $(index in)
ip xfrm policy deleteall dir fwd index $(index fwd)
ip xfrm state deleteall reqid $(reqid)"
	same "$(policies)" 1
}

@test "down needs no store, and reports in one line what it could not remove" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_STATE"
	echo torn >"$state"
	add_policy out "$(index out)"
	an_sa "$(reqid)" 0x1000 # that host's ip leaves it
	ip -n "$space" address add 10.99.0.1/32 dev lo label "$(fact own_label a.sh)"
	gives keep down
	same "$status" 1
	same "$(sed '/: torn: /d' <<<"$stderr")" "a: removing what up added
a: cannot remove everything: xfrm state delete src 192.168.1.4 dst 31.1.2.3 proto esp spi 0x00001000"
	same "$(grep -c '^xfrm state delete' batches)" 5
	same "$(policies)" 0
	same "$(ip -n "$space" -o address show dev lo | grep -c 10.99)" 0
}

@test "among messages about missing objects, down finds the real error" {
	in_a_host
	mv bin/ip bin/that-ip
	cat >bin/ip <<-END
		#!/bin/sh
		case \$* in *-force*) yes 'RTNETLINK answers: No such process
		Command failed -:1' | head -n 100 >&2; echo 'Device or resource busy' >&2; exit 2 ;; esac
		exec $PWD/bin/that-ip "\$@"
	END
	chmod +x bin/ip
	refused "a: removing what up added
a: cannot remove everything: Device or resource busy" keep down
}
