# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# The store and the section in a script are written completely, and only where others cannot write. Some tests need root or strace.
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/section.bash"
	built section page fast
}
setup() {
	source "$BATS_TEST_DIRNAME/section.bash"
	in_an_own_place
}

# The store of pair.sh in the folder `store`, and what it is called.
name=a.0123456789abcdef0123456789abcdef
# chosen STATE MADE: usable, with nothing to say
chosen() {
	fine page choose pair.sh store
	same "$output" "$1 $2"
}
# not_chosen STATE MESSAGE
not_chosen() {
	gives page choose pair.sh store
	same "$stderr" "page: $2"
	same "$output" "$1 0"
	same "$status" 1
}
# made NUMBER: pair.sh counted so
made() {
	sed "s/^made=[0-9]* /made=$1 /" pair.sh >unsigned
	section sign unsigned >pair.sh
}

@test "the valid section is the one written more often, in store or script; a missing store is lost" {
	chosen absent 1
	fine page write pair.sh store
	same "$(stat -c '%a %U' store)" "700 $(id -un)"
	same "$(stat -c '%a %U' store/*)" "600 $(id -un)"
	same "$(ls -A store)" $name
	chosen good 2
	same "$(sed -n '/^made=/,/^# ---- end/p' pair.sh | sed '1s/=1/=2/; $d')" "$(sed '$d' store/$name)"
	made 2
	chosen good 2
	made 3
	chosen older 3
	fine page write pair.sh store
	chosen good 4
	rm store/$name
	not_chosen lost "pair.sh: the store store/$name is lost (it was written 3 times): restore it, or make new scripts"
	rmdir store
	not_chosen lost "pair.sh: the store store/$name is lost (it was written 3 times): restore it, or make new scripts"
	made 1
	chosen absent 1
}

@test "a torn or foreign store is refused by name, whatever the script has" {
	page write pair.sh store
	cp -r store good
	: >store/$name
	not_chosen torn "store/$name: torn: its first or last line is missing $torn"
	sed 's/heard 0/heard 1/' good/$name >store/$name
	not_chosen torn "store/$name: torn: its sum is wrong $torn"
	made 9
	not_chosen torn "store/$name: torn: its sum is wrong $torn"
	sed 's/^#: b /#:  b /' good/$name >unsigned
	section sign unsigned >store/$name
	not_chosen torn "store/$name:13: invalid peer (expected #: NAME heard N next N SECRET, or fixed)"
	sed 's/check=fe/check=ff/' good/$name >unsigned
	section sign unsigned >store/$name
	not_chosen foreign "store/$name: belongs to another script (expected check=fedcba98765432100123456789abcdef)"
	# one without UDP, too
	section parse hub.sh 0 >store/$name
	not_chosen foreign "store/$name: belongs to another script (expected check=fedcba98765432100123456789abcdef)"
	sed 's/reqid 1132782033/reqid 1132782034/' good/$name >unsigned
	section sign unsigned >store/$name
	not_chosen foreign "store/$name: the section's peer 1 is not the script's (expected b)"
	# nor is a script's own torn section passed over for a good store
	cp good/$name store
	sed -i 's/0x41e5/0x41e6/' pair.sh
	not_chosen 'script torn' "pair.sh: section: torn: its sum is wrong $torn"
}

# not_written MESSAGE: nothing in the store changes, nor anywhere else
not_written() {
	local before after
	before=$(ls -lAR --time-style=full-iso)
	refused "page: $1" page first pair.sh store
	after=$(ls -lAR --time-style=full-iso)
	same "$after" "$before"
}

@test "a store that others can change, or a symbolic link, is neither read nor written" {
	local writable="others can write to it (mode %s; expected 0700, or 0600 for a file)" message
	page write pair.sh store
	for mode in 0770 0702 1777 0720; do
		chmod $mode store
		# shellcheck disable=SC2059 # a format
		message=$(printf "store: $writable" $mode)
		not_chosen unsafe "$message"
		not_written "$message"
	done
	chmod 700 store
	for mode in 0620 0602 0666; do
		chmod $mode store/$name
		# shellcheck disable=SC2059
		not_chosen unsafe "$(printf "store/$name: $writable" $mode)"
	done
	chmod 600 store/$name
	chosen good 2
	mv store elsewhere
	ln -s elsewhere store
	for path in store store/ store/. store//./; do
		gives page choose pair.sh $path
		same "$output" 'unsafe 0'
		refused "page: $path: cannot be made: Not a directory (expected a folder of your own)" page first pair.sh $path
	done
	not_chosen unsafe "store: cannot be opened: Not a directory (expected a folder of your own)"
	rm store
	ln -s nowhere store
	not_written "store: cannot be made: Not a directory (expected a folder of your own)"
	rm store
	mkfifo store
	not_written "store: cannot be made: Not a directory (expected a folder of your own)"
	rm store
	mv elsewhere store
	mv store/$name store/kept
	ln -s kept store/$name
	not_chosen unsafe "store/$name: cannot be opened: Too many levels of symbolic links (expected a regular file)"
	rm store/$name
	mkfifo store/$name
	not_chosen unsafe "store/$name: not a regular file"
	rm store/$name
	mkdir store/$name
	not_chosen unsafe "store/$name: not a regular file"
	refused "page: none/store: cannot be made: No such file or directory (expected a folder of your own)" page first pair.sh none/store
}

@test "a store that belongs to another user is refused, folder or file" {
	[ "$(id -u)" = 0 ] || skip "needs root, to give files away"
	page write pair.sh store
	chown 12345 store/$name
	not_chosen unsafe "store/$name: belongs to user 12345 (expected root, or you)"
	chown 12345:0 store
	chown 0 store/$name
	not_chosen unsafe "store: belongs to user 12345 (expected root, or you)"
	not_written "store: belongs to user 12345 (expected root, or you)"
	# nor is what was another's on the way
	chown 0 store
	: >store/$name.new
	chown 12345 store/$name.new
	not_written "store/$name: cannot be written: File exists"
	# in a sticky place, where somebody else was first
	mkdir -m 1777 sticky
	mkdir sticky/store
	chown 12345 sticky/store
	refused "page: sticky/store: belongs to user 12345 (expected root, or you)" page first pair.sh sticky/store
	same "$(ls -A sticky/store)" ''
	# the control: nobody was
	rmdir sticky/store
	fine page write pair.sh sticky/store
	same "$(stat -c %a:%u sticky/store)" 700:0
}

@test "a temporary file of a killed run is overwritten; anything else of that name is not touched" {
	page write pair.sh store
	echo secret >store/$name.new
	fine page write pair.sh store
	same "$(ls -A store)" $name
	chosen good 3
	mkfifo store/$name.new
	not_written "store/$name: cannot be written: File exists"
	rm store/$name.new
	ln -s "$PWD/outside" store/$name.new
	not_written "store/$name: cannot be written: File exists"
	[ ! -e outside ]
	rm store/$name.new
	mkdir store/$name.new
	not_written "store/$name: cannot be written: File exists"
	rmdir store/$name.new
	: >outside
	ln outside store/$name.new
	not_written "store/$name: cannot be written: File exists"
	same "$(cat outside)" ''
	chosen good 3
}

@test "with a full disk or a file size limit, only the old store remains" {
	page write pair.sh store
	# ulimit counts in blocks of 1024 bytes
	before=$(sha256sum store/*)
	refused "page: store/$name: cannot be written: File too large" bash -c "ulimit -f 1; exec page write pair.sh store"
	same "$(sha256sum store/*)" "$before"
	made 7
	refused "page: pair.sh: cannot be rewritten: File too large" bash -c "ulimit -f 1; exec page rewrite pair.sh"
	same "$(ls -A)" "hub.sh
pair.sh
store
unsigned"
	[ "$(id -u)" = 0 ] || skip "needs root, for a file system of its own"
	mkdir small
	# shellcheck disable=SC2016
	fine unshare --mount sh -c 'set -e
		mount -t tmpfs -o size=16k none small
		mkdir -m 700 small/store
		cp -p store/* small/store/
		cp -p pair.sh small/
		head -c 100000 /dev/zero >small/fill 2>/dev/null && exit 1
		page write pair.sh small/store 2>said && exit 1
		grep -qx "page: small/store/a.*: cannot be written: No space left on device" said
		page rewrite small/pair.sh 2>said && exit 1
		grep -qx "page: small/pair.sh: cannot be rewritten: No space left on device" said
		cmp store/* small/store/*
		cmp pair.sh small/pair.sh
		[ "$(find small -type f | wc -l)" -eq 3 ]'
}

# after CALL FAULT: a run of `fast write` whose system call has the fault, in a copy of good/
after() {
	rm -rf store
	cp -rp good store
	status=0
	strace -qq -o ../trace -e "inject=$1:$2" fast write pair.sh store 2>said || status=$?
}

@test "after any failure or kill during writing, the store is either the old or the complete new one" {
	local call
	strace -o ../trace true || skip "needs strace that may trace"
	page write pair.sh good
	for call in write fsync fchmod rename,renameat,renameat2; do
		after $call error=EIO:when=1
		same "$status" 1
		same "$(cat said)" "fast: store/$name: cannot be written: Input/output error"
		same "$(ls -A store)" $name
		cmp store/$name good/$name
	done
	# the folder's fsync: then the new one is there
	after fsync error=EIO:when=2
	same "$status" 1
	chosen good 3
	after fsync error=EINVAL
	same "$status" 0
	chosen good 3
	for call in write fsync fchmod rename,renameat,renameat2; do
		after $call signal=KILL
		same "$status" 137
		chosen good 2
		page write pair.sh store
		chosen good 3
		same "$(ls -A store)" $name
	done
	after write retval=1:when=1..3 # in pieces
	same "$status" 0
}

@test "only the section of a script is replaced; the rest, owner, mode and links are kept" {
	chmod 750 pair.sh
	[ "$(id -u)" != 0 ] || chown 12345:54321 pair.sh
	before=$(stat -c '%a %u %g' pair.sh)
	mkdir links
	ln -s ../pair.sh links/a.sh
	fine page rewrite links/a.sh
	same "$(stat -c '%a %u %g' pair.sh)" "$before"
	[ -L links/a.sh ]
	same "$(sed '/^made=/,/^# ---- end/d' pair.sh)" "$(sed '/^made=/,/^# ---- end/d' "$BATS_TEST_DIRNAME/section/pair.sh")"
	same "$(sed -n '/^made=/p' pair.sh)" "made=2 # ---- now: written by xfrmpair and xfrmkeep"
	fine page facts pair.sh
	fine page rewrite pair.sh 2
	same "$(page choose pair.sh store 2>/dev/null)" "lost 0"
	same "$(ls -A . links)" ".:
hub.sh
links
pair.sh

links:
a.sh"
	# what is on the way and not ours is not written to
	mkfifo .pair.sh.new
	refused "page: pair.sh: cannot be rewritten: File exists" page rewrite pair.sh
	rm .pair.sh.new
	ln -s outside .pair.sh.new
	refused "page: pair.sh: cannot be rewritten: File exists" page rewrite pair.sh
	[ ! -e outside ]
	rm .pair.sh.new
	echo secret >.pair.sh.new
	fine page rewrite pair.sh
	[ ! -e .pair.sh.new ]
}

@test "a read-only script is not changed, which is reported once" {
	local why="(the script still has past secrets; the store has the current ones)"
	before=$(sha256sum pair.sh)
	chmod 400 pair.sh
	refused "page: pair.sh: cannot be rewritten: Permission denied $why" page rewrite pair.sh 3
	same "$(sha256sum pair.sh)" "$before"
	chmod 600 pair.sh
	[ "$(id -u)" = 0 ] || skip "needs root, for a file system of its own"
	mkdir place
	cp pair.sh place
	# shellcheck disable=SC2016
	refused "page: place/pair.sh: cannot be rewritten: Read-only file system $why" unshare --mount sh -c '
		mount --bind place place && mount -o remount,bind,ro place && exec page rewrite place/pair.sh 2'
}

@test "a script that was replaced, torn or removed meanwhile is not changed" {
	sed 's/check=fe/check=ff/' pair.sh >unsigned
	section sign unsigned >other.sh
	refused "page: other.sh: is now another script (expected check=fedcba98765432100123456789abcdef)" page rewrite pair.sh 1 other.sh
	sed 's/heard 0/heard 1/' pair.sh >torn.sh
	refused "page: torn.sh: torn: its sum is wrong $torn" page rewrite pair.sh 1 torn.sh
	head -n 30 pair.sh >cut.sh
	refused "page: cut.sh: truncated (expected the whole script): copy it again" \
		page rewrite pair.sh 1 cut.sh
	refused "page: none.sh: cannot find it: No such file or directory (expected the script)" page rewrite pair.sh 1 none.sh
	mkfifo fifo.sh
	refused "page: fifo.sh: not a regular file" page rewrite pair.sh 1 fifo.sh
	sed 's/heard 0/heard 1/' "$BATS_TEST_DIRNAME/section/pair.sh" | cmp - torn.sh
	same "$(ls -A)" "cut.sh
fifo.sh
hub.sh
other.sh
pair.sh
torn.sh
unsigned"
}
