add_clamp() { # in an nft table of this script's own
	if [ -n "$dry" ]; then
		echo "nft -f - <<END$(clamp)"
		echo END
		return
	fi
	clamp | nft -f - || fail 1 "nft refuses the table $table-clamp (is nftables installed?)"
	: >"$run/clamp"
}
