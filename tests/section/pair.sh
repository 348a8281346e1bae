#!/bin/sh
{ # IPsec tunnel a - b without IKE, made by xfrmpair 0.2. This is side a: run it on the host 192.168.1.4.
# CONTAINS KEYS below "# ---- now": keep it readable by its owner only.
#
#   a 192.168.1.4:61525 -NAT- 85.9.8.7:61525 = internet = 31.1.2.3:10421 -NAT- 192.168.2.100:61523 b

name=a digest=5ab26709 first=a family=4 cipher=aes128gcm12 mode=tunnel encap=espinudp mtu=1442 path_mtu=1500 window=128
store=a.0123456789abcdef0123456789abcdef check=fedcba98765432100123456789abcdef
local=192.168.1.4 port=61525 mapped=85.9.8.7:61525 # this host's endpoint, and how the internet sees it
peers='b@1132782033' # NAME@REQID
own_nets='192.168.1.4/32' other_nets='192.168.2.100/32@1'
own_address=192.168.1.4/32 own_device=lo own_label=lo:x5ab26709
fingerprint='12345 67890 12345 67890 12345 67890' route_proto=217 later='a fact of a later version'

# Which packets are encrypted, and how.
policies() { echo "
xfrm policy add src 192.168.1.4/32 dst 192.168.2.100/32 dir out index 1346875505 priority 2000 \
  tmpl src $here dst $there_1 proto esp spi $spi_1 reqid 1132782033 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir in index 1346875504 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1132782033 mode tunnel
xfrm policy add src 192.168.2.100/32 dst 192.168.1.4/32 dir fwd index 1346875506 priority 2000 \
  tmpl src $there_1 dst $here proto esp reqid 1132782033 mode tunnel # what is behind this host
"; }
undo() { echo "
xfrm policy deleteall dir out index 1346875505
xfrm policy deleteall dir in index 1346875504
xfrm policy deleteall dir fwd index 1346875506
xfrm state deleteall reqid 1132782033
"; }
helper() { echo "
-u 65534 -b $here $port $there_1:$port_1
"; }
tests() { echo "
ping -c 3 -I $here 192.168.2.100
"; }

say() { echo "$name: $*" >&2; }
main() {
	say "$@"
}

made=1 # ---- now: written by xfrmpair and xfrmkeep
check=fedcba98765432100123456789abcdef here=192.168.1.4
there_1=31.1.2.3 port_1=10421 spi_1=0x0d02cb05 oseq_1=0 # b: endpoint, SPI, sequence number
token=5ab26709384e1d1047b0701ed632d94dbff3fbd80ec57b13774bbf9daffe6f70
states() { echo "
xfrm state add src $there_1 dst $here proto esp spi 0x8880d114 reqid 1132782033 mode tunnel replay-window 128 replay-seq 0 \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) 0x41e579f7070a660df5bbf8930e43c628cb4fb367 96 # from b, epoch 1
xfrm state add src $there_1 dst $here proto esp spi 0x1fbdc45f reqid 1132782033 mode tunnel replay-window 128 replay-seq 0 \
  encap espinudp $port_1 $port 0.0.0.0 aead rfc4106(gcm(aes)) 0x12641b4376af4b127a1e79fc1aa33f8d16482f11 96 # from b, epoch 2
xfrm state add src $here dst $there_1 proto esp spi 0x0d02cb05 reqid 1132782033 mode tunnel replay-window 128 replay-oseq $oseq_1 \
  encap espinudp $port $port_1 0.0.0.0 aead rfc4106(gcm(aes)) 0x1eb8afe74244db0a6673f04fc1d2f0df02f42fde 96 # to b, epoch 1
"; }
#: b heard 0 next 2 0x4407209766962f8d89f498fcf87d3fa8f2d84afbb1cbd6a79a8396d686353fb8
# ---- end a1cc79450e1e5972
main "$@"
}
