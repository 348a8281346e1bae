#!/usr/bin/env bats
# The section at each start and each new epoch: what is written where and when, by xfrmkeep and by a script without it, and what is not used.
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
	on_host strace -qq -o ../trace -e trace=rename,renameat,renameat2 xfrmkeep begin a.sh
	sed -n 's/.*"\([^"]*\)".*= 0$/\1/p' ../trace
}
# up_in SHELL VERB: of a.sh there; its stderr
up_in() { gives on_host $1 a.sh "${@:2}" --no-punch --no-helper; }

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
	is_up
	heard_before 1 "$state" a.sh
	before=$(cat a.sh "$state")
	mkfifo "$state.new"
	gives keep rekey
	same "$status" 1
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(cat a.sh "$state")" "$before"
	[ ! -e batches ]
	gives keep begin # up goes on, and says what that costs
	same "$status" 0
	same "$stderr" "xfrmkeep: $state: cannot be written: File exists"
	same "$(cat a.sh "$state")" "$before"
	rm "$state.new"
	fine keep begin
	same "$(grep -c '# to b, epoch 2$' a.sh "$state")" "a.sh:1
$state:1"
}

@test "a script that cannot be rewritten stays whole, and its past secrets go at the next epoch" {
	in_a_host
	keep begin
	heard_before 1 "$state" a.sh
	before=$(<a.sh)
	mkdir .a.sh.new
	gives keep begin
	same "$status" 0
	same "$stderr" "xfrmkeep: a.sh: cannot be rewritten: File exists"
	same "$(<a.sh)" "$before"
	same "$(grep -c '# to b, epoch 2$' "$state")" 1
	rmdir .a.sh.new
	heard_before 2 "$state"
	fine keep begin
	same "$(grep -c '# to b, epoch 3$' a.sh "$state")" "a.sh:1
$state:1"
	for secret in $(grep -e '^#: ' -e ', epoch 1$' <<<"$before" | grep -o '0x[0-9a-f]\{64,\}'); do
		same "$(grep -c "$secret" a.sh "$state")" "a.sh:0
$state:0"
	done
	same "$(sed '/^made=[0-9]/,/^# ---- end/d' a.sh)" "$(sed '/^made=[0-9]/,/^# ---- end/d' <<<"$before")"
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

@test "where the store cannot be written up says what that costs, and goes on with a number that was not used" {
	in_a_host
	for XFRMKEEP in '' /none; do
		export XFRMKEEP
		for shell in dash 'busybox ash' bash mksh; do
			up_in "$shell" up
			same "$status" 0
			on_host $shell a.sh down
			before=$(<"$state")
			number=$(field oseq_1 "$state")
			number=$((number + 67108864 * ($(field starts "$state") + 1)))
			for trouble in taken missing; do
				: >batches
				if [ $trouble = taken ]; then
					mkdir "$state.new"
					up_in "$shell" up
					rmdir "$state.new"
				else
					number=$(($(field oseq_1 a.sh) + 67108864))
					[ -n "$XFRMKEEP" ] || continue # xfrmkeep has written to the script that there is a store
					XFRMPAIR_STATE=/proc/none/store up_in "$shell" up
				fi
				same "$status" 0
				same "$(grep -v '^xfrmkeep: ' <<<"$stderr" | head -n 1 | sed 's/write .*:/write STORE:/')" \
					"a: warning: cannot write STORE: if that stays so, the other side will refuse what is sent after the next up"
				same "$(grep -c 'cannot' <<<"$stderr")" "$([ -n "$XFRMKEEP" ] && echo 1 || echo 2)"
				same "$(grep -o 'replay-oseq [0-9]*' batches)" "replay-oseq $number"
				on_host $shell a.sh down
				[ ! -e "$run" ]
				same "$(<"$state")" "$before"
			done
		done
		rm "$state"
		sed -i 's/^made=2 /made=1 /' a.sh
	done
}

@test "a store that is torn, empty, lost or another script's: up and rekey refuse, nothing changes, and down takes the tunnel down" {
	in_a_host
	mkdir -m 700 "$XFRMPAIR_STATE"
	for XFRMKEEP in '' /none; do
		export XFRMKEEP
		sed -i 's/^made=1 /made=2 /' a.sh # as the first up with xfrmkeep leaves it
		sed -i "s/^# ---- end .*/# ---- end $(sed -n '/^made=[0-9]/,/^#: /p' a.sh | sha256sum | cut -c 1-16)/" a.sh
		for shell in dash 'busybox ash' bash mksh; do
			for trouble in torn empty lost foreign; do
				rm -f "$state"
				section_file a.sh >"$state"
				up_in "$shell" up
				same "$status" 0
				named="$state is torn: restore it, or generate new scripts"
				case $trouble in
				torn) sed -i 's/heard 0/heard 1/' "$state" ;;
				empty) : >"$state" ;;
				lost)
					rm "$state"
					named="$state is lost: restore it, or generate new scripts"
					;;
				foreign)
					sed "s/^check=[0-9a-f]*/check=00000000000000000000000000000000/" a.sh >other.sh
					section_file other.sh >"$state"
					named="$state belongs to another script: delete it if that is not used any more"
					;;
				esac
				before=$(ls "$XFRMPAIR_STATE" && ip -n "$space" -s xfrm policy && cat "$state" a.sh 2>/dev/null || :)
				gives on_host xfrmkeep rekey a.sh
				same "$status" 1
				same "$(ls "$XFRMPAIR_STATE" && ip -n "$space" -s xfrm policy && cat "$state" a.sh 2>/dev/null || :)" "$before"
				gives on_host $shell a.sh down
				same "$status" 0
				same "$stderr" "a: $named
a: removing what up added
a: down"
				[ ! -e "$run" ]
				same "$(ip -n "$space" xfrm policy)" ''
				up_in "$shell" up
				same "$status" 1
				same "$stderr" "a: $named"
				[ ! -e "$run" ]
			done
		done
	done
}
