#!/bin/sh
#% if auto
{ # IPsec tunnel @names@ without IKE, made by xfrmpair @version@. This is side @name@: run it on the host behind @outer_address@.
#% end
#% if not auto
{ # IPsec tunnel @names@ without IKE, made by xfrmpair @version@. This is side @name@: run it on the host @address@.
#% end
#% if fingerprint
# CONTAINS KEYS: keep it readable by its owner only; it is for this host alone.
#% end
#% if not fingerprint
# CONTAINS KEYS: keep it readable by its owner only, and copy it over a secure channel.
#% end
#
#% include picture
#
#% if integrity
#   cipher    @cipher@ (@encryption@ @integrity@, @icv_bits@-bit ICV), @mode@ mode, replay window @replay_window@
#% end
#% if not integrity
#   cipher    @cipher@ (@encryption@, @icv_bits@-bit ICV), @mode@ mode, replay window @replay_window@
#% end
#   digest    @digest@, the same in the scripts of all sides of one run, or they do not fit together
#% if fingerprint
#   words     have the fingerprint @fingerprint@: if the other's differs, start nothing: one was altered
#% end
#   MTU       @mtu@ bytes fit inside, of @path_mtu@ outside
#% each peers
#% each selectors
#   protects  @self_word@ <-> @other_word@ (@other_name@)
#% end
#% end
#
#   sh @name@.sh up        sets it up and says what it does; start side @first@ first
#   sh @name@.sh status    up or down, packets and bytes; status 0 only when up and heard
#   sh @name@.sh check     sends a few packets, and says in one line what is wrong
#   sh @name@.sh rekey     changes the keys while it is up, when both sides do it, in any order; from cron if you like
#   sh @name@.sh follow    stays, and keeps it up: follows the other side to new addresses, and changes the keys
#% if guard
#   sh @name@.sh down      takes it down and blocks what it carried; down --all removes the blocks too
#% end
#% if not guard
#   sh @name@.sh down      removes what up added, nothing else
#% end
#   sh @name@.sh -n up     prints the commands, without the keys, and changes nothing
#
#% if punches
# Needs root, ip (iproute2) and espdecap, beside this file or on PATH; natprobe too if there.
#% end
#% if not punches
#% if encap
# Needs root, ip (iproute2) and espdecap, beside this file or on PATH.
#% end
#% if not encap
# Needs root and ip (iproute2).
#% end
#% end
#% let here $here
#% let port $port
#% let peer_port $port_@index@
#% let count $count
#% let pin $pin_@index@
#% let there $there_@index@
#% let spi $2
#% let key $3
#% let auth $4
#% if esn
#% let esn_word  esn=yes
#% end
#% if not esn
#% let esn_word
#% end
#% if self_outer
#% let own_mapped @@self_outer@
#% end
#% if not self_outer
#% let own_mapped
#% end
#% if encap
#% let own_port  port=@local_port@
#% end
#% if not encap
#% let own_port
#% end

# What not every tunnel has; what this one has of it follows.
port='' esn='' first='' own_word='' own_nets='' other_nets='' site='' own_address='' interface='' guard='' limited='' fingerprint='' wireshark=''
name=@name@ digest=@digest@ here=@address@@own_port@ title='@names@' cipher=@cipher@ esp=esp@family_digit@ mtu=@mtu@@esn_word@
#% each peers
#% if encap
there_@index@=@other@ port_@index@=@other_port@ pin_@index@=''  # where @other_name@ is heard, and the SPI to send with
#% end
#% if not encap
there_@index@=@other@ pin_@index@=''  # where @other_name@ is heard, and the SPI to send with
#% end
#% end
# What `ip -batch` reads: which packets are to be encrypted, and how; SPI and key come from the rows at the end.
#% if guard
guards() { echo "
#% each outers
#% include policy
#% end
#% each blocks
#% include policy
#% end
"; }
#% end
policies() { echo "
#% if not guard
#% each outers
#% include policy
#% end
#% end
#% each policies
#% include policy
#% end
"; }
key_digits=@key_digits@ auth_digits=@auth_digits@  # of what follows from a pair's secret, in hexadecimal
#% if wireshark
wireshark='@wireshark@' wireshark_auth='@wireshark_auth@'  # its words for the cipher
#% end
state() { case $1 in # WAY.PEER SPI KEY [KEY]
#% each states
@way@.@other_name@) echo "\
#% include state
" ;;
#% end
esac; }
#% if encap
# The helper holds the UDP socket, so that the kernel decapsulates, and keeps the NAT's mapping alive. 65534 is nobody.
helper() { echo "@helper_flags@-u 65534 -b $here $port\
#% each peers
 @there_bracketed@:$port_@index@\
#% end
"; }
#% end
#% if clamp
# What nft reads: TCP is told to send no more than fits inside.
clamp() { echo "table inet $table-mss {
	chain both {
#% each peers
#% each selectors
#% if tcp
		@ip@ saddr @self_net@ @ip@ daddr @other_net@@tcp_out@ tcp flags syn tcp option maxseg size set @mss@
		@ip@ saddr @other_net@ @ip@ daddr @self_net@@tcp_back@ tcp flags syn tcp option maxseg size set @mss@
#% end
#% end
#% end
	}
	chain forward { type filter hook forward priority mangle; jump both; }
	chain output { type filter hook output priority mangle; jump both; }
}"; }
#% end
#% if site
# What nft reads with up --nat-exempt: a connection bound to its own address is one that no later rule translates.
exempt() { echo "table inet $table-nat {
	chain postrouting {
		type nat hook postrouting priority 99
#% each peers
#% each selectors
		@ip@ saddr @self_net@ @ip@ daddr @other_net@ rt ipsec exists snat @ip@ to @ip@ saddr
#% end
#% end
	}
}"; }
#% end
#% if punches
peers='@peer_words@' first=@first@ own_word=@self_local@@own_mapped@  # NAME@REQID; the side to be started first; how this one looks
#% end
#% if not punches
#% if encap
peers='@peer_words@' own_word=@self_local@@own_mapped@  # NAME@REQID; how this side looks
#% end
#% if not encap
peers='@peer_words@'  # NAME@REQID
#% end
#% end
#% if tunnel_mode
own_nets='@own_nets@' other_nets='@other_nets@'  # NET@PEER, by number
#% end
#% if site
site=yes
#% end
#% if own_address
own_address=@own_address@/@own_bits@ own_device=@own_device@
#% end
#% if interface
interface=@interface@ if_id=@if_id_value@
#% end
#% if guard
guard=yes
#% end
#% if limits
limited=limited
#% end
#% if fingerprint
fingerprint='@fingerprint@'
#% end
tests='
#% each tests
#% include test
#% end
'
parts='@adds@'  # what up adds beside policies and states, in this order
# ---- program @program_line@
