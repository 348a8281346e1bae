# tables: needs clamp or exempt. Tables of nft of our own; nobody else's rule is touched.
table=xfrmpair-$digest-$name
add_table() { # NAME FUNCTION
	if [ -n "$dry" ]; then
		echo "nft -f - <<END"
		"$2"
		echo END
		return
	fi
	command -v nft >/dev/null || stop 1 "$1 needs nft (nftables)"
	if [ -n "$mending" ] && nft list table inet "$table-$1" >/dev/null 2>&1; then return; fi
	changed=yes
	say "nft table inet $table-$1"
	note nft delete table inet "$table-$1"
	error=$("$2" | nft -f - 2>&1) || stop 1 "nft table inet $table-$1: $error"
}
add_clamp() { add_table mss clamp; }
add_exempt() { [ -z "$nat_exempt" ] || add_table nat exempt; }
# NAT rules that certainly take what the tunnel is to carry, before the policies see it.
warn_of_nat() {
	list_rules | awk '
	$1 == "table" { table = $2 " " $3 }
	$1 == "chain" { chain = table " " $2; hook = passed = "" }
	$1 == "type" { hook = $4; next }
	$1 == "-A" { hook = tolower($2); if ($2 != chain) passed = ""; chain = $2 }
	hook == "postrouting" && !passed {
		gsub(/comment ("[^"]*"|[^ ]*)/, "")
		if (/daddr|-d / || (/accept|return|jump|goto|ACCEPT|RETURN/)) passed = "perhaps"
		else if (/masquerade|snat |MASQUERADE|SNAT/) { print "warning: NAT rules of this host (" chain ") will take what the tunnel is to carry; up --nat-exempt exempts it, and down ends that"; exit }
	}' | while read -r line; do say "$line"; done
}
