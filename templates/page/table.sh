add_table() { # FUNCTION: gives its text to nft, in a table of this script's own
	local error
	if [ -n "$dry" ]; then
		echo "nft -f - <<END"
		"$1"
		echo END
		return
	fi
	say "nft table inet $table-$1"
	error=$("$1" | nft -f - 2>&1) || fail 1 "nft table inet $table-$1: $error (is nftables installed?)"
	: >"$run/$1"
}
remove_tables() {
	local kind
	for kind in clamp exempt; do
		if [ -z "$dry" ]; then nft delete table inet "$table-$kind" 2>/dev/null; elif [ -e "$run/$kind" ]; then echo "nft delete table inet $table-$kind"; fi
	done
}
