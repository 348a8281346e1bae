# look: needs peers, policies, state, rows. Gives states, and scan: what the kernel has of us.
states() { # an `ip xfrm state add` for each row; or, where found is what a scan said, for each that it misses
	echo "$rows" | while read -r sa _ spi sequence high key auth; do
		case $sa in in.*) count=replay-seq ;; *) count=replay-oseq ;; esac
		case $sequence.$high in 0.0) count='' ;; *.0) count=" $count $sequence" ;; *) count=" $count $sequence $count-hi $high" ;; esac
		case ${found-all}, in all, | *"missing SA $sa $spi,"*) state "$sa" "$spi" "$key" "$auth" ;; esac
	done
}
no_larval() {
	case $found in *larval*) ;; *) return ;; esac
	echo "$found" | sed -n 's/^larval //p' | ip -batch - >/dev/null 2>&1 || :
}
# A line each:
#     sa WAY.PEER SPI PACKETS BYTES SEQUENCE HIGH REPLAYED FAILED
#     missing SA WAY.PEER SPI, | missing policy SELECTOR
#     foreign WHAT       that is another tool's, with the identity of ours
#     ours COMMAND       that deletes what has a reqid of ours
#     past COMMAND       that deletes what has one, and rows has no more
#     larval COMMAND     that deletes what encrypts nothing: the kernel makes that when it misses an SA, and asks who listens
#                        (ip xfrm monitor); where the policy names the SPI it stands in the way. With SPI 0 it cannot be deleted.
#     keyless | failed WORDS
scan() {
	{
		(
			unset found
			states
			[ -z "$guard" ] || guards
			policies
			echo --
		)
		ip -s xfrm state list nokeys && echo -- && ip xfrm policy list && echo --
	} 2>&1 | awk -v here="$here" -v peers="$peers" '
	function after(word,  i) {
		for (i = 1; i < NF; i++) if ($i == word) { sub(/[(,].*/, "", $(i + 1)); return $(i + 1) }
	}
	function number(hex,  i, value) {
		for (i = 3; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return sprintf("%.0f", value)
	}
	function end_policy(  id) { # of the one that was read
		id = selector way if_id
		if (way != "" && reqid in peer) print "ours ip xfrm policy delete " id
		if (id in wanted && wanted[id] != reqid action spi) {
			if (!(reqid in peer)) print "foreign policy " id; else return
		}
		delete wanted[id]
	}
	BEGIN {
		# some libc has these built in
		n_words = split("icmp 1 tcp 6 udp 17 gre 47 esp 50 ah 51 ipv6-icmp 58 ospf 89", word, " ")
		for (i = 1; i < n_words; i += 2) protocol[word[i]] = word[i + 1]
		while ((getline <"/etc/protocols") > 0) if ($2 ~ /^[0-9]+$/) protocol[$1] = $2
		for (i = split(peers, word, " "); i; i--) { split(word[i], part, "@"); peer[part[2]] = part[1] }
	}
	NF && !/^Dump terminated/ { last = $0 }
	$1 == "--" { end_policy(); section++; way = ""; next }

	# first what there should be, in the words of ip -batch
	!section && $2 == "state" {
		order[++n] = $7 " " $11
		sa[order[n]] = ($7 == here ? "in." : "out.") peer[$13] " " $11
		keys = 1
	}
	!section && $2 == "policy" {
		if_id = after("if_id"); reqid = after("reqid") after("action") after("spi")
		sub(/^xfrm policy add /, ""); sub(/ priority .*/, if_id == "" ? "" : " if_id " if_id)
		order[++n] = $0; wanted[$0] = reqid
	}

	# then the SAs that there are
	section == 1 && $1 == "stats:" { getline; if (line != "") print line " " $4 " " $6 }
	section == 1 && $1 == "src" {
		ends = "src " $2 " dst " $4; dst = $4
		counter = dst == here ? "seq" : "oseq"; low = high = 0
		line = ""; larval = 1
	}
	section == 1 && / oseq / { low = number(after(counter)); high = number(after(counter "-hi")) }
	section == 1 && $1 == "proto" { spi = after("spi"); reqid = after("reqid"); id = dst " " spi }
	section == 1 && /^\t(aead|enc|auth)/ { larval = 0 }
	section == 1 && /lifetime current/ && spi != "0x00000000" {
		getline; sub(/\(.*/, "", $1); sub(/\(.*/, "", $2)
		if (reqid in peer) print "ours ip xfrm state delete " ends " proto esp spi " spi
		line = ""
		if (larval) { if (reqid in peer) print "larval xfrm state delete " ends " proto esp spi " spi; next }
		if (id in sa && reqid in peer) line = "sa " sa[id] " " $2 " " $1 " " low " " high
		else if (id in sa) print "foreign SA to " dst " with SPI " spi
		else if (reqid in peer) print "past xfrm state delete " ends " proto esp spi " spi
		delete sa[id]
	}

	# and the policies
	section == 2 && $1 == "src" {
		end_policy()
		way = reqid = if_id = action = spi = ""
		if ($5 == "proto" && $6 in protocol) $6 = protocol[$6]
		sub(/ *$/, " dir "); selector = $0
	}
	section == 2 && $1 == "dir" { way = $2; action = after("action") }
	section == 2 && $1 == "if_id" { if_id = " if_id " $2 }
	section == 2 && $1 != "src" && $1 != "dir" && / reqid / {
		reqid = after("reqid"); spi = after("spi")
		if (spi ~ /^0x0*$/) spi = ""
	}
	END {
		if (!keys) print "keyless"
		if (section != 3) { print "failed " last; exit }
		for (i = 1; i <= n; i++)
			if (order[i] in sa) print "missing SA " sa[order[i]] ","
			else if (order[i] in wanted) print "missing policy " order[i]
	}'
}
