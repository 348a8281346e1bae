# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: 2026 The xfrmpair authors
# `make install` and `make uninstall`, the installed programs and completion, and README's commands. No kernel needed.
bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/.." || return 1
	export TO=$BATS_FILE_TMPDIR/to
	# what the caller of the tests has set is not what they expect
	unset BUILD CC CPPFLAGS CFLAGS LDFLAGS STATIC SANITIZE BINDIR MANDIR INSTALL INSTALL_STRIP
	make -s all 3>&-
	# as root with a tight umask may do it
	(umask 077 && make -s install DESTDIR="$TO" PREFIX=/opt/here 3>&-)
	export PREFIX=$TO/opt/here
}
setup() {
	mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here" || return 1
	COMPLETION=$PREFIX/share/bash-completion/completions/xfrmpair
	TOP=$BATS_TEST_DIRNAME/..
	export XFRMPAIR_STATE=$PWD/state XFRMPAIR_RUN=$PWD/run # the machine's own are left alone
	source "$BATS_TEST_DIRNAME/host.bash"
}
teardown() { leave_host; }

@test "install puts programs, manuals, completion, units and examples under PREFIX, readable by everybody" {
	(cd "$PREFIX" && find . ! -type d -printf '%m %P\n') | sort >there
	cat there
	{
		for program in xfrmpair espdecap natprobe; do
			echo "755 bin/$program"
			echo "644 share/bash-completion/completions/$program"
		done
		for page in man1/xfrmpair.1 man5/xfrmpair.conf.5 man8/{xfrmpair-script,espdecap,natprobe,xfrmkeep}.8; do echo "644 share/man/$page"; done
		echo 644 share/zsh/site-functions/_xfrmpair
		echo 644 share/fish/vendor_completions.d/xfrmpair.fish
		echo 755 bin/xfrmkeep
		for file in README.md LICENSE examples/session; do echo "644 share/doc/xfrmpair/$file"; done
		for unit in xfrmpair xfrmpair-espdecap xfrmpair-follow xfrmpair-rekey; do echo "644 lib/systemd/system/$unit@.service"; done
		echo "644 lib/systemd/system/xfrmpair-rekey@.timer"
		for file in rc cron; do echo "644 share/doc/xfrmpair/examples/boot/xfrmpair.$file"; done
		(cd "$TOP" && printf '644 share/doc/xfrmpair/%s\n' examples/*/*) | grep -v /examples/boot/
	} | sort | diff - there
	[ -z "$(find "$TO" -type d ! -perm 755)" ]
	[ "$(find "$TO" ! -type d | wc -l)" -eq "$(wc -l <there)" ]
	cmp "$TOP/helper/natprobe.8" "$PREFIX/share/man/man8/natprobe.8"
}

@test "uninstall removes what install has installed, and nothing else" {
	cp -R "$PREFIX" all
	: >all/share/doc/xfrmpair/mine
	: >all/bin/other
	make -s -C "$TOP" uninstall PREFIX="$PWD/all"
	(cd all && find . ! -type d | sort) >left
	printf '%s\n' ./bin/other ./share/doc/xfrmpair/mine | diff - left
	# of folders its own go too, where nothing of somebody else's is in them
	rm all/share/doc/xfrmpair/mine
	make -s -C "$TOP" uninstall PREFIX="$PWD/all"
	[ -z "$(find all -name '*xfrmpair*' -o -path '*xfrmpair*')" ]
	[ -d all/share/man/man1 ]
}

@test "install suggests PREFIX=\$HOME/.local to a user who cannot write to PREFIX" {
	[ "$(id -u)" -eq 0 ] || skip "needs root: another user"
	cp -Rp "$TOP" copy # with its times, or make would rebuild
	chmod -R a+rX copy . ..
	mkdir closed
	run -2 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups make -s -C copy install PREFIX="$PWD/closed"
	[[ "$stderr" == *"make: $PWD/closed/bin: cannot write there: sudo make install, or make install PREFIX=\$HOME/.local"* ]]
	[ -z "$(ls -A closed)" ]
}

@test "install-strip installs stripped programs; install keeps the symbols" {
	make -s -C "$TOP" install-strip PREFIX="$PWD/all"
	diff <(cd "$PREFIX" && find . ! -type d -printf '%m %P\n' | sort) <(cd all && find . ! -type d -printf '%m %P\n' | sort)
	for program in xfrmpair espdecap natprobe xfrmkeep; do
		[[ "$(file -b "$PREFIX/bin/$program")" == *", not stripped" ]]
		[[ "$(file -b "all/bin/$program")" == *", stripped" ]]
		[[ "$("all/bin/$program" --version)" == "$program "* ]]
		cmp "$TOP/build/$program" "$PREFIX/bin/$program"
	done
}

@test "installed programs run, and the installed example works unchanged" {
	for program in xfrmpair espdecap natprobe xfrmkeep; do
		[[ "$("$PREFIX/bin/$program" --version)" == "$program "* ]]
	done
	"$PREFIX/bin/xfrmpair" -f "$PREFIX/share/doc/xfrmpair/examples/howto/tunnel.conf" -o howto
	[ -f howto/a.sh ]
}

# an ip of a host that has the address it is asked for, and no tunnel; xfrmkeep asks the kernel itself
fake_ip() {
	mkdir -p fake
	cat >fake/ip <<'END'
#!/bin/sh
for last; do :; done
case $* in
"-batch -") cat >/dev/null ;;
*" show "*" to "* | *" show to "*) echo "2: eth0 inet ${last%/*}/24 scope global eth0" ;;
"route get "*) echo "$last via 192.168.1.1 dev eth0 src 192.168.1.4" ;;
esac
END
	chmod +x fake/ip
}

@test "a script in another folder finds espdecap and natprobe in PATH, with xfrmkeep and without" {
	fake_ip
	# addresses of documentation, which no host has: espdecap, when it is found, says so
	"$PREFIX/bin/xfrmpair" -o t 192.0.2.1:4500 198.51.100.7:4500
	alone() { run env XFRMKEEP=/none PATH="$PWD/fake:$1/usr/bin:/bin" sh t/a.sh "${@:2}"; }
	alone '' up --no-punch
	[ "$status" -eq 1 ]
	[[ "$output" == *"
a: no espdecap beside t/a.sh or in PATH
"* ]]
	alone "$PREFIX/bin:" up
	echo "$output"
	[[ "$output" == *"
natprobe: "* ]]
	alone "$PREFIX/bin:" up --no-punch
	echo "$output"
	[[ "$output" == *"
espdecap: "*"
a: espdecap did not start
"* ]]
	rm -rf t run state
	in_a_host
	"$PREFIX/bin/xfrmpair" -o t 192.168.1.4:4500 198.51.100.7:4500
	XFRMKEEP=$PREFIX/bin/xfrmkeep run on_host sh t/a.sh up --no-punch
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "a: no espdecap to run: copy it beside t/a.sh or into \$PATH, and chmod +x it (or is its file system mounted noexec?)" ]
	XFRMKEEP=$PREFIX/bin/xfrmkeep PATH=$PATH:$PREFIX/bin run on_host sh t/a.sh up --wait 1
	echo "$output"
	[ "$status" -eq 4 ]
	[[ "$output" != *"no natprobe"* ]]
	[[ "$output" == *"
espdecap: ready: 192.168.1.4:4500 "* ]]
}

# complete WORD...: what TAB would offer for the last WORD, sorted
complete_words() {
	PATH=$PREFIX/bin:$PATH bash --norc -c '
		. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		spec=$(complete -p "$1") function=${spec##*-F } function=${function%% *}
		"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
		[ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$COMPLETION" "$@" | sort
}

@test "completion offers every option of the manual, and no other" {
	for program in xfrmpair espdecap natprobe; do
		sed -n -E '/^(\.Sh OPTIONS|The options are:)/,/^\.Sh E/s/^\.It Fl (.)/-\1/p' "$TOP"/*/$program.[18] |
			sed 's/ Ns Op .*//; s/ Ar .*//; s/ , / -/' | tr ' ' '\n' | grep -v '^-*$' | sort >manual
		complete_words $program '' | sort -u >offered
		diff manual offered
	done
	[ "$(complete_words xfrmpair --cl)" = --clamp ]
	[ "$(complete_words natprobe -p 4500 --to)" = "--token
--token-fd" ]
}

@test "completion offers the values of an option, or files if the argument is a file" {
	[ "$(complete_words xfrmpair --cipher chacha)" = chacha20poly1305 ]
	"$PREFIX/bin/xfrmpair" --list-ciphers | sed '1d; /^key,/d; s/ .*//' | sort >ciphers
	complete_words xfrmpair --cipher '' | diff ciphers -
	[ "$(complete_words xfrmpair --cipher = aes128g)" = "$(grep ^aes128g ciphers)" ]
	[ "$(complete_words xfrmpair --mode '')" = "transport
tunnel" ]
	[ "$(complete_words xfrmpair --format '')" = "commands
paste
script
wireshark" ]
	[ "$(complete_words xfrmpair --encap espinudp-)" = espinudp-nonike ]
	for word in transport paste espinudp-nonike; do "$PREFIX/bin/xfrmpair" --help | grep -q -e "$word"; done
	mkdir folder
	: >file
	[ "$(complete_words xfrmpair --keys fi)" = file ]
	[ "$(complete_words xfrmpair -o fo)" = folder ]
	[ -z "$(complete_words xfrmpair -o fi)" ]
	[ -z "$(complete_words espdecap -i '')" ]
}

@test "completion of a script offers its verbs and options, and does not execute the script" {
	"$PREFIX/bin/xfrmpair" -o t a=192.168.1.4:4500@85.9.8.7+10.1.0.0/24 b=192.168.2.9:4500@31.1.2.3+10.2.0.0/24
	"$PREFIX/bin/xfrmpair" -o plain 192.0.2.1 198.51.100.7
	for script in t/a.sh plain/a.sh; do
		# the verbs of its comment; --help has the options of up and down
		sed -n 's/^#   sh .*\.sh //p' $script | sed 's/\[-n\] //; s/   .*//; s/ | /\n/g' | sed '1i-n' | sort >verbs
		for verb in up down status rekey follow update-peer; do grep -qx -e "$verb" verbs; done
		complete_words sh $script '' | diff verbs -
		[ "$(complete_words sh $script -n do)" = down ]
		sh $script --help | sed 's/^usage: sh [a-z]*\.sh \[-n\] //; s/ | /\n/g; s/ \[--all\]//' >usage
		grep -o -e '--[a-z-]*' <(grep '^up' usage) | sort >known
		complete_words sh $script -n up '' | diff known -
	done
	[ "$(complete_words sh t/a.sh status '')" = "--json
--watch" ]
	[ -z "$(complete_words sh t/a.sh down '')" ]
	[ -z "$(complete_words sh t/a.sh check '')" ]
	"$PREFIX/bin/xfrmpair" -o guard --guard a=192.168.1.4:4500@85.9.8.7+10.1.0.0/24 b=192.168.2.9:4500@31.1.2.3+10.2.0.0/24
	[ "$(complete_words sh guard/a.sh down '')" = --all ]
	[ "$(complete_words sh guard/a.sh up --a)" = '' ]
	[ "$(complete_words sh t/a.sh up --wait 5 --lo)" = --local ]
	[ -z "$(complete_words sh t/a.sh up --wait '')" ]
	# of files that are no such script only what the shell itself would offer; nothing is run
	printf "touch ran\noptions=' [--all]'\n" >other.sh
	[ -z "$(complete_words sh other.sh '')" ]
	sed 's/^name=/touch ran; name=/' t/a.sh >t/marked.sh
	complete_words sh t/marked.sh '' | grep -qx up
	[ ! -e ran ]
}

@test "the previous completion of sh still works for other commands" {
	[ "$(bash --norc -c '_before() { COMPREPLY=(as before); }; complete -F _before sh; . "$1"; . "$1"
		COMP_WORDS=(sh -) COMP_CWORD=1; complete -p sh >&2; _xfrmpair_script sh - sh; echo "${COMPREPLY[@]}"' bash "$COMPLETION")" = 'as before' ]
}

@test "the completion passes shellcheck" { shellcheck "$TOP/gen/xfrmpair.bash-completion"; }

@test "TAB in a shell completes" {
	{ sleep 1; echo ". $COMPLETION"; sleep 1; printf 'xfrmpair --list-ci\t>out\n'; sleep 2; echo exit; sleep 1; } |
		PATH=$PREFIX/bin:$PATH script -qec 'bash --norc -i' /dev/null >said
	cat said
	grep -q aes256gcm16 out
}

@test "TAB in zsh completes" {
	# shellcheck disable=SC2016 # zsh's
	printf '%s\n' "fpath=($PREFIX/share/zsh/site-functions \$fpath) && autoload -U compinit && compinit -u -D" \
		'xfrmpair() { printf "<%s>" "$@" >>given; echo >>given; }' >start
	mkdir folder
	: >file
	{
		sleep 1
		echo . ./start
		sleep 2
		for line in --list-ci '--mode tra' --format=wir '--cipher chach' '-o fo' '--keys fi' '-f fi'; do
			printf 'xfrmpair %s\t\n' "$line"
			sleep 1
		done
		echo exit
		sleep 1
	} | script -qec 'zsh -f -i' /dev/null >said
	cat said
	diff - given <<'END'
<--list-ciphers>
<--mode><transport>
<--format=wireshark>
<--cipher><chacha20poly1305>
<-o><folder>
<--keys><file>
<-f><file>
END
}

# fish_words LINE: what TAB would offer in fish for its last word, sorted
fish_words() { HOME=$PWD fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$FISH" "$1" | cut -f1 | sort; }

@test "TAB in fish completes" {
	FISH=$PREFIX/share/fish/vendor_completions.d/xfrmpair.fish
	mkdir folder
	: >file
	[ "$(fish_words 'xfrmpair --list-ci')" = --list-ciphers ]
	[ "$(fish_words 'xfrmpair --mode ')" = "transport
tunnel" ]
	[ "$(fish_words 'xfrmpair --format=w')" = --format=wireshark ]
	[ "$(fish_words 'xfrmpair --cipher chach')" = chacha20poly1305 ]
	[ "$(fish_words 'xfrmpair -o f')" = folder/ ]
	[ "$(fish_words 'xfrmpair --keys f')" = "file
folder/" ]
	[ -z "$(fish_words 'xfrmpair f')" ]
	complete_words xfrmpair -- >bash
	[ "$(wc -l <bash)" -ge 27 ]
	fish_words 'xfrmpair --' | sort | diff bash -
}

# the README's first block of commands, as people type them: PERSON COMMAND, a line each
readme_lines() { sed -n 's/^    \(alice\|bob\)\$ /\1 /p' "$TOP/README.md"; }

@test "README's commands work for two people, and their endpoint strings match" {
	readme_lines >lines
	cat lines
	[ "$(wc -l <lines)" -eq 11 ]
	[ "$(sed 's/ .*//' lines | sort | uniq -c | tr -s ' \n' ' ')" = ' 6 alice 5 bob ' ]
	[ "$(sed -n 's/^[a-z]* //; 1,2p' lines)" = 'make && sudo make install
make && sudo make install' ]
	export PATH="$PWD/fake:$PREFIX/bin:$PATH"
	mkdir -p fake
	for side in alice bob; do
		# natprobe has the port of the endpoint string, and two servers
		word=$(sed -n "s/^    \($side=\)/\1/p" "$TOP/README.md")
		printf '#!/bin/sh\n[ $# = 4 ] && case $1$2,$3,$4 in -p%s,stun.*,stun.*) echo %s ;; esac\n' "$(expr "$word" : '[^:]*:\([0-9]*\)@')" "$(expr "$word" : '[a-z]*=\([^#]*\)#')" >fake/natprobe
		chmod +x fake/natprobe
		bash -c "$(sed -n "s/^$side \(.*natprobe\)/\1/p" lines)" >said
		[ "$(sed 's/#.*//' said)" = "${word%#*}" ]
		diff said $side.endpoint
	done
	bash -c "$(sed -n 's/^alice \(.*-o tunnel\)/\1/p' lines)" 2>digits.alice
	mv tunnel/bob.sh . 2>/dev/null && return 1
	bash -c "$(sed -n 's/^bob \(.*-o tunnel\)/\1/p' lines)" 2>digits.bob
	diff <(grep -o 'fingerprint [0-9 ]*' digits.alice) <(grep -o 'fingerprint [0-9 ]*' digits.bob)
	for side in alice bob; do
		grep -qx "$side sudo sh tunnel/$side.sh up" lines
		grep -qx "$side sudo sh tunnel/$side.sh down" lines
	done
	grep -qxF "  $(sed -n 's/^alice ping/ping/p' lines)" tunnel/alice.sh
	diff <(sed -n 's/^#: bob //p' tunnel/alice.sh) <(sed -n 's/^#: alice //p' tunnel/bob.sh)
	grep -q '^#: bob heard 0 next 2 0x' tunnel/alice.sh
	# one person with two machines: the same words without keys
	$(sed -n 's/^`\(xfrmpair -o tunnel alice=[^ ]* bob=[^ `]*\)`.*/\1/p' "$TOP/README.md" | sed 's/-o tunnel/-o both/')
	[ "$(ls both)" = 'alice.sh
bob.sh' ]
}

@test "up prints what README shows" {
	in_a_host
	mkdir fake
	printf '#!/bin/sh\necho 31.1.2.3:10421\n' >fake/natprobe
	printf '#!/bin/sh\necho "espdecap: ready: 192.168.1.4:61525 decapsulates ESP, a keepalive every 20 s to 31.1.2.3:10421" >&2\nsleep 5 >/dev/null 2>&1 &\necho $!\n' >fake/espdecap
	printf '#!/bin/sh\n' >fake/nft
	chmod +x fake/*
	"$PREFIX/bin/xfrmpair" -o tunnel $(sed -n 's/^`xfrmpair -o tunnel \(alice=[^ ]* bob=[^ `]*\)`.*/\1/p' "$TOP/README.md")
	XFRMKEEP=$PREFIX/bin/xfrmkeep PATH=$PWD/fake:$PATH run on_host sh tunnel/alice.sh up
	echo "$output"
	[ "$status" -eq 0 ]
	sed -n '/^    alice\$ .*alice\.sh up$/,/^    bob\$/s/^    //p' "$TOP/README.md" | sed '1d; $d' >shown
	[ "$(wc -l <shown)" -eq 7 ]
	diff shown - <<<"$output"
}

@test "the commands of README's shapes work as typed" {
	PATH=$PREFIX/bin:$PATH
	sed -n '/^## Shapes/,/^## /p' "$TOP/README.md" | grep -o '`xfrmpair [^`]*`' | tr -d '`' >commands
	[ "$(wc -l <commands)" -ge 20 ]
	sides='s/ A/ 192.168.1.4:4500@85.9.8.7/; s/ B/ 192.168.2.9:4500@31.1.2.3/; s/ C/ 192.168.3.4:4500@77.3.4.5/; s/-o t/--force -o t/'
	while read -r line; do
		echo "$line"
		sh -fc "$(sed "$sides" <<<"$line")" >/dev/null
	done <commands
}
