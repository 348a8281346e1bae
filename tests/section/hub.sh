#!/bin/sh
{ # IPsec tunnel hub - b - c without IKE, made by xfrmpair 0.2. This is side hub.
# Two ciphers, a guard, ESN, limits, an interface, an address that is found at each `up`, and names: more than one tunnel has.

name=hub digest=00c0ffee family=6 cipher=aes256-sha512 mode=tunnel encap=none mtu=1350
store=hub.00112233445566778899aabbccddeeff check=ffeeddccbbaa99887766554433221100
local=auto mapped=hub.example.org
peers='b@11
c@22' hosts='2=office.example.org'
own_nets='10.1.0.0/16 2001:db8:1::/48' other_nets='10.2.0.0/16@1 10.3.0.0/16@2 2001:db8:2::/48@1'
own_address=10.99.0.1/24 own_device=xf0 interface=xf0 if_id=0x5ab26709 group=123456789
esn=yes guard=81 limited=yes forwards=yes clamp=yes exempt=yes neighbours=80000
passes() { echo "
xfrm policy add src 10.1.0.0/16 dst 10.1.0.0/16 dir out index 81 priority 2500
xfrm policy add src 10.1.0.0/16 dst 10.1.0.0/16 dir in index 80 priority 2500
xfrm policy add src fe80::/10 dst ff00::/8 proto 58 dir out index 97 priority 2500
"; }
guards() { echo "
xfrm policy add src 0.0.0.0/1 dst 10.2.0.0/16 proto 6 sport 22 dport 80 dir out index 89 priority 4000 action block
"; }
policies() { echo "
xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out index 9 priority 2000 if_id 0x5ab26709 \
  tmpl src $here dst $there_1 proto esp spi $spi_1 reqid 11 mode tunnel
xfrm policy add src 10.1.0.0/16 dst 10.3.0.0/16 dir out index 17 priority 2000 if_id 0x5ab26709 \
  tmpl src $here dst $there_2 proto esp spi $spi_2 reqid 22 mode tunnel
"; }
undo() { echo "
xfrm policy deleteall dir out index 9
"; }
routes() { echo "
route add 10.2.0.0/16 $way_1 $src4 mtu 1350 proto 217
route add 2001:db8:2::/48 $way_2 $src6 mtu 1350 proto 217
"; }
tests() { echo "
ping -c 3 -I 10.1.0.1 10.2.0.1
# there: nc -z -v -w 3 -s 10.3.0.1 10.1.0.1 22
"; }
link() { echo "
link add xf0 type xfrm if_id 0x5ab26709
"; }
clamp() { echo "
add table inet $table-clamp
table inet $table-clamp {
	chain forward { type filter hook forward priority mangle; ip saddr 10.1.0.0/16 tcp flags syn tcp option maxseg size set 1310; }
}
"; }
main() { echo "$name: $*"; }

made=7 # ---- now: written by xfrmpair and xfrmkeep
check=ffeeddccbbaa99887766554433221100 here=auto
there_1=2001:db8:ffff::2 spi_1=0x00000103 oseq_1=4294967295 # b: endpoint, SPI, sequence number
there_2=office.example.org spi_2=0x00000202 oseq_2=0 # c: endpoint, SPI, sequence number
states() { echo "
xfrm state add src $there_1 dst $here proto esp spi 0x00000101 reqid 11 mode tunnel flag esn af-unspec replay-window 64 replay-seq 17 replay-seq-hi 1 if_id 0x5ab26709 \
  enc cbc(aes) 0x1111111111111111111111111111111111111111111111111111111111111111 \
  auth-trunc hmac(sha512) 0x22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222 256 # from b, epoch 3
xfrm state add src $there_1 dst $here proto esp spi 0x00000102 reqid 11 mode tunnel flag esn af-unspec replay-window 64 replay-seq 0 replay-seq-hi 0 if_id 0x5ab26709 \
  enc cbc(aes) 0x3333333333333333333333333333333333333333333333333333333333333333 \
  auth-trunc hmac(sha512) 0x44444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444 256 # from b, epoch 4
xfrm state add src $there_1 dst $here proto esp spi 0x00000104 reqid 11 mode tunnel flag esn af-unspec replay-window 64 replay-seq 0 replay-seq-hi 0 if_id 0x5ab26709 \
  enc cbc(aes) 0x5555555555555555555555555555555555555555555555555555555555555555 \
  auth-trunc hmac(sha512) 0x66666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666 256 # from b, epoch 5
xfrm state add src $here dst $there_1 proto esp spi 0x00000103 reqid 11 mode tunnel flag esn af-unspec replay-window 64 replay-oseq $oseq_1 replay-oseq-hi 4294967295 if_id 0x5ab26709 limit byte-hard 18446744073709551615 limit packet-hard 5 \
  enc cbc(aes) 0x7777777777777777777777777777777777777777777777777777777777777777 \
  auth-trunc hmac(sha512) 0x88888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888 256 # to b, epoch 4
xfrm state add src $there_2 dst $here proto esp spi 0x00000201 reqid 22 mode tunnel flag esn af-unspec replay-window 64 replay-seq 0 replay-seq-hi 0 if_id 0x5ab26709 \
  enc cbc(aes) 0x9999999999999999999999999999999999999999999999999999999999999999 \
  auth-trunc hmac(sha512) 0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 256 # from c, epoch 1
xfrm state add src $here dst $there_2 proto esp spi 0x00000202 reqid 22 mode tunnel flag esn af-unspec replay-window 64 replay-oseq $oseq_2 replay-oseq-hi 0 if_id 0x5ab26709 \
  enc cbc(aes) 0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb \
  auth-trunc hmac(sha512) 0xcccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc 256 # to c, epoch 1
"; }
#: b heard 3 next 5 0xdddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
#: c heard 1 fixed
# ---- end 175be550ae6e4179
main "$@"
}
