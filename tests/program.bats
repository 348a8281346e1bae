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
setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

# unit EXAMPLE VERSION AWK PARTS CODE: CODE in a shell that has sourced head and PARTS; its ip prints CAPTURE's words
unit() {
	XFRMPAIR_RUN=$BATS_TEST_TMPDIR/run PATH=$AWKS/$3:$PATH ${SHELL_UNDER_TEST:-dash} -c '
		captures=$1 example=$2
		. "$3/head"
		for part in $4; do . "$PARTS/$part.sh"; done
		file=$3/a.sh
		ip() {
			case $* in
			"-s xfrm state list nokeys") cat "$captures/$example.state-s" ;;
			"xfrm policy list") cat "$captures/$example.policy" ;;
			"-V") cat "$captures/none.version" ;;
			*) echo "unexpected: ip $*" >&2; return 9 ;;
			esac
		}
		eval "$5"' unit "$CAPTURES/$2" "${CAPTURE:-$1}" "$BATS_FILE_TMPDIR/$1" "core look $4" "$5"
}
# the folder that the how-to's script makes
folder() { echo "run/$(sed -n 's/.* digest=\([0-9a-f]*\) .*/\1/p' "$BATS_FILE_TMPDIR/howto/head").a"; }
# each CODE: runs it for every release of ip and every awk, with $version and $awk
each() {
	for version in 5.10 6.1 7.3; do
		for awk in mawk gawk busybox; do
			echo "ip $version, $awk:"
			eval "$1"
		done
	done
}

@test "every part passes shellcheck as it stands, and sourcing it runs nothing and says nothing" {
	shellcheck "$PARTS"/*.sh
	for part in "$PARTS"/*.sh; do
		case $part in */core.sh | */main.sh | */tables.sh) continue ;; esac # these begin with settings, or are the command line
		for shell in dash 'busybox ash' bash mksh; do [ -z "$($shell -u -c '. "$1"' sh "$part" 2>&1)" ]; done
		# its first lines say what it is and what it needs
		[[ "$(head -1 "$part")" == "# $(basename "$part" .sh): "* ]]
	done
}

@test "a whole tunnel is seen as whole, with its counters, by every awk, from every ip" {
	each '[ "$(unit howto $version $awk "" scan | grep -v ^ours | sort)" = "sa in.b 0xdeadbeef 3 252 0x0
sa out.b 0xdeadbeef 3 252 0x3" ]'
}

@test "policies of an interface and those that pass the tunnel itself are known, too" {
	for example in interface public; do
		# their keys were other ones: SPI, reqid and if_id become this head's
		head=$BATS_FILE_TMPDIR/$example/head
		reqid=$(sed -n 's/^peers=.[a-z]*@\([0-9]*\)@.*/\1/p' "$head") if_id=$(sed -n 's/.* if_id=//p' "$head")
		each "for list in policy state-s; do
				sed -e 's/spi 0x[0-9a-f]*([0-9]*)/spi 0xdeadbeef(1)/; s/reqid [1-9][0-9]*/reqid $reqid/; s/if_id 0x.*/if_id $if_id/' \"\$CAPTURES/\$version/$example.\$list\" >\"ours.\$list\"
			done
			unit $example \$version \$awk '' 'captures=. example=ours; scan' >said; cat said
			[ \"\$(grep -c ^sa said)\" -eq 2 ]; ! grep -e missing -e foreign -e failed said"
	done
}

@test "what is gone is named, each SA and policy, and what another tool has is no part of ours" {
	each 'CAPTURE=none unit howto $version $awk "" scan >said; [ "$(cat said)" = "missing SA out.b,
missing SA in.b,
missing policy src 192.168.1.4/32 dst 192.168.2.100/32 dir out
missing policy src 192.168.2.100/32 dst 192.168.1.4/32 dir in
missing policy src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd" ]'
	# beside ours: an SA, policies, a socket's; and SPI 0, which is none
	for capture in foreign larval; do
		each "[ \"\$(CAPTURE=$capture unit howto \$version \$awk '' scan | grep -c '^ours')\" -le 5 ]"
		each "CAPTURE=$capture unit howto \$version \$awk '' scan >said; ! grep -e 'foreign' -e 0x00000000 -e 203.0.113 said"
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

@test "status prints counters beyond 2^31 as they are" {
	folder=$(folder)
	mkdir -p "$folder"
	echo "made x y ." >"$folder/undo"
	echo "192.168.1.4 10421 yes ." >"$folder/now"
	each 'cp "$CAPTURES/$version/counters-by-hand.state-s" ours.state-s; cp "$CAPTURES/$version/howto.policy" ours.policy
		unit howto $version $awk "up status" "captures=.; example=ours; uses() { false; }; status" >said
		grep -q "from b  *SPI 0xdeadbeef  *3000000000 packets  *5000000000 bytes$" said
		grep -q "to   b  *SPI 0xdeadbeef  *3000000000 packets  *5000000000 bytes$" said'
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
		[[ "$output" == *"has no ESP; try: modprobe esp4"* ]]
		TAKES=true refusal "$error"
		[ "$status" -eq 5 ]
		[[ "$output" == *"this kernel lacks the cipher aes128gcm12; generate with another --cipher"* ]]
	done
	refusal 'RTNETLINK answers: Operation not permitted'
	[ "$status" -eq 1 ]
	[[ "$output" == "a: trying: needs root "* ]]
	refusal "$(cat "$CAPTURES/7.3/error.state-exists")"
	[ "$status" -eq 1 ]
	[[ "$output" == *"another tool has one with the same identity"* ]]
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
	done
}
