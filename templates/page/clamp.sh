add_clamp() { # in a separate nft table
	if [ -n "$dry" ]; then
		echo "nft -f - <<END$(clamp)"
		echo END
		return
	fi
	clamp | nft -f - || fail 1 "nft failed: table $table-clamp (is nftables installed?)"
	: >"$run/clamp"
}
