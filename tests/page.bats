# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# Pages: parsing a generated script, without running it.
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/section.bash"
	built section page fast
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
}

@test "a page gives its facts" {
	fine page facts pair.sh
	same "$output" "a 5ab26709 first a store a.0123456789abcdef0123456789abcdef check fedcba98765432100123456789abcdef
family 4 aes128gcm12 transport 0 encap 1 mtu 1442 of 1500 window 128
local 192.168.1.4 port 61525 mapped 85.9.8.7:61525 '':61525
peer b reqid 1132782033 host '':0
own 192.168.1.4/32 of 0
other 192.168.2.100/32 of 0
address 192.168.1.4/32 on 'lo' as 'lo:x5ab26709'
interface '' 0x0 group 0
esn 0 guard 0 limited 0 forwards 0 clamp 0 exempt 0
neighbours 0 proto 217 fingerprint '12345 67890 12345 67890 12345 67890'
00110011000"
	fine page facts hub.sh
	same "$output" "hub 00c0ffee first  store hub.00112233445566778899aabbccddeeff check ffeeddccbbaa99887766554433221100
family 6 aes256-sha512 transport 0 encap 0 mtu 1350 of 0 window 0
local auto port 0 mapped - 'hub.example.org':0
peer b reqid 11 host '':0
peer c reqid 22 host 'office.example.org':0
own 10.1.0.0/16 of 0
own 2001:db8:1::/48 of 0
other 10.2.0.0/16 of 0
other 10.3.0.0/16 of 1
other 2001:db8:2::/48 of 0
address 10.99.0.1/24 on 'xf0' as ''
interface 'xf0' 0x5ab26709 group 123456789
esn 1 guard 1 limited 1 forwards 1 clamp 1 exempt 1
neighbours 80000 proto 0 fingerprint ''
11110101110"
	sed "s/ mapped=[^ ]*/ mapped='[2001:db8::1]:4500'/; s/family=4/family=6/; s/local=[^ ]*/local=2001:db8::5/" pair.sh >six.sh
	fine page facts six.sh
	[[ "$output" == *"local 2001:db8::5 port 61525 mapped [2001:db8::1]:4500 '':4500"* ]]
	sed "s/ mapped=[^ ]*/ mapped=a.example.org:4500/; s/mode=tunnel/mode=transport/; s/encap=espinudp/encap=espinudp-nonike/" pair.sh >named.sh
	fine page facts named.sh
	[[ "$output" == *"transport 1 encap 2 "*"mapped - 'a.example.org':4500"* ]]
	sed "s/^own_nets=/hosts='1=x.example.org:4500' &/" pair.sh >host.sh
	fine page facts host.sh
	[[ "$output" == *"peer b reqid 1132782033 host 'x.example.org':4500"* ]]
	# a fact without a value is none; and the pages are scripts that shells read
	sed "s/ window=128/ window=''/; s/ mapped=[^ ]*//" pair.sh >less.sh
	fine page facts less.sh
	[[ "$output" == *" window 0
local 192.168.1.4 port 61525 mapped - '':0"* ]]
	for script in *.sh; do
		dash -n "$script"
		busybox sh -n "$script"
	done
}

@test "a page gives the rows of a function, joined, without comments, and with values for variables" {
	fine page rows pair.sh policies
	same "$output" "xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out index 1346875505 priority 2000 tmpl src 192.168.1.4 dst 31.1.2.3 proto esp spi 0x0d02cb05 reqid 1132782033 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in index 1346875504 priority 2000 tmpl src 31.1.2.3 dst 192.168.1.4 proto esp reqid 1132782033 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd index 1346875506 priority 2000 tmpl src 31.1.2.3 dst 192.168.1.4 proto esp reqid 1132782033 mode tunnel"
	fine page policies pair.sh policies
	same "$(in_one_line <<<"$output" | sed 's/^0: //')" "$(page rows pair.sh policies)"
	# a shell makes the same of it
	sed '2s/^{//; /^main "/,$d' pair.sh >functions
	for function in policies undo helper tests; do
		same "$(page rows pair.sh $function)" "$(dash -c ". ./functions; $function" | sed 's/ # .*//; s/  */ /g; /^$/d')"
	done
	fine page rows pair.sh helper
	same "$output" "-u 65534 -b 192.168.1.4 61525 31.1.2.3:10421"
	fine page rows hub.sh tests
	same "$output" "ping -c 3 -I 10.1.0.1 10.2.0.1
# there: nc -z -v -w 3 -s 10.3.0.1 10.1.0.1 22"
	fine page rows hub.sh routes 'way_1=dev eth0 via 192.0.2.1 onlink' way_2= 'src6=src 2001:db8::1' src4=
	same "$output" "route add 10.2.0.0/16 dev eth0 via 192.0.2.1 onlink mtu 1350 proto 217
route add 2001:db8:2::/48 src 2001:db8::1 mtu 1350 proto 217"
	fine page rows hub.sh clamp table=x5ab26709
	[[ "$output" == "add table inet x5ab26709-clamp
table inet x5ab26709-clamp {
chain forward { type filter hook forward priority mangle; "*" }
}" ]]
	# a policy is known by its peer, if it has a variable of one
	sed 's/here=auto$/here=2001:db8:ffff::1/; s/^there_2=[^ ]*/there_2=2001:db8:ffff::3/; /reqid 22 mode tunnel$/{/^  tmpl/s,$,\nxfrm policy add src ::/0 dst ::1/128 dir in priority 1,}' hub.sh >unsigned
	section sign unsigned >known.sh
	fine page policies known.sh policies
	same "$(grep -o '^[0-9]: [^ ]* [^ ]* [^ ]* src [^ ]* dst [^ ]*' <<<"$output")" "0: xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16
1: xfrm policy add src 10.1.0.0/16 dst 10.3.0.0/16
0: xfrm policy add src ::/0 dst ::1/128"
	fine page rows hub.sh unguard # which it has not
	same "$output" ''
	fine page policies hub.sh passes
	same "$output" "0: xfrm policy add src 10.1.0.0/16 dst 10.1.0.0/16 dir out index 81 priority 2500
0: xfrm policy add src 10.1.0.0/16 dst 10.1.0.0/16 dir in index 80 priority 2500
0: xfrm policy add src fe80::/10 dst ff00::/8 proto 58 dir out index 97 priority 2500"
}

@test "a variable without a value, or with invalid characters, is refused" {
	refused 'page: hub.sh:31: $way_1 has no value' page rows hub.sh routes
	refused 'page: hub.sh:32: $way_2 has no value' page rows hub.sh routes way_1=x src4= src6=
	for value in 'dev $x' 'dev "x"' 'a;b' 'a#b' 'a\b' $'a\nb' 'a`b`'; do
		refused 'page: hub.sh:31: $way_1 has no value' page rows hub.sh routes "way_1=$value"
	done
	refused 'page: hub.sh:23: $here has no value' page policies hub.sh policies
	sed 's/^xfrm policy deleteall dir out .*/xfrm policy $there_2/' pair.sh >two.sh
	refused 'page: two.sh:25: $there_2 has no value' page rows two.sh undo
	sed 's/^xfrm policy deleteall dir out .*/xfrm policy $(reboot)/' pair.sh >two.sh
	refused 'page: two.sh:25: $ without a variable (expected one like $here)' page rows two.sh undo
	sed 's/^xfrm policy deleteall dir out .*/xfrm $((\x1b[1m))/' pair.sh >two.sh
	refused 'page: two.sh:25: $ without a variable (expected one like $here)' page rows two.sh undo
	sed 's/^xfrm policy deleteall dir out .*/xfrm "policy/' pair.sh >two.sh
	refused 'page: two.sh:25: invalid character (expected plain words)' page rows two.sh undo
	sed 's/dir fwd index 1346875506/dir fwd index 1346875505/' pair.sh >two.sh
	refused 'page: two.sh:21: index: of another direction (expected low bits in 0, out 1, fwd 2)' page policies two.sh policies
}

@test "a file that is not a script, one of an old version and a truncated one have different messages" {
	local not="not a script of xfrmpair (expected one like a.sh)"
	: >file
	refused "page: file: $not" page facts file
	printf '#!/bin/sh\n' >file
	refused "page: file: $not" page facts file
	printf '#!/bin/sh\n{ # by hand\n' >file
	refused "page: file: $not" page facts file
	sed '5s/$/\x00/' pair.sh >file
	refused "page: file: $not" page facts file
	refused "page: /dev/null: $not" page facts /dev/null
	mkfifo fifo
	refused "page: fifo: $not" page facts fifo
	refused "page: /dev/zero: cannot be read: File too large (expected a script of xfrmpair)" page facts /dev/zero
	refused "page: none: cannot be read: No such file or directory (expected a script of xfrmpair)" page facts none
	refused "page: .: cannot be read: Is a directory (expected a script of xfrmpair)" page facts .
	sed 's/$/\r/' pair.sh >file
	refused "page: file: carriage return (expected a script as xfrmpair wrote it): copy it again" page facts file
	sed 's/^fingerprint/# ---- program xfrmpair 0.1\n&/' pair.sh >file
	local older="made by xfrmpair 0.1 (expected 0.2): run down with the old script, then up with a new one"
	refused "page: file: $older" page facts file
	# as 0.1 wrote them: no remark for the linter, and keys at the end
	cat >old.sh <<'END'
#!/bin/sh
{ # IPsec tunnel a - b without IKE, made by xfrmpair 0.1. This is side a: run it on the host 192.168.1.4.
# CONTAINS KEYS: keep it readable by its owner only, and copy it over a secure channel.
name=a digest=0ff85c7b cipher=aes128gcm12 esp=esp4 here=192.168.1.4 port=61525 mtu=1442
# ---- program xfrmpair 0.1, parts core epochs look routes rules punch helper router up down status rekey follow check capture main
main "$@"
# ---- keys: FROM TO EPOCH SPI KEY, or ONE TWO EPOCH secret SECRET
}
END
	refused "page: old.sh: $older" page facts old.sh
	local keep=$BATS_TEST_DIRNAME/../${BUILD:-build}/xfrmkeep verb
	for verb in status check rekey mend follow "update-peer 192.0.2.1:4500" "capture x" wireshark up down; do
		read -ra words <<<"$verb"
		gives "$keep" "${words[0]}" old.sh "${words[@]:1}"
		same "$status $output$stderr" "2 xfrmkeep: old.sh: $older"
	done
	[ ! -e x ]
	printf 'x\033[1mx' >$'esc\033[1m'
	refused "page: esc?[1m: $not" page facts $'esc\033[1m'
	# cut anywhere behind its head
	local length
	length=$(stat -c %s pair.sh)
	for ((i = 200; i < length; i += 97)); do
		head -c $i pair.sh >file
		refused "page: file: truncated (expected the whole script): copy it again" page facts file
	done
	for ((i = length - 15; i < length; i++)); do
		head -c $i pair.sh >file
		refused "page: file: truncated (expected the whole script): copy it again" page facts file
	done
	{ cat pair.sh; echo reboot; } >file
	refused "page: file: truncated (expected the whole script): copy it again" page facts file
}

# page_refused MESSAGE PROGRAM: of pair.sh, edited
page_refused() {
	sed -E "$2" pair.sh >edited.sh
	refused "page: edited.sh: $1" page facts edited.sh
}
# fact_refused LINE NAME PROGRAM
fact_refused() {
	sed -E "$3" pair.sh >edited.sh
	refused "page: edited.sh:$1: $2: invalid value (expected as xfrmpair wrote it)" page facts edited.sh
}

@test "a page with invalid facts is refused, with the line number" {
	fact_refused 7 name 's/^name=a/name=A/'
	fact_refused 7 name 's/^name=a/name=abcdefghijklmnop/'
	fact_refused 7 digest 's/digest=5a/digest=5A/'
	fact_refused 7 digest 's/digest=5a/digest=/'
	fact_refused 7 first 's/first=a/first=1/'
	fact_refused 7 family 's/family=4/family=5/'
	fact_refused 7 cipher 's/cipher=[^ ]*/cipher=rot13/'
	fact_refused 7 mode 's/mode=tunnel/mode=beet/'
	fact_refused 7 encap 's/encap=espinudp/encap=tcp/'
	fact_refused 7 mtu 's/ mtu=1442/ mtu=0/'
	fact_refused 7 path_mtu 's/path_mtu=1500/path_mtu=65536/'
	fact_refused 7 window 's/window=128/window=4097/'
	fact_refused 8 store 's,store=a.,store=../,'
	fact_refused 8 store 's,store=a\.0123456789abcdef,store=a.,'
	fact_refused 8 check 's/check=fe/check=/'
	fact_refused 9 local 's/local=192.168.1.4/local=any/'
	fact_refused 9 port 's/ port=61525/ port=0/'
	fact_refused 9 mapped 's/mapped=85.9.8.7:61525/mapped=85.9.8.7:/'
	fact_refused 9 mapped 's/mapped=85.9.8.7:61525/mapped=85.9.8.7:65536/'
	fact_refused 9 mapped "s/mapped=85.9.8.7:61525/mapped='[::1'/"
	fact_refused 9 mapped "s/mapped=85.9.8.7:61525/mapped=85.9.8/"
	fact_refused 10 peers "s/^peers='b@/peers='b /"
	fact_refused 10 peers "s/^peers='b@1132782033/peers='b@0/"
	fact_refused 10 peers "s/^peers='b/peers='B/"
	fact_refused 11 own_nets "s,192.168.1.4/32,192.168.1.4,"
	fact_refused 11 own_nets "s,'192.168.1.4/32,'192.168.1.4/31,; s,192.168.1.4/31,192.168.1.5/31,"
	fact_refused 11 other_nets "s,/32@1,/32@2,"
	fact_refused 11 other_nets "s,/32@1,/32,"
	fact_refused 12 own_address "s,own_address=192.168.1.4/32,own_address=192.168.1.4,"
	fact_refused 12 own_address "s,own_address=192.168.1.4/32,own_address=192.168.1.4/33,"
	fact_refused 12 own_device "s,own_device=lo,own_device=a/b,"
	fact_refused 13 route_proto "s,route_proto=217,route_proto=256,"
	fact_refused 13 fingerprint "s,12345 67890',12345 6789O',"
	sed "s/later='a/later='\x01/" pair.sh >edited.sh
	refused "page: edited.sh:13: no closing quote (expected ')" page facts edited.sh
	page_refused "no fact 'store' (expected a whole script of xfrmpair)" 's/^store=[^ ]*//'
	page_refused "no fact 'peers' (expected a whole script of xfrmpair)" "s/^peers=.*//; s/other_nets=[^ ]*//"
	page_refused "port: does not fit encap (expected one with UDP, none without)" 's/ port=61525//'
	page_refused "port: does not fit encap (expected one with UDP, none without)" 's/encap=espinudp/encap=none/'
	page_refused "family: not that of local and mapped" 's/family=4/family=6/'
	page_refused "store: not the name of a file (expected NAME.DIGITS)" 's/store=a/store=/'
	page_refused "no policies() or no undo() (expected a script as xfrmpair wrote it)" 's/^policies\(\)/rules()/'
	page_refused "undo(): defined twice (expected once)" 's/^helper\(\)/undo()/'
	sed 's/^name=a/& name=b/' pair.sh >edited.sh
	refused "page: edited.sh:7: name: defined twice (expected once)" page facts edited.sh
	sed "s/^own_nets=/hosts='2=x.org' &/" pair.sh >edited.sh
	refused "page: edited.sh:11: hosts: invalid value (expected as xfrmpair wrote it)" page facts edited.sh
	for port in 0 65536 x ''; do
		sed "s/^own_nets=/hosts='1=x.org:$port' &/" pair.sh >edited.sh
		refused "page: edited.sh:11: hosts: invalid value (expected as xfrmpair wrote it)" page facts edited.sh
	done
	sed 's/^name=a/reboot &/' pair.sh >edited.sh
	refused "page: edited.sh:7: not a fact (expected NAME=VALUE)" page facts edited.sh
	sed 's/^name=a/name=$(reboot)/' pair.sh >edited.sh
	refused "page: edited.sh:7: invalid character (expected NAME=VALUE, or quotes)" page facts edited.sh
	sed '/^undo() /,/^"; }$/{/^"; }$/d}; /^helper() /,/^"; }$/d; /^tests() /,/^"; }$/d; s/^say/"; } \n&/' pair.sh >edited.sh
	refused "page: edited.sh: undo(): no end (expected \"; })" page facts edited.sh
}

@test "a script's section is refused if it is torn, another script's, or of other peers" {
	sed 's/0x41e5/0x41e6/' pair.sh >edited.sh
	refused "page: edited.sh: section: torn: its sum is wrong $torn" page rows edited.sh undo
	sed 's/ check=fe/ check=ff/' pair.sh >edited.sh
	refused "page: edited.sh: section: belongs to another script (expected check=ffdcba98765432100123456789abcdef)" page rows edited.sh undo
	sed "s/^peers='b/peers='c/" pair.sh >edited.sh
	refused "page: edited.sh: section: the section's peer 1 is not the script's (expected c)" page rows edited.sh undo
	sed "s/^peers='b@1132782033/peers='b@1132782034/" pair.sh >edited.sh
	refused "page: edited.sh: section: the section's peer 1 is not the script's (expected b)" page rows edited.sh undo
	sed "s/cipher=aes128gcm12/cipher=aes128gcm16/" pair.sh >edited.sh
	refused "page: edited.sh: section: the section's peer 1 is not the script's (expected b)" page rows edited.sh undo
	sed "s/^peers='b@1132782033/& c@5/" pair.sh >edited.sh
	refused "page: edited.sh: section: the section has 1 peers (expected 2, as the script)" page rows edited.sh undo
}

@test "a page of 1,000 peers is read in a fraction of a second" {
	fine fast speed 1000
	echo "$output"
	[[ "$output" == *" bytes, 3000 policies, 4000 states: read in "* ]]
	# 28 ms on the machine where this was written
	[ "$(sed -n 's/.*read in \([0-9]*\)\..*/\1/p' <<<"$output")" -lt 250 ]
}
