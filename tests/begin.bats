#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# How xfrmkeep and scripts without it write the section at each start and each new epoch, and that nothing is used before.
# Most tests need root, for a network namespace of their own.
bats_require_minimum_version 1.5.0

load keep

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
# section_file SCRIPT: its section, with a sum that is right
section_file() {
	sed -n '/^made=[0-9]/,/^#: /p' "$1" >section
	cat section
	echo "# ---- end $(sha256sum <section | cut -c 1-16)"
}
# renamed: the files that `keep begin` puts in place, in that order
renamed() {
	on_host strace -qq -o ../trace -e trace=rename,renameat,renameat2 xfrmkeep up a.sh --no-punch --no-helper 2>/dev/null
	keep down 2>/dev/null
	sed -n 's/.*"\([^"]*\)".*= 0$/\1/p' ../trace
}
# up_in SHELL VERB: of a.sh there; its stderr
up_in() {
	local options=(--no-punch --no-helper)
	[ "${XFRMKEEP-}" != /none ] || options=(--no-punch)
	gives on_host $1 a.sh "${@:2}" "${options[@]}"
}

@test "begin writes new sequence numbers and endpoints, the first time also into the script" {
	in_a_host
	ip -n "$space" address add 192.168.1.9/32 dev up0
	gives begin --local 192.168.1.9
	same "$stderr" ''
	same "$status" 0
	for file in "$state" a.sh; do
		same "$(field made "$file")" 2
		same "$(sed -n '/^made=[0-9]/,$s/.* here=//p' "$file" | head -n 1)" 192.168.1.9
		same "$(field there_1 "$file")" 31.1.2.3
		same "$(field oseq_1 "$file")" 67108864
	done
	gives begin
	same "$status" 0
	same "$(field made "$state")" 3
	same "$(field made a.sh)" 2
	same "$(field oseq_1 "$state")" 134217728
}

@test "a new epoch is written to the script before the store, the first start to the store before the script" {
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

@test "if the store cannot be written, the script is unchanged, and the store stays valid" {
	in_a_host
	begin
	is_up
	heard_before 1 "$state" a.sh
	before=$(cat a.sh "$state")
	mkfifo "$state.new"
	gives keep rekey
	same "$status" 1
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(cat a.sh "$state")" "$before"
	[ ! -e batches ]
	rm -r "$run"
	gives begin # up goes on, and says what that costs
	same "$status" 0
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists
a: warning: if this does not change, the other side will drop all packets after the next up"
	same "$(cat a.sh "$state")" "$before"
	# no fresh key, which would be used from its first number again
	same "$(grep -c "$(sed -n 's/.*\(0x[0-9a-f]\{64,\}\).*, epoch 1$/\1/p' "$state" | head -n 1)" begun)" 1
	same "$(grep -o 'replay-oseq [0-9]*' begun)" "replay-oseq 134217728"
	rm "$state.new"
	fine begin
	same "$(grep -c '# to b, epoch 2$' a.sh "$state")" "a.sh:1
$state:1"
}

@test "if the store cannot be written, mend still puts objects back, and update-peer changes nothing" {
	in_a_host
	begin
	is_up
	echo 0 >"$run/espdecap"
	before=$(<"$state")
	mkdir "$state.new"
	gives keep mend
	same "$status" 0
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(grep -c '^put back: ' <<<"$output")" 5
	same "$(ip -n "$space" xfrm policy | grep -c 31.1.2.3)" 3
	same "$(grep -o 'replay-oseq [0-9]*' batches)" "replay-oseq 134217728"
	gives keep update-peer 31.1.2.9:4500
	same "$status" 1
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(ip -n "$space" xfrm policy | grep -c 31.1.2.3)" 3
	same "$(<"$state")" "$before"
}

@test "a script that cannot be rewritten stays complete, and loses its past secrets at the next epoch" {
	in_a_host
	begin
	heard_before 1 "$state" a.sh
	before=$(<a.sh)
	mkdir .a.sh.new
	gives begin
	same "$status" 0
	same "$stderr" "xfrmkeep: a.sh: cannot be rewritten: File exists"
	same "$(<a.sh)" "$before"
	same "$(grep -c '# to b, epoch 2$' "$state")" 1
	rmdir .a.sh.new
	heard_before 2 "$state"
	fine begin
	same "$(grep -c '# to b, epoch 3$' a.sh "$state")" "a.sh:1
$state:1"
	for secret in $(grep -e '^#: ' -e ', epoch 1$' <<<"$before" | grep -o '0x[0-9a-f]\{64,\}'); do
		same "$(grep -c "$secret" a.sh "$state")" "a.sh:0
$state:0"
	done
	same "$(sed '/^made=[0-9]/,/^# ---- end/d' a.sh)" "$(sed '/^made=[0-9]/,/^# ---- end/d' <<<"$before")"
}

@test "up refuses an address that is not local, and then writes nothing" {
	in_a_host
	for word in x 2001:db8::1 ''; do
		gives up_only up --local "$word"
		same "$status" 2
		same "$stderr" "a: --local '$word': not an address"
	done
	for word in here=x there_1=31.1.2.9 port_1=0 name=b -b here; do
		gives up_only up "$word"
		same "$status" 2
		same "$(head -n 1 <<<"$stderr")" "a: '$word': unknown (expected as follows)"
	done
	[ ! -e "$state" ]
}

@test "begin warns before the sequence numbers are used up, and then refuses to start" {
	in_a_host
	for start in {1..63}; do
		gives begin
		same "$status" 0
		case $start in
		4[0-7]) same "$stderr" '' ;;
		48) same "$stderr" "a: b: sequence numbers for 15 more starts, then rekey is needed" ;;
		63) same "$stderr" "a: b: sequence numbers for 0 more starts, then rekey is needed" ;;
		esac
	done
	same "$(field oseq_1 "$state")" 4227858432
	gives begin
	same "$status" 1
	same "$stderr" "xfrmkeep: b: count-used-up: no sequence numbers are left (expected new scripts, or rekey on both sides)"
	same "$(field oseq_1 "$state")" 4227858432
}

@test "up -n writes nothing" {
	in_a_host
	gives up_only -n up
	same "$status" 0
	[ ! -e "$state" ]
}

@test "in each shell, up without xfrmkeep counts starts and refuses more than the last; xfrmkeep continues from there" {
	in_a_host
	check=$(fact check a.sh)
	for shell in dash 'busybox ash' bash mksh; do
		most=62
		for before in 0 46 47 $((most - 1)) $most; do
			rm -f "$state" "$state.starts"
			: >batches
			mkdir -p -m 700 "$XFRMPAIR_STATE"
			yes "$check" | head -n $before >"$state.starts"
			echo 0123456789abcdef0123456789abcdef >>"$state.starts" # another script's
			XFRMKEEP=/none up_in "$shell" up
			if [ $before -eq $most ]; then
				same "$status" 1
				continue
			fi
			same "$status" 0
			same "$(grep -o 'replay-oseq [0-9a-fx]*' batches)" "replay-oseq $(printf 0x%x $((67108864 * (before + 1))))"
			same "$(grep -cx "$check" "$state.starts")" $((before + 1))
			XFRMKEEP=/none on_host $shell a.sh down
			# -n shows the number of the next start, if one is left
			next=$((before + 2 <= most ? before + 2 : 0))
			same "$(XFRMKEEP=/none on_host $shell a.sh -n up 2>/dev/null | grep -o 'replay-oseq [0-9a-fx]*')" "$([ $next = 0 ] || printf 'replay-oseq 0x%x' $((67108864 * next)))"
			cp a.sh kept
			gives begin
			same "$(field oseq_1 "$state")" $((67108864 * (before + 2)))
			mv kept a.sh
		done
	done
	rm -f "$state" "$state.starts"
	yes "$check" | head -n 62 >"$state.starts"
	XFRMKEEP=/none up_in dash up
	same "$status" 1
	same "$stderr" "a: these keys have no sequence numbers left: install xfrmkeep"
}

@test "a store written by xfrmkeep makes up without xfrmkeep fail with a message, while down works" {
	in_a_host
	up_in dash up
	same "$status" 0
	export XFRMKEEP=/none
	for shell in dash 'busybox ash' bash mksh; do
		on_host $shell a.sh down
		[ ! -e "$run" ]
		up_in "$shell" up
		same "$status" 1
		same "$stderr" "a: only xfrmkeep can read $state"
		rm "$state" # the script says that there was one
		up_in "$shell" up
		same "$status" 1
		[ ! -e "$run" ]
		section_file a.sh >"$state"
	done
}

@test "if the store cannot be written, up warns, and continues with an unused sequence number" {
	in_a_host
	cp a.sh new.sh
	for shell in dash 'busybox ash' bash mksh; do
		for trouble in taken missing; do
			cp new.sh a.sh
			rm -rf "$state" "$state".*
			number=67108864
			if [ $trouble = missing ]; then
				: >batches
				XFRMPAIR_STATE=/proc/none/store up_in "$shell" up
			else
				up_in "$shell" up # a store is there
				on_host $shell a.sh down
				number=134217728
				: >batches
				mkdir "$state.new"
				up_in "$shell" up
			fi
			same "$status" 0
			same "$(grep -c 'if this does not change, the other side will drop all packets after the next up$' <<<"$stderr")" 1
			same "$(grep -c 'cannot' <<<"$stderr")" 1
			same "$(grep -o 'replay-oseq [0-9]*' batches)" "replay-oseq $number"
			on_host $shell a.sh down
			[ ! -e "$run" ]
		done
	done
}

@test "if starts cannot be counted, up without xfrmkeep adds nothing and leaves nothing" {
	in_a_host
	export XFRMKEEP=/none
	for shell in dash 'busybox ash' bash mksh; do
		rm -rf "$state.starts"
		XFRMPAIR_STATE=/proc/none/store up_in "$shell" up
		same "$status" 1
		mkdir -p "$state.starts"
		up_in "$shell" up
		same "$status" 1
		[ ! -e batches ]
		[ ! -e "$run" ]
	done
}

@test "a store that is torn, empty, lost or another script's: up and rekey refuse, nothing changes, and down takes the tunnel down" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_STATE"
	sed -i 's/^made=1 /made=2 /' a.sh # as the first up leaves it
	sed -i "s/^# ---- end .*/# ---- end $(sed -n '/^made=[0-9]/,/^#: /p' a.sh | sha256sum | cut -c 1-16)/" a.sh
	for shell in dash 'busybox ash' bash mksh; do
		for trouble in torn empty lost foreign; do
			rm -f "$state"
			section_file a.sh >"$state"
			up_in "$shell" up
			same "$status" 0
			case $trouble in
			torn) sed -i 's/heard 0/heard 1/' "$state" ;;
			empty) : >"$state" ;;
			lost) rm "$state" ;;
			foreign)
				sed "s/^check=[0-9a-f]*/check=00000000000000000000000000000000/" a.sh >other.sh
				section_file other.sh >"$state"
				;;
			esac
			before=$(ls "$XFRMPAIR_STATE" && ip -n "$space" -s xfrm policy && cat "$state" a.sh 2>/dev/null || :)
			gives on_host xfrmkeep rekey a.sh
			same "$status" 1
			named=$stderr
			case $trouble:$named in
			torn:*": torn: "* | empty:*": torn: "* | lost:*" is lost "* | foreign:*" belongs to another script "*) ;;
			*) same "$named" "a message of $trouble" ;;
			esac
			same "$(ls "$XFRMPAIR_STATE" && ip -n "$space" -s xfrm policy && cat "$state" a.sh 2>/dev/null || :)" "$before"
			gives on_host $shell a.sh down
			same "$status" 0
			same "${stderr//.\/a.sh/a.sh}" "$named
a: removing what up added
a: down"
			[ ! -e "$run" ]
			same "$(ip -n "$space" xfrm policy)" ''
			up_in "$shell" up
			same "$status" 1
			same "${stderr//.\/a.sh/a.sh}" "$named"
			[ ! -e "$run" ]
		done
	done
}
