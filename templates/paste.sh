# side @name@ of the tunnel @names@, digest @digest@: paste it all into a root terminal on the host @local@.
# CONTAINS KEYS.
#% each peers
#   @picture@
#       == internet == @picture_other@
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
#% each peers
#% each selectors
xfrm policy add src @self_net@ dst @other_net@ dir out priority @tunnel_priority@ \
  tmpl src @local@ dst @other@ proto esp reqid @reqid@ mode tunnel
xfrm policy add src @other_net@ dst @self_net@ dir in priority @tunnel_priority@ \
  tmpl src @other@ dst @local@ proto esp reqid @reqid@ mode tunnel
xfrm policy add src @other_net@ dst @self_net@ dir fwd priority @tunnel_priority@ \
  tmpl src @other@ dst @local@ proto esp reqid @reqid@ mode tunnel
#% end
#% end
" | ip -batch - &&
# how, with keys
echo "\
#% each peers
xfrm state add src @local@ dst @other@ proto esp spi @spi_out@ reqid @reqid@ mode tunnel @state_flags@ \
#% if encap
  encap espinudp @local_port@ @other_port@ 0.0.0.0 \
#% end
  @words_out@
xfrm state add src @other@ dst @local@ proto esp spi @spi_in@ reqid @reqid@ mode tunnel @state_flags@ \
#% if encap
  encap espinudp @other_port@ @local_port@ 0.0.0.0 \
#% end
  @words_in@
#% end
" | ip -batch - &&
#% if encap
# the socket that makes the kernel unwrap; it says when it is ready
(trap '' HUP; espdecap -u 65534 -b @local@ @local_port@ \
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
#   pkill -f "^espdecap -u 65534 -b @local@ @local_port@ "
#% end
#% each peers
#   ip xfrm state deleteall reqid @reqid@
#% each selectors
#   ip xfrm policy delete src @self_net@ dst @other_net@ dir out
#   ip xfrm policy delete src @other_net@ dst @self_net@ dir in
#   ip xfrm policy delete src @other_net@ dst @self_net@ dir fwd
#% end
#% end
#% each bypasses
#   ip xfrm policy delete src @local@/@host_bits@ dst @other@/@host_bits@ proto 17 sport @local_port@ dport @other_port@ dir out
#   ip xfrm policy delete src @other@/@host_bits@ dst @local@/@host_bits@ proto 17 sport @other_port@ dport @local_port@ dir in
#% end
