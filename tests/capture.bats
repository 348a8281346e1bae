# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# xfrmkeep capture and wireshark, with a fake tcpdump and nft. No kernel needed; tests/lab/status.bats captures real packets.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export XFRMKEEP=$PWD/${BUILD:-build}/xfrmkeep
	xfrmpair=$PWD/${BUILD:-build}/xfrmpair
	cd "$BATS_FILE_TMPDIR" || return
	printf 'a b 1 secret 0x%064d\n' 7 >keys
	chmod 600 keys
	set -- --keys keys 192.168.1.4:61525@85.9.8.7:61525 192.168.2.100:61523@31.1.2.3:10421
	"$xfrmpair" -o scripts --cipher aes128gcm12 "$@"
	"$xfrmpair" -o nonike --encap espinudp-nonike --cipher aes128gcm12 "$@"
	"$xfrmpair" -o chacha --cipher chacha20poly1305 "$@"
	"$xfrmpair" -o scripts "hub=[2001:db8::1]+10.1.0.0/16" "c=[2001:db8::2]+10.2.0.0/16" "d=[2001:db8::3]+10.3.0.0/16"
	"$xfrmpair" --format wireshark --cipher aes128gcm12 "$@" >table
}
setup() {
	set +T; declare -ft "$BATS_TEST_NAME" # bats traces the tests themselves, not what they call: that takes a quarter of the time
	cd "$BATS_TEST_TMPDIR" || return 1
	cp "$BATS_FILE_TMPDIR"/scripts/{a,hub}.sh .
	digest=$(fact digest a.sh) reqid=$(sed -n "s/^peers='b@\([0-9]*\)'.*/\1/p" a.sh)
	export XFRMPAIR_RUN=$PWD/run XFRMPAIR_STATE=$PWD/state folder=run/$(fact store a.sh)
	mkdir -p $folder bin
	chmod 700 run $folder
	echo "$(cat /proc/sys/kernel/random/boot_id)@$(readlink /proc/self/ns/net)" >$folder/boot
	cat >bin/tcpdump <<END
#!/bin/bash
# packets are a line of words; at the end it says what it has captured
here=$PWD
case "\$*" in *nflog*) kind=inner ;; *) kind=outer ;; esac
echo "\$*" >\$here/\$kind.arguments
env >\$here/\$kind.environment
echo \$\$ >\$here/\$kind.pid
[ ! -e \$here/\$kind.fails ] || { cat \$here/\$kind.fails >&2; exit 1; }
trap 'printf %s "late \$kind"; echo "5 packets captured" >&2; echo "7 packets received by filter" >&2; exit' TERM
echo "tcpdump: data link type LINUX_SLL2" >&2
echo "tcpdump: listening on any, link-type LINUX_SLL2" >&2
echo "early \$kind"
[ ! -e \$here/\$kind.ends ] || exit 0
while :; do sleep 0.1 3>&-; done
END
	cat >bin/nft <<END
#!/bin/sh
cat >>$PWD/nft.given
[ ! -e $PWD/nft.fails ] || { cat $PWD/nft.fails >&2; exit 1; }
END
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
}
teardown() {
	for process in $(cat ./*.pid 2>/dev/null); do kill "$process" 2>/dev/null || :; done
}

fact() { sed -n "s/^\(.* \)\{0,1\}$1=\([^ ]*\).*/\2/p" "$2" | head -n 1; } # NAME FILE: of its page
# begins FILE: a capture in the background, until it says that it captures
begins() {
	env --default-signal "$XFRMKEEP" capture a.sh "$1" >printed 2>said 3>&- &
	pid=$!
	for _ in {1..200}; do
		! grep -q 'capturing until' said || return 0
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	cat said
	return 1
}
# ends STATUS: it ends so, after TERM
ends() {
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	cat said
	[ "$status" -eq "$1" ]
}
# keep STATUS ARGUMENT...: xfrmkeep ends with that; leaves output and stderr
keep() {
	local expected=$1
	shift
	status=0
	output=$(timeout 60 "$XFRMKEEP" "$@" 2>"$BATS_TEST_TMPDIR/stderr") || status=$?
	stderr=$(<"$BATS_TEST_TMPDIR/stderr")
	mapfile -t lines <<<"$output"
	mapfile -t stderr_lines <<<"$stderr"
	[ "$status" -eq "$expected" ]
}
gone() { # FILE...: none is there
	local file
	for file; do [ ! -e "$file" ] || return 1; done
}

@test "capture writes the packets of both tcpdumps, and waits for their last ones" {
	begins t.pcap
	[ "$(cat said)" = 'a: capturing until ^C: outer packets in t.pcap, inner packets in t.pcap.inner' ]
	ends 0
	[ "$(tail -n 1 said)" = 'a: captured 5 outer packets in t.pcap, and 5 inner packets in t.pcap.inner' ]
	[ "$(cat t.pcap)" = 'early outer
late outer' ]
	[ "$(cat t.pcap.inner)" = 'early inner
late inner' ]
	[ "$(stat -c %a t.pcap t.pcap.inner | uniq)" = 600 ]
	[ ! -s printed ]
	grep -qx -e '-n -U -w - -i any --immediate-mode udp port 61525 or icmp\[0\] == 3 or ip\[6:2\] & 8191 != 0' outer.arguments
	grep -qx -e "-n -U -w - -i nflog:$((pid % 65535 + 1))" inner.arguments
}

@test "capture removes its nft table at the end; if it is killed, down does" {
	begins t.pcap
	table=xfrmpair-a-$digest-capture-$pid group=$((pid % 65535 + 1))
	[ "$(cat nft.given)" = "table inet $table {
	chain in { type filter hook prerouting priority -450
		ipsec in reqid $reqid log group $group queue-threshold 1
	}
	chain out { type filter hook postrouting priority 450
		ipsec out reqid $reqid log group $group queue-threshold 1
	}
}" ]
	[ "$(cat $folder/undo)" = "nft delete table inet $table 2>/dev/null" ]
	rm nft.given
	ends 0
	[ "$(cat nft.given)" = "delete table inet $table" ]
	# killed, its children do not stay
	begins u.pcap
	kill -KILL $pid
	for kind in outer inner; do
		for _ in {1..100}; do
			kill -0 "$(cat $kind.pid)" 2>/dev/null || break
			sleep 0.1
		done
		run -1 kill -0 "$(cat $kind.pid)"
	done
}

@test "^C, TERM and HUP end it with 0" {
	for signal in INT HUP; do
		begins $signal.pcap
		kill -$signal $pid
		wait $pid
		grep -q '^a: captured 5 outer packets' said
	done
}

@test "nothing of the caller's environment reaches tcpdump" {
	SECRET=x begins t.pcap
	ends 0
	for kind in outer inner; do
		[ "$(grep -v '^\(PWD\|SHLVL\|_\)=' $kind.environment | sort)" = 'LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin' ]
	done
}

@test "an existing file is not changed" {
	echo mine >t.pcap
	keep 1 capture a.sh t.pcap
	[ "$stderr" = 'a: cannot create t.pcap and t.pcap.inner, or one exists (expected another FILE)' ]
	[ "$(cat t.pcap)" = mine ]
	gone t.pcap.inner
	mv t.pcap t.pcap.inner
	keep 1 capture a.sh t.pcap
	[ "$(cat t.pcap.inner)" = mine ]
	gone t.pcap
	rm t.pcap.inner
	ln -s elsewhere t.pcap
	keep 1 capture a.sh t.pcap
	gone elsewhere
	keep 1 capture a.sh nowhere/t.pcap
	gone outer.pid nft.given
}

@test "capture requires one FILE and a tunnel that is up" {
	keep 2 capture a.sh
	keep 2 capture a.sh x y
	keep 2 capture
	rm -r $folder
	keep 1 capture a.sh x.pcap
	[ "$stderr" = 'a: is down' ]
	gone x.pcap x.pcap.inner outer.pid
}

@test "-n prints what capture would do, and changes nothing" {
	rm -r run
	keep 0 -n capture a.sh x.pcap
	[[ "${lines[0]}" == "tcpdump -i any --immediate-mode -n -w x.pcap 'udp port 61525 or icmp[0] == 3 or ip[6:2] & 8191 != 0' &" ]]
	[ "${lines[1]}" = 'nft -f - <<END' ]
	[[ "${lines[2]}" =~ ^"table inet xfrmpair-a-$digest-capture-"[0-9]+' {'$ ]]
	[ "$(grep -c "^		ipsec \(in\|out\) reqid $reqid log group [1-9][0-9]* queue-threshold 1$" <<<"$output")" -eq 2 ]
	[[ "${lines[-1]}" =~ ^'tcpdump -i nflog:'[0-9]+' -n -w x.pcap.inner'$ ]]
	gone x.pcap x.pcap.inner run state outer.pid nft.given
	# plain ESP, over IPv6, of two peers
	keep 0 -n capture hub.sh x.pcap
	[[ "${lines[0]}" == *"'esp or icmp6 and ip6[40] < 5 or ip6[6] == 44' &" ]]
	[ "$(grep -c 'ipsec .* reqid [1-9][0-9]* log' <<<"$output")" -eq 4 ]
}

@test "if tcpdump cannot capture, capture prints its message, exits with 1 and leaves no file" {
	printf 'tcpdump: any: You do not have permission\n(socket: Operation not permitted)\n' >outer.fails
	keep 1 capture a.sh t.pcap
	[ "${stderr_lines[0]}" = 'xfrmkeep: tcpdump: any: You do not have permission' ]
	gone t.pcap t.pcap.inner nft.given
	: >outer.fails
	keep 1 capture a.sh t.pcap
	[ "${stderr_lines[0]}" = 'xfrmkeep: tcpdump: does not listen' ]
}

@test "if inner packets cannot be captured, outer ones still are" {
	echo 'tcpdump: NFLOG link-layer type filtering not implemented' >inner.fails
	begins t.pcap
	[ "$(cat said)" = 'xfrmkeep: tcpdump: NFLOG link-layer type filtering not implemented
a: warning: inner packets are not captured
a: capturing until ^C: outer packets in t.pcap' ]
	ends 0
	[ "$(tail -n 1 said)" = 'a: captured 5 outer packets in t.pcap' ]
	gone t.pcap.inner nft.given
	rm inner.fails
	echo 'Error: Could not process rule: No such file or directory' >nft.fails
	begins u.pcap
	[ "$(cat said)" = 'xfrmkeep: nft: Error: Could not process rule: No such file or directory
a: warning: inner packets are not captured
a: capturing until ^C: outer packets in u.pcap' ]
	run -1 kill -0 "$(cat inner.pid)"
	ends 0
	gone u.pcap.inner
}

@test "if tcpdump exits by itself, or the file cannot be written, the status is 1" {
	touch outer.ends
	keep 1 capture a.sh t.pcap
	[ "${stderr_lines[1]}" = 'a: tcpdump exited' ]
	[ "$(cat t.pcap)" = 'early outer' ]
	rm outer.ends
	# of bats too, whose files are none
	run -1 timeout 60 bash -o pipefail -c '(trap "" XFSZ; ulimit -f 0; exec "$XFRMKEEP" capture a.sh u.pcap 3>&-) 2>&1 | cat'
	grep -q '^xfrmkeep: u.pcap: cannot be written: File too large$' <<<"$output"
}

# ---- wireshark -------------------------------------------------------------------------------------------------------

@test "wireshark prints a row for each SA of the section, its key and the ports" {
	run --separate-stderr -0 "$XFRMKEEP" wireshark a.sh
	[ "$stderr" = 'a: warning: the table contains keys: anyone who has it can decrypt the traffic' ]
	[ "${lines[0]}" = "# Wireshark's ESP SAs of the tunnel a - b, digest $digest. CONTAINS KEYS." ]
	[ "${lines[1]}" = '# As ~/.config/wireshark/esp_sa it is for: tshark -r FILE -o esp.enable_encryption_decode:TRUE -d udp.port==61525,udpencap -d udp.port==10421,udpencap' ]
	# the rows of the section, whatever is in the kernel
	sed -n 's/.* spi \(0x[0-9a-f]*\) .*/\1/p; s/.*(gcm(aes)) \(0x[0-9a-f]*\) 96 # \(.*\)/\1 \2/p' a.sh | paste -d' ' - - | sed '
		s/^\(0x[^ ]*\) \(0x[^ ]*\) from b, epoch \(.\)$/# \1: b to a, epoch \3\n"IPv4","*","*","\1","AES-GCM with 12 octet ICV [RFC4106]","\2","NULL",""/
		s/^\(0x[^ ]*\) \(0x[^ ]*\) to b, epoch \(.\)$/# \1: a to b, epoch \3\n"IPv4","*","*","\1","AES-GCM with 12 octet ICV [RFC4106]","\2","NULL",""/' >rows
	[ "$(wc -l <rows)" -eq 6 ]
	sed 1,2d <<<"$output" | diff rows -
	# those of xfrmpair's own table, and the key that the other side may send with already
	grep -v '^#' "$BATS_FILE_TMPDIR/table" | sort >table
	grep -v '^#' <<<"$output" | sort | comm -23 table - >lacks
	[ ! -s lacks ]
	[ "$(wc -l <table)" -eq 2 ]
	keep 2 wireshark a.sh x
}

@test "a cipher that Wireshark does not support, and espinudp-nonike, are refused with 2" {
	keep 2 wireshark "$BATS_FILE_TMPDIR/nonike/a.sh"
	[ "$stderr" = 'a: Wireshark cannot decrypt this tunnel: it does not support aes128gcm12, or mistakes espinudp-nonike for IKE' ]
	[ -z "$output" ]
	keep 2 wireshark "$BATS_FILE_TMPDIR/chacha/a.sh"
	[ "$stderr" = 'a: Wireshark cannot decrypt this tunnel: it does not support chacha20poly1305, or mistakes espinudp-nonike for IKE' ]
	[ -z "$output" ]
}
