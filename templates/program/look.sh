# look: needs peers, policies, state and the rows at the end of this file. Gives states, and scan: what the kernel has of us.
states() { # an `ip xfrm state add` for each row; or, where found is what a scan said, for each that it misses
	sed -n 's/^#key //p' "$file" | while read -r from to _ spi key auth; do
		case $from in "$name") way=out.$to ;; *) way=in.$from ;; esac
		case ${found-all}, in all, | *"missing SA $way,"*) state "$way" "$spi" "$key" "$auth" ;; esac
	done
}
# A line each: "sa WAY.PEER SPI PACKETS BYTES SEQUENCE", "missing …", "foreign …" what another tool has, "ours COMMAND" that deletes what has a
# reqid of ours, "failed …". SPI 0 is no SA: with it the kernel asks who listens (ip xfrm monitor) for one, and it cannot be deleted.
scan() {
	{ (unset found; states; [ -z "${guard-}" ] || guards; policies; echo --); ip -s xfrm state list nokeys && echo -- && ip xfrm policy list && echo --; } 2>&1 | awk -v here="$here" -v peers="$peers" '
	function after(word,  i) { for (i = 1; i < NF; i++) if ($i == word) { sub(/[(,].*/, "", $(i + 1)); return $(i + 1) } }
	function tell(id) { # of the policy that was read
		if (way != "" && reqid in peer) print "ours ip xfrm policy delete " id
		if (id in wanted && wanted[id] != reqid action) print "foreign policy " id
		delete wanted[id]
	}
	BEGIN { for (i = split(peers, word, " "); i; i--) { split(word[i], part, "@"); peer[part[2]] = part[1] } }
	NF && !/^Dump terminated/ { last = $0 } $1 == "--" { tell(selector way if_id); section++; way = ""; next }
	!section && $2 == "state" { order[++n] = $7 " " $11; sa[order[n]] = ($7 == here ? "in." : "out.") peer[$13]; keys = 1 }
	!section && $2 == "policy" {
		if_id = after("if_id"); reqid = after("reqid") after("action"); sub(/^xfrm policy add /, ""); sub(/ priority .*/, if_id == "" ? "" : " if_id " if_id)
		order[++n] = $0; wanted[$0] = reqid
	}
	section == 1 { if ($1 == "src") { ends = "src " $2 " dst " $4; dst = $4; sequence = "-" } else if (/ oseq /) sequence = after("oseq") }
	section == 1 && $1 == "proto" { spi = after("spi"); reqid = after("reqid"); id = dst " " spi }
	section == 1 && /lifetime current/ && spi != "0x00000000" {
		getline; sub(/\(.*/, "", $1); sub(/\(.*/, "", $2)
		if (reqid in peer) print "ours ip xfrm state delete " ends " proto esp spi " spi
		if (id in sa) print reqid in peer ? "sa " sa[id] " " spi " " $2 " " $1 " " sequence : "foreign SA to " dst " with SPI " spi; delete sa[id]
	}
	section == 2 && $1 == "src" { tell(selector way if_id); way = reqid = if_id = action = ""; sub(/ *$/, " dir "); sub(/proto udp/, "proto 17"); selector = $0 }
	section == 2 { if ($1 == "dir") { way = $2; action = after("action") } else if ($1 == "if_id") if_id = " if_id " $2; else if (/ reqid /) reqid = after("reqid") }
	END {
		if (!keys) print "keyless"; if (section != 3) { print "failed " last; exit }
		for (i = 1; i <= n; i++) if (order[i] in sa) print "missing SA " sa[order[i]] ","; else if (order[i] in wanted) print "missing policy " order[i]
	}'
}
