# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The plan: the policies, SAs, routes and tests that follow from the sides and options. tests/plan.c prints each table under
# tests/plan/ with the rows of its tunnels' plans, and the output must equal the table. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	export PLAN=$BATS_FILE_TMPDIR/plan root=$BATS_TEST_DIRNAME/..
	build gcc
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return
}

# compile COMPILER OPTION...: with all warnings, and the folders of the headers
compile() {
	"$1" -std=c11 -D_GNU_SOURCE -DVERSION='"test"' -Wall -Wextra -Wshadow -Wconversion -Werror \
		-I"$root/helper" -I"$root/gen" -I"$root/tests" -I"$root/tests/plan" "${@:2}"
}
# build COMPILER OPTION...: the program $PLAN, and in the folder $PLAN.o what of it is not a test
build() {
	mkdir "$PLAN.o"
	(cd "$PLAN.o" && compile "$@" -c "$root"/gen/{commands,explain,identity,key,line,options,plan,policy,print,side,tunnel,view}.c \
		"$root"/helper/{cipher,endpoint,epoch,number,prefix,say,section,sha256,special,text,xfrm}.c)
	compile "$@" -o "$PLAN" "$root"/tests/plan.c "$root"/tests/plan/*.c "$PLAN".o/*.o
}

# holds TABLE: all of its rows, and all promises for its tunnels
holds() {
	"$PLAN" <"$root/tests/plan/$1.table" >rows
	diff -u "$root/tests/plan/$1.table" rows
}

@test "each pair of nets has its policies, in all directions, on both sides: pairs, meshes, stars, both families" {
	holds nets
}

@test "protocols and ports: the destination of one direction is the source of the other" {
	holds selectors
}

@test "a net that contains another one has a lower priority, and the neighbours in the narrower one stay reachable" {
	holds around
}

@test "the tunnel's UDP flow is exempt if, and only if, a policy may match it" {
	holds flow
}

@test "the guard blocks the tunnel's protocols and ports, and no selector is used twice" {
	holds guard
}

@test "transport mode concerns only the two hosts, by the endpoints that each of them sees" {
	holds transport
}

@test "SAs: each side receives with what the other sends with, through NATs, on a LAN, and with every option" {
	holds states
}

@test "routes, own addresses, inner MTU, and what kind of site a side is" {
	holds side
}

@test "a tunnel is tested with a ping that goes through it, else with a TCP connection" {
	holds tests
}

@test "ip reads the addresses, ports, SPIs and keys that change as variables of the script" {
	holds lines
}

# wrong PROMISE FILE EDIT: with this edit of sed(1) in a source file, some tunnel of the tables breaks the promise
wrong() {
	local promise=$1 file=$2 edit=$3 name=${2##*/}
	sed "$edit" "$root/$file" >"$name"
	run -1 cmp -s "$name" "$root/$file"
	rm -rf objects
	cp -r "$PLAN.o" objects
	compile gcc -w -c -o "objects/${name%c}o" "$name"
	compile gcc -o wrong objects/*.o ./*.o
	cat "$root"/tests/plan/*.table >tables
	run --separate-stderr ./wrong <tables
	echo "$promise: status $status, $(grep -m 1 ^broken <<<"$stderr")"
	[ "$status" -eq 1 ]
	grep -q -e "^broken: $promise" <<<"$stderr"
}

@test "each promise depends on a line of code: without it, the test fails" {
	compile gcc -c "$root"/tests/plan.c "$root"/tests/plan/*.c
	wrong 'a to b: wrong SPI, key or reqid' gen/plan.c '/memcpy(state->key/d'
	wrong 'a to b: the SA of the receiver differs' gen/view.c 's/\.in = key_of(tunnel, other, self)/.in = key_of(tunnel, self, other)/'
	wrong 'a to b: wrong cipher or replay window' gen/plan.c 's/= tunnel->replay_window/= 32/'
	wrong 'a to b: wrong limits' gen/plan.c 's/outbound ? tunnel->limit_bytes : 0/tunnel->limit_bytes/'
	wrong 'a to b: wrong outbound endpoints' gen/view.c 's/lan ? two->local : two->mapped/two->local/'
	wrong 'a to b: wrong inbound endpoints' gen/plan.c 's/state->sport = src->port/state->sport = view->self_outer.port/'
	wrong 'gate: two policies have the selector ' gen/policy.c 's/taken = is_taken(nets, other)/taken = false/'
	wrong 'a: a template does not match its state' gen/policy.c '/back\.spi = 0;/d'
	wrong 'a: a policy has the wrong if_id' gen/policy.c '/\.if_id = plan->if_id,/d'
	wrong 'a: a state has the wrong if_id' gen/plan.c 's/state->if_id = plan->if_id;/state->if_id = 0;/'
	wrong 'a to b: policies are missing or superfluous' gen/policy.c 's/if (with_fwd)/if (!with_fwd)/'
	wrong 'a to b: the receiver has another policy' gen/policy.c 's/back\.src = out->dst;/back.src.prefix = out->dst.prefix;/'
	wrong 'a: blocks without --guard' gen/policy.c 's/plan->tunnel->guard && j < /j < /'
	wrong 'a: the guard does not block' gen/policy.c 's/earlier->port == self->port/true/'
	wrong 'a: a policy catches the UDP flow' gen/policy.c 's/PRIORITY_BYPASS = 1000/PRIORITY_BYPASS = 5000/'
	wrong 'a printed row differs from the plan' helper/xfrm.c 's/ dir fwd"/ dir in"/'
	wrong '--explain: sport' helper/xfrm.c '/words |= WORD(WORD_SPORT);/d'
	wrong '--explain: espdecap' gen/commands.c 's/WORD(WORD_ESPDECAP) | //'
	wrong 'refused' gen/tunnel.c 's/SIDES_MOST = 1024/SIDES_MOST = 1/'
}

@test "a table that differs from the plan, or a refused tunnel, is detected" {
	sed 's/^\(	a: tunnel .*\) 2000 /\1 2001 /' "$root/tests/plan/nets.table" >table
	run -1 cmp -s table "$root/tests/plan/nets.table"
	"$PLAN" <table | cmp - "$root/tests/plan/nets.table"
	sed '/^	a: sa b in/d' "$root/tests/plan/states.table" >table
	"$PLAN" <table | cmp - "$root/tests/plan/states.table"
	run -1 --separate-stderr "$PLAN" 192.0.2.1:4500 192.0.2.1:4500
	[[ "$stderr" == *'broken: refused: 192.0.2.1:4500 192.0.2.1:4500' ]]
	run -1 --separate-stderr "$PLAN" <<<'192.0.2.1:4500'
	[[ "$stderr" == *'broken: refused: 192.0.2.1:4500' ]]
	[ "$output" = '192.0.2.1:4500' ]
	# all rows of a tunnel, for a new table
	run --separate-stderr "$PLAN" 192.0.2.1 198.51.100.1
	[ "$status" -eq 0 ]
	[[ "$output" == *'a: tunnel b out,in,fwd 192.0.2.1/32 -> 198.51.100.1/32 2000 pinned'* ]]
}

@test "nets whose policies the kernel would refuse are refused" {
	run -1 --separate-stderr "$PLAN" 192.168.1.4:61525@85.9.8.7+fe80::/10 '192.0.2.1:4500+::/0'
	[[ "$stderr" == "plan: side 1: net 'fe80::/10': link-local addresses are not routed (expected another net)"* ]]
	run -1 --separate-stderr "$PLAN" 192.168.1.4:61525@85.9.8.7+10.1.0.0/16 192.0.2.1:4500+192.0.2.1/udp/4500
	[[ "$stderr" == "plan: side 2: net '192.0.2.1/32/udp/4500': the UDP port of the tunnel itself (expected another port)"* ]]
	# the controls: link-local addresses of IPv4 are those inside some tunnels; another port
	"$PLAN" 192.168.1.4:61525@85.9.8.7+169.254.1.0/30 192.0.2.1:4500+169.254.2.0/30
	"$PLAN" 192.168.1.4:61525@85.9.8.7 192.0.2.1:4500+192.0.2.1/udp/4501
	"$PLAN" 192.168.1.4:61525@85.9.8.7 192.0.2.1:4500+192.0.2.1/tcp/4500
}

@test "the tables have no other names, each has tunnels, and no row is incomplete" {
	[ "$(cd "$root/tests/plan" && echo *.table)" = \
		'around.table flow.table guard.table lines.table nets.table selectors.table side.table states.table tests.table transport.table' ]
	for table in "$BATS_TEST_DIRNAME"/plan/*.table; do
		[ "$(grep -c '^[^#	]' "$table")" -ge 4 ]
		run -1 grep -n '?$' "$table"
	done
}

@test "the plan builds without a warning by three compilers, and is clean under ASan, UBSan and the leak detector" {
	local PLAN=$PWD/musl
	build musl-gcc -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu"
	holds nets
	PLAN=$PWD/clean
	build clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
	export ASAN_OPTIONS=detect_leaks=1
	for table in "$root"/tests/plan/*.table; do
		holds "$(basename "$table" .table)"
	done
}
