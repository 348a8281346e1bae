# side @name@ of the tunnel @names@, digest @digest@: paste it all into a root terminal on the host @address@.
# CONTAINS KEYS.
#% include picture
# The lines between { and } run together or, if the paste is cut off, not at all; the shell's history is off for them.
#% let here @address@
#% let port @local_port@
#% let peer_port @other_port@
#% let count
#% let spi @spi_literal@
#% let key @key_literal@
#% let auth @auth_literal@
case ${SHELLOPTS-} in *history*) set +o history; xfrmpair_history=on ;; esac
{
# what is to be encrypted
echo "\
#% each outers
#% include policy
#% end
#% each blocks
#% include policy
#% end
#% each policies
#% include policy
#% end
" | ip -batch - &&
# how, with keys
echo "\
#% each states
#% include state
#% end
" | ip -batch - &&
#% if interface
ip link add @interface@ type xfrm@if_id@ && ip link set @interface@ mtu @mtu@ up &&
#% end
#% if site
#% if own_address
{ [ "$(ip -o address show to @own_address@)" ] || ip address add @own_address@/@own_bits@ dev @own_device@; } &&
#% end
#% each peers
#% each remotes
#% if src
#% let source  src @src@
#% end
#% if not src
#% let source
#% end
#% if interface
ip route add @other_net@ dev @interface@@source@ mtu @mtu@ &&
#% end
#% if not interface
#% if same_family
ip route add @other_net@ $(ip route get @other@ | grep -o -e 'via [^ ]*' -e 'dev [^ ]*')@source@ mtu @mtu@ &&
#% end
#% if not same_family
ip route add @other_net@ $(ip route get @other@ | grep -o -e 'dev [^ ]*')@source@ mtu @mtu@ &&
#% end
#% end
#% end
#% end
#% end
#% if clamp
echo "table inet xfrmpair-@digest@-@name@-mss {
  chain both {
#% each peers
#% each selectors
    @ip@ saddr @self_net@ @ip@ daddr @other_net@ tcp flags syn tcp option maxseg size set @mss@
    @ip@ saddr @other_net@ @ip@ daddr @self_net@ tcp flags syn tcp option maxseg size set @mss@
#% end
#% end
  }
  chain forward { type filter hook forward priority mangle; jump both; }
  chain output { type filter hook output priority mangle; jump both; }
}" | nft -f - &&
#% end
#% if encap
# the socket that makes the kernel decapsulate; it says when it is ready
espdecap -d @helper_flags@-u 65534 -b @address@ @local_port@ \
#% each peers
  @other_bracketed@:@other_port@ \
#% end
  >/dev/null &&
#% end
echo "side @name@ is set up; when the other side is too, test it with:
#% each tests
  ping -c 3 -I @test_from@ @test_to@
#% end
"
}
if [ "${xfrmpair_history-}" ]; then set -o history; unset xfrmpair_history; fi
# To take it down again:
#% if encap
#   pkill -f "^espdecap -d @helper_flags@-u 65534 -b @address@ @local_port@ "
#% end
#% if clamp
#   nft delete table inet xfrmpair-@digest@-@name@-mss
#% end
#% if interface
#   ip link delete @interface@
#% end
#% if site
#% if not interface
#% each peers
#% each remotes
#   ip route delete @other_net@
#% end
#% end
#% end
#% end
#% each peers
#   ip xfrm state deleteall reqid @reqid@
#% end
#% each policies
#   ip xfrm policy delete src @src@ dst @dst@ dir @dir@@if_id@
#% end
#% if guard
# What it carried is blocked still; these lines end that:
#% end
#% each outers
#   ip xfrm policy delete src @src@ dst @dst@@ports@ dir @dir@
#% end
#% each blocks
#   ip xfrm policy delete src @src@ dst @dst@ dir @dir@
#% end
