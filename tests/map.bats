# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# natprobe --map: a host and its router, fakerouter, in network namespaces made by unshare(1).
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME" || return
	export PATH="$BATS_FILE_TMPDIR:$PATH"
	export NATPROBE=$BATS_TEST_DIRNAME/../${BUILD:-build}/natprobe
	case ${BUILD:-} in /*) NATPROBE=$BUILD/natprobe ;; esac
	for program in fakestun fakerouter; do
		cc -std=c11 -D_GNU_SOURCE -g -fsanitize=address,undefined -I../helper -o "$BATS_FILE_TMPDIR/$program" $program.c
	done
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	root=''
	[ "$(id -u)" -eq 0 ] || root=r
	unshare -${root}n true 2>/dev/null || skip "may not unshare a network"
}

# The host 192.168.1.4 and 2001:db8:1::4 behind the routers 192.168.1.1 and fe80::1.
# shellcheck disable=SC2016
host='
router() { nsenter -t $router -n "$@"; }
serve() { rm -f asked; nsenter -t $router -n fakerouter "$@" >asked & serving=$!; until [ -s asked ]; do kill -0 $serving; sleep 0.02; done; }
stun() { nsenter -t $router -n fakestun "$@" >ready & stuns="${stuns-} $!"; until [ -s ready ]; do kill -0 $!; sleep 0.02; done; rm ready; }
probe() { status=0 start=${EPOCHREALTIME/./}; "$NATPROBE" -p 61525 "$@" >out 2>err || status=$?; echo $((${EPOCHREALTIME/./} - start)) >took; }
trap "kill \$router \${serving-} \${stuns-} 2>/dev/null" EXIT
unshare -n sleep 60 & router=$!
until [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
ip link set lo up
ip link add h0 type veth peer name r0 netns $router
ip link set h0 addrgenmode none up && router ip link set r0 addrgenmode none up
ip address add 192.168.1.4/24 dev h0 && router ip address add 192.168.1.1/24 dev r0
ip address add 2001:db8:1::4/64 dev h0 nodad && ip address add fe80::4/64 dev h0 nodad
router ip address add fe80::1/64 dev r0 nodad && router ip address add 2001:db8:1::1/64 dev r0 nodad
ip route add default via 192.168.1.1 && ip -6 route add default via fe80::1 dev h0
'
# on_host COMMANDS: they run on the host; what they leave in out and err is shown where something fails
on_host() { unshare -${root}n bash -euc "$host$1" 3>&- || { local code=$?; head -n 30 out err asked 2>/dev/null; return $code; }; }

same() { # WHAT WANT
	[ "$1" = "$2" ] || { printf 'got:  %s\nwant: %s\n' "$1" "$2"; return 1; }
}
# gets KIND ARGUMENTS STATUS OUT ERR: what natprobe says when its router, which maps to 85.9.8.7, is of that KIND
gets() {
	on_host "serve 192.168.1.1 ${SEEN:-85.9.8.7} $1; probe $2; echo \$status >status"
	same "$1: $(cat status out)" "$1: $3${4:+
}$4"
	same "$1: $(cat err)" "$1: $5"
}

@test "--map prints the mapped endpoint, and the lifetime of the mapping" {
	gets '' --map 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by PCP'
	[[ "$(sed 1d asked)" == 'PCP map 61525 61525 7200 '???????????????????????? ]]
	gets '' --map=10421 0 192.168.1.4:61525@85.9.8.7:10421 'natprobe: 192.168.1.1: maps 85.9.8.7:10421 to here for 7200 s, by PCP'
	gets lease=120 '-b 192.168.1.4 --map' 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 120 s, by PCP'
}

@test "if the router maps another port, it is in the endpoint and reported" {
	SEEN=85.9.8.7:40000 gets '' --map 0 192.168.1.4:61525@85.9.8.7:40000 'natprobe: 192.168.1.1: maps 85.9.8.7:40000 to here for 7200 s, by PCP
natprobe: requested port 61525, got another: give the peer port 40000'
}

@test "a router with only NAT-PMP is asked by it, whether it answers PCP with an error or not at all" {
	for kind in natpmp old; do
		gets $kind --map 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by NAT-PMP'
		same "$(grep ^NAT-PMP asked | uniq)" 'NAT-PMP address
NAT-PMP map 61525 61525 7200'
	done
	gets deaf --map 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by NAT-PMP'
	[ "$(cat took)" -ge 4000000 ]
	[ "$(cat took)" -lt 7500000 ]
	same "$(grep -c '^PCP' asked)" 2
}

@test "IPv6: a pinhole in the firewall is requested from the address that it is for" {
	on_host 'serve fe80::1 [2001:db8:1::4]; probe -b 2001:db8:1::4 --map; echo $status >status; probe -b :: --map; cat out >>status
		ip route del default; probe --map; cat out >>status'
	same "$(cat status)" '0
[2001:db8:1::4]:61525
[2001:db8:1::4]:61525'
	same "$(cat err)" 'natprobe: fe80::1: maps [2001:db8:1::4]:61525 to here for 7200 s, by PCP'
	# it knows no NAT-PMP to fall back to
	on_host 'serve fe80::1 [2001:db8:1::4] natpmp; probe -b :: --map; echo $status >status'
	same "$(cat status out err)" '1
natprobe: fe80::1: refused the PCP request, error 1: it speaks another version
natprobe: if that does not help, forward UDP port 61525 on the router by hand'
}

@test "another process renews and removes a mapping with the same nonce; another port has another nonce; --unmap prints no endpoint" {
	on_host 'serve 192.168.1.1 85.9.8.7; probe --map; probe --map; probe --unmap; echo $status >status'
	same "$(cat status out err)" '0
natprobe: 192.168.1.1: removed the mapping of port 61525'
	same "$(cut -d' ' -f5 asked | sed 1d)" '7200
7200
0'
	same "$(sed 1d asked | cut -d' ' -f6 | sort -u | wc -l)" 1
	# a nonce that is not ours: as somebody else's would fare, and the other port's is another
	on_host 'serve 192.168.1.1 85.9.8.7; probe --map; status=0; "$NATPROBE" -p 61524 --map >out 2>err || status=$?; echo $status >status'
	# PCP refuses it, so it is NAT-PMP, which has no nonces, that maps it
	same "$(cat status out err)" '0
192.168.1.4:61524@85.9.8.7:61524
natprobe: 192.168.1.1: maps 85.9.8.7:61524 to here for 7200 s, by NAT-PMP'
	on_host 'serve 192.168.1.1 85.9.8.7 natpmp; probe --unmap; echo $status >status'
	same "$(cat status out err)" '0
natprobe: 192.168.1.1: removed the mapping of port 61525'
	same "$(tail -n 1 asked)" 'NAT-PMP map 61525 0 0'
}

@test "a router that lost its mappings by a restart maps again" {
	on_host 'serve 192.168.1.1 85.9.8.7; probe --map; kill $serving; wait $serving || :; serve 192.168.1.1 85.9.8.7:40001; probe --map; echo $status >status'
	same "$(cat status out)" '0
192.168.1.4:61525@85.9.8.7:40001'
}

@test "if PCP is refused or gives a useless mapping, NAT-PMP is tried before any message" {
	for kind in pcp-refuse=2 pcp-refuse=8 pcp-refuse=11 pcp-refuse=99 pcp-zero; do
		gets $kind --map 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by NAT-PMP'
		gets $kind --unmap 0 '' 'natprobe: 192.168.1.1: removed the mapping of port 61525'
	done
	same "$(sed 1d asked | cut -d' ' -f1-5)" 'PCP map 61525 0 0'
	gets pcp-refuse=11 --unmap 0 '' 'natprobe: 192.168.1.1: removed the mapping of port 61525' # by the one that refused, or never gave it
	same "$(tail -n 1 asked)" 'NAT-PMP map 61525 0 0'
}

@test "refusals by both protocols are printed; if NAT-PMP gets no answer, only that by PCP" {
	hand='natprobe: if that does not help, forward UDP port 61525 on the router by hand'
	gets 'pcp-refuse=11 refuse=2' --map 1 '' "natprobe: 192.168.1.1: refused the PCP request, error 11: it cannot map that port: try without =PORT, or with another -p
natprobe: 192.168.1.1: refused the NAT-PMP request, error 2: it does not allow this port, or another program has it: allow PCP or NAT-PMP in its settings
$hand"
	# of a router whose outside is IPv6 alone, which knows no NAT-PMP
	SEEN='[2001:db8::1]' gets pcp-refuse=8 --map 1 '' "natprobe: 192.168.1.1: refused the PCP request, error 8: it has no free mappings: try again later
$hand"
}

@test "an answer from another address is reported, and --router asks that address" {
	on_host 'router ip address add 192.168.1.2/24 dev r0; serve 192.168.1.1 85.9.8.7 elsewhere=192.168.1.2; probe --map; echo $status >status'
	same "$(cat status out err)" '4
natprobe: 192.168.1.1: no answer from this address, but from 192.168.1.2: if that is your router (CARP, VRRP), add --router 192.168.1.2'
	on_host 'router ip address add 192.168.1.2/24 dev r0; serve 192.168.1.2 85.9.8.7; probe --map --router 192.168.1.2; echo $status >status; probe --unmap --router 192.168.1.2; cat err >>status'
	same "$(cat status)" '0
natprobe: 192.168.1.2: removed the mapping of port 61525'
	on_host 'ip route del default; serve 192.168.1.1 85.9.8.7; probe --map --router 192.168.1.1; echo $status >status'
	same "$(cat status out)" '0
192.168.1.4:61525@85.9.8.7:61525'
	on_host 'serve fe80::1 [2001:db8:1::4]; probe -b 2001:db8:1::4 --map --router fe80::1; echo $status >status'
	same "$(cat status out err)" '0
[2001:db8:1::4]:61525
natprobe: fe80::1: maps [2001:db8:1::4]:61525 to here for 7200 s, by PCP'
}

@test "--router takes one address of the family of -b, only with --map or --unmap" {
	while IFS='|' read -r arguments text; do
		status=0
		# shellcheck disable=SC2086
		"$NATPROBE" $arguments >out 2>err || status=$?
		same "$status $(cat out err)" "2 natprobe: $text"
	done <<-'END'
		-p 1 --router 192.168.1.1 127.0.0.1|--router: requires --map or --unmap
		-p 1 --router 192.168.1.1 --punch 127.0.0.1:9|--router: requires --map or --unmap
		--router 192.168.1.1 --resolve localhost|--resolve: cannot be combined with other options (expected only -b and -u)
		-b ::1 -p 1 --map --router 192.168.1.1|--router: -b has another address family (expected both IPv4 or both IPv6)
		-p 1 --map --router 224.0.0.1|--router: address '224.0.0.1': not a unicast address (expected the address of one machine)
	END
}

@test "refusals are explained, with advice: status 1" {
	hand='natprobe: if that does not help, forward UDP port 61525 on the router by hand'
	while IFS='|' read -r kind by error text second; do
		gets "$kind" --map 1 '' "natprobe: 192.168.1.1: refused the $by request, error $error: $text
${second:+natprobe: 192.168.1.1: refused the NAT-PMP request, error $error: $second
}$hand"
	done <<-'END'
		refuse=2|PCP|2|it does not allow this port, or another program has it: allow PCP or NAT-PMP in its settings
		refuse=4|PCP|4|it does not map ports: allow PCP or NAT-PMP in its settings|it has no free mappings: try again later
		refuse=7|PCP|7|it is offline: try again when it is online|it gives no reason
		refuse=8|PCP|8|it has no free mappings: try again later|it gives no reason
		refuse=9|PCP|9|it does not map UDP ports|it gives no reason
		refuse=10|PCP|10|this host has too many port mappings: remove one with --unmap|it gives no reason
		refuse=11|PCP|11|it cannot map that port: try without =PORT, or with another -p|it gives no reason
		refuse=12|PCP|12|it receives our packets from another address: there is a NAT between us|it gives no reason
		refuse=99|PCP|99|it gives no reason
		natpmp refuse=2|NAT-PMP|2|it does not allow this port, or another program has it: allow PCP or NAT-PMP in its settings
		natpmp refuse=3|NAT-PMP|3|it is offline: try again when it is online
		natpmp refuse=4|NAT-PMP|4|it has no free mappings: try again later
		natpmp refuse=5|NAT-PMP|5|it does not map ports: allow PCP or NAT-PMP in its settings
		natpmp refuse=9|NAT-PMP|9|it gives no reason
	END
}

@test "a silent router is status 4 after 8 seconds; one that rejects requests, or no router, at once" {
	gets silent --map 4 '' 'natprobe: 192.168.1.1: no answer to PCP and NAT-PMP requests: enable them on the router, or forward UDP port 61525 by hand'
	[ "$(cat took)" -ge 8000000 ]
	[ "$(cat took)" -lt 10000000 ]
	# 0 and 3 seconds; then 0, 0.25, 0.75, 1.75 and 3.75, or fewer on a machine that is busy
	[[ "$(sed 1d asked | cut -d' ' -f1,2 | uniq -c | xargs)" == '2 PCP map '[3-5]' NAT-PMP address' ]]
	on_host 'probe --map; echo $status >status'
	[ "$(cat took)" -lt 3000000 ]
	same "$(cat status out err)" '4
natprobe: 192.168.1.1: rejects PCP and NAT-PMP requests: enable them on the router, or forward UDP port 61525 by hand'
	on_host 'ip route del default; ip -6 route del default; probe --map; echo $status >status'
	same "$(cat status out err | sed 's/ is un/ un/')" '1
natprobe: default route: Network unreachable'
	on_host 'ip route replace default dev h0; probe --map; echo $status >status'
	same "$(cat status out err)" '1
natprobe: the default route has no router to ask'
	on_host 'probe -b 192.168.1.5 --map; echo $status >status'
	same "$(cat status out)" 1
}

@test "packets that are not the router's answer to us are ignored" {
	for kind in nonce opcode protocol port version short long odd request source; do
		gets $kind --map 0 192.168.1.4:61525@85.9.8.7:61525 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by PCP'
	done
	for kind in source pmp-port pmp-opcode pmp-short; do
		case $kind in pmp-port) want=85.9.8.6 ;; *) want=85.9.8.7 ;; esac # to the question for its address that is no wrong answer
		gets "natpmp $kind" --map 0 192.168.1.4:61525@$want:61525 "natprobe: 192.168.1.1: maps $want:61525 to here for 7200 s, by NAT-PMP"
	done
}

@test "an unusable mapped endpoint is refused: no endpoint printed, status 4" {
	for seen in 0.0.0.0 127.0.0.1 224.0.0.1 255.255.255.255; do
		SEEN=$seen:5 gets '' --map 4 '' "natprobe: 192.168.1.1: answered the PCP request with $seen:5 for 7200 s, which cannot be used"
		SEEN=$seen:5 gets natpmp --map 4 '' "natprobe: 192.168.1.1: answered the NAT-PMP request with $seen:5 for 7200 s, which cannot be used"
	done
	SEEN='[2001:db8::1]:5' gets '' --map 4 '' 'natprobe: 192.168.1.1: answered the PCP request with [2001:db8::1]:5 for 7200 s, which cannot be used'
	gets zero --map 4 '' 'natprobe: 192.168.1.1: answered the PCP request with 85.9.8.7 for 7200 s, which cannot be used'
	gets 'natpmp zero' --map 4 '' 'natprobe: 192.168.1.1: answered the NAT-PMP request with 85.9.8.7 for 7200 s, which cannot be used'
	gets lease=0 --map 4 '' 'natprobe: 192.168.1.1: answered the PCP request with 85.9.8.7:61525 for 0 s, which cannot be used'
}

@test "behind another NAT, the router's private address works only on this side of it: status 3" {
	SEEN=100.64.1.2 gets '' --map 3 192.168.1.4:61525@100.64.1.2:61525 'natprobe: 192.168.1.1: maps 100.64.1.2:61525 to here for 7200 s, by PCP
natprobe: 100.64.1.2 is in 100.64.0.0/10, not public: there is another NAT beyond the router; only peers on this side of it can use this endpoint'
}

@test "with STUN servers: they report the router's mapping, another port, another NAT, or nothing" {
	with() { # KIND SEEN WANT-STATUS WANT-OUT LAST-LINE
		on_host "ip route add 198.51.100.0/24 via 192.168.1.1; router ip address add 198.51.100.1/32 dev r0; router ip address add 198.51.100.2/32 dev r0
			serve 192.168.1.1 $1; ${2:+stun 198.51.100.1:3478 $2; stun 198.51.100.2:3478 ${6:-$2};} probe --map 198.51.100.1 198.51.100.2; echo \$status >status"
		same "$(cat status out)" "$3
$4"
		same "$(tail -n 1 err)" "natprobe: $5"
	}
	with 85.9.8.7 85.9.8.7:61525 0 192.168.1.4:61525@85.9.8.7:61525 'the servers confirm the router'"'"'s port mapping: any host can send to it, without --punch'
	same "$(sed -n 1p err)" 'natprobe: 192.168.1.1: maps 85.9.8.7:61525 to here for 7200 s, by PCP'
	with 85.9.8.7 85.9.8.7:40000 0 192.168.1.4:61525@85.9.8.7:61525 \
		'packets sent first come from 85.9.8.7:40000, but any host can send to 85.9.8.7:61525, without --punch'
	# even where the NAT is symmetric
	with 85.9.8.7 85.9.8.7:40000 0 192.168.1.4:61525@85.9.8.7:61525 \
		'packets sent first come from 85.9.8.7:40000, but any host can send to 85.9.8.7:61525, without --punch' 85.9.8.7:50000
	with 100.64.1.2 85.9.8.7:40000 0 192.168.1.4:61525@85.9.8.7:40000 'mapping endpoint-independent (cone NAT), port changed from 61525 to 40000'
	same "$(tail -n 2 err | head -n 1)" 'natprobe: the router mapped 100.64.1.2:61525, but servers report 85.9.8.7:40000: there is another NAT beyond the router, perhaps the carrier'"'"'s; printing what the servers report'
	with '85.9.8.7 refuse=2' 85.9.8.7:40000 1 192.168.1.4:61525@85.9.8.7:40000 'mapping endpoint-independent (cone NAT), port changed from 61525 to 40000'
	on_host 'serve 192.168.1.1 85.9.8.7; probe --map 192.168.1.1:9; echo $status >status'
	same "$(cat status out)" '0
192.168.1.4:61525@85.9.8.7:61525'
	same "$(tail -n 1 err)" "natprobe: only the router reported 85.9.8.7:61525: no server answered"
}

@test "--map and --unmap do not bind the port, so they work while the tunnel is up" {
	on_host 'serve 192.168.1.1 85.9.8.7; perl -MIO::Socket::INET -e "\$s = IO::Socket::INET->new(Proto => q(udp), LocalAddr => q(192.168.1.4:61525)) or die; print qq(there\n); close STDOUT; sleep 9" >ready & held=$!
		until [ -n "$(ss -Hlun sport = :61525)" ]; do sleep 0.02; done; probe -b 192.168.1.4 --map; echo $status >status; probe --unmap; kill $held'
	same "$(cat status out)" 0
}

@test "-u: the router is asked without any rights of root" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: becomes nobody"
	on_host 'serve 192.168.1.1 85.9.8.7; strace -f -o trace "$NATPROBE" -p 61525 -u 65534 --map >out 2>err || true' # a sanitizer does not like to be traced
	same "$(cat out)" 192.168.1.4:61525@85.9.8.7:61525
	same "$(sed -nE 's/^[0-9]* *(capset|connect|socket|bind|recvfrom).*/\1/p' trace | sed -n 1p)" capset
}
