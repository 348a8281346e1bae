remove_tables() {
	local kind
	for kind in clamp exempt; do
		[ ! -e "$run/$kind" ] || ${dry:+echo} nft delete table inet "$table-$kind"
	done
}
