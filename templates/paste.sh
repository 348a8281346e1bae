# side @name@ of the tunnel @names@, digest @digest@: paste it all into a root terminal on the host @local@.
# CONTAINS KEYS.
#% each peers
#   @picture@
#       == @picture_between@ == @picture_other@
#% end
# The lines between { and } run together or, if the paste is cut off, not at all; the shell's history is off for them.
case ${SHELLOPTS-} in *history*) set +o history; xfrmpair_history=on ;; esac
{
# what is to be encrypted
echo "\
#% each bypasses
xfrm policy add src @local@/@host_bits@ dst @other@/@host_bits@ proto 17 sport @local_port@ dport @other_port@ \
  dir out priority @bypass_priority@
xfrm policy add src @other@/@host_bits@ dst @local@/@host_bits@ proto 17 sport @other_port@ dport @local_port@ \
  dir in priority @bypass_priority@
#% end
#% each plains
xfrm policy add src @self_net@ dst @other_net@ dir out priority @bypass_priority@
xfrm policy add src @other_net@ dst @self_net@ dir in priority @bypass_priority@
xfrm policy add src @other_net@ dst @self_net@ dir fwd priority @bypass_priority@
#% end
#% each peers
#% each selectors
xfrm policy add src @self_literal@ dst @other_net@ dir out priority @priority@@if_id@ \
  tmpl src @local@ dst @other@ proto esp reqid @reqid@ mode @mode@
xfrm policy add src @other_net@ dst @self_literal@ dir in priority @priority@@if_id@ \
  tmpl src @other@ dst @local@ proto esp reqid @reqid@ mode @mode@
#% if tunnel_mode
xfrm policy add src @other_net@ dst @self_literal@ dir fwd priority @priority@@if_id@ \
  tmpl src @other@ dst @local@ proto esp reqid @reqid@ mode @mode@
#% end
#% end
#% end
" | ip -batch - &&
# how, with keys
echo "\
#% each peers
xfrm state add src @local@ dst @other@ proto esp spi @spi_out@ reqid @reqid@ mode @mode@ @state_flags@@if_id@@limits@ \
#% if encap
  encap @encap_type@ @local_port@ @other_port@ 0.0.0.0 \
#% end
  @words_out@
xfrm state add src @other@ dst @local@ proto esp spi @spi_in@ reqid @reqid@ mode @mode@ @state_flags@@if_id@ \
#% if encap
  encap @encap_type@ @other_port@ @local_port@ 0.0.0.0 \
#% end
  @words_in@
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
#% if interface
ip route add @other_net@ dev @interface@@src@ mtu @mtu@ &&
#% end
#% if not interface
ip route add @other_net@ $(ip route get @other@ | grep -o@way@)@src@ mtu @mtu@ &&
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
# the socket that makes the kernel unwrap; it says when it is ready
(trap '' HUP; espdecap @helper_flags@-u 65534 -b @local@ @local_port@ \
#% each peers
  @other_bracketed@:@other_port@ \
#% end
  </dev/null &) &&
#% end
echo "side @name@ is set up; when the other side is too, test it with:
#% each tests
  @test_command@
#% end
"
}
if [ "${xfrmpair_history-}" ]; then set -o history; unset xfrmpair_history; fi
# To take it down again:
#% if encap
#   pkill -f "^espdecap @helper_flags@-u 65534 -b @local@ @local_port@ "
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
#% if guard
# and to block what it carried, in place of the next lines: the same with `update` for `delete`, and `action block` at the end
#% end
#% each peers
#% each selectors
#   ip xfrm policy delete src @self_literal@ dst @other_net@ dir out@if_id@
#   ip xfrm policy delete src @other_net@ dst @self_literal@ dir in@if_id@
#% if tunnel_mode
#   ip xfrm policy delete src @other_net@ dst @self_literal@ dir fwd@if_id@
#% end
#% end
#% end
#% each plains
#   ip xfrm policy delete src @self_net@ dst @other_net@ dir out
#   ip xfrm policy delete src @other_net@ dst @self_net@ dir in
#   ip xfrm policy delete src @other_net@ dst @self_net@ dir fwd
#% end
#% each bypasses
#   ip xfrm policy delete src @local@/@host_bits@ dst @other@/@host_bits@ proto 17 sport @local_port@ dport @other_port@ dir out
#   ip xfrm policy delete src @other@/@host_bits@ dst @local@/@host_bits@ proto 17 sport @other_port@ dport @local_port@ dir in
#% end
