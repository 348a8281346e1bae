# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Two people exchange only endpoint strings: each writes their own script, and the tunnel works.
# Run in the lab: tests/lab/run bats tests/lab/words.bats
bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/tunnel.bash"
	export LAB_PREFIX=w-
	cd "$BATS_TEST_TMPDIR" || return 1
	for side in a b; do
		mkdir $side
		export "XFRMPAIR_RUN_$side=$PWD/$side/run" "XFRMPAIR_STATE_$side=$PWD/$side/state"
	done
}
teardown() {
	for side in a b; do as $side sh $side/t/$side.sh down --all >/dev/null 2>&1 || :; done
	"$net" down 2>/dev/null || :
}

# as SIDE COMMAND...: there, with a state of its own
as() {
	local side=$1 run=XFRMPAIR_RUN_$1 state=XFRMPAIR_STATE_$1
	shift
	XFRMPAIR_RUN=${!run} XFRMPAIR_STATE=${!state} on "$side" "$@"
}
# words [NET-OPTION...]: a network, and the word of each side, as it comes out of one command, in SIDE/word; to the other it goes as a line of text
words() {
	"$net" up "$@"
	"$net" stun
	for side in a b; do
		case $side in a) port=61525 ;; b) port=61523 ;; esac
		on $side sh -c 'xfrmpair --secret $0/key $0=$(natprobe -p $1 198.51.100.1 198.51.100.2)' $side $port >$side/word
		[ "$(wc -l <$side/word)" -eq 1 ]
	done
	cp a/word b/from-a
	cp b/word a/from-b
}
# scripts [SIDE OPTION]: each makes its own from the two lines, that side with an option besides
scripts() {
	for side in a b; do
		case $side in a) own=(a/word a/from-b) ;; b) own=(b/from-a b/word) ;; esac
		option=
		[ $side != "${1-}" ] || option=$2
		xfrmpair --force --secret $side/key -o $side/t $option $(cat "${own[@]}") 2>$side/told
		[ "$(ls $side/t)" = $side.sh ]
	done
}
# ups: both as people type it, the second a second after the first; statuses in SIDE/status
ups() {
	for side in a b; do
		{
			status=0
			as $side sh $side/t/$side.sh up --wait "${patience:-30}" >$side/said 2>&1 3>&- || status=$?
			echo $status >$side/status
		} &
		sleep 1
	done
	wait
	cat ./?/said
}
inner() { sed -n 's/.*ping -c 3 -I \([^ ]*\) \(.*\)/\1 \2/p' $1/t/$1.sh; }

@test "endpoint strings alone end in pings both ways, behind every combination of NATs that can be punched" {
	for kinds in '' '--nat-a keeps,open --nat-b keeps,open' '--cgn a' '--open-side a --nat-b symmetric' '--nat-a symmetric --open-side b'; do
		echo "== ${kinds:-keeps, moves}"
		words $kinds
		scripts
		diff <(grep -o 'fingerprint .*' a/told) <(grep -o 'fingerprint .*' b/told)
		ups
		[ "$(cat a/status b/status | tr '\n' ' ')" = '0 0 ' ]
		answers a $(inner a)
		answers b $(inner b)
		for side in a b; do as $side sh $side/t/$side.sh down; done
		"$net" down
		rm -rf ?/key
	done
}

@test "with a different option or an altered endpoint string, no packet is accepted, and up and check say why" {
	words
	scripts b --esn
	patience=8
	run -1 diff <(grep -o 'fingerprint .*' a/told) <(grep -o 'fingerprint .*' b/told)
	ups
	for side in a b; do
		[ "$(cat $side/status)" -eq 4 ]
		digest=$(sed -n 's/^digest=\([^ ]*\).*/\1/p' $side/t/$side.sh)
		grep -qx "$side: set up, but no packet received from [ab] in [0-9]* s: packets with another token arrive: is the script of [ab] of another run? If its digest is not $digest, make both scripts again, from the same endpoint strings and options" $side/said
	done
	on b ping -q -i 0.2 -c 200 -W 1 -I 192.168.2.100 192.168.1.4 >/dev/null 2>&1 3>&- &
	run as a sh a/t/a.sh check
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "b: unknown-spi: "*': make new scripts on both sides from the same endpoint strings and options' ]]
	pkill -x ping
	for side in a b; do as $side sh $side/t/$side.sh status --json | jq -e '.peers[0].rx_packets == 0'; done
	for side in a b; do as $side sh $side/t/$side.sh down; done
	# another key in the word that a has of b: of somebody who stands between
	xfrmpair --secret other-key "$(sed 's/#.*//' b/word)" >a/from-b
	scripts
	run -1 diff <(grep -o 'fingerprint .*' a/told) <(grep -o 'fingerprint .*' b/told)
	for side in a b; do as $side sh $side/t/$side.sh up --no-punch; done
	silent a 192.168.1.4 192.168.2.100
	silent b 192.168.2.100 192.168.1.4
}
