# side @name@ of the tunnel @names@, digest @digest@: paste it all into a root terminal on the host @address@.
# CONTAINS KEYS, and so will the scrollback of that terminal: clear it afterwards.
[ "${BASH_VERSION-}" ] || [ -z "${ZSH_VERSION-}${KSH_VERSION-}$(grep 'digest @digest@' "${HISTFILE-}" 2>/dev/null)" ] || {
HISTORY_IGNORE="(${HISTORY_IGNORE-}|*digest @digest@*)"
[ -z "${ZSH_VERSION-}" ] || sed -i -e :a -e '/\\$/{N;ba' -e '}' -e '/digest @digest@/d' "$(readlink -f "${HISTFILE-}")" 2>/dev/null
while read -r -t 2 xfrmpair; do :; done
: "${xfrmpair:?side @name@ is not set up: this shell keeps a history, which would have the keys. Start one that does not: HISTFILE= sh}"
}
# So other shells than bash that keep a history have not read on; zsh, which may have, has dropped the block from its own.
# bash forgets what begins with a blank: all from ( to ), one command, of which nothing runs if the paste is cut off.
#% include picture
#% if fingerprint
# words have the fingerprint @fingerprint@: if the other's differs, start nothing: one was altered
#% end
#% let here @address@
#% let port @local_port@
#% let peer_port @other_port@
#% let count
#% let pin
#% let there @other@
#% let spi @spi_literal@
#% let key @key_literal@
#% let auth @auth_literal@
HISTCONTROL=ignorespace:${HISTCONTROL-}
 (
trap '' HUP INT
added='' pid=''
ip=$(IFS=:; for folder in $PATH /usr/sbin /sbin; do case $("$folder/ip" xfrm help 2>&1) in *"ip xfrm"*) echo "$folder/ip"; break ;; esac; done)
not_set_up() { echo "side @name@ is not set up: $1" >&2; return 1; }
# what an error of ip means, as far as that is known
meaning() {
  case $1 in
  *AEAD* | *AUTH* | *CRYPT* | *algorithm* | *cryptographic* | *"type not found"* | *"rotocol not supported"* | *"not implemented"*)
    blocked=$(grep -s "^[[:blank:]]*install[[:blank:]]*esp@family_digit@[[:blank:]]" /etc/modprobe.d/*.conf /dev/null)
    if [ "$blocked" ]; then echo "ESP is switched off on purpose: $blocked: without that line it works ($1)"
    else echo "this kernel has no ESP, or not the cipher @cipher@: try modprobe esp@family_digit@, or another --cipher ($1)"; fi ;;
  *exists*) echo "there is one like it already: see ip xfrm state, ip xfrm policy, ip route ($1)" ;;
  *) echo "$1" ;;
  esac
}
# gives each row to ip on its standard input, for the keys; prints those that it took
add_rows() {
  while read -r line; do
    case $line in '' | '##'*) continue ;; esac
    said=$(echo "$line" | "$ip" -batch - 2>&1) || not_set_up "ip ${line%% reqid *}: $(meaning "${said%?Command failed*}")" || return
    echo "$line"
  done
}
#% if site
#% if not interface
way_to() { "$ip" -o route get "$1" | sed 's/^[^ ]* *\(from [^ ]* \)*\(via [^ ]* \)*\(dev [^ ]*\).*/\2\3/'; }
#% end
#% end
set_up() {
  added=$(echo "\
#% each outers
#% include policy
#% end
#% each blocks
#% include policy
#% end
#% if guard
# what it carried is blocked still; these lines end that:
#% end
#% each policies
#% include policy
#% end
#% each states
#% include state
#% end
#% if interface
link add @interface@ type xfrm@if_id@
link set @interface@ mtu @mtu@ up
#% end
#% if site
#% if own_address
$([ "$("$ip" -o address show to @own_address@)" ] || echo "address add @own_address@/@own_bits@ dev @own_device@")
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
route add @other_net@ dev @interface@@source@ mtu @mtu@
#% end
#% if not interface
#% if same_family
route add @other_net@ $(way_to @other@)@source@@route_mtu@
#% end
#% if not same_family
route add @other_net@ $(way_to @other@ | sed 's/.*dev/dev/')@source@ mtu @mtu@
#% end
#% end
#% end
#% end
#% end
" | add_rows) || return
#% if encap
  # the socket that makes the kernel decapsulate; in the background once it is ready
  pid=$(espdecap -d @helper_flags@-u 65534 -b @address@ @local_port@ \
#% each peers
    @there_bracketed@:@other_port@ \
#% end
    ) || not_set_up "espdecap did not start" || return
#% end
#% if clamp
  said=$(echo "table inet xfrmpair-@digest@-@name@-mss {
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
}" | nft -f - 2>&1) || not_set_up "nft: $said"
#% end
}
# what takes the rows back, the last first
take_down() {
  echo "$added" | sed -e '/^link set/d' -e 's/ add / delete /' -e 's/ priority [0-9]*//' \
    -e 's/ *tmpl .*//' -e 's/ action .*//' -e 's/ reqid .*//' -e 's/ type .*//' -e 's/ mtu .*//' | tac
}
echo
if [ "$(id -u)" != 0 ]; then not_set_up "it needs root"
elif [ -z "$ip" ]; then not_set_up "no ip that knows xfrm; install iproute2"
elif [ -z "$("$ip" -o address show to @address@ 2>/dev/null)" ]; then
  set -- @address@
  case $1 in 10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | 169.254.* | [Ff][CcDdEe]*) set -- ;; esac
  not_set_up "@address@ is not an address of this host; is this the block of another side?${1:+ If it is how the internet sees this host: the word is LOCAL@MAPPED.}"
#% if encap
elif [ ! -x "$(command -v espdecap)" ]; then not_set_up "no espdecap on PATH, or it cannot be run: chmod +x it"
#% end
#% if clamp
elif ! command -v nft >/dev/null; then not_set_up "no nft; install nftables"
#% end
elif set_up; then
  echo "side @name@ is set up; when the other side is too, test it with:
#% each tests
#% include test
#% end
To take it down again, paste:
#% if clamp
  nft delete table inet xfrmpair-@digest@-@name@-mss
#% end
#% if encap
  kill $pid
#% end
$(take_down | sed -e "s,^[a-z],$ip &," -e 's/^/  /')"
else
  [ -z "$pid" ] || kill "$pid"
  [ -z "$added" ] || { take_down | "$ip" -force -batch - && echo "side @name@: what had been added is taken back" >&2; }
fi
)
HISTCONTROL=${HISTCONTROL#ignorespace:}
