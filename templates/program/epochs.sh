# epochs: needs the rows at the end of this file, peers, key_digits, auth_digits. What follows from the rows, and what of it has to survive.
# book has a line for each pair, and is what the store keeps: ONE TWO LOW KIND SECRET at EPOCH heard EPOCH out NUMBER HIGH in NUMBER HIGH token WORD .
# LOW is the epoch of SECRET, the lowest that is needed yet; KIND is secret, or fixed where the keys are. HIGH counts 2^32s, with ESN.
store=${XFRMPAIR_STATE:-/var/lib/xfrmpair}/$digest.$name book='' rows='' end='' awaited='' margin=67108864 # numbers that an end without down may cost: 2^26
case $store in /*) ;; *) store=$PWD/$store ;; esac
{ read -r word <"$folder/store" && store=$word; } 2>/dev/null || : # while it is up its store is where up found it, whoever calls
# not "hash", which mksh has an alias for
sha256() {
	word=$(echo "xfrmpair $*" | sha256sum) && word=${word%% *}
	[ ${#word} = 64 ] || stop 1 "no sha256sum; install coreutils or busybox"
}
no_book() {
	book=''
	case ${verb-} in down | stop) say "$*" ;; *) fail 1 "$*" ;; esac
}
read_book() { # of the store; of a pair that is not there, as the rows have it at first
	kept=$store
	[ -r "$store" ] || kept=/dev/null
	book=$(own=$file awk -v name="$name" '
	FILENAME != ENVIRON["own"] { if (NF != 18 || $18 != ".") { print "torn"; exit } kept[$1 " " $2] = $0; next }
	$1 != "#key" { next } { sub(/^#key /, "") }
	$4 == "secret" { if ($1 " " $2 in kept) print kept[$1 " " $2]; else if ($5 == "erased") { print "lost " $3; exit } else begin($1, $2, $3, "secret", substr($5, 3)) }
	$4 != "secret" && $1 == name { if ($1 " " $2 in kept) print kept[$1 " " $2]; else begin($1, $2, 1, "fixed", "-") }
	function begin(one, two, epoch, kind, secret) { print one, two, epoch, kind, secret, "at", epoch, "heard 0 out 0 0 in 0 0 token - ." }' "$kept" "$file" 2>/dev/null)
	case $book in
	*torn*) no_book "$store is torn: a disk that was full, or failed? New scripts on all sides, or that file from a copy of today" ;;
	*lost*) no_book "$store is lost, and the secret of epoch ${book##*lost } is erased here: make new scripts for all sides" ;;
	*" secret "*" token - ."*) book=$(echo "$book" | while read -r line; do
		case $line in
		*" secret "*" token - .")
			set -- $line
			sha256 punch "$5"
			line="${line%- .}$word ."
			;;
		esac
		echo "$line"
	done) ;;
	esac
}
make_new() { # FILE: nobody else has it open, nor has it led us elsewhere
	{ [ ! -e "$1" ] && [ ! -L "$1" ] || rm -f "$1"; } && (
		set -C
		: >"$1"
	)
}
write_book() { # MARGIN: to the store, whole or not at all, on the disk when it returns; false if it cannot be (cat: busybox's awk and sed see no full disk)
	{ { [ -d "${store%/*}" ] || mkdir -p "${store%/*}"; } && make_new "$store.new" && echo "$book" | awk -v more="$1" -v esn="$esn" '{
		$11 += more; if ($11 > 4294967295) { if (esn) { $11 -= 4294967296; $12 += 1 } else $11 = 4294967295 } $11 = sprintf("%.0f", $11); print
	}' | cat >"$store.new" && sync "$store.new" && mv "$store.new" "$store" && sync "${store%/*}"; } 2>/dev/null
}
turn() { # [step]: each pair goes an epoch on if it may; what both sides are past is forgotten
	case $book in *" secret "*) ;; *) return ;; esac
	book=$(echo "$book" | while read -r one two low kind secret _ epoch _ heard _ out out_high _ in in_high _ token _; do
		other=$one
		[ "$one" != "$name" ] || other=$two
		if [ "$kind" = secret ]; then
			case ${1-} in
			step)
				if [ "$heard" -ge "$epoch" ]; then
					epoch=$((epoch + 1)) out=0 out_high=0
				elif [ "$verb" = rekey ]; then
					case $heard in
					0) say "$other has not been heard yet: the keys stay as they are" ;;
					*) say "$other has not followed yet: it sends with epoch $heard, we with $epoch: run rekey there too" ;;
					esac
				fi
				;;
			esac
			least=$epoch
			[ "$heard" -ge "$epoch" ] || least=$((epoch - 1)) # not above epoch: what is lost of it is put back from here
			while [ "$low" -lt "$least" ]; do
				sha256 next "$secret"
				secret=$word low=$((low + 1))
			done
		fi
		echo "$one $two $low $kind $secret at $epoch heard $heard out $out $out_high in $in $in_high token $token ."
	done)
}
blocks() { # FROM TO SECRET
	joined='' block=0
	while [ ${#joined} -lt $((key_digits + auth_digits + 8)) ]; do
		block=$((block + 1))
		sha256 key "$1" "$2" $block "$3"
		joined=$joined$word
	done
}
derive() { # leaves in rows the SAs that book wants, what is received with first: WAY.PEER EPOCH SPI SEQUENCE HIGH KEY [KEY]
	rows=$(echo "$book" | while read -r one two low kind secret _ epoch _ heard _ out out_high _ in in_high _; do
		other=$one
		[ "$one" != "$name" ] || other=$two
		[ "$kind" = secret ] || {
			sed -n -e "s/^#key $other $name 1 \([^ ]*\)/in.$other 1 \1 $in $in_high/p" -e "s/^#key $name $other 1 \([^ ]*\)/out.$other 1 \1 $out $out_high/p" "$file" 2>/dev/null
			continue
		}
		while [ "$low" -le $((epoch + 1)) ]; do
			[ "$low" != "$heard" ] || set -- "$in" "$in_high"
			[ "$low" = "$heard" ] || set -- 0 0
			blocks "$other" "$name" "$secret"
			echo "in.$other $low $1 $2 $joined"
			[ "$low" != "$epoch" ] || {
				blocks "$name" "$other" "$secret"
				sent=$joined
			}
			low=$((low + 1))
			[ "$low" -gt $((epoch + 1)) ] || {
				sha256 next "$secret"
				secret=$word
			}
		done
		echo "out.$other $epoch $out $out_high $sent"
	done | sed -e "s/^\([^ ]* [^ ]*\) \([^ ]* [^ ]*\) \([0-9a-f]\{$key_digits\}\)\([0-9a-f]\{$auth_digits\}\)\([0-9a-f]\{8\}\)[0-9a-f]*$/\1 0x\5 \2 0x\3 0x\4/" -e 's/ 0x000000\(.. \)/ 0x000001\1/; s/ 0x$//')
	pin
}
find_names() { # leaves in name_1 and on the names that stand for peers in the head, and in auto that it leaves this host's address open
	number=0 at=''
	for word in $peers; do
		number=$((number + 1))
		eval "at=\$there_$number mapped_port_$number=\${port_$number-}"
		case $at in *:*) at='' ;; *[!0-9.]*) ;; *) at='' ;; esac
		eval "name_$number=\$at"
	done
	auto=''
	[ "$here" != auto ] || auto=yes
}
resolve() { # NAME: prints an address of it, of the family of this tunnel; what comes from the net is read without root's rights
	find_program natprobe "${NATPROBE-}" || {
		echo "$trouble" >&2
		return 1
	}
	set -- --resolve "$1"
	case $esp in esp6) set -- -b :: "$@" ;; esac
	while read -r word _ uid _; do [ "$word" != Uid: ] || break; done <"/proc/$$/status"
	[ "$uid" != 0 ] || set -- -u 65534 "$@"
	"$program" "$@"
}
find_places() { # the addresses behind names and auto; what is not there yet is waited for, as at boot it may come
	number=0
	for word in $peers; do
		number=$((number + 1)) host='' told=''
		eval "host=\$name_$number"
		[ -n "$host" ] || continue
		until at=$(resolve "$host" 2>&1); do
			[ "$at" = "$told" ] || say "$at"
			told=$at
			later "the address of $host" 5 || fail 1 "no address of $host in $wait s" # 4 is that of a tunnel that is set up
		done
		eval "there_$number=\$at"
	done
	[ -z "$auto" ] || [ "$here" != auto ] || until
		after src $(ip route get "$there_1" 2>/dev/null)
		[ -n "$word" ] && here=$word
	do
		later "a route to $there_1" 1 || fail 1 "no route to $there_1 in $wait s"
	done
	case $tests in *' auto '*) tests=$(echo "$tests" | sed "s/ auto / $here /") ;; esac
}
later() { # WHAT SECONDS: so much later, false when --wait is over, of which a terminal sees what is left
	[ -z "$dry" ] || fail 1 "not there yet: $1"
	read -r now _ </proc/uptime
	now=${now%%.*} end=${end:-$((${now%%.*} + wait))}
	[ "$awaited" = "$1" ] || {
		awaited=$1
		say "waiting for $1, up to $((end - now)) s"
	}
	next=$((now + $2))
	while [ "$now" -lt "$end" ] && [ "$now" -lt "$next" ]; do
		[ ! -t 2 ] || {
			counting=yes
			printf '\r\033[K%s: waiting for %s, %s s left ' "$name" "$1" $((end - now)) >&2
		}
		sleep 1
		read -r now _ </proc/uptime
		now=${now%%.*}
	done
	[ "$now" -lt "$end" ]
}
recall_rows() { # those that are there, without the keys
	rows=$(cat "$folder/sas" 2>/dev/null)
	pin
}
note_rows() { echo "$rows" | sed 's/^\(\([^ ]* \)\{4\}[^ ]*\).*/\1/' >"$folder/sas"; }
pin() { # leaves in pin_1 and on what a policy says of the SA to send with
	number=0
	for word in $peers; do
		number=$((number + 1)) word=${word%%@*}
		case $rows in *"out.$word "*) spi=${rows##*"out.$word "} spi=${spi#* } spi=" spi ${spi%% *}" ;; *) spi='' ;; esac
		eval "pin_$number=\$spi"
	done
}
tally() { # [NUMBER]: what the kernel has counted, found, goes into book, with so many more sent
	book=$({
		echo "$book"
		echo --
		echo "$rows"
		echo --
		echo "$found"
	} | awk -v name="$name" -v more="${1-0}" -v esn="$esn" '
	$1 == "--" { section++; next }
	!section { book[++pairs] = $0; pair[$1 == name ? $2 : $1] = pairs; next }
	section == 1 { epoch[$1 " " $3] = $2; next }
	$1 == "sa" {
		way = other = $2; sub(/\..*/, "", way); sub(/^[^.]*\./, "", other); n = split(book[pair[other]], word, " "); e = epoch[$2 " " $3]
		if (way == "in" && $4 > 0 && (e > word[9] + 0 || (e == word[9] + 0 && $6 + $7 * 4294967296 > word[14] + word[15] * 4294967296))) {
			word[9] = e; word[14] = $6 + 128; word[15] = $7 # a window further, for the next begins with nothing seen in it
			if (word[14] > 4294967295) { if (esn) { word[14] -= 4294967296; word[15] += 1 } else word[14] = 4294967295 }
		}
		if (way == "out" && e == word[7]) { word[11] = $6 + more; word[12] = $7 }
		line = word[1]; for (i = 2; i <= n; i++) line = line " " word[i]; book[pair[other]] = line
	}
	END { for (i = 1; i <= pairs; i++) print book[i] }')
}
erase() { # from this file the secrets that the store has gone past
	case $book in *" secret "*) ;; *) return ;; esac
	past=$(echo "$book" | awk '
	FILENAME == "-" { if ($4 == "secret") low[$1 " " $2] = $3; next }
	$1 == "#key" && $5 == "secret" && $6 ~ /^0x/ && $4 < low[$2 " " $3] { print "s/^\\(#key " $2 " " $3 " " $4 " secret \\)0x.*/\\1erased/" }' - "$file" 2>/dev/null)
	[ -z "$past" ] || [ ! -f "$file" ] || { target=$(readlink -f "$file") && make_new "$target.new" && cp -p "$target" "$target.new" && sed "$past" "$target" | cat >"$target.new" && sync "$target.new" && mv "$target.new" "$target"; } 2>/dev/null || say "warning: cannot write $file: a secret that is past stays in it"
}
