# rules: needs port and site where they are. What this host's firewall will do to the tunnel, said if it is certain.
# the legacy iptables only where it is in use: asked for nothing it would load its modules
list_rules() {
	nft list ruleset 2>/dev/null
	if [ -s /proc/net/ip_tables_names ] || ! command -v nft >/dev/null; then iptables-save 2>/dev/null; fi
}
warn_of_rules() {
	list_rules | awk -v port="${port:-0}" -v forwards="$site" '
	function fate(i, verdict) { if (verdict != "" && !((chain, i) in end)) end[chain, i] = verdict }
	function rule(text) { # what becomes of 1, a new connection that IPsec decrypted, and of 2, our UDP, which is an answer to our own
		gsub(/ *(--)?comment ("[^"]*"|[^ ]*)| -m comment|log( prefix "[^"]*")? ?|counter packets [0-9]* bytes [0-9]* ?/, "", text)
		sub(/reject.*|-j REJECT.*|-j DROP/, "drop", text); sub(/-j ACCEPT/, "accept", text)
		if (text !~ /accept|drop|jump|goto|queue|vmap|-j/) return
		sub(/(meta )?(secpath|ipsec) exists|-m policy --dir in --pol ipsec/, "secpath", text)
		if (text !~ /new|NEW|untracked/) sub(/.*(ct state|--ctstate|--state) [^ ]*[eE][sS][tT][aA][bB][^ ]*/, "answer", text)
		sub("^udp dport " port " |^-p udp (-m udp )?--dport " port " ", "tunnel ", text)
		sub(/.*(ct state|--ctstate) (invalid|INVALID)|.*iif(name)? "lo"|-i lo|.*(tcp|udp|icmp|icmpv6|igmp) .*(dport|sport|type) [^ ]*|^-p (tcp|icmp|igmp|ipv6-icmp) .*-/, "other", text)
		fate(1, text ~ /^(secpath )?(accept|drop)$/ ? text : text ~ /^(answer|other|tunnel)/ ? "" : "unknown")
		fate(2, text ~ /^(answer accept|(tunnel )?(accept|drop))$/ ? text : text ~ /^(secpath|other)/ ? "" : "unknown")
	}
	function begin(name, hook, drops) { chain = name; hooks[chain] = tolower(hook); policy[chain] = drops ? "drop" : "accept" }
	function tell(i, what, nft, iptables) {
		if (((chain, i) in end ? end[chain, i] : policy[chain]) ~ /drop/) print "warning: " chain " drops " what "; to let it in: " \
			(chain ~ /^-/ ? "iptables -I" substr(chain, 3) iptables " -j ACCEPT" : "nft insert rule " chain nft " accept")
	}
	{ gsub(/^[ \t]+|[ \t]+$/, "") }
	$1 == "table" { table = $2 " " $3 } $1 == "chain" { chain = table " " $2; next } $1 == "type" { begin(chain, $4, $0 ~ /policy drop/); next }
	$1 ~ /^:(INPUT|FORWARD)$/ { begin("-A " substr($1, 2), substr($1, 2), $2 == "DROP"); next }
	$1 == "-A" { chain = $1 " " $2; sub(/^-A [^ ]* /, "") } chain in hooks { rule($0) }
	END { for (chain in hooks) {
		if (hooks[chain] == "input" || (hooks[chain] == "forward" && forwards)) tell(1, "new connections that come out of the tunnel", " meta secpath exists", " -m policy --dir in --pol ipsec")
		if (hooks[chain] == "input" && port) tell(2, "the tunnel itself", " udp dport " port, " -p udp --dport " port)
	} }' | while read -r line; do say "$line"; done
}
