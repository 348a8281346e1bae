# A machine that boots with nobody at the keyboard: what up waits for, who holds the socket, systemd's units, and the rc script
# and the line of cron for machines without. No kernel needed: the host is an ip that has what $HOST says.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMPAIR=$PWD/${BUILD:-build}/xfrmpair ESPDECAP_BUILT=$PWD/${BUILD:-build}/espdecap BOOT=$PWD/examples/boot
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir bin host
	export HOST=$PWD/host XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state PATH=$PWD/bin:$PATH
	: | tee host/address host/route host/kernel host/counts
	cat >bin/ip <<'END'
#!/bin/sh
# keeps the states and policies that it is given, and lists them
for last; do :; done
case $* in
"xfrm help") echo ip xfrm ;;
"-batch -")
	exec 9>"$HOST/lock"
	flock 9 # two tunnels, one kernel
	awk -v host="$HOST" '
	function keep(line,  id) {
		id = line; sub(/.*(add|update|delete) /, "", id); sub(/ (reqid|priority) .*/, "", id)
		if (line !~ /^xfrm [a-z]* delete/) { if (!(id in at)) { at[id] = ++n; name[n] = id } kept[id] = line; return }
		delete kept[id]
		if (sub(/.* spi /, "", id)) gone[id] = ++deleted # and begins anew
	}
	BEGIN { while ((getline line <(host "/kernel")) > 0) keep(line) }
	/\\$/ { sub(/ *\\$/, ""); sub(/^ */, joined == "" ? "" : " "); joined = joined $0; next }
	{ if (joined != "") sub(/^ */, " "); line = joined $0; joined = ""; print line >(host "/given"); if (line ~ /^xfrm/) keep(line) }
	END {
		printf "" >(host "/new")
		for (i = 1; i <= n; i++) if (name[i] in kept) print kept[name[i]] >(host "/new")
		if (!deleted) exit
		while ((getline line <(host "/counts")) > 0) { split(line, word, " "); if (!(word[1] in gone)) left = left line "\n" }
		printf "%s", left >(host "/counts")
	}'
	mv "$HOST/new" "$HOST/kernel" ;;
"-s xfrm state list nokeys") awk -v counts="$HOST/counts" '
	BEGIN { while ((getline line <counts) > 0) { split(line, word, " "); count[word[1]] = word[2] } }
	!/^xfrm state/ { next }
	{
		spi = reqid = $0; sub(/.* spi /, "", spi); sub(/ .*/, "", spi); sub(/.* reqid /, "", reqid); sub(/ .*/, "", reqid)
		sub(/^xfrm state [a-z]* /, ""); sub(/ proto .*/, "")
		print $0 "\n\tproto esp spi " spi "(1) reqid " reqid "(0x1) mode tunnel\n\taead rfc4106(gcm(aes)) <<Keys hidden>> 128"
		print "\t seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x0\n\tlifetime current:"
		printf "\t  %d(bytes), %d(packets)\n\tstats:\n  replay-window 0 replay 0 failed 0\n", count[spi] * 84, count[spi]
	}' "$HOST/kernel" ;;
"xfrm policy list") sed -n 's/^xfrm policy [a-z]* \(src .*\) \(dir .*\) tmpl \(.*\) \(proto esp .*\)/\1 \
	\2 ptype main \
	tmpl \3\
		\4/p' "$HOST/kernel" 2>/dev/null; : ;;
"xfrm monitor nokeys")
	echo $$ >"$HOST/monitor"
	exec sleep 600 ;;
*"address show "*) [ ! -e "$HOST/address" ] || echo "2: eth0 inet ${last%/*}/24 scope global $(cat "$HOST/address")eth0" ;;
"route get "*) [ -e "$HOST/route" ] && echo "$last via 192.168.1.1 dev eth0 src 192.168.1.4" ;;
esac
END
	printf '#!/bin/sh\necho "natprobe $*" >>"$HOST/ran"\nexit 4\n' >bin/natprobe
	# as what -d leaves behind
	printf '#!/bin/sh\necho "espdecap $*" >>"$HOST/ran"\nsleep 600 >/dev/null 2>&1 3>&- &\necho $!\n' >bin/espdecap
	printf '#!/bin/sh\n' | tee bin/nft bin/modprobe bin/ping bin/ss >/dev/null
	printf '#!/bin/sh\nexec cat >>"$HOST/log"\n' >bin/logger
	chmod +x bin/*
	"$XFRMPAIR" -o t 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3
	"$XFRMPAIR" -o plain 192.168.1.4 198.51.100.7
}
teardown() { # whoever has our $HOST in his environment, and bats has not
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 20 host/log 2>/dev/null || : # what a service said before it failed
	[ ! -e boot.pid ] || stop_systemd
	for process in $(grep -lzxs "HOST=$HOST" /proc/[0-9]*/environ); do
		process=${process#/proc/} process=${process%/environ}
		[ "$process" = $$ ] || kill "$process" 2>/dev/null || :
	done
}
# until_true COMMAND...: for at most 60 s
until_true() {
	for _ in {1..600}; do
		if "$@"; then return; fi
		sleep 0.1
	done
	echo "never came true: $*" >&2
	return 1
}
# in_shells COMMAND SHELL...: two of the four for a test that takes seconds, where the next has the other two
in_shells() {
	local command=$1
	shift
	for shell; do
		echo "$shell:"
		$command
		rm -rf run state said host/ran host/log
		: >host/kernel
	done
}

# ---- up ------------------------------------------------------------------------------------------------------------

waits() {
	rm -f host/address host/route
	$shell t/a.sh up --no-punch --wait 40 2>said 3>&- &
	until_true grep -q waiting said
	[ "$(cat said)" = 'a: waiting for an address and a route to 31.1.2.3, up to 40 s' ]
	: >host/address
	sleep 1.5
	[ ! -e run ]
	: >host/route
	wait $!
	[ "$(grep -c waiting said)" = 1 ]
	[ -s host/kernel ]
}
@test "up waits for an address and a route, says so once, and goes on when they are there" { in_shells waits bash "busybox ash"; }

@test "what to test a tunnel with goes out from the address that this host has, or was given" {
	: | tee host/address host/route
	"$XFRMPAIR" -o auto --mode transport auto:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3
	for given in '' 192.168.1.7; do
		sh auto/a.sh up --no-punch ${given:+--local $given}
		sh auto/a.sh down
	done >said 2>&1 3>&-
	[ "$(grep ping said)" = "  ping -c 3 -I 192.168.1.4 31.1.2.3
  ping -c 3 -I 192.168.1.7 31.1.2.3" ]
}

@test "up does not wait longer than it says, and then says what is wrong" {
	rm host/address host/route
	for script in t/a.sh plain/a.sh; do
		begun=$SECONDS
		run -1 sh $script up --wait 2
		[ $((SECONDS - begun)) -le 20 ]
		[[ "${lines[0]}" == 'a: waiting for an address and a route to '*', up to 2 s' ]]
		[[ "${lines[1]}" == 'a: 192.168.1.4 is not an address of this host; is this the script of another side?'* ]]
		[ ! -e run ]
	done
	# with the address there, and still no route, it goes on as it always has
	: >host/address
	run -0 sh t/a.sh up --no-punch --wait 1
	[ "${lines[0]}" = 'a: waiting for an address and a route to 31.1.2.3, up to 1 s' ]
	[ "${lines[1]}" = 'a: warning: no route to 31.1.2.3 in 1 s: it is set up all the same, and silent until there is one' ]
	[[ "$output" == *"a: up. "* ]]
}

@test "on a host that has a route, up waits for no address: it may be the script of another side" {
	rm host/address
	begun=$SECONDS
	run -1 sh t/a.sh up
	[ $((SECONDS - begun)) -le 20 ]
	[[ "$output" == 'a: 192.168.1.4 is not an address of this host; is this the script of another side?'* ]]
}

@test "up waits until IPv6 has made sure that nobody else has the address" {
	echo -n 'tentative ' >host/address
	sh t/a.sh up --no-punch 2>said 3>&- &
	until_true grep -q 'a: waiting for an address and a route to 31.1.2.3, up to 60 s' said
	: >host/address
	wait $!
}

@test "a name without an address is waited for, and then up is 1, not the 4 of one that is set up: it is to be tried again" {
	printf '#!/bin/sh\n[ -e "$HOST/name" ] && echo 31.1.2.3\n' >bin/natprobe
	"$XFRMPAIR" -o named 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@home.example.org
	run -1 sh named/a.sh up --no-punch --wait 1
	[ "${lines[0]}" = 'a: waiting for the address of home.example.org, up to 1 s' ]
	[ "${lines[1]}" = 'a: no address of home.example.org in 1 s' ]
	# what natprobe says of it is said once; and not a second longer than --wait
	printf '#!/bin/sh\n[ -e "$HOST/name" ] && echo 31.1.2.3 && exit; echo "natprobe: home.example.org: not found" >&2; exit 4\n' >bin/natprobe
	begun=$SECONDS
	run -1 sh named/a.sh up --no-punch --wait 7
	[ $((SECONDS - begun)) -le $((8 * ${BUSY:-1})) ]
	[ "$(grep -c 'not found' <<<"$output")" -eq 1 ]
	: >host/name
	sh named/a.sh up --no-punch
}

@test "on a terminal up shows the seconds that are left, in one line that is gone when it goes on" {
	rm host/address host/route
	for shell in dash 'busybox ash' bash mksh; do
		rm -f seen
		TERM=dumb script -qfc "$shell t/a.sh up --no-punch --wait 3" /dev/null </dev/null >seen 3>&- || :
		cat -v seen
		[ "$(sed -n '1s/\r$//p' seen)" = 'a: waiting for an address and a route to 31.1.2.3, up to 3 s' ]
		wipe=$(printf '\r\033[K')
		[[ "$(tail -n +2 seen)" == "${wipe}a: waiting for an address and a route to 31.1.2.3, "[23]" s left $wipe"*"$wipe"'a: 192.168.1.4 is not an address of this host; '* ]]
	done
}

@test "the address that the internet sees is no address of the host: the word is LOCAL@MAPPED; of a private one that is not said" {
	"$XFRMPAIR" -o swapped 85.9.8.7:4500 192.168.2.9:4500@31.1.2.3
	rm host/address
	run -1 sh swapped/a.sh up --no-punch
	[ "$output" = 'a: 85.9.8.7 is not an address of this host; is this the script of another side? If it is how the internet sees this host: the word is LOCAL@MAPPED. If the address changed: up --local ADDR' ]
	run -1 sh t/a.sh up --no-punch
	[ "$output" = 'a: 192.168.1.4 is not an address of this host; is this the script of another side? If the address changed: up --local ADDR' ]
}

@test "a helper beside the script that may not be run is not passed by: chmod" {
	cp bin/espdecap t/espdecap
	chmod 644 t/espdecap
	for shell in dash 'busybox ash' bash mksh; do
		run -1 $shell t/a.sh up --no-punch
		[ "$output" = "a: $PWD/t/espdecap cannot be run: chmod +x it; or is its file system mounted noexec?" ]
	done
	[ ! -e run ]
}

@test "of a natprobe that has the port it is said what ends it: Enter only where it holds it" {
	printf '#!/bin/sh\necho "UNCONN 0 0 192.168.1.4:4500 0.0.0.0:* users:((\\"natprobe\\",pid=$(cat "$HOST/pid"),fd=3))"\n' >bin/ss
	for option in --hold --punch; do
		sh -c 'sleep 60; : "$@"' natprobe $option 3>&- &
		echo $! >host/pid
		run -1 sh t/a.sh up --no-punch
		case $option in
		--hold) [ "$output" = "a: port-taken: UDP port 4500 is taken by natprobe --hold (pid $!): Enter ends it" ] ;;
		*) [ "$output" = "a: port-taken: UDP port 4500 is taken by natprobe (pid $!): kill $! ends it" ] ;;
		esac
		kill $!
	done
}

@test "what is wrong with the words of a command comes first, then how it is used" {
	for words in --nonsense 'up down' capture '--wait 0'; do
		run -2 sh t/a.sh $words
		[[ "${lines[0]}" == "a: "*": "* ]]
		[[ "${lines[1]}" == 'usage: sh a.sh '* ]]
		[ "$(grep -c '^a: ' <<<"$output")" -eq 1 ]
	done
}

# pass N: through each SA that there is
pass() {
	awk -v more="$1" 'FILENAME == "host/counts" { count[$1] = $2; next } /^xfrm state/ { sub(/.* spi /, ""); print $1, count[$1] + more }' host/counts host/kernel >host/more
	mv host/more host/counts
}
counts() { # OPTION...: what status counts in and out since up
	$shell one.sh status --json | jq -r '.peers[0] | "\(.rx_packets) \(.rx_bytes) \(.tx_packets) \(.tx_bytes)"'
}
keeps_counts() {
	: >host/counts
	cp t/a.sh one.sh # its secrets go
	$shell one.sh up --no-punch 3>&-
	[ "$(counts)" = '0 0 0 0' ]
	pass 5
	[ "$(counts)" = '10 840 5 420' ] # in, this epoch and the next
	$shell one.sh rekey
	pass 7
	[ "$(counts)" = '24 2016 12 1008' ] # of the next two, for the first is past
	$shell one.sh rekey
	[ "$(counts)" = '24 2016 12 1008' ]
	$shell one.sh update-peer 31.1.2.3:7777 3>&-
	[ "$(counts)" = '24 2016 12 1008' ]
	pass 1
	[ "$(counts)" = '26 2184 13 1092' ]
	$shell one.sh down
	$shell one.sh up --no-punch 3>&-
	[ "$(counts)" = '0 0 0 0' ]
	$shell one.sh down
}
@test "status counts all since up, through rekey and a peer that moved, and begins anew with up" { in_shells keeps_counts dash mksh; }

@test "status takes --json or --watch, not both, and no other verb does" {
	for words in 'status --json --watch' '--json status' 'up --json' 'down --watch' 'status --json --json'; do
		run -2 sh t/a.sh $words
		[[ "${lines[0]}" == *"want status before it, and one of --json and --watch" ]]
	done
}

@test "up -n, down and status wait for nothing, nor does an up that mends" {
	sh t/a.sh up --no-punch
	rm host/route
	begun=$SECONDS
	sh t/a.sh -n up
	run -4 sh t/a.sh status
	run -1 sh t/a.sh up
	[[ "$output" == *"is up already"* ]]
	sh t/a.sh down
	[ $((SECONDS - begun)) -le 20 ]
}

helperless() {
	$shell t/a.sh up --no-helper 2>said
	[ ! -e host/ran ]
	run -4 $shell t/a.sh status
	[[ "$output" == "a: up, digest "*"; nothing heard from b yet"* ]]
	[[ "$output" != *espdecap* ]]
	# what is there again, or was never gone, stays as it is: nobody's socket is looked for
	run -1 $shell t/a.sh up
	[[ "$output" == *"a: is up already"* ]]
	run -1 $shell t/a.sh up --no-helper
	[ ! -e host/ran ]
	$shell t/a.sh down
	# the control: without it espdecap is started, and natprobe before
	run -4 $shell t/a.sh up
	[ "$(sed 's/ .*//' host/ran | tr '\n' ' ')" = 'natprobe espdecap ' ]
	# and is not forgotten by an up that has it
	run -1 $shell t/a.sh up --no-helper
	[[ "$output" == *"a: is up already"* ]]
	run -4 $shell t/a.sh status
	[[ "$output" == *", espdecap alive (pid "* ]]
	$shell t/a.sh down
}
@test "up --no-helper starts no espdecap and opens no hole; status does not miss it, and up and down leave it alone" { in_shells helperless dash mksh; }

@test "up --no-helper mends what is missing, and asks nobody for the port" {
	sh t/a.sh up --no-helper
	printf '#!/bin/sh\necho "UNCONN 0 0 192.168.1.4:4500 0.0.0.0:* users:((\\"espdecap\\",pid=1,fd=3))"\n' >bin/ss
	sed -i '/^xfrm state/d' host/kernel
	run -0 sh t/a.sh up --no-helper
	[[ "$output" == *"a: missing: SA"*"a: up. "* ]]
	[ ! -e host/ran ]
	# the control: somebody who holds the port is in the way of an up that wants it
	sh t/a.sh down
	run -1 sh t/a.sh up
	[ "$output" = 'a: port-taken: UDP port 4500 is taken by users:(("espdecap",pid=1,fd=3))' ]
	sh t/a.sh up --no-helper
}

@test "-n up --no-helper shows all but espdecap; a tunnel that has none refuses the option" {
	sh t/a.sh -n up >with
	sh t/a.sh -n up --no-helper >without
	diff with without >gone || :
	[ "$(sed -n 's/^[<>] //p' gone)" = "$(grep ^espdecap with)" ]
	[ "$(wc -l <gone)" -eq 2 ]
	[[ "$(sh t/a.sh --help)" == *' [--no-helper]'* ]]
	[[ "$(sh plain/a.sh --help)" != *helper* ]]
	run -2 sh plain/a.sh up --no-helper
	[ "${lines[0]}" = "a: --no-helper: this tunnel has no helper" ]
}

@test "a peer that moves, where another holds the socket: what that one has to be started with now" {
	sh t/a.sh up --no-helper
	run -0 sh t/a.sh update-peer 31.1.2.4:4501
	[[ "$output" == *"a: espdecap is not ours: have it started with: -b 192.168.1.4 4500 31.1.2.4:4501"* ]]
	[ ! -e host/ran ]
	run -4 sh t/a.sh status
}

@test "an espdecap that is stopped is ended all the same, by a move, which begins another, and by down" {
	sh t/a.sh up --no-punch
	read -r stopped _ <run/*.a/helper
	kill -STOP "$stopped"
	run -0 timeout 30 sh t/a.sh update-peer 31.1.2.4:4501
	read -r pid _ <run/*.a/helper
	[ "$pid" != "$stopped" ]
	run -4 sh t/a.sh status
	[[ "$output" == *", espdecap alive (pid $pid)"* ]]
	kill -STOP "$pid"
	sh t/a.sh down
	until_true eval '! grep -qs "^State:.[^ZX]" /proc/$pid/status'
}

@test "follow leaves nothing of it behind, whether it is ended or the tunnel taken down, nor does check" {
	sh t/a.sh up --no-punch
	for end in kill down; do
		sh t/a.sh follow 2>said 3>&- &
		until_true test -e host/monitor
		until_true grep -q follows said
		case $end in kill) kill $! ;; down) sh t/a.sh down ;; esac
		wait $!
		until_true eval '! kill -0 "$(cat host/monitor)" 2>/dev/null'
		rm host/monitor
		[ -z "$(find run -name 'follower' -o -name 'heard.now' 2>/dev/null)" ]
	done
	sh t/a.sh up --no-punch
	printf '#!/bin/sh\nsleep 1\n' >bin/ping
	sh t/a.sh check || :
	[ -s host/monitor ]
	until_true eval '! kill -0 "$(cat host/monitor)" 2>/dev/null'
}

@test "a side whose peer has gone on keeps the secret that it sends with: what is lost of it is put back" {
	sh t/a.sh up --no-punch
	epoch_2() { # as if the peer was heard with epoch 2: two of its packets have come
		sed -n 's/^in\.[^ ]* 2 \(0x[0-9a-f]*\) .*/\1 2/p' run/*.a/sas >>host/counts
	}
	epoch_2
	run -0 sh t/a.sh status
	[[ "$(cat state/*)" == *" at 1 heard 2 "* ]]
	sed -i '/^xfrm state .* dst 31.1.2.3 /d' host/kernel
	run -0 sh t/a.sh up --no-punch
	[[ "$output" == *"a: missing: SA to "* ]]
	grep -q '^xfrm state .* dst 31.1.2.3 ' host/kernel
	# and it moves
	run -0 sh t/a.sh update-peer 31.1.2.4:4501
	grep -q '^xfrm state .* dst 31.1.2.4 .* encap espinudp 4500 4501 ' host/kernel
	grep -q '^xfrm policy .* dst 31.1.2.4 proto esp spi 0x' host/kernel
}

@test "while it is up its store is where up found it, whoever calls with another XFRMPAIR_STATE, or none" {
	(cd t && XFRMPAIR_STATE=there sh a.sh up --no-punch)
	[ "$(cat run/*.a/store)" = "$PWD/t/there/$(ls t/there)" ]
	before=$(cat t/there/*)
	sh t/a.sh rekey
	sh t/a.sh status || :
	sh t/a.sh down
	[ ! -e state ]
	[ "$(cat t/there/*)" != "$before" ]
}

@test "rekey does not begin a limit anew with the same key" {
	"$XFRMPAIR" -o limited --limit-packets 1000 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@31.1.2.3
	sh limited/a.sh up --no-punch
	sed -i '/^xfrm state .* dst 31.1.2.3 /d' host/kernel
	run -0 sh limited/a.sh rekey
	[[ "$output" == *"a: the SA to b is gone: its limit is reached? It is not begun anew; when b has rekeyed: rekey, or where keys are fixed: new scripts" ]]
	run -1 grep -q '^xfrm state .* dst 31.1.2.3 ' host/kernel
	# once the peer is heard the next key comes, and its SA; the control: without a limit what is missing is put back
	sed -n 's/^in\.[^ ]* 1 \(0x[0-9a-f]*\) .*/\1 2/p' run/*.a/sas >>host/counts
	run -0 sh limited/a.sh rekey
	[[ "$output" == *"a: sends to b with epoch 2" ]]
	grep -q '^xfrm state .* dst 31.1.2.3 ' host/kernel
	sh limited/a.sh down
	rm host/counts
	sh t/a.sh up --no-punch
	sed -i '/^xfrm state .* dst 31.1.2.3 /d' host/kernel
	sh t/a.sh rekey
	grep -q '^xfrm state .* dst 31.1.2.3 ' host/kernel
}

@test "rekey says whether the peer has not been heard, or not followed" {
	sh t/a.sh up --no-punch
	run -0 sh t/a.sh rekey
	[ "$output" = "a: b has not been heard yet: the keys stay as they are" ]
}

@test "nobody else holds the files that secrets are written to" {
	sh t/a.sh up --no-punch
	for file in t/a.sh state/*; do
		: >"$file.new"
		exec 8<"$file.new"
		sed -n 's/^in\.[^ ]* \([0-9]*\) \(0x[0-9a-f]*\) .*/\2 2/p' run/*.a/sas >>host/counts
		sh t/a.sh rekey
		[ -z "$(cat <&8)" ]
		exec 8<&-
	done
	# neither is led elsewhere
	: >elsewhere
	ln -s "$PWD/elsewhere" "$(echo state/*).new"
	sh t/a.sh down
	[ ! -s elsewhere ]
	grep -q ' secret ' state/*
}

@test "check, ended at any time, leaves nobody who listens to the kernel, and no file" {
	sh t/a.sh up --no-punch
	printf '#!/bin/sh\nsleep 5\n' >bin/ping
	for signal in INT TERM HUP; do
		env --default-signal=INT sh t/a.sh check 3>&- &
		until_true test -s host/monitor
		kill -s $signal $!
		wait $! || :
		until_true eval '! kill -0 "$(cat host/monitor)" 2>/dev/null'
		rm host/monitor
		[ -z "$(find run -name '*.check.*')" ]
	done
}

@test "check says when there is no ping" {
	sh t/a.sh up --no-punch
	mkdir few
	for tool in sh sed awk cat ls grep sleep sha256sum readlink rm mkdir mv ln date id sync cp tr; do ln -s "$(command -v $tool)" few; done
	rm bin/ping
	PATH=$PWD/bin:$PWD/few run -1 sh t/a.sh check
	[ "$output" = "a: no ping; install iputils-ping" ]
}

@test "status shows what there is while another is at work, but for up and down" {
	sh t/a.sh up --no-punch
	folder=$(echo run/*.a)
	sleep 60 3>&- &
	for verb in follow rekey status; do
		ln -s "$! $(cut -d' ' -f22 /proc/$!/stat) $verb" "$folder/busy"
		run -4 sh t/a.sh status
		[[ "${lines[0]}" == "a: up, "* ]]
		rm "$folder/busy"
	done
	ln -s "$! $(cut -d' ' -f22 /proc/$!/stat) down" "$folder/busy"
	run -1 sh t/a.sh status
	[[ "$output" == *"a: down is at work (pid "* ]]
	kill $!
	# and status is done with the folder when it has written what it saw
	rm "$folder/busy"
	sh t/a.sh status || :
	[ ! -L "$folder/busy" ]
}

@test "what the caller's environment has changes no fact about the tunnel, and no key gets into another's" {
	for script in t/a.sh plain/a.sh; do
		sh $script -n up >plainly
		env port=9 esn=yes first=b own_word=x own_nets=10.0.0.0/8 other_nets=10.0.0.0/8@1 site=yes own_address=10.0.0.1/32 own_device=lo interface=eth0 \
			guard=yes limited=yes fingerprint=x wireshark=x auto=yes sh $script -n up | diff plainly -
	done
	sed -i '2i\
env >>"$HOST/environment"' bin/ip
	env book= rows= secret= key= auth= word= joined= sent= line= kept= noted= counted= sh t/a.sh up --no-punch
	sh t/a.sh down
	for secret in $(sed -n 's/^#key .* 0x//p' t/a.sh) $(sed -n 's/.* secret \([0-9a-f]*\) .* token \([0-9a-f]*\) .*/\1 \2/p' state/*) $(grep -o ' 0x[0-9a-f]\{20,\} ' host/given); do
		run -1 grep -q "${secret#0x}" host/environment
	done
	[ -s host/environment ]
}

@test "follow ends what it began, and ends with the kernel's announcements; killed, it leaves nobody behind" {
	sh t/a.sh up --no-punch
	sh t/a.sh follow 2>said 3>&- &
	until_true test -e host/monitor
	until_true grep -q follows said
	kill "$(cat host/monitor)"
	sed -i 's/^\(.*\)sleep 20 /\1sleep 1 /' t/a.sh
	sh t/a.sh down
	wait $! || :
	rm host/monitor
	sh t/a.sh up --no-punch
	# the kernel's announcements end
	sh t/a.sh follow 2>said 3>&- &
	until_true test -e host/monitor
	until_true grep -q follows said
	kill "$(cat host/monitor)"
	wait $! || status=$?
	[ "$status" -eq 1 ]
	[ "$(tail -n 1 said)" = "a: follows no more: ip xfrm monitor has ended" ]
	rm host/monitor
	# it is killed
	sh t/a.sh follow 2>said 3>&- &
	until_true test -e host/monitor
	until_true grep -q follows said
	kill -9 $!
	until_true eval '! kill -0 "$(cat host/monitor)" 2>/dev/null'
	until_true eval '! pgrep -f "t/a.sh follow"'
}

@test "follow looks up a peer that was not heard for two minutes, whoever else is, and not again where it was already" {
	"$XFRMPAIR" -o names 192.168.1.4:4500@85.9.8.7 192.168.2.9:4500@b.example.net:4500 192.168.3.9:4500@77.3.4.5
	printf '#!/bin/sh\necho "$*" >>"$HOST/ran"; case $* in *--resolve*) cat "$HOST/named" ;; esac\n' >bin/natprobe
	echo 31.1.2.3 >host/named
	sh names/a.sh up --no-punch
	sed -i 's/sleep 20 /sleep 0.1 /' names/a.sh
	c_is_heard() { # each time that it is looked
		sed -n 's/^in\.c 1 \(0x[0-9a-f]*\) .*/\1/p' run/*.a/sas | while read -r spi; do sed -i "/^$spi /d" host/counts; echo "$spi $((++heard))" >>host/counts; done
	}
	heard=0
	sh names/a.sh follow 2>said 3>&- &
	follower=$!
	echo 31.1.2.9 >host/named
	moved() { heard=$((heard + 1)); c_is_heard; grep -q ' dst 31.1.2.9 ' host/kernel; }
	until_true moved
	grep -q 'a: b is at 31.1.2.9, port 4500 now, was at 31.1.2.3:4500' said
	# heard from elsewhere since: the name that says what it said before is no news
	sh names/a.sh update-peer b 31.1.2.77:4777
	looked=$(grep -c resolve host/ran)
	looked_up_twice() { [ "$(grep -c resolve host/ran)" -ge $((looked + 2)) ]; }
	until_true looked_up_twice
	grep -q ' dst 31.1.2.77 ' host/kernel
	# a name that says something new is
	echo 31.1.2.10 >host/named
	until_true grep -q ' dst 31.1.2.10 .* encap espinudp 4500 4500 ' host/kernel
	kill $follower
}

# ---- units ---------------------------------------------------------------------------------------------------------

# as they will lie, with a name instead of the @; programs from here
units() {
	mkdir units
	for unit in "$BOOT"/*@*; do sed "s,^ExecStart=espdecap ,ExecStart=$ESPDECAP_BUILT ," "$unit" >"units/${unit##*/}"; done
}

@test "the manual's page names each unit and file, and no other" {
	sed -n '/^\.Sh KEEP IT UP/,/^\.Sh ENV/p' "$BOOT/../../gen/xfrmpair-script.8" | grep -o 'xfrmpair[a-z-]*\(@[A-Za-z.]*\|\.rc\|\.cron\)' |
		sed 's/@NAME$/@.service/; s/@NAME\./@./' | sort -u >named
	(cd "$BOOT" && printf '%s\n' *) | grep -v 'rekey@.service' | diff - named
}

@test "systemd takes the units, every word of them" {
	units
	export SYSTEMD_UNIT_PATH=$PWD/units:
	run -0 systemd-analyze verify --man=no --recursive-errors=yes xfrmpair@home.service xfrmpair-follow@home.service \
		xfrmpair-rekey@home.timer xfrmpair-rekey@home.service xfrmpair-espdecap@home.service
	[ -z "$output" ]
	# the control
	echo 'Nonsense=yes' >>units/xfrmpair@.service
	[[ "$(systemd-analyze verify --man=no xfrmpair@home.service 2>&1)" == *Nonsense* ]]
}

@test "espdecap's unit is exposed by 1.5 at most" {
	cp "$BOOT/xfrmpair-espdecap@.service" xfrmpair-espdecap@home.service
	run -0 systemd-analyze security --no-pager --offline=true --threshold=15 ./xfrmpair-espdecap@home.service
	echo "# exposed by$(sed -n 's/.*:\( [0-9.]*\) .*/\1/p' <<<"${lines[-1]}")" >&3
	sed -i '/^DynamicUser/d; /^CapabilityBoundingSet/d' xfrmpair-espdecap@home.service
	run -1 systemd-analyze security --no-pager --offline=true --threshold=15 ./xfrmpair-espdecap@home.service
}

# system_calls WORD...: of systemd's sets, and those in them
system_calls() {
	for word; do
		case $word in
		@*) system_calls $(systemd-analyze syscall-filter "$word" | sed '1d; /#/d') ;;
		*) echo "$word" ;;
		esac
	done
}

@test "espdecap asks the kernel for nothing that its unit does not let through" {
	unit=$BOOT/xfrmpair-espdecap@.service
	system_calls @default $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$unit") | sort -u >let
	system_calls $(sed -n 's/^SystemCallFilter=~//p' "$unit") | sort -u | comm -23 let - >allowed
	grep -qx sendto allowed
	run -1 grep -qx -e mount -e ptrace -e setuid -e bpf allowed
	port=$((10000 + RANDOM % 20000))
	for peer in 127.0.0.1:9 '[::1]:9'; do
		NOTIFY_SOCKET=/none strace -f -o "trace$peer" "$ESPDECAP_BUILT" $port "$peer" 2>said 3>&- &
		until_true grep -q 'ready' said
		sleep 1.2
		kill -TERM "$(pgrep -f "^$ESPDECAP_BUILT $port ")"
		wait $!
	done
	cat trace* | sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' | sort -u >asked
	grep -qx rt_sigtimedwait asked
	# socket's families, and no memory that is written and run
	comm -13 allowed asked | diff /dev/null -
	sed -n 's/.*socket(\(AF_[A-Z0-9]*\).*/\1/p' trace* | sort -u | tr '\n' ' ' >families
	[ "RestrictAddressFamilies=$(sed 's/ $//' families)" = "$(grep ^RestrictAddressFamilies "$unit")" ]
	run -1 grep -h 'PROT_WRITE|PROT_EXEC' trace*
}

# A systemd of its own, on this test's files: PID 1 of new namespaces, in a cgroup of its own, with nothing to boot but our units
start_systemd() {
	[ "$(id -u)" -eq 0 ] || skip "needs root: a systemd that boots"
	mkdir cgroups empty
	cgroup=boot-$$
	in_cgroups mkdir "cgroups/$cgroup" 2>/dev/null || skip "needs cgroups and namespaces: this container may not make any"
	for target in sysinit basic shutdown network-online nss-lookup multi-user timers; do
		printf '[Unit]\nDefaultDependencies=no\n' >units/$target.target
	done
	cp "$ESPDECAP_BUILT" bin/espdecap
	sed -i -e "s,/etc/xfrmpair,$PWD/etc," -e 's,^ExecStart=.*/espdecap ,ExecStart=espdecap ,' -e 's/^RestartSec=.*/RestartSec=1/' units/*@*
	printf '%s\n' [Manager] ShowStatus=no DefaultStandardOutput=null "DefaultEnvironment=HOST=$HOST" >system.conf
	cat >init <<-END
		mount --make-rprivate / && mount -t cgroup2 none cgroups && echo \$\$ >cgroups/$cgroup/cgroup.procs &&
		exec unshare --cgroup --pid --fork --kill-child sh -ec '
			mount -t proc proc /proc
			mount --bind /proc/sys /proc/sys
			mount -o remount,bind,ro /proc/sys
			mount -t cgroup2 none /sys/fs/cgroup
			for folder in /run /etc/systemd /var/lib; do mount -t tmpfs none \$folder; done
			mkdir /etc/systemd/system
			cp system.conf /etc/systemd
			mount --bind units /lib/systemd/system
			mount --bind empty /lib/systemd/system-generators
			mount --bind bin /usr/local/bin
			[ ! -e /dev/console ] || mount --bind /dev/null /dev/console
			ip link set lo up
			ip address add 192.168.1.4/32 dev lo
			: >ready
			exec env -i container=other /lib/systemd/systemd --system --log-target=null --unit=multi-user.target'
	END
	PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare --mount --uts --ipc --net sh init 3>&- &
	echo $! >boot.pid
	until_true test -e ready
	until_true in_systemd systemctl is-active --quiet multi-user.target
}
in_cgroups() { unshare --mount sh -c 'mount --make-rprivate / && mount -t cgroup2 none cgroups && exec "$@"' sh "$@"; }
in_systemd() { nsenter --target "$(pgrep -P "$(cat boot.pid)")" --all --wd="$PWD" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "HOST=$HOST" "$@"; }
stop_systemd() {
	kill -KILL "$(cat boot.pid)"
	rm boot.pid
	until_true in_cgroups find "cgroups/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
}
are() { # STATE UNIT...: all of them
	local state=$1
	shift
	[ "$(in_systemd systemctl is-active "$@" | sort -u)" = "$state" ]
}

@test "systemd boots the tunnel, with espdecap in its sandbox, and takes it down" {
	units
	mkdir etc
	cp t/a.sh etc/home.sh
	printf '%s\n' UP=--no-helper 'HELPER="-b 192.168.1.4 4500 31.1.2.3:4500"' XFRMPAIR_STATE=/var/lib/elsewhere >etc/home.env
	start_systemd
	rm host/address host/route
	in_systemd systemctl --quiet enable xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	in_systemd systemctl start --no-block xfrmpair@home
	until_true are active xfrmpair-espdecap@home
	sleep 1
	are activating xfrmpair@home
	are inactive xfrmpair-follow@home
	# the network comes; what depends on the tunnel comes after it
	: >host/address
	: >host/route
	until_true are active xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	[ ! -e host/ran ]
	run -4 in_systemd env XFRMPAIR_STATE=/var/lib/elsewhere sh etc/home.sh status
	in_systemd systemctl start xfrmpair-rekey@home
	# the helper has a user of its own, no capability, no new privileges, and is there again when it was killed
	pid=$(in_systemd pgrep -x espdecap)
	in_systemd cat "/proc/$pid/status" >status
	grep -qx 'CapBnd:	0*' status
	grep -qx 'NoNewPrivs:	1' status
	grep -qx 'Seccomp:	2' status
	run -1 grep -q '^Uid:	0' status
	in_systemd kill -KILL "$pid"
	until_true eval '[ "$(in_systemd pgrep -x espdecap)" -gt "$pid" ]'
	# what follows may be started anew, and all of it ends with the tunnel
	in_systemd systemctl restart xfrmpair-follow@home
	in_systemd systemctl stop xfrmpair@home
	are inactive xfrmpair@home xfrmpair-follow@home xfrmpair-rekey@home.timer xfrmpair-espdecap@home
	run -1 in_systemd pgrep espdecap
	in_systemd sh -c '[ ! -e /run/xfrmpair ] && [ -e /var/lib/elsewhere ] && [ ! -e /var/lib/xfrmpair ]'
}

@test "a tunnel that the system refuses at boot is tried again by systemd, and its own espdecap stays when what follows ends" {
	units
	mkdir etc
	cp t/a.sh etc/home.sh
	start_systemd
	rm host/address
	in_systemd systemctl --quiet enable xfrmpair@home xfrmpair-follow@home
	run -1 in_systemd systemctl --quiet start xfrmpair@home
	: >host/address
	until_true are active xfrmpair@home xfrmpair-follow@home
	pid=$(in_systemd pgrep -x espdecap)
	# as after a peer has moved: it is what follows that has started it
	follower=$(in_systemd systemctl show --value -p MainPID xfrmpair-follow@home)
	in_systemd sh -c "echo $pid >/sys/fs/cgroup\$(sed -n 's/^0:://p' /proc/$follower/cgroup)/cgroup.procs"
	in_systemd systemctl restart xfrmpair-follow@home
	[ "$(in_systemd pgrep -x espdecap)" = "$pid" ]
	# whom nobody has heard yet is up all the same, and who follows wants that
	in_systemd systemctl restart xfrmpair@home
	in_systemd systemctl stop xfrmpair@home
	until_true eval '! in_systemd pgrep -x espdecap'
	in_systemd systemctl start xfrmpair-follow@home
	are active xfrmpair@home
	# a socket that cannot be had is no start
	echo 'HELPER="-b 192.0.2.1 4500"' >etc/home.env
	run -1 in_systemd systemctl --quiet start xfrmpair-espdecap@home
}

# ---- without systemd -----------------------------------------------------------------------------------------------

rc() { $shell rc "$@"; }
rc_setup() { # a machine with two tunnels, and an rc script that does not know it is elsewhere
	mkdir -p etc rundir
	cp t/a.sh etc/home.sh
	cp plain/a.sh etc/office.sh
	printf '%s\n' 'UP="--no-helper --wait 1"' "XFRMPAIR_STATE=$PWD/elsewhere" >etc/home.env
	sed -e "s,^folder=.*,folder=$PWD/etc run=$PWD/rundir," -e 's/sleep 30/sleep 1/' -e "s,logger -t,$PWD/bin/logger -t," "$BOOT/xfrmpair.rc" >rc
	grep -q "^folder=$PWD" rc
}
followed() { [ "$(find run -name follower | wc -l)" = "$1" ]; }

goes_on() {
	rm -f host/address host/route
	timeout 10 $shell rc start 3>&-
	# the router is not there yet: up refuses, and is tried again
	until_true grep -q 'home.*is not an address\|a: 192.168.1.4 is not an address' host/log
	: >host/address
	: >host/route
	until_true followed 2
	[ ! -e host/ran ]
	run rc status
	echo "$output"
	[ "$status" -eq 4 ]
	[ "$(grep -c '^a: up, digest ' <<<"$output")" -eq 2 ]
	# once more does nothing
	keepers=$(cat rundir/*)
	rc start
	sleep 0.5
	[ "$(cat rundir/*)" = "$keepers" ]
	# one only
	rc stop office
	followed 1
	[ ! -e rundir/xfrmpair-office.pid ]
	run -1 rc status office
	run -4 rc status home
	rc stop
	[ ! -e run ]
	[ "$(ls elsewhere | wc -l) $(ls state | wc -l)" = '1 1' ]
	for keeper in $keepers; do until_true eval '! kill -0 $keeper 2>/dev/null'; done
	# down by hand stays down
	rc start home 3>&-
	until_true followed 1
	keeper=$(cat rundir/xfrmpair-home.pid)
	$shell etc/home.sh down
	until_true eval '! kill -0 $keeper 2>/dev/null'
	[ ! -e run ]
	rc stop
}
@test "the rc script brings tunnels up as soon as the network lets it, follows their peers, and takes them down" {
	rc_setup
	in_shells goes_on dash "busybox ash"
}

ends_at_once() {
	rm -f host/address host/route
	sed -i 's/--wait 1"/--wait 60"/' etc/home.env
	rc start home 3>&-
	until_true grep -q waiting host/log
	keeper=$(cat rundir/*)
	rc stop home
	until_true eval '! kill -0 $keeper 2>/dev/null'
	: >host/address
	: >host/route
	sleep 1.5
	[ ! -e run ]
	# a mistake is not made again and again
	echo 'UP="--wrong"' >etc/home.env
	rc start home 3>&-
	until_true grep -q "'--wrong': not known" host/log
	sleep 1.5
	[ "$(grep -c "'--wrong': not known" host/log)" -eq 1 ]
	rc_setup
}
@test "the rc script's stop ends an up that waits, and start ends where up says that it is a mistake" {
	rc_setup
	in_shells ends_at_once bash mksh
}

@test "the rc script takes a process of a number it noted once for its own only when that is its own" {
	rc_setup
	bash -c 'sleep 60; :' home 3>&- &
	stranger=$!
	echo $stranger >rundir/xfrmpair-home.pid
	shell=dash
	rc start home 3>&-
	until_true followed 1
	[ "$(cat rundir/xfrmpair-home.pid)" != $stranger ]
	echo $stranger >rundir/xfrmpair-home.pid
	rc stop home
	kill -0 $stranger
	pkill -P $stranger
	# who ends by itself leaves no number behind
	rm -f rundir/*
	echo 'UP="--wrong"' >etc/home.env
	rc start home 3>&-
	until_true grep -q "'--wrong': not known" host/log
	until_true test ! -e rundir/xfrmpair-home.pid
}

@test "the rc script wants a verb and tunnels that are there, and passes shellcheck" {
	shellcheck "$BOOT/xfrmpair.rc"
	rc_setup
	for shell in dash 'busybox ash' bash mksh; do
		run -2 rc
		[ "$output" = 'usage: rc start | stop | status [NAME]...' ]
		run -2 rc status none
		[ "$output" = "xfrmpair: no tunnel $PWD/etc/none.sh" ]
	done
}

@test "the line of cron changes the keys of every tunnel" {
	rc_setup
	# five fields of time, a user, a command for sh; cron would take a % for the line's end
	[ "$(grep -vc '^#' "$BOOT/xfrmpair.cron")" -eq 1 ]
	grep -v '^#' "$BOOT/xfrmpair.cron" | grep -v % | sed -n 's/^[0-9]* \* \* \* \* root //p' | sed "s,/etc/xfrmpair,$PWD/etc," >line
	sh etc/home.sh up --no-helper
	for script in home office; do printf '\necho "%s $1" >>"$HOST/ran"\n' $script | sed -i '1r /dev/stdin' etc/$script.sh; done
	for shell in dash 'busybox ash' bash mksh; do
		rm -f host/ran
		$shell line
		[ "$(cat host/ran)" = 'home rekey
office rekey' ]
	done
	grep -q 'a: is down; ' host/log
}

# ---- a router that lends the port ----------------------------------------------------------------------------------

# lends [WORD SECONDS]: what the router gives from now on; without, it is silent
lends() {
	echo "$*" >host/router
	cat >bin/natprobe <<'END_OF_FAKE'
#!/bin/sh
echo "natprobe $*" >>"$HOST/ran"
read -r word lease <"$HOST/router"
case $*,$word in
*--punch*) exit 4 ;;
*map*,) echo 'natprobe: 192.168.1.1: no answer' >&2; exit 4 ;;
*--map=*) echo "natprobe: 192.168.1.1: maps ${word#*@} to here for $lease s, by PCP" >&2; echo "$word" ;;
esac
END_OF_FAKE
}
mapped() { grep -c -e --map= host/ran; }

lent() {
	rm -f host/ran
	lends 192.168.1.4:4500@85.9.8.7:4500 7200
	run -0 $shell t/a.sh -n up --map
	[ "$(head -n 1 <<<"$output")" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=4500' ]
	[ ! -e host/ran ]
	# before the punch, and given back by down
	run -4 $shell t/a.sh up --map --wait 1
	[[ "$output" == *'a: asks the router for port 4500
natprobe: 192.168.1.1: maps 85.9.8.7:4500 to here for 7200 s, by PCP
192.168.1.4:4500@85.9.8.7:4500
a: follow asks it again in time; without follow it may take the port back after 7200 s
a: opening the hole to b'* ]]
	[ "$(sed -n 1p host/ran)" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=4500' ]
	run -0 $shell t/a.sh -n down
	grep -qx 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --unmap' <<<"$output"
	run -0 $shell t/a.sh down
	[ "$(tail -n 1 host/ran)" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --unmap' ]
	[ ! -e run ]
	# on one that is up, too; and down goes on where the router is silent
	$shell t/a.sh up --no-punch
	run -0 $shell t/a.sh up --no-punch --map
	[[ "$output" == *"maps 85.9.8.7:4500 to here"* ]]
	lends
	run -0 $shell t/a.sh down
	[[ "$output" == *"a: the router keeps the port until it has lent it long enough: natprobe: 192.168.1.1: no answer"* ]]
	[ ! -e run ]
	# silent from the start: it goes on, and down has nothing to give back
	run -0 $shell t/a.sh up --map --no-punch
	[[ "$output" == *"natprobe: 192.168.1.1: no answer
a: goes on without the router's help"* ]]
	rm host/ran
	$shell t/a.sh down
	[ ! -e run ]
	[ ! -e host/ran ]
	# another port than the head has
	lends 192.168.1.4:4500@85.9.8.7:4501 7200
	run -0 $shell t/a.sh up --map --no-punch
	[[ "$output" == *"a: the other sides were told port 4500: update-peer there, or make new scripts with that word"* ]]
	$shell t/a.sh down
	# up that fails gives it back
	mv bin/espdecap bin/was
	printf '#!/bin/sh\necho no; exit 1\n' >bin/espdecap
	chmod +x bin/espdecap
	run -1 $shell t/a.sh up --map --no-punch
	[ "$(tail -n 1 host/ran)" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --unmap' ]
	[ ! -e run ]
	mv bin/was bin/espdecap
}
@test "up --map asks the router first, goes on without, and down gives the port back" {
	in_shells lent dash "busybox ash" bash mksh
	# that there is a port, and natprobe, is looked at before anything is changed
	run -2 sh plain/a.sh up --map
	[ "${lines[0]}" = "a: --map: this tunnel has no port" ]
	rm bin/natprobe
	PATH=$PWD/bin:/usr/sbin:/usr/bin:/sbin:/bin run -1 sh t/a.sh up --map
	[[ "$output" == *"a: no natprobe; lay it beside this file, or put it on PATH" ]]
	[ ! -e run ]
	# a mesh knows its port, too
	"$XFRMPAIR" -o mesh 192.168.1.4:4500@85.9.8.7:5000 192.168.2.9:4500@31.1.2.3 192.168.3.9:4500@77.1.2.3
	lends 192.168.1.4:4500@85.9.8.7:5000 7200
	chmod +x bin/natprobe
	run -0 sh mesh/a.sh -n up --map
	[ "$(head -n 1 <<<"$output")" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --map=5000' ]
}

@test "follow asks the router again at half of the time, and says only what changes" {
	printf '#!/bin/sh\ncase $1 in 20) exec /bin/sleep 0.1 ;; esac\nexec /bin/sleep "$1"\n' >bin/sleep
	chmod +x bin/sleep
	lends 192.168.1.4:4500@85.9.8.7:4500 120
	# up without --map has it asked for nothing
	dash t/a.sh up --no-punch
	dash t/a.sh follow >said 2>&1 3>&- &
	sleep 1
	[ ! -e host/ran ] || run -1 grep map host/ran
	dash t/a.sh down
	wait
	dash t/a.sh up --no-punch --map
	: >host/ran
	dash t/a.sh follow >said 2>&1 3>&- &
	until_true eval '[ "$(mapped)" -ge 3 ]'
	[ "$(grep -c 'maps 85.9.8.7:4500 to here' said)" -eq 1 ]
	lends 192.168.1.4:4500@85.9.8.7:4501 120
	until_true grep -q 'maps 85.9.8.7:4501 to here' said
	grep -q 'a: the other sides were told port 4500: update-peer there' said
	lends
	until_true grep -q 'no answer' said
	before=$(mapped)
	until_true eval '[ "$(mapped)" -ge $((before + 2)) ]'
	[ "$(grep -c 'no answer' said)" -eq 1 ]
	# for two hours it is asked once, and after two minutes of silence
	lends 192.168.1.4:4500@85.9.8.7:4500 7200
	until_true eval '[ "$(grep -c "maps 85.9.8.7:4500 to here" said)" -eq 2 ]'
	before=$(mapped)
	sleep 0.3
	[ "$(mapped)" -le $((before + 1)) ]
	until_true eval '[ "$(mapped)" -ge $((before + 1)) ]'
	dash t/a.sh down
	[ "$(tail -n 1 host/ran)" = 'natprobe -u 65534 -b 192.168.1.4 -p 4500 --unmap' ]
}
