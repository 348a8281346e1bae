# The parts of a script's program as they stand: sourced, with an ip that says what a real one of each release has said.
# No kernel needed. tests/captures/ has the words, tests/captures/make how they were had.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair CAPTURES=$PWD/tests/captures PARTS=$PWD/templates/program AWKS=$BATS_FILE_TMPDIR/awk
	for awk in mawk gawk busybox; do
		mkdir -p "$AWKS/$awk"
		ln -s "$(command -v $awk)" "$AWKS/$awk/awk"
	done
	install -m 600 examples/howto/keys "$BATS_FILE_TMPDIR/keys"
	set -- --cipher aes128gcm12 --keys "$BATS_FILE_TMPDIR/keys"
	"$XFRMPAIR" "$@" -o "$BATS_FILE_TMPDIR/howto" 192.168.1.4:61525@85.9.8.7:61525 192.168.2.100:61523@31.1.2.3:10421
	"$XFRMPAIR" "$@" -o "$BATS_FILE_TMPDIR/interface" --inner 10.99.0.0/24 --interface ipsec0 192.168.1.4:61525@85.9.8.7 192.168.2.100:61523@31.1.2.3:10421
	"$XFRMPAIR" "$@" -o "$BATS_FILE_TMPDIR/public" 85.9.8.7:4500 31.1.2.3:4501
	for example in howto interface public; do
		# the page about the tunnel, without the brace that the whole file stands in
		sed -e '2s/{ //' -e '/^# ---- program/,$d' "$BATS_FILE_TMPDIR/$example/a.sh" >"$BATS_FILE_TMPDIR/$example/head"
	done
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return 1
}

# unit EXAMPLE VERSION AWK PARTS CODE: CODE in a shell, run by $UNDER, that has sourced head and PARTS; its ip prints CAPTURE's words
unit() {
	XFRMPAIR_RUN=$BATS_TEST_TMPDIR/run XFRMPAIR_STATE=$BATS_TEST_TMPDIR/state PATH=$AWKS/$3:$PATH ${UNDER-} ${SHELL_UNDER_TEST:-dash} -c '
		captures=$1 example=$2
		. "$3/head"
		for part in $4; do . "$PARTS/$part.sh"; done
		file=$3/a.sh
		read_book; derive; pin_1=${PIN-} # which the captured policies have not
		ip() {
			case $* in
			"-s xfrm state list nokeys") cat "$captures/$example.state-s" ;;
			"xfrm policy list") cat "$captures/$example.policy" ;;
			"-V") cat "$captures/none.version" ;;
			*) echo "unexpected: ip $*" >&2; return 9 ;;
			esac
		}
		eval "$5"' unit "$CAPTURES/$2" "${CAPTURE:-$1}" "$BATS_FILE_TMPDIR/$1" "core epochs look rekey $4" "$5"
}
# the folder that the how-to's script makes
folder() { echo "run/$(sed -n 's/.* digest=\([0-9a-f]*\) .*/\1/p' "$BATS_FILE_TMPDIR/howto/head").a"; }
# each CODE: runs it for every release of ip and for every awk, with $version and $awk
each() {
	local pair
	for pair in '5.10 busybox' '6.1 mawk' '6.1 gawk' '6.1 busybox' '7.3 mawk'; do
		read -r version awk <<<"$pair"
		echo "ip $version, $awk:"
		eval "$1"
	done
}

@test "the generated scripts and paste blocks pass shellcheck and parse under dash, busybox ash, bash and mksh" {
	howto=$BATS_FILE_TMPDIR/howto/a.sh public=$BATS_FILE_TMPDIR/public/b.sh
	"$XFRMPAIR" --clamp --guard --inner 10.9.0.0/24 192.168.1.4:61525@85.9.8.7+fd01::/64 192.168.2.100:61523@31.1.2.3:10421 >paste
	# of the second what is not in the first
	shellcheck "$howto"
	{ sed '/^# ---- program/q' "$public"; echo '}'; } >head
	shellcheck -e SC2034,SC2154 head # the program reads and sets them
	shellcheck -s sh paste
	for shell in dash 'busybox ash' bash mksh; do
		for file in "$howto" "$public" paste; do $shell -n "$file"; done
	done
}

@test "every part passes shellcheck as it stands, is laid out as shfmt does, and sourcing it runs nothing and says nothing" {
	shellcheck "$PARTS"/*.sh
	shfmt -ln posix -d "$PARTS"/*.sh
	for part in "$PARTS"/*.sh; do
		case $part in */core.sh | */epochs.sh | */main.sh | */tables.sh) continue ;; esac # these begin with settings, or are the command line
		for shell in dash 'busybox ash' bash mksh; do [ -z "$($shell -u -c '. "$1"' sh "$part" 2>&1)" ]; done
		# its first lines say what it is and what it needs
		[[ "$(head -1 "$part")" == "# $(basename "$part" .sh): "* ]]
	done
}

@test "a whole tunnel is seen as whole, with its counters, by every awk, from every ip" {
	each '[ "$(unit howto $version $awk "" scan | grep -v ^ours | sort)" = "sa in.b 0xdeadbeef 3 252 3 0 0 0
sa out.b 0xdeadbeef 3 252 3 0 0 0" ]'
}

@test "policies of an interface and those that pass the tunnel itself are known, too" {
	for example in interface public; do
		# their keys were other ones: SPI, reqid and if_id become this head's
		head=$BATS_FILE_TMPDIR/$example/head
		reqid=$(sed -n 's/^peers=.[a-z]*@\([0-9]*\).*/\1/p' "$head") if_id=$(sed -n 's/.* if_id=//p' "$head")
		each "for list in policy state-s; do
				sed -e 's/spi 0x[0-9a-f]*([0-9]*)/spi 0xdeadbeef(1)/; s/reqid [1-9][0-9]*/reqid $reqid/; s/if_id 0x.*/if_id $if_id/' \"\$CAPTURES/\$version/$example.\$list\" >\"ours.\$list\"
			done
			unit $example \$version \$awk '' 'captures=. example=ours; scan' >said; cat said
			[ \"\$(grep -c ^sa said)\" -eq 2 ]; ! grep -e missing -e foreign -e failed said"
	done
}

@test "what is gone is named, each SA and policy, and what another tool has is no part of ours" {
	each 'CAPTURE=none unit howto $version $awk "" scan >said; [ "$(cat said)" = "missing SA out.b 0xdeadbeef,
missing SA in.b 0xdeadbeef,
missing policy src 192.168.1.4/32 dst 192.168.2.100/32 dir out
missing policy src 192.168.2.100/32 dst 192.168.1.4/32 dir in
missing policy src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd" ]'
	# beside ours: an SA, policies, a socket's; and SPI 0, which is none
	for capture in foreign larval; do
		each "[ \"\$(CAPTURE=$capture unit howto \$version \$awk '' scan | grep -c '^ours')\" -le 5 ]"
		each "CAPTURE=$capture unit howto \$version \$awk '' scan >said; ! grep -e 'foreign' -e 0x00000000 -e 203.0.113 said"
	done
}

@test "policies of one protocol or port are known by its name and by its number, and no other one for them" {
	for net in 10.1.0.0/16/tcp/22 10.1.0.0/16/icmp 10.1.0.0/16/47 fd01::/64/icmp 10.1.0.0/16/200; do
		rm -rf t said
		"$XFRMPAIR" --cipher aes128gcm12 --keys "$BATS_FILE_TMPDIR/keys" -o t 192.168.1.4:61525@85.9.8.7:61525+$net 192.168.2.100:61523@31.1.2.3:10421+10.2.0.0/24+fd02::/64 2>/dev/null
		sed -e '2s/{ //' -e '/^# ---- program/,$d' t/a.sh >t/head
		reqid=$(sed -n "s/^peers=.b@\([0-9]*\).*/\1/p" t/head)
		# as ip lists them
		sh -c '. t/head; policies' | sed -n 's/^xfrm policy add \(src .*\) dir \([a-z]*\) .*/\1 \n\tdir \2 priority 2000 ptype main \n\ttmpl src 192.0.2.1 dst 192.0.2.2\n\t\tproto esp reqid '"$reqid"' mode tunnel/p' >number.policy
		sed 's/ proto 6 / proto tcp /; s/ proto 1 / proto icmp /; s/ proto 47 / proto gre /; s/ proto 58 / proto ipv6-icmp /' number.policy >name.policy
		: >name.state-s; : >number.state-s
		for case in name number; do
			each "(BATS_FILE_TMPDIR=\$PWD; unit t \$version \$awk '' \"captures=. example=$case; scan\") >said; ! grep -e 'missing policy' -e foreign said; [ \$(grep -c '^ours ip xfrm policy delete src .* dir' said) -eq 3 ]"
		done
		sed 's/^src \(.*\) proto [^ ]*/src \1 proto 99/' name.policy >other.policy; : >other.state-s
		each "(BATS_FILE_TMPDIR=\$PWD; unit t \$version \$awk '' \"captures=. example=other; scan\") >said; [ \$(grep -c 'missing policy src .* proto ' said) -eq 3 ]"
	done
}

@test "check says that no ping can tell where the tunnel carries none, and calls nothing broken" {
	folder=$(folder)
	mkdir -p "$folder"
	echo "made x y ." >"$folder/undo"
	printf '%s\n' "192.168.1.4 yes 31.1.2.3 10421 ." >"$folder/now"
	: >"$folder/sas"
	printf '#!/bin/sh\nexec sleep 20\n' >monitor # nobody waits for it
	chmod +x monitor
	for line in '  nc -z -v -w 3 -s 10.1.0.1 10.2.0.1 22' '  # there: nc -z -v -w 3 -s 10.2.0.1 10.1.0.1 22' '  # b: what the tunnel is for; no ping goes through it'; do
		unit howto 6.1 mawk 'up check' "tests='
$line
'; uses() { false; }; ip_path=./monitor; ping() { echo pinged; }; check_all" >said
		[ "$(cat said)" = "b: no ping goes through, for the tunnel carries no ICMP; test it with: $(echo "$line" | sed 's/^  \(# \)*//')" ]
	done
}

@test "a policy or SA of ours that another tool has is foreign" {
	each 'sed s/1366164508/77/ "$CAPTURES/$version/howto.policy" >other.policy; sed "s/reqid 1366164508(0x[0-9a-f]*)/reqid 77(0x4d)/" "$CAPTURES/$version/howto.state-s" >other.state-s
		CAPTURE=../../../$BATS_TEST_TMPDIR/other unit howto $version $awk "" "captures=/; example=$BATS_TEST_TMPDIR/other; scan" >said; cat said
		[ "$(grep -c "^foreign policy src" said)" -eq 3 ]; [ "$(grep -c "^foreign SA to .* with SPI 0xdeadbeef" said)" -eq 2 ]'
}

@test "an ip that fails while it lists is not taken for an empty kernel" {
	for list in state policy; do
		[[ "$(unit howto 6.1 mawk '' "ip() { case \$* in *'$list list'*) echo 'Cannot open netlink socket: No buffer space' >&2; return 1 ;; *) cat \"\$captures/howto.state-s\" ;; esac; }; scan" | tail -1)" == "failed Cannot open netlink socket: No buffer space" ]]
	done
}

# a tunnel of the how-to that is up, with what an ip of $version says; says FORM [CODE]: what its status does
is_up() {
	folder=$(folder)
	mkdir -p "$folder"
	echo "made x y ." >"$folder/undo"
	printf '%s\n' "192.168.1.4 ${HEARD-yes} 31.1.2.3 10421 ." >"$folder/now"
	printf '%s\n' "in.b 1 0xdeadbeef 0 0" "out.b 1 0xdeadbeef 0 0" >"$folder/sas"
	rm -f "$folder/gone"
	cp "$CAPTURES/$version/${1:-howto}.state-s" ours.state-s
	sed "/192.168.1.4 dst 31.1.2.3/{n;s/proto esp/proto esp spi 0xdeadbeef/}" "$CAPTURES/$version/howto.policy" >ours.policy
}
says() { PIN=" spi 0xdeadbeef" NOW=$NOW unit howto $version $awk "up status" "captures=.; example=ours; form=$1; uses() { false; }; date() { echo \$NOW; }
${2-}
status"; }
NOW=1795268494 # 200 s after what was captured

@test "status prints counters beyond 2^31 as they are" {
	each 'is_up counters-by-hand
		says >said
		grep -q "from b  *SPI 0xdeadbeef epoch 1  *3000000000 packets  *5000000000 bytes$" said
		grep -q "to   b  *SPI 0xdeadbeef epoch 1  *3000000000 packets  *5000000000 bytes$" said
		says json | jq -e ".peers[0] | .tx_bytes == 5000000000 and .rx_packets == 3000000000"'
}

@test "status says of each peer where it is, when it was heard, and what both have sent since up, in lines of at most 100" {
	each 'is_up
		# what SAs of past epochs counted, the last of it later than what the present ones have
		echo "in.b - 3000000000 5000000000 1795268492" >"$folder/gone"
		says >said
		diff - said <<END
a: up, digest $(expr "$folder" : "run/\(.*\)\.a")
  this side: at 192.168.1.4:61525
  b: up, heard 2 s ago, at 31.1.2.3:10421
  from b               SPI 0xdeadbeef epoch 1               3 packets             252 bytes
  from b               since up                    3000000003 packets      5000000252 bytes
  to   b               SPI 0xdeadbeef epoch 1               3 packets             252 bytes
  to   b               since up                             3 packets             252 bytes
END'
	# the longest there are
	version=7.3 awk=mawk
	six='2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff'
	says '' "b='peers=bbbbbbbbbbbbbbb@1366164508'; eval \"\$b\"; recall() { there_1=$six port_1=65535; }; recall_rows() { rows='in.bbbbbbbbbbbbbbb 4294967295 0xdeadbeef 0 0
out.bbbbbbbbbbbbbbb 4294967295 0xdeadbeef 0 0'; }; record() { :; }; scan() { echo 'sa in.bbbbbbbbbbbbbbb 0xdeadbeef 99999999999 999999999999999 0 0 0 0'; }" >said || :
	cat said
	grep -q "at \[$six\]:65535$" said
	run -1 grep '.\{101\}' said
}

@test "status tells ages as people do; a clock that jumped makes none negative, and a kernel that keeps no time gives none" {
	version=6.1 awk=mawk
	is_up
	for ago in '-5 0 s' '119 119 s' '120 2 min' '7199 119 min' '7200 2 h' '200000 2 days'; do
		NOW=$((1795268294 + ${ago%% *})) says | grep -q "  b: up, heard ${ago#* } ago, at "
	done
	NOW=1795268200 says json | jq -e '.peers[0].last_received_seconds == 0'
	# `use` is when an SA was used first: no word of the last packet
	sed -i '/lastused/d' ours.state-s
	says | grep -q '  b: up, heard, at '
	says json | jq -e '.peers[0].last_received_seconds == null'
	# days of every kind, with any TZ that is set
	for date in '2026-11-21 13:38:14' '2028-02-29 23:59:59' '2027-01-01 00:00:00' '2100-03-01 12:00:00'; do
		sed -e "s/\tlifetime config/\tlastused $date\n&/" "$CAPTURES/6.1/howto.state-s" >ours.state-s
		TZ=Asia/Tokyo unit howto 6.1 mawk '' "captures=. example=ours; counts" | grep -q "^in.b 0xdeadbeef 3 252 $(date -u -d "$date" +%s)$"
	done
}

@test "status --json is one object, of the fields that the manual has and no key, with the exit status of status" {
	fields=$(sed -n '/^The object of/,/^\.El/s/^\.It Li //p' "$BATS_TEST_DIRNAME/../gen/xfrmpair.1" | sort)
	each 'is_up
		says json >said
		[ "$(wc -l <said)" -eq 1 ]
		[ "$(jq -r "keys[], (.peers[0] | keys[])" said | sort -u)" = "$(sort -u <<<"$fields")" ]
		jq -e ". == {name: \"a\", digest: \"$(expr "$folder" : "run/\(.*\)\.a")\", up: true, helper_pid: null, missing: [], peers: [{name: \"b\", state: \"up\", cause: null, epoch: 1,
			local: \"192.168.1.4:61525\", remote: \"31.1.2.3:10421\", tx_packets: 3, tx_bytes: 252, rx_packets: 3, rx_bytes: 252, last_received_seconds: 200, spi_out: \"0xdeadbeef\", spi_in: \"0xdeadbeef\"}]}" said
		# with a text that needs escapes
		echo "192.168.1.4 yes q\"\\q 10421 ." >"$folder/now"
		says json >said || :
		jq -e ".peers[0].remote == \"q\\\"\\\\q:10421\"" said'
	version=7.3 awk=mawk
	# a policy is its peer's; without any SA a peer is down; the helper is everybody's
	is_up
	sed -i '/dst 192.168.2.100/,+3d' ours.policy
	run -1 says json
	jq -e '.peers[0].state == "half-up" and .peers[0].cause == "half-up" and .missing == ["policy src 192.168.1.4/32 dst 192.168.2.100/32 dir out"]' <<<"$output"
	sed -i '1,/^src 192/{/^src 192/!d}' ours.state-s
	run -1 says json
	jq -e '.missing[0] == "SA from b" and (.peers[0] | .state == "half-up" and .spi_in == null and .epoch == 1 and .rx_packets == 0)' <<<"$output"
	: >ours.state-s
	run -1 says json
	jq -e '.peers[0].state == "down"' <<<"$output"
	is_up
	run -1 says json 'uses() { :; }; read_helper() { helper_pid=""; }'
	jq -e '.helper_pid == null and .up == false and .peers[0].state == "half-up" and .peers[0].cause == "no-helper" and .missing == ["espdecap"]' <<<"$output"
	says json 'uses() { :; }; read_helper() { helper_pid=77; }' | jq -e '.helper_pid == 77 and .up'
	# one that was never heard
	HEARD=no is_up
	sed -i 's/252(bytes), 3(packets)/0(bytes), 0(packets)/; /lastused/d' ours.state-s
	run -4 says json
	jq -e '.up and .peers[0].state == "silent" and .peers[0].cause == "never-heard" and .peers[0].last_received_seconds == null' <<<"$output"
	run -4 says
	[[ "${lines[0]}" == *'; nothing heard from b yet' ]]
	[[ "${lines[2]}" == '  b: silent, not heard yet, at '* ]]
	# where nothing can be said
	echo torn >"$folder/now"
	run --separate-stderr -1 says json
	[ "$output" = '{"name":"a","up":false}' ]
	[[ "$stderr" == *'is empty or torn'* ]]
	rm -r run
	run -1 says json
	[ "$output" = '{"name":"a","up":false}' ]
	run -1 says
	[ "$output" = 'a: down' ]
}

@test "status --watch prints a table each second, with rates, writes nothing down, and ends with 0 on ^C" {
	version=7.3
	for SHELL_UNDER_TEST in dash 'busybox ash' bash mksh; do
		export SHELL_UNDER_TEST
		for awk in mawk gawk busybox; do
			[ $awk = mawk ] || [ "$SHELL_UNDER_TEST" = dash ] || continue
			is_up
			rm -rf state
			echo 0 >n
			# each look finds a thousand packets more
			UNDER='timeout 30' says watch 'scan() { echo $(($(cat n) + 1)) >n; [ "$(cat n)" -lt 3 ] || kill -INT $$; echo "sa in.b 0xdeadbeef 1 1 0 0 0 0"; echo "sa out.b 0xdeadbeef 1 1 0 0 0 0"; }
				counts() { echo "in.b 0xdeadbeef $(cat n)000 $(cat n)00000000 1795268494"; echo "out.b 0xdeadbeef 7 7 0"; }' >said 3>&-
			cat -A said
			[ "$(sed -n '1,3p' said)" = "a: up, digest $(expr "$folder" : 'run/\(.*\)\.a')
  peer            state    in pkt/s    in B/s out pkt/s   out B/s
  b               up              -         -         -         -  heard 0 s ago" ]
			sed -n 6p said | grep '^  b  *up  *[1-9][0-9][0-9]  *[0-9.]*M  *0  *0  heard 0 s ago$' # a thousand in a second or a bit more
			run -1 grep "$(printf '\033')" said
			[ ! -e state ]
		done
	done
}

seen_in() { # FILE PATTERN: waits for it, 20 s at most
	local i
	for ((i = 0; i < 200; i++)); do
		if grep -qa "$2" "$1"; then return; fi
		sleep 0.1
	done
}

@test "status --watch on a terminal goes over its own lines, and leaves the cursor below them" {
	version=7.3 awk=mawk
	is_up
	declare -f unit says >functions
	export version awk NOW BATS_TEST_TMPDIR BATS_FILE_TMPDIR
	echo '. ./functions; stty columns 60; UNDER=exec says watch' >commands
	{ seen_in said "$(printf '\033')\[3A"; printf '\003'; sleep 0.5; } | TERM=xterm timeout -k 1 30 script -qec 'exec bash commands' /dev/null >said 3>&-
	cat -A said
	# the second table goes up over the first, and what is longer than the terminal's line is cut
	grep -qa "$(printf '\033')\[3A" said
	run -1 grep -qa 'heard 3 min ago' said
	[[ "$(tail -c 4 said | od -An -c)" == *'\r  \n' ]]
	# a terminal that knows no such things
	>said
	{ seen_in said 'heard 3 min ago'; printf '\003'; } | TERM=dumb timeout -k 1 30 script -qec 'exec bash commands' /dev/null >said 3>&-
	grep -qa 'heard 3 min ago' said
	run -1 grep -qa "$(printf '\033')" said
}

@test "what SAs have counted that are deleted, or begin anew, stays counted" {
	each 'is_up
		for lost in "/^src 31/,/^src 192/{/^src 192/!d}" "1,/^src 192/s/252(bytes), 3(packets)/84(bytes), 1(packets)/"; do
			cp "$CAPTURES/$version/howto.state-s" ours.state-s
			LOST=$lost unit howto $version $awk "" "captures=.; example=ours; lose() { sed -i \"\$LOST\" ours.state-s; }; keep_counts lose"
		done
		[ "$(cat "$folder/gone")" = "in.b - 6 504 1795268294" ]'
}

@test "what is gone already counts as taken back, in the words of every ip; other failures do not" {
	each 'for gone in policy-gone state-gone policy-if-id-gone; do
			unit howto $version $awk "" "ip() { cat \"\$captures/error.$gone\" >&2; return 2; }; take_back ip xfrm policy delete x" 2>said
			[ ! -s said ]
		done
		run unit howto $version $awk "" "ip() { echo RTNETLINK answers: Device or resource busy >&2; return 2; }; take_back ip link delete ipsec0"
		[ "$status" -eq 1 ]; [ "$output" = "a: cannot be taken back: ip link delete ipsec0: RTNETLINK answers: Device or resource busy" ]'
}

@test "undo takes back the last first, skips a torn line, and keeps what it could not take back" {
	mkdir -p run/x
	printf '%s\n' 'made b /f .' 'ip route delete one .' 'ip route delete two .' 'nft delete table inet three .' 'ip route delete 10.0.0.0/' >run/x/undo
	unit howto 6.1 mawk '' 'ip() { case $1 in -batch) cat >/dev/null; return 2 ;; esac; echo "ip $*" >>order; [ "${3-}" != one ] || { echo busy >&2; return 2; }; }
		nft() { echo "nft $*" >>order; }
		if undo run/x; then exit 9; fi' 2>said
	cat said
	[ "$(cat order)" = 'nft delete table inet three
ip route delete two
ip route delete one' ]
	[ "$(cat said)" = 'a: cannot be taken back: ip route delete one: busy' ]
	[ "$(cat run/x/undo)" = 'ip route delete one .' ]
	unit howto 6.1 mawk '' 'ip() { cat >/dev/null; }; undo run/x'
	[ ! -e run/x ]
}

@test "what a refusal of ip means: no ESP, no cipher, not root, taken" {
	refusal() { # ERROR: with an ip that takes the SA that encrypts nothing if TAKES is true
		run unit howto 6.1 mawk '' "modprobe() { :; }; ip() { cat >/dev/null; ${TAKES:-false}; }; refused trying '$1'"
	}
	for error in "$(cat "$CAPTURES/6.1/error.no-algorithm")" 'RTNETLINK answers: Function not implemented' "$(cat "$CAPTURES/5.10/error.bad-key-length")"; do
		refusal "$error"
		[ "$status" -eq 5 ]
		[[ "$output" == "a: no-esp: this kernel, or this container, has no ESP: try: modprobe esp4 (trying: "* ]]
		TAKES=true refusal "$error"
		[ "$status" -eq 5 ]
		[[ "$output" == "a: no-cipher: this kernel lacks the cipher aes128gcm12: generate with another --cipher (trying: "* ]]
	done
	# a module that is blocked on purpose is not to be loaded: the line that blocks it is shown
	run unit howto 6.1 mawk '' "modprobe() { echo 'install /bin/false'; }; ip() { cat >/dev/null; false; }; refused trying 'RTNETLINK answers: Function not implemented'"
	[ "$status" -eq 5 ]
	[[ "$output" == "a: esp-blocked: ESP is switched off on purpose: install /bin/false: without that line it works (trying: "* ]]
	if [ "$(id -u)" = 0 ] && [ -d /etc/modprobe.d ]; then
		mkdir modprobe.d
		printf '%s\n' '# install esp4 no' 'install esp /bin/true' '  install	esp4 /bin/false' >modprobe.d/off.conf
		printf '%s\n' 'mount --bind "$1" /etc/modprobe.d && shift && exec "$@"' >under
		UNDER="unshare --mount sh under $PWD/modprobe.d" run unit howto 6.1 mawk '' "modprobe() { echo 'install /bin/false'; }; ip() { cat >/dev/null; false; }; refused trying 'RTNETLINK answers: Function not implemented'"
		[ "$status" -eq 5 ]
		[[ "$output" == "a: esp-blocked: ESP is switched off on purpose: /etc/modprobe.d/off.conf:  install	esp4 /bin/false: without that line it works (trying: "* ]]
	fi
	refusal 'RTNETLINK answers: Operation not permitted'
	[ "$status" -eq 1 ]
	[[ "$output" == "a: trying: needs root "* ]]
	refusal "$(cat "$CAPTURES/7.3/error.state-exists")"
	[ "$status" -eq 1 ]
	[[ "$output" == "a: taken: another tool has one with the same identity: see: ip xfrm state; ip xfrm policy (trying: "* ]]
}

@test "a peer that was not heard: what natprobe found out says what is the likeliest, and what cannot be is left out" {
	digest=$(sed -n 's/.* digest=\([0-9a-f]*\) .*/\1/p' "$BATS_FILE_TMPDIR/howto/head")
	is_down="  b is not up: there, sh b.sh up"
	other="  its script is of another run: there, sh b.sh status has to say digest $digest"
	moved="  this side's mapped endpoint has changed: sh a.sh down, natprobe -p 61525 SERVER SERVER, sh a.sh up; if natprobe prints another word than 192.168.1.4:61525@85.9.8.7:61525, there: sh b.sh update-peer ADDRESS:PORT, what it has after the @"
	moved_there="  the mapped endpoint of b has changed: there, up says how to find it; then here: sh a.sh update-peer ADDRESS:PORT"
	order="  the wrong order: sh a.sh down, and there sh b.sh down; half a minute later sh a.sh up here, then sh b.sh up there"
	closed="  a router or firewall there lets nothing in: there, sh b.sh down, then sh b.sh up --map; or forward UDP port 10421 of it; or use IPv6"
	earlier="  an earlier run is up there: sh b.sh down --all, then sh b.sh up"
	# unheard SAID LINE LINE...: natprobe has said so, in its one line; it ends with 4
	unheard() {
		run -4 unit howto 6.1 mawk 'punch' "file=a.sh; wait=7 outer=31.1.2.3; found_out='${1% }'; unheard"
		diff <(printf '%s\n' "a: set up, but b $2. Perhaps, the likeliest first:" "${@:3}") <(echo "$output")
	}
	unheard "nothing " "has not been heard: nothing came in 7 s" "$is_down" "$other" "$moved" "$moved_there" "$order" "$closed"
	unheard "" "has not been heard" "$is_down" "$other" "$moved" "$moved_there" "$order" "$closed" # without natprobe
	unheard "nothing Network unreachable" "has not been heard: nothing came in 7 s (Network unreachable)" "$is_down" "$other" "$moved" "$moved_there" "$order" "$closed"
	unheard "refused " "has not been heard: ICMP says that nobody has port 10421 at 31.1.2.3" "$is_down" "$moved_there" "$moved" "$order" "$closed"
	unheard "tunnel " "has not been heard: what comes from 31.1.2.3:10421 is a tunnel's that this one does not know" "$other" "$earlier" "$order"
	unheard "one-way " "was heard, and has not heard us" "$closed" "$order" "$moved"
}

@test "an ip from before 5.8 is refused with an interface, whose policies it could not delete" {
	for version in 5.7.0 5.4.0 4.20.0 ss200127; do
		run unit interface 6.1 mawk interface "ip() { echo 'ip utility, iproute2-$version'; }; check_interface"
		[ "$status" -eq 5 ]
		[[ "$output" == "a: ip is of iproute2 $version, which cannot delete policies of an interface; "* ]]
	done
	for version in 5.10 6.1 7.3; do unit interface $version mawk interface check_interface; done
	unit interface 6.1 mawk interface "ip() { echo 'ip utility, iproute2-5.8.0'; }; check_interface"
}

# warned RULES WARNING...: what the program says of this ruleset of nft, exactly
warned() {
	for awk in mawk gawk busybox; do
		RULES=$1 unit howto 6.1 $awk rules 'list_rules() { echo "$RULES"; }; warn_of_rules' >said 2>&1
		echo "$awk: $1"
		diff <(printf '%s' "${2:+$2
}") said
	done
}
@test "of a firewall it is said only what is certain, with the whole command" {
	wall='table inet wall {
	chain in {
		type filter hook input priority filter; policy drop;
		RULES
	}
}'
	inside='a: warning: inet wall in drops new connections that come out of the tunnel; to let it in: nft insert rule inet wall in meta secpath exists accept'
	itself='a: warning: inet wall in drops the tunnel itself; to let it in: nft insert rule inet wall in udp dport 61525 accept'
	warned "${wall/RULES/}" "$inside
$itself"
	warned "${wall/RULES/ct state established,related accept}" "$inside"
	warned "${wall/RULES/ct state established,related accept
		iif \"lo\" accept
		tcp dport 22 accept
		ct state invalid drop}" "$inside"
	warned "${wall/RULES/ct state established,related accept comment \"ipsec\"}" "$inside"
	warned "${wall/RULES/meta ipsec exists accept
		udp dport 61525 accept}"
	warned "${wall/RULES/ct state established,related counter packets 7 bytes 99 accept
		meta ipsec exists counter packets 0 bytes 0 accept}"
	# what may take the packet, nobody knows from here: silent
	warned "${wall/RULES/ip saddr 192.168.2.100 accept
		ct state established,related accept}"
	warned "${wall/RULES/jump elsewhere}"
	# a rule that drops, under a policy that accepts
	open=${wall/policy drop/policy accept}
	warned "${open/RULES/ct state established,related accept
		drop}" "$inside"
	warned "${open/RULES/ct state established,related accept
		counter packets 0 bytes 0 reject}" "$inside"
	warned "${open/RULES/tcp dport 25 drop}"
	warned "${open/RULES/}"
	warned ':INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT' 'a: warning: -A INPUT drops new connections that come out of the tunnel; to let it in: iptables -I INPUT -m policy --dir in --pol ipsec -j ACCEPT'
	warned ':INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m policy --dir in --pol ipsec -j ACCEPT'
}

@test "a process that has ended lives no more, though nobody asks for it, as in a container without an init" {
	# Only once the parent is sleep, which waits for no child, is the child sure to stay a zombie.
	bash -c 'sh -c "until grep -q sleep /proc/$$/comm; do sleep 0.1; done" & echo $! >ended; exec sleep 20' 3>&- &
	until [ -s ended ] && grep -q '^State:.Z' "/proc/$(cat ended)/status"; do sleep 0.1; done
	unit howto 6.1 mawk '' "! lives $(cat ended) $(cut -d' ' -f22 "/proc/$(cat ended)/stat")"
	kill $!
}

@test "a process is known by its birth, and only one works on a folder" {
	for SHELL_UNDER_TEST in dash 'busybox ash' bash mksh; do
		export SHELL_UNDER_TEST
		sleep 20 3>&- &
		unit howto 6.1 mawk '' "get_birth $!; [ \"\$birth\" = \"$(cut -d' ' -f22 /proc/$!/stat)\" ] && lives $! \"\$birth\" && ! lives $! 1 && ! lives 0 ''"
		rm -rf run
		mkdir -p "$(folder)"
		ln -s "$! $(cut -d' ' -f22 /proc/$!/stat) up" "$(folder)/busy"
		unit howto 6.1 mawk '' "if claim down; then exit 9; fi; [ \"\${worker%% *}\" = $! ]"
		kill $!
		wait $! 2>/dev/null || :
		# of one that was killed it is taken over, and given back at the end
		unit howto 6.1 mawk '' 'claim down && [ -L "$folder/busy" ]'
		[ ! -L "$(folder)/busy" ]
		# one that ends just then is not in the way; where nobody can write, nobody is
		unit howto 6.1 mawk '' 'tried=""; ln() { [ -n "$tried" ] && command ln "$@" || { tried=yes; false; }; }; claim down && [ -L "$folder/busy" ]'
		run -1 unit howto 6.1 mawk '' 'ln() { false; }; claim_soon rekey'
		[ "$output" = "a: cannot write to $PWD/$(folder)" ]
		run -1 unit howto 6.1 mawk '' 'rm -r "$folder"; claim_soon rekey'
		[ "$output" = 'a: went down meanwhile' ]
	done
}

@test "the store is written by every awk, with more on the number that is sent next" {
	each 'rm -rf state; unit howto $version $awk "" "write_book 5"
		[ "$(cat state/*)" = "a b 1 fixed - at 1 heard 0 out 5 0 in 0 0 token - ." ]
		rm -rf state; unit howto $version $awk "" "esn=yes; book=\"a b 1 fixed - at 1 heard 0 out 4294967294 6 in 0 0 token - .\"; write_book 5"
		grep -q " out 3 7 in " state/*'
}

# checks MOVED ANSWERED [CODE]: what check says of the how-to's tunnel when these counters, and "in" and "out" of the SAs, rise while
# ANSWERED of 4 pings are answered. They rise with the burst: no kernel is asked.
checks() {
	version=6.1 awk=${AWK-mawk}
	HEARD=${HEARD-yes} is_up
	rm -rf pinged state
	printf '#!/bin/sh\n%s\n' "${MONITOR:-exec sleep 20}" >monitor
	chmod +x monitor
	MOVED=$1 ANSWERED=$2 WAS=${WAS-3} unit howto $version $awk 'routes up status helper check' "captures=.; example=ours; verb=check ip_path=./monitor; uses() { [ \$1 = helper ]; }
		kernel_counters() { echo UdpInDatagrams 5; [ -z \"\${NO_STAT-}\" ] && echo XfrmInError 0; [ ! -e pinged ] || for word in \$MOVED; do case \$word in in | out | replay | failed | missing*) ;; *) echo \$word ;; esac | sed 's/=/ /'; done; }
		scan() { in=\$WAS out=3 replay=0 failed=0
			[ ! -e pinged ] || for word in \$MOVED; do case \$word in in) in=\$((in + 4)) ;; out) out=\$((out + 4)) ;; replay) replay=4 ;; failed) failed=4 ;; missing*) echo \"\$word\" | sed 's/_/ /g' ;; esac; done
			echo \"sa in.b 0xdeadbeef \$in 9 0 0 \$replay \$failed\"; echo \"sa out.b 0xdeadbeef \$out 9 0 0 0 0\"; }
		ping() { sleep 0.2; : >pinged; case \$* in *'-c 4'*) echo \"4 packets transmitted, \$ANSWERED received\" ;; *) echo \"3 packets transmitted, \${BIG-3} received\" ;; esac; }
		ss() { echo \"\${OWNER-}\"; }; read_helper() { helper_pid=\${HELPER-77}; }
		ip() { case \$* in 'route get'*) echo \"\$3 dev eth0 src \${SOURCE-192.168.1.4}\" ;; esac; }
		${3-}
		check_all \${TARGET-}" 3>&-
}
# names CAUSE MOVED ANSWERED [CODE]: check says so in one line, then evidence, and is 1
names() {
	run -1 checks "${@:2}"
	echo "$output"
	[[ "${lines[0]}" == "b: $1: "*": "* || "${lines[0]}" == "b: $1: "*'? '* || "${lines[0]}" == "b: $1: "*', or '* ]]
	for line in "${lines[@]:1}"; do [[ "$line" == '  '* ]]; done
	[[ "$output" != *"
b: "* ]]
}

@test "check names each cause that this side can see, by what moves" {
	run -0 checks 'in out' 4
	[ "$output" = 'b: healthy' ]
	# from where up found this host to be, to the target that is given
	TARGET=192.168.2.7 run -0 checks 'in out' 4 'other_nets=192.168.2.0/24@1 tests="  ping -c 3 -I auto 192.168.2.100"; ping() { : >pinged; echo "$*" >>pings; echo "4 packets transmitted, 4 received"; }'
	[ "$(grep -c -e '-I 192.168.1.4 192.168.2.7$' pings)" -eq 2 ]
	TARGET=192.168.3.7 run -2 checks 'in out' 4
	[ "$output" = "a: '192.168.3.7': want an address in a net of another side: 192.168.2.100/32" ]
	TARGET=example.org run -2 checks 'in out' 4
	[ "$output" = "a: 'example.org': want an address there, as ping takes it" ]
	BIG=0 names mtu 'in out' 4
	names no-out-sa XfrmOutNoStates=4 0
	names no-out-sa missing_SA_out.b_0xdeadbeef, 0
	names half-up missing_SA_in.b_0xdeadbeef, 0
	names half-up missing_policy_src_a_dst_b_dir_fwd 4
	[ "${lines[1]}" = '  missing policy src a dst b dir fwd' ]
	names guarded XfrmOutPolBlock=4 0
	HELPER='' names no-helper out 0
	names unknown-spi 'out XfrmInNoStates=4' 0
	names epochs-apart 'out XfrmInNoStates=4' 0 'read_book() { book="a b 3 secret x at 3 heard 2 out 0 0 in 0 0 token x ."; }'
	names no-encap 'out XfrmInStateMismatch=4' 0
	names wrong-key 'out XfrmInStateProtoError=4' 0
	names replayed 'out XfrmInStateSeqError=4' 0
	names template 'in out XfrmInTmplMismatch=4' 0
	names clear-arrives 'out XfrmInTmplMismatch=4' 0
	names no-policy 'in out XfrmInNoPols=4' 0
	names firewall 'in out' 0
	names own-nat '' 0
	SOURCE=10.0.0.1 names wrong-source '' 0
	names not-arriving out 0
	[[ "${lines[2]}" == *'check there'* ]]
	[[ "${lines[3]}" == *'count-low'* ]]
	WAS=0 names never-heard out 0
	names same-nat out 0 'own_word=192.168.1.4:61525@31.1.2.3:61525'
	names name out 0 'name_1=home.example.org; resolve() { echo 192.0.2.7; }'
	[[ "$output" == *'home.example.org is 192.0.2.7, and 31.1.2.3 is what is used'* ]]
	names name out 0 'name_1=home.example.org; resolve() { /bin/sleep 20; }'
	[[ "$output" == *'home.example.org is not found'* ]]
	# as iproute2 6.1 has it
	mapping='printf "Mapping change 31.1.2.3:10421 -> 31.1.2.3:7777\n\tdst 192.168.1.4  reqid 0x516e041c protocol esp  SPI 0xdeadbeef\n"; exec sleep 20'
	MONITOR=$mapping names peer-moved 'in out' 0
	[[ "$output" == *"update-peer b 31.1.2.3:7777"* ]]
	HEARD=no WAS=0 MONITOR=$mapping names peer-port 'in out' 0
	HEARD=no WAS=0 MONITOR=${mapping/> 31.1.2.3/> 31.1.2.9} names peer-moved 'in out' 0
	# UDP that nobody decapsulates; a keepalive or two are no sign
	OWNER='users:(("charon",pid=9,fd=3))' names not-our-socket 'out UdpInDatagrams=9' 0
	HELPER=none OWNER='' names not-our-socket 'out UdpInDatagrams=9' 0
	OWNER='users:(("espdecap",pid=77,fd=3))' names not-arriving 'out UdpInDatagrams=9' 0
	OWNER='users:(("charon",pid=9,fd=3))' names not-arriving 'out UdpInDatagrams=6' 0
	# a gateway that is reached, and whose hosts are not; what says so is what up says
	mkdir -p sys/net/ipv4/conf/all sys/net/ipv4/conf/eth0
	sed "s,/proc/sys,$PWD/sys,g" "$PARTS/forwarding.sh" >forwarding.sh
	echo 1 | tee sys/net/ipv4/conf/all/send_redirects >sys/net/ipv4/conf/eth0/send_redirects
	gateway='. ./forwarding.sh; own_nets=10.1.0.0/24; uses() { :; }; ip() { case $* in *address*) echo "2: $DEV inet 10.1.0.1/24" ;; *) echo "1.1.1.1 dev eth0 src 192.168.1.4" ;; esac; }'
	echo 0 >sys/net/ipv4/ip_forward
	names no-forwarding 'in out' 4 "DEV=eth1; $gateway"
	echo 1 >sys/net/ipv4/ip_forward
	names redirected 'in out' 4 "DEV=eth0; $gateway"
	run -0 checks 'in out' 4 "DEV=eth1; $gateway"
	[ "$output" = 'b: healthy' ]
	[ "$(cat sys/net/ipv4/ip_forward)" = 1 ]
}

@test "check without /proc/net/xfrm_stat goes by the SAs, and says so" {
	export NO_STAT=yes
	run -0 checks 'in out' 4
	names wrong-key 'out failed' 0
	names replayed 'out replay' 0
	names firewall 'in out' 0
	names not-arriving out 0
	[[ "${lines[1]}" == *'; this kernel does not count what it refuses (/proc/net/xfrm_stat)' ]]
}

@test "check of a tunnel that is down says so, and what its guard blocks" {
	printf '#!/bin/sh\n' >espdecap
	chmod +x espdecap
	export ESPDECAP=$PWD/espdecap
	run -1 checks '' 0 'rm -r "$folder"; no_helper=""; name_1=""; auto=""'
	[[ "$output" == 'a: is down; set it up with: sh '*' up' ]]
	run -1 checks '' 0 'mv "$folder" "$folder.guard"'
	[[ "$output" == 'b: guarded: the tunnel is down, and its leak guard blocks what it carried: sh '* ]]
}

@test "check of a tunnel that is down names what up would refuse for: helper, port, SA, cipher, ESP, with the status of up" {
	printf '#!/bin/sh\n' >espdecap
	chmod +x espdecap
	export ESPDECAP=$PWD/espdecap
	# down STATUS LINE [CODE]: what is tried goes to the file tried
	down() {
		run checks '' 0 'rm -rf "$folder"; no_helper=""; name_1=""; auto=""; modprobe() { :; }; scan() { :; }
			ip() { case $1 in -batch) cat >>tried; case ${FAILS-} in ?*) echo "$FAILS" >&2; return 2 ;; esac ;; esac; }
			'"${3-}"
		echo "$output"
		[ "$status" -eq "$1" ]
		[[ "$output" == $2 ]]
		[ ! -d "$folder" ]
	}
	down 1 'a: is down; set it up with: sh * up'
	# an SA of this cipher on the loopback, with no key of ours, and away again
	cat tried
	[ "$(grep -c '^xfrm state add src 127.0.0.1 dst 127.0.0.1 proto esp spi 0x[0-9]* reqid' tried)" -eq 1 ]
	grep -q 'aead rfc4106(gcm(aes)) 0x5555*5 96' tried
	[ "$(tail -n 1 tried | sed 's/0x[0-9]*/SPI/')" = 'xfrm state delete src 127.0.0.1 dst 127.0.0.1 proto esp spi SPI' ]
	FAILS='Error: Requested type not found.' down 5 'b: no-esp: this kernel, or this container, has no ESP: try: modprobe esp4 (trying an SA: *)'
	FAILS='Error: Requested AEAD algorithm not found.' down 5 'b: no-cipher: this kernel lacks the cipher aes128gcm12: generate with another --cipher (trying an SA: *)' \
		'ip() { case $1 in -batch) ! grep -q aead || { echo "$FAILS" >&2; return 2; } ;; esac; }'
	FAILS='Error: Requested type not found.' down 5 'b: esp-blocked: ESP is switched off on purpose: install /bin/false: without that line it works (trying an SA: *)' 'modprobe() { echo install /bin/false; }'
	down 1 'b: taken: another tool has the same policy src a: see: ip xfrm state; ip xfrm policy' 'scan() { echo foreign policy src a; }'
	OWNER='u 0 0 192.168.1.4:61525 users:(("charon",pid=9,fd=3))' down 1 'b: port-taken: UDP port 61525 is taken by users:(("charon",pid=9,fd=3))' 'read_helper() { helper_pid=""; }'
	chmod -x espdecap
	down 1 "b: no-helper: $PWD/espdecap cannot be run: chmod +x it; or is its file system mounted noexec?"
}

@test "in a mesh each peer has its line, of its own SAs, in five seconds for all, however silent they are" {
	mesh='peers="b@1366164508 c@2 d@3 e@4 f@5" there_2=2.2.2.2 there_3=3.3.3.3 there_4=4.4.4.4 there_5=5.5.5.5 port_2=1 port_3=1 port_4=1 port_5=1
		recall() { heard=no; }; tests="$(for to in b c d e f; do echo "  ping -c 3 -I a $to"; done)"
		resolve() { /bin/sleep 20; }; name_2=c.example.org
		ip() { echo "x dev eth0 src a"; }
		scan() { n=3; [ ! -e pinged ] || n=7; for other in b d e f; do echo "sa out.$other 0x1 $n 9 0 0 0 0"; done; echo "sa in.b 0x1 $n 9 0 0 0 0"; [ -e pinged ] && echo "missing SA out.c 0x1,"; :; }
		ping() { : >pinged; for last; do :; done; case $last,$* in b,*) echo "4 packets transmitted, 4 received"; return ;; *"-c 4"*) sleep 1.9 ;; *) sleep 1.6 ;; esac; echo "4 packets transmitted, 0 received"; }'
	begun=$(date +%s%N)
	run -1 checks 'XfrmOutNoStates=4' 0 "$mesh"
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "# five peers, four of them silent: $took ms" >&3
	echo "$output"
	[ "$took" -le $((5000 * ${BUSY:-1})) ]
	[ "$(grep -v '^  ' <<<"$output" | sed 's/^\([a-z]: [a-z-]*\).*/\1/' | tr '\n' ,)" = 'b: healthy,c: no-out-sa,d: never-heard,e: never-heard,f: never-heard,' ]
}

@test "a target is asked of the peer in whose nets it is, of two the one with the longer prefix" {
	while read -r target number; do
		for awk in mawk gawk busybox; do
			[ "$(unit howto 6.1 $awk check "target=$target other_nets='10.0.0.0/8@1 10.2.0.0/16@2 192.168.2.100/32@3 2001:db8::/32@4 2001:db8:2::/48@5 ::1/128@6'; find_target; echo \$target_number")" = "$number" ] ||
				{ echo "$awk: $target"; return 1; }
		done
	done <<'END'
10.1.2.3 1
10.2.2.3 2
192.168.2.100 3
2001:db8:1::1 4
2001:DB8:2:0:0:0:0:9 5
::1 6
END
	run -2 unit howto 6.1 mawk check 'target=2001:db9:: other_nets=2001:db8::/32@1; find_target'
	# in transport mode there are no nets but the peers themselves
	[ "$(unit howto 6.1 mawk check 'other_nets=""; target=31.1.2.3; find_target; echo "$target_number"')" = 1 ]
}
